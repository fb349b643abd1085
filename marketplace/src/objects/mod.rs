//! Contents: files named by their BLAKE3 digest, with a Bao outboard beside each.
//!
//! An upload is written aside while it is hashed, and takes its name when it is whole; nothing that
//! anybody writes becomes a path. Every byte that leaves was checked against the outboard when it was
//! read, and the outboard against the name, so a damaged disk shows as an error and never as data.
//! Contents are not encrypted here: who runs the market can read them, and its disk should be.
//! This module never decides who may read; [`crate::delivery`] does.

mod audit;
mod place;
mod slice;
mod sweep;
#[cfg(test)]
mod tests;
mod unanchored;
mod upload;

pub use audit::{Audited, audit};
pub use place::Place;
use slice::Window;
pub use slice::{Slice, verify_slice};
pub use unanchored::{Claim, Doomed};
pub(crate) use unanchored::{FAMILIES, Uploads, audit_uploads};
pub use upload::{Upload, next_piece};

use bao_tree::{BaoTree, BlockSize, io::outboard::PreOrderOutboard};
use contracts::id::{Blake3, Digest};
use object_store::{ObjectStore, ObjectStoreExt, path::Path as ObjectPath};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Chunk groups of 16 KiB: an outboard of 0.4 % of the content.
pub const BLOCK: BlockSize = BlockSize::from_chunk_log(4);

/// The contents that this market holds.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    aside: Arc<PathBuf>,
    limits: Limits,
    uploads: Arc<Semaphore>,
    /// Bytes that lie aside, of all uploads under way.
    aside_bytes: Arc<AtomicU64>,
    wanted: Arc<parking_lot::Mutex<unanchored::Wanted>>,
}

/// What an upload may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of one content.
    pub content_bytes_max: u64,
    /// Most bytes aside, of all uploads under way together.
    pub aside_bytes_max: u64,
    /// How long a sender may send nothing before its upload is given up.
    pub idle_max: Duration,
}

impl Limits {
    /// The limits of a market whose contents have at most `content_bytes_max` bytes.
    pub fn of(content_bytes_max: u64) -> Self {
        Self {
            content_bytes_max,
            aside_bytes_max: content_bytes_max.saturating_mul(crate::limits::UPLOADS_ASIDE_MAX),
            idle_max: crate::limits::UPLOAD_IDLE_MAX,
        }
    }
}

/// A content that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// BLAKE3, its name.
    pub blake3: Blake3,
    /// SHA-256 beside it.
    pub sha256: Digest,
    /// Length in bytes.
    #[serde(serialize_with = "crate::objects::as_text")]
    pub bytes: u64,
}

pub(crate) fn as_text<S: serde::Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(bytes)
}

/// Why a content could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// The store of contents.
    #[error("the store of contents")]
    Store(#[from] object_store::Error),
    /// A file on the way in.
    #[error("a content could not be written: {0}")]
    Io(#[from] std::io::Error),
    /// More bytes than allowed.
    #[error("a content has at most {most} bytes here")]
    TooLarge {
        /// How many are allowed.
        most: u64,
    },
    /// Too many at once.
    #[error("too many uploads or downloads are under way: try again in a few seconds")]
    Busy,
    /// It is being removed.
    #[error("content {0} was uploaded long ago, was not anchored, and is being removed: upload it again in a minute")]
    Going(Blake3),
    /// Not here.
    #[error("the market does not hold content {0}")]
    Unknown(Blake3),
    /// The bytes are not what their name says.
    #[error("content {blake3} is damaged: {reason}")]
    Damaged {
        /// Which.
        blake3: Blake3,
        /// What was found.
        reason: String,
    },
    /// A slice outside of the content, or too large.
    #[error("a slice has 1 to {most} bytes and lies within the {bytes} bytes of the content")]
    Range {
        /// Most bytes of a slice.
        most: u64,
        /// Length of the content.
        bytes: u64,
    },
    /// The sender stopped in the middle.
    #[error("the upload broke off: {0}")]
    BrokeOff(String),
    /// The sender sends nothing.
    #[error("the upload was given up: no byte came for {} seconds; nothing of it was kept", .0.as_secs_f32())]
    Idle(Duration),
    /// Uploads of others take the room.
    #[error(
        "uploads under way take the {most} bytes that the market keeps free for them: try again when some are finished"
    )]
    NoRoom {
        /// How many bytes all uploads under way may take.
        most: u64,
    },
}

impl ObjectsError {
    /// May it pass by itself, as where a bucket cannot be reached? One that does not let us in will not think better
    /// of it.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Store(object_store::Error::Generic { .. }))
    }
}

impl Objects {
    /// Contents in folder `folder`, where nobody else is at work. What uploads left there that broke
    /// off is cleared.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, ObjectsError> {
        Self::open_at(&Place::Folder(folder.join("whole")), folder, limits)
    }

    /// Contents at `place`; uploads under way lie in `folder`.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub fn open_at(place: &Place, folder: &Path, limits: Limits) -> Result<Self, ObjectsError> {
        let aside = folder.join("aside");
        std::fs::create_dir_all(&aside)?;
        let store = place.open()?;
        sweep::sweep(&aside, place.folder())?;
        Ok(Self {
            store,
            aside: Arc::new(aside),
            limits,
            uploads: Arc::new(Semaphore::new(crate::limits::UPLOADS_RUNNING_MAX)),
            aside_bytes: Arc::default(),
            wanted: Arc::default(),
        })
    }

    /// What an upload may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Can the place be reached, and does it let us in?
    ///
    /// # Errors
    /// [`ObjectsError::Store`].
    pub async fn answers(&self) -> Result<(), ObjectsError> {
        place::answers(self.store.as_ref()).await
    }

    /// Is the whole content here? Looked up at every request: a content may be taken away.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub async fn has(&self, blake3: &Blake3) -> Result<bool, ObjectsError> {
        for path in [outboard_path(blake3), data_path(blake3)] {
            match self.store.head(&path).await {
                Ok(_) => {}
                Err(object_store::Error::NotFound { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    async fn outboard(&self, blake3: &Blake3) -> Result<PreOrderOutboard<Window>, ObjectsError> {
        let head = self.store.head(&data_path(blake3)).await.map_err(|error| missing(blake3, error))?;
        let got = self.store.get(&outboard_path(blake3)).await.map_err(|error| missing(blake3, error))?;
        let data = got.bytes().await?;
        let tree = BaoTree::new(head.size, BLOCK);
        if data.len() as u64 != tree.outboard_size() {
            let reason = format!("its outboard has {} bytes instead of {}", data.len(), tree.outboard_size());
            return Err(ObjectsError::Damaged { blake3: *blake3, reason });
        }
        Ok(PreOrderOutboard { root: blake3::Hash::from_bytes(blake3.0), tree, data: Window { start: 0, bytes: data } })
    }
}

fn missing(blake3: &Blake3, error: object_store::Error) -> ObjectsError {
    match error {
        object_store::Error::NotFound { .. } => ObjectsError::Unknown(*blake3),
        other => ObjectsError::Store(other),
    }
}

fn data_path(blake3: &Blake3) -> ObjectPath {
    let name = blake3.to_string();
    ObjectPath::from_iter([&name[..2], &name])
}

fn outboard_path(blake3: &Blake3) -> ObjectPath {
    let name = blake3.to_string();
    ObjectPath::from_iter([&name[..2], &format!("{name}.obao4")])
}
