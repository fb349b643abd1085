//! What the vault has of a subject: shown, and erased.

use crate::{context::Context, output, problem::Problem};
use contracts::{
    action::Action,
    consent::{ConsentState, End},
    id::ConsentId,
};
use serde_json::Value;

/// Shows the record of a consent.
pub(super) async fn record(context: &Context, consent: ConsentId) -> Result<(), Problem> {
    let record = context.session(None).await?.record(&consent).await?;
    context.print(&record, || lines(&record));
    Ok(())
}

/// Shows all records of a subject.
pub(super) async fn access(context: &Context, subject: &str) -> Result<(), Problem> {
    let items = context.session(None).await?.access(subject).await?;
    context.print(&items, || {
        let each = items.iter().map(|item| format!("{}{}", lines(&item["record"]), state(&item["consent"])));
        each.collect::<Vec<_>>().join("\n")
    });
    Ok(())
}

/// Withdraws what is in force with the custodian's own key, then has everything erased. The order
/// matters: a delivery that rests on a consent stops before nobody can show the consent any more.
pub(super) async fn erase(context: &Context, subject: &str) -> Result<(), Problem> {
    let identity = context.identity(None)?;
    let mut withdrawn = 0u32;
    for item in context.session(None).await?.access(subject).await? {
        let id = item["record"]["consent"].as_str().unwrap_or_default();
        if item["consent"]["state"].as_str() != Some("given") {
            continue;
        }
        let consent: ConsentId =
            id.parse().map_err(|_| Problem::new(format!("the marketplace names a consent `{id}`, which is no id")))?;
        let end = End { consent, state: ConsentState::Withdrawn };
        context.act_as(&identity, Action::EndConsent(end), None).await?;
        withdrawn += 1;
    }
    // Asked for anew: it has read by then what was just withdrawn.
    let erased = context.session(None).await?.erase(subject).await?;
    context.print(&erased, || {
        let erasure = &erased["erasure"];
        let text = |field: &str| erasure[field].as_str().unwrap_or_default().to_owned();
        output::lines(&[
            ("erasure", text("id")),
            ("withdrawn now", withdrawn.to_string()),
            ("records", erasure["records"].to_string()),
            ("method", text("method")),
            ("what remains", text("residue")),
            ("attestation", erased["attestation"].as_str().unwrap_or_default().to_owned()),
        ])
    });
    Ok(())
}

fn lines(record: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines = vec![
        ("consent", text(&record["consent"])),
        ("dataset", text(&record["dataset"])),
        ("commitment", text(&record["root"])),
        ("blinding", text(&record["blinding"])),
    ];
    for (name, value) in record["fields"].as_object().into_iter().flatten() {
        lines.push((name.as_str(), text(value)));
    }
    output::lines(&lines)
}

fn state(consent: &Value) -> String {
    output::lines(&[("state", consent["state"].as_str().unwrap_or("not on the ledger").to_owned())])
}
