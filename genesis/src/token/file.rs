//! The file of a key that is on a token: where it is, and no secret.

use super::TokenError;
use crate::{
    files::{self, Access},
    keyfile::{Hex, KeyFileError, Purpose},
    limits::*,
    strict,
};
use contracts::{
    id::{Digest, PartyId},
    key::PublicKey,
};
use serde::{Deserialize, Serialize};
use std::{fmt, path::Path};

pub(crate) const FORMAT: &str = "lonja-token-key/v1";

/// A token, as it calls itself. Labels are for people, serial numbers tell two of one label apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenName {
    /// Its label.
    pub label: String,
    /// Its serial number; empty where only the label is known.
    pub serial: String,
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its own words: none of them steers a terminal.
        let [label, serial] = [&self.label, &self.serial].map(|word| contracts::text::visible(word));
        if serial.is_empty() { write!(f, "`{label}`") } else { write!(f, "`{label}` ({serial})") }
    }
}

/// A key on a token, as its file in the keyring says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKey {
    format: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The public key.
    pub public: PublicKey,
    /// The party that signs with it; none for keys of validators.
    pub party: Option<PartyId>,
    /// The whole path of the PKCS#11 module. It is loaded into this process.
    pub module: String,
    /// The token.
    pub token: TokenName,
    /// The id that both halves of the key have on the token.
    pub object: Hex<16>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    header: TokenKey,
    digest: Digest,
}

impl TokenKey {
    /// Of a key that was just made.
    pub(super) fn new(
        purpose: Purpose,
        public: PublicKey,
        party: Option<PartyId>,
        module: String,
        token: TokenName,
        object: [u8; 16],
    ) -> Self {
        Self { format: FORMAT.into(), purpose, public, party, module, token, object: Hex(object) }
    }

    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let damaged = |reason: String| KeyFileError::Damaged { path: path.to_path_buf(), reason };
        let File { header, digest } =
            strict::decode(&files::read_private(path, KEY_FILE_BYTES_MAX)?).map_err(damaged)?;
        if header.format != FORMAT {
            return Err(damaged(format!("its format is not {FORMAT}")));
        }
        if digest != header.digest() {
            return Err(damaged("its digest is another".into()));
        }
        header.check().map_err(|reason| damaged(reason.into()))?;
        Ok(header)
    }

    /// Writes the file at `path`, which must not be there.
    pub(super) fn write_new(&self, path: &Path) -> Result<(), KeyFileError> {
        let file = File { digest: self.digest(), header: self.clone() };
        // No secret is in it; but whoever may change it names the code that we load.
        Ok(files::write_new(path, &strict::encode(&file), Access::Private)?)
    }

    /// What no file of ours says, whatever its digest.
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let plain = |text: &str, max: usize| text.len() <= max && !text.chars().any(char::is_control);
        match () {
            () if self.purpose == Purpose::Vault => Err("a vault key is never on a token"),
            () if !plain(&self.module, MODULE_PATH_BYTES_MAX) => Err("the module's path is none"),
            () if !Path::new(&self.module).is_absolute() => Err("the module's path is not absolute"),
            () if !plain(&self.token.label, TOKEN_LABEL_BYTES_MAX) => Err("the token's label is none"),
            () if !plain(&self.token.serial, TOKEN_SERIAL_BYTES_MAX) => Err("the token's serial number is none"),
            () => Ok(()),
        }
    }

    /// Its id on the token, as people write it.
    pub fn id(&self) -> String {
        hex::encode(self.object.0)
    }

    fn digest(&self) -> Digest {
        Digest::of(&[b"lonja/token-key-file/v1\0", &strict::encode(self)])
    }

    /// Refuses what a token cannot be for.
    pub(super) fn may_be(purpose: Purpose) -> Result<(), TokenError> {
        if purpose == Purpose::Vault { Err(TokenError::Vault) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyfile::{self, FileSigner};

    fn key() -> TokenKey {
        let name = TokenName { label: "harbour".into(), serial: "0123456789abcdef".into() };
        TokenKey::new(Purpose::Log, PublicKey([7; 32]), None, "/usr/lib/module.so".into(), name, [9; 16])
    }

    #[test]
    fn the_file_has_one_form_and_every_change_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        key().write_new(&path).unwrap();
        assert_eq!(TokenKey::read(&path).unwrap(), key());
        assert!(keyfile::inspect(&path).unwrap().token.is_some());
        assert!(matches!(key().write_new(&path), Err(KeyFileError::File(files::FileError::Exists { .. }))));
        let whole = files::read(&path, KEY_FILE_BYTES_MAX).unwrap();
        for place in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            files::replace(&path, &bytes, Access::Private).unwrap();
            assert!(TokenKey::read(&path).is_err(), "byte {place}");
        }
        files::replace(&path, &[&whole[..], b" "].concat(), Access::Private).unwrap();
        assert!(TokenKey::read(&path).is_err());
    }

    #[test]
    fn what_no_file_of_ours_says_is_refused_with_a_right_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        let wrong: [fn(&mut TokenKey); 5] = [
            |key| key.purpose = Purpose::Vault,
            |key| key.module = "module.so".into(),
            |key| key.module = format!("/{}", "m".repeat(MODULE_PATH_BYTES_MAX)),
            |key| key.token.label = "\u{1b}[2J".into(),
            |key| key.token.serial = "s".repeat(TOKEN_SERIAL_BYTES_MAX + 1),
        ];
        for change in wrong {
            let mut key = key();
            change(&mut key);
            drop(std::fs::remove_file(&path));
            key.write_new(&path).unwrap();
            let refused = TokenKey::read(&path).unwrap_err();
            assert!(matches!(refused, KeyFileError::Damaged { .. }), "{refused}");
        }
    }

    #[test]
    fn a_passphrase_opens_no_key_on_a_token() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        key().write_new(&path).unwrap();
        let refused = FileSigner::open_weak(&path, &crate::Passphrase::new("p".into())).unwrap_err();
        assert!(matches!(refused, KeyFileError::OnToken { .. }), "{refused}");
    }
}
