//! Sealed key files: one Ed25519 secret, readable by whoever has the file and the passphrase.
//!
//! Argon2id makes a key from the passphrase, XChaCha20-Poly1305 seals the secret under it with the
//! header as associated data, so neither part can be changed or swapped. A digest over the whole file
//! tells damage from a wrong passphrase; it hides and protects nothing. This is the only place where
//! secret keys touch disk or chance; those on tokens ([`crate::token`]) never come here.

use crate::{
    files::{self, Access, FileError},
    limits::*,
    passphrase::Passphrase,
    strict,
    token::{self, TokenError, TokenKey, TokenName},
};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use contracts::{
    id::{Digest, PartyId},
    key::{PublicKey, SignError, Signature, Signer},
};
use ed25519_dalek::{Signer as _, SigningKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{
    fmt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

const FORMAT: &str = "lonja-key/v1";

/// What a key is for. One key, one purpose: a signature made for one means nothing for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Signs a party's transactions.
    Sign,
    /// Signs a party's price quotes.
    Price,
    /// A validator's votes.
    Consensus,
    /// A validator's checkpoints.
    Log,
    /// A validator's cosignatures.
    Cosigner,
    /// Signs nothing: other secrets are derived from it ([`FileSigner::derive`]).
    Vault,
}

/// What opening a key file costs: memory and time that a guesser has to spend on each guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Cost {
    /// 64 MiB and three passes (RFC 9106's second choice with one lane): a tenth of a second.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 }
    }
}

impl Cost {
    /// So little that it guards nothing; for tests that make many keys.
    #[doc(hidden)]
    pub const TEST: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    fn is_bearable(self) -> bool {
        self.memory_kib <= KDF_MEMORY_KIB_MAX
            && (1..=KDF_PASSES_MAX).contains(&self.passes)
            && (1..=KDF_LANES_MAX).contains(&self.lanes)
            && u64::from(self.memory_kib) * u64::from(self.passes) <= KDF_WORK_KIB_MAX
    }

    fn is_strong(self) -> bool {
        self.memory_kib >= KDF_MEMORY_KIB_MIN && self.passes >= KDF_PASSES_MIN
    }
}

/// Bytes written as hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut bytes = [0; N];
        let text = <String as Deserialize>::deserialize(deserializer)?;
        hex::decode_to_slice(text, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}

/// The part of a key file that anybody may read who may read the file: associated data of the seal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    purpose: Purpose,
    public: PublicKey,
    party: Option<PartyId>,
    cost: Cost,
    salt: Hex<16>,
    nonce: Hex<24>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    header: Header,
    sealed: Hex<48>,
    digest: Digest,
}

/// A key as its file shows it without the passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicPart {
    /// What it is for.
    pub purpose: Purpose,
    /// The public key.
    pub public: PublicKey,
    /// The party that signs with it; none for keys of validators.
    pub party: Option<PartyId>,
    /// What opening it costs, where it lies in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// The token that it is on, where it is on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenName>,
}

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its bytes are not what was written.
    #[error("the key file {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It asks for more memory or time than any of ours, or for too little.
    #[error("the key file {} asks for {} KiB of memory in {} passes, which is {verdict}", path.display(), cost.memory_kib, cost.passes)]
    Cost {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        cost: Cost,
        /// Too much or too little.
        verdict: &'static str,
    },
    /// The file is whole; the passphrase is another.
    #[error("the passphrase does not open {}", path.display())]
    Passphrase {
        /// The file.
        path: PathBuf,
    },
    /// The secret is on a token, and what was asked for takes a sealed file.
    #[error("the key of {} is on a token, which gives no secret away", path.display())]
    OnToken {
        /// The file.
        path: PathBuf,
    },
    /// A key on a token cannot be used.
    #[error("the key of {} cannot be used", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// What is wrong with module, token or key.
        source: TokenError,
    },
    /// The system gave no randomness.
    #[error("the system gives no randomness for {}: {reason}", path.display())]
    Chance {
        /// The file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

impl KeyFileError {
    /// Can it pass by itself? Only where a token is away.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Token { source, .. } if source.may_pass())
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::File(error) => error.remedy(),
            Self::Damaged { path, .. } => {
                format!(
                    "put {} back from a copy; without one, add another key with one that still opens",
                    path.display()
                )
            }
            Self::Cost { .. } => "do not open it: no lonja wrote it like this. Put it back from a copy".into(),
            Self::Passphrase { .. } => {
                "try again; without a terminal, LONJA_PASSPHRASE_FILE names the file that holds the passphrase".into()
            }
            Self::OnToken { .. } => {
                "a token's PIN is changed with its own tool; where secrets are derived, make a key without --token"
                    .into()
            }
            Self::Token { source, .. } => source.remedy(),
            Self::Chance { .. } => "start again later; a fresh machine needs a moment to gather randomness".into(),
        }
    }
}

/// A secret key in memory, from a key file. Wiped when dropped; its debug form shows the public key.
pub struct FileSigner {
    secret: SigningKey,
    purpose: Purpose,
    party: Option<PartyId>,
}

impl fmt::Debug for FileSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSigner").field("public", &self.public()).finish_non_exhaustive()
    }
}

impl Signer for FileSigner {
    fn public(&self) -> PublicKey {
        PublicKey(self.secret.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        Ok(Signature(self.secret.sign(message).to_bytes()))
    }
}

impl FileSigner {
    /// Makes a new secret and seals it into a new file at `path`. A key that signs for a party which is
    /// not named is the party's first, and names it.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file; [`FileError::Exists`] inside when there is one already.
    pub fn generate(
        path: &Path,
        purpose: Purpose,
        party: Option<PartyId>,
        passphrase: &Passphrase,
        cost: Cost,
    ) -> Result<Self, KeyFileError> {
        let seed = Zeroizing::new(random::<32>(path)?);
        let secret = SigningKey::from_bytes(&seed);
        let first = || PartyId::of_first_key(&PublicKey(secret.verifying_key().to_bytes()));
        let party = party.or_else(|| (purpose == Purpose::Sign).then(first));
        let signer = Self { secret, purpose, party };
        files::write_new(path, &signer.seal(path, passphrase, cost)?, Access::Private)?;
        Ok(signer)
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file, and whether it is damaged or the passphrase is another.
    pub fn open(path: &Path, passphrase: &Passphrase) -> Result<Self, KeyFileError> {
        Self::open_at(path, passphrase, Cost::is_strong)
    }

    /// As [`FileSigner::open`], for files that [`Cost::TEST`] sealed.
    #[doc(hidden)]
    pub fn open_weak(path: &Path, passphrase: &Passphrase) -> Result<Self, KeyFileError> {
        Self::open_at(path, passphrase, |_| true)
    }

    fn open_at(path: &Path, passphrase: &Passphrase, enough: impl Fn(Cost) -> bool) -> Result<Self, KeyFileError> {
        let file = read(path)?;
        let cost = file.header.cost;
        if !enough(cost) {
            return Err(KeyFileError::Cost { path: path.to_path_buf(), cost, verdict: "too little to guard a secret" });
        }
        let key = derive(path, passphrase, cost, &file.header.salt.0)?;
        let seal = XChaCha20Poly1305::new((&*key).into());
        let (message, header) = (file.sealed.0.as_slice(), strict::encode(&file.header));
        let opened = seal
            .decrypt(&XNonce::from(file.header.nonce.0), Payload { msg: message, aad: &header })
            .map_err(|_| KeyFileError::Passphrase { path: path.to_path_buf() })?;
        let opened = Zeroizing::new(opened);
        let damaged = |reason: &str| KeyFileError::Damaged { path: path.to_path_buf(), reason: reason.into() };
        let seed: &[u8; 32] = opened.as_slice().try_into().map_err(|_| damaged("the secret is not 32 bytes"))?;
        let signer =
            Self { secret: SigningKey::from_bytes(seed), purpose: file.header.purpose, party: file.header.party };
        if signer.public() == file.header.public {
            Ok(signer)
        } else {
            Err(damaged("the secret is not that of the public key beside it"))
        }
    }

    /// Seals the secret again under another passphrase, and replaces the file.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file; it is then as it was.
    pub fn reseal(&self, path: &Path, passphrase: &Passphrase, cost: Cost) -> Result<(), KeyFileError> {
        Ok(files::replace(path, &self.seal(path, passphrase, cost)?, Access::Private)?)
    }

    /// A secret of 256 bits that only the holder of this key can derive; another `label` gives an
    /// unrelated one. Services that seal stores of their own get their master key so.
    pub fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let seed = Zeroizing::new(self.secret.to_bytes());
        Zeroizing::new(Digest::of(&[b"lonja/derive/v1\0", seed.as_slice(), label.as_bytes()]).0)
    }

    /// What the key is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The party that signs with it; none for keys of validators.
    pub fn party(&self) -> Option<PartyId> {
        self.party
    }

    fn seal(&self, path: &Path, passphrase: &Passphrase, cost: Cost) -> Result<Vec<u8>, KeyFileError> {
        let header = Header {
            format: FORMAT.into(),
            purpose: self.purpose,
            public: self.public(),
            party: self.party,
            cost,
            salt: Hex(random(path)?),
            nonce: Hex(random(path)?),
        };
        let key = derive(path, passphrase, cost, &header.salt.0)?;
        let seal = XChaCha20Poly1305::new((&*key).into());
        let seed = Zeroizing::new(self.secret.to_bytes());
        let aad = strict::encode(&header);
        let sealed = seal
            .encrypt(&XNonce::from(header.nonce.0), Payload { msg: seed.as_slice(), aad: &aad })
            .expect("32 bytes are far below the cipher's limit");
        let sealed = Hex(sealed.try_into().expect("the seal adds exactly its tag of 16 bytes"));
        let digest = digest(&header, &sealed);
        Ok(strict::encode(&KeyFile { header, sealed, digest }))
    }
}

/// What the file at `path` shows without passphrase or PIN, whichever kind of key it is of.
///
/// # Errors
/// [`KeyFileError`], naming the file.
pub fn inspect(path: &Path) -> Result<PublicPart, KeyFileError> {
    match read(path) {
        Err(KeyFileError::OnToken { .. }) => {
            let TokenKey { purpose, public, party, token, .. } = TokenKey::read(path)?;
            Ok(PublicPart { purpose, public, party, cost: None, token: Some(token) })
        }
        file => {
            let Header { purpose, public, party, cost, .. } = file?.header;
            Ok(PublicPart { purpose, public, party, cost: Some(cost), token: None })
        }
    }
}

/// Does the file say of itself that its key is on a token? Whether that is so, its own reader finds out.
fn is_on_token(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Header {
        format: String,
    }
    #[derive(Deserialize)]
    struct File {
        header: Header,
    }
    serde_json::from_slice::<File>(bytes).is_ok_and(|file| file.header.format == token::FORMAT)
}

fn digest(header: &Header, sealed: &Hex<48>) -> Digest {
    Digest::of(&[b"lonja/key-file/v1\0", &strict::encode(header), &sealed.0])
}

fn read(path: &Path) -> Result<KeyFile, KeyFileError> {
    let damaged = |reason| KeyFileError::Damaged { path: path.to_path_buf(), reason };
    let bytes = files::read_private(path, KEY_FILE_BYTES_MAX)?;
    if is_on_token(&bytes) {
        return Err(KeyFileError::OnToken { path: path.to_path_buf() });
    }
    let file: KeyFile = strict::decode(&bytes).map_err(damaged)?;
    if file.header.format != FORMAT {
        return Err(damaged(format!("its format is not {FORMAT}")));
    }
    if file.digest != digest(&file.header, &file.sealed) {
        return Err(damaged("its digest is another".into()));
    }
    let cost = file.header.cost;
    if !cost.is_bearable() {
        return Err(KeyFileError::Cost { path: path.to_path_buf(), cost, verdict: "more than any lonja asks for" });
    }
    Ok(file)
}

fn derive(path: &Path, passphrase: &Passphrase, cost: Cost, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let refused = |_| KeyFileError::Cost { path: path.to_path_buf(), cost, verdict: "nothing that Argon2id allows" };
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(refused)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, key.as_mut_slice())
        .map_err(refused)?;
    Ok(key)
}

fn random<const N: usize>(path: &Path) -> Result<[u8; N], KeyFileError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| KeyFileError::Chance { path: path.to_path_buf(), reason: error.to_string() })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
