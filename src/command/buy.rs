//! `lonja buy`: read the offer, then pay and be granted in one transaction.

use crate::{
    command::offer::in_force,
    context::{Context, Done},
    parse,
    problem::{Exit, Problem},
};
use clap::Args;
use contracts::{
    action::Action,
    agreement::Buy as Action_,
    id::{AgreementId, DatasetId, OfferId},
    money::{Amount, Currency},
    quote::SignedQuote,
    side::SideBody,
    vocabulary::Purpose,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A quote's file, in bytes: a real one has about a thousand.
const QUOTE_JSON_BYTES_MAX: u64 = 64 << 10;

/// Buy a licence.
#[derive(Args)]
pub struct Buy {
    /// The offer's id
    offer: OfferId,
    /// What for: infrastructure, business, planning, maintenance, environment, safety, research,
    /// public-service or innovation
    #[arg(long, value_parser = parse::purpose)]
    purpose: Purpose,
    /// How many periods of a subscription
    #[arg(long, default_value_t = 1, value_name = "N")]
    periods: u32,
    /// Why personal data are needed (required for them); kept beside the ledger
    #[arg(long)]
    justification: Option<String>,
    /// File with a quote that the provider signed
    #[arg(long, value_name = "FILE")]
    quote: Option<PathBuf>,
}

#[derive(Serialize)]
struct Bought {
    agreement: AgreementId,
    dataset: DatasetId,
    amount: Amount,
    currency: Option<Currency>,
}

impl Buy {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let (offer, revision) = in_force(context, self.offer).await?;
        let quote = self.quote.as_deref().map(read_quote).transpose()?;
        let (amount, at) = match &quote {
            Some(signed) => (signed.quote.amount, signed.quote.revision),
            None => {
                let amount = revision.price.of(self.periods);
                (amount.map_err(|no| Problem::usage(no.to_string(), "choose another --periods"))?, offer.revision)
            }
        };
        let side = self.justification.map(|why| crate::side::body(vec![("justification", why)])).transpose()?;
        let action = Action::Buy(Action_ {
            offer: self.offer,
            revision: at,
            purpose: self.purpose,
            periods: self.periods,
            amount,
            quote,
            justification: side.as_ref().map(SideBody::id),
        });
        let committed = context.act(None, action, side).await?;
        let currency = revision.price.currency();
        let agreement = AgreementId(committed.id.0);
        let bought = Bought { agreement, dataset: offer.dataset, amount, currency };
        context.print(&Done::new(&committed, bought), || {
            let paid =
                currency.map_or_else(|| "for free".into(), |currency| format!("for {}", amount.display(currency)));
            format!(
                "agreement {agreement}\nbought {paid} in block {}; `lonja fetch {agreement}` downloads it",
                committed.height
            )
        });
        Ok(())
    }
}

fn read_quote(path: &Path) -> Result<SignedQuote, Problem> {
    let bytes = genesis::files::read(path, QUOTE_JSON_BYTES_MAX).map_err(|error| {
        Problem::new(format!("cannot read the quote: {error}")).help("check the path").exits(Exit::File)
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(format!("{} is no signed quote", path.display())).because(error).help("ask for it again")
    })
}
