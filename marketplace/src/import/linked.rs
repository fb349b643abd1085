//! DCAT as JSON-LD, of any shape: nested or `@graph`, prefixed or expanded. The graph is read by
//! oxjsonld, and each dcat:Dataset in it becomes an object of DCAT-US shape, so that one mapper
//! serves both.
//!
//! Nothing is fetched: a context is in the file, or built in, or the file is refused by its name.

use super::{
    DEPTH_MAX, ImportError, VALUES_MAX, strict,
    terms::{self, Shape, Term},
};
use oxjsonld::{JsonLdParser, JsonLdRemoteDocument};
use oxrdf::{NamedOrBlankNode, Quad, Term as Node};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Nesting of what is kept as unmapped. Graphs may have circles; prose has not.
const LEFTOVER_DEPTH_MAX: usize = 6;
/// Values kept as unmapped of one record: a side body holds 64 KiB, so more would be rejected anyway.
const LEFTOVERS_MAX: usize = 4_000;
/// Properties of a publisher, contact or other node that datasets point to. Thousands of datasets may
/// point to one node, and each reads it.
const PROPERTIES_MAX: usize = 1_000;

/// The datasets of `bytes`, which `document` is the JSON of, as records of DCAT-US shape.
///
/// # Errors
/// Those of [`ImportError`] that are about JSON-LD.
pub(super) fn records(bytes: &[u8], document: &Value) -> Result<Vec<Value>, ImportError> {
    refuse_unknown_contexts(document, 0)?;
    let graph = Graph::read(strict::text(bytes)?)?;
    if graph.datasets.is_empty() {
        return Err(ImportError::NotCatalogue);
    }
    Ok(graph.datasets.iter().map(|subject| graph.record(subject)).collect())
}

/// Finds links in `@context` before the parser asks for them, to name them precisely.
fn refuse_unknown_contexts(value: &Value, depth: usize) -> Result<(), ImportError> {
    match value {
        Value::Array(list) => list.iter().try_for_each(|item| refuse_unknown_contexts(item, depth + 1)),
        Value::Object(object) => object.iter().try_for_each(|(key, value)| {
            match (key.as_str(), value) {
                ("@context", Value::String(link)) | ("@import", Value::String(link)) => known_context(link)?,
                ("@context", Value::Array(list)) => {
                    list.iter().filter_map(Value::as_str).try_for_each(known_context)?;
                }
                _ => {}
            }
            debug_assert!(depth <= DEPTH_MAX, "the JSON was read with this bound");
            refuse_unknown_contexts(value, depth + 1)
        }),
        _ => Ok(()),
    }
}

fn known_context(link: &str) -> Result<(), ImportError> {
    if built_in(link).is_some() { Ok(()) } else { Err(ImportError::UnknownContext(link.chars().take(200).collect())) }
}

fn built_in(link: &str) -> Option<&'static str> {
    let plain = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"))?;
    (plain == terms::POD_CONTEXT).then_some(terms::POD)
}

struct Graph {
    nodes: HashMap<NamedOrBlankNode, Vec<(String, Node)>>,
    /// In the order in which they occur.
    datasets: Vec<NamedOrBlankNode>,
}

impl Graph {
    fn read(text: &str) -> Result<Self, ImportError> {
        let mut graph = Self { nodes: HashMap::new(), datasets: Vec::new() };
        let mut seen = HashSet::new();
        let parser = JsonLdParser::new().for_slice(text.as_bytes()).with_load_document_callback(|link, _| {
            let document = built_in(link).ok_or_else(|| format!("`{link}` is not built in"))?;
            Ok(JsonLdRemoteDocument { document: document.as_bytes().to_vec(), document_url: link.into() })
        });
        for (count, quad) in parser.enumerate() {
            if count > VALUES_MAX {
                return Err(ImportError::TooManyValues);
            }
            let Quad { subject, predicate, object, .. } = quad.map_err(ImportError::NotLinked)?;
            let is_dataset = predicate.as_str() == terms::TYPE
                && matches!(&object, Node::NamedNode(kind) if kind.as_str() == terms::DATASET);
            let known = graph.nodes.entry(subject.clone()).or_default();
            known.push((predicate.into_string(), object));
            if is_dataset && seen.insert(subject.clone()) {
                graph.datasets.push(subject);
            }
        }
        Ok(graph)
    }

    fn of(&self, node: &Node) -> &[(String, Node)] {
        let subject = match node {
            Node::NamedNode(name) => NamedOrBlankNode::from(name.clone()),
            Node::BlankNode(blank) => NamedOrBlankNode::from(blank.clone()),
            Node::Literal(_) => return &[],
        };
        let properties = self.nodes.get(&subject).map_or(&[][..], Vec::as_slice);
        &properties[..properties.len().min(PROPERTIES_MAX)]
    }

    fn record(&self, subject: &NamedOrBlankNode) -> Value {
        let properties = self.nodes.get(subject).map_or(&[][..], Vec::as_slice);
        let mut budget = LEFTOVERS_MAX;
        let mut record = self.object(properties, terms::FIELDS, &mut budget);
        if let (None, NamedOrBlankNode::NamedNode(name)) = (record.get("identifier"), subject) {
            record.insert("identifier".into(), name.as_str().into());
        }
        Value::Object(record)
    }

    /// The known fields under their names, everything else under its predicate.
    fn object(&self, properties: &[(String, Node)], known: &[Term], budget: &mut usize) -> Map<String, Value> {
        let mut object = Map::new();
        let mut grouped: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for (predicate, value) in properties {
            grouped.entry(predicate).or_default().push(value);
        }
        for (predicate, field, shape) in known {
            let Some(values) = grouped.remove(predicate) else { continue };
            // A second predicate for the same field, and other languages of the same text, are kept.
            let lost = object.contains_key(*field) || (*shape == Shape::Text && values.len() > 1);
            if lost {
                object.insert((*predicate).into(), self.leftovers(&values, 0, budget));
            }
            if !object.contains_key(*field) {
                object.insert((*field).into(), self.field(&values, *shape, budget));
            }
        }
        if let Some(kinds) = grouped.remove(terms::TYPE)
            && known != terms::FIELDS
        {
            object.insert("@type".into(), self.text(kinds[0]).into());
        }
        for (predicate, values) in grouped {
            object.insert(predicate.into(), self.leftovers(&values, 0, budget));
        }
        object
    }

    fn field(&self, values: &[&Node], shape: Shape, budget: &mut usize) -> Value {
        match shape {
            Shape::Text => Value::String(self.text(best(values))),
            Shape::Texts => values.iter().map(|value| Value::String(self.text(value))).collect(),
            Shape::Nodes(known) => {
                let mut nodes: Vec<Value> = values.iter().map(|value| self.node(value, known, budget)).collect();
                if nodes.len() == 1 { nodes.remove(0) } else { Value::Array(nodes) }
            }
        }
    }

    fn node(&self, value: &Node, known: &[Term], budget: &mut usize) -> Value {
        let properties = self.of(value);
        if properties.is_empty() {
            Value::String(self.text(value))
        } else {
            Value::Object(self.object(properties, known, budget))
        }
    }

    /// The text of a literal, the label of a node that has one, otherwise its link.
    fn text(&self, value: &Node) -> String {
        match value {
            Node::Literal(literal) => literal.value().to_string(),
            node => {
                let properties = self.of(node);
                let label = terms::LABELS.iter().find_map(|label| {
                    let labels: Vec<&Node> =
                        properties.iter().filter(|(name, _)| name == label).map(|(_, value)| value).collect();
                    (!labels.is_empty()).then(|| best(&labels))
                });
                match (label, node) {
                    (Some(Node::Literal(literal)), _) => literal.value().to_string(),
                    (Some(Node::NamedNode(name)), _) | (None, Node::NamedNode(name)) => {
                        plain_link(name.as_str()).to_string()
                    }
                    _ => String::new(),
                }
            }
        }
    }

    fn leftovers(&self, values: &[&Node], depth: usize, budget: &mut usize) -> Value {
        values.iter().map(|value| self.leftover(value, depth, budget)).collect()
    }

    fn leftover(&self, value: &Node, depth: usize, budget: &mut usize) -> Value {
        *budget = budget.saturating_sub(1);
        let properties = self.of(value);
        if depth >= LEFTOVER_DEPTH_MAX || properties.is_empty() || *budget == 0 {
            return match value {
                Node::Literal(literal) => literal.value().into(),
                Node::NamedNode(name) => name.as_str().into(),
                Node::BlankNode(_) => Value::Null,
            };
        }
        let mut object = Map::new();
        for (predicate, value) in properties {
            let value = self.leftover(value, depth + 1, budget);
            match object.entry(predicate.clone()).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(list) => list.push(value),
                _ => debug_assert!(false, "every value of this object is a list"),
            }
        }
        Value::Object(object)
    }
}

/// Of several languages English, else the one without a language, else the first.
fn best<'a>(values: &[&'a Node]) -> &'a Node {
    let language = |value: &Node| match value {
        Node::Literal(literal) => literal.language().map(str::to_ascii_lowercase),
        _ => None,
    };
    let english = values.iter().find(|value| language(value).is_some_and(|tag| tag == "en" || tag.starts_with("en-")));
    english.or_else(|| values.iter().find(|value| language(value).is_none())).copied().unwrap_or(values[0])
}

/// The IANA registry gives media types as links; the mapper knows them by their names.
fn plain_link(link: &str) -> &str {
    let plain = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://")).unwrap_or(link);
    if let Some(media_type) = plain.strip_prefix("www.iana.org/assignments/media-types/") {
        return media_type;
    }
    plain.strip_prefix("publications.europa.eu/resource/authority/file-type/").unwrap_or(link)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(document: Value) -> Result<Vec<Value>, ImportError> {
        let bytes = document.to_string();
        records(bytes.as_bytes(), &strict::parse(bytes.as_bytes()).unwrap())
    }

    const PREFIXES: &str = r#"{"dcat":"http://www.w3.org/ns/dcat#","dct":"http://purl.org/dc/terms/","vcard":"http://www.w3.org/2006/vcard/ns#","foaf":"http://xmlns.com/foaf/0.1/"}"#;

    #[test]
    fn nested_graph_and_expanded_forms_say_the_same() {
        let context: Value = serde_json::from_str(PREFIXES).unwrap();
        let nested = json!({"@context": context, "@type": "dcat:Catalog", "dcat:dataset": [{
            "@id": "https://example.org/d/1", "@type": "dcat:Dataset", "dct:title": "Rain", "dcat:keyword": ["wet"],
            "dct:publisher": {"@id": "https://example.org/water", "@type": "foaf:Organization", "foaf:name": "Water Board"},
            "dcat:distribution": {"@type": "dcat:Distribution", "dcat:downloadURL": {"@id": "https://example.org/rain.csv"}, "dcat:mediaType": {"@id": "https://www.iana.org/assignments/media-types/text/csv"}}}]});
        let graph = json!({"@context": context, "@graph": [
            {"@id": "https://example.org/water", "@type": "foaf:Organization", "foaf:name": "Water Board"},
            {"@id": "https://example.org/d/1", "@type": "dcat:Dataset", "dct:title": "Rain", "dcat:keyword": "wet", "dct:publisher": {"@id": "https://example.org/water"}, "dcat:distribution": {"@id": "_:x"}},
            {"@id": "_:x", "@type": "dcat:Distribution", "dcat:downloadURL": {"@id": "https://example.org/rain.csv"}, "dcat:mediaType": {"@id": "https://www.iana.org/assignments/media-types/text/csv"}}]});
        let expanded = json!([{"@id": "https://example.org/d/1", "@type": ["http://www.w3.org/ns/dcat#Dataset"],
            "http://purl.org/dc/terms/title": [{"@value": "Rain"}], "http://www.w3.org/ns/dcat#keyword": [{"@value": "wet"}],
            "http://purl.org/dc/terms/publisher": [{"@id": "https://example.org/water", "@type": ["http://xmlns.com/foaf/0.1/Organization"], "http://xmlns.com/foaf/0.1/name": [{"@value": "Water Board"}]}],
            "http://www.w3.org/ns/dcat#distribution": [{"@type": ["http://www.w3.org/ns/dcat#Distribution"], "http://www.w3.org/ns/dcat#downloadURL": [{"@id": "https://example.org/rain.csv"}], "http://www.w3.org/ns/dcat#mediaType": [{"@id": "https://www.iana.org/assignments/media-types/text/csv"}]}]}]);
        let first = read(nested).unwrap();
        assert_eq!(first.len(), 1);
        assert_eq!(first[0]["identifier"], "https://example.org/d/1");
        assert_eq!(first[0]["publisher"]["name"], "Water Board");
        assert_eq!(first[0]["distribution"]["mediaType"], "text/csv");
        assert_eq!(read(graph).unwrap(), first);
        assert_eq!(read(expanded).unwrap(), first);
    }

    #[test]
    fn english_is_chosen_and_the_rest_is_kept() {
        let context: Value = serde_json::from_str(PREFIXES).unwrap();
        let records = read(json!({"@context": context, "@id": "https://example.org/d/1", "@type": "dcat:Dataset",
            "dct:title": [{"@value": "Regen", "@language": "de"}, {"@value": "Rain", "@language": "en"}], "dct:creator": {"foaf:name": "x"}}))
        .unwrap();
        assert_eq!(records[0]["title"], "Rain");
        assert_eq!(records[0]["http://purl.org/dc/terms/title"], json!(["Regen", "Rain"]));
        assert_eq!(records[0]["http://purl.org/dc/terms/creator"][0]["http://xmlns.com/foaf/0.1/name"], json!(["x"]));
    }

    #[test]
    fn the_built_in_context_is_known_and_others_are_refused_by_name() {
        let link = format!("https://{}", terms::POD_CONTEXT);
        let records = read(json!({"@context": link, "@graph": [{"@type": "dcat:Dataset", "identifier": "a", "title": "Rain", "accessLevel": "public"}]})).unwrap();
        assert_eq!(records[0], json!({"identifier": "a", "title": "Rain", "accessLevel": "public"}));
        let refused = read(json!({"@context": ["https://example.org/c.jsonld", {}], "@type": "x"})).unwrap_err();
        assert!(refused.to_string().contains("`https://example.org/c.jsonld` is not built in"), "{refused}");
        assert!(matches!(read(json!({"@id": "https://example.org/x"})), Err(ImportError::NotCatalogue)));
        assert!(matches!(read(json!("text")), Err(ImportError::NotCatalogue | ImportError::NotLinked(_))));
    }

    #[test]
    fn a_graph_in_a_circle_ends() {
        let context: Value = serde_json::from_str(PREFIXES).unwrap();
        let records = read(json!({"@context": context, "@graph": [
            {"@id": "https://e.org/1", "@type": "dcat:Dataset", "dct:title": "a", "dct:relation": {"@id": "https://e.org/2"}},
            {"@id": "https://e.org/2", "@type": "dcat:Dataset", "dct:title": "b", "dct:relation": [{"@id": "https://e.org/1"}, {"@id": "https://e.org/2"}]}]}))
        .unwrap();
        assert_eq!(records.len(), 2);
    }
}
