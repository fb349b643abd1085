//! Which validators of its network a directory holds the keys of.

use crate::{
    context::Context,
    problem::{Exit, Problem},
};
use contracts::{
    key::Signer,
    validators::{Validator, ValidatorSet},
};
use genesis::KeyName;
use ledger::node::ValidatorKeys;
use std::sync::Arc;

/// A validator whose keys lie in the directory.
pub struct Ours {
    /// Its number in the set.
    pub number: u16,
    /// Its name, which its key files begin with.
    pub name: String,
}

impl Ours {
    /// The validator of `set` whose consensus key the directory holds.
    ///
    /// # Errors
    /// When it holds none, naming what it looked for.
    pub fn of(context: &Context, set: &ValidatorSet) -> Result<Self, Problem> {
        let ring = context.layout().keyring();
        for (number, Validator { name, .. }) in (0..).zip(&set.validators) {
            let Ok(key) = key_name(name, "consensus") else { continue };
            if ring.path(&key).exists() {
                return Ok(Self { number, name: name.clone() });
            }
        }
        Err(none_held(context, set))
    }

    /// The name of its key for `what`.
    ///
    /// # Errors
    /// When it has a name that no file can have.
    pub fn key_name(&self, what: &str) -> Result<KeyName, Problem> {
        key_name(&self.name, what)
    }
}

/// A directory that holds no validator's key.
pub fn none_held(context: &Context, set: &ValidatorSet) -> Problem {
    let names: Vec<_> = set.validators.iter().map(|validator| format!("{}.consensus", validator.name)).collect();
    Problem::new(format!("{} holds no validator's key", context.layout().keys_path().display()))
        .because(format!("the network's are {}", names.join(", ")))
        .help("put the validator's keys back from a copy, or run the node on its own directory")
        .exits(Exit::File)
}

/// The names of all validators whose keys the directory holds, whether they are in force or not.
///
/// # Errors
/// When the directory cannot be read.
pub fn held(context: &Context) -> Result<Vec<String>, Problem> {
    let names = context.keyring().names()?;
    Ok(names.iter().filter_map(|name| name.to_string().strip_suffix(".consensus").map(str::to_owned)).collect())
}

/// Opens the keys of validator `name`.
///
/// # Errors
/// When one is missing or does not open.
pub fn keys(context: &Context, name: &str) -> Result<ValidatorKeys, Problem> {
    let key = |what: &str| -> Result<Arc<dyn Signer>, Problem> { Ok(Arc::new(context.open(&key_name(name, what)?)?)) };
    Ok(ValidatorKeys { consensus: key("consensus")?, log: key("log")?, cosigner: key("cosigner")? })
}

fn key_name(validator: &str, what: &str) -> Result<KeyName, Problem> {
    Ok(format!("{validator}.{what}").parse()?)
}
