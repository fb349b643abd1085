//! The operator's desk: admit, suspend, sign-in links.

use super::{Asked, asked, beside::prose, id, start};
use crate::{
    error::MarketError,
    limits::PAGE_ROWS_MAX,
    market::clock_ms,
    repeats::First,
    web::{
        form::{Faults, Field, Form, Part, Sent},
        page::{Applicant, LinkPage, Member, OperatePage, Pager, SimplePage, kind_label, role_label, standing},
        show::{Id, Moment, several},
        visit::Visit,
    },
};
use axum::{Form as Posted, extract::Path, response::Response};
use contracts::{
    action::Action,
    governance::OF_A_QUORUM,
    id::PartyId,
    party::{Admit, Party, Role, Roles, Standing, Suspend, SuspensionReason},
    validators::ValidatorSet,
};

/// Members on a page.
const MEMBERS: usize = 50;
/// Applications on the page. Whoever has more waits for those to be decided first, and is told so.
const APPLICATIONS: usize = 50;

/// Every role with its word in forms, and what it lets a member do.
const ROLES: [(Role, &str, &str); 7] = [
    (Role::Buyer, "buyer", "buys licences and downloads"),
    (Role::Provider, "provider", "lists data, offers them, is paid"),
    (Role::Custodian, "custodian", "records and ends consents of persons"),
    (Role::Regulator, "regulator", "reads descriptions of closed data"),
    (Role::Gateway, "gateway", "hands out contents and records it"),
    (Role::SettlementAgent, "settlement-agent", "books money in and out"),
    (Role::Operator, "operator", "admits and suspends members"),
];

const REASONS: [(SuspensionReason, &str, &str); 4] = [
    (SuspensionReason::OwnRequest, "own-request", "It asked for it"),
    (SuspensionReason::Breach, "breach", "It broke terms or law"),
    (SuspensionReason::KeyCompromise, "key-compromise", "Its keys may be in other hands"),
    (SuspensionReason::Dissolved, "dissolved", "It no longer exists"),
];

/// The operator's page.
pub async fn operate(visit: Visit, query: Asked) -> Response {
    visit.answer(draw(&visit, asked(query)).await)
}

async fn draw(visit: &Visit, asked: Sent) -> Result<Response, MarketError> {
    visit.viewer_as(Role::Operator)?;
    let page = visit.market.rows().parties(start(&asked, "cursor")?.as_ref(), MEMBERS)?;
    let (waiting, more) = waiting(visit)?;
    let total = waiting.len();
    let mut applied = Vec::new();
    let contact =
        |(id, party): &(PartyId, Party)| prose(visit, party.side, "contact", format!("/operate/{id}/take-down"));
    let contacts = futures_util::future::try_join_all(waiting.iter().map(contact)).await?;
    for (at, ((id, party), contact)) in waiting.iter().zip(contacts).enumerate() {
        let form = admission(visit, id, party.roles, &format!("a{at}"))?;
        let (name, country) = (party.name.clone(), party.jurisdiction.to_string());
        applied.push(Applicant { id: Id::of(id), name, kind: kind_label(party.kind), country, contact, form });
    }
    let mut members = Vec::new();
    for (id, party) in page.items.iter().filter(|(_, party)| party.standing != Standing::Applied) {
        members.push(member(visit, id, party)?);
    }
    let waits = if more {
        format!("The first {total} applications wait")
    } else {
        several(total, "application waits", "applications wait")
    };
    let next = page.next.as_ref().map(ToString::to_string);
    let done = match asked.get("done") {
        "admitted" => {
            Some("Admitted. Now press Sign-in link in its row and send it the link, unless it keeps its own key.")
        }
        "taken-down" => Some("Taken down. Every node deletes it; its commitment stays on the ledger."),
        "suspended" => Some(
            "Suspended: it neither buys nor sells, and nothing is delivered to it. What it sold is still delivered to those who hold a licence.",
        ),
        _ => None,
    };
    let page = OperatePage {
        frame: visit.frame("operate"),
        summary: format!("{waits}. Every decision is on the ledger under your name."),
        done: done.map(str::to_string),
        applied,
        members,
        pager: Pager::of("/operate", "cursor", asked.some("cursor").as_deref(), next, "Further parties"),
    };
    Ok(visit.show(&page))
}

/// Parties that wait, and whether there are more than are shown.
fn waiting(visit: &Visit) -> Result<(Vec<(PartyId, Party)>, bool), MarketError> {
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let page = visit.market.rows().parties(start.as_ref(), PAGE_ROWS_MAX)?;
        found.extend(page.items.into_iter().filter(|(_, party)| party.standing == Standing::Applied));
        if found.len() > APPLICATIONS {
            found.truncate(APPLICATIONS);
            return Ok((found, true));
        }
        match page.next {
            Some(next) => start = Some(next),
            None => return Ok((found, false)),
        }
    }
}

/// The form that admits `party`, which has the roles `now`.
fn admission(visit: &Visit, party: &PartyId, now: Roles, prefix: &str) -> Result<Form, MarketError> {
    // Where several validate, no operator alone gives two of the roles; whoever has one may keep it.
    let set: Option<ValidatorSet> = visit.market.rows().get(&ValidatorSet::key())?;
    let several = set.is_some_and(|set| set.quorum() > 1);
    let given = |role: &Role| !several || !OF_A_QUORUM.contains(role) || now.has(*role);
    let label = |role, may| format!("{}: {may}", crate::web::show::capital(role_label(role)));
    let roles = ROLES.iter().filter(|(role, ..)| given(role));
    let roles: Vec<(&str, String)> = roles.map(|(role, word, may)| (*word, label(*role, may))).collect();
    let mut field = Field::checks("roles", "Roles", &roles);
    if several {
        field = field.hint("A quorum of the validators makes operators and settlement agents.");
    }
    let form = Form {
        action: format!("/operate/{party}/admit"),
        token: visit.token(),
        submit: "Admit".into(),
        parts: vec![Part::plain(vec![field])],
        ..Form::default()
    };
    Ok(form.prefixed(prefix))
}

fn member(visit: &Visit, id: &PartyId, party: &Party) -> Result<Member, MarketError> {
    let roles = party.roles.list().into_iter().map(role_label).collect::<Vec<_>>().join(", ");
    let own = visit.party() == Some(*id);
    let act = match party.standing {
        Standing::Active if own => None,
        Standing::Active => Some(("suspend", "Suspend")),
        _ => Some(("admit", "Admit again")),
    };
    Ok(Member {
        party: *id,
        name: party.name.clone(),
        roles: if roles.is_empty() { "none".into() } else { roles },
        standing: standing(party.standing),
        managed: visit.market.keys().is_managed(id)?,
        act,
    })
}

/// Admits a party with the chosen roles.
pub async fn admit(visit: Visit, Path(party): Path<String>, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    let sent = Sent(sent);
    let done = async {
        visit.check_form(&sent)?;
        let operator = visit.viewer_as(Role::Operator)?.party;
        let party: PartyId = id(&party, "party")?;
        let chosen = sent.all("roles");
        let roles: Vec<Role> =
            ROLES.iter().filter(|(_, word, _)| chosen.contains(word)).map(|(role, ..)| *role).collect();
        if roles.is_empty() {
            let mut faults = Faults::default();
            faults.add("roles", "Choose at least one role: without one a member can do nothing");
            return draw_change(&visit, &party, "admit", &sent, faults);
        }
        let admit = Admit { party, roles: Roles::of(&roles) };
        visit.market.act(&operator, Action::Admit(admit), None, None).await?;
        Ok(super::go("/operate?done=admitted"))
    };
    visit.answer(done.await)
}

/// The page on which a member is suspended or admitted again.
pub async fn change(visit: Visit, Path((party, act)): Path<(String, String)>) -> Response {
    let done = || draw_change(&visit, &id(&party, "party")?, &act, &Sent::default(), Faults::default());
    visit.answer(done())
}

fn draw_change(
    visit: &Visit,
    party: &PartyId,
    act: &str,
    sent: &Sent,
    faults: Faults,
) -> Result<Response, MarketError> {
    visit.viewer_as(Role::Operator)?;
    let known = visit.market.rows().party(party)?.ok_or(MarketError::NotFound("party"))?;
    let (title, intro, form) = match act {
        "suspend" => {
            let reasons: Vec<(&str, String)> =
                REASONS.iter().map(|(_, word, label)| (*word, label.to_string())).collect();
            let form = Form {
                action: format!("/operate/{party}/suspend"),
                token: visit.token(),
                submit: "Suspend".into(),
                look: "grave",
                parts: vec![Part::plain(vec![Field::radios("reason", "Reason", &reasons)])],
                ..Form::default()
            };
            (
                format!("Suspend {}", known.name),
                "From then on it can neither buy nor sell, and nothing is delivered to it. Licences that it sold stay in force: they were granted, perhaps paid for, and those who hold them go on downloading. Its history stays, and you may admit it again.",
                form,
            )
        }
        "admit" => (
            format!("Admit {}", known.name),
            "It is a member from then on, with the roles that you choose here and no others.",
            admission(visit, party, known.roles, "a")?,
        ),
        _ => return Err(MarketError::NotFound("page")),
    };
    let page = SimplePage {
        frame: visit.frame("decide"),
        trail: Some(("/operate".into(), "Members".into())),
        title,
        intro: vec![intro.into()],
        notes: Vec::new(),
        form: form.again(sent, faults),
        after: vec!["The decision goes on the ledger under your name.".into()],
    };
    Ok(visit.show(&page))
}

/// Suspends a member.
pub async fn suspend(visit: Visit, Path(party): Path<String>, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    let sent = Sent(sent);
    let done = async {
        visit.check_form(&sent)?;
        let operator = visit.viewer_as(Role::Operator)?.party;
        let party: PartyId = id(&party, "party")?;
        let Some((reason, ..)) = REASONS.into_iter().find(|(_, word, _)| *word == sent.get("reason")) else {
            let mut faults = Faults::default();
            faults.add("reason", "Choose a reason: it goes on the ledger");
            return draw_change(&visit, &party, "suspend", &sent, faults);
        };
        visit.market.act(&operator, Action::Suspend(Suspend { party, reason }), None, None).await?;
        Ok(super::go("/operate?done=suspended"))
    };
    visit.answer(done.await)
}

/// Issues a sign-in link, which is shown this once.
pub async fn link(visit: Visit, Path(party): Path<String>, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    let sent = Sent(sent);
    let done = || -> Result<Response, MarketError> {
        visit.check_form(&sent)?;
        visit.viewer_as(Role::Operator)?;
        let party: PartyId = id(&party, "party")?;
        let known = visit.market.rows().party(&party)?.ok_or(MarketError::NotFound("party"))?;
        let link = visit.market.keys().issue_link(&party, &First::without_key(), clock_ms())?;
        let page = LinkPage {
            frame: visit.frame("link"),
            name: known.name,
            link: format!("{}/sign-in?token={}", visit.market.base_url(), link.token),
            expires: Moment::of(link.expires_ms),
        };
        Ok(visit.show(&page))
    };
    visit.answer(done())
}
