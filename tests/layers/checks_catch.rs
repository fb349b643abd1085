//! The checks of the layers test catch what they should, and nothing else: for every row of the
//! tables an offender is made up and must be found.

use super::*;

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
        let own = places
            .iter()
            .flat_map(|place| source_findings(&format!("{place}/mod.rs"), &inside))
            .find(|f| f.contains("belongs to"));
        assert_eq!(own, None, "{library} in its own place");
        let stranger =
            ARROWS.iter().map(|(name, ..)| *name).find(|name| !crates.contains(name)).expect("some crate may not");
        assert_ne!(
            manifest_findings(stranger, &format!("[dependencies]\n{library}.workspace = true\n")),
            Vec::<String>::new()
        );
    }
    for fence in FENCES {
        for (place, rule) in
            fence.inside.iter().flat_map(|place| fence.never.split_whitespace().map(move |rule| (place, rule)))
        {
            assert_ne!(
                findings(&format!("{place}/thing.rs"), &offence(rule)),
                Vec::<String>::new(),
                "{rule} in {place}"
            );
        }
        for allowed in fence.unless.split_whitespace() {
            let path = format!("{}/thing.rs", fence.inside[0]);
            assert_eq!(findings(&path, &format!("use {allowed}::Thing;")), Vec::<String>::new(), "{allowed} in {path}");
        }
    }
    for rule in NEVER {
        assert_ne!(
            findings("src/thing.rs", &format!("#[cfg(test)] mod tests {{ {} }}", offence(rule))),
            Vec::<String>::new(),
            "{rule}"
        );
    }
    for (left, right) in [
        ("contracts", "genesis"),
        ("genesis", "ledger"),
        ("ledger", "marketplace"),
        ("marketplace", "explorer"),
        ("explorer", "marketplace"),
    ] {
        for line in [
            format!("{right}.workspace = true"),
            format!("{right} = {{ path = \"../{right}\" }}"),
            format!("x = {{ package = \"{right}\" }}"),
        ] {
            assert_ne!(
                manifest_findings(left, &format!("[dependencies]\n{line}\n")),
                Vec::<String>::new(),
                "{left}: {line}"
            );
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
    assert!(
        shape_findings("ledger/src/block.rs", &long, &[("ledger/src/block.rs", FILE_LINES_MAX)])[0]
            .contains("has grown")
    );
    assert!(
        shape_findings("ledger/src/block.rs", "//! Short.\n", &[("ledger/src/block.rs", FILE_LINES_MAX + 100)])[0]
            .contains("take it off")
    );
    assert_eq!(
        shape_findings("ledger/src/block.rs", &long, &[("ledger/src/block.rs", FILE_LINES_MAX + 100)]),
        Vec::<String>::new()
    );
    assert!(shape_findings("ledger/src/utils.rs", "//! Things.\n", &[])[0].contains("utils"));
    assert!(shape_findings("ledger/src/block.rs", "use a::b;\n", &[])[0].contains("what it is"));
    assert_eq!(
        test_module_files("ledger/src/tree.rs", &Source::read("#[cfg(test)]\nmod model;")),
        ["ledger/src/tree/model"]
    );
    assert_eq!(test_module_files("ledger/src/lib.rs", &Source::read("#[cfg(test)]\nmod model;")), ["ledger/src/model"]);
}
