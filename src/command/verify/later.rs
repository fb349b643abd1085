//! Receipts whose own seal counts no more, since a key under it may be in other hands: a later checkpoint vouches for
//! them, which a node proves, or which was kept in a file.

use super::{knows, untrue};
use crate::{context::Context, problem::Problem};
use clap::Args;
use genesis::files::{self, Access};
use ledger::{
    api::client::{Client, ClientError},
    receipt::{LATER_FILE_BYTES_MAX, Later, LaterFile, Receipt, Trust, Verified},
};
use std::path::{Path, PathBuf};

/// Where later checkpoints come from, and where they are kept.
#[derive(Args)]
pub struct Sources {
    /// Later checkpoints, as --keep-later wrote them, for receipts that keys signed which may be in other hands now.
    /// Where it is left out, a node is asked for them when they are needed
    #[arg(long, value_name = "FILE")]
    later: Option<PathBuf>,
    /// Keep the later checkpoints that the node proved, for --later
    #[arg(long, value_name = "FILE", conflicts_with = "later")]
    keep_later: Option<PathBuf>,
}

/// The later checkpoints that are at hand.
pub(super) struct Laters<'a> {
    from: &'a Sources,
    given: Option<LaterFile>,
    node: Option<Client>,
    proved: Vec<Later>,
}

impl<'a> Laters<'a> {
    /// Those of the file that was named, whose changes of validators `trust` follows then.
    pub fn new(from: &'a Sources, trust: &mut Trust) -> Result<Self, Problem> {
        let given = match &from.later {
            None => None,
            Some(path) => {
                let file = LaterFile::decode(&files::read(path, LATER_FILE_BYTES_MAX)?);
                let file = file.map_err(|error| untrue(path, error))?;
                *trust = file.trust(trust).map_err(|error| untrue(path, error))?;
                Some(file)
            }
        };
        Ok(Self { from, given, node: None, proved: Vec::new() })
    }

    /// Verifies a receipt by its own seal or, where that counts no more, through a later checkpoint, whose size is
    /// returned then.
    pub async fn verify(
        &mut self,
        context: &Context,
        path: &Path,
        receipt: &Receipt,
        trust: &Trust,
    ) -> Result<(Verified, Option<u64>), Problem> {
        let lost = match receipt.verify(trust) {
            Ok(verified) => return Ok((verified, None)),
            Err(error) if error.wants_later() => error,
            Err(error) => return Err(untrue(path, error)),
        };
        if let Some(given) = &self.given {
            let (verified, later) = given.verify(receipt, trust).map_err(|error| untrue(path, error))?;
            return Ok((verified, Some(later.size)));
        }
        let Ok(client) = context.client() else {
            let help = "--node-url names a node that proves one; --later takes one that was kept";
            return Err(untrue(path, lost).help(help));
        };
        client.refresh().await.map_err(|error| unproved(path, error))?;
        knows(&client, path, trust)?;
        let (verified, later) = client.check_receipt(receipt).await.map_err(|error| unproved(path, error))?;
        let size = later.as_ref().map(|later| later.checkpoint.size);
        self.proved.extend(later);
        self.node = Some(client);
        Ok((verified, size))
    }

    /// Keeps what the node proved, where that was asked for.
    pub async fn keep(&self) -> Result<(), Problem> {
        let Some(path) = &self.from.keep_later else { return Ok(()) };
        let Some(node) = &self.node else {
            eprintln!("{} was not written: every receipt holds by its own seal.", path.display());
            return Ok(());
        };
        let file = LaterFile { changes: node.changes().await?, later: self.proved.clone() };
        Ok(files::replace(path, &file.encode(), Access::Public)?)
    }
}

/// The receipt does not hold by itself, and the node does not help.
fn unproved(path: &Path, error: ClientError) -> Problem {
    let (why, exit) = (error.to_string(), Problem::from(error).exit());
    Problem::new(format!("{} needs a later checkpoint, which the node does not prove", path.display()))
        .because(why)
        .help("a key under its own seal may be in other hands: do not rely on it before another node proves it")
        .exits(exit)
}
