//! What marketplace and explorer log while their node is away: that it is, and that it is back, once each, however often
//! they try and are asked. What they are asked for stands in no log.

use super::{
    harness::{Net, Service, command, get, start_as},
    kills::member,
};
use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

/// A service that follows the node, and where it logs.
struct Follower {
    service: Service,
    url: String,
    log: PathBuf,
    /// Bytes of its log that were there when the node went.
    before: usize,
}

impl Follower {
    /// Starts it, with a log that tells more than services do by default.
    fn start(net: &Net, name: &str, called: &str) -> Self {
        let (mut command, log) = (command(), net.path(name));
        command.env("LONJA_LOG", "debug,tantivy=warn");
        command.arg("--dir").arg(net.dir()).args(["--json", name, "run"]);
        let service = start_as(command, &log);
        let url = service.urls[called].as_str().unwrap().to_owned();
        Self { service, url, log, before: 0 }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// What it has logged since then that stands there by default.
    fn loud(&self) -> Vec<String> {
        let levels = [" INFO ", " WARN ", " ERROR "];
        let is_loud = |line: &&str| levels.iter().any(|level| line.contains(level));
        self.said()[self.before..].lines().filter(is_loud).map(str::to_owned).collect()
    }
}

/// Waits for so many seconds until each has logged `lines`.
fn within(seconds: u64, what: &str, followers: &[Follower], lines: usize) {
    let begun = Instant::now();
    while followers.iter().any(|follower| follower.loud().len() < lines) {
        let loud: Vec<_> = followers.iter().map(Follower::loud).collect();
        assert!(begun.elapsed() < Duration::from_secs(seconds), "{what}: {loud:#?}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_node_that_is_away_is_told_once_by_each_service_and_no_query_is() {
    let net = Net::created();
    let node = net.node();
    let mut followers =
        [("market", "marketplace"), ("explorer", "explorer")].map(|(name, called)| Follower::start(&net, name, called));
    for follower in &mut followers {
        follower.before = follower.said().len();
    }
    node.kill();
    within(60, "each says once that it is away", &followers, 1);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(4) {
        for follower in &followers {
            let health = get(&follower.url, "/health", "");
            assert!(health.starts_with("HTTP/1.1 200") || health.starts_with("HTTP/1.1 503"), "{health}");
            get(&follower.url, "/metrics", "");
            for path in ["/search?q=hunter2", "/api/v1/datasets?q=hunter2", "/sign-in?link=hunter2", "/no?q=hunter2"] {
                get(&follower.url, path, "");
            }
        }
        sleep(Duration::from_millis(100));
    }
    for (follower, told) in followers.iter().zip(["the market cannot follow", "the explorer cannot follow"]) {
        let loud = follower.loud();
        assert!(loud.len() == 1 && loud[0].contains(told) && loud[0].contains("WARN"), "{loud:#?}");
    }
    let node = net.node();
    // A block that they wait for.
    member(&net, "provider", "provider");
    within(60, "each says that it is back", &followers, 2);
    for (follower, told) in followers.iter().zip(["follows the ledger again", "follows the node again"]) {
        let loud = follower.loud();
        assert!(loud.len() == 2 && loud[1].contains(told) && loud[1].contains("INFO"), "{loud:#?}");
        let said = follower.said();
        assert!(said.contains(" DEBUG ") && !said.contains("hunter2"), "{said}");
    }
    assert!(followers[0].said().contains("route=\"/api/v1/datasets\""), "requests are logged");
    for follower in followers {
        follower.service.stop();
    }
    node.stop();
}
