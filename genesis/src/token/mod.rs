//! Keys on a token: a hardware module, a smart card, or anything else that speaks PKCS#11.
//!
//! The secret is made on the token and never leaves it. What lies in the keyring is a [`TokenKey`]: a file in
//! the place of a sealed one, which says where the key is and holds no secret. The token is opened by its PIN.
//!
//! # What is checked
//! Opening a key compares the public key on the token with the one in the file, looks at the private key's
//! attributes, and lets it sign once. Every signature is verified before it is handed out (some 60 µs): a faulty
//! token, or one whose idea of EdDSA is another, fails here and not at somebody who verifies.
//!
//! # A wrong PIN is never tried twice
//! Tokens lock themselves after a few wrong PINs. A PIN that was refused is not tried again in this process, and a PIN
//! that nobody is there to correct ([`Care::Unattended`]) is not tried at all on a token that says that the last
//! one was wrong.
//!
//! # A token that goes away
//! Whatever fails, the session is given up and the signer says why; the next signature begins with a new session. So
//! a token that is put back works without a restart. Many modules see only the tokens that were there when they were
//! initialised: where a token is not found, its module is initialised anew.
//!
//! # Threads
//! A module is loaded once in a process and called by one thread at a time; there is one session for each token,
//! however many keys are on it. A token that hangs holds up whoever signs with its module, and nobody else.
//!
//! # How fast
//! SoftHSM 2.6.1 signed 2,600 times a second, verification included, where a key in memory signed 35,000 times (one
//! after the other, on a machine with other work): a thirteenth. Hardware is slower still. A validator signs three to five times for each block.

mod error;
mod file;
mod module;
mod pair;
mod signer;
mod slot;

pub use error::{ModuleProblem, TokenError};
pub(crate) use file::FORMAT;
pub use file::{TokenKey, TokenName};
pub use pair::NewPair;
pub use signer::TokenSigner;
pub use slot::{Care, Pin};

use module::Module;
use slot::Token;

#[cfg(test)]
mod tests;
