//! `lonja key`: sealed key files, keys on tokens, and which keys a party has on the ledger.

mod token;
mod validator;

use crate::{
    context::{Context, Done},
    output, parse,
    problem::Problem,
};
use clap::Subcommand;
use contracts::{
    action::Action,
    key::{Domain, PublicKey, Signer as _},
    party::{AddKey, KeyUse, RevokeKey},
};
use genesis::{
    KeyName,
    keyfile::{KeyFileError, PublicPart, Purpose},
};
use serde::Serialize;

/// Make, show, add and revoke keys.
#[derive(Subcommand)]
pub enum Key {
    /// Make a new key. The first of a party names it; `PARTY.price` is a further one of PARTY
    New {
        /// Its name, such as `harbour` or `harbour.price`
        name: String,
        /// What a further key is for: `sign` or `price`
        #[arg(long, default_value = "sign", value_parser = parse::word::<Purpose>)]
        purpose: Purpose,
        /// The party that a further key is of, when its name does not say so
        #[arg(long)]
        party: Option<String>,
        #[command(flatten)]
        place: token::Place,
        #[command(flatten)]
        founding: validator::Founding,
    },
    /// List the keys of the directory
    List,
    /// Show the public part of a key
    Show {
        /// Its name, as `lonja key list` shows it
        name: String,
    },
    /// Open a key and let it sign something that means nothing: does passphrase or PIN fit, is its token there?
    Check {
        /// Its name, as `lonja key list` shows it
        name: String,
        /// Try the PIN once, although the token says that the last one was wrong. A right one clears the token's mark
        #[arg(long)]
        try_pin: bool,
    },
    /// Seal a key file under another passphrase
    Passphrase {
        /// Its name, as `lonja key list` shows it
        name: String,
        /// File with the new passphrase, when it is not typed
        #[arg(long, value_name = "FILE")]
        new: Option<std::path::PathBuf>,
    },
    /// Register a key as a further key of the party that signs
    Add {
        /// Its name, as `lonja key list` shows it
        name: String,
    },
    /// Revoke a key of the party that signs
    Revoke {
        /// The public key, or the name of its file
        key: String,
        /// It may be in other hands
        #[arg(long)]
        compromised: bool,
    },
}

#[derive(Serialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    key: PublicPart,
}

/// A key that the ledger was told of.
#[derive(Serialize)]
struct Told {
    key: PublicKey,
}

impl Key {
    /// Runs it.
    pub async fn run(self, context: &Context) -> Result<(), Problem> {
        match self {
            Self::New { name, founding, place, .. } if founding.validator.is_some() => {
                let address = founding.validator.clone().unwrap_or_default();
                validator::new(context, &name, &founding, &address, &place)
            }
            Self::New { name, purpose, party, place, .. } => new(context, &name, purpose, party.as_deref(), &place),
            Self::List => list(context),
            Self::Show { name } => show(context, &name.parse::<KeyName>()?),
            Self::Check { name, try_pin } => token::check(context, &name.parse::<KeyName>()?, try_pin),
            Self::Passphrase { name, new } => {
                let name = name.parse::<KeyName>()?;
                if context.keyring().inspect(&name)?.token.is_some() {
                    return Err(KeyFileError::OnToken { path: context.keyring().path(&name) }.into());
                }
                let old = context.passphrase()?;
                let fresh = match new {
                    Some(path) => genesis::Passphrase::read(&path)?,
                    None => context.new_passphrase()?,
                };
                context.keyring().change_passphrase(&name, &old, &fresh)?;
                show(context, &name)
            }
            Self::Add { name } => add(context, &name.parse::<KeyName>()?).await,
            Self::Revoke { key, compromised } => {
                let key = match key.parse::<PublicKey>() {
                    Ok(key) => key,
                    Err(_) => context.keyring().inspect(&key.parse::<KeyName>()?)?.public,
                };
                let committed = context.act(None, Action::RevokeKey(RevokeKey { key, compromised }), None).await?;
                context.print(&Done::new(&committed, Told { key }), || {
                    format!("revoked {key} in block {}", committed.height)
                });
                Ok(())
            }
        }
    }
}

fn new(
    context: &Context,
    name: &str,
    purpose: Purpose,
    party: Option<&str>,
    place: &token::Place,
) -> Result<(), Problem> {
    let name = name.parse::<KeyName>()?;
    let text = name.to_string();
    let party = match (party, text.split_once('.')) {
        (Some(party), _) | (None, Some((party, _))) => Some(context.party(party)?),
        (None, None) => None,
    };
    if !matches!(purpose, Purpose::Sign | Purpose::Price) {
        let help = "a validator's keys are made together: `lonja key new NAME --validator HOST:PORT`";
        return Err(Problem::usage("a party's key is for `sign` or `price`", help));
    }
    if purpose == Purpose::Price && party.is_none() {
        return Err(Problem::usage("a key for prices is of a party", "name it PARTY.price, or add --party"));
    }
    match place.pair(context)? {
        None => drop(context.keyring().generate(&name, purpose, party, &context.new_passphrase()?)?),
        Some(pair) => drop(context.keyring().generate_on(&pair, &name, purpose, party)?),
    }
    show(context, &name)
}

fn show(context: &Context, name: &KeyName) -> Result<(), Problem> {
    let key = context.keyring().inspect(name)?;
    let shown = Named { name: name.to_string(), key };
    context.print(&shown, || {
        output::lines(&[
            ("name", shown.name.clone()),
            ("purpose", format!("{:?}", shown.key.purpose).to_lowercase()),
            ("public key", shown.key.public.to_string()),
            ("party", shown.key.party.map_or_else(|| "none".into(), |party| party.to_string())),
            ("lies", lies(&shown.key)),
        ])
    });
    Ok(())
}

fn list(context: &Context) -> Result<(), Problem> {
    let ring = context.keyring();
    let named = |name: KeyName| Ok(Named { key: ring.inspect(&name)?, name: name.to_string() });
    let keys = ring.names()?.into_iter().map(named).collect::<Result<Vec<_>, Problem>>()?;
    context.print(&keys, || {
        let rows = keys.iter().map(|key| {
            let party = key.key.party.map(|party| party.to_string()).unwrap_or_default();
            [key.name.clone(), format!("{:?}", key.key.purpose).to_lowercase(), party, lies(&key.key)]
        });
        output::table(["key", "purpose", "party", "lies"], rows)
    });
    Ok(())
}

fn lies(key: &PublicPart) -> String {
    key.token.as_ref().map_or_else(|| "in its file".into(), |token| format!("on the token {token}"))
}

async fn add(context: &Context, name: &KeyName) -> Result<(), Problem> {
    let identity = context.identity(None)?;
    let fresh = context.open(name)?;
    let client = context.client()?;
    let usage = match fresh.purpose() {
        Purpose::Sign => KeyUse::Sign,
        Purpose::Price => KeyUse::Price,
        _ => return Err(Problem::usage(format!("`{name}` is a validator's key"), "name a party's key")),
    };
    let key = fresh.public();
    let message = AddKey::proof_message(&identity.party, &key);
    let proof = fresh
        .sign(&Domain::Transaction.message(&client.network(), &message))
        .map_err(|error| Problem::new("the new key cannot sign").because(error))?;
    let committed = context.act_as(&identity, Action::AddKey(AddKey { key, usage, proof }), None).await?;
    context.print(&Done::new(&committed, Told { key }), || format!("added {key} in block {}", committed.height));
    Ok(())
}
