//! A server that speaks the part of S3 that contents and archives use. It stands in for a provider's service,
//! which is outside of our control: it shows that requests have the right form, are signed with the right key over
//! what they ask and the digest of their body, and that answers are read rightly. Whether a certain provider agrees,
//! only that provider shows.

#![allow(clippy::unwrap_used, reason = "a test's server stops at what it does not expect")]

use contracts::id::Digest;
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

/// Whom the server lets in.
pub const ACCESS_KEY: &str = "AKEXAMPLE";
/// By which requests are signed.
pub const SECRET_KEY: &str = "hunter2-hunter2";
/// The one bucket that there is.
pub const BUCKET: &str = "contents";
const DATE: &str = "Wed, 01 Jan 2025 00:00:00 GMT";
/// The longest body of a request: what tests send has parts of 8 MiB.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a port may be somebody else's.
const BIND_MAX: Duration = Duration::from_secs(30);

/// What the server holds and has seen.
#[derive(Default)]
pub struct Held {
    /// Objects by their names.
    pub objects: BTreeMap<String, Vec<u8>>,
    /// Uploads that are neither completed nor aborted, with their parts.
    pub uploads: HashMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Method and name of every request that was let in.
    pub requests: Vec<String>,
    /// Requests without the right signature, or with a digest that is not their body's.
    pub refused: usize,
    /// What is to be answered with an error.
    pub faults: Vec<Fault>,
}

/// An error instead of an answer.
pub struct Fault {
    /// For requests with this method.
    pub method: &'static str,
    /// And this in their path or query.
    pub within: &'static str,
    /// Status code and reason.
    pub status: &'static str,
    /// The code that the answer names.
    pub code: &'static str,
}

/// The server, until it is dropped or stopped.
pub struct Server {
    /// Where it listens.
    pub url: String,
    /// What it holds.
    pub held: Arc<Mutex<Held>>,
    address: SocketAddr,
    serving: Option<JoinHandle<()>>,
}

struct Request {
    method: String,
    target: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

struct Reply {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn reply(status: &'static str, body: impl Into<Vec<u8>>) -> Reply {
    Reply { status, headers: Vec::new(), body: body.into() }
}

fn error(status: &'static str, code: &str) -> Reply {
    // As a provider does, it repeats whom it does not let in.
    reply(status, format!("<Error><Code>{code}</Code><AWSAccessKeyId>{ACCESS_KEY}</AWSAccessKeyId></Error>"))
}

impl Server {
    /// A server on a free port of the loopback.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        Self::start_at(0).await
    }

    /// A server on this port of the loopback, which nobody else takes where it is to listen [again](Self::again).
    ///
    /// # Panics
    /// When somebody has it.
    pub async fn start_at(port: u16) -> Self {
        let held: Arc<Mutex<Held>> = Arc::default();
        let (address, serving) = serve(([127, 0, 0, 1], port).into(), held.clone()).await;
        Self { url: format!("http://{address}"), held, address, serving: Some(serving) }
    }

    /// Nobody listens there any more.
    ///
    /// # Panics
    /// When it is stopped already.
    pub async fn stop(&mut self) {
        let serving = self.serving.take().unwrap();
        serving.abort();
        drop(serving.await);
    }

    /// Listens again, where it did.
    ///
    /// # Panics
    /// When somebody else does.
    pub async fn again(&mut self) {
        self.serving = Some(serve(self.address, self.held.clone()).await.1);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

async fn serve(address: SocketAddr, held: Arc<Mutex<Held>>) -> (SocketAddr, JoinHandle<()>) {
    let listener = bind(address).await;
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        // Ends with this task.
        let mut open = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let held = held.clone();
            open.spawn(async move { while_open(BufReader::new(stream), &held).await });
        }
    });
    (address, serving)
}

/// A port that the system chose may be that of somebody's connection for a moment, while nobody listens there.
async fn bind(address: SocketAddr) -> TcpListener {
    let begun = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => assert!(begun.elapsed() < BIND_MAX, "{address}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn while_open(mut stream: BufReader<TcpStream>, held: &Mutex<Held>) {
    while let Some(request) = read(&mut stream).await {
        let reply = {
            let mut held = held.lock().unwrap();
            if is_signed(&request) {
                held.requests.push(format!("{} {}", request.method, request.key));
                held.fault(&request).unwrap_or_else(|| held.answer(&request))
            } else {
                held.refused += 1;
                error("403 Forbidden", "SignatureDoesNotMatch")
            }
        };
        let mut head = format!("HTTP/1.1 {}\r\n", reply.status);
        let length = reply.headers.iter().any(|(name, _)| *name == "content-length");
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !length {
            head += &format!("content-length: {}\r\n", reply.body.len());
        }
        let bytes = [head.as_bytes(), b"\r\n", if request.method == "HEAD" { &[] } else { &reply.body }].concat();
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    if stream.read_line(&mut line).await.ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_string(), words.next()?.to_string());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_string()),
            None => break,
        };
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    assert!(length <= BODY_BYTES_MAX, "{length} bytes");
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_string(), value.to_string())
    };
    let query = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
    let key = path.strip_prefix(&format!("/{BUCKET}/")).unwrap_or_default().to_string();
    Some(Request { method, key, query, headers, body, target })
}

/// Is the request signed by the key that we let in, over all that it asks? AWS Signature Version 4, "Create a signed
/// request".
fn is_signed(request: &Request) -> bool {
    let header = |name: &str| request.headers.get(name).map(String::as_str).unwrap_or_default();
    let part = |name: &str| {
        let rest = header("authorization").split_once(&format!("{name}="));
        rest.map(|(_, rest)| rest.split(',').next().unwrap_or_default()).unwrap_or_default()
    };
    let (credential, names, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
    let Some(scope) = credential.strip_prefix(&format!("{ACCESS_KEY}/")) else { return false };
    let digest = header("x-amz-content-sha256");
    let query: Vec<_> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let path = request.target.split('?').next().unwrap_or_default();
    let headers: String = names.split(';').map(|name| format!("{name}:{}\n", header(name))).collect();
    let canonical = [&request.method, path, &query.join("&"), &headers, names, digest].join("\n");
    let canonical = Digest::of(&[canonical.as_bytes()]);
    let signed = ["AWS4-HMAC-SHA256", header("x-amz-date"), scope, &canonical.to_string()].join("\n");
    let key = scope.split('/').fold(format!("AWS4{SECRET_KEY}").into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    let covered = ["host", "x-amz-content-sha256", "x-amz-date"];
    covered.iter().all(|needed| names.split(';').any(|name| name == *needed))
        && digest == Digest::of(&[&request.body]).to_string()
        && signature == hex::encode(hmac(&key, signed.as_bytes()))
}

/// HMAC with SHA-256 (RFC 2104), of keys that are no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |with: u8| {
        let mut block = [with; 64];
        key.iter().zip(&mut block).for_each(|(byte, padded)| *padded ^= byte);
        block
    };
    Digest::of(&[&padded(0x5c), &Digest::of(&[&padded(0x36), message]).0]).0.to_vec()
}

impl Held {
    fn fault(&self, request: &Request) -> Option<Reply> {
        let is_for = |fault: &&Fault| request.method == fault.method && request.target.contains(fault.within);
        self.faults.iter().find(is_for).map(|fault| error(fault.status, fault.code))
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let (key, query) = (&request.key, &request.query);
        match (request.method.as_str(), query.get("uploadId")) {
            ("POST", None) if query.contains_key("uploads") => {
                let id = format!("upload-{}", self.uploads.len() + self.requests.len());
                self.uploads.insert(id.clone(), BTreeMap::new());
                let names = format!("<Bucket>{BUCKET}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId>");
                reply("200 OK", format!("<InitiateMultipartUploadResult>{names}</InitiateMultipartUploadResult>"))
            }
            ("PUT", Some(id)) => {
                let Some(parts) = self.uploads.get_mut(id) else { return error("404 Not Found", "NoSuchUpload") };
                parts.insert(query["partNumber"].parse().unwrap(), request.body.clone());
                Reply { headers: vec![("etag", "\"part\"".into())], ..reply("200 OK", "") }
            }
            ("POST", Some(id)) => {
                let Some(parts) = self.uploads.remove(id) else { return error("404 Not Found", "NoSuchUpload") };
                self.objects.insert(key.clone(), parts.into_values().flatten().collect());
                let names = format!("<Bucket>{BUCKET}</Bucket><Key>{key}</Key><ETag>\"whole\"</ETag>");
                reply("200 OK", format!("<CompleteMultipartUploadResult>{names}</CompleteMultipartUploadResult>"))
            }
            ("DELETE", Some(id)) => {
                self.uploads.remove(id);
                reply("204 No Content", "")
            }
            ("PUT", None) => {
                self.objects.insert(key.clone(), request.body.clone());
                Reply { headers: vec![("etag", "\"whole\"".into())], ..reply("200 OK", "") }
            }
            ("DELETE", None) => {
                self.objects.remove(key);
                reply("204 No Content", "")
            }
            ("GET" | "HEAD", None) => self.get(request),
            _ => error("400 Bad Request", "NotImplemented"),
        }
    }

    fn get(&self, request: &Request) -> Reply {
        let Some(bytes) = self.objects.get(&request.key) else { return error("404 Not Found", "NoSuchKey") };
        let mut headers = vec![("etag", "\"whole\"".to_string()), ("last-modified", DATE.into())];
        let range = request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let (first, last) = match range {
            None => {
                headers.push(("content-length", bytes.len().to_string()));
                return Reply { status: "200 OK", headers, body: bytes.clone() };
            }
            // The last so many.
            Some(("", most)) => (bytes.len().saturating_sub(most.parse().unwrap()), bytes.len().wrapping_sub(1)),
            Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
        };
        if first >= bytes.len() {
            return error("416 Range Not Satisfiable", "InvalidRange");
        }
        let last = last.min(bytes.len() - 1);
        headers.push(("content-range", format!("bytes {first}-{last}/{}", bytes.len())));
        Reply { status: "206 Partial Content", headers, body: bytes[first..=last].to_vec() }
    }
}
