//! What commands share: the network's directory, its trust anchor, clients, and the key that signs.

use crate::{
    cli::Global,
    market::Market,
    output,
    problem::{Exit, Problem},
};
use contracts::{action::Action, id::PartyId, key::Signer, side::SideBody, state::{Key, Subject}};
use genesis::{KeyName, Keyring, Layout, Passphrase, TrustAnchor, config::Config, keyfile::FileSigner};
use ledger::api::client::{Client, ClientError, Committed, Identity};
use serde::Serialize;
use std::{io::IsTerminal as _, path::PathBuf, sync::Arc};

/// What every command was told, and what follows from it.
pub struct Context {
    global: Global,
}

impl Context {
    /// From the arguments.
    pub fn new(global: Global) -> Self {
        Self { global }
    }

    /// Answer as JSON?
    pub fn json(&self) -> bool {
        self.global.json
    }

    /// Prints an answer.
    pub fn print(&self, value: &impl Serialize, people: impl FnOnce() -> String) {
        output::print(self.global.json, value, people);
    }

    /// The network's directory.
    pub fn layout(&self) -> Layout {
        Layout::at(&self.global.dir)
    }

    /// The configuration in the directory.
    pub fn config(&self) -> Result<Config, Problem> {
        let layout = self.layout();
        if layout.exists() {
            return Ok(layout.config()?);
        }
        Err(genesis::layout::LayoutError::NoNetwork { path: layout.root().to_path_buf() }.into())
    }

    /// The trust anchor: of `--anchor`, or of the directory.
    pub fn anchor(&self) -> Result<TrustAnchor, Problem> {
        match &self.global.anchor {
            Some(path) => Ok(TrustAnchor::read(path)?),
            None => {
                let layout = self.layout();
                layout.anchor().map_err(|error| {
                    let problem = Problem::from(error);
                    let help = format!(
                        "--dir names the directory of a network (now {}), --anchor a trust anchor file",
                        layout.root().display()
                    );
                    if layout.exists() { problem } else { problem.help(help) }
                })
            }
        }
    }

    /// A client of the node that verifies everything from the trust anchor.
    pub fn client(&self) -> Result<Client, Problem> {
        let url = match &self.global.node_url {
            Some(url) => url.clone(),
            None => self.config()?.node.url(),
        };
        Ok(Client::new(&url, self.anchor()?.into())?)
    }

    /// The marketplace.
    pub fn market(&self) -> Result<Market, Problem> {
        let url = match &self.global.market_url {
            Some(url) => url.clone(),
            None => self.config()?.market.url(),
        };
        Market::new(url)
    }

    /// The keys.
    pub fn keyring(&self) -> Keyring {
        self.layout().keyring()
    }

    /// The passphrase of existing keys: of LONJA_PASSPHRASE_FILE, of the directory, or typed.
    pub fn passphrase(&self) -> Result<Passphrase, Problem> {
        self.passphrase_or(|| prompt("Passphrase: "))
    }

    /// The passphrase for new keys; typed twice where it is typed.
    pub fn new_passphrase(&self) -> Result<Passphrase, Problem> {
        self.passphrase_or(|| {
            let first = prompt("New passphrase: ")?;
            let again = prompt("Once more: ")?;
            if *first != *again {
                return Err(Problem::usage("the two passphrases differ", "type the same one twice"));
            }
            Ok(first)
        })
    }

    fn passphrase_or(
        &self,
        typed: impl FnOnce() -> Result<zeroize::Zeroizing<String>, Problem>,
    ) -> Result<Passphrase, Problem> {
        if let Some(path) = std::env::var_os("LONJA_PASSPHRASE_FILE") {
            return Ok(Passphrase::read(&PathBuf::from(path))?);
        }
        let beside = self.layout().passphrase_path();
        if beside.exists() {
            return Ok(Passphrase::read(&beside)?);
        }
        if !std::io::stdin().is_terminal() {
            return Err(Problem::new("there is no terminal to ask for the passphrase")
                .help("set LONJA_PASSPHRASE_FILE to a file (mode 600) that holds it")
                .exits(Exit::File));
        }
        Ok(Passphrase::new(typed()?.to_string()))
    }

    /// The name of the key that signs: of `--as`, or `usual` where a command has one.
    pub fn key_name(&self, usual: Option<&str>) -> Result<KeyName, Problem> {
        let name = self.global.signer.as_deref().or(usual).ok_or_else(|| {
            Problem::usage("this needs a party's key", "name it with --as PARTY; `lonja key list` shows the keys there are")
        })?;
        Ok(name.parse::<KeyName>()?)
    }

    /// Opens the key that signs.
    pub fn signer(&self, usual: Option<&str>) -> Result<FileSigner, Problem> {
        let name = self.key_name(usual)?;
        let ring = self.keyring();
        // Asked before the passphrase is: a slip in the name should not cost one.
        ring.inspect(&name)?;
        Ok(ring.open(&name, &self.passphrase()?)?)
    }

    /// The party and key that sign.
    pub fn identity(&self, usual: Option<&str>) -> Result<Identity, Problem> {
        let name = self.key_name(usual)?;
        let signer = self.signer(usual)?;
        let party = signer.party().ok_or_else(|| {
            Problem::usage(format!("`{name}` is a validator's key"), "transactions are signed by a party's key")
        })?;
        Ok(Identity { party, signer: Arc::new(signer) as Arc<dyn Signer> })
    }

    /// The party that `text` names: an id, or the name of one of the keys in the directory.
    pub fn party(&self, text: &str) -> Result<PartyId, Problem> {
        if let Ok(id) = text.parse::<PartyId>() {
            return Ok(id);
        }
        let name = text.parse::<KeyName>()?;
        let party = self.keyring().inspect(&name)?.party;
        party.ok_or_else(|| Problem::usage(format!("`{name}` is a validator's key, not a party's"), "name a party"))
    }

    /// Signs and sends `action`, waits for its outcome, and turns a refusal into a problem.
    pub async fn act(&self, usual: Option<&str>, action: Action, side: Option<SideBody>) -> Result<Committed, Problem> {
        let identity = self.identity(usual)?;
        let committed = self.client()?.act(&identity, action, side).await?;
        committed.applied()?;
        Ok(committed)
    }

    /// What the ledger proves about `key` now.
    pub async fn proven<T: Subject>(&self, key: &Key) -> Result<Option<T>, Problem> {
        Ok(self.client()?.record::<T>(key).await?.record.map(|record| record.value))
    }

    /// As [`Context::proven`], where it must be there.
    pub async fn known<T: Subject>(&self, key: &Key, id: &impl std::fmt::Display) -> Result<T, Problem> {
        self.proven(key).await?.ok_or_else(|| {
            Problem::new(format!("the ledger holds no {} {id}", T::KIND))
                .help("its absence is proven; check the id, and that --dir names the right network")
        })
    }
}

fn prompt(what: &str) -> Result<zeroize::Zeroizing<String>, Problem> {
    rpassword::prompt_password(what)
        .map(zeroize::Zeroizing::new)
        .map_err(|error| Problem::new("cannot read the passphrase").because(error).exits(Exit::File))
}

/// A transaction that took effect, for people and as JSON.
#[derive(Serialize)]
pub struct Done<T: Serialize> {
    /// Its id.
    pub transaction: contracts::id::TransactionId,
    /// Its block.
    pub height: u64,
    /// The block's time, RFC 3339.
    pub time: String,
    /// What came of it.
    #[serde(flatten)]
    pub result: T,
}

impl<T: Serialize> Done<T> {
    /// What came of `committed`.
    pub fn new(committed: &Committed, result: T) -> Self {
        Self { transaction: committed.id, height: committed.height, time: output::time(committed.time_ms), result }
    }
}

impl From<ClientError> for Problem {
    fn from(error: ClientError) -> Self {
        let (exit, help) = match &error {
            ClientError::Problem(problem) if problem.retryable => (Exit::Unreachable, "try again in a moment"),
            ClientError::Problem(_) => (Exit::Failed, "correct what is named above; nothing was changed"),
            ClientError::Unreachable { .. } => (
                Exit::Unreachable,
                "is the node running? Start it with `lonja up` or `lonja node run`; --node-url names another",
            ),
            ClientError::Untrue(_) => (
                Exit::Untrue,
                "the node's answer does not hold: check the trust anchor, then tell the other members of the network",
            ),
        };
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let problem = Self::new(error.to_string()).help(help).exits(exit);
        match cause {
            Some(cause) => problem.because(cause),
            None => problem,
        }
    }
}

impl From<ledger::api::client::Refusal> for Problem {
    fn from(refusal: ledger::api::client::Refusal) -> Self {
        Self::new(format!("refused by the rules (code {}): {}", refusal.code, refusal.text))
            .help("the refusal is on the ledger; what it names has to change first")
            .exits(Exit::Refused)
    }
}
