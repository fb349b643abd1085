//! Why a rule said no, and why bytes are no transaction.
//!
//! A [`Rejection`] is committed with the transaction, so its tag is a permanent code: receipts are
//! history. A [`Malformed`] transaction never reaches a block.

use crate::{
    governance::ProposalState,
    id::*,
    key::PublicKey,
    money::{Amount, Currency},
    party::Role,
    state::Fault,
    vocabulary::Purpose,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// What the bytes alone show to be wrong: the field and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Malformed {
    /// Which field.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

impl Malformed {
    /// Says what is wrong with `field`.
    pub fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

/// Checks a list's length.
pub(crate) fn bounded_list(field: &'static str, items: usize, most: usize) -> Result<(), Malformed> {
    if items > most { Err(Malformed::new(field, format!("{items} items, {most} at most"))) } else { Ok(()) }
}

/// Why applying a transaction stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A policy says no. Committed with its reason.
    Refused(Rejection),
    /// The state could not be read. Nothing is committed.
    Fault(Fault),
}

impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A classification that an offer needs and a jacket does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
#[expect(missing_docs, reason = "each is named as its field in `jacket::Classification`")]
pub enum Gap {
    FrameworkClass = 0,
    Spectrum = 1,
    Access = 2,
    Categories = 3,
    InsightLevels = 4,
    Roles = 5,
    Processing = 6,
    Usage = 7,
    Structure = 8,
    Quadrant = 9,
    Sensitivity = 10,
    Personal = 11,
    Spatial = 12,
    Temporal = 13,
    Refresh = 14,
}

impl Gap {
    /// The field's name, as in a jacket's JSON.
    pub fn field(self) -> &'static str {
        [
            "framework_class",
            "spectrum",
            "access",
            "categories",
            "insight_levels",
            "roles",
            "processing",
            "usage",
            "structure",
            "quadrant",
            "sensitivity",
            "personal",
            "spatial",
            "temporal",
            "refresh",
        ][self as usize]
    }
}

macro_rules! rejections {
    ($($(#[doc = $doc:literal])* $name:ident $({ $($field:ident: $type:ty),* })? = $code:literal, $text:literal $(, $($argument:expr),+)?;)*) => {
        /// Why a rule said no. Codes are permanent: they are in receipts.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize, Serialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "fields are named as what they hold")]
        pub enum Rejection { $($(#[doc = $doc])* #[error($text $(, $($argument),+)?)] $name $({ $($field: $type),* })? = $code,)* }

        impl Rejection {
            /// The permanent code.
            pub fn code(&self) -> u8 { match self { $(Self::$name { .. } => $code,)* } }

            /// Code and name of every refusal there is, for documents and clients.
            pub const CODES: &'static [(u8, &'static str)] = &[$(($code, stringify!($name)),)*];

            /// Of every refusal: code, name, what is so, and the words that the sender gets, with what is
            /// filled in between braces. `refusals.md` shows them.
            pub const TABLE: &'static [(u8, &'static str, &'static str, &'static str)] =
                &[$(($code, stringify!($name), concat!($($doc),*), $text),)*];
            /// Name of every refusal, with name and type of each of its fields, for documents.
            pub const FIELDS: &'static [(&'static str, &'static [(&'static str, &'static str)])] =
                &[$((stringify!($name), &[$($((stringify!($field), stringify!($type))),*)?]),)*];

            /// The name of the refusal with `code`.
            pub fn name_of(code: u8) -> Option<&'static str> {
                Self::CODES.iter().find(|(known, _)| *known == code).map(|(_, name)| *name)
            }
        }
    };
}

rejections! {
    // Parties and keys: 1 to 19.
    /// Nobody has applied under this id.
    PartyUnknown { party: PartyId } = 1, "party {party} is not known: it applies first (`lonja party apply`)";
    /// The id has applied before.
    PartyExists { party: PartyId } = 2, "party {party} has applied already";
    /// Not admitted yet, or suspended.
    PartyNotActive { party: PartyId } = 3, "party {party} is not active: an operator admits it (`lonja party admit`)";
    /// The party does not hold the role that this takes.
    RoleMissing { party: PartyId, role: Role } = 4, "party {party} does not hold the role `{}`: an operator gives it (`lonja party admit --role`)", role.slug();
    /// An operator may not suspend itself or take its own role away.
    OperatorWouldLockItselfOut = 5, "an operator cannot suspend itself or give up its own role: another operator does it";
    /// The new key did not sign that it belongs to the sender.
    KeyProofWrong { key: PublicKey } = 6, "the proof by key {key} does not verify: the new key itself signs the request";
    /// The party has had this key before.
    KeyKnown { key: PublicKey } = 7, "key {key} belongs to the party already, or did";
    /// The party has no such key in force.
    KeyUnknown { key: PublicKey } = 8, "the party has no key {key} in force";
    /// A party keeps one key that signs transactions.
    LastKey = 9, "this is the last key that signs transactions: add another first";
    /// The party has as many keys as it may.
    TooManyKeys = 10, "the party has as many keys as it may have, revoked ones included";
    /// No such group of the sender.
    GroupUnknown { group: GroupId } = 11, "the sender has no group {group}";

    // Datasets and versions: 20 to 39.
    /// No such dataset.
    DatasetUnknown { dataset: DatasetId } = 20, "dataset {dataset} is not known";
    /// The identifier is taken in this catalogue.
    DatasetExists { dataset: DatasetId } = 21, "dataset {dataset} is published already: revise it instead";
    /// Only its publisher may do this.
    NotThePublisher { dataset: DatasetId } = 22, "only the publisher of dataset {dataset} may do this";
    /// Suspended or withdrawn.
    DatasetNotListed { dataset: DatasetId } = 23, "dataset {dataset} is suspended or withdrawn";
    /// Something was changed in between.
    RevisionMoved { now: u32 } = 24, "the revision now is {now}: read it and try again";
    /// The classification has gaps.
    ClassificationIncomplete { missing: Vec<Gap> } = 25, "the classification has gaps, so this may not be offered yet; missing: {}", list(missing);
    /// Another version came first, or one was skipped.
    VersionNumber { next: u32 } = 26, "the next version has number {next}";
    /// No such version.
    VersionUnknown { version: VersionId } = 27, "version {version} is not known";
    /// A parent belongs to others and no licence lets it on.
    UpstreamLicence { parent: VersionId } = 28, "version {parent} belongs to another party, and no licence in force lets its data on";

    /// There is nothing to take down.
    NoSideBody { dataset: DatasetId } = 29, "dataset {dataset} has no side body, or it was taken down before";
    /// Another party committed to the side body first.
    SideBodyOfAnother { side: SideId } = 30, "side body {side} is another party's, which committed to it first: that party or an operator takes it down";
    /// The bytes are those of a version that a consent has closed.
    ContentClosed { number: u32 } = 31, "these bytes are those of version {number}, which a consent that ended or was left out has closed: anchor data without that subject";

    // Offers and quotes: 40 to 59.
    /// No such offer.
    OfferUnknown { offer: OfferId } = 40, "offer {offer} is not known";
    /// Only its provider may do this.
    NotTheProvider { offer: OfferId } = 41, "only the provider of offer {offer} may do this";
    /// The offer was withdrawn.
    OfferWithdrawn { offer: OfferId } = 42, "offer {offer} was withdrawn";
    /// Nobody can buy from a withdrawn offer.
    OfferIsWithdrawn = 43, "the offer was withdrawn and is closed for new purchases";
    /// Closed data are acknowledged and never traded.
    ClosedIsNotTraded = 44, "closed data are listed, but never offered or sold (ISO/DIS 37156 5.5.2)";
    /// A price, a purpose limit, an end or a limit on passing on makes data shared, not open.
    NotOpen = 45, "open data are free, for any purpose, without end, and may be passed on: classify it as shared data to limit it (ISO/DIS 37156 5.5.4)";
    /// More periods than the offer sells at once.
    Periods { most: u32 } = 46, "1 to {most} periods can be bought at once";
    /// The quote's signature does not verify.
    QuoteSignature = 47, "the quote's signature does not verify";
    /// The quote's key is not registered for pricing.
    QuoteKey { key: PublicKey } = 48, "key {key} is not registered by the provider for pricing";
    /// The quote is for another buyer, offer, revision, quantity or currency.
    QuoteForAnother = 49, "the quote is for another buyer, offer, revision, quantity or currency";
    /// The quote's time is over.
    QuoteExpired { expired_ms: TimeMs } = 50, "the quote expired at {expired_ms} ms since 1970: ask for another";
    /// A quote is used once.
    QuoteUsed = 51, "the quote was used before: ask for another";

    // Agreements and deliveries: 60 to 79.
    /// No such agreement.
    AgreementUnknown { agreement: AgreementId } = 60, "agreement {agreement} is not known";
    /// The agreement ended or was revoked.
    AgreementOver { agreement: AgreementId } = 61, "agreement {agreement} has ended or was revoked";
    /// Only buyer or provider of the agreement may do this.
    NotAParty { agreement: AgreementId } = 62, "this is for the other side of agreement {agreement}, or for neither";
    /// Shared with others only.
    AccessRestricted = 63, "the dataset is shared with specific parties or a group, and the buyer is not among them";
    /// The terms do not allow this purpose.
    PurposeNotAllowed { purpose: Purpose } = 64, "the terms do not allow the purpose `{}`", purpose.label();
    /// Personal data need a reason.
    JustificationMissing = 65, "personal data are bought with a justification (ISO/DIS 37156 8.3.3)";
    /// The version belongs to another dataset.
    VersionNotCovered { version: VersionId } = 66, "version {version} is not of the dataset that the agreement covers";
    /// Only subscriptions are renewed.
    NotASubscription = 67, "only subscriptions are renewed";
    /// The price is another than the buyer expects.
    PriceIsAnother { amount: Amount } = 68, "the price is {} minor units", amount.minor();

    /// Nobody buys from itself.
    SelfDealing = 69, "a provider does not buy its own dataset: it holds the data, and the sale would say nothing";

    // Consents and legal bases: 80 to 99.
    /// Personal data have neither consents nor a legal basis for this purpose.
    NoGround { purpose: Purpose } = 80, "personal data: there is neither consent nor a legal basis for the purpose `{}`", purpose.label();
    /// A consent that the version rests on has ended.
    ConsentEnded { clean_from: u32 } = 81, "a consent that this version rests on has ended, or its subject was left out since: a version that leaves its subject out, number {clean_from} or later, may be delivered";
    /// A consent's time is over.
    ConsentExpired = 82, "a consent's time is over";
    /// The id was used before.
    ConsentKnown { consent: ConsentId } = 83, "consent {consent} is recorded already";
    /// No such consent.
    ConsentUnknown { consent: ConsentId } = 84, "consent {consent} is not known";
    /// The consent has ended before.
    ConsentOver { consent: ConsentId } = 85, "consent {consent} has ended before";
    /// Another custodian recorded it.
    NotTheController { consent: ConsentId } = 86, "only the custodian that recorded consent {consent} may change it";
    /// The consent is of another dataset or was left out before.
    ConsentNotExcludable { consent: ConsentId } = 87, "consent {consent} is of another dataset, or its subject was left out before";
    /// More consents, or more days on which they end, than one dataset and purpose may have.
    TooManyConsents = 88, "more consents, or more days on which they end, than one dataset and purpose may have";

    // Money: 100 to 119.
    /// The balance does not suffice.
    BalanceTooSmall { balance: Amount, amount: Amount, currency: Currency } = 100, "the balance is {}, {} are needed", balance.display(*currency), amount.display(*currency);
    /// A sum passes the limit.
    AmountOverflow = 101, "a sum passes the largest amount that the ledger keeps";
    /// The bank reference was booked before.
    BankReferenceUsed { reference: BankReference } = 102, "the bank reference with digest {reference} was booked before";

    // What any action may meet: 120 onwards.
    /// What happened would not fit into an outcome.
    OutcomeTooLarge { bytes: u32 } = 120, "the outcome would have {bytes} bytes, more than a log entry's outcome may have: do it in several steps";

    // Governance: 140 to 179.
    /// There is no such validator in the set that is asked.
    NotAValidator { number: u8 } = 140, "there is no validator number {number} in the set that is asked";
    /// The ballot is not signed by its validator, or for something else.
    BallotWrong { number: u8 } = 141, "the ballot is not signed by the consensus key of validator number {number} for exactly this";
    /// A validator has one ballot.
    BallotTwice { number: u8 } = 142, "validator number {number} has said so already";
    /// No such proposal.
    ProposalUnknown { proposal: ProposalId } = 143, "proposal {proposal} is not known, or is none that this can be said of";
    /// The same has been proposed before.
    ProposalExists { proposal: ProposalId } = 144, "exactly this is proposed already: approve proposal {proposal}";
    /// It was decided before, or is not decided yet.
    ProposalMoved { now: ProposalState } = 145, "the proposal is {}", now.word();
    /// The set of validators is another than the one that was asked.
    ProposalOfAnotherSet = 146, "the validators in force are not those that are asked: propose it anew to them";
    /// Its time is over.
    ProposalExpired { until_ms: TimeMs } = 147, "the proposal's time was over at {until_ms} ms since 1970: propose it anew";
    /// Its time would be over, or too long.
    ProposalTime { most_ms: TimeMs } = 148, "a proposal's time ends after now and by {most_ms} ms since 1970";
    /// It is so already.
    NothingChanges = 149, "it is so already: nothing would change";
    /// Another change of the set passed later and took its place, or came with the same block.
    SetChangeUnderWay = 150, "another change of the validator set passed later and took the place of this one, or came with this very block";
    /// The height is over or was long ago.
    NotReadyNow { height: Height } = 151, "who is ready has replayed everything up to the newest blocks, which end at height {height}";
    /// The set has changed as often as it may.
    SetChangesUsedUp = 152, "the validator set has changed as often as verifiers follow, 1,024 times: whoever goes on founds a new network";
    /// No validator in force has this consensus key.
    NoConsensusKey { key: PublicKey } = 153, "no validator in force has the consensus key {key}: only such a one is accused, or protests";
    /// It is known already.
    AccusedAlready { number: u8 } = 154, "validator number {number} is accused already: one accusation of a key is kept";
    /// A signature does not verify.
    TestimonyWrong { number: u8 } = 155, "what is handed in as the word of validator number {number} is not signed by its consensus key";
    /// Versions come one after the other.
    ProtocolVersion { next: u16 } = 156, "the next version of the rules is {next}";
    /// It would come before everybody can know.
    ProtocolHeight { least: Height } = 157, "another version of the rules begins at height {least} at the earliest: propose a later one";
    /// A validator protests once against each other.
    ProtestedAlready { number: u8, by: u8 } = 158, "validator number {by} has protested against a proposal of validator number {number} already: one protest of each is kept";
    /// What a quorum decided of a party, no operator undoes.
    PartyDecided { party: PartyId, proposal: ProposalId } = 159, "validators decided what party {party} is, by proposal {proposal}: only they decide otherwise (`lonja governance party`)";
    /// Where several validate, no operator alone makes operators or settlement agents.
    RoleOfAQuorum { party: PartyId, role: Role } = 160, "where several validate, a quorum of them gives party {party} the role `{}`, and no operator alone: `lonja governance party` proposes it", role.slug();
    /// A key that may be in other hands validates no more.
    KeyCompromised { key: PublicKey } = 161, "key {key} may be in other hands, as this proposal or one before it says: propose a set without it (`lonja governance set --remove`), its validator with new keys under another name";
    /// Whoever approves knows validators by their names.
    NameKeepsItsKeys { number: u8 } = 162, "validator number {number} keeps all its keys as long as it keeps its name: propose new ones under another name (`lonja governance set --remove NAME --add FILE`)";
    /// Nothing that took effect commits to it.
    SideBodyUnknown { side: SideId } = 163, "nothing that took effect commits to side body {side}: an operator can take it down all the same";
    /// It was taken down.
    SideBodyGone { side: SideId } = 164, "side body {side} was taken down and does not come back: write another text";
}

fn list(missing: &[Gap]) -> String {
    missing.iter().map(|gap| gap.field()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_are_the_first_byte() {
        let mut codes: Vec<_> = Rejection::CODES.iter().map(|(code, _)| *code).collect();
        codes.dedup();
        assert_eq!(codes.len(), Rejection::CODES.len());
        assert!(
            codes.windows(2).all(|pair| pair[0] < pair[1]),
            "ascending, so a new one is added at the end of its block"
        );
        let rejection = Rejection::Periods { most: 3 };
        assert_eq!(borsh::to_vec(&rejection).unwrap()[0], rejection.code());
        assert_eq!(Rejection::name_of(46), Some("Periods"));
    }

    /// What `refusals.md` has to say.
    fn document() -> String {
        let head = "# Why the rules say no\n\n\
            A refused transaction is on the ledger, with one of these codes in its log entry and in its receipt.\n\
            Codes are permanent. This table is made from `src/rejection.rs`, and a test of it keeps it true; another\n\
            one holds that each code is earned by a case. Between braces stands what is filled in.\n\n\
            | code | name | what is so | what the sender is told |\n|---:|---|---|---|\n";
        let rows = Rejection::TABLE.iter().map(|(code, name, meaning, text)| {
            format!("| {code} | `{name}` | {} | {} |\n", meaning.trim(), text.replace('|', "\\|"))
        });
        rows.fold(head.to_owned(), |all, row| all + &row)
    }

    #[test]
    fn the_table_in_the_documents_is_true() {
        let (there, now) = (include_str!("../refusals.md"), document());
        assert!(there == now, "contracts/refusals.md is to say:\n{now}");
        assert!(Rejection::TABLE.iter().all(|(_, _, meaning, text)| !meaning.trim().is_empty() && !text.is_empty()));
    }
}
