//! Which validators of its network a directory holds the keys of.

use crate::{
    context::Context,
    problem::{Exit, Problem},
};
use contracts::{
    key::Signer,
    validators::{Validator, ValidatorSet},
};
use genesis::{KeyName, Keyring, Passphrase};
use ledger::node::{Keys, ValidatorKeys};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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

/// The directory's keys, opened by name when a validator set has them: those of a validator that were made while
/// the node runs are found at the next change of the set.
pub struct Ring {
    keyring: Keyring,
    passphrase: Passphrase,
    opened: Mutex<BTreeMap<String, ValidatorKeys>>,
}

impl Ring {
    /// Asks for the passphrase, and opens the keys that `names` name.
    ///
    /// # Errors
    /// When one is missing or does not open.
    pub fn open(context: &Context, names: &[String]) -> Result<Self, Problem> {
        let keyring = context.keyring();
        for name in names {
            // Looked at before the passphrase is asked for.
            keyring.inspect(&key_name(name, "consensus")?)?;
        }
        let ring = Self { keyring, passphrase: context.passphrase()?, opened: Mutex::default() };
        names.iter().try_for_each(|name| ring.keys(name).map(drop))?;
        Ok(ring)
    }

    /// The keys of validator `name`.
    fn keys(&self, name: &str) -> Result<ValidatorKeys, Problem> {
        if let Some(keys) = self.opened().get(name) {
            return Ok(keys.clone());
        }
        let key = |what: &str| -> Result<Arc<dyn Signer>, Problem> {
            Ok(Arc::new(self.keyring.open(&key_name(name, what)?, &self.passphrase)?))
        };
        let keys = ValidatorKeys { consensus: key("consensus")?, log: key("log")?, cosigner: key("cosigner")? };
        self.opened().insert(name.to_owned(), keys.clone());
        Ok(keys)
    }

    fn opened(&self) -> MutexGuard<'_, BTreeMap<String, ValidatorKeys>> {
        // Whoever panicked while it was held had put whole keys in or none.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys for Ring {
    fn of(&self, set: &ValidatorSet) -> Option<(u16, ValidatorKeys)> {
        for (number, validator) in (0..).zip(&set.validators) {
            let Ok(name) = key_name(&validator.name, "consensus") else { continue };
            let ours = self.keyring.path(&name).exists()
                && self.keyring.inspect(&name).is_ok_and(|part| part.public == validator.consensus);
            match ours.then(|| self.keys(&validator.name)) {
                Some(Ok(keys)) => return Some((number, keys)),
                Some(Err(problem)) => tracing::error!(%problem, validator = validator.name, "its keys do not open"),
                None => {}
            }
        }
        None
    }
}

fn key_name(validator: &str, what: &str) -> Result<KeyName, Problem> {
    Ok(format!("{validator}.{what}").parse()?)
}
