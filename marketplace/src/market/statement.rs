//! Statements: every line says what it was for, so that an account explains itself.

use super::Market;
use crate::{
    error::MarketError,
    rows::{Page, PageStart, Posting, PostingKind},
};
use contracts::{
    id::{DatasetId, PartyId},
    money::Currency,
    vocabulary::Spectrum,
};
use serde::Serialize;

/// One line of a statement, as its owner reads it.
#[derive(Clone, Debug, Serialize)]
pub struct StatementLine {
    /// What the ledger did.
    #[serde(flatten)]
    pub posting: Posting,
    /// The amount with its sign and currency, as `-12.50 EUR`.
    pub shown: String,
    /// The balance after it, as `37.50 EUR`.
    pub balance_shown: String,
    /// Name of the other side, where there is one.
    pub counterparty_name: Option<String>,
    /// Title of what was licensed, where it was a licence.
    pub title: Option<String>,
    /// What it was, without the title, as `Licence from Harbour office`.
    pub what: String,
}

impl Market {
    /// Lines of an account of `party`, newest first.
    ///
    /// # Errors
    /// [`MarketError`].
    pub fn statement(
        &self,
        party: &PartyId,
        currency: Currency,
        start: Option<&PageStart>,
        limit: usize,
    ) -> Result<Page<StatementLine>, MarketError> {
        let page = self.rows().statement(party, currency, start, limit)?;
        let lines = page.items.into_iter().map(|posting| self.explained(party, currency, posting));
        Ok(Page { items: lines.collect::<Result<_, _>>()?, next: page.next })
    }

    fn explained(&self, party: &PartyId, currency: Currency, posting: Posting) -> Result<StatementLine, MarketError> {
        let counterparty_name = posting.counterparty.as_ref().map(|other| self.name_of(other)).transpose()?;
        let title = posting.dataset.as_ref().map(|dataset| self.title_of(dataset, Some(party))).transpose()?;
        let other = counterparty_name.as_deref().unwrap_or("somebody");
        let what = match (posting.kind, posting.agreement, posting.renewal) {
            (PostingKind::Minted, ..) => "Paid in at the bank".to_string(),
            (PostingKind::Burned, ..) => "Paid out at the bank".into(),
            (PostingKind::Paid, Some(_), false) => format!("Licence from {other}"),
            (PostingKind::Paid, Some(_), true) => format!("Licence from {other}, prolonged"),
            (PostingKind::Paid, None, _) => format!("To {other}"),
            (PostingKind::Received, Some(_), false) => format!("Licence to {other}"),
            (PostingKind::Received, Some(_), true) => format!("Licence to {other}, prolonged"),
            (PostingKind::Received, None, _) => format!("From {other}"),
        };
        let sign = match posting.kind {
            PostingKind::Minted | PostingKind::Received => "+",
            PostingKind::Burned | PostingKind::Paid => "-",
        };
        let shown = format!("{sign}{}", posting.amount.display(currency));
        let balance_shown = posting.balance.display(currency);
        Ok(StatementLine { posting, shown, balance_shown, counterparty_name, title, what })
    }

    /// The name of a party, or its id where it has none.
    ///
    /// # Errors
    /// [`MarketError`].
    pub fn name_of(&self, party: &PartyId) -> Result<String, MarketError> {
        Ok(self.rows().party(party)?.map_or_else(|| party.to_string(), |party| party.name))
    }

    /// What a dataset is called in a list. Closed data have no title for others.
    ///
    /// # Errors
    /// [`MarketError`].
    pub fn title_of(&self, dataset: &DatasetId, viewer: Option<&PartyId>) -> Result<String, MarketError> {
        let closed = self.rows().dataset(dataset)?.filter(|found| {
            found.classification.spectrum.value() == Some(&Spectrum::Closed) && viewer != Some(&found.publisher)
        });
        if closed.is_some() {
            return Ok("Closed data".into());
        }
        Ok(self.rows().jacket(dataset)?.map_or_else(|| dataset.to_string(), |jacket| jacket.title))
    }
}
