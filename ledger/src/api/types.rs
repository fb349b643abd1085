//! What travels between node and client: plain data, verified by the client.

use super::Problem;
use crate::{
    block::Block,
    ordering::Certificate,
    receipt::{Seal, SetChange, StateEvidence},
    store::StoredResult,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    event::Event,
    id::{Height, TimeMs, TransactionId},
    state::Key,
};
use serde::{Deserialize, Serialize};

/// What became of one submission.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// It is in a block.
    Committed(CommittedAnswer),
    /// It is in none; the RFC 9457 problem says why, as JSON.
    Problem(String),
}

/// A transaction that is in a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CommittedAnswer {
    /// Which.
    pub id: TransactionId,
    /// Height of its block.
    pub height: Height,
    /// Time of its block.
    pub time_ms: TimeMs,
    /// Its events; the receipt's entry has their digest.
    pub events: Vec<Event>,
    /// The binary receipt.
    pub receipt: Vec<u8>,
}

/// One block, for followers.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct BlockPage {
    /// Header and signed transactions.
    pub block: Block,
    /// What became of them, in order.
    pub results: Vec<StoredResult>,
    /// Who ordered it.
    pub certificate: Certificate,
    /// Who signed its checkpoint.
    pub seal: Seal,
    /// Where it is the last of its era: the record by which another set takes over.
    pub change: Option<SetChange>,
}

/// A record, or its absence, proven against a height that is proven.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateAnswer {
    /// Binary receipt of the block entry.
    pub height: Vec<u8>,
    /// The record with its proof.
    pub state: StateEvidence,
}

/// A stretch of a record's history, with the record that commits to all of it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct HistoryAnswer {
    /// Binary receipt of the block entry.
    pub height: Vec<u8>,
    /// The record with its proof.
    pub state: StateEvidence,
    /// Events from the asked index on.
    pub items: Vec<HistoryItem>,
}

/// One event of a history.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct HistoryItem {
    /// Height of the block.
    pub height: Height,
    /// Which transaction.
    pub transaction: TransactionId,
    /// Number of the event in it.
    pub number: u16,
    /// What happened.
    pub event: Event,
}

/// Whether a version may be delivered now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Height of the state that was asked.
    pub height: Height,
    /// Its time.
    pub time_ms: TimeMs,
    /// The time against which expiry was tested: the later of block time and the node's clock.
    pub tested_ms: TimeMs,
    /// Why not; `None` means yes.
    pub refused: Option<RefusedDecision>,
}

/// Why a delivery is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedDecision {
    /// Permanent code of the refusal.
    pub code: u8,
    /// Its name.
    pub name: String,
    /// The sentence for people.
    pub text: String,
}

/// Parameters of a history query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryQuery {
    /// First index.
    #[serde(default)]
    pub from: u64,
}

/// What `/v1/trust` is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TrustQuery {
    /// The number of the change after which records are wanted.
    #[serde(default)]
    pub after: u32,
}

/// What `/v1/consistency` is asked for.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct ConsistencyQuery {
    /// The size of the older log.
    pub from: u64,
    /// The size of the newer one.
    pub to: u64,
}

/// Parameters of a block query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlocksQuery {
    /// The height after which blocks are wanted.
    #[serde(default)]
    pub after: Height,
    /// How many at most.
    #[serde(default)]
    pub limit: usize,
    /// How long to wait for the next one.
    #[serde(default)]
    pub wait_ms: u64,
}

/// A key's text in links.
pub fn key_text(key: &Key) -> String {
    key.to_string()
}

impl CommittedAnswer {
    /// Did it do what it asked for?
    pub fn applied(&self) -> bool {
        !matches!(self.events.first(), Some(Event::Refused { .. }))
    }
}

impl Answer {
    /// A problem as an answer.
    pub fn problem(problem: &Problem) -> Self {
        Self::Problem(serde_json::to_string(problem).expect("a problem has plain fields"))
    }
}
