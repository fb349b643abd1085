//! Keys that may be away for a while: a token that was pulled out, a service out of reach.
//!
//! Whoever orders and signs cannot go on without its keys, and need not stop for them either: nothing is lost while
//! it waits, and a validator that signs late is to the others what one is that was paused. So the node's thread
//! waits in the middle of its work, which goes on where it was when the key is back. Meanwhile the node says why it
//! makes no blocks, and answers whoever reads.

use super::{Shared, ValidatorKeys};
use crate::limits::{SIGNER_RETRY_EVERY, SIGNER_WARN_EVERY};
use contracts::key::{PublicKey, SignError, Signature, Signer};
use std::{
    sync::{Arc, Weak},
    time::Instant,
};

/// A signer of the node's thread that waits until it can sign, or until somebody asks the node to stop.
struct Waiting {
    signer: Arc<dyn Signer>,
    /// Which holds the keys itself.
    shared: Weak<Shared>,
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
        match (self.signer.sign(message), self.shared.upgrade()) {
            (Err(error), Some(shared)) => self.wait(&shared, message, error),
            (signed, _) => signed,
        }
    }
}

impl Waiting {
    /// Tries again and again. An error only where the node stops.
    fn wait(&self, shared: &Shared, message: &[u8], first: SignError) -> Result<Signature, SignError> {
        let before = shared.stopped.lock().replace(first.to_string());
        tracing::error!(error = %first, "the node waits for its key");
        let (mut failed, mut warned) = (first, Instant::now());
        loop {
            if stops_within(shared, Instant::now() + SIGNER_RETRY_EVERY) {
                return Err(failed);
            }
            match self.signer.sign(message) {
                Ok(signature) => {
                    tracing::info!(key = %self.public(), "the key signs again");
                    *shared.stopped.lock() = before;
                    return Ok(signature);
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
    use crate::node::{
        Fate, Node, Refused,
        tests::{config, minted, soon},
    };
    use std::{
        sync::atomic::{AtomicBool, Ordering},
        time::Duration,
    };

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
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
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
        assert!(begun.elapsed() < SIGNER_RETRY_EVERY + Duration::from_secs(2), "{:?}", begun.elapsed());
        let (node, _) = start();
        let (again, receiver) = node.handle().take(minted(node.handle().network(), 3)).unwrap();
        assert_eq!(again, id);
        assert!(matches!(node.handle().fate(id, receiver.unwrap(), soon()).await, Ok(Fate::Committed(..))));
    }
}
