//! What a buyer meets on the way: a price that is held, one that is over, an offer that changes,
//! periods that are prepaid and prolonged, and an account that explains itself.

use super::{
    support::{World, jacket},
    visitor::signed_in,
};
use contracts::{
    action::Action,
    dataset::Publish,
    id::{DatasetId, PartyId, TimeMs},
    key::{Domain, Signer, TestSigner},
    party::Role,
    quote::{Quote, SignedQuote},
    vocabulary::PersonalStatus,
};
use ledger::testing;
use marketplace::market::clock_ms;
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A quote of the test network's provider, whose pricing key has seed 113.
fn quote(world: &World, buyer: PartyId, offer: &str, cents: u64, expires_ms: TimeMs) -> Value {
    let (offer, amount) = (offer.parse().unwrap(), contracts::money::Amount::new(cents).unwrap());
    let (currency, nonce) = (Some("EUR".parse().unwrap()), [9; 16]);
    let quote = Quote { buyer, offer, revision: 1, periods: 1, amount, currency, expires_ms, nonce };
    let signer = TestSigner::of(113);
    let message = Domain::Quote.message(&world.network.client.network(), &quote.message());
    let signature = signer.sign(&message).unwrap();
    json!(SignedQuote { quote, key: signer.public(), signature })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_that_ends_in_the_middle_of_a_purchase() {
    let world = World::start().await;
    let provider = testing::provider();
    let buyer = world.member("Pilots", &[Role::Buyer]).await;
    world.mint(buyer.0, 10_000, "EUR").await;
    let publish = Publish {
        catalogue: "own".into(),
        identifier: "tides".into(),
        jacket: jacket("Tides", PersonalStatus::None),
        side: None,
    };
    world.act(&provider, Action::Publish(publish)).await;
    let dataset = DatasetId::of(&provider.party, "own", "tides");
    let make = json!({"action": "offer.make", "dataset": dataset,
        "terms": {"purposes": {"kind": "any"}, "duration_days": 30, "onward": "prohibited", "attribution": null},
        "price": {"kind": "one-off", "amount": "500", "currency": "EUR"}});
    let make: Action = serde_json::from_value(make).unwrap();
    let made = world.network.client.act(&provider, make, None).await.unwrap();
    world.caught_up(made.height).await;
    let offer = made.id.to_string();

    let wanted =
        |quote: Value| json!({"offer": offer, "purpose": "research", "quote": quote, "acknowledge_no_content": true});
    let end = clock_ms() + 30_000;
    let held = wanted(quote(&world, buyer.0, &offer, 300, end));
    let bought = world.post_once("/api/v1/orders", &buyer.1, "in-time", &held).await.expect(201);
    let over = wanted(quote(&world, buyer.0, &offer, 301, clock_ms() + 100));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let late = world.post_once("/api/v1/orders", &buyer.1, "late", &over).await;
    let transaction = late.body["transaction"].as_str().expect("the refusal is on the ledger").to_string();
    assert!(late.problem(422, "refused-quote-expired").contains("ask for another"));
    let again = world.post_once("/api/v1/orders", &buyer.1, "late", &over).await;
    assert_eq!(again.body["transaction"], transaction.as_str(), "the same request has the same answer");
    let order = world.get(&format!("/api/v1/orders/{transaction}"), Some(&buyer.1)).await.expect(200);
    assert_eq!(
        (&order["state"]["state"], &order["state"]["rejection"]["kind"]),
        (&json!("refused"), &json!("quote-expired"))
    );

    // What was bought in time stays bought when the same request comes again after the quote's end.
    tokio::time::sleep(Duration::from_millis(end.saturating_sub(clock_ms()) + 100)).await;
    assert_eq!(world.post_once("/api/v1/orders", &buyer.1, "in-time", &held).await.expect(201), bought);
    let accounts = world.get("/api/v1/accounts", Some(&buyer.1)).await.expect(200);
    assert_eq!(accounts["items"][0]["balance"], "9700", "paid once, at the price of the quote");
    // The list price still holds for whoever asks now.
    let now = world.post("/api/v1/quotes", Some(&buyer.1), &json!({"offer": offer})).await.expect(200);
    assert_eq!((&now["amount"], &now["signed"]), (&json!("500"), &json!(null)));
    let expects = json!({"offer": offer, "purpose": "research", "amount": "300", "acknowledge_no_content": true});
    let said = world.post_once("/api/v1/orders", &buyer.1, "list", &expects).await.problem(409, "price-moved");
    assert!(said.contains("500 minor units, not 300"), "{said}");
    world.network.stop().await;
}

/// How far the market's clock is ahead, in milliseconds.
static AHEAD_MS: AtomicU64 = AtomicU64::new(0);

fn clock() -> TimeMs {
    clock_ms() + AHEAD_MS.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_was_read_too_long_buys_nothing_and_says_so() {
    let world = World::at(clock).await;
    let provider = world.member("Tide gauge", &[Role::Provider]).await;
    let (buyer, party, token) = signed_in(&world, "Pilots", &[Role::Buyer]).await;
    world.mint(party, 10_000, "EUR").await;
    let dataset = world.publish(&provider, "tides", &jacket("Tides", PersonalStatus::None)).await;
    world.upload(&provider.1, &dataset, b"t;h\n").await;
    let price = |cents: u64| json!({"kind": "one-off", "amount": cents.to_string(), "currency": "EUR"});
    let offer = world.offer(&provider.1, &dataset, price(500)).await;
    let act = async |action: Value| {
        world.post("/api/v1/actions", Some(&provider.1), &json!({"action": action})).await.expect(201);
    };
    let revise = async |follows: u32, cents: u64| {
        act(json!({"action": "offer.revise", "offer": offer, "follows": follows, "price": price(cents),
            "terms": {"purposes": {"kind": "any"}, "duration_days": 30, "onward": "prohibited", "attribution": null}}))
        .await;
    };
    let paid = async || {
        let accounts = world.get("/api/v1/accounts", Some(&token)).await.expect(200);
        10_000 - accounts["items"][0]["balance"].as_str().unwrap().parse::<u64>().unwrap()
    };
    let confirm = format!("/offers/{offer}/confirm?purpose=research");

    // Without a pricing key the list price holds until the offer changes.
    let read = buyer.get(&confirm).await.is("confirm");
    read.says("5.00 EUR").says("until the offer changes").says("any lawful purpose");
    revise(1, 600).await;
    let back = buyer.send(&read, "/offers/", &[]).await.is("confirm");
    back.says("The offer changed while you read it. Nothing was bought").says("6.00 EUR");
    assert_eq!(paid().await, 0);
    let first = buyer.send(&back, "/offers/", &[]).await.is("licence");
    assert_eq!(paid().await, 600);

    // With one it holds for a quarter of an hour, also when the offer changes, and no longer.
    world.post("/api/v1/pricing-key", Some(&provider.1), &json!({})).await.expect(201);
    let read = buyer.get(&confirm).await.is("confirm");
    read.says("also if the offer changes");
    revise(2, 700).await;
    let second = buyer.send(&read, "/offers/", &[]).await.is("licence");
    assert_eq!(paid().await, 1_200, "at the price that was held");
    let read = buyer.get(&confirm).await.is("confirm");
    AHEAD_MS.store(16 * 60_000, Ordering::Relaxed);
    let late = buyer.send(&read, "/offers/", &[]).await.is("confirm");
    late.says("The price was held until").says("Nothing was bought").says("7.00 EUR");
    assert_eq!(paid().await, 1_200);
    let third = buyer.send(&late, "/offers/", &[]).await.is("licence");
    assert_eq!(paid().await, 1_900);
    assert!(first.path != second.path && second.path != third.path);

    // A form that is sent again leads to what it bought, whatever has become of the offer since.
    act(json!({"action": "offer.withdraw", "offer": offer})).await;
    assert_eq!(buyer.send(&back, "/offers/", &[]).await.is("licence").path, first.path);
    assert_eq!(buyer.send(&late, "/offers/", &[]).await.is("licence").path, third.path);
    assert_eq!(paid().await, 1_900);
    let gone = buyer.get(&confirm).await.is("error");
    gone.says("withdrawn");
    world
        .post("/api/v1/quotes", Some(&token), &json!({"offer": offer}))
        .await
        .problem(422, "refused-offer-is-withdrawn");
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn periods_are_prepaid_prolonged_on_demand_and_explained() {
    let world = World::start().await;
    let provider = world.member("Tide gauge", &[Role::Provider]).await;
    let (buyer, party, token) = signed_in(&world, "Pilots", &[Role::Buyer]).await;
    world.mint(party, 10_000, "EUR").await;
    let dataset = world.publish(&provider, "tides", &jacket("Tides", PersonalStatus::None)).await;
    world.upload(&provider.1, &dataset, b"t;h\n").await;
    let price =
        json!({"kind": "subscription", "amount": "500", "currency": "EUR", "period_days": 30, "periods_max": 12});
    let terms =
        json!({"purposes": {"kind": "any"}, "duration_days": null, "onward": "prohibited", "attribution": null});
    let make = json!({"action": {"action": "offer.make", "dataset": dataset, "terms": terms, "price": price}});
    let made = world.post("/api/v1/actions", Some(&provider.1), &make).await.expect(201);
    let offer = made["order"]["id"].as_str().unwrap();
    let asked = json!({"offer": offer, "periods": 2});
    let quote = world.post("/api/v1/quotes", Some(&token), &asked).await.expect(200);
    assert_eq!(
        (&quote["amount"], &quote["price"], &quote["balance"]),
        (&json!("1000"), &json!("10.00 EUR"), &json!("10000"))
    );
    assert!(quote["terms"].as_str().unwrap().contains("any lawful purpose"), "{quote}");
    world
        .post("/api/v1/quotes", Some(&token), &json!({"offer": offer, "periods": 13}))
        .await
        .problem(422, "refused-periods");
    let wanted = json!({"offer": offer, "purpose": "research", "periods": 2, "amount": "1000"});
    let bought = world.post_once("/api/v1/orders", &token, "a", &wanted).await.expect(201);
    let agreement = bought["agreement"].as_str().unwrap();
    let path = format!("/api/v1/agreements/{agreement}");
    let end = async || world.get(&path, Some(&token)).await.expect(200)["agreement"]["end_ms"].as_u64().unwrap();
    let (first_end, days_90) = (end().await, 90 * 86_400_000);

    let renewal = world.get(&format!("{path}/renewal?periods=3"), Some(&token)).await.expect(200);
    assert_eq!((&renewal["amount"], &renewal["price"]), (&json!("1500"), &json!("15.00 EUR")));
    assert_eq!(renewal["new_end_ms"].as_u64().unwrap(), first_end + days_90);
    world.get(&format!("{path}/renewal?periods=13"), Some(&token)).await.problem(422, "refused-periods");
    world.get(&format!("{path}/renewal"), Some(&provider.1)).await.problem(404, "not-found");
    let renew = format!("{path}/renew");
    let wrong = json!({"periods": 3, "amount": "1499"});
    world.post_once(&renew, &token, "r0", &wrong).await.problem(409, "price-moved");
    assert_eq!(end().await, first_end, "nothing was done");
    let right = json!({"periods": 3, "amount": "1500"});
    let done = world.post_once(&renew, &token, "r1", &right).await.expect(201);
    assert_eq!(world.post_once(&renew, &token, "r1", &right).await.expect(201), done);
    assert_eq!(end().await, first_end + days_90, "once, and after the present end");

    let licence = buyer.get(&format!("/agreements/{agreement}")).await.is("licence");
    licence.says("5.00 EUR for each 30 days, at the price of this agreement");
    let (ask, _) = licence.form(&format!("/agreements/{agreement}/renew"));
    let page = buyer.get(&format!("{ask}?periods=2")).await.is("renew");
    page.says("Prolong for 10.00 EUR").says("2 periods of 30 days more").says("75.00 EUR; 65.00 EUR are left");
    buyer.send(&page, &ask, &[]).await.is("licence");
    buyer.send(&page, &ask, &[]).await.is("licence");
    assert_eq!(end().await, first_end + days_90 + 60 * 86_400_000, "a form that is sent twice prolongs once");
    buyer.get(&format!("{ask}?periods=x")).await.is("error").says("a whole number of periods");

    let statement = world.get("/api/v1/accounts/EUR/statement", Some(&token)).await.expect(200);
    let lines: Vec<_> = statement["items"].as_array().unwrap().iter().collect();
    let told: Vec<_> =
        lines.iter().map(|line| (line["what"].as_str().unwrap(), line["shown"].as_str().unwrap())).collect();
    assert_eq!(
        told,
        [
            ("Licence from Tide gauge, prolonged", "-10.00 EUR"),
            ("Licence from Tide gauge, prolonged", "-15.00 EUR"),
            ("Licence from Tide gauge", "-10.00 EUR"),
            ("Paid in at the bank", "+100.00 EUR"),
        ]
    );
    for line in &lines[..3] {
        assert_eq!((&line["agreement"], &line["title"]), (&json!(agreement), &json!("Tides")));
        assert_eq!(line["counterparty_name"], "Tide gauge");
    }
    assert_eq!(lines[0]["balance_shown"], "65.00 EUR");
    let account = buyer.get("/account").await.is("account");
    account
        .says("Licence from Tide gauge, prolonged:")
        .says(&format!("href=\"/agreements/{agreement}\""))
        .says("−15.00 EUR");
    let sold = world.get("/api/v1/accounts/EUR/statement", Some(&provider.1)).await.expect(200);
    assert_eq!(sold["items"][2]["what"], "Licence to Pilots");

    let withdraw = json!({"action": {"action": "offer.withdraw", "offer": offer}});
    world.post("/api/v1/actions", Some(&provider.1), &withdraw).await.expect(201);
    world.get(&format!("{path}/renewal"), Some(&token)).await.problem(422, "refused-offer-is-withdrawn");
    buyer.get(&format!("{ask}?periods=1")).await.is("error").says("withdrawn");
    world.network.stop().await;
}
