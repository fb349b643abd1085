//! The side store: prose beside the ledger, one sealed file for each body, deletable.
//!
//! Bodies are sealed with a key that lies outside this folder, so what a deleted file leaves on a
//! disk is noise once the key is changed, and nobody finds a name by searching the folder. Names of
//! files are commitments; nothing that anybody writes becomes a path.

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use contracts::{id::SideId, side::SideBody};
use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The folder of side bodies and the key that seals them.
pub struct Sides {
    folder: PathBuf,
    cipher: XChaCha20Poly1305,
}

/// Why a side body could not be kept or shown.
#[derive(Debug, thiserror::Error)]
pub enum SidesError {
    /// The file system said no.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not what was sealed: damaged, or sealed with another key.
    #[error("side body {id} in {path} is damaged or was sealed with another key")]
    Damaged {
        /// Which.
        id: SideId,
        /// Where.
        path: PathBuf,
    },
    /// The key file has not 32 bytes.
    #[error("{path} is no side key: 32 bytes are expected")]
    Key {
        /// Where.
        path: PathBuf,
    },
    /// The operating system has no random numbers to give.
    #[error("the operating system gives no random numbers: {0}")]
    Random(String),
}

impl Sides {
    /// Opens the store in `folder`, sealed with the key in file `key_path`; makes both if they are
    /// not there.
    ///
    /// # Errors
    /// [`SidesError`].
    pub fn open(folder: &Path, key_path: &Path) -> Result<Self, SidesError> {
        fs::create_dir_all(folder).map_err(io("create", folder))?;
        let key = match fs::read(key_path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(key_path)?,
            Err(error) => return Err(io("read", key_path)(error)),
        };
        let bad = |_| SidesError::Key { path: key_path.to_path_buf() };
        let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(bad)?;
        Ok(Self { folder: folder.to_path_buf(), cipher })
    }

    /// Keeps `body` durably. Keeping it again changes nothing.
    ///
    /// # Errors
    /// [`SidesError`].
    pub fn keep(&self, body: &SideBody) -> Result<(), SidesError> {
        let (id, path) = (body.id(), self.path(&body.id()));
        if path.exists() {
            return Ok(());
        }
        let parent = path.parent().expect("every body lies in a folder of the store");
        fs::create_dir_all(parent).map_err(io("create", parent))?;
        let mut nonce = [0u8; 24];
        random(&mut nonce)?;
        let plain = Zeroizing::new(borsh::to_vec(body).expect("writing to memory does not fail"));
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &id.0 })
            .expect("a side body is far smaller than the cipher's limit");
        // Written aside and renamed, so that a crash leaves the whole file or none.
        let aside = path.with_extension("new");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside)
            .map_err(io("create", &aside))?;
        file.write_all(&nonce).and_then(|()| file.write_all(&sealed)).map_err(io("write", &aside))?;
        file.sync_data().map_err(io("sync", &aside))?;
        fs::rename(&aside, &path).map_err(io("rename", &aside))?;
        fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(io("sync", parent))
    }

    /// The body committed to by `id`, unless it was withheld or taken down.
    ///
    /// # Errors
    /// [`SidesError`], also where what is there is not what the commitment says.
    pub fn get(&self, id: &SideId) -> Result<Option<SideBody>, SidesError> {
        let path = self.path(id);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("read", &path)(error)),
        };
        let damaged = || SidesError::Damaged { id: *id, path: path.clone() };
        let (nonce, sealed) = bytes.split_first_chunk::<24>().ok_or_else(damaged)?;
        let plain =
            self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &id.0 }).map_err(|_| damaged())?;
        let body: SideBody = borsh::from_slice(&plain).map_err(|_| damaged())?;
        if body.check().is_err() || body.id() != *id { Err(damaged()) } else { Ok(Some(body)) }
    }

    /// Deletes a body that was taken down. One that is not there is no error.
    ///
    /// # Errors
    /// [`SidesError::Io`].
    pub fn delete(&self, id: &SideId) -> Result<(), SidesError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io("delete", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Every file of the store, with the commitment that its name says.
    ///
    /// # Errors
    /// [`SidesError::Io`].
    pub fn list(&self) -> Result<Vec<(PathBuf, Option<SideId>)>, SidesError> {
        let mut files = Vec::new();
        for folder in fs::read_dir(&self.folder).map_err(io("read", &self.folder))? {
            let folder = folder.map_err(io("read", &self.folder))?.path();
            for file in fs::read_dir(&folder).map_err(io("read", &folder))? {
                let path = file.map_err(io("read", &folder))?.path();
                let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                // What a crash left half written was never acknowledged.
                if path.extension().is_none_or(|extension| extension != "new") {
                    files.push((path, id));
                }
            }
        }
        files.sort();
        Ok(files)
    }

    fn path(&self, id: &SideId) -> PathBuf {
        let name = id.to_string();
        self.folder.join(&name[..2]).join(name)
    }
}

fn make_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, SidesError> {
    let mut key = Zeroizing::new(vec![0u8; 32]);
    random(&mut key)?;
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io("create", path))?;
    file.write_all(&key).and_then(|()| file.sync_all()).map_err(io("write", path))?;
    Ok(key)
}

fn random(bytes: &mut [u8]) -> Result<(), SidesError> {
    getrandom::fill(bytes).map_err(|error| SidesError::Random(error.to_string()))
}

fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SidesError {
    let path = path.to_path_buf();
    move |source| SidesError::Io { doing, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::side::SideField;

    #[test]
    fn what_is_kept_comes_back_sealed_and_every_flip_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Sides::open(&folder.path().join("sides"), &folder.path().join("sides.key")).unwrap();
        let field = SideField { name: "contact".into(), value: "harbour.master@example.org".into() };
        let body = SideBody::new([9; 32], vec![field]).unwrap();
        open().keep(&body).unwrap();
        open().keep(&body).unwrap();
        let sides = open();
        assert_eq!(sides.get(&body.id()).unwrap(), Some(body.clone()));
        assert_eq!(sides.get(&SideId([0; 32])).unwrap(), None);
        let path = sides.path(&body.id());
        let whole = fs::read(&path).unwrap();
        assert!(!whole.windows(7).any(|window| window == b"harbour"));
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x20;
            fs::write(&path, flipped).unwrap();
            assert!(matches!(sides.get(&body.id()), Err(SidesError::Damaged { .. })), "byte {at}");
        }
        sides.delete(&body.id()).unwrap();
        sides.delete(&body.id()).unwrap();
        assert_eq!(sides.get(&body.id()).unwrap(), None);
    }
}
