//! A trade from end to end, and a withdrawn consent.

use super::support::{World, jacket};
use contracts::{id::Digest, party::Role, vocabulary::PersonalStatus};
use ledger::testing::Network;
use marketplace::objects::{Slice, verify_slice};
use serde_json::json;

fn content() -> Vec<u8> {
    (0..60_000u32).flat_map(|row| format!("{row};{}\n", row * 7 % 31).into_bytes()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_application_to_checked_bytes() {
    let mut world = World::start().await;
    let provider = world.member("Harbour counts", &[Role::Provider]).await;
    let buyer = world.member("Ferry planners", &[Role::Buyer]).await;
    let dataset = world.publish(&provider, "counts", &jacket("Passengers by hour", PersonalStatus::None)).await;
    let found = world.get("/api/v1/datasets?q=passengers%20by%20hour", None).await.expect(200);
    assert_eq!(found["items"][0]["id"], json!(dataset));
    let found = world.get("/api/v1/datasets?q=harbour&spectrum=shared", None).await.expect(200);
    assert_eq!(found["total"], 1, "the outline is searched too");

    let price = json!({"kind": "one-off", "amount": "1250", "currency": "EUR"});
    let offer = world.offer(&provider.1, &dataset, price).await;
    world.post("/api/v1/pricing-key", Some(&provider.1), &json!({})).await.expect(201);
    let wanted = json!({"offer": offer, "purpose": "research"});
    world.post_once("/api/v1/orders", &buyer.1, "k0", &wanted).await.problem(409, "no-content");

    let bytes = content();
    world.upload(&provider.1, &dataset, &bytes).await;
    let view = world.get(&format!("/api/v1/datasets/{dataset}"), None).await;
    let tag = view.headers["etag"].clone();
    assert_eq!(view.expect(200)["has_content"], true);
    let again = world.http.get(world.url(&format!("/api/v1/datasets/{dataset}"))).header("if-none-match", tag);
    assert_eq!(world.send(again, None).await.status, 304);

    let quote = world.post("/api/v1/quotes", Some(&buyer.1), &json!({"offer": offer})).await.expect(200);
    assert_eq!((&quote["amount"], &quote["balance"]), (&json!("1250"), &json!("0")));
    let wanted = json!({"offer": offer, "purpose": "research", "quote": quote["signed"], "amount": "1250"});
    let poor = world.post_once("/api/v1/orders", &buyer.1, "k1", &wanted).await;
    assert!(poor.body["transaction"].is_string(), "a refusal is on the ledger");
    poor.problem(422, "refused-balance-too-small");
    world.mint(buyer.0, 5_000, "EUR").await;
    let first = world.post_once("/api/v1/orders", &buyer.1, "k2", &wanted).await.expect(201);
    let second = world.post_once("/api/v1/orders", &buyer.1, "\"k2\"", &wanted).await.expect(201);
    assert_eq!(first, second, "the same key gives the same answer");
    let other = json!({"offer": offer, "purpose": "planning"});
    world.post_once("/api/v1/orders", &buyer.1, "k2", &other).await.problem(422, "idempotency-key-reused");
    world.post_once("/api/v1/orders", &buyer.1, "k3", &wanted).await.problem(422, "refused-quote-used");
    world.post("/api/v1/orders", Some(&buyer.1), &wanted).await.problem(400, "idempotency-key-missing");

    let accounts = world.get("/api/v1/accounts", Some(&buyer.1)).await.expect(200);
    assert_eq!(accounts["items"][0]["balance"], "3750");
    let statement = world.get("/api/v1/accounts/EUR/statement?limit=1", Some(&buyer.1)).await;
    assert!(statement.headers["link"].to_str().unwrap().contains("rel=\"next\""));
    let statement = statement.expect(200);
    assert_eq!((&statement["items"][0]["kind"], &statement["items"][0]["balance"]), (&json!("paid"), &json!("3750")));
    let next = format!("/api/v1/accounts/EUR/statement?limit=1&cursor={}", statement["next"].as_str().unwrap());
    let older = world.get(&next, Some(&buyer.1)).await.expect(200);
    assert_eq!((&older["items"][0]["kind"], &older["next"]), (&json!("minted"), &json!(null)));

    let agreement = first["agreement"].as_str().unwrap().to_string();
    check_delivery(&world, &agreement, &buyer.1, &provider.1, &bytes).await;
    world.stop_market().await;
    // Rows are nobody's truth: without them the market comes back the same.
    std::fs::remove_dir_all(world.folder.path().join("market/rows")).unwrap();
    std::fs::remove_dir_all(world.folder.path().join("market/search")).unwrap();
    world.start_market().await;
    let token = world.prove(&ledger::testing::provider()).await;
    world.get(&format!("/api/v1/agreements/{agreement}"), Some(&token)).await.problem(404, "not-found");
    let held = world.get(&format!("/api/v1/agreements/{agreement}"), Some(&buyer.1)).await;
    assert_eq!(held.expect(200)["in_force"], true);
    let found = world.get("/api/v1/datasets?q=counts", None).await.expect(200);
    assert_eq!(found["items"][0]["id"], json!(dataset), "found by its identifier");
    world.stop_market().await;
    world.network.stop().await;
}

async fn check_delivery(world: &World, agreement: &str, buyer: &str, other: &str, bytes: &[u8]) {
    let asked = json!({"agreement": agreement});
    world.post("/api/v1/deliveries", Some(other), &asked).await.problem(404, "not-found");
    let delivery = world.post("/api/v1/deliveries", Some(buyer), &asked).await.expect(201);
    let path = delivery["links"]["content"].as_str().unwrap();
    world.get(path, Some(other)).await.problem(404, "not-found");
    world.get(path, None).await.problem(401, "not-signed-in");
    let whole = world.http.get(world.url(path)).bearer_auth(buyer).send().await.unwrap();
    let digest = format!("sha-256=:{}:", data_encoding::BASE64.encode(&Digest::of(&[bytes]).0));
    assert_eq!(whole.headers()["content-digest"].to_str().unwrap(), digest);
    assert!(whole.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    assert_eq!(whole.bytes().await.unwrap(), bytes);
    let part = world.http.get(world.url(path)).bearer_auth(buyer).header("range", "bytes=20000-40000");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"].to_str().unwrap(), format!("bytes 20000-40000/{}", bytes.len()));
    assert_eq!(part.bytes().await.unwrap(), &bytes[20_000..=40_000]);

    let path = delivery["links"]["slice"].as_str().unwrap();
    let got = world.http.get(world.url(&format!("{path}?start=17000&length=90000"))).bearer_auth(buyer);
    let encoded = got.send().await.unwrap().bytes().await.unwrap().to_vec();
    let root = delivery["content"]["blake3"].as_str().unwrap().parse().unwrap();
    let slice = Slice { start: 17_000, length: 90_000, total: bytes.len() as u64, encoded };
    assert_eq!(verify_slice(&root, &slice).unwrap(), &bytes[17_000..107_000]);
    let beyond = format!("{path}?start={}&length=2", bytes.len() - 1);
    world.get(&beyond, Some(buyer)).await.problem(416, "range");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_consent_stops_the_next_request() {
    let mut world = World::start().await;
    let provider = world.member("Health survey", &[Role::Provider]).await;
    let buyer = world.member("University", &[Role::Buyer]).await;
    let custodian = world.member("Consent desk", &[Role::Custodian]).await;
    let dataset = world.publish(&provider, "survey", &jacket("Survey", PersonalStatus::Personal)).await;
    let request = json!({
        "dataset": dataset, "purposes": ["research"], "notice": "We ask for your answers.", "until": "2099-01-01",
        "subject": "card 4711", "record": {"name": "holder of this card", "jurisdiction": "ES"},
    });
    let receipt = world.post("/api/v1/consents", Some(&custodian.1), &request).await.expect(201);
    assert!(receipt["receipt"].as_str().unwrap().len() > 400);
    world.post("/api/v1/consents", Some(&buyer.1), &request).await.problem(403, "forbidden");
    world.upload(&provider.1, &dataset, b"age;answer\n40;yes\n").await;
    let offer = world.offer(&provider.1, &dataset, json!({"kind": "free"})).await;
    let wanted = json!({"offer": offer, "purpose": "research"});
    world.post_once("/api/v1/orders", &buyer.1, "a", &wanted).await.problem(422, "refused-justification-missing");
    let wanted = json!({"offer": offer, "purpose": "research", "justification": "A study of answers"});
    let bought = world.post_once("/api/v1/orders", &buyer.1, "b", &wanted).await.expect(201);
    let asked = json!({"agreement": bought["agreement"]});
    let delivery = world.post("/api/v1/deliveries", Some(&buyer.1), &asked).await.expect(201);
    let path = delivery["links"]["content"].as_str().unwrap();
    assert_eq!(world.get(path, Some(&buyer.1)).await.status, 200);

    let consent = receipt["record"]["consent"].as_str().unwrap();
    let stored = world.get(&format!("/api/v1/consents/{consent}/record"), Some(&custodian.1)).await.expect(200);
    assert_eq!(stored["fields"]["name"], "holder of this card");
    let erased = world.post("/api/v1/subjects/erase", Some(&custodian.1), &json!({"subject": "card 4711"})).await;
    assert_eq!(erased.expect(200)["erasure"]["records"], 1);
    world.get(path, Some(&buyer.1)).await.problem(403, "refused-consent-ended");
    world.post("/api/v1/deliveries", Some(&buyer.1), &asked).await.problem(422, "refused-consent-ended");
    world.get(&format!("/api/v1/consents/{consent}/record"), Some(&custodian.1)).await.problem(404, "not-found");
    let refusals = world.get("/api/v1/refusals", Some(&buyer.1)).await.expect(200);
    assert_eq!(refusals["items"][0]["refusal"]["rejection"]["kind"], "justification-missing");

    // Without a node a no stays the no that it was; what it says where we knew of none is in `access`.
    let other = world.post("/api/v1/deliveries", Some(&buyer.1), &asked).await;
    assert_eq!(other.status, 422);
    let gone = std::mem::replace(&mut world.network, Network::start(&world.folder.path().join("other")).await);
    let _port = gone.stop_keeping_port().await;
    world.get(path, Some(&buyer.1)).await.problem(403, "refused-consent-ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_keeps_its_key_signs_what_it_is_shown() {
    let world = World::start().await;
    let identity = ledger::testing::provider();
    let action = json!({"action": "dataset.publish", "catalogue": "own", "identifier": "x", "jacket": jacket("Tides", PersonalStatus::None), "side": null});
    let body = json!({"party": identity.party, "key": identity.signer.public(), "action": action, "side": {"outline": "Tides by minute"}});
    let answer = world.post("/api/v1/prepare", None, &body).await.expect(200);
    let prepared = &answer["prepared"];
    let bytes = hex::decode(prepared["body"].as_str().unwrap()).unwrap();
    let decoded: contracts::transaction::Body = borsh::from_slice(&bytes).unwrap();
    assert_eq!(decoded.sender, identity.party);
    let message = hex::decode(prepared["message"].as_str().unwrap()).unwrap();
    let signature = identity.signer.sign(&message).unwrap();
    let signed = json!({"body": prepared["body"], "signature": signature, "side": answer["side"]});
    let first = world.post("/api/v1/submit", None, &signed).await.expect(201);
    assert_eq!(first["order"]["id"], prepared["id"]);
    assert_eq!(world.post("/api/v1/submit", None, &signed).await.expect(201), first, "harmless to repeat");
    let mut wrong = signed.clone();
    wrong["signature"] = json!("00".repeat(64));
    world.post("/api/v1/submit", None, &wrong).await.problem(422, "invalid");
    let token = world.prove(&identity).await;
    world.post("/api/v1/pricing-key", Some(&token), &json!({})).await.problem(409, "self-custody");
    world.network.stop().await;
}
