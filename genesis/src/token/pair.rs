//! Making a key pair on a token.

use super::{
    Module, Pin, Token, TokenError, TokenKey, TokenSigner,
    module::owner_of,
    signer::{fits, point},
    slot::{self, Stopped},
};
use crate::{
    files::FileError,
    keyfile::{KeyFileError, Purpose},
};
use contracts::id::PartyId;
use cryptoki::{
    mechanism::{Mechanism, MechanismType},
    object::{Attribute, ObjectHandle},
    session::Session,
};
use std::{path::Path, sync::Arc};

/// Ed25519 as CKA_EC_PARAMS: its object identifier 1.3.101.112 (RFC 8410), and its name as PKCS#11 3.0 has it.
/// Modules take the one or the other.
const CURVES: [&[u8]; 2] = [&[0x06, 0x03, 0x2b, 0x65, 0x70], b"\x13\x0cedwards25519"];

/// Where a new key is to be made.
#[derive(Clone, Debug)]
pub struct NewPair {
    /// The label of the token.
    pub label: String,
    /// The whole path of the PKCS#11 module.
    pub module: String,
    /// The token's PIN.
    pub pin: Pin,
}

impl NewPair {
    /// Makes a new key pair on the token, whose secret cannot be taken out of it, and its file at `path`. `called`
    /// is the label of the pair on the token. A key that signs for a party which is not named is the party's first.
    ///
    /// A crash before the file is written leaves a pair on the token that nothing names and nobody uses.
    ///
    /// # Errors
    /// [`KeyFileError`], naming the file; [`FileError::Exists`] inside when there is one already.
    pub fn make(
        &self,
        path: &Path,
        called: &str,
        purpose: Purpose,
        party: Option<PartyId>,
    ) -> Result<TokenSigner, KeyFileError> {
        let refused = |source| KeyFileError::Token { path: path.to_path_buf(), source };
        TokenKey::may_be(purpose).map_err(refused)?;
        if path.exists() {
            return Err(FileError::Exists { path: path.to_path_buf() }.into());
        }
        let owner = owner_of(path.parent().unwrap_or(Path::new(".")));
        let module = Module::at(Path::new(&self.module), owner).map_err(refused)?;
        let name = slot::only(&module, &self.label).map_err(refused)?;
        let token = Token::of(&module, &name, self.pin.clone());
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| refused(TokenError::Chance(error.to_string())))?;
        let made = || {
            let key = self.pair(&token, id, called, purpose, party).map_err(refused)?;
            let signer = TokenSigner::of(key.clone(), token.clone()).map_err(refused)?;
            key.write_new(path).map(|()| signer)
        };
        made().inspect_err(|_| {
            // Best effort: one that stays is named by nothing.
            drop(token.change("remove the key pair", |session| Ok(remove(session, id)?)));
        })
    }

    fn pair(
        &self,
        token: &Arc<Token>,
        id: [u8; 16],
        called: &str,
        purpose: Purpose,
        party: Option<PartyId>,
    ) -> Result<TokenKey, TokenError> {
        token.can(MechanismType::ECC_EDWARDS_KEY_PAIR_GEN, "making of Edwards keys (CKM_EC_EDWARDS_KEY_PAIR_GEN)")?;
        let unfit = |what| Stopped::from(TokenError::Unfit { token: token.name().clone(), what });
        let public = token.change("make a key pair", |session| {
            let (public, private) = generate(session, id, called)?;
            fits(session, private)?.map_err(unfit)?;
            point(session, public)?.ok_or_else(|| unfit("shows no public key of Ed25519"))
        })?;
        public.check().map_err(|_| TokenError::Unfit { token: token.name().clone(), what: "is a weak point" })?;
        let party = party.or_else(|| (purpose == Purpose::Sign).then(|| PartyId::of_first_key(&public)));
        let key = TokenKey::new(purpose, public, party, self.module.clone(), token.name().clone(), id);
        let what = "has a label, serial number or module path that no key file takes";
        key.check().map_err(|_| TokenError::Unfit { token: token.name().clone(), what })?;
        Ok(key)
    }
}

/// Makes the pair. The private half signs, and does nothing else: modules allow more unless they are told.
fn generate(session: &Session, id: [u8; 16], called: &str) -> Result<(ObjectHandle, ObjectHandle), Stopped> {
    let both = [Attribute::Token(true), Attribute::Id(id.to_vec()), Attribute::Label(called.as_bytes().to_vec())];
    let private = [
        &both[..],
        &[
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(true),
            Attribute::Decrypt(false),
            Attribute::Unwrap(false),
            Attribute::Derive(false),
        ],
    ]
    .concat();
    let with = |curve: &[u8]| {
        let own = [Attribute::Private(false), Attribute::Verify(true), Attribute::EcParams(curve.to_vec())];
        let public = [&both[..], &own].concat();
        session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private)
    };
    let [identifier, name] = CURVES;
    Ok(with(identifier).or_else(|_| with(name))?)
}

fn remove(session: &Session, id: [u8; 16]) -> Result<(), cryptoki::error::Error> {
    let pair = session.find_objects(&[Attribute::Token(true), Attribute::Id(id.to_vec())])?;
    pair.into_iter().try_for_each(|object| session.destroy_object(object))
}
