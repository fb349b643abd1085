//! `lonja offer`: terms and price of a dataset.

use crate::{
    context::{Context, Done},
    output, parse,
    problem::Problem,
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    dataset::Dataset,
    event::Event,
    id::{DatasetId, OfferId},
    offer::{MakeOffer, Offer as Record, OfferRevision, Price, ReviseOffer, WithdrawOffer},
    terms::{Allowed, Onward, Terms},
    vocabulary::Purpose,
};
use serde::Serialize;

/// Make, change, withdraw and show offers.
#[derive(Subcommand)]
pub enum Offer {
    /// Offer a dataset
    Make {
        /// The dataset's id
        dataset: DatasetId,
        #[command(flatten)]
        terms: TermArgs,
    },
    /// Change terms or price for new purchases
    Revise {
        /// The offer's id
        offer: OfferId,
        #[command(flatten)]
        terms: TermArgs,
    },
    /// Close an offer for new purchases
    Withdraw {
        /// The offer's id
        offer: OfferId,
    },
    /// Show an offer, or all offers of a dataset, proven from the ledger
    Show {
        /// An offer's or a dataset's id
        id: String,
    },
}

/// Terms and price.
#[derive(Args)]
pub struct TermArgs {
    /// free; EUR:12.50 once; EUR:5/30d for each period of 30 days; EUR:5/30dx6 for at most 6 at once
    #[arg(long, value_parser = parse::price)]
    price: Price,
    /// Purposes that are allowed (infrastructure, business, planning, maintenance, environment, safety,
    /// research, public-service, innovation); any where it is left out
    #[arg(long = "purpose", value_delimiter = ',', value_parser = parse::purpose)]
    purposes: Vec<Purpose>,
    /// How long the licence runs, in days; without end where it is left out. A subscription ends with its periods
    #[arg(long, value_name = "N")]
    days: Option<u32>,
    /// Whether the data may be passed on: prohibited, derived-only, same-terms or free
    #[arg(long, default_value = "prohibited", value_parser = parse::word::<Onward>)]
    onward: Onward,
    /// How the source is to be named, on one line; it need not be where this is left out
    #[arg(long)]
    attribution: Option<String>,
}

impl TermArgs {
    fn terms(self) -> (Terms, Price) {
        let mut purposes = self.purposes;
        purposes.sort();
        purposes.dedup();
        let purposes = if purposes.is_empty() { Allowed::Any } else { Allowed::Only { purposes } };
        let (onward, attribution) = (self.onward, self.attribution);
        (Terms { purposes, duration_days: self.days, onward, attribution }, self.price)
    }
}

#[derive(Serialize)]
struct WithOffer {
    offer: OfferId,
}

#[derive(Serialize)]
struct Shown {
    id: OfferId,
    #[serde(flatten)]
    offer: Record,
    terms: Terms,
    price: Price,
    text: String,
}

impl Offer {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        let (action, offer, word) = match self {
            Self::Make { dataset, terms } => {
                let (terms, price) = terms.terms();
                (Action::MakeOffer(MakeOffer { dataset, terms, price }), None, "made")
            }
            Self::Revise { offer, terms } => {
                let known: Record = context.known(&Record::key(&offer), &offer).await?;
                let (terms, price) = terms.terms();
                let action = Action::ReviseOffer(ReviseOffer { offer, follows: known.revision, terms, price });
                (action, Some(offer), "revised")
            }
            Self::Withdraw { offer } => (Action::WithdrawOffer(WithdrawOffer { offer }), Some(offer), "withdrew"),
            Self::Show { id } => return show(context, &id).await,
        };
        let committed = context.act(None, action, None).await?;
        let offer = offer.unwrap_or(OfferId(committed.id.0));
        context.print(&Done::new(&committed, WithOffer { offer }), || {
            format!("{word} offer {offer} in block {}", committed.height)
        });
        Ok(())
    }
}

/// The offer and its revision in force.
pub async fn in_force(context: &Context, id: OfferId) -> Result<(Record, OfferRevision), Problem> {
    let offer: Record = context.known(&Record::key(&id), &id).await?;
    let revision = context.known(&OfferRevision::key(&id, offer.revision), &id).await?;
    Ok((offer, revision))
}

async fn show(context: &Context, id: &str) -> Result<(), Problem> {
    let offer = id.parse::<OfferId>().map_err(|error| Problem::usage(error.to_string(), "copy it from a listing"))?;
    let ids = match context.proven::<Record>(&Record::key(&offer)).await? {
        Some(_) => vec![offer],
        None => of_dataset(context, DatasetId(offer.0)).await?,
    };
    let mut offers = Vec::new();
    for id in ids {
        let (offer, revision) = in_force(context, id).await?;
        let text = revision.terms.render();
        offers.push(Shown { id, offer, terms: revision.terms, price: revision.price, text });
    }
    context.print(&offers, || offers.iter().map(people).collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn people(shown: &Shown) -> String {
    let head = output::lines(&[
        ("offer", shown.id.to_string()),
        ("dataset", shown.offer.dataset.to_string()),
        ("provider", shown.offer.provider.to_string()),
        ("revision", shown.offer.revision.to_string()),
        ("price", parse::price_text(&shown.price)),
        ("open", if shown.offer.withdrawn { "no, withdrawn".into() } else { "yes".into() }),
    ]);
    format!("{head}{}\n", shown.text)
}

/// Every offer that was made for a dataset: its history is complete and proven.
async fn of_dataset(context: &Context, dataset: DatasetId) -> Result<Vec<OfferId>, Problem> {
    let (_, history) = context.client()?.history(&Dataset::key(&dataset)).await?;
    Ok(history
        .into_iter()
        .filter_map(|item| match item.event {
            Event::OfferMade { offer, revision: 1, .. } => Some(offer),
            _ => None,
        })
        .collect())
}
