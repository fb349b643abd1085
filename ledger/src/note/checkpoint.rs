//! Checkpoints (C2SP tlog-checkpoint v1.0.0) and their cosignatures (tlog-cosignature v1.0.1).

use super::{KeyKind, Note, NoteError, NoteSignature, VerifierKey};
use crate::log::proof::TreeHead;
use contracts::{
    id::{Digest, NetworkId},
    key::Signature,
    validators::Validator,
};
use data_encoding::BASE64;

/// The latest time that a cosignature may carry, in seconds since 1970.
pub const TIME_MAX: u64 = i64::MAX as u64;

/// May a cosignature carry `time`, in seconds since 1970?
pub fn is_time(time: u64) -> bool {
    (1..=TIME_MAX).contains(&time)
}

/// The log's name: first line of its checkpoints, and name of its keys.
pub fn origin(network: &NetworkId) -> String {
    format!("lonja.{network}")
}

/// The text of the checkpoint of `head`: what the log key signs. No extension lines, ever.
pub fn body(network: &NetworkId, head: &TreeHead) -> String {
    format!("{}\n{}\n{}\n", origin(network), head.size, BASE64.encode(&head.root.0))
}

/// What a cosigner signs at `time` (seconds since 1970) over a checkpoint's text.
pub fn cosigned_message(time: u64, body: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{body}").into_bytes()
}

/// Reads a checkpoint's text. Extension lines are refused, since we never write any and nobody
/// could audit them.
///
/// # Errors
/// [`NoteError::Form`].
pub fn parse(text: &str) -> Result<(String, TreeHead), NoteError> {
    let bad = NoteError::Form("a checkpoint is three lines: origin, size, root in base64");
    let mut lines = text.strip_suffix('\n').ok_or(bad.clone())?.split('\n');
    let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next()) else {
        return Err(bad);
    };
    let number: u64 = size.parse().map_err(|_| bad.clone())?;
    let root = super::unbase64(root).and_then(|bytes| bytes.try_into().ok()).ok_or(bad.clone())?;
    // `parse` takes a plus sign and leading zeros; the specification does not.
    if origin.is_empty() || number.to_string() != size {
        return Err(bad);
    }
    Ok((origin.to_owned(), TreeHead { size: number, root: Digest(root) }))
}

/// Reads the text of a checkpoint of any log: extension lines may follow, which are not empty. A witness
/// covers them by its signature and says nothing about them.
///
/// # Errors
/// [`NoteError::Form`].
pub fn parse_extended(text: &str) -> Result<(String, TreeHead), NoteError> {
    let extensions = text.match_indices('\n').nth(2).map_or(text.len(), |(at, _)| at + 1);
    if text[extensions..].split_terminator('\n').any(str::is_empty) || !text.ends_with('\n') {
        return Err(NoteError::Form("extension lines of a checkpoint are not empty, and end in a newline"));
    }
    parse(&text[..extensions])
}

/// The verifier key under which `validator` signs checkpoints as the log.
///
/// # Errors
/// [`NoteError::Name`], which the origin cannot cause.
pub fn log_key(network: &NetworkId, validator: &Validator) -> Result<VerifierKey, NoteError> {
    VerifierKey::new(origin(network), KeyKind::Ed25519, validator.log)
}

/// The verifier key under which `validator` cosigns checkpoints. Its name is the log's, a slash and
/// the validator's: unique, since no set has a name twice.
///
/// # Errors
/// [`NoteError::Name`] where the validator's name has spaces or a plus sign; a checked set has none.
pub fn cosigner_key(network: &NetworkId, validator: &Validator) -> Result<VerifierKey, NoteError> {
    VerifierKey::new(format!("{}/{}", origin(network), validator.name), KeyKind::Cosignature, validator.cosigner)
}

/// The signature line of `validator` as the log.
///
/// # Errors
/// As [`log_key`].
pub fn log_line(network: &NetworkId, validator: &Validator, signature: &Signature) -> Result<NoteSignature, NoteError> {
    Ok(log_key(network, validator)?.line(&signature.0))
}

/// The signature line of `validator` as a cosigner at `time`.
///
/// # Errors
/// As [`cosigner_key`].
pub fn cosigner_line(
    network: &NetworkId,
    validator: &Validator,
    time: u64,
    signature: &Signature,
) -> Result<NoteSignature, NoteError> {
    Ok(cosignature_line(&cosigner_key(network, validator)?, time, signature))
}

/// The signature line of a cosigner with `key` at `time`.
pub fn cosignature_line(key: &VerifierKey, time: u64, signature: &Signature) -> NoteSignature {
    key.line(&[&time.to_be_bytes(), signature.0.as_slice()].concat())
}

/// A checkpoint of `network` as a note with `lines`.
///
/// # Errors
/// [`NoteError`].
pub fn note(network: &NetworkId, head: &TreeHead, lines: Vec<NoteSignature>) -> Result<Note, NoteError> {
    Note::new(body(network, head), lines)
}
