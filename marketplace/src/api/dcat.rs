//! A listing as DCAT in JSON-LD, for catalogues that harvest.
//!
//! The licence is the field that must never get lost: it stands at the dataset and at each
//! distribution. Where the source names none, the terms of the open offers stand there; where there
//! are none of these either, the document says that no licence was stated, instead of being silent.

use crate::market::DatasetView;
use contracts::jacket::{Classification, Distribution, Jacket};
use serde_json::{Value, json};

/// The media type of JSON-LD.
pub const JSON_LD: &str = "application/ld+json";

/// What is said where nobody stated a licence.
const NOT_STATED: &str = "No licence was stated.";

/// `view` as a `dcat:Dataset` that lives below `base_url`.
pub fn dataset(view: &DatasetView, base_url: &str) -> Value {
    let page = format!("{base_url}/datasets/{}", view.id);
    let mut made = json!({
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/",
            "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
            "spdx": "http://spdx.org/rdf/terms#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        "@id": page,
        "@type": "dcat:Dataset",
        "dct:title": view.title,
        "dct:identifier": view.identifier,
        "dct:publisher": agent(view),
        "dct:license": licence(view),
        "dct:accessRights": statement(&rights(view)),
        "dcat:landingPage": { "@id": page },
    });
    if let Some(jacket) = &view.jacket {
        describe(&mut made, jacket);
        made["dcat:distribution"] = Value::Array(distributions(view, jacket, &page));
    }
    made
}

fn agent(view: &DatasetView) -> Value {
    let source = view.jacket.as_ref().and_then(|jacket| jacket.source_publisher.as_deref());
    json!({ "@type": "foaf:Agent", "foaf:name": source.unwrap_or(&view.publisher_name) })
}

fn statement(text: &str) -> Value {
    json!({ "@type": "dct:RightsStatement", "rdfs:label": text })
}

fn rights(view: &DatasetView) -> String {
    let spectrum = view.spectrum.map_or("not stated", |spectrum| spectrum.slug());
    match view.details_withheld {
        true => format!("{spectrum}: acknowledged without details"),
        false => spectrum.to_string(),
    }
}

/// The licence: the source's, otherwise the terms that are offered, otherwise that there is none.
fn licence(view: &DatasetView) -> Value {
    let document = |text: &str| json!({ "@type": "dct:LicenseDocument", "rdfs:label": text });
    let stated = view.jacket.as_ref().and_then(|jacket| jacket.licence.as_deref());
    match stated {
        Some(licence) if licence.starts_with("http://") || licence.starts_with("https://") => json!({ "@id": licence }),
        Some(licence) => document(licence),
        None if view.offers.is_empty() => document(NOT_STATED),
        None => {
            let terms = view.offers.iter().map(|row| document(&row.revision.terms.render()));
            Value::Array(terms.collect())
        }
    }
}

fn describe(made: &mut Value, jacket: &Jacket) {
    let class: &Classification = &jacket.classification;
    let lists =
        [("dcat:keyword", &jacket.keywords), ("dcat:theme", &jacket.themes), ("dct:language", &jacket.languages)];
    for (name, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        made[name] = json!(values);
    }
    let texts = [
        ("dct:issued", jacket.issued.as_ref()),
        ("dct:modified", jacket.modified.as_ref()),
        ("dct:spatial", class.spatial.value()),
        ("dct:temporal", class.temporal.value()),
        ("dct:accrualPeriodicity", class.refresh.value()),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            made[name] = json!(value);
        }
    }
    if let Some(page) = &jacket.landing_page {
        made["dcat:landingPage"] = json!([made["dcat:landingPage"], { "@id": page }]);
    }
}

fn distributions(view: &DatasetView, jacket: &Jacket, page: &str) -> Vec<Value> {
    let mut all: Vec<Value> = jacket.distributions.iter().map(|one| at_source(view, one)).collect();
    if let Some(version) = view.newest.as_ref().filter(|version| version.held) {
        all.push(json!({
            "@type": "dcat:Distribution",
            "dct:title": format!("version {}", version.number),
            "dcat:accessURL": { "@id": page },
            "dcat:mediaType": version.content.media_type,
            "dcat:byteSize": { "@value": version.content.bytes.to_string(), "@type": "xsd:nonNegativeInteger" },
            "dct:license": licence(view),
            "spdx:checksum": {
                "@type": "spdx:Checksum",
                "spdx:algorithm": { "@id": "http://spdx.org/rdf/terms#checksumAlgorithm_sha256" },
                "spdx:checksumValue": version.content.sha256,
            },
        }));
    }
    all
}

fn at_source(view: &DatasetView, one: &Distribution) -> Value {
    let link = if one.download { "dcat:downloadURL" } else { "dcat:accessURL" };
    let mut made = json!({ "@type": "dcat:Distribution", "dct:license": licence(view) });
    made[link] = json!({ "@id": one.link });
    if let Some(title) = &one.title {
        made["dct:title"] = json!(title);
    }
    if let Some(kind) = &one.media_type {
        made["dcat:mediaType"] = json!(kind);
    }
    made
}
