//! What a validator keeps of the height at work: what it signed and judged, and the blocks it did it for.
//!
//! One file beside the ledger, begun anew for each height. A validator that lost it could sign a second,
//! different vote for the same round, so nothing of it is sent before [`Voting::sync`] returns.
//!
//! # Format
//! Frames, one after the other: `length (u32) ‖ sum (8 bytes) ‖ kind (u8) ‖ payload`, numbers big-endian.
//! A sum is the start of the SHA-256 of the sum before it, kind and payload, so a frame that an older
//! height left behind can never follow one of this. The first frame names network and height. Reading ends
//! at the first frame that is not whole: what a crash cut short was not synced, and so never sent.

use crate::{
    limits::{VOTING_BYTES_MAX, VOTING_RECORDS_BYTES},
    whole::{Failed, sync_folder},
};
use contracts::id::{Digest, Height, NetworkId};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

const FRAME_BYTES: usize = 4 + 8 + 1;
const BEGINS: u8 = 0;
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
    sum: [u8; 8],
    synced: bool,
    records: Vec<Vec<u8>>,
    blocks: BTreeMap<Digest, Vec<u8>>,
    ours: BTreeMap<u32, Digest>,
    /// There was no file.
    new: bool,
}

impl Voting {
    /// Opens the file at `path`, making it if it is not there.
    ///
    /// # Errors
    /// [`VotingError`].
    pub fn open(path: &Path, network: NetworkId) -> Result<Self, VotingError> {
        let new = !path.try_exists().map_err(Failed::to("look at", path))?;
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let file = opened.map_err(Failed::to("open", path))?;
        if new {
            sync_folder(path.parent().unwrap_or(Path::new(".")))?;
        }
        let bytes = std::fs::read(path).map_err(Failed::to("read", path))?;
        let (path, height, synced) = (path.to_path_buf(), 0, true);
        let (records, blocks, ours) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut voting = Self { file, path, network, height, end: 0, sum: [0; 8], synced, records, blocks, ours, new };
        voting.read(&bytes)?;
        Ok(voting)
    }

    /// The height at work when it was last written; 0 in a new file.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Was there no file when it was opened? An empty one is what a crash may leave of a height at which
    /// nothing was said yet; one that is gone was taken away, or never was.
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
        self.file.set_len(0).map_err(Failed::to("empty", &self.path))?;
        (self.height, self.end, self.sum) = (height, 0, [0; 8]);
        self.records.clear();
        self.blocks.clear();
        self.ours.clear();
        let begins = [self.network.0.as_slice(), &height.to_be_bytes()].concat();
        self.append(BEGINS, &begins)
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
            self.synced = true;
        }
        Ok(())
    }

    fn append(&mut self, kind: u8, payload: &[u8]) -> Result<(), VotingError> {
        let length = payload.len() as u64;
        let most = if kind == BLOCK { VOTING_BYTES_MAX - VOTING_RECORDS_BYTES } else { VOTING_BYTES_MAX };
        if self.end + length + FRAME_BYTES as u64 > most {
            return Err(VotingError::Full { path: self.path.clone(), height: self.height });
        }
        let sum = sum(&self.sum, kind, payload);
        let frame = [&(length as u32).to_be_bytes(), sum.as_slice(), &[kind], payload].concat();
        self.file.write_all_at(&frame, self.end).map_err(Failed::to("write", &self.path))?;
        self.end += frame.len() as u64;
        (self.sum, self.synced) = (sum, false);
        Ok(())
    }

    /// Reads frames until the first that is not whole, and cuts off what follows.
    fn read(&mut self, bytes: &[u8]) -> Result<(), VotingError> {
        self.scan(bytes)?;
        self.file.set_len(self.end).map_err(Failed::to("cut", &self.path))?;
        Ok(())
    }

    /// Takes up the frames of `bytes` until the first that is not whole.
    fn scan(&mut self, bytes: &[u8]) -> Result<(), VotingError> {
        let mut rest = bytes;
        while let Some((kind, payload, after)) = frame(&self.sum, rest) {
            let first = rest.len() == bytes.len();
            if first != (kind == BEGINS) || !self.take(kind, payload)? {
                break;
            }
            self.sum = sum(&self.sum, kind, payload);
            rest = after;
        }
        self.end = (bytes.len() - rest.len()) as u64;
        Ok(())
    }

    /// Takes up what a frame holds. False where it is none of ours.
    fn take(&mut self, kind: u8, payload: &[u8]) -> Result<bool, VotingError> {
        match kind {
            BEGINS => {
                let Some((network, height)) = payload.split_first_chunk::<32>() else { return Ok(false) };
                let Ok(height) = height.try_into().map(u64::from_be_bytes) else { return Ok(false) };
                if *network != self.network.0 {
                    let (path, found) = (self.path.clone(), NetworkId(*network));
                    return Err(VotingError::OtherNetwork { path, found, expected: self.network });
                }
                self.height = height;
            }
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

/// Reads `bytes` as a file of network 07…07, touching none. Was every byte of it a whole frame?
///
/// # Panics
/// Never, whatever they are; without a file that opens, it reads nothing.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let Ok(file) = File::open("/dev/null") else { return false };
    let (path, network, height, synced, new) = (PathBuf::new(), NetworkId([7; 32]), 0, true, false);
    let (records, blocks, ours) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    let mut voting = Voting { file, path, network, height, end: 0, sum: [0; 8], synced, records, blocks, ours, new };
    voting.scan(bytes).is_ok() && voting.end == bytes.len() as u64
}

/// A file of network 07…07 that holds `frames`, each a kind and its payload.
pub(crate) fn written(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut before) = (Vec::new(), [0; 8]);
    for (kind, payload) in frames {
        before = sum(&before, *kind, payload);
        bytes.extend([&(payload.len() as u32).to_be_bytes(), before.as_slice(), &[*kind], payload].concat());
    }
    bytes
}

/// The next frame and what comes after it, if it is whole and follows `before`.
fn frame<'a>(before: &[u8; 8], bytes: &'a [u8]) -> Option<(u8, &'a [u8], &'a [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (said, rest) = rest.split_first_chunk::<8>()?;
    let (kind, rest) = rest.split_first()?;
    let (payload, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    (sum(before, *kind, payload) == *said).then_some((*kind, payload, rest))
}

fn sum(before: &[u8; 8], kind: u8, payload: &[u8]) -> [u8; 8] {
    let digest = Digest::of(&[b"lonja/voting/v1\0", before, &[kind], payload]);
    digest.0.first_chunk().copied().expect("a digest has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NETWORK: NetworkId = NetworkId([1; 32]);

    /// What a file holds, as a model of it.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    struct Held {
        height: Height,
        records: Vec<Vec<u8>>,
        blocks: BTreeMap<Digest, Vec<u8>>,
        ours: BTreeMap<u32, Digest>,
    }

    fn held(voting: &Voting) -> Held {
        let Voting { height, records, blocks, ours, .. } = voting;
        Held { height: *height, records: records.clone(), blocks: blocks.clone(), ours: ours.clone() }
    }

    fn open(path: &Path) -> Voting {
        Voting::open(path, NETWORK).unwrap()
    }

    #[test]
    fn a_file_of_another_network_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voting");
        open(&path).begin(3).unwrap();
        let error = Voting::open(&path, NetworkId([2; 32])).unwrap_err();
        assert!(matches!(error, VotingError::OtherNetwork { found: NETWORK, .. }), "{error}");
        assert_eq!(open(&path).height(), 3);
    }

    #[test]
    fn a_height_that_is_too_much_is_told_and_the_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut voting = open(&folder.path().join("voting"));
        voting.begin(1).unwrap();
        let large = vec![0; VOTING_BYTES_MAX as usize];
        assert!(matches!(voting.keep(Digest([1; 32]), large), Err(VotingError::Full { height: 1, .. })));
        voting.record(b"vote".to_vec()).unwrap();
        let before = held(&voting);
        drop(voting);
        assert_eq!(held(&open(&folder.path().join("voting"))), before);
    }

    #[test]
    fn a_file_full_of_blocks_takes_records() {
        let folder = tempfile::tempdir().unwrap();
        let mut voting = open(&folder.path().join("voting"));
        voting.begin(1).unwrap();
        let id = Digest([1; 32]);
        voting.keep(id, b"block".to_vec()).unwrap();
        // As after so many blocks, which are a hole here.
        voting.end = VOTING_BYTES_MAX - VOTING_RECORDS_BYTES;
        assert!(matches!(voting.keep(Digest([2; 32]), b"block".to_vec()), Err(VotingError::Full { height: 1, .. })));
        voting.propose(1, id).unwrap();
        (0..1_000).for_each(|_| voting.record(vec![1; 200]).unwrap());
        voting.sync().unwrap();
        voting.end = VOTING_BYTES_MAX;
        assert!(matches!(voting.record(vec![1; 200]), Err(VotingError::Full { height: 1, .. })));
    }

    #[test]
    fn one_changed_byte_ends_the_file_there_and_nothing_wrong_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voting");
        let mut voting = open(&path);
        voting.begin(7).unwrap();
        let mut states = vec![Held::default(), held(&voting)];
        for number in 0..4u8 {
            voting.keep(Digest([number; 32]), vec![number; 20]).unwrap();
            states.push(held(&voting));
            voting.propose(u32::from(number), Digest([number; 32])).unwrap();
            states.push(held(&voting));
            voting.record(vec![number; 9]).unwrap();
            states.push(held(&voting));
        }
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x20;
            std::fs::write(&path, &changed).unwrap();
            // A changed network is refused by name, unless its sum shows the change first.
            let found = held(&open(&path));
            assert!(states[..states.len() - 1].contains(&found), "byte {at}: {found:?}");
        }
    }

    proptest! {
        /// Against a model: what was done before any cut is there again, in order; a later height leaves
        /// nothing of an earlier one, even where its bytes are still in the file.
        #[test]
        fn what_is_cut_off_is_the_end(steps in prop::collection::vec((0u8..8, any::<u8>()), 1..40), cut in any::<prop::sample::Index>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("voting");
            let mut voting = open(&path);
            voting.begin(1).unwrap();
            let mut states = vec![(voting.end, held(&voting))];
            let mut longest = Vec::new();
            for (what, byte) in steps {
                let id = Digest([byte; 32]);
                match what {
                    0 => {
                        longest = std::fs::read(&path).unwrap();
                        voting.begin(voting.height() + 1).unwrap();
                        states.clear();
                    }
                    1 | 2 => voting.keep(id, vec![byte; usize::from(byte)]).unwrap(),
                    3 => voting.propose(u32::from(byte), id).unwrap(),
                    _ => voting.record(vec![byte; 3]).unwrap(),
                }
                states.push((voting.end, held(&voting)));
            }
            voting.sync().unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let cut = cut.index(bytes.len() + 1);
            // After the cut comes what an earlier height had written there; of that, what is the same by
            // chance is not lost.
            let file = [&bytes[..cut], longest.get(cut..).unwrap_or_default()].concat();
            let there = file.iter().zip(&bytes).take_while(|(one, other)| one == other).count() as u64;
            let expected = states.iter().rev().find(|(end, _)| *end <= there).map(|(_, state)| state.clone());
            std::fs::write(&path, file).unwrap();
            let found = held(&open(&path));
            match expected {
                Some(expected) => prop_assert_eq!(found, expected),
                None => prop_assert!(found.height < states[0].1.height),
            }
        }
    }
}
