//! Consents, for custodians.

use super::{
    answer::Answer,
    ask::{Asked, At, id},
    caller::{self, Caller},
    page::{self, PageQuery},
    problem::Problem,
    shape,
    strict::Strict,
};
use crate::{
    error::MarketError,
    market::{GiveRequest, KeepRequest, Market},
};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::Response,
};
use contracts::{consent::ConsentState, id::ConsentId};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A consent, as JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes `GiveRequest` in the API's document")]
pub struct ConsentRequest {
    /// For which dataset.
    #[schema(value_type = shape::Id)]
    dataset: String,
    /// From which version on; the next one, where it is left out.
    since_version: Option<u32>,
    /// What for, as `["research"]`.
    #[schema(value_type = Vec<shape::Purpose>)]
    purposes: Vec<String>,
    /// The notice that the subject saw; the ledger keeps its SHA-256.
    notice: String,
    /// Until which day, as `2027-03-31`: over at its start.
    #[schema(format = Date)]
    until: String,
    /// The subject, as its custodian names it. Never leaves the vault.
    subject: String,
    /// Fields of the record (ISO/IEC TS 27560), 1 to 15; the subject is added. Never leave the vault.
    record: BTreeMap<String, String>,
}

/// Records a consent: the record goes into the vault, its blinded commitment on the ledger. The answer
/// is the subject's receipt and should be handed to the subject.
#[utoipa::path(post, path = "/api/v1/consents", operation_id = "give_consent", tag = "consents", request_body = ConsentRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "record, blinding and the ledger's receipt", body = shape::ConsentReceipt), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn give(
    State(market): State<Market>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<GiveRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once(&headers, digest)?;
    Ok(Answer::created(market.give_consent(&caller.party, body, once.as_ref()).await?))
}

/// A record whose consent its custodian puts on the ledger by itself, as JSON.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes `KeepRequest` in the API's document")]
pub struct RecordRequest {
    /// For which dataset.
    dataset: String,
    /// The subject, as its custodian names it. Never leaves the vault.
    subject: String,
    /// Fields of the record (ISO/IEC TS 27560), 1 to 15; the subject is added. Never leave the vault.
    record: BTreeMap<String, String>,
}

/// Keeps a record in the vault for a custodian that signs by itself. The answer names the consent's id
/// and the root that the caller's `consent.give` must carry as `consent` and `record`.
#[utoipa::path(post, path = "/api/v1/consents/records", tag = "consents", request_body = RecordRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "the record, with its blinding", body = shape::Kept), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn keep(
    State(market): State<Market>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<KeepRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once(&headers, digest)?;
    Ok(Answer::created(json!({ "record": market.keep_record(&caller.party, body, once.as_ref())? })))
}

/// Takes back a record whose consent did not come on the ledger.
#[utoipa::path(delete, path = "/api/v1/consents/{consent}/record", tag = "consents", params(("consent" = String, Path, description = "32 hexadecimal digits")), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "gone", body = shape::Gone), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn discard(
    State(market): State<Market>,
    At(consent): At<String>,
    caller: Caller,
) -> Result<Answer, MarketError> {
    let consent: ConsentId = id("consent", &consent)?;
    market.discard_record(&caller.party, &consent).await?;
    Ok(Answer::ok(json!({})))
}

/// The record of an erasure that the caller asked for, also signed by the market (PASETO v4.public).
#[utoipa::path(get, path = "/api/v1/erasures/{erasure}", tag = "consents", params(("erasure" = String, Path, description = "32 hexadecimal digits")), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "what was erased, in counts and random ids", body = shape::Erased), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn erasure(
    State(market): State<Market>,
    At(erasure): At<String>,
    caller: Caller,
) -> Result<Answer, MarketError> {
    let (erasure, attestation) = market.erasure(&caller.party, &erasure)?;
    Ok(Answer::ok(json!({ "erasure": erasure, "attestation": attestation })))
}

/// Consents that the caller recorded, newest first: as they stand on the ledger, without any person.
#[utoipa::path(get, path = "/api/v1/consents", operation_id = "list_consents", tag = "consents", params(PageQuery), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "a page of consents", body = shape::ConsentPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn list(
    State(market): State<Market>,
    Asked(query): Asked<PageQuery>,
    caller: Caller,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let page = market.rows().consents_of(&caller.party, query.start()?.as_ref(), query.limit()?)?;
    let next = page.next.as_ref().map(ToString::to_string);
    let items: Vec<Value> = page.items.iter().map(|(id, consent)| json!({ "id": id, "consent": consent })).collect();
    Ok(page::list(&items, next, market.tip().height, &uri, &asked))
}

/// The vault's record of a consent: for the custodian that recorded it.
#[utoipa::path(get, path = "/api/v1/consents/{consent}/record", operation_id = "consent_record", tag = "consents", params(("consent" = String, Path, description = "32 hexadecimal digits")), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "the record", body = shape::ConsentRecord), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn record(
    State(market): State<Market>,
    At(consent): At<String>,
    caller: Caller,
) -> Result<Answer, MarketError> {
    let consent: ConsentId = id("consent", &consent)?;
    Ok(Answer::ok(market.consent_record(&caller.party, &consent)?))
}

/// How a consent ended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndRequest {
    /// `withdrawn`, `revoked`, `invalidated`, `objected` or `expired`.
    #[schema(value_type = shape::ConsentState)]
    pub state: ConsentState,
}

/// Ends a consent: the next delivery that rests on it is refused.
#[utoipa::path(post, path = "/api/v1/consents/{consent}/end", operation_id = "end_consent", tag = "consents", params(("consent" = String, Path, description = "32 hexadecimal digits")), request_body = EndRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "ended", body = shape::Done), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn end(
    State(market): State<Market>,
    At(consent): At<String>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<EndRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once(&headers, digest)?;
    let order = market.end_consent(&caller.party, &id("consent", &consent)?, body.state, once.as_ref()).await?;
    Ok(Answer::created(json!({ "order": order })))
}

/// Whom a request of a subject is about. In the body, so that no person stands in a log of links.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectRequest {
    /// The subject, as its custodian names it.
    pub subject: String,
}

/// Everything that the vault has of a subject at the caller: for access and portability.
#[utoipa::path(post, path = "/api/v1/subjects/access", tag = "consents", request_body = SubjectRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "all records of the subject; at most 1,000", body = shape::SubjectRecords), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn access(
    State(market): State<Market>,
    caller: Caller,
    Strict { body, .. }: Strict<SubjectRequest>,
) -> Result<Answer, MarketError> {
    let mut records = Vec::new();
    for consent in market.consents_of_subject(&caller.party, &body.subject)? {
        let state = market.rows().consent(&consent)?;
        records.push(json!({ "record": market.consent_record(&caller.party, &consent)?, "consent": state }));
    }
    Ok(Answer::ok(json!({ "items": records })))
}

/// Ends all consents of a subject at the caller, then erases what the vault has of it. The answer is
/// the erasure's receipt, also signed by the market (PASETO v4.public).
#[utoipa::path(post, path = "/api/v1/subjects/erase", tag = "consents", request_body = SubjectRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "erased", body = shape::Erased), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn erase(
    State(market): State<Market>,
    caller: Caller,
    Strict { body, .. }: Strict<SubjectRequest>,
) -> Result<Answer, MarketError> {
    let (erasure, attestation) = market.erase_subject(&caller.party, &body.subject).await?;
    Ok(Answer::ok(json!({ "erasure": erasure, "attestation": attestation })))
}
