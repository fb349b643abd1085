//! Commands find the services that run on their directory, whatever port those were told.

use super::harness::Net;
use std::time::Duration;

#[test]
fn services_on_ports_of_one_run_are_found_by_the_directory_alone() {
    // Ports on which nobody listens, whatever other tests run beside this one.
    let net = Net::new();
    let ports = ["--node-port", "1", "--market-port", "2", "--explorer-port", "3"];
    net.ok(&[&["network", "create", "--keep-passphrase"][..], &ports].concat());
    let up = net.start(&["up", "--node-port", "0", "--market-port", "0", "--explorer-port", "0"]);
    let node = up.urls["node"].as_str().unwrap().to_owned();
    assert!(!net.dir().join("lonja.toml").metadata().unwrap().permissions().readonly());
    assert_eq!(net.ok(&["party", "show", "operator"])["standing"], "active");
    // The list is of what the marketplace has read.
    assert!(up.reaches(1, Duration::from_secs(60)));
    assert!(net.ok(&["party", "list"]).as_array().unwrap().len() >= 2);
    // A flag is stronger than what is found.
    let said = net.fails(5, &["party", "show", "operator", "--node-url", "http://127.0.0.1:1"]);
    assert!(said.contains("127.0.0.1:1"), "{said}");

    // What a killed one leaves is seen to be stale: the address is that of lonja.toml again.
    up.kill();
    let said = net.fails(5, &["party", "show", "operator"]);
    assert!(said.contains("cannot reach the node") && !said.contains(node.trim_start_matches("http://")), "{said}");

    // Alone, each in a process of its own, they find each other in the same way.
    let node = net.start(&["node", "run", "--node-port", "0"]);
    let market = net.start(&["market", "run", "--market-port", "0"]);
    assert!(net.ok(&["party", "list"]).as_array().unwrap().len() >= 2);
    market.stop();
    node.stop();
    net.fails(5, &["party", "list"]);
}
