//! Transactions of old blocks that no part of a backup has: its store has let go of them, and there is no archive in
//! which they lie, since `lonja.toml` names none any more, or its files were moved away or deleted.
//!
//! That is no error: files of an archive may be deleted. But whoever thinks that they are in the backup is to hear it.

use crate::{
    problem::{Exit, Problem},
    service,
};
use contracts::id::Height;
use ledger::{archive::Archive, store::Store};
use serde::Serialize;
use std::{fmt, ops::RangeInclusive, path::Path};

/// The blocks whose transactions are missing, in runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking(Vec<RangeInclusive<Height>>);

impl Lacking {
    /// Of the backup in folder `backup`, whose ledger is `store`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, backup: &Path) -> Result<Self, Problem> {
        let archive = Archive::new(backup.join("archive"));
        archive.lacking(&store.reader()).map(Self).map_err(|error| {
            service::chain("the ledger does not tell which transactions it has", &error).exits(Exit::Untrue)
        })
    }

    /// Is nothing missing?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs: Vec<_> = self.0.iter().map(|run| format!("{} to {}", run.start(), run.end())).collect();
        f.write_str(&runs.join(", "))
    }
}

impl Serialize for Lacking {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|run| [run.start(), run.end()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_told_to_people_and_programs() {
        let lacking = Lacking(vec![1..=1_024, 3_073..=4_096]);
        assert_eq!(lacking.to_string(), "1 to 1024, 3073 to 4096");
        assert_eq!(serde_json::to_string(&lacking).unwrap(), "[[1,1024],[3073,4096]]");
        assert!(!lacking.is_empty() && Lacking::default().is_empty());
    }
}
