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
    dataset::Dataset,
    event::Event,
    id::{DatasetId, PartyId, SideId},
    party::Role,
    side::SideOwner,
    takedown::TakeSideDown,
};
use std::collections::BTreeSet;

/// The field `name` of `side`, with a form that goes to `action` where the viewer may take it down.
///
/// # Errors
/// [`MarketError`] where the rows cannot be read.
pub async fn prose(visit: &Visit, side: Option<SideId>, name: &str, action: String) -> Result<Prose, MarketError> {
    let only = |text: &str| Ok(Prose { text: text.into(), form: None });
    let Some(side) = side else { return only("none given") };
    if visit.market.rows().is_taken_down(&side)? {
        return only("taken down; its commitment stays on the ledger");
    }
    match visit.market.client().side(side).await {
        Ok(Some(body)) => {
            let text = body.get(name).unwrap_or("none given").to_owned();
            let form = may_take_down(visit, &side)?.then(|| form(visit, action));
            Ok(Prose { text, form })
        }
        Ok(None) => only("withheld by the node; its commitment stays on the ledger"),
        Err(error) => {
            tracing::warn!(%error, "prose beside the ledger cannot be read");
            only("cannot be read now: load the page again in some seconds")
        }
    }
}

/// Takes something down at once.
pub fn form(visit: &Visit, action: String) -> Form {
    Form { action, token: visit.token(), submit: "Take it down".into(), look: "grave", ..Form::default() }
}

/// As the rules see it: who committed to it first, and operators.
fn may_take_down(visit: &Visit, side: &SideId) -> Result<bool, MarketError> {
    let viewer = visit.viewer()?;
    let owner: Option<SideOwner> = visit.market.rows().get(&SideOwner::key(side))?;
    Ok(viewer.roles.has(Role::Operator) || owner.is_some_and(|owner| owner.owner == viewer.party))
}

/// Is there something for the viewer to take down?
///
/// # Errors
/// [`MarketError`].
pub fn is_there(visit: &Visit, side: Option<&SideId>) -> Result<bool, MarketError> {
    let Some(side) = side else { return Ok(false) };
    Ok(!visit.market.rows().is_taken_down(side)? && may_take_down(visit, side)?)
}

/// What describes `dataset`, in all its revisions, and is the viewer's to take down.
async fn of_dataset(visit: &Visit, dataset: &DatasetId) -> Result<BTreeSet<SideId>, MarketError> {
    let (_, events) = visit.market.client().history(&Dataset::key(dataset)).await?;
    let mut sides = BTreeSet::new();
    for item in events {
        if let Event::DatasetPublished { side: Some(side), .. } | Event::DatasetRevised { side: Some(side), .. } =
            item.event
            && is_there(visit, Some(&side))?
        {
            sides.insert(side);
        }
    }
    Ok(sides)
}

async fn takes(visit: &Visit, party: &PartyId, sides: impl IntoIterator<Item = SideId>) -> Result<(), MarketError> {
    let mut sides = sides.into_iter().peekable();
    if sides.peek().is_none() {
        return Err(MarketError::NotFound("text beside the ledger"));
    }
    for side in sides {
        visit.market.act(party, Action::TakeSideDown(TakeSideDown { side }), None, None).await?;
    }
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

/// Outlines and contacts of all revisions of a listing.
pub async fn listing(
    visit: Visit,
    Path(dataset): Path<String>,
    Posted(sent): Posted<Vec<(String, String)>>,
) -> Response {
    let done = async {
        visit.check_form(&Sent(sent))?;
        let (dataset, known, _) = own(&visit, &dataset)?;
        takes(&visit, &known.publisher, of_dataset(&visit, &dataset).await?).await?;
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
