//! Where contents are kept: a folder, or a bucket that speaks S3.
//!
//! Both hold the same names and bytes, and what comes out is checked against its name in both, so a
//! bucket need not be believed. An upload that broke off may leave parts in a bucket that no name
//! leads to: give the bucket a rule that removes unfinished uploads after a day.

use super::ObjectsError;
use object_store::{
    ClientOptions, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path as ObjectPath,
    prefix::PrefixStore,
};
use secrecy::{ExposeSecret, SecretString};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A request to a bucket, with one part of an upload of at most 8 MiB.
const BUCKET_TIME_MAX: Duration = Duration::from_secs(60);
/// Attempts after the first one that failed, all together within [`BUCKET_TIME_MAX`].
const BUCKET_RETRIES_MAX: usize = 3;

/// Where contents are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket.
    Bucket(Bucket),
}

/// A bucket that speaks S3, and what opens it.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// `https://` and host.
    pub endpoint: String,
    /// As the provider calls it.
    pub region: String,
    /// Its name.
    pub bucket: String,
    /// Put before every name; may be empty.
    pub prefix: String,
    /// Who asks.
    pub access_key: String,
    /// What signs. Never shown: neither in a log nor in an error.
    pub secret_key: SecretString,
}

impl Place {
    /// Opens it. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
        match self {
            Self::Folder(folder) => folder_store(folder),
            Self::Bucket(bucket) => bucket.open(),
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

impl Bucket {
    fn open(&self) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
        // Whoever installed a provider before is right too; there is one for the process.
        let _installed_before = rustls::crypto::ring::default_provider().install_default();
        let retry =
            RetryConfig { max_retries: BUCKET_RETRIES_MAX, retry_timeout: BUCKET_TIME_MAX, ..RetryConfig::default() };
        let store = AmazonS3Builder::new()
            .with_client_options(ClientOptions::new().with_timeout(BUCKET_TIME_MAX))
            .with_allow_http(self.endpoint.starts_with("http://"))
            .with_endpoint(self.endpoint.trim_end_matches('/'))
            .with_region(&self.region)
            .with_bucket_name(&self.bucket)
            .with_access_key_id(&self.access_key)
            .with_secret_access_key(self.secret_key.expose_secret())
            // Not every provider deletes in bulk.
            .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
            .with_retry(retry)
            .build()?;
        Ok(Arc::new(PrefixStore::new(store, self.prefix.as_str())))
    }
}

/// Asks for something that is not there: says whether the place can be reached and lets us in.
pub(super) async fn answers(store: &dyn ObjectStore) -> Result<(), ObjectsError> {
    match store.head(&ObjectPath::from("is-it-there")).await {
        Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
