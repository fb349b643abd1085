//! Tiles of the log as C2SP tlog-tiles names and fills them (version 0.1.0).
//!
//! A tile holds up to 256 consecutive hashes of every eighth level; an entry bundle holds up to 256
//! entries, each after its length in 16 bits, big-endian.

use super::{HashReader, LogError};
use std::{fmt, str::FromStr};

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// The highest level that a tile can be asked for. A log of 2^64 entries has 8.
pub const TILE_LEVEL_MAX: u8 = 63;

/// What a path under `tile/` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TileKind {
    /// Hashes of the subtrees of 256^level leaves.
    Hashes {
        /// C2SP's level: 0 holds leaf hashes.
        level: u8,
    },
    /// The entries themselves.
    Entries,
}

/// A tile or entry bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// A path that names no tile, or a tile that a log of this size does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// Not as the specification spells it.
    #[error("`{0}` is no tile path such as tile/0/x001/x234/067.p/8")]
    Path(String),
    /// Wider than the log reaches, or outside it.
    #[error("a log of {size} entries does not reach tile {tile}")]
    Beyond {
        /// The tile.
        tile: Tile,
        /// Entries in the log.
        size: u64,
    },
    /// An entry does not fit its 16-bit length.
    #[error("an entry of {0} bytes does not fit an entry bundle")]
    Entry(usize),
}

impl Tile {
    /// The tile of `kind` number `index` with `width` hashes or entries, where there can be one:
    /// width 1 to 256, level at most [`TILE_LEVEL_MAX`], and all of it below leaf 2^64.
    pub fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        let level = match kind {
            TileKind::Hashes { level } => level,
            TileKind::Entries => 0,
        };
        // Above level 7 a hash covers 2^64 leaves and more, so the tile would be of nothing.
        let fits = level <= 7 && index <= u64::MAX >> (8 * (u32::from(level) + 1).min(7)) && (level < 7 || index == 0);
        ((1..=TILE_WIDTH).contains(&width) && fits).then_some(Self { kind, index, width })
    }

    /// What it holds.
    pub fn kind(&self) -> TileKind {
        self.kind
    }

    /// Its number within its level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Index of its first hash (in its level) or entry.
    pub fn first(&self) -> u64 {
        self.index << 8
    }

    /// Does a log of `size` entries reach as far as this tile?
    pub fn is_within(&self, size: u64) -> bool {
        let available = match self.kind {
            TileKind::Entries | TileKind::Hashes { level: 0 } => size,
            TileKind::Hashes { level } => size.checked_shr(8 * u32::from(level)).unwrap_or(0),
        };
        available.checked_sub(self.first()).is_some_and(|left| left >= u64::from(self.width))
    }

    /// All tiles of hashes that a log of `size` entries consists of, full and partial, lowest level first.
    pub fn all(size: u64) -> impl Iterator<Item = Tile> {
        (0..8u8).map(move |level| (level, size >> (8 * u32::from(level)))).flat_map(|(level, hashes)| {
            let kind = TileKind::Hashes { level };
            let full = (0..hashes >> 8).map(move |index| Tile { kind, index, width: TILE_WIDTH });
            let rest = (hashes & 0xff) as u16;
            full.chain((rest > 0).then_some(Tile { kind, index: hashes >> 8, width: rest }))
        })
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}")?,
            TileKind::Entries => f.write_str("tile/entries")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for (left, group) in groups.iter().enumerate().rev() {
            write!(f, "/{}{group:03}", if left > 0 { "x" } else { "" })?;
        }
        if self.width < TILE_WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

impl FromStr for Tile {
    type Err = TileError;

    /// Reads `tile/<L>/<N>[.p/<W>]` or `tile/entries/<N>[.p/<W>]`, and nothing else.
    fn from_str(text: &str) -> Result<Self, TileError> {
        let bad = || TileError::Path(text.chars().take(80).collect());
        let parsed = parse(text).ok_or_else(bad)?;
        // One spelling each, so that caches and signatures over paths agree: leading zeros, an
        // extra group or a width of 256 do not come out as they went in.
        if parsed.to_string() == text { Ok(parsed) } else { Err(bad()) }
    }
}

fn parse(text: &str) -> Option<Tile> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes { level: number(level)?.try_into().ok()? },
    };
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => (groups, number(width)?.try_into().ok()?),
        None => (rest, TILE_WIDTH),
    };
    let groups: Vec<&str> = groups.split('/').collect();
    let mut index = 0u64;
    for (left, group) in groups.iter().rev().enumerate().rev() {
        let digits = if left > 0 { group.strip_prefix('x')? } else { group };
        (digits.len() == 3).then_some(())?;
        index = index.checked_mul(1000)?.checked_add(number(digits)?)?;
    }
    Tile::new(kind, index, width)
}

/// Decimal digits only: `parse` alone would take a plus sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The bytes of a tile of hashes in a log of `size` entries.
///
/// # Errors
/// [`TileError::Beyond`] where the log does not reach it, or what the reader says.
pub fn hashes(reader: &impl HashReader, tile: &Tile, size: u64) -> Result<Vec<u8>, LogError> {
    let beyond = TileError::Beyond { tile: *tile, size };
    let TileKind::Hashes { level } = tile.kind else { return Err(beyond.into()) };
    if !tile.is_within(size) {
        return Err(beyond.into());
    }
    let mut bytes = Vec::with_capacity(32 * usize::from(tile.width));
    for index in tile.first()..tile.first() + u64::from(tile.width) {
        bytes.extend_from_slice(&reader.hash(8 * level, index)?.0);
    }
    Ok(bytes)
}

/// The bytes of an entry bundle that holds `entries`.
///
/// # Errors
/// [`TileError::Entry`] where an entry is longer than 65,535 bytes.
pub fn bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, TileError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length = u16::try_from(entry.len()).map_err(|_| TileError::Entry(entry.len()))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// The entries of a bundle, in order; `None` where its lengths do not add up.
pub fn entries(bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = bundle;
    let mut entries = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<2>() {
        let (entry, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        rest = tail;
    }
    rest.is_empty().then_some(entries)
}
