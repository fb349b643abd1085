//! Machines in network namespaces, joined by a bridge, and cut at will. For a test that is [`super::apart`].
//!
//! Each namespace is held by one more run of the test: its door. The door has a socket of the namespace around and
//! carries what comes in there to the same port of the machine's loopback. So what a service of the machine offers
//! on loopback is asked from inside the test at the same address, also while the machine is cut off.

use super::apart::{DOOR, run, tool};
use std::{
    fs,
    net::TcpListener,
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Where validators hear each other.
pub const PEERS_PORT: u16 = 7400;

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
        assert!(begun.elapsed() < Duration::from_secs(60), "a door has no namespace of its own");
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
