//! What a transaction asked for, in words, whatever became of it.

use super::{
    Names, Sentence,
    event::{consent_state, key_use, lower, price_text, role_list},
    sentence,
};
use crate::{
    index::IndexError,
    view::format::{counted, size, slug as word},
};
use contracts::{action::Action, id::PartyId, money::Amount};

/// The request as a sentence.
///
/// # Errors
/// [`IndexError`] where a name cannot be read.
pub fn asks(names: &Names, sender: &PartyId, action: &Action) -> Result<Sentence, IndexError> {
    let who = names.party(sender)?;
    Ok(match action {
        Action::Apply(ask) => {
            sentence![format!("{} asked to become a member ({}, {}).", ask.name, word(&ask.kind), ask.jurisdiction)]
        }
        Action::Admit(ask) => {
            let roles = role_list(&ask.roles.list());
            sentence![who, " asked to admit ", names.party(&ask.party)?, format!(" as {roles}.")]
        }
        Action::Suspend(ask) => {
            let why = word(&ask.reason).replace('-', " ");
            sentence![who, " asked to suspend ", names.party(&ask.party)?, format!(" ({why}).")]
        }
        Action::AddKey(ask) => sentence![who, format!(" asked to add a key to {}.", key_use(ask.usage))],
        Action::RevokeKey(ask) => {
            let why = if ask.compromised { " that may be in other hands" } else { "" };
            sentence![who, format!(" asked to revoke one of its keys{why}.")]
        }
        Action::SetGroup(ask) => {
            let verb = if ask.group.is_some() { "change" } else { "form" };
            let members = counted(ask.members.len() as u64, "member", "members");
            sentence![who, format!(" asked to {verb} the group {} with {members}.", ask.name)]
        }
        Action::Publish(ask) => {
            sentence![who, " asked to publish ", names.dataset(&ask.id(sender))?, "."]
        }
        Action::Revise(ask) => {
            let follows = format!(" (after revision {}).", ask.follows);
            sentence![who, " asked to revise the jacket of ", names.dataset(&ask.dataset)?, follows]
        }
        Action::List(ask) => {
            let to = format!(" to {} (reason: {}).", word(&ask.listing), word(&ask.reason));
            sentence![who, " asked to change the listing of ", names.dataset(&ask.dataset)?, to]
        }
        Action::AddVersion(ask) => {
            let what = format!(" asked to anchor {} as version {} of ", size(ask.content.bytes), ask.number);
            sentence![who, what, names.dataset(&ask.dataset)?, "."]
        }
        Action::RecordStep(ask) => {
            let what = format!(" asked to record a step of processing ({}) on ", word(&ask.activity));
            sentence![who, what, names.dataset(&ask.dataset)?, "."]
        }
        Action::TakeDown(ask) => {
            sentence![who, " asked to take down the side body of ", names.dataset(&ask.dataset)?, "."]
        }
        Action::TakeSideDown(_) => sentence![who, " asked to take down a side body."],
        Action::MakeOffer(ask) => {
            let price = format!(": {}.", price_text(&ask.price));
            sentence![who, " asked to offer ", names.dataset(&ask.dataset)?, price]
        }
        Action::ReviseOffer(ask) => {
            let price = format!(": {}.", price_text(&ask.price));
            sentence![who, " asked to revise the ", names.offer(&ask.offer)?, price]
        }
        Action::WithdrawOffer(ask) => sentence![who, " asked to withdraw the ", names.offer(&ask.offer)?, "."],
        _ => return asks_more(names, sender, action),
    })
}

fn asks_more(names: &Names, sender: &PartyId, action: &Action) -> Result<Sentence, IndexError> {
    let who = names.party(sender)?;
    Ok(match action {
        Action::Buy(ask) => {
            let by_quote = if ask.quote.is_some() { ", with a signed quote" } else { "" };
            let currency = names.currency_of(&ask.offer, ask.revision)?;
            let expects = match (ask.amount, currency) {
                (Amount::ZERO, _) => "expecting to pay nothing".to_string(),
                (amount, Some(currency)) => format!("expecting to pay {}", amount.display(currency)),
                (amount, None) => format!("expecting to pay {} minor units", amount.minor()),
            };
            let what = format!(" for {}, {expects}{by_quote}.", lower(ask.purpose.label()));
            sentence![who, " asked to buy from the ", names.offer(&ask.offer)?, what]
        }
        Action::Renew(ask) => {
            let periods = counted(u64::from(ask.periods), "period", "periods");
            sentence![who, " asked to renew ", names.agreement(&ask.agreement), format!(" for {periods}.")]
        }
        Action::Revoke(ask) => {
            let why = format!(" before its time (reason: {}).", word(&ask.reason).replace('-', " "));
            sentence![who, " asked to end ", names.agreement(&ask.agreement), why]
        }
        Action::Deliver(ask) => {
            let version = names.version(&ask.version)?;
            sentence![who, " asked to hand out ", version, " under ", names.agreement(&ask.agreement), "."]
        }
        Action::GiveConsent(ask) => {
            let (consent, dataset) = (names.consent(&ask.consent), names.dataset(&ask.dataset)?);
            sentence![who, " asked to record a ", consent, " for ", dataset, "."]
        }
        Action::EndConsent(ask) => {
            let how = format!(" as {}.", consent_state(ask.state));
            sentence![who, " asked to end ", names.consent(&ask.consent), how]
        }
        Action::StateBasis(ask) => {
            let verb = if ask.ended { "end" } else { "state" };
            let what = format!(" asked to {verb} a legal basis ({}) on ", word(&ask.kind).replace('-', " "));
            sentence![who, what, names.dataset(&ask.dataset)?, format!(" for {}.", lower(ask.purpose.label()))]
        }
        Action::Mint(ask) => {
            let what = format!(" asked to bring {} on the ledger for ", ask.amount.display(ask.currency));
            sentence![who, what, names.party(&ask.party)?, "."]
        }
        Action::Burn(ask) => {
            let what = format!(" asked to take {} off the ledger of ", ask.amount.display(ask.currency));
            sentence![who, what, names.party(&ask.party)?, "."]
        }
        other => return super::governance::asks(names, who, other),
    })
}
