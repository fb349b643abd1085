//! Is there room for a copy? Asked before anything of it is written: a disk that a copy filled would stop the node.

use crate::limits::COPY_SPARE_BYTES;
use std::{io, path::Path};

/// A disk has no room for a copy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk has no room for it: {needed} bytes are needed, {free} are free; make room")]
pub struct NoRoom {
    /// Bytes that the copy needs, with those that stay free beside it.
    pub needed: u64,
    /// Bytes that are free.
    pub free: u64,
}

/// What is missing for `bytes` more on the disk of `place`, which is there; nothing where they have room.
///
/// # Errors
/// What the system says.
pub fn missing(place: &Path, bytes: u64) -> io::Result<Option<NoRoom>> {
    let found = rustix::fs::statvfs(place)?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let needed = bytes.saturating_add(COPY_SPARE_BYTES);
    Ok((needed > free).then_some(NoRoom { needed, free }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_does_not_fit_is_told_with_both_numbers() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(super::missing(folder.path(), 1).unwrap(), None);
        let missing = super::missing(folder.path(), u64::MAX / 2).unwrap().unwrap();
        assert!(missing.needed > u64::MAX / 2 && missing.free < missing.needed);
        assert!(super::missing(&folder.path().join("gone"), 1).is_err());
    }
}
