//! Side bodies: prose that can hold personal data, bound by a blinded commitment, stored beside
//! the ledger, deletable. Rules never read one; replay never needs one.

use crate::{
    action::Call,
    commitment::{self, Blinding},
    id::{PartyId, SideId},
    limits::{SIDE_BYTES_MAX, SIDE_FIELDS, SIDE_NAME_BYTES_MAX},
    rejection::{Rejection, Stop},
    state::{Key, Reading, Subject},
    takedown::TakenDown,
    text,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

const TAG: &[u8] = b"lonja/side/v1\0";

/// Named texts and the blinding of their commitment.
///
/// Invariants, held by [`SideBody::check`]: at most [`SIDE_FIELDS`] fields, names not empty,
/// ascending and distinct, the whole at most [`SIDE_BYTES_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct SideBody {
    #[serde(with = "hex_array")]
    blinding: Blinding,
    fields: Vec<SideField>,
}

/// The same parts as they come from outside. A commitment over more fields than it has leaves would
/// not bind the last ones, so a [`SideBody`] that breaks a bound cannot even be decoded.
#[derive(BorshDeserialize, Deserialize)]
struct Unchecked {
    #[serde(with = "hex_array")]
    blinding: Blinding,
    fields: Vec<SideField>,
}

impl TryFrom<Unchecked> for SideBody {
    type Error = SideError;
    fn try_from(Unchecked { blinding, fields }: Unchecked) -> Result<Self, SideError> {
        let body = Self { blinding, fields };
        body.check()?;
        Ok(body)
    }
}

impl BorshDeserialize for SideBody {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let checked = Self::try_from(Unchecked::deserialize_reader(reader)?);
        checked.map_err(|error| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, error.to_string()))
    }
}

/// One named text: an outline, a contact, a record's unmapped fields as JSON.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct SideField {
    /// What it is, such as `outline` or `contact`.
    pub name: String,
    /// The text.
    pub value: String,
}

/// Why a side body was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SideError {
    /// Too many fields.
    #[error("a side body has at most {SIDE_FIELDS} fields, this one {0}")]
    TooManyFields(usize),
    /// A name is empty, too long, not greater than the one before, or more than a line.
    #[error(
        "side field `{}`: names have 1 to {SIDE_NAME_BYTES_MAX} bytes on one line, ascend and do not repeat",
        text::visible(.0)
    )]
    Name(String),
    /// Too many bytes.
    #[error("a side body has at most {SIDE_BYTES_MAX} bytes, this one {0}")]
    TooLarge(usize),
}

impl SideBody {
    /// A side body from 256 fresh random bits and fields in any order.
    ///
    /// # Errors
    /// See [`SideError`].
    pub fn new(blinding: Blinding, mut fields: Vec<SideField>) -> Result<Self, SideError> {
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        let body = Self { blinding, fields };
        body.check()?;
        Ok(body)
    }

    /// Checks the invariants. Whoever makes or decodes one has it done.
    ///
    /// # Errors
    /// See [`SideError`].
    pub fn check(&self) -> Result<(), SideError> {
        if self.fields.len() > SIDE_FIELDS {
            return Err(SideError::TooManyFields(self.fields.len()));
        }
        let mut last = "";
        for field in &self.fields {
            if field.name.as_str() <= last || text::line("name", &field.name, 1, SIDE_NAME_BYTES_MAX).is_err() {
                return Err(SideError::Name(field.name.chars().take(80).collect()));
            }
            last = &field.name;
        }
        let bytes = self.bytes();
        if bytes > SIDE_BYTES_MAX { Err(SideError::TooLarge(bytes)) } else { Ok(()) }
    }

    /// Its size in bytes, as it is written.
    pub fn bytes(&self) -> usize {
        self.fields.iter().map(|field| field.name.len() + field.value.len() + 8).sum::<usize>() + 36
    }

    /// The commitment that goes on the ledger.
    pub fn id(&self) -> SideId {
        let fields = self.fields.iter().map(|field| (field.name.as_str(), field.value.as_str()));
        SideId(commitment::root(TAG, &self.blinding, fields).0)
    }

    /// The fields, names ascending.
    pub fn fields(&self) -> &[SideField] {
        &self.fields
    }

    /// The text named `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }
}

/// Whose a side body is: the party that committed to it first. Commitments are public, so that
/// anybody can put another's into an action of its own; without this it could then take the body down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct SideOwner {
    /// Who.
    pub owner: PartyId,
}

impl Subject for SideOwner {
    const TAG: u8 = 21;
    const KIND: &'static str = "side body owner";
}

impl SideOwner {
    /// Where the owner of `side` is kept.
    pub fn key(side: &SideId) -> Key {
        Key::new(Self::TAG, &[&side.0])
    }
}

/// Takes note that the sender commits to `side`, unless somebody did before.
///
/// # Errors
/// [`Rejection::SideBodyGone`], or a fault of the store.
pub(crate) fn claim(call: &mut Call, side: Option<SideId>) -> Result<(), Stop> {
    let Some(side) = side else { return Ok(()) };
    if call.state.value::<TakenDown>(&TakenDown::key(&side))?.is_some() {
        return Err(Rejection::SideBodyGone { side }.into());
    }
    let key = SideOwner::key(&side);
    if call.state.value::<SideOwner>(&key)?.is_none() {
        call.state.put(&key, SideOwner { owner: call.sender })?;
    }
    Ok(())
}

mod hex_array {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> SideField {
        SideField { name: name.into(), value: value.into() }
    }

    #[test]
    fn the_commitment_binds_every_field_and_hides_behind_its_blinding() {
        let body = |blinding, value: &str| {
            SideBody::new([blinding; 32], vec![field("outline", value), field("contact", "x")]).unwrap()
        };
        assert_eq!(body(1, "rain").id(), body(1, "rain").id());
        assert_ne!(body(1, "rain").id(), body(2, "rain").id());
        assert_ne!(body(1, "rain").id(), body(1, "raim").id());
        let moved = SideBody::new([1; 32], vec![field("outlin", "erain"), field("contact", "x")]).unwrap();
        assert_ne!(body(1, "rain").id(), moved.id());
    }

    #[test]
    fn bad_shapes_are_refused() {
        assert!(SideBody::new([0; 32], vec![field("a", ""), field("a", "")]).is_err());
        assert!(SideBody::new([0; 32], vec![field("", "")]).is_err());
        assert!(SideBody::new([0; 32], vec![field("out\nline", "")]).is_err());
        assert!(SideBody::new([0; 32], vec![field("a", &"x".repeat(SIDE_BYTES_MAX))]).is_err());
        assert!(SideBody::new([0; 32], (0..17).map(|i| field(&format!("{i:02}"), "")).collect()).is_err());
    }
}
