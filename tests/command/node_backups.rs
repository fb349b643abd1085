//! Backups of nodes without a market: one that keeps less in its store, and one that only observes.

use super::{
    archives::{KEEP_BLOCKS, SEGMENT, grow},
    backup::{notes, restored},
    harness::{Net, command, fails_on, ok_on, says, start, word},
    offices::{status, until},
    ports::free_ports,
};
use serde_json::json;
use std::{fs, path::Path, time::Duration};

/// The first file of an archive, with blocks 1 to 1,024.
const FIRST: &str = "00000000000000000001.bodies";
/// The second.
const SECOND: &str = "00000000000000001025.bodies";

/// Height of the node of the directory `dir`, as it says itself.
fn height(dir: &Path) -> u64 {
    let config = genesis::Layout::at(dir).config().unwrap();
    status(&config.node.listen.to_string())["height"].as_u64().unwrap()
}

/// What `lonja backup` tells people of the directory `dir`.
fn told(dir: &Path, to: &Path) -> String {
    let output = command().arg("--dir").arg(dir).args(["backup", "--to", word(to)]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// As when the disk of its folder is not mounted: the empty folder tells nothing, and the directory does.
#[test]
fn a_ledger_that_is_not_where_it_was_is_not_begun_a_second_time() {
    let net = Net::created();
    let node = net.node();
    net.ok(&["party", "apply", "buyer", "--as", "buyer"]);
    node.stop();
    let (folder, elsewhere) = (net.dir().join("node"), net.path("elsewhere"));
    fs::rename(&folder, &elsewhere).unwrap();
    let said = net.fails(6, &["node", "run"]);
    assert!(says(&said, "has nothing of it") && says(&said, "mount the disk that has it"), "{said}");
    assert!(!folder.exists(), "nothing is made");
    fs::rename(&elsewhere, &folder).unwrap();
    let node = net.node();
    net.ok(&["party", "admit", "buyer", "--role", "buyer"]);
    node.stop();
    assert_eq!(net.audit()["findings"], json!([]));
}

#[test]
fn what_a_node_has_archived_is_in_its_backup_and_where_it_is_not_that_is_said() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let net = Net::created_in_memory();
    let (old, config) = (net.path("another-disk/old-blocks"), net.dir().join("lonja.toml"));
    let whole = fs::read_to_string(&config).unwrap();
    let section = format!("\n[retention]\nkeep_blocks = {KEEP_BLOCKS}\narchive = \"{}\"\n", word(&old));
    fs::write(&config, format!("{whole}{section}")).unwrap();
    let pruned = || runtime.block_on(net.client().status()).unwrap().pruned;
    let node = net.node();
    runtime.block_on(grow(&net, KEEP_BLOCKS + SEGMENT));
    until("the first file is written", || pruned() == SEGMENT);
    // Moved to a slower disk, with a link in its place.
    let (first, slow) = (net.path("first"), net.path("slow.bodies"));
    fs::rename(old.join(FIRST), &slow).unwrap();
    std::os::unix::fs::symlink(&slow, old.join(FIRST)).unwrap();
    let taken = net.ok(&["backup", "--to", word(&first)]);
    assert!(taken["transactions_lacking"].is_null(), "{taken}");
    let copied = first.join("archive").join(FIRST);
    assert!(copied.symlink_metadata().unwrap().is_file());
    assert_eq!(fs::read(copied).unwrap(), fs::read(slow).unwrap());
    node.stop();

    // The new directory has an archive of its own, with which everything is executed again.
    let dir = net.path("restored");
    let shown = restored(&net, &first, &dir, &["--accept-loss"]);
    assert_eq!((&shown["standing"], &shown["transactions_lacking"]), (&json!("alone"), &json!(null)));
    assert!(notes(&shown).contains("retention.archive") && !notes(&shown).contains("lonja consent erase"), "{shown}");
    let report = ok_on(&dir, &["audit"]);
    assert_eq!((&report["findings"], &report["unexecuted"]), (&json!([]), &json!(null)));
    assert_eq!(report["height"], taken["ledger"]["height"]);

    // It runs, serves what is archived, and goes on archiving there.
    let node = start(&dir, &net.path("log"), &["node", "run"]);
    let pages = runtime.block_on(net.client().blocks(0, Duration::ZERO)).unwrap();
    assert_eq!((pages[0].block.header.entry.height, pruned()), (1, SEGMENT));
    runtime.block_on(grow(&net, KEEP_BLOCKS + 2 * SEGMENT));
    until("the second file is written", || pruned() == 2 * SEGMENT);
    node.stop();
    assert!(dir.join("archive").join(SECOND).exists() && !old.join(SECOND).exists());
    assert_eq!(ok_on(&dir, &["audit"])["unexecuted"], json!(null));

    // A file was moved away: that may be, and is told.
    let (aside, second, third) = (net.path("aside"), net.path("second"), net.path("third"));
    fs::rename(dir.join("archive").join(SECOND), &aside).unwrap();
    let taken = ok_on(&dir, &["backup", "--to", word(&second)]);
    assert_eq!(taken["transactions_lacking"], json!([[SEGMENT + 1, 2 * SEGMENT]]), "{taken}");
    // And lonja.toml names no archive any more.
    fs::write(dir.join("lonja.toml"), &whole).unwrap();
    let said = told(&dir, &third);
    assert!(says(&said, "not in it transactions of blocks 1 to 2048"), "{said}");
    let (again, bare) = (net.path("again"), net.path("bare"));
    let shown = restored(&net, &second, &again, &["--accept-loss"]);
    assert!(notes(&shown).contains("Transactions of blocks 1025 to 2048 are not in the backup"), "{shown}");
    let shown = restored(&net, &third, &bare, &["--accept-loss"]);
    assert_eq!(shown["transactions_lacking"], json!([[1, 2 * SEGMENT]]));
    for (dir, first) in [(&again, SEGMENT + 1), (&bare, 1)] {
        let said = fails_on(dir, 7, &["audit"]);
        assert!(says(&said, &format!("transactions of block {first} were pruned")), "{said}");
    }
    // With the file put back where it belongs, everything is executed again.
    fs::rename(&aside, again.join("archive").join(SECOND)).unwrap();
    assert_eq!(ok_on(&again, &["audit"])["unexecuted"], json!(null));
}

#[test]
fn a_node_that_only_observes_goes_on_from_its_backup() {
    let net = Net::created();
    let node = net.node();
    let (url, network) = (node.urls["node"].as_str().unwrap(), net.ok(&["network", "inspect"])["network"].clone());
    let (dir, first) = (net.path("regulator"), free_ports(3));
    let ports: Vec<String> = (0..3).map(|more| (first + more).to_string()).collect();
    let mut join = vec!["network", "join", url, "--network", network.as_str().unwrap()];
    for (flag, port) in ["--node-port", "--market-port", "--explorer-port"].iter().zip(&ports) {
        join.extend([flag, port.as_str()]);
    }
    ok_on(&dir, &join);
    // Before it has run, there is no ledger to copy, and it is a backup all the same.
    let (early, anew) = (net.path("early"), net.path("anew"));
    assert_eq!(ok_on(&dir, &["backup", "--to", word(&early)])["ledger"], json!(null));
    ok_on(&anew, &["restore", word(&early)]);

    let (log, follows) = (net.path("regulator.log"), |dir: &Path| {
        until("it follows", || height(dir) >= height(&net.dir()));
    });
    let observer = start(&dir, &log, &["node", "run"]);
    net.ok(&["party", "apply", "Early", "--as", "early"]);
    follows(&dir);
    let (running, stopped) = (net.path("running"), net.path("stopped"));
    let taken = ok_on(&dir, &["backup", "--to", word(&running)]);
    assert!(taken["ledger"]["height"].as_u64() >= Some(1), "{taken}");
    observer.stop();
    let later = ok_on(&dir, &["backup", "--to", word(&stopped)]);
    net.ok(&["party", "apply", "Late", "--as", "late"]);
    let first_digest = ok_on(&dir, &["audit"])["directory_digest"].clone();

    for (backup, taken, name) in [(&running, &taken, "from-running"), (&stopped, &later, "from-stopped")] {
        let again = net.path(name);
        let shown = ok_on(&again, &["restore", word(backup)]);
        assert_eq!((&shown["standing"], &shown["ledger"]), (&json!("observer"), &taken["ledger"]));
        // It has neither keys nor a market: there is no passphrase to put back, and nothing to erase.
        assert_eq!((&shown["notes"], again.join("passphrase").exists()), (&json!([]), false));
        let report = ok_on(&again, &["audit"]);
        assert_eq!((&report["findings"], &report["height"]), (&json!([]), &taken["ledger"]["height"]), "{report}");
        if backup == &stopped {
            assert_eq!(report["directory_digest"], first_digest);
        }
        let observer = start(&again, &log, &["node", "run"]);
        follows(&again);
        let config = genesis::Layout::at(&again).config().unwrap();
        assert_eq!(status(&config.node.listen.to_string())["observes"], true);
        observer.stop();
        assert_eq!(ok_on(&again, &["audit"])["findings"], json!([]));
    }
    // The one from before the ledger begins at the founding.
    let observer = start(&anew, &log, &["node", "run"]);
    follows(&anew);
    observer.stop();
    assert_eq!(ok_on(&anew, &["audit"])["findings"], json!([]));
    node.stop();
}
