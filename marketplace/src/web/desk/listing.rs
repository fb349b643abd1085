//! One of my listings: its versions, offers, legal bases and standing.

use super::{Asked, ROWS, asked, fresh_once, go, id, once, provide::own, start};
use crate::{
    error::MarketError,
    limits::TRANSFER_TIME_MAX,
    objects::Stored,
    rows::OfferRow,
    web::{
        desk::{
            beside,
            browse::{grounds, version_row},
            entry::country,
        },
        form::{Faults, Field, Form, Part, Sent, choices},
        jacket::gap_name,
        multipart::Multipart,
        page::{ListingPage, OfferCard, Pager, basis_label},
        show::{Id, capital, several},
        visit::Visit,
    },
};
use axum::{
    Form as Posted,
    body::Body,
    extract::Path,
    http::{HeaderMap, header},
    response::Response,
};
use contracts::{
    action::Action,
    basis::{BasisKind, StateBasis},
    consent::ConsentState,
    dataset::{Dataset, List, Listing, ListingReason},
    id::{ConsentId, DatasetId, OfferId, PartyId, VersionId},
    jacket::Jacket,
    limits::EXCLUDES_MAX,
    offer::WithdrawOffer,
    version::{AddVersion, Content},
    vocabulary::{Purpose, Spectrum},
};

const BASES: [(BasisKind, &str); 5] = [
    (BasisKind::Contract, "contract"),
    (BasisKind::LegalObligation, "legal-obligation"),
    (BasisKind::VitalInterests, "vital-interests"),
    (BasisKind::PublicTask, "public-task"),
    (BasisKind::LegitimateInterests, "legitimate-interests"),
];

const REASONS: [(ListingReason, &str, &str); 4] = [
    (ListingReason::Ready, "ready", "Ready to be found"),
    (ListingReason::Quality, "quality", "Faults in the data"),
    (ListingReason::Legal, "legal", "Law, a court or a person asks for it"),
    (ListingReason::Ended, "ended", "No longer kept"),
];

/// Which form came back with faults.
#[derive(Default)]
enum Wrong {
    #[default]
    None,
    Upload(Sent, Faults),
    Basis(Sent, Faults),
}

/// The page.
pub async fn listing(visit: Visit, Path(dataset): Path<String>, query: Asked) -> Response {
    visit.answer(draw(&visit, &dataset, asked(query), Wrong::None).await)
}

async fn draw(visit: &Visit, dataset: &str, asked: Sent, wrong: Wrong) -> Result<Response, MarketError> {
    let (id, known, jacket) = own(visit, dataset)?;
    let mut versions = Vec::new();
    let below = asked.some("below");
    let numbers = below.as_deref().and_then(|text| text.parse().ok());
    for version in &visit.market.versions(&id, numbers, ROWS).await? {
        versions.push(version_row(visit, version)?);
    }
    let older = versions.last().filter(|last| last.number > 1).map(|last| last.number.to_string());
    let offers = visit.market.rows().offers_of(&id, start(&asked, "offers")?.as_ref(), ROWS)?;
    let (base, from) = (format!("/provide/{id}"), asked.some("offers"));
    let further = offers.next.as_ref().map(ToString::to_string);
    let closed = known.classification.spectrum.value() == Some(&Spectrum::Closed);
    let gaps = if closed { Vec::new() } else { known.classification.gaps() };
    let done = match asked.get("done") {
        "published" => Some("The listing is on the ledger and in the catalogue."),
        "revised" => Some("The revision is on the ledger."),
        "uploaded" => Some("The version is on the ledger. Compare its digest with that of your file."),
        "offered" => Some("The offer is open."),
        "withdrawn" => Some("The offer is closed for new purchases. Licences keep running."),
        "basis" => Some("The legal basis is on the ledger and shown to buyers."),
        "standing" => Some("The standing is changed."),
        "taken-down" => Some("Taken down. Every node deletes it; its commitment stays on the ledger."),
        _ => None,
    };
    let (mut upload, mut basis) = (upload_form(visit, &id, &known), basis_form(visit, &id));
    let basis_open = matches!(wrong, Wrong::Basis(..));
    match wrong {
        Wrong::None => {}
        Wrong::Upload(sent, faults) => upload = upload.again(&sent, faults),
        Wrong::Basis(sent, faults) => basis = basis.again(&sent, faults),
    }
    // Of older revisions only the history tells, which is long where much is sold.
    let is_described = known.revision > 1 || beside::is_there(visit, known.side.as_ref())?;
    let take_down = is_described.then(|| beside::form(visit, format!("/provide/{id}/take-down")));
    let page = ListingPage {
        frame: visit.frame("listing"),
        id: Id::of(&id),
        done: done.map(str::to_string),
        gaps: gaps.into_iter().map(gap_name).collect(),
        closed,
        versions,
        older: Pager::of(&base, "below", below.as_deref(), older, "Older versions").at("versions"),
        upload,
        offers: offers.items.iter().map(|row| card(visit, row)).collect(),
        more_offers: Pager::of(&base, "offers", from.as_deref(), further, "Older offers").at("offers"),
        facts: facts(&known, &jacket),
        take_down,
        grounds: grounds(visit, &id, known.versions)?,
        basis,
        basis_open,
        standing: standing_text(known.listing).into(),
        standings: standing_forms(visit, &id, known.listing),
        title: jacket.title,
    };
    Ok(visit.show(&page))
}

fn facts(known: &Dataset, jacket: &Jacket) -> Vec<(String, String)> {
    vec![
        ("Catalogue".to_string(), known.catalogue.clone()),
        ("Identifier".into(), known.identifier.clone()),
        ("Revision".into(), known.revision.to_string()),
        ("Variables".into(), jacket.variables.len().to_string()),
        ("Formats".into(), if jacket.formats.is_empty() { "not stated".into() } else { jacket.formats.join(", ") }),
    ]
}

fn card(visit: &Visit, row: &OfferRow) -> OfferCard {
    let mut card = OfferCard::of(&row.id, row.offer.revision, &row.revision);
    card.form = (!row.offer.withdrawn).then(|| Form {
        action: format!("/provide/offers/{}/withdraw", row.id),
        token: visit.token(),
        submit: "Withdraw this offer".into(),
        look: "grave",
        ..Form::default()
    });
    card
}

fn upload_form(visit: &Visit, id: &DatasetId, known: &Dataset) -> Form {
    let next = known.versions.saturating_add(1);
    let excludes = [("yes", "This version leaves out everybody who has withdrawn consent".to_string())];
    Form {
        action: format!("/provide/{id}/upload#faults"),
        token: visit.token(),
        submit: format!("Upload and sign version {next}"),
        hidden: vec![("once", fresh_once())],
        multipart: true,
        // The file comes last, so that everything else is known before its bytes arrive.
        parts: vec![Part::under(
            &format!("Upload version {next}"),
            "The market hashes the file as it arrives; you sign the digests.",
            vec![
                Field::area("parents", "Made from these versions", 2)
                    .hint("Version ids, one a line. Those of others need a licence that lets data on.")
                    .optional(),
                Field::checks("excludes", "Withdrawn consents", &excludes).optional(),
                Field::line("media_type", "Media type")
                    .hint("Such as text/csv. Blank: what your browser says.")
                    .optional(),
                Field::file("file", "File"),
            ],
        )],
        ..Form::default()
    }
    .prefixed("u")
}

fn basis_form(visit: &Visit, id: &DatasetId) -> Form {
    let kinds: Vec<(&str, String)> = BASES.iter().map(|(kind, word)| (*word, basis_label(*kind).to_string())).collect();
    let party = visit.party().map(|party| party.to_string()).unwrap_or_default();
    Form {
        action: format!("/provide/{id}/basis#faults"),
        token: visit.token(),
        submit: "Sign the legal basis".into(),
        look: "second",
        parts: vec![Part::plain(vec![
            Field::select("purpose", "For which purpose", &choices!(Purpose)),
            Field::select("kind", "Kind", &kinds),
            Field::line("jurisdiction", "Country whose law it is").hint("Two letters, such as ES."),
            Field::line("reference", "Provision, contract or decision")
                .hint("As lawyers cite it. Free text alone is not enough."),
            Field::line("controller", "Controller")
                .hint("The party id of who answers for the processing.")
                .value(&party),
            Field::area("controls", "Protocols and controls in place", 3).hint("One a line, at least one."),
            Field::checks("ended", "End it", &[("yes", "It is no longer relied on".to_string())]).optional(),
        ])],
        ..Form::default()
    }
    .prefixed("b")
}

fn standing_text(listing: Listing) -> &'static str {
    match listing {
        Listing::Listed => "Listed: in the catalogue, and traded where there is an offer.",
        Listing::Suspended => "Suspended: in the catalogue, not traded and not delivered for now.",
        Listing::Withdrawn => "Withdrawn for good. Licences in force keep running.",
    }
}

fn standing_forms(visit: &Visit, id: &DatasetId, listing: Listing) -> Vec<Form> {
    let to: &[(&str, &str, &'static str)] = match listing {
        Listing::Listed => &[("suspended", "Suspend", "second"), ("withdrawn", "Withdraw for good", "grave")],
        Listing::Suspended => &[("listed", "List again", "second"), ("withdrawn", "Withdraw for good", "grave")],
        Listing::Withdrawn => &[],
    };
    let reasons: Vec<(&str, String)> = REASONS.iter().map(|(_, word, label)| (*word, label.to_string())).collect();
    let form = |(word, submit, look): &(&str, &str, &'static str)| {
        let fitting = if *word == "listed" { &reasons[..1] } else { &reasons[1..] };
        Form {
            action: format!("/provide/{id}/standing"),
            token: visit.token(),
            submit: submit.to_string(),
            look,
            hidden: vec![("to", word.to_string())],
            parts: vec![Part::plain(vec![Field::select("reason", "Reason", fitting)])],
            ..Form::default()
        }
        .prefixed(word)
    };
    to.iter().map(form).collect()
}

/// Suspends, relists or withdraws.
pub async fn standing(
    visit: Visit,
    Path(dataset): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let done = async {
        visit.check_form(&sent)?;
        let (dataset, known, _) = own(&visit, &dataset)?;
        let listing = match sent.get("to") {
            "listed" => Listing::Listed,
            "suspended" => Listing::Suspended,
            "withdrawn" => Listing::Withdrawn,
            _ => return Err(MarketError::invalid("to", "open the page of the listing again")),
        };
        let reason = REASONS.into_iter().find(|(_, word, _)| *word == sent.get("reason")).map(|(reason, ..)| reason);
        let reason = reason.ok_or_else(|| MarketError::invalid("reason", "choose one of the reasons"))?;
        visit.market.act(&known.publisher, Action::List(List { dataset, listing, reason }), None, None).await?;
        Ok(go(&format!("/provide/{dataset}?done=standing")))
    };
    visit.answer(done.await)
}

/// Withdraws an offer.
pub async fn withdraw(
    visit: Visit,
    Path(offer): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let done = async {
        visit.check_form(&sent)?;
        let offer: OfferId = id(&offer, "offer")?;
        let row = visit.market.rows().offer(&offer)?.ok_or(MarketError::NotFound("offer"))?;
        let (dataset, known, _) = own(&visit, &row.offer.dataset.to_string())?;
        visit.market.act(&known.publisher, Action::WithdrawOffer(WithdrawOffer { offer }), None, None).await?;
        Ok(go(&format!("/provide/{dataset}?done=withdrawn")))
    };
    visit.answer(done.await)
}

/// States a legal basis, or ends it.
pub async fn basis(visit: Visit, Path(dataset): Path<String>, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    visit.answer(take_basis(&visit, &dataset, Sent(sent)).await)
}

async fn take_basis(visit: &Visit, dataset: &str, sent: Sent) -> Result<Response, MarketError> {
    visit.check_form(&sent)?;
    let (id, known, _) = own(visit, dataset)?;
    let mut faults = Faults::default();
    let purpose: Option<Purpose> = faults.choice(&sent, "purpose", "a purpose");
    let kind = BASES.iter().find(|(_, word)| *word == sent.get("kind")).map(|(kind, _)| *kind);
    let jurisdiction = country(&mut faults, &sent, "jurisdiction");
    let controller: Option<PartyId> = faults.parsed(&sent, "controller", "the controller's party id");
    let controls: Vec<String> =
        sent.get("controls").lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_string).collect();
    let (Some(purpose), Some(kind), Some(jurisdiction), Some(controller)) = (purpose, kind, jurisdiction, controller)
    else {
        return draw(visit, dataset, Sent::default(), Wrong::Basis(sent, faults)).await;
    };
    let reference = sent.get("reference").to_string();
    let ended = sent.get("ended") == "yes";
    let action = Action::StateBasis(StateBasis {
        dataset: id,
        purpose,
        kind,
        jurisdiction,
        reference,
        controller,
        controls,
        ended,
    });
    if let Err(malformed) = action.check() {
        faults.add(malformed.field, capital(&malformed.reason));
        return draw(visit, dataset, Sent::default(), Wrong::Basis(sent, faults)).await;
    }
    visit.market.act(&known.publisher, action, None, None).await?;
    Ok(go(&format!("/provide/{id}?done=basis")))
}

/// Takes a file in and anchors it as the next version.
pub async fn upload(visit: Visit, Path(dataset): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let taking = tokio::time::timeout(TRANSFER_TIME_MAX, take_upload(&visit, &dataset, &headers, body));
    let taken = taking.await.unwrap_or(Err(MarketError::Busy("the upload took longer than a day")));
    visit.answer(taken)
}

async fn take_upload(visit: &Visit, dataset: &str, headers: &HeaderMap, body: Body) -> Result<Response, MarketError> {
    let (id, known, _) = own(visit, dataset)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let mut form = Multipart::new(kind, body, visit.market.objects().limits())?;
    let mut sent = Sent::default();
    let mut file: Option<(Stored, String)> = None;
    let mut checked = false;
    while let Some(head) = form.next().await? {
        if head.name == "file" {
            // Nothing is written to the disk before the form is known to be ours.
            visit.check_form(&sent)?;
            checked = true;
            file = take_file(visit, &mut form, head.media_type).await?;
        } else {
            let text = form.text().await?;
            sent.0.push((head.name, text));
        }
    }
    if !checked {
        visit.check_form(&sent)?;
    }
    let mut faults = Faults::default();
    let parents: Option<Vec<VersionId>> =
        faults.take("parents", sent.list("parents").iter().map(|text| text.parse()).collect::<Result<_, _>>());
    let excludes = if sent.get("excludes") == "yes" { ended_consents(visit, &id, &mut faults)? } else { Vec::new() };
    if file.is_none() {
        faults.add("file", "Choose a file");
    }
    let (true, Some((stored, said)), Some(mut parents)) = (faults.none(), file, parents) else {
        return draw(visit, dataset, Sent::default(), Wrong::Upload(sent, faults)).await;
    };
    parents.sort_unstable();
    parents.dedup();
    let media_type = sent.some("media_type").unwrap_or(said);
    let content = Content { blake3: stored.blake3, sha256: stored.sha256, bytes: stored.bytes, media_type };
    let number = known.versions.saturating_add(1);
    let action = Action::AddVersion(AddVersion { dataset: id, number, content, parents, excludes });
    if let Err(malformed) = action.check() {
        faults.add(malformed.field.trim_start_matches("content."), capital(&malformed.reason));
        return draw(visit, dataset, Sent::default(), Wrong::Upload(sent, faults)).await;
    }
    let once = once(&sent)?;
    visit.market.act(&known.publisher, action, None, Some(&once)).await?;
    Ok(go(&format!("/provide/{id}?done=uploaded")))
}

/// A file that was chosen; `None` where the field was left blank.
async fn take_file(
    visit: &Visit,
    form: &mut Multipart,
    said: Option<String>,
) -> Result<Option<(Stored, String)>, MarketError> {
    let mut upload = visit.market.objects().begin().await?;
    let mut bytes = 0;
    while let Some(piece) = form.piece().await? {
        bytes += piece.len();
        upload.write(&piece).await?;
    }
    if bytes == 0 {
        return Ok(None);
    }
    let media_type = said.unwrap_or_else(|| "application/octet-stream".into());
    Ok(Some((visit.market.finish_upload(upload).await?, media_type)))
}

/// Consents that have ended and whose subjects no version leaves out yet.
fn ended_consents(visit: &Visit, dataset: &DatasetId, faults: &mut Faults) -> Result<Vec<ConsentId>, MarketError> {
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let page = visit.market.rows().consents_for(dataset, start.as_ref(), crate::limits::PAGE_ROWS_MAX)?;
        let ended = page
            .items
            .into_iter()
            .filter(|(_, consent)| consent.state != ConsentState::Given && consent.excluded_in.is_none());
        found.extend(ended.map(|(id, _)| id));
        if found.len() > EXCLUDES_MAX {
            let most = several(EXCLUDES_MAX, "person", "people");
            faults.add(
                "excludes",
                format!("One version leaves out {most} at most: leave the rest out in a further version"),
            );
            return Ok(Vec::new());
        }
        match page.next {
            Some(next) => start = Some(next),
            None => break,
        }
    }
    found.sort_unstable();
    Ok(found)
}
