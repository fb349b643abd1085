//! The search page: what was asked, what was found, and by what it can be narrowed down.

use super::{Hits, Pager};
use crate::{
    search::Facet,
    web::{frame::Frame, show::capital},
};
use askama::Template;
use contracts::vocabulary::*;

/// The search page.
#[derive(Clone, Debug, Template)]
#[template(path = "search.html")]
pub struct SearchPage {
    /// Its frame.
    pub frame: Frame,
    /// What was typed.
    pub asked: String,
    /// Filters and order, kept when other words are typed.
    pub kept: Vec<(String, String)>,
    /// How many fit, in words.
    pub total: String,
    /// Orders: address, name, and whether it is this one.
    pub sorts: Vec<(String, &'static str, bool)>,
    /// How this page is ordered, and what part it is.
    pub order: String,
    /// Filters in force: address without it, and name.
    pub chosen: Vec<(String, String)>,
    /// Address without any filter.
    pub clear: String,
    /// Words that occur nowhere.
    pub guessed: Vec<String>,
    /// Some hits have only some of the words.
    pub widened: bool,
    /// The hits.
    pub hits: Hits,
    /// Further hits.
    pub pager: Pager,
    /// By what to narrow down.
    pub facets: Vec<FacetGroup>,
}

/// One facet.
#[derive(Clone, Debug)]
pub struct FacetGroup {
    /// Its name.
    pub name: &'static str,
    /// Shown at once.
    pub open: bool,
    /// Its values, the most frequent first.
    pub values: Vec<FacetValue>,
    /// There are more values than are listed.
    pub cut: bool,
}

/// One value of a facet.
#[derive(Clone, Debug)]
pub struct FacetValue {
    /// Address with this value chosen, or no longer chosen.
    pub href: String,
    /// Its name.
    pub name: String,
    /// How many hits have it.
    pub count: String,
    /// It is chosen.
    pub chosen: bool,
}

/// What a facet is called.
pub fn facet_name(facet: Facet) -> &'static str {
    match facet {
        Facet::Spectrum => "Data spectrum",
        Facet::Access => "Access to shared data",
        Facet::Publisher => "Publisher",
        Facet::Catalogue => "Catalogue",
        Facet::Format => "Format",
        Facet::Theme => "Theme",
        Facet::Type => "Type of data",
        Facet::FrameworkClass => "Framework class",
        Facet::Category => "Tells about",
        Facet::InsightLevel => "Insight level",
        Facet::Structure => "Structure",
        Facet::Quadrant => "Quadrant",
        Facet::Sensitivity => "Sensitivity class",
        Facet::Personal => "About people",
        Facet::Processing => "Processing state",
        Facet::Usage => "Change in use",
        Facet::Refresh => "Refreshed",
        Facet::Language => "Language",
        Facet::PriceForm => "Price",
        Facet::Currency => "Currency",
        Facet::Purpose => "Allowed purpose",
        Facet::Availability => "To be had here",
    }
}

/// What a value of a facet is called: vocabulary words by their labels, others as they are.
pub fn value_name(facet: Facet, value: &str) -> String {
    fn label<T: std::str::FromStr>(value: &str, label: impl Fn(T) -> &'static str) -> Option<String> {
        value.parse().ok().map(|known| capital(label(known)))
    }
    let named = match facet {
        Facet::Spectrum => label(value, Spectrum::label),
        Facet::Access => Some(format!("{} access", capital(value))),
        Facet::Type => label(value, DataType::label),
        Facet::FrameworkClass => label(value, FrameworkClass::label),
        Facet::Category => label(value, CollectableCategory::label),
        Facet::InsightLevel => label(value, InsightLevel::label).map(|name| capital(&name.to_lowercase())),
        Facet::Structure => label(value, Structure::label),
        Facet::Quadrant => label(value, Quadrant::label),
        Facet::Sensitivity => label(value, SensitivityClass::label),
        Facet::Personal => label(value, PersonalStatus::label),
        Facet::Processing => label(value, ProcessingState::label),
        Facet::Usage => label(value, DataUsage::label),
        Facet::Purpose => label(value, Purpose::label),
        Facet::PriceForm => Some(capital(value)),
        Facet::Availability => Some(match value {
            "offer" => "An offer".into(),
            "content" => "Content to download".into(),
            other => capital(other),
        }),
        Facet::Theme => Some(capital(value)),
        Facet::Publisher | Facet::Catalogue | Facet::Format | Facet::Refresh | Facet::Language | Facet::Currency => {
            None
        }
    };
    named.unwrap_or_else(|| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vocabulary_words_have_their_labels() {
        assert_eq!(value_name(Facet::Spectrum, "open"), "Open data");
        assert_eq!(value_name(Facet::InsightLevel, "operational"), "Operational");
        assert_eq!(value_name(Facet::Publisher, "<b>"), "<b>");
        assert_eq!(value_name(Facet::Spectrum, "never heard of"), "never heard of");
    }
}
