//! The table of everything a transaction can do. A new kind of action is one line here and one file.

use crate::{
    agreement, basis, consent, dataset, delivery, governance, group,
    id::{Height, NetworkId, PartyId, SideId, TimeMs, TransactionId},
    key::PublicKey,
    offer, party, provenance,
    rejection::{Malformed, Stop},
    settlement,
    state::Overlay,
    takedown, version,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Who asks, and when, as the block says; a rule knows nothing else of the world.
pub struct Call<'s, 'v> {
    /// The network, for signatures inside actions.
    pub network: NetworkId,
    /// The party that signed.
    pub sender: PartyId,
    /// The key that signed.
    pub signer: PublicKey,
    /// The transaction, after which new things are named.
    pub transaction: TransactionId,
    /// The block's height.
    pub height: Height,
    /// The block's time.
    pub time_ms: TimeMs,
    /// What may be read and written.
    pub state: &'s mut Overlay<'v>,
}

/// One kind of action: what can be checked without state, and what it does with it.
pub trait Rule {
    /// Checks what the bytes alone can tell: lengths, ranges, order.
    ///
    /// # Errors
    /// [`Malformed`]; such a transaction never enters a block.
    fn check(&self) -> Result<(), Malformed>;

    /// Reads, decides, then writes. Called only after [`Rule::check`] and the signature passed.
    ///
    /// # Errors
    /// A refusal, which is committed, or a fault of the store, which is not.
    fn apply(&self, call: &mut Call) -> Result<(), Stop>;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident($rule:ty) = $tag:literal, $slug:literal;)*) => {
        /// What a transaction asks for. Tags are on disk and in signatures: never reuse one.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[serde(tag = "action")]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum Action { $($(#[$doc])* #[serde(rename = $slug)] $name($rule) = $tag,)* }

        impl Action {
            /// Checks what the bytes alone can tell.
            ///
            /// # Errors
            /// [`Malformed`].
            pub fn check(&self) -> Result<(), Malformed> {
                match self { $(Self::$name(rule) => rule.check(),)* }
            }

            pub(crate) fn apply(&self, call: &mut Call) -> Result<(), Stop> {
                match self { $(Self::$name(rule) => rule.apply(call),)* }
            }

            /// The permanent tag.
            pub fn tag(&self) -> u8 { match self { $(Self::$name(_) => $tag,)* } }

            /// The word in JSON.
            pub fn slug(&self) -> &'static str { match self { $(Self::$name(_) => $slug,)* } }

            /// Tag and word of every action there is.
            pub const TABLE: &'static [(u8, &'static str)] = &[$(($tag, $slug),)*];

            /// The word of the action with `tag`.
            pub fn slug_of(tag: u8) -> Option<&'static str> {
                Self::TABLE.iter().find(|(known, _)| *known == tag).map(|(_, slug)| *slug)
            }
        }
    };
}

actions! {
    /// Asks to become a member.
    Apply(party::Apply) = 1, "party.apply";
    /// Admits a party and sets its roles.
    Admit(party::Admit) = 2, "party.admit";
    /// Suspends a party.
    Suspend(party::Suspend) = 3, "party.suspend";
    /// Adds a key to the sender's own.
    AddKey(party::AddKey) = 4, "party.add-key";
    /// Revokes a key of the sender's own.
    RevokeKey(party::RevokeKey) = 5, "party.revoke-key";
    /// Forms or changes a group.
    SetGroup(group::SetGroup) = 6, "group.set";
    /// Adds a dataset to the catalogue.
    Publish(dataset::Publish) = 10, "dataset.publish";
    /// Replaces a dataset's jacket.
    Revise(dataset::Revise) = 11, "dataset.revise";
    /// Suspends, relists or withdraws a dataset.
    List(dataset::List) = 12, "dataset.list";
    /// Anchors a content as the next version.
    AddVersion(version::AddVersion) = 13, "dataset.add-version";
    /// Records a step of processing.
    RecordStep(provenance::RecordStep) = 14, "provenance.record-step";
    /// Takes a dataset's side body down.
    TakeDown(takedown::TakeDown) = 15, "dataset.take-down";
    /// Takes any side body down.
    TakeSideDown(takedown::TakeSideDown) = 16, "side.take-down";
    /// Offers a dataset.
    MakeOffer(offer::MakeOffer) = 20, "offer.make";
    /// Changes an offer for new purchases.
    ReviseOffer(offer::ReviseOffer) = 21, "offer.revise";
    /// Closes an offer.
    WithdrawOffer(offer::WithdrawOffer) = 22, "offer.withdraw";
    /// Buys a licence.
    Buy(agreement::Buy) = 30, "agreement.buy";
    /// Prolongs a subscription.
    Renew(agreement::Renew) = 31, "agreement.renew";
    /// Ends an agreement before its time.
    Revoke(agreement::Revoke) = 32, "agreement.revoke";
    /// Records that a version is handed out.
    Deliver(delivery::Deliver) = 40, "delivery.deliver";
    /// Records a consent.
    GiveConsent(consent::Give) = 50, "consent.give";
    /// Ends a consent.
    EndConsent(consent::End) = 51, "consent.end";
    /// States a legal basis other than consent.
    StateBasis(basis::StateBasis) = 52, "basis.state";
    /// Brings money on the ledger.
    Mint(settlement::Mint) = 60, "settlement.mint";
    /// Takes money off the ledger.
    Burn(settlement::Burn) = 61, "settlement.burn";
    /// Proposes what a quorum of the validators decides.
    Propose(governance::Propose) = 70, "governance.propose";
    /// Approves a proposal.
    Approve(governance::Approve) = 71, "governance.approve";
    /// Says that a validator of a new set is ready.
    Ready(governance::Ready) = 72, "governance.ready";
    /// Accuses a validator of two statements that exclude each other.
    Accuse(governance::Accuse) = 73, "governance.accuse";
    /// Says as a validator that a proposal of another breaks the rules.
    Protest(governance::Protest) = 74, "governance.protest";
}

impl Action {
    /// The side body that the action commits to, if any.
    pub fn side(&self) -> Option<SideId> {
        match self {
            Self::Apply(action) => action.side,
            Self::Publish(action) => action.side,
            Self::Revise(action) => action.side,
            Self::Buy(action) => action.justification,
            _ => None,
        }
    }
}
