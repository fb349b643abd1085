//! Files that are there whole or not at all, whatever fails on the way.

use crate::store::{KvError, StoreError};
use std::{
    fmt, fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The file system said no: what could not be done, to which file, and what it said.
#[derive(Debug)]
pub struct Failed {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { doing, path, .. } = self;
        let path = path.display();
        if self.is_full() {
            return write!(
                f,
                "the disk of {path} is full: make room and start again; nothing that was acknowledged is lost"
            );
        }
        write!(f, "cannot {doing} {path}")
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl Failed {
    /// Names what was being done to `path`.
    pub(crate) fn to(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self { doing, path, source }
    }

    /// Which file it was.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the system said.
    pub fn said(&self) -> &io::Error {
        &self.source
    }

    /// Is there no room, so that the same may succeed once there is?
    pub fn is_full(&self) -> bool {
        is_no_room(&self.source)
    }
}

fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Did somebody on the way down find a disk full? Then room is all that is needed.
pub fn found_full(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| {
        matches!(kv(cause), Some(KvError::DiskFull { .. })) || cause.downcast_ref().is_some_and(is_no_room)
    })
}

/// How a reason may pass without anybody doing something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// Another process still has what is wanted.
    InUse,
    /// The machine failed, or was short of something: threads, memory, open files.
    Failing,
}

/// May the reason pass that somebody met on the way down, and how? Not where a file is not there, not allowed, or not
/// what it should be.
pub fn passing(error: &(dyn std::error::Error + 'static)) -> Option<Passing> {
    causes(error).find_map(|cause| match (kv(cause), cause.downcast_ref::<io::Error>()) {
        (Some(KvError::InUse { .. }), _) => Some(Passing::InUse),
        (Some(KvError::Other { reason, .. }), _) => is_said_to_pass(reason).then_some(Passing::Failing),
        (_, Some(error)) => may_pass(error).then_some(Passing::Failing),
        _ => None,
    })
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

fn kv<'a>(cause: &'a (dyn std::error::Error + 'static)) -> Option<&'a KvError> {
    match cause.downcast_ref() {
        // It passes on what lies below it, so nobody meets that by asking for the cause.
        Some(StoreError::Kv(error)) => Some(error),
        _ => cause.downcast_ref(),
    }
}

/// Of what the system says, all passes but what is about names, rights and contents. What no system said is not known to.
fn may_pass(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let stays = matches!(
        error.kind(),
        Kind::NotFound
            | Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::AlreadyExists
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::DirectoryNotEmpty
            | Kind::InvalidFilename
            | Kind::CrossesDevices
            | Kind::FileTooLarge
            | Kind::InvalidInput
            | Kind::InvalidData
            | Kind::UnexpectedEof
            | Kind::Unsupported
            | Kind::Other
    );
    !stays
}

/// The same of RocksDB, which tells what the system said by words only, after the path.
fn is_said_to_pass(reason: &str) -> bool {
    const STAYS: [&str; 5] = [
        "No such file or directory",
        "Permission denied",
        "Read-only file system",
        "Not a directory",
        "Operation not permitted",
    ];
    reason.starts_with("IO error: ") && !STAYS.iter().any(|phrase| reason.contains(phrase))
}

/// Puts a file with `bytes` at `path`, readable by its owner only, replacing what is there. It is
/// written at `aside` (on the same file system) and renamed: a crash leaves the whole file or none.
/// When this returns, bytes and name are durable.
///
/// # Errors
/// [`Failed`]; nothing is left at `aside` then, since on a full disk every byte counts.
pub(crate) fn put(aside: &Path, path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let placed = write(aside, bytes).and_then(|()| fs::rename(aside, path).map_err(Failed::to("rename", aside)));
    if placed.is_err() {
        // Best effort: what stays is overwritten or cleared away the next time.
        let _ = fs::remove_file(aside);
    }
    placed?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes `folder` where it is not there, and what it lies in. When this returns its name is durable, whoever made it:
/// what is durable in a folder is lost with its name.
///
/// # Errors
/// [`Failed`].
pub(crate) fn make_folder(folder: &Path) -> Result<(), Failed> {
    make_folder_and(folder, &mut sync_folder)
}

fn make_folder_and(folder: &Path, sync: &mut dyn FnMut(&Path) -> Result<(), Failed>) -> Result<(), Failed> {
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        Some(_) => Path::new("."),
        // The root has no name.
        None => return Ok(()),
    };
    if !parent.try_exists().map_err(Failed::to("look at", parent))? {
        make_folder_and(parent, sync)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => sync(parent),
        Err(_) if folder.is_dir() => match sync(parent) {
            // Somebody made it for us who may read where it lies, and has seen to it.
            Err(error) if error.said().kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        },
        Err(error) => Err(Failed::to("create", folder)(error)),
    }
}

/// Makes the names in `folder` durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Failed> {
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Failed::to("sync", folder))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = opened.map_err(Failed::to("create", path))?;
    file.write_all(bytes).map_err(Failed::to("write", path))?;
    file.sync_all().map_err(Failed::to("sync", path))
}

/// What is said of `path` on a disk without room.
#[cfg(test)]
pub(crate) fn disk_full(path: &Path) -> Failed {
    Failed::to("write", path)(io::ErrorKind::StorageFull.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_folder_is_durable_and_so_is_that_of_each_it_lies_in() {
        let place = tempfile::tempdir().unwrap();
        let (outer, inner) = (place.path().join("outer"), place.path().join("outer/inner"));
        let made = |folder: &Path| {
            let mut synced = Vec::new();
            make_folder_and(folder, &mut |parent| {
                synced.push(parent.to_path_buf());
                sync_folder(parent)
            })
            .unwrap();
            assert!(folder.is_dir());
            synced
        };
        assert_eq!(made(&inner), [place.path(), &*outer]);
        assert_eq!(made(&inner), [&*outer], "whoever made it may not have come to this");
        fs::write(inner.join("file"), b"").unwrap();
        assert!(make_folder(&inner.join("file")).is_err());
    }
}
