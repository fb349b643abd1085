//! Evidence against validators: two statements that exclude each other, and protests against what one proposed.
//!
//! The first prove themselves. A protest is the word of one validator; with more than a third of the set it is
//! established that the proposer broke the rules.

use super::{Cell, Missing, list};
use crate::{
    index::{At, Listed, Reader, Target},
    view::format::counted,
    view::tell::{Link, Names, place},
};
use contracts::{
    action::Action,
    event::Event,
    governance::{Protest, Testimony},
    id::Digest,
    key::{Domain, PublicKey, Signature},
    statement::{Said, Statement},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Something that a validator signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatementView {
    /// Whose it is, where its key was ever in force.
    pub by: Option<Link>,
    /// Its consensus key.
    pub key: String,
    /// `prevote`, `precommit`, `proposal` or `protest`.
    pub what: &'static str,
    /// Of which height.
    pub height: u64,
    /// Of which round.
    pub round: u32,
    /// For which block; none for a vote for no block.
    pub block: Option<String>,
    /// The height at which this block was decided, if it was.
    pub decided: Option<u64>,
    /// The purpose that is inside the signature.
    pub purpose: String,
    /// The signature.
    pub signature: String,
}

/// What a transaction brings against a validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct EvidenceView {
    /// How far it goes, in words.
    pub weight: &'static str,
    /// What was signed.
    pub statements: Vec<StatementView>,
}

const PROVES_ITSELF: &str = "No validator that keeps to the rules signs both. Whoever has its public key checks the two signatures, and \
                             needs nobody's word.";
const A_WORD: &str = "One validator says that it executed the block and that it breaks the rules. The proposer signed \
                      the block, so nobody is blamed for one that it never proposed; that it breaks the rules is the \
                      word of whoever protests, until more than a third of the set has protested.";

/// The evidence that `action` hands in, if it is of that kind.
///
/// # Errors
/// [`Missing::Index`].
pub fn evidence(reader: &Reader, action: &Action) -> Result<Option<EvidenceView>, Missing> {
    Ok(match action {
        Action::Accuse(ask) => {
            let said = |one: &Testimony| {
                let statement =
                    Statement { validator: ask.validator, height: ask.height, round: ask.round, said: one.said };
                signed(reader, &statement, one.signature)
            };
            Some(EvidenceView { weight: PROVES_ITSELF, statements: vec![said(&ask.first)?, said(&ask.second)?] })
        }
        Action::Protest(ask) => Some(EvidenceView { weight: A_WORD, statements: of_protest(reader, ask)? }),
        _ => None,
    })
}

fn of_protest(reader: &Reader, ask: &Protest) -> Result<Vec<StatementView>, Missing> {
    let said = ask.proposed.said;
    let statement = Statement { validator: ask.proposer, height: ask.height, round: ask.round, said };
    let proposed = signed(reader, &statement, ask.proposed.signature)?;
    let (domain, _) = statement.protested();
    let word = StatementView {
        what: "protest",
        purpose: purpose(domain),
        signature: ask.signature.to_string(),
        ..view(reader, &ask.by, &statement)?
    };
    Ok(vec![proposed, word])
}

fn signed(reader: &Reader, statement: &Statement, signature: Signature) -> Result<StatementView, Missing> {
    let (domain, _) = statement.signed();
    let signature = signature.to_string();
    Ok(StatementView { purpose: purpose(domain), signature, ..view(reader, &statement.validator, statement)? })
}

fn view(reader: &Reader, by: &PublicKey, statement: &Statement) -> Result<StatementView, Missing> {
    let block = match statement.said {
        Said::Prevote { block } | Said::Precommit { block } => block,
        Said::Proposal { block, .. } => Some(block),
    };
    Ok(StatementView {
        by: Names(reader).validator(by)?,
        key: by.to_string(),
        what: statement.said.word(),
        height: statement.height,
        round: statement.round,
        decided: block.map(|block| decided(reader, &block)).transpose()?.flatten(),
        block: block.map(|block| block.to_string()),
        purpose: String::new(),
        signature: String::new(),
    })
}

/// The height of the block with this id.
fn decided(reader: &Reader, block: &Digest) -> Result<Option<u64>, Missing> {
    let found = reader.identifiers(block.as_bytes(), 4)?;
    Ok(found.iter().find_map(|found| match found.target {
        Target::Block(height) => Some(height),
        _ => None,
    }))
}

fn purpose(domain: Domain) -> String {
    String::from_utf8_lossy(domain.domain()).trim_end_matches('\0').to_owned()
}

/// One row of the list.
pub(super) fn row(reader: &Reader, listed: &Listed) -> Result<Option<Vec<Cell>>, Missing> {
    let Some(found) = reader.row(&listed.at)? else { return Ok(None) };
    let (names, action) = (Names(reader), &found.transaction.body.action);
    let event = found.events.get(usize::from(listed.at.event));
    let (kind, key, at_height, round) = match event {
        Some(Event::Accused { key, height, round, .. }) => ("accused", key, *height, *round),
        Some(Event::Protested { key, height, round, .. }) => ("protested", key, *height, *round),
        _ => return Ok(None),
    };
    let place = place(at_height, round);
    let (what, by) = match action {
        Action::Accuse(ask) => {
            (format!("signed two {}s that exclude each other, {place}", ask.first.said.word()), None)
        }
        Action::Protest(ask) => (format!("proposed a block that breaks the rules, {place}"), Some(ask.by)),
        _ => return Ok(None),
    };
    let cell = |key: &PublicKey| {
        Ok::<_, Missing>(names.validator(key)?.map_or_else(|| Cell::text(key.to_string()), Cell::link))
    };
    Ok(Some(vec![
        Cell::height(listed.at.height),
        list::time_of(reader, &listed.at)?,
        cell(key)?,
        Cell::text(kind).toned("bad"),
        Cell::text(what),
        Cell::number(at_height),
        Cell::number(u64::from(round)),
        by.as_ref().map(cell).transpose()?.unwrap_or_else(|| Cell::valued("its own signatures", "")),
        weight(reader, &listed.at, event)?,
        list::transaction_cell(reader, &listed.at)?,
    ]))
}

/// What is shown by it, as far as it went at its place in the ledger.
fn weight(reader: &Reader, at: &At, event: Option<&Event>) -> Result<Cell, Missing> {
    let Some(Event::Protested { protests, established, .. }) = event else {
        return Ok(Cell::valued("proven", "proven").toned("bad"));
    };
    if *established {
        return Ok(Cell::valued(format!("established by {protests}"), "established").toned("bad"));
    }
    let needed = reader.newest_era(Some(*at))?.map_or(0, |era| era.set.more_than_a_third() as u64);
    let many = counted(u64::from(*protests), "validator", "validators");
    Ok(Cell::valued(format!("the word of {many}; {needed} would establish it"), "word").toned("calm"))
}
