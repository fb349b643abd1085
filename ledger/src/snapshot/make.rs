//! Writing the records of one moment into a file for each chunk.

use super::{Base, Manifest, base_of, encode_record};
use crate::{
    limits::SNAPSHOT_CHUNK_BYTES_MAX,
    log,
    room::{self, NoRoom},
    store::{Reader, StoreError},
    tree::{Heads, SUBTREES, TreeError, subtree_of},
};
use contracts::{
    id::{Digest, Height, NetworkId},
    merkle::Frontier,
    state::Key,
};
use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Bytes of a chunk that wait in memory before they are written: half a megabyte for all.
const BUFFER_BYTES: usize = 2 * 1024;

/// Why a snapshot was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum MakeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error(transparent)]
    Log(#[from] log::LogError),
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("the node has no block {0}: it began above it")]
    NoBlock(Height),
    #[error("chunk {0} has more than {SNAPSHOT_CHUNK_BYTES_MAX} bytes: join by blocks instead")]
    TooLarge(usize),
    #[error(transparent)]
    Room(#[from] NoRoom),
    #[error("the state's root is another than the block's")]
    Root,
    #[error("the node stops")]
    Stopped,
}

/// The file of chunk `number`.
pub(super) fn chunk_path(folder: &Path, number: u8) -> PathBuf {
    folder.join(format!("{number:03}"))
}

/// Writes the state that `reader` sees after block `height` into the folder `folder`, which is made anew.
pub(super) fn make(
    reader: &Reader,
    network: &NetworkId,
    height: Height,
    folder: &Path,
    stopped: &dyn Fn() -> bool,
) -> Result<Manifest, MakeError> {
    let header = reader.header(height)?.ok_or(MakeError::NoBlock(height))?;
    let heads = Heads::read(reader, height)?;
    if heads.root() != header.entry.state_root {
        return Err(MakeError::Root);
    }
    let base = base(reader, network, base_of(height))?;
    // Whoever joins follows the blocks after it.
    let first = base.height + 1;
    reader.bodies(first)?.ok_or(MakeError::NoBlock(first))?;
    let bytes = begin(reader, folder, stopped)?;
    write(reader, folder, stopped)?;
    Ok(Manifest { height, base, heads, bytes })
}

fn base(reader: &Reader, network: &NetworkId, height: Height) -> Result<Base, MakeError> {
    if height == 0 {
        return Ok(Base { height, block: Digest(network.0), log: Frontier::EMPTY });
    }
    let header = reader.header(height)?.ok_or(MakeError::NoBlock(height))?;
    Ok(Base { height, block: header.id(), log: log::frontier(reader, header.log_size)? })
}

fn file_error(path: &Path) -> impl Fn(io::Error) -> MakeError + use<> {
    let path = path.to_path_buf();
    move |source| MakeError::File { path: path.clone(), source }
}

/// Makes `folder` anew, if there is room for the chunks, whose bytes it counts. It costs a pass more over the records;
/// a disk that chunks filled would stop the node, and anybody may ask for them.
fn begin(reader: &Reader, folder: &Path, stopped: &dyn Fn() -> bool) -> Result<u64, MakeError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(file_error(folder))?;
    }
    fs::create_dir_all(folder).map_err(file_error(folder))?;
    let mut chunks = [0; SUBTREES];
    for row in reader.records() {
        if stopped() {
            return Err(MakeError::Stopped);
        }
        let (key, value) = row?;
        let number = chunk_of(&key);
        chunks[number] += encode_record(&key, &value).len();
        if chunks[number] > SNAPSHOT_CHUNK_BYTES_MAX {
            return Err(MakeError::TooLarge(number));
        }
    }
    let bytes = chunks.iter().map(|bytes| *bytes as u64).sum();
    match room::missing(folder, bytes).map_err(file_error(folder))? {
        None => Ok(bytes),
        Some(missing) => Err(missing.into()),
    }
}

fn write(reader: &Reader, folder: &Path, stopped: &dyn Fn() -> bool) -> Result<(), MakeError> {
    let mut files = Vec::with_capacity(SUBTREES);
    for number in 0..=255 {
        let path = chunk_path(folder, number);
        let file = File::create(&path).map_err(file_error(&path))?;
        files.push(BufWriter::with_capacity(BUFFER_BYTES, file));
    }
    for row in reader.records() {
        if stopped() {
            return Err(MakeError::Stopped);
        }
        let (key, value) = row?;
        files[chunk_of(&key)].write_all(&encode_record(&key, &value)).map_err(file_error(folder))?;
    }
    files.iter_mut().try_for_each(BufWriter::flush).map_err(file_error(folder))
}

/// The number of the chunk that a record is in.
fn chunk_of(key: &[u8]) -> usize {
    usize::from(subtree_of(&Key::from_bytes(key.to_vec())))
}
