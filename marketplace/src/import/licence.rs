//! Which licences make public data open, as a table. A licence that is not in it is not recognised:
//! the data are then shared with public access, never open by guess.
//!
//! The test is the Open Definition 2.1: free use, change and redistribution, at most with
//! attribution or share-alike. Licences that forbid commercial use or change are not open.

/// Links of one licence, without scheme, `www.` and trailing slash, in lower case. A pattern that ends
/// in `*` matches everything that starts with it.
struct Licence {
    #[cfg_attr(not(test), allow(dead_code))]
    name: &'static str,
    links: &'static [&'static str],
}

const OPEN: &[Licence] = &[
    Licence {
        name: "CC0 1.0",
        links: &[
            "creativecommons.org/publicdomain/zero/1.0*",
            "creativecommons.org/share-your-work/public-domain/cc0",
            "spdx.org/licenses/cc0-1.0*",
            "publications.europa.eu/resource/authority/licence/cc0",
        ],
    },
    Licence {
        name: "Public Domain Mark 1.0",
        links: &["creativecommons.org/publicdomain/mark/1.0*", "spdx.org/licenses/cc-pddc*"],
    },
    Licence {
        name: "CC BY",
        links: &[
            "creativecommons.org/licenses/by/1.0*",
            "creativecommons.org/licenses/by/2.0*",
            "creativecommons.org/licenses/by/2.5*",
            "creativecommons.org/licenses/by/3.0*",
            "creativecommons.org/licenses/by/4.0*",
            "spdx.org/licenses/cc-by-4.0*",
            "spdx.org/licenses/cc-by-3.0*",
            "publications.europa.eu/resource/authority/licence/cc_by_4_0",
            "publications.europa.eu/resource/authority/licence/cc_by",
        ],
    },
    Licence {
        name: "CC BY-SA",
        links: &[
            "creativecommons.org/licenses/by-sa/2.0*",
            "creativecommons.org/licenses/by-sa/2.5*",
            "creativecommons.org/licenses/by-sa/3.0*",
            "creativecommons.org/licenses/by-sa/4.0*",
            "spdx.org/licenses/cc-by-sa-4.0*",
            "publications.europa.eu/resource/authority/licence/cc_bysa_4_0",
        ],
    },
    Licence { name: "PDDL", links: &["opendatacommons.org/licenses/pddl*", "spdx.org/licenses/pddl-1.0*"] },
    Licence { name: "ODC-BY", links: &["opendatacommons.org/licenses/by*", "spdx.org/licenses/odc-by-1.0*"] },
    Licence { name: "ODbL", links: &["opendatacommons.org/licenses/odbl*", "spdx.org/licenses/odbl-1.0*"] },
    Licence {
        name: "US government work",
        links: &["usa.gov/publicdomain/label/1.0", "usa.gov/government-works", "usa.gov/government-copyright"],
    },
    Licence {
        name: "Open Government Licence",
        links: &[
            "nationalarchives.gov.uk/doc/open-government-licence*",
            "open.canada.ca/en/open-government-licence-canada",
        ],
    },
    Licence {
        name: "Licence Ouverte",
        links: &[
            "etalab.gouv.fr/licence-ouverte-open-licence",
            "publications.europa.eu/resource/authority/licence/lic_ouv2",
        ],
    },
    Licence { name: "Data licence Germany", links: &["govdata.de/dl-de/by-2-0", "govdata.de/dl-de/zero-2-0"] },
    Licence {
        name: "MIT family",
        links: &[
            "opensource.org/licenses/mit",
            "opensource.org/licenses/mit-0",
            "opensource.org/license/mit",
            "opensource.org/license/mit-0",
            "spdx.org/licenses/mit",
            "spdx.org/licenses/mit-0",
            "spdx.org/licenses/mit.html",
            "spdx.org/licenses/mit-0.html",
            "choosealicense.com/licenses/mit",
            "opensource.org/licenses/isc",
        ],
    },
    Licence {
        name: "Apache 2.0",
        links: &[
            "apache.org/licenses/license-2.0",
            "apache.org/licenses/license-2.0.html",
            "opensource.org/licenses/apache-2.0",
            "spdx.org/licenses/apache-2.0*",
        ],
    },
    Licence {
        name: "BSD family",
        links: &["opensource.org/licenses/bsd-2-clause", "opensource.org/licenses/bsd-3-clause"],
    },
];

/// Whether `link` is a licence of the table.
pub(super) fn is_open(link: &str) -> bool {
    named(link).is_some()
}

fn named(link: &str) -> Option<&'static str> {
    let plain = normalise(link);
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        // What follows must not make another licence of it: `by*` is not `by-nc`.
        Some(start) => {
            plain.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.', '#', '?']))
        }
        None => plain == pattern,
    };
    OPEN.iter().find(|licence| licence.links.iter().any(|pattern| matches(pattern))).map(|licence| licence.name)
}

/// `HTTPS://www.Example.org/a/` and `http://example.org/a` are one link.
fn normalise(link: &str) -> String {
    let lower = link.trim().to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
    let rest = rest.strip_prefix("www.").unwrap_or(rest);
    rest.trim_end_matches('/').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_licence_are_one() {
        for (link, name) in [
            ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0 1.0"),
            ("http://creativecommons.org/publicdomain/zero/1.0", "CC0 1.0"),
            ("HTTPS://WWW.creativecommons.org/publicdomain/zero/1.0/legalcode", "CC0 1.0"),
            ("http://creativecommons.org/publicdomain/mark/1.0/other-pd", "Public Domain Mark 1.0"),
            ("https://creativecommons.org/licenses/by/4.0", "CC BY"),
            ("http://opendatacommons.org/licenses/pddl/", "PDDL"),
            ("https://opendatacommons.org/licenses/by/1-0/", "ODC-BY"),
            ("http://www.usa.gov/publicdomain/label/1.0/", "US government work"),
            ("https://www.usa.gov/government-works", "US government work"),
            ("https://opensource.org/licenses/MIT-0", "MIT family"),
        ] {
            assert_eq!(named(link), Some(name), "{link}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_not_open() {
        for link in [
            "https://creativecommons.org/licenses/by-nc/4.0/",
            "https://creativecommons.org/licenses/by-nd/4.0/",
            "https://creativecommons.org",
            "https://project-open-data.cio.gov/unknown-license/",
            "https://example.org/creativecommons.org/publicdomain/zero/1.0/",
            "https://creativecommons.org/publicdomain/zero/1.0-not-really",
            "https://opendatacommons.org/licenses/bystander",
            "public",
            "",
        ] {
            assert_eq!(named(link), None, "{link}");
        }
    }
}
