//! Becoming a member, getting in, and what a member has.

use super::{
    answer::Answer,
    ask::{Asked, At, id},
    caller::{self, Caller, cookie, set_cookie},
    page::{self, PageQuery},
    problem::Problem,
    shape,
    strict::{Bare, Strict},
};
use crate::{
    error::MarketError,
    keys::KeyProof,
    market::{Market, clock_ms},
    orders::OrderError,
    repeats::{Made, Scope},
};
use axum::{
    extract::State,
    http::{HeaderMap, Uri, header},
    response::{IntoResponse, Response},
};
use contracts::{
    id::PartyId,
    money::Currency,
    party::{Country, KeyUse, PartyKind, Role},
};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// An application for membership with a key that the market keeps.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The organisation's name. Stands on the ledger.
    #[schema(max_length = 160)]
    pub name: String,
    /// What kind of organisation it is.
    #[schema(value_type = shape::PartyKind)]
    pub kind: PartyKind,
    /// Country whose law it is under.
    #[schema(value_type = shape::Country)]
    pub jurisdiction: Country,
    /// Whom to ask. Kept beside the ledger.
    #[serde(default)]
    pub contact: Option<String>,
}

/// Applies for membership. The market makes a key and keeps it; after admission an operator issues a
/// sign-in link. Who keeps its own key applies by `prepare` and `submit`. `Idempotency-Key` makes its
/// repetition the same application; those who are not signed in share their keys, so take one at random.
#[utoipa::path(post, path = "/api/v1/parties", tag = "parties", request_body = ApplyRequest,
    responses((status = 201, description = "the application is on the ledger", body = shape::Applied), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn apply(
    State(market): State<Market>,
    headers: HeaderMap,
    Strict { body, digest }: Strict<ApplyRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once(&headers, digest)?;
    let contact = body.contact.as_deref().map(str::trim).filter(|contact| !contact.is_empty());
    let (party, order) = market.apply(&body.name, body.kind, body.jurisdiction, contact, once.as_ref()).await?;
    Ok(Answer::created(json!({ "party": party, "order": order })))
}

/// Issues a one-time sign-in link to a party whose key the market keeps. By an operator.
#[utoipa::path(post, path = "/api/v1/parties/{party}/sign-in-links", tag = "parties", params(("party" = String, Path, description = "64 hexadecimal digits")), security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "the link; shown once", body = shape::SignInLink), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn issue_link(
    State(market): State<Market>,
    At(party): At<String>,
    caller: Caller,
    headers: HeaderMap,
    Bare(digest): Bare,
) -> Result<Answer, MarketError> {
    market.require(&caller.party, Role::Operator)?;
    let party: PartyId = id("party", &party)?;
    let once = caller::once(&headers, digest)?;
    let (first, made) = market.begin(&Scope::Party(caller.party), once.as_ref())?;
    if made.is_some() {
        let told = "a sign-in link was issued and told in its answer alone; if that was lost, issue another with a new `Idempotency-Key`";
        return Err(MarketError::AnswerNotKept(told.into()));
    }
    let link = market.keys().issue_link(&party, &first, clock_ms())?;
    // The page behind it asks before it spends the link, so that a mail scanner that opens it does not.
    let url = format!("{}/sign-in?token={}", market.base_url(), link.token);
    Ok(Answer::created(json!({ "token": link.token, "url": url, "expires_ms": link.expires_ms })))
}

/// The token of a sign-in link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The link's token.
    pub token: String,
}

/// Signs in by a link's token: spends it and sets the session's cookie.
#[utoipa::path(post, path = "/api/v1/sessions", tag = "parties", request_body = SessionRequest,
    responses((status = 201, description = "signed in; requests that change something carry `csrf` in `X-CSRF-Token`", body = shape::SignedIn), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn sign_in(
    State(market): State<Market>,
    headers: HeaderMap,
    Strict { body, digest }: Strict<SessionRequest>,
) -> Result<Response, MarketError> {
    let once = caller::once(&headers, digest)?;
    let (first, made) = market.begin(&Scope::Anybody, once.as_ref())?;
    if made.is_some() {
        let told = "it spent the link, and the session's cookie was in its answer alone; if that was lost, ask an operator for another link";
        return Err(MarketError::AnswerNotKept(told.into()));
    }
    let (value, session) = market.keys().redeem_link(&body.token, &first, clock_ms())?;
    let answer = json!({ "party": session.party, "csrf": session.csrf, "expires_ms": session.expires_ms });
    let mut response = Answer::created(answer).into_response();
    response.headers_mut().insert(header::SET_COOKIE, set_cookie(&value, market.secure()));
    Ok(response)
}

/// Who the caller is.
#[utoipa::path(get, path = "/api/v1/session", tag = "parties", security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "the caller", body = shape::CallerView), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn session(State(market): State<Market>, caller: Caller) -> Result<Answer, MarketError> {
    let party = market.rows().party(&caller.party)?;
    let session = caller.session.map(|session| json!({ "csrf": session.csrf, "expires_ms": session.expires_ms }));
    let managed = market.keys().is_managed(&caller.party)?;
    Ok(Answer::ok(json!({ "id": caller.party, "party": party, "managed_key": managed, "session": session })))
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "parties", security(("session" = [])),
    responses((status = 200, description = "signed out", body = shape::Nothing), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn sign_out(State(market): State<Market>, _: Caller, headers: HeaderMap) -> Result<Response, MarketError> {
    if let Some(value) = cookie(&headers) {
        market.keys().sign_out(&value)?;
    }
    let mut response = Answer::ok(json!({})).into_response();
    response.headers_mut().insert(header::SET_COOKIE, set_cookie("", market.secure()));
    Ok(response)
}

/// Asks for an API credential: as a session's party, or by proving a key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialRequest {
    /// What its owner calls it.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub label: String,
    /// Days that it is valid, 1 to 90.
    pub days: u32,
    /// For a party that keeps its own key.
    #[serde(default)]
    #[schema(value_type = Option<shape::KeyProof>)]
    pub proof: Option<KeyProof>,
}

/// Issues an API credential (PASETO v4.public). It is shown once, and again to who repeats the request
/// with the same `Idempotency-Key` while the credential holds.
#[utoipa::path(post, path = "/api/v1/credentials", tag = "parties", request_body = CredentialRequest, security(("bearer" = []), ("session" = []), ()),
    responses((status = 201, description = "the credential", body = shape::IssuedCredential), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn issue_credential(
    State(market): State<Market>,
    caller: Option<Caller>,
    headers: HeaderMap,
    Strict { body, digest }: Strict<CredentialRequest>,
) -> Result<Answer, MarketError> {
    let now_ms = clock_ms();
    let party = match (&body.proof, caller) {
        (Some(proof), _) => {
            market.keys().check_proof(proof, market.base_url(), now_ms)?;
            let known = market.rows().party(&proof.party)?;
            if !known.is_some_and(|party| party.may_use(&proof.key, KeyUse::Sign)) {
                return Err(MarketError::Forbidden("the key is not one that the party signs with".into()));
            }
            proof.party
        }
        (None, Some(caller)) => caller.party,
        (None, None) => return Err(MarketError::Unauthenticated("sign in, or prove a key of the party".into())),
    };
    let once = caller::once(&headers, digest)?;
    let (first, made) = market.begin(&Scope::Party(party), once.as_ref())?;
    let (token, row) = match made {
        None => market.keys().issue_credential(&party, &body.label, body.days, &first, now_ms)?,
        Some(Made::Credential { id }) => {
            market.keys().credential_again(&party, &id, now_ms)?.ok_or_else(|| {
                let gone = format!("credential {id} was issued, and was withdrawn or has expired since; ask for another with a new `Idempotency-Key`");
                MarketError::AnswerNotKept(gone)
            })?
        }
        Some(_) => return Err(OrderError::Damaged.into()),
    };
    Ok(Answer::created(json!({ "token": token, "credential": row })))
}

/// The caller's credentials, without their tokens.
#[utoipa::path(get, path = "/api/v1/credentials", tag = "parties", security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "credentials; at most 64 are valid at once", body = shape::CredentialList), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn credentials(State(market): State<Market>, caller: Caller) -> Result<Answer, MarketError> {
    Ok(Answer::ok(json!({ "items": market.keys().credentials(&caller.party)? })))
}

/// Withdraws a credential.
#[utoipa::path(delete, path = "/api/v1/credentials/{credential}", tag = "parties", params(("credential" = String, Path, description = "its id")), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "withdrawn", body = shape::Nothing), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn withdraw_credential(
    State(market): State<Market>,
    At(credential): At<String>,
    caller: Caller,
) -> Result<Answer, MarketError> {
    market.keys().withdraw_credential(&caller.party, &credential)?;
    Ok(Answer::ok(json!({})))
}

/// Makes and registers a pricing key for the caller, whose quotes are binding from then on.
#[utoipa::path(post, path = "/api/v1/pricing-key", tag = "parties", security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "registered on the ledger", body = shape::Done), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn pricing_key(
    State(market): State<Market>,
    caller: Caller,
    headers: HeaderMap,
    Bare(digest): Bare,
) -> Result<Answer, MarketError> {
    let once = caller::once(&headers, digest)?;
    Ok(Answer::created(json!({ "order": market.register_pricing(&caller.party, once.as_ref()).await? })))
}

/// What the caller has, in each currency.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "money", security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "balances in minor units", body = shape::AccountList), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn accounts(State(market): State<Market>, caller: Caller) -> Result<Answer, MarketError> {
    let accounts = market.rows().accounts(&caller.party)?;
    let row = |(currency, balance): &(Currency, contracts::money::Amount)| json!({ "currency": currency, "balance": balance, "shown": balance.display(*currency) });
    let items: Vec<Value> = accounts.iter().map(row).collect();
    Ok(Answer::ok(json!({ "items": items, "height": market.tip().height })))
}

/// Lines of one of the caller's accounts, newest first.
#[utoipa::path(get, path = "/api/v1/accounts/{currency}/statement", tag = "money", params(("currency" = String, Path, description = "ISO 4217 code"), PageQuery), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "a page of the statement; each line says what it was for", body = shape::StatementPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn statement(
    State(market): State<Market>,
    At(currency): At<String>,
    Asked(query): Asked<PageQuery>,
    caller: Caller,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let currency: Currency = id("currency", &currency)?;
    let page = market.statement(&caller.party, currency, query.start()?.as_ref(), query.limit()?)?;
    Ok(page::answer(page, market.tip().height, &uri, &asked))
}

/// What was refused to the caller, newest first.
#[utoipa::path(get, path = "/api/v1/refusals", tag = "orders", params(PageQuery), security(("bearer" = []), ("session" = [])),
    responses((status = 200, description = "a page of refusals", body = shape::RefusalPage), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn refusals(
    State(market): State<Market>,
    Asked(query): Asked<PageQuery>,
    caller: Caller,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, MarketError> {
    let page = market.rows().refusals(&caller.party, query.start()?.as_ref(), query.limit()?)?;
    let next = page.next.as_ref().map(ToString::to_string);
    let row = |row: &crate::rows::RefusalRow| json!({ "refusal": row, "text": row.rejection.to_string() });
    let items: Vec<Value> = page.items.iter().map(row).collect();
    Ok(page::list(&items, next, market.tip().height, &uri, &asked))
}

/// An action to be signed by its party.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrepareRequest {
    /// Who will sign.
    #[schema(value_type = shape::Id)]
    pub party: PartyId,
    /// With which key.
    #[schema(value_type = shape::Id)]
    pub key: contracts::key::PublicKey,
    /// What to do, as its JSON: `{"action": "offer.withdraw", "offer": "..."}`.
    #[serde(default)]
    #[schema(value_type = Option<shape::Action>)]
    pub action: Option<contracts::action::Action>,
    /// Or a purchase: the market fills in revision and price.
    #[serde(default)]
    #[schema(value_type = Option<super::trade::OrderRequest>)]
    pub buy: Option<crate::market::BuyRequest>,
    /// Texts that are kept beside the ledger, by name.
    #[serde(default)]
    pub side: Option<std::collections::BTreeMap<String, String>>,
}

/// Prepares an action for a party that keeps its own key: shows everything that will be signed.
#[utoipa::path(post, path = "/api/v1/prepare", tag = "self-custody", request_body = PrepareRequest,
    responses((status = 200, description = "what to sign, decoded and as bytes", body = shape::Prepared), (status = "default", description = "a problem", body = Problem, content_type = "application/problem+json")))]
pub async fn prepare(
    State(market): State<Market>,
    Strict { body, .. }: Strict<PrepareRequest>,
) -> Result<Answer, MarketError> {
    let side = match &body.side {
        Some(fields) => {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            Some(market.side(&fields)?)
        }
        None => None,
    };
    let (action, side) = match (body.action, body.buy) {
        (Some(action), None) => (with_side(action, side.as_ref()), side),
        (None, Some(buy)) => {
            let (buy, side) = market.purchase(&body.party, &buy).await?;
            (contracts::action::Action::Buy(buy), side)
        }
        _ => return Err(MarketError::invalid("action", "give either `action` or `buy`")),
    };
    let prepared = market.prepare(&body.party, body.key, action).await?;
    Ok(Answer::ok(json!({ "prepared": prepared, "side": side })))
}

/// An action to be done with the caller's managed key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActRequest {
    /// What to do, as its JSON.
    #[schema(value_type = shape::Action)]
    pub action: contracts::action::Action,
    /// Texts that are kept beside the ledger, by name.
    #[serde(default)]
    pub side: Option<std::collections::BTreeMap<String, String>>,
}

/// Does any action with the caller's managed key: publish, revise, offer, state a legal basis, admit,
/// mint and whatever else the rules have. `Idempotency-Key` makes its repetition harmless.
#[utoipa::path(post, path = "/api/v1/actions", tag = "orders", request_body = ActRequest, security(("bearer" = []), ("session" = [])),
    responses((status = 201, description = "on the ledger", body = shape::Done), (status = "default", description = "a problem; a refusal by the rules names its transaction", body = Problem, content_type = "application/problem+json")))]
pub async fn act(
    State(market): State<Market>,
    caller: Caller,
    headers: HeaderMap,
    Strict { body, digest }: Strict<ActRequest>,
) -> Result<Answer, MarketError> {
    let once = caller::once(&headers, digest)?;
    let order = market
        .act_with(&caller.party, once.as_ref(), || async {
            let side = match &body.side {
                Some(fields) => {
                    let fields: Vec<(&str, &str)> =
                        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                    Some(market.side(&fields)?)
                }
                None => None,
            };
            Ok((with_side(body.action, side.as_ref()), side))
        })
        .await?;
    Ok(Answer::created(json!({ "order": order })))
}

/// Puts the commitment of fresh texts into the action.
fn with_side(
    mut action: contracts::action::Action,
    side: Option<&contracts::side::SideBody>,
) -> contracts::action::Action {
    use contracts::action::Action;
    let Some(side) = side.map(contracts::side::SideBody::id) else { return action };
    match &mut action {
        Action::Apply(action) => action.side = Some(side),
        Action::Publish(action) => action.side = Some(side),
        Action::Revise(action) => action.side = Some(side),
        Action::Buy(action) => action.justification = Some(side),
        _ => {}
    }
    action
}

/// Hands in what a party signed itself. Handing the same in again gives the same answer.
#[utoipa::path(post, path = "/api/v1/submit", tag = "self-custody", request_body = shape::SignedAction,
    responses((status = 201, description = "on the ledger", body = shape::Done), (status = "default", description = "a problem; a refusal by the rules names its transaction", body = Problem, content_type = "application/problem+json")))]
pub async fn submit(
    State(market): State<Market>,
    Strict { body, .. }: Strict<crate::market::SignedAction>,
) -> Result<Answer, MarketError> {
    Ok(Answer::created(json!({ "order": market.submit(body).await? })))
}
