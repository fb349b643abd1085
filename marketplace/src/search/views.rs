//! Views of the index that are kept for those who read on: a page that follows shows what the first
//! page was cut from, whatever was listed meanwhile.

use super::{SearchError, index::Search};
use crate::limits::{SEARCH_VIEW_AGE_MAX, SEARCH_VIEWS_MAX};
use contracts::id::Height;
use std::{collections::VecDeque, time::Instant};
use tantivy::Searcher;

/// The index as it was after a block.
#[derive(Clone)]
pub(super) struct View {
    pub at: Height,
    pub searcher: Searcher,
}

/// Views that somebody may still read from, oldest first.
#[derive(Default)]
pub(super) struct Views(VecDeque<(Instant, View)>);

impl Views {
    fn find(&self, at: Height) -> Option<View> {
        let kept = self.0.iter().find(|(since, view)| view.at == at && since.elapsed() < SEARCH_VIEW_AGE_MAX);
        kept.map(|(_, view)| view.clone())
    }

    /// Keeps a view from now on; the oldest goes where there are too many.
    fn keep(&mut self, view: View) {
        self.0.retain(|(since, kept)| kept.at != view.at && since.elapsed() < SEARCH_VIEW_AGE_MAX);
        self.0.push_back((Instant::now(), view));
        while self.0.len() > SEARCH_VIEWS_MAX {
            self.0.pop_front();
        }
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl Search {
    /// The index as it was at `at`; as it is, where that is not said.
    ///
    /// # Errors
    /// [`SearchError::Gone`].
    pub(super) fn view(&self, at: Option<Height>) -> Result<View, SearchError> {
        let now = self.shown.read().clone();
        match at {
            Some(at) if at != now.at => self.views.lock().find(at).ok_or(SearchError::Gone),
            _ => Ok(now),
        }
    }

    pub(super) fn keep(&self, view: View) {
        self.views.lock().keep(view);
    }
}
