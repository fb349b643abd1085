//! Import: catalogues of others become Data Jackets.
//!
//! Reads DCAT-US 1.1 (`data.json`) and DCAT as JSON-LD of any shape, and turns each record into a
//! jacket and the texts of its side body. It owns the mapping: which licence counts as open, which
//! rule infers which classification, and which texts may not go on the ledger because a contact is
//! named in them. It never fetches anything (links are kept as links), never invents a content hash,
//! never shortens a text to make it fit, and never writes down a classification that nobody said and
//! no named rule concluded.
//!
//! Read in this order: [`read`], `map` (one record), `classify` (the rules), `guard` (what stays off
//! the ledger), [`Plan`] (what an import changes).

mod classify;
mod coverage;
mod fields;
mod formats;
mod guard;
mod licence;
mod linked;
mod links;
mod map;
mod plan;
mod strict;
mod terms;
mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use plan::{Existing, Plan, Planned, Standing};

use contracts::{
    id::{DatasetId, Digest, PartyId},
    jacket::Jacket,
    limits::IDENTIFIER_BYTES_MAX,
    side::{SideBody, SideField},
};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashSet};

/// A catalogue file, in bytes. Data.gov's largest agency catalogues have about 40 MiB.
pub const FILE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Records of one catalogue. Data.gov as a whole has about 300,000 in hundreds of catalogues.
pub const RECORDS_MAX: usize = 200_000;
/// Nesting of arrays and objects. The deepest real record has 7 levels.
pub const DEPTH_MAX: usize = 48;
/// JSON values in one file. Bounds memory: `[[],[],...]` of 64 MiB would otherwise take a gigabyte.
pub const VALUES_MAX: usize = 6_000_000;

/// Why a file as a whole was not read. Nothing of it is imported then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Too many bytes.
    #[error("the catalogue has {0} bytes, at most {FILE_BYTES_MAX} are read; split it")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("the catalogue is not UTF-8: the byte at offset {offset} starts no character")]
    NotUtf8 {
        /// Where, from 0.
        offset: usize,
    },
    /// A key occurs twice in one object: which of the two was meant is anybody's guess.
    #[error("line {line}, column {column}: the key `{key}` occurs twice in one object")]
    DuplicateKey {
        /// Which.
        key: String,
        /// Where it occurs again, from 1.
        line: usize,
        /// In that line, from 1.
        column: usize,
    },
    /// Nested too deeply.
    #[error("line {line}, column {column}: nested more than {DEPTH_MAX} levels deep")]
    TooDeep {
        /// Where, from 1.
        line: usize,
        /// In that line, from 1.
        column: usize,
    },
    /// Too many values.
    #[error("the catalogue holds more than {VALUES_MAX} values; split it")]
    TooManyValues,
    /// Not JSON.
    #[error("the catalogue is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// JSON, but nothing that we know.
    #[error(
        "this is no catalogue: neither a DCAT-US object with a list `dataset`, nor JSON-LD with a dcat:Dataset in it"
    )]
    NotCatalogue,
    /// Too many records.
    #[error("the catalogue has {0} records, at most {RECORDS_MAX} are read; split it")]
    TooManyRecords(usize),
    /// A JSON-LD context that would have to be fetched.
    #[error(
        "the JSON-LD context `{0}` is not built in and nothing is fetched: put the context into the file, or write expanded terms"
    )]
    UnknownContext(String),
    /// JSON, but not JSON-LD.
    #[error("the catalogue is not JSON-LD")]
    NotLinked(#[source] oxjsonld::JsonLdSyntaxError),
    /// The name under which the catalogue is imported does not fit.
    #[error("the catalogue's name does not fit: {0}")]
    CatalogueName(contracts::rejection::Malformed),
}

/// What a file held.
#[derive(Debug)]
pub struct Catalogue {
    /// The name under which it was read; with a record's identifier it is the record's identity.
    pub name: String,
    /// Each record that could be mapped, in the order of the file.
    pub records: Vec<Record>,
    /// How many were read, rejected, and where the classifications come from.
    pub report: Report,
}

/// One record as a jacket, with the texts that go into its side body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Name of its catalogue.
    pub catalogue: String,
    /// Its identifier there.
    pub identifier: String,
    /// What goes on the ledger. [`Jacket::check`] holds.
    pub jacket: Jacket,
    /// What stays beside it: `outline`, `contact`, `unmapped`, `withheld`, each only if there is any;
    /// names ascending.
    pub side: Vec<SideField>,
}

impl Record {
    /// Its id when `publisher` brings it.
    pub fn dataset(&self, publisher: &PartyId) -> DatasetId {
        DatasetId::of(publisher, &self.catalogue, &self.identifier)
    }

    /// The side body, or nothing if the record has no prose at all.
    ///
    /// The blinding is `SHA-256(domain ‖ secret ‖ dataset ‖ fields)`: nobody without the importer's
    /// secret can guess it, and an unchanged record gets the same commitment again, so that a second
    /// import sees that nothing changed. Whoever keeps the secret can therefore test a guess of a
    /// text that was erased; erasing for good means changing the secret too.
    pub fn side_body(&self, publisher: &PartyId, secret: &ImportSecret) -> Option<SideBody> {
        if self.side.is_empty() {
            return None;
        }
        let fields = borsh::to_vec(&self.side).expect("writing to memory does not fail");
        let blinding =
            Digest::of(&[b"lonja/import/blind/v1\0", &secret.0, self.dataset(publisher).as_bytes(), &fields]);
        Some(
            SideBody::new(blinding.0, self.side.clone())
                .expect("the mapper rejects records whose side body does not fit"),
        )
    }
}

/// 256 secret bits of whoever imports; the same at each import of the same catalogue.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct ImportSecret(pub [u8; 32]);

impl std::fmt::Debug for ImportSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ImportSecret")
    }
}

/// What became of a catalogue's records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records in the file.
    pub read: usize,
    /// Records that could not be mapped, each with its reason. The others are not affected.
    pub rejected: Vec<Rejected>,
    /// Per classification, where its values come from.
    pub classifications: Vec<Tally>,
    /// Contact names that are the name of an office or service, because they stand in the catalogue
    /// as such; they may occur on the ledger (see `guard`).
    pub office_names: BTreeSet<String>,
    /// Values kept off the ledger because they name a contact or hold an address; they are in the
    /// side bodies.
    pub withheld: usize,
}

/// A record that was not mapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// Its place in the file, from 1.
    pub number: usize,
    /// Its identifier, if it has one.
    pub identifier: Option<String>,
    /// Why.
    pub reason: String,
}

/// Where the values of one classification come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Which, as in `contracts::jacket::Classification`.
    pub classification: &'static str,
    /// The record said it.
    pub stated: usize,
    /// A named rule concluded it.
    pub inferred: usize,
    /// Nobody said.
    pub not_stated: usize,
}

/// Reads a catalogue under `name`.
///
/// # Errors
/// [`ImportError`] if the file as a whole cannot be read. Faults of single records are in the report.
pub fn read(bytes: &[u8], name: &str) -> Result<Catalogue, ImportError> {
    contracts::text::line("catalogue", name, 1, IDENTIFIER_BYTES_MAX).map_err(ImportError::CatalogueName)?;
    let document = strict::parse(bytes)?;
    let records = match document {
        Value::Object(mut top) if matches!(top.get("dataset"), Some(Value::Array(_))) => match top.remove("dataset") {
            Some(Value::Array(records)) => records,
            _ => return Err(ImportError::NotCatalogue),
        },
        other => linked::records(bytes, &other)?,
    };
    if records.len() > RECORDS_MAX {
        return Err(ImportError::TooManyRecords(records.len()));
    }
    Ok(map_all(name, &records))
}

fn map_all(name: &str, records: &[Value]) -> Catalogue {
    let guard = guard::Guard::of(records);
    let mut catalogue = Catalogue {
        name: name.into(),
        records: Vec::new(),
        report: Report { read: records.len(), ..Report::default() },
    };
    let mut seen = HashSet::new();
    for (index, value) in records.iter().enumerate() {
        let identifier = map::identifier(value);
        let mapped = match identifier.as_ref() {
            Ok(identifier) if !seen.insert(identifier.clone()) => {
                Err(format!("identifier: `{identifier}` occurs before in this catalogue"))
            }
            _ => map::record(name, value, &guard),
        };
        match mapped {
            Ok(mapped) => {
                catalogue.report.withheld += mapped.withheld;
                catalogue.report.office_names.extend(mapped.office_names);
                catalogue.records.push(mapped.record);
            }
            Err(reason) => {
                catalogue.report.rejected.push(Rejected { number: index + 1, identifier: identifier.ok(), reason })
            }
        }
    }
    catalogue.report.classifications = tallies(&catalogue.records);
    catalogue
}

fn tallies(records: &[Record]) -> Vec<Tally> {
    let mut tallies: Vec<Tally> = contracts::jacket::Classification::default()
        .origins()
        .iter()
        .map(|(classification, _)| Tally { classification, stated: 0, inferred: 0, not_stated: 0 })
        .collect();
    for record in records {
        for (tally, (_, origin)) in tallies.iter_mut().zip(record.jacket.classification.origins()) {
            match origin {
                "stated" => tally.stated += 1,
                "inferred" => tally.inferred += 1,
                _ => tally.not_stated += 1,
            }
        }
    }
    tallies
}
