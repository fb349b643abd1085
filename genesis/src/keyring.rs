//! A directory of key files, one key each, found by name. The key lies in the file, or on the token that it names.
//!
//! `operator` is the file `operator.key`; a further key of the same party is `operator.price`, a
//! validator's are `validator-0.consensus`, `validator-0.log` and `validator-0.cosigner`.

use crate::{
    files::{self, FileError},
    keyfile::{self, Cost, FileSigner, KeyFileError, PublicPart, Purpose},
    limits::KEY_NAME_BYTES_MAX,
    passphrase::Passphrase,
    suggest::nearest,
    token::{NewPair, Pin, TokenSigner},
};
use contracts::{
    id::PartyId,
    key::{PublicKey, SignError, Signature, Signer},
};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

/// A key's name: `party` or `party.key`. Lower-case letters, digits, `-`, and single dots between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyName {
    type Err = KeyringError;

    /// Also takes `party/key`. What is not a plain name is refused: a name becomes a path.
    fn from_str(text: &str) -> Result<Self, KeyringError> {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('-')
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        let name = text.replacen('/', ".", 1);
        if name.len() > KEY_NAME_BYTES_MAX || !name.split('.').all(plain) {
            return Err(KeyringError::Name { got: text.chars().take(80).collect() });
        }
        Ok(Self(name))
    }
}

/// A key that cannot be found or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Not a name that a key can have.
    #[error("`{got}` is no key name: lower-case letters, digits, `-`, and dots between, {KEY_NAME_BYTES_MAX} at most")]
    Name {
        /// What was given.
        got: String,
    },
    /// No such key.
    #[error("there is no key `{name}` in {}", directory.display())]
    Unknown {
        /// What was asked for.
        name: KeyName,
        /// Where.
        directory: PathBuf,
        /// What is there.
        known: Vec<KeyName>,
    },
    /// The directory or file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyFileError),
}

impl KeyringError {
    /// Can it pass by itself? Only where a token is away.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Key(error) if error.may_pass())
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Name { .. } => "choose a name such as `harbour` or `harbour.price`".into(),
            Self::Unknown { name, known, .. } => {
                let known: Vec<&str> = known.iter().map(|name| name.0.as_str()).collect();
                match nearest(&name.0, known.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if known.is_empty() => "make one with `lonja key new NAME`".into(),
                    None => format!("there are: {}. `lonja key new {name}` makes it", known.join(", ")),
                }
            }
            Self::File(error) => error.remedy(),
            Self::Key(error) => error.remedy(),
        }
    }
}

/// A key that was opened, wherever it is.
#[derive(Debug)]
pub enum OpenKey {
    /// In memory, from a sealed file.
    File(FileSigner),
    /// On a token.
    Token(TokenSigner),
}

impl OpenKey {
    /// What the key is for.
    pub fn purpose(&self) -> Purpose {
        match self {
            Self::File(signer) => signer.purpose(),
            Self::Token(signer) => signer.purpose(),
        }
    }

    /// The party that signs with it; none for keys of validators.
    pub fn party(&self) -> Option<PartyId> {
        match self {
            Self::File(signer) => signer.party(),
            Self::Token(signer) => signer.party(),
        }
    }
}

impl Signer for OpenKey {
    fn public(&self) -> PublicKey {
        match self {
            Self::File(signer) => signer.public(),
            Self::Token(signer) => signer.public(),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        match self {
            Self::File(signer) => signer.sign(message),
            Self::Token(signer) => signer.sign(message),
        }
    }
}

/// A directory of key files.
#[derive(Clone, Debug)]
pub struct Keyring {
    directory: PathBuf,
    cost: Cost,
}

impl Keyring {
    /// The keys in `directory`.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), cost: Cost::default() }
    }

    /// As [`Keyring::at`], sealing with almost no work and opening such files; for tests.
    #[doc(hidden)]
    pub fn weak(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), cost: Cost::TEST }
    }

    /// Where the key `name` lies.
    pub fn path(&self, name: &KeyName) -> PathBuf {
        self.directory.join(format!("{name}.key"))
    }

    /// Makes a new key, and the directory where there is none yet. One that signs for no named party is a party's
    /// first, and names it.
    ///
    /// # Errors
    /// [`KeyringError`], naming the file.
    pub fn generate(
        &self,
        name: &KeyName,
        purpose: Purpose,
        party: Option<PartyId>,
        passphrase: &Passphrase,
    ) -> Result<FileSigner, KeyringError> {
        self.make_directory()?;
        Ok(FileSigner::generate(&self.path(name), purpose, party, passphrase, self.cost)?)
    }

    /// Makes a new key on a token, and the file that names it, with the directory where there is none yet.
    ///
    /// # Errors
    /// [`KeyringError`], naming the file.
    pub fn generate_on(
        &self,
        pair: &NewPair,
        name: &KeyName,
        purpose: Purpose,
        party: Option<PartyId>,
    ) -> Result<TokenSigner, KeyringError> {
        self.make_directory()?;
        Ok(pair.make(&self.path(name), &name.0, purpose, party)?)
    }

    /// Opens the key `name`, which is on a token.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn open_token(&self, name: &KeyName, pin: Pin) -> Result<TokenSigner, KeyringError> {
        Ok(TokenSigner::open(&self.known(name)?, pin)?)
    }

    /// Opens the key `name`, whose secret lies in its file.
    ///
    /// # Errors
    /// [`KeyringError`], naming the file, and the name that may have been meant.
    pub fn open(&self, name: &KeyName, passphrase: &Passphrase) -> Result<FileSigner, KeyringError> {
        let path = self.known(name)?;
        let weak = self.cost == Cost::TEST;
        Ok(if weak { FileSigner::open_weak(&path, passphrase)? } else { FileSigner::open(&path, passphrase)? })
    }

    /// What the key `name` shows without passphrase or PIN.
    ///
    /// # Errors
    /// As [`Keyring::open`].
    pub fn inspect(&self, name: &KeyName) -> Result<PublicPart, KeyringError> {
        Ok(keyfile::inspect(&self.known(name)?)?)
    }

    /// Seals the key `name` under another passphrase.
    ///
    /// # Errors
    /// As [`Keyring::open`]; the file is then as it was.
    pub fn change_passphrase(&self, name: &KeyName, old: &Passphrase, new: &Passphrase) -> Result<(), KeyringError> {
        Ok(self.open(name, old)?.reseal(&self.path(name), new, self.cost)?)
    }

    /// The names of all keys, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self) -> Result<Vec<KeyName>, KeyringError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(FileError::io("list", &self.directory))? {
            let entry = entry.map_err(FileError::io("list", &self.directory))?;
            let file = entry.file_name();
            let Some(stem) = Path::new(&file).to_str().and_then(|file| file.strip_suffix(".key")) else { continue };
            names.extend(stem.parse::<KeyName>());
        }
        names.sort();
        Ok(names)
    }

    /// Is there a key of this name?
    pub fn has(&self, name: &KeyName) -> bool {
        self.path(name).exists()
    }

    fn known(&self, name: &KeyName) -> Result<PathBuf, KeyringError> {
        if self.has(name) {
            return Ok(self.path(name));
        }
        let known = if self.directory.exists() { self.names()? } else { Vec::new() };
        Err(KeyringError::Unknown { name: name.clone(), directory: self.directory.clone(), known })
    }

    /// Makes the directory and the one that it lies in, as far as they are missing: whoever has a key and nothing else
    /// of a network begins with an empty place.
    fn make_directory(&self) -> Result<(), KeyringError> {
        let above = self.directory.parent().filter(|above| !above.as_os_str().is_empty());
        for folder in above.into_iter().chain([self.directory.as_path()]) {
            if !folder.is_dir() {
                files::create_directory(folder)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_the_directory() {
        for name in ["operator", "validator-0.consensus", "a.b", "7"] {
            assert_eq!(name.parse::<KeyName>().unwrap().to_string(), name);
        }
        assert_eq!("harbour/price".parse::<KeyName>().unwrap().to_string(), "harbour.price");
        let long = "a".repeat(65);
        for name in ["", ".", "..", "../x", "a..b", "a/b/c", "/etc", "A", "a b", "-a", ".a", "a.", "a\0", "ä", &long] {
            assert!(matches!(name.parse::<KeyName>(), Err(KeyringError::Name { .. })), "{name:?}");
        }
    }

    #[test]
    fn the_first_key_makes_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let ring = Keyring::weak(dir.path().join("new/keys"));
        let (passphrase, name) = (Passphrase::new("p".into()), "watcher".parse().unwrap());
        let none = ring.open(&name, &passphrase).unwrap_err();
        assert!(matches!(&none, KeyringError::Unknown { known, .. } if known.is_empty()), "{none}");
        assert!(none.remedy().contains("lonja key new"), "{}", none.remedy());
        ring.generate(&name, Purpose::Sign, None, &passphrase).unwrap();
        ring.open(&name, &passphrase).unwrap();
        #[cfg(unix)]
        for folder in ["new", "new/keys"] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(dir.path().join(folder)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{folder}");
        }
    }

    #[test]
    fn keys_are_found_by_name_and_slips_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let ring = Keyring::weak(dir.path());
        let (passphrase, name) = (Passphrase::new("p".into()), "operator".parse().unwrap());
        let made = ring.generate(&name, Purpose::Sign, None, &passphrase).unwrap();
        let price = "operator.price".parse().unwrap();
        ring.generate(&price, Purpose::Price, made.party(), &passphrase).unwrap();
        assert_eq!(ring.names().unwrap(), [name.clone(), price.clone()]);
        assert_eq!(ring.open(&name, &passphrase).unwrap().public(), made.public());
        assert_eq!(ring.inspect(&price).unwrap().party, made.party());
        ring.change_passphrase(&name, &passphrase, &Passphrase::new("q".into())).unwrap();
        assert!(ring.open(&name, &passphrase).is_err());
        let slip = ring.open(&"operatr".parse().unwrap(), &passphrase).unwrap_err();
        assert!(slip.remedy().contains("`operator`"), "{}", slip.remedy());
    }
}
