//! Taking a content in: aside, hashed, outboard made, then under its name.

use super::{BLOCK, Limits, Objects, ObjectsError, Stored, data_path, outboard_path};
use bao_tree::{
    BaoTree,
    io::{outboard::PreOrderOutboard, sync::CreateOutboard},
};
use bytes::{Bytes, BytesMut};
use contracts::id::{Blake3, Digest};
use futures_util::{Stream, StreamExt};
use object_store::{ObjectStoreExt, WriteMultipart};
use sha2::{Digest as _, Sha256};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt, BufWriter},
    sync::OwnedSemaphorePermit,
};

/// An upload under way. Dropping it leaves nothing behind.
pub struct Upload {
    objects: Objects,
    aside: Aside,
    file: BufWriter<File>,
    blake3: blake3::Hasher,
    sha256: Sha256,
    _permit: OwnedSemaphorePermit,
}

/// A file aside, removed when nobody needs it any more, and the room that it takes.
struct Aside {
    path: PathBuf,
    bytes: u64,
    of_all: Arc<AtomicU64>,
}

impl Aside {
    /// Takes room for `more` bytes, unless all uploads together would have more than `most`.
    fn grow(&mut self, more: u64, most: u64) -> bool {
        let grown = |all: u64| all.checked_add(more).filter(|all| *all <= most);
        let taken = self.of_all.fetch_update(Ordering::AcqRel, Ordering::Acquire, grown).is_ok();
        if taken {
            self.bytes += more;
        }
        taken
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.path);
        self.of_all.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Objects {
    /// Begins an upload.
    ///
    /// # Errors
    /// [`ObjectsError::Busy`] when there are too many.
    pub async fn begin(&self) -> Result<Upload, ObjectsError> {
        let permit = self.uploads.clone().try_acquire_owned().map_err(|_| ObjectsError::Busy)?;
        let path = self.aside.join(ulid::Ulid::generate().to_string());
        let aside = Aside { path, bytes: 0, of_all: self.aside_bytes.clone() };
        let file = File::create_new(&aside.path).await?;
        Ok(Upload {
            objects: self.clone(),
            aside,
            file: BufWriter::with_capacity(256 * 1024, file),
            blake3: blake3::Hasher::new(),
            sha256: Sha256::new(),
            _permit: permit,
        })
    }

    /// Stores a content that is in memory.
    ///
    /// # Errors
    /// [`ObjectsError`].
    pub async fn put(&self, content: &[u8]) -> Result<Stored, ObjectsError> {
        let mut upload = self.begin().await?;
        for piece in content.chunks(1 << 20) {
            upload.write(piece).await?;
        }
        upload.finish().await
    }
}

/// The next piece that a sender sends, waited for no longer than an upload may be idle: a sender that
/// holds its place and sends nothing keeps others out.
///
/// # Errors
/// [`ObjectsError::Idle`], or [`ObjectsError::BrokeOff`].
pub async fn next_piece<E: std::fmt::Display>(
    pieces: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin),
    limits: &Limits,
) -> Result<Option<Bytes>, ObjectsError> {
    match tokio::time::timeout(limits.idle_max, pieces.next()).await {
        Ok(piece) => piece.transpose().map_err(|error| ObjectsError::BrokeOff(error.to_string())),
        Err(_) => Err(ObjectsError::Idle(limits.idle_max)),
    }
}

impl Upload {
    /// Takes more bytes.
    ///
    /// # Errors
    /// [`ObjectsError::TooLarge`], [`ObjectsError::NoRoom`], or a full disk.
    pub async fn write(&mut self, piece: &[u8]) -> Result<(), ObjectsError> {
        let (more, limits) = (piece.len() as u64, self.objects.limits);
        if self.aside.bytes.saturating_add(more) > limits.content_bytes_max {
            return Err(ObjectsError::TooLarge { most: limits.content_bytes_max });
        }
        if !self.aside.grow(more, limits.aside_bytes_max) {
            return Err(ObjectsError::NoRoom { most: limits.aside_bytes_max });
        }
        self.blake3.update(piece);
        self.sha256.update(piece);
        Ok(self.file.write_all(piece).await?)
    }

    /// The name that the content will have, of the bytes so far.
    pub fn name(&self) -> Blake3 {
        Blake3(*self.blake3.finalize().as_bytes())
    }

    /// Makes the outboard and gives the content its name. What is there already stays.
    ///
    /// # Errors
    /// [`ObjectsError`]; then nothing is stored.
    pub async fn finish(mut self) -> Result<Stored, ObjectsError> {
        self.file.flush().await?;
        let blake3 = self.name();
        let sha256 = Digest(self.sha256.clone().finalize().into());
        let (path, bytes) = (self.aside.path.clone(), self.aside.bytes);
        let stored = Stored { blake3, sha256, bytes };
        let made = tokio::task::spawn_blocking(move || -> std::io::Result<PreOrderOutboard<Vec<u8>>> {
            let mut outboard = PreOrderOutboard {
                tree: BaoTree::new(bytes, BLOCK),
                root: blake3::Hash::from_bytes([0; 32]),
                data: vec![0; BaoTree::new(bytes, BLOCK).outboard_size() as usize],
            };
            outboard.init_from(std::io::BufReader::new(std::fs::File::open(path)?))?;
            Ok(outboard)
        });
        let outboard = made.await.map_err(|error| ObjectsError::Io(std::io::Error::other(error)))??;
        if *outboard.root.as_bytes() != blake3.0 {
            let reason = "what was written aside reads back as something else".into();
            return Err(ObjectsError::Damaged { blake3, reason });
        }
        let _stays = self.objects.claim(&blake3)?;
        // The outboard last: `has` asks for both, so a content counts from here on and not before.
        self.copy(&blake3).await?;
        self.objects.store.put(&outboard_path(&blake3), outboard.data.into()).await?;
        Ok(stored)
    }

    async fn copy(&self, blake3: &Blake3) -> Result<(), ObjectsError> {
        let target = self.objects.store.put_multipart(&data_path(blake3)).await?;
        let mut writer = WriteMultipart::new_with_chunk_size(target, 8 << 20);
        let mut file = File::open(&self.aside.path).await?;
        loop {
            let mut buffer = BytesMut::with_capacity(1 << 20);
            if file.read_buf(&mut buffer).await? == 0 {
                break;
            }
            // At most four parts wait for the disk; the rest of the file waits in the file.
            writer.wait_for_capacity(4).await?;
            writer.put(Bytes::from(buffer));
        }
        writer.finish().await?;
        Ok(())
    }
}
