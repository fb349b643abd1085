//! What happened, in words.

use super::{Names, Sentence, sentence};
use crate::{
    index::IndexError,
    view::format::{moment, money, size, slug as word, spaced},
};
use contracts::{action::Action, consent::ConsentState, event::Event, offer::Price, party::Role, rejection::Rejection};

/// The words of all events.
pub const EVENT_KINDS: [&str; 36] = [
    "refused",
    "party-applied",
    "party-admitted",
    "party-suspended",
    "key-added",
    "key-revoked",
    "group-set",
    "dataset-published",
    "dataset-revised",
    "dataset-listed",
    "version-added",
    "step-recorded",
    "offer-made",
    "offer-withdrawn",
    "bought",
    "renewed",
    "revoked",
    "delivered",
    "consent-changed",
    "consent-excluded",
    "basis-stated",
    "side-taken-down",
    "side-body-taken-down",
    "minted",
    "burned",
    "paid",
    "proposed",
    "approved",
    "set-passed",
    "set-ready",
    "set-changed",
    "parameters-changed",
    "party-decided",
    "accused",
    "protocol-decided",
    "protested",
];

/// The word of an event in JSON, links and filters.
pub fn slug(event: &Event) -> &'static str {
    match event {
        Event::Refused { .. } => "refused",
        Event::PartyApplied { .. } => "party-applied",
        Event::PartyAdmitted { .. } => "party-admitted",
        Event::PartySuspended { .. } => "party-suspended",
        Event::KeyAdded { .. } => "key-added",
        Event::KeyRevoked { .. } => "key-revoked",
        Event::GroupSet { .. } => "group-set",
        Event::DatasetPublished { .. } => "dataset-published",
        Event::DatasetRevised { .. } => "dataset-revised",
        Event::DatasetListed { .. } => "dataset-listed",
        Event::VersionAdded { .. } => "version-added",
        Event::StepRecorded { .. } => "step-recorded",
        Event::OfferMade { .. } => "offer-made",
        Event::OfferWithdrawn { .. } => "offer-withdrawn",
        Event::Bought { .. } => "bought",
        Event::Renewed { .. } => "renewed",
        Event::Revoked { .. } => "revoked",
        Event::Delivered { .. } => "delivered",
        Event::ConsentChanged { .. } => "consent-changed",
        Event::ConsentExcluded { .. } => "consent-excluded",
        Event::BasisStated { .. } => "basis-stated",
        Event::SideTakenDown { .. } => "side-taken-down",
        Event::SideBodyTakenDown { .. } => "side-body-taken-down",
        Event::Minted { .. } => "minted",
        Event::Burned { .. } => "burned",
        Event::Paid { .. } => "paid",
        Event::Proposed { .. } => "proposed",
        Event::Approved { .. } => "approved",
        Event::SetPassed { .. } => "set-passed",
        Event::SetReady { .. } => "set-ready",
        Event::SetChanged { .. } => "set-changed",
        Event::ParametersChanged { .. } => "parameters-changed",
        Event::PartyDecided { .. } => "party-decided",
        Event::Accused { .. } => "accused",
        Event::ProtocolDecided { .. } => "protocol-decided",
        Event::Protested { .. } => "protested",
    }
}

/// The event as a sentence; `action` is what was asked for when it happened.
///
/// # Errors
/// [`IndexError`] where a name cannot be read.
pub fn tells(names: &Names, event: &Event, action: &Action) -> Result<Sentence, IndexError> {
    if let Some(told) = super::governance::tells(names, event, action)? {
        return Ok(told);
    }
    Ok(match event {
        Event::Refused { sender, action, rejection } => refused(names, sender, *action, rejection)?,
        Event::PartyApplied { party, .. } => sentence![names.party(party)?, " asked to become a member."],
        Event::PartyAdmitted { party, roles, by } => {
            let roles = role_list(&roles.list());
            sentence![names.party(by)?, " admitted ", names.party(party)?, format!(" as {roles}.")]
        }
        Event::PartySuspended { party, reason, by } => {
            let reason = word(reason).replace('-', " ");
            sentence![names.party(by)?, " suspended ", names.party(party)?, format!(" ({reason}).")]
        }
        Event::KeyAdded { party, usage, .. } => {
            sentence![names.party(party)?, format!(" added a key to {}.", key_use(*usage))]
        }
        Event::KeyRevoked { party, compromised, .. } => {
            let why = if *compromised { "a key that may be in other hands" } else { "a key" };
            sentence![names.party(party)?, format!(" revoked {why}.")]
        }
        Event::GroupSet { group, owner, members } => {
            let members = crate::view::format::counted(u64::from(*members), "member", "members");
            sentence![names.party(owner)?, " set ", names.group(group)?, format!(" to {members}.")]
        }
        _ => return about_dataset(names, event),
    })
}

fn refused(
    names: &Names,
    sender: &contracts::id::PartyId,
    action: u8,
    rejection: &Rejection,
) -> Result<Sentence, IndexError> {
    let what = Action::slug_of(action).unwrap_or("unknown action");
    let why = Rejection::name_of(rejection.code()).map(spaced).unwrap_or_default();
    Ok(sentence![names.party(sender)?, format!(" was refused: {what} (code {}, {why}).", rejection.code())])
}

fn about_dataset(names: &Names, event: &Event) -> Result<Sentence, IndexError> {
    Ok(match event {
        Event::DatasetPublished { dataset, publisher, .. } => {
            sentence![names.party(publisher)?, " published ", names.dataset(dataset)?, "."]
        }
        Event::DatasetRevised { dataset, revision, .. } => {
            sentence![names.dataset(dataset)?, format!(" was revised (revision {revision}).")]
        }
        Event::DatasetListed { dataset, listing, reason } => {
            let reason = word(reason);
            sentence![names.dataset(dataset)?, format!(" is now {} (reason: {reason}).", word(listing))]
        }
        Event::VersionAdded { dataset, number, bytes, parents, .. } => {
            let from = match parents.len() {
                0 => String::new(),
                n => format!(", made from {}", crate::view::format::counted(n as u64, "version", "versions")),
            };
            sentence![
                format!("Version {number} of "),
                names.dataset(dataset)?,
                format!(" was anchored: {}{from}.", size(*bytes))
            ]
        }
        Event::StepRecorded { dataset, by, activity, .. } => {
            let done = format!(" recorded a step of processing ({}) on ", word(activity));
            sentence![names.party(by)?, done, names.dataset(dataset)?, "."]
        }
        Event::SideTakenDown { dataset, by, .. } => sentence![
            names.party(by)?,
            " took the side body of ",
            names.dataset(dataset)?,
            " down; its commitment and every proof stay."
        ],
        Event::SideBodyTakenDown { owner, by, .. } if owner == by => {
            sentence![names.party(by)?, " took a side body down; its commitment and every proof stay."]
        }
        Event::SideBodyTakenDown { owner, by, .. } => sentence![
            names.party(by)?,
            " took a side body of ",
            names.party(owner)?,
            " down; its commitment and every proof stay."
        ],
        Event::OfferMade { offer, dataset, revision, price, .. } => {
            let verb = if *revision == 1 { " was made for " } else { " was revised for " };
            sentence!["An ", offer_link(offer), verb, names.dataset(dataset)?, format!(": {}.", price_text(price))]
        }
        Event::OfferWithdrawn { offer, .. } => sentence!["The ", names.offer(offer)?, " was withdrawn."],
        _ => return about_trade(names, event),
    })
}

fn about_trade(names: &Names, event: &Event) -> Result<Sentence, IndexError> {
    Ok(match event {
        Event::Bought { agreement, buyer, provider, dataset, purpose, amount, currency, end_ms, .. } => {
            let until = end_ms.map_or("without end".to_string(), |end| format!("until {}", moment(end).text));
            let terms = format!(" for {}, for {}, {until} (", lower(purpose.label()), money(*amount, *currency).text);
            let mut buys = sentence![names.party(buyer)?, " bought a licence to ", names.dataset(dataset)?, " from "];
            buys.0.extend(sentence![names.party(provider)?, terms, names.agreement(agreement), ")."].0);
            buys
        }
        Event::Renewed { agreement, dataset, amount, currency, end_ms } => sentence![
            names.agreement(agreement),
            " to ",
            names.dataset(dataset)?,
            format!(" was renewed until {} for {}.", moment(*end_ms).text, amount.display(*currency))
        ],
        Event::Revoked { agreement, dataset, reason, by } => sentence![
            names.party(by)?,
            " ended ",
            names.agreement(agreement),
            " to ",
            names.dataset(dataset)?,
            format!(" before its time (reason: {}).", word(reason).replace('-', " "))
        ],
        Event::Delivered { delivery, agreement, version, buyer, gateway, .. } => sentence![
            names.party(gateway)?,
            " handed ",
            names.version(version)?,
            " to ",
            names.party(buyer)?,
            " under ",
            names.agreement(agreement),
            " (",
            names.delivery(delivery),
            ")."
        ],
        Event::Minted { party, amount, currency, .. } => {
            let text = format!(" had {} brought on the ledger against a bank payment.", amount.display(*currency));
            sentence![names.party(party)?, text]
        }
        Event::Burned { party, amount, currency, .. } => {
            let text = format!(" had {} taken off the ledger, paid out at a bank.", amount.display(*currency));
            sentence![names.party(party)?, text]
        }
        Event::Paid { from, to, amount, currency } => {
            let amount = amount.display(*currency);
            sentence![names.party(from)?, format!(" paid {amount} to "), names.party(to)?, "."]
        }
        _ => return about_person(names, event),
    })
}

fn about_person(names: &Names, event: &Event) -> Result<Sentence, IndexError> {
    Ok(match event {
        Event::ConsentChanged { consent, dataset, controller, state } => {
            let became = match state {
                ConsentState::Given => " was given for ".to_string(),
                ended => format!(" ended ({}) for ", consent_state(*ended)),
            };
            let recorded = ", recorded by ";
            sentence![
                "A ",
                names.consent(consent),
                became,
                names.dataset(dataset)?,
                recorded,
                names.party(controller)?,
                "."
            ]
        }
        Event::ConsentExcluded { consent, dataset, number } => sentence![
            format!("Version {number} of "),
            names.dataset(dataset)?,
            " leaves out the subject of ",
            names.consent(consent),
            "."
        ],
        Event::BasisStated { dataset, purpose, kind, controller, ended } => {
            let purpose = lower(purpose.label());
            let says = format!(" {} {} as legal basis for {purpose} on ", stated(*ended), word(kind).replace('-', " "));
            sentence![names.party(controller)?, says, names.dataset(dataset)?, "."]
        }
        // Every other event has been told before; a new one is told by its word until it has a sentence.
        other => sentence![slug(other)],
    })
}

fn stated(ended: bool) -> &'static str {
    if ended { "no longer relies on" } else { "relies on" }
}

/// An offer where its dataset is named beside it.
fn offer_link(offer: &contracts::id::OfferId) -> super::Link {
    super::link("offer", offer.to_string(), "offer".into())
}

/// Roles as words.
pub fn role_list(roles: &[Role]) -> String {
    if roles.is_empty() {
        return "a member without roles".into();
    }
    roles.iter().map(|role| word(role).replace('-', " ")).collect::<Vec<_>>().join(", ")
}

/// What a key may do, as words.
pub fn key_use(usage: contracts::party::KeyUse) -> &'static str {
    match usage {
        contracts::party::KeyUse::Sign => "sign transactions",
        contracts::party::KeyUse::Price => "sign price quotes",
    }
}

/// A consent's state as words.
pub fn consent_state(state: ConsentState) -> &'static str {
    match state {
        ConsentState::Given => "given",
        ConsentState::Withdrawn => "withdrawn by the subject",
        ConsentState::Revoked => "revoked by another",
        ConsentState::Invalidated => "invalidated by an authority",
        ConsentState::Objected => "objected to by the subject",
        ConsentState::Expired => "expired",
    }
}

/// A price as words.
pub fn price_text(price: &Price) -> String {
    match price {
        Price::Free => "free".into(),
        Price::OneOff { amount, currency } => format!("{} once", amount.display(*currency)),
        Price::Subscription { amount, currency, period_days, periods_max } => format!(
            "{} for each period of {}, at most {periods_max} prepaid",
            amount.display(*currency),
            crate::view::format::counted(u64::from(*period_days), "day", "days")
        ),
    }
}

/// A label in the middle of a sentence.
pub(super) fn lower(label: &str) -> String {
    let mut chars = label.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
