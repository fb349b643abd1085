//! Rows of governance, held against what the events and the rules' own records say.

use super::*;
use crate::{
    fixture::governance::{DAY_MS, Ledger, Made, NAMES},
    view::{governance::governance, list::part, proposal::proposal, validator::validator},
};
use contracts::{
    action::Action,
    event::Event,
    governance::{Change, Proposal},
    id::ProposalId,
    key::PublicKey,
    state::Reading,
    validators::ValidatorSet,
};

/// A day on which the ledger begins.
const START_MS: u64 = 20_000 * DAY_MS;

fn indexed() -> (TempDir, Index, Ledger, Made) {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, made) = Ledger::made(START_MS);
    let index = Index::open(folder.path(), ledger.network).unwrap();
    ledger.blocks.iter().for_each(|block| index.take(block).unwrap());
    (folder, index, ledger, made)
}

/// Every event with what was asked for, in the order of time.
fn events(ledger: &Ledger) -> impl Iterator<Item = (At, &Event, &Action)> {
    ledger.blocks.iter().flat_map(|block| {
        block.items.iter().enumerate().flat_map(move |(place, item)| {
            item.events.iter().enumerate().map(move |(event, told)| {
                let at = At { height: block.height, place: place as u32, event: event as u16 };
                (at, told, &item.transaction.body.action)
            })
        })
    })
}

/// All rows of a list, newest first.
fn listed(reader: &Reader, list: ListKind, scope: Option<&Thing>) -> Vec<Listed> {
    reader.list(list, scope, None, 1_000).unwrap().items
}

/// The ids that `of` finds in the events, newest first.
fn naive(ledger: &Ledger, of: impl Fn(&Event, &Action) -> Option<Vec<u8>>) -> Vec<Listed> {
    let found = events(ledger).filter_map(|(at, event, action)| of(event, action).map(|id| Listed { at, id }));
    let mut found: Vec<_> = found.collect();
    found.reverse();
    found
}

#[test]
fn lists_of_governance_hold_what_the_events_say_and_no_more() {
    let (_folder, index, ledger, made) = indexed();
    let reader = index.read();
    let id = |id: &ProposalId| Some(id.as_bytes().to_vec());
    let proposed = naive(&ledger, |event, _| match event {
        Event::Proposed { proposal, .. } => id(proposal),
        _ => None,
    });
    assert_eq!(listed(&reader, ListKind::Proposals, None), proposed);
    assert_eq!(proposed.len(), 9);
    let word = |event: &Event| match event {
        Event::Proposed { proposal, .. } | Event::Approved { proposal, .. } | Event::SetReady { proposal, .. } => {
            Some(*proposal)
        }
        _ => None,
    };
    assert_eq!(
        listed(&reader, ListKind::Ballots, None),
        naive(&ledger, |event, _| word(event).and_then(|proposal| id(&proposal)))
    );
    for one in &proposed {
        let thing = Thing::new(Kind::Proposal, &one.id);
        let of_it =
            naive(&ledger, |event, _| word(event).filter(|found| found.0 == thing.id).and_then(|found| id(&found)));
        assert_eq!(listed(&reader, ListKind::Ballots, Some(&thing)), of_it);
        assert_eq!(listed(&reader, ListKind::Proposals, Some(&thing)), std::slice::from_ref(one));
    }
    let against = |event: &Event| match event {
        Event::Accused { key, .. } | Event::Protested { key, .. } => Some(*key),
        _ => None,
    };
    let all = naive(&ledger, |event, _| against(event).map(|key| key.0.to_vec()));
    assert_eq!((listed(&reader, ListKind::Accusations, None), all.len()), (all.clone(), 3));
    // Evidence stands against one validator alone, and not against those whose word it is.
    for validator in testing_keys() {
        let of_it: Vec<_> = all.iter().filter(|one| one.id == validator.0).cloned().collect();
        assert_eq!(listed(&reader, ListKind::Accusations, Some(&super::super::validator(&validator))), of_it);
    }
    // The refused ballot is on the timeline of what it named, and in no list of ballots.
    let thing = Thing::new(Kind::Proposal, made.parameters.as_bytes());
    let told = events(&ledger).filter(|(_, event, _)| event.subjects().contains(&Proposal::key(&made.parameters)));
    assert_eq!(reader.timeline_count(&thing).unwrap(), told.count() as u64 + 1);
    assert_eq!((ledger.refused(), listed(&reader, ListKind::Refusals, Some(&thing)).len()), (1, 1));
}

fn testing_keys() -> Vec<PublicKey> {
    ledger::testing::validators(NAMES.len() as u16).validators.iter().map(|one| one.consensus).collect()
}

#[test]
fn the_era_of_every_height_is_the_set_that_decided_it() {
    let (_folder, index, ledger, made) = indexed();
    let reader = index.read();
    for (height, set) in (1..).zip(&ledger.sets) {
        assert_eq!(&reader.era_at(height).unwrap().unwrap().set, set, "{height}");
    }
    let (first, second) = (reader.era(0).unwrap().unwrap(), reader.era(1).unwrap().unwrap());
    assert_eq!((first.number, first.from, first.proposal, reader.era(2).unwrap()), (0, 1, None, None));
    assert_eq!((second.number, second.proposal), (1, Some(made.set)));
    assert_eq!(reader.era_at(second.from - 1).unwrap().unwrap(), first);
    // Three stay since the founding, one is new.
    assert_eq!(second.since, [1, 1, 1, second.from]);
    for (set, number) in [(&first.set, 0), (&second.set, 1)] {
        assert_eq!(reader.era_of_set(&set.digest()).unwrap().unwrap().number, number);
    }
    // Each validator's eras, by a look at each set.
    for key in testing_keys() {
        let with = |set: &ValidatorSet| set.number_of(&key).is_some();
        let naive: Vec<u32> = [&second, &first].iter().filter(|era| with(&era.set)).map(|era| era.number).collect();
        let found = listed(&reader, ListKind::Eras, Some(&super::super::validator(&key)));
        let found: Vec<u32> =
            found.iter().map(|one| u32::from_be_bytes(one.id.as_slice().try_into().unwrap())).collect();
        assert_eq!(found, naive);
        assert_eq!(reader.newest_era_with(&key).unwrap().map(|era| era.number), naive.first().copied());
    }
    // Found by name, by each of its keys and by the digest of its set; the one that left too.
    let found = |query: &str| reader.search(query, None, 10).unwrap().items;
    let keys = testing_keys();
    assert_eq!(found("univers"), [super::super::validator(&keys[3])]);
    assert_eq!(found("pilots"), [super::super::validator(&keys[4])]);
    assert_eq!(found("observatory"), []);
    let log = first.set.validators[3].log;
    let target = Target::Thing(super::super::validator(&keys[3]));
    assert_eq!(reader.identifiers(&log.0, 4).unwrap(), [Found { id: log.0.to_vec(), target }]);
}

#[test]
fn where_a_proposal_stands_follows_from_ballots_time_and_the_set_that_was_asked() {
    let (_folder, index, ledger, made) = indexed();
    let reader = index.read();
    let now_ms = reader.tip().time_ms;
    let stands = |id: &ProposalId, now_ms| proposal(&reader, id, now_ms, None, 100).unwrap();
    for (id, state) in [
        (made.parameters, "carried"),
        (made.party, "carried"),
        (made.set, "carried"),
        (made.expired, "expired"),
        (made.void, "void"),
        (made.replaced, "replaced"),
        (made.early, "open"),
        (made.open, "open"),
        (made.passed, "passed"),
    ] {
        let view = stands(&id, now_ms);
        assert_eq!((view.state, view.id), (state, id.to_string()), "{}", view.state_said);
        // Ballots are those of the record, in its order, and whoever is left has given none.
        let record: Proposal = reader.value(&Proposal::key(&id)).unwrap().unwrap();
        let numbers = |ballots: &[crate::view::proposal::BallotView]| {
            ballots.iter().map(|one| (one.number, one.signature.clone())).collect::<Vec<_>>()
        };
        let recorded = |ballots: &[contracts::governance::Ballot]| {
            ballots.iter().map(|one| (one.validator, one.signature.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&view.ballots), recorded(&record.ballots));
        assert_eq!(numbers(&view.ready), recorded(&record.ready));
        assert_eq!(view.silent.len() + view.ballots.len(), view.asked as usize);
        // Each is named by the set that verifies it.
        let base = ledger.sets.iter().find(|set| set.digest() == record.base).unwrap();
        for one in &record.ballots {
            one.verify_approval(&ledger.network, base, &id).unwrap();
        }
        assert!(view.ballots.iter().all(|one| one.name == base.validators[usize::from(one.number)].name));
        if let Change::Validators { set, .. } = &record.change {
            assert!(view.ready.iter().all(|one| one.name == set.validators[usize::from(one.number)].name));
        }
        assert_eq!(!view.decisions.is_empty(), matches!(state, "carried" | "replaced" | "passed"), "{state}");
    }
    // Time alone ends what is open, and what passed; what is void or replaced was so before.
    for (id, state) in
        [(made.open, "expired"), (made.passed, "expired"), (made.void, "void"), (made.replaced, "replaced")]
    {
        assert_eq!(stands(&id, now_ms + 90 * DAY_MS).state, state);
    }
    assert_eq!(stands(&made.early, now_ms).ballots[0].name, NAMES[4], "by number 3 of the set of that very block");
    assert_eq!(stands(&made.set, now_ms).decisions.len(), 2, "passed, then complete");
    let says = stands(&made.set, now_ms).details.into_iter().map(|said| said.text).collect::<Vec<_>>().join(" ");
    let set: ValidatorSet = reader.value(&ValidatorSet::key()).unwrap().unwrap();
    let joined = set.validators.iter().find(|one| one.name == "pilots&co").unwrap();
    let joins = format!("pilots&co joins, with keys {}.", joined.fingerprint());
    for part in [joins.as_str(), "university leaves.", "The keys of university may be in other hands"] {
        assert!(says.contains(part), "{says}");
    }
}

#[test]
fn the_page_of_governance_tells_who_decides_by_which_rules() {
    let (folder, index, ledger, made) = indexed();
    let reader = index.read();
    let view = governance(&reader, 0).unwrap();
    let era = view.era.unwrap();
    assert_eq!((era.number, era.last, era.quorum, era.third, era.accused()), (1, None, 3, 2, 0));
    let names: Vec<_> = era.validators.iter().map(|one| one.validator.name.as_str()).collect();
    assert_eq!(names, ["harbour", "customs", "carriers", "pilots&co"]);
    assert_eq!((view.rules.now.version, view.rules.now.from, &view.rules.next), (1, 1, &None));
    assert_eq!(view.rules.quota.count_max, 50_000);
    assert_eq!(view.rules.parameters_by.unwrap().id, made.parameters.to_string());
    assert_eq!((view.eras.count, view.proposals.count, view.accusations.count), (2, 9, 3));
    // Whoever left is no validator any more; what is against it stays.
    let gone = validator(&reader, &testing_keys()[3], 0, None, 100).unwrap();
    assert_eq!((gone.in_force, gone.last, gone.accusations.count), (false, Some(era.from - 1), 3));
    assert_eq!((gone.name.as_str(), gone.ballots.count), ("university", 2));
    drop(reader);
    // Before its first block nothing is known, and that is no error.
    let empty = Index::open(&folder.path().join("empty"), ledger.network).unwrap();
    let view = governance(&empty.read(), 0).unwrap();
    assert!(view.era.is_none() && view.eras.items.is_empty() && view.rules.parameters_by.is_none());
}

#[test]
fn a_version_that_is_decided_is_next_until_its_height() {
    let folder = tempfile::tempdir().unwrap();
    let (mut ledger, _) = Ledger::made(START_MS);
    let index = Index::open(folder.path(), ledger.network).unwrap();
    // Decided twice: the later decision puts the date off.
    let first = ledger.decide(Change::Protocol { version: 2, from: 50_000 });
    let second = ledger.decide(Change::Protocol { version: 2, from: 60_000 });
    ledger.blocks.iter().for_each(|block| index.take(block).unwrap());
    let rules = governance(&index.read(), 0).unwrap().rules;
    let next = rules.next.unwrap();
    assert_eq!((rules.now.version, rules.now.from, rules.now.proposal), (1, 1, None));
    assert_eq!((next.version, next.from, next.proposal.unwrap().id), (2, 60_000, second.to_string()));
    assert_eq!(listed(&index.read(), ListKind::Protocols, None).len(), 2);
    assert_ne!(first, second);
}

#[test]
fn rows_of_governance_are_the_same_when_they_are_made_anew_and_whatever_the_page_size() {
    let (folder, first, ledger, _) = indexed();
    let again = folder.path().join("again");
    for block in &ledger.blocks {
        Index::open(&again, ledger.network).unwrap().take(block).unwrap();
    }
    assert_eq!(dump(&first), dump(&Index::open(&again, ledger.network).unwrap()));
    let reader = first.read();
    for list in [List::Proposals, List::Ballots, List::Accusations, List::Eras] {
        let whole = part(&reader, list, None, None, 1_000, 0).unwrap().rows;
        assert_eq!(whole.len() as u64, list::count(&reader, list, None).unwrap(), "{list:?}");
        assert!(!whole.is_empty() && whole.iter().all(|(_, row)| row.len() == list.columns().len()), "{list:?}");
        let (mut pieces, mut before) = (Vec::new(), None);
        loop {
            let page = part(&reader, list, None, before, 1, 0).unwrap();
            pieces.extend(page.rows);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(pieces, whole, "{list:?}");
    }
}
