//! Which validator of its network a directory is, and how it reaches the others.

use crate::{
    context::Context,
    problem::{Exit, Problem},
};
use contracts::{
    key::Signer,
    validators::{Validator, ValidatorSet},
};
use genesis::{KeyName, config};
use ledger::{
    node::{Handle, ValidatorKeys},
    peers::{self, Peer, Peers},
};
use std::sync::Arc;
use tokio::net::TcpListener;

/// A validator whose keys lie in the directory.
pub struct Ours {
    /// Its number in the set.
    pub number: u16,
    /// Its name, which its key files begin with.
    pub name: String,
}

impl Ours {
    /// The validator of `set` whose consensus key the directory holds.
    ///
    /// # Errors
    /// When it holds none, naming what it looked for.
    pub fn of(context: &Context, set: &ValidatorSet) -> Result<Self, Problem> {
        let ring = context.layout().keyring();
        for (number, Validator { name, .. }) in (0..).zip(&set.validators) {
            let Ok(key) = key_name(name, "consensus") else { continue };
            if ring.path(&key).exists() {
                return Ok(Self { number, name: name.clone() });
            }
        }
        let names: Vec<_> = set.validators.iter().map(|validator| format!("{}.consensus", validator.name)).collect();
        Err(Problem::new(format!("{} holds no validator's key", context.layout().keys_path().display()))
            .because(format!("the network's are {}", names.join(", ")))
            .help("put the validator's keys back from a copy, or run the node on its own directory")
            .exits(Exit::File))
    }

    /// Opens its keys.
    ///
    /// # Errors
    /// When one is missing or does not open.
    pub fn keys(&self, context: &Context) -> Result<ValidatorKeys, Problem> {
        let key = |what: &str| -> Result<Arc<dyn Signer>, Problem> {
            Ok(Arc::new(context.open(&key_name(&self.name, what)?)?))
        };
        Ok(ValidatorKeys { consensus: key("consensus")?, log: key("log")?, cosigner: key("cosigner")? })
    }

    /// The name of its key for `what`.
    ///
    /// # Errors
    /// When it has a name that no file can have.
    pub fn key_name(&self, what: &str) -> Result<KeyName, Problem> {
        key_name(&self.name, what)
    }
}

fn key_name(validator: &str, what: &str) -> Result<KeyName, Problem> {
    Ok(format!("{validator}.{what}").parse()?)
}

/// The address on which other validators reach us, taken before anything else is done.
///
/// # Errors
/// When there is no such address, or it cannot be had.
pub async fn listen(peers: Option<&config::Peers>) -> Result<TcpListener, Problem> {
    let Some(peers) = peers else {
        return Err(Problem::new("the network has several validators, and lonja.toml has no [peers]")
            .help("say there where the others reach this node (listen), and where they are ([peers.addresses])")
            .exits(Exit::File));
    };
    TcpListener::bind(peers.listen).await.map_err(|error| {
        Problem::new(format!("cannot listen to other validators on {}", peers.listen))
            .because(error)
            .help("choose another address as `listen` of [peers] in lonja.toml, and tell the other validators")
            .exits(Exit::Unreachable)
    })
}

/// Connects a node with the other validators.
///
/// # Errors
/// When the address of one is not known.
pub fn connect(
    handle: &Handle,
    listener: TcpListener,
    ours: &Ours,
    keys: &ValidatorKeys,
    settings: &config::Peers,
) -> Result<Arc<Peers>, Problem> {
    let set = handle.validators();
    let known: Vec<_> = set.validators.iter().map(|validator| validator.name.as_str()).collect();
    if let Some(stranger) = settings.addresses.keys().find(|name| !known.contains(&name.as_str())) {
        let help = match genesis::nearest(stranger, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("they are {}", known.join(", ")),
        };
        let text = format!("lonja.toml has the address of `{stranger}`, who is no validator");
        return Err(Problem::new(text).help(help).exits(Exit::File));
    }
    let others = (0..).zip(&set.validators).filter(|(number, _)| *number != ours.number);
    let others = others.map(|(number, validator)| {
        let address = settings.addresses.get(&validator.name).cloned().ok_or_else(|| {
            Problem::new(format!("lonja.toml has no address of validator `{}`", validator.name))
                .help("add host and port under [peers.addresses]")
                .exits(Exit::File)
        })?;
        Ok(Peer { number, key: validator.consensus, address })
    });
    let config = peers::Config {
        network: handle.network(),
        number: ours.number,
        signer: keys.consensus.clone(),
        peers: others.collect::<Result<_, Problem>>()?,
        times: peers::Times::default(),
    };
    let links = Peers::start(listener, config, handle.inbox())
        .map_err(|error| Problem::new("the links to other validators do not start").because(error.to_string()))?;
    let links = Arc::new(links);
    handle.connect(links.clone());
    Ok(links)
}
