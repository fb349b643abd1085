//! A dataset: its jacket, classification, versions, offers, legal grounds and whole timeline.

use super::{
    AsOf, Missing, Origin, Timeline, agreement::history, as_of, delivery::ContentView, delivery::content, origin,
    party::Tally, timeline, unknown,
};
use crate::{
    index::{At, Kind, ListKind, Reader, Thing},
    limits::GLANCE_ROWS,
    view::format::slug,
    view::redact,
    view::tell::{Link, Names, price_text},
};
use contracts::{
    basis::LegalBasis,
    consent::{ConsentStart, Scope},
    dataset::Dataset,
    id::*,
    jacket::{Access, Classification, Jacket},
    offer::{Offer, OfferRevision},
    state::{Reading, Subject},
    version::Version,
    vocabulary::{Purpose, Stated},
};
use serde::Serialize;
use utoipa::ToSchema;

/// One classification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Classified {
    /// Its name.
    pub name: &'static str,
    /// Its value, or nothing.
    pub value: Option<String>,
    /// `stated`, `inferred` or `not stated`.
    pub origin: &'static str,
    /// The rule that inferred it.
    pub rule: Option<&'static str>,
}

/// One field of the jacket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// One variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct VariableView {
    /// Its label.
    pub name: String,
    /// What its values are.
    pub kind: &'static str,
    /// Unit of measure.
    pub unit: String,
    /// What it means.
    pub meaning: String,
}

/// The details of a dataset that is not closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Details {
    /// The jacket's fields that are filled.
    pub fields: Vec<Field>,
    /// Its variables.
    pub variables: Vec<VariableView>,
    /// Links to files at the source. The explorer follows none of them.
    pub distributions: Vec<Field>,
    /// Where it stands in the vocabulary.
    pub classification: Vec<Classified>,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct VersionView {
    /// Its number.
    pub number: u32,
    /// Its id.
    pub id: String,
    /// Where it was anchored.
    pub origin: Origin,
    /// The bytes.
    pub content: ContentView,
    /// Versions that it was made from.
    pub parents: Vec<Link>,
    /// Consents whose subjects it leaves out.
    pub excludes: Vec<Link>,
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OfferLine {
    /// Its page.
    pub offer: Link,
    /// `open` or `withdrawn`.
    pub standing: &'static str,
    /// What it costs.
    pub price: String,
    /// The revision in force.
    pub revision: u32,
}

/// What personal data may be used on for a purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ground {
    /// What for.
    pub purpose: &'static str,
    /// Consents or a legal basis, in words.
    pub ground: String,
    /// May the newest version be delivered on it, as far as this ground goes?
    pub holds: bool,
    /// Who answers for it.
    pub controller: Option<Link>,
}

/// A dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DatasetView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// Its id.
    pub id: String,
    /// Where it was published.
    pub origin: Origin,
    /// Its title.
    pub title: String,
    /// The party that published it here.
    pub publisher: Link,
    /// Catalogue it belongs to.
    pub catalogue: String,
    /// Its identifier there.
    pub identifier: String,
    /// `listed`, `suspended` or `withdrawn`.
    pub listing: String,
    /// Closed data are acknowledged and not described.
    pub closed: bool,
    /// Why something is not shown.
    pub withheld: Option<&'static str>,
    /// Open, shared or closed.
    pub spectrum: Option<&'static str>,
    /// Revision of the jacket.
    pub revision: u32,
    /// Digest of the jacket.
    pub jacket: String,
    /// Commitment to outline, contacts and unmapped fields.
    pub side: Option<String>,
    /// What is said in their place.
    pub side_note: Option<String>,
    /// Everything else of the jacket; nothing for closed data.
    pub details: Option<Details>,
    /// Its versions, newest first.
    pub versions: Vec<VersionView>,
    /// How many versions there are.
    pub versions_count: u32,
    /// Its offers, newest first.
    pub offers: Vec<OfferLine>,
    /// Grounds for using personal data.
    pub grounds: Vec<Ground>,
    /// What it has to do with.
    pub tallies: Vec<Tally>,
    /// Count and root of its history in the state tree.
    pub history: Option<(u64, String)>,
    /// What happened to it.
    pub timeline: Timeline,
}

/// The dataset `id`.
///
/// # Errors
/// [`Missing`].
pub fn dataset(reader: &Reader, id: &DatasetId, before: Option<At>, limit: usize) -> Result<DatasetView, Missing> {
    let (found, jacket) = reader.dataset(id)?.ok_or_else(|| unknown(reader, "dataset", id))?;
    let thing = Thing::new(Kind::Dataset, id.as_bytes());
    let closed = redact::is_closed(&found.classification.spectrum);
    let published = first_listed(reader, ListKind::Datasets, id)?;
    Ok(DatasetView {
        as_of: as_of(reader),
        id: id.to_string(),
        origin: origin(reader, &published)?,
        publisher: Names(reader).party(&found.publisher)?,
        catalogue: found.catalogue.clone(),
        identifier: found.identifier.clone(),
        listing: slug(&found.listing),
        closed,
        withheld: closed.then_some(redact::CLOSED),
        spectrum: found.classification.spectrum.value().map(|spectrum| spectrum.label()),
        revision: found.revision,
        jacket: found.jacket.to_string(),
        side: found.side.map(|side| side.to_string()),
        side_note: redact::side_note(reader, found.side.as_ref())?,
        details: (!closed).then(|| details(reader, &jacket)).transpose()?,
        versions: if closed { Vec::new() } else { versions(reader, id, found.versions)? },
        versions_count: found.versions,
        offers: offers(reader, &thing)?,
        grounds: if closed { Vec::new() } else { grounds(reader, id, &found)? },
        tallies: tallies(reader, &thing, &id.to_string())?,
        history: history(reader, &thing)?,
        timeline: timeline(reader, &thing, before, limit)?,
        title: jacket.title,
    })
}

/// Where a dataset was published: the oldest row of its timeline that published it.
fn first_listed(reader: &Reader, list: ListKind, id: &DatasetId) -> Result<At, Missing> {
    let thing = Thing::new(Kind::Dataset, id.as_bytes());
    let page = reader.list(list, Some(&thing), None, 1)?;
    Ok(page.items.first().map(|listed| listed.at).unwrap_or_default())
}

fn details(reader: &Reader, jacket: &Jacket) -> Result<Details, Missing> {
    let variables = jacket
        .variables
        .iter()
        .map(|variable| VariableView {
            name: variable.name.clone(),
            kind: variable.kind.label(),
            unit: variable.unit.clone().unwrap_or_default(),
            meaning: variable.meaning.clone().unwrap_or_default(),
        })
        .collect();
    let distributions = jacket
        .distributions
        .iter()
        .map(|distribution| Field {
            name: if distribution.download { "download" } else { "page or service" },
            value: match (&distribution.title, &distribution.media_type) {
                (Some(title), _) => format!("{title}: {}", distribution.link),
                (None, Some(media_type)) => format!("{media_type}: {}", distribution.link),
                (None, None) => distribution.link.clone(),
            },
        })
        .collect();
    let classification = classified(reader, &jacket.classification)?;
    Ok(Details { fields: fields(jacket), variables, distributions, classification })
}

fn fields(jacket: &Jacket) -> Vec<Field> {
    let labels = |types: &[contracts::vocabulary::DataType]| {
        types.iter().map(|kind| kind.label()).collect::<Vec<_>>().join(", ")
    };
    let uses = jacket.expected_uses.iter().map(|purpose| purpose.label()).collect::<Vec<_>>().join(", ");
    let stated = |text: Option<&'static str>| text.unwrap_or_default().to_string();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        ("Publisher at the source", text(&jacket.source_publisher)),
        ("Types of data", labels(&jacket.types)),
        ("Formats", jacket.formats.join(", ")),
        ("Keywords", jacket.keywords.join(", ")),
        ("Themes", jacket.themes.join(", ")),
        ("How it is collected", stated(jacket.collection.value().map(|method| method.label()))),
        ("Cost of collection", stated(jacket.collection_cost.value().map(|cost| cost.label()))),
        ("Sharing conditions", stated(jacket.sharing.value().map(|condition| condition.label()))),
        ("Uses that its owner expects", uses),
        ("Licence at the source", text(&jacket.licence)),
        ("Page at the source", text(&jacket.landing_page)),
        ("Languages", jacket.languages.join(", ")),
        ("Issued, as the source says", text(&jacket.issued)),
        ("Modified, as the source says", text(&jacket.modified)),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| Field { name, value })
    .collect()
}

fn row<T>(name: &'static str, stated: &Stated<T>, say: impl Fn(&T) -> String) -> Classified {
    let rule = match stated {
        Stated::Inferred { rule, .. } => Some(rule.label()),
        _ => None,
    };
    Classified { name, value: stated.value().map(say), origin: stated.origin(), rule }
}

fn classified(reader: &Reader, class: &Classification) -> Result<Vec<Classified>, Missing> {
    let access = match class.access.value() {
        Some(Access::Specific { parties }) => {
            Some(format!("specific access: {}", crate::view::format::counted(parties.len() as u64, "party", "parties")))
        }
        Some(Access::Group { group }) => Some(format!("group access: {}", Names(reader).group(group)?.name)),
        Some(Access::Public) => Some("public access".to_string()),
        None => None,
    };
    let joined = |labels: Vec<&'static str>| labels.join(", ");
    Ok(vec![
        row("Data framework class", &class.framework_class, |value| value.label().into()),
        row("Data spectrum", &class.spectrum, |value| value.label().into()),
        Classified { name: "Access restriction", value: access, origin: class.access.origin(), rule: None },
        row("Collectable categories", &class.categories, |list| joined(list.iter().map(|v| v.label()).collect())),
        row("Insight levels", &class.insight_levels, |list| joined(list.iter().map(|v| v.label()).collect())),
        row("Roles of the publisher", &class.roles, |list| joined(list.iter().map(|v| v.label()).collect())),
        row("Processing state", &class.processing, |value| value.label().into()),
        row("Change in use", &class.usage, |value| value.label().into()),
        row("Structure", &class.structure, |value| value.label().into()),
        row("Quadrant", &class.quadrant, |value| value.label().into()),
        row("Sensitivity", &class.sensitivity, |value| value.label().into()),
        row("Personal data", &class.personal, |value| value.label().into()),
        row("Place", &class.spatial, Clone::clone),
        row("Time", &class.temporal, Clone::clone),
        row("Refreshed", &class.refresh, Clone::clone),
    ])
}

fn versions(reader: &Reader, id: &DatasetId, count: u32) -> Result<Vec<VersionView>, Missing> {
    let names = Names(reader);
    let mut views = Vec::new();
    for number in (1..=count).rev().take(crate::limits::PAGE_ROWS_MAX) {
        let version = VersionId::of(id, number);
        let Some(found) = reader.value::<Version>(&Version::key(&version))? else { continue };
        let anchored =
            reader.list(ListKind::Versions, Some(&Thing::new(Kind::Version, version.as_bytes())), None, 1)?;
        let at = anchored.items.first().map(|listed| listed.at).unwrap_or_default();
        views.push(VersionView {
            number,
            id: version.to_string(),
            origin: origin(reader, &at)?,
            content: content(&found),
            parents: found.parents.iter().map(|parent| names.version(parent)).collect::<Result<_, _>>()?,
            excludes: found.excludes.iter().map(|consent| names.consent(consent)).collect(),
        });
    }
    Ok(views)
}

fn offers(reader: &Reader, thing: &Thing) -> Result<Vec<OfferLine>, Missing> {
    let mut lines = Vec::new();
    for listed in reader.list(ListKind::Offers, Some(thing), None, GLANCE_ROWS)?.items {
        let Ok(id) = <[u8; 32]>::try_from(listed.id.as_slice()).map(OfferId) else { continue };
        let Some(offer) = reader.value::<Offer>(&Offer::key(&id))? else { continue };
        let revision: Option<OfferRevision> = reader.value(&OfferRevision::key(&id, offer.revision))?;
        lines.push(OfferLine {
            offer: Names(reader).offer(&id)?,
            standing: if offer.withdrawn { "withdrawn" } else { "open" },
            price: revision.map(|revision| price_text(&revision.price)).unwrap_or_default(),
            revision: offer.revision,
        });
    }
    Ok(lines)
}

fn grounds(reader: &Reader, id: &DatasetId, dataset: &Dataset) -> Result<Vec<Ground>, Missing> {
    let mut grounds = Vec::new();
    let time_ms = reader.tip().time_ms;
    for (key, scope) in reader.records::<Scope>(&[&[Scope::TAG], id.as_bytes()].concat(), Purpose::ALL.len())? {
        let Some(purpose) = purpose_of(key.as_bytes()) else { continue };
        let version = dataset.versions.max(1);
        let reached = ConsentStart::reaches(reader, id, purpose, &scope, version)?;
        let holds = reached && scope.require(version, time_ms).is_ok();
        let consents = crate::view::format::counted(u64::from(scope.required), "consent in force", "consents in force");
        let ended = crate::view::format::counted(
            u64::from(scope.outstanding),
            "ended consent whose subject the newest version still holds",
            "ended consents whose subjects the newest version still holds",
        );
        let ground = format!("{consents}; {ended}");
        grounds.push(Ground { purpose: purpose.label(), ground, holds, controller: None });
    }
    for (key, basis) in
        reader.records::<LegalBasis>(&[&[LegalBasis::TAG], id.as_bytes()].concat(), Purpose::ALL.len())?
    {
        let Some(purpose) = purpose_of(key.as_bytes()) else { continue };
        let kind = slug(&basis.kind).replace('-', " ");
        let ended = if basis.ended { " (no longer relied on)" } else { "" };
        let controls = basis.controls.join("; ");
        let ground = format!("{kind}, {}: {}; controls: {controls}{ended}", basis.jurisdiction, basis.reference);
        let controller = Some(Names(reader).party(&basis.controller)?);
        grounds.push(Ground { purpose: purpose.label(), ground, holds: !basis.ended, controller });
    }
    Ok(grounds)
}

fn purpose_of(key: &[u8]) -> Option<Purpose> {
    let tag = *key.last()?;
    Purpose::ALL.iter().copied().find(|purpose| *purpose as u8 == tag)
}

fn tallies(reader: &Reader, thing: &Thing, id: &str) -> Result<Vec<Tally>, Missing> {
    [
        (ListKind::Offers, "offers", "/offers"),
        (ListKind::Agreements, "agreements", "/agreements"),
        (ListKind::Deliveries, "deliveries", "/deliveries"),
        (ListKind::Consents, "consents", "/consents"),
        (ListKind::Refusals, "refusals", "/refusals"),
    ]
    .into_iter()
    .map(|(list, label, path)| {
        let count = reader.list_count(list, Some(thing))?;
        Ok(Tally { label, count, href: format!("{path}?dataset={id}") })
    })
    .collect()
}
