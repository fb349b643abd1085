//! Bad input gets a precise answer and changes nothing.

use super::support::{World, jacket};
use contracts::{
    party::Role,
    vocabulary::{PersonalStatus, Spectrum, Stated},
};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named_and_closed_data_stay_closed() {
    let world = World::start().await;
    let before = world.market().orders().open_count().unwrap();
    let raw = |text: &'static str| {
        world.http.post(world.url("/api/v1/quotes")).header("content-type", "application/json").body(text)
    };
    let twice = world.send(raw(r#"{"offer":"00","offer":"01"}"#), None).await.problem(400, "bad-request");
    assert!(twice.contains("`offer` stands twice") && twice.contains("line 1"), "{twice}");
    world.send(raw(r#"{"offer":"#), None).await.problem(400, "bad-request");
    world.send(raw(r#"{"offer":"zz"}"#), None).await.problem(422, "invalid");
    world.send(raw(r#"{"offer":"00","x":1}"#), None).await.problem(422, "invalid");
    let text = world.http.post(world.url("/api/v1/quotes")).body("{}");
    world.send(text, None).await.problem(415, "media-type");
    let large = world.http.post(world.url("/api/v1/quotes")).header("content-type", "application/json");
    world.send(large.body(" ".repeat(600_000)), None).await.problem(413, "too-large");
    world.get("/api/v1/datasets?color=red", None).await.problem(422, "invalid");
    world.get("/api/v1/datasets?limit=201", None).await.problem(422, "invalid");
    world.get("/api/v1/parties?limit=0", None).await.problem(422, "invalid");
    world.get("/api/v1/parties?cursor=%21", None).await.problem(422, "invalid");
    world.get("/api/v1/parties?page=2", None).await.problem(400, "bad-request");
    world.get("/api/v1/datasets/..%2f..%2fetc", None).await.problem(422, "invalid");
    world.get("/nowhere", None).await.problem(404, "not-found");
    world.send(world.http.delete(world.url("/api/v1/parties")), None).await.problem(405, "method");
    world.get("/api/v1/accounts", Some("v4.public.AAAA")).await.problem(401, "not-valid");
    let bad = json!({"name": "x", "kind": "business", "jurisdiction": "Spain"});
    world.post("/api/v1/parties", None, &bad).await.problem(422, "invalid");
    let long = json!({"name": "x".repeat(161), "kind": "business", "jurisdiction": "ES"});
    world.post("/api/v1/parties", None, &long).await.problem(422, "invalid");

    let provider = world.member("Ministry", &[Role::Provider]).await;
    let upload = world.http.post(world.url("/api/v1/uploads")).body(vec![0; (4 << 20) + 1]);
    world.send(upload, Some(&provider.1)).await.problem(413, "too-large");
    let aside = world.folder.path().join("market/objects/aside");
    assert_eq!(std::fs::read_dir(aside).unwrap().count(), 0, "nothing of a refused upload stays");
    let mut closed = jacket("Plans of bridges", PersonalStatus::None);
    closed.classification.spectrum = Stated::said(Spectrum::Closed);
    closed.classification.access = Stated::NotStated;
    closed.keywords = vec!["dynamite".into()];
    let dataset = world.publish(&provider, "bridges", &closed).await;
    let path = format!("/api/v1/datasets/{dataset}");
    let seen = world.get(&path, None).await.expect(200);
    assert_eq!((&seen["title"], &seen["details_withheld"]), (&json!("Plans of bridges"), &json!(true)));
    assert!(seen["jacket"].is_null() && !seen.to_string().contains("dynamite"));
    assert!(world.get(&format!("{path}/prose"), None).await.expect(200)["fields"].is_null());
    assert_eq!(world.get("/api/v1/datasets?q=dynamite", None).await.expect(200)["total"], 0);
    assert_eq!(world.get("/api/v1/datasets?q=bridges", None).await.expect(200)["total"], 1);
    let own = world.get(&path, Some(&provider.1)).await.expect(200);
    assert_eq!(own["jacket"]["keywords"][0], "dynamite");
    assert_eq!(world.market().orders().open_count().unwrap(), before);
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_guards_and_the_document_is_whole() {
    let world = World::start().await;
    let got = world.get("/health", None).await;
    for name in [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "x-request-id",
        "ratelimit",
        "ratelimit-policy",
    ] {
        assert!(got.headers.contains_key(name), "{name}");
    }
    assert_eq!(got.expect(200)["status"], "ok");
    let document = world.get("/openapi.json", None).await.expect(200);
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 35, "{}", paths.len());
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path} says what it does");
            assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
        }
    }
    let unprotected = marketplace::Config { listen: "0.0.0.0:0".parse().unwrap(), ..world.config() };
    let refused = marketplace::start(unprotected, Default::default()).await.err().unwrap();
    assert!(refused.to_string().contains("behind_proxy = true"), "{refused}");
    let taken = marketplace::Config { listen: world.running.as_ref().unwrap().addr, ..world.config() };
    let refused = marketplace::start(taken, Default::default()).await.err().unwrap();
    assert!(refused.to_string().contains("--market-port"), "{refused}");
    let second = marketplace::start(world.config(), Default::default()).await.err().unwrap();
    assert!(format!("{second:?}").contains("InUse"), "a second process on the same folder: {second:?}");
    world.network.stop().await;
}
