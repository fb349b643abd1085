//! The page of a lineage, and the same as JSON.

use super::{
    App,
    errors::{self, Failure},
    shell::{Shell, html, json},
};
use crate::{
    limits::LINEAGE_NODES_MAX,
    view::{
        Missing,
        provenance::{LineageNode, ProvenanceView, Reach, provenance},
    },
};
use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::HeaderMap,
    response::Response,
};
use contracts::id::DatasetId;
use serde::Deserialize;
use utoipa::IntoParams;

/// How far to look.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Number of the version; the newest where it is not given.
    version: Option<u32>,
    /// Steps back; 1 where they are not given, at most 12.
    up: Option<u32>,
    /// Steps on; 1 where they are not given, at most 12.
    down: Option<u32>,
}

#[derive(Template)]
#[template(path = "provenance.html")]
struct ProvenancePage {
    shell: Shell,
    view: ProvenanceView,
}

impl ProvenancePage {
    fn alone(&self) -> bool {
        let [node] = self.view.nodes.as_slice() else { return false };
        node.parents == 0 && node.children_beyond == 0 && self.view.closed_children == 0 && self.view.down > 0
    }

    fn without_parents(&self) -> bool {
        self.view.nodes.iter().any(|node| node.step == 0 && node.parents == 0)
    }

    fn beyond_up(&self) -> u64 {
        self.view.nodes.iter().filter(|node| node.step <= 0).map(|node| node.parents_beyond).sum()
    }

    fn beyond_down(&self) -> u64 {
        self.view.nodes.iter().filter(|node| node.step >= 0).map(|node| node.children_beyond).sum()
    }

    fn step(&self, node: &LineageNode) -> String {
        match node.step {
            0 => "this one".into(),
            back if back < 0 => format!("{} back", -back),
            on => format!("{on} on"),
        }
    }

    /// Names of what a node was made from, among those shown.
    fn parents(&self, place: &usize) -> Vec<String> {
        let parents = self.view.edges.iter().filter(|edge| edge.child == *place);
        let name = |node: &LineageNode| format!("{}, version {}", node.dataset.name, node.number);
        parents.map(|edge| name(&self.view.nodes[edge.parent])).collect()
    }
}

async fn find(app: &App, text: &str, asked: Asked) -> Result<ProvenanceView, Failure> {
    let id: DatasetId = text
        .trim()
        .to_lowercase()
        .parse()
        .map_err(|error| Missing::Malformed(format!("that is no dataset: {error}")))?;
    let Asked { version, up, down } = asked;
    let reach = Reach { version, up: up.unwrap_or(1), down: down.unwrap_or(1), nodes_max: LINEAGE_NODES_MAX };
    app.read(move |reader| provenance(reader, &id, reach)).await
}

/// `/provenance/<dataset>`: a drawing with a table beside it.
pub async fn page(
    State(app): State<App>,
    Path(text): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    match find(&app, &text, asked).await {
        Ok(view) => {
            let mut shell = Shell::new(&app, "provenance", &format!("Provenance of {}", view.dataset.name));
            shell.as_of = view.as_of.clone();
            shell.json = Some(format!(
                "/api/v1/provenance/{}?version={}&up={}&down={}",
                view.dataset.id, view.version, view.up, view.down
            ));
            html(&headers, &ProvenancePage { shell, view })
        }
        Err(failure) => errors::page(&app, &failure, &text),
    }
}

/// What a version was made from and what was made from it, at most 200 versions
#[utoipa::path(get, path = "/api/v1/provenance/{id}", params(("id" = String, Path, description = "Dataset"), Asked),
    responses((status = 200, body = ProvenanceView), (status = 400, body = errors::Problem), (status = 404, body = errors::Problem)))]
pub async fn api(
    State(app): State<App>,
    Path(text): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(json(&headers, &find(&app, &text, asked).await?))
}
