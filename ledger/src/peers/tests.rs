//! Links over real sockets, and strangers who knock at them.

mod strangers;

use super::{frame, identity::Identity, link, *};
use crate::limits::{
    PEER_FRAME_BYTES_MAX, PEER_HANDSHAKE_EVERY, PEER_HANDSHAKES_AT_ONCE, PEER_QUEUE_FRAMES_MAX, PEER_SPARE_BYTES_MAX,
    PEER_SPARE_FRAMES_MAX,
};
use contracts::key::TestSigner;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

const NETWORK: NetworkId = NetworkId([7; 32]);
const PATIENCE: Duration = Duration::from_secs(30);
/// Gives up soon, for tests of that; a machine that is busy with something else for as long breaks such a link.
const QUICK: Times = Times {
    handshake: Duration::from_millis(400),
    frame: Duration::from_millis(400),
    keep_alive: Duration::from_millis(100),
    silence: Duration::from_millis(500),
    redial: Duration::from_millis(200),
    held_off: Duration::from_millis(1_500),
};
/// Gives up late enough for machines that pause.
const CALM: Times = Times { handshake: PATIENCE, frame: PATIENCE, silence: PATIENCE, ..QUICK };
/// Gives up first on a frame, then on a handshake, then on silence, each well apart from the others.
const APART: Times = Times {
    handshake: Duration::from_secs(2),
    frame: Duration::from_secs(1),
    silence: Duration::from_secs(4),
    ..QUICK
};

/// Keeps what arrives, as long as it has room.
#[derive(Default)]
struct Kept {
    frames: Mutex<Vec<(u16, Vec<u8>)>>,
    full: AtomicBool,
}

impl Inbox for Kept {
    fn receive(&self, from: u16, frame: Vec<u8>) -> bool {
        let room = !self.full.load(Ordering::Relaxed);
        if room {
            self.frames.lock().push((from, frame));
        }
        room
    }
}

struct End {
    peers: Peers,
    inbox: Arc<Kept>,
}

/// The lower key dials, so validators have ascending ones here. Of two strangers, 98 has a lower one than all,
/// and 99 a higher one.
fn signer(number: u16) -> Arc<TestSigner> {
    let mut seeds: Vec<u16> = (900..912).collect();
    seeds.sort_by_key(|seed| TestSigner::of(*seed).public());
    let place = match number {
        98 => 0,
        99 => 11,
        number => usize::from(number) + 1,
    };
    Arc::new(TestSigner::of(seeds[place]))
}

fn others(number: u16, addresses: &[SocketAddr]) -> Vec<Peer> {
    let peer = |(other, address): (u16, &SocketAddr)| Peer {
        number: other,
        key: signer(other).public(),
        address: Some(address.to_string()),
    };
    (0..).zip(addresses).filter(|(other, _)| *other != number).map(peer).collect()
}

fn start(listener: TcpListener, network: NetworkId, key: u16, peers: Vec<Peer>) -> End {
    start_with(CALM, listener, network, key, peers)
}

fn start_with(times: Times, listener: TcpListener, network: NetworkId, key: u16, peers: Vec<Peer>) -> End {
    let inbox = Arc::new(Kept::default());
    let config = Config { network, signer: signer(key), peers, times };
    End { peers: Peers::start(listener, config, inbox.clone()).unwrap(), inbox }
}

async fn listeners(count: usize) -> (Vec<TcpListener>, Vec<SocketAddr>) {
    let mut listeners = Vec::new();
    for _ in 0..count {
        listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
    }
    let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
    (listeners, addresses)
}

async fn mesh(count: u16) -> (Vec<End>, Vec<SocketAddr>) {
    mesh_with(CALM, count).await
}

async fn mesh_with(times: Times, count: u16) -> (Vec<End>, Vec<SocketAddr>) {
    let (listeners, addresses) = listeners(usize::from(count)).await;
    let ends = (0..count)
        .zip(listeners)
        .map(|(number, listener)| start_with(times, listener, NETWORK, number, others(number, &addresses)));
    (ends.collect(), addresses)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn linked(end: &End) -> usize {
    end.peers.status().iter().filter(|status| status.connected).count()
}

fn reason(end: &End, number: u16) -> String {
    let status = end.peers.status().into_iter().find(|status| status.number == number).unwrap();
    status.reason.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_go_both_ways_in_order_also_the_largest() {
    let (ends, _) = mesh(3).await;
    until("all are linked", || ends.iter().all(|end| linked(end) == 2)).await;
    let large = vec![5; PEER_FRAME_BYTES_MAX];
    for number in 0..3u16 {
        for to in (0..3).filter(|to| *to != number) {
            for frame in 0..100u8 {
                assert!(ends[usize::from(number)].peers.send(to, vec![frame + 1].into()));
            }
            assert!(ends[usize::from(number)].peers.send(to, large.clone().into()));
        }
    }
    until("all has arrived", || ends.iter().all(|end| end.inbox.frames.lock().len() == 2 * 101)).await;
    for (number, end) in (0..3).zip(&ends) {
        for from in (0..3).filter(|from| *from != number) {
            let frames = end.inbox.frames.lock();
            let theirs: Vec<_> = frames.iter().filter(|(sender, _)| *sender == from).map(|(_, frame)| frame).collect();
            assert!((0..100).all(|at| *theirs[at] == [at as u8 + 1]) && *theirs[100] == large);
        }
    }
    for end in &ends {
        end.peers.stop().await;
        assert!(end.peers.tasks.is_empty() && linked(end) == 0);
        assert!(!end.peers.send(1, vec![1].into()), "nothing waits for a link that is over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strange_key_is_refused_at_either_end() {
    let (mut listeners, addresses) = listeners(2).await;
    // Whoever answers at the address of validator 1 has the key of nobody.
    let impostor = start(listeners.remove(1), NETWORK, 99, others(1, &addresses));
    let honest = start(listeners.remove(0), NETWORK, 0, others(0, &addresses));
    until("it is refused", || !reason(&honest, 1).is_empty()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((linked(&honest), linked(&impostor)), (0, 0));

    let (mut listeners, addresses) = self::listeners(2).await;
    let honest = start(listeners.remove(1), NETWORK, 1, others(1, &addresses));
    let impostor = start(listeners.remove(0), NETWORK, 98, others(0, &addresses));
    until("it is refused", || !reason(&impostor, 1).is_empty()).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((linked(&honest), linked(&impostor)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_is_refused_and_named() {
    let (mut ears, addresses) = listeners(2).await;
    let ours = start(ears.remove(1), NETWORK, 1, others(1, &addresses));
    let theirs = start(ears.remove(0), NetworkId([8; 32]), 0, others(0, &addresses));
    until("both say why", || [reason(&ours, 0), reason(&theirs, 1)].iter().all(|why| why.contains("of network"))).await;
    assert!(reason(&ours, 0).contains(&NetworkId([8; 32]).to_string()), "{}", reason(&ours, 0));
    assert_eq!((linked(&ours), linked(&theirs)), (0, 0));
}

/// A connection that has proven the key of validator `as_validator`, and said nothing yet.
async fn dial(address: &SocketAddr, as_validator: u16, to: u16) -> TlsStream<TcpStream> {
    let config = Identity::new(signer(as_validator)).dialling(signer(to).public()).unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into());
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}

/// A validator 1, and a link of its validator 0 that is held by hand.
async fn by_hand(times: Times) -> (End, SocketAddr, TlsStream<TcpStream>) {
    let (mut listeners, addresses) = listeners(2).await;
    let end = start_with(times, listeners.remove(1), NETWORK, 1, others(1, &addresses));
    let mut stream = dial(&addresses[1], 0, 1).await;
    link::greet(&mut stream, &NETWORK).await.unwrap();
    until("it is linked", || linked(&end) == 1).await;
    (end, addresses[1], stream)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_too_long_breaks_the_link_before_it_takes_memory() {
    let (end, address, mut stream) = by_hand(CALM).await;
    stream.write_u32(PEER_FRAME_BYTES_MAX as u32 + 1).await.unwrap();
    stream.flush().await.unwrap();
    until("the link is broken", || linked(&end) == 0).await;
    assert!(reason(&end, 0).contains(&format!("allowed are {PEER_FRAME_BYTES_MAX}")), "{}", reason(&end, 0));
    let mut again = dial(&address, 0, 1).await;
    link::greet(&mut again, &NETWORK).await.unwrap();
    frame::write(&mut again, b"back").await.unwrap();
    again.flush().await.unwrap();
    until("it is back", || end.inbox.frames.lock().last() == Some(&(0, b"back".to_vec()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_half_is_let_go_in_time() {
    let (end, address, mut half) = by_hand(APART).await;
    // Half a frame, then silence.
    half.write_u32(1_000).await.unwrap();
    half.write_all(&[1; 400]).await.unwrap();
    half.flush().await.unwrap();
    until("half a frame is given up", || reason(&end, 0).contains("a frame did not end within 1000 ms")).await;
    // A link without any frame.
    let mut mute = dial(&address, 0, 1).await;
    link::greet(&mut mute, &NETWORK).await.unwrap();
    until("silence is given up", || reason(&end, 0).contains("nothing was heard within 4000 ms")).await;
    // Nothing at all, half a handshake, and no hello: the connection ends, and nobody else is kept waiting.
    let (mut nothing, mut torn) =
        (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
    torn.write_all(&[22, 3, 1, 2, 0, 1]).await.unwrap();
    let mut shy = dial(&address, 0, 1).await;
    let begun = Instant::now();
    let mut byte = [0; 64];
    assert!(matches!(nothing.read(&mut byte).await, Ok(0) | Err(_)));
    while matches!(torn.read(&mut byte).await, Ok(1..)) {}
    while matches!(shy.read(&mut byte).await, Ok(1..)) {}
    assert!(begun.elapsed() < PATIENCE);
    assert_eq!(linked(&end), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_kept_alive_lasts_and_a_newer_one_takes_its_place() {
    let (end, address, mut first) = by_hand(CALM).await;
    for _ in 0..10 {
        frame::write(&mut first, &[]).await.unwrap();
        first.flush().await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(linked(&end), 1);
    }
    let mut second = dial(&address, 0, 1).await;
    link::greet(&mut second, &NETWORK).await.unwrap();
    // The first ends, and the second stays.
    let mut rest = Vec::new();
    let _either_way_it_ends = first.read_to_end(&mut rest).await;
    frame::write(&mut second, b"second").await.unwrap();
    second.flush().await.unwrap();
    until("the second speaks", || end.inbox.frames.lock().last() == Some(&(0, b"second".to_vec()))).await;
    assert_eq!(linked(&end), 1);
    // Keep-alives of the other end came too: nothing but empty frames.
    assert!(rest.iter().all(|byte| *byte == 0) && rest.len() > 4, "{rest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_room_is_dropped_and_counted() {
    let (ends, _) = mesh(2).await;
    until("both are linked", || ends.iter().all(|end| linked(end) == 1)).await;
    ends[1].inbox.full.store(true, Ordering::Relaxed);
    let (mut sent, mut lost) = (0, 0);
    // The link takes frames out meanwhile, as fast as the machine lets it.
    while lost == 0 && sent < 100 * PEER_QUEUE_FRAMES_MAX as u64 {
        if ends[0].peers.send(1, vec![1; 5_000].into()) { sent += 1 } else { lost += 1 }
    }
    let status = |end: &End| end.peers.status().remove(0);
    until("all has been handled", || status(&ends[1]).refused == sent).await;
    assert_eq!((status(&ends[0]).lost, status(&ends[1]).received), (lost, 0));
    assert!(lost > 0, "the queue is bounded");
    ends[1].inbox.full.store(false, Ordering::Relaxed);
    assert!(ends[0].peers.send(1, b"room".to_vec().into()));
    until("there is room again", || ends[1].inbox.frames.lock().len() == 1).await;
}

#[test]
fn submissions_take_no_room_of_votes_and_go_after_them() {
    let peer = peer::PeerState::new(1, None);
    let _held = peer.hold(&CancellationToken::new());
    let many = 2 * PEER_QUEUE_FRAMES_MAX;
    let frame = |byte: u8| -> Arc<[u8]> { vec![byte; 10].into() };
    assert_eq!((0..many).filter(|_| peer.queue_spare(frame(1))).count(), PEER_SPARE_FRAMES_MAX);
    assert_eq!((0..many).filter(|_| peer.queue(frame(2))).count(), PEER_QUEUE_FRAMES_MAX);
    let gone: Vec<u8> = std::iter::from_fn(|| peer.try_next()).map(|frame| frame[0]).collect();
    let expected = [vec![2; PEER_QUEUE_FRAMES_MAX], vec![1; PEER_SPARE_FRAMES_MAX]].concat();
    assert!(gone == expected, "{} frames", gone.len());
    assert!(!peer.queue_spare(vec![1; PEER_SPARE_BYTES_MAX + 1].into()));
    assert!(peer.queue_spare(vec![1; PEER_SPARE_BYTES_MAX].into()), "what was taken gave its room back");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_slowly_what_is_sent_keeps_its_link() {
    // A machine that pauses takes less for one frame.
    let times = Times { frame: Duration::from_secs(8), silence: Duration::from_secs(30), ..APART };
    let (end, _, stream) = by_hand(times).await;
    let (mut from, mut to) = tokio::io::split(stream);
    let alive = tokio::spawn(async move {
        loop {
            frame::write(&mut to, &[]).await.unwrap();
            to.flush().await.unwrap();
            tokio::time::sleep(QUICK.keep_alive).await;
        }
    });
    // More than the sockets hold: something waits all the time, and each frame is taken soon.
    let (waiting, bytes) = (600, 100_000);
    let begun = Instant::now();
    let (mut sent, mut taken) = (0, 0);
    while begun.elapsed() < times.frame * 5 / 4 {
        while sent < taken + waiting {
            assert!(end.peers.send(0, vec![7; bytes].into()));
            sent += 1;
        }
        let length = frame::length(&mut from).await.unwrap_or_else(|_| panic!("after {taken}: {}", reason(&end, 0)));
        let body = frame::body(&mut from, length).await.unwrap();
        if length > 0 {
            assert_eq!((body.len(), body[0]), (bytes, 7));
            taken += 1;
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
    }
    assert_eq!(linked(&end), 1, "after {taken} frames: {}", reason(&end, 0));
    alive.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_is_reached_again() {
    let (ends, addresses) = mesh(2).await;
    let mut ends = ends.into_iter();
    let (zero, one) = (ends.next().unwrap(), ends.next().unwrap());
    until("both are linked", || linked(&zero) == 1).await;
    one.peers.stop().await;
    drop(one);
    until("it is gone", || linked(&zero) == 0).await;
    assert!(!zero.peers.send(1, vec![1].into()));
    let listener = TcpListener::bind(addresses[1]).await.unwrap();
    let one = start(listener, NETWORK, 1, others(1, &addresses));
    until("it is back", || linked(&zero) == 1 && linked(&one) == 1).await;
    assert!(zero.peers.send(1, b"again".to_vec().into()));
    until("it hears", || one.inbox.frames.lock().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_moved_is_dialled_where_it_is_said_to_be() {
    let (ends, addresses) = mesh(2).await;
    let mut ends = ends.into_iter();
    let (zero, one) = (ends.next().unwrap(), ends.next().unwrap());
    until("both are linked", || linked(&zero) == 1).await;
    assert!(!zero.peers.move_to(&signer(1).public(), &addresses[1].to_string()), "it is there");
    one.peers.stop().await;
    drop(one);
    let (mut listeners, elsewhere) = listeners(1).await;
    let one = start(listeners.remove(0), NETWORK, 1, others(1, &addresses));
    until("it is missed", || linked(&zero) == 0).await;
    tokio::time::sleep(2 * QUICK.redial).await;
    assert_eq!(linked(&zero), 0, "nobody said where it is");
    assert!(zero.peers.move_to(&signer(1).public(), &elsewhere[0].to_string()));
    until("it is found", || linked(&zero) == 1 && linked(&one) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bytes_make_it_panic() {
    let (end, address, first) = by_hand(CALM).await;
    drop(first);
    for seed in 0..200u64 {
        let bytes: Vec<u8> = (0..8).flat_map(|at| bytes_of(seed, at)).collect();
        let bytes = &bytes[..1 + seed as usize % bytes.len()];
        if seed % 2 == 0 {
            // Instead of a handshake.
            let mut stranger = TcpStream::connect(address).await.unwrap();
            let _it_may_have_gone = stranger.write_all(bytes).await;
        } else {
            // As frames of a validator.
            let mut known = dial(&address, 0, 1).await;
            link::greet(&mut known, &NETWORK).await.unwrap();
            let _it_may_have_gone = known.write_all(bytes).await;
            let _it_may_have_gone = known.flush().await;
        }
    }
    let mut known = dial(&address, 0, 1).await;
    link::greet(&mut known, &NETWORK).await.unwrap();
    frame::write(&mut known, b"alive").await.unwrap();
    known.flush().await.unwrap();
    until("it goes on", || end.inbox.frames.lock().last() == Some(&(0, b"alive".to_vec()))).await;
}

fn bytes_of(seed: u64, at: u64) -> [u8; 32] {
    contracts::id::Digest::of(&[&seed.to_be_bytes(), &at.to_be_bytes()]).0
}

#[tokio::test(flavor = "multi_thread")]
async fn who_commits_too_many_faults_is_held_off_and_let_in_again() {
    // So long that it is seen; a machine that pauses sees the next link otherwise.
    let times = Times { held_off: Duration::from_secs(10), ..CALM };
    let (ends, _) = mesh_with(times, 2).await;
    until("both are linked", || ends.iter().all(|end| linked(end) == 1)).await;
    let status = |end: &End| end.peers.status().remove(0);
    // The one who dials holds the other off, and the other way round.
    for (judge, wrong) in [(0, 1), (1, 0)] {
        let begun = Instant::now();
        (0..63).for_each(|_| ends[judge].peers.blame(wrong, "a test"));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(linked(&ends[judge]), 1, "so many are borne");
        // Some may be forgiven by now, and the link ends a little after the last.
        let mut last = 0;
        until("the link has ended", || {
            let is_linked = linked(&ends[judge]) == 1;
            if is_linked {
                ends[judge].peers.blame(wrong, "the last");
                last += 1;
            }
            !is_linked
        })
        .await;
        until("it is named", || reason(&ends[judge], wrong).contains("faults, the last: the last")).await;
        assert!(!ends[judge].peers.send(wrong, vec![1].into()));
        until("it is let in again", || ends.iter().all(|end| linked(end) == 1)).await;
        assert!(begun.elapsed() >= times.held_off, "{:?}", begun.elapsed());
        let status = status(&ends[judge]);
        assert_eq!((status.faults, status.fault.as_deref()), (63 + last, Some("the last")));
    }
    assert!(ends[0].peers.send(1, b"again".to_vec().into()));
    until("it is heard", || ends[1].inbox.frames.lock().len() == 1).await;
}
