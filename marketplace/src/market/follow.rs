//! Following the ledger: blocks into rows, listings into the index, open orders handed in again.

use super::Market;
use crate::{
    error::MarketError,
    limits::{FOLLOW_RETRY, FOLLOW_WAIT, ORDER_RETRY, PAGE_ROWS_MAX},
    rows::{PageStart, Touched},
    search::{Document, Facet},
};
use contracts::{
    dataset::{Dataset, Listing},
    id::{DatasetId, Height, SideId},
    side::SideBody,
    terms::Allowed,
    vocabulary::{Purpose, Spectrum},
};
use futures_util::{StreamExt, stream};
use ledger::api::follow::{Follower, Said};
use std::{collections::BTreeSet, sync::atomic::Ordering};
use tokio_util::sync::CancellationToken;

/// Side bodies that are fetched at once.
const SIDES_AT_ONCE: usize = 16;
/// Rounds of looking after orders between two in which expired things, and what was taken down, go.
const FORGET_ROUNDS: u64 = 300;
/// Documents written to the index at once.
const DOCUMENTS_AT_ONCE: usize = 1_000;

impl Market {
    /// Follows the ledger until `shutdown`. A node out of reach is waited for.
    ///
    /// # Errors
    /// [`MarketError`] where rows or index cannot be written or a block does not follow from the
    /// rules: going on would show what is not so.
    pub(crate) async fn follow(&self, shutdown: CancellationToken) -> Result<(), MarketError> {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            indexed = self.reindex_if_behind() => indexed?,
        }
        self.0.shown.send_replace(self.tip().height);
        let mut follower = Follower::new(self.0.client.clone(), self.0.rows.cursor()?);
        let mut said = Said::default();
        while !shutdown.is_cancelled() {
            let blocks = tokio::select! {
                () = shutdown.cancelled() => break,
                blocks = follower.next(FOLLOW_WAIT) => blocks,
            };
            let blocks = match blocks {
                Ok(blocks) => blocks,
                Err(error) => {
                    if said.is_news(&error) {
                        tracing::warn!(%error, "the market cannot follow the ledger for now");
                    }
                    tokio::time::sleep(FOLLOW_RETRY).await;
                    continue;
                }
            };
            if said.is_over() {
                tracing::info!("the market follows the ledger again");
            }
            let market = self.clone();
            let touched = tokio::task::spawn_blocking(move || {
                let mut all = Touched::default();
                for block in &blocks {
                    let touched = market.0.rows.apply(block)?;
                    all.datasets.extend(touched.datasets);
                    all.taken_down.extend(touched.taken_down);
                }
                all.datasets.extend(market.described_by(&all.taken_down)?);
                Ok::<_, MarketError>(all)
            });
            let touched = touched.await.map_err(|_| MarketError::Busy("the read model stopped"))??;
            let has_gone = !touched.taken_down.is_empty();
            if !touched.datasets.is_empty() || has_gone {
                let indexed = self.index(touched.datasets.into_iter().collect(), self.tip().listed);
                tokio::select! {
                    // The next start finds the index behind the rows.
                    () = shutdown.cancelled() => break,
                    indexed = indexed => indexed?,
                }
            }
            if has_gone {
                self.0.search.compact()?;
                self.0.has_gone.store(true, Ordering::Relaxed);
            }
            self.0.shown.send_replace(self.tip().height);
        }
        Ok(())
    }

    /// Hands open orders in again, and forgets expired links and sessions, until `shutdown`.
    pub(crate) async fn take_up_orders(&self, shutdown: CancellationToken) {
        let mut rounds = 0u64;
        while !shutdown.is_cancelled() {
            if let Err(error) = self.0.orders.take_up().await {
                tracing::error!(%error, "open orders cannot be read");
            }
            // Not at once: every start would have the store written anew.
            if (rounds + 1).is_multiple_of(FORGET_ROUNDS) {
                self.forget_prose().await;
            }
            if rounds.is_multiple_of(FORGET_ROUNDS) {
                if let Err(error) = self.0.keys.sweep(super::clock_ms()) {
                    tracing::error!(%error, "expired links and sessions cannot be removed");
                }
                if let Err(error) = self.0.repeats.sweep(super::clock_ms()) {
                    tracing::error!(%error, "requests of long ago cannot be forgotten");
                }
            }
            rounds += 1;
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(ORDER_RETRY) => {}
            }
        }
    }

    /// Rewrites what orders left in files once they were settled, where prose was taken down since the last time: it came
    /// with their submissions. Slow on a large store, so not for each of them.
    async fn forget_prose(&self) {
        if !self.0.has_gone.swap(false, Ordering::Relaxed) {
            return;
        }
        let market = self.clone();
        let scrubbed = tokio::task::spawn_blocking(move || market.0.own.scrub(&crate::orders::FAMILIES)).await;
        if !matches!(scrubbed, Ok(Ok(()))) {
            tracing::error!(?scrubbed, "what was taken down may be in files of orders still; tried again");
            self.0.has_gone.store(true, Ordering::Relaxed);
        }
    }

    /// Datasets that say the prose of one of `sides`: their publisher's, or copied from another.
    fn described_by(&self, sides: &[SideId]) -> Result<Vec<DatasetId>, MarketError> {
        let (mut found, mut start) = (Vec::new(), None::<PageStart>);
        while !sides.is_empty() {
            let page = self.0.rows.datasets(start.as_ref(), PAGE_ROWS_MAX)?;
            let of =
                |(id, dataset): (DatasetId, Dataset)| dataset.side.is_some_and(|it| sides.contains(&it)).then_some(id);
            found.extend(page.items.into_iter().filter_map(of));
            match page.next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        Ok(found)
    }

    async fn reindex_if_behind(&self) -> Result<(), MarketError> {
        let listed = self.tip().listed;
        if self.0.search.cursor()?.is_some_and(|cursor| cursor >= listed) {
            return Ok(());
        }
        tracing::info!("building the search index from the rows");
        self.0.search.clear()?;
        let mut start: Option<PageStart> = None;
        loop {
            let page = self.0.rows.datasets(start.as_ref(), DOCUMENTS_AT_ONCE)?;
            let ids = page.items.into_iter().map(|(id, _)| id).collect();
            // Height 0 until the last page is in: a crash in between starts over.
            let cursor = if page.next.is_some() { 0 } else { listed };
            self.index(ids, cursor).await?;
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn index(&self, datasets: Vec<DatasetId>, cursor: Height) -> Result<(), MarketError> {
        let documents = stream::iter(datasets.iter().copied())
            .map(|id| async move { (id, self.document(&id).await) })
            .buffer_unordered(SIDES_AT_ONCE)
            .collect::<Vec<_>>()
            .await;
        let (mut upserts, mut deletes) = (Vec::new(), Vec::new());
        for (id, document) in documents {
            match document? {
                Some(document) => upserts.push(document),
                None => deletes.push(id),
            }
        }
        let market = self.clone();
        let written = tokio::task::spawn_blocking(move || market.0.search.apply(&upserts, &deletes, cursor));
        Ok(written.await.map_err(|_| MarketError::Busy("the search index stopped"))??)
    }

    /// What search knows of a dataset; `None` for one that is out of the catalogue.
    async fn document(&self, id: &DatasetId) -> Result<Option<Document>, MarketError> {
        let Some(dataset) = self.0.rows.dataset(id)? else { return Ok(None) };
        let Some(jacket) = self.0.rows.jacket(id)?.filter(|_| dataset.listing != Listing::Withdrawn) else {
            return Ok(None);
        };
        let updated_ms = self.tip().time_ms;
        if jacket.classification.spectrum.value() == Some(&Spectrum::Closed) {
            return Ok(Some(acknowledged(*id, &dataset.catalogue, &dataset.identifier, &jacket.title, updated_ms)));
        }
        let side = match &dataset.side {
            Some(side) => self.outline(id, side).await?,
            None => None,
        };
        let outline = side.as_ref().and_then(|side| side.get("outline"));
        let mut document = Document::of(*id, &dataset.catalogue, &dataset.identifier, &jacket, outline, updated_ms);
        if jacket.source_publisher.is_none()
            && let Some(party) = self.0.rows.party(&dataset.publisher)?
        {
            document.publisher = Some(party.name.clone());
            document = document.with(Facet::Publisher, party.name);
        }
        if dataset.versions > 0 {
            document = document.with(Facet::Availability, "content");
        }
        for (facet, value) in self.offered(id)? {
            document = document.with(facet, value);
        }
        Ok(Some(document))
    }

    /// The prose of a dataset, for the index. A node that is away is waited for: an outline that was left out would stay
    /// out of the index until somebody revises it.
    async fn outline(&self, id: &DatasetId, side: &SideId) -> Result<Option<SideBody>, MarketError> {
        if self.0.rows.is_taken_down(side)? {
            return Ok(None);
        }
        let mut said = Said::default();
        loop {
            match self.0.client.side(*side).await {
                Ok(body) => return Ok(body),
                Err(error) if error.may_pass() => {
                    if said.is_news(&error) {
                        tracing::warn!(%error, dataset = %id, "search waits for an outline");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, dataset = %id, "an outline is not indexed");
                    return Ok(None);
                }
            }
            tokio::time::sleep(FOLLOW_RETRY).await;
        }
    }

    /// What all open offers of a dataset come to: each value once, however many offers there are.
    fn offered(&self, id: &DatasetId) -> Result<BTreeSet<(Facet, String)>, MarketError> {
        let (mut told, mut start) = (BTreeSet::new(), None);
        loop {
            let page = self.0.rows.open_offers(id, start.as_ref(), PAGE_ROWS_MAX)?;
            for row in page.items {
                told.insert((Facet::Availability, "offer".to_string()));
                told.insert((Facet::PriceForm, row.revision.price.form().to_string()));
                told.extend(row.revision.price.currency().map(|currency| (Facet::Currency, currency.to_string())));
                let allowed = match &row.revision.terms.purposes {
                    Allowed::Any => Purpose::ALL,
                    Allowed::Only { purposes } => purposes,
                };
                told.extend(allowed.iter().map(|purpose| (Facet::Purpose, purpose.slug().to_string())));
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(told),
            }
        }
    }
}

/// Closed data are acknowledged without details (ISO/IEC 17917 9.4): title, identifier, and that
/// they are closed.
fn acknowledged(dataset: DatasetId, catalogue: &str, identifier: &str, title: &str, updated_ms: u64) -> Document {
    Document {
        dataset,
        identifier: identifier.into(),
        title: title.into(),
        outline: None,
        publisher: None,
        keywords: Vec::new(),
        variables: Vec::new(),
        facets: vec![(Facet::Spectrum, Spectrum::Closed.slug().into()), (Facet::Catalogue, catalogue.into())],
        updated_ms,
    }
}
