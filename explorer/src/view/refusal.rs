//! A refusal: who asked for what, why the rules said no, and what would help.

use super::{AsOf, Missing, transaction::TransactionView, unknown};
use crate::{index::Reader, view::tell::Link};
use contracts::id::TransactionId;
use serde::Serialize;
use utoipa::ToSchema;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RefusedView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// The transaction, whole.
    pub transaction: TransactionView,
    /// What the request named: links from its sentence.
    pub named: Vec<Link>,
    /// Which family of rules said no.
    pub family: &'static str,
}

/// The refusal of transaction `id`.
///
/// # Errors
/// [`Missing`]; also where the transaction was not refused.
pub fn refusal(reader: &Reader, id: &TransactionId) -> Result<RefusedView, Missing> {
    let transaction = super::transaction::transaction(reader, id)?;
    let code = match &transaction.refusal {
        Some(refusal) => refusal.code,
        None => return Err(unknown(reader, "refusal", id)),
    };
    let named = transaction
        .asks
        .parts
        .iter()
        .filter_map(|piece| match piece {
            crate::view::tell::Piece::Link(link) => Some(link.clone()),
            crate::view::tell::Piece::Text(_) => None,
        })
        .collect();
    Ok(RefusedView { as_of: transaction.as_of.clone(), transaction, named, family: family(code) })
}

/// The family of rules that a code belongs to, as `contracts::rejection` numbers them.
pub fn family(code: u8) -> &'static str {
    match code {
        0..=19 => "parties and keys",
        20..=39 => "datasets and versions",
        40..=59 => "offers and quotes",
        60..=79 => "agreements and deliveries",
        80..=99 => "consents and legal bases",
        100..=119 => "money",
        140..=179 => "governance",
        _ => "any action",
    }
}
