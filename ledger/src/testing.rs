//! A real solo network in a folder of its own, for tests of everything that stands on the ledger.

#[cfg(test)]
pub mod between;
pub mod disk;
#[cfg(test)]
mod heirs;
pub mod log;
pub mod s3;
pub mod tls;
#[cfg(test)]
pub mod unexecuted;

#[cfg(test)]
pub use heirs::heir_keys;

use crate::{
    api::{
        client::{Client, Identity},
        server,
    },
    node::{Config, Handle, Node, Shown, Sources, ValidatorKeys},
};
use contracts::{
    founding::{Founder, FounderKey, Founding, Parameters},
    id::PartyId,
    key::{Signer, TestSigner},
    party::{Country, KeyUse, PartyKind, Role, Roles},
    validators::{Validator, ValidatorSet},
};
use genesis::{NetworkDocument, SignedDocument, TrustAnchor};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// Seeds of the founders' keys: everybody can make them, so they guard nothing.
const SEEDS: [(u16, &str, &[Role]); 6] = [
    (10, "Market operator", &[Role::Operator]),
    (11, "Settlement agent", &[Role::SettlementAgent]),
    (12, "Marketplace", &[Role::Gateway]),
    (13, "Harbour office", &[Role::Provider, Role::Buyer]),
    (14, "Shipping line", &[Role::Buyer, Role::Provider]),
    (15, "Consent office", &[Role::Custodian]),
];

/// A running solo network.
pub struct Network {
    /// Whom to trust.
    pub anchor: TrustAnchor,
    /// A client of its node.
    pub client: Client,
    /// Where its node listens.
    pub url: String,
    node: Option<Node>,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<std::io::Result<()>>>,
    /// The socket that the server listens on, once more.
    port: Option<std::net::TcpListener>,
}

/// The port of a network that is stopped. As long as this is held nobody else gets it, above all no node of another test,
/// which would have the same network and keys and answer in its place. Whoever connects is hung up on.
pub struct KeptPort(JoinHandle<()>);

impl Drop for KeptPort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long a server may take to close its connections: longer than it says of itself, for a machine that is busy.
const STOP_MAX: Duration = Duration::from_secs(60);

/// The founding document of the test network.
///
/// # Panics
/// Never: its parts are fixed and valid.
pub fn document() -> SignedDocument {
    let key = |seed| TestSigner::of(seed).public();
    let validator = Validator { name: "validator-0".into(), consensus: key(1), log: key(2), cosigner: key(3) };
    document_of(ValidatorSet { validators: vec![validator] }, &[&TestSigner::of(1)])
}

/// The keys of the one validator of the test network.
pub fn solo_keys() -> ValidatorKeys {
    let signer = |seed| Arc::new(TestSigner::of(seed)) as Arc<dyn Signer>;
    ValidatorKeys { consensus: signer(1), log: signer(2), cosigner: signer(3) }
}

/// Consensus key of validator `number` of a test network of several.
pub fn consensus_signer(number: u16) -> TestSigner {
    TestSigner::of(500 + 3 * number)
}

/// All keys of validator `number` of a test network of several.
pub fn validator_keys(number: u16) -> ValidatorKeys {
    let signer = |key: u16| Arc::new(TestSigner::of(500 + 3 * number + key)) as Arc<dyn Signer>;
    ValidatorKeys { consensus: signer(0), log: signer(1), cosigner: signer(2) }
}

/// The validators of a test network of several.
pub fn validators(count: u16) -> ValidatorSet {
    let validator = |number: u16| {
        let keys = validator_keys(number);
        let (consensus, log, cosigner) = (keys.consensus.public(), keys.log.public(), keys.cosigner.public());
        Validator { name: format!("validator-{number}"), consensus, log, cosigner }
    };
    ValidatorSet { validators: (0..count).map(validator).collect() }
}

/// The founding document of a test network of several validators.
///
/// # Panics
/// When a network cannot have so many.
pub fn document_among(count: u16) -> SignedDocument {
    let signers: Vec<TestSigner> = (0..count).map(consensus_signer).collect();
    let signers: Vec<&dyn Signer> = signers.iter().map(|signer| signer as &dyn Signer).collect();
    document_of(validators(count), &signers)
}

/// The same with other validators, signed by their consensus keys.
///
/// # Panics
/// When `signers` are not those of `validators`.
pub fn document_of(validators: ValidatorSet, signers: &[&dyn Signer]) -> SignedDocument {
    let key = |seed| TestSigner::of(seed).public();
    let founder = |(seed, name, roles): &(u16, &str, &[Role])| Founder {
        name: name.to_string(),
        kind: PartyKind::City,
        jurisdiction: Country(*b"ES"),
        roles: Roles::of(roles),
        keys: vec![
            FounderKey { key: key(*seed), usage: KeyUse::Sign },
            FounderKey { key: key(*seed + 100), usage: KeyUse::Price },
        ],
    };
    let founding =
        Founding { validators, founders: SEEDS.iter().map(founder).collect(), parameters: Parameters::default() };
    let document =
        NetworkDocument { protocol: genesis::document::PROTOCOL, name: "Test".into(), created_ms: 0, founding };
    document.sign(signers).expect("the test network's parts are fixed and valid")
}

/// The founder made from `seed`.
pub fn identity(seed: u16) -> Identity {
    let signer = TestSigner::of(seed);
    Identity { party: PartyId::of_first_key(&signer.public()), signer: Arc::new(signer) }
}

/// Admits others.
pub fn operator() -> Identity {
    identity(10)
}

/// Mints and burns.
pub fn settlement() -> Identity {
    identity(11)
}

/// Delivers.
pub fn gateway() -> Identity {
    identity(12)
}

/// Publishes; its pricing key has seed 113.
pub fn provider() -> Identity {
    identity(13)
}

/// Buys.
pub fn buyer() -> Identity {
    identity(14)
}

/// Records consents.
pub fn custodian() -> Identity {
    identity(15)
}

/// How a node of the test network in `folder` is started.
pub fn config(folder: &Path) -> Config {
    Config {
        folder: folder.to_path_buf(),
        document: document(),
        keys: Arc::new(vec![solo_keys()]),
        sources: Sources::None,
        confirm_time: false,
        retention: None,
    }
}

/// A node of the test network in `folder`, without a server.
///
/// # Errors
/// [`crate::node::NodeError`].
pub fn node(folder: &Path) -> Result<Node, crate::node::NodeError> {
    Node::start(config(folder))
}

/// A node of the test network in `folder` that observes, without a server.
///
/// # Errors
/// [`crate::node::NodeError`].
pub fn observer(folder: &Path) -> Result<Node, crate::node::NodeError> {
    Node::start(Config { keys: Arc::new(Vec::new()), sources: Sources::Show(Shown::default()), ..config(folder) })
}

/// The range of seeds in `LONJA_SEEDS` (A..B, without B), or `otherwise`.
///
/// # Panics
/// When `LONJA_SEEDS` is none.
pub fn seeds(otherwise: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("LONJA_SEEDS") else { return otherwise };
    let (from, to) = text.split_once("..").expect("LONJA_SEEDS is A..B");
    from.parse().expect("LONJA_SEEDS is A..B")..to.parse().expect("LONJA_SEEDS is A..B")
}

impl Network {
    /// Starts a node in `folder` and serves it on a free port of the loopback.
    ///
    /// # Panics
    /// When it cannot: a test goes no further then.
    pub async fn start(folder: &Path) -> Self {
        let started = Self::serving(node(folder).expect("the test network starts")).await;
        while started.client.status().await.expect("the node answers").height == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        started
    }

    /// Serves `node` on a free port of the loopback.
    ///
    /// # Panics
    /// When it cannot.
    pub async fn serving(node: Node) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port of the loopback is free");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let listener = listener.into_std().expect("nobody waits at it yet");
        let port = Some(listener.try_clone().expect("a test has file descriptors left"));
        let listener = TcpListener::from_std(listener).expect("it came from a runtime");
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = server::serve(listener, node.handle(), async move { drop(stopped.await) });
        let server = tokio::spawn(serving);
        let anchor = document().anchor();
        let client = Client::new(&url, anchor.clone()).expect("the anchor and the link are valid");
        Self { anchor, client, url, node: Some(node), stop: Some(stop), server: Some(server), port }
    }

    /// Puts blocks of one transaction each into the ledger, until it has `height` of them.
    ///
    /// # Panics
    /// When one is not taken.
    pub async fn grow(&self, height: contracts::id::Height) {
        let settlement = settlement();
        let mut number = self.client.status().await.expect("the node answers").height;
        while number < height {
            number += 1;
            let mut reference = [0; 32];
            reference[..8].copy_from_slice(&number.to_be_bytes());
            let mint = contracts::settlement::Mint {
                party: buyer().party,
                amount: contracts::money::Amount::new(100).expect("below the limit"),
                currency: "EUR".parse().expect("a currency"),
                reference: contracts::id::BankReference(reference),
            };
            let action = contracts::action::Action::Mint(mint);
            let done = self.client.act(&settlement, action, None).await.expect("it is taken");
            done.applied().expect("the rules allow it");
        }
    }

    /// Brings `observer` all blocks that it does not have, as its sources would.
    ///
    /// # Panics
    /// When it does not take one.
    pub async fn feed(&self, observer: &Handle) {
        let tip = self.client.status().await.expect("the node answers").height;
        while observer.status().height < tip {
            if let Some(after) = observer.wants_blocks(false) {
                let wait = Duration::from_secs(1);
                observer.observe(self.client.blocks(after, wait).await.expect("the node answers"));
            }
            assert_eq!(observer.status().reason, None);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The handle of its node.
    ///
    /// # Panics
    /// Never: it has one until it is stopped.
    pub fn handle(&self) -> Handle {
        self.node.as_ref().expect("it is not stopped").handle()
    }

    /// Stops node and server, leaving the folder.
    pub async fn stop(mut self) {
        drop(self.port.take());
        drop(self.stop.take());
        // Connections hold the store; only when they are closed may another node open it.
        if let Some(server) = self.server.take() {
            drop(tokio::time::timeout(STOP_MAX, server).await);
        }
        let node = self.node.take();
        drop(tokio::task::spawn_blocking(move || node.map(Node::stop)).await);
    }

    /// As [`Network::stop`], for a test that goes on and asks for the node: its port stays its own.
    ///
    /// # Panics
    /// Never: it has a port until it is stopped.
    pub async fn stop_keeping_port(mut self) -> KeptPort {
        let port = self.port.take().expect("it is not stopped");
        let port = TcpListener::from_std(port).expect("it came from a runtime");
        let kept = KeptPort(tokio::spawn(async move {
            loop {
                if port.accept().await.is_err() {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        }));
        self.stop().await;
        kept
    }
}

/// Validator `by` protests against what validator `number` proposed at `height`.
///
/// # Panics
/// Never: a test's key signs.
pub fn protest(number: u16, height: u64, by: u16) -> contracts::governance::Protest {
    use contracts::{
        governance::Protest,
        statement::{Said, Statement},
    };
    let (network, signer) = (document().network, consensus_signer(number));
    let said = Said::Proposal { block: contracts::id::Digest([1; 32]), since: None };
    let proposal = Statement { validator: signer.public(), height, round: 0, said };
    let (domain, message) = proposal.signed();
    let signature = signer.sign(&domain.message(&network, &message)).expect("a test's key signs");
    Protest::sign(&network, &proposal, signature, &consensus_signer(by)).expect("a test's key signs")
}

/// Validator `number` signed two prevotes of `height`.
///
/// # Panics
/// Never: a test's key signs.
pub fn accusation(number: u16, height: u64) -> contracts::governance::Accuse {
    use contracts::{
        governance::{Accuse, Testimony},
        key::Signer,
        statement::{Said, Statement},
    };
    let (signer, network) = (consensus_signer(number), document().network);
    let validator = signer.public();
    let [first, second] = [None, Some(contracts::id::Digest([1; 32]))].map(|block| {
        let said = Said::Prevote { block };
        let (domain, message) = Statement { validator, height, round: 0, said }.signed();
        Testimony { said, signature: signer.sign(&domain.message(&network, &message)).expect("a test's key signs") }
    });
    Accuse { validator, height, round: 0, first, second }
}

/// Copies a folder with all that is in it, as a backup does.
///
/// # Panics
/// When that fails.
pub fn copied(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("it can be made");
    for entry in std::fs::read_dir(from).expect("it can be read") {
        let entry = entry.expect("it can be read");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copied(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("it can be copied");
        }
    }
}
