//! Is there room for a backup? Asked before anything is written: a disk that it filled would stop the node.

use super::{copying::failed, places::bytes_in};
use crate::{
    output,
    problem::{Exit, Problem},
};
use ledger::room::{self, NoRoom};
use std::{fs, path::Path};

/// A file that every store has, and that is small.
const OF_STORE: &str = "CURRENT";

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

/// Bytes that a checkpoint of the store in folder `store` takes in the folder `to`, which is there: next to none where
/// the store's files can have second names in it.
///
/// That is tried, since one file system is not enough for it: to link(2), two mounts of it are two, such as those by
/// which systemd lets a service write (`ReadWritePaths=`). Every byte is copied then. So it counts for the process that
/// asks, and no other.
///
/// # Errors
/// Where the trial leaves something behind.
pub fn of_checkpoint(store: &Path, to: &Path) -> Result<u64, Problem> {
    let second = to.join("second-name");
    if fs::hard_link(store.join(OF_STORE), &second).is_err() {
        return Ok(bytes_in(store));
    }
    fs::remove_file(&second).map_err(failed("remove", &second))?;
    Ok(0)
}

/// Is there room for a checkpoint of `store` in a new folder `to`? Asked by the service that makes it.
///
/// # Errors
/// As [`check`].
pub fn check_checkpoint(store: &Path, to: &Path) -> Result<(), Problem> {
    let within = to.parent().unwrap_or(to);
    check(within, of_checkpoint(store, within)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_second_names_takes_no_room() {
        let folder = tempfile::tempdir().unwrap();
        let (store, to) = (folder.path().join("store"), folder.path().join("to"));
        fs::create_dir(&store).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(store.join("1.sst"), "ten bytes.").unwrap();
        fs::write(store.join(OF_STORE), "1").unwrap();
        assert_eq!(of_checkpoint(&store, &to).unwrap(), 0);
        assert_eq!(fs::read_dir(&to).unwrap().count(), 0, "the trial leaves nothing behind");
        check_checkpoint(&store, &to.join("new")).unwrap();
        // As beyond a mount: the same disk, and no second name for what lies there.
        fs::remove_file(store.join(OF_STORE)).unwrap();
        fs::create_dir(store.join(OF_STORE)).unwrap();
        assert!(of_checkpoint(&store, &to).unwrap() >= 10);
        // Eight terabytes of nothing.
        fs::File::create(store.join("2.sst")).unwrap().set_len(1 << 43).unwrap();
        let problem = check_checkpoint(&store, &to.join("new")).unwrap_err();
        assert!(problem.to_string().contains("no room"), "{problem}");
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_begun() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), 1).unwrap();
        let problem = check(folder.path(), u64::MAX / 2).unwrap_err();
        assert!(problem.to_string().contains("no room"), "{problem}");
    }
}
