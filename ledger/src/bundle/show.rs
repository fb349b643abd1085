//! Records decoded for people. One line for each kind of record there is.

use contracts::{
    agreement::{Agreement, Holding},
    basis::LegalBasis,
    consent::{Consent, ConsentStart, Scope},
    dataset::Dataset,
    delivery::Delivery,
    founding::Parameters,
    governance::{CompromisedKey, Governance, Misconduct, PartyDecision, Proposal, Protests, Protocol},
    group::Group,
    jacket::Jacket,
    offer::{Offer, OfferRevision},
    party::Party,
    quota::Quota,
    quote::UsedQuote,
    settlement::{Account, Booking, Supply},
    side::SideOwner,
    state::{Key, Record, Subject},
    takedown::TakenDown,
    validators::ValidatorSet,
    version::{Anchored, Version},
};
use serde_json::Value;

macro_rules! kinds {
    ($($type:ty,)*) => {
        /// The word for the kind of record under `key`, such as `dataset`; `None` for kinds that
        /// bundles do not carry.
        pub fn kind_of(key: &Key) -> Option<&'static str> {
            match key.tag() { $(<$type as Subject>::TAG => Some(<$type as Subject>::KIND),)* _ => None }
        }

        /// The value of the record `bytes` under `key` as JSON; `None` where it is of no kind that
        /// bundles carry, or no record of its kind.
        pub fn show(key: &Key, bytes: &[u8]) -> Option<Value> {
            match key.tag() {
                $(<$type as Subject>::TAG => shown::<$type>(bytes),)*
                _ => None,
            }
        }
    };
}

kinds! {
    Party, Quota, Dataset, Jacket, Version, Offer, OfferRevision, UsedQuote, Agreement, Holding, Delivery,
    Consent, Scope, LegalBasis, Group, Account, Supply, Booking, ValidatorSet, Parameters,
    SideOwner, Anchored, Proposal, Governance, Misconduct, Protocol, Protests, PartyDecision,
    CompromisedKey, ConsentStart, TakenDown,
}

fn shown<T: Subject + serde::Serialize>(bytes: &[u8]) -> Option<Value> {
    let record = Record::<T>::decode(bytes).ok()?;
    // A value that would be encoded otherwise was not written by the rules.
    (record.encode() == bytes).then(|| serde_json::to_value(record.value).ok())?
}
