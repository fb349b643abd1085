//! What a running node is connected to: the other validators while it is one, and otherwise nodes that serve
//! blocks. Both change with the validator set, while the node runs.

use crate::{
    context::Context,
    problem::{Exit, Problem},
};
use contracts::validators::ValidatorSet;
use genesis::{Layout, config};
use ledger::{
    api::client::Client,
    node::{Handle, Keys},
    peers::{self, Peer, Peers},
};
use std::{sync::Arc, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long is waited before something that failed is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// How often it is looked whether lonja.toml has other addresses.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What links need to be made anew whenever the set changes.
pub struct Linker {
    pub handle: Handle,
    pub layout: Layout,
    /// Where its keys are.
    pub keys: Arc<dyn Keys>,
    /// Does somebody bring it blocks while it is no validator?
    pub follows: bool,
}

/// Why a node that left the set is not well: what it says is true of a height that the others have passed.
const LEFT: &str = "the set of validators has changed and this node is none of them any more: to follow the network, name \
                    nodes that serve blocks as `from` of [observe] in lonja.toml, and start it again";

impl Linker {
    /// Links the node with the other validators, if it is one and there are any.
    ///
    /// # Errors
    /// When an address is missing or cannot be had.
    pub async fn link(&self) -> Result<Option<Arc<Peers>>, Problem> {
        let (set, Some(number)) = (self.handle.validators(), self.handle.seat()) else {
            if !self.follows {
                self.handle.unreached(LEFT.into());
            }
            return Ok(None);
        };
        if set.validators.len() == 1 {
            return Ok(None);
        }
        let settings = self.layout.config()?.peers.ok_or_else(|| {
            Problem::new("the network has several validators, and lonja.toml has no [peers]")
                .help("say there where the others reach this node (listen), and where they are ([peers.addresses])")
                .exits(Exit::File)
        })?;
        let known: Vec<_> = set.validators.iter().map(|validator| validator.name.as_str()).collect();
        if let Some(stranger) = settings.addresses.keys().find(|name| !known.contains(&name.as_str())) {
            // It may have left, or be on its way in.
            let meant = genesis::nearest(stranger, known.iter().copied());
            tracing::warn!(stranger, ?meant, "lonja.toml has the address of somebody who is no validator");
        }
        let peers = peers_of(&set, number, &settings, self.follows)?;
        for peer in peers.iter().filter(|peer| peer.address.is_none()) {
            let validator = &set.validators[usize::from(peer.number)].name;
            tracing::error!(validator, "lonja.toml has no address of this validator: add it under [peers.addresses]");
        }
        let keys = self.keys.of(&set).map_err(|unopened| Problem::new(unopened.to_string()).exits(Exit::File))?;
        let signer = keys.map(|(_, keys)| keys.consensus);
        let signer = signer.ok_or_else(|| Problem::new("the validator's key is not at hand").exits(Exit::File))?;
        let listener = listen(&settings).await?;
        let times = peers::Times::default();
        let config = peers::Config { network: self.handle.network(), signer, peers, times };
        let links = Peers::start(listener, config, self.handle.inbox())
            .map_err(|error| Problem::new("the links to other validators do not start").because(error.to_string()))?;
        let links = Arc::new(links);
        self.handle.connect(Some(links.clone()));
        Ok(Some(links))
    }

    /// Makes the links anew whenever the set changes, and finds validators that have moved where lonja.toml says
    /// that they are, until `stop`.
    pub async fn keep(self, mut links: Option<Arc<Peers>>, stop: CancellationToken) {
        let mut eras = self.handle.eras();
        let mut unread = None;
        loop {
            let changed = loop {
                tokio::select! {
                    () = stop.cancelled() => break false,
                    changed = eras.changed() => break changed.is_ok(),
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                let moved = links.as_deref().map_or(Ok(()), |links| self.take_up_addresses(links));
                let problem = moved.err().map(|problem| problem.to_string());
                if problem != unread {
                    // Once for each, since it is looked again soon: the operator may be in the middle of it.
                    problem.iter().for_each(|problem| tracing::warn!(problem, "lonja.toml cannot be read"));
                    unread = problem;
                }
            };
            self.handle.connect(None);
            if let Some(links) = links.take() {
                links.stop().await;
            }
            if !changed {
                return;
            }
            links = loop {
                match self.link().await {
                    Ok(links) => break links,
                    Err(problem) => tracing::error!(%problem, "the new set of validators cannot be reached"),
                }
                // The operator may be mending lonja.toml.
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = eras.changed() => {}
                    () = tokio::time::sleep(AGAIN_AFTER) => {}
                }
            };
        }
    }

    /// Takes up what the operator has changed under [peers.addresses].
    fn take_up_addresses(&self, links: &Peers) -> Result<(), genesis::layout::LayoutError> {
        let settings = self.layout.config()?.peers;
        for validator in &self.handle.validators().validators {
            let address = settings.as_ref().and_then(|settings| settings.addresses.get(&validator.name));
            if let Some(address) = address.filter(|address| links.move_to(&validator.consensus, address)) {
                tracing::info!(validator = validator.name, address, "a validator is looked for elsewhere");
            }
        }
        Ok(())
    }
}

/// The other validators. Addresses may be missing, since a node that begins anew passes sets of validators who are
/// gone by now; but not all of them, unless the node `follows`, so that others bring it past such a set.
fn peers_of(set: &ValidatorSet, number: u16, settings: &config::Peers, follows: bool) -> Result<Vec<Peer>, Problem> {
    let others = (0..).zip(&set.validators).filter(|(other, _)| *other != number);
    let peers: Vec<_> = others
        .map(|(number, validator)| {
            let address = settings.addresses.get(&validator.name).cloned();
            Peer { number, key: validator.consensus, address }
        })
        .collect();
    if follows || peers.iter().any(|peer| peer.address.is_some()) {
        return Ok(peers);
    }
    let names: Vec<_> = peers.iter().map(|peer| set.validators[usize::from(peer.number)].name.as_str()).collect();
    Err(Problem::new(format!("lonja.toml has the address of no other validator: {}", names.join(", ")))
        .help(
            "add host and port of each under [peers.addresses]; where they are gone, name nodes that serve blocks as \
             `from` of [observe]",
        )
        .exits(Exit::File))
}

/// The address on which other validators reach us.
async fn listen(peers: &config::Peers) -> Result<TcpListener, Problem> {
    TcpListener::bind(peers.listen).await.map_err(|error| {
        Problem::new(format!("cannot listen to other validators on {}", peers.listen))
            .because(error)
            .help("choose another address as `listen` of [peers] in lonja.toml, and tell the other validators")
            .exits(Exit::Unreachable)
    })
}

/// Clients of the nodes that `[observe]` names.
///
/// # Errors
/// When a URL cannot be used.
pub fn sources(context: &Context, observe: Option<&config::Observe>) -> Result<Vec<Client>, Problem> {
    let from = observe.map(|observe| observe.from.as_slice()).unwrap_or_default();
    from.iter().map(|url| context.client_at(url)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::testing;

    /// Numbers and addresses of the peers of validator 1 of four, whose lonja.toml has the addresses of `known`.
    fn check(known: &[u16], follows: bool) -> Result<Vec<(u16, bool)>, Problem> {
        let others = known.iter().map(|number| (format!("validator-{number}"), 7_400 + number));
        let peers = peers_of(&testing::validators(4), 1, &config::Peers::local(7_401, others), follows)?;
        Ok(peers.into_iter().map(|peer| (peer.number, peer.address.is_some())).collect())
    }

    #[test]
    fn validators_without_an_address_are_peers_all_the_same() {
        assert_eq!(check(&[0, 2, 3], false).unwrap(), [(0, true), (2, true), (3, true)]);
        assert_eq!(check(&[2], false).unwrap(), [(0, false), (2, true), (3, false)]);
        // Its own, and that of somebody who is none, help nobody.
        let problem = check(&[1, 9], false).unwrap_err();
        assert_eq!(problem.exit(), Exit::File);
        assert!(problem.to_string().contains("validator-0, validator-2, validator-3"), "{problem}");
        // Who gets blocks in another way passes also a set of whom nobody is left.
        assert_eq!(check(&[], true).unwrap(), [(0, false), (2, false), (3, false)]);
    }
}
