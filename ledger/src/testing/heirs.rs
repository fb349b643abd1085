//! A solo network whose validator decides: that it takes other keys, since the old ones may be in other hands, or that
//! other rules take over.

use super::{Network, config, document, operator, solo_keys, validator_keys, validators};
use crate::node::{Config, Node, ValidatorKeys};
use contracts::{
    action::Action,
    governance::{Ballot, Change, Propose, Ready},
    id::Height,
    validators::ValidatorSet,
};
use std::{path::Path, sync::Arc, time::Duration};

/// Number of the keys that take over, among those of networks of several.
const HEIR: u16 = 7;

/// The keys that [`Network::take_other_keys`] brings in.
pub fn heir_keys() -> ValidatorKeys {
    validator_keys(HEIR)
}

impl Network {
    /// As [`Network::start`], with a node that has the keys which [`Network::take_other_keys`] brings in, too.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with_heir(folder: &Path) -> Self {
        let keys = Arc::new(vec![solo_keys(), heir_keys()]);
        let node = Node::start(Config { keys, ..config(folder) }).expect("the test network starts");
        let started = Self::serving(node).await;
        while started.client.status().await.expect("the node answers").height == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        started
    }

    /// The validator gives way to other keys, and its own count as lost. Returns the last height of the old ones.
    ///
    /// # Panics
    /// When the rules refuse it.
    pub async fn take_other_keys(&self) -> Height {
        let (network, was) = (document().network, document().document.founding.validators);
        let heir = validators(HEIR + 1).validators.remove(usize::from(HEIR));
        let change = Change::Validators { set: ValidatorSet { validators: vec![heir] }, compromised: vec![0] };
        let status = self.client.status().await.expect("the node answers");
        let (base, until_ms) = (was.digest(), status.time_ms + 3_600_000);
        let proposal = Propose::id_of(&change, &base, until_ms);
        let ballot = Ballot::approve(&network, &proposal, 0, &*solo_keys().consensus).expect("a test's key signs");
        self.decide(Action::Propose(Propose { change, base, until_ms, ballot })).await;
        let height = self.client.status().await.expect("the node answers").height;
        let heir = heir_keys().consensus;
        let ballot = Ballot::ready(&network, &proposal, height, 0, &*heir).expect("a test's key signs");
        let last = self.decide(Action::Ready(Ready { proposal, height, ballot })).await;
        let mut eras = self.handle().eras();
        eras.wait_for(|era| *era == 1).await.expect("the node runs");
        last
    }

    /// The only validator decides that the rules of `version` take over at `from`.
    ///
    /// # Panics
    /// When the rules refuse it.
    pub async fn decide_rules(&self, version: u16, from: Height) {
        let document = document();
        let (change, base) = (Change::Protocol { version, from }, document.document.founding.validators.digest());
        let until_ms = self.client.status().await.expect("the node answers").time_ms + 3_600_000;
        let proposal = Propose::id_of(&change, &base, until_ms);
        let ballot = Ballot::approve(&document.network, &proposal, 0, &*solo_keys().consensus);
        let ballot = ballot.expect("a test's key signs");
        self.decide(Action::Propose(Propose { change, base, until_ms, ballot })).await;
    }

    async fn decide(&self, action: Action) -> Height {
        let done = self.client.act(&operator(), action, None).await.expect("it is taken");
        done.applied().expect("the rules allow it").height
    }
}
