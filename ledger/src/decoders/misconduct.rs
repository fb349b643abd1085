//! What validators were caught at, as another node tells it and as its files come back from a backup.

use super::again;
use crate::{node::Evidence, testing};

pub fn told(bytes: &[u8]) -> bool {
    let Ok(evidence) = serde_json::from_slice::<Vec<Evidence>>(bytes) else { return false };
    for one in &evidence {
        drop(one.verify(&testing::document().network));
    }
    let written = serde_json::to_vec(&evidence).expect("evidence has plain fields");
    again(&evidence, serde_json::from_slice(&written).map_err(|error| error.to_string()))
}

pub fn tellings() -> Vec<Vec<u8>> {
    let both = [Evidence::Accusation(testing::accusation(1, 7)), Evidence::Protest(testing::protest(1, 7, 0))];
    let written = |evidence: &[Evidence]| serde_json::to_vec(evidence).expect("evidence has plain fields");
    vec![written(&[]), written(&both)]
}

pub fn accusations() -> Vec<Vec<u8>> {
    vec![borsh::to_vec(&testing::accusation(1, 7)).expect("writing to memory does not fail")]
}

pub fn protests() -> Vec<Vec<u8>> {
    vec![borsh::to_vec(&testing::protest(1, 7, 0)).expect("writing to memory does not fail")]
}
