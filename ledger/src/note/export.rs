//! The C2SP `tlog-proof` text (version 1): a receipt for verifiers that know nothing of lonja.

use super::{Note, NoteError};
use contracts::id::Digest;
use data_encoding::BASE64;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof that an entry is in a log, in C2SP's text form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Number of the entry.
    pub index: u64,
    /// Its inclusion path, from the leaf's sibling up.
    pub path: Vec<Digest>,
    /// The signed checkpoint.
    pub checkpoint: Note,
}

impl std::fmt::Display for TlogProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // No `extra` line: the format leaves it unauthenticated.
        writeln!(f, "{FIRST_LINE}\nindex {}", self.index)?;
        self.path.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(&hash.0)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

impl TlogProof {
    /// Reads a proof. An `extra` line is skipped, since nothing authenticates it.
    ///
    /// # Errors
    /// [`NoteError`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let bad = NoteError::Form("a tlog-proof is its first line, `index`, hashes, a blank line and a checkpoint");
        let (head, checkpoint) = text.split_once("\n\n").ok_or(bad.clone())?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(bad);
        }
        if lines.peek().is_some_and(|line| line.starts_with("extra ")) {
            lines.next();
        }
        let digits = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(bad.clone())?;
        let index: u64 = digits.parse().map_err(|_| bad.clone())?;
        let hash = |line: &str| Some(Digest(super::unbase64(line)?.try_into().ok()?));
        let path: Vec<Digest> = lines.map(hash).collect::<Option<_>>().ok_or(bad.clone())?;
        if index.to_string() != digits || path.len() > crate::log::LEVELS_MAX {
            return Err(bad);
        }
        Ok(Self { index, path, checkpoint: Note::parse(checkpoint.as_bytes())? })
    }
}
