//! The founding state: what is so before the first transaction.

use crate::{
    id::PartyId,
    key::PublicKey,
    limits::{NAME_BYTES_MAX, PARTY_KEYS_MAX},
    party::{Country, KeyUse, Party, PartyKey, PartyKind, Role, Roles, Standing},
    quota::QuotaLimits,
    rejection::Malformed,
    state::{Key, Nothing, Overlay, Subject},
    text,
    validators::ValidatorSet,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Parties that a network may be founded with. More join by applying.
pub const FOUNDERS_MAX: usize = 64;

/// A party that is a member from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Founder {
    /// The organisation's name.
    pub name: String,
    /// What kind of organisation it is.
    pub kind: PartyKind,
    /// Country whose law it is under.
    pub jurisdiction: Country,
    /// What it may do.
    pub roles: Roles,
    /// Its first key, which names it, and others.
    pub keys: Vec<FounderKey>,
}

/// A key of a founder.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FounderKey {
    /// The key.
    pub key: PublicKey,
    /// What it may do.
    pub usage: KeyUse,
}

/// What a network is founded with. Part of the founding document.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Founding {
    /// Who decides and signs.
    pub validators: ValidatorSet,
    /// Who is a member from the beginning; at least one operator.
    pub founders: Vec<Founder>,
    /// What rules read.
    pub parameters: Parameters,
}

/// Parameters of the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// What one party may write in a window.
    pub quota: QuotaLimits,
}

impl Subject for Parameters {
    const TAG: u8 = 20;
    const KIND: &'static str = "parameters";
}

impl Parameters {
    /// Where they are kept.
    pub fn key() -> Key {
        Key::new(Self::TAG, &[])
    }
}

impl Founder {
    /// The party that it becomes, named by its first key.
    pub fn id(&self) -> Option<PartyId> {
        self.keys.first().map(|first| PartyId::of_first_key(&first.key))
    }

    fn check(&self) -> Result<(), Malformed> {
        text::line("founders.name", &self.name, 1, NAME_BYTES_MAX)?;
        self.roles.check()?;
        self.jurisdiction.check("founders.jurisdiction")?;
        if self.keys.is_empty() || self.keys.len() > PARTY_KEYS_MAX {
            return Err(Malformed::new("founders.keys", format!("1 to {PARTY_KEYS_MAX}")));
        }
        if self.keys[0].usage != KeyUse::Sign {
            return Err(Malformed::new("founders.keys", "the first key names the party and signs transactions"));
        }
        self.keys
            .iter()
            .try_for_each(|key| key.key.check().map_err(|error| Malformed::new("founders.keys", error.to_string())))
    }
}

impl Founding {
    /// Checks validators, founders and that somebody can admit others.
    ///
    /// # Errors
    /// [`Malformed`], naming what is wrong.
    pub fn check(&self) -> Result<(), Malformed> {
        self.validators.check()?;
        if self.founders.len() > FOUNDERS_MAX {
            return Err(Malformed::new("founders", format!("{FOUNDERS_MAX} at most")));
        }
        let mut keys = BTreeSet::new();
        for founder in &self.founders {
            founder.check()?;
            if let Some(twice) = founder.keys.iter().find(|key| !keys.insert(key.key)) {
                return Err(Malformed::new("founders.keys", format!("key {} stands there twice", twice.key)));
            }
        }
        if !self.founders.iter().any(|founder| founder.roles.has(Role::Operator)) {
            return Err(Malformed::new("founders", "at least one is an operator, or nobody could ever be admitted"));
        }
        Ok(())
    }

    /// The records at height 0, in key order.
    ///
    /// # Errors
    /// As [`Founding::check`].
    pub fn state(&self) -> Result<BTreeMap<Key, Vec<u8>>, Malformed> {
        self.check()?;
        let mut overlay = Overlay::over(&Nothing);
        let wrong = |fault: crate::state::Fault| Malformed::new("founders", fault.to_string());
        overlay.put(&ValidatorSet::key(), self.validators.clone()).map_err(wrong)?;
        overlay.put(&Parameters::key(), self.parameters).map_err(wrong)?;
        for founder in &self.founders {
            let id = founder.id().ok_or_else(|| Malformed::new("founders.keys", "a founder has at least one key"))?;
            let key = |key: &FounderKey| PartyKey { key: key.key, usage: key.usage, since: 0, revoked: None };
            let party = Party {
                name: founder.name.clone(),
                kind: founder.kind,
                jurisdiction: founder.jurisdiction,
                standing: Standing::Active,
                roles: founder.roles,
                keys: founder.keys.iter().map(key).collect(),
                side: None,
            };
            overlay.put(&Party::key(&id), party).map_err(wrong)?;
        }
        Ok(overlay.into_writes())
    }
}
