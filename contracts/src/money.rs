//! Money: whole minor units with an ISO 4217 code. No floats, no silent rounding.

use crate::limits::AMOUNT_MAX;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

/// An ISO 4217 currency code, such as `EUR`. Only codes of the standard can be constructed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Text or bytes that are no amount or currency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a code of ISO 4217.
    #[error("`{0}` is not a currency code of ISO 4217 (three capital letters, such as EUR)")]
    Currency(String),
    /// More than the limit, or a sum that passes it.
    #[error("an amount is at most {AMOUNT_MAX} minor units")]
    TooLarge,
    /// Not a decimal number with the currency's digits.
    #[error("`{got}` is not an amount: write it like {example}")]
    Text {
        /// What was given.
        got: String,
        /// What would have been understood.
        example: String,
    },
}

impl Currency {
    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a currency holds three ASCII letters")
    }

    /// Digits after the decimal point, as ISO 4217 gives them (2 for EUR, 0 for JPY).
    pub fn exponent(&self) -> u32 {
        iso_currency::Currency::from_code(self.code()).and_then(|currency| currency.exponent()).map_or(0, u32::from)
    }

    fn checked(code: &str) -> Result<Self, MoneyError> {
        let known = iso_currency::Currency::from_code(code).is_some();
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(bytes) if known && bytes.iter().all(u8::is_ascii_uppercase) => Ok(Self(bytes)),
            _ => Err(MoneyError::Currency(code.chars().take(16).collect())),
        }
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(code: &str) -> Result<Self, MoneyError> {
        Self::checked(code)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl BorshSerialize for Currency {
    fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

impl BorshDeserialize for Currency {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let bytes = <[u8; 3]>::deserialize_reader(reader)?;
        let invalid = |text: String| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, text);
        let code = std::str::from_utf8(&bytes).map_err(|_| invalid("a currency is three letters".into()))?;
        Self::checked(code).map_err(|error| invalid(error.to_string()))
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::checked(&<String as Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units (cents), from 0 to [`AMOUNT_MAX`]. JSON carries it as a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize)]
pub struct Amount(u64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of `minor` units.
    ///
    /// # Errors
    /// [`MoneyError::TooLarge`].
    pub fn new(minor: u64) -> Result<Self, MoneyError> {
        if minor > AMOUNT_MAX { Err(MoneyError::TooLarge) } else { Ok(Self(minor)) }
    }

    /// Minor units.
    pub fn minor(self) -> u64 {
        self.0
    }

    /// The sum, unless it passes the limit.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(|sum| Self::new(sum).ok())
    }

    /// The difference, unless it is negative.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The product, unless it passes the limit.
    pub fn times(self, factor: u32) -> Option<Self> {
        self.0.checked_mul(u64::from(factor)).and_then(|product| Self::new(product).ok())
    }

    /// For people: `12.50 EUR`.
    pub fn display(self, currency: Currency) -> String {
        let digits = currency.exponent() as usize;
        if digits == 0 {
            return format!("{} {currency}", self.0);
        }
        let unit = 10u64.pow(digits as u32);
        format!("{}.{:0digits$} {currency}", self.0 / unit, self.0 % unit)
    }

    /// Reads what people write: `12.50` in a currency of two digits.
    ///
    /// # Errors
    /// [`MoneyError::Text`] with an example, or [`MoneyError::TooLarge`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let digits = currency.exponent() as usize;
        let bad = || MoneyError::Text {
            got: text.chars().take(40).collect(),
            example: if digits == 0 { "12".into() } else { format!("12.{}", "5".repeat(digits)) },
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        let point_without_digits = text.contains('.') && fraction.is_empty();
        if whole.is_empty()
            || whole.len() > 16
            || !numeric(whole)
            || !numeric(fraction)
            || fraction.len() > digits
            || point_without_digits
        {
            return Err(bad());
        }
        let padded = format!("{whole}{fraction:0<digits$}");
        padded.parse::<u64>().map_err(|_| MoneyError::TooLarge).and_then(Self::new)
    }
}

impl BorshDeserialize for Amount {
    fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
        let minor = u64::deserialize_reader(reader)?;
        Self::new(minor).map_err(|error| borsh::io::Error::new(borsh::io::ErrorKind::InvalidData, error.to_string()))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let shown: String = text.chars().take(40).collect();
        // `parse` alone would take `+5` for a second spelling of 5.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(D::Error::custom(format!("`{shown}` is not a whole number of minor units in a string")));
        }
        let minor = text.parse().map_err(|_| D::Error::custom(MoneyError::TooLarge))?;
        Self::new(minor).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_minor_units_agree() {
        let (eur, jpy): (Currency, Currency) = ("EUR".parse().unwrap(), "JPY".parse().unwrap());
        for (text, currency, minor) in [("12.50", eur, 1250), ("12", eur, 1200), ("0.07", eur, 7), ("9", jpy, 9)] {
            assert_eq!(Amount::parse(text, currency), Ok(Amount(minor)), "{text}");
        }
        assert_eq!(Amount(1250).display(eur), "12.50 EUR");
        assert_eq!(Amount(9).display(jpy), "9 JPY");
        for text in ["", "-1", "1.", "1.234", "1,5", "1e3", ".5", " 1", "99999999999999999"] {
            assert!(Amount::parse(text, eur).is_err(), "{text}");
        }
        assert!(Amount::parse("1.5", jpy).is_err());
    }

    #[test]
    fn nothing_passes_the_limit() {
        let most = Amount::new(AMOUNT_MAX).unwrap();
        assert_eq!(most.plus(Amount(1)), None);
        assert_eq!(most.times(2), None);
        assert_eq!(Amount(1).minus(Amount(2)), None);
        assert!(borsh::from_slice::<Amount>(&u64::MAX.to_le_bytes()).is_err());
        for json in [
            "-1",
            "\"-1\"",
            "\"+1\"",
            "\"\"",
            "\" 1\"",
            "\"1.5\"",
            "\"1e3\"",
            "\"0x1\"",
            "\"1000000000000001\"",
            "\"18446744073709551616\"",
            "1",
        ] {
            assert!(serde_json::from_str::<Amount>(json).is_err(), "{json}");
        }
        assert_eq!(serde_json::from_str::<Amount>("\"1000000000000000\"").unwrap(), most);
    }

    #[test]
    fn only_codes_of_the_standard_exist() {
        for code in ["EURO", "eur", "ZZZ", ""] {
            assert!(code.parse::<Currency>().is_err(), "{code}");
        }
        assert!(borsh::from_slice::<Currency>(b"zzz").is_err());
    }
}
