//! Transactions: what a party signs. `bytes → Transaction → Checked`, each step once.

use crate::{
    action::Action,
    id::{Digest, Height, NetworkId, PartyId, TransactionId},
    key::{Domain, KeyError, PublicKey, SignError, Signature, Signer},
    limits::TRANSACTION_BYTES_MAX,
    rejection::Malformed,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Body {
    /// For which network.
    pub network: NetworkId,
    /// Who asks.
    pub sender: PartyId,
    /// With which of its keys.
    pub key: PublicKey,
    /// Random: blinds the digest of a deleted body, and makes two equal requests two transactions.
    #[serde(serialize_with = "as_hex")]
    pub nonce: [u8; 16],
    /// The last height at which it may be in a block.
    pub last_valid: Height,
    /// What is asked for.
    pub action: Action,
}

fn as_hex<S: serde::Serializer>(bytes: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

/// A body and its signature, decoded but not yet checked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Transaction {
    /// What is signed.
    pub body: Body,
    /// By `body.key`, in the domain of transactions, over the body's bytes.
    pub signature: Signature,
}

/// Why bytes are no transaction of this network. Nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// More bytes than allowed.
    #[error("a signed transaction has at most {TRANSACTION_BYTES_MAX} bytes, this one {0}")]
    TooLarge(usize),
    /// Not the borsh form of a transaction: truncated, an unknown tag, invalid UTF-8, trailing bytes.
    #[error("the bytes are no transaction: {0}")]
    Undecodable(String),
    /// Made for another network.
    #[error("the transaction is for network {found}, this is {expected}")]
    WrongNetwork {
        /// Network of the transaction.
        found: NetworkId,
        /// Network of this node.
        expected: NetworkId,
    },
    /// A field breaks a bound.
    #[error("the transaction is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The signature does not verify.
    #[error("the transaction's signature: {0}")]
    Signature(#[from] KeyError),
}

impl Body {
    /// The bytes that the id and the signature are over.
    pub fn bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to memory does not fail")
    }

    /// Signs. What is signed is the body's borsh bytes in the domain of transactions.
    ///
    /// # Errors
    /// [`SignError`] where the signer cannot.
    pub fn sign(self, signer: &dyn Signer) -> Result<Transaction, SignError> {
        let message = Domain::Transaction.message(&self.network, &self.bytes());
        Ok(Transaction { signature: signer.sign(&message)?, body: self })
    }
}

impl Transaction {
    /// The digest of a signed transaction's bytes, whether or not they are one.
    pub fn digest_of(bytes: &[u8]) -> Digest {
        Digest::of(&[b"lonja/signed/v1\0", bytes])
    }

    /// Decodes. Lengths are checked before anything is read.
    ///
    /// # Errors
    /// [`TransactionError::TooLarge`] or [`TransactionError::Undecodable`].
    pub fn decode(bytes: &[u8]) -> Result<Self, TransactionError> {
        if bytes.len() > TRANSACTION_BYTES_MAX {
            return Err(TransactionError::TooLarge(bytes.len()));
        }
        Self::try_from_slice(bytes).map_err(|error| TransactionError::Undecodable(error.to_string()))
    }

    /// The bytes that travel and are stored.
    pub fn bytes(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to memory does not fail")
    }

    /// The id: SHA-256 over the domain-separated body, without the signature.
    pub fn id(&self) -> TransactionId {
        TransactionId(Digest::of(&[b"lonja/transaction/v1\0", &self.body.bytes()]).0)
    }

    /// Checks network, bounds and signature.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn check(self, network: &NetworkId) -> Result<Checked, TransactionError> {
        let checked = self.check_unsigned(network)?;
        let body = &checked.transaction.body;
        body.key.verify_raw(&checked.message(), &checked.transaction.signature)?;
        Ok(checked)
    }

    /// Checks everything but the signature, for callers that verify many signatures at once.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn check_unsigned(self, network: &NetworkId) -> Result<Checked, TransactionError> {
        let bytes = self.bytes();
        if bytes.len() > TRANSACTION_BYTES_MAX {
            return Err(TransactionError::TooLarge(bytes.len()));
        }
        if self.body.network != *network {
            return Err(TransactionError::WrongNetwork { found: self.body.network, expected: *network });
        }
        self.body.action.check()?;
        let body_bytes = bytes.len() - 64;
        let id = TransactionId(Digest::of(&[b"lonja/transaction/v1\0", &bytes[..body_bytes]]).0);
        let digest = Self::digest_of(&bytes);
        Ok(Checked { transaction: self, id, digest, bytes })
    }
}

/// A transaction whose network, bounds and signature hold.
///
/// Its one constructor that skips the signature is [`Transaction::check_unsigned`]; whoever uses
/// that verifies [`Checked::message`] itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    transaction: Transaction,
    id: TransactionId,
    digest: Digest,
    bytes: Vec<u8>,
}

impl Checked {
    /// Its id.
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// SHA-256 of the signed bytes, as the log entry has it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The signed bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is signed.
    pub fn body(&self) -> &Body {
        &self.transaction.body
    }

    /// The transaction.
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// The exact bytes under the signature.
    pub fn message(&self) -> Vec<u8> {
        let body = &self.bytes[..self.bytes.len() - 64];
        Domain::Transaction.message(&self.transaction.body.network, body)
    }
}
