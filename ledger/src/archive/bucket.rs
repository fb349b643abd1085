//! A bucket that speaks S3, and what opens it.

use super::ArchiveError;
use crate::limits::{BUCKET_RETRIES_MAX, BUCKET_TIME_MAX};
use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    prefix::PrefixStore,
};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// A bucket that speaks S3, and what opens it.
#[derive(Clone)]
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
    pub secret_key: Zeroizing<String>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({} at {})", self.place(), self.endpoint)
    }
}

impl Bucket {
    /// Where its objects are, for people.
    pub(super) fn place(&self) -> String {
        if self.prefix.is_empty() { self.bucket.clone() } else { format!("{}/{}", self.bucket, self.prefix) }
    }

    /// Opens it. Nothing is asked of it yet.
    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, ArchiveError> {
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
            .with_secret_access_key(self.secret_key.as_str())
            // Nothing is deleted here, and not every provider knows how to do so in bulk.
            .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
            .with_retry(retry)
            .build()
            .map_err(|error| ArchiveError::Bucket { object: self.place(), reason: super::objects::reason(&error) })?;
        Ok(Arc::new(PrefixStore::new(store, self.prefix.as_str())))
    }
}
