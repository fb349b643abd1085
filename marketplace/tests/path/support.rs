//! A network and a market in folders of their own, and callers of its API.

use super::contract::{Contract, Exchange};
use contracts::{
    action::Action,
    id::{BankReference, DatasetId, Digest, Height, PartyId},
    jacket::{Access, Classification, Jacket},
    party::{Admit, Role, Roles},
    settlement::Mint,
    vocabulary::*,
};
use ledger::{
    api::client::Identity,
    limits::HEAD_TIME_MAX,
    testing::{self, Network},
};
use marketplace::{
    Config, Running,
    keys::{Keys, MasterKey},
    limits::UPLOAD_IDLE_MAX,
    market::{Clock, clock_ms},
    objects::Place,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// How long a test waits for what has to come: so long that only what never comes is missed, however busy the machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often it looks meanwhile.
const SOON: Duration = Duration::from_millis(20);

/// Waits until `there` gives something.
pub async fn wait_for<T>(what: &str, there: impl AsyncFn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = there().await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come within {PATIENCE:?}");
        tokio::time::sleep(SOON).await;
    }
}

/// A client that drops an idle connection before the market does: a request on one that is being closed fails.
pub fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().pool_idle_timeout(HEAD_TIME_MAX / 2)
}

pub struct World {
    pub network: Network,
    pub running: Option<Running>,
    pub folder: TempDir,
    pub shutdown: CancellationToken,
    pub http: reqwest::Client,
    /// What tells the market the time.
    pub clock: Clock,
    pub objects: Option<Place>,
    /// How long an upload may stand still.
    pub upload_idle_max: Duration,
    /// The market's document, which every answer is held against.
    pub contract: Contract,
    /// Operations that were answered as asked.
    pub answered: Mutex<BTreeSet<String>>,
}

/// An answer: status, body, headers.
pub struct Got {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Got {
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    pub fn problem(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{:#}", self.body);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        self.body["detail"].as_str().unwrap().to_string()
    }
}

impl World {
    pub async fn start() -> Self {
        Self::with(clock_ms, None, UPLOAD_IDLE_MAX).await
    }

    /// A world whose market lives at another time than its ledger.
    pub async fn at(clock: Clock) -> Self {
        Self::with(clock, None, UPLOAD_IDLE_MAX).await
    }

    /// A market that keeps contents at `objects`.
    pub async fn start_on(objects: Option<Place>) -> Self {
        Self::with(clock_ms, objects, UPLOAD_IDLE_MAX).await
    }

    /// A market that gives up uploads that stand still for `upload_idle_max`.
    pub async fn start_waiting(upload_idle_max: Duration) -> Self {
        Self::with(clock_ms, None, upload_idle_max).await
    }

    async fn with(clock: Clock, objects: Option<Place>, upload_idle_max: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let network = Network::start(&folder.path().join("node")).await;
        let mut world = Self {
            network,
            running: None,
            folder,
            shutdown: CancellationToken::new(),
            http: http().build().unwrap(),
            clock,
            objects,
            upload_idle_max,
            contract: Contract(Value::Null),
            answered: Mutex::default(),
        };
        world.start_market().await;
        let document = world.http.get(world.url("/openapi.json")).send().await.unwrap();
        world.contract = Contract::new(document.json().await.unwrap());
        world
    }

    pub fn config(&self) -> Config {
        let listen = "127.0.0.1:0".parse().unwrap();
        let dir = self.folder.path().join("market");
        let mut config =
            Config::new(self.network.client.clone(), testing::gateway(), MasterKey::new([7; 32]), dir, listen);
        config.upload_bytes_max = 4 << 20;
        config.upload_idle_max = self.upload_idle_max;
        config.clock = self.clock;
        config.objects = self.objects.clone();
        config
    }

    pub async fn start_market(&mut self) {
        self.shutdown = CancellationToken::new();
        self.running = Some(marketplace::start(self.config(), self.shutdown.clone()).await.unwrap());
        self.caught_up(self.network.client.status().await.unwrap().height).await;
    }

    /// Stops the market, and ends when its folder is free for another one.
    pub async fn stop_market(&mut self) {
        self.shutdown.cancel();
        let Running { market, task, .. } = self.running.take().unwrap();
        drop(market);
        task.await.unwrap().unwrap();
        // Connections that are still closing hold the market longer than the task. What is its own is the last that it
        // lets go, and can be copied from outside then.
        let (dir, aside) = (self.config().dir, tempfile::tempdir().unwrap());
        let copied = async || match marketplace::backup::stopped(&dir, &aside.path().join("copy")) {
            Ok(_) => Some(()),
            Err(error) => {
                assert!(format!("{error:?}").contains("InUse"), "{error:?}");
                None
            }
        };
        wait_for("the end of the market's last connection", copied).await;
    }

    /// Waits until the market has applied the block at `height`.
    pub async fn caught_up(&self, height: Height) {
        wait_for("the market's rows", async || self.market().caught_up(height).await.then_some(())).await;
    }

    pub fn market(&self) -> &marketplace::Market {
        &self.running.as_ref().unwrap().market
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.as_ref().unwrap().url)
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Got {
        self.send(self.http.get(self.url(path)), token).await
    }

    pub async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Got {
        self.send(self.http.post(self.url(path)).json(body), token).await
    }

    pub async fn post_once(&self, path: &str, token: &str, key: &str, body: &Value) -> Got {
        self.send(self.http.post(self.url(path)).header("Idempotency-Key", key).json(body), Some(token)).await
    }

    pub async fn send(&self, request: reqwest::RequestBuilder, token: Option<&str>) -> Got {
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let sent = request.body().and_then(|body| body.as_bytes()).map(<[u8]>::to_vec);
        let (method, path) = (request.method().to_string(), request.url().path().to_string());
        let answer = client.execute(request).await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await.unwrap();
        let (sent, bytes) = (sent.as_deref(), bytes.as_ref());
        let exchange = Exchange { method: &method, path: &path, sent, status, headers: &headers, bytes };
        if let Err(error) = self.contract.check(&exchange) {
            panic!("{method} {path}: {status} is not as described: {error}\n{}", String::from_utf8_lossy(bytes));
        }
        if status < 300
            && let Some(operation) = self.contract.operation(&method.to_ascii_lowercase(), &path)
        {
            self.answered.lock().unwrap().insert(operation["operationId"].as_str().unwrap().into());
        }
        let body = serde_json::from_slice(bytes).unwrap_or(Value::Null);
        Got { status, body, headers }
    }

    /// An action by a party of the test network, straight to the node.
    pub async fn act(&self, identity: &Identity, action: Action) {
        let committed = self.network.client.act(identity, action, None).await.unwrap();
        committed.applied().unwrap();
        self.caught_up(committed.height).await;
    }

    /// A credential for a party that keeps its own key.
    pub async fn prove(&self, identity: &Identity) -> String {
        let at_ms = clock_ms();
        let key = identity.signer.public();
        let message = Keys::proof_message(&identity.party, &key, at_ms, self.market().base_url());
        let message = contracts::key::Domain::Transaction.message(&self.network.client.network(), &message);
        let signature = identity.signer.sign(&message).unwrap();
        let body = json!({"label": "test", "days": 1, "proof": {"party": identity.party, "key": key, "at_ms": at_ms, "signature": signature}});
        self.post("/api/v1/credentials", None, &body).await.expect(201)["token"].as_str().unwrap().to_string()
    }

    /// A member whose key the market keeps: applied, admitted, signed in by a link, with a credential.
    pub async fn member(&self, name: &str, roles: &[Role]) -> (PartyId, String) {
        let body = json!({"name": name, "kind": "business", "jurisdiction": "ES", "contact": "front desk"});
        let applied = self.post("/api/v1/parties", None, &body).await.expect(201);
        let party: PartyId = applied["party"].as_str().unwrap().parse().unwrap();
        self.act(&testing::operator(), Action::Admit(Admit { party, roles: Roles::of(roles) })).await;
        let operator = self.prove(&testing::operator()).await;
        let link =
            self.post(&format!("/api/v1/parties/{party}/sign-in-links"), Some(&operator), &json!({})).await.expect(201);
        let answer = self.post("/api/v1/sessions", None, &json!({"token": link["token"]})).await;
        let cookie = answer.headers["set-cookie"].to_str().unwrap().to_string();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let session = answer.expect(201);
        self.post("/api/v1/sessions", None, &json!({"token": link["token"]})).await.problem(401, "not-valid");
        let request = self.http.post(self.url("/api/v1/credentials")).json(&json!({"label": "desk", "days": 1}));
        let request = request.header("cookie", cookie.split(';').next().unwrap());
        self.send(request.try_clone().unwrap(), None).await.problem(401, "not-signed-in");
        let request = request.header("x-csrf-token", session["csrf"].as_str().unwrap());
        let issued = self.send(request, None).await.expect(201);
        (party, issued["token"].as_str().unwrap().to_string())
    }

    pub async fn mint(&self, party: PartyId, minor: u64, currency: &str) {
        static REFERENCES: AtomicU64 = AtomicU64::new(0);
        let reference = BankReference(Digest::of(&[&REFERENCES.fetch_add(1, Ordering::Relaxed).to_be_bytes()]).0);
        let amount = contracts::money::Amount::new(minor).unwrap();
        let mint = Mint { party, amount, currency: currency.parse().unwrap(), reference };
        self.act(&testing::settlement(), Action::Mint(mint)).await;
    }

    /// Publishes with a managed key and gives the dataset's id.
    pub async fn publish(&self, (party, token): &(PartyId, String), identifier: &str, jacket: &Jacket) -> DatasetId {
        let action = json!({"action": "dataset.publish", "catalogue": "own", "identifier": identifier, "jacket": jacket, "side": null});
        let body = json!({"action": action, "side": {"outline": "Hourly counts of the harbour", "contact": "desk"}});
        self.post("/api/v1/actions", Some(token), &body).await.expect(201);
        DatasetId::of(party, "own", identifier)
    }

    /// Uploads bytes and anchors them as the next version.
    pub async fn upload(&self, token: &str, dataset: &DatasetId, bytes: &[u8]) -> Value {
        let request = self.http.post(self.url("/api/v1/uploads")).body(bytes.to_vec());
        let stored = self.send(request, Some(token)).await.expect(201);
        let body = json!({"blake3": stored["blake3"], "sha256": stored["sha256"], "bytes": stored["bytes"], "media_type": "text/csv"});
        self.post(&format!("/api/v1/datasets/{dataset}/versions"), Some(token), &body).await.expect(201)
    }

    pub async fn offer(&self, token: &str, dataset: &DatasetId, price: Value) -> String {
        // A subscription ends with its periods.
        let days = if price["kind"] == "subscription" { Value::Null } else { 30.into() };
        let terms =
            json!({"purposes": {"kind": "any"}, "duration_days": days, "onward": "prohibited", "attribution": null});
        let action = json!({"action": "offer.make", "dataset": dataset, "terms": terms, "price": price});
        let order = self.post("/api/v1/actions", Some(token), &json!({"action": action})).await.expect(201);
        order["order"]["id"].as_str().unwrap().to_string()
    }
}

/// A jacket that may be offered.
pub fn jacket(title: &str, personal: PersonalStatus) -> Jacket {
    let classification = Classification {
        framework_class: Stated::said(FrameworkClass::Thematic),
        spectrum: Stated::said(Spectrum::Shared),
        access: Stated::said(Access::Public),
        categories: Stated::said(vec![CollectableCategory::Movement]),
        insight_levels: Stated::said(vec![InsightLevel::Operational]),
        roles: Stated::said(vec![DataRole::Owner]),
        processing: Stated::said(ProcessingState::Raw),
        usage: Stated::said(DataUsage::Versioned),
        structure: Stated::said(Structure::Structured),
        quadrant: Stated::said(Quadrant::Traded),
        sensitivity: Stated::said(SensitivityClass::InternalUse),
        personal: Stated::said(personal),
        spatial: Stated::said("Cádiz".into()),
        temporal: Stated::said("2025".into()),
        refresh: Stated::said("R/P1D".into()),
    };
    serde_json::from_value(json!({"title": title, "formats": ["CSV"], "classification": classification})).unwrap()
}
