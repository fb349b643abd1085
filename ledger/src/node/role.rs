//! What a node is in an era: the only validator, one of many, or nobody who votes; and how one era gives way
//! to the next without the node being stopped. Whoever reads notices nothing.

use super::{NodeError, Shared, ValidatorKeys, member::Member, observer::Observer, run::Owner, waiting};
use crate::{chain::Chain, era::Era, highwater::HighWater, ordering::solo::Solo};
use contracts::validators::Validator;
use std::{path::Path, sync::Arc};

/// Why the work of a role ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Somebody asked the node to stop.
    Asked,
    /// Another set of validators goes on.
    EraOver,
}

/// What a node is in an era.
pub(super) enum Role {
    Solo(Box<Owner>),
    Member(Box<Member>),
    Observer(Box<Observer>),
}

impl Role {
    /// Of the era in which the store stands, with what a crash cut short taken up.
    pub fn of(shared: &Arc<Shared>, chain: Chain, highwater: HighWater, folder: &Path) -> Result<Self, NodeError> {
        let founding = &shared.document.document.founding.validators;
        let era = Era::at(&chain.store().reader(), chain.tip().height, founding)?;
        let (number, alone) = (era.number, era.set.validators.len() == 1);
        let (height, mark) = (chain.tip().height, highwater.mark().height);
        let seated = waiting::seated(era, shared, height, mark)?.patient(shared);
        let seat = seated.seat.clone();
        if let Some((seat, keys)) = &seat {
            check_keys(&seated.set.validators[usize::from(*seat)], keys)?;
        }
        tracing::info!(era = number, validator = ?seated.number(), "an era begins");
        if alone && seat.is_some() {
            // As at a start: whoever was restored from before the others left remembers, or somebody else does.
            shared.sources.check(&seated)?;
            if mark > height {
                return Err(NodeError::RolledBack { path: folder.join("db"), found: height, signed: mark });
            }
        }
        shared.enter(seated)?;
        Ok(match seat {
            None => {
                let observer = Observer::new(shared.clone(), chain, highwater);
                observer.recover()?;
                Self::Observer(Box::new(observer))
            }
            Some((_, keys)) if alone => {
                let ordering = Solo::new(shared.network, keys.consensus);
                let mut owner = Owner::new(shared.clone(), chain, highwater, ordering);
                owner.recover()?;
                Self::Solo(Box::new(owner))
            }
            Some(_) => {
                let mut member = Member::new(shared.clone(), chain, highwater, folder)?;
                member.recover()?;
                Self::Member(Box::new(member))
            }
        })
    }

    /// Does its work, and that of all eras that follow, until somebody asks the node to stop.
    pub fn run(mut self, shared: &Arc<Shared>, folder: &Path) -> Result<(), NodeError> {
        loop {
            let ended = match &mut self {
                Self::Solo(owner) => owner.run()?,
                Self::Member(member) => member.run()?,
                Self::Observer(observer) => observer.run()?,
            };
            if ended == Ended::Asked {
                return Ok(());
            }
            let (chain, highwater) = match self {
                Self::Solo(owner) => owner.into_parts(),
                Self::Member(member) => member.into_parts(),
                Self::Observer(observer) => observer.into_parts(),
            };
            self = Self::of(shared, chain, highwater, folder)?;
        }
    }
}

pub(super) fn check_keys(validator: &Validator, keys: &ValidatorKeys) -> Result<(), NodeError> {
    for (what, expected, signer) in
        [("log", validator.log, &keys.log), ("cosigner", validator.cosigner, &keys.cosigner)]
    {
        if signer.public() != expected {
            return Err(NodeError::WrongKey(what));
        }
    }
    Ok(())
}
