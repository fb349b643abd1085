//! The form that describes a dataset, and the jacket that it comes to.
//!
//! What somebody writes here is stated. A value that a rule inferred before and that comes back as it
//! was stays inferred: looking at it is not stating it. What the form does not ask for stays.

use super::form::{Faults, Field, Part, Sent, choices};
use contracts::{
    id::{GroupId, PartyId},
    jacket::{Access, Classification, Jacket, Variable},
    limits::{LINK_BYTES_MAX, SIDE_BYTES_MAX, TEXT_BYTES_MAX, TITLE_BYTES_MAX},
    vocabulary::*,
};
use std::str::FromStr;

/// An outline, in bytes: half of what a side body holds, so that contacts and unmapped fields fit too.
const OUTLINE_BYTES_MAX: usize = SIDE_BYTES_MAX / 2;

/// A jacket with nothing in it.
pub fn empty() -> Jacket {
    Jacket {
        title: String::new(),
        source_publisher: None,
        variables: Vec::new(),
        types: Vec::new(),
        formats: Vec::new(),
        keywords: Vec::new(),
        themes: Vec::new(),
        collection: Stated::NotStated,
        collection_cost: Stated::NotStated,
        sharing: Stated::NotStated,
        expected_uses: Vec::new(),
        licence: None,
        landing_page: None,
        distributions: Vec::new(),
        languages: Vec::new(),
        modified: None,
        issued: None,
        classification: Classification::default(),
    }
}

/// The fields, filled with `jacket` and `outline`.
pub fn parts(jacket: &Jacket, outline: &str) -> Vec<Part> {
    vec![
        what(jacket, outline),
        data(jacket),
        sharing(jacket),
        classes(&jacket.classification),
        coverage(&jacket.classification),
    ]
}

fn what(jacket: &Jacket, outline: &str) -> Part {
    Part::under(
        "What it is",
        "Everything but the outline goes on the ledger and stays in its history. Names of persons belong nowhere here.",
        vec![
            Field::line("title", "Title").value(&jacket.title),
            Field::area("outline", "Outline", 6)
                .hint("Kept beside the ledger; it can be taken down.")
                .value(outline)
                .optional(),
            Field::line("keywords", "Keywords").hint("Parted by commas.").value(&jacket.keywords.join(", ")).optional(),
            Field::line("themes", "Themes").hint("Parted by commas.").value(&jacket.themes.join(", ")).optional(),
            Field::line("licence", "Licence of the source")
                .hint("A link.")
                .value(jacket.licence.as_deref().unwrap_or(""))
                .optional(),
            Field::line("landing_page", "Page at the source")
                .hint("A link.")
                .value(jacket.landing_page.as_deref().unwrap_or(""))
                .optional(),
        ],
    )
}

fn data(jacket: &Jacket) -> Part {
    let line = |variable: &Variable| {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
        let text = format!(
            "{}; {}; {}; {}",
            variable.name,
            variable.kind.slug(),
            or_none(&variable.unit),
            or_none(&variable.meaning)
        );
        text.trim_end_matches([' ', ';']).to_string()
    };
    let variables: Vec<String> = jacket.variables.iter().map(line).collect();
    let kinds = VariableType::ALL.iter().map(|kind| kind.slug()).collect::<Vec<_>>().join(", ");
    let types: Vec<&str> = jacket.types.iter().map(|value| value.slug()).collect();
    Part::under(
        "The data",
        "",
        vec![
            Field::area("variables", "Variables", 6)
                .hint(&format!("One a line: name; type; unit; meaning. Types: {kinds}."))
                .value(&variables.join("\n"))
                .optional(),
            Field::checks("types", "Types of data", &choices!(DataType)).chosen(&types).optional(),
            Field::line("formats", "Formats")
                .hint("Parted by commas, such as CSV, JSON.")
                .value(&jacket.formats.join(", "))
                .optional(),
            select(
                "collection",
                "Collected by",
                &choices!(CollectionMethod),
                jacket.collection.value().map(|value| value.slug()),
            ),
            select(
                "collection_cost",
                "Cost of collection",
                &choices!(CollectionCost),
                jacket.collection_cost.value().map(|value| value.slug()),
            ),
        ],
    )
}

fn sharing(jacket: &Jacket) -> Part {
    let class = &jacket.classification;
    let kinds = [
        ("public", "Public access: anybody, under terms".to_string()),
        ("specific", "Specific access: the parties named below".into()),
        ("group", "Group access: members of the group below".into()),
    ];
    let (kind, parties, group) = match class.access.value() {
        None => (None, String::new(), String::new()),
        Some(Access::Public) => (Some("public"), String::new(), String::new()),
        Some(Access::Specific { parties }) => {
            let ids: Vec<String> = parties.iter().map(ToString::to_string).collect();
            (Some("specific"), ids.join("\n"), String::new())
        }
        Some(Access::Group { group }) => (Some("group"), String::new(), group.to_string()),
    };
    let uses: Vec<&str> = jacket.expected_uses.iter().map(|value| value.slug()).collect();
    Part::under(
        "Sharing",
        "Closed data are acknowledged without details and never sold. Open data are free for any purpose.",
        vec![
            select("spectrum", "Data spectrum", &choices!(Spectrum), class.spectrum.value().map(|value| value.slug())),
            select("access", "Access, for shared data", &kinds, kind),
            Field::area("parties", "Parties with specific access", 2)
                .hint("Party ids, one a line.")
                .value(&parties)
                .optional(),
            Field::line("group", "Group with access").hint("The group's id.").value(&group).optional(),
            select(
                "sharing",
                "Sharing condition",
                &choices!(SharingCondition),
                jacket.sharing.value().map(|value| value.slug()),
            ),
            select(
                "personal",
                "About people",
                &choices!(PersonalStatus),
                class.personal.value().map(|value| value.slug()),
            ),
            Field::checks("expected_uses", "Expected uses", &choices!(Purpose)).chosen(&uses).optional(),
        ],
    )
}

fn classes(class: &Classification) -> Part {
    fn slugs<T: Copy>(stated: &Stated<Vec<T>>, slug: impl Fn(T) -> &'static str) -> Vec<&'static str> {
        stated.value().map_or_else(Vec::new, |values| values.iter().map(|value| slug(*value)).collect())
    }
    Part::under(
        "Classification",
        "What you leave open is shown as not stated. An offer needs all of it.",
        vec![
            select(
                "framework_class",
                "Framework class",
                &choices!(FrameworkClass),
                class.framework_class.value().map(|value| value.slug()),
            ),
            Field::checks("categories", "What the data tell", &choices!(CollectableCategory))
                .chosen(&slugs(&class.categories, |value| value.slug()))
                .optional(),
            Field::checks("insight_levels", "Insight levels", &insight_levels())
                .chosen(&slugs(&class.insight_levels, |value| value.slug()))
                .optional(),
            Field::checks("roles", "Your roles towards the data", &choices!(DataRole))
                .chosen(&slugs(&class.roles, |value| value.slug()))
                .optional(),
            select(
                "processing",
                "Processing state",
                &choices!(ProcessingState),
                class.processing.value().map(|value| value.slug()),
            ),
            select("usage", "Change in use", &choices!(DataUsage), class.usage.value().map(|value| value.slug())),
            select("structure", "Structure", &choices!(Structure), class.structure.value().map(|value| value.slug())),
            select("quadrant", "Quadrant", &choices!(Quadrant), class.quadrant.value().map(|value| value.slug())),
            select(
                "sensitivity",
                "Sensitivity class",
                &choices!(SensitivityClass),
                class.sensitivity.value().map(|value| value.slug()),
            ),
        ],
    )
}

/// The vocabulary writes them in capitals; a form reads better without.
fn insight_levels() -> Vec<(&'static str, String)> {
    InsightLevel::ALL.iter().map(|level| (level.slug(), super::show::capital(&level.label().to_lowercase()))).collect()
}

fn coverage(class: &Classification) -> Part {
    let line = |name, label: &str, hint: &str, stated: &Stated<String>| {
        Field::line(name, label).hint(hint).value(stated.value().map_or("", String::as_str)).optional()
    };
    Part::under(
        "Coverage",
        "",
        vec![
            line("spatial", "Place", "Words, a code, or a bounding box.", &class.spatial),
            line("temporal", "Time", "As 2020-01-01/2024-12-31, or in words.", &class.temporal),
            line(
                "refresh",
                "Refreshed",
                "As an ISO 8601 interval: R/P1D daily, R/P1M monthly, R/P1Y yearly.",
                &class.refresh,
            ),
        ],
    )
}

fn select(name: &'static str, label: &str, values: &[(&str, String)], value: Option<&str>) -> Field {
    let all: Vec<(&str, String)> = [("", "Not stated".to_string())].into_iter().chain(values.iter().cloned()).collect();
    Field::select(name, label, &all).value(value.unwrap_or("")).optional()
}

/// The jacket that `sent` describes, on the ground of `before`, and its outline.
pub fn read(before: &Jacket, sent: &Sent, faults: &mut Faults) -> (Jacket, Option<String>) {
    let link = |field: &str, faults: &mut Faults| {
        let text = sent.some(field);
        if text.as_ref().is_some_and(|text| text.len() > LINK_BYTES_MAX || super::show::outside_link(text).is_none()) {
            faults.add(field, "Enter a link that begins with https:// or http://");
        }
        text
    };
    let title = faults.text(sent, "title", "a title", TITLE_BYTES_MAX);
    let outline = sent.some("outline");
    if outline.as_ref().is_some_and(|text| text.len() > OUTLINE_BYTES_MAX) {
        faults.add("outline", format!("An outline has at most {OUTLINE_BYTES_MAX} bytes: shorten it"));
    }
    let old = &before.classification;
    let classification = Classification {
        framework_class: kept(&old.framework_class, one(sent, "framework_class")),
        spectrum: kept(&old.spectrum, one(sent, "spectrum")),
        access: kept(&old.access, access(sent, faults)),
        categories: kept(&old.categories, some_of(sent, "categories")),
        insight_levels: kept(&old.insight_levels, some_of(sent, "insight_levels")),
        roles: kept(&old.roles, some_of(sent, "roles")),
        processing: kept(&old.processing, one(sent, "processing")),
        usage: kept(&old.usage, one(sent, "usage")),
        structure: kept(&old.structure, one(sent, "structure")),
        quadrant: kept(&old.quadrant, one(sent, "quadrant")),
        sensitivity: kept(&old.sensitivity, one(sent, "sensitivity")),
        personal: kept(&old.personal, one(sent, "personal")),
        spatial: kept(&old.spatial, sent.some("spatial")),
        temporal: kept(&old.temporal, sent.some("temporal")),
        refresh: kept(&old.refresh, sent.some("refresh")),
    };
    let jacket = Jacket {
        title,
        variables: variables(sent, faults),
        types: many(sent, "types"),
        formats: sent.list("formats"),
        keywords: sent.list("keywords"),
        themes: sent.list("themes"),
        collection: kept(&before.collection, one(sent, "collection")),
        collection_cost: kept(&before.collection_cost, one(sent, "collection_cost")),
        sharing: kept(&before.sharing, one(sent, "sharing")),
        expected_uses: many(sent, "expected_uses"),
        licence: link("licence", faults),
        landing_page: link("landing_page", faults),
        classification,
        ..before.clone()
    };
    if faults.none()
        && let Err(malformed) = jacket.check()
    {
        faults.add(malformed.field, super::show::capital(&malformed.reason));
    }
    (jacket, outline)
}

fn kept<T: Clone + PartialEq>(before: &Stated<T>, value: Option<T>) -> Stated<T> {
    match value {
        None => Stated::NotStated,
        Some(value) if before.value() == Some(&value) => before.clone(),
        Some(value) => Stated::said(value),
    }
}

fn one<T: FromStr>(sent: &Sent, name: &str) -> Option<T> {
    sent.get(name).parse().ok()
}

fn many<T: FromStr + Ord>(sent: &Sent, name: &str) -> Vec<T> {
    let mut values: Vec<T> = sent.all(name).into_iter().filter_map(|value| value.parse().ok()).collect();
    values.sort();
    values.dedup();
    values
}

fn some_of<T: FromStr + Ord>(sent: &Sent, name: &str) -> Option<Vec<T>> {
    let values = many(sent, name);
    (!values.is_empty()).then_some(values)
}

fn access(sent: &Sent, faults: &mut Faults) -> Option<Access> {
    match sent.get("access") {
        "public" => Some(Access::Public),
        "specific" => {
            let parsed: Result<Vec<PartyId>, _> = sent.list("parties").iter().map(|text| text.parse()).collect();
            let mut parties = faults.take("parties", parsed)?;
            parties.sort_unstable();
            parties.dedup();
            if parties.is_empty() {
                faults.add("parties", "Name the parties with access");
            }
            Some(Access::Specific { parties })
        }
        "group" => {
            let group: GroupId = faults.take("group", sent.get("group").parse())?;
            Some(Access::Group { group })
        }
        _ => None,
    }
}

fn variables(sent: &Sent, faults: &mut Faults) -> Vec<Variable> {
    let mut variables = Vec::new();
    for line in sent.get("variables").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.splitn(4, ';').map(str::trim);
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let (name, kind, unit, meaning) = (next(), next(), next(), next());
        let kind = match kind.map_or(Ok(VariableType::Unknown), VariableType::from_str) {
            Ok(kind) => kind,
            Err(reason) => {
                faults.add("variables", format!("In the line “{}”: {reason}", super::show::excerpt(line, 60)));
                continue;
            }
        };
        let name = name.unwrap_or_default().to_string();
        if name.is_empty() || name.len() > TEXT_BYTES_MAX {
            faults.add("variables", format!("In the line “{}”: begin with a name", super::show::excerpt(line, 60)));
            continue;
        }
        variables.push(Variable { name, kind, unit: unit.map(str::to_string), meaning: meaning.map(str::to_string) });
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Sent {
        Sent(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn what_comes_back_unchanged_stays_inferred() {
        let mut before = empty();
        before.title = "Rain".into();
        before.classification.structure = Stated::by(InferenceRule::MediaType, Structure::Structured);
        let mut faults = Faults::default();
        let (jacket, _) =
            read(&before, &sent(&[("title", "Rain"), ("structure", "structured"), ("usage", "static")]), &mut faults);
        assert!(faults.none(), "{faults:?}");
        assert_eq!(jacket.classification.structure, before.classification.structure);
        assert_eq!(jacket.classification.usage, Stated::said(DataUsage::Static));
        let (jacket, _) = read(&before, &sent(&[("title", "Rain"), ("structure", "semantic")]), &mut faults);
        assert_eq!(jacket.classification.structure, Stated::said(Structure::Semantic));
    }

    #[test]
    fn variables_are_lines() {
        let mut faults = Faults::default();
        let found =
            variables(&sent(&[("variables", "level; number; mm; above datum; or so\nstation\n\n")]), &mut faults);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].meaning.as_deref(), Some("above datum; or so"));
        assert_eq!(found[1].kind, VariableType::Unknown);
        variables(&sent(&[("variables", "level; nonsense")]), &mut faults);
        assert_eq!(faults.0.len(), 1);
    }

    #[test]
    fn faults_name_their_fields() {
        let mut faults = Faults::default();
        let wrong = sent(&[("title", ""), ("licence", "javascript:x"), ("access", "specific"), ("parties", "zz")]);
        read(&empty(), &wrong, &mut faults);
        let fields: Vec<&str> = faults.0.iter().map(|(field, _)| field.as_str()).collect();
        for field in ["title", "licence", "parties"] {
            assert!(fields.contains(&field), "{fields:?}");
        }
    }

    #[test]
    fn every_field_of_the_form_is_read_back() {
        let mut before = empty();
        before.title = "Rain".into();
        before.variables =
            vec![Variable { name: "a".into(), kind: VariableType::Number, unit: None, meaning: Some("b".into()) }];
        let html = super::super::form::Form { parts: parts(&before, "out"), ..Default::default() }.to_string();
        assert!(html.contains("a; number; ; b"), "{html}");
        let mut faults = Faults::default();
        let back = read(&before, &sent(&[("title", "Rain"), ("variables", "a; number; ; b")]), &mut faults).0;
        assert_eq!(back.variables, before.variables);
    }
}
