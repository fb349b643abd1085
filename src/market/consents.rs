//! The vault, as a custodian who keeps its own key uses it.

use super::Session;
use crate::problem::Problem;
use contracts::id::{ConsentId, DatasetId};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Session {
    /// Keeps a record, and gives it with the id and the commitment that its consent is to carry.
    ///
    /// # Errors
    /// What the marketplace says is wrong.
    pub async fn keep_record(
        &self,
        dataset: &DatasetId,
        subject: &str,
        fields: &BTreeMap<String, String>,
    ) -> Result<Value, Problem> {
        let asked = json!({ "dataset": dataset, "subject": subject, "record": fields });
        let request = self.market.request(Method::POST, "/api/v1/consents/records").bearer_auth(&self.token);
        Ok(self.market.json(request.json(&asked)).await?["record"].take())
    }

    /// Takes back a record whose consent did not come on the ledger.
    ///
    /// # Errors
    /// What the marketplace says is wrong.
    pub async fn discard_record(&self, consent: &ConsentId) -> Result<(), Problem> {
        let path = format!("/api/v1/consents/{consent}/record");
        self.market.json(self.market.request(Method::DELETE, &path).bearer_auth(&self.token)).await.map(drop)
    }

    /// The record of a consent.
    ///
    /// # Errors
    /// What the marketplace says is wrong.
    pub async fn record(&self, consent: &ConsentId) -> Result<Value, Problem> {
        let path = format!("/api/v1/consents/{consent}/record");
        self.market.json(self.market.request(Method::GET, &path).bearer_auth(&self.token)).await
    }

    /// All records of a subject, each with the consent as it stands on the ledger.
    ///
    /// # Errors
    /// What the marketplace says is wrong.
    pub async fn access(&self, subject: &str) -> Result<Vec<Value>, Problem> {
        let request = self.market.request(Method::POST, "/api/v1/subjects/access").bearer_auth(&self.token);
        match self.market.json(request.json(&json!({ "subject": subject }))).await?["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Err(self.market.strange("records without items")),
        }
    }

    /// Erases what the vault has of a subject, whose consents have all ended.
    ///
    /// # Errors
    /// What the marketplace says is wrong.
    pub async fn erase(&self, subject: &str) -> Result<Value, Problem> {
        let request = self.market.request(Method::POST, "/api/v1/subjects/erase").bearer_auth(&self.token);
        self.market.json(request.json(&json!({ "subject": subject }))).await
    }
}
