//! The columns of each list, the same on pages, in the API and in exports.

use super::table::{Column, machine, named, plain};

pub(super) const BLOCKS: &[Column] = &[
    plain("height", "Height"),
    plain("time", "Time"),
    plain("transactions", "Transactions"),
    plain("refused", "Refused"),
    plain("block", "Block id"),
];
pub(super) const TRANSACTIONS: &[Column] = &[
    plain("height", "Block"),
    plain("time", "Time"),
    plain("transaction", "Transaction"),
    named("sender", "Signed by"),
    plain("action", "Action"),
    plain("outcome", "Outcome"),
    plain("request", "Request"),
];
pub(super) const PARTIES: &[Column] = &[
    named("party", "Party"),
    plain("kind", "Kind"),
    plain("jurisdiction", "Country"),
    plain("standing", "Standing"),
    plain("roles", "Roles"),
    plain("height", "Since block"),
    plain("transaction", "Application"),
];
pub(super) const DATASETS: &[Column] = &[
    named("dataset", "Dataset"),
    named("publisher", "Published by"),
    plain("catalogue", "Catalogue"),
    plain("identifier", "Identifier"),
    plain("spectrum", "Spectrum"),
    plain("listing", "Listing"),
    plain("versions", "Versions"),
    plain("time", "Published"),
    machine("transaction"),
    machine("height"),
];
pub(super) const OFFERS: &[Column] = &[
    plain("offer", "Offer"),
    named("dataset", "Dataset"),
    named("provider", "Provider"),
    plain("price", "Price"),
    plain("standing", "Standing"),
    plain("revision", "Revision"),
    plain("time", "Made"),
    machine("transaction"),
    machine("height"),
];
pub(super) const AGREEMENTS: &[Column] = &[
    plain("agreement", "Agreement"),
    named("buyer", "Buyer"),
    named("dataset", "Dataset"),
    named("provider", "Provider"),
    plain("purpose", "Purpose"),
    plain("paid", "Paid"),
    machine("paid_minor"),
    machine("currency"),
    plain("standing", "Standing"),
    plain("start", "From"),
    plain("end", "Until"),
    machine("transaction"),
    machine("height"),
];
pub(super) const DELIVERIES: &[Column] = &[
    plain("delivery", "Delivery"),
    plain("time", "Time"),
    named("version", "Version"),
    named("buyer", "To"),
    named("gateway", "By"),
    plain("agreement", "Agreement"),
    machine("transaction"),
    machine("height"),
];
pub(super) const CONSENTS: &[Column] = &[
    plain("consent", "Consent"),
    named("dataset", "Dataset"),
    named("controller", "Recorded by"),
    plain("purposes", "Purposes"),
    plain("state", "State"),
    plain("from", "From"),
    plain("until_day", "Until"),
    plain("transaction", "Transaction"),
    machine("height"),
];
pub(super) const REFUSALS: &[Column] = &[
    plain("height", "Block"),
    plain("time", "Time"),
    named("sender", "Asked by"),
    plain("request", "Request"),
    plain("code", "Code"),
    plain("reason", "Reason"),
    plain("transaction", "Transaction"),
];
pub(super) const EVENTS: &[Column] = &[
    plain("height", "Block"),
    plain("time", "Time"),
    plain("kind", "Kind"),
    plain("fact", "What happened"),
    plain("transaction", "Transaction"),
    plain("number", "Event"),
];
pub(super) const PROPOSALS: &[Column] = &[
    plain("proposal", "Proposal"),
    plain("change", "Of"),
    plain("what", "What it would change"),
    named("proposer", "Proposed by"),
    plain("time", "Made"),
    plain("until", "Open until"),
    plain("state", "State"),
    plain("ballots", "Ballots"),
    machine("needed"),
    machine("sender"),
    machine("transaction"),
    machine("height"),
];
pub(super) const BALLOTS: &[Column] = &[
    plain("height", "Block"),
    plain("time", "Time"),
    plain("proposal", "Proposal"),
    named("validator", "Validator"),
    plain("word", "Word"),
    named("sender", "Handed in by"),
    plain("transaction", "Transaction"),
    machine("signature"),
];
pub(super) const ACCUSATIONS: &[Column] = &[
    plain("height", "Block"),
    plain("time", "Time"),
    named("validator", "Against"),
    plain("kind", "Kind"),
    plain("what", "What it did"),
    machine("at_height"),
    machine("round"),
    named("by", "By"),
    plain("shown", "How far it goes"),
    plain("transaction", "Transaction"),
];
pub(super) const ERAS: &[Column] = &[
    plain("era", "Era"),
    plain("from", "Decides from block"),
    plain("time", "Since"),
    plain("validators", "Validators"),
    plain("quorum", "Quorum"),
    plain("proposal", "By proposal"),
    plain("height", "Complete in block"),
    plain("transaction", "Transaction"),
    machine("set"),
];
