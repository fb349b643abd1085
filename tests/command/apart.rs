//! Machines of their own inside one test: a network namespace for each, joined by a bridge, and cut at will.
//!
//! A test runs itself again in namespaces of user, network, mount and processes: that needs no privilege where
//! user namespaces are allowed, nothing of it is seen from outside, and all of it ends with its first process,
//! however that ends; which it does when the one outside is gone.
//!
//! Inside, each machine is a network namespace that is held by one more run of the test: its door. The door has
//! a socket of the namespace around and carries what comes in there to the same port of the machine's loopback.
//! So what a service of the machine offers on loopback is asked from inside the test at the same address, also
//! while the machine is cut off.

use ledger::testing::disk::Turn;
use std::{
    fs,
    io::{self, Read},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Says to the process inside that it is there.
const INSIDE: &str = "LONJA_TEST_APART";
/// Says to the process that holds a machine's namespace which port it serves.
const DOOR: &str = "LONJA_TEST_DOOR";
/// How a process gets namespaces of its own, in which it is root.
const WAY: [&str; 7] = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--mount-proc", "--kill-child"];
/// What is needed of the kernel, tried before anything is run.
const PROBE: &str = "ip link set lo up && ip link add dev hall type bridge \
                     && ip link add dev one type veth peer name two && ip link set dev one master hall up \
                     && tc qdisc add dev one root tbf rate 1mbit burst 16kb latency 50ms \
                     && mount --bind /etc/hosts /etc/hosts";
/// Where validators hear each other.
pub const PEERS_PORT: u16 = 7400;

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
fn tool(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(name);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

fn run(name: &str, arguments: &[&str]) {
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

/// Machines in namespaces, all on the bridge `hall` until they are cut off.
pub struct Machines {
    doors: Vec<Child>,
    /// The last number of the address of each.
    hosts: Vec<usize>,
    /// What stands at `/etc/hosts` here.
    table: PathBuf,
    _folder: tempfile::TempDir,
}

impl Machines {
    /// One for each of `names`, by which they find each other; each serves a port of its loopback here.
    pub fn new(test: &str, names: &[(String, u16)]) -> Self {
        for bridge in ["hall", "yard"] {
            run("ip", &["link", "add", "dev", bridge, "type", "bridge"]);
            run("ip", &["link", "set", "dev", bridge, "up"]);
        }
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("hosts");
        fs::write(&table, "").unwrap();
        run("mount", &["--bind", table.to_str().unwrap(), "/etc/hosts"]);
        let hosts = (1..).take(names.len()).collect();
        let doors = names.iter().map(|(_, port)| open(test, *port)).collect();
        let machines = Self { doors, hosts, table, _folder: folder };
        (0..names.len()).for_each(|number| machines.wire(number));
        machines.introduce(names);
        machines
    }

    /// A command that runs on machine `number`.
    pub fn on(&self, number: usize) -> Command {
        let mut command = tool("nsenter");
        command.args(["--target", &self.doors[number].id().to_string(), "--net", "--"]);
        command
    }

    fn ip(&self, number: usize, arguments: &[&str]) {
        let output = self.on(number).arg("ip").args(arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "ip {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Puts a cable between a machine and the bridge.
    fn wire(&self, number: usize) {
        let (port, process) = (port(number), self.doors[number].id().to_string());
        let peer = ["peer", "name", "eth0", "address", &mac(number), "netns", &process];
        run("ip", &[&["link", "add", "dev", &port, "type", "veth"], &peer[..]].concat());
        run("ip", &["link", "set", "dev", &port, "master", "hall", "up"]);
        for link in ["lo", "eth0"] {
            self.ip(number, &["link", "set", "dev", link, "up"]);
        }
        self.ip(number, &["address", "add", &format!("{}/24", self.address(number)), "dev", "eth0"]);
    }

    fn address(&self, number: usize) -> String {
        address_of(self.hosts[number])
    }

    /// Writes who is where, for all. That a neighbour is away is nothing that a machine is told by its own
    /// kernel: behind a router it is not told either.
    pub fn introduce(&self, names: &[(String, u16)]) {
        let line = |number: usize| format!("{} {}\n", self.address(number), names[number].0);
        // In place: what is mounted is this very file.
        fs::write(&self.table, (0..names.len()).map(line).collect::<String>()).unwrap();
        for one in 0..names.len() {
            (0..names.len()).filter(|other| *other != one).for_each(|other| self.hears(other, one));
        }
    }

    fn neighbour(&self, number: usize, address: &str, mac: &str) {
        self.ip(number, &["neighbour", "replace", address, "lladdr", mac, "dev", "eth0", "nud", "permanent"]);
    }

    /// From now on what `from` sends to `to` gets lost, and nobody is told.
    pub fn deafen(&self, to: usize, from: usize) {
        self.neighbour(from, &self.address(to), "02:00:00:00:00:ff");
    }

    /// What `from` sends to `to` arrives again.
    pub fn hears(&self, to: usize, from: usize) {
        self.neighbour(from, &self.address(to), &mac(to));
    }

    /// Cuts machine `number` off: nothing goes in or out, and nobody is told.
    pub fn cut(&self, number: usize) {
        run("ip", &["link", "set", "dev", &port(number), "nomaster"]);
    }

    /// Machine `number` is among the others again.
    pub fn heal(&self, number: usize) {
        run("ip", &["link", "set", "dev", &port(number), "master", "hall"]);
    }

    /// Puts `some` on a bridge of their own.
    pub fn split(&self, some: &[usize]) {
        for number in some {
            run("ip", &["link", "set", "dev", &port(*number), "master", "yard"]);
        }
    }

    /// Machine `number` sends and gets `rate` at most, as `tc` writes it.
    pub fn slow(&self, number: usize, rate: &str) {
        let limit = ["root", "tbf", "rate", rate, "burst", "16kb", "latency", "400ms"];
        run("tc", &[&["qdisc", "replace", "dev", &port(number)], &limit[..]].concat());
        let sends = self.on(number).args(["tc", "qdisc", "replace", "dev", "eth0"]).args(limit).status();
        assert!(sends.unwrap().success());
    }

    /// Machine `number` is as fast as the others again.
    pub fn fast(&self, number: usize) {
        run("tc", &["qdisc", "delete", "dev", &port(number), "root"]);
        let sends = self.on(number).args(["tc", "qdisc", "delete", "dev", "eth0", "root"]).status();
        assert!(sends.unwrap().success());
    }

    /// Machine `number` loses its address and gets another. Nobody knows before they are introduced.
    pub fn moves(&mut self, number: usize, host: usize) {
        self.ip(number, &["address", "flush", "dev", "eth0"]);
        self.hosts[number] = host;
        self.ip(number, &["address", "add", &format!("{}/24", self.address(number)), "dev", "eth0"]);
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for door in &mut self.doors {
            drop(door.kill());
            drop(door.wait());
        }
    }
}

/// A process that has a network namespace of its own, with a socket of ours in its hand.
fn open(test: &str, port: u16) -> Child {
    let socket: OwnedFd = TcpListener::bind(("127.0.0.1", port)).unwrap().into();
    let exe = std::env::current_exe().unwrap();
    let mut command = tool("unshare");
    command.args(["--net", "--"]).arg(exe).args([test, "--exact", "--nocapture", "--test-threads", "1"]);
    let door = command.env(DOOR, port.to_string()).stdin(socket).stdout(Stdio::null()).spawn().unwrap();
    let (ours, begun) = (fs::read_link("/proc/self/ns/net").unwrap(), Instant::now());
    while fs::read_link(format!("/proc/{}/ns/net", door.id())).unwrap() == ours {
        assert!(begun.elapsed() < Duration::from_secs(20), "a door has no namespace of its own");
        thread::sleep(Duration::from_millis(5));
    }
    door
}

/// The address with this last number. A machine begins with its own number, and one more.
pub fn address_of(host: usize) -> String {
    format!("10.77.0.{host}")
}

/// The bridge's end of a machine's cable.
fn port(number: usize) -> String {
    format!("port-{number}")
}

fn mac(number: usize) -> String {
    format!("02:00:00:00:00:{number:02x}")
}
