//! Signing with a key on a token.

use super::{
    Module, Pin, Token, TokenError, TokenKey,
    module::owner_of,
    slot::{Entered, Stopped},
};
use crate::keyfile::{KeyFileError, Purpose};
use contracts::{
    id::PartyId,
    key::{PublicKey, SignError, Signature, Signer},
};
use cryptoki::{
    mechanism::{
        Mechanism, MechanismType,
        eddsa::{EddsaParams, EddsaSignatureScheme},
    },
    object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle},
    session::Session,
};
use std::{fmt, path::Path, sync::Arc};

/// What a key signs when it is opened. A signature of it means nothing to anybody.
const PROBE: &[u8] = b"lonja/token/probe/v1\0";

/// What comes before the 32 bytes of a key in a DER octet string, and in a bit string: modules differ.
const POINT_PREFIXES: [&[u8]; 3] = [&[], &[0x04, 0x20], &[0x03, 0x21, 0x00]];

/// A key on a token that was opened.
pub struct TokenSigner {
    key: TokenKey,
    token: Arc<Token>,
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSigner").field("public", &self.key.public).finish_non_exhaustive()
    }
}

impl TokenSigner {
    /// Opens the key of the file at `path`.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file, and what is wrong with module, token or key.
    pub fn open(path: &Path, pin: Pin) -> Result<Self, KeyFileError> {
        let key = TokenKey::read(path)?;
        let refused = |source| KeyFileError::Token { path: path.to_path_buf(), source };
        let module = Module::at(Path::new(&key.module), owner_of(path)).map_err(refused)?;
        let token = Token::of(&module, &key.token, pin);
        Self::of(key, token).map_err(refused)
    }

    /// The key that `key` describes, where the token really has it.
    pub(super) fn of(key: TokenKey, token: Arc<Token>) -> Result<Self, TokenError> {
        token.can(MechanismType::EDDSA, "EdDSA (CKM_EDDSA)")?;
        token.with("show the key", |entered| check(&key, entered))?;
        let signer = Self { key, token };
        signer.signature(PROBE)?;
        Ok(signer)
    }

    /// What the key is for.
    pub fn purpose(&self) -> Purpose {
        self.key.purpose
    }

    /// The party that signs with it; none for keys of validators.
    pub fn party(&self) -> Option<PartyId> {
        self.key.party
    }

    /// A signature of `message` that verifies.
    fn signature(&self, message: &[u8]) -> Result<Signature, TokenError> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let bytes = self.token.with("sign", |entered| {
            let key = entered.private(self.key.object.0)?.ok_or_else(|| missing(&self.key, "private"))?;
            Ok(entered.session.sign(&mechanism, key, message)?)
        })?;
        let untrue = || TokenError::Untrue { token: self.token.name().clone(), key: self.key.public };
        let signature = Signature(bytes.try_into().map_err(|_| untrue())?);
        self.key.public.verify_raw(message, &signature).map_err(|_| untrue())?;
        Ok(signature)
    }
}

impl Signer for TokenSigner {
    fn public(&self) -> PublicKey {
        self.key.public
    }

    fn sign(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.signature(message)
            .map_err(|error| SignError { key: self.key.public, reason: format!("{error}; {}", error.remedy()) })
    }
}

fn missing(key: &TokenKey, what: &'static str) -> Stopped {
    TokenError::NoKey { token: key.token.clone(), what, id: key.id() }.into()
}

/// Is the key of the file on the token, and does it sign and nothing else?
fn check(key: &TokenKey, entered: &mut Entered) -> Result<(), Stopped> {
    let public = entered.find(ObjectClass::PUBLIC_KEY, key.object.0)?.ok_or_else(|| missing(key, "public"))?;
    let unfit = |what| Stopped::from(TokenError::Unfit { token: key.token.clone(), what });
    let found = point(&entered.session, public)?.ok_or_else(|| unfit("shows no public key of Ed25519"))?;
    if found != key.public {
        let (token, expected) = (key.token.clone(), key.public);
        return Err(TokenError::OtherKey { token, expected, found }.into());
    }
    let private = entered.private(key.object.0)?.ok_or_else(|| missing(key, "private"))?;
    fits(&entered.session, private)?.map_err(unfit)
}

/// The public key of an object, where it is one of Ed25519.
pub(super) fn point(session: &Session, object: ObjectHandle) -> Result<Option<PublicKey>, Stopped> {
    let attributes = session.get_attributes(object, &[AttributeType::EcPoint])?;
    let Some(Attribute::EcPoint(point)) = attributes.into_iter().next() else { return Ok(None) };
    let bare = POINT_PREFIXES.iter().filter_map(|prefix| point.strip_prefix(*prefix)?.try_into().ok());
    Ok(bare.map(PublicKey).next())
}

/// May the private key be used as ours are? What a module does not tell of is not held against it, but for the
/// type and the permission to sign.
pub(super) fn fits(session: &Session, private: ObjectHandle) -> Result<Result<(), &'static str>, Stopped> {
    let wanted = [
        AttributeType::KeyType,
        AttributeType::Sign,
        AttributeType::Sensitive,
        AttributeType::Extractable,
        AttributeType::Decrypt,
        AttributeType::Unwrap,
        AttributeType::Derive,
    ];
    let (mut edwards, mut signs, mut wrong) = (false, false, None);
    for attribute in session.get_attributes(private, &wanted)? {
        match attribute {
            Attribute::KeyType(kind) => edwards = kind == KeyType::EC_EDWARDS,
            Attribute::Sign(may) => signs = may,
            Attribute::Sensitive(false) | Attribute::Extractable(true) => wrong = Some("can be taken out of it"),
            Attribute::Decrypt(true) | Attribute::Unwrap(true) | Attribute::Derive(true) => {
                wrong = Some("may do more than sign");
            }
            _ => {}
        }
    }
    Ok(match (edwards, signs, wrong) {
        (false, ..) => Err("is no Edwards key"),
        (_, false, _) => Err("may not sign"),
        (.., Some(wrong)) => Err(wrong),
        _ => Ok(()),
    })
}
