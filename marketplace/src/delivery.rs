//! Deliveries: recorded on the ledger first, then used for a short time, decided at every request.
//!
//! A delivery id is no ticket. Whoever shows it must be the buyer, and each request asks the node
//! anew whether the agreement, the consents and the listing still allow it; an answer that does not
//! come within a second is a no. The ledger's record of the delivery says when it may last be used, so
//! nothing is kept here.

use crate::{
    error::MarketError,
    limits::DELIVERY_VALID,
    market::{Market, clock_ms},
    orders::{Once, Order},
};
use contracts::{
    action::Action,
    agreement::Agreement,
    delivery::{Deliver, decide},
    id::{AgreementId, DeliveryId, PartyId, TimeMs, VersionId},
    rejection::Stop,
    version::Version,
};
use serde::Serialize;
use std::time::Duration;

/// How old the node's answer may be when access is decided.
const TIP_AGE_MAX: Duration = Duration::from_secs(1);

/// Why nothing is delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Nobody could say yes.
    #[error(
        "whether this may be delivered could not be decided, because the ledger's node did not answer in time: nothing is delivered until it does ({0})"
    )]
    Undecided(String),
    /// The rules say no, as of now.
    #[error("{text}")]
    Refused {
        /// The refusal's permanent code.
        code: u8,
        /// Its text.
        text: String,
    },
    /// The time to use the delivery is over.
    #[error(
        "this delivery could be used until {until_ms} ms since 1970: ask for another, the licence is not used up by it"
    )]
    Over {
        /// Until when.
        until_ms: TimeMs,
    },
    /// Nothing to deliver.
    #[error("the market does not hold the content of this version")]
    NoContent,
}

/// A delivery that is on the ledger.
#[derive(Clone, Debug, Serialize)]
pub struct DeliveryView {
    /// Its id.
    pub id: DeliveryId,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// What.
    pub version: VersionId,
    /// Recorded when, by block time.
    pub time_ms: TimeMs,
    /// Until when contents can be fetched by it.
    pub until_ms: TimeMs,
}

/// What may be read right now.
#[derive(Clone, Debug)]
pub struct Granted {
    /// Under which agreement.
    pub agreement: Agreement,
    /// Which version.
    pub version: Version,
}

impl Market {
    /// Records that `version` (the newest, if it is not said) is delivered to `buyer` under its
    /// agreement, and gives the delivery.
    ///
    /// # Errors
    /// [`DeliveryError::NoContent`], a refusal of the rules, or what an order may meet.
    pub async fn deliver(
        &self,
        buyer: &PartyId,
        agreement: &AgreementId,
        version: Option<&VersionId>,
        once: Option<&Once>,
    ) -> Result<DeliveryView, MarketError> {
        let held = self.rows().agreement(agreement)?.filter(|held| held.buyer == *buyer);
        let held = held.ok_or(MarketError::NotFound("agreement"))?;
        let dataset = self.rows().dataset(&held.dataset)?.ok_or(MarketError::NotFound("dataset"))?;
        let version = version.copied().or(dataset.newest(&held.dataset)).ok_or(DeliveryError::NoContent)?;
        let known = self.rows().version(&version)?.ok_or(MarketError::NotFound("version"))?;
        if !self.objects().has(&known.content.blake3).await? {
            return Err(DeliveryError::NoContent.into());
        }
        let gateway = &self.0.gateway;
        let action = Action::Deliver(Deliver { agreement: *agreement, version });
        // Kept under the buyer, whose request it is; signed by the gateway.
        let order = self.orders().once(buyer, once, clock_ms(), || async {
            self.sign(&gateway.party, gateway.signer.as_ref(), action, None).await
        });
        let order: Order = order.await?;
        let order = self.seen(order).await?;
        self.delivery_view(&DeliveryId(order.id.0))?.ok_or(MarketError::Busy("the delivery is not in the rows yet"))
    }

    /// A delivery of this market.
    ///
    /// # Errors
    /// [`MarketError`].
    pub fn delivery_view(&self, id: &DeliveryId) -> Result<Option<DeliveryView>, MarketError> {
        let Some(delivery) = self.rows().delivery(id)? else { return Ok(None) };
        let until_ms = delivery.time_ms + DELIVERY_VALID.as_millis() as u64;
        Ok(Some(DeliveryView {
            id: *id,
            agreement: delivery.agreement,
            version: delivery.version,
            time_ms: delivery.time_ms,
            until_ms,
        }))
    }

    /// May `caller` read by this delivery at this moment? Asked at every request.
    ///
    /// # Errors
    /// [`DeliveryError`]; somebody who is not the buyer learns only that there is no such delivery.
    pub async fn open_delivery(&self, caller: &PartyId, id: &DeliveryId) -> Result<Granted, MarketError> {
        let unknown = || MarketError::NotFound("delivery");
        let delivery = self.rows().delivery(id)?.filter(|delivery| delivery.gateway == self.gateway());
        let delivery = delivery.ok_or_else(unknown)?;
        let agreement = self.rows().agreement(&delivery.agreement)?.ok_or_else(unknown)?;
        if agreement.buyer != *caller {
            return Err(unknown());
        }
        let now_ms = self.now_ms();
        let until_ms = delivery.time_ms + DELIVERY_VALID.as_millis() as u64;
        if now_ms > until_ms {
            return Err(DeliveryError::Over { until_ms }.into());
        }
        self.ask_node(&delivery.agreement, &delivery.version).await?;
        // Block time stands still between blocks: what ends by the clock has ended.
        match decide(self.rows(), &delivery.agreement, &delivery.version, now_ms) {
            Ok(granted) => Ok(Granted { agreement: granted.agreement, version: granted.version }),
            Err(Stop::Refused(rejection)) => {
                Err(DeliveryError::Refused { code: rejection.code(), text: rejection.to_string() }.into())
            }
            Err(Stop::Fault(fault)) => Err(crate::rows::RowsError::Damaged(fault.to_string()).into()),
        }
    }

    async fn ask_node(&self, agreement: &AgreementId, version: &VersionId) -> Result<(), DeliveryError> {
        let asked = tokio::time::timeout(TIP_AGE_MAX, self.client().decide(*agreement, *version)).await;
        let decision = match asked {
            Ok(Ok(decision)) => decision,
            Ok(Err(error)) => return Err(DeliveryError::Undecided(error.to_string())),
            Err(_) => return Err(DeliveryError::Undecided("no answer within a second".into())),
        };
        match decision.refused {
            None => Ok(()),
            Some(refused) => Err(DeliveryError::Refused { code: refused.code, text: refused.text }),
        }
    }
}
