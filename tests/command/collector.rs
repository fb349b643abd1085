//! A collector of traces: takes OTLP over HTTP, and reads of the protobuf what tests ask for.
//!
//! Field numbers are those of `opentelemetry/proto/trace/v1/trace.proto` and its neighbours.

use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How long spans may take to come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A span as it came.
#[derive(Clone, Debug, Default)]
pub struct Span {
    pub trace: String,
    pub id: String,
    /// Empty where it is the first of its trace.
    pub parent: String,
    pub name: String,
    /// 2 of a server, 3 of a client.
    pub kind: u64,
    pub ended_ns: u64,
    pub attributes: BTreeMap<String, Value>,
    /// Trace and span.
    pub links: Vec<(String, String)>,
    /// What sent it.
    pub resource: Arc<BTreeMap<String, Value>>,
}

impl Span {
    /// An attribute; null where it has none of this name.
    pub fn get(&self, name: &str) -> Value {
        self.attributes.get(name).cloned().unwrap_or_default()
    }

    /// The service that sent it.
    pub fn service(&self) -> &str {
        self.resource["service.name"].as_str().unwrap()
    }
}

/// What came, and with which headers.
#[derive(Default)]
struct Came {
    spans: Vec<Span>,
    heads: Vec<String>,
}

/// A collector that takes everything.
pub struct Collector {
    pub url: String,
    came: Arc<Mutex<Came>>,
}

impl Collector {
    pub fn start() -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).unwrap())
    }

    pub fn on(listener: TcpListener) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let came: Arc<Mutex<Came>> = Arc::default();
        let of_thread = came.clone();
        // It ends with the process of the tests, as its connections do.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, came) = (stream.unwrap(), of_thread.clone());
                std::thread::spawn(move || while take(&stream, &came).is_some() {});
            }
        });
        Self { url, came }
    }

    /// The spans that came so far.
    pub fn spans(&self) -> Vec<Span> {
        self.came.lock().unwrap().spans.clone()
    }

    /// The heads of the requests that came so far.
    pub fn heads(&self) -> Vec<String> {
        self.came.lock().unwrap().heads.clone()
    }

    /// What `find` finds in the spans, as soon as it finds it.
    pub fn wait<T>(&self, what: &str, find: impl Fn(&[Span]) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            let spans = self.spans();
            if let Some(found) = find(&spans) {
                return found;
            }
            let names: Vec<_> = spans.iter().map(|span| (span.service(), &span.name, &span.attributes)).collect();
            assert!(begun.elapsed() < PATIENCE, "{what} does not come; there are {names:#?}");
            // Each look copies all spans, while those who bring more wait.
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Takes one request; `None` when the connection is over.
fn take(stream: &TcpStream, came: &Mutex<Came>) -> Option<()> {
    let (mut reader, mut head, mut length) = (BufReader::new(stream), String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head += &line;
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut came = came.lock().unwrap();
    came.spans.extend(spans(&body));
    came.heads.push(head);
    drop(came);
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").ok()
}

/// A field of a message: a number, or bytes.
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

impl<'b> Field<'b> {
    fn bytes(&self) -> &'b [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(number) => panic!("{number} where bytes belong"),
        }
    }

    fn number(&self) -> u64 {
        match self {
            Self::Number(number) => *number,
            Self::Bytes(_) => panic!("bytes where a number belongs"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }

    fn hex(&self) -> String {
        self.bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for place in 0.. {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(first & 0x7f) << (7 * place);
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}

/// The fields of a message, with their numbers.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                found.push((key >> 3, Field::Number(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            kind => panic!("wire type {kind}"),
        };
        let (value, rest) = bytes.split_at(length);
        bytes = rest;
        let field = match key & 7 {
            2 => Field::Bytes(value),
            _ => Field::Number(value.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))),
        };
        found.push((key >> 3, field));
    }
    found
}

/// The parts of a message that have this number.
fn parts(bytes: &[u8], number: u64) -> impl Iterator<Item = &[u8]> {
    fields(bytes).into_iter().filter(move |(found, _)| *found == number).map(|(_, field)| field.bytes())
}

fn spans(body: &[u8]) -> Vec<Span> {
    let mut found = Vec::new();
    for of_resource in parts(body, 1) {
        let resource = parts(of_resource, 1).flat_map(|resource| parts(resource, 1)).map(attribute);
        let resource: Arc<BTreeMap<_, _>> = Arc::new(resource.collect());
        for of_scope in parts(of_resource, 2) {
            found.extend(parts(of_scope, 2).map(|bytes| Span { resource: resource.clone(), ..span(bytes) }));
        }
    }
    found
}

fn span(bytes: &[u8]) -> Span {
    let mut span = Span::default();
    for (number, field) in fields(bytes) {
        match number {
            1 => span.trace = field.hex(),
            2 => span.id = field.hex(),
            4 => span.parent = field.hex(),
            5 => span.name = field.text(),
            6 => span.kind = field.number(),
            8 => span.ended_ns = field.number(),
            9 => span.attributes.extend([attribute(field.bytes())]),
            13 => span.links.push(link(field.bytes())),
            _ => {}
        }
    }
    span
}

fn link(bytes: &[u8]) -> (String, String) {
    let mut ids = ["".to_owned(), "".to_owned()];
    for (number, field) in fields(bytes).into_iter().filter(|(number, _)| (1..=2).contains(number)) {
        ids[number as usize - 1] = field.hex();
    }
    ids.into()
}

fn attribute(bytes: &[u8]) -> (String, Value) {
    let (mut name, mut value) = (String::new(), Value::Null);
    for (number, field) in fields(bytes) {
        match number {
            1 => name = field.text(),
            _ => {
                for (kind, field) in fields(field.bytes()) {
                    value = match kind {
                        1 => field.text().into(),
                        2 => (field.number() != 0).into(),
                        3 => field.number().cast_signed().into(),
                        kind => panic!("{name} has a value of kind {kind}"),
                    };
                }
            }
        }
    }
    (name, value)
}
