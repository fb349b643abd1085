//! Solo ordering: one validator, no sockets, what it proposes is final.

use super::{Certificate, Input, Ordering, OrderingError, Output, Turn};
use contracts::{
    id::{Digest, Height, NetworkId},
    key::{Domain, Signer},
    validators::ValidatorSet,
};
use std::sync::Arc;

/// The round in which a solo network decides: nobody makes it wait for another.
const ROUND: u32 = 0;

/// The one validator of a solo network.
pub struct Solo {
    network: NetworkId,
    signer: Arc<dyn Signer>,
    /// The height at work, until it is decided.
    open: Option<Height>,
}

impl Solo {
    /// Orders for `network` with the consensus key of its one validator.
    pub fn new(network: NetworkId, signer: Arc<dyn Signer>) -> Self {
        Self { network, signer, open: None }
    }

    /// Orders block `block` at `height` at once: a host that has its block ready needs no states.
    ///
    /// # Errors
    /// [`OrderingError::Sign`]; nothing was decided then.
    pub fn order(&mut self, height: Height, block: Digest) -> Result<Certificate, OrderingError> {
        let message = Domain::Block.message(&self.network, &Certificate::message(height, ROUND, &block));
        let signature = self.signer.sign(&message)?;
        Ok(Certificate { height, round: ROUND, block, signatures: vec![(0, signature)] })
    }
}

impl Ordering for Solo {
    fn begin(
        &mut self,
        height: Height,
        set: &ValidatorSet,
        _: &[Turn],
        _: &[Vec<u8>],
    ) -> Result<Vec<Output>, OrderingError> {
        let key = self.signer.public();
        match set.validators.as_slice() {
            [only] if only.consensus == key => {}
            _ => return Err(OrderingError::NotAValidator(key, height)),
        }
        self.open = Some(height);
        Ok(vec![Output::Propose { round: ROUND }])
    }

    fn handle(&mut self, input: Input) -> Result<Vec<Output>, OrderingError> {
        match (input, self.open) {
            (Input::Proposed { round: ROUND, block }, Some(height)) => {
                let certificate = self.order(height, block)?;
                self.open = None;
                Ok(vec![Output::Decided(certificate)])
            }
            (Input::Received(_), _) => Err(OrderingError::Message("a solo network has nobody who sends one".into())),
            _ => Ok(Vec::new()),
        }
    }
}
