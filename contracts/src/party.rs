//! Parties: organisations that apply, are admitted with roles, and rotate their keys.
//!
//! A party is named by its first key for ever, and keeps its name when keys change. Names of
//! contact persons belong in the side body.

use crate::{
    action::{Call, Rule},
    event::Event,
    governance,
    id::{Height, PartyId, SideId},
    key::{Domain, PublicKey, Signature},
    limits::{NAME_BYTES_MAX, PARTY_KEYS_MAX},
    rejection::{Malformed, Rejection, Stop},
    side,
    state::{Key, Reading, Subject, View},
    text,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A member of the network, or one that has applied.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Party {
    /// The organisation's name.
    pub name: String,
    /// What kind of organisation it is. No rule depends on it (ISO 37106 6.11.2: level playing field).
    pub kind: PartyKind,
    /// ISO 3166-1 country code whose law it is under.
    pub jurisdiction: Country,
    /// Where it stands.
    pub standing: Standing,
    /// What it may do.
    pub roles: Roles,
    /// Its keys, revoked ones included, oldest first.
    pub keys: Vec<PartyKey>,
    /// Contacts and prose, beside the ledger.
    pub side: Option<SideId>,
}

/// User groups of ISO/DIS 37156 9.2 g and the roles of a market's own institutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum PartyKind {
    /// City organizations.
    City = 0,
    /// Third sector organizations.
    ThirdSector = 1,
    /// Business users.
    Business = 2,
    /// Citizens, through an agent or association.
    Citizens = 3,
    /// Academic organizations.
    Academic = 4,
    /// Other cities.
    OtherCity = 5,
    /// A public authority that supervises.
    Authority = 6,
}

/// An ISO 3166-1 alpha-2 code: two capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Country(pub [u8; 2]);

impl Country {
    /// Decoded bytes may be anything; a country is two capital letters.
    pub(crate) fn check(self, field: &'static str) -> Result<(), Malformed> {
        if self.0.iter().all(u8::is_ascii_uppercase) {
            Ok(())
        } else {
            Err(Malformed::new(field, "a country is two capital letters"))
        }
    }
}

impl std::fmt::Display for Country {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl std::str::FromStr for Country {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match <[u8; 2]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(format!(
                "`{}` is not a country code of two capital letters, such as ES",
                text.chars().take(16).collect::<String>()
            )),
        }
    }
}

impl Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where a party stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Standing {
    /// Has applied; may do nothing but rotate its keys and take down what it wrote of itself.
    Applied = 0,
    /// Admitted.
    Active = 1,
    /// Suspended by an operator; its agreements and history stay.
    Suspended = 2,
}

/// A right that a party holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Role {
    /// Admits and suspends parties.
    Operator = 0,
    /// Publishes datasets and makes offers.
    Provider = 1,
    /// Buys.
    Buyer = 2,
    /// Mints and burns against a bank account.
    SettlementAgent = 3,
    /// Supervises: reads what is restricted; writes nothing.
    Regulator = 4,
    /// Records consents for data subjects.
    Custodian = 5,
    /// Holds contents and delivers them for providers.
    Gateway = 6,
}

impl Role {
    /// The word in JSON and commands.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Provider => "provider",
            Self::Buyer => "buyer",
            Self::SettlementAgent => "settlement-agent",
            Self::Regulator => "regulator",
            Self::Custodian => "custodian",
            Self::Gateway => "gateway",
        }
    }

    /// All roles, in the order of their tags.
    pub const ALL: [Role; 7] = [
        Role::Operator,
        Role::Provider,
        Role::Buyer,
        Role::SettlementAgent,
        Role::Regulator,
        Role::Custodian,
        Role::Gateway,
    ];
}

/// A set of roles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Roles(u16);

impl Roles {
    /// The set of `roles`.
    pub fn of(roles: &[Role]) -> Self {
        Self(roles.iter().fold(0, |bits, role| bits | 1 << *role as u16))
    }

    /// Is `role` in it?
    pub fn has(self, role: Role) -> bool {
        self.0 & (1 << role as u16) != 0
    }

    /// The roles in it, in the order of their tags.
    pub fn list(self) -> Vec<Role> {
        Role::ALL.into_iter().filter(|role| self.has(*role)).collect()
    }

    pub(crate) fn check(self) -> Result<(), Malformed> {
        if self.0 >> Role::ALL.len() != 0 {
            Err(Malformed::new("roles", "a bit that names no role is set"))
        } else {
            Ok(())
        }
    }
}

impl Serialize for Roles {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(&self.list(), serializer)
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(&<Vec<Role> as Deserialize>::deserialize(deserializer)?))
    }
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum KeyUse {
    /// Signs transactions.
    Sign = 0,
    /// Signs price quotes, nothing else.
    Price = 1,
}

/// One key of a party.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct PartyKey {
    /// The key.
    pub key: PublicKey,
    /// What it may do.
    pub usage: KeyUse,
    /// From this height on.
    pub since: Height,
    /// Up to this height, where it was revoked.
    pub revoked: Option<Height>,
}

impl Subject for Party {
    const TAG: u8 = 1;
    const KIND: &'static str = "party";
}

impl Party {
    /// Where `party` is kept.
    pub fn key(party: &PartyId) -> Key {
        Key::new(Self::TAG, &[&party.0])
    }

    /// May `key` be used for `usage` now?
    pub fn may_use(&self, key: &PublicKey, usage: KeyUse) -> bool {
        self.keys.iter().any(|held| held.key == *key && held.usage == usage && held.revoked.is_none())
    }

    /// Admitted, not suspended, and holding `role`?
    pub fn is_active_as(&self, role: Role) -> bool {
        self.standing == Standing::Active && self.roles.has(role)
    }
}

/// The party `id`, if it is active, whatever its roles.
///
/// # Errors
/// A refusal: unknown, or not active.
pub fn require_active(view: &dyn View, id: &PartyId) -> Result<Party, Stop> {
    let party: Party = view.value(&Party::key(id))?.ok_or(Rejection::PartyUnknown { party: *id })?;
    if party.standing != Standing::Active {
        return Err(Rejection::PartyNotActive { party: *id }.into());
    }
    Ok(party)
}

/// The party `id`, if it was ever admitted: whoever was suspended since then is one.
///
/// # Errors
/// A refusal: unknown, or not admitted yet.
pub fn require_admitted(view: &dyn View, id: &PartyId) -> Result<Party, Stop> {
    let party: Party = view.value(&Party::key(id))?.ok_or(Rejection::PartyUnknown { party: *id })?;
    match party.standing {
        Standing::Applied => Err(Rejection::PartyNotActive { party: *id }.into()),
        Standing::Active | Standing::Suspended => Ok(party),
    }
}

/// The party `id`, if it is active and holds `role`.
///
/// # Errors
/// A refusal that says which of the three is not so.
pub fn require_role(view: &dyn View, id: &PartyId, role: Role) -> Result<Party, Stop> {
    let party = require_active(view, id)?;
    if !party.roles.has(role) {
        return Err(Rejection::RoleMissing { party: *id, role }.into());
    }
    Ok(party)
}

/// Asks to become a member. The only action of somebody who is none: signed by the first key,
/// which names the party.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// The organisation's name.
    pub name: String,
    /// What kind of organisation it is.
    pub kind: PartyKind,
    /// Country whose law it is under.
    pub jurisdiction: Country,
    /// Contacts and prose, beside the ledger.
    pub side: Option<SideId>,
}

impl Rule for Apply {
    fn check(&self) -> Result<(), Malformed> {
        text::line("name", &self.name, 1, NAME_BYTES_MAX)?;
        self.jurisdiction.check("jurisdiction")
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let key = Party::key(&call.sender);
        if call.state.value::<Party>(&key)?.is_some() {
            return Err(Rejection::PartyExists { party: call.sender }.into());
        }
        side::claim(call, self.side)?;
        let first = PartyKey { key: call.signer, usage: KeyUse::Sign, since: call.height, revoked: None };
        let party = Party {
            name: self.name.clone(),
            kind: self.kind,
            jurisdiction: self.jurisdiction,
            standing: Standing::Applied,
            roles: Roles::default(),
            keys: vec![first],
            side: self.side,
        };
        call.state.put(&key, party)?;
        call.state.emit(Event::PartyApplied { party: call.sender, name: self.name.clone(), key: call.signer });
        Ok(())
    }
}

/// Admits an applicant, ends a suspension, or changes the roles of a member. By an operator, who makes others operators
/// or settlement agents only where one validator is the quorum.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admit {
    /// Who.
    pub party: PartyId,
    /// All roles that it has from now on.
    pub roles: Roles,
}

impl Rule for Admit {
    fn check(&self) -> Result<(), Malformed> {
        self.roles.check()
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_role(call.state, &call.sender, Role::Operator)?;
        governance::open_to_operators(call.state, &self.party)?;
        let key = Party::key(&self.party);
        let mut party: Party = call.state.value(&key)?.ok_or(Rejection::PartyUnknown { party: self.party })?;
        if self.party == call.sender && !self.roles.has(Role::Operator) {
            return Err(Rejection::OperatorWouldLockItselfOut.into());
        }
        governance::given_by_operators(call, &self.party, party.roles, self.roles)?;
        party.standing = Standing::Active;
        party.roles = self.roles;
        call.state.put(&key, party)?;
        call.state.emit(Event::PartyAdmitted { party: self.party, roles: self.roles, by: call.sender });
        Ok(())
    }
}

/// Why a party was suspended. Prose goes into a side body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum SuspensionReason {
    /// It asked for it.
    OwnRequest = 0,
    /// It broke terms or law.
    Breach = 1,
    /// Its keys may be in other hands.
    KeyCompromise = 2,
    /// It no longer exists.
    Dissolved = 3,
}

/// Suspends a member. By an operator. Whoever only applied is none: it does nothing that a suspension would end, and
/// would be taken for somebody who was admitted once.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspend {
    /// Who.
    pub party: PartyId,
    /// Why.
    pub reason: SuspensionReason,
}

impl Rule for Suspend {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_role(call.state, &call.sender, Role::Operator)?;
        if self.party == call.sender {
            return Err(Rejection::OperatorWouldLockItselfOut.into());
        }
        governance::open_to_operators(call.state, &self.party)?;
        let mut party = require_admitted(call.state, &self.party)?;
        party.standing = Standing::Suspended;
        call.state.put(&Party::key(&self.party), party)?;
        call.state.emit(Event::PartySuspended { party: self.party, reason: self.reason, by: call.sender });
        Ok(())
    }
}

/// Adds a key to the sender's own, proving that whoever adds it holds it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddKey {
    /// The new key.
    pub key: PublicKey,
    /// What it may do.
    pub usage: KeyUse,
    /// By the new key, in the domain of transactions, over [`AddKey::proof_message`].
    pub proof: Signature,
}

impl AddKey {
    /// What the new key signs to show that it is held by whoever adds it to `party`.
    pub fn proof_message(party: &PartyId, key: &PublicKey) -> Vec<u8> {
        [b"lonja/add-key/v1\0".as_slice(), &party.0, &key.0].concat()
    }
}

impl Rule for AddKey {
    fn check(&self) -> Result<(), Malformed> {
        self.key.check().map_err(|error| Malformed::new("key", error.to_string()))
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let message = AddKey::proof_message(&call.sender, &self.key);
        if self.key.verify(Domain::Transaction, &call.network, &message, &self.proof).is_err() {
            return Err(Rejection::KeyProofWrong { key: self.key }.into());
        }
        let at = Party::key(&call.sender);
        let mut party: Party = call.state.value(&at)?.ok_or(Rejection::PartyUnknown { party: call.sender })?;
        if party.keys.iter().any(|held| held.key == self.key) {
            return Err(Rejection::KeyKnown { key: self.key }.into());
        }
        if party.keys.len() >= PARTY_KEYS_MAX {
            return Err(Rejection::TooManyKeys.into());
        }
        party.keys.push(PartyKey { key: self.key, usage: self.usage, since: call.height, revoked: None });
        call.state.put(&at, party)?;
        call.state.emit(Event::KeyAdded { party: call.sender, key: self.key, usage: self.usage });
        Ok(())
    }
}

/// Revokes one of the sender's own keys; the last that signs transactions stays.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeKey {
    /// Which.
    pub key: PublicKey,
    /// Whether it may be in other hands.
    pub compromised: bool,
}

impl Rule for RevokeKey {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let at = Party::key(&call.sender);
        let mut party: Party = call.state.value(&at)?.ok_or(Rejection::PartyUnknown { party: call.sender })?;
        let held = party.keys.iter_mut().find(|held| held.key == self.key && held.revoked.is_none());
        held.ok_or(Rejection::KeyUnknown { key: self.key })?.revoked = Some(call.height);
        if !party.keys.iter().any(|held| held.usage == KeyUse::Sign && held.revoked.is_none()) {
            return Err(Rejection::LastKey.into());
        }
        call.state.put(&at, party)?;
        call.state.emit(Event::KeyRevoked { party: call.sender, key: self.key, compromised: self.compromised });
        Ok(())
    }
}
