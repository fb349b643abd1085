use super::{samples, *};
use crate::{
    log::{MemoryHashes, proof, proof::TreeHead},
    receipt::{
        Statement,
        tests::{set, signed, signed_change},
    },
    tree::{self, MemoryNodes},
};
use contracts::{
    id::{Digest, NetworkId},
    merkle::Frontier,
    outcome::{Outcome, TransactionEntry},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A network in memory whose first record has one of every event in its history.
pub(super) struct Sample {
    pub anchor: Trust,
    pub bundle: Bundle,
    pub absent: Bundle,
}

/// A sample of `events` sealed by `validators`, after one change of the set where `changed`.
fn sample(validators: u8, changed: bool, events: usize, related: usize) -> Sample {
    let network = NetworkId([7; 32]);
    let first = set(0, validators);
    let (now, begin) = if changed { (set(20, validators), 20) } else { (first.clone(), 0) };
    let leaf =
        |(number, event)| HistoryLeaf { height: 1, transaction: TransactionId([number as u8; 32]), number: 0, event };
    let leaves: Vec<HistoryLeaf> = samples::events().into_iter().take(events).enumerate().map(leaf).collect();
    let mut history = Frontier::EMPTY;
    leaves.iter().for_each(|leaf| history.append(leaf.hash()));
    let mut records: Vec<(Key, Vec<u8>)> = samples::records().into_iter().take(1 + related).collect();
    // The samples have empty histories: a count of eight zero bytes and no peaks.
    let value = records[0].1.split_off(12);
    records[0].1 = [borsh::to_vec(&history).unwrap(), value].concat();
    records[1..].sort();

    let mut nodes = MemoryNodes::default();
    let update = tree::update(&nodes, None, 0, records.iter().map(|(key, bytes)| (key, bytes.as_slice()))).unwrap();
    let state_root = update.root;
    nodes.keep(update);
    let evidence = |key: &Key, value: Option<&[u8]>| StateEvidence {
        key: key.clone(),
        value: value.map(<[u8]>::to_vec),
        proof: tree::prove(&nodes, 0, key).unwrap(),
    };

    let transaction = |number: u8| {
        Entry::Transaction(TransactionEntry {
            transaction: TransactionId([number; 32]),
            digest: Digest([6; 32]),
            outcome: if number == 0 { Outcome::Applied } else { Outcome::Refused { code: 60 } },
            events: Digest([8; 32]),
        })
    };
    let block = Entry::Block(BlockEntry {
        height: 1,
        time_ms: 1_700_000_000_000,
        parent: Digest([1; 32]),
        round: 0,
        transactions: 3,
        log_root_before: Digest([2; 32]),
        state_root,
        validators: now.digest(),
        next_validators: now.digest(),
        replay: Digest([4; 32]),
    });
    let entries = [transaction(200), transaction(0), transaction(1), block];
    let mut log = MemoryHashes::default();
    entries.iter().for_each(|entry| log.push(entry.leaf()));
    let checkpoint = TreeHead { size: 4, root: log.frontier().root() };
    let receipt = |index: u64| Receipt {
        statement: Statement {
            network,
            index,
            entry: entries[index as usize],
            path: proof::inclusion(&log, index, 4).unwrap(),
            checkpoint,
        },
        seal: signed(&network, &now, begin, &checkpoint),
    };
    let record = |number: usize, (key, bytes): &(Key, Vec<u8>)| RecordEvidence {
        state: evidence(key, Some(bytes)),
        history: match number {
            0 => Some(leaves.clone()),
            1 => Some(vec![]),
            _ => None,
        },
    };
    let changes = if changed { vec![signed_change(&first, 0, 1, 3, now.clone(), vec![])] } else { vec![] };
    let height = HeightProof { receipt: receipt(3) };
    let bundle = Bundle {
        changes: changes.clone(),
        height: height.clone(),
        records: records.iter().enumerate().map(|(number, one)| record(number, one)).collect(),
        receipts: if events > 1 { vec![receipt(1), receipt(2)] } else { vec![] },
    };
    let nobody = Key::new(9, &[b"nobody"]);
    let absent = Bundle {
        changes,
        height,
        records: vec![RecordEvidence { state: evidence(&nobody, None), history: None }],
        receipts: vec![],
    };
    Sample { anchor: Trust::new(network, first).unwrap(), bundle, absent }
}

#[test]
fn a_bundle_proves_what_it_shows() {
    for changed in [false, true] {
        let Sample { anchor, bundle, absent } = sample(4, changed, 1_000, 1_000);
        let bytes = bundle.encode().unwrap();
        assert_eq!(Bundle::decode(&bytes), Ok(bundle.clone()));
        let report = verify(&bytes, &anchor).unwrap();
        assert_eq!((report.kind, report.exists, report.height), ("dataset", true, 1));
        assert_eq!((report.records, report.events), (samples::records().len(), samples::events().len()));
        assert_eq!((report.receipts, report.changes, report.signers.len()), (2, usize::from(changed), 3));
        let report = verify(&absent.encode().unwrap(), &anchor).unwrap();
        assert_eq!((report.kind, report.exists, report.events), ("agreement", false, 0));
    }
}

#[test]
fn golden_bundle() {
    let bytes = sample(1, false, 2, 1).bundle.encode().unwrap();
    assert_eq!(Digest::of(&[&bytes]).to_string(), "040ff3905ae4ada9672408c4bbf243ebd35b9b3e1e7f36042be338ee78bfa405");
}

#[test]
fn every_changed_byte_of_a_bundle_is_refused() {
    let Sample { anchor, bundle, absent } = sample(1, true, 3, 3);
    for bundle in [bundle, absent] {
        let bytes = bundle.encode().unwrap();
        assert!(verify(&bytes, &anchor).is_ok());
        for at in 0..bytes.len() {
            for bit in [at % 8, (at + 3) % 8] {
                let mut wrong = bytes.clone();
                wrong[at] ^= 1 << bit;
                assert!(
                    verify(&wrong, &anchor).is_err(),
                    "byte {at}: {}",
                    String::from_utf8_lossy(&wrong[at.saturating_sub(60)..at + 1])
                );
            }
        }
        for length in (0..bytes.len()).step_by(97) {
            assert!(verify(&bytes[..length], &anchor).is_err());
        }
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("\n", ""),
            ("\n  \"network\"", "\n  \"format\": \"lonja-bundle/v1\",\n  \"network\""),
            (": ", ":"),
            ("{\n", "{\n  \"more\": 1,\n"),
            ("\"dataset\"", "\"data\\u0073et\""),
            ("\"agreement\"", "\"agreemen\\u0074\""),
        ] {
            let other = text.replacen(from, to, 1);
            assert!(other == text || verify(other.as_bytes(), &anchor).is_err(), "{from:?} to {to:?}");
        }
        assert!(verify(format!("{text}\n").as_bytes(), &anchor).is_err());
    }
}

#[test]
fn each_failure_is_named() {
    let Sample { anchor, bundle, .. } = sample(1, true, 3, 3);
    let with = |change: &dyn Fn(&mut Bundle)| {
        let mut changed = bundle.clone();
        change(&mut changed);
        changed.verify(&anchor).unwrap_err()
    };
    assert!(matches!(with(&|b| b.changes.clear()), BundleError::Evidence(_)), "the new set is unknown");
    assert!(matches!(with(&|b| b.changes[0].number = 2), BundleError::Trust(_)));
    assert!(matches!(with(&|b| b.records.clear()), BundleError::Order(_)));
    assert!(matches!(with(&|b| b.records[0].history = None), BundleError::Order(_)));
    assert!(matches!(with(&|b| b.records.swap(1, 2)), BundleError::Order(_)));
    assert!(matches!(with(&|b| b.records[2] = b.records[0].clone()), BundleError::Order(_)));
    assert!(matches!(with(&|b| b.receipts.swap(0, 1)), BundleError::Order(_)));
    assert!(matches!(with(&|b| b.receipts[1] = b.receipts[0].clone()), BundleError::Order(_)));
    assert!(matches!(with(&|b| b.receipts.push(b.height.receipt.clone())), BundleError::Order(_)));
    assert!(matches!(with(&|b| b.receipts[0].seal.log.0[0] ^= 1), BundleError::Receipt { index: 1, .. }));
    assert!(matches!(
        with(&|b| b.records[0].history.as_mut().unwrap().truncate(2)),
        BundleError::Evidence(EvidenceError::History { .. })
    ));
    assert!(matches!(
        with(&|b| b.records[3].state.value.as_mut().unwrap()[20] ^= 1),
        BundleError::Evidence(EvidenceError::State { .. })
    ));
    assert!(matches!(with(&|b| b.records[3].state.value = None), BundleError::Evidence(EvidenceError::State { .. })));

    let mut seen = anchor.clone();
    seen.extend(&bundle.changes[0]).unwrap();
    assert!(bundle.verify(&seen).is_ok());
    let shorter = sample(1, false, 3, 3).bundle;
    assert!(shorter.verify(&anchor).is_ok());
    assert_eq!(shorter.verify(&seen), Err(BundleError::Pinned), "a chain shorter than the one seen before");
    assert!(matches!(verify(b"{}", &anchor), Err(BundleError::Form(_))));
    assert_eq!(verify(&vec![b' '; BUNDLE_BYTES_MAX + 1], &anchor), Err(BundleError::TooLarge));
}

#[test]
fn no_kind_of_record_or_refusal_is_forgotten() {
    let kinds: std::collections::BTreeSet<u8> = samples::records().iter().map(|(key, _)| key.tag()).collect();
    let carried: Vec<u8> = (0..=u8::MAX).filter(|tag| kind_of(&Key::new(*tag, &[])).is_some()).collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        carried,
        "each kind has a sample, which the second verifier decodes"
    );
    assert_eq!(samples::rejections().len(), contracts::rejection::Rejection::CODES.len());
}

/// A verifier that shares no code with this one: its program, and its scripts under `tests/verifier`.
#[derive(Clone, Copy)]
struct Other {
    program: &'static str,
    /// What shows that the program can run it here.
    probe: [&'static str; 2],
    needs: &'static str,
    verify: &'static str,
    mutate: &'static str,
}

/// The second verifier, and the one that the explorer's pages run in the reader's browser.
const OTHERS: [Other; 2] = [
    Other {
        program: "python3",
        probe: ["-c", "import cryptography"],
        needs: "python3 with the package cryptography (pip install cryptography)",
        verify: "lonja_verify.py",
        mutate: "mutations.py",
    },
    Other {
        program: "node",
        probe: ["-e", "if (Number(process.versions.node.split('.')[0]) < 18) process.exit(1)"],
        needs: "node 18 or later",
        verify: "page_verify.mjs",
        mutate: "page_mutations.mjs",
    },
];

/// Those of them that can run here.
fn others() -> impl Iterator<Item = Other> {
    OTHERS.into_iter().filter(|other| {
        let ready = Command::new(other.program).args(other.probe).output().is_ok_and(|run| run.status.success());
        if !ready {
            println!("{} is skipped: {} is not here", other.verify, other.needs);
        }
        ready
    })
}

impl Other {
    /// A command that runs one of its scripts.
    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(self.program);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/verifier").join(script));
        command
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn anchor_file(folder: &Path, trust: &Trust) -> PathBuf {
    let anchor = serde_json::json!({ "network": trust.network(), "set": trust.newest() });
    write(folder, "anchor.json", anchor.to_string().as_bytes())
}

fn run(command: &mut Command) -> (bool, String) {
    let run = command.output().unwrap();
    (run.status.success(), String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned())
}

#[test]
fn the_other_verifiers_agree() {
    let folder = tempfile::tempdir().unwrap();
    for (validators, changed) in [(1, false), (4, true), (16, false)] {
        let Sample { anchor, bundle, absent } = sample(validators, changed, 1_000, 1_000);
        let anchor_path = anchor_file(folder.path(), &anchor);
        let mut files = vec![
            write(folder.path(), "bundle.json", &bundle.encode().unwrap()),
            write(folder.path(), "absent.json", &absent.encode().unwrap()),
        ];
        if !changed {
            files.push(write(folder.path(), "height.receipt", &bundle.height.receipt.encode()));
            files.push(write(folder.path(), "transaction.receipt", &bundle.receipts[1].encode()));
        }
        let another = sample(validators % 16 + 1, false, 1, 1).bundle.encode().unwrap();
        let another = write(folder.path(), "other.json", &another);
        for other in others() {
            let verify =
                |files: &[&PathBuf]| run(other.command(other.verify).arg("--anchor").arg(&anchor_path).args(files));
            let (holds, said) = verify(&files.iter().collect::<Vec<_>>());
            assert!(holds, "{said}");
            assert_eq!(said.matches(": holds: ").count(), files.len(), "{said}");
            let (holds, said) = verify(&[&files[0], &another]);
            assert!(!holds && said.contains("other.json: REFUSED"), "{said}");
        }
    }
}

#[test]
fn the_other_verifiers_refuse_every_changed_byte() {
    let folder = tempfile::tempdir().unwrap();
    let Sample { anchor, bundle, absent } = sample(1, false, 2, 1);
    let anchor_path = anchor_file(folder.path(), &anchor);
    // The same anchor, and a chain of trust that leads on from it.
    let changed = sample(1, true, 2, 1).bundle;
    for (name, bytes, mutations) in [
        ("small.json", bundle.encode().unwrap(), 7_000),
        ("changed.json", changed.encode().unwrap(), 2_000),
        ("absent.json", absent.encode().unwrap(), 1_000),
        ("one.receipt", bundle.receipts[0].encode(), 8 * bundle.receipts[0].encode().len()),
    ] {
        let file = write(folder.path(), name, &bytes);
        for other in others() {
            let mut command = other.command(other.mutate);
            let (holds, said) = run(command.args([&anchor_path, &file]).arg(mutations.to_string()));
            assert!(holds && said.contains(" 0 accepted"), "{said}");
        }
    }
}
