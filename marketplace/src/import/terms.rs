//! The terms of DCAT: which predicate is which field of a DCAT-US record, and the one context that is
//! built in.

/// How the value of a field is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One text; of several the English one.
    Text,
    /// A list of texts: literals, or labels or links of nodes.
    Texts,
    /// Nodes with fields of their own.
    Nodes(&'static [Term]),
}

/// A predicate, the field that it is, and how it is read.
pub(super) type Term = (&'static str, &'static str, Shape);

pub(super) const TYPE: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";
pub(super) const DATASET: &str = "http://www.w3.org/ns/dcat#Dataset";

/// Predicates that give a node its label, the best first.
pub(super) const LABELS: &[&str] = &[
    "http://www.w3.org/2004/02/skos/core#prefLabel",
    "http://xmlns.com/foaf/0.1/name",
    "http://www.w3.org/2000/01/rdf-schema#label",
    "http://purl.org/dc/terms/title",
    "http://www.w3.org/2006/vcard/ns#fn",
    "http://www.w3.org/2006/vcard/ns#value",
    "http://www.w3.org/2006/vcard/ns#hasValue",
];

const AGENT: &[Term] = &[
    ("http://xmlns.com/foaf/0.1/name", "name", Shape::Text),
    ("http://www.w3.org/2004/02/skos/core#prefLabel", "name", Shape::Text),
    ("http://www.w3.org/2000/01/rdf-schema#label", "name", Shape::Text),
    ("http://www.w3.org/2006/vcard/ns#fn", "name", Shape::Text),
];

const CONTACT: &[Term] = &[
    ("http://www.w3.org/2006/vcard/ns#fn", "fn", Shape::Text),
    ("http://xmlns.com/foaf/0.1/name", "fn", Shape::Text),
    ("http://www.w3.org/2006/vcard/ns#hasEmail", "hasEmail", Shape::Text),
    ("http://www.w3.org/2006/vcard/ns#hasTelephone", "hasTelephone", Shape::Text),
];

const PERIOD: &[Term] = &[
    ("http://www.w3.org/ns/dcat#startDate", "startDate", Shape::Text),
    ("http://www.w3.org/ns/dcat#endDate", "endDate", Shape::Text),
    ("http://schema.org/startDate", "startDate", Shape::Text),
    ("http://schema.org/endDate", "endDate", Shape::Text),
];

const DISTRIBUTION: &[Term] = &[
    ("http://purl.org/dc/terms/title", "title", Shape::Text),
    ("http://purl.org/dc/terms/description", "description", Shape::Text),
    ("http://www.w3.org/ns/dcat#downloadURL", "downloadURL", Shape::Text),
    ("http://www.w3.org/ns/dcat#accessURL", "accessURL", Shape::Text),
    ("http://www.w3.org/ns/dcat#mediaType", "mediaType", Shape::Text),
    ("http://purl.org/dc/terms/format", "format", Shape::Text),
    ("http://purl.org/dc/terms/license", "license", Shape::Text),
];

/// The fields of a dataset.
pub(super) const FIELDS: &[Term] = &[
    ("http://purl.org/dc/terms/identifier", "identifier", Shape::Text),
    ("http://purl.org/dc/terms/title", "title", Shape::Text),
    ("http://purl.org/dc/terms/description", "description", Shape::Text),
    ("http://www.w3.org/ns/dcat#keyword", "keyword", Shape::Texts),
    ("http://www.w3.org/ns/dcat#theme", "theme", Shape::Texts),
    ("http://purl.org/dc/terms/language", "language", Shape::Texts),
    ("http://purl.org/dc/terms/modified", "modified", Shape::Text),
    ("http://purl.org/dc/terms/issued", "issued", Shape::Text),
    ("http://purl.org/dc/terms/license", "license", Shape::Text),
    ("http://purl.org/dc/terms/rights", "rights", Shape::Text),
    ("http://purl.org/dc/terms/accessRights", "accessLevel", Shape::Text),
    ("https://project-open-data.cio.gov/v1.1/schema#accessLevel", "accessLevel", Shape::Text),
    ("https://project-open-data.cio.gov/v1.1/schema#bureauCode", "bureauCode", Shape::Texts),
    ("https://project-open-data.cio.gov/v1.1/schema#programCode", "programCode", Shape::Texts),
    ("https://project-open-data.cio.gov/v1.1/schema#systemOfRecords", "systemOfRecords", Shape::Text),
    ("http://purl.org/dc/terms/accrualPeriodicity", "accrualPeriodicity", Shape::Text),
    ("http://purl.org/dc/terms/spatial", "spatial", Shape::Text),
    ("http://purl.org/dc/terms/temporal", "temporal", Shape::Nodes(PERIOD)),
    ("http://www.w3.org/ns/dcat#landingPage", "landingPage", Shape::Text),
    ("http://purl.org/dc/terms/publisher", "publisher", Shape::Nodes(AGENT)),
    ("http://www.w3.org/ns/dcat#contactPoint", "contactPoint", Shape::Nodes(CONTACT)),
    ("http://www.w3.org/ns/dcat#distribution", "distribution", Shape::Nodes(DISTRIBUTION)),
];

/// Where the context of DCAT-US 1.1 is published.
pub(super) const POD_CONTEXT: &str = "project-open-data.cio.gov/v1.1/schema/catalog.jsonld";

/// What that context means, in our words: the terms that this importer reads.
pub(super) const POD: &str = r#"{"@context": {
  "dcat": "http://www.w3.org/ns/dcat#", "dct": "http://purl.org/dc/terms/", "org": "http://www.w3.org/ns/org#",
  "foaf": "http://xmlns.com/foaf/0.1/", "skos": "http://www.w3.org/2004/02/skos/core#", "vcard": "http://www.w3.org/2006/vcard/ns#",
  "pod": "https://project-open-data.cio.gov/v1.1/schema#", "xsd": "http://www.w3.org/2001/XMLSchema#",
  "dataset": "dcat:dataset", "distribution": "dcat:distribution", "contactPoint": "dcat:contactPoint",
  "landingPage": {"@id": "dcat:landingPage", "@type": "@id"}, "accessURL": {"@id": "dcat:accessURL", "@type": "@id"},
  "downloadURL": {"@id": "dcat:downloadURL", "@type": "@id"}, "mediaType": "dcat:mediaType", "format": "dct:format",
  "keyword": "dcat:keyword", "theme": "dcat:theme", "title": "dct:title", "description": "dct:description",
  "identifier": "dct:identifier", "issued": "dct:issued", "modified": "dct:modified", "language": "dct:language",
  "license": {"@id": "dct:license", "@type": "@id"}, "rights": "dct:rights", "publisher": "dct:publisher",
  "spatial": "dct:spatial", "temporal": "dct:temporal", "accrualPeriodicity": "dct:accrualPeriodicity",
  "conformsTo": {"@id": "dct:conformsTo", "@type": "@id"}, "isPartOf": "dct:isPartOf", "references": {"@id": "dct:references", "@type": "@id"},
  "describedBy": {"@id": "http://www.w3.org/2007/05/powder-s#describedby", "@type": "@id"},
  "accessLevel": "pod:accessLevel", "bureauCode": "pod:bureauCode", "programCode": "pod:programCode",
  "dataQuality": "pod:dataQuality", "systemOfRecords": "pod:systemOfRecords", "describedByType": "pod:describedByType",
  "fn": "vcard:fn", "hasEmail": {"@id": "vcard:hasEmail", "@type": "@id"}, "name": "foaf:name", "subOrganizationOf": "org:subOrganizationOf"
}}"#;
