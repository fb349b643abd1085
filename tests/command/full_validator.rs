//! A full disk of one of several validators.

use super::{
    harness::{Net, fails_on, says, skipped},
    minting::{Minting, audited},
    validators::{COUNT, all_know, client, directory, runtime, validator},
};
use ledger::testing::disk::{SmallDisk, Turn, turn};
use std::time::{Duration, Instant};

/// Room in which a node starts, in MiB.
const SMALL_MIB: u64 = 28;
/// Room for some minutes more, as in [`super::full_disk`].
const ROOMY_MIB: u64 = 1_024;
/// Files and folders that nothing here reaches.
const FILES_MANY: u64 = 100_000;
/// Left when it begins to fill, in bytes: some hundred blocks.
const LEFT: u64 = 512 << 10;
/// How long it may take on a busy machine until the last bytes are written.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until a few more transactions are acknowledged.
fn goes_on(minting: &Minting, otherwise: &str) {
    let (before, begun) = (minting.acknowledged(), Instant::now());
    while minting.acknowledged() < before + 30 {
        assert!(begun.elapsed() < PATIENCE, "{otherwise}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// It ends, and says why; three of four go on; and with room it catches up and takes part again.
#[test]
fn the_full_disk_of_one_validator_holds_up_no_other() {
    match turn("full_validator::the_full_disk_of_one_validator_holds_up_no_other") {
        Turn::Work => {}
        Turn::Passed(said) => return println!("{said}"),
        Turn::Skip(reason) => return skipped(&reason),
    }
    let (net, runtime) = (Net::among(COUNT), runtime());
    let (dir, disk) = (directory(&net, 3), SmallDisk::mount(&net.path("disk"), SMALL_MIB, FILES_MANY).unwrap());
    let path = dir.join("lonja.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let moved = text.replace("data = \"node\"", &format!("data = \"{}/node\"", net.path("disk").display()));
    assert_ne!(moved, text);
    std::fs::write(&path, moved).unwrap();

    let mut running: Vec<_> = (0..COUNT).map(|number| validator(&net, number)).collect();
    all_know(&net, &[0, 1, 2, 3], 1);
    let mut minting = Minting::new(&net);
    disk.fill(LEFT).unwrap();
    minting.begin(&runtime, &net, &[0, 1, 2, 3], 1);
    let status = running.pop().unwrap().ended(PATIENCE);
    let said = std::fs::read_to_string(net.path("log-3")).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(says(&said, "is full: make room and start again") && !said.contains("panicked"), "{said}");

    // The others have a quorum without it.
    goes_on(&minting, "three of four do not go on");
    disk.fill(0).unwrap();
    let said = fails_on(&dir, 1, &["node", "run"]);
    assert!(says(&said, "is full: make room and start again"), "{said}");

    disk.resize(ROOMY_MIB, FILES_MANY).unwrap();
    running.push(validator(&net, 3));
    let height = runtime.block_on(client(&net, 0).status()).unwrap().height;
    all_know(&net, &[3], height);
    // Without it there is no quorum now.
    running.remove(0).kill();
    goes_on(&minting, "it takes no part again");
    running.push(validator(&net, 0));
    minting.stop(&runtime);
    let heights = (0..COUNT).map(|number| runtime.block_on(client(&net, number).status()).unwrap().height);
    all_know(&net, &[0, 1, 2, 3], heights.max().unwrap());
    minting.check(&runtime, &net);
    running.into_iter().for_each(|service| service.stop());
    audited(&net);
}
