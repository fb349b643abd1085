//! The ledger as an audit made it anew: what services compare their own folders with.
//!
//! Everything in it was verified and executed by this audit, so nothing here is checked again.

use crate::{
    api::follow::{Cursor, Followed, FollowedItem},
    block::entries,
    chain::Chain,
    log::{self, proof::TreeHead},
    store::StoreError,
};
use contracts::{
    event::Event,
    founding::Founding,
    id::{Height, NetworkId, TransactionId},
    state::{Key, Record, Subject},
    transaction::Transaction,
};

/// A ledger that was verified and executed from its founding.
pub struct Replayed {
    chain: Chain,
    founding: Founding,
}

impl Replayed {
    pub(super) fn new(chain: Chain, founding: Founding) -> Self {
        Self { chain, founding }
    }

    /// The network.
    pub fn network(&self) -> NetworkId {
        self.chain.tip().network
    }

    /// The last height that was verified.
    pub fn height(&self) -> Height {
        self.chain.tip().height
    }

    /// What is so at [`Replayed::height`], under `key`.
    ///
    /// # Errors
    /// Says what could not be read.
    pub fn value<T: Subject>(&self, key: &Key) -> Result<Option<T>, String> {
        let bytes = self.chain.store().kv().get("state", key.as_bytes()).map_err(|error| error.to_string())?;
        bytes.map(|bytes| Record::<T>::decode(&bytes).map(|record| record.value)).transpose()
    }

    /// Height and events of a transaction; nothing where the ledger has not taken it up.
    ///
    /// # Errors
    /// Says what could not be read.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<(Height, Vec<Event>)>, String> {
        let (reader, text) = (self.chain.store().reader(), |error: StoreError| error.to_string());
        let Some(place) = reader.place(id).map_err(text)? else { return Ok(None) };
        let mut results = reader.results(place.height).map_err(text)?.ok_or("results are missing")?;
        let at = place.place as usize;
        if at >= results.len() {
            return Err(format!("block {} has no transaction {at}", place.height));
        }
        Ok(Some((place.height, results.swap_remove(at).events)))
    }

    /// Every block, as a follower of the node would get it.
    pub fn blocks(&self) -> impl Iterator<Item = Result<Followed, String>> + '_ {
        let mut cursor = Cursor::default();
        (1..=self.height()).map(move |height| {
            let followed = self.block(height, &cursor)?;
            cursor = followed.cursor.clone();
            Ok(followed)
        })
    }

    fn block(&self, height: Height, before: &Cursor) -> Result<Followed, String> {
        let (reader, text) = (self.chain.store().reader(), |error: StoreError| error.to_string());
        let header = reader.header(height).map_err(text)?.ok_or("a header is missing")?;
        let bodies = reader.bodies(height).map_err(text)?.ok_or("transactions are missing")?;
        let results = reader.results(height).map_err(text)?.ok_or("results are missing")?;
        let leaves = entries(results.iter().map(|result| &result.entry), &header.entry).map(|entry| entry.leaf());
        let (log, _) = log::append(&before.log, leaves);
        let first = before.log.count();
        let item = |(place, (body, result)): (usize, (Vec<u8>, crate::store::StoredResult))| {
            let transaction = Transaction::decode(&body).map_err(|error| error.to_string())?;
            let (id, index) = (result.entry.transaction, first + place as u64);
            Ok(FollowedItem { id, index, transaction, outcome: result.entry.outcome, events: result.events })
        };
        let items = bodies.into_iter().zip(results).enumerate().map(item).collect::<Result<_, String>>()?;
        Ok(Followed {
            height,
            time_ms: header.entry.time_ms,
            block_id: header.id(),
            entry: header.entry,
            head: TreeHead { size: header.log_size, root: header.log_root },
            items,
            cursor: Cursor { height, block: Some(header.id()), log },
            founding: (height == 1).then(|| self.founding.clone()),
        })
    }
}
