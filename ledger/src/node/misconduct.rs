//! What validators were caught at, kept until somebody puts it on the ledger.
//!
//! A node holds no party's key and so signs no transaction: it keeps the evidence in a file for each validator and
//! kind, and gives it to whoever asks. `lonja governance accuse` takes it to the ledger. A protest is the node's own
//! word, signed once: what was signed first stays.

use crate::limits::{EVIDENCE_BYTES_MAX, EVIDENCE_MAX};
use contracts::{
    action::{Action, Rule},
    governance::{Accuse, Misconduct, Protest, Protests},
    id::NetworkId,
    key::{KeyError, PublicKey},
    rejection::Malformed,
    state::{Fault, Reading, View},
};
use genesis::files::{self, Access, FileError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// What the rules take against a validator. In JSON it is the action without its name: each kind has fields that the
/// other has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Evidence {
    /// It signed two things that exclude each other. The statements prove it.
    Accusation(Accuse),
    /// It proposed a block that breaks the rules. That is the word of whoever protests.
    Protest(Protest),
}

impl Evidence {
    /// The consensus key of whoever it is against.
    pub fn against(&self) -> PublicKey {
        match self {
            Self::Accusation(accusation) => accusation.validator,
            Self::Protest(protest) => protest.proposer,
        }
    }

    /// Checks its signatures.
    ///
    /// # Errors
    /// [`KeyError`] where one does not verify.
    pub fn verify(&self, network: &NetworkId) -> Result<(), KeyError> {
        match self {
            Self::Accusation(accusation) => accusation.verify(network),
            Self::Protest(protest) => protest.verify(network),
        }
    }

    /// Has the ledger it, or another of its kind against the same key?
    ///
    /// # Errors
    /// [`Fault`] where the state cannot be read.
    pub fn is_known(&self, state: &impl View) -> Result<bool, Fault> {
        Ok(match self {
            Self::Accusation(accusation) => {
                state.value::<Misconduct>(&Misconduct::key(&accusation.validator))?.is_some()
            }
            Self::Protest(protest) => {
                let known: Option<Protests> = state.value(&Protests::key(&protest.proposer))?;
                known.is_some_and(|known| known.protests.iter().any(|one| one.by == protest.by))
            }
        })
    }

    /// The action that puts it on the ledger.
    pub fn action(self) -> Action {
        match self {
            Self::Accusation(accusation) => Action::Accuse(accusation),
            Self::Protest(protest) => Action::Protest(protest),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Accusation(_) => Kind::Accusation,
            Self::Protest(_) => Kind::Protest,
        }
    }

    fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Accusation(accusation) => accusation.check(),
            Self::Protest(protest) => protest.check(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Accusation(accusation) => borsh::to_vec(accusation),
            Self::Protest(protest) => borsh::to_vec(protest),
        }
        .expect("writing to memory does not fail")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Accusation,
    Protest,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Accusation, Self::Protest];

    /// What the name of its files ends with.
    fn ending(self) -> &'static str {
        match self {
            Self::Accusation => "accusation",
            Self::Protest => "protest",
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?;
        Self::ALL.into_iter().find(|kind| ending == kind.ending())
    }

    fn decode(self, bytes: &[u8]) -> io::Result<Evidence> {
        match self {
            Self::Accusation => borsh::from_slice(bytes).map(Evidence::Accusation),
            Self::Protest => borsh::from_slice(bytes).map(Evidence::Protest),
        }
    }
}

/// The evidence that one node has.
pub struct Kept {
    folder: PathBuf,
    evidence: Mutex<BTreeMap<(PublicKey, Kind), Evidence>>,
}

impl Kept {
    /// What is in `folder`, which need not be there. A file that holds no evidence, or cannot be read, is passed
    /// over with a word in the log: it convinces nobody.
    ///
    /// # Errors
    /// What the file system says where the folder cannot be read.
    pub fn open(folder: PathBuf, network: &NetworkId) -> io::Result<Self> {
        let mut evidence = BTreeMap::new();
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            entries => Some(entries?),
        };
        for entry in entries.into_iter().flatten() {
            let path = entry?.path();
            let Some(kind) = Kind::of(&path) else { continue };
            if evidence.len() == EVIDENCE_MAX {
                tracing::error!(folder = %folder.display(), "more evidence than there can be; the rest is passed over");
                break;
            }
            match read(&path, kind, network) {
                Ok(one) => drop(evidence.insert((one.against(), kind), one)),
                Err(reason) => tracing::error!(path = %path.display(), reason, "the file holds no evidence"),
            }
        }
        Ok(Self { folder, evidence: Mutex::new(evidence) })
    }

    /// Keeps `evidence`, if there is none of its kind against its validator yet. Durable when this returns.
    ///
    /// # Errors
    /// [`FileError`]; it is then known until the node stops.
    pub fn keep(&self, evidence: Evidence) -> Result<(), FileError> {
        let mut known = self.evidence.lock();
        let name = (evidence.against(), evidence.kind());
        let is_new = match (known.get(&name), &evidence) {
            // A key that we have no more protested once: the rules take a protest of one in force.
            (Some(Evidence::Protest(before)), Evidence::Protest(now)) => before.by != now.by,
            (Some(_), _) => false,
            (None, _) => known.len() < EVIDENCE_MAX,
        };
        if !is_new {
            return Ok(());
        }
        let bytes = evidence.bytes();
        // Known from here on, whether or not the disk has room for it.
        known.insert(name, evidence);
        if !self.folder.exists() {
            files::create_directory(&self.folder)?;
        }
        let path = self.folder.join(format!("{}.{}", name.0, name.1.ending()));
        files::replace(&path, &bytes, Access::Private)
    }

    /// Did the validator with key `by` protest against one of `proposer`?
    pub fn has_protest(&self, proposer: &PublicKey, by: &PublicKey) -> bool {
        let known = self.evidence.lock();
        matches!(known.get(&(*proposer, Kind::Protest)), Some(Evidence::Protest(protest)) if protest.by == *by)
    }

    /// All of it, by ascending key of whoever it is against.
    pub fn all(&self) -> Vec<Evidence> {
        self.evidence.lock().values().cloned().collect()
    }
}

fn read(path: &Path, kind: Kind, network: &NetworkId) -> Result<Evidence, String> {
    let bytes = files::read(path, EVIDENCE_BYTES_MAX).map_err(|error| error.to_string())?;
    let evidence = kind.decode(&bytes).map_err(|error| error.to_string())?;
    evidence.check().map_err(|error| error.to_string())?;
    evidence.verify(network).map_err(|error| error.to_string())?;
    Ok(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn evidence_is_kept_once_for_each_key_and_kind_and_outlasts_the_node() {
        let place = tempfile::tempdir().unwrap();
        let (folder, network) = (place.path().join("evidence"), testing::document().network);
        let kept = Kept::open(folder.clone(), &network).unwrap();
        assert_eq!(kept.all(), []);
        let accusation = |number, height| Evidence::Accusation(testing::accusation(number, height));
        let protest = |number, height, by| Evidence::Protest(testing::protest(number, height, by));
        let (first, again, other) = (accusation(1, 7), accusation(1, 8), accusation(2, 7));
        let (word, second_word) = (protest(1, 7, 0), protest(1, 8, 0));
        for evidence in [&first, &again, &other, &word, &second_word] {
            kept.keep(evidence.clone()).unwrap();
        }
        let all = kept.all();
        assert_eq!(all.len(), 3);
        assert!([&first, &other, &word].into_iter().all(|one| all.contains(one)));
        let keys = [0, 1, 2].map(|number| testing::validator_keys(number).consensus.public());
        assert!(kept.has_protest(&keys[1], &keys[0]));
        assert!(!kept.has_protest(&keys[2], &keys[0]) && !kept.has_protest(&keys[1], &keys[2]));
        assert_eq!(Kept::open(folder.clone(), &network).unwrap().all(), all);
        // What was changed convinces nobody, and is not told.
        for changed in [&first, &word] {
            let path = folder.join(format!("{}.{}", changed.against(), changed.kind().ending()));
            let (bytes, others) = (fs::read(&path).unwrap(), all.iter().filter(|one| *one != changed));
            let others: Vec<_> = others.cloned().collect();
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1;
                fs::write(&path, changed).unwrap();
                assert_eq!(Kept::open(folder.clone(), &network).unwrap().all(), others, "byte {at}");
            }
            fs::write(&path, bytes).unwrap();
        }
        // With a new key of ours, the word of the old one gives way.
        let newer = protest(1, 9, 2);
        kept.keep(newer.clone()).unwrap();
        assert_eq!(kept.all().len(), 3);
        assert!(Kept::open(folder, &network).unwrap().all().contains(&newer));
    }

    #[test]
    fn files_that_cannot_be_read_are_passed_over_and_the_rest_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let (folder, network) = (place.path().join("evidence"), testing::document().network);
        let evidence = Evidence::Accusation(testing::accusation(1, 7));
        Kept::open(folder.clone(), &network).unwrap().keep(evidence.clone()).unwrap();
        fs::create_dir(folder.join("a-folder.accusation")).unwrap();
        std::os::unix::fs::symlink("a-loop.protest", folder.join("a-loop.protest")).unwrap();
        fs::write(folder.join("too-long.protest"), vec![0; EVIDENCE_BYTES_MAX as usize + 1]).unwrap();
        fs::write(folder.join("empty.accusation"), "").unwrap();
        fs::write(folder.join("of-no-kind"), "").unwrap();
        assert_eq!(Kept::open(folder, &network).unwrap().all(), [evidence]);
    }

    #[test]
    fn an_accusation_is_in_json_what_it_was_before_there_were_protests() {
        let accusation = testing::accusation(1, 7);
        let all = [Evidence::Accusation(accusation.clone()), Evidence::Protest(testing::protest(1, 7, 0))];
        let text = serde_json::to_string(&all).unwrap();
        assert!(text.starts_with(&format!("[{},", serde_json::to_string(&accusation).unwrap())), "{text}");
        assert_eq!(serde_json::from_str::<Vec<Evidence>>(&text).unwrap(), all);
        let neither = serde_json::json!([{ "validator": accusation.validator, "height": 7 }]).to_string();
        assert!(serde_json::from_str::<Vec<Evidence>>(&neither).is_err());
    }
}
