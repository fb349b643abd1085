//! One request to the node, and what came of it.

use super::{Client, ClientError};
use crate::api::{Problem, trace};
use contracts::limits::OUTCOME_BYTES_MAX;
use reqwest::Method;
use tracing::Instrument;

/// Bytes of an answer that the client reads at most: a full page of blocks with their results.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Bytes of a problem's code that a span tells; ours are shorter, and a node may be anybody's.
const CODE_BYTES_MAX: usize = 64;

impl Client {
    /// Sends bytes to a route of the node, and returns its answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        self.ask(Method::POST, path, Some(body)).await
    }

    /// Anything that the node serves, as bytes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn get(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        self.once_sealed(|| self.ask(Method::GET, path, None)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Result<Vec<u8>, ClientError> {
        let (span, headers) = trace::asking(&method, &self.url, path);
        let mut request = self.http.request(method, format!("{}{path}", self.url)).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = self.read(request).instrument(span.clone()).await;
        if let Err(error) = &answer {
            trace::failed(&span, error.word());
        }
        answer
    }

    async fn read(&self, request: reqwest::RequestBuilder) -> Result<Vec<u8>, ClientError> {
        let unreachable =
            |error: reqwest::Error| ClientError::Unreachable { url: self.url.to_string(), reason: innermost(&error) };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        trace::told(status);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.untrue("the answer is larger than any answer may be"));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => Err(problem.into()),
            // Nodes say what is wrong; a proxy in front of one that is away, or something else at this address, does not.
            Err(_) => {
                let reason = format!("status {status}, as no node answers");
                Err(ClientError::Unreachable { url: self.url.to_string(), reason })
            }
        }
    }
}

impl ClientError {
    /// May the same question have an answer later, with nothing done about it? The node is away, or says so.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => problem.retryable,
            _ => false,
        }
    }

    /// What kind of reason it is, in a word.
    fn word(&self) -> &str {
        match self {
            Self::Problem(problem) if problem.code.len() <= CODE_BYTES_MAX => &problem.code,
            Self::Problem(_) => "problem",
            Self::Unreachable { .. } => "unreachable",
            Self::Untrue { .. } => "untrue",
            Self::Rules(_) => "rules",
            Self::Sign(_) => "unsigned",
            Self::Setup(_) => "setup",
            Self::Kept(_) => "kept",
        }
    }
}

/// The error that started a chain of them: what an operator can act on.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

const _: () = assert!(OUTCOME_BYTES_MAX < ANSWER_BYTES_MAX);
