//! How a network's directory comes into being.

use super::{Layout, LayoutError};
use crate::{
    config::{Config, Peers, Ports},
    document::{NetworkDocument, PROTOCOL, SignedDocument},
    files::{self, Access, FileError},
    keyfile::{FileSigner, Purpose},
    keyring::{KeyName, Keyring, KeyringError},
    passphrase::Passphrase,
};
use contracts::{
    founding::{Founder, FounderKey, Founding, Parameters},
    id::TimeMs,
    key::{PublicKey, Signer},
    limits::VALIDATORS_MAX,
    party::{Country, KeyUse, PartyKind, Role, Roles},
    validators::{Validator, ValidatorSet},
};
use std::{fs, path::PathBuf};

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
    /// delivers them. With more validators, `operator` makes no other operators or settlement agents:
    /// a quorum does.
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

impl Layout {
    /// Lays out a new network: keys, document, anchor, configuration, directories. Of several validators,
    /// each gets a directory of its own with its keys; but they were made by one hand.
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
        let made = Self::at(&beside).fill(spec, passphrase, keep_passphrase, &ring);
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
        ring: &impl Fn(PathBuf) -> Keyring,
    ) -> Result<SignedDocument, LayoutError> {
        if !(1..=VALIDATORS_MAX).contains(&spec.validators) {
            return Err(LayoutError::Validators { got: spec.validators });
        }
        check_ports(spec)?;
        if spec.validators > 1 {
            files::create_directory(&self.root.join("validators"))?;
        }
        let mut consensus = Vec::new();
        let mut validators = Vec::new();
        for number in 0..spec.validators {
            let name = validator_name(number);
            let directory = self.of_validator(number);
            if number > 0 {
                files::create_directory(directory.root())?;
            }
            files::create_directory(&directory.keys_path())?;
            let (validator, vote) = generate_validator(name, &ring(directory.keys_path()), passphrase)?;
            validators.push(validator);
            consensus.push(vote);
        }
        let ring = ring(self.keys_path());
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
        for number in 0..spec.validators {
            let directory = self.of_validator(number);
            directory.write(&signed, &config_of(spec, number))?;
            if keep_passphrase {
                passphrase.write(&directory.passphrase_path())?;
            }
            files::sync_directory(directory.root())?;
        }
        files::sync_directory(&self.root)?;
        Ok(signed)
    }

    /// Makes a directory that holds keys into one of the network of `signed`. The founding document comes
    /// last: after a crash there is no network, and this can be done again.
    ///
    /// # Errors
    /// [`LayoutError`]; also when there is a network already.
    pub fn join(&self, signed: &SignedDocument, config: &Config) -> Result<(), LayoutError> {
        if self.exists() {
            return Err(LayoutError::NotEmpty { path: self.root.clone() });
        }
        let anchor = signed.anchor();
        files::replace(&self.anchor_path(), &anchor.to_json(), Access::Public)?;
        drop(fs::remove_file(self.config_path()));
        config.write(&self.config_path())?;
        for service in [&config.node, &config.market, &config.explorer] {
            let folder = self.data_path(&service.data);
            if !folder.is_dir() {
                files::create_directory(&folder)?;
            }
        }
        signed.write(&self.document_path())?;
        Ok(files::sync_directory(&self.root)?)
    }

    /// Where validator `number` of a new network has its directory: the first has the network's own.
    fn of_validator(&self, number: usize) -> Self {
        if number == 0 { self.clone() } else { self.validator(&validator_name(number)) }
    }

    /// Everything but keys.
    fn write(&self, signed: &SignedDocument, config: &Config) -> Result<(), LayoutError> {
        signed.write(&self.document_path())?;
        signed.anchor().write(&self.anchor_path())?;
        config.write(&self.config_path())?;
        for service in [&config.node, &config.market, &config.explorer] {
            files::create_directory(&self.data_path(&service.data))?;
        }
        Ok(())
    }
}

fn validator_name(number: usize) -> String {
    format!("validator-{number}")
}

/// The keys of a validator, of which its consensus key signs the founding document.
fn generate_validator(
    name: String,
    ring: &Keyring,
    passphrase: &Passphrase,
) -> Result<(Validator, FileSigner), KeyringError> {
    let key = |what: &str, purpose| ring.generate(&key_name(&format!("{name}.{what}"))?, purpose, None, passphrase);
    let vote = key("consensus", Purpose::Consensus)?;
    let (log, cosigner) = (key("log", Purpose::Log)?.public(), key("cosigner", Purpose::Cosigner)?.public());
    Ok((Validator { name, consensus: vote.public(), log, cosigner }, vote))
}

/// Several validators need ports that follow each other and are known beforehand.
fn check_ports(spec: &Spec) -> Result<(), LayoutError> {
    let Ports { node, market, explorer, peers } = spec.ports;
    let fits = |port: u16| port > 0 && usize::from(port) + spec.validators - 1 <= usize::from(u16::MAX);
    match [node, market, explorer, peers].into_iter().find(|port| !fits(*port)) {
        Some(first) if spec.validators > 1 => Err(LayoutError::Ports { first, count: spec.validators }),
        _ => Ok(()),
    }
}

/// Ports follow each other: those of a validator are its number above the first one's.
fn config_of(spec: &Spec, number: usize) -> Config {
    // The sum is a port, as was checked.
    let above = number as u16;
    let Ports { node, market, explorer, peers } = spec.ports;
    let ports = Ports { node: node + above, market: market + above, explorer: explorer + above, peers: peers + above };
    let mut config = Config::local(ports);
    if spec.validators > 1 {
        let others = (0..spec.validators).filter(|other| *other != number);
        let others = others.map(|other| (validator_name(other), peers + other as u16));
        config.peers = Some(Peers::local(ports.peers, others));
    }
    config
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
    fn four_validators_sign_one_document_and_each_has_a_directory_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (Layout::at(dir.path().join("one")), Layout::at(dir.path().join("other")));
        let signed = one.create_weak(&Spec { validators: 4, ..spec() }, &passphrase()).unwrap();
        assert_eq!((signed.signatures.len(), signed.verify()), (4, Ok(())));
        for number in 0..4 {
            let name = validator_name(number);
            let directory = if number == 0 { one.clone() } else { one.validator(&name) };
            assert_eq!(directory.document().unwrap(), signed);
            assert_eq!(directory.anchor().unwrap(), signed.anchor());
            let names = Keyring::weak(directory.keys_path()).names().unwrap();
            let theirs = names.iter().map(ToString::to_string).filter(|key| key.starts_with("validator-"));
            assert_eq!(theirs.collect::<Vec<_>>(), ["consensus", "cosigner", "log"].map(|key| format!("{name}.{key}")));
            assert_eq!(names.len(), if number == 0 { 7 } else { 3 });
            let config = directory.config().unwrap();
            assert_eq!(usize::from(config.node.listen.port()), 7100 + number);
            let peers = config.peers.unwrap();
            assert_eq!((usize::from(peers.listen.port()), peers.addresses.len()), (7400 + number, 3));
            assert!(!peers.addresses.contains_key(&name));
        }
        other.create_weak(&spec(), &passphrase()).unwrap();
        fs::copy(other.anchor_path(), one.anchor_path()).unwrap();
        assert!(matches!(one.anchor(), Err(LayoutError::Stranger { .. })));
    }

    #[test]
    fn ports_of_several_validators_are_known_beforehand() {
        let dir = tempfile::tempdir().unwrap();
        for (node, count, fits) in [(0, 1, true), (0, 2, false), (65_533, 4, false), (65_532, 4, true)] {
            let layout = Layout::at(dir.path().join(format!("{node}-{count}")));
            let ports = Ports { node, ..Ports::default() };
            let made = layout.create_weak(&Spec { validators: count, ports, ..spec() }, &passphrase());
            assert_eq!(made.is_ok(), fits, "{node} {count}: {made:?}");
        }
    }
}
