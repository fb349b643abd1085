//! What a witness refuses, and what it remembers whatever happens to it.

use super::*;
use crate::note::NoteError;
use records::RecordError;
use server::{Refusal, WitnessError};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Duration,
};

/// Set for the process that is killed: the folder of its witness.
const FOLDER: &str = "LONJA_TEST_WITNESS_FOLDER";

fn newest(witness: &Witness) -> Option<u64> {
    let note = witness.newest(&records::origin_hash(ORIGIN))?;
    Some(checkpoint::parse(note.text()).unwrap().1.size)
}

/// In one word, with the size of a conflict.
fn verdict(answer: Result<NoteSignature, Refusal>) -> String {
    match answer {
        Ok(_) => "cosigned".into(),
        Err(Refusal::Malformed(_)) => "malformed".into(),
        Err(Refusal::Origin(_)) => "origin".into(),
        Err(Refusal::Signature(_)) => "signature".into(),
        Err(Refusal::Few { signed, quorum }) => format!("{signed} of {quorum}"),
        Err(Refusal::Shrinking { .. }) => "shrinking".into(),
        Err(Refusal::Conflict { size }) => format!("conflict {size}"),
        Err(Refusal::Inconsistent(_)) => "inconsistent".into(),
        Err(Refusal::Clock(_)) => "clock".into(),
        Err(Refusal::Sign(_)) => "sign".into(),
        Err(Refusal::Record(_)) => "record".into(),
    }
}

/// Its record is the one on disk, from whenever it was known before.
#[test]
fn other_logs_are_known_without_a_restart_and_none_is_forgotten() {
    let place = tempfile::tempdir().unwrap();
    let (log, moved) = (Log::new(9), "example.com/moved");
    let key = VerifierKey::new(moved, KeyKind::Ed25519, TestSigner::of(40).public()).unwrap();
    let text = body(moved, &log.head(9));
    let note = Note::new(text.clone(), vec![key.line(&TestSigner::of(40).sign(text.as_bytes()).unwrap().0)]).unwrap();
    let first = AddCheckpoint::new(0, vec![], note).unwrap().to_string();
    let both = Witness::open(place.path(), NAME, Arc::new(TestSigner::of(50)), vec![key.clone()]).unwrap();
    assert_eq!(verdict(both.add(first.as_bytes(), NOW)), "cosigned");
    drop(both);

    let witness = witness(place.path(), &log);
    assert_eq!(verdict(witness.add(log.request(0, 5).as_bytes(), NOW)), "cosigned");
    assert_eq!(verdict(witness.add(first.as_bytes(), NOW)), "origin");
    let many = vec![key.clone(); crate::limits::WITNESS_LOG_KEYS_MAX + 1];
    assert!(matches!(witness.know(many), Err(WitnessError::Logs(_))));
    assert_eq!(verdict(witness.add(log.request(5, 6).as_bytes(), NOW)), "cosigned", "as before");
    witness.know(vec![key]).unwrap();
    assert_eq!(verdict(witness.add(log.request(6, 7).as_bytes(), NOW)), "origin");
    assert_eq!(verdict(witness.add(first.as_bytes(), NOW)), "conflict 9", "it remembers what it cosigned");
    witness.know(vec![log.key.clone()]).unwrap();
    assert_eq!(verdict(witness.add(log.request(0, 7).as_bytes(), NOW)), "conflict 6");
    // A damaged record is not taken up, and what is known stays.
    let other = "example.com/other";
    fs::write(records::path(place.path(), &records::origin_hash(other)), "no checkpoint").unwrap();
    let other = VerifierKey::new(other, KeyKind::Ed25519, TestSigner::of(40).public()).unwrap();
    assert!(matches!(witness.know(vec![other]), Err(WitnessError::Records(RecordError::Foreign { .. }))));
    assert_eq!(verdict(witness.add(log.request(6, 8).as_bytes(), NOW)), "cosigned");
}

/// A log of four validators: one that lies cannot have its own tree cosigned, after which theirs would be refused.
#[test]
fn of_a_log_with_several_keys_more_than_two_thirds_must_sign() {
    let place = tempfile::tempdir().unwrap();
    let key = |seed| VerifierKey::new(ORIGIN, KeyKind::Ed25519, TestSigner::of(seed).public()).unwrap();
    let keys: Vec<_> = (40..44).map(key).collect();
    let witness = Witness::open(place.path(), NAME, Arc::new(TestSigner::of(50)), keys).unwrap();
    let log = Log::new(9);
    let signed = |seeds: std::ops::Range<u16>| {
        let text = body(ORIGIN, &log.head(9));
        let line = |seed| key(seed).line(&TestSigner::of(seed).sign(text.as_bytes()).unwrap().0);
        let note = Note::new(text.clone(), seeds.map(line).collect()).unwrap();
        AddCheckpoint::new(0, vec![], note).unwrap().to_string()
    };
    for few in [40..41, 42..44] {
        let verdict = verdict(witness.add(signed(few.clone()).as_bytes(), NOW));
        assert_eq!((verdict, newest(&witness)), (format!("{} of 3", few.len()), None));
    }
    assert_eq!(verdict(witness.add(signed(41..44).as_bytes(), NOW)), "cosigned");
}

#[test]
fn a_log_that_grows_is_cosigned_and_nothing_else_is() {
    let place = tempfile::tempdir().unwrap();
    let (log, fork) = (Log::new(40), Log::forked(40, 5));
    let witness = witness(place.path(), &log);
    let other = Log { signer: TestSigner::of(41), ..Log::new(40) };
    let with_proof = |old, proof: Vec<Digest>, note| AddCheckpoint::new(old, proof, note).unwrap().to_string();
    let empty_of = |root| log.sign(&body(ORIGIN, &TreeHead { size: 0, root }));
    let empty = contracts::merkle::empty_root();
    let strangers = Log {
        key: VerifierKey::new(ORIGIN, KeyKind::Ed25519, TestSigner::of(41).public()).unwrap(),
        signer: TestSigner::of(41),
        ..Log::new(40)
    };
    let moved = log.sign(&body("example.com/moved", &log.head(7)));
    let extended = log.sign(&format!("{}an extension\n", body(ORIGIN, &log.head(16))));
    let blank = log.sign(&format!("{}\nan extension\n", body(ORIGIN, &log.head(16))));
    for (what, request, expected, recorded) in [
        ("nothing", String::new(), "malformed", None),
        ("an origin that is not known", with_proof(0, vec![], moved), "origin", None),
        ("signed by a stranger", strangers.request(0, 7), "signature", None),
        ("a wrong signature of a known key", other.request(0, 7), "signature", None),
        ("old is larger", with_proof(8, vec![], log.checkpoint(7)), "shrinking", None),
        ("nothing was cosigned yet", log.request(3, 7), "conflict 0", None),
        ("a wrong empty tree", with_proof(0, vec![], empty_of(Digest([1; 32]))), "inconsistent", None),
        ("a proof from nothing", with_proof(0, vec![empty], log.checkpoint(7)), "inconsistent", None),
        ("the empty tree", with_proof(0, vec![], empty_of(empty)), "cosigned", Some(0)),
        ("the first", log.request(0, 7), "cosigned", Some(7)),
        ("the same without the size", log.request(0, 7), "conflict 7", Some(7)),
        ("the same", log.request(7, 7), "cosigned", Some(7)),
        ("the same with a proof", with_proof(7, vec![empty], log.checkpoint(7)), "inconsistent", Some(7)),
        ("a fork of the same size", fork.request(7, 7), "inconsistent", Some(7)),
        ("a larger fork", fork.request(7, 12), "inconsistent", Some(7)),
        ("a larger fork from before", fork.request(5, 12), "conflict 7", Some(7)),
        ("a rollback", log.request(5, 6), "conflict 7", Some(7)),
        ("a rollback that lies", with_proof(7, vec![], log.checkpoint(6)), "shrinking", Some(7)),
        ("no proof", with_proof(7, vec![], log.checkpoint(12)), "inconsistent", Some(7)),
        ("the next", log.request(7, 12), "cosigned", Some(12)),
        (
            "with an extension line",
            with_proof(12, AddCheckpoint::decode(log.request(12, 16).as_bytes()).unwrap().proof().to_vec(), extended),
            "cosigned",
            Some(16),
        ),
        (
            "with an empty line",
            with_proof(16, vec![], log.checkpoint(16))
                .replace(log.checkpoint(16).to_string().as_str(), &blank.to_string()),
            "malformed",
            Some(16),
        ),
    ] {
        assert_eq!(verdict(witness.add(request.as_bytes(), NOW)), expected, "{what}");
        let note = witness.newest(&records::origin_hash(ORIGIN));
        let size = note.map(|note| checkpoint::parse_extended(note.text()).unwrap().1.size);
        assert_eq!(size, recorded, "{what}");
    }
    // The last one has its extension line under both signatures.
    let note = witness.newest(&records::origin_hash(ORIGIN)).unwrap();
    assert_eq!(note.verify(&[log.key.clone(), witness.key().clone()]).unwrap().len(), 2);
}

#[test]
fn no_flipped_bit_of_a_proof_is_taken() {
    let place = tempfile::tempdir().unwrap();
    let log = Log::new(100);
    let witness = witness(place.path(), &log);
    witness.add(log.request(0, 37).as_bytes(), NOW).unwrap();
    let request = AddCheckpoint::decode(log.request(37, 100).as_bytes()).unwrap();
    let proof = request.proof();
    let add = |proof: Vec<Digest>| {
        let request = AddCheckpoint::new(37, proof, request.checkpoint().clone()).unwrap();
        verdict(witness.add(request.to_string().as_bytes(), NOW))
    };
    assert!(proof.len() > 5);
    for bit in 0..256 * proof.len() {
        let mut wrong = proof.to_vec();
        wrong[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
        assert_eq!(add(wrong), "inconsistent", "bit {bit}");
    }
    for at in 0..proof.len() {
        assert_eq!(add([&proof[..at], &proof[at + 1..]].concat()), "inconsistent", "without hash {at}");
        assert_eq!(add([&proof[..at], &proof[at..=at], &proof[at..]].concat()), "inconsistent", "hash {at} twice");
    }
    assert_eq!(newest(&witness), Some(37));
    assert_eq!(add(proof.to_vec()), "cosigned");
}

#[test]
fn cosignatures_verify_and_carry_the_time() {
    let place = tempfile::tempdir().unwrap();
    let log = Log::new(9);
    let witness = witness(place.path(), &log);
    for time in [0, checkpoint::TIME_MAX + 1] {
        assert_eq!(verdict(witness.add(log.request(0, 9).as_bytes(), time)), "clock");
    }
    assert_eq!(newest(&witness), None);
    for (old, time) in [(0, NOW), (9, NOW + 5)] {
        let line = witness.add(log.request(old, 9).as_bytes(), time).unwrap();
        let note = Note::new(log.checkpoint(9).text(), vec![line]).unwrap();
        let signed = note.verify(std::slice::from_ref(witness.key())).unwrap();
        assert_eq!(signed[0].time, Some(time));
        let served = witness.newest(&records::origin_hash(ORIGIN)).unwrap();
        assert_eq!(served.signatures()[1], note.signatures()[0], "monitors see the newest");
    }
}

#[test]
fn a_restart_keeps_what_was_cosigned_and_a_second_process_is_kept_out() {
    let place = tempfile::tempdir().unwrap();
    let log = Log::new(20);
    let open = |name: &str, seed| {
        Witness::open(place.path(), name, Arc::new(TestSigner::of(seed)), vec![log.key.clone(), cosigner("unused", 70)])
    };
    let first = open(NAME, 50).unwrap();
    first.add(log.request(0, 11).as_bytes(), NOW).unwrap();
    let held = open(NAME, 50).err().unwrap();
    assert!(matches!(held, WitnessError::Records(RecordError::Held { .. })));
    assert_eq!(held.passing(), Some(crate::Passing::InUse));
    let kept = first.newest(&records::origin_hash(ORIGIN)).unwrap();
    drop(first);

    let again = open(NAME, 50).unwrap();
    assert_eq!(again.newest(&records::origin_hash(ORIGIN)), Some(kept));
    assert_eq!(verdict(again.add(Log::forked(20, 5).request(5, 20).as_bytes(), NOW)), "conflict 11");
    again.add(log.request(11, 20).as_bytes(), NOW).unwrap();
    drop(again);
    for (name, seed) in [("another", 50), (NAME, 51)] {
        assert!(matches!(open(name, seed), Err(WitnessError::Records(RecordError::Foreign { .. }))), "{name} {seed}");
    }
    assert!(matches!(open("a b", 50), Err(WitnessError::Name(NoteError::Name(_)))));

    // What a write that was cut short left aside is nothing; a damaged record is found out, bit by bit.
    let path = records::path(place.path(), &records::origin_hash(ORIGIN));
    fs::write(path.with_extension("new"), b"half").unwrap();
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut wrong = whole.clone();
        wrong[at] ^= 1;
        fs::write(&path, &wrong).unwrap();
        // A log's own line may be damaged: logs change their keys, and the record is the witness'.
        if let Ok(witness) = open(NAME, 50) {
            assert_eq!(newest(&witness), Some(20), "byte {at}");
        }
    }
    fs::write(&path, whole).unwrap();
    assert_eq!(newest(&open(NAME, 50).unwrap()), Some(20));
}

#[test]
fn what_cannot_be_recorded_is_not_given_out() {
    let place = tempfile::tempdir().unwrap();
    let log = Log::new(9);
    let witness = witness(place.path(), &log);
    let blocked = records::path(place.path(), &records::origin_hash(ORIGIN)).with_extension("new");
    fs::create_dir(&blocked).unwrap();
    assert_eq!(verdict(witness.add(log.request(0, 5).as_bytes(), NOW)), "record");
    assert_eq!(newest(&witness), None);
    fs::remove_dir(&blocked).unwrap();
    assert_eq!(verdict(witness.add(log.request(0, 9).as_bytes(), NOW)), "cosigned");
}

#[test]
fn of_requests_at_once_one_passes() {
    let place = tempfile::tempdir().unwrap();
    let log = Log::new(64);
    let witness = witness(place.path(), &log);
    for round in 0..8 {
        let old = newest(&witness).unwrap_or(0);
        let answers: Vec<String> = std::thread::scope(|scope| {
            let add = |new| verdict(witness.add(log.request(old, new).as_bytes(), NOW));
            let threads: Vec<_> = (old + 1..old + 5).map(|new| scope.spawn(move || add(new))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let recorded = newest(&witness).unwrap();
        let conflict = format!("conflict {recorded}");
        for (new, answer) in (old + 1..).zip(answers) {
            let expected = if new == recorded { "cosigned" } else { conflict.as_str() };
            assert_eq!(answer, expected, "round {round}, from {old} to {new}");
        }
    }
}

/// Sizes that the process gives out in one run; five runs do not come to the end of a log of 2,000.
const GIVEN_OUT_MAX: u64 = 300;

/// The process that is killed: cosigns size after size, and says which it has given out.
#[test]
fn a_witness_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let log = Log::new(2_000);
    let witness = witness(Path::new(&folder), &log);
    let first = newest(&witness).unwrap_or(0);
    // Not to the end of the log, where whoever is to kill it is slow: then no fork could be asked for any more.
    for old in first..first + GIVEN_OUT_MAX {
        witness.add(log.request(old, old + 1).as_bytes(), NOW).unwrap();
        // Not by the macro, which a test's harness holds back.
        writeln!(std::io::stdout().lock(), "\ngiven out {}", old + 1).unwrap();
    }
    // It is killed, and does not end; unless whoever should do that is gone.
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn what_was_given_out_is_remembered_after_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let log = Log::new(2_000);
    for round in 1..=5 {
        let mut killed = Command::new(std::env::current_exe().unwrap())
            .args(["witness::tests::refusals::a_witness_that_is_killed", "--exact", "--nocapture"])
            .env(FOLDER, place.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(killed.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut given =
            lines.filter_map(|line| line.strip_prefix("given out ").map(|size| size.parse::<u64>().unwrap()));
        let mut last = given.nth(10 * round).unwrap();
        killed.kill().unwrap();
        killed.wait().unwrap();
        last = given.last().unwrap_or(last);
        let witness = witness(place.path(), &log);
        let recorded = newest(&witness).unwrap();
        assert!((last..=last + 1).contains(&recorded), "{recorded} is recorded, {last} was given out");
        let fork = Log::forked(2_000, 0);
        assert_eq!(verdict(witness.add(fork.request(recorded, recorded + 1).as_bytes(), NOW)), "inconsistent");
    }
}
