//! A folder for work in between, removed when it is over.

use crate::problem::{Problem, file};
use std::path::{Path, PathBuf};

/// A folder that nobody else has.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in `parent`, or where the system keeps such things.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(parent: Option<&Path>, purpose: &str) -> Result<Self, Problem> {
        let name = format!("lonja-{purpose}-{}", hex::encode(rand::random::<[u8; 8]>()));
        let path = parent.map_or_else(std::env::temp_dir, Path::to_path_buf).join(name);
        std::fs::create_dir_all(&path).map_err(file("create", &path))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("{} stays behind: {error}", self.0.display());
        }
    }
}
