//! Styles and scripts, embedded in the program.

use super::shell::tagged;
use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// One file; its ETag is that of its bytes.
pub async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match Assets::get(&name) {
        Some(file) => tagged(&headers, kind, file.data.into_owned()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The text of one file.
pub fn text(name: &str) -> String {
    let file = Assets::get(name).expect("the names of embedded files are fixed when the program is built");
    String::from_utf8_lossy(&file.data).into_owned()
}
