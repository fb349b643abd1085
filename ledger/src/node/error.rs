//! Why a node could not start, or had to stop.

use crate::{
    chain::{BlockError, OpenError},
    highwater::HighWaterError,
    log::LogError,
    ordering::OrderingError,
    receipt::SealError,
    replica::{ChainedError, ReplicaError},
    sides::SidesError,
    store::{KvError, StoreError},
    time::ClockJumped,
    voting::VotingError,
    whole::{self, Passing},
};
use contracts::{id::Height, key::SignError};
use genesis::document::Untrue;
use std::path::PathBuf;

/// Keys of a validator are there, and do not open.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the keys of validator {validator} do not open: {reason}")]
pub struct Unopened {
    /// Whose.
    pub validator: String,
    /// Why, with the file or token.
    pub reason: String,
}

/// Why a node could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The founding document does not hold.
    #[error("the founding document does not hold")]
    Document(#[from] Untrue),
    /// The keys are not those of the validator in the founding document.
    #[error("the {0} key is none that the founding document gives this validator: open the right key file")]
    WrongKey(&'static str),
    /// The keys do not open.
    #[error(transparent)]
    Unopened(#[from] Unopened),
    /// The keys are those of nobody in the set of validators, which has changed since the founding.
    #[error(
        "after change {changes} of the validator set, the keys at hand are of no validator. If this node left the set: to \
         follow the network, name nodes that serve blocks as `from` of [observe] in lonja.toml. If not, open the keys \
         that the set has"
    )]
    NoValidatorAnyMore {
        /// Changes of the set that this node has seen.
        changes: u32,
    },
    /// The only validator cannot know whether the network is further than its ledger.
    #[error(
        "this node is the only validator that it knows of, and none of the nodes that [observe] names answered: they \
         alone can tell whether the network has gone on since. Start one of them first, or take them out of lonja.toml"
    )]
    NobodyShows,
    /// The folder cannot be made.
    #[error("cannot create {path}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
    /// The high-water file says no.
    #[error(transparent)]
    HighWater(#[from] HighWaterError),
    /// The store is older than what was signed.
    #[error(
        "{path} was rolled back: it ends at height {found}, but height {signed} was signed. Restore the newest copy of the store; never the high-water file"
    )]
    RolledBack {
        /// The store.
        path: PathBuf,
        /// Its height.
        found: Height,
        /// The height that was signed.
        signed: Height,
    },
    /// The store holds another history than the one that was signed.
    #[error("{path} holds another history than the one that was signed at height {signed}")]
    OtherHistory {
        /// The store.
        path: PathBuf,
        /// The height that was signed.
        signed: Height,
    },
    /// The chain cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The side store cannot be opened or written.
    #[error(transparent)]
    Sides(#[from] SidesError),
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A block could not be made or committed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// Ordering failed.
    #[error(transparent)]
    Ordering(#[from] OrderingError),
    /// The replica of a network of many stopped.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// What was voted for cannot be kept.
    #[error(transparent)]
    Voting(#[from] VotingError),
    /// A key could not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The eras of the store cannot be told.
    #[error(transparent)]
    Era(#[from] crate::era::EraError),
    /// A seal could not be made.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The clock jumped.
    #[error(transparent)]
    Clock(#[from] ClockJumped),
    /// The thread could not be started.
    #[error("cannot start the node's thread: {0}")]
    Thread(#[source] std::io::Error),
}

impl NodeError {
    /// Did a newer release write the directory? Then nothing is damaged, and that release is all that is needed.
    pub fn is_newer(&self) -> bool {
        match self {
            Self::Open(OpenError::Store(error)) | Self::Store(error) => {
                matches!(error, StoreError::Kv(KvError::Newer { .. }))
            }
            Self::HighWater(error) => matches!(error, HighWaterError::Newer { .. }),
            _ => false,
        }
    }

    /// Is it only that a disk has no room? Then nothing is damaged, and room is all that is needed.
    pub fn is_disk_full(&self) -> bool {
        let full = |error: &StoreError| matches!(error, StoreError::Kv(KvError::DiskFull { .. }));
        match self {
            Self::Store(error) | Self::Open(OpenError::Store(error)) | Self::Block(BlockError::Store(error)) => {
                full(error)
            }
            Self::Replica(ReplicaError::Part(part)) => match part.downcast_ref() {
                Some(ChainedError::Block(BlockError::Store(error))) => full(error),
                _ => whole::found_full(&**part),
            },
            other => whole::found_full(other),
        }
    }

    /// May it pass without anybody doing something, and how?
    pub fn passing(&self) -> Option<Passing> {
        match self {
            // They pass on what the store says.
            Self::Store(error) | Self::Open(OpenError::Store(error)) | Self::Block(BlockError::Store(error)) => {
                whole::passing(error)
            }
            other => whole::passing(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn what_the_system_says_of_any_file_tells_whether_it_may_pass() {
        // Too many open files, and no right.
        for (number, passes) in [(24, Some(Passing::Failing)), (13, None)] {
            let met = || whole::Failed::to("open", Path::new("x"))(std::io::Error::from_raw_os_error(number));
            for error in
                [NodeError::HighWater(met().into()), NodeError::Sides(met().into()), NodeError::Voting(met().into())]
            {
                assert_eq!(error.passing(), passes, "{error}");
            }
        }
        let in_use = || StoreError::Kv(KvError::InUse { path: "somewhere".into() });
        for error in [NodeError::Store(in_use()), NodeError::Open(OpenError::Store(in_use()))] {
            assert_eq!(error.passing(), Some(Passing::InUse));
        }
    }

    #[test]
    fn a_full_disk_is_told_from_a_damaged_one_wherever_it_is_met() {
        let full = || whole::disk_full(Path::new("somewhere"));
        let kv = || StoreError::Kv(KvError::DiskFull { path: "somewhere".into() });
        let part = |part: Box<dyn std::error::Error + Send + Sync>| NodeError::Replica(ReplicaError::Part(part));
        let met = [
            NodeError::Store(kv()),
            NodeError::HighWater(full().into()),
            NodeError::Sides(full().into()),
            NodeError::Voting(full().into()),
            NodeError::Folder { path: "somewhere".into(), source: std::io::ErrorKind::QuotaExceeded.into() },
            part(Box::new(VotingError::from(full()))),
            part(Box::new(ChainedError::Block(BlockError::Store(kv())))),
        ];
        for error in met {
            assert!(error.is_disk_full(), "{error}");
        }
        let denied = || whole::Failed::to("write", Path::new("somewhere"))(std::io::ErrorKind::PermissionDenied.into());
        assert!(!NodeError::Voting(denied().into()).is_disk_full());
        assert!(!part(Box::new(VotingError::from(denied()))).is_disk_full());
    }
}
