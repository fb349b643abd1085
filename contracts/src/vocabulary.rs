//! The controlled vocabulary: each classification of a dataset is a closed list of the sources.
//!
//! Labels keep the spelling of the sources (ISO/DIS 37156, ISO/IEC 17917, WEF, IUDX); tags are
//! permanent. [`Stated`] says whether a value was stated, inferred by a named rule, or not stated:
//! a constant that nobody said is never written down as a fact.

use crate::rejection::Malformed;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident = $tag:literal, $slug:literal, $label:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[borsh(use_discriminant = true)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $label] #[serde(rename = $slug)] $variant = $tag,)* }

        impl $name {
            /// All values, in the order of their tags.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The sources' spelling, for people and exports.
            pub fn label(self) -> &'static str { match self { $(Self::$variant => $label,)* } }

            /// The word in JSON, commands and links.
            pub fn slug(self) -> &'static str { match self { $(Self::$variant => $slug,)* } }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text { $($slug => Ok(Self::$variant),)* _ => Err(format!(
                    "`{}` is none of: {}", text.chars().take(40).collect::<String>(), [$($slug,)*].join(", "))) }
            }
        }
    )*};
}

vocabulary! {
    /// Data framework class (ISO/DIS 37156 5.2, ISO/IEC 17917 4.2).
    FrameworkClass {
        Metadata = 0, "metadata", "Metadata";
        Reference = 1, "reference", "Reference data";
        Thematic = 2, "thematic", "Thematic data";
    }
    /// Where a dataset lies on the data spectrum (ISO/DIS 37156 5.5, ISO/IEC 17917 4.3).
    Spectrum {
        Closed = 0, "closed", "Closed data";
        Shared = 1, "shared", "Shared data";
        Open = 2, "open", "Open data";
    }
    /// Collectable data categories (ISO/DIS 37156 table 1).
    CollectableCategory {
        Characteristics = 0, "characteristics", "Characteristics of something";
        Consumption = 1, "consumption", "Consumption of something";
        Movement = 2, "movement", "Movement of something";
        Presence = 3, "presence", "Presence of something";
        Production = 4, "production", "Production of something";
        Status = 5, "status", "Status of something";
        Supply = 6, "supply", "Supply of something";
        Use = 7, "use", "Use of something";
    }
    /// Insight levels (ISO/DIS 37156 table 2).
    InsightLevel {
        Operational = 0, "operational", "OPERATIONAL";
        Critical = 1, "critical", "CRITICAL";
        Analytical = 2, "analytical", "ANALYTICAL";
        Strategic = 3, "strategic", "STRATEGIC";
    }
    /// Data roles (ISO/DIS 37156 9.2, ISO/IEC 17917 7.2).
    DataRole {
        Creator = 0, "data-creator", "data creator";
        Owner = 1, "data-owner", "data owner";
        Custodian = 2, "data-custodian", "data custodian";
        PrimaryPublisher = 3, "primary-publisher", "primary publisher";
        SecondaryPublisher = 4, "secondary-publisher", "secondary publisher";
        User = 5, "user", "users";
    }
    /// Processing state (ISO/IEC 17917 4.3.5).
    ProcessingState {
        Raw = 0, "raw", "raw";
        Processed = 1, "processed", "processed";
        Archived = 2, "archived", "archived";
    }
    /// How data change in use (ISO/IEC 17917 9).
    DataUsage {
        Static = 0, "static", "static data";
        Temporal = 1, "temporal", "Temporal data";
        Versioned = 2, "versioned", "Versioned data";
    }
    /// Data structures (ISO/IEC 17917 11).
    Structure {
        Structured = 0, "structured", "Structured data";
        SemiStructured = 1, "semi-structured", "Semi-structured data";
        Unstructured = 2, "unstructured", "Unstructured data";
        Semantic = 3, "semantic", "Semantic data model";
        Analogue = 4, "analogue", "Analogue data";
        RealTime = 5, "real-time", "Real-time data";
    }
    /// The WEF's four quadrants of public or private, shared or protected data.
    Quadrant {
        Open = 0, "open", "open";
        Restricted = 1, "restricted", "restricted";
        Traded = 2, "traded", "traded";
        Regulated = 3, "regulated", "regulated";
    }
    /// Five-level class of sensitivity (IUDX).
    SensitivityClass {
        Public = 0, "public", "public";
        InternalUse = 1, "internal-use", "internal use";
        Sensitive = 2, "sensitive", "sensitive";
        Protected = 3, "protected", "protected";
        Restricted = 4, "restricted", "restricted";
    }
    /// Whether the dataset is about people (ISO/IEC 17917 5.5: anonymised data may become personal again).
    PersonalStatus {
        None = 0, "none", "no personal data";
        Anonymised = 1, "anonymised", "anonymised personal data";
        Personal = 2, "personal", "personal data";
    }
    /// What a licence allows the data to be used for (ISO/DIS 37156 6, ISO/IEC 17917 8.2 and 8.3).
    Purpose {
        Infrastructure = 0, "infrastructure", "Optimizing infrastructure services";
        Business = 1, "business", "Promoting business";
        Planning = 2, "planning", "Facilitating urban planning";
        Maintenance = 3, "maintenance", "Enabling proactive maintenance";
        Environment = 4, "environment", "Promoting environmental protection";
        Safety = 5, "safety", "Improving safety and security";
        Research = 6, "research", "Research";
        PublicService = 7, "public-service", "Delivery of public services";
        Innovation = 8, "innovation", "Future innovation and new business streams";
    }
    /// Types of data that a Data Jacket names.
    DataType {
        Table = 0, "table", "table";
        TimeSeries = 1, "time-series", "time series";
        Text = 2, "text", "text";
        Image = 3, "image", "image";
        Graph = 4, "graph", "graph";
        Movie = 5, "movie", "movie";
        Sound = 6, "sound", "sound";
        Log = 7, "log", "log";
        Map = 8, "map", "map";
        Service = 9, "service", "service";
        Other = 10, "other", "other";
    }
    /// What a variable's values are.
    VariableType {
        Number = 0, "number", "number";
        Integer = 1, "integer", "whole number";
        Text = 2, "text", "text";
        Flag = 3, "flag", "yes or no";
        Date = 4, "date", "date";
        Time = 5, "time", "date and time";
        Place = 6, "place", "place";
        Code = 7, "code", "code of a list";
        Unknown = 8, "unknown", "not said";
    }
    /// How a dataset is collected.
    CollectionMethod {
        Survey = 0, "survey", "survey";
        Sensors = 1, "sensors", "sensors";
        Records = 2, "records", "administrative records";
        Observation = 3, "observation", "observation";
        Simulation = 4, "simulation", "simulation";
        Derived = 5, "derived", "derived from other data";
    }
    /// How dear the collection is.
    CollectionCost {
        Low = 0, "low", "low";
        Medium = 1, "medium", "medium";
        High = 2, "high", "high";
    }
    /// Sharing conditions of a Data Jacket.
    SharingCondition {
        Free = 0, "free", "free";
        Negotiation = 1, "negotiation", "by negotiation";
        Members = 2, "members", "limited members";
        Purchase = 3, "purchase", "buy";
        NotShared = 4, "not-shared", "not shareable";
    }
    /// The named rules by which a classification may be inferred. A rule that would always give the
    /// same answer is a constant, and a constant is no inference: such a field stays `not stated`.
    InferenceRule {
        DcatAccessLevel = 0, "dcat-access-level", "DCAT-US accessLevel and licence give the spectrum and the restriction";
        MediaType = 1, "media-type", "media types of the distributions give structure and types";
        Accrual = 2, "accrual-periodicity", "accrualPeriodicity gives the refresh timetable";
        DcatTemporal = 3, "dcat-temporal", "temporal gives the temporal coverage";
        DcatSpatial = 4, "dcat-spatial", "spatial gives the spatial coverage";
        SpectrumSensitivity = 5, "spectrum-sensitivity", "access level and spectrum give the five-level class";
        PublisherQuadrant = 6, "publisher-quadrant", "public-sector catalogue and spectrum give the quadrant";
        RefreshUsage = 7, "refresh-usage", "refresh timetable gives how data change in use";
        KeywordCategory = 8, "keyword-category", "words of title, keywords and themes give the collectable category";
        CategoryInsight = 9, "category-insight", "ISO/DIS 37156 table 2 gives insight levels from categories";
        KeywordFramework = 10, "keyword-framework", "words of title, keywords and themes give the framework class";
        DescribedBy = 11, "described-by", "a data dictionary or file columns give the variables";
        SystemOfRecords = 12, "system-of-records", "a Privacy Act system of records names personal data";
        ImporterRole = 13, "importer-role", "whoever imports a catalogue of others is its secondary publisher";
    }
}

/// A value that somebody stated, that a named rule inferred, or that nobody stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "origin")]
pub enum Stated<T> {
    /// Nobody said.
    #[default]
    NotStated,
    /// Whoever wrote the jacket or record said so.
    Stated {
        /// What was said.
        value: T,
    },
    /// A rule concluded it from something else that was said.
    Inferred {
        /// What was concluded.
        value: T,
        /// By which rule.
        rule: InferenceRule,
    },
}

impl<T> Stated<T> {
    /// A value that was said.
    pub fn said(value: T) -> Self {
        Self::Stated { value }
    }

    /// A value that `rule` concluded.
    pub fn by(rule: InferenceRule, value: T) -> Self {
        Self::Inferred { value, rule }
    }

    /// The value, whoever it is from.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::NotStated => None,
            Self::Stated { value } | Self::Inferred { value, .. } => Some(value),
        }
    }

    /// The word for where it is from.
    pub fn origin(&self) -> &'static str {
        match self {
            Self::NotStated => "not stated",
            Self::Stated { .. } => "stated",
            Self::Inferred { .. } => "inferred",
        }
    }
}

/// Checks that a list of vocabulary values ascends without repeats, so that it has one spelling.
pub(crate) fn ascending<T: Ord>(field: &'static str, values: &[T]) -> Result<(), Malformed> {
    if values.windows(2).all(|pair| pair[0] < pair[1]) {
        Ok(())
    } else {
        Err(Malformed::new(field, "values ascend and do not repeat"))
    }
}
