//! A search: what is asked, how it becomes a tantivy query, what comes back.
//!
//! A hit has all words of the question, or three quarters of them from four words on; where that
//! gives fewer than ten, one word is enough, and those that have more come first. A word that occurs
//! nowhere is taken for a slip: words that start with it or differ by one or two letters stand in.
//! Whoever types a whole title or identifier gets that listing before anything else.

use super::{
    SearchError,
    count::{Counted, Counting},
    document::Facet,
    index::Search,
    schema::{TITLE_KEY, UPDATED, facet_key},
};
use contracts::id::{DatasetId, Height};
use std::collections::HashMap;
use tantivy::{
    DocAddress, Order, Searcher, TantivyDocument, Term,
    collector::TopDocs,
    query::{AllQuery, BooleanQuery, ConstScoreQuery, Occur, Query as TantivyQuery, TermSetQuery},
    schema::Value,
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
    /// [`SearchError::TooFar`] past [`REACH_MAX`], [`SearchError::TooManyFilters`], [`SearchError::Read`].
    pub fn query(&self, query: &Query) -> Result<Results, SearchError> {
        Ok(self.query_at(query, None)?.0)
    }

    /// As [`Search::query`], in the index as it was at block `at`, for those who read on; and the block
    /// that the next page is to name.
    ///
    /// # Errors
    /// [`SearchError::Gone`] where that view is kept no longer, and as [`Search::query`].
    pub fn query_at(&self, query: &Query, at: Option<Height>) -> Result<(Results, Height), SearchError> {
        let limit = query.limit.min(LIMIT_MAX);
        if query.offset.saturating_add(limit) > REACH_MAX {
            return Err(SearchError::TooFar { most: REACH_MAX });
        }
        // A filter that is left out in silence would show what somebody asked not to see.
        if query.filters.len() > FILTERS_MAX {
            return Err(SearchError::TooManyFilters { most: FILTERS_MAX });
        }
        let view = self.view(at)?;
        let results = self.answer(&view.searcher, query, limit).map_err(SearchError::Read)?;
        let at = view.at;
        if !results.hits.is_empty() && query.offset + results.hits.len() < results.total {
            self.keep(view);
        }
        Ok((results, at))
    }

    fn answer(&self, searcher: &Searcher, query: &Query, limit: usize) -> tantivy::Result<Results> {
        let filters = self.filters(&query.filters);
        let Some(asked) = self.asked(searcher, &query.text)? else {
            return self.collect(searcher, &conjunction(Box::new(AllQuery), &filters), query, limit);
        };
        let strict = conjunction(self.main(&asked, true), &filters);
        let mut results = self.collect(searcher, &strict, query, limit)?;
        if results.total < WIDEN_BELOW && asked.words.len() > 1 {
            let wide = conjunction(self.main(&asked, false), &filters);
            let before = results.total;
            results = self.collect(searcher, &wide, query, limit)?;
            results.widened = results.total > before;
        }
        results.guessed = asked.guessed;
        Ok(results)
    }

    fn filters(&self, filters: &[Filter]) -> Vec<Box<dyn TantivyQuery>> {
        let mut by_facet: HashMap<Facet, Vec<Term>> = HashMap::new();
        for filter in filters {
            let term = Term::from_field_text(self.fields.facet, &facet_key(filter.facet, &filter.value));
            by_facet.entry(filter.facet).or_default().push(term);
        }
        let one = |terms: Vec<Term>| -> Box<dyn TantivyQuery> {
            Box::new(ConstScoreQuery::new(Box::new(TermSetQuery::new(terms)), 0.0))
        };
        by_facet.into_values().map(one).collect()
    }

    fn collect(
        &self,
        searcher: &Searcher,
        query: &dyn TantivyQuery,
        asked: &Query,
        limit: usize,
    ) -> tantivy::Result<Results> {
        let counting = Counting { search: self };
        let top = TopDocs::with_limit(limit.max(1)).and_offset(asked.offset);
        let (found, counted): (Vec<(f32, DocAddress)>, Counted) = match asked.sort {
            _ if limit == 0 => (Vec::new(), searcher.search(query, &counting)?),
            Sort::Relevance => searcher.search(query, &(top.order_by_score(), counting))?,
            Sort::Title => {
                let (found, counted) =
                    searcher.search(query, &(top.order_by_string_fast_field(TITLE_KEY, Order::Asc), counting))?;
                (found.into_iter().map(|(_, address)| (0.0, address)).collect(), counted)
            }
            Sort::Newest => {
                let (found, counted) =
                    searcher.search(query, &(top.order_by_fast_field::<u64>(UPDATED, Order::Desc), counting))?;
                (found.into_iter().map(|(_, address)| (0.0, address)).collect(), counted)
            }
        };
        let hits = found
            .into_iter()
            .map(|(score, address)| self.hit(searcher, score, address))
            .collect::<tantivy::Result<_>>()?;
        Ok(Results { hits, total: counted.total, facets: counted.listed(), ..Results::default() })
    }

    fn hit(&self, searcher: &Searcher, score: f32, address: DocAddress) -> tantivy::Result<Hit> {
        let row: TantivyDocument = searcher.doc(address)?;
        let id = row.get_first(self.fields.id).and_then(|value| value.as_str().map(str::to_string)).unwrap_or_default();
        let dataset = id
            .parse()
            .map_err(|_| tantivy::TantivyError::InternalError(format!("a row without dataset id: `{id}`")))?;
        Ok(Hit { dataset, score })
    }
}

fn conjunction(main: Box<dyn TantivyQuery>, filters: &[Box<dyn TantivyQuery>]) -> Box<dyn TantivyQuery> {
    if filters.is_empty() {
        return main;
    }
    let mut clauses = vec![(Occur::Must, main)];
    clauses.extend(filters.iter().map(|filter| (Occur::Must, filter.box_clone())));
    Box::new(BooleanQuery::new(clauses))
}
