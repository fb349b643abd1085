//! One byte flipped anywhere in a node's folder: located, refused at start, or without effect.
//!
//! `LONJA_SEEDS=A..B` says which flips (0..27 in the suite, a thousand in the campaign).

#![allow(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use contracts::{
    action::Action,
    id::{BankReference, Digest},
    money::Amount,
    settlement::Mint,
    side::{SideBody, SideField},
};
use ledger::{
    audit::{self, Report},
    testing::{self, Network},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A ledger of a few dozen blocks with side bodies, mints and refusals.
async fn lay_out(folder: &Path) {
    let network = Network::start(folder).await;
    for round in 0..30u8 {
        let mint = |n: u8| Mint {
            party: testing::buyer().party,
            amount: Amount::new(u64::from(n) + 1).unwrap(),
            currency: "EUR".parse().unwrap(),
            reference: BankReference(Digest::of(&[&[round, n]]).0),
        };
        for n in 0..3 {
            network.client.act(&testing::settlement(), Action::Mint(mint(n)), None).await.unwrap();
        }
        let field = SideField { name: "contact".into(), value: format!("desk {round}") };
        let side = SideBody::new([round; 32], vec![field]).unwrap();
        let apply = contracts::party::Apply {
            name: format!("Applicant {round}"),
            kind: contracts::party::PartyKind::Business,
            jurisdiction: contracts::party::Country(*b"PT"),
            side: Some(side.id()),
        };
        let stranger = testing::identity(500 + u16::from(round));
        network.client.act(&stranger, Action::Apply(apply), Some(side)).await.unwrap().applied().unwrap();
    }
    network.stop().await;
}

fn audit(folder: &Path) -> Result<Report, audit::AuditError> {
    let scratch = tempfile::tempdir().unwrap();
    let document = testing::document();
    audit::folder(folder, &document, &document.anchor(), scratch.path(), &|_, _| {})
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() { found.extend(files(&entry.path())) } else { found.push(entry.path()) }
    }
    found.sort();
    found
}

/// What kind of file it is, so that each kind is hit as often.
fn kind(path: &Path) -> String {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let known = ["MANIFEST", "OPTIONS", "CURRENT", "IDENTITY", "LOG", "LOCK", "highwater", "sides.key"];
    if let Some(known) = known.iter().find(|known| name.starts_with(*known)) {
        return known.to_string();
    }
    match path.extension() {
        Some(extension) => extension.to_string_lossy().into_owned(),
        None => "side".into(),
    }
}

#[test]
fn one_flipped_byte_is_located_refused_or_without_effect() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(lay_out(folder.path()));
    // Audited once, so that what RocksDB rewrites when it opens is rewritten before the copies.
    let whole = audit(folder.path()).unwrap();
    assert!(whole.is_clean(), "{:?}", whole.findings);
    assert!(whole.height > 90 && whole.sides == 30 && whole.rows > 1_000, "{whole:?}");

    let mut by_kind: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files(folder.path()) {
        if fs::metadata(&file).unwrap().len() > 0 {
            by_kind.entry(kind(&file)).or_default().push(file);
        }
    }
    let kinds: Vec<_> = by_kind.keys().cloned().collect();
    let mut tally: BTreeMap<(String, &str), u32> = BTreeMap::new();
    for flip in testing::seeds(0..27) {
        let draw = |what: &str| {
            let digest = Digest::of(&[what.as_bytes(), &flip.to_be_bytes()]);
            u64::from_be_bytes(digest.0[..8].try_into().unwrap()) as usize
        };
        let kind = &kinds[flip as usize % kinds.len()];
        let file = &by_kind[kind][draw("file") % by_kind[kind].len()];
        let broken = tempfile::tempdir().unwrap();
        copy(folder.path(), broken.path());
        let target = broken.path().join(file.strip_prefix(folder.path()).unwrap());
        let mut bytes = fs::read(&target).unwrap();
        let at = draw("byte") % bytes.len();
        bytes[at] ^= 1 << (draw("bit") % 8);
        fs::write(&target, bytes).unwrap();
        let verdict = judge(&whole, broken.path());
        let verdict = verdict.unwrap_or_else(|reason| panic!("flip {flip}: byte {at} of {}: {reason}", file.display()));
        *tally.entry((kind.clone(), verdict)).or_default() += 1;
    }
    println!("flips by kind of file and verdict: {tally:#?}");
}

fn judge(whole: &Report, folder: &Path) -> Result<&'static str, String> {
    let report = audit(folder).map_err(|error| format!("the audit could not be made: {error}"))?;
    if !report.is_clean() {
        return Ok("located");
    }
    if report.digest == whole.digest && report.height == whole.height {
        return Ok("without effect");
    }
    match testing::node(folder) {
        Err(_) => Ok("refused"),
        Ok(_) => Err(format!("height {} of {}, audit digest {}", report.height, whole.height, report.digest)),
    }
}

#[test]
fn cutting_off_the_last_block_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(lay_out(folder.path()));
    // RocksDB drops a torn tail of its log in silence; the high-water file does not.
    let log = files(&folder.path().join("db"))
        .into_iter()
        .filter(|file| kind(file) == "log")
        .max_by_key(|file| fs::metadata(file).unwrap().len());
    let log = log.expect("the newest writes are in a log");
    let length = fs::metadata(&log).unwrap().len();
    fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length - 2_000).unwrap();
    let report = audit(folder.path()).unwrap();
    assert!(report.findings.iter().any(|finding| finding.place == "highwater"), "{:?}", report.findings);
    let error = testing::node(folder.path()).err().expect("the node does not start").to_string();
    assert!(error.contains("was rolled back"), "{error}");
}
