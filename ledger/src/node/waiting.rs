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
