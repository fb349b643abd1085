//! `[retention]`: what a node keeps of old blocks in its store. Without the section it keeps everything.
//!
//! `archive = "DIRECTORY"` is short for a table `[retention.archive]` with `kind = "local"`; with `kind = "s3"` the table
//! names a bucket as `[market.objects]` does.

use super::{Bucket, Contents, contents::Wrong};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, path::PathBuf};

/// The fewest blocks whose signed transactions a store keeps: whoever joins by a snapshot needs the newest 1,200 of
/// them, and some hundreds may pass meanwhile.
const KEEP_BLOCKS_MIN: u64 = 2_048;

/// How signed transactions of old blocks leave the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Those of so many of the newest blocks stay.
    pub keep_blocks: u64,
    /// Where older ones are moved to.
    pub archive: Archive,
}

/// Where old transactions are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Archive {
    /// A directory, relative to the configuration.
    Folder(PathBuf),
    /// A bucket that speaks S3.
    Bucket(Bucket),
}

impl Serialize for Archive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Folder(folder) => folder.serialize(serializer),
            Self::Bucket(bucket) => Contents::S3(bucket.clone()).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Archive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Archive;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a directory, or a table with kind = \"s3\"")
    }

    fn visit_str<E: Error>(self, folder: &str) -> Result<Archive, E> {
        Ok(Archive::Folder(folder.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<Archive, A::Error> {
        Ok(match Contents::deserialize(MapAccessDeserializer::new(table))? {
            Contents::Local { folder } => Archive::Folder(folder),
            Contents::S3(bucket) => Archive::Bucket(bucket),
        })
    }
}

/// Keys of the section.
pub(super) const KEYS: [&str; 2] = ["keep_blocks", "archive"];

impl Retention {
    /// Checks what the types do not: the key, what is wrong, and a remedy.
    pub(super) fn check(&self) -> Result<(), (String, &'static str, &'static str)> {
        if self.keep_blocks < KEEP_BLOCKS_MIN {
            let remedy = "nodes that join need those of the newest 2048 blocks";
            return Err(("keep_blocks".into(), "is less than 2048", remedy));
        }
        match &self.archive {
            Archive::Folder(folder) if folder.as_os_str().is_empty() => {
                Err(("archive".into(), "is empty", "name a directory"))
            }
            Archive::Folder(_) => Ok(()),
            Archive::Bucket(bucket) => {
                bucket.check().map_err(|(key, reason, remedy): Wrong| (format!("archive.{key}"), reason, remedy))
            }
        }
    }

    /// The directory of the archive, where it has one.
    pub fn folder(&self) -> Option<&PathBuf> {
        match &self.archive {
            Archive::Folder(folder) => Some(folder),
            Archive::Bucket(_) => None,
        }
    }

    /// The bucket of the archive, where it has one.
    pub fn bucket(&self) -> Option<&Bucket> {
        match &self.archive {
            Archive::Folder(_) => None,
            Archive::Bucket(bucket) => Some(bucket),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Archive, Config, Observe, Ports, Retention};
    use std::path::Path;

    fn read(section: &str) -> Result<Config, String> {
        let text = toml::to_string(&Config::local(Ports::default())).unwrap() + section;
        Config::parse(Path::new("lonja.toml"), &text).map_err(|error| format!("{error} -- {}", error.remedy()))
    }

    #[test]
    fn what_a_node_keeps_and_begins_with_is_read_and_errors_name_key_and_remedy() {
        let kept = read("[retention]\nkeep_blocks = 100000\narchive = \"archive\"\n").unwrap().retention;
        assert_eq!(kept, Some(Retention { keep_blocks: 100_000, archive: Archive::Folder("archive".into()) }));
        let from = "[observe]\nfrom = [\"http://127.0.0.1:7100\"]\n";
        let observe = |snapshot| Some(Observe { from: vec!["http://127.0.0.1:7100".into()], snapshot });
        assert_eq!(read(from).unwrap().observe, observe(false));
        assert_eq!(read(&format!("{from}snapshot = true\n")).unwrap().observe, observe(true));
        for (section, key, remedy) in [
            ("keep_blocks = 2047\narchive = \"a\"", "retention.keep_blocks", "newest 2048 blocks"),
            ("keep_blocks = 2048\narchive = \"\"", "retention.archive", "name a directory"),
            ("keep_blocks = 2048\narchive = \"node/old\"", "retention.archive", "a directory of its own"),
            ("keep_block = 2048\narchive = \"a\"", "retention.keep_block", "`retention.keep_blocks`"),
        ] {
            let said = read(&format!("[retention]\n{section}\n")).unwrap_err();
            assert!(said.contains(key) && said.contains(remedy), "{said}");
        }
    }

    const BUCKET: &str = "[retention]\nkeep_blocks = 4096\n[retention.archive]\nkind = \"s3\"\n\
        endpoint = \"https://s3.example:9000\"\nbucket = \"old-blocks\"\nprefix = \"harbour\"\ncredentials = \"s3.keys\"\n";

    #[test]
    fn an_archive_lies_in_a_directory_or_in_a_bucket_and_secrets_elsewhere() {
        let config = read(BUCKET).unwrap();
        let Archive::Bucket(bucket) = &config.retention.as_ref().unwrap().archive else { panic!("{config:?}") };
        assert_eq!((bucket.bucket.as_str(), bucket.region.as_str()), ("old-blocks", "us-east-1"));
        assert_eq!(Config::parse(Path::new("x"), &toml::to_string(&config).unwrap()).unwrap(), config);
        let local = "[retention]\nkeep_blocks = 4096\narchive = { kind = \"local\", folder = \"old\" }\n";
        assert_eq!(read(local).unwrap().retention.unwrap().archive, Archive::Folder("old".into()));
        for (from, to, key, remedy) in [
            ("bucket =", "buckt =", "retention.archive.buckt", "`retention.archive.bucket`"),
            ("prefix =", "secret_key =", "retention.archive.secret_key", "mode 600"),
            ("https://", "https://me:hunter2@", "retention.archive.endpoint", "`credentials`"),
            ("https://", "http://", "retention.archive.endpoint", "use https://"),
            ("\"old-blocks\"", "\"Old Blocks\"", "retention.archive.bucket", "3 to 63"),
            ("harbour", "a/../b", "retention.archive.prefix", "single slashes"),
            ("s3.keys", "../s3.keys", "retention.archive.credentials", "whole path"),
            ("4096", "2047", "retention.keep_blocks", "newest 2048 blocks"),
            ("\"s3\"", "\"tape\"", "tape", "correct"),
            ("bucket = \"old-blocks\"\n", "", "bucket", "correct"),
        ] {
            let said = read(&BUCKET.replacen(from, to, 1)).unwrap_err();
            assert!(said.contains(key) && said.contains(remedy) && !said.contains("hunter2"), "{said}");
        }
        let said = read("[retention]\nkeep_blocks = 4096\narchive = 7\n").unwrap_err();
        assert!(said.contains("a directory, or a table"), "{said}");
        let said = read(&local.replace("\"old\"", "\"node/old\"")).unwrap_err();
        assert!(said.contains("retention.archive") && said.contains("a directory of its own"), "{said}");
    }
}
