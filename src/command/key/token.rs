//! `lonja key new --token LABEL` and `lonja key check`.

use crate::{context::Context, output, problem::Problem};
use clap::Args;
use contracts::key::Signer as _;
use genesis::{KeyName, NewPair, OpenKey};
use serde::Serialize;

/// What is signed to see whether a key signs. It is of no domain, so the signature means nothing to anybody.
const PROBE: &[u8] = b"lonja/key/check/v1\0";

/// Where a new key is to be.
#[derive(Args)]
pub struct Place {
    /// Make the key on the PKCS#11 token of this label, which its secret never leaves; without it, in a sealed file
    #[arg(long, value_name = "LABEL")]
    token: Option<String>,
    /// The whole path of the token's PKCS#11 module. It is code that is loaded: name one that you trust
    #[arg(long, value_name = "PATH", env = "LONJA_PKCS11_MODULE")]
    module: Option<String>,
}

impl Place {
    /// The token, with its PIN, if the key is to be on one.
    ///
    /// # Errors
    /// When no module is named, or the PIN cannot be had.
    pub fn pair(&self, context: &Context) -> Result<Option<NewPair>, Problem> {
        let Some(label) = self.token.clone() else { return Ok(None) };
        let module = self.module.clone().ok_or_else(|| {
            let help = "name it with --module PATH, such as /usr/lib/softhsm/libsofthsm2.so, or in LONJA_PKCS11_MODULE";
            Problem::usage(format!("the token `{label}` is reached by a PKCS#11 module"), help)
        })?;
        let pin = context.pin(&label)?;
        Ok(Some(NewPair { label, module, pin }))
    }
}

#[derive(Serialize)]
struct Checked {
    name: String,
    public: contracts::key::PublicKey,
    signs: bool,
}

/// Opens the key `name` and lets it sign.
///
/// # Errors
/// When it does not open, or does not sign.
pub fn check(context: &Context, name: &KeyName, try_pin: bool) -> Result<(), Problem> {
    let key: OpenKey = context.open_by(name, |pin| if try_pin { pin.insisted() } else { pin })?;
    key.sign(PROBE).map_err(|error| Problem::new(format!("`{name}` does not sign")).because(error))?;
    let checked = Checked { name: name.to_string(), public: key.public(), signs: true };
    context.print(&checked, || {
        output::lines(&[
            ("name", checked.name.clone()),
            ("public key", checked.public.to_string()),
            ("signs", "yes".into()),
        ])
    });
    Ok(())
}
