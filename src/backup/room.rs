//! Is there room for a backup? Asked before anything is written: a disk that it filled would stop the node.

use super::copying::failed;
use crate::{
    output,
    problem::{Exit, Problem},
};
use ledger::room::{self, NoRoom};
use std::path::Path;

/// Refuses a copy of `bytes` in the folder `place`, where that has no room for it.
///
/// # Errors
/// Saying how much is free and how much is needed.
pub fn check(place: &Path, bytes: u64) -> Result<(), Problem> {
    let Some(NoRoom { needed, free }) = room::missing(place, bytes).map_err(failed("look at", place))? else {
        return Ok(());
    };
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
