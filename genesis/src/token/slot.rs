//! A token in its slot: found by name, entered with its PIN, and entered again after it was away.

use super::{Module, TokenError, TokenName, error::said, module::Tokens};
use crate::passphrase::{PassphraseError, read_line};
use cryptoki::{
    context::Pkcs11,
    error::{Error as Pkcs11Error, RvError},
    object::{Attribute, ObjectClass, ObjectHandle},
    session::{Session, UserType},
    slot::{Slot, TokenInfo},
};
use secrecy::{ExposeSecret, SecretString};
use std::{collections::BTreeMap, path::Path, sync::Arc};
use subtle::ConstantTimeEq as _;

/// Who answers for a PIN that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// It came from a file: nobody would notice that a service locks the token by starting again and again.
    Unattended,
    /// Somebody just typed it.
    Attended,
    /// Somebody said that it is to be tried, whatever the token says.
    Insisted,
}

/// The PIN of a token's user. Wiped when dropped; its debug form says nothing.
#[derive(Clone, Debug)]
pub struct Pin {
    secret: SecretString,
    care: Care,
}

impl Pin {
    /// The PIN `text`, as typed.
    pub fn typed(text: String) -> Self {
        Self { secret: SecretString::from(text), care: Care::Attended }
    }

    /// Reads a PIN file: one line, readable by its owner only.
    ///
    /// # Errors
    /// [`PassphraseError`], naming the file.
    pub fn read(path: &Path) -> Result<Self, PassphraseError> {
        Ok(Self { secret: read_line("PIN", path)?, care: Care::Unattended })
    }

    /// It is to be tried also where the token says that the last one was wrong.
    pub fn insisted(self) -> Self {
        Self { care: Care::Insisted, ..self }
    }

    fn is(&self, other: &Self) -> bool {
        self.secret.expose_secret().as_bytes().ct_eq(other.secret.expose_secret().as_bytes()).into()
    }
}

/// A token that keys of this process are on.
#[derive(Debug)]
pub struct Token {
    name: TokenName,
    module: Arc<Module>,
}

/// What is known of a token in this process.
#[derive(Debug)]
pub struct State {
    pin: Pin,
    /// The token took it for wrong; it is never sent again.
    refused: bool,
    entered: Option<Entered>,
}

impl State {
    /// Gives up the session, if there is one.
    pub fn leave(&mut self) {
        self.entered = None;
    }
}

/// A session that is logged in.
#[derive(Debug)]
pub struct Entered {
    slot: Slot,
    pub session: Session,
    /// Private keys that were found in it, by their id.
    keys: BTreeMap<[u8; 16], ObjectHandle>,
}

/// The tokens of a module, with the slots that they are in.
fn tokens(pkcs11: &Pkcs11) -> Result<Vec<(Slot, TokenInfo)>, Pkcs11Error> {
    let slots = pkcs11.get_slots_with_token()?;
    // One that is being pulled out just now is not there.
    Ok(slots.into_iter().filter_map(|slot| Some((slot, pkcs11.get_token_info(slot).ok()?))).collect())
}

fn name_of(info: &TokenInfo) -> TokenName {
    TokenName { label: info.label().to_owned(), serial: info.serial_number().to_owned() }
}

/// The only token with this label.
///
/// # Errors
/// [`TokenError`], naming the tokens there are.
pub fn only(module: &Module, label: &str) -> Result<TokenName, TokenError> {
    let wanted = TokenName { label: label.to_owned(), serial: String::new() };
    let held = module.tokens();
    let all = tokens(&module.pkcs11).map_err(|error| failed(&wanted, "be looked for", &error))?;
    drop(held);
    let mut named: Vec<TokenName> = all.iter().map(|(_, info)| name_of(info)).collect();
    named.retain(|name| name.label == label);
    match (named.pop(), named.is_empty()) {
        (Some(name), true) => Ok(name),
        (Some(_), false) => Err(TokenError::Ambiguous { label: label.to_owned() }),
        (None, _) => Err(not_there(wanted, module, &all)),
    }
}

fn not_there(token: TokenName, module: &Module, all: &[(Slot, TokenInfo)]) -> TokenError {
    // A slot that waits for a token to be initialised has one without a name.
    let there = all.iter().filter(|(_, info)| info.token_initialized()).map(|(_, info)| name_of(info)).collect();
    TokenError::NoToken { token, module: module.path.clone(), there }
}

fn failed(token: &TokenName, doing: &'static str, error: &Pkcs11Error) -> TokenError {
    TokenError::Failed { token: token.clone(), doing, reason: said(error) }
}

impl Token {
    /// The token `name` of `module`, with the PIN that it was given last.
    pub fn of(module: &Arc<Module>, name: &TokenName, pin: Pin) -> Arc<Self> {
        let mut tokens = module.tokens();
        let fresh = || State { pin: pin.clone(), refused: false, entered: None };
        let state = tokens.entry(name.clone()).or_insert_with(fresh);
        if !state.pin.is(&pin) || (pin.care == Care::Insisted && state.pin.care != Care::Insisted) {
            state.refused = false;
        }
        state.pin = pin;
        Arc::new(Self { name: name.clone(), module: module.clone() })
    }

    /// What it is called.
    pub fn name(&self) -> &TokenName {
        &self.name
    }

    /// Lets `work` use a session that is logged in. Where `work` fails, the session is given up.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn with<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Entered) -> Result<T, Stopped>,
    ) -> Result<T, TokenError> {
        let mut tokens = self.module.tokens();
        let mut entered = match self.state(&mut tokens).entered.take() {
            Some(entered) => entered,
            None => self.enter(&mut tokens)?,
        };
        match work(&mut entered) {
            Ok(done) => {
                self.state(&mut tokens).entered = Some(entered);
                Ok(done)
            }
            // One that it knows and does not allow.
            Err(Stopped::Module(Pkcs11Error::Pkcs11(RvError::MechanismInvalid, _))) => {
                Err(TokenError::Mechanism { token: self.name.clone(), mechanism: "permission to do that by Ed25519" })
            }
            Err(Stopped::Module(error)) => Err(failed(&self.name, doing, &error)),
            Err(Stopped::Token(error)) => Err(error),
        }
    }

    fn state<'a>(&self, tokens: &'a mut Tokens<'_>) -> &'a mut State {
        tokens.get_mut(&self.name).expect("whoever made the token put its state in, and nobody takes one out")
    }

    /// Lets `work` use a session that may change what is on the token.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn change<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Session) -> Result<T, Stopped>,
    ) -> Result<T, TokenError> {
        self.with(doing, |entered| {
            // Logged in as well: whoever logs in does so in all sessions of a process.
            let session = self.module.pkcs11.open_rw_session(entered.slot)?;
            work(&session)
        })
    }

    /// Can it do `mechanism`?
    ///
    /// # Errors
    /// [`TokenError::Mechanism`], or what failed.
    pub fn can(&self, mechanism: cryptoki::mechanism::MechanismType, called: &'static str) -> Result<(), TokenError> {
        let known = self.with("say what it can do", |entered| {
            match self.module.pkcs11.get_mechanism_info(entered.slot, mechanism) {
                Ok(info) => Ok(info.sign() || info.generate_key_pair()),
                Err(Pkcs11Error::Pkcs11(RvError::MechanismInvalid, _)) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })?;
        if known { Ok(()) } else { Err(TokenError::Mechanism { token: self.name.clone(), mechanism: called }) }
    }

    fn enter(&self, tokens: &mut Tokens<'_>) -> Result<Entered, TokenError> {
        let begin = || -> Result<_, TokenError> {
            let (slot, info) = self.slot()?;
            let session = self.module.pkcs11.open_ro_session(slot);
            Ok((slot, info, session.map_err(|error| failed(&self.name, "open a session", &error))?))
        };
        let (slot, info, session) = match begin() {
            Ok(begun) => begun,
            Err(_) => {
                // It may have come while the module did not look.
                self.module.renew(tokens);
                begin()?
            }
        };
        self.log_in(self.state(tokens), &session, &info)?;
        Ok(Entered { slot, session, keys: BTreeMap::new() })
    }

    /// The slot that it is in.
    fn slot(&self) -> Result<(Slot, TokenInfo), TokenError> {
        let mut all = tokens(&self.module.pkcs11).map_err(|error| failed(&self.name, "be looked for", &error))?;
        match all.iter().position(|(_, info)| name_of(info) == self.name) {
            Some(at) => Ok(all.swap_remove(at)),
            None => Err(not_there(self.name.clone(), &self.module, &all)),
        }
    }

    /// Sends the PIN, at most once: see the module's documentation.
    fn log_in(&self, state: &mut State, session: &Session, info: &TokenInfo) -> Result<(), TokenError> {
        let token = || self.name.clone();
        let (low, last) = (info.user_pin_count_low(), info.user_pin_final_try());
        match state.pin.care {
            _ if info.user_pin_locked() => return Err(TokenError::Locked { token: token() }),
            _ if !info.user_pin_initialized() => return Err(TokenError::NoPin { token: token() }),
            _ if state.refused => return Err(TokenError::Pin { token: token(), last }),
            Care::Unattended if low || last => return Err(TokenError::NotTried { token: token(), last }),
            Care::Attended if last => return Err(TokenError::NotTried { token: token(), last }),
            _ => {}
        }
        let answer = match session.login(UserType::User, Some(&state.pin.secret)) {
            Ok(()) => return Ok(()),
            Err(Pkcs11Error::Pkcs11(answer, _)) => answer,
            Err(error) => return Err(failed(&self.name, "take the PIN", &error)),
        };
        match answer {
            RvError::UserAlreadyLoggedIn => Ok(()),
            RvError::PinIncorrect | RvError::PinLenRange | RvError::PinInvalid => {
                state.refused = true;
                match self.slot() {
                    Ok((_, now)) if now.user_pin_locked() => Err(TokenError::Locked { token: token() }),
                    now => {
                        let last = now.is_ok_and(|(_, now)| now.user_pin_final_try());
                        Err(TokenError::Pin { token: token(), last })
                    }
                }
            }
            RvError::PinLocked => Err(TokenError::Locked { token: token() }),
            RvError::UserPinNotInitialized => Err(TokenError::NoPin { token: token() }),
            answer => Err(TokenError::Failed {
                token: token(),
                doing: "take the PIN",
                reason: format!("C_Login answers {answer:?}"),
            }),
        }
    }
}

/// Why work on a token was not finished.
#[derive(Debug)]
pub enum Stopped {
    /// The module said no.
    Module(Pkcs11Error),
    /// We did.
    Token(TokenError),
}

impl From<Pkcs11Error> for Stopped {
    fn from(error: Pkcs11Error) -> Self {
        Self::Module(error)
    }
}

impl From<TokenError> for Stopped {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl Entered {
    /// The object of `class` with this id.
    ///
    /// # Errors
    /// What the module said; nothing where there is none.
    pub fn find(&self, class: ObjectClass, id: [u8; 16]) -> Result<Option<ObjectHandle>, Pkcs11Error> {
        let template = [Attribute::Class(class), Attribute::Token(true), Attribute::Id(id.to_vec())];
        Ok(self.session.find_objects(&template)?.into_iter().next())
    }

    /// The private key with this id, looked for once in a session.
    ///
    /// # Errors
    /// What the module said; nothing where there is none.
    pub fn private(&mut self, id: [u8; 16]) -> Result<Option<ObjectHandle>, Pkcs11Error> {
        if let Some(known) = self.keys.get(&id) {
            return Ok(Some(*known));
        }
        let found = self.find(ObjectClass::PRIVATE_KEY, id)?;
        self.keys.extend(found.map(|found| (id, found)));
        Ok(found)
    }
}
