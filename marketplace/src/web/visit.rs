//! One request for a page: who asks, the frame of the answer, and what becomes of errors.
//!
//! A form carries the token of its session, or, before anybody is signed in, one that matches a
//! cookie; and a browser that says from which site a form comes must say ours.

use super::{
    form::Sent,
    frame::{Frame, Viewer},
    page::ErrorPage,
    show::{Id, Moment, capital},
};
use crate::{
    api::{caller::cookie, problem::Problem},
    error::MarketError,
    keys::{Keys, Session},
    market::{Market, clock_ms},
};
use askama::Template;
use axum::{
    extract::{Extension, FromRequestParts},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
};
use contracts::{id::PartyId, party::Role};
use std::{convert::Infallible, sync::Arc};

/// The cookie that a form matches before anybody is signed in.
const FORM_COOKIE: &str = "lonja_form";

/// What is the same for all pages.
pub struct Shared {
    /// Address of the explorer, without a slash at the end.
    pub explorer: Option<String>,
    /// Address of the style sheet.
    pub sheet: String,
}

/// One request for a page.
#[derive(Clone)]
pub struct Visit {
    /// The market.
    pub market: Market,
    shared: Arc<Shared>,
    session: Option<Session>,
    viewer: Option<Viewer>,
    form_token: String,
    fresh: bool,
    method: Method,
    headers: HeaderMap,
}

impl FromRequestParts<Market> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, market: &Market) -> Result<Self, Infallible> {
        let shared = match Extension::<Arc<Shared>>::from_request_parts(parts, market).await {
            Ok(Extension(shared)) => shared,
            Err(_) => Arc::new(Shared { explorer: None, sheet: super::assets::address("market.css") }),
        };
        let session = cookie(&parts.headers).and_then(|value| market.keys().session(&value, clock_ms()).ok());
        let viewer = session.as_ref().and_then(|session| {
            let party = market.rows().party(&session.party).ok().flatten()?;
            let (name, roles, standing) = (party.name, party.roles, party.standing);
            Some(Viewer { party: session.party, name, roles, standing })
        });
        let known = cookie_named(&parts.headers, FORM_COOKIE)
            .filter(|value| value.len() == 26 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let fresh = known.is_none();
        let form_token = known.unwrap_or_else(|| ulid::Ulid::generate().to_string());
        let (method, headers) = (parts.method.clone(), parts.headers.clone());
        Ok(Self { market: market.clone(), shared, session, viewer, form_token, fresh, method, headers })
    }
}

impl Visit {
    /// The frame of a page of type `page`.
    pub fn frame(&self, page: &'static str) -> Frame {
        let tip = self.market.tip();
        Frame {
            page,
            viewer: self.viewer.clone(),
            token: self.token(),
            height: tip.height,
            time: Moment::of(tip.time_ms),
            network: Id::of(&self.market.client().network()),
            explorer: self.shared.explorer.clone(),
            sheet: self.shared.sheet.clone(),
        }
    }

    /// What every form of this visitor carries.
    pub fn token(&self) -> String {
        self.session.as_ref().map_or_else(|| self.form_token.clone(), |session| session.csrf.clone())
    }

    /// Who is signed in, if somebody is.
    pub fn party(&self) -> Option<PartyId> {
        self.viewer.as_ref().map(|viewer| viewer.party)
    }

    /// The session, if there is one.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Who is signed in.
    ///
    /// # Errors
    /// [`MarketError::Unauthenticated`]; on a page this leads to the way in.
    pub fn viewer(&self) -> Result<&Viewer, MarketError> {
        let missing = || MarketError::Unauthenticated("sign in first".into());
        self.viewer.as_ref().ok_or_else(missing)
    }

    /// Who is signed in, with `role`.
    ///
    /// # Errors
    /// [`MarketError::Unauthenticated`] or [`MarketError::Forbidden`].
    pub fn viewer_as(&self, role: Role) -> Result<&Viewer, MarketError> {
        let viewer = self.viewer()?;
        self.market.require(&viewer.party, role)?;
        Ok(viewer)
    }

    /// Checks that a form comes from one of our own pages.
    ///
    /// # Errors
    /// [`MarketError::Forbidden`].
    pub fn check_form(&self, sent: &Sent) -> Result<(), MarketError> {
        self.check_token(sent.get("csrf"))
    }

    /// As [`Visit::check_form`], for a form whose fields come as they are read.
    ///
    /// # Errors
    /// [`MarketError::Forbidden`].
    pub fn check_token(&self, token: &str) -> Result<(), MarketError> {
        let same = match &self.session {
            Some(session) => Keys::csrf_matches(session, token),
            None => {
                !self.fresh && bool::from(subtle::ConstantTimeEq::ct_eq(self.form_token.as_bytes(), token.as_bytes()))
            }
        };
        if same && self.is_of_our_site() {
            return Ok(());
        }
        let text = "this form is older than your session, or comes from another site: open its page again and send it from there";
        Err(MarketError::Forbidden(text.into()))
    }

    /// Browsers say where a form comes from; who says nothing is no browser of a victim.
    fn is_of_our_site(&self) -> bool {
        let text = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(site) = text("sec-fetch-site") {
            return site == "same-origin" || site == "none";
        }
        let (Some(origin), Some(host)) = (text("origin"), text("host")) else { return true };
        origin.split_once("://").is_some_and(|(_, said)| said == host)
    }

    /// A page as an answer.
    pub fn show(&self, page: &impl Template) -> Response {
        self.show_with(StatusCode::OK, page)
    }

    /// A page as an answer with another status.
    pub fn show_with(&self, status: StatusCode, page: &impl Template) -> Response {
        let html = match page.render() {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(%error, "a page cannot be drawn");
                return (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "the page cannot be drawn; the cause is in the market's log",
                )
                    .into_response();
            }
        };
        let mut response = (status, html).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        // What is signed in for is nobody else's, and the tip moves every second.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.session.is_none() && self.fresh {
            let secure = if self.market.secure() { "; Secure" } else { "" };
            let text = format!("{FORM_COOKIE}={}; Path=/; HttpOnly; SameSite=Strict{secure}", self.form_token);
            headers.append(
                header::SET_COOKIE,
                HeaderValue::from_str(&text).expect("letters and digits are a header value"),
            );
        }
        response
    }

    /// The answer, or the page that says what is wrong.
    pub fn answer(&self, result: Result<Response, MarketError>) -> Response {
        match result {
            Ok(response) => response,
            Err(MarketError::Unauthenticated(_)) if self.method == Method::GET => {
                Redirect::to("/sign-in?why=needed").into_response()
            }
            Err(error) => self.error(&error),
        }
    }

    /// The page of an error.
    pub fn error(&self, error: &MarketError) -> Response {
        let problem = Problem::from(error);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (code, record) = match error {
            MarketError::Refused { code, kind, transaction, .. } => {
                (Some(format!("{kind} ({code})")), transaction.as_ref().map(Id::of))
            }
            _ => (None, None),
        };
        let page = ErrorPage {
            frame: self.frame("error"),
            status: format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or("")),
            code,
            heading: problem.title.clone(),
            text: sentence(&problem.detail),
            record,
            remedies: remedies(error, &problem),
        };
        self.show_with(status, &page)
    }
}

fn cookie_named(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_string())
}

fn sentence(text: &str) -> String {
    let text = capital(text);
    if text.ends_with(['.', '?', '!']) { text } else { format!("{text}.") }
}

/// What somebody can do about an error, the most likely first.
fn remedies(error: &MarketError, problem: &Problem) -> Vec<(String, String)> {
    let link = |href: &str, text: &str| (href.to_string(), text.to_string());
    if problem.code == "disk-full" {
        return vec![
            link("", "Tell the operator of the market"),
            link("/orders", "See what has become of your orders"),
        ];
    }
    let mut all = match error {
        MarketError::NotFound(_) => vec![
            link("/search", "Search the listings"),
            link("", "Check the address: ids are written in small letters"),
        ],
        MarketError::Unauthenticated(_) => vec![link("/sign-in", "Sign in"), link("/apply", "Apply for membership")],
        MarketError::Forbidden(_) => vec![
            link("", "Open the page again and repeat what you did"),
            link("/account", "See your roles"),
            link("", "Ask an operator for the role that this takes"),
        ],
        MarketError::Refused { code, .. } => match code {
            1..=19 => vec![link("/account", "See where your membership stands")],
            60..=79 => vec![link("/agreements", "See your licences")],
            100 => vec![link("/account", "See your balance and how to pay in")],
            _ => Vec::new(),
        },
        MarketError::Keys(_) => vec![link("", "Ask an operator for another sign-in link"), link("/sign-in", "Sign in")],
        MarketError::Order(_) => vec![link("/orders", "See what has become of your orders")],
        MarketError::PriceMoved { .. } => vec![link("", "Go back, read the offer again and ask for a new price")],
        MarketError::Delivery(_) => vec![
            link("/agreements", "See your licences"),
            link("", "Ask the provider for a version that may be delivered"),
        ],
        _ => Vec::new(),
    };
    if matches!(error, MarketError::Refused { .. }) {
        all.push(link("/help#refusals", "What the codes mean"));
    }
    if problem.retryable {
        all.insert(0, link("", "Wait some seconds and try again: repeating is harmless"));
    }
    all.push(link("/", "Go to the first page"));
    all
}
