//! Legal bases other than consent: named in full and shown to the buyer. Free text alone is refused.

use crate::{
    action::{Call, Rule},
    dataset::require_own,
    event::Event,
    id::{DatasetId, PartyId},
    limits::{LIST_MAX, TEXT_BYTES_MAX},
    party::{Country, require_active},
    rejection::{Malformed, Stop, bounded_list},
    state::{Key, Subject},
    text,
    vocabulary::Purpose,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Why personal data may be used for a purpose without consent.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct LegalBasis {
    /// What kind.
    pub kind: BasisKind,
    /// Under the law of which country.
    pub jurisdiction: Country,
    /// The provision, contract or decision, as lawyers cite it.
    pub reference: String,
    /// The party that answers for the processing.
    pub controller: PartyId,
    /// Protocols and controls that are in place (ISO/DIS 37156 8.3.4 e).
    pub controls: Vec<String>,
    /// No longer relied on.
    pub ended: bool,
}

/// Kinds of legal basis (GDPR article 6(1) b to f, and their kin elsewhere).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum BasisKind {
    /// A contract with the subject.
    Contract = 0,
    /// A legal obligation.
    LegalObligation = 1,
    /// Vital interests.
    VitalInterests = 2,
    /// A task in the public interest.
    PublicTask = 3,
    /// Legitimate interests.
    LegitimateInterests = 4,
}

impl Subject for LegalBasis {
    const TAG: u8 = 14;
    const KIND: &'static str = "legal basis";
}

impl LegalBasis {
    /// Where the basis for `dataset` and `purpose` is kept.
    pub fn key(dataset: &DatasetId, purpose: Purpose) -> Key {
        Key::new(Self::TAG, &[&dataset.0, &[purpose as u8]])
    }
}

/// States the legal basis for a dataset and purpose, or ends it. By the dataset's publisher.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateBasis {
    /// For which dataset.
    pub dataset: DatasetId,
    /// What for.
    pub purpose: Purpose,
    /// What kind.
    pub kind: BasisKind,
    /// Under the law of which country.
    pub jurisdiction: Country,
    /// The provision, contract or decision.
    pub reference: String,
    /// The party that answers for the processing.
    pub controller: PartyId,
    /// Protocols and controls that are in place, at least one.
    pub controls: Vec<String>,
    /// No longer relied on from now on.
    pub ended: bool,
}

impl Rule for StateBasis {
    fn check(&self) -> Result<(), Malformed> {
        telling_text("reference", &self.reference, 3)?;
        bounded_list("controls", self.controls.len(), LIST_MAX)?;
        if self.controls.is_empty() {
            return Err(Malformed::new("controls", "name at least one protocol or control (ISO/DIS 37156 8.3.4 e)"));
        }
        self.jurisdiction.check("jurisdiction")?;
        self.controls.iter().try_for_each(|text| telling_text("controls", text, 1))
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_own(call.state, &self.dataset, &call.sender)?;
        // Who only applied answers for nothing. Ending a basis is possible whoever answered for it.
        if !self.ended {
            require_active(call.state, &self.controller)?;
        }
        let basis = LegalBasis {
            kind: self.kind,
            jurisdiction: self.jurisdiction,
            reference: self.reference.clone(),
            controller: self.controller,
            controls: self.controls.clone(),
            ended: self.ended,
        };
        call.state.put(&LegalBasis::key(&self.dataset, self.purpose), basis)?;
        call.state.emit(Event::BasisStated {
            dataset: self.dataset,
            purpose: self.purpose,
            kind: self.kind,
            controller: self.controller,
            ended: self.ended,
        });
        Ok(())
    }
}

/// A line that says something: two letters among blanks name no provision.
fn telling_text(field: &'static str, text: &str, least: usize) -> Result<(), Malformed> {
    text::line(field, text, least, TEXT_BYTES_MAX)?;
    if text.trim().len() < least { Err(Malformed::new(field, "blanks say nothing")) } else { Ok(()) }
}
