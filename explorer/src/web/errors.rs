//! What went wrong, as a page for people or an RFC 9457 problem for machines; each says what to do.

use super::{
    App,
    shell::{Shell, html},
};
use crate::{index::IndexError, view::Missing};
use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use ledger::api::client::ClientError;
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request has no answer.
#[derive(Debug)]
pub enum Failure {
    /// There is no such thing, or the address is malformed, or the read model failed.
    Missing(Missing),
    /// The node could not be asked.
    Node(ClientError),
    /// The explorer keeps it to itself.
    Withheld(&'static str),
    /// More than we take on at once.
    Busy(&'static str),
    /// Our own fault.
    Broken(String),
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Self::Missing(Missing::Index(error))
    }
}

/// An RFC 9457 problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is wrong, in short.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Permanent word for programs.
    pub code: &'static str,
    /// What is wrong here.
    pub detail: String,
    /// What to do about it.
    pub remedy: &'static str,
}

impl Problem {
    /// What is wrong here, as a sentence on a page.
    fn sentence(&self) -> String {
        let mut letters = self.detail.chars();
        let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        format!("{first}{}.", letters.as_str())
    }
}

impl Failure {
    /// The failure as a problem.
    pub fn problem(&self) -> Problem {
        let (status, code, title, detail, remedy) = match self {
            Self::Missing(Missing::Unknown { .. }) => (
                StatusCode::NOT_FOUND,
                "unknown",
                "Not in the ledger",
                self.detail(),
                "Check the identifier, or search for its beginning or for a name. If it is newer than the height above, try again in a moment.",
            ),
            Self::Missing(Missing::Malformed(_)) => (
                StatusCode::BAD_REQUEST,
                "malformed",
                "That cannot be looked up",
                self.detail(),
                "Correct the address, or search by height, identifier or name.",
            ),
            Self::Missing(Missing::Index(_)) | Self::Broken(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "explorer-failed",
                "The explorer failed",
                self.detail(),
                "This is a fault of the explorer, not of the ledger. Try again; if it stays, the operator finds more in its log.",
            ),
            Self::Node(_) => (
                StatusCode::BAD_GATEWAY,
                "node-unreachable",
                "The node did not answer",
                self.detail(),
                "What the explorer has read before is still shown. Receipts and bundles come from the node: try again later, or ask another node.",
            ),
            Self::Withheld(_) => (
                StatusCode::FORBIDDEN,
                "withheld",
                "Not shown here",
                self.detail(),
                "Entitled readers ask the dataset's publisher or the operator; the receipt proves the entry without its body.",
            ),
            Self::Busy(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "Too much at once",
                self.detail(),
                "Try again in a few seconds.",
            ),
        };
        let kind = format!("/about#problem-{code}");
        Problem { kind, title, status: status.as_u16(), code, detail, remedy }
    }

    fn detail(&self) -> String {
        match self {
            Self::Missing(Missing::Index(error)) => {
                tracing::error!(%error, "the read model could not answer");
                "the read model could not answer".into()
            }
            Self::Missing(missing) => missing.to_string(),
            Self::Node(error) => error.to_string(),
            Self::Withheld(why) | Self::Busy(why) => (*why).to_string(),
            Self::Broken(what) => what.clone(),
        }
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.problem().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// A failure for machines.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (self.status(), body).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if problem.status == 503 {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    shell: Shell,
    problem: Problem,
}

/// A failure for people.
pub fn page(app: &App, failure: &Failure, query: &str) -> Response {
    let problem = failure.problem();
    let mut shell = Shell::new(app, "error", problem.title);
    shell.query = query.to_string();
    let mut response = html(&HeaderMap::new(), &ErrorPage { shell, problem });
    *response.status_mut() = failure.status();
    response
}

/// No such address.
pub async fn no_page(State(app): State<App>, uri: Uri) -> Response {
    let path: String = uri.path().chars().take(120).collect();
    let failure = Failure::Missing(Missing::Malformed(format!("there is no page at {path}")));
    if path.starts_with("/api/") {
        let mut response = failure.into_response();
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let mut response = page(&app, &failure, "");
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// More requests than we take on at once.
pub fn busy() -> Response {
    Failure::Busy("more requests are under way than the explorer takes on").into_response()
}
