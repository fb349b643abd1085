//! The rules that infer a classification from what a record says. Each has a name in
//! [`InferenceRule`]; what none of them concludes stays `not stated`.

use super::{licence, words};
use contracts::{
    jacket::{Access, Classification},
    vocabulary::{
        CollectableCategory, DataRole, DataUsage, InferenceRule, InsightLevel, PersonalStatus, Quadrant,
        SensitivityClass, Spectrum, Stated, Structure,
    },
};

/// What the rules look at.
pub(super) struct Evidence<'a> {
    /// DCAT-US accessLevel, if the record has one.
    pub access_level: Option<AccessLevel>,
    /// Link of the licence.
    pub licence: Option<&'a str>,
    /// Structures that the formats of the distributions have.
    pub structure: Option<Structure>,
    /// Words of title, keywords and themes, in lower case.
    pub words: Vec<String>,
    /// The record carries a US federal bureau or programme code.
    pub public_sector: bool,
    /// Link to a Privacy Act system of records notice.
    pub system_of_records: bool,
    /// Where, when, how often: read from the record by the mapper.
    pub spatial: Stated<String>,
    /// See `spatial`.
    pub temporal: Stated<String>,
    /// See `spatial`.
    pub refresh: Stated<String>,
}

/// DCAT-US 1.1 `accessLevel`, also the three access rights of the EU vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessLevel {
    Public,
    RestrictedPublic,
    NonPublic,
}

pub(super) fn classification(evidence: Evidence) -> Classification {
    let (spectrum, access) = spectrum(evidence.access_level, evidence.licence);
    let categories = words::categories(&evidence.words);
    let insight_levels = insight_levels(&categories);
    Classification {
        framework_class: inferred(InferenceRule::KeywordFramework, words::framework_class(&evidence.words)),
        insight_levels: inferred(InferenceRule::CategoryInsight, some_list(insight_levels)),
        categories: inferred(InferenceRule::KeywordCategory, some_list(categories)),
        roles: Stated::by(InferenceRule::ImporterRole, vec![DataRole::SecondaryPublisher]),
        usage: inferred(InferenceRule::RefreshUsage, evidence.refresh.value().and_then(|refresh| usage(refresh))),
        structure: inferred(InferenceRule::MediaType, evidence.structure),
        quadrant: inferred(InferenceRule::PublisherQuadrant, quadrant(evidence.public_sector, &spectrum, &access)),
        sensitivity: inferred(InferenceRule::SpectrumSensitivity, sensitivity(&spectrum, &access)),
        personal: inferred(
            InferenceRule::SystemOfRecords,
            evidence.system_of_records.then_some(PersonalStatus::Personal),
        ),
        spectrum,
        access,
        spatial: evidence.spatial,
        temporal: evidence.temporal,
        refresh: evidence.refresh,
        ..Classification::default()
    }
}

fn inferred<T>(rule: InferenceRule, value: Option<T>) -> Stated<T> {
    value.map_or(Stated::NotStated, |value| Stated::by(rule, value))
}

fn some_list<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// `non-public` is closed; `restricted public` shared with nobody yet; `public` open only under a
/// recognised open licence, otherwise shared with everybody.
fn spectrum(level: Option<AccessLevel>, licence: Option<&str>) -> (Stated<Spectrum>, Stated<Access>) {
    let (spectrum, access) = match level {
        None => return (Stated::NotStated, Stated::NotStated),
        Some(AccessLevel::NonPublic) => (Spectrum::Closed, None),
        Some(AccessLevel::RestrictedPublic) => (Spectrum::Shared, Some(Access::Specific { parties: Vec::new() })),
        Some(AccessLevel::Public) if licence.is_some_and(licence::is_open) => (Spectrum::Open, None),
        Some(AccessLevel::Public) => (Spectrum::Shared, Some(Access::Public)),
    };
    (Stated::by(InferenceRule::DcatAccessLevel, spectrum), inferred(InferenceRule::DcatAccessLevel, access))
}

fn sensitivity(spectrum: &Stated<Spectrum>, access: &Stated<Access>) -> Option<SensitivityClass> {
    Some(match (spectrum.value()?, access.value()) {
        (Spectrum::Open, _) | (Spectrum::Shared, Some(Access::Public)) => SensitivityClass::Public,
        (Spectrum::Shared, _) => SensitivityClass::Restricted,
        (Spectrum::Closed, _) => SensitivityClass::InternalUse,
    })
}

/// WEF figure 1: public-sector data that are shared are `open`, those that are protected `restricted`.
/// The private half of the figure needs to know a private publisher, which no catalogue says.
fn quadrant(public_sector: bool, spectrum: &Stated<Spectrum>, access: &Stated<Access>) -> Option<Quadrant> {
    if !public_sector {
        return None;
    }
    Some(match (spectrum.value()?, access.value()) {
        (Spectrum::Open, _) | (Spectrum::Shared, Some(Access::Public)) => Quadrant::Open,
        _ => Quadrant::Restricted,
    })
}

/// Data refreshed at least daily are a stream in time; rarer refreshes make versions; `irregular`
/// says neither.
fn usage(refresh: &str) -> Option<DataUsage> {
    let period = refresh.strip_prefix("R/P")?;
    let daily = period.starts_with('T') || period == "1D";
    Some(if daily { DataUsage::Temporal } else { DataUsage::Versioned })
}

/// ISO/DIS 37156 table 2.
fn insight_levels(categories: &[CollectableCategory]) -> Vec<InsightLevel> {
    let mut levels: Vec<InsightLevel> = categories
        .iter()
        .flat_map(|category| match category {
            CollectableCategory::Characteristics => &[InsightLevel::Operational, InsightLevel::Strategic][..],
            CollectableCategory::Consumption | CollectableCategory::Production | CollectableCategory::Supply => {
                &[InsightLevel::Critical]
            }
            CollectableCategory::Movement | CollectableCategory::Status => &[InsightLevel::Analytical],
            CollectableCategory::Presence | CollectableCategory::Use => &[InsightLevel::Strategic],
        })
        .copied()
        .collect();
    levels.sort_unstable();
    levels.dedup();
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    const CC0: Option<&str> = Some("https://creativecommons.org/publicdomain/zero/1.0/");

    #[test]
    fn access_level_and_licence_give_spectrum_and_restriction() {
        for (level, licence, spectrum_is, access_is) in [
            (Some(AccessLevel::NonPublic), CC0, Some(Spectrum::Closed), None),
            (Some(AccessLevel::RestrictedPublic), CC0, Some(Spectrum::Shared), Some("specific access")),
            (Some(AccessLevel::Public), CC0, Some(Spectrum::Open), None),
            (
                Some(AccessLevel::Public),
                Some("https://example.org/terms"),
                Some(Spectrum::Shared),
                Some("public access"),
            ),
            (Some(AccessLevel::Public), None, Some(Spectrum::Shared), Some("public access")),
            (None, CC0, None, None),
        ] {
            let (spectrum, access) = spectrum(level, licence);
            assert_eq!(
                (spectrum.value().copied(), access.value().map(Access::label)),
                (spectrum_is, access_is),
                "{level:?} {licence:?}"
            );
        }
    }

    #[test]
    fn refresh_tells_how_data_change() {
        assert_eq!(usage("R/PT1S"), Some(DataUsage::Temporal));
        assert_eq!(usage("R/P1D"), Some(DataUsage::Temporal));
        assert_eq!(usage("R/P1Y"), Some(DataUsage::Versioned));
        assert_eq!(usage("irregular"), None);
    }

    #[test]
    fn table_2_gives_ascending_levels() {
        use CollectableCategory as C;
        assert_eq!(insight_levels(&[C::Characteristics, C::Use]), [InsightLevel::Operational, InsightLevel::Strategic]);
        assert_eq!(insight_levels(&[C::Status, C::Supply]), [InsightLevel::Critical, InsightLevel::Analytical]);
        assert_eq!(insight_levels(&[]), []);
    }
}
