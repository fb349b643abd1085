//! Keys that may be away for a while: a token that was pulled out, a service out of reach, a file that is sealed under
//! another passphrase than the node has.
//!
//! Whoever orders and signs cannot go on without its keys, and need not stop for them either: nothing is lost while
//! it waits, and a validator that signs late is to the others what one is that was paused. So the node's thread
//! waits in the middle of its work, which goes on where it was when the key is back, or before the era in which it
//! needs the key. Meanwhile the node says why it makes no blocks, and answers whoever reads.

use super::{NodeError, Seated, Shared, ValidatorKeys};
use crate::{
    era::Era,
    limits::{OPEN_RETRY_EVERY, SIGNER_RETRY_EVERY, SIGNER_WARN_EVERY},
};
use contracts::{
    id::Height,
    key::{PublicKey, SignError, Signature, Signer},
};
use std::{
    fmt::Display,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

/// A signer of the node's thread that waits until it can sign, or until somebody asks the node to stop.
struct Waiting {
    signer: Arc<dyn Signer>,
    /// Which holds the keys itself.
    shared: Weak<Shared>,
}

/// Our place in `era`, with a ledger that ends at `height` and what we signed at `mark`. A node that has keys of it goes into it with them or not at all: as one that observes, it would
/// look well while the others miss its votes.
///
/// # Errors
/// That the keys do not open, only where the node stops.
pub(super) fn seated(era: Era, shared: &Arc<Shared>, height: Height, mark: Height) -> Result<Seated, NodeError> {
    let open = || Seated::of(era.clone(), &*shared.keys, shared.sources, height, mark);
    let opens = |_: &Seated| tracing::info!("the keys open");
    Ok(open().or_else(|unopened| insist(shared, unopened, OPEN_RETRY_EVERY, open).inspect(opens))?)
}

/// The keys as the node's thread uses them. Nobody may hold the queue while it signs.
pub(super) fn patient(keys: ValidatorKeys, shared: &Arc<Shared>) -> ValidatorKeys {
    let waiting = |signer| -> Arc<dyn Signer> { Arc::new(Waiting { signer, shared: Arc::downgrade(shared) }) };
    ValidatorKeys { consensus: waiting(keys.consensus), log: waiting(keys.log), cosigner: waiting(keys.cosigner) }
}

impl Signer for Waiting {
    fn public(&self) -> PublicKey {
        self.signer.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        let sign = || self.signer.sign(message);
        let signs = |_: &Signature| tracing::info!(key = %self.public(), "the key signs again");
        match (sign(), self.shared.upgrade()) {
            (Err(error), Some(shared)) => insist(&shared, error, SIGNER_RETRY_EVERY, sign).inspect(signs),
            (signed, _) => signed,
        }
    }
}

/// Tries again and again what came to nothing with `first`. An error only where the node stops.
fn insist<T, E: Display>(shared: &Shared, first: E, every: Duration, again: impl Fn() -> Result<T, E>) -> Result<T, E> {
    let before = shared.stopped.lock().replace(first.to_string());
    tracing::error!(error = %first, "the node waits for its key");
    let (mut failed, mut warned) = (first, Instant::now());
    loop {
        if stops_within(shared, Instant::now() + every) {
            return Err(failed);
        }
        match again() {
            Ok(done) => {
                *shared.stopped.lock() = before;
                return Ok(done);
            }
            Err(error) => failed = error,
        }
        *shared.stopped.lock() = Some(failed.to_string());
        if warned.elapsed() >= SIGNER_WARN_EVERY {
            tracing::error!(error = %failed, "the node still waits for its key");
            warned = Instant::now();
        }
    }
}

/// Waits until `until`. True where somebody asks the node to stop.
fn stops_within(shared: &Shared, until: Instant) -> bool {
    let mut queue = shared.queue.lock();
    // Whatever else comes waits in the queue, which is bounded.
    while !queue.shutdown {
        if shared.wake.wait_until(&mut queue, until).timed_out() {
            return queue.shutdown;
        }
    }
    true
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        node::{
            Fate, Keys, Node, Refused, Unopened,
            tests::{config, minted, soon},
        },
        testing::{self, Network},
    };
    use contracts::validators::ValidatorSet;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// A token that can be pulled out.
    struct Pulled {
        signer: Arc<dyn Signer>,
        out: Arc<AtomicBool>,
    }

    impl Signer for Pulled {
        fn public(&self) -> PublicKey {
            self.signer.public()
        }

        fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
            if self.out.load(Ordering::SeqCst) {
                return Err(SignError { key: self.public(), reason: "the token is pulled out".into() });
            }
            self.signer.sign(message)
        }
    }

    /// Keys that are on a token, and what pulls it out.
    pub fn on_a_token(keys: ValidatorKeys) -> (ValidatorKeys, Arc<AtomicBool>) {
        let out = Arc::new(AtomicBool::new(false));
        let pulled = |signer| -> Arc<dyn Signer> { Arc::new(Pulled { signer, out: out.clone() }) };
        let (consensus, log, cosigner) = (pulled(keys.consensus), pulled(keys.log), pulled(keys.cosigner));
        (ValidatorKeys { consensus, log, cosigner }, out)
    }

    async fn until(what: &str, is: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_node_whose_token_is_away_waits_says_so_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let signer = |seed| Arc::new(contracts::key::TestSigner::of(seed)) as Arc<dyn Signer>;
            let keys = ValidatorKeys { consensus: signer(1), log: signer(2), cosigner: signer(3) };
            let (keys, out) = on_a_token(keys);
            (Node::start(crate::node::Config { keys: Arc::new(vec![keys]), ..config(folder.path()) }).unwrap(), out)
        };
        let (node, out) = start();
        let handle = node.handle();
        until("the first block", || handle.status().height == 1).await;
        out.store(true, Ordering::SeqCst);
        let (id, receiver) = handle.take(minted(handle.network(), 1)).unwrap();
        until("it says that it makes no blocks", || !handle.status().healthy).await;
        let status = handle.status();
        assert!(status.height == 1 && status.reason.unwrap().contains("the token is pulled out"));
        let refused = handle.take(minted(handle.network(), 2)).err().unwrap();
        assert!(matches!(refused, Refused::Stopped(_)), "{refused}");
        out.store(false, Ordering::SeqCst);
        let fate = handle.fate(id, receiver.unwrap(), soon()).await;
        assert!(matches!(fate, Ok(Fate::Committed(..))), "what was taken in is not lost");
        assert!(handle.status().healthy);

        // It is asked to stop while it waits, and finishes the rest when it starts again.
        out.store(true, Ordering::SeqCst);
        let (id, _receiver) = handle.take(minted(handle.network(), 3)).unwrap();
        until("it waits again", || !handle.status().healthy).await;
        drop(handle);
        let begun = Instant::now();
        node.stop();
        // The token stays away, so whoever waited for it would not end.
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
        let (node, _) = start();
        let (again, receiver) = node.handle().take(minted(node.handle().network(), 3)).unwrap();
        assert_eq!(again, id);
        assert!(matches!(node.handle().fate(id, receiver.unwrap(), soon()).await, Ok(Fate::Committed(..))));
    }

    /// Keys of which those that take over do not open while `shut`.
    struct Sealed {
        keys: Vec<ValidatorKeys>,
        shut: Arc<AtomicBool>,
    }

    impl Keys for Sealed {
        fn of(&self, set: &ValidatorSet) -> Result<Option<(u16, ValidatorKeys)>, Unopened> {
            match self.keys.of(set)? {
                Some((0, keys)) if keys.consensus.public() != self.keys[0].consensus.public() => {
                    let unopened = || Unopened { validator: "heir".into(), reason: "another passphrase".into() };
                    if self.shut.load(Ordering::SeqCst) { Err(unopened()) } else { Ok(Some((0, keys))) }
                }
                ours => Ok(ours),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_era_whose_keys_do_not_open_is_waited_for_and_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let shut = Arc::new(AtomicBool::new(true));
            let sources = crate::node::Sources::Show(crate::node::Shown::default());
            let keys = Sealed { keys: vec![testing::solo_keys(), testing::heir_keys()], shut: shut.clone() };
            let config = crate::node::Config { keys: Arc::new(keys), sources, ..testing::config(folder.path()) };
            (Node::start(config), shut)
        };
        let (node, shut) = start();
        let network = Arc::new(Network::serving(node.unwrap()).await);
        let handle = network.handle();
        until("the first block", || handle.status().height == 1).await;
        let changing = network.clone();
        let changed = tokio::spawn(async move { changing.take_other_keys().await });
        for _ in 0..2 {
            until("it says what it waits for", || !handle.status().healthy).await;
            let status = handle.status();
            assert_eq!(status.reason.unwrap(), "the keys of validator heir do not open: another passphrase");
            assert_eq!((status.observes, status.era), (false, 0), "it is not in the new era yet");
            tokio::time::sleep(OPEN_RETRY_EVERY / 2).await;
        }
        shut.store(false, Ordering::SeqCst);
        let last = changed.await.unwrap();
        until("it is well", || handle.status().healthy).await;
        assert_eq!((handle.seat(), handle.status().era), (Some(0), 1));
        network.grow(last + 2).await;
        drop(handle);
        Arc::into_inner(network).unwrap().stop().await;

        // A start does not wait: whoever starts it is there to mend it.
        let (node, shut) = start();
        let said = node.err().unwrap().to_string();
        assert!(said.contains("validator heir do not open"), "{said}");
        drop(shut);
    }
}
