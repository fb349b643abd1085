//! No list ends in silence: what is not on a page is on a further one, and the page says so.

use super::{
    support::{World, jacket},
    visitor::{Visitor, signed_in},
};
use contracts::{party::Role, vocabulary::PersonalStatus};
use serde_json::json;
use std::{collections::BTreeSet, time::Duration};

/// Offers named on the pages of a list, from `path` on, and how many there were on each.
async fn offers_on(visitor: &Visitor<'_>, path: &str, next: &str) -> (BTreeSet<String>, Vec<usize>) {
    let (mut all, mut counts, mut path) = (BTreeSet::new(), Vec::new(), path.to_string());
    loop {
        let page = visitor.get(&path).await;
        let named: BTreeSet<String> = page.html.split("<article class=\"offer\">").skip(1).map(id_of).collect();
        counts.push(named.len());
        all.extend(named);
        let Some(more) = page.html.contains(next).then(|| page.link_called(next)) else { return (all, counts) };
        path = more;
    }
}

/// The id of the offer on a ticket.
fn id_of(ticket: &str) -> String {
    let at = ticket.find("Offer <").expect("a ticket names its offer");
    let words: Vec<&str> = ticket[at..].split(|c: char| !c.is_ascii_hexdigit()).collect();
    words.into_iter().find(|word| word.len() == 64).expect("an id in full").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_offer_is_on_some_page() {
    let world = World::start().await;
    let (desk, party, token) = signed_in(&world, "Tide gauge", &[Role::Provider]).await;
    let dataset = world.publish(&(party, token.clone()), "tides", &jacket("Tides", PersonalStatus::None)).await;
    let mut made = Vec::new();
    for cents in 100..127 {
        let price = json!({"kind": "one-off", "amount": cents.to_string(), "currency": "EUR"});
        made.push(world.offer(&token, &dataset, price).await);
    }
    let withdraw = async |offer: &String| {
        let action = json!({"action": {"action": "offer.withdraw", "offer": offer}});
        world.post("/api/v1/actions", Some(&token), &action).await.expect(201);
    };
    withdraw(&made[3]).await;
    withdraw(&made[26]).await;
    let open: BTreeSet<String> = made[..26].iter().filter(|offer| **offer != made[3]).cloned().collect();

    let view = world.get(&format!("/api/v1/datasets/{dataset}"), None).await.expect(200);
    let shown = view["offers"].as_array().unwrap();
    assert_eq!(shown.len(), 20);
    let more = view["more_offers"].as_str().expect("the view says that there are more");
    let rest = world.get(&format!("/api/v1/datasets/{dataset}/offers?cursor={more}"), None).await.expect(200);
    let rest = rest["items"].as_array().unwrap();
    let rest = rest.iter().filter(|row| row["offer"]["withdrawn"] == false);
    let all: BTreeSet<String> = shown.iter().chain(rest).map(|row| row["id"].as_str().unwrap().to_string()).collect();
    assert_eq!(all, open);

    let visitor = Visitor::new(&world);
    let page = visitor.get(&format!("/datasets/{dataset}")).await.is("dataset");
    page.says("20 open offers are shown here, newest first. There are more.");
    let (named, counts) = offers_on(&visitor, &format!("/datasets/{dataset}"), "Further offers").await;
    assert_eq!((named, counts), (open.clone(), vec![20, 5]));
    visitor.get("/search?q=tides").await.is("search").says("and more than 19 other offers");
    let (named, counts) = offers_on(&desk, &format!("/provide/{dataset}"), "Older offers").await;
    assert_eq!((named, counts), (made.iter().cloned().collect(), vec![25, 2]), "withdrawn ones too");

    // The newest twenty go: what is left is older, and on the first page.
    for offer in made[6..26].iter() {
        withdraw(offer).await;
    }
    let page = visitor.get(&format!("/datasets/{dataset}")).await.is("dataset");
    assert!(!page.html.contains("There are more"));
    let (named, counts) = offers_on(&visitor, &format!("/datasets/{dataset}"), "Further offers").await;
    let left: BTreeSet<String> = [0, 1, 2, 4, 5].map(|at| made[at].clone()).into();
    assert_eq!((named, counts), (left, vec![5]));
    desk.get("/provide").await.is("provide").says("Tides");
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_and_versions_come_by_pages() {
    let world = World::start().await;
    let (desk, party, token) = signed_in(&world, "Tide gauge", &[Role::Provider]).await;
    let buyer = world.member("Pilots", &[Role::Buyer]).await;
    let dataset = world.publish(&(party, token.clone()), "tides", &jacket("Tides", PersonalStatus::None)).await;
    for version in 0..27 {
        world.upload(&token, &dataset, format!("t;h\n1;{version}\n").as_bytes()).await;
    }
    let offer = world.offer(&token, &dataset, json!({"kind": "free"})).await;
    let wanted = json!({"offer": offer, "purpose": "research"});
    let bought = world.post_once("/api/v1/orders", &buyer.1, "a", &wanted).await.expect(201);
    let agreement = bought["agreement"].as_str().unwrap();
    let mut made = BTreeSet::new();
    for _ in 0..3 {
        let asked = json!({"agreement": agreement});
        let delivery = world.post("/api/v1/deliveries", Some(&buyer.1), &asked).await.expect(201);
        made.insert(delivery["delivery"]["id"].as_str().unwrap().to_string());
    }
    let path = format!("/api/v1/agreements/{agreement}");
    let view = world.get(&path, Some(&buyer.1)).await.expect(200);
    assert_eq!((view["deliveries"].as_array().unwrap().len(), &view["more_deliveries"]), (3, &json!(null)));
    let first = world.get(&format!("{path}/deliveries?limit=2"), Some(&token)).await;
    assert!(first.headers["link"].to_str().unwrap().contains("rel=\"next\""), "the provider sees them too");
    let first = first.expect(200);
    let next = first["next"].as_str().unwrap();
    let second = world.get(&format!("{path}/deliveries?limit=2&cursor={next}"), Some(&buyer.1)).await.expect(200);
    let listed = first["items"].as_array().unwrap().iter().chain(second["items"].as_array().unwrap());
    assert_eq!(listed.map(|row| row["id"].as_str().unwrap().to_string()).collect::<BTreeSet<_>>(), made);
    assert!(second["next"].is_null());
    let stranger = world.member("Somebody", &[Role::Buyer]).await;
    world.get(&format!("{path}/deliveries"), Some(&stranger.1)).await.problem(404, "not-found");

    let page = desk.get(&format!("/provide/{dataset}")).await.is("listing");
    page.says("Version 27").says("Version 3<");
    assert!(!page.html.contains("Version 2<"), "25 on a page");
    let older = desk.get(&page.link_called("Older versions")).await.is("listing");
    older.says("Version 2<").says("Version 1<").says("Back to the first page");
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_stands_still_gives_its_place_back() {
    let world = World::start_waiting(Duration::from_secs(1)).await;
    let provider = world.member("Ministry", &[Role::Provider]).await;
    let pieces = futures_util::stream::iter([Ok::<_, std::io::Error>("half".to_string())]);
    let silent = futures_util::StreamExt::chain(pieces, futures_util::stream::pending());
    let request = world.http.post(world.url("/api/v1/uploads")).body(reqwest::Body::wrap_stream(silent));
    let said = world.send(request, Some(&provider.1)).await.problem(408, "idle");
    assert!(said.contains("no byte came for 1 seconds"), "{said}");
    let aside = world.folder.path().join("market/objects/aside");
    assert_eq!(std::fs::read_dir(aside).unwrap().count(), 0);
    world.network.stop().await;
}
