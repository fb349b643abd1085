//! What was read of a bucket a moment ago: followers and audits read one block after the other.

use crate::limits::ARCHIVE_RECENT_FOR;
use std::{collections::VecDeque, time::Instant};

/// The newest few things that were read, each for [`ARCHIVE_RECENT_FOR`] only: what is deleted in the bucket is soon
/// gone here too.
pub(super) struct Recent<T> {
    most: usize,
    kept: VecDeque<(Instant, T)>,
}

impl<T: Clone> Recent<T> {
    /// At most so many.
    pub fn new(most: usize) -> Self {
        Self { most, kept: VecDeque::with_capacity(most) }
    }

    /// The one that is wanted, if it is there.
    pub fn find(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.kept.retain(|(read, _)| read.elapsed() < ARCHIVE_RECENT_FOR);
        self.kept.iter().find(|(_, one)| is_wanted(one)).map(|(_, one)| one.clone())
    }

    /// Keeps one more, in the place of the oldest where there are too many.
    pub fn keep(&mut self, one: T) {
        if self.kept.len() == self.most {
            self.kept.pop_front();
        }
        self.kept.push_back((Instant::now(), one));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut recent = Recent::new(2);
        (1..=3).for_each(|number| recent.keep(number));
        assert_eq!([1, 2, 3].map(|wanted| recent.find(|number| *number == wanted)), [None, Some(2), Some(3)]);
    }
}
