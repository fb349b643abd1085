//! The demonstration, killed in the middle again and again: in the end it is whole, and nothing is
//! there twice.

use super::{
    harness::{Net, Service, patient, seeds},
    kills::{moment, spawn},
};
use ledger::api::{
    client::Client,
    follow::{Cursor, Follower},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

const UP: [&str; 8] = ["up", "--demo", "--node-port", "0", "--market-port", "0", "--explorer-port", "0"];
/// Steps of the demonstration between two kills. All of them are about a hundred.
const STEPS: usize = 17;

/// How many transactions of each kind the ledger has, applied and refused apart.
fn tally(net: &Net, up: &Service) -> BTreeMap<String, usize> {
    let anchor = genesis::TrustAnchor::read(&net.dir().join("anchor.json")).unwrap();
    let client = patient(Client::new(up.urls["node"].as_str().unwrap(), anchor).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tip = client.status().await.unwrap().height;
        let mut follower = Follower::new(client, Cursor::default());
        let (mut counts, mut height) = (BTreeMap::new(), 0);
        while height < tip {
            for block in follower.next(Duration::from_secs(5)).await.unwrap() {
                height = block.height;
                for item in block.items {
                    let name = format!("{} {:?}", item.transaction.body.action.slug(), item.outcome);
                    *counts.entry(name).or_default() += 1;
                }
            }
        }
        counts
    })
}

fn steps_done(net: &Net) -> usize {
    let journal = std::fs::read(net.dir().join("demo/journal.json")).unwrap_or_default();
    serde_json::from_slice::<BTreeMap<String, serde_json::Value>>(&journal).map_or(0, |done| done.len())
}

#[test]
fn a_demonstration_killed_again_and_again_is_whole_and_made_once() {
    let undisturbed = Net::new();
    let up = undisturbed.start(&UP);
    let (expected, all) = (tally(&undisturbed, &up), steps_done(&undisturbed));
    up.stop();
    assert!(expected.values().sum::<usize>() > 80, "{expected:?}");

    let net = Net::new();
    let mut at = 0;
    for round in seeds(0..5) {
        let mut child = spawn(&net, &UP);
        // Further in each time, at another moment of a step.
        let goal = (steps_done(&net) + STEPS).min(all - 1);
        let begun = Instant::now();
        while steps_done(&net) < goal && begun.elapsed() < Duration::from_secs(180) {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself after {} steps", steps_done(&net));
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(moment(round, 90));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = steps_done(&net);
        assert!(now >= at, "no step is forgotten");
        at = now;
    }
    assert!(at > 0, "it was killed in the middle");
    let up = net.start(&UP);
    assert_eq!(steps_done(&net), all);
    assert_eq!(tally(&net, &up), expected, "killed after {at} of {all} steps at last");
    up.stop();
    assert_eq!(net.audit()["findings"].as_array().unwrap().len(), 0);
}
