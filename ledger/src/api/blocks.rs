//! Pages of blocks, for whoever follows.

use super::{
    BlockPage, Problem,
    answers::Answering,
    server::{aside, binary, missing},
    types::BlocksQuery,
};
use crate::{
    block::Block,
    era,
    limits::{FOLLOW_BLOCKS_MAX, FOLLOW_BYTES_MAX, FOLLOW_READ_TIME_MAX, FOLLOW_WAIT_MS_MAX},
    node::Handle,
    receipt::Seal,
    store::Reader,
};
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::id::Height;
use std::time::{Duration, Instant};

/// The blocks above a height, as soon as there is one.
pub(super) async fn blocks(
    State(handle): State<Handle>,
    Extension(answering): Extension<Answering>,
    Query(query): Query<BlocksQuery>,
) -> Result<Response, Problem> {
    let wait = Duration::from_millis(query.wait_ms.min(FOLLOW_WAIT_MS_MAX));
    let mut watch = handle.watch();
    // A time-out is an empty answer, not an error: the follower asks again.
    let news = async { drop(tokio::time::timeout(wait, watch.wait_for(|tip| tip.height > query.after)).await) };
    tokio::select! {
        () = news => {}
        () = handle.closing() => {}
    }
    let limit = if query.limit == 0 { FOLLOW_BLOCKS_MAX } else { query.limit.min(FOLLOW_BLOCKS_MAX) };
    let archived = query.after < handle.store().reader().pruned()?;
    let turn = answering.turn(archived).await?;
    let work = move || {
        let _turn = turn;
        block_pages(&handle, query.after, limit)
    };
    Ok(binary(aside(work).await?))
}

/// Up to `limit` pages of blocks above `after`, encoded as a list. Each is in memory once.
pub(crate) fn block_pages(handle: &Handle, after: Height, limit: usize) -> Result<Vec<u8>, Problem> {
    let reader = handle.store().reader();
    reader.reaches(after.saturating_add(1))?;
    let (mut list, mut count, begun) = (vec![0; size_of::<u32>()], 0u32, Instant::now());
    // A block beyond what the node has made known is sealed, and what it takes down may be there still.
    let known = handle.watch().borrow().height;
    for height in (1..=limit as u64).map_while(|above| after.checked_add(above)).take_while(|height| *height <= known) {
        let Some(page) = page(&reader, height)? else { break };
        page.serialize(&mut list).expect("writing to memory does not fail");
        count += 1;
        if list.len() > FOLLOW_BYTES_MAX || begun.elapsed() > FOLLOW_READ_TIME_MAX {
            break;
        }
    }
    list[..size_of::<u32>()].copy_from_slice(&count.to_le_bytes());
    Ok(list)
}

/// The block at `height`, once it is here with its seal, and with the record by which an era ends.
fn page(reader: &Reader, height: Height) -> Result<Option<BlockPage>, Problem> {
    let (Some(header), Some(sealed)) = (reader.header(height)?, reader.seal(height)?) else { return Ok(None) };
    let ends = header.ends_era();
    let change = || era::change_after(reader, height).map_err(|error| Problem::internal(error.to_string()));
    let change = if ends { change()? } else { None };
    if ends && change.is_none() {
        return Ok(None);
    }
    let gone =
        || Problem::new(StatusCode::GONE, "pruned", "Pruned", format!("the bodies of block {height} were pruned"));
    Ok(Some(BlockPage {
        block: Block { header, transactions: reader.bodies(height)?.ok_or_else(gone)? },
        results: reader.results(height)?.ok_or_else(|| missing(height))?,
        certificate: reader.certificate(height)?.ok_or_else(|| missing(height))?,
        seal: Seal::try_from_slice(&sealed).map_err(|_| missing(height))?,
        change,
    }))
}
