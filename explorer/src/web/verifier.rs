//! The verifier as one file: a page that works from a disk, without this server and without network.
//!
//! A served verifier could lie about itself; this one can be kept, compared by its digest, and read.

use super::{App, assets};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use contracts::id::Digest;
use data_encoding::BASE64;

/// The whole file. The same program always gives the same bytes; no anchor is in it.
pub fn page() -> String {
    let script = format!("{}\n{}", assets::text("verify.js").replace("export ", ""), assets::text("offline.js"));
    let style = assets::text("style.css");
    let hash = |text: &str| BASE64.encode(Digest::of(&[text.as_bytes()]).as_bytes());
    assets::text("offline.html")
        .replace("{{style-hash}}", &hash(&style))
        .replace("{{script-hash}}", &hash(&script))
        .replace("{{style}}", &style)
        .replace("{{script}}", &script)
}

/// SHA-256 of the file, to compare on another way.
pub fn digest() -> String {
    Digest::of(&[page().as_bytes()]).to_string()
}

/// Downloads the file.
pub async fn download(State(_): State<App>, headers: HeaderMap) -> Response {
    let mut response = super::shell::tagged(&headers, "text/html; charset=utf-8", page().into_bytes());
    let name = HeaderValue::from_static("attachment; filename=\"lonja-verifier.html\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}
