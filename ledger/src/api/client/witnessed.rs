//! What witnesses cosigned, and how the log grew to it.

use super::{Client, ClientError};
use crate::{
    log::proof::{self, TreeHead},
    note::Note,
};
use borsh::BorshDeserialize;
use contracts::id::Digest;

impl Client {
    /// The newest checkpoint that witnesses of the node cosigned. It means nothing before a policy was asked.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn witnessed(&self) -> Result<Note, ClientError> {
        Note::parse(&self.get("/witnessed").await?).map_err(|error| self.untrue(error))
    }

    /// Checks that the log of `old` is the beginning of the log of `new`, by the node's proof.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn check_growth(&self, old: &TreeHead, new: &TreeHead) -> Result<(), ClientError> {
        let hashes = self.growth(old, new).await?;
        proof::verify_consistency(old, new, &hashes).map_err(|error| self.untrue(error))
    }

    /// The node's proof that the log of `old` is the beginning of the log of `new`, not verified.
    pub(super) async fn growth(&self, old: &TreeHead, new: &TreeHead) -> Result<Vec<Digest>, ClientError> {
        let bytes = self.get(&format!("/v1/consistency?from={}&to={}", old.size, new.size)).await?;
        Vec::<Digest>::try_from_slice(&bytes).map_err(|error| self.untrue(error))
    }
}
