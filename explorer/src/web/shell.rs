//! What surrounds every page: title, search, up to where it is true, and notices.

use super::App;
use crate::view::{
    AsOf,
    format::{counted, grouped, moment, short},
};
use askama::Template;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::id::Digest;
use serde::Serialize;

/// Something that a reader must know before believing a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `bad` or `calm`.
    pub tone: &'static str,
    /// The sentence.
    pub text: String,
}

/// What surrounds a page.
#[derive(Clone, Debug)]
pub struct Shell {
    /// The page's type, as tests and styles know it.
    pub page: &'static str,
    /// The page's title.
    pub title: String,
    /// Up to where the explorer has read.
    pub as_of: AsOf,
    /// The network.
    pub network: String,
    /// The network, shortened.
    pub network_short: String,
    /// What stands in the search box.
    pub query: String,
    /// What a reader must know first.
    pub notices: Vec<Notice>,
    /// The identifier that was looked up, to be marked.
    pub mark: String,
    /// The same page as JSON.
    pub json: Option<String>,
}

impl Shell {
    /// The surroundings of a page of type `page`.
    pub fn new(app: &App, page: &'static str, title: &str) -> Self {
        let tip = app.index.tip();
        let network = app.client.network().to_string();
        Self {
            page,
            title: title.to_string(),
            as_of: AsOf { height: tip.height, time: moment(tip.time_ms) },
            network_short: short(&network),
            network,
            query: String::new(),
            notices: notices(app, tip.height),
            mark: String::new(),
            json: None,
        }
    }

    /// Height for people.
    pub fn height(&self) -> String {
        grouped(self.as_of.height)
    }

    /// Is `path` of the navigation where we are?
    pub fn is(&self, pages: &str) -> bool {
        pages.split(' ').any(|page| page == self.page)
    }
}

fn notices(app: &App, height: u64) -> Vec<Notice> {
    let state = app.state();
    let mut notices = Vec::new();
    if let Some(text) = state.stopped {
        notices.push(Notice { tone: "bad", text: format!("The explorer stopped at block {height}: {text}") });
    }
    if let Some(text) = state.node_error {
        let text = format!("The node is not answering as it should ({text}). Pages are true up to block {height}.");
        notices.push(Notice { tone: "bad", text });
    }
    if let Some(node) = state.node_height
        && node > height + 2
    {
        let behind = counted(node - height, "block", "blocks");
        let text = format!("Catching up: {behind} behind the node, which is at {}.", grouped(node));
        notices.push(Notice { tone: "calm", text });
    }
    notices
}

/// A rendered page with its ETag.
pub fn html<T: Template>(headers: &HeaderMap, page: &T) -> Response {
    match page.render() {
        Ok(text) => tagged(headers, "text/html; charset=utf-8", text.into_bytes()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "the page could not be rendered").into_response()
        }
    }
}

/// A value as JSON with its ETag.
pub fn json<T: Serialize>(headers: &HeaderMap, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => tagged(headers, "application/json", bytes),
        Err(error) => {
            tracing::error!(%error, "a value could not be written as JSON");
            (StatusCode::INTERNAL_SERVER_ERROR, "the value could not be written").into_response()
        }
    }
}

/// Bytes with their ETag; `304` where the reader has them.
pub fn tagged(headers: &HeaderMap, kind: &'static str, bytes: Vec<u8>) -> Response {
    let digest = Digest::of(&[kind.as_bytes(), &bytes]).to_string();
    // Weak: compression on the way changes bytes, not meaning.
    let tag = format!("W/\"{}\"", &digest[..32]);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let same = known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag || one.trim() == "*"));
    let mut response =
        if same { StatusCode::NOT_MODIFIED.into_response() } else { (StatusCode::OK, bytes).into_response() };
    let tag = HeaderValue::from_str(&tag).expect("hexadecimal digits in quotes are a header's value");
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
