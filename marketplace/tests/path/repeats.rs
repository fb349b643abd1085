//! A write that is repeated with its `Idempotency-Key` gives the same answer and is done once. Where the
//! answer held a secret, which nobody keeps, the repetition says so, and what to do instead.

use super::support::{Got, World, jacket};
use contracts::{
    id::Digest,
    party::{Country, PartyKind, Role},
    vocabulary::PersonalStatus,
};
use ledger::testing;
use marketplace::orders::Once;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

impl World {
    async fn once(&self, path: &str, token: Option<&str>, key: &str, body: &Value) -> Got {
        self.send(self.http.post(self.url(path)).header("Idempotency-Key", key).json(body), token).await
    }

    /// How many parties bear this name.
    async fn named(&self, name: &str) -> usize {
        let parties = self.get("/api/v1/parties?limit=200", None).await.expect(200);
        parties["items"].as_array().unwrap().iter().filter(|row| row["party"]["name"] == name).count()
    }
}

fn application(name: &str) -> Value {
    json!({"name": name, "kind": "business", "jurisdiction": "ES", "contact": "front desk"})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_made_once() {
    let mut world = World::start().await;
    let path = "/api/v1/parties";
    let first = world.once(path, None, "apply", &application("Pilots")).await.expect(201);
    assert_eq!(world.once(path, None, "\"apply\"", &application("Pilots")).await.expect(201), first);
    let said = world.once(path, None, "apply", &application("Tugs")).await.problem(422, "idempotency-key-reused");
    assert!(said.contains("take a new key"), "{said}");
    assert_eq!((world.named("Pilots").await, world.named("Tugs").await), (1, 0));
    world.stop_market().await;
    world.start_market().await;
    assert_eq!(world.once(path, None, "apply", &application("Pilots")).await.expect(201), first, "after a restart");
    let party: contracts::id::PartyId = first["party"].as_str().unwrap().parse().unwrap();
    assert!(world.market().keys().is_managed(&party).unwrap());
    // What was refused before anything was done leaves the key free.
    world.once(path, None, "again", &application("")).await.problem(422, "invalid");
    let second = world.once(path, None, "again", &application("Tugs")).await.expect(201);
    assert_ne!(second["party"], first["party"]);
    // Two at once are one application; the other gets the same, or hears that it is under way.
    let pair = application("Lighters");
    let pair = futures_util::future::join_all((0..2).map(|_| world.once(path, None, "pair", &pair))).await;
    let codes: BTreeSet<u16> = pair.iter().map(|got| got.status).collect();
    assert!(codes.contains(&201) && codes.iter().all(|code| [201, 409].contains(code)), "{codes:?}");
    assert_eq!(world.named("Lighters").await, 1);
    // Without a key each is one of its own.
    for _ in 0..2 {
        world.post(path, None, &application("Dredgers")).await.expect(201);
    }
    assert_eq!(world.named("Dredgers").await, 2);
    world.once(path, None, &"x".repeat(256), &application("Dredgers")).await.problem(400, "idempotency-key-missing");
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_survives_being_dropped_anywhere() {
    let mut world = World::start().await;
    let (mut done, mut steps) = (0u8, 0u32);
    while done < 6 {
        let name = format!("Pilots {done}");
        let once = Once::new(&name, Digest([done; 32])).unwrap();
        let (kind, country) = (PartyKind::Business, Country(*b"ES"));
        // Polls an application `steps` times, a little apart, drops it and the market with it, starts
        // again, and applies once more under the same key.
        let market = world.market().clone();
        {
            let mut applied = pin!(market.apply(&name, kind, country, Some("desk"), Some(&once)));
            for _ in 0..steps {
                if let Poll::Ready(applied) = applied.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    applied.unwrap();
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
        }
        drop(market);
        world.stop_market().await;
        world.start_market().await;
        let party = loop {
            match world.market().apply(&name, kind, country, Some("desk"), Some(&once)).await {
                Ok((party, _)) => break party,
                Err(error) => assert!(error.to_string().contains("still being worked on"), "{error}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        assert_eq!(world.named(&name).await, 1, "after {steps} steps");
        assert!(world.market().keys().is_managed(&party).unwrap(), "after {steps} steps");
        (done, steps) = (done + 1, 2 * steps + 1);
    }
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_given_once_and_a_repetition_says_what_to_do() {
    let world = World::start().await;
    let (party, _) = world.member("Pilots", &[Role::Buyer]).await;
    let operator = world.prove(&testing::operator()).await;

    let links = format!("/api/v1/parties/{party}/sign-in-links");
    let link = world.once(&links, Some(&operator), "link", &json!({})).await.expect(201);
    let again = world.once(&links, Some(&operator), "link", &json!({})).await.problem(409, "answer-not-kept");
    assert!(again.contains("sign-in link") && again.contains("new `Idempotency-Key`"), "{again}");
    let other = world.member("Tugs", &[Role::Buyer]).await;
    let others = format!("/api/v1/parties/{}/sign-in-links", other.0);
    world.once(&others, Some(&operator), "link", &json!({})).await.problem(422, "idempotency-key-reused");

    let enter = json!({"token": link["token"]});
    let session = world.once("/api/v1/sessions", None, "enter", &enter).await;
    let cookie = session.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_string();
    let session = session.expect(201);
    let again = world.once("/api/v1/sessions", None, "enter", &enter).await;
    assert!(!again.headers.contains_key("set-cookie"));
    let again = again.problem(409, "answer-not-kept");
    assert!(again.contains("ask an operator for another link"), "{again}");
    let second = world.once(&links, Some(&operator), "link 2", &json!({})).await.expect(201);
    let other = json!({"token": second["token"]});
    world.once("/api/v1/sessions", None, "enter", &other).await.problem(422, "idempotency-key-reused");
    world.once("/api/v1/sessions", None, "enter 2", &other).await.expect(201);
    world.post("/api/v1/sessions", None, &enter).await.problem(401, "not-valid");
    let who = world.http.get(world.url("/api/v1/session")).header("cookie", cookie);
    assert_eq!(world.send(who, None).await.expect(200)["session"]["csrf"], session["csrf"]);
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_issued_once_and_told_again_as_long_as_it_holds() {
    let world = World::start().await;
    let (_, token) = world.member("Pilots", &[Role::Buyer]).await;
    let path = "/api/v1/credentials";
    let count = async || world.get(path, Some(&token)).await.expect(200)["items"].as_array().unwrap().len();
    let before = count().await;
    let wanted = json!({"label": "nightly", "days": 3});
    let first = world.once(path, Some(&token), "job", &wanted).await.expect(201);
    // The token follows from what is stored beside it; nobody stores it.
    assert_eq!(world.once(path, Some(&token), "job", &wanted).await.expect(201), first);
    assert_eq!(count().await, before + 1);
    let longer = json!({"label": "nightly", "days": 90});
    world.once(path, Some(&token), "job", &longer).await.problem(422, "idempotency-key-reused");
    world.get("/api/v1/session", first["token"].as_str()).await.expect(200);
    let one = format!("{path}/{}", first["credential"]["id"].as_str().unwrap());
    world.send(world.http.delete(world.url(&one)), Some(&token)).await.expect(200);
    let gone = world.once(path, Some(&token), "job", &wanted).await.problem(409, "answer-not-kept");
    assert!(gone.contains("withdrawn"), "{gone}");
    assert_eq!(count().await, before, "what was withdrawn does not come back");
    // A key is its caller's own.
    let (_, other) = world.member("Tugs", &[Role::Buyer]).await;
    world.once(path, Some(&other), "job", &longer).await.expect(201);
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pricing_key_is_registered_once() {
    let world = World::start().await;
    let (party, token) = world.member("Tide gauge", &[Role::Provider]).await;
    let path = "/api/v1/pricing-key";
    let first = world.once(path, Some(&token), "price", &json!({})).await.expect(201);
    let key = world.market().keys().pricing(&party).unwrap().public();
    assert_eq!(world.once(path, Some(&token), "price", &json!({})).await.expect(201), first);
    assert_eq!(world.market().keys().pricing(&party).unwrap().public(), key, "quotes stay valid");
    let action = json!({"action": {"action": "dataset.publish", "catalogue": "own", "identifier": "t", "jacket": jacket("Tides", PersonalStatus::None), "side": null}});
    world.once("/api/v1/actions", Some(&token), "price", &action).await.problem(422, "idempotency-key-reused");
    let known = world.get(&format!("/api/v1/parties/{party}"), None).await.expect(200);
    let priced = known["party"]["keys"].as_array().unwrap().iter().filter(|key| key["usage"] == "price").count();
    assert_eq!(priced, 1);
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_kept_once() {
    let world = World::start().await;
    let provider = world.member("Health survey", &[Role::Provider]).await;
    let (_, token) = world.member("Consent desk", &[Role::Custodian]).await;
    let dataset = world.publish(&provider, "survey", &jacket("Survey", PersonalStatus::Personal)).await;
    let (path, subject) = ("/api/v1/consents/records", json!({"subject": "card 1"}));
    let body = json!({"dataset": dataset, "subject": "card 1", "record": {"jurisdiction": "ES"}});
    let first = world.once(path, Some(&token), "keep", &body).await.expect(201);
    assert_eq!(world.once(path, Some(&token), "keep", &body).await.expect(201), first);
    let found = world.post("/api/v1/subjects/access", Some(&token), &subject).await.expect(200);
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let mut other = body.clone();
    other["record"]["jurisdiction"] = json!("PT");
    world.once(path, Some(&token), "keep", &other).await.problem(422, "idempotency-key-reused");
    world.post("/api/v1/subjects/erase", Some(&token), &subject).await.expect(200);
    // The request cannot be recognised any more: what it was recognised by went with its subject.
    world.once(path, Some(&token), "keep", &body).await.problem(422, "idempotency-key-reused");
    world.network.stop().await;
}

/// Writes whose repetition needs no key, because it changes nothing more, and why.
const HARMLESS: [(&str, &str); 6] = [
    ("upload", "a content is named by its bytes"),
    ("quote", "nothing is reserved by it"),
    ("prepare", "nothing is stored"),
    ("submit", "the same signed bytes are one transaction"),
    ("access", "it reads"),
    ("erase", "what is erased is gone; the repetition says that there is nothing"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_write_takes_a_key_or_needs_none() {
    let world = World::start().await;
    for (path, method, operation) in world.contract.operations() {
        let id = operation["operationId"].as_str().unwrap();
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let takes = parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key");
        let needs = method == "post" && !HARMLESS.iter().any(|(harmless, _)| *harmless == id);
        assert_eq!(takes, needs, "{method} {path}");
    }
    world.network.stop().await;
}
