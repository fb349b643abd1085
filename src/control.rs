//! A door into a running service for commands on the same directory: a UNIX socket `DIR/running/NAME.control` that
//! only its owner may open.
//!
//! A store has one opener, so only the service itself can say what its store holds at one moment; and what it writes
//! then lies on the disk of the directory, which is no matter for anybody who reaches its port. So there is one
//! request, `{"checkpoint": "/a/new/folder"}`, in one line, and one line of answer. Whoever may open the socket may
//! read every file of the directory anyway.
//!
//! A socket's path has 107 bytes at most, and directories may lie deeper. Both ends go through the open folder
//! (`/proc/self/fd/N/NAME.control`), whose path is always short.

use crate::problem::{Exit, Problem, file};
use genesis::Layout;
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirBuilder, File},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::{DirBuilderExt as _, PermissionsExt as _},
            net::UnixStream,
        },
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, unix::SocketAddr},
    sync::Semaphore,
    task::JoinHandle,
};

/// Bytes of a request, with its line feed.
const REQUEST_BYTES_MAX: u64 = 4 * 1024;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Connections at once; each holds one file open.
const CONNECTIONS_MAX: usize = 4;
/// How long the other side may take to send its line, and to take ours.
const LINE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a checkpoint may take: on one file system seconds, elsewhere as long as the store is copied.
const CHECKPOINT_TIME_MAX: Duration = Duration::from_secs(6 * 3600);

/// Copies what a service has into a folder that does not exist yet, or says why not.
pub type Checkpoint = Arc<dyn Fn(&Path) -> Result<(), String> + Send + Sync>;

/// What may be asked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// Where to, as an absolute path.
    checkpoint: PathBuf,
}

/// What is answered.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// It was done.
    Done(bool),
    /// Why it was not.
    Error(String),
}

/// The door of a running service. Dropping it closes it.
pub struct Door {
    task: JoinHandle<()>,
    path: PathBuf,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
        // The announcement's lock is held for longer than this lives, so nobody has put another in its place.
        drop(fs::remove_file(&self.path));
    }
}

/// Opens the door of the service `name` of the directory, which must have been announced: that lock keeps others from
/// doing the same.
///
/// # Errors
/// When there cannot be a socket.
pub fn open(layout: &Layout, name: &str, checkpoint: Checkpoint) -> io::Result<Door> {
    let (folder, socket) = (folder(layout), format!("{name}.control"));
    let opened = File::open(&folder)?;
    // Bound where nobody else may enter until only its owner may use it, then put over what a killed service left.
    let aside = format!("{name}.control.new");
    drop(fs::remove_dir_all(folder.join(&aside)));
    DirBuilder::new().mode(0o700).create(folder.join(&aside))?;
    let bound = through(&opened, &format!("{aside}/socket"));
    let listener = UnixListener::bind(&bound)?;
    fs::set_permissions(&bound, fs::Permissions::from_mode(0o600))?;
    let path = folder.join(socket);
    fs::rename(&bound, &path)?;
    fs::remove_dir(folder.join(&aside))?;
    Ok(Door { task: tokio::spawn(serve(listener, checkpoint)), path })
}

fn folder(layout: &Layout) -> PathBuf {
    layout.root().join("running")
}

/// `name` in the open folder, by a path that is short wherever the folder lies.
fn through(folder: &File, name: &str) -> PathBuf {
    Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string()).join(name)
}

async fn serve(listener: UnixListener, checkpoint: Checkpoint) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted: io::Result<(tokio::net::UnixStream, SocketAddr)> = listener.accept().await;
        let Ok((stream, _)) = accepted else {
            // As where the process has no more files to open: it may have again.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let checkpoint = checkpoint.clone();
        tokio::spawn(async move {
            answer(stream, checkpoint).await;
            drop(place);
        });
    }
}

/// Reads one request, does it, and writes one answer. Whoever is too slow, or gone, gets none.
async fn answer(mut stream: tokio::net::UnixStream, checkpoint: Checkpoint) {
    let (reading, mut writing) = stream.split();
    let mut line = Vec::new();
    let mut reading = tokio::io::BufReader::new(reading.take(REQUEST_BYTES_MAX));
    let read = tokio::time::timeout(LINE_TIME_MAX, reading.read_until(b'\n', &mut line)).await;
    let Ok(Ok(_)) = read else { return };
    let answer = match request(&line) {
        Err(reason) => Answer::Error(reason),
        Ok(to) => match tokio::task::spawn_blocking(move || checkpoint(&to)).await {
            Ok(Ok(())) => Answer::Done(true),
            Ok(Err(reason)) => Answer::Error(reason),
            Err(error) => Answer::Error(format!("the checkpoint broke down: {error}")),
        },
    };
    let mut text = serde_json::to_vec(&answer).expect("an answer has a JSON form");
    text.push(b'\n');
    drop(tokio::time::timeout(LINE_TIME_MAX, writing.write_all(&text)).await);
}

/// The folder that a request asks for, or what is wrong with it.
fn request(line: &[u8]) -> Result<PathBuf, String> {
    let Some(line) = line.strip_suffix(b"\n") else {
        return Err(match line.len() as u64 {
            REQUEST_BYTES_MAX => format!("a request is one line of at most {REQUEST_BYTES_MAX} bytes"),
            _ => "a request is one whole line, and this one has no end".into(),
        });
    };
    let Request { checkpoint } = serde_json::from_slice(line)
        .map_err(|error| format!("the one request there is is {{\"checkpoint\": \"/a/new/folder\"}}: {error}"))?;
    if !checkpoint.is_absolute() {
        return Err(format!("{} is no absolute path", checkpoint.display()));
    }
    // What is there may be anybody's, and a link to nowhere would be followed.
    match fs::symlink_metadata(&checkpoint) {
        Ok(_) => Err(format!("{} exists already", checkpoint.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(checkpoint),
        Err(error) => Err(format!("cannot look at {}: {error}", checkpoint.display())),
    }
}

/// Asks the running service `name` of the directory for a checkpoint in the new folder `to`. Waits until it is there.
///
/// # Errors
/// When it cannot be asked, or says why not.
pub fn ask(layout: &Layout, name: &str, to: &Path) -> Result<(), Problem> {
    let path = folder(layout).join(format!("{name}.control"));
    let unreachable = |error: io::Error| {
        Problem::new(format!("the {name} runs, and cannot be asked for a copy of its store by {}", path.display()))
            .because(error)
            .help(
                "run this as the user of the service and on its machine; a service of an older version has to be \
                 started again first",
            )
            .exits(Exit::Unreachable)
    };
    let request = serde_json::to_string(&Request { checkpoint: to.to_path_buf() })
        .map_err(|error| Problem::usage(format!("{}: {error}", to.display()), "choose a path in UTF-8"))?;
    if request.len() as u64 >= REQUEST_BYTES_MAX {
        return Err(Problem::usage(format!("{} is too long a path", to.display()), "choose a shorter one"));
    }
    let line = said(&layout_folder(layout)?, name, &request).map_err(unreachable)?;
    match serde_json::from_str(&line) {
        Ok(Answer::Done(_)) => Ok(()),
        Ok(Answer::Error(reason)) => Err(Problem::new(format!("the {name} made no copy of its store"))
            .because(reason)
            .help(
                "check the room and the permissions where the backup is to lie, and under systemd whether the unit's \
                 ReadWritePaths= names that place; the service's log may say more",
            )
            .exits(Exit::File)),
        Err(error) => Err(unreachable(io::Error::new(io::ErrorKind::InvalidData, error))),
    }
}

fn layout_folder(layout: &Layout) -> Result<File, Problem> {
    let folder = folder(layout);
    File::open(&folder).map_err(file("open", &folder))
}

/// Sends a line through the socket of `name` in the open `folder`, and reads the line that comes back.
fn said(folder: &File, name: &str, request: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(through(folder, &format!("{name}.control")))?;
    stream.set_write_timeout(Some(LINE_TIME_MAX))?;
    stream.set_read_timeout(Some(CHECKPOINT_TIME_MAX))?;
    stream.write_all(format!("{request}\n").as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line)?;
    if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileTypeExt as _;

    fn made(to: &Path) -> Result<(), String> {
        fs::create_dir(to).map_err(|error| error.to_string())
    }

    /// What is answered to `request`. Who stood still for [`LINE_TIME_MAX`] is let go without an answer, as a whole busy
    /// machine may, and asks again.
    async fn tell(layout: &Layout, request: &str) -> io::Result<String> {
        let begun = std::time::Instant::now();
        loop {
            let (folder, request) = (File::open(folder(layout)).unwrap(), request.to_owned());
            let told = tokio::task::spawn_blocking(move || said(&folder, "node", &request)).await.unwrap();
            if told.is_ok() || begun.elapsed() > 12 * LINE_TIME_MAX {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn asked(layout: &Layout, to: &Path) -> Result<(), Problem> {
        let (layout, to) = (layout.clone(), to.to_path_buf());
        tokio::task::spawn_blocking(move || ask(&layout, "node", &to)).await.unwrap()
    }

    #[tokio::test]
    async fn a_checkpoint_is_made_for_the_owner_wherever_the_directory_lies() {
        let place = tempfile::tempdir().unwrap();
        let layout = Layout::at(place.path().join("a-long-name-of-a-folder/".repeat(20)));
        assert!(layout.root().as_os_str().len() > 400);
        fs::create_dir_all(folder(&layout)).unwrap();
        let socket = folder(&layout).join("node.control");
        // What a killed service left, whole and half.
        fs::write(&socket, "").unwrap();
        fs::create_dir(folder(&layout).join("node.control.new")).unwrap();
        fs::write(folder(&layout).join("node.control.new/socket"), "").unwrap();
        let door = open(&layout, "node", Arc::new(made)).unwrap();
        let found = fs::symlink_metadata(&socket).unwrap();
        assert!(found.file_type().is_socket());
        assert_eq!(found.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder(&layout)).unwrap().count(), 1, "nothing stays beside it");
        let to = place.path().join("copy");
        asked(&layout, &to).await.unwrap();
        assert!(to.is_dir());
        drop(door);
        assert!(!socket.exists());
        let problem = asked(&layout, &place.path().join("other")).await.unwrap_err();
        assert_eq!(problem.exit(), Exit::Unreachable);
    }

    #[tokio::test]
    async fn whatever_else_is_asked_is_refused_by_name() {
        let place = tempfile::tempdir().unwrap();
        let layout = Layout::at(place.path());
        fs::create_dir(folder(&layout)).unwrap();
        let never: Checkpoint = Arc::new(|to| Err(format!("made {}", to.display())));
        let _door = open(&layout, "node", never).unwrap();
        fs::write(place.path().join("there"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", place.path().join("link")).unwrap();
        let path = |name: &str| format!("{{\"checkpoint\": \"{}/{name}\"}}", place.path().display());
        for (request, expected) in [
            (path("there"), "exists already"),
            (path("link"), "exists already"),
            (path("new"), "made /"),
            ("{\"checkpoint\": \"a/path\"}".into(), "no absolute path"),
            ("{\"stop\": true}".into(), "unknown field `stop`"),
            ("{\"checkpoint\": \"/a\", \"and\": 1}".into(), "unknown field `and`"),
            ("{}".into(), "missing field `checkpoint`"),
            ("stop".into(), "the one request there is"),
            (String::new(), "the one request there is"),
            ("x".repeat(REQUEST_BYTES_MAX as usize), "at most 4096 bytes"),
        ] {
            let answer = tell(&layout, &request).await.unwrap();
            assert!(answer.contains(expected) && answer.starts_with("{\"error\""), "{request}: {answer}");
        }
        // Many at once wait for each other, and one that says nothing keeps nobody out.
        let _silent = UnixStream::connect(folder(&layout).join("node.control")).unwrap();
        let (many, layout) = (3 * CONNECTIONS_MAX, &layout);
        let answers = (0..many).map(|_| tell(layout, "stop"));
        assert_eq!(futures_util::future::join_all(answers).await.into_iter().filter(Result::is_ok).count(), many);
        let folder = File::open(folder(layout)).unwrap();
        let cut = tokio::task::spawn_blocking(move || {
            let mut stream = UnixStream::connect(through(&folder, "node.control")).unwrap();
            stream.write_all(b"{\"checkpoint\"").unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        });
        assert!(cut.await.unwrap().contains("has no end"));
    }
}
