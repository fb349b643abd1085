use super::*;
use crate::{highwater, ordering::solo::Solo, store::Reader, submission::Submission, testing};
use contracts::{action::Action, id::BankReference, money::Amount, settlement::Mint, transaction::Body};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

pub(super) fn config(folder: &Path) -> Config {
    let signer = |seed| Arc::new(contracts::key::TestSigner::of(seed)) as Arc<dyn contracts::key::Signer>;
    let keys = ValidatorKeys { consensus: signer(1), log: signer(2), cosigner: signer(3) };
    Config {
        folder: folder.to_path_buf(),
        document: testing::document(),
        keys: Arc::new(vec![keys]),
        sources: Sources::None,
        confirm_time: false,
        retention: None,
    }
}

pub(super) fn soon() -> tokio::time::Instant {
    tokio::time::Instant::now() + Duration::from_secs(90)
}

/// Hands `submission` in, and again for a minute while the node says that no blocks are made: after a pause of the whole
/// machine it says so for a moment.
pub(super) fn take_in(handle: &Handle, submission: &Submission) -> (TransactionId, oneshot::Receiver<Fate>) {
    let begun = Instant::now();
    loop {
        match handle.take(submission.clone()) {
            Err(Refused::Stopped(reason)) => assert!(begun.elapsed() < Duration::from_secs(60), "{reason}"),
            taken => {
                let (id, receiver) = taken.unwrap();
                return (id, receiver.unwrap());
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

async fn ended(node: &Node) -> String {
    tokio::time::timeout(Duration::from_secs(60), node.handle().ended()).await.expect("the node stops")
}

fn sealed(reader: &Reader, height: u64) -> bool {
    reader.seal(height).unwrap().is_some()
}

/// A transaction that gives the buyer a cent.
pub(super) fn minted(network: NetworkId, nonce: u8) -> Submission {
    let mint = Mint {
        party: testing::buyer().party,
        amount: Amount::new(1).unwrap(),
        currency: "EUR".parse().unwrap(),
        reference: BankReference([nonce; 32]),
    };
    let agent = testing::settlement();
    let body = Body {
        network,
        sender: agent.party,
        key: agent.signer.public(),
        nonce: [nonce; 16],
        last_valid: 100,
        action: Action::Mint(mint),
    };
    Submission { transaction: body.sign(&*agent.signer).unwrap(), side: None }
}

/// Starts the node of `folder`, commits transaction `nonce`, and stops.
async fn commits(folder: &Path, nonce: u8) -> Tip {
    let node = Node::start(config(folder)).unwrap();
    let handle = node.handle();
    let (id, receiver) = handle.take(minted(handle.network(), nonce)).unwrap();
    assert!(matches!(handle.fate(id, receiver.unwrap(), soon()).await, Ok(Fate::Committed(..))));
    let tip = handle.watch().borrow().clone();
    drop(handle);
    node.stop();
    tip
}

/// It would be a weekend. The clock may be wrong as well: nobody else would notice.
#[tokio::test(flavor = "multi_thread")]
async fn after_days_off_a_solo_node_says_at_once_that_the_time_is_to_be_confirmed_and_goes_on_then() {
    let place = tempfile::tempdir().unwrap();
    let (folder, document) = (place.path().join("node"), testing::document());
    std::fs::create_dir_all(&folder).unwrap();
    drop(HighWater::create(&folder.join("highwater")).unwrap());
    let founding = &document.document.founding;
    let mut chain = Chain::open(Store::open(&folder.join("db")).unwrap(), document.network, founding).unwrap();
    let days_ago = now_ms() - 2 * 24 * 3_600_000;
    let prepared = chain.propose(Vec::new(), days_ago, 0).unwrap().0;
    let mut ordering = Solo::new(document.network, Arc::new(contracts::key::TestSigner::of(1)));
    let certificate = ordering.order(1, prepared.header.id()).unwrap();
    chain.commit(prepared, certificate).unwrap();
    drop(chain);

    let node = Node::start(config(&folder)).unwrap();
    let begun = std::time::Instant::now();
    while node.handle().status().healthy {
        assert!(begun.elapsed() < Duration::from_secs(20), "it looks well and takes nothing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let reason = node.handle().status().reason.unwrap();
    assert!(reason.contains("2 days 0 h ahead of the last block") && reason.contains("--confirm-time"), "{reason}");
    let refused = node.handle().take(minted(document.network, 1)).err().unwrap();
    assert!(refused.to_string().contains("--confirm-time"), "{refused}");
    node.stop();

    let node = Node::start(Config { confirm_time: true, ..config(&folder) }).unwrap();
    let handle = node.handle();
    handle.watch().wait_for(|tip| tip.height == 2).await.unwrap();
    assert!(handle.status().healthy, "{:?}", handle.status().reason);
    drop(handle);
    node.stop();
    // The block made since is the one that the next start compares with.
    assert!(commits(&folder, 2).await.height > 2);
}

/// Nobody else has the rest, and signing anew what was signed would be a second history.
#[tokio::test(flavor = "multi_thread")]
async fn a_solo_store_that_was_rolled_back_by_hand_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let (folder, backup) = (place.path().join("node"), place.path().join("backup"));
    let db = folder.join("db");
    let before = commits(&folder, 1).await;
    testing::copied(&db, &backup);
    let after = commits(&folder, 2).await;
    std::fs::rename(&db, place.path().join("newest")).unwrap();
    testing::copied(&backup, &db);
    let refused = Node::start(config(&folder)).err().unwrap();
    let expected = |error: &NodeError| match error {
        NodeError::RolledBack { found, signed, .. } => (*found, *signed) == (before.height, after.height),
        _ => false,
    };
    assert!(expected(&refused), "{refused}");
    let said = refused.to_string();
    assert!(said.contains("was rolled back") && said.contains("Restore the newest copy of the store"), "{said}");
    // As high as what was signed, and another history.
    let other = place.path().join("other");
    for nonce in 3..=9 {
        commits(&other, nonce).await;
    }
    std::fs::remove_dir_all(&db).unwrap();
    testing::copied(&other.join("db"), &db);
    let refused = Node::start(config(&folder)).err().unwrap();
    assert!(matches!(refused, NodeError::OtherHistory { .. }), "{refused}");
    // Nothing of it changed anything: the newest store is taken.
    std::fs::remove_dir_all(&db).unwrap();
    std::fs::rename(place.path().join("newest"), &db).unwrap();
    assert!(commits(&folder, 10).await.height > after.height);
}

#[tokio::test]
async fn a_mark_that_finds_no_room_stops_the_node_before_anything_is_signed() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start_with(config(folder.path()), now_ms, highwater::on_a_full_disk).unwrap();
    let reason = ended(&node).await;
    assert!(reason.contains("highwater") && reason.contains("make room and start again"), "{reason}");
    let handle = node.handle();
    assert!(!handle.status().healthy);
    assert_eq!(handle.status().height, 0, "a block without its mark is shown to nobody");
    let reader = handle.store().reader();
    assert_eq!(reader.tip().unwrap().unwrap().height, 1, "the block is durable");
    assert!(!sealed(&reader, 1), "and not signed");
    drop(reader);
    drop(handle);
    node.stop();

    let node = Node::start(config(folder.path())).unwrap();
    assert_eq!(HighWater::open(&folder.path().join("highwater")).unwrap().mark().height, 1);
    assert!(sealed(&node.handle().store().reader(), 1));
    assert!(node.handle().status().healthy);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_node_that_stops_is_told_what_to_do_and_nobody_waits_afterwards() {
    // A node whose thread has not come to rest stops before anybody waits, and tells that nobody. It rests soon after
    // its first block, and nothing says when.
    let mut tries = 1..=6u32;
    let (folder, node, (id, receiver)) = loop {
        let rest = Duration::from_millis(100) * tries.next().expect("it comes to rest").pow(2);
        let folder = tempfile::tempdir().unwrap();
        let node = Node::start(config(folder.path())).unwrap();
        let handle = node.handle();
        handle.watch().wait_for(|tip| tip.height > 0).await.unwrap();
        tokio::time::sleep(rest).await;
        // Whoever takes a submission in found the disk full: the node stops with what waits.
        handle.shared.queue.lock().halt = Some(crate::whole::disk_full(&folder.path().join("sides")).into());
        match handle.take(minted(handle.network(), 1)) {
            Err(Refused::Stopped(_)) => {}
            taken => break (folder, node, taken.unwrap()),
        }
    };
    let handle = node.handle();
    let network = handle.network();
    let submission = |nonce| minted(network, nonce);
    let refused = handle.fate(id, receiver.unwrap(), soon()).await.err().unwrap();
    let said = refused.to_string();
    assert!(matches!(refused, Refused::CutShort { .. }) && said.contains(&id.to_string()), "{said}");
    assert!(said.contains("make room") && said.contains("send the same bytes again"), "{said}");
    ended(&node).await;
    let refused = handle.take(submission(2)).err().unwrap();
    assert!(matches!(refused, Refused::Stopped(_)), "{refused}");
    drop(handle);
    node.stop();
    let node = Node::start(config(folder.path())).unwrap();
    let (id_again, receiver) = node.handle().take(submission(1)).unwrap();
    assert_eq!(id_again, id);
    assert!(matches!(node.handle().fate(id, receiver.unwrap(), soon()).await, Ok(Fate::Committed(..))));
}
