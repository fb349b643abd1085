//! The fences of the workspace as a test: the arrows between crates, the one place where each
//! outside library may be named, and the small rules that keep the tree readable.
//!
//! It needs nothing but std, so `./x test` compiles and runs it before anything else is built. The
//! checks are pure functions over text, and each table is itself tested: a line that breaks a rule
//! is made up for every row and must be found.

#[path = "layers/checks_catch.rs"]
mod checks_catch;
#[path = "layers/locks.rs"]
mod locks;
#[path = "layers/source.rs"]
mod source;
#[path = "layers/tables.rs"]
mod tables;

use source::Source;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tables::*;

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
        for rule in fence.never.split_whitespace() {
            let named = source
                .paths
                .iter()
                .any(|p| p.falls_under(rule) && !fence.unless.split_whitespace().any(|u| p.falls_under(u)));
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
        None if lines > FILE_LINES_MAX => {
            found.push(format!("{path} has {lines} lines; at {FILE_LINES_MAX} look for its second idea"))
        }
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
    let mut folders: Vec<PathBuf> =
        ARROWS.iter().filter_map(|(_, manifest, _)| Path::new(manifest).parent()).map(|p| p.join("src")).collect();
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
    let sources: Vec<(&str, &str, Source)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str(), Source::read(text))).collect();
    let only_tests: BTreeSet<String> =
        sources.iter().flat_map(|(path, _, source)| test_module_files(path, source)).collect();
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
    let findings: Vec<String> =
        rust_files().iter().flat_map(|(path, text)| shape_findings(path, text, LONG_FILES)).collect();
    report(&findings);
    for (long, _) in LONG_FILES {
        assert!(Path::new(long).exists(), "{long} is gone: take it off LONG_FILES");
    }
}

#[test]
fn there_is_one_profile_and_one_set_of_lints() {
    let root = fs::read_to_string("Cargo.toml").expect("the root manifest");
    let profiles: Vec<&str> = root.lines().filter(|line| line.starts_with("[profile")).collect();
    let one = ["[profile.release]", "[profile.release.package.\"*\"]"];
    assert_eq!(profiles, one, "a second profile builds RocksDB a second time");
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
