//! The catalogue: listings, versions, offers.

use super::*;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Who may have the data.
#[derive(ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Access {
    /// Named parties.
    Specific {
        /// Which.
        parties: Vec<Id>,
    },
    /// Members of a group.
    Group {
        /// Which.
        group: Id,
    },
    /// Everybody.
    Public,
}

/// How a dataset is classified.
#[derive(ToSchema)]
pub struct Classification {
    framework_class: StatedFrameworkClass,
    spectrum: StatedSpectrum,
    access: StatedAccess,
    categories: StatedCategories,
    insight_levels: StatedInsightLevels,
    roles: StatedRoles,
    processing: StatedProcessing,
    usage: StatedUsage,
    structure: StatedStructure,
    quadrant: StatedQuadrant,
    sensitivity: StatedSensitivity,
    personal: StatedPersonal,
    /// Spatial coverage.
    spatial: StatedText,
    /// Temporal coverage.
    temporal: StatedText,
    /// Refresh timetable, as `R/P1D`.
    refresh: StatedText,
}

/// A variable of a dataset: its name and meaning, never its values.
#[derive(ToSchema)]
pub struct Variable {
    name: String,
    kind: VariableType,
    #[schema(required = false)]
    unit: Option<String>,
    #[schema(required = false)]
    meaning: Option<String>,
}

/// A place where the source offers the data. Shown, never fetched.
#[derive(ToSchema)]
pub struct Distribution {
    title: Option<String>,
    link: String,
    /// Does the link lead to the data themselves?
    download: bool,
    media_type: Option<String>,
}

/// A Data Jacket: what a dataset is, without revealing it.
#[derive(ToSchema)]
pub struct Jacket {
    title: String,
    source_publisher: Option<String>,
    #[schema(required = false)]
    variables: Vec<Variable>,
    #[schema(required = false)]
    types: Vec<DataType>,
    #[schema(required = false)]
    formats: Vec<String>,
    #[schema(required = false)]
    keywords: Vec<String>,
    #[schema(required = false)]
    themes: Vec<String>,
    #[schema(required = false)]
    collection: StatedCollection,
    #[schema(required = false)]
    collection_cost: StatedCollectionCost,
    #[schema(required = false)]
    sharing: StatedSharing,
    #[schema(required = false)]
    expected_uses: Vec<Purpose>,
    /// The licence that the source names.
    licence: Option<String>,
    landing_page: Option<String>,
    #[schema(required = false)]
    distributions: Vec<Distribution>,
    #[schema(required = false)]
    languages: Vec<String>,
    modified: Option<String>,
    issued: Option<String>,
    classification: Classification,
}

/// Where a listing stands.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Listing {
    /// It can be found and bought.
    Listed,
    /// For a time it cannot.
    Suspended,
    /// It is gone for good.
    Withdrawn,
}

/// A hit of a search.
#[derive(ToSchema)]
pub struct DatasetSummary {
    id: Id,
    title: String,
    catalogue: String,
    identifier: String,
    publisher: Id,
    source_publisher: Option<String>,
    spectrum: Option<Spectrum>,
    listing: Listing,
    revision: u32,
    versions: u32,
    details_withheld: bool,
}

/// How many hits have a value.
#[derive(ToSchema)]
pub struct FacetCount {
    facet: String,
    value: String,
    count: u64,
}

/// A page of a search.
#[derive(ToSchema)]
pub struct SearchPage {
    #[schema(max_items = 200)]
    items: Vec<DatasetSummary>,
    /// All hits, on this page or not.
    total: u64,
    /// Of all hits.
    facets: Vec<FacetCount>,
    /// Facets of which only the 200 most frequent values are counted.
    facets_cut: Vec<String>,
    /// So few had all words that those with some of them are among the hits.
    widened: bool,
    /// Words that occur nowhere, for which similar ones stood in.
    guessed: Vec<String>,
    next: Option<Cursor>,
    /// The block up to which this is true.
    height: u64,
}

/// What a content is.
#[derive(ToSchema)]
pub struct Content {
    blake3: Id,
    sha256: Id,
    /// Length; below 2^40.
    bytes: u64,
    media_type: String,
}

/// A version of a dataset.
#[derive(ToSchema)]
pub struct VersionView {
    id: Id,
    number: u32,
    content: Content,
    parents: Vec<Id>,
    /// Does this market hold the bytes?
    held: bool,
}

/// A page of versions.
#[derive(ToSchema)]
pub struct VersionPage {
    #[schema(max_items = 200)]
    items: Vec<VersionView>,
    next: Option<Cursor>,
    height: u64,
}

/// Which purposes are allowed.
#[derive(ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Allowed {
    /// All of them.
    Any,
    /// These.
    Only {
        /// Which.
        purposes: Vec<Purpose>,
    },
}

/// Whether data may be passed on.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Onward {
    /// Not at all.
    Prohibited,
    /// Only what is derived from them.
    DerivedOnly,
    /// Under the same terms.
    SameTerms,
    /// Freely.
    Free,
}

/// Terms of an offer.
#[derive(ToSchema)]
pub struct Terms {
    purposes: Allowed,
    /// Days that the licence lasts; `null` for ever.
    duration_days: Option<u32>,
    onward: Onward,
    /// How the source is named in what is made of it.
    attribution: Option<String>,
}

/// A price.
#[derive(ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Price {
    /// Nothing.
    Free,
    /// Once.
    OneOff {
        /// How much.
        amount: Amount,
        /// Of what.
        currency: Currency,
    },
    /// By prepaid periods.
    Subscription {
        /// How much for each period.
        amount: Amount,
        /// Of what.
        currency: Currency,
        /// Length of a period.
        period_days: u32,
        /// Most periods at once.
        periods_max: u32,
    },
}

/// An offer on the ledger.
#[derive(ToSchema)]
pub struct Offer {
    dataset: Id,
    provider: Id,
    revision: u32,
    withdrawn: bool,
}

/// A revision of an offer.
#[derive(ToSchema)]
pub struct OfferRevision {
    terms: Terms,
    /// SHA-256 of the terms as text.
    text: Id,
    price: Price,
}

/// An offer with the revision in force.
#[derive(ToSchema)]
pub struct OfferRow {
    id: Id,
    offer: Offer,
    revision: OfferRevision,
}

/// A page of offers.
#[derive(ToSchema)]
pub struct OfferPage {
    #[schema(max_items = 200)]
    items: Vec<OfferRow>,
    next: Option<Cursor>,
    height: u64,
}

/// An offer with its terms as text.
#[derive(ToSchema)]
pub struct OfferView {
    id: Id,
    offer: Offer,
    revision: OfferRevision,
    terms_text: String,
    /// How long the licence lasts; `null` for ever.
    duration: Option<Duration>,
    /// Length of a period, where the price has periods.
    period: Option<Duration>,
    has_content: bool,
    needs_justification: bool,
}

/// Which basis.
#[derive(ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BasisKind {
    /// A contract with the subject.
    Contract,
    /// A legal obligation.
    LegalObligation,
    /// Vital interests.
    VitalInterests,
    /// A task in the public interest.
    PublicTask,
    /// Legitimate interests.
    LegitimateInterests,
}

/// A legal basis other than consent.
#[derive(ToSchema)]
pub struct LegalBasis {
    kind: BasisKind,
    jurisdiction: Country,
    reference: String,
    controller: Id,
    controls: Vec<String>,
    ended: bool,
}

/// A dataset as its reader may see it.
#[derive(ToSchema)]
pub struct DatasetView {
    id: Id,
    publisher: Id,
    publisher_name: String,
    catalogue: String,
    identifier: String,
    title: String,
    revision: u32,
    listing: Listing,
    spectrum: Option<Spectrum>,
    /// Closed data are acknowledged; details are for their publisher and the regulator.
    details_withheld: bool,
    jacket: Option<Jacket>,
    /// Is it about people? Then a justification is needed.
    personal: bool,
    /// What a classification lacks before the dataset can be offered.
    gaps: Vec<String>,
    versions: u32,
    newest: Option<VersionView>,
    has_content: bool,
    /// Open offers, newest first, at most 20.
    offers: Vec<OfferRow>,
    /// Where the list of open offers goes on.
    more_offers: Option<Cursor>,
    bases: Vec<(Purpose, LegalBasis)>,
}

/// Prose that is kept beside the ledger.
#[derive(ToSchema)]
pub struct Prose {
    /// By name; `null` where there is none, it was taken down, or it is withheld.
    fields: Option<BTreeMap<String, String>>,
}

/// How the market is.
#[derive(ToSchema)]
pub struct Health {
    /// `ok` or `behind`.
    status: String,
    height: u64,
    time_ms: u64,
    node_height: Option<u64>,
    behind_blocks: Option<u64>,
    listings: u64,
    orders_open: Option<u64>,
}

/// What this market is.
#[derive(ToSchema)]
pub struct MarketView {
    network: Id,
    gateway: Id,
    base_url: String,
    /// The key that verifies credentials and statements (PASETO v4.public).
    attestation_key: Id,
    height: u64,
    time_ms: u64,
}
