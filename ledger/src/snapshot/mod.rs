//! Snapshots: how a node begins with the state of one height instead of executing every block before it.
//!
//! # What is handed on
//! At a *station*, each [`STATION_EVERY`] heights, a node can hand its state on ([`Stations`]) as a [`Manifest`] and
//! [`SUBTREES`](crate::tree::SUBTREES) chunks, one for each first byte of a key's hash. All nodes have the same
//! stations, and one station has the same chunks on all of them, so what one hands on wrong can be had elsewhere.
//!
//! # What is believed
//! Nothing. Whoever joins ([`join`]) follows the blocks of the last [`VALIDITY_BLOCKS_MAX`] heights up to the station,
//! with their certificates and seals; the last one's header proves the state's root. The manifest's heads give that
//! root, each chunk gives its head, and the hashes of the whole log give the log's root. What it then has is, byte for
//! byte, what executing all blocks would have left, but for what it says that it does not have ([`Base`]): older
//! blocks, and events in them. Nor does one source say which snapshot is the newest, or which validators are: the
//! highest that holds is taken, and whoever knows of a change of the set is heard before.
//!
//! # What it costs
//! A station is a view of the store that RocksDB keeps, until the next one. When somebody asks for it, its records
//! are counted, and written into 256 files if the disk has room for them; blocks go on meanwhile. One snapshot is kept
//! at a time.

mod fetch;
mod join;
mod make;
mod stations;

pub use join::{JoinError, Joined, Progress, join};
pub use stations::{StationError, Stations};

use crate::{limits::STATION_EVERY, store::Base, tree::Heads};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{id::Height, limits::VALIDITY_BLOCKS_MAX, state::Key};

/// What a snapshot consists of. Everything in it is checked against blocks, but for `bytes`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Manifest {
    /// After the block of this height.
    pub height: Height,
    /// Where those begin who join at it.
    pub base: Base,
    /// What each chunk comes to.
    pub heads: Heads,
    /// Bytes of all chunks together, for a progress bar.
    pub bytes: u64,
}

/// The height below the oldest block that goes with a snapshot at `height`: all that a transaction can be a replay of
/// come after it.
fn base_of(height: Height) -> Height {
    height.saturating_sub(VALIDITY_BLOCKS_MAX)
}

/// Is there a station after block `height`?
pub fn is_station(height: Height) -> bool {
    height > 0 && height.is_multiple_of(STATION_EVERY)
}

/// The records of a chunk. `None` where the bytes are none.
pub fn decode_chunk(mut bytes: &[u8]) -> Option<Vec<(Key, Vec<u8>)>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (key, value) = <(Vec<u8>, Vec<u8>)>::deserialize(&mut bytes).ok()?;
        records.push((Key::from_bytes(key), value));
    }
    Some(records)
}

/// A record as it stands in a chunk.
pub(crate) fn encode_record(key: &[u8], value: &[u8]) -> Vec<u8> {
    borsh::to_vec(&(key, value)).expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests;
