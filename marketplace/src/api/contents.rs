//! Contents: uploads, versions, deliveries, bytes.

use super::{
    answer::Answer,
    ask::{Asked, At, id},
    caller::{self, Caller},
    problem::Problem,
    shape,
    strict::Strict,
};
use crate::{
    delivery::Granted,
    error::MarketError,
    limits::{DOWNLOADS_RUNNING_MAX, TRANSFER_TIME_MAX},
    market::Market,
    objects::{ObjectsError, Stored, next_piece},
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::{
    action::Action,
    id::{AgreementId, Blake3, ConsentId, DatasetId, VersionId},
    party::Role,
    version::{AddVersion, Content},
};
use data_encoding::BASE64;
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{ops::Range, sync::Arc};
use tokio::sync::Semaphore;
use utoipa::{IntoParams, ToSchema};

/// Takes a content in. The body is the bytes themselves, of any length up to the market's limit. The
/// answer names them by digest; `POST /api/v1/datasets/{dataset}/versions` anchors them. What no version on
/// the ledger names is removed after 7 days, unless an order under way names it.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "contents", request_body(content = Vec<u8>, content_type = "application/octet-stream"), security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "stored", body = shape::Stored), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn upload(State(market): State<Market>, caller: Caller, body: Body) -> Result<Answer, MarketError> {
    market.require(&caller.party, Role::Provider)?;
    let taking = take_in(&market, body);
    let stored = tokio::time::timeout(TRANSFER_TIME_MAX, taking).await;
    Ok(Answer::created(stored.map_err(|_| MarketError::Busy("the upload took longer than a day"))??))
}

/// Streams a body into the store of contents; also used by the pages' forms.
///
/// # Errors
/// [`ObjectsError`]; nothing of a body that broke off stays.
pub async fn take_in(market: &Market, body: Body) -> Result<Stored, MarketError> {
    let mut upload = market.objects().begin().await?;
    let (mut pieces, limits) = (body.into_data_stream(), market.objects().limits());
    while let Some(piece) = next_piece(&mut pieces, &limits).await? {
        upload.write(&piece).await?;
    }
    market.finish_upload(upload).await
}

/// Anchors a content as the next version of a dataset.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionRequest {
    /// BLAKE3 of a content that was uploaded.
    #[schema(value_type = shape::Id)]
    pub blake3: Blake3,
    /// Its SHA-256.
    #[schema(value_type = shape::Id)]
    pub sha256: contracts::id::Digest,
    /// Its length, as a string.
    #[schema(value_type = shape::Number)]
    pub bytes: String,
    /// What it is, as `text/csv`.
    pub media_type: String,
    /// The number that it gets; the next one, where it is left out.
    #[serde(default)]
    pub number: Option<u32>,
    /// Versions that it was made from.
    #[serde(default)]
    #[schema(value_type = Vec<shape::Id>)]
    pub parents: Vec<VersionId>,
    /// Consents whose subjects' data it leaves out.
    #[serde(default)]
    #[schema(value_type = Vec<shape::ShortId>)]
    pub excludes: Vec<ConsentId>,
}

/// Anchors a content with the caller's managed key.
#[utoipa::path(post, path = "/api/v1/datasets/{dataset}/versions", tag = "contents", params(("dataset" = String, Path, description = "64 hexadecimal digits")), request_body = VersionRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "anchored", body = shape::Anchored), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn add_version(
    State(market): State<Market>,
    At(dataset): At<String>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<VersionRequest>,
) -> Result<Answer, Problem> {
    let once = caller::once(&headers, digest)?;
    let dataset: DatasetId = id("dataset", &dataset)?;
    if headers.contains_key(header::IF_MATCH) {
        let view = market.dataset(&dataset, Some(&caller.party)).await?.ok_or(MarketError::NotFound("dataset"))?;
        Answer::ok(view).must_match(&headers)?;
    }
    let bytes = body.bytes.parse().map_err(|_| MarketError::invalid("bytes", "a whole number in a string"))?;
    // It stays from here on until the order names it.
    let _stays = market.objects().claim(&body.blake3).map_err(MarketError::from)?;
    if !market.objects().has(&body.blake3).await.map_err(MarketError::from)? {
        return Err(MarketError::from(ObjectsError::Unknown(body.blake3)).into());
    }
    let content = Content { blake3: body.blake3, sha256: body.sha256, bytes, media_type: body.media_type };
    let (mut parents, mut excludes) = (body.parents, body.excludes);
    parents.sort_unstable();
    excludes.sort_unstable();
    let order =
        market.add_version(&caller.party, dataset, body.number, content, parents, excludes, once.as_ref()).await?;
    Ok(Answer::created(order))
}

impl Market {
    /// Anchors a content that is stored here as the next version of `dataset`.
    ///
    /// # Errors
    /// As [`Market::act`].
    #[expect(clippy::too_many_arguments, reason = "the fields of the action, and who does it")]
    pub async fn add_version(
        &self,
        publisher: &contracts::id::PartyId,
        dataset: DatasetId,
        number: Option<u32>,
        content: Content,
        parents: Vec<VersionId>,
        excludes: Vec<ConsentId>,
        once: Option<&crate::orders::Once>,
    ) -> Result<Value, MarketError> {
        let order = self
            .act_with(publisher, once, || async {
                let known = self.rows().dataset(&dataset)?.ok_or(MarketError::NotFound("dataset"))?;
                let number = number.unwrap_or(known.versions.saturating_add(1));
                Ok((Action::AddVersion(AddVersion { dataset, number, content, parents, excludes }), None))
            })
            .await?;
        let newest = self.rows().dataset(&dataset)?.and_then(|known| known.newest(&dataset));
        Ok(json!({ "order": order, "newest": newest }))
    }
}

/// Asks for a delivery.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliveryRequest {
    /// Under which agreement.
    #[schema(value_type = shape::Id)]
    pub agreement: AgreementId,
    /// What; the newest version, where it is left out.
    #[serde(default)]
    #[schema(value_type = Option<shape::Id>)]
    pub version: Option<VersionId>,
}

/// Records a delivery on the ledger and gives its id, which can be used for a short time. Whether it
/// is allowed is decided here and again at every request for bytes.
#[utoipa::path(post, path = "/api/v1/deliveries", tag = "contents", request_body = DeliveryRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "recorded", body = shape::Delivered), (status = "default", description = "a problem; a refusal by the rules names its transaction", body = Problem, content_type = "application/problem+json")))]
pub async fn deliver(
    State(market): State<Market>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<DeliveryRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once(&headers, digest)?;
    let delivery = market.deliver(&caller.party, &body.agreement, body.version.as_ref(), once.as_ref()).await?;
    let version = market.rows().version(&delivery.version)?.ok_or(MarketError::NotFound("version"))?;
    let path = format!("/api/v1/deliveries/{}", delivery.id);
    let links = json!({ "content": format!("{path}/content"), "slice": format!("{path}/slice") });
    Ok(Answer::created(json!({ "delivery": delivery, "content": version.content, "links": links })))
}

/// The bytes of a delivery: all of them, or one range (`Range: bytes=...`). Each byte was checked
/// against the content's BLAKE3 root when it was read; `Repr-Digest` is the SHA-256 of the whole and
/// stands on the ledger.
#[utoipa::path(get, path = "/api/v1/deliveries/{delivery}/content", tag = "contents", params(("delivery" = String, Path, description = "64 hexadecimal digits")), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "all bytes"), (status = 206, description = "a range"), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn content(
    State(market): State<Market>,
    At(delivery): At<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, MarketError> {
    let granted = market.open_delivery(&caller.party, &id("delivery", &delivery)?).await?;
    bytes(&market, &granted, &headers).await
}

/// The response with a content's bytes; also used by the pages.
///
/// # Errors
/// [`ObjectsError`].
pub async fn bytes(market: &Market, granted: &Granted, headers: &HeaderMap) -> Result<Response, MarketError> {
    let permit = downloads().try_acquire_owned().map_err(|_| ObjectsError::Busy)?;
    let content = &granted.version.content;
    let range = range(headers, content.bytes)?;
    let part = range.clone().unwrap_or(0..content.bytes);
    let pieces = market.objects().stream(&content.blake3, part.clone()).await?;
    // The permit goes when the last byte has gone, or the reader.
    let pieces = pieces.map(move |piece: Result<Bytes, ObjectsError>| {
        let _until_the_end = &permit;
        piece
    });
    let mut response = Body::from_stream(pieces).into_response();
    let named = |text: String| {
        HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
    };
    let digest = format!("sha-256=:{}:", BASE64.encode(&content.sha256.0));
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, named(content.media_type.clone()));
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(part.end - part.start));
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.insert("repr-digest", named(digest.clone()));
    answer.insert("x-blake3", named(content.blake3.to_string()));
    // Never shown in the market's own origin, whatever a provider says that it is.
    let name =
        format!("attachment; filename=\"{}-v{}\"", &granted.version.dataset.to_string()[..12], granted.version.number);
    answer.insert(header::CONTENT_DISPOSITION, named(name));
    match range {
        Some(range) => {
            answer.insert(
                header::CONTENT_RANGE,
                named(format!("bytes {}-{}/{}", range.start, range.end - 1, content.bytes)),
            );
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        None => {
            answer.insert("content-digest", named(digest));
        }
    }
    Ok(response)
}

fn downloads() -> Arc<Semaphore> {
    static DOWNLOADS: std::sync::OnceLock<Arc<Semaphore>> = std::sync::OnceLock::new();
    DOWNLOADS.get_or_init(|| Arc::new(Semaphore::new(DOWNLOADS_RUNNING_MAX))).clone()
}

/// One range of bytes (RFC 9110, 14.1.2). Several ranges, other units and what cannot be read are
/// ignored, as the RFC allows: the whole content is sent then.
fn range(headers: &HeaderMap, total: u64) -> Result<Option<Range<u64>>, MarketError> {
    let Some(text) = headers.get(header::RANGE).and_then(|value| value.to_str().ok()) else { return Ok(None) };
    let Some((first, last)) =
        text.strip_prefix("bytes=").filter(|text| !text.contains(',')).and_then(|text| text.split_once('-'))
    else {
        return Ok(None);
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(total),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..total,
        (Err(_), Ok(count)) if first.trim().is_empty() => total.saturating_sub(count)..total,
        _ => return Ok(None),
    };
    if range.start >= range.end {
        return Err(ObjectsError::Range { most: total, bytes: total }.into());
    }
    Ok(Some(range))
}

/// Which slice.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SliceQuery {
    /// Where it starts, in bytes.
    start: u64,
    /// How many bytes, at most 8 MiB.
    length: u64,
}

/// A slice of a delivery in Bao encoding (groups of 16 KiB, no length in front): its reader checks it
/// against the BLAKE3 root on the ledger without having the rest.
#[utoipa::path(get, path = "/api/v1/deliveries/{delivery}/slice", tag = "contents", params(("delivery" = String, Path, description = "64 hexadecimal digits"), SliceQuery), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "the encoded slice; `X-Total-Bytes` is the length of the content", content_type = "application/vnd.lonja.bao-slice"), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn slice(
    State(market): State<Market>,
    At(delivery): At<String>,
    Asked(query): Asked<SliceQuery>,
    caller: Caller,
) -> Result<Response, MarketError> {
    let granted = market.open_delivery(&caller.party, &id("delivery", &delivery)?).await?;
    let _permit = downloads().try_acquire_owned().map_err(|_| ObjectsError::Busy)?;
    let content = &granted.version.content;
    let slice = market.objects().slice(&content.blake3, query.start, query.length).await?;
    let digest = format!("sha-256=:{}:", BASE64.encode(&contracts::id::Digest::of(&[&slice.encoded]).0));
    let mut response = slice.encoded.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.lonja.bao-slice"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-total-bytes", HeaderValue::from(slice.total));
    let digest = HeaderValue::from_str(&digest).expect("base 64 is a header value");
    headers.insert("content-digest", digest);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let check = |text: &str, expected: Option<Option<Range<u64>>>| {
            let headers: HeaderMap = [(header::RANGE, HeaderValue::from_str(text).unwrap())].into_iter().collect();
            assert_eq!(range(&headers, 100).ok(), expected, "{text}");
        };
        check("bytes=0-9", Some(Some(0..10)));
        check("bytes=90-", Some(Some(90..100)));
        check("bytes=-10", Some(Some(90..100)));
        check("bytes=50-500", Some(Some(50..100)));
        check("bytes=-500", Some(Some(0..100)));
        check("bytes=100-", None);
        check("bytes=-0", None);
        for ignored in ["bytes=9-0", "bytes=0-1,5-6", "rows=1-2", "bytes=a-b", "bytes=-"] {
            check(ignored, Some(None));
        }
        assert_eq!(range(&HeaderMap::new(), 100).unwrap(), None);
    }
}
