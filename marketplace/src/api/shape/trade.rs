//! Orders, quotes, agreements, deliveries, consents.

use super::*;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How far an order has come.
#[derive(ToSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum OrderState {
    /// Signed and stored, not decided yet.
    Open,
    /// On the ledger.
    Applied {
        /// In which block.
        height: u64,
        /// Its time.
        time_ms: u64,
        /// Number of its log entry.
        index: u64,
    },
    /// On the ledger, with a reason.
    Refused {
        /// In which block.
        height: u64,
        /// Its time.
        time_ms: u64,
        /// Number of its log entry.
        index: u64,
        /// Why.
        rejection: Rejection,
    },
    /// It can never be decided any more.
    Dead {
        /// Why.
        reason: String,
    },
}

/// A signed action that went through the market.
#[derive(ToSchema)]
pub struct Order {
    /// The transaction's id.
    id: Id,
    party: Id,
    /// As `offer.make`.
    action: String,
    /// The same in words for people, as `Offer made`.
    text: String,
    created_ms: u64,
    /// The last block that may take it.
    last_valid: u64,
    state: OrderState,
}

/// Something that is on the ledger.
#[derive(ToSchema)]
pub struct Done {
    order: Order,
}

/// A page of orders.
#[derive(ToSchema)]
pub struct OrderPage {
    #[schema(max_items = 200)]
    items: Vec<Order>,
    next: Option<Cursor>,
    height: u64,
}

/// What a provider's pricing key signs.
#[derive(ToSchema)]
pub struct Quote {
    buyer: Id,
    offer: Id,
    revision: u32,
    periods: u32,
    amount: Amount,
    currency: Option<Currency>,
    expires_ms: u64,
    /// 16 random bytes as numbers: a quote is used once.
    #[schema(value_type = Vec<u16>, min_items = 16, max_items = 16)]
    nonce: [u8; 16],
}

/// A quote that binds.
#[derive(ToSchema)]
pub struct SignedQuote {
    quote: Quote,
    key: Id,
    signature: Signature,
}

/// What an offer costs.
#[derive(ToSchema)]
pub struct QuoteView {
    offer: Id,
    revision: u32,
    periods: u32,
    amount: Amount,
    /// `null` where it is free.
    currency: Option<Currency>,
    /// For people.
    price: String,
    /// The terms as text.
    terms: String,
    expires_ms: Option<u64>,
    /// For `quote` of an order; `null` where the provider left no pricing key here.
    signed: Option<SignedQuote>,
    has_content: bool,
    needs_justification: bool,
    /// What the caller has in this currency.
    balance: Option<Amount>,
}

/// A purchase that is on the ledger.
#[derive(ToSchema)]
pub struct Bought {
    agreement: Id,
    order: Order,
}

/// Applied, or refused with a permanent code.
#[derive(ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it asked for.
    Applied,
    /// A rule said no.
    Refused {
        /// Which.
        code: u8,
    },
}

/// A transaction with its receipt.
#[derive(ToSchema)]
pub struct ReceiptView {
    transaction: Id,
    height: u64,
    time_ms: u64,
    index: u64,
    outcome: Outcome,
    /// The binary receipt.
    receipt: Hex,
}

/// Why an agreement was ended.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationReason {
    /// Its buyer gives it back.
    ByBuyer,
    /// The buyer broke the terms.
    Breach,
    /// The law demands it.
    Legal,
    /// The data are not what they should be.
    Quality,
}

/// A licence on the ledger.
#[derive(ToSchema)]
pub struct Agreement {
    buyer: Id,
    provider: Id,
    dataset: Id,
    offer: Id,
    revision: u32,
    /// SHA-256 of the terms as text.
    terms: Id,
    onward: Onward,
    purpose: Purpose,
    paid: Amount,
    currency: Option<Currency>,
    start_ms: u64,
    end_ms: Option<u64>,
    revoked: Option<RevocationReason>,
    justification: Option<Id>,
}

/// An agreement of a list.
#[derive(ToSchema)]
pub struct AgreementRow {
    id: Id,
    agreement: Agreement,
    in_force: bool,
}

/// A page of agreements.
#[derive(ToSchema)]
pub struct AgreementPage {
    #[schema(max_items = 200)]
    items: Vec<AgreementRow>,
    next: Option<Cursor>,
    height: u64,
}

/// A delivery on the ledger.
#[derive(ToSchema)]
pub struct Delivery {
    agreement: Id,
    version: Id,
    gateway: Id,
    time_ms: u64,
}

/// A delivery of a list.
#[derive(ToSchema)]
pub struct DeliveryRow {
    id: Id,
    delivery: Delivery,
}

/// One agreement with terms and deliveries.
#[derive(ToSchema)]
pub struct AgreementView {
    id: Id,
    agreement: Agreement,
    in_force: bool,
    revision: Option<OfferRevision>,
    terms_text: Option<String>,
    /// The newest, at most 50.
    deliveries: Vec<DeliveryRow>,
    /// Where the list of deliveries goes on.
    more_deliveries: Option<Cursor>,
}

/// A page of deliveries.
#[derive(ToSchema)]
pub struct DeliveryPage {
    #[schema(max_items = 200)]
    items: Vec<DeliveryRow>,
    next: Option<Cursor>,
    height: u64,
}

/// What prolonging a subscription costs.
#[derive(ToSchema)]
pub struct RenewalView {
    agreement: Id,
    periods: u32,
    period_days: u32,
    periods_max: u32,
    amount: Amount,
    currency: Currency,
    /// For people.
    price: String,
    end_ms: Option<u64>,
    new_end_ms: u64,
    balance: Amount,
}

/// A record that is kept for a custodian that signs by itself.
#[derive(ToSchema)]
pub struct Kept {
    record: ConsentRecord,
}

/// Nothing more is to be said.
#[derive(ToSchema)]
pub struct Gone {}

/// A content that is stored.
#[derive(ToSchema)]
pub struct Stored {
    blake3: Id,
    sha256: Id,
    bytes: Number,
}

/// A version that is anchored.
#[derive(ToSchema)]
pub struct Anchored {
    order: Order,
    /// The dataset's newest version.
    newest: Option<Id>,
}

/// A delivery that can be used for a short time.
#[derive(ToSchema)]
pub struct DeliveryView {
    id: Id,
    agreement: Id,
    version: Id,
    time_ms: u64,
    until_ms: u64,
}

/// Where its bytes are.
#[derive(ToSchema)]
pub struct DeliveryLinks {
    content: String,
    slice: String,
}

/// A delivery with what is delivered.
#[derive(ToSchema)]
pub struct Delivered {
    delivery: DeliveryView,
    content: Content,
    links: DeliveryLinks,
}

/// Whether a consent is in force.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConsentState {
    /// It is.
    Given,
    /// Its subject took it back.
    Withdrawn,
    /// The controller took it back.
    Revoked,
    /// It never held.
    Invalidated,
    /// Its subject objected.
    Objected,
    /// Its time is over.
    Expired,
}

/// A consent on the ledger: nothing about the person.
#[derive(ToSchema)]
pub struct Consent {
    controller: Id,
    dataset: Id,
    since_version: u32,
    purposes: Vec<Purpose>,
    state: ConsentState,
    notice: Id,
    from_ms: u64,
    /// Days since 1970; over at the start of that day.
    until_day: u32,
    record: Id,
    excluded_in: Option<u32>,
}

/// A consent of a list.
#[derive(ToSchema)]
pub struct ConsentRow {
    id: ShortId,
    consent: Consent,
}

/// A page of consents.
#[derive(ToSchema)]
pub struct ConsentPage {
    #[schema(max_items = 200)]
    items: Vec<ConsentRow>,
    next: Option<Cursor>,
    height: u64,
}

/// The vault's record of a consent.
#[derive(ToSchema)]
pub struct ConsentRecord {
    consent: ShortId,
    controller: Id,
    dataset: Id,
    recorded_ms: u64,
    subject: String,
    fields: BTreeMap<String, String>,
    blinding: Id,
    root: Id,
}

/// What a subject should be handed.
#[derive(ToSchema)]
pub struct ConsentReceipt {
    record: ConsentRecord,
    transaction: Id,
    receipt: Hex,
}

/// A record with its state on the ledger.
#[derive(ToSchema)]
pub struct SubjectRecord {
    record: ConsentRecord,
    consent: Option<Consent>,
}

/// Everything that the vault has of a subject.
#[derive(ToSchema)]
pub struct SubjectRecords {
    #[schema(max_items = 1000)]
    items: Vec<SubjectRecord>,
}

/// What remains to be told of an erasure.
#[derive(ToSchema)]
pub struct Erasure {
    id: String,
    controller: Id,
    erased_ms: u64,
    records: u32,
    commitments: Id,
    keys: Vec<String>,
    method: String,
    residue: String,
}

/// An erasure with the market's signature.
#[derive(ToSchema)]
pub struct Erased {
    erasure: Erasure,
    /// PASETO v4.public.
    attestation: Token,
}
