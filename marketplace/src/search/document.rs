//! What the index knows of one listing.

use contracts::{
    id::DatasetId,
    jacket::{Access, Jacket},
};

macro_rules! facets {
    ($($(#[$doc:meta])* $name:ident = $slug:literal;)*) => {
        /// By what listings are counted and filtered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Facet { $($(#[$doc])* $name,)* }

        impl Facet {
            /// All of them, in the order in which a page shows them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word in links and JSON.
            pub fn slug(self) -> &'static str { match self { $(Self::$name => $slug,)* } }
        }

        impl std::str::FromStr for Facet {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text { $($slug => Ok(Self::$name),)* _ => Err(format!(
                    "`{}` is none of: {}", text.chars().take(40).collect::<String>(), [$($slug,)*].join(", "))) }
            }
        }
    };
}

facets! {
    /// Closed, shared or open: slug of `Spectrum`.
    Spectrum = "spectrum";
    /// `specific`, `group` or `public`, see [`access_of`].
    Access = "access";
    /// Publisher at the source, or the party where the record names none.
    Publisher = "publisher";
    /// Catalogue.
    Catalogue = "catalogue";
    /// Format, such as `CSV`.
    Format = "format";
    /// Theme of the source, in lower case.
    Theme = "theme";
    /// Type of data.
    Type = "type";
    /// Data framework class.
    FrameworkClass = "framework-class";
    /// Collectable-data category.
    Category = "category";
    /// Insight level.
    InsightLevel = "insight-level";
    /// Structure.
    Structure = "structure";
    /// WEF quadrant.
    Quadrant = "quadrant";
    /// Five-level class.
    Sensitivity = "sensitivity";
    /// Whether about people.
    Personal = "personal";
    /// Raw, processed or archived.
    Processing = "processing";
    /// Static, temporal or versioned.
    Usage = "usage";
    /// Refresh timetable as the record says it.
    Refresh = "refresh";
    /// Language tag.
    Language = "language";
    /// Form of the price of an open offer; the caller adds it.
    PriceForm = "price-form";
    /// Currency of an open offer; the caller adds it.
    Currency = "currency";
    /// Purpose that an open offer allows; the caller adds it.
    Purpose = "purpose";
    /// Whether there is an offer, or content to deliver; the caller adds it.
    Availability = "availability";
}

/// One listing, as it is written to the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Which. A document of the same dataset replaces the one before.
    pub dataset: DatasetId,
    /// Identifier in its catalogue.
    pub identifier: String,
    /// Title.
    pub title: String,
    /// Outline, if the reader of a page may see it.
    pub outline: Option<String>,
    /// Publisher.
    pub publisher: Option<String>,
    /// Keywords, themes.
    pub keywords: Vec<String>,
    /// Names and meanings of variables.
    pub variables: Vec<String>,
    /// What it is counted and filtered by.
    pub facets: Vec<(Facet, String)>,
    /// Milliseconds since 1970 of the block that last changed it.
    pub updated_ms: u64,
}

impl Document {
    /// The document of a jacket. Facets of offers are added with [`Document::with`].
    pub fn of(
        dataset: DatasetId,
        catalogue: &str,
        identifier: &str,
        jacket: &Jacket,
        outline: Option<&str>,
        updated_ms: u64,
    ) -> Self {
        let mut variables = Vec::new();
        for variable in &jacket.variables {
            variables.push(variable.name.clone());
            variables.extend(variable.meaning.clone());
        }
        Self {
            dataset,
            identifier: identifier.into(),
            title: jacket.title.clone(),
            outline: outline.map(str::to_string),
            publisher: jacket.source_publisher.clone(),
            keywords: jacket.keywords.iter().chain(&jacket.themes).chain(&jacket.formats).cloned().collect(),
            variables,
            facets: facets_of(catalogue, jacket),
            updated_ms,
        }
    }

    /// The same with one more facet value.
    #[must_use]
    pub fn with(mut self, facet: Facet, value: impl Into<String>) -> Self {
        let value = value.into();
        if !self.facets.iter().any(|(known, said)| *known == facet && *said == value) {
            self.facets.push((facet, value));
        }
        self
    }
}

/// The facets that a jacket itself tells. A classification that is not stated gives no value.
pub fn facets_of(catalogue: &str, jacket: &Jacket) -> Vec<(Facet, String)> {
    let class = &jacket.classification;
    let mut facets: Vec<(Facet, String)> = vec![(Facet::Catalogue, catalogue.into())];
    let mut one = |facet, value: Option<&str>| facets.extend(value.map(|value| (facet, value.to_string())));
    one(Facet::Spectrum, class.spectrum.value().map(|value| value.slug()));
    one(Facet::Access, class.access.value().map(access_of));
    one(Facet::Publisher, jacket.source_publisher.as_deref());
    one(Facet::FrameworkClass, class.framework_class.value().map(|value| value.slug()));
    one(Facet::Structure, class.structure.value().map(|value| value.slug()));
    one(Facet::Quadrant, class.quadrant.value().map(|value| value.slug()));
    one(Facet::Sensitivity, class.sensitivity.value().map(|value| value.slug()));
    one(Facet::Personal, class.personal.value().map(|value| value.slug()));
    one(Facet::Processing, class.processing.value().map(|value| value.slug()));
    one(Facet::Usage, class.usage.value().map(|value| value.slug()));
    one(Facet::Refresh, class.refresh.value().map(String::as_str));
    let many = jacket.formats.iter().map(|format| (Facet::Format, format.clone()));
    let many = many.chain(jacket.themes.iter().map(|theme| (Facet::Theme, theme.to_lowercase())));
    let many = many.chain(jacket.languages.iter().map(|language| (Facet::Language, language.clone())));
    let many = many.chain(jacket.types.iter().map(|kind| (Facet::Type, kind.slug().to_string())));
    let categories = class.categories.value().into_iter().flatten();
    let many = many.chain(categories.map(|value| (Facet::Category, value.slug().to_string())));
    let levels = class.insight_levels.value().into_iter().flatten();
    facets.extend(many.chain(levels.map(|value| (Facet::InsightLevel, value.slug().to_string()))));
    facets.sort_unstable();
    facets.dedup();
    facets
}

/// The word for an access restriction.
pub fn access_of(access: &Access) -> &'static str {
    match access {
        Access::Specific { .. } => "specific",
        Access::Group { .. } => "group",
        Access::Public => "public",
    }
}
