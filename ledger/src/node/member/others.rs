//! What the other validators say, what they are answered, and what they are told from time to time.

use super::{
    Frame, Member,
    gate::{self, Signed},
    seals,
};
use crate::{
    api::BlockPage,
    block::Block,
    highwater::Mark,
    limits::{
        HANDED_ON_BYTES_MAX, HANDED_ON_TRANSACTIONS_MAX, STALLED_AFTER, STATUS_EVERY, VOTING_BLOCKS_BYTES,
        WANTED_SEALS_MAX,
    },
    log::proof::TreeHead,
    node::{Handle, NodeError},
    ordering::{OrderingError, bft},
    receipt::Cosignature,
    replica::{Ledger, Packet, Replica, ReplicaError},
    submission::Submission,
};
use contracts::id::Height;
use std::time::Instant;

impl Member {
    pub(super) fn take(&mut self, from: u16, bytes: &[u8]) -> Result<(), NodeError> {
        if self.heard.of(from, Instant::now()) {
            self.hand_on(from);
        }
        let packet = match Frame::decode(bytes) {
            Err(reason) => {
                self.shared.blame(from, &format!("a frame that cannot be read: {reason}"));
                return Ok(());
            }
            Ok(Frame::Message(height, bytes)) => match self.forgotten(&bytes) {
                None => Packet::Message(height, bytes),
                Some(height) => return self.observe_what_is_forgotten(from, height),
            },
            Ok(Frame::Proposed { round, block }) => Packet::Proposed { round, block },
            Ok(Frame::Status(height)) => {
                self.lacking.is_at(from, height);
                // It is there, so it can answer.
                if self.gate.asks(from) {
                    self.send(from, &Frame::AskSigned);
                }
                let upto = self.replica.helps_to(height);
                if height < upto && !self.served.blocks(from, height, upto, Instant::now()) {
                    return Ok(());
                }
                if height < upto && self.tell_lacking(from, height) {
                    return Ok(());
                }
                Packet::Status(height)
            }
            Ok(Frame::Lacks(upto)) => {
                self.lacking.lacks(from, upto, Instant::now());
                return Ok(());
            }
            Ok(Frame::AskSigned) => {
                if !self.served.shows(from, Instant::now()) {
                    return Ok(());
                }
                // First, so that it knows of them when it takes part.
                self.show_votes(from);
                let after = self.shared.era().after;
                let signed = self.remembered.newest(from as u8, after, &self.shared.store.reader())?;
                self.send(from, &Frame::Signed(signed));
                return Ok(());
            }
            Ok(Frame::Signed(signed)) => return self.told(from, signed),
            // It is sent again once we take part, or know of what we have.
            Ok(Frame::Decided(..)) if !self.gate.is_open() || self.crowded => return Ok(()),
            Ok(Frame::Decided(block, certificate)) => Packet::Decided(block, certificate),
            Ok(Frame::Want(height)) => return self.answer_want(from, height),
            // Who finishes the last era has the number of then.
            Ok(Frame::Vote(height, _)) if height <= self.shared.era().after => return Ok(()),
            Ok(Frame::Vote(height, vote)) if u16::from(vote.validator) != from => {
                // Above, there may be another era already, in which its number is another.
                if height <= self.replica.ledger().height() {
                    self.shared.blame(from, &format!("signatures of a height as validator {}", vote.validator));
                }
                return Ok(());
            }
            Ok(Frame::Vote(height, vote)) => {
                let tip = self.replica.ledger().height();
                self.remembered.note(height, vote.cosigned());
                let seal = self.seals.voted(&self.shared.network, tip, height, vote)?;
                return self.sealed(height, seal);
            }
            Ok(Frame::Sealed(height, seal)) => {
                let seal = self.seals.sealed(&self.shared.network, height, seal);
                return self.sealed(height, seal);
            }
            Ok(Frame::SetSigned(number, signed)) => return self.set_signed(from, number, signed),
            Ok(Frame::SetChanged(change)) => return self.set_changed(from, *change),
            Ok(Frame::WantSet(number)) => return self.answer_want_set(from, number),
            Ok(Frame::Submission(submission)) => {
                // One that can be read was taken in where it arrived.
                Handle::new(self.shared.clone()).forwarded(from, *submission, bytes.len());
                return Ok(());
            }
        };
        let shared = self.shared.clone();
        self.turn_of(|replica, acts| match replica.receive(from, packet, acts) {
            Err(ReplicaError::Ordering(OrderingError::Message(fault))) => {
                shared.blame(from, &fault);
                Ok(())
            }
            received => received,
        })
    }

    /// Validator `to` is back, or we are: what is waiting here may never have come to it. Whoever was away is not
    /// let propose for as long as that and longer, so what only it has would wait.
    fn hand_on(&self, to: u16) {
        let queue = self.shared.queue.lock();
        let waiting = queue.mempool.peek(HANDED_ON_TRANSACTIONS_MAX, HANDED_ON_BYTES_MAX);
        drop(queue);
        for checked in waiting {
            let transaction = checked.transaction().clone();
            self.send(to, &Frame::Submission(Box::new(Submission { transaction, side: None })));
        }
    }

    /// A block that was fetched where blocks are served, since the other validators did not bring us on: they may
    /// be those of a later era, who do not know us any more. While the gate is closed it is committed and not signed,
    /// so it hides nothing of what we may have lost, and needs nobody to hold back for it.
    pub(super) fn take_page(&mut self, page: BlockPage) -> Result<(), NodeError> {
        let (network, height, ours) = (self.shared.network, page.block.header.entry.height, self.number());
        self.turn_of(|replica, acts| {
            match replica.receive(ours, Packet::Decided(page.block, page.certificate), acts) {
                Err(ReplicaError::Ordering(OrderingError::Message(fault))) => {
                    tracing::error!(height, fault, "a block that was fetched does not hold");
                    Ok(())
                }
                received => received,
            }
        })?;
        let seal = self.seals.sealed(&network, height, page.seal);
        self.sealed(height, seal)?;
        page.change.map_or(Ok(()), |change| self.set_changed(ours, change))
    }

    /// Validator `from` shows what we signed last, as far as it knows.
    fn told(&mut self, from: u16, signed: Option<Signed>) -> Result<(), NodeError> {
        let (network, era, mark) = (&self.shared.network, self.shared.era(), self.highwater.mark());
        // By our key: it may be shown by one of a later era, in which our number is another.
        let number = self.number() as u8;
        let ours = |signed: &Signed| {
            let signature = Cosignature { validator: number, ..signed.cosignature.clone() };
            signature.verify(network, &era.set, &signed.head).is_ok()
        };
        let mut held = false;
        if let Some(Signed { head, .. }) = signed.filter(ours).filter(|signed| signed.head.size > mark.size) {
            tracing::error!(
                size = head.size,
                mark = mark.size,
                from,
                "our signature of a log beyond our mark is shown"
            );
            self.lost = self.lost.max(head.size);
            self.replica.hold();
            self.find_lost()?;
            held = true;
        }
        let was_open = self.gate.is_open();
        self.gate.answered(from);
        let opens = !was_open && self.gate.is_open();
        if opens {
            self.sign_what_came()?;
            self.status();
        }
        // What was held for this is let go also where it turned out to be there already.
        if opens || held { self.pass() } else { Ok(()) }
    }

    /// Sends validator `to` its own votes at the height at work.
    fn show_votes(&self, to: u16) {
        let (era, memory) = (self.shared.era(), self.replica.memory());
        let Some(validator) = era.set.validators.get(usize::from(to)) else { return };
        for message in bft::said_by(memory.records(), &validator.consensus) {
            self.send(to, &Frame::Message(memory.height(), message));
        }
    }

    /// The height at which we voted as `bytes` say, if we do not remember it and may vote there.
    fn forgotten(&self, bytes: &[u8]) -> Option<Height> {
        let (ours, memory) = (self.shared.era().keys().consensus.public(), self.replica.memory());
        let height = bft::forgotten(bytes, &self.shared.network, &ours, memory.height(), memory.records())?;
        let above = self.replica.observes_to().unwrap_or(self.replica.ledger().height());
        (height > above).then_some(height)
    }

    /// Validator `from` shows a vote of ours at `height` that we do not remember: as after an image of the disk was
    /// restored that was made before it. That height is left to the others.
    fn observe_what_is_forgotten(&mut self, from: u16, height: Height) -> Result<(), NodeError> {
        tracing::error!(height, from, "a vote of ours is shown that we do not remember");
        self.replica.hold();
        self.replica.observe_for_good(height)?;
        self.pass()
    }

    /// The gate opens and nothing was lost: what was committed while it was closed is ours to sign like the rest. Who
    /// misses our signatures asks for them.
    fn sign_what_came(&mut self) -> Result<(), NodeError> {
        let tip = self.replica.ledger().chain().tip();
        let is_behind = self.lost > 0 || self.replica.observes_to().is_some();
        if !is_behind && tip.height > self.highwater.mark().height {
            let mark = Mark { height: tip.height, size: tip.log.count(), root: tip.log.root() };
            self.highwater.raise(mark)?;
        }
        Ok(())
    }

    /// Takes part once enough have answered, nothing is known to be lost, and what is committed is known.
    pub(super) fn pass(&mut self) -> Result<(), NodeError> {
        let may = self.gate.is_open() && self.lost == 0 && !self.crowded;
        if may { self.turn_of(Replica::release) } else { Ok(()) }
    }

    /// Is all there again that is known to be signed by us? How high that was, only the log itself can say:
    /// what another validator says of it is not signed.
    pub(super) fn find_lost(&mut self) -> Result<(), NodeError> {
        let tip = self.replica.ledger().chain().tip();
        if self.lost > 0 && tip.log.count() >= self.lost {
            self.replica.observe_for_good(gate::observes_to(tip.height))?;
            self.lost = 0;
        }
        Ok(())
    }

    /// Height of our newest block.
    pub(super) fn ours(&self) -> Height {
        self.replica.ledger().height()
    }

    /// Why we do not get on, if we miss what nobody gives us, or take no part since we are behind what we signed.
    pub(super) fn behind(&self) -> Option<String> {
        self.unhelped().or_else(|| self.observing())
    }

    fn observing(&self) -> Option<String> {
        let height = self.ours();
        let until = match (self.lost, self.replica.observes_to()) {
            (0, None) => return None,
            (0, Some(to)) => format!("height {to}"),
            (size, _) => format!("a log of {size} entries"),
        };
        let set = &self.shared.era().set;
        let (quorum, count) = (set.quorum(), set.validators.len());
        Some(format!(
            "it observes: its store ends at height {height}, as after a backup was restored, and it may have signed \
             up to {until}; it takes part when the others have given it the blocks up to there. {quorum} of them must \
             decide those: where more than {} of {count} validators observe or are away, no block comes",
            count - quorum
        ))
    }

    /// Sends validator `to` something; a decided block with its seal, if that is there.
    pub(super) fn answer(&self, to: u16, packet: Packet<Block>) -> Result<(), NodeError> {
        let height = match &packet {
            Packet::Decided(_, certificate) => Some(certificate.height),
            _ => None,
        };
        self.send(to, &packet.into());
        let Some(height) = height else { return Ok(()) };
        self.send_seal(to, height)
    }

    /// Sends validator `to` the seal of a height, and where that ended an era the record of it, if they are
    /// there.
    fn send_seal(&self, to: u16, height: Height) -> Result<(), NodeError> {
        let reader = self.shared.store.reader();
        if let Some(seal) = seals::kept(&reader, height)? {
            self.send(to, &Frame::Sealed(height, seal));
        }
        let header = reader.header(height)?;
        if header.is_some_and(|header| header.ends_era())
            && let Some(change) = crate::era::change_after(&reader, height)?
        {
            self.send(to, &Frame::SetChanged(Box::new(change)));
        }
        Ok(())
    }

    /// Somebody misses our signatures of a height: it gets the seal, or we sign again what we signed.
    fn answer_want(&mut self, from: u16, height: Height) -> Result<(), NodeError> {
        if height <= self.shared.era().after {
            return self.send_seal(from, height);
        }
        if !self.served.signature(from, Instant::now()) {
            return Ok(());
        }
        // Others whose signatures are in it may give them no more.
        if let Some(seal) = seals::kept(&self.shared.store.reader(), height)? {
            self.send(from, &Frame::Sealed(height, seal));
            return Ok(());
        }
        let mark = self.highwater.mark().height;
        if height > mark || self.replica.ledger().height() < mark {
            return Ok(());
        }
        let Some(header) = self.shared.store.reader().header(height)? else { return Ok(()) };
        let head = TreeHead { size: header.log_size, root: header.log_root };
        self.send(from, &Frame::Vote(height, self.sign(&head, header.entry.time_ms)?));
        Ok(())
    }

    /// Says how far we are, and asks for the signatures that are missing.
    pub(super) fn status(&mut self) {
        self.status_at = Instant::now() + STATUS_EVERY;
        self.notice_standstill();
        self.broadcast(&Frame::Status(self.replica.ledger().height()));
        let wanted: Vec<Height> = self.seals.waiting().take(WANTED_SEALS_MAX).collect();
        wanted.into_iter().for_each(|height| self.broadcast(&Frame::Want(height)));
        self.want_set();
    }

    /// Says that we make no blocks where too few validators take part, also where there is nothing to put into
    /// one: whoever asks whether something may be delivered must not be told what held when we last heard of the
    /// others.
    fn notice_standstill(&mut self) {
        let (now, era) = (Instant::now(), self.shared.era());
        let (quorum, count) = (era.set.quorum(), era.set.validators.len());
        let rests = self.gate.is_open() && self.replica.is_resting() && self.unknown.is_empty();
        if let Some(reason) = self.unhelped() {
            let height = self.ours();
            // Once; how far it is, the health says.
            if self.shared.stopped.lock().replace(reason.clone()).is_none() {
                tracing::error!(height, "{reason}");
            }
        } else if let Some(reason) = self.observing() {
            *self.shared.stopped.lock() = Some(reason);
        } else if rests && self.heard.near(now) + 1 >= quorum {
            self.idle_at = now;
            *self.shared.stopped.lock() = None;
        } else if now.duration_since(self.idle_at) > STALLED_AFTER {
            let (seconds, missing) = (self.idle_at.elapsed().as_secs(), if rests { "no word" } else { "no block" });
            let height = self.replica.ledger().height() + 1;
            let reason = if self.replica.is_full() {
                format!(
                    "no block for {seconds} s: {VOTING_BLOCKS_BYTES} bytes of blocks were proposed for height {height} \
                     and none found a quorum, so there is no room for another; see what the other validators say"
                )
            } else {
                format!(
                    "{missing} for {seconds} s: {quorum} of {count} validators must be up and reached, and take part: \
                     one that observes does not"
                )
            };
            // Once for each standstill; how long it lasts, the health says.
            if self.shared.stopped.lock().replace(reason.clone()).is_none() {
                tracing::warn!(height, "{reason}");
            }
        }
    }
}
