//! What validators were caught at, kept until somebody puts it on the ledger.
//!
//! A node holds no party's key and so signs no transaction: it keeps the evidence in a file for each validator, and
//! gives it to whoever asks. `lonja governance accuse` takes it to the ledger.

use crate::limits::{ACCUSATION_BYTES_MAX, ACCUSATIONS_MAX};
use contracts::{action::Rule, governance::Accuse, id::NetworkId, key::PublicKey};
use genesis::files::{self, Access, FileError};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

const ENDING: &str = "accusation";

/// The evidence that one node has.
pub struct Kept {
    folder: PathBuf,
    accusations: Mutex<BTreeMap<PublicKey, Accuse>>,
}

impl Kept {
    /// What is in `folder`, which need not be there. A file that holds no evidence, or cannot be read, is passed
    /// over with a word in the log: it convinces nobody.
    ///
    /// # Errors
    /// What the file system says where the folder cannot be read.
    pub fn open(folder: PathBuf, network: &NetworkId) -> io::Result<Self> {
        let mut accusations = BTreeMap::new();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            entries => Some(entries?),
        };
        for entry in entries.into_iter().flatten() {
            let path = entry?.path();
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            if accusations.len() == ACCUSATIONS_MAX {
                tracing::error!(folder = %folder.display(), "more evidence than there can be; the rest is passed over");
                break;
            }
            match read(&path, network) {
                Ok(accusation) => drop(accusations.insert(accusation.validator, accusation)),
                Err(reason) => tracing::error!(path = %path.display(), reason, "the file holds no evidence"),
            }
        }
        Ok(Self { folder, accusations: Mutex::new(accusations) })
    }

    /// Keeps `accusation`, if there is none of its validator yet. Durable when this returns.
    ///
    /// # Errors
    /// [`FileError`]; it is then known until the node stops.
    pub fn keep(&self, accusation: Accuse) -> Result<(), FileError> {
        let mut accusations = self.accusations.lock();
        let key = accusation.validator;
        if accusations.len() >= ACCUSATIONS_MAX || accusations.contains_key(&key) {
            return Ok(());
        }
        // Known from here on, whether or not the disk has room for it.
        accusations.insert(key, accusation.clone());
        if !self.folder.exists() {
            files::create_directory(&self.folder)?;
        }
        let bytes = borsh::to_vec(&accusation).expect("writing to memory does not fail");
        files::replace(&self.folder.join(format!("{key}.{ENDING}")), &bytes, Access::Private)
    }

    /// All of it, by ascending key.
    pub fn all(&self) -> Vec<Accuse> {
        self.accusations.lock().values().cloned().collect()
    }
}

fn read(path: &Path, network: &NetworkId) -> Result<Accuse, String> {
    let bytes = files::read(path, ACCUSATION_BYTES_MAX).map_err(|error| error.to_string())?;
    let accusation: Accuse = borsh::from_slice(&bytes).map_err(|error| error.to_string())?;
    accusation.check().map_err(|error| error.to_string())?;
    accusation.verify(network).map_err(|error| error.to_string())?;
    Ok(accusation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn evidence_is_kept_once_for_each_key_and_outlasts_the_node() {
        let place = tempfile::tempdir().unwrap();
        let (folder, network) = (place.path().join("evidence"), testing::document().network);
        let kept = Kept::open(folder.clone(), &network).unwrap();
        assert_eq!(kept.all(), []);
        let (first, again, other) = (testing::accusation(1, 7), testing::accusation(1, 8), testing::accusation(2, 7));
        for accusation in [&first, &again, &other] {
            kept.keep(accusation.clone()).unwrap();
        }
        let all = kept.all();
        assert_eq!(all.len(), 2);
        assert!(all.contains(&first) && all.contains(&other));
        assert_eq!(Kept::open(folder.clone(), &network).unwrap().all(), all);
        // What was changed convinces nobody, and is not told.
        let path = folder.join(format!("{}.{ENDING}", first.validator));
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert_eq!(Kept::open(folder.clone(), &network).unwrap().all(), std::slice::from_ref(&other), "byte {at}");
        }
    }
}
