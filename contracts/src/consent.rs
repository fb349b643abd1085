//! Consents: given for a dataset from one version on and for purposes, withdrawn, excluded.
//!
//! The ledger holds random ids, commitments and states, nothing about a person; records live in a
//! vault (`consent-and-erasure`, EDPB 02/2025). What a delivery needs to know of many consents is
//! summed up in one record for dataset and purpose, the [`Scope`], so a decision costs one read
//! however many people there are.
//!
//! When a consent ends, every version that exists is blocked for its purposes. A later version that
//! attests to leave that subject out may be delivered once no ended consent is outstanding. Older
//! versions stay blocked, also those from before the consent: that errs on the careful side. For the
//! same reason leaving somebody out whose consent is in force closes the older versions at once, so
//! that nobody need look for them when it ends later. A consent that ends before its data have come
//! blocks nothing yet, and the version they come with unless that one leaves the subject out.

use crate::{
    action::{Call, Rule},
    dataset::{Dataset, require},
    event::Event,
    id::{ConsentId, DatasetId, Digest, PartyId, TimeMs},
    limits::CONSENT_DAYS_MAX,
    party::{Party, Role, require_role},
    rejection::{Malformed, Rejection, Stop},
    state::{Fault, Key, Reading, Subject, View},
    vocabulary::{Purpose, ascending},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 86_400_000;

/// One consent.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Consent {
    /// Who recorded it and answers for it: an organisation.
    pub controller: PartyId,
    /// For which dataset.
    pub dataset: DatasetId,
    /// From which version on.
    pub since_version: u32,
    /// What for.
    pub purposes: Vec<Purpose>,
    /// Where it stands (states of the Data Privacy Vocabulary 2.3).
    pub state: ConsentState,
    /// SHA-256 of the notice that the subject saw.
    pub notice: Digest,
    /// From when.
    pub from_ms: TimeMs,
    /// Until which day (days since 1970), at its start.
    pub until_day: u32,
    /// Blinded root over the fields of the record (ISO/IEC TS 27560).
    pub record: Digest,
    /// The version that leaves the subject out.
    pub excluded_in: Option<u32>,
}

/// Where a consent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ConsentState {
    /// Given by the subject.
    Given = 0,
    /// Withdrawn by the subject.
    Withdrawn = 1,
    /// Revoked by another.
    Revoked = 2,
    /// Invalidated by an authority.
    Invalidated = 3,
    /// Objected to by the subject.
    Objected = 4,
    /// Its time is over.
    Expired = 5,
}

/// All consents for one dataset and purpose, summed up for decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Scope {
    /// Consents in force that the newest version rests on.
    pub required: u32,
    /// Ended consents whose subjects the newest version still holds.
    pub outstanding: u32,
    /// Consents that ended before the next version, with which their data were to come.
    pub pending: u32,
    /// The first version that no ended consent touches.
    pub clean_from: u32,
    /// How many of the required ones end on which day, days ascending.
    pub ends: Vec<EndsOn>,
}

/// From which version on the consents in force for one dataset and purpose are a ground: a consent for data that are
/// still to come says nothing of the versions before. Only read where some are in force, as the [`Scope`] says.
///
/// One number is enough. When somebody whom a version holds withdraws or is left out, that version is closed; so of
/// those that are open, whoever consented first of all still consents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct ConsentStart {
    /// The lowest `since_version` of them.
    pub version: u32,
}

/// How many consents end on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct EndsOn {
    /// Days since 1970.
    pub day: u32,
    /// How many.
    pub count: u32,
}

impl Subject for Consent {
    const TAG: u8 = 12;
    const KIND: &'static str = "consent";
}

impl Subject for Scope {
    const TAG: u8 = 13;
    const KIND: &'static str = "consent scope";
}

impl Subject for ConsentStart {
    const TAG: u8 = 30;
    const KIND: &'static str = "consent start";
}

impl ConsentStart {
    /// Where that of the consents for `dataset` and `purpose` is kept.
    pub fn key(dataset: &DatasetId, purpose: Purpose) -> Key {
        Key::new(Self::TAG, &[&dataset.0, &[purpose as u8]])
    }

    /// Is `version` one that the consents of `scope` speak of?
    ///
    /// # Errors
    /// A fault of the store.
    pub fn reaches(
        view: &dyn View,
        dataset: &DatasetId,
        purpose: Purpose,
        scope: &Scope,
        version: u32,
    ) -> Result<bool, Fault> {
        if scope.required == 0 {
            return Ok(false);
        }
        let start: Option<Self> = view.value(&Self::key(dataset, purpose))?;
        Ok(start.is_some_and(|start| start.version <= version))
    }
}

impl Consent {
    /// Where `consent` is kept.
    pub fn key(consent: &ConsentId) -> Key {
        Key::new(Self::TAG, &[&consent.0])
    }
}

impl Scope {
    /// Where the consents for `dataset` and `purpose` are summed up.
    pub fn key(dataset: &DatasetId, purpose: Purpose) -> Key {
        Key::new(Self::TAG, &[&dataset.0, &[purpose as u8]])
    }

    /// May `version` be delivered at `time_ms`, as far as consents go?
    ///
    /// # Errors
    /// A refusal: withdrawn, or expired.
    pub fn require(&self, version: u32, time_ms: TimeMs) -> Result<(), Rejection> {
        if self.outstanding > 0 || version < self.clean_from {
            return Err(Rejection::ConsentEnded { clean_from: self.clean_from });
        }
        let today = time_ms / DAY_MS;
        if self.ends.first().is_some_and(|first| u64::from(first.day) <= today) {
            return Err(Rejection::ConsentExpired);
        }
        Ok(())
    }

    fn add(&mut self, day: u32) -> Result<(), Rejection> {
        self.required = self.required.checked_add(1).ok_or(Rejection::TooManyConsents)?;
        match self.ends.binary_search_by_key(&day, |ends| ends.day) {
            Ok(at) => self.ends[at].count += 1,
            Err(_) if self.ends.len() >= CONSENT_DAYS_MAX => return Err(Rejection::TooManyConsents),
            Err(at) => self.ends.insert(at, EndsOn { day, count: 1 }),
        }
        Ok(())
    }

    /// Takes one consent in force out; `None` where it was never counted, which the state forbids.
    fn remove(&mut self, day: u32) -> Option<()> {
        let at = self.ends.binary_search_by_key(&day, |ends| ends.day).ok()?;
        self.ends[at].count = self.ends[at].count.checked_sub(1)?;
        if self.ends[at].count == 0 {
            self.ends.remove(at);
        }
        self.required = self.required.checked_sub(1)?;
        Some(())
    }

    /// A consent in force ends, for data in `versions` that exist, or that are to come.
    fn end(&mut self, consent: &Consent, versions: u32) -> Option<()> {
        self.remove(consent.until_day)?;
        if consent.since_version <= versions {
            self.outstanding = self.outstanding.checked_add(1)?;
            self.clean_from = versions.checked_add(1)?;
        } else {
            self.pending = self.pending.checked_add(1)?;
        }
        Some(())
    }

    /// Version `number` leaves the subject of `consent` out.
    fn leave_out(&mut self, consent: &Consent, number: u32) -> Option<()> {
        let held_before = consent.since_version < number;
        if consent.state == ConsentState::Given {
            self.remove(consent.until_day)?;
            if held_before {
                self.clean_from = self.clean_from.max(number);
            }
        } else if held_before {
            self.outstanding = self.outstanding.checked_sub(1)?;
        } else {
            self.pending = self.pending.checked_sub(1)?;
        }
        Some(())
    }

    /// Version `number` is there: it holds everybody whom it did not leave out.
    fn take_up(&mut self, number: u32) -> Option<()> {
        self.outstanding = self.outstanding.checked_add(std::mem::take(&mut self.pending))?;
        if self.outstanding > 0 {
            self.clean_from = number.checked_add(1)?;
        }
        Some(())
    }
}

/// Records that a subject has consented. By a custodian.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Give {
    /// Sixteen random bytes.
    pub consent: ConsentId,
    /// For which dataset.
    pub dataset: DatasetId,
    /// From which version on; the next one where the data come with it.
    pub since_version: u32,
    /// What for, ascending.
    pub purposes: Vec<Purpose>,
    /// SHA-256 of the notice that the subject saw.
    pub notice: Digest,
    /// Until which day (days since 1970), at its start.
    pub until_day: u32,
    /// Blinded root over the fields of the record.
    pub record: Digest,
}

impl Rule for Give {
    fn check(&self) -> Result<(), Malformed> {
        if self.purposes.is_empty() {
            return Err(Malformed::new("purposes", "a consent is specific: name at least one purpose"));
        }
        ascending("purposes", &self.purposes)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_role(call.state, &call.sender, Role::Custodian)?;
        let dataset = require(call.state, &self.dataset)?;
        let key = Consent::key(&self.consent);
        if call.state.value::<Consent>(&key)?.is_some() {
            return Err(Rejection::ConsentKnown { consent: self.consent }.into());
        }
        if self.since_version == 0 || self.since_version > dataset.versions.saturating_add(1) {
            return Err(Rejection::VersionNumber { next: dataset.versions.saturating_add(1) }.into());
        }
        if u64::from(self.until_day) <= call.time_ms / DAY_MS {
            return Err(Rejection::ConsentExpired.into());
        }
        for purpose in &self.purposes {
            let key = Scope::key(&self.dataset, *purpose);
            let mut scope: Scope = call.state.value(&key)?.unwrap_or_default();
            let start: Option<ConsentStart> = call.state.value(&ConsentStart::key(&self.dataset, *purpose))?;
            // Where none is in force any more, what they began with is over.
            let start = start.filter(|_| scope.required > 0).map_or(u32::MAX, |start| start.version);
            let version = start.min(self.since_version);
            scope.add(self.until_day)?;
            call.state.put(&key, scope)?;
            call.state.put(&ConsentStart::key(&self.dataset, *purpose), ConsentStart { version })?;
        }
        let consent = Consent {
            controller: call.sender,
            dataset: self.dataset,
            since_version: self.since_version,
            purposes: self.purposes.clone(),
            state: ConsentState::Given,
            notice: self.notice,
            from_ms: call.time_ms,
            until_day: self.until_day,
            record: self.record,
            excluded_in: None,
        };
        call.state.put(&key, consent)?;
        call.state.emit(Event::ConsentChanged {
            consent: self.consent,
            dataset: self.dataset,
            controller: call.sender,
            state: ConsentState::Given,
        });
        Ok(())
    }
}

/// Ends a consent: the next delivery is refused. By the custodian that recorded it, or by an
/// operator where that custodian can no longer act: who withdraws must always be heard.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Which.
    pub consent: ConsentId,
    /// How it ended.
    pub state: ConsentState,
}

impl Rule for End {
    fn check(&self) -> Result<(), Malformed> {
        if self.state == ConsentState::Given {
            return Err(Malformed::new(
                "state",
                "a consent ends as withdrawn, revoked, invalidated, objected or expired",
            ));
        }
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let mut consent = require_consent(call, &self.consent)?;
        self.check_sender(call, &consent)?;
        if consent.state != ConsentState::Given {
            return Err(Rejection::ConsentOver { consent: self.consent }.into());
        }
        let dataset: Dataset = require(call.state, &consent.dataset)?;
        if consent.excluded_in.is_none() {
            for purpose in &consent.purposes {
                change_scope(call, &consent.dataset, *purpose, |scope| scope.end(&consent, dataset.versions))?;
            }
        }
        consent.state = self.state;
        let about = consent.dataset;
        call.state.put(&Consent::key(&self.consent), consent)?;
        call.state.emit(Event::ConsentChanged {
            consent: self.consent,
            dataset: about,
            controller: call.sender,
            state: self.state,
        });
        Ok(())
    }
}

impl End {
    fn check_sender(&self, call: &Call, consent: &Consent) -> Result<(), Stop> {
        if consent.controller == call.sender {
            require_role(call.state, &call.sender, Role::Custodian)?;
            return Ok(());
        }
        let sender: Option<Party> = call.state.value(&Party::key(&call.sender))?;
        let custodian: Option<Party> = call.state.value(&Party::key(&consent.controller))?;
        let operator = sender.is_some_and(|party| party.is_active_as(Role::Operator));
        let can_act = custodian.is_some_and(|party| party.is_active_as(Role::Custodian));
        if operator && !can_act { Ok(()) } else { Err(Rejection::NotTheController { consent: self.consent }.into()) }
    }
}

/// Takes note that version `number` of `dataset` leaves out the subjects of `consents`.
///
/// # Errors
/// A refusal where a consent is unknown, of another dataset, or already left out.
pub(crate) fn exclude(call: &mut Call, dataset: &DatasetId, number: u32, consents: &[ConsentId]) -> Result<(), Stop> {
    for id in consents {
        let mut consent = require_consent(call, id)?;
        if consent.dataset != *dataset || consent.excluded_in.is_some() {
            return Err(Rejection::ConsentNotExcludable { consent: *id }.into());
        }
        for purpose in &consent.purposes {
            change_scope(call, dataset, *purpose, |scope| scope.leave_out(&consent, number))?;
        }
        consent.excluded_in = Some(number);
        call.state.put(&Consent::key(id), consent)?;
        call.state.emit(Event::ConsentExcluded { consent: *id, dataset: *dataset, number });
    }
    for purpose in Purpose::ALL {
        let scope: Option<Scope> = call.state.value(&Scope::key(dataset, *purpose))?;
        if scope.is_some_and(|scope| scope.outstanding > 0 || scope.pending > 0) {
            change_scope(call, dataset, *purpose, |scope| scope.take_up(number))?;
        }
    }
    Ok(())
}

/// Has a consent, ended or left out, closed version `number` of `dataset` for any purpose?
///
/// # Errors
/// A fault of the store.
pub(crate) fn is_closed(view: &dyn View, dataset: &DatasetId, number: u32) -> Result<bool, Fault> {
    for purpose in Purpose::ALL {
        let scope: Option<Scope> = view.value(&Scope::key(dataset, *purpose))?;
        if scope.is_some_and(|scope| number < scope.clean_from) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Changes the scope that counts a recorded consent. That its counters do not suffice is a fault of
/// the stored state, not a refusal.
fn change_scope(
    call: &mut Call,
    dataset: &DatasetId,
    purpose: Purpose,
    change: impl FnOnce(&mut Scope) -> Option<()>,
) -> Result<(), Stop> {
    let key = Scope::key(dataset, purpose);
    let mut scope: Scope = call.state.value(&key)?.unwrap_or_default();
    if change(&mut scope).is_none() {
        return Err(Fault::Damaged { key, reason: "it does not count a consent that is recorded".into() }.into());
    }
    Ok(call.state.put(&key, scope)?)
}

fn require_consent(call: &Call, id: &ConsentId) -> Result<Consent, Stop> {
    Ok(call.state.value(&Consent::key(id))?.ok_or(Rejection::ConsentUnknown { consent: *id })?)
}
