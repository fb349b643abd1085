//! Four validators in network namespaces of their own: real processes, real TCP, and a network that cuts,
//! delays and loses without telling anybody, as one between organisations does.
//!
//! `LONJA_SEEDS=A..B` says how many times a link flaps, and when.

use super::{
    apart::turn,
    harness::{seeds, skipped},
    kills::moment,
    machines::address_of,
    town::{Town, told, until},
    validators::{COUNT, directory},
};
use genesis::Layout;
use ledger::testing::disk::Turn;
use serde_json::Value;
use std::{
    ops::Range,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long a test may take until it is ended from outside, on a machine that builds beside.
const TEST_MAX: Duration = Duration::from_secs(900);
/// The same for each time that a link flaps.
const FLAP_MAX: Duration = Duration::from_secs(10);
/// A validator without the others says that it makes no blocks: they are silent for 2 s, and 10 s more. Machines that
/// build beside take their time over what comes on top, here and below.
const SAYS_SO_MAX: Duration = Duration::from_secs(180);
/// A link that says nothing is given up after 15 s.
const LINK_LOST_MAX: Duration = Duration::from_secs(180);
/// A link is there again: what was lost is sent again within 15 s, or it is dialled again, every 13 s at least.
const LINKED_MAX: Duration = Duration::from_secs(180);
/// The last number of the address to which one moves.
const MOVED_TO: usize = 102;
const SECOND: Duration = Duration::from_secs(1);
/// More receipts than the hands of a load at three validators were waiting for: it goes on.
const RECEIPTS: u64 = 7;

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
        let mut alone = Value::Null;
        until("the one that is cut off says that it makes no blocks", SAYS_SO_MAX, || {
            let (status, health) = town.health(3);
            alone = health;
            status == 503
        });
        let reason = alone["reason"].as_str().unwrap();
        assert!(reason.contains("no word for ") && reason.contains("3 of 4 validators must be up"), "{reason}");
        let height = town.height(3);
        until("all know that the links are lost", LINK_LOST_MAX, || {
            (0..3).all(|number| !town.linked(number, 3) && !town.linked(3, number))
        });
        // How fast, the bench tells: turns of the one that is cut off are waited for at first.
        until("three go on", SAYS_SO_MAX, || town.minting.acknowledged() >= acknowledged + RECEIPTS);
        let during = (town.minting.acknowledged() - acknowledged) as f64 / cut.elapsed().as_secs_f64();
        println!("{during:6.0} receipts a second from three, from the cut on; {before:.0} before");
        until("three are well", SAYS_SO_MAX, || (0..3).all(|number| town.health(number).0 == 200));
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
        let seen = |town: &Town| (town.heights(), town.minting.acknowledged());
        // Each says so after seconds without a block: what was on its way has come.
        until("each says that it makes no blocks", SAYS_SO_MAX, || {
            (0..COUNT).all(|number| town.health(number).0 == 503)
        });
        let last = seen(&town);
        sleep(5 * SECOND);
        assert_eq!(seen(&town), last, "halves decide");
        for number in [2, 3] {
            town.machines.heal(number);
        }
        let first = town.goes_on("the first block after the halves were joined");
        assert!(first < LINKED_MAX, "{first:?}");
        until("all are well", LINKED_MAX, || (0..COUNT).all(|number| town.health(number).0 == 200));
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
        let acknowledged = town.minting.acknowledged();
        let slow = town.rate("while one has 1 Mbit/s", 6 * SECOND);
        println!("the heights are {:?}; {slow:.1} receipts a second, {before:.1} before", town.heights());
        // Its own turns are as slow as its line, and of a load that the line does not carry they set the rate.
        until("the others go on", SAYS_SO_MAX, || town.minting.acknowledged() >= acknowledged + RECEIPTS);
        town.machines.fast(3);
        let there = town.height(0);
        until("it has what the others have", LINKED_MAX, || town.height(3) >= there);

        town.machines.deafen(1, 0);
        let acknowledged = town.minting.acknowledged();
        town.rate("while one does not hear another", 6 * SECOND);
        // Each of the two hears of the other's blocks from the others, late: their turns are passed over now and then.
        until("the others go on", SAYS_SO_MAX, || town.minting.acknowledged() >= acknowledged + RECEIPTS);
        until("none of them stands still", SAYS_SO_MAX, || (0..COUNT).all(|number| town.health(number).0 == 200));
        town.machines.hears(1, 0);
        town.close();
    });
}
