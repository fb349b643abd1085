//! Making a backup of a directory whose services may run.

use super::{
    copying::{Part, Work},
    lacking::Lacking,
    manifest::{Entry, FILE, InBuckets, Manifest, Stand},
    places::{Places, Wanted, bytes_in},
    room,
};
use crate::{
    control,
    problem::{Exit, Problem},
    progress::Stages,
    running, service,
};
use genesis::{Layout, SignedDocument, TrustAnchor};
use ledger::{
    api::{BlockPage, client::Client},
    store::{KvError, Store, StoreError, check_copy},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// How long the running node may take to show a block that it has just made.
const SHOWN_WAIT_MS: u64 = 5_000;

/// A backup that was made.
pub struct Taken {
    /// What is in it.
    pub manifest: Manifest,
    /// Blocks whose transactions are in it nowhere, nor in a bucket that it names.
    pub lacking: Lacking,
}

/// Makes a backup of the directory `layout` in the new folder `to`.
///
/// # Errors
/// When there is something at `to`, no room, or something that does not fit together; nothing is at `to` then.
pub async fn take(layout: &Layout, to: &Path) -> Result<Taken, Problem> {
    let (document, anchor) = (layout.document()?, layout.anchor()?);
    if to.exists() {
        return Err(Problem::new(format!("{} exists already", to.display()))
            .help("name a new folder, such as one with the date; a backup is never changed")
            .exits(Exit::File));
    }
    let places = Places::of(layout, &layout.config()?);
    let part = Part::new(to)?;
    let (of, within) = (layout.clone(), part.path().to_path_buf());
    let copied =
        tokio::task::spawn_blocking(move || copy(&of, &places, &document, &within).map(|copied| (copied, places)));
    let copied = copied.await.map_err(|error| Problem::new("the backup broke down").because(error.to_string()))?;
    let (Copied { files, stand, lacking }, places) = copied?;
    if let (Some(stand), Some(url)) = (&stand, running::find(layout, "node")) {
        compare(&url, anchor.clone(), stand).await?;
    }
    let in_buckets = InBuckets { contents: places.bucket, archive: places.archive_bucket };
    let manifest = Manifest::new(anchor.network, stand, in_buckets, files);
    manifest.write(part.path())?;
    part.place()?;
    Ok(Taken { manifest, lacking })
}

/// What was copied.
struct Copied {
    files: Vec<Entry>,
    /// Where the ledger among them stands.
    stand: Option<Stand>,
    lacking: Lacking,
}

fn copy(layout: &Layout, places: &Places, document: &SignedDocument, to: &Path) -> Result<Copied, Problem> {
    let stages = Stages::new("looking for files");
    let wanted = places.files()?;
    let stores = [places.market.join("own"), places.node.join("db")];
    let copied: u64 = wanted.iter().map(|wanted| wanted.bytes).fold(0, u64::saturating_add);
    let whole: u64 = stores.iter().map(|store| bytes_in(store)).sum();
    let mut checkpoints = 0;
    for store in &stores {
        checkpoints += room::of_checkpoint(store, to)?;
    }
    room::check(to, copied.saturating_add(checkpoints))?;

    // Minutes, where it is another disk.
    stages.wheel("copying the stores");
    // Stores that no service has open stay open here until all is copied, so that none starts meanwhile.
    let _market = of_market(layout, places, &to.join("market"))?;
    let _ledger = of_node(layout, places, &to.join("node"))?;
    // A service may have had to copy what we could have linked, and no disk is filled by the rest.
    room::check(to, copied)?;
    drop(stages);
    let mut work = Work::new("copying MiB", copied.saturating_add(whole));
    let mut files = Vec::new();
    for part in ["market", "node"] {
        keep(&mut work, &mut files, &to.join(part), part)?;
    }
    // Listed anew: what the ledger's copy names was there before that was made, and perhaps not before this began.
    for Wanted { name, path, .. } in places.files()? {
        let target = to.join(&name);
        files.extend(work.copy(name, &path, &target)?);
    }
    drop(work);
    let _checking = Stages::new("checking the copies");
    if to.join("market").exists() {
        marketplace::backup::check(&to.join("market")).map_err(|error| {
            service::chain("the copy of the marketplace's own store does not hold", &error)
                .help("`lonja audit` of the stopped directory says what is wrong; keep older backups")
                .exits(Exit::Untrue)
        })?;
    }
    let copy = to.join("node").join("db");
    let mut copied = Copied { files, stand: None, lacking: Lacking::default() };
    if copy.exists() {
        let (store, stand) = stand(&copy, document)?;
        copied.stand = Some(stand);
        // What is in a bucket is nobody's to copy, and is told of as a whole.
        if places.archive_bucket.is_none() {
            copied.lacking = Lacking::of(&store, to)?;
        }
    }
    Ok(copied)
}

/// Copies the marketplace's own store into the new folder `to`, where the directory has one.
fn of_market(layout: &Layout, places: &Places, to: &Path) -> Result<Option<marketplace::backup::Stopped>, Problem> {
    if !marketplace::backup::is_in(&places.market) {
        return Ok(None);
    }
    if running::find(layout, "marketplace").is_some() {
        return control::ask(layout, "marketplace", to).map(|()| None);
    }
    marketplace::backup::stopped(&places.market, to).map(Some).map_err(|error| {
        service::chain("the marketplace's own store cannot be copied", &error)
            .help("`lonja audit` of the stopped directory says what is wrong with it; keep older backups")
            .exits(Exit::File)
    })
}

/// Copies the ledger into the new folder `to`, where the directory has one.
fn of_node(layout: &Layout, places: &Places, to: &Path) -> Result<Option<Store>, Problem> {
    let db = places.node.join("db");
    if !db.exists() {
        return Ok(None);
    }
    if running::find(layout, "node").is_some() {
        return control::ask(layout, "node", to).map(|()| None);
    }
    // As at a start, and not to read alone: that would take no lock, and a node could start over it.
    let store = Store::open(&db).map_err(|error| {
        let help = match &error {
            StoreError::Kv(KvError::InUse { .. }) => {
                "its node may be starting: try again in a moment; one of an older version has to be started again"
            }
            _ => "`lonja audit` of the stopped directory says what is wrong with it; keep older backups",
        };
        service::chain("the ledger cannot be copied", &error).help(help).exits(Exit::File)
    })?;
    super::of_ledger(&store, to)
        .map_err(|reason| Problem::new("the ledger cannot be copied").because(reason).exits(Exit::File))?;
    Ok(Some(store))
}

/// Lists what checkpoints left in `folder`, durably.
fn keep(work: &mut Work, files: &mut Vec<Entry>, folder: &Path, name: &str) -> Result<(), Problem> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(super::copying::failed("list", folder))?,
    };
    let paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()
        .map_err(super::copying::failed("list", folder))?;
    for path in paths {
        let Some(last) = path.file_name().and_then(|last| last.to_str()) else { continue };
        let name = format!("{name}/{last}");
        match path.is_dir() {
            true => keep(work, files, &path, &name)?,
            false => files.push(work.keep(name, &path)?),
        }
    }
    Ok(())
}

/// The ledger in `copy`, and where it stands, its roots computed again.
fn stand(copy: &Path, document: &SignedDocument) -> Result<(Store, Stand), Problem> {
    let (store, tip) = check_copy(copy, document.network).map_err(|error| {
        service::chain("the copy of the ledger does not hold", &error)
            .help("`lonja audit` of the stopped directory says what is wrong; keep older backups")
            .exits(Exit::Untrue)
    })?;
    let stand = Stand {
        height: tip.height,
        time_ms: tip.time_ms,
        log_size: tip.log.count(),
        log_root: tip.log.root(),
        state_root: tip.state_root,
    };
    Ok((store, stand))
}

/// Does the running node say the same of the height at which its copy stands?
async fn compare(url: &str, anchor: TrustAnchor, stand: &Stand) -> Result<(), Problem> {
    let Some(after) = stand.height.checked_sub(1) else { return Ok(()) };
    let client = Client::new(url, anchor)?;
    let bytes = client.get(&format!("/v1/blocks?after={after}&wait_ms={SHOWN_WAIT_MS}&limit=1")).await?;
    let pages: Vec<BlockPage> = borsh::from_slice(&bytes)
        .map_err(|error| Problem::new("the node's answer cannot be read").because(error).exits(Exit::Untrue))?;
    // A block that is copied before it is sealed may wait for others' signatures longer than we do.
    let Some(page) = pages.first() else { return Ok(()) };
    let header = &page.block.header;
    let said = (header.entry.height, header.log_size, header.log_root, header.entry.state_root);
    if said == (stand.height, stand.log_size, stand.log_root, stand.state_root) {
        return Ok(());
    }
    Err(Problem::new(format!("the node at {url} and the copy of its ledger differ at height {}", stand.height))
        .help(format!("no {FILE} was written; stop the services and run `lonja audit` on the directory"))
        .exits(Exit::Untrue))
}
