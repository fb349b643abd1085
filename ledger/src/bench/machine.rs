//! What the machine itself can do, measured in the run that it is compared with.

use super::{BenchError, cpu};
use axum::{Router, routing::get};
use contracts::key::{Domain, Signer, TestSigner};
use serde::Serialize;
use std::{
    fs,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

/// How long each limit is measured.
const WINDOW: Duration = Duration::from_secs(2);
/// Sockets that ask the bare server at once.
const GET_CONNECTIONS: usize = 8;
/// Name of the bare server's threads, by which their CPU is told apart. No digits: see [`cpu`].
const GET_THREAD: &str = "bench-get";

/// Limits of the machine, with the figure of the design that they are held against.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Strict Ed25519 verifications in one thread, per second (design: 30,000).
    pub ed25519_per_second: f64,
    /// Milliseconds of one fdatasync after a write of 4 KiB, median (design: 0.1).
    pub fsync_ms: f64,
    /// Microseconds of the server's CPU for one GET of a small JSON over a kept connection (design: 7.4).
    pub get_us: f64,
    /// SHA-256 of 600 bytes in one thread, per second (design: 3,200,000).
    pub sha256_per_second: f64,
}

pub(super) fn measure(folder: &Path) -> Result<Machine, BenchError> {
    Ok(Machine {
        ed25519_per_second: ed25519(),
        fsync_ms: fsync(folder)?,
        get_us: get_us()?,
        sha256_per_second: sha256(),
    })
}

/// How often `step` runs per second.
fn rate(mut step: impl FnMut()) -> f64 {
    let begun = Instant::now();
    let mut count = 0u64;
    while begun.elapsed() < WINDOW {
        (0..64).for_each(|_| step());
        count += 64;
    }
    count as f64 / begun.elapsed().as_secs_f64()
}

fn ed25519() -> f64 {
    let signer = TestSigner::of(1);
    let network = contracts::id::NetworkId([0; 32]);
    let message = Domain::Transaction.message(&network, &[7; 540]);
    let signature = signer.sign(&message).expect("a key in memory signs");
    let key = signer.public();
    rate(|| key.verify_raw(&message, &signature).expect("the signature was just made"))
}

fn sha256() -> f64 {
    let bytes = [7; 600];
    let mut last = contracts::id::Digest::default();
    let found = rate(|| last = contracts::id::Digest::of(&[&last.0, &bytes]));
    assert_ne!(last, contracts::id::Digest::default(), "the work was done");
    found
}

fn fsync(folder: &Path) -> Result<f64, BenchError> {
    let failed = |error: std::io::Error| BenchError::new("measure fsync", error);
    fs::create_dir_all(folder).map_err(failed)?;
    let path = folder.join("fsync.probe");
    let mut file = fs::File::create(&path).map_err(failed)?;
    let mut times = Vec::new();
    for _ in 0..500 {
        let begun = Instant::now();
        file.write_all(&[0; 4096]).and_then(|()| file.sync_data()).map_err(failed)?;
        times.push(begun.elapsed().as_secs_f64() * 1_000.0);
    }
    fs::remove_file(&path).map_err(failed)?;
    Ok(median(times))
}

/// A bare server in a thread of its own, asked by several plain sockets. What counts is its CPU, as
/// the kernel tells it: the time of a round trip is the client's as much.
fn get_us() -> Result<f64, BenchError> {
    let failed = |error: &dyn std::fmt::Display| BenchError::new("measure a GET", error.to_string());
    let runtime = |name| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).thread_name(name).enable_all().build().map_err(|error| failed(&error))
    };
    let (serving, asking) = (runtime(GET_THREAD)?, runtime("bench-ask")?);
    let listener = serving.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).map_err(|error| failed(&error))?;
    let address = listener.local_addr().map_err(|error| failed(&error))?;
    let app = Router::new().route("/", get(|| async { axum::Json(serde_json::json!({"height": 1})) }));
    let server = serving.spawn(async move { axum::serve(listener, app).await });
    let before = cpu::by_thread();
    let until = Instant::now() + WINDOW;
    let count = asking.block_on(async {
        let askers: Vec<_> = (0..GET_CONNECTIONS).map(|_| tokio::spawn(ask(address, until))).collect();
        let mut count = 0;
        for asker in askers {
            count += asker.await.map_err(std::io::Error::other)??;
        }
        Ok::<u64, std::io::Error>(count)
    });
    let count = count.map_err(|error| failed(&error))?;
    let used = cpu::between(&before, &cpu::by_thread());
    server.abort();
    let seconds = used.get(GET_THREAD).copied().unwrap_or_default();
    Ok(seconds * 1e6 / count.max(1) as f64)
}

/// Asks again and again until `until`; returns how often.
async fn ask(address: std::net::SocketAddr, until: Instant) -> std::io::Result<u64> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut answer, mut count) = ([0; 1024], 0);
    while Instant::now() < until {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
        let mut read = 0;
        // The answer ends with its only closing brace.
        while !answer[..read].ends_with(b"}") {
            let more = stream.read(&mut answer[read..]).await?;
            if more == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            read += more;
        }
        count += 1;
    }
    Ok(count)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
