//! Keys of subjects: one sealed file each, outside of the database, so that destroying one destroys it.
//!
//! A file is `nonce ‖ sealed key ‖ BLAKE3 of both`. The checksum tells damage to somebody who has not
//! the master key; it hides and protects nothing, and goes with the file.

use super::VaultError;
use crate::keys::{KeysError, MasterKey, Sealer, random};
use borsh::{BorshDeserialize, BorshSerialize};
use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Random name of a subject's key. Never used again after erasure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub(super) struct SubjectKeyId(pub [u8; 16]);

/// Bytes of a sealed key: nonce, key, tag.
const SEALED_BYTES: usize = 24 + 32 + 16;

/// The folder of subject keys.
pub(super) struct Subjects {
    folder: PathBuf,
    sealer: Sealer,
}

impl Subjects {
    pub(super) fn open(folder: &Path, master: &MasterKey) -> Result<Self, VaultError> {
        fs::create_dir_all(folder)?;
        Ok(Self::at(folder, master))
    }

    /// The folder as it is, which may be none.
    pub(super) fn at(folder: &Path, master: &MasterKey) -> Self {
        Self { folder: folder.into(), sealer: Sealer::new(master, "lonja market vault subjects v1") }
    }

    /// Makes a key, durably.
    pub(super) fn create(&self) -> Result<SubjectKeyId, VaultError> {
        let id = SubjectKeyId(random()?);
        let key = Zeroizing::new(random::<32>()?);
        let sealed = self.sealer.seal(key.as_slice(), &id.0)?;
        let path = self.path(&id);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&[sealed.as_slice(), blake3::hash(&sealed).as_bytes()].concat())?;
        file.sync_all()?;
        self.sync_folder()?;
        Ok(id)
    }

    /// The key, unless it was destroyed.
    pub(super) fn read(&self, id: &SubjectKeyId) -> Result<Option<Zeroizing<[u8; 32]>>, VaultError> {
        let file = match fs::read(self.path(id)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let sealed = whole(&file).ok_or(VaultError::Sealed)?;
        let plain = self.sealer.open(sealed, &id.0).map_err(|_| VaultError::Sealed)?;
        let key: [u8; 32] = plain.as_slice().try_into().map_err(|_| VaultError::Sealed)?;
        Ok(Some(Zeroizing::new(key)))
    }

    /// Overwrites the key with noise, then removes its file. One that is gone is no error.
    pub(super) fn destroy(&self, id: &SubjectKeyId) -> Result<(), VaultError> {
        let path = self.path(id);
        match fs::OpenOptions::new().write(true).open(&path) {
            Ok(mut file) => {
                let bytes = file.metadata()?.len() as usize;
                let mut noise = vec![0; bytes];
                getrandom::fill(&mut noise).map_err(|error| KeysError::Random(error.to_string()))?;
                file.write_all(&noise)?;
                file.sync_all()?;
                drop(file);
                fs::remove_file(&path)?;
                self.sync_folder()
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Copies all keys into the new folder `to`. No second name for the same file: destroying a key overwrites it, and
    /// would leave noise in the copy under the name of a key.
    pub(super) fn copy(&self, to: &Path) -> Result<(), VaultError> {
        copy(&self.folder, to)
    }

    fn sync_folder(&self) -> Result<(), VaultError> {
        Ok(fs::File::open(&self.folder)?.sync_all()?)
    }

    fn path(&self, id: &SubjectKeyId) -> PathBuf {
        self.folder.join(hex::encode(id.0))
    }
}

/// Copies all keys of `folder` into the new folder `to`, which is made also where there are none.
pub(super) fn copy(folder: &Path, to: &Path) -> Result<(), VaultError> {
    fs::create_dir(to)?;
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The sealed key in a file that is what was written.
pub(super) fn whole(file: &[u8]) -> Option<&[u8]> {
    let (sealed, sum) = file.split_at_checked(SEALED_BYTES)?;
    (blake3::hash(sealed).as_bytes().as_slice() == sum).then_some(sealed)
}
