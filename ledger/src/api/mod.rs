//! The node's API: what a service, a command line or a stranger may ask over HTTP, and the client.
//!
//! Binary answers (borsh) are for machines that verify them; the same facts are there as JSON for
//! people. Log, checkpoint and tiles follow C2SP (tlog-tiles, tlog-checkpoint). Nothing here decides:
//! handlers parse, ask the node or its store, and map errors to RFC 9457 problems in one place.
//!
//! | route | answer |
//! |---|---|
//! | `POST /v1/submissions` | borsh list of [`Answer`] to a borsh list of submissions, in order |
//! | `GET /v1/status`, `/health`, `/metrics` | how the node is |
//! | `GET /v1/network` | the founding document's founding state |
//! | `GET /v1/blocks?after=H&limit=N&wait_ms=T` | borsh list of [`BlockPage`] items |
//! | `GET /v1/trust?after=N` | borsh list of records of changes of the validator set |
//! | `GET /v1/misconduct` | accusations that this node can prove, and its protests, as JSON |
//! | `GET /v1/headers?after=H` | borsh list of headers |
//! | `GET /v1/snapshots`, `…/{height}`, `…/{height}/{number}` | the state, for a node that joins ([`crate::snapshot`]) |
//! | `GET /v1/transactions/{id}` | [`Answer`] in borsh; `/json` for people |
//! | `GET /v1/state/{key}` | [`StateAnswer`]: record, proof, and the receipt of the height |
//! | `GET /v1/history/{key}` | [`HistoryAnswer`]: all events of a record with the same proofs |
//! | `GET /v1/bundles/{key}` | evidence bundle (JSON, [`crate::bundle`]) about a record |
//! | `GET /v1/sides/{id}` | borsh side body |
//! | `GET /v1/decisions/{agreement}/{version}` | may it be delivered now? |
//! | `GET /v1/consistency?from=A&to=B` | borsh list of hashes: the proof that the log only grew |
//! | `GET /checkpoint`, `/witnessed`, `/tile/…` | C2SP |
//! | `GET /v1/tlog-proof/{id}` | C2SP tlog-proof text |

mod answers;
pub(crate) mod blocks;
pub mod checkpoint;
pub mod client;
pub mod connections;
mod evidence;
pub mod follow;
mod line;
pub mod observe;
mod problem;
mod room;
pub mod server;
mod snapshots;
pub(crate) mod submit;
pub mod tls;
pub mod trace;
mod trust;
pub mod types;

pub use problem::Problem;
pub use types::{Answer, BlockPage, Decision, HistoryAnswer, StateAnswer};

#[cfg(test)]
mod tests;
