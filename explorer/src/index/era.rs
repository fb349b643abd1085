//! Eras: which validators decided from which height on. One row for the founding set and one for each change.

use super::{At, IndexError, Kind, ListKind, Reader, Thing, family, mention::Rows, rows::decode, rows::encode};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{Digest, Height, ProposalId},
    key::PublicKey,
    validators::{Validator, ValidatorSet},
};
use ledger::store::kv::Kv;

/// A validator set while it decides. Numbers and first heights ascend together, and only the newest has no end.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Era {
    /// 0 for the founding set, then as the changes of the set are numbered.
    pub number: u32,
    /// The first height that it decides.
    pub from: Height,
    /// The proposal by which it came; none for the founding set.
    pub proposal: Option<ProposalId>,
    /// The validators.
    pub set: ValidatorSet,
    /// For each of them the height since which its consensus key has been in the set without a break.
    pub since: Vec<Height>,
}

impl Era {
    /// The era that a network begins with.
    pub(super) fn founding(set: &ValidatorSet) -> Self {
        Self { number: 0, from: 1, proposal: None, set: set.clone(), since: vec![1; set.validators.len()] }
    }

    /// The era of `set` from height `from` on.
    pub(super) fn next(&self, from: Height, proposal: ProposalId, set: ValidatorSet) -> Self {
        let since = |validator: &Validator| match self.set.number_of(&validator.consensus) {
            Some(number) => self.since[usize::from(number)],
            None => from,
        };
        Self {
            number: self.number + 1,
            from,
            proposal: Some(proposal),
            since: set.validators.iter().map(since).collect(),
            set,
        }
    }

    /// The thing that it is.
    pub fn thing(number: u32) -> Thing {
        Thing::new(Kind::Era, &number.to_be_bytes())
    }

    /// The number of the era that `thing` is.
    pub fn number_of(thing: &Thing) -> u32 {
        let [a, b, c, d, ..] = thing.id;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Puts it into rows: by number, set and keys, and into the list of each of its validators. `before` is the era
    /// that ends.
    pub(super) fn rows(&self, rows: &mut Rows, at: At, before: Option<&Self>) {
        let number = self.number.to_be_bytes();
        rows.put(family::ERAS, &number, &encode(self));
        let things: Vec<_> = self.set.validators.iter().map(|one| validator(&one.consensus)).collect();
        rows.list(ListKind::Eras, &things, at, &number);
        rows.id(self.set.digest().as_bytes(), Kind::Era, &number);
        for one in before.iter().flat_map(|era| &era.set.validators) {
            rows.unname(&one.name, &validator(&one.consensus));
        }
        // Who left is still found by its name, unless its key goes on under another.
        let gone = before.iter().flat_map(|era| &era.set.validators);
        let gone = gone.filter(|one| self.set.number_of(&one.consensus).is_none());
        for one in gone.chain(&self.set.validators) {
            rows.name(&one.name, &validator(&one.consensus));
        }
        for one in &self.set.validators {
            for key in [one.consensus, one.log, one.cosigner] {
                rows.id(&key.0, Kind::Validator, &one.consensus.0);
            }
        }
    }
}

/// A validator, which is the same as long as it votes with the same key.
pub fn validator(consensus: &PublicKey) -> Thing {
    Thing::new(Kind::Validator, &consensus.0)
}

/// The era `number`, if it began in a block that was written.
pub(super) fn read(kv: &Kv, number: u32) -> Result<Option<Era>, IndexError> {
    kv.get(family::ERAS, &number.to_be_bytes())?.map(|bytes| decode("era", &bytes)).transpose()
}

/// The newest era of the set with this digest, likewise.
pub(super) fn of_set(kv: &Kv, set: &Digest) -> Result<Option<Era>, IndexError> {
    let key = [set.as_bytes(), &[Kind::Era as u8]].concat();
    match kv.get(family::IDS, &key)? {
        Some(number) => read(kv, number_in(&number)?),
        None => Ok(None),
    }
}

fn number_in(bytes: &[u8]) -> Result<u32, IndexError> {
    Ok(u32::from_be_bytes(bytes.try_into().map_err(|_| IndexError::Damaged("number of an era"))?))
}

impl Reader<'_> {
    /// The era `number`.
    ///
    /// # Errors
    /// [`IndexError`], as of all methods here: the store failed or a row is damaged.
    pub fn era(&self, number: u32) -> Result<Option<Era>, IndexError> {
        read(self.kv(), number)
    }

    /// The newest era of the set with this digest.
    pub fn era_of_set(&self, set: &Digest) -> Result<Option<Era>, IndexError> {
        of_set(self.kv(), set)
    }

    /// The newest era, or the newest that began in a block and place before `before`.
    pub fn newest_era(&self, before: Option<At>) -> Result<Option<Era>, IndexError> {
        self.newest(None, before)
    }

    /// The era whose set decided the block at `height`, or is to decide it.
    pub fn era_at(&self, height: Height) -> Result<Option<Era>, IndexError> {
        self.newest(None, Some(At { height, place: 0, event: 0 }))
    }

    /// The newest era with the validator that votes with `consensus`.
    pub fn newest_era_with(&self, consensus: &PublicKey) -> Result<Option<Era>, IndexError> {
        self.newest(Some(&validator(consensus)), None)
    }

    fn newest(&self, scope: Option<&Thing>, before: Option<At>) -> Result<Option<Era>, IndexError> {
        match self.list(ListKind::Eras, scope, before, 1)?.items.first() {
            Some(listed) => self.era(number_in(&listed.id)?),
            None => Ok(None),
        }
    }
}
