//! Pages of lists: an opaque cursor, a `Link` to the next page, a documented maximum.

use super::answer::Answer;
use crate::{
    error::MarketError,
    limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX},
    rows::{Page, PageStart},
};
use axum::{
    http::{HeaderMap, HeaderValue, Uri, header},
    response::Response,
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::IntoParams;

/// A cursor, in letters. The longest place has less than 100 bytes.
const CURSOR_LETTERS_MAX: usize = 256;

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Where the page starts: the `next` of the page before.
    pub cursor: Option<String>,
    /// Rows on the page, 1 to 200; 50 where it is left out.
    pub limit: Option<usize>,
}

impl PageQuery {
    /// How many rows.
    ///
    /// # Errors
    /// [`MarketError::Invalid`] beyond the maximum: nothing is cut off in silence.
    pub fn limit(&self) -> Result<usize, MarketError> {
        match self.limit.unwrap_or(PAGE_ROWS_DEFAULT) {
            limit if (1..=PAGE_ROWS_MAX).contains(&limit) => Ok(limit),
            _ => Err(MarketError::invalid("limit", format!("1 to {PAGE_ROWS_MAX} rows on a page"))),
        }
    }

    /// Where it starts.
    ///
    /// # Errors
    /// [`MarketError::Invalid`].
    pub fn start(&self) -> Result<Option<PageStart>, MarketError> {
        let parse = |text: &String| text.parse().map_err(|reason: &str| MarketError::invalid("cursor", reason));
        self.cursor.as_ref().map(parse).transpose()
    }
}

/// A cursor that only the list of kind `kind` takes.
pub fn seal(kind: u8, place: &[u8]) -> String {
    BASE64URL_NOPAD.encode(&[&[kind], place].concat())
}

/// What [`seal`] put into a cursor of kind `kind`.
///
/// # Errors
/// [`MarketError::Invalid`] where it is none, or of another list.
pub fn open(kind: u8, cursor: &str) -> Result<Vec<u8>, MarketError> {
    let bytes = (cursor.len() <= CURSOR_LETTERS_MAX).then(|| BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()).flatten();
    let place = bytes.filter(|bytes| bytes.first() == Some(&kind)).map(|bytes| bytes[1..].to_vec());
    place.ok_or_else(|| MarketError::invalid("cursor", "this is no cursor of this list: use one that a page gave"))
}

/// The answer for a page.
pub fn answer<T: Serialize>(page: Page<T>, height: u64, uri: &Uri, asked: &HeaderMap) -> Response {
    let next = page.next.as_ref().map(PageStart::to_string);
    list(&page.items, next, height, uri, asked)
}

/// The answer for rows and the cursor of the next page.
pub fn list(items: &[impl Serialize], next: Option<String>, height: u64, uri: &Uri, asked: &HeaderMap) -> Response {
    let mut response = Answer::ok(json!({ "items": items, "next": next, "height": height })).tagged(asked);
    if let Some(next) = next.as_deref().and_then(|next| link(uri, next)) {
        response.headers_mut().insert(header::LINK, next);
    }
    response
}

/// `Link: <...>; rel="next"` (RFC 8288), with the query as it was and another cursor.
pub fn link(uri: &Uri, cursor: &str) -> Option<HeaderValue> {
    let kept = uri.query().unwrap_or("").split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let query: Vec<String> = kept.map(str::to_string).chain([format!("cursor={cursor}")]).collect();
    HeaderValue::from_str(&format!("<{}?{}>; rel=\"next\"", uri.path(), query.join("&"))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_one_list() {
        let cursor = seal(b'v', &[0, 0, 0, 7]);
        assert_eq!(open(b'v', &cursor).unwrap(), [0, 0, 0, 7]);
        for (kind, wrong) in [(b'o', cursor.as_str()), (b'v', ""), (b'v', "7"), (b'v', "!"), (b'v', &"A".repeat(257))] {
            assert!(open(kind, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_link_keeps_the_question() {
        let uri: Uri = "/api/v1/datasets?q=a%20b&cursor=old&limit=2".parse().unwrap();
        assert_eq!(link(&uri, "new").unwrap(), "</api/v1/datasets?q=a%20b&limit=2&cursor=new>; rel=\"next\"");
    }
}
