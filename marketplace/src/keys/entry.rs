//! One-time sign-in links, and the sessions that they open.
//!
//! Tokens are 256 random bits. Only their SHA-256 is stored, so who reads the store cannot sign in;
//! looking up by that hash and comparing in constant time tells a guesser nothing.

use super::{Keys, KeysError, LINKS, SESSIONS, random};
use crate::{
    limits::{ENTRIES_PER_PARTY_MAX, LINK_VALID, SESSION_VALID},
    repeats::{First, Made},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::id::{Digest, PartyId, TimeMs};
use ledger::store::kv::Batch;
use subtle::ConstantTimeEq;

/// A sign-in link that was just issued. Shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The secret part: whoever has it signs in as the party, once.
    pub token: String,
    /// Until when.
    pub expires_ms: TimeMs,
}

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// As which party.
    pub party: PartyId,
    /// Goes into every form, so that no other site can send one.
    pub csrf: String,
    /// Until when.
    pub expires_ms: TimeMs,
}

#[derive(BorshSerialize, BorshDeserialize)]
struct Row {
    party: PartyId,
    hash: Digest,
    csrf: [u8; 32],
    expires_ms: TimeMs,
}

const NOT_A_LINK: &str =
    "this sign-in link was used before, has expired, or was never issued: ask an operator for another";
const NOT_SIGNED_IN: &str = "not signed in, or no longer: sign in by a link from an operator";

impl Keys {
    /// Issues a link by which `party` signs in once. The caller has checked that an operator asks.
    ///
    /// # Errors
    /// [`KeysError::NotManaged`] where the market holds no key of the party.
    pub fn issue_link(&self, party: &PartyId, first: &First, now_ms: TimeMs) -> Result<Link, KeysError> {
        if !self.is_managed(party)? {
            return Err(KeysError::NotManaged { party: *party, usage: contracts::party::KeyUse::Sign });
        }
        let expires_ms = now_ms + LINK_VALID.as_millis() as u64;
        let mut batch = Batch::default();
        first.note(&mut batch, Made::Link { expires_ms }, now_ms);
        let (token, _) = self.enter(LINKS, "sign-in links", party, expires_ms, now_ms, batch)?;
        Ok(Link { token, expires_ms })
    }

    /// Uses a link: it is spent, and a session begins, both in one write. Returns the cookie's value.
    ///
    /// # Errors
    /// [`KeysError::NotValid`], or [`KeysError::TooMany`] where the party has as many sessions as it may
    /// have; the link stays as it was then.
    pub fn redeem_link(&self, token: &str, first: &First, now_ms: TimeMs) -> Result<(String, Session), KeysError> {
        let (name, row) = self.find(LINKS, token, now_ms)?.ok_or(KeysError::NotValid(NOT_A_LINK))?;
        // Two at once: the lock of the one writer decides, the other finds nothing.
        let _one_at_a_time = REDEEMING.lock();
        if self.own.get(LINKS, &name)?.is_none() {
            return Err(KeysError::NotValid(NOT_A_LINK));
        }
        let mut batch = Batch::default();
        batch.delete(LINKS, name);
        first.note(&mut batch, Made::Session, now_ms);
        let expires_ms = now_ms + SESSION_VALID.as_millis() as u64;
        let (cookie, row) = self.enter(SESSIONS, "sessions", &row.party, expires_ms, now_ms, batch)?;
        Ok((cookie, session(&row)))
    }

    /// Who is signed in with this cookie.
    ///
    /// # Errors
    /// [`KeysError::NotValid`].
    pub fn session(&self, cookie: &str, now_ms: TimeMs) -> Result<Session, KeysError> {
        let (_, row) = self.find(SESSIONS, cookie, now_ms)?.ok_or(KeysError::NotValid(NOT_SIGNED_IN))?;
        Ok(session(&row))
    }

    /// Ends a session. One that is not there is no error.
    ///
    /// # Errors
    /// [`KeysError::Store`].
    pub fn sign_out(&self, cookie: &str) -> Result<(), KeysError> {
        let mut batch = Batch::default();
        if let Some(hash) = hash(cookie) {
            batch.delete(SESSIONS, hash.0);
        }
        Ok(self.own.write(batch)?)
    }

    /// Is `given` the token of this session's forms?
    pub fn csrf_matches(session: &Session, given: &str) -> bool {
        session.csrf.as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// Removes what has expired. Called now and then, so that the store does not grow by itself.
    ///
    /// # Errors
    /// [`KeysError::Store`].
    pub(crate) fn sweep(&self, now_ms: TimeMs) -> Result<(), KeysError> {
        let mut batch = Batch::default();
        for family in [LINKS, SESSIONS] {
            for (name, value) in self.own.scan(family, &[], &[], 100_000)? {
                if Row::try_from_slice(&value).is_ok_and(|row| row.expires_ms <= now_ms) {
                    batch.delete(family, name);
                }
            }
        }
        Ok(self.own.write(batch)?)
    }

    fn enter(
        &self,
        family: &'static str,
        what: &'static str,
        party: &PartyId,
        expires_ms: TimeMs,
        now_ms: TimeMs,
        mut batch: Batch,
    ) -> Result<(String, Row), KeysError> {
        let rows = self.own.scan(family, &[], &[], 100_000)?;
        let live = |(_, value): &&(Vec<u8>, Vec<u8>)| {
            Row::try_from_slice(value).is_ok_and(|row| row.party == *party && row.expires_ms > now_ms)
        };
        if rows.iter().filter(live).count() >= ENTRIES_PER_PARTY_MAX {
            return Err(KeysError::TooMany { what, most: ENTRIES_PER_PARTY_MAX });
        }
        let secret = random::<32>()?;
        let token = data_encoding::BASE64URL_NOPAD.encode(&secret);
        let hash = Digest::of(&[b"lonja/entry/v1\0", &secret]);
        let row = Row { party: *party, hash, csrf: random()?, expires_ms };
        batch.put(family, hash.0, borsh::to_vec(&row).expect("writing to memory does not fail"));
        self.own.write(batch)?;
        Ok((token, row))
    }

    fn find(&self, family: &str, token: &str, now_ms: TimeMs) -> Result<Option<(Vec<u8>, Row)>, KeysError> {
        let Some(hash) = hash(token) else { return Ok(None) };
        let Some(value) = self.own.get(family, &hash.0)? else { return Ok(None) };
        let row = Row::try_from_slice(&value).map_err(|_| KeysError::Sealed)?;
        let same: bool = row.hash.0.ct_eq(&hash.0).into();
        Ok((same && row.expires_ms > now_ms).then(|| (hash.0.to_vec(), row)))
    }
}

/// Is it a link or session under its own name?
pub(super) fn is_row(name: &[u8], value: &[u8]) -> bool {
    Row::try_from_slice(value).is_ok_and(|row| row.hash.0 == name)
}

static REDEEMING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

fn session(row: &Row) -> Session {
    let csrf = data_encoding::BASE64URL_NOPAD.encode(&row.csrf);
    Session { party: row.party, csrf, expires_ms: row.expires_ms }
}

fn hash(token: &str) -> Option<Digest> {
    if token.len() != 43 {
        return None;
    }
    let secret = data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
    Some(Digest::of(&[b"lonja/entry/v1\0", &secret]))
}
