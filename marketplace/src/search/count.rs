//! Counting the facet values of all hits, from columns in memory.

use super::{
    document::Facet,
    index::{Column, Search},
    query::{FACET_VALUES_MAX, FacetCount},
};
use std::{collections::HashMap, sync::Arc};
use tantivy::{
    DocId, Score, SegmentOrdinal, SegmentReader,
    collector::{Collector, SegmentCollector},
};

/// Counts facet values of all hits from the columns in memory.
pub(super) struct Counting<'a> {
    pub search: &'a Search,
}

pub(super) struct CountingSegment {
    column: Arc<Column>,
    counts: Vec<u32>,
    total: usize,
}

#[derive(Default)]
pub(super) struct Counted {
    pub total: usize,
    counts: HashMap<(Facet, String), usize>,
}

impl Counted {
    pub fn listed(self) -> Vec<FacetCount> {
        let mut list: Vec<FacetCount> =
            self.counts.into_iter().map(|((facet, value), count)| FacetCount { facet, value, count }).collect();
        list.sort_by(|a, b| (a.facet, b.count, &a.value).cmp(&(b.facet, a.count, &b.value)));
        let mut of_facet = (None, 0);
        list.retain(|count| {
            of_facet =
                if of_facet.0 == Some(count.facet) { (of_facet.0, of_facet.1 + 1) } else { (Some(count.facet), 1) };
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
