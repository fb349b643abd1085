//! Founding a network among organisations that need not trust each other: one proposes, each signs with
//! keys that stay where they are, and whoever has all signatures has the network.

use crate::{
    command::network::{PortArgs, roles},
    context::Context,
    output,
    problem::{Exit, Problem},
    validator::Ours,
};
use clap::Args;
use genesis::{
    Proposal, SignedBy, SignedDocument, SignedMember,
    config::{Config, Peers},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

/// Put the files of members together into a proposal.
#[derive(Args)]
pub struct Propose {
    /// Files of the members, as `lonja key new NAME --validator HOST:PORT` wrote them; the validators are
    /// numbered in this order
    #[arg(required = true, value_name = "FILE")]
    members: Vec<PathBuf>,
    /// What people call the network
    #[arg(long, default_value = "lonja")]
    name: String,
    /// The new file of the proposal
    #[arg(long, default_value = "proposal.json", value_name = "FILE")]
    out: PathBuf,
}

/// Sign a proposal as the validator whose keys the directory holds.
#[derive(Args)]
pub struct Sign {
    /// The proposal
    proposal: PathBuf,
    /// The new file of the signature (VALIDATOR.signature.json)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Make the directory one of the network, once all have signed.
#[derive(Args)]
pub struct Seal {
    /// The proposal
    proposal: PathBuf,
    /// The signatures of all validators
    #[arg(required = true, value_name = "SIGNATURE")]
    signatures: Vec<PathBuf>,
    /// Where this node listens to other validators, if that is not the address that it told them
    #[arg(long, value_name = "IP:PORT")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    ports: PortArgs,
}

#[derive(Serialize)]
struct Proposed<'a> {
    network: contracts::id::NetworkId,
    name: &'a str,
    created: String,
    validators: Vec<Seat<'a>>,
    founders: Vec<Party<'a>>,
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Seat<'a> {
    name: &'a str,
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
}

#[derive(Serialize)]
struct Party<'a> {
    name: &'a str,
    roles: contracts::party::Roles,
}

impl Propose {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), Problem> {
        let members = self.members.iter().map(|path| Ok(SignedMember::read(path)?));
        let members = members.collect::<Result<Vec<_>, Problem>>()?;
        let fingerprint =
            |signed: &SignedMember| (signed.member.validator.name.clone(), signed.member.fingerprint().to_string());
        let fingerprints = members.iter().map(fingerprint).collect();
        let created_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
        let proposal = Proposal::of(&self.name, created_ms, members)?;
        proposal.write(&self.out)?;
        show(context, &proposal, Some(self.out), &fingerprints, |file| {
            format!(
                "Compare each fingerprint with its member on another way. Then send {file} to all; each signs:\n  lonja network sign {file}"
            )
        });
        Ok(())
    }
}

impl Sign {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<(), Problem> {
        let proposal = Proposal::read(&self.proposal)?;
        let set = &proposal.document.founding.validators;
        let ours = Ours::of(context, set)?;
        let seat = &set.validators[usize::from(ours.number)];
        for (what, expected) in [("consensus", seat.consensus), ("log", seat.log), ("cosigner", seat.cosigner)] {
            if context.keyring().inspect(&ours.key_name(what)?)?.public != expected {
                let text = format!("the proposal has another {what} key for `{}` than this directory", ours.name);
                let help = "do not sign it: somebody changed it, or proposed with an older file of yours";
                return Err(Problem::new(text).help(help).exits(Exit::Untrue));
            }
        }
        let signed = proposal.sign(&context.open(&ours.key_name("consensus")?)?)?;
        let out = self.out.unwrap_or_else(|| format!("{}.signature.json", ours.name).into());
        signed.write(&out)?;
        show(context, &proposal, Some(out), &BTreeMap::new(), |file| {
            format!(
                "Signed as `{}`. Send {file} to all; whoever has all signatures runs\n  lonja network seal PROPOSAL SIGNATURE...",
                ours.name
            )
        });
        Ok(())
    }
}

impl Seal {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<SignedDocument, Problem> {
        let proposal = Proposal::read(&self.proposal)?;
        let ours = Ours::of(context, &proposal.document.founding.validators)?;
        let signatures = self.signatures.iter().map(|path| Ok((path.clone(), SignedBy::read(path)?)));
        let signatures = signatures.collect::<Result<Vec<_>, Problem>>()?;
        let mut addresses = proposal.addresses.clone();
        let signed = proposal.seal(&signatures)?;
        let told = addresses.remove(&ours.name).unwrap_or_default();
        let listen = match self.listen {
            Some(listen) => listen,
            None => listen_at(&told)?,
        };
        let mut config = Config::local(self.ports.or_usual());
        config.peers = (!addresses.is_empty()).then_some(Peers { listen, addresses });
        context.layout().join(&signed, &config)?;
        Ok(signed)
    }
}

/// Where a node listens that others reach at `told`: there, or at that port of every address where it is a
/// name.
fn listen_at(told: &str) -> Result<SocketAddr, Problem> {
    if let Ok(address) = told.parse() {
        return Ok(address);
    }
    let port = told.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let port = port.ok_or_else(|| {
        Problem::usage(format!("`{told}` names no port"), "say where this node listens: --listen IP:PORT")
    })?;
    Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port))
}

fn show(
    context: &Context,
    proposal: &Proposal,
    file: Option<PathBuf>,
    fingerprints: &BTreeMap<String, String>,
    next: impl FnOnce(&str) -> String,
) {
    let founding = &proposal.document.founding;
    let seat = |validator: &'_ contracts::validators::Validator| fingerprints.get(&validator.name).cloned();
    let proposed = Proposed {
        network: proposal.network,
        name: &proposal.document.name,
        created: output::time(proposal.document.created_ms),
        validators: founding
            .validators
            .validators
            .iter()
            .map(|one| Seat { name: &one.name, address: &proposal.addresses[&one.name], fingerprint: seat(one) })
            .collect(),
        founders: founding.founders.iter().map(|one| Party { name: &one.name, roles: one.roles }).collect(),
        file,
    };
    context.print(&proposed, || {
        let file = proposed.file.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
        let head = output::lines(&[
            ("network", proposed.network.to_string()),
            ("name", proposed.name.to_string()),
            ("created", proposed.created.clone()),
            ("must sign", format!("{} of {} for each block", founding.validators.quorum(), proposed.validators.len())),
            ("file", file.clone()),
        ]);
        let seats = proposed.validators.iter().map(|seat| [seat.name.to_string(), seat.address.to_string()]);
        let seats = match proposed.validators.iter().map(|seat| seat.fingerprint.clone()).collect::<Option<Vec<_>>>() {
            Some(prints) => output::table(
                ["validator", "address", "fingerprint of its file"],
                seats.zip(prints).map(|([name, address], print)| [name, address, print]),
            ),
            // Whoever signs has the document alone.
            None => output::table(["validator", "address"], seats),
        };
        let parties = proposed.founders.iter().map(|party| [party.name.to_string(), roles(party.roles)]);
        format!("{head}\n{}\n{}\n{}", seats, output::table(["founder", "roles"], parties), next(&file))
    });
}
