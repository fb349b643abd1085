//! Filters of lists: by a kind, an outcome and a period. A party or thing limits a list by its scope.
//!
//! Periods are cut by height, which costs nothing. Kinds and outcomes are compared row by row, so a
//! page looks at no more than [`SCAN_ROWS_MAX`] rows and then says where to go on.

use super::{Missing, Table, cursor, list, list::List};
use crate::{
    index::{At, Reader, Thing},
    limits::{EXPORT_ROWS, SCAN_ROWS_MAX},
    view::{
        format::{slug, spaced},
        proposal::{CHANGES, STATES},
        tell::{EVENT_KINDS, consent_state},
    },
};
use contracts::{
    action::Action,
    consent::ConsentState,
    id::*,
    rejection::Rejection,
    vocabulary::{Purpose, Spectrum},
};

/// A column by which a list can be filtered.
pub struct Choice {
    /// The column.
    pub column: &'static str,
    /// What the field is called.
    pub label: &'static str,
    /// Values, and how people call them.
    pub values: Vec<(String, String)>,
}

fn choice(column: &'static str, label: &'static str, values: Vec<(String, String)>) -> Option<Choice> {
    Some(Choice { column, label, values })
}

fn words(list: &[&str]) -> Vec<(String, String)> {
    list.iter().map(|word| (word.to_string(), word.to_string())).collect()
}

/// By which kind rows can be told apart.
pub fn kinds(list: List) -> Option<Choice> {
    match list {
        List::Transactions => {
            choice("action", "Action", words(&Action::TABLE.iter().map(|(_, slug)| *slug).collect::<Vec<_>>()))
        }
        List::Events => choice("kind", "Kind", words(&EVENT_KINDS)),
        List::Datasets => {
            let mut values = words(&Spectrum::ALL.iter().map(|spectrum| spectrum.label()).collect::<Vec<_>>());
            values.extend(words(&["not stated"]));
            choice("spectrum", "Spectrum", values)
        }
        List::Agreements => {
            let values = Purpose::ALL.iter().map(|purpose| (purpose.slug().into(), purpose.label().into()));
            choice("purpose", "Purpose", values.collect())
        }
        List::Refusals => {
            let values = Rejection::CODES.iter();
            let values = values.map(|(code, name)| (code.to_string(), format!("{code} {}", spaced(name))));
            choice("code", "Reason", values.collect())
        }
        List::Proposals => choice("change", "Of", words(&CHANGES)),
        List::Ballots => choice("word", "Word", words(&["proposed", "approved", "ready"])),
        List::Accusations => choice("kind", "Kind", words(&["accused", "protested"])),
        List::Blocks | List::Parties | List::Offers | List::Deliveries | List::Consents | List::Eras => None,
    }
}

/// By which outcome or standing rows can be told apart.
pub fn outcomes(list: List) -> Option<Choice> {
    match list {
        List::Transactions => choice("outcome", "Outcome", words(&["applied", "refused"])),
        List::Parties => choice("standing", "Standing", words(&["applied", "active", "suspended"])),
        List::Datasets => choice("listing", "Listing", words(&["listed", "suspended", "withdrawn"])),
        List::Offers => choice("standing", "Standing", words(&["open", "withdrawn"])),
        List::Agreements => choice("standing", "Standing", words(&["in force", "ended", "revoked"])),
        List::Consents => {
            use ConsentState::*;
            let states = [Given, Withdrawn, Revoked, Invalidated, Objected, Expired];
            let mut values: Vec<_> =
                states.iter().map(|state| (slug(state), consent_state(*state).to_string())).collect();
            values.push(("over".into(), "given, and its time is over".into()));
            choice("state", "State", values)
        }
        List::Proposals => {
            let states = STATES.iter().map(|(word, said)| (word.to_string(), said.to_string()));
            choice("state", "State", states.collect())
        }
        List::Accusations => {
            let shown = [("proven", "proven by itself"), ("established", "established"), ("word", "a word alone")];
            choice("shown", "How far it goes", shown.map(|(word, said)| (word.to_string(), said.to_string())).to_vec())
        }
        List::Blocks | List::Deliveries | List::Refusals | List::Events | List::Ballots | List::Eras => None,
    }
}

/// What a list is filtered by; nothing where it is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// A value of [`kinds`].
    pub kind: Option<String>,
    /// A value of [`outcomes`].
    pub outcome: Option<String>,
    /// The first height.
    pub first: Height,
    /// The last height.
    pub last: Option<Height>,
}

impl Filter {
    /// Does it let everything through?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Are the values those that the list has?
    ///
    /// # Errors
    /// [`Missing::Malformed`], which names them.
    pub fn check(&self, list: List) -> Result<(), Missing> {
        for (name, value, choice) in [("kind", &self.kind, kinds(list)), ("outcome", &self.outcome, outcomes(list))] {
            let Some(value) = value else { continue };
            let Some(choice) = choice else {
                return Err(Missing::Malformed(format!("{} cannot be filtered by `{name}`", list.word())));
            };
            if !choice.values.iter().any(|(known, _)| known == value) {
                let known: Vec<_> = choice.values.iter().map(|(known, _)| known.as_str()).collect();
                return Err(Missing::Malformed(format!("`{name}` is one of: {}", known.join(", "))));
            }
        }
        Ok(())
    }

    /// Where the list begins.
    fn start(&self, before: Option<At>) -> Option<At> {
        let end = self.last.map(|last| At { height: last.saturating_add(1), place: 0, event: 0 });
        match (before, end) {
            (Some(before), Some(end)) => Some(before.min(end)),
            (one, other) => one.or(other),
        }
    }

    /// The places of the columns that are compared, and with what.
    fn compared(&self, list: List) -> Vec<(usize, &str)> {
        let pair = |value: &'_ Option<String>, choice: Option<Choice>| -> Option<usize> {
            value.as_ref()?;
            let column = choice?.column;
            list.columns().iter().position(|known| known.key == column)
        };
        let places =
            [(pair(&self.kind, kinds(list)), &self.kind), (pair(&self.outcome, outcomes(list)), &self.outcome)];
        places.into_iter().filter_map(|(place, value)| Some((place?, value.as_deref()?))).collect()
    }
}

/// Some rows of a filtered list.
pub struct Filtered {
    /// The rows, and where to go on.
    pub table: Table,
    /// Rows that were looked at.
    pub looked: usize,
}

/// Which rows of which list.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The list.
    pub list: List,
    /// What it is limited to.
    pub scope: Option<&'a Thing>,
    /// What it is filtered by.
    pub filter: &'a Filter,
    /// What follows this.
    pub before: Option<At>,
    /// Our own clock.
    pub now_ms: TimeMs,
}

/// Up to `limit` rows that the filter takes, from no more than `looked_max` rows of the list.
///
/// # Errors
/// [`Missing`].
pub fn rows(reader: &Reader, wanted: Wanted, limit: usize, looked_max: usize) -> Result<Filtered, Missing> {
    let Wanted { list, scope, filter, before, now_ms } = wanted;
    let (mut rows, mut looked, mut at) = (Vec::new(), 0, filter.start(before));
    let compared = filter.compared(list);
    // Without kinds and outcomes every row counts, and no more are read than asked for.
    let plain = compared.is_empty();
    let next = 'all: loop {
        let part_rows = if plain { limit - rows.len() } else { EXPORT_ROWS };
        let part = list::part(reader, list, scope, at, part_rows, now_ms)?;
        for (place, row) in part.rows {
            if place.height < filter.first {
                break 'all None;
            }
            looked += 1;
            if compared.iter().all(|(column, value)| row.get(*column).is_some_and(|cell| cell.machine() == *value)) {
                rows.push(row);
                if rows.len() >= limit && !plain {
                    break 'all Some(place);
                }
            }
        }
        match part.next {
            None => break None,
            Some(next) if next.height < filter.first => break None,
            Some(next) if looked >= looked_max || rows.len() >= limit => break Some(next),
            Some(next) => at = Some(next),
        }
    };
    let next = next.map(|at| cursor(&at.bytes()));
    Ok(Filtered { table: Table { columns: list.columns(), rows, next }, looked })
}

/// Up to `limit` rows for a page.
///
/// # Errors
/// [`Missing`].
pub fn page(reader: &Reader, wanted: Wanted, limit: usize) -> Result<Filtered, Missing> {
    rows(reader, wanted, limit, SCAN_ROWS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_of_a_column_and_a_wrong_value_is_named() {
        for list in List::ALL {
            for choice in [kinds(list), outcomes(list)].into_iter().flatten() {
                assert!(list.columns().iter().any(|column| column.key == choice.column), "{list:?}");
                assert!(!choice.values.is_empty());
            }
            let wrong = Filter { kind: Some("nonsense".into()), ..Filter::default() };
            assert!(matches!(wrong.check(list), Err(Missing::Malformed(_))), "{list:?}");
        }
        let right = Filter { outcome: Some("refused".into()), ..Filter::default() };
        assert!(right.check(List::Transactions).is_ok() && right.check(List::Deliveries).is_err());
    }

    #[test]
    fn the_kinds_of_events_are_all_of_them() {
        use borsh::BorshDeserialize;
        let of = |tag: u8| {
            (0..400)
                .find_map(|length| contracts::event::Event::try_from_slice(&[vec![tag], vec![0; length]].concat()).ok())
        };
        let mut found: Vec<_> = (1..=u8::MAX).filter_map(of).map(|event| crate::view::tell::slug(&event)).collect();
        found.push("refused");
        let named: std::collections::BTreeSet<_> = EVENT_KINDS.into_iter().collect();
        assert_eq!(named.len(), EVENT_KINDS.len(), "each once");
        // Some amounts of zero are no amounts, so not every event can be made of zeros.
        assert!(found.iter().all(|kind| named.contains(kind)) && found.len() > named.len() / 2);
    }
}
