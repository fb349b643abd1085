//! Quotes: a price for one buyer, signed by a key that the provider registered for pricing.
//!
//! The rules verify a quote and honour it until it expires, also when the offer has changed since.

use crate::{
    action::Call,
    id::{AgreementId, Digest, OfferId, PartyId, TimeMs},
    key::{Domain, PublicKey, Signature},
    money::{Amount, Currency},
    party::{KeyUse, Party},
    rejection::{Rejection, Stop},
    state::{Key, Reading, Subject},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What the provider promises.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// For whom.
    pub buyer: PartyId,
    /// Of which offer.
    pub offer: OfferId,
    /// At which revision: its terms apply.
    pub revision: u32,
    /// How many periods; 1 where there are none.
    pub periods: u32,
    /// What it costs.
    pub amount: Amount,
    /// In what; `None` where it is free.
    pub currency: Option<Currency>,
    /// Until when, by block time.
    pub expires_ms: TimeMs,
    /// Random, so that two quotes of one price are two quotes.
    pub nonce: [u8; 16],
}

/// A quote and its signature.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedQuote {
    /// What is promised.
    pub quote: Quote,
    /// The provider's pricing key.
    pub key: PublicKey,
    /// In the domain of quotes, over the quote's borsh bytes.
    pub signature: Signature,
}

/// That a quote was used, and for what: each is used once.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct UsedQuote {
    /// For which agreement.
    pub agreement: AgreementId,
}

impl Subject for UsedQuote {
    const TAG: u8 = 8;
    const KIND: &'static str = "used quote";
}

impl Quote {
    /// What is signed.
    pub fn message(&self) -> Vec<u8> {
        borsh::to_vec(self).expect("writing to memory does not fail")
    }

    /// Where the use of this quote is kept.
    pub fn key(&self) -> Key {
        Key::new(UsedQuote::TAG, &[&Digest::of(&[b"lonja/quote/v1\0", &self.message()]).0])
    }
}

impl SignedQuote {
    /// Checks signature, key, buyer, expiry and single use, and marks it as used.
    ///
    /// # Errors
    /// A refusal that says what does not hold.
    pub(crate) fn redeem(&self, call: &mut Call, provider: &PartyId, agreement: AgreementId) -> Result<(), Stop> {
        let message = self.quote.message();
        if self.key.verify(Domain::Quote, &call.network, &message, &self.signature).is_err() {
            return Err(Rejection::QuoteSignature.into());
        }
        let party: Party =
            call.state.value(&Party::key(provider))?.ok_or(Rejection::PartyUnknown { party: *provider })?;
        if !party.may_use(&self.key, KeyUse::Price) {
            return Err(Rejection::QuoteKey { key: self.key }.into());
        }
        if self.quote.buyer != call.sender {
            return Err(Rejection::QuoteForAnother.into());
        }
        if self.quote.expires_ms < call.time_ms {
            return Err(Rejection::QuoteExpired { expired_ms: self.quote.expires_ms }.into());
        }
        let key = self.quote.key();
        if call.state.value::<UsedQuote>(&key)?.is_some() {
            return Err(Rejection::QuoteUsed.into());
        }
        Ok(call.state.put(&key, UsedQuote { agreement })?)
    }
}
