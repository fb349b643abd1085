//! A lineage as a drawing: versions as boxes in rows by their step, arrows from what to what was made.
//!
//! Plain numbers for a template to write as SVG. The table beside the drawing says the same in words.

use super::provenance::{LineageEdge, LineageNode};
use std::collections::BTreeMap;

/// A box with two lines of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plate {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// The dataset, shortened to fit.
    pub title: String,
    /// The version and what is not shown.
    pub line: String,
    /// The lineage of this version, where it has one.
    pub href: Option<String>,
    /// Its whole name.
    pub name: String,
    /// `focus`, `missing` or nothing: how it is drawn.
    pub class: &'static str,
}

/// Boxes, arrows and the room they take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
    /// The boxes.
    pub boxes: Vec<Plate>,
    /// The arrows, as paths.
    pub arrows: Vec<String>,
}

/// Size of a box, and the room between boxes.
pub const WIDTH: i32 = 236;
/// See [`WIDTH`].
pub const HEIGHT: i32 = 54;
const GAP: i32 = 20;
const ROW: i32 = HEIGHT + 46;
/// Letters of a title that fit a box.
const TITLE_LETTERS_MAX: usize = 24;

/// Lays out nodes that are ordered by step.
pub fn draw(nodes: &[LineageNode], edges: &[LineageEdge]) -> Drawing {
    let mut rows: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    nodes.iter().enumerate().for_each(|(place, node)| rows.entry(node.step).or_default().push(place));
    let widest = rows.values().map(Vec::len).max().unwrap_or(0) as i32;
    let width = widest * (WIDTH + GAP) + GAP;
    let mut corners = vec![(0, 0); nodes.len()];
    for (row, places) in rows.values().enumerate() {
        let left = (width - places.len() as i32 * (WIDTH + GAP) + GAP) / 2;
        for (column, place) in places.iter().enumerate() {
            corners[*place] = (left + column as i32 * (WIDTH + GAP), GAP + row as i32 * ROW);
        }
    }
    Drawing {
        width,
        height: GAP + rows.len() as i32 * ROW - (ROW - HEIGHT) + GAP,
        boxes: nodes.iter().zip(&corners).map(|(node, corner)| boxed(node, *corner)).collect(),
        arrows: edges.iter().map(|edge| arrow(corners[edge.parent], corners[edge.child])).collect(),
    }
}

fn boxed(node: &LineageNode, (x, y): (i32, i32)) -> Plate {
    let missing = node.number == 0;
    let beyond = match (node.parents_beyond, node.children_beyond) {
        (0, 0) => String::new(),
        (back, 0) => format!(", +{back} before"),
        (0, on) => format!(", +{on} after"),
        (back, on) => format!(", +{back} before, +{on} after"),
    };
    Plate {
        x,
        y,
        title: shortened(&node.dataset.name),
        line: if missing { "missing".into() } else { format!("version {}{beyond}", node.number) },
        href: (!missing && node.sha256.is_some())
            .then(|| format!("/provenance/{}?version={}", node.dataset.id, node.number)),
        name: format!("{}, version {}", node.dataset.name, node.number),
        class: if missing {
            "missing"
        } else if node.step == 0 {
            "focus"
        } else {
            ""
        },
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= TITLE_LETTERS_MAX {
        return text.to_string();
    }
    text.chars().take(TITLE_LETTERS_MAX - 1).chain(['…']).collect()
}

/// From the lower edge of one box to the upper edge of another below it.
fn arrow((from_x, from_y): (i32, i32), (to_x, to_y): (i32, i32)) -> String {
    let (x, y) = (from_x + WIDTH / 2, from_y + HEIGHT);
    let (end_x, end_y) = (to_x + WIDTH / 2, to_y - 5);
    let middle = (y + end_y) / 2;
    format!("M{x} {y}C{x} {middle} {end_x} {middle} {end_x} {end_y}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::tell::Link;

    fn node(step: i32, number: u32) -> LineageNode {
        let dataset = Link {
            kind: "dataset",
            id: "ab".into(),
            name: "A title that is far too long for its box".into(),
            href: String::new(),
        };
        LineageNode {
            id: String::new(),
            dataset,
            number,
            step,
            sha256: Some(String::new()),
            size: None,
            origin: None,
            note: None,
            parents: 0,
            parents_beyond: 0,
            children_beyond: 0,
        }
    }

    #[test]
    fn no_box_covers_another_and_all_are_within_the_drawing() {
        let nodes: Vec<_> = (0..9).map(|number| node(number / 4 - 1, number as u32 + 1)).collect();
        let edges = [LineageEdge { parent: 0, child: 4 }, LineageEdge { parent: 4, child: 8 }];
        let drawing = draw(&nodes, &edges);
        for (number, one) in drawing.boxes.iter().enumerate() {
            assert!(one.x >= 0 && one.x + WIDTH <= drawing.width && one.y >= 0 && one.y + HEIGHT <= drawing.height);
            assert!(one.title.chars().count() <= TITLE_LETTERS_MAX && one.title.ends_with('…'));
            for other in &drawing.boxes[number + 1..] {
                assert!((one.x - other.x).abs() >= WIDTH || (one.y - other.y).abs() >= HEIGHT);
            }
        }
        assert_eq!(drawing.arrows.len(), 2);
        assert_eq!(draw(&[], &[]).boxes.len(), 0);
    }
}
