//! Valid bytes of every format, made by the code that writes them, so that mutations of them come deep.
//!
//! Owns one small network in memory: four validators, a log of one block with two transactions, a state
//! with one record of two events, and a height that was ordered. Never: a file, a socket, or a secret.

use crate::{
    api::{
        Answer, BlockPage, HistoryAnswer, Problem, StateAnswer,
        types::{CommittedAnswer, HistoryItem},
    },
    block::{Block, Header},
    bundle::{Bundle, RecordEvidence},
    log::{MemoryHashes, proof, proof::TreeHead, tile},
    node::Frame,
    note::{VerifierKey, checkpoint},
    ordering::{
        Certificate, Input, Ordering, Output, Timer, TimerKind, Turns, Verdict,
        bft::{Bft, Patience},
    },
    receipt::{
        HeightProof, HistoryLeaf, Later, LaterFile, Receipt, Seal, SetChange, StateEvidence, Statement, Trust, Vote,
    },
    snapshot::{self, Manifest},
    store::{Base, StoredResult},
    submission::Submission,
    testing,
    tree::{self, Heads, MemoryNodes},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    event::Event,
    id::{Digest, NetworkId, TransactionId},
    key::{Domain, Signer},
    merkle::Frontier,
    outcome::{BlockEntry, Entry, Outcome, TransactionEntry},
    side::{SideBody, SideField},
    state::Key,
    transaction::{Body, Transaction},
    validators::ValidatorSet,
};
use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

/// The samples' network.
pub const NETWORK: NetworkId = NetworkId([7; 32]);
/// How many validators its network has.
pub const VALIDATORS: u16 = 4;
/// No value of zeros only is longer, in bytes.
const BODY_BYTES_MAX: usize = 400;

/// The network in memory.
pub struct World {
    pub set: ValidatorSet,
    pub trust: Trust,
    pub head: TreeHead,
    pub log: MemoryHashes,
    entries: Vec<Entry>,
    block: Block,
    results: Vec<StoredResult>,
    state: StateEvidence,
    absent: StateEvidence,
    leaves: Vec<HistoryLeaf>,
    seal: Seal,
    certificate: Certificate,
}

/// It, made once.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::new)
}

fn bytes(value: &impl BorshSerialize) -> Vec<u8> {
    borsh::to_vec(value).expect("writing to memory does not fail")
}

/// The variant `tag` with everything in it zero or empty, where such a one can be.
fn empty<T: BorshDeserialize>(tag: u8) -> Option<T> {
    (0..BODY_BYTES_MAX).find_map(|length| borsh::from_slice(&[vec![tag], vec![0; length]].concat()).ok())
}

fn all_empty<T: BorshDeserialize>() -> Vec<T> {
    (0..=u8::MAX).filter_map(empty).collect()
}

fn signed(action: contracts::action::Action) -> Transaction {
    let who = testing::operator();
    let (sender, key) = (who.party, who.signer.public());
    let body = Body { network: NETWORK, sender, key, nonce: [5; 16], last_valid: 100, action };
    body.sign(&*who.signer).expect("a test's key signs")
}

fn side() -> SideBody {
    let field = |name: &str| SideField { name: name.into(), value: format!("what {name} says") };
    SideBody::new([3; 32], vec![field("contact"), field("outline")]).expect("two short fields")
}

fn votes(head: &TreeHead) -> Vec<Vote> {
    let vote = |number: u16| {
        let keys = testing::validator_keys(number);
        Vote::sign(&NETWORK, head, number as u8, 1_700_000_000, &*keys.log, &*keys.cosigner)
            .expect("a test's key signs")
    };
    (1..VALIDATORS).map(vote).collect()
}

impl World {
    fn new() -> Self {
        let set = testing::validators(VALIDATORS);
        let trust = Trust::new(NETWORK, set.clone()).expect("a valid set");
        let events: Vec<Event> = all_empty().into_iter().take(2).collect();
        let leaf = |(number, event): (usize, &Event)| HistoryLeaf {
            height: 1,
            transaction: TransactionId([number as u8; 32]),
            number: 0,
            event: event.clone(),
        };
        let leaves: Vec<HistoryLeaf> = events.iter().enumerate().map(leaf).collect();
        let mut history = Frontier::EMPTY;
        leaves.iter().for_each(|leaf| history.append(leaf.hash()));
        let (key, value) = shown().into_iter().next().expect("some record can be all zero");
        // Its history was empty: a count of eight zero bytes and no peaks.
        let value = [bytes(&history), value[12..].to_vec()].concat();
        let mut nodes = tree::MemoryNodes::default();
        let others: Vec<(Key, Vec<u8>)> = (0..20).map(|number| (Key::new(200, &[&[number]]), vec![number])).collect();
        let records = others.iter().map(|(key, value)| (key, value.as_slice())).chain([(&key, value.as_slice())]);
        let update = tree::update(&nodes, None, 0, records).expect("an empty tree");
        let state_root = update.root;
        nodes.keep(update);
        let evidence = |key: &Key, value: Option<Vec<u8>>| {
            let proof = tree::prove(&nodes, 0, key).expect("the tree is there");
            StateEvidence { key: key.clone(), value, proof }
        };
        let (state, absent) = (evidence(&key, Some(value)), evidence(&Key::new(key.tag(), &[b"nobody"]), None));
        let entry = |number: u8| TransactionEntry {
            transaction: TransactionId([number; 32]),
            digest: Digest([6; 32]),
            outcome: if number == 0 { Outcome::Applied } else { Outcome::Refused { code: 60 } },
            events: Digest([8; 32]),
        };
        let last = BlockEntry {
            height: 1,
            time_ms: 1_700_000_000_000,
            parent: Digest([1; 32]),
            round: 0,
            transactions: 2,
            log_root_before: Digest([2; 32]),
            state_root,
            validators: set.digest(),
            next_validators: set.digest(),
            replay: Digest([4; 32]),
        };
        let entries = vec![Entry::Transaction(entry(0)), Entry::Transaction(entry(1)), Entry::Block(last)];
        let mut log = MemoryHashes::default();
        entries.iter().for_each(|entry| log.push(entry.leaf()));
        let head = TreeHead { size: 3, root: log.frontier().root() };
        let transactions: Vec<Vec<u8>> = transactions().into_iter().take(2).collect();
        let header = Header { entry: last, transactions: Digest([3; 32]), log_size: head.size, log_root: head.root };
        let block = Block { header, transactions };
        let results = (0..2).map(|number| StoredResult { entry: entry(number), events: events.clone() }).collect();
        let seal = Seal::of(&set, votes(&head)).expect("a quorum");
        let id = block.header.id();
        let message = Domain::Block.message(&NETWORK, &Certificate::message(1, 0, &id));
        let sign = |number| (number, testing::consensus_signer(number).sign(&message).expect("a test's key signs"));
        let certificate =
            Certificate { height: 1, round: 0, block: id, signatures: (1..VALIDATORS).map(sign).collect() };
        Self { set, trust, head, log, entries, block, results, state, absent, leaves, seal, certificate }
    }

    /// The verifier keys of its validators.
    pub fn keys(&self) -> Vec<VerifierKey> {
        let keys = self.set.validators.iter().flat_map(|validator| {
            [checkpoint::log_key(&NETWORK, validator), checkpoint::cosigner_key(&NETWORK, validator)]
        });
        keys.collect::<Result<_, _>>().expect("the names have no spaces")
    }

    pub fn receipt(&self, index: u64) -> Receipt {
        let path = proof::inclusion(&self.log, index, self.head.size).expect("an entry of the log");
        let entry = self.entries[index as usize];
        Receipt {
            statement: Statement { network: NETWORK, index, entry, path, checkpoint: self.head },
            seal: self.seal.clone(),
        }
    }
}

/// Records that may be all zero, of every kind that bundles show.
fn shown() -> Vec<(Key, Vec<u8>)> {
    let found = (0..=u8::MAX).filter_map(|tag| {
        let key = Key::new(tag, &[&[9]]);
        let value =
            (12..BODY_BYTES_MAX).map(|length| vec![0; length]).find(|value| crate::bundle::show(&key, value).is_some());
        value.map(|value| (key, value))
    });
    found.collect()
}

pub fn transactions() -> Vec<Vec<u8>> {
    all_empty().into_iter().map(|action| signed(action).bytes()).collect()
}

fn all_submissions() -> Vec<Submission> {
    let bare = all_empty().into_iter().map(|action| Submission { transaction: signed(action), side: None });
    let mut submissions: Vec<Submission> = bare.collect();
    submissions[0].side = Some(side());
    submissions
}

pub fn submissions() -> Vec<Vec<u8>> {
    let all = all_submissions();
    vec![bytes(&all[..1].to_vec()), bytes(&all[..3.min(all.len())].to_vec()), bytes(&Vec::<Submission>::new())]
}

pub fn sides() -> Vec<Vec<u8>> {
    vec![bytes(&side())]
}

pub fn blocks() -> Vec<Vec<u8>> {
    let block = &world().block;
    vec![bytes(block), bytes(&Block { transactions: vec![], ..block.clone() })]
}

pub fn pages() -> Vec<Vec<u8>> {
    let World { block, results, certificate, seal, .. } = world();
    let (block, results, certificate, seal) = (block.clone(), results.clone(), certificate.clone(), seal.clone());
    let page = BlockPage { block, results, certificate, seal, change: None };
    let last = BlockPage { change: Some(a_change()), ..page.clone() };
    vec![bytes(&vec![page.clone()]), bytes(&vec![page, last])]
}

pub fn headers() -> Vec<Vec<u8>> {
    let header = &world().block.header;
    vec![bytes(&vec![header.clone(), header.clone()]), bytes(&Vec::<Header>::new())]
}

/// A state of some hundred records.
fn state_records() -> Vec<(Key, Vec<u8>)> {
    (0u16..300).map(|number| (Key::from_bytes(number.to_be_bytes().to_vec()), vec![7; 20])).collect()
}

pub fn manifests() -> Vec<Vec<u8>> {
    let records = state_records();
    let changes = records.iter().map(|(key, value)| (key, value.as_slice()));
    let update = tree::update(&MemoryNodes::default(), None, 64, changes).expect("an empty tree can be read");
    let mut nodes = MemoryNodes::default();
    nodes.keep(update);
    let heads = Heads::read(&nodes, 64).expect("the tree was just made");
    let base = Base { height: 0, block: Digest([3; 32]), log: Frontier::EMPTY };
    vec![bytes(&Manifest { height: 64, base, heads, bytes: 9_000 })]
}

pub fn chunks() -> Vec<Vec<u8>> {
    let records = state_records();
    let encode = |(key, value): &(Key, Vec<u8>)| snapshot::encode_record(key.as_bytes(), value);
    let first = tree::subtree_of(&records[0].0);
    let of_first = records.iter().filter(|(key, _)| tree::subtree_of(key) == first);
    vec![of_first.flat_map(encode).collect(), records.iter().flat_map(encode).collect()]
}

fn a_problem() -> Problem {
    Problem::bad_request("a reason")
}

pub fn problems() -> Vec<Vec<u8>> {
    vec![serde_json::to_vec(&a_problem()).expect("a problem has plain fields")]
}

pub fn answers() -> Vec<Vec<u8>> {
    let receipt = world().receipt(0).encode();
    let answer = |events| {
        let (id, receipt) = (TransactionId([1; 32]), receipt.clone());
        Answer::Committed(CommittedAnswer { id, height: 1, time_ms: 2, events, receipt })
    };
    let mut answers: Vec<Vec<u8>> =
        all_empty::<Event>().into_iter().map(|event| bytes(&vec![answer(vec![event])])).collect();
    answers.push(bytes(&vec![Answer::problem(&a_problem()), answer(vec![])]));
    answers
}

pub fn states() -> Vec<Vec<u8>> {
    let World { state, absent, .. } = world();
    let answer = |state: &StateEvidence| StateAnswer { height: world().receipt(2).encode(), state: state.clone() };
    vec![bytes(&answer(state)), bytes(&answer(absent))]
}

pub fn histories() -> Vec<Vec<u8>> {
    let World { state, leaves, .. } = world();
    let item = |leaf: &HistoryLeaf| {
        let HistoryLeaf { height, transaction, number, event } = leaf.clone();
        HistoryItem { height, transaction, number, event }
    };
    let items = leaves.iter().map(item).collect();
    vec![bytes(&HistoryAnswer { height: world().receipt(2).encode(), state: state.clone(), items })]
}

pub fn receipts() -> Vec<Vec<u8>> {
    (0..3).map(|index| world().receipt(index).encode()).collect()
}

pub fn seals() -> Vec<Vec<u8>> {
    vec![bytes(&world().seal)]
}

fn a_later() -> Later {
    let World { head, seal, .. } = world();
    Later { checkpoint: *head, proof: vec![Digest([1; 32]); 3], seal: seal.clone() }
}

pub fn laters() -> Vec<Vec<u8>> {
    vec![bytes(&a_later())]
}

pub fn later_files() -> Vec<Vec<u8>> {
    let full = LaterFile { changes: vec![a_change()], later: vec![a_later(); 2] };
    [LaterFile::default(), full].map(|file| file.encode()).into()
}

fn a_change() -> SetChange {
    let before = &world().set;
    let set = ValidatorSet { validators: before.validators[..3].to_vec() };
    let mut change = SetChange { number: 1, after_size: 3, set, compromised: vec![3], signatures: vec![] };
    let sign = |number: u16| {
        change.sign(&NETWORK, before, number as u8, &testing::consensus_signer(number)).expect("a test's key signs")
    };
    change.signatures = (0..3).map(sign).collect();
    change
}

pub fn changes() -> Vec<Vec<u8>> {
    vec![bytes(&a_change())]
}

pub fn certificates() -> Vec<Vec<u8>> {
    vec![bytes(&world().certificate)]
}

pub fn state_proofs() -> Vec<Vec<u8>> {
    vec![bytes(&world().state.proof), bytes(&world().absent.proof)]
}

pub fn log_proofs() -> Vec<Vec<u8>> {
    let mut log = MemoryHashes::default();
    (0..20u8).for_each(|number| log.push(Digest([number; 32])));
    let head = |size| TreeHead { size, root: crate::log::root(&log, size).expect("a size of the log") };
    let of = |old, index, hashes: Vec<Digest>| bytes(&(Digest([index as u8; 32]), index, head(old), head(20), hashes));
    let inclusion = |index| of(1, index, proof::inclusion(&log, index, 20).expect("an entry of the log"));
    let consistency = |old| of(old, 0, proof::consistency(&log, old, 20).expect("a size of the log"));
    (0..20).map(inclusion).chain((1..=20).map(consistency)).collect()
}

pub fn notes() -> Vec<Vec<u8>> {
    let World { seal, set, head, .. } = world();
    vec![seal.note(&NETWORK, set, head).expect("a seal of the set").to_string().into_bytes()]
}

pub fn tlog_proofs() -> Vec<Vec<u8>> {
    let proof = |index| world().receipt(index).tlog_proof(&world().trust).expect("a seal of the set");
    (0..3).map(|index| proof(index).to_string().into_bytes()).collect()
}

pub fn verifier_keys() -> Vec<Vec<u8>> {
    world().keys().iter().map(|key| key.to_string().into_bytes()).collect()
}

pub fn tiles() -> Vec<Vec<u8>> {
    ["tile/0/000", "tile/entries/x001/x234/067", "tile/1/x001/234.p/7"].map(|path| path.as_bytes().to_vec()).into()
}

pub fn entries() -> Vec<Vec<u8>> {
    let entries: Vec<Vec<u8>> = world().entries.iter().map(Entry::bytes).collect();
    vec![tile::bundle(entries.iter().map(Vec::as_slice)).expect("short entries"), vec![]]
}

pub fn bundles() -> Vec<Vec<u8>> {
    let World { state, absent, leaves, .. } = world();
    let bundle = |state: &StateEvidence, history, changes| Bundle {
        changes,
        height: HeightProof { receipt: world().receipt(2) },
        records: vec![RecordEvidence { state: state.clone(), history }],
        receipts: vec![],
    };
    let there = bundle(state, Some(leaves.clone()), vec![]);
    [there, bundle(absent, None, vec![a_change()])].map(|one| one.encode().expect("its record can be shown")).into()
}

pub fn records() -> Vec<Vec<u8>> {
    shown().into_iter().map(|(key, value)| [vec![key.tag()], value].concat()).collect()
}

pub fn links() -> Vec<Vec<u8>> {
    vec![vec![0; 4], [&5u32.to_be_bytes()[..], b"frame"].concat()]
}

pub fn frames() -> Vec<Vec<u8>> {
    let World { block, certificate, seal, head, .. } = world();
    let vote = votes(head).remove(0);
    let submissions = all_submissions();
    let mut frames = vec![
        Frame::Message(1, vec![1, 2, 3]),
        Frame::Proposed { round: 1, block: block.clone() },
        Frame::Status(9),
        Frame::Decided(block.clone(), certificate.clone()),
        Frame::Vote(1, vote),
        Frame::Want(2),
        Frame::Sealed(1, seal.clone()),
        Frame::AskSigned,
        Frame::Signed(None),
        Frame::SetSigned(1, a_change().signatures[0]),
        Frame::SetChanged(Box::new(a_change())),
        Frame::WantSet(1),
        Frame::Lacks(9),
    ];
    frames.extend(submissions.into_iter().take(2).map(|one| Frame::Submission(Box::new(one))));
    let signed = bytes(&(9u8, true, head, &seal.cosignatures[0]));
    frames.iter().map(Frame::encode).chain([signed]).collect()
}

/// Four validators that order one block, in which one of them first votes for none: what they send and keep.
fn ordered() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    const STEPS: usize = 400;
    let World { set, .. } = world();
    let turns = Turns::new(usize::from(VALIDATORS), 0).order();
    let block = Digest([1; 32]);
    let (mut sent, mut kept, mut queue) = (Vec::new(), Vec::new(), VecDeque::new());
    let mut all: Vec<Bft> = (0..VALIDATORS)
        .map(|number| Bft::new(NETWORK, Arc::new(testing::consensus_signer(number)), Patience::default()))
        .collect();
    let mut first: Vec<Vec<Output>> = Vec::new();
    for one in &mut all {
        first.push(one.begin(1, set, &turns, &[]).expect("all of them are of the set"));
    }
    let mut take = |from: u16, outputs: Vec<Output>, queue: &mut VecDeque<(u16, Input)>| {
        for output in outputs {
            let others = (0..VALIDATORS).filter(|other| *other != from);
            match output {
                Output::Send(bytes) => {
                    queue.extend(others.map(|other| (other, Input::Received(bytes.clone()))));
                    sent.push(bytes);
                }
                Output::Record(bytes) => kept.push(bytes),
                Output::Propose { round } => {
                    queue.push_back((from, Input::Proposed { round, block }));
                    let judged = Input::Judged { round, proposer: from, block, verdict: Verdict::Valid };
                    queue.extend(others.map(|other| (other, judged.clone())));
                }
                _ => {}
            }
        }
    };
    let timer = Timer { kind: TimerKind::Propose, round: 0 };
    queue.push_back((VALIDATORS - 1, Input::Elapsed(timer)));
    (0..VALIDATORS).zip(first).for_each(|(number, outputs)| take(number, outputs, &mut queue));
    for _ in 0..STEPS {
        let Some((to, input)) = queue.pop_front() else { break };
        // What one refuses is nothing that a sample is made of.
        let outputs = all[usize::from(to)].handle(input).unwrap_or_default();
        take(to, outputs, &mut queue);
    }
    (sent, kept)
}

pub fn messages() -> Vec<Vec<u8>> {
    ordered().0
}

pub fn ordering_records() -> Vec<Vec<u8>> {
    ordered().1
}
