//! What a replica stands on: a ledger, and a memory of the height at work.

use crate::{
    ordering::{Certificate, Turn, Verdict},
    voting::{Voting, VotingError},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{Digest, Height},
    validators::ValidatorSet,
};

/// Why a part could not go on. The replica stops then.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A block, as far as ordering it needs to know.
pub trait Orderable: Clone + BorshSerialize + BorshDeserialize {
    /// What is ordered.
    fn id(&self) -> Digest;

    /// The height that it is for.
    fn height(&self) -> Height;

    /// Is all of it what its id names? What is not was not sent by an honest validator, and says nothing of the block
    /// that has this id.
    fn is_whole(&self) -> bool;
}

/// A chain of decided blocks.
pub trait Ledger {
    /// Its blocks.
    type Block: Orderable;

    /// Height of the newest block; 0 before the first.
    fn height(&self) -> Height;

    /// Who decides the next height.
    ///
    /// # Errors
    /// [`Failure`].
    fn set(&self) -> Result<ValidatorSet, Failure>;

    /// Has another set of validators taken over with the newest block? No block comes after it here: whoever
    /// owns the replica makes another for the next era ([`crate::era`]).
    fn is_over(&self) -> bool {
        false
    }

    /// In which order validators propose at the next height ([`crate::ordering::Turns`]).
    fn turns(&self) -> Vec<Turn>;

    /// Would `block`, which is whole, for the next height and sent for `round`, be committed as it stands? One that
    /// says that it was made in a later round breaks the rules: it blames validators who had no turn yet.
    ///
    /// # Errors
    /// [`Failure`], never because of the block.
    fn judge(&mut self, block: &Self::Block, round: u32) -> Result<Verdict, Failure>;

    /// Commits a block that was decided. Durable when this returns.
    ///
    /// # Errors
    /// [`Failure`]; whether the block is committed shows when the ledger is opened anew.
    fn commit(&mut self, block: &Self::Block, certificate: &Certificate) -> Result<(), Failure>;

    /// The block at `height` and why it was decided, if it is there whole and can be read. What is in a bucket is not:
    /// whoever is so far behind asks for blocks over HTTP.
    fn decided(&self, height: Height) -> Option<(Self::Block, Certificate)>;
}

/// What must survive a crash while a height is at work; see [`Voting`].
pub trait Memory {
    /// As [`Voting::height`].
    fn height(&self) -> Height;
    /// As [`Voting::records`].
    fn records(&self) -> &[Vec<u8>];
    /// As [`Voting::block`].
    fn block(&self, id: &Digest) -> Option<&[u8]>;
    /// As [`Voting::ours`].
    fn ours(&self, round: u32) -> Option<Digest>;

    /// As [`Voting::begin`].
    ///
    /// # Errors
    /// [`Failure`], as of all that follows.
    fn begin(&mut self, height: Height) -> Result<(), Failure>;

    /// As [`Voting::record`].
    ///
    /// # Errors
    /// [`Failure`].
    fn record(&mut self, bytes: Vec<u8>) -> Result<(), Failure>;

    /// As [`Voting::keep`]. False where there is no room for a block more.
    ///
    /// # Errors
    /// [`Failure`].
    fn keep(&mut self, id: Digest, bytes: Vec<u8>) -> Result<bool, Failure>;

    /// As [`Voting::propose`].
    ///
    /// # Errors
    /// [`Failure`].
    fn propose(&mut self, round: u32, id: Digest) -> Result<(), Failure>;

    /// As [`Voting::sync`].
    ///
    /// # Errors
    /// [`Failure`].
    fn sync(&mut self) -> Result<(), Failure>;
}

impl Memory for Voting {
    fn height(&self) -> Height {
        self.height()
    }

    fn records(&self) -> &[Vec<u8>] {
        self.records()
    }

    fn block(&self, id: &Digest) -> Option<&[u8]> {
        self.block(id)
    }

    fn ours(&self, round: u32) -> Option<Digest> {
        self.ours(round)
    }

    fn begin(&mut self, height: Height) -> Result<(), Failure> {
        Ok(self.begin(height)?)
    }

    fn record(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        Ok(self.record(bytes)?)
    }

    fn keep(&mut self, id: Digest, bytes: Vec<u8>) -> Result<bool, Failure> {
        match self.keep(id, bytes) {
            Err(VotingError::Full { .. }) => Ok(false),
            kept => Ok(kept.map(|()| true)?),
        }
    }

    fn propose(&mut self, round: u32, id: Digest) -> Result<(), Failure> {
        Ok(self.propose(round, id)?)
    }

    fn sync(&mut self) -> Result<(), Failure> {
        Ok(self.sync()?)
    }
}
