//! Four validators in network namespaces of their own: real processes, real TCP, and a network that cuts,
//! delays and loses without telling anybody, as one between organisations does.
//!
//! `LONJA_SEEDS=A..B` says how many times a link flaps, and when.

use super::{
    apart::{Machines, PEERS_PORT, address_of, turn},
    harness::{Net, Service, seeds, skipped, start_as},
    kills::moment,
    minting::{Minting, audited},
    validators::{COUNT, directory, runtime},
};
use genesis::Layout;
use ledger::testing::disk::Turn;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    ops::Range,
    thread::sleep,
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// How long a test may take until it is ended from outside, on a machine that builds beside.
const TEST_MAX: Duration = Duration::from_secs(300);
/// The same for each time that a link flaps.
const FLAP_MAX: Duration = Duration::from_secs(10);
/// What is waited for comes in a fraction of this.
const PATIENCE: Duration = Duration::from_secs(60);
/// A validator without the others says that it makes no blocks: they are silent for 2 s, and 10 s more.
const SAYS_SO_MAX: Duration = Duration::from_secs(20);
/// A link that says nothing is given up after 15 s.
const LINK_LOST_MAX: Duration = Duration::from_secs(25);
/// A link is there again: what was lost is sent again within 15 s, or it is dialled again, every 13 s at least.
const LINKED_MAX: Duration = Duration::from_secs(25);
/// The last number of the address to which one moves.
const MOVED_TO: usize = 102;
const SECOND: Duration = Duration::from_secs(1);

/// Four validators on four machines, and a load on them.
struct Town {
    net: Net,
    names: Vec<(String, u16)>,
    /// The one with the highest key, whom the others dial.
    dialled: usize,
    machines: Machines,
    nodes: Vec<Service>,
    runtime: Runtime,
    minting: Minting,
}

/// Waits until something holds, and says how long that took.
fn until(what: &str, most: Duration, mut holds: impl FnMut() -> bool) -> Duration {
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
    fn new(test: &str) -> Self {
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
        let (runtime, minting) = (runtime(), Minting::new(&net));
        let town = Self { net, names, dialled, machines, nodes, runtime, minting };
        town.agree("all four know the first transactions");
        assert!((0..COUNT).all(|number| town.health(number).1["validator"] == number));
        town
    }

    /// What validator `number` says of itself, to one who asks on its own machine.
    fn health(&self, number: usize) -> (u16, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.names[number].1)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap())
    }

    fn height(&self, number: usize) -> u64 {
        self.health(number).1["height"].as_u64().unwrap()
    }

    fn heights(&self) -> Vec<u64> {
        (0..COUNT).map(|number| self.height(number)).collect()
    }

    /// Has `one` a link with `other`, as far as it knows?
    fn linked(&self, one: usize, other: usize) -> bool {
        let (_, health) = self.health(one);
        let links = health["links"].as_array().unwrap();
        links.iter().any(|link| link["number"] == other && link["connected"] == true)
    }

    fn load(&mut self, numbers: &[usize]) {
        self.minting.begin(&self.runtime, &self.net, numbers, 2);
    }

    /// Ends the load, and waits until nothing is to be done.
    fn rest(&mut self, what: &str) {
        self.minting.stop(&self.runtime);
        self.agree(what);
    }

    /// Receipts that come in a second, over `time`.
    fn rate(&self, what: &str, time: Duration) -> f64 {
        let (begun, before) = (Instant::now(), self.minting.acknowledged());
        sleep(time);
        let rate = (self.minting.acknowledged() - before) as f64 / begun.elapsed().as_secs_f64();
        println!("{rate:6.0} receipts a second {what}");
        rate
    }

    /// Waits until one more receipt comes.
    fn goes_on(&self, what: &str) -> Duration {
        let before = self.minting.acknowledged();
        until(what, PATIENCE, || self.minting.acknowledged() > before)
    }

    /// Waits until all are linked, well, and at the same height, with nothing to do; then they hold the same.
    fn agree(&self, what: &str) {
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
    fn close(mut self) {
        self.rest("all four know everything");
        self.minting.check(&self.runtime, &self.net);
        self.nodes.into_iter().for_each(Service::stop);
        audited(&self.net);
    }
}

/// Whose operator wrote down the number of validator `dialled`, not its name.
fn told(dialled: usize) -> usize {
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

/// Runs `scenario` on four machines that nobody outside sees.
fn apart(name: &str, most: Duration, scenario: impl FnOnce(Town)) {
    let name = format!("namespaces::{name}");
    match turn(&name, most) {
        Turn::Work => scenario(Town::new(&name)),
        Turn::Passed(said) => println!("{said}"),
        Turn::Skip(reason) => skipped(&reason),
    }
}

#[test]
fn one_that_is_cut_off_says_so_and_catches_up() {
    apart("one_that_is_cut_off_says_so_and_catches_up", TEST_MAX, |mut town| {
        town.load(&[0, 1, 2]);
        let before = town.rate("from all four", 2 * SECOND);
        town.rest("nothing is to be done");
        town.machines.cut(3);
        let (cut, acknowledged) = (Instant::now(), town.minting.acknowledged());
        town.load(&[0, 1, 2]);
        // The one that is alone was at rest, and nobody hands anything in there: it has no reason to begin a block.
        until("the one that is cut off says that it makes no blocks", SAYS_SO_MAX, || town.health(3).0 == 503);
        let reason = town.health(3).1["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("no word for 1") && reason.contains("3 of 4 validators must be up"), "{reason}");
        let height = town.height(3);
        until("all know that the links are lost", LINK_LOST_MAX.saturating_sub(cut.elapsed()), || {
            (0..3).all(|number| !town.linked(number, 3) && !town.linked(3, number))
        });
        let during = (town.minting.acknowledged() - acknowledged) as f64 / cut.elapsed().as_secs_f64();
        println!("{during:6.0} receipts a second from three, from the cut on");
        assert!(during > before / 5.0, "three go on");
        assert!((0..3).all(|number| town.health(number).0 == 200), "three are well");
        assert_eq!(town.height(3), height, "nothing reaches the one that is cut off");
        let there = town.height(0);
        assert!(there > height, "{there}");
        town.machines.heal(3);
        until("it knows what was decided without it, and is well", LINKED_MAX, || {
            town.height(3) >= there && town.health(3).0 == 200
        });
        town.close();
    });
}

#[test]
fn two_halves_decide_nothing_and_go_on_together() {
    apart("two_halves_decide_nothing_and_go_on_together", TEST_MAX, |mut town| {
        town.load(&[0, 1, 2, 3]);
        town.goes_on("a receipt comes");
        town.machines.split(&[2, 3]);
        // What was on its way, or in the hands of a thread.
        sleep(SECOND);
        let (heights, acknowledged) = (town.heights(), town.minting.acknowledged());
        until("each says that it makes no blocks", SAYS_SO_MAX, || {
            assert_eq!((town.heights(), town.minting.acknowledged()), (heights.clone(), acknowledged), "halves decide");
            (0..COUNT).all(|number| town.health(number).0 == 503)
        });
        for number in [2, 3] {
            town.machines.heal(number);
        }
        let first = town.goes_on("the first block after the halves were joined");
        assert!(first < LINKED_MAX, "{first:?}");
        until("all are well", PATIENCE, || (0..COUNT).all(|number| town.health(number).0 == 200));
        town.close();
    });
}

#[test]
fn links_that_flap_lose_nothing_that_was_acknowledged() {
    let range: Range<u64> = seeds(0..5);
    let most = TEST_MAX + FLAP_MAX * u32::try_from(range.end.saturating_sub(range.start)).unwrap();
    apart("links_that_flap_lose_nothing_that_was_acknowledged", most, |mut town| {
        town.load(&[0, 1, 2, 3]);
        for seed in range {
            let one = seed as usize % COUNT;
            let other = (one + 1 + seed as usize / COUNT % 3) % COUNT;
            sleep(moment(seed, 1_500));
            match seed % 3 {
                0 => town.machines.cut(one),
                1 => town.machines.deafen(one, other),
                _ => town.machines.split(&[one, other]),
            }
            // Now and then longer than links bear, so that all are made anew. Not in the suite, which has the first five.
            sleep(moment(seed + 7, if seed % 8 == 7 { 30_000 } else { 2_500 }));
            town.machines.heal(one);
            town.machines.heal(other);
            town.machines.hears(one, other);
        }
        town.goes_on("a receipt comes after the last time");
        town.close();
    });
}

#[test]
fn one_whose_address_changes_is_found_again() {
    apart("one_whose_address_changes_is_found_again", TEST_MAX, |mut town| {
        let moved = town.dialled;
        let others: Vec<_> = (0..COUNT).filter(|number| *number != moved).collect();
        town.load(&others);
        town.goes_on("a receipt comes");
        // All processes run on. Two of the others learn it by asking for the name again, the third is told.
        town.machines.moves(moved, MOVED_TO);
        let names = town.names.clone();
        town.machines.introduce(&names);
        until("the others know that the links are lost", LINK_LOST_MAX, || {
            others.iter().all(|other| !town.linked(*other, moved))
        });
        let file = Layout::at(directory(&town.net, told(moved))).config_path();
        let (text, before) = (std::fs::read_to_string(&file).unwrap(), address_of(moved + 1));
        assert!(text.contains(&format!("\"{before}:")), "{text}");
        std::fs::write(&file, text.replace(&format!("\"{before}:"), &format!("\"{}:", address_of(MOVED_TO)))).unwrap();
        let there = town.height(others[0]);
        until("it is linked with all, and has what they have", LINKED_MAX, || {
            others.iter().all(|other| town.linked(moved, *other) && town.linked(*other, moved))
                && town.height(moved) >= there
        });
        town.close();
    });
}

#[test]
fn a_slow_line_and_one_that_carries_one_way_stop_nobody() {
    apart("a_slow_line_and_one_that_carries_one_way_stop_nobody", TEST_MAX, |mut town| {
        town.load(&[0, 1, 2]);
        let before = town.rate("from all four", 3 * SECOND);
        town.machines.slow(3, "1mbit");
        let slow = town.rate("while one has 1 Mbit/s", 6 * SECOND);
        println!("the heights are {:?}", town.heights());
        assert!(slow > before / 3.0, "the others go on at their rate");
        town.machines.fast(3);
        let there = town.height(0);
        until("it has what the others have", LINKED_MAX, || town.height(3) >= there);

        town.machines.deafen(1, 0);
        let deaf = town.rate("while one does not hear another", 6 * SECOND);
        assert!(deaf > before / 10.0, "the others go on");
        assert!((0..COUNT).all(|number| town.health(number).0 == 200), "none of them stands still");
        town.machines.hears(1, 0);
        town.close();
    });
}
