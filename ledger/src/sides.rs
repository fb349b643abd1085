//! The side store: prose beside the ledger, one sealed file for each body, deletable.
//!
//! Bodies are sealed with a key that lies outside this folder, so what a deleted file leaves on a
//! disk is noise once the key is changed, and nobody finds a name by searching the folder. Names of
//! files are commitments; nothing that anybody writes becomes a path. Folder `new` holds what is being
//! written; what a crash left there was never acknowledged.

use crate::whole::{self, Failed};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use contracts::{id::SideId, side::SideBody};
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Where bodies are written before they get their name. No commitment is called so.
const ASIDE: &str = "new";

/// The folder of side bodies and the key that seals them.
pub struct Sides {
    folder: PathBuf,
    cipher: XChaCha20Poly1305,
    /// Held while a folder is made, so that who finds it there finds its name durable.
    making: parking_lot::Mutex<()>,
}

/// Why a side body could not be kept or shown.
#[derive(Debug, thiserror::Error)]
pub enum SidesError {
    /// The file system said no.
    #[error(transparent)]
    File(#[from] Failed),
    /// The bytes are not what was sealed: damaged, or sealed with another key.
    #[error("side body {id} in {path} is damaged or was sealed with another key")]
    Damaged {
        /// Which.
        id: SideId,
        /// Where.
        path: PathBuf,
    },
    /// Bodies are there, and their key is not.
    #[error(
        "{path} is missing, and only it opens the side bodies that are there: put it back from a copy; without one they are lost, and moving the folder `sides` away lets the node start"
    )]
    KeyMissing {
        /// Where it should be.
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
        fs::create_dir_all(folder).map_err(Failed::to("create", folder))?;
        let key = match fs::read(key_path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(folder, key_path)?,
            Err(error) => return Err(Failed::to("read", key_path)(error).into()),
        };
        let bad = |_| SidesError::Key { path: key_path.to_path_buf() };
        let cipher = XChaCha20Poly1305::new_from_slice(&key).map_err(bad)?;
        let (folder, making) = (folder.to_path_buf(), parking_lot::Mutex::default());
        Ok(Self { folder, cipher, making })
    }

    /// Keeps `body` durably. Keeping it again changes nothing.
    ///
    /// # Errors
    /// [`SidesError`].
    pub fn keep(&self, body: &SideBody) -> Result<(), SidesError> {
        let (id, path) = (body.id(), self.path(&body.id()));
        let parent = path.parent().expect("every body lies in a folder of the store");
        if path.exists() {
            // Whoever put it there may not have come to this yet.
            return Ok(whole::sync_folder(parent)?);
        }
        let mut nonce = [0u8; 24];
        random(&mut nonce)?;
        let plain = Zeroizing::new(borsh::to_vec(body).expect("writing to memory does not fail"));
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &id.0 })
            .expect("a side body is far smaller than the cipher's limit");
        self.make_folder(parent)?;
        let aside = self.folder.join(ASIDE);
        self.make_folder(&aside)?;
        // The nonce is a name that no other submission of the same body has.
        whole::put(&aside.join(hex::encode(nonce)), &path, &[nonce.as_slice(), &sealed].concat())?;
        Ok(())
    }

    /// Is a body kept that `id` commits to?
    pub fn has(&self, id: &SideId) -> bool {
        self.path(id).exists()
    }

    /// Makes a folder of the store, with a durable name: a body is lost with the folder it lies in.
    fn make_folder(&self, folder: &Path) -> Result<(), Failed> {
        let _one_at_a_time = self.making.lock();
        match fs::create_dir(folder) {
            Ok(()) => whole::sync_folder(&self.folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(Failed::to("create", folder)(error)),
        }
    }

    /// Clears away what a crash left half written. Nobody may be keeping anything meanwhile.
    ///
    /// # Errors
    /// [`SidesError`].
    pub fn clear_unfinished(&self) -> Result<(), SidesError> {
        let aside = self.folder.join(ASIDE);
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failed::to("clear", &aside)(error).into()),
            _ => Ok(()),
        }
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
            Err(error) => return Err(Failed::to("read", &path)(error).into()),
        };
        let damaged = || SidesError::Damaged { id: *id, path: path.clone() };
        let (nonce, sealed) = bytes.split_first_chunk::<24>().ok_or_else(damaged)?;
        let plain =
            self.cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &id.0 }).map_err(|_| damaged())?;
        let body: SideBody = borsh::from_slice(&plain).map_err(|_| damaged())?;
        if body.check().is_err() || body.id() != *id { Err(damaged()) } else { Ok(Some(body)) }
    }

    /// Deletes a body that was taken down, durably. One that is not there is no error.
    ///
    /// # Errors
    /// [`SidesError::File`].
    pub fn delete(&self, id: &SideId) -> Result<(), SidesError> {
        let path = self.path(id);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failed::to("delete", &path)(error).into()),
            _ => Ok(self.sync_beside(&path)?),
        }
    }

    /// Makes it durable that `path` is not there, also where it was another start that deleted it: power that fails
    /// would bring it back.
    fn sync_beside(&self, path: &Path) -> Result<(), Failed> {
        let parent = path.parent().expect("every body lies in a folder of the store");
        if parent.is_dir() { whole::sync_folder(parent) } else { Ok(()) }
    }

    /// Nothing new is kept for as long as the caller has this: the disk is slow.
    #[cfg(test)]
    pub fn held_up(&self) -> parking_lot::MutexGuard<'_, ()> {
        self.making.lock()
    }

    /// Every file of the store, with the commitment that its name says.
    ///
    /// # Errors
    /// [`SidesError::File`].
    pub fn list(&self) -> Result<Vec<(PathBuf, Option<SideId>)>, SidesError> {
        let mut files = Vec::new();
        for folder in fs::read_dir(&self.folder).map_err(Failed::to("read", &self.folder))? {
            let folder = folder.map_err(Failed::to("read", &self.folder))?.path();
            if folder.file_name().is_some_and(|name| name == ASIDE) {
                continue;
            }
            for file in fs::read_dir(&folder).map_err(Failed::to("read", &folder))? {
                let path = file.map_err(Failed::to("read", &folder))?.path();
                let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
                files.push((path, id));
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

/// A new key, for a store that holds nothing yet.
fn make_key(folder: &Path, path: &Path) -> Result<Zeroizing<Vec<u8>>, SidesError> {
    let mut entries = fs::read_dir(folder).map_err(Failed::to("read", folder))?;
    if entries.next().is_some() {
        return Err(SidesError::KeyMissing { path: path.to_path_buf() });
    }
    let mut key = Zeroizing::new(vec![0u8; 32]);
    random(&mut key)?;
    whole::put(&path.with_extension("key.new"), path, &key)?;
    Ok(key)
}

fn random(bytes: &mut [u8]) -> Result<(), SidesError> {
    getrandom::fill(bytes).map_err(|error| SidesError::Random(error.to_string()))
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

    #[test]
    fn a_store_whose_key_is_gone_is_not_given_another() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("sides.key");
        let open = || Sides::open(&folder.path().join("sides"), &key);
        let body = SideBody::new([9; 32], vec![SideField { name: "a".into(), value: "b".into() }]).unwrap();
        open().unwrap().keep(&body).unwrap();
        fs::remove_file(&key).unwrap();
        assert!(matches!(open(), Err(SidesError::KeyMissing { .. })));
        assert!(!key.exists());
    }

    #[test]
    fn what_was_half_written_is_no_body_and_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let sides = Sides::open(&folder.path().join("sides"), &folder.path().join("sides.key")).unwrap();
        let body = SideBody::new([9; 32], vec![SideField { name: "a".into(), value: "b".into() }]).unwrap();
        sides.keep(&body).unwrap();
        let half = folder.path().join("sides").join(ASIDE).join("half");
        fs::write(&half, b"half").unwrap();
        assert_eq!(sides.list().unwrap(), vec![(sides.path(&body.id()), Some(body.id()))]);
        sides.clear_unfinished().unwrap();
        sides.clear_unfinished().unwrap();
        assert!(!half.exists());
        assert_eq!(sides.get(&body.id()).unwrap(), Some(body));
    }
}
