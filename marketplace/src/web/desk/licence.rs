//! Licences: lists, one of them, downloads, the receipt, renewing and ending.

use super::{Asked, ROWS, asked, beside::prose, fresh_once, go, id, name_of, once, start, title_of};
use crate::{
    api::contents,
    error::MarketError,
    rows::AgreementSide,
    web::{
        desk::browse::version_row,
        form::{Field, Form, Part, Sent},
        page::{AgreementRow, AgreementsPage, DeliveryRow, LicencePage, Pager, Prose, Tag, paid, state},
        show::{Id, Moment, days},
        visit::Visit,
    },
};
use axum::{
    Form as Posted,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use contracts::{
    agreement::{Agreement, RevocationReason},
    delivery::decide,
    id::{AgreementId, PartyId, TransactionId, VersionId},
    limits::PERIODS_MAX,
    offer::Price,
    party::Role,
    rejection::Stop,
};

/// Versions on a licence's page.
const VERSIONS: usize = 10;

/// Licences that were bought, or granted.
pub async fn agreements(visit: Visit, query: Asked) -> Response {
    visit.answer(draw_list(&visit, asked(query)))
}

fn draw_list(visit: &Visit, asked: Sent) -> Result<Response, MarketError> {
    let viewer = visit.viewer()?;
    let both = viewer.roles.has(Role::Provider);
    let sold = asked.get("side") == "sold";
    let side = if sold { AgreementSide::Provider(viewer.party) } else { AgreementSide::Buyer(viewer.party) };
    let page = visit.market.rows().agreements(side, start(&asked, "cursor")?.as_ref(), ROWS)?;
    let mut rows = Vec::new();
    for (id, agreement) in &page.items {
        let title = title_of(&visit.market, &agreement.dataset, Some(&viewer.party))?;
        let other = name_of(&visit.market, if sold { &agreement.buyer } else { &agreement.provider })?;
        rows.push(AgreementRow::of(id, agreement, title, other, visit.market.now_ms()));
    }
    let base = if sold { "/agreements?side=sold" } else { "/agreements" };
    let next = page.next.as_ref().map(ToString::to_string);
    let page = AgreementsPage {
        frame: visit.frame("agreements"),
        heading: if sold { "Licences that you granted" } else { "Licences that you hold" },
        both,
        sold,
        rows,
        pager: Pager::of(base, "cursor", asked.some("cursor").as_deref(), next, "Older licences"),
    };
    Ok(visit.show(&page))
}

/// The agreement, if the viewer is a side of it.
///
/// # Errors
/// [`MarketError::NotFound`], also for agreements of others.
pub fn mine(visit: &Visit, agreement: &str) -> Result<(AgreementId, Agreement, PartyId), MarketError> {
    let party = visit.viewer()?.party;
    let id: AgreementId = id(agreement, "licence of yours")?;
    let held = visit.market.rows().agreement(&id)?;
    let held = held.filter(|held| held.buyer == party || held.provider == party);
    Ok((id, held.ok_or(MarketError::NotFound("licence of yours"))?, party))
}

/// A licence.
pub async fn licence(visit: Visit, Path(agreement): Path<String>, query: Asked) -> Response {
    visit.answer(draw(&visit, &agreement, asked(query)).await)
}

async fn draw(visit: &Visit, agreement: &str, asked: Sent) -> Result<Response, MarketError> {
    let (id, held, party) = mine(visit, agreement)?;
    let market = &visit.market;
    let rows = market.rows();
    let frame = visit.frame("licence");
    let below = asked.some("below").and_then(|text| text.parse().ok());
    let versions = market.versions(&held.dataset, below, VERSIONS).await?;
    let older = versions.last().filter(|version| version.number > 1);
    let older = older.map(|version| format!("/agreements/{id}?below={}", version.number));
    let here: Vec<_> = versions.iter().filter(|version| version.held).collect();
    let mut notes: Vec<Tag> = Vec::new();
    let no_download = if party != held.buyer {
        Some("Its holder downloads here.".to_string())
    } else {
        here.first().and_then(|newest| refused(visit, &id, &newest.id, &mut notes))
    };
    let revision = rows.offer_revision(&held.offer, held.revision)?.ok_or(MarketError::NotFound("offer"))?;
    let page = rows.deliveries_of(&id, start(&asked, "cursor")?.as_ref(), ROWS)?;
    let mut deliveries = Vec::new();
    for (delivery_id, delivery) in &page.items {
        let number = rows.version(&delivery.version)?.map_or(0, |version| version.number);
        deliveries.push(DeliveryRow {
            time: Moment::of(delivery.time_ms),
            version: format!("Version {number}"),
            gateway: name_of(market, &delivery.gateway)?,
            id: Id::of(delivery_id),
        });
    }
    let next = page.next.as_ref().map(ToString::to_string);
    let mut version_rows = Vec::new();
    for version in here {
        version_rows.push(version_row(visit, version)?);
    }
    let mut acts = acts(visit, &id, &held, party, &revision.price);
    let justification = match held.justification {
        side @ Some(_) => Some(prose(visit, side, "justification", format!("/agreements/{id}/take-down")).await?),
        None => None,
    };
    if let Some(form) = justification.as_ref().and_then(|prose| prose.form.clone()).filter(|_| party == held.buyer) {
        let text = "Your reason lies beside the ledger. Taken down, it goes at every node and does not come back; the licence stays.";
        acts.push(("Take the justification down".into(), text.into(), form));
    }
    let page = LicencePage {
        id: Id::of(&id),
        dataset: held.dataset,
        title: title_of(market, &held.dataset, Some(&party))?,
        state: state(&held, market.now_ms()),
        fresh: asked.get("bought") == "now",
        notes,
        versions: version_rows,
        older,
        no_download,
        terms: revision.terms.render().lines().map(str::to_string).collect(),
        terms_digest: held.terms.to_string(),
        deliveries,
        pager: Pager::of(
            &format!("/agreements/{id}"),
            "cursor",
            asked.some("cursor").as_deref(),
            next,
            "Older deliveries",
        ),
        facts: facts(&held, justification.as_ref()),
        buyer: (held.buyer, name_of(market, &held.buyer)?),
        provider: (held.provider, name_of(market, &held.provider)?),
        start: Moment::of(held.start_ms),
        end: held.end_ms.map(Moment::of),
        receipt: Some(format!("/agreements/{id}/receipt")),
        explored: frame.explored("agreement", &id),
        acts,
        frame,
    };
    Ok(visit.show(&page))
}

/// Why the newest version may not be downloaded now. Asked of our rows, so the page says what the
/// next download would; the download itself asks the ledger.
fn refused(visit: &Visit, agreement: &AgreementId, version: &VersionId, notes: &mut Vec<Tag>) -> Option<String> {
    match decide(visit.market.rows(), agreement, version, visit.market.now_ms()) {
        Ok(_) => None,
        Err(Stop::Refused(rejection)) => {
            notes.push(("bad", format!("{}.", crate::web::show::capital(&rejection.to_string()))));
            // Other versions may still be had while consents stop this one; only the end stops all.
            (60..80)
                .contains(&rejection.code())
                .then(|| "Nothing can be downloaded under this licence now.".to_string())
        }
        Err(Stop::Fault(fault)) => {
            tracing::error!(?fault, "a licence cannot be judged");
            Some("Whether you may download cannot be told now: try again in some seconds.".into())
        }
    }
}

fn facts(held: &Agreement, justification: Option<&Prose>) -> Vec<(String, String)> {
    let mut facts = vec![("Purpose".to_string(), held.purpose.label().to_string()), ("Paid".into(), paid(held))];
    facts.extend(justification.map(|prose| ("Justification".into(), prose.text.clone())));
    facts
}

fn acts(
    visit: &Visit,
    id: &AgreementId,
    held: &Agreement,
    party: PartyId,
    price: &Price,
) -> Vec<(String, String, Form)> {
    let mut acts = Vec::new();
    let form = |action: &str, submit: &str, look, fields: Vec<Field>| Form {
        action: format!("/agreements/{id}/{action}"),
        token: visit.token(),
        submit: submit.into(),
        look,
        hidden: vec![("once", fresh_once())],
        parts: if fields.is_empty() { Vec::new() } else { vec![Part::plain(fields)] },
        ..Form::default()
    };
    if let Price::Subscription { amount, currency, period_days, periods_max } = price
        && party == held.buyer
        && held.revoked.is_none()
    {
        let text = format!(
            "{} for each {}, at the price of this agreement. Prepaid periods follow the present end.",
            amount.display(*currency),
            days(*period_days)
        );
        let field = Field::number("periods", "How many periods more")
            .hint(&format!("1 to {}", periods_max.min(&PERIODS_MAX)))
            .value("1");
        let ask = Form { asks: true, hidden: Vec::new(), ..form("renew", "See the price", "second", vec![field]) };
        acts.push(("Renew".to_string(), text, ask));
    }
    if visit.market.in_force(held) {
        if party == held.buyer {
            let text = "You may give the licence back before its end. What was paid stays paid.".to_string();
            acts.push(("Give it back".into(), text, form("end", "Give the licence back", "grave", Vec::new())));
        } else {
            let reasons = [
                ("breach", "Breach of the terms".to_string()),
                ("legal", "Legal reasons".into()),
                ("quality", "Faults in the data".into()),
            ];
            let field = Field::select("reason", "Reason", &reasons);
            let text = "Revoking ends the licence at once. What was paid stays paid: whoever refunds does it outside of the market.".to_string();
            acts.push(("Revoke".into(), text, form("end", "Revoke the licence", "grave", vec![field])));
        }
    }
    acts
}

/// Gives a licence back, or revokes it.
pub async fn end(visit: Visit, Path(agreement): Path<String>, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    let sent = Sent(sent);
    let done = async {
        visit.check_form(&sent)?;
        let (id, held, party) = mine(&visit, &agreement)?;
        let reason = match sent.get("reason") {
            _ if party == held.buyer => RevocationReason::ByBuyer,
            "breach" => RevocationReason::Breach,
            "legal" => RevocationReason::Legal,
            "quality" => RevocationReason::Quality,
            _ => return Err(MarketError::invalid("reason", "choose one of the reasons")),
        };
        visit.market.revoke(&party, &id, reason, Some(&once(&sent)?)).await?;
        Ok(go(&format!("/agreements/{id}")))
    };
    visit.answer(done.await)
}

/// The ledger's receipt for the purchase, as a file.
pub async fn receipt(visit: Visit, Path(agreement): Path<String>) -> Response {
    let done = async {
        let (id, ..) = mine(&visit, &agreement)?;
        let committed = visit.market.client().committed(TransactionId(id.0)).await?;
        let committed = committed.ok_or(MarketError::NotFound("receipt"))?;
        Ok(file(
            Body::from(committed.receipt),
            &format!("lonja-{}.receipt", &id.to_string()[..16]),
            "application/octet-stream",
        ))
    };
    visit.answer(done.await)
}

/// Records a delivery on the ledger, and sends the content.
pub async fn download(
    visit: Visit,
    Path(agreement): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    visit.answer(send(&visit, &agreement, Sent(sent)).await)
}

async fn send(visit: &Visit, agreement: &str, sent: Sent) -> Result<Response, MarketError> {
    visit.check_form(&sent)?;
    let (agreement, held, party) = mine(visit, agreement)?;
    let version: VersionId = id(sent.get("version"), "version")?;
    let delivery = visit.market.deliver(&party, &agreement, Some(&version), None).await?;
    // Decided upon and sent like those of any other request.
    let granted = visit.market.open_delivery(&party, &delivery.id).await?;
    let mut response = contents::bytes(&visit.market, &granted, &HeaderMap::new()).await?;
    let identifier = visit.market.rows().dataset(&held.dataset)?.map_or_else(String::new, |dataset| dataset.identifier);
    let name = file_name(&identifier, granted.version.number, &granted.version.content.media_type);
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(&name));
    Ok(response)
}

fn file(body: Body, name: &str, media_type: &str) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    // What a provider calls a media type is its own word; it never decides how a browser acts.
    let kind = HeaderValue::from_str(media_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_DISPOSITION, attachment(name));
    response
}

fn attachment(name: &str) -> HeaderValue {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    disposition.unwrap_or(HeaderValue::from_static("attachment"))
}

/// A name for the file, made of letters that no system minds: identifiers are anything.
fn file_name(identifier: &str, number: u32, media_type: &str) -> String {
    let plain: String = identifier.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    let stem: String = parts.join("-").chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
    let stem = stem.trim_matches('-');
    let ending = match media_type.split(';').next().unwrap_or("").trim() {
        "text/csv" => "csv",
        "application/json" => "json",
        "application/geo+json" => "geojson",
        "application/xml" | "text/xml" => "xml",
        "text/plain" => "txt",
        "application/zip" => "zip",
        "application/pdf" => "pdf",
        _ => "bin",
    };
    format!("{}-v{number}.{ending}", if stem.is_empty() { "dataset" } else { stem })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_harmless() {
        assert_eq!(
            file_name("https://x.org/a b/../etc\"passwd", 2, "text/csv; charset=utf-8"),
            "https-x-org-a-b-etc-passwd-v2.csv"
        );
        assert_eq!(file_name("\r\n", 1, "text/html"), "dataset-v1.bin");
        assert!(file_name(&"x/".repeat(500), 1, "").len() < 80);
    }

    #[test]
    fn a_media_type_cannot_break_the_answer() {
        let response = file(Body::empty(), "a\r\nb", "text/\nhtml");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/octet-stream");
        assert_eq!(response.headers()[header::CONTENT_DISPOSITION], "attachment");
    }
}
