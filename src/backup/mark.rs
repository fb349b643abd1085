//! The high-water mark of a restored directory: what its node takes for signed already.
//!
//! A mark must never be older than what was signed, and a backup cannot know that. Who is left to ask decides:
//!
//! - A node that only observes signs nothing, so any mark does.
//! - A validator among several is shown its own newer signatures by the others before it takes part
//!   (`ledger::node::member`), so a mark at the backup's newest block does.
//! - A single validator has nobody to ask. The mark that survived the store is the only witness: with it, the directory
//!   is ready if nothing was signed after the backup. Without it somebody has to say aloud that what came after is lost.

use crate::problem::{Exit, Problem};
use genesis::{Keyring, SignedDocument};
use ledger::{
    era::Era,
    highwater::{HighWater, Mark},
    log,
    store::{Store, Tip},
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What the directory's node is where its ledger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It holds no key of a validator in force.
    Observer,
    /// It is one of several validators.
    OneOfSeveral,
    /// It is the only validator.
    Alone,
}

/// What whoever restores says of the time after the backup.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Whatever was signed after the backup is given up.
    pub accept_loss: bool,
    /// The mark that survived.
    pub highwater: Option<PathBuf>,
}

/// What the holder of the keys in folder `keys` is in the era in which `store` stands.
///
/// # Errors
/// When the validators cannot be told.
pub fn standing(store: &Store, tip: &Tip, document: &SignedDocument, keys: &Path) -> Result<Standing, Problem> {
    let untrue = |error: &dyn std::error::Error| {
        crate::service::chain("the backup does not tell its validators", error).exits(Exit::Untrue)
    };
    let founding = &document.document.founding.validators;
    let era = Era::at(&store.reader(), tip.height, founding).map_err(|error| untrue(&error))?;
    let (ring, mut ours) = (Keyring::at(keys), false);
    // A directory that only follows has no key at all.
    let names = if keys.exists() { ring.names()? } else { Vec::new() };
    for name in names {
        if name.to_string().ends_with(".consensus") {
            let key = ring.inspect(&name)?.public;
            ours |= era.set.number_of(&key).is_some();
        }
    }
    Ok(match (ours, era.set.validators.len()) {
        (false, _) => Standing::Observer,
        (true, 1) => Standing::Alone,
        (true, _) => Standing::OneOfSeveral,
    })
}

/// The mark that the restored directory gets, whose ledger is `store` and stands at `tip`.
///
/// # Errors
/// When a second history could be signed, saying what that means and what to do.
pub fn decide(store: &Store, tip: &Tip, standing: Standing, said: &Said) -> Result<Mark, Problem> {
    let newest = Mark { height: tip.height, size: tip.log.count(), root: tip.log.root() };
    let Some(path) = &said.highwater else {
        return match standing {
            Standing::Alone if !said.accept_loss => Err(loss(tip)),
            _ => Ok(newest),
        };
    };
    let mark = survived(path)?;
    let wrong = |text: String, help: String| Err(Problem::new(text).help(help).exits(Exit::File));
    if mark.height > newest.height {
        if standing != Standing::Alone {
            return Ok(mark);
        }
        return wrong(
            format!(
                "the backup ends at height {}, and {} says that height {} was signed",
                newest.height,
                path.display(),
                mark.height
            ),
            "a single validator has nobody to take the rest from: restore a newer backup or the store itself; where \
             there is none, `lonja restore --help` says under --accept-loss what going on without it means"
                .into(),
        );
    }
    let root = match mark.size <= newest.size {
        true => log::root(&store.reader(), mark.size).ok(),
        false => None,
    };
    if root != Some(mark.root) {
        return wrong(
            format!("{} is of another history than the backup", path.display()),
            "look for the high-water file of this very node; it lies in its folder as `highwater`".into(),
        );
    }
    // A block is durable before the mark that lets it be signed, so the copy may be one ahead.
    if standing == Standing::Alone && mark.height + 1 < newest.height {
        return wrong(
            format!(
                "{} is older than the backup: it says height {}, and the backup ends at {}",
                path.display(),
                mark.height,
                newest.height
            ),
            "it is not the file that survived the store, and proves nothing of the time after the backup".into(),
        );
    }
    Ok(newest)
}

/// The mark in a file, which stays as it is.
fn survived(path: &Path) -> Result<Mark, Problem> {
    let unusable = |error: &dyn std::error::Error| {
        crate::service::chain(&format!("{} is no high-water file that can be used", path.display()), error)
            .help("it lies in the folder of the node as `highwater`, and is one file of 256 bytes")
            .exits(Exit::File)
    };
    HighWater::read(path).map_err(|error| unusable(&error))
}

fn loss(tip: &Tip) -> Problem {
    let (height, next) = (tip.height, tip.height + 1);
    Problem::new(format!(
        "this directory is the only validator of its network, and may have signed blocks after height {height}, where \
         the backup ends"
    ))
    .because(format!(
        "restored, it makes another block {next}: every receipt that was given for a block after height {height} then \
         contradicts the new history, and anybody who holds one can prove that this validator signed both"
    ))
    .help(
        "where the file `highwater` of the node's folder survived, name it with --highwater FILE; it shows whether \
         anything was signed. Otherwise tell all who trade here, and say --accept-loss",
    )
    .exits(Exit::Usage)
}

/// Writes the mark as the high-water file `path`, which must not be there.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, mark: Mark) -> Result<(), Problem> {
    let failed = |error: &dyn std::error::Error| {
        crate::service::chain("the high-water file cannot be written", error).exits(Exit::File)
    };
    let mut file = HighWater::create(path).map_err(|error| failed(&error))?;
    if mark.height > 0 {
        file.raise(mark).map_err(|error| failed(&error))?;
    }
    Ok(())
}
