//! Coming in and going out: apply for membership, sign in by a one-time link, sign out.

use super::{Asked, asked, fresh_once, go, once};
use crate::{
    api::caller::{cookie, set_cookie},
    error::MarketError,
    market::clock_ms,
    repeats::First,
    web::{
        form::{Faults, Field, Form, Part, Sent},
        page::{AppliedPage, SimplePage, kind_label, standing},
        visit::Visit,
    },
};
use axum::{Form as Posted, extract::Path, http::header, response::Response};
use contracts::{
    id::PartyId,
    limits::{NAME_BYTES_MAX, SIDE_BYTES_MAX},
    party::{Country, PartyKind},
};

/// Every kind of organisation, with its word in forms.
const KINDS: [(PartyKind, &str); 7] = [
    (PartyKind::Business, "business"),
    (PartyKind::City, "city"),
    (PartyKind::OtherCity, "other-city"),
    (PartyKind::Academic, "academic"),
    (PartyKind::ThirdSector, "third-sector"),
    (PartyKind::Citizens, "citizens"),
    (PartyKind::Authority, "authority"),
];

/// A contact, in bytes: an address and a sentence. A side body holds 64 KiB in all.
const CONTACT_BYTES_MAX: usize = SIDE_BYTES_MAX / 16;

/// The application form.
pub async fn apply(visit: Visit) -> Response {
    visit.show(&application(&visit, application_form(&visit)))
}

fn application_form(visit: &Visit) -> Form {
    let kinds: Vec<(&str, String)> = KINDS.iter().map(|(kind, word)| (*word, kind_label(*kind).to_string())).collect();
    Form {
        action: "/apply".into(),
        token: visit.token(),
        submit: "Apply".into(),
        hidden: vec![("once", fresh_once())],
        parts: vec![
            Part::under(
                "Your organisation",
                "These go on the ledger and are public.",
                vec![
                    Field::line("name", "Name")
                        .hint("As it is registered. No names of persons.")
                        .autocomplete("organization"),
                    Field::line("country", "Country whose law it is under")
                        .hint("Two letters of ISO 3166, such as ES or NL.")
                        .autocomplete("country"),
                    Field::radios("kind", "Kind of organisation", &kinds),
                ],
            ),
            Part::under(
                "Contact",
                "Kept beside the ledger, for operators, who can take it down, as you can once you are admitted. Rather a desk than a person.",
                vec![
                    Field::area("contact", "Whom an operator may ask", 3)
                        .hint("E-mail or telephone of an office.")
                        .optional(),
                ],
            ),
        ],
        ..Form::default()
    }
}

fn application(visit: &Visit, form: Form) -> SimplePage {
    SimplePage {
        frame: visit.frame("apply"),
        trail: None,
        title: "Apply for membership".into(),
        intro: vec!["An organisation applies once. An operator looks at the application, gives it roles, and sends you a link to sign in.".into()],
        notes: Vec::new(),
        form,
        after: vec![
            "The market makes a signing key for you and keeps it sealed. It signs only what you confirm on a page.".into(),
            "Organisations that keep their own keys apply by the command line: lonja party apply.".into(),
        ],
    }
}

/// An application.
pub async fn applied(visit: Visit, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    visit.answer(take_application(&visit, Sent(sent)).await)
}

async fn take_application(visit: &Visit, sent: Sent) -> Result<Response, MarketError> {
    visit.check_form(&sent)?;
    let mut faults = Faults::default();
    let name = faults.text(&sent, "name", "the organisation's name", NAME_BYTES_MAX);
    let country = country(&mut faults, &sent, "country");
    let kind = KINDS.iter().find(|(_, word)| *word == sent.get("kind")).map(|(kind, _)| *kind);
    if kind.is_none() {
        faults.add("kind", "Choose what kind of organisation it is");
    }
    let contact = sent.some("contact");
    if contact.as_ref().is_some_and(|text| text.len() > CONTACT_BYTES_MAX) {
        faults.add("contact", format!("A contact has at most {CONTACT_BYTES_MAX} bytes: shorten it"));
    }
    if let (true, Some(country), Some(kind)) = (faults.none(), country, kind) {
        match visit.market.apply(&name, kind, country, contact.as_deref(), Some(&once(&sent)?)).await {
            Ok((party, _)) => return Ok(go(&format!("/applied/{party}"))),
            Err(MarketError::Invalid { field, reason }) => faults.add(&field, reason),
            Err(error) => return Err(error),
        }
    }
    Ok(visit.show(&application(visit, application_form(visit).again(&sent, faults))))
}

/// A country in the field called `field`, in letters of either case.
pub fn country(faults: &mut Faults, sent: &Sent, field: &str) -> Option<Country> {
    let code = Sent(vec![(field.into(), sent.get(field).to_ascii_uppercase())]);
    faults.parsed(&code, field, "a country")
}

/// After an application.
pub async fn after(visit: Visit, Path(party): Path<String>) -> Response {
    visit.answer(draw_after(&visit, &party))
}

fn draw_after(visit: &Visit, party: &str) -> Result<Response, MarketError> {
    let party: PartyId = super::id(party, "party")?;
    let known = visit.market.rows().party(&party)?.ok_or(MarketError::NotFound("party"))?;
    let (_, word) = standing(known.standing);
    Ok(visit.show(&AppliedPage { frame: visit.frame("applied"), name: known.name, party, standing: word }))
}

/// How to sign in. A link leads here too, to a page with one button: mail programs open links to look
/// at them, and a link that was spent by one would let nobody in.
pub async fn sign_in(visit: Visit, query: Asked) -> Response {
    let asked = asked(query);
    let token = asked.get("token");
    if !token.is_empty() {
        return visit.show(&by_link(&visit, token));
    }
    let mut page = by_hand(&visit, sign_in_form(&visit));
    if asked.get("why") == "needed" {
        page.notes.push(("", "That page is for members: sign in first.".into()));
    }
    visit.show(&page)
}

fn by_link(visit: &Visit, token: &str) -> SimplePage {
    let form = Form {
        action: "/sign-in".into(),
        token: visit.token(),
        submit: "Sign in".into(),
        hidden: vec![("link", token.to_string())],
        ..Form::default()
    };
    SimplePage {
        frame: visit.frame("sign-in"),
        trail: None,
        title: "Sign in".into(),
        intro: vec![
            "Your link lets you in once. You stay signed in on this browser for twelve hours, or until you sign out."
                .into(),
        ],
        notes: Vec::new(),
        form,
        after: Vec::new(),
    }
}

fn sign_in_form(visit: &Visit) -> Form {
    let link = Field::line("link", "Sign-in link")
        .hint("The whole link, or its part after “token=”.")
        .autocomplete("one-time-code");
    Form {
        action: "/sign-in".into(),
        token: visit.token(),
        submit: "Sign in".into(),
        parts: vec![Part::plain(vec![link])],
        ..Form::default()
    }
}

fn by_hand(visit: &Visit, form: Form) -> SimplePage {
    SimplePage {
        frame: visit.frame("sign-in"),
        trail: None,
        title: "Sign in".into(),
        intro: vec!["You sign in by a link that an operator sends you. It works once, for one week, and there is no password to lose.".into()],
        notes: Vec::new(),
        form,
        after: vec!["No link, or an old one? Ask an operator for another. Not a member yet? Apply for membership.".into()],
    }
}

/// A link that was opened, typed or pasted: it is spent, and a session begins.
pub async fn signed_in(visit: Visit, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    visit.answer(redeem(&visit, &Sent(sent)))
}

fn redeem(visit: &Visit, sent: &Sent) -> Result<Response, MarketError> {
    visit.check_form(sent)?;
    let token = sent.get("link").trim_end_matches('/').rsplit(['/', '=', '#']).next().unwrap_or("");
    match visit.market.keys().redeem_link(token, &First::without_key(), clock_ms()) {
        Ok((cookie, _)) => {
            let mut response = go("/account");
            response.headers_mut().append(header::SET_COOKIE, set_cookie(&cookie, visit.market.secure()));
            Ok(response)
        }
        Err(error @ crate::keys::KeysError::NotValid(_)) => {
            let mut faults = Faults::default();
            faults.add("link", crate::web::show::capital(&error.to_string()));
            Ok(visit.show(&by_hand(visit, sign_in_form(visit).again(sent, faults))))
        }
        Err(error) => Err(error.into()),
    }
}

/// Signs out.
pub async fn sign_out(
    visit: Visit,
    headers: axum::http::HeaderMap,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let done = || -> Result<Response, MarketError> {
        visit.check_form(&sent)?;
        if let Some(value) = cookie(&headers) {
            visit.market.keys().sign_out(&value)?;
        }
        let mut response = go("/");
        response.headers_mut().append(header::SET_COOKIE, set_cookie("", visit.market.secure()));
        Ok(response)
    };
    visit.answer(done())
}
