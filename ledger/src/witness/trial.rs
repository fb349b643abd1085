//! Can a witness do what it is there for: sign, and write what it signed? Every request shows it, and where none came for
//! a while and somebody asks, it is tried.
//!
//! What is signed then is no checkpoint under any rule, and nobody is given the signature; what is written lies beside
//! the records and is none.

use super::server::Refusal;
use crate::{
    limits::{WITNESS_ANSWER_TIME_MAX, WITNESS_TRY_EVERY},
    note::checkpoint,
    whole,
};
use contracts::key::Signer;
use parking_lot::Mutex;
use std::{
    error::Error,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const MESSAGE: &[u8] = b"lonja/witness/trial\n";
/// More than a file's entry has room for, so that a full disk shows.
const BYTES: [u8; 4_096] = [0; 4_096];

/// Where it is tried, and how it went.
pub(super) struct Trial {
    folder: PathBuf,
    every: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since when one is under way.
    begun: Option<Instant>,
    /// When it showed last whether it can, and why it cannot.
    last: Option<(Instant, Option<&'static str>)>,
}

impl Trial {
    /// Of the witness whose records are in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), every: WITNESS_TRY_EVERY, state: Mutex::default() }
    }

    /// Takes note of what a request has shown. Most refusals show nothing.
    pub fn shown(&self, answer: Result<(), &Refusal>) {
        let reason = match answer {
            Ok(()) => None,
            Err(Refusal::Clock(_)) => Some(CLOCK),
            Err(Refusal::Sign(_)) => Some(SIGN),
            Err(Refusal::Record(_)) => Some(WRITE),
            Err(_) => return,
        };
        self.state.lock().last = Some((Instant::now(), reason));
    }

    /// Why the witness that signs by `signer` cannot cosign at `now_s`, if it cannot, in words for everybody; the log
    /// has names and causes. One trial is under way at a time: a disk that hangs must not take all threads.
    pub fn reason(&self, signer: &dyn Signer, now_s: u64) -> Option<&'static str> {
        if !checkpoint::is_time(now_s) {
            return Some(CLOCK);
        }
        {
            let mut state = self.state.lock();
            let last = state.last.and_then(|(_, reason)| reason);
            match (state.begun, state.last) {
                (Some(begun), _) if begun.elapsed() > WITNESS_ANSWER_TIME_MAX => return Some(SLOW),
                (Some(_), _) => return last,
                // A clock that was wrong says nothing of now.
                (None, Some((at, reason))) if at.elapsed() < self.every && reason != Some(CLOCK) => return reason,
                _ => state.begun = Some(Instant::now()),
            }
        }
        let tried = self.tried(signer);
        let mut state = self.state.lock();
        let reason = tried.as_ref().err().map(|(reason, _)| *reason);
        let before = state.last.replace((Instant::now(), reason)).and_then(|(_, before)| before);
        state.begun = None;
        if let Err((reason, cause)) = tried
            && before != Some(reason)
        {
            tracing::error!(cause, "{reason}");
        }
        reason
    }

    fn tried(&self, signer: &dyn Signer) -> Result<(), (&'static str, String)> {
        signer.sign(MESSAGE).map_err(|error| (SIGN, error.to_string()))?;
        let place = self.folder.join("trial");
        whole::put(&place.with_extension("new"), &place, &BYTES).map_err(|error| {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            (WRITE, format!("{error}: {cause}"))
        })
    }
}

const CLOCK: &str = "the clock is at no time to cosign at";
const SIGN: &str = "the witness' key does not sign";
const WRITE: &str = "what is cosigned cannot be recorded";
const SLOW: &str = "key or disk of the witness have not answered for a while";

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::key::{PublicKey, SignError, Signature, TestSigner};
    use std::{
        fs,
        sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    const NOW: u64 = 1_700_000_000;

    /// Signs, or does not, and counts how often it was asked.
    struct Token {
        away: AtomicBool,
        asked: AtomicUsize,
    }

    impl Signer for Token {
        fn public(&self) -> PublicKey {
            TestSigner::of(50).public()
        }

        fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            match self.away.load(Ordering::SeqCst) {
                true => Err(SignError { key: self.public(), reason: "the token was pulled out".into() }),
                false => TestSigner::of(50).sign(message),
            }
        }
    }

    #[test]
    fn it_is_found_out_and_found_to_be_over() {
        let folder = tempfile::tempdir().unwrap();
        let token = Token { away: AtomicBool::new(false), asked: AtomicUsize::new(0) };
        let often = Trial { every: Duration::ZERO, ..Trial::new(folder.path()) };
        assert_eq!(often.reason(&token, NOW), None);
        token.away.store(true, Ordering::SeqCst);
        assert_eq!(often.reason(&token, NOW), Some(SIGN));
        token.away.store(false, Ordering::SeqCst);
        fs::create_dir(folder.path().join("trial.new")).unwrap();
        assert_eq!(often.reason(&token, NOW), Some(WRITE));
        fs::remove_dir(folder.path().join("trial.new")).unwrap();
        assert_eq!(often.reason(&token, NOW), None);
        for wrong in [0, checkpoint::TIME_MAX + 1] {
            assert_eq!(often.reason(&token, wrong), Some(CLOCK));
        }
        often.shown(Err(&Refusal::Clock(0)));
        assert_eq!(often.reason(&token, NOW), None);
    }

    #[test]
    fn whoever_asks_often_keeps_neither_key_nor_disk_busy() {
        let folder = tempfile::tempdir().unwrap();
        let token = Token { away: AtomicBool::new(false), asked: AtomicUsize::new(0) };
        let trial = Trial::new(folder.path());
        for _ in 0..50 {
            assert_eq!(trial.reason(&token, NOW), None);
        }
        assert_eq!(token.asked.load(Ordering::SeqCst), 1);
        // What a request has shown is as good as a trial.
        trial.shown(Err(&Refusal::Sign(SignError { key: token.public(), reason: "away".into() })));
        assert_eq!(trial.reason(&token, NOW), Some(SIGN));
        trial.shown(Err(&Refusal::Conflict { size: 3 }));
        assert_eq!(trial.reason(&token, NOW), Some(SIGN), "which shows nothing");
        trial.shown(Ok(()));
        assert_eq!(trial.reason(&token, NOW), None);
        assert_eq!(token.asked.load(Ordering::SeqCst), 1);
        // One that is under way is not waited for, but not for ever believed in either.
        trial.state.lock().begun = Some(Instant::now());
        assert_eq!(trial.reason(&token, NOW), None);
        trial.state.lock().begun = Instant::now().checked_sub(2 * WITNESS_ANSWER_TIME_MAX);
        assert_eq!(trial.reason(&token, NOW), Some(SLOW));
    }
}
