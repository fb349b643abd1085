//! One request to the collector.

use crate::problem::Problem;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::redirect;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long a connection to the collector may take to come about.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection lies unused; collectors close theirs after a minute or later.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// Sends requests, and keeps why the last one did not arrive: what is told of it further up is no help.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    reason: Arc<Mutex<Option<String>>>,
}

impl Http {
    /// With `time_max` for each request.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(time_max: Duration) -> Result<Self, Problem> {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIME_MAX.min(time_max))
            .timeout(time_max)
            .pool_idle_timeout(IDLE_TIME_MAX)
            // The headers may hold a secret: they go to the endpoint and nowhere else.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Problem::new("traces cannot be sent").because(error))?;
        Ok(Self { client, reason: Arc::default() })
    }

    /// Why the last request did not arrive, if it did not; told once.
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Http {
    // As the trait has it once its macro is done.
    fn send_bytes<'s, 'a>(&'s self, request: Request<Bytes>) -> Sent<'a>
    where
        's: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            let sent = self.client.send_bytes(request).await;
            let reason = sent.as_ref().err().map(|error| innermost(&**error));
            *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason;
            sent
        })
    }
}

/// The error that started a chain of them: those above it tell the whole URL.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    // One that has nothing below it is reqwest's own, as for a time that is over.
    match last.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => "it took too long".into(),
        Some(_) => "the request could not be sent".into(),
        None => last.to_string(),
    }
}
