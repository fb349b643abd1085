//! Governance: what a quorum decides, what fewer do not, and how a set gives way to another.

use super::refusals::Case;
use crate::{
    action::Action,
    founding::Parameters,
    governance::{Approve, Ballot, Change, Governance, Proposal, ProposalState, Propose, Ready},
    id::*,
    key::{Signer, TestSigner},
    limits::{PROPOSAL_MS_MAX, READY_BLOCKS_MAX, SET_CHANGES_MAX},
    outcome::Outcome,
    party::{Admit, Party, Role, Roles, Standing},
    quota::QuotaLimits,
    rejection::Rejection,
    state::Reading,
    testing::*,
    validators::{Validator, ValidatorSet},
};

/// The consensus key of validator `number`.
pub(super) fn consensus(number: u8) -> TestSigner {
    TestSigner::of(600 + 3 * u16::from(number))
}

/// The first `count` of them.
pub(super) fn set(count: u8) -> ValidatorSet {
    let key = |number: u8, of: u16| TestSigner::of(600 + 3 * u16::from(number) + of).public();
    let validator = |number: u8| Validator {
        name: format!("v{number}"),
        consensus: key(number, 0),
        log: key(number, 1),
        cosigner: key(number, 2),
    };
    ValidatorSet { validators: (0..count).map(validator).collect() }
}

/// Makes the market one of four validators.
pub(super) fn four(market: &mut Market) {
    market.set(&ValidatorSet::key(), |now: &mut ValidatorSet| *now = set(4));
}

/// A set of `count`.
pub(super) fn validators(count: u8) -> Change {
    Change::Validators { set: set(count), compromised: Vec::new() }
}

/// Another number of transactions in a window.
pub(super) fn parameters(count_max: u64) -> Change {
    Change::Parameters { parameters: Parameters { quota: QuotaLimits { count_max, ..QuotaLimits::default() } } }
}

/// Where the market's time is when a test begins, and some more.
const UNTIL_MS: TimeMs = (TODAY as u64 + 30) * DAY_MS;

fn id(change: &Change) -> ProposalId {
    Propose::id_of(change, &set(4).digest(), UNTIL_MS)
}

fn ballot(number: u8, proposal: ProposalId) -> Ballot {
    Ballot::approve(&NETWORK, &proposal, number, &consensus(number)).unwrap()
}

/// Validator `number` of four proposes.
pub(super) fn propose(number: u8, change: Change) -> Propose {
    let ballot = ballot(number, id(&change));
    Propose { change, base: set(4).digest(), until_ms: UNTIL_MS, ballot }
}

/// Validator `number` approves.
pub(super) fn approve(number: u8, proposal: ProposalId) -> Approve {
    Approve { proposal, ballot: ballot(number, proposal) }
}

/// Validator `number` of the new set is ready.
pub(super) fn ready(number: u8, proposal: ProposalId, height: Height) -> Ready {
    let ballot = Ballot::ready(&NETWORK, &proposal, height, number, &consensus(number)).unwrap();
    Ready { proposal, height, ballot }
}

/// A proposal with `ballots` of four.
pub(super) fn proposed(market: &mut Market, change: Change, ballots: u8) -> ProposalId {
    let proposal = id(&change);
    market.ok(BUYER, propose(0, change));
    for number in 1..ballots {
        market.ok(BUYER, approve(number, proposal));
    }
    proposal
}

pub(super) fn market() -> Market {
    let (mut market, _) = Market::trading();
    four(&mut market);
    market
}

pub(super) fn now<T: crate::state::Subject>(market: &Market, key: &crate::state::Key) -> T {
    market.state.value(key).unwrap().unwrap()
}

pub(super) fn state(market: &Market, proposal: ProposalId) -> ProposalState {
    now::<Proposal>(market, &Proposal::key(&proposal)).state
}

#[test]
fn a_quorum_decides_and_fewer_do_not() {
    let mut market = market();
    let proposal = proposed(&mut market, parameters(5_000), 2);
    assert_eq!(state(&market, proposal), ProposalState::Open);
    assert_eq!(now::<Parameters>(&market, &Parameters::key()), Parameters::default());
    market.ok(PROVIDER, approve(3, proposal));
    assert_eq!(state(&market, proposal), ProposalState::InForce);
    assert_eq!(now::<Parameters>(&market, &Parameters::key()).quota.count_max, 5_000);
    // What was decided can be verified from set, proposal and ballots alone.
    let Proposal { change, base, until_ms, ballots, .. } = now(&market, &Proposal::key(&proposal));
    assert_eq!((Propose::id_of(&change, &base, until_ms), base), (proposal, set(4).digest()));
    assert_eq!(ballots.len(), set(4).quorum());
    for ballot in ballots {
        ballot.verify_approval(&NETWORK, &set(4), &proposal).unwrap();
        let other = Ballot { validator: (ballot.validator + 1) % 4, ..ballot };
        assert_eq!(
            other.verify_approval(&NETWORK, &set(4), &proposal),
            Err(Rejection::BallotWrong { number: other.validator })
        );
    }
}

#[test]
fn no_operator_is_above_a_quorum() {
    let mut market = market();
    let roles = Roles::of(&[Role::Operator]);
    let suspended = Change::Party { party: party(OPERATOR), standing: Standing::Suspended, roles };
    proposed(&mut market, suspended, 3);
    market.no(OPERATOR, super::refusals::suspend(BUYER));
    let another = Change::Party { party: party(BUYER), standing: Standing::Active, roles };
    proposed(&mut market, another, 3);
    market.ok(BUYER, super::refusals::suspend(PROVIDER));
    assert_eq!(now::<Party>(&market, &Party::key(&party(OPERATOR))).standing, Standing::Suspended);
}

/// One operator cannot keep the others from deciding about it, nor undo what they decided.
#[test]
fn whom_an_operator_suspends_hands_ballots_in_all_the_same() {
    let mut market = market();
    for other in [PROVIDER, BUYER] {
        market.ok(OPERATOR, super::refusals::suspend(other));
    }
    let roles = Roles::of(&[Role::Operator]);
    proposed(&mut market, Change::Party { party: party(BUYER), standing: Standing::Active, roles }, 3);
    let gone = Change::Party { party: party(OPERATOR), standing: Standing::Suspended, roles: Roles::default() };
    let decided = id(&gone);
    proposed(&mut market, gone, 3);
    let admit = Admit { party: party(OPERATOR), roles };
    let suspend = super::refusals::suspend(OPERATOR);
    let refused = Rejection::PartyDecided { party: party(OPERATOR), proposal: decided };
    assert_eq!(market.no(BUYER, admit.clone()), refused);
    assert_eq!(market.no(BUYER, suspend), refused);
    // Of others it decides as before, and validators decide again.
    market.ok(BUYER, Admit { party: party(PROVIDER), roles: Roles::of(&[Role::Provider]) });
    let back = Change::Party { party: party(OPERATOR), standing: Standing::Active, roles };
    proposed(&mut market, back, 3);
    assert_eq!(now::<Party>(&market, &Party::key(&party(OPERATOR))).standing, Standing::Active);
}

/// Or whoever has its key would mint without end, and make operators faster than a quorum can suspend them.
#[test]
fn no_operator_alone_makes_operators_or_settlement_agents_where_several_validate() {
    let mut market = market();
    let admit = |seed, roles: &[Role]| Admit { party: party(seed), roles: Roles::of(roles) };
    let refused = |seed, role| Rejection::RoleOfAQuorum { party: party(seed), role };
    for role in [Role::Operator, Role::SettlementAgent] {
        assert_eq!(market.no(OPERATOR, admit(BUYER, &[Role::Buyer, role])), refused(BUYER, role));
    }
    let both = admit(OPERATOR, &[Role::Operator, Role::SettlementAgent]);
    assert_eq!(market.no(OPERATOR, both), refused(OPERATOR, Role::SettlementAgent), "nor itself");
    // Other roles it gives, and what a party has it may keep, or lose once and for all.
    market.ok(OPERATOR, admit(BUYER, &[Role::Buyer, Role::Provider, Role::Gateway, Role::Custodian, Role::Regulator]));
    market.ok(OPERATOR, admit(AGENT, &[Role::SettlementAgent, Role::Buyer]));
    market.ok(OPERATOR, super::refusals::suspend(AGENT));
    market.ok(OPERATOR, admit(AGENT, &[Role::SettlementAgent]));
    market.ok(OPERATOR, admit(AGENT, &[Role::Buyer]));
    assert_eq!(market.no(OPERATOR, admit(AGENT, &[Role::SettlementAgent])), refused(AGENT, Role::SettlementAgent));
    let (party, roles) = (party(AGENT), Roles::of(&[Role::SettlementAgent]));
    proposed(&mut market, Change::Party { party, standing: Standing::Active, roles }, 3);
    market.mint(BUYER, 1);
    // One validator is the quorum, and the operator's word is not less than its own.
    let (mut market, _) = Market::trading();
    market.ok(OPERATOR, admit(BUYER, &[Role::Operator, Role::SettlementAgent]));
}

#[test]
fn a_new_set_decides_once_a_quorum_of_it_is_ready() {
    let mut market = market();
    let proposal = proposed(&mut market, validators(5), 3);
    assert_eq!(state(&market, proposal), ProposalState::Passed);
    let passed = Governance { pending: Some(proposal), ..Governance::default() };
    assert_eq!(now::<Governance>(&market, &Governance::key()), passed);
    let open = proposed(&mut market, parameters(5_000), 2);
    // Four of five; the fifth is among them or not.
    for number in [4, 0, 2] {
        let height = market.context.height - 1;
        market.ok(BUYER, ready(number, proposal, height));
        assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(4), "{number}");
    }
    let height = market.context.height - 1;
    market.ok(BUYER, ready(1, proposal, height));
    assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(5));
    let changed = Governance { changes: 1, in_force: Some(proposal), pending: None };
    assert_eq!(now::<Governance>(&market, &Governance::key()), changed);
    // What was asked of four is void.
    assert_eq!(market.no(BUYER, approve(2, open)), Rejection::ProposalOfAnotherSet);
}

#[test]
fn a_set_that_passes_later_takes_the_place_of_one_that_is_not_ready() {
    let mut market = market();
    let first = proposed(&mut market, validators(5), 3);
    for number in 0..3 {
        let height = market.context.height - 1;
        market.ok(BUYER, ready(number, first, height));
    }
    // One word is missing for the first, and fewer than a quorum change nothing about that.
    let second = proposed(&mut market, validators(6), 2);
    assert_eq!(now::<Governance>(&market, &Governance::key()).pending, Some(first));
    market.ok(BUYER, approve(3, second));
    let replaced = Governance { pending: Some(second), ..Governance::default() };
    assert_eq!(now::<Governance>(&market, &Governance::key()), replaced);
    let height = market.context.height - 1;
    assert_eq!(market.no(BUYER, ready(3, first, height)), Rejection::SetChangeUnderWay);
    // What was said for the first is said of the second by nobody.
    assert!(now::<Proposal>(&market, &Proposal::key(&second)).ready.is_empty());
    for number in 1..6 {
        assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(4), "{number}");
        let height = market.context.height - 1;
        market.ok(BUYER, ready(number, second, height));
    }
    assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(6));
    let changed = Governance { changes: 1, in_force: Some(second), pending: None };
    assert_eq!(now::<Governance>(&market, &Governance::key()), changed);
    let height = market.context.height - 1;
    assert_eq!(market.no(BUYER, ready(3, first, height)), Rejection::ProposalOfAnotherSet);
}

/// The code of what became of each action of a block, 0 where it did what it asked for.
pub(super) fn outcomes(market: &mut Market, actions: Vec<Action>) -> Vec<u8> {
    let block: Vec<_> = actions.into_iter().map(|action| market.transaction(BUYER, action)).collect();
    let code = |outcome| if let Outcome::Refused { code } = outcome { code } else { 0 };
    market.commit(&block).unwrap().done.into_iter().map(|done| code(done.entry.outcome)).collect()
}

#[test]
fn of_two_sets_that_are_nearly_there_the_first_in_a_block_wins() {
    let mut market = market();
    let first = proposed(&mut market, validators(5), 3);
    for number in 0..3 {
        let height = market.context.height - 1;
        market.ok(BUYER, ready(number, first, height));
    }
    let second = proposed(&mut market, validators(6), 2);
    let height = market.context.height - 1;
    let last_word = ready(3, first, height);
    let six: Vec<Action> = (0..5).map(|number| ready(number, second, height).into()).collect();
    let block = |first: [Action; 2]| first.into_iter().chain(six.clone()).collect();
    // Either the first is in force, and then the second was asked of validators that decide no more ...
    let mut one = market.clone();
    let void = Rejection::ProposalOfAnotherSet.code();
    let moved = Rejection::ProposalMoved { now: ProposalState::Open }.code();
    let first_wins = block([last_word.clone().into(), approve(3, second).into()]);
    assert_eq!(outcomes(&mut one, first_wins), [0, void, moved, moved, moved, moved, moved]);
    assert_eq!(now::<ValidatorSet>(&one, &ValidatorSet::key()), set(5));
    // ... or the second has passed, and then readiness for the first comes too late.
    let second_wins = block([approve(3, second).into(), last_word.into()]);
    assert_eq!(outcomes(&mut market, second_wins), [0, Rejection::SetChangeUnderWay.code(), 0, 0, 0, 0, 0]);
    assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(6));
    assert_eq!(now::<Governance>(&market, &Governance::key()).changes, 1);
}

#[test]
fn a_set_that_never_gets_ready_is_over_in_its_time() {
    let mut market = market();
    let lost = proposed(&mut market, validators(5), 3);
    market.wait_days(31);
    let height = market.context.height - 1;
    assert_eq!(market.no(BUYER, ready(0, lost, height)), Rejection::ProposalExpired { until_ms: UNTIL_MS });
    let until_ms = market.context.time_ms + DAY_MS;
    let (change, base) = (validators(6), set(4).digest());
    let again = Propose::id_of(&change, &base, until_ms);
    market.ok(BUYER, Propose { change, base, until_ms, ballot: ballot(0, again) });
    market.ok(BUYER, approve(1, again));
    market.ok(BUYER, approve(2, again));
    assert_eq!(now::<Governance>(&market, &Governance::key()).pending, Some(again));
}

#[test]
fn one_validator_alone_grows_by_its_own_word_and_that_of_the_new() {
    let (mut market, _) = Market::trading();
    market.set(&ValidatorSet::key(), |now: &mut ValidatorSet| *now = set(1));
    let (change, base) = (validators(4), set(1).digest());
    let proposal = Propose::id_of(&change, &base, UNTIL_MS);
    market.ok(BUYER, Propose { change, base, until_ms: UNTIL_MS, ballot: ballot(0, proposal) });
    assert_eq!(state(&market, proposal), ProposalState::Passed);
    for number in 0..3 {
        let height = market.context.height - 1;
        market.ok(BUYER, ready(number, proposal, height));
    }
    assert_eq!(now::<ValidatorSet>(&market, &ValidatorSet::key()), set(4));
}

#[test]
fn parameters_leave_room_to_change_them_again() {
    let mut market = market();
    for count_max in [0, 999] {
        let action = Action::from(propose(0, parameters(count_max)));
        assert_eq!(action.check().unwrap_err().field, "quota", "{count_max}");
    }
    market.ok(BUYER, propose(0, parameters(1_000)));
}

/// A case for each refusal of governance.
pub(super) const GOVERNANCE: &[Case] = &[
    ("NotAValidator", |m, _| in_four(m, |m| m.no(BUYER, propose(4, parameters(5_000))))),
    ("NotAValidator", |m, _| {
        in_four(m, |m| m.no(BUYER, propose(0, Change::Validators { set: set(5), compromised: vec![4] })))
    }),
    ("BallotWrong", |m, _| {
        in_four(m, |m| {
            let Propose { base, until_ms, ballot, .. } = propose(0, parameters(5_000));
            m.no(BUYER, Propose { change: parameters(6_000), base, until_ms, ballot })
        })
    }),
    ("BallotWrong", |m, _| {
        in_four(m, |m| {
            let open = proposed(m, parameters(5_000), 1);
            let ballot = Ballot { validator: 2, ..ballot(1, open) };
            m.no(BUYER, Approve { proposal: open, ballot })
        })
    }),
    ("BallotWrong", |m, _| {
        in_four(m, |m| {
            let passed = proposed(m, validators(5), 3);
            // An approval is no word of readiness, nor is one of another height.
            m.no(BUYER, Ready { proposal: passed, height: m.context.height - 1, ballot: ballot(1, passed) });
            let other = ready(1, passed, m.context.height - 2).ballot;
            m.no(BUYER, Ready { proposal: passed, height: m.context.height - 1, ballot: other })
        })
    }),
    ("BallotTwice", |m, _| {
        in_four(m, |m| {
            let open = proposed(m, parameters(5_000), 2);
            m.no(PROVIDER, approve(1, open))
        })
    }),
    ("BallotTwice", |m, _| {
        in_four(m, |m| {
            let passed = proposed(m, validators(5), 3);
            m.ok(BUYER, ready(1, passed, 1));
            m.no(BUYER, ready(1, passed, 2))
        })
    }),
    ("ProposalUnknown", |m, _| in_four(m, |m| m.no(BUYER, approve(1, ProposalId([9; 32]))))),
    ("ProposalExists", |m, _| {
        in_four(m, |m| {
            proposed(m, parameters(5_000), 1);
            m.no(BUYER, propose(2, parameters(5_000)))
        })
    }),
    ("ProposalMoved", |m, _| {
        in_four(m, |m| {
            let done = proposed(m, parameters(5_000), 3);
            m.no(BUYER, approve(3, done))
        })
    }),
    ("ProposalMoved", |m, _| {
        in_four(m, |m| {
            let open = proposed(m, validators(5), 2);
            m.no(BUYER, ready(1, open, 1))
        })
    }),
    // The founding's set is another.
    ("ProposalOfAnotherSet", |m, _| m.no(BUYER, propose(0, parameters(5_000)))),
    ("ProposalExpired", |m, _| {
        in_four(m, |m| {
            let open = proposed(m, parameters(5_000), 1);
            m.wait_days(31);
            m.no(BUYER, approve(1, open))
        })
    }),
    ("ProposalTime", |m, _| {
        in_four(m, |m| {
            m.wait_days(31);
            m.no(BUYER, propose(0, parameters(5_000)))
        })
    }),
    ("ProposalTime", |m, _| {
        in_four(m, |m| {
            let until_ms = m.context.time_ms + PROPOSAL_MS_MAX + 2 * DAY_MS;
            m.no(BUYER, Propose { until_ms, ..propose(0, parameters(5_000)) })
        })
    }),
    ("NothingChanges", |m, _| in_four(m, |m| m.no(BUYER, propose(0, validators(4))))),
    ("NothingChanges", |m, _| in_four(m, |m| m.no(BUYER, propose(0, parameters(QuotaLimits::default().count_max))))),
    ("NothingChanges", |m, _| {
        let same = Change::Party { party: party(BUYER), standing: Standing::Active, roles: Roles::of(&[Role::Buyer]) };
        in_four(m, |m| m.no(BUYER, propose(0, same)))
    }),
    ("PartyDecided", |m, _| {
        in_four(m, |m| {
            let roles = Roles::of(&[Role::Buyer, Role::Provider]);
            proposed(m, Change::Party { party: party(BUYER), standing: Standing::Active, roles }, 3);
            m.no(OPERATOR, super::refusals::suspend(BUYER))
        })
    }),
    ("PartyNotActive", |m, _| {
        m.ok(STRANGER, super::refusals::apply());
        let applied = Change::Party { party: party(STRANGER), standing: Standing::Suspended, roles: Roles::default() };
        in_four(m, |m| m.no(BUYER, propose(0, applied)))
    }),
    ("RoleOfAQuorum", |m, _| {
        in_four(m, |m| m.no(OPERATOR, Admit { party: party(BUYER), roles: Roles::of(&[Role::Buyer, Role::Operator]) }))
    }),
    ("PartyUnknown", |m, _| {
        let nobody = Change::Party { party: party(STRANGER), standing: Standing::Active, roles: Roles::default() };
        in_four(m, |m| m.no(BUYER, propose(0, nobody)))
    }),
    ("SetChangeUnderWay", |m, _| {
        in_four(m, |m| {
            let passed = proposed(m, validators(5), 3);
            proposed(m, validators(6), 3);
            m.no(BUYER, ready(1, passed, m.context.height - 1))
        })
    }),
    ("SetChangesUsedUp", |m, _| {
        in_four(m, |m| {
            proposed(m, parameters(5_000), 1);
            m.set(&Governance::key(), |now: &mut Governance| now.changes = SET_CHANGES_MAX);
            m.no(BUYER, propose(0, validators(5)))
        })
    }),
    ("NotReadyNow", |m, _| {
        in_four(m, |m| {
            let passed = proposed(m, validators(5), 3);
            m.no(BUYER, ready(1, passed, m.context.height))
        })
    }),
    ("NotReadyNow", |m, _| {
        in_four(m, |m| {
            let passed = proposed(m, validators(5), 3);
            m.context.height += READY_BLOCKS_MAX + 1;
            m.no(BUYER, ready(1, passed, 0))
        })
    }),
];

pub(super) fn in_four(market: &mut Market, then: impl FnOnce(&mut Market) -> Rejection) -> Rejection {
    four(market);
    then(market)
}
