//! What went wrong, for the person at the terminal: what, why, and what to try next.

use std::{error::Error, fmt};

/// How a command ends. Permanent: scripts depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Something failed.
    Failed = 1,
    /// The arguments are wrong (clap's own code).
    Usage = 2,
    /// The rules of the market said no; the refusal is on the ledger.
    Refused = 3,
    /// Something does not verify.
    Untrue = 4,
    /// A service, token or store cannot be reached or is busy.
    Unreachable = 5,
    /// A key, passphrase, configuration or network file cannot be used.
    File = 6,
    /// Everything that is there holds, and not everything is there.
    Partly = 7,
}

/// For `lonja help` and the README.
pub const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 refused by the rules \
(the refusal is on the ledger), 4 does not verify, 5 a service, token or store cannot be reached or is busy, \
6 a key, passphrase or network file cannot be used, 7 an audit held as far as it went, \
and could not execute every block.";

/// What went wrong.
#[derive(Debug)]
pub struct Problem {
    text: String,
    help: Option<String>,
    exit: Exit,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Problem {
    /// Says what failed.
    pub fn new(text: impl Into<String>) -> Self {
        // Words of others may stand in it; none of them steers the terminal.
        let text = contracts::text::visible(&text.into()).into_owned();
        Self { text, help: None, exit: Exit::Failed, cause: None }
    }

    /// Says why.
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// Says what to try next.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Says how the command ends.
    pub fn exits(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Wrong arguments that clap cannot see.
    pub fn usage(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(text).help(help).exits(Exit::Usage)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Problem {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause.as_ref() as &(dyn Error + 'static))
    }
}

impl miette::Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }
}

/// A file that cannot be used stays so until somebody does something.
fn never<T>(_: &T) -> bool {
    false
}

/// Errors of `genesis` know their remedy, and whether they may pass by themselves.
macro_rules! from_genesis {
    ($($error:ty => $may_pass:expr),*) => {$(
        impl From<$error> for Problem {
            fn from(error: $error) -> Self {
                let may_pass: fn(&$error) -> bool = $may_pass;
                let exit = if may_pass(&error) { Exit::Unreachable } else { Exit::File };
                let problem = Self::new(error.to_string()).help(error.remedy()).exits(exit);
                // The text is told already; what hangs below it is the cause.
                match error.source() {
                    Some(cause) => problem.because(cause.to_string()),
                    None => problem,
                }
            }
        }
    )*};
}

from_genesis!(
    genesis::files::FileError => never,
    genesis::anchor::AnchorError => never,
    genesis::document::DocumentError => never,
    genesis::keyring::KeyringError => genesis::keyring::KeyringError::may_pass,
    genesis::keyfile::KeyFileError => genesis::keyfile::KeyFileError::may_pass,
    genesis::passphrase::PassphraseError => never,
    genesis::config::ConfigError => never,
    genesis::layout::LayoutError => never,
    genesis::member::MemberError => never,
    genesis::proposal::ProposalError => never
);

/// Says what we were doing to which file.
pub fn file(doing: &str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Problem {
    let text = format!("cannot {doing} {}", path.display());
    move |error| Problem::new(text).because(error).help("check the path and its permissions").exits(Exit::File)
}
