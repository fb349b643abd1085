//! What an order does, in words for people. Programs read the word of the protocol beside it.

/// The word of each action, and what its order is called.
const WORDS: [(&str, &str); 30] = [
    ("party.apply", "Application for membership"),
    ("party.admit", "Member admitted"),
    ("party.suspend", "Member suspended"),
    ("party.add-key", "Key added"),
    ("party.revoke-key", "Key revoked"),
    ("group.set", "Group changed"),
    ("dataset.publish", "Listing published"),
    ("dataset.revise", "Listing revised"),
    ("dataset.list", "Standing of a listing changed"),
    ("dataset.add-version", "Version added"),
    ("provenance.record-step", "Processing step recorded"),
    ("dataset.take-down", "Description taken down"),
    ("side.take-down", "Text beside the ledger taken down"),
    ("offer.make", "Offer made"),
    ("offer.revise", "Offer revised"),
    ("offer.withdraw", "Offer withdrawn"),
    ("agreement.buy", "Licence bought"),
    ("agreement.renew", "Licence prolonged"),
    ("agreement.revoke", "Licence ended"),
    ("delivery.deliver", "Download"),
    ("consent.give", "Consent recorded"),
    ("consent.end", "Consent ended"),
    ("basis.state", "Legal basis stated"),
    ("settlement.mint", "Money brought in"),
    ("settlement.burn", "Money paid out"),
    ("governance.propose", "Proposal to the validators"),
    ("governance.approve", "Proposal approved"),
    ("governance.ready", "Readiness of a new validator"),
    ("governance.accuse", "Accusation of a validator"),
    ("governance.protest", "Protest of a validator"),
];

/// The words for `action`, as `agreement.buy`.
pub fn words(action: &str) -> &'static str {
    // An order that a later release wrote into this folder.
    let unknown = "Something that this release does not know";
    WORDS.iter().find(|(slug, _)| *slug == action).map_or(unknown, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::action::Action;

    #[test]
    fn every_action_has_words_of_its_own() {
        let actions: Vec<&str> = Action::TABLE.iter().map(|(_, slug)| *slug).collect();
        assert_eq!(WORDS.map(|(slug, _)| slug).to_vec(), actions, "in the order of the table");
        let distinct: std::collections::BTreeSet<&str> = WORDS.iter().map(|(_, words)| *words).collect();
        assert_eq!(distinct.len(), WORDS.len());
        assert_eq!(words("agreement.buy"), "Licence bought");
        assert!(words("later.than-this").contains("does not know"));
    }
}
