//! Deliveries: whether a version may be delivered now, and the record that it was.
//!
//! [`decide`] is the one place that says yes or no. The rule that records a delivery and the
//! gateway that serves bytes ask the same function, at every request.

use crate::{
    action::{Call, Rule},
    agreement::Agreement,
    basis::LegalBasis,
    consent::{ConsentStart, Scope},
    dataset::{Dataset, Listing, require},
    event::Event,
    id::{AgreementId, DatasetId, DeliveryId, PartyId, TimeMs, VersionId},
    party::{Role, require_role},
    rejection::{Malformed, Rejection, Stop},
    state::{Key, Reading, Subject, View},
    version::{Version, require_version},
    vocabulary::{PersonalStatus, Purpose},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// That a version was handed out under an agreement.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Delivery {
    /// Under which agreement.
    pub agreement: AgreementId,
    /// What.
    pub version: VersionId,
    /// By whom.
    pub gateway: PartyId,
    /// When it was allowed, by block time.
    pub time_ms: TimeMs,
}

impl Subject for Delivery {
    const TAG: u8 = 11;
    const KIND: &'static str = "delivery";
}

impl Delivery {
    /// Where `delivery` is kept.
    pub fn key(delivery: &DeliveryId) -> Key {
        Key::new(Self::TAG, &[&delivery.0])
    }
}

/// What may be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The agreement in force.
    pub agreement: Agreement,
    /// The version that it covers.
    pub version: Version,
}

/// May `version` be delivered under `agreement` at `time_ms`?
///
/// Reads agreement, parties, dataset, version, consents and, for personal data, the legal basis.
///
/// # Errors
/// A refusal that says what stands against it, or a fault of the store.
pub fn decide(view: &dyn View, agreement: &AgreementId, version: &VersionId, time_ms: TimeMs) -> Result<Granted, Stop> {
    let held: Agreement =
        view.value(&Agreement::key(agreement))?.ok_or(Rejection::AgreementUnknown { agreement: *agreement })?;
    if !held.in_force(time_ms) {
        return Err(Rejection::AgreementOver { agreement: *agreement }.into());
    }
    require_role(view, &held.buyer, Role::Buyer)?;
    let asked = require_version(view, version)?;
    if asked.dataset != held.dataset {
        return Err(Rejection::VersionNotCovered { version: *version }.into());
    }
    let dataset = require(view, &held.dataset)?;
    if dataset.listing == Listing::Suspended {
        return Err(Rejection::DatasetNotListed { dataset: held.dataset }.into());
    }
    require_ground(view, &held.dataset, &dataset, asked.number, held.purpose, time_ms)?;
    Ok(Granted { agreement: held, version: asked })
}

/// Personal data need a ground: every consent in force for version and purpose, at least one, or a legal basis.
///
/// Consents are honoured whatever the data are called now, so that calling them something else does
/// not undo a withdrawal; and data of which nobody says that they are not personal need a ground.
///
/// # Errors
/// A refusal that says which of them is missing.
pub fn require_ground(
    view: &dyn View,
    id: &DatasetId,
    dataset: &Dataset,
    version: u32,
    purpose: Purpose,
    time_ms: TimeMs,
) -> Result<(), Stop> {
    // A consent that was asked for and withdrawn cannot be replaced by another ground.
    let scope: Scope = view.value(&Scope::key(id, purpose))?.unwrap_or_default();
    scope.require(version, time_ms)?;
    let personal = dataset.classification.personal.value();
    let consented = ConsentStart::reaches(view, id, purpose, &scope, version)?;
    if consented || matches!(personal, Some(PersonalStatus::None | PersonalStatus::Anonymised)) {
        return Ok(());
    }
    match view.value::<LegalBasis>(&LegalBasis::key(id, purpose))? {
        Some(basis) if !basis.ended => Ok(()),
        _ => Err(Rejection::NoGround { purpose }.into()),
    }
}

/// Records that a version is being handed out now. By the provider, or by a gateway for it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deliver {
    /// Under which agreement.
    pub agreement: AgreementId,
    /// What.
    pub version: VersionId,
}

impl Rule for Deliver {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let granted = decide(call.state, &self.agreement, &self.version, call.time_ms)?;
        let role = if call.sender == granted.agreement.provider { Role::Provider } else { Role::Gateway };
        require_role(call.state, &call.sender, role)?;
        let id = DeliveryId(call.transaction.0);
        let delivery =
            Delivery { agreement: self.agreement, version: self.version, gateway: call.sender, time_ms: call.time_ms };
        call.state.put(&Delivery::key(&id), delivery)?;
        call.state.emit(Event::Delivered {
            delivery: id,
            agreement: self.agreement,
            dataset: granted.agreement.dataset,
            version: self.version,
            buyer: granted.agreement.buyer,
            gateway: call.sender,
        });
        Ok(())
    }
}
