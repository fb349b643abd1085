//! What the other validators say, what they are answered, and what they are told from time to time.

use super::{
    Frame, Member,
    gate::{self, Signed},
    seals,
};
use crate::{
    block::Block,
    limits::{STALLED_AFTER, STATUS_EVERY, WANTED_SEALS_MAX},
    log::proof::TreeHead,
    node::{Handle, NodeError},
    replica::{Ledger, Packet, Replica},
};
use contracts::id::Height;
use std::time::Instant;

impl Member {
    pub(super) fn take(&mut self, from: u16, bytes: &[u8]) -> Result<(), NodeError> {
        let packet = match Frame::decode(bytes) {
            Err(reason) => {
                tracing::warn!(from, reason, "a frame of a validator cannot be read");
                return Ok(());
            }
            Ok(Frame::Message(height, bytes)) => Packet::Message(height, bytes),
            Ok(Frame::Proposed { round, block }) => Packet::Proposed { round, block },
            Ok(Frame::Status(height)) => {
                // It is there, so it can answer.
                if self.gate.asks(from) {
                    self.send(from, &Frame::AskSigned);
                }
                Packet::Status(height)
            }
            Ok(Frame::AskSigned) => {
                let signed = self.remembered.newest(from as u8, &self.shared.store.reader())?;
                self.send(from, &Frame::Signed(signed));
                return Ok(());
            }
            Ok(Frame::Signed(signed)) => return self.told(from, signed),
            // With a block the mark goes up, and what we lost would not show any more. It is sent again.
            Ok(Frame::Decided(..)) if !self.gate.is_open() => return Ok(()),
            Ok(Frame::Decided(block, certificate)) => Packet::Decided(block, certificate),
            Ok(Frame::Want(height)) => return self.answer_want(from, height),
            Ok(Frame::Vote(_, vote)) if u16::from(vote.validator) != from => return Ok(()),
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
            Ok(Frame::Submission(submission)) => {
                Handle::new(self.shared.clone()).take_forwarded(*submission);
                return Ok(());
            }
        };
        self.turn_of(|replica, acts| replica.receive(from, packet, acts))
    }

    /// Validator `from` shows what we signed last, as far as it knows.
    fn told(&mut self, from: u16, signed: Option<Signed>) -> Result<(), NodeError> {
        let (network, set, mark) = (&self.shared.network, &self.shared.set, self.highwater.mark());
        let ours = |signed: &Signed| {
            u16::from(signed.cosignature.validator) == self.shared.number
                && signed.cosignature.verify(network, set, &signed.head).is_ok()
        };
        if let Some(Signed { head, .. }) = signed.filter(ours).filter(|signed| signed.head.size > mark.size) {
            tracing::error!(
                size = head.size,
                mark = mark.size,
                from,
                "our signature of a log beyond our mark is shown"
            );
            self.lost = self.lost.max(head.size);
            self.replica.hold();
            self.find_lost();
        }
        let was_open = self.gate.is_open();
        self.gate.answered(from);
        if !was_open && self.gate.is_open() {
            self.status();
            return self.pass();
        }
        Ok(())
    }

    /// Takes part once enough have answered, and nothing is known to be lost.
    pub(super) fn pass(&mut self) -> Result<(), NodeError> {
        if self.gate.is_open() && self.lost == 0 { self.turn_of(Replica::release) } else { Ok(()) }
    }

    /// Is all there again that is known to be signed by us? How high that was, only the log itself can say:
    /// what another validator says of it is not signed.
    pub(super) fn find_lost(&mut self) {
        let tip = self.replica.ledger().chain().tip();
        if self.lost > 0 && tip.log.count() >= self.lost {
            self.replica.observe(gate::observes_to(tip.height));
            self.lost = 0;
        }
    }

    /// Why we take no part, if we are behind what we signed.
    pub(super) fn behind(&self) -> Option<String> {
        let height = self.replica.ledger().height();
        let until = match (self.lost, self.replica.observes_to()) {
            (0, None) => return None,
            (0, Some(to)) => format!("height {to}"),
            (size, _) => format!("a log of {size} entries"),
        };
        Some(format!(
            "it observes: its store ends at height {height}, as after a backup was restored, and it may have signed \
             up to {until}; it takes part when the others have given it the blocks up to there"
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
        if let Some(seal) = seals::kept(&self.shared.store.reader(), height)? {
            self.send(to, &Frame::Sealed(height, seal));
        }
        Ok(())
    }

    /// Somebody misses our signatures of a height: we sign again what we signed.
    fn answer_want(&self, from: u16, height: Height) -> Result<(), NodeError> {
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
    }

    /// Says that we make no blocks where too few validators take part: whoever asks whether something may
    /// be delivered must not be told what held when we last heard of the others.
    fn notice_standstill(&mut self) {
        if let Some(reason) = self.behind() {
            *self.shared.stopped.lock() = Some(reason);
        } else if self.gate.is_open() && self.replica.is_resting() && self.unknown.is_empty() {
            self.idle_at = Instant::now();
        } else if self.idle_at.elapsed() > STALLED_AFTER {
            let (seconds, set) = (self.idle_at.elapsed().as_secs(), &self.shared.set);
            let (quorum, count) = (set.quorum(), set.validators.len());
            let reason = format!("no block for {seconds} s: {quorum} of {count} validators must be up and reached");
            tracing::warn!(height = self.replica.ledger().height() + 1, "{reason}");
            *self.shared.stopped.lock() = Some(reason);
        }
    }
}
