//! Four replicas on real chains, in one process: blocks are executed before the vote, and every
//! directory audits clean and alike.

mod late;

use super::*;
use crate::{
    audit,
    block::Block,
    chain::Chain,
    highwater::{HighWater, Mark},
    log::proof::TreeHead,
    ordering::bft::{Bft, Patience, forge},
    receipt::{Seal, Vote},
    sides::Sides,
    sim::Chance,
    store::Store,
    testing,
    voting::Voting,
};
use contracts::{
    action::Action,
    id::{BankReference, Digest, TimeMs},
    key::{Signer, TestSigner},
    money::Amount,
    settlement::Mint,
    transaction::{Body, Checked},
};
use genesis::SignedDocument;
use std::{collections::VecDeque, sync::Arc};

const COUNT: u16 = 4;
const NOW: TimeMs = 1_800_000_000_000;

type Real = Replica<Chained, Voting>;

/// A network of four in one folder, with links that lose nothing.
struct Four {
    document: SignedDocument,
    folder: tempfile::TempDir,
    replicas: Vec<Option<Real>>,
    packets: VecDeque<(u16, u16, Packet<Block>)>,
    timers: VecDeque<(u16, Timer, u64)>,
    resting: VecDeque<u16>,
    waiting: Vec<Checked>,
}

fn signer(number: u16, key: u16) -> TestSigner {
    TestSigner::of(500 + 3 * number + key)
}

impl Four {
    fn new() -> Self {
        let document = testing::document_among(COUNT);
        let folder = tempfile::tempdir().unwrap();
        let (packets, timers, resting, waiting) = (VecDeque::new(), VecDeque::new(), VecDeque::new(), Vec::new());
        let mut four = Self { document, folder, replicas: Vec::new(), packets, timers, resting, waiting };
        (0..COUNT).for_each(|number| {
            std::fs::create_dir(four.path(number)).unwrap();
            HighWater::create(&four.path(number).join("highwater")).unwrap();
            four.replicas.push(None);
            four.start(number);
        });
        four
    }

    fn path(&self, number: u16) -> std::path::PathBuf {
        self.folder.path().join(number.to_string())
    }

    fn start(&mut self, number: u16) {
        let path = self.path(number);
        let (network, founding) = (self.document.network, &self.document.document.founding);
        let chain = Chain::open(Store::open(&path.join("db")).unwrap(), network, founding).unwrap();
        let chained = Chained::new(chain, &testing::validators(COUNT), Box::new(|| NOW)).unwrap();
        let voting = Voting::open(&path.join("voting"), network).unwrap();
        let ordering = Bft::new(network, Arc::new(signer(number, 0)), Patience::default());
        let mut replica = Replica::new(network, Box::new(ordering), chained, voting);
        let mut acts = Vec::new();
        replica.start(&mut acts).unwrap();
        self.replicas[usize::from(number)] = Some(replica);
        self.carry_out(number, acts);
    }

    fn height(&self, number: u16) -> Height {
        self.replicas[usize::from(number)].as_ref().map_or(0, |replica| replica.ledger().height())
    }

    fn turn(&mut self, number: u16, what: impl FnOnce(&mut Real, &mut Vec<Act<Block>>) -> Result<(), ReplicaError>) {
        let mut acts = Vec::new();
        if let Some(replica) = &mut self.replicas[usize::from(number)] {
            what(replica, &mut acts).unwrap();
        }
        self.carry_out(number, acts);
    }

    fn carry_out(&mut self, number: u16, acts: Vec<Act<Block>>) {
        for act in acts {
            if let Act::Broadcast(Packet::Message(height, bytes)) = &act
                && let Some((said, _)) = forge::said(bytes)
            {
                assert_eq!(said.height, *height, "{said:?} is sent as of height {height}");
            }
            match act {
                Act::Broadcast(packet) => (0..COUNT)
                    .filter(|to| *to != number)
                    .for_each(|to| self.packets.push_back((number, to, packet.clone()))),
                Act::Answer(to, packet) => self.packets.push_back((number, to, packet)),
                Act::Start(timer, start, _) => self.timers.push_back((number, timer, start)),
                Act::Propose(height, round) => {
                    let waiting = self.waiting.clone();
                    self.turn(number, |replica, acts| {
                        replica.propose(height, round, |chained| Ok(chained.make(waiting, round)?.0), acts)
                    });
                }
                Act::Rest => self.resting.push_back(number),
                Act::Committed(..) => {}
                Act::Misbehaved(misbehaviour) => panic!("nobody lies here: {misbehaviour:?}"),
            }
        }
    }

    /// Lets one thing happen; a timer runs out only when nothing else is left.
    fn step(&mut self) {
        if let Some((from, to, packet)) = self.packets.pop_front() {
            self.turn(to, |replica, acts| replica.receive(from, packet, acts));
        } else if let Some(number) = self.resting.pop_front() {
            self.turn(number, Replica::wake);
        } else if let Some((number, timer, start)) = self.timers.pop_front() {
            self.turn(number, |replica, acts| replica.elapsed(timer, start, acts));
        } else {
            (0..COUNT).for_each(|number| self.status(number));
        }
    }

    /// Validator `number` says how far it is.
    fn status(&mut self, number: u16) {
        let status = Packet::Status(self.height(number));
        if self.replicas[usize::from(number)].is_some() {
            self.carry_out(number, vec![Act::Broadcast(status)]);
        }
    }

    /// Lets everything happen until `who` are at `height`.
    fn until(&mut self, height: Height, who: &[u16]) {
        for step in 0..100_000 {
            if who.iter().all(|number| self.height(*number) >= height) {
                return;
            }
            // As a node does twice a second.
            if step % 500 == 0 {
                (0..COUNT).for_each(|number| self.status(number));
            }
            self.step();
        }
        panic!("{height} was not reached: {:?}", (0..COUNT).map(|number| self.height(number)).collect::<Vec<_>>());
    }

    /// Signs every block as its validators do once it is durable, and audits each directory.
    fn audit(mut self) -> Vec<audit::Report> {
        self.replicas.iter_mut().for_each(|replica| drop(replica.take()));
        let network = self.document.network;
        let set = testing::validators(COUNT);
        let report = |number: u16| {
            let path = self.path(number);
            let store = Store::open(&path.join("db")).unwrap();
            let mut highwater = HighWater::open(&path.join("highwater")).unwrap();
            for height in 1..=store.tip().unwrap().unwrap().height {
                let header = store.reader().header(height).unwrap().unwrap();
                let head = TreeHead { size: header.log_size, root: header.log_root };
                let vote = |number: u16| {
                    let (log, cosigner) = (signer(number, 1), signer(number, 2));
                    Vote::sign(&network, &head, number as u8, header.entry.time_ms / 1_000, &log, &cosigner).unwrap()
                };
                highwater.raise(Mark { height, size: head.size, root: head.root }).unwrap();
                let seal = Seal::of(&set, (0..set.quorum() as u16).map(vote).collect()).unwrap();
                store.keep_seal(height, borsh::to_vec(&seal).unwrap()).unwrap();
            }
            drop(store);
            drop(Sides::open(&path.join("sides"), &path.join("sides.key")).unwrap());
            let scratch = tempfile::tempdir().unwrap();
            audit::folder(&path, &self.document, &self.document.anchor(), scratch.path(), &|_, _| {}).unwrap()
        };
        (0..COUNT).map(report).collect()
    }
}

/// The settlement agent gives the buyer money, by a reference that is used once.
fn mint(document: &SignedDocument, number: u8) -> Checked {
    let settlement = testing::settlement();
    let reference = BankReference([number; 32]);
    let mint = Mint {
        party: testing::buyer().party,
        amount: Amount::new(100).unwrap(),
        currency: "EUR".parse().unwrap(),
        reference,
    };
    let body = Body {
        network: document.network,
        sender: settlement.party,
        key: settlement.signer.public(),
        nonce: [number; 16],
        last_valid: 50,
        action: Action::Mint(mint),
    };
    body.sign(&*settlement.signer).unwrap().check(&document.network).unwrap()
}

fn assert_alike(reports: &[audit::Report], height: Height) {
    for report in reports {
        assert!(report.is_clean(), "{:?}", report.findings);
        assert!(report.height >= height, "{report:?}");
    }
}

/// Processes are killed and started again, and packets get lost: all go on as one.
#[test]
fn stops_at_random_leave_four_chains_alike() {
    for seed in testing::seeds(0..4) {
        let mut four = Four::new();
        let mut chance = Chance::of(seed);
        let minted: Vec<_> = (1..=9).map(|number| mint(&four.document, number)).collect();
        for step in 0..6_000 {
            let number = chance.below(u64::from(COUNT)) as u16;
            match chance.below(400) {
                0 => four.replicas[usize::from(number)] = None,
                1..=3 if four.replicas[usize::from(number)].is_none() => four.start(number),
                4..=20 => four.packets.truncate(four.packets.len().saturating_sub(1)),
                21..=24 => four.status(number),
                _ => {}
            }
            four.waiting = vec![minted[step / 700].clone()];
            four.step();
        }
        (0..COUNT)
            .filter(|number| four.replicas[usize::from(*number)].is_none())
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|number| four.start(number));
        (0..COUNT).for_each(|number| four.status(number));
        let most = (0..COUNT).map(|number| four.height(number)).max().unwrap_or(0);
        four.until(most + 2, &[0, 1, 2, 3]);
        let blocks = |number: usize| {
            let ledger = four.replicas[number].as_ref().unwrap().ledger();
            (1..=most + 2).map(|height| ledger.decided(height).unwrap().0.id()).collect::<Vec<_>>()
        };
        assert!((1..4).all(|number| blocks(number) == blocks(0)), "seed {seed}");
        assert!(most > 9, "seed {seed}: {most}");
        assert_alike(&four.audit(), most + 2);
    }
}

#[test]
fn four_real_chains_grow_alike_and_audit_clean() {
    let mut four = Four::new();
    let minted: Vec<_> = (1..=3).map(|number| mint(&four.document, number)).collect();
    for (height, mint) in (1..).zip(minted) {
        four.waiting = vec![mint];
        four.until(height, &[0, 1, 2, 3]);
    }
    four.waiting.clear();
    four.until(6, &[0, 1, 2, 3]);
    let reports = four.audit();
    assert_alike(&reports, 6);
    assert!(reports.iter().all(|report| report.applied >= 3), "{reports:?}");
}

#[test]
fn who_was_away_gets_the_blocks_that_it_missed() {
    let mut four = Four::new();
    four.waiting = vec![mint(&four.document, 1)];
    four.until(2, &[0, 1, 2, 3]);
    four.replicas[3] = None;
    four.waiting = vec![mint(&four.document, 2)];
    // Three of four are a quorum. Where it is the turn of the one that is away, the next round decides.
    four.until(12, &[0, 1, 2]);
    four.packets.clear();
    four.start(3);
    let behind = four.height(3);
    assert!(behind < 12);
    four.packets.push_back((3, 0, Packet::Status(behind)));
    four.until(12, &[0, 1, 2, 3]);
    assert_alike(&four.audit(), 12);
}

/// A validator that lies sends many blocks, for rounds that are not its own, in the name of nobody.
#[test]
fn what_a_liar_proposes_costs_so_many_executions() {
    let mut four = Four::new();
    let mut made = |number: u8| {
        let candidates = vec![mint(&four.document, number)];
        let maker = four.replicas[1].as_mut().unwrap();
        maker.ledger_mut().make(candidates, 0).unwrap().0
    };
    let blocks: Vec<_> = (1..=8).map(&mut made).collect();
    let mut replica = four.replicas[0].take().unwrap();
    let mut propose = |from, round, block: &Block| {
        let packet = Packet::Proposed { round, block: block.clone() };
        replica.receive(from, packet, &mut Vec::new()).unwrap();
    };
    // Block 1 is validator 1's in round 0, validator 2's in round 1.
    propose(2, 0, &blocks[0]);
    propose(3, 4_000, &blocks[1]);
    blocks.iter().skip(2).for_each(|block| propose(1, 0, block));
    let kept = |block: &&Block| replica.kept(&block.id()).is_some();
    let kept: Vec<_> = blocks.iter().filter(kept).map(Block::id).collect();
    assert_eq!(kept, [blocks[2].id(), blocks[3].id()], "two of the one whose turn it is");
}

/// The block that validator 1 proposes at height 1 in round 0, changed, and its signed proposal for `round`.
fn proposal_of_1(four: &mut Four, round: u32, change: impl FnOnce(&mut Block)) -> [Packet<Block>; 2] {
    let candidates = vec![mint(&four.document, 1)];
    let maker = four.replicas[1].as_mut().unwrap();
    let mut block = maker.ledger_mut().make(candidates, 0).unwrap().0;
    change(&mut block);
    let said = forge::Said { who: signer(1, 0).public(), kind: 2, height: 1, round };
    let message = forge::message(&four.document.network, &signer(1, 0), &said, Some(block.id()));
    [Packet::Message(1, message), Packet::Proposed { round: 0, block }]
}

/// What replica 0 finds when validator 1 sends `packets`, and what it blames it for.
fn found(four: &mut Four, packets: &[Packet<Block>]) -> (Vec<Misbehaviour>, Option<String>) {
    let (mut acts, mut fault) = (Vec::new(), None);
    let replica = four.replicas[0].as_mut().unwrap();
    for packet in packets {
        match replica.receive(1, packet.clone(), &mut acts) {
            Err(ReplicaError::Ordering(OrderingError::Message(what))) => fault = Some(what),
            received => received.unwrap(),
        }
    }
    let caught = acts.into_iter().filter_map(|act| match act {
        Act::Misbehaved(misbehaviour) => Some(misbehaviour),
        _ => None,
    });
    (caught.collect(), fault)
}

/// Block and signature come in any order; whichever is second, the proposer is caught.
#[test]
fn who_signs_that_it_proposes_a_block_that_breaks_the_rules_is_caught() {
    use contracts::governance::Protest;
    let breaks: [fn(&mut Block); 3] = [
        |block| block.header.entry.state_root = Digest([7; 32]),
        |block| block.header.entry.round = 5,
        |block| block.header.entry.time_ms = 0,
    ];
    for change in breaks {
        for turned in [false, true] {
            let mut four = Four::new();
            let mut packets = proposal_of_1(&mut four, 0, change);
            if turned {
                packets.reverse();
            }
            let (caught, fault) = found(&mut four, &packets);
            let [Misbehaviour::Breaking { validator: 1, proposal, signature }] = caught[..] else {
                panic!("{caught:?}, {fault:?}")
            };
            let network = &four.document.network;
            Protest::sign(network, &proposal, signature, &signer(0, 0)).unwrap().verify(network).unwrap();
        }
    }
}

/// Nobody is blamed for a good block, for what depends on a clock, or for what it signed for another round.
#[test]
fn who_may_be_honest_is_not_caught() {
    let mut four = Four::new();
    let ahead = |block: &mut Block| block.header.entry.time_ms = NOW + crate::limits::CLOCK_AHEAD_MS_MAX + 1;
    let packets = proposal_of_1(&mut four, 0, ahead);
    assert_eq!(found(&mut four, &packets), (vec![], None));
    // Whoever owns the replica hears of it once.
    let ledger = four.replicas[0].as_mut().unwrap().ledger_mut();
    let unfit = Judged { ahead_ms: crate::limits::CLOCK_AHEAD_MS_MAX + 1, unfit: 1 };
    assert_eq!([ledger.take_judged(), ledger.take_judged()], [unfit, Judged::default()]);
    let mut four = Four::new();
    let packets = proposal_of_1(&mut four, 0, |_| {});
    assert_eq!(found(&mut four, &packets), (vec![], None));
    let mut four = Four::new();
    let packets = proposal_of_1(&mut four, 4, |block| block.header.entry.state_root = Digest([7; 32]));
    assert_eq!(found(&mut four, &packets), (vec![], None));
}

/// The header is what is signed and decided. Other transactions under it are the fault of whoever sent them, and of
/// nothing else: the block is taken when it comes whole.
#[test]
fn a_block_with_other_transactions_than_it_names_is_blamed_on_its_sender() {
    let mut four = Four::new();
    let whole = proposal_of_1(&mut four, 0, |_| {});
    let other = proposal_of_1(&mut four, 0, |block| block.transactions[0][60] ^= 1);
    let (caught, fault) = found(&mut four, &other);
    assert!(caught.is_empty() && fault.unwrap().contains("other transactions than it names"));
    assert_eq!(found(&mut four, &whole), (vec![], None));
    let [_, Packet::Proposed { block, .. }] = whole else { unreachable!() };
    assert!(four.replicas[0].as_ref().unwrap().kept(&block.id()).is_some());
    // So it is of a block that was decided: what stops a replica is never what one other says.
    let mut four = Four::new();
    four.waiting = vec![mint(&four.document, 2)];
    four.replicas[3] = None;
    four.until(1, &[0, 1, 2]);
    let (mut decided, certificate) = four.replicas[0].as_ref().unwrap().ledger().decided(1).unwrap();
    four.packets.clear();
    four.start(3);
    let replica = four.replicas[3].as_mut().unwrap();
    let good = decided.clone();
    decided.transactions = vec![vec![9; 40]];
    let mut receive = |block| replica.receive(1, Packet::Decided(block, certificate.clone()), &mut Vec::new());
    let error = receive(decided).unwrap_err();
    assert!(
        matches!(&error, ReplicaError::Ordering(OrderingError::Message(what)) if what.contains("names")),
        "{error}"
    );
    receive(good).unwrap();
    assert_eq!(four.height(3), 1);
}

/// Yesterday's chain under today's memory: voting on would sign a second history.
#[test]
fn a_chain_from_a_backup_observes_until_it_is_where_it_was() {
    let mut four = Four::new();
    four.until(2, &[0, 1, 2, 3]);
    four.replicas[3] = None;
    let (db, backup) = (four.path(3).join("db"), four.path(3).join("backup"));
    testing::copied(&db, &backup);
    four.start(3);
    four.until(9, &[0, 1, 2, 3]);
    four.replicas[3] = None;
    let voted = Voting::open(&four.path(3).join("voting"), four.document.network).unwrap().height();
    assert!(voted >= 9, "{voted}");
    std::fs::remove_dir_all(&db).unwrap();
    std::fs::rename(&backup, &db).unwrap();
    four.packets.clear();
    four.start(3);
    let restored = four.replicas[3].as_mut().unwrap();
    let before = restored.ledger().height();
    assert!(before < 9 && restored.observes_to() == Some(voted - 1), "{before}");
    let mut acts = Vec::new();
    restored.wake(&mut acts).unwrap();
    assert!(acts.is_empty() && restored.is_resting(), "{acts:?}");
    // It says nothing at any height at which it may have voted.
    let said = |packets: &VecDeque<(u16, u16, Packet<Block>)>| {
        packets
            .iter()
            .any(|(from, _, packet)| *from == 3 && matches!(packet, Packet::Message(height, _) if *height < voted))
    };
    for step in 0.. {
        assert!(step < 100_000, "it stays at {}", four.height(3));
        assert!(!said(&four.packets));
        if step % 500 == 0 {
            four.status(3);
        }
        if four.height(3) > voted {
            break;
        }
        four.step();
    }
    assert_eq!(four.replicas[3].as_ref().unwrap().observes_to(), None);
    let all = four.height(3) + 3;
    four.until(all, &[0, 1, 2, 3]);
    assert_alike(&four.audit(), all);
}
