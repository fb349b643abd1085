//! Eras: the heights that one validator set decides and seals, and how one gives way to the next.
//!
//! A block whose execution changes the set is the last of its era: the set before it orders and seals it, and
//! signs a [`SetChange`] that says after how many log entries the next set goes on. Only with seal and record
//! does the next era begin; a node that stops in between takes it up there. The state knows the newest set,
//! records know those before it.

use crate::{
    block::Header,
    log::proof::TreeHead,
    receipt::{SetChange, Trust, TrustError},
    store::{Reader, StoreError},
};
use contracts::{
    governance::{Change, Governance, Proposal},
    id::{Height, NetworkId},
    state::{Fault, Reading},
    validators::ValidatorSet,
};

/// The heights that one validator set decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Era {
    /// How many changes of the set came before it.
    pub number: u32,
    /// Its first height is above this one.
    pub after: Height,
    /// Who decides and seals.
    pub set: ValidatorSet,
}

/// Why the eras of a store cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum EraError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] Fault),
    /// A record is missing.
    #[error("the store has no {0}")]
    Missing(String),
    /// The records do not follow each other.
    #[error("the record of a change of the validator set: {0}")]
    Trust(#[from] TrustError),
}

impl Era {
    /// The era in which a store stands whose newest block is at `tip`: that of the newest block, or the one
    /// after it where that block ended an era and nothing of it is missing.
    ///
    /// # Errors
    /// [`EraError`].
    pub fn at(reader: &Reader, tip: Height, founding: &ValidatorSet) -> Result<Self, EraError> {
        let now: ValidatorSet =
            reader.value(&ValidatorSet::key())?.ok_or_else(|| EraError::Missing("validator set".into()))?;
        let changes = changes(reader)?;
        let header = if tip == 0 { None } else { reader.header(tip)? };
        let ends = header.is_some_and(|header| header.ends_era());
        let done =
            || -> Result<bool, StoreError> { Ok(reader.seal(tip)?.is_some() && reader.set_change(changes)?.is_some()) };
        if !ends || done()? {
            return Ok(Self { number: changes, after: begins(reader, changes)?, set: now });
        }
        let number = changes - 1;
        let set = match number {
            0 => founding.clone(),
            number => record(reader, number)?.set,
        };
        Ok(Self { number, after: begins(reader, number)?, set })
    }

    /// The record of the change by which this era ends, for its validators to sign: `reader` sees the state
    /// after its last block, after which the log has `head`.
    ///
    /// # Errors
    /// [`EraError`].
    pub fn change(&self, reader: &Reader, head: &TreeHead) -> Result<SetChange, EraError> {
        let missing = |what: &str| EraError::Missing(what.into());
        let governance: Governance = reader.value(&Governance::key())?.ok_or_else(|| missing("governance"))?;
        let proposal = governance.in_force.ok_or_else(|| missing("proposal of the set in force"))?;
        let proposal: Option<Proposal> = reader.value(&Proposal::key(&proposal))?;
        let Some(Proposal { change: Change::Validators { set, compromised }, .. }) = proposal else {
            return Err(missing("proposal of the set in force"));
        };
        Ok(SetChange { number: self.number + 1, after_size: head.size, set, compromised, signatures: Vec::new() })
    }
}

/// Records of changes after number `after`, in order, `most` of them at most.
///
/// # Errors
/// [`StoreError`].
pub fn changes_after(reader: &Reader, after: u32, most: usize) -> Result<Vec<SetChange>, StoreError> {
    let mut changes = Vec::new();
    while changes.len() < most
        && let Some(number) = after.checked_add(1 + changes.len() as u32)
        && let Some(change) = reader.set_change(number)?
    {
        changes.push(change);
    }
    Ok(changes)
}

/// The record of the change by which the era of the block at `height` ended with it.
///
/// # Errors
/// [`EraError`].
pub fn change_after(reader: &Reader, height: Height) -> Result<Option<SetChange>, EraError> {
    let Some(header) = reader.header(height)? else { return Ok(None) };
    change_at(reader, header.log_size)
}

/// The record of the change by which an era ended when the log had `size` entries.
///
/// # Errors
/// [`EraError`].
pub fn change_at(reader: &Reader, size: u64) -> Result<Option<SetChange>, EraError> {
    // The newest is asked for most often.
    for number in (1..=changes(reader)?).rev() {
        let change = reader.set_change(number)?;
        if let Some(change) = change.filter(|change| change.after_size <= size) {
            return Ok((change.after_size == size).then_some(change));
        }
    }
    Ok(None)
}

/// Is this the record of the change by which an era ends with the block of `header`? Whether a quorum signed it
/// is for [`Trust::extend`] or [`SetChange::verify`].
///
/// # Errors
/// What is wrong with it, for people.
pub fn check_closes(change: Option<&SetChange>, header: &Header) -> Result<(), String> {
    let height = header.entry.height;
    let change = change.ok_or_else(|| format!("block {height} ends an era without a record of that"))?;
    if change.after_size != header.log_size || change.set.digest() != header.entry.next_validators {
        return Err(format!("the record of the change of validators is not that of block {height}"));
    }
    Ok(())
}

/// How often the state says that the set has changed.
fn changes(reader: &Reader) -> Result<u32, Fault> {
    Ok(reader.value::<Governance>(&Governance::key())?.unwrap_or_default().changes)
}

fn record(reader: &Reader, number: u32) -> Result<SetChange, EraError> {
    let missing = || EraError::Missing(format!("record of change {number} of the validator set"));
    reader.set_change(number)?.ok_or_else(missing)
}

/// The height after which era `number` begins.
fn begins(reader: &Reader, number: u32) -> Result<Height, EraError> {
    if number == 0 {
        return Ok(0);
    }
    let size = record(reader, number)?.after_size;
    match (reader.height_of_size(size)?, reader.base()?) {
        (Some(height), _) => Ok(height),
        (None, 0) => Err(EraError::Missing(format!("block whose log has {size} entries"))),
        // It began before the oldest block that is here.
        (None, base) => Ok(base),
    }
}

/// All sets that `reader` has records of, from `first` on.
///
/// # Errors
/// [`EraError`].
pub fn trust(reader: &Reader, network: NetworkId, first: &ValidatorSet) -> Result<Trust, EraError> {
    let mut trust = Trust::new(network, first.clone())?;
    for number in 1.. {
        let Some(change) = reader.set_change(number)? else { break };
        trust.extend(&change)?;
    }
    Ok(trust)
}
