//! Valid bytes, mutated: a few thousand of each decoder here, and as many as there is time for by fuzzers.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Mutations of each decoder; in the suite a second's worth.
const TRIES: u64 = 4_000;

/// A number that follows from `seed` and `step`.
fn number(seed: u64, step: u64) -> u64 {
    let digest = contracts::id::Digest::of(&[&seed.to_be_bytes(), &step.to_be_bytes()]);
    u64::from_be_bytes(digest.0[..8].try_into().unwrap())
}

/// One of the samples with something changed: a bit, a byte, a length blown up, a part cut out, doubled or taken
/// from another sample; or bytes that are nothing.
fn mutated(samples: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let draw = |step: u64, below: usize| (number(seed, step) % below.max(1) as u64) as usize;
    let mut bytes = samples[draw(0, samples.len())].clone();
    for round in 0..1 + draw(1, 3) as u64 {
        let (at, step) = (draw(10 * round + 2, bytes.len()), 10 * round);
        match draw(step + 3, 7) {
            _ if bytes.is_empty() => bytes = (0..draw(step + 4, 300) as u64).map(|n| number(seed, n) as u8).collect(),
            0 => bytes[at] ^= 1 << draw(step + 4, 8),
            1 => bytes[at] = draw(step + 4, 256) as u8,
            2 => bytes[at..].iter_mut().take(4).for_each(|byte| *byte = 0xff),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..(at + 1 + draw(step + 4, 40)).min(bytes.len()))),
            5 => {
                let part = bytes[at..(at + 1 + draw(step + 4, 40)).min(bytes.len())].to_vec();
                drop(bytes.splice(at..at, part));
            }
            _ => {
                let other = &samples[draw(step + 4, samples.len())];
                bytes.truncate(at);
                bytes.extend(&other[draw(step + 5, other.len())..]);
            }
        }
    }
    bytes
}

#[test]
fn nothing_that_comes_from_outside_breaks_a_decoder() {
    let samples = samples();
    let mut wrong = Vec::new();
    for (name, check) in DECODERS {
        let valid = samples.get(name).unwrap_or_else(|| panic!("there is no sample of {name}"));
        assert!(!valid.is_empty(), "{name}");
        valid.iter().for_each(|bytes| check(bytes));
        for seed in 0..TRIES {
            let bytes = mutated(valid, seed);
            if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
                wrong.push(format!("{name}, seed {seed}: {}", hex::encode(&bytes)));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(samples.keys().all(|name| check_of(name).is_some()), "each sample has a decoder");
}

/// A sample that its decoder refuses would hide everything behind the first field.
#[test]
fn the_samples_are_valid() {
    let samples = samples();
    let of = |name: &str| samples[name].clone();
    assert!(of("receipt").iter().all(|bytes| Receipt::decode(bytes).unwrap().verify(&trust()).is_ok()));
    assert!(of("bundle").iter().all(|bytes| Bundle::decode(bytes).unwrap().verify(&trust()).is_ok()));
    assert!(of("frame").iter().all(|bytes| Frame::decode(bytes).is_ok()) && of("frame").len() == 13);
    assert!(of("ordering-message").iter().all(|bytes| bft::check_message(bytes).is_ok()));
    assert!(of("ordering-record").iter().all(|bytes| bft::check_record(bytes).is_ok()));
    assert!(of("set-change").iter().all(|bytes| trust().extend(&same(bytes).unwrap()).is_ok()));
    let four = testing::validators(4);
    assert!(same::<Certificate>(&of("certificate")[1]).unwrap().verify(&testing::document().network, &four).is_ok());
    assert!(of("tlog-proof").iter().all(|bytes| TlogProof::parse(std::str::from_utf8(bytes).unwrap()).is_ok()));
    assert!(of("note").iter().all(|bytes| Note::parse(bytes).is_ok()));
    assert!(SignedDocument::from_json(Path::new("x"), &of("founding")[0]).unwrap().verify().is_ok());
    assert!(Config::parse(Path::new("x"), std::str::from_utf8(&of("settings")[0]).unwrap()).is_ok());
    for name in ["submissions", "answers", "block", "block-pages", "seal", "state-proof", "history-proof"] {
        assert!(!of(name).is_empty(), "{name}");
    }
    assert!(
        same::<Vec<BlockPage>>(&of("block-pages")[0]).unwrap().iter().any(|page| !page.block.transactions.is_empty())
    );
}
