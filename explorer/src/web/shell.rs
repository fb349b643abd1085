//! What surrounds every page: title, search, up to where it is true, and notices.

use super::App;
use crate::{
    follow::{State, now_ms},
    index::Tip,
    limits::STALE_AFTER,
    view::{
        AsOf,
        format::{ago, counted, grouped, moment, short},
    },
};
use askama::Template;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use contracts::id::{Digest, TimeMs};
use serde::Serialize;

/// Something that a reader must know before believing a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `bad` or `calm`.
    pub tone: &'static str,
    /// The sentence.
    pub text: String,
    /// Blocks read, of how many.
    pub progress: Option<(u64, u64)>,
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
    /// How long ago that was, in words.
    pub age: String,
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
            age: ago(now_ms().saturating_sub(tip.time_ms)),
            network_short: short(&network),
            network,
            query: String::new(),
            notices: notices(&app.state(), tip, now_ms()),
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

/// What a reader must know of how this explorer is, `now_ms` being its own clock.
fn notices(state: &State, tip: Tip, now_ms: TimeMs) -> Vec<Notice> {
    let height = tip.height;
    let notice = |tone, text| Notice { tone, text, progress: None };
    if let Some(text) = &state.stopped {
        return vec![notice("bad", format!("The explorer stopped at block {height}: {text}"))];
    }
    let mut notices = Vec::new();
    if let Some(text) = &state.node_error {
        let text = format!("The node is not answering as it should ({text}). Pages are true up to block {height}.");
        notices.push(notice("bad", text));
    }
    match state.node_height {
        None if state.node_error.is_none() => {
            notices.push(notice("calm", "Starting: the node has not said yet how far it is.".into()));
        }
        Some(node) if node > height + 2 => {
            let (behind, share) = (counted(node - height, "block", "blocks"), height * 100 / node);
            let text = format!(
                "Catching up: {behind} behind the node; {} of {} are read ({share} %). Pages are true up to there.",
                grouped(height),
                grouped(node)
            );
            notices.push(Notice { progress: Some((height, node)), ..notice("calm", text) });
        }
        Some(_) if height > 0 && now_ms.saturating_sub(tip.time_ms) > STALE_AFTER.as_millis() as u64 => {
            let text = "The newest block is older than it should be: a network without work commits one every \
                        30 seconds. It stands still, or clocks differ; what happened since is not known here.";
            notices.push(notice("bad", text.into()));
        }
        _ => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_when_its_explorer_lags() {
        let tip = Tip { height: 900, time_ms: 1_000_000 };
        let said = |state: State, now_ms| {
            notices(&state, tip, now_ms).into_iter().map(|one| (one.tone, one.text, one.progress)).collect::<Vec<_>>()
        };
        let at = |node: u64| State { node_height: Some(node), ..State::default() };
        assert_eq!(said(at(900), 1_030_000), []);
        assert_eq!((at(1).node_height(900), State::default().node_height(900)), (Some(900), None));
        assert!(said(State::default(), 1_030_000)[0].1.starts_with("Starting"));
        let behind = &said(at(1_000), 1_030_000)[0];
        assert!(behind.1.contains("100 blocks behind") && behind.1.contains("(90 %)"), "{}", behind.1);
        assert_eq!((behind.0, behind.2), ("calm", Some((900, 1_000))));
        let old = &said(at(900), 1_000_000 + 301_000)[0];
        assert!(old.0 == "bad" && old.1.contains("older than it should be"));
        let away = State { node_error: Some("refused".into()), ..at(900) };
        assert!(said(away, 1_030_000)[0].1.contains("true up to block 900"));
        let stopped = State { stopped: Some("the rules disagree".into()), ..at(1_000) };
        assert_eq!(said(stopped, 1_030_000).len(), 1);
    }
}
