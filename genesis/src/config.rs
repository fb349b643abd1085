//! `lonja.toml`: where the three services listen and keep their data.
//!
//! Loopback unless told otherwise. WebCrypto works on HTTPS and on localhost only, so any other
//! address must say who does TLS: this process, or a proxy in front of it. Unknown keys are refused
//! with the word that may have been meant, because a setting that is silently ignored is a trap.

mod contents;
mod observe;
mod peers;
mod retention;
mod witnesses;

pub use contents::{Bucket, Contents};
pub use observe::Observe;
pub use peers::Peers;
pub use retention::{Archive, Retention};
pub use witnesses::Witnesses;

use crate::{
    files::{self, Access, FileError},
    limits::CONFIG_BYTES_MAX,
    suggest::nearest,
};
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// The node's port unless told otherwise.
pub const NODE_PORT: u16 = 7100;
/// The marketplace's port unless told otherwise.
pub const MARKET_PORT: u16 = 7200;
/// The explorer's port unless told otherwise.
pub const EXPLORER_PORT: u16 = 7300;
/// The port for other validators unless told otherwise.
pub const PEERS_PORT: u16 = 7400;

/// Where one service listens and keeps its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Address and port.
    pub listen: SocketAddr,
    /// Directory of its data, relative to the configuration.
    pub data: PathBuf,
    /// PEM file of its certificate chain, relative to the configuration; with `tls_key`, it serves HTTPS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the certificate's key, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// A proxy in front of it does TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub behind_proxy: bool,
    /// Where people reach a marketplace or an explorer that has a name, such as `https://market.example.org`: links,
    /// cookies and proofs of keys name it. Made from `listen` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Where the marketplace keeps contents; beside its other data where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Contents>,
}

/// The configuration of a data directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node.
    pub node: Service,
    /// The marketplace.
    pub market: Service,
    /// The explorer.
    pub explorer: Service,
    /// The links of a node to the other validators, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<Peers>,
    /// Where a node that observes gets its blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe: Option<Observe>,
    /// What the node keeps of old blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Who cosigns the node's checkpoints besides the validators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnesses: Option<Witnesses>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not TOML, or a value has the wrong form.
    #[error("{} cannot be read: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        reason: String,
    },
    /// A key that means nothing.
    #[error("{} has the key `{key}`, which means nothing", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The key, with its table.
        key: String,
        /// What may have been meant.
        meant: Option<String>,
    },
    /// A value that is not allowed.
    #[error("{}: `{key}` {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key, with its table.
        key: String,
        /// What is wrong.
        reason: String,
        /// What to do about it.
        remedy: &'static str,
    },
}

impl ConfigError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::File(error) => error.remedy(),
            Self::Syntax { path, .. } => format!("correct {} at the place named above", path.display()),
            Self::Unknown { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
            Self::Unknown { path, .. } => format!("remove it from {}", path.display()),
            Self::Value { remedy, .. } => (*remedy).into(),
        }
    }
}

/// Ports of the three services, and of the node for other validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The node's.
    pub node: u16,
    /// The marketplace's.
    pub market: u16,
    /// The explorer's.
    pub explorer: u16,
    /// The node's for other validators.
    pub peers: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { node: NODE_PORT, market: MARKET_PORT, explorer: EXPLORER_PORT, peers: PEERS_PORT }
    }
}

const SECTIONS: [&str; 7] = ["node", "market", "explorer", "peers", "observe", "retention", "witnesses"];
const KEYS: [&str; 5] = ["listen", "data", "tls_cert", "tls_key", "behind_proxy"];
const MARKET_KEYS: [&str; 7] = ["listen", "data", "tls_cert", "tls_key", "behind_proxy", "public_url", "objects"];
const EXPLORER_KEYS: [&str; 6] = ["listen", "data", "tls_cert", "tls_key", "behind_proxy", "public_url"];
/// How keys are called by which people would write secrets into the configuration.
const SECRET_WORDS: [&str; 4] = ["secret", "access_key", "password", "token"];

impl Service {
    fn local(port: u16, data: &str) -> Self {
        let listen = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let data = data.into();
        let (tls_cert, tls_key, public_url, objects) = (None, None, None, None);
        Self { listen, data, tls_cert, tls_key, behind_proxy: false, public_url, objects }
    }

    /// Where people reach it.
    pub fn reached(&self) -> String {
        self.public_url.as_ref().map_or_else(|| self.url(), |url| url.trim_end_matches('/').to_owned())
    }

    /// Where clients on this machine reach it.
    pub fn url(&self) -> String {
        let scheme = if self.tls_cert.is_some() { "https" } else { "http" };
        let unspecified = self.listen.ip().is_unspecified();
        let host = if unspecified { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { self.listen.ip() };
        format!("{scheme}://{}", SocketAddr::new(host, self.listen.port()))
    }
}

/// Is it `https://`, a host, and a port if any?
fn is_public(url: &str) -> bool {
    let host = url.strip_prefix("https://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    host.is_some_and(|host| host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[') && host.bytes().all(fits))
}

impl Config {
    /// Three services on loopback.
    pub fn local(ports: Ports) -> Self {
        Self {
            node: Service::local(ports.node, "node"),
            market: Service::local(ports.market, "market"),
            explorer: Service::local(ports.explorer, "explorer"),
            peers: None,
            observe: None,
            retention: None,
            witnesses: None,
        }
    }

    fn services(&self) -> [(&'static str, &Service); 3] {
        [("node", &self.node), ("market", &self.market), ("explorer", &self.explorer)]
    }

    /// Checks what no single value shows.
    ///
    /// # Errors
    /// [`ConfigError::Value`], naming file and key.
    pub fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |key: String, reason: &str, remedy| {
            Err(ConfigError::Value { path: path.to_path_buf(), key, reason: reason.into(), remedy })
        };
        for (name, service) in self.services() {
            if service.tls_cert.is_some() != service.tls_key.is_some() {
                let remedy = "name both the certificate and its key, or neither";
                return wrong(format!("{name}.tls_cert"), "and `tls_key` belong together", remedy);
            }
            if !service.listen.ip().is_loopback() && service.tls_cert.is_none() && !service.behind_proxy {
                let remedy = "listen on 127.0.0.1, set tls_cert and tls_key, or set behind_proxy = true \
                              when a proxy in front does TLS";
                return wrong(format!("{name}.listen"), "is reachable from outside without TLS", remedy);
            }
            if service.public_url.as_deref().is_some_and(|url| !is_public(url)) {
                let remedy = "write https:// and the name by which browsers come, with its port if that is not 443, and \
                              no path";
                return wrong(format!("{name}.public_url"), "is no address of a service with TLS", remedy);
            }
            if service.data.as_os_str().is_empty() {
                return wrong(format!("{name}.data"), "is empty", "name a directory");
            }
        }
        if let Some((key, reason, remedy)) = self.market.objects.as_ref().and_then(|objects| objects.check().err()) {
            return wrong(format!("market.objects.{key}"), reason, remedy);
        }
        if let Some((key, reason, remedy)) = self.peers.as_ref().and_then(|peers| peers.check().err()) {
            return wrong(key, reason, remedy);
        }
        if let Some((reason, remedy)) = self.observe.as_ref().and_then(|observe| observe.check().err()) {
            return wrong("observe.from".into(), reason, remedy);
        }
        if let Some((key, reason, remedy)) = self.retention.as_ref().and_then(|retention| retention.check().err()) {
            return wrong(format!("retention.{key}"), reason, remedy);
        }
        if let Some(archive) = self.retention.as_ref().and_then(Retention::folder)
            && let Some((name, _)) = self.services().into_iter().find(|(_, service)| archive.starts_with(&service.data))
        {
            let reason = format!("lies in the directory of `{name}`, which only that service writes");
            return wrong("retention.archive".into(), &reason, "name a directory of its own, as archive = \"archive\"");
        }
        if let Some((key, reason, remedy)) = self.witnesses.as_ref().and_then(|witnesses| witnesses.check().err()) {
            return wrong(format!("witnesses.{key}"), reason, remedy);
        }
        let peers = self.peers.as_ref().map(|peers| peers.listen).filter(|listen| listen.port() != 0);
        if let Some((other, _)) = self.services().into_iter().find(|(_, service)| Some(service.listen) == peers) {
            let reason = format!("is the address of `{other}` too");
            return wrong("peers.listen".into(), &reason, "give other validators a port of their own");
        }
        for (at, (name, service)) in self.services().into_iter().enumerate() {
            let before = &self.services()[..at];
            if let Some((other, _)) = before.iter().find(|(_, o)| o.listen == service.listen && o.listen.port() != 0) {
                let reason = format!("is the address of `{other}` too");
                return wrong(format!("{name}.listen"), &reason, "give each service its own port");
            }
            if let Some((other, _)) = before.iter().find(|(_, o)| o.data == service.data) {
                let reason = format!("is the directory of `{other}` too");
                return wrong(format!("{name}.data"), &reason, "give each service its own directory");
            }
        }
        Ok(())
    }

    /// Reads a configuration from the text of its file; `path` is named in errors only.
    ///
    /// # Errors
    /// [`ConfigError`], naming file, key and remedy.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let syntax =
            |error: toml::de::Error| ConfigError::Syntax { path: path.to_path_buf(), reason: error.to_string() };
        let unknown = |key: &str, table: &str, known: &[&str]| {
            let full = |key: &str| if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
            let meant = nearest(key, known.iter().copied()).map(full);
            ConfigError::Unknown { path: path.to_path_buf(), key: full(key), meant }
        };
        let table: toml::Table = toml::from_str(text).map_err(syntax)?;
        for (service, value) in &table {
            if !SECTIONS.contains(&service.as_str()) {
                return Err(unknown(service, "", &SECTIONS));
            }
            let known: &[&str] = match service.as_str() {
                "market" => &MARKET_KEYS,
                "explorer" => &EXPLORER_KEYS,
                "peers" => &peers::KEYS,
                "observe" => &observe::KEYS,
                "retention" => &retention::KEYS,
                "witnesses" => &witnesses::KEYS,
                _ => &KEYS,
            };
            for key in value.as_table().into_iter().flatten().map(|(key, _)| key) {
                if !known.contains(&key.as_str()) {
                    return Err(unknown(key, service, known));
                }
            }
        }
        for (section, place) in [("market", "objects"), ("retention", "archive")] {
            let within = table.get(section).and_then(|section| section.get(place)).and_then(toml::Value::as_table);
            let Some((key, known)) = within.and_then(contents::stranger) else { continue };
            if SECRET_WORDS.iter().any(|word| key.to_ascii_lowercase().contains(word)) {
                return Err(ConfigError::Value {
                    path: path.to_path_buf(),
                    key: format!("{section}.{place}.{key}"),
                    reason: "is a secret, and secrets never stand here".into(),
                    remedy: "remove it, and name a file of mode 600 by `credentials`",
                });
            }
            return Err(unknown(key, &format!("{section}.{place}"), known));
        }
        let config: Self = toml::from_str(text).map_err(syntax)?;
        config.check(path)?;
        Ok(config)
    }

    /// Reads a configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], naming file, key and remedy.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = files::read(path, CONFIG_BYTES_MAX)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|error| ConfigError::Syntax { path: path.to_path_buf(), reason: error.to_string() })?;
        Self::parse(path, text)
    }

    /// Writes a new configuration file.
    ///
    /// # Errors
    /// [`ConfigError`], naming the file.
    pub fn write(&self, path: &Path) -> Result<(), ConfigError> {
        self.check(path)?;
        let values = toml::to_string(self).expect("a configuration has a TOML form");
        let text = format!(
            "# Where the services of this network listen and keep their data.\n\
             # Keys of each: listen, data, tls_cert, tls_key, behind_proxy. An address other than\n\
             # loopback needs tls_cert and tls_key, or behind_proxy = true. Where people reach marketplace\n\
             # or explorer by a name, public_url says it: https://market.example. The marketplace keeps contents\n\
             # in its data, or where [market.objects] says: kind = \"local\" with folder, or kind = \"s3\" with\n\
             # endpoint, region, bucket, prefix and credentials (a file of mode 600).\n\
             # A validator among several has [peers]: listen, and the addresses of the others by their\n\
             # names. Those links prove keys of the ledger and need no certificate. A node that is no\n\
             # validator has [observe]: from, the URLs of nodes that serve blocks, and snapshot = true to begin\n\
             # with their state instead of executing all blocks. [retention] moves signed transactions\n\
             # of all but the newest keep_blocks blocks into the directory archive, or into the bucket that\n\
             # [retention.archive] names as [market.objects] does. [witnesses] names a policy (C2SP\n\
             # tlog-policy) of those who cosign checkpoints besides the validators.\n\n{values}"
        );
        Ok(files::write_new(path, text.as_bytes(), Access::Public)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        toml::to_string(&Config::local(Ports::default())).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lonja.toml");
        let config = Config::local(Ports::default());
        config.write(&path).unwrap();
        assert_eq!(Config::read(&path).unwrap(), config);
        assert_eq!(config.market.url(), "http://127.0.0.1:7200");
    }

    #[test]
    fn each_error_names_file_key_and_remedy() {
        let check = |from: &str, to: &str, key: &str, remedy: &str| {
            let wrong = text().replacen(from, to, 1);
            assert_ne!(wrong, text(), "{from}");
            let error = Config::parse(Path::new("lonja.toml"), &wrong).unwrap_err();
            let said = format!("{error} -- {}", error.remedy());
            assert!(said.contains("lonja.toml") && said.contains(key) && said.contains(remedy), "{said}");
        };
        check("listen", "lisen", "node.lisen", "`node.listen`");
        check("[market]", "[markt]", "markt", "`market`");
        check("127.0.0.1:7200", "0.0.0.0:7200", "market.listen", "behind_proxy");
        check("127.0.0.1:7200", "127.0.0.1:7100", "market.listen", "its own port");
        check("data = \"market\"", "data = \"node\"", "market.data", "its own directory");
        check("data = \"market\"", "data = \"\"", "market.data", "name a directory");
        check("data = \"node\"", "data = \"node\"\ntls_cert = \"c.pem\"", "node.tls_cert", "both");
        for url in ["http://market.example", "https://", "https://me@market.example", "https://market.example/path"] {
            let told = format!("data = \"market\"\npublic_url = \"{url}\"");
            check("data = \"market\"", &told, "market.public_url", "browsers come");
        }
        check("127.0.0.1:7200", "nowhere", "listen", "correct");
        check("[market]", "[market", "line", "correct");
        check("data = \"node\"", "data = \"node\"\ndata = \"other\"", "duplicate key", "correct");
        check("[market]", "[node]", "duplicate key", "correct");
    }

    #[test]
    fn contents_are_kept_where_it_is_said_and_secrets_elsewhere() {
        let with = |objects: &str| {
            let text = text().replacen("[explorer]", &format!("[market.objects]\n{objects}\n\n[explorer]"), 1);
            Config::parse(Path::new("lonja.toml"), &text)
        };
        let s3 = "kind = \"s3\"\nendpoint = \"https://s3.example:9000\"\nbucket = \"contents\"\nprefix = \"a/b\"\ncredentials = \"s3.keys\"";
        let config = with(s3).unwrap();
        let Some(Contents::S3(bucket)) = &config.market.objects else { panic!("{config:?}") };
        assert_eq!((bucket.region.as_str(), bucket.prefix.as_str()), ("us-east-1", "a/b"));
        assert_eq!(Config::parse(Path::new("x"), &toml::to_string(&config).unwrap()).unwrap(), config);
        assert!(with("kind = \"local\"\nfolder = \"/srv/contents\"").is_ok());
        assert!(with(&s3.replace("https://s3.example", "http://127.0.0.1")).is_ok());
        let check = |objects: &str, key: &str, remedy: &str| {
            let error = with(objects).unwrap_err();
            let said = format!("{error} -- {}", error.remedy());
            assert!(said.contains("lonja.toml") && said.contains(key) && said.contains(remedy), "{said}");
            assert!(!said.contains("hunter2"), "a secret is not repeated: {said}");
        };
        check(&format!("{s3}\nsecret_access_key = \"hunter2\""), "market.objects.secret_access_key", "mode 600");
        check(&s3.replace("https://", "https://me:hunter2@"), "market.objects.endpoint", "`credentials`");
        check(&s3.replace("https://", "http://"), "market.objects.endpoint", "use https://");
        check(&s3.replace("https://s3.example:9000", "s3.example"), "market.objects.endpoint", "write https://");
        check(&s3.replace("9000", "9000/path"), "market.objects.endpoint", "write https://");
        check(&s3.replace("\"contents\"", "\"Con tents\""), "market.objects.bucket", "3 to 63");
        check(&s3.replace("a/b", "a/../b"), "market.objects.prefix", "single slashes");
        check(&s3.replace("a/b", "/a"), "market.objects.prefix", "single slashes");
        check(&s3.replace("s3.keys", "../s3.keys"), "market.objects.credentials", "whole path");
        check(&format!("{s3}\nbuckt = \"x\""), "market.objects.buckt", "`market.objects.bucket`");
        check("kind = \"local\"\nfolder = \"\"", "market.objects.folder", "name a directory");
        check("kind = \"tape\"", "tape", "correct");
        check("kind = \"s3\"", "endpoint", "correct");
        let elsewhere = text().replacen("[market]", "[node.objects]\nkind = \"local\"\nfolder = \"x\"\n\n[market]", 1);
        let error = Config::parse(Path::new("x"), &elsewhere).unwrap_err();
        assert!(error.to_string().contains("node.objects"), "{error}");
    }

    #[test]
    fn other_validators_are_reached_by_name() {
        let others = [("validator-1".to_owned(), 7401)].into_iter();
        let config = Config { peers: Some(Peers::local(7400, others)), ..Config::local(Ports::default()) };
        let whole = toml::to_string(&config).unwrap();
        assert_eq!(Config::parse(Path::new("x"), &whole).unwrap(), config);
        for address in ["v.example:7400", "192.0.2.7:1", "[2001:db8::7]:65535"] {
            Config::parse(Path::new("x"), &whole.replace("127.0.0.1:7401", address)).unwrap();
        }
        let check = |from: &str, to: &str, key: &str, remedy: &str| {
            let error = Config::parse(Path::new("lonja.toml"), &whole.replacen(from, to, 1)).unwrap_err();
            let said = format!("{error} -- {}", error.remedy());
            assert!(said.contains("lonja.toml") && said.contains(key) && said.contains(remedy), "{said}");
        };
        for address in ["v.example", "v.example:0", "v.example:70000", ":7400", "a b:1", "::1:7400", "http://v:7400"] {
            check("127.0.0.1:7401", address, "peers.addresses.validator-1", "host and port");
        }
        check("127.0.0.1:7400", "127.0.0.1:7200", "peers.listen", "a port of their own");
        check("addresses", "adresses", "peers.adresses", "`peers.addresses`");
    }

    #[test]
    fn an_outside_address_says_who_does_tls() {
        let outside = text().replacen("\"127.0.0.1:7200\"", "\"0.0.0.0:7200\"\nbehind_proxy = true", 1);
        assert!(Config::parse(Path::new("x"), &outside).unwrap().market.behind_proxy);
    }
}
