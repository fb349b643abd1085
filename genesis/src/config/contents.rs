//! `[market.objects]`: where the marketplace keeps contents; and buckets, in whichever section they stand.
//!
//! A folder beside its other data, unless told otherwise; or a bucket that speaks S3. What opens a
//! bucket never stands in the configuration: it comes from a file that only its owner can read, or
//! from the environment.

use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// Where contents are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Contents {
    /// A folder of this machine.
    Local {
        /// Which, relative to the configuration.
        folder: PathBuf,
    },
    /// A bucket that speaks S3.
    S3(Bucket),
}

/// A bucket that speaks S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// `https://` and a host; plain `http://` only to this machine.
    pub endpoint: String,
    /// As the provider calls it.
    #[serde(default = "region")]
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// Put before every name, as `market/contents`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// File with the access key in its first line and the secret in its second, mode 600. Where it is
    /// left out, the environment has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<PathBuf>,
}

/// Many servers that are not Amazon's take this one.
fn region() -> String {
    "us-east-1".into()
}

/// Keys of each kind.
const LOCAL_KEYS: [&str; 2] = ["kind", "folder"];
/// See [`LOCAL_KEYS`].
const S3_KEYS: [&str; 6] = ["kind", "endpoint", "region", "bucket", "prefix", "credentials"];

/// The first key that a table of either kind must not have, and those that it may.
pub(super) fn stranger(table: &toml::Table) -> Option<(&String, &'static [&'static str])> {
    let known: &[&str] = match table.get("kind").and_then(toml::Value::as_str) {
        Some("s3") => &S3_KEYS,
        Some("local") => &LOCAL_KEYS,
        // The kind is what is wrong, and is named where it is read.
        _ => &["kind", "folder", "endpoint", "region", "bucket", "prefix", "credentials"],
    };
    table.keys().find(|key| !known.contains(&key.as_str())).map(|key| (key, known))
}

/// What of a value is wrong: key, reason, remedy.
pub type Wrong = (&'static str, &'static str, &'static str);

impl Contents {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Key, reason and remedy.
    pub fn check(&self) -> Result<(), Wrong> {
        match self {
            Self::Local { folder } if folder.as_os_str().is_empty() => {
                Err(("folder", "is empty", "name a directory, or leave [market.objects] out"))
            }
            Self::Local { .. } => Ok(()),
            Self::S3(bucket) => bucket.check(),
        }
    }
}

impl Bucket {
    pub(super) fn check(&self) -> Result<(), Wrong> {
        self.check_endpoint()?;
        let region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.region.is_empty() || self.region.len() > 64 || !self.region.bytes().all(region) {
            let remedy = "write it as the provider does, as eu-west-1; most servers of your own take us-east-1";
            return Err(("region", "is no name of a region", remedy));
        }
        let bucket = |byte: u8| region(byte) || byte == b'.';
        if !(3..=63).contains(&self.bucket.len()) || !self.bucket.bytes().all(bucket) || self.bucket.contains("..") {
            let remedy = "a bucket has 3 to 63 small letters, digits, dots and dashes";
            return Err(("bucket", "is no name of a bucket", remedy));
        }
        let plain = |part: &str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && part != "." && part != ".." && part.bytes().all(letter)
        };
        if !self.prefix.is_empty() && (self.prefix.len() > 256 || !self.prefix.split('/').all(plain)) {
            let remedy =
                "write parts of letters, digits, `-`, `_` and `.` with single slashes between, as market/contents";
            return Err(("prefix", "is no plain path", remedy));
        }
        let nowhere =
            |path: &Path| path.as_os_str().is_empty() || path.components().any(|part| part == Component::ParentDir);
        if self.credentials.as_deref().is_some_and(nowhere) {
            return Err(("credentials", "is empty, or climbs by `..`", "name a file, best with its whole path"));
        }
        Ok(())
    }

    fn check_endpoint(&self) -> Result<(), Wrong> {
        const REMEDY: &str = "write https:// and host, and a port if there is one, as https://s3.example:9000";
        let (plain, host) = match (self.endpoint.strip_prefix("https://"), self.endpoint.strip_prefix("http://")) {
            (Some(host), _) => (false, host),
            (_, Some(host)) => (true, host),
            _ => return Err(("endpoint", "is no web address", REMEDY)),
        };
        let host = host.strip_suffix('/').unwrap_or(host);
        if host.contains('@') {
            return Err(("endpoint", "carries a name or password", "put them into the file that `credentials` names"));
        }
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        if host.is_empty() || host.len() > 255 || !host.bytes().all(letter) {
            return Err(("endpoint", "is more or less than a host", REMEDY));
        }
        let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
        if plain && !matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
            let remedy = "use https://; plain http:// would show what is kept there to whoever is on the way";
            return Err(("endpoint", "is not encrypted and not on this machine", remedy));
        }
        Ok(())
    }
}
