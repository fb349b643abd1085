//! Requests that are recognised when they come again under their `Idempotency-Key`, where what they do
//! is more than one order: applications, sign-in links, sessions, credentials, records of the vault.
//!
//! What is kept names what the first request made, so that its answer can be given again or refused with
//! a reason. It is never a secret: a token that nobody can make again is told once. The row is written
//! in the same batch as what was made, so a crash leaves both or neither. Orders keep their keys by
//! themselves ([`crate::orders`]).

use crate::{
    limits::{REPEATS_KEPT, REPEATS_PER_CALLER_MAX},
    orders::{Once, OrderError},
    own::{Own, walk},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::id::{ConsentId, Digest, PartyId, TimeMs};
use ledger::{
    audit::Findings,
    store::kv::{Batch, Kv, KvError},
};
use parking_lot::Mutex;
use std::{collections::HashSet, sync::Arc};

/// Families of the private store that belong to repeated requests.
pub(crate) const FAMILIES: [&str; 1] = [REPEATS];
const REPEATS: &str = "repeats";

/// Whose keys are told apart. Those who are not signed in share one set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Anybody.
    Anybody,
    /// A party that is signed in, or proved a key.
    Party(PartyId),
}

impl Scope {
    /// The start of its rows' names.
    fn name(&self) -> Vec<u8> {
        match self {
            Self::Anybody => vec![0],
            Self::Party(party) => [&[1], party.0.as_slice()].concat(),
        }
    }
}

/// What the first request made.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Made {
    /// A key for a party, which then applied.
    Application {
        /// The party.
        party: PartyId,
    },
    /// A sign-in link. Its token was told once.
    Link {
        /// Until when it can be used.
        expires_ms: TimeMs,
    },
    /// A link was spent. The session's cookie was told once.
    Session,
    /// A credential. Its token follows from its row, for as long as that stands.
    Credential {
        /// Its id.
        id: String,
    },
    /// A record in the vault.
    Record {
        /// Of this consent.
        consent: ConsentId,
    },
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Row {
    request: Digest,
    made_ms: TimeMs,
    made: Made,
}

/// Requests that were made, and those under way. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Repeats {
    own: Own,
    running: Arc<Mutex<HashSet<Vec<u8>>>>,
}

/// A request that is worked on. No other with its key is, until it is dropped.
pub struct First(Option<Held>);

struct Held {
    repeats: Repeats,
    name: Vec<u8>,
    request: Digest,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.repeats.running.lock().remove(&self.name);
    }
}

impl First {
    /// A request without a key: nothing is kept of it.
    pub fn without_key() -> Self {
        Self(None)
    }

    /// Puts what it made into the batch that makes it.
    pub(crate) fn note(&self, batch: &mut Batch, made: Made, now_ms: TimeMs) {
        if let Some(held) = &self.0 {
            let row = Row { request: held.request, made_ms: now_ms, made };
            let bytes = borsh::to_vec(&row).expect("writing to memory does not fail");
            batch.put(REPEATS, held.name.clone(), bytes);
        }
    }

    /// Takes it back in the batch that undoes what it made.
    pub(crate) fn forget(&self, batch: &mut Batch) {
        if let Some(held) = &self.0 {
            batch.delete(REPEATS, held.name.clone());
        }
    }
}

impl Repeats {
    pub fn new(own: Own) -> Self {
        Self { own, running: Arc::default() }
    }

    /// Begins a request: what it made before, if it was made before.
    ///
    /// # Errors
    /// [`OrderError::KeyReused`] for another request under the same key, [`OrderError::Running`] while
    /// the first is worked on, [`OrderError::TooManyKeys`].
    pub fn begin(&self, scope: &Scope, once: Option<&Once>) -> Result<(First, Option<Made>), OrderError> {
        let Some(once) = once else { return Ok((First::without_key(), None)) };
        let scope = scope.name();
        let name = [scope.as_slice(), &Digest::of(&[once.key.as_bytes()]).0].concat();
        if !self.running.lock().insert(name.clone()) {
            return Err(OrderError::Running);
        }
        // From here on it is released whatever happens.
        let first = First(Some(Held { repeats: self.clone(), name: name.clone(), request: once.request }));
        match self.own.get(REPEATS, &name)? {
            Some(bytes) => {
                let row = Row::try_from_slice(&bytes).map_err(|_| OrderError::Damaged)?;
                if row.request != once.request {
                    return Err(OrderError::KeyReused);
                }
                Ok((first, Some(row.made)))
            }
            None if self.own.scan(REPEATS, &scope, &scope, REPEATS_PER_CALLER_MAX)?.len() >= REPEATS_PER_CALLER_MAX => {
                Err(OrderError::TooManyKeys)
            }
            None => Ok((first, None)),
        }
    }

    /// Forgets requests of long ago: their repetition is a new request then.
    ///
    /// # Errors
    /// [`KvError`].
    pub fn sweep(&self, now_ms: TimeMs) -> Result<(), KvError> {
        let until_ms = now_ms.saturating_sub(REPEATS_KEPT.as_millis() as u64);
        let mut from = Vec::new();
        loop {
            let rows = self.own.scan(REPEATS, &from, &[], crate::limits::SCAN_ROWS)?;
            let mut batch = Batch::default();
            for (name, value) in &rows {
                if Row::try_from_slice(value).is_ok_and(|row| row.made_ms < until_ms) {
                    batch.delete(REPEATS, name.clone());
                }
            }
            self.own.write(batch)?;
            match rows.last() {
                Some((last, _)) if rows.len() == crate::limits::SCAN_ROWS => from = [last.as_slice(), &[0]].concat(),
                _ => return Ok(()),
            }
        }
    }
}

/// Audits the rows in `kv`: each has its form and a name that one can have. Returns how many there are.
pub(crate) fn audit(kv: &Kv, findings: &mut Findings) -> u64 {
    let mut rows = 0;
    walk(kv, REPEATS, findings, |name, value, findings| {
        rows += 1;
        let named = matches!((name.first(), name.len()), (Some(0), 33) | (Some(1), 65));
        if !named || Row::try_from_slice(value).is_err() {
            findings.find(format!("own {REPEATS} {}", hex::encode(name)), "is no request that was made");
        }
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: TimeMs = 1_800_000_000_000;

    fn once(key: &str, request: u8) -> Once {
        Once::new(key, Digest([request; 32])).unwrap()
    }

    fn make(repeats: &Repeats, scope: &Scope, once: &Once, made: &Made, now_ms: TimeMs) {
        let (first, known) = repeats.begin(scope, Some(once)).unwrap();
        assert_eq!(known, None);
        let mut batch = Batch::default();
        first.note(&mut batch, made.clone(), now_ms);
        repeats.own.write(batch).unwrap();
    }

    fn known(repeats: &Repeats, scope: &Scope, once: &Once) -> Option<Made> {
        repeats.begin(scope, Some(once)).unwrap().1
    }

    #[test]
    fn a_request_is_known_to_its_caller_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let own = Own::open(folder.path()).unwrap();
        let repeats = Repeats::new(own);
        let (anybody, party) = (Scope::Anybody, Scope::Party(PartyId([7; 32])));
        let made = Made::Credential { id: "x".into() };
        make(&repeats, &party, &once("a", 1), &made, NOW);
        make(&repeats, &anybody, &once("a", 2), &Made::Session, NOW + 1);
        assert_eq!(known(&repeats, &party, &once("a", 1)), Some(made.clone()));
        assert_eq!(known(&repeats, &anybody, &once("a", 2)), Some(Made::Session));
        assert_eq!(known(&repeats, &Scope::Party(PartyId([8; 32])), &once("a", 1)), None);
        assert!(matches!(repeats.begin(&party, Some(&once("a", 2))), Err(OrderError::KeyReused)));
        let (first, _) = repeats.begin(&party, Some(&once("a", 1))).unwrap();
        assert!(matches!(repeats.begin(&party, Some(&once("a", 1))), Err(OrderError::Running)));
        assert!(repeats.begin(&party, None).unwrap().1.is_none());
        let mut batch = Batch::default();
        first.forget(&mut batch);
        repeats.own.write(batch).unwrap();
        drop(first);
        assert_eq!(known(&repeats, &party, &once("a", 2)), None, "what was undone may be asked for anew");
        make(&repeats, &party, &once("a", 1), &made, NOW);
        let kept = REPEATS_KEPT.as_millis() as u64;
        repeats.sweep(NOW + kept).unwrap();
        assert_eq!(known(&repeats, &party, &once("a", 1)), Some(made));
        repeats.sweep(NOW + kept + 1).unwrap();
        assert_eq!(known(&repeats, &party, &once("a", 1)), None);
        assert_eq!(known(&repeats, &anybody, &once("a", 2)), Some(Made::Session));
    }

    #[test]
    fn a_caller_has_only_so_many() {
        let folder = tempfile::tempdir().unwrap();
        let repeats = Repeats::new(Own::open(folder.path()).unwrap());
        let scope = Scope::Party(PartyId([7; 32]));
        let mut batch = Batch::default();
        for at in 0..REPEATS_PER_CALLER_MAX {
            let (first, _) = repeats.begin(&Scope::Anybody, None).unwrap();
            first.note(&mut batch, Made::Session, NOW);
            let name = [scope.name().as_slice(), &Digest::of(&[&at.to_be_bytes()]).0].concat();
            let row = Row { request: Digest([1; 32]), made_ms: NOW, made: Made::Session };
            batch.put(REPEATS, name, borsh::to_vec(&row).unwrap());
        }
        assert_eq!(batch.len(), REPEATS_PER_CALLER_MAX, "without a key nothing is kept");
        repeats.own.write(batch).unwrap();
        assert!(matches!(repeats.begin(&scope, Some(&once("new", 1))), Err(OrderError::TooManyKeys)));
        assert!(repeats.begin(&Scope::Anybody, Some(&once("new", 1))).is_ok(), "others are not kept out");
        repeats.sweep(NOW + REPEATS_KEPT.as_millis() as u64 + 1).unwrap();
        assert!(repeats.begin(&scope, Some(&once("new", 1))).is_ok());
    }
}
