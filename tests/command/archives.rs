//! Old transactions in a bucket, by the command: moved, served, audited, named in a backup.

use super::{
    harness::{Net, says},
    ports::free_ports,
};
use contracts::{action::Action, id::BankReference, money::Amount, settlement::Mint};
use ledger::testing::s3::{ACCESS_KEY, BUCKET, Held, SECRET_KEY, Server};
use std::{
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

/// The fewest that `lonja.toml` may name.
pub const KEEP_BLOCKS: u64 = 2_048;
/// Blocks of one object.
pub const SEGMENT: u64 = 1_024;

/// Keeps its old blocks in the bucket of `server`.
fn configure(net: &Net, server: &Server) {
    let path = net.dir().join("lonja.toml");
    let config = std::fs::read_to_string(&path).unwrap();
    let section = format!(
        "\n[retention]\nkeep_blocks = {KEEP_BLOCKS}\n\n[retention.archive]\nkind = \"s3\"\nendpoint = \"{}\"\n\
         bucket = \"{BUCKET}\"\nprefix = \"harbour\"\ncredentials = \"s3.keys\"\n",
        server.url
    );
    std::fs::write(&path, config + &section).unwrap();
    let keys = net.dir().join("s3.keys");
    std::fs::write(&keys, format!("{ACCESS_KEY}\n{SECRET_KEY}\n")).unwrap();
    std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Puts transactions into blocks of their own until there are `height`.
pub async fn grow(net: &Net, height: u64) {
    let (client, settlement) = (net.client(), net.identity("settlement"));
    let mut now = client.status().await.unwrap().height;
    while now < height {
        let mut reference = [0; 32];
        reference[..8].copy_from_slice(&now.to_be_bytes());
        let (amount, currency) = (Amount::new(1).unwrap(), "EUR".parse().unwrap());
        let mint = Mint { party: settlement.party, amount, currency, reference: BankReference(reference) };
        let submission = client.sign(&settlement, Action::Mint(mint), None, now).unwrap();
        now = client.submit(&submission).await.unwrap().height;
    }
}

/// Where no block is executed, services are audited as far as that goes, and what is left out is told.
fn services(net: &Net) {
    let audit = || {
        let output = net.run(&["audit"]);
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    let (code, report) = audit();
    assert!(code == Some(7) && report["unexecuted"].is_string(), "{report}");
    assert!(report["market"]["used"] == true && report["explorer"]["height"].as_u64() > Some(0), "{report}");
    let left_out = report["not_audited"].to_string();
    for part in ["ledger: ", "side bodies: ", "marketplace: whether its orders", "explorer: "] {
        assert!(left_out.contains(part), "{part}: {left_out}");
    }
    let stray = net.dir().join("market").join("objects").join("whole").join("stray");
    std::fs::write(&stray, "no content").unwrap();
    let (code, report) = audit();
    let found = report["findings"].to_string();
    assert!(code == Some(4) && found.contains(stray.to_str().unwrap()), "{found}");
    std::fs::remove_file(stray).unwrap();
}

#[test]
fn old_blocks_go_into_a_bucket_and_come_from_there() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut server = runtime.block_on(Server::start_at(free_ports(1)));
    let net = Net::created_in_memory();
    let without = std::fs::read_to_string(net.dir().join("lonja.toml")).unwrap();
    configure(&net, &server);
    let held = |server: &Server, ask: &dyn Fn(&Held) -> bool| ask(&server.held.lock().unwrap());

    // The bucket is away when the node starts, and that stops nobody.
    runtime.block_on(server.stop());
    let node = net.node();
    // Both follow a few blocks, and are behind from then on.
    for service in ["market", "explorer"] {
        let service = net.start(&[service, "run"]);
        assert!(service.reaches(1, Duration::from_secs(180)), "it follows");
        service.stop();
    }
    let begun = Instant::now();
    runtime.block_on(grow(&net, KEEP_BLOCKS + SEGMENT));
    let status = runtime.block_on(net.client().status()).unwrap();
    println!("{} blocks in {:?}", status.height, begun.elapsed());
    assert_eq!(status.pruned, 0);
    let said = status.unarchived.unwrap();
    assert!(said.contains("bucket cannot be reached"), "{said}");
    runtime.block_on(server.again());
    let begun = Instant::now();
    while runtime.block_on(net.client().status()).unwrap().pruned < SEGMENT {
        assert!(begun.elapsed() < Duration::from_secs(180), "{}", net.said());
        std::thread::sleep(Duration::from_millis(50));
    }
    let object = "harbour/00000000000000000001.bodies";
    assert!(held(&server, &|held| held.objects.keys().eq([object]) && held.refused == 0));
    let pages = runtime.block_on(net.client().blocks(0, Duration::ZERO)).unwrap();
    assert!(pages[0].block.header.entry.height == 1 && pages.len() > 1, "{}", pages.len());
    let backup = net.ok(&["backup", "--to", net.path("backup").to_str().unwrap()]);
    assert_eq!(backup["archive_in_bucket"], BUCKET);
    node.stop();
    let logged = net.said();
    let times = |line: &str| logged.matches(line).count();
    assert_eq!(times("old transactions cannot be archived; they stay in the store"), 1, "{logged}");
    assert_eq!(times("old transactions are archived again"), 1, "{logged}");
    assert!(!logged.contains(SECRET_KEY) && !logged.contains(ACCESS_KEY), "{logged}");

    let report = net.audit();
    assert!(report["findings"].as_array().unwrap().is_empty() && report["unexecuted"].is_null(), "{report}");
    runtime.block_on(server.stop());
    let said = net.fails(5, &["audit"]);
    assert!(said.contains("bucket cannot be reached") && said.contains("nothing was found to be wrong"), "{said}");
    std::fs::remove_file(net.dir().join("s3.keys")).unwrap();
    assert!(net.fails(6, &["audit"]).contains("s3.keys"));
    assert!(net.fails(6, &["node", "run"]).contains("s3.keys"));

    // Without the archive the node serves what it has, and nobody can execute it.
    std::fs::write(net.dir().join("lonja.toml"), without).unwrap();
    let node = net.node();
    let url = node.urls["node"].as_str().unwrap().to_owned();
    assert!(says(&net.fails(2, &["audit", &url, "--blocks", &url]), "--blocks completes a directory"));
    let output = net.run(&["audit", &url]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(says(&said, "does not serve all blocks") && says(&said, "bodies of block 1 were pruned"), "{said}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        report["height"] == 0 && report["time_ms"] == 0 && report["findings"].as_array().unwrap().is_empty(),
        "{report}"
    );
    node.stop();
    services(&net);
    assert!(says(&net.fails(5, &["audit", &url]), "cannot reach the node"));
}
