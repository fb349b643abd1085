//! A small ledger and a memory, both in memory and both on a disk that loses what was not synced, under
//! a power supply that fails.

use super::chance::Chance;
use crate::{
    ordering::{Certificate, Turn, Turns, Verdict},
    replica::{Failure, Ledger, Memory, Orderable},
};
use borsh::{BorshDeserialize, BorshSerialize};
use contracts::{
    id::{Digest, Height, NetworkId},
    validators::ValidatorSet,
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

/// Entries in one block.
const CONTENT_MAX: usize = 20;

/// The power of one host. Each write asks it.
#[derive(Clone)]
pub struct Power(Rc<RefCell<(Chance, u64)>>);

/// The power failed.
#[derive(Debug, thiserror::Error)]
#[error("the power failed")]
pub struct PowerFailed;

impl Power {
    pub fn of(seed: u64) -> Self {
        Self(Rc::new(RefCell::new((Chance::of(seed), 0))))
    }

    /// From now on it fails at `per_mille` of a thousand writes.
    pub fn fails(&self, per_mille: u64) {
        self.0.borrow_mut().1 = per_mille;
    }

    fn hold(&self) -> Result<(), Failure> {
        let (chance, per_mille) = &mut *self.0.borrow_mut();
        if chance.happens(*per_mille) { Err(PowerFailed.into()) } else { Ok(()) }
    }

    /// One of 0..=`most`.
    fn up_to(&self, most: usize) -> usize {
        self.0.borrow_mut().0.below(most as u64 + 1) as usize
    }
}

/// A block of the simulation: where it stands, and numbers in it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    pub height: Height,
    pub parent: Digest,
    pub proposer: u16,
    pub round: u32,
    pub content: Vec<u64>,
}

impl Orderable for Block {
    fn id(&self) -> Digest {
        Digest::of(&[&borsh::to_vec(self).expect("writing to memory does not fail")])
    }

    fn height(&self) -> Height {
        self.height
    }

    fn is_whole(&self) -> bool {
        true
    }
}

/// The ledger.
pub struct Toy {
    number: u16,
    set: ValidatorSet,
    genesis: Digest,
    power: Power,
    chain: Vec<(Block, Certificate)>,
    known: BTreeSet<u64>,
    /// Lost in a crash.
    waiting: BTreeSet<u64>,
}

impl Toy {
    pub fn new(number: u16, network: NetworkId, set: ValidatorSet, power: Power) -> Self {
        let (chain, known, waiting) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        Self { number, set, genesis: Digest(network.0), power, chain, known, waiting }
    }

    fn tip(&self) -> Digest {
        self.chain.last().map_or(self.genesis, |(block, _)| block.id())
    }

    /// Something to be put into a block.
    pub fn wait(&mut self, number: u64) {
        if !self.known.contains(&number) {
            self.waiting.insert(number);
        }
    }

    /// The next block.
    pub fn make(&mut self, round: u32) -> Block {
        let content = self.waiting.iter().copied().take(CONTENT_MAX).collect();
        Block { height: self.height() + 1, parent: self.tip(), proposer: self.number, round, content }
    }

    /// What the power failure leaves.
    pub fn crash(&mut self) {
        self.waiting.clear();
    }
}

impl Ledger for Toy {
    type Block = Block;

    fn height(&self) -> Height {
        self.chain.len() as Height
    }

    fn set(&self) -> Result<ValidatorSet, Failure> {
        Ok(self.set.clone())
    }

    fn turns(&self) -> Vec<Turn> {
        let newest = self.height();
        let mut turns = Turns::new(self.set.validators.len(), newest);
        Turns::heights(newest).for_each(|height| turns.committed(self.chain[height as usize - 1].0.round));
        turns.order()
    }

    fn judge(&mut self, block: &Block, round: u32) -> Result<Verdict, Failure> {
        let ascending = block.content.windows(2).all(|pair| pair[0] < pair[1]);
        let fits =
            block.parent == self.tip() && block.round <= round && ascending && block.content.len() <= CONTENT_MAX;
        let new = !block.content.iter().any(|number| self.known.contains(number));
        Ok(if fits && new { Verdict::Valid } else { Verdict::Breaking })
    }

    fn commit(&mut self, block: &Block, certificate: &Certificate) -> Result<(), Failure> {
        assert_eq!(
            (block.height, block.parent),
            (self.height() + 1, self.tip()),
            "certificates are for the next block"
        );
        self.power.hold()?;
        self.chain.push((block.clone(), certificate.clone()));
        self.known.extend(&block.content);
        block.content.iter().for_each(|number| {
            self.waiting.remove(number);
        });
        // The power may fail when the block is durable and nobody knows of it.
        self.power.hold()
    }

    fn decided(&self, height: Height) -> Option<(Block, Certificate)> {
        usize::try_from(height).ok().and_then(|height| self.chain.get(height.checked_sub(1)?)).cloned()
    }
}

/// What is on the disk of a [`Notes`], or on its way there.
#[derive(Clone)]
enum Note {
    Begin(Height),
    Record(Vec<u8>),
    Block(Digest, Vec<u8>),
    Ours(u32, Digest),
}

/// The memory: as [`crate::voting::Voting`], on a disk of the simulation.
pub struct Notes {
    power: Power,
    durable: Vec<Note>,
    unsynced: Vec<Note>,
    height: Height,
    records: Vec<Vec<u8>>,
    blocks: BTreeMap<Digest, Vec<u8>>,
    ours: BTreeMap<u32, Digest>,
    /// It breaks its promise: nothing of it is synced by [`Memory::sync`].
    pub forgetful: bool,
}

impl Notes {
    pub fn new(power: Power) -> Self {
        let (durable, unsynced, records) = (Vec::new(), Vec::new(), Vec::new());
        let (blocks, ours) = (BTreeMap::new(), BTreeMap::new());
        Self { power, durable, unsynced, height: 0, records, blocks, ours, forgetful: false }
    }

    /// The power failed: some of what was on its way to the disk is there, in order.
    pub fn crash(&mut self) {
        let survive = self.power.up_to(self.unsynced.len());
        let notes: Vec<Note> = self.durable.drain(..).chain(self.unsynced.drain(..).take(survive)).collect();
        self.apply(&Note::Begin(0));
        notes.iter().for_each(|note| self.apply(note));
        self.durable = notes;
    }

    /// Loses everything, as a disk that was replaced. Nobody honest comes back so.
    pub fn forget(&mut self) {
        self.durable.clear();
        self.unsynced.clear();
        self.apply(&Note::Begin(0));
    }

    fn note(&mut self, note: Note) -> Result<(), Failure> {
        self.power.hold()?;
        self.apply(&note);
        self.unsynced.push(note);
        Ok(())
    }

    fn apply(&mut self, note: &Note) {
        match note {
            Note::Begin(height) => {
                self.height = *height;
                self.records.clear();
                self.blocks.clear();
                self.ours.clear();
            }
            Note::Record(bytes) => self.records.push(bytes.clone()),
            Note::Block(id, bytes) => drop(self.blocks.insert(*id, bytes.clone())),
            Note::Ours(round, id) => drop(self.ours.entry(*round).or_insert(*id)),
        }
    }
}

impl Memory for Notes {
    fn height(&self) -> Height {
        self.height
    }

    fn records(&self) -> &[Vec<u8>] {
        &self.records
    }

    fn block(&self, id: &Digest) -> Option<&[u8]> {
        self.blocks.get(id).map(Vec::as_slice)
    }

    fn ours(&self, round: u32) -> Option<Digest> {
        self.ours.get(&round).copied()
    }

    fn begin(&mut self, height: Height) -> Result<(), Failure> {
        if self.height == height {
            return Ok(());
        }
        // What is older than a height that is over is of no use to anybody.
        self.durable.clear();
        self.unsynced.clear();
        self.note(Note::Begin(height))
    }

    fn record(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.note(Note::Record(bytes))
    }

    fn keep(&mut self, id: Digest, bytes: Vec<u8>) -> Result<bool, Failure> {
        self.note(Note::Block(id, bytes)).map(|()| true)
    }

    fn propose(&mut self, round: u32, id: Digest) -> Result<(), Failure> {
        self.note(Note::Ours(round, id))
    }

    fn sync(&mut self) -> Result<(), Failure> {
        self.power.hold()?;
        if !self.forgetful {
            self.durable.append(&mut self.unsynced);
        }
        self.power.hold()
    }
}
