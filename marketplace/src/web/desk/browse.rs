//! Looking around: the first page, search, a dataset, a party, help.

use super::{Asked, ROWS, asked, hits, id, name_of, start, title_of};
use crate::{
    error::MarketError,
    limits::PAGE_ROWS_MAX,
    market::{DatasetView, OFFERS_SHOWN, VersionView},
    search::{Facet, FacetCount, Filter, Query, Results, Sort},
    web::{
        form::{Field, Form, Part, Sent, choices},
        jacket,
        page::*,
        show::{Id, Mark, count, encode, several},
        visit::Visit,
    },
};
use axum::{extract::Path, response::Response};
use contracts::{
    dataset::Listing,
    id::{DatasetId, PartyId, VersionId},
    jacket::Jacket,
    offer::Price,
    party::{Role, Standing},
    terms::Allowed,
    vocabulary::{PersonalStatus, Purpose, Spectrum},
};

/// Values of a facet that a page lists.
const VALUES: usize = 40;
/// Versions on a dataset's page.
const VERSIONS: usize = 10;

/// The first page.
pub async fn home(visit: Visit) -> Response {
    visit.answer(draw_home(&visit).await)
}

async fn draw_home(visit: &Visit) -> Result<Response, MarketError> {
    let newest = Query { sort: Sort::Newest, limit: 8, ..Query::default() };
    let found = visit.market.search().query(&newest)?;
    let number = |facet: Facet, value: &str| {
        found.facets.iter().find(|count| count.facet == facet && count.value == value).map_or(0, |count| count.count)
    };
    let tally = [
        ("/search", found.total, if found.total == 1 { "listing" } else { "listings" }),
        ("/search?spectrum=open", number(Facet::Spectrum, "open"), "open data"),
        ("/search?spectrum=shared", number(Facet::Spectrum, "shared"), "shared data"),
        ("/search?availability=offer", number(Facet::Availability, "offer"), "on offer"),
        ("/search?availability=content", number(Facet::Availability, "content"), "with content here"),
    ];
    let themes = found.facets.iter().filter(|value| value.facet == Facet::Theme).take(14);
    let themes = themes.map(|theme| {
        let href = format!("/search?theme={}", encode(&theme.value));
        (href, value_name(Facet::Theme, &theme.value), count(theme.count))
    });
    let mut mine = Vec::new();
    if let Some(party) = visit.party() {
        for (currency, amount) in visit.market.rows().accounts(&party)? {
            mine.push(("Balance".to_string(), amount.display(currency)));
        }
    }
    let ids: Vec<DatasetId> = found.hits.iter().map(|hit| hit.dataset).collect();
    let page = HomePage {
        frame: visit.frame("home"),
        tally: tally.into_iter().map(|(href, number, name)| (href.into(), count(number), name.into())).collect(),
        themes: themes.collect(),
        hits: Hits { hits: hits(visit, &ids).await? },
        mine,
    };
    Ok(visit.show(&page))
}

/// Help.
pub async fn help(visit: Visit) -> Response {
    visit.show(&HelpPage::new(visit.frame("help")))
}

/// Search.
pub async fn search(visit: Visit, query: Asked) -> Response {
    visit.answer(draw_search(&visit, asked(query)).await)
}

/// What an address of the search page asks for.
struct Wanted {
    text: String,
    filters: Vec<(Facet, String)>,
    sort: Sort,
    offset: usize,
}

impl Wanted {
    fn of(asked: &Sent) -> Result<Self, MarketError> {
        let filters = asked.0.iter().filter_map(|(name, value)| Some((name.parse().ok()?, value.clone()))).collect();
        let sort = match asked.get("sort") {
            "title" => Sort::Title,
            "newest" => Sort::Newest,
            _ => Sort::Relevance,
        };
        let offset = match asked.get("from") {
            "" => 0,
            text => text
                .parse()
                .map_err(|_| MarketError::invalid("from", "a whole number: use the link to the next page"))?,
        };
        Ok(Self { text: asked.get("q").to_string(), filters, sort, offset })
    }

    fn sort_word(sort: Sort) -> Option<&'static str> {
        match sort {
            Sort::Relevance => None,
            Sort::Title => Some("title"),
            Sort::Newest => Some("newest"),
        }
    }

    /// The address of this search with other filters and order, from its first page on.
    fn href(&self, filters: &[(Facet, String)], sort: Sort) -> String {
        let mut pairs: Vec<String> = Vec::new();
        if !self.text.is_empty() {
            pairs.push(format!("q={}", encode(&self.text)));
        }
        pairs.extend(filters.iter().map(|(facet, value)| format!("{}={}", facet.slug(), encode(value))));
        pairs.extend(Self::sort_word(sort).map(|word| format!("sort={word}")));
        if pairs.is_empty() { "/search".into() } else { format!("/search?{}", pairs.join("&")) }
    }

    /// The filters with one more, or without it where it is there.
    fn toggled(&self, facet: Facet, value: &str) -> Vec<(Facet, String)> {
        let mut filters = self.filters.clone();
        match filters.iter().position(|(known, said)| *known == facet && said == value) {
            Some(at) => {
                filters.remove(at);
            }
            None => filters.push((facet, value.to_string())),
        }
        filters
    }
}

async fn draw_search(visit: &Visit, asked: Sent) -> Result<Response, MarketError> {
    let wanted = Wanted::of(&asked)?;
    let query = Query {
        text: wanted.text.clone(),
        filters: wanted.filters.iter().map(|(facet, value)| Filter { facet: *facet, value: value.clone() }).collect(),
        sort: wanted.sort,
        offset: wanted.offset,
        limit: ROWS,
    };
    let found = visit.market.search().query(&query)?;
    let ids: Vec<DatasetId> = found.hits.iter().map(|hit| hit.dataset).collect();
    let page = search_page(visit, wanted, found, Hits { hits: hits(visit, &ids).await? });
    Ok(visit.show(&page))
}

fn search_page(visit: &Visit, wanted: Wanted, found: Results, listed: Hits) -> SearchPage {
    let here = wanted.href(&wanted.filters, wanted.sort);
    let last = wanted.offset + found.hits.len();
    let next = (last < found.total).then(|| last.to_string());
    let cursor = (wanted.offset > 0).then_some("");
    let left = found.total.saturating_sub(last).min(ROWS);
    let sorts = [(Sort::Relevance, "Best match"), (Sort::Newest, "Newest"), (Sort::Title, "Title")];
    let order = match wanted.sort {
        Sort::Relevance if wanted.text.is_empty() => "In the order of the index",
        Sort::Relevance => "Best match first; a whole identifier or title comes before anything else",
        Sort::Newest => "Changed last first",
        Sort::Title => "By title",
    };
    let order = match found.hits.len() {
        0 => String::new(),
        _ => format!("{order}. {} to {} of {}.", count(wanted.offset + 1), count(last), count(found.total)),
    };
    let chosen = wanted.filters.iter().map(|(facet, value)| {
        let name = format!("{}: {}", facet_name(*facet), value_name(*facet, value));
        (wanted.href(&wanted.toggled(*facet, value), wanted.sort), name)
    });
    let mut kept: Vec<(String, String)> =
        wanted.filters.iter().map(|(facet, value)| (facet.slug().to_string(), value.clone())).collect();
    kept.extend(Wanted::sort_word(wanted.sort).map(|word| ("sort".to_string(), word.to_string())));
    SearchPage {
        frame: visit.frame("search"),
        kept,
        total: several(found.total, "listing", "listings"),
        sorts: sorts
            .iter()
            .map(|(sort, name)| (wanted.href(&wanted.filters, *sort), *name, *sort == wanted.sort))
            .collect(),
        order,
        chosen: chosen.collect(),
        clear: wanted.href(&[], wanted.sort),
        guessed: found.guessed,
        widened: found.widened,
        hits: listed,
        pager: Pager::of(&here, "from", cursor, next, &format!("Next {left}")),
        facets: groups(&wanted, &found.facets),
        asked: wanted.text,
    }
}

fn groups(wanted: &Wanted, counts: &[FacetCount]) -> Vec<FacetGroup> {
    let group = |facet: &Facet| {
        let all: Vec<&FacetCount> = counts.iter().filter(|count| count.facet == *facet).collect();
        let chosen = |value: &str| wanted.filters.iter().any(|(known, said)| known == facet && said == value);
        let value = |found: &&FacetCount| FacetValue {
            href: wanted.href(&wanted.toggled(*facet, &found.value), wanted.sort),
            name: value_name(*facet, &found.value),
            count: count(found.count),
            chosen: chosen(&found.value),
        };
        let early = matches!(facet, Facet::Spectrum | Facet::Availability | Facet::PriceForm | Facet::Theme);
        let values: Vec<FacetValue> = all.iter().take(VALUES).map(value).collect();
        let open = early || values.iter().any(|value| value.chosen);
        (!all.is_empty()).then(|| FacetGroup { name: facet_name(*facet), open, values, cut: all.len() > VALUES })
    };
    Facet::ALL.iter().filter_map(group).collect()
}

/// A party.
pub async fn party(visit: Visit, Path(party): Path<String>, query: Asked) -> Response {
    visit.answer(draw_party(&visit, &party, asked(query)).await)
}

async fn draw_party(visit: &Visit, party: &str, asked: Sent) -> Result<Response, MarketError> {
    let party: PartyId = id(party, "party")?;
    let rows = visit.market.rows();
    let known = rows.party(&party)?.ok_or(MarketError::NotFound("party"))?;
    let listed = rows.datasets_of(&party, start(&asked, "cursor")?.as_ref(), ROWS)?;
    let roles = known.roles.list().into_iter().map(role_label).collect::<Vec<_>>().join(", ");
    let next = listed.next.as_ref().map(ToString::to_string);
    let page = PartyPage {
        frame: visit.frame("party"),
        explored: visit.frame("party").explored("party", &party),
        name: known.name,
        kind: kind_label(known.kind).into(),
        standing: standing(known.standing),
        roles: if roles.is_empty() { "none yet".into() } else { roles },
        country: known.jurisdiction.to_string(),
        party,
        hits: Hits { hits: hits(visit, &listed.items).await? },
        pager: Pager::of(
            &format!("/parties/{party}"),
            "cursor",
            asked.some("cursor").as_deref(),
            next,
            "Older listings",
        ),
    };
    Ok(visit.show(&page))
}

/// A dataset.
pub async fn dataset(visit: Visit, Path(dataset): Path<String>, query: Asked) -> Response {
    visit.answer(draw_dataset(&visit, &dataset, asked(query)).await)
}

async fn draw_dataset(visit: &Visit, dataset: &str, asked: Sent) -> Result<Response, MarketError> {
    let dataset: DatasetId = id(dataset, "dataset")?;
    let viewer = visit.party();
    let mut view = visit.market.dataset(&dataset, viewer.as_ref()).await?.ok_or(MarketError::NotFound("dataset"))?;
    let from = start(&asked, "offers")?;
    if from.is_some() {
        let further = visit.market.rows().open_offers(&dataset, from.as_ref(), OFFERS_SHOWN)?;
        (view.offers, view.more_offers) = (further.items, further.next);
    }
    let Some(jacket) = view.jacket.clone() else {
        let mark = visit.market.rows().jacket(&dataset)?.map(|jacket| Mark::of(&jacket.classification.spectrum));
        let page = ClosedPage {
            frame: visit.frame("dataset-closed"),
            id: Id::of(&dataset),
            publisher: view.publisher,
            own: viewer == Some(view.publisher),
            publisher_name: view.publisher_name,
            mark: mark.ok_or(MarketError::NotFound("dataset"))?,
        };
        return Ok(visit.show(&page));
    };
    let below = asked.some("below").and_then(|text| text.parse().ok());
    let versions = visit.market.versions(&dataset, below, VERSIONS).await?;
    let page = dataset_page(visit, view, jacket, versions, asked.some("offers")).await?;
    Ok(visit.show(&page))
}

async fn dataset_page(
    visit: &Visit,
    view: DatasetView,
    jacket: Jacket,
    versions: Vec<VersionView>,
    offers_from: Option<String>,
) -> Result<DatasetPage, MarketError> {
    let frame = visit.frame("dataset");
    let viewer = visit.party();
    let (id, own) = (view.id, viewer == Some(view.publisher));
    let record = visit.market.rows().dataset(&id)?.ok_or(MarketError::NotFound("dataset"))?;
    let prose = visit.market.prose(&id, viewer.as_ref()).await.unwrap_or_default();
    let outline = match (&prose, record.side) {
        (Some(side), _) => side.get("outline").map_or(Outline::None, Outline::of),
        (None, Some(_)) => Outline::Gone,
        (None, None) => Outline::None,
    };
    let last = versions.last().map(|version| version.number);
    let older = last.filter(|number| *number > 1).map(|number| format!("/datasets/{id}?below={number}#versions"));
    let mut rows = Vec::new();
    for version in &versions {
        rows.push(version_row(visit, version)?);
    }
    Ok(DatasetPage {
        explored: frame.explored("dataset", &id),
        id: Id::of(&id),
        title: jacket.title.clone(),
        catalogue_href: format!("/search?catalogue={}", encode(&view.catalogue)),
        catalogue: view.catalogue.clone(),
        identifier: view.identifier.clone(),
        source_publisher: jacket.source_publisher.clone(),
        publisher: view.publisher,
        publisher_name: view.publisher_name.clone(),
        tags: tags(&jacket),
        standing: standing_note(view.listing),
        own,
        outline,
        keywords: jacket.keywords.iter().map(|word| (format!("/search?q={}", encode(word)), word.clone())).collect(),
        variables: jacket.variables.iter().map(VariableRow::of).collect(),
        variables_caption: format!("{}.", several(jacket.variables.len(), "variable", "variables")),
        jacket: jacket::jacket(&jacket),
        classification: jacket::classification(&jacket.classification),
        origins: jacket::origins(&jacket.classification),
        distributions: jacket.distributions.iter().map(DistributionRow::of).collect(),
        distributions_caption: several(jacket.distributions.len(), "link to the source", "links to the source"),
        landing_page: jacket.landing_page.as_deref().map(|link| OutsideLink::of(link, None)),
        licence: jacket.licence.as_deref().map(|link| OutsideLink::of(link, None)),
        older,
        held: held(visit, &id)?,
        offers: offers(visit, &view),
        no_offer: no_offer(&view),
        more_offers: Pager::of(
            &format!("/datasets/{id}"),
            "offers",
            offers_from.as_deref(),
            view.more_offers.as_ref().map(ToString::to_string),
            "Further offers",
        )
        .at("offers"),
        personal: personal(visit, &view, &jacket)?,
        revision: view.revision,
        digest: Id::of(&record.jacket),
        versions: rows,
        frame,
    })
}

fn standing_note(listing: Listing) -> Option<String> {
    match listing {
        Listing::Listed => None,
        Listing::Suspended => Some("This listing is suspended: for now nothing of it is sold or delivered.".into()),
        Listing::Withdrawn => Some("This listing is withdrawn for good. Licences in force keep running.".into()),
    }
}

/// A version with the names of those that it was made from.
pub fn version_row(visit: &Visit, version: &VersionView) -> Result<VersionRow, MarketError> {
    let mut parents = Vec::new();
    for parent in &version.parents {
        parents.push(parent_name(visit, parent)?);
    }
    let mut row = VersionRow::of(&version.id, version.number, &version.content, parents);
    let excludes = visit.market.rows().version(&version.id)?.map_or(0, |found| found.excludes.len());
    row.excludes =
        (excludes > 0).then(|| several(excludes, "person who withdrew consent", "people who withdrew consent"));
    Ok(row)
}

fn parent_name(visit: &Visit, id: &VersionId) -> Result<(String, String), MarketError> {
    let found = visit.market.rows().version(id)?.ok_or(MarketError::NotFound("version"))?;
    let title = title_of(&visit.market, &found.dataset, visit.party().as_ref())?;
    Ok((format!("/datasets/{}", found.dataset), format!("{title}, version {}", found.number)))
}

/// The licence that the viewer holds.
fn held(visit: &Visit, dataset: &DatasetId) -> Result<Option<(String, String)>, MarketError> {
    let Some(party) = visit.party() else { return Ok(None) };
    let rows = visit.market.rows();
    let Some(holding) = rows.holding(&party, dataset)? else { return Ok(None) };
    let Some(agreement) = rows.agreement(&holding.agreement)? else { return Ok(None) };
    let (_, word) = state(&agreement, visit.market.now_ms());
    let text = if visit.market.in_force(&agreement) {
        "You hold a licence in force.".into()
    } else {
        format!("Your licence: {word}.")
    };
    Ok(Some((format!("/agreements/{}", holding.agreement), text)))
}

fn offers(visit: &Visit, view: &DatasetView) -> Vec<OfferCard> {
    let buyer = visit.frame("dataset").viewer;
    let may = buyer.as_ref().is_some_and(|viewer| viewer.roles.has(Role::Buyer) && viewer.standing == Standing::Active);
    let card = |(at, row): (usize, &crate::rows::OfferRow)| {
        let mut card = OfferCard::of(&row.id, row.offer.revision, &row.revision);
        if view.listing != Listing::Listed {
            card.why_not = Some("Not for sale while the listing is suspended or withdrawn.".into());
        } else if may {
            card.form = Some(ask_price(row, at));
        } else if buyer.is_some() {
            card.why_not = Some("To buy, your organisation needs the role buyer: ask an operator.".into());
        } else {
            card.why_not = Some("Sign in to get a price and buy.".into());
        }
        card
    };
    view.offers.iter().enumerate().map(card).collect()
}

fn ask_price(row: &crate::rows::OfferRow, at: usize) -> Form {
    let purposes: Vec<(&str, String)> = match &row.revision.terms.purposes {
        Allowed::Any => choices!(Purpose),
        Allowed::Only { purposes } => {
            purposes.iter().map(|purpose| (purpose.slug(), purpose.label().to_string())).collect()
        }
    };
    let mut fields = vec![Field::select("purpose", "What you will use the data for", &purposes)];
    if let Price::Subscription { periods_max, .. } = row.revision.price {
        fields.push(Field::number("periods", "How many periods").hint(&format!("1 to {periods_max}")).value("1"));
    }
    Form {
        action: format!("/offers/{}/confirm", row.id),
        submit: "Get a price".into(),
        asks: true,
        parts: vec![Part::plain(fields)],
        ..Form::default()
    }
    .prefixed(&format!("o{at}"))
}

fn no_offer(view: &DatasetView) -> String {
    if view.spectrum == Some(Spectrum::Closed) {
        "Closed data are never sold.".into()
    } else if view.gaps.is_empty() {
        "Its provider has made no offer. The description is complete, so one may follow.".into()
    } else {
        let gaps = several(view.gaps.len(), "classification is", "classifications are");
        format!("It cannot be offered yet: {gaps} not stated.")
    }
}

fn personal(visit: &Visit, view: &DatasetView, jacket: &Jacket) -> Result<Option<Personal>, MarketError> {
    if jacket.classification.personal.value() != Some(&PersonalStatus::Personal) {
        return Ok(None);
    }
    let grounds = grounds(visit, &view.id, view.versions)?;
    let intro = if grounds.is_empty() {
        "These data are about people, and there is neither consent nor a legal basis for any purpose. They can be neither bought nor delivered."
    } else {
        "These data are about people. They are sold and delivered only on one of these grounds, for its purpose, and with a justification."
    };
    Ok(Some(Personal { intro: intro.into(), grounds }))
}

/// Grounds for every purpose for which there is one.
pub fn grounds(visit: &Visit, dataset: &DatasetId, version: u32) -> Result<Vec<Ground>, MarketError> {
    let rows = visit.market.rows();
    let bases = rows.bases(dataset)?;
    let mut grounds = Vec::new();
    for purpose in Purpose::ALL {
        let basis = bases.iter().find(|(known, _)| known == purpose).map(|(_, basis)| basis);
        let controller = basis.map(|basis| name_of(&visit.market, &basis.controller)).transpose()?;
        let named = basis.zip(controller.as_deref());
        let consents = rows.scope(dataset, *purpose, version.max(1))?;
        let consents = consents.as_ref().map(|(scope, reach)| (scope, *reach));
        grounds.extend(Ground::of(*purpose, consents, named, version, visit.market.now_ms()));
    }
    debug_assert!(grounds.len() <= PAGE_ROWS_MAX, "there are nine purposes");
    Ok(grounds)
}
