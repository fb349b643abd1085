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
        println!("skipped: no catalogues in {}", folder.display());
        return None;
    }
    Some(CATALOGUES.iter().map(|(name, _)| (*name, std::fs::read(folder.join(format!("{name}.json"))).unwrap())).collect())
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
        println!("{name}: largest jacket {}", catalogue.records.iter().map(|r| borsh::to_vec(&r.jacket).unwrap().len()).max().unwrap());
    }
}
