//! What one run is to be, and what it did.

use super::{chance::Chance, liar::Lie};
use contracts::id::{Digest, Height};

/// What happens in one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Decides everything that chance decides.
    pub seed: u64,
    /// How many validators.
    pub validators: u16,
    /// The last of them breaks the rules so.
    pub liar: Option<Lie>,
    /// Packets of a thousand that are lost.
    pub lost: u64,
    /// Packets of a thousand that come twice.
    pub doubled: u64,
    /// Packets of a thousand that take up to three seconds.
    pub slow: u64,
    /// Writes of a thousand at which the power fails.
    pub crashes: u64,
    /// Is the network cut in parts now and then?
    pub cuts: bool,
    /// How long the faults last, in milliseconds.
    pub faults_ms: u64,
    /// How many heights every honest host must get on after that.
    pub heights: Height,
    /// Memories that sync nothing, as none may.
    pub forgetful: bool,
}

impl Plan {
    /// Without faults.
    pub fn calm(validators: u16, heights: Height) -> Self {
        let (lost, doubled, slow, crashes, faults_ms) = (0, 0, 0, 0, 0);
        let (seed, liar, cuts, forgetful) = (1, None, false, false);
        Self { seed, validators, liar, lost, doubled, slow, crashes, cuts, faults_ms, heights, forgetful }
    }

    /// With the faults of `seed`.
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed ^ 0x5eed);
        let validators = [4, 4, 4, 4, 5, 7][chance.below(6) as usize];
        Self {
            seed,
            validators,
            liar: chance.happens(500).then(|| Lie::ALL[chance.below(Lie::ALL.len() as u64) as usize]),
            lost: chance.below(4) * chance.below(60),
            doubled: chance.below(60),
            slow: chance.below(2) * chance.below(100),
            crashes: chance.below(3) * chance.below(5),
            cuts: chance.happens(500),
            faults_ms: 4_000 + chance.below(8_000),
            heights: 3,
            forgetful: false,
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The highest block.
    pub height: Height,
    /// Virtual milliseconds.
    pub elapsed_ms: u64,
    /// Packets that were sent.
    pub packets: u64,
    /// How often a host stopped.
    pub crashes: u64,
    /// How often the liar was caught.
    pub accusations: u64,
    /// How many hosts protested against what it proposed.
    pub protests: u64,
    /// How often it was blamed for what nobody honest sends.
    pub faults: u64,
    /// The highest round in which a block was decided.
    pub round: u32,
    /// All blocks, in order.
    pub blocks: Vec<Digest>,
}
