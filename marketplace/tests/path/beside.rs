//! Prose beside the ledger, taken down on the pages where it stands.

use super::{
    pages::publish,
    support::{World, jacket},
    visitor::{Visitor, signed_in},
};
use contracts::{party::Role, vocabulary::PersonalStatus};
use serde_json::json;

const GONE: &str = "taken down; its commitment stays on the ledger";

#[tokio::test(flavor = "multi_thread")]
async fn the_contact_of_an_applicant_and_an_outline_are_taken_down() {
    let world = World::start().await;
    let (operator, ..) = signed_in(&world, "Desk of the market", &[Role::Operator]).await;
    let applicant = Visitor::new(&world);
    let form = applicant.get("/apply").await.is("apply");
    let values = [("name", "Reed and Sons"), ("country", "es"), ("kind", "business"), ("contact", "Somebody Real")];
    let applied = applicant.send(&form, "/apply", &values).await.is("applied");
    let take_down = format!("/operate/{}/take-down", applied.path.trim_start_matches("/applied/"));
    let members = operator.get("/operate").await.is("operate");
    let (provider, ..) = signed_in(&world, "Harbour office", &[Role::Provider, Role::Buyer]).await;
    members.says("Somebody Real");
    let members = operator.send(&members, &take_down, &[]).await.is("operate");
    members.says("Taken down. Every node deletes it").says(GONE);
    assert!(!members.html.contains("Somebody Real") && !members.html.contains(&take_down), "{}", members.main());

    let listing = publish(&provider).await;
    let id = listing.path.trim_start_matches("/provide/").split('?').next().unwrap().to_string();
    let page = format!("/datasets/{id}");
    provider.get(&page).await.is("dataset").says("Counted at the lock.");
    provider.get("/search?q=counted").await.is("search").says("1 listing");
    let listing = provider.send(&listing, &format!("/provide/{id}/take-down"), &[]).await.is("listing");
    listing.says("Taken down. Every node deletes it");
    assert!(!listing.html.contains("/take-down"), "there is nothing more: {}", listing.main());
    let shown = provider.get(&page).await.is("dataset");
    assert!(!shown.html.contains("Counted at the lock."), "{}", shown.main());
    let found = provider.get("/search?q=counted").await.is("search");
    assert!(!found.html.contains("Boats in the harbour"), "{}", found.main());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_and_a_reason_are_taken_down_by_whoever_wrote_them() {
    let world = World::start().await;
    let (seller, party, token) = signed_in(&world, "Health survey", &[Role::Provider]).await;
    let (buyer, _, by_buyer) = signed_in(&world, "University", &[Role::Buyer]).await;
    let account = buyer.get("/account").await.is("account");
    account.says("front desk");
    let account = buyer.send(&account, "/account/take-down", &[]).await.is("account");
    account.says(GONE);
    assert!(!account.html.contains("front desk") && !account.html.contains("/take-down"), "{}", account.main());

    let own = (party, token);
    let dataset = world.publish(&own, "survey", &jacket("Survey", PersonalStatus::None)).await;
    world.upload(&own.1, &dataset, b"age;answer\n40;yes\n").await;
    let offer = world.offer(&own.1, &dataset, json!({"kind": "free"})).await;
    let wanted = json!({"offer": offer, "purpose": "research", "justification": "A study of Somebody"});
    let bought = world.post_once("/api/v1/orders", &by_buyer, "a", &wanted).await.expect(201);
    let path = format!("/agreements/{}", bought["agreement"].as_str().unwrap());
    // The provider reads it, and has no button.
    let sold = seller.get(&path).await.is("licence");
    sold.says("A study of Somebody");
    assert!(!sold.html.contains("/take-down"), "{}", sold.main());
    let licence = buyer.get(&path).await.is("licence");
    licence.says("A study of Somebody").says("Take the justification down");
    let licence = buyer.send(&licence, &format!("{path}/take-down"), &[]).await.is("licence");
    licence.says(GONE);
    assert!(!licence.html.contains("A study of Somebody") && !licence.html.contains("/take-down"));
}
