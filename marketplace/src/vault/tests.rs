use super::*;
use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicU64, Ordering},
};

fn vault(folder: &Path) -> Vault {
    Vault::open(Own::open(folder).unwrap(), &folder.join("subjects"), &MasterKey::new([5; 32])).unwrap()
}

fn fields() -> BTreeMap<String, String> {
    [("name", "holder of this card"), ("jurisdiction", "ES")].map(|(name, value)| (name.into(), value.into())).into()
}

const CONTROLLER: PartyId = PartyId([3; 32]);
const DATASET: DatasetId = DatasetId([4; 32]);

#[test]
fn a_record_opens_for_its_controller_and_its_root_is_the_commitment() {
    let folder = tempfile::tempdir().unwrap();
    let first = vault(folder.path());
    let record = first.keep(&CONTROLLER, &DATASET, "card 4711", fields(), &First::without_key(), 9).unwrap();
    drop(first);
    let vault = vault(folder.path());
    assert_eq!(vault.record(&CONTROLLER, &record.consent).unwrap(), record);
    assert!(matches!(vault.record(&PartyId([9; 32]), &record.consent), Err(VaultError::Unknown)));
    let opened = record.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    assert_eq!(commitment::root(TAG, &record.blinding, opened), record.root);
    let again = vault.keep(&CONTROLLER, &DATASET, "card 4711", fields(), &First::without_key(), 9).unwrap();
    assert_ne!(again.root, record.root, "blinded anew");
    assert_eq!(vault.consents_of(&CONTROLLER, "card 4711").unwrap(), [record.consent, again.consent]);
    vault.discard(&again).unwrap();
    assert_eq!(vault.consents_of(&CONTROLLER, "card 4711").unwrap(), [record.consent]);
}

#[test]
fn after_erasure_nothing_of_the_subject_is_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let gone = vault.keep(&CONTROLLER, &DATASET, "card 4711", fields(), &First::without_key(), 9).unwrap();
    let stays = vault.keep(&CONTROLLER, &DATASET, "card 4712", fields(), &First::without_key(), 9).unwrap();
    let sealed = vault.row(&gone.consent).unwrap().unwrap().sealed;
    let key = vault.row(&gone.consent).unwrap().unwrap().subject_key;
    assert!(matches!(vault.erase(&CONTROLLER, "card 4711", &[], 10), Err(VaultError::Changed)));
    assert_eq!(vault.record(&CONTROLLER, &gone.consent).unwrap(), gone, "nothing is destroyed by halves");
    let erasure = vault.erase(&CONTROLLER, "card 4711", &[gone.consent], 10).unwrap();
    assert_eq!((erasure.records, erasure.keys.len()), (1, 1));
    assert_eq!(vault.erasure(&erasure.id).unwrap(), Some(erasure));
    assert!(matches!(vault.record(&CONTROLLER, &gone.consent), Err(VaultError::Unknown)));
    assert!(matches!(vault.erase(&CONTROLLER, "card 4711", &[gone.consent], 11), Err(VaultError::Unknown)));
    assert_eq!(vault.record(&CONTROLLER, &stays.consent).unwrap(), stays);
    assert!(!folder.path().join("subjects").join(hex::encode(key.0)).exists());
    drop(vault);
    for part in ["own", "subjects"] {
        for entry in std::fs::read_dir(folder.path().join(part)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { continue };
            for secret in [&sealed[..64], b"holder of this", b"card 4711", &gone.blinding] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{}", path.display());
            }
        }
    }
}

#[test]
fn every_flip_in_a_subjects_key_is_noticed_and_bounds_hold() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let record = vault.keep(&CONTROLLER, &DATASET, "card 4711", fields(), &First::without_key(), 9).unwrap();
    let key = vault.row(&record.consent).unwrap().unwrap().subject_key;
    let path = folder.path().join("subjects").join(hex::encode(key.0));
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        std::fs::write(&path, flipped).unwrap();
        assert!(matches!(vault.record(&CONTROLLER, &record.consent), Err(VaultError::Sealed)), "byte {at}");
    }
    for (subject, fields) in [
        ("", fields()),
        ("x", BTreeMap::new()),
        ("x", [("subject".to_string(), "another".to_string())].into()),
        ("x", (0..16).map(|n| (format!("{n}"), String::new())).collect()),
        ("x", [("a".to_string(), "v".repeat(CONSENT_FIELD_BYTES_MAX + 1))].into()),
    ] {
        assert!(matches!(
            vault.keep(&CONTROLLER, &DATASET, subject, fields, &First::without_key(), 9),
            Err(VaultError::Invalid { .. })
        ));
    }
}

#[test]
fn a_veiled_request_is_known_again_until_its_subject_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path());
    let request = Digest([7; 32]);
    let veiled = vault.veil(&CONTROLLER, "card 4711", &request).unwrap();
    assert_eq!(vault.veil(&CONTROLLER, "card 4711", &request).unwrap(), veiled);
    assert_ne!(vault.veil(&CONTROLLER, "card 4711", &Digest([8; 32])).unwrap(), veiled);
    assert_ne!(vault.veil(&CONTROLLER, "card 4712", &request).unwrap(), veiled);
    vault.erase(&CONTROLLER, "card 4711", &[], 10).unwrap();
    assert_ne!(vault.veil(&CONTROLLER, "card 4711", &request).unwrap(), veiled, "under another key");
}

#[test]
fn a_copy_under_consents_and_erasures_has_the_key_of_each_record_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder.path().join("market"));
    let kept = AtomicU64::new(0);
    std::thread::scope(|scope| {
        // Consents come and go for as long as copies are made, and copies are made until there is something to be proven.
        let copying = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while seen.len() < 2 || kept.load(Ordering::Relaxed) < 40 {
                seen.insert(keys_of_a_copy(&vault, &folder.path().join("copy")));
            }
        });
        while !copying.is_finished() {
            // Every third is erased at once; of a subject of the others there are no more than it may have.
            let n = kept.fetch_add(1, Ordering::Relaxed);
            let subject = format!("card {}", if n.is_multiple_of(3) { 0 } else { 3 * (n / 30) + n % 3 });
            let record = vault.keep(&CONTROLLER, &DATASET, &subject, fields(), &First::without_key(), n).unwrap();
            if n.is_multiple_of(3) {
                vault.erase(&CONTROLLER, &subject, &[record.consent], n).unwrap();
            }
        }
    });
}

/// Makes a copy at `to`, holds its keys against its records, and removes it.
fn keys_of_a_copy(vault: &Vault, to: &Path) -> BTreeSet<SubjectKeyId> {
    fs::create_dir(to).unwrap();
    vault.copy(to).unwrap();
    let own = Own::open(to).unwrap();
    let rows = own.scan(RECORDS, &[], &[], usize::MAX).unwrap();
    let wanted: BTreeSet<SubjectKeyId> =
        rows.iter().map(|(_, row)| Row::try_from_slice(row).unwrap().subject_key).collect();
    let copied = fs::read_dir(to.join(SUBJECTS)).unwrap().map(|entry| entry.unwrap().path());
    let copied: BTreeSet<SubjectKeyId> = copied
        .map(|path| {
            assert!(subjects::whole(&fs::read(&path).unwrap()).is_some(), "{path:?}");
            let mut id = SubjectKeyId::default();
            hex::decode_to_slice(path.file_name().unwrap().to_str().unwrap(), &mut id.0).unwrap();
            id
        })
        .collect();
    assert_eq!(copied, wanted);
    drop(own);
    fs::remove_dir_all(to).unwrap();
    copied
}
