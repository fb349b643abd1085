//! Reading the model: by height, identifier, list, timeline and name, page by page.

use super::{
    At, BlockRow, IndexError, Kind, ListKind, Row, Thing, Tip, family,
    mention::{dataset_name, list_key},
    names,
    rows::decode,
    thing::state_key,
};
use crate::limits::{QUERY_WORDS_MAX, SCAN_ROWS_MAX};
use contracts::{
    dataset::Dataset,
    id::*,
    jacket::Jacket,
    key::PublicKey,
    party::Party,
    state::{Fault, Key, Reading, Subject, View},
};
use ledger::store::kv::Kv;
use parking_lot::RwLockReadGuard;

/// A view of everything up to one height. No block is taken up while it lives.
pub struct Reader<'a> {
    kv: &'a Kv,
    network: NetworkId,
    tip: RwLockReadGuard<'a, Tip>,
}

/// A part of a list and where the next part begins.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items, in the order that was asked for.
    pub items: Vec<T>,
    /// Where to go on; `None` where nothing follows.
    pub next: Option<Vec<u8>>,
}

/// One row of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Since when it is in the list.
    pub at: At,
    /// What it is.
    pub id: Vec<u8>,
}

/// What an identifier names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A block.
    Block(Height),
    /// A transaction.
    Transaction(TransactionId),
    /// A version, on its dataset's page.
    Version(DatasetId, u32),
    /// A thing with its own page.
    Thing(Thing),
}

/// One answer to an identifier or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The whole identifier.
    pub id: Vec<u8>,
    /// What it names.
    pub target: Target,
}

impl<'a> Reader<'a> {
    pub(super) fn new(kv: &'a Kv, network: NetworkId, tip: RwLockReadGuard<'a, Tip>) -> Self {
        Self { kv, network, tip }
    }

    pub(super) fn kv(&self) -> &Kv {
        self.kv
    }

    /// Up to where everything that it says is true.
    pub fn tip(&self) -> Tip {
        *self.tip
    }

    /// The network.
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// The block at `height`.
    ///
    /// # Errors
    /// [`IndexError`], as of all methods here: the store failed or a row is damaged.
    pub fn block(&self, height: Height) -> Result<Option<BlockRow>, IndexError> {
        self.kv.get(family::BLOCKS, &height.to_be_bytes())?.map(|bytes| decode("block", &bytes)).transpose()
    }

    /// The first height whose block is not before `time_ms`; one beyond the newest where all are.
    pub fn height_from(&self, time_ms: TimeMs) -> Result<Height, IndexError> {
        let (mut low, mut high) = (1, self.tip().height + 1);
        // Times of blocks ascend.
        while low < high {
            let middle = low + (high - low) / 2;
            let block = self.block(middle)?.ok_or(IndexError::Damaged("block"))?;
            if block.entry.time_ms < time_ms { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Blocks from `from` downwards.
    pub fn blocks(&self, from: Height, limit: usize) -> Result<Vec<BlockRow>, IndexError> {
        let rows = self.kv.scan_back(family::BLOCKS, &from.to_be_bytes(), &[], limit)?;
        rows.iter().map(|(_, bytes)| decode("block", bytes)).collect()
    }

    /// The transaction at a position.
    pub fn row(&self, at: &At) -> Result<Option<Row>, IndexError> {
        self.kv.get(family::ROWS, &at.row_key())?.map(|bytes| decode("transaction", &bytes)).transpose()
    }

    /// Transactions of a block from place `from` on.
    pub fn rows(&self, height: Height, from: u32, limit: usize) -> Result<Vec<(At, Row)>, IndexError> {
        let start = At { height, place: from, event: 0 }.row_key();
        let rows = self.kv.scan(family::ROWS, &start, &height.to_be_bytes(), limit)?;
        rows.iter()
            .map(|(key, bytes)| {
                let at = At::from_bytes(&[key.as_slice(), &[0, 0]].concat()).ok_or(IndexError::Damaged("position"))?;
                Ok((at, decode("transaction", bytes)?))
            })
            .collect()
    }

    /// The transaction `id` and where it is.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<(At, Row)>, IndexError> {
        let key = [id.as_bytes(), &[Kind::Transaction as u8]].concat();
        let Some(bytes) = self.kv.get(family::IDS, &key)? else { return Ok(None) };
        let at = At::from_bytes(&bytes).ok_or(IndexError::Damaged("position"))?;
        Ok(self.row(&at)?.map(|row| (at, row)))
    }

    /// The records whose keys begin with `prefix`, at most `limit`.
    pub fn records<T: Subject>(&self, prefix: &[u8], limit: usize) -> Result<Vec<(Key, T)>, IndexError> {
        let rows = self.kv.scan(family::STATE, prefix, prefix, limit)?;
        rows.into_iter()
            .map(|(key, bytes)| {
                let record = contracts::state::Record::<T>::decode(&bytes);
                Ok((Key::from_bytes(key), record.map_err(|_| IndexError::Damaged("record"))?.value))
            })
            .collect()
    }

    /// How many events the record of `thing` says its history has.
    pub fn history_of(&self, thing: &Thing) -> Result<Option<(u64, Digest)>, IndexError> {
        let Some(key) = state_key(thing) else { return Ok(None) };
        let Some(bytes) = View::read(self, &key)? else { return Ok(None) };
        let mut rest = bytes.as_slice();
        let frontier: contracts::merkle::Frontier =
            borsh::BorshDeserialize::deserialize(&mut rest).map_err(|_| IndexError::Damaged("record"))?;
        Ok(Some((frontier.count(), frontier.root())))
    }

    /// A party's name.
    pub fn party_name(&self, party: &PartyId) -> Result<Option<String>, IndexError> {
        Ok(self.value::<Party>(&Party::key(party))?.map(|party| party.name))
    }

    /// What the validator that votes with `consensus` is or was called last.
    pub fn validator_name(&self, consensus: &PublicKey) -> Result<Option<String>, IndexError> {
        let Some(era) = self.newest_era_with(consensus)? else { return Ok(None) };
        let number = era.set.number_of(consensus).ok_or(IndexError::Damaged("era"))?;
        Ok(Some(era.set.validators[usize::from(number)].name.clone()))
    }

    /// A dataset and its jacket.
    pub fn dataset(&self, id: &DatasetId) -> Result<Option<(Dataset, Jacket)>, IndexError> {
        let dataset = self.value::<Dataset>(&Dataset::key(id))?;
        let jacket = self.value::<Jacket>(&Jacket::key(id))?;
        Ok(dataset.zip(jacket))
    }

    /// A list, newest first, from `from` (exclusive) downwards.
    pub fn list(
        &self,
        list: ListKind,
        scope: Option<&Thing>,
        before: Option<At>,
        limit: usize,
    ) -> Result<Page<Listed>, IndexError> {
        let prefix = list_key(list, scope);
        self.back(family::LISTS, &prefix, before, limit, |at, value| Ok(Listed { at, id: value }))
    }

    /// How many rows a list has.
    pub fn list_count(&self, list: ListKind, scope: Option<&Thing>) -> Result<u64, IndexError> {
        self.count(&[b"l".as_slice(), &list_key(list, scope)].concat())
    }

    /// The positions of everything about `thing`, newest first, before `before`.
    pub fn timeline(&self, thing: &Thing, before: Option<At>, limit: usize) -> Result<Page<At>, IndexError> {
        self.back(family::ABOUT, &thing.key(), before, limit, |at, _| Ok(at))
    }

    /// How many rows a timeline has.
    pub fn timeline_count(&self, thing: &Thing) -> Result<u64, IndexError> {
        self.count(&[b"a".as_slice(), &thing.key()].concat())
    }

    fn count(&self, key: &[u8]) -> Result<u64, IndexError> {
        self.kv.get(family::COUNTS, key)?.map_or(Ok(0), |bytes| decode("count", &bytes))
    }

    fn back<T>(
        &self,
        family: &'static str,
        prefix: &[u8],
        before: Option<At>,
        limit: usize,
        make: impl Fn(At, Vec<u8>) -> Result<T, IndexError>,
    ) -> Result<Page<T>, IndexError> {
        let start = match before {
            None => At::LAST,
            Some(at) => match at.before() {
                Some(start) => start,
                None => return Ok(Page { items: Vec::new(), next: None }),
            },
        };
        let from = [prefix, &start.bytes()].concat();
        let mut rows = self.kv.scan_back(family, &from, prefix, limit + 1)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|(key, _)| key[prefix.len()..].to_vec()) } else { None };
        let items = rows
            .into_iter()
            .map(|(key, value)| {
                let at = At::from_bytes(&key[prefix.len()..]).ok_or(IndexError::Damaged("position"))?;
                make(at, value)
            })
            .collect::<Result<_, _>>()?;
        Ok(Page { items, next })
    }

    /// Everything whose identifier begins with `prefix`, in the order of identifiers.
    pub fn identifiers(&self, prefix: &[u8], limit: usize) -> Result<Vec<Found>, IndexError> {
        let rows = self.kv.scan(family::IDS, prefix, prefix, limit)?;
        rows.into_iter().map(|(key, target)| found(&key, &target)).collect()
    }

    /// Things whose names have a word that begins with each word of `query`.
    ///
    /// Ordered by the word that matched, then kind and identifier; each thing once. Looks at no
    /// more than [`SCAN_ROWS_MAX`] rows, then says where to go on.
    pub fn search(&self, query: &str, after: Option<&[u8]>, limit: usize) -> Result<Page<Thing>, IndexError> {
        let mut asked: Vec<String> = names::words(query).into_iter().take(QUERY_WORDS_MAX).collect();
        // The longest word has the fewest matches; the others are checked against each.
        asked.sort_by_key(|word| std::cmp::Reverse(word.len()));
        let Some(driver) = asked.first().cloned() else { return Ok(Page { items: Vec::new(), next: None }) };
        let mut from = after.map_or_else(|| driver.as_bytes().to_vec(), |key| [key, &[0]].concat());
        let (mut items, mut looked) = (Vec::new(), 0);
        loop {
            let rows = self.kv.scan(family::NAMES, &from, driver.as_bytes(), 256)?;
            let Some((last, _)) = rows.last() else { return Ok(Page { items, next: None }) };
            from = [last.as_slice(), &[0]].concat();
            looked += rows.len();
            for (key, _) in rows {
                let Some((word, thing)) = names::parts(&key) else { return Err(IndexError::Damaged("name")) };
                if self.matches(&thing, word, &driver, &asked)? {
                    items.push(thing);
                    if items.len() >= limit {
                        return Ok(Page { items, next: Some(key) });
                    }
                }
            }
            if looked >= SCAN_ROWS_MAX {
                from.pop();
                return Ok(Page { items, next: Some(from) });
            }
        }
    }

    /// Does `thing` match all words, and is `word` the first of its words that the driver matches?
    fn matches(&self, thing: &Thing, word: &str, driver: &str, asked: &[String]) -> Result<bool, IndexError> {
        let Some(text) = self.name_of(thing)? else { return Ok(false) };
        let words = names::words(&text);
        let first = words.iter().find(|own| own.starts_with(driver));
        let all = asked.iter().all(|asked| words.iter().any(|own| own.starts_with(asked.as_str())));
        Ok(all && first.is_some_and(|first| first == word))
    }

    fn name_of(&self, thing: &Thing) -> Result<Option<String>, IndexError> {
        match thing.kind {
            Kind::Party => self.party_name(&PartyId(thing.id)),
            Kind::Dataset => {
                Ok(self.dataset(&DatasetId(thing.id))?.map(|(dataset, jacket)| dataset_name(&dataset, &jacket)))
            }
            Kind::Validator => self.validator_name(&PublicKey(thing.id)),
            _ => Ok(None),
        }
    }
}

fn found(key: &[u8], target: &[u8]) -> Result<Found, IndexError> {
    let damaged = || IndexError::Damaged("identifier");
    let (kind, id) = key.split_last().ok_or_else(damaged)?;
    let kind = Kind::from_byte(*kind).ok_or_else(damaged)?;
    let target = match kind {
        Kind::Block => Target::Block(u64::from_be_bytes(target.try_into().map_err(|_| damaged())?)),
        Kind::Transaction => Target::Transaction(TransactionId(id.try_into().map_err(|_| damaged())?)),
        Kind::Version if target.len() == 36 => Target::Version(
            DatasetId(target[..32].try_into().map_err(|_| damaged())?),
            u32::from_be_bytes(target[32..].try_into().map_err(|_| damaged())?),
        ),
        kind => Target::Thing(Thing::new(kind, target)),
    };
    Ok(Found { id: id.to_vec(), target })
}

impl View for Reader<'_> {
    fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Fault> {
        self.kv.get(family::STATE, key.as_bytes()).map_err(|error| Fault::Read(error.to_string()))
    }
}
