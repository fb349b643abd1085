use super::*;
use contracts::{id::NetworkId, key::Domain};

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.into())
}

fn made(dir: &Path) -> (PathBuf, FileSigner) {
    let path = dir.join("operator.key");
    let signer = FileSigner::generate(&path, Purpose::Sign, None, &passphrase("right"), Cost::TEST).unwrap();
    (path, signer)
}

#[test]
fn a_key_opens_with_its_passphrase_only() {
    let dir = tempfile::tempdir().unwrap();
    let (path, signer) = made(dir.path());
    let opened = FileSigner::open_weak(&path, &passphrase("right")).unwrap();
    assert_eq!((opened.public(), opened.party()), (signer.public(), signer.party()));
    assert_eq!(opened.party(), Some(PartyId::of_first_key(&opened.public())));
    let network = NetworkId([7; 32]);
    let signature = opened.sign(&Domain::Quote.message(&network, b"ten")).unwrap();
    assert_eq!(opened.public().verify(Domain::Quote, &network, b"ten", &signature), Ok(()));

    let wrong = FileSigner::open_weak(&path, &passphrase("wrong")).unwrap_err();
    assert!(matches!(wrong, KeyFileError::Passphrase { .. }) && wrong.to_string().contains("operator.key"), "{wrong}");
    let again = FileSigner::generate(&path, Purpose::Sign, None, &passphrase("right"), Cost::TEST).unwrap_err();
    assert!(matches!(again, KeyFileError::File(FileError::Exists { .. })), "{again}");
}

#[test]
fn a_weak_or_greedy_file_is_not_opened() {
    let dir = tempfile::tempdir().unwrap();
    let (path, signer) = made(dir.path());
    let weak = FileSigner::open(&path, &passphrase("right")).unwrap_err();
    assert!(matches!(weak, KeyFileError::Cost { .. }), "{weak}");
    signer.reseal(&path, &passphrase("right"), Cost { memory_kib: KDF_MEMORY_KIB_MIN, passes: 2, lanes: 1 }).unwrap();
    assert_eq!(FileSigner::open(&path, &passphrase("right")).unwrap().public(), signer.public());

    let mut file = read(&path).unwrap();
    for greedy in [
        Cost { memory_kib: u32::MAX, passes: 1, lanes: 1 },
        Cost { memory_kib: KDF_MEMORY_KIB_MAX, passes: KDF_PASSES_MAX, lanes: 1 },
        Cost { memory_kib: 1 << 16, passes: 0, lanes: 1 },
    ] {
        file.header.cost = greedy;
        file.digest = digest(&file.header, &file.sealed);
        files::replace(&path, &strict::encode(&file), Access::Private).unwrap();
        let refused = FileSigner::open(&path, &passphrase("right")).unwrap_err();
        assert!(matches!(refused, KeyFileError::Cost { .. }), "{refused}");
    }
}

#[test]
fn another_passphrase_replaces_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (path, signer) = made(dir.path());
    signer.reseal(&path, &passphrase("new"), Cost::TEST).unwrap();
    assert!(FileSigner::open_weak(&path, &passphrase("right")).is_err());
    assert_eq!(FileSigner::open_weak(&path, &passphrase("new")).unwrap().public(), signer.public());
    assert_eq!(inspect(&path).unwrap().public, signer.public());
}

#[test]
fn every_changed_byte_is_found_to_be_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = made(dir.path());
    let bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() {
        for change in [1, 0x20, 0x80] {
            let mut wrong = bytes.clone();
            wrong[at] ^= change;
            std::fs::write(&path, &wrong).unwrap();
            let error = FileSigner::open_weak(&path, &passphrase("right")).unwrap_err();
            assert!(matches!(error, KeyFileError::Damaged { .. }), "byte {at} with {change:#x}: {error}");
        }
    }
}

/// The digest is no secret, so whoever changes the header can make it fit; the seal still says no.
#[test]
fn a_changed_header_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = made(dir.path());
    let mut file = read(&path).unwrap();
    file.header.party = Some(PartyId([9; 32]));
    file.digest = digest(&file.header, &file.sealed);
    files::replace(&path, &strict::encode(&file), Access::Private).unwrap();
    let error = FileSigner::open_weak(&path, &passphrase("right")).unwrap_err();
    assert!(matches!(error, KeyFileError::Passphrase { .. }), "{error}");
}

#[test]
fn others_may_not_read_it_and_debug_does_not_show_it() {
    let dir = tempfile::tempdir().unwrap();
    let (path, signer) = made(dir.path());
    let secret = hex::encode(signer.secret.to_bytes());
    let shown = format!("{signer:?}");
    assert!(!shown.contains(&secret) && shown.contains(&signer.public().to_string()), "{shown}");
    assert!(!std::fs::read_to_string(&path).unwrap().contains(&secret));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = FileSigner::open_weak(&path, &passphrase("right")).unwrap_err();
        assert!(error.remedy().contains("chmod 600"), "{}", error.remedy());
    }
}

#[test]
fn derived_secrets_are_stable_and_unrelated() {
    let dir = tempfile::tempdir().unwrap();
    let (path, signer) = made(dir.path());
    let opened = FileSigner::open_weak(&path, &passphrase("right")).unwrap();
    assert_eq!(opened.derive("market"), signer.derive("market"));
    assert_ne!(*opened.derive("market"), *signer.derive("markets"));
    assert_ne!(*opened.derive("market"), signer.secret.to_bytes());
}
