//! Blocks as a node serves them, up to those of rules that this release does not know.
//!
//! Of such a block nothing is decoded, since a later version may have events and actions that are none to us: whoever
//! read on would call the node a liar, or take what it does not understand. When they take over is proven by the state,
//! and told by the events of the blocks before.

use super::{Client, ClientError};
use crate::{api::BlockPage, limits::FOLLOW_BLOCKS_MAX};
use borsh::BorshDeserialize;
use contracts::{
    event::Event,
    governance::{PROTOCOL_NEWEST, Protocol},
    id::Height,
    limits::PROTOCOL_NOTICE_BLOCKS,
};
use std::{fmt, time::Duration};

/// Rules that a quorum decided and that this release does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownRules {
    /// Their version.
    pub version: u16,
    /// The first height that goes by them; nothing where it is not known any more.
    pub from: Option<Height>,
}

impl UnknownRules {
    /// What the governed record says of them, if it says anything.
    pub fn of(record: &Protocol) -> Option<Self> {
        let Protocol { version, from, before } = *record;
        if before > PROTOCOL_NEWEST {
            return Some(Self { version: before, from: None });
        }
        (version > PROTOCOL_NEWEST).then_some(Self { version, from: Some(from) })
    }

    /// What is known of them after an event. A decision that is not in force yet gives way to the next.
    pub fn after(before: Option<Self>, event: &Event) -> Option<Self> {
        match *event {
            Event::ProtocolDecided { version, from, .. } => {
                (version > PROTOCOL_NEWEST).then_some(Self { version, from: Some(from) })
            }
            _ => before,
        }
    }

    /// How many blocks after the one at `height` go by rules that are known.
    pub fn blocks_after(&self, height: Height) -> u64 {
        self.from.map_or(0, |from| from.saturating_sub(height.saturating_add(1)))
    }
}

impl fmt::Display for UnknownRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version;
        match self.from {
            Some(from) => write!(f, "the rules of version {version} take over at height {from}")?,
            None => write!(f, "the rules of version {version} are in force")?,
        }
        f.write_str(", and this release does not know them: install one that does")
    }
}

impl Client {
    /// Blocks after `after` as the node serves them, waiting up to `wait` for the next one. Nothing of them is
    /// verified: [`crate::api::follow`] does that, and a node that observes, which executes them besides.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::Rules`] where the next block goes by rules that this release does not know.
    pub async fn blocks(&self, after: Height, wait: Duration) -> Result<Vec<BlockPage>, ClientError> {
        self.blocks_before(after, wait, None).await
    }

    /// As [`Client::blocks`], where rules are known of that this release does not know: no block of them is decoded.
    ///
    /// # Errors
    /// As [`Client::blocks`].
    pub async fn blocks_before(
        &self,
        after: Height,
        wait: Duration,
        unknown: Option<UnknownRules>,
    ) -> Result<Vec<BlockPage>, ClientError> {
        let most = most(after, unknown)?;
        let bytes = self.get(&format!("/v1/blocks?after={after}&wait_ms={}", wait.as_millis())).await?;
        let error = match pages(&bytes, most) {
            Ok(pages) => return Ok(pages),
            Err(error) => error,
        };
        // Who was told of no such rules may have come to them all the same.
        match unknown {
            None => match self.unknown_rules().await?.1 {
                Some(found) => pages(&bytes, self::most(after, Some(found))?).map_err(|error| self.untrue(error)),
                None => Err(self.untrue(error)),
            },
            Some(_) => Err(self.untrue(error)),
        }
    }

    /// Rules that were decided and that this release does not know, as proven by the node's newest block, and the
    /// height of that.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn unknown_rules(&self) -> Result<(Height, Option<UnknownRules>), ClientError> {
        let proven = self.record::<Protocol>(&Protocol::key()).await?;
        Ok((proven.block.height, proven.record.and_then(|record| UnknownRules::of(&record.value))))
    }
}

/// How many blocks after `after` may be decoded.
fn most(after: Height, unknown: Option<UnknownRules>) -> Result<u64, ClientError> {
    match unknown.map(|unknown| (unknown, unknown.blocks_after(after))) {
        Some((unknown, 0)) => Err(ClientError::Rules(unknown)),
        Some((_, most)) => Ok(most),
        None => Ok(u64::MAX),
    }
}

/// The first `most` pages of an answer.
fn pages(mut bytes: &[u8], most: u64) -> std::io::Result<Vec<BlockPage>> {
    let count = u32::deserialize(&mut bytes)?;
    let pages =
        (0..u64::from(count).min(most)).map(|_| BlockPage::deserialize(&mut bytes)).collect::<Result<_, _>>()?;
    if u64::from(count) <= most && !bytes.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "the answer goes on after its last block"));
    }
    Ok(pages)
}

/// Whoever follows has read of a decision before it gets an answer that has blocks of it.
const _: () = assert!(PROTOCOL_NOTICE_BLOCKS > FOLLOW_BLOCKS_MAX as u64);

#[cfg(test)]
mod tests;
