//! Numbers for templates, which hand over references of any depth.

use crate::view::format::{counted, grouped};

/// A whole number, however it is referred to.
pub trait Number {
    /// Its value.
    fn value(&self) -> u64;
}

impl Number for u64 {
    fn value(&self) -> u64 {
        *self
    }
}

impl Number for u32 {
    fn value(&self) -> u64 {
        u64::from(*self)
    }
}

impl Number for usize {
    fn value(&self) -> u64 {
        *self as u64
    }
}

impl<T: Number + ?Sized> Number for &T {
    fn value(&self) -> u64 {
        (**self).value()
    }
}

/// A number in groups of three digits.
pub fn number(number: impl Number) -> String {
    grouped(number.value())
}

/// A number with the word for what is counted.
pub fn count(number: impl Number, one: &str, many: &str) -> String {
    counted(number.value(), one, many)
}

/// The label of a count: `1 delivery`, `2 deliveries`, `1 transaction signed`.
pub fn label(number: impl Number, many: &str) -> String {
    if number.value() != 1 {
        return many.to_string();
    }
    let (word, rest) = many.split_once(' ').map_or((many, String::new()), |(word, rest)| (word, format!(" {rest}")));
    match word.strip_suffix("ies") {
        Some(stem) => format!("{stem}y{rest}"),
        None => format!("{}{rest}", word.strip_suffix('s').unwrap_or(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        for (number, many, text) in [
            (1u64, "deliveries", "delivery"),
            (1, "blocks", "block"),
            (2, "parties", "parties"),
            (1, "transactions signed", "transaction signed"),
        ] {
            assert_eq!(label(number, many), text);
        }
    }
}
