//! The document at `/openapi.json` says what the router serves, and every operation answers as it says.

use super::{
    schema::validate,
    support::{World, jacket},
};
use contracts::{party::Role, vocabulary::PersonalStatus};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread")]
async fn document_and_router_know_the_same_operations() {
    let world = World::start().await;
    let paths: BTreeSet<&str> = world.contract.operations().iter().map(|(path, _, _)| *path).collect();
    for path in paths {
        let place = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>();
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let got = world.send(world.http.request(method.clone(), world.url(&place.join("/"))), None).await;
            let described = world.contract.0["paths"][path].get(method.as_str().to_ascii_lowercase()).is_some();
            let unknown = got.body["detail"].as_str().is_some_and(|detail| detail.contains("there is nothing at"));
            assert!(!unknown, "{method} {path} is not served");
            assert_eq!(got.status == 405, !described, "{method} {path}: {}", got.status);
        }
    }
    // Routes of the API are made where they are described, so none can be served in silence.
    let api = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let mut files = 0;
    for entry in std::fs::read_dir(api).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&entry).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        assert!(!code.contains(".route("), "{} has a route beside its description", entry.display());
        files += 1;
    }
    assert!(files > 10);
    let pages = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/web/mod.rs")).unwrap();
    assert!(!pages.contains("\"/api/"), "what is below /api is described");
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_whole_and_its_examples_hold() {
    let world = World::start().await;
    let document = &world.contract.0;
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (path, method, operation) in world.contract.operations() {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} names two operations");
        assert!(operation["summary"].is_string(), "{id} says what it does");
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"]["schema"];
        assert_eq!(problem["$ref"], "#/components/schemas/Problem", "{id}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (kind, content) in
                response["content"].as_object().into_iter().flatten().filter(|(kind, _)| kind.ends_with("json"))
            {
                let schema = &content["schema"];
                let typed = schema["$ref"].is_string() || kind == "application/ld+json" || path == "/openapi.json";
                assert!(typed, "{id} answers {status} with {schema}");
            }
        }
        let body = &operation["requestBody"]["content"]["application/json"];
        if !body.is_null() {
            assert!(body["schema"]["$ref"].is_string(), "{id} takes {}", body["schema"]);
            let example = body.get("example").unwrap_or_else(|| panic!("{method} {path} has no example"));
            validate(document, &body["schema"], example, id).unwrap();
        }
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let problem = &schemas["Problem"];
    validate(document, problem, &problem["example"], "Problem").unwrap();
    for (name, schema) in schemas {
        assert!(!open(schema), "{name} takes fields that it does not list");
    }
    for scheme in ["bearer", "session"] {
        assert!(document["components"]["securitySchemes"][scheme].is_object());
    }
    world.network.stop().await;
}

/// Is there an object in `schema` that lists fields and takes others too?
fn open(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let here =
                schema["type"] == "object" && schema.get("additionalProperties").is_none_or(|other| other == true);
            here || fields.iter().any(|(name, inside)| name != "example" && open(inside))
        }
        Value::Array(items) => items.iter().any(open),
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_answers_as_it_is_described() {
    let world = World::start().await;
    let provider = world.member("Harbour survey", &[Role::Provider]).await;
    let buyer = world.member("University", &[Role::Buyer]).await;
    let custodian = world.member("Consent desk", &[Role::Custodian]).await;
    world.mint(buyer.0, 5_000, "EUR").await;
    let dataset = world.publish(&provider, "survey", &jacket("Survey", PersonalStatus::Personal)).await;
    let request = json!({
        "dataset": dataset, "purposes": ["research"], "notice": "We ask for your answers.", "until": "2099-01-01",
        "subject": "card 4711", "record": {"jurisdiction": "ES"},
    });
    let given = world.post("/api/v1/consents", Some(&custodian.1), &request).await.expect(201);
    let consent = given["record"]["consent"].as_str().unwrap().to_string();
    world.upload(&provider.1, &dataset, &[b'x'; 40_000]).await;
    let price =
        json!({"kind": "subscription", "amount": "100", "currency": "EUR", "period_days": 30, "periods_max": 12});
    let once = world.offer(&provider.1, &dataset, json!({"kind": "free"})).await;
    let once = world.get(&format!("/api/v1/offers/{once}"), None).await.expect(200);
    assert_eq!((&once["duration"], &once["period"]), (&json!("P30D"), &Value::Null), "durations by ISO 8601");
    let offer = world.offer(&provider.1, &dataset, price).await;
    world.post("/api/v1/pricing-key", Some(&provider.1), &json!({})).await.expect(201);
    let quote = world.post("/api/v1/quotes", Some(&buyer.1), &json!({"offer": offer})).await.expect(200);
    let wanted = json!({"offer": offer, "purpose": "research", "quote": quote["signed"], "justification": "A study"});
    let bought = world.post_once("/api/v1/orders", &buyer.1, "a", &wanted).await.expect(201);
    world
        .post_once(
            "/api/v1/orders",
            &buyer.1,
            "b",
            &json!({"offer": offer, "purpose": "business", "justification": "x"}),
        )
        .await;
    let agreement = bought["agreement"].as_str().unwrap();
    let order = bought["order"]["id"].as_str().unwrap();
    let renewed = format!("/api/v1/agreements/{agreement}/renew");
    world.get(&format!("/api/v1/agreements/{agreement}/renewal?periods=2"), Some(&buyer.1)).await.expect(200);
    world.post_once(&renewed, &buyer.1, "c", &json!({"periods": 1})).await.expect(201);
    let delivered =
        world.post("/api/v1/deliveries", Some(&buyer.1), &json!({"agreement": agreement})).await.expect(201);
    let content = delivered["links"]["content"].as_str().unwrap();
    let slice = format!("{}?start=0&length=17000", delivered["links"]["slice"].as_str().unwrap());
    for path in [content, &slice] {
        assert_eq!(world.get(path, Some(&buyer.1)).await.status, 200);
    }
    let part = world.http.get(world.url(content)).header("range", "bytes=5-9");
    assert_eq!(world.send(part, Some(&buyer.1)).await.status, 206);
    read_everything(&world, &buyer.1, &dataset.to_string(), &offer, agreement, order).await;
    for path in ["/api/v1/consents".to_string(), format!("/api/v1/consents/{consent}/record")] {
        world.get(&path, Some(&custodian.1)).await.expect(200);
    }
    let subject = json!({"subject": "card 4711"});
    let known = world.post("/api/v1/subjects/access", Some(&custodian.1), &subject).await.expect(200);
    assert_eq!(known["items"][0]["consent"]["until"], "2099-01-01", "a day is written as a date too");
    let ended = format!("/api/v1/consents/{consent}/end");
    world.post(&ended, Some(&custodian.1), &json!({"state": "withdrawn"})).await.expect(201);
    let kept = json!({"dataset": dataset, "subject": "card 4712", "record": {"jurisdiction": "ES"}});
    let kept = world.post("/api/v1/consents/records", Some(&custodian.1), &kept).await.expect(201);
    let kept = format!("/api/v1/consents/{}/record", kept["record"]["consent"].as_str().unwrap());
    world.send(world.http.delete(world.url(&kept)), Some(&custodian.1)).await.expect(200);
    let erased = world.post("/api/v1/subjects/erase", Some(&custodian.1), &subject).await.expect(200);
    let erased = format!("/api/v1/erasures/{}", erased["erasure"]["id"].as_str().unwrap());
    world.get(&erased, Some(&custodian.1)).await.expect(200);
    let revoked = format!("/api/v1/agreements/{agreement}/revoke");
    world.post(&revoked, Some(&buyer.1), &json!({"reason": "by-buyer"})).await.expect(201);
    leave(&world, &provider).await;
    keep_a_key(&world).await;
    let all: BTreeSet<String> = world
        .contract
        .operations()
        .iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap().into())
        .collect();
    let answered = world.answered.lock().unwrap().clone();
    assert_eq!(all.difference(&answered).collect::<Vec<_>>(), Vec::<&String>::new(), "never answered as asked");
    world.network.stop().await;
}

async fn read_everything(world: &World, buyer: &str, dataset: &str, offer: &str, agreement: &str, order: &str) {
    let party = world.get("/api/v1/session", Some(buyer)).await.expect(200)["id"].as_str().unwrap().to_string();
    for path in [
        "/health".to_string(),
        "/metrics".into(),
        "/openapi.json".into(),
        "/api/v1/market".into(),
        "/api/v1/datasets?q=survey&sort=newest".into(),
        format!("/api/v1/datasets/{dataset}"),
        format!("/api/v1/datasets/{dataset}/prose"),
        format!("/api/v1/datasets/{dataset}/versions"),
        format!("/api/v1/datasets/{dataset}/offers"),
        format!("/api/v1/offers/{offer}"),
        "/api/v1/parties".into(),
        format!("/api/v1/parties/{party}"),
        "/api/v1/credentials".into(),
        "/api/v1/accounts".into(),
        "/api/v1/accounts/EUR/statement".into(),
        "/api/v1/refusals".into(),
        "/api/v1/orders".into(),
        format!("/api/v1/orders/{order}"),
        format!("/api/v1/transactions/{order}/receipt"),
        "/api/v1/agreements?side=bought".into(),
        format!("/api/v1/agreements/{agreement}"),
        format!("/api/v1/agreements/{agreement}/deliveries"),
    ] {
        let got = world.get(&path, Some(buyer)).await;
        assert_eq!(got.status, 200, "{path}: {:#}", got.body);
    }
    let offer = world.get(&format!("/api/v1/offers/{offer}"), None).await.expect(200);
    assert_eq!((&offer["duration"], &offer["period"]), (&Value::Null, &json!("P30D")), "durations by ISO 8601");
}

/// Withdraws a credential, signs in by a link and out again.
async fn leave(world: &World, (party, token): &(contracts::id::PartyId, String)) {
    let issued = world.post("/api/v1/credentials", Some(token), &json!({"label": "x", "days": 1})).await.expect(201);
    let path = format!("/api/v1/credentials/{}", issued["credential"]["id"].as_str().unwrap());
    world.send(world.http.delete(world.url(&path)), Some(token)).await.expect(200);
    let operator = world.prove(&ledger::testing::operator()).await;
    let link =
        world.post(&format!("/api/v1/parties/{party}/sign-in-links"), Some(&operator), &json!({})).await.expect(201);
    let signed_in = world.post("/api/v1/sessions", None, &json!({"token": link["token"]})).await;
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_string();
    let csrf = signed_in.expect(201)["csrf"].as_str().unwrap().to_string();
    let out = world.http.delete(world.url("/api/v1/session")).header("cookie", cookie).header("x-csrf-token", csrf);
    world.send(out, None).await.expect(200);
}

/// Prepares an action for a party that keeps its own key, and hands it in.
async fn keep_a_key(world: &World) {
    let identity = ledger::testing::provider();
    let action = json!({"action": "dataset.publish", "catalogue": "own", "identifier": "x", "jacket": jacket("Tides", PersonalStatus::None), "side": null});
    let body = json!({"party": identity.party, "key": identity.signer.public(), "action": action, "side": {"outline": "Tides"}});
    let answer = world.post("/api/v1/prepare", None, &body).await.expect(200);
    let message = hex::decode(answer["prepared"]["message"].as_str().unwrap()).unwrap();
    let signature = identity.signer.sign(&message).unwrap();
    let signed = json!({"body": answer["prepared"]["body"], "signature": signature, "side": answer["side"]});
    world.post("/api/v1/submit", None, &signed).await.expect(201);
}
