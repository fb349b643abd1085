//! Row by row: a store against one that was made anew from its blocks.

use super::Report;
use crate::store::{Kv, Store};
use contracts::{
    event::Event,
    id::{Height, SideId},
    rejection::Rejection,
};
use std::collections::BTreeSet;

/// Rows read at a time.
const PAGE: usize = 4_096;
/// Bytes of rows read at a time, one row more than this at most: bodies of full blocks have megabytes
/// each, and thousands of them would fill the memory.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Compares `families` of `found` with those of `expected`, which was made anew, and tells `find` of
/// each row that differs: where, and how. Returns how many rows stand in both.
pub fn rows(found: &Kv, expected: &Kv, families: &[&'static str], find: &mut dyn FnMut(String, String)) -> u64 {
    rows_but(&Lacks::default(), found, expected, families, find)
}

/// What a store of a ledger may lack.
#[derive(Default)]
pub(super) struct Lacks {
    /// Everything of the blocks up to this height.
    pub blocks: Height,
    /// Signed transactions up to this height.
    pub bodies: Height,
}

/// As [`rows`], of a store that may lack what `lacks` says.
pub(super) fn rows_but(
    lacks: &Lacks,
    found: &Kv,
    expected: &Kv,
    families: &[&'static str],
    find: &mut dyn FnMut(String, String),
) -> u64 {
    let mut both = 0;
    for &family in families {
        let (mut left, mut right) = (Rows::new(found, family), Rows::new(expected, family));
        loop {
            let (a, b) = match (left.peek(), right.peek()) {
                (Ok(a), Ok(b)) => (a, b),
                (Err(reason), _) | (_, Err(reason)) => {
                    find(family.into(), reason);
                    break;
                }
            };
            let mut differs = |key: &[u8], how: &str| find(format!("{family} {}", hex::encode(key)), how.into());
            match (a, b) {
                (None, None) => break,
                (Some((key, _)), None) => {
                    differs(&key, "a row that no block explains");
                    left.skip();
                }
                (None, Some((key, value))) => {
                    if !lacks.has(family, &key, &value) {
                        differs(&key, "a row is missing");
                    }
                    right.skip();
                }
                (Some((a, _)), Some((b, _))) if a < b => {
                    differs(&a, "a row that no block explains");
                    left.skip();
                }
                (Some((a, _)), Some((b, value))) if a > b => {
                    if !lacks.has(family, &b, &value) {
                        differs(&b, "a row is missing");
                    }
                    right.skip();
                }
                (Some((key, x)), Some((_, y))) => {
                    if x != y {
                        differs(&key, "a row is not what its block gives");
                    }
                    // By its key as well: that way goes through filters, which iterating passes over.
                    match found.get(family, &key) {
                        Ok(Some(value)) if value == x => {}
                        Ok(_) => differs(&key, "a row is not found by its key"),
                        Err(error) => differs(&key, &error.to_string()),
                    }
                    both += 1;
                    left.skip();
                    right.skip();
                }
            }
        }
    }
    both
}

impl Lacks {
    /// May this row be missing?
    fn has(&self, family: &str, key: &[u8], value: &[u8]) -> bool {
        let (up_to, height) = match family {
            "bodies" => (self.blocks.max(self.bodies), key),
            "blocks" | "results" | "certificates" | "seals" => (self.blocks, key),
            "ids" | "sizes" | "history" => (self.blocks, value),
            _ => return false,
        };
        height.first_chunk::<8>().is_some_and(|height| u64::from_be_bytes(*height) <= up_to)
    }
}

/// Commitments of all side bodies that transactions of the ledger name.
pub(super) fn sides(store: &Store, report: &mut Report) -> BTreeSet<SideId> {
    let mut sides = BTreeSet::new();
    let reader = store.reader();
    for height in 1..=report.height {
        let bodies = match reader.bodies(height) {
            Ok(bodies) => bodies.unwrap_or_default(),
            Err(error) => {
                report.find(format!("block {height}"), error.to_string());
                continue;
            }
        };
        for body in bodies {
            if let Ok(transaction) = contracts::transaction::Transaction::decode(&body) {
                sides.extend(transaction.body.action.side());
            }
        }
        for event in reader.results(height).ok().flatten().into_iter().flatten().flat_map(|result| result.events) {
            if let Event::SideTakenDown { side, .. }
            | Event::SideBodyTakenDown { side, .. }
            | Event::Refused { rejection: Rejection::SideBodyGone { side }, .. } = event
            {
                sides.remove(&side);
            }
        }
    }
    sides
}

/// A key and its value.
type Row = (Vec<u8>, Vec<u8>);

struct Rows<'a> {
    kv: &'a Kv,
    family: &'static str,
    page: std::vec::IntoIter<Row>,
    next: Option<Row>,
    from: Vec<u8>,
    ended: bool,
}

impl<'a> Rows<'a> {
    fn new(kv: &'a Kv, family: &'static str) -> Self {
        Self { kv, family, page: Vec::new().into_iter(), next: None, from: Vec::new(), ended: false }
    }

    fn peek(&mut self) -> Result<Option<Row>, String> {
        if self.next.is_none() {
            self.next = self.page.next();
        }
        if self.next.is_none() && !self.ended {
            let page = self.kv.page(self.family, &self.from, PAGE, PAGE_BYTES);
            let rows = page.map_err(|error| error.to_string())?;
            self.ended = rows.is_empty();
            if let Some((last, _)) = rows.last() {
                self.from = [last.as_slice(), &[0]].concat();
            }
            self.page = rows.into_iter();
            self.next = self.page.next();
        }
        Ok(self.next.clone())
    }

    fn skip(&mut self) {
        self.next = None;
    }
}
