//! Strangers who knock at the port, and what they keep from whom.

use super::*;
use contracts::key::{SignError, Signature};
use std::{io, sync::atomic::AtomicUsize};
use tokio::net::TcpSocket;

/// Whoever may take his time.
const PATIENT: Times = Times { handshake: Duration::from_secs(60), ..QUICK };

/// Validator 1 with the key `signer`.
fn one(listener: TcpListener, signer: Arc<dyn Signer>, addresses: &[SocketAddr], times: Times) -> End {
    let inbox = Arc::new(Kept::default());
    let config = Config { network: NETWORK, signer, peers: others(1, addresses), times };
    End { peers: Peers::start(listener, config, inbox.clone()).unwrap(), inbox }
}

/// A connection from an address that nobody else here has.
async fn from_elsewhere(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, 0, 2), 0).into())?;
    socket.connect(to).await
}

/// Comes, and comes again when it is turned out, for as long as this runs.
async fn loiter(to: SocketAddr) {
    loop {
        if let Ok(mut stream) = from_elsewhere(to).await {
            let _it_is_out = stream.read(&mut [0]).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Tries a handshake as one who is nobody.
async fn knock(to: SocketAddr) {
    let config = Identity::new(signer(98)).dialling(signer(1).public()).unwrap();
    let Ok(stream) = from_elsewhere(to).await else { return };
    let name = ServerName::IpAddress(Ipv4Addr::UNSPECIFIED.into());
    if let Ok(mut stream) = TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        let _it_is_out = stream.read(&mut [0]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_say_nothing_keep_no_validator_out() {
    for elsewhere in [true, false] {
        let (mut listeners, addresses) = listeners(2).await;
        let one = one(listeners.remove(1), signer(1), &addresses, PATIENT);
        let mut crowd = tokio::task::JoinSet::new();
        let mut waiting = Vec::new();
        for _ in 0..40 {
            match elsewhere {
                true => drop(crowd.spawn(loiter(addresses[1]))),
                // From where the validator comes too, though once alone.
                false => waiting.push(TcpStream::connect(addresses[1]).await.unwrap()),
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let zero = start(listeners.remove(0), NETWORK, 0, others(0, &addresses));
        until("it comes in", || linked(&one) == 1 && linked(&zero) == 1).await;
        assert!(zero.peers.send(1, b"in".to_vec().into()));
        until("it is heard", || one.inbox.frames.lock().len() == 1).await;
        drop((crowd, waiting));
    }
}

/// A key that counts what it signs, and does not answer while it is away.
struct Watched {
    key: Arc<TestSigner>,
    signed: AtomicUsize,
    away: AtomicBool,
}

impl Watched {
    fn new(away: bool) -> Arc<Self> {
        Arc::new(Self { key: signer(1), signed: AtomicUsize::new(0), away: AtomicBool::new(away) })
    }
}

impl Signer for Watched {
    fn public(&self) -> PublicKey {
        self.key.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        while self.away.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.signed.fetch_add(1, Ordering::Relaxed);
        self.key.sign(message)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_make_our_key_sign_at_a_pace() {
    let (mut listeners, addresses) = listeners(2).await;
    let key = Watched::new(false);
    let one = one(listeners.remove(1), key.clone(), &addresses, QUICK);
    let begun = Instant::now();
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..200 {
        crowd.spawn(knock(addresses[1]));
    }
    crowd.join_all().await;
    let paced = begun.elapsed().as_millis() / PEER_HANDSHAKE_EVERY.as_millis();
    let (signed, most) = (key.signed.load(Ordering::Relaxed), PEER_HANDSHAKES_AT_ONCE as usize + 1 + paced as usize);
    assert!((1..=most).contains(&signed), "{signed} of 200, {most} were due after {:?}", begun.elapsed());
    assert_eq!(linked(&one), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_does_not_answer_keeps_nobody_waiting_but_handshakes() {
    let (mut listeners, addresses) = listeners(3).await;
    let key = Watched::new(true);
    // It dials one and is dialled by the other.
    let one = one(listeners.remove(1), key.clone(), &addresses, QUICK);
    let zero = start(listeners.remove(0), NETWORK, 0, others(0, &addresses));
    let two = start(listeners.remove(0), NETWORK, 2, others(2, &addresses));
    let crowd: Vec<_> = (0..8).map(|_| tokio::spawn(knock(addresses[1]))).collect();
    // No timer of the runtime may be relied upon before it is known that it goes on.
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..8 {
        let (tell, told) = std::sync::mpsc::channel();
        tokio::spawn(async move { tell.send(()) });
        told.recv_timeout(PATIENCE).expect("the runtime goes on");
    }
    assert_eq!(linked(&one), 0);
    key.away.store(false, Ordering::Relaxed);
    until("all are linked", || [&zero, &one, &two].iter().all(|end| linked(end) == 2)).await;
    crowd.iter().for_each(tokio::task::JoinHandle::abort);
}
