//! Words of titles, keywords and themes that tell the collectable category and the framework class.
//!
//! A word in the table matches each word that starts with it, so `import` also finds `imports`; one
//! that ends in `$` matches only itself. The tables are short on purpose: a word is in them only if it
//! says the same in any catalogue.

use contracts::vocabulary::{CollectableCategory, FrameworkClass};

#[rustfmt::skip]
const CATEGORIES: &[(CollectableCategory, &[&str])] = &[
    (CollectableCategory::Characteristics, &["characteristic", "capacity", "capacities", "specification", "properties", "attributes", "nameplate", "elevation", "demographic"]),
    (CollectableCategory::Consumption, &["consumption", "consumed", "demand$", "sales$", "purchases$", "purchase$"]),
    (CollectableCategory::Movement, &["travel", "trips$", "traffic", "shipment", "transportation", "flows$", "migration", "mobility", "transmission$"]),
    (CollectableCategory::Presence, &["location", "sites$", "locator", "geospatial", "facilities", "inventory$", "inventories", "census"]),
    (CollectableCategory::Production, &["production", "generation$", "generated", "mining$", "output$", "manufactur", "emissions$"]),
    (CollectableCategory::Status, &["status$", "condition", "performance", "outage", "compliance", "disruption", "monitoring", "complaint", "quality$"]),
    (CollectableCategory::Supply, &["supply", "supplies", "imports$", "import$", "exports$", "export$", "stocks$", "reserves$", "deployment", "receipts$", "storage$"]),
    (CollectableCategory::Use, &["usage$", "utilization", "utilisation", "visitors", "visits$", "downloads$", "transactions", "transaction$", "expenditure", "spending$"]),
];

#[rustfmt::skip]
const CLASSES: &[(FrameworkClass, &[&str])] = &[
    (FrameworkClass::Metadata, &["metadata", "catalog$", "catalogue$", "schema$", "dictionary$"]),
    (FrameworkClass::Reference, &["directory", "registry", "registries", "list$", "lists$", "codes$", "glossary", "boundaries", "gazetteer", "locator", "members$", "membership"]),
    (FrameworkClass::Thematic, &[
        "energy", "electric", "coal$", "petroleum", "gas$", "gasoline", "oil$", "nuclear", "solar", "wind$", "biomass", "fuel", "renewable", "hydrogen",
        "telecommunication", "broadband", "wireless", "wireline", "spectrum$", "radio", "television",
        "procurement", "acquisition", "contract", "travel", "mortgage", "credit$", "loan", "consumer", "finance", "financial",
        "building", "property", "vehicle", "environment", "water", "weather", "climate", "transport", "health", "education", "waste$",
    ]),
];

/// All categories that a word speaks for, ascending.
pub(super) fn categories(words: &[String]) -> Vec<CollectableCategory> {
    CATEGORIES
        .iter()
        .filter(|(_, stems)| words.iter().any(|word| speaks(stems, word)))
        .map(|(category, _)| *category)
        .collect()
}

/// The framework class. What a dataset is (a directory, a catalogue) says more than what it is about,
/// so the theme decides only if nothing else does.
pub(super) fn framework_class(words: &[String]) -> Option<FrameworkClass> {
    CLASSES.iter().find(|(_, stems)| words.iter().any(|word| speaks(stems, word))).map(|(class, _)| *class)
}

fn speaks(stems: &[&str], word: &str) -> bool {
    stems.iter().any(|stem| match stem.strip_suffix('$') {
        Some(whole) => word == whole,
        None => word.starts_with(stem),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_string).collect()
    }

    #[test]
    fn words_speak_for_categories_and_classes() {
        assert_eq!(categories(&words("crude oil imports by company")), [CollectableCategory::Supply]);
        assert_eq!(
            categories(&words("coal production and consumption")),
            [CollectableCategory::Consumption, CollectableCategory::Production]
        );
        assert_eq!(categories(&words("annual report")), []);
        assert_eq!(framework_class(&words("energy staff directory")), Some(FrameworkClass::Reference));
        assert_eq!(framework_class(&words("coal prices")), Some(FrameworkClass::Thematic));
        assert_eq!(framework_class(&words("annual report")), None);
    }

    #[test]
    fn no_word_stands_for_everything() {
        for (category, stems) in CATEGORIES {
            assert_eq!(categories(&[stems[0].trim_end_matches('$').to_string()]), [*category]);
        }
    }
}
