//! One question to the marketplace, and what came of it.

use super::Market;
use crate::problem::{Exit, Problem};
use reqwest::{Method, RequestBuilder, Response, header::RETRY_AFTER};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// How long what the marketplace says may pass is asked again: its node may have stood still for a moment.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long between two tries, where the marketplace does not say.
const TRY_EVERY: Duration = Duration::from_millis(500);

/// Why there is no answer.
struct No {
    problem: Problem,
    /// After so long, the same may succeed.
    again_after: Option<Duration>,
}

impl Market {
    /// Sends, and turns an RFC 9457 problem into ours. What may pass is asked again for a while, where asking twice does
    /// nothing twice.
    pub(super) async fn checked(&self, mut request: RequestBuilder) -> Result<Response, Problem> {
        let until = Instant::now() + PATIENCE;
        loop {
            let again = request.try_clone().filter(|_| may_be_repeated(&request));
            let no = match self.once(request).await {
                Ok(response) => return Ok(response),
                Err(no) => no,
            };
            match (again, no.again_after) {
                (Some(next), Some(after)) if Instant::now() + after < until => {
                    tokio::time::sleep(after).await;
                    request = next;
                }
                _ => return Err(no.problem),
            }
        }
    }

    async fn once(&self, request: RequestBuilder) -> Result<Response, No> {
        let unreachable = |error| No { problem: self.unreachable(&error), again_after: None };
        let response = request.send().await.map_err(unreachable)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()?.parse().ok());
        let problem: Value = response.json().await.unwrap_or_default();
        let (code, title) =
            (problem["code"].as_str().unwrap_or_default(), problem["title"].as_str().unwrap_or("failed"));
        let detail = problem["detail"].as_str().map_or_else(|| format!("status {status}"), str::to_owned);
        let said = Problem::new(format!("the marketplace says: {title}: {detail}"));
        Err(if code.starts_with("refused-") {
            No { problem: said.help("what it names has to change first").exits(Exit::Refused), again_after: None }
        } else if problem["retryable"].as_bool() == Some(true) {
            let again_after = Some(wait.map_or(TRY_EVERY, Duration::from_secs));
            No { problem: said.help("try again in a moment").exits(Exit::Unreachable), again_after }
        } else {
            No { problem: said.help("correct what is named above; nothing was changed"), again_after: None }
        })
    }
}

/// Does asking twice do nothing twice? So it is with questions, and with what has a key of its own.
fn may_be_repeated(request: &RequestBuilder) -> bool {
    let built = request.try_clone().and_then(|request| request.build().ok());
    built.is_some_and(|built| built.method() == Method::GET || built.headers().contains_key("idempotency-key"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
    };

    /// A marketplace that gives these answers to one connection after the other, and returns how many were asked for.
    fn answering(answers: Vec<(u16, &'static str)>) -> (String, std::thread::JoinHandle<usize>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = std::thread::spawn(move || {
            let mut given = 0;
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
                    head.push(byte[0]);
                }
                if head.starts_with(b"LEAVE") {
                    break;
                }
                // What is not read of a request would end the connection before its answer.
                if head.starts_with(b"POST") {
                    stream.read_exact(&mut [0; 2]).unwrap();
                }
                given += 1;
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).unwrap();
            }
            given
        });
        (url, thread)
    }

    fn leave(url: &str) {
        let mut stream = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        stream.write_all(b"LEAVE\r\n\r\n").unwrap();
    }

    #[tokio::test]
    async fn what_may_pass_is_asked_again_where_that_does_nothing_twice() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let busy = (503, r#"{"code":"undecided","title":"Nobody could say yes","detail":"soon","retryable":true}"#);
        let done = (200, "{}");
        let wrong = (422, r#"{"code":"invalid","title":"Not so","detail":"x","retryable":false}"#);
        type Asks = fn(&Market) -> RequestBuilder;
        let question: Asks = |market| market.request(Method::GET, "/q");
        let keyed: Asks = |market| market.request(Method::POST, "/q").header("idempotency-key", "1").body("{}");
        let bare: Asks = |market| market.request(Method::POST, "/q").body("{}");
        for (asks, first, times, succeeds) in [
            (question, busy, 3, true),
            (keyed, busy, 3, true),
            (bare, busy, 1, false),
            (question, wrong, 1, false),
            (keyed, wrong, 1, false),
        ] {
            let (url, thread) = answering(vec![first, first, done, done]);
            let market = Market::new(url.clone()).unwrap();
            assert_eq!(market.checked(asks(&market)).await.is_ok(), succeeds);
            leave(&url);
            assert_eq!(thread.join().unwrap(), times);
        }
    }
}
