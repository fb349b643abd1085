//! Over HTTP: a witness that a network's log is submitted to, and witnesses that answer what they should not.

use super::*;
use crate::testing::Network;
use axum::{Router, http::StatusCode, response::IntoResponse, routing::post};
use client::{CosignError, RemoteWitness, collect};
use policy::Unmet;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A witness that listens.
struct Listening {
    url: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

impl Listening {
    async fn start(witness: Witness) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(http::serve(listener, Arc::new(witness), async { drop(stopped.await) }));
        Self { url, stop, server }
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }
}

async fn newest(network: &Network) -> Note {
    Note::parse(&network.client.get("/checkpoint").await.unwrap()).unwrap()
}

/// A node collects in a task of its own, which may move from thread to thread.
fn sendable<T: Send>(future: T) -> T {
    future
}

fn size(note: &Note) -> u64 {
    checkpoint::parse(note.text()).unwrap().1.size
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_witnessed_while_it_grows_and_a_policy_tells() {
    let place = tempfile::tempdir().unwrap();
    let network = Network::start(&place.path().join("node")).await;
    let log = checkpoint::log_key(&network.anchor.network, &network.anchor.set.validators[0]).unwrap();
    let open = || {
        let folder = place.path().join("witness");
        Witness::open(&folder, NAME, Arc::new(TestSigner::of(50)), vec![log.clone()]).unwrap()
    };
    let listening = Listening::start(open()).await;
    let key = cosigner(NAME, 50);
    let text = format!("log {log}\nwitness w1 {key} {}/\nquorum w1\n", listening.url);
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let witnesses = [RemoteWitness::of(&policy.witnesses()[0]).unwrap()];

    let mut before = 0;
    for height in [2, 5, 9] {
        network.grow(height).await;
        let note = newest(&network).await;
        assert!(matches!(policy.check(&note), Err(Unmet::Quorum { .. })));
        let handle = network.handle();
        let reader = handle.store().reader();
        let collected = sendable(collect(&witnesses, &note, &reader)).await.unwrap();
        assert!(collected.failed.is_empty(), "{:?}", collected.failed);
        assert_eq!(policy.check(&collected.note).unwrap().by.len(), 1);
        assert_eq!(collected.note.signatures().len(), note.signatures().len() + 1);
        // Once more: its line is replaced, not added.
        let again = collect(&witnesses, &collected.note, &handle.store().reader()).await.unwrap();
        assert_eq!(again.note.signatures().len(), note.signatures().len() + 1);
        assert!(size(&note) > before);
        before = size(&note);
    }

    // Whoever does not know what the witness has learns it; and so does one whose witness was started anew.
    let forgetful = [RemoteWitness::of(&policy.witnesses()[0]).unwrap()];
    network.grow(12).await;
    let note = newest(&network).await;
    let handle = network.handle();
    assert!(collect(&forgetful, &note, &handle.store().reader()).await.unwrap().failed.is_empty());
    listening.stop().await;
    let listening = Listening::start(open()).await;
    let moved = [RemoteWitness::new(&listening.url, key).unwrap()];
    network.grow(14).await;
    let note = newest(&network).await;
    let collected = collect(&moved, &note, &handle.store().reader()).await.unwrap();
    policy.check(&collected.note).unwrap();

    // What it serves to monitors is valid under the policy by itself.
    let hash = records::origin_hash(&checkpoint::origin(&network.anchor.network));
    let served = reqwest::get(format!("{}/{hash}/checkpoint", listening.url)).await.unwrap().bytes().await.unwrap();
    assert_eq!(size(&Note::parse(&served).unwrap()), size(&note));
    policy.check(&Note::parse(&served).unwrap()).unwrap();
    // The one at the old address is gone, which costs its cosignature and nothing else.
    let collected = collect(&witnesses, &note, &handle.store().reader()).await.unwrap();
    assert!(matches!(collected.failed[..], [(0, CosignError::Unreachable { .. })]));
    assert_eq!(collected.note, note);
    listening.stop().await;
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_status() {
    let place = tempfile::tempdir().unwrap();
    let (log, fork) = (Log::new(9), Log::forked(9, 2));
    let listening = Listening::start(witness(place.path(), &log)).await;
    let http = reqwest::Client::new();
    let url = format!("{}/add-checkpoint", listening.url);
    let moved = log.sign(&body("elsewhere", &log.head(7)));
    let moved = AddCheckpoint::new(0, vec![], moved).unwrap().to_string();
    let unsigned = Log { signer: TestSigner::of(41), ..Log::new(9) };
    let shrinking = AddCheckpoint::new(8, vec![], log.checkpoint(7)).unwrap().to_string();
    let long = "x".repeat(crate::limits::ADD_CHECKPOINT_BYTES_MAX + 1);
    for (request, status, kind, expected) in [
        (moved, 404, "application/problem+json", "unknown-origin"),
        (unsigned.request(0, 5), 403, "application/problem+json", "bad-signature"),
        (shrinking, 400, "application/problem+json", "bad-request"),
        ("old\n".into(), 400, "application/problem+json", "bad-request"),
        (long, 413, "application/problem+json", "too-large"),
        (log.request(0, 5), 200, "text/plain; charset=utf-8", "— witness.example/w1 "),
        (log.request(0, 9), 409, "text/x.tlog.size", "5\n"),
        (fork.request(5, 5), 422, "application/problem+json", "inconsistent"),
        (fork.request(5, 9), 422, "application/problem+json", "inconsistent"),
    ] {
        let answer = http.post(&url).body(request.clone()).send().await.unwrap();
        let (code, found) = (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap().to_owned());
        let text = answer.text().await.unwrap();
        assert_eq!((code, found.as_str()), (status, kind), "{request}: {text}");
        assert!(if code == 409 { text == expected } else { text.contains(expected) }, "{text}");
    }
    assert_eq!(http.get(&url).send().await.unwrap().status(), 405);
    for path in ["", "/", "/00/checkpoint", &format!("/{}/checkpoint", Digest([0; 32]))] {
        assert_eq!(http.get(format!("{}{path}", listening.url)).send().await.unwrap().status(), 404, "{path}");
    }
    listening.stop().await;
}

/// Status and text of what `path` of a witness answers.
async fn told(listening: &Listening, path: &str) -> (u16, String) {
    let answer = reqwest::get(format!("{}/{path}", listening.url)).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_how_it_is_and_counts_what_it_does() {
    let place = tempfile::tempdir().unwrap();
    let (log, hash) = (Log::new(9), records::origin_hash(ORIGIN));
    let keys = vec![log.key.clone(), cosigner("unused", 70), cosigner("unused", 71)];
    let witness = Witness::open(place.path(), NAME, Arc::new(TestSigner::of(50)), keys).unwrap();
    let listening = Listening::start(witness).await;
    let (http, url) = (reqwest::Client::new(), format!("{}/add-checkpoint", listening.url));
    let add = async |request: String| http.post(&url).body(request).send().await.unwrap().status().as_u16();
    let (code, text) = told(&listening, "health").await;
    let health: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &health["healthy"], &health["reason"]), (200, &true.into(), &serde_json::Value::Null));
    let (_, text) = told(&listening, "metrics").await;
    for line in ["logs 2", "cosigned_total 0", "cosigned_seconds 0", "refused_total{reason=\"other-size\"} 0"] {
        assert!(text.contains(&format!("lonja_witness_{line}\n")), "{line}: {text}");
    }
    assert!(!text.contains("lonja_witness_size{"), "{text}");

    assert_eq!(add(log.request(0, 5)).await, 200);
    assert_eq!(add(log.request(5, 7)).await, 200);
    assert_eq!(add(log.request(0, 9)).await, 409);
    assert_eq!(add(Log::forked(9, 2).request(7, 9)).await, 422);
    assert_eq!(add("old\n".into()).await, 400);
    // Its disk takes nothing any more; who asked learns it, and whoever asks for its health.
    let blocked = records::path(place.path(), &hash).with_extension("new");
    std::fs::create_dir(&blocked).unwrap();
    assert_eq!(add(log.request(7, 9)).await, 500);
    let (code, text) = told(&listening, "health").await;
    assert!(code == 503 && text.contains("cannot be recorded") && !text.contains("checkpoint.new"), "{text}");
    let (_, text) = told(&listening, "metrics").await;
    for line in [
        &format!("size{{origin=\"{hash}\"}} 7"),
        "healthy 0",
        "cosigned_total 2",
        "refused_total{reason=\"other-size\"} 1",
        "refused_total{reason=\"inconsistent\"} 1",
        "refused_total{reason=\"malformed\"} 1",
        "refused_total{reason=\"failed\"} 1",
    ] {
        assert!(text.contains(&format!("lonja_witness_{line}\n")), "{line}: {text}");
    }
    let newest = text.lines().find_map(|line| line.strip_prefix("lonja_witness_cosigned_seconds ")).unwrap();
    assert!(newest.parse::<u64>().unwrap() > NOW && text.ends_with("# EOF\n"), "{text}");

    std::fs::remove_dir(&blocked).unwrap();
    assert_eq!(add(log.request(7, 9)).await, 200);
    assert_eq!(told(&listening, "health").await.0, 200);
    assert!(told(&listening, "metrics").await.1.contains("lonja_witness_healthy 1\n"));
    listening.stop().await;
}

/// A witness that gives the same answer to everything.
async fn stubborn(status: u16, answer: String) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    let answer = move || async move { (status, answer).into_response() };
    let router = Router::new().route("/add-checkpoint", post(answer));
    (url, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

#[tokio::test]
async fn an_answer_that_does_not_hold_adds_nothing() {
    let log = Log::new(9);
    let note = log.checkpoint(7);
    let (key, other) = (cosigner(NAME, 50), cosigner("other", 51));
    let line = |key: &VerifierKey, seed, text: &str| format!("{}\n", cosign(key, seed, text));
    let good = line(&key, 50, note.text());
    let never = checkpoint::cosignature_line(
        &key,
        0,
        &TestSigner::of(50).sign(&checkpoint::cosigned_message(0, note.text())).unwrap(),
    );
    let longer = format!("{}\nmore\n", note.text());
    for (what, status, answer, expected) in [
        ("as it should", 200, good.clone(), ""),
        ("with a stranger's line", 200, format!("{}{good}", line(&other, 51, note.text())), ""),
        ("a stranger's line", 200, line(&other, 51, note.text()), "no known key"),
        ("of another text", 200, line(&key, 50, log.checkpoint(6).text()), "does not verify"),
        ("by another key", 200, line(&key, 51, note.text()), "does not verify"),
        ("twice", 200, good.repeat(2), "does not verify"),
        ("without a time", 200, format!("{never}\n"), "has a time"),
        ("no newline", 200, good.trim_end().into(), "ends in a newline"),
        ("more text", 200, format!("more\n\n{}", line(&key, 50, &longer)), "lines alone"),
        ("nothing", 200, String::new(), "newline"),
        ("endless", 200, "x".repeat(1 << 20), "longer than any note"),
        ("of no use", 201, good.clone(), "refuses with 201"),
        ("redirected", 302, good.clone(), "refuses with 302"),
        ("refused", 422, "the log\nforked".into(), "refuses with 422: the logforked"),
        ("ahead", 409, "8\n".into(), "cosigned size 8 of this log, and the checkpoint has 7"),
        ("the same again", 409, "0\n".into(), "refuses a proof from there"),
        ("never content", 409, "3\n".into(), "a moment later 3"),
        ("no size", 409, "03\n".into(), "without the size"),
        ("no end", 409, "3".into(), "without the size"),
    ] {
        let (url, server) = stubborn(status, answer).await;
        let witnesses = [RemoteWitness::new(&url, key.clone()).unwrap()];
        let collected = collect(&witnesses, &note, &log.hashes).await.unwrap();
        match &collected.failed[..] {
            [] => assert!(expected.is_empty() && collected.note.to_string() == format!("{note}{good}"), "{what}"),
            [(0, error)] => {
                assert!(!expected.is_empty() && error.to_string().contains(expected), "{what}: {error}");
                assert_eq!(collected.note, note);
            }
            more => panic!("{what}: {more:?}"),
        }
        server.abort();
    }
    for url in ["", "witness.example", "ftp://witness.example"] {
        assert!(matches!(RemoteWitness::new(url, key.clone()), Err(CosignError::Setup(..))), "{url}");
    }
}
