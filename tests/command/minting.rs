//! A load on validators, and whether all that was acknowledged is there afterwards.

use super::{
    harness::{Net, command},
    validators::{COUNT, client, directory},
};
use contracts::{
    action::Action,
    id::{BankReference, PartyId},
    money::Amount,
    settlement::{Account, Mint},
};
use ledger::api::client::{Client, Identity};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{runtime::Runtime, task::JoinHandle};

/// Hands of all loads of this process: no two write the same reference.
static HANDS: AtomicU64 = AtomicU64::new(1);

/// Hands that mint one cent after the other for a party, until they are told to stop.
pub struct Minting {
    party: PartyId,
    tally: Arc<Tally>,
    hands: Vec<JoinHandle<()>>,
}

/// What the hands did.
#[derive(Default)]
struct Tally {
    /// Transactions whose receipt came back and verified.
    acknowledged: AtomicU64,
    sent: AtomicU64,
    over: AtomicBool,
}

impl Minting {
    /// For a new party; nobody mints yet.
    pub fn new(net: &Net) -> Self {
        let party = net.ok(&["party", "apply", "buyer", "--as", "buyer"])["party"].as_str().unwrap().parse().unwrap();
        net.ok(&["party", "admit", "buyer", "--role", "buyer"]);
        Self { party, tally: Arc::default(), hands: Vec::new() }
    }

    /// Sets `hands` to work at each of the validators `numbers`.
    pub fn begin(&mut self, runtime: &Runtime, net: &Net, numbers: &[usize], hands: usize) {
        let numbers = numbers.iter().flat_map(|number| std::iter::repeat_n(*number, hands));
        self.begin_at(runtime, net, numbers.map(|number| client(net, number)));
    }

    /// Sets a hand to work at each of the nodes that `clients` ask.
    pub fn begin_at(&mut self, runtime: &Runtime, net: &Net, clients: impl IntoIterator<Item = Client>) {
        self.tally.over.store(false, Ordering::Relaxed);
        let identity = net.identity("settlement");
        for client in clients {
            self.hands.push(runtime.spawn(mint(client, identity.clone(), self.party, self.tally.clone())));
        }
    }

    /// Transactions whose receipt came back and verified.
    pub fn acknowledged(&self) -> u64 {
        self.tally.acknowledged.load(Ordering::Relaxed)
    }

    /// Lets every hand finish what it does.
    pub fn stop(&mut self, runtime: &Runtime) {
        self.tally.over.store(true, Ordering::Relaxed);
        self.hands.drain(..).for_each(|hand| runtime.block_on(hand).unwrap());
    }

    /// Nothing acknowledged is lost, and nothing was done twice, as each validator proves.
    pub fn check(&self, runtime: &Runtime, net: &Net) {
        self.check_at(runtime, (0..COUNT).map(|number| client(net, number)));
    }

    /// The same, as each of the nodes proves that `clients` ask.
    pub fn check_at(&self, runtime: &Runtime, clients: impl IntoIterator<Item = Client>) {
        let (acknowledged, sent) = (self.acknowledged(), self.tally.sent.load(Ordering::Relaxed));
        for client in clients {
            let key = Account::key(&self.party, "EUR".parse().unwrap());
            let account = runtime.block_on(client.record::<Account>(&key)).unwrap().record.unwrap();
            let minted = account.value.balance.minor();
            assert!(
                (acknowledged..=sent).contains(&minted),
                "{acknowledged} acknowledged, {minted} there, {sent} sent"
            );
        }
        assert!(acknowledged > 0);
    }
}

async fn mint(client: Client, identity: Identity, party: PartyId, tally: Arc<Tally>) {
    let mut reference = HANDS.fetch_add(1, Ordering::Relaxed) << 32;
    while !tally.over.load(Ordering::Relaxed) {
        reference += 1;
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&reference.to_be_bytes());
        let (amount, currency) = (Amount::new(1).unwrap(), "EUR".parse().unwrap());
        let action = Action::Mint(Mint { party, amount, currency, reference: BankReference(bytes) });
        tally.sent.fetch_add(1, Ordering::Relaxed);
        match client.act(&identity, action, None).await {
            Ok(committed) => {
                committed.applied().unwrap();
                tally.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            // It is away, or has no quorum: what was not acknowledged may be there or not.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Every directory audits clean, and all that reach the lowest head alike.
pub fn audited(net: &Net) {
    let reports: Vec<serde_json::Value> = (0..COUNT)
        .map(|number| {
            let output = command().arg("--dir").arg(directory(net, number)).args(["--json", "audit"]).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "validator {number}: {said}{}", String::from_utf8_lossy(&output.stdout));
            serde_json::from_slice(&output.stdout).unwrap()
        })
        .collect();
    for report in &reports[1..] {
        if report["height"] == reports[0]["height"] {
            assert_eq!(report["state_root"], reports[0]["state_root"]);
            assert_eq!(report["digest"], reports[0]["digest"]);
        }
    }
}
