//! Four validators on machines of their own, and a load on them.

use super::{
    harness::{Net, Service, start_as},
    machines::{Machines, PEERS_PORT, address_of},
    minting::{Minting, audited},
    validators::{COUNT, all_know, directory, runtime},
};
use genesis::Layout;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// What is waited for comes in a fraction of this.
const PATIENCE: Duration = Duration::from_secs(180);
/// Lines of a validator's log that are shown when a test fails.
const LINES_TOLD: usize = 40;

/// Four validators on four machines, and a load on them.
pub struct Town {
    pub net: Net,
    /// By which they are found, and the port of each node's API.
    pub names: Vec<(String, u16)>,
    /// The one with the highest key, whom the others dial.
    pub dialled: usize,
    pub machines: Machines,
    nodes: Vec<Service>,
    runtime: Runtime,
    pub minting: Minting,
}

/// Waits until something holds, and says how long that took.
pub fn until(what: &str, most: Duration, mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < most, "not within {} s: {what}", most.as_secs());
        sleep(Duration::from_millis(20));
    }
    println!("{:6.2} s until {what}", begun.elapsed().as_secs_f64());
    begun.elapsed()
}

impl Town {
    /// Four that run, are linked and have decided blocks.
    pub fn new(test: &str) -> Self {
        let net = Net::among(COUNT);
        let founding = Layout::at(net.dir()).document().unwrap().document.founding;
        let key = |number: &usize| founding.validators.validators[*number].consensus;
        let dialled = (0..COUNT).max_by_key(key).unwrap();
        let names = (0..COUNT).map(|number| {
            let layout = Layout::at(directory(&net, number));
            let mut config = layout.config().unwrap();
            let peers = config.peers.as_mut().unwrap();
            peers.listen.set_ip([0, 0, 0, 0].into());
            peers.listen.set_port(PEERS_PORT);
            for (name, address) in &mut peers.addresses {
                // One knows by its number where that one is, all others by names.
                let numbered = name[..] == founding.validators.validators[dialled].name && number == told(dialled);
                let host = if numbered { address_of(dialled + 1) } else { format!("{name}.example") };
                *address = format!("{host}:{PEERS_PORT}");
            }
            std::fs::remove_file(layout.config_path()).unwrap();
            config.write(&layout.config_path()).unwrap();
            (format!("validator-{number}.example"), config.node.listen.port())
        });
        let names: Vec<_> = names.collect();
        let machines = Machines::new(test, &names);
        let nodes = (0..COUNT).map(|number| start(&net, &machines, number)).collect();
        all_know(&net, &[0, 1, 2, 3], 1);
        let (runtime, minting) = (runtime(), Minting::new(&net));
        let town = Self { net, names, dialled, machines, nodes, runtime, minting };
        town.agree("all four know the first transactions");
        assert!((0..COUNT).all(|number| town.health(number).1["validator"] == number));
        town
    }

    /// What validator `number` says of itself, to one who asks on its own machine.
    pub fn health(&self, number: usize) -> (u16, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.names[number].1)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    pub fn height(&self, number: usize) -> u64 {
        self.health(number).1["height"].as_u64().unwrap()
    }

    pub fn heights(&self) -> Vec<u64> {
        (0..COUNT).map(|number| self.height(number)).collect()
    }

    /// Has `one` a link with `other`, as far as it knows?
    pub fn linked(&self, one: usize, other: usize) -> bool {
        let (_, health) = self.health(one);
        let links = health["links"].as_array().unwrap();
        links.iter().any(|link| link["number"] == other && link["connected"] == true)
    }

    pub fn load(&mut self, numbers: &[usize]) {
        self.minting.begin(&self.runtime, &self.net, numbers, 2);
    }

    /// Ends the load, and waits until nothing is to be done.
    pub fn rest(&mut self, what: &str) {
        self.minting.stop(&self.runtime);
        self.agree(what);
    }

    /// Receipts that come in a second, over `time`.
    pub fn rate(&self, what: &str, time: Duration) -> f64 {
        let (begun, before) = (Instant::now(), self.minting.acknowledged());
        sleep(time);
        let rate = (self.minting.acknowledged() - before) as f64 / begun.elapsed().as_secs_f64();
        println!("{rate:6.0} receipts a second {what}");
        rate
    }

    /// Waits until one more receipt comes.
    pub fn goes_on(&self, what: &str) -> Duration {
        let before = self.minting.acknowledged();
        until(what, PATIENCE, || self.minting.acknowledged() > before)
    }

    /// Waits until all are linked, well, and at the same height, with nothing to do; then they hold the same.
    pub fn agree(&self, what: &str) {
        let mut all = Vec::new();
        until(what, PATIENCE, || {
            all = (0..COUNT).map(|number| self.health(number)).collect();
            let linked =
                |health: &Value| health["links"].as_array().unwrap().iter().all(|link| link["connected"] == true);
            all.iter().all(|(status, health)| {
                *status == 200 && linked(health) && health["waiting"] == 0 && health["height"] == all[0].1["height"]
            })
        });
        for field in ["state_root", "log_root", "log_size", "time_ms"] {
            assert!(all.iter().all(|(_, health)| health[field] == all[0].1[field]), "{field}: {all:?}");
        }
    }

    /// The load ends; nothing that was acknowledged is lost, and all hold the same.
    pub fn close(mut self) {
        self.rest("all four know everything");
        self.minting.check(&self.runtime, &self.net);
        std::mem::take(&mut self.nodes).into_iter().for_each(Service::stop);
        audited(&self.net);
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        for number in (0..COUNT).filter(|_| std::thread::panicking()) {
            let log = std::fs::read_to_string(self.net.path(&format!("log-{number}"))).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LINES_TOLD)..].join("\n");
            println!("validator {number} said at last:\n{last}");
        }
    }
}

/// Whose operator wrote down the number of validator `dialled`, not its name.
pub fn told(dialled: usize) -> usize {
    (dialled + 1) % COUNT
}

/// Starts validator `number` on its machine.
fn start(net: &Net, machines: &Machines, number: usize) -> Service {
    let mut command = machines.on(number);
    command.arg(env!("CARGO_BIN_EXE_lonja")).arg("--dir").arg(directory(net, number)).args(["--json", "node", "run"]);
    for name in ["LONJA_DIR", "LONJA_PASSPHRASE_FILE", "LONJA_LOG"] {
        command.env_remove(name);
    }
    command.stdin(std::process::Stdio::null());
    start_as(command, &net.path(&format!("log-{number}")))
}
