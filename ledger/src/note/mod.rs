//! Signed notes as C2SP writes them (signed-note v1.0.0): text, a blank line, signature lines.
//!
//! Owns the text form of signatures: notes, key ids and verifier keys ("vkeys"); and in its modules
//! checkpoints, their cosignatures, and the `tlog-proof` export. It never holds a secret, and never
//! decides whom to trust: callers bring the keys that they know.

use contracts::{
    id::Digest,
    key::{PublicKey, Signature},
};
use data_encoding::BASE64;
use std::fmt;

pub mod checkpoint;
pub mod export;

/// A note in bytes, signatures included. Checkpoints have a few hundred; sixteen lines of the
/// longest known signatures (ML-DSA-44, 2,420 bytes) fit.
pub const NOTE_BYTES_MAX: usize = 64 * 1024;
/// Signature lines of a note. The specification asks for 16 at least; public witnesses add theirs.
pub const SIGNATURES_MAX: usize = 200;

/// Signature algorithms that this network uses, by their C2SP type bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519 over the note's text.
    Ed25519,
    /// Ed25519 cosignature/v1: over time and text, with the time beside it.
    Cosignature,
}

impl KeyKind {
    /// The type byte inside key ids and verifier keys.
    pub fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// Why a note, key or proof text was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Too long to be looked at.
    #[error("a note has at most {NOTE_BYTES_MAX} bytes and {SIGNATURES_MAX} signatures")]
    TooLarge,
    /// Not in the form that the specification gives.
    #[error("{0}")]
    Form(&'static str),
    /// A signature line that is none.
    #[error("signature line {0} is not `— name base64`")]
    Line(usize),
    /// A key that we know signed something else.
    #[error("the signature of {0} does not verify")]
    Signature(String),
    /// Nobody that we know signed.
    #[error("no known key signed this note")]
    Nobody,
    /// A name with a space or a plus sign, or none at all.
    #[error("`{0}` cannot be the name of a key: no spaces, no `+`, not empty")]
    Name(String),
    /// Text that is not `name+hexid+base64`, or whose id is not that of its key.
    #[error("`{0}` is no verifier key of Ed25519 (type 1) or of a cosigner (type 4)")]
    VerifierKey(String),
}

/// A key that verifies signatures in notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: KeyKind,
    key: PublicKey,
}

impl VerifierKey {
    /// The key `key` of kind `kind` named `name`.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn new(name: impl Into<String>, kind: KeyKind, key: PublicKey) -> Result<Self, NoteError> {
        let name = name.into();
        if is_name(&name) { Ok(Self { name, kind, key }) } else { Err(NoteError::Name(name)) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs with.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The key itself, whatever its name.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Does `line` say that it is by this key? Whether it is shows [`Note::verify`].
    pub fn is_named_by(&self, line: &NoteSignature) -> bool {
        self.name == line.name && self.id() == line.id
    }

    /// Its id: the first four bytes of `SHA-256(name ‖ 0x0a ‖ type ‖ key)`. It tells keys apart and
    /// proves nothing.
    pub fn id(&self) -> [u8; 4] {
        let digest = Digest::of(&[self.name.as_bytes(), b"\n", &[self.kind.byte()], &self.key.0]);
        [digest.0[0], digest.0[1], digest.0[2], digest.0[3]]
    }

    /// The line that carries `signature` by this key; for a cosignature, with the time before it.
    pub(crate) fn line(&self, signature: &[u8]) -> NoteSignature {
        NoteSignature { name: self.name.clone(), id: self.id(), bytes: signature.to_vec() }
    }

    /// Checks the bytes of one signature over `text`. Returns the time of a cosignature.
    fn verify(&self, text: &str, bytes: &[u8]) -> Result<Option<u64>, NoteError> {
        let wrong = || NoteError::Signature(self.name.clone());
        let (time, signature) = match self.kind {
            KeyKind::Ed25519 => (None, bytes),
            KeyKind::Cosignature => {
                let (time, signature) = bytes.split_first_chunk::<8>().ok_or_else(wrong)?;
                (Some(u64::from_be_bytes(*time)), signature)
            }
        };
        let signature = Signature(signature.try_into().map_err(|_| wrong())?);
        let message = match time {
            None => text.as_bytes().to_vec(),
            Some(time) if time <= checkpoint::TIME_MAX => checkpoint::cosigned_message(time, text),
            Some(_) => return Err(wrong()),
        };
        self.key.verify_raw(&message, &signature).map_err(|_| wrong())?;
        Ok(time)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind.byte()], self.key.0.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), BASE64.encode(&key))
    }
}

impl std::str::FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let bad = || NoteError::VerifierKey(text.chars().take(160).collect());
        // Base64 may hold a plus sign, so only the first two separate.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(bad()) };
        let bytes = unbase64(key).ok_or_else(bad)?;
        let (kind, key) = match bytes.split_first() {
            Some((0x01, key)) => (KeyKind::Ed25519, key),
            Some((0x04, key)) => (KeyKind::Cosignature, key),
            _ => return Err(bad()),
        };
        let found = Self::new(name, kind, PublicKey(key.try_into().map_err(|_| bad())?))?;
        if found.to_string() == text { Ok(found) } else { Err(bad()) }
    }
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// Name of the key.
    pub name: String,
    /// Id of the key.
    pub id: [u8; 4],
    /// What follows the id: for Ed25519 64 bytes, for a cosignature 8 bytes of time before them.
    pub bytes: Vec<u8>,
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "— {} {}", self.name, BASE64.encode(&[self.id.as_slice(), &self.bytes].concat()))
    }
}

/// A note as it was read. Its text means nothing before [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A signature that verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Which of the known keys, by its place among them.
    pub key: usize,
    /// When, in seconds since 1970, if it is a cosignature.
    pub time: Option<u64>,
}

impl Note {
    /// A note of `text`, which ends in a newline, with `signatures`.
    ///
    /// # Errors
    /// [`NoteError::Form`].
    pub fn new(text: impl Into<String>, signatures: Vec<NoteSignature>) -> Result<Self, NoteError> {
        let note = Self { text: text.into(), signatures };
        // Whatever is built here can be read again.
        match Self::parse(note.to_string().as_bytes())? == note {
            true => Ok(note),
            false => Err(NoteError::Form("the note would not be read as it was written")),
        }
    }

    /// Reads a signed note.
    ///
    /// # Errors
    /// [`NoteError`] where it is not well formed.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(NoteError::TooLarge);
        }
        let whole = std::str::from_utf8(bytes).map_err(|_| NoteError::Form("a note is UTF-8"))?;
        if whole.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteError::Form("a note has no control characters but newlines"));
        }
        let blank = whole.rfind("\n\n").ok_or(NoteError::Form("a blank line comes before the signatures"))?;
        let (text, lines) = (&whole[..=blank], &whole[blank + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form("a note ends in a newline after a signature"))?;
        let lines: Vec<&str> = lines.split('\n').collect();
        if lines.len() > SIGNATURES_MAX {
            return Err(NoteError::TooLarge);
        }
        let signature = |(number, line): (usize, &&str)| line_of(line).ok_or(NoteError::Line(number + 1));
        let signatures = lines.iter().enumerate().map(signature).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, final newline included. Not to be believed before [`Note::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks every signature by one of `known`, and ignores the others, as the specification asks.
    ///
    /// # Errors
    /// [`NoteError::Signature`] where a known key's signature is wrong or stands there twice;
    /// [`NoteError::Nobody`] where no known key signed.
    pub fn verify(&self, known: &[VerifierKey]) -> Result<Vec<Signed>, NoteError> {
        let mut signed: Vec<Signed> = Vec::new();
        for line in &self.signatures {
            let Some(key) = known.iter().position(|key| key.is_named_by(line)) else { continue };
            if signed.iter().any(|earlier| earlier.key == key) {
                return Err(NoteError::Signature(line.name.clone()));
            }
            signed.push(Signed { key, time: known[key].verify(&self.text, &line.bytes)? });
        }
        if signed.is_empty() { Err(NoteError::Nobody) } else { Ok(signed) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

fn line_of(line: &str) -> Option<NoteSignature> {
    let (name, base64) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = unbase64(base64)?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    (is_name(name) && !bytes.is_empty()).then(|| NoteSignature {
        name: name.to_owned(),
        id: *id,
        bytes: bytes.to_vec(),
    })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+' || c.is_control())
}

/// The bytes that `text` is in base64 (RFC 4648, section 4), if it is written as they are: the decoder takes parts
/// with padding one after the other, which would be a second spelling.
pub(crate) fn unbase64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}

#[cfg(test)]
mod tests;
