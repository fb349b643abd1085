//! Deliveries: recorded on the ledger first, then used for a short time, decided at every request.
//!
//! A delivery id is no ticket. Whoever shows it must be the buyer, and each request is decided anew:
//! by our rows at the later of block time and our own clock, and by the node at its tip. Both must say
//! yes. An answer of the node that does not come within a second, or that is of an older ledger than we
//! have seen, is a no. The ledger's record of the delivery says when it may last be used, so nothing
//! is kept here.

use crate::{
    error::MarketError,
    limits::{DECISION_TRIES_MAX, DECISION_WAIT_MAX, DELIVERY_VALID, NODE_STILL_MAX},
    market::{Market, clock_ms},
    orders::{Once, Order},
};
use contracts::{
    action::Action,
    agreement::Agreement,
    delivery::{Deliver, decide},
    id::{AgreementId, DeliveryId, Height, PartyId, TimeMs, VersionId},
    rejection::{Rejection, Stop},
    version::Version,
};
use ledger::api::Decision;
use serde::Serialize;

/// Why nothing is delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Nobody could say yes.
    #[error(
        "whether this may be delivered could not be decided, because the ledger's node did not answer in time: nothing is delivered until it does, and nothing is lost ({0})"
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

impl DeliveryError {
    fn refused(rejection: &Rejection) -> Self {
        Self::Refused { code: rejection.code(), text: rejection.to_string() }
    }
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
        // The ledger knows block time alone; where our clock is further, the licence has ended here.
        if held.in_force(self.tip().time_ms) && !self.in_force(&held) {
            return Err(DeliveryError::refused(&Rejection::AgreementOver { agreement: *agreement }).into());
        }
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
        // Block time stands still between blocks: what ends by the clock has ended.
        let now_ms = self.now_ms();
        let granted = match decide(self.rows(), &delivery.agreement, &delivery.version, now_ms) {
            Ok(granted) => Granted { agreement: granted.agreement, version: granted.version },
            Err(Stop::Refused(rejection)) => return Err(DeliveryError::refused(&rejection).into()),
            Err(Stop::Fault(fault)) => return Err(crate::rows::RowsError::Damaged(fault.to_string()).into()),
        };
        // After a refusal, since whoever hears this asks for another delivery.
        let until_ms = delivery.time_ms + DELIVERY_VALID.as_millis() as u64;
        if now_ms > until_ms {
            return Err(DeliveryError::Over { until_ms }.into());
        }
        self.ask_node(&delivery.agreement, &delivery.version).await?;
        Ok(granted)
    }

    async fn ask_node(&self, agreement: &AgreementId, version: &VersionId) -> Result<(), DeliveryError> {
        let (mut seen, mut decision) = (0, None);
        for _ in 0..DECISION_TRIES_MAX {
            // Before the question: the node may only be further by the time it answers.
            seen = self.tip().height;
            let asked = tokio::time::timeout(DECISION_WAIT_MAX, self.client().decide(*agreement, *version)).await;
            match asked {
                Ok(Ok(word)) => decision = Some(word),
                Ok(Err(error)) => return Err(DeliveryError::Undecided(error.to_string())),
                Err(_) => continue,
            }
            break;
        }
        let decision =
            decision.ok_or_else(|| DeliveryError::Undecided("no answer within a second, again and again".into()))?;
        if let Some(reason) = out_of_date(&decision, seen, self.now_ms()) {
            return Err(DeliveryError::Undecided(reason));
        }
        match decision.refused {
            None => Ok(()),
            Some(refused) => Err(DeliveryError::Refused { code: refused.code, text: refused.text }),
        }
    }
}

/// Why the node's word says nothing about now, if so; `seen` is the newest block that we know of.
fn out_of_date(decision: &Decision, seen: Height, now_ms: TimeMs) -> Option<String> {
    if decision.height < seen {
        return Some(format!("it answers for block {}, and block {seen} is known", decision.height));
    }
    let age_ms = now_ms.max(decision.tested_ms).saturating_sub(decision.time_ms);
    (u128::from(age_ms) > NODE_STILL_MAX.as_millis())
        .then(|| format!("its newest block is {} s old: the ledger stands still, or a clock is wrong", age_ms / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_about_the_past_is_no_yes() {
        let decision = |height, time_ms, tested_ms| Decision { height, time_ms, tested_ms, refused: None };
        assert_eq!(out_of_date(&decision(7, 1_000, 1_000), 7, 91_000), None);
        assert_eq!(out_of_date(&decision(8, 1_000, 31_000), 7, 0), None, "an idle network");
        assert!(out_of_date(&decision(6, 1_000, 1_000), 7, 1_000).unwrap().contains("block 7 is known"));
        assert!(out_of_date(&decision(7, 1_000, 1_000), 7, 91_001).unwrap().contains("90 s old"));
        assert!(out_of_date(&decision(7, 1_000, 91_001), 7, 0).unwrap().contains("stands still"));
    }
}
