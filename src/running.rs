//! Where the services of a directory run now.
//!
//! A service that starts writes its URL into `DIR/running/NAME` and keeps the file locked for as long
//! as it runs. Commands on the same directory read it, so that they find a service also on a port that
//! was chosen for one run. A lock dies with its process: what a killed service left behind is seen to
//! be stale, and `lonja.toml` holds again.

use genesis::Layout;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A URL in such a file, in bytes.
const URL_BYTES_MAX: u64 = 1_024;
/// How long to wait for commands that look at the file just now; each holds it for microseconds.
const LOCK_WAIT: Duration = Duration::from_secs(1);

/// Holds the announcement of a running service; dropping it takes it back.
#[derive(Debug)]
pub struct Announced(File);

impl Drop for Announced {
    fn drop(&mut self) {
        // Emptied and not removed: another service may have opened it and be waiting for the lock.
        drop(self.0.set_len(0));
    }
}

fn path(layout: &Layout, name: &str) -> PathBuf {
    layout.root().join("running").join(name)
}

/// Says that the service `name` of the directory runs at `url`. That it cannot be said is no reason
/// not to run: commands then use the address in `lonja.toml`, or the flags that name another.
pub fn announce(layout: &Layout, name: &str, url: &str) -> Option<Announced> {
    match try_announce(&path(layout, name), url) {
        Ok(announced) => Some(announced),
        Err(error) => {
            tracing::warn!("commands on this directory will not find the {name} by themselves: {error}");
            None
        }
    }
}

fn try_announce(path: &Path, url: &str) -> io::Result<Announced> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::ResourceBusy.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    file.set_len(0)?;
    file.write_all(url.as_bytes())?;
    Ok(Announced(file))
}

/// The URL at which the service `name` of the directory runs now, if it does.
pub fn find(layout: &Layout, name: &str) -> Option<String> {
    let file = File::open(path(layout, name)).ok()?;
    // Who gets the lock knows that nobody runs.
    let Err(TryLockError::WouldBlock) = file.try_lock_shared() else { return None };
    let mut url = String::new();
    file.take(URL_BYTES_MAX).read_to_string(&mut url).ok()?;
    (!url.is_empty()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_found_while_it_runs_and_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        assert_eq!(find(&layout, "node"), None);
        let first = announce(&layout, "node", "http://127.0.0.1:7100").unwrap();
        assert_eq!(find(&layout, "node").as_deref(), Some("http://127.0.0.1:7100"));
        assert_eq!(find(&layout, "marketplace"), None);
        drop(first);
        assert_eq!(find(&layout, "node"), None);
        let second = announce(&layout, "node", "http://[::1]:9").unwrap();
        assert_eq!(find(&layout, "node").as_deref(), Some("http://[::1]:9"));
        drop(second);
        // What a killed process leaves: the words without the lock.
        fs::write(path(&layout, "node"), "http://127.0.0.1:7100").unwrap();
        assert_eq!(find(&layout, "node"), None);
    }
}
