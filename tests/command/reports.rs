//! What commands report is complete, for programs and for people.

use super::{
    harness::{Net, command},
    kills::member,
};

#[test]
fn an_import_reports_where_each_classification_is_from() {
    let net = Net::created();
    let node = net.node();
    member(&net, "importer", "provider");
    let file = net.path("small.json");
    let records = serde_json::json!({"dataset": [
        {"identifier": "a", "title": "Rain gauges", "accessLevel": "public", "temporal": "2001/2015",
         "license": "https://creativecommons.org/publicdomain/zero/1.0/"},
        {"identifier": "b", "title": "Budget", "accessLevel": "non-public"},
        {"identifier": "c\u{202e}d", "title": "An identifier that lies"},
        {"identifier": "d"},
    ]});
    std::fs::write(&file, records.to_string()).unwrap();
    let import = ["listing", "import", file.to_str().unwrap(), "--as", "importer"];
    let output = net.run(&import);
    assert_eq!(output.status.code(), Some(3), "two records were rejected");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!([&report["read"], &report["published"]], [4, 2]);
    let rejected: Vec<_> =
        report["rejected"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert!(rejected[0].contains("identifier: character 2 is U+202E"), "{rejected:?}");
    assert_eq!(rejected[1], "title: missing");
    let origins = report["classifications"].as_object().unwrap();
    assert_eq!(origins.len(), 15);
    for (name, counts) in origins {
        let sum: u64 =
            ["stated", "inferred", "not_stated"].iter().map(|origin| counts[*origin].as_u64().unwrap()).sum();
        assert_eq!(sum, 2, "{name}: {counts}");
    }
    assert_eq!([&origins["spectrum"]["inferred"], &origins["temporal"]["stated"]], [2, 1]);

    let mut people = command();
    people.arg("--dir").arg(net.dir()).args(import);
    let said = String::from_utf8(people.output().unwrap().stdout).unwrap();
    for word in ["unchanged", "classification", "inferred", "not stated", "spectrum", "refresh"] {
        assert!(said.contains(word), "{word} is missing: {said}");
    }
    // A record whose own name hides something is named by its place.
    assert!(!said.contains('\u{202e}') && said.contains("number 3"), "what hides is not printed: {said}");
    node.stop();
}

#[test]
fn a_jacket_with_a_key_twice_is_refused_before_anything_is_sent() {
    let net = Net::created();
    let node = net.node();
    member(&net, "provider", "provider");
    let publish = |name: &str, text: &str| {
        let file = net.path(name);
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap().to_owned();
        net.fails(1, &["listing", "publish", &file, "--catalogue", "c", "--identifier", "i", "--as", "provider"])
    };
    let said = publish("twice.json", r#"{"title":"Rain","title":"Snow","classification":{}}"#);
    assert!(said.contains("duplicate field"), "{said}");
    let said = publish(
        "nested.json",
        r#"{"title":"Rain","classification":{"spectrum":{"origin":"stated","value":"closed","value":"open"}}}"#,
    );
    assert!(said.contains("duplicate field"), "{said}");
    let said = publish("unknown.json", r#"{"titel":"Rain","classification":{}}"#);
    assert!(said.contains("titel"), "{said}");
    let said = publish("lies.json", r#"{"title":"Rain\nSnow","classification":{}}"#);
    assert!(said.contains("U+000A"), "{said}");
    let huge = format!(r#"{{"title":"{}","classification":{{}}}}"#, "x".repeat(1 << 20));
    let file = net.path("huge.json");
    std::fs::write(&file, huge).unwrap();
    let said = net.fails(
        6,
        &["listing", "publish", file.to_str().unwrap(), "--catalogue", "c", "--identifier", "i", "--as", "provider"],
    );
    assert!(said.contains("more than"), "{said}");
    node.stop();
}
