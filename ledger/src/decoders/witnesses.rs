//! The two formats of witnesses, policy and `add-checkpoint` request, as decoders with their samples.

use super::{
    same,
    samples::{World, notes, world},
};
use crate::{
    log::proof::consistency,
    note::{KeyKind, Note},
    witness::{AddCheckpoint, Policy, server},
};

pub fn policy(bytes: &[u8]) -> bool {
    let Ok(policy) = Policy::parse(bytes) else { return false };
    let witnessed = policy.witnessed(&note()).expect("no cosignature of the sample is wrong");
    assert!(witnessed.by.len() <= policy.witnesses().len());
    // What holds with a log's signature holds without asking for one.
    assert!(policy.check(&note()).is_err() || witnessed.is_quorum);
    true
}

pub fn add_checkpoint(bytes: &[u8]) -> bool {
    let Ok(request) = AddCheckpoint::decode(bytes) else { return false };
    let known = server::extends(&request, Some(&world().head));
    assert!(known.is_err() || request.head().size >= world().head.size);
    drop(server::extends(&request, None));
    same(request.to_string().as_bytes(), bytes)
}

fn note() -> Note {
    Note::parse(&notes()[0]).expect("the sample is a note")
}

pub fn policies() -> Vec<Vec<u8>> {
    let (cosigners, logs): (Vec<_>, Vec<_>) =
        world().keys().into_iter().partition(|key| key.kind() == KeyKind::Cosignature);
    let logs: String = logs.iter().map(|key| format!("log {key} https://log.example/\n")).collect();
    let witnesses: String =
        cosigners.iter().enumerate().map(|(number, key)| format!("witness\tw{number} {key}\n")).collect();
    let groups = "# two of three, and the last\ngroup some 2 w0 w1 w2\n \t\ngroup both all some w3\nquorum both\n";
    [
        format!("{logs}{witnesses}{groups}"),
        format!("{witnesses}group any-of any w1 w3\nquorum any-of\n"),
        "quorum none\n".into(),
    ]
    .map(String::into_bytes)
    .into()
}

pub fn add_checkpoints() -> Vec<Vec<u8>> {
    let World { log, head, .. } = world();
    let request = |old| {
        let proof = consistency(log, old, head.size).expect("the log is in memory");
        AddCheckpoint::new(old, proof, note()).expect("the note is a checkpoint")
    };
    (0..=head.size).map(|old| request(old).to_string().into_bytes()).collect()
}
