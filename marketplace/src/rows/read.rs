//! Reading rows: one record, or a page of them.

use super::{
    INDEX, Posting, RefusalRow, Rows, RowsError, STATE, index,
    page::{List, Page, PageStart, cut, name},
};
use crate::limits::PAGE_ROWS_MAX;
use borsh::BorshDeserialize;
use contracts::{
    agreement::{Agreement, Holding},
    basis::LegalBasis,
    consent::{Consent, ConsentStart, Scope},
    dataset::Dataset,
    delivery::Delivery,
    group::Group,
    id::*,
    jacket::Jacket,
    money::{Amount, Currency},
    offer::{Offer, OfferRevision},
    party::Party,
    settlement::Account,
    state::{Key, Reading, Record, Subject},
    version::Version,
    vocabulary::Purpose,
};
use serde::Serialize;

/// Whose agreements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgreementSide {
    /// Those that a party bought.
    Buyer(PartyId),
    /// Those that a party sold.
    Provider(PartyId),
    /// Those about a dataset.
    Dataset(DatasetId),
}

/// An offer with the revision in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfferRow {
    /// Its id.
    pub id: OfferId,
    /// The offer.
    pub offer: Offer,
    /// Terms and price in force.
    pub revision: OfferRevision,
}

impl Rows {
    /// A record by its key; `None` where there is none.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn get<T: Subject>(&self, key: &Key) -> Result<Option<T>, RowsError> {
        self.value(key).map_err(|fault| RowsError::Damaged(fault.to_string()))
    }

    /// A party.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn party(&self, id: &PartyId) -> Result<Option<Party>, RowsError> {
        self.get(&Party::key(id))
    }

    /// All parties, in the order of their ids.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn parties(&self, start: Option<&PageStart>, limit: usize) -> Result<Page<(PartyId, Party)>, RowsError> {
        self.subjects(start, limit, PartyId)
    }

    /// A dataset.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn dataset(&self, id: &DatasetId) -> Result<Option<Dataset>, RowsError> {
        self.get(&Dataset::key(id))
    }

    /// All datasets, in the order of their ids.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn datasets(&self, start: Option<&PageStart>, limit: usize) -> Result<Page<(DatasetId, Dataset)>, RowsError> {
        self.subjects(start, limit, DatasetId)
    }

    /// Datasets of a publisher, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn datasets_of(
        &self,
        publisher: &PartyId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<DatasetId>, RowsError> {
        self.names(index::DATASETS, &publisher.0, start, limit, DatasetId)
    }

    /// The jacket of a dataset, closed or not: whoever shows it decides what of it.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn jacket(&self, id: &DatasetId) -> Result<Option<Jacket>, RowsError> {
        self.get(&Jacket::key(id))
    }

    /// A version.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn version(&self, id: &VersionId) -> Result<Option<Version>, RowsError> {
        self.get(&Version::key(id))
    }

    /// All versions, in the order of their ids.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn all_versions(
        &self,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<(VersionId, Version)>, RowsError> {
        self.subjects(start, limit, VersionId)
    }

    /// Versions of a dataset, newest first, from number `below` down (exclusive; `None`: the newest).
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn versions(
        &self,
        dataset: &DatasetId,
        below: Option<u32>,
        limit: usize,
    ) -> Result<Vec<(VersionId, Version)>, RowsError> {
        let Some(known) = self.dataset(dataset)? else { return Ok(Vec::new()) };
        let newest = below.map_or(known.versions, |below| below.saturating_sub(1).min(known.versions));
        let numbers = (1..=newest).rev().take(limit).map(|number| VersionId::of(dataset, number));
        let one = |id: VersionId| {
            let version = self.version(&id)?.ok_or_else(|| RowsError::Damaged(format!("version {id} is missing")))?;
            Ok((id, version))
        };
        numbers.map(one).collect()
    }

    /// An offer with the revision in force.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn offer(&self, id: &OfferId) -> Result<Option<OfferRow>, RowsError> {
        let Some(offer) = self.get::<Offer>(&Offer::key(id))? else { return Ok(None) };
        let revision = self
            .offer_revision(id, offer.revision)?
            .ok_or_else(|| RowsError::Damaged(format!("revision {} of offer {id} is missing", offer.revision)))?;
        Ok(Some(OfferRow { id: *id, offer, revision }))
    }

    /// A revision of an offer.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn offer_revision(&self, id: &OfferId, revision: u32) -> Result<Option<OfferRevision>, RowsError> {
        self.get(&OfferRevision::key(id, revision))
    }

    /// Offers of a dataset, withdrawn ones included, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn offers_of(
        &self,
        dataset: &DatasetId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<OfferRow>, RowsError> {
        let page = self.names(index::OFFERS, &dataset.0, start, limit, OfferId)?;
        self.fill(page, |id| self.offer(id))
    }

    /// Offers of a dataset that are open, newest first. Where there is a next page, it has some.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn open_offers(
        &self,
        dataset: &DatasetId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<OfferRow>, RowsError> {
        let (mut open, mut start) = (Vec::new(), start.cloned());
        loop {
            let list = list(INDEX, &[&[index::OFFERS], dataset.0.as_slice()].concat());
            let page = self.back(index::OFFERS, &dataset.0, start.as_ref(), PAGE_ROWS_MAX, |suffix, _| {
                Ok((PageStart::new(list, suffix.to_vec()), OfferId(name(&suffix[12.min(suffix.len())..])?)))
            })?;
            for (place, id) in page.items {
                let row = self.offer(&id)?.ok_or_else(|| RowsError::Damaged(format!("offer {id} is missing")))?;
                if row.offer.withdrawn {
                    continue;
                }
                if open.len() == limit {
                    return Ok(Page { items: open, next: Some(place) });
                }
                open.push(row);
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(Page { items: open, next: None }),
            }
        }
    }

    /// Offers of a provider, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn offers_of_provider(
        &self,
        provider: &PartyId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<OfferRow>, RowsError> {
        let page = self.names(index::OFFERS_OF_PROVIDER, &provider.0, start, limit, OfferId)?;
        self.fill(page, |id| self.offer(id))
    }

    /// An agreement.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn agreement(&self, id: &AgreementId) -> Result<Option<Agreement>, RowsError> {
        self.get(&Agreement::key(id))
    }

    /// Agreements of a buyer, a provider, or about a dataset, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn agreements(
        &self,
        side: AgreementSide,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<(AgreementId, Agreement)>, RowsError> {
        let page = match side {
            AgreementSide::Buyer(party) => self.names(index::BOUGHT, &party.0, start, limit, AgreementId),
            AgreementSide::Provider(party) => self.names(index::SOLD, &party.0, start, limit, AgreementId),
            AgreementSide::Dataset(dataset) => self.names(index::LICENSED, &dataset.0, start, limit, AgreementId),
        }?;
        self.fill(page, |id| Ok(self.agreement(id)?.map(|agreement| (*id, agreement))))
    }

    /// The newest licence of a holder to a dataset.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn holding(&self, holder: &PartyId, dataset: &DatasetId) -> Result<Option<Holding>, RowsError> {
        self.get(&Holding::key(holder, dataset))
    }

    /// A delivery.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn delivery(&self, id: &DeliveryId) -> Result<Option<Delivery>, RowsError> {
        self.get(&Delivery::key(id))
    }

    /// Deliveries under an agreement, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn deliveries_of(
        &self,
        agreement: &AgreementId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<(DeliveryId, Delivery)>, RowsError> {
        let page = self.names(index::DELIVERIES, &agreement.0, start, limit, DeliveryId)?;
        self.fill(page, |id| Ok(self.delivery(id)?.map(|delivery| (*id, delivery))))
    }

    /// A consent.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn consent(&self, id: &ConsentId) -> Result<Option<Consent>, RowsError> {
        self.get(&Consent::key(id))
    }

    /// Consents for a dataset, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn consents_for(
        &self,
        dataset: &DatasetId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<(ConsentId, Consent)>, RowsError> {
        let page = self.names(index::CONSENTS, &dataset.0, start, limit, ConsentId)?;
        self.fill(page, |id| Ok(self.consent(id)?.map(|consent| (*id, consent))))
    }

    /// Consents that a custodian recorded, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn consents_of(
        &self,
        controller: &PartyId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<(ConsentId, Consent)>, RowsError> {
        let page = self.names(index::CONSENTS_OF_CONTROLLER, &controller.0, start, limit, ConsentId)?;
        self.fill(page, |id| Ok(self.consent(id)?.map(|consent| (*id, consent))))
    }

    /// What the consents for a dataset and purpose come to, and whether those in force speak of `version`.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn scope(
        &self,
        dataset: &DatasetId,
        purpose: Purpose,
        version: u32,
    ) -> Result<Option<(Scope, bool)>, RowsError> {
        let Some(scope) = self.get(&Scope::key(dataset, purpose))? else { return Ok(None) };
        let reach = ConsentStart::reaches(self, dataset, purpose, &scope, version);
        Ok(Some((scope, reach.map_err(|fault| RowsError::Damaged(fault.to_string()))?)))
    }

    /// Legal bases that are stated for a dataset, ended ones included.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn bases(&self, dataset: &DatasetId) -> Result<Vec<(Purpose, LegalBasis)>, RowsError> {
        let one = |purpose: &Purpose| -> Option<Result<(Purpose, LegalBasis), RowsError>> {
            let found: Result<Option<LegalBasis>, RowsError> = self.get(&LegalBasis::key(dataset, *purpose));
            found.transpose().map(|basis| basis.map(|basis| (*purpose, basis)))
        };
        Purpose::ALL.iter().filter_map(one).collect()
    }

    /// A group.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn group(&self, id: &GroupId) -> Result<Option<Group>, RowsError> {
        self.get(&Group::key(id))
    }

    /// Groups of an owner, in the order of their ids.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn groups_of(
        &self,
        owner: &PartyId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<(GroupId, Group)>, RowsError> {
        let prefix = [&[index::GROUPS], owner.0.as_slice()].concat();
        let list = list(INDEX, &prefix);
        let place = start.map(|start| start.within(&list)).transpose()?;
        let from = [prefix.as_slice(), place.unwrap_or_default()].concat();
        let rows = self.kv.scan(INDEX, &from, &prefix, limit.saturating_add(1))?;
        let page = cut(list, rows, limit, prefix.len(), |suffix, _| name(suffix).map(GroupId))?;
        self.fill(page, |id| Ok(self.group(id)?.map(|group| (*id, group))))
    }

    /// What a party has, in every currency in which it ever had something.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn accounts(&self, party: &PartyId) -> Result<Vec<(Currency, Amount)>, RowsError> {
        let prefix = [&[Account::TAG], party.0.as_slice()].concat();
        // ISO 4217 has fewer than 200 currencies.
        let rows = self.kv.scan(STATE, &prefix, &prefix, 256)?;
        let one = |(key, value): (Vec<u8>, Vec<u8>)| {
            let account = Record::<Account>::decode(&value).map_err(RowsError::Damaged)?;
            let code = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            let currency = code.parse().map_err(|_| RowsError::Damaged(format!("account in `{code}`")))?;
            Ok((currency, account.value.balance))
        };
        rows.into_iter().map(one).collect()
    }

    /// Lines of an account, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn statement(
        &self,
        party: &PartyId,
        currency: Currency,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<Posting>, RowsError> {
        let owner = [party.0.as_slice(), currency.code().as_bytes()].concat();
        self.rows_of(index::POSTINGS, &owner, start, limit)
    }

    /// Refusals of a party, newest first.
    ///
    /// # Errors
    /// [`RowsError`].
    pub fn refusals(
        &self,
        party: &PartyId,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<RefusalRow>, RowsError> {
        self.rows_of(index::REFUSALS, &party.0, start, limit)
    }

    fn subjects<T: Subject, Id>(
        &self,
        start: Option<&PageStart>,
        limit: usize,
        id: impl Fn([u8; 32]) -> Id,
    ) -> Result<Page<(Id, T)>, RowsError> {
        let prefix = [T::TAG];
        let list = list(STATE, &prefix);
        let place = start.map(|start| start.within(&list)).transpose()?;
        let from = [&prefix[..], place.unwrap_or_default()].concat();
        let rows = self.kv.scan(STATE, &from, &prefix, limit.saturating_add(1))?;
        cut(list, rows, limit, 1, |suffix, value| {
            Ok((id(name(suffix)?), Record::<T>::decode(value).map_err(RowsError::Damaged)?.value))
        })
    }

    /// Names at the end of index keys, newest first.
    fn names<Id, const N: usize>(
        &self,
        tag: u8,
        owner: &[u8],
        start: Option<&PageStart>,
        limit: usize,
        id: impl Fn([u8; N]) -> Id,
    ) -> Result<Page<Id>, RowsError> {
        self.back(tag, owner, start, limit, |suffix, _| name(&suffix[12.min(suffix.len())..]).map(&id))
    }

    fn rows_of<T: BorshDeserialize>(
        &self,
        tag: u8,
        owner: &[u8],
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<T>, RowsError> {
        self.back(tag, owner, start, limit, |_, value| {
            T::try_from_slice(value).map_err(|error| RowsError::Damaged(error.to_string()))
        })
    }

    fn back<T>(
        &self,
        tag: u8,
        owner: &[u8],
        start: Option<&PageStart>,
        limit: usize,
        row: impl Fn(&[u8], &[u8]) -> Result<T, RowsError>,
    ) -> Result<Page<T>, RowsError> {
        let prefix = [&[tag], owner].concat();
        // Above every key of this owner: heights never reach 2^64 - 1.
        let newest = [0xff; 12];
        let list = list(INDEX, &prefix);
        let place = start.map(|start| start.within(&list)).transpose()?;
        let from = [prefix.as_slice(), place.unwrap_or(&newest)].concat();
        let rows = self.kv.scan_back(INDEX, &from, &prefix, limit.saturating_add(1))?;
        cut(list, rows, limit, prefix.len(), row)
    }

    fn fill<Id, T>(
        &self,
        page: Page<Id>,
        read: impl Fn(&Id) -> Result<Option<T>, RowsError>,
    ) -> Result<Page<T>, RowsError> {
        let one = |id: &Id| read(id)?.ok_or_else(|| RowsError::Damaged("an index names what is not there".into()));
        Ok(Page { items: page.items.iter().map(one).collect::<Result<_, _>>()?, next: page.next })
    }
}

/// The rows of a family whose keys start with `prefix`, as a list: the prefix says of what and whose.
fn list(family: &str, prefix: &[u8]) -> List {
    List::of(&[b"rows", family.as_bytes(), prefix])
}
