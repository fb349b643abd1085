//! The list of what is in a backup, `backup.json`: written last, so that a backup with one is whole.
//!
//! It is bound to itself by a digest: a byte that changed in it is found as in any other file. That tells damage, and
//! not somebody who may write there: that one could write another digest too.

use crate::{
    output,
    problem::{Exit, Problem, file},
};
use contracts::id::{Digest, Height, NetworkId, TimeMs};
use genesis::files::{self, Access};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    path::{Component, Path},
};

/// Its name in the backup.
pub const FILE: &str = "backup.json";
const FORMAT: &str = "lonja/backup/v1";
/// Bytes of the list: some two million files.
const MANIFEST_BYTES_MAX: u64 = 512 << 20;
/// Bytes of a file's name in the backup.
const NAME_BYTES_MAX: usize = 512;

/// What is in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    /// Of which network.
    pub network: NetworkId,
    /// Where its ledger stands; nothing where the directory has none.
    pub ledger: Option<Stand>,
    /// The bucket that has the contents, which are not in the backup then.
    pub contents_in_bucket: Option<String>,
    /// The bucket that has the transactions of old blocks, which are not in the backup then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive_in_bucket: Option<String>,
    /// All files but this one, in the order of their names.
    pub files: Vec<Entry>,
}

/// Where a ledger stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stand {
    /// Height of its newest block.
    pub height: Height,
    /// Time of that block, which is the time of the backup.
    pub time_ms: TimeMs,
    /// Entries of the log.
    pub log_size: u64,
    /// Its root.
    pub log_root: Digest,
    /// Root of the state.
    pub state_root: Digest,
}

impl Stand {
    /// For people.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("ledger", format!("height {}, {}", self.height, output::time(self.time_ms))),
            ("log", format!("{} entries, root {}", self.log_size, self.log_root)),
            ("state root", self.state_root.to_string()),
        ]
    }
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name from the backup's folder on, with `/` between folders.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Of all of it.
    pub sha256: Digest,
}

/// As it lies in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bound {
    backup: Manifest,
    /// Over the rest in its shortest form.
    sha256: Digest,
}

/// Buckets that have what is not in a backup.
#[derive(Default)]
pub struct InBuckets {
    /// Contents.
    pub contents: Option<String>,
    /// Transactions of old blocks.
    pub archive: Option<String>,
}

impl Manifest {
    /// The list of `files` of a backup.
    pub fn new(network: NetworkId, ledger: Option<Stand>, in_buckets: InBuckets, mut files: Vec<Entry>) -> Self {
        files.sort();
        let InBuckets { contents, archive } = in_buckets;
        let format = FORMAT.into();
        Self { format, network, ledger, contents_in_bucket: contents, archive_in_bucket: archive, files }
    }

    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).fold(0, u64::saturating_add)
    }

    /// Is any file of it in the part `part`, such as `keys`?
    pub fn has(&self, part: &str) -> bool {
        self.files.iter().any(|entry| entry.name.split_once('/').is_some_and(|(first, _)| first == part))
    }

    /// Is the file called `name` in it?
    pub fn has_file(&self, name: &str) -> bool {
        self.files.iter().any(|entry| entry.name == name)
    }

    fn digest(&self) -> Digest {
        Digest::of(&[&serde_json::to_vec(self).expect("plain data has a JSON form")])
    }

    fn text(&self) -> Vec<u8> {
        let bound = Bound { backup: self.clone(), sha256: self.digest() };
        let mut text = serde_json::to_vec_pretty(&bound).expect("plain data has a JSON form");
        text.push(b'\n');
        text
    }

    /// Writes it into the folder of the backup, durably.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Problem> {
        Ok(files::write_new(&folder.join(FILE), &self.text(), Access::Private)?)
    }

    /// Reads it from the folder of a backup, and checks that it is what was written.
    ///
    /// # Errors
    /// When there is none, or another.
    pub fn read(folder: &Path) -> Result<Self, Problem> {
        let path = folder.join(FILE);
        if !path.exists() {
            return Err(Problem::new(format!("{} is no backup: it has no {FILE}", folder.display()))
                .help("name the folder that `lonja backup --to` made; one that ends in `.part` was never finished")
                .exits(Exit::File));
        }
        let text = files::read(&path, MANIFEST_BYTES_MAX)?;
        let untrue = |reason: String| damaged(&path).because(reason);
        let found: Bound = serde_json::from_slice(&text).map_err(|error| untrue(error.to_string()))?;
        let manifest = found.backup;
        if manifest.format != FORMAT {
            return Err(Problem::new(format!("{} has the format `{}`", path.display(), manifest.format))
                .because(format!("this version reads `{FORMAT}`"))
                .help("restore it with the version of lonja that made it")
                .exits(Exit::File));
        }
        if manifest.digest() != found.sha256 || manifest.text() != text {
            return Err(untrue("its digest is not that of what stands in it".into()));
        }
        let mut names = BTreeSet::new();
        for Entry { name, .. } in &manifest.files {
            if !is_plain(name) || !names.insert(name) {
                return Err(untrue(format!("`{name}` is no name of a file in a backup, or stands there twice")));
            }
        }
        Ok(manifest)
    }

    /// Is every file of it in `folder`, and no other?
    ///
    /// # Errors
    /// Naming the first that is missing or too many.
    pub fn check_names(&self, folder: &Path) -> Result<(), Problem> {
        let mut expected: BTreeSet<&str> = self.files.iter().map(|entry| entry.name.as_str()).collect();
        expected.insert(FILE);
        let mut folders = vec![String::new()];
        while let Some(within) = folders.pop() {
            let path = folder.join(&within);
            for entry in std::fs::read_dir(&path).map_err(file("list", &path))? {
                let entry = entry.map_err(file("list", &path))?;
                let kind = entry.file_type().map_err(file("look at", &entry.path()))?;
                let name = entry.file_name().into_string().unwrap_or_default();
                let name = if within.is_empty() { name } else { format!("{within}/{name}") };
                if kind.is_dir() {
                    folders.push(name);
                } else if !(kind.is_file() && expected.remove(name.as_str())) {
                    return Err(Problem::new(format!("{} is not in the list of the backup", entry.path().display()))
                        .help("nothing was restored: find out who put it there; a backup is restored as it was made")
                        .exits(Exit::Untrue));
                }
            }
        }
        match expected.first() {
            None => Ok(()),
            Some(name) => Err(Problem::new(format!("{} is missing", folder.join(name).display()))
                .help("nothing was restored: take another copy of this backup")
                .exits(Exit::Untrue)),
        }
    }
}

/// A file of a backup that is not what was written.
pub fn damaged(path: &Path) -> Problem {
    Problem::new(format!("{} is not the file that was backed up", path.display()))
        .help("nothing was restored: take another copy of this backup")
        .exits(Exit::Untrue)
}

/// Does a name stay within the folder of the backup, with one way to write it?
fn is_plain(name: &str) -> bool {
    let plain = |part: Component| matches!(part, Component::Normal(_));
    let path = Path::new(name);
    !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && path.components().all(plain)
        && path.iter().filter_map(|part| part.to_str()).collect::<Vec<_>>().join("/") == name
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn manifest(names: &[&str]) -> Manifest {
        let entry = |name: &&str| Entry { name: (*name).into(), bytes: 3, sha256: Digest::of(&[b"abc"]) };
        let stand =
            Stand { height: 5, time_ms: 6, log_size: 7, log_root: Digest([8; 32]), state_root: Digest([9; 32]) };
        Manifest::new(NetworkId([1; 32]), Some(stand), InBuckets::default(), names.iter().map(entry).collect())
    }

    #[test]
    fn every_changed_byte_of_the_list_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let written = manifest(&["a", "node/db/CURRENT"]);
        assert_eq!(Manifest::read(folder.path()).unwrap_err().exit(), Exit::File);
        written.write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), written);
        assert!(written.has("node") && !written.has("a") && !written.has("keys"));
        let text = fs::read(folder.path().join(FILE)).unwrap();
        // As the list was before there were archives in buckets.
        assert!(!String::from_utf8_lossy(&text).contains("archive_in_bucket"));
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            fs::write(folder.path().join(FILE), &changed).unwrap();
            assert!(Manifest::read(folder.path()).is_err(), "byte {at}");
        }
    }

    #[test]
    fn names_that_lead_out_or_stand_twice_are_refused() {
        for names in [&["../a"][..], &["/a"], &["a/../b"], &["./a"], &["a//b"], &["a/"], &[""], &["a", "a"]] {
            let folder = tempfile::tempdir().unwrap();
            manifest(names).write(folder.path()).unwrap();
            let problem = Manifest::read(folder.path()).unwrap_err();
            assert_eq!(problem.exit(), Exit::Untrue, "{names:?}");
        }
    }

    #[test]
    fn a_file_too_many_and_one_too_few_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let list = manifest(&["a", "b/c"]);
        list.write(folder.path()).unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("a"), "").unwrap();
        assert!(list.check_names(folder.path()).unwrap_err().to_string().ends_with("b/c is missing"));
        fs::write(folder.path().join("b/c"), "").unwrap();
        list.check_names(folder.path()).unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("b/d")).unwrap();
        assert!(list.check_names(folder.path()).unwrap_err().to_string().contains("b/d is not in the list"));
    }
}
