//! Who comes and who goes with a proposed set: what people look at before they give their word for it.

use contracts::{governance::Change, id::Digest, validators::ValidatorSet};
use serde::Serialize;

/// The difference that a set makes.
#[derive(Serialize)]
pub(super) struct Seats {
    joins: Vec<Joins>,
    leaves: Vec<String>,
}

#[derive(Serialize)]
struct Joins {
    name: String,
    fingerprint: Digest,
}

impl Seats {
    /// What `change` makes of the validators in `now`; `None` where it is about something else.
    pub(super) fn of(now: &ValidatorSet, change: &Change) -> Option<Self> {
        let Change::Validators { set, .. } = change else { return None };
        let joins = set.validators.iter().filter(|one| !now.validators.contains(one));
        let leaves = now.validators.iter().filter(|one| !set.validators.contains(one));
        Some(Self {
            joins: joins.map(|one| Joins { name: one.name.clone(), fingerprint: one.fingerprint() }).collect(),
            leaves: leaves.map(|one| one.name.clone()).collect(),
        })
    }

    /// A line for each, with its label.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'static str, String)> {
        let joins = self.joins.iter().map(|one| ("joins", format!("{}, keys {}", one.name, one.fingerprint)));
        joins.chain(self.leaves.iter().map(|name| ("leaves", name.clone())))
    }

    /// In a sentence, where there is one line for everything.
    pub(super) fn said(&self) -> String {
        self.lines().map(|(label, who)| format!("; {label} {who}")).collect()
    }
}

/// Tells what a word for `change` is a word for, before it is given.
pub(super) fn tell(now: &ValidatorSet, change: &Change) {
    let Some(seats) = Seats::of(now, change) else { return };
    for (label, who) in seats.lines() {
        eprintln!("{label}  {}", contracts::text::visible(&who));
    }
    if !seats.joins.is_empty() {
        eprintln!(
            "Is that what the members say on another way? `lonja key new` showed each the fingerprint of its keys."
        );
    }
}
