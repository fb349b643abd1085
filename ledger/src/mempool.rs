//! The mempool: checked transactions that wait for a block. Bounded, and fair between parties.
//!
//! Holds at most [`MEMPOOL_TRANSACTIONS_MAX`], an eighth of it for one party, and is drained
//! round-robin by party, so a party that sends much waits behind itself. Strangers are one party, whatever keys
//! they make up.

use crate::limits::{MEMPOOL_BYTES_MAX, MEMPOOL_SHARE_PER_PARTY, MEMPOOL_TRANSACTIONS_MAX};
use contracts::{
    execute::Inadmissible,
    id::{Height, PartyId, TransactionId},
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
    /// Places for what is not here yet, with party and bytes of each: few, since each belongs to a thread that waits for
    /// the disk.
    held: HashMap<TransactionId, (PartyId, usize)>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Checked>,
    bytes: usize,
}

/// On whose account a transaction waits, which is whose quota it draws on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// The sender, or [`PartyId::STRANGERS`].
    pub party: PartyId,
    /// How many may wait, those that do included: more than that would be in no block.
    pub most: usize,
}

/// The mempool cannot take it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// It is full.
    #[error("the node is busy: its queue is full; try again in a second")]
    Full,
    /// The party has its share of it.
    #[error(
        "this party has as many transactions waiting as one may have, or those who are no members yet have so together; \
         try again in a second"
    )]
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
    pub fn insert(&mut self, transaction: Checked, account: Account) -> Result<(), Busy> {
        self.room(&transaction, account)?;
        self.push(transaction, account.party);
        Ok(())
    }

    /// Holds a place for a transaction, until it is filled or given up. It is in no block before.
    ///
    /// # Errors
    /// [`Busy`], as [`Mempool::insert`]; once there is a place, it is not taken back.
    pub fn hold(&mut self, transaction: &Checked, account: Account) -> Result<(), Busy> {
        self.room(transaction, account)?;
        self.held.insert(transaction.id(), (account.party, transaction.bytes().len()));
        Ok(())
    }

    /// Takes a transaction into the place that is held for it. False where that is gone: it came into a block, which
    /// another made.
    pub fn fill(&mut self, transaction: Checked) -> bool {
        let place = self.held.remove(&transaction.id());
        place.map(|(party, _)| self.push(transaction, party)).is_some()
    }

    /// Gives up the place that is held for a transaction. False where there is none.
    pub fn give_up(&mut self, id: &TransactionId) -> bool {
        self.held.remove(id).is_some()
    }

    fn room(&self, transaction: &Checked, account: Account) -> Result<(), Busy> {
        if self.holds(&transaction.id()) {
            return Err(Busy::Waiting);
        }
        let (Account { party, most }, size) = (account, transaction.bytes().len());
        let sum = |(count, bytes): (usize, usize), (_, more): &(PartyId, usize)| (count + 1, bytes + more);
        let (count, bytes) = self.held.values().fold((self.ids.len(), self.bytes), sum);
        if count >= MEMPOOL_TRANSACTIONS_MAX || bytes + size > MEMPOOL_BYTES_MAX {
            return Err(Busy::Full);
        }
        let waiting = self.queues.get(&party).map_or((0, 0), |queue| (queue.waiting.len(), queue.bytes));
        let (count, bytes) = self.held.values().filter(|(one, _)| *one == party).fold(waiting, sum);
        let share_full = count >= most.min(MEMPOOL_TRANSACTIONS_MAX / MEMPOOL_SHARE_PER_PARTY)
            || bytes + size > MEMPOOL_BYTES_MAX / MEMPOOL_SHARE_PER_PARTY;
        if share_full { Err(Busy::Share) } else { Ok(()) }
    }

    fn push(&mut self, transaction: Checked, party: PartyId) {
        let size = transaction.bytes().len();
        let queue = self.queues.entry(party).or_default();
        if queue.waiting.is_empty() {
            self.turn.push_back(party);
        }
        self.ids.insert(transaction.id());
        self.bytes += size;
        queue.bytes += size;
        queue.waiting.push_back(transaction);
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

    /// What [`Mempool::drain`] would take out, left in: where others order blocks too, a transaction waits
    /// until it is in one that was decided.
    pub fn peek(&self, transactions_max: usize, bytes_max: usize) -> Vec<Checked> {
        let (mut out, mut bytes) = (Vec::new(), 0);
        let queue = |party: &PartyId| self.queues.get(party).expect("whoever has a turn has a queue").waiting.iter();
        let mut turns: VecDeque<_> = self.turn.iter().map(queue).collect();
        while let Some(mut waiting) = turns.pop_front() {
            let Some(next) = waiting.next() else { continue };
            if out.len() >= transactions_max || bytes + next.bytes().len() > bytes_max {
                break;
            }
            bytes += next.bytes().len();
            out.push(next.clone());
            turns.push_back(waiting);
        }
        out
    }

    /// Takes out those of `ids` that wait, or have a place.
    pub fn remove(&mut self, ids: &HashSet<TransactionId>) {
        self.held.retain(|id, _| !ids.contains(id));
        if ids.iter().all(|id| !self.ids.contains(id)) {
            return;
        }
        self.ids.retain(|id| !ids.contains(id));
        for queue in self.queues.values_mut() {
            queue.waiting.retain(|one| {
                let stays = !ids.contains(&one.id());
                if !stays {
                    queue.bytes -= one.bytes().len();
                    self.bytes -= one.bytes().len();
                }
                stays
            });
        }
        self.queues.retain(|_, queue| !queue.waiting.is_empty());
        self.turn.retain(|party| self.queues.contains_key(party));
    }

    /// Takes out what may be in no block at `next` or above, and says why.
    pub fn expire(&mut self, next: Height) -> Vec<(TransactionId, Inadmissible)> {
        let waiting = self.queues.values().flat_map(|queue| &queue.waiting);
        let expired = waiting.filter(|one| one.body().last_valid < next);
        let out: Vec<_> = expired
            .map(|one| (one.id(), Inadmissible::Expired { last_valid: one.body().last_valid, height: next }))
            .collect();
        self.remove(&out.iter().map(|(id, _)| *id).collect());
        out
    }

    /// Does it wait here, or will it in a moment?
    pub fn holds(&self, id: &TransactionId) -> bool {
        self.ids.contains(id) || self.held.contains_key(id)
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

    fn own(transaction: &Checked) -> Account {
        Account { party: transaction.body().sender, most: usize::MAX }
    }

    fn insert(pool: &mut Mempool, transaction: Checked) -> Result<(), Busy> {
        let account = own(&transaction);
        pool.insert(transaction, account)
    }

    #[test]
    fn strangers_have_one_share_and_one_turn_whatever_their_keys() {
        let mut pool = Mempool::default();
        let strangers = Account { party: PartyId::STRANGERS, most: 5 };
        let taken = (20..40).filter(|key| pool.insert(transaction(*key, 0), strangers).is_ok()).count();
        assert_eq!(taken, 5);
        assert_eq!(pool.hold(&transaction(40, 0), strangers), Err(Busy::Share));
        let member = transaction(1, 0);
        insert(&mut pool, member.clone()).unwrap();
        assert_eq!(pool.peek(2, usize::MAX)[1], member);
        assert_eq!(pool.drain(2, usize::MAX)[1], member);
        assert_eq!(pool.drain(9, usize::MAX).len(), 4);
        assert!(pool.is_empty() && pool.queues.is_empty() && pool.turn.is_empty());
    }

    #[test]
    fn parties_take_turns_and_their_own_order_stays() {
        let mut pool = Mempool::default();
        for (party, number) in [(1, 0), (1, 1), (1, 2), (2, 0), (3, 0), (3, 1)] {
            insert(&mut pool, transaction(party, number)).unwrap();
        }
        assert_eq!(insert(&mut pool, transaction(1, 0)), Err(Busy::Waiting));
        let of = |number: u16| PartyId::of_first_key(&TestSigner::of(number).public());
        let drained: Vec<_> =
            pool.drain(5, usize::MAX).iter().map(|one| (one.body().sender, one.body().nonce[0])).collect();
        assert_eq!(drained, [(of(1), 0), (of(2), 0), (of(3), 0), (of(1), 1), (of(3), 1)]);
        assert_eq!(pool.len(), 1);
        assert_eq!(pool.drain(5, 10).len(), 0, "what does not fit waits");
        assert_eq!(pool.drain(5, usize::MAX).len(), 1);
        assert!(pool.is_empty() && pool.bytes == 0 && pool.queues.is_empty());
    }

    #[test]
    fn a_place_that_is_held_is_taken_and_nobody_sees_it() {
        let mut pool = Mempool::default();
        let one = transaction(1, 0);
        pool.hold(&one, own(&one)).unwrap();
        assert_eq!(
            (pool.hold(&one, own(&one)), pool.insert(one.clone(), own(&one))),
            (Err(Busy::Waiting), Err(Busy::Waiting))
        );
        assert!(pool.holds(&one.id()) && pool.is_empty() && pool.peek(9, usize::MAX).is_empty());
        assert!(pool.fill(one.clone()) && !pool.fill(one.clone()));
        assert_eq!(pool.drain(9, usize::MAX), std::slice::from_ref(&one));
        // It counts for all and for its party, and is free again when it is given up.
        pool.hold(&one, own(&one)).unwrap();
        let share = MEMPOOL_TRANSACTIONS_MAX / MEMPOOL_SHARE_PER_PARTY;
        let party = one.body().sender;
        let fake = |number: usize| TransactionId([number.to_be_bytes(); 4].concat().try_into().unwrap());
        pool.held.extend((1..share).map(|number| (fake(number), (party, 1))));
        assert_eq!(insert(&mut pool, transaction(1, 1)), Err(Busy::Share));
        pool.held.extend((share..MEMPOOL_TRANSACTIONS_MAX).map(|number| (fake(number), (PartyId([9; 32]), 1))));
        assert_eq!(insert(&mut pool, transaction(2, 0)), Err(Busy::Full));
        assert!(pool.give_up(&one.id()) && !pool.give_up(&one.id()));
        insert(&mut pool, transaction(1, 1)).unwrap();
        // What is in a block by now needs none.
        pool.remove(&[fake(1)].into());
        pool.hold(&one, own(&one)).unwrap();
        pool.remove(&[one.id()].into());
        assert!(!pool.fill(one));
    }

    #[test]
    fn what_is_seen_is_what_would_be_drained_and_stays_until_it_is_removed() {
        let mut pool = Mempool::default();
        let all = [(1, 0), (1, 1), (1, 2), (2, 0), (3, 0), (3, 1)].map(|(party, number)| transaction(party, number));
        all.iter().for_each(|one| pool.insert(one.clone(), own(one)).unwrap());
        let ids = |some: &[Checked]| some.iter().map(Checked::id).collect::<Vec<_>>();
        let size = all[0].bytes().len();
        for (most, bytes) in [(5, usize::MAX), (9, 3 * size), (0, usize::MAX), (9, size - 1)] {
            let seen = ids(&pool.peek(most, bytes));
            let mut twin = Mempool::default();
            all.iter().for_each(|one| twin.insert(one.clone(), own(one)).unwrap());
            assert_eq!(seen, ids(&twin.drain(most, bytes)), "{most} of {bytes} bytes");
        }
        assert_eq!(pool.len(), 6);
        let gone: HashSet<_> = [all[0].id(), all[3].id(), transaction(9, 9).id()].into();
        pool.remove(&gone);
        let rest: HashSet<_> = ids(&pool.peek(9, usize::MAX)).into_iter().collect();
        assert_eq!(rest, [1, 2, 4, 5].map(|place| all[place].id()).into());
        assert_eq!(pool.bytes, 4 * size);
        assert_eq!(pool.expire(9), [], "they are valid up to height 9");
        assert_eq!(pool.expire(10).len(), 4);
        assert!(pool.is_empty());
        insert(&mut pool, all[0].clone()).unwrap();
        pool.remove(&all.iter().map(Checked::id).collect());
        assert!(pool.is_empty() && pool.bytes == 0 && pool.queues.is_empty() && pool.turn.is_empty());
    }
}
