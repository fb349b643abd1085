//! How a set of many gives way to the next: each validator of it signs the record of that, and sends its
//! signature to the others; the first quorum that it has, it keeps.

use super::{Frame, Member};
use crate::{log::proof::TreeHead, node::NodeError, receipt::SetChange, replica::Ledger};
use contracts::key::Signature;

/// The record by which our era ends, while signatures of it are gathered.
pub(super) struct Passing {
    pub change: SetChange,
    /// A quorum is there, and it is kept.
    pub kept: bool,
}

impl Member {
    /// The newest block may have ended our era: signs the record of that and asks for the others' signatures.
    pub(super) fn pass_on(&mut self) -> Result<(), NodeError> {
        if self.passing.is_some() || !self.replica.ledger().is_over() {
            return Ok(());
        }
        let (era, reader) = (self.shared.era(), self.shared.store.reader());
        let log = self.replica.ledger().chain().tip().log.clone();
        let head = TreeHead { size: log.count(), root: log.root() };
        let mut change = era.change(&reader, &head)?;
        if let Some(kept) = reader.set_change(change.number)? {
            self.passing = Some(Passing { change: kept, kept: true });
            return Ok(());
        }
        drop(reader);
        tracing::info!(number = change.number, size = change.after_size, "another set of validators takes over");
        let ours = change.sign(&self.shared.network, &era.set, self.number() as u8, &*era.keys().consensus)?;
        change.signatures.push(ours);
        self.broadcast(&Frame::SetSigned(change.number, ours));
        self.passing = Some(Passing { change, kept: false });
        self.count_signatures()
    }

    /// Validator `from` signed the record of change `number`.
    pub(super) fn set_signed(&mut self, from: u16, number: u32, signed: (u8, Signature)) -> Result<(), NodeError> {
        let (network, set) = (self.shared.network, self.shared.era().set.clone());
        let Some(Passing { change, kept: false }) = &mut self.passing else { return Ok(()) };
        let expected = number == change.number && u16::from(signed.0) == from;
        if !expected || change.signatures.iter().any(|(there, _)| *there == signed.0) {
            return Ok(());
        }
        if let Err(error) = change.verify_one(&network, &set, &signed) {
            self.shared.blame(from, &error.to_string());
            return Ok(());
        }
        change.signatures.push(signed);
        self.count_signatures()
    }

    /// Somebody sent the whole record. Where we fetched it ourselves, `from` is us.
    pub(super) fn set_changed(&mut self, from: u16, whole: SetChange) -> Result<(), NodeError> {
        let (network, set) = (self.shared.network, self.shared.era().set.clone());
        let Some(Passing { change, kept: false }) = &mut self.passing else { return Ok(()) };
        if whole.unsigned() != change.unsigned() {
            return Ok(());
        }
        if let Err(error) = whole.verify(&network, &set) {
            self.shared.blame(from, &error.to_string());
            return Ok(());
        }
        *change = whole;
        self.keep_change()
    }

    /// Somebody misses the record of change `number`: gets it whole, or our signature.
    pub(super) fn answer_want_set(&self, from: u16, number: u32) -> Result<(), NodeError> {
        if let Some(kept) = self.shared.store.reader().set_change(number)? {
            self.send(from, &Frame::SetChanged(Box::new(kept)));
        } else if let Some(Passing { change, .. }) = self.passing.as_ref().filter(|it| it.change.number == number) {
            let ours = change.signatures.iter().find(|(validator, _)| u16::from(*validator) == self.number());
            ours.iter().for_each(|ours| self.send(from, &Frame::SetSigned(number, **ours)));
        }
        Ok(())
    }

    /// Asks the others for what is missing of the record.
    pub(super) fn want_set(&self) {
        if let Some(Passing { change, kept: false }) = &self.passing {
            self.broadcast(&Frame::WantSet(change.number));
        }
    }

    /// Is everything of our era there, so that the next may begin?
    pub(super) fn has_passed_on(&self) -> bool {
        let sealed = self.shared.tip.borrow().height == self.replica.ledger().height();
        sealed && self.passing.as_ref().is_some_and(|passing| passing.kept)
    }

    fn count_signatures(&mut self) -> Result<(), NodeError> {
        let quorum = self.shared.era().set.quorum();
        match &mut self.passing {
            Some(Passing { change, kept: false }) if change.signatures.len() >= quorum => {
                change.signatures.sort_unstable_by_key(|(validator, _)| *validator);
                self.keep_change()
            }
            _ => Ok(()),
        }
    }

    fn keep_change(&mut self) -> Result<(), NodeError> {
        let Some(passing) = &mut self.passing else { return Ok(()) };
        self.shared.keep_set_change(&passing.change)?;
        passing.kept = true;
        let frame = Frame::SetChanged(Box::new(passing.change.clone()));
        // Whoever misses a signature has them all now.
        self.broadcast(&frame);
        Ok(())
    }
}
