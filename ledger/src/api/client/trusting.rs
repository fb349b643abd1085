//! Whom a client trusts: the first set of validators, by the anchor, and each later one by the record with which
//! the set before it gave way.

use super::{Client, ClientError};
use crate::receipt::{SetChange, Trust, TrustError};
use borsh::BorshDeserialize;
use std::sync::Arc;

impl Client {
    /// What the client trusts: the anchor, and the changes of the validator set that it has verified since.
    pub fn trust(&self) -> Arc<Trust> {
        self.known.read().trust()
    }

    /// Follows records of changes of the validator set; those that are known are passed over.
    ///
    /// # Errors
    /// [`TrustError`]; trust is then as it was.
    pub fn learn(&self, changes: &[SetChange]) -> Result<(), TrustError> {
        self.known.write().learn(changes)
    }

    /// Asks the node for changes of the validator set that the client does not know. Were there any?
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn refresh(&self) -> Result<bool, ClientError> {
        let before = self.trust().changes();
        loop {
            let known = self.trust().changes();
            let bytes = self.get(&format!("/v1/trust?after={known}")).await?;
            let changes = Vec::<SetChange>::try_from_slice(&bytes).map_err(|error| self.untrue(error))?;
            self.learn(&changes).map_err(|error| self.untrue(error))?;
            self.keep().await?;
            if self.trust().changes() == known {
                return Ok(known > before);
            }
        }
    }

    /// Every change of the validator set since the founding, verified: the trust chain, to keep.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn changes(&self) -> Result<Vec<SetChange>, ClientError> {
        self.refresh().await?;
        let mut trust = self.trust().anchor();
        let mut changes = Vec::new();
        while changes.len() < self.trust().changes() {
            let bytes = self.get(&format!("/v1/trust?after={}", changes.len())).await?;
            let page = Vec::<SetChange>::try_from_slice(&bytes).map_err(|error| self.untrue(error))?;
            if page.is_empty() {
                return Err(self.untrue("it does not serve all changes of the validator set that it served before"));
            }
            page.iter().try_for_each(|change| trust.extend(change)).map_err(|error| self.untrue(error))?;
            changes.extend(page);
        }
        if !trust.continues(&self.trust()) {
            return Err(self.untrue("its trust chain is another than the one that was seen before"));
        }
        Ok(changes)
    }

    /// Verifies something of the node; where that fails, once more after changes of the validator set that
    /// the client did not know.
    pub(in crate::api) async fn verified<T, E: std::fmt::Display>(
        &self,
        check: impl Fn(&Trust) -> Result<T, E>,
    ) -> Result<T, ClientError> {
        match check(&self.trust()) {
            Ok(verified) => Ok(verified),
            Err(error) if !self.refresh().await? => Err(self.untrue(error)),
            Err(_) => check(&self.trust()).map_err(|error| self.untrue(error)),
        }
    }
}
