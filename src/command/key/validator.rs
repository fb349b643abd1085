//! `lonja key new NAME --validator HOST:PORT`: what an organisation makes before a network is founded.

use super::token::Place;
use crate::{context::Context, output, parse, problem::Problem};
use clap::Args;
use contracts::{
    founding::{Founder, FounderKey},
    key::Signer,
    party::{Country, KeyUse, PartyKind, Role, Roles},
    validators::Validator,
};
use genesis::{KeyName, Keyring, Member, NewPair, OpenKey, Passphrase, config::Peers, files, keyfile::Purpose};
use serde::Serialize;
use std::path::PathBuf;

/// What else is made with a validator's keys.
#[derive(Args)]
pub struct Founding {
    /// Make the three keys of a validator that others will reach at HOST:PORT, and a file to send to
    /// whoever puts the network together
    #[arg(long, value_name = "HOST:PORT")]
    pub validator: Option<String>,
    /// An office that the organisation takes from the beginning, with a key of its own: `operator`
    /// (admits others), `settlement-agent` (mints and burns) or `gateway` (runs the marketplace)
    #[arg(long = "role", value_name = "ROLE", requires = "validator", value_parser = parse::word::<Role>)]
    roles: Vec<Role>,
    /// Name of the organisation, if it is not that of the validator
    #[arg(long, requires = "validator")]
    organisation: Option<String>,
    /// What kind of organisation: city, third-sector, business, citizens, academic, other-city or authority
    #[arg(long, default_value = "city", value_parser = parse::word::<PartyKind>)]
    kind: PartyKind,
    /// Country whose law it is under (ISO 3166-1, two letters)
    #[arg(long, default_value = "ES")]
    country: Country,
}

#[derive(Serialize)]
struct Made {
    validator: String,
    file: PathBuf,
    fingerprint: contracts::id::Digest,
    keys_fingerprint: contracts::id::Digest,
    keys: Vec<String>,
}

/// The name of the key file of an office, and what people call it.
fn office(role: Role) -> Option<(&'static str, &'static str)> {
    match role {
        Role::Operator => Some(("operator", "operator")),
        Role::SettlementAgent => Some(("settlement", "settlement agent")),
        Role::Gateway => Some(("market", "marketplace")),
        _ => None,
    }
}

/// Makes keys and file.
///
/// # Errors
/// When a name or address is none, or a file is there already.
pub fn new(context: &Context, name: &str, founding: &Founding, address: &str, place: &Place) -> Result<(), Problem> {
    if name.contains('.') || name.contains('/') {
        let help = "choose one such as `harbour`; its keys become harbour.consensus, harbour.log and harbour.cosigner";
        return Err(Problem::usage(format!("`{name}` is no name of a validator"), help));
    }
    Peers::check_address(address).map_err(|reason| {
        Problem::usage(format!("`{address}` {reason}"), "write host and port, as validator.example.org:7400")
    })?;
    if let Some(role) = founding.roles.iter().find(|role| office(**role).is_none()) {
        let help =
            "the offices are operator, settlement-agent and gateway; everybody else applies when the network runs";
        return Err(Problem::usage(format!("`{role:?}` is no office of a founder"), help));
    }
    let layout = context.layout();
    let file = layout.root().join(format!("{name}.member.json"));
    // In the directory of a network that runs they are for a change of its keys, by governance.
    let changes = layout.exists() && founding.roles.is_empty();
    if file.exists() || (layout.exists() && !changes) {
        let text = format!("{} belongs to a network, or will", layout.root().display());
        return Err(Problem::usage(text, "choose another --dir: a directory holds one validator of one network"));
    }
    for folder in [layout.root().to_path_buf(), layout.keys_path()] {
        if !folder.is_dir() {
            files::create_directory(&folder)?;
        }
    }
    let maker = Maker::of(context, place, founding, changes)?;
    let (member, signers) = make(&maker, name, founding, address)?;
    let (fingerprint, keys_fingerprint) = (member.fingerprint(), member.validator.fingerprint());
    let signers: Vec<&dyn Signer> = signers.iter().map(|signer| signer as &dyn Signer).collect();
    member.sign(&signers)?.write(&file)?;
    let keys = context.keyring().names()?.iter().map(ToString::to_string).collect();
    let made = Made { validator: name.into(), file, fingerprint, keys_fingerprint, keys };
    context.print(&made, || {
        let lines = output::lines(&[
            ("validator", made.validator.clone()),
            ("keys", made.keys.join(", ")),
            ("file to send", made.file.display().to_string()),
            ("fingerprint", made.fingerprint.to_string()),
            ("of its keys", made.keys_fingerprint.to_string()),
        ]);
        format!(
            "{lines}\nSend the file to whoever puts the network together, and tell them the fingerprint on another way.\n\
             Where a network runs, its validators see that of the keys before they approve: tell it all of them.\n\
             The keys stay here."
        )
    });
    Ok(())
}

/// Makes keys where they are to be.
struct Maker {
    ring: Keyring,
    /// The token, for all but the vault's key.
    pair: Option<NewPair>,
    /// Of those in files, where there are any.
    passphrase: Option<Passphrase>,
}

impl Maker {
    fn of(context: &Context, place: &Place, founding: &Founding, changes: bool) -> Result<Self, Problem> {
        let pair = place.pair(context)?;
        let passphrase = match changes {
            _ if pair.is_some() && !founding.roles.contains(&Role::Gateway) => None,
            true => Some(context.passphrase()?),
            false => Some(context.new_passphrase()?),
        };
        Ok(Self { ring: context.keyring(), pair, passphrase })
    }

    fn key(&self, name: &str, purpose: Purpose) -> Result<OpenKey, Problem> {
        let name = name.parse::<KeyName>()?;
        if let Some(pair) = self.pair.as_ref().filter(|_| purpose != Purpose::Vault) {
            return Ok(OpenKey::Token(self.ring.generate_on(pair, &name, purpose, None)?));
        }
        let passphrase = self.passphrase.as_ref().expect("it was asked for where a key goes into a file");
        Ok(OpenKey::File(self.ring.generate(&name, purpose, None, passphrase)?))
    }
}

fn make(maker: &Maker, name: &str, founding: &Founding, address: &str) -> Result<(Member, Vec<OpenKey>), Problem> {
    let key = |name: &str, purpose| maker.key(name, purpose);
    let mut signers = Vec::new();
    for (what, purpose) in [("consensus", Purpose::Consensus), ("log", Purpose::Log), ("cosigner", Purpose::Cosigner)] {
        signers.push(key(&format!("{name}.{what}"), purpose)?);
    }
    let [consensus, log, cosigner] = [0, 1, 2].map(|at: usize| signers[at].public());
    let organisation = founding.organisation.as_deref().unwrap_or(name);
    let mut founders = Vec::new();
    for role in &founding.roles {
        let Some((file, called)) = office(*role) else { continue };
        let signer = key(file, Purpose::Sign)?;
        founders.push(Founder {
            name: format!("{organisation} {called}"),
            kind: founding.kind,
            jurisdiction: founding.country,
            roles: Roles::of(&[*role]),
            keys: vec![FounderKey { key: signer.public(), usage: KeyUse::Sign }],
        });
        signers.push(signer);
        if *role == Role::Gateway {
            // Seals what the marketplace keeps for others.
            key("market.vault", Purpose::Vault)?;
        }
    }
    let validator = Validator { name: name.into(), consensus, log, cosigner };
    Ok((Member { validator, address: address.into(), founders }, signers))
}
