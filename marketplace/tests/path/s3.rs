//! A server that speaks the part of S3 that the market uses. It stands in for a provider's service,
//! which is outside of our control: it shows that requests have the right form, carry a signature and
//! the digest of their body, and that answers are read rightly. Whether a certain provider agrees, only
//! that provider shows.

use contracts::id::Digest;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Whom the server lets in.
pub const ACCESS_KEY: &str = "AKEXAMPLE";
/// The one bucket that there is.
pub const BUCKET: &str = "contents";
const DATE: &str = "Wed, 01 Jan 2025 00:00:00 GMT";

/// What the server holds and has seen.
#[derive(Default)]
pub struct Held {
    pub objects: BTreeMap<String, Vec<u8>>,
    pub uploads: HashMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Method and target of every request that was let in.
    pub requests: Vec<String>,
    /// Requests without a signature, or with a digest that is not their body's.
    pub refused: usize,
}

pub struct Server {
    pub url: String,
    pub held: Arc<Mutex<Held>>,
}

struct Request {
    method: String,
    key: String,
    query: HashMap<String, String>,
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

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let held: Arc<Mutex<Held>> = Arc::default();
        let shared = held.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let held = shared.clone();
                tokio::spawn(async move { while_open(BufReader::new(stream), &held).await });
            }
        });
        Self { url, held }
    }
}

async fn while_open(mut stream: BufReader<TcpStream>, held: &Mutex<Held>) {
    while let Some(request) = read(&mut stream).await {
        let reply = if signed(&request) {
            let mut held = held.lock().unwrap();
            held.requests.push(format!("{} {}", request.method, request.key));
            held.answer(&request)
        } else {
            held.lock().unwrap().refused += 1;
            reply("403 Forbidden", "<Error><Code>SignatureDoesNotMatch</Code></Error>")
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
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_string(), value.to_string())
    };
    let query = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
    let key = path.strip_prefix(&format!("/{BUCKET}/")).unwrap_or_default().to_string();
    Some(Request { method, key, query, headers, body })
}

fn signed(request: &Request) -> bool {
    let authorization = request.headers.get("authorization").map(String::as_str).unwrap_or_default();
    let digest = request.headers.get("x-amz-content-sha256").map(String::as_str).unwrap_or_default();
    authorization.starts_with(&format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/"))
        && authorization.rsplit_once("Signature=").is_some_and(|(_, signature)| signature.len() == 64)
        && digest == Digest::of(&[&request.body]).to_string()
}

impl Held {
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
                let Some(parts) = self.uploads.get_mut(id) else { return reply("404 Not Found", "") };
                parts.insert(query["partNumber"].parse().unwrap(), request.body.clone());
                Reply { headers: vec![("etag", "\"part\"".into())], ..reply("200 OK", "") }
            }
            ("POST", Some(id)) => {
                let Some(parts) = self.uploads.remove(id) else { return reply("404 Not Found", "") };
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
            _ => reply("400 Bad Request", "<Error><Code>NotImplemented</Code></Error>"),
        }
    }

    fn get(&self, request: &Request) -> Reply {
        let Some(bytes) = self.objects.get(&request.key) else {
            return reply("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>");
        };
        let mut headers = vec![("etag", "\"whole\"".to_string()), ("last-modified", DATE.into())];
        let range = request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let Some((first, last)) = range else {
            headers.push(("content-length", bytes.len().to_string()));
            return Reply { status: "200 OK", headers, body: bytes.clone() };
        };
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let last = last.min(bytes.len() - 1);
        headers.push(("content-range", format!("bytes {first}-{last}/{}", bytes.len())));
        Reply { status: "206 Partial Content", headers, body: bytes[first..=last].to_vec() }
    }
}
