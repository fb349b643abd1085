//! Who somebody is: managed keys, sign-in links, sessions and API credentials.
//!
//! Offices that prefer it leave their signing key to the market, sealed with XChaCha20-Poly1305 under
//! a master key that lies outside this store. What proves somebody's identity to us (links, session
//! cookies) is stored as a hash only; API credentials are PASETO v4.public tokens whose ids are stored
//! so that one can be withdrawn. It never shows a secret key, never logs a secret, and never signs
//! anything by itself: [`Keys::identity`] is asked by whoever has checked that the party wants it.

mod audit;
mod credentials;
mod entry;
mod sealed;
#[cfg(test)]
mod tests;

pub use audit::Audited;
pub(crate) use audit::{audit, is_managed};
pub use credentials::{CredentialRow, KeyProof};
pub use entry::{Link, Session};
pub use sealed::MasterKey;
pub(crate) use sealed::{Sealer, random};

use crate::{
    limits::MANAGED_KEYS_MAX,
    own::Own,
    repeats::{First, Made},
};
use contracts::{
    id::{NetworkId, PartyId, TimeMs},
    key::{PublicKey, SignError, Signature, Signer},
    party::KeyUse,
};
use ed25519_dalek::{Signer as _, SigningKey};
use ledger::{
    api::client::Identity,
    store::kv::{Batch, KvError},
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Families of the private store that belong to keys.
pub(crate) const FAMILIES: [&str; 4] = [KEYS, LINKS, SESSIONS, CREDENTIALS];
const KEYS: &str = "keys";
const LINKS: &str = "links";
const SESSIONS: &str = "sessions";
const CREDENTIALS: &str = "credentials";
/// Purpose of the key that seals managed keys.
const SEAL_KEY: &str = "lonja market keystore v1";
/// Name of a sealed row with known content.
const CHECK: &[u8] = b"check";

/// Managed keys and proofs of identity.
pub struct Keys {
    own: Own,
    network: NetworkId,
    sealer: Sealer,
    tokens: credentials::Tokens,
}

/// Why something about keys did not work.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The store.
    #[error("the market's keystore")]
    Store(#[from] KvError),
    /// What lies in the store does not open under the master key.
    #[error("a sealed key does not open: it is damaged, or the master key is another one")]
    Sealed,
    /// No random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
    /// The market holds no key of this party.
    #[error("the market holds no {usage:?} key of party {party}: it signs by itself (prepare and submit)")]
    NotManaged {
        /// Which party.
        party: PartyId,
        /// For what.
        usage: KeyUse,
    },
    /// There are too many of something.
    #[error("there are {most} {what} already: withdraw one that is no longer needed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// A link, cookie or token that is not valid, or no longer.
    #[error("{0}")]
    NotValid(&'static str),
    /// A token could not be made.
    #[error("a token could not be made: {0}")]
    Token(String),
}

impl Keys {
    /// Keys in `own`, sealed under `master`.
    ///
    /// # Errors
    /// [`KeysError::Sealed`] where the store was made with another master key.
    pub(crate) fn open(own: Own, network: NetworkId, master: &MasterKey) -> Result<Self, KeysError> {
        let sealer = Sealer::new(master, SEAL_KEY);
        // One sealed row with known content tells a wrong master key at once, not at the first sale.
        match own.get(KEYS, CHECK)? {
            Some(sealed) => {
                sealer.open(&sealed, CHECK).map_err(|_| KeysError::Sealed)?;
            }
            None => {
                let mut batch = Batch::default();
                batch.put(KEYS, CHECK, sealer.seal(b"lonja", CHECK)?);
                own.write(batch)?;
            }
        }
        let tokens = credentials::Tokens::new(master, network)?;
        Ok(Self { own, network, sealer, tokens })
    }

    /// Makes a key for a party that is about to apply; the party is named by it.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn create(&self, first: &First, now_ms: TimeMs) -> Result<Identity, KeysError> {
        let prefix = [b'k', KeyUse::Sign as u8];
        if self.own.scan(KEYS, &prefix, &prefix, MANAGED_KEYS_MAX)?.len() >= MANAGED_KEYS_MAX {
            return Err(KeysError::TooMany { what: "managed keys", most: MANAGED_KEYS_MAX });
        }
        let seed = Zeroizing::new(random::<32>()?);
        let key = ManagedSigner(SigningKey::from_bytes(&seed));
        let party = PartyId::of_first_key(&key.public());
        let mut batch = Batch::default();
        first.note(&mut batch, Made::Application { party }, now_ms);
        self.store(&party, KeyUse::Sign, &seed, batch)?;
        Ok(Identity { party, signer: Arc::new(key) })
    }

    /// Makes a pricing key for `party`, which it then registers by `AddKey`. Until the ledger has it, quotes
    /// are signed with the one before: [`Keys::adopt_pricing`] puts it in its place.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn create_pricing(&self, party: &PartyId) -> Result<Arc<dyn Signer>, KeysError> {
        let seed = Zeroizing::new(random::<32>()?);
        let name = next_row(party);
        let mut batch = Batch::default();
        batch.put(KEYS, name.clone(), self.sealer.seal(&*seed, &name)?);
        self.own.write(batch)?;
        Ok(Arc::new(ManagedSigner(SigningKey::from_bytes(&seed))))
    }

    /// From now on quotes of `party` are signed with the pricing key that was made last, if there is one and
    /// it `is_registered`.
    ///
    /// # Errors
    /// [`KeysError`]; the key before stays in use then.
    pub fn adopt_pricing(
        &self,
        party: &PartyId,
        is_registered: impl FnOnce(&PublicKey) -> bool,
    ) -> Result<(), KeysError> {
        let name = next_row(party);
        let Some(sealed) = self.own.get(KEYS, &name)? else { return Ok(()) };
        let seed = self.unseal(&sealed, &name)?;
        if !is_registered(&PublicKey(SigningKey::from_bytes(&seed).verifying_key().to_bytes())) {
            return Ok(());
        }
        let mut batch = Batch::default();
        batch.delete(KEYS, name);
        self.store(party, KeyUse::Price, &seed, batch)
    }

    /// Forgets the keys of a party whose application did not come to pass, and the request where it is
    /// given: it may be made anew then.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn forget(&self, party: &PartyId, first: Option<&First>) -> Result<(), KeysError> {
        let mut batch = Batch::default();
        if let Some(first) = first {
            first.forget(&mut batch);
        }
        for name in [row(party, KeyUse::Sign), row(party, KeyUse::Price), next_row(party)] {
            batch.delete(KEYS, name);
        }
        Ok(self.own.write(batch)?)
    }

    /// Who signs for `party` with a managed key.
    ///
    /// # Errors
    /// [`KeysError::NotManaged`] where the party signs by itself.
    pub fn identity(&self, party: &PartyId) -> Result<Identity, KeysError> {
        Ok(Identity { party: *party, signer: self.signer(party, KeyUse::Sign)? })
    }

    /// Who signs quotes for `party`.
    ///
    /// # Errors
    /// [`KeysError::NotManaged`].
    pub fn pricing(&self, party: &PartyId) -> Result<Arc<dyn Signer>, KeysError> {
        self.signer(party, KeyUse::Price)
    }

    /// Does the market hold a signing key of `party`?
    ///
    /// # Errors
    /// [`KeysError::Store`].
    pub fn is_managed(&self, party: &PartyId) -> Result<bool, KeysError> {
        Ok(self.own.get(KEYS, &row(party, KeyUse::Sign))?.is_some())
    }

    fn store(&self, party: &PartyId, usage: KeyUse, seed: &[u8; 32], mut batch: Batch) -> Result<(), KeysError> {
        let name = row(party, usage);
        let sealed = self.sealer.seal(seed, &name)?;
        batch.put(KEYS, name, sealed);
        Ok(self.own.write(batch)?)
    }

    fn signer(&self, party: &PartyId, usage: KeyUse) -> Result<Arc<dyn Signer>, KeysError> {
        let name = row(party, usage);
        let sealed = self.own.get(KEYS, &name)?.ok_or(KeysError::NotManaged { party: *party, usage })?;
        Ok(Arc::new(ManagedSigner(SigningKey::from_bytes(&*self.unseal(&sealed, &name)?))))
    }

    fn unseal(&self, sealed: &[u8], name: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeysError> {
        let seed = self.sealer.open(sealed, name).map_err(|_| KeysError::Sealed)?;
        Ok(Zeroizing::new(seed.as_slice().try_into().map_err(|_| KeysError::Sealed)?))
    }
}

fn row(party: &PartyId, usage: KeyUse) -> Vec<u8> {
    [&[b'k', usage as u8], party.0.as_slice()].concat()
}

/// Where a pricing key waits until the ledger has it.
fn next_row(party: &PartyId) -> Vec<u8> {
    [&[b'n', KeyUse::Price as u8], party.0.as_slice()].concat()
}

/// A key that was unsealed for one use; it wipes itself when dropped.
struct ManagedSigner(SigningKey);

impl Signer for ManagedSigner {
    fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        Ok(Signature(self.0.sign(message).to_bytes()))
    }
}
