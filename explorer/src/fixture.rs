//! A small market on a real solo network: everything that a page can show happens in it once.

pub mod governance;

use contracts::{
    action::Action,
    agreement, consent, dataset, delivery,
    founding::Parameters,
    governance::{Ballot, Change, Propose},
    group,
    id::*,
    jacket::Jacket,
    money::Amount,
    offer, party, settlement,
    side::SideBody,
    side::SideField,
    terms::Terms,
    version,
    vocabulary::Purpose,
};
use ledger::{
    api::client::{Client, Committed, Identity},
    testing,
};
use serde_json::{Value, json};

/// A contact that lies beside the ledger and must not be shown.
pub const CONTACT: &str = "desk of the harbour office, +34 600 000 000";
/// What a closed dataset's jacket says and nobody may read here.
pub const SECRET: &str = "berth-allocation-ciphers";

/// What the market made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Open, free, with two versions.
    pub open: DatasetId,
    /// Closed.
    pub closed: DatasetId,
    /// Shared, personal, for money.
    pub personal: DatasetId,
    /// Shared with named parties.
    pub specific: DatasetId,
    /// A licence to the open one.
    pub free: AgreementId,
    /// A licence to the personal one.
    pub paid: AgreementId,
    /// A delivery of the personal one.
    pub delivery: DeliveryId,
    /// A consent that was withdrawn.
    pub consent: ConsentId,
    /// A purchase that was refused.
    pub refused: TransactionId,
    /// A delivery that was refused after the withdrawal.
    pub stopped: TransactionId,
    /// The publication of the closed dataset.
    pub closing: TransactionId,
    /// A group.
    pub group: GroupId,
    /// An offer.
    pub offer: OfferId,
    /// An applicant.
    pub applicant: PartyId,
    /// Other parameters, which the one validator carried by itself.
    pub proposal: ProposalId,
}

async fn act(client: &Client, who: &Identity, action: Action, side: Option<SideBody>) -> Committed {
    client.act(who, action, side).await.expect("the node takes it")
}

async fn done(client: &Client, who: &Identity, action: Action) -> Committed {
    let committed = act(client, who, action, None).await;
    committed.applied().expect("the rules allow it");
    committed
}

fn stated(value: Value) -> Value {
    json!({ "origin": "stated", "value": value })
}

/// A jacket with everything classified.
pub fn jacket(title: &str, spectrum: &str, access: Option<Value>, personal: &str) -> Jacket {
    let mut jacket = json!({
        "title": title,
        "keywords": ["harbour", if spectrum == "closed" { SECRET } else { "ships" }],
        "formats": ["CSV"],
        "types": ["table"],
        "source_publisher": "Port authority",
        "variables": [
            { "name": "berth", "kind": "code", "meaning": "Where the ship lies" },
            { "name": "arrival", "kind": "time", "unit": "s" },
        ],
        "distributions": [{ "link": "https://example.org/a.csv", "download": true, "media_type": "text/csv" }],
        "classification": {
            "framework_class": stated(json!("thematic")),
            "spectrum": stated(json!(spectrum)),
            "categories": { "origin": "inferred", "value": ["movement"], "rule": "keyword-category" },
            "insight_levels": stated(json!(["operational"])),
            "roles": stated(json!(["data-owner"])),
            "processing": stated(json!("raw")),
            "usage": stated(json!("static")),
            "structure": stated(json!("structured")),
            "quadrant": stated(json!("open")),
            "sensitivity": stated(json!("public")),
            "personal": stated(json!(personal)),
            "spatial": stated(json!("Valencia")),
            "temporal": stated(json!("2024-01-01/2024-12-31")),
            "refresh": stated(json!("R/P1M")),
        },
    });
    if let Some(access) = access {
        jacket["classification"]["access"] = stated(access);
    }
    serde_json::from_value(jacket).expect("the jacket is well formed")
}

fn terms(purposes: Value) -> Terms {
    let terms = json!({ "purposes": purposes, "duration_days": null, "onward": "free", "attribution": null });
    serde_json::from_value(terms).expect("the terms are well formed")
}

async fn publish(
    client: &Client,
    identifier: &str,
    jacket: Jacket,
    side: Option<SideBody>,
) -> (DatasetId, TransactionId) {
    let who = testing::provider();
    let side_id = side.as_ref().map(SideBody::id);
    let publish =
        dataset::Publish { catalogue: "harbour".into(), identifier: identifier.into(), jacket, side: side_id };
    let id = publish.id(&who.party);
    let committed = act(client, &who, Action::Publish(publish), side).await;
    committed.applied().expect("the rules allow it");
    (id, committed.id)
}

/// Anchors a version of the provider's dataset.
pub async fn anchor(
    client: &Client,
    dataset: DatasetId,
    number: u32,
    mut parents: Vec<VersionId>,
    excludes: Vec<ConsentId>,
) {
    let content = version::Content {
        blake3: Blake3([number as u8; 32]),
        sha256: Digest::of(&[dataset.as_bytes(), &[number as u8]]),
        bytes: 123_456,
        media_type: "text/csv".into(),
    };
    parents.sort_unstable();
    let action = version::AddVersion { dataset, number, content, parents, excludes };
    done(client, &testing::provider(), Action::AddVersion(action)).await;
}

async fn offered(client: &Client, dataset: DatasetId, price: Value) -> OfferId {
    let price = serde_json::from_value(price).expect("the price is well formed");
    let purposes = json!({ "kind": "any" });
    let action = offer::MakeOffer { dataset, terms: terms(purposes), price };
    OfferId(done(client, &testing::provider(), Action::MakeOffer(action)).await.id.0)
}

fn buy(offer: OfferId, minor: u64, justification: Option<SideId>) -> Action {
    Action::Buy(agreement::Buy {
        offer,
        revision: 1,
        purpose: Purpose::Research,
        periods: 1,
        amount: Amount::new(minor).expect("the amount is small"),
        quote: None,
        justification,
    })
}

fn side(name: &str, value: &str) -> SideBody {
    let field = SideField { name: name.into(), value: value.into() };
    SideBody::new([7; 32], vec![field]).expect("the side body is small")
}

/// Lets all of it happen.
pub async fn market(client: &Client) -> Made {
    let (provider, buyer) = (testing::provider(), testing::buyer());
    let contact = side("contact", CONTACT);
    let (open, _) =
        publish(client, "arrivals-2024", jacket("Ship arrivals 2024", "open", None, "none"), Some(contact)).await;
    let (closed, closing) =
        publish(client, "ciphers", jacket("Berth planning, closed", "closed", None, "none"), None).await;
    let access = json!({ "kind": "public" });
    let (personal, _) =
        publish(client, "crews", jacket("Crew lists <b>2024</b>", "shared", Some(access), "personal"), None).await;
    let access = json!({ "kind": "specific", "parties": [buyer.party] });
    let (specific, _) = publish(client, "tides", jacket("Tide gauges", "shared", Some(access), "none"), None).await;
    anchor(client, open, 1, vec![], vec![]).await;
    anchor(client, open, 2, vec![VersionId::of(&open, 1)], vec![]).await;
    anchor(client, personal, 1, vec![], vec![]).await;

    let applicant = testing::identity(77);
    let asks = party::Apply {
        name: "=Newcomer & Sons".into(),
        kind: party::PartyKind::Business,
        jurisdiction: party::Country(*b"PT"),
        side: Some(side("contact", CONTACT).id()),
    };
    act(client, &applicant, Action::Apply(asks), Some(side("contact", CONTACT))).await;
    let members = vec![buyer.party];
    let set = group::SetGroup { group: None, name: "Pilots".into(), members };
    let group = GroupId(done(client, &provider, Action::SetGroup(set)).await.id.0);

    let free = offered(client, open, json!({ "kind": "free" })).await;
    let dear = json!({ "kind": "one-off", "amount": "125000", "currency": "EUR" });
    let offer = offered(client, personal, dear).await;
    let free = AgreementId(done(client, &buyer, buy(free, 0, None)).await.id.0);
    let consent = ConsentId([0xc5; 16]);
    let give = consent::Give {
        consent,
        dataset: personal,
        since_version: 1,
        purposes: vec![Purpose::Research],
        notice: Digest([4; 32]),
        until_day: 40_000,
        record: Digest([5; 32]),
    };
    done(client, &testing::custodian(), Action::GiveConsent(give)).await;
    let why = side("justification", "A study of working hours");
    let refused = act(client, &buyer, buy(offer, 125_000, Some(why.id())), Some(why.clone())).await.id;
    let mint = settlement::Mint {
        party: buyer.party,
        amount: Amount::new(500_000).expect("the amount is small"),
        currency: "EUR".parse().expect("EUR is a currency"),
        reference: BankReference([6; 32]),
    };
    done(client, &testing::settlement(), Action::Mint(mint)).await;
    let bought = act(client, &buyer, buy(offer, 125_000, Some(why.id())), Some(why)).await;
    bought.applied().expect("the rules allow it");
    let paid = AgreementId(bought.id.0);
    let deliver = || Action::Deliver(delivery::Deliver { agreement: paid, version: VersionId::of(&personal, 1) });
    let delivery = DeliveryId(done(client, &testing::gateway(), deliver()).await.id.0);
    let end = consent::End { consent, state: consent::ConsentState::Withdrawn };
    done(client, &testing::custodian(), Action::EndConsent(end)).await;
    let stopped = act(client, &testing::gateway(), deliver(), None).await.id;
    let proposal = decided(client).await;
    Made {
        open,
        closed,
        personal,
        specific,
        free,
        paid,
        delivery,
        consent,
        refused,
        stopped,
        closing,
        group,
        offer,
        applicant: applicant.party,
        proposal,
    }
}

/// The validator changes the parameters: where there is one, its own ballot is a quorum.
async fn decided(client: &Client) -> ProposalId {
    let quota = contracts::quota::QuotaLimits { count_max: 50_000, ..Default::default() };
    let (change, set) = (Change::Parameters { parameters: Parameters { quota } }, client.trust().era(0).clone());
    let until_ms = client.status().await.expect("the node answers").time_ms + 86_400_000;
    let id = Propose::id_of(&change, &set.digest(), until_ms);
    let ballot = Ballot::approve(&client.network(), &id, 0, &*testing::solo_keys().consensus);
    let ballot = ballot.expect("a test's key signs");
    let propose = Propose { change, base: set.digest(), until_ms, ballot };
    done(client, &testing::operator(), Action::Propose(propose)).await;
    id
}
