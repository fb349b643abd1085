//! The client: asks a node, and believes nothing that does not verify from the trust anchor down.

mod asking;
mod kept;
mod later;
mod rules;
mod trusting;
mod witnessed;

pub use kept::{Keeping, KeptError};
pub use rules::UnknownRules;

use super::{
    Answer, Decision, HistoryAnswer, Problem, StateAnswer,
    types::{CommittedAnswer, HistoryItem},
};
use crate::{
    limits::{HEAD_TIME_MAX, REQUEST_BYTES_MAX, SUBMISSIONS_PER_REQUEST_MAX, SUBMIT_WAIT_MS},
    node::Status,
    receipt::{HistoryEvidence, HistoryLeaf, Receipt, Trust},
    submission::Submission,
};
use borsh::BorshDeserialize;
use contracts::{
    action::Action,
    event::Event,
    id::{AgreementId, Height, NetworkId, PartyId, SideId, TimeMs, TransactionId, VersionId},
    key::{SignError, Signer},
    limits::VALIDITY_BLOCKS_MAX,
    outcome::{BlockEntry, Entry, Outcome},
    rejection::Rejection,
    side::SideBody,
    state::{Key, Record, Subject},
    transaction::Body,
};
use genesis::{SignedDocument, TrustAnchor};
use kept::{KeptIn, Known};
use parking_lot::{Mutex, RwLock};
use std::{path::Path, sync::Arc, time::Duration};

/// How long the client waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it waits for an answer: longer than a submission waits for its block.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(SUBMIT_WAIT_MS + 15_000);
/// How many blocks ahead a transaction that [`Client::act`] signs stays valid, less than the rules
/// allow, since the node may be a few blocks behind what it says next.
const VALID_AHEAD: u64 = VALIDITY_BLOCKS_MAX - 200;

/// A client of one node. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: Arc<str>,
    known: Arc<RwLock<Known>>,
    files: Arc<Mutex<Vec<KeptIn>>>,
    anchor: Arc<TrustAnchor>,
    /// How long it waits for validators to seal what it asks for.
    patience: Duration,
}

/// Who acts: a party and the signer of one of its keys.
#[derive(Clone)]
pub struct Identity {
    /// The party.
    pub party: PartyId,
    /// Its key.
    pub signer: Arc<dyn Signer>,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The node says no, and why.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The node cannot be reached.
    #[error("cannot reach the node at {url}: is it running? ({reason})")]
    Unreachable {
        /// Where.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// What the node says does not verify. Not an accident: do not go on with it.
    #[error("what the node at {url} says does not hold: {reason}")]
    Untrue {
        /// Where.
        url: String,
        /// What does not verify.
        reason: String,
    },
    /// The blocks that come next go by rules that this release does not know: the node cannot help that.
    #[error("{0}")]
    Rules(UnknownRules),
    /// The key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The trust anchor or the link cannot be used.
    #[error("{0}")]
    Setup(String),
    /// Records of validator sets cannot be kept, or what was kept cannot be used.
    #[error(transparent)]
    Kept(#[from] kept::KeptError),
}

/// A transaction that is in the ledger, shown by a receipt that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Which.
    pub id: TransactionId,
    /// Height of its block.
    pub height: Height,
    /// Time of its block, as the node says; the block entry proves it.
    pub time_ms: TimeMs,
    /// Number of its log entry.
    pub index: u64,
    /// Applied, or refused.
    pub outcome: Outcome,
    /// Its events, whose digest the receipt has.
    pub events: Vec<Event>,
    /// The binary receipt.
    pub receipt: Vec<u8>,
}

impl Committed {
    /// This, unless a policy refused it.
    ///
    /// # Errors
    /// The refusal.
    pub fn applied(&self) -> Result<&Self, Rejection> {
        match self.events.first() {
            Some(Event::Refused { rejection, .. }) => Err(rejection.clone()),
            _ => Ok(self),
        }
    }
}

/// Something that was proven at a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven<T> {
    /// The block at which it is so.
    pub block: BlockEntry,
    /// The record, or `None`: that there is none is proven too.
    pub record: Option<Record<T>>,
    /// The proof as borsh [`StateAnswer`], to keep.
    pub proof: Vec<u8>,
}

impl Client {
    /// A client of the node at `url` that trusts what `anchor` vouches for.
    ///
    /// # Errors
    /// [`ClientError::Setup`].
    pub fn new(url: &str, anchor: TrustAnchor) -> Result<Self, ClientError> {
        let trust =
            Trust::new(anchor.network, anchor.set.clone()).map_err(|error| ClientError::Setup(error.to_string()))?;
        // Another part of the process may have chosen a provider before; either will do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            // The server closes connections on which nothing comes; half of its patience leaves no race.
            .pool_idle_timeout(HEAD_TIME_MAX / 2)
            .no_proxy()
            .build()
            .map_err(|error| ClientError::Setup(error.to_string()))?;
        let known = Arc::new(RwLock::new(Known::new(trust)));
        let url = url.trim_end_matches('/').into();
        Ok(Self { http, url, known, files: Arc::default(), anchor: Arc::new(anchor), patience: Duration::ZERO })
    }

    /// Waits up to `patience` for validators that have not signed the newest block yet, or have taken over from keys that
    /// may be in other hands and sealed nothing yet; without it that is a problem which may pass.
    pub fn patient(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The network.
    pub fn network(&self) -> NetworkId {
        self.anchor.network
    }

    /// Where the node is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How the node says it is. Nothing of it is proven.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.json("/v1/status").await
    }

    /// What the node caught validators at. Each is to be verified.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn misconduct(&self) -> Result<Vec<crate::node::Evidence>, ClientError> {
        self.json("/v1/misconduct").await
    }

    /// The founding document, which must be the one that the anchor names.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn document(&self) -> Result<SignedDocument, ClientError> {
        let bytes = self.get("/v1/network").await?;
        let document =
            SignedDocument::from_json(Path::new("/v1/network"), &bytes).map_err(|error| self.untrue(error))?;
        if document.anchor() != *self.anchor {
            return Err(self.untrue("the founding document is of another network than the anchor"));
        }
        Ok(document)
    }

    /// Hands one submission in and waits for its receipt. Handing the same bytes in again is harmless.
    ///
    /// # Errors
    /// [`ClientError`]. A refusal by policy is no error: see [`Committed::applied`].
    pub async fn submit(&self, submission: &Submission) -> Result<Committed, ClientError> {
        let mut answers = self.submit_all(std::slice::from_ref(submission)).await?;
        let one = answers.pop().ok_or_else(|| self.untrue("an answer is missing"))?;
        Ok(one?)
    }

    /// Hands up to [`SUBMISSIONS_PER_REQUEST_MAX`] submissions in, and waits for all receipts.
    ///
    /// # Errors
    /// [`ClientError`], for the request as a whole; each submission has its own problem otherwise.
    pub async fn submit_all(&self, submissions: &[Submission]) -> Result<Vec<Result<Committed, Problem>>, ClientError> {
        if submissions.len() > SUBMISSIONS_PER_REQUEST_MAX {
            return Err(ClientError::Setup(format!(
                "{SUBMISSIONS_PER_REQUEST_MAX} submissions at most in one request"
            )));
        }
        let body = borsh::to_vec(submissions).expect("writing to memory does not fail");
        if body.len() > REQUEST_BYTES_MAX {
            return Err(ClientError::Setup(format!(
                "{} bytes in one request, {REQUEST_BYTES_MAX} at most",
                body.len()
            )));
        }
        let bytes = self.post("/v1/submissions", body).await?;
        let answers = Vec::<Answer>::try_from_slice(&bytes).map_err(|error| self.untrue(error))?;
        if answers.len() != submissions.len() {
            return Err(self.untrue("there is not one answer for each submission"));
        }
        let mut checked = Vec::with_capacity(answers.len());
        for (answer, submission) in answers.into_iter().zip(submissions) {
            checked.push(match answer {
                Answer::Problem(text) => Err(serde_json::from_str(&text).map_err(|error| self.untrue(error))?),
                Answer::Committed(answer) => Ok(self.check_committed(answer, &submission.transaction.id()).await?),
            });
        }
        Ok(checked)
    }

    /// Signs an action as `identity`, hands it in, and waits for its receipt.
    ///
    /// # Errors
    /// [`ClientError`]. A refusal by policy is no error: see [`Committed::applied`].
    pub async fn act(
        &self,
        identity: &Identity,
        action: Action,
        side: Option<SideBody>,
    ) -> Result<Committed, ClientError> {
        let submission = self.prepare(identity, action, side).await?;
        self.submit(&submission).await
    }

    /// Signs an action without handing it in, for callers that keep the bytes first.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn prepare(
        &self,
        identity: &Identity,
        action: Action,
        side: Option<SideBody>,
    ) -> Result<Submission, ClientError> {
        let height = self.status().await?.height;
        self.sign(identity, action, side, height)
    }

    /// Signs an action that is valid for most of what the rules allow after `height`.
    ///
    /// # Errors
    /// [`ClientError::Sign`], or [`ClientError::Setup`] without random numbers.
    pub fn sign(
        &self,
        identity: &Identity,
        action: Action,
        side: Option<SideBody>,
        height: Height,
    ) -> Result<Submission, ClientError> {
        let mut nonce = [0u8; 16];
        getrandom::fill(&mut nonce).map_err(|error| ClientError::Setup(format!("no random numbers: {error}")))?;
        let body = Body {
            network: self.network(),
            sender: identity.party,
            key: identity.signer.public(),
            nonce,
            // The height may be a node's word.
            last_valid: height.saturating_add(VALID_AHEAD),
            action,
        };
        Ok(Submission { transaction: body.sign(&*identity.signer)?, side })
    }

    /// A transaction that is in the ledger, or `None`. Absence is what the node says, not proven.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn committed(&self, id: TransactionId) -> Result<Option<Committed>, ClientError> {
        let bytes = match self.get(&format!("/v1/transactions/{id}")).await {
            Err(ClientError::Problem(problem)) if problem.code == "not-found" => return Ok(None),
            other => other?,
        };
        match Answer::try_from_slice(&bytes).map_err(|error| self.untrue(error))? {
            Answer::Committed(answer) => Ok(Some(self.check_committed(answer, &id).await?)),
            Answer::Problem(text) => {
                Err(serde_json::from_str::<Problem>(&text).map_err(|error| self.untrue(error))?.into())
            }
        }
    }

    /// The record under `key` at the newest height, or that there is none, proven.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn record<T: Subject>(&self, key: &Key) -> Result<Proven<T>, ClientError> {
        let (proof, answer, block) = self.waited_for(|| self.state_of(key)).await?;
        if answer.state.key != *key {
            return Err(self.untrue("the record is another than was asked for"));
        }
        answer.state.verify(&block).map_err(|error| self.untrue(error))?;
        let decode = |bytes: &Vec<u8>| Record::<T>::decode(bytes).map_err(|error| self.untrue(error));
        let record = answer.state.value.as_ref().map(decode).transpose()?;
        Ok(Proven { block, record, proof })
    }

    /// The answer about `key`, as it came and read, and the block that it is proven by; the record is not verified yet.
    async fn state_of(&self, key: &Key) -> Result<(Vec<u8>, StateAnswer, BlockEntry), ClientError> {
        let proof = self.get(&format!("/v1/state/{key}")).await?;
        let answer = StateAnswer::try_from_slice(&proof).map_err(|error| self.untrue(error))?;
        let block = self.check_height(&answer.height).await?.0;
        Ok((proof, answer, block))
    }

    /// All events of the record under `key`, proven to be all up to the block returned with them.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn history(&self, key: &Key) -> Result<(BlockEntry, Vec<HistoryItem>), ClientError> {
        let answer = self.history_from(key, 0).await?;
        let (block, _) = self.check_height(&answer.height).await?;
        if answer.state.key != *key {
            return Err(self.untrue("the history is of another record than was asked for"));
        }
        // Before it is asked how many events there are: so many are then fetched.
        answer.state.verify(&block).map_err(|error| self.untrue(error))?;
        let count = answer.state.history().map_err(|error| self.untrue(error))?.count();
        let mut items = answer.items;
        while (items.len() as u64) < count {
            let more = self.history_from(key, items.len() as u64).await?.items;
            if more.is_empty() {
                return Err(self.untrue("events of the history are missing"));
            }
            items.extend(more);
        }
        // What came in between is of a later height than the one that is proven.
        items.truncate(count as usize);
        let leaf = |item: &HistoryItem| HistoryLeaf {
            height: item.height,
            transaction: item.transaction,
            number: item.number,
            event: item.event.clone(),
        };
        let evidence = HistoryEvidence { state: answer.state, leaves: items.iter().map(leaf).collect() };
        evidence.verify(&block).map_err(|error| self.untrue(error))?;
        Ok((block, items))
    }

    async fn history_from(&self, key: &Key, from: u64) -> Result<HistoryAnswer, ClientError> {
        let bytes = self.get(&format!("/v1/history/{key}?from={from}")).await?;
        HistoryAnswer::try_from_slice(&bytes).map_err(|error| self.untrue(error))
    }

    /// The side body that `id` commits to; `None` where it was withheld or taken down.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn side(&self, id: SideId) -> Result<Option<SideBody>, ClientError> {
        let bytes = match self.get(&format!("/v1/sides/{id}")).await {
            Err(ClientError::Problem(problem)) if problem.code == "not-found" => return Ok(None),
            other => other?,
        };
        let body = SideBody::try_from_slice(&bytes).map_err(|error| self.untrue(error))?;
        body.check().map_err(|error| self.untrue(error))?;
        if body.id() != id {
            return Err(self.untrue("the side body has another commitment"));
        }
        Ok(Some(body))
    }

    /// Whether `version` may be delivered under `agreement` now, as the node's tip says.
    ///
    /// # Errors
    /// [`ClientError`]; to whoever delivers, every error means no.
    pub async fn decide(&self, agreement: AgreementId, version: VersionId) -> Result<Decision, ClientError> {
        self.json(&format!("/v1/decisions/{agreement}/{version}")).await
    }

    async fn check_committed(&self, answer: CommittedAnswer, id: &TransactionId) -> Result<Committed, ClientError> {
        let receipt = Receipt::decode(&answer.receipt).map_err(|error| self.untrue(error))?;
        let (verified, _) = self.check_receipt(&receipt).await?;
        let Entry::Transaction(entry) = verified.entry else {
            return Err(self.untrue("the receipt is of a block, not of a transaction"));
        };
        if entry.transaction != *id || answer.id != *id {
            return Err(self.untrue("the receipt is of another transaction"));
        }
        if Event::digest_all(&answer.events) != entry.events {
            return Err(self.untrue("the events are not those of the receipt"));
        }
        Ok(Committed {
            id: *id,
            height: answer.height,
            time_ms: answer.time_ms,
            index: verified.index,
            outcome: entry.outcome,
            events: answer.events,
            receipt: answer.receipt,
        })
    }

    async fn json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let bytes = self.get(path).await?;
        serde_json::from_slice(&bytes).map_err(|error| self.untrue(error))
    }

    pub(crate) fn untrue(&self, reason: impl ToString) -> ClientError {
        ClientError::Untrue { url: self.url.to_string(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests;
