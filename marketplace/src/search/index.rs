//! The index on disk: opening, writing a batch with its cursor, counting columns in memory.

use super::{
    SearchError,
    document::{Document, Facet},
    schema::{self, FACET, Fields, SEPARATOR, UPDATED, exact_key, facet_key},
    views::{View, Views},
};
use contracts::id::{DatasetId, Height};
use parking_lot::{Mutex, RwLock};
use std::{collections::HashMap, path::Path, sync::Arc};
use tantivy::{
    Index, IndexReader, IndexWriter, ReloadPolicy, SegmentReader, TantivyDocument, TantivyError, Term,
    directory::MmapDirectory, index::SegmentId,
};

/// Memory of the writer before it starts a new segment, in bytes. 100,000 listings fit into few segments.
const WRITER_BYTES: usize = 64 * 1024 * 1024;

/// The search index of one marketplace. Cheap to share; queries run beside a write.
pub struct Search {
    pub(super) fields: Fields,
    pub(super) index: Index,
    reader: IndexReader,
    writer: Mutex<IndexWriter>,
    columns: RwLock<HashMap<SegmentId, Arc<Column>>>,
    /// What searches read from.
    pub(super) shown: RwLock<View>,
    pub(super) views: Mutex<Views>,
}

/// Facet values of the documents of one segment, in memory: a query counts tens of thousands of
/// documents, and reading their compressed columns each time took most of its time.
///
/// Invariant: `starts` has one entry more than the segment has documents, ascending; `ords` are
/// indices of `values`.
pub(super) struct Column {
    pub starts: Vec<u32>,
    pub ords: Vec<u32>,
    pub values: Vec<(Facet, String)>,
}

/// Removes what a kill left of a file that was being replaced: the index writes it under another name
/// first, and does not know it afterwards. Nobody else is at work here: the market's own store is locked.
fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".tmp") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Search {
    /// Opens the index in `dir`, or creates an empty one.
    ///
    /// # Errors
    /// [`SearchError::Open`], [`SearchError::Directory`]. Only one process may hold it.
    pub fn open(dir: &Path) -> Result<Self, SearchError> {
        let folder = dir.join(schema::FORMAT);
        let shown = || folder.display().to_string();
        std::fs::create_dir_all(&folder)
            .and_then(|()| sweep(&folder))
            .map_err(|source| SearchError::Directory { dir: shown(), source })?;
        let opened = MmapDirectory::open(&folder)
            .map_err(TantivyError::from)
            .and_then(|directory| Index::open_or_create(directory, Fields::new().schema))
            .and_then(Self::over);
        opened.map_err(|source| SearchError::Open { dir: shown(), source })
    }

    fn over(index: Index) -> tantivy::Result<Self> {
        schema::register_tokenizers(&index);
        // Parsers of damaged files may stumble; a checksum of all of them costs less than one search
        // for each ten thousand listings.
        if let Some(damaged) = index.validate_checksum()?.into_iter().next() {
            return Err(TantivyError::InternalError(format!("{} has another checksum", damaged.display())));
        }
        let writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let shown = RwLock::new(View { at: 0, searcher: reader.searcher() });
        let search = Self {
            shown,
            views: Mutex::default(),
            fields: Fields::new(),
            index,
            reader,
            writer: Mutex::new(writer),
            columns: RwLock::new(HashMap::new()),
        };
        search.refresh()?;
        Ok(search)
    }

    /// Up to which block the index is true; nothing for a new one, which must be filled from the start.
    ///
    /// # Errors
    /// [`SearchError::Read`].
    pub fn cursor(&self) -> Result<Option<Height>, SearchError> {
        let meta = self.index.load_metas().map_err(SearchError::Read)?;
        Ok(meta.payload.and_then(|payload| payload.parse().ok()))
    }

    /// Number of listings.
    pub fn len(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// Whether there is no listing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes `upserts` and `deletes` and the new cursor in one durable commit, and shows them.
    ///
    /// Repeating a batch is harmless. A batch per block of an import is fine; a batch of a thousand is
    /// faster, since each costs some fsyncs.
    ///
    /// # Errors
    /// [`SearchError::Write`]; then rows and cursor are as before.
    pub fn apply(&self, upserts: &[Document], deletes: &[DatasetId], cursor: Height) -> Result<(), SearchError> {
        let mut writer = self.writer.lock();
        let written = self.write(&mut writer, upserts, deletes, cursor);
        if written.is_err() {
            // What was added but not committed must not come along with the next batch.
            let _ = writer.rollback();
        }
        drop(writer);
        written.and_then(|()| self.refresh()).map_err(SearchError::Write)
    }

    fn write(
        &self,
        writer: &mut IndexWriter,
        upserts: &[Document],
        deletes: &[DatasetId],
        cursor: Height,
    ) -> tantivy::Result<()> {
        for dataset in upserts.iter().map(|document| &document.dataset).chain(deletes) {
            writer.delete_term(Term::from_field_text(self.fields.id, &dataset.to_string()));
        }
        let mut last: HashMap<DatasetId, &Document> = HashMap::new();
        for document in upserts {
            last.insert(document.dataset, document);
        }
        // The order of the caller decides ties, so it is kept.
        for document in upserts.iter().filter(|document| std::ptr::eq(last[&document.dataset], *document)) {
            writer.add_document(self.row(document))?;
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&cursor.to_string());
        commit.commit()?;
        Ok(())
    }

    fn row(&self, document: &Document) -> TantivyDocument {
        let fields = &self.fields;
        let mut row = TantivyDocument::new();
        row.add_text(fields.id, document.dataset.to_string());
        row.add_text(fields.exact, exact_key('i', &document.identifier));
        row.add_text(fields.exact, exact_key('t', &document.title));
        row.add_text(fields.title, &document.title);
        row.add_text(fields.names, &document.identifier);
        row.add_text(fields.names, &document.title);
        for word in document.publisher.iter().chain(&document.keywords).chain(&document.variables) {
            row.add_text(fields.words, word);
        }
        if let Some(outline) = &document.outline {
            row.add_text(fields.outline, outline);
        }
        for (facet, value) in &document.facets {
            row.add_text(fields.facet, facet_key(*facet, value));
        }
        row.add_text(fields.title_key, document.title.to_lowercase());
        row.add_u64(fields.updated, document.updated_ms);
        row
    }

    /// Empties the index, cursor included, so that it is built again from the ledger.
    ///
    /// # Errors
    /// [`SearchError::Write`].
    pub fn clear(&self) -> Result<(), SearchError> {
        let mut writer = self.writer.lock();
        let cleared = writer.delete_all_documents().and_then(|_| {
            let mut commit = writer.prepare_commit()?;
            commit.set_payload("");
            commit.commit()
        });
        drop(writer);
        cleared.and_then(|_| self.refresh()).map_err(SearchError::Write)
    }

    /// Rewrites the files so that nothing of replaced or deleted documents is left in them. To be
    /// called after a side body was taken down and its document written again.
    ///
    /// # Errors
    /// [`SearchError::Write`].
    pub fn compact(&self) -> Result<(), SearchError> {
        let mut writer = self.writer.lock();
        self.compact_with(&mut writer).map_err(SearchError::Write)
    }

    fn compact_with(&self, writer: &mut IndexWriter) -> tantivy::Result<()> {
        let segments = self.index.searchable_segment_ids()?;
        if !segments.is_empty() {
            writer.merge(&segments).wait()?;
        }
        // Readers of the old segments keep their files alive, so they are let go first.
        self.views.lock().clear();
        self.refresh()?;
        writer.garbage_collect_files().wait()?;
        Ok(())
    }

    /// Shows what was committed and loads the columns of new segments.
    fn refresh(&self) -> tantivy::Result<()> {
        self.reader.reload()?;
        let searcher = self.reader.searcher();
        let mut next = HashMap::new();
        for segment in searcher.segment_readers() {
            next.insert(segment.segment_id(), self.column(segment)?);
        }
        *self.columns.write() = next;
        let at = self.index.load_metas()?.payload.and_then(|payload| payload.parse().ok()).unwrap_or(0);
        *self.shown.write() = View { at, searcher };
        Ok(())
    }

    /// The facet values of `segment`, from memory where they are loaded.
    pub(super) fn column(&self, segment: &SegmentReader) -> tantivy::Result<Arc<Column>> {
        let known = self.columns.read().get(&segment.segment_id()).cloned();
        known.map_or_else(|| Column::load(segment).map(Arc::new), Ok)
    }
}

impl Column {
    fn load(segment: &SegmentReader) -> tantivy::Result<Self> {
        let mut column = Self { starts: vec![0], ords: Vec::new(), values: Vec::new() };
        let rows = segment.fast_fields().u64(UPDATED)?.num_docs();
        if rows != segment.max_doc() {
            let text = format!("a segment of {rows} documents is said to have {}", segment.max_doc());
            return Err(TantivyError::InternalError(text));
        }
        let Some(stored) = segment.fast_fields().str(FACET)? else {
            column.starts.resize(segment.max_doc() as usize + 1, 0);
            return Ok(column);
        };
        for doc in 0..segment.max_doc() {
            column.ords.extend(
                stored
                    .term_ords(doc)
                    .map(|ord| u32::try_from(ord).expect("a segment has fewer facet values than that")),
            );
            column.starts.push(u32::try_from(column.ords.len()).expect("a segment has fewer facet values than that"));
        }
        let mut key = String::new();
        for ord in 0..stored.num_terms() as u64 {
            stored.ord_to_str(ord, &mut key)?;
            let (facet, value) = key.split_once(SEPARATOR).unwrap_or((&key, ""));
            let facet = facet.parse().map_err(|error: String| TantivyError::InternalError(error))?;
            column.values.push((facet, value.to_string()));
        }
        Ok(column)
    }
}
