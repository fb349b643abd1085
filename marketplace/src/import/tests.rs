//! The mapping on small records of our own and on the four public catalogues.

use super::*;
use contracts::{
    dataset::Listing,
    jacket::Access,
    vocabulary::{Spectrum, Stated},
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

pub(crate) const CATALOGUES: [(&str, usize); 4] = [("gsa", 343), ("energy", 482), ("fcc", 59), ("consumerfinance", 11)];

/// The bytes of the public catalogues, or nothing where the machine does not have them.
pub(crate) fn real() -> Option<Vec<(&'static str, Vec<u8>)>> {
    let folder = std::env::var_os("LONJA_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from)
        .join("catalogues");
    if !folder.is_dir() {
        skipped(&format!("no catalogues in {}", folder.display()));
        return None;
    }
    Some(
        CATALOGUES
            .iter()
            .map(|(name, _)| (*name, std::fs::read(folder.join(format!("{name}.json"))).unwrap()))
            .collect(),
    )
}

/// Tells the runner that this test could not do its work: `./x test` reads the file.
fn skipped(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    if let Some(log) = std::env::var_os("LONJA_SKIP_LOG") {
        let mut log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        std::io::Write::write_all(&mut log, format!("{test}: {reason}\n").as_bytes()).unwrap();
    }
    println!("skipped: {test}: {reason}");
}

fn one(record: serde_json::Value) -> Catalogue {
    read(json!({ "dataset": [record] }).to_string().as_bytes(), "test").unwrap()
}

fn rejected(record: serde_json::Value) -> String {
    one(record).report.rejected.remove(0).reason
}

fn mapped(record: serde_json::Value) -> Record {
    let catalogue = one(record);
    assert_eq!(catalogue.report.rejected, []);
    catalogue.records.into_iter().next().unwrap()
}

#[test]
fn all_records_of_the_real_catalogues_map() {
    let Some(files) = real() else { return };
    for ((name, bytes), (_, count)) in files.iter().zip(CATALOGUES) {
        let catalogue = read(bytes, name).unwrap();
        assert_eq!(catalogue.report.rejected, [], "{name}");
        assert_eq!((catalogue.report.read, catalogue.records.len()), (count, count), "{name}");
        for tally in &catalogue.report.classifications {
            assert_eq!(tally.stated + tally.inferred + tally.not_stated, count, "{name} {tally:?}");
            println!("{name}: {tally:?}");
        }
        println!("{name}: withheld {}, offices {:?}", catalogue.report.withheld, catalogue.report.office_names);
        println!(
            "{name}: largest jacket {}",
            catalogue.records.iter().map(|r| borsh::to_vec(&r.jacket).unwrap().len()).max().unwrap()
        );
    }
}

#[test]
fn the_spectrum_of_the_real_records_follows_their_access_levels() {
    let Some(files) = real() else { return };
    let mut counts = BTreeMap::new();
    for (name, bytes) in &files {
        for record in read(bytes, name).unwrap().records {
            let class = &record.jacket.classification;
            assert_eq!(class.spectrum.origin(), "inferred");
            *counts
                .entry((class.spectrum.value().unwrap().slug(), class.access.value().map(Access::label)))
                .or_insert(0) += 1;
        }
    }
    // The files' own access levels: 39 non-public, 180 restricted public, 676 public.
    assert_eq!(counts[&("closed", None)], 39);
    assert_eq!(counts[&("shared", Some("specific access"))], 180);
    assert_eq!(counts[&("open", None)] + counts[&("shared", Some("public access"))], 676);
    println!("{counts:?}");
}

/// What goes on the ledger of a record: its jacket and its identity.
fn on_the_ledger(record: &Record) -> Vec<u8> {
    [
        borsh::to_vec(&record.jacket).unwrap(),
        record.catalogue.clone().into_bytes(),
        record.identifier.clone().into_bytes(),
    ]
    .concat()
}

#[test]
fn no_contact_of_the_real_catalogues_is_in_a_jacket() {
    let Some(files) = real() else { return };
    let (mut names, mut addresses, mut offices, mut ledger) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new(), Vec::new());
    for (name, bytes) in &files {
        let document: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        for contact in document["dataset"].as_array().unwrap().iter().map(|record| &record["contactPoint"]) {
            names.insert(contact["fn"].as_str().unwrap().to_string());
            addresses.insert(contact["hasEmail"].as_str().unwrap().trim_start_matches("mailto:").to_string());
        }
        let catalogue = read(bytes, name).unwrap();
        offices.extend(catalogue.report.office_names);
        ledger.extend(catalogue.records.iter().map(on_the_ledger));
    }
    assert!(names.len() > 190 && addresses.len() > 180, "{} {}", names.len(), addresses.len());
    assert_eq!(
        offices.iter().map(String::as_str).collect::<Vec<_>>(),
        ["Civil Rights", "NSRDB", "Technical Data Manager"]
    );
    let ledger: Vec<String> = ledger.iter().map(|bytes| String::from_utf8_lossy(bytes).to_lowercase()).collect();
    for private in names.iter().filter(|name| !offices.contains(*name)).chain(&addresses) {
        let private = private.trim().to_lowercase();
        assert!(!ledger.iter().any(|jacket| jacket.contains(&private)), "{private}");
    }
    assert!(!ledger.iter().any(|jacket| jacket.contains("mailto:")));
}

const SECRET: ImportSecret = ImportSecret([9; 32]);
const PARTY: PartyId = PartyId([7; 32]);

fn existing(planned: &[Planned]) -> Vec<Existing> {
    planned
        .iter()
        .map(|planned| Existing {
            identifier: planned.record.identifier.clone(),
            revision: planned.follows + 1,
            jacket: planned.record.jacket.digest(),
            side: planned.side.as_ref().map(SideBody::id),
            listing: Listing::Listed,
        })
        .collect()
}

#[test]
fn a_second_import_of_the_real_catalogues_changes_nothing() {
    let Some(files) = real() else { return };
    for (name, bytes) in &files {
        let first = Plan::of(read(bytes, name).unwrap(), &PARTY, &SECRET, []);
        assert_eq!(first.publish.len(), read(bytes, name).unwrap().records.len());
        let second = Plan::of(read(bytes, name).unwrap(), &PARTY, &SECRET, existing(&first.publish));
        assert_eq!(second.unchanged.len(), first.publish.len());
        assert_eq!((second.publish.len(), second.revise.len(), second.vanished.len()), (0, 0, 0));
        // Only the order of keys changes: the same catalogue.
        let mut document: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        document["dataset"].as_array_mut().unwrap().iter_mut().for_each(reverse_keys);
        let turned = read(document.to_string().as_bytes(), name).unwrap();
        assert_eq!(Plan::of(turned, &PARTY, &SECRET, existing(&first.publish)).revise.len(), 0);
    }
}

fn reverse_keys(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(object) => {
            let mut entries: Vec<_> = std::mem::take(object).into_iter().collect();
            entries.reverse();
            entries.iter_mut().for_each(|(_, value)| reverse_keys(value));
            object.extend(entries);
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(reverse_keys),
        _ => {}
    }
}

#[test]
fn a_record_becomes_a_jacket_and_a_side_body() {
    let record = mapped(json!({
        "@type": "dcat:Dataset", "identifier": "r-1", "title": " Rain\n gauges ", "description": "By Ada Lovelace.",
        "accessLevel": "public", "license": "http://creativecommons.org/publicdomain/zero/1.0", "bureauCode": ["019:20"],
        "accrualPeriodicity": "R/P1D", "temporal": "2001/2015", "spatial": "N/A", "language": ["us-EN", "en-us"],
        "keyword": ["rain", "rain", " ", "water supply"], "theme": "Weather", "modified": "2024-01-01",
        "publisher": {"name": "Water Board", "subOrganizationOf": {"name": "State"}},
        "contactPoint": {"fn": "Ada Lovelace", "hasEmail": "mailto:ada@example.org"},
        "distribution": [
            {"@type": "dcat:Distribution", "downloadURL": "https://example.org/rain.csv", "mediaType": "text/csv", "title": "All", "description": "x"},
            {"accessURL": "javascript:alert(1)", "title": "bad"}],
        "dataQuality": true,
    }));
    let jacket = &record.jacket;
    assert_eq!((jacket.title.as_str(), jacket.source_publisher.as_deref()), ("Rain gauges", Some("Water Board")));
    assert_eq!(
        (jacket.keywords.len(), jacket.themes.len(), jacket.languages.as_slice()),
        (2, 1, &["en-US".to_string()][..])
    );
    assert_eq!((jacket.formats.as_slice(), jacket.distributions.len()), (&["CSV".to_string()][..], 1));
    assert!(jacket.distributions[0].download && jacket.distributions[0].title.as_deref() == Some("All"));
    let class = &jacket.classification;
    assert_eq!(class.spectrum.value(), Some(&Spectrum::Open));
    assert_eq!(class.temporal, Stated::said("2001/2015".to_string()));
    assert_eq!(class.refresh, Stated::said("R/P1D".to_string()));
    assert_eq!(
        (&class.spatial, &class.processing, &class.personal),
        (&Stated::NotStated, &Stated::NotStated, &Stated::NotStated)
    );
    assert_eq!(class.origins().iter().filter(|(_, origin)| *origin == "inferred").count(), 9, "{:?}", class.origins());

    let side = record.side_body(&PARTY, &SECRET).unwrap();
    assert_eq!(side.get("outline"), Some("By Ada Lovelace."));
    assert_eq!(side.get("contact"), Some(r#"{"fn":"Ada Lovelace","hasEmail":"mailto:ada@example.org"}"#));
    assert_eq!(side.get("withheld"), None);
    let unmapped: serde_json::Value = serde_json::from_str(side.get("unmapped").unwrap()).unwrap();
    assert_eq!(unmapped["publisher"]["subOrganizationOf"]["name"], "State");
    assert_eq!(
        unmapped["distribution"],
        json!([{"number": 1, "description": "x"}, {"number": 2, "accessURL": "javascript:alert(1)", "title": "bad"}])
    );
    assert_eq!(
        (&unmapped["dataQuality"], &unmapped["spatial"], &unmapped["bureauCode"]),
        (&json!(true), &json!("N/A"), &json!(["019:20"]))
    );
    assert!(unmapped.get("title").is_none() && unmapped.get("@type").is_none() && unmapped.get("keyword").is_none());
}

#[test]
fn what_names_a_contact_stays_off_the_ledger() {
    let with = |more: serde_json::Value| {
        let mut record = json!({"identifier": "r-1", "title": "Rain", "contactPoint": {"fn": "Ada Lovelace", "hasEmail": "mailto:ada@example.org"}});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        record
    };
    let record = mapped(with(json!({
        "keyword": ["rain", "ada lovelace"], "theme": ["x@example.com"], "landingPage": "https://example.org/~ada-lovelace",
        "spatial": "Ada  Lovelace's garden", "modified": "by ada@example.org",
        "publisher": {"@type": "foaf:Person", "name": "Bo Li"},
        "distribution": [{"downloadURL": "https://example.org/a%40example.org", "title": "a"}, {"accessURL": "https://example.org", "title": "Lovelace, Ada; Ada Lovelace"}]
    })));
    let (ledger, side) =
        (String::from_utf8_lossy(&on_the_ledger(&record)).to_lowercase(), record.side_body(&PARTY, &SECRET).unwrap());
    for private in ["lovelace", "@example", "bo li", "%40"] {
        assert!(!ledger.contains(private), "{private}");
        assert!(
            side.fields().iter().any(|field| field.value.to_lowercase().contains(private)),
            "{private} is not lost"
        );
    }
    assert_eq!((record.jacket.keywords.as_slice(), record.jacket.distributions.len()), (&["rain".to_string()][..], 1));
    assert!(rejected(with(json!({"title": "Letters of Ada Lovelace"}))).starts_with("title: it names a contact"));
    assert!(
        rejected(with(json!({"title": "Write to x@example.org"}))).starts_with("title: it holds an e-mail address")
    );
    assert!(rejected(with(json!({"identifier": "ada@example.org"}))).starts_with("identifier: it holds"));
}

#[test]
fn each_fault_of_a_record_has_its_reason() {
    let with = |more: serde_json::Value| {
        let mut record = json!({"identifier": "r-1", "title": "Rain"});
        record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rejected(record)
    };
    assert_eq!(with(json!({"identifier": null})), "identifier: missing, and identity hangs on it");
    assert_eq!(with(json!({"identifier": " "})), "identifier: empty, and identity hangs on it");
    assert_eq!(with(json!({"identifier": "x".repeat(513)})), "identifier: 513 bytes, 512 at most");
    assert_eq!(with(json!({"title": ""})), "title: missing");
    assert_eq!(with(json!({"title": ["Rain"]})), "title: a text is expected, this is a list");
    assert!(with(json!({"title": "x".repeat(513)})).contains("513 bytes"));
    assert!(with(json!({"identifier": "r\u{202e}1"})).contains("identifier: character 2 is U+202E"));
    assert!(with(json!({"keyword": (0..161).map(|n| n.to_string()).collect::<Vec<_>>()})).contains("161 items"));
    assert_eq!(with(json!({"keyword": vec!["a"; 2_001]})), "keyword: 2001 items, at most 2000 are read");
    assert_eq!(with(json!({"distribution": vec![0; 2_001]})), "distribution: 2001 items, at most 2000 are read");
    assert_eq!(with(json!({"keyword": ["a", 1]})), "keyword: texts are expected, this is a number");
    assert_eq!(
        with(json!({"accessLevel": "secret"})),
        "accessLevel: `secret` is none of public, restricted public, non-public"
    );
    assert_eq!(with(json!({"publisher": 5})), "publisher: an object is expected, this is a number");
    assert_eq!(with(json!({"distribution": [{}, "x"]})), "distribution 2: an object is expected, this is a text");
    assert!(with(json!({"description": "x".repeat(65_536)})).contains("a side body has at most"));
    assert_eq!(rejected(json!(3)), "a record is an object, this is a number");
}

#[test]
fn texts_of_others_become_lines_by_one_rule() {
    let record = mapped(json!({
        "identifier": "r-1", "title": "Rain\u{2028} \u{202e}gau\u{ad}ges\u{200b}\r\n2024\u{7}",
        "description": "One line.\nAnother\u{ad}.", "keyword": ["ra\u{200b}in", "rain", "\u{feff}"],
        "publisher": {"name": "Water\tBoard"},
    }));
    assert_eq!(record.jacket.title, "Rain gauges 2024");
    assert_eq!(record.jacket.keywords, ["rain"]);
    assert_eq!(record.jacket.source_publisher.as_deref(), Some("Water Board"));
    // Prose stays as it was written, beside the ledger.
    assert_eq!(record.side_body(&PARTY, &SECRET).unwrap().get("outline"), Some("One line.\nAnother\u{ad}."));
}

#[test]
fn a_fault_leaves_the_other_records_alone() {
    let records = json!({"dataset": [{"identifier": "a", "title": "A"}, {"identifier": "b"}, {"identifier": "a", "title": "again"}, 7, {"identifier": 4, "title": "D"}]});
    let catalogue = read(records.to_string().as_bytes(), "test").unwrap();
    assert_eq!(catalogue.records.iter().map(|record| record.identifier.as_str()).collect::<Vec<_>>(), ["a", "4"]);
    let rejected: Vec<_> =
        catalogue.report.rejected.iter().map(|rejected| (rejected.number, rejected.identifier.as_deref())).collect();
    assert_eq!(rejected, [(2, Some("b")), (3, Some("a")), (4, None)]);
    assert_eq!(catalogue.report.rejected[1].reason, "identifier: `a` occurs before in this catalogue");
}

#[test]
fn a_plan_names_each_record_once() {
    let catalogue =
        |records: serde_json::Value| read(json!({ "dataset": records }).to_string().as_bytes(), "test").unwrap();
    let rain = |title: &str| json!({"identifier": "rain", "title": title, "description": "wet"});
    let first = Plan::of(
        catalogue(
            json!([rain("Rain"), {"identifier": "snow", "title": "Snow"}, {"identifier": "hail", "title": "Hail"}, {"identifier": "fog", "title": "Fog"}]),
        ),
        &PARTY,
        &SECRET,
        [],
    );
    assert_eq!(first.publish.len(), 4);
    assert!(first.publish[0].side.is_some() && first.publish[1].side.is_none());
    let mut known = existing(&first.publish);
    known[3].listing = Listing::Withdrawn;
    let second = Plan::of(
        catalogue(
            json!([rain("Rain"), {"identifier": "snow", "title": "Snow, revised"}, {"identifier": "fog", "title": "Fog, revised"}, {"identifier": "dew", "title": "Dew"}, {"identifier": "hail"}]),
        ),
        &PARTY,
        &SECRET,
        known.clone(),
    );
    let names = |standing: &[Standing]| standing.iter().map(|standing| standing.identifier.clone()).collect::<Vec<_>>();
    assert_eq!((second.publish.len(), second.revise.len()), (1, 1));
    assert_eq!((second.revise[0].record.identifier.as_str(), second.revise[0].follows), ("snow", 1));
    assert_eq!(
        (names(&second.unchanged), names(&second.withdrawn), names(&second.vanished)),
        (vec!["rain".into()], vec!["fog".into()], vec![])
    );
    let third = Plan::of(catalogue(json!([])), &PARTY, &SECRET, known.clone());
    assert_eq!(names(&third.vanished), ["hail", "rain", "snow"]);
    let other_secret = Plan::of(catalogue(json!([rain("Rain")])), &PARTY, &ImportSecret([1; 32]), known.clone());
    assert_eq!(other_secret.revise.len(), 1, "another secret gives another commitment");
    let prose = json!([{"identifier": "rain", "title": "Rain", "description": "dry"}]);
    assert_eq!(Plan::of(catalogue(prose), &PARTY, &SECRET, known).revise.len(), 1, "prose counts, too");
}

#[test]
fn linked_data_maps_like_the_plain_form() {
    let graph = json!({"@context": {"dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/", "vcard": "http://www.w3.org/2006/vcard/ns#", "foaf": "http://xmlns.com/foaf/0.1/"},
        "@graph": [{"@id": "https://example.org/d/1", "@type": "dcat:Dataset", "dct:title": {"@value": "Rain", "@language": "en"},
            "dct:accessRights": {"@id": "http://publications.europa.eu/resource/authority/access-right/PUBLIC"},
            "dct:accrualPeriodicity": {"@id": "http://publications.europa.eu/resource/authority/frequency/MONTHLY"},
            "dct:language": {"@id": "http://publications.europa.eu/resource/authority/language/DEU"},
            "dct:temporal": {"@type": "dct:PeriodOfTime", "dcat:startDate": "2001", "dcat:endDate": "2015"},
            "dct:publisher": {"@type": "foaf:Organization", "foaf:name": "Water Board"},
            "dcat:contactPoint": {"@type": "vcard:Individual", "vcard:fn": "Ada Lovelace", "vcard:hasEmail": {"@id": "mailto:ada@example.org"}},
            "dcat:distribution": {"@type": "dcat:Distribution", "dcat:downloadURL": {"@id": "https://example.org/rain.csv"},
                "dct:license": {"@id": "https://creativecommons.org/licenses/by/4.0/"}, "dct:format": {"@id": "http://publications.europa.eu/resource/authority/file-type/CSV"}}}]});
    let catalogue = read(graph.to_string().as_bytes(), "eu").unwrap();
    assert_eq!(catalogue.report.rejected, []);
    let record = &catalogue.records[0];
    let (jacket, class) = (&record.jacket, &record.jacket.classification);
    assert_eq!(
        (record.identifier.as_str(), jacket.source_publisher.as_deref()),
        ("https://example.org/d/1", Some("Water Board"))
    );
    assert_eq!(
        (class.spectrum.value(), jacket.formats[0].as_str(), jacket.languages[0].as_str()),
        (Some(&Spectrum::Open), "CSV", "de")
    );
    assert_eq!((class.refresh.value().unwrap().as_str(), class.refresh.origin()), ("R/P1M", "inferred"));
    assert_eq!((class.temporal.value().unwrap().as_str(), class.temporal.origin()), ("2001/2015", "inferred"));
    let ledger = String::from_utf8_lossy(&on_the_ledger(record)).into_owned();
    assert!(
        !ledger.contains("Ada")
            && record.side.iter().any(|field| field.name == "contact" && field.value.contains("ada@example.org"))
    );
}

#[test]
fn files_that_are_no_catalogue_are_refused() {
    let refused = |bytes: &[u8]| read(bytes, "test").unwrap_err();
    assert!(matches!(refused(b"{}"), ImportError::NotCatalogue));
    assert!(matches!(refused(b"{\"dataset\":{}}"), ImportError::NotCatalogue));
    assert!(matches!(
        refused(format!("{{\"dataset\":[{}0]}}", "0,".repeat(RECORDS_MAX)).as_bytes()),
        ImportError::TooManyRecords(_)
    ));
    assert!(matches!(read(b"{\"dataset\":[]}", ""), Err(ImportError::CatalogueName(_))));
    assert_eq!(read(b"{\"dataset\":[]}", "test").unwrap().records.len(), 0);
}

#[test]
fn broken_bytes_never_panic() {
    let whole = json!({"dataset": [{"identifier": "a", "title": "A", "spatial": {"coordinates": [[1, 2], [3, 4]]}, "distribution": [{"accessURL": "https://e.org/%4"}]}],
        "@graph": [{"@type": "http://www.w3.org/ns/dcat#Dataset", "http://purl.org/dc/terms/title": "x"}]})
    .to_string()
    .into_bytes();
    for length in 0..whole.len() {
        assert!(read(&whole[..length], "test").is_err(), "{length}");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            let _ = read(&flipped, "test").map(|catalogue| {
                assert!(catalogue.records.len() + catalogue.report.rejected.len() == catalogue.report.read)
            });
        }
    }
}

#[test]
fn broken_linked_data_never_panics() {
    let whole = r#"{"@context":{"dcat":"http://www.w3.org/ns/dcat#","t":{"@id":"http://purl.org/dc/terms/title","@container":"@language"}},
        "@graph":[{"@id":"_:a","@type":"dcat:Dataset","t":{"en":"x"},"dcat:distribution":{"@list":[{"@id":"../b"}]},"dcat:keyword":{"@value":1.5,"@type":"@json"}}]}"#
        .as_bytes();
    assert_eq!(read(whole, "test").unwrap().report.read, 1);
    for at in 0..whole.len() {
        for byte in [whole[at] ^ 1, whole[at] ^ 4, whole[at] ^ 32, b'"', b'{', b'@', b':', b'#', b' '] {
            let mut flipped = whole.to_vec();
            flipped[at] = byte;
            let _ = read(&flipped, "test").map(|catalogue| assert!(catalogue.report.read > 0));
        }
    }
}
