//! A test in namespaces of its own, where it is root and may make networks.
//!
//! It runs itself again in namespaces of user, network, mount and processes: that needs no privilege where user
//! namespaces are allowed, nothing of it is seen from outside, and all of it ends with its first process, however
//! that ends; which it does when the one outside is gone.

use ledger::testing::disk::Turn;
use std::{
    fs,
    io::{self, Read},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsFd,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Says to the process inside that it is there.
const INSIDE: &str = "LONJA_TEST_APART";
/// Says to the process that holds a machine's namespace which port it serves.
pub const DOOR: &str = "LONJA_TEST_DOOR";
/// How a process gets namespaces of its own, in which it is root.
const WAY: [&str; 7] = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--mount-proc", "--kill-child"];
/// What is needed of the kernel, tried before anything is run.
const PROBE: &str = "ip link set lo up && ip link add dev hall type bridge \
                     && ip link add dev one type veth peer name two && ip link set dev one master hall up \
                     && tc qdisc add dev one root tbf rate 1mbit burst 16kb latency 50ms \
                     && mount --bind /etc/hosts /etc/hosts";

/// Runs the test `name` (its whole path) again in namespaces of its own, for at most `most`, unless it is there
/// already.
///
/// # Panics
/// When it fails there: with all that it printed.
pub fn turn(name: &str, most: Duration) -> Turn {
    if let Ok(port) = std::env::var(DOOR) {
        door(port.parse().unwrap())
    }
    if std::env::var_os(INSIDE).is_some() {
        thread::spawn(end_with_the_one_outside);
        run("ip", &["link", "set", "lo", "up"]);
        return Turn::Work;
    }
    let probe = unshare(&["sh", "-c", PROBE]).stdin(Stdio::null()).output();
    match probe {
        Ok(output) if output.status.success() => {}
        Ok(output) => return no(String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => return no(&format!("unshare: {error}")),
    }
    let test = std::env::current_exe().unwrap();
    let (folder, begun) = (tempfile::tempdir().unwrap(), Instant::now());
    let said = fs::File::create(folder.path().join("said")).unwrap();
    // Its input stays open as long as we are there.
    let mut child = unshare(&[test.to_str().unwrap(), name, "--exact", "--nocapture", "--test-threads", "1"])
        .env(INSIDE, "1")
        // What it leaves when it is ended is removed with ours.
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped())
        .stdout(said.try_clone().unwrap())
        .stderr(said)
        .spawn()
        .unwrap();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if begun.elapsed() > most => break None,
            None => thread::sleep(Duration::from_millis(20)),
        }
    };
    if status.is_none() {
        // The namespace of processes ends with it, and whatever runs there.
        drop((child.stdin.take(), child.kill(), child.wait()));
    }
    let text = fs::read_to_string(folder.path().join("said")).unwrap();
    // A filter that fits no test passes too: the one test must have run.
    let done = status.is_some_and(|status| status.success()) && text.contains("test result: ok. 1 passed");
    assert!(done, "{name} failed in namespaces of its own ({status:?}, {} s):\n{text}", begun.elapsed().as_secs());
    Turn::Passed(text)
}

fn no(reason: &str) -> Turn {
    Turn::Skip(format!("no namespaces with a bridge, or no iproute2 ({})", reason.replace('\n', "; ")))
}

fn unshare(what: &[&str]) -> Command {
    let mut command = tool("unshare");
    command.args(WAY).args(["--fork", "--"]).args(what);
    command
}

/// A command of the system. Some lie where only root looks for them.
pub fn tool(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

pub fn run(name: &str, arguments: &[&str]) {
    let output = tool(name).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn end_with_the_one_outside() {
    // Nothing is ever written: this returns when the other end is closed, by whomever.
    drop(io::stdin().read(&mut [0]));
    std::process::exit(1);
}

/// Holds the namespace that it is in, and carries connections of another one to `port` here.
fn door(port: u16) -> ! {
    let listener = TcpListener::from(io::stdin().as_fd().try_clone_to_owned().unwrap());
    loop {
        let (outer, _) = listener.accept().unwrap();
        // Where nobody listens the connection ends, and whoever asked sees that.
        if let Ok(inner) = TcpStream::connect(("127.0.0.1", port)) {
            for (mut from, mut to) in [(outer.try_clone().unwrap(), inner.try_clone().unwrap()), (inner, outer)] {
                thread::spawn(move || {
                    drop(io::copy(&mut from, &mut to));
                    drop(to.shutdown(Shutdown::Write));
                });
            }
        }
    }
}
