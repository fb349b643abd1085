//! What is allowed where: the tables of the layers test. A new library, crate or exception is one
//! line here, with its reason.

/// A crate, its manifest, and the workspace crates that it may import. Tests of a crate may also
/// use whatever lies further left, since a service's test needs a network to talk to.
pub const ARROWS: &[(&str, &str, &[&str])] = &[
    ("contracts", "contracts/Cargo.toml", &[]),
    ("genesis", "genesis/Cargo.toml", &["contracts"]),
    ("ledger", "ledger/Cargo.toml", &["contracts", "genesis"]),
    ("marketplace", "marketplace/Cargo.toml", &["contracts", "ledger"]),
    ("explorer", "explorer/Cargo.toml", &["contracts", "ledger"]),
    ("lonja", "Cargo.toml", &["contracts", "genesis", "ledger", "marketplace", "explorer"]),
];

/// What a crate's tests may import besides: everything to its left.
pub const TEST_ARROWS: &[(&str, &[&str])] = &[("marketplace", &["genesis"]), ("explorer", &["genesis"])];

/// An outside library (as in a manifest), the crates that may depend on it, and the paths that may
/// name it.
pub const OWNERS: &[(&str, &[&str], &[&str])] = &[
    ("rocksdb", &["ledger"], &["ledger/src/store"]),
    ("jmt", &["ledger"], &["ledger/src/tree"]),
    ("malachite-consensus", &["ledger"], &["ledger/src/ordering/bft"]),
    ("malachite-types", &["ledger"], &["ledger/src/ordering/bft"]),
    ("tokio-rustls", &["ledger"], &["ledger/src/peers"]),
    ("clap", &["lonja"], &["src"]),
    ("clap_complete", &["lonja"], &["src"]),
    ("miette", &["lonja"], &["src"]),
    ("indicatif", &["lonja"], &["src"]),
    ("comfy-table", &["lonja"], &["src"]),
    ("rpassword", &["lonja"], &["src"]),
    ("axum", &["ledger", "marketplace", "explorer", "lonja"], WEB),
    ("axum-server", &["ledger", "marketplace", "explorer"], SERVERS),
    ("tower-http", &["ledger", "marketplace", "explorer"], WEB),
    ("utoipa", &["marketplace", "explorer"], &["marketplace/src", "explorer/src"]),
    ("utoipa-axum", &["marketplace", "explorer"], WEB),
    ("askama", &["marketplace", "explorer"], &["marketplace/src/web", "explorer/src/web"]),
    ("rust-embed", &["marketplace", "explorer"], &["marketplace/src/web", "explorer/src/web"]),
    ("tantivy", &["marketplace"], &["marketplace/src/search"]),
    ("argon2", &["genesis"], &["genesis/src"]),
    ("cryptoki", &["genesis"], &["genesis/src/token"]),
    ("opentelemetry", &["lonja"], &["src/traces"]),
    ("opentelemetry_sdk", &["lonja"], &["src/traces"]),
    ("opentelemetry-http", &["lonja"], &["src/traces"]),
    ("opentelemetry-otlp", &["lonja"], &["src/traces"]),
    ("tracing-opentelemetry", &["lonja"], &["src/traces", "src/log"]),
    ("tracing-subscriber", &["lonja"], &["src/log"]),
    (
        "object_store",
        &["ledger", "marketplace"],
        &["ledger/src/bucket", "ledger/src/archive", "marketplace/src/objects", "marketplace/src/api/problem"],
    ),
];

/// Where a node, a witness or a service binds its socket.
pub const SERVERS: &[&str] =
    &["ledger/src/api", "ledger/src/witness/http", "marketplace/src/service", "explorer/src/web"];

/// Where HTTP is spoken; `ledger/src/bench` measures a bare axum beside the node.
pub const WEB: &[&str] = &[
    "ledger/src/api",
    "ledger/src/witness/http",
    "marketplace/src/api",
    "marketplace/src/web",
    "explorer/src/api",
    "explorer/src/web",
    "ledger/src/bench",
    "src/command/bench",
];

/// Paths, what they must not name, what of that is allowed all the same (words between spaces), and why.
pub struct Fence {
    pub inside: &'static [&'static str],
    pub never: &'static str,
    pub unless: &'static str,
    pub why: &'static str,
}

pub const FENCES: &[Fence] = &[
    Fence {
        inside: &["contracts/src"],
        never: "tokio:: rocksdb:: axum:: clap:: reqwest:: rayon:: parking_lot:: tracing:: rand:: getrandom:: std::fs \
                std::time std::env std::net std::thread std::process std::os std::sync::atomic Mutex RwLock \
                SystemTime Instant HashMap HashSet RandomState DefaultHasher OsRng f32 f64 println! eprintln! print! \
                eprint! thread_local!",
        unless: "",
        why: "the rules must give every machine the same answer for ever: no world, no chance, no floats, no random order",
    },
    Fence {
        inside: &["genesis/src"],
        never: "ledger:: marketplace:: explorer:: tokio:: axum:: rocksdb:: reqwest::",
        unless: "",
        why: "a network is born before there is a ledger or a runtime",
    },
    Fence {
        inside: &["ledger/src"],
        never: "marketplace:: explorer::",
        unless: "",
        why: "the machine knows nothing of the services that read it",
    },
    Fence {
        inside: &["ledger/src/block", "ledger/src/tree", "ledger/src/log", "ledger/src/receipt", "ledger/src/ordering"],
        never: "tokio:: axum:: reqwest:: rocksdb:: rand:: getrandom:: std::fs std::net std::thread SystemTime Instant \
                crate::store crate::api crate::node",
        unless: "",
        why: "these take values and return values, so that a bug replays from a seed",
    },
    Fence {
        inside: &["ledger/src/store"],
        never: "crate::api crate::snapshot crate::node crate::chain crate::replica crate::voting crate::era \
                crate::unexecuted crate::audit crate::bundle crate::bench crate::peers crate::witness crate::mempool",
        unless: "",
        why: "the store keeps what it is given; those who use it stand above it",
    },
    Fence {
        inside: &["marketplace/src"],
        never: "explorer:: genesis:: ledger::node ledger::store ledger::genesis",
        unless: "ledger::store::kv",
        why: "the marketplace reads the ledger through the client; it is not the node and reads no key files",
    },
    Fence {
        inside: &["explorer/src"],
        never: "marketplace:: genesis:: ledger::node ledger::store ledger::genesis Signer SigningKey SecretKey \
                ed25519_dalek:: ed25519_zebra::",
        unless: "ledger::store::kv",
        why: "the explorer holds no signing key, so nobody can make it speak for a party",
    },
    Fence {
        inside: &["contracts/src", "ledger/src", "marketplace/src", "explorer/src"],
        never: "SigningKey::generate OsRng",
        unless: "",
        why: "secret keys are made in genesis and nowhere else",
    },
    Fence {
        inside: &["contracts/src", "genesis/src", "ledger/src", "marketplace/src", "explorer/src"],
        never: "println! eprintln! print! eprint! std::process::exit miette:: anyhow::",
        unless: "",
        why: "libraries return what happened; only the command speaks to people",
    },
];

/// Never anywhere, tests included.
pub const NEVER: &[&str] = &["todo!", "unimplemented!", "dbg!", "unsafe"];

/// File and folder names that say nothing about what is inside.
pub const EMPTY_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "misc", "shared", "manager", "base", "stuff", "impl"];

/// At this length a file has a second idea in it.
pub const FILE_LINES_MAX: usize = 500;

/// Longer files that are allowed to stay, with their most lines. The list may only shrink: a file
/// that has become short enough must leave it.
pub const LONG_FILES: &[(&str, usize)] = &[];

/// Packages that must not come back into the lock file, and why.
pub const UNWANTED_PACKAGES: &[(&str, &str)] = &[
    ("aws-lc-sys", "a second TLS crypto library; rustls uses ring"),
    ("aws-lc-rs", "a second TLS crypto library; rustls uses ring"),
    ("openssl-sys", "a second TLS library; rustls uses ring"),
    ("json-ld", "carries advisories; oxjsonld reads JSON-LD"),
    ("problem_details", "pulls utoipa 5 beside 6"),
    ("biscuit-auth", "carries advisories"),
    ("madsim", "unmaintained"),
    ("figment", "unmaintained"),
];
