//! Search from one box: a height, an identifier or the beginning of one, or words of a name.

use super::{AsOf, Missing, as_of, cursor, cursor_bytes};
use crate::{
    index::{Era, Found, Kind, Reader, Target, Thing, words},
    limits::{ID_PREFIX_DIGITS_MIN, PAGE_ROWS_MAX, QUERY_BYTES_MAX},
    view::format::{day_of, grouped, short},
    view::tell::{Link, Names},
};
use contracts::{id::*, key::PublicKey};
use serde::Serialize;
use utoipa::ToSchema;

/// One hit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hit {
    /// What it is, and its page.
    pub link: Link,
    /// Why it was found.
    pub why: &'static str,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SearchView {
    /// Up to where this is true.
    pub as_of: AsOf,
    /// What was looked for.
    pub query: String,
    /// As what it was understood.
    pub understood: String,
    /// The hits.
    pub hits: Vec<Hit>,
    /// Cursor of further hits by name.
    pub next: Option<String>,
}

/// Looks for `query`; `after` goes on with hits by name.
///
/// # Errors
/// [`Missing`].
pub fn search(reader: &Reader, query: &str, after: Option<&str>, limit: usize) -> Result<SearchView, Missing> {
    let query = query.trim();
    if query.len() > QUERY_BYTES_MAX {
        return Err(Missing::Malformed(format!("a search has at most {QUERY_BYTES_MAX} bytes")));
    }
    let (mut hits, mut understood) = (Vec::new(), Vec::new());
    if after.is_none() {
        by_height(reader, query, &mut hits, &mut understood)?;
        by_day(reader, query, &mut hits, &mut understood)?;
        by_identifier(reader, query, &mut hits, &mut understood)?;
    }
    let after = after.map(cursor_bytes).transpose()?;
    let page = reader.search(query, after.as_deref(), limit)?;
    if !words(query).is_empty() {
        understood.push("beginnings of words in names and titles".to_string());
        for thing in &page.items {
            hits.push(Hit { link: link_of(reader, thing)?, why: "name" });
        }
    }
    Ok(SearchView {
        as_of: as_of(reader),
        query: query.to_string(),
        understood: if understood.is_empty() {
            "nothing that can be looked up".into()
        } else {
            understood.join(", or ")
        },
        hits,
        next: page.next.map(|key| cursor(&key)),
    })
}

/// The one page that a query names beyond doubt, to go there at once.
pub fn only_page(view: &SearchView) -> Option<&str> {
    let exact: Vec<_> = view.hits.iter().filter(|hit| hit.why == "height" || hit.why == "identifier").collect();
    match exact.as_slice() {
        [one] => Some(&one.link.href),
        _ => None,
    }
}

fn by_height(reader: &Reader, query: &str, hits: &mut Vec<Hit>, understood: &mut Vec<String>) -> Result<(), Missing> {
    let digits: String = query.chars().filter(|c| !matches!(c, ' ' | ',' | '\u{202f}' | '#')).collect();
    let Ok(height) = digits.parse::<u64>() else { return Ok(()) };
    understood.push(format!("height {}", grouped(height)));
    if reader.block(height)?.is_some() {
        let link = Link {
            kind: "block",
            id: height.to_string(),
            name: format!("block {}", grouped(height)),
            href: format!("/block/{height}"),
        };
        hits.push(Hit { link, why: "height" });
    }
    Ok(())
}

fn by_day(reader: &Reader, query: &str, hits: &mut Vec<Hit>, understood: &mut Vec<String>) -> Result<(), Missing> {
    let Some((start, end)) = day_of(query) else { return Ok(()) };
    understood.push(format!("the day {query}, UTC"));
    let (first, after) = (reader.height_from(start)?, reader.height_from(end)?);
    if first < after {
        let name = format!("first block of {query}, block {}", grouped(first));
        let link = Link { kind: "block", id: first.to_string(), name, href: format!("/block/{first}") };
        hits.push(Hit { link, why: "day" });
        for (list, name) in [("transactions", "transactions"), ("refusals", "refusals"), ("deliveries", "deliveries")] {
            let href = format!("/{list}?from={query}&to={query}");
            let link = Link { kind: "list", id: query.to_string(), name: format!("{name} of {query}"), href };
            hits.push(Hit { link, why: "day" });
        }
    }
    Ok(())
}

fn by_identifier(
    reader: &Reader,
    query: &str,
    hits: &mut Vec<Hit>,
    understood: &mut Vec<String>,
) -> Result<(), Missing> {
    // People paste identifiers with a prefix, in capitals, with dashes as UUIDs have.
    let lower = query.to_lowercase();
    let bare: String = lower.strip_prefix("0x").unwrap_or(&lower).chars().filter(|c| *c != '-').collect();
    let hexadecimal = bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hexadecimal || bare.len() < ID_PREFIX_DIGITS_MIN || bare.len() > 64 {
        return Ok(());
    }
    let whole = &bare[..bare.len() & !1];
    let prefix = hex::decode(whole).map_err(|_| Missing::Malformed("not hexadecimal".into()))?;
    let exact = bare.len() == 64 || bare.len() == 32;
    understood.push(if exact {
        "an identifier or digest".into()
    } else {
        "the beginning of an identifier".to_string()
    });
    for found in reader.identifiers(&prefix, PAGE_ROWS_MAX)? {
        let id = hex::encode(&found.id);
        if id.starts_with(&bare) {
            let why = if id == bare { "identifier" } else { "beginning of an identifier" };
            hits.push(Hit { link: link_of_found(reader, &found)?, why });
        }
    }
    Ok(())
}

fn link_of_found(reader: &Reader, found: &Found) -> Result<Link, Missing> {
    let id = hex::encode(&found.id);
    Ok(match &found.target {
        Target::Block(height) => Link {
            kind: "block",
            id,
            name: format!("block {}", grouped(*height)),
            href: format!("/block/{height}?id={}", hex::encode(&found.id)),
        },
        Target::Transaction(transaction) => Names(reader).transaction(transaction),
        Target::Version(dataset, number) => {
            let dataset = Names(reader).dataset(dataset)?;
            let href = format!("{}?id={id}#version-{number}", dataset.href);
            Link { kind: "version", id, name: format!("version {number} of {}", dataset.name), href }
        }
        Target::Thing(thing) => {
            let link = link_of(reader, thing)?;
            // A key leads to its party, where the looked-up key is marked.
            if link.id == id { link } else { Link { href: format!("{}?id={id}", link.href), ..link } }
        }
    })
}

/// What only a refused request named: it has a timeline, and no page.
fn unknown_thing(kind: &'static str, id: &[u8; 32]) -> Link {
    let id = hex::encode(id);
    Link { kind, name: format!("unknown {kind} {}", short(&id)), href: format!("/{kind}/{id}"), id }
}

/// The page of a thing.
///
/// # Errors
/// [`Missing::Index`].
pub fn link_of(reader: &Reader, thing: &Thing) -> Result<Link, Missing> {
    let (names, id) = (Names(reader), thing.id);
    Ok(match thing.kind {
        Kind::Party => names.party(&PartyId(id))?,
        Kind::Dataset => names.dataset(&DatasetId(id))?,
        Kind::Version => names.version(&VersionId(id))?,
        Kind::Offer => names.offer(&OfferId(id))?,
        Kind::Agreement => names.agreement(&AgreementId(id)),
        Kind::Delivery => names.delivery(&DeliveryId(id)),
        Kind::Group => names.group(&GroupId(id))?,
        Kind::Proposal => {
            let unknown = || unknown_thing("proposal", &id);
            names.proposal(&ProposalId(id))?.unwrap_or_else(unknown)
        }
        Kind::Validator => names.validator(&PublicKey(id))?.unwrap_or_else(|| unknown_thing("validator", &id)),
        Kind::Era => super::era::link(Era::number_of(thing)),
        Kind::Transaction | Kind::Block => names.transaction(&TransactionId(id)),
        Kind::Consent => {
            let mut short = [0; 16];
            short.copy_from_slice(&id[..16]);
            names.consent(&ConsentId(short))
        }
    })
}
