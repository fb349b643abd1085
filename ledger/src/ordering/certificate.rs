//! Certificates: why a block was decided, for everybody who has the validator set.

use crate::block::Header;
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{Digest, Height, NetworkId},
    key::{Domain, KeyError, Signature},
    validators::ValidatorSet,
};

/// What ordering decided: which block comes at which height, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Certificate {
    /// The height.
    pub height: Height,
    /// The round in which it was decided.
    pub round: u32,
    /// The block's id.
    pub block: Digest,
    /// Number of the validator and its signature, numbers ascending.
    pub signatures: Vec<(u16, Signature)>,
}

/// Why a certificate does not show that its block was decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Validators stand there twice, out of order, or are none of the set.
    #[error("the certificate's validators are not ascending numbers of the set")]
    Validators,
    /// Fewer than a quorum.
    #[error("{signatures} validators signed the certificate, {quorum} are needed")]
    NoQuorum {
        /// How many signed.
        signatures: usize,
        /// How many are needed.
        quorum: usize,
    },
    /// It is of another block.
    #[error("its certificate is of another block")]
    OtherBlock,
    /// A signature does not verify.
    #[error("a signature of the certificate: {0}")]
    Signature(#[from] KeyError),
}

impl Certificate {
    /// What validators sign.
    pub fn message(height: Height, round: u32, block: &Digest) -> Vec<u8> {
        contracts::statement::decided(height, round, block)
    }

    /// Checks that it is of the block with `header`, and that a quorum of `set` signed.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify_of(&self, header: &Header, network: &NetworkId, set: &ValidatorSet) -> Result<(), CertificateError> {
        if (self.block, self.height) != (header.id(), header.entry.height) {
            return Err(CertificateError::OtherBlock);
        }
        self.verify(network, set)
    }

    /// Checks that a quorum of `set` signed.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn verify(&self, network: &NetworkId, set: &ValidatorSet) -> Result<(), CertificateError> {
        let ascending = self.signatures.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascending {
            return Err(CertificateError::Validators);
        }
        if self.signatures.len() < set.quorum() {
            return Err(CertificateError::NoQuorum { signatures: self.signatures.len(), quorum: set.quorum() });
        }
        let message = Self::message(self.height, self.round, &self.block);
        for (number, signature) in &self.signatures {
            let validator = set.validators.get(usize::from(*number)).ok_or(CertificateError::Validators)?;
            validator.consensus.verify(Domain::Block, network, &message, signature)?;
        }
        Ok(())
    }
}
