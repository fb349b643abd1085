//! Which messages of other validators come before the engine.
//!
//! Before it checks a signature the engine drops some with a line in the log, and blames nobody: whoever sends them
//! could write our log without end. And of a validator that voted twice in a round it records the second vote each
//! time that it comes, so that one could fill the file of the height. What no honest validator sends is refused here,
//! and what is ahead of us or behind is passed over in silence, as are proposals out of turn or beyond so many. What is
//! for a later height is let through if a validator says it; the engine holds so many of these and no more.

use super::{
    context::{Bft as Ctx, Proposal, Voters},
    verify,
};
use malachite_consensus::{Input as EngineInput, State};

/// Is `input`, which another validator sent, for the engine?
///
/// # Errors
/// What is wrong with it, where no honest validator sends such.
pub fn is_wanted(state: &State<Ctx>, voters: &Voters, input: &EngineInput<Ctx>) -> Result<bool, String> {
    let ours = state.height();
    match input {
        EngineInput::Vote(vote) => {
            let is_known = voters.number(&vote.message.voter).is_some();
            if vote.message.height != ours {
                return Ok(is_known);
            }
            if !is_known {
                return Err(format!("a vote of {}, who is no validator", vote.message.voter));
            }
            let votes = state.driver.votes();
            if !votes.has_vote(vote) && votes.has_equivocation_evidence(vote) {
                return Err("once more the second vote of one validator in one round".into());
            }
            Ok(true)
        }
        EngineInput::Proposal(signed) => {
            let Proposal { height, round, block, proposer, .. } = &signed.message;
            if *height != ours {
                return Ok(voters.number(proposer).is_some());
            }
            // Out of turn nobody is heard, and of many blocks for one round the engine takes the first. Nobody is blamed:
            // no signature was checked so far, so who said it is not known.
            let turn = voters.turn(verify::number(*round)).number;
            let is_theirs = voters.address(turn).as_ref() == Some(proposer);
            Ok(is_theirs && !state.exceeds_per_round_cap(*height, *round, block))
        }
        EngineInput::PolkaCertificate(certificate) => Ok(certificate.height == ours),
        EngineInput::RoundCertificate(certificate) => Ok(certificate.height == ours),
        // Nothing else comes from outside.
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bft, Patience, forge};
    use crate::{
        ordering::{Input, Ordering, OrderingError, Output, Turn},
        testing::{consensus_signer, validators},
    };
    use contracts::{
        id::{Digest, Height, NetworkId},
        key::{Signer, TestSigner},
    };
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };
    use tracing::{Event, Level, Metadata, Subscriber, span};

    const NETWORK: NetworkId = NetworkId([9; 32]);
    const HEIGHT: Height = 4;
    /// How often whoever does wrong does so.
    const AGAIN: usize = 50;

    /// Validator 0 of four, whose turns follow their numbers.
    fn validator() -> Bft {
        let turns = [0, 1, 2, 3].map(|number| Turn { number, doubtful: false });
        let mut bft = Bft::new(NETWORK, Arc::new(consensus_signer(0)), Patience::default());
        bft.begin(HEIGHT, &validators(4), &turns, &[]).unwrap();
        bft
    }

    /// What `signer` says of block `block`.
    fn message(signer: &TestSigner, kind: u8, height: Height, round: u32, block: u8) -> Vec<u8> {
        let said = forge::Said { who: signer.public(), kind, height, round };
        forge::message(&NETWORK, signer, &said, Some(Digest([block; 32])))
    }

    fn told(bft: &mut Bft, bytes: &[u8]) -> Result<Vec<Output>, OrderingError> {
        bft.handle(Input::Received(bytes.to_vec()))
    }

    /// Counts what is said as a warning, or louder.
    #[derive(Clone, Default)]
    struct Warnings(Arc<AtomicUsize>);

    impl Subscriber for Warnings {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() <= Level::WARN
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, _: &Event<'_>) {
            self.0.fetch_add(1, Relaxed);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    #[test]
    fn what_nobody_honest_sends_is_blamed_and_writes_no_log() {
        let (first, second, stranger) = (consensus_signer(1), consensus_signer(2), TestSigner::of(7));
        let blamed = [
            ("who is no validator", message(&stranger, 0, HEIGHT, 0, 1)),
            ("who is no validator", message(&stranger, 1, HEIGHT, 3, 1)),
        ];
        let passed_over = [
            message(&stranger, 2, HEIGHT, 1, 1),
            message(&second, 2, HEIGHT, 1, 1),
            message(&first, 2, HEIGHT, 1, 3),
            forge::polka(HEIGHT + 1, 0, Digest([1; 32])),
            forge::polka(HEIGHT - 1, 0, Digest([1; 32])),
            message(&stranger, 0, HEIGHT + 1, 0, 1),
            message(&stranger, 2, HEIGHT + 1, 0, 1),
        ];
        let warnings = Warnings::default();
        tracing::subscriber::with_default(warnings.clone(), || {
            let mut bft = validator();
            (1..=2).for_each(|block| drop(told(&mut bft, &message(&first, 2, HEIGHT, 1, block)).unwrap()));
            let before = warnings.0.load(Relaxed);
            for _ in 0..AGAIN {
                for (fault, bytes) in &blamed {
                    let error = told(&mut bft, bytes).unwrap_err();
                    assert!(matches!(&error, OrderingError::Message(what) if what.contains(fault)), "{fault}: {error}");
                }
                for bytes in &passed_over {
                    assert_eq!(told(&mut bft, bytes).unwrap(), []);
                }
            }
            assert_eq!(warnings.0.load(Relaxed), before);
            assert!(before <= 1, "two blocks for one round are told once");
        });
    }

    /// Each record is written to the file of the height, which has a bound.
    #[test]
    fn who_votes_twice_is_recorded_once() {
        let liar = consensus_signer(1);
        let recorded = |outputs: &[Output]| outputs.iter().any(|output| matches!(output, Output::Record(_)));
        for kind in 0..2 {
            let (mut bft, [one, other]) = (validator(), [1, 2].map(|block| message(&liar, kind, HEIGHT, 0, block)));
            assert!(recorded(&told(&mut bft, &one).unwrap()) && recorded(&told(&mut bft, &other).unwrap()));
            for _ in 0..AGAIN {
                let error = told(&mut bft, &other).unwrap_err();
                assert!(matches!(&error, OrderingError::Message(what) if what.contains("once more")), "{error}");
                assert_eq!(told(&mut bft, &one).unwrap(), [], "what came first, an honest one says again");
            }
        }
    }
}
