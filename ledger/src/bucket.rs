//! A bucket that speaks S3, and what opens it: for the archive of a node, and for the contents of a market.
//!
//! Knows nothing of what lies in it, and asks it for nothing. Each side keeps its own errors.

use crate::limits::{BUCKET_RETRIES_MAX, BUCKET_TIME_MAX};
use object_store::{
    ClientOptions, Error, ObjectStore, RetryConfig,
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
    pub fn place(&self) -> String {
        if self.prefix.is_empty() { self.bucket.clone() } else { format!("{}/{}", self.bucket, self.prefix) }
    }

    /// Opens it. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When no request to it could be made, whatever it answers.
    pub fn open(&self) -> Result<Arc<dyn ObjectStore>, Error> {
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
            // Not every provider deletes in bulk.
            .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
            .with_retry(retry)
            .build()?;
        Ok(Arc::new(PrefixStore::new(store, self.prefix.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_shown_by_its_place_and_never_by_its_keys() {
        let bucket = Bucket {
            endpoint: "https://s3.example/".into(),
            region: "us-east-1".into(),
            bucket: "old-blocks".into(),
            prefix: String::new(),
            access_key: "AKEXAMPLE".into(),
            secret_key: "hunter2".to_owned().into(),
        };
        assert_eq!(format!("{bucket:?}"), "Bucket(old-blocks at https://s3.example/)");
        let below = Bucket { prefix: "harbour/old".into(), ..bucket };
        assert_eq!(format!("{below:?}"), "Bucket(old-blocks/harbour/old at https://s3.example/)");
        let opened = format!("{:?}", below.open().unwrap());
        assert!(!opened.contains("hunter2"), "{opened}");
    }
}
