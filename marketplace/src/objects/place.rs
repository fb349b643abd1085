//! Where contents are kept: a folder, or a bucket that speaks S3.
//!
//! Both hold the same names and bytes, and what comes out is checked against its name in both, so a
//! bucket need not be believed. An upload that broke off may leave parts in a bucket that no name
//! leads to: give the bucket a rule that removes unfinished uploads after a day.

use super::ObjectsError;
use ledger::bucket::Bucket;
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path as ObjectPath};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where contents are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket.
    Bucket(Bucket),
}

impl Place {
    /// Opens it. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
        match self {
            Self::Folder(folder) => folder_store(folder),
            Self::Bucket(bucket) => Ok(bucket.open()?),
        }
    }

    /// The folder; none for a bucket.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(folder) => Some(folder),
            Self::Bucket(_) => None,
        }
    }
}

fn folder_store(folder: &Path) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    std::fs::create_dir_all(folder)?;
    Ok(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true)))
}

/// Asks for something that is not there: says whether the place can be reached and lets us in.
pub(super) async fn answers(store: &dyn ObjectStore) -> Result<(), ObjectsError> {
    match store.head(&ObjectPath::from("is-it-there")).await {
        Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
