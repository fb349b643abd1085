//! Members, ways in, money.

use super::*;
use utoipa::ToSchema;

/// What kind of organisation.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PartyKind {
    /// A city.
    City,
    /// A non-profit.
    ThirdSector,
    /// A company.
    Business,
    /// Citizens.
    Citizens,
    /// A university or institute.
    Academic,
    /// Another city.
    OtherCity,
    /// An authority.
    Authority,
}

/// What a party may do.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Admits members.
    Operator,
    /// Lists and offers data.
    Provider,
    /// Buys.
    Buyer,
    /// Brings money on the ledger.
    SettlementAgent,
    /// Sees closed listings.
    Regulator,
    /// Keeps consents.
    Custodian,
    /// Delivers.
    Gateway,
}

/// How a party stands.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It asked to become a member.
    Applied,
    /// It is one.
    Active,
    /// It was suspended.
    Suspended,
}

/// What a key is for.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUse {
    /// Signs transactions.
    Sign,
    /// Signs quotes.
    Price,
}

/// A key of a party.
#[derive(ToSchema)]
pub struct PartyKey {
    key: Id,
    usage: KeyUse,
    /// From which block on.
    since: u64,
    /// Until which block.
    revoked: Option<u64>,
}

/// A party on the ledger.
#[derive(ToSchema)]
pub struct Party {
    name: String,
    kind: PartyKind,
    jurisdiction: Country,
    standing: Standing,
    roles: Vec<Role>,
    keys: Vec<PartyKey>,
    side: Option<Id>,
}

/// A party of a list.
#[derive(ToSchema)]
pub struct PartyRow {
    id: Id,
    party: Party,
}

/// A page of parties.
#[derive(ToSchema)]
pub struct PartyPage {
    #[schema(max_items = 200)]
    items: Vec<PartyRow>,
    next: Option<Cursor>,
    height: u64,
}

/// One party.
#[derive(ToSchema)]
pub struct PartyView {
    id: Id,
    party: Party,
    /// Does the market keep its key?
    managed_key: bool,
}

/// An application that is on the ledger.
#[derive(ToSchema)]
pub struct Applied {
    party: Id,
    order: Order,
}

/// A one-time sign-in link.
#[derive(ToSchema)]
pub struct SignInLink {
    token: Token,
    url: String,
    expires_ms: u64,
}

/// Somebody who just signed in.
#[derive(ToSchema)]
pub struct SignedIn {
    party: Id,
    /// For `X-CSRF-Token`.
    csrf: Token,
    expires_ms: u64,
}

/// A session.
#[derive(ToSchema)]
pub struct SessionView {
    csrf: Token,
    expires_ms: u64,
}

/// Who calls.
#[derive(ToSchema)]
pub struct CallerView {
    id: Id,
    party: Option<Party>,
    managed_key: bool,
    /// `null` where a credential was sent.
    session: Option<SessionView>,
}

/// A credential, without its token.
#[derive(ToSchema)]
pub struct CredentialRow {
    id: String,
    party: Id,
    label: String,
    issued_ms: u64,
    expires_ms: u64,
}

/// A credential with its token.
#[derive(ToSchema)]
pub struct IssuedCredential {
    token: Token,
    credential: CredentialRow,
}

/// All valid credentials of a party.
#[derive(ToSchema)]
pub struct CredentialList {
    #[schema(max_items = 64)]
    items: Vec<CredentialRow>,
}

/// What a party has in one currency.
#[derive(ToSchema)]
pub struct AccountRow {
    currency: Currency,
    balance: Amount,
    /// For people, as `12.50 EUR`.
    shown: String,
}

/// What a party has.
#[derive(ToSchema)]
pub struct AccountList {
    items: Vec<AccountRow>,
    height: u64,
}

/// What moved an account.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PostingKind {
    /// Money came on the ledger.
    Minted,
    /// Money went off the ledger.
    Burned,
    /// Somebody paid it.
    Received,
    /// It was paid.
    Paid,
}

/// A line of a statement.
#[derive(ToSchema)]
pub struct Posting {
    transaction: Id,
    height: u64,
    time_ms: u64,
    kind: PostingKind,
    amount: Amount,
    counterparty: Option<Id>,
    dataset: Option<Id>,
    /// The licence that it was for.
    agreement: Option<Id>,
    /// Did it prolong that licence?
    renewal: bool,
    /// After it.
    balance: Amount,
    /// The amount with its sign and currency.
    shown: String,
    balance_shown: String,
    counterparty_name: Option<String>,
    /// Of what was licensed.
    title: Option<String>,
    /// What it was, for people.
    what: String,
}

/// A page of a statement.
#[derive(ToSchema)]
pub struct StatementPage {
    #[schema(max_items = 200)]
    items: Vec<Posting>,
    next: Option<Cursor>,
    height: u64,
}

/// Something that was refused.
#[derive(ToSchema)]
pub struct RefusalRow {
    transaction: Id,
    height: u64,
    time_ms: u64,
    /// The tag of the action.
    action: u8,
    rejection: Rejection,
}

/// The same with its text.
#[derive(ToSchema)]
pub struct RefusalView {
    refusal: RefusalRow,
    text: String,
}

/// A page of refusals.
#[derive(ToSchema)]
pub struct RefusalPage {
    #[schema(max_items = 200)]
    items: Vec<RefusalView>,
    next: Option<Cursor>,
    height: u64,
}
