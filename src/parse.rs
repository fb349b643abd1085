//! Words of the command line that become values of the rules.

use contracts::{
    money::{Amount, Currency},
    offer::Price,
    party::Role,
    vocabulary::Purpose,
};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error};

/// A word of a closed list, as JSON spells it: `settlement-agent`, `derived-only`, `own-request`.
pub fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    T::deserialize(text.into_deserializer()).map_err(|error: Error| {
        // The deserializer speaks of variants, people of words.
        let said = error.to_string();
        let said = said.strip_prefix("unknown variant ").unwrap_or(&said);
        said.replacen(", expected one of ", " is none of: ", 1).replacen(", expected ", " is none of: ", 1)
    })
}

/// A currency and an amount in it: `EUR 12.50`, as one word `EUR:12.50`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Money {
    /// How much.
    pub amount: Amount,
    /// In what.
    pub currency: Currency,
}

impl std::str::FromStr for Money {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (currency, amount) = text
            .split_once([':', ' '])
            .ok_or_else(|| format!("`{text}` is no amount of money: write EUR:12.50 or JPY:1200"))?;
        let currency: Currency = currency.parse().map_err(|error| format!("{error}"))?;
        let amount = Amount::parse(amount, currency).map_err(|error| error.to_string())?;
        Ok(Self { amount, currency })
    }
}

/// A price: `free`, `EUR:12.50`, or `EUR:5/30d` with periods of 30 days, or `EUR:5/30dx12` for at
/// most 12 periods at once.
pub fn price(text: &str) -> Result<Price, String> {
    if text == "free" {
        return Ok(Price::Free);
    }
    let Some((money, period)) = text.split_once('/') else {
        let Money { amount, currency } = text.parse()?;
        return Ok(Price::OneOff { amount, currency });
    };
    let Money { amount, currency } = money.parse()?;
    let wrong = || format!("`{period}` is no period: write 30d, or 30dx12 for at most 12 periods at once");
    let (days, most) = period.split_once('d').ok_or_else(wrong)?;
    let period_days = days.parse().map_err(|_| wrong())?;
    let periods_max = match most.strip_prefix('x') {
        Some(most) => most.parse().map_err(|_| wrong())?,
        None if most.is_empty() => 12,
        None => return Err(wrong()),
    };
    Ok(Price::Subscription { amount, currency, period_days, periods_max })
}

/// A price as people read it.
pub fn price_text(price: &Price) -> String {
    match price {
        Price::Free => "free".into(),
        Price::OneOff { amount, currency } => amount.display(*currency),
        Price::Subscription { amount, currency, period_days, periods_max } => {
            format!("{} for each {period_days} days, at most {periods_max} periods at once", amount.display(*currency))
        }
    }
}

/// Roles, for clap.
pub fn role(text: &str) -> Result<Role, String> {
    word(text)
}

/// Purposes, for clap.
pub fn purpose(text: &str) -> Result<Purpose, String> {
    text.parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_have_three_forms() {
        assert_eq!(price("free"), Ok(Price::Free));
        assert_eq!(price_text(&price("EUR:12.50").unwrap()), "12.50 EUR");
        let monthly = price("JPY:1200/30dx6").unwrap();
        assert!(matches!(monthly, Price::Subscription { period_days: 30, periods_max: 6, .. }), "{monthly:?}");
        for wrong in ["", "EUR", "EUR:-1", "EUR:1.234", "XXQ:1", "EUR:1/", "EUR:1/d", "EUR:1/30", "EUR:1/30dy", "fre"] {
            assert!(price(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_are_those_of_the_json() {
        assert_eq!(role("settlement-agent"), Ok(Role::SettlementAgent));
        assert!(role("king").unwrap_err().starts_with("`king` is none of: `operator`, "));
    }
}
