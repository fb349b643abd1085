//! Versions: the contents of a dataset, named by two digests, with the versions they come from.

use crate::{
    action::{Call, Rule},
    agreement::{Agreement, Holding},
    consent,
    dataset::{Dataset, Listing, require, require_own},
    event::Event,
    id::{Blake3, ConsentId, DatasetId, Digest, VersionId},
    limits::{CONTENT_BYTES_MAX, EXCLUDES_MAX, MEDIA_TYPE_BYTES_MAX, PARENTS_MAX},
    rejection::{Malformed, Rejection, Stop, bounded_list},
    state::{Key, Reading, Subject, View},
    terms::Onward,
    text,
    vocabulary::ascending,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One content of a dataset. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Version {
    /// Of which dataset.
    pub dataset: DatasetId,
    /// From 1, without gaps.
    pub number: u32,
    /// The bytes.
    pub content: Content,
    /// Versions that it was made from.
    pub parents: Vec<VersionId>,
    /// Consents whose subjects' data it attests to leave out.
    pub excludes: Vec<ConsentId>,
}

/// A content, named so that a whole file and any slice of it can be checked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// BLAKE3: root of Bao verified streaming.
    pub blake3: Blake3,
    /// SHA-256, for tools that know nothing else.
    pub sha256: Digest,
    /// Length in bytes.
    pub bytes: u64,
    /// What it is, such as `text/csv`.
    pub media_type: String,
}

/// The first version of a dataset that had certain bytes. What has the same bytes holds the same
/// people, whatever a later version attests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Anchored {
    /// Its number.
    pub number: u32,
}

impl Subject for Anchored {
    const TAG: u8 = 22;
    const KIND: &'static str = "anchored content";
}

impl Anchored {
    /// Where the first version of `dataset` with the bytes of `blake3` is kept.
    pub fn key(dataset: &DatasetId, blake3: &Blake3) -> Key {
        Key::new(Self::TAG, &[&dataset.0, &blake3.0])
    }
}

impl Subject for Version {
    const TAG: u8 = 5;
    const KIND: &'static str = "version";
}

impl Version {
    /// Where `version` is kept.
    pub fn key(version: &VersionId) -> Key {
        Key::new(Self::TAG, &[&version.0])
    }
}

/// The version `id`.
///
/// # Errors
/// A refusal where it is unknown.
pub fn require_version(view: &dyn View, id: &VersionId) -> Result<Version, Stop> {
    Ok(view.value(&Version::key(id))?.ok_or(Rejection::VersionUnknown { version: *id })?)
}

/// Anchors a content as the next version of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddVersion {
    /// Of which dataset.
    pub dataset: DatasetId,
    /// The number that it gets: two uploads at once do not both become the same version.
    pub number: u32,
    /// The bytes.
    pub content: Content,
    /// Versions that it was made from, ascending; those of others need a licence that lets data on.
    pub parents: Vec<VersionId>,
    /// Consents whose subjects' data it leaves out, ascending.
    pub excludes: Vec<ConsentId>,
}

impl Rule for AddVersion {
    fn check(&self) -> Result<(), Malformed> {
        text::line("content.media_type", &self.content.media_type, 3, MEDIA_TYPE_BYTES_MAX)?;
        if self.content.bytes > CONTENT_BYTES_MAX {
            return Err(Malformed::new("content.bytes", format!("{} at most", CONTENT_BYTES_MAX)));
        }
        bounded_list("parents", self.parents.len(), PARENTS_MAX)?;
        ascending("parents", &self.parents)?;
        bounded_list("excludes", self.excludes.len(), EXCLUDES_MAX)?;
        ascending("excludes", &self.excludes)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let mut dataset = require_own(call.state, &self.dataset, &call.sender)?;
        if dataset.listing == Listing::Withdrawn {
            return Err(Rejection::DatasetNotListed { dataset: self.dataset }.into());
        }
        // The last number is never given, so that there is one after every version.
        let number = dataset.versions.saturating_add(1);
        if self.number != number || number == u32::MAX {
            return Err(Rejection::VersionNumber { next: number }.into());
        }
        self.check_parents(call)?;
        let id = VersionId::of(&self.dataset, number);
        let version = Version {
            dataset: self.dataset,
            number,
            content: self.content.clone(),
            parents: self.parents.clone(),
            excludes: self.excludes.clone(),
        };
        dataset.versions = number;
        call.state.put(&Version::key(&id), version)?;
        call.state.put(&Dataset::key(&self.dataset), dataset)?;
        consent::exclude(call, &self.dataset, number, &self.excludes)?;
        self.check_bytes(call, number)?;
        call.state.emit(Event::VersionAdded {
            dataset: self.dataset,
            version: id,
            number,
            blake3: self.content.blake3,
            sha256: self.content.sha256,
            bytes: self.content.bytes,
            parents: self.parents.clone(),
        });
        Ok(())
    }
}

impl AddVersion {
    /// Bytes that were anchored before may come again, unless a consent has closed the version that
    /// they were: nobody is left out by the same bytes, and what was left out does not come back.
    fn check_bytes(&self, call: &mut Call, number: u32) -> Result<(), Stop> {
        let key = Anchored::key(&self.dataset, &self.content.blake3);
        let Some(first) = call.state.value::<Anchored>(&key)? else {
            return Ok(call.state.put(&key, Anchored { number })?);
        };
        if consent::is_closed(call.state, &self.dataset, first.number)? {
            return Err(Rejection::ContentClosed { number: first.number }.into());
        }
        Ok(())
    }

    /// Data of others may be built on only under a licence in force that lets them on.
    fn check_parents(&self, call: &Call) -> Result<(), Stop> {
        for parent in &self.parents {
            let version = require_version(call.state, parent)?;
            let source = require(call.state, &version.dataset)?;
            if source.publisher == call.sender {
                continue;
            }
            let missing = Rejection::UpstreamLicence { parent: *parent };
            let holding: Holding =
                call.state.value(&Holding::key(&call.sender, &version.dataset))?.ok_or(missing.clone())?;
            let agreement: Agreement = call.state.value(&Agreement::key(&holding.agreement))?.ok_or(missing.clone())?;
            // What has the same bytes is nothing derived.
            let same = version.content.blake3 == self.content.blake3 || version.content.sha256 == self.content.sha256;
            let lets_on = match agreement.onward {
                Onward::Prohibited => false,
                Onward::DerivedOnly => !same,
                Onward::SameTerms | Onward::Free => true,
            };
            if !agreement.in_force(call.time_ms) || !lets_on {
                return Err(missing.into());
            }
        }
        Ok(())
    }
}
