//! Secondary indexes: who has what, newest last, so that a page reads them backwards.
//!
//! A key is `tag ‖ owner ‖ height ‖ place ‖ name`; place is the event's number in the block, so two
//! rows never share a key and the order is that of the ledger.

use super::{INDEX, Rows, RowsError};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    dataset::Dataset,
    event::Event,
    execute::Executed,
    id::{AgreementId, DatasetId, Height, PartyId, TimeMs, TransactionId},
    money::{Amount, Currency},
    rejection::Rejection,
    settlement::Account,
    state::{Reading, Record},
};
use ledger::{api::follow::FollowedItem, store::kv::Batch};
use serde::Serialize;
use std::collections::BTreeMap;

/// Datasets of a publisher.
pub(super) const DATASETS: u8 = 1;
/// Offers of a dataset.
pub(super) const OFFERS: u8 = 2;
/// Offers of a provider.
pub(super) const OFFERS_OF_PROVIDER: u8 = 3;
/// Agreements of a buyer.
pub(super) const BOUGHT: u8 = 4;
/// Agreements of a provider.
pub(super) const SOLD: u8 = 5;
/// Agreements about a dataset.
pub(super) const LICENSED: u8 = 6;
/// Deliveries under an agreement.
pub(super) const DELIVERIES: u8 = 7;
/// Consents for a dataset.
pub(super) const CONSENTS: u8 = 8;
/// Consents that a custodian recorded.
pub(super) const CONSENTS_OF_CONTROLLER: u8 = 9;
/// Postings of an account: the owner is party and currency.
pub(super) const POSTINGS: u8 = 10;
/// Refusals of a party.
pub(super) const REFUSALS: u8 = 11;
/// Groups of an owner.
pub(super) const GROUPS: u8 = 12;

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Posting {
    /// By which transaction.
    pub transaction: TransactionId,
    /// In which block.
    pub height: Height,
    /// When.
    pub time_ms: TimeMs,
    /// What it was.
    pub kind: PostingKind,
    /// How much.
    pub amount: Amount,
    /// The other side, where there is one.
    pub counterparty: Option<PartyId>,
    /// What it was for, where it was a licence.
    pub dataset: Option<DatasetId>,
    /// Which licence.
    pub agreement: Option<AgreementId>,
    /// It prolonged the licence; otherwise it bought it.
    pub renewal: bool,
    /// The balance after it.
    pub balance: Amount,
}

/// What a posting was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PostingKind {
    /// Paid in at a bank.
    Minted,
    /// Paid out at a bank.
    Burned,
    /// Received from another party.
    Received,
    /// Paid to another party.
    Paid,
}

/// A refusal as a row.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct RefusalRow {
    /// Which transaction.
    pub transaction: TransactionId,
    /// In which block.
    pub height: Height,
    /// When.
    pub time_ms: TimeMs,
    /// The action's permanent tag.
    pub action: u8,
    /// Why.
    pub rejection: Rejection,
}

/// The licence that a payment is for.
#[derive(Clone, Copy)]
struct About {
    dataset: DatasetId,
    agreement: AgreementId,
    renewal: bool,
}

impl About {
    fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Bought { dataset, agreement, .. } => {
                Some(Self { dataset: *dataset, agreement: *agreement, renewal: false })
            }
            Event::Renewed { dataset, agreement, .. } => {
                Some(Self { dataset: *dataset, agreement: *agreement, renewal: true })
            }
            _ => None,
        }
    }
}

/// One side of a movement of money.
struct Moved {
    party: PartyId,
    currency: Currency,
    kind: PostingKind,
    amount: Amount,
    counterparty: Option<PartyId>,
}

struct Writer<'a> {
    rows: &'a Rows,
    executed: &'a Executed,
    batch: &'a mut Batch,
    height: Height,
    time_ms: TimeMs,
    place: u32,
    /// Balances as they are between the events of the block.
    balances: BTreeMap<(PartyId, Currency), Amount>,
}

pub(super) fn write(
    rows: &Rows,
    height: Height,
    time_ms: TimeMs,
    items: &[FollowedItem],
    executed: &Executed,
    batch: &mut Batch,
) -> Result<(), RowsError> {
    let mut writer = Writer { rows, executed, batch, height, time_ms, place: 0, balances: BTreeMap::new() };
    for (item, done) in items.iter().zip(&executed.done) {
        let about = done.events.iter().find_map(About::of);
        for event in &done.events {
            writer.event(item.id, event, about)?;
            writer.place += 1;
        }
    }
    Ok(())
}

impl Writer<'_> {
    fn event(&mut self, id: TransactionId, event: &Event, about: Option<About>) -> Result<(), RowsError> {
        match event {
            Event::Refused { sender, action, rejection } => {
                let row = RefusalRow {
                    transaction: id,
                    height: self.height,
                    time_ms: self.time_ms,
                    action: *action,
                    rejection: rejection.clone(),
                };
                self.put(REFUSALS, &[&sender.0], &[], &row);
            }
            Event::DatasetPublished { dataset, publisher, .. } => self.mark(DATASETS, &publisher.0, &dataset.0),
            Event::OfferMade { offer, dataset, revision: 1, .. } => {
                self.mark(OFFERS, &dataset.0, &offer.0);
                let provider = self.publisher(dataset)?;
                self.mark(OFFERS_OF_PROVIDER, &provider.0, &offer.0);
            }
            Event::Bought { agreement, buyer, provider, dataset, .. } => {
                self.mark(BOUGHT, &buyer.0, &agreement.0);
                self.mark(SOLD, &provider.0, &agreement.0);
                self.mark(LICENSED, &dataset.0, &agreement.0);
            }
            Event::Delivered { delivery, agreement, .. } => self.mark(DELIVERIES, &agreement.0, &delivery.0),
            Event::ConsentChanged { consent, dataset, controller, state: contracts::consent::ConsentState::Given } => {
                self.mark(CONSENTS, &dataset.0, &consent.0);
                self.mark(CONSENTS_OF_CONTROLLER, &controller.0, &consent.0);
            }
            // Written anew at each change under the same key: a group is one row, not one for each change.
            Event::GroupSet { group, owner, .. } => {
                self.batch.put(INDEX, [&[GROUPS], owner.0.as_slice(), &group.0].concat(), Vec::new());
            }
            Event::Minted { party, amount, currency, .. } => {
                let (party, currency, kind, amount) = (*party, *currency, PostingKind::Minted, *amount);
                self.posting(id, Moved { party, currency, kind, amount, counterparty: None }, about)?;
            }
            Event::Burned { party, amount, currency, .. } => {
                let (party, currency, kind, amount) = (*party, *currency, PostingKind::Burned, *amount);
                self.posting(id, Moved { party, currency, kind, amount, counterparty: None }, about)?;
            }
            Event::Paid { from, to, amount, currency } => {
                for (party, kind, other) in [(*from, PostingKind::Paid, *to), (*to, PostingKind::Received, *from)] {
                    let (currency, amount, counterparty) = (*currency, *amount, Some(other));
                    self.posting(id, Moved { party, currency, kind, amount, counterparty }, about)?;
                    self.place += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The publisher of a dataset, which may have been published in this very block.
    fn publisher(&self, dataset: &DatasetId) -> Result<PartyId, RowsError> {
        let damaged = |reason: String| RowsError::Damaged(reason);
        let key = Dataset::key(dataset);
        let dataset = match self.executed.changes.get(&key) {
            Some(bytes) => Some(Record::<Dataset>::decode(bytes).map_err(damaged)?.value),
            None => self.rows.value(&key).map_err(|fault| damaged(fault.to_string()))?,
        };
        dataset.map(|dataset| dataset.publisher).ok_or_else(|| damaged(format!("no dataset under {key}")))
    }

    fn posting(&mut self, transaction: TransactionId, moved: Moved, about: Option<About>) -> Result<(), RowsError> {
        let Moved { party, currency, kind, amount, counterparty } = moved;
        let before = match self.balances.get(&(party, currency)) {
            Some(balance) => *balance,
            None => {
                let account: Option<Account> = self
                    .rows
                    .value(&Account::key(&party, currency))
                    .map_err(|fault| RowsError::Damaged(fault.to_string()))?;
                account.unwrap_or_default().balance
            }
        };
        let balance = match kind {
            PostingKind::Minted | PostingKind::Received => before.plus(amount),
            PostingKind::Burned | PostingKind::Paid => before.minus(amount),
        };
        let balance = balance.ok_or_else(|| RowsError::Damaged(format!("account of {party} in {currency}")))?;
        self.balances.insert((party, currency), balance);
        let row = Posting {
            transaction,
            height: self.height,
            time_ms: self.time_ms,
            kind,
            amount,
            counterparty,
            dataset: about.map(|about| about.dataset),
            agreement: about.map(|about| about.agreement),
            renewal: about.is_some_and(|about| about.renewal),
            balance,
        };
        self.put(POSTINGS, &[&party.0, currency.code().as_bytes()], &[], &row);
        Ok(())
    }

    fn mark(&mut self, tag: u8, owner: &[u8], name: &[u8]) {
        let key = self.key(tag, &[owner], name);
        self.batch.put(INDEX, key, Vec::new());
    }

    fn put(&mut self, tag: u8, owner: &[&[u8]], name: &[u8], row: &impl BorshSerialize) {
        let key = self.key(tag, owner, name);
        self.batch.put(INDEX, key, borsh::to_vec(row).expect("writing to memory does not fail"));
    }

    fn key(&self, tag: u8, owner: &[&[u8]], name: &[u8]) -> Vec<u8> {
        let (height, place) = (self.height.to_be_bytes(), self.place.to_be_bytes());
        [&[tag], owner.concat().as_slice(), &height, &place, name].concat()
    }
}
