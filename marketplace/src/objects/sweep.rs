//! At the start: what a crash cut short in the store of contents is cleared or finished.
//!
//! A file aside, or one that was being copied to its name, belongs to an upload whose sender got no
//! answer: it goes. A content that has its name is whole, since it takes it last; only its outboard can
//! be missing, and is made again. What does not fit its name is left as it is, for the audit to say.

use super::{BLOCK, audit::OUTBOARD};
use bao_tree::{
    BaoTree,
    io::{outboard::PreOrderOutboard, sync::CreateOutboard},
};
use contracts::id::Blake3;
use std::{
    fs::{self, File},
    io::{self, BufReader, Write as _},
    path::Path,
};

/// What was cleared and finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Swept {
    /// Files of uploads that broke off.
    pub removed: u64,
    /// Contents that got their outboard.
    pub finished: u64,
}

/// Sweeps `aside` and, where contents lie in a folder, that. Nobody else may be at work in them. What an
/// upload left in a bucket is the bucket's to remove, see [`super::place`].
pub(super) fn sweep(aside: &Path, whole: Option<&Path>) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for entry in fs::read_dir(aside)? {
        fs::remove_file(entry?.path())?;
        swept.removed += 1;
    }
    for shelf in whole.map(fs::read_dir).transpose()?.into_iter().flatten() {
        let shelf = shelf?.path();
        if shelf.is_dir() {
            sweep_shelf(&shelf, &mut swept)?;
        }
    }
    if swept != Swept::default() {
        tracing::info!(removed = swept.removed, finished = swept.finished, "uploads that broke off are cleared");
    }
    Ok(swept)
}

fn sweep_shelf(shelf: &Path, swept: &mut Swept) -> io::Result<()> {
    for entry in fs::read_dir(shelf)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if is_staged(name) {
            fs::remove_file(&path)?;
            swept.removed += 1;
        } else if let Ok(blake3) = name.parse::<Blake3>() {
            let outboard = path.with_file_name(format!("{name}{OUTBOARD}"));
            if !outboard.exists() && finish(&path, &outboard, blake3)? {
                swept.finished += 1;
            }
        }
    }
    Ok(())
}

/// The store writes beside the name that a file will get, under the name, `#` and a number.
fn is_staged(name: &str) -> bool {
    let Some((content, number)) = name.split_once('#') else { return false };
    let content = content.strip_suffix(OUTBOARD).unwrap_or(content);
    content.parse::<Blake3>().is_ok() && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Makes the outboard of a content; `false` where the content is not what its name says.
fn finish(path: &Path, outboard: &Path, blake3: Blake3) -> io::Result<bool> {
    let file = File::open(path)?;
    let tree = BaoTree::new(file.metadata()?.len(), BLOCK);
    let (root, data) = (blake3::Hash::from_bytes([0; 32]), vec![0; tree.outboard_size() as usize]);
    let mut made = PreOrderOutboard { tree, root, data };
    made.init_from(BufReader::new(file))?;
    if *made.root.as_bytes() != blake3.0 {
        tracing::error!(content = %blake3, "a content without an outboard is not what its name says");
        return Ok(false);
    }
    // Under its name only when it is whole: a crash here is swept the next time.
    let staged = outboard.with_file_name(format!("{blake3}{OUTBOARD}#0"));
    let mut target = File::create(&staged)?;
    target.write_all(&made.data)?;
    target.sync_all()?;
    fs::rename(&staged, outboard)?;
    if let Some(shelf) = outboard.parent() {
        File::open(shelf)?.sync_all()?;
    }
    Ok(true)
}
