//! Receipts whose own seal counts no more, since a key under it may be in other hands: the newest checkpoint, which
//! later validators sealed, vouches for them.

use super::{Client, ClientError};
use crate::{
    api::{
        Problem, StateAnswer,
        problem::{NO_BLOCK, UNSEALED},
    },
    log::proof::TreeHead,
    receipt::{EvidenceError, HeightProof, Later, Receipt, ReceiptError, Trust, Verified},
};
use axum::http::StatusCode;
use borsh::BorshDeserialize;
use contracts::{governance::Governance, outcome::BlockEntry};
use std::time::Duration;

/// The code of the problem that passes with the first block of those who came later.
const NOT_YET: &str = "no-later-checkpoint";
/// How often that is looked for.
const ASKED_LATER_EVERY: Duration = Duration::from_millis(500);
/// How long a patient client waits for a seal at most: without a quorum none comes, and somebody wants to know.
const SEAL_PATIENCE_MAX: Duration = Duration::from_secs(10);

impl Client {
    /// Verifies a receipt by its own seal or, where that counts no more, by the node's newest checkpoint. That is
    /// returned then: kept beside the receipt, it is as good without a node.
    ///
    /// # Errors
    /// [`ClientError`]; a problem that may pass where the node has no checkpoint yet that later validators sealed.
    pub async fn check_receipt(&self, receipt: &Receipt) -> Result<(Verified, Option<Later>), ClientError> {
        let by_itself = |trust: &Trust| match receipt.verify(trust) {
            Err(error) if error.wants_later() => Ok(None),
            verified => verified.map(Some),
        };
        if let Some(verified) = self.verified(by_itself).await? {
            return Ok((verified, None));
        }
        self.waited_for(|| self.check_through(receipt)).await
    }

    async fn check_through(&self, receipt: &Receipt) -> Result<(Verified, Option<Later>), ClientError> {
        let later = self.later(&receipt.statement.checkpoint).await?;
        match receipt.verify_through(&self.trust(), &later) {
            Ok(verified) => Ok((verified, Some(later))),
            Err(error) if error == ReceiptError::NotLater || error.wants_later() => Err(not_yet().into()),
            Err(error) => Err(self.untrue(error)),
        }
    }

    /// What `ask` gets, asked again for as long as the client has patience where later validators have sealed nothing yet.
    pub(super) async fn waited_for<T, F>(&self, ask: impl Fn() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        asked_again(ask, &[NOT_YET], self.patience).await
    }

    /// The same where the newest block is not sealed yet, or there is none.
    pub(super) async fn once_sealed<T, F>(&self, ask: impl Fn() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        asked_again(ask, &[UNSEALED, NO_BLOCK], self.patience.min(SEAL_PATIENCE_MAX)).await
    }

    /// The node's newest checkpoint with the proof that the log of `old` is its beginning. Neither is verified.
    async fn later(&self, old: &TreeHead) -> Result<Later, ClientError> {
        // The receipt of the newest block comes with every record; this one is small.
        let bytes = self.get(&format!("/v1/state/{}", Governance::key())).await?;
        let answer = StateAnswer::try_from_slice(&bytes).map_err(|error| self.untrue(error))?;
        let Receipt { statement, seal } = Receipt::decode(&answer.height).map_err(|error| self.untrue(error))?;
        // Only now, so that whoever sealed it is known.
        self.refresh().await?;
        let checkpoint = statement.checkpoint;
        if checkpoint.size <= old.size {
            return Err(not_yet().into());
        }
        let proof = self.growth(old, &checkpoint).await?;
        Ok(Later { checkpoint, proof, seal })
    }

    /// The newest height, as the node proves it.
    pub(super) async fn check_height(&self, bytes: &[u8]) -> Result<(BlockEntry, Verified), ClientError> {
        let receipt = Receipt::decode(bytes).map_err(|error| self.untrue(error))?;
        let height = HeightProof { receipt };
        let by_itself = |trust: &Trust| match height.verify(trust) {
            Err(EvidenceError::Receipt(error)) if error.wants_later() => Ok(None),
            verified => verified.map(Some),
        };
        self.verified(by_itself).await?.ok_or_else(|| not_yet().into())
    }
}

fn not_yet() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        NOT_YET,
        "No later checkpoint yet",
        "a key under the seal may be in other hands, and the validators after it have sealed nothing yet that the node \
         knows: ask again in half a minute",
    )
}

/// What `ask` gets; asked again for up to `patience` while that is a problem with one of these codes.
async fn asked_again<T, F>(ask: impl Fn() -> F, codes: &[&str], patience: Duration) -> Result<T, ClientError>
where
    F: Future<Output = Result<T, ClientError>>,
{
    let begun = tokio::time::Instant::now();
    loop {
        match ask().await {
            Err(ClientError::Problem(problem))
                if codes.contains(&problem.code.as_str()) && begun.elapsed() + ASKED_LATER_EVERY < patience =>
            {
                tokio::time::sleep(ASKED_LATER_EVERY).await;
            }
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests;
