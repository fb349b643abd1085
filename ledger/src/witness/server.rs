//! A witness: cosigns a checkpoint that extends the last one of its log that it cosigned, and no other.
//!
//! Owns the decision, and with it the one lock that makes check and record a single step; of two requests
//! at once the second meets what the first recorded. It takes the time as a value and speaks no HTTP.

use super::{
    add::{AddCheckpoint, AddError},
    counts::Counts,
    records::{self, Record, RecordError, Records},
    trial::Trial,
};
use crate::{
    limits::WITNESS_LOG_KEYS_MAX,
    log::proof::{ProofError, TreeHead, verify_consistency},
    note::{KeyKind, Note, NoteError, NoteSignature, SIGNATURES_MAX, VerifierKey, checkpoint},
    whole::{self, Passing},
};
use contracts::{
    id::Digest,
    key::{SignError, Signer},
    merkle::empty_root,
};
use parking_lot::{Mutex, RwLock};
use std::{collections::BTreeSet, path::Path, sync::Arc};

/// A witness of some logs.
pub struct Witness {
    key: VerifierKey,
    signer: Arc<dyn Signer>,
    /// Keys of logs, each named as its log's origin.
    logs: RwLock<Vec<VerifierKey>>,
    records: Mutex<Records>,
    counts: Counts,
    trial: Trial,
}

/// Why a witness cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// Its name cannot stand in a note.
    #[error(transparent)]
    Name(#[from] NoteError),
    /// Too many logs.
    #[error("a witness knows at most {WITNESS_LOG_KEYS_MAX} log keys, not {0}")]
    Logs(usize),
    /// Its folder.
    #[error(transparent)]
    Records(#[from] RecordError),
}

impl WitnessError {
    /// May it pass without anybody doing something, and how?
    pub fn passing(&self) -> Option<Passing> {
        match self {
            Self::Records(RecordError::Held { .. }) => Some(Passing::InUse),
            other => whole::passing(other),
        }
    }
}

/// Why a checkpoint is not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No request at all.
    #[error(transparent)]
    Malformed(#[from] AddError),
    /// Another log than those that it knows.
    #[error("the origin `{0}` is not known here")]
    Origin(String),
    /// Not signed by a known key of the log, or wrongly.
    #[error("no known key of the log signed this checkpoint")]
    Signature(#[source] NoteError),
    /// Too few of the log's keys signed.
    #[error("{signed} keys of the log signed this checkpoint, {quorum} must")]
    Few {
        /// How many did.
        signed: usize,
        /// More than two thirds of those that are known here.
        quorum: usize,
    },
    /// The request contradicts itself.
    #[error("the old size {old} is larger than the checkpoint's, {size}")]
    Shrinking {
        /// What the request calls old.
        old: u64,
        /// The checkpoint's size.
        size: u64,
    },
    /// It begins elsewhere than at the newest checkpoint that was cosigned.
    #[error("the newest checkpoint cosigned here has size {size}: ask again from there")]
    Conflict {
        /// That checkpoint's size, or 0 where there is none.
        size: u64,
    },
    /// It does not extend what was cosigned, or does not show it. Of a log that signed it this may be proof of
    /// a fork.
    #[error("the checkpoint is not shown to extend the newest one cosigned here")]
    Inconsistent(#[source] ProofError),
    /// The clock cannot be right, so a cosignature would be false.
    #[error("{0} s after 1970 is no time to cosign at: set the clock")]
    Clock(u64),
    /// The key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The record could not be made durable, so nothing is given out.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Witness {
    /// The witness called `name` with the key of `signer`, which knows the log keys `logs`, each named as its
    /// log's origin, and keeps its records in `folder`.
    ///
    /// # Errors
    /// [`WitnessError`].
    pub fn open(
        folder: &Path,
        name: &str,
        signer: Arc<dyn Signer>,
        logs: Vec<VerifierKey>,
    ) -> Result<Self, WitnessError> {
        few_enough(&logs)?;
        let key = VerifierKey::new(name, KeyKind::Cosignature, signer.public())?;
        let records = Records::open(folder, &key, logs.iter().map(VerifierKey::name))?;
        let (logs, records, trial) = (RwLock::new(logs), Mutex::new(records), Trial::new(folder));
        Ok(Self { key, signer, logs, records, counts: Counts::default(), trial })
    }

    /// Knows the log keys `logs` from now on, in the place of those before. What was cosigned of any log stays so.
    ///
    /// # Errors
    /// [`WitnessError`]; it goes on with the keys that it knows.
    pub fn know(&self, logs: Vec<VerifierKey>) -> Result<(), WitnessError> {
        few_enough(&logs)?;
        self.records.lock().read(&self.key, logs.iter().map(VerifierKey::name))?;
        *self.logs.write() = logs;
        Ok(())
    }

    /// The key by which its cosignatures verify.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Answers an `add-checkpoint` request at `now_s`, in seconds since 1970: the signature line. When it
    /// returns, the checkpoint is durably recorded (C2SP tlog-witness, "add-checkpoint", in its order).
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn add(&self, body: &[u8], now_s: u64) -> Result<NoteSignature, Refusal> {
        let answer = self.decide(body, now_s);
        let shown = answer.as_ref().map(|_| ());
        self.counts.note(shown, now_s);
        self.trial.shown(shown);
        answer
    }

    fn decide(&self, body: &[u8], now_s: u64) -> Result<NoteSignature, Refusal> {
        let request = AddCheckpoint::decode(body)?;
        let note = request.checkpoint();
        let known: Vec<VerifierKey> =
            self.logs.read().iter().filter(|key| key.name() == request.origin()).cloned().collect();
        if known.is_empty() {
            return Err(Refusal::Origin(request.origin().to_owned()));
        }
        let signed = note.verify(&known).map_err(Refusal::Signature)?.len();
        // Where a log has the keys of several validators, one of them alone could have a tree cosigned that the others
        // never made, and their own would be refused ever after.
        let quorum = known.len() * 2 / 3 + 1;
        if signed < quorum {
            return Err(Refusal::Few { signed, quorum });
        }

        let origin = records::origin_hash(request.origin());
        let mut records = self.records.lock();
        let recorded = records.get(&origin).map(|record| record.head);
        extends(&request, recorded.as_ref())?;
        let line = self.cosign(note.text(), now_s)?;
        let note = signed_by(note, &known, &line).map_err(AddError::Checkpoint)?;
        let record = Record { head: *request.head(), note };
        if recorded == Some(record.head) {
            records.renew(origin, record);
        } else {
            // A crash before this line leaves the old record, after it the new one; the cosignature exists
            // nowhere else yet.
            records.put(origin, record)?;
        }
        Ok(line)
    }

    /// The newest checkpoint cosigned here of the log whose origin has this SHA-256 ("Monitor Retrieval
    /// Mechanism").
    pub fn newest(&self, origin: &Digest) -> Option<Note> {
        self.records.lock().get(origin).map(|record| record.note.clone())
    }

    /// Why it cannot cosign anything at `now_s`, in seconds since 1970, if it cannot: in words for everybody.
    pub fn hindrance(&self, now_s: u64) -> Option<&'static str> {
        self.trial.reason(&*self.signer, now_s)
    }

    /// What Prometheus reads of it at `now_s`.
    pub fn metrics(&self, now_s: u64) -> String {
        let healthy = self.hindrance(now_s).is_none();
        let known: BTreeSet<Digest> = self.logs.read().iter().map(|key| records::origin_hash(key.name())).collect();
        let records = self.records.lock();
        let sizes = known.into_iter().map(|hash| (hash, records.get(&hash).map(|record| record.head.size)));
        let sizes: Vec<_> = sizes.collect();
        drop(records);
        self.counts.render(healthy, &sizes)
    }

    fn cosign(&self, text: &str, now_s: u64) -> Result<NoteSignature, Refusal> {
        if !checkpoint::is_time(now_s) {
            return Err(Refusal::Clock(now_s));
        }
        let signature = self.signer.sign(&checkpoint::cosigned_message(now_s, text))?;
        Ok(checkpoint::cosignature_line(&self.key, now_s, &signature))
    }
}

fn few_enough(logs: &[VerifierKey]) -> Result<(), WitnessError> {
    if logs.len() > WITNESS_LOG_KEYS_MAX { Err(WitnessError::Logs(logs.len())) } else { Ok(()) }
}

/// Does the request lead from `recorded`, or from nothing, to its checkpoint?
pub(crate) fn extends(request: &AddCheckpoint, recorded: Option<&TreeHead>) -> Result<(), Refusal> {
    let (old, head) = (request.old(), request.head());
    if old > head.size {
        return Err(Refusal::Shrinking { old, size: head.size });
    }
    let recorded = recorded.copied().unwrap_or(TreeHead { size: 0, root: empty_root() });
    if old != recorded.size {
        return Err(Refusal::Conflict { size: recorded.size });
    }
    if head.size == 0 && head.root != empty_root() {
        return Err(Refusal::Inconsistent(ProofError::Root { expected: empty_root(), got: head.root }));
    }
    // Of equal sizes it compares the roots, and from nothing it asks for an empty proof.
    verify_consistency(&recorded, head, request.proof()).map_err(Refusal::Inconsistent)
}

/// The checkpoint with the signatures of its log, and `line`. Strangers' lines are left out.
fn signed_by(note: &Note, log: &[VerifierKey], line: &NoteSignature) -> Result<Note, NoteError> {
    let of_log = note.signatures().iter().filter(|line| log.iter().any(|key| key.is_named_by(line)));
    let lines = of_log.take(SIGNATURES_MAX - 1).chain([line]).cloned().collect();
    Note::new(note.text(), lines)
}
