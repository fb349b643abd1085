//! The passphrase that opens key files: typed, or from a file that only its owner may read. PINs of tokens are read
//! here too.

use crate::{
    files::{self, Access, FileError},
    limits::PASSPHRASE_BYTES_MAX,
};
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A passphrase. Wiped when dropped; its debug form says nothing.
#[derive(Clone, Debug)]
pub struct Passphrase(SecretString);

/// A passphrase that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// Its file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is empty, too long, or not UTF-8.
    #[error("the {what} in {} is not 1 to {PASSPHRASE_BYTES_MAX} bytes of UTF-8 on one line", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is to be in it.
        what: &'static str,
    },
}

impl PassphraseError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::File(error) => error.remedy(),
            Self::Content { path, what } => format!("write one line with the {what} into {}", path.display()),
        }
    }
}

impl Passphrase {
    /// The passphrase `text`, as typed.
    pub fn new(text: String) -> Self {
        Self(SecretString::from(text))
    }

    /// 160 random bits in base32, for those who keep it in a file and never type it.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0u8; 20]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(Self::new(data_encoding::BASE32_NOPAD.encode(bytes.as_slice()).to_lowercase()))
    }

    /// Reads a passphrase file: one line, readable by its owner only.
    ///
    /// # Errors
    /// [`PassphraseError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, PassphraseError> {
        read_line("passphrase", path).map(Self)
    }

    /// Writes a new passphrase file, readable by its owner only.
    ///
    /// # Errors
    /// [`PassphraseError`], naming the file.
    pub fn write(&self, path: &Path) -> Result<(), PassphraseError> {
        let line = Zeroizing::new(format!("{}\n", self.expose()));
        Ok(files::write_new(path, line.as_bytes(), Access::Private)?)
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The secret line of a file that only its owner may read.
pub(crate) fn read_line(what: &'static str, path: &Path) -> Result<SecretString, PassphraseError> {
    let bytes = Zeroizing::new(files::read_private(path, PASSPHRASE_BYTES_MAX)?);
    let content = || PassphraseError::Content { path: path.to_path_buf(), what };
    let text = std::str::from_utf8(&bytes).map_err(|_| content())?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains('\n') { Err(content()) } else { Ok(SecretString::from(line)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_survives_its_file_and_shows_itself_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        let passphrase = Passphrase::random().unwrap();
        passphrase.write(&path).unwrap();
        assert_eq!(Passphrase::read(&path).unwrap().expose(), passphrase.expose());
        assert!(!format!("{passphrase:?}").contains(passphrase.expose()));
        assert_ne!(Passphrase::random().unwrap().expose(), passphrase.expose());
        for wrong in ["", "\n", "two\nlines\n"] {
            std::fs::remove_file(&path).unwrap();
            files::write_new(&path, wrong.as_bytes(), Access::Private).unwrap();
            assert!(Passphrase::read(&path).is_err(), "{wrong:?}");
        }
    }
}
