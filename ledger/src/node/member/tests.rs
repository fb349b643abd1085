//! Four nodes in one process, each on a thread of its own, with links that can be cut.

mod archived;
mod away;
mod taking;

use super::*;
use crate::submission::Submission;
use crate::{
    audit,
    limits::{STATUS_EVERY, UNHEARD_AFTER},
    log::proof::TreeHead,
    node::{Config, Handle, Node, Refused, Sources, ValidatorKeys, tests::take_in},
    ordering::Certificate,
    receipt::{Trust, Vote},
    testing,
    time::now_ms,
};
use contracts::{
    action::Action,
    id::{BankReference, Digest, TimeMs},
    money::Amount,
    settlement::Mint,
    side::{SideBody, SideField},
    transaction::Body,
};
use genesis::SignedDocument;
use parking_lot::RwLock;
use std::time::Duration;

mod burdens;
mod caught;
mod forgotten;
mod late;
mod lent;

const COUNT: u16 = 4;

type Handles = Arc<RwLock<Vec<Option<Handle>>>>;

/// The links of one node: straight into the others' inboxes, where those are up.
struct Wires {
    from: u16,
    handles: Handles,
    cut: Cut,
    mute: Mute,
    hushed: Hushed,
    lag: Lag,
    faults: Faults,
}

/// Those to whom nothing goes, and of whom nothing comes.
type Cut = Arc<RwLock<HashSet<u16>>>;

/// Those who vote and give nobody signatures of what was decided.
type Mute = Cut;

/// Those of whom no vote and no proposal comes, and to whom none goes.
type Hushed = Cut;

/// How long signatures of what was decided are on their way.
type Lag = Arc<RwLock<Duration>>;

/// Who was blamed, and for what.
type Faults = Arc<parking_lot::Mutex<Vec<(u16, String)>>>;

impl Links for Wires {
    fn send(&self, to: u16, frame: &Arc<[u8]>) {
        if self.cut.read().iter().any(|cut| [self.from, to].contains(cut)) {
            return;
        }
        let of_signatures = |frame| matches!(Frame::decode(frame), Ok(Frame::Vote(..) | Frame::Sealed(..)));
        if self.mute.read().contains(&self.from) && of_signatures(frame) {
            return;
        }
        let of_votes = |frame| matches!(Frame::decode(frame), Ok(Frame::Message(..) | Frame::Proposed { .. }));
        if self.hushed.read().iter().any(|hushed| [self.from, to].contains(hushed)) && of_votes(frame) {
            return;
        }
        let (from, lag, handles) = (self.from, *self.lag.read(), self.handles.clone());
        if !lag.is_zero() && of_signatures(frame) {
            let frame = frame.to_vec();
            std::thread::spawn(move || {
                std::thread::sleep(lag);
                deliver(&handles, from, to, frame);
            });
        } else {
            deliver(&handles, from, to, frame.to_vec());
        }
    }

    fn status(&self) -> Vec<PeerStatus> {
        Vec::new()
    }

    fn blame(&self, from: u16, fault: &str) {
        self.faults.lock().push((from, fault.to_owned()));
    }
}

fn deliver(handles: &Handles, from: u16, to: u16, frame: Vec<u8>) {
    if let Some(Some(handle)) = handles.read().get(usize::from(to)) {
        // A full inbox loses it, as a link does.
        let _ = handle.deliver(from, frame);
    }
}

struct Four {
    document: SignedDocument,
    folder: tempfile::TempDir,
    handles: Handles,
    cut: Cut,
    mute: Mute,
    hushed: Hushed,
    lag: Lag,
    faults: Faults,
    nodes: Vec<Option<Node>>,
}

impl Four {
    fn start() -> Self {
        let mut four = Self::laid_out();
        (0..COUNT).for_each(|number| four.up(number));
        four
    }

    /// None of them is up yet.
    fn laid_out() -> Self {
        let document = testing::document_among(COUNT);
        let folder = tempfile::tempdir().unwrap();
        let handles = Arc::new(RwLock::new((0..COUNT).map(|_| None).collect()));
        let nodes = (0..COUNT).map(|_| None).collect();
        let (cut, mute, hushed) = (Cut::default(), Mute::default(), Hushed::default());
        let (lag, faults) = (Lag::default(), Faults::default());
        Self { document, folder, handles, cut, mute, hushed, lag, faults, nodes }
    }

    fn path(&self, number: u16) -> std::path::PathBuf {
        self.folder.path().join(number.to_string())
    }

    fn up(&mut self, number: u16) {
        self.up_with(number, testing::validator_keys(number));
    }

    fn up_with(&mut self, number: u16, keys: ValidatorKeys) {
        self.up_by(number, keys, now_ms);
    }

    fn up_by(&mut self, number: u16, keys: ValidatorKeys, clock: fn() -> TimeMs) {
        let (folder, document) = (self.path(number), self.document.clone());
        let config = Config {
            folder,
            document,
            keys: Arc::new(vec![keys]),
            sources: Sources::None,
            confirm_time: false,
            retention: None,
        };
        let node = Node::start_with(config, clock, |opened| opened).unwrap();
        let (handles, cut, mute) = (self.handles.clone(), self.cut.clone(), self.mute.clone());
        let (hushed, lag, faults) = (self.hushed.clone(), self.lag.clone(), self.faults.clone());
        let wires = Wires { from: number, handles, cut, mute, hushed, lag, faults };
        node.handle().connect(Some(Arc::new(wires)));
        self.handles.write()[usize::from(number)] = Some(node.handle());
        self.nodes[usize::from(number)] = Some(node);
    }

    fn down(&mut self, number: u16) {
        self.handles.write()[usize::from(number)] = None;
        drop(self.nodes[usize::from(number)].take());
    }

    fn handle(&self, number: u16) -> Handle {
        self.nodes[usize::from(number)].as_ref().unwrap().handle()
    }

    /// A transaction that gives the buyer money by reference `number`.
    fn mint(&self, number: u8, height: Height) -> Submission {
        self.mint_of(number.into(), height)
    }

    /// The same, of more than a test mostly needs.
    fn mint_of(&self, number: u16, height: Height) -> Submission {
        let bytes = number.to_be_bytes();
        let settlement = testing::settlement();
        let mint = Mint {
            party: testing::buyer().party,
            amount: Amount::new(100).unwrap(),
            currency: "EUR".parse().unwrap(),
            reference: BankReference(std::array::from_fn(|at| bytes[at % 2])),
        };
        let body = Body {
            network: self.document.network,
            sender: settlement.party,
            key: settlement.signer.public(),
            nonce: std::array::from_fn(|at| bytes[at % 2]),
            last_valid: height + 100,
            action: Action::Mint(mint),
        };
        Submission { transaction: body.sign(&*settlement.signer).unwrap(), side: None }
    }

    /// Hands `number` in at node `at`, and returns the height of its block when its receipt verifies.
    async fn commit(&self, at: u16, number: u8) -> Height {
        let handle = self.handle(at);
        let submission = self.mint(number, handle.status().height);
        let (id, receiver) = take_in(&handle, &submission);
        let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
        let fate = handle.fate(id, receiver, deadline).await.unwrap();
        let Fate::Committed(decided, place) = fate else { panic!("{number} was not committed") };
        let receipt = decided.receipt(place).unwrap();
        let trust = Trust::new(self.document.network, testing::validators(COUNT)).unwrap();
        receipt.verify(&trust).unwrap();
        assert_eq!(receipt.seal.cosignatures.len(), 3, "a quorum and not one more");
        decided.header.entry.height
    }

    /// Waits until node `number` knows `height`.
    fn up_to(&self, number: u16, height: Height) {
        let begun = Instant::now();
        while self.handle(number).status().height < height {
            assert!(begun.elapsed() < Duration::from_secs(60), "{height}: {:?}", self.handle(number).status());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    async fn all_at(&self, height: Height) {
        let begun = Instant::now();
        for node in self.nodes.iter().flatten() {
            while node.handle().status().height < height {
                assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "{height} is not reached: {:?}",
                    node.handle().status()
                );
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }

    /// Waits until nothing has been at work for a while: of a height that is cut short, a node may lack the seal.
    fn rest(&self) {
        let at = |node: &Node| {
            let (handle, durable) =
                (node.handle(), node.handle().store().reader().tip().unwrap().map(|tip| tip.height));
            let status = handle.status();
            (durable == Some(status.height) && status.waiting == 0).then_some(status.height)
        };
        let (begun, mut since, mut before) = (Instant::now(), Instant::now(), Vec::new());
        while since.elapsed() < Duration::from_millis(300) {
            assert!(begun.elapsed() < Duration::from_secs(60), "they do not rest: {before:?}");
            std::thread::sleep(Duration::from_millis(10));
            let now: Vec<_> = self.nodes.iter().flatten().map(at).collect();
            if now != before || now.iter().any(|height| height.is_none() || *height != now[0]) {
                (since, before) = (Instant::now(), now);
            }
        }
    }

    /// Stops all, and finds nothing wrong with any of them.
    fn audit(mut self) -> Self {
        assert_eq!(*self.faults.lock(), [], "all are honest");
        self.rest();
        (0..COUNT).for_each(|number| self.down(number));
        for number in 0..COUNT {
            let report = self.audited(number);
            assert!(report.is_clean() && report.height > 0, "node {number}: {:?}", report.findings);
            assert_eq!(report.unsealed, 0, "node {number}");
        }
        self
    }

    /// What an audit says of the folder of validator `number`, which is down.
    fn audited(&self, number: u16) -> audit::Report {
        let (scratch, anchor) = (tempfile::tempdir().unwrap(), self.document.anchor());
        audit::folder(&self.path(number), &self.document, &anchor, scratch.path(), &|_, _| {}).unwrap()
    }

    /// Commits `later` while the folder of validator 3 is kept as it was, stops it, and puts that back: all in it is
    /// of before, and agrees. Returns the newest height of before, and that of now.
    async fn of_yesterday(&mut self, later: std::ops::RangeInclusive<u8>) -> (Height, Height) {
        let first = self.commit(3, 1).await;
        self.all_at(first).await;
        self.down(3);
        let (folder, backup) = (self.path(3), self.folder.path().join("backup"));
        testing::copied(&folder, &backup);
        self.up(3);
        let mut newest = first;
        for number in later {
            newest = self.commit(3, number).await;
        }
        self.all_at(newest).await;
        self.down(3);
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::rename(&backup, &folder).unwrap();
        (first, newest)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_in_anywhere_is_sealed_by_a_quorum_everywhere() {
    let four = Four::start();
    let mut newest = 0;
    for number in 1..=8 {
        newest = newest.max(four.commit(u16::from(number) % COUNT, number).await);
    }
    four.all_at(newest).await;
    four.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn three_go_on_without_the_fourth_and_it_catches_up() {
    let mut four = Four::start();
    let first = four.commit(0, 1).await;
    four.all_at(first).await;
    four.down(3);
    let mut newest = first;
    for number in 2..=7 {
        newest = four.commit(u16::from(number) % 3, number).await;
    }
    four.up(3);
    four.all_at(newest).await;
    let last = four.commit(3, 8).await;
    four.all_at(last).await;
    // Two of four are no quorum: nothing is decided until one comes back.
    four.down(0);
    four.down(1);
    let handle = four.handle(2);
    match handle.take(four.mint(9, last)) {
        Ok((id, receiver)) => {
            let soon = tokio::time::Instant::now() + Duration::from_secs(3);
            assert!(handle.fate(id, receiver.unwrap(), soon).await.is_err());
        }
        // It has noticed already that it hears too few; what it was handed waits all the same.
        Err(Refused::Stopped(_)) => handle.take_forwarded(None, four.mint(9, last)),
        Err(refused) => panic!("{refused}"),
    }
    assert_eq!(handle.status().height, last);
    // It says so, and takes nothing in that it could not order.
    let begun = Instant::now();
    while handle.status().healthy {
        assert!(begun.elapsed() < Duration::from_secs(30), "it looks healthy and makes no blocks");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let reason = handle.status().reason.unwrap();
    assert!(reason.contains("3 of 4 validators must be up"), "{reason}");
    assert!(matches!(handle.take(four.mint(10, last)), Err(Refused::Stopped(_))));
    drop(handle);
    four.up(0);
    four.all_at(last + 1).await;
    four.up(1);
    four.all_at(last + 1).await;
    assert!((0..COUNT).all(|number| four.handle(number).status().healthy));
    four.audit();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_from_a_backup_signs_nothing_until_it_has_passed_what_was_signed() {
    let mut four = Four::start();
    let first = four.commit(3, 1).await;
    four.all_at(first).await;
    four.down(3);
    let (db, backup) = (four.path(3).join("db"), four.folder.path().join("backup"));
    testing::copied(&db, &backup);
    four.up(3);
    let mut newest = first;
    for number in 2..=6 {
        newest = four.commit(3, number).await;
    }
    four.all_at(newest).await;
    let restore = |four: &mut Four| {
        four.down(3);
        std::fs::remove_dir_all(&db).unwrap();
        testing::copied(&backup, &db);
    };
    restore(&mut four);
    (0..3).for_each(|number| four.down(number));
    // Alone it says why it takes no part, and takes nothing in.
    four.up(3);
    let begun = Instant::now();
    while four.handle(3).status().healthy {
        assert!(begun.elapsed() < Duration::from_secs(30), "it looks healthy and is behind what it signed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status = four.handle(3).status();
    let reason = status.reason.unwrap();
    assert!(status.height < newest && reason.contains("it observes") && reason.contains("backup"), "{reason}");
    assert!(matches!(four.handle(3).take(four.mint(7, first)), Err(Refused::Stopped(_))));
    (0..3).for_each(|number| four.up(number));
    four.all_at(newest).await;
    four.all_at(four.commit(1, 8).await).await;
    // It is one of a quorum again.
    four.down(0);
    let last = four.commit(3, 9).await;
    // What was voted for is gone as well: one height more is left to the others.
    restore(&mut four);
    std::fs::remove_file(four.path(3).join("voting")).unwrap();
    four.up(0);
    let newest = four.commit(1, 10).await.max(last);
    four.up(3);
    four.all_at(newest).await;
    four.all_at(four.commit(0, 11).await).await;
    four.all_at(four.commit(3, 12).await).await;
    four.audit();
}

/// The store of another history, which the mark gives away before anything of it is signed.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_beside_what_was_signed_stops_the_node() {
    let mut four = Four::start();
    let mut newest = 0;
    for number in 1..=4 {
        newest = four.commit(3, number).await;
    }
    four.all_at(newest).await;
    four.down(3);
    let path = four.path(3);
    std::fs::remove_dir_all(path.join("db")).unwrap();
    std::fs::remove_file(path.join("highwater")).unwrap();
    let mut file = HighWater::create(&path.join("highwater")).unwrap();
    file.raise(crate::highwater::Mark { height: 2, size: 9, root: contracts::id::Digest([5; 32]) }).unwrap();
    drop(file);
    four.up(3);
    let begun = Instant::now();
    while four.handle(3).status().reason.is_none_or(|reason| !reason.contains("another history")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", four.handle(3).status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(four.handle(3).status().height < 2);
}

/// The image of a whole disk: store, mark and what was voted for are all of yesterday, and agree.
#[tokio::test(flavor = "multi_thread")]
async fn a_whole_folder_from_a_backup_is_found_out_by_the_others() {
    let mut four = Four::start();
    let (_, mut newest) = four.of_yesterday(2..=6).await;
    four.up(3);
    let begun = Instant::now();
    let observes = |four: &Four| four.handle(3).status().reason.is_some_and(|reason| reason.contains("it observes"));
    while !(observes(&four) && four.handle(3).status().height >= newest) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", four.handle(3).status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Three go on; with each height of theirs it comes nearer to taking part.
    for number in 7..=9 {
        newest = four.commit(u16::from(number) % 3, number).await;
    }
    four.all_at(newest).await;
    // Without it there is no quorum now.
    four.down(0);
    four.commit(3, 10).await;
    assert!(four.handle(3).status().healthy);
    four.up(0);
    four.audit();
}
