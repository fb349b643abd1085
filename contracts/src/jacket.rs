//! Data Jackets: what a dataset is, told without showing its values, and its classification.
//!
//! A jacket may have gaps ("as far as one intends to publish"); an offer needs the classification
//! complete. Outline, contacts and unmapped fields are prose and live in the side body. What a rule
//! reads is here, structured and never restricted; each text is one line ([`crate::text`]). Source:
//! Ohsawa's Data Jackets.

use crate::{
    id::{Digest, GroupId, PartyId},
    limits::*,
    rejection::{Gap, Malformed, bounded_list},
    state::{Key, Subject},
    text::{self, optional_line},
    vocabulary::*,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// A Data Jacket.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jacket {
    /// Name of the dataset.
    pub title: String,
    /// Who published it at the source, as the record names it: an attribute, no party.
    #[serde(default)]
    pub source_publisher: Option<String>,
    /// Names and meanings of variables, never values.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// Types of data.
    #[serde(default)]
    pub types: Vec<DataType>,
    /// Formats, such as `CSV`.
    #[serde(default)]
    pub formats: Vec<String>,
    /// Words to find it by.
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Themes of the catalogue it comes from.
    #[serde(default)]
    pub themes: Vec<String>,
    /// How it is collected.
    #[serde(default)]
    pub collection: Stated<CollectionMethod>,
    /// How dear that is.
    #[serde(default)]
    pub collection_cost: Stated<CollectionCost>,
    /// On which conditions the owner would share.
    #[serde(default)]
    pub sharing: Stated<SharingCondition>,
    /// Uses that the owner expects.
    #[serde(default)]
    pub expected_uses: Vec<Purpose>,
    /// Licence of the source, as a link.
    #[serde(default)]
    pub licence: Option<String>,
    /// Page of the source.
    #[serde(default)]
    pub landing_page: Option<String>,
    /// Links to files at the source. Nothing is fetched from them.
    #[serde(default)]
    pub distributions: Vec<Distribution>,
    /// Languages (BCP 47).
    #[serde(default)]
    pub languages: Vec<String>,
    /// When the source changed it, as it says.
    #[serde(default)]
    pub modified: Option<String>,
    /// When the source issued it, as it says.
    #[serde(default)]
    pub issued: Option<String>,
    /// Where it stands in the vocabulary.
    pub classification: Classification,
}

/// One variable: a name that anybody may see, of values that only a buyer gets.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its label.
    pub name: String,
    /// What its values are.
    pub kind: VariableType,
    /// Unit of measure (UCUM where there is one).
    #[serde(default)]
    pub unit: Option<String>,
    /// What it means.
    #[serde(default)]
    pub meaning: Option<String>,
}

/// A link to a file or service at the source.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Its name.
    #[serde(default)]
    pub title: Option<String>,
    /// Where it is.
    pub link: String,
    /// A direct download, or a page or service.
    pub download: bool,
    /// Its media type, as the source says.
    #[serde(default)]
    pub media_type: Option<String>,
}

/// Everything by which rules, facets and reports sort datasets.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Classification {
    /// Metadata, reference or thematic data.
    pub framework_class: Stated<FrameworkClass>,
    /// Closed, shared or open.
    pub spectrum: Stated<Spectrum>,
    /// Who may see and buy what is shared.
    pub access: Stated<Access>,
    /// What the data tell about something.
    pub categories: Stated<Vec<CollectableCategory>>,
    /// On which levels they give insight.
    pub insight_levels: Stated<Vec<InsightLevel>>,
    /// The publishing party's roles towards the data.
    pub roles: Stated<Vec<DataRole>>,
    /// Raw, processed or archived.
    pub processing: Stated<ProcessingState>,
    /// How the data change in use.
    pub usage: Stated<DataUsage>,
    /// Their structure.
    pub structure: Stated<Structure>,
    /// Quadrant of public or private, shared or protected.
    pub quadrant: Stated<Quadrant>,
    /// Five-level class.
    pub sensitivity: Stated<SensitivityClass>,
    /// Whether they are about people.
    pub personal: Stated<PersonalStatus>,
    /// Which place they cover, as words, a code or a bounding box.
    pub spatial: Stated<String>,
    /// Which time they cover, as an ISO 8601 interval or the source's words.
    pub temporal: Stated<String>,
    /// How often they are refreshed, as an ISO 8601 repeating interval.
    pub refresh: Stated<String>,
}

/// Access restriction of shared data (ISO/IEC 17917 4.3).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Access {
    /// Specific access: these parties only.
    Specific {
        /// Who.
        parties: Vec<PartyId>,
    },
    /// Group access: members of a group.
    Group {
        /// Which.
        group: GroupId,
    },
    /// Public access: anybody, under terms.
    Public,
}

impl Access {
    /// The sources' label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Specific { .. } => "specific access",
            Self::Group { .. } => "group access",
            Self::Public => "public access",
        }
    }
}

impl Subject for Jacket {
    const TAG: u8 = 4;
    const KIND: &'static str = "jacket";
}

impl Jacket {
    /// Where the jacket of `dataset` is kept.
    pub fn key(dataset: &crate::id::DatasetId) -> Key {
        Key::new(Self::TAG, &[&dataset.0])
    }

    /// SHA-256 of the jacket's bytes: what identical content of an import is recognised by.
    pub fn digest(&self) -> Digest {
        Digest::of(&[b"lonja/jacket/v1\0", &borsh::to_vec(self).expect("writing to memory does not fail")])
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// [`Malformed`], naming the field.
    pub fn check(&self) -> Result<(), Malformed> {
        text::line("title", &self.title, 1, TITLE_BYTES_MAX)?;
        bounded_list("variables", self.variables.len(), VARIABLES_MAX)?;
        for variable in &self.variables {
            text::line("variables.name", &variable.name, 1, TEXT_BYTES_MAX)?;
            optional_line("variables.unit", &variable.unit, TEXT_BYTES_MAX)?;
            optional_line("variables.meaning", &variable.meaning, TEXT_BYTES_MAX)?;
        }
        ascending("types", &self.types)?;
        ascending("expected_uses", &self.expected_uses)?;
        for (field, list, most) in [
            ("formats", &self.formats, LIST_MAX),
            ("keywords", &self.keywords, KEYWORDS_MAX),
            ("themes", &self.themes, LIST_MAX),
            ("languages", &self.languages, LIST_MAX),
        ] {
            bounded_list(field, list.len(), most)?;
            list.iter().try_for_each(|text| text::line(field, text, 1, TEXT_BYTES_MAX))?;
        }
        optional_line("source_publisher", &self.source_publisher, TEXT_BYTES_MAX)?;
        optional_line("licence", &self.licence, LINK_BYTES_MAX)?;
        optional_line("landing_page", &self.landing_page, LINK_BYTES_MAX)?;
        optional_line("modified", &self.modified, TEXT_BYTES_MAX)?;
        optional_line("issued", &self.issued, TEXT_BYTES_MAX)?;
        bounded_list("distributions", self.distributions.len(), DISTRIBUTIONS_MAX)?;
        for distribution in &self.distributions {
            text::line("distributions.link", &distribution.link, 1, LINK_BYTES_MAX)?;
            optional_line("distributions.title", &distribution.title, TEXT_BYTES_MAX)?;
            optional_line("distributions.media_type", &distribution.media_type, MEDIA_TYPE_BYTES_MAX)?;
        }
        self.classification.check()?;
        let bytes = borsh::to_vec(self).expect("writing to memory does not fail").len();
        if bytes > JACKET_BYTES_MAX {
            return Err(Malformed::new("jacket", format!("{bytes} bytes, {JACKET_BYTES_MAX} at most")));
        }
        Ok(())
    }
}

impl Classification {
    fn check(&self) -> Result<(), Malformed> {
        if let Some(Access::Specific { parties }) = self.access.value() {
            bounded_list("access.parties", parties.len(), MEMBERS_MAX)?;
            ascending("access.parties", parties)?;
        }
        self.categories.value().map_or(Ok(()), |list| ascending("categories", list))?;
        self.insight_levels.value().map_or(Ok(()), |list| ascending("insight_levels", list))?;
        self.roles.value().map_or(Ok(()), |list| ascending("roles", list))?;
        for (field, text) in [("spatial", &self.spatial), ("temporal", &self.temporal), ("refresh", &self.refresh)] {
            text.value().map_or(Ok(()), |text| text::line(field, text, 1, TEXT_BYTES_MAX))?;
        }
        if self.spectrum.value() != Some(&Spectrum::Shared) && self.access.value().is_some() {
            return Err(Malformed::new(
                "access",
                "an access restriction belongs to shared data only (ISO/IEC 17917 4.3.3)",
            ));
        }
        Ok(())
    }

    /// Each classification's name and where it is from (`stated`, `inferred`, `not stated`).
    pub fn origins(&self) -> [(&'static str, &'static str); 15] {
        [
            ("framework_class", self.framework_class.origin()),
            ("spectrum", self.spectrum.origin()),
            ("access", self.access.origin()),
            ("categories", self.categories.origin()),
            ("insight_levels", self.insight_levels.origin()),
            ("roles", self.roles.origin()),
            ("processing", self.processing.origin()),
            ("usage", self.usage.origin()),
            ("structure", self.structure.origin()),
            ("quadrant", self.quadrant.origin()),
            ("sensitivity", self.sensitivity.origin()),
            ("personal", self.personal.origin()),
            ("spatial", self.spatial.origin()),
            ("temporal", self.temporal.origin()),
            ("refresh", self.refresh.origin()),
        ]
    }

    /// What an offer still needs. Empty means: may be offered.
    pub fn gaps(&self) -> Vec<Gap> {
        let shared = self.spectrum.value() == Some(&Spectrum::Shared);
        [
            (Gap::FrameworkClass, self.framework_class.value().is_some()),
            (Gap::Spectrum, self.spectrum.value().is_some()),
            (Gap::Access, !shared || self.access.value().is_some()),
            (Gap::Categories, self.categories.value().is_some_and(|list| !list.is_empty())),
            (Gap::InsightLevels, self.insight_levels.value().is_some_and(|list| !list.is_empty())),
            (Gap::Roles, self.roles.value().is_some_and(|list| !list.is_empty())),
            (Gap::Processing, self.processing.value().is_some()),
            (Gap::Usage, self.usage.value().is_some()),
            (Gap::Structure, self.structure.value().is_some()),
            (Gap::Quadrant, self.quadrant.value().is_some()),
            (Gap::Sensitivity, self.sensitivity.value().is_some()),
            (Gap::Personal, self.personal.value().is_some()),
            (Gap::Spatial, self.spatial.value().is_some()),
            (Gap::Temporal, self.temporal.value().is_some()),
            (Gap::Refresh, self.refresh.value().is_some()),
        ]
        .into_iter()
        .filter_map(|(gap, present)| (!present).then_some(gap))
        .collect()
    }
}
