//! Sealing: XChaCha20-Poly1305 under keys derived from one master key.

use super::KeysError;
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// 256 secret bits from which the market derives every key that it seals with. Kept in a sealed file
/// of the operator, never in a store.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// A master key from bytes that the operator unsealed.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads the key in file `path`, making it (mode 0600) where there is none.
    ///
    /// For a market on one machine whose disk is trusted; who does not trust it keeps the key in a
    /// file under a passphrase and calls [`MasterKey::new`].
    ///
    /// # Errors
    /// Says which file and what is wrong with it.
    pub fn open_or_create(path: &Path) -> std::io::Result<Self> {
        match fs::read(path).map(Zeroizing::new) {
            Ok(bytes) => {
                let wrong =
                    || std::io::Error::other(format!("{} is no master key: 32 bytes are expected", path.display()));
                Ok(Self(bytes.as_slice().try_into().map_err(|_| wrong())?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let bytes = Zeroizing::new(random::<32>().map_err(std::io::Error::other)?);
                let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                file.write_all(bytes.as_slice())?;
                file.sync_all()?;
                Ok(Self(*bytes))
            }
            Err(error) => Err(error),
        }
    }

    /// A key for one purpose.
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(purpose, &self.0))
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Seals rows; the row's name is bound in, so no row can be put in another's place.
pub(crate) struct Sealer(XChaCha20Poly1305);

/// What was sealed does not open.
#[derive(Debug)]
pub(crate) struct NotOpened;

impl Sealer {
    /// A sealer for one purpose.
    pub(crate) fn new(master: &MasterKey, purpose: &str) -> Self {
        Self::with(&master.derive(purpose))
    }

    /// A sealer with exactly this key.
    pub(crate) fn with(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(&(*key).into()))
    }

    /// `nonce ‖ ciphertext`, bound to `name`.
    pub(crate) fn seal(&self, plain: &[u8], name: &[u8]) -> Result<Vec<u8>, KeysError> {
        let nonce = random::<24>()?;
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: name })
            .expect("what is sealed here is far smaller than the cipher's limit");
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// What [`Sealer::seal`] sealed under `name`.
    pub(crate) fn open(&self, sealed: &[u8], name: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
        let (nonce, sealed) = sealed.split_first_chunk::<24>().ok_or(NotOpened)?;
        let payload = Payload { msg: sealed, aad: name };
        self.0.decrypt(&XNonce::from(*nonce), payload).map(Zeroizing::new).map_err(|_| NotOpened)
    }
}

/// Fresh random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], KeysError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| KeysError::Random(error.to_string()))?;
    Ok(bytes)
}
