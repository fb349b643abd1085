//! The fences of the workspace as a test: the arrows between crates, the one place where each
//! outside library may be named, and the small rules that keep the tree readable.
//!
//! It needs nothing but std, so `./x test` compiles and runs it before anything else is built. The
//! checks are pure functions over text, and each table is itself tested: a line that breaks a rule
//! is made up for every row and must be found.

#[path = "layers/source.rs"]
mod source;

use source::Source;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A crate, its manifest, and the workspace crates that it may import. Tests of a crate may also
/// use whatever lies further left, since a service's test needs a network to talk to.
const ARROWS: &[(&str, &str, &[&str])] = &[
    ("contracts", "contracts/Cargo.toml", &[]),
    ("genesis", "genesis/Cargo.toml", &["contracts"]),
    ("ledger", "ledger/Cargo.toml", &["contracts", "genesis"]),
    ("marketplace", "marketplace/Cargo.toml", &["contracts", "ledger"]),
    ("explorer", "explorer/Cargo.toml", &["contracts", "ledger"]),
    ("lonja", "Cargo.toml", &["contracts", "genesis", "ledger", "marketplace", "explorer"]),
];

/// What a crate's tests may import besides: everything to its left.
const TEST_ARROWS: &[(&str, &[&str])] = &[("marketplace", &["genesis"]), ("explorer", &["genesis"])];

/// An outside library (as in a manifest), the crates that may depend on it, and the paths that may
/// name it.
const OWNERS: &[(&str, &[&str], &[&str])] = &[
    ("rocksdb", &["ledger"], &["ledger/src/store"]),
    ("jmt", &["ledger"], &["ledger/src/tree"]),
    ("clap", &["lonja"], &["src"]),
    ("clap_complete", &["lonja"], &["src"]),
    ("miette", &["lonja"], &["src"]),
    ("indicatif", &["lonja"], &["src"]),
    ("comfy-table", &["lonja"], &["src"]),
    ("rpassword", &["lonja"], &["src"]),
    ("axum", &["ledger", "marketplace", "explorer", "lonja"], WEB),
    ("axum-server", &["ledger", "marketplace", "explorer"], WEB),
    ("tower-http", &["ledger", "marketplace", "explorer"], WEB),
    ("utoipa", &["marketplace", "explorer"], WEB),
    ("utoipa-axum", &["marketplace", "explorer"], WEB),
    ("askama", &["marketplace", "explorer"], &["marketplace/src/web", "explorer/src/web"]),
    ("rust-embed", &["marketplace", "explorer"], &["marketplace/src/web", "explorer/src/web"]),
    ("tantivy", &["marketplace"], &["marketplace/src/search"]),
    ("argon2", &["genesis"], &["genesis/src"]),
];

/// Where HTTP is spoken; `src/bench` measures a bare axum beside the node.
const WEB: &[&str] = &[
    "ledger/src/api",
    "marketplace/src/api",
    "marketplace/src/web",
    "explorer/src/api",
    "explorer/src/web",
    "src/bench",
];

/// Paths, what they must not name, what of that is allowed all the same, and why.
struct Fence {
    inside: &'static [&'static str],
    never: &'static [&'static str],
    unless: &'static [&'static str],
    why: &'static str,
}

const FENCES: &[Fence] = &[
    Fence {
        inside: &["contracts/src"],
        never: &[
            "tokio::", "rocksdb::", "axum::", "clap::", "reqwest::", "rayon::", "parking_lot::", "tracing::", "rand::", "getrandom::",
            "std::fs", "std::time", "std::env", "std::net", "std::thread", "std::process", "std::os", "std::sync::atomic",
            "Mutex", "RwLock", "SystemTime", "Instant", "HashMap", "HashSet", "RandomState", "DefaultHasher", "OsRng",
            "f32", "f64", "println!", "eprintln!", "print!", "eprint!", "thread_local!",
        ],
        unless: &[],
        why: "the rules must give every machine the same answer for ever: no world, no chance, no floats, no random order",
    },
    Fence {
        inside: &["genesis/src"],
        never: &["ledger::", "marketplace::", "explorer::", "tokio::", "axum::", "rocksdb::", "reqwest::"],
        unless: &[],
        why: "a network is born before there is a ledger or a runtime",
    },
    Fence {
        inside: &["ledger/src"],
        never: &["marketplace::", "explorer::"],
        unless: &[],
        why: "the machine knows nothing of the services that read it",
    },
    Fence {
        inside: &["ledger/src/block", "ledger/src/tree", "ledger/src/log", "ledger/src/proof", "ledger/src/consensus"],
        never: &[
            "tokio::", "axum::", "reqwest::", "rocksdb::", "rand::", "getrandom::", "std::fs", "std::net", "std::thread",
            "SystemTime", "Instant",
        ],
        unless: &[],
        why: "these take values and return values, so that a bug replays from a seed",
    },
    Fence {
        inside: &["marketplace/src"],
        never: &["explorer::", "genesis::", "ledger::node", "ledger::store", "ledger::genesis"],
        unless: &["ledger::store::kv"],
        why: "the marketplace reads the ledger through the client; it is not the node and reads no key files",
    },
    Fence {
        inside: &["explorer/src"],
        never: &[
            "marketplace::", "genesis::", "ledger::node", "ledger::store", "ledger::genesis", "Signer", "SigningKey", "SecretKey",
            "ed25519_dalek::", "ed25519_zebra::",
        ],
        unless: &["ledger::store::kv"],
        why: "the explorer holds no signing key, so nobody can make it speak for a party",
    },
    Fence {
        inside: &["contracts/src", "ledger/src", "marketplace/src", "explorer/src"],
        never: &["SigningKey::generate", "OsRng"],
        unless: &[],
        why: "secret keys are made in genesis and nowhere else",
    },
    Fence {
        inside: &["contracts/src", "genesis/src", "ledger/src", "marketplace/src", "explorer/src"],
        never: &["println!", "eprintln!", "print!", "eprint!", "std::process::exit", "miette::", "anyhow::"],
        unless: &[],
        why: "libraries return what happened; only the command speaks to people",
    },
];

/// Never anywhere, tests included.
const NEVER: &[&str] = &["todo!", "unimplemented!", "dbg!", "unsafe"];

/// File and folder names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "shared", "manager", "base", "stuff", "impl"];

/// At this length a file has a second idea in it.
const FILE_LINES_MAX: usize = 500;

/// Longer files that are allowed to stay, with their most lines. The list may only shrink: a file
/// that has become short enough must leave it.
const LONG_FILES: &[(&str, usize)] = &[];

/// Packages that must not come back into the lock file, and why.
const UNWANTED_PACKAGES: &[(&str, &str)] = &[
    ("aws-lc-sys", "a second TLS crypto library; rustls uses ring"),
    ("aws-lc-rs", "a second TLS crypto library; rustls uses ring"),
    ("openssl-sys", "a second TLS library; rustls uses ring"),
    ("json-ld", "carries advisories; oxjsonld reads JSON-LD"),
    ("problem_details", "pulls utoipa 5 beside 6"),
    ("biscuit-auth", "carries advisories"),
    ("madsim", "unmaintained"),
    ("figment", "unmaintained"),
];

// ---- the checks, as pure functions ---------------------------------------------------------------

/// Workspace crates and outside libraries that `manifest` must not name.
fn manifest_findings(krate: &str, manifest: &str) -> Vec<String> {
    let (_, _, allowed) = ARROWS.iter().find(|(name, ..)| *name == krate).expect("a crate of the table");
    let for_tests = TEST_ARROWS.iter().find(|(name, _)| *name == krate).map_or(&[][..], |(_, more)| more);
    let mut found = Vec::new();
    for (section, dependency) in dependencies(manifest) {
        let dev = section.starts_with("dev-");
        let ours = ARROWS.iter().any(|(name, ..)| *name == dependency);
        if ours && !allowed.contains(&dependency.as_str()) && !(dev && for_tests.contains(&dependency.as_str())) {
            found.push(format!("{krate} must not import {dependency}"));
        }
        let owner = OWNERS.iter().find(|(library, ..)| library.replace('-', "_") == dependency.replace('-', "_"));
        if let Some((library, crates, _)) = owner
            && !crates.contains(&krate)
        {
            found.push(format!("{krate} must not depend on {library}; it belongs to {}", crates.join(", ")));
        }
    }
    found
}

/// Section and name of each dependency. Dependencies renamed by `package =` count by both names.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut section = String::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').rsplit("target.").next().unwrap_or_default().to_owned();
            if let Some((of, name)) = section.split_once("dependencies.") {
                found.push((format!("{of}dependencies"), name.to_owned()));
            }
        } else if section.ends_with("dependencies") && !section.starts_with("workspace") && line.contains('=') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push((section.clone(), name.trim_matches('"').to_owned()));
        }
        if section.contains("dependencies")
            && let Some((_, rest)) = line.split_once("package = \"")
        {
            found.push((section.clone(), rest.split('"').next().unwrap_or_default().to_owned()));
        }
    }
    found
}

/// Names that the file at `path` must not use.
fn source_findings(path: &str, source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (library, _, places) in OWNERS {
        let rule = format!("{}::", library.replace('-', "_"));
        if !places.iter().any(|place| lies_in(path, place)) && source.paths.iter().any(|p| p.falls_under(&rule)) {
            found.push(format!("{path} names {library}, which belongs to {}", places.join(", ")));
        }
    }
    for fence in FENCES.iter().filter(|fence| fence.inside.iter().any(|place| lies_in(path, place))) {
        for rule in fence.never {
            let named = source.paths.iter().any(|p| p.falls_under(rule) && !fence.unless.iter().any(|u| p.falls_under(u)));
            if named {
                found.push(format!("{path} names {rule}: {}", fence.why));
            }
        }
    }
    found
}

/// Unfinished or unsafe code, in tests too.
fn never_findings(path: &str, text: &str, source: &Source) -> Vec<String> {
    let mut found: Vec<String> = NEVER
        .iter()
        .filter(|rule| source.paths_with_tests.iter().any(|p| p.falls_under(rule)))
        .map(|rule| format!("{path} names {rule}"))
        .collect();
    if text.lines().any(|line| line.trim_start().starts_with("#[ignore")) {
        found.push(format!("{path} ignores a test; a long one takes its seeds from LONJA_SEEDS instead"));
    }
    found
}

/// What is wrong with the shape of a file: its name, its length, its first line.
fn shape_findings(path: &str, text: &str, long_files: &[(&str, usize)]) -> Vec<String> {
    let mut found = Vec::new();
    for part in Path::new(path).with_extension("").iter().filter_map(|part| part.to_str()) {
        if EMPTY_NAMES.contains(&part) {
            found.push(format!("{path}: the name '{part}' does not say what is inside"));
        }
    }
    let lines = text.lines().count();
    let most = long_files.iter().find(|(long, _)| *long == path).map(|(_, most)| *most);
    match most {
        None if lines > FILE_LINES_MAX => found.push(format!("{path} has {lines} lines; at {FILE_LINES_MAX} look for its second idea")),
        Some(most) if lines > most => found.push(format!("{path} has grown to {lines} lines; {most} were allowed")),
        Some(_) if lines <= FILE_LINES_MAX => found.push(format!("{path} is short enough: take it off LONG_FILES")),
        _ => {}
    }
    if !text.starts_with("//!") && !is_test_file(path) {
        found.push(format!("{path} does not begin by saying what it is (//!)"));
    }
    found
}

/// Whether `path` is the module `place` or lies below it.
fn lies_in(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

// ---- the tree as it is ---------------------------------------------------------------------------

/// Every Rust file of the project, with its path from the root.
fn rust_files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ARROWS.iter().filter_map(|(_, manifest, _)| Path::new(manifest).parent()).map(|p| p.join("src")).collect();
    folders.extend(ARROWS.iter().filter_map(|(_, manifest, _)| Path::new(manifest).parent()).map(|p| p.join("tests")));
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a readable file");
                found.push((path.display().to_string(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the test must run in the root of the workspace");
    found
}

fn report(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn crates_import_only_what_lies_to_their_left() {
    let findings: Vec<String> = ARROWS
        .iter()
        .flat_map(|(krate, manifest, _)| manifest_findings(krate, &fs::read_to_string(manifest).expect(manifest)))
        .collect();
    report(&findings);
}

#[test]
fn names_are_used_only_where_they_belong() {
    let files = rust_files();
    let sources: Vec<(&str, &str, Source)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str(), Source::read(text))).collect();
    let only_tests: BTreeSet<String> = sources.iter().flat_map(|(path, _, source)| test_module_files(path, source)).collect();
    let mut findings = Vec::new();
    for (path, text, source) in &sources {
        let beside_tests = only_tests.iter().any(|place| lies_in(path, place));
        if !is_test_file(path) && !beside_tests {
            findings.extend(source_findings(path, source));
        }
        findings.extend(never_findings(path, text, source));
    }
    report(&findings);
}

/// The places of modules that exist for tests only, without `.rs`.
fn test_module_files(path: &str, source: &Source) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let folder = match stem.rsplit_once('/') {
        Some((folder, "lib" | "main" | "mod")) => folder,
        _ => stem,
    };
    source.test_modules.iter().map(|module| format!("{folder}/{module}")).collect()
}

#[test]
fn files_say_what_they_are_and_stay_short() {
    let findings: Vec<String> = rust_files().iter().flat_map(|(path, text)| shape_findings(path, text, LONG_FILES)).collect();
    report(&findings);
    for (long, _) in LONG_FILES {
        assert!(Path::new(long).exists(), "{long} is gone: take it off LONG_FILES");
    }
}

#[test]
fn there_is_one_profile_and_one_set_of_lints() {
    let root = fs::read_to_string("Cargo.toml").expect("the root manifest");
    let profiles: Vec<&str> = root.lines().filter(|line| line.starts_with("[profile")).collect();
    assert_eq!(profiles, ["[profile.release]"], "a second profile builds RocksDB a second time");
    for (krate, manifest, _) in ARROWS {
        let text = fs::read_to_string(manifest).expect(manifest);
        assert!(text.contains("[lints]\nworkspace = true"), "{krate} must take the lints of the workspace");
        assert!(*krate == "lonja" || !text.contains("[profile"), "{krate} must not bring a profile");
    }
}

#[test]
fn unwanted_packages_stay_out() {
    let lock = fs::read_to_string("Cargo.lock").expect("the lock file");
    for (package, why) in UNWANTED_PACKAGES {
        assert!(!lock.contains(&format!("name = \"{package}\"\n")), "{package} is in Cargo.lock: {why}");
    }
    let npm = fs::read_to_string("tests/browser/package-lock.json").expect("the lock file of the browser tests");
    assert!(!npm.contains("\"resolved\""), "package-lock.json must not name a registry's host");
}

// ---- the checks catch what they should -----------------------------------------------------------

/// What the checks say about one made-up file.
fn findings(path: &str, text: &str) -> Vec<String> {
    let source = Source::read(text);
    [source_findings(path, &source), never_findings(path, text, &source)].concat()
}

/// A line of code that uses `rule`.
fn offence(rule: &str) -> String {
    if let Some(library) = rule.strip_suffix("::") {
        format!("use {library}::Thing;")
    } else if let Some(name) = rule.strip_suffix('!') {
        format!("fn act() {{ {name}!(\"now\"); }}")
    } else {
        format!("fn act() {{ let it: {rule} = {rule}::default(); }}")
    }
}

#[test]
fn every_row_of_the_tables_catches_its_offender() {
    for (library, crates, places) in OWNERS {
        let line = format!("use {}::Thing;", library.replace('-', "_"));
        assert_ne!(findings("contracts/src/offer.rs", &line), Vec::<String>::new(), "{library} outside its place");
        let inside = Source::read(&line);
        let own = places.iter().flat_map(|place| source_findings(&format!("{place}/mod.rs"), &inside)).find(|f| f.contains("belongs to"));
        assert_eq!(own, None, "{library} in its own place");
        let stranger = ARROWS.iter().map(|(name, ..)| *name).find(|name| !crates.contains(name)).expect("some crate may not");
        assert_ne!(manifest_findings(stranger, &format!("[dependencies]\n{library}.workspace = true\n")), Vec::<String>::new());
    }
    for fence in FENCES {
        for (place, rule) in fence.inside.iter().flat_map(|place| fence.never.iter().map(move |rule| (place, rule))) {
            assert_ne!(findings(&format!("{place}/thing.rs"), &offence(rule)), Vec::<String>::new(), "{rule} in {place}");
        }
        for allowed in fence.unless {
            let path = format!("{}/thing.rs", fence.inside[0]);
            assert_eq!(findings(&path, &format!("use {allowed}::Thing;")), Vec::<String>::new(), "{allowed} in {path}");
        }
    }
    for rule in NEVER {
        assert_ne!(findings("src/thing.rs", &format!("#[cfg(test)] mod tests {{ {} }}", offence(rule))), Vec::<String>::new(), "{rule}");
    }
    for (left, right) in [("contracts", "genesis"), ("genesis", "ledger"), ("ledger", "marketplace"), ("marketplace", "explorer"), ("explorer", "marketplace")] {
        for line in [format!("{right}.workspace = true"), format!("{right} = {{ path = \"../{right}\" }}"), format!("x = {{ package = \"{right}\" }}")] {
            assert_ne!(manifest_findings(left, &format!("[dependencies]\n{line}\n")), Vec::<String>::new(), "{left}: {line}");
        }
    }
}

#[test]
fn names_are_found_however_they_are_written() {
    let caught = [
        "use std::{fs::File, io};",
        "use std::{collections::{BTreeMap, HashMap}, fmt};",
        "use ::std::fs as disk;",
        "fn f() -> bool { std::time::Instant::now().elapsed().is_zero() }",
        "fn f(x: u64) -> u64 { (x * 3) as f64 as u64 }",
        "const HALF: Price = price(0.5);",
        "const HALF: Price = price(5f32);",
        "#[cfg(not(test))] use std::fs;",
        "#[cfg(test)] mod tests { fn a() {} } use std::fs;",
        "#[cfg(test)] use a::{b}; use std::fs;",
        "fn f<'a>(x: &'a str) { std::fs::read(x) }",
        "fn f() { g('\\'', \"\\\"\", r#\"\"\"#); std::fs::read(x) }",
    ];
    for text in caught {
        assert_ne!(findings("contracts/src/offer.rs", text), Vec::<String>::new(), "{text}");
    }
    let innocent = [
        "// std::fs is named here\n/* and /* f64 */ here */ fn f() {}",
        "const TEXT: &str = \"std::fs::read\"; const RAW: &str = r#\"f64 \" HashMap\"#;",
        "#[cfg(test)] mod tests { use std::{collections::HashMap, fs}; fn f(x: f64) {} }",
        "#[cfg(test)]\n#[allow(dead_code)]\nfn only_for_tests() -> f64 { 0.5 }",
        "fn f(pair: ((u8, u8), u8)) -> u8 { pair.0.1 + (1..9).count() as u8 }",
        "fn f(rand: u64) -> u64 { rand }",
        "fn f(a: u8) -> bool { a != 0x1f64 }",
    ];
    for text in innocent {
        assert_eq!(findings("contracts/src/offer.rs", text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn shapes_are_judged() {
    let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(FILE_LINES_MAX));
    assert!(shape_findings("ledger/src/block.rs", &long, &[])[0].contains("second idea"));
    assert!(shape_findings("ledger/src/block.rs", &long, &[("ledger/src/block.rs", 500)])[0].contains("has grown"));
    assert!(shape_findings("ledger/src/block.rs", "//! Short.\n", &[("ledger/src/block.rs", 600)])[0].contains("take it off"));
    assert_eq!(shape_findings("ledger/src/block.rs", &long, &[("ledger/src/block.rs", 600)]), Vec::<String>::new());
    assert!(shape_findings("ledger/src/utils.rs", "//! Things.\n", &[])[0].contains("utils"));
    assert!(shape_findings("ledger/src/block.rs", "use a::b;\n", &[])[0].contains("what it is"));
    assert_eq!(test_module_files("ledger/src/tree.rs", &Source::read("#[cfg(test)]\nmod model;")), ["ledger/src/tree/model"]);
    assert_eq!(test_module_files("ledger/src/lib.rs", &Source::read("#[cfg(test)]\nmod model;")), ["ledger/src/model"]);
}
