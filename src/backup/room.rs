//! Is there room for a copy? Asked before anything is written: a disk that a backup filled would stop the node.

use super::copying::failed;
use crate::{
    output,
    problem::{Exit, Problem},
};
use std::path::Path;

/// Bytes that stay free beside a copy, for the services that write to the same disk meanwhile.
const SPARE_BYTES: u64 = 256 << 20;

/// Refuses a copy of `bytes` in the folder `place`, where that has no room for it.
///
/// # Errors
/// Saying how much is free and how much is needed.
pub fn check(place: &Path, bytes: u64) -> Result<(), Problem> {
    let found = rustix::fs::statvfs(place).map_err(std::io::Error::from).map_err(failed("look at", place))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let needed = bytes.saturating_add(SPARE_BYTES);
    if needed <= free {
        return Ok(());
    }
    Err(Problem::new(format!("the disk of {} has no room for it", place.display()))
        .because(format!("{} are needed, {} are free", output::size(needed), output::size(free)))
        .help("make room, or choose another disk")
        .exits(Exit::File))
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_does_not_fit_is_refused_before_it_is_begun() {
        let folder = tempfile::tempdir().unwrap();
        super::check(folder.path(), 1).unwrap();
        let problem = super::check(folder.path(), u64::MAX / 2).unwrap_err();
        assert!(problem.to_string().contains("no room"), "{problem}");
    }
}
