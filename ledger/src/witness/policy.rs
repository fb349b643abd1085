//! The trust policy: which logs are known, which witnesses, and how many of them are enough.
//!
//! Owns its judgement of a checkpoint; the text form (C2SP tlog-policy) is read beside it. Never a cycle or
//! a deep one: a group has only members that were defined before it, and each name is a member once.

use super::reading;
use crate::note::{Note, NoteError, VerifierKey, checkpoint};
use std::fmt;

pub use reading::{PolicyError, Wrong};

/// A trust policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) logs: Vec<Log>,
    pub(super) witnesses: Vec<PolicyWitness>,
    /// Witnesses and groups, each after those that it is made of.
    pub(super) nodes: Vec<Node>,
    /// The place of the quorum among them; no cosignature is needed without one.
    pub(super) quorum: Option<usize>,
}

/// A name of a witness or group. It is bytes that mean nothing outside of its policy ("Character set").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(pub(super) Vec<u8>);

/// A log that the policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its key, named as the log's origin.
    pub key: VerifierKey,
    /// Where it is.
    pub url: Option<String>,
}

/// A witness that the policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What the policy calls it.
    pub name: Name,
    /// Its key.
    pub key: VerifierKey,
    /// The prefix to which checkpoints are submitted.
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub name: Name,
    pub rule: Rule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The witness of this number cosigned.
    Witness(usize),
    /// So many of the nodes with these numbers, all of them smaller than its own, say yes.
    Group { needed: usize, members: Vec<usize> },
}

/// Which witnesses cosigned a checkpoint, and whether they are enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// Each that did, in the order of the policy, and when, in seconds since 1970.
    pub by: Vec<(Name, u64)>,
    /// Are they a quorum?
    pub is_quorum: bool,
}

/// Why a checkpoint is not valid under a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// The note is no checkpoint, or a known key's signature is wrong.
    #[error(transparent)]
    Note(NoteError),
    /// No listed log has this origin, or none that has it signed.
    #[error("no log of the policy signed this checkpoint of {0:?}")]
    Log(String),
    /// Too few witnesses.
    #[error("the quorum {quorum} is not met: {}", cosigned_by(by))]
    Quorum {
        /// What was asked for.
        quorum: String,
        /// Who cosigned.
        by: Vec<String>,
    },
}

fn cosigned_by(names: &[String]) -> String {
    if names.is_empty() { "no known witness cosigned".into() } else { format!("only {} cosigned", names.join(", ")) }
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`], with the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        reading::read(bytes)
    }

    /// The logs that it knows.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses that it knows, whether or not its quorum needs them.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Checks a checkpoint: signed by a log of the policy under the origin's name, and cosigned by a quorum
    /// ("What is a policy").
    ///
    /// # Errors
    /// [`Unmet`].
    pub fn check(&self, note: &Note) -> Result<Witnessed, Unmet> {
        let (origin, _) = checkpoint::parse_extended(note.text()).map_err(Unmet::Note)?;
        let named = self.logs.iter().map(|log| &log.key).filter(|key| key.name() == origin);
        match note.verify(&named.cloned().collect::<Vec<_>>()) {
            Err(NoteError::Nobody) => return Err(Unmet::Log(origin)),
            signed => signed.map_err(Unmet::Note)?,
        };
        let witnessed = self.witnessed(note).map_err(Unmet::Note)?;
        match self.quorum {
            Some(quorum) if !witnessed.is_quorum => Err(Unmet::Quorum {
                quorum: self.nodes[quorum].name.to_string(),
                by: witnessed.by.iter().map(|(name, _)| name.to_string()).collect(),
            }),
            _ => Ok(witnessed),
        }
    }

    /// Says which witnesses cosigned a checkpoint, for whoever knows by other means that it is the log's.
    ///
    /// # Errors
    /// [`NoteError::Signature`] where a known witness' cosignature is wrong or stands there twice.
    pub fn witnessed(&self, note: &Note) -> Result<Witnessed, NoteError> {
        let keys: Vec<VerifierKey> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let signed = match note.verify(&keys) {
            Err(NoteError::Nobody) => Vec::new(),
            signed => signed?,
        };
        let time_of =
            |witness: usize| signed.iter().find(|signed| signed.key == witness).and_then(|signed| signed.time);
        let named = self.witnesses.iter().enumerate();
        let by = named.filter_map(|(number, witness)| Some((witness.name.clone(), time_of(number)?))).collect();
        let mut said: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            said.push(match &node.rule {
                Rule::Witness(number) => time_of(*number).is_some(),
                Rule::Group { needed, members } => members.iter().filter(|member| said[**member]).count() >= *needed,
            });
        }
        Ok(Witnessed { by, is_quorum: self.quorum.is_none_or(|quorum| said[quorum]) })
    }
}

impl Name {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&reading::shown(&self.0))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", reading::shown(&self.0))
    }
}
