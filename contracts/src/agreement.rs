//! Agreements: buying pays and grants in one transaction; a licence is held, renewed, revoked.
//!
//! Checks run in the order of the design, privacy before price: parties, spectrum and listing,
//! access, purpose, personal data with consents or a full legal basis, then price and balance. They
//! ask what the dataset is now: an offer does not outlive the classification it was made under.

use crate::{
    action::{Call, Rule},
    dataset::{Dataset, require},
    delivery,
    event::Event,
    group,
    id::{AgreementId, DatasetId, Digest, OfferId, PartyId, SideId, TimeMs},
    jacket::Access,
    limits::PERIODS_MAX,
    money::{Amount, Currency},
    offer::{Offer, OfferRevision, Price, check_open, check_traded, require_offer},
    party::{Role, require_active, require_role},
    quote::SignedQuote,
    rejection::{Malformed, Rejection, Stop},
    settlement, side,
    state::{Key, Reading, Subject},
    takedown::TakenDown,
    terms::{Onward, Terms},
    vocabulary::{PersonalStatus, Purpose},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A licence that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Agreement {
    /// Who holds it.
    pub buyer: PartyId,
    /// Who granted it.
    pub provider: PartyId,
    /// To what.
    pub dataset: DatasetId,
    /// From which offer.
    pub offer: OfferId,
    /// At which revision: its terms apply for as long as the agreement runs.
    pub revision: u32,
    /// Digest of those terms.
    pub terms: Digest,
    /// Whether the data may be passed on, from those terms.
    pub onward: Onward,
    /// What for.
    pub purpose: Purpose,
    /// Everything paid so far.
    pub paid: Amount,
    /// In what; `None` where it is free.
    pub currency: Option<Currency>,
    /// From when, by block time.
    pub start_ms: TimeMs,
    /// Until when; `None` is without end.
    pub end_ms: Option<TimeMs>,
    /// Ended before its time, and why.
    pub revoked: Option<RevocationReason>,
    /// Why the buyer needs personal data, beside the ledger.
    pub justification: Option<SideId>,
}

/// The newest licence of a holder to a dataset. Its absence proves that there is none.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Holding {
    /// The newest agreement.
    pub agreement: AgreementId,
    /// How many there were.
    pub count: u32,
}

/// Why an agreement ended before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum RevocationReason {
    /// The buyer gave it back.
    ByBuyer = 0,
    /// The buyer broke the terms.
    Breach = 1,
    /// Law or a data subject's right asks for it.
    Legal = 2,
    /// The data turned out to be wrong.
    Quality = 3,
}

impl Subject for Agreement {
    const TAG: u8 = 9;
    const KIND: &'static str = "agreement";
}

impl Subject for Holding {
    const TAG: u8 = 10;
    const KIND: &'static str = "holding";
}

impl Agreement {
    /// Where `agreement` is kept.
    pub fn key(agreement: &AgreementId) -> Key {
        Key::new(Self::TAG, &[&agreement.0])
    }

    /// Neither revoked nor over at `time_ms`.
    pub fn in_force(&self, time_ms: TimeMs) -> bool {
        self.revoked.is_none() && self.end_ms.is_none_or(|end| time_ms < end)
    }
}

impl Holding {
    /// Where the licence of `holder` to `dataset` is kept.
    pub fn key(holder: &PartyId, dataset: &DatasetId) -> Key {
        Key::new(Self::TAG, &[&holder.0, &dataset.0])
    }
}

/// Buys a licence.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buy {
    /// Of which offer.
    pub offer: OfferId,
    /// The revision that the buyer has read.
    pub revision: u32,
    /// What for.
    pub purpose: Purpose,
    /// How many periods; 1 where there are none.
    pub periods: u32,
    /// What the buyer expects to pay. Another price is a refusal, never a surprise.
    pub amount: Amount,
    /// A quote, if the price is one.
    pub quote: Option<SignedQuote>,
    /// Why personal data are needed, beside the ledger; required for them.
    pub justification: Option<SideId>,
}

impl Rule for Buy {
    fn check(&self) -> Result<(), Malformed> {
        check_periods(self.periods)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let agreement = AgreementId(call.transaction.0);
        let offer = require_offer(call.state, &self.offer)?;
        require_role(call.state, &call.sender, Role::Buyer)?;
        require_role(call.state, &offer.provider, Role::Provider)?;
        if offer.provider == call.sender {
            return Err(Rejection::SelfDealing.into());
        }
        let dataset = require(call.state, &offer.dataset)?;
        check_listing(&dataset, &offer)?;
        check_access(call, &dataset)?;
        let revision = self.revision_of(call, &offer)?;
        check_open(&dataset, &revision.terms, &revision.price)?;
        if !revision.terms.purposes.allows(self.purpose) {
            return Err(Rejection::PurposeNotAllowed { purpose: self.purpose }.into());
        }
        check_personal(call, &offer.dataset, &dataset, self.purpose, self.justification)?;
        side::claim(call, self.justification)?;
        let amount = self.price(call, &offer, &revision, agreement)?;
        let currency = revision.price.currency();
        if let Some(currency) = currency {
            settlement::pay(call, &call.sender.clone(), &offer.provider, amount, currency)?;
        }
        self.grant(call, agreement, offer, revision, amount)
    }
}

impl Buy {
    /// The terms that apply: of the revision in force, or of the one that a quote binds.
    fn revision_of(&self, call: &Call, offer: &Offer) -> Result<OfferRevision, Stop> {
        if self.quote.is_none() && self.revision != offer.revision {
            return Err(Rejection::RevisionMoved { now: offer.revision }.into());
        }
        let key = OfferRevision::key(&self.offer, self.revision);
        Ok(call.state.value(&key)?.ok_or(Rejection::RevisionMoved { now: offer.revision })?)
    }

    fn price(
        &self,
        call: &mut Call,
        offer: &Offer,
        revision: &OfferRevision,
        agreement: AgreementId,
    ) -> Result<Amount, Stop> {
        let amount = match &self.quote {
            None => revision.price.of(self.periods)?,
            Some(signed) => {
                let quote = &signed.quote;
                let same = quote.offer == self.offer
                    && quote.revision == self.revision
                    && quote.periods == self.periods
                    && quote.currency == revision.price.currency()
                    // What is free is not quoted at a price: nobody would be paid what the record says.
                    && (quote.currency.is_some() || quote.amount == Amount::ZERO);
                if !same {
                    return Err(Rejection::QuoteForAnother.into());
                }
                revision.price.of(self.periods)?;
                signed.redeem(call, &offer.provider, agreement)?;
                quote.amount
            }
        };
        if amount != self.amount {
            return Err(Rejection::PriceIsAnother { amount }.into());
        }
        Ok(amount)
    }

    fn grant(
        &self,
        call: &mut Call,
        id: AgreementId,
        offer: Offer,
        revision: OfferRevision,
        amount: Amount,
    ) -> Result<(), Stop> {
        let end_ms = end_of(&revision.terms, &revision.price, self.periods, call.time_ms);
        let agreement = Agreement {
            buyer: call.sender,
            provider: offer.provider,
            dataset: offer.dataset,
            offer: self.offer,
            revision: self.revision,
            terms: revision.terms.digest(),
            onward: revision.terms.onward,
            purpose: self.purpose,
            paid: amount,
            currency: revision.price.currency(),
            start_ms: call.time_ms,
            end_ms,
            revoked: None,
            justification: self.justification,
        };
        call.state.put(&Agreement::key(&id), agreement)?;
        let key = Holding::key(&call.sender, &offer.dataset);
        let count = call.state.value::<Holding>(&key)?.map_or(0, |holding| holding.count).saturating_add(1);
        call.state.put(&key, Holding { agreement: id, count })?;
        call.state.emit(Event::Bought {
            agreement: id,
            buyer: call.sender,
            provider: offer.provider,
            dataset: offer.dataset,
            offer: self.offer,
            revision: self.revision,
            purpose: self.purpose,
            amount,
            currency: revision.price.currency(),
            end_ms,
        });
        Ok(())
    }
}

fn check_periods(periods: u32) -> Result<(), Malformed> {
    if (1..=PERIODS_MAX).contains(&periods) {
        Ok(())
    } else {
        Err(Malformed::new("periods", format!("1 to {PERIODS_MAX}")))
    }
}

fn check_listing(dataset: &Dataset, offer: &Offer) -> Result<(), Rejection> {
    check_traded(&offer.dataset, dataset)?;
    if offer.withdrawn { Err(Rejection::OfferIsWithdrawn) } else { Ok(()) }
}

fn check_access(call: &Call, dataset: &Dataset) -> Result<(), Stop> {
    let may = match dataset.classification.access.value() {
        None | Some(Access::Public) => true,
        Some(Access::Specific { parties }) => parties.contains(&call.sender),
        Some(Access::Group { group }) => group::has(call.state, group, &call.sender)?,
    };
    if may { Ok(()) } else { Err(Rejection::AccessRestricted.into()) }
}

/// Personal data are bought for a reason that can be read, on a ground that holds for the newest version, or for the
/// first where none is there yet.
fn check_personal(
    call: &Call,
    id: &DatasetId,
    dataset: &Dataset,
    purpose: Purpose,
    justification: Option<SideId>,
) -> Result<(), Stop> {
    let personal = dataset.classification.personal.value() == Some(&PersonalStatus::Personal);
    let reason = justification.map(|side| call.state.value::<TakenDown>(&TakenDown::key(&side))).transpose()?;
    // What was taken down is `Some(Some(_))`: whoever goes on has no reason any more.
    if personal && !matches!(reason, Some(None)) {
        return Err(Rejection::JustificationMissing.into());
    }
    delivery::require_ground(call.state, id, dataset, dataset.versions.max(1), purpose, call.time_ms)
}

const DAY_MS: u64 = 86_400_000;

/// The end of a licence: the periods of a subscription, else the duration of the terms.
fn end_of(terms: &Terms, price: &Price, periods: u32, start_ms: TimeMs) -> Option<TimeMs> {
    let days = match price {
        Price::Subscription { period_days, .. } => Some(u64::from(*period_days) * u64::from(periods)),
        _ => terms.duration_days.map(u64::from),
    };
    days.map(|days| start_ms.saturating_add(days * DAY_MS))
}

/// Prepays further periods of a subscription, at the price of the agreement's own revision.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Renew {
    /// Which.
    pub agreement: AgreementId,
    /// How many periods more.
    pub periods: u32,
    /// What the buyer expects to pay.
    pub amount: Amount,
}

impl Rule for Renew {
    fn check(&self) -> Result<(), Malformed> {
        check_periods(self.periods)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_role(call.state, &call.sender, Role::Buyer)?;
        let mut agreement = require_agreement(call, &self.agreement)?;
        if agreement.buyer != call.sender {
            return Err(Rejection::NotAParty { agreement: self.agreement }.into());
        }
        require_role(call.state, &agreement.provider, Role::Provider)?;
        if agreement.revoked.is_some() {
            return Err(Rejection::AgreementOver { agreement: self.agreement }.into());
        }
        let offer = require_offer(call.state, &agreement.offer)?;
        let dataset = require(call.state, &agreement.dataset)?;
        check_listing(&dataset, &offer)?;
        check_access(call, &dataset)?;
        let key = OfferRevision::key(&agreement.offer, agreement.revision);
        let revision: OfferRevision =
            call.state.value(&key)?.ok_or(Rejection::RevisionMoved { now: offer.revision })?;
        check_open(&dataset, &revision.terms, &revision.price)?;
        check_personal(call, &agreement.dataset, &dataset, agreement.purpose, agreement.justification)?;
        let Price::Subscription { period_days, currency, .. } = revision.price else {
            return Err(Rejection::NotASubscription.into());
        };
        let amount = revision.price.of(self.periods)?;
        if amount != self.amount {
            return Err(Rejection::PriceIsAnother { amount }.into());
        }
        settlement::pay(call, &call.sender.clone(), &agreement.provider, amount, currency)?;
        // What has lapsed starts anew today: nobody pays for days that are over.
        let from_ms = agreement.end_ms.unwrap_or(call.time_ms).max(call.time_ms);
        let end_ms = from_ms.saturating_add(u64::from(period_days) * u64::from(self.periods) * DAY_MS);
        agreement.end_ms = Some(end_ms);
        agreement.paid = agreement.paid.plus(amount).ok_or(Rejection::AmountOverflow)?;
        let dataset = agreement.dataset;
        call.state.put(&Agreement::key(&self.agreement), agreement)?;
        call.state.emit(Event::Renewed { agreement: self.agreement, dataset, amount, currency, end_ms });
        Ok(())
    }
}

/// Ends an agreement before its time: by its provider, or by its buyer who gives it back.
///
/// What was paid stays paid: no action pays it back. Whoever refunds does so at a bank, as money comes on the ledger and
/// leaves it. Somebody suspended ends nothing: its keys may be in other hands.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Which.
    pub agreement: AgreementId,
    /// Why.
    pub reason: RevocationReason,
}

impl Rule for Revoke {
    fn check(&self) -> Result<(), Malformed> {
        Ok(())
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        require_active(call.state, &call.sender)?;
        let mut agreement = require_agreement(call, &self.agreement)?;
        let by_buyer = self.reason == RevocationReason::ByBuyer;
        let entitled = if by_buyer { agreement.buyer } else { agreement.provider };
        if entitled != call.sender {
            return Err(Rejection::NotAParty { agreement: self.agreement }.into());
        }
        if !agreement.in_force(call.time_ms) {
            return Err(Rejection::AgreementOver { agreement: self.agreement }.into());
        }
        agreement.revoked = Some(self.reason);
        let dataset = agreement.dataset;
        call.state.put(&Agreement::key(&self.agreement), agreement)?;
        call.state.emit(Event::Revoked { agreement: self.agreement, dataset, reason: self.reason, by: call.sender });
        Ok(())
    }
}

/// The agreement `id`.
///
/// # Errors
/// A refusal where it is unknown.
pub fn require_agreement(call: &Call, id: &AgreementId) -> Result<Agreement, Stop> {
    Ok(call.state.value(&Agreement::key(id))?.ok_or(Rejection::AgreementUnknown { agreement: *id })?)
}
