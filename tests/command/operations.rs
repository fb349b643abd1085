//! The guides for operators stay true: every command, flag, metric, alert, unit and page that they name is there.

use super::{harness::command, offices::until, readme::words, witnesses::witnessed};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("operations")
}

fn text(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("operations/{name}: {error}"))
}

/// Names of the files in a folder of the guides that end so.
fn names(within: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(folder().join(within)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}

/// The command lines of a page: in its code blocks, and between backticks in its sentences.
fn command_lines(page: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, part) in page.split("```").enumerate() {
        if number % 2 == 1 {
            lines.extend(part.replace("\\\n", " ").lines().map(|line| line.trim().to_owned()));
        } else {
            lines.extend(part.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    lines.retain(|line| line.starts_with("lonja "));
    lines
}

/// What the command says of itself and of its subcommands, asked once each.
#[derive(Default)]
struct Help {
    known: BTreeMap<Vec<String>, String>,
}

impl Help {
    fn of(&mut self, path: &[String]) -> String {
        let ask = || {
            let output = command().args(path).arg("--help").output().unwrap();
            assert!(output.status.success(), "lonja {path:?} --help");
            String::from_utf8(output.stdout).unwrap()
        };
        self.known.entry(path.to_vec()).or_insert_with(ask).clone()
    }

    /// Is there the subcommand that the words name, with all of their flags?
    fn check(&mut self, from: &str, words: &[String]) {
        let ends = |word: &&String| !["#", "|", ">", "&", "&&"].contains(&word.as_str());
        let words: Vec<&String> = words.iter().take_while(ends).collect();
        let (flags, plain): (Vec<&String>, Vec<&String>) = words.into_iter().partition(|word| word.starts_with("--"));
        let mut path: Vec<String> = Vec::new();
        for word in &plain {
            // The value of a flag before a subcommand is none, and is passed over.
            if subcommands(&self.of(&path)).contains(word.as_str()) {
                path.push((*word).clone());
            }
        }
        let help = self.of(&path);
        let whole = subcommands(&help).is_empty() || plain.is_empty();
        assert!(whole, "{from}: `lonja {path:?}` wants a subcommand, and {plain:?} has none");
        let said = help.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').collect::<BTreeSet<_>>();
        for flag in flags {
            let name = flag.split('=').next().unwrap_or_default();
            assert!(said.contains(&name), "{from}: `lonja {}` has no {name}", path.join(" "));
        }
    }
}

/// The subcommands that a help lists.
fn subcommands(help: &str) -> BTreeSet<&str> {
    let section = help.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    // Their explanations go on further to the right.
    let names = section.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn commands_of_the_guides_and_units_are_there_with_their_flags() {
    let (mut help, mut checked) = (Help::default(), 0);
    for page in names("", ".md") {
        for line in command_lines(&text(&page)) {
            help.check(&page, &words(&line)[1..]);
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked} command lines");
    let units = names("systemd", ".service");
    let expected = ["explorer", "market", "node", "witness"].map(|name| format!("lonja-{name}.service"));
    assert_eq!(units, expected);
    for unit in units {
        let text = text(&format!("systemd/{unit}"));
        let start: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("ExecStart=")).collect();
        let [start] = start.as_slice() else { panic!("{unit} starts {start:?}") };
        let start = words(start);
        assert!(start[0].ends_with("/lonja"), "{unit}: {start:?}");
        // Whatever may pass by itself is tried again, and nothing else: a wrong PIN is not.
        for line in ["Restart=on-failure", "RestartPreventExitStatus=2 6"] {
            assert!(text.lines().any(|found| found == line), "{unit} has no {line}");
        }
        help.check(&unit, &start[1..]);
    }
}

/// A unit that lets its service write below its directory alone has a line to say where else, and whoever is told to use
/// a folder elsewhere is told of that line.
#[test]
fn where_a_folder_lies_elsewhere_the_units_can_be_told() {
    for unit in names("systemd", ".service") {
        let text = text(&format!("systemd/{unit}"));
        assert!(text.contains("\nProtectSystem=strict\n"), "{unit}");
        assert!(text.contains("\n# ReadWritePaths=/"), "{unit} has no line to say where else it may write");
    }
    for page in ["README.md", "backup.md", "prune.md"] {
        assert!(text(page).contains("\n[Service]\nReadWritePaths=/"), "{page}");
    }
}

/// The words of a text that begin as our metrics do.
fn metrics_named(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("lonja_")).map(str::to_owned).collect()
}

pub fn metrics_of(url: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

#[test]
fn metrics_of_the_dashboard_and_the_alerts_are_there() {
    let (net, witness, _) = witnessed();
    let config = net.dir().join("lonja.toml");
    let settings = fs::read_to_string(&config).unwrap() + "\n[retention]\nkeep_blocks = 2048\narchive = \"archive\"\n";
    fs::write(config, settings).unwrap();
    let up = net.start(&["up"]);
    let services = ["node", "marketplace", "explorer"];
    let mut told: String = services.iter().map(|name| metrics_of(up.urls[*name].as_str().unwrap())).collect();
    // Of a log of which nothing was cosigned there is no size.
    let of_witness = || metrics_of(witness.urls["witness"].as_str().unwrap());
    until("a checkpoint is cosigned", || of_witness().contains("lonja_witness_size{"));
    told += &of_witness();
    up.stop();
    witness.stop();
    let known: BTreeSet<&str> = told.lines().filter_map(|line| line.split([' ', '{']).next()).collect();
    let (dashboard, alerts) = (text("dashboard/lonja.json"), text("dashboard/alerts.yml"));
    drop(serde_json::from_str::<serde_json::Value>(&dashboard).unwrap());
    for (from, text, fewest) in
        [("the dashboard", dashboard, 15), ("the alerts", alerts, 10), ("watch.md", text("watch.md"), 0)]
    {
        let named = metrics_named(&text);
        assert!(named.len() >= fewest, "{from}: {named:?}");
        let strangers: Vec<_> = named.iter().filter(|name| !known.contains(name.as_str())).collect();
        assert!(strangers.is_empty(), "{from} has metrics that no service has: {strangers:?}");
    }
}

#[test]
fn whatever_an_alert_looks_at_is_on_the_dashboard() {
    let shown = metrics_named(&text("dashboard/lonja.json"));
    let unseen: Vec<_> =
        metrics_named(&text("dashboard/alerts.yml")).into_iter().filter(|name| !shown.contains(name)).collect();
    assert!(unseen.is_empty(), "no panel shows {unseen:?}");
    // What no alert looks at, and people do.
    for name in ["lonja_observes", "lonja_blocks_ahead_total", "lonja_trace_spans_dropped_total"] {
        assert!(shown.contains(name), "no panel shows {name}");
    }
}

#[test]
fn every_alert_has_its_answer() {
    let (alerts, watch) = (text("dashboard/alerts.yml"), text("watch.md"));
    let names: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    let unanswered: Vec<_> = names.iter().filter(|name| !watch.contains(&format!("`{name}`"))).collect();
    assert!(unanswered.is_empty(), "watch.md does not say what to do for {unanswered:?}");
}

#[test]
fn the_index_has_every_page_and_links_lead_somewhere() {
    let index = text("README.md");
    for page in names("", ".md") {
        let lines = index.lines().filter(|line| line.contains(&format!("]({page})"))).count();
        assert_eq!(lines, usize::from(page != "README.md"), "{page} in the index");
        for link in text(&page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            assert!(link.contains("://") || folder().join(file).exists(), "{page} leads to {link}");
        }
    }
}

/// Is the file at `path` sent to a build of the image? By the rules of `.dockerignore`: the last line that names it, or a
/// folder that it lies in, decides; `*` is any name in the root, `**/` any place.
fn is_sent(rules: &str, path: &str) -> bool {
    let mut sent = true;
    for line in rules.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (pattern, kept) = line.strip_prefix('!').map_or((line, false), |pattern| (pattern, true));
        let names = |name: &str| match pattern.strip_prefix("**/*") {
            Some(ending) => name.ends_with(ending),
            None => pattern.strip_prefix("**/") == Some(name),
        };
        let is_named = match pattern {
            "*" => true,
            _ if pattern.starts_with("**/") => path.split('/').any(names),
            _ => path == pattern || path.strip_prefix(pattern).is_some_and(|rest| rest.starts_with('/')),
        };
        if is_named {
            sent = kept;
        }
    }
    sent
}

#[test]
fn a_build_of_the_image_is_sent_the_sources_and_no_secret() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(root.join(".dockerignore")).unwrap();
    for path in [
        ".lonja/keys/operator.key",
        ".lonja/passphrase",
        "keys/operator.key",
        "passphrase",
        "trial/validators/validator-2/node/sides.key",
        "src/passphrase",
        "ledger/.lonja/network.json",
        "src/one.key",
        "target/release/lonja",
        "contracts/target/debug/x",
        "node_modules/a/b.js",
        "tests/browser/node_modules/a/b.js",
        "marketplace/node_modules/a/b.js",
        ".git/config",
        "backup/backup.json",
    ] {
        assert!(!is_sent(&rules, path), "{path} is sent");
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = ")).unwrap();
    let members: Vec<String> = serde_json::from_str(members).unwrap();
    let members = members.into_iter().map(|member| member + "/").chain([String::new()]);
    for member in members {
        for needed in ["Cargo.toml", "src"] {
            let needed = format!("{member}{needed}");
            assert!(is_sent(&rules, &needed) && root.join(&needed).exists(), "{needed} is not sent");
        }
    }
    // A folder of sources that is called as one of a network's directory.
    for needed in ["Cargo.lock", "marketplace/src/keys/mod.rs", "explorer/assets/live.js"] {
        assert!(is_sent(&rules, needed), "{needed} is not sent");
    }
}
