//! Renewals: further periods of a subscription, prepaid, at the price of the licence's own revision.
//!
//! Nothing renews itself. Whoever renews sees the sum and the new end first, and says what it expects
//! to pay.

use super::Market;
use crate::{
    error::MarketError,
    orders::{Once, Order},
};
use contracts::{
    action::Action,
    agreement::Renew,
    id::{AgreementId, PartyId, TimeMs},
    money::{Amount, Currency},
    offer::Price,
    rejection::Rejection,
};
use serde::Serialize;

const DAY_MS: u64 = 86_400_000;

/// What prolonging a licence comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RenewalView {
    /// Which licence.
    pub agreement: AgreementId,
    /// By how many periods.
    pub periods: u32,
    /// Length of a period, in days.
    pub period_days: u32,
    /// Most periods at once.
    pub periods_max: u32,
    /// What it costs, in minor units.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
    /// For people, as `15.00 EUR`.
    pub price: String,
    /// Until when the licence runs now.
    pub end_ms: Option<TimeMs>,
    /// Until when it runs then: from its present end on, or, where it is over, from today.
    pub new_end_ms: TimeMs,
    /// What the buyer has in this currency.
    pub balance: Amount,
}

impl Market {
    /// What `periods` more of `buyer`'s licence cost. Asking reserves and writes nothing.
    ///
    /// # Errors
    /// [`MarketError::NotFound`], or the refusal that the rules would give.
    pub fn renewal(&self, buyer: &PartyId, agreement: &AgreementId, periods: u32) -> Result<RenewalView, MarketError> {
        let refused = |rejection: Rejection| MarketError::refused(&rejection, None);
        let held = self.rows().agreement(agreement)?.filter(|held| held.buyer == *buyer);
        let held = held.ok_or(MarketError::NotFound("agreement"))?;
        if held.revoked.is_some() {
            return Err(refused(Rejection::AgreementOver { agreement: *agreement }));
        }
        let offer = self.rows().offer(&held.offer)?.ok_or(MarketError::NotFound("offer"))?;
        if offer.offer.withdrawn {
            return Err(refused(Rejection::OfferIsWithdrawn));
        }
        let revision = self.rows().offer_revision(&held.offer, held.revision)?;
        let revision = revision.ok_or(MarketError::NotFound("offer"))?;
        let Price::Subscription { currency, period_days, periods_max, .. } = revision.price else {
            return Err(refused(Rejection::NotASubscription));
        };
        let amount = revision.price.of(periods).map_err(refused)?;
        let now_ms = self.now_ms();
        let from_ms = held.end_ms.unwrap_or(now_ms).max(now_ms);
        Ok(RenewalView {
            agreement: *agreement,
            periods,
            period_days,
            periods_max,
            amount,
            currency,
            price: amount.display(currency),
            end_ms: held.end_ms,
            new_end_ms: from_ms.saturating_add(u64::from(period_days) * u64::from(periods) * DAY_MS),
            balance: self.balance(buyer, currency)?,
        })
    }

    /// Prolongs a subscription with a managed key, at most once for each `once`. `expected` is what the
    /// buyer thinks to pay.
    ///
    /// # Errors
    /// [`MarketError::PriceMoved`], and as [`Market::buy`].
    pub async fn renew(
        &self,
        buyer: &PartyId,
        agreement: &AgreementId,
        periods: u32,
        expected: Option<Amount>,
        once: &Once,
    ) -> Result<Order, MarketError> {
        self.act_with(buyer, Some(once), || async {
            let amount = self.renewal(buyer, agreement, periods)?.amount;
            if let Some(expected) = expected.filter(|expected| *expected != amount) {
                return Err(MarketError::PriceMoved { now: amount.minor(), expected: expected.minor() });
            }
            Ok((Action::Renew(Renew { agreement: *agreement, periods, amount }), None))
        })
        .await
    }

    /// What `party` has in `currency`.
    ///
    /// # Errors
    /// [`MarketError`].
    pub fn balance(&self, party: &PartyId, currency: Currency) -> Result<Amount, MarketError> {
        let accounts = self.rows().accounts(party)?;
        let held = accounts.into_iter().find(|(held, _)| *held == currency);
        Ok(held.map_or(Amount::ZERO, |(_, balance)| balance))
    }
}
