//! Ports for services that tests start, stop, and start again: what is given to one is nobody else's meanwhile.

use std::{
    net::TcpListener,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Ports of one block. Several processes may test on a machine at a time: a block is of the one that listens on its
/// first port, as long as that runs.
const BLOCK: u16 = 200;

/// Blocks of this process.
static OURS: Mutex<Ports> = Mutex::new(Ports { claims: Vec::new(), left: 0..0 });

struct Ports {
    /// Held as long as the process runs.
    claims: Vec<TcpListener>,
    /// Of the newest block.
    left: Range<u16>,
}

/// The first of `count` ports in a row that were free a moment ago. No test of this process or of another one gets any
/// of them.
///
/// # Panics
/// Where there are none.
pub fn free_ports(count: u16) -> u16 {
    assert!(count < BLOCK, "{count} ports in a row");
    // A test that failed while it waited here broke nothing.
    let mut ours = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while ours.left.len() >= usize::from(count) {
            let first = ours.left.start;
            // Somebody who does not ask us may have one of them.
            match (first..first + count).rev().find(|port| listen(*port).is_none()) {
                Some(taken) => ours.left.start = taken + 1,
                None => {
                    ours.left.start = first + count;
                    return first;
                }
            }
        }
        claim(&mut ours);
    }
}

/// Takes one more block.
fn claim(ours: &mut MutexGuard<Ports>) {
    let all = outside_of(handed_out());
    // From above: below are those that programs have by custom.
    let blocks = (all.start..all.end - BLOCK).step_by(BLOCK.into()).rev();
    let found = blocks.map(|first| (first, listen(first))).find_map(|(first, claim)| Some((first, claim?)));
    let (first, claim) = found.unwrap_or_else(|| panic!("every block of ports in {all:?} is of somebody else"));
    ours.claims.push(claim);
    ours.left = first + 1..first + BLOCK;
}

fn listen(port: u16) -> Option<TcpListener> {
    TcpListener::bind(("127.0.0.1", port)).ok()
}

/// Ports that the system hands out by itself: anybody's connection may have one at any time (ip(7)).
fn handed_out() -> Range<u16> {
    let said = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut numbers = said.split_whitespace().filter_map(|number| number.parse().ok());
    // By default those of Linux; elsewhere fewer (RFC 6335).
    numbers.next().zip(numbers.next()).map_or(32_768..61_000, |(first, last)| first..last)
}

/// Where they leave most room.
fn outside_of(handed_out: Range<u16>) -> Range<u16> {
    let (below, above) = (2_000..handed_out.start.max(2_000), handed_out.end..u16::MAX);
    let larger = if below.len() >= above.len() { below } else { above };
    // Where they leave none, those that are handed out last, as it seems.
    if larger.len() >= 10 * usize::from(BLOCK) { larger } else { 10_000..30_000 }
}

#[test]
fn ports_of_each_are_its_own() {
    let mut given = std::collections::BTreeSet::new();
    for count in [3, 16, 1, 4, 8, 3, 100, 3, 150, 16, 199] {
        let first = free_ports(count);
        assert!((first..first + count).all(|port| given.insert(port)), "{count} from {first}");
        assert!((first..first + count).all(|port| listen(port).is_some()), "{count} from {first}");
    }
    assert_eq!(outside_of(32_768..60_999), 2_000..32_768);
    assert_eq!(outside_of(4_000..65_535), 2_000..4_000);
    assert_eq!(outside_of(12_000..40_000), 40_000..u16::MAX);
    assert_eq!(outside_of(1_024..65_535), 10_000..30_000);
}
