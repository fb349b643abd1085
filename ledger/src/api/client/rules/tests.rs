//! An old release among newer ones: it stops before what it does not know, and calls nobody a liar for it.

use super::*;
use crate::{
    api::follow::{Cursor, Follower},
    testing::{Network, between::between, unexecuted},
    unexecuted::Place,
};
use contracts::{
    id::{Digest, ProposalId},
    merkle::Frontier,
};

const NEWER: u16 = PROTOCOL_NEWEST + 1;

/// What no release of now can decode as a block.
const OF_LATER: [u8; 40] = [0xff; 40];

fn decided(version: u16, from: Height) -> Event {
    Event::ProtocolDecided { proposal: ProposalId([1; 32]), version, from }
}

/// Blocks of a newer release, two in an answer: those from `from` on are none to us.
fn serves(blocks: Vec<Vec<u8>>, path: &str, bytes: &mut Vec<u8>) {
    let Some(asked) = path.strip_prefix("/v1/blocks?after=") else { return };
    let after: usize = asked.split('&').next().unwrap().parse().unwrap();
    let here: Vec<_> = blocks.into_iter().skip(after).take(2).collect();
    *bytes = [&(here.len() as u32).to_le_bytes()[..], &here.concat()].concat();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_from_the_founding_stops_where_the_blocks_said_that_other_rules_begin() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    // Put off once; the second decision counts.
    let decisions = [vec![decided(NEWER, 3)], vec![decided(NEWER, 4)], vec![]];
    let (mut place, mut blocks): (Place, Vec<Vec<u8>>) = (unexecuted::founding(), Vec::new());
    for events in decisions {
        let (page, after) = unexecuted::page(&place, events);
        blocks.push(borsh::to_vec(&page).unwrap());
        place = after;
    }
    blocks.extend([OF_LATER.to_vec(), OF_LATER.to_vec()]);
    let client = between(&network, move |path, bytes| serves(blocks.clone(), path, bytes)).await;
    let mut follower = Follower::new(client.clone(), Cursor::default());
    let mut heights = Vec::new();
    let refused = loop {
        match follower.next(Duration::ZERO).await {
            Ok(blocks) => heights.extend(blocks.iter().map(|block| block.height)),
            Err(error) => break error,
        }
    };
    assert_eq!(heights, [1, 2, 3]);
    let said = refused.to_string();
    assert!(matches!(refused, ClientError::Rules(rules) if rules.from == Some(4)), "{said}");
    for part in ["the rules of version 2 take over at height 4", "this release does not know them: install one"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(follower.cursor().height, 3);
    // Without such a decision, what cannot be decoded is a lie.
    assert!(matches!(client.blocks(3, Duration::ZERO).await, Err(ClientError::Untrue { .. })));
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_in_the_middle_has_it_proven_when_other_rules_begin() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start(folder.path()).await;
    let from = network.client.status().await.unwrap().height + PROTOCOL_NOTICE_BLOCKS + 20;
    network.decide_rules(NEWER, from).await;
    let rules = UnknownRules { version: NEWER, from: Some(from) };
    assert_eq!(network.client.unknown_rules().await.unwrap().1, Some(rules));
    let at = |height| Cursor { height, block: Some(Digest([1; 32])), log: Frontier::EMPTY };
    let mut follower = Follower::new(network.client.clone(), at(from - 1));
    let refused = follower.next(Duration::ZERO).await;
    assert!(matches!(&refused, Err(ClientError::Rules(found)) if *found == rules), "{refused:?}");
    let mut follower = Follower::new(network.client.clone(), at(from - 2));
    assert!(follower.next(Duration::ZERO).await.unwrap().is_empty(), "the node has no such block yet");

    // Who only asks for blocks learns it where they cannot be decoded, and not sooner.
    let blocks = |path: &str, bytes: &mut Vec<u8>| {
        if path.starts_with("/v1/blocks") {
            *bytes = [&1u32.to_le_bytes()[..], &OF_LATER].concat();
        }
    };
    let later = between(&network, blocks).await;
    let refused = later.blocks(from - 1, Duration::ZERO).await;
    assert!(matches!(&refused, Err(ClientError::Rules(found)) if *found == rules), "{refused:?}");
    assert!(matches!(later.blocks(from - 2, Duration::ZERO).await, Err(ClientError::Untrue { .. })));
    network.stop().await;
}

#[test]
fn the_record_says_from_where_on_rules_are_unknown() {
    let of = |version, from, before| UnknownRules::of(&Protocol { version, from, before });
    assert_eq!(of(PROTOCOL_NEWEST, 9, PROTOCOL_NEWEST), None);
    let next = of(NEWER, 9, PROTOCOL_NEWEST).unwrap();
    assert_eq!((next.version, next.from), (NEWER, Some(9)));
    assert_eq!([0, 7, 8, 9, 100].map(|height| next.blocks_after(height)), [8, 1, 0, 0, 0]);
    // Where that of before is none of ours either, nobody knows since when.
    let since = of(NEWER + 1, 9, NEWER).unwrap();
    assert_eq!((since.version, since.from, since.blocks_after(0)), (NEWER, None, 0));
    assert!(since.to_string().contains("version 2 are in force"), "{since}");
}

#[test]
fn no_block_comes_after_the_highest_height() {
    let unknown = UnknownRules { version: NEWER, from: Some(5) };
    assert_eq!([3, 4, u64::MAX].map(|height| unknown.blocks_after(height)), [1, 0, 0]);
}
