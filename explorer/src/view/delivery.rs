//! A delivery: which version was handed to whom, by whom, under which licence.

use super::{AsOf, Missing, Origin, as_of, origin, unknown};
use crate::{
    index::{At, Kind, Reader, Thing},
    view::format::{Moment, moment, size},
    view::redact,
    view::tell::{Link, Names},
};
use contracts::{agreement::Agreement, delivery::Delivery, id::*, state::Reading, version::Version};
use serde::Serialize;
use utoipa::ToSchema;

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id, which is that of its transaction.
    pub id: String,
    /// Where it was recorded.
    pub origin: Origin,
    /// When it was allowed, by block time.
    pub time: Moment,
    /// Who got it.
    pub buyer: Option<Link>,
    /// Whose data they are.
    pub provider: Option<Link>,
    /// Who handed it out.
    pub gateway: Link,
    /// Of what.
    pub dataset: Option<Link>,
    /// Which version.
    pub version: Link,
    /// Under which licence.
    pub agreement: Link,
    /// For which purpose.
    pub purpose: Option<&'static str>,
    /// What was handed out; nothing of a closed dataset.
    pub content: Option<ContentView>,
    /// Why something is not shown.
    pub withheld: Option<&'static str>,
}

/// A content by its digests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ContentView {
    /// Length in bytes.
    pub bytes: u64,
    /// Length for people.
    #[serde(skip)]
    pub size: String,
    /// What it is.
    pub media_type: String,
    /// SHA-256.
    pub sha256: String,
    /// BLAKE3.
    pub blake3: String,
}

/// The delivery `id`.
///
/// # Errors
/// [`Missing`].
pub fn delivery(reader: &Reader, id: &DeliveryId) -> Result<DeliveryView, Missing> {
    let delivery: Delivery = reader.value(&Delivery::key(id))?.ok_or_else(|| unknown(reader, "delivery", id))?;
    let names = Names(reader);
    let agreement: Option<Agreement> = reader.value(&Agreement::key(&delivery.agreement))?;
    let version: Option<Version> = reader.value(&Version::key(&delivery.version))?;
    let closed = match &agreement {
        Some(agreement) => redact::closed(reader, &agreement.dataset)?,
        None => false,
    };
    let at = reader.transaction(&TransactionId(id.0))?.map_or(At::default(), |(at, _)| at);
    let party = |id: Option<&PartyId>| id.map(|id| names.party(id)).transpose();
    Ok(DeliveryView {
        as_of: as_of(reader),
        id: id.to_string(),
        origin: origin(reader, &at)?,
        time: moment(delivery.time_ms),
        buyer: party(agreement.as_ref().map(|agreement| &agreement.buyer))?,
        provider: party(agreement.as_ref().map(|agreement| &agreement.provider))?,
        gateway: names.party(&delivery.gateway)?,
        dataset: names.dataset_of(&delivery.agreement)?,
        version: names.version(&delivery.version)?,
        agreement: names.agreement(&delivery.agreement),
        purpose: agreement.as_ref().map(|agreement| agreement.purpose.label()),
        content: version.filter(|_| !closed).map(|version| content(&version)),
        withheld: closed.then_some(redact::CLOSED),
    })
}

/// A version's content.
pub fn content(version: &Version) -> ContentView {
    ContentView {
        bytes: version.content.bytes,
        size: size(version.content.bytes),
        media_type: version.content.media_type.clone(),
        sha256: version.content.sha256.to_string(),
        blake3: version.content.blake3.to_string(),
    }
}

/// The thing that a delivery is, for its timeline.
pub fn thing(id: &DeliveryId) -> Thing {
    Thing::new(Kind::Delivery, id.as_bytes())
}
