//! `kill -9` at any moment: an import and a purchase go on where the ledger says they are.

use super::{
    contacts::{self, Contacts},
    harness::{Net, catalogues, command, seeds},
};
use contracts::{
    agreement::Holding,
    id::{DatasetId, PartyId},
    money::Currency,
    settlement::Account,
};
use ledger::api::follow::{Cursor, Follower};
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

/// A moment that differs from kill to kill, and is the same each time.
pub fn moment(kill: u64, most_ms: u64) -> Duration {
    let mut x = (1 << 32 | kill).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x ^= x >> 29;
    Duration::from_millis((x.wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33) % most_ms)
}

pub fn member(net: &Net, key: &str, role: &str) -> PartyId {
    let applied = net.ok(&["party", "apply", key, "--as", key]);
    net.ok(&["party", "admit", key, "--role", role]);
    applied["party"].as_str().unwrap().parse().unwrap()
}

pub fn spawn(net: &Net, arguments: &[&str]) -> Child {
    let mut command = command();
    command.arg("--dir").arg(net.dir()).args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn an_import_survives_kills_and_holds_each_record_once() {
    let Some(catalogues) = catalogues() else { return };
    let net = Net::created();
    let mut node = net.node();
    let importer = member(&net, "importer", "provider");
    for round in seeds(0..5) {
        let (_, file) = &catalogues[(round % 2) as usize];
        let mut import = spawn(&net, &["listing", "import", file.to_str().unwrap(), "--as", "importer"]);
        std::thread::sleep(Duration::from_millis(200) + moment(round, 1_200));
        node.kill();
        import.kill().unwrap();
        import.wait().unwrap();
        node = net.node();
    }
    let (mut records, mut published) = (0, 0);
    for (_, file) in &catalogues {
        let import = ["listing", "import", file.to_str().unwrap(), "--as", "importer"];
        let first = net.ok(&import);
        assert_eq!(first["rejected"].as_array().unwrap().len(), 0, "{first}");
        assert_eq!(first["revised"], 0, "a record that was cut short is no revision");
        let again = net.ok(&import);
        assert_eq!((&again["published"], &again["unchanged"]), (&0.into(), &again["read"]));
        records += again["read"].as_u64().unwrap();
        published += first["published"].as_u64().unwrap();
    }
    assert_eq!(records, 895);
    let files: Vec<_> = catalogues.iter().map(|(_, file)| file.as_path()).collect();
    let seen = on_the_ledger(&net, &files);
    assert_eq!(seen.len(), 895, "{published} of them after the last kill");
    for (name, file) in &catalogues {
        let catalogue = marketplace::import::read(&std::fs::read(file).unwrap(), name).unwrap();
        assert!(catalogue.records.iter().all(|record| seen.contains(&record.dataset(&importer))), "{name}");
    }
    node.stop();
    contacts::none_in(&net.dir().join("node"), &files);
    assert_eq!(net.audit()["findings"].as_array().unwrap().len(), 0);
}

/// Every dataset that a transaction published, each once; and no contact's name or address in any
/// byte that is ordered.
fn on_the_ledger(net: &Net, files: &[&Path]) -> BTreeSet<DatasetId> {
    let contacts = Contacts::read(files);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = net.client();
        let tip = client.status().await.unwrap().height;
        let mut follower = Follower::new(client, Cursor::default());
        let (mut seen, mut height) = (BTreeSet::new(), 0);
        while height < tip {
            for block in follower.next(Duration::from_secs(5)).await.unwrap() {
                height = block.height;
                for item in block.items {
                    assert_eq!(contacts.find(&item.transaction.bytes()), None, "in transaction {}", item.id);
                    for event in item.events {
                        if let contracts::event::Event::DatasetPublished { dataset, .. } = event {
                            assert!(seen.insert(dataset), "{dataset} was published twice");
                        }
                    }
                }
            }
        }
        seen
    })
}

#[test]
fn a_purchase_that_is_killed_is_paid_and_granted_or_neither() {
    let net = Net::created();
    let mut node = net.node();
    member(&net, "provider", "provider");
    let buyer = member(&net, "buyer", "buyer");
    net.ok(&["account", "mint", "buyer", "EUR:1000", "--reference", "1"]);
    let jacket = jacket();
    let file = net.path("jacket.json");
    std::fs::write(&file, jacket).unwrap();
    let publish =
        ["listing", "publish", file.to_str().unwrap(), "--catalogue", "c", "--identifier", "i", "--as", "provider"];
    let dataset = net.ok(&publish)["dataset"].as_str().unwrap().to_owned();
    let offer = net.ok(&["offer", "make", &dataset, "--price", "EUR:1", "--as", "provider"])["offer"].clone();
    let offer = offer.as_str().unwrap();
    for round in seeds(0..5) {
        let mut buy = spawn(&net, &["buy", offer, "--purpose", "maintenance", "--as", "buyer"]);
        std::thread::sleep(moment(round, 500));
        node.kill();
        drop(buy.kill());
        buy.wait().unwrap();
        node = net.node();
        let (paid, granted) = standing(&net, &buyer, &dataset.parse().unwrap());
        assert_eq!(paid, granted * 100, "after kill {round}");
    }
    net.ok(&["buy", offer, "--purpose", "maintenance", "--as", "buyer"]);
    let (paid, granted) = standing(&net, &buyer, &dataset.parse().unwrap());
    assert!(granted >= 1 && paid == granted * 100);
    node.stop();
    assert_eq!(net.audit()["findings"].as_array().unwrap().len(), 0);
}

/// Minor units that the buyer has paid, and licences that it was granted, both proven.
fn standing(net: &Net, buyer: &PartyId, dataset: &DatasetId) -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = net.client();
    runtime.block_on(async {
        let euro: Currency = "EUR".parse().unwrap();
        let account = client.record::<Account>(&Account::key(buyer, euro)).await.unwrap().record.unwrap();
        let holding = client.record::<Holding>(&Holding::key(buyer, dataset)).await.unwrap().record;
        (100_000 - account.value.balance.minor(), holding.map_or(0, |holding| u64::from(holding.value.count)))
    })
}

/// A jacket of the demonstration that may be offered.
pub fn jacket() -> String {
    let listings: serde_json::Value = serde_json::from_str(include_str!("../../src/demo/listings.json")).unwrap();
    let quay = listings.as_array().unwrap().iter().find(|listing| listing["name"] == "quay-inventory").unwrap();
    quay["jacket"].to_string()
}
