//! Tests: networks whose validator set changes while they run, nodes that are observers before and after.

mod alone;

use super::{ballots::Ballots, tests::take_in, *};
use crate::{
    api::{blocks, client::Identity},
    audit,
    peers::PeerStatus,
    receipt::Receipt,
    submission::Submission,
    testing,
};
use contracts::{
    action::Action,
    governance::{Approve, Ballot, Change, Propose, Ready},
    id::{BankReference, ProposalId},
    money::Amount,
    settlement::Mint,
    transaction::Body,
    validators::ValidatorSet,
};
use std::time::{Duration, Instant};

const UNTIL: Duration = Duration::from_secs(60);

type Handles = Arc<RwLock<Vec<Option<Handle>>>>;

/// Links of the node with this place, which go by keys as those over sockets do.
struct Wires {
    place: usize,
    handles: Handles,
}

impl Wires {
    fn key(place: usize) -> contracts::key::PublicKey {
        testing::validator_keys(place as u16).consensus.public()
    }
}

impl Links for Wires {
    fn send(&self, to: u16, frame: &Arc<[u8]>) {
        let handles = self.handles.read().clone();
        let Some(ours) = &handles[self.place] else { return };
        let set = ours.validators();
        let Some(theirs) = set.validators.get(usize::from(to)).map(|validator| validator.consensus) else { return };
        let place = (0..handles.len()).find(|place| Self::key(*place) == theirs);
        let Some(Some(handle)) = place.map(|place| &handles[place]) else { return };
        // Whoever does not know us has no link with us.
        let from = handle.validators().number_of(&Self::key(self.place));
        if let Some(from) = from.filter(|_| handle.seat().is_some()) {
            let _a_full_inbox_loses_it = handle.deliver(from, frame.to_vec());
        }
    }

    fn status(&self) -> Vec<PeerStatus> {
        Vec::new()
    }

    fn blame(&self, from: u16, fault: &str) {
        panic!("node {} blames validator {from}, who is honest: {fault}", self.place);
    }
}

struct Network {
    document: SignedDocument,
    folder: tempfile::TempDir,
    handles: Handles,
    nodes: Vec<Option<Node>>,
    nonce: u8,
}

impl Network {
    /// Nodes of which the first `founders` are the validators that the network is founded with.
    fn of(founders: u16, nodes: usize) -> Self {
        let document = testing::document_among(founders);
        let handles = Arc::new(RwLock::new((0..nodes).map(|_| None).collect()));
        let folder = tempfile::tempdir().unwrap();
        let mut network = Self { document, folder, handles, nodes: (0..nodes).map(|_| None).collect(), nonce: 0 };
        (0..nodes).for_each(|place| network.up(place));
        network
    }

    fn path(&self, place: usize) -> PathBuf {
        self.folder.path().join(place.to_string())
    }

    fn up(&mut self, place: usize) {
        self.up_with(place, Shown::default());
    }

    /// Starts a node that is shown how far the network is.
    fn up_with(&mut self, place: usize, shown: Shown) {
        self.up_by(place, Sources::Show(shown));
    }

    fn up_by(&mut self, place: usize, sources: Sources) {
        let keys = Arc::new(vec![testing::validator_keys(place as u16)]);
        let (folder, document) = (self.path(place), self.document.clone());
        let node =
            Node::start(Config { folder, document, keys, sources, confirm_time: false, retention: None }).unwrap();
        node.handle().connect(Some(Arc::new(Wires { place, handles: self.handles.clone() })));
        self.handles.write()[place] = Some(node.handle());
        self.nodes[place] = Some(node);
    }

    fn down(&mut self, place: usize) {
        self.handles.write()[place] = None;
        drop(self.nodes[place].take());
    }

    fn handle(&self, place: usize) -> Handle {
        self.nodes[place].as_ref().unwrap().handle()
    }

    /// Number of the era at a node.
    fn era(&self, place: usize) -> u32 {
        *self.handle(place).eras().borrow()
    }

    /// Brings those who observe what `from` has.
    fn feed(&self, from: usize) {
        for observer in self.nodes.iter().flatten() {
            if let Some(after) = observer.handle().wants_blocks(false) {
                let pages = blocks::block_pages(&self.handle(from), after, 64).unwrap();
                observer.handle().observe(borsh::from_slice(&pages).unwrap());
            }
        }
    }

    /// Waits for something, with observers fed from `from`.
    async fn until(&self, from: usize, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(
                begun.elapsed() < UNTIL,
                "{what}: {:?}",
                self.nodes
                    .iter()
                    .flatten()
                    .map(|node| {
                        let status = node.handle().status();
                        (status.height, status.reason, node.handle().trust().changes(), node.handle().seat())
                    })
                    .collect::<Vec<_>>()
            );
            self.feed(from);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn signed(&mut self, identity: &Identity, height: Height, action: Action) -> Submission {
        self.nonce += 1;
        let body = Body {
            network: self.document.network,
            sender: identity.party,
            key: identity.signer.public(),
            nonce: [self.nonce; 16],
            last_valid: height + 500,
            action,
        };
        Submission { transaction: body.sign(&*identity.signer).unwrap(), side: None }
    }

    /// Hands an action in at a node; returns height and receipt once it is applied.
    async fn act(&mut self, at: usize, identity: &Identity, action: Action) -> (Height, Receipt) {
        let handle = self.handle(at);
        let submission = self.signed(identity, handle.status().height, action);
        let (id, receiver) = take_in(&handle, &submission);
        let deadline = tokio::time::Instant::now() + UNTIL;
        let fate = handle.fate(id, receiver, deadline).await.unwrap();
        let Fate::Committed(decided, place) = fate else { panic!("it was not committed") };
        let result = &decided.results[place as usize];
        assert_eq!(result.entry.outcome, contracts::outcome::Outcome::Applied, "{:?}", result.events);
        (decided.header.entry.height, decided.receipt(place).unwrap())
    }

    async fn mint(&mut self, at: usize) -> (Height, Receipt) {
        let (party, reference) = (testing::buyer().party, BankReference([self.nonce; 32]));
        let (amount, currency) = (Amount::new(100).unwrap(), "EUR".parse().unwrap());
        self.act(at, &testing::settlement(), Action::Mint(Mint { party, amount, currency, reference })).await
    }

    /// The validators of `before` decide that those at `places` are the set, and a quorum of it is ready.
    async fn change(&mut self, at: usize, before: &[usize], places: &[usize]) -> Height {
        let id = self.pass(at, before, places).await;
        let mut height = 0;
        for number in 0..set(places).quorum() {
            height = self.ready(at, id, places, number).await;
        }
        height
    }

    /// A quorum of `before` decides that those at `places` are the set once they are ready.
    async fn pass(&mut self, at: usize, before: &[usize], places: &[usize]) -> ProposalId {
        let id = self.propose(at, before, places).await;
        for number in 1..set(before).quorum() {
            self.approve(at, id, before, number).await;
        }
        id
    }

    /// The first of `before` proposes that those at `places` are the set.
    async fn propose(&mut self, at: usize, before: &[usize], places: &[usize]) -> ProposalId {
        let change = Change::Validators { set: set(places), compromised: Vec::new() };
        let base = set(before).digest();
        let until_ms = self.handle(at).status().time_ms + 3_600_000;
        let id = Propose::id_of(&change, &base, until_ms);
        let proposal = Propose { change, base, until_ms, ballot: self.ballot(id, before, 0) };
        self.act(at, &testing::operator(), Action::Propose(proposal)).await;
        id
    }

    /// Number `number` of `before` approves.
    async fn approve(&mut self, at: usize, proposal: ProposalId, before: &[usize], number: usize) {
        let approval = Approve { proposal, ballot: self.ballot(proposal, before, number) };
        self.act(at, &testing::operator(), Action::Approve(approval)).await;
    }

    fn ballot(&self, proposal: ProposalId, before: &[usize], number: usize) -> Ballot {
        let keys = testing::validator_keys(before[number] as u16);
        Ballot::approve(&self.document.network, &proposal, number as u8, &*keys.consensus).unwrap()
    }

    async fn ready(&mut self, at: usize, proposal: ProposalId, places: &[usize], number: usize) -> Height {
        let keys = testing::validator_keys(places[number] as u16);
        let height = self.handle(at).status().height;
        let network = self.document.network;
        let ballot = Ballot::ready(&network, &proposal, height, number as u8, &*keys.consensus).unwrap();
        self.act(at, &testing::operator(), Action::Ready(Ready { proposal, height, ballot })).await.0
    }

    fn audit(mut self) {
        for place in 0..self.nodes.len() {
            self.down(place);
            let scratch = tempfile::tempdir().unwrap();
            let (path, anchor) = (self.path(place), self.document.anchor());
            let report = audit::folder(&path, &self.document, &anchor, scratch.path(), &|_, _| {}).unwrap();
            assert!(report.is_clean() && report.height > 0, "node {place}: {:?}", report.findings);
        }
    }
}

fn set(places: &[usize]) -> ValidatorSet {
    let all = testing::validators(8).validators;
    ValidatorSet { validators: places.iter().map(|place| all[*place].clone()).collect() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_validator_grows_to_four_and_nobody_is_stopped() {
    let mut network = Network::of(1, 5);
    let (first, old) = network.mint(0).await;
    network.until(0, "observers follow", |it| (1..5).all(|at| it.handle(at).status().height >= first)).await;
    let refused = network.handle(3).take(network.signed(
        &testing::buyer(),
        first,
        Action::TakeDown(contracts::takedown::TakeDown { dataset: contracts::id::DatasetId([1; 32]) }),
    ));
    assert!(matches!(refused, Err(Refused::Observes)));
    let last = network.change(0, &[0], &[0, 1, 2, 3]).await;
    network.until(0, "all enter the new era", |it| (0..5).all(|at| it.era(at) == 1)).await;
    let seats: Vec<_> = (0..5).map(|at| network.handle(at).seat()).collect();
    assert_eq!(seats, [Some(0), Some(1), Some(2), Some(3), None]);
    // The new ones decide, the one that founded the network among them or not.
    let (height, _) = network.mint(2).await;
    assert!(height > last);
    network.until(1, "all have it", |it| (0..5).all(|at| it.handle(at).status().height >= height)).await;
    network.down(0);
    let (height, new) = network.mint(1).await;
    assert_eq!(new.seal.cosignatures.len(), 3);
    // Whoever starts from the founding alone follows the record, and believes receipts of both eras.
    let trust = network.handle(2).trust();
    old.verify(&trust).unwrap();
    new.verify(&trust).unwrap();
    assert!(new.verify(&trust.anchor()).is_err());
    network.up(0);
    network.until(1, "it is back", |it| (0..5).all(|at| it.handle(at).status().height >= height)).await;
    network.audit();
}

/// The block of height `height` at a node.
fn block(network: &Network, place: usize, height: Height) -> contracts::id::Digest {
    network.handle(place).store().reader().header(height).unwrap().unwrap().id()
}

/// It holds the key of the only validator of the first era, and nothing in its folder says that there was another.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_founded_a_network_that_has_grown_begins_anew_as_one_of_many() {
    let mut network = Network::of(1, 4);
    let (first, _) = network.mint(0).await;
    network.until(0, "observers follow", |it| (1..4).all(|at| it.handle(at).status().height >= first)).await;
    network.down(0);
    let (folder, before) = (network.path(0), network.folder.path().join("before"));
    testing::copied(&folder, &before);
    network.up(0);
    let height = network.change(0, &[0], &[0, 1, 2, 3]).await;
    network.until(0, "all enter the new era", |it| (0..4).all(|at| it.era(at) == 1)).await;
    let shown = Shown { changes: 1, height };
    for what in ["nothing", "its mark", "a folder of before"] {
        network.down(0);
        let mark = std::fs::read(folder.join("highwater")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        match what {
            "its mark" => {
                std::fs::create_dir(&folder).unwrap();
                std::fs::write(folder.join("highwater"), mark).unwrap();
            }
            "a folder of before" => testing::copied(&before, &folder),
            _ => {}
        }
        network.up_with(0, shown);
        let status = network.handle(0).status();
        assert!(status.observes && status.reason.is_some_and(|reason| reason.contains("only validator")), "{what}");
        network.until(1, what, |it| it.era(0) == 1 && it.handle(0).seat() == Some(0)).await;
        let (height, _) = network.mint(1).await;
        network.until(1, what, |it| it.handle(0).status().height >= height).await;
        assert_eq!(block(&network, 0, 1), block(&network, 1, 1), "{what}");
    }
    network.audit();
}

/// Whoever follows it has what it signed.
#[tokio::test(flavor = "multi_thread")]
async fn an_only_validator_with_a_folder_of_before_takes_what_is_missing_from_whoever_follows() {
    let mut network = Network::of(1, 2);
    let (first, _) = network.mint(0).await;
    network.down(0);
    let (folder, before) = (network.path(0), network.folder.path().join("before"));
    testing::copied(&folder, &before);
    network.up(0);
    let (height, _) = network.mint(0).await;
    network.until(0, "it is followed", |it| it.handle(1).status().height >= height).await;
    network.down(0);
    std::fs::remove_dir_all(&folder).unwrap();
    testing::copied(&before, &folder);
    network.up_with(0, Shown { changes: 0, height });
    assert!(network.handle(0).seat().is_none() && network.handle(0).status().height >= first);
    network.until(1, "it goes on", |it| it.handle(0).seat() == Some(0)).await;
    assert_eq!(block(&network, 0, height), block(&network, 1, height));
    let (last, _) = network.mint(0).await;
    assert!(last > height);
    network.until(0, "it is followed again", |it| it.handle(1).status().height >= last).await;
    assert_eq!(block(&network, 0, last), block(&network, 1, last));
    network.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn some_leave_and_some_join_while_one_of_each_is_away() {
    let mut network = Network::of(4, 6);
    let (first, _) = network.mint(1).await;
    network.until(0, "all follow", |it| (0..6).all(|at| it.handle(at).status().height >= first)).await;
    // Number 3 is away while it is decided that it leaves, and 1 while its number changes.
    network.down(3);
    let last = network.change(0, &[0, 1, 2, 3], &[2, 4, 1, 5, 0]).await;
    let up = [0, 1, 2, 4, 5];
    network.until(0, "all that are up enter the new era", |it| up.iter().all(|at| it.era(*at) == 1)).await;
    assert_eq!(up.map(|at| network.handle(at).seat()), [Some(4), Some(2), Some(0), Some(1), Some(3)]);
    network.down(1);
    let (height, _) = network.mint(5).await;
    assert!(height > last);
    // One that is behind finds out from the others; one that left, from whoever serves blocks.
    network.up(1);
    network.until(2, "it catches up", |it| it.handle(1).status().height >= height).await;
    network.up(3);
    assert_eq!(network.handle(3).seat(), Some(3), "of the era in which it stopped");
    network.down(3);
    let (height, receipt) = network.mint(1).await;
    assert_eq!(receipt.seal.cosignatures.len(), 4, "a quorum of five");
    network.until(0, "all have it", |it| up.iter().all(|at| it.handle(*at).status().height >= height)).await;
    network.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomers_that_never_come_keep_nobody_from_deciding_on_another_set() {
    let mut network = Network::of(4, 7);
    let (first, _) = network.mint(1).await;
    network.until(0, "all follow", |it| (0..7).all(|at| it.handle(at).status().height >= first)).await;
    // Half of the set that passes is never there, and without it there is no quorum.
    [4, 5].into_iter().for_each(|place| network.down(place));
    let lost = network.pass(0, &[0, 1, 2, 3], &[0, 1, 4, 5]).await;
    for number in [0, 1] {
        network.ready(0, lost, &[0, 1, 4, 5], number).await;
    }
    assert_eq!(network.era(0), 0);
    // One that is down for good is replaced all the same, and whoever restarts in between goes along.
    network.down(3);
    let another = network.pass(1, &[0, 1, 2, 3], &[0, 1, 2, 6]).await;
    network.down(2);
    network.up(2);
    let mut last = 0;
    for number in 0..3 {
        last = network.ready(1, another, &[0, 1, 2, 6], number).await;
    }
    let up = [0, 1, 2, 6];
    network.until(0, "the other set takes over", |it| up.iter().all(|at| it.era(*at) == 1)).await;
    assert_eq!(up.map(|at| network.handle(at).seat()), [Some(0), Some(1), Some(2), Some(3)]);
    let (height, _) = network.mint(6).await;
    assert!(height > last);
    network.until(0, "all have it", |it| up.iter().all(|at| it.handle(*at).status().height >= height)).await;
    network.audit();
}

/// What one gauge of a node says.
fn gauge(handle: &Handle, name: &str) -> u64 {
    let metrics = handle.metrics();
    let value = metrics.lines().find_map(|line| line.strip_prefix(&format!("lonja_{name} ")));
    value.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_a_node_learns_which_ballots_are_wanted() {
    const FOUR: [usize; 4] = [0, 1, 2, 3];
    let mut network = Network::of(4, 5);
    let (first, _) = network.mint(1).await;
    network.until(0, "all follow", |it| (0..5).all(|at| it.handle(at).status().height >= first)).await;
    // How many are open, how many of them lack the word of a node's own validator, and until when a set is awaited.
    let wanted = |it: &Network, at: usize| {
        ["proposals_open", "proposals_unanswered", "set_passed_until_seconds"].map(|name| gauge(&it.handle(at), name))
    };
    assert_eq!(wanted(&network, 0), [0; 3]);
    let proposal = network.propose(0, &FOUR, &[0, 1, 2, 4]).await;
    network.propose(0, &FOUR, &[1, 2, 3, 4]).await;
    let asked = [[2, 0, 0], [2, 2, 0], [2, 2, 0], [2, 2, 0], [2, 0, 0]];
    network.until(0, "all know of both", |it| (0..5).all(|at| wanted(it, at) == asked[at])).await;
    // Who starts anew knows it from its store.
    network.down(1);
    network.up(1);
    assert_eq!(wanted(&network, 1), asked[1]);
    let handle = network.handle(1);
    let (reader, era, now_ms) = (handle.shared.store.reader(), handle.shared.era(), handle.status().time_ms);
    for most in 1..4 {
        let read = Ballots::by_pages(&reader, most).unwrap();
        let wanted = read.wanted(&reader, &era.set.digest(), Some(1), now_ms).unwrap();
        assert_eq!(wanted, Wanted { open: 2, unanswered: 2, set_until_ms: None });
    }
    drop(reader);
    drop(handle);
    network.approve(0, proposal, &FOUR, 1).await;
    network.until(0, "its own word is there", |it| wanted(it, 1) == [2, 1, 0]).await;
    network.approve(0, proposal, &FOUR, 2).await;
    let now_seconds = network.handle(0).status().time_ms / 1_000;
    let is_awaited = |it: &Network, at: usize| {
        let [open, unanswered, until_seconds] = wanted(it, at);
        open == 1 && unanswered == asked[at][1] / 2 && (now_seconds..=now_seconds + 3_600).contains(&until_seconds)
    };
    network.until(0, "the set is awaited", |it| (0..5).all(|at| is_awaited(it, at))).await;
    for number in 0..3 {
        network.ready(0, proposal, &[0, 1, 2, 4], number).await;
    }
    // What was asked of those before is void.
    network.until(0, "nothing more is wanted", |it| (0..5).all(|at| wanted(it, at) == [0; 3])).await;
}

/// The block that ends an era is durable, and the power fails: nobody has sealed it, or signed the record.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_cut_short_is_finished_when_the_nodes_are_back() {
    let mut network = Network::of(4, 5);
    let (first, _) = network.mint(0).await;
    network.until(0, "all have it", |it| (0..5).all(|at| it.handle(at).status().height >= first)).await;
    for round in 0..3usize {
        let (before, after): (&[usize], &[usize]) =
            if round % 2 == 0 { (&[0, 1, 2, 3], &[1, 2, 3, 4]) } else { (&[1, 2, 3, 4], &[0, 1, 2, 3]) };
        network.change(2, before, after).await;
        // At once, whatever each of them is doing.
        (0..5).for_each(|place| network.down(place));
        (0..5).for_each(|place| network.up(place));
        let changes = round as u32 + 1;
        network.until(1, "all are in the new era", |it| (0..5).all(|at| it.era(at) == changes)).await;
        let (height, _) = network.mint(2).await;
        network.until(1, "all have it", |it| (0..5).all(|at| it.handle(at).status().height >= height)).await;
    }
    network.audit();
}
