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

/// The modules of the verifier in the order in which they need each other; no name stands in two.
const MODULES: &[&str] = &[
    "bytes.mjs",
    "crypto.mjs",
    "borsh.mjs",
    "words.mjs",
    "facts.mjs",
    "records.mjs",
    "trust.mjs",
    "receipt.mjs",
    "checkpoint.mjs",
    "state.mjs",
    "bundle.mjs",
    "verdict.js",
    "offline.js",
];

/// All modules as one script: their imports, one line each, are of each other and fall away.
fn script() -> String {
    let text: String = MODULES.iter().map(|name| assets::text(name)).collect();
    let lines = text.lines().filter(|line| !line.starts_with("import "));
    lines.map(|line| format!("{}\n", line.strip_prefix("export ").unwrap_or(line))).collect()
}

/// The whole file. The same program always gives the same bytes; no anchor is in it.
pub fn page() -> String {
    let script = script();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_holds_every_module_and_needs_no_other() {
        let page = page();
        assert!(!page.contains("{{") && !page.contains("import ") && !page.contains("\nexport "));
        for module in MODULES {
            let text = assets::text(module);
            let needed =
                text.lines().filter(|line| line.starts_with("import ")).filter_map(|line| line.split('\'').nth(1));
            let place = MODULES.iter().position(|name| name == module);
            for name in needed {
                let before = MODULES.iter().position(|other| name == format!("./{other}"));
                assert!(before.is_some() && before < place, "{module} needs {name}");
            }
        }
    }
}
