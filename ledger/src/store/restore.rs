//! Filling a store from a snapshot: everything but the tip, which comes last, in a store that nobody reads yet.

use super::{Base, Batch, HistoryPointer, Place, Store, StoreError, StoredResult, Tip, encode, hash_key, history_key};
use crate::{
    block::{Block, Header},
    log::SubtreeHash,
    ordering::Certificate,
    receipt::{Seal, SetChange},
    tree::Nodes,
};
use contracts::{id::Height, state::Key};
use std::{collections::HashMap, ops::RangeInclusive};

impl Store {
    /// Writes records and the nodes of the tree that they are in. Not twice the same: nodes are deleted once.
    ///
    /// # Errors
    /// [`StoreError`], as of every write here.
    pub fn restore_state(&self, records: Vec<(Key, Vec<u8>)>, nodes: Nodes) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        records.into_iter().for_each(|(key, value)| batch.put("state", key.as_bytes(), value));
        nodes.into_iter().for_each(|(key, node)| batch.put("nodes", key, node));
        Ok(self.kv.write(batch)?)
    }

    /// Writes hashes of the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn restore_hashes(&self, hashes: Vec<SubtreeHash>) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        hashes.into_iter().for_each(|hash| batch.put("hashes", hash_key(hash.level, hash.index), hash.hash.0));
        Ok(self.kv.write(batch)?)
    }

    /// Writes a block with what became of it, and the hashes that it brought to the log.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn restore_block(
        &self,
        block: &Block,
        results: &[StoredResult],
        certificate: &Certificate,
        seal: &Seal,
        hashes: Vec<SubtreeHash>,
    ) -> Result<(), StoreError> {
        let header = &block.header;
        let (height, at) = (header.entry.height, header.entry.height.to_be_bytes());
        let mut batch = Batch::default();
        put_header(&mut batch, header);
        batch.put("bodies", at, encode(&block.transactions));
        batch.put("results", at, encode(&results));
        batch.put("certificates", at, encode(certificate));
        batch.put("seals", at, encode(seal));
        for (place, result) in (0..).zip(results) {
            batch.put("ids", result.entry.transaction.0, Place { height, place }.encode());
        }
        hashes.into_iter().for_each(|hash| batch.put("hashes", hash_key(hash.level, hash.index), hash.hash.0));
        Ok(self.kv.write(batch)?)
    }

    /// Writes where the events of the blocks at `heights` are in the histories of their subjects, once both blocks and
    /// records are there: counted down from what each record says of its history.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn restore_histories(&self, heights: RangeInclusive<Height>) -> Result<(), StoreError> {
        let mut left: HashMap<Key, u64> = HashMap::new();
        for height in heights.rev() {
            let (mut batch, reader) = (Batch::default(), self.reader());
            let results = reader.results(height)?.unwrap_or_default();
            for (place, result) in results.iter().enumerate().rev() {
                for (number, event) in result.events.iter().enumerate().rev() {
                    let pointer =
                        HistoryPointer { place: Place { height, place: place as u32 }, number: number as u16 };
                    for key in event.subjects().into_iter().rev() {
                        let index = match left.get(&key) {
                            Some(left) => *left,
                            None => reader.events(&key)?,
                        };
                        // The blocks are proven, and so are the records: no event is one too many.
                        let index = index.saturating_sub(1);
                        batch.put("history", history_key(&key, index), pointer.encode());
                        left.insert(key, index);
                    }
                }
            }
            self.kv.write(batch)?;
        }
        Ok(())
    }

    /// Writes what makes it a ledger: headers of older blocks, records of changes of the set, the upper nodes of the
    /// tree, where it begins and where it stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn restore_tip(
        &self,
        headers: &[Header],
        changes: &[SetChange],
        upper: Nodes,
        base: &Base,
        tip: &Tip,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        headers.iter().for_each(|header| put_header(&mut batch, header));
        changes.iter().for_each(|change| batch.put("sets", change.number.to_be_bytes(), encode(change)));
        upper.into_iter().for_each(|(key, node)| batch.put("nodes", key, node));
        batch.put("meta", b"base".as_slice(), encode(base));
        batch.put("meta", b"tip".as_slice(), encode(tip));
        Ok(self.kv.write(batch)?)
    }
}

fn put_header(batch: &mut Batch, header: &Header) {
    let at = header.entry.height.to_be_bytes();
    batch.put("blocks", at, encode(header));
    batch.put("sizes", header.log_size.to_be_bytes(), at);
}
