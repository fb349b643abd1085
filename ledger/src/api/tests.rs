//! A node among callers who want too much of it.

use crate::{
    limits::{FOLLOW_WAIT_MS_MAX, REQUEST_BYTES_MAX, REQUESTS_MAX, STALL_MAX},
    testing::{self, Network},
};
use contracts::settlement::Account;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Opens a connection to `network` and sends `bytes`.
async fn connect(network: &Network, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(network.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// What is said to the end of the connection, for a request that closes it.
async fn whole_answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The beginning of what is said on a connection that may go on.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 16 * 1024];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_so_many_requests_callers_are_told_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let height = network.client.status().await.unwrap().height;
    let wait =
        format!("GET /v1/blocks?after={}&wait_ms={FOLLOW_WAIT_MS_MAX} HTTP/1.1\r\nhost: node\r\n\r\n", height + 9);
    let mut waiting = Vec::new();
    for _ in 0..REQUESTS_MAX {
        waiting.push(connect(&network, &wait).await);
    }
    // The last of them may not have been read yet.
    let begun = Instant::now();
    let said = loop {
        let said = answer(&mut connect(&network, "GET /v1/status HTTP/1.1\r\nhost: node\r\n\r\n").await).await;
        if said.starts_with("HTTP/1.1 503") || begun.elapsed() > Duration::from_secs(60) {
            break said;
        }
    };
    let lower = said.to_lowercase();
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(lower.contains("retry-after: 1") && lower.contains("application/problem+json"), "{said}");
    assert!(said.contains("\"code\":\"busy\""), "{said}");
    drop(waiting);
    while network.client.status().await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(120), "the node answers again once the crowd has gone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    network.stop().await;
}

/// Whoever opens the node's address learns what is there, and all of it is.
#[tokio::test(flavor = "multi_thread")]
async fn the_front_page_lists_routes_that_exist() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let get = async |path: &str| {
        let head = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
        whole_answer(&mut connect(&network, &head).await).await
    };
    let front = get("/").await;
    assert!(front.starts_with("HTTP/1.1 200") && front.contains("at block "), "{front}");
    let listed: Vec<&str> = front.lines().filter(|line| line.starts_with('/')).collect();
    assert_eq!(listed.len(), 23, "{front}");
    for line in listed {
        let path =
            line.split([' ', '?', '{']).next().unwrap().replace("...", "0/000").replace("decisions/", "decisions/0/0");
        let path = if path.ends_with('/') { format!("{path}0") } else { path };
        let said = get(&path).await;
        assert!(!said.contains("there is no such route"), "{path}: {said}");
    }
    assert!(get("/v2").await.contains("there is no such route"));
    network.stop().await;
}

/// Whatever number somebody asks by, the answer is one to that question.
#[tokio::test(flavor = "multi_thread")]
async fn the_highest_numbers_are_numbers_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let account = Account::key(&testing::buyer().party, "EUR".parse().unwrap());
    let (most, set) = (u64::MAX, u32::MAX);
    let paths = [
        format!("/v1/blocks?after={most}"),
        format!("/v1/blocks?after={most}&limit={most}"),
        format!("/v1/blocks?limit={most}&wait_ms={most}"),
        format!("/v1/trust?after={set}"),
        format!("/v1/trust?after={most}"),
        format!("/v1/headers?after={most}"),
        format!("/v1/headers?after={most}&limit={most}&wait_ms={most}"),
        format!("/v1/history/{account}?from={most}"),
        format!("/v1/consistency?from=0&to={most}"),
        format!("/v1/consistency?from={most}&to={most}"),
        format!("/v1/snapshots/{most}"),
        format!("/v1/snapshots/{most}/255"),
        // The last tile that there can be, and one more.
        "/tile/0/x072/x057/x594/x037/x927/935".to_owned(),
        "/tile/0/x072/x057/x594/x037/x927/936".to_owned(),
        "/tile/entries/x072/x057/x594/x037/x927/935".to_owned(),
        "/tile/7/000.p/255".to_owned(),
        format!("/tile/{most}/000"),
    ];
    for path in paths {
        let head = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
        let said = whole_answer(&mut connect(&network, &head).await).await;
        let is_answer = ["HTTP/1.1 2", "HTTP/1.1 4"].iter().any(|status| said.starts_with(status));
        assert!(is_answer, "{path}: {said}");
    }
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_or_half_a_head_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let begun = Instant::now();
    let (mut silent, mut half) =
        (connect(&network, "").await, connect(&network, "GET /v1/status HTTP/1.1\r\nhost: no").await);
    let (a, b) = tokio::join!(answer(&mut silent), answer(&mut half));
    assert!(!a.contains("200 OK") && !b.contains("200 OK"), "{a} {b}");
    // Sooner than by the limit that holds for a reader who takes nothing.
    assert!(begun.elapsed() < STALL_MAX, "{:?}", begun.elapsed());
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let head =
        |length: usize| format!("POST /v1/submissions HTTP/1.1\r\nhost: node\r\ncontent-length: {length}\r\n\r\n");
    let said = answer(&mut connect(&network, &head(REQUEST_BYTES_MAX + 1)).await).await;
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("fewer submissions"), "{said}");
    // So many promises as fit the room are waited for, and not one more.
    let mut promises = Vec::new();
    for _ in 0..crate::limits::REQUESTS_BYTES_MAX / REQUEST_BYTES_MAX {
        promises.push(connect(&network, &head(REQUEST_BYTES_MAX)).await);
    }
    let begun = Instant::now();
    let said = loop {
        let said = answer(&mut connect(&network, &(head(1) + "x")).await).await;
        if said.starts_with("HTTP/1.1 503") || begun.elapsed() > Duration::from_secs(60) {
            break said;
        }
    };
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("\"code\":\"busy\""), "{said}");
    assert!(network.client.status().await.is_ok(), "others are served meanwhile");
    network.stop().await;
}
