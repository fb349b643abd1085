//! TLS with the consensus keys of validators as raw public keys (RFC 7250).

use contracts::key::{PublicKey, Signer};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureAlgorithm,
    SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::{CertifiedKey, SigningKey},
    version::TLS13,
};
use std::{fmt, sync::Arc};

/// What both ends must offer (RFC 7301).
const ALPN: &[u8] = b"lonja/peer/v1";

/// What comes before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, 4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The SubjectPublicKeyInfo of a key.
fn spki(key: &PublicKey) -> Vec<u8> {
    [&SPKI_PREFIX[..], &key.0].concat()
}

/// The key of a SubjectPublicKeyInfo, if that is one of Ed25519.
pub fn key_of(spki: &CertificateDer<'_>) -> Option<PublicKey> {
    let key = spki.as_ref().strip_prefix(&SPKI_PREFIX)?;
    Some(PublicKey(key.try_into().ok()?))
}

/// How we show ourselves, and whom we believe.
pub struct Identity {
    provider: Arc<CryptoProvider>,
    ours: Arc<CertifiedKey>,
}

impl Identity {
    /// With our consensus key.
    pub fn new(signer: Arc<dyn Signer>) -> Self {
        let certificate = CertificateDer::from(spki(&signer.public()));
        let ours = Arc::new(CertifiedKey::new(vec![certificate], Arc::new(Key(signer))));
        Self { provider: Arc::new(rustls::crypto::ring::default_provider()), ours }
    }

    /// For accepting whoever proves one of `keys`.
    ///
    /// # Errors
    /// What TLS cannot do with them.
    pub fn accepting(&self, keys: Vec<PublicKey>) -> Result<ServerConfig, Error> {
        let mut config = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(self.believing(keys))
            .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(self.ours.clone())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        // A link is made once and lasts; who comes again proves its key again.
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// For dialling whoever has `key`.
    ///
    /// # Errors
    /// What TLS cannot do with it.
    pub fn dialling(&self, key: PublicKey) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(self.believing(vec![key]))
            .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(self.ours.clone())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        // Names mean nothing here, and one in the clear would tell who talks to whom.
        config.enable_sni = false;
        Ok(config)
    }

    fn believing(&self, keys: Vec<PublicKey>) -> Arc<Believed> {
        let keys = keys.iter().map(spki).collect();
        Arc::new(Believed { keys, algorithms: self.provider.signature_verification_algorithms })
    }
}

/// A consensus key as TLS wants it.
struct Key(Arc<dyn Signer>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key of {}", self.0.public())
    }
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        offered.contains(&SignatureScheme::ED25519).then(|| Box::new(Self(self.0.clone())) as _)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(spki(&self.0.public())))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl rustls::sign::Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.sign(message).map(|signature| signature.0.to_vec()).map_err(|error| Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// The keys that the other end may prove.
#[derive(Debug)]
struct Believed {
    keys: Vec<Vec<u8>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Believed {
    fn is_known(&self, shown: &CertificateDer<'_>) -> Result<(), Error> {
        let known = self.keys.iter().any(|key| key.as_slice() == shown.as_ref());
        if known { Ok(()) } else { Err(CertificateError::UnknownIssuer.into()) }
    }

    fn is_proven(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let spki = SubjectPublicKeyInfoDer::from(shown.as_ref());
        verify_tls13_signature_with_raw_key(message, &spki, signed, &self.algorithms)
    }
}

fn only_tls13() -> Result<HandshakeSignatureValid, Error> {
    Err(Error::General("raw public keys are for TLS 1.3".into()))
}

impl ServerCertVerifier for Believed {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.is_known(shown).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        only_tls13()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.is_proven(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ClientCertVerifier for Believed {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.is_known(shown).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        only_tls13()
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.is_proven(message, shown, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
