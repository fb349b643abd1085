//! What is done when a validator is caught: the evidence is kept, and where it takes our word, that is given.

use super::Member;
use crate::{node::misconduct::Evidence, ordering::Misbehaviour};
use contracts::{
    governance::{Accuse, Protest},
    key::Signature,
    statement::Statement,
};

impl Member {
    /// Keeps what `misbehaviour` shows. A ledger that stands still because that fails would serve the liar.
    pub(super) fn caught(&self, misbehaviour: Misbehaviour) {
        let evidence = match misbehaviour {
            Misbehaviour::Excluding { validator, evidence } => {
                let Accuse { height, round, .. } = evidence;
                tracing::error!(validator, height, round, "a validator signed two things that exclude each other");
                Some(Evidence::Accusation(evidence))
            }
            Misbehaviour::Breaking { validator, proposal, signature } => {
                let Statement { height, round, .. } = proposal;
                tracing::error!(validator, height, round, "a validator proposed a block that breaks the rules");
                self.protest(&proposal, signature).map(Evidence::Protest)
            }
        };
        if let Some(Err(error)) = evidence.map(|evidence| self.shared.misconduct.keep(evidence)) {
            tracing::error!(%error, "the evidence cannot be kept");
        }
    }

    /// Our word that `proposal` is of a block that breaks the rules, if we have not given it against this validator.
    fn protest(&self, proposal: &Statement, signature: Signature) -> Option<Protest> {
        let era = self.shared.era();
        let consensus = &era.keys().consensus;
        if self.shared.misconduct.has_protest(&proposal.validator, &consensus.public()) {
            return None;
        }
        match Protest::sign(&self.shared.network, proposal, signature, &**consensus) {
            Ok(protest) => Some(protest),
            Err(error) => {
                tracing::error!(%error, "the protest cannot be signed");
                None
            }
        }
    }
}
