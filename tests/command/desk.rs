//! A member whose key the market keeps, at work by the market's API and by its pages.

use super::harness::Net;
use contracts::id::PartyId;
use reqwest::{RequestBuilder, Response, header};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

/// How long a member goes on asking.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A member, signed in once by a link and with a credential for its programs.
#[derive(Clone)]
pub struct Desk {
    pub party: PartyId,
    url: Arc<str>,
    http: reqwest::Client,
    cookie: Arc<str>,
    token: Arc<str>,
}

/// A purchase that can be sent again, byte by byte the same.
#[derive(Clone)]
pub enum Purchase {
    /// By the API: the key and the body.
    Api { key: String, body: Value },
    /// By the page: where the form goes, and its fields.
    Web { action: String, fields: String },
}

/// What a purchase was answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Bought {
    /// The answer of the API.
    Api(Value),
    /// Where the page led.
    Web(String),
}

impl Bought {
    /// The licence.
    pub fn agreement(&self) -> String {
        match self {
            Self::Api(answer) => answer["agreement"].as_str().unwrap().to_owned(),
            Self::Web(place) => place.trim_start_matches("/agreements/").split('?').next().unwrap().to_owned(),
        }
    }
}

impl Desk {
    /// Applies, is admitted with `role`, and signs in.
    pub async fn of(net: &Net, url: &str, role: &str) -> Self {
        // Another test of this process may have chosen a provider before; either will do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let (cookie, token) = ("".into(), "".into());
        let mut desk = Self { party: PartyId([0; 32]), url: url.into(), http, cookie, token };
        let applied = desk.http.post(desk.at("/api/v1/parties"));
        let applied =
            applied.json(&json!({ "name": format!("Desk of a {role}"), "kind": "business", "jurisdiction": "ES" }));
        desk.party = got(applied.send().await.unwrap(), 201).await["party"].as_str().unwrap().parse().unwrap();
        let party = desk.party.to_string();
        net.ok(&["party", "admit", &party, "--role", role]);
        let link = net.ok(&["party", "link", &party]);
        let session = desk.http.post(desk.at("/api/v1/sessions")).json(&json!({ "token": link["token"] }));
        let session = session.send().await.unwrap();
        let cookie = session.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let csrf = got(session, 201).await["csrf"].as_str().unwrap().to_owned();
        let asked = desk.http.post(desk.at("/api/v1/credentials")).header(header::COOKIE, &cookie);
        let asked = asked.header("x-csrf-token", csrf).json(&json!({ "label": "programs", "days": 1 }));
        let issued = got(asked.send().await.unwrap(), 201).await;
        Self { cookie: cookie.into(), token: issued["token"].as_str().unwrap().into(), ..desk }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn get(&self, path: &str) -> Value {
        got(self.http.get(self.at(path)).bearer_auth(&self.token).send().await.unwrap(), 200).await
    }

    async fn page(&self, path: &str) -> String {
        let page = self.http.get(self.at(path)).header(header::COOKIE, &*self.cookie).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        page.text().await.unwrap()
    }

    /// A purchase of `offer`: read from the page, or written under `key`.
    pub async fn prepare(&self, web: bool, offer: &str, key: &str) -> Purchase {
        if !web {
            let body = json!({ "offer": offer, "purpose": "maintenance", "amount": "125" });
            return Purchase::Api { key: key.into(), body };
        }
        let page = self.page(&format!("/offers/{offer}/confirm?purpose=maintenance")).await;
        let action = format!("/offers/{offer}/buy");
        let fields = fields(&page, &action);
        Purchase::Web { action, fields }
    }

    fn request(&self, purchase: &Purchase) -> RequestBuilder {
        match purchase {
            Purchase::Api { key, body } => {
                let request = self.http.post(self.at("/api/v1/orders")).bearer_auth(&self.token);
                request.header("idempotency-key", key).json(body)
            }
            Purchase::Web { action, fields } => self.form(action, fields.clone()),
        }
    }

    fn form(&self, action: &str, fields: String) -> RequestBuilder {
        let request = self.http.post(self.at(action)).header(header::COOKIE, &*self.cookie);
        let request = request.header(header::ORIGIN, &*self.url);
        request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(fields)
    }

    /// Sends it once. `None`: the connection broke, or the market says to ask again.
    pub async fn send(self, purchase: Purchase) -> Option<Bought> {
        let answer = self.request(&purchase).send().await.ok()?;
        let status = answer.status().as_u16();
        match (&purchase, status) {
            (_, 409 | 503 | 504) => None,
            (Purchase::Api { .. }, 201) => answer.json().await.ok().map(Bought::Api),
            (Purchase::Web { .. }, 303) => {
                Some(Bought::Web(answer.headers()[header::LOCATION].to_str().unwrap().to_owned()))
            }
            _ => panic!("status {status}: {}", answer.text().await.unwrap_or_default()),
        }
    }

    /// Sends the same again until it is answered.
    pub async fn insist(&self, purchase: Purchase) -> Bought {
        let begun = Instant::now();
        loop {
            if let Some(bought) = self.clone().send(purchase.clone()).await {
                return bought;
            }
            assert!(begun.elapsed() < PATIENCE, "the purchase has no answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until none of its orders is open, without asking for any of them again.
    pub async fn settled(&self) {
        let begun = Instant::now();
        while self.orders().await.iter().any(|order| order["state"]["state"] == "open") {
            assert!(begun.elapsed() < PATIENCE, "an order stays open");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// All its orders, by pages of a few.
    async fn orders(&self) -> Vec<Value> {
        let (mut all, mut path) = (Vec::new(), "/api/v1/orders?limit=7".to_owned());
        loop {
            let page = self.get(&path).await;
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next"].as_str() {
                Some(next) => path = format!("/api/v1/orders?limit=7&cursor={next}"),
                None => return all,
            }
        }
    }

    /// Licences that its orders say it bought, each once.
    pub async fn bought(&self) -> BTreeSet<String> {
        let orders = self.orders().await;
        let bought = orders.iter().filter(|order| order["action"] == "agreement.buy");
        let bought: Vec<String> = bought.map(|order| order["id"].as_str().unwrap().to_owned()).collect();
        let once: BTreeSet<String> = bought.iter().cloned().collect();
        assert_eq!(once.len(), bought.len(), "an order is listed twice");
        once
    }

    /// One of its orders.
    pub async fn order(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/orders/{id}")).await
    }

    /// The ledger's receipt, as the market passes it on.
    pub async fn receipt(&self, transaction: &str) -> String {
        let answer = self.get(&format!("/api/v1/transactions/{transaction}/receipt")).await;
        answer["receipt"].as_str().unwrap().to_owned()
    }

    /// A delivery, as the path of its bytes.
    pub async fn delivery(&self, agreement: &str) -> String {
        let request = self.http.post(self.at("/api/v1/deliveries")).bearer_auth(&self.token);
        let request = request.json(&json!({ "agreement": agreement }));
        let answer = got(in_the_end(request).await, 201).await;
        format!("/api/v1/deliveries/{}", answer["delivery"]["id"].as_str().unwrap())
    }

    /// Status and bytes of `path` of a delivery, asked for once.
    pub async fn read(&self, delivery: &str, path: &str) -> (u16, Vec<u8>) {
        said(self.reading(delivery, path).send().await.unwrap()).await
    }

    /// The same, asked for until somebody could say yes or no.
    pub async fn read_in_the_end(&self, delivery: &str, path: &str) -> (u16, Vec<u8>) {
        said(in_the_end(self.reading(delivery, path)).await).await
    }

    fn reading(&self, delivery: &str, path: &str) -> RequestBuilder {
        self.http.get(self.at(&format!("{delivery}/{path}"))).bearer_auth(&self.token)
    }

    /// Downloads what the licence covers: by the button on its page, or by the API.
    pub async fn download(&self, web: bool, agreement: &str) -> Vec<u8> {
        if !web {
            let delivery = self.delivery(agreement).await;
            let (status, bytes) = self.read_in_the_end(&delivery, "content").await;
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
            return bytes;
        }
        let page = self.page(&format!("/agreements/{agreement}")).await;
        let action = format!("/agreements/{agreement}/download");
        let file = in_the_end(self.form(&action, fields(&page, &action))).await;
        assert_eq!(file.status(), 200);
        file.bytes().await.unwrap().to_vec()
    }

    /// Hands a content over in small pieces, some MiB a second, without end; ends with the market.
    pub fn upload_slowly(&self) -> JoinHandle<()> {
        let pieces = futures_util::stream::unfold(0u64, |at| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, std::io::Error>(vec![at as u8; 64 * 1024]), at + 1))
        });
        let request = self.http.post(self.at("/api/v1/uploads")).bearer_auth(&self.token);
        let request = request.body(reqwest::Body::wrap_stream(pieces));
        tokio::spawn(async move {
            let answer = request.send().await;
            assert!(answer.is_err(), "nothing was finished: {answer:?}");
        })
    }
}

async fn said(answer: Response) -> (u16, Vec<u8>) {
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

/// The answer to a request that may be repeated: a market whose node is slow says that nobody could say yes, and to ask
/// again.
async fn in_the_end(request: RequestBuilder) -> Response {
    let begun = Instant::now();
    loop {
        let answer = request.try_clone().unwrap().send().await.unwrap();
        if answer.status() != 503 || begun.elapsed() > PATIENCE {
            return answer;
        }
        // A page says it in words, the API in a field as well.
        let said = answer.text().await.unwrap();
        let problem = serde_json::from_str::<Value>(&said).unwrap_or_default();
        assert_ne!(problem["retryable"], false, "{said}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn got(answer: Response, status: u16) -> Value {
    let (is, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default());
    assert_eq!(is, status, "{body}");
    body
}

/// The hidden fields of the form with this action, as a browser sends them.
fn fields(page: &str, action: &str) -> String {
    let start = page.find(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form {action}: {page}"));
    let form = &page[start..start + page[start..].find("</form>").unwrap()];
    let hidden = form.split("<input type=\"hidden\" name=\"").skip(1).map(|text| {
        let (name, rest) = text.split_once("\" value=\"").unwrap();
        let value = rest.split('"').next().unwrap();
        let encoded = |byte: u8| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        };
        format!("{name}={}", value.bytes().map(encoded).collect::<String>())
    });
    hidden.collect::<Vec<_>>().join("&")
}
