//! The first page and the search, with hits and without.

use super::{
    Drawn, draw,
    values::{EVERYTHING, frame, hits},
};
use crate::web::{frame::Frame, page::*};
use contracts::party::Role;

/// All of them.
pub fn pages() -> Vec<Drawn> {
    vec![
        draw("home", &home(None)),
        draw("home-in", &home(EVERYTHING)),
        draw("search", &search(frame("search", None), hits())),
        draw("search-empty", &search(frame("search", None), Hits::default())),
    ]
}

fn home(roles: Option<&[Role]>) -> HomePage {
    HomePage {
        frame: frame("home", roles),
        tally: vec![
            ("/search".into(), "907".into(), "listings".into()),
            ("/search?spectrum=open".into(), "812".into(), "open data".into()),
            ("/search?availability=offer".into(), "14".into(), "on offer".into()),
        ],
        hits: hits(),
        mine: vec![("Balance".into(), "3799.50 EUR".into())],
        themes: vec![("/x".into(), "Environment".into(), "12".into())],
    }
}

fn search(frame: Frame, found: Hits) -> SearchPage {
    let value = |name: &str, count: usize, chosen| FacetValue {
        href: "/search".into(),
        name: name.into(),
        count: count.to_string(),
        chosen,
    };
    let group = |name, open| FacetGroup {
        name,
        open,
        values: vec![
            value("Open data", 800, true),
            value("A very long name of a publisher of data in an office", 12, false),
        ],
        cut: true,
    };
    SearchPage {
        frame,
        asked: "water levels".into(),
        kept: vec![("spectrum".into(), "open".into())],
        total: "812 listings".into(),
        sorts: vec![("/search".into(), "Best match", true), ("/search?sort=title".into(), "Title", false)],
        order: "Best match first: 1 to 20 of 812.".into(),
        chosen: vec![("/search".into(), "Data spectrum: Open data".into())],
        clear: "/search?q=water".into(),
        guessed: vec!["levles".into()],
        widened: true,
        hits: found,
        pager: Pager::of("/search?q=water", "cursor", Some("a"), Some("b".into()), "Next 20"),
        facets: vec![group("Data spectrum", true), group("Publisher", false)],
    }
}
