//! Reading and writing small files so that a crash leaves the old or the new, never half of one.
//!
//! Everything of this crate that touches a path goes through here, so that every error names it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// A file that could not be read or written as it must be.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("{} does not exist", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
    },
    /// It is there already.
    #[error("{} exists already", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// It is longer than anything that belongs there.
    #[error("{} has more than {max} bytes", path.display())]
    TooLong {
        /// Which.
        path: PathBuf,
        /// The most it may have.
        max: u64,
    },
    /// Others than its owner may read it.
    #[error("{} can be read by others than its owner (mode {mode:o})", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What we were doing.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl FileError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::AlreadyExists => Self::Exists { path },
            _ => Self::Io { doing, path, source },
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Missing { path } => {
                format!("check the path {}, or create the network with `lonja network create`", path.display())
            }
            Self::Exists { path } => format!("choose another name, or move {} away first", path.display()),
            Self::TooLong { path, .. } => format!("look at {}: it is not the file that belongs there", path.display()),
            Self::Open { path, .. } => {
                format!("run `chmod 600 {}`, and change its passphrase if others may have read it", path.display())
            }
            Self::Io { path, .. } => {
                format!("check permissions and free space at {}", path.parent().unwrap_or(path).display())
            }
        }
    }
}

/// Reads a whole file of at most `max` bytes.
///
/// # Errors
/// [`FileError`], naming the file.
pub fn read(path: &Path, max: u64) -> Result<Vec<u8>, FileError> {
    let file = File::open(path).map_err(FileError::io("open", path))?;
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(FileError::io("read", path))?;
    if bytes.len() as u64 > max { Err(FileError::TooLong { path: path.to_path_buf(), max }) } else { Ok(bytes) }
}

/// As [`read`], for a file with a secret: refused when anybody but its owner may read it.
///
/// # Errors
/// [`FileError`], naming the file.
pub fn read_private(path: &Path, max: u64) -> Result<Vec<u8>, FileError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).map_err(FileError::io("look at", path))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(FileError::Open { path: path.to_path_buf(), mode });
        }
    }
    read(path, max)
}

/// Who may read a file that we write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner only: mode 0600.
    Private,
    /// Anybody: mode 0644.
    Public,
}

fn options(access: Access) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if access == Access::Private { 0o600 } else { 0o644 });
    }
    options
}

/// Writes a file that must not exist yet, durably: after a crash it is there whole, or not at all.
///
/// # Errors
/// [`FileError`], naming the file; there is none then, since half of one would stand in the way of the
/// next attempt.
pub fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    if path.exists() {
        return Err(FileError::Exists { path: path.to_path_buf() });
    }
    let beside = own_beside(path);
    drop(fs::remove_file(&beside));
    let placed = write_whole(&beside, bytes, access).and_then(|()| place(&beside, path));
    // Its second name goes, or what was written of it. One that stays is never read.
    drop(fs::remove_file(&beside));
    placed?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// A name beside `path` of this process and call alone; what a crash left under it was never read.
fn own_beside(path: &Path) -> PathBuf {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    beside(path, &format!(".{}-{call}.new", std::process::id()))
}

/// Gives `whole` the name `path`, unless something has it.
fn place(whole: &Path, path: &Path) -> Result<(), FileError> {
    match fs::hard_link(whole, path) {
        // Some file systems know one name for a file only; there, two that create it at once can meet.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists && !path.exists() => {
            fs::rename(whole, path).map_err(FileError::io("create", path))
        }
        linked => linked.map_err(FileError::io("create", path)),
    }
}

fn write_whole(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let mut file = options(access).open(path).map_err(FileError::io("create", path))?;
    file.write_all(bytes).map_err(FileError::io("write", path))?;
    file.sync_all().map_err(FileError::io("write", path))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    beside.into()
}

/// Replaces a file: after a crash there is the old one or the new one.
///
/// # Errors
/// [`FileError`], naming the file.
pub fn replace(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let beside = beside(path, ".new");
    // What a crash left behind here was never the file itself.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(FileError::io("remove", &beside)(error)),
        _ => {}
    }
    write_whole(&beside, bytes, access)?;
    fs::rename(&beside, path).map_err(FileError::io("replace", path))?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// As [`replace`], for a file that several processes may replace at once: the last one stands, whole.
///
/// # Errors
/// [`FileError`], naming the file.
pub fn replace_among(path: &Path, bytes: &[u8], access: Access) -> Result<(), FileError> {
    let beside = own_beside(path);
    drop(fs::remove_file(&beside));
    let renamed = write_whole(&beside, bytes, access)
        .and_then(|()| fs::rename(&beside, path).map_err(FileError::io("replace", path)));
    if renamed.is_err() {
        // Nobody reads what was written of it.
        drop(fs::remove_file(&beside));
    }
    renamed?;
    sync_directory(path.parent().unwrap_or(Path::new(".")))
}

/// Creates a directory that only its owner may enter.
///
/// # Errors
/// [`FileError`], naming the directory.
pub fn create_directory(path: &Path) -> Result<(), FileError> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path).map_err(FileError::io("create the directory", path))
}

/// Makes the names in a directory durable.
///
/// # Errors
/// [`FileError`], naming the directory.
pub fn sync_directory(path: &Path) -> Result<(), FileError> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path).and_then(|directory| directory.sync_all()).map_err(FileError::io("sync the directory", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_and_owners_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        write_new(&path, b"0123456789", Access::Private).unwrap();
        assert_eq!(read_private(&path, 10).unwrap(), b"0123456789");
        assert!(matches!(read(&path, 9), Err(FileError::TooLong { max: 9, .. })));
        assert!(matches!(write_new(&path, b"x", Access::Private), Err(FileError::Exists { .. })));
        assert!(matches!(place(&path, &path), Err(FileError::Exists { .. })), "also where it came in between");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing stays beside it");
        replace(&path, b"new", Access::Private).unwrap();
        assert_eq!(read_private(&path, 10).unwrap(), b"new");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let error = read_private(&path, 10).unwrap_err();
            assert!(matches!(error, FileError::Open { mode: 0o640, .. }), "{error}");
            assert!(error.remedy().contains("chmod 600"), "{}", error.remedy());
        }
        let missing = read(&dir.path().join("nowhere"), 1).unwrap_err();
        assert!(missing.to_string().contains("nowhere"), "{missing}");
    }
}
