//! The account: balances, statement, refusals, membership.

use super::{Asked, ROWS, asked, beside::prose, start};
use crate::{
    error::MarketError,
    market::StatementLine,
    web::{
        form::Sent,
        page::{AccountPage, Line, Pager, Refusal, kind_label, role_label, standing},
        show::{Id, Moment},
        visit::Visit,
    },
};
use axum::response::Response;
use contracts::{money::Currency, rejection::Rejection};

/// The account of who is signed in.
pub async fn account(visit: Visit, query: Asked) -> Response {
    visit.answer(draw(&visit, asked(query)).await)
}

async fn draw(visit: &Visit, asked: Sent) -> Result<Response, MarketError> {
    let viewer = visit.viewer()?;
    let party = viewer.party;
    let rows = visit.market.rows();
    let known = rows.party(&party)?.ok_or(MarketError::NotFound("party"))?;
    let accounts = rows.accounts(&party)?;
    let wanted: Option<Currency> = asked.get("currency").parse().ok();
    let shown = accounts.iter().find(|(held, _)| Some(*held) == wanted).or(accounts.first()).copied();
    let base = shown.map_or_else(|| "/account".to_string(), |(currency, _)| format!("/account?currency={currency}"));
    let cursor = start(&asked, "cursor")?;
    let mut lines = Vec::new();
    let mut next = None;
    if let Some((currency, _)) = shown {
        let page = visit.market.statement(&party, currency, cursor.as_ref(), ROWS)?;
        next = page.next.as_ref().map(ToString::to_string);
        lines = page.items.iter().map(|item| line(visit, item)).collect();
    }
    let refused = rows.refusals(&party, start(&asked, "refused")?.as_ref(), 10)?;
    let refused_next = refused.next.as_ref().map(ToString::to_string);
    let roles = known.roles.list().into_iter().map(role_label).collect::<Vec<_>>().join(", ");
    let (_, word) = standing(known.standing);
    let facts = vec![
        ("Standing".to_string(), word),
        ("Roles".into(), if roles.is_empty() { "none yet".into() } else { roles }),
        ("Kind".into(), kind_label(known.kind).into()),
        ("Country".into(), known.jurisdiction.to_string()),
    ];
    let balance = |(currency, amount): &(Currency, contracts::money::Amount)| {
        let here = shown.is_some_and(|(held, _)| held == *currency);
        (format!("/account?currency={currency}"), amount.display(*currency), here)
    };
    let page = AccountPage {
        frame: visit.frame("account"),
        name: known.name,
        party,
        balances: accounts.iter().map(balance).collect(),
        currency: shown.map_or_else(String::new, |(currency, _)| currency.to_string()),
        lines,
        total: shown.filter(|_| cursor.is_none()).map(|(currency, amount)| amount.display(currency)),
        pager: Pager::of(&base, "cursor", asked.some("cursor").as_deref(), next, "Older lines"),
        refusals: refused
            .items
            .iter()
            .map(|row| Refusal {
                time: Moment::of(row.time_ms),
                code: format!("{} {}", row.rejection.code(), Rejection::name_of(row.rejection.code()).unwrap_or("")),
                why: crate::web::show::capital(&row.rejection.to_string()),
                id: Id::of(&row.transaction),
                href: visit.frame("account").explored("refusal", &row.transaction),
            })
            .collect(),
        refusal_pager: Pager::of(&base, "refused", asked.some("refused").as_deref(), refused_next, "Older refusals"),
        facts,
        contact: prose(visit, known.side, "contact", "/account/take-down".into()).await?,
        session_until: Moment::of(visit.session().map_or(0, |session| session.expires_ms)),
    };
    Ok(visit.show(&page))
}

fn line(visit: &Visit, line: &StatementLine) -> Line {
    let posting = &line.posting;
    // To the licence, which both sides may see, rather than to the dataset: it says what was paid for.
    let about = posting.agreement.zip(line.title.clone());
    Line {
        time: Moment::of(posting.time_ms),
        what: if about.is_some() { format!("{}:", line.what) } else { line.what.clone() },
        about: about.map(|(agreement, title)| (format!("/agreements/{agreement}"), title)),
        amount: line.shown.replace('-', "−"),
        balance: line.balance_shown.clone(),
        id: Id::of(&posting.transaction),
        href: visit.frame("account").explored("transaction", &posting.transaction),
    }
}
