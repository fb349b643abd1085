//! A validator that breaks the rules: an honest replica whose packets are changed on their way out.

use super::{chance::Chance, toy::Block};
use crate::{
    ordering::bft::forge,
    replica::{Orderable, Packet},
};
use contracts::{
    id::{Digest, NetworkId},
    key::TestSigner,
};
use std::collections::BTreeMap;

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Says nothing.
    Silent,
    /// Says one thing to some and another to others: proposals, blocks and votes.
    Equivocates,
    /// Sends bytes that are nothing, messages with a changed byte, and old messages again.
    Garbage,
    /// Proposes blocks that break the rules.
    BadBlocks,
    /// Comes back from each crash without what it recorded.
    Forgets,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Silent, Self::Equivocates, Self::Garbage, Self::BadBlocks, Self::Forgets];
}

/// What a liar needs to lie.
pub struct Liar {
    pub lie: Lie,
    network: NetworkId,
    signer: TestSigner,
    /// What it has sent, to send it again.
    sent: Vec<Vec<u8>>,
    /// For each block that it proposed, another one.
    others: BTreeMap<Digest, Digest>,
}

impl Liar {
    pub fn new(lie: Lie, network: NetworkId, signer: TestSigner) -> Self {
        Self { lie, network, signer, sent: Vec::new(), others: BTreeMap::new() }
    }

    /// What leaves for validator `to` in the place of `packet`.
    pub fn change(&mut self, to: u16, packet: &Packet<Block>, chance: &mut Chance) -> Vec<Packet<Block>> {
        match self.lie {
            Lie::Silent => Vec::new(),
            Lie::Forgets => vec![packet.clone()],
            Lie::Garbage => self.garbage(packet, chance),
            Lie::Equivocates if to.is_multiple_of(2) => vec![packet.clone()],
            Lie::Equivocates => vec![self.replace(packet, different)],
            Lie::BadBlocks => vec![self.replace(packet, invalid)],
        }
    }

    /// The same statement about another block.
    fn replace(&mut self, packet: &Packet<Block>, other: fn(&Block) -> Block) -> Packet<Block> {
        match packet {
            Packet::Proposed { round, block } => {
                let changed = other(block);
                self.others.insert(block.id(), changed.id());
                Packet::Proposed { round: *round, block: changed }
            }
            Packet::Message(height, bytes) => match forge::said(bytes) {
                Some((said, Some(block))) => {
                    let another = self.others.get(&block).copied();
                    if said.kind == 2 && another.is_none() {
                        return packet.clone();
                    }
                    Packet::Message(*height, forge::message(&self.network, &self.signer, &said, another))
                }
                _ => packet.clone(),
            },
            _ => packet.clone(),
        }
    }

    fn garbage(&mut self, packet: &Packet<Block>, chance: &mut Chance) -> Vec<Packet<Block>> {
        let Packet::Message(height, bytes) = packet else { return vec![packet.clone()] };
        self.sent.push(bytes.clone());
        let mut changed = bytes.clone();
        let at = chance.below(changed.len() as u64) as usize;
        match chance.below(4) {
            0 => changed[at] ^= 1 << chance.below(8),
            1 => changed.truncate(at),
            2 => changed = (0..chance.below(300)).map(|_| chance.next() as u8).collect(),
            _ => changed.clone_from(&self.sent[chance.below(self.sent.len() as u64) as usize]),
        }
        vec![Packet::Message(*height, changed), packet.clone()]
    }
}

/// Another block that keeps the rules.
fn different(block: &Block) -> Block {
    let mut other = block.clone();
    if other.content.pop().is_none() {
        other.round = other.round.wrapping_add(1_000);
    }
    other
}

/// A block that breaks them: what is in it is in it twice, or stands on another parent.
fn invalid(block: &Block) -> Block {
    let mut other = block.clone();
    match other.content.last().copied() {
        Some(last) => other.content.push(last),
        None => other.parent = Digest([7; 32]),
    }
    other
}
