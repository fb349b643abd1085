//! Acting for a party: with a key that it left here, or with bytes that it signed itself.

use super::{Market, clock_ms};
use crate::{
    error::MarketError,
    keys::random,
    limits::ORDER_VALID_BLOCKS,
    objects::Claim,
    orders::{Once, Order, OrderError, OrderState},
    repeats::{First, Made, Scope},
};
use contracts::{
    action::Action,
    commitment::Blinding,
    id::{PartyId, TransactionId},
    key::{Domain, PublicKey, Signature, Signer},
    party::{AddKey, Apply, Country, KeyUse, PartyKind},
    side::{SideBody, SideField},
    transaction::{Body, Transaction},
};
use ledger::submission::Submission;
use serde::{Deserialize, Serialize};
use std::{future::Future, sync::Arc};

/// An action that its party is to sign by itself. Everything that is signed is shown.
#[derive(Clone, Debug, Serialize)]
pub struct Prepared {
    /// Id that the transaction will have.
    pub id: TransactionId,
    /// What is signed, decoded. A client decodes `body` itself and compares.
    pub transaction: Body,
    /// The same as borsh bytes, in hexadecimal. Goes back with the signature.
    pub body: String,
    /// The exact bytes to sign with Ed25519: domain, network id, body; in hexadecimal.
    pub message: String,
}

/// An action that its party signed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedAction {
    /// The body, as prepared or made by the client itself, in hexadecimal.
    pub body: String,
    /// By the key that the body names.
    pub signature: Signature,
    /// The side body that the action commits to, if any.
    #[serde(default)]
    pub side: Option<SideBody>,
}

impl Market {
    /// Does `action` as `party`, whose key is held here, and waits until it can be seen.
    ///
    /// # Errors
    /// [`MarketError::Refused`] where the rules say no, and everything that an order may meet;
    /// [`MarketError::Invalid`] for a consent, which [`Market::give_consent`] gives together with its
    /// record: nobody could show for what another one stands.
    pub async fn act(
        &self,
        party: &PartyId,
        action: Action,
        side: Option<SideBody>,
        once: Option<&Once>,
    ) -> Result<Order, MarketError> {
        if matches!(action, Action::GiveConsent(_)) {
            let text = "a consent goes on the ledger with its record in the vault: ask for it at /api/v1/consents";
            return Err(MarketError::invalid("action", text));
        }
        self.act_with(party, once, || async { Ok((action, side)) }).await
    }

    /// As [`Market::act`], with the action made only if the request is new.
    ///
    /// # Errors
    /// As [`Market::act`].
    pub async fn act_with<F: Future<Output = Result<(Action, Option<SideBody>), MarketError>>>(
        &self,
        party: &PartyId,
        once: Option<&Once>,
        make: impl FnOnce() -> F,
    ) -> Result<Order, MarketError> {
        // What the order names stays until it is settled.
        let stays = parking_lot::Mutex::new(None);
        let order = self
            .0
            .orders
            .once(party, once, clock_ms(), || async {
                let identity = self.0.keys.identity(party)?;
                let (action, side) = make().await?;
                *stays.lock() = self.claimed(&action)?;
                self.sign(&identity.party, identity.signer.as_ref(), action, side).await
            })
            .await?;
        self.seen(order).await
    }

    /// The content that `action` names, claimed against removal.
    fn claimed(&self, action: &Action) -> Result<Option<Claim>, MarketError> {
        match action {
            Action::AddVersion(version) => Ok(Some(self.0.objects.claim(&version.content.blake3)?)),
            _ => Ok(None),
        }
    }

    /// Begins a request that makes more than one order, or none: what it made before, if it was made before.
    ///
    /// # Errors
    /// [`OrderError`] for another request under the same key, one that is under way, or too many keys.
    pub fn begin(&self, scope: &Scope, once: Option<&Once>) -> Result<(First, Option<Made>), MarketError> {
        Ok(self.0.repeats.begin(scope, once)?)
    }

    /// Prepares an action for a party that signs by itself.
    ///
    /// # Errors
    /// [`MarketError::Invalid`] where the action breaks a bound.
    pub async fn prepare(&self, party: &PartyId, key: PublicKey, action: Action) -> Result<Prepared, MarketError> {
        let transaction = self.body(party, key, action).await?;
        let bytes = transaction.bytes();
        let message = Domain::Transaction.message(&transaction.network, &bytes);
        let id = TransactionId(contracts::id::Digest::of(&[b"lonja/transaction/v1\0", &bytes]).0);
        Ok(Prepared { id, transaction, body: hex::encode(bytes), message: hex::encode(message) })
    }

    /// Hands in what a party signed. Handing the same in again gives the same answer.
    ///
    /// # Errors
    /// As [`Market::act`].
    pub async fn submit(&self, signed: SignedAction) -> Result<Order, MarketError> {
        let invalid = |reason: String| MarketError::invalid("body", reason);
        let mut bytes = hex::decode(&signed.body).map_err(|error| invalid(error.to_string()))?;
        bytes.extend_from_slice(&signed.signature.0);
        let transaction = Transaction::decode(&bytes).map_err(|error| invalid(error.to_string()))?;
        let checked = transaction.check(&self.0.client.network()).map_err(|error| invalid(error.to_string()))?;
        let submission = Submission { transaction: checked.transaction().clone(), side: signed.side };
        submission.check_side().map_err(|error| MarketError::invalid("side", error.to_string()))?;
        let party = checked.body().sender;
        let _stays = self.claimed(&submission.transaction.body.action)?;
        let order = self.0.orders.once::<MarketError, _>(&party, None, clock_ms(), || async { Ok(submission) }).await?;
        self.seen(order).await
    }

    /// Applies for membership with a new key that the market keeps. The party signs in by a link
    /// once an operator has admitted it. With the same `once` it is the same party.
    ///
    /// # Errors
    /// As [`Market::act`]. The key is forgotten again if the ledger did not take the application.
    pub async fn apply(
        &self,
        name: &str,
        kind: PartyKind,
        jurisdiction: Country,
        contact: Option<&str>,
        once: Option<&Once>,
    ) -> Result<(PartyId, Order), MarketError> {
        let side = contact.map(|contact| self.side(&[("contact", contact)])).transpose()?;
        let apply = Apply { name: name.into(), kind, jurisdiction, side: side.as_ref().map(SideBody::id) };
        contracts::action::Rule::check(&apply)?;
        let (first, made) = self.0.repeats.begin(&Scope::Anybody, once)?;
        let party = match made {
            None => self.0.keys.create(&first, clock_ms())?.party,
            Some(Made::Application { party }) => party,
            Some(_) => return Err(OrderError::Damaged.into()),
        };
        // Under the same key in the book of orders too: a repetition goes on where a crash stopped the first.
        match self.act(&party, Action::Apply(apply), side, once).await {
            Ok(order) => Ok((party, order)),
            Err(error) => {
                self.forget_applicant(&party, &first)?;
                Err(error)
            }
        }
    }

    /// Forgets the key of an application that failed, unless it may still come to pass: then the key is
    /// needed. What the ledger said no to is remembered, and said again.
    fn forget_applicant(&self, party: &PartyId, first: &First) -> Result<(), MarketError> {
        let (orders, _) = self.0.orders.of(party, None, 1)?;
        match orders.first().map(|order| &order.state) {
            None => self.0.keys.forget(party, Some(first))?,
            Some(OrderState::Refused { .. } | OrderState::Dead { .. }) => self.0.keys.forget(party, None)?,
            Some(OrderState::Open | OrderState::Applied { .. }) => {}
        }
        Ok(())
    }

    /// Registers a pricing key of `party`, which the market keeps: its quotes are binding from then on. As
    /// long as the ledger has not taken it, an earlier one stays in use.
    ///
    /// # Errors
    /// As [`Market::act`].
    pub async fn register_pricing(&self, party: &PartyId, once: Option<&Once>) -> Result<Order, MarketError> {
        let made = self.act_with(party, once, || async {
            let signer = self.0.keys.create_pricing(party)?;
            let key = signer.public();
            let message = Domain::Transaction.message(&self.0.client.network(), &AddKey::proof_message(party, &key));
            let proof = signer.sign(&message).map_err(|error| MarketError::Forbidden(error.to_string()))?;
            Ok((Action::AddKey(AddKey { key, usage: KeyUse::Price, proof }), None))
        });
        let order = made.await?;
        self.adopt_pricing(party)?;
        Ok(order)
    }

    /// Who signs quotes for `party`: the newest key that the market made for it and the ledger has taken.
    ///
    /// # Errors
    /// [`MarketError`]; also where the market holds no pricing key of the party.
    pub fn pricing(&self, party: &PartyId) -> Result<Arc<dyn Signer>, MarketError> {
        self.adopt_pricing(party)?;
        Ok(self.0.keys.pricing(party)?)
    }

    fn adopt_pricing(&self, party: &PartyId) -> Result<(), MarketError> {
        let known = self.0.rows.party(party)?;
        Ok(self.0.keys.adopt_pricing(party, |key| known.is_some_and(|known| known.may_use(key, KeyUse::Price)))?)
    }

    /// A side body with fresh blinding.
    ///
    /// # Errors
    /// [`MarketError::Invalid`].
    pub fn side(&self, fields: &[(&str, &str)]) -> Result<SideBody, MarketError> {
        let blinding: Blinding = random()?;
        let field = |(name, value): &(&str, &str)| SideField { name: (*name).into(), value: (*value).into() };
        SideBody::new(blinding, fields.iter().map(field).collect())
            .map_err(|error| MarketError::invalid("side", error.to_string()))
    }

    pub(crate) async fn sign(
        &self,
        party: &PartyId,
        signer: &dyn Signer,
        action: Action,
        side: Option<SideBody>,
    ) -> Result<Submission, MarketError> {
        let body = self.body(party, signer.public(), action).await?;
        let transaction = body.sign(signer).map_err(|error| MarketError::Forbidden(error.to_string()))?;
        Ok(Submission { transaction, side })
    }

    async fn body(&self, sender: &PartyId, key: PublicKey, action: Action) -> Result<Body, MarketError> {
        action.check()?;
        let network = self.0.client.network();
        // The node's own height: rows that are being built anew lag behind.
        let last_valid = self.0.client.status().await?.height.saturating_add(ORDER_VALID_BLOCKS);
        Ok(Body { network, sender: *sender, key, nonce: random()?, last_valid, action })
    }

    /// Turns a refusal into an error, and waits until the rows have taken the order up.
    pub(crate) async fn seen(&self, order: Order) -> Result<Order, MarketError> {
        let height = match &order.state {
            OrderState::Applied { height, .. } | OrderState::Refused { height, .. } => *height,
            OrderState::Open | OrderState::Dead { .. } => return Ok(order),
        };
        if !self.caught_up(height).await {
            tracing::warn!(height, "the rows lag behind the ledger");
        }
        match &order.state {
            OrderState::Refused { rejection, .. } => Err(MarketError::refused(rejection, Some(order.id))),
            _ => Ok(order),
        }
    }
}
