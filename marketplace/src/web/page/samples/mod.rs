//! Draws every page with values that strain it, so that each is rendered by `cargo test` and can be
//! looked at: with `LONJA_PAGES=FOLDER` the test `draw_every_page` leaves them in FOLDER.

mod account;
mod consent;
mod dataset;
mod entry;
mod licence;
mod operate;
mod provide;
mod search;
mod trade;
mod values;

use std::path::Path;

/// A page that was drawn: what it is called, and its HTML.
type Drawn = (&'static str, String);

fn draw(name: &'static str, page: &dyn askama::DynTemplate) -> Drawn {
    (name, page.dyn_render().unwrap())
}

/// Every page of the market.
fn pages() -> Vec<Drawn> {
    [
        search::pages(),
        dataset::pages(),
        trade::pages(),
        licence::pages(),
        account::pages(),
        entry::pages(),
        provide::pages(),
        consent::pages(),
        operate::pages(),
    ]
    .concat()
}

#[test]
fn draw_every_page() {
    let folder = std::env::var_os("LONJA_PAGES").map(std::path::PathBuf::from);
    if let Some(folder) = &folder {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("market.css"), include_str!("../../../../assets/market.css")).unwrap();
    }
    for (name, html) in pages() {
        check(name, &html);
        if let Some(folder) = &folder {
            std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
        }
    }
}

/// A template that only others are made of.
const PARTS: [&str; 2] = ["frame", "simple"];

#[test]
fn every_template_has_a_sample() {
    let pages = pages();
    let templates = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")).unwrap();
    let names = templates.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some());
    for name in names.map(|path| path.file_stem().unwrap().to_string_lossy().replace('_', "-")) {
        let says = format!("<body data-page=\"{name}\">");
        let drawn = pages.iter().any(|(_, html)| html.contains(&says));
        assert!(drawn || PARTS.contains(&name.as_str()), "nothing draws {name}.html");
    }
}

/// What holds of every page, whatever it says.
fn check(name: &str, html: &str) {
    assert!(html.contains("<body data-page=\""), "{name} does not say its type");
    assert_eq!(html.matches("<h1").count(), 1, "{name} has one heading of the first order");
    assert!(
        !html.contains("<script") && !html.contains(" style=") && !html.contains(" onclick"),
        "{name} would break its policy"
    );
    let mut ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    ids.sort_unstable();
    let twice: Vec<_> = ids.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{name} has ids twice: {twice:?}");
    for rest in html.split(" for=\"").skip(1) {
        let target = rest.split('"').next().unwrap();
        assert!(ids.contains(&target), "{name}: a label leads to `{target}`, which is not there");
    }
    for rest in html.split("href=\"#").skip(1) {
        let target = rest.split('"').next().unwrap();
        assert!(ids.contains(&target), "{name}: a link leads to `{target}`, which is not there");
    }
    let posts = html.matches("method=\"post\"").count();
    assert_eq!(html.matches("name=\"csrf\"").count(), posts, "{name}: a form without its token");
}
