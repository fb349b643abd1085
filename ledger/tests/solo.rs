//! A solo network through its public API: trade, refusals, restart, following, rollback.

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use contracts::{
    action::Action,
    agreement::{Agreement, Buy, Holding},
    dataset::{Dataset, Publish},
    delivery::Deliver,
    id::{AgreementId, BankReference, Blake3, DatasetId, Digest, OfferId, PartyId, VersionId},
    jacket::{Access, Classification, Jacket},
    key::{Signer, TestSigner},
    money::{Amount, Currency},
    offer::{MakeOffer, Price},
    outcome::Outcome,
    party::{Apply, Country, PartyKind},
    settlement::{Account, Mint},
    side::{SideBody, SideField},
    terms::{Allowed, Onward, Terms},
    transaction::Body,
    version::{AddVersion, Content},
    vocabulary::*,
};
use ledger::{
    api::{
        client::{Client, Committed},
        follow::{Cursor, Follower},
    },
    log::proof,
    submission::Submission,
    testing::{self, Network},
};
use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

fn eur() -> Currency {
    "EUR".parse().unwrap()
}

fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

fn jacket() -> Jacket {
    let classification = Classification {
        framework_class: Stated::said(FrameworkClass::Thematic),
        spectrum: Stated::said(Spectrum::Shared),
        access: Stated::said(Access::Public),
        categories: Stated::said(vec![CollectableCategory::Movement]),
        insight_levels: Stated::said(vec![InsightLevel::Analytical]),
        roles: Stated::said(vec![DataRole::PrimaryPublisher]),
        processing: Stated::said(ProcessingState::Processed),
        usage: Stated::said(DataUsage::Temporal),
        structure: Stated::said(Structure::Structured),
        quadrant: Stated::said(Quadrant::Traded),
        sensitivity: Stated::said(SensitivityClass::Public),
        personal: Stated::said(PersonalStatus::None),
        spatial: Stated::said("harbour".into()),
        temporal: Stated::said("2025/2026".into()),
        refresh: Stated::said("R/P1D".into()),
    };
    serde_json::from_value(serde_json::json!({
        "title": "Ship movements", "classification": classification, "formats": ["CSV"],
    }))
    .unwrap()
}

struct Trade {
    dataset: DatasetId,
    version: VersionId,
    offer: OfferId,
    bought: Committed,
}

async fn trade(client: &Client) -> Trade {
    let provider = testing::provider();
    let side =
        SideBody::new([7; 32], vec![SideField { name: "outline".into(), value: "Arrivals and departures".into() }])
            .unwrap();
    let publish =
        Publish { catalogue: "own".into(), identifier: "ships".into(), jacket: jacket(), side: Some(side.id()) };
    let dataset = publish.id(&provider.party);
    client.act(&provider, Action::Publish(publish), Some(side.clone())).await.unwrap().applied().unwrap();
    assert_eq!(client.side(side.id()).await.unwrap(), Some(side));
    let content =
        Content { blake3: Blake3([1; 32]), sha256: Digest([2; 32]), bytes: 10, media_type: "text/csv".into() };
    let version = AddVersion { dataset, number: 1, content, parents: vec![], excludes: vec![] };
    client.act(&provider, Action::AddVersion(version), None).await.unwrap().applied().unwrap();
    let terms =
        Terms { purposes: Allowed::Any, duration_days: Some(30), onward: Onward::Prohibited, attribution: None };
    let price = Price::OneOff { amount: amount(1_250), currency: eur() };
    let offer = client.act(&provider, Action::MakeOffer(MakeOffer { dataset, terms, price }), None).await.unwrap();
    let offer = OfferId(offer.applied().unwrap().id.0);
    let mint = Mint {
        party: testing::buyer().party,
        amount: amount(2_000),
        currency: eur(),
        reference: BankReference([3; 32]),
    };
    client.act(&testing::settlement(), Action::Mint(mint), None).await.unwrap().applied().unwrap();
    let bought = client.act(&testing::buyer(), Action::Buy(buy(offer)), None).await.unwrap();
    bought.applied().unwrap();
    Trade { dataset, version: VersionId::of(&dataset, 1), offer, bought }
}

fn buy(offer: OfferId) -> Buy {
    Buy {
        offer,
        revision: 1,
        purpose: Purpose::Planning,
        periods: 1,
        amount: amount(1_250),
        quote: None,
        justification: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trade_is_proven_survives_a_restart_and_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let client = &network.client;
    let trade = trade(client).await;

    // The second purchase has too little money: committed as a refusal, and nothing changed.
    let refused = client.act(&testing::buyer(), Action::Buy(buy(trade.offer)), None).await.unwrap();
    assert_eq!(refused.outcome, Outcome::Refused { code: 100 });
    let account = client.record::<Account>(&Account::key(&testing::buyer().party, eur())).await.unwrap();
    assert_eq!(account.record.unwrap().value.balance, amount(750));

    // Presence and absence are both proven.
    let held = client.record::<Holding>(&Holding::key(&testing::buyer().party, &trade.dataset)).await.unwrap();
    assert_eq!(held.record.unwrap().value.agreement, AgreementId(trade.bought.id.0));
    let none = client.record::<Holding>(&Holding::key(&testing::operator().party, &trade.dataset)).await.unwrap();
    assert_eq!(none.record, None);

    let agreement = AgreementId(trade.bought.id.0);
    assert_eq!(client.decide(agreement, trade.version).await.unwrap().refused, None);
    let deliver = Action::Deliver(Deliver { agreement, version: trade.version });
    client.act(&testing::gateway(), deliver.clone(), None).await.unwrap().applied().unwrap();
    let stranger = client.act(&testing::buyer(), deliver, None).await.unwrap();
    assert_eq!(stranger.outcome, Outcome::Refused { code: 4 }, "a buyer is no gateway");

    let (_, history) = client.history(&Agreement::key(&agreement)).await.unwrap();
    assert_eq!(history.len(), 2, "bought and delivered");
    let (_, history) = client.history(&Dataset::key(&trade.dataset)).await.unwrap();
    assert_eq!(history.len(), 4, "published, version, offer, bought");

    let before = client.status().await.unwrap();
    network.stop().await;
    let network = Network::start(folder.path()).await;
    let client = &network.client;
    let after = client.status().await.unwrap();
    assert!(after.height >= before.height);
    let again = client.committed(trade.bought.id).await.unwrap().unwrap();
    assert_eq!(again, trade.bought, "the receipt is identical after a restart");

    let mut follower = Follower::new(client.clone(), Cursor::default());
    let mut blocks = Vec::new();
    while follower.cursor().height < after.height {
        blocks.extend(follower.next(Duration::from_secs(1)).await.unwrap());
    }
    assert!(blocks[0].founding.is_some() && blocks[1].founding.is_none());
    let ids: Vec<_> = blocks.iter().flat_map(|block| &block.items).map(|item| item.id).collect();
    assert!(ids.contains(&trade.bought.id) && ids.contains(&refused.id));
    let head = blocks.last().unwrap().head;
    assert_eq!(follower.cursor().log.root(), head.root);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_again_give_the_same_receipt_and_bad_bytes_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let client = &network.client;
    let mint =
        Mint { party: testing::buyer().party, amount: amount(5), currency: eur(), reference: BankReference([9; 32]) };
    let submission = client.prepare(&testing::settlement(), Action::Mint(mint), None).await.unwrap();
    let first = client.submit(&submission).await.unwrap();
    assert_eq!(client.submit(&submission).await.unwrap(), first);

    let before = client.status().await.unwrap();
    let problem = |answer: Result<Committed, ledger::api::Problem>| answer.unwrap_err().code;
    let tampered = |change: &dyn Fn(&mut ledger::submission::Submission)| {
        let mut one = submission.clone();
        change(&mut one);
        one
    };
    let cases: Vec<(ledger::submission::Submission, &str)> = vec![
        (tampered(&|one| one.transaction.signature.0[0] ^= 1), "bad-signature"),
        (tampered(&|one| one.transaction.body.network.0[0] ^= 1), "wrong-network"),
        (tampered(&|one| one.transaction.body.nonce[0] ^= 1), "bad-signature"),
        (tampered(&|one| one.side = Some(SideBody::new([0; 32], vec![]).unwrap())), "side-mismatch"),
    ];
    for (submission, code) in cases {
        assert_eq!(problem(client.submit_all(&[submission]).await.unwrap().pop().unwrap()), code);
    }
    let sign =
        |height| client.sign(&testing::settlement(), submission.transaction.body.action.clone(), None, height).unwrap();
    assert_eq!(problem(client.submit_all(&[sign(100_000)]).await.unwrap().pop().unwrap()), "valid-too-long");
    let stranger = client.sign(&testing::identity(999), submission.transaction.body.action.clone(), None, 1).unwrap();
    assert_eq!(problem(client.submit_all(&[stranger]).await.unwrap().pop().unwrap()), "unknown-party");
    assert!(client.status().await.unwrap().healthy);
    // After a while without anything, a block comes all the same.
    let later = client.blocks(before.height, Duration::ZERO).await.unwrap();
    assert!(later.iter().all(|page| page.block.transactions.is_empty()), "nothing was committed");
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_and_checkpoint_give_the_log_back() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let client = &network.client;
    trade(client).await;
    let note = String::from_utf8(client.get("/checkpoint").await.unwrap()).unwrap();
    let lines: Vec<_> = note.lines().collect();
    assert_eq!(lines[0], format!("lonja.{}", client.network()));
    let size: u64 = lines[1].parse().unwrap();
    let hashes = client.get(&format!("/tile/0/000.p/{size}")).await.unwrap();
    let bundle = client.get(&format!("/tile/entries/000.p/{size}")).await.unwrap();
    let mut frontier = contracts::merkle::Frontier::EMPTY;
    let mut rest = bundle.as_slice();
    for number in 0..size as usize {
        let (length, tail) = rest.split_first_chunk::<2>().unwrap();
        let (entry, tail) = tail.split_at(usize::from(u16::from_be_bytes(*length)));
        let leaf = contracts::merkle::leaf(entry);
        assert_eq!(&hashes[32 * number..32 * number + 32], leaf.0);
        frontier.append(leaf);
        rest = tail;
    }
    let root = data_encoding::BASE64.encode(&frontier.root().0);
    assert_eq!(root, lines[2]);
    let head = proof::TreeHead { size, root: frontier.root() };
    assert_eq!(head.size, client.status().await.unwrap().log_size);
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_rolled_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    Network::start(folder.path()).await.stop().await;
    let files = |from: &std::path::Path, to: &std::path::Path| {
        std::fs::create_dir_all(to).unwrap();
        for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    files(&folder.path().join("db"), &copy.path().join("db"));
    let network = Network::start(folder.path()).await;
    trade(&network.client).await;
    network.stop().await;
    std::fs::remove_dir_all(folder.path().join("db")).unwrap();
    files(&copy.path().join("db"), &folder.path().join("db"));
    let error = testing::node(folder.path()).err().expect("an older store is refused").to_string();
    assert!(error.contains("was rolled back"), "{error}");
    std::fs::remove_dir_all(folder.path().join("db")).unwrap();
    let error = testing::node(folder.path()).err().expect("an empty store is refused").to_string();
    assert!(error.contains("was rolled back"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_node_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let error = testing::node(folder.path()).err().expect("one node for each folder").to_string();
    assert!(error.contains("in use by another process"), "{error}");
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_of_a_trade_convinces_both_verifiers() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(&folder.path().join("node")).await;
    let client = &network.client;
    let trade = trade(client).await;
    let agreement = AgreementId(trade.bought.id.0);
    let deliver = Action::Deliver(Deliver { agreement, version: trade.version });
    client.act(&testing::gateway(), deliver, None).await.unwrap().applied().unwrap();

    let mut files = vec![("bought.receipt", trade.bought.receipt.clone())];
    let nobody = AgreementId([9; 32]);
    for (name, key, kind, events, exists) in [
        ("dataset.json", Dataset::key(&trade.dataset), "dataset", 4, true),
        ("agreement.json", Agreement::key(&agreement), "agreement", 2, true),
        ("buyer.json", Holding::key(&testing::buyer().party, &trade.dataset), "holding", 1, true),
        ("nobody.json", Agreement::key(&nobody), "agreement", 0, false),
    ] {
        let (bytes, report) = client.bundle(&key).await.unwrap();
        assert_eq!((report.kind, report.events, report.exists), (kind, events, exists), "{name}");
        assert_eq!(report.receipts, events, "each event's transaction has its receipt");
        assert!(!exists || report.records > 2, "{name} shows what is related");
        files.push((name, bytes));
    }
    assert!(client.bundle(&contracts::state::Key::new(255, &[b"x"])).await.is_err(), "of no kind");

    let python = std::process::Command::new("python3").args(["-c", "import cryptography"]).output();
    if !python.is_ok_and(|run| run.status.success()) {
        println!("skipped: python3 with the package cryptography is not here (pip install cryptography)");
        return;
    }
    let anchor = folder.path().join("anchor.json");
    network.anchor.write(&anchor).unwrap();
    let verifier = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/verifier/lonja_verify.py");
    let mut command = std::process::Command::new("python3");
    command.arg(verifier).arg("--anchor").arg(&anchor);
    for (name, bytes) in &files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        command.arg(path);
    }
    let run = command.output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&[run.stdout, run.stderr].concat()));
}

/// Whoever verifies a block in order to vote waits for the threads of the process's one pool.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_in_needs_no_thread_of_those_that_verify_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let height = network.client.status().await.unwrap().height;
    let apply = |number: u16| {
        let signer = TestSigner::of(7_000 + number);
        let field = SideField { name: "contact".into(), value: format!("{number}@example.org") };
        let side = SideBody::new([number as u8; 32], vec![field]).unwrap();
        let apply = Apply {
            name: format!("Applicant {number}"),
            kind: PartyKind::City,
            jurisdiction: Country(*b"ES"),
            side: Some(side.id()),
        };
        let body = Body {
            network: network.anchor.network,
            sender: PartyId::of_first_key(&signer.public()),
            key: signer.public(),
            nonce: [1; 16],
            last_valid: height + 100,
            action: Action::Apply(apply),
        };
        Submission { transaction: body.sign(&signer).unwrap(), side: Some(side) }
    };
    let submissions: Vec<_> = (0..12).map(apply).collect();
    let threads = rayon::current_num_threads() + 1;
    let [taken, free] = [(); 2].map(|()| Arc::new(Barrier::new(threads)));
    let holding = (taken.clone(), free.clone());
    rayon::spawn_broadcast(move |_| {
        holding.0.wait();
        holding.1.wait();
    });
    tokio::task::spawn_blocking(move || taken.wait()).await.unwrap();
    let answers = tokio::time::timeout(Duration::from_secs(60), network.client.submit_all(&submissions)).await;
    tokio::task::spawn_blocking(move || free.wait()).await.unwrap();
    let answers = answers.expect("they wait for threads that are taken").unwrap();
    for (submission, answer) in submissions.iter().zip(answers) {
        assert_eq!(answer.unwrap().outcome, Outcome::Applied);
        let side = submission.side.as_ref().unwrap();
        assert_eq!(network.handle().side(&side.id()).unwrap().as_ref(), Some(side));
    }
    network.stop().await;
}
