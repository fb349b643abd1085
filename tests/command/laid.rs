//! A network's directory in which every kind of file has something in it: made by commands and the
//! marketplace's API, over two runs, so that stores have both tables and logs.

use super::harness::{Net, Service};
use serde_json::{Value, json};

/// What is in the directory and can be asked for again.
pub struct Laid {
    pub net: Net,
    pub dataset: String,
    /// A consent whose record is in the vault.
    pub consent: String,
}

/// What is written about the subject that is erased, and searched for afterwards.
pub const ERASED: [&str; 2] = ["card-4712-of-the-erased", "Erasmus Gone of Nowhere Street"];

impl Laid {
    /// Lays a directory out; nothing runs on it afterwards.
    pub fn out() -> Self {
        let net = Net::created();
        let up = up(&net);
        for (key, roles) in [("provider", "provider"), ("buyer", "buyer"), ("registry", "custodian")] {
            net.ok(&["party", "apply", key, "--as", key]);
            net.ok(&["party", "admit", key, "--role", roles]);
        }
        let (dataset, content) = (publish(&net), net.path("content.csv"));
        // Longer than a group of 16 KiB, so that the outboard holds hashes.
        let line = |n: u32| format!("{n},{}\n", (n * 7919) >> 3);
        std::fs::write(&content, (0..9_000).map(line).collect::<String>()).unwrap();
        net.ok(&["dataset", "upload", &dataset, content.to_str().unwrap(), "--as", "provider"]);
        let offer = net.ok(&["offer", "make", &dataset, "--price", "EUR:1", "--as", "provider"]);
        net.ok(&["account", "mint", "buyer", "EUR:100", "--reference", "1"]);
        let bought = net.ok(&["buy", text(&offer["offer"]), "--purpose", "maintenance", "--as", "buyer"]);
        let fetched = net.path("fetched.csv");
        let fetch = ["fetch", text(&bought["agreement"]), "--output", fetched.to_str().unwrap(), "--as", "buyer"];
        net.ok(&fetch);
        let consent = give(&net, &dataset, "card-4711", "name=Someone Who Stays");
        give(&net, &dataset, ERASED[0], &format!("name={}", ERASED[1]));
        managed_custodian(&net, &up, &dataset);
        up.stop();
        let up = self::up(&net);
        let erased = net.ok(&["consent", "erase", "--subject", ERASED[0], "--as", "registry"]);
        assert_eq!(erased["erasure"]["records"], 1, "{erased}");
        give(&net, &dataset, "card-4711", "method=signature");
        give(&net, &dataset, "card-4713", "method=signature");
        net.ok(&["account", "mint", "buyer", "EUR:1", "--reference", "2"]);
        up.stop();
        Self { net, dataset, consent }
    }
}

pub fn up(net: &Net) -> Service {
    net.start(&["up"])
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

pub fn publish(net: &Net) -> String {
    let listings: Value = serde_json::from_str(include_str!("../../src/demo/listings.json")).unwrap();
    let quay = listings.as_array().unwrap().iter().find(|listing| listing["name"] == "quay-inventory").unwrap();
    let file = net.path("jacket.json");
    std::fs::write(&file, quay["jacket"].to_string()).unwrap();
    let (file, outline) = (file.to_str().unwrap(), "What lies along the quays.");
    let publish = ["listing", "publish", file, "--catalogue", "c", "--identifier", "i", "--outline", outline];
    let published = net.ok(&[&publish[..], &["--as", "provider"]].concat());
    text(&published["dataset"]).to_owned()
}

/// A consent whose record is in the vault, given by the registry's own key.
pub fn give(net: &Net, dataset: &str, subject: &str, field: &str) -> String {
    let notice = net.path("notice.txt");
    std::fs::write(&notice, "We share what you tell us for research.").unwrap();
    let notice = notice.to_str().unwrap();
    let give = ["consent", "give", dataset, "--purpose", "research", "--notice", notice, "--subject", subject];
    let given = net.ok(&[&give[..], &["--field", field, "--as", "registry"]].concat());
    text(&given["consent"]).to_owned()
}

/// A custodian whose key the marketplace keeps: applies, signs in by a link, gives a consent. Returns its party.
pub fn managed_custodian(net: &Net, up: &Service, dataset: &str) -> String {
    let url = text(&up.urls["marketplace"]).to_owned();
    let web = Web::new();
    let apply = json!({ "name": "Consent desk", "kind": "business", "jurisdiction": "ES", "contact": "front desk" });
    let (applied, _) = web.post(&format!("{url}/api/v1/parties"), &apply, &[]);
    let party = text(&applied["party"]);
    net.ok(&["party", "admit", party, "--role", "custodian"]);
    let link = net.ok(&["party", "link", party, "--as", "operator"]);
    let (session, cookie) = web.post(&format!("{url}/api/v1/sessions"), &json!({ "token": link["token"] }), &[]);
    // One more, which nobody uses.
    net.ok(&["party", "link", party, "--as", "operator"]);
    let signed_in = [("cookie", cookie.as_str()), ("x-csrf-token", text(&session["csrf"]))];
    web.post(&format!("{url}/api/v1/credentials"), &json!({ "label": "desk", "days": 30 }), &signed_in);
    let consent = json!({
        "dataset": dataset, "purposes": ["research"], "notice": "We ask.", "until": "2099-01-01",
        "subject": "member 7", "record": { "method": "web form" },
    });
    let once = [&signed_in[..], &[("idempotency-key", "consent-1")]].concat();
    let (first, _) = web.post(&format!("{url}/api/v1/consents"), &consent, &once);
    let (again, _) = web.post(&format!("{url}/api/v1/consents"), &consent, &once);
    assert_eq!(first["record"]["consent"], again["record"]["consent"]);
    party.to_owned()
}

/// Asks services over HTTP.
pub struct Web {
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
}

impl Web {
    pub fn new() -> Self {
        // Another test of this process may have been first.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub fn get(&self, url: &str) -> Value {
        self.runtime.block_on(async {
            let answer = self.http.get(url).send().await.unwrap();
            assert!(answer.status().is_success(), "{url}: {}", answer.status());
            answer.json().await.unwrap()
        })
    }

    /// The answer, and the cookie that it sets.
    fn post(&self, url: &str, body: &Value, headers: &[(&str, &str)]) -> (Value, String) {
        self.runtime.block_on(async {
            let mut request = self.http.post(url).json(body);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = request.send().await.unwrap();
            let cookie = answer.headers().get("set-cookie").and_then(|cookie| cookie.to_str().ok()).unwrap_or_default();
            let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
            let (status, body) = (answer.status(), answer.text().await.unwrap());
            assert!(status.is_success(), "{url}: {status} {body}");
            (serde_json::from_str(&body).unwrap(), cookie)
        })
    }
}
