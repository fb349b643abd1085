//! A disk that is too small: a tmpfs of a few MiB, filled to the last bytes, and enlarged again.
//!
//! Mounting needs a mount namespace. A test runs itself again inside one (as root in one of its own,
//! otherwise as the root of a user namespace), so whatever it mounts is gone with its process.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Says to the process inside that it may mount.
const INSIDE: &str = "LONJA_TEST_MAY_MOUNT";
/// How a process gets a mount namespace, the cheaper way first.
const WAYS: [&[&str]; 2] = [&["unshare", "--mount"], &["unshare", "--user", "--map-root-user", "--mount"]];

/// What a test that mounts has to do where it stands.
pub enum Turn {
    /// Its work: it may mount.
    Work,
    /// Nothing: it has passed inside. What it printed there.
    Passed(String),
    /// Nothing: mounting is not allowed here, and why.
    Skip(String),
}

/// Runs the test `name` (its whole path) again where it may mount, unless it is there already.
///
/// # Panics
/// When it fails there: with all that it printed.
pub fn turn(name: &str) -> Turn {
    if std::env::var_os(INSIDE).is_some() {
        return Turn::Work;
    }
    let place = std::env::temp_dir().display().to_string();
    let mut said = Vec::new();
    for way in WAYS {
        let probe = run(Command::new(way[0])
            .args(&way[1..])
            .args(["mount", "-t", "tmpfs", "-o", "size=1m", "probe"])
            .arg(&place));
        match probe {
            Ok(()) => {
                let test = std::env::current_exe().expect("a test knows its own file");
                let output = Command::new(way[0])
                    .args(&way[1..])
                    .arg(test)
                    .args([name, "--exact", "--nocapture", "--test-threads", "1"])
                    .env(INSIDE, "1")
                    .output()
                    .expect("unshare was there a moment ago");
                return Turn::Passed(passed(name, &output));
            }
            Err(error) => said.push(error.to_string()),
        }
    }
    Turn::Skip(format!("nothing may be mounted here ({})", said.join("; ")))
}

/// A filter that fits no test passes too: the one test must have run.
fn passed(name: &str, output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let done = output.status.success() && text.contains("test result: ok. 1 passed");
    assert!(done, "{name} failed where it may mount:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A small disk; unmounted when it is dropped.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of `mib` MiB and at most `files` files and folders at `path`, making the folder.
    ///
    /// # Errors
    /// What `mount` says.
    pub fn mount(path: &Path, mib: u64, files: u64) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let size = format!("size={mib}m,nr_inodes={files}");
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &size, "lonja-test"]).arg(path))?;
        Ok(Self { path: path.to_path_buf() })
    }

    /// Makes room: the same disk, larger.
    ///
    /// # Errors
    /// What `mount` says.
    pub fn resize(&self, mib: u64, files: u64) -> io::Result<()> {
        let size = format!("remount,size={mib}m,nr_inodes={files}");
        run(Command::new("mount").args(["-o", &size]).arg(&self.path))
    }

    /// Writes a file that leaves `free` bytes, and gives its path. Less than that may be free already.
    ///
    /// # Errors
    /// What the file system says, except that it is full: then it is as full as it gets.
    pub fn fill(&self, free: u64) -> io::Result<PathBuf> {
        let ballast = self.path.join("ballast");
        let mut file = fs::File::options().create(true).append(true).open(&ballast)?;
        let mut left = self.free_bytes()?.saturating_sub(free);
        while left > 0 {
            let part = left.min(64 * 1024);
            match file.write(&vec![0; part as usize]) {
                Ok(written) => left -= written as u64,
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => return Err(error),
            }
        }
        Ok(ballast)
    }

    /// Bytes that are free.
    ///
    /// # Errors
    /// What `stat` says.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let output = Command::new("stat").args(["--file-system", "--format=%a %S"]).arg(&self.path).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match numbers[..] {
            [blocks, bytes] => Ok(blocks * bytes),
            _ => Err(io::Error::other(format!("stat says {text:?}"))),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The namespace ends with the process, and the mount with it.
        drop(run(Command::new("umount").arg("--lazy").arg(&self.path)));
    }
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}
