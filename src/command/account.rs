//! `lonja account`: what a party has, what moved, and money in and out.

use crate::{
    context::{Context, Done},
    output,
    parse::Money,
    problem::Problem,
};
use clap::{Args, Subcommand};
use contracts::{
    action::Action,
    event::Event,
    id::{BankReference, Digest, PartyId},
    money::{Amount, Currency},
    settlement::{Account as Record, Burn, Mint},
};
use serde::Serialize;

/// Balances, statements, money in and out.
#[derive(Subcommand)]
pub enum Account {
    /// What a party has, proven from the ledger
    Balance(Of),
    /// Everything that moved on an account, complete and proven
    Statement(Of),
    /// Bring money on the ledger against a payment at a bank (a settlement agent; signs as `settlement`
    /// where --as is left out)
    Mint(Book),
    /// Take money off the ledger that is paid out at a bank (likewise)
    Burn(Book),
}

/// Whose account.
#[derive(Args)]
pub struct Of {
    /// A party's id, or the name of its key; that of --as where it is left out
    party: Option<String>,
    /// In which currencies, such as EUR,JPY
    #[arg(long, value_delimiter = ',', default_value = "EUR")]
    currency: Vec<Currency>,
}

/// Money in or out.
#[derive(Args)]
pub struct Book {
    /// A party's id, or the name of its key
    party: String,
    /// How much, such as EUR:12.50
    money: Money,
    /// The bank's reference; each is booked once. Only its digest goes on the ledger
    #[arg(long)]
    reference: String,
}

#[derive(Serialize)]
struct Balance {
    party: PartyId,
    currency: Currency,
    balance: Amount,
}

#[derive(Serialize)]
struct Line {
    height: u64,
    transaction: contracts::id::TransactionId,
    currency: Currency,
    event: Event,
}

impl Account {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::Balance(of) => of.balance(context).await,
            Self::Statement(of) => of.statement(context).await,
            Self::Mint(book) => book.run(context, true).await,
            Self::Burn(book) => book.run(context, false).await,
        }
    }
}

impl Of {
    fn party(&self, context: &Context) -> Result<PartyId, Problem> {
        match &self.party {
            Some(party) => context.party(party),
            None => context.party(&context.key_name(None)?.to_string()),
        }
    }

    async fn balance(self, context: &Context) -> Result<(), Problem> {
        let party = self.party(context)?;
        let mut balances = Vec::new();
        for currency in self.currency {
            let account: Option<Record> = context.proven(&Record::key(&party, currency)).await?;
            balances.push(Balance { party, currency, balance: account.unwrap_or_default().balance });
        }
        context.print(&balances, || {
            balances.iter().map(|line| format!("{}\n", line.balance.display(line.currency))).collect()
        });
        Ok(())
    }

    async fn statement(self, context: &Context) -> Result<(), Problem> {
        let party = self.party(context)?;
        let client = context.client()?;
        let mut lines = Vec::new();
        for currency in self.currency {
            for item in client.history(&Record::key(&party, currency)).await?.1 {
                lines.push(Line { height: item.height, transaction: item.transaction, currency, event: item.event });
            }
        }
        context.print(&lines, || {
            let rows = lines.iter().map(|line| {
                let (what, sign, amount, other) = moved(&line.event, &party);
                let amount = amount.map(|amount| format!("{sign}{}", amount.display(line.currency)));
                [line.height.to_string(), what.into(), amount.unwrap_or_default(), other]
            });
            output::table(["block", "what", "amount", "with"], rows)
        });
        Ok(())
    }
}

fn moved(event: &Event, party: &PartyId) -> (&'static str, &'static str, Option<Amount>, String) {
    match event {
        Event::Minted { amount, reference, .. } => ("minted", "+", Some(*amount), format!("bank {reference}")),
        Event::Burned { amount, reference, .. } => ("burned", "-", Some(*amount), format!("bank {reference}")),
        Event::Paid { from, to, amount, .. } if from == party => ("paid", "-", Some(*amount), to.to_string()),
        Event::Paid { from, amount, .. } => ("received", "+", Some(*amount), from.to_string()),
        _ => ("other", "", None, String::new()),
    }
}

impl Book {
    async fn run(self, context: &Context, mint: bool) -> Result<(), Problem> {
        let party = context.party(&self.party)?;
        let reference = BankReference(Digest::of(&[self.reference.as_bytes()]).0);
        let Money { amount, currency } = self.money;
        let action = if mint {
            Action::Mint(Mint { party, amount, currency, reference })
        } else {
            Action::Burn(Burn { party, amount, currency, reference })
        };
        let committed = context.act(Some("settlement"), action, None).await?;
        let word = if mint { "minted" } else { "burned" };
        context.print(&Done::new(&committed, Balance { party, currency, balance: amount }), || {
            format!("{word} {} for {party} in block {}", amount.display(currency), committed.height)
        });
        Ok(())
    }
}
