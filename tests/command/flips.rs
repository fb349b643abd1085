//! One byte flipped anywhere in a network's directory: located by the audit, refused at the start, or
//! proven without effect. Nothing panics.
//!
//! Kinds of files are hit evenly. `LONJA_SEEDS=A..B` says which flips (one of each kind in the suite, a
//! thousand in the campaign).

use super::{
    harness::{command, seeds, start},
    laid::{Laid, Web, text, up},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a read model may take until it is built again.
const CATCH_UP_MAX: Duration = Duration::from_secs(180);
/// Everything on a directory, on ports that nobody has.
const UP: [&str; 7] = ["up", "--node-port", "0", "--market-port", "0", "--explorer-port", "0"];
/// How long an audit may take.
const AUDIT_MAX: Duration = Duration::from_secs(120);
/// How long a service may take to refuse a directory.
const REFUSAL_MAX: Duration = Duration::from_secs(120);

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // Keeps the mode: a key file that others may read is refused for that alone.
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

/// What kind of file it is, by its path in the directory.
fn kind(path: &Path) -> String {
    let parts: Vec<String> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let name = parts.last().unwrap().as_str();
    let within = |depth: usize| parts[..depth.min(parts.len() - 1)].join("/");
    // What RocksDB writes for people, or for options that we give ourselves.
    if ["OPTIONS", "IDENTITY", "LOCK", "LOG"].iter().any(|known| name.starts_with(known)) && parts.len() > 1 {
        return "rocksdb's notes".into();
    }
    if let Some(known) = ["MANIFEST", "CURRENT"].iter().find(|known| name.starts_with(**known)) {
        return format!("{} {known}", within(2));
    }
    match (parts[0].as_str(), path.extension().and_then(|extension| extension.to_str())) {
        ("keys", _) => "key file".into(),
        ("market", Some("obao4")) => "outboard".into(),
        ("market", None) if parts[1] == "objects" => "content".into(),
        ("market", None) if parts[1] == "subjects" => "subject's key".into(),
        ("node", None) if parts[1] == "sides" => "side body".into(),
        ("node" | "market" | "explorer", Some(extension)) if parts.len() > 2 || parts[0] == "explorer" => {
            format!("{} {extension}", within(2))
        }
        _ => path.display().to_string(),
    }
}

/// What a finding about the file must speak of.
fn named(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    match parts[0].as_str() {
        "keys" => parts[1].clone(),
        "passphrase" => "passphrase".into(),
        "explorer" => "explorer".into(),
        "market" if ["objects", "subjects"].contains(&parts[1].as_str()) => {
            parts.last().unwrap().split('.').next().unwrap().into()
        }
        "market" => format!("market/{}", parts[1].split('.').next().unwrap()),
        // The ledger's findings name families and heights.
        _ => String::new(),
    }
}

fn audit(dir: &Path) -> Output {
    let (said, told) = (dir.with_extension("said"), dir.with_extension("told"));
    let mut audit = command();
    audit.arg("--dir").arg(dir).args(["--json", "audit"]);
    audit.stdout(fs::File::create(&said).unwrap()).stderr(fs::File::create(&told).unwrap());
    let mut child = audit.spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if begun.elapsed() > AUDIT_MAX {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the audit does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let output = Output { status, stdout: fs::read(&said).unwrap(), stderr: fs::read(&told).unwrap() };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked") && status.code().is_some_and(|code| code < 100), "{said}");
    output
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Head, content and digest of what holds.
fn content(report: &Value) -> Vec<Value> {
    ["height", "log_root", "state_root", "digest", "directory_digest"].map(|field| report[field].clone()).to_vec()
}

/// How far the read models are.
fn reach(report: &Value) -> [Value; 2] {
    [report["market"]["rows_height"].clone(), report["explorer"]["height"].clone()]
}

/// Starts everything on `dir` and expects that it refuses with a remedy, and without a panic.
fn refuses(dir: &Path) -> Result<(), String> {
    let (said, told) = (dir.with_extension("said"), dir.with_extension("told"));
    let mut start = command();
    start.arg("--dir").arg(dir).args(UP).stdin(Stdio::null());
    start.stdout(fs::File::create(&said).unwrap()).stderr(fs::File::create(&told).unwrap());
    let mut child = start.spawn().unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        // What has started says where it is, and ends only when it is asked to.
        let started = fs::metadata(&said).unwrap().len() > 0;
        if started || begun.elapsed() > REFUSAL_MAX {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err(if started { "it starts" } else { "it neither starts nor refuses" }.into());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let told = fs::read_to_string(&told).unwrap();
    if status.success() || told.contains("panicked") || !told.contains("help:") {
        return Err(format!("it ended with {status}: {told}"));
    }
    Ok(())
}

/// What became of a flip in `file`, or why that is none of the three.
fn judge(whole: &Value, dir: &Path, file: &Path) -> Result<&'static str, String> {
    let output = audit(dir);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(4) if !output.stdout.is_empty() => {
            let findings = report(&output)["findings"].to_string();
            if findings.contains(&named(file)) { Ok("located") } else { Err(format!("located elsewhere: {findings}")) }
        }
        Some(0) => {
            let found = report(&output);
            if content(&found) != content(whole) {
                return refuses(dir).map(|()| "refused").map_err(|how| format!("another content, and {how}: {found}"));
            }
            if reach(&found) == reach(whole) {
                return Ok("without effect");
            }
            // A read model lost blocks; that is without effect if it takes them up again.
            let services = start(dir, &dir.with_extension("log"), &UP);
            let _the_audit_says_how_far = services.reaches(whole["height"].as_u64().unwrap(), CATCH_UP_MAX);
            services.stop();
            let again = audit(dir);
            let caught_up = report(&again);
            let past = |at: &Value| at.as_u64() >= whole["height"].as_u64();
            if again.status.success() && reach(&caught_up).iter().all(past) {
                Ok("caught up")
            } else {
                Err(format!("not caught up: {caught_up}"))
            }
        }
        _ => refuses(dir).map(|()| "refused").map_err(|how| format!("the audit says {said}, and {how}")),
    }
}

#[test]
fn one_flipped_byte_in_a_directory_is_located_refused_or_without_effect() {
    let laid = Laid::out();
    let dir = laid.net.dir();
    // The audit itself makes RocksDB write: it gets a copy, and flips are made in what was never audited.
    let place = tempfile::tempdir().unwrap();
    copy(&dir, &place.path().join("whole"));
    let output = audit(&place.path().join("whole"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let whole = report(&output);
    let market = &whole["market"];
    assert_eq!((&market["vault"]["records"], &market["vault"]["opened"]), (&4.into(), &4.into()), "{market}");
    assert_eq!((&market["vault"]["erasures"], &market["contents"]), (&1.into(), &1.into()), "{market}");
    assert_eq!((&market["keys"]["keys"], &market["listings"]), (&1.into(), &1.into()), "{market}");

    without_the_passphrase(&dir, &place.path().join("unopened"), &whole);

    let mut by_kind: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files(&dir) {
        if fs::metadata(&file).unwrap().len() > 0 {
            let file = file.strip_prefix(&dir).unwrap().to_path_buf();
            by_kind.entry(kind(&file)).or_default().push(file);
        }
    }
    let kinds: Vec<_> = by_kind.keys().cloned().collect();
    for part in ["market/own log", "market/own sst", "market/own.mark", "subject's key", "outboard", "passphrase"] {
        assert!(by_kind.contains_key(part), "no {part} among {kinds:?}");
    }
    let tally: Mutex<BTreeMap<(String, &str), u32>> = Mutex::default();
    let flips = seeds(0..kinds.len() as u64);
    let next = AtomicU64::new(flips.start);
    let work = &|worker: usize| {
        let broken = place.path().join(format!("broken-{worker}"));
        while let Some(flip) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|flip| *flip < flips.end) {
            let kind = &kinds[flip as usize % kinds.len()];
            let verdict = flipped(&whole, &dir, &broken, &by_kind[kind], flip);
            *tally.lock().unwrap().entry((kind.clone(), verdict)).or_default() += 1;
        }
    };
    // Most of a flip is one audit in one thread.
    std::thread::scope(|scope| {
        for worker in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(move || work(worker));
        }
    });
    for ((kind, verdict), count) in tally.into_inner().unwrap() {
        println!("{kind}: {count} {verdict}");
    }
}

/// Flips a bit of one of `files` in a copy of `dir`, and says what becomes of it.
fn flipped(whole: &Value, dir: &Path, broken: &Path, files: &[PathBuf], flip: u64) -> &'static str {
    let draw = |what: &str| {
        let hash = blake3::hash(format!("{what} {flip}").as_bytes());
        u64::from_be_bytes(hash.as_bytes()[..8].try_into().unwrap()) as usize
    };
    let file = &files[draw("file") % files.len()];
    copy(dir, broken);
    let mut bytes = fs::read(broken.join(file)).unwrap();
    let at = draw("byte") % bytes.len();
    bytes[at] ^= 1 << (draw("bit") % 8);
    fs::write(broken.join(file), bytes).unwrap();
    let verdict = judge(whole, broken, file);
    let verdict = verdict.unwrap_or_else(|how| panic!("flip {flip}: byte {at} of {}: {how}", file.display()));
    fs::remove_dir_all(broken).unwrap();
    verdict
}

/// Who has the directory and no passphrase checks all but what is sealed, and locates damage to that.
fn without_the_passphrase(dir: &Path, place: &Path, whole: &Value) {
    copy(dir, place);
    fs::remove_file(place.join("passphrase")).unwrap();
    let output = audit(place);
    let unopened = report(&output);
    assert!(output.status.success(), "{unopened}");
    assert_eq!((&unopened["opened"], &unopened["market"]["vault"]["opened"]), (&false.into(), &0.into()));
    assert_eq!(content(&unopened), content(whole));
    let key = files(&place.join("market/subjects")).swap_remove(0);
    let bytes = fs::read(&key).unwrap();
    for at in [0, 40, bytes.len() - 1] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        fs::write(&key, flipped).unwrap();
        let findings = report(&audit(place))["findings"].to_string();
        assert!(findings.contains(key.file_name().unwrap().to_str().unwrap()), "byte {at}: {findings}");
    }
    fs::remove_file(&key).unwrap();
    assert!(report(&audit(place))["findings"].to_string().contains("missing or damaged"));
}

#[test]
fn a_damaged_read_model_is_named_deleted_and_built_again() {
    let laid = Laid::out();
    let net = &laid.net;
    let answers = |expected: Option<&[Value; 4]>| {
        // One for each run: connections to a service that was stopped are not to be used again.
        let (service, web) = (up(net), Web::new());
        let explorer = text(&service.urls["explorer"]).to_owned();
        let height = web.get(&format!("{}/v1/status", text(&service.urls["node"])))["height"].as_u64().unwrap();
        assert!(service.reaches(height, CATCH_UP_MAX), "block {height} is not shown");
        let list = |name: &str| web.get(&format!("{explorer}/api/v1/lists/{name}"))["items"].clone();
        let ask =
            || [net.ok(&["listing", "search", "quay"]), list("transactions"), list("consents"), list("agreements")];
        // What is built anew answers with what it has so far.
        let begun = Instant::now();
        let mut said = ask();
        while expected.map_or(said[0] == Value::Array(vec![]), |expected| said != *expected)
            && begun.elapsed() < CATCH_UP_MAX
        {
            std::thread::sleep(Duration::from_millis(100));
            said = ask();
        }
        service.stop();
        assert!(said.iter().all(|list| list.as_array().is_some_and(|list| !list.is_empty())), "{said:?}");
        said
    };
    let before = answers(None);
    for folder in ["market/rows", "market/search", "explorer"] {
        let folder = net.dir().join(folder);
        let mut damaged = 0;
        for file in files(&folder) {
            let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            if ["sst", "store", "term"].contains(&extension) {
                let mut bytes = fs::read(&file).unwrap();
                bytes[20] ^= 0x10;
                fs::write(&file, bytes).unwrap();
                damaged += 1;
            }
        }
        assert!(damaged > 0, "{}", folder.display());
        let output = audit(&net.dir());
        assert_eq!(output.status.code(), Some(4));
        let findings = report(&output)["findings"].to_string();
        assert!(findings.contains(&folder.display().to_string()), "{findings}");
        assert!(findings.contains("delete") && findings.contains("built again"), "{findings}");
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(answers(Some(&before)), before, "after {} was deleted", folder.display());
        let report = report(&audit(&net.dir()));
        assert_eq!(report["findings"], Value::Array(vec![]));
    }
}
