//! Access is decided at every request: whatever ends a licence, or keeps us from knowing, stops the
//! next byte, by every way on which bytes leave, with a reason.

use super::{
    support::{Got, World, jacket},
    visitor::{Visitor, signed_in},
};
use contracts::{
    action::Action,
    agreement::RevocationReason,
    dataset::{List, Listing, ListingReason},
    id::{AgreementId, DatasetId, PartyId, TimeMs},
    party::{Admit, Role, Roles, Suspend, SuspensionReason},
    vocabulary::PersonalStatus,
};
use ledger::testing::{self, Network};
use marketplace::market::clock_ms;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};

const CONTENT: &[u8] = b"age;answer\n40;yes\n";

/// A licence that was used once, by the API and in the browser.
struct Licence<'a> {
    world: &'a World,
    browser: Visitor<'a>,
    held: Held,
}

/// What it is about, and who is in it.
#[derive(Clone)]
struct Held {
    buyer: (PartyId, String),
    provider: (PartyId, String),
    dataset: DatasetId,
    agreement: AgreementId,
    delivery: Value,
}

impl<'a> Licence<'a> {
    async fn bought(world: &'a World, personal: PersonalStatus) -> Self {
        let provider = world.member("Health survey", &[Role::Provider]).await;
        let (browser, party, token) = signed_in(world, "University", &[Role::Buyer]).await;
        let dataset = world.publish(&provider, "survey", &jacket("Survey", personal)).await;
        world.upload(&provider.1, &dataset, CONTENT).await;
        if personal == PersonalStatus::Personal {
            let basis = json!({"action": "basis.state", "dataset": dataset, "purpose": "research", "kind": "public-task",
                "jurisdiction": "ES", "reference": "Act 1, article 2", "controller": provider.0, "controls": ["pseudonyms"], "ended": false});
            world.post("/api/v1/actions", Some(&provider.1), &json!({"action": basis})).await.expect(201);
        }
        let offer = world.offer(&provider.1, &dataset, json!({"kind": "free"})).await;
        let wanted = json!({"offer": offer, "purpose": "research", "justification": "A study"});
        let bought = world.post_once("/api/v1/orders", &token, "a", &wanted).await.expect(201);
        let agreement: AgreementId = bought["agreement"].as_str().unwrap().parse().unwrap();
        let asked = json!({"agreement": agreement});
        let delivery = world.post("/api/v1/deliveries", Some(&token), &asked).await.expect(201);
        let held = Held { buyer: (party, token), provider, dataset, agreement, delivery };
        let licence = Self { world, browser, held };
        licence.flows().await;
        licence
    }

    fn link(&self, what: &str) -> &str {
        self.held.delivery["links"][what].as_str().unwrap()
    }

    /// All bytes, a range of them, and a slice, by the delivery that is there.
    async fn reads(&self) -> [Got; 3] {
        let (world, token) = (self.world, Some(self.held.buyer.1.as_str()));
        let range = world.http.get(world.url(self.link("content"))).header("range", "bytes=3-5");
        [
            world.get(self.link("content"), token).await,
            world.send(range, token).await,
            world.get(&format!("{}?start=0&length=4", self.link("slice")), token).await,
        ]
    }

    /// The button of the licence's page, as it was drawn while it worked.
    async fn click(&self) -> super::visitor::Loaded {
        let session = self.browser.get("/account").await.is("account");
        let csrf = session.form("/sign-out").1.into_iter().find(|(name, _)| name == "csrf").unwrap().1;
        let version = self.held.delivery["delivery"]["version"].as_str().unwrap();
        let fields = format!("csrf={csrf}&version={version}");
        self.browser.post(&format!("/agreements/{}/download", self.held.agreement), fields).await
    }

    async fn flows(&self) {
        assert_eq!(self.reads().await.map(|got| got.status), [200, 206, 200]);
        let file = self.click().await;
        assert_eq!((file.status.as_u16(), file.bytes.as_slice()), (200, CONTENT), "{}", file.html);
    }

    /// Nothing flows: every read gives this problem, and so do a new delivery and the browser.
    async fn stops(&self, (status, code): (u16, &str), (fresh_status, fresh_code): (u16, &str), says: &str) {
        for got in self.reads().await {
            let detail = got.problem(status, code);
            assert!(detail.contains(says), "{detail}");
        }
        let asked = json!({"agreement": self.held.agreement});
        let fresh = self.world.post("/api/v1/deliveries", Some(&self.held.buyer.1), &asked).await;
        fresh.problem(fresh_status, fresh_code);
        let page = self.click().await.is("error");
        assert_eq!(page.status.as_u16(), fresh_status, "{}", page.html);
        page.says("What you can do");
    }

    /// Refused by the rules: 403 for what was delivered, 422 and a record for what is asked for anew.
    async fn refused(&self, kind: &str, says: &str) {
        let code = format!("refused-{kind}");
        self.stops((403, &code), (422, &code), says).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_decides_stops_the_next_byte() {
    let world = World::start().await;
    let licence = Licence::bought(&world, PersonalStatus::None).await;
    let (buyer, dataset) = (licence.held.buyer.0, licence.held.dataset);

    let suspend = |party| Action::Suspend(Suspend { party, reason: SuspensionReason::Breach });
    world.act(&testing::operator(), suspend(buyer)).await;
    licence.refused("party-not-active", "is not active").await;
    world.act(&testing::operator(), Action::Admit(Admit { party: buyer, roles: Roles::of(&[Role::Provider]) })).await;
    licence.refused("role-missing", "does not hold the role").await;
    world.act(&testing::operator(), Action::Admit(Admit { party: buyer, roles: Roles::of(&[Role::Buyer]) })).await;
    licence.flows().await;

    let listing = |listing, reason| json!({"action": Action::List(List { dataset, listing, reason })});
    let act =
        async |body: Value| world.post("/api/v1/actions", Some(&licence.held.provider.1), &body).await.expect(201);
    act(listing(Listing::Suspended, ListingReason::Quality)).await;
    licence.refused("dataset-not-listed", "is suspended").await;
    act(listing(Listing::Listed, ListingReason::Ready)).await;
    licence.flows().await;

    let path = format!("/api/v1/agreements/{}/revoke", licence.held.agreement);
    let reason = json!({"reason": RevocationReason::Breach});
    world.post(&path, Some(&licence.held.provider.1), &reason).await.expect(201);
    licence.refused("agreement-over", "has ended").await;
    let page = licence.browser.get(&format!("/agreements/{}", licence.held.agreement)).await.is("licence");
    page.says("revoked: breach of terms").says("Nothing can be downloaded");
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_suspended_provider_sold_is_still_delivered() {
    let world = World::start().await;
    let licence = Licence::bought(&world, PersonalStatus::None).await;
    let (desk, ..) = signed_in(&world, "Operations desk", &[Role::Operator]).await;
    let page = desk.get(&format!("/operate/{}/decide/suspend", licence.held.provider.0)).await.is("decide");
    page.says("Licences that it sold stay in force");
    let done = desk.send(&page, "/operate/", &[("reason", "breach")]).await.is("operate");
    done.says("What it sold is still delivered");
    // It was granted, perhaps paid for, and its buyer did nothing wrong.
    licence.flows().await;
    let offer = world.get(&format!("/api/v1/datasets/{}/offers", licence.held.dataset), None).await.expect(200);
    let wanted = json!({"offer": offer["items"][0]["id"], "purpose": "research"});
    let got = world.post_once("/api/v1/orders", &licence.held.buyer.1, "b", &wanted).await;
    got.problem(422, "refused-party-not-active");
    let path = format!("/api/v1/agreements/{}/revoke", licence.held.agreement);
    let got = world.post(&path, Some(&licence.held.provider.1), &json!({"reason": RevocationReason::Breach})).await;
    got.problem(422, "refused-party-not-active");
    licence.flows().await;
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ground_that_ends_stops_the_next_byte() {
    let world = World::start().await;
    let licence = Licence::bought(&world, PersonalStatus::Personal).await;
    let custodian = world.member("Consent desk", &[Role::Custodian]).await;
    let consent = |subject: &str| {
        json!({
            "dataset": licence.held.dataset, "since_version": 1, "purposes": ["research"], "notice": "We ask.", "until": "2099-01-01",
            "subject": subject, "record": {"jurisdiction": "ES"},
        })
    };
    let given = world.post("/api/v1/consents", Some(&custodian.1), &consent("card 1")).await.expect(201);
    licence.flows().await;
    let end = format!("/api/v1/consents/{}/end", given["record"]["consent"].as_str().unwrap());
    world.post(&end, Some(&custodian.1), &json!({"state": "withdrawn"})).await.expect(201);
    licence.refused("consent-ended", "consent").await;
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_legal_basis_that_ends_stops_the_next_byte() {
    let world = World::start().await;
    let licence = Licence::bought(&world, PersonalStatus::Personal).await;
    let basis = json!({"action": "basis.state", "dataset": licence.held.dataset, "purpose": "research", "kind": "public-task",
        "jurisdiction": "ES", "reference": "Act 1, article 2", "controller": licence.held.provider.0, "controls": ["pseudonyms"], "ended": true});
    world.post("/api/v1/actions", Some(&licence.held.provider.1), &json!({"action": basis})).await.expect(201);
    licence.refused("no-ground", "neither consent nor a legal basis").await;
    world.network.stop().await;
}

/// How far the market's clock is ahead of the ledger's, in milliseconds.
static AHEAD_MS: AtomicU64 = AtomicU64::new(0);

fn clock() -> TimeMs {
    clock_ms() + AHEAD_MS.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_clock_says_stops_the_next_byte() {
    let world = World::at(clock).await;
    let licence = Licence::bought(&world, PersonalStatus::None).await;
    // Thirty days less an hour after the purchase the licence is in force, the delivery long over.
    let minute = 60_000;
    let hour = 60 * minute;
    AHEAD_MS.store(30 * 24 * hour - hour, Ordering::Relaxed);
    for got in licence.reads().await {
        assert!(got.problem(410, "delivery-over").contains("ask for another"));
    }
    // An hour after its end it has ended, by our clock alone: the ledger's blocks are of thirty days ago.
    AHEAD_MS.store(30 * 24 * hour + hour, Ordering::Relaxed);
    licence.stops((403, "refused-agreement-over"), (403, "refused-agreement-over"), "has ended").await;
    let path = format!("/api/v1/agreements/{}", licence.held.agreement);
    assert_eq!(world.get(&path, Some(&licence.held.buyer.1)).await.expect(200)["in_force"], false);
    // Five minutes without a block: nobody knows what was withdrawn since.
    AHEAD_MS.store(5 * minute, Ordering::Relaxed);
    for got in licence.reads().await {
        let detail = got.problem(503, "undecided");
        assert!(detail.contains("the ledger stands still, or a clock is wrong"), "{detail}");
    }
    AHEAD_MS.store(0, Ordering::Relaxed);
    licence.flows().await;
    world.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_gone_stops_the_next_byte() {
    let mut world = World::start().await;
    let (held, cookies) = {
        let licence = Licence::bought(&world, PersonalStatus::None).await;
        let cookies = licence.browser.cookies.lock().unwrap().clone();
        (licence.held, cookies)
    };
    // The market keeps speaking to the node that it was started with.
    let other = Network::start(&world.folder.path().join("other")).await;
    let _port = std::mem::replace(&mut world.network, other).stop_keeping_port().await;
    let browser = Visitor { cookies: cookies.into(), ..Visitor::new(&world) };
    let licence = Licence { world: &world, browser, held };
    licence.stops((503, "undecided"), (503, "node-unreachable"), "nothing is delivered until it does").await;
    licence.click().await.is("error").says("repeating is harmless");
}
