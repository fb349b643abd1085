//! What strangers can take: time, connections, heads, bodies, attempts. Each has an end, and the market
//! goes on serving others.

use super::support::World;
use ledger::limits::{HEAD_BYTES_MAX, HEAD_TIME_MAX};
use marketplace::limits::{ENTRY_ATTEMPTS_PER_MINUTE, JSON_BYTES_MAX, REQUEST_TIME_MAX};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How late what has an end may come on a machine that stands still for seconds.
const MARGIN: Duration = Duration::from_secs(60);
/// No byte for so long after others, and the answer is over.
const SILENCE: Duration = Duration::from_secs(10);

/// Sends `head`, then a byte now and then, and says what came back and how long it took until the last of it, or until the
/// end where nothing came.
async fn trickle(world: &World, head: &str) -> (String, Duration) {
    let mut stream = TcpStream::connect(world.running.as_ref().unwrap().addr).await.unwrap();
    let began = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut answer, mut came, mut buffer) = (Vec::new(), None, [0; 4_096]);
    loop {
        let patience = if answer.is_empty() { Duration::from_secs(1) } else { SILENCE };
        match tokio::time::timeout(patience, stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(count)) => {
                answer.extend_from_slice(&buffer[..count]);
                came = Some(began.elapsed());
            }
            Err(_) if answer.is_empty() => drop(stream.write_all(b"x").await),
            Err(_) => break,
        }
        assert!(began.elapsed() < REQUEST_TIME_MAX + MARGIN, "held for ever");
    }
    (String::from_utf8_lossy(&answer).into_owned(), came.unwrap_or_else(|| began.elapsed()))
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_slowly_is_let_go() {
    let world = World::start().await;
    let host = "host: x\r\ncontent-type: application/json\r\n";
    let slow_head = format!("GET /health HTTP/1.1\r\n{host}x-slow: ");
    let slow_body = format!("POST /api/v1/quotes HTTP/1.1\r\n{host}content-length: 1000\r\n\r\n{{");
    let (head, first, body) = tokio::join!(trickle(&world, &slow_head), silent(&world), trickle(&world, &slow_body));
    assert!(head.1 < HEAD_TIME_MAX + MARGIN && !head.0.contains("200 OK"), "{head:?}");
    assert!(first < HEAD_TIME_MAX + MARGIN, "a connection that never speaks: {first:?}");
    assert!(body.1 >= REQUEST_TIME_MAX && body.1 < REQUEST_TIME_MAX + MARGIN, "{body:?}");
    // Side by side, so that whatever delays one delays the others: who has no head yet goes long before a request does.
    assert!(head.1 < body.1 && first < body.1, "{head:?}, {first:?}, {body:?}");
    assert!(body.0.contains("504") && body.0.contains("\"code\":\"timeout\""), "{}", body.0);
    world.get("/health", None).await.expect(200);
    world.network.stop().await;
}

/// How long a connection stays open that says nothing.
async fn silent(world: &World) -> Duration {
    let mut stream = TcpStream::connect(world.running.as_ref().unwrap().addr).await.unwrap();
    let began = Instant::now();
    let ended = tokio::time::timeout(HEAD_TIME_MAX + MARGIN, stream.read(&mut [0; 16])).await;
    assert!(ended.is_ok(), "still open after {:?}", began.elapsed());
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_bodies_and_attempts_have_an_end() {
    let world = World::start().await;
    let long = world.http.get(world.url("/health")).header("x-long", "x".repeat(3 * HEAD_BYTES_MAX));
    assert_eq!(long.send().await.unwrap().status(), 431, "no head of any length");
    let many = (0..100).fold(world.http.get(world.url("/health")), |all, n| all.header(format!("x-{n}"), "x"));
    assert_eq!(many.send().await.unwrap().status(), 431, "no number of headers");
    let body = " ".repeat(JSON_BYTES_MAX + 1);
    let large = world.http.post(world.url("/api/v1/quotes")).header("content-type", "application/json").body(body);
    let said = world.send(large, None).await.problem(413, "too-large");
    assert!(said.contains(&JSON_BYTES_MAX.to_string()), "{said}");
    // Cut off in the middle: nothing of it is taken, and the market goes on.
    let mut stream = TcpStream::connect(world.running.as_ref().unwrap().addr).await.unwrap();
    let head = "POST /api/v1/parties HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{\"name\"";
    stream.write_all(head.as_bytes()).await.unwrap();
    drop(stream);

    // While the first are made, more are allowed: one in so much time. A slow machine gets further, and nobody further
    // than that.
    let (begun, each) = (Instant::now(), Duration::from_secs(60) / ENTRY_ATTEMPTS_PER_MINUTE);
    let mut passed = 0;
    let refused = loop {
        let got = world.post("/api/v1/sessions", None, &json!({"token": "guess"})).await;
        if got.status == 429 {
            break got;
        }
        got.problem(401, "not-valid");
        passed += 1;
        assert!(passed < 20 * ENTRY_ATTEMPTS_PER_MINUTE, "guessing has an end");
    };
    let more = begun.elapsed().as_millis() / each.as_millis() + 1;
    assert!(u128::from(passed) <= u128::from(ENTRY_ATTEMPTS_PER_MINUTE) + more, "{passed} with {more} more");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(refused.headers["ratelimit"].to_str().unwrap(), format!("\"entry\";r=0;t={wait}"));
    assert!(refused.headers.contains_key("ratelimit-policy") && refused.body["retryable"] == true);
    let said = refused.problem(429, "too-many-requests");
    assert!(said.contains("try again in"), "{said}");
    world.get("/health", None).await.expect(200);

    let metrics = world.http.get(world.url("/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("lonja_market_requests_limited_total 1") && metrics.ends_with("# EOF\n"), "{metrics}");
    for secret in ["guess", "127.0.0.1", &world.market().gateway().to_string()] {
        assert!(!metrics.contains(secret), "{secret} stands in the metrics");
    }
    let passed_on = world.http.get(world.url("/metrics")).header("x-forwarded-for", "192.0.2.1");
    world.send(passed_on, None).await.problem(403, "forbidden");
    world.network.stop().await;
}
