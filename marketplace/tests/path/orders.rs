//! A market that stops at any point of a purchase leaves neither payment without licence nor licence
//! without payment, and buys once.

use super::{
    support::{World, jacket, wait_for},
    visitor::signed_in,
};
use contracts::{
    id::OfferId,
    party::Role,
    vocabulary::{PersonalStatus, Purpose},
};
use marketplace::{market::BuyRequest, orders::Once};
use serde_json::json;
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_survives_being_dropped_anywhere() {
    let mut world = World::start().await;
    let provider = world.member("Tide gauge", &[Role::Provider]).await;
    let buyer = world.member("Pilots", &[Role::Buyer]).await;
    world.mint(buyer.0, 100_000, "EUR").await;
    let dataset = world.publish(&provider, "tides", &jacket("Tides", PersonalStatus::None)).await;
    world.upload(&provider.1, &dataset, b"t;h\n1;2\n").await;
    let price = json!({"kind": "one-off", "amount": "100", "currency": "EUR"});
    let offer: OfferId = world.offer(&provider.1, &dataset, price).await.parse().unwrap();
    let request: BuyRequest = serde_json::from_value(json!({"offer": offer, "purpose": Purpose::Research})).unwrap();

    // Polls a purchase `steps` times, a little apart, drops it and the market with it, starts again,
    // and asks for the same purchase once more.
    let (mut done, mut steps) = (0u64, 0u32);
    while done < 6 {
        let once = Once::new(&format!("purchase-{done}"), contracts::id::Digest([done as u8; 32])).unwrap();
        let market = world.market().clone();
        let finished = {
            let mut purchase = pin!(market.buy(&buyer.0, &request, &once));
            let mut finished = false;
            for _ in 0..steps {
                if let Poll::Ready(bought) = purchase.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    bought.unwrap();
                    finished = true;
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            finished
        };
        drop(market);
        world.stop_market().await;
        world.start_market().await;
        let bought = loop {
            match world.market().buy(&buyer.0, &request, &once).await {
                Ok(bought) => break bought,
                Err(error) => assert!(error.to_string().contains("still being worked on"), "{error}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        done += 1;
        steps = 2 * steps + 1;
        let rows = world.market().rows();
        let held = rows.agreement(&bought.agreement).unwrap().unwrap();
        assert_eq!(held.paid.minor(), 100);
        let holding = rows.holding(&buyer.0, &dataset).unwrap().unwrap();
        assert_eq!(u64::from(holding.count), done, "one licence for each purchase, finished: {finished}");
        assert_eq!(rows.accounts(&buyer.0).unwrap()[0].1.minor(), 100_000 - done * 100, "one payment for each");
        assert_eq!(world.market().orders().open_count().unwrap(), 0);
    }
    world.stop_market().await;
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_met_no_node_is_handed_in_later() {
    let mut world = World::start().await;
    let provider = world.member("Tide gauge", &[Role::Provider]).await;
    let jacket = jacket("Tides", PersonalStatus::None);
    let market = world.market().clone();
    let identity = market.keys().identity(&provider.0).unwrap();
    let action = contracts::action::Action::Publish(contracts::dataset::Publish {
        catalogue: "own".into(),
        identifier: "later".into(),
        jacket,
        side: None,
    });
    // Signed and stored while the node is there, handed in when it is gone.
    let submission = world.network.client.prepare(&identity, action, None).await.unwrap();
    let id = submission.transaction.id();
    let node_folder = world.folder.path().join("node");
    let network = std::mem::replace(
        &mut world.network,
        ledger::testing::Network::start(&world.folder.path().join("other")).await,
    );
    let _port = network.stop_keeping_port().await;
    let handed =
        market.orders().once::<marketplace::MarketError, _>(&provider.0, None, 1, || async { Ok(submission) }).await;
    assert!(handed.unwrap_err().to_string().contains("handed in until"), "stays open");
    assert_eq!(market.orders().open_count().unwrap(), 1);
    drop(market);
    world.stop_market().await;
    // The same node again, on another port; the market's own folder is as it was.
    let other = std::mem::replace(&mut world.network, ledger::testing::Network::start(&node_folder).await);
    other.stop().await;
    world.start_market().await;
    let order = wait_for("the order's end", async || {
        let order = world.market().orders().get(&id).unwrap().unwrap();
        (order.state != marketplace::orders::OrderState::Open).then_some(order)
    })
    .await;
    assert!(matches!(order.state, marketplace::orders::OrderState::Applied { .. }), "{order:?}");
    let again = world.network.client.committed(id).await.unwrap().unwrap();
    assert!(again.applied().is_ok());
    world.stop_market().await;
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_words_and_programs_the_protocol() {
    let world = World::start().await;
    let (desk, _, token) = signed_in(&world, "Tide gauge", &[Role::Provider]).await;
    world.post("/api/v1/pricing-key", Some(&token), &json!({})).await.expect(201);
    let orders = world.get("/api/v1/orders", Some(&token)).await.expect(200);
    let told =
        |at: usize| [&orders["items"][at]["action"], &orders["items"][at]["text"]].map(|word| word.as_str().unwrap());
    assert_eq!(told(0), ["party.add-key", "Key added"]);
    assert_eq!(told(1), ["party.apply", "Application for membership"]);
    let page = desk.get("/orders").await.is("orders");
    page.says("Application for membership").says("Key added");
    assert!(!page.html.contains("party."), "{}", page.html);
    world.network.stop().await;
}
