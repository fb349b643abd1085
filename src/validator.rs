//! Which validators of its network a directory holds the keys of.

use crate::{
    context::{self, Context},
    problem::{Exit, Problem},
};
use contracts::{
    key::Signer,
    validators::{Validator, ValidatorSet},
};
use genesis::{KeyName, Keyring, Layout, Passphrase, Pin};
use ledger::node::{Keys, Unopened, ValidatorKeys};
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
    layout: Layout,
    keyring: Keyring,
    /// Of keys in files; none where all were on tokens.
    passphrase: Option<Passphrase>,
    /// Of tokens, by label.
    pins: BTreeMap<String, Pin>,
    opened: Mutex<BTreeMap<String, ValidatorKeys>>,
}

impl Ring {
    /// Asks for passphrase and PINs, as far as they are needed, and opens the keys that `names` name.
    ///
    /// # Errors
    /// When one is missing or does not open.
    pub fn open(context: &Context, names: &[String]) -> Result<Self, Problem> {
        let (layout, keyring) = (context.layout(), context.keyring());
        let mut tokens = Vec::new();
        for name in names {
            for what in ["consensus", "log", "cosigner"] {
                // Looked at before anything is asked for.
                tokens.push(keyring.inspect(&key_name(name, what)?)?.token);
            }
        }
        let passphrase = if tokens.contains(&None) { Some(context.passphrase()?) } else { None };
        let pins = tokens.into_iter().flatten().map(|token| Ok((token.label.clone(), context.pin(&token.label)?)));
        let pins = pins.collect::<Result<_, Problem>>()?;
        let ring = Self { layout, keyring, passphrase, pins, opened: Mutex::default() };
        names.iter().try_for_each(|name| ring.keys(name).map(drop))?;
        Ok(ring)
    }

    /// Opens a key. What it takes and was not asked for at the start must lie in a file by now: nobody is asked by a
    /// node that runs.
    fn key(&self, name: &KeyName) -> Result<Arc<dyn Signer>, Problem> {
        let missing = |what: &str, variable: &str| {
            Problem::new(format!("nobody gave this node the {what} of {name}"))
                .help(format!("set {variable} to a file (mode 600) that holds it, and start the node again"))
                .exits(Exit::File)
        };
        Ok(match self.keyring.inspect(name)?.token {
            None => {
                let opened = self.passphrase.as_ref().map(|passphrase| self.keyring.open(name, passphrase));
                Arc::new(match (opened, context::passphrase_at_hand(&self.layout)) {
                    (Some(Ok(key)), _) => key,
                    // Its file may hold another one by now: a wrong one costs nothing, unlike a wrong PIN.
                    (Some(Err(error)), Ok(Some(now))) => self.keyring.open(name, &now).map_err(|_| error)?,
                    (Some(Err(error)), _) => return Err(error.into()),
                    (None, now) => {
                        let now = now?.ok_or_else(|| missing("passphrase", "LONJA_PASSPHRASE_FILE"))?;
                        self.keyring.open(name, &now)?
                    }
                })
            }
            Some(token) => {
                let pin = match self.pins.get(&token.label) {
                    Some(pin) => Some(pin.clone()),
                    None => context::pin_at_hand()?,
                };
                let pin = pin.ok_or_else(|| missing("PIN of the token", "LONJA_TOKEN_PIN_FILE"))?;
                Arc::new(self.keyring.open_token(name, pin)?)
            }
        })
    }

    /// The keys of validator `name`.
    fn keys(&self, name: &str) -> Result<ValidatorKeys, Problem> {
        if let Some(keys) = self.opened().get(name) {
            return Ok(keys.clone());
        }
        let key = |what: &str| self.key(&key_name(name, what)?);
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
    fn of(&self, set: &ValidatorSet) -> Result<Option<(u16, ValidatorKeys)>, Unopened> {
        for (number, validator) in (0..).zip(&set.validators) {
            let Ok(name) = key_name(&validator.name, "consensus") else { continue };
            if !self.keyring.has(&name) {
                continue;
            }
            let unopened = |problem: Problem| Unopened {
                validator: validator.name.clone(),
                reason: crate::service::said(&problem),
            };
            // A file that cannot be read may be ours as well.
            let part = self.keyring.inspect(&name).map_err(|error| unopened(error.into()))?;
            if part.public == validator.consensus {
                return Ok(Some((number, self.keys(&validator.name).map_err(unopened)?)));
            }
        }
        Ok(None)
    }
}

fn key_name(validator: &str, what: &str) -> Result<KeyName, Problem> {
    Ok(format!("{validator}.{what}").parse()?)
}
