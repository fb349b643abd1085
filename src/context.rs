//! What commands share: the network's directory, its trust anchor, clients, and the key that signs.

use crate::{
    cli::Global,
    command::network::trusting,
    market::{Market, Session},
    output,
    problem::{Exit, Problem},
    running,
};
use contracts::{
    action::Action,
    id::{Digest, PartyId},
    key::Signer,
    rejection::Rejection,
    side::SideBody,
    state::{Key, Subject},
};
use genesis::{
    FileSigner, KeyName, Keyring, Layout, OpenKey, Passphrase, Pin, TrustAnchor,
    config::Config,
    files::{self, Access},
};
use ledger::{
    api::client::{Client, ClientError, Committed, Identity, KeptError},
    limits::IDLE_BLOCK_MS,
};
use serde::Serialize;
use std::{
    collections::HashMap,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a command waits for validators that have taken over from keys in other hands: until an idle network makes its
/// next block, and some more.
const TAKEN_OVER_WAIT: Duration = Duration::from_millis(IDLE_BLOCK_MS + 10_000);

/// What every command was told, and what follows from it.
pub struct Context {
    global: Global,
    /// Keys that were opened before; opening one takes a tenth of a second on purpose.
    opened: Arc<Mutex<HashMap<KeyName, Identity>>>,
    /// PINs that were typed, by the label of the token.
    pins: Arc<Mutex<HashMap<String, Pin>>>,
    /// Where each party is signed in.
    sessions: Arc<tokio::sync::Mutex<HashMap<PartyId, Session>>>,
    /// Where answers go instead of stdout, when a command runs inside another.
    told: Option<Mutex<serde_json::Value>>,
    /// Where what is signed is kept before it is sent, so that it can be sent again.
    intent: Option<Intent>,
}

/// What a step of a script does at most once, however often it is begun.
#[derive(Clone, Debug)]
pub struct Intent {
    /// The step. No other of the script has this name.
    pub step: String,
    /// The file that holds the step's name and its signed submission, in borsh.
    pub path: PathBuf,
}

impl Context {
    /// From the arguments.
    pub fn new(global: Global) -> Self {
        Self {
            global,
            opened: Arc::default(),
            pins: Arc::default(),
            sessions: Arc::default(),
            told: None,
            intent: None,
        }
    }

    /// For a command inside this one that is a step of a script: its answer is kept for
    /// [`Context::answer`], keys that are open stay open, and what it signs is kept as `intent` says.
    pub fn inside(&self, global: Global, intent: Intent) -> Self {
        Self {
            global,
            opened: self.opened.clone(),
            pins: self.pins.clone(),
            sessions: self.sessions.clone(),
            told: Some(Mutex::default()),
            intent: Some(intent),
        }
    }

    /// What a request to the marketplace is recognised by when it is repeated: the same for the same
    /// step of a script, else new each time.
    pub fn once(&self) -> String {
        match &self.intent {
            None => hex::encode(rand::random::<[u8; 16]>()),
            Some(intent) => Digest::of(&[b"lonja/step/v1\0", intent.step.as_bytes()]).to_string(),
        }
    }

    /// What a command inside another answered; null as long as it did not.
    pub fn answer(&self) -> serde_json::Value {
        let told = self.told.as_ref().map(|told| told.lock().unwrap_or_else(PoisonError::into_inner).clone());
        told.unwrap_or_default()
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<KeyName, Identity>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints an answer.
    pub fn print(&self, value: &impl Serialize, people: impl FnOnce() -> String) {
        match &self.told {
            None => output::print(self.global.json, value, people),
            Some(told) => {
                let value = serde_json::to_value(value).expect("answers are plain data with text keys");
                *told.lock().unwrap_or_else(PoisonError::into_inner) = value;
            }
        }
    }

    /// Does the command run inside another, which takes its answer?
    pub fn is_inside(&self) -> bool {
        self.told.is_some()
    }

    /// Are answers wanted as JSON?
    pub fn json(&self) -> bool {
        self.global.json
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

    /// Was a trust anchor file named?
    pub fn has_anchor(&self) -> bool {
        self.global.anchor.is_some()
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

    /// A client of the node that verifies everything from the trust anchor, and knows of the validator sets that were seen
    /// in the directory before. The node is the one that
    /// `--node-url` names, else the one that runs on the directory, else the one of `lonja.toml`.
    pub fn client(&self) -> Result<Client, Problem> {
        let url = match self.global.node_url.clone().or_else(|| running::find(&self.layout(), "node")) {
            Some(url) => url,
            None => self.config()?.node.url(),
        };
        self.client_at(&url)
    }

    /// As [`Context::client`], of the node at `url`.
    pub fn client_at(&self, url: &str) -> Result<Client, Problem> {
        let anchor = self.anchor()?;
        trusting::known(self, &anchor, Client::new(url, anchor.clone())?.patient(TAKEN_OVER_WAIT))
    }

    /// A client of a node that takes transactions in: as [`Context::client`], but where that node observes, one of
    /// those that it gets its blocks from.
    async fn client_that_takes(&self) -> Result<Client, Problem> {
        let client = self.client()?;
        if self.global.node_url.is_some() || !self.layout().exists() {
            return Ok(client);
        }
        let from = self.config()?.observe.map(|observe| observe.from).unwrap_or_default();
        match from.first() {
            Some(url) if client.status().await?.observes => self.client_at(url),
            _ => Ok(client),
        }
    }

    /// The marketplace, found in the same way.
    pub fn market(&self) -> Result<Market, Problem> {
        let url = match self.global.market_url.clone().or_else(|| running::find(&self.layout(), "marketplace")) {
            Some(url) => url,
            None => self.config()?.market.reached(),
        };
        Market::new(url)
    }

    /// The marketplace, signed in as the party that signs, knowing all that the ledger knows.
    pub async fn session(&self, usual: Option<&str>) -> Result<Session, Problem> {
        let identity = self.identity(usual)?;
        let (market, client) = (self.market()?, self.client()?);
        let mut sessions = self.sessions.lock().await;
        if let Some(known) = sessions.get(&identity.party) {
            market.caught_up(&client).await?;
            return Ok(known.clone());
        }
        let session = market.sign_in(&identity, &client).await?;
        sessions.insert(identity.party, session.clone());
        Ok(session)
    }

    /// Gives back what signing in got.
    pub async fn sign_out(&self) {
        for (_, session) in self.sessions.lock().await.drain() {
            session.sign_out().await;
        }
    }

    /// The keys.
    pub fn keyring(&self) -> Keyring {
        self.layout().keyring()
    }

    /// The passphrase of existing keys: of LONJA_PASSPHRASE_FILE, of the directory, or typed.
    pub fn passphrase(&self) -> Result<Passphrase, Problem> {
        self.passphrase_or(|| prompt("the passphrase", "Passphrase: "))
    }

    /// The passphrase if it lies in a file; nobody is asked.
    pub fn passphrase_at_hand(&self) -> Result<Option<Passphrase>, Problem> {
        passphrase_at_hand(&self.layout())
    }

    /// The PIN of the token `label`: of LONJA_TOKEN_PIN_FILE, or typed, once for all keys on it.
    ///
    /// It is no argument, which every user of a machine sees, and never the passphrase: a wrong passphrase costs
    /// nothing, and a few wrong PINs lock a token.
    pub fn pin(&self, label: &str) -> Result<Pin, Problem> {
        if let Some(pin) = pin_at_hand()? {
            return Ok(pin);
        }
        let mut pins = self.pins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(typed) = pins.get(label) {
            return Ok(typed.clone());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Problem::new(format!("there is no terminal to ask for the PIN of the token `{label}`"))
                .help("set LONJA_TOKEN_PIN_FILE to a file (mode 600) that holds it")
                .exits(Exit::File));
        }
        let typed = Pin::typed(prompt("the PIN", &format!("PIN of the token `{label}`: "))?.to_string());
        pins.insert(label.to_owned(), typed.clone());
        Ok(typed)
    }

    /// The passphrase for new keys; typed twice where it is typed.
    pub fn new_passphrase(&self) -> Result<Passphrase, Problem> {
        self.passphrase_or(|| {
            let first = prompt("the passphrase", "New passphrase: ")?;
            let again = prompt("the passphrase", "Once more: ")?;
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
        if let Some(passphrase) = self.passphrase_at_hand()? {
            return Ok(passphrase);
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
            Problem::usage(
                "this needs a party's key",
                "name it with --as PARTY; `lonja key list` shows the keys there are",
            )
        })?;
        Ok(name.parse::<KeyName>()?)
    }

    /// Opens the key `name`, in its file or on its token.
    pub fn open(&self, name: &KeyName) -> Result<OpenKey, Problem> {
        self.open_by(name, |pin| pin)
    }

    /// As [`Context::open`], where something is to be said of the PIN.
    pub fn open_by(&self, name: &KeyName, with: impl FnOnce(Pin) -> Pin) -> Result<OpenKey, Problem> {
        let ring = self.keyring();
        // Looked at before passphrase or PIN is asked for: a slip in the name should not cost one.
        Ok(match ring.inspect(name)?.token {
            None => OpenKey::File(ring.open(name, &self.passphrase()?)?),
            Some(token) => OpenKey::Token(ring.open_token(name, with(self.pin(&token.label)?))?),
        })
    }

    /// Opens the key `name`, from which other secrets are derived.
    pub fn open_secret(&self, name: &KeyName) -> Result<FileSigner, Problem> {
        let ring = self.keyring();
        ring.inspect(name)?;
        Ok(ring.open(name, &self.passphrase()?)?)
    }

    /// The party and key that sign.
    pub fn identity(&self, usual: Option<&str>) -> Result<Identity, Problem> {
        self.identity_of(&self.key_name(usual)?.to_string())
    }

    /// The party and key that the key file `name` holds.
    pub fn identity_of(&self, name: &str) -> Result<Identity, Problem> {
        let name = name.parse::<KeyName>()?;
        if let Some(known) = self.opened().get(&name) {
            return Ok(known.clone());
        }
        let signer = self.open(&name)?;
        let party = signer.party().ok_or_else(|| {
            Problem::usage(format!("`{name}` is a validator's key"), "transactions are signed by a party's key")
        })?;
        let identity = Identity { party, signer: Arc::new(signer) as Arc<dyn Signer> };
        self.opened().insert(name, identity.clone());
        Ok(identity)
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
        self.act_as(&self.identity(usual)?, action, side).await
    }

    /// Is the receipt of what is sent kept in a file?
    pub fn keeps_receipt(&self) -> bool {
        self.global.receipt.is_some()
    }

    /// As [`Context::act`], for a party and key that are known already.
    pub async fn act_as(
        &self,
        identity: &Identity,
        action: Action,
        side: Option<SideBody>,
    ) -> Result<Committed, Problem> {
        let client = self.client_that_takes().await?;
        let submission = client.prepare(identity, action, side).await?;
        if let Some(intent) = &self.intent {
            // Durable before it is sent: whoever stops us here finds out later what became of it.
            let bytes = borsh::to_vec(&(&intent.step, &submission)).expect("writing to memory does not fail");
            files::replace(&intent.path, &bytes, Access::Private)?;
        }
        let committed = client.submit(&submission).await?;
        // A refusal has a receipt too: it proves that somebody was turned away, and why.
        if let Some(path) = &self.global.receipt {
            files::write_new(path, &committed.receipt, Access::Public)?;
        }
        match committed.applied() {
            Ok(_) => Ok(committed),
            Err(rejection) => Err(refused(&rejection)),
        }
    }

    /// What the ledger proves about `key` now.
    pub async fn proven<T: Subject>(&self, key: &Key) -> Result<Option<T>, Problem> {
        Ok(self.client()?.record::<T>(key).await?.record.map(|record| record.value))
    }

    /// Keeps the evidence bundle about `key` in a new file, verified, if one was asked for.
    pub async fn keep_bundle(&self, key: &Key, path: Option<&Path>) -> Result<(), Problem> {
        if let Some(path) = path {
            let (bytes, _) = self.client()?.bundle(key).await?;
            files::write_new(path, &bytes, Access::Public)?;
        }
        Ok(())
    }

    /// As [`Context::proven`], where it must be there.
    pub async fn known<T: Subject>(&self, key: &Key, id: &impl std::fmt::Display) -> Result<T, Problem> {
        self.proven(key).await?.ok_or_else(|| {
            Problem::new(format!("the ledger holds no {} {id}", T::KIND))
                .help("its absence is proven; check the id, and that --dir names the right network")
        })
    }
}

/// The passphrase of the keys in `layout`, if it lies in a file.
pub fn passphrase_at_hand(layout: &Layout) -> Result<Option<Passphrase>, Problem> {
    let beside = layout.passphrase_path();
    let path =
        std::env::var_os("LONJA_PASSPHRASE_FILE").map(PathBuf::from).or_else(|| beside.exists().then_some(beside));
    path.map(|path| Ok(Passphrase::read(&path)?)).transpose()
}

/// The PIN of tokens, if it lies in a file.
pub fn pin_at_hand() -> Result<Option<Pin>, Problem> {
    let path = std::env::var_os("LONJA_TOKEN_PIN_FILE").map(PathBuf::from);
    path.map(|path| Ok(Pin::read(&path)?)).transpose()
}

fn prompt(what: &str, asked: &str) -> Result<zeroize::Zeroizing<String>, Problem> {
    rpassword::prompt_password(asked)
        .map(zeroize::Zeroizing::new)
        .map_err(|error| Problem::new(format!("cannot read {what}")).because(error).exits(Exit::File))
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
            ClientError::Unreachable { .. } => {
                (Exit::Unreachable, "start it with `lonja up` or `lonja node run`; --node-url names another node")
            }
            ClientError::Untrue { .. } => {
                (Exit::Untrue, "check the trust anchor; if it is the right one, tell the other members of the network")
            }
            ClientError::Rules(_) => (Exit::Failed, "the decision names the release; what is here stays as it is"),
            ClientError::Sign(_) => (Exit::File, "`lonja key check NAME` says whether a key signs"),
            ClientError::Setup(_) => (Exit::Failed, "check the URL and the trust anchor"),
            ClientError::Kept(KeptError::Damaged { .. }) => (
                Exit::Untrue,
                "compare the trust anchor; where it is the right one, move the file away, which forgets it",
            ),
            ClientError::Kept(KeptError::File { .. }) => (Exit::File, "check permissions and free space there"),
        };
        Self::new(error.to_string()).help(help).exits(exit)
    }
}

/// A refusal as a problem: what it names has to change first.
pub fn refused(rejection: &Rejection) -> Problem {
    let name = Rejection::name_of(rejection.code()).unwrap_or("?");
    Problem::new(format!("refused by the rules ({name}, code {}): {rejection}", rejection.code()))
        .help("the refusal is on the ledger; what it names has to change first")
        .exits(Exit::Refused)
}
