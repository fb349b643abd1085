//! Buying: a price that is held, a page that shows what is signed, and the signature.

use super::{Asked, asked, fresh_once, go, id, name_of, once};
use crate::{
    error::MarketError,
    market::{Bought, BuyRequest},
    web::{
        desk::browse::grounds,
        form::{Faults, Field, Form, Part, Sent},
        page::{ConfirmPage, Tag},
        show::{Id, Moment, days, several},
        visit::Visit,
    },
};
use axum::{Form as Posted, extract::Path, response::Response};
use borsh::BorshDeserialize;
use contracts::{
    id::OfferId,
    offer::{OfferRevision, Price},
    party::Role,
    quote::SignedQuote,
    vocabulary::Purpose,
};

/// A justification, in bytes: some paragraphs.
const JUSTIFICATION_BYTES_MAX: usize = 8 * 1024;

/// What is about to be signed. Asking reserves nothing and writes nothing.
pub async fn confirm(visit: Visit, Path(offer): Path<String>, query: Asked) -> Response {
    visit.answer(draw(&visit, &offer, asked(query), Faults::default()).await)
}

/// Buys.
pub async fn buy(visit: Visit, Path(offer): Path<String>, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    visit.answer(sign(&visit, &offer, Sent(sent)).await)
}

/// What the price is, and under which revision: from a quote, or from the list.
struct Terms {
    revision_number: u32,
    revision: OfferRevision,
    periods: u32,
    amount: contracts::money::Amount,
    signed: Option<SignedQuote>,
    needs_justification: bool,
    has_content: bool,
    balance: Option<contracts::money::Amount>,
}

async fn terms(visit: &Visit, offer: &OfferId, sent: &Sent) -> Result<Terms, MarketError> {
    let party = visit.viewer()?.party;
    let periods = match sent.get("periods") {
        "" => 1,
        text => text.parse().map_err(|_| MarketError::invalid("periods", "a whole number of periods"))?,
    };
    let view = visit.market.quote(Some(&party), offer, periods).await?;
    // A form that comes back keeps the quote that was read, not a new one.
    let signed = if sent.get("quote").is_empty() { view.signed } else { Some(read_quote(sent.get("quote"))?) };
    let (revision_number, periods, amount) = match &signed {
        Some(signed) => (signed.quote.revision, signed.quote.periods, signed.quote.amount),
        None => (view.revision, periods, view.amount),
    };
    let revision = visit.market.rows().offer_revision(offer, revision_number)?.ok_or(MarketError::NotFound("offer"))?;
    let (needs_justification, has_content, balance) = (view.needs_justification, view.has_content, view.balance);
    Ok(Terms { revision_number, revision, periods, amount, signed, needs_justification, has_content, balance })
}

fn read_quote(text: &str) -> Result<SignedQuote, MarketError> {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let quote = bytes.and_then(|bytes| SignedQuote::try_from_slice(&bytes).ok());
    quote.ok_or_else(|| MarketError::invalid("quote", "it cannot be read: ask for a new price"))
}

fn write_quote(quote: &SignedQuote) -> String {
    data_encoding::BASE64URL_NOPAD.encode(&borsh::to_vec(quote).expect("writing to memory does not fail"))
}

async fn draw(visit: &Visit, offer: &str, sent: Sent, faults: Faults) -> Result<Response, MarketError> {
    let offer: OfferId = id(offer, "offer")?;
    let buyer = visit.viewer_as(Role::Buyer)?;
    let purpose: Purpose =
        sent.get("purpose").parse().map_err(|reason: String| MarketError::invalid("purpose", reason))?;
    let terms = terms(visit, &offer, &sent).await?;
    let row = visit.market.rows().offer(&offer)?.ok_or(MarketError::NotFound("offer"))?;
    let dataset = row.offer.dataset;
    let view = visit.market.dataset(&dataset, Some(&buyer.party)).await?.ok_or(MarketError::NotFound("dataset"))?;
    let currency = terms.revision.price.currency();
    let sum = currency.map_or_else(|| "Free".to_string(), |currency| terms.amount.display(currency));
    let mut notes: Vec<Tag> = Vec::new();
    let mut possible = true;
    if !terms.has_content {
        notes.push(("warn", "No content here: you buy a licence to data that are held elsewhere. There is nothing to download from the market.".into()));
    }
    let after = currency.zip(terms.balance).map(|(currency, balance)| (currency, balance, balance.minus(terms.amount)));
    if let Some((currency, balance, None)) = after {
        possible = false;
        notes.push((
            "bad",
            format!(
                "Your balance is {}, this costs {sum}. Pay in first; your account says how.",
                balance.display(currency)
            ),
        ));
    }
    if !terms.revision.terms.purposes.allows(purpose) {
        possible = false;
        notes.push((
            "bad",
            format!("The terms do not allow the purpose “{}”. Go back and choose another.", purpose.label()),
        ));
    }
    let ground = if terms.needs_justification {
        let all = grounds(visit, &dataset, view.versions)?;
        let ground = all.into_iter().find(|ground| ground.purpose == purpose.label());
        if ground.as_ref().is_none_or(|ground| ground.look == "bad") {
            possible = false;
            let why = ground.as_ref().map_or_else(
                || "There is neither consent nor a legal basis for this purpose.".into(),
                |ground| ground.text.clone(),
            );
            notes
                .push(("bad", format!("These data are about people and cannot be bought for this purpose now. {why}")));
        }
        ground.map(|ground| format!("{}: {}", crate::web::show::capital(&ground.state), ground.text))
    } else {
        None
    };
    let form = if possible {
        Some(form(visit, &offer, purpose, &terms, &sum).again(&sent, faults))
    } else {
        notes.extend(faults.0.into_iter().map(|(_, text)| ("warn", format!("{text}."))));
        None
    };
    let page = ConfirmPage {
        frame: visit.frame("confirm"),
        dataset,
        dataset_id: Id::of(&dataset),
        title: view.title,
        provider: name_of(&visit.market, &row.offer.provider)?,
        buyer: buyer.name.clone(),
        purpose: purpose.label().into(),
        term: term(&terms),
        terms: terms.revision.terms.render().lines().map(str::to_string).collect(),
        terms_digest: terms.revision.terms.digest().to_string(),
        basis: ground,
        sum_name: if currency.is_some() { "To pay now, once".into() } else { "Price".into() },
        sum,
        money: after.map_or_else(Vec::new, |(currency, balance, rest)| {
            let rest = rest.map_or_else(|| "too little".to_string(), |rest| rest.display(currency));
            vec![("Your balance".to_string(), balance.display(currency)), ("After the purchase".into(), rest)]
        }),
        expires: terms.signed.as_ref().map_or_else(
            || "the offer changes".to_string(),
            |signed| format!("{}, also if the offer changes", Moment::of(signed.quote.expires_ms).human()),
        ),
        offer: Id::of(&offer),
        revision: terms.revision_number,
        notes,
        form,
    };
    Ok(visit.show(&page))
}

fn term(terms: &Terms) -> Option<String> {
    match terms.revision.price {
        Price::Subscription { period_days, .. } => {
            let all = days(period_days.saturating_mul(terms.periods));
            Some(format!(
                "{} of {}, {all} in all; it ends by itself",
                several(terms.periods as usize, "period", "periods"),
                days(period_days)
            ))
        }
        _ => None,
    }
}

fn form(visit: &Visit, offer: &OfferId, purpose: Purpose, terms: &Terms, sum: &str) -> Form {
    let mut fields = Vec::new();
    if terms.needs_justification {
        fields.push(Field::area("justification", "Why you need data about people", 4).hint(
            "Kept beside the ledger, for you, the provider and the regulator; you can take it down later. Name nobody.",
        ));
    }
    if !terms.has_content {
        fields.push(Field::checks(
            "acknowledge",
            "No content here",
            &[("yes", "I know that there is nothing to download here".to_string())],
        ));
    }
    let mut hidden = vec![
        ("purpose", purpose.slug().to_string()),
        ("periods", terms.periods.to_string()),
        ("revision", terms.revision_number.to_string()),
        ("amount", terms.amount.minor().to_string()),
        ("once", fresh_once()),
    ];
    hidden.extend(terms.signed.as_ref().map(|signed| ("quote", write_quote(signed))));
    let submit = if terms.revision.price.currency().is_some() {
        format!("Sign and buy for {sum}")
    } else {
        "Sign and take the licence".into()
    };
    let parts = if fields.is_empty() { Vec::new() } else { vec![Part::plain(fields)] };
    Form { action: format!("/offers/{offer}/buy"), token: visit.token(), submit, hidden, parts, ..Form::default() }
}

async fn sign(visit: &Visit, offer: &str, sent: Sent) -> Result<Response, MarketError> {
    visit.check_form(&sent)?;
    let (id, once): (OfferId, _) = (id(offer, "offer")?, once(&sent)?);
    // First of all: whoever sends a form again, perhaps hours later, is led to what it bought then.
    if let Some(bought) = visit.market.bought(&visit.viewer()?.party, &once).await? {
        return Ok(to_licence(&bought));
    }
    let buyer = visit.viewer_as(Role::Buyer)?.party;
    let terms = terms(visit, &id, &sent).await?;
    let mut faults = Faults::default();
    if let Some(text) = moved(visit, &sent, &terms) {
        faults.add("price", text);
        let without_quote = sent.0.into_iter().filter(|(name, _)| name != "quote").collect();
        return draw(visit, offer, Sent(without_quote), faults).await;
    }
    if terms.needs_justification {
        faults.text(&sent, "justification", "why you need these data", JUSTIFICATION_BYTES_MAX);
    }
    if !terms.has_content && sent.get("acknowledge") != "yes" {
        faults.add("acknowledge", "Confirm that you know there is nothing to download here");
    }
    if !faults.none() {
        return draw(visit, offer, sent, faults).await;
    }
    let request = BuyRequest {
        offer: id,
        revision: Some(terms.revision_number),
        purpose: sent.get("purpose").parse().map_err(|reason: String| MarketError::invalid("purpose", reason))?,
        periods: Some(terms.periods),
        amount: Some(terms.amount),
        quote: terms.signed,
        justification: sent.some("justification"),
        acknowledge_no_content: sent.get("acknowledge") == "yes",
    };
    Ok(to_licence(&visit.market.buy(&buyer, &request, &once).await?))
}

fn to_licence(bought: &Bought) -> Response {
    go(&format!("/agreements/{}?bought=now", bought.agreement))
}

/// What the buyer read is no longer so: nothing is signed then, and the page comes back as it is now.
fn moved(visit: &Visit, sent: &Sent, terms: &Terms) -> Option<String> {
    let over = terms.signed.as_ref().map(|signed| signed.quote.expires_ms).filter(|end| *end < visit.market.now_ms());
    if let Some(end) = over {
        let until = Moment::of(end);
        let until = until.human();
        return Some(format!("The price was held until {until}. Nothing was bought. This is the price now"));
    }
    let read = (sent.get("revision").to_string(), sent.get("amount").to_string());
    let now = (terms.revision_number.to_string(), terms.amount.minor().to_string());
    (read != now).then(|| {
        "The offer changed while you read it. Nothing was bought. These are the terms and the price now".into()
    })
}
