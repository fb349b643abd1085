//! TLS that a service speaks itself: certificate and key from two files, and from them again when they change.
//!
//! Whoever renews a certificate replaces the files and restarts nothing: connections that begin afterwards are shown the
//! new one. Files that cannot be used, or do not belong together, replace nothing, and the log says why. Owns neither
//! names nor authorities: whether others believe a certificate is theirs to say.

mod end;

use crate::limits::{TLS_ENDS_SOON, TLS_FILE_BYTES_MAX, TLS_LOOK_EVERY};
use axum_server::tls_rustls::RustlsConfig;
use contracts::id::Digest;
use genesis::files::{self, FileError};
use rustls::{
    Error, InconsistentKeys, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// Files for TLS, in PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain of certificates, the service's own first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// How often is looked whether they have changed.
    pub look_every: Duration,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is no certificate.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key.
    #[error("{} holds no private key in PEM", .0.display())]
    NoKey(PathBuf),
    /// They are of two pairs.
    #[error("the key in {} is not that of the certificate in {}", .0.key.display(), .0.cert.display())]
    Apart(Tls),
    /// Something in them is not understood.
    #[error("{} and {} cannot be used", .0.cert.display(), .0.key.display())]
    Unusable(Tls, #[source] Error),
}

/// When the certificate ends that is served now. Cheap to clone, for whoever counts it.
#[derive(Clone, Debug, Default)]
pub struct Until(Arc<AtomicU64>);

/// The certificate that is served, and where it comes from.
pub struct Certificate {
    files: Tls,
    /// Of what the files held.
    digest: Digest,
    config: RustlsConfig,
    until: Until,
    nearness: Nearness,
    /// Why the files cannot be used as they are now.
    refused: Option<String>,
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nearness {
    Far,
    Soon,
    Over,
}

struct Loaded {
    digest: Digest,
    config: ServerConfig,
    until_s: u64,
}

impl Tls {
    /// The files, looked at as often as others are.
    pub fn new(cert: PathBuf, key: PathBuf) -> Self {
        Self { cert, key, look_every: TLS_LOOK_EVERY }
    }

    /// What they hold, unless that is what `before` is the digest of.
    fn load(&self, before: Option<&Digest>) -> Result<Option<Loaded>, TlsError> {
        let cert = files::read(&self.cert, TLS_FILE_BYTES_MAX)?;
        let key = Zeroizing::new(files::read(&self.key, TLS_FILE_BYTES_MAX)?);
        let digest = Digest::of(&[&(cert.len() as u64).to_be_bytes(), &cert, &key]);
        if before == Some(&digest) {
            return Ok(None);
        }
        let chain = CertificateDer::pem_slice_iter(&cert).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::NoCertificate(self.cert.clone()))?;
        let until_s = end::of(&chain[0]).unwrap_or_default();
        let key = PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::NoKey(self.key.clone()))?;
        let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).map_err(
            |error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Apart(self.clone()),
                error => TlsError::Unusable(self.clone(), error),
            },
        )?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(Loaded { digest, config, until_s }))
    }
}

impl Until {
    /// In seconds since 1970; 0 where there is no certificate, or its end is not understood.
    pub fn seconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn nearness(&self, now_s: u64) -> Nearness {
        match self.seconds() {
            0 => Nearness::Far,
            until_s if until_s <= now_s => Nearness::Over,
            until_s if until_s - now_s < TLS_ENDS_SOON.as_secs() => Nearness::Soon,
            _ => Nearness::Far,
        }
    }
}

impl Certificate {
    /// The certificate in the files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: Tls) -> Result<Self, TlsError> {
        // Another part of the process may have chosen a provider before; either will do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let Loaded { digest, config, until_s } = files.load(None)?.expect("there was nothing before");
        let (config, until) = (RustlsConfig::from_config(Arc::new(config)), Until::default());
        until.0.store(until_s, Ordering::Relaxed);
        let mut opened = Self { files, digest, config, until, nearness: Nearness::Far, refused: None };
        opened.tell_of_end();
        Ok(opened)
    }

    /// What a server shows; it changes with the files while [`Certificate::keep`] runs.
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// When it ends.
    pub fn until(&self) -> Until {
        self.until.clone()
    }

    /// Looks at the files again and again until `stop`.
    pub async fn keep(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.files.look_every) => {}
            }
            let (files, before) = (self.files.clone(), self.digest);
            match tokio::task::spawn_blocking(move || files.load(Some(&before))).await {
                Ok(loaded) => self.take(loaded),
                Err(error) => tracing::error!(%error, "looking at the certificate broke down"),
            }
            self.tell_of_end();
        }
    }

    /// Takes up what the files hold now.
    fn take(&mut self, loaded: Result<Option<Loaded>, TlsError>) {
        match loaded {
            Ok(None) => self.refused = None,
            Ok(Some(Loaded { digest, config, until_s })) => {
                self.config.reload_from_config(Arc::new(config));
                self.until.0.store(until_s, Ordering::Relaxed);
                (self.digest, self.nearness, self.refused) = (digest, Nearness::Far, None);
                tracing::info!(cert = %self.files.cert.display(), "another certificate is shown from now on");
            }
            Err(error) => {
                let reason = match std::error::Error::source(&error) {
                    Some(cause) => format!("{error}: {cause}"),
                    None => error.to_string(),
                };
                if self.refused.as_ref() != Some(&reason) {
                    tracing::warn!(reason, "the certificate is not renewed; the one before is shown on");
                    self.refused = Some(reason);
                }
            }
        }
    }

    /// Says once that the end comes near, and once that it has come.
    fn tell_of_end(&mut self) {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let nearness = self.until.nearness(now_s);
        if nearness == self.nearness {
            return;
        }
        self.nearness = nearness;
        let cert = self.files.cert.display();
        match nearness {
            Nearness::Far => {}
            Nearness::Soon => {
                let days_left = (self.until.seconds() - now_s) / 86_400;
                tracing::warn!(%cert, days_left, "the certificate ends soon: renew it");
            }
            Nearness::Over => tracing::warn!(%cert, "the certificate has ended, and nobody believes it: renew it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{log::Log, tls::Pair};
    use std::{fs, path::Path};
    use tracing::Level;

    const FAR: &str = "20991231235959Z";

    fn put(files: &Tls, pair: &Pair) {
        fs::write(&files.cert, &pair.cert).unwrap();
        fs::write(&files.key, &pair.key).unwrap();
    }

    fn opened(place: &Path, pair: &Pair) -> (Tls, Certificate) {
        let files = Tls::new(place.join("cert.pem"), place.join("key.pem"));
        put(&files, pair);
        (files.clone(), Certificate::open(files).unwrap())
    }

    fn looks(certificate: &mut Certificate) -> Arc<ServerConfig> {
        let loaded = certificate.files.load(Some(&certificate.digest));
        certificate.take(loaded);
        certificate.tell_of_end();
        certificate.config.get_inner()
    }

    #[test]
    fn what_cannot_be_used_replaces_nothing_and_is_told_once_for_each_reason() {
        let place = tempfile::tempdir().unwrap();
        let (first, second) = (Pair::of(1, FAR), Pair::of(2, FAR));
        let (files, mut certificate) = opened(place.path(), &first);
        let before = certificate.config.get_inner();
        let (log, _guard) = Log::begin();
        assert!(Arc::ptr_eq(&looks(&mut certificate), &before), "nothing has changed");
        let told = |times: usize, what: &str| {
            let lines = log.lines(Level::WARN);
            assert!(lines.len() == times && lines.last().is_some_and(|line| line.contains(what)), "{what}: {lines:?}");
        };
        // As between the two renames of whoever renews it.
        fs::write(&files.cert, &second.cert).unwrap();
        for _ in 0..2 {
            assert!(Arc::ptr_eq(&looks(&mut certificate), &before));
            told(1, "is not that of the certificate");
        }
        for (wrong, what) in [("", "no certificate"), ("-----BEGIN CERTIFICATE-----\nAAAA", "no certificate")] {
            fs::write(&files.cert, wrong).unwrap();
            assert!(Arc::ptr_eq(&looks(&mut certificate), &before));
            told(2, what);
        }
        fs::write(&files.cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(Arc::ptr_eq(&looks(&mut certificate), &before));
        told(3, "cannot be used");
        fs::remove_file(&files.cert).unwrap();
        assert!(Arc::ptr_eq(&looks(&mut certificate), &before));
        told(4, "does not exist");
        fs::write(&files.cert, vec![b'a'; TLS_FILE_BYTES_MAX as usize + 1]).unwrap();
        assert!(Arc::ptr_eq(&looks(&mut certificate), &before));
        told(5, "bytes");
        put(&files, &first);
        fs::write(&files.key, "no key").unwrap();
        assert!(Arc::ptr_eq(&looks(&mut certificate), &before));
        told(6, "no private key");
        put(&files, &second);
        assert!(!Arc::ptr_eq(&looks(&mut certificate), &before));
        assert_eq!((certificate.refused, log.lines(Level::WARN).len()), (None, 6));
    }

    #[test]
    fn an_end_that_is_near_or_over_is_told_once_and_counted() {
        let place = tempfile::tempdir().unwrap();
        let (log, _guard) = Log::begin();
        let warned = |times: usize, what: &str| {
            let lines = log.lines(Level::WARN);
            assert!(lines.len() == times && lines.iter().any(|line| line.contains(what)), "{what}: {lines:?}");
        };
        let (files, mut certificate) = opened(place.path(), &Pair::of(1, "20010909014640Z"));
        let until = certificate.until();
        assert_eq!(until.seconds(), 1_000_000_000);
        for _ in 0..2 {
            looks(&mut certificate);
            warned(1, "has ended");
        }
        put(&files, &Pair::of(2, FAR));
        looks(&mut certificate);
        assert_eq!(until.seconds(), 4_102_444_799, "of the one that is shown now");
        let soon_s = TLS_ENDS_SOON.as_secs();
        for (now_s, nearness) in [
            (0, Nearness::Far),
            (4_102_444_799 - soon_s, Nearness::Far),
            (4_102_444_800 - soon_s, Nearness::Soon),
            (4_102_444_798, Nearness::Soon),
            (4_102_444_799, Nearness::Over),
        ] {
            assert_eq!(until.nearness(now_s), nearness, "{now_s}");
        }
        warned(1, "has ended");
    }
}
