//! Starting, asking, stopping and killing `lonja`.

use super::ports::free_ports;
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// How long a service may take to start, on a machine that builds beside.
const START_MAX: Duration = Duration::from_secs(180);
/// How long one may take to stop there.
const STOP_MAX: Duration = Duration::from_secs(180);
/// How long clients of tests, and commands that must succeed, have patience with what passes by itself.
const PASSES_WITHIN: Duration = Duration::from_secs(60);
/// Titles of problems that pass, and of which the act is known not to be done: it may be done again.
const PASSING: [&str; 4] = ["The node makes no blocks", "Nobody could say yes", "Not sealed yet", "No block yet"];

/// A running service; killed when the test is over.
pub struct Service {
    child: Child,
    /// Its URLs, as it printed them.
    pub urls: Value,
}

/// A network's directory.
pub struct Net {
    folder: tempfile::TempDir,
    /// The first of three, one for each service.
    first_port: u16,
    /// Bytes of the log that were read.
    read: AtomicUsize,
}

/// Arguments with ports of their own for `validators` of a trial.
pub fn four_times(validators: usize) -> Vec<String> {
    let first = usize::from(free_ports(4 * validators as u16));
    let flags = ["--node-port", "--market-port", "--explorer-port", "--peers-port"];
    let port = |(number, flag): (usize, &str)| [flag.to_owned(), (first + number * validators).to_string()];
    flags.into_iter().enumerate().flat_map(port).collect()
}

pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lonja"));
    let own = ["LONJA_DIR", "LONJA_PASSPHRASE_FILE", "LONJA_TOKEN_PIN_FILE", "LONJA_PKCS11_MODULE", "LONJA_LOG"];
    let traces = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    for name in own.iter().chain(&traces) {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

impl Net {
    /// A place for a network, with ports of its own that lie in its configuration from the first run on.
    pub fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    /// A network whose passphrase lies beside its keys.
    pub fn created() -> Self {
        Self::new().create()
    }

    /// The same in memory where the system has such a folder, for tests that make thousands of blocks and ask nothing
    /// of a disk.
    pub fn created_in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self::at(folder).create()
    }

    fn at(folder: tempfile::TempDir) -> Self {
        Self { folder, first_port: free_ports(3), read: AtomicUsize::new(0) }
    }

    fn create(self) -> Self {
        let net = self;
        let [node, market, explorer] = [0, 1, 2].map(|above| (net.first_port + above).to_string());
        net.ok(&[
            "network",
            "create",
            "--keep-passphrase",
            "--node-port",
            &node,
            "--market-port",
            &market,
            "--explorer-port",
            &explorer,
        ]);
        net
    }

    /// A trial of `validators`, with a passphrase beside the keys of each.
    pub fn among(validators: usize) -> Self {
        let net = Self::new();
        let (count, ports) = (validators.to_string(), four_times(validators));
        let mut create = vec!["network", "create", "--keep-passphrase", "--validators", &count];
        create.extend(ports.iter().map(String::as_str));
        net.ok(&create);
        net
    }

    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("net")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        command()
            .arg("--dir")
            .arg(self.dir())
            .arg("--json")
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, arguments: &[&str]) -> Value {
        let output = once_it_passes(|| self.run(arguments));
        let said = String::from_utf8_lossy(&output.stderr);
        let answered = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "lonja {arguments:?}: {said}\n{answered}");
        serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
    }

    /// Runs a command that must end with `code`, and gives what it said.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "lonja {arguments:?}: {said}");
        said
    }

    /// Starts a service and waits until it has printed where it is.
    pub fn start(&self, arguments: &[&str]) -> Service {
        start(&self.dir(), &self.path("log"), arguments)
    }

    /// A node on this network.
    pub fn node(&self) -> Service {
        self.start(&["node", "run"])
    }

    /// What its services said since the last time.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(self.path("log")).unwrap_or_default();
        let from = self.read.swap(bytes.len(), Ordering::Relaxed).min(bytes.len());
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }

    /// The party and key that the key file `name` holds.
    pub fn identity(&self, name: &str) -> ledger::api::client::Identity {
        let layout = genesis::Layout::at(self.dir());
        let passphrase = genesis::Passphrase::read(&layout.passphrase_path()).unwrap();
        let signer = layout.keyring().open(&name.parse().unwrap(), &passphrase).unwrap();
        ledger::api::client::Identity { party: signer.party().unwrap(), signer: std::sync::Arc::new(signer) }
    }

    pub fn client(&self) -> ledger::api::client::Client {
        let anchor = genesis::TrustAnchor::read(&self.dir().join("anchor.json")).unwrap();
        let config = genesis::Layout::at(self.dir()).config().unwrap();
        patient(ledger::api::client::Client::new(&config.node.url(), anchor).unwrap())
    }

    /// The whole ledger holds; its node is stopped.
    pub fn audit(&self) -> Value {
        self.ok(&["audit"])
    }
}

/// A client for a machine on which a seal or a first block may take its time.
pub fn patient(client: ledger::api::client::Client) -> ledger::api::client::Client {
    client.patient(PASSES_WITHIN)
}

/// What `run` gives, run again while that is a problem that passes: validators that are paused for a moment decide
/// nothing, and what is told so then is right.
pub fn once_it_passes(run: impl Fn() -> Output) -> Output {
    let begun = Instant::now();
    loop {
        let output = run();
        let said = String::from_utf8_lossy(&output.stderr);
        let passes = output.status.code() == Some(5) && PASSING.iter().any(|title| says(&said, title));
        if !passes || begun.elapsed() > PASSES_WITHIN {
            return output;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Runs a command on another directory than the network's own.
pub fn on(dir: &Path, arguments: &[&str]) -> Output {
    command().arg("--dir").arg(dir).arg("--json").args(arguments).output().unwrap()
}

/// As [`Net::ok`], on the directory `dir`.
pub fn ok_on(dir: &Path, arguments: &[&str]) -> Value {
    let output = once_it_passes(|| on(dir, arguments));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "lonja {arguments:?}: {said}\n{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// As [`Net::fails`], on the directory `dir`.
pub fn fails_on(dir: &Path, code: i32, arguments: &[&str]) -> String {
    let output = on(dir, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "lonja {arguments:?}: {said}");
    said
}

/// A path as an argument.
pub fn word(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Starts a service on the directory `dir`; what it logs is added to the file `log`.
pub fn start(dir: &Path, log: &Path, arguments: &[&str]) -> Service {
    let mut command = command();
    command.arg("--dir").arg(dir).arg("--json").args(arguments);
    start_as(command, log)
}

/// Starts the service that `command` is.
pub fn start_as(mut command: Command, log: &Path) -> Service {
    try_start_as(&mut command, log).unwrap_or_else(|status| {
        panic!("{command:?} ended with {status}: {}", std::fs::read_to_string(log).unwrap_or_default())
    })
}

/// The same, or how it ended instead.
pub fn try_start_as(command: &mut Command, log: &Path) -> Result<Service, std::process::ExitStatus> {
    let logs = std::fs::File::options().create(true).append(true).open(log).unwrap();
    let child = command.stdout(Stdio::piped()).stderr(logs).spawn().unwrap();
    // From here on whatever fails drops the service, which ends its process.
    let mut service = Service { child, urls: serde_json::Value::Null };
    let mut stdout = service.child.stdout.take().unwrap();
    let (begun, mut text) = (Instant::now(), Vec::new());
    loop {
        let mut byte = [0; 4096];
        let read = stdout.read(&mut byte).unwrap();
        text.extend_from_slice(&byte[..read]);
        if let Ok(urls) = serde_json::from_slice::<serde_json::Value>(&text) {
            // What it prints later is read by nobody; the pipe stays open with the child.
            std::mem::forget(stdout);
            service.urls = urls;
            return Ok(service);
        }
        if read == 0 {
            return Err(service.ended(STOP_MAX));
        }
        let said = || std::fs::read_to_string(log).unwrap_or_default();
        assert!(begun.elapsed() < START_MAX, "{command:?} does not start: {}", said());
    }
}

/// What a service answers to a GET with these headers.
pub fn get(url: &str, path: &str, headers: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

impl Service {
    /// Does what its marketplace and its explorer show reach block `height` within `most`?
    pub fn reaches(&self, height: u64, most: Duration) -> bool {
        let begun = Instant::now();
        let urls = ["marketplace", "explorer"].map(|name| self.urls[name].as_str());
        let shown = |url: &str| {
            let answer = get(url, "/health", "");
            let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            body["height"].as_u64() >= Some(height)
        };
        loop {
            let all = urls.iter().flatten().all(|url| shown(url));
            if all || begun.elapsed() > most {
                return all;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends it a signal, as `-STOP`.
    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Stops every thread of it, and returns when none runs any more: the signal alone is taken by one
    /// thread when that is scheduled next, and until then the others go on answering.
    pub fn freeze(&self) {
        self.signal("-STOP");
        let threads = format!("/proc/{}/task", self.child.id());
        let begun = Instant::now();
        // The state is the first field after the name, which is in parentheses (proc(5)).
        while !std::fs::read_dir(&threads).unwrap().all(|thread| {
            // A thread that ended meanwhile has no file, and does not run either.
            let stat = std::fs::read_to_string(thread.unwrap().path().join("stat"));
            stat.map_or(true, |stat| stat.rsplit(") ").next().unwrap().starts_with('T'))
        }) {
            assert!(begun.elapsed() < STOP_MAX, "it does not stop");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// As by Ctrl-C: it must end by itself, without an error.
    pub fn stop(mut self) {
        self.signal("-INT");
        let begun = Instant::now();
        while begun.elapsed() < STOP_MAX {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "it ended with {status}");
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it does not stop");
    }

    /// Waits until it has ended by itself.
    pub fn ended(mut self, within: Duration) -> std::process::ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < within, "it goes on");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Has it ended?
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// `kill -9`: no warning, no goodbye.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Over already in most tests.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Does `said` hold `part`, however its lines are folded?
pub fn says(said: &str, part: &str) -> bool {
    let squeeze = |text: &str| text.chars().filter(|c| !c.is_whitespace() && *c != '│').collect::<String>();
    squeeze(said).contains(&squeeze(part))
}

/// The range in `LONJA_SEEDS`, or `otherwise`.
pub fn seeds(otherwise: std::ops::Range<u64>) -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("LONJA_SEEDS") else { return otherwise };
    let (from, to) = text.split_once("..").expect("LONJA_SEEDS is A..B");
    from.parse().expect("LONJA_SEEDS is A..B")..to.parse().expect("LONJA_SEEDS is A..B")
}

/// The public catalogues, unless they are not on this machine; then the runner is told.
pub fn catalogues() -> Option<Vec<(&'static str, PathBuf)>> {
    let folder = std::env::var_os("LONJA_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from)
        .join("catalogues");
    if folder.is_dir() {
        return Some(
            ["gsa", "energy", "fcc", "consumerfinance"]
                .map(|name| (name, folder.join(format!("{name}.json"))))
                .to_vec(),
        );
    }
    skipped(&format!("no catalogues in {}", folder.display()));
    None
}

/// Tells the runner that this test could not do its work.
pub fn skipped(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    if let Some(log) = std::env::var_os("LONJA_SKIP_LOG") {
        let mut log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        std::io::Write::write_all(&mut log, format!("{test}: {reason}\n").as_bytes()).unwrap();
    }
    println!("skipped: {test}: {reason}");
}
