//! Commitments that a stranger may open: a blinded SHA-256 Merkle tree over named fields.
//!
//! A leaf is `SHA-256(0x00 ‖ tag ‖ r_i ‖ u16 len ‖ name ‖ u32 len ‖ value)`, a node
//! `SHA-256(0x01 ‖ left ‖ right)`, lengths big-endian, the number of leaves fixed, so a root says
//! nothing about how many fields there are. Blinding of leaf i is `SHA-256("lonja/blind/v1" ‖ r ‖ i)`
//! of 256 random bits r; who destroys r makes the root a number without meaning.

use crate::{id::Digest, limits::SIDE_FIELDS, merkle};

/// 256 random bits that hide what is committed to. Deleting them is part of erasure.
pub type Blinding = [u8; 32];

/// The blinding of leaf `index`.
pub fn blinding_of_leaf(blinding: &Blinding, index: u8) -> Digest {
    Digest::of(&[b"lonja/blind/v1\0", blinding, &[index]])
}

/// The hash of one named field. An unused leaf has an empty name and value.
pub fn leaf(tag: &[u8], blinding: &Digest, name: &str, value: &str) -> Digest {
    let name_bytes = u16::try_from(name.len()).expect("a field's name is bounded far below 64 KiB").to_be_bytes();
    let value_bytes = u32::try_from(value.len()).expect("a field's value is bounded far below 4 GiB").to_be_bytes();
    Digest::of(&[&[0x00], tag, &blinding.0, &name_bytes, name.as_bytes(), &value_bytes, value.as_bytes()])
}

/// The root over `fields`, padded with empty fields to [`SIDE_FIELDS`] leaves.
///
/// # Panics
/// With more than [`SIDE_FIELDS`] fields; callers check that first.
pub fn root<'a>(tag: &[u8], blinding: &Blinding, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Digest {
    let mut level: Vec<Digest> = fields
        .chain(std::iter::repeat(("", "")))
        .take(SIDE_FIELDS)
        .enumerate()
        .map(|(index, (name, value))| leaf(tag, &blinding_of_leaf(blinding, index as u8), name, value))
        .collect();
    while level.len() > 1 {
        level = level.chunks(2).map(|pair| merkle::node(&pair[0], &pair[1])).collect();
    }
    level[0]
}
