//! Side bodies: prose that stays beside the ledger, bound by a blinded commitment.

use crate::problem::Problem;
use contracts::side::{SideBody, SideField};

/// A side body with fresh blinding.
pub fn body(fields: Vec<(&str, String)>) -> Result<SideBody, Problem> {
    let fields = fields.into_iter().map(|(name, value)| SideField { name: name.into(), value }).collect();
    SideBody::new(rand::random(), fields)
        .map_err(|error| Problem::new("the texts beside the ledger do not fit").because(error).help("shorten them"))
}
