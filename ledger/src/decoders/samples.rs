//! Valid bytes for every decoder: without them, a mutation or a fuzzer never gets past the first field.

use crate::{
    api::{Answer, BlockPage, HistoryAnswer, StateAnswer, server},
    log::proof::TreeHead,
    node::{Fate, Frame, Handle},
    ordering::{
        Certificate, Input, Ordering, Output, Turns,
        bft::{Bft, Patience},
    },
    receipt::{SetChange, Vote},
    submission::Submission,
    testing,
};
use contracts::{
    action::Action,
    id::{BankReference, Digest},
    money::Amount,
    party::Party,
    settlement::Mint,
    transaction::Body,
    validators::ValidatorSet,
};
use genesis::config::{Config, Ports};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Samples by the name of their decoder.
pub type Samples = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// How long the samples' ledger may take for its blocks.
const WAIT: Duration = Duration::from_secs(60);

/// At least one for each decoder, from a ledger of a few blocks that is made for them.
///
/// # Panics
/// When that cannot be made: nothing can be tried without them.
pub fn samples() -> Samples {
    let folder = place("ledger");
    let node = testing::node(&folder).expect("the samples' node starts");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime can be made");
    let handle = node.handle();
    let submission = mint(&handle);
    let transaction = submission.transaction.clone();
    let (id, receiver) = handle.take(submission.clone()).expect("the samples' transaction is taken in");
    let fate = runtime.block_on(async {
        let deadline = tokio::time::Instant::now() + WAIT;
        handle.fate(id, receiver.expect("it is new"), deadline).await
    });
    let Ok(Fate::Committed(decided, place)) = fate else { panic!("the samples' transaction is committed") };
    let pages = server::block_pages(&handle, 0, 8).expect("the samples' blocks are there");
    let page: Vec<BlockPage> = borsh::from_slice(&pages).expect("they were written so");
    let page = page.into_iter().next_back().expect("there is a block");
    let receipt = decided.receipt(place).expect("its path is there");
    let (state, history) = proofs(&handle);
    let trust = handle.trust();
    let mut samples = Samples::from([
        ("transaction", vec![transaction.bytes()]),
        ("submissions", vec![bytes(&vec![submission.clone(), submission.clone()])]),
        ("block", vec![bytes(&page.block)]),
        ("certificate", vec![bytes(&page.certificate), bytes(&of_four())]),
        ("seal", vec![bytes(&page.seal)]),
        ("set-change", vec![bytes(&set_change())]),
        ("receipt", vec![receipt.encode()]),
        ("state-proof", vec![bytes(&state)]),
        ("history-proof", vec![bytes(&history)]),
        ("tlog-proof", vec![receipt.tlog_proof(&trust).expect("it is sealed").to_string().into_bytes()]),
        ("founding", vec![testing::document().to_json(), testing::document().anchor().to_json()]),
        ("settings", vec![settings()]),
    ]);
    let committed = server::committed(&handle.store().reader(), &handle, &id).expect("it is there");
    samples.insert("answers", vec![bytes(&vec![Answer::Committed(committed), Answer::Problem("{}".into())])]);
    let head = TreeHead { size: page.block.header.log_size, root: page.block.header.log_root };
    let note = page.seal.note(&handle.network(), trust.era(head.size), &head).expect("it is sealed");
    samples.insert("note", vec![note.to_string().into_bytes()]);
    let key = Party::key(&testing::buyer().party);
    samples.insert("bundle", vec![crate::api::bundle_of(&handle, &key).expect("the buyer is there")]);
    samples.insert("frame", frames(&page, submission));
    samples.insert("block-pages", vec![pages]);
    let (messages, records) = ordering();
    samples.insert("ordering-message", messages);
    samples.insert("ordering-record", records);
    drop((node, decided));
    drop(std::fs::remove_dir_all(&folder));
    samples
}

/// A path that nothing is at, another each time.
fn place(name: &str) -> std::path::PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Relaxed);
    let place = std::env::temp_dir().join(format!("lonja-samples-{}-{number}-{name}", std::process::id()));
    // What an earlier process with this number left.
    drop(std::fs::remove_dir_all(&place));
    place
}

fn bytes(value: &impl borsh::BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory does not fail")
}

fn mint(handle: &Handle) -> Submission {
    let agent = testing::settlement();
    let mint = Mint {
        party: testing::buyer().party,
        amount: Amount::new(100).expect("below the limit"),
        currency: "EUR".parse().expect("a currency"),
        reference: BankReference([5; 32]),
    };
    let body = Body {
        network: handle.network(),
        sender: agent.party,
        key: agent.signer.public(),
        nonce: [1; 16],
        last_valid: 500,
        action: Action::Mint(mint),
    };
    Submission { transaction: body.sign(&*agent.signer).expect("a test's key signs"), side: None }
}

fn proofs(handle: &Handle) -> (StateAnswer, HistoryAnswer) {
    let reader = handle.store().reader();
    let key = Party::key(&testing::settlement().party);
    let (height, state) = server::evidence(&reader, handle, &key).expect("the agent is there");
    let items = server::history_items(&reader, &key, 0, 8).expect("its history is there");
    (StateAnswer { height: height.clone(), state: state.clone() }, HistoryAnswer { height, state, items })
}

/// A certificate of three of four validators.
fn of_four() -> Certificate {
    let network = testing::document().network;
    let (height, round, block) = (4, 0, Digest([1; 32]));
    let message = contracts::key::Domain::Block.message(&network, &Certificate::message(height, round, &block));
    let signature = |number: u16| {
        let signer = testing::consensus_signer(number);
        (number, contracts::key::Signer::sign(&signer, &message).expect("a test's key signs"))
    };
    Certificate { height, round, block, signatures: (0..3).map(signature).collect() }
}

/// The record by which the founding's set gives way to one of four.
fn set_change() -> SetChange {
    let anchor = testing::document().anchor();
    let set: ValidatorSet = testing::validators(4);
    let mut change = SetChange { number: 1, after_size: 9, set, compromised: vec![0], signatures: Vec::new() };
    let signed = change.sign(&anchor.network, &anchor.set, 0, &*testing::solo_keys().consensus);
    change.signatures = vec![signed.expect("a test's key signs")];
    change
}

fn settings() -> Vec<u8> {
    let folder = place("lonja.toml");
    Config::local(Ports::default()).write(&folder).expect("the settings are valid");
    let text = std::fs::read(&folder).expect("they were just written");
    drop(std::fs::remove_file(&folder));
    text
}

fn frames(page: &BlockPage, submission: Submission) -> Vec<Vec<u8>> {
    let keys = testing::solo_keys();
    let head = TreeHead { size: page.block.header.log_size, root: page.block.header.log_root };
    let vote = Vote::sign(&testing::document().network, &head, 0, 7, &*keys.log, &*keys.cosigner);
    let change = set_change();
    let frames = [
        Frame::Message(4, ordering().0.remove(0)),
        Frame::Proposed { round: 1, block: page.block.clone() },
        Frame::Status(7),
        Frame::Decided(page.block.clone(), page.certificate.clone()),
        Frame::Vote(7, vote.expect("a test's key signs")),
        Frame::Want(7),
        Frame::Submission(Box::new(submission)),
        Frame::Sealed(7, page.seal.clone()),
        Frame::AskSigned,
        Frame::Signed(None),
        Frame::SetSigned(1, change.signatures[0]),
        Frame::SetChanged(Box::new(change)),
        Frame::WantSet(1),
    ];
    frames.iter().map(Frame::encode).collect()
}

/// Messages and records of a validator of four that proposes a block.
fn ordering() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let network = testing::document().network;
    let (mut messages, mut records) = (Vec::new(), Vec::new());
    for height in 1..=8 {
        let mut ordering = Bft::new(network, Arc::new(testing::consensus_signer(0)), Patience::default());
        let mut turns = Turns::new(4, height - 1);
        Turns::heights(height - 1).for_each(|_| turns.committed(0));
        let begun = ordering.begin(height, &testing::validators(4), &turns.order(), &[]);
        let mut outputs = begun.expect("it begins");
        if outputs.contains(&Output::Propose { round: 0 }) {
            let proposed = ordering.handle(Input::Proposed { round: 0, block: Digest([1; 32]) });
            outputs.extend(proposed.expect("it proposes"));
        }
        for output in outputs {
            match output {
                Output::Send(bytes) => messages.push(bytes),
                Output::Record(bytes) => records.push(bytes),
                _ => {}
            }
        }
    }
    (messages, records)
}
