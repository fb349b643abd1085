//! How submissions come in: what can be checked before a block is executed is checked, and then they wait for one.

use super::{Frame, Handle, Queue, Refused, Shared, SideShare, Waiter, fate::Fate};
use crate::{
    limits::SIDE_LATE_HEIGHTS_MAX,
    mempool::{Account, Busy},
    sides::SidesError,
    store::Reader,
    submission::Submission,
};
use contracts::{
    execute::{self, Context},
    id::{Height, PartyId, TransactionId},
    quota::{Quota, STRANGER_LIMITS},
    side::SideBody,
    transaction::Checked,
};
use tokio::sync::oneshot;
use tracing::Span;

/// What was taken in, and where its fate will be told: nowhere for what is in the ledger already.
pub type Taken = (TransactionId, Option<oneshot::Receiver<Fate>>);

/// A submission that may be in the next block, as far as can be told before that is executed.
pub struct Entrant {
    checked: Checked,
    account: Account,
    side: Option<SideBody>,
    /// What a trace shows of it.
    span: Span,
}

impl Entrant {
    /// Does taking it in wait for the disk?
    pub fn has_side(&self) -> bool {
        self.side.is_some()
    }
}

/// The place that is held for a transaction while its side body is written. Dropped, it is given up since that could
/// not be kept, and so is told whoever handed in the same bytes meanwhile.
struct Held<'a> {
    shared: &'a Shared,
    id: TransactionId,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut queue = self.shared.queue.lock();
        if queue.mempool.give_up(&self.id) {
            for waiter in queue.waiters.remove(&self.id).into_iter().flatten() {
                // Whoever waited may have gone.
                drop(waiter.told.send(Fate::Unkept));
            }
        }
    }
}

impl Handle {
    /// Checks a submission as far as it can be checked before it is executed, and takes it in.
    ///
    /// Blocks for a signature's verification and, with a side body, for an fsync.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn take(&self, submission: Submission) -> Result<Taken, Refused> {
        match self.check(submission)? {
            (id, None) => Ok((id, None)),
            (_, Some(entrant)) => self.admit(entrant),
        }
    }

    /// The first half of [`Handle::take`], which waits for no disk. Nothing is taken in yet; `None` where it is in the
    /// ledger already.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(&self, submission: Submission) -> Result<(TransactionId, Option<Entrant>), Refused> {
        if let Some(reason) = self.hindrance() {
            return Err(Refused::Stopped(reason));
        }
        submission.check_side()?;
        if self.seat().is_none() {
            return Err(Refused::Observes);
        }
        let Submission { transaction, side } = submission;
        let checked = self.shared.verified.check(transaction, &self.shared.network)?;
        let (id, reader) = (checked.id(), self.shared.store.reader());
        if reader.place(&id)?.is_some() {
            return Ok((id, None));
        }
        let account = self.check_admissible(&reader, &checked)?;
        Ok((id, Some(Entrant { checked, account, side, span: Span::current() })))
    }

    /// The second half of [`Handle::take`]. Blocks for an fsync where there is a side body.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn admit(&self, entrant: Entrant) -> Result<Taken, Refused> {
        let Entrant { checked, account, side, span } = entrant;
        let id = checked.id();
        let held = side.as_ref().map_or(Ok(false), |side| self.hold(&checked, account, side))?;
        let many = self.shared.era().set.validators.len() > 1;
        let forward = many.then(|| Submission { transaction: checked.transaction().clone(), side });
        let (told, receiver) = oneshot::channel();
        let mut queue = self.shared.queue.lock();
        if queue.ended {
            return Err(Refused::Stopped(self.why_stopped()));
        }
        // While it waited for the disk, it may have come into a block from another.
        if forward.as_ref().is_some_and(|submission| submission.side.is_some()) && self.overtaken(&mut queue, &id)? {
            return Ok((id, None));
        }
        let taken =
            if held { Ok(queue.mempool.fill(checked)) } else { queue.mempool.insert(checked, account).map(|()| true) };
        let fresh = match taken {
            Ok(true) => true,
            // It came from another as well, and into a block while its side body was written.
            Ok(false) => return Ok((id, None)),
            // The same bytes again, while the first still wait: both learn the same fate.
            Err(Busy::Waiting) => false,
            Err(busy) => return Err(busy.into()),
        };
        queue.waiters.entry(id).or_default().push(Waiter { told, span });
        drop(queue);
        self.shared.wake.notify_one();
        if let (true, Some(submission)) = (fresh, forward) {
            // Whoever's turn it is puts it into a block.
            self.shared.send_others(&Frame::Submission(Box::new(submission)));
        }
        Ok((id, Some(receiver)))
    }

    /// Takes a frame of validator `from` in. False where it has too much waiting: the frame is dropped.
    /// Blocks for a signature's verification where that spares the node's thread one.
    pub fn deliver(&self, from: u16, frame: Vec<u8>) -> bool {
        let bytes = frame.len();
        if let Some(submission) = Frame::submission(&frame) {
            return self.forwarded(from, submission, bytes);
        }
        let taken = self.shared.queue.lock().inbox.put(from, bytes, frame);
        self.shared.wake.notify_one();
        taken
    }

    /// Takes in what another validator was handed, at once or, where that waits for the disk, a while later. False where
    /// too much of its sender waits for that already.
    pub(super) fn forwarded(&self, from: u16, submission: Submission, bytes: usize) -> bool {
        if submission.side.is_some() {
            let era = self.shared.era().era.number;
            return self.shared.intake.put((era, from), bytes, submission);
        }
        self.take_forwarded(Some(from), submission);
        true
    }

    /// Takes in what another validator was handed, as if it had been handed to us. Nobody is told if it
    /// cannot be taken in: whoever handed it in learns its fate from that validator. `from` is blamed for what it should
    /// not have handed on.
    pub(super) fn take_forwarded(&self, from: Option<u16>, submission: Submission) {
        match self.try_forwarded(submission) {
            Ok(()) => {
                self.shared.wake.notify_one();
            }
            // Whoever forwards it checked that first, and it does not change with the height.
            Err(refused @ (Refused::Transaction(_) | Refused::Side(_))) => {
                from.into_iter().for_each(|from| self.shared.blame(from, &format!("a transaction: {refused}")));
            }
            Err(refused) => tracing::debug!(%refused, "a forwarded transaction was not taken in"),
        }
    }

    fn try_forwarded(&self, submission: Submission) -> Result<(), Refused> {
        submission.check_side()?;
        let Submission { transaction, side } = submission;
        let (id, reader) = (transaction.id(), self.shared.store.reader());
        let sender = transaction.body.sender;
        // It may have come from several, and first from one that has not its side body.
        if self.shared.queue.lock().mempool.holds(&id) {
            return side.map_or(Ok(()), |side| self.keep(sender, &side));
        }
        if let Some(place) = reader.place(&id)? {
            return side.map_or(Ok(()), |side| self.keep_late(sender, &side, place.height));
        }
        let checked = self.shared.verified.check(transaction, &self.shared.network)?;
        let account = self.check_admissible(&reader, &checked)?;
        self.let_in(Entrant { checked, account, side, span: Span::none() })
    }

    /// Takes in what another validator was handed, and was checked.
    pub(super) fn let_in(&self, entrant: Entrant) -> Result<(), Refused> {
        let Entrant { checked, account, side, .. } = entrant;
        let id = checked.id();
        let held = side.map_or(Ok(false), |side| self.hold(&checked, account, &side))?;
        let mut queue = self.shared.queue.lock();
        if self.overtaken(&mut queue, &id)? {
            return Ok(());
        }
        if !held {
            return Ok(queue.mempool.insert(checked, account)?);
        }
        queue.mempool.fill(checked);
        Ok(())
    }

    /// Is it in a block by now, in which it came from another? Taken in all the same, it would have one more made that is
    /// empty. `queue` is locked meanwhile, so that no block takes it out in between. A place that is held for it is given
    /// up; who waits for it is told with its block.
    fn overtaken(&self, queue: &mut Queue, id: &TransactionId) -> Result<bool, Refused> {
        let place = self.shared.store.reader().place(id);
        if !matches!(place, Ok(None)) {
            queue.mempool.give_up(id);
        }
        Ok(place?.is_some())
    }

    /// Has the mempool hold a place for a transaction, and keeps its side body then: never that of one that is turned
    /// away, which nothing would name and nobody could take down. Of one that waits already the body is kept too, and no
    /// place is held: returns false.
    fn hold(&self, checked: &Checked, account: Account, side: &SideBody) -> Result<bool, Refused> {
        let mut queue = self.shared.queue.lock();
        if queue.ended {
            return Err(Refused::Stopped(self.why_stopped()));
        }
        let held = match queue.mempool.hold(checked, account) {
            Ok(()) => true,
            Err(Busy::Waiting) => false,
            Err(busy) => return Err(busy.into()),
        };
        drop(queue);
        let place = held.then(|| Held { shared: &self.shared, id: checked.id() });
        self.keep(checked.body().sender, side)?;
        std::mem::forget(place);
        Ok(held)
    }

    /// Keeps the side body of a transaction whose block was faster. Not of one that is long committed: nobody hands that
    /// on, and the body may have been taken down since.
    fn keep_late(&self, sender: PartyId, side: &SideBody, height: Height) -> Result<(), Refused> {
        let tip = self.shared.tip.borrow().height;
        if tip.saturating_sub(height) > SIDE_LATE_HEIGHTS_MAX {
            return Ok(());
        }
        match self.keep(sender, side) {
            // Its receipt is told all the same.
            Err(Refused::SideShare(SideShare::Gone(_))) => Ok(()),
            kept => kept,
        }
    }

    /// Keeps a side body of `sender` durably, where its share has room for it.
    ///
    /// A side body that finds no room stops the node: it would go on taking in what has none, and
    /// refuse what has one, until the store finds no room either.
    fn keep(&self, sender: PartyId, side: &SideBody) -> Result<(), Refused> {
        let (id, sides) = (side.id(), &self.shared.sides);
        self.check_there(&id)?;
        self.count_side(sender, side)?;
        sides.keep(side).map_err(|error| self.not_kept(error))?;
        // Asked again: a block that took it down may have deleted it just before it was kept.
        self.check_there(&id).inspect_err(|_| {
            if let Err(error) = sides.delete(&id) {
                tracing::error!(%error, "a side body that was taken down is there still");
            }
        })
    }

    fn not_kept(&self, error: SidesError) -> Refused {
        let said = error.to_string();
        if !matches!(&error, SidesError::File(failed) if failed.is_full()) {
            return Refused::Sides(said);
        }
        self.shared.queue.lock().halt.get_or_insert(error);
        self.shared.wake.notify_all();
        Refused::DiskFull(said)
    }

    /// On whose account would it be in the next block?
    fn check_admissible(&self, reader: &Reader, checked: &Checked) -> Result<Account, Refused> {
        let tip = self.shared.tip.borrow().clone();
        let context = Context { network: self.shared.network, height: tip.height + 1, time_ms: tip.time_ms + 1 };
        let (account, used) = execute::admissible(reader, &context, checked)??;
        if account != Quota::key(&PartyId::STRANGERS) {
            return Ok(Account { party: checked.body().sender, most: usize::MAX });
        }
        // What is in blocks so far leaves room for so many of them; this one is counted as used.
        let left = (STRANGER_LIMITS.count_max + 1).saturating_sub(used.count);
        Ok(Account { party: PartyId::STRANGERS, most: usize::try_from(left).unwrap_or(usize::MAX) })
    }
}
