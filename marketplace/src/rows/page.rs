//! Pages of rows: some of them, and where the next ones start.

use super::RowsError;
use serde::Serialize;

/// Some rows, and where the next page starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<PageStart>,
}

/// Where a page starts: opaque to everybody but the rows. Stable while rows are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageStart(pub(super) Vec<u8>);

impl std::fmt::Display for PageStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::BASE64URL_NOPAD.encode(&self.0))
    }
}

impl std::str::FromStr for PageStart {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > 256 {
            return Err("a cursor has at most 256 characters: use one that a page gave");
        }
        data_encoding::BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map(Self)
            .map_err(|_| "this is no cursor: use one that a page gave")
    }
}

impl Serialize for PageStart {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Takes one row more than a page has to know whether there is another page.
pub(super) fn cut<T>(
    mut rows: Vec<(Vec<u8>, Vec<u8>)>,
    limit: usize,
    prefix_bytes: usize,
    row: impl Fn(&[u8], &[u8]) -> Result<T, RowsError>,
) -> Result<Page<T>, RowsError> {
    let more = rows.len() > limit;
    let next = more.then(|| PageStart(rows[limit].0[prefix_bytes..].to_vec()));
    rows.truncate(limit);
    let items = rows.iter().map(|(key, value)| row(&key[prefix_bytes..], value)).collect::<Result<_, _>>()?;
    Ok(Page { items, next })
}

/// The name at the end of a key.
pub(super) fn name<const N: usize>(bytes: &[u8]) -> Result<[u8; N], RowsError> {
    bytes.try_into().map_err(|_| RowsError::Damaged("an index key has another length".into()))
}
