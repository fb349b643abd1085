//! Media types and format names, as a table: what a distribution's format says about its data.

use contracts::vocabulary::{DataType, Structure};

/// What one format says.
pub(super) struct Format {
    /// The name that people know it by.
    pub label: &'static str,
    /// Media types and names it goes by, in lower case.
    names: &'static [&'static str],
    /// Which structure (ISO/IEC 17917 11) its content has, if the format alone tells.
    pub structure: Option<Structure>,
    /// Which type of data it holds, if the format alone tells.
    pub data_type: Option<DataType>,
}

const fn format(
    label: &'static str,
    names: &'static [&'static str],
    structure: Option<Structure>,
    data_type: Option<DataType>,
) -> Format {
    Format { label, names, structure, data_type }
}

/// A web page says nothing about the data that it leads to, and an archive nothing about what is in it.
#[rustfmt::skip]
const FORMATS: &[Format] = &[
    format("CSV", &["csv", "csv file", "text/csv", "application/csv", "text/comma-separated-values"], Some(Structure::Structured), Some(DataType::Table)),
    format("TSV", &["tsv", "text/tab-separated-values"], Some(Structure::Structured), Some(DataType::Table)),
    format("XLSX", &["xlsx", "xlsw", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"], Some(Structure::Structured), Some(DataType::Table)),
    format("XLS", &["xls", "excel", "spreadsheet", "application/vnd.ms-excel", "application/excel"], Some(Structure::Structured), Some(DataType::Table)),
    format("ODS", &["ods", "application/vnd.oasis.opendocument.spreadsheet"], Some(Structure::Structured), Some(DataType::Table)),
    format("Parquet", &["parquet", "application/vnd.apache.parquet"], Some(Structure::Structured), Some(DataType::Table)),
    format("SHP", &["shp", "shapefile", "esri shapefile", "application/x-shapefile"], Some(Structure::Structured), Some(DataType::Map)),
    format("GPKG", &["gpkg", "geopackage", "application/geopackage+sqlite3"], Some(Structure::Structured), Some(DataType::Map)),
    format("GeoJSON", &["geojson", "application/geo+json", "application/vnd.geo+json"], Some(Structure::SemiStructured), Some(DataType::Map)),
    format("KML", &["kml", "application/vnd.google-earth.kml+xml"], Some(Structure::SemiStructured), Some(DataType::Map)),
    format("KMZ", &["kmz", "zipped kmz", "application/vnd.google-earth.kmz", "application/vnd.google-earth.kmz+xml"], Some(Structure::SemiStructured), Some(DataType::Map)),
    format("JSON", &["json", "application/json", "text/json"], Some(Structure::SemiStructured), None),
    format("XML", &["xml", "application/xml", "text/xml"], Some(Structure::SemiStructured), None),
    format("RSS", &["rss", "application/rss+xml", "application/atom+xml"], Some(Structure::SemiStructured), Some(DataType::Text)),
    format("RDF", &["rdf", "application/rdf+xml", "text/turtle", "application/ld+json", "application/n-triples"], Some(Structure::Semantic), Some(DataType::Graph)),
    format("PDF", &["pdf", "application/pdf"], Some(Structure::Unstructured), Some(DataType::Text)),
    format("DOC", &["doc", "application/msword"], Some(Structure::Unstructured), Some(DataType::Text)),
    format("DOCX", &["docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"], Some(Structure::Unstructured), Some(DataType::Text)),
    format("TXT", &["txt", "text", "text/plain"], Some(Structure::Unstructured), Some(DataType::Text)),
    format("TIFF", &["tif", "tiff", "image/tiff"], Some(Structure::Unstructured), Some(DataType::Image)),
    format("JPEG", &["jpg", "jpeg", "image/jpeg"], Some(Structure::Unstructured), Some(DataType::Image)),
    format("PNG", &["png", "image/png"], Some(Structure::Unstructured), Some(DataType::Image)),
    format("MP4", &["mp4", "video/mp4"], Some(Structure::Unstructured), Some(DataType::Movie)),
    format("MP3", &["mp3", "audio/mpeg"], Some(Structure::Unstructured), Some(DataType::Sound)),
    format("API", &["api", "rest", "web service", "wms", "wfs"], None, Some(DataType::Service)),
    format("HTML", &["html", "htm", "aspx", "text/html", "application/xhtml+xml"], None, None),
    format("ZIP", &["zip", "application/zip", "application/x-zip-compressed"], None, None),
    format("GZIP", &["gz", "gzip", "application/gzip"], None, None),
];

/// The format that goes by `name`, a media type or a word.
pub(super) fn known(name: &str) -> Option<&'static Format> {
    let plain = name.split(';').next().unwrap_or_default().trim().trim_start_matches('.').to_ascii_lowercase();
    FORMATS.iter().find(|format| format.names.contains(&plain.as_str()))
}

/// The structure that stands for several: what can be computed with comes before what can be read,
/// so a table that is also given as XML and PDF is structured.
pub(super) fn leading(structures: impl Iterator<Item = Structure>) -> Option<Structure> {
    const ORDER: [Structure; 4] =
        [Structure::Structured, Structure::Semantic, Structure::SemiStructured, Structure::Unstructured];
    let found: Vec<Structure> = structures.collect();
    ORDER.into_iter().find(|structure| found.contains(structure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_means_one_format() {
        let names: Vec<&str> = FORMATS.iter().flat_map(|format| format.names).copied().collect();
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name} is in the table twice");
            assert_eq!(*name, name.to_ascii_lowercase());
        }
        assert_eq!(known("text/CSV; charset=utf-8").map(|format| format.label), Some("CSV"));
        assert_eq!(known(".xlsx").map(|format| format.label), Some("XLSX"));
        assert!(known("application/octet-stream").is_none());
    }

    #[test]
    fn a_table_that_is_also_a_page_of_text_is_structured() {
        assert_eq!(
            leading([Structure::Unstructured, Structure::Semantic, Structure::Structured].into_iter()),
            Some(Structure::Structured)
        );
        assert_eq!(leading([].into_iter()), None);
    }
}
