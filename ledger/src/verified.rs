//! Which signatures were verified a short while ago, so that a block of transactions that were handed in
//! here is not verified a second time.
//!
//! What is remembered is the digest over the signed bytes, signature included: only the very same bytes
//! are known, and those were verified. Who starts anew, or audits, knows none and verifies all.

use crate::limits::VERIFIED_MAX;
use contracts::{
    id::{Digest, NetworkId},
    transaction::{Checked, Transaction, TransactionError},
};
use parking_lot::Mutex;
use std::collections::HashSet;

/// Digests of transactions whose signature holds: at least the last [`VERIFIED_MAX`], at most twice as many.
#[derive(Default)]
pub struct Verified {
    generations: Mutex<[HashSet<Digest>; 2]>,
}

impl Verified {
    /// Checks a transaction; its signature, if that is not known to hold.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn check(&self, transaction: Transaction, network: &NetworkId) -> Result<Checked, TransactionError> {
        let checked = transaction.check_unsigned(network)?;
        if !self.knows(&checked.digest()) {
            let transaction = checked.transaction();
            transaction.body.key.verify_raw(&checked.message(), &transaction.signature)?;
            self.remember(checked.digest());
        }
        Ok(checked)
    }

    fn knows(&self, digest: &Digest) -> bool {
        self.generations.lock().iter().any(|known| known.contains(digest))
    }

    fn remember(&self, digest: Digest) {
        let [new, old] = &mut *self.generations.lock();
        if new.len() >= VERIFIED_MAX {
            *old = std::mem::take(new);
        }
        new.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use contracts::{
        action::Action,
        key::{Signature, Signer as _, TestSigner},
        party::{Apply, Country, PartyKind},
        transaction::Body,
    };

    fn transaction(number: u64) -> Transaction {
        let signer = TestSigner::of(77);
        let apply = Apply { name: "A".into(), kind: PartyKind::City, jurisdiction: Country(*b"ES"), side: None };
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&number.to_be_bytes());
        let body = Body {
            network: testing::document().network,
            sender: contracts::id::PartyId::of_first_key(&signer.public()),
            key: signer.public(),
            nonce,
            last_valid: 9,
            action: Action::Apply(apply),
        };
        body.sign(&signer).unwrap()
    }

    #[test]
    fn only_the_very_bytes_that_were_verified_are_known() {
        let (verified, network) = (Verified::default(), testing::document().network);
        let good = transaction(1);
        let checked = verified.check(good.clone(), &network).unwrap();
        assert!(verified.knows(&checked.digest()));
        assert_eq!(verified.check(good.clone(), &network).unwrap(), checked);
        // The same transaction with another signature has the same id, and is not the same bytes.
        for at in 0..64 {
            let mut forged = good.clone();
            forged.signature.0[at] ^= 1;
            assert_eq!(forged.id(), good.id());
            assert!(verified.check(forged, &network).is_err(), "byte {at}");
        }
        let mut changed = good.clone();
        changed.body.last_valid += 1;
        assert!(verified.check(changed, &network).is_err());
        let empty = Transaction { signature: Signature([0; 64]), ..good };
        assert!(verified.check(empty.clone(), &network).is_err() && verified.check(empty, &network).is_err());
        assert_eq!(verified.generations.lock().iter().map(HashSet::len).sum::<usize>(), 1, "nothing else is kept");
    }

    #[test]
    fn as_many_are_known_as_are_allowed() {
        let verified = Verified::default();
        let digest = |number: usize| Digest::of(&[&number.to_be_bytes()]);
        let count = 3 * VERIFIED_MAX;
        for number in 0..count {
            verified.remember(digest(number));
            assert!(verified.generations.lock().iter().all(|known| known.len() <= VERIFIED_MAX));
        }
        assert!((count - VERIFIED_MAX..count).all(|number| verified.knows(&digest(number))));
        assert!(!verified.knows(&digest(0)));
    }
}
