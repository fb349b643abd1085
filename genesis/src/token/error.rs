//! Why a key on a token cannot be used, and what to do about it.

use super::TokenName;
use contracts::key::PublicKey;
use cryptoki::error::Error as Pkcs11Error;
use std::path::PathBuf;

/// Why a module is not loaded. Whoever may change it can do whatever we can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleProblem {
    /// A path that depends on where we were started.
    #[error("its path is not absolute")]
    Relative,
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// Somebody else could put other code there.
    #[error("{} can be changed by others than root and you", .0.display())]
    Writable(PathBuf),
    /// The system does not load it, or it is none.
    #[error("it is no PKCS#11 module that loads: {0}")]
    Load(String),
    /// It loads and does not begin.
    #[error("it does not begin: {0}")]
    Begin(String),
}

/// A key on a token that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The module cannot be used.
    #[error("the PKCS#11 module {} cannot be used: {problem}", path.display())]
    Module {
        /// Its path.
        path: PathBuf,
        /// Why.
        problem: ModuleProblem,
    },
    /// The token is not there.
    #[error("there is no token {token} in {}", module.display())]
    NoToken {
        /// What was looked for.
        token: TokenName,
        /// Where.
        module: PathBuf,
        /// What is there.
        there: Vec<TokenName>,
    },
    /// Several tokens have this label.
    #[error("several tokens are called `{label}`")]
    Ambiguous {
        /// The label.
        label: String,
    },
    /// The token took the PIN for wrong.
    #[error("the token {token} refuses the PIN{}", if *last { ", and takes one more" } else { "" })]
    Pin {
        /// The token.
        token: TokenName,
        /// Is one more wrong one the end of it?
        last: bool,
    },
    /// A PIN was not tried, since the one before was wrong.
    #[error("the PIN was not tried: the token {token} says that the last one was wrong{}", if *last { ", and takes one more" } else { "" })]
    NotTried {
        /// The token.
        token: TokenName,
        /// Is one more wrong one the end of it?
        last: bool,
    },
    /// The token takes no PIN any more.
    #[error("the PIN of the token {token} is locked")]
    Locked {
        /// The token.
        token: TokenName,
    },
    /// Nobody gave the token a PIN.
    #[error("the token {token} has no user PIN yet")]
    NoPin {
        /// The token.
        token: TokenName,
    },
    /// The token cannot do what we need.
    #[error("the token {token} has no {mechanism}")]
    Mechanism {
        /// The token.
        token: TokenName,
        /// The mechanism.
        mechanism: &'static str,
    },
    /// The key is not on the token.
    #[error("the token {token} has no {what} key with id {id}")]
    NoKey {
        /// The token.
        token: TokenName,
        /// `public` or `private`.
        what: &'static str,
        /// The object's id.
        id: String,
    },
    /// Another key is under this id.
    #[error("the key on the token {token} is {found}, and its file says {expected}")]
    OtherKey {
        /// The token.
        token: TokenName,
        /// The key of the file.
        expected: PublicKey,
        /// The key on the token.
        found: PublicKey,
    },
    /// The key is not what it must be.
    #[error("the key on the token {token} {what}")]
    Unfit {
        /// The token.
        token: TokenName,
        /// What is wrong with it.
        what: &'static str,
    },
    /// What the token signed does not verify.
    #[error("what the token {token} signed is no Ed25519 signature of its key {key}")]
    Untrue {
        /// The token.
        token: TokenName,
        /// The key.
        key: PublicKey,
    },
    /// The token failed.
    #[error("the token {token} cannot {doing}: {reason}")]
    Failed {
        /// The token.
        token: TokenName,
        /// What it was to do.
        doing: &'static str,
        /// What the module said.
        reason: String,
    },
    /// A key that is no signer.
    #[error("a vault key cannot be on a token: other secrets are derived from it, and a token only signs")]
    Vault,
    /// The system gave no randomness.
    #[error("the system gives no randomness: {0}")]
    Chance(String),
}

impl TokenError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Module { problem, path } => module_remedy(problem, &path.display().to_string()),
            Self::NoToken { there, .. } if there.is_empty() => {
                "put the token in, and look whether the module's own tool sees it".into()
            }
            Self::NoToken { there, .. } => {
                let there: Vec<String> = there.iter().map(ToString::to_string).collect();
                format!("put the token in; there are: {}", there.join(", "))
            }
            Self::Ambiguous { .. } => "take out all but one of them".into(),
            Self::Pin { .. } => "lonja does not try it again. Correct the PIN first, then run `lonja key check NAME \
                --try-pin`, which tries it once; after a few wrong ones a token locks itself"
                .into(),
            Self::NotTried { .. } => {
                "correct the PIN first, then run `lonja key check NAME --try-pin`, which tries it \
                once; a right one clears the token's mark"
                    .into()
            }
            Self::Locked { .. } => "only the token's security officer can unlock it, with the token's own tool".into(),
            Self::NoPin { .. } => "give it one with the token's own tool, as its security officer".into(),
            Self::Mechanism { .. } => "use a token that signs with Ed25519 (PKCS#11 3.0: EdDSA)".into(),
            Self::NoKey { .. } => "was the token initialised anew? Then the key is lost: make another, and have it \
                take over (see operations/rotate.md)"
                .into(),
            Self::OtherKey { .. } => "do not use it: put the file or the token of this key back".into(),
            Self::Unfit { .. } => "make the key with `lonja key new --token`, which asks for what is needed".into(),
            Self::Untrue { .. } => "do not use this token: it is faulty, or means something else by EdDSA".into(),
            Self::Failed { .. } => "look whether the token is in its place and the module's own tool sees it".into(),
            Self::Vault => "leave out --token: a vault key lies in a sealed file".into(),
            Self::Chance(_) => "start again later; a fresh machine needs a moment to gather randomness".into(),
        }
    }
}

impl TokenError {
    /// Can it pass without anybody doing something to files, settings or PIN, as when a token is put in?
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NoToken { .. } | Self::Failed { .. })
    }
}

fn module_remedy(problem: &ModuleProblem, path: &str) -> String {
    match problem {
        ModuleProblem::Relative => "write the whole path: a module is code that runs with all your rights".into(),
        ModuleProblem::Missing => format!("install what {path} belongs to, or name another with --module"),
        ModuleProblem::Writable(_) => "a module is code that runs with all your rights: see that it and its folder \
            belong to root or you, and that nobody else may write there"
            .into(),
        ModuleProblem::Load(_) => "name the module that the token's vendor made for this system".into(),
        ModuleProblem::Begin(_) => "look at the module's own settings (for SoftHSM: SOFTHSM2_CONF)".into(),
    }
}

/// What a module said, in few words: its own descriptions are paragraphs of the standard.
pub fn said(error: &Pkcs11Error) -> String {
    match error {
        Pkcs11Error::Pkcs11(answer, function) => format!("C_{function:?} answers {answer:?}"),
        error => error.to_string(),
    }
}
