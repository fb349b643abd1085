//! What brings a node that observes the blocks that others decided.
//!
//! Owns whom to ask next, and how long to wait. It verifies nothing: the node does, and says when what came last does
//! not hold.

use super::{BlockPage, client::Client};
use crate::{node::Handle, time::now_ms};
use contracts::id::Height;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long is waited before something that failed is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// How long a node that serves blocks may keep a question for the next one.
const NEXT_BLOCK_WAIT: Duration = Duration::from_secs(10);
/// How long is waited after an answer that has nothing new and came sooner.
const NOTHING_AFTER: Duration = Duration::from_millis(250);
/// How long a node that observes waits until it looks again whether it has room for blocks.
const ROOM_AFTER: Duration = Duration::from_millis(50);

/// Nodes that serve blocks, and whose turn it is.
struct Sources {
    clients: Vec<Client>,
    /// Which of them did not answer when they were asked last.
    away: Vec<bool>,
    turn: usize,
    /// The height above which blocks were asked for last.
    after: Option<Height>,
    /// Did the last answer end well above the node? Then a validator does not wait to stand still again before it asks
    /// for more, which would be long after each answer. So it is with one whose set the others have left behind.
    catches_up: bool,
}

/// Brings the node blocks from `sources` until `stop`. A node that is a validator is left alone while the others bring it on.
///
/// It stays with one source as long as that brings what holds. The next is asked where one is away, serves what does
/// not hold, or has nothing new: nobody can leave the node behind alone.
pub async fn observe(handle: Handle, sources: Vec<Client>, stop: CancellationToken) {
    let away = vec![false; sources.len()];
    let mut sources = Sources { clients: sources, away, turn: 0, after: None, catches_up: false };
    if sources.clients.is_empty() {
        return;
    }
    loop {
        let waited = tokio::select! {
            () = stop.cancelled() => return,
            waited = sources.bring(&handle) => waited,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(waited) => {}
        }
    }
}

impl Sources {
    /// Brings the node what the next source has, if it wants blocks. Returns how long to wait then.
    async fn bring(&mut self, handle: &Handle) -> Duration {
        let Some(after) = handle.wants_blocks(self.catches_up) else { return ROOM_AFTER };
        // What came last does not hold, and would not the next time: somebody else may know better. A validator says
        // of itself why the others do not bring it on, and what it was brought shows in how far it got.
        let is_validator = handle.seat().is_some();
        let refused = !is_validator && handle.hindrance().is_some();
        let got_on = self.after.replace(after).is_none_or(|before| before < after);
        self.turn = (self.turn + usize::from(refused)) % self.clients.len();
        let (client, begun) = (&self.clients[self.turn], Instant::now());
        match client.blocks_before(after, NEXT_BLOCK_WAIT, handle.unknown_rules()).await {
            Ok(pages) => {
                self.away[self.turn] = false;
                let is_new = pages.iter().any(|page| page.block.header.entry.height > after);
                // A validator asks for what it has once more.
                let brings = is_new && (got_on || !is_validator);
                self.turn += usize::from(!brings);
                self.catches_up = brings && pages.last().is_some_and(|page| is_well_above(after, page));
                handle.observe(pages);
                match brings {
                    _ if refused => AGAIN_AFTER,
                    true => Duration::ZERO,
                    false if is_validator => AGAIN_AFTER,
                    false => NOTHING_AFTER.saturating_sub(begun.elapsed()),
                }
            }
            Err(error) => {
                self.catches_up = false;
                if !std::mem::replace(&mut self.away[self.turn], true) {
                    tracing::warn!(%error, url = client.url(), "no blocks");
                }
                if self.away.iter().all(|away| *away) {
                    handle.unreached(format!("it observes and gets no blocks: {error}"));
                }
                self.turn += 1;
                AGAIN_AFTER
            }
        }
    }
}

/// Is there more above `after` than the block that is decided right now, as far as `page`, the last of an answer, tells?
/// An answer holds few blocks where those are large; then the age of the last does.
fn is_well_above(after: Height, page: &BlockPage) -> bool {
    let entry = &page.block.header.entry;
    entry.height > after + 2 || now_ms().saturating_sub(entry.time_ms) > NEXT_BLOCK_WAIT.as_millis() as u64
}

#[cfg(test)]
mod tests;
