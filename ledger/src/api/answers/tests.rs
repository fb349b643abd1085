//! A node among readers who ask for much and take nothing.

use super::*;
use crate::{
    api::{client::Client, server},
    testing::Network,
};
use futures_util::StreamExt;
use std::io::{Seek, Write};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

/// How long things may take that come about by themselves.
const SOON: Duration = Duration::from_secs(60);
/// What no test comes to: where room is given back, it is not since time is over.
const LONG_TIME: Duration = Duration::from_secs(600);
const SHORT_TIME: Duration = Duration::from_secs(6);

/// Room for sixteen times what one connection may have.
fn bounds() -> Bounds {
    Bounds {
        short: 4 * UNIT,
        shorts: 1024 * UNIT,
        longs: 1024 * UNIT,
        connection: 128 * UNIT,
        patience: LONG_TIME,
        bytes_per_second: u64::MAX,
    }
}

impl Answers {
    fn is_empty(&self) -> bool {
        (self.shorts.available_permits(), self.longs.available_permits())
            == (self.bounds.shorts / UNIT, self.bounds.longs / UNIT)
    }

    async fn until_empty(&self) {
        let empty = async {
            while !self.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, empty).await.expect("all room is given back");
    }
}

/// A client of HTTP/2 that opens its window for nothing and answers pings. It writes the few frames that it needs (RFC
/// 9113) and reads of a status whether it is 200, which has a sign of its own (RFC 7541, appendix A).
struct Shut {
    stream: TcpStream,
    next: u32,
}

impl Shut {
    async fn connect(address: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        let mut client = Self { stream, next: 1 };
        // SETTINGS_INITIAL_WINDOW_SIZE is 0.
        client.write(4, 0, 0, &[0, 4, 0, 0, 0, 0]).await;
        client
    }

    async fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = (payload.len() as u32).to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.stream.write_all(&[&head, payload].concat()).await.unwrap();
    }

    /// The next frame: its kind, flags and payload; `None` once the connection has ended.
    async fn read(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }

    /// Asks for `path` so many times at once. Returns how many are answered by 200.
    async fn ask(&mut self, path: &str, times: usize) -> usize {
        // `:method GET`, `:scheme http`, `:path` and `:authority` as they are.
        let text = |name: u8, value: &str| [&[name, value.len() as u8], value.as_bytes()].concat();
        let fields = [vec![0x82, 0x86], text(0x04, path), text(0x01, "node")].concat();
        for _ in 0..times {
            let stream = self.next;
            self.next += 2;
            self.write(1, 0b101, stream, &fields).await;
        }
        let (mut heads, mut taken) = (0, 0);
        while heads < times {
            let (kind, flags, payload) = self.read().await.expect("the connection is there");
            match kind {
                1 => (heads, taken) = (heads + 1, taken + usize::from(payload[0] == 0x88)),
                4 if flags == 0 => self.write(4, 1, 0, &[]).await,
                6 if flags == 0 => self.write(6, 1, 0, &payload).await,
                _ => {}
            }
        }
        taken
    }

    /// Waits until the node has ended the connection.
    async fn until_ended(mut self) {
        while let Some((kind, flags, payload)) = self.read().await {
            if (kind, flags) == (6, 0) {
                self.write(6, 1, 0, &payload).await;
            }
        }
    }
}

/// What a node answers to one question over HTTP/1.1, whole.
async fn said(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A node that is served with bounds of its own.
struct Served {
    answers: Answers,
    address: String,
    good: Client,
    stop: tokio::sync::oneshot::Sender<()>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn within(bounds: Bounds, network: &Network) -> Self {
        let (answers, listener) = (Answers::within(bounds), TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
        let address = listener.local_addr().unwrap().to_string();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = server::serve_within(listener, network.handle(), async { drop(stopped.await) }, answers.clone());
        let good = Client::new(&format!("http://{address}"), network.anchor.clone()).unwrap();
        Self { answers, address, good, stop, server: tokio::spawn(serving) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_much_and_takes_nothing_has_a_share() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    network.grow(24).await;
    let Served { answers, address, good, stop, server } = Served::within(bounds(), &network).await;
    let path = "/v1/blocks?after=0";
    let page = good.get(path).await.unwrap().len();
    let Bounds { short, connection, longs, .. } = bounds();
    assert!(page > short && page < connection / 2, "{page} bytes");
    answers.until_empty().await;

    // It has its share, and others are served meanwhile.
    let mut first = Shut::connect(&address).await;
    assert_eq!(first.ask(path, 20).await, connection / page);
    assert_eq!(good.get(path).await.unwrap().len(), page);
    assert!(!answers.is_empty());
    drop(first);
    answers.until_empty().await;

    // Of many there is no room for long answers; still it says how it is.
    let (mut crowd, mut held) = (Vec::new(), 0);
    while held + page <= longs - connection {
        let mut one = Shut::connect(&address).await;
        held += one.ask(path, connection / page + 1).await * page;
        crowd.push(one);
    }
    for _ in 0..2 {
        let mut one = Shut::connect(&address).await;
        one.ask(path, connection / page + 1).await;
        crowd.push(one);
    }
    let refused = said(&address, path).await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("\"code\":\"busy\""), "{refused}");
    assert!(refused.to_lowercase().contains("retry-after: 1"), "{refused}");
    assert!(good.status().await.unwrap().healthy);
    drop(crowd);
    answers.until_empty().await;
    assert_eq!(good.get(path).await.unwrap().len(), page);
    drop(stop);
    server.await.unwrap().unwrap();
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_nothing_is_let_go_after_a_while_and_who_waits_for_a_block_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    network.grow(24).await;
    let bounds = Bounds { patience: SHORT_TIME, ..bounds() };
    let (connection, served) = (bounds.connection, Served::within(bounds, &network).await);
    let Served { answers, address, good, stop, server } = served;
    let path = "/v1/blocks?after=0";
    let page = good.get(path).await.unwrap().len();
    let mut some = Vec::new();
    for _ in 0..3 {
        let mut one = Shut::connect(&address).await;
        assert!(one.ask(path, connection / page + 1).await > 0);
        some.push(one);
    }
    // Their time is over, though they answer pings.
    tokio::time::timeout(SOON, async {
        for one in some {
            one.until_ended().await;
        }
    })
    .await
    .expect("they are let go");
    answers.until_empty().await;
    assert_eq!(good.get(path).await.unwrap().len(), page);

    // Who waits for the next block waits for longer than an answer may take.
    let tip = network.handle().status().height;
    let wait = format!("/v1/blocks?after={}&wait_ms={}", tip + 9, 2 * SHORT_TIME.as_millis());
    assert_eq!(good.get(&wait).await.unwrap(), [0; 4], "an empty list, and no connection that was ended");
    drop(stop);
    server.await.unwrap().unwrap();
    network.stop().await;
}

fn answering(bounds: Bounds) -> Answering {
    Answering { answers: Answers::within(bounds), line: Line::default() }
}

#[tokio::test]
async fn a_file_is_in_memory_by_frames() {
    let bytes: Vec<u8> = (0..20 * ANSWER_FRAME_BYTES + 7).map(|at| at as u8).collect();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    file.rewind().unwrap();
    let answering = answering(Bounds { connection: 1024 * UNIT, ..bounds() });
    let held = || bounds().longs - answering.answers.longs.available_permits() * UNIT;
    let mut frames = answering.file(file, bytes.len() as u64).unwrap().into_data_stream();
    let mut on_their_way = Vec::new();
    for _ in 0..ANSWER_FRAMES_AT_ONCE {
        on_their_way.push(frames.next().await.unwrap().unwrap());
    }
    let next = tokio::time::timeout(Duration::from_millis(50), frames.next()).await;
    assert!(next.is_err(), "no more is read while those are on their way");
    assert_eq!(held(), ANSWER_FRAME_BYTES * ANSWER_FRAMES_AT_ONCE);
    let mut read = on_their_way.concat();
    let last = on_their_way.pop();
    drop(on_their_way);
    while let Some(frame) = frames.next().await {
        read.extend_from_slice(&frame.unwrap());
    }
    assert!(read == bytes);
    drop(frames);
    assert!(!answering.answers.is_empty(), "one frame is on its way");
    drop(last);
    answering.answers.until_empty().await;
    assert!(!answering.line.over().is_cancelled());
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_its_connection_and_one_that_is_does_not() {
    let time = Duration::from_millis(50);
    let answering = answering(Bounds { patience: time, ..bounds() });
    drop(answering.hold(UNIT, 1).unwrap());
    tokio::time::sleep(2 * time).await;
    assert!(!answering.line.over().is_cancelled());
    let slow =
        Answering { answers: Answers::within(Bounds { bytes_per_second: 1, ..bounds() }), line: Line::default() };
    let _long = slow.hold(UNIT, 3_600).unwrap();
    let _held = answering.hold(UNIT, 1).unwrap();
    let over = answering.line.over();
    tokio::time::timeout(SOON, over.cancelled()).await.expect("it ends");
    assert!(!slow.line.over().is_cancelled());
}

/// Those that may wait for an archive are none of the others' concern.
#[tokio::test]
async fn so_many_long_answers_are_made_at_once() {
    let answering = answering(bounds());
    let mut turns = Vec::new();
    for _ in 0..ARCHIVE_READS_MAX {
        turns.push(answering.turn(true).await.unwrap());
    }
    let next = tokio::time::timeout(Duration::from_millis(50), answering.turn(true)).await;
    // A machine that pauses may end its wait as well.
    assert!(!matches!(next, Ok(Ok(_))), "it waits");
    assert!(answering.turn(false).await.is_ok());
    turns.pop();
    assert!(answering.turn(true).await.is_ok());
}
