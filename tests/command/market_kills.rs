//! `kill -9` of the marketplace, and of its node, at any moment of a purchase: the buyer, whose key
//! the market keeps, repeats the request and has one licence for one payment, with one receipt, and
//! downloads what it paid for.

use super::{
    desk::{Desk, PATIENCE},
    harness::{Net, Service, seeds},
    kills::{jacket, member, moment},
    wire::{Hold, Wire},
};
use contracts::{
    agreement::Holding,
    id::{DatasetId, PartyId},
    money::Currency,
    settlement::Account,
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// What the buyer is given, in minor units.
const MINTED: u64 = 100_000;
/// What one licence costs.
const PRICE: u64 = 125;

/// How a purchase is disturbed.
#[derive(Clone, Copy, Debug)]
struct Disturbance {
    /// Where its submission is held; at a random moment otherwise.
    hold: Option<Hold>,
    /// The node is killed with the market.
    node: bool,
    /// By the pages instead of the API.
    web: bool,
}

/// Five kinds, so that five kills meet each of them.
fn disturbance(seed: u64) -> Disturbance {
    let hold = [None, Some(Hold::Request), None, Some(Hold::Answer), Some(Hold::Request)][(seed % 5) as usize];
    // Every second time around, the held ones lose the node too, and the fifth is held elsewhere.
    let again = (seed / 5) % 2 == 1;
    let hold = if seed % 5 == 4 && again { Some(Hold::Answer) } else { hold };
    Disturbance { hold, node: matches!(seed % 5, 2 | 4) || again, web: matches!(seed % 5, 2 | 4) }
}

/// A running network with something on sale.
struct Market {
    net: Net,
    wire: Wire,
    dataset: DatasetId,
    offer: String,
    provider: PartyId,
    content: Vec<u8>,
}

impl Market {
    async fn new(net: Net, provider: PartyId) -> (Self, Service) {
        let config = genesis::Layout::at(net.dir()).config().unwrap();
        let wire = Wire::to(config.node.listen).await;
        let market = net.start(&["market", "run", "--node-url", &wire.url]);
        let file = net.path("jacket.json");
        std::fs::write(&file, jacket()).unwrap();
        let file = file.to_str().unwrap();
        let publish = ["listing", "publish", file, "--catalogue", "c", "--identifier", "i", "--as", "provider"];
        let dataset = net.ok(&publish)["dataset"].as_str().unwrap().to_owned();
        let content = b"quay;metres\n1;140\n2;95\n".repeat(5_000);
        std::fs::write(net.path("quays.csv"), &content).unwrap();
        net.ok(&["dataset", "upload", &dataset, net.path("quays.csv").to_str().unwrap(), "--as", "provider"]);
        let offer = net.ok(&["offer", "make", &dataset, "--price", "EUR:1.25", "--as", "provider"]);
        let offer = offer["offer"].as_str().unwrap().to_owned();
        (Self { net, wire, dataset: dataset.parse().unwrap(), offer, provider, content }, market)
    }

    /// Somebody who buys, with money.
    async fn buyer(&self, market: &Service) -> Desk {
        let buyer = Desk::of(&self.net, market.urls["marketplace"].as_str().unwrap(), "buyer").await;
        self.net.ok(&["account", "mint", &buyer.party.to_string(), "EUR:1000", "--reference", "1"]);
        buyer
    }

    fn start(&self) -> Service {
        self.net.start(&["market", "run", "--node-url", &self.wire.url])
    }

    /// Minor units that the buyer has paid and the provider has, and licences that the buyer was
    /// granted, all proven by the ledger of one block.
    async fn standing(&self, buyer: &PartyId) -> (u64, u64, u64) {
        let client = self.net.client();
        let euro: Currency = "EUR".parse().unwrap();
        let has = async |party: &PartyId| {
            let account = client.record::<Account>(&Account::key(party, euro)).await.unwrap();
            (account.block.height, account.record.map_or(0, |account| account.value.balance.minor()))
        };
        let begun = Instant::now();
        loop {
            let holding = client.record::<Holding>(&Holding::key(buyer, &self.dataset)).await.unwrap();
            let (height, granted) = (holding.block.height, holding.record.map_or(0, |it| u64::from(it.value.count)));
            let [(of_buyer, left), (of_provider, earned)] = [has(buyer).await, has(&self.provider).await];
            if [of_buyer, of_provider] == [height; 2] {
                return (MINTED - left, earned, granted);
            }
            // A block came between the questions.
            assert!(begun.elapsed() < PATIENCE, "never three answers of one block");
        }
    }
}

#[test]
fn a_market_that_is_killed_in_a_purchase_sells_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let net = Net::created();
        let mut node = net.node();
        let provider = member(&net, "provider", "provider");
        let (world, mut market) = Market::new(net, provider).await;
        let buyer = world.buyer(&market).await;
        let mut receipts = BTreeMap::new();
        for seed in seeds(0..5) {
            let how = disturbance(seed);
            let request = buyer.prepare(how.web, &world.offer, &format!("purchase-{seed}")).await;
            if let Some(hold) = how.hold {
                world.wire.hold(hold);
            }
            let sent = tokio::spawn(buyer.clone().send(request.clone()));
            match how.hold {
                Some(_) => tokio::time::timeout(Duration::from_secs(60), world.wire.held()).await.unwrap(),
                None => tokio::time::sleep(moment(seed, 400)).await,
            }
            market.kill();
            if how.node {
                node.kill();
                node = world.net.node();
            }
            drop(sent.await.unwrap());
            let (paid, earned, granted) = world.standing(&buyer.party).await;
            let before = receipts.len() as u64;
            assert_eq!((paid, earned), (granted * PRICE, paid), "kill {seed}, {how:?}");
            match how.hold {
                Some(Hold::Request) => assert_eq!(granted, before, "held before the node: {how:?}"),
                Some(Hold::Answer) => assert_eq!(granted, before + 1, "held after the node: {how:?}"),
                None => assert!((before..=before + 1).contains(&granted), "{granted} licences, {how:?}"),
            }
            market = world.start();
            if how.hold.is_some() {
                // It was stored before it was handed in: it goes on without being asked for again.
                buyer.settled().await;
                assert_eq!(world.standing(&buyer.party).await.2, before + 1, "kill {seed}, {how:?}");
            }
            let bought = buyer.insist(request.clone()).await;
            let agreement = bought.agreement();
            assert_eq!(buyer.insist(request).await, bought, "the same request gives the same answer");
            let receipt = buyer.receipt(&agreement).await;
            assert_eq!(receipts.insert(agreement.clone(), receipt), None, "a licence of its own for kill {seed}");
            let granted = before + 1;
            let standing = world.standing(&buyer.party).await;
            assert_eq!(standing, (granted * PRICE, granted * PRICE, granted), "kill {seed}, {how:?}");
            assert_eq!(buyer.order(&agreement).await["state"]["state"], "applied");
            assert_eq!(buyer.download(how.web, &agreement).await, world.content, "kill {seed}, {how:?}");
        }
        let orders = buyer.bought().await;
        assert_eq!(orders, receipts.keys().cloned().collect(), "every purchase is listed, and nothing else");
        for (agreement, receipt) in &receipts {
            assert_eq!(&buyer.receipt(agreement).await, receipt, "the receipt never changes");
        }
        market.stop();
        node.stop();
        let audited = world.net.audit();
        assert_eq!(audited["findings"].as_array().unwrap().len(), 0, "{audited}");
        assert_eq!(audited["money"], serde_json::json!({ "EUR": MINTED }), "nothing is lost and nothing is made");
    });
}

#[test]
fn a_node_that_does_not_answer_stops_the_next_byte() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let net = Net::created();
        let node = net.node();
        let provider = member(&net, "provider", "provider");
        let (world, market) = Market::new(net, provider).await;
        let buyer = world.buyer(&market).await;
        let bought = buyer.insist(buyer.prepare(false, &world.offer, "one").await).await;
        let delivery = buyer.delivery(&bought.agreement()).await;
        for path in ["content", "slice?start=0&length=100"] {
            assert_eq!(buyer.read_in_the_end(&delivery, path).await.0, 200);
        }
        // It holds its connections open and says nothing: not "gone", which is noticed at once.
        node.freeze();
        for path in ["content", "slice?start=0&length=100"] {
            let begun = Instant::now();
            let (status, said) = buyer.read(&delivery, path).await;
            assert_eq!(status, 503, "{path}");
            let problem: serde_json::Value = serde_json::from_slice(&said).unwrap();
            assert_eq!((&problem["code"], &problem["retryable"]), (&"undecided".into(), &true.into()), "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains("did not answer in time"), "{problem}");
            // A node that never answers is not waited for without end.
            assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
        }
        node.signal("-CONT");
        assert_eq!(buyer.read_in_the_end(&delivery, "content").await, (200, world.content.clone()));
        market.stop();
        node.stop();
    });
}

/// A file that is half handed over when the market dies is gone when it runs again, wherever it lay.
#[test]
fn an_upload_that_is_killed_leaves_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let net = Net::created();
        let node = net.node();
        let provider = member(&net, "provider", "provider");
        let (world, mut market) = Market::new(net, provider).await;
        let folder = genesis::Layout::at(world.net.dir()).config().unwrap().market.data;
        let objects = genesis::Layout::at(world.net.dir()).data_path(&folder).join("objects");
        let sender = Desk::of(&world.net, market.urls["marketplace"].as_str().unwrap(), "provider").await;
        for kill in seeds(0..5) {
            let sending = sender.upload_slowly();
            // Some of it has to lie there before the kill means anything.
            let begun = Instant::now();
            while aside_bytes(&objects) == 0 {
                assert!(begun.elapsed() < Duration::from_secs(60), "nothing of the upload arrives");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(moment(kill, 300)).await;
            market.kill();
            sending.await.unwrap();
            market = world.start();
            assert_eq!(files(&objects.join("aside")).len(), 0, "kill {kill}");
            let odd: Vec<_> = files(&objects.join("whole")).into_iter().filter(|name| name.contains('#')).collect();
            assert_eq!(odd, Vec::<String>::new(), "kill {kill}");
        }
        market.stop();
        node.stop();
        let audited = world.net.audit();
        assert_eq!(audited["findings"].as_array().unwrap().len(), 0, "{audited}");
        assert_eq!(audited["market"]["contents"], 1, "the dataset's own content is still there");
    });
}

fn aside_bytes(objects: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(objects.join("aside")).unwrap();
    entries.map(|entry| entry.unwrap().metadata().map_or(0, |data| data.len())).sum()
}

/// Names of all files below `folder`.
fn files(folder: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}
