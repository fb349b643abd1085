//! The real rules beside the small ledger of the simulation: what hosts would hand in is executed.

use crate::testing;
use contracts::{
    action::Action,
    execute::{Context, execute},
    id::NetworkId,
    outcome::Outcome,
    state::Key,
    transaction::Body,
};
use std::collections::BTreeMap;

/// The state of a network with the validators of the simulation.
pub struct Rules {
    network: NetworkId,
    validators: u16,
    /// None before it is needed: most runs need it never.
    state: Option<BTreeMap<Key, Vec<u8>>>,
    height: u64,
}

impl Rules {
    pub fn new(network: NetworkId, validators: u16) -> Self {
        Self { network, validators, state: None, height: 0 }
    }

    /// Executes `action`, handed in by somebody who is no validator.
    ///
    /// # Errors
    /// Says why it is refused.
    pub fn take(&mut self, action: Action) -> Result<(), String> {
        if self.state.is_none() {
            let founding = testing::document_among(self.validators).document.founding;
            self.state = Some(founding.state().map_err(|error| error.to_string())?);
        }
        let state = self.state.get_or_insert_default();
        self.height += 1;
        let sender = testing::settlement();
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.height.to_be_bytes());
        let (network, height) = (self.network, self.height);
        let (party, key) = (sender.party, sender.signer.public());
        let body = Body { network, sender: party, key, nonce, last_valid: height + 1, action };
        let transaction = body.sign(&*sender.signer).map_err(|error| error.to_string())?;
        let checked = transaction.check(&network).map_err(|error| error.to_string())?;
        let context = Context { network, height, time_ms: height };
        let executed = execute(state, &context, &[checked]).map_err(|error| error.to_string())?;
        state.extend(executed.changes);
        match &executed.done[0] {
            done if done.entry.outcome == Outcome::Applied => Ok(()),
            done => Err(format!("{:?}", done.events)),
        }
    }
}
