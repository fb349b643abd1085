//! Random and mutated bytes for every decoder, and the check that each has samples.

use super::*;

/// Mutations of each sample, and random inputs of each decoder: a few seconds for all of them. The
/// fuzzers of `./x fuzz` go on from here.
const TRIES: u64 = 300;

/// SplitMix64: the same inputs at every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn bytes(&mut self, limit: usize) -> Vec<u8> {
        (0..self.below(limit)).map(|_| self.next() as u8).collect()
    }
}

/// `sample` with a bit flipped, cut short, spliced with `other`, with a length blown up or bytes put in.
fn mutated(chance: &mut Chance, sample: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    let at = chance.below(bytes.len());
    match chance.below(6) {
        0 | 1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << chance.below(8)),
        2 => bytes.truncate(at),
        3 => bytes = [&sample[..at], &other[chance.below(other.len())..]].concat(),
        4 => bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff),
        _ => drop(bytes.splice(at..at, chance.bytes(9)).count()),
    }
    bytes
}

#[test]
fn nothing_that_comes_from_outside_breaks_a_decoder() {
    for (number, Decoder { name, feed, samples }) in DECODERS.iter().enumerate() {
        let (mut chance, samples) = (Chance(number as u64), samples());
        for _ in 0..TRIES {
            feed(&chance.bytes(300));
        }
        for round in 0..TRIES {
            let sample = &samples[round as usize % samples.len()];
            let mut bytes = sample.clone();
            for _ in 0..=chance.below(3) {
                let other = &samples[chance.below(samples.len())];
                bytes = mutated(&mut chance, &bytes, other);
            }
            feed(&bytes);
        }
        let first = DECODERS.iter().position(|other| other.name == *name);
        assert!(first == Some(number) && of(name).is_some(), "{name} is there twice");
    }
}

#[test]
fn every_decoder_has_samples_and_takes_them() {
    for Decoder { name, feed, samples } in DECODERS {
        let samples = samples();
        assert!(!samples.is_empty(), "{name} has no sample");
        for (number, sample) in samples.iter().enumerate() {
            assert!(feed(sample), "{name} refuses its sample {number}: {}", hex::encode(sample));
        }
    }
}
