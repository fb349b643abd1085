//! Pages for people. Every one of them is whole without script.

use super::{
    App,
    errors::{self, Failure},
    parse::{self, Asked, ListView},
    proof::anchor_json,
    shell::{Shell, html},
};
use crate::view::{
    agreement::AgreementView,
    block::BlockView,
    consent::ConsentView,
    dataset::DatasetView,
    delivery::DeliveryView,
    era::EraView,
    filter::{self, Choice},
    format::grouped,
    governance::GovernanceView,
    group::GroupView,
    home::HomeView,
    list::List,
    offer::OfferView,
    party::PartyView,
    proposal::ProposalView,
    refusal::RefusedView,
    search::{SearchView, only_page},
    transaction::TransactionView,
    validator::ValidatorView,
};
use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};

/// Routes of all pages.
pub fn routes() -> Router<App> {
    let lists = List::ALL.into_iter().fold(Router::new(), |router, list| {
        let show = move |State(app): State<App>, Query(asked): Query<Asked>, headers: HeaderMap| async move {
            list_page(app, list, asked, headers).await
        };
        router.route(&format!("/{}", list.word()), get(show))
    });
    lists
        .route("/", get(home))
        .route("/block/{id}", get(block))
        .route("/transaction/{id}", get(transaction))
        .route("/party/{id}", get(party))
        .route("/dataset/{id}", get(dataset))
        .route("/offer/{id}", get(offer))
        .route("/agreement/{id}", get(agreement))
        .route("/consent/{id}", get(consent))
        .route("/group/{id}", get(group))
        .route("/delivery/{id}", get(delivery))
        .route("/refusal/{id}", get(refusal))
        .route("/governance", get(governance))
        .route("/proposal/{id}", get(proposal))
        .route("/validator/{id}", get(validator))
        .route("/era/{id}", get(era))
        .route("/version/{id}", get(version))
        .route("/provenance/{id}", get(super::lineage::page))
        .route("/search", get(search))
        .route("/verify", get(verify))
        .route("/about", get(about))
}

macro_rules! page {
    ($name:ident, $path:literal, $view:ty) => {
        #[derive(Template)]
        #[template(path = $path)]
        struct $name {
            shell: Shell,
            view: $view,
        }
    };
}

page!(HomePage, "home.html", HomeView);
page!(BlockPage, "block.html", BlockView);
page!(TransactionPage, "transaction.html", TransactionView);
page!(PartyPage, "party.html", PartyView);
page!(DatasetPage, "dataset.html", DatasetView);
page!(OfferPage, "offer.html", OfferView);
page!(AgreementPage, "agreement.html", AgreementView);
page!(ConsentPage, "consent.html", ConsentView);
page!(GroupPage, "group.html", GroupView);
page!(DeliveryPage, "delivery.html", DeliveryView);
page!(RefusalPage, "refusal.html", RefusedView);
page!(GovernancePage, "governance.html", GovernanceView);
page!(ProposalPage, "proposal.html", ProposalView);
page!(ValidatorPage, "validator.html", ValidatorView);
page!(EraPage, "era.html", EraView);
page!(SearchPage, "search.html", SearchView);

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    shell: Shell,
    list: List,
    view: ListView,
    /// Parameters that keep the scope, such as `party=…&`.
    keep: String,
}

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    shell: Shell,
    anchor: String,
}

#[derive(Template)]
#[template(path = "about.html")]
struct AboutPage {
    shell: Shell,
    codes: Vec<(u8, String)>,
}

/// The surroundings of a page about one thing.
fn shell(app: &App, page: &'static str, title: String, asked: &Asked, json: String) -> Shell {
    let mut shell = Shell::new(app, page, &title);
    shell.mark = asked.id.clone().unwrap_or_default().to_lowercase();
    shell.json = Some(json);
    shell
}

macro_rules! thing_page {
    ($name:ident, $page:literal, $template:ident, $path:literal, |$view:ident| $title:expr) => {
        async fn $name(
            State(app): State<App>,
            Path(text): Path<String>,
            Query(asked): Query<Asked>,
            headers: HeaderMap,
        ) -> Response {
            match parse::$name(&app, &text, &asked).await {
                Ok($view) => {
                    let json = format!(concat!("/api/v1/", $path, "/{}"), text);
                    let mut shell = shell(&app, $page, $title, &asked, json);
                    shell.as_of = $view.as_of.clone();
                    html(&headers, &$template { shell, view: $view })
                }
                Err(failure) => errors::page(&app, &failure, &text),
            }
        }
    };
}

thing_page!(block, "block", BlockPage, "blocks", |view| format!("Block {}", grouped(view.block.height)));
thing_page!(transaction, "transaction", TransactionPage, "transactions", |view| format!(
    "Transaction: {}",
    view.action
));
thing_page!(party, "party", PartyPage, "parties", |view| view.name.clone());
thing_page!(dataset, "dataset", DatasetPage, "datasets", |view| view.title.clone());
thing_page!(offer, "offer", OfferPage, "offers", |view| format!("Offer of {}", view.dataset.name));
thing_page!(agreement, "agreement", AgreementPage, "agreements", |view| format!("Agreement on {}", view.dataset.name));
thing_page!(consent, "consent", ConsentPage, "consents", |view| format!("Consent for {}", view.dataset.name));
thing_page!(group, "group", GroupPage, "groups", |view| format!("Group {}", view.name));
thing_page!(delivery, "delivery", DeliveryPage, "deliveries", |view| format!("Delivery of {}", view.version.name));
thing_page!(refusal, "refusal", RefusalPage, "refusals", |view| format!("Refusal: {}", view.transaction.action));
thing_page!(proposal, "proposal", ProposalPage, "proposals", |view| format!("Proposal of {}", view.what.text));
thing_page!(validator, "validator", ValidatorPage, "validators", |view| format!("Validator {}", view.name));
thing_page!(era, "era", EraPage, "eras", |view| format!("Era {}", view.number));

async fn governance(State(app): State<App>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    match parse::governance(&app).await {
        Ok(view) => {
            let mut shell = shell(&app, "governance", "Governance".into(), &asked, "/api/v1/governance".into());
            shell.as_of = view.as_of.clone();
            html(&headers, &GovernancePage { shell, view })
        }
        Err(failure) => errors::page(&app, &failure, ""),
    }
}

async fn home(State(app): State<App>, headers: HeaderMap) -> Response {
    match parse::home(&app).await {
        Ok(view) => {
            let mut shell = shell(&app, "home", "Explorer".into(), &Asked::default(), "/api/v1/summary".into());
            shell.as_of = view.as_of.clone();
            html(&headers, &HomePage { shell, view })
        }
        Err(failure) => errors::page(&app, &failure, ""),
    }
}

async fn list_page(app: App, list: List, asked: Asked, headers: HeaderMap) -> Response {
    match parse::list(&app, list, &asked).await {
        Ok(view) => {
            let mut title = list.word().to_string();
            title[..1].make_ascii_uppercase();
            if let Some((_, thing)) = &view.scope {
                title = format!("{title} of {}", thing.name);
            }
            let keep = view.asked.keep();
            let json = format!("/api/v1/lists/{}?{keep}", list.word());
            let mut shell = shell(&app, list.word(), title, &asked, json);
            shell.as_of = view.as_of.clone();
            html(&headers, &ListPage { shell, list, view, keep })
        }
        Err(failure) => errors::page(&app, &failure, ""),
    }
}

async fn search(State(app): State<App>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    let query = asked.q.clone().unwrap_or_default();
    match parse::search(&app, &asked).await {
        Ok(view) => {
            // What names one page beyond doubt leads there.
            if let Some(href) = only_page(&view) {
                return Redirect::to(href).into_response();
            }
            let mut shell = Shell::new(&app, "search", "Search");
            shell.query = query;
            shell.as_of = view.as_of.clone();
            html(&headers, &SearchPage { shell, view })
        }
        Err(failure) => errors::page(&app, &failure, &query),
    }
}

/// Versions live on the page of their dataset.
async fn version(State(app): State<App>, Path(text): Path<String>) -> Response {
    let asked = Asked { q: Some(text.clone()), ..Asked::default() };
    match parse::search(&app, &asked).await {
        Ok(view) => match view.hits.iter().find(|hit| hit.link.kind == "version" && hit.link.id == text.to_lowercase())
        {
            Some(hit) => Redirect::to(&hit.link.href).into_response(),
            None => {
                let missing =
                    crate::view::Missing::Unknown { what: "version", id: text.clone(), height: view.as_of.height };
                errors::page(&app, &Failure::Missing(missing), &text)
            }
        },
        Err(failure) => errors::page(&app, &failure, &text),
    }
}

async fn verify(State(app): State<App>, headers: HeaderMap) -> Response {
    let shell = Shell::new(&app, "verify", "Verify");
    let anchor = anchor_json(&app);
    html(&headers, &VerifyPage { shell, anchor })
}

async fn about(State(app): State<App>, headers: HeaderMap) -> Response {
    let codes = contracts::rejection::Rejection::CODES;
    let codes = codes.iter().map(|(code, name)| (*code, crate::view::format::spaced(name))).collect();
    html(&headers, &AboutPage { shell: Shell::new(&app, "about", "About this explorer"), codes })
}

impl ListPage {
    fn kinds(&self) -> Option<Choice> {
        filter::kinds(self.list)
    }

    fn outcomes(&self) -> Option<Choice> {
        filter::outcomes(self.list)
    }

    fn chosen(asked: &Option<String>, value: &str) -> bool {
        asked.as_deref() == Some(value)
    }

    fn text(asked: &Option<String>) -> &str {
        asked.as_deref().unwrap_or_default()
    }

    /// A list that is limited to another thing is not limited to a party too.
    fn by_party(&self) -> bool {
        let scoped = self.view.scope.as_ref().is_some_and(|(name, _)| *name != "party");
        !scoped && !matches!(self.list, List::Blocks | List::Events | List::Accusations | List::Eras)
    }

    /// What the table is, for whoever does not see the heading.
    fn caption(&self) -> String {
        format!("{}, newest first", self.shell.title)
    }

    /// How many rows match, as far as is known.
    fn matching(&self) -> String {
        let rows = self.view.table.rows.len() as u64;
        match (&self.view.asked.after, &self.view.table.next) {
            (None, None) => format!("{} match", grouped(rows)),
            (None, Some(_)) => format!("the first {} that match", grouped(rows)),
            (Some(_), _) => format!("{} more that match", grouped(rows)),
        }
    }
}

impl TransactionPage {
    /// The raw form, indented.
    fn raw(&self) -> String {
        serde_json::to_string_pretty(&self.view.raw).unwrap_or_default()
    }
}
