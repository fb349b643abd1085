//! Which records belong beside a subject: what its events name, and what its value points to.

use super::kind_of;
use contracts::{
    agreement::Agreement,
    consent::{Consent, Scope},
    dataset::Dataset,
    delivery::Delivery,
    event::Event,
    jacket::Jacket,
    offer::{Offer, OfferRevision},
    party::Party,
    state::{Key, Record, Subject},
    version::Version,
};
use std::collections::BTreeSet;

/// Keys of the records that a bundle about the record `value` under `key` should carry, given the
/// events of its history. Whoever makes a bundle may leave some out; all are proven one by one.
pub fn related<'a>(key: &Key, value: &[u8], events: impl IntoIterator<Item = &'a Event>) -> BTreeSet<Key> {
    let mut found: BTreeSet<Key> = events.into_iter().flat_map(Event::subjects).collect();
    found.extend(pointed_to(key, value));
    found.retain(|other| other != key && kind_of(other).is_some());
    found
}

fn value<T: Subject>(bytes: &[u8]) -> Option<T> {
    Record::decode(bytes).ok().map(|record| record.value)
}

fn pointed_to(key: &Key, bytes: &[u8]) -> Vec<Key> {
    let keys = match key.tag() {
        Dataset::TAG => value(bytes).map(|dataset: Dataset| {
            let jacket = [&[Jacket::TAG], &key.as_bytes()[1..]].concat();
            vec![Party::key(&dataset.publisher), Key::from_bytes(jacket)]
        }),
        Version::TAG => value(bytes).map(|version: Version| {
            let parents = version.parents.iter().map(Version::key);
            parents.chain([Dataset::key(&version.dataset)]).collect()
        }),
        Offer::TAG => value(bytes).map(|offer: Offer| vec![Dataset::key(&offer.dataset), Party::key(&offer.provider)]),
        Agreement::TAG => value(bytes).map(|agreement: Agreement| {
            vec![
                Party::key(&agreement.buyer),
                Party::key(&agreement.provider),
                Dataset::key(&agreement.dataset),
                Jacket::key(&agreement.dataset),
                Offer::key(&agreement.offer),
                OfferRevision::key(&agreement.offer, agreement.revision),
            ]
        }),
        Delivery::TAG => value(bytes).map(|delivery: Delivery| {
            vec![Agreement::key(&delivery.agreement), Version::key(&delivery.version), Party::key(&delivery.gateway)]
        }),
        Consent::TAG => value(bytes).map(|consent: Consent| {
            let scopes = consent.purposes.iter().map(|purpose| Scope::key(&consent.dataset, *purpose));
            scopes.chain([Dataset::key(&consent.dataset), Party::key(&consent.controller)]).collect()
        }),
        _ => None,
    };
    keys.unwrap_or_default()
}
