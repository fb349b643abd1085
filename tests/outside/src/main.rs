//! Verifies what a node served with a C2SP client of others (the crate `metamorphic-log`): signed checkpoints with
//! cosignatures, tiles and entries, an inclusion proof and a consistency proof. Everything that decides is theirs;
//! here files are read and their functions called.
//!
//! `outside DIR COSIGNATURES`: `DIR` has `keys.txt` (a verifier key on each line), `old.note` and `new.note`
//! (checkpoints), `consistency.txt` (hashes in base64, one on each line), `tlog-proof.txt`, and `tile/…` of the new
//! checkpoint. So many cosignatures must be under each checkpoint.

use metamorphic_log::{
    checkpoint::Checkpoint,
    merkle::hash_leaf,
    note::{SignatureType, SignedNote, VerifierKey},
    tile::{parent_hash, recompute_root, tiles_for_size},
};
use std::{collections::BTreeMap, env, fs, path::Path, process::ExitCode};

type Done<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().collect();
    let [_, dir, cosignatures] = arguments.as_slice() else {
        eprintln!("outside DIR COSIGNATURES");
        return ExitCode::from(2);
    };
    let verified = cosignatures.parse().map_err(Into::into).and_then(|count| verify(Path::new(dir), count));
    match verified {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn verify(dir: &Path, cosignatures: usize) -> Done<String> {
    let text = |name: &str| fs::read_to_string(dir.join(name)).map_err(|error| format!("{name}: {error}"));
    let keys = text("keys.txt")?.lines().map(VerifierKey::parse).collect::<Result<Vec<_>, _>>()?;
    let (old, new) = (text("old.note")?, text("new.note")?);
    let (older, newer) = (checkpoint(&old, &keys, cosignatures)?, checkpoint(&new, &keys, cosignatures)?);
    let hashes = |lines: &str| lines.lines().map(hash).collect::<Done<Vec<_>>>();
    older.verify_consistency(&newer, &hashes(&text("consistency.txt")?)?)?;
    let leaves = tiles(dir, &newer)?;
    let index = inclusion(&text("tlog-proof.txt")?, &keys, cosignatures, &leaves)?;
    Ok(format!("{} entries, {} before, entry {index} is among them", newer.size(), older.size()))
}

/// The hash that a line holds.
fn hash(line: &str) -> Done<Vec<u8>> {
    Ok(data_encoding::BASE64.decode(line.as_bytes())?)
}

/// A checkpoint that the log and so many cosigners signed.
fn checkpoint(text: &str, keys: &[VerifierKey], cosignatures: usize) -> Done<Checkpoint> {
    let note = SignedNote::parse(text)?;
    let mut kinds: BTreeMap<&str, SignatureType> = BTreeMap::new();
    for signature in note.verify(keys)? {
        let known = keys.iter().find(|key| key.key_id() == signature.key_id() && key.name() == signature.name());
        if let Some(key) = known {
            kinds.insert(key.name(), key.signature_type());
        }
    }
    let of = |kind| kinds.values().filter(|known| **known == kind).count();
    let (log, others) = (of(SignatureType::Ed25519), of(SignatureType::CosignatureV1Ed25519));
    if log != 1 || others != cosignatures {
        return Err(format!("{log} signatures of the log and {others} cosignatures, not 1 and {cosignatures}").into());
    }
    Ok(Checkpoint::parse(note.text())?)
}

/// The leaves of all tiles, which give the root, and whose entries hash to them.
fn tiles(dir: &Path, checkpoint: &Checkpoint) -> Done<Vec<[u8; 32]>> {
    let mut levels: BTreeMap<u8, Vec<[u8; 32]>> = BTreeMap::new();
    for tile in tiles_for_size(checkpoint.size()) {
        let bytes = fs::read(dir.join(tile.path())).map_err(|error| format!("{}: {error}", tile.path()))?;
        levels.entry(tile.level()).or_default().extend(tile.hashes(&bytes)?);
        if tile.level() == 0 {
            let bundle = fs::read(dir.join(tile.entries_path()))?;
            let entries = entries(&bundle).ok_or_else(|| format!("{} is cut short", tile.entries_path()))?;
            let hashed: Vec<_> = entries.iter().map(|entry| hash_leaf(entry)).collect();
            if hashed != tile.hashes(&bytes)? {
                return Err(format!("{} is not what {} says", tile.entries_path(), tile.path()).into());
            }
        }
    }
    for (level, hashes) in &levels {
        let Some(above) = level.checked_add(1).and_then(|level| levels.get(&level)) else { continue };
        for (full, expected) in hashes.chunks_exact(256).zip(above) {
            if parent_hash(full)? != *expected {
                return Err(format!("a tile of level {level} is not what the level above says").into());
            }
        }
    }
    let leaves = levels.remove(&0).unwrap_or_default();
    if recompute_root(&leaves) != *checkpoint.root_hash() {
        return Err("the tiles give another root than the checkpoint has".into());
    }
    Ok(leaves)
}

/// Entries of a bundle: a length of two bytes (big endian) before each (tlog-tiles).
fn entries(mut bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    while !bundle.is_empty() {
        let (length, rest) = bundle.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry);
        bundle = rest;
    }
    Some(entries)
}

/// Verifies a `c2sp.org/tlog-proof` and returns its index.
fn inclusion(text: &str, keys: &[VerifierKey], cosignatures: usize, leaves: &[[u8; 32]]) -> Done<u64> {
    let (head, note) = text.split_once("\n\n").ok_or("a tlog-proof without a checkpoint")?;
    let mut lines = head.lines().skip(1);
    let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or("a tlog-proof without an index")?;
    let index: u64 = index.parse()?;
    let path = lines.map(hash).collect::<Done<Vec<_>>>()?;
    let leaf = leaves.get(index as usize).ok_or("an index beyond the log")?;
    checkpoint(note, keys, cosignatures)?.verify_inclusion(index, leaf, &path)?;
    Ok(index)
}
