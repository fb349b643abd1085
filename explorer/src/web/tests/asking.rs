//! Filters, provenance and reports, held against what the whole lists say.

use super::*;
use crate::{
    fixture,
    view::{
        filter::{kinds, outcomes},
        list::List,
        provenance::{Reach, provenance},
        report::Report,
    },
};
use serde_json::Value;

async fn json(site: &Site, path: &str) -> Value {
    let answer = site.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
    serde_json::from_str(&answer.text).unwrap()
}

async fn items(site: &Site, path: &str) -> Vec<Value> {
    json(site, path).await["items"].as_array().unwrap().clone()
}

/// All rows, asked for one at a time.
async fn one_by_one(site: &Site, path: &str) -> Vec<Value> {
    let (mut rows, mut after) = (Vec::new(), String::new());
    loop {
        let answer = json(site, &format!("{path}&limit=1{after}")).await;
        rows.extend(answer["items"].as_array().unwrap().clone());
        match answer["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return rows,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_takes_exactly_the_rows_that_it_says() {
    let site = Site::start().await;
    let mut seen = 0;
    for list in List::ALL {
        let (word, scope) = (list.word(), format!("dataset={}&", site.made.personal));
        let scope = if list == List::Events { scope.as_str() } else { "" };
        let whole = items(&site, &format!("/api/v1/lists/{word}?{scope}limit=200")).await;
        for (name, choice) in [("kind", kinds(list)), ("outcome", outcomes(list))] {
            for (value, _) in choice.iter().flat_map(|choice| &choice.values) {
                let column = choice.as_ref().unwrap().column;
                let expected: Vec<_> = whole.iter().filter(|row| row[column] == **value).cloned().collect();
                let asked = format!("{scope}{name}={}", parse::encoded(value));
                let path = format!("/api/v1/lists/{word}?{asked}");
                assert_eq!(items(&site, &format!("{path}&limit=200")).await, expected, "{path}");
                if !expected.is_empty() {
                    assert_eq!(one_by_one(&site, &path).await, expected, "{path}");
                    let lines = site.get(&format!("/export/{word}.ndjson?{asked}")).await.text;
                    assert_eq!(lines.lines().count(), expected.len(), "{path}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 15, "{seen} filters let something through");
    for (path, status) in [
        ("/transactions?kind=nonsense", 400),
        ("/deliveries?outcome=applied", 400),
        ("/transactions?from=yesterday", 400),
        ("/transactions?from=1969-12-31", 400),
        ("/transactions?party=nobody", 400),
        ("/transactions?party=&kind=&outcome=&from=&to=", 200),
    ] {
        assert_eq!(site.get(path).await.status.as_u16(), status, "{path}");
    }
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_cut_by_the_times_of_blocks_and_a_party_is_found_by_its_name() {
    let site = Site::start().await;
    let all = items(&site, "/api/v1/lists/transactions?limit=200").await;
    let day = all[0]["time"].as_str().unwrap()[..10].to_string();
    let on_day = |path: &str| format!("/api/v1/lists/transactions?limit=200&{path}");
    let same_day = all.iter().filter(|row| row["time"].as_str().unwrap().starts_with(&day)).count();
    assert_eq!(items(&site, &on_day(&format!("from={day}&to={day}"))).await.len(), same_day);
    assert_eq!(items(&site, &on_day("to=2000-01-01")).await.len(), 0);
    assert_eq!(items(&site, &on_day("from=2999-01-01")).await.len(), 0);
    assert_eq!(items(&site, &on_day("from=2000-01-01&to=2999-01-01")).await, all);
    // Every height of the first height from a time on, against a naive search.
    let reader = site.app.index.read();
    let tip = reader.tip();
    let times: Vec<u64> = (1..=tip.height).map(|height| reader.block(height).unwrap().unwrap().entry.time_ms).collect();
    for time in times.iter().flat_map(|time| [time - 1, *time, time + 1]) {
        let naive = times.iter().position(|block| *block >= time).map_or(tip.height + 1, |place| place as u64 + 1);
        assert_eq!(reader.height_from(time).unwrap(), naive);
    }
    drop(reader);

    let named = items(&site, "/api/v1/lists/parties?limit=200").await;
    let newcomer = named.iter().find(|row| row["party_name"] == "=Newcomer & Sons").unwrap();
    let asked = items(&site, "/api/v1/lists/transactions?party=newcomer").await;
    assert!(!asked.is_empty() && asked.iter().all(|row| row["sender"] == newcomer["party"]));
    assert!(site.get(&format!("/search?q={day}")).await.text.contains(&format!("the day {day}")));
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn provenance_goes_both_ways_a_step_at_a_time_and_closed_data_stay_closed() {
    let site = Site::start().await;
    let made = &site.made;
    let lineage = async |version: u32, up: u32, down: u32| {
        json(&site, &format!("/api/v1/provenance/{}?version={version}&up={up}&down={down}", made.open)).await
    };
    let shape = |view: &Value| {
        let steps = view["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| (node["number"].as_u64().unwrap(), node["step"].as_i64().unwrap()));
        (steps.collect::<Vec<_>>(), view["edges"].as_array().unwrap().len())
    };
    assert_eq!(shape(&lineage(2, 1, 1).await), (vec![(1, -1), (2, 0)], 1));
    assert_eq!(shape(&lineage(1, 1, 1).await), (vec![(1, 0), (2, 1)], 1));
    let narrow = lineage(2, 0, 0).await;
    assert_eq!((shape(&narrow), &narrow["nodes"][0]["parents_beyond"]), ((vec![(2, 0)], 0), &Value::from(1)));
    assert_eq!(lineage(1, 0, 0).await["nodes"][0]["children_beyond"], 1);
    // Made from both by its own publisher, in a closed dataset: the open ones say that, and no more.
    let parents = vec![contracts::id::VersionId::of(&made.open, 1)];
    fixture::anchor(&site.network.client, made.closed, 1, parents, vec![]).await;
    site.catch_up().await;
    let view = lineage(1, 1, 1).await;
    assert_eq!((shape(&view).1, &view["closed_children"]), (1, &Value::from(1)));
    let page = site.get(&format!("/provenance/{}?version=1", made.open)).await.text;
    assert!(page.contains("1 version of a closed dataset was") && !page.contains("Berth planning"), "{page}");
    // However much there is, no more is gathered than there is room for, and that is said.
    for number in 3..6 {
        let parents = vec![contracts::id::VersionId::of(&made.open, 1), contracts::id::VersionId::of(&made.open, 2)];
        fixture::anchor(&site.network.client, made.open, number, parents, vec![]).await;
    }
    site.catch_up().await;
    let reach = |nodes_max| Reach { version: Some(1), up: 1, down: 2, nodes_max };
    let gathered = |nodes_max| {
        let view = provenance(&site.app.index.read(), &made.open, reach(nodes_max)).unwrap();
        (view.nodes.len(), view.edges.len(), view.cut, view.nodes[0].children_beyond)
    };
    assert_eq!(gathered(200), (5, 7, false, 0));
    assert_eq!(gathered(3), (3, 2, true, 2));
    assert_eq!(gathered(1), (1, 0, true, 4));
    let closed = site.get(&format!("/provenance/{}", made.closed)).await.text;
    assert!(closed.contains("Acknowledged, not described") && !closed.contains("Ship arrivals"));
    let alone = site.get(&format!("/provenance/{}", made.personal)).await.text;
    assert!(alone.contains("It stands alone") && alone.contains("<svg"));
    let empty = site.get(&format!("/provenance/{}", made.specific)).await.text;
    assert!(empty.contains("No content of this dataset has been anchored"));
    for wrong in ["version=0", "version=6", "version=x"] {
        let answer = site.get(&format!("/api/v1/provenance/{}?{wrong}", made.open)).await;
        assert!(answer.status.is_client_error(), "{wrong}");
    }
    site.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_say_what_a_recount_says() {
    let site = Site::start().await;
    let rows = async |report: Report| {
        let text = site.get(&format!("/report/{}.ndjson", report.word())).await.text;
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let refusals = items(&site, "/api/v1/lists/refusals?limit=200").await;
    let counted = rows(Report::Refusals).await;
    let sum: usize = counted.iter().map(|row| row["refusals"].as_str().unwrap().parse::<usize>().unwrap()).sum();
    assert!(sum == refusals.len() && sum == 2);
    for row in &counted {
        let same = |refusal: &&Value| refusal["sender"] == row["party"] && refusal["code"] == row["code"];
        assert_eq!(row["refusals"], refusals.iter().filter(same).count().to_string());
    }
    let withdrawals = rows(Report::Withdrawals).await;
    assert_eq!(withdrawals.len(), 1);
    assert_eq!(withdrawals[0]["consent"], site.made.consent.to_string());
    // It was delivered once, before the end; the attempt after it was refused.
    assert_eq!(withdrawals[0]["deliveries_after"], "0");
    let money = rows(Report::Money).await;
    assert_eq!((&money[0]["currency"], &money[0]["accounts_minor"]), (&"EUR".into(), &"500000".into()));
    assert_eq!(money[0]["accounts_minor"], money[0]["outstanding_minor"]);
    let keys = rows(Report::Keys).await;
    assert_eq!(keys.len(), items(&site, "/api/v1/lists/parties?limit=200").await.len());
    assert_eq!(rows(Report::Bases).await.len(), 0, "every personal licence here stands on consents");
    for report in Report::ALL {
        let table = site.get(&format!("/report/{}.csv", report.word())).await.text;
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        assert!(reader.headers().unwrap().iter().any(|name| name == "read_at_height"));
        assert_eq!(reader.records().map(Result::unwrap).count(), rows(report).await.len());
    }
    assert_eq!(site.get("/report/secrets.csv").await.status, StatusCode::BAD_REQUEST);
    site.network.stop().await;
}
