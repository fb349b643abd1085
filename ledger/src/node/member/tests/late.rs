//! A validator whose clock is late.

use super::*;
use crate::limits::CLOCK_AHEAD_MS_MAX;

/// By how much.
const LATE_MS: TimeMs = CLOCK_AHEAD_MS_MAX + 1_000;

fn late() -> TimeMs {
    now_ms() - LATE_MS
}

fn told(handle: &Handle, name: &str) -> u64 {
    let metrics = handle.metrics();
    let value = metrics.lines().find_map(|line| line.strip_prefix(&format!("lonja_{name} ")));
    value.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_whose_clock_is_late_says_so_while_the_others_go_on() {
    let mut four = Four::start();
    let mut newest = four.commit(0, 1).await;
    four.all_at(newest).await;
    four.down(3);
    four.up_by(3, testing::validator_keys(3), late);
    let handle = four.handle(3);
    // Of one that is slow besides, a block may be decided before it looks at what was proposed.
    let (begun, mut numbers) = (Instant::now(), 2..=60);
    while numbers.start() <= &9 || told(&handle, "blocks_ahead_total") <= 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", handle.metrics());
        let number = numbers.next().expect("of so many blocks it saw some before they were decided");
        newest = four.commit(u16::from(number) % 3, number).await;
        four.all_at(newest).await;
    }
    let (unfit, behind_ms) = (told(&handle, "blocks_ahead_total"), told(&handle, "clock_behind_ms"));
    assert!(unfit > 1 && (CLOCK_AHEAD_MS_MAX..=LATE_MS).contains(&behind_ms), "{unfit} blocks, {behind_ms} ms");
    assert!(handle.status().healthy, "it has all blocks, and says them: {:?}", handle.status());
    // By the others' clocks nothing is wrong, also where it proposed.
    for number in 0..3 {
        let handle = four.handle(number);
        assert_eq!(told(&handle, "blocks_ahead_total"), 0);
        assert!(told(&handle, "clock_behind_ms") < 1_000);
    }
    drop(handle);
    four.audit();
}
