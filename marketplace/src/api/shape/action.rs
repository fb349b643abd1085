//! Actions: whatever the rules let a party do, and what is signed.

use super::*;
use utoipa::ToSchema;

/// An action. `side` and `justification` are filled in by the market where texts are sent along.
#[derive(ToSchema)]
#[serde(tag = "action")]
pub enum Action {
    /// Asks to become a member.
    #[serde(rename = "party.apply")]
    Apply { name: String, kind: PartyKind, jurisdiction: Country, side: Option<Id> },
    /// Admits a party and sets its roles.
    #[serde(rename = "party.admit")]
    Admit { party: Id, roles: Vec<Role> },
    /// Suspends a party.
    #[serde(rename = "party.suspend")]
    Suspend { party: Id, reason: SuspensionReason },
    /// Adds a key to the sender's own.
    #[serde(rename = "party.add-key")]
    AddKey { key: Id, usage: KeyUse, proof: Signature },
    /// Revokes a key of the sender's own.
    #[serde(rename = "party.revoke-key")]
    RevokeKey { key: Id, compromised: bool },
    /// Forms or changes a group.
    #[serde(rename = "group.set")]
    SetGroup { group: Option<Id>, name: String, members: Vec<Id> },
    /// Adds a dataset to the catalogue.
    #[serde(rename = "dataset.publish")]
    Publish { catalogue: String, identifier: String, jacket: Jacket, side: Option<Id> },
    /// Replaces a dataset's jacket; `follows` is the revision that was read.
    #[serde(rename = "dataset.revise")]
    Revise { dataset: Id, follows: u32, jacket: Jacket, side: Option<Id> },
    /// Suspends, relists or withdraws a dataset.
    #[serde(rename = "dataset.list")]
    List { dataset: Id, listing: Listing, reason: ListingReason },
    /// Anchors a content as the next version.
    #[serde(rename = "dataset.add-version")]
    AddVersion { dataset: Id, number: u32, content: Content, parents: Vec<Id>, excludes: Vec<ShortId> },
    /// Records a step of processing.
    #[serde(rename = "provenance.record-step")]
    RecordStep {
        dataset: Id,
        activity: Activity,
        /// 16 bytes as numbers.
        #[schema(value_type = Vec<u16>, min_items = 16, max_items = 16)]
        run: [u8; 16],
        job: String,
        tool: String,
        started_ms: u64,
        ended_ms: u64,
        inputs: Vec<Id>,
        note: String,
    },
    /// Takes a dataset's side body down.
    #[serde(rename = "dataset.take-down")]
    TakeDown { dataset: Id },
    /// Takes down any side body: also that of an older revision, of an application, of a purchase.
    #[serde(rename = "side.take-down")]
    TakeSideDown { side: Id },
    /// Offers a dataset.
    #[serde(rename = "offer.make")]
    MakeOffer { dataset: Id, terms: Terms, price: Price },
    /// Changes an offer for new purchases; `follows` is the revision that was read.
    #[serde(rename = "offer.revise")]
    ReviseOffer { offer: Id, follows: u32, terms: Terms, price: Price },
    /// Closes an offer.
    #[serde(rename = "offer.withdraw")]
    WithdrawOffer { offer: Id },
    /// Buys a licence.
    #[serde(rename = "agreement.buy")]
    Buy {
        offer: Id,
        revision: u32,
        purpose: Purpose,
        periods: u32,
        amount: Amount,
        quote: Option<SignedQuote>,
        justification: Option<Id>,
    },
    /// Prolongs a subscription.
    #[serde(rename = "agreement.renew")]
    Renew { agreement: Id, periods: u32, amount: Amount },
    /// Ends an agreement before its time.
    #[serde(rename = "agreement.revoke")]
    Revoke { agreement: Id, reason: RevocationReason },
    /// Records that a version is handed out.
    #[serde(rename = "delivery.deliver")]
    Deliver { agreement: Id, version: Id },
    /// Records a consent.
    #[serde(rename = "consent.give")]
    GiveConsent {
        consent: ShortId,
        dataset: Id,
        since_version: u32,
        purposes: Vec<Purpose>,
        notice: Id,
        until_day: u32,
        record: Id,
    },
    /// Ends a consent.
    #[serde(rename = "consent.end")]
    EndConsent { consent: ShortId, state: ConsentState },
    /// States a legal basis other than consent.
    #[serde(rename = "basis.state")]
    StateBasis {
        dataset: Id,
        purpose: Purpose,
        kind: BasisKind,
        jurisdiction: Country,
        reference: String,
        controller: Id,
        controls: Vec<String>,
        ended: bool,
    },
    /// Brings money on the ledger.
    #[serde(rename = "settlement.mint")]
    Mint { party: Id, amount: Amount, currency: Currency, reference: Id },
    /// Takes money off the ledger.
    #[serde(rename = "settlement.burn")]
    Burn { party: Id, amount: Amount, currency: Currency, reference: Id },
}

/// Why a party is suspended.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SuspensionReason {
    /// It asked for it.
    OwnRequest,
    /// It broke the rules.
    Breach,
    /// Its key is in other hands.
    KeyCompromise,
    /// It does not exist any more.
    Dissolved,
}

/// Why a listing changes.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ListingReason {
    /// It is ready.
    Ready,
    /// Its quality.
    Quality,
    /// The law.
    Legal,
    /// It has ended.
    Ended,
}

/// What a step did.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// Collected.
    Collect,
    /// Refreshed.
    Refresh,
    /// Calibrated.
    Calibrate,
    /// Processed.
    Process,
    /// Anonymised.
    Anonymise,
    /// Archived.
    Archive,
    /// Deleted.
    Delete,
}

/// What a party signs, decoded.
#[derive(ToSchema)]
pub struct TransactionBody {
    network: Id,
    sender: Id,
    key: Id,
    nonce: ShortId,
    /// The last block that may take it.
    last_valid: u64,
    action: Action,
}

/// A transaction that is ready to be signed.
#[derive(ToSchema)]
pub struct PreparedTransaction {
    id: Id,
    transaction: TransactionBody,
    /// The same as borsh bytes. Goes back with the signature.
    body: Hex,
    /// The exact bytes to sign.
    message: Hex,
}

/// A text beside the ledger.
#[derive(ToSchema)]
pub struct SideField {
    name: String,
    value: String,
}

/// Texts beside the ledger, and the blinding of their commitment.
#[derive(ToSchema)]
pub struct SideBody {
    blinding: Id,
    fields: Vec<SideField>,
}

/// Everything that a party that keeps its own key needs.
#[derive(ToSchema)]
pub struct Prepared {
    prepared: PreparedTransaction,
    /// To be handed in together with the signature.
    side: Option<SideBody>,
}

/// What a party signed.
#[derive(ToSchema)]
pub struct SignedAction {
    body: Hex,
    signature: Signature,
    #[schema(required = false)]
    side: Option<SideBody>,
}

/// A signature that proves a key of a party: over `lonja/sign/transaction/v1`, a zero byte, the
/// network id, `lonja/credential/v1`, a zero byte, the party, the key, the time (8 bytes,
/// big-endian) and the market's base URL.
#[derive(ToSchema)]
pub struct KeyProof {
    party: Id,
    key: Id,
    at_ms: u64,
    signature: Signature,
}
