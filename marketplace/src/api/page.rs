//! Pages of lists: an opaque cursor, a `Link` to the next page, a documented maximum.

use super::answer::Answer;
use crate::{
    error::MarketError,
    limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX},
    rows::{List, Page, PageStart},
};
use axum::{
    http::{HeaderMap, HeaderValue, Uri, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::IntoParams;

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
        self.cursor.as_deref().map(parse).transpose()
    }
}

/// A cursor, read from its letters.
///
/// # Errors
/// [`MarketError::Invalid`].
pub fn parse(cursor: &str) -> Result<PageStart, MarketError> {
    cursor.parse().map_err(|reason: &str| MarketError::invalid("cursor", reason))
}

/// A cursor that only `list` takes.
pub fn seal(list: &List, place: &[u8]) -> String {
    PageStart::new(*list, place.to_vec()).to_string()
}

/// What [`seal`] put into a cursor of `list`.
///
/// # Errors
/// [`MarketError::Invalid`] where it is none; [`RowsError::OtherList`](crate::rows::RowsError::OtherList).
pub fn open(list: &List, cursor: &str) -> Result<Vec<u8>, MarketError> {
    Ok(parse(cursor)?.within(list)?.to_vec())
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
    fn a_link_keeps_the_question() {
        let uri: Uri = "/api/v1/datasets?q=a%20b&cursor=old&limit=2".parse().unwrap();
        assert_eq!(link(&uri, "new").unwrap(), "</api/v1/datasets?q=a%20b&limit=2&cursor=new>; rel=\"next\"");
    }
}
