//! When a certificate ends: the one thing that is read of it here. Whether it holds is for those who are shown it.

/// A type of DER (X.690): seconds of a year of two digits.
const UTC_TIME: u8 = 0x17;
/// The same of four.
const GENERALIZED_TIME: u8 = 0x18;
/// The version, in certificates that say it.
const VERSION: u8 = 0xa0;

/// The end of a certificate in DER, in seconds since 1970 (RFC 5280, 4.1).
pub(super) fn of(certificate: &[u8]) -> Option<u64> {
    let certificate = Element::read(certificate)?;
    let mut part = Element::read(Element::read(certificate.content)?.content)?;
    if part.tag == VERSION {
        part = part.next()?;
    }
    // Serial number, algorithm, issuer; then from when and until when.
    let validity = part.next()?.next()?.next()?;
    let until = Element::read(validity.content)?.next()?;
    seconds(until.tag, until.content)
}

struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&tag, rest) = bytes.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // So many bytes of length; a certificate of more than 16 MiB is none.
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        Some(Self { tag, content, rest })
    }

    fn next(&self) -> Option<Self> {
        Self::read(self.rest)
    }
}

/// A time in the forms of certificates, both of which end with a Z (RFC 5280, 4.1.2.5).
fn seconds(tag: u8, text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text.strip_suffix(b"Z")?).ok()?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2_000 + year } else { 1_900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let part = |at: usize| number(rest.get(at..at + 2)?);
    let (month, day, hour, minute, second) = (part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59
    {
        return None;
    }
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

fn number(digits: &str) -> Option<u64> {
    digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Days from 1970 to a day of the Gregorian calendar. Years begin in March, so that the day that comes and goes is the
/// last of them (Howard Hinnant, `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let to_1970 = 719_468;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - to_1970
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tls::Pair;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    #[test]
    fn times_of_certificates_are_read_in_both_forms() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "010909014640Z", Some(1_000_000_000)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", None),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "20000229120000Z", Some(951_825_600)),
            (GENERALIZED_TIME, "21000301000000Z", Some(4_107_542_400)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (GENERALIZED_TIME, "20501301000000Z", None),
            (GENERALIZED_TIME, "2050010100000Z", None),
            (GENERALIZED_TIME, "20500101000000", None),
            (GENERALIZED_TIME, "2050010100+000Z", None),
            (UTC_TIME, "é0101000000Z", None),
            (0x16, "700101000000Z", None),
        ] {
            assert_eq!(seconds(tag, text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_certificate_is_found_and_half_a_certificate_has_none() {
        let der = CertificateDer::from_pem_slice(Pair::of(1, "20991231235959Z").cert.as_bytes()).unwrap();
        assert_eq!(of(&der), Some(4_102_444_799));
        let end = der.windows(15).position(|bytes| bytes == b"20991231235959Z").unwrap() + 15;
        for length in 0..end {
            assert_eq!(of(&der[..length]), None, "{length} bytes");
        }
        // Whatever somebody writes there, reading it ends.
        for at in 0..der.len() {
            for other in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut wrong = der.to_vec();
                wrong[at] = other;
                std::hint::black_box(of(&wrong));
            }
        }
    }
}
