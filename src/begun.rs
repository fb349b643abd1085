//! That the ledger of a directory has begun is noted in the directory itself, beside the folder that has the ledger. Where
//! that folder lies on a disk of its own which is not mounted, or was taken away, an only validator would begin a second
//! history with the keys of the first, and nothing in the empty folder would tell.

use crate::problem::{Exit, Problem};
use genesis::{
    Layout,
    files::{self, Access},
};
use std::path::{Path, PathBuf};

const NOTE: &str = "The ledger of this directory has begun. lonja reads this file; it is no part of a backup.\n";

fn path(layout: &Layout) -> PathBuf {
    layout.root().join("begun")
}

/// Refuses to begin in `folder`, which has no ledger, where the directory says that there was one.
///
/// # Errors
/// When it is so.
pub fn check(layout: &Layout, folder: &Path) -> Result<(), Problem> {
    let (note, mark) = (path(layout), folder.join("highwater"));
    if mark.exists() || folder.join("db").exists() || !note.exists() {
        return Ok(());
    }
    Err(Problem::new(format!("the ledger of this directory has begun, and {} has nothing of it", folder.display()))
        .because(
            "this directory is the only validator of its network: what it began now would contradict what it signed",
        )
        .help(format!(
            "mount the disk that has it, or restore a backup into a new directory (`lonja restore`); {} says that it \
             has begun",
            note.display()
        ))
        .exits(Exit::File))
}

/// Notes that the ledger has begun. That it cannot be noted is told, and the node goes on.
pub fn note(layout: &Layout) {
    let path = path(layout);
    if !path.exists()
        && let Err(error) = files::write_new(&path, NOTE.as_bytes(), Access::Public)
    {
        tracing::warn!(path = %path.display(), %error, "that the ledger has begun cannot be noted");
    }
}
