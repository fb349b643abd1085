//! A look at the families of a store before RocksDB opens it.
//!
//! They are what tells the format of a store: a release that writes what an older one would misread adds a family,
//! by which the older one knows that the store is none of its own, and touches nothing. RocksDB says so too, in
//! words of its own and after it has begun to write; and of a store that is only read it says nothing.

use super::KvError;
use rocksdb::{DB, Options};
use std::path::Path;

/// The family that RocksDB makes by itself.
const DEFAULT: &str = "default";

/// Refuses the store in folder `path` if it has other families than `known`.
///
/// # Errors
/// [`KvError::Newer`], naming them.
pub(super) fn check(path: &Path, known: &[&'static str]) -> Result<(), KvError> {
    // Where there is no store, or its manifest cannot be read, opening it finds that out and says it.
    let there = DB::list_cf(&Options::default(), path).unwrap_or_default();
    let strange: Vec<_> = there.into_iter().filter(|it| it != DEFAULT && !known.contains(&it.as_str())).collect();
    if strange.is_empty() {
        return Ok(());
    }
    Err(KvError::Newer { path: path.to_path_buf(), families: strange.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::kv::{Content, Kv};
    use std::{collections::BTreeMap, fs};

    #[test]
    fn a_store_with_a_family_of_later_is_refused_before_a_byte_of_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let files = || -> BTreeMap<_, _> {
            let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
        };
        drop(Kv::open(folder.path(), &["a"]).unwrap());
        drop(Kv::open(folder.path(), &["a", "later"]).unwrap());
        let before = files();
        let opened = [
            Kv::open(folder.path(), &["a"]).err(),
            Kv::open_read_only(folder.path(), &["a"], |_| Content::Records).err(),
        ];
        for error in opened {
            let error = error.unwrap();
            assert!(matches!(&error, KvError::Newer { families, .. } if families == "later"), "{error}");
        }
        assert!(files() == before);
        Kv::open(folder.path(), &["a", "later", "latest"]).unwrap();
    }
}
