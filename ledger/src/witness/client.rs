//! Collecting cosignatures: hands our newest checkpoint to witnesses, and keeps what verifies.
//!
//! A witness need not be honest, nor quick, nor there. Whatever it answers, the checkpoint comes back with
//! the lines of those that did cosign; whether they are enough, the policy says.

use super::{add::AddCheckpoint, add::AddError, decimal, policy::PolicyWitness};
use crate::{
    limits::{HEAD_TIME_MAX, WITNESS_ANSWER_TIME_MAX, WITNESS_CONNECT_TIME_MAX},
    log::{
        HashReader, LogError,
        proof::{TreeHead, consistency},
    },
    note::{NOTE_BYTES_MAX, Note, NoteError, NoteSignature, VerifierKey, checkpoint},
};
use futures_util::future::join_all;
use parking_lot::Mutex;
use reqwest::StatusCode;

/// Characters of a refusal that are kept.
const REFUSAL_MAX: usize = 300;

/// A witness somewhere.
pub struct RemoteWitness {
    http: reqwest::Client,
    url: String,
    key: VerifierKey,
    /// The size that it has cosigned last, as far as we know. A wrong one costs one more request.
    known: Mutex<u64>,
}

/// Why there is no cosignature of a witness.
#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    /// The policy has no address, or one that is none.
    #[error("the witness {0} cannot be asked: {1}")]
    Setup(String, String),
    /// The witness cannot be reached, or not in time.
    #[error("cannot reach the witness at {url}: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// Our log cannot prove.
    #[error("no proof from {old} to {new} can be made")]
    Proof {
        /// What the witness knows.
        old: u64,
        /// What it was to cosign.
        new: u64,
        /// Why not.
        #[source]
        source: LogError,
    },
    /// Our checkpoint is none.
    #[error("this is no checkpoint to be cosigned")]
    Request(#[from] AddError),
    /// The witness has cosigned more than we have: the checkpoint is old, or the log was rolled back or forked.
    #[error("the witness at {url} has cosigned size {size} of this log, and the checkpoint has {ours}")]
    Ahead {
        /// Where.
        url: String,
        /// What it knows.
        size: u64,
        /// What we have.
        ours: u64,
    },
    /// It says no.
    #[error("the witness at {url} refuses with {status}: {reason}")]
    Refused {
        /// Where.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it says.
        reason: String,
    },
    /// What it says does not hold.
    #[error("what the witness at {url} says does not hold: {reason}")]
    Untrue {
        /// Where.
        url: String,
        /// What does not.
        reason: String,
    },
}

/// What a witness answered in good form.
enum Answer {
    Lines(Vec<NoteSignature>),
    Conflict(u64),
}

impl RemoteWitness {
    /// The witness with `key` whose submission prefix is `url`.
    ///
    /// # Errors
    /// [`CosignError::Setup`].
    pub fn new(url: &str, key: VerifierKey) -> Result<Self, CosignError> {
        let setup = |reason: String| CosignError::Setup(key.name().to_owned(), reason);
        let parsed = reqwest::Url::parse(url).map_err(|error| setup(format!("{url}: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(setup(format!("{url} is neither http nor https")));
        }
        // Another part of the process may have chosen a provider before; either will do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .connect_timeout(WITNESS_CONNECT_TIME_MAX)
            .timeout(WITNESS_ANSWER_TIME_MAX)
            .pool_idle_timeout(HEAD_TIME_MAX / 2)
            // A redirected POST would come as another request, and to a place that the policy does not name.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| setup(error.to_string()))?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), key, known: Mutex::new(0) })
    }

    /// The witness of a policy, which must have an address.
    ///
    /// # Errors
    /// [`CosignError::Setup`].
    pub fn of(witness: &PolicyWitness) -> Result<Self, CosignError> {
        let missing = || CosignError::Setup(witness.name.to_string(), "the policy gives no address".into());
        Self::new(witness.url.as_deref().ok_or_else(missing)?, witness.key.clone())
    }

    /// The key by which its cosignatures verify.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Asks it to cosign `note`, a checkpoint of `log`. Where it knows another size than we think, it is asked
    /// once more from there. Returns its lines, which verify.
    ///
    /// # Errors
    /// [`CosignError`].
    #[tracing::instrument(name = "ask witness", skip_all, fields(otel.kind = "client", lonja.witness = self.key.name()))]
    pub async fn cosign(&self, note: &Note, log: &impl HashReader) -> Result<Vec<NoteSignature>, CosignError> {
        let (_, head) = checkpoint::parse_extended(note.text()).map_err(AddError::Checkpoint)?;
        let old = (*self.known.lock()).min(head.size);
        let lines = match self.ask(old, &head, note, log).await? {
            Answer::Lines(lines) => lines,
            Answer::Conflict(size) => {
                *self.known.lock() = size;
                if size > head.size {
                    return Err(CosignError::Ahead { url: self.url.clone(), size, ours: head.size });
                }
                // v1.0.0 answers so where the sizes are equal and the roots are not.
                if size == old {
                    return Err(self.untrue(format!("it has size {size} and refuses a proof from there")));
                }
                match self.ask(size, &head, note, log).await? {
                    Answer::Lines(lines) => lines,
                    Answer::Conflict(other) => {
                        return Err(self.untrue(format!("it has size {size}, and a moment later {other}")));
                    }
                }
            }
        };
        *self.known.lock() = head.size;
        Ok(lines)
    }

    async fn ask(&self, old: u64, head: &TreeHead, note: &Note, log: &impl HashReader) -> Result<Answer, CosignError> {
        let new = head.size;
        let proof = consistency(log, old, new).map_err(|source| CosignError::Proof { old, new, source })?;
        let request = AddCheckpoint::new(old, proof, note.clone())?.to_string();
        let sent = self.http.post(format!("{}/add-checkpoint", self.url)).body(request).send().await;
        let mut response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > NOTE_BYTES_MAX {
                return Err(self.untrue("the answer is longer than any note"));
            }
            bytes.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&bytes);
        match status {
            StatusCode::OK => self.lines(note.text(), &text).map(Answer::Lines).map_err(|error| self.untrue(error)),
            StatusCode::CONFLICT => match text.strip_suffix('\n').and_then(decimal) {
                Some(size) => Ok(Answer::Conflict(size)),
                None => Err(self.untrue("a conflict without the size that it has")),
            },
            _ => {
                let reason = text.chars().filter(|c| !c.is_control()).take(REFUSAL_MAX).collect();
                Err(CosignError::Refused { url: self.url.clone(), status: status.as_u16(), reason })
            }
        }
    }

    /// Its own lines in an answer, all of which verify; those of others are ignored ("add-checkpoint": the
    /// answer is read as the signatures of the checkpoint).
    fn lines(&self, text: &str, answer: &str) -> Result<Vec<NoteSignature>, NoteError> {
        let answered = Note::parse(format!("{text}\n{answer}").as_bytes())?;
        // A blank line in the answer would have made its beginning part of the text.
        if answered.text() != text {
            return Err(NoteError::Form("the answer is not signature lines alone"));
        }
        if answered
            .verify(std::slice::from_ref(&self.key))?
            .iter()
            .any(|signed| signed.time.is_none_or(|time| time == 0))
        {
            return Err(NoteError::Form("a cosignature of a witness has a time"));
        }
        Ok(answered.signatures().iter().filter(|line| self.key.is_named_by(line)).cloned().collect())
    }

    fn unreachable(&self, error: &reqwest::Error) -> CosignError {
        let mut last: &dyn std::error::Error = error;
        while let Some(source) = last.source() {
            last = source;
        }
        CosignError::Unreachable { url: self.url.clone(), reason: last.to_string() }
    }

    fn untrue(&self, reason: impl ToString) -> CosignError {
        CosignError::Untrue { url: self.url.clone(), reason: reason.to_string() }
    }
}

/// A checkpoint with what witnesses did.
#[derive(Debug)]
pub struct Collected {
    /// The checkpoint, with a line of each that cosigned in the place of an older line of its key.
    pub note: Note,
    /// The others, by their number, and why not.
    pub failed: Vec<(usize, CosignError)>,
}

/// Asks all `witnesses` at once to cosign `note`, a checkpoint of `log`. It takes as long as the slowest,
/// which is bounded.
///
/// # Errors
/// [`NoteError::TooLarge`] where the note has no room for so many lines.
pub async fn collect(witnesses: &[RemoteWitness], note: &Note, log: &impl HashReader) -> Result<Collected, NoteError> {
    let answers = join_all(witnesses.iter().map(|witness| witness.cosign(note, log))).await;
    let (mut lines, mut failed) = (note.signatures().to_vec(), Vec::new());
    for (number, (witness, answer)) in witnesses.iter().zip(answers).enumerate() {
        match answer {
            Ok(fresh) => {
                lines.retain(|line| !witness.key.is_named_by(line));
                lines.extend(fresh);
            }
            Err(error) => failed.push((number, error)),
        }
    }
    Ok(Collected { note: Note::new(note.text(), lines)?, failed })
}
