//! Which timelines, lists, identifiers and names a block's facts belong to.
//!
//! A refusal is a fact too: it stands in the timeline of everything that its action named, so that
//! a regulator sees who was refused what, and why, beside what was allowed.

use super::{
    At, BlockRow, Index, IndexError, Kind, ListKind, Row, Thing, family, govern, names,
    rows::{decode, encode},
};
use contracts::{
    action::Action,
    agreement::Agreement,
    consent::Consent,
    dataset::Dataset,
    event::Event,
    founding::Founding,
    id::*,
    jacket::Jacket,
    offer::Offer,
    outcome::Outcome,
    side::SideOwner,
    state::{Fault, Key, Reading, View},
};
use ledger::{
    api::follow::{Followed, FollowedItem},
    store::kv::{Batch, Kv},
};
use std::collections::{BTreeMap, BTreeSet};

/// Family, key, and the value; none to remove what is there.
type Write = (&'static str, Vec<u8>, Option<Vec<u8>>);

/// Writes of one batch, with the counts they change.
#[derive(Default)]
pub(super) struct Rows {
    writes: Vec<Write>,
    counts: BTreeMap<Vec<u8>, u64>,
}

impl Rows {
    pub fn put(&mut self, family: &'static str, key: &[u8], value: &[u8]) {
        self.writes.push((family, key.to_vec(), Some(value.to_vec())));
    }

    fn delete(&mut self, family: &'static str, key: &[u8]) {
        self.writes.push((family, key.to_vec(), None));
    }

    fn about(&mut self, thing: &Thing, at: At) {
        let key = thing.key();
        self.put(family::ABOUT, &[key.as_slice(), &at.bytes()].concat(), &[]);
        *self.counts.entry([b"a".as_slice(), &key].concat()).or_default() += 1;
    }

    pub(super) fn list(&mut self, list: ListKind, scopes: &[Thing], at: At, id: &[u8]) {
        let scopes: BTreeSet<Option<Thing>> = scopes.iter().copied().map(Some).chain([None]).collect();
        for scope in scopes {
            let key = list_key(list, scope.as_ref());
            self.put(family::LISTS, &[key.as_slice(), &at.bytes()].concat(), id);
            *self.counts.entry([b"l".as_slice(), &key].concat()).or_default() += 1;
        }
    }

    pub(super) fn id(&mut self, id: &[u8], kind: Kind, target: &[u8]) {
        self.put(family::IDS, &[id, &[kind as u8]].concat(), target);
    }

    pub(super) fn name(&mut self, text: &str, thing: &Thing) {
        for word in names::words(text) {
            self.put(family::NAMES, &names::key(&word, thing), &[]);
        }
    }

    pub(super) fn unname(&mut self, text: &str, thing: &Thing) {
        for word in names::words(text) {
            self.delete(family::NAMES, &names::key(&word, thing));
        }
    }

    /// Adds the counts to those stored.
    fn count(&mut self, kv: &Kv) -> Result<(), IndexError> {
        for (key, more) in std::mem::take(&mut self.counts) {
            let now = match kv.get(family::COUNTS, &key)? {
                None => 0,
                Some(bytes) => decode::<u64>("count", &bytes)?,
            };
            self.put(family::COUNTS, &key, &encode(&(now + more)));
        }
        Ok(())
    }

    pub fn into_batch(self) -> Batch {
        let mut batch = Batch::default();
        for (family, key, value) in self.writes {
            match value {
                Some(value) => batch.put(family, key, value),
                None => batch.delete(family, key),
            }
        }
        batch
    }
}

/// The beginning of the keys of a list.
pub(super) fn list_key(list: ListKind, scope: Option<&Thing>) -> [u8; 34] {
    let mut key = [0; 34];
    key[0] = list as u8;
    if let Some(scope) = scope {
        key[1..].copy_from_slice(&scope.key());
    }
    key
}

/// The state after a block, before it is written.
pub(super) struct After<'a> {
    pub index: &'a Index,
    changes: &'a BTreeMap<Key, Vec<u8>>,
}

impl View for After<'_> {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        match self.changes.get(key) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => View::read(self.index, key),
        }
    }
}

/// The founding parties, validators and parameters.
pub(super) fn rows_of_founding(
    index: &Index,
    founding: &Founding,
    state: &BTreeMap<Key, Vec<u8>>,
) -> Result<Rows, IndexError> {
    let mut rows = Rows::default();
    for (key, value) in state {
        rows.put(family::STATE, key.as_bytes(), value);
    }
    for (place, founder) in founding.founders.iter().enumerate() {
        let Some(id) = founder.id() else { continue };
        let at = At { height: 0, place: place as u32, event: 0 };
        rows.list(ListKind::Parties, &[], at, id.as_bytes());
        rows.id(id.as_bytes(), Kind::Party, id.as_bytes());
        founder.keys.iter().for_each(|key| rows.id(&key.key.0, Kind::Party, id.as_bytes()));
        rows.name(&founder.name, &Thing::new(Kind::Party, id.as_bytes()));
    }
    govern::found(&mut rows, &founding.validators);
    rows.count(index.kv())?;
    Ok(rows)
}

/// Every row of one executed block.
pub(super) fn rows_of_block(
    index: &Index,
    followed: &Followed,
    changes: &BTreeMap<Key, Vec<u8>>,
) -> Result<(Rows, BlockRow), IndexError> {
    let mut rows = Rows::default();
    let height = followed.height;
    let after = After { index, changes };
    for (key, value) in changes {
        rows.put(family::STATE, key.as_bytes(), value);
    }
    for (place, item) in followed.items.iter().enumerate() {
        rows_of_item(&mut rows, &after, item, At { height, place: place as u32, event: 0 })?;
    }
    for key in changes.keys().filter(|key| key.tag() == <Jacket as contracts::state::Subject>::TAG) {
        rename(&mut rows, index, &after, key)?;
    }
    let refused = followed.items.iter().filter(|item| matches!(item.outcome, Outcome::Refused { .. })).count();
    let first_index = followed.head.size - 1 - u64::from(followed.entry.transactions);
    let block = BlockRow { entry: followed.entry, id: followed.block_id, refused: refused as u32, first_index };
    rows.put(family::BLOCKS, &height.to_be_bytes(), &encode(&block));
    for digest in [&block.id, &block.entry.state_root] {
        rows.id(digest.as_bytes(), Kind::Block, &height.to_be_bytes());
    }
    rows.count(index.kv())?;
    Ok((rows, block))
}

fn rows_of_item(rows: &mut Rows, after: &After, item: &FollowedItem, at: At) -> Result<(), IndexError> {
    let body = &item.transaction.body;
    let row = Row {
        id: item.id,
        index: item.index,
        transaction: item.transaction.clone(),
        outcome: item.outcome,
        events: item.events.clone(),
    };
    rows.put(family::ROWS, &at.row_key(), &encode(&row));
    rows.id(item.id.as_bytes(), Kind::Transaction, &at.bytes());
    let sender = Thing::new(Kind::Party, body.sender.as_bytes());
    rows.list(ListKind::Transactions, &[sender], at, item.id.as_bytes());
    for (number, event) in item.events.iter().enumerate() {
        let at = At { event: number as u16, ..at };
        let mut things = things_of_event(after, event, &body.action)?;
        things.insert(sender);
        things.iter().for_each(|thing| rows.about(thing, at));
        let scopes: Vec<Thing> = things.into_iter().collect();
        list_event(rows, event, &scopes, at, item);
        govern::list_event(rows, after, event, &scopes, at)?;
    }
    Ok(())
}

/// Lists and identifiers that an event adds to.
fn list_event(rows: &mut Rows, event: &Event, scopes: &[Thing], at: At, item: &FollowedItem) {
    let mut add = |list, kind, id: &[u8]| {
        rows.list(list, scopes, at, id);
        rows.id(id, kind, id);
    };
    match event {
        Event::Refused { .. } => rows.list(ListKind::Refusals, scopes, at, item.id.as_bytes()),
        Event::PartyApplied { party, name, key } => {
            add(ListKind::Parties, Kind::Party, party.as_bytes());
            rows.id(&key.0, Kind::Party, party.as_bytes());
            rows.name(name, &Thing::new(Kind::Party, party.as_bytes()));
        }
        Event::KeyAdded { party, key, .. } => rows.id(&key.0, Kind::Party, party.as_bytes()),
        Event::GroupSet { group, .. } if group.0 == item.id.0 => {
            add(ListKind::Groups, Kind::Group, group.as_bytes());
        }
        Event::DatasetPublished { dataset, .. } => add(ListKind::Datasets, Kind::Dataset, dataset.as_bytes()),
        Event::VersionAdded { dataset, version, blake3, sha256, number, parents, .. } => {
            add(ListKind::Versions, Kind::Version, version.as_bytes());
            if !parents.is_empty() {
                let from: Vec<_> = parents.iter().map(|parent| Thing::new(Kind::Version, parent.as_bytes())).collect();
                rows.list(ListKind::Derived, &from, at, version.as_bytes());
            }
            let target = [dataset.as_bytes(), &number.to_be_bytes()].concat();
            for id in [version.as_bytes(), blake3.as_bytes(), sha256.as_bytes()] {
                rows.id(id, Kind::Version, &target);
            }
        }
        Event::OfferMade { offer, revision: 1, .. } => add(ListKind::Offers, Kind::Offer, offer.as_bytes()),
        Event::Bought { agreement, .. } => add(ListKind::Agreements, Kind::Agreement, agreement.as_bytes()),
        Event::Delivered { delivery, .. } => add(ListKind::Deliveries, Kind::Delivery, delivery.as_bytes()),
        Event::ConsentChanged { consent, state: contracts::consent::ConsentState::Given, .. } => {
            add(ListKind::Consents, Kind::Consent, consent.as_bytes());
        }
        _ => {}
    }
}

/// Everything that an event is about, its sender apart.
fn things_of_event(after: &After, event: &Event, action: &Action) -> Result<BTreeSet<Thing>, IndexError> {
    let mut things = Things { after, found: BTreeSet::new() };
    match event {
        Event::Refused { sender, .. } => {
            things.party(sender);
            things.action(sender, action)?;
        }
        Event::PartyApplied { party, .. }
        | Event::KeyAdded { party, .. }
        | Event::KeyRevoked { party, .. }
        | Event::Minted { party, .. }
        | Event::Burned { party, .. } => things.party(party),
        Event::PartyAdmitted { party, by, .. } | Event::PartySuspended { party, by, .. } => {
            things.party(party);
            things.party(by);
        }
        Event::GroupSet { group, owner, .. } => {
            things.add(Kind::Group, group.as_bytes());
            things.party(owner);
        }
        Event::DatasetPublished { dataset, .. }
        | Event::DatasetRevised { dataset, .. }
        | Event::DatasetListed { dataset, .. }
        | Event::StepRecorded { dataset, .. }
        | Event::SideTakenDown { dataset, .. } => things.dataset(dataset)?,
        Event::VersionAdded { dataset, version, .. } => {
            things.dataset(dataset)?;
            things.add(Kind::Version, version.as_bytes());
        }
        Event::OfferMade { offer, dataset, .. } | Event::OfferWithdrawn { offer, dataset } => {
            things.add(Kind::Offer, offer.as_bytes());
            things.dataset(dataset)?;
        }
        Event::Bought { agreement, .. } | Event::Renewed { agreement, .. } | Event::Revoked { agreement, .. } => {
            things.agreement(agreement)?;
        }
        Event::Delivered { delivery, agreement, version, gateway, .. } => {
            things.add(Kind::Delivery, delivery.as_bytes());
            things.agreement(agreement)?;
            things.add(Kind::Version, version.as_bytes());
            things.party(gateway);
        }
        Event::ConsentChanged { consent, dataset, controller, .. } => {
            things.add(Kind::Consent, consent.as_bytes());
            things.dataset(dataset)?;
            things.party(controller);
        }
        Event::ConsentExcluded { consent, dataset, .. } => {
            things.add(Kind::Consent, consent.as_bytes());
            things.dataset(dataset)?;
        }
        Event::BasisStated { dataset, controller, .. } => {
            things.dataset(dataset)?;
            things.party(controller);
        }
        Event::Paid { from, to, .. } => {
            things.party(from);
            things.party(to);
        }
        Event::PartyDecided { party, .. } => things.party(party),
        Event::SideBodyTakenDown { owner, by, .. } => {
            things.party(owner);
            things.party(by);
        }
        Event::Proposed { .. }
        | Event::Approved { .. }
        | Event::SetPassed { .. }
        | Event::SetReady { .. }
        | Event::SetChanged { .. }
        | Event::ParametersChanged { .. }
        | Event::Accused { .. }
        | Event::Protested { .. }
        | Event::ProtocolDecided { .. } => {}
    }
    govern::things_of_event(after, event, action, &mut things.found)?;
    Ok(things.found)
}

struct Things<'a> {
    after: &'a After<'a>,
    found: BTreeSet<Thing>,
}

impl Things<'_> {
    fn add(&mut self, kind: Kind, id: &[u8]) {
        self.found.insert(Thing::new(kind, id));
    }

    fn party(&mut self, party: &PartyId) {
        self.add(Kind::Party, party.as_bytes());
    }

    /// A dataset and, where it exists, its publisher.
    fn dataset(&mut self, dataset: &DatasetId) -> Result<(), IndexError> {
        self.add(Kind::Dataset, dataset.as_bytes());
        if let Some(found) = self.after.value::<Dataset>(&Dataset::key(dataset))? {
            self.party(&found.publisher);
        }
        Ok(())
    }

    fn offer(&mut self, offer: &OfferId) -> Result<(), IndexError> {
        self.add(Kind::Offer, offer.as_bytes());
        match self.after.value::<Offer>(&Offer::key(offer))? {
            Some(found) => self.dataset(&found.dataset),
            None => Ok(()),
        }
    }

    /// An agreement with its two sides, dataset and offer.
    fn agreement(&mut self, agreement: &AgreementId) -> Result<(), IndexError> {
        self.add(Kind::Agreement, agreement.as_bytes());
        let Some(found) = self.after.value::<Agreement>(&Agreement::key(agreement))? else { return Ok(()) };
        self.party(&found.buyer);
        self.party(&found.provider);
        self.offer(&found.offer)
    }

    fn consent(&mut self, consent: &ConsentId) -> Result<(), IndexError> {
        self.add(Kind::Consent, consent.as_bytes());
        match self.after.value::<Consent>(&Consent::key(consent))? {
            Some(found) => self.dataset(&found.dataset),
            None => Ok(()),
        }
    }

    /// Whose a side body is.
    fn side(&mut self, side: &SideId) -> Result<(), IndexError> {
        if let Some(SideOwner { owner }) = self.after.value(&SideOwner::key(side))? {
            self.party(&owner);
        }
        Ok(())
    }

    /// What a refused action named.
    fn action(&mut self, sender: &PartyId, action: &Action) -> Result<(), IndexError> {
        match action {
            Action::Apply(_) | Action::AddKey(_) | Action::RevokeKey(_) => {}
            Action::Admit(action) => self.party(&action.party),
            Action::Suspend(action) => self.party(&action.party),
            Action::SetGroup(action) => {
                if let Some(group) = &action.group {
                    self.add(Kind::Group, group.as_bytes());
                }
            }
            Action::Publish(action) => self.dataset(&action.id(sender))?,
            Action::Revise(action) => self.dataset(&action.dataset)?,
            Action::List(action) => self.dataset(&action.dataset)?,
            Action::AddVersion(action) => self.dataset(&action.dataset)?,
            Action::RecordStep(action) => self.dataset(&action.dataset)?,
            Action::TakeDown(action) => self.dataset(&action.dataset)?,
            Action::TakeSideDown(action) => self.side(&action.side)?,
            Action::MakeOffer(action) => self.dataset(&action.dataset)?,
            Action::ReviseOffer(action) => self.offer(&action.offer)?,
            Action::WithdrawOffer(action) => self.offer(&action.offer)?,
            Action::Buy(action) => self.offer(&action.offer)?,
            Action::Renew(action) => self.agreement(&action.agreement)?,
            Action::Revoke(action) => self.agreement(&action.agreement)?,
            Action::Deliver(action) => {
                self.agreement(&action.agreement)?;
                self.add(Kind::Version, action.version.as_bytes());
            }
            Action::GiveConsent(action) => {
                self.add(Kind::Consent, action.consent.as_bytes());
                self.dataset(&action.dataset)?;
            }
            Action::EndConsent(action) => self.consent(&action.consent)?,
            Action::StateBasis(action) => self.dataset(&action.dataset)?,
            Action::Mint(action) => self.party(&action.party),
            Action::Burn(action) => self.party(&action.party),
            Action::Propose(_) | Action::Approve(_) | Action::Ready(_) | Action::Accuse(_) | Action::Protest(_) => {
                govern::things_of_action(action, &mut self.found);
            }
        }
        Ok(())
    }
}

/// Puts the words of a changed jacket's title in place of the old one's.
fn rename(rows: &mut Rows, index: &Index, after: &After, key: &Key) -> Result<(), IndexError> {
    let id: [u8; 32] = key.as_bytes()[1..].try_into().map_err(|_| IndexError::Damaged("key of a jacket"))?;
    let (dataset, thing) = (DatasetId(id), Thing::new(Kind::Dataset, &id));
    let name = |view: &dyn View| -> Result<Option<String>, IndexError> {
        let Some(jacket) = view.value::<Jacket>(key)? else { return Ok(None) };
        let Some(found) = view.value::<Dataset>(&Dataset::key(&dataset))? else { return Ok(None) };
        Ok(Some(dataset_name(&found, &jacket)))
    };
    let (before, now) = (name(index)?, name(after)?);
    if before != now {
        before.iter().for_each(|text| rows.unname(text, &thing));
        now.iter().for_each(|text| rows.name(text, &thing));
    }
    Ok(())
}

/// The words by which a dataset is found.
pub(super) fn dataset_name(dataset: &Dataset, jacket: &Jacket) -> String {
    format!("{} {} {}", jacket.title, dataset.identifier, dataset.catalogue)
}
