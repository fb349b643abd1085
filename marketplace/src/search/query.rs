//! A search: what is asked, how it becomes a tantivy query, what comes back.
//!
//! A hit has all words of the question, or three quarters of them from four words on; where that
//! gives fewer than ten, one word is enough, and those that have more come first. A word that occurs
//! nowhere is taken for a slip: words that start with it or differ by one or two letters stand in.
//! Whoever types a whole title or identifier gets that listing before anything else.

use super::{
    SearchError,
    document::Facet,
    index::{Column, Search},
    parse,
    schema::{ENGLISH, PLAIN, TITLE_KEY, UPDATED, exact_key, facet_key},
};
use contracts::id::DatasetId;
use std::{collections::HashMap, sync::Arc};
use tantivy::{
    DocAddress, DocId, Order, Score, Searcher, SegmentOrdinal, SegmentReader, TantivyDocument, Term,
    collector::{Collector, SegmentCollector, TopDocs},
    query::{
        AllQuery, BooleanQuery, BoostQuery, ConstScoreQuery, EmptyQuery, FuzzyTermQuery, Occur, PhraseQuery, Query as TantivyQuery,
        TermQuery, TermSetQuery,
    },
    schema::{Field, IndexRecordOption, Value},
};

/// How far a search reaches, in hits. Nobody reads on; a machine takes the whole list elsewhere.
pub const REACH_MAX: usize = 10_000;
/// Hits of one page.
pub const LIMIT_MAX: usize = 200;
/// Values of one facet that are listed, the most frequent first.
pub const FACET_VALUES_MAX: usize = 200;
/// Filters of one search.
pub const FILTERS_MAX: usize = 64;

/// Fewer hits than this, and one matching word is enough.
const WIDEN_BELOW: usize = 10;
/// Score of a whole identifier, and of a whole title: above any sum of word scores, which stay below
/// some thousands for the longest question.
const IDENTIFIER_SCORE: Score = 1_000_000.0;
const TITLE_SCORE: Score = 100_000.0;

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// What somebody typed. Empty means everything.
    pub text: String,
    /// Values of one facet widen, different facets narrow.
    pub filters: Vec<Filter>,
    /// In which order.
    pub sort: Sort,
    /// Hits to leave out at the start.
    pub offset: usize,
    /// Hits to return; 0 gives counts only.
    pub limit: usize,
}

/// One facet must have this value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Which.
    pub facet: Facet,
    /// What.
    pub value: String,
}

/// The order of hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The best first.
    #[default]
    Relevance,
    /// By title.
    Title,
    /// The last changed first.
    Newest,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Results {
    /// This page.
    pub hits: Vec<Hit>,
    /// All hits, this page or not.
    pub total: usize,
    /// How many of all hits have which value: by facet, then the most frequent first.
    pub facets: Vec<FacetCount>,
    /// So few listings had all words that those with some of them are among the hits.
    pub widened: bool,
    /// Words that occur in no listing, for which similar ones stood in.
    pub guessed: Vec<String>,
}

/// One hit.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// Which.
    pub dataset: DatasetId,
    /// How well it fits; only comparable within one search, 0 where it is sorted otherwise.
    pub score: f32,
}

/// How many hits have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCount {
    /// Of which facet.
    pub facet: Facet,
    /// Which.
    pub value: String,
    /// How many.
    pub count: usize,
}

impl Search {
    /// Answers `query` from what was last committed.
    ///
    /// # Errors
    /// [`SearchError::TooFar`] past [`REACH_MAX`], [`SearchError::Read`].
    pub fn query(&self, query: &Query) -> Result<Results, SearchError> {
        let limit = query.limit.min(LIMIT_MAX);
        if query.offset.saturating_add(limit) > REACH_MAX {
            return Err(SearchError::TooFar { most: REACH_MAX });
        }
        self.answer(query, limit).map_err(SearchError::Read)
    }

    fn answer(&self, query: &Query, limit: usize) -> tantivy::Result<Results> {
        let searcher = self.searcher();
        let filters = self.filters(&query.filters);
        let Some(asked) = self.asked(&searcher, &query.text)? else {
            return self.collect(&searcher, &conjunction(Box::new(AllQuery), &filters), query, limit);
        };
        let strict = conjunction(self.main(&asked, true), &filters);
        let mut results = self.collect(&searcher, &strict, query, limit)?;
        if results.total < WIDEN_BELOW && asked.words.len() > 1 {
            let wide = conjunction(self.main(&asked, false), &filters);
            let before = results.total;
            results = self.collect(&searcher, &wide, query, limit)?;
            results.widened = results.total > before;
        }
        results.guessed = asked.guessed;
        Ok(results)
    }

    fn filters(&self, filters: &[Filter]) -> Vec<Box<dyn TantivyQuery>> {
        let mut by_facet: HashMap<Facet, Vec<Term>> = HashMap::new();
        for filter in filters.iter().take(FILTERS_MAX) {
            let term = Term::from_field_text(self.fields.facet, &facet_key(filter.facet, &filter.value));
            by_facet.entry(filter.facet).or_default().push(term);
        }
        let one = |terms: Vec<Term>| -> Box<dyn TantivyQuery> { Box::new(ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0)) };
        by_facet.into_values().map(one).collect()
    }

    fn collect(&self, searcher: &Searcher, query: &dyn TantivyQuery, asked: &Query, limit: usize) -> tantivy::Result<Results> {
        let counting = Counting { search: self };
        let top = TopDocs::with_limit(limit.max(1)).and_offset(asked.offset);
        let (found, counted): (Vec<(f32, DocAddress)>, Counted) = match asked.sort {
            _ if limit == 0 => (Vec::new(), searcher.search(query, &counting)?),
            Sort::Relevance => searcher.search(query, &(top.order_by_score(), counting))?,
            Sort::Title => {
                let (found, counted) = searcher.search(query, &(top.order_by_string_fast_field(TITLE_KEY, Order::Asc), counting))?;
                (found.into_iter().map(|(_, address)| (0.0, address)).collect(), counted)
            }
            Sort::Newest => {
                let (found, counted) = searcher.search(query, &(top.order_by_fast_field::<u64>(UPDATED, Order::Desc), counting))?;
                (found.into_iter().map(|(_, address)| (0.0, address)).collect(), counted)
            }
        };
        let hits = found.into_iter().map(|(score, address)| self.hit(searcher, score, address)).collect::<tantivy::Result<_>>()?;
        Ok(Results { hits, total: counted.total, facets: counted.listed(), ..Results::default() })
    }

    fn hit(&self, searcher: &Searcher, score: f32, address: DocAddress) -> tantivy::Result<Hit> {
        let row: TantivyDocument = searcher.doc(address)?;
        let id = row.get_first(self.fields.id).and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default();
        let dataset = id.parse().map_err(|_| tantivy::TantivyError::InternalError(format!("a row without dataset id: `{id}`")))?;
        Ok(Hit { dataset, score })
    }
}

// ---- from text to query

/// A question, cut into words that the index knows.
struct Asked {
    whole: String,
    words: Vec<Box<dyn TantivyQuery>>,
    phrases: Vec<Box<dyn TantivyQuery>>,
    /// Runs of several words that count more where they stand together.
    together: Vec<Box<dyn TantivyQuery>>,
    guessed: Vec<String>,
}

impl Search {
    /// Nothing where the text is blank.
    fn asked(&self, searcher: &Searcher, text: &str) -> tantivy::Result<Option<Asked>> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let parsed = parse::parse(text);
        let mut asked = Asked { whole: text.into(), words: Vec::new(), phrases: Vec::new(), together: Vec::new(), guessed: Vec::new() };
        let mut seen = Vec::new();
        for word in &parsed.words {
            for stem in self.cut(ENGLISH, word)? {
                if !seen.contains(&stem) {
                    asked.words.push(self.word(searcher, &stem, word, &mut asked.guessed)?);
                    seen.push(stem);
                }
            }
            if self.cut(PLAIN, word)?.len() > 1 {
                asked.together.extend(self.phrase(word)?);
            }
        }
        for phrase in &parsed.phrases {
            asked.phrases.push(self.phrase(phrase)?.unwrap_or_else(|| Box::new(EmptyQuery)));
        }
        if asked.words.is_empty() && asked.phrases.is_empty() {
            // Only words like `the` and `who`: titles and identifiers are looked through as they are.
            for word in parsed.words.iter().map(|word| self.cut(PLAIN, word)).collect::<tantivy::Result<Vec<_>>>()?.concat() {
                asked.words.push(term(self.fields.names, &word, 1.0));
            }
        } else if parsed.words.len() > 1 {
            asked.together.extend(self.phrase_in(self.fields.title, ENGLISH, &parsed.words.join(" "), 2.0)?);
        }
        Ok(Some(asked))
    }

    fn cut(&self, tokenizer: &str, text: &str) -> tantivy::Result<Vec<String>> {
        let mut analyzer = self.index.tokenizers().get(tokenizer).ok_or_else(|| tantivy::TantivyError::InternalError("a tokenizer is missing".into()))?;
        let mut stream = analyzer.token_stream(text);
        let mut words = Vec::new();
        while stream.advance() {
            words.push(stream.token().text.clone());
        }
        Ok(words)
    }

    /// One word in any field. A word in the title weighs most, one in the outline least.
    fn word(&self, searcher: &Searcher, stem: &str, typed: &str, guessed: &mut Vec<String>) -> tantivy::Result<Box<dyn TantivyQuery>> {
        let fields = &self.fields;
        let weighted = [(fields.title, 3.0), (fields.words, 1.5), (fields.outline, 1.0)];
        let mut any: Vec<Box<dyn TantivyQuery>> = Vec::new();
        for (field, weight) in weighted {
            if searcher.doc_freq(&Term::from_field_text(field, stem))? > 0 {
                any.push(term(field, stem, weight));
            }
        }
        // Identifiers are full of numbers; the title is in `names` too, so plain words are not counted twice.
        let in_names = stem.bytes().any(|byte| byte.is_ascii_digit()) || any.is_empty();
        if in_names && searcher.doc_freq(&Term::from_field_text(fields.names, stem))? > 0 {
            any.push(term(fields.names, stem, 1.0));
        }
        if any.is_empty() {
            if !guessed.iter().any(|word| word == typed) {
                guessed.push(typed.into());
            }
            any = self.similar(stem, &weighted);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Box::new(BooleanQuery::union(any)) })
    }

    /// Words that start with `stem` or are a slip away from it: one letter from four on, two from eight on.
    fn similar(&self, stem: &str, weighted: &[(Field, Score)]) -> Vec<Box<dyn TantivyQuery>> {
        let letters = stem.chars().count();
        let distance = match letters {
            0..4 => 0,
            4..8 => 1,
            _ => 2,
        };
        let mut any: Vec<Box<dyn TantivyQuery>> = Vec::new();
        for (field, weight) in weighted.iter().copied().chain([(self.fields.names, 1.0)]) {
            let term = Term::from_field_text(field, stem);
            if distance > 0 {
                any.push(boosted(Box::new(FuzzyTermQuery::new(term.clone(), distance, true)), weight));
            }
            if letters >= 2 {
                any.push(boosted(Box::new(FuzzyTermQuery::new_prefix(term, 0, true)), weight));
            }
        }
        if any.is_empty() { vec![Box::new(EmptyQuery)] } else { any }
    }

    /// Words in this order, in any field.
    fn phrase(&self, text: &str) -> tantivy::Result<Option<Box<dyn TantivyQuery>>> {
        let fields = &self.fields;
        let mut any = Vec::new();
        for (field, tokenizer, weight) in
            [(fields.title, ENGLISH, 3.0), (fields.words, ENGLISH, 1.5), (fields.outline, ENGLISH, 1.0), (fields.names, PLAIN, 2.0)]
        {
            any.extend(self.phrase_in(field, tokenizer, text, weight)?);
        }
        Ok((!any.is_empty()).then(|| Box::new(BooleanQuery::union(any)) as Box<dyn TantivyQuery>))
    }

    fn phrase_in(&self, field: Field, tokenizer: &str, text: &str, weight: Score) -> tantivy::Result<Option<Box<dyn TantivyQuery>>> {
        let words = self.cut(tokenizer, text)?;
        Ok(match words.as_slice() {
            [] => None,
            [word] => Some(term(field, word, weight)),
            words => {
                let terms = words.iter().map(|word| Term::from_field_text(field, word)).collect();
                Some(boosted(Box::new(PhraseQuery::new(terms)), weight))
            }
        })
    }

    /// The whole question. `strict` asks for all words, or three quarters of four and more.
    fn main(&self, asked: &Asked, strict: bool) -> Box<dyn TantivyQuery> {
        let needed = match (strict, asked.words.len()) {
            (false, _) => 1,
            (true, count @ 0..4) => count,
            (true, count) => (count * 3).div_ceil(4),
        };
        let copies = |queries: &[Box<dyn TantivyQuery>]| queries.iter().map(|query| query.box_clone()).collect::<Vec<_>>();
        let mut clauses: Vec<(Occur, Box<dyn TantivyQuery>)> = Vec::new();
        if needed == asked.words.len() {
            clauses.extend(copies(&asked.words).into_iter().map(|word| (Occur::Must, word)));
        } else {
            clauses.push((Occur::Must, Box::new(BooleanQuery::union_with_minimum_required_clauses(copies(&asked.words), needed))));
        }
        clauses.extend(copies(&asked.phrases).into_iter().map(|phrase| (Occur::Must, phrase)));
        clauses.extend(copies(&asked.together).into_iter().map(|bonus| (Occur::Should, bonus)));
        let words: Box<dyn TantivyQuery> = Box::new(BooleanQuery::new(clauses));
        let exact = |kind, score| -> Box<dyn TantivyQuery> {
            let term = Term::from_field_text(self.fields.exact, &exact_key(kind, &asked.whole));
            Box::new(ConstScoreQuery::new(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), score))
        };
        Box::new(BooleanQuery::union(vec![words, exact('i', IDENTIFIER_SCORE), exact('t', TITLE_SCORE)]))
    }
}

fn term(field: Field, word: &str, weight: Score) -> Box<dyn TantivyQuery> {
    boosted(Box::new(TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs)), weight)
}

fn boosted(query: Box<dyn TantivyQuery>, weight: Score) -> Box<dyn TantivyQuery> {
    if weight == 1.0 { query } else { Box::new(BoostQuery::new(query, weight)) }
}

fn conjunction(main: Box<dyn TantivyQuery>, filters: &[Box<dyn TantivyQuery>]) -> Box<dyn TantivyQuery> {
    if filters.is_empty() {
        return main;
    }
    let mut clauses = vec![(Occur::Must, main)];
    clauses.extend(filters.iter().map(|filter| (Occur::Must, filter.box_clone())));
    Box::new(BooleanQuery::new(clauses))
}

// ---- counting

/// Counts facet values of all hits from the columns in memory.
struct Counting<'a> {
    search: &'a Search,
}

struct CountingSegment {
    column: Arc<Column>,
    counts: Vec<u32>,
    total: usize,
}

#[derive(Default)]
struct Counted {
    total: usize,
    counts: HashMap<(Facet, String), usize>,
}

impl Counted {
    fn listed(self) -> Vec<FacetCount> {
        let mut list: Vec<FacetCount> =
            self.counts.into_iter().map(|((facet, value), count)| FacetCount { facet, value, count }).collect();
        list.sort_by(|a, b| (a.facet, b.count, &a.value).cmp(&(b.facet, a.count, &b.value)));
        let mut of_facet = (None, 0);
        list.retain(|count| {
            of_facet = if of_facet.0 == Some(count.facet) { (of_facet.0, of_facet.1 + 1) } else { (Some(count.facet), 1) };
            of_facet.1 <= FACET_VALUES_MAX
        });
        list
    }
}

impl Collector for Counting<'_> {
    type Fruit = Counted;
    type Child = CountingSegment;

    fn for_segment(&self, _: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<CountingSegment> {
        let column = self.search.column(segment)?;
        Ok(CountingSegment { counts: vec![0; column.values.len()], column, total: 0 })
    }

    fn requires_scoring(&self) -> bool {
        false
    }

    fn merge_fruits(&self, segments: Vec<Counted>) -> tantivy::Result<Counted> {
        let mut all = Counted::default();
        for segment in segments {
            all.total += segment.total;
            for (value, count) in segment.counts {
                *all.counts.entry(value).or_default() += count;
            }
        }
        Ok(all)
    }
}

impl SegmentCollector for CountingSegment {
    type Fruit = Counted;

    fn collect(&mut self, doc: DocId, _: Score) {
        self.total += 1;
        let doc = doc as usize;
        let values = self.column.starts[doc] as usize..self.column.starts[doc + 1] as usize;
        for ord in &self.column.ords[values] {
            self.counts[*ord as usize] += 1;
        }
    }

    fn harvest(self) -> Counted {
        let counted = self.column.values.iter().zip(&self.counts).filter(|(_, count)| **count > 0);
        Counted { total: self.total, counts: counted.map(|(value, count)| (value.clone(), *count as usize)).collect() }
    }
}
