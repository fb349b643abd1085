//! Keys on a SoftHSM. It reads where its tokens are from SOFTHSM2_CONF when it is initialised, once in a process,
//! and no process sees a token that another one makes later; so each case runs in a process of its own, with tokens
//! of its own.

use super::*;
use crate::{
    KeyName, Keyring, OpenKey, Passphrase,
    files::{self, Access},
    keyfile::{KeyFileError, Purpose},
    keyring::KeyringError,
    strict,
};
use contracts::key::Signer;
use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error as Pkcs11Error, RvError},
    object::{Attribute, AttributeType},
    session::{Session, UserType},
    types::AuthPin,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Set in the process of a case: its folder.
const PLACE: &str = "LONJA_TOKEN_TEST";

/// The tokens of each case. Two share a label.
const LABELS: [&str; 4] = ["harbour", "spare", "twin", "twin"];

const PIN: &str = "4321-right";
const OFFICER: &str = "officer-pin";

/// SoftHSM's module, where Debian has it, or `LONJA_SOFTHSM`.
fn softhsm() -> String {
    let usual = ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so"];
    let named = std::env::var("LONJA_SOFTHSM").ok();
    named
        .or_else(|| usual.into_iter().find(|path| Path::new(path).exists()).map(str::to_owned))
        .expect("these tests need SoftHSM: install softhsm2, or set LONJA_SOFTHSM to its module")
}

struct Case {
    place: PathBuf,
    ring: Keyring,
}

/// Runs `body` in a process that has tokens of its own. `name` is that of the test.
fn case(name: &str, body: impl FnOnce(&Case)) {
    case_with(name, "", body);
}

/// As [`case`], with more settings of SoftHSM.
fn case_with(name: &str, settings: &str, body: impl FnOnce(&Case)) {
    if let Some(place) = std::env::var_os(PLACE) {
        let place = PathBuf::from(place);
        let ring = Keyring::weak(place.join("keys"));
        return body(&Case { place, ring });
    }
    let place = tempfile::tempdir().unwrap();
    let (conf, tokens) = (place.path().join("conf"), place.path().join("tokens"));
    for folder in ["tokens", "keys"] {
        files::create_directory(&place.path().join(folder)).unwrap();
    }
    let always = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
    fs::write(&conf, always + settings).unwrap();
    for label in LABELS {
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", OFFICER, "--module"])
            .arg(softhsm())
            .env("SOFTHSM2_CONF", &conf)
            .output()
            .expect("these tests need softhsm2-util: install softhsm2");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.args([&format!("token::tests::{name}"), "--exact", "--nocapture"]);
    let output = run.env("SOFTHSM2_CONF", &conf).env(PLACE, place.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn name(text: &str) -> KeyName {
    text.parse().unwrap()
}

fn pin(text: &str) -> Pin {
    Pin::typed(text.into())
}

fn pair(label: &str) -> NewPair {
    NewPair { label: label.into(), module: softhsm(), pin: pin(PIN) }
}

fn why(error: KeyringError) -> TokenError {
    match error {
        KeyringError::Key(KeyFileError::Token { source, .. }) => source,
        other => panic!("{other}"),
    }
}

impl Case {
    fn make(&self, key: &str) -> TokenSigner {
        self.ring.generate_on(&pair("harbour"), &name(key), Purpose::Sign, None).unwrap()
    }

    fn open(&self, key: &str, pin: Pin) -> Result<TokenSigner, TokenError> {
        self.ring.open_token(&name(key), pin).map_err(why)
    }

    /// A PIN as a service has it.
    fn unattended(&self, text: &str) -> Pin {
        let path = self.place.join("pin");
        files::replace(&path, format!("{text}\n").as_bytes(), Access::Private).unwrap();
        Pin::read(&path).unwrap()
    }

    /// Writes the file of `key` with something changed, and a right digest.
    fn changed(&self, key: &str, change: impl FnOnce(&mut TokenKey)) {
        let path = self.ring.path(&name(key));
        let mut file = TokenKey::read(&path).unwrap();
        change(&mut file);
        fs::remove_file(&path).unwrap();
        file.write_new(&path).unwrap();
    }
}

/// What somebody else does on the token of this process.
fn on_token<T>(label: &str, work: impl FnOnce(&Session) -> T) -> T {
    let pkcs11 = Pkcs11::new(softhsm()).unwrap();
    let slots = pkcs11.get_slots_with_initialized_token().unwrap();
    let slot = slots.into_iter().find(|slot| pkcs11.get_token_info(*slot).unwrap().label() == label).unwrap();
    let session = pkcs11.open_rw_session(slot).unwrap();
    work(&session)
}

/// Nobody is logged in any more, and `signer` has noticed.
fn interrupted(signer: &TokenSigner) {
    let pkcs11 = Pkcs11::new(softhsm()).unwrap();
    pkcs11.clone().finalize().unwrap();
    signer.sign(b"x").unwrap_err();
    // Where it had no session any more, it did so itself.
    drop(pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)));
}

/// All tokens, pulled out.
struct Away {
    here: PathBuf,
    there: PathBuf,
}

impl Away {
    fn new(case: &Case) -> Self {
        let (here, there) = (case.place.join("tokens"), case.place.join("elsewhere"));
        fs::rename(&here, &there).unwrap();
        // SoftHSM wants a folder, if an empty one.
        fs::create_dir(&here).unwrap();
        Self { here, there }
    }

    fn put_back(self) {
        fs::remove_dir_all(&self.here).unwrap();
        fs::rename(&self.there, &self.here).unwrap();
    }
}

#[test]
fn a_key_is_made_on_the_token_and_its_secret_stays_there() {
    case("a_key_is_made_on_the_token_and_its_secret_stays_there", |case| {
        let made = case.make("operator");
        let shown = case.ring.inspect(&name("operator")).unwrap();
        assert_eq!((shown.public, shown.party, shown.cost), (made.public(), made.party(), None));
        assert_eq!(made.party(), Some(contracts::id::PartyId::of_first_key(&made.public())));
        assert_eq!(shown.token.unwrap().label, "harbour");
        let opened = OpenKey::Token(case.open("operator", pin(PIN)).unwrap());
        assert_eq!((opened.party(), opened.purpose()), (made.party(), Purpose::Sign));
        for length in [0, 1, 64, 100_000] {
            let message = vec![7; length];
            made.public().verify_raw(&message, &opened.sign(&message).unwrap()).unwrap();
        }
        on_token("harbour", |session| {
            let private = session.find_objects(&[Attribute::Sign(true)]).unwrap();
            assert_eq!(private.len(), 1);
            let value = session.get_attributes(private[0], &[AttributeType::Value]).unwrap();
            assert!(value.is_empty(), "{value:?}");
            let told = [AttributeType::AlwaysSensitive, AttributeType::NeverExtractable];
            let told = session.get_attributes(private[0], &told).unwrap();
            assert!(
                matches!(told[..], [Attribute::AlwaysSensitive(true), Attribute::NeverExtractable(true)]),
                "{told:?}"
            );
        });
        // What takes a secret says that there is none.
        let refused = case.ring.open(&name("operator"), &Passphrase::new("p".into())).unwrap_err();
        assert!(matches!(refused, KeyringError::Key(KeyFileError::OnToken { .. })), "{refused}");
    });
}

#[test]
fn what_cannot_be_made_leaves_nothing_behind() {
    case("what_cannot_be_made_leaves_nothing_behind", |case| {
        case.make("operator");
        let again = case.ring.generate_on(&pair("harbour"), &name("operator"), Purpose::Sign, None).unwrap_err();
        assert!(again.to_string().contains("exists already"), "{again}");
        // The folder takes no file, whoever we are: its name is taken by one.
        let nowhere = Keyring::weak(case.place.join("pin"));
        fs::write(case.place.join("pin"), "").unwrap();
        nowhere.generate_on(&pair("harbour"), &name("a"), Purpose::Sign, None).unwrap_err();
        on_token("harbour", |session| {
            assert_eq!(session.find_objects(&[Attribute::Token(true)]).unwrap().len(), 2, "one pair");
        });
        let refused =
            |pair: &NewPair, purpose| why(case.ring.generate_on(pair, &name("other"), purpose, None).unwrap_err());
        assert!(matches!(refused(&pair("harbour"), Purpose::Vault), TokenError::Vault));
        assert!(matches!(refused(&pair("twin"), Purpose::Sign), TokenError::Ambiguous { .. }));
        let missing = refused(&pair("harbor"), Purpose::Sign);
        assert!(missing.remedy().contains("`harbour`"), "{}", missing.remedy());
        let nowhere = NewPair { module: "/usr/lib/nowhere.so".into(), ..pair("harbour") };
        let missing = refused(&nowhere, Purpose::Sign);
        assert!(matches!(missing, TokenError::Module { problem: ModuleProblem::Missing, .. }), "{missing}");
        assert!(!case.ring.path(&name("other")).exists());
    });
}

#[test]
fn a_file_and_a_token_that_do_not_fit_are_refused() {
    case("a_file_and_a_token_that_do_not_fit_are_refused", |case| {
        let (made, other) = (case.make("operator"), case.make("other"));
        case.changed("other", |file| file.public = made.public());
        let refused = case.open("other", pin(PIN)).unwrap_err();
        assert!(matches!(&refused, TokenError::OtherKey { found, .. } if *found == other.public()), "{refused}");
        case.changed("other", |file| file.token.serial = "0000".into());
        let refused = case.open("other", pin(PIN)).unwrap_err();
        assert!(matches!(refused, TokenError::NoToken { .. }) && refused.remedy().contains("harbour"), "{refused}");

        // Somebody allows more, and takes the key away.
        let id = Attribute::Id(TokenKey::read(&case.ring.path(&name("operator"))).unwrap().object.0.to_vec());
        let user = AuthPin::from(PIN);
        let user = Some(&user);
        on_token("harbour", |session| {
            session.login(UserType::User, user).unwrap();
            let private = session.find_objects(&[id.clone(), Attribute::Sign(true)]).unwrap()[0];
            session.update_attributes(private, &[Attribute::Sign(false)]).unwrap();
        });
        let refused = case.open("operator", pin(PIN)).unwrap_err();
        assert!(matches!(refused, TokenError::Unfit { what: "may not sign", .. }), "{refused}");
        on_token("harbour", |session| {
            session.login(UserType::User, user).unwrap();
            let both = session.find_objects(std::slice::from_ref(&id)).unwrap();
            both.into_iter().for_each(|object| session.destroy_object(object).unwrap());
        });
        let refused = case.open("operator", pin(PIN)).unwrap_err();
        assert!(matches!(refused, TokenError::NoKey { what: "public", .. }), "{refused}");
        // The one that was open fails as well, and says why.
        interrupted(&made);
        let failed = made.sign(b"x").unwrap_err();
        assert!(failed.reason.contains("no private key"), "{failed}");
    });
}

#[test]
fn a_wrong_pin_is_tried_once() {
    case("a_wrong_pin_is_tried_once", |case| {
        let made = case.make("operator");
        interrupted(&made);
        let refused = case.open("operator", case.unattended("wrong-one")).unwrap_err();
        assert!(matches!(refused, TokenError::Pin { last: false, .. }), "{refused}");
        assert!(!format!("{refused:?}{}", refused.remedy()).contains("wrong-one"));
        // Even where it has become the right one: it is not sent again.
        on_token("harbour", |session| {
            session.login(UserType::So, Some(&AuthPin::from(OFFICER))).unwrap();
            session.init_pin(&AuthPin::from("wrong-one")).unwrap();
            session.logout().unwrap();
        });
        assert!(matches!(case.open("operator", case.unattended("wrong-one")), Err(TokenError::Pin { .. })));
        assert!(matches!(made.sign(b"x"), Err(error) if error.reason.contains("refuses the PIN")));
        // Somebody who says so has it tried.
        case.open("operator", case.unattended("wrong-one").insisted()).unwrap();
        made.sign(b"x").unwrap();
    });
}

#[test]
fn a_service_tries_no_pin_after_a_wrong_one() {
    case("a_service_tries_no_pin_after_a_wrong_one", |case| {
        let made = case.make("operator");
        interrupted(&made);
        on_token("harbour", |session| {
            session.login(UserType::User, Some(&AuthPin::from("mistyped"))).unwrap_err();
        });
        let refused = case.open("operator", case.unattended(PIN)).unwrap_err();
        assert!(matches!(refused, TokenError::NotTried { last: false, .. }), "{refused}");
        assert!(refused.remedy().contains("--try-pin"), "{}", refused.remedy());
        case.open("operator", case.unattended(PIN).insisted()).unwrap();
        // A right one clears the mark.
        interrupted(&made);
        case.open("operator", case.unattended(PIN)).unwrap();
    });
}

#[test]
fn a_token_that_was_away_works_again() {
    case("a_token_that_was_away_works_again", |case| {
        let made = case.make("operator");
        made.sign(b"x").unwrap();
        let other = case.ring.generate_on(&pair("spare"), &name("other"), Purpose::Price, None).unwrap();
        let away = Away::new(case);
        for _ in 0..3 {
            let failed = made.sign(b"x").unwrap_err();
            assert!(failed.reason.contains("`harbour`") && failed.key == made.public(), "{failed}");
        }
        assert!(other.sign(b"x").unwrap_err().reason.contains("put the token in"));
        away.put_back();
        for signer in [&made, &other, &made] {
            signer.public().verify_raw(b"x", &signer.sign(b"x").unwrap()).unwrap();
        }
        // The module begins anew, and nothing is asked of the others.
        interrupted(&made);
        other.sign(b"x").unwrap_err();
        made.sign(b"x").and_then(|_| other.sign(b"x")).unwrap();
    });
}

#[test]
fn a_token_that_may_not_do_ed25519_says_so() {
    // SoftHSM makes such keys all the same, and does not sign with them.
    case_with("a_token_that_may_not_do_ed25519_says_so", "slots.mechanisms = CKM_RSA_PKCS\n", |case| {
        let refused = why(case.ring.generate_on(&pair("harbour"), &name("a"), Purpose::Sign, None).unwrap_err());
        assert!(matches!(refused, TokenError::Mechanism { .. }), "{refused}");
        assert!(!case.ring.path(&name("a")).exists());
        on_token("harbour", |session| {
            // Whoever logs in does so in all sessions of a process, and the one that asked is still there.
            match session.login(UserType::User, Some(&AuthPin::from(PIN))) {
                Ok(()) | Err(Pkcs11Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
                Err(error) => panic!("{error}"),
            }
            assert!(session.find_objects(&[Attribute::Token(true)]).unwrap().is_empty(), "nothing is left");
        });
    });
}

#[test]
fn many_threads_sign_with_many_keys() {
    case("many_threads_sign_with_many_keys", |case| {
        let keys = ["consensus", "log", "cosigner"].map(|what| case.make(what));
        std::thread::scope(|scope| {
            for number in 0..8_u8 {
                let key = &keys[usize::from(number) % keys.len()];
                scope.spawn(move || {
                    for round in 0..50 {
                        key.public().verify_raw(&[number, round], &key.sign(&[number, round]).unwrap()).unwrap();
                    }
                });
            }
        });
    });
}

#[test]
fn golden_file() {
    let name = TokenName { label: "harbour".into(), serial: "0123456789abcdef".into() };
    let key = TokenKey::new(
        Purpose::Consensus,
        contracts::key::PublicKey([0xab; 32]),
        None,
        "/usr/lib/softhsm/libsofthsm2.so".into(),
        name,
        [0xcd; 16],
    );
    let golden = format!(
        "{{\n  \"format\": \"lonja-token-key/v1\",\n  \"purpose\": \"consensus\",\n  \"public\": \"{}\",\n  \
         \"party\": null,\n  \"module\": \"/usr/lib/softhsm/libsofthsm2.so\",\n  \"token\": {{\n    \
         \"label\": \"harbour\",\n    \"serial\": \"0123456789abcdef\"\n  }},\n  \"object\": \"{}\"\n}}\n",
        "ab".repeat(32),
        "cd".repeat(16)
    );
    assert_eq!(String::from_utf8(strict::encode(&key)).unwrap(), golden);
}
