//! Bounds of a node, each with its unit and its reason. Network rules are in `contracts::limits`.

use std::time::Duration;

/// Transactions waiting in the mempool. At 5,000 a second this is ten seconds of work.
pub const MEMPOOL_TRANSACTIONS_MAX: usize = 50_000;
/// Bytes waiting in the mempool.
pub const MEMPOOL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What one party may hold of either: an eighth, so that no party keeps the others out.
pub const MEMPOOL_SHARE_PER_PARTY: usize = 8;
/// Transactions that the proposer puts into one block, below what the rules allow: larger blocks
/// spread the cost of an fsync, smaller ones answer sooner. Measured with `lonja bench`.
pub const PROPOSAL_TRANSACTIONS_MAX: usize = 2_000;
/// Submissions in one request. Bounds memory and the time that one request holds a thread.
pub const SUBMISSIONS_PER_REQUEST_MAX: usize = 1_000;
/// Bytes of a request body: as many transactions with side bodies as fit a block.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of request bodies that are held at once, by what their heads promise; more are told to come
/// back.
pub const REQUESTS_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How long a request's body may take to come. Whoever sends a byte a minute holds nothing for long.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// Requests at work at once, those that wait for a block included; more are told to come back. Fewer
/// than [`CONNECTIONS_MAX`], so that there is a connection on which to tell it.
pub const REQUESTS_MAX: usize = 768;
/// Connections that are open at once, of a node as of a service; beyond that a new one is closed at
/// once.
pub const CONNECTIONS_MAX: usize = 1_024;
/// The head of a request (line and headers) must have come within this time, also the first and the
/// next on a connection that is kept open.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// The head of a request, in bytes, after which no more of it is read; what came in one piece with the
/// last of them may make it twice as long. A credential has some hundreds.
pub const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Headers of a request.
pub const HEADERS_MAX: usize = 64;
/// A reader that takes nothing for this long is let go, and so is an upload of which nothing comes.
pub const STALL_MAX: Duration = Duration::from_secs(60);
/// How long requests at work may go on when the node stops.
pub const DRAIN: Duration = Duration::from_secs(10);
/// How long a submission waits for its block, in milliseconds, before the answer is "pending".
pub const SUBMIT_WAIT_MS: u64 = 30_000;
/// Blocks in one answer to a follower.
pub const FOLLOW_BLOCKS_MAX: usize = 64;
/// Bytes in one answer to a follower, one block more than this at most.
pub const FOLLOW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long a follower may be kept waiting for the next block, in milliseconds.
pub const FOLLOW_WAIT_MS_MAX: u64 = 25_000;
/// History items in one answer.
pub const HISTORY_ITEMS_MAX: usize = 10_000;
/// Related records in an evidence bundle. More would hide the subject, and each costs a proof.
pub const BUNDLE_RELATED_MAX: usize = 1_000;
/// Receipts in an evidence bundle: of the newest transactions. Each reads its whole block.
pub const BUNDLE_RECEIPTS_MAX: usize = 256;
/// An idle network commits a block this often, in milliseconds, so that expiry fires.
pub const IDLE_BLOCK_MS: u64 = 30_000;
/// Heights before the tip whose state can still be proven: half a minute of full blocks, over an hour
/// of idle ones, for whoever asks by a seal that is no longer the newest. Under load each costs some
/// 3 MB that is written, kept and merged, so 1,024 of them would be 3 GB.
pub const STATE_VERSIONS_KEPT: u64 = 128;
/// Versions whose stale tree nodes are deleted with one block. A block makes one version; the others
/// let a store catch up in which more were kept.
pub const PRUNE_VERSIONS_PER_BLOCK_MAX: usize = 4;
/// How much older than now the tip may be for an access decision, in milliseconds.
pub const DECISION_AGE_MS_MAX: u64 = 1_000;
/// A solo node's stamp may run ahead of its parent by this much more than the time that passed, in
/// milliseconds: ten minutes. A clock that jumps further waits for somebody to confirm.
pub const CLOCK_JUMP_MS_MAX: u64 = 10 * 60 * 1_000;
/// The same after a restart, when nobody measured the time that passed: a day.
pub const CLOCK_JUMP_AFTER_RESTART_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

const _: () = assert!(REQUESTS_MAX < CONNECTIONS_MAX);
const _: () = assert!(PROPOSAL_TRANSACTIONS_MAX <= contracts::limits::BLOCK_TRANSACTIONS_MAX);
const _: () = assert!(REQUEST_BYTES_MAX >= contracts::limits::BLOCK_BYTES_MAX);
const _: () = assert!(BUNDLE_RELATED_MAX < crate::bundle::RECORDS_MAX);
