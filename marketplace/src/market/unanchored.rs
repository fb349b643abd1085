//! Removing uploads that nobody anchored, so that contents which no licence can ever reach do not stay
//! for ever.

use super::{Market, clock_ms};
use crate::{
    error::MarketError,
    limits::{CONTENTS_LOOKED_AT_ONCE, SCAN_ROWS, SWEEP_EVERY, SWEEP_RETRY, UNANCHORED_KEPT},
    objects::{Stored, Upload},
    own::OwnError,
};
use contracts::id::{Blake3, TimeMs};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;

impl Market {
    /// Ends an upload: the content takes its name, and is noted until the ledger names it.
    ///
    /// # Errors
    /// [`MarketError`]; then nothing is stored.
    pub async fn finish_upload(&self, upload: Upload) -> Result<Stored, MarketError> {
        self.0.uploads.note(&upload.name(), clock_ms()).map_err(OwnError::from)?;
        Ok(upload.finish().await?)
    }

    /// Removes contents that came longer ago than [`UNANCHORED_KEPT`] and that neither the ledger nor an
    /// order under way names. Returns how many.
    ///
    /// # Errors
    /// [`MarketError`], also where the node cannot be asked or the rows are behind it: nothing is removed
    /// then that was not looked up.
    pub async fn remove_unanchored(&self) -> Result<u64, MarketError> {
        let before_ms = self.now_ms().saturating_sub(UNANCHORED_KEPT.as_millis() as u64);
        let (mut from, mut removed) = (Vec::new(), 0);
        loop {
            let noted = self.0.uploads.from(&from, CONTENTS_LOOKED_AT_ONCE).map_err(OwnError::from)?;
            let old: BTreeSet<Blake3> =
                noted.iter().filter(|(_, came_ms)| *came_ms < before_ms).map(|(blake3, _)| *blake3).collect();
            if !old.is_empty() {
                removed += self.remove_unnamed(old, before_ms).await?;
            }
            match noted.last() {
                Some((last, _)) if noted.len() == CONTENTS_LOOKED_AT_ONCE => from = [last.0.as_slice(), &[0]].concat(),
                _ => return Ok(removed),
            }
        }
    }

    async fn remove_unnamed(&self, old: BTreeSet<Blake3>, before_ms: TimeMs) -> Result<u64, MarketError> {
        let mut doomed = self.0.objects.doom(old);
        let mut settled = Vec::new();
        // It may have come again between being found and being doomed.
        for blake3 in doomed.contents.clone() {
            if self.0.uploads.came_ms(&blake3).map_err(OwnError::from)?.is_none_or(|came_ms| came_ms >= before_ms) {
                doomed.contents.remove(&blake3);
            }
        }
        // Orders first: one that is settled between the two questions is on the ledger, whose height is
        // asked afterwards.
        for blake3 in self.0.orders.open_contents()? {
            doomed.contents.remove(&blake3);
        }
        let height = self.0.client.status().await?.height;
        if !self.caught_up(height).await {
            return Err(MarketError::Busy("the market has not read the newest blocks yet"));
        }
        let mut start = None;
        loop {
            let page = self.0.rows.all_versions(start.as_ref(), SCAN_ROWS)?;
            for (_, version) in page.items {
                // The ledger forgets nothing, so it need not be looked at again.
                if doomed.contents.remove(&version.content.blake3) {
                    settled.push(version.content.blake3);
                }
            }
            match page.next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        settled.extend(doomed.contents.iter().copied());
        let removed = doomed.remove(before_ms).await?;
        // Before they may be claimed again, so that the note of a new upload is not taken for the old one.
        self.0.uploads.forget(settled.iter()).map_err(OwnError::from)?;
        drop(doomed);
        Ok(removed)
    }

    /// Does so now and then, until `shutdown`.
    pub(crate) async fn sweep_unanchored(&self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            let wait = tokio::select! {
                () = shutdown.cancelled() => return,
                swept = self.remove_unanchored() => match swept {
                    Ok(0) => SWEEP_EVERY,
                    Ok(removed) => {
                        tracing::info!(removed, "uploads that nobody anchored are removed");
                        SWEEP_EVERY
                    }
                    Err(error) => {
                        tracing::warn!(%error, "uploads that nobody anchored cannot be removed now");
                        SWEEP_RETRY
                    }
                },
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}
