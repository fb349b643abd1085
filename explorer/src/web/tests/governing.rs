//! Governance on pages, in the API and in exports, on a ledger where everything was decided once.

use super::*;
use crate::{
    fixture::governance::{DAY_MS, Ledger, Made, NAMES},
    follow::now_ms,
    view::list::List,
};
use serde_json::Value;

struct Governed {
    _folder: TempDir,
    router: Router,
    made: Made,
    keys: Vec<String>,
}

impl Governed {
    /// The ledger ends about now, so that what is open still is.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, made) = Ledger::made(now_ms() - 5 * DAY_MS - DAY_MS / 8);
        let index = Arc::new(Index::open(folder.path(), ledger.network).unwrap());
        ledger.blocks.iter().for_each(|block| index.take(block).unwrap());
        let state = Arc::new(parking_lot::RwLock::new(State::default()));
        let app = App::new(index, ledger.client.clone(), state, CancellationToken::new());
        let keys = testing::validators(NAMES.len() as u16).validators;
        let keys = keys.iter().map(|one| one.consensus.to_string()).collect();
        Self { _folder: folder, router: router(app), made, keys }
    }

    async fn get(&self, path: &str) -> Answer {
        ask(&self.router, path, None).await
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.text
    }

    async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.page(path).await).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_governance_name_link_and_escape() {
    let site = Governed::start();
    let (made, keys) = (&site.made, &site.keys);
    let set = format!("/proposal/{}", made.set);
    for (path, kind, says) in [
        (
            "/governance".to_string(),
            "governance",
            vec!["a quorum is 3", "pilots&#38;co", "Version", &set, "/era/1", "protested"],
        ),
        (
            set.clone(),
            "proposal",
            vec!["pilots&#38;co</a> joins, with keys ", "university", "era 0", "3 of 4", "carried", "/receipt/"],
        ),
        (
            format!("/proposal/{}", made.open),
            "proposal",
            vec!["version 2 of the rules", "No ballot of: harbour", ">open<"],
        ),
        (format!("/proposal/{}", made.void), "proposal", vec!["Shipping line", "suspended", "the validators changed"]),
        (format!("/proposal/{}", made.passed), "proposal", vec!["observatory joins", ">passed<", "Ready to take over"]),
        (
            format!("/validator/{}", keys[3]),
            "validator",
            vec!["no validator any more", "evidence against it", "precommits"],
        ),
        (format!("/validator/{}", keys[4]), "validator", vec!["pilots&#38;co", "never accused"]),
        ("/era/0".into(), "era", vec!["university", "founding document", ">over<", "/era/1"]),
        ("/era/1".into(), "era", vec!["pilots&#38;co", ">in force<", &set]),
        ("/proposals?outcome=void".into(), "proposals", vec!["suspended", "1 match"]),
        ("/ballots?outcome=&kind=ready".into(), "ballots", vec!["observatory", "pilots&#38;co"]),
        (format!("/ballots?validator={}", keys[0]), "ballots", vec!["harbour", "proposed", "approved"]),
        (format!("/accusations?validator={}", keys[3]), "accusations", vec!["its own signatures", "established by 2"]),
        ("/eras".into(), "eras", vec!["harbour, customs, carriers, university", "3 of 4"]),
        (
            format!("/transaction/{}", made.accused),
            "transaction",
            vec!["The evidence", "lonja/sign/block/v1", "decided as", "no block of this id"],
        ),
        (
            format!("/transaction/{}", made.protested[1]),
            "transaction",
            vec!["Protest", "lonja/sign/protest/v1", "customs", "it is established"],
        ),
        (
            format!("/transaction/{}", made.refused),
            "transaction",
            vec!["Refused with code 142", &format!("/proposal/{}", made.parameters)],
        ),
        ("/".into(), "home", vec!["/governance", ">9 proposals</a>", "3 accusations and protests"]),
        ("/block/1".into(), "block", vec!["/era/0"]),
    ] {
        let page = site.page(&path).await;
        assert!(page.contains(&format!("data-page=\"{kind}\"")), "{path}");
        for text in says {
            assert!(page.contains(text), "{text} is not on {path}: {page}");
        }
        assert!(!page.contains("pilots&co"), "a name became markup on {path}");
        assert!(page.contains("href=\"/governance\""), "{path}");
    }
    // Every link of these pages leads to a page.
    let mut seen = std::collections::BTreeSet::new();
    for start in ["/governance".to_string(), set, format!("/validator/{}", keys[3]), "/eras".into(), "/ballots".into()]
    {
        let page = site.page(&start).await;
        for part in page.split("href=\"").skip(1) {
            let href = part.split(['"', '#']).next().unwrap_or_default().replace("&#38;", "&").replace("&amp;", "&");
            let ours =
                ["/proposal", "/validator", "/era", "/ballots", "/accusations", "/transaction", "/block", "/export"];
            if ours.iter().any(|path| href.starts_with(path)) && seen.insert(href.clone()) {
                assert_eq!(site.get(&href).await.status, StatusCode::OK, "{href} on {start}");
            }
        }
    }
    assert!(seen.len() > 40, "{}", seen.len());
    for (path, status) in [
        (format!("/proposal/{}", "00".repeat(32)), 404),
        (format!("/validator/{}", "00".repeat(32)), 404),
        (format!("/validator/{}", keys[5]), 404),
        ("/era/2".into(), 404),
        ("/era/-1".into(), 400),
        ("/proposal/zz".into(), 400),
        ("/proposals?outcome=nonsense".into(), 400),
        ("/ballots?proposal=1".into(), 400),
    ] {
        assert_eq!(site.get(&path).await.status.as_u16(), status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_says_of_governance_what_the_pages_say() {
    let site = Governed::start();
    let made = &site.made;
    let governance = site.json("/api/v1/governance").await;
    let list = site.json("/api/v1/lists/proposals?limit=200").await;
    assert_eq!((&governance["proposals"]["items"], &governance["proposals"]["count"]), (&list["items"], &9.into()));
    assert_eq!((&governance["era"]["number"], &governance["era"]["quorum"]), (&1.into(), &3.into()));
    assert_eq!(governance["era"]["validators"][3]["validator"]["name"], "pilots&co");
    assert_eq!((&governance["rules"]["now"]["version"], &governance["rules"]["next"]), (&1.into(), &Value::Null));
    let states: Vec<_> = list["items"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["passed", "open", "open", "carried", "replaced", "void", "expired", "carried", "carried"]);
    let set = site.json(&format!("/api/v1/proposals/{}", made.set)).await;
    assert_eq!((&set["state"], &set["change"], &set["needed"]), (&"carried".into(), &"validators".into(), &3.into()));
    assert_eq!((set["ballots"].as_array().unwrap().len(), set["ready"].as_array().unwrap().len()), (3, 3));
    assert_eq!(set["decisions"].as_array().unwrap().len(), 2);
    let transaction = set["ballots"][1]["origin"]["transaction"].as_str().unwrap();
    let carried = site.json(&format!("/api/v1/transactions/{transaction}")).await;
    assert_eq!(
        (&carried["action"], &carried["made"][0]["id"]),
        (&"governance.approve".into(), &made.set.to_string().into())
    );
    let accused = site.json(&format!("/api/v1/transactions/{}", made.accused)).await;
    let [first, second] = accused["evidence"]["statements"].as_array().unwrap().as_slice() else { panic!("two") };
    assert_eq!((&first["what"], &first["decided"], &second["decided"]), (&"precommit".into(), &3.into(), &Value::Null));
    let gone = site.json(&format!("/api/v1/validators/{}", site.keys[3])).await;
    assert_eq!((&gone["in_force"], &gone["accusations"]["count"]), (&false.into(), &3.into()));
    assert_eq!(site.json("/api/v1/eras/0").await["last"], governance["era"]["from"].as_u64().unwrap() - 1);
    for list in [List::Proposals, List::Ballots, List::Accusations, List::Eras] {
        let items = site.json(&format!("/api/v1/lists/{}?limit=200", list.word())).await["items"].clone();
        let lines = site.page(&format!("/export/{}.ndjson", list.word())).await;
        assert_eq!(lines.lines().count(), items.as_array().unwrap().len(), "{list:?}");
    }
    // Shown in the order of time: the word of one, and with the second it is established.
    let shown = site.json("/api/v1/lists/accusations").await;
    let shown: Vec<_> = shown["items"].as_array().unwrap().iter().map(|row| row["shown"].as_str().unwrap()).collect();
    assert_eq!(shown, ["established", "word", "proven"]);
    let described = site.json("/openapi.json").await;
    for path in ["/api/v1/governance", "/api/v1/proposals/{id}", "/api/v1/validators/{id}", "/api/v1/eras/{id}"] {
        assert!(described["paths"][path]["get"].is_object(), "{path}");
    }
    assert_eq!(site.get("/api/v1/eras/7").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_proposals_sets_and_validators() {
    let site = Governed::start();
    let leads = async |query: &str| {
        let answer = site.get(&format!("/search?q={query}")).await;
        answer.headers.get(header::LOCATION).map(|to| to.to_str().unwrap().to_string())
    };
    let id = site.made.open.to_string();
    assert_eq!(leads(&id).await, Some(format!("/proposal/{id}")));
    assert_eq!(leads(&site.keys[3]).await, Some(format!("/validator/{}", site.keys[3])));
    let era = site.json("/api/v1/eras/1").await;
    let (set, log) = (era["set"].as_str().unwrap(), era["validators"][0]["log"].as_str().unwrap());
    assert_eq!(leads(set).await, Some(format!("/era/1?id={set}")));
    assert!(site.page(&format!("/era/1?id={set}")).await.contains("class=\"id mark\""));
    assert_eq!(leads(log).await, Some(format!("/validator/{}?id={log}", site.keys[0])));
    let beginning = site.json(&format!("/api/v1/search?q={}", &id[..9])).await;
    assert_eq!(
        (&beginning["hits"][0]["link"]["kind"], &beginning["hits"][0]["link"]["id"]),
        (&"proposal".into(), &id.into())
    );
    assert!(site.page("/search?q=univers").await.contains(&format!("/validator/{}", site.keys[3])));
}
