//! Making a directory from a backup: first everything is checked, then it is laid out beside its place, then named.

use super::{
    copying::{Part, Work},
    lacking::Lacking,
    manifest::{self, Manifest, Stand},
    mark::{self, Said, Standing},
    places::{self, Places},
    room,
};
use crate::{
    problem::{Exit, Problem},
    service,
};
use genesis::{
    Layout, SignedDocument,
    config::{Config, Contents, Service},
    layout::LayoutError,
};
use ledger::{
    highwater::Mark,
    store::{Tip, check_copy},
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

/// A directory that was made from a backup.
pub struct Laid {
    /// What the backup said of itself.
    pub manifest: Manifest,
    /// What its node is; nothing where the backup has no ledger.
    pub standing: Option<Standing>,
    /// Blocks whose transactions the backup has not.
    pub lacking: Lacking,
    /// Settings of `lonja.toml` that named places outside of the directory, and now name such within.
    pub moved: Vec<&'static str>,
    /// Files that `lonja.toml` names and the backup has not.
    pub missing: Vec<String>,
}

/// Makes the directory `layout` from the backup in folder `backup`.
///
/// # Errors
/// When anything in the backup is not what was written, a second history could be signed, or something is there
/// already. Nothing is at the place of the directory then that was not there before.
pub fn lay_out(backup: &Path, layout: &Layout, said: &Said) -> Result<Laid, Problem> {
    refuse_occupied(layout)?;
    let manifest = Manifest::read(backup)?;
    manifest.check_names(backup)?;
    check_files(&manifest, backup)?;
    let from = Layout::at(backup);
    let (document, mut config) = (from.document()?, from.config()?);
    if document.network != manifest.network || from.anchor()?.network != manifest.network {
        return Err(Problem::new(format!("{} and the files in it are of different networks", backup.display()))
            .help("nothing was restored: restore a backup as it was made")
            .exits(Exit::Untrue));
    }
    let ledger = ledger(backup, &manifest, &document, said)?;
    let moved = places::bring_home(&mut config, manifest.has_file(places::POLICY));

    let part = Part::new(layout.root())?;
    room::check(part.path(), manifest.bytes())?;
    let laid = Layout::at(part.path());
    let places = Places::of(&laid, &config);
    let mut work = Work::new("restoring MiB", manifest.bytes());
    for entry in &manifest.files {
        let source = backup.join(&entry.name);
        let target = places.of_file(&entry.name).ok_or_else(|| {
            Problem::new(format!("{} belongs to no part of a directory", source.display()))
                .help("nothing was restored: restore a backup as it was made")
                .exits(Exit::Untrue)
        })?;
        // Read a second time, so it is looked at a second time.
        if work.copy(entry.name.clone(), &source, &target)?.as_ref() != Some(entry) {
            return Err(manifest::damaged(&source));
        }
        if places::OF_ROOT.contains(&entry.name.as_str()) || entry.name == places::POLICY {
            fs::set_permissions(&target, Permissions::from_mode(0o644))
                .map_err(super::copying::failed("open to all", &target))?;
        }
    }
    drop(work);
    if !moved.is_empty() {
        fs::remove_file(laid.config_path()).map_err(super::copying::failed("replace", &laid.config_path()))?;
        config.write(&laid.config_path())?;
    }
    make_folders(&manifest, &laid, &places)?;
    if let Some(ledger) = &ledger {
        mark::write(&places.node.join("highwater"), ledger.mark)?;
    }
    part.place()?;
    let standing = ledger.as_ref().map(|ledger| ledger.standing);
    let lacking = ledger.map(|ledger| ledger.lacking).unwrap_or_default();
    let missing = missing(&config, &manifest);
    Ok(Laid { manifest, standing, lacking, moved, missing })
}

/// A directory that has anything in it is not touched.
fn refuse_occupied(layout: &Layout) -> Result<(), Problem> {
    let root = layout.root();
    let empty = !root.exists() || fs::read_dir(root).is_ok_and(|mut entries| entries.next().is_none());
    if empty { Ok(()) } else { Err(LayoutError::NotEmpty { path: root.to_path_buf() }.into()) }
}

fn check_files(manifest: &Manifest, backup: &Path) -> Result<(), Problem> {
    let mut work = Work::new("checking MiB", manifest.bytes());
    for entry in &manifest.files {
        let path = backup.join(&entry.name);
        if work.read(entry.name.clone(), &path)? != *entry {
            return Err(manifest::damaged(&path));
        }
    }
    Ok(())
}

/// The ledger of a backup.
struct Checked {
    /// What its node is to take for signed.
    mark: Mark,
    standing: Standing,
    lacking: Lacking,
}

/// Checks the ledger of the backup, where there is one, and decides what its node is to take for signed.
fn ledger(
    backup: &Path,
    manifest: &Manifest,
    document: &SignedDocument,
    said: &Said,
) -> Result<Option<Checked>, Problem> {
    let Some(stand) = &manifest.ledger else { return Ok(None) };
    let (store, tip) = check_copy(&backup.join("node").join("db"), document.network).map_err(|error| {
        service::chain("the ledger of the backup does not hold", &error)
            .help("nothing was restored: take another backup")
            .exits(Exit::Untrue)
    })?;
    let Tip { height, time_ms, state_root, .. } = tip;
    let found = Stand { height, time_ms, log_size: tip.log.count(), log_root: tip.log.root(), state_root };
    if found != *stand {
        return Err(Problem::new("the ledger of the backup stands elsewhere than its list says")
            .help("nothing was restored: take another backup")
            .exits(Exit::Untrue));
    }
    let standing = mark::standing(&store, &tip, document, &backup.join("keys"))?;
    let mark = mark::decide(&store, &tip, standing, said)?;
    let lacking = match manifest.archive_in_bucket {
        Some(_) => Lacking::default(),
        None => Lacking::of(&store, backup)?,
    };
    Ok(Some(Checked { mark, standing, lacking }))
}

/// Folders that are looked for also where nothing is in them.
fn make_folders(manifest: &Manifest, layout: &Layout, places: &Places) -> Result<(), Problem> {
    let make = |path: &Path| fs::create_dir_all(path).map_err(super::copying::failed("create", path));
    // A node that only observes may have no key.
    make(&layout.keys_path())?;
    make(&places.market)?;
    make(&places.explorer)?;
    if manifest.ledger.is_some() {
        make(&places.node.join("sides"))?;
    }
    if manifest.has("market") {
        make(&places.market.join("subjects"))?;
        places.contents.as_deref().map_or(Ok(()), make)?;
    }
    Ok(())
}

/// Files that the configuration names and the backup has not: they are secrets or belong to others.
fn missing(config: &Config, manifest: &Manifest) -> Vec<String> {
    let tls = |service: &Service| [service.tls_cert.clone(), service.tls_key.clone()];
    let mut files: Vec<_> = [&config.node, &config.market, &config.explorer].into_iter().flat_map(tls).collect();
    if let Some(Contents::S3(bucket)) = &config.market.objects {
        files.push(bucket.credentials.clone());
    }
    files.extend(config.retention.as_ref().and_then(|kept| kept.bucket()).map(|bucket| bucket.credentials.clone()));
    // A backup of a release that did not copy it.
    let policy = config.witnesses.as_ref().filter(|_| !manifest.has_file(places::POLICY));
    files.push(policy.map(|witnesses| witnesses.policy.clone()));
    files.into_iter().flatten().map(|path| path.display().to_string()).collect()
}
