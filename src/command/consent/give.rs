//! Recording a consent.
//!
//! The record goes into the marketplace's vault first, which chooses its random id and blinding; then
//! the custodian's own key puts the consent on the ledger. `--record FILE` keeps the record in a file
//! of the custodian instead. That is for custodians who have a vault of their own and take the record
//! over from there: a plain file on a disk has no key that could be destroyed, so its erasure is theirs
//! to see to, and no market can vouch for it.

use super::WithConsent;
use crate::{
    context::{Context, Done},
    parse,
    problem::{Exit, Problem, file},
};
use clap::Args;
use contracts::{
    action::Action,
    commitment,
    consent::Give,
    dataset::Dataset,
    id::{ConsentId, DatasetId, Digest},
    limits::{SIDE_FIELDS, SIDE_NAME_BYTES_MAX},
    vocabulary::Purpose,
};
use genesis::files::{self, Access};
use marketplace::limits::{CONSENT_FIELD_BYTES_MAX, SUBJECT_BYTES_MAX};
use serde::Serialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Record that a subject has consented.
#[derive(Args)]
pub struct GiveArgs {
    /// For which dataset
    dataset: DatasetId,
    /// What for
    #[arg(long = "purpose", required = true, value_delimiter = ',', value_parser = parse::purpose)]
    purposes: Vec<Purpose>,
    /// For how many days from today
    #[arg(long, default_value_t = 365, value_name = "N")]
    days: u32,
    /// From which version on; the next one where it is left out and there is none yet
    #[arg(long, value_name = "N")]
    since_version: Option<u32>,
    /// The notice that the subject saw; its digest goes on the ledger
    #[arg(long, value_name = "FILE")]
    notice: PathBuf,
    /// The subject as the custodian knows them; only a blinded commitment goes on the ledger
    #[arg(long)]
    subject: String,
    /// A further field of the record, such as method=signature; may be given again
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = field)]
    fields: Vec<(String, String)>,
    /// Write what the subject keeps (record, blinding, receipt) to this new file (mode 600), to be handed over
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    for_subject: Option<PathBuf>,
    /// Keep the record in this new file (mode 600), not in the marketplace's vault
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
}

/// What a custodian with a vault of its own keeps: opens the commitment on the ledger.
#[derive(Serialize)]
struct Kept<'a> {
    consent: ConsentId,
    dataset: DatasetId,
    subject: &'a str,
    notice: Digest,
    fields: &'a BTreeMap<String, String>,
    blinding: String,
    commitment: Digest,
}

/// `NAME=VALUE`.
fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, _)) if name.len() > SIDE_NAME_BYTES_MAX => {
            Err(format!("a field's name has at most {SIDE_NAME_BYTES_MAX} bytes"))
        }
        Some((_, value)) if value.len() > CONSENT_FIELD_BYTES_MAX => {
            Err(format!("a field has at most {CONSENT_FIELD_BYTES_MAX} bytes"))
        }
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write it as NAME=VALUE, for example method=signature".into()),
    }
}

impl GiveArgs {
    pub(super) async fn run(self, context: &Context) -> Result<(), Problem> {
        let dataset: Dataset = context.known(&Dataset::key(&self.dataset), &self.dataset).await?;
        let notice = std::fs::read(&self.notice).map_err(file("read the notice", &self.notice))?;
        let notice = Digest::of(&[&notice]);
        let mut purposes = self.purposes.clone();
        purposes.sort();
        purposes.dedup();
        let today = u32::try_from(jiff::Timestamp::now().as_second() / 86_400).unwrap_or(0);
        let give = |consent: ConsentId, record: Digest| Give {
            consent,
            dataset: self.dataset,
            since_version: self.since_version.unwrap_or(dataset.versions.max(1)),
            purposes: purposes.clone(),
            notice,
            until_day: today.saturating_add(self.days),
            record,
        };
        let mut fields: BTreeMap<String, String> = self.fields.iter().cloned().collect();
        // What was consented to is committed to with who consented: the ledger's words alone are not the subject's.
        fields.insert("notice-sha256".into(), notice.to_string());
        fields.insert("purposes".into(), purposes.iter().map(|purpose| purpose.slug()).collect::<Vec<_>>().join(" "));
        match &self.record {
            Some(path) => self.to_file(context, path, fields, notice, give).await,
            None => self.to_vault(context, &fields, give).await,
        }
    }

    /// Into the vault before it goes on the ledger: a consent that nobody can show the record of would
    /// be worth nothing.
    async fn to_vault(
        &self,
        context: &Context,
        fields: &BTreeMap<String, String>,
        give: impl Fn(ConsentId, Digest) -> Give,
    ) -> Result<(), Problem> {
        let identity = context.identity(None)?;
        let session = context.session(None).await?;
        let record = session.keep_record(&self.dataset, &self.subject, fields).await?;
        let id = record["consent"].as_str().and_then(|text| text.parse::<ConsentId>().ok());
        let root = record["root"].as_str().and_then(|text| text.parse::<Digest>().ok());
        let (Some(consent), Some(root)) = (id, root) else {
            return Err(Problem::new("the marketplace kept a record without id or commitment")
                .help("is it the same release as this command?"));
        };
        let committed = match context.act_as(&identity, Action::GiveConsent(give(consent, root)), None).await {
            Ok(committed) => committed,
            Err(problem) => {
                // What the ledger turned away needs no record; what may still arrive there does.
                if matches!(problem.exit(), Exit::Refused | Exit::Failed)
                    && let Err(left) = session.discard_record(&consent).await
                {
                    tracing::warn!("the record of consent {consent} stays in the vault: {left}");
                }
                return Err(problem);
            }
        };
        if let Some(path) = &self.for_subject {
            let receipt = hex::encode(&committed.receipt);
            let kept = json!({ "record": record, "transaction": committed.id, "receipt": receipt });
            let text = serde_json::to_vec_pretty(&kept).expect("plain data has a JSON form");
            files::write_new(path, &text, Access::Private)?;
        }
        context.print(&Done::new(&committed, WithConsent { consent }), || {
            format!(
                "consent {consent}\nrecorded in block {}; its record is in the marketplace's vault",
                committed.height
            )
        });
        Ok(())
    }

    async fn to_file(
        &self,
        context: &Context,
        path: &Path,
        mut fields: BTreeMap<String, String>,
        notice: Digest,
        give: impl Fn(ConsentId, Digest) -> Give,
    ) -> Result<(), Problem> {
        let (consent, blinding) = (ConsentId(rand::random()), rand::random());
        fields.insert("subject".into(), self.subject.clone());
        if fields.len() > SIDE_FIELDS || self.subject.is_empty() || self.subject.len() > SUBJECT_BYTES_MAX {
            return Err(Problem::usage(
                format!("a record has at most {SIDE_FIELDS} fields, and a subject of 1 to {SUBJECT_BYTES_MAX} bytes"),
                "leave some --field out, or name the subject by a shorter reference",
            ));
        }
        let named = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let root = commitment::root(marketplace::vault::TAG, &blinding, named);
        let kept = Kept {
            consent,
            dataset: self.dataset,
            subject: &self.subject,
            notice,
            fields: &fields,
            blinding: hex::encode(blinding),
            commitment: root,
        };
        // Kept before it is sent: a commitment that nobody can open would prove nothing.
        let text = serde_json::to_vec_pretty(&kept).expect("plain data has a JSON form");
        files::write_new(path, &text, Access::Private)?;
        let committed = context.act(None, Action::GiveConsent(give(consent, root)), None).await?;
        context.print(&Done::new(&committed, WithConsent { consent }), || {
            format!("consent {consent}\nrecorded in block {}; {} opens it", committed.height, path.display())
        });
        Ok(())
    }
}
