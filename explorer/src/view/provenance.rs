//! Provenance: what a version was made from and what was made from it, a few steps each way.
//!
//! One step each way to begin with; the reader asks for more. However large the whole is, no more than
//! [`LINEAGE_NODES_MAX`] versions are gathered, and what was left out is said: a drawing of thousands of
//! boxes tells nobody anything, and laying it out takes for ever.

use super::{AsOf, Missing, Origin, as_of, drawing, drawing::Drawing, origin, unknown};
use crate::{
    index::{Kind, ListKind, Reader, Thing},
    limits::{LINEAGE_NODES_MAX, LINEAGE_STEPS_MAX},
    view::{
        format::size,
        redact,
        tell::{Link, Names},
    },
};
use contracts::{dataset::Dataset, id::*, state::Reading, version::Version};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// One version in a lineage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineageNode {
    /// Its id.
    pub id: String,
    /// Its dataset.
    pub dataset: Link,
    /// Its number there; 0 where the version is not known here.
    pub number: u32,
    /// Steps from the version that was asked for: below 0 what it was made from, above 0 what was made
    /// from it. The longest way counts, so every version stands after all that it was made from.
    pub step: i32,
    /// SHA-256 of its content.
    pub sha256: Option<String>,
    /// Size of its content.
    pub size: Option<String>,
    /// Where it was anchored.
    pub origin: Option<Origin>,
    /// Why something of it is not shown or not known.
    pub note: Option<&'static str>,
    /// Versions that it states to be made from.
    pub parents: u64,
    /// Of those, how many are not in this lineage.
    pub parents_beyond: u64,
    /// Versions made from it that are not in this lineage.
    pub children_beyond: u64,
}

/// That one version was made from another, by their places in the list of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LineageEdge {
    /// What it was made from.
    pub parent: usize,
    /// What was made.
    pub child: usize,
}

/// The lineage of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProvenanceView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// The dataset that was asked for.
    pub dataset: Link,
    /// Why nothing is shown of it.
    pub withheld: Option<&'static str>,
    /// Versions of the dataset.
    pub versions: u32,
    /// The version in the middle; 0 where there is none.
    pub version: u32,
    /// Steps back that were asked for.
    pub up: u32,
    /// Steps on that were asked for.
    pub down: u32,
    /// The versions, by step, each once.
    pub nodes: Vec<LineageNode>,
    /// What was made from what among them.
    pub edges: Vec<LineageEdge>,
    /// Were there more versions within these steps than are shown?
    pub cut: bool,
    /// Versions made from these that belong to closed datasets.
    pub closed_children: u64,
    /// The same as a drawing.
    #[serde(skip)]
    pub drawing: Drawing,
}

/// How far to look.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// The version's number; the newest where it is not said.
    pub version: Option<u32>,
    /// Steps back.
    pub up: u32,
    /// Steps on.
    pub down: u32,
    /// Versions at most; never more than [`LINEAGE_NODES_MAX`].
    pub nodes_max: usize,
}

/// The lineage of a version of `id`.
///
/// # Errors
/// [`Missing`].
pub fn provenance(reader: &Reader, id: &DatasetId, reach: Reach) -> Result<ProvenanceView, Missing> {
    let found: Dataset = reader.value(&Dataset::key(id))?.ok_or_else(|| unknown(reader, "dataset", id))?;
    let closed = redact::is_closed(&found.classification.spectrum);
    let (up, down) = (reach.up.min(LINEAGE_STEPS_MAX), reach.down.min(LINEAGE_STEPS_MAX));
    let mut view = ProvenanceView {
        as_of: as_of(reader),
        dataset: Names(reader).dataset(id)?,
        withheld: closed.then_some(redact::CLOSED),
        versions: if closed { 0 } else { found.versions },
        version: 0,
        up,
        down,
        nodes: Vec::new(),
        edges: Vec::new(),
        cut: false,
        closed_children: 0,
        drawing: Drawing::default(),
    };
    if closed || found.versions == 0 {
        return Ok(view);
    }
    view.version = reach.version.unwrap_or(found.versions);
    if view.version == 0 || view.version > found.versions {
        return Err(unknown(reader, "version", format!("{} of dataset {id}", view.version)));
    }
    let mut walk = Walk::new(reader, reach.nodes_max.clamp(1, LINEAGE_NODES_MAX));
    let focus = walk.add(VersionId::of(id, view.version))?.ok_or_else(|| unknown(reader, "version", view.version))?;
    walk.back(focus, up)?;
    walk.on(focus, down)?;
    (view.cut, view.closed_children) = (walk.cut, walk.closed_children.len() as u64);
    (view.nodes, view.edges) = walk.finish(focus)?;
    view.drawing = drawing::draw(&view.nodes, &view.edges);
    Ok(view)
}

/// A version that was come across.
struct Met {
    id: VersionId,
    version: Option<Version>,
    closed: bool,
}

/// Gathers versions, each once.
struct Walk<'r, 'a> {
    reader: &'r Reader<'a>,
    met: Vec<Met>,
    places: BTreeMap<VersionId, usize>,
    cut: bool,
    closed_children: BTreeSet<VersionId>,
    nodes_max: usize,
}

impl<'r, 'a> Walk<'r, 'a> {
    fn new(reader: &'r Reader<'a>, nodes_max: usize) -> Self {
        let (met, places, closed_children) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Self { reader, met, places, cut: false, closed_children, nodes_max }
    }

    /// The place of a version, which is new where it was not met before; nothing where there is no room.
    fn add(&mut self, id: VersionId) -> Result<Option<usize>, Missing> {
        if let Some(place) = self.places.get(&id) {
            return Ok(Some(*place));
        }
        if self.met.len() >= self.nodes_max {
            self.cut = true;
            return Ok(None);
        }
        let version: Option<Version> = self.reader.value(&Version::key(&id))?;
        let closed = match &version {
            Some(version) => redact::closed(self.reader, &version.dataset)?,
            None => false,
        };
        self.met.push(Met { id, version, closed });
        self.places.insert(id, self.met.len() - 1);
        Ok(Some(self.met.len() - 1))
    }

    /// What a version was made from; nothing is said of it for closed datasets.
    fn parents(&self, place: usize) -> Vec<VersionId> {
        let met = &self.met[place];
        match &met.version {
            Some(version) if !met.closed => version.parents.clone(),
            _ => Vec::new(),
        }
    }

    /// What was made from a version: in datasets that are not closed, and in closed ones.
    fn children(&self, place: usize) -> Result<(Vec<VersionId>, Vec<VersionId>), Missing> {
        let thing = Thing::new(Kind::Version, self.met[place].id.as_bytes());
        // One more than there is room for, so that a cut is noticed.
        let page = self.reader.list(ListKind::Derived, Some(&thing), None, LINEAGE_NODES_MAX + 1)?;
        let (mut children, mut closed) = (Vec::new(), Vec::new());
        for listed in page.items {
            let id = <[u8; 32]>::try_from(listed.id.as_slice()).map(VersionId);
            let id = id.map_err(|_| crate::index::IndexError::Damaged("row of a list"))?;
            let version: Option<Version> = self.reader.value(&Version::key(&id))?;
            let hidden = match &version {
                Some(version) => redact::closed(self.reader, &version.dataset)?,
                None => false,
            };
            if hidden { closed.push(id) } else { children.push(id) }
        }
        Ok((children, closed))
    }

    fn back(&mut self, focus: usize, steps: u32) -> Result<(), Missing> {
        let mut edge = vec![focus];
        for _ in 0..steps {
            let mut next = Vec::new();
            for place in edge {
                for parent in self.parents(place) {
                    let fresh = !self.places.contains_key(&parent);
                    next.extend(self.add(parent)?.filter(|_| fresh));
                }
            }
            edge = next;
        }
        Ok(())
    }

    fn on(&mut self, focus: usize, steps: u32) -> Result<(), Missing> {
        let mut edge = vec![focus];
        for _ in 0..steps {
            let mut next = Vec::new();
            for place in edge {
                let (children, closed) = self.children(place)?;
                self.closed_children.extend(closed);
                for child in children {
                    let fresh = !self.places.contains_key(&child);
                    next.extend(self.add(child)?.filter(|_| fresh));
                }
            }
            edge = next;
        }
        Ok(())
    }

    /// Nodes by step, and all edges between them.
    fn finish(self, focus: usize) -> Result<(Vec<LineageNode>, Vec<LineageEdge>), Missing> {
        let mut edges = Vec::new();
        for child in 0..self.met.len() {
            let parents = self.parents(child).into_iter();
            edges.extend(parents.filter_map(|parent| Some(LineageEdge { parent: *self.places.get(&parent)?, child })));
        }
        let steps = steps(self.met.len(), focus, &edges);
        let mut nodes = Vec::with_capacity(self.met.len());
        for (place, step) in steps.iter().enumerate() {
            nodes.push((place, self.node(place, *step, &edges)?));
        }
        nodes.sort_by(|(_, a), (_, b)| (a.step, &a.dataset.name, a.number).cmp(&(b.step, &b.dataset.name, b.number)));
        let mut now = vec![0; nodes.len()];
        nodes.iter().enumerate().for_each(|(after, (before, _))| now[*before] = after);
        let moved = |edge: LineageEdge| LineageEdge { parent: now[edge.parent], child: now[edge.child] };
        Ok((nodes.into_iter().map(|(_, node)| node).collect(), edges.into_iter().map(moved).collect()))
    }

    fn node(&self, place: usize, step: i32, edges: &[LineageEdge]) -> Result<LineageNode, Missing> {
        let Met { id, version, closed } = &self.met[place];
        let names = Names(self.reader);
        let Some(version) = version else { return Ok(missing(names.version(id)?, step)) };
        let parents = self.parents(place).len() as u64;
        let children = if *closed { Vec::new() } else { self.children(place)?.0 };
        let shown = |own: fn(&LineageEdge) -> usize| edges.iter().filter(|edge| own(edge) == place).count() as u64;
        let thing = Thing::new(Kind::Version, id.as_bytes());
        let listed = self.reader.list(ListKind::Versions, Some(&thing), None, 1)?;
        let at = listed.items.first().map(|listed| listed.at).unwrap_or_default();
        Ok(LineageNode {
            id: id.to_string(),
            dataset: names.dataset(&version.dataset)?,
            number: version.number,
            step,
            sha256: (!closed).then(|| version.content.sha256.to_string()),
            size: (!closed).then(|| size(version.content.bytes)),
            origin: if *closed { None } else { Some(origin(self.reader, &at)?) },
            note: closed.then_some("closed: what it was made from is not shown"),
            parents,
            parents_beyond: parents - shown(|edge| edge.child),
            children_beyond: (children.len() as u64).saturating_sub(shown(|edge| edge.parent)),
        })
    }
}

/// A parent that this explorer does not know. The rules do not let that happen; a page must still say it.
fn missing(dataset: Link, step: i32) -> LineageNode {
    LineageNode {
        id: dataset.id.clone(),
        dataset,
        number: 0,
        step,
        sha256: None,
        size: None,
        origin: None,
        note: Some("missing: the ledger has no such version up to this height"),
        parents: 0,
        parents_beyond: 0,
        children_beyond: 0,
    }
}

/// Steps from `focus`, by the longest way. A version made from itself, over however many others, is
/// impossible: its id would have to be known before it. Should it happen, the bound ends the search.
fn steps(count: usize, focus: usize, edges: &[LineageEdge]) -> Vec<i32> {
    let mut steps: Vec<Option<i32>> = vec![None; count];
    steps[focus] = Some(0);
    for _ in 0..count {
        let mut changed = false;
        for LineageEdge { parent, child } in edges {
            if let Some(step) = steps[*child].filter(|step| *step <= 0)
                && *parent != focus
                && steps[*parent].is_none_or(|now| now < 0 && now > step - 1)
            {
                (steps[*parent], changed) = (Some(step - 1), true);
            }
            if let Some(step) = steps[*parent].filter(|step| *step >= 0)
                && *child != focus
                && steps[*child].is_none_or(|now| now > 0 && now < step + 1)
            {
                (steps[*child], changed) = (Some(step + 1), true);
            }
        }
        if !changed {
            break;
        }
    }
    steps.into_iter().map(Option::unwrap_or_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: usize, focus: usize, edges: &[(usize, usize)], expected: &[i32]) {
        let edges: Vec<_> =
            edges.iter().map(|(parent, child)| LineageEdge { parent: *parent, child: *child }).collect();
        assert_eq!(steps(count, focus, &edges), expected);
    }

    #[test]
    fn every_version_stands_after_all_that_it_was_made_from() {
        check(1, 0, &[], &[0]);
        check(3, 1, &[(0, 1), (1, 2)], &[-1, 0, 1]);
        // 0 is a parent of 2 directly and through 1: it stands before both.
        check(3, 2, &[(0, 2), (0, 1), (1, 2)], &[-2, -1, 0]);
        check(4, 0, &[(0, 1), (1, 2), (0, 3), (2, 3)], &[0, 1, 2, 3]);
        // A parent of the focus that also went into a child of it.
        check(3, 1, &[(0, 1), (1, 2), (0, 2)], &[-1, 0, 1]);
    }
}
