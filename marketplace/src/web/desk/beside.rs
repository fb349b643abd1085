//! Prose beside the ledger: what it says to whoever may take it down, and taking it down. Every node deletes it then, and
//! nothing commits to it again.

use super::{go, id, licence::mine, provide::own};
use crate::{
    error::MarketError,
    web::{
        form::{Form, Sent},
        page::Prose,
        visit::Visit,
    },
};
use axum::{Form as Posted, extract::Path, response::Response};
use contracts::{
    action::Action,
    id::{PartyId, SideId},
    party::Role,
    takedown::{TakeDown, TakeSideDown},
};

/// The field `name` of `side`, with a form that goes to `action` where it is there still.
pub async fn prose(visit: &Visit, side: Option<SideId>, name: &str, action: String) -> Prose {
    let Some(side) = side else { return Prose { text: "none given".into(), form: None } };
    match visit.market.client().side(side).await {
        Ok(Some(body)) => {
            let text = body.get(name).unwrap_or("none given").to_owned();
            Prose { text, form: Some(form(visit, action)) }
        }
        Ok(None) => Prose { text: "taken down, or withheld by the node; its commitment stays".into(), form: None },
        Err(error) => {
            tracing::warn!(%error, "prose beside the ledger cannot be read");
            Prose { text: "cannot be read now: load the page again in some seconds".into(), form: None }
        }
    }
}

/// Takes something down at once.
pub fn form(visit: &Visit, action: String) -> Form {
    Form { action, token: visit.token(), submit: "Take it down".into(), look: "grave", ..Form::default() }
}

async fn takes(visit: &Visit, party: &PartyId, side: Option<SideId>) -> Result<(), MarketError> {
    let side = side.ok_or(MarketError::NotFound("text beside the ledger"))?;
    visit.market.act(party, Action::TakeSideDown(TakeSideDown { side }), None, None).await?;
    Ok(())
}

/// One's own contact.
pub async fn account(visit: Visit, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    let done = async {
        visit.check_form(&Sent(sent))?;
        let party = visit.viewer()?.party;
        let known = visit.market.rows().party(&party)?.ok_or(MarketError::NotFound("party"))?;
        takes(&visit, &party, known.side).await?;
        Ok(go("/account#contact"))
    };
    visit.answer(done.await)
}

/// Why one needs personal data.
pub async fn licence(
    visit: Visit,
    Path(agreement): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    let done = async {
        visit.check_form(&Sent(sent))?;
        let (id, held, party) = mine(&visit, &agreement)?;
        takes(&visit, &party, held.justification).await?;
        Ok(go(&format!("/agreements/{id}")))
    };
    visit.answer(done.await)
}

/// Outline and contacts of a listing.
pub async fn listing(
    visit: Visit,
    Path(dataset): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    let done = async {
        visit.check_form(&Sent(sent))?;
        let (dataset, known, _) = own(&visit, &dataset)?;
        visit.market.act(&known.publisher, Action::TakeDown(TakeDown { dataset }), None, None).await?;
        Ok(go(&format!("/provide/{dataset}?done=taken-down")))
    };
    visit.answer(done.await)
}

/// The contact of a party, by an operator.
pub async fn party(visit: Visit, Path(party): Path<String>, Posted(sent): Posted<Vec<(String, String)>>) -> Response {
    let done = async {
        visit.check_form(&Sent(sent))?;
        let operator = visit.viewer_as(Role::Operator)?.party;
        let party: PartyId = id(&party, "party")?;
        let known = visit.market.rows().party(&party)?.ok_or(MarketError::NotFound("party"))?;
        takes(&visit, &operator, known.side).await?;
        Ok(go("/operate?done=taken-down"))
    };
    visit.answer(done.await)
}
