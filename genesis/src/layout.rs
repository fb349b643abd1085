//! The directory of a network: what lies where, and how it comes into being.
//!
//! ```text
//! network.json   the signed founding document     keys/      sealed key files
//! anchor.json    the trust anchor                 node/      the ledger
//! lonja.toml     addresses and directories        market/    the marketplace's read model, vault, objects
//! passphrase     only when nobody types it        explorer/  the explorer's read model
//! ```
//!
//! It is made beside its place and renamed, so that it is there whole or not at all.

use crate::{
    anchor::{AnchorError, TrustAnchor},
    config::{Config, ConfigError, Ports},
    document::{DocumentError, NetworkDocument, PROTOCOL, SignedDocument},
    files::{self, FileError},
    keyfile::Purpose,
    keyring::{KeyName, Keyring, KeyringError},
    passphrase::{Passphrase, PassphraseError},
};
use contracts::{
    founding::{Founder, FounderKey, Founding, Parameters},
    id::TimeMs,
    key::{PublicKey, Signer},
    limits::VALIDATORS_MAX,
    party::{Country, KeyUse, PartyKind, Role, Roles},
    validators::{Validator, ValidatorSet},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A network's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

/// A party that the network is founded with; its key file gets the name `key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FounderSpec {
    /// Name of its key file.
    pub key: String,
    /// The organisation's name.
    pub name: String,
    /// What kind of organisation it is.
    pub kind: PartyKind,
    /// What it may do.
    pub roles: Vec<Role>,
}

/// What a new network is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// What people call it.
    pub name: String,
    /// When it is founded, in milliseconds since 1970.
    pub created_ms: TimeMs,
    /// Country whose law its founders are under.
    pub jurisdiction: Country,
    /// How many validators.
    pub validators: usize,
    /// Its first parties.
    pub founders: Vec<FounderSpec>,
    /// Ports of the services.
    pub ports: Ports,
    /// What rules read.
    pub parameters: Parameters,
}

impl Spec {
    /// One validator, and a party for each institution of the market, so that no key can do more than
    /// its office needs: `operator` admits, `settlement` mints and burns, `market` holds contents and
    /// delivers them.
    pub fn solo(name: &str, created_ms: TimeMs) -> Self {
        let founder = |key: &str, what: &str, kind, roles: &[Role]| FounderSpec {
            key: key.into(),
            name: format!("{name} {what}"),
            kind,
            roles: roles.to_vec(),
        };
        Self {
            name: name.into(),
            created_ms,
            jurisdiction: Country(*b"ES"),
            validators: 1,
            founders: vec![
                founder("operator", "operator", PartyKind::City, &[Role::Operator]),
                founder("settlement", "settlement agent", PartyKind::Business, &[Role::SettlementAgent]),
                founder("market", "marketplace", PartyKind::Business, &[Role::Gateway]),
            ],
            ports: Ports::default(),
            parameters: Parameters::default(),
        }
    }
}

/// A directory that cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// There is something already.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// No network lies there.
    #[error("{} holds no network", path.display())]
    NoNetwork {
        /// The directory.
        path: PathBuf,
    },
    /// Too few or too many validators.
    #[error("a network has 1 to {VALIDATORS_MAX} validators, not {got}")]
    Validators {
        /// How many were asked for.
        got: usize,
    },
    /// Document and anchor are of different networks.
    #[error("{} and the founding document beside it are of different networks", path.display())]
    Stranger {
        /// The anchor's file.
        path: PathBuf,
    },
    /// A file or directory.
    #[error(transparent)]
    File(#[from] FileError),
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyringError),
    /// The document.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The anchor.
    #[error(transparent)]
    Anchor(#[from] AnchorError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The passphrase's file.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
}

impl LayoutError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::NotEmpty { .. } => "choose another --dir, or move what is there away".into(),
            Self::NoNetwork { path } => format!(
                "create one with `lonja network create --dir {0}`, or start a demonstration with `lonja up --demo --dir {0}`",
                path.display()
            ),
            Self::Validators { .. } => format!("ask for 1 to {VALIDATORS_MAX}"),
            Self::Stranger { path } => format!(
                "compare the network id in {} and in network.json beside it with what another member has, and put the \
                 one that differs back from a copy",
                path.display()
            ),
            Self::File(error) => error.remedy(),
            Self::Key(error) => error.remedy(),
            Self::Document(error) => error.remedy(),
            Self::Anchor(error) => error.remedy(),
            Self::Config(error) => error.remedy(),
            Self::Passphrase(error) => error.remedy(),
        }
    }
}

impl Layout {
    /// The network's directory `root`, whether or not it is there yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The signed founding document.
    pub fn document_path(&self) -> PathBuf {
        self.root.join("network.json")
    }

    /// The trust anchor.
    pub fn anchor_path(&self) -> PathBuf {
        self.root.join("anchor.json")
    }

    /// The configuration.
    pub fn config_path(&self) -> PathBuf {
        self.root.join("lonja.toml")
    }

    /// The passphrase, when nobody types it.
    pub fn passphrase_path(&self) -> PathBuf {
        self.root.join("passphrase")
    }

    /// The key files.
    pub fn keys_path(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// A data directory that the configuration names relative to this one.
    pub fn data_path(&self, data: &Path) -> PathBuf {
        self.root.join(data)
    }

    /// Is there a network?
    pub fn exists(&self) -> bool {
        self.document_path().exists()
    }

    /// The keys.
    pub fn keyring(&self) -> Keyring {
        Keyring::at(self.keys_path())
    }

    /// Reads and verifies the founding document.
    ///
    /// # Errors
    /// [`LayoutError`], naming file and remedy.
    pub fn document(&self) -> Result<SignedDocument, LayoutError> {
        if !self.exists() {
            return Err(LayoutError::NoNetwork { path: self.root.clone() });
        }
        Ok(SignedDocument::read(&self.document_path())?)
    }

    /// Reads the trust anchor, which must be of the founding document's network when that is there.
    ///
    /// # Errors
    /// [`LayoutError`], naming file and remedy.
    pub fn anchor(&self) -> Result<TrustAnchor, LayoutError> {
        let anchor = TrustAnchor::read(&self.anchor_path())?;
        if self.exists() && self.document()?.anchor() != anchor {
            return Err(LayoutError::Stranger { path: self.anchor_path() });
        }
        Ok(anchor)
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// [`LayoutError`], naming file, key and remedy.
    pub fn config(&self) -> Result<Config, LayoutError> {
        Ok(Config::read(&self.config_path())?)
    }

    /// Lays out a new network: keys, document, anchor, configuration, directories.
    ///
    /// With `keep_passphrase` the passphrase is written beside them, for demonstrations.
    ///
    /// # Errors
    /// [`LayoutError`]; then there is nothing at the place. A crash may leave a directory
    /// `.NAME.creating-…` beside it, which nothing ever reads.
    pub fn create(
        &self,
        spec: &Spec,
        passphrase: &Passphrase,
        keep_passphrase: bool,
    ) -> Result<SignedDocument, LayoutError> {
        self.create_with(spec, passphrase, keep_passphrase, Keyring::at)
    }

    /// As [`Layout::create`], with keys that almost no work seals; for tests, which open them by
    /// [`Keyring::weak`].
    #[doc(hidden)]
    pub fn create_weak(&self, spec: &Spec, passphrase: &Passphrase) -> Result<SignedDocument, LayoutError> {
        self.create_with(spec, passphrase, true, Keyring::weak)
    }

    fn create_with(
        &self,
        spec: &Spec,
        passphrase: &Passphrase,
        keep_passphrase: bool,
        ring: impl Fn(PathBuf) -> Keyring,
    ) -> Result<SignedDocument, LayoutError> {
        self.must_be_free()?;
        let parent = match self.root.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(FileError::io("create the directory", &parent))?;
        let name = self.root.file_name().unwrap_or_default().to_string_lossy();
        let beside = parent.join(format!(".{name}.creating-{}", std::process::id()));
        files::create_directory(&beside)?;
        let made = Self::at(&beside).fill(spec, passphrase, keep_passphrase, &ring(beside.join("keys")));
        let placed = made.and_then(|document| {
            // Everything in it is durable by now: after a crash it stands at its place whole, or not.
            fs::rename(&beside, &self.root).map_err(FileError::io("put in place", &self.root))?;
            files::sync_directory(&parent)?;
            Ok(document)
        });
        if placed.is_err() {
            // Best effort: what stays behind is never read.
            let _ = fs::remove_dir_all(&beside);
        }
        placed
    }

    fn must_be_free(&self) -> Result<(), LayoutError> {
        match fs::read_dir(&self.root) {
            Ok(mut entries) => match entries.next() {
                None => Ok(()),
                Some(_) => Err(LayoutError::NotEmpty { path: self.root.clone() }),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(FileError::io("look into", &self.root)(error).into()),
        }
    }

    fn fill(
        &self,
        spec: &Spec,
        passphrase: &Passphrase,
        keep_passphrase: bool,
        ring: &Keyring,
    ) -> Result<SignedDocument, LayoutError> {
        if !(1..=VALIDATORS_MAX).contains(&spec.validators) {
            return Err(LayoutError::Validators { got: spec.validators });
        }
        files::create_directory(&self.keys_path())?;
        let mut consensus = Vec::new();
        let mut validators = Vec::new();
        for number in 0..spec.validators {
            let name = format!("validator-{number}");
            let key =
                |what: &str, purpose| ring.generate(&key_name(&format!("{name}.{what}"))?, purpose, None, passphrase);
            let vote = key("consensus", Purpose::Consensus)?;
            let (log, cosigner) = (key("log", Purpose::Log)?.public(), key("cosigner", Purpose::Cosigner)?.public());
            validators.push(Validator { name: name.clone(), consensus: vote.public(), log, cosigner });
            consensus.push(vote);
        }
        let founders = spec.founders.iter().map(|founder| {
            let key = ring.generate(&key_name(&founder.key)?, Purpose::Sign, None, passphrase)?;
            Ok(found(founder, spec.jurisdiction, key.public()))
        });
        let founders = founders.collect::<Result<_, LayoutError>>()?;
        // Seals what the marketplace keeps for others; it lies here, never in the marketplace's folder.
        ring.generate(&key_name("market.vault")?, Purpose::Vault, None, passphrase)?;
        let validators = ValidatorSet { validators };
        let founding = Founding { validators, founders, parameters: spec.parameters };
        let document =
            NetworkDocument { protocol: PROTOCOL, name: spec.name.clone(), created_ms: spec.created_ms, founding };
        let signers: Vec<&dyn Signer> = consensus.iter().map(|key| key as &dyn Signer).collect();
        let signed = document.sign(&signers)?;

        signed.write(&self.document_path())?;
        signed.anchor().write(&self.anchor_path())?;
        let config = Config::local(spec.ports);
        config.write(&self.config_path())?;
        for service in [&config.node, &config.market, &config.explorer] {
            files::create_directory(&self.data_path(&service.data))?;
        }
        if keep_passphrase {
            passphrase.write(&self.passphrase_path())?;
        }
        files::sync_directory(&self.root)?;
        Ok(signed)
    }
}

fn key_name(name: &str) -> Result<KeyName, KeyringError> {
    name.parse()
}

fn found(spec: &FounderSpec, jurisdiction: Country, key: PublicKey) -> Founder {
    Founder {
        name: spec.name.clone(),
        kind: spec.kind,
        jurisdiction,
        roles: Roles::of(&spec.roles),
        keys: vec![FounderKey { key, usage: KeyUse::Sign }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Spec {
        Spec::solo("test", 1_700_000_000_000)
    }

    fn passphrase() -> Passphrase {
        Passphrase::new("p".into())
    }

    #[test]
    fn a_network_is_there_whole() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::at(dir.path().join("net"));
        let made = layout.create_weak(&spec(), &passphrase()).unwrap();
        assert_eq!(layout.document().unwrap(), made);
        assert_eq!(layout.anchor().unwrap(), made.anchor());
        assert_eq!(layout.config().unwrap(), Config::local(Ports::default()));
        let ring = Keyring::weak(layout.keys_path());
        let names: Vec<String> = ring.names().unwrap().iter().map(ToString::to_string).collect();
        let validator = ["validator-0.consensus", "validator-0.cosigner", "validator-0.log"];
        assert_eq!(names, [&["market", "market.vault", "operator", "settlement"][..], &validator].concat());
        let operator = ring.open(&"operator".parse().unwrap(), &passphrase()).unwrap();
        assert_eq!(operator.party(), made.document.founding.founders[0].id());
        for part in ["node", "market", "explorer"] {
            assert!(layout.root().join(part).is_dir(), "{part}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_is_there_is_never_touched() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::at(dir.path());
        layout.create_weak(&spec(), &passphrase()).unwrap();
        let before = fs::read(layout.document_path()).unwrap();
        let error = layout.create_weak(&spec(), &passphrase()).unwrap_err();
        assert!(matches!(error, LayoutError::NotEmpty { .. }) && error.remedy().contains("--dir"), "{error}");
        assert_eq!(fs::read(layout.document_path()).unwrap(), before);
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::at(dir.path().join("net"));
        for wrong in
            [Spec { validators: 0, ..spec() }, Spec { founders: vec![], ..spec() }, Spec { name: "".into(), ..spec() }]
        {
            assert!(layout.create_weak(&wrong, &passphrase()).is_err(), "{wrong:?}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let missing = layout.document().unwrap_err();
        assert!(missing.to_string().contains("net") && missing.remedy().contains("network create"), "{missing}");
    }

    #[test]
    fn four_validators_sign_one_document_and_a_strange_anchor_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (Layout::at(dir.path().join("one")), Layout::at(dir.path().join("other")));
        let signed = one.create_weak(&Spec { validators: 4, ..spec() }, &passphrase()).unwrap();
        assert_eq!((signed.signatures.len(), signed.verify()), (4, Ok(())));
        other.create_weak(&spec(), &passphrase()).unwrap();
        fs::copy(other.anchor_path(), one.anchor_path()).unwrap();
        assert!(matches!(one.anchor(), Err(LayoutError::Stranger { .. })));
    }
}
