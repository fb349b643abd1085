//! What people see of a dataset.

use super::Market;
use crate::{
    error::MarketError,
    rows::{OfferRow, PageStart},
};
use contracts::{
    basis::LegalBasis,
    dataset::Listing,
    id::{DatasetId, PartyId, VersionId},
    jacket::Jacket,
    party::Role,
    side::SideBody,
    version::Content,
    vocabulary::{PersonalStatus, Purpose, Spectrum},
};
use serde::Serialize;

/// Offers that a view shows; it says where the rest is.
pub const OFFERS_SHOWN: usize = 20;

/// A dataset as its reader may see it.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetView {
    /// Its id.
    pub id: DatasetId,
    /// Who published it here.
    pub publisher: PartyId,
    /// That party's name.
    pub publisher_name: String,
    /// Catalogue.
    pub catalogue: String,
    /// Identifier there.
    pub identifier: String,
    /// Title.
    pub title: String,
    /// Revision of the jacket.
    pub revision: u32,
    /// Where it stands.
    pub listing: Listing,
    /// Closed, shared or open, if that is known.
    pub spectrum: Option<Spectrum>,
    /// Closed data are acknowledged; details are for their publisher and the regulator.
    pub details_withheld: bool,
    /// The whole description, unless it is withheld.
    pub jacket: Option<Jacket>,
    /// Whether it is about people; decides whether a justification is asked for.
    pub personal: bool,
    /// What a classification lacks before it can be offered.
    pub gaps: Vec<&'static str>,
    /// How many versions there are.
    pub versions: u32,
    /// The newest version.
    pub newest: Option<VersionView>,
    /// Can anything be downloaded here? If not, only description and links are to be had.
    pub has_content: bool,
    /// Open offers, newest first, at most 20.
    pub offers: Vec<OfferRow>,
    /// Where further open offers start: the cursor for the list of offers. `None`: these are all.
    pub more_offers: Option<PageStart>,
    /// Legal bases other than consent that are relied on.
    pub bases: Vec<(Purpose, LegalBasis)>,
}

/// A version as it is shown.
#[derive(Clone, Debug, Serialize)]
pub struct VersionView {
    /// Its id.
    pub id: VersionId,
    /// Its number, from 1.
    pub number: u32,
    /// Digests, length and media type.
    pub content: Content,
    /// Versions that it was made from.
    pub parents: Vec<VersionId>,
    /// Does this market hold the bytes?
    pub held: bool,
}

impl Market {
    /// A dataset as `viewer` may see it; `None` where there is none.
    ///
    /// # Errors
    /// [`MarketError`].
    pub async fn dataset(&self, id: &DatasetId, viewer: Option<&PartyId>) -> Result<Option<DatasetView>, MarketError> {
        let rows = self.rows();
        let (Some(dataset), Some(jacket)) = (rows.dataset(id)?, rows.jacket(id)?) else { return Ok(None) };
        let class = &dataset.classification;
        let spectrum = class.spectrum.value().copied();
        let details_withheld = self.withheld(&dataset.publisher, spectrum, viewer)?;
        let newest = self.versions(id, None, 1).await?.pop();
        let offers = rows.open_offers(id, None, OFFERS_SHOWN)?;
        let publisher_name = rows.party(&dataset.publisher)?.map_or_else(String::new, |party| party.name);
        Ok(Some(DatasetView {
            id: *id,
            publisher: dataset.publisher,
            publisher_name,
            title: jacket.title.clone(),
            spectrum,
            details_withheld,
            personal: class.personal.value() == Some(&PersonalStatus::Personal),
            gaps: class.gaps().into_iter().map(|gap| gap.field()).collect(),
            jacket: (!details_withheld).then_some(jacket),
            catalogue: dataset.catalogue,
            identifier: dataset.identifier,
            revision: dataset.revision,
            listing: dataset.listing,
            versions: dataset.versions,
            has_content: newest.as_ref().is_some_and(|version| version.held),
            newest: newest.filter(|_| !details_withheld),
            offers: offers.items,
            more_offers: offers.next,
            bases: rows.bases(id)?.into_iter().filter(|(_, basis)| !basis.ended).collect(),
        }))
    }

    /// Versions of a dataset, newest first, below number `below` where it is given.
    ///
    /// # Errors
    /// [`MarketError`].
    pub async fn versions(
        &self,
        id: &DatasetId,
        below: Option<u32>,
        limit: usize,
    ) -> Result<Vec<VersionView>, MarketError> {
        let mut views = Vec::new();
        for (id, version) in self.rows().versions(id, below, limit)? {
            let held = self.0.objects.has(&version.content.blake3).await?;
            let (number, content, parents) = (version.number, version.content, version.parents);
            views.push(VersionView { id, number, content, parents, held });
        }
        Ok(views)
    }

    /// Outline, contacts and unmapped fields of a dataset: prose from beside the ledger, checked
    /// against its commitment. `None` where there is none, it was taken down, or it is withheld.
    ///
    /// # Errors
    /// [`MarketError`].
    pub async fn prose(&self, id: &DatasetId, viewer: Option<&PartyId>) -> Result<Option<SideBody>, MarketError> {
        let Some(dataset) = self.rows().dataset(id)? else { return Ok(None) };
        let spectrum = dataset.classification.spectrum.value().copied();
        if self.withheld(&dataset.publisher, spectrum, viewer)? {
            return Ok(None);
        }
        match dataset.side {
            Some(side) if !self.rows().is_taken_down(&side)? => Ok(self.0.client.side(side).await?),
            _ => Ok(None),
        }
    }

    fn withheld(
        &self,
        publisher: &PartyId,
        spectrum: Option<Spectrum>,
        viewer: Option<&PartyId>,
    ) -> Result<bool, MarketError> {
        if spectrum != Some(Spectrum::Closed) || viewer == Some(publisher) {
            return Ok(false);
        }
        let Some(viewer) = viewer else { return Ok(true) };
        Ok(!self.rows().party(viewer)?.is_some_and(|party| party.is_active_as(Role::Regulator)))
    }
}
