//! Consents: into the vault, then on the ledger; ended there, then erased here.

use super::{Market, clock_ms};
use crate::{
    error::MarketError,
    orders::{Once, Order, OrderError, OrderState},
    repeats::{First, Made, Scope},
    vault::{ConsentReceipt, Erasure, Record, VaultError},
};
use contracts::{
    action::Action,
    consent::{Consent, ConsentState, End, Give},
    id::{ConsentId, DatasetId, Digest, PartyId},
    party::Role,
    vocabulary::Purpose,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A consent that a custodian records.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GiveRequest {
    /// For which dataset.
    pub dataset: DatasetId,
    /// From which version on; the next one, where it is left out.
    #[serde(default)]
    pub since_version: Option<u32>,
    /// What for.
    pub purposes: Vec<Purpose>,
    /// The notice that the subject saw: the ledger keeps its SHA-256.
    pub notice: String,
    /// Until which day, as `2027-03-31`: over at its start.
    pub until: String,
    /// The subject, as the custodian names it. Never leaves the vault.
    pub subject: String,
    /// Fields of the record (ISO/IEC TS 27560). Never leave the vault.
    pub record: BTreeMap<String, String>,
}

/// A record whose consent its custodian puts on the ledger by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepRequest {
    /// For which dataset.
    pub dataset: DatasetId,
    /// The subject, as the custodian names it. Never leaves the vault.
    pub subject: String,
    /// Fields of the record (ISO/IEC TS 27560). Never leave the vault.
    pub record: BTreeMap<String, String>,
}

impl Market {
    /// Keeps a record for a custodian that signs by itself: it puts the consent on the ledger under the
    /// record's id and root.
    ///
    /// # Errors
    /// [`MarketError::Forbidden`] without the role of a custodian; [`VaultError`](crate::vault::VaultError).
    pub fn keep_record(
        &self,
        custodian: &PartyId,
        request: KeepRequest,
        once: Option<&Once>,
    ) -> Result<Record, MarketError> {
        self.require(custodian, Role::Custodian)?;
        self.rows().dataset(&request.dataset)?.ok_or(MarketError::NotFound("dataset"))?;
        let once = self.veiled(custodian, &request.subject, once)?;
        let (first, made) = self.0.repeats.begin(&Scope::Party(*custodian), once.as_ref())?;
        match made {
            None => Ok(self.0.vault.keep(
                custodian,
                &request.dataset,
                &request.subject,
                request.record,
                &first,
                clock_ms(),
            )?),
            Some(Made::Record { consent }) => match self.0.vault.record(custodian, &consent) {
                Err(VaultError::Unknown) => Err(MarketError::AnswerNotKept(
                    "the record was taken back or erased since; keep it anew with a new `Idempotency-Key`".into(),
                )),
                record => Ok(record?),
            },
            Some(_) => Err(OrderError::Damaged.into()),
        }
    }

    /// A bare digest of a request about a person would outlive the erasure, and a person can be guessed
    /// from one: it is keyed by the subject's key, which goes with the rest.
    fn veiled(&self, custodian: &PartyId, subject: &str, once: Option<&Once>) -> Result<Option<Once>, MarketError> {
        let Some(once) = once else { return Ok(None) };
        let request = self.0.vault.veil(custodian, subject, &once.request)?;
        Ok(Some(Once { request, ..once.clone() }))
    }

    /// Takes back a record whose consent the ledger did not take, for a custodian that signs by itself.
    ///
    /// # Errors
    /// [`MarketError::Forbidden`] once the consent is on the ledger, as far as the node proves;
    /// [`VaultError::Unknown`](crate::vault::VaultError::Unknown).
    pub async fn discard_record(&self, custodian: &PartyId, consent: &ConsentId) -> Result<(), MarketError> {
        let record = self.0.vault.record(custodian, consent)?;
        let proven = self.client().record::<Consent>(&Consent::key(consent)).await?;
        if proven.record.is_some() {
            let text = "the consent is on the ledger, and its record has to be shown: it goes by the subject's erasure";
            return Err(MarketError::Forbidden(text.into()));
        }
        Ok(self.0.vault.discard(&record)?)
    }

    /// The record of an erasure, for the custodian that erased.
    ///
    /// # Errors
    /// [`MarketError::NotFound`], also for anybody else.
    pub fn erasure(&self, custodian: &PartyId, id: &str) -> Result<(Erasure, String), MarketError> {
        let erasure = self.0.vault.erasure(id)?.filter(|erasure| erasure.controller == *custodian);
        let erasure = erasure.ok_or(MarketError::NotFound("erasure"))?;
        let signed = self.keys().attest(&serde_json::json!({ "erasure": erasure }))?;
        Ok((erasure, signed))
    }

    /// Records a consent with the custodian's managed key, and gives the subject's receipt.
    ///
    /// # Errors
    /// [`MarketError::Forbidden`] without the role of a custodian, a refusal, or what an order may meet.
    pub async fn give_consent(
        &self,
        custodian: &PartyId,
        request: GiveRequest,
        once: Option<&Once>,
    ) -> Result<ConsentReceipt, MarketError> {
        self.require(custodian, Role::Custodian)?;
        let until_day = day(&request.until)?;
        let dataset = self.rows().dataset(&request.dataset)?.ok_or(MarketError::NotFound("dataset"))?;
        let mut purposes = request.purposes;
        purposes.sort_unstable();
        purposes.dedup();
        let once = self.veiled(custodian, &request.subject, once)?;
        let once = once.as_ref();
        let kept = parking_lot::Mutex::new(None);
        let given = self
            .act_with(custodian, once, || async {
                // The order has the key: where it is known, no record is kept.
                let first = First::without_key();
                let record = self.0.vault.keep(
                    custodian,
                    &request.dataset,
                    &request.subject,
                    request.record,
                    &first,
                    clock_ms(),
                )?;
                let give = Give {
                    consent: record.consent,
                    dataset: request.dataset,
                    since_version: request.since_version.unwrap_or(dataset.versions + 1),
                    purposes,
                    notice: Digest::of(&[request.notice.as_bytes()]),
                    until_day,
                    record: record.root,
                };
                *kept.lock() = Some(record);
                Ok((Action::GiveConsent(give), None))
            })
            .await;
        let order = match given {
            Ok(order) => order,
            Err(error) => {
                // What is not on the ledger needs no record here, unless it may still get there.
                let open = matches!(error, MarketError::Order(OrderError::Undecided { .. }));
                if let Some(record) = kept.lock().take().filter(|_| !open) {
                    self.0.vault.discard(&record)?;
                }
                return Err(error);
            }
        };
        self.consent_receipt(custodian, &order).await
    }

    /// The receipt for a consent that was given by `order`.
    async fn consent_receipt(&self, custodian: &PartyId, order: &Order) -> Result<ConsentReceipt, MarketError> {
        let committed = self.client().committed(order.id).await?.ok_or(MarketError::NotFound("transaction"))?;
        let consent = committed.events.iter().find_map(|event| match event {
            contracts::event::Event::ConsentChanged { consent, .. } => Some(*consent),
            _ => None,
        });
        let consent = consent.ok_or(MarketError::NotFound("consent"))?;
        let record = self.0.vault.record(custodian, &consent)?;
        Ok(ConsentReceipt { record, transaction: order.id, receipt: hex::encode(&committed.receipt) })
    }

    /// Ends a consent with the custodian's managed key: the next delivery is refused.
    ///
    /// # Errors
    /// As [`Market::act`].
    pub async fn end_consent(
        &self,
        custodian: &PartyId,
        consent: &ConsentId,
        state: ConsentState,
        once: Option<&Once>,
    ) -> Result<Order, MarketError> {
        self.act(custodian, Action::EndConsent(End { consent: *consent, state }), None, once).await
    }

    /// The vault's record of a consent, for its custodian.
    ///
    /// # Errors
    /// [`VaultError::Unknown`](crate::vault::VaultError::Unknown).
    pub fn consent_record(&self, custodian: &PartyId, consent: &ConsentId) -> Result<Record, MarketError> {
        Ok(self.0.vault.record(custodian, consent)?)
    }

    /// Consents of a subject at a custodian, oldest first.
    ///
    /// # Errors
    /// [`MarketError`].
    pub fn consents_of_subject(&self, custodian: &PartyId, subject: &str) -> Result<Vec<ConsentId>, MarketError> {
        Ok(self.0.vault.consents_of(custodian, subject)?)
    }

    /// Ends every consent of a subject that is still in force, then destroys what the vault has of
    /// it. A custodian that signs by itself has ended them before. Returns what remains to be told, and
    /// the same signed by the market (PASETO v4.public).
    ///
    /// # Errors
    /// As [`Market::act`]; nothing is destroyed before all its consents have ended on the ledger.
    /// [`VaultError::Unknown`](crate::vault::VaultError::Unknown) where there is nothing of the subject.
    pub async fn erase_subject(&self, custodian: &PartyId, subject: &str) -> Result<(Erasure, String), MarketError> {
        self.require(custodian, Role::Custodian)?;
        // Rows that lag behind could take a consent that is in force for one that is not on the ledger.
        let height = self.client().status().await?.height;
        if !self.caught_up(height).await {
            return Err(MarketError::Busy("the market has not read the newest blocks yet"));
        }
        let consents = self.0.vault.consents_of(custodian, subject)?;
        for consent in &consents {
            let given = self.rows().consent(consent)?.is_some_and(|held| held.state == ConsentState::Given);
            if given && !self.keys().is_managed(custodian)? {
                let text = format!(
                    "consent {consent} is in force, and you sign by yourself: end it on the ledger, then erase"
                );
                return Err(MarketError::Forbidden(text));
            }
            if given {
                let order = self.end_consent(custodian, consent, ConsentState::Withdrawn, None).await?;
                debug_assert!(matches!(order.state, OrderState::Applied { .. }), "a refusal is an error");
            }
        }
        let market = self.clone();
        let (custodian, subject) = (*custodian, subject.to_string());
        let erased =
            tokio::task::spawn_blocking(move || market.0.vault.erase(&custodian, &subject, &consents, clock_ms()));
        let erasure = erased.await.map_err(|_| MarketError::Busy("the vault stopped"))??;
        let signed = self.keys().attest(&serde_json::json!({ "erasure": erasure }))?;
        Ok((erasure, signed))
    }
}

/// Days since 1970 of a date.
fn day(text: &str) -> Result<u32, MarketError> {
    let date: jiff::civil::Date = text
        .parse()
        .map_err(|_| MarketError::invalid("until", format!("`{text}` is no date: write it like 2027-03-31")))?;
    let since =
        date.since(jiff::civil::date(1970, 1, 1)).map_err(|error| MarketError::invalid("until", error.to_string()))?;
    u32::try_from(since.get_days()).map_err(|_| MarketError::invalid("until", "a consent ends after 1970"))
}
