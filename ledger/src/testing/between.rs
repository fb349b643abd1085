//! Somebody between a client and a node, who changes what the node says.

use super::Network;
use crate::api::client::{Client, ClientError};
use axum::{
    Router,
    extract::State,
    http::Uri,
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use tokio::net::TcpListener;

/// What is answered to a path in the place of the node, if anything is.
type Instead = Arc<dyn Fn(&str) -> Option<Response> + Send + Sync>;
/// What becomes of an answer to a path.
type Change = Arc<dyn Fn(&str, &mut Vec<u8>) + Send + Sync>;

#[derive(Clone)]
struct Between {
    client: Client,
    instead: Instead,
    change: Change,
}

/// A client of somebody between us and `network`, who changes what `change` changes of the answer to a path.
///
/// # Panics
/// When it cannot listen, or the node cannot be reached: a test goes no further then.
pub async fn between(network: &Network, change: impl Fn(&str, &mut Vec<u8>) + Send + Sync + 'static) -> Client {
    served(network, Arc::new(|_| None), Arc::new(change)).await
}

/// A client of somebody between us and `network`, who may answer a path in its place.
///
/// # Panics
/// As [`between`].
pub async fn instead_of(
    network: &Network,
    answer: impl Fn(&str) -> Option<Response> + Send + Sync + 'static,
) -> Client {
    served(network, Arc::new(answer), Arc::new(|_, _| ())).await
}

async fn served(network: &Network, instead: Instead, change: Change) -> Client {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port of the loopback is free");
    let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
    let between = Between { client: network.client.clone(), instead, change };
    let router = Router::new().fallback(pass).with_state(between);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Client::new(&url, network.anchor.clone()).expect("the anchor and the link are valid")
}

async fn pass(State(Between { client, instead, change }): State<Between>, uri: Uri) -> Response {
    let path = uri.path_and_query().expect("a request has a path").as_str();
    if let Some(answer) = instead(path) {
        return answer;
    }
    match client.get(path).await {
        Ok(mut bytes) => {
            change(path, &mut bytes);
            bytes.into_response()
        }
        Err(ClientError::Problem(problem)) => problem.into_response(),
        Err(error) => panic!("{error}"),
    }
}
