//! A Data Jacket as people read it: one fact a line, each with its mark and, where a rule inferred
//! it, with the rule.

use super::show::{Mark, capital};
use contracts::{
    jacket::{Access, Classification, Jacket},
    rejection::Gap,
    vocabulary::{CollectionCost, CollectionMethod, SharingCondition, Stated},
};

/// One line of a jacket.
#[derive(Clone, Debug)]
pub struct Fact {
    /// What it is about.
    pub name: &'static str,
    /// What is said.
    pub value: String,
    /// Where that is from; `None` where it can only be stated.
    pub mark: Option<Mark>,
    /// The rule that inferred it.
    pub rule: Option<String>,
}

impl Fact {
    fn plain(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: value.into(), mark: None, rule: None }
    }

    fn stated<T>(name: &'static str, stated: &Stated<T>, label: impl Fn(&T) -> String) -> Self {
        let rule = match stated {
            Stated::Inferred { rule, .. } => Some(format!("Rule {}: {}.", rule.slug(), rule.label())),
            _ => None,
        };
        let value = stated.value().map_or_else(|| "—".to_string(), |value| capital(&label(value)));
        Self { name, value, mark: Some(Mark::of(stated)), rule }
    }
}

fn list<T: Copy>(label: impl Fn(T) -> &'static str) -> impl Fn(&Vec<T>) -> String {
    move |values| values.iter().map(|value| capital(&label(*value).to_lowercase())).collect::<Vec<_>>().join(", ")
}

/// What the classification is called on pages.
pub fn gap_name(gap: Gap) -> &'static str {
    match gap {
        Gap::FrameworkClass => "Framework class",
        Gap::Spectrum => "Data spectrum",
        Gap::Access => "Access restriction",
        Gap::Categories => "Collectable-data categories",
        Gap::InsightLevels => "Insight levels",
        Gap::Roles => "Publisher's roles",
        Gap::Processing => "Processing state",
        Gap::Usage => "Change in use",
        Gap::Structure => "Structure",
        Gap::Quadrant => "Quadrant",
        Gap::Sensitivity => "Sensitivity class",
        Gap::Personal => "About people",
        Gap::Spatial => "Spatial coverage",
        Gap::Temporal => "Temporal coverage",
        Gap::Refresh => "Refresh timetable",
    }
}

/// The fifteen classifications, in the order of the vocabulary.
pub fn classification(class: &Classification) -> Vec<Fact> {
    let access = |access: &Access| match access {
        Access::Specific { parties } => {
            format!("{}: {}", access.label(), super::show::several(parties.len(), "named party", "named parties"))
        }
        other => other.label().to_string(),
    };
    let text = |text: &String| text.clone();
    let mut facts = vec![
        Fact::stated(gap_name(Gap::Spectrum), &class.spectrum, |value| value.label().into()),
        Fact::stated(gap_name(Gap::FrameworkClass), &class.framework_class, |value| value.label().into()),
        Fact::stated(gap_name(Gap::Personal), &class.personal, |value| value.label().into()),
        Fact::stated(gap_name(Gap::Sensitivity), &class.sensitivity, |value| value.label().into()),
        Fact::stated(gap_name(Gap::Quadrant), &class.quadrant, |value| value.label().into()),
        Fact::stated(
            gap_name(Gap::Categories),
            &class.categories,
            list(|value: contracts::vocabulary::CollectableCategory| value.label()),
        ),
        Fact::stated(
            gap_name(Gap::InsightLevels),
            &class.insight_levels,
            list(|value: contracts::vocabulary::InsightLevel| value.label()),
        ),
        Fact::stated(gap_name(Gap::Structure), &class.structure, |value| value.label().into()),
        Fact::stated(gap_name(Gap::Processing), &class.processing, |value| value.label().into()),
        Fact::stated(gap_name(Gap::Usage), &class.usage, |value| value.label().into()),
        Fact::stated(gap_name(Gap::Spatial), &class.spatial, text),
        Fact::stated(gap_name(Gap::Temporal), &class.temporal, text),
        Fact::stated(gap_name(Gap::Refresh), &class.refresh, |value| refresh(value)),
        Fact::stated(gap_name(Gap::Roles), &class.roles, list(|value: contracts::vocabulary::DataRole| value.label())),
    ];
    // An access restriction belongs to shared data only; elsewhere its absence is no gap.
    if class.spectrum.value() == Some(&contracts::vocabulary::Spectrum::Shared) {
        facts.insert(1, Fact::stated(gap_name(Gap::Access), &class.access, access));
    }
    facts
}

/// The common repeating intervals of ISO 8601 in words, the interval beside them.
fn refresh(interval: &str) -> String {
    let words = match interval {
        "R/P1D" => "daily",
        "R/P1W" | "R/P7D" => "weekly",
        "R/P2W" | "R/P0.5M" => "every two weeks",
        "R/P1M" => "monthly",
        "R/P2M" | "R/P0.5Y" => "twice a year or every two months",
        "R/P3M" => "quarterly",
        "R/P6M" => "twice a year",
        "R/P1Y" => "yearly",
        "R/P2Y" => "every two years",
        "R/PT1H" => "hourly",
        "R/PT1S" => "continuously",
        _ => return interval.to_string(),
    };
    format!("{words} ({interval})")
}

/// The rest of the jacket.
pub fn jacket(jacket: &Jacket) -> Vec<Fact> {
    let joined = |values: Vec<&str>| values.join(", ");
    let mut facts = Vec::new();
    if !jacket.types.is_empty() {
        let types = joined(jacket.types.iter().map(|value| value.label()).collect());
        facts.push(Fact::plain("Types", capital(&types)));
    }
    if !jacket.formats.is_empty() {
        facts.push(Fact::plain("Formats", jacket.formats.join(", ")));
    }
    facts.push(Fact::stated("Collected by", &jacket.collection, |value: &CollectionMethod| value.label().into()));
    facts.push(Fact::stated("Cost of collection", &jacket.collection_cost, |value: &CollectionCost| {
        value.label().into()
    }));
    facts.push(Fact::stated("Shared", &jacket.sharing, |value: &SharingCondition| value.label().into()));
    if !jacket.expected_uses.is_empty() {
        let uses = joined(jacket.expected_uses.iter().map(|value| value.label()).collect());
        facts.push(Fact::plain("Expected use", uses));
    }
    if !jacket.themes.is_empty() {
        facts.push(Fact::plain("Themes", jacket.themes.join(", ")));
    }
    if !jacket.languages.is_empty() {
        facts.push(Fact::plain("Languages", jacket.languages.join(", ")));
    }
    for (name, value) in [("Issued at the source", &jacket.issued), ("Changed at the source", &jacket.modified)] {
        if let Some(value) = value {
            facts.push(Fact::plain(name, value.clone()));
        }
    }
    facts
}

/// How many classifications were stated, inferred and not stated, as a sentence.
pub fn origins(class: &Classification) -> String {
    let count = |word: &str| class.origins().iter().filter(|(_, origin)| *origin == word).count();
    format!(
        "{} stated, {} inferred by a named rule, {} not stated.",
        count("stated"),
        count("inferred"),
        count("not stated")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::vocabulary::{InferenceRule, Spectrum};

    #[test]
    fn an_inferred_value_names_its_rule() {
        let class = Classification {
            spectrum: Stated::by(InferenceRule::DcatAccessLevel, Spectrum::Shared),
            refresh: Stated::said("R/P1M".into()),
            ..Classification::default()
        };
        let facts = classification(&class);
        let fact = facts.iter().find(|fact| fact.name == "Data spectrum").unwrap();
        assert_eq!(fact.value, "Shared data");
        assert!(fact.rule.as_ref().unwrap().contains("dcat-access-level"), "{fact:?}");
        assert!(facts.iter().any(|fact| fact.value == "Monthly (R/P1M)"));
        assert!(facts.iter().any(|fact| fact.name == "Access restriction" && fact.value == "—"));
        assert_eq!(origins(&class), "1 stated, 1 inferred by a named rule, 13 not stated.");
    }

    #[test]
    fn an_access_restriction_is_no_gap_of_open_data() {
        let class = Classification { spectrum: Stated::said(Spectrum::Open), ..Classification::default() };
        assert!(classification(&class).iter().all(|fact| fact.name != "Access restriction"));
    }
}
