//! Whether witnesses cosigned what a file rests on.

use super::{knows, untrue};
use crate::{
    context::Context,
    problem::{Exit, Problem},
};
use contracts::id::Digest;
use ledger::{
    api::client::Client,
    log::proof::TreeHead,
    note::{Note, checkpoint},
    receipt::{Receipt, Trust},
    witness::{
        Policy,
        policy::{Unmet, Witnessed},
    },
};
use std::{collections::BTreeMap, path::Path};

/// What a file rests on.
pub(super) struct Proofs {
    /// The validators of the time.
    pub trust: Trust,
    /// A receipt for each proof; a bundle's is of the height, and then come those in it.
    pub receipts: Vec<Receipt>,
}

/// Who cosigned so that `policy` holds for every checkpoint of `proofs`, or for one that its log grew to.
pub(super) async fn by(
    context: &Context,
    policy: &Policy,
    path: &Path,
    proofs: &Proofs,
) -> Result<Vec<String>, Problem> {
    let trust = &proofs.trust;
    let (mut by, mut unmet) = (Vec::new(), BTreeMap::<(u64, Digest), TreeHead>::new());
    for receipt in &proofs.receipts {
        let head = receipt.statement.checkpoint;
        let own =
            receipt.seal.note(&trust.network(), trust.era(head.size), &head).map_err(|error| untrue(path, error))?;
        match policy.check(&own) {
            Ok(met) => add(&mut by, &met),
            Err(_) => drop(unmet.insert((head.size, head.root), head)),
        }
    }
    if !unmet.is_empty() {
        let client = context.client()?;
        let (new, met) = newest(&client, policy, path, trust).await?;
        for old in unmet.values() {
            grew(&client, path, old, &new).await?;
        }
        add(&mut by, &met);
    }
    if by.is_empty() {
        by.push("nobody: the policy asks for none".into());
    }
    Ok(by)
}

fn add(by: &mut Vec<String>, met: &Witnessed) {
    let names = met.by.iter().map(|(name, _)| name.to_string());
    for name in names {
        if !by.contains(&name) {
            by.push(name);
        }
    }
}

/// The newest checkpoint that witnesses cosigned, as the node says: `policy` holds for it, and a quorum of the validators
/// of its time signed it, who may have come after all that `trust` knows.
async fn newest(
    client: &Client,
    policy: &Policy,
    path: &Path,
    trust: &Trust,
) -> Result<(TreeHead, Witnessed), Problem> {
    let note: Note = client.witnessed().await?;
    let met = policy.check(&note).map_err(|error| {
        let problem = untrue(path, format!("the node's witnessed checkpoint: {error}"));
        match error {
            Unmet::Log(_) => problem.help(
                "where the validators have changed, the policy's `log` lines must be those of now: ask the network for \
                 its new policy, or `lonja witness policy`. Do not rely on it before it verifies",
            ),
            _ => problem,
        }
    })?;
    let (origin, new) = checkpoint::parse(note.text()).map_err(|error| untrue(path, error))?;
    if origin != checkpoint::origin(&trust.network()) {
        return Err(untrue(path, format!("the node's witnessed checkpoint is of `{origin}`")));
    }
    client.refresh().await?;
    knows(client, path, trust)?;
    let trust = client.trust();
    // One validator alone signs whatever it likes; the policy asks for one of the log's keys.
    let set = trust.era(new.size);
    let keys = set.validators.iter().map(|validator| checkpoint::log_key(&trust.network(), validator));
    let keys = keys.collect::<Result<Vec<_>, _>>().map_err(|error| untrue(path, error))?;
    let signed = note.verify(&keys).map_err(|error| untrue(path, error))?.len();
    if signed < set.quorum() {
        let why = format!("{signed} validators signed the witnessed checkpoint, {} are needed", set.quorum());
        return Err(untrue(path, why));
    }
    Ok((new, met))
}

/// Has the log grown from `old` to `new`?
async fn grew(client: &Client, path: &Path, old: &TreeHead, new: &TreeHead) -> Result<(), Problem> {
    if new.size < old.size {
        return Err(Problem::new(format!("{} is newer than what witnesses have cosigned", path.display()))
            .because(format!("they cosigned a log of {} entries, the file's has {}", new.size, old.size))
            .help("ask again in half a minute; if it stays so, see `lonja node` and its witnesses")
            .exits(Exit::Unreachable));
    }
    Ok(client.check_growth(old, new).await?)
}
