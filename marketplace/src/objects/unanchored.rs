//! Contents that were uploaded and never anchored: noted when they come, and removed when whoever asks
//! has made sure that nobody names them. What is not noted here is never removed, so a store of contents
//! may hold others too.
//!
//! Nothing that is being named may go meanwhile. Whoever is about to name a content claims it
//! ([`Objects::claim`]); whoever wants to remove contents dooms them first ([`Objects::doom`]), asks the
//! ledger and the orders then, and removes the rest. A content is claimed or doomed, never both.

use super::{Objects, ObjectsError, data_path, outboard_path};
use crate::own::{Own, walk};
use contracts::id::{Blake3, TimeMs};
use ledger::{
    audit::Findings,
    store::kv::{Batch, Kv, KvError},
};
use object_store::{ObjectMeta, ObjectStoreExt};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
};

/// Families of the private store that belong to contents.
pub(crate) const FAMILIES: [&str; 1] = [UPLOADS];
const UPLOADS: &str = "uploads";

/// Uploads that no version names yet, as far as is known, and when each came.
pub(crate) struct Uploads(Own);

impl Uploads {
    pub fn new(own: Own) -> Self {
        Self(own)
    }

    /// Notes an upload before it takes its name: a crash leaves a note without a content, never the reverse.
    pub fn note(&self, blake3: &Blake3, now_ms: TimeMs) -> Result<(), KvError> {
        let mut batch = Batch::default();
        batch.put(UPLOADS, blake3.0, now_ms.to_be_bytes());
        self.0.write(batch)
    }

    /// Up to `most` uploads from `from` on, each with when it came.
    pub fn from(&self, from: &[u8], most: usize) -> Result<Vec<(Blake3, TimeMs)>, KvError> {
        let rows = self.0.scan(UPLOADS, from, &[], most)?;
        Ok(rows.iter().filter_map(|(name, value)| upload(name, value)).collect())
    }

    /// When an upload came; `None` where it is not noted.
    pub fn came_ms(&self, blake3: &Blake3) -> Result<Option<TimeMs>, KvError> {
        Ok(self.0.get(UPLOADS, &blake3.0)?.and_then(|value| upload(&blake3.0, &value)).map(|(_, came_ms)| came_ms))
    }

    /// Forgets uploads: they are gone, or the ledger names them.
    pub fn forget<'b>(&self, contents: impl Iterator<Item = &'b Blake3>) -> Result<(), KvError> {
        let mut batch = Batch::default();
        contents.for_each(|blake3| batch.delete(UPLOADS, blake3.0));
        self.0.write(batch)
    }
}

fn upload(name: &[u8], value: &[u8]) -> Option<(Blake3, TimeMs)> {
    Some((Blake3(name.try_into().ok()?), TimeMs::from_be_bytes(value.try_into().ok()?)))
}

/// Audits the notes in `kv`.
pub(crate) fn audit_uploads(kv: &Kv, findings: &mut Findings) {
    walk(kv, UPLOADS, findings, |name, value, findings| {
        if upload(name, value).is_none() {
            findings.find(format!("own {UPLOADS} {}", hex::encode(name)), "is no note of an upload");
        }
    });
}

/// Contents that are being named, and those that are to go, each as often as it is: several may name one, and several
/// sweeps may find it.
#[derive(Default)]
pub(super) struct Wanted {
    claimed: BTreeMap<Blake3, usize>,
    doomed: BTreeMap<Blake3, usize>,
}

/// Once less.
fn less(times: &mut BTreeMap<Blake3, usize>, blake3: Blake3) {
    if let Entry::Occupied(mut entry) = times.entry(blake3) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

/// A content that stays as long as this is held.
pub struct Claim {
    wanted: Arc<Mutex<Wanted>>,
    blake3: Blake3,
}

impl Drop for Claim {
    fn drop(&mut self) {
        less(&mut self.wanted.lock().claimed, self.blake3);
    }
}

/// Contents that nobody can claim until this is dropped, and every other one that has the same.
pub struct Doomed {
    objects: Objects,
    /// Which. What turns out to be named is taken out.
    pub contents: BTreeSet<Blake3>,
    all: BTreeSet<Blake3>,
}

impl Drop for Doomed {
    fn drop(&mut self) {
        let mut wanted = self.objects.wanted.lock();
        self.all.iter().for_each(|blake3| less(&mut wanted.doomed, *blake3));
    }
}

impl Objects {
    /// Keeps a content, here already or not, from being removed while it is being named.
    ///
    /// # Errors
    /// [`ObjectsError::Going`] where it is being removed at this moment.
    pub fn claim(&self, blake3: &Blake3) -> Result<Claim, ObjectsError> {
        let mut wanted = self.wanted.lock();
        if wanted.doomed.contains_key(blake3) {
            return Err(ObjectsError::Going(*blake3));
        }
        *wanted.claimed.entry(*blake3).or_default() += 1;
        Ok(Claim { wanted: self.wanted.clone(), blake3: *blake3 })
    }

    /// Dooms `contents`, but those that somebody has claimed.
    pub fn doom(&self, contents: BTreeSet<Blake3>) -> Doomed {
        let mut wanted = self.wanted.lock();
        let free: BTreeSet<Blake3> =
            contents.into_iter().filter(|blake3| !wanted.claimed.contains_key(blake3)).collect();
        free.iter().for_each(|blake3| *wanted.doomed.entry(*blake3).or_default() += 1);
        Doomed { objects: self.clone(), contents: free.clone(), all: free }
    }
}

impl Doomed {
    /// Removes what is still doomed and was not stored anew since, by another market of this network that
    /// keeps contents in the same place. Returns how many.
    ///
    /// # Errors
    /// [`ObjectsError`]; what was removed before is gone.
    pub async fn remove(&self, before_ms: TimeMs) -> Result<u64, ObjectsError> {
        let (store, mut removed) = (&self.objects.store, 0);
        for blake3 in &self.contents {
            match store.head(&data_path(blake3)).await {
                Ok(found) if is_before(&found, before_ms) => {}
                Ok(_) | Err(object_store::Error::NotFound { .. }) => continue,
                Err(error) => return Err(error.into()),
            }
            // The outboard first: without it a content does not count. If the power fails here, the next
            // start makes it anew, and the next sweep finds the whole.
            for path in [outboard_path(blake3), data_path(blake3)] {
                match store.delete(&path).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            removed += 1;
        }
        Ok(removed)
    }
}

fn is_before(found: &ObjectMeta, before_ms: TimeMs) -> bool {
    u64::try_from(found.last_modified.timestamp_millis()).is_ok_and(|stored_ms| stored_ms < before_ms)
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    #[tokio::test]
    async fn what_is_claimed_stays_and_what_is_doomed_cannot_be_claimed() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path(), Limits::of(1 << 20)).unwrap();
        let mut names = Vec::new();
        for content in [b"a", b"b", b"c"] {
            names.push(objects.put(content).await.unwrap().blake3);
        }
        let later = u64::MAX;
        let old: BTreeSet<Blake3> = names.iter().copied().collect();
        let (claim, again) = (objects.claim(&names[0]).unwrap(), objects.claim(&names[0]).unwrap());
        drop(again);
        let mut doomed = objects.doom(old.clone());
        assert_eq!(doomed.contents.len(), 2, "one is claimed");
        assert!(matches!(objects.claim(&names[1]), Err(ObjectsError::Going(_))));
        assert!(matches!(objects.put(b"b").await, Err(ObjectsError::Going(_))), "nobody is told that it is stored");
        doomed.contents.remove(&names[2]);
        assert_eq!(doomed.remove(later).await.unwrap(), 1);
        drop(doomed);
        for (name, here) in names.iter().zip([true, false, true]) {
            assert_eq!(objects.has(name).await.unwrap(), here, "{name}");
        }
        drop(claim);
        assert_eq!(objects.put(b"b").await.unwrap().blake3, names[1], "it may come again");
        // Stored anew between being found and being doomed: it stays.
        assert_eq!(objects.doom(old).remove(1).await.unwrap(), 0);
        for name in &names {
            assert!(objects.claim(name).is_ok() && objects.has(name).await.unwrap());
        }
    }

    /// As of two sweeps at the same time, of which one is done before the other.
    #[tokio::test]
    async fn what_is_doomed_twice_is_free_when_both_are_done() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path(), Limits::of(1 << 20)).unwrap();
        let name = objects.put(b"a").await.unwrap().blake3;
        let (first, second) = (objects.doom([name].into()), objects.doom([name].into()));
        drop(first);
        assert!(matches!(objects.claim(&name), Err(ObjectsError::Going(_))), "the second may remove it yet");
        assert_eq!(second.remove(u64::MAX).await.unwrap(), 1);
        drop(second);
        assert!(objects.claim(&name).is_ok());
    }

    #[test]
    fn uploads_are_noted_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(Own::open(folder.path()).unwrap());
        let [a, b] = [1, 2].map(|at| Blake3([at; 32]));
        uploads.note(&b, 5).unwrap();
        uploads.note(&a, 6).unwrap();
        uploads.note(&b, 7).unwrap();
        assert_eq!(uploads.from(&[], 9).unwrap(), [(a, 6), (b, 7)], "the newest counts");
        assert_eq!(uploads.from(&[2], 1).unwrap(), [(b, 7)]);
        uploads.forget([a].iter()).unwrap();
        assert_eq!((uploads.came_ms(&a).unwrap(), uploads.came_ms(&b).unwrap()), (None, Some(7)));
    }
}
