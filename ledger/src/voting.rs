//! What a validator keeps of the height at work: what it signed and judged, and the blocks it did it for.
//!
//! One file beside the ledger, begun anew for each height. A validator that lost it could sign a second,
//! different vote for the same round, so nothing of it is sent before [`Voting::sync`] returns.
//!
//! # Format
//! Frames, one after the other: `length (u32) ‖ sum (8 bytes) ‖ kind (u8) ‖ payload`, numbers big-endian.
//! The first frame names network and height. A sum is the start of the SHA-256 of the first frame's sum, the sum
//! before it, kind and payload, so a frame that an older height left behind can never follow one of this. Reading ends
//! at the first frame that is not whole: what a crash cut short was not synced, and so never sent.
//!
//! Another matter is a frame that was durable and has been damaged since: a frame that says so is written after each
//! sync, and stands behind it. What was said then was sent, and to forget that would be to say another thing. Nothing of such a file is taken; it
//! stays as it is, and says that its height was the next one, so that nothing is said at its own.

mod frames;

use crate::{
    limits::{VOTING_BLOCKS_BYTES, VOTING_BYTES_MAX},
    whole::{Failed, put},
};
use contracts::id::{Digest, Height, NetworkId};
use frames::{BEGAN, BEGINS, BEGUN, FRAME_BYTES, Frame, SYNCED, Sums};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

const RECORD: u8 = 1;
const BLOCK: u8 = 2;
const OURS: u8 = 3;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VotingError {
    /// The file system said no.
    #[error(transparent)]
    File(#[from] Failed),
    /// It belongs to another network.
    #[error("{path} is of network {found}, not of {expected}: it was put into the wrong directory")]
    OtherNetwork {
        /// Where it is.
        path: PathBuf,
        /// Whose it is.
        found: NetworkId,
        /// Whose it should be.
        expected: NetworkId,
    },
    /// A height has taken up all the room that there is.
    #[error(
        "height {height} has taken {VOTING_BYTES_MAX} bytes of {path}: its validators do not agree; see their logs"
    )]
    Full {
        /// Where it is.
        path: PathBuf,
        /// Which.
        height: Height,
    },
}

/// The open file.
#[derive(Debug)]
pub struct Voting {
    file: File,
    path: PathBuf,
    network: NetworkId,
    height: Height,
    /// Where the next frame goes.
    end: u64,
    sums: Sums,
    synced: bool,
    records: Vec<Vec<u8>>,
    blocks: BTreeMap<Digest, Vec<u8>>,
    ours: BTreeMap<u32, Digest>,
    /// There was no file, or none that says of which height it is.
    new: bool,
}

impl Voting {
    /// Opens the file at `path`, making it if it is not there.
    ///
    /// # Errors
    /// [`VotingError`].
    pub fn open(path: &Path, network: NetworkId) -> Result<Self, VotingError> {
        let new = is_missing(path)?;
        if new {
            // Never empty, so that an empty one was emptied by somebody else.
            write_first(path, &network, 0)?;
        }
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let file = opened.map_err(Failed::to("open", path))?;
        let bytes = std::fs::read(path).map_err(Failed::to("read", path))?;
        let mut voting = Self::empty(file, path.to_path_buf(), network, new);
        voting.read(&bytes)?;
        Ok(voting)
    }

    /// As [`Voting::open`], of a validator that has voted and signed, up to height `last`. Where its file is gone, or no
    /// longer says its height, it may have voted at the height above, so there is one that says that the height after
    /// that was at work: whoever is stopped before it gets there does not forget it.
    ///
    /// # Errors
    /// [`VotingError`].
    pub fn open_signed(path: &Path, network: NetworkId, last: Height) -> Result<Self, VotingError> {
        if !is_missing(path)? {
            let voting = Self::open(path, network)?;
            if !voting.is_new() {
                return Ok(voting);
            }
        }
        write_first(path, &network, last.saturating_add(2))?;
        Ok(Self { new: true, ..Self::open(path, network)? })
    }

    fn empty(file: File, path: PathBuf, network: NetworkId, new: bool) -> Self {
        let (height, end, sums, synced) = (0, 0, Sums::default(), true);
        let (records, blocks, ours) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        Self { file, path, network, height, end, sums, synced, records, blocks, ours, new }
    }

    /// The height at work when it was last written, or the one after it if the file was damaged since; 0 in a new
    /// file.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Was there no file when it was opened, an empty one, or one that is damaged where it says its height?
    pub fn is_new(&self) -> bool {
        self.new
    }

    /// What was kept for [`crate::ordering::Ordering::begin`], in order.
    pub fn records(&self) -> &[Vec<u8>] {
        &self.records
    }

    /// The bytes of a block of this height.
    pub fn block(&self, id: &Digest) -> Option<&[u8]> {
        self.blocks.get(id).map(Vec::as_slice)
    }

    /// The block that we proposed in `round`.
    pub fn ours(&self, round: u32) -> Option<Digest> {
        self.ours.get(&round).copied()
    }

    /// Begins `height`: what was kept of another one goes. The same height goes on.
    ///
    /// # Errors
    /// [`VotingError`].
    pub fn begin(&mut self, height: Height) -> Result<(), VotingError> {
        if height == self.height && self.end > 0 {
            return Ok(());
        }
        self.clear(height);
        let begins = [self.network.0.as_slice(), &height.to_be_bytes()].concat();
        self.append(BEGINS, &begins)?;
        // Cut afterwards: the file is empty at no moment, and what stands behind has another file's sum.
        Ok(self.file.set_len(self.end).map_err(Failed::to("cut", &self.path))?)
    }

    /// Keeps a record. It is durable after [`Voting::sync`].
    ///
    /// # Errors
    /// [`VotingError`]; nothing may be sent any more then.
    pub fn record(&mut self, bytes: Vec<u8>) -> Result<(), VotingError> {
        self.append(RECORD, &bytes)?;
        self.records.push(bytes);
        Ok(())
    }

    /// Keeps the bytes of a block of this height. Blocks leave room for records: who keeps no more of them can still
    /// vote for none.
    ///
    /// # Errors
    /// [`VotingError`]. After [`VotingError::Full`] the file is as it was.
    pub fn keep(&mut self, id: Digest, bytes: Vec<u8>) -> Result<(), VotingError> {
        if !self.blocks.contains_key(&id) {
            self.append(BLOCK, &[id.0.as_slice(), &bytes].concat())?;
            self.blocks.insert(id, bytes);
        }
        Ok(())
    }

    /// Notes that we propose block `id`, which was kept, in `round`.
    ///
    /// # Errors
    /// [`VotingError`].
    pub fn propose(&mut self, round: u32, id: Digest) -> Result<(), VotingError> {
        self.append(OURS, &[round.to_be_bytes().as_slice(), &id.0].concat())?;
        self.ours.entry(round).or_insert(id);
        Ok(())
    }

    /// Makes everything so far durable.
    ///
    /// # Errors
    /// [`VotingError`]; nothing of it may be sent then.
    pub fn sync(&mut self) -> Result<(), VotingError> {
        if !self.synced {
            self.file.sync_data().map_err(Failed::to("sync", &self.path))?;
            // Need not be durable itself: without it the file says less than it could.
            self.append(SYNCED, &frames::place(self.end))?;
            self.synced = true;
        }
        Ok(())
    }

    /// Knows of nothing that was said at `height`.
    fn clear(&mut self, height: Height) {
        (self.height, self.end, self.sums) = (height, 0, Sums::default());
        self.records.clear();
        self.blocks.clear();
        self.ours.clear();
    }

    fn append(&mut self, kind: u8, payload: &[u8]) -> Result<(), VotingError> {
        let length = payload.len() as u64;
        let most = if kind == BLOCK { VOTING_BLOCKS_BYTES } else { VOTING_BYTES_MAX };
        if self.end + length + FRAME_BYTES as u64 > most {
            return Err(VotingError::Full { path: self.path.clone(), height: self.height });
        }
        let (frame, sum) = frames::encode(&self.sums, kind, payload);
        self.file.write_all_at(&frame, self.end).map_err(Failed::to("write", &self.path))?;
        self.end += frame.len() as u64;
        self.sums.took(kind, sum);
        self.synced = false;
        Ok(())
    }

    /// Reads frames until the first that is not whole, and cuts off what follows, unless it was damaged.
    fn read(&mut self, bytes: &[u8]) -> Result<(), VotingError> {
        if !self.scan(bytes)? {
            self.file.set_len(self.end).map_err(Failed::to("cut", &self.path))?;
            return Ok(());
        }
        let (path, height, at) = (self.path.display(), self.height, self.end);
        tracing::error!(%path, height, at, "what was voted for is damaged on the disk; nothing is voted for at that height");
        self.new |= height == 0;
        self.clear(if self.new { 0 } else { height.saturating_add(1) });
        Ok(())
    }

    /// Takes up the frames of `bytes` until the first that is not whole. Was that damaged?
    fn scan(&mut self, bytes: &[u8]) -> Result<bool, VotingError> {
        let mut rest = bytes;
        let mut damaged = false;
        while !rest.is_empty() && !damaged {
            self.end = (bytes.len() - rest.len()) as u64;
            let Some(Frame { sum, kind, payload, rest: after }) = Frame::next(&self.sums, rest) else {
                damaged = frames::was_damaged(&self.sums, rest, self.end);
                break;
            };
            let is_first = rest.len() == bytes.len();
            // A frame that is whole and none of ours was never cut short.
            damaged = is_first != matches!(kind, BEGINS | BEGUN | BEGAN) || !self.take(kind, payload)?;
            if !damaged {
                self.sums.took(kind, sum);
                rest = after;
            }
        }
        self.end = (bytes.len() - rest.len()) as u64;
        Ok(damaged)
    }

    /// Takes up what a frame holds. False where it is none of ours.
    fn take(&mut self, kind: u8, payload: &[u8]) -> Result<bool, VotingError> {
        match kind {
            BEGINS | BEGUN | BEGAN => {
                let Some((network, height)) = payload.split_first_chunk::<32>() else { return Ok(false) };
                let Ok(height) = height.try_into().map(u64::from_be_bytes) else { return Ok(false) };
                if *network != self.network.0 {
                    let (path, found) = (self.path.clone(), NetworkId(*network));
                    return Err(VotingError::OtherNetwork { path, found, expected: self.network });
                }
                self.height = height;
            }
            SYNCED => return Ok(payload == frames::place(self.end)),
            RECORD => self.records.push(payload.to_vec()),
            BLOCK => {
                let Some((id, block)) = payload.split_first_chunk::<32>() else { return Ok(false) };
                self.blocks.insert(Digest(*id), block.to_vec());
            }
            OURS => {
                let Some((round, id)) = payload.split_first_chunk::<4>() else { return Ok(false) };
                let Ok(id) = id.try_into().map(Digest) else { return Ok(false) };
                self.ours.entry(u32::from_be_bytes(*round)).or_insert(id);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Is there no file, or an empty one?
fn is_missing(path: &Path) -> Result<bool, VotingError> {
    match std::fs::metadata(path) {
        Ok(there) => Ok(there.len() == 0),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Failed::to("look at", path)(error).into()),
    }
}

/// Puts a file there that says that `height` is at work, and nothing else, whole and durable.
fn write_first(path: &Path, network: &NetworkId, height: Height) -> Result<(), VotingError> {
    let begins = [network.0.as_slice(), &height.to_be_bytes()].concat();
    Ok(put(&path.with_extension("new"), path, &written(&[(BEGINS, begins)]))?)
}

/// Reads `bytes` as a file of network 07…07, touching none. Was every byte of it a whole frame?
///
/// # Panics
/// Never, whatever they are; without a file that opens, it reads nothing.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Ok(file) = File::open("/dev/null") else { return false };
    let mut voting = Voting::empty(file, PathBuf::new(), NetworkId([7; 32]), true);
    voting.scan(bytes).is_ok_and(|damaged| !damaged) && voting.end == bytes.len() as u64
}

/// A file of network 07…07 that holds `frames`, each a kind and its payload.
pub(crate) fn written(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut sums) = (Vec::new(), Sums::default());
    for (kind, payload) in frames {
        let (frame, sum) = frames::encode(&sums, *kind, payload);
        bytes.extend(frame);
        sums.took(*kind, sum);
    }
    bytes
}

#[cfg(test)]
mod tests;
