//! Fields of the index and how their text is cut into words.

use super::document::Facet;
use tantivy::{
    Index,
    schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions},
    tokenizer::{
        AsciiFoldingFilter, Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter,
        TextAnalyzer,
    },
};

/// A word that is longer is no word that anybody types.
const WORD_BYTES_MAX: usize = 64;
/// Name of the folder of this format; another format gets another name, so an old index is never
/// misread: it is built again.
pub(super) const FORMAT: &str = "v1";

/// Words without stop words, reduced to their stems.
pub(super) const ENGLISH: &str = "lonja-en";
/// Words as they are.
pub(super) const PLAIN: &str = "lonja-plain";
/// Between a facet and its value; no text of a jacket holds control characters.
pub(super) const SEPARATOR: char = '\u{1f}';

pub(super) const FACET: &str = "facet";
pub(super) const TITLE_KEY: &str = "title_key";
pub(super) const UPDATED: &str = "updated";

#[derive(Clone)]
pub(super) struct Fields {
    pub schema: Schema,
    /// Hexadecimal dataset id.
    pub id: Field,
    /// Identifier and title as wholes, in lower case.
    pub exact: Field,
    /// Title, stemmed.
    pub title: Field,
    /// Keywords, themes, formats, publisher, variables, stemmed.
    pub words: Field,
    /// Outline, stemmed.
    pub outline: Field,
    /// Words of identifier and title as they are.
    pub names: Field,
    /// Every facet with its value.
    pub facet: Field,
    /// The title as it is sorted by.
    pub title_key: Field,
    /// When it last changed.
    pub updated: Field,
}

impl Fields {
    pub fn new() -> Self {
        let mut builder = Schema::builder();
        let text = |tokenizer: &str| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(tokenizer)
                .set_index_option(IndexRecordOption::WithFreqsAndPositions);
            TextOptions::default().set_indexing_options(indexing)
        };
        let id = builder.add_text_field("id", STRING | STORED);
        let exact = builder.add_text_field("exact", STRING);
        let title = builder.add_text_field("title", text(ENGLISH));
        let words = builder.add_text_field("words", text(ENGLISH));
        let outline = builder.add_text_field("outline", text(ENGLISH));
        let names = builder.add_text_field("names", text(PLAIN));
        let facet = builder.add_text_field(FACET, STRING | FAST);
        let title_key = builder.add_text_field(TITLE_KEY, FAST);
        let updated = builder.add_u64_field(UPDATED, FAST | INDEXED);
        Self { schema: builder.build(), id, exact, title, words, outline, names, facet, title_key, updated }
    }
}

pub(super) fn register_tokenizers(index: &Index) {
    let stop =
        StopWordFilter::new(Language::English).expect("tantivy has English stop words when built with `stopwords`");
    let english = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .filter(stop)
        .filter(Stemmer::new(Language::English))
        .build();
    let plain = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(WORD_BYTES_MAX))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build();
    index.tokenizers().register(ENGLISH, english);
    index.tokenizers().register(PLAIN, plain);
}

/// The key by which a whole title or identifier is found: case and spacing do not count.
pub(super) fn exact_key(kind: char, text: &str) -> String {
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    format!("{kind}{SEPARATOR}{plain}")
}

pub(super) fn facet_key(facet: Facet, value: &str) -> String {
    format!("{}{SEPARATOR}{value}", facet.slug())
}
