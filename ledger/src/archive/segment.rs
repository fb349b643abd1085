//! The bytes of one segment: the same in a folder and in a bucket, since both are written by [`Segment::encode`].

use borsh::BorshDeserialize;
use contracts::id::Height;
use std::ops::Range;

pub(super) const MAGIC: &[u8; 16] = b"lonja/bodies/v1\n";
/// Bytes of one place in the table at the end.
pub(super) const PLACE_BYTES: u64 = 8;
/// Bytes of one block's transactions that are read at most: far more than a block may have.
const BODIES_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The signed transactions of one block, in order; nothing where a node never had them.
pub(super) type Bodies = Option<Vec<Vec<u8>>>;

/// Heights that lie in one file or object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// The first of them.
    pub first: Height,
    /// How many there are.
    pub blocks: u64,
}

impl Segment {
    /// Its last height.
    pub fn last(self) -> Height {
        self.first + self.blocks - 1
    }

    /// The name of its file or object.
    pub fn name(self) -> String {
        format!("{:020}.bodies", self.first)
    }

    /// Bytes of the table at its end.
    pub fn table_bytes(self) -> u64 {
        (self.blocks + 1) * PLACE_BYTES
    }

    /// Gives all of its bytes to `write`, piece by piece, each with the height that it belongs to; those of the table
    /// belong to the last.
    ///
    /// # Errors
    /// What `bodies` or `write` says.
    pub fn encode<E>(
        self,
        bodies: impl Fn(Height) -> Result<Bodies, E>,
        mut write: impl FnMut(Height, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut table = Vec::with_capacity(self.table_bytes() as usize);
        let mut at = MAGIC.len() as u64;
        write(self.first, MAGIC)?;
        for height in self.first..=self.last() {
            table.extend_from_slice(&at.to_be_bytes());
            if let Some(bodies) = bodies(height)? {
                let bytes = borsh::to_vec(&bodies).expect("writing to memory does not fail");
                at += bytes.len() as u64;
                write(height, &bytes)?;
            }
        }
        table.extend_from_slice(&at.to_be_bytes());
        write(self.last(), &table)
    }
}

/// Where a block's transactions lie in a segment whose table begins at `end`, as two neighbours of the table say;
/// nothing where it has none.
///
/// # Errors
/// What is wrong with the table.
pub(super) fn place(neighbours: &[u8], end: u64) -> Result<Option<Range<u64>>, &'static str> {
    let number = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().expect("eight bytes of sixteen"));
    let (from, to) = (number(&neighbours[..8]), number(&neighbours[8..]));
    if from < MAGIC.len() as u64 || to < from || to > end || to - from > BODIES_BYTES_MAX {
        return Err("its table points outside");
    }
    Ok((from < to).then_some(from..to))
}

/// The transactions of one block.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    Vec::try_from_slice(bytes).map_err(|_| "what it has of a block is no list of transactions")
}
