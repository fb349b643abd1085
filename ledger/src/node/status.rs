//! How a node is: what `/v1/status` answers, and what health and metrics are taken from.

use super::Handle;
use crate::{
    api::client::UnknownRules,
    limits::TIP_AGE_MS_MAX,
    peers::PeerStatus,
    store::{Store, StoreError, Tip},
    time::now_ms,
};
use contracts::{
    governance::{PROTOCOL_NEWEST, Protocol},
    id::{Height, NetworkId, TimeMs},
    state::{Fault, Reading},
};
use serde::{Deserialize, Serialize};

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The network.
    pub network: NetworkId,
    /// Height of the newest block.
    pub height: Height,
    /// Its time.
    pub time_ms: TimeMs,
    /// Entries of the log.
    pub log_size: u64,
    /// Root of the log.
    pub log_root: contracts::id::Digest,
    /// Root of the state.
    pub state_root: contracts::id::Digest,
    /// Transactions that wait.
    pub waiting: u64,
    /// Does it make blocks, or take up those that others make, as of now?
    pub healthy: bool,
    /// Why not, if it does not.
    pub reason: Option<String>,
    /// Is it no validator, but takes up what others decide?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub observes: bool,
    /// Its number among the validators, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<u16>,
    /// How often the set of validators has changed.
    #[serde(default)]
    pub era: u32,
    /// The version of the rules by which the next block is executed.
    #[serde(default)]
    pub protocol: u16,
    /// The version that a quorum decided and that is not in force yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol_next: Option<NextProtocol>,
    /// The height up to which it has no blocks, since it joined by a snapshot.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub base: Height,
    /// The height up to which it moved transactions into its archive.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pruned: Height,
    /// Why it cannot move transactions into its archive, if it cannot; it makes blocks all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unarchived: Option<String>,
    /// The links to the other validators, where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<PeerStatus>,
}

/// A version of the rules that comes into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextProtocol {
    /// Which.
    pub version: u16,
    /// The first height that is executed by it.
    pub from: Height,
    /// Does this release know it? A node that does not stops before that height.
    pub known: bool,
}

fn is_zero(height: &Height) -> bool {
    *height == 0
}

/// What the store says, besides the tip.
#[derive(Default)]
struct Known {
    base: Height,
    pruned: Height,
    protocol: u16,
    next: Option<NextProtocol>,
}

/// Why the store does not say it.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    State(#[from] Fault),
}

impl Known {
    fn of(store: &Store, tip: Height) -> Result<Self, Unread> {
        let reader = store.reader();
        let record: Option<Protocol> = reader.value(&Protocol::key())?;
        let next = record.filter(|record| record.from > tip + 1).map(|Protocol { version, from, .. }| NextProtocol {
            version,
            from,
            known: version <= PROTOCOL_NEWEST,
        });
        let protocol = Protocol::at(&reader, tip + 1)?;
        Ok(Self { base: reader.base()?, pruned: reader.pruned()?, protocol, next })
    }
}

impl Handle {
    /// Rules that a quorum decided and that this release does not know.
    pub fn unknown_rules(&self) -> Option<UnknownRules> {
        // A store that cannot be read is told by the status.
        let record = self.shared.store.reader().value::<Protocol>(&Protocol::key()).ok()??;
        UnknownRules::of(&record)
    }

    /// How the node is.
    pub fn status(&self) -> Status {
        let tip = self.shared.tip.borrow().clone();
        let era = self.shared.era();
        let (known, unread) = match Known::of(&self.shared.store, tip.height) {
            Ok(known) => (known, None),
            Err(error) => (Known::default(), Some(format!("the store cannot be read: {error}"))),
        };
        let unreached = || self.shared.unreached.lock().clone().filter(|_| era.number().is_none());
        let behind = || era.behind().map(str::to_owned);
        let reason = self.hindrance().or_else(unreached).or(unread).or_else(behind);
        let reason = reason.or_else(|| out_of_date(&tip, now_ms()));
        Status {
            network: self.shared.network,
            height: tip.height,
            time_ms: tip.time_ms,
            log_size: tip.log.count(),
            log_root: tip.log.root(),
            state_root: tip.state_root,
            waiting: self.shared.queue.lock().mempool.len() as u64,
            healthy: reason.is_none(),
            reason,
            observes: era.number().is_none(),
            validator: era.number(),
            era: era.era.number,
            protocol: known.protocol,
            protocol_next: known.next,
            base: known.base,
            pruned: known.pruned,
            unarchived: self.shared.unarchived.lock().map(str::to_owned),
            links: self.shared.links.read().as_ref().map(|links| links.status()).unwrap_or_default(),
        }
    }
}

/// Why what a node with this tip answers says nothing about now, if so.
fn out_of_date(tip: &Tip, now_ms: TimeMs) -> Option<String> {
    // Before the first block there is no time and nothing to be asked for.
    let age_ms = if tip.height > 0 { now_ms.saturating_sub(tip.time_ms) } else { 0 };
    let (height, seconds) = (tip.height, age_ms / 1_000);
    (age_ms > TIP_AGE_MS_MAX).then(|| {
        format!(
            "its newest block, {height}, is {seconds} s old: it is catching up, or the network makes no blocks, or \
             this machine's clock is wrong"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{node::Fate, submission::Submission, testing};
    use contracts::{
        action::Action,
        governance::{Ballot, Change, Propose},
        limits::PROTOCOL_NOTICE_BLOCKS,
        outcome::Outcome,
        transaction::Body,
    };
    use std::time::Duration;

    /// A decision of the only validator, which needs no other's ballot.
    fn decision(handle: &Handle, change: Change) -> Submission {
        let (operator, status, base) = (testing::operator(), handle.status(), handle.validators().digest());
        let until_ms = status.time_ms + 3_600_000;
        let id = Propose::id_of(&change, &base, until_ms);
        let ballot = Ballot::approve(&status.network, &id, 0, &*testing::solo_keys().consensus).unwrap();
        let body = Body {
            network: status.network,
            sender: operator.party,
            key: operator.signer.public(),
            nonce: [1; 16],
            last_valid: status.height + 100,
            action: Action::Propose(Propose { change, base, until_ms, ballot }),
        };
        Submission { transaction: body.sign(&*operator.signer).unwrap(), side: None }
    }

    #[test]
    fn a_tip_of_long_ago_is_not_well() {
        let log = contracts::merkle::Frontier::default();
        let tip = |height, time_ms| Tip {
            network: testing::document().network,
            height,
            block: contracts::id::Digest([0; 32]),
            time_ms,
            log: log.clone(),
            state_root: contracts::id::Digest([0; 32]),
        };
        assert_eq!(out_of_date(&tip(0, 0), 1_000_000), None);
        assert_eq!(out_of_date(&tip(7, 1_000_000), 1_000_000 + TIP_AGE_MS_MAX), None);
        assert_eq!(out_of_date(&tip(7, 1_000_000), 0), None, "the others' clocks are ahead");
        let reason = out_of_date(&tip(7, 1_000_000), 1_000_001 + TIP_AGE_MS_MAX).unwrap();
        assert!(reason.contains("newest block, 7, is 90 s old"), "{reason}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_version_that_this_release_does_not_know_is_told_of_from_its_decision_on() {
        let folder = tempfile::tempdir().unwrap();
        let node = testing::node(folder.path()).unwrap();
        let handle = node.handle();
        handle.watch().wait_for(|tip| tip.height > 0).await.unwrap();
        assert_eq!((handle.status().protocol, handle.status().protocol_next), (1, None));
        assert!(handle.metrics().contains("lonja_protocol_unknown_from 0\n"));

        let from = handle.status().height + PROTOCOL_NOTICE_BLOCKS + 10;
        let submission = decision(&handle, Change::Protocol { version: PROTOCOL_NEWEST + 1, from });
        let (id, receiver) = handle.take(submission).unwrap();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        let Ok(Fate::Committed(decided, place)) = handle.fate(id, receiver.unwrap(), deadline).await else {
            panic!("it was not committed");
        };
        assert_eq!(decided.results[place as usize].entry.outcome, Outcome::Applied);

        let next = Some(NextProtocol { version: PROTOCOL_NEWEST + 1, from, known: false });
        assert_eq!((handle.status().protocol, handle.status().protocol_next), (1, next));
        assert!(handle.status().healthy, "it is not that height yet");
        assert!(handle.metrics().contains(&format!("lonja_protocol_unknown_from {from}\n")));
        drop(handle);
        node.stop();
        let again = testing::node(folder.path()).unwrap();
        assert_eq!(again.handle().status().protocol_next, next, "a start knows it too");
    }
}
