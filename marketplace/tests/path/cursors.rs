//! A cursor is of one list, asked in one way: no other list takes it.

use super::{
    support::{World, jacket},
    visitor::signed_in,
};
use contracts::{party::Role, vocabulary::PersonalStatus};
use serde_json::json;

/// A list: its address, whose, and what else it was asked.
struct Asked<'a> {
    path: String,
    token: Option<&'a str>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_taken_by_its_own_list_only() {
    let world = World::start().await;
    let provider = world.member("Tide gauge", &[Role::Provider, Role::Buyer, Role::Custodian]).await;
    let buyer = world.member("Pilots", &[Role::Buyer, Role::Provider]).await;
    world.mint(buyer.0, 1_000, "EUR").await;
    world.mint(buyer.0, 1_000, "USD").await;
    world.mint(buyer.0, 1_000, "USD").await;
    let mut datasets = Vec::new();
    for name in ["tides", "tides-by-hour"] {
        let dataset = world.publish(&provider, name, &jacket(&format!("Tides {name}"), PersonalStatus::None)).await;
        for version in 0..2 {
            world.upload(&provider.1, &dataset, format!("t;h\n{name};{version}\n").as_bytes()).await;
        }
        datasets.push(dataset);
    }
    let mut agreements = Vec::new();
    for dataset in &datasets {
        let price = json!({"kind": "one-off", "amount": "100", "currency": "EUR"});
        for _ in 0..2 {
            world.offer(&provider.1, dataset, json!({"kind": "free"})).await;
        }
        let offer = world.offer(&provider.1, dataset, price).await;
        let wanted = json!({"offer": offer, "purpose": "research"});
        let bought = world.post_once("/api/v1/orders", &buyer.1, &format!("buy {dataset}"), &wanted).await.expect(201);
        let agreement = bought["agreement"].as_str().unwrap().to_string();
        for _ in 0..2 {
            world.post("/api/v1/deliveries", Some(&buyer.1), &json!({"agreement": agreement})).await.expect(201);
        }
        agreements.push(agreement);
        let refused = json!({"action": {"action": "offer.withdraw", "offer": offer}});
        world.post("/api/v1/actions", Some(&buyer.1), &refused).await.problem(422, "refused-not-the-provider");
    }
    for subject in ["card 1", "card 2"] {
        let consent = json!({"dataset": datasets[0], "purposes": ["research"], "notice": "We ask.",
            "until": "2099-01-01", "subject": subject, "record": {"jurisdiction": "ES"}});
        world.post("/api/v1/consents", Some(&provider.1), &consent).await.expect(201);
    }
    let (provider, buyer) = (Some(provider.1.as_str()), Some(buyer.1.as_str()));
    let mut lists = Vec::new();
    for (path, token) in [
        ("/api/v1/parties", None),
        ("/api/v1/datasets?q=tides", None),
        ("/api/v1/datasets?q=hour%20tides", None),
        ("/api/v1/datasets?q=tides&sort=title", None),
        ("/api/v1/datasets?q=tides&catalogue=own", None),
        ("/api/v1/agreements", buyer),
        ("/api/v1/agreements?side=sold", provider),
        ("/api/v1/orders", buyer),
        ("/api/v1/orders", provider),
        ("/api/v1/accounts/EUR/statement", buyer),
        ("/api/v1/accounts/EUR/statement", provider),
        ("/api/v1/accounts/USD/statement", buyer),
        ("/api/v1/refusals", buyer),
        ("/api/v1/consents", provider),
    ] {
        lists.push(Asked { path: path.into(), token });
    }
    for dataset in &datasets {
        for list in ["versions", "offers"] {
            lists.push(Asked { path: format!("/api/v1/datasets/{dataset}/{list}"), token: None });
        }
    }
    for agreement in &agreements {
        lists.push(Asked { path: format!("/api/v1/agreements/{agreement}/deliveries"), token: buyer });
    }
    let mut cursors = Vec::new();
    for list in &lists {
        let page = world.get(&list.with("limit=1"), list.token).await.expect(200);
        // A search for two words may find one listing alone; it still has to refuse the others' cursors.
        cursors.push(page["next"].as_str().map(str::to_string));
    }
    assert!(cursors.iter().flatten().count() >= lists.len() - 1, "{cursors:?}");
    for (of, cursor) in cursors.iter().enumerate() {
        let Some(cursor) = cursor else { continue };
        for (at, list) in lists.iter().enumerate() {
            let got = world.get(&list.with(&format!("limit=1&cursor={cursor}")), list.token).await;
            if at == of {
                got.expect(200);
                continue;
            }
            let said = got.problem(422, "invalid");
            assert!(
                said.contains("cursor") && said.contains("another list"),
                "{} {}: {said}",
                lists[of].path,
                list.path
            );
        }
    }
    for list in &lists {
        for wrong in ["", "7", "!", "AAAA", &"A".repeat(300)] {
            let got = world.get(&list.with(&format!("cursor={wrong}")), list.token).await;
            let said = got.problem(422, "invalid");
            assert!(said.contains("use one that a page gave"), "{}: {said}", list.path);
        }
    }
    world.network.stop().await;
}

impl Asked<'_> {
    fn with(&self, more: &str) -> String {
        let join = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{join}{more}", self.path)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_refuse_the_cursor_of_another_list() {
    let world = World::start().await;
    let (desk, party, token) = signed_in(&world, "Tide gauge", &[Role::Provider]).await;
    let member = (party, token.clone());
    for at in 0..26 {
        world.publish(&member, &format!("t{at}"), &jacket(&format!("Tides {at}"), PersonalStatus::None)).await;
    }
    let orders = desk.get("/orders").await.is("orders");
    let next = orders.link_called("Older orders");
    desk.get(&next).await.is("orders").says("Back to the first page");
    let cursor = next.split("cursor=").nth(1).unwrap();
    for other in ["/provide?cursor", "/agreements?cursor", "/account?refused"] {
        let page = desk.get(&format!("{other}={cursor}")).await.is("error");
        page.says("another list");
    }
    world.network.stop().await;
}
