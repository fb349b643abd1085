//! Offers: a dataset under terms at a price. Each revision stays, so that a quote can be honoured.
//!
//! An offer stays as it is when its listing changes; every use of one asks what the listing is *now*.
//! Who asks is checked first (active, with the role, and the right party), then the listing, in this
//! order: it is listed; its data are not closed; its classification has no gaps; only then the offer
//! itself (open, at the revision that was read), the terms of open data, and what a purchase adds
//! ([`crate::agreement`]). So one answer comes first whatever else is wrong, and it is the one that
//! says most about the data. What becomes of offers and licences:
//!
//! | the listing is         | make or revise an offer | buy or renew | deliver under a licence in force |
//! |------------------------|-------------------------|--------------|----------------------------------|
//! | listed                 | yes                     | yes          | yes                              |
//! | listed, its data closed| no                      | no           | yes                              |
//! | listed, for others     | yes                     | no           | yes                              |
//! | suspended              | no                      | no           | no                               |
//! | withdrawn              | no                      | no           | yes                              |
//!
//! A licence in force outlives closing and withdrawing: it was granted, perhaps paid for. Who must stop
//! deliveries at once suspends the listing (for all) or revokes the agreement (for one). Closing an
//! offer is always possible; listing data again opens the offers that were not closed.

use crate::{
    action::{Call, Rule},
    dataset::{Dataset, Listing, require, require_own},
    event::Event,
    id::{DatasetId, Digest, OfferId, PartyId},
    limits::PERIODS_MAX,
    money::{Amount, Currency},
    party::{Role, require_role},
    rejection::{Malformed, Rejection, Stop},
    state::{Key, Reading, Subject, View},
    terms::{Allowed, Onward, Terms},
    vocabulary::Spectrum,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// An offer, whatever its revision.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Offer {
    /// What is offered.
    pub dataset: DatasetId,
    /// By whom.
    pub provider: PartyId,
    /// The revision in force, from 1.
    pub revision: u32,
    /// Closed for new purchases.
    pub withdrawn: bool,
}

/// One revision of an offer. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct OfferRevision {
    /// What the licence allows.
    pub terms: Terms,
    /// Digest of the text that people read, rendered from the terms.
    pub text: Digest,
    /// What it costs.
    pub price: Price,
}

/// What a licence costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Price {
    /// Nothing.
    Free,
    /// Paid once.
    OneOff {
        /// How much.
        amount: Amount,
        /// In what.
        currency: Currency,
    },
    /// Prepaid periods; the licence ends with the last one and is renewed explicitly.
    Subscription {
        /// How much for each period.
        amount: Amount,
        /// In what.
        currency: Currency,
        /// Length of a period, in days.
        period_days: u32,
        /// Periods that can be bought at once.
        periods_max: u32,
    },
}

impl Price {
    /// The word for it.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::OneOff { .. } => "one-off",
            Self::Subscription { .. } => "subscription",
        }
    }

    /// The currency, where there is something to pay.
    pub fn currency(&self) -> Option<Currency> {
        match self {
            Self::Free => None,
            Self::OneOff { currency, .. } | Self::Subscription { currency, .. } => Some(*currency),
        }
    }

    /// What `periods` cost; what is not a subscription has exactly one.
    ///
    /// # Errors
    /// A refusal where that many cannot be bought.
    pub fn of(&self, periods: u32) -> Result<Amount, Rejection> {
        let most = match self {
            Self::Subscription { periods_max, .. } => *periods_max,
            _ => 1,
        };
        if periods == 0 || periods > most {
            return Err(Rejection::Periods { most });
        }
        match self {
            Self::Free => Ok(Amount::ZERO),
            Self::OneOff { amount, .. } => Ok(*amount),
            Self::Subscription { amount, .. } => amount.times(periods).ok_or(Rejection::AmountOverflow),
        }
    }

    fn check(&self) -> Result<(), Malformed> {
        match self {
            Self::Free => Ok(()),
            Self::OneOff { amount, .. } if *amount == Amount::ZERO => Err(zero()),
            Self::OneOff { .. } => Ok(()),
            Self::Subscription { amount, .. } if *amount == Amount::ZERO => Err(zero()),
            Self::Subscription { period_days, periods_max, .. } => {
                if !(1..=3_660).contains(period_days) {
                    return Err(Malformed::new("price.period_days", "a period has 1 to 3660 days"));
                }
                if !(1..=PERIODS_MAX).contains(periods_max) {
                    return Err(Malformed::new("price.periods_max", format!("1 to {PERIODS_MAX}")));
                }
                Ok(())
            }
        }
    }
}

/// A subscription runs for the periods that are paid: with a duration in its terms, their text would promise another end.
fn check_terms(terms: &Terms, price: &Price) -> Result<(), Malformed> {
    terms.check()?;
    price.check()?;
    if matches!(price, Price::Subscription { .. }) && terms.duration_days.is_some() {
        return Err(Malformed::new("terms.duration_days", "a subscription ends with its periods: leave it out"));
    }
    Ok(())
}

fn zero() -> Malformed {
    Malformed::new("price.amount", "what costs nothing is free: use the free price")
}

impl Subject for Offer {
    const TAG: u8 = 6;
    const KIND: &'static str = "offer";
}

impl Subject for OfferRevision {
    const TAG: u8 = 7;
    const KIND: &'static str = "offer revision";
}

impl Offer {
    /// Where `offer` is kept.
    pub fn key(offer: &OfferId) -> Key {
        Key::new(Self::TAG, &[&offer.0])
    }
}

impl OfferRevision {
    /// Where `revision` of `offer` is kept.
    pub fn key(offer: &OfferId, revision: u32) -> Key {
        Key::new(Self::TAG, &[&offer.0, &revision.to_be_bytes()])
    }

    fn new(terms: &Terms, price: Price) -> Self {
        Self { text: Digest::of(&[terms.render().as_bytes()]), terms: terms.clone(), price }
    }
}

/// The offer `id`.
///
/// # Errors
/// A refusal where it is unknown.
pub fn require_offer(view: &dyn View, id: &OfferId) -> Result<Offer, Stop> {
    Ok(view.value(&Offer::key(id))?.ok_or(Rejection::OfferUnknown { offer: *id })?)
}

/// Only what is listed is traded; closed data never are, and nothing is whose classification has gaps
/// (ISO/DIS 37156 5.5.2).
pub(crate) fn check_traded(id: &DatasetId, dataset: &Dataset) -> Result<(), Rejection> {
    if dataset.listing != Listing::Listed {
        return Err(Rejection::DatasetNotListed { dataset: *id });
    }
    if dataset.classification.spectrum.value() == Some(&Spectrum::Closed) {
        return Err(Rejection::ClosedIsNotTraded);
    }
    let missing = dataset.classification.gaps();
    if missing.is_empty() { Ok(()) } else { Err(Rejection::ClassificationIncomplete { missing }) }
}

/// Open data are offered without limits (ISO/DIS 37156 5.5.4).
pub(crate) fn check_open(dataset: &Dataset, terms: &Terms, price: &Price) -> Result<(), Rejection> {
    if dataset.classification.spectrum.value() == Some(&Spectrum::Open) {
        let limited = *price != Price::Free
            || terms.purposes != Allowed::Any
            || terms.onward != Onward::Free
            || terms.duration_days.is_some();
        if limited {
            return Err(Rejection::NotOpen);
        }
    }
    Ok(())
}

/// Offers a dataset.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeOffer {
    /// What.
    pub dataset: DatasetId,
    /// Under which terms.
    pub terms: Terms,
    /// At which price.
    pub price: Price,
}

impl Rule for MakeOffer {
    fn check(&self) -> Result<(), Malformed> {
        check_terms(&self.terms, &self.price)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let dataset = require_own(call.state, &self.dataset, &call.sender)?;
        check_traded(&self.dataset, &dataset)?;
        check_open(&dataset, &self.terms, &self.price)?;
        let id = OfferId(call.transaction.0);
        let offer = Offer { dataset: self.dataset, provider: call.sender, revision: 1, withdrawn: false };
        call.state.put(&Offer::key(&id), offer)?;
        call.state.put(&OfferRevision::key(&id, 1), OfferRevision::new(&self.terms, self.price))?;
        call.state.emit(Event::OfferMade {
            offer: id,
            dataset: self.dataset,
            revision: 1,
            price: self.price,
            terms: self.terms.digest(),
        });
        Ok(())
    }
}

/// Changes terms or price for new purchases. Agreements and valid quotes keep their revision.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviseOffer {
    /// Which.
    pub offer: OfferId,
    /// The revision that this follows.
    pub follows: u32,
    /// Under which terms from now on.
    pub terms: Terms,
    /// At which price from now on.
    pub price: Price,
}

impl Rule for ReviseOffer {
    fn check(&self) -> Result<(), Malformed> {
        check_terms(&self.terms, &self.price)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let mut offer = require_own_offer(call, &self.offer)?;
        let dataset = require(call.state, &offer.dataset)?;
        check_traded(&offer.dataset, &dataset)?;
        if offer.withdrawn {
            return Err(Rejection::OfferWithdrawn { offer: self.offer }.into());
        }
        if offer.revision != self.follows {
            return Err(Rejection::RevisionMoved { now: offer.revision }.into());
        }
        check_open(&dataset, &self.terms, &self.price)?;
        offer.revision = offer.revision.checked_add(1).ok_or(Rejection::RevisionMoved { now: u32::MAX })?;
        let (revision, about) = (offer.revision, offer.dataset);
        call.state.put(&Offer::key(&self.offer), offer)?;
        call.state.put(&OfferRevision::key(&self.offer, revision), OfferRevision::new(&self.terms, self.price))?;
        call.state.emit(Event::OfferMade {
            offer: self.offer,
            dataset: about,
            revision,
            price: self.price,
            terms: self.terms.digest(),
        });
        Ok(())
    }
}

/// Closes an offer for new purchases.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithdrawOffer {
    /// Which.
    pub offer: OfferId,
}

impl Rule for WithdrawOffer {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let mut offer = require_own_offer(call, &self.offer)?;
        if offer.withdrawn {
            return Err(Rejection::OfferWithdrawn { offer: self.offer }.into());
        }
        offer.withdrawn = true;
        let dataset = offer.dataset;
        call.state.put(&Offer::key(&self.offer), offer)?;
        call.state.emit(Event::OfferWithdrawn { offer: self.offer, dataset });
        Ok(())
    }
}

fn require_own_offer(call: &Call, id: &OfferId) -> Result<Offer, Stop> {
    require_role(call.state, &call.sender, Role::Provider)?;
    let offer = require_offer(call.state, id)?;
    if offer.provider != call.sender {
        return Err(Rejection::NotTheProvider { offer: *id }.into());
    }
    Ok(offer)
}
