//! The mempool: checked transactions that wait for a block. Bounded, and fair between parties.
//!
//! Holds at most [`MEMPOOL_TRANSACTIONS_MAX`], an eighth of it for one party, and is drained
//! round-robin by party, so a party that sends much waits behind itself.

use crate::limits::{MEMPOOL_BYTES_MAX, MEMPOOL_SHARE_PER_PARTY, MEMPOOL_TRANSACTIONS_MAX};
use contracts::{
    id::{PartyId, TransactionId},
    transaction::Checked,
};
use std::collections::{HashMap, HashSet, VecDeque};

/// Transactions that wait.
#[derive(Default)]
pub struct Mempool {
    queues: HashMap<PartyId, Queue>,
    /// Parties with something waiting, next first.
    turn: VecDeque<PartyId>,
    ids: HashSet<TransactionId>,
    bytes: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Checked>,
    bytes: usize,
}

/// The mempool cannot take it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// It is full.
    #[error("the node is busy: its queue is full; try again in a second")]
    Full,
    /// The party has its share of it.
    #[error("this party has as many transactions waiting as one may have; try again in a second")]
    Share,
    /// It waits there already.
    #[error("the transaction is waiting already")]
    Waiting,
}

impl Mempool {
    /// Takes a transaction in.
    ///
    /// # Errors
    /// [`Busy`]; nothing is kept then.
    pub fn insert(&mut self, transaction: Checked) -> Result<(), Busy> {
        if self.ids.contains(&transaction.id()) {
            return Err(Busy::Waiting);
        }
        let size = transaction.bytes().len();
        if self.ids.len() >= MEMPOOL_TRANSACTIONS_MAX || self.bytes + size > MEMPOOL_BYTES_MAX {
            return Err(Busy::Full);
        }
        let party = transaction.body().sender;
        let queue = self.queues.entry(party).or_default();
        let share_full = queue.waiting.len() >= MEMPOOL_TRANSACTIONS_MAX / MEMPOOL_SHARE_PER_PARTY
            || queue.bytes + size > MEMPOOL_BYTES_MAX / MEMPOOL_SHARE_PER_PARTY;
        if share_full {
            return Err(Busy::Share);
        }
        if queue.waiting.is_empty() {
            self.turn.push_back(party);
        }
        self.ids.insert(transaction.id());
        self.bytes += size;
        queue.bytes += size;
        queue.waiting.push_back(transaction);
        Ok(())
    }

    /// Takes out what the next block may hold: one of each party in turn.
    pub fn drain(&mut self, transactions_max: usize, bytes_max: usize) -> Vec<Checked> {
        let (mut out, mut bytes) = (Vec::new(), 0);
        while out.len() < transactions_max {
            let Some(party) = self.turn.pop_front() else { break };
            let queue = self.queues.get_mut(&party).expect("whoever has a turn has a queue");
            let size = queue.waiting.front().expect("whoever has a turn has something waiting").bytes().len();
            if bytes + size > bytes_max {
                self.turn.push_front(party);
                break;
            }
            let transaction = queue.waiting.pop_front().expect("the front was just seen");
            queue.bytes -= size;
            if queue.waiting.is_empty() {
                self.queues.remove(&party);
            } else {
                self.turn.push_back(party);
            }
            bytes += size;
            self.bytes -= size;
            self.ids.remove(&transaction.id());
            out.push(transaction);
        }
        out
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Does none wait?
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::{
        action::Action,
        id::NetworkId,
        key::{Signer, TestSigner},
        offer::WithdrawOffer,
        transaction::Body,
    };

    fn transaction(party: u16, number: u8) -> Checked {
        let signer = TestSigner::of(party);
        let body = Body {
            network: NetworkId([1; 32]),
            sender: PartyId::of_first_key(&signer.public()),
            key: signer.public(),
            nonce: [number; 16],
            last_valid: 9,
            action: Action::WithdrawOffer(WithdrawOffer { offer: contracts::id::OfferId([number; 32]) }),
        };
        body.sign(&signer).unwrap().check(&NetworkId([1; 32])).unwrap()
    }

    #[test]
    fn parties_take_turns_and_their_own_order_stays() {
        let mut pool = Mempool::default();
        for (party, number) in [(1, 0), (1, 1), (1, 2), (2, 0), (3, 0), (3, 1)] {
            pool.insert(transaction(party, number)).unwrap();
        }
        assert_eq!(pool.insert(transaction(1, 0)), Err(Busy::Waiting));
        let of = |number: u16| PartyId::of_first_key(&TestSigner::of(number).public());
        let drained: Vec<_> =
            pool.drain(5, usize::MAX).iter().map(|one| (one.body().sender, one.body().nonce[0])).collect();
        assert_eq!(drained, [(of(1), 0), (of(2), 0), (of(3), 0), (of(1), 1), (of(3), 1)]);
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.drain(5, 10).len(), 0, "what does not fit waits");
        assert_eq!(pool.drain(5, usize::MAX).len(), 1);
        assert!(pool.is_empty() && pool.bytes == 0 && pool.queues.is_empty());
    }
}
