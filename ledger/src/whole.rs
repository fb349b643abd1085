//! Files that are there whole or not at all, whatever fails on the way.

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
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
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
