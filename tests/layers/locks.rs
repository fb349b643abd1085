//! The lock file of the fuzz targets, which are a workspace of their own: it must know what the crates depend on, in the
//! versions of the programs. Else `./x fuzz` refuses to build, and nothing in the suite would have said so.

use super::{dependencies, report};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// A lock file: versions of each package, and what each depends on, by name.
struct Lock(BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>);

impl Lock {
    fn read(text: &str) -> Self {
        let mut packages = BTreeMap::<String, (BTreeSet<String>, BTreeSet<String>)>::new();
        for part in text.split("[[package]]").skip(1) {
            let value = |key: &str| {
                let line = part.lines().find_map(|line| line.strip_prefix(key));
                line.map(|value| value.trim_matches([' ', '=', '"']).to_owned()).unwrap_or_default()
            };
            let listed = part.lines().filter_map(|line| line.strip_prefix(" \""));
            let names = listed.filter_map(|line| line.split([' ', '"']).next()).map(str::to_owned);
            let (versions, all) = packages.entry(value("name")).or_default();
            versions.insert(value("version"));
            all.extend(names);
        }
        Self(packages)
    }

    fn versions(&self, name: &str) -> BTreeSet<String> {
        self.0.get(name).map(|(versions, _)| versions.clone()).unwrap_or_default()
    }

    fn needs(&self, name: &str) -> BTreeSet<String> {
        self.0.get(name).map(|(_, needs)| needs.clone()).unwrap_or_default()
    }
}

/// What `fuzz` lacks of what `krate` with this manifest needs, and what of it is another version than in `programs`.
fn lock_findings(krate: &str, manifest: &str, programs: &Lock, fuzz: &Lock) -> Vec<String> {
    let (needs, known) = (programs.needs(krate), fuzz.needs(krate));
    // Dependencies that are renamed stand there by their own names.
    let wanted =
        dependencies(manifest).into_iter().filter(|(section, name)| section == "dependencies" && needs.contains(name));
    let lacks = wanted.filter(|(_, name)| !known.contains(name));
    let mut found: Vec<String> =
        lacks.map(|(_, name)| format!("tests/fuzz/Cargo.lock does not know that {krate} needs {name}")).collect();
    for name in known.difference(&needs) {
        found.push(format!("tests/fuzz/Cargo.lock has {krate} need {name}, which it does not any more"));
    }
    found
}

fn version_findings(programs: &Lock, fuzz: &Lock) -> Vec<String> {
    let shared = fuzz.0.keys().filter(|name| programs.0.contains_key(*name));
    let strange = shared.filter(|name| !fuzz.versions(name).is_subset(&programs.versions(name)));
    strange.map(|name| format!("tests/fuzz/Cargo.lock has another version of {name} than Cargo.lock")).collect()
}

#[test]
fn the_fuzz_targets_build_with_what_the_programs_build_with() {
    let read = |path: &str| fs::read_to_string(path).expect(path);
    let (programs, fuzz) = (Lock::read(&read("Cargo.lock")), Lock::read(&read("tests/fuzz/Cargo.lock")));
    let mut findings = version_findings(&programs, &fuzz);
    for krate in ["contracts", "genesis", "ledger"] {
        findings.extend(lock_findings(krate, &read(&format!("{krate}/Cargo.toml")), &programs, &fuzz));
    }
    report(&findings);
}

#[test]
fn lock_files_that_drift_apart_are_found() {
    let package = |name: &str, version: &str, needs: &[&str]| {
        let needs: String = needs.iter().map(|name| format!(" \"{name}\",\n")).collect();
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\ndependencies = [\n{needs}]\n\n")
    };
    let manifest = "[dependencies]\nborsh.workspace = true\nrand = \"1\"\n[dev-dependencies]\nproptest = \"1\"\n";
    let lock = |ledger: &[&str], rand: &str| {
        let ledger = package("ledger", "0.1.0", ledger);
        Lock::read(&[ledger, package("rand", rand, &[]), package("borsh", "1.0.0", &[])].concat())
    };
    let programs = lock(&["borsh", "proptest", "rand 1.0.0"], "1.0.0");
    let found =
        |fuzz: &Lock| [lock_findings("ledger", manifest, &programs, fuzz), version_findings(&programs, fuzz)].concat();
    assert_eq!(found(&lock(&["borsh", "rand"], "1.0.0")), Vec::<String>::new());
    assert!(found(&lock(&["borsh"], "1.0.0"))[0].contains("needs rand"));
    assert!(found(&lock(&["borsh", "rand", "old"], "1.0.0"))[0].contains("any more"));
    assert!(found(&lock(&["borsh", "rand"], "1.0.1"))[0].contains("another version of rand"));
}
