//! Frames on a link: a length of four bytes (big endian) and as many bytes. An empty frame says that the
//! link is alive.

use crate::limits::PEER_FRAME_BYTES_MAX;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes that are read at once, and by which the room for a frame grows: a length that is promised takes
/// no memory before its bytes are there.
const STEP_BYTES: usize = 64 * 1024;

/// Waits for the next frame's length.
///
/// # Errors
/// When the link ends, or the length is more than any frame has.
pub async fn length(from: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
    let length = from.read_u32().await? as usize;
    if length > PEER_FRAME_BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame of {length} bytes, allowed are {PEER_FRAME_BYTES_MAX}"),
        ));
    }
    Ok(length)
}

/// Reads the `length` bytes of a frame.
///
/// # Errors
/// When the link ends before.
pub async fn body(from: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < length {
        let step = STEP_BYTES.min(length - body.len());
        body.reserve(step);
        let read = from.take(step as u64).read_buf(&mut body).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(body)
}

/// Writes a frame. It is on its way once the writer is flushed.
///
/// # Errors
/// When the link ends before.
///
/// # Panics
/// For a frame that is longer than any may be.
pub async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> io::Result<()> {
    assert!(frame.len() <= PEER_FRAME_BYTES_MAX, "what a node sends, others take");
    to.write_u32(frame.len() as u32).await?;
    to.write_all(frame).await
}
