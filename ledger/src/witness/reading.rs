//! The text of a trust policy (C2SP tlog-policy, "Policy file syntax and structure"), read line by line.
//!
//! Strict where the text leaves no choice, and with these bounds of its own: keys of logs are Ed25519, keys
//! of witnesses Ed25519 cosigners; a policy that names others is refused rather than read in part, since a
//! witness that is silently unknown would change what the quorum means.

use super::{
    decimal,
    policy::{Log, Name, Node, Policy, PolicyWitness, Rule},
};
use crate::{
    limits::{POLICY_BYTES_MAX, POLICY_OF_A_KIND_MAX},
    note::{KeyKind, NoteError, VerifierKey},
};

/// The predefined name that asks for nobody; only a quorum may be it.
const NONE: &[u8] = b"none";
/// Characters of a name that a message repeats.
const SHOWN_MAX: usize = 80;

/// Why a policy was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too long to be looked at.
    #[error("a policy has at most {POLICY_BYTES_MAX} bytes")]
    TooLarge,
    /// It does not say what is enough.
    #[error("there is no quorum line; `quorum none` would ask for no witness")]
    NoQuorum,
    /// A line is wrong.
    #[error("line {line}: {wrong}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What about it.
        wrong: Wrong,
    },
}

/// What is wrong with a line of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// A control character.
    #[error("byte 0x{0:02x}: of control characters a policy has tab and newline only")]
    Control(u8),
    /// The last line is cut short.
    #[error("the last line does not end in a newline")]
    Unended,
    /// Another first word.
    #[error("`{0}` begins no line of a policy: log, witness, group, quorum and # do")]
    Keyword(String),
    /// The words after the first do not fit it.
    #[error("this line is `{0}`")]
    Form(&'static str),
    /// No key.
    #[error(transparent)]
    Key(NoteError),
    /// A key of another kind.
    #[error("`{0}` is no key of a log: that is Ed25519, type 1")]
    LogKind(VerifierKey),
    /// A key of another kind.
    #[error("`{0}` is no key of a witness: that is an Ed25519 cosigner, type 4")]
    WitnessKind(VerifierKey),
    /// The same public key, under whatever name.
    #[error("this key stands on an earlier line; one key under two names would count twice")]
    KeyTwice,
    /// A name of an earlier line, or the one that is predefined.
    #[error("`{0}` is taken")]
    NameTaken(String),
    /// Defined later, or not at all.
    #[error("no line above defines `{0}`")]
    Undefined(String),
    /// A member of this group or another already.
    #[error("`{0}` is a member of a group already; nobody counts in two ways")]
    MemberTwice(String),
    /// More than there are, none, or no number.
    #[error("a group of {members} asks for `all`, `any`, or a number from 1 to {members}, not `{asked}`")]
    Threshold {
        /// What was asked for.
        asked: String,
        /// Of how many.
        members: usize,
    },
    /// A second quorum.
    #[error("there is a quorum line above")]
    QuorumTwice,
    /// More lines than anybody needs.
    #[error("a policy has at most {POLICY_OF_A_KIND_MAX} lines of each kind")]
    TooMany,
}

/// Bytes of a name or word as a message may repeat them.
pub(super) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(SHOWN_MAX).collect()
}

/// Reads a policy.
pub(super) fn read(bytes: &[u8]) -> Result<Policy, PolicyError> {
    if bytes.len() > POLICY_BYTES_MAX {
        return Err(PolicyError::TooLarge);
    }
    let mut reader = Reader::default();
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        reader.line(line).map_err(|wrong| PolicyError::Line { line: number + 1, wrong })?;
    }
    let Reader { logs, witnesses, nodes, quorum, .. } = reader;
    Ok(Policy { logs, witnesses, nodes, quorum: quorum.ok_or(PolicyError::NoQuorum)? })
}

#[derive(Default)]
struct Reader {
    logs: Vec<Log>,
    witnesses: Vec<PolicyWitness>,
    nodes: Vec<Node>,
    /// Nodes that are members of a group, by their number.
    members: Vec<bool>,
    /// `Some(None)` is the quorum of nobody.
    quorum: Option<Option<usize>>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), Wrong> {
        let line = line.strip_suffix(b"\n").ok_or(Wrong::Unended)?;
        if let Some(byte) = line.iter().find(|byte| (**byte < 0x20 && **byte != b'\t') || **byte == 0x7f) {
            return Err(Wrong::Control(*byte));
        }
        let words: Vec<&[u8]> =
            line.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty()).collect();
        let Some((first, rest)) = words.split_first() else { return Ok(()) };
        match (*first, rest) {
            (comment, _) if comment.starts_with(b"#") => Ok(()),
            (b"log", [key]) => self.log(key, None),
            (b"log", [key, url]) => self.log(key, Some(url)),
            (b"log", _) => Err(Wrong::Form("log <vkey> [<url>]")),
            (b"witness", [name, key]) => self.witness(name, key, None),
            (b"witness", [name, key, url]) => self.witness(name, key, Some(url)),
            (b"witness", _) => Err(Wrong::Form("witness <name> <vkey> [<url>]")),
            (b"group", [name, asked, members @ ..]) if !members.is_empty() => self.group(name, asked, members),
            (b"group", _) => Err(Wrong::Form("group <name> <k|any|all> <name>...")),
            (b"quorum", [name]) => self.quorum(name),
            (b"quorum", _) => Err(Wrong::Form("quorum <name|none>")),
            (other, _) => Err(Wrong::Keyword(shown(other))),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&[u8]>) -> Result<(), Wrong> {
        room(self.logs.len())?;
        let key = verifier_key(key)?;
        if key.kind() != KeyKind::Ed25519 {
            return Err(Wrong::LogKind(key));
        }
        // "Defining a log": the same public key, whatever its name.
        if self.logs.iter().any(|log| log.key.key() == key.key()) {
            return Err(Wrong::KeyTwice);
        }
        self.logs.push(Log { key, url: url.map(address) });
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&[u8]>) -> Result<(), Wrong> {
        room(self.witnesses.len())?;
        let name = self.new_name(name)?;
        let key = verifier_key(key)?;
        if key.kind() != KeyKind::Cosignature {
            return Err(Wrong::WitnessKind(key));
        }
        if self.witnesses.iter().any(|witness| witness.key.key() == key.key()) {
            return Err(Wrong::KeyTwice);
        }
        self.define(name.clone(), Rule::Witness(self.witnesses.len()));
        self.witnesses.push(PolicyWitness { name, key, url: url.map(address) });
        Ok(())
    }

    fn group(&mut self, name: &[u8], asked: &[u8], names: &[&[u8]]) -> Result<(), Wrong> {
        room(self.nodes.len() - self.witnesses.len())?;
        let name = self.new_name(name)?;
        let mut members = Vec::new();
        for member in names {
            let number = self.defined(member)?;
            // "Defining a witness group": at most once, in whatever group.
            if std::mem::replace(&mut self.members[number], true) {
                return Err(Wrong::MemberTwice(shown(member)));
            }
            members.push(number);
        }
        let number = || std::str::from_utf8(asked).ok().and_then(decimal).and_then(|number| number.try_into().ok());
        let needed = match asked {
            b"any" => Some(1),
            b"all" => Some(members.len()),
            _ => number(),
        };
        let needed = needed.filter(|needed| (1..=members.len()).contains(needed));
        let needed = needed.ok_or(Wrong::Threshold { asked: shown(asked), members: members.len() })?;
        self.define(name, Rule::Group { needed, members });
        Ok(())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), Wrong> {
        if self.quorum.is_some() {
            return Err(Wrong::QuorumTwice);
        }
        self.quorum = Some(if name == NONE { None } else { Some(self.defined(name)?) });
        Ok(())
    }

    fn define(&mut self, name: Name, rule: Rule) {
        self.nodes.push(Node { name, rule });
        self.members.push(false);
    }

    fn defined(&self, name: &[u8]) -> Result<usize, Wrong> {
        let place = self.nodes.iter().position(|node| node.name.0 == name);
        place.ok_or_else(|| Wrong::Undefined(shown(name)))
    }

    fn new_name(&self, name: &[u8]) -> Result<Name, Wrong> {
        if name == NONE || self.defined(name).is_ok() {
            return Err(Wrong::NameTaken(shown(name)));
        }
        Ok(Name(name.to_vec()))
    }
}

fn room(count: usize) -> Result<(), Wrong> {
    if count < POLICY_OF_A_KIND_MAX { Ok(()) } else { Err(Wrong::TooMany) }
}

fn verifier_key(bytes: &[u8]) -> Result<VerifierKey, Wrong> {
    let text = std::str::from_utf8(bytes).map_err(|_| Wrong::Key(NoteError::VerifierKey(shown(bytes))))?;
    text.parse().map_err(Wrong::Key)
}

/// An address may be any bytes; those that are no UTF-8 lead nowhere, which shows when it is used.
fn address(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
