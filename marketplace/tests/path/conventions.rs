//! What people expect of any such API, row by row: problems, repeated writes, tags, pages, limits,
//! digests, times, forms of a listing.

use super::support::{Got, World, jacket};
use contracts::{
    id::Digest,
    party::Role,
    vocabulary::{PersonalStatus, Stated},
};
use data_encoding::BASE64;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn no_error_is_plain_text_and_each_says_what_to_do() {
    let world = World::start().await;
    let check = |got: Got, status: u16, code: &str, says: &str| {
        let detail = got.problem(status, code);
        assert!(detail.contains(says), "{detail}");
    };
    check(world.get("/api/v1/datasets/%ff%fe", None).await, 400, "bad-request", "UTF-8");
    check(world.get("/api/v1/datasets?q=%ff", None).await, 400, "bad-request", "UTF-8");
    check(world.get("/datasets/%ff", None).await, 400, "bad-request", "UTF-8");
    check(world.get("/api/v1/nothing", None).await, 404, "not-found", "/openapi.json");
    check(world.get("/api/v1/datasets/..%2F..%2Fetc%2Fpasswd", None).await, 422, "invalid", "64 hexadecimal digits");
    check(world.get("/assets/..%2F..%2FCargo.toml", None).await, 404, "not-found", "");
    check(world.send(world.http.put(world.url("/api/v1/parties")), None).await, 405, "method", "PUT");
    let quotes = |kind: &'static str, body: &'static [u8]| {
        world.http.post(world.url("/api/v1/quotes")).header("content-type", kind).body(body)
    };
    for kind in ["text/plain", "application/jsonp", "application/json-seq", "multipart/form-data; boundary=x"] {
        check(world.send(quotes(kind, b"{}"), None).await, 415, "media-type", "application/json");
    }
    for (body, says) in [
        (&b"{\"offer\": 1"[..], "EOF"),
        (b"{\"offer\": \"\xff\"}", "unicode"),
        (b"{\"a\": 1, \"\\u0061\": 2}", "`a` stands twice"),
        (b"", "EOF"),
    ] {
        check(world.send(quotes("application/json; charset=utf-8", body), None).await, 400, "bad-request", says);
    }
    for (body, says) in [
        (&b"{\"offer\": 7}"[..], "expected a string"),
        (b"{\"offer\": \"00\"}", "64 hexadecimal digits"),
        (b"{}", "missing field `offer`"),
        (b"{\"offre\": \"x\"}", "unknown field `offre`"),
        (b"[\"00\", 1]", "not a list"),
    ] {
        check(world.send(quotes("application/json", body), None).await, 422, "invalid", says);
    }
    check(world.get("/api/v1/accounts", None).await, 401, "not-signed-in", "Authorization: Bearer");
    assert_eq!(world.get("/api/v1/accounts", None).await.headers["www-authenticate"], "Bearer");
    let unacceptable =
        world.http.get(world.url(&format!("/api/v1/datasets/{}", "0".repeat(64)))).header("accept", "text/turtle");
    check(world.send(unacceptable, None).await, 406, "not-acceptable", "application/ld+json");
    assert_eq!(world.market().orders().open_count().unwrap(), 0, "nothing was written");
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_repeated_without_harm_and_never_lost() {
    let world = World::start().await;
    let provider = world.member("Tide gauge", &[Role::Provider]).await;
    let mut tides = jacket("Tides", PersonalStatus::None);
    let action = json!({"action": {"action": "dataset.publish", "catalogue": "own", "identifier": "t", "jacket": tides, "side": null}});
    let first = world.post_once("/api/v1/actions", &provider.1, "once", &action).await.expect(201);
    assert_eq!(world.post_once("/api/v1/actions", &provider.1, "\"once\"", &action).await.expect(201), first);
    let mut other = action.clone();
    other["action"]["identifier"] = json!("u");
    let reused = world.post_once("/api/v1/actions", &provider.1, "once", &other).await;
    reused.problem(422, "idempotency-key-reused");
    for bad in [String::new(), "x".repeat(256), "\u{7}".into()] {
        let Ok(value) = reqwest::header::HeaderValue::from_bytes(bad.as_bytes()) else { continue };
        let request = world.http.post(world.url("/api/v1/actions")).header("idempotency-key", value).json(&other);
        world.send(request, Some(&provider.1)).await.problem(400, "idempotency-key-missing");
    }
    // Two at once with one key: one does it; the other gets the same, or hears that it is under way.
    let pair = (0..2).map(|_| world.post_once("/api/v1/actions", &provider.1, "pair", &other));
    let pair = futures_util::future::join_all(pair).await;
    let codes: BTreeSet<u16> = pair.iter().map(|got| got.status).collect();
    assert!(codes.contains(&201) && codes.iter().all(|code| [201, 409].contains(code)), "{codes:?}");
    assert_eq!(world.get("/api/v1/datasets", None).await.expect(200)["total"], 2, "done once");

    // A revision names the one that was read; `If-Match` guards what names none.
    let dataset = contracts::id::DatasetId::of(&provider.0, "own", "t");
    let path = format!("/api/v1/datasets/{dataset}");
    let tag = world.get(&path, Some(&provider.1)).await.headers["etag"].to_str().unwrap().to_string();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "strong: {tag}");
    tides.title = "Tides by minute".into();
    let revise = json!({"action": {"action": "dataset.revise", "dataset": dataset, "follows": 1, "jacket": tides, "side": null}});
    world.post("/api/v1/actions", Some(&provider.1), &revise).await.expect(201);
    world.post("/api/v1/actions", Some(&provider.1), &revise).await.problem(422, "refused-revision-moved");
    let stored =
        world.send(world.http.post(world.url("/api/v1/uploads")).body("t;h\n"), Some(&provider.1)).await.expect(201);
    let body = json!({"blake3": stored["blake3"], "sha256": stored["sha256"], "bytes": stored["bytes"], "media_type": "text/csv"});
    let anchor =
        |tag: &str| world.http.post(world.url(&format!("{path}/versions"))).header("if-match", tag).json(&body);
    world.send(anchor(&tag), Some(&provider.1)).await.problem(412, "changed");
    assert_eq!(world.get(&path, None).await.expect(200)["versions"], 0, "nothing was anchored");
    let tag = world.get(&path, Some(&provider.1)).await.headers["etag"].to_str().unwrap().to_string();
    world.send(anchor(&tag), Some(&provider.1)).await.expect(201);
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_digests_speak_of_the_bytes_that_are_sent() {
    let world = World::start().await;
    let provider = world.member("Tide gauge", &[Role::Provider]).await;
    let buyer = world.member("Pilots", &[Role::Buyer]).await;
    let dataset = world.publish(&provider, "t", &jacket("Tides", PersonalStatus::None)).await;
    let content = b"hour;height\n".repeat(5_000);
    world.upload(&provider.1, &dataset, &content).await;
    let offer = world.offer(&provider.1, &dataset, json!({"kind": "free"})).await;
    let wanted = json!({"offer": offer, "purpose": "research"});
    let bought = world.post_once("/api/v1/orders", &buyer.1, "a", &wanted).await.expect(201);
    let delivered =
        world.post("/api/v1/deliveries", Some(&buyer.1), &json!({"agreement": bought["agreement"]})).await.expect(201);

    let path = format!("/api/v1/datasets/{dataset}");
    let zipped = || world.http.get(world.url(&path)).header("accept-encoding", "gzip");
    let (plain, packed) = (
        world.get(&path, None).await,
        world.http.get(world.url(&path)).header("accept-encoding", "gzip").send().await.unwrap(),
    );
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let (plain, packed) = (plain.headers["etag"].clone(), packed.headers()["etag"].clone());
    assert_ne!(plain, packed, "one strong tag for one sequence of bytes");
    for tag in [&plain, &packed] {
        let again = zipped().header("if-none-match", tag).send().await.unwrap();
        assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, tag));
        assert!(again.bytes().await.unwrap().is_empty());
    }

    // A content is sent as it is, whatever the reader would unpack, and its digest is the ledger's.
    let link = delivered["links"]["content"].as_str().unwrap();
    let got =
        world.http.get(world.url(link)).bearer_auth(&buyer.1).header("accept-encoding", "gzip").send().await.unwrap();
    assert!(!got.headers().contains_key("content-encoding"));
    let view = world.get(&path, None).await.expect(200);
    let sha256 = hex::decode(view["newest"]["content"]["sha256"].as_str().unwrap()).unwrap();
    assert_eq!(got.headers()["content-digest"].to_str().unwrap(), format!("sha-256=:{}:", BASE64.encode(&sha256)));
    assert_eq!(got.headers()["x-blake3"], view["newest"]["content"]["blake3"].as_str().unwrap());
    let bytes = got.bytes().await.unwrap();
    assert_eq!(Digest::of(&[&bytes]).0.as_slice(), sha256);
    assert_eq!(bytes, content);
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_where_they_are_while_listings_come() {
    let mut world = World::start().await;
    let provider = world.member("Gauges", &[Role::Provider]).await;
    let numbers = std::cell::Cell::new(0);
    let publish = async |world: &World| {
        let number = numbers.replace(numbers.get() + 7) % 100;
        let title = format!("Gauge {number:02}");
        world.publish(&provider, &format!("g{number}"), &jacket(&title, PersonalStatus::None)).await;
    };
    for _ in 0..6 {
        publish(&world).await;
    }
    for list in [
        "/api/v1/datasets?sort=title",
        "/api/v1/datasets?sort=newest",
        "/api/v1/datasets?q=gauge",
        "/api/v1/parties?",
        "/api/v1/orders?",
    ] {
        let whole = items(&world.get(&format!("{list}&limit=200"), Some(&provider.1)).await.expect(200));
        let (mut seen, mut link) = (Vec::new(), format!("{list}&limit=3"));
        loop {
            let got = world.get(&link, Some(&provider.1)).await;
            let next = got.headers.get("link").map(|link| link.to_str().unwrap().to_string());
            let page = got.expect(200);
            assert!(page["items"].as_array().unwrap().len() <= 3);
            seen.extend(items(&page));
            // Others are listed while somebody reads.
            publish(&world).await;
            let Some(next) = next else { break };
            let address = next.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap();
            assert!(address.ends_with(page["next"].as_str().unwrap()), "header and body name the same page");
            link = address.into();
        }
        let known: Vec<String> = seen.iter().filter(|id| whole.contains(id)).cloned().collect();
        let distinct: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{list}: nothing comes twice");
        if list.contains("datasets") {
            assert_eq!(seen, whole, "{list}: the list as it was when the first page was read");
        } else {
            assert_eq!(known.iter().collect::<BTreeSet<_>>(), whole.iter().collect(), "{list}: nothing is left out");
        }
    }
    let page = world.get("/api/v1/datasets?limit=1", None).await.expect(200);
    let cursor = page["next"].as_str().unwrap().to_string();
    for (path, detail) in [
        (format!("/api/v1/orders?cursor={cursor}"), "of another list"),
        ("/api/v1/datasets?cursor=20".to_string(), "no cursor"),
        ("/api/v1/parties?cursor=%21".into(), "no cursor"),
    ] {
        let problem = world.get(&path, Some(&provider.1)).await.problem(422, "invalid");
        assert!(problem.contains(detail), "{path}: {problem}");
    }
    // A view that is kept no longer is said to be gone, instead of being another one in silence.
    publish(&world).await;
    world.stop_market().await;
    world.start_market().await;
    world.get(&format!("/api/v1/datasets?limit=1&cursor={cursor}"), None).await.problem(410, "cursor-over");
    world.stop_market().await;
    world.network.stop().await;
}

fn items(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_licence_never_vanishes_from_dcat() {
    let world = World::start().await;
    let provider = world.member("Port", &[Role::Provider]).await;
    let mut cases = Vec::new();
    let base = jacket("Berths", PersonalStatus::None);
    for (name, licence) in
        [("url", Some("https://creativecommons.org/licenses/by/4.0/")), ("text", Some("Ask the port")), ("none", None)]
    {
        let mut jacket = base.clone();
        jacket.licence = licence.map(str::to_string);
        jacket.distributions = serde_json::from_value(
            json!([{"title": "all", "link": "https://port.example/berths.csv", "download": true}]),
        )
        .unwrap();
        let dataset = world.publish(&provider, name, &jacket).await;
        cases.push((dataset, licence.unwrap_or("No licence was stated.").to_string()));
    }
    let offered = world.publish(&provider, "offered", &base).await;
    world.upload(&provider.1, &offered, b"berth;ship\n").await;
    world.offer(&provider.1, &offered, json!({"kind": "free"})).await;
    cases.push((offered, "The source need not be named".into()));
    let mut closed = base.clone();
    closed.classification.spectrum = Stated::said(contracts::vocabulary::Spectrum::Closed);
    closed.classification.access = Stated::NotStated;
    closed.keywords = vec!["dynamite".into()];
    cases.push((world.publish(&provider, "closed", &closed).await, "No licence was stated.".into()));
    for (dataset, expected) in cases {
        let request =
            world.http.get(world.url(&format!("/api/v1/datasets/{dataset}"))).header("accept", "application/ld+json");
        let got = world.send(request, None).await;
        assert_eq!(got.headers["content-type"], "application/ld+json");
        let document = got.expect(200);
        assert_eq!(document["@type"], "dcat:Dataset");
        let says = |value: &Value| value.to_string().contains(&expected);
        assert!(says(&document["dct:license"]), "{document:#}");
        for distribution in document["dcat:distribution"].as_array().into_iter().flatten() {
            assert!(says(&distribution["dct:license"]), "at each distribution too: {document:#}");
        }
        assert!(!document.to_string().contains("dynamite"), "closed stays closed in every form");
    }
    world.network.stop().await;
}
