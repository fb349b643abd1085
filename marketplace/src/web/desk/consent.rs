//! The custodian's desk: record a consent, withdraw it, erase what is on record of a person.

use super::{Asked, ROWS, asked, fresh_once, go, id, once, start, title_of};
use crate::{
    error::MarketError,
    market::GiveRequest,
    vault::{Erasure, VaultError},
    web::{
        form::{Faults, Field, Form, Part, Sent, choices},
        page::{ConsentRow, ConsentsPage, Pager},
        show::capital,
        visit::Visit,
    },
};
use axum::{Form as Posted, extract::Path, response::Response};
use contracts::{
    consent::ConsentState,
    id::{ConsentId, DatasetId},
    party::Role,
    vocabulary::Purpose,
};
use std::collections::BTreeMap;

/// A notice or a field of a record, in bytes.
const FIELD_BYTES_MAX: usize = crate::limits::CONSENT_FIELD_BYTES_MAX;

/// The custodian's page.
pub async fn consents(visit: Visit, query: Asked) -> Response {
    visit.answer(draw(&visit, asked(query), form(&visit), erase_form(&visit)))
}

fn draw(visit: &Visit, asked: Sent, form: Form, erase: Form) -> Result<Response, MarketError> {
    let custodian = visit.viewer_as(Role::Custodian)?.party;
    let page = visit.market.rows().consents_of(&custodian, start(&asked, "cursor")?.as_ref(), ROWS)?;
    let mut rows = Vec::new();
    for (id, consent) in &page.items {
        rows.push(ConsentRow::of(id, consent, title_of(&visit.market, &consent.dataset, Some(&custodian))?));
    }
    let next = page.next.as_ref().map(ToString::to_string);
    let done = match asked.get("done") {
        "given" => Some("The consent is in the vault and on the ledger.".to_string()),
        "withdrawn" => {
            Some("The consent is withdrawn. From this moment nothing that rests on it is delivered.".to_string())
        }
        "erased" => Some(erased(&visit.market.erasure(&custodian, asked.get("erasure"))?.0)),
        _ => None,
    };
    let page = ConsentsPage {
        frame: visit.frame("consents"),
        done,
        rows,
        pager: Pager::of("/consents", "cursor", asked.some("cursor").as_deref(), next, "Older consents"),
        form,
        erase,
    };
    Ok(visit.show(&page))
}

/// An erasure, as its custodian tells the person about it.
fn erased(erasure: &Erasure) -> String {
    let records = match erasure.records {
        1 => "1 record".to_string(),
        many => format!("{many} records"),
    };
    format!(
        "Erased: {records}. Receipt {}. {}. What remains: {}.",
        erasure.id,
        capital(&erasure.method),
        erasure.residue
    )
}

fn erase_form(visit: &Visit) -> Form {
    let subject = Field::line("subject", "The person, as you named them").hint("Letter by letter as it was recorded.");
    let sure = [("yes", "I know that nobody can undo this".to_string())];
    let form = Form {
        action: "/consents/erase#faults".into(),
        token: visit.token(),
        submit: "Withdraw all and erase".into(),
        look: "grave",
        parts: vec![Part::plain(vec![subject, Field::checks("sure", "For good", &sure)])],
        ..Form::default()
    };
    form.prefixed("erase")
}

fn form(visit: &Visit) -> Form {
    let methods = [
        ("signature", "Signature".to_string()),
        ("web form", "Web form".into()),
        ("spoken, recorded", "Spoken, recorded".into()),
    ];
    Form {
        action: "/consents#faults".into(),
        token: visit.token(),
        submit: "Sign and record".into(),
        hidden: vec![("once", fresh_once())],
        parts: vec![
            Part::under(
                "In the vault",
                "These never leave the vault. The ledger gets a blinded commitment.",
                vec![
                    Field::line("subject", "The person, as you name them").hint("A number or reference of yours."),
                    Field::select("method", "How it was given", &methods),
                    Field::area("notice", "The notice that the person saw", 4)
                        .hint("Word by word. The ledger keeps its digest."),
                    Field::area("remarks", "Remarks", 2).optional(),
                ],
            ),
            Part::under(
                "On the ledger",
                "",
                vec![
                    Field::line("dataset", "Dataset").hint("Its id, which stands at the end of its page."),
                    Field::number("since", "From version").hint("Blank: the next one.").optional(),
                    Field::checks("purposes", "Purposes", &choices!(Purpose)),
                    Field::date("until", "Until").hint("The consent is over when this day begins."),
                ],
            ),
        ],
        ..Form::default()
    }
}

/// Records a consent.
pub async fn give(visit: Visit, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    visit.answer(take(&visit, Sent(sent)).await)
}

async fn take(visit: &Visit, sent: Sent) -> Result<Response, MarketError> {
    visit.check_form(&sent)?;
    let custodian = visit.viewer_as(Role::Custodian)?.party;
    let mut faults = Faults::default();
    let subject = faults.text(&sent, "subject", "who consented", crate::limits::SUBJECT_BYTES_MAX);
    let notice = faults.text(&sent, "notice", "the notice", FIELD_BYTES_MAX);
    let until = faults.text(&sent, "until", "the day on which it ends", 10);
    let dataset: Option<DatasetId> = faults.parsed(&sent, "dataset", "the dataset's id");
    let purposes: Vec<Purpose> = sent.all("purposes").iter().filter_map(|value| value.parse().ok()).collect();
    if purposes.is_empty() {
        faults.add("purposes", "Choose at least one purpose");
    }
    let since_version = match sent.get("since") {
        "" => None,
        _ => faults.number(&sent, "since", "the version", 1..=u32::MAX),
    };
    let (true, Some(dataset)) = (faults.none(), dataset) else {
        return draw(visit, Sent::default(), form(visit).again(&sent, faults), erase_form(visit));
    };
    let mut record = BTreeMap::from([
        ("method".to_string(), sent.get("method").to_string()),
        ("notice".to_string(), notice.clone()),
    ]);
    record.extend(sent.some("remarks").map(|text| ("remarks".to_string(), text)));
    let request = GiveRequest { dataset, since_version, purposes, notice, until, subject, record };
    match visit.market.give_consent(&custodian, request, Some(&once(&sent)?)).await {
        Ok(_) => Ok(go("/consents?done=given")),
        Err(MarketError::Invalid { field, reason }) => {
            faults.add(&field, capital(&reason));
            draw(visit, Sent::default(), form(visit).again(&sent, faults), erase_form(visit))
        }
        Err(MarketError::NotFound("dataset")) => {
            faults.add("dataset", "There is no such dataset: copy its id from its page");
            draw(visit, Sent::default(), form(visit).again(&sent, faults), erase_form(visit))
        }
        Err(error) => Err(error),
    }
}

/// Withdraws a consent.
pub async fn withdraw(
    visit: Visit,
    Path(consent): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let done = async {
        visit.check_form(&sent)?;
        let custodian = visit.viewer_as(Role::Custodian)?.party;
        let consent: ConsentId = id(&consent, "consent")?;
        visit.market.end_consent(&custodian, &consent, ConsentState::Withdrawn, None).await?;
        Ok(go("/consents?done=withdrawn"))
    };
    visit.answer(done.await)
}

/// Withdraws all consents of a person, then erases what is on record.
pub async fn erase(visit: Visit, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    visit.answer(destroy(&visit, &Sent(sent)).await)
}

async fn destroy(visit: &Visit, sent: &Sent) -> Result<Response, MarketError> {
    visit.check_form(sent)?;
    let custodian = visit.viewer_as(Role::Custodian)?.party;
    let mut faults = Faults::default();
    let subject = faults.text(sent, "subject", "whom it is about", crate::limits::SUBJECT_BYTES_MAX);
    if sent.get("sure") != "yes" {
        faults.add("sure", "Say that you know: what is erased does not come back");
    }
    if faults.none() {
        match visit.market.erase_subject(&custodian, &subject).await {
            Ok((erasure, _)) => return Ok(go(&format!("/consents?done=erased&erasure={}", erasure.id))),
            Err(MarketError::Vault(VaultError::Unknown)) => {
                faults
                    .add("subject", "There is nothing on record of this person: it was named otherwise, or is erased");
            }
            Err(error) => return Err(error),
        }
    }
    draw(visit, Sent::default(), form(visit), erase_form(visit).again(sent, faults))
}
