//! The marketplace as the command line sees it: its public API over HTTP, like anybody's.
//!
//! What it says is shown, not believed: contents are checked against the ledger by whoever fetches.
//! It signs in with a credential that it gets by proving a key, and gives it back afterwards.

mod asking;
mod consents;
mod list;

pub use list::Pages;

use crate::problem::{Exit, Problem};
use contracts::{
    id::{AgreementId, PartyId, VersionId},
    key::{Domain, PublicKey, Signature},
};
use futures_util::StreamExt as _;
use ledger::api::client::{Client, Identity};
use marketplace::keys::Keys;
use reqwest::{Method, RequestBuilder, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use tokio::io::AsyncWriteExt as _;

/// Waiting for a connection; a service on the same machine answers at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An answer in JSON, in bytes: more than a full page of listings.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Rows of a page, the most that the marketplace gives.
const PAGE_ROWS: usize = 200;
/// How long the marketplace may take to read a block that the node has.
const CATCH_UP_MAX: Duration = Duration::from_secs(60);

/// A marketplace.
#[derive(Clone)]
pub struct Market {
    url: String,
    http: reqwest::Client,
}

/// Somebody who is signed in at a marketplace.
#[derive(Clone)]
pub struct Session {
    market: Market,
    token: String,
    credential: String,
}

/// What a search found.
pub struct Found {
    /// The first listings.
    pub rows: Vec<Value>,
    /// How many there are in all.
    pub total: u64,
}

impl Found {
    /// How many listings there are beyond those that were read.
    pub fn left(&self) -> u64 {
        self.total.saturating_sub(self.rows.len() as u64)
    }
}

struct Page {
    rows: Vec<Value>,
    next: Option<String>,
    total: Option<u64>,
}

/// A delivery that the ledger has recorded.
#[derive(Debug, Deserialize, Serialize)]
pub struct Delivery {
    /// Its id.
    pub id: String,
    /// What is delivered.
    pub version: VersionId,
    #[serde(skip_serializing)]
    path: String,
}

/// The proof by which somebody with a key of a party gets a credential.
#[derive(Serialize)]
struct Proof {
    party: PartyId,
    key: PublicKey,
    at_ms: u64,
    signature: Signature,
}

/// A client for HTTP that uses no proxy of the environment.
pub fn http() -> Result<reqwest::Client, Problem> {
    client().build().map_err(|error| Problem::new("cannot make an HTTP client").because(error))
}

/// The same before it is made.
pub fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).no_proxy()
}

impl Market {
    /// The marketplace at `url`.
    pub fn new(url: String) -> Result<Self, Problem> {
        Ok(Self { url: url.trim_end_matches('/').to_owned(), http: http()? })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// A question with parameters.
    fn ask<'q>(&self, path: &str, query: impl Iterator<Item = (&'q str, &'q str)>) -> Result<RequestBuilder, Problem> {
        let mut url = Url::parse(&format!("{}{path}", self.url)).map_err(|error| {
            Problem::usage(format!("`{}` is no URL: {error}", self.url), "write http://127.0.0.1:7200")
        })?;
        url.query_pairs_mut().extend_pairs(query);
        Ok(self.http.get(url))
    }

    /// Waits until the marketplace has read every block that the node has now, so that it knows what
    /// was just done.
    ///
    /// # Errors
    /// When it is not there, or lags far behind.
    pub async fn caught_up(&self, client: &Client) -> Result<(), Problem> {
        let height = client.status().await?.height;
        let give_up = tokio::time::Instant::now() + CATCH_UP_MAX;
        loop {
            // Also the answer of a marketplace that is behind says up to where it is.
            let response =
                self.request(Method::GET, "/health").send().await.map_err(|error| self.unreachable(&error))?;
            let health: Value = response.json().await.map_err(|error| self.unreachable(&error))?;
            if health["height"].as_u64().is_some_and(|at| at >= height) {
                return Ok(());
            }
            if tokio::time::Instant::now() > give_up {
                return Err(Problem::new(format!("the marketplace at {} has not read block {height} yet", self.url))
                    .help("try again in a moment")
                    .exits(Exit::Unreachable));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One page of a list.
    async fn page<'q>(
        &self,
        path: &str,
        query: impl Iterator<Item = (&'q str, &'q str)>,
        token: Option<&str>,
    ) -> Result<Page, Problem> {
        let mut request = self.ask(path, query)?;
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut page = self.json(request).await?;
        let Value::Array(rows) = page["items"].take() else {
            return Err(self.strange("a list without items"));
        };
        let next = page["next"].as_str().map(str::to_owned);
        Ok(Page { rows, next, total: page["total"].as_u64() })
    }

    /// Listings that fit `words` and `facets`, at most `most` of them.
    ///
    /// # Errors
    /// What the marketplace says is wrong.
    pub async fn search(&self, words: &str, facets: &[(&str, &str)], most: usize) -> Result<Found, Problem> {
        let mut found = Found { rows: Vec::new(), total: 0 };
        let mut cursor = None::<String>;
        loop {
            let limit = (most - found.rows.len()).min(PAGE_ROWS).to_string();
            let paging = [Some(("limit", limit.as_str())), cursor.as_deref().map(|cursor| ("cursor", cursor))];
            let asked = [("q", words)].into_iter().chain(facets.iter().copied());
            let page = self.page("/api/v1/datasets", asked.chain(paging.into_iter().flatten()), None).await?;
            found.total = page.total.ok_or_else(|| self.strange("a search without a total"))?;
            let empty = page.rows.is_empty();
            found.rows.extend(page.rows.into_iter().take(most - found.rows.len()));
            cursor = page.next;
            if cursor.is_none() || empty || found.rows.len() >= most {
                return Ok(found);
            }
        }
    }

    /// All parties.
    pub fn parties(&self) -> Pages {
        Pages::new(self, "/api/v1/parties", &[], None)
    }

    /// Signs in by proving a key.
    ///
    /// # Errors
    /// When the marketplace is another than it says, or does not know the key.
    pub async fn sign_in(&self, identity: &Identity, client: &Client) -> Result<Session, Problem> {
        self.caught_up(client).await?;
        let about = self.json(self.request(Method::GET, "/api/v1/market")).await?;
        let base_url = about["base_url"].as_str().unwrap_or_default();
        // The proof names the marketplace: one that was lured out by another must not fit here.
        if base_url != self.url {
            return Err(Problem::new(format!("the marketplace at {} calls itself {base_url}", self.url))
                .help("reach it under its own name: --market-url names it")
                .exits(Exit::Untrue));
        }
        let at_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let key = identity.signer.public();
        let message = Keys::proof_message(&identity.party, &key, at_ms, base_url);
        let signature = identity
            .signer
            .sign(&Domain::Transaction.message(&client.network(), &message))
            .map_err(|error| Problem::new("the key cannot sign").because(error).exits(Exit::File))?;
        let proof = Proof { party: identity.party, key, at_ms, signature };
        let asked = json!({ "label": "lonja command line", "days": 1, "proof": proof });
        let answer = self.json(self.request(Method::POST, "/api/v1/credentials").json(&asked)).await?;
        match (answer["token"].as_str(), answer["credential"]["id"].as_str()) {
            (Some(token), Some(credential)) => {
                Ok(Session { market: self.clone(), token: token.into(), credential: credential.into() })
            }
            _ => Err(self.strange("a credential without a token")),
        }
    }

    async fn json(&self, request: RequestBuilder) -> Result<Value, Problem> {
        let response = self.checked(request).await?;
        let mut bytes = Vec::new();
        let mut pieces = response.bytes_stream();
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| self.unreachable(&error))?);
            if bytes.len() > ANSWER_BYTES_MAX {
                return Err(self.strange("an answer without end"));
            }
        }
        serde_json::from_slice(&bytes).map_err(|error| self.strange(&error.to_string()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Problem {
        let mut innermost: &dyn std::error::Error = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Problem::new(format!("cannot reach the marketplace at {}", self.url))
            .because(innermost.to_string())
            .help("start it with `lonja up` or `lonja market run`; --market-url names another")
            .exits(Exit::Unreachable)
    }

    fn strange(&self, what: &str) -> Problem {
        Problem::new(format!("the marketplace at {} answers something strange: {what}", self.url))
            .help("is it the same release as this command?")
    }
}

impl Session {
    /// Gives the credential back. What cannot be given back expires within a day.
    pub async fn sign_out(self) {
        let path = format!("/api/v1/credentials/{}", self.credential);
        let request = self.market.request(Method::DELETE, &path).bearer_auth(&self.token);
        if let Err(problem) = self.market.checked(request).await {
            tracing::debug!("the credential could not be given back: {problem}");
        }
    }

    /// Issues a one-time sign-in link to a party whose key the marketplace keeps. By an operator.
    ///
    /// # Errors
    /// What the marketplace says is wrong.
    pub async fn sign_in_link(&self, party: &PartyId) -> Result<Value, Problem> {
        let path = format!("/api/v1/parties/{party}/sign-in-links");
        self.market.json(self.market.request(Method::POST, &path).bearer_auth(&self.token).json(&json!({}))).await
    }

    /// Hands a file over. The answer's digest is for the caller to compare.
    ///
    /// # Errors
    /// What the marketplace says is wrong.
    pub async fn upload(&self, path: &Path, bytes: u64) -> Result<Value, Problem> {
        let file = tokio::fs::File::open(path).await.map_err(crate::problem::file("open", path))?;
        let body = reqwest::Body::wrap_stream(tokio_util::io::ReaderStream::with_capacity(file, 1 << 20));
        let request = self
            .market
            .request(Method::POST, "/api/v1/uploads")
            .bearer_auth(&self.token)
            .header("content-type", "application/octet-stream")
            .header("content-length", bytes)
            .body(body);
        self.market.json(request).await
    }

    /// The agreements of the party, bought or sold.
    pub fn agreements(&self, side: &str) -> Pages {
        Pages::new(&self.market, "/api/v1/agreements", &[("side", side)], Some(&self.token))
    }

    /// Asks for a delivery, which is recorded on the ledger; with the same `once` for the same one.
    ///
    /// # Errors
    /// A refusal of the rules, or what the marketplace says is wrong.
    pub async fn deliver(
        &self,
        agreement: &AgreementId,
        version: Option<&VersionId>,
        once: String,
    ) -> Result<Delivery, Problem> {
        let asked = json!({ "agreement": agreement, "version": version });
        let request = self.market.request(Method::POST, "/api/v1/deliveries").bearer_auth(&self.token);
        let answer = self.market.json(request.header("idempotency-key", once).json(&asked)).await?;
        let id = answer["delivery"]["id"].as_str().unwrap_or_default().to_owned();
        let version = answer["delivery"]["version"].as_str().unwrap_or_default().parse();
        let version = version.map_err(|_| self.market.strange("a delivery of no version"))?;
        let path = format!("/api/v1/deliveries/{id}");
        Ok(Delivery { id, version, path })
    }

    /// Writes all bytes of a delivery to `output`, telling `each` of every piece.
    ///
    /// # Errors
    /// A refusal of the rules, or what went wrong on the way.
    pub async fn content(
        &self,
        delivery: &Delivery,
        output: &mut tokio::fs::File,
        mut each: impl FnMut(&[u8]) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let request = self.market.request(Method::GET, &format!("{}/content", delivery.path)).bearer_auth(&self.token);
        let mut pieces = self.market.checked(request).await?.bytes_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| self.market.unreachable(&error))?;
            each(&piece)?;
            output.write_all(&piece).await.map_err(|error| Problem::new("cannot write the download").because(error))?;
        }
        Ok(())
    }

    /// A slice of a delivery in Bao encoding.
    ///
    /// # Errors
    /// A refusal of the rules, or what went wrong on the way.
    pub async fn slice(&self, delivery: &Delivery, start: u64, length: u64) -> Result<Vec<u8>, Problem> {
        let (start, length) = (start.to_string(), length.to_string());
        let query = [("start", start.as_str()), ("length", length.as_str())];
        let request = self.market.ask(&format!("{}/slice", delivery.path), query.into_iter())?;
        let response = self.market.checked(request.bearer_auth(&self.token)).await?;
        let bytes = response.bytes().await.map_err(|error| self.market.unreachable(&error))?;
        Ok(bytes.to_vec())
    }
}
