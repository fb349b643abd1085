//! The file against a model of it: cut, changed, and full.

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
    voting.end = VOTING_BLOCKS_BYTES;
    assert!(matches!(voting.keep(Digest([2; 32]), b"block".to_vec()), Err(VotingError::Full { height: 1, .. })));
    voting.propose(1, id).unwrap();
    (0..1_000).for_each(|_| voting.record(vec![1; 200]).unwrap());
    voting.sync().unwrap();
    voting.end = VOTING_BYTES_MAX;
    assert!(matches!(voting.record(vec![1; 200]), Err(VotingError::Full { height: 1, .. })));
}

#[test]
fn one_changed_bit_is_no_end_that_a_crash_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voting");
    let mut voting = open(&path);
    voting.begin(7).unwrap();
    let first = voting.end as usize;
    for number in 0..4u8 {
        voting.keep(Digest([number; 32]), vec![number; 20]).unwrap();
        voting.propose(u32::from(number), Digest([number; 32])).unwrap();
        voting.record(vec![number; 9]).unwrap();
    }
    let (before, last) = (held(&voting), voting.end as usize);
    voting.sync().unwrap();
    voting.record(b"the last".to_vec()).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let observes = Held { height: 8, ..Held::default() };
    for (at, bit) in (0..whole.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << bit;
        std::fs::write(&path, &changed).unwrap();
        // A changed network is refused by name, unless its sum shows the change first.
        let mut voting = open(&path);
        let found = held(&voting);
        if at < first {
            assert!(found == Held::default() && voting.is_new(), "byte {at}: {found:?}");
        } else if at < last {
            assert!(found == observes && !voting.is_new(), "byte {at}: {found:?}");
        } else {
            // Whether the end was cut short or damaged shows in its length alone.
            assert!([&before, &observes].contains(&&found), "byte {at}: {found:?}");
        }
        let is_damaged = found != before;
        assert!(!is_damaged || std::fs::read(&path).unwrap() == changed, "the same is found at the next start");
        voting.begin(8).unwrap();
        voting.record(b"goes on".to_vec()).unwrap();
        assert_eq!(open(&path).records(), [b"goes on".to_vec()]);
    }
}

/// By one that has voted: whatever became of the file, nothing is said at the height above the last that was signed,
/// also after one more restart.
#[test]
fn where_it_is_gone_or_does_not_say_its_height_it_is_begun_above() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voting");
    let whole = |path: &Path| {
        let mut voting = open(path);
        assert!(std::fs::metadata(path).unwrap().len() > 0, "an empty one was emptied by somebody else");
        voting.begin(7).unwrap();
        voting.record(b"vote".to_vec()).unwrap();
        voting.sync().unwrap();
        std::fs::read(path).unwrap()
    };
    let bytes = whole(&path);
    let signed = || Voting::open_signed(&path, NETWORK, 6).unwrap();
    assert_eq!((signed().height(), signed().is_new(), signed().records().len()), (7, false, 1));
    let mut changed = bytes.clone();
    changed[20] ^= 1;
    for left in [None, Some(Vec::new()), Some(changed)] {
        match &left {
            None => std::fs::remove_file(&path).unwrap(),
            Some(left) => std::fs::write(&path, left).unwrap(),
        }
        for is_first in [true, false] {
            let voting = signed();
            assert_eq!((voting.height(), voting.is_new(), voting.records().len()), (8, is_first, 0), "{left:?}");
        }
    }
}

/// Power that fails lets some of what was written come to the disk and some not, in any order. It was not synced, so
/// nothing of it was sent, and the validator is needed at this height: there may be others as unlucky.
#[test]
fn what_was_not_synced_is_cut_off_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voting");
    let mut voting = open(&path);
    voting.begin(7).unwrap();
    voting.record(b"sent".to_vec()).unwrap();
    voting.sync().unwrap();
    let (before, from) = (held(&voting), voting.end as usize);
    let id = Digest([3; 32]);
    voting.keep(id, vec![9; 3 * 4_096]).unwrap();
    voting.propose(0, id).unwrap();
    (0..3u8).for_each(|number| voting.record(vec![number; 40]).unwrap());
    let whole = std::fs::read(&path).unwrap();
    voting.sync().unwrap();
    let synced = std::fs::read(&path).unwrap();
    for at in (from..whole.len()).step_by(512) {
        let torn = |whole: &[u8]| {
            let mut torn = whole.to_vec();
            torn[at..(at + 512).min(whole.len())].fill(0);
            std::fs::write(&path, &torn).unwrap();
            held(&open(&path))
        };
        assert_eq!(torn(&whole), before, "sector at {at}");
        // Where the sync returned, the same is damage, unless what says so is gone with it.
        let found = torn(&synced);
        let observes = Held { height: 8, ..Held::default() };
        assert!(found == observes || (found == before && at + 1_024 > whole.len()), "sector at {at}: {found:?}");
    }
}

/// A validator whose release is replaced in the middle of a height goes on with what the one before wrote.
#[test]
fn a_file_whose_sums_do_not_name_it_is_read_and_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("voting");
    let sum = |before: &[u8], kind: u8, payload: &[u8]| -> Vec<u8> {
        Digest::of(&[b"lonja/voting/v1\0", before, &[kind], payload]).0[..8].to_vec()
    };
    let frame = |sum: &[u8], kind: u8, payload: &[u8]| -> Vec<u8> {
        [&(payload.len() as u32).to_be_bytes(), sum, &[kind], payload].concat()
    };
    let begins = [NETWORK.0.as_slice(), &7u64.to_be_bytes()].concat();
    let first = sum(&[0; 8], 0, &begins);
    let second = sum(&first, RECORD, b"vote");
    let bytes = [frame(&first, 0, &begins), frame(&second, RECORD, b"vote")].concat();
    std::fs::write(&path, &bytes).unwrap();
    let mut voting = open(&path);
    assert_eq!((voting.height(), voting.records()), (7, &[b"vote".to_vec()][..]));
    voting.record(b"another".to_vec()).unwrap();
    assert_eq!(open(&path).records(), [b"vote".to_vec(), b"another".to_vec()]);
    voting.begin(8).unwrap();
    assert_eq!(open(&path).height(), 8);
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
