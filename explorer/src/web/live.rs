//! Live blocks as server-sent events. A listener that comes back is sent what it missed.

use super::{App, errors::Failure};
use crate::{
    index::BlockRow,
    limits::{LIVE_KEEP_ALIVE, LIVE_RESUME_BLOCKS_MAX},
    view::block::summary,
};
use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use std::convert::Infallible;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

/// From where a listener wants to hear.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    /// The newest block that it has. A browser that comes back by itself names a later one in a header.
    after: Option<u64>,
}

/// `/live`: one event for each block, its height as the event's id.
pub async fn live(State(app): State<App>, Query(asked): Query<Asked>, headers: HeaderMap) -> Result<Response, Failure> {
    let permit = app.live.clone().try_acquire_owned();
    let permit = permit.map_err(|_| Failure::Busy("as many readers are listening as the explorer takes on"))?;
    // Listen first, then look what was missed: a block in between comes twice and is dropped below.
    let heard = BroadcastStream::new(app.index.listen());
    let tip = app.index.tip().height;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse::<u64>().ok());
    let last = last.or(asked.after);
    let missed = match last {
        Some(last) if last < tip && tip - last <= LIVE_RESUME_BLOCKS_MAX => {
            let mut rows = app.read(move |reader| Ok(reader.blocks(tip, (tip - last) as usize)?)).await?;
            rows.reverse();
            rows
        }
        _ => Vec::new(),
    };
    let mut sent = tip;
    let fresh = heard.map(move |heard| match heard {
        Ok(row) if row.entry.height <= sent => None,
        Ok(row) => {
            sent = row.entry.height;
            Some(Ok(row))
        }
        Err(lagged) => Some(Err(lagged)),
    });
    let stream = stream::iter(missed.into_iter().map(|row| Some(Ok(row))))
        .chain(fresh)
        .filter_map(std::future::ready)
        // Whoever cannot keep up is cut off and resumes from its last event.
        .take_while(|heard: &Result<BlockRow, BroadcastStreamRecvError>| std::future::ready(heard.is_ok()))
        .filter_map(|heard| std::future::ready(heard.ok()))
        .map(move |row| {
            let _held = &permit;
            Ok::<_, Infallible>(event(&row))
        })
        .take_until(app.stop.clone().cancelled_owned());
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(LIVE_KEEP_ALIVE)).into_response())
}

fn event(row: &BlockRow) -> Event {
    let block = summary(row);
    let data = serde_json::json!({
        "height": block.height,
        "time": block.time.iso,
        "time_text": block.time.text,
        "id": block.id,
        "transactions": block.transactions,
        "refused": block.refused,
    });
    Event::default().id(block.height.to_string()).event("block").data(data.to_string())
}
