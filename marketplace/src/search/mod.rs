//! Search: full text and facets over the listings, in a tantivy index.
//!
//! Owns a directory that can be deleted and rebuilt from the ledger at any time. Rows and the cursor
//! that says up to which block they are true are written in one commit. It never decides who may see
//! a listing, and holds no money, no keys and no truth of its own. Outlines are prose of side bodies:
//! when one is taken down, its document must be written again without it, followed by
//! [`Search::compact`], which leaves no trace of the old one in the files.

mod ask;
mod audit;
mod count;
mod document;
mod index;
mod parse;
mod query;
mod schema;
mod views;

#[cfg(test)]
mod tests;

pub(crate) use audit::{Expected, audit};
pub use document::{Document, Facet, access_of, facets_of};
pub use index::Search;
pub use query::{FACET_VALUES_MAX, FILTERS_MAX, FacetCount, Filter, Hit, LIMIT_MAX, Query, REACH_MAX, Results, Sort};

/// Why the index did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// Opening it, or creating it in a directory.
    #[error("the search index in {dir} cannot be opened; delete that directory and it is built again from the ledger")]
    Open {
        /// Where.
        dir: String,
        /// Why.
        #[source]
        source: tantivy::TantivyError,
    },
    /// The directory.
    #[error("the search index needs the directory {dir}")]
    Directory {
        /// Which.
        dir: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Writing a batch. Rows and cursor are as before.
    #[error(
        "the search index cannot be written: make room on its disk if that is full, and start again; it follows the ledger, so nothing is lost"
    )]
    Write(#[source] tantivy::TantivyError),
    /// Reading.
    #[error("reading the search index failed")]
    Read(#[source] tantivy::TantivyError),
    /// More than the page may reach.
    #[error("a search shows the first {most} hits; narrow it down by a filter")]
    TooFar {
        /// How far it reaches.
        most: usize,
    },
    /// The page before is too old.
    #[error("the catalogue has changed and the view that this search read from is kept no longer: start it again")]
    Gone,
    /// More filters than one search takes.
    #[error("a search takes at most {most} filters")]
    TooManyFilters {
        /// How many.
        most: usize,
    },
}

/// Is it an error of the index that found a disk full? It keeps to itself what the system said.
pub(crate) fn found_full(cause: &(dyn std::error::Error + 'static)) -> bool {
    use tantivy::{
        TantivyError,
        directory::error::{OpenDirectoryError, OpenWriteError},
    };
    match cause.downcast_ref() {
        Some(
            TantivyError::IoError(io_error)
            | TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error, .. })
            | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, .. }),
        ) => ledger::found_full(&**io_error),
        _ => false,
    }
}
