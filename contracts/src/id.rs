//! Names of things. Each is its own type, so a dataset can never be passed where a party is meant.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Text that is not the lower-case hexadecimal form of an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {digits} hexadecimal digits, this is `{got}`")]
pub struct IdError {
    what: &'static str,
    digits: usize,
    got: String,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const BYTES: usize = $bytes;

            /// The bytes, for hashing and for keys.
            pub fn as_bytes(&self) -> &[u8] { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&hex::encode(self.0)) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}({})", stringify!($name), self) }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let bad = || IdError { what: $what, digits: 2 * $bytes, got: text.chars().take(80).collect() };
                // One spelling per identifier: upper case would be a second name for the same thing.
                if text.bytes().any(|b| b.is_ascii_uppercase()) { return Err(bad()); }
                let mut bytes = [0u8; $bytes];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| bad())?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.collect_str(self) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                <String as Deserialize>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// A SHA-256 digest.
    Digest, 32, "a digest";
    /// A BLAKE3 digest: the root of Bao verified streaming over a content.
    Blake3, 32, "a BLAKE3 digest";
    /// A network: SHA-256 of its signed founding document.
    NetworkId, 32, "a network id";
    /// A member of the network, derived from its first public key by [`PartyId::of_first_key`].
    PartyId, 32, "a party id";
    /// A transaction: SHA-256 of its domain-separated body, without the signature.
    TransactionId, 32, "a transaction id";
    /// A dataset: derived from publisher, catalogue and identifier, so that an import can be repeated.
    DatasetId, 32, "a dataset id";
    /// One content of a dataset: derived from the dataset and the number of the version.
    VersionId, 32, "a version id";
    /// An offer: the id of the transaction that made it.
    OfferId, 32, "an offer id";
    /// An agreement (a licence held): the id of the transaction that bought it.
    AgreementId, 32, "an agreement id";
    /// A delivery: the id of the transaction that recorded it.
    DeliveryId, 32, "a delivery id";
    /// A consent: 16 random bytes, never derived from a person.
    ConsentId, 16, "a consent id";
    /// A group of parties that may see and buy what is shared with it: the id of the transaction that formed it.
    GroupId, 32, "a group id";
    /// The blinded commitment to a side body (see [`crate::side`]).
    SideId, 32, "a side body commitment";
    /// A proposal of governance: the digest of all that ballots approve.
    ProposalId, 32, "a proposal id";
    /// A bank reference's digest: one payment at the bank, one mint here.
    BankReference, 32, "a bank reference digest";
}

/// Number of a block. The founding state is height 0, the first block 1.
pub type Height = u64;

/// Milliseconds since 1970-01-01T00:00:00Z, as a block says.
pub type TimeMs = u64;

impl Digest {
    /// SHA-256 over the concatenation of `parts`.
    pub fn of(parts: &[&[u8]]) -> Self {
        use sha2::{Digest as _, Sha256};
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl PartyId {
    /// The id of the party whose first key is `key`. It never changes when keys are rotated.
    pub fn of_first_key(key: &crate::key::PublicKey) -> Self {
        Self(Digest::of(&[b"lonja/party/v1\0", &key.0]).0)
    }

    /// The party that all strangers share: applications draw on its quota.
    pub const STRANGERS: PartyId = PartyId([0; 32]);
}

impl DatasetId {
    /// The id of the record `identifier` of `catalogue` when `publisher` brings it.
    ///
    /// Identity is (publisher, catalogue, identifier), since titles repeat.
    pub fn of(publisher: &PartyId, catalogue: &str, identifier: &str) -> Self {
        let catalogue_bytes = (catalogue.len() as u64).to_be_bytes();
        Self(
            Digest::of(&[
                b"lonja/dataset/v1\0",
                &publisher.0,
                &catalogue_bytes,
                catalogue.as_bytes(),
                identifier.as_bytes(),
            ])
            .0,
        )
    }
}

impl VersionId {
    /// The id of version `number` (from 1) of `dataset`.
    pub fn of(dataset: &DatasetId, number: u32) -> Self {
        Self(Digest::of(&[b"lonja/version/v1\0", &dataset.0, &number.to_be_bytes()]).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_one_spelling() {
        let id = ConsentId([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<ConsentId>().is_err());
        assert!("abcd".parse::<ConsentId>().is_err());
        assert!("zz".repeat(16).parse::<ConsentId>().is_err());
    }

    #[test]
    fn catalogue_and_identifier_do_not_run_into_each_other() {
        let party = PartyId([1; 32]);
        assert_ne!(DatasetId::of(&party, "ab", "c"), DatasetId::of(&party, "a", "bc"));
    }
}
