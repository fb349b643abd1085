//! Which files of a directory belong in a backup, and where they lie: in the directory as `lonja.toml` says, in a
//! backup always in the same places.
//!
//! ```text
//! network.json  anchor.json  lonja.toml  trust.json  witnesses.policy  keys/
//! node/db/  node/sides/  node/sides.key  node/evidence/
//! market/own/  market/own.mark  market/subjects/
//! contents/  archive/
//! ```

use super::copying::failed;
use crate::problem::{Exit, Problem};
use genesis::{
    Layout,
    config::{Archive, Config, Contents, Retention},
};
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Files of the directory itself. The first three are in every backup.
pub const OF_ROOT: [&str; 4] = ["network.json", "anchor.json", "lonja.toml", "trust.json"];
/// The policy of a node's witnesses, wherever `lonja.toml` says that it lies. It is no secret, and the node does not start
/// without it.
pub const POLICY: &str = "witnesses.policy";
/// Files of one backup; more do not fit its list.
const FILES_MAX: usize = 2_000_000;
/// What an outboard of a content is called after it.
const OUTBOARD: &str = ".obao4";

/// Where the parts of a directory lie.
pub struct Places {
    root: PathBuf,
    /// The node's folder.
    pub node: PathBuf,
    /// The marketplace's folder.
    pub market: PathBuf,
    /// The explorer's folder, of which nothing is copied.
    pub explorer: PathBuf,
    /// The folder of contents; none where a bucket has them.
    pub contents: Option<PathBuf>,
    /// The bucket that has the contents.
    pub bucket: Option<String>,
    /// The folder of pruned transactions, where there is one.
    pub archive: Option<PathBuf>,
    /// The bucket that has them instead.
    pub archive_bucket: Option<String>,
    /// The policy of its witnesses, where it has any.
    policy: Option<PathBuf>,
}

/// A file to copy.
pub struct Wanted {
    /// Its name in the backup.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its length when it was listed.
    pub bytes: u64,
}

impl Places {
    /// In the directory `layout` with the configuration `config`.
    pub fn of(layout: &Layout, config: &Config) -> Self {
        let market = layout.data_path(&config.market.data);
        let (contents, bucket) = match &config.market.objects {
            None => (Some(market.join("objects").join("whole")), None),
            Some(Contents::Local { folder }) => (Some(layout.data_path(folder).join("whole")), None),
            Some(Contents::S3(bucket)) => (None, Some(bucket.bucket.clone())),
        };
        Self {
            root: layout.root().to_path_buf(),
            node: layout.data_path(&config.node.data),
            market,
            explorer: layout.data_path(&config.explorer.data),
            contents,
            bucket,
            archive: config.retention.as_ref().and_then(|kept| kept.folder()).map(|folder| layout.data_path(folder)),
            archive_bucket: config
                .retention
                .as_ref()
                .and_then(|kept| kept.bucket())
                .map(|bucket| bucket.bucket.clone()),
            policy: config.witnesses.as_ref().map(|witnesses| layout.data_path(&witnesses.policy)),
        }
    }

    /// Where the file of a backup called `name` lies in the directory; `None` where no part has such a file.
    pub fn of_file(&self, name: &str) -> Option<PathBuf> {
        let (part, rest) = name.split_once('/').unwrap_or(("", name));
        let folder = match part {
            "" if OF_ROOT.contains(&name) => &self.root,
            "" if name == POLICY => return self.policy.clone(),
            "keys" => return Some(self.root.join(name)),
            "node" => &self.node,
            "market" => &self.market,
            "contents" => self.contents.as_ref()?,
            "archive" => self.archive.as_ref()?,
            _ => return None,
        };
        Some(folder.join(rest))
    }

    /// All files of the directory that belong in a backup, but for those of the two stores and of subjects' keys,
    /// which come from checkpoints.
    ///
    /// # Errors
    /// When a folder cannot be listed, or there are too many files.
    pub fn files(&self) -> Result<Vec<Wanted>, Problem> {
        let mut wanted = Vec::new();
        for name in OF_ROOT {
            add(&mut wanted, name.into(), self.root.join(name))?;
        }
        if let Some(policy) = &self.policy {
            add(&mut wanted, POLICY.into(), policy.clone())?;
        }
        flat(&mut wanted, "keys", &self.root.join("keys"), |name| name.ends_with(".key"))?;
        add(&mut wanted, "node/sides.key".into(), self.node.join("sides.key"))?;
        // What is being written there was never acknowledged.
        shelves(&mut wanted, "node/sides", &self.node.join("sides"), |shelf, _| shelf != "new")?;
        let is_evidence = |name: &str| name.ends_with(".accusation") || name.ends_with(".protest");
        flat(&mut wanted, "node/evidence", &self.node.join("evidence"), is_evidence)?;
        if let Some(contents) = &self.contents {
            shelves(&mut wanted, "contents", contents, |_, path| is_content(path))?;
        }
        if let Some(archive) = &self.archive {
            flat(&mut wanted, "archive", archive, |name| name.ends_with(".bodies"))?;
        }
        Ok(wanted)
    }
}

/// Is it a content, or the outboard of one, under the name that it has when it is whole?
fn is_content(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name.strip_suffix(OUTBOARD) {
        // The first half of an upload that is not at its end: nothing names it yet.
        Some(content) => path.with_file_name(content).exists(),
        None => !name.contains('#'),
    }
}

fn add(wanted: &mut Vec<Wanted>, name: String, path: PathBuf) -> Result<(), Problem> {
    let found = match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // A file that was moved to another disk, with a link in its place.
        Ok(found) if found.is_symlink() => fs::metadata(&path).map_err(failed("look at", &path))?,
        found => found.map_err(failed("look at", &path))?,
    };
    if !found.is_file() {
        return Ok(());
    }
    if wanted.len() == FILES_MAX {
        return Err(Problem::new(format!("the directory has more than {FILES_MAX} files"))
            .help("keep contents in a bucket, or copy the directory while nothing runs")
            .exits(Exit::File));
    }
    wanted.push(Wanted { name, path, bytes: found.len() });
    Ok(())
}

/// The entries of a folder, which need not be there, in the order of their names.
fn listed(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed("list", folder))?,
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()
        .map_err(failed("list", folder))?;
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> Option<&str> {
    path.file_name().and_then(|name| name.to_str())
}

/// The files of a folder.
fn flat(wanted: &mut Vec<Wanted>, part: &str, folder: &Path, keep: impl Fn(&str) -> bool) -> Result<(), Problem> {
    for path in listed(folder)? {
        if let Some(name) = name_of(&path).filter(|name| keep(name)) {
            add(wanted, format!("{part}/{name}"), path.clone())?;
        }
    }
    Ok(())
}

/// The files of the folders of a folder.
fn shelves(
    wanted: &mut Vec<Wanted>,
    part: &str,
    folder: &Path,
    keep: impl Fn(&str, &Path) -> bool,
) -> Result<(), Problem> {
    for shelf in listed(folder)? {
        let Some(name) = name_of(&shelf).filter(|_| shelf.is_dir()) else { continue };
        for path in listed(&shelf)? {
            if let Some(file) = name_of(&path).filter(|_| keep(name, &path)) {
                add(wanted, format!("{part}/{name}/{file}"), path.clone())?;
            }
        }
    }
    Ok(())
}

/// Bytes of the files in `folder`, as far as they can be told.
pub fn bytes_in(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|found| found.len()).fold(0, u64::saturating_add)
}

/// Puts every part of the directory below it, where `lonja.toml` names a place elsewhere: there the directory that was
/// backed up may still be. The policy of witnesses stays where it is unless the backup `has_policy`, for nothing is put
/// there then. Names the settings that were changed.
pub fn bring_home(config: &mut Config, has_policy: bool) -> Vec<&'static str> {
    let mut settings = vec![
        ("node.data", &mut config.node.data, "node"),
        ("market.data", &mut config.market.data, "market"),
        ("explorer.data", &mut config.explorer.data, "explorer"),
    ];
    if let Some(Contents::Local { folder }) = &mut config.market.objects {
        settings.push(("market.objects.folder", folder, "contents"));
    }
    if let Some(Retention { archive: Archive::Folder(folder), .. }) = &mut config.retention {
        settings.push(("retention.archive", folder, "archive"));
    }
    if let Some(witnesses) = config.witnesses.as_mut().filter(|_| has_policy) {
        settings.push(("witnesses.policy", &mut witnesses.policy, POLICY));
    }
    let mut changed = Vec::new();
    for (setting, path, home) in settings {
        let is_below =
            path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_below {
            *path = home.into();
            changed.push(setting);
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use genesis::config::{Ports, Witnesses};

    #[test]
    fn only_what_cannot_be_made_again_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let mut config = Config::local(Ports::default());
        config.retention = Some(Retention { keep_blocks: 2_048, archive: Archive::Folder("old/archive".into()) });
        config.witnesses = Some(Witnesses { policy: "outside/of.policy".into() });
        let wanted = [
            ("network.json", "network.json"),
            ("lonja.toml", "lonja.toml"),
            ("witnesses.policy", "outside/of.policy"),
            ("keys/operator.key", "keys/operator.key"),
            ("node/sides.key", "node/sides.key"),
            ("node/sides/ab/abcd", "node/sides/ab/abcd"),
            ("node/evidence/one.accusation", "node/evidence/one.accusation"),
            ("node/evidence/one.protest", "node/evidence/one.protest"),
            ("contents/ab/abcd", "market/objects/whole/ab/abcd"),
            ("contents/ab/abcd.obao4", "market/objects/whole/ab/abcd.obao4"),
            ("archive/1.bodies", "old/archive/1.bodies"),
        ];
        let unwanted = [
            "passphrase",
            "keys/operator.key.new",
            "node/highwater",
            "node/voting",
            "node/sides/new/half",
            "node/snapshots/64/000",
            "market/objects/whole/ab/ef.obao4",
            "market/objects/whole/ab/abcd#1",
            "market/objects/aside/half",
            "market/rows/CURRENT",
            "explorer/CURRENT",
            "running/node",
            "old/archive/1025.new",
        ];
        for path in wanted.iter().map(|(_, path)| path).chain(&unwanted) {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "abc").unwrap();
        }
        let places = Places::of(&layout, &config);
        let found = places.files().unwrap();
        let mut names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
        names.sort_unstable();
        let mut expected = wanted.map(|(name, _)| name);
        expected.sort_unstable();
        assert_eq!(names, expected);
        for found in &found {
            assert_eq!(places.of_file(&found.name), Some(found.path.clone()), "{}", found.name);
        }
        for name in ["passphrase", "passphrase/a", "running/node", "rows/CURRENT"] {
            assert_eq!(places.of_file(name), None, "{name}");
        }
        let bucket = genesis::config::Bucket {
            endpoint: "https://s3.example".into(),
            region: "us-east-1".into(),
            bucket: "old-blocks".into(),
            prefix: String::new(),
            credentials: Some("s3.keys".into()),
        };
        config.retention = Some(Retention { keep_blocks: 2_048, archive: Archive::Bucket(bucket) });
        let in_bucket = Places::of(&layout, &config);
        assert_eq!((&in_bucket.archive, in_bucket.archive_bucket.as_deref()), (&None, Some("old-blocks")));
        assert!(in_bucket.files().unwrap().iter().all(|found| !found.name.starts_with("archive/")));
        assert_eq!(bring_home(&mut config, true), [""; 0]);
        config.witnesses = None;
        assert_eq!(Places::of(&layout, &config).of_file("witnesses.policy"), None);
        assert_eq!(places.of_file("market/own/CURRENT"), Some(folder.path().join("market/own/CURRENT")));
    }

    #[test]
    fn nothing_is_restored_outside_of_the_directory() {
        let mut config = Config::local(Ports::default());
        assert_eq!(bring_home(&mut config, true), [""; 0]);
        config.node.data = "/var/lib/node".into();
        config.market.data = "../market".into();
        config.market.objects = Some(Contents::Local { folder: "".into() });
        config.retention = Some(Retention { keep_blocks: 2_048, archive: Archive::Folder("a/./b".into()) });
        config.witnesses = Some(Witnesses { policy: "/etc/lonja/witnesses.policy".into() });
        assert_eq!(bring_home(&mut config, false), ["node.data", "market.data", "market.objects.folder"]);
        assert_eq!(bring_home(&mut config, true), ["witnesses.policy"], "once there is one to be put there");
        assert_eq!(config.node.data, Path::new("node"));
        assert_eq!(bring_home(&mut config, true), [""; 0]);
    }
}
