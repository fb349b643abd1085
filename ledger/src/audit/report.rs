//! What an audit found.

use crate::log::proof::TreeHead;
use contracts::{
    id::{Digest, Height, NetworkId, TimeMs},
    outcome::{Outcome, TransactionEntry},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// Findings that are listed; more are counted.
const FINDINGS_MAX: usize = 1_000;

/// Something that is not as it must be, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A file, a family and key, or a height.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

/// Findings in the order in which they were made, with an end: a store that is damaged all over is
/// described by its first thousand rows as well as by all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Those that are listed.
    pub findings: Vec<Finding>,
    /// Findings beyond those listed.
    pub more_findings: u64,
}

impl Findings {
    /// Adds one.
    pub fn find(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { place: place.into(), what: what.into() });
        } else {
            self.more_findings += 1;
        }
    }

    /// Adds those of another part.
    pub fn extend(&mut self, other: Self) {
        self.more_findings += other.more_findings;
        other.findings.into_iter().for_each(|finding| self.find(finding.place, finding.what));
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }
}

/// The result of an audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The network.
    pub network: NetworkId,
    /// Height up to which everything was verified.
    pub height: Height,
    /// Time of the block there, 0 where there is none. Not in the digest, which has the block: it is for whoever judges
    /// by it whether what was audited is the newest, since nothing in a ledger shows that it goes on elsewhere.
    pub time_ms: TimeMs,
    /// Entries of the log there.
    pub log_size: u64,
    /// Root of the log there.
    pub log_root: Digest,
    /// Root of the state there.
    pub state_root: Digest,
    /// Transactions that were applied.
    pub applied: u64,
    /// Transactions that were refused by policy.
    pub refused: u64,
    /// Per currency: the sum of all accounts, which equals what was minted less what was burned.
    pub money: BTreeMap<String, u64>,
    /// Rows of the store that were compared.
    pub rows: u64,
    /// Side bodies that are what their commitments say.
    pub sides: u64,
    /// Side bodies of submissions that never came into a block.
    pub orphans: u64,
    /// SHA-256 over everything above but the time and the number of rows: two audits of one ledger give the same,
    /// from a directory or from a URL.
    pub digest: Digest,
    /// Why no block was executed again, if none was: then hashes and signatures hold, and nothing else is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unexecuted: Option<String>,
    /// Why an audit of a node ended before its newest block, if it did: the node has not the transactions of older
    /// blocks. Everything up to `height` holds then, and nothing above it was audited but the newest seal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unserved: Option<String>,
    /// Newest blocks that are decided, as their certificates show, and whose seals had not come when the node stopped.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsealed: u64,
    /// What could not be audited, a part each, for people.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_audited: Vec<String>,
    /// What is not as it must be. Empty means that everything holds, as far as `unexecuted` and `unserved` do
    /// not say otherwise.
    pub findings: Vec<Finding>,
    /// Findings beyond those listed.
    pub more_findings: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Report {
    pub(super) fn new(network: NetworkId) -> Self {
        Self {
            network,
            height: 0,
            time_ms: 0,
            log_size: 0,
            log_root: contracts::merkle::empty_root(),
            state_root: Digest::default(),
            applied: 0,
            refused: 0,
            money: BTreeMap::new(),
            rows: 0,
            sides: 0,
            orphans: 0,
            digest: Digest::default(),
            unexecuted: None,
            unserved: None,
            unsealed: 0,
            not_audited: Vec::new(),
            findings: Vec::new(),
            more_findings: 0,
        }
    }

    /// Does everything hold?
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Adds what was found beside the ledger. The digest stays that of the ledger.
    pub fn also(&mut self, findings: Findings) {
        self.more_findings += findings.more_findings;
        findings.findings.into_iter().for_each(|finding| self.find(finding.place, finding.what));
    }

    pub(super) fn find(&mut self, place: impl Into<String>, what: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { place: place.into(), what: what.into() });
        } else {
            self.more_findings += 1;
        }
    }

    pub(super) fn head(&mut self, height: Height, time_ms: TimeMs, head: TreeHead, state_root: Digest) {
        self.height = height;
        self.time_ms = time_ms;
        self.log_size = head.size;
        self.log_root = head.root;
        self.state_root = state_root;
    }

    pub(super) fn block<'e>(&mut self, entries: impl Iterator<Item = &'e TransactionEntry>) {
        for entry in entries {
            match entry.outcome {
                Outcome::Applied => self.applied += 1,
                Outcome::Refused { .. } => self.refused += 1,
            }
        }
    }

    pub(super) fn side(&mut self) {
        self.sides += 1;
    }

    pub(super) fn orphan(&mut self) {
        self.orphans += 1;
    }

    pub(super) fn finish(&mut self) {
        let money = serde_json::to_vec(&self.money).expect("a map of names and numbers is JSON");
        self.digest = Digest::of(&[
            b"lonja/audit/v1\0",
            &self.network.0,
            &self.height.to_be_bytes(),
            &self.log_size.to_be_bytes(),
            &self.log_root.0,
            &self.state_root.0,
            &self.applied.to_be_bytes(),
            &self.refused.to_be_bytes(),
            &self.sides.to_be_bytes(),
            // What was only hashed is not what was executed, nor is a part the whole.
            &[u8::from(self.unexecuted.is_none() && self.unserved.is_none())],
            &money,
        ]);
    }
}
