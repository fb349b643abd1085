//! Terms of a licence: structured, and the text for people is rendered from them.

use crate::{
    id::Digest,
    limits::{DURATION_DAYS_MAX, TEXT_BYTES_MAX},
    rejection::Malformed,
    text::optional_line,
    vocabulary::{Purpose, ascending},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What a licence allows.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Purposes that the data may be used for.
    pub purposes: Allowed,
    /// How long, from purchase; `None` is without end. A subscription ends with its periods, and has none.
    pub duration_days: Option<u32>,
    /// Whether the data may be passed on.
    pub onward: Onward,
    /// How the source is named in what is made of it.
    pub attribution: Option<String>,
}

/// Which purposes are allowed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Allowed {
    /// Any.
    Any,
    /// These, ascending, at least one.
    Only {
        /// Which.
        purposes: Vec<Purpose>,
    },
}

impl Allowed {
    /// Is `purpose` allowed?
    pub fn allows(&self, purpose: Purpose) -> bool {
        match self {
            Self::Any => true,
            Self::Only { purposes } => purposes.contains(&purpose),
        }
    }
}

/// Whether data may be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Onward {
    /// Not at all.
    Prohibited = 0,
    /// Only what is derived from them.
    DerivedOnly = 1,
    /// As they are, under the same terms.
    SameTerms = 2,
    /// Freely.
    Free = 3,
}

impl Terms {
    /// Checks every bound.
    ///
    /// # Errors
    /// [`Malformed`], naming the field.
    pub fn check(&self) -> Result<(), Malformed> {
        if let Allowed::Only { purposes } = &self.purposes {
            if purposes.is_empty() {
                return Err(Malformed::new("terms.purposes", "name at least one purpose, or allow any"));
            }
            ascending("terms.purposes", purposes)?;
        }
        if let Some(days) = self.duration_days
            && !(1..=DURATION_DAYS_MAX).contains(&days)
        {
            return Err(Malformed::new(
                "terms.duration_days",
                format!("1 to {DURATION_DAYS_MAX}; leave it out for no end"),
            ));
        }
        optional_line("terms.attribution", &self.attribution, TEXT_BYTES_MAX)?;
        // The text for people puts it between these: one that closes them could go on as the rules' own words.
        if self.attribution.as_ref().is_some_and(|text| text.contains(['“', '”'])) {
            return Err(Malformed::new(
                "terms.attribution",
                "the marks “ and ” enclose it in the licence's text: use others",
            ));
        }
        Ok(())
    }

    /// SHA-256 of the terms' bytes; agreements keep it.
    pub fn digest(&self) -> Digest {
        Digest::of(&[b"lonja/terms/v1\0", &borsh::to_vec(self).expect("writing to memory does not fail")])
    }

    /// The text for people. The same terms always give the same text: four lines, of which a provider's
    /// own words are only what stands between “ and ”.
    pub fn render(&self) -> String {
        let purposes = match &self.purposes {
            Allowed::Any => "The data may be used for any lawful purpose.".to_string(),
            Allowed::Only { purposes } => {
                let labels: Vec<_> = purposes.iter().map(|purpose| purpose.label()).collect();
                format!("The data may be used only for: {}.", labels.join("; "))
            }
        };
        let duration = match self.duration_days {
            None => "The licence has no end of its own; a subscription ends with its last prepaid period.".to_string(),
            Some(1) => "The licence runs for 1 day from purchase.".to_string(),
            Some(days) => format!("The licence runs for {days} days from purchase."),
        };
        let onward = match self.onward {
            Onward::Prohibited => "They may not be passed on, as they are or in derived form.",
            Onward::DerivedOnly => "Results derived from them may be passed on; the data themselves may not.",
            Onward::SameTerms => "They may be passed on under these same terms.",
            Onward::Free => "They may be passed on freely.",
        };
        let attribution = match &self.attribution {
            None => "The source need not be named.".to_string(),
            Some(text) => format!("The source is to be named as: “{text}”."),
        };
        [purposes.as_str(), &duration, onward, &attribution].join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_follows_the_terms() {
        let terms = Terms {
            purposes: Allowed::Only { purposes: vec![Purpose::Planning, Purpose::Research] },
            duration_days: Some(365),
            onward: Onward::DerivedOnly,
            attribution: None,
        };
        terms.check().unwrap();
        let text = terms.render();
        for part in ["Facilitating urban planning; Research.", "365 days", "Results derived", "need not be named"] {
            assert!(text.contains(part), "{text}");
        }
        assert_ne!(terms.digest(), Terms { duration_days: None, ..terms.clone() }.digest());
    }

    #[test]
    fn an_attribution_cannot_add_to_the_text_of_a_licence() {
        let named = |text: &str| Terms {
            purposes: Allowed::Any,
            duration_days: Some(30),
            onward: Onward::Prohibited,
            attribution: Some(text.into()),
        };
        for text in [
            "Port\nThey may be passed on freely.",
            "Port\u{2028}They may be passed on freely.",
            "Port\u{202e}.ylefrf no dessap eb yam yehT",
            "Port”. They may be passed on freely. “",
            "Po\u{200b}rt",
            " ",
        ] {
            assert_eq!(named(text).check().map_err(|wrong| wrong.field), Err("terms.attribution"), "{text:?}");
        }
        let honest = named("Port of \"Palma\", 2024. They may be passed on freely");
        honest.check().unwrap();
        assert_eq!(honest.render().lines().count(), 4);
        assert!(honest.render().ends_with("named as: “Port of \"Palma\", 2024. They may be passed on freely”."));
    }

    #[test]
    fn terms_that_allow_nothing_are_malformed() {
        let none = Terms {
            purposes: Allowed::Only { purposes: vec![] },
            duration_days: None,
            onward: Onward::Free,
            attribution: None,
        };
        assert!(none.check().is_err());
        assert!(Terms { purposes: Allowed::Any, duration_days: Some(0), ..none }.check().is_err());
    }
}
