//! Prices and purchases.

use super::Market;
use crate::{
    error::MarketError,
    keys::random,
    limits::QUOTE_VALID,
    orders::{Once, Order, OrderState},
    rows::OfferRow,
};
use contracts::{
    action::Action,
    agreement::{Buy, RevocationReason, Revoke},
    id::{AgreementId, OfferId, PartyId, TimeMs},
    key::Domain,
    money::{Amount, Currency},
    party::KeyUse,
    quote::{Quote, SignedQuote},
    rejection::Rejection,
    side::SideBody,
    vocabulary::Purpose,
};
use serde::{Deserialize, Serialize};

/// A price for one buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuoteView {
    /// Of which offer.
    pub offer: OfferId,
    /// At which revision.
    pub revision: u32,
    /// How many periods; 1 where there are none.
    pub periods: u32,
    /// What it costs, in minor units.
    pub amount: Amount,
    /// In what; `None` where it is free.
    pub currency: Option<Currency>,
    /// For people, as `12.50 EUR` or `free`.
    pub price: String,
    /// The terms, as text.
    pub terms: String,
    /// Until when the signed quote is honoured, even if the offer changes.
    pub expires_ms: Option<TimeMs>,
    /// Signed by the provider's pricing key, where the market keeps one; without it the list price
    /// holds as long as the offer does not change.
    pub signed: Option<SignedQuote>,
    /// Can anything be downloaded? If not, `acknowledge_no_content` is needed to buy.
    pub has_content: bool,
    /// Is a justification needed, because the data are about people?
    pub needs_justification: bool,
    /// What the buyer has in this currency.
    pub balance: Option<Amount>,
}

/// What a buyer asks for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BuyRequest {
    /// Of which offer.
    pub offer: OfferId,
    /// The revision that the buyer has read; the one in force where it is left out.
    #[serde(default)]
    pub revision: Option<u32>,
    /// What for.
    pub purpose: Purpose,
    /// How many periods; 1 where it is left out.
    #[serde(default)]
    pub periods: Option<u32>,
    /// What the buyer expects to pay, in minor units; another price is an error, never a surprise.
    #[serde(default)]
    pub amount: Option<Amount>,
    /// A signed quote, if there is one.
    #[serde(default)]
    pub quote: Option<SignedQuote>,
    /// Why personal data are needed. Kept beside the ledger.
    #[serde(default)]
    pub justification: Option<String>,
    /// The buyer knows that there is nothing to download.
    #[serde(default)]
    pub acknowledge_no_content: bool,
}

/// A purchase that is on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bought {
    /// The licence.
    pub agreement: AgreementId,
    /// The order.
    pub order: Order,
}

impl Bought {
    /// The licence has the id of its transaction.
    fn of(order: Order) -> Self {
        debug_assert!(matches!(order.state, OrderState::Applied { .. }), "a refusal is an error");
        Self { agreement: AgreementId(order.id.0), order }
    }
}

impl Market {
    /// What an offer costs `buyer`. Nothing is reserved or written by asking.
    ///
    /// # Errors
    /// [`MarketError::NotFound`], or a refusal where the offer is withdrawn or that many periods cannot
    /// be bought.
    pub async fn quote(
        &self,
        buyer: Option<&PartyId>,
        offer: &OfferId,
        periods: u32,
    ) -> Result<QuoteView, MarketError> {
        let row = self.rows().offer(offer)?.ok_or(MarketError::NotFound("offer"))?;
        if row.offer.withdrawn {
            return Err(MarketError::refused(&Rejection::OfferIsWithdrawn, None));
        }
        let amount = row.revision.price.of(periods).map_err(|rejection| MarketError::refused(&rejection, None))?;
        let currency = row.revision.price.currency();
        let dataset = self.dataset(&row.offer.dataset, buyer).await?.ok_or(MarketError::NotFound("dataset"))?;
        let signed = match buyer {
            Some(buyer) => self.signed_quote(buyer, &row, periods, amount)?,
            None => None,
        };
        let balance = match (buyer, currency) {
            (Some(buyer), Some(currency)) => Some(self.balance(buyer, currency)?),
            _ => None,
        };
        Ok(QuoteView {
            offer: *offer,
            revision: row.offer.revision,
            periods,
            amount,
            currency,
            price: currency.map_or_else(|| "free".into(), |currency| amount.display(currency)),
            terms: row.revision.terms.render(),
            expires_ms: signed.as_ref().map(|signed| signed.quote.expires_ms),
            signed,
            has_content: dataset.has_content,
            needs_justification: dataset.personal,
            balance,
        })
    }

    /// A quote signed for the provider, where the market keeps a pricing key that is in force.
    fn signed_quote(
        &self,
        buyer: &PartyId,
        row: &OfferRow,
        periods: u32,
        amount: Amount,
    ) -> Result<Option<SignedQuote>, MarketError> {
        let Ok(signer) = self.pricing(&row.offer.provider) else { return Ok(None) };
        let provider = self.rows().party(&row.offer.provider)?;
        if row.offer.withdrawn || !provider.is_some_and(|party| party.may_use(&signer.public(), KeyUse::Price)) {
            return Ok(None);
        }
        let quote = Quote {
            buyer: *buyer,
            offer: row.id,
            revision: row.offer.revision,
            periods,
            amount,
            currency: row.revision.price.currency(),
            expires_ms: self.now_ms() + QUOTE_VALID.as_millis() as u64,
            nonce: random()?,
        };
        let message = Domain::Quote.message(&self.0.client.network(), &quote.message());
        let signature = signer.sign(&message).map_err(|error| MarketError::Forbidden(error.to_string()))?;
        Ok(Some(SignedQuote { quote, key: signer.public(), signature }))
    }

    /// Buys with a key that the market keeps: pays and grants in one transaction, at most once for
    /// each `once`.
    ///
    /// # Errors
    /// [`MarketError::NoContent`], [`MarketError::PriceMoved`], a refusal of the rules, or what an
    /// order may meet.
    pub async fn buy(&self, buyer: &PartyId, request: &BuyRequest, once: &Once) -> Result<Bought, MarketError> {
        let order = self
            .act_with(buyer, Some(once), || async {
                let (buy, side) = self.purchase(buyer, request).await?;
                Ok((Action::Buy(buy), side))
            })
            .await?;
        Ok(Bought::of(order))
    }

    /// The purchase that this very request made before; `None` where it is new. It holds however the
    /// offer has changed since.
    ///
    /// # Errors
    /// As [`Market::buy`].
    pub async fn bought(&self, buyer: &PartyId, once: &Once) -> Result<Option<Bought>, MarketError> {
        match self.orders().again(buyer, once).await? {
            Some(order) => Ok(Some(Bought::of(self.seen(order).await?))),
            None => Ok(None),
        }
    }

    /// The action that a request comes to: also what a buyer who signs by itself is given to sign.
    ///
    /// # Errors
    /// As [`Market::buy`].
    pub async fn purchase(
        &self,
        buyer: &PartyId,
        request: &BuyRequest,
    ) -> Result<(Buy, Option<SideBody>), MarketError> {
        let row = self.rows().offer(&request.offer)?.ok_or(MarketError::NotFound("offer"))?;
        let periods = request.periods.or(request.quote.as_ref().map(|signed| signed.quote.periods)).unwrap_or(1);
        let (revision, amount) = match &request.quote {
            Some(signed) => (signed.quote.revision, signed.quote.amount),
            None => {
                let price = row.revision.price.of(periods);
                (row.offer.revision, price.map_err(|rejection| MarketError::refused(&rejection, None))?)
            }
        };
        if let Some(expected) = request.amount.filter(|expected| *expected != amount) {
            return Err(MarketError::PriceMoved { now: amount.minor(), expected: expected.minor() });
        }
        let dataset = self.dataset(&row.offer.dataset, Some(buyer)).await?.ok_or(MarketError::NotFound("dataset"))?;
        if !dataset.has_content && !request.acknowledge_no_content {
            return Err(MarketError::NoContent);
        }
        let justification = request.justification.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let side = justification.map(|text| self.side(&[("justification", text)])).transpose()?;
        let buy = Buy {
            offer: request.offer,
            revision: request.revision.unwrap_or(revision),
            purpose: request.purpose,
            periods,
            amount,
            quote: request.quote.clone(),
            justification: side.as_ref().map(SideBody::id),
        };
        Ok((buy, side))
    }

    /// Ends an agreement with a managed key of its buyer or provider.
    ///
    /// # Errors
    /// As [`Market::act`].
    pub async fn revoke(
        &self,
        party: &PartyId,
        agreement: &AgreementId,
        reason: RevocationReason,
        once: Option<&Once>,
    ) -> Result<Order, MarketError> {
        let revoke = Revoke { agreement: *agreement, reason };
        self.act(party, Action::Revoke(revoke), None, once).await
    }

    /// Is an agreement in force by the later of block time and our own clock?
    pub fn in_force(&self, agreement: &contracts::agreement::Agreement) -> bool {
        agreement.in_force(self.now_ms())
    }
}
