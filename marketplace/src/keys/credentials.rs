//! API credentials: PASETO v4.public tokens, for as long as their id stands in the store.

use super::{CREDENTIALS, Keys, KeysError, MasterKey, random};
use crate::{
    limits::{CREDENTIAL_DAYS_MAX, ENTRIES_PER_PARTY_MAX, PROOF_SKEW},
    repeats::{First, Made},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{NetworkId, PartyId, TimeMs},
    key::{Domain, PublicKey, Signature},
};
use ed25519_dalek::SigningKey;
use ledger::store::kv::Batch;
use pasetors::{
    Public,
    keys::{AsymmetricPublicKey, AsymmetricSecretKey},
    token::UntrustedToken,
    version4::{PublicToken, V4},
};
use serde::{Deserialize, Serialize};

/// Signs and verifies tokens, with a key derived from the master key.
pub(super) struct Tokens {
    secret: AsymmetricSecretKey<V4>,
    public: AsymmetricPublicKey<V4>,
    /// Bound into every token: one made for another network does not verify here.
    network: NetworkId,
}

/// A credential that was issued.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct CredentialRow {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub party: PartyId,
    /// What its owner calls it.
    pub label: String,
    /// When it was issued.
    pub issued_ms: TimeMs,
    /// Until when it is valid.
    pub expires_ms: TimeMs,
}

/// What a token says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    /// Party.
    sub: PartyId,
    /// Id of the credential.
    jti: String,
    /// RFC 3339, as PASETO registers it.
    exp: jiff::Timestamp,
}

const NOT_A_CREDENTIAL: &str = "the credential is not valid, has expired, or was withdrawn: get another one";

impl Tokens {
    pub(super) fn new(master: &MasterKey, network: NetworkId) -> Result<Self, KeysError> {
        let seed = master.derive("lonja market credentials v1");
        let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let pair = zeroize::Zeroizing::new([seed.as_slice(), &public].concat());
        let wrong = |error: pasetors::errors::Error| KeysError::Token(error.to_string());
        Ok(Self {
            secret: AsymmetricSecretKey::from(&pair).map_err(wrong)?,
            public: AsymmetricPublicKey::from(&public).map_err(wrong)?,
            network,
        })
    }

    pub(super) fn sign(&self, message: &[u8], purpose: &[u8]) -> Result<String, KeysError> {
        let bound = [purpose, &self.network.0].concat();
        PublicToken::sign(&self.secret, message, None, Some(&bound))
            .map_err(|error| KeysError::Token(error.to_string()))
    }

    pub(super) fn verify(&self, token: &str, purpose: &[u8]) -> Option<Vec<u8>> {
        let bound = [purpose, &self.network.0].concat();
        let untrusted = UntrustedToken::<Public, V4>::try_from(token).ok()?;
        let trusted = PublicToken::verify(&self.public, &untrusted, None, Some(&bound)).ok()?;
        Some(trusted.payload().as_bytes().to_vec())
    }
}

const CREDENTIAL: &[u8] = b"lonja/credential/v1\0";
const STATEMENT: &[u8] = b"lonja/market-statement/v1\0";

impl Keys {
    /// Issues an API credential to `party`. The caller has checked who asks.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn issue_credential(
        &self,
        party: &PartyId,
        label: &str,
        days: u32,
        first: &First,
        now_ms: TimeMs,
    ) -> Result<(String, CredentialRow), KeysError> {
        if days == 0 || days > CREDENTIAL_DAYS_MAX || label.len() > 100 {
            return Err(KeysError::NotValid(
                "a credential is valid for 1 to 90 days and has a label of at most 100 bytes",
            ));
        }
        let live = self.credentials(party)?.into_iter().filter(|row| row.expires_ms > now_ms).count();
        if live >= ENTRIES_PER_PARTY_MAX {
            return Err(KeysError::TooMany { what: "credentials of this party", most: ENTRIES_PER_PARTY_MAX });
        }
        let row = CredentialRow {
            id: hex::encode(random::<16>()?),
            party: *party,
            label: label.into(),
            issued_ms: now_ms,
            expires_ms: now_ms + u64::from(days) * 86_400_000,
        };
        let token = self.token(&row)?;
        let mut batch = Batch::default();
        first.note(&mut batch, Made::Credential { id: row.id.clone() }, now_ms);
        batch.put(CREDENTIALS, name(party, &row.id), borsh::to_vec(&row).expect("writing to memory does not fail"));
        for old in self.credentials(party)?.into_iter().filter(|row| row.expires_ms <= now_ms) {
            batch.delete(CREDENTIALS, name(party, &old.id));
        }
        self.own.write(batch)?;
        Ok((token, row))
    }

    /// A credential that was issued, told again; `None` where it was withdrawn or has expired.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn credential_again(
        &self,
        party: &PartyId,
        id: &str,
        now_ms: TimeMs,
    ) -> Result<Option<(String, CredentialRow)>, KeysError> {
        let Some(bytes) = self.own.get(CREDENTIALS, &name(party, id))? else { return Ok(None) };
        let row = CredentialRow::try_from_slice(&bytes).map_err(|_| KeysError::Sealed)?;
        let live = (row.expires_ms > now_ms).then(|| self.token(&row).map(|token| (token, row)));
        live.transpose()
    }

    /// The token of a credential. Ed25519 signs without chance, so the same row gives the same token,
    /// and none needs to be kept.
    fn token(&self, row: &CredentialRow) -> Result<String, KeysError> {
        let exp = jiff::Timestamp::from_millisecond(row.expires_ms as i64)
            .map_err(|error| KeysError::Token(error.to_string()))?;
        let claims = Claims { sub: row.party, jti: row.id.clone(), exp };
        let message = serde_json::to_vec(&claims).expect("plain values are always JSON");
        self.tokens.sign(&message, CREDENTIAL)
    }

    /// Whose credential `token` is.
    ///
    /// # Errors
    /// [`KeysError::NotValid`].
    pub fn bearer(&self, token: &str, now_ms: TimeMs) -> Result<PartyId, KeysError> {
        let not_valid = || KeysError::NotValid(NOT_A_CREDENTIAL);
        if token.len() > 1_024 {
            return Err(not_valid());
        }
        let message = self.tokens.verify(token, CREDENTIAL).ok_or_else(not_valid)?;
        let claims: Claims = serde_json::from_slice(&message).map_err(|_| not_valid())?;
        if claims.exp.as_millisecond() <= now_ms as i64 {
            return Err(not_valid());
        }
        self.own.get(CREDENTIALS, &name(&claims.sub, &claims.jti))?.ok_or_else(not_valid)?;
        Ok(claims.sub)
    }

    /// Credentials of a party, expired ones included until the next is issued.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn credentials(&self, party: &PartyId) -> Result<Vec<CredentialRow>, KeysError> {
        let rows = self.own.scan(CREDENTIALS, &party.0, &party.0, 10 * ENTRIES_PER_PARTY_MAX)?;
        rows.iter().map(|(_, value)| CredentialRow::try_from_slice(value).map_err(|_| KeysError::Sealed)).collect()
    }

    /// Withdraws a credential; requests that carry it are refused from now on.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn withdraw_credential(&self, party: &PartyId, id: &str) -> Result<(), KeysError> {
        let mut batch = Batch::default();
        batch.delete(CREDENTIALS, name(party, id));
        Ok(self.own.write(batch)?)
    }

    /// Signs a statement of the market (such as an erasure receipt) as a PASETO v4.public token.
    ///
    /// # Errors
    /// [`KeysError::Token`].
    pub(crate) fn attest(&self, statement: &serde_json::Value) -> Result<String, KeysError> {
        self.tokens.sign(statement.to_string().as_bytes(), STATEMENT)
    }

    /// The key that verifies credentials and statements of this market.
    pub fn attestation_key(&self) -> PublicKey {
        PublicKey(self.tokens.public.as_bytes().try_into().expect("an Ed25519 key has 32 bytes"))
    }

    /// What somebody signs with a key of `party` to get a credential without a managed key.
    pub fn proof_message(party: &PartyId, key: &PublicKey, at_ms: TimeMs, base_url: &str) -> Vec<u8> {
        [CREDENTIAL, &party.0, &key.0, &at_ms.to_be_bytes(), base_url.as_bytes()].concat()
    }

    /// Checks such a proof: made just now, for this network and this address. That the key is one of
    /// the party's, the caller checks.
    ///
    /// # Errors
    /// [`KeysError::NotValid`].
    pub fn check_proof(&self, proof: &KeyProof, base_url: &str, now_ms: TimeMs) -> Result<(), KeysError> {
        if proof.at_ms.abs_diff(now_ms) > PROOF_SKEW.as_millis() as u64 {
            return Err(KeysError::NotValid(
                "the proof was made more than two minutes from now: check the clock and sign anew",
            ));
        }
        let message = Self::proof_message(&proof.party, &proof.key, proof.at_ms, base_url);
        proof.key.verify(Domain::Transaction, &self.network, &message, &proof.signature).map_err(|_| {
            KeysError::NotValid("the proof does not verify: sign the proof message with the key that you name")
        })
    }
}

/// A proof that somebody holds a key of a party.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyProof {
    /// Which party.
    pub party: PartyId,
    /// Which of its keys.
    pub key: PublicKey,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: TimeMs,
    /// By the key, in the domain of transactions, over [`Keys::proof_message`].
    pub signature: Signature,
}

pub(super) fn name(party: &PartyId, id: &str) -> Vec<u8> {
    [party.0.as_slice(), id.as_bytes()].concat()
}
