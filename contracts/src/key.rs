//! Keys and signatures: Ed25519 (RFC 8032), separated by purpose and network.
//!
//! What is signed is always `purpose ‖ 0x00 ‖ network id ‖ message`, so a signature made for one
//! purpose or one network means nothing elsewhere. Verification is dalek's `verify_strict`, which
//! any RFC 8032 verifier agrees with, WebCrypto included.

use crate::id::NetworkId;
use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_dalek::{Signature as DalekSignature, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// What a signature is for. Names are permanent: they are inside every signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A transaction's body.
    Transaction,
    /// A price quote, by a key that the provider registered for pricing.
    Quote,
    /// What an organisation shows before a network is founded, by each of its keys.
    Member,
    /// The founding document, by each of its validators.
    Network,
    /// A solo certificate over a block, or a precommit for one: the vote that certificates are made of.
    Block,
    /// Every other vote of ordering: prevotes, and precommits for no block.
    Vote,
    /// A proposal of ordering.
    Proposal,
    /// A record of the trust chain: the next set, by the set before it.
    Trust,
    /// A validator's approval of a proposal of governance.
    Ballot,
    /// The word of a validator of a new set that it is ready.
    Ready,
    /// A validator's protest against a proposal of another.
    Protest,
}

impl Domain {
    /// The domain that starts every signed message of this purpose.
    pub fn domain(self) -> &'static [u8] {
        match self {
            Self::Transaction => b"lonja/sign/transaction/v1\0",
            Self::Quote => b"lonja/sign/quote/v1\0",
            Self::Member => b"lonja/sign/member/v1\0",
            Self::Network => b"lonja/sign/network/v1\0",
            Self::Block => b"lonja/sign/block/v1\0",
            Self::Vote => b"lonja/sign/vote/v1\0",
            Self::Proposal => b"lonja/sign/proposal/v1\0",
            Self::Trust => b"lonja/sign/trust/v1\0",
            Self::Ballot => b"lonja/sign/ballot/v1\0",
            Self::Ready => b"lonja/sign/ready/v1\0",
            Self::Protest => b"lonja/sign/protest/v1\0",
        }
    }

    /// The bytes that are signed for `message` in `network`.
    pub fn message(self, network: &NetworkId, message: &[u8]) -> Vec<u8> {
        [self.domain(), &network.0, message].concat()
    }
}

macro_rules! hex_bytes {
    ($name:ident, $bytes:literal, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        impl FromStr for $name {
            type Err = KeyError;
            fn from_str(text: &str) -> Result<Self, KeyError> {
                let mut bytes = [0u8; $bytes];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| KeyError::Hex($what))?;
                Ok(Self(bytes))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                <String as Deserialize>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// An Ed25519 public key. Any 32 bytes: whether they are a point shows when something is verified.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct PublicKey(pub [u8; 32]);
hex_bytes!(PublicKey, 32, "a public key is 64 hexadecimal digits");

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Signature(pub [u8; 64]);
hex_bytes!(Signature, 64, "a signature is 128 hexadecimal digits");

/// Why a key or signature was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not hexadecimal of the right length.
    #[error("{0}")]
    Hex(&'static str),
    /// The 32 bytes are no point of the curve, or one of small order.
    #[error("{0} is not a usable Ed25519 public key")]
    NotAKey(PublicKey),
    /// The signature does not belong to key, purpose, network and message.
    #[error("the signature does not verify under key {0}")]
    BadSignature(PublicKey),
}

impl PublicKey {
    /// Checks that the bytes are a point of large order, so that nobody registers a weak key.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`].
    pub fn check(&self) -> Result<(), KeyError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| KeyError::NotAKey(*self))?;
        if key.is_weak() { Err(KeyError::NotAKey(*self)) } else { Ok(()) }
    }

    /// Verifies `signature` over exactly `message`, strictly (RFC 8032 5.1.7, no small-order keys,
    /// canonical scalars).
    ///
    /// # Errors
    /// [`KeyError::NotAKey`] or [`KeyError::BadSignature`].
    pub fn verify_raw(&self, message: &[u8], signature: &Signature) -> Result<(), KeyError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| KeyError::NotAKey(*self))?;
        key.verify_strict(message, &DalekSignature::from_bytes(&signature.0)).map_err(|_| KeyError::BadSignature(*self))
    }

    /// Verifies `signature` over `message` of `domain` in `network`.
    ///
    /// # Errors
    /// [`KeyError::NotAKey`] or [`KeyError::BadSignature`].
    pub fn verify(
        &self,
        domain: Domain,
        network: &NetworkId,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), KeyError> {
        self.verify_raw(&domain.message(network, message), signature)
    }
}

/// Whoever can sign with one key: a key file, a hardware token, a service.
///
/// Lives here so that every layer can ask for a signature; secrets themselves live in `genesis`.
pub trait Signer: Send + Sync {
    /// The key that verifies what [`Signer::sign`] returns.
    fn public(&self) -> PublicKey;

    /// Signs exactly these bytes.
    ///
    /// # Errors
    /// Says why the signer could not sign, for an operator to read.
    fn sign(&self, message: &[u8]) -> Result<Signature, SignError>;
}

/// A signer that could not sign: a token pulled out, a service out of reach.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the signer for key {key} failed: {reason}")]
pub struct SignError {
    /// The key that was asked.
    pub key: PublicKey,
    /// What the signer said.
    pub reason: String,
}

/// A secret in memory for tests of the rules, made from a seed byte. Real secrets live in `genesis`.
#[doc(hidden)]
pub struct TestSigner(ed25519_dalek::SigningKey);

impl TestSigner {
    /// The signer of seed `seed`; everybody can make it, so it guards nothing.
    pub fn of(seed: u16) -> Self {
        let bytes = crate::id::Digest::of(&[b"lonja/test/key\0", &seed.to_be_bytes()]);
        Self(ed25519_dalek::SigningKey::from_bytes(&bytes.0))
    }
}

impl Signer for TestSigner {
    fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        use ed25519_dalek::Signer as _;
        Ok(Signature(self.0.sign(message).to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_means_one_purpose_in_one_network() {
        let signer = TestSigner::of(1);
        let (here, there) = (NetworkId([1; 32]), NetworkId([2; 32]));
        let signature = signer.sign(&Domain::Quote.message(&here, b"ten")).unwrap();
        let key = signer.public();
        assert_eq!(key.verify(Domain::Quote, &here, b"ten", &signature), Ok(()));
        for (domain, network, message) in
            [(Domain::Transaction, &here, b"ten"), (Domain::Quote, &there, b"ten"), (Domain::Quote, &here, b"tem")]
        {
            assert!(key.verify(domain, network, message, &signature).is_err());
        }
    }

    #[test]
    fn a_key_of_small_order_is_refused() {
        let identity = PublicKey({
            let mut bytes = [0; 32];
            bytes[0] = 1;
            bytes
        });
        assert_eq!(identity.check(), Err(KeyError::NotAKey(identity)));
    }
}
