//! Solo ordering: one validator, no sockets, what it proposes is final.

use super::{Certificate, Ordering, OrderingError};
use contracts::{
    id::{Digest, Height, NetworkId},
    key::{Domain, Signer},
};
use std::sync::Arc;

/// The one validator of a solo network.
pub struct Solo {
    network: NetworkId,
    signer: Arc<dyn Signer>,
}

impl Solo {
    /// Orders for `network` with the consensus key of its one validator.
    pub fn new(network: NetworkId, signer: Arc<dyn Signer>) -> Self {
        Self { network, signer }
    }
}

impl Ordering for Solo {
    fn order(&mut self, height: Height, block: Digest) -> Result<Certificate, OrderingError> {
        let round = 0;
        let message = Domain::Block.message(&self.network, &Certificate::message(height, round, &block));
        let signature = self.signer.sign(&message)?;
        Ok(Certificate { height, round, block, signatures: vec![(0, signature)] })
    }
}
