//! A short bench: that it measures a ledger on which nothing fails and which audits clean.
//! Figures come from `lonja bench`; this test asserts none.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use ledger::bench::{LOADS, Measured, Plan, Watch, run};
use std::{sync::Mutex, time::Duration};

/// Prints what happens and keeps the loads that ended.
#[derive(Default)]
struct Seen(Mutex<Vec<(usize, f64)>>);

impl Watch for Seen {
    fn doing(&self, what: String) {
        println!("{what}");
    }

    fn measured(&self, load: &Measured) {
        self.0.lock().unwrap().push((load.batch, load.per_second));
    }
}

#[test]
fn a_short_bench_commits_everything_and_audits_clean() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        folder: folder.path().to_path_buf(),
        base_keys: number("LONJA_BENCH_KEYS", 1_000),
        signers: 30,
        validators: 1,
        away: 0,
        back: false,
        rate: None,
        keep_blocks: None,
        join: false,
        loads: LOADS.to_vec(),
        duration: Duration::from_secs(number("LONJA_BENCH_SECONDS", 2)),
        audit: true,
    };
    let seen = Seen::default();
    let outcome = run(&plan, &seen).unwrap();
    println!("{}", serde_json::to_string_pretty(&outcome).unwrap());
    assert_eq!(outcome.audit_clean, Some(true), "{:?}", outcome.findings);
    assert_eq!(outcome.loads.len(), 4);
    let told: Vec<_> = outcome.loads.iter().map(|load| (load.batch, load.per_second)).collect();
    assert_eq!(*seen.0.lock().unwrap(), told, "each load is told when it ends");
    for load in &outcome.loads {
        assert_eq!(load.failed, 0, "{load:?}");
        assert!(load.per_second > 0.0 && load.keys_per_transaction > 0.0, "{load:?}");
    }
}

#[test]
fn a_short_bench_of_four_validators_commits_everything_and_audits_clean_four_times() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan {
        folder: folder.path().to_path_buf(),
        base_keys: 1_000,
        signers: 30,
        validators: 4,
        away: 1,
        back: true,
        rate: Some(600),
        keep_blocks: None,
        join: true,
        loads: LOADS[2..3].to_vec(),
        duration: Duration::from_secs(number("LONJA_BENCH_SECONDS", 2)),
        audit: true,
    };
    let outcome = run(&plan, &Seen::default()).unwrap();
    println!("{}", serde_json::to_string_pretty(&outcome).unwrap());
    assert_eq!(outcome.audit_clean, Some(true), "{:?}", outcome.findings);
    assert!(outcome.loads[0].failed == 0 && outcome.loads[0].per_second > 0.0, "{:?}", outcome.loads);
    let back = outcome.back.unwrap();
    assert!(back.behind >= 100 && back.seconds > 0.0 && back.load.failed == 0, "{back:?}");
    let joined = outcome.joined.unwrap();
    assert!(joined.records > 1_000, "{joined:?}");
    assert!((1..4).all(|number| folder.path().join(format!("node-{number}/db")).is_dir()));
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
