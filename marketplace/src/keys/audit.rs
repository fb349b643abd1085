//! Auditing managed keys, sign-in links, sessions and credentials of a market that is stopped.
//!
//! Without the master key: every row is of its form and under its name. With it every managed key is
//! opened, and the key that signs for a party is the one that the party is named by.

use super::{CHECK, CREDENTIALS, CredentialRow, KEYS, LINKS, MasterKey, SEAL_KEY, SESSIONS, Sealer, entry, row};
use crate::own::walk;
use borsh::BorshDeserialize;
use contracts::{id::PartyId, key::PublicKey, party::KeyUse};
use ed25519_dalek::SigningKey;
use ledger::{
    audit::Findings,
    store::kv::{Kv, KvError},
};
use serde::Serialize;

/// Bytes of a sealed key: nonce, seed, tag.
const SEALED_BYTES: usize = 24 + 32 + 16;

/// What an audit of keys read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// Managed keys.
    pub keys: u64,
    /// Of those, keys that were opened.
    pub opened: u64,
    /// Sign-in links, sessions and credentials, expired ones included.
    pub entries: u64,
}

/// Does the market of `kv` hold a signing key of `party`?
pub(crate) fn is_managed(kv: &Kv, party: &PartyId) -> Result<bool, KvError> {
    Ok(kv.get(KEYS, &row(party, KeyUse::Sign))?.is_some())
}

/// Audits the rows in `kv`.
pub(crate) fn audit(kv: &Kv, master: Option<&MasterKey>, findings: &mut Findings) -> Audited {
    let mut audited = Audited::default();
    let sealer = master.map(|master| Sealer::new(master, SEAL_KEY));
    walk(kv, KEYS, findings, |name, value, findings| {
        let place = format!("own {KEYS} {}", hex::encode(name));
        let held = match name {
            CHECK => None,
            [b'k' | b'n', usage, party @ ..] if value.len() == SEALED_BYTES => {
                let usage = [KeyUse::Sign, KeyUse::Price].into_iter().find(|known| *known as u8 == *usage);
                let held = usage.zip(<[u8; 32]>::try_from(party).ok());
                if held.is_none() {
                    return findings.find(place, "is no name of a managed key");
                }
                held
            }
            _ => return findings.find(place, "is no managed key"),
        };
        audited.keys += u64::from(held.is_some());
        let Some(sealer) = &sealer else { return };
        let Ok(seed) = sealer.open(value, name) else {
            return findings.find(place, "does not open under the master key");
        };
        let Some((usage, party)) = held else { return };
        let Ok(seed) = <&[u8; 32]>::try_from(seed.as_slice()) else {
            return findings.find(place, "holds no key");
        };
        let public = PublicKey(SigningKey::from_bytes(seed).verifying_key().to_bytes());
        if usage == KeyUse::Sign && PartyId::of_first_key(&public).0 != party {
            return findings.find(place, "holds a key of another party");
        }
        audited.opened += 1;
    });
    for family in [LINKS, SESSIONS] {
        walk(kv, family, findings, |name, value, findings| {
            audited.entries += 1;
            if !entry::is_row(name, value) {
                findings.find(format!("own {family} {}", hex::encode(name)), "is no sign-in link or session");
            }
        });
    }
    walk(kv, CREDENTIALS, findings, |name, value, findings| {
        audited.entries += 1;
        let row = CredentialRow::try_from_slice(value).ok();
        if row.is_none_or(|row| super::credentials::name(&row.party, &row.id) != name) {
            findings.find(format!("own {CREDENTIALS} {}", hex::encode(name)), "is no credential");
        }
    });
    audited
}
