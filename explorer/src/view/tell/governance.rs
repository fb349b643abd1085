//! Governance in words: what a proposal would change, whose word counts for it, what was decided, who was caught.
//!
//! Validators are named as they are called in the set that was asked, and lead to their pages.

use super::{Link, Names, Piece, Sentence, link, sentence};
use crate::{
    index::IndexError,
    view::format::{counted, grouped, moment, short, size, slug as word},
    view::tell::event::role_list,
};
use contracts::{
    action::Action,
    event::Event,
    founding::Parameters,
    governance::{Ballot, Change, Proposal},
    id::{Digest, ProposalId},
    key::PublicKey,
    limits::QUOTA_WINDOW_BLOCKS,
    party::{Roles, Standing},
    state::Reading,
    validators::{Validator, ValidatorSet},
};

impl Names<'_, '_> {
    /// A proposal, if there is such a one.
    ///
    /// # Errors
    /// [`IndexError`], as of all methods here.
    pub fn proposal(&self, id: &ProposalId) -> Result<Option<Link>, IndexError> {
        let found = self.0.value::<Proposal>(&Proposal::key(id))?;
        Ok(found.map(|_| link("proposal", id.to_string(), format!("proposal {}", short(&id.to_string())))))
    }

    /// The set with this digest, if it ever was in force.
    pub fn set(&self, digest: &Digest) -> Result<Option<ValidatorSet>, IndexError> {
        Ok(self.0.era_of_set(digest)?.map(|era| era.set))
    }

    /// The validator that votes with `key`, if it ever was in force.
    pub fn validator(&self, key: &PublicKey) -> Result<Option<Link>, IndexError> {
        Ok(self.0.validator_name(key)?.map(|name| link("validator", key.to_string(), name)))
    }

    /// The validator `number` of the set that `proposal` asks; of the set that it brings in, if `new`.
    pub fn voice(&self, proposal: &ProposalId, number: u8, new: bool) -> Result<Piece, IndexError> {
        let set = match (self.0.value::<Proposal>(&Proposal::key(proposal))?, new) {
            (Some(Proposal { change: Change::Validators { set, .. }, .. }), true) => Some(set),
            (Some(Proposal { base, .. }), false) => self.set(&base)?,
            _ => None,
        };
        self.member(set.as_ref(), number)
    }

    /// The validator `number` of `set`. One of a set that never came into force has no page.
    pub fn member(&self, set: Option<&ValidatorSet>, number: u8) -> Result<Piece, IndexError> {
        let Some(found) = set.and_then(|set| set.validators.get(usize::from(number))) else {
            return Ok(format!("validator {number}").into());
        };
        Ok(match self.validator(&found.consensus)? {
            Some(page) => Link { name: found.name.clone(), ..page }.into(),
            None => found.name.clone().into(),
        })
    }

    fn proposal_or_id(&self, id: &ProposalId) -> Result<Piece, IndexError> {
        let unknown = || format!("unknown proposal {}", short(&id.to_string())).into();
        Ok(self.proposal(id)?.map_or_else(unknown, Piece::from))
    }

    fn validator_or_key(&self, key: &PublicKey) -> Result<Piece, IndexError> {
        let unknown = || format!("the holder of key {}", short(&key.to_string())).into();
        Ok(self.validator(key)?.map_or_else(unknown, Piece::from))
    }
}

/// What a change would do, in one sentence without its end. `now` is the set that is asked, where it is known.
///
/// # Errors
/// [`IndexError`] where a name cannot be read.
pub fn what(names: &Names, change: &Change, now: Option<&ValidatorSet>) -> Result<Sentence, IndexError> {
    Ok(match change {
        Change::Validators { set, .. } => {
            let many = counted(set.validators.len() as u64, "validator", "validators");
            let differs: Vec<_> = now.map_or_else(Vec::new, |now| differences(now, set));
            let differs: Vec<_> = differs.into_iter().map(|one| one.text).collect();
            let so = if differs.is_empty() { String::new() } else { format!(": {}", differs.join(", ")) };
            sentence![format!("a set of {many}{so}")]
        }
        Change::Parameters { parameters } => sentence![format!("other limits of what {}", quota_in_short(parameters))],
        Change::Protocol { version, from } => {
            sentence![format!("version {version} of the rules from block {} on", grouped(*from))]
        }
        Change::Party { party, standing, roles } => {
            sentence![names.party(party)?, format!(" is {}", stands(*standing, *roles))]
        }
    })
}

/// What a change would do, in whole sentences.
///
/// # Errors
/// [`IndexError`] where a name cannot be read.
pub fn details(names: &Names, change: &Change, now: Option<&ValidatorSet>) -> Result<Vec<Sentence>, IndexError> {
    Ok(match change {
        Change::Validators { set, compromised } => {
            let mut lines = Vec::new();
            for one in now.map_or_else(Vec::new, |now| differences(now, set)) {
                let who = match names.validator(&one.key)? {
                    Some(page) => Link { name: one.name, ..page }.into(),
                    None => Piece::from(one.name),
                };
                // As `lonja key new` showed it to the member: what people compare before they approve.
                let keys = one.keys.map_or_else(String::new, |keys| format!(", with keys {keys}"));
                lines.push(sentence![who, format!(" {}{keys}.", one.does)]);
            }
            for number in compromised {
                let but = " counts no more unless a checkpoint of a later set covers it.";
                let who = names.member(now, *number)?;
                lines.push(sentence!["The keys of ", who, " may be in other hands: what they signed", but]);
            }
            let of = |set: &ValidatorSet| format!("{} of {}", set.quorum(), set.validators.len());
            let before = now.map_or_else(String::new, |now| format!(", instead of {}", of(now)));
            lines.push(sentence![format!("A quorum is then {} validators{before}.", of(set))]);
            lines
        }
        Change::Parameters { parameters } => vec![sentence![format!("{}.", sentence_case(&quota_words(parameters)))]],
        Change::Protocol { version, from } => {
            let so = format!("Version {version} of the rules is in force from block {} on.", grouped(*from));
            vec![sentence![so], sentence!["Nodes whose release does not know it stop before that block."]]
        }
        Change::Party { party, standing, roles } => {
            vec![sentence![names.party(party)?, format!(" is {} from then on.", stands(*standing, *roles))]]
        }
    })
}

/// The parameters of the rules.
pub fn quota_words(Parameters { quota }: &Parameters) -> String {
    format!(
        "in each {} blocks a party may write {}, {} of signed transactions and {} of records",
        grouped(QUOTA_WINDOW_BLOCKS),
        counted(quota.count_max, "transaction", "transactions"),
        size(quota.bytes_max),
        size(quota.state_bytes_max)
    )
}

/// The same without exact numbers of bytes, for lists.
fn quota_in_short(Parameters { quota }: &Parameters) -> String {
    let about = |bytes| size(bytes).split(" (").next().unwrap_or_default().to_owned();
    format!(
        "a party may write: {}, {} signed, {} of records in {} blocks",
        counted(quota.count_max, "transaction", "transactions"),
        about(quota.bytes_max),
        about(quota.state_bytes_max),
        grouped(QUOTA_WINDOW_BLOCKS)
    )
}

/// A text with a capital at its head.
pub fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn stands(standing: Standing, roles: Roles) -> String {
    match roles.list() {
        none if none.is_empty() => format!("{}, without roles", word(&standing)),
        some => format!("{}, as {}", word(&standing), role_list(&some)),
    }
}

/// How one validator fares in another set.
struct Difference {
    key: PublicKey,
    name: String,
    /// `joins`, for a sentence of its own.
    does: String,
    /// `customs joins`, for a list.
    text: String,
    /// The fingerprint of its keys, where they are others than before.
    keys: Option<Digest>,
}

/// Who joins, leaves, has other keys or another name, in the order of the new set; then who leaves.
fn differences(now: &ValidatorSet, next: &ValidatorSet) -> Vec<Difference> {
    let named = |set: &ValidatorSet, name: &str| set.validators.iter().any(|one| one.name == name);
    let same_key = |set: &ValidatorSet, one: &Validator| {
        let number = set.number_of(&one.consensus)?;
        set.validators.get(usize::from(number)).cloned()
    };
    let differs = |one: &Validator, does: String| Difference {
        key: one.consensus,
        name: one.name.clone(),
        text: format!("{} {does}", one.name),
        does,
        keys: (!now.validators.contains(one)).then(|| one.fingerprint()),
    };
    let mut found = Vec::new();
    for one in &next.validators {
        match same_key(now, one) {
            Some(before) if before == *one => {}
            Some(before) if before.name != one.name => {
                found.push(differs(one, format!("goes on under this name instead of {}", before.name)));
            }
            Some(_) => found.push(differs(one, "has other keys for the log".into())),
            None if named(now, &one.name) => found.push(differs(one, "has other keys".into())),
            None => found.push(differs(one, "joins".into())),
        }
    }
    for one in &now.validators {
        if same_key(next, one).is_none() && !named(next, &one.name) {
            found.push(differs(one, "leaves".into()));
        }
    }
    found
}

/// The request as a sentence.
pub(super) fn asks(names: &Names, who: Link, action: &Action) -> Result<Sentence, IndexError> {
    let handed = " handed in ";
    Ok(match action {
        Action::Propose(ask) => {
            let set = names.set(&ask.base)?;
            let by = names.member(set.as_ref(), ask.ballot.validator)?;
            let mut says = sentence![who, handed, "a proposal of ", by, ": "];
            says.0.extend(what(names, &ask.change, set.as_ref())?.0);
            says.0.push(".".into());
            says
        }
        Action::Approve(ask) => {
            let by = names.voice(&ask.proposal, ask.ballot.validator, false)?;
            sentence![who, handed, "the approval of ", names.proposal_or_id(&ask.proposal)?, " by ", by, "."]
        }
        Action::Ready(ask) => {
            let by = names.voice(&ask.proposal, ask.ballot.validator, true)?;
            let at = format!(" is ready at height {} for the set of ", grouped(ask.height));
            sentence![who, handed, "that ", by, at, names.proposal_or_id(&ask.proposal)?, "."]
        }
        Action::Accuse(ask) => {
            let place = place(ask.height, ask.round);
            let twice = format!(" signed two {}s that exclude each other, {place}.", ask.first.said.word());
            sentence![who, handed, "evidence: ", names.validator_or_key(&ask.validator)?, twice]
        }
        Action::Protest(ask) => {
            let place = format!(" proposed {} breaks the rules.", place(ask.height, ask.round));
            let (by, of) = (names.validator_or_key(&ask.by)?, names.validator_or_key(&ask.proposer)?);
            sentence![who, handed, "the protest of ", by, ": what ", of, place]
        }
        // Every other action has been told before; a new one is told by its word until it has a sentence.
        other => sentence![who, format!(" asked for {}.", other.slug())],
    })
}

/// The event as a sentence; nothing of other events than those of governance.
pub(super) fn tells(names: &Names, event: &Event, action: &Action) -> Result<Option<Sentence>, IndexError> {
    let of = |proposal: &ProposalId| names.proposal_or_id(proposal);
    Ok(Some(match event {
        Event::Proposed { proposal, validator, until_ms } => {
            let until = format!(", which is open until {}.", moment(*until_ms).text);
            sentence![names.voice(proposal, *validator, false)?, " made ", of(proposal)?, until]
        }
        Event::Approved { proposal, validator } => {
            sentence![names.voice(proposal, *validator, false)?, " approved ", of(proposal)?, "."]
        }
        Event::SetPassed { proposal, validators, .. } => {
            let many = counted(u64::from(*validators), "validator", "validators");
            let waits = "; it waits until a quorum of that set is ready.";
            sentence![format!("A quorum approved the set of {many} of "), of(proposal)?, waits]
        }
        Event::SetReady { proposal, validator, height } => {
            let ready = format!(" is ready at height {} for the set of ", grouped(*height));
            sentence![names.voice(proposal, *validator, true)?, ready, of(proposal)?, "."]
        }
        Event::SetChanged { proposal, number, .. } => {
            let era = Link { name: format!("era {number}"), ..link("era", number.to_string(), String::new()) };
            sentence!["The set of ", of(proposal)?, " decides from the next block on: ", era, " begins."]
        }
        Event::ParametersChanged { proposal } => {
            sentence!["A quorum changed the parameters of the rules by ", of(proposal)?, "."]
        }
        Event::PartyDecided { proposal, party, standing, roles } => {
            let so = format!(" is {}, by ", stands(*standing, *roles));
            sentence!["A quorum decided that ", names.party(party)?, so, of(proposal)?, "."]
        }
        Event::ProtocolDecided { proposal, version, from } => {
            let so = format!("version {version} of the rules is in force from block {} on, by ", grouped(*from));
            sentence![format!("A quorum decided that {so}"), of(proposal)?, "."]
        }
        Event::Accused { key, height, round, .. } => {
            let place = format!(" signed two things that exclude each other, {}.", place(*height, *round));
            sentence![names.validator_or_key(key)?, place]
        }
        Event::Protested { key, by, height, round, protests, established, .. } => {
            let by = match action {
                Action::Protest(protest) => names.validator_or_key(&protest.by)?,
                _ => format!("Validator {by}").into(),
            };
            let breaks =
                format!(" proposed {} breaks the rules. {}.", place(*height, *round), word_of(*protests, *established));
            sentence![by, " protests: what ", names.validator_or_key(key)?, breaks]
        }
        _ => return Ok(None),
    }))
}

/// How far the word of so many goes.
pub fn word_of(protests: u8, established: bool) -> String {
    let many = counted(u64::from(protests), "validator", "validators");
    match established {
        true => format!("With {many} that protest, more than a third, it is established"),
        false => format!("So far {many} of the set protested, which establishes nothing"),
    }
}

/// Where something was said.
pub fn place(height: u64, round: u32) -> String {
    format!("at height {}, round {round}", grouped(height))
}

/// The ballot that an action hands in, and the word for it.
pub fn ballot_of(action: &Action) -> Option<(&Ballot, &'static str)> {
    match action {
        Action::Propose(ask) => Some((&ask.ballot, "proposed")),
        Action::Approve(ask) => Some((&ask.ballot, "approved")),
        Action::Ready(ask) => Some((&ask.ballot, "ready")),
        _ => None,
    }
}
