//! Auditing a whole directory: ledger, key files, marketplace and explorer.

use super::{VERIFYING, problem};
use crate::{
    buckets,
    context::Context,
    problem::{Exit, Problem, file},
    progress::Stages,
};
use contracts::id::Digest;
use genesis::{
    KeyName, Keyring, Layout, Passphrase, TrustAnchor, config::Contents as Configured, keyfile::KeyFileError,
    keyring::KeyringError,
};
use ledger::{
    api::client::Client,
    audit::{self, Findings, Replayed, Report},
};
use marketplace::{audit::Contents, keys::MasterKey};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The services' folders and the key files.
#[derive(Serialize)]
pub struct Services {
    /// Key files that are whole.
    pub keys: u64,
    /// Was what the marketplace keeps sealed opened as well? That takes the passphrase.
    pub opened: bool,
    /// The marketplace; nothing where the ledger does not hold, so that there is nothing to compare with.
    pub market: Option<marketplace::audit::Audited>,
    /// The explorer, likewise.
    pub explorer: Option<explorer::audit::Audited>,
    /// SHA-256 over the audit digest, the key files, and what the marketplace alone holds: two audits
    /// of one directory give the same, however far the read models are.
    pub directory_digest: Digest,
}

/// Where everything lies.
struct Places {
    node: PathBuf,
    market: PathBuf,
    contents: Contents,
    explorer: PathBuf,
    scratch: PathBuf,
}

/// Audits the network's directory `layout`, working in `scratch`. Blocks that it lacks come from `blocks`.
///
/// # Errors
/// When it cannot be audited at all. What is wrong in it is a finding of the report.
pub async fn audit(
    context: &Context,
    layout: &Layout,
    anchor: TrustAnchor,
    blocks: Option<Client>,
    scratch: &Path,
) -> Result<(Report, Services), Problem> {
    let (document, config) = (layout.document()?, layout.config()?);
    let places = Places {
        node: layout.data_path(&config.node.data),
        market: layout.data_path(&config.market.data),
        contents: match &config.market.objects {
            None => Contents::Beside,
            Some(Configured::Local { folder }) => Contents::Folder(layout.data_path(folder)),
            Some(Configured::S3(bucket)) => Contents::Bucket(bucket.bucket.clone()),
        },
        explorer: layout.data_path(&config.explorer.data),
        scratch: scratch.to_path_buf(),
    };
    let mut findings = Findings::default();
    let (ring, keys_path) = (layout.keyring(), layout.keys_path());
    let (keys, keys_digest) = key_files(&ring, &keys_path, &mut findings);
    // A passphrase that was named for this audit says nothing about the directory, as one that lies in it does.
    let named = std::env::var_os("LONJA_PASSPHRASE_FILE").is_some();
    let master = match context.passphrase_at_hand() {
        Ok(Some(passphrase)) if !runs_no_marketplace(&ring, &places.market) => {
            master(&ring, &passphrase, named, &mut findings)?
        }
        Ok(_) => None,
        Err(problem) if named => return Err(problem),
        Err(problem) => {
            findings.find("passphrase", problem.to_string());
            None
        }
    };
    let opened = master.is_some();
    let runtime = tokio::runtime::Handle::current();
    let archive = config.retention.as_ref().map(|retention| buckets::archive(layout, retention)).transpose()?;
    let node = blocks.map(|client| audit::Served { client, runtime });
    let elsewhere = audit::Elsewhere { archive, node };
    let work = move || -> Result<(Report, Findings, Parts), Problem> {
        let in_scratch = |name: &str| {
            let path = places.scratch.join(name);
            std::fs::create_dir_all(&path).map_err(file("create", &path)).map(|()| path)
        };
        let (ledger, stages) = (in_scratch("ledger")?, Stages::new("opening the ledger"));
        // Comparing rows and opening side bodies comes after the last block, and may take as long as the blocks did.
        let told = |height: u64, last: u64| match height < last {
            true => stages.at(VERIFYING, height, last),
            false => stages.wheel("comparing rows and side bodies"),
        };
        let audited = audit::folder_and_ledger(&places.node, &document, &anchor, &ledger, elsewhere, &told);
        let (report, replayed) = audited.map_err(|error| problem(&error))?;
        stages.wheel("auditing marketplace and explorer");
        let mut findings = Findings::default();
        // Where the ledger does not hold there is nothing to compare with; where nobody could execute it, services are
        // audited as far as that goes.
        let parts = if replayed.is_some() || report.unexecuted.is_some() {
            services(
                &places,
                replayed.as_ref(),
                master.as_ref(),
                (&in_scratch("market")?, &in_scratch("explorer")?),
                &mut findings,
            )?
        } else {
            (None, None)
        };
        Ok((report, findings, parts))
    };
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Problem::new("the audit broke down").because(error.to_string()))?;
    let (mut report, found, (market, explorer)) = done?;
    findings.extend(found);
    report.also(findings);
    report.not_audited.extend(not_audited(market.as_ref(), explorer.as_ref()));
    let market_digest = market.as_ref().map(|market| market.digest).unwrap_or_default();
    let directory_digest =
        Digest::of(&[b"lonja/directory-audit/v1\0", &report.digest.0, &keys_digest.0, &market_digest.0]);
    Ok((report, Services { keys, opened, market, explorer, directory_digest }))
}

/// Marketplace and explorer, each as far as it could be audited.
type Parts = (Option<marketplace::audit::Audited>, Option<explorer::audit::Audited>);

/// What of the services was not audited.
fn not_audited(
    market: Option<&marketplace::audit::Audited>,
    explorer: Option<&explorer::audit::Audited>,
) -> Vec<String> {
    let whole = ["marketplace, since the ledger does not hold", "explorer, since the ledger does not hold"];
    let market = market.map_or(&whole[..1], |market| &market.not_audited);
    let explorer = explorer.map_or(&whole[1..], |explorer| &explorer.not_audited);
    market.iter().chain(explorer).map(|part| (*part).to_owned()).collect()
}

fn services(
    places: &Places,
    replayed: Option<&Replayed>,
    master: Option<&MasterKey>,
    (market_scratch, explorer_scratch): (&Path, &Path),
    findings: &mut Findings,
) -> Result<Parts, Problem> {
    let in_use = |error: &dyn std::error::Error| {
        Problem::new(format!("cannot audit: {error}")).help("stop marketplace and explorer first").exits(Exit::File)
    };
    let mut market = marketplace::audit::folder(&places.market, &places.contents, replayed, master, market_scratch)
        .map_err(|error| in_use(&error))?;
    findings.extend(within(&places.market, std::mem::take(&mut market.findings)));
    let mut explorer =
        explorer::audit::folder(&places.explorer, replayed, explorer_scratch).map_err(|error| in_use(&error))?;
    findings.extend(std::mem::take(&mut explorer.findings));
    Ok((Some(market), Some(explorer)))
}

/// Families of the marketplace's own store are named within its folder.
fn within(folder: &Path, found: Findings) -> Findings {
    let mut findings = Findings { more_findings: found.more_findings, ..Findings::default() };
    for finding in found.findings {
        let place = match finding.place.strip_prefix("own ") {
            Some(row) => format!("{} {row}", folder.join("own").display()),
            None => finding.place,
        };
        findings.find(place, finding.what);
    }
    findings
}

/// Every key file against its own digest, which takes no passphrase. Returns how many are whole, and a
/// digest over what they show.
fn key_files(ring: &Keyring, folder: &Path, findings: &mut Findings) -> (u64, Digest) {
    let names = match ring.names() {
        Ok(names) => names,
        Err(error) => {
            findings.find(folder.display().to_string(), format!("{error}; {}", error.remedy()));
            return (0, Digest::default());
        }
    };
    let mut shown = Vec::new();
    let mut whole = 0;
    for name in names {
        match ring.inspect(&name) {
            Ok(part) => {
                whole += 1;
                let part = serde_json::to_string(&part).expect("plain data has a JSON form");
                shown.push(format!("{name} {part}\n"));
            }
            Err(error) => {
                findings.find(ring.path(&name).display().to_string(), format!("{error}; {}", error.remedy()));
            }
        }
    }
    (whole, Digest::of(&[b"lonja/key-files/v1\0", shown.concat().as_bytes()]))
}

fn vault_key() -> KeyName {
    "market.vault".parse().expect("a fixed name is a key's name")
}

/// Is this a directory of a node alone, which has neither what a marketplace keeps nor its key?
fn runs_no_marketplace(ring: &Keyring, folder: &Path) -> bool {
    let empty = std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
    empty && !ring.path(&vault_key()).exists()
}

/// The key that opens what the marketplace keeps sealed. Where it does not open it is a finding, unless the passphrase
/// was `named` for this audit and is another.
fn master(
    ring: &Keyring,
    passphrase: &Passphrase,
    named: bool,
    findings: &mut Findings,
) -> Result<Option<MasterKey>, Problem> {
    let name = vault_key();
    match ring.open(&name, passphrase) {
        Ok(key) => Ok(Some(MasterKey::new(*key.derive("marketplace")))),
        Err(error @ KeyringError::Key(KeyFileError::Passphrase { .. })) if named => Err(error.into()),
        Err(error) => {
            findings.find(ring.path(&name).display().to_string(), format!("{error}; {}", error.remedy()));
            Ok(None)
        }
    }
}
