//! Certificates for tests, made as they are asked for: their keys guard nothing.

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};

/// Ed25519 (RFC 8410, 3), as an algorithm.
const ED25519: [u8; 7] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
/// What comes before the 32 bytes of such a key in PKCS#8.
const PRIVATE_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A certificate of `localhost` that vouches for itself, and its key, in PEM.
pub struct Pair {
    /// The certificate.
    pub cert: String,
    /// The private key.
    pub key: String,
    /// The certificate in DER.
    pub der: Vec<u8>,
}

impl Pair {
    /// That of the key made from `seed`, from 1970 to `until`, such as `20991231235959Z`.
    pub fn of(seed: u8, until: &str) -> Self {
        let signer = SigningKey::from_bytes(&[seed; 32]);
        // commonName, 2.5.4.3.
        let name =
            tlv(0x30, &tlv(0x31, &tlv(0x30, &[&tlv(0x06, &[0x55, 4, 3])[..], &tlv(0x0c, b"localhost")].concat())));
        let validity = tlv(0x30, &[tlv(0x18, b"19700101000000Z"), tlv(0x18, until.as_bytes())].concat());
        let public = [&[0][..], signer.verifying_key().as_bytes()].concat();
        let public = tlv(0x30, &[&ED25519[..], &tlv(0x03, &public)].concat());
        // subjectAltName, 2.5.29.17.
        let alternative = tlv(0x04, &tlv(0x30, &tlv(0x82, b"localhost")));
        let alternative = tlv(0x30, &[tlv(0x06, &[0x55, 0x1d, 0x11]), alternative].concat());
        let body = [
            tlv(0xa0, &tlv(0x02, &[2])),
            tlv(0x02, &[seed.max(1) & 0x7f]),
            ED25519.to_vec(),
            name.clone(),
            validity,
            name,
            public,
            tlv(0xa3, &tlv(0x30, &alternative)),
        ];
        let body = tlv(0x30, &body.concat());
        let signature = [&[0][..], &signer.sign(&body).to_bytes()].concat();
        let der = tlv(0x30, &[&body[..], &ED25519, &tlv(0x03, &signature)].concat());
        let key = pem("PRIVATE KEY", &[&PRIVATE_PREFIX[..], &[seed; 32]].concat());
        Self { cert: pem("CERTIFICATE", &der), key, der }
    }
}

/// An element of DER with fewer than 64 KiB.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("certificates for tests are short").to_be_bytes();
    let head = match content.len() {
        0..0x80 => vec![tag, low],
        0x80..0x100 => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, content.to_vec()].concat()
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}
