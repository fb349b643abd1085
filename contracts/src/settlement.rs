//! Settlement: accounts for each party and currency, double entry, minted and burned by an agent.
//!
//! Money comes on the ledger when a settlement agent mints it against a payment at a bank, each
//! bank reference once, and leaves when it is burned against a payment out. In every block and for
//! every currency: change of all accounts = minted - burned (checked by [`crate::execute`]).

use crate::{
    action::{Call, Rule},
    event::Event,
    id::{BankReference, PartyId},
    money::{Amount, Currency},
    party::{Party, Role, Standing, require_role},
    rejection::{Malformed, Rejection, Stop},
    state::{Key, Reading, Subject},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What a party has in one currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Account {
    /// Never negative.
    pub balance: Amount,
}

/// All money of one currency: there is as much as was minted less what was burned. Where the sum of all that was ever
/// minted would pass the largest amount, both are counted anew from what there is; the events tell everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Supply {
    /// Minted, since it was last counted anew, with what there was then.
    pub minted: Amount,
    /// Burned since then. Never more than was minted.
    pub burned: Amount,
}

/// A payment at the bank that was booked here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize)]
pub struct Booking {
    /// Whose account.
    pub party: PartyId,
    /// How much.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
    /// Minted, or burned.
    pub minted: bool,
}

impl Subject for Account {
    const TAG: u8 = 16;
    const KIND: &'static str = "account";
}

impl Subject for Supply {
    const TAG: u8 = 17;
    const KIND: &'static str = "supply";
}

impl Subject for Booking {
    const TAG: u8 = 18;
    const KIND: &'static str = "bank booking";
}

impl Account {
    /// Where the account of `party` in `currency` is kept.
    pub fn key(party: &PartyId, currency: Currency) -> Key {
        Key::new(Self::TAG, &[&party.0, currency.code().as_bytes()])
    }
}

impl Supply {
    /// Where all money of `currency` is counted.
    pub fn key(currency: Currency) -> Key {
        Key::new(Self::TAG, &[currency.code().as_bytes()])
    }
}

impl Supply {
    /// After `amount` more was minted; `None` where there would be more than the largest amount at once. What was minted
    /// and burned long ago closes no currency.
    fn mint(self, amount: Amount) -> Option<Self> {
        if let Some(minted) = self.minted.plus(amount) {
            return Some(Self { minted, ..self });
        }
        let minted = self.minted.minus(self.burned)?.plus(amount)?;
        Some(Self { minted, burned: Amount::ZERO })
    }
}

impl Booking {
    /// Where the booking of `reference` is kept.
    pub fn key(reference: &BankReference) -> Key {
        Key::new(Self::TAG, &[&reference.0])
    }
}

/// Moves money from one account to another.
///
/// # Errors
/// A refusal where the balance does not suffice.
pub(crate) fn pay(
    call: &mut Call,
    from: &PartyId,
    to: &PartyId,
    amount: Amount,
    currency: Currency,
) -> Result<(), Stop> {
    change(call, from, currency, |balance| {
        balance.minus(amount).ok_or(Rejection::BalanceTooSmall { balance, amount, currency })
    })?;
    change(call, to, currency, |balance| balance.plus(amount).ok_or(Rejection::AmountOverflow))?;
    call.state.emit(Event::Paid { from: *from, to: *to, amount, currency });
    Ok(())
}

fn change(
    call: &mut Call,
    party: &PartyId,
    currency: Currency,
    step: impl FnOnce(Amount) -> Result<Amount, Rejection>,
) -> Result<(), Stop> {
    let key = Account::key(party, currency);
    let account: Account = call.state.value(&key)?.unwrap_or_default();
    Ok(call.state.put(&key, Account { balance: step(account.balance)? })?)
}

/// Brings money on the ledger that was paid in at a bank.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mint {
    /// Whose account.
    pub party: PartyId,
    /// How much.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
    /// SHA-256 of the bank's reference, so that one payment is minted once.
    pub reference: BankReference,
}

/// Takes money off the ledger that is paid out at a bank.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burn {
    /// Whose account.
    pub party: PartyId,
    /// How much.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
    /// SHA-256 of the bank's reference, so that one payment is burned once.
    pub reference: BankReference,
}

impl Rule for Mint {
    fn check(&self) -> Result<(), Malformed> {
        positive(self.amount)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let booking = Booking { party: self.party, amount: self.amount, currency: self.currency, minted: true };
        book(call, &self.reference, booking)?;
        let key = Supply::key(self.currency);
        let supply: Supply = call.state.value(&key)?.unwrap_or_default();
        call.state.put(&key, supply.mint(self.amount).ok_or(Rejection::AmountOverflow)?)?;
        change(call, &self.party, self.currency, |balance| balance.plus(self.amount).ok_or(Rejection::AmountOverflow))?;
        call.state.emit(Event::Minted {
            party: self.party,
            amount: self.amount,
            currency: self.currency,
            reference: self.reference,
        });
        Ok(())
    }
}

impl Rule for Burn {
    fn check(&self) -> Result<(), Malformed> {
        positive(self.amount)
    }

    fn apply(&self, call: &mut Call) -> Result<(), Stop> {
        let booking = Booking { party: self.party, amount: self.amount, currency: self.currency, minted: false };
        book(call, &self.reference, booking)?;
        let (amount, currency) = (self.amount, self.currency);
        change(call, &self.party, currency, |balance| {
            balance.minus(amount).ok_or(Rejection::BalanceTooSmall { balance, amount, currency })
        })?;
        let key = Supply::key(currency);
        let supply: Supply = call.state.value(&key)?.unwrap_or_default();
        let burned = supply.burned.plus(amount).ok_or(Rejection::AmountOverflow)?;
        call.state.put(&key, Supply { burned, ..supply })?;
        call.state.emit(Event::Burned { party: self.party, amount, currency, reference: self.reference });
        Ok(())
    }
}

fn positive(amount: Amount) -> Result<(), Malformed> {
    if amount == Amount::ZERO { Err(Malformed::new("amount", "at least one minor unit")) } else { Ok(()) }
}

fn book(call: &mut Call, reference: &BankReference, booking: Booking) -> Result<(), Stop> {
    require_role(call.state, &call.sender, Role::SettlementAgent)?;
    let party: Party =
        call.state.value(&Party::key(&booking.party))?.ok_or(Rejection::PartyUnknown { party: booking.party })?;
    // Somebody who was suspended can still be paid out, but not in.
    if booking.minted && party.standing != Standing::Active {
        return Err(Rejection::PartyNotActive { party: booking.party }.into());
    }
    let key = Booking::key(reference);
    if call.state.value::<Booking>(&key)?.is_some() {
        return Err(Rejection::BankReferenceUsed { reference: *reference }.into());
    }
    Ok(call.state.put(&key, booking)?)
}
