//! Renewing a subscription: the price and the new end first, then the signature.

use super::{Asked, asked, fresh_once, go, licence::mine, once};
use crate::{
    error::MarketError,
    web::{
        form::{Faults, Form, Sent},
        page::{SimplePage, Tag},
        show::{Moment, days, several},
        visit::Visit,
    },
};
use axum::{Form as Posted, extract::Path, response::Response};
use contracts::money::Amount;

/// What so many periods more would cost.
pub async fn price(visit: Visit, Path(agreement): Path<String>, query: Asked) -> Response {
    visit.answer(draw(&visit, &agreement, &asked(query)))
}

fn periods(sent: &Sent) -> Result<u32, MarketError> {
    sent.get("periods").parse().map_err(|_| MarketError::invalid("periods", "a whole number of periods, such as 1"))
}

fn draw(visit: &Visit, agreement: &str, asked: &Sent) -> Result<Response, MarketError> {
    let (id, held, party) = mine(visit, agreement)?;
    let view = visit.market.renewal(&party, &id, periods(asked)?)?;
    let title = visit.market.title_of(&held.dataset, Some(&party))?;
    let count = several(view.periods as usize, "period", "periods");
    let rest = view.balance.minus(view.amount);
    let mut notes: Vec<Tag> = Vec::new();
    match rest {
        Some(rest) => notes.push((
            "",
            format!(
                "Your balance is {}; {} are left afterwards.",
                view.balance.display(view.currency),
                rest.display(view.currency)
            ),
        )),
        None => notes.push((
            "bad",
            format!(
                "Your balance is {}, this costs {}. Pay in first; your account says how.",
                view.balance.display(view.currency),
                view.price
            ),
        )),
    }
    let form = Form {
        action: format!("/agreements/{id}/renew"),
        token: visit.token(),
        submit: format!("Sign and pay {}", view.price),
        hidden: vec![
            ("periods", view.periods.to_string()),
            ("amount", view.amount.minor().to_string()),
            ("once", fresh_once()),
        ],
        ..Form::default()
    };
    let page = SimplePage {
        frame: visit.frame("renew"),
        trail: Some((format!("/agreements/{id}"), title)),
        title: format!("Prolong for {}", view.price),
        intro: vec![
            format!("{count} of {} more, prepaid, at the price of this licence.", days(view.period_days)),
            format!("It then runs until {}. It ends by itself.", Moment::of(view.new_end_ms).human()),
        ],
        notes,
        form: form.again(asked, Faults::default()),
        after: vec!["Payment and new end are one transaction on the ledger.".into()],
    };
    Ok(visit.show(&page))
}

/// Prolongs.
pub async fn renew(
    visit: Visit,
    Path(agreement): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    let sent = Sent(sent);
    let done = async {
        visit.check_form(&sent)?;
        let (id, _, party) = mine(&visit, &agreement)?;
        let amount = sent.get("amount").parse().ok().and_then(|minor| Amount::new(minor).ok());
        let amount = amount.ok_or_else(|| MarketError::invalid("amount", "open the page of the licence again"))?;
        visit.market.renew(&party, &id, periods(&sent)?, Some(amount), &once(&sent)?).await?;
        Ok(go(&format!("/agreements/{id}")))
    };
    visit.answer(done.await)
}
