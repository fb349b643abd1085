//! Auditing contents: every file is read again and compared with its name and its outboard.
//!
//! Reads the folder of a market that is stopped; repairs nothing.

use super::BLOCK;
use bao_tree::io::sync::CreateOutboard;
use bao_tree::{BaoTree, io::outboard::PreOrderOutboard};
use contracts::id::{Blake3, Digest};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub(super) const OUTBOARD: &str = ".obao4";

/// What an audit of contents read, and what does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Audited {
    /// Contents that are what their names say, with their outboards.
    pub contents: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// SHA-256 over the names of those contents, ascending.
    pub names: Digest,
    /// Files that do not hold, each with what is wrong.
    pub findings: Vec<(PathBuf, String)>,
}

/// Reads every content in `folder` again.
///
/// # Errors
/// When the folder cannot be listed. A file that cannot be read is a finding.
pub fn audit(folder: &Path) -> io::Result<Audited> {
    let mut audited = Audited::default();
    let mut names = Vec::new();
    for shelf in sorted(folder)? {
        if !shelf.is_dir() {
            audited.findings.push((shelf, "does not belong here".into()));
            continue;
        }
        for path in sorted(&shelf)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let content = name.strip_suffix(OUTBOARD).unwrap_or(&name);
            let shelved = shelf.file_name().and_then(|shelf| shelf.to_str()) == content.get(..2);
            match content.parse::<Blake3>() {
                Ok(blake3) if shelved && content == name => {
                    if audited.content(&path, blake3) {
                        names.extend_from_slice(&blake3.0);
                    }
                }
                // An outboard is looked at with its content; alone it vouches for nothing.
                Ok(_) if shelved => {
                    if !path.with_file_name(content).exists() {
                        audited.findings.push((path, "an outboard without its content".into()));
                    }
                }
                _ => audited.findings.push((path, "is no name of a content".into())),
            }
        }
    }
    audited.names = Digest::of(&[b"lonja/contents/v1\0", &names]);
    Ok(audited)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

impl Audited {
    fn content(&mut self, path: &Path, blake3: Blake3) -> bool {
        match check(path, blake3) {
            Ok(bytes) => {
                self.contents += 1;
                self.bytes += bytes;
                true
            }
            Err(what) => {
                self.findings.push((path.to_path_buf(), what));
                false
            }
        }
    }
}

fn check(path: &Path, blake3: Blake3) -> Result<u64, String> {
    let unreadable = |error: io::Error| format!("cannot be read: {error}");
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    let tree = BaoTree::new(bytes, BLOCK);
    let mut made = PreOrderOutboard {
        tree,
        root: blake3::Hash::from_bytes([0; 32]),
        data: vec![0; tree.outboard_size() as usize],
    };
    made.init_from(io::BufReader::new(fs::File::open(path).map_err(unreadable)?)).map_err(unreadable)?;
    if *made.root.as_bytes() != blake3.0 {
        return Err(format!("its BLAKE3 is {}, not its name", Blake3(*made.root.as_bytes())));
    }
    let beside = path.with_file_name(format!("{blake3}{OUTBOARD}"));
    match fs::read(&beside) {
        Ok(stored) if stored == made.data => Ok(bytes),
        Ok(_) => Err(format!("its outboard {} is damaged", beside.display())),
        Err(error) => Err(format!("its outboard {} cannot be read: {error}", beside.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::{Limits, Objects};

    #[tokio::test]
    async fn every_changed_byte_of_a_content_or_outboard_is_located() {
        let dir = tempfile::tempdir().unwrap();
        let objects = Objects::open(dir.path(), Limits::of(1 << 20)).unwrap();
        let content: Vec<u8> = (0..70_000u32).map(|n| ((n * 7) >> 3) as u8).collect();
        let stored = objects.put(&content).await.unwrap();
        let clean = audit(&dir.path().join("whole")).unwrap();
        assert_eq!((clean.contents, clean.bytes, clean.findings.len()), (1, 70_000, 0));
        let name = stored.blake3.to_string();
        for file in [name.clone(), format!("{name}{OUTBOARD}")] {
            let path = dir.path().join("whole").join(&name[..2]).join(&file);
            let good = fs::read(&path).unwrap();
            for at in (0..good.len()).step_by(good.len() / 40 + 1) {
                let mut wrong = good.clone();
                wrong[at] ^= 1;
                fs::write(&path, &wrong).unwrap();
                let found = audit(&dir.path().join("whole")).unwrap().findings;
                assert!(found.len() == 1 && format!("{found:?}").contains(&name), "byte {at} of {file}: {found:?}");
            }
            fs::remove_file(&path).unwrap();
            assert_eq!(audit(&dir.path().join("whole")).unwrap().findings.len(), 1, "{file} is gone");
            fs::write(&path, &good).unwrap();
        }
        fs::write(dir.path().join("whole").join(&name[..2]).join("stranger"), b"x").unwrap();
        assert_eq!(audit(&dir.path().join("whole")).unwrap().findings.len(), 1);
    }
}
