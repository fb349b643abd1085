//! The explorer through its own routes, on a real small market.

use super::*;
use crate::fixture::{CONTACT, Made, SECRET};
use crate::follow::State;
use axum::body::{Body, to_bytes};
use futures_util::StreamExt as _;
use ledger::testing::{self, Network};
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt as _;

mod asking;
mod governing;

struct Site {
    _folder: TempDir,
    network: Network,
    made: Made,
    router: Router,
    app: App,
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    text: String,
}

async fn ask(router: &Router, path: &str, header: Option<(&str, &str)>) -> Answer {
    let mut request = Request::builder().uri(path);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let bytes = to_bytes(body, 16 << 20).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

impl Site {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let network = Network::start(&folder.path().join("node")).await;
        let made = crate::fixture::market(&network.client).await;
        let index = Arc::new(Index::open(&folder.path().join("explorer"), network.client.network()).unwrap());
        let state = Arc::new(parking_lot::RwLock::new(State::default()));
        let app = App::new(index.clone(), network.client.clone(), state.clone(), CancellationToken::new());
        tokio::spawn(follow::follow(network.client.clone(), index.clone(), state, app.stop.clone()));
        let site = Self { _folder: folder, network, made, router: router(app.clone()), app };
        site.catch_up().await;
        site
    }

    /// Waits until the read model is where the node is.
    async fn catch_up(&self) {
        let height = self.network.client.status().await.unwrap().height;
        while self.app.index.tip().height < height {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn ask(&self, path: &str, header: Option<(&str, &str)>) -> Answer {
        ask(&self.router, path, header).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(path, None).await
    }

    /// A page of each type.
    fn pages(&self) -> Vec<(&'static str, String)> {
        let made = &self.made;
        let mut pages: Vec<(&'static str, String)> = vec![
            ("home", "/".into()),
            ("block", "/block/3".into()),
            ("transaction", format!("/transaction/{}", made.refused)),
            ("transaction", format!("/transaction/{}", made.closing)),
            ("party", format!("/party/{}", made.applicant)),
            ("dataset", format!("/dataset/{}", made.open)),
            ("dataset", format!("/dataset/{}", made.closed)),
            ("dataset", format!("/dataset/{}", made.personal)),
            ("dataset", format!("/dataset/{}", made.specific)),
            ("offer", format!("/offer/{}", made.offer)),
            ("agreement", format!("/agreement/{}", made.paid)),
            ("agreement", format!("/agreement/{}", made.free)),
            ("consent", format!("/consent/{}", made.consent)),
            ("delivery", format!("/delivery/{}", made.delivery)),
            ("refusal", format!("/refusal/{}", made.stopped)),
            ("group", format!("/group/{}", made.group)),
            ("search", "/search?q=2024".into()),
            ("verify", "/verify".into()),
            ("about", "/about".into()),
            ("reports", "/reports".into()),
            ("provenance", format!("/provenance/{}?version=1", made.open)),
            ("provenance", format!("/provenance/{}", made.closed)),
            ("events", format!("/events?dataset={}", made.open)),
            ("governance", "/governance".into()),
            ("proposal", format!("/proposal/{}", made.proposal)),
            ("era", "/era/0".into()),
            ("validator", format!("/validator/{}", testing::solo_keys().consensus.public())),
        ];
        let lists = crate::view::list::List::ALL.into_iter().filter(|list| list.word() != "events");
        pages.extend(lists.map(|list| (list.word(), format!("/{}", list.word()))));
        pages
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_whole_and_says_up_to_where_it_is_true() {
    let site = Site::start().await;
    for (kind, path) in site.pages() {
        let before = site.app.index.tip().height;
        let page = site.get(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(page.text.contains(&format!("data-page=\"{kind}\"")), "{path}");
        assert!(page.text.contains("True up to <a href=\"/block/"), "{path}");
        assert!(
            page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src 'self'"),
            "{path}"
        );
        // Nothing inline: the policy would not run it, and a title must not become markup.
        assert!(!page.text.contains("<script>") && !page.text.contains(" style="), "{path}");
        assert!(!page.text.contains("<b>2024</b>"), "{path}");
        let tag = page.headers[header::ETAG].to_str().unwrap();
        if kind != "home" {
            let again = site.ask(&path, Some(("if-none-match", tag))).await;
            // A block that came meanwhile makes it another page.
            assert!(again.status == StatusCode::NOT_MODIFIED || site.app.index.tip().height > before, "{path}");
        }
    }
    let page = site.get(&format!("/consent/{}", site.made.consent)).await.text;
    assert!(page.contains("withdrawn by the subject") && page.contains("Deliveries are stopped"));
    let page = site.get(&format!("/refusal/{}", site.made.refused)).await.text;
    assert!(page.contains("the balance is 0.00 EUR, 1250.00 EUR are needed") && page.contains("Code 100"));
    let page = site.get(&format!("/dataset/{}", site.made.open)).await.text;
    assert!(page.contains("Version 2") && page.contains("version 1 of Ship arrivals 2024"));
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nobodys_business_is_on_no_page_no_api_and_no_export() {
    let site = Site::start().await;
    let mut paths: Vec<String> = site.pages().into_iter().map(|(_, path)| path).collect();
    for list in crate::view::list::List::ALL {
        for ending in ["csv", "ndjson"] {
            paths.push(format!("/export/{}.{ending}?party={}", list.word(), testing::provider().party));
        }
    }
    for dataset in [site.made.closed, site.made.open] {
        paths.push(format!("/api/v1/datasets/{dataset}"));
    }
    paths.push(format!("/api/v1/transactions/{}", site.made.closing));
    for path in paths {
        let answer = site.get(&path).await;
        assert_ne!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        for secret in [CONTACT, SECRET, "working hours"] {
            assert!(!answer.text.contains(secret), "{secret} on {path}");
        }
    }
    // The body of a closed dataset's publication and its bundle are withheld, its receipt is not.
    assert_eq!(site.get(&format!("/signed/{}", site.made.closing)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.get(&format!("/bundle/dataset/{}", site.made.closed)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.get(&format!("/receipt/{}", site.made.closing)).await.status, StatusCode::OK);
    // Who is on an access list or in a group is counted, not named.
    let buyer = testing::buyer().party.to_string();
    for thing in [format!("dataset={}", site.made.specific), format!("group={}", site.made.group)] {
        let events: serde_json::Value =
            serde_json::from_str(&site.get(&format!("/api/v1/lists/events?{thing}")).await.text).unwrap();
        let made = events["items"].as_array().unwrap().last().unwrap()["transaction"].as_str().unwrap();
        let raw = site.get(&format!("/api/v1/transactions/{made}")).await.text;
        assert!(!raw.contains(&buyer) && raw.contains("\"count\":1"), "{raw}");
    }
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_box_finds_heights_identifiers_and_names() {
    let site = Site::start().await;
    let made = &site.made;
    let leads = async |query: &str| {
        let answer = site.get(&format!("/search?q={query}")).await;
        answer.headers.get(header::LOCATION).map(|to| to.to_str().unwrap().to_string())
    };
    assert_eq!(leads("7").await.as_deref(), Some("/block/7"));
    assert_eq!(leads("%237").await.as_deref(), Some("/block/7"));
    for (id, to) in [
        (made.open.to_string(), format!("/dataset/{}", made.open)),
        (format!("0x{}", made.open.to_string().to_uppercase()), format!("/dataset/{}", made.open)),
        (made.consent.to_string(), format!("/consent/{}", made.consent)),
        (made.refused.to_string(), format!("/transaction/{}", made.refused)),
    ] {
        assert_eq!(leads(&id).await, Some(to), "{id}");
    }
    // A transaction that made an agreement is both: the reader chooses.
    let both = site.get(&format!("/api/v1/search?q={}", made.paid)).await.text;
    assert!(both.contains("\"kind\":\"agreement\"") && both.contains("\"kind\":\"transaction\""));
    let version = contracts::id::VersionId::of(&made.open, 2);
    assert!(leads(&version.to_string()).await.unwrap().ends_with("#version-2"));
    let beginning = site.get(&format!("/api/v1/search?q={}", &made.open.to_string()[..9])).await.text;
    assert!(beginning.contains("beginning of an identifier") && beginning.contains(&made.open.to_string()));
    assert!(site.get("/search?q=arrivals").await.text.contains("Ship arrivals 2024"));
    assert!(site.get("/search?q=nowhere").await.text.contains("Nothing up to this height"));
    assert_eq!(site.get(&format!("/search?q={}", "a".repeat(600))).await.status, StatusCode::BAD_REQUEST);
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_are_whole_and_no_field_is_a_formula() {
    let site = Site::start().await;
    for list in crate::view::list::List::ALL.into_iter().filter(|list| list.word() != "events") {
        let word = list.word();
        let answer: serde_json::Value =
            serde_json::from_str(&site.get(&format!("/api/v1/lists/{word}?limit=200")).await.text).unwrap();
        let count = answer["items"].as_array().unwrap().len();
        let lines = site.get(&format!("/export/{word}.ndjson")).await;
        assert!(lines.headers[header::CONTENT_DISPOSITION].to_str().unwrap().contains(word));
        let rows: Vec<serde_json::Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let table = site.get(&format!("/export/{word}.csv")).await.text;
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let headings: Vec<_> = reader.headers().unwrap().iter().map(str::to_string).collect();
        let has = |name: &str| headings.iter().any(|heading| heading == name);
        assert!(has("height") && has("read_at_height") && (word == "blocks" || has("transaction")), "{word}");
        let records = reader.records().map(Result::unwrap).count();
        if word != "blocks" {
            assert_eq!((rows.len(), records), (count, count), "{word}");
        }
    }
    let parties = site.get("/export/parties.csv").await.text;
    assert!(parties.contains(",'=Newcomer & Sons,"), "{parties}");
    for wrong in ["/export/parties.pdf", "/export/secrets.csv", "/export/parties", "/export/events.csv"] {
        assert_eq!(site.get(wrong).await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_questions_get_precise_problems() {
    let site = Site::start().await;
    let nobody = "00".repeat(32);
    for (path, status, code) in [
        ("/api/v1/parties/zz".to_string(), 400, "malformed"),
        (format!("/api/v1/parties/{nobody}"), 404, "unknown"),
        ("/api/v1/blocks/99999999".into(), 404, "unknown"),
        ("/api/v1/blocks/-1".into(), 400, "malformed"),
        ("/api/v1/lists/secrets".into(), 400, "malformed"),
        ("/api/v1/lists/parties?after=%21".into(), 400, "malformed"),
        ("/api/v1/lists/parties?after=AAAA".into(), 400, "malformed"),
        ("/api/v1/lists/datasets?party=1".into(), 400, "malformed"),
        (format!("/api/v1/lists/offers?party={nobody}&dataset={nobody}"), 400, "malformed"),
        (format!("/api/v1/refusals/{}", site.made.closing), 404, "unknown"),
        (format!("/receipt/{nobody}"), 404, "unknown"),
        (format!("/bundle/party/{nobody}"), 400, "malformed"),
        ("/api/v1/nothing".into(), 404, "malformed"),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/problem+json", "{path}");
        let problem: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
        assert_eq!(problem["code"], code, "{path}");
        assert!(!problem["remedy"].as_str().unwrap().is_empty(), "{path}");
    }
    let page = site.get(&format!("/dataset/{nobody}")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("data-page=\"error\"") && page.text.contains("What to do"));
    let document: serde_json::Value = serde_json::from_str(&site.get("/openapi.json").await.text).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/api/v1/datasets/{id}"]["get"].is_object());
    let listed = site.get("/api/v1/lists/transactions?limit=2").await;
    assert!(listed.headers[header::LINK].to_str().unwrap().ends_with("; rel=\"next\""));
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_comes_back_hears_what_it_missed() {
    let site = Site::start().await;
    let tip = site.app.index.tip().height;
    // The header is newer than what the page had when it was made.
    let request = Request::builder().uri("/live?after=1").header("last-event-id", (tip - 3).to_string());
    let answer = site.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let mut stream = answer.into_body().into_data_stream();
    let mut heard = String::new();
    while heard.matches("event: block").count() < 3 {
        heard.push_str(&String::from_utf8_lossy(&stream.next().await.unwrap().unwrap()));
    }
    let ids: Vec<u64> = heard.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect();
    assert_eq!(ids[..3], [tip - 2, tip - 1, tip]);
    site.app.stop.cancel();
    // Once the explorer stops, the stream ends instead of holding the server.
    while let Some(chunk) = stream.next().await {
        chunk.unwrap();
    }
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_bundles_and_the_verifier_are_there_to_take_away() {
    let site = Site::start().await;
    let client = &site.network.client;
    let receipt = site.router.clone();
    let request = Request::builder().uri(format!("/receipt/{}", site.made.paid)).body(Body::empty()).unwrap();
    let bytes = to_bytes(receipt.oneshot(request).await.unwrap().into_body(), 1 << 20).await.unwrap();
    let verified = ledger::receipt::Receipt::decode(&bytes).unwrap().verify(&client.trust()).unwrap();
    assert!(
        matches!(verified.entry, contracts::outcome::Entry::Transaction(entry) if entry.transaction.0 == site.made.paid.0)
    );
    for path in [
        format!("/bundle/dataset/{}", site.made.personal),
        format!("/bundle/agreement/{}", site.made.paid),
        format!("/bundle/consent/{}", site.made.consent),
        format!("/bundle/proposal/{}", site.made.proposal),
    ] {
        let bundle = site.get(&path).await;
        assert_eq!(bundle.status, StatusCode::OK, "{path}: {}", bundle.text);
        ledger::bundle::verify(bundle.text.as_bytes(), &client.trust()).unwrap();
    }
    let note = site.get("/checkpoint").await.text;
    assert!(note.starts_with(&format!("lonja.{}\n", client.network())));
    let verifier = site.get("/lonja-verifier.html").await;
    assert!(site.get("/verify").await.text.contains(&verifier::digest()));
    assert!(!verifier.text.contains("{{") && !verifier.text.contains("src=") && !verifier.text.contains("import "));
    site.network.stop().await;
}

#[tokio::test]
async fn metrics_are_numbers_alone() {
    let site = Site::start().await;
    let before = site.app.index.tip().height;
    let got = site.get("/metrics").await;
    let after = site.app.index.tip().height;
    assert_eq!(
        (got.status, got.headers["content-type"].to_str().unwrap().split(';').next()),
        (StatusCode::OK, Some("application/openmetrics-text"))
    );
    let says = |line: &str| got.text.contains(line);
    assert!((before..=after).any(|height| says(&format!("lonja_explorer_height {height}\n"))), "{}", got.text);
    assert!(says("lonja_explorer_live_readers 0\n") && says("# EOF\n"), "{}", got.text);
    assert!(!got.text.contains('{'), "no labels, so no party in one: {}", got.text);
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_says_when_the_node_can_no_longer_be_followed() {
    let Site { network, router, app, _folder, .. } = Site::start().await;
    let health = || async {
        let request = Request::builder().uri("/health").body(Body::empty()).unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body: serde_json::Value =
            serde_json::from_slice(&to_bytes(answer.into_body(), 1 << 16).await.unwrap()).unwrap();
        (status, body)
    };
    // What the node said of itself may still be on its way.
    while health().await.1["status"] == "starting" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = app.index.tip().height;
    let (status, body) = health().await;
    let heights = before..=app.index.tip().height;
    assert_eq!((status, &body["status"]), (StatusCode::OK, &"ok".into()), "{body}");
    assert!(heights.contains(&body["height"].as_u64().unwrap()), "{body}, {heights:?}");
    let _port = network.stop_keeping_port().await;
    let begun = std::time::Instant::now();
    while health().await.0 == StatusCode::OK && begun.elapsed() < Duration::from_secs(60) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, body) = health().await;
    assert_eq!((status, &body["status"]), (StatusCode::SERVICE_UNAVAILABLE, &"node-unreachable".into()), "{body}");
    // No block comes any more.
    let height = app.index.tip().height;
    assert_eq!(body["height"], height, "what it has stands");
    assert!(height >= before);
    assert!(body["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{body}");
}
