//! Auditing the search index of a market that is stopped: checksums of its files, and whether it holds
//! the listings that the rows say.

use super::schema::{FORMAT, Fields, UPDATED};
use contracts::id::{DatasetId, Height};
use ledger::audit::Findings;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tantivy::{Index, ReloadPolicy, TantivyDocument, TantivyError, directory::MmapDirectory, schema::Value};

/// Files of an index that belong to no segment.
const COMMON: [&str; 4] = ["meta.json", ".managed.json", ".tantivy-writer.lock", ".tantivy-meta.lock"];

/// What the rows say that an index holds.
pub(crate) struct Expected {
    /// The newest block that changed a listing.
    pub listed: Height,
    /// Listings that are found.
    pub listings: BTreeSet<DatasetId>,
}

/// Audits the index in `dir`; `expected` where the rows are whole and up to date. Returns how many
/// listings it holds.
///
/// An index that is behind the rows is no damage: a market that starts catches up.
pub(crate) fn audit(dir: &Path, expected: Option<&Expected>, findings: &mut Findings) -> u64 {
    let folder = dir.join(FORMAT);
    if !folder.exists() {
        return 0;
    }
    match look(&folder, expected) {
        Ok(count) => count,
        Err((path, what)) => {
            let remedy = format!("delete the folder {} and start the market: it is built again", dir.display());
            findings.find(path.display().to_string(), format!("{what}; {remedy}"));
            0
        }
    }
}

/// A file, and what is wrong with it.
type Wrong = (PathBuf, String);

fn look(folder: &Path, expected: Option<&Expected>) -> Result<u64, Wrong> {
    let of = |error: TantivyError| (folder.to_path_buf(), error.to_string());
    let directory = MmapDirectory::open(folder).map_err(|error| of(error.into()))?;
    let index = Index::open(directory).map_err(of)?;
    if index.schema() != Fields::new().schema {
        return Err((folder.join("meta.json"), "its fields are of another release".into()));
    }
    files(folder, &index)?;
    // Only now are files read that a parser could stumble over.
    let ids = ids(folder, &index)?;
    let meta = folder.join("meta.json");
    let cursor = index.load_metas().map_err(of)?.payload.unwrap_or_default();
    let cursor = match cursor.as_str() {
        "" => None,
        text => Some(text.parse::<Height>().map_err(|_| (meta.clone(), format!("`{text}` is no height")))?),
    };
    if let (Some(expected), Some(cursor)) = (expected, cursor) {
        if cursor > expected.listed {
            return Err((meta, format!("it says block {cursor}, the newest listing is of block {}", expected.listed)));
        }
        if cursor == expected.listed && ids != expected.listings {
            let what = format!("it holds {} listings, the rows {}, not the same", ids.len(), expected.listings.len());
            return Err((folder.to_path_buf(), what));
        }
    }
    Ok(ids.len() as u64)
}

/// Every file is one that the index knows, is there, and has its checksum.
fn files(folder: &Path, index: &Index) -> Result<(), Wrong> {
    let of = |error: TantivyError| (folder.to_path_buf(), error.to_string());
    let managed = index.directory().list_managed_files();
    let entries = fs::read_dir(folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    for entry in entries.map_err(|error| (folder.to_path_buf(), error.to_string()))? {
        let name = PathBuf::from(entry.file_name());
        let common = COMMON.iter().any(|common| name == Path::new(common));
        // What the index does not know it never removes, also not after a side body was taken down.
        if !common && !managed.contains(&name) {
            return Err((entry.path(), "the index does not know this file".into()));
        }
    }
    for file in index.load_metas().map_err(of)?.list_segment_files() {
        let path = folder.join(&file);
        if !path.exists() {
            continue;
        }
        match index.directory().validate_checksum(&file) {
            Ok(true) => {}
            Ok(false) => return Err((path, "its checksum is another".into())),
            Err(error) => return Err((path, error.to_string())),
        }
    }
    Ok(())
}

/// The datasets in the index, each once.
fn ids(folder: &Path, index: &Index) -> Result<BTreeSet<DatasetId>, Wrong> {
    let of = |error: TantivyError| (folder.to_path_buf(), error.to_string());
    let reader: tantivy::IndexReader =
        index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(of)?;
    let field = Fields::new().id;
    let mut ids = BTreeSet::new();
    for segment in reader.searcher().segment_readers() {
        let rows = segment.fast_fields().u64(UPDATED).map_err(of)?.num_docs();
        if rows != segment.max_doc() {
            let what = format!("it says {} documents of a segment that holds {rows}", segment.max_doc());
            return Err((folder.join("meta.json"), what));
        }
        let store = segment.get_store_reader(0).map_err(|error| of(error.into()))?;
        for doc in segment.doc_ids_alive() {
            let document: TantivyDocument = store.get(doc).map_err(of)?;
            let id = document.get_first(field).and_then(|value| value.as_str()).and_then(|text| text.parse().ok());
            let id: DatasetId = id.ok_or_else(|| (folder.to_path_buf(), format!("document {doc} names no dataset")))?;
            if !ids.insert(id) {
                return Err((folder.to_path_buf(), format!("dataset {id} is in it twice")));
            }
        }
    }
    Ok(ids)
}
