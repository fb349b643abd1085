//! Copying files so that their bytes are on the disk when it is done, and counted and hashed on the way.

use super::manifest::Entry;
use crate::{
    problem::{Exit, Problem},
    progress,
};
use contracts::id::Digest;
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Bytes read at once.
const PIECE_BYTES: usize = 1 << 20;
/// Work that is over sooner shows no bar.
const QUIET: Duration = Duration::from_secs(2);

/// Work on many bytes, shown where it takes longer than people like to wait in silence.
pub struct Work {
    what: &'static str,
    total: u64,
    done: u64,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Work {
    /// On `total` bytes.
    pub fn new(what: &'static str, total: u64) -> Self {
        Self { what, total, done: 0, begun: Instant::now(), bar: None }
    }

    fn add(&mut self, bytes: usize) {
        self.done += bytes as u64;
        if self.bar.is_none() && self.begun.elapsed() > QUIET {
            self.bar = Some(progress::bar(self.what, self.total >> 20));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(self.done >> 20);
        }
    }

    /// Copies the file `from` to the new file `to`, durably but for its name. `None` where `from` is gone: what its
    /// service has deleted meanwhile is not wanted.
    ///
    /// # Errors
    /// Naming the file.
    pub fn copy(&mut self, name: String, from: &Path, to: &Path) -> Result<Option<Entry>, Problem> {
        let mut source = match File::open(from) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed("read", from))?,
        };
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(failed("create", parent))?;
        }
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
        let mut target = made.map_err(failed("create", to))?;
        let (bytes, sha256) =
            self.pass(&mut source, from, |piece| target.write_all(piece).map_err(failed("write", to)))?;
        target.sync_all().map_err(failed("sync", to))?;
        Ok(Some(Entry { name, bytes, sha256 }))
    }

    /// Reads a file that is in its place, and makes its bytes durable.
    ///
    /// # Errors
    /// Naming the file.
    pub fn keep(&mut self, name: String, path: &Path) -> Result<Entry, Problem> {
        let entry = self.read(name, path)?;
        File::open(path).and_then(|file| file.sync_all()).map_err(failed("sync", path))?;
        Ok(entry)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Naming the file.
    pub fn read(&mut self, name: String, path: &Path) -> Result<Entry, Problem> {
        let mut source = File::open(path).map_err(failed("read", path))?;
        let (bytes, sha256) = self.pass(&mut source, path, |_| Ok(()))?;
        Ok(Entry { name, bytes, sha256 })
    }

    fn pass(
        &mut self,
        source: &mut File,
        path: &Path,
        mut with: impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(u64, Digest), Problem> {
        let (mut piece, mut bytes, mut hasher) = (vec![0; PIECE_BYTES], 0, Sha256::new());
        loop {
            let read = source.read(&mut piece).map_err(failed("read", path))?;
            if read == 0 {
                return Ok((bytes, Digest(hasher.finalize().into())));
            }
            hasher.update(&piece[..read]);
            with(&piece[..read])?;
            bytes += read as u64;
            self.add(read);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A folder beside its place, which takes its name when it is whole. Dropped before, it is removed.
pub struct Part {
    path: PathBuf,
    place: PathBuf,
    placed: bool,
}

impl Part {
    /// Makes the folder `PLACE.part`, which only its owner may enter.
    ///
    /// # Errors
    /// Where it is there already.
    pub fn new(place: &Path) -> Result<Self, Problem> {
        let mut path = place.as_os_str().to_owned();
        path.push(".part");
        let path = PathBuf::from(path);
        if path.exists() {
            return Err(Problem::new(format!("{} is there already", path.display()))
                .help(format!(
                    "another run is at work on it, or one was ended in the middle: then remove it with `rm -r {}`",
                    path.display()
                ))
                .exits(Exit::File));
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed("create", parent))?;
        }
        genesis::files::create_directory(&path)?;
        Ok(Self { path, place: place.to_path_buf(), placed: false })
    }

    /// Where it lies until it is whole.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes all names in it durable, and gives it its own.
    ///
    /// # Errors
    /// Naming the folder.
    pub fn place(mut self) -> Result<(), Problem> {
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(failed("list", &folder))? {
                let entry = entry.map_err(failed("list", &folder))?;
                if entry.file_type().map_err(failed("look at", &entry.path()))?.is_dir() {
                    folders.push(entry.path());
                }
            }
            genesis::files::sync_directory(&folder)?;
        }
        // An empty folder may have the name; anything else refuses.
        fs::rename(&self.path, &self.place).map_err(failed("create", &self.place))?;
        self.placed = true;
        Ok(genesis::files::sync_directory(self.place.parent().unwrap_or(Path::new(".")))?)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.placed
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// As [`crate::problem::file`], with the help that a full disk wants.
pub fn failed(doing: &str, path: &Path) -> impl FnOnce(io::Error) -> Problem {
    let text = format!("cannot {doing} {}", path.display());
    move |error| {
        let help = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room, or choose another disk",
            _ => "check the path, its permissions, and the log of the system",
        };
        Problem::new(text).because(error).help(help).exits(Exit::File)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_counted_and_what_is_gone_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let bytes = vec![7; PIECE_BYTES + 3];
        fs::write(path("a"), &bytes).unwrap();
        let mut work = Work::new("copying", 9);
        let copied = work.copy("a".into(), &path("a"), &path("new/a")).unwrap().unwrap();
        assert_eq!((copied.bytes, copied.sha256), (bytes.len() as u64, Digest::of(&[&bytes])));
        assert_eq!(work.keep("a".into(), &path("new/a")).unwrap(), copied);
        assert!(work.copy("b".into(), &path("b"), &path("new/b")).unwrap().is_none() && !path("new/b").exists());
        assert!(work.copy("a".into(), &path("a"), &path("new/a")).is_err(), "nothing is written over");
    }

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("deep/place");
        let part = Part::new(&place).unwrap();
        fs::write(part.path().join("a"), "").unwrap();
        assert!(Part::new(&place).is_err(), "another is at work");
        drop(part);
        assert_eq!(fs::read_dir(folder.path().join("deep")).unwrap().count(), 0);
        let part = Part::new(&place).unwrap();
        fs::write(part.path().join("a"), "").unwrap();
        part.place().unwrap();
        assert!(place.join("a").exists());
        let part = Part::new(&place).unwrap();
        assert!(part.place().is_err() && place.join("a").exists(), "a full folder keeps its name");
    }
}
