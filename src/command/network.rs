//! `lonja network`: lay out a new network, show what a directory holds, or run a trial of several
//! validators.

mod found;
mod join;
pub mod trusting;
mod up;

use crate::{context::Context, output, problem::Problem};
use clap::{Args, Subcommand};
use contracts::party::Country;
use genesis::{
    SignedDocument,
    config::{EXPLORER_PORT, MARKET_PORT, NODE_PORT, PEERS_PORT, Ports},
    layout::Spec,
};
use serde::Serialize;

/// Create, inspect or try a network.
#[derive(Subcommand)]
pub enum Network {
    /// Lay out a new network: founding document, trust anchor, keys, configuration
    Create(Create),
    /// Verify the founding document of a directory and show it
    Inspect,
    /// Put the files of members together into a proposal of a network
    Propose(found::Propose),
    /// Sign a proposal as the validator whose keys the directory holds
    Sign(found::Sign),
    /// Make the directory one of the network, once all have signed
    Seal(found::Seal),
    /// Make the directory one of a network that runs: its node observes, and can become a validator
    Join(join::Join),
    /// Keep the records of all changes of the validator set, verified from the trust anchor on
    Trust(trusting::Keep),
    /// Run a network of several validators on this machine, each in a process of its own, with
    /// marketplace and explorer
    Up,
}

/// Ports of the services.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct PortArgs {
    /// Port of the node. The first run writes it into lonja.toml; later it holds for that run, and
    /// commands on the same directory find it there
    #[arg(long, value_name = "N")]
    pub node_port: Option<u16>,
    /// Port of the marketplace, likewise
    #[arg(long, value_name = "N")]
    pub market_port: Option<u16>,
    /// Port of the explorer, likewise
    #[arg(long, value_name = "N")]
    pub explorer_port: Option<u16>,
}

/// Where a new network's nodes reach each other.
#[derive(Args, Clone, Copy, Debug)]
pub struct Several {
    /// How many validators order and sign. Two thirds of them and one must be up
    #[arg(long, value_name = "N", default_value_t = 1)]
    validators: usize,
    /// The first of the ports on which they reach each other; those of the nodes follow --node-port
    #[arg(long, value_name = "N", default_value_t = PEERS_PORT)]
    peers_port: u16,
}

impl PortArgs {
    /// With the usual ones where none is given.
    pub fn or_usual(self) -> Ports {
        Ports {
            node: self.node_port.unwrap_or(NODE_PORT),
            market: self.market_port.unwrap_or(MARKET_PORT),
            explorer: self.explorer_port.unwrap_or(EXPLORER_PORT),
            peers: PEERS_PORT,
        }
    }
}

/// Lay out a new network.
#[derive(Args)]
pub struct Create {
    /// What people call the network
    #[arg(long, default_value = "lonja")]
    name: String,
    /// Country whose law its institutions are under (ISO 3166-1, two letters)
    #[arg(long, default_value = "ES")]
    country: Country,
    /// Keep a random passphrase in the directory (mode 600) instead of asking for one
    #[arg(long)]
    keep_passphrase: bool,
    #[command(flatten)]
    several: Several,
    #[command(flatten)]
    ports: PortArgs,
}

impl Network {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let document = match self {
            Self::Create(create) => create.run(context)?,
            Self::Inspect => context.layout().document()?,
            Self::Propose(propose) => return propose.run(context),
            Self::Sign(sign) => return sign.run(context),
            Self::Seal(seal) => seal.run(context)?,
            Self::Join(join) => join.run(context).await?,
            Self::Trust(keep) => return keep.run(context).await,
            Self::Up => return up::run(context).await,
        };
        show(context, &document)
    }
}

impl Create {
    fn run(self, context: &Context) -> Result<SignedDocument, Problem> {
        let passphrase = if self.keep_passphrase { random_passphrase()? } else { context.new_passphrase()? };
        let Several { validators, peers_port } = self.several;
        let ports = Ports { peers: peers_port, ..self.ports.or_usual() };
        let spec = Spec { validators, ..spec(&self.name, self.country, ports) };
        let signed = context.layout().create(&spec, &passphrase, self.keep_passphrase)?;
        if validators > 1 {
            eprintln!(
                "One hand made all keys, on one machine: this is a trial. Validators that need not trust each other \
                 each make their own."
            );
        }
        Ok(signed)
    }
}

/// A network of one validator that starts now.
pub fn spec(name: &str, jurisdiction: Country, ports: Ports) -> Spec {
    let created_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
    Spec { jurisdiction, ports, ..Spec::solo(name, created_ms) }
}

/// A passphrase that nobody types.
pub fn random_passphrase() -> Result<genesis::Passphrase, Problem> {
    genesis::Passphrase::random().map_err(|error| {
        Problem::new("the system gives no randomness").because(error.to_string()).help("start again in a moment")
    })
}

#[derive(Serialize)]
struct Shown<'a> {
    directory: String,
    network: contracts::id::NetworkId,
    name: &'a str,
    created: String,
    protocol: u16,
    validators: Vec<&'a str>,
    founders: Vec<Founder<'a>>,
    node: String,
    market: String,
    explorer: String,
}

#[derive(Serialize)]
struct Founder<'a> {
    party: Option<contracts::id::PartyId>,
    name: &'a str,
    roles: contracts::party::Roles,
}

fn show(context: &Context, signed: &SignedDocument) -> Result<(), Problem> {
    let (document, config) = (&signed.document, context.config()?);
    let founding = &document.founding;
    let founder = |f: &'_ contracts::founding::Founder| f.id();
    let shown = Shown {
        directory: context.layout().root().display().to_string(),
        network: signed.network,
        name: &document.name,
        created: output::time(document.created_ms),
        protocol: document.protocol,
        validators: founding.validators.validators.iter().map(|v| v.name.as_str()).collect(),
        founders: founding
            .founders
            .iter()
            .map(|f| Founder { party: founder(f), name: &f.name, roles: f.roles })
            .collect(),
        node: config.node.url(),
        market: config.market.reached(),
        explorer: config.explorer.reached(),
    };
    context.print(&shown, || {
        let head = output::lines(&[
            ("network", shown.network.to_string()),
            ("name", shown.name.to_string()),
            ("created", shown.created.clone()),
            ("directory", shown.directory.clone()),
            ("validators", format!("{} ({} must sign)", shown.validators.join(", "), founding.validators.quorum())),
            ("node", shown.node.clone()),
            ("marketplace", shown.market.clone()),
            ("explorer", shown.explorer.clone()),
        ]);
        let rows = founding.founders.iter().map(|f| {
            let id = f.id().map(|id| id.to_string()).unwrap_or_default();
            [f.name.clone(), roles(f.roles), id]
        });
        format!("{head}\n{}", output::table(["founder", "roles", "party"], rows))
    });
    Ok(())
}

/// Roles as people read them.
pub fn roles(roles: contracts::party::Roles) -> String {
    let word = |role| serde_json::to_value(role).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    roles.list().into_iter().map(word).collect::<Vec<_>>().join(", ")
}
