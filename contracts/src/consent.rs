//! Consents: given for a dataset from one version on and for purposes, withdrawn, excluded.
//!
//! The ledger holds random ids, commitments and states, nothing about a person; records live in a
//! vault (`consent-and-erasure`, EDPB 02/2025). What a delivery needs to know of many consents is
//! summed up in one record for dataset and purpose, the [`Scope`], so a decision costs one read
//! however many people there are.
//!
//! When a consent ends, every version that exists is blocked for its purposes. A later version that
//! attests to leave that subject out may be delivered once no ended consent is outstanding. Older
//! versions stay blocked, also those from before the consent: that errs on the careful side.

use crate::{
    action::{Call, Rule},
    dataset::{Dataset, require},
    event::Event,
    id::{ConsentId, DatasetId, Digest, PartyId, TimeMs},
    limits::CONSENTS_MAX,
    party::{Role, require_role},
    rejection::{Malformed, Rejection, Stop},
    state::{Key, Reading, Subject},
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
    /// The first version that no ended consent touches.
    pub clean_from: u32,
    /// How many of the required ones end on which day, days ascending.
    pub ends: Vec<EndsOn>,
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
            Err(_) if self.ends.len() >= CONSENTS_MAX => return Err(Rejection::TooManyConsents),
            Err(at) => self.ends.insert(at, EndsOn { day, count: 1 }),
        }
        Ok(())
    }

    /// Takes one consent in force out.
    ///
    /// # Panics
    /// When it was never added: the caller read its state and scope from one view.
    fn remove(&mut self, day: u32) {
        let at =
            self.ends.binary_search_by_key(&day, |ends| ends.day).expect("a consent in force is counted on its day");
        self.ends[at].count -= 1;
        if self.ends[at].count == 0 {
            self.ends.remove(at);
        }
        self.required -= 1;
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
            change_scope(call, &self.dataset, *purpose, |scope| scope.add(self.until_day))?;
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

/// Ends a consent: the next delivery is refused. By the custodian that recorded it.
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
        require_role(call.state, &call.sender, Role::Custodian)?;
        let mut consent = require_consent(call, &self.consent)?;
        if consent.controller != call.sender {
            return Err(Rejection::NotTheController { consent: self.consent }.into());
        }
        if consent.state != ConsentState::Given {
            return Err(Rejection::ConsentOver { consent: self.consent }.into());
        }
        let dataset: Dataset = require(call.state, &consent.dataset)?;
        if consent.excluded_in.is_none() {
            for purpose in &consent.purposes {
                change_scope(call, &consent.dataset, *purpose, |scope| {
                    scope.remove(consent.until_day);
                    // A consent for data that come with the next version touches none that exists.
                    if consent.since_version <= dataset.versions {
                        scope.outstanding += 1;
                        scope.clean_from = dataset.versions + 1;
                    }
                    Ok(())
                })?;
            }
        }
        if consent.since_version > dataset.versions {
            consent.excluded_in = Some(consent.since_version);
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
        let ended = consent.state != ConsentState::Given;
        for purpose in &consent.purposes {
            change_scope(call, dataset, *purpose, |scope| {
                if ended {
                    scope.outstanding -= 1
                } else {
                    scope.remove(consent.until_day)
                }
                Ok(())
            })?;
        }
        consent.excluded_in = Some(number);
        call.state.put(&Consent::key(id), consent)?;
        call.state.emit(Event::ConsentExcluded { consent: *id, dataset: *dataset, number });
    }
    // While an ended consent is outstanding, the new version holds its subject too.
    for purpose in Purpose::ALL {
        let key = Scope::key(dataset, *purpose);
        if let Some(mut scope) = call.state.value::<Scope>(&key)?
            && scope.outstanding > 0
        {
            scope.clean_from = number + 1;
            call.state.put(&key, scope)?;
        }
    }
    Ok(())
}

fn change_scope(
    call: &mut Call,
    dataset: &DatasetId,
    purpose: Purpose,
    change: impl FnOnce(&mut Scope) -> Result<(), Rejection>,
) -> Result<(), Stop> {
    let key = Scope::key(dataset, purpose);
    let mut scope: Scope = call.state.value(&key)?.unwrap_or_default();
    change(&mut scope)?;
    Ok(call.state.put(&key, scope)?)
}

fn require_consent(call: &Call, id: &ConsentId) -> Result<Consent, Stop> {
    Ok(call.state.value(&Consent::key(id))?.ok_or(Rejection::ConsentUnknown { consent: *id })?)
}
