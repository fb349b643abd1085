//! Pages of rows: some of them, and where the next ones start.
//!
//! A cursor names its list as well as the place in it: one that another list gave, or the same list for
//! another owner or another question, is refused instead of leading to rows that nobody asked for.

use super::RowsError;
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;

/// Bytes that name a list in a cursor. They guard against mistakes: who makes a cursor up sees nothing
/// but rows of a list that may be asked for anyway.
const LIST_BYTES: usize = 8;
/// A cursor, in letters. The longest place has less than 100 bytes.
const CURSOR_LETTERS_MAX: usize = 256;

/// Some rows, and where the next page starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<PageStart>,
}

/// A list and everything that it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List([u8; LIST_BYTES]);

impl List {
    /// The list that `parts` name: what it is of, whose, and how it is filtered and sorted.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("lonja market list v1");
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let mut name = [0; LIST_BYTES];
        hasher.finalize_xof().fill(&mut name);
        Self(name)
    }
}

/// Where a page of a list starts: opaque to everybody but the rows. Stable while rows are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageStart {
    list: List,
    place: Vec<u8>,
}

impl PageStart {
    /// The place `place` in `list`.
    pub(crate) fn new(list: List, place: Vec<u8>) -> Self {
        Self { list, place }
    }

    /// The place in `list`.
    ///
    /// # Errors
    /// [`RowsError::OtherList`] where it is a place of another one.
    pub(crate) fn within(&self, list: &List) -> Result<&[u8], RowsError> {
        if self.list == *list { Ok(&self.place) } else { Err(RowsError::OtherList) }
    }
}

impl std::fmt::Display for PageStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&[self.list.0.as_slice(), &self.place].concat()))
    }
}

impl std::str::FromStr for PageStart {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let decoded = || BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let bytes = (text.len() <= CURSOR_LETTERS_MAX).then(decoded).flatten();
        let parts = bytes.as_ref().and_then(|bytes| bytes.split_first_chunk::<LIST_BYTES>());
        let (list, place) = parts.ok_or("this is no cursor: use one that a page gave")?;
        Ok(Self { list: List(*list), place: place.to_vec() })
    }
}

impl Serialize for PageStart {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Takes one row more than a page has to know whether there is another page.
pub(super) fn cut<T>(
    list: List,
    mut rows: Vec<(Vec<u8>, Vec<u8>)>,
    limit: usize,
    prefix_bytes: usize,
    row: impl Fn(&[u8], &[u8]) -> Result<T, RowsError>,
) -> Result<Page<T>, RowsError> {
    let more = rows.len() > limit;
    let next = more.then(|| PageStart::new(list, rows[limit].0[prefix_bytes..].to_vec()));
    rows.truncate(limit);
    let items = rows.iter().map(|(key, value)| row(&key[prefix_bytes..], value)).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

/// The name at the end of a key.
pub(super) fn name<const N: usize>(bytes: &[u8]) -> Result<[u8; N], RowsError> {
    bytes.try_into().map_err(|_| RowsError::Damaged("an index key has another length".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_one_list() {
        let list = List::of(&[b"versions", &[1; 32]]);
        let cursor = PageStart::new(list, vec![0, 0, 0, 7]).to_string();
        let start: PageStart = cursor.parse().unwrap();
        assert_eq!(start.within(&list).unwrap(), [0, 0, 0, 7]);
        for other in
            [List::of(&[b"versions", &[2; 32]]), List::of(&[b"offers", &[1; 32]]), List::of(&[b"versions\x01"])]
        {
            assert!(matches!(start.within(&other), Err(RowsError::OtherList)));
        }
        assert_ne!(List::of(&[b"a", b"b"]), List::of(&[b"ab", b""]), "parts do not run into each other");
        for wrong in ["", "7", "!", "AAAA", &"A".repeat(260)] {
            assert!(wrong.parse::<PageStart>().is_err(), "{wrong}");
        }
        assert_eq!("AAAAAAAAAAA".parse::<PageStart>().unwrap().place, [0u8; 0]);
    }
}
