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
