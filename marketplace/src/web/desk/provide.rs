//! The provider's desk: my listings, publishing, revising a description, making an offer.

use super::{Asked, ROWS, asked, go, id, start};
use crate::{
    error::MarketError,
    web::{
        describe,
        form::{Faults, Field, Form, Part, Sent, choices},
        page::{ListingRow, Pager, ProvidePage, SimplePage},
        show::several,
        visit::Visit,
    },
};
use axum::{Form as Posted, extract::Path, response::Response};
use contracts::{
    action::Action,
    dataset::{Dataset, Publish, Revise},
    id::DatasetId,
    jacket::Jacket,
    limits::{DURATION_DAYS_MAX, IDENTIFIER_BYTES_MAX, PERIODS_MAX, TEXT_BYTES_MAX},
    money::{Amount, Currency},
    offer::{MakeOffer, Price},
    party::Role,
    side::SideBody,
    terms::{Allowed, Onward, Terms},
    vocabulary::{Purpose, Spectrum},
};

/// My listings.
pub async fn provide(visit: Visit, query: Asked) -> Response {
    visit.answer(draw(&visit, asked(query)))
}

fn draw(visit: &Visit, asked: Sent) -> Result<Response, MarketError> {
    let party = visit.viewer_as(Role::Provider)?.party;
    let rows = visit.market.rows();
    let page = rows.datasets_of(&party, start(&asked, "cursor")?.as_ref(), ROWS)?;
    let mut listed = Vec::new();
    for id in &page.items {
        let (Some(dataset), Some(jacket)) = (rows.dataset(id)?, rows.jacket(id)?) else { continue };
        let offers = rows.open_offers(id, None, ROWS)?;
        let open = offers.items.len();
        listed.push(ListingRow {
            id: *id,
            title: jacket.title,
            spectrum: dataset.classification.spectrum.value().map_or("not stated", |value| value.label()),
            versions: dataset.versions,
            offers: if offers.next.is_some() { format!("more than {open}") } else { open.to_string() },
            todo: todo(&dataset, open),
        });
    }
    let next = page.next.as_ref().map(ToString::to_string);
    let page = ProvidePage {
        frame: visit.frame("provide"),
        summary: match (listed.len(), &next) {
            (0, _) => "Nothing is listed yet.".into(),
            (shown, None) if asked.get("cursor").is_empty() => several(shown, "listing", "listings"),
            (shown, _) => format!("{shown} listings on this page"),
        },
        rows: listed,
        pager: Pager::of("/provide", "cursor", asked.some("cursor").as_deref(), next, "Older listings"),
    };
    Ok(visit.show(&page))
}

fn todo(dataset: &Dataset, open: usize) -> String {
    if dataset.classification.spectrum.value() == Some(&Spectrum::Closed) {
        return "nothing: closed data are not sold".into();
    }
    match dataset.classification.gaps().len() {
        0 if open == 0 => "make an offer".into(),
        0 if dataset.versions == 0 => "no content here".into(),
        0 => "nothing".into(),
        gaps => several(gaps, "gap in the classification", "gaps in the classification"),
    }
}

/// The dataset, if the viewer published it.
///
/// # Errors
/// [`MarketError::NotFound`], also for others' datasets: this is no page about them.
pub fn own(visit: &Visit, dataset: &str) -> Result<(DatasetId, Dataset, Jacket), MarketError> {
    let party = visit.viewer_as(Role::Provider)?.party;
    let id: DatasetId = id(dataset, "listing of yours")?;
    let rows = visit.market.rows();
    let found = rows.dataset(&id)?.filter(|found| found.publisher == party);
    let missing = MarketError::NotFound("listing of yours");
    match (found, rows.jacket(&id)?) {
        (Some(found), Some(jacket)) => Ok((id, found, jacket)),
        _ => Err(missing),
    }
}

/// The form to publish.
pub async fn publish(visit: Visit) -> Response {
    let done = || -> Result<Response, MarketError> {
        visit.viewer_as(Role::Provider)?;
        Ok(visit.show(&publish_page(&visit, &Sent::default(), Faults::default())))
    };
    visit.answer(done())
}

fn publish_page(visit: &Visit, sent: &Sent, faults: Faults) -> SimplePage {
    let names = Part::under(
        "Its name in your catalogue",
        "Your organisation, catalogue and identifier together name the dataset for ever.",
        vec![
            Field::line("catalogue", "Catalogue").hint("A word of your own choice.").value("main"),
            Field::line("identifier", "Identifier").hint("As in your own records, such as rain-2024."),
            Field::area("contact", "Contact", 2).hint("Kept beside the ledger; it can be taken down.").optional(),
        ],
    );
    let mut parts = describe::parts(&describe::empty(), "");
    parts.insert(0, names);
    let form = Form {
        action: "/provide/new".into(),
        token: visit.token(),
        submit: "Sign and publish".into(),
        parts,
        ..Form::default()
    };
    SimplePage {
        frame: visit.frame("publish"),
        trail: Some(("/provide".into(), "My listings".into())),
        title: "Publish a dataset".into(),
        intro: vec!["A Data Jacket tells what a dataset is without showing its values. You may leave gaps now and fill them before you make an offer.".into()],
        notes: Vec::new(),
        form: form.again(sent, faults),
        after: Vec::new(),
    }
}

/// Publishes.
pub async fn published(visit: Visit, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    visit.answer(take_publish(&visit, Sent(sent)).await)
}

async fn take_publish(visit: &Visit, sent: Sent) -> Result<Response, MarketError> {
    visit.check_form(&sent)?;
    let party = visit.viewer_as(Role::Provider)?.party;
    let mut faults = Faults::default();
    let catalogue = faults.text(&sent, "catalogue", "a catalogue", IDENTIFIER_BYTES_MAX);
    let identifier = faults.text(&sent, "identifier", "an identifier", IDENTIFIER_BYTES_MAX);
    let (jacket, outline) = describe::read(&describe::empty(), &sent, &mut faults);
    if !faults.none() {
        return Ok(visit.show(&publish_page(visit, &sent, faults)));
    }
    let contact = sent.some("contact");
    let side = side(visit, &[("contact", contact.as_deref()), ("outline", outline.as_deref())])?;
    let publish = Publish { catalogue, identifier, jacket, side: side.as_ref().map(SideBody::id) };
    let id = publish.id(&party);
    match visit.market.act(&party, Action::Publish(publish), side, None).await {
        Ok(_) => Ok(go(&format!("/provide/{id}?done=published"))),
        Err(MarketError::Refused { code: 21, .. }) => {
            faults.add(
                "identifier",
                "You have published under this identifier already: choose another, or revise that listing",
            );
            Ok(visit.show(&publish_page(visit, &sent, faults)))
        }
        Err(MarketError::Invalid { field, reason }) => {
            faults.add(&field, reason);
            Ok(visit.show(&publish_page(visit, &sent, faults)))
        }
        Err(error) => Err(error),
    }
}

/// The side body of those fields that hold something.
fn side(visit: &Visit, fields: &[(&str, Option<&str>)]) -> Result<Option<SideBody>, MarketError> {
    let fields: Vec<(&str, &str)> = fields.iter().filter_map(|(name, text)| Some((*name, (*text)?))).collect();
    if fields.is_empty() { Ok(None) } else { visit.market.side(&fields).map(Some) }
}

/// The form to revise a description.
pub async fn revise(visit: Visit, Path(dataset): Path<String>) -> Response {
    visit.answer(draw_revise(&visit, &dataset, &Sent::default(), Faults::default()).await)
}

async fn draw_revise(visit: &Visit, dataset: &str, sent: &Sent, faults: Faults) -> Result<Response, MarketError> {
    let (id, known, jacket) = own(visit, dataset)?;
    let prose = visit.market.prose(&id, Some(&known.publisher)).await?;
    let outline = prose.as_ref().and_then(|side| side.get("outline")).unwrap_or("");
    let form = Form {
        action: format!("/provide/{id}/revise"),
        token: visit.token(),
        submit: "Sign the revision".into(),
        hidden: vec![("follows", known.revision.to_string())],
        parts: describe::parts(&jacket, outline),
        ..Form::default()
    };
    let page = SimplePage {
        frame: visit.frame("revise"),
        trail: Some((format!("/provide/{id}"), jacket.title)),
        title: "Revise the description".into(),
        intro: vec![format!("This is revision {}. The old ones stay in the history.", known.revision)],
        notes: Vec::new(),
        form: form.again(sent, faults),
        after: Vec::new(),
    };
    Ok(visit.show(&page))
}

/// Revises a description.
pub async fn revised(
    visit: Visit,
    Path(dataset): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    visit.answer(take_revise(&visit, &dataset, Sent(sent)).await)
}

async fn take_revise(visit: &Visit, dataset: &str, sent: Sent) -> Result<Response, MarketError> {
    visit.check_form(&sent)?;
    let (id, known, before) = own(visit, dataset)?;
    let mut faults = Faults::default();
    let follows = sent.get("follows").parse().map_err(|_| MarketError::invalid("follows", "open the form again"))?;
    let (jacket, outline) = describe::read(&before, &sent, &mut faults);
    if !faults.none() {
        return draw_revise(visit, dataset, &sent, faults).await;
    }
    // Contacts and unmapped fields are not asked for; they stay.
    let prose = visit.market.prose(&id, Some(&known.publisher)).await?;
    let mut fields: Vec<(&str, &str)> = prose
        .iter()
        .flat_map(SideBody::fields)
        .filter(|field| field.name != "outline")
        .map(|field| (field.name.as_str(), field.value.as_str()))
        .collect();
    fields.extend(outline.as_deref().map(|text| ("outline", text)));
    let side = if fields.is_empty() { None } else { Some(visit.market.side(&fields)?) };
    let revise = Revise { dataset: id, follows, jacket, side: side.as_ref().map(SideBody::id) };
    visit.market.act(&known.publisher, Action::Revise(revise), side, None).await?;
    Ok(go(&format!("/provide/{id}?done=revised")))
}

/// The form to make an offer.
pub async fn offer(visit: Visit, Path(dataset): Path<String>) -> Response {
    visit.answer(draw_offer(&visit, &dataset, &Sent::default(), Faults::default()))
}

fn draw_offer(visit: &Visit, dataset: &str, sent: &Sent, faults: Faults) -> Result<Response, MarketError> {
    let (id, known, jacket) = own(visit, dataset)?;
    let open = known.classification.spectrum.value() == Some(&Spectrum::Open);
    let mut notes = Vec::new();
    if open {
        notes.push((
            "",
            "Open data are free, for any purpose, without end, and may be passed on. The form is filled in so."
                .to_string(),
        ));
    }
    if known.versions == 0 {
        notes.push((
            "warn",
            "There is no content here. Buyers are told that they get a licence to data that you hold elsewhere.".into(),
        ));
    }
    let form = Form {
        action: format!("/provide/{id}/offer"),
        token: visit.token(),
        submit: "Sign the offer".into(),
        parts: offer_parts(open),
        ..Form::default()
    };
    let page = SimplePage {
        frame: visit.frame("offer"),
        trail: Some((format!("/provide/{id}"), jacket.title)),
        title: "Make an offer".into(),
        intro: vec![
            "The terms that people read are rendered from what you choose here, and their digest goes on the ledger."
                .into(),
        ],
        notes,
        form: form.again(sent, faults),
        after: vec![
            "Later changes hold for new purchases only. Licences and prices that were given keep their terms.".into(),
        ],
    };
    Ok(visit.show(&page))
}

fn offer_parts(open: bool) -> Vec<Part> {
    let onward = [
        ("prohibited", "Not at all".to_string()),
        ("derived-only", "Only what is derived from them".into()),
        ("same-terms", "As they are, under the same terms".into()),
        ("free", "Freely".into()),
    ];
    let forms = [
        ("free", "Free".to_string()),
        ("one-off", "Paid once".into()),
        ("subscription", "Subscription of prepaid periods".into()),
    ];
    let any = [("yes", "For any lawful purpose".to_string())];
    vec![
        Part::under(
            "Terms",
            "",
            vec![
                Field::checks("any", "Any purpose", &any).chosen(if open { &["yes"] } else { &[] }).optional(),
                Field::checks("purposes", "Or only these purposes", &choices!(Purpose)).optional(),
                Field::number("duration", "How many days the licence runs")
                    .hint("Blank: without end. A subscription ends with its periods.")
                    .optional(),
                Field::radios("onward", "May the data be passed on?", &onward).value(if open { "free" } else { "" }),
                Field::line("attribution", "How the source is named").optional(),
            ],
        ),
        Part::under(
            "Price",
            "",
            vec![
                Field::radios("form", "Form of the price", &forms).value(if open { "free" } else { "" }),
                Field::line("amount", "Amount").hint("Such as 12.50. For a subscription, for each period.").optional(),
                Field::line("currency", "Currency").hint("Three letters of ISO 4217, such as EUR.").optional(),
                Field::number("period", "Days of a period").hint("For a subscription.").optional(),
                Field::number("most", "Periods that can be bought at once").hint("For a subscription.").optional(),
            ],
        ),
    ]
}

/// Makes an offer.
pub async fn offered(
    visit: Visit,
    Path(dataset): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    visit.answer(take_offer(&visit, &dataset, Sent(sent)).await)
}

async fn take_offer(visit: &Visit, dataset: &str, sent: Sent) -> Result<Response, MarketError> {
    visit.check_form(&sent)?;
    let (id, known, _) = own(visit, dataset)?;
    let mut faults = Faults::default();
    let terms = read_terms(&sent, &mut faults);
    let price = read_price(&sent, &mut faults);
    let (true, Some(terms), Some(price)) = (faults.none(), terms, price) else {
        return draw_offer(visit, dataset, &sent, faults);
    };
    let action = Action::MakeOffer(MakeOffer { dataset: id, terms, price });
    if let Err(malformed) = action.check() {
        let field = match malformed.field {
            "terms.purposes" => "purposes",
            "terms.duration_days" => "duration",
            "price.period_days" => "period",
            "price.periods_max" => "most",
            _ => "amount",
        };
        faults.add(field, crate::web::show::capital(&malformed.reason));
        return draw_offer(visit, dataset, &sent, faults);
    }
    let party = known.publisher;
    visit.market.act(&party, action, None, None).await?;
    register_pricing(visit, &party).await;
    Ok(go(&format!("/provide/{id}?done=offered")))
}

/// With a pricing key the market can hold a price for a buyer. Without it the list price is shown, so
/// a failure here is no failure of the offer.
async fn register_pricing(visit: &Visit, party: &contracts::id::PartyId) {
    let market = &visit.market;
    let has = market.pricing(party).is_ok_and(|signer| {
        market
            .rows()
            .party(party)
            .ok()
            .flatten()
            .is_some_and(|known| known.may_use(&signer.public(), contracts::party::KeyUse::Price))
    });
    if !has && let Err(error) = market.register_pricing(party, None).await {
        tracing::warn!(%error, %party, "no pricing key is registered");
    }
}

fn read_terms(sent: &Sent, faults: &mut Faults) -> Option<Terms> {
    let mut purposes: Vec<Purpose> = sent.all("purposes").iter().filter_map(|value| value.parse().ok()).collect();
    purposes.sort();
    purposes.dedup();
    let any = sent.get("any") == "yes";
    if !any && purposes.is_empty() {
        faults.add("purposes", "Choose purposes, or allow any");
    }
    if any && !purposes.is_empty() {
        faults.add("purposes", "Choose either any purpose or some, not both");
    }
    let duration_days = match sent.get("duration") {
        "" => None,
        _ => faults.number(sent, "duration", "the number of days", 1..=DURATION_DAYS_MAX),
    };
    let onward = match sent.get("onward") {
        "prohibited" => Some(Onward::Prohibited),
        "derived-only" => Some(Onward::DerivedOnly),
        "same-terms" => Some(Onward::SameTerms),
        "free" => Some(Onward::Free),
        _ => {
            faults.add("onward", "Choose whether the data may be passed on");
            None
        }
    };
    let attribution = sent.some("attribution");
    if attribution.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
        faults.add("attribution", format!("At most {TEXT_BYTES_MAX} bytes: shorten it"));
    }
    let purposes = if any { Allowed::Any } else { Allowed::Only { purposes } };
    Some(Terms { purposes, duration_days, onward: onward?, attribution })
}

fn read_price(sent: &Sent, faults: &mut Faults) -> Option<Price> {
    let form = sent.get("form");
    if form == "free" {
        return Some(Price::Free);
    }
    if form != "one-off" && form != "subscription" {
        faults.add("form", "Choose how it is paid");
        return None;
    }
    let currency: Currency = faults.take("currency", sent.get("currency").to_ascii_uppercase().parse())?;
    let amount = faults.take("amount", Amount::parse(sent.get("amount"), currency))?;
    if form == "one-off" {
        return Some(Price::OneOff { amount, currency });
    }
    let period_days = faults.number(sent, "period", "the days of a period", 1..=3_660);
    let periods_max = faults.number(sent, "most", "the number of periods", 1..=PERIODS_MAX);
    Some(Price::Subscription { amount, currency, period_days: period_days?, periods_max: periods_max? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        Sent(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn a_price_is_read_as_people_write_it() {
        let mut faults = Faults::default();
        let price = read_price(&sent(&[("form", "one-off"), ("amount", "12.50"), ("currency", "eur")]), &mut faults);
        assert_eq!(price.and_then(|price| price.of(1).ok()).map(Amount::minor), Some(1_250));
        assert!(faults.none());
        for (wrong, field) in [
            (vec![("form", "one-off"), ("amount", "12,50"), ("currency", "EUR")], "amount"),
            (vec![("form", "one-off"), ("amount", "12.50"), ("currency", "EURO")], "currency"),
            (
                vec![("form", "subscription"), ("amount", "1"), ("currency", "EUR"), ("period", "0"), ("most", "1")],
                "period",
            ),
            (vec![], "form"),
        ] {
            let mut faults = Faults::default();
            assert!(read_price(&sent(&wrong), &mut faults).is_none(), "{wrong:?}");
            assert!(faults.0.iter().any(|(name, _)| name == field), "{faults:?}");
        }
    }

    #[test]
    fn terms_need_a_decision() {
        let mut faults = Faults::default();
        assert!(read_terms(&sent(&[]), &mut faults).is_none());
        assert_eq!(faults.0.len(), 2);
        let mut faults = Faults::default();
        read_terms(&sent(&[("any", "yes"), ("purposes", "research"), ("onward", "free")]), &mut faults);
        assert_eq!(faults.0.len(), 1, "both at once is no decision");
    }
}
