use super::*;
use crate::limits::ENTRIES_PER_PARTY_MAX;
use contracts::key::{Domain, TestSigner};

const NOW: u64 = 1_800_000_000_000;

fn keys(folder: &std::path::Path, seed: u8) -> Result<Keys, KeysError> {
    Keys::open(Own::open(folder).unwrap(), NetworkId([1; 32]), &MasterKey::new([seed; 32]))
}

#[test]
fn a_managed_key_signs_after_a_restart_and_only_under_its_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let first = keys(folder.path(), 1).unwrap();
    let made = first.create(&First::without_key(), NOW).unwrap();
    assert_eq!(made.party, PartyId::of_first_key(&made.signer.public()));
    drop(first);
    let again = keys(folder.path(), 1).unwrap();
    let identity = again.identity(&made.party).unwrap();
    let signature = identity.signer.sign(b"hello").unwrap();
    made.signer.public().verify_raw(b"hello", &signature).unwrap();
    assert!(matches!(again.pricing(&made.party), Err(KeysError::NotManaged { .. })));
    drop(again);
    assert!(matches!(keys(folder.path(), 2), Err(KeysError::Sealed)));
}

#[test]
fn a_link_is_used_once_and_not_after_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path(), 1).unwrap();
    let party = keys.create(&First::without_key(), NOW).unwrap().party;
    let link = keys.issue_link(&party, &First::without_key(), NOW).unwrap();
    assert!(keys.redeem_link(&link.token, &First::without_key(), link.expires_ms).is_err(), "expired");
    let (cookie, session) = keys.redeem_link(&link.token, &First::without_key(), NOW + 1).unwrap();
    assert!(keys.redeem_link(&link.token, &First::without_key(), NOW + 2).is_err(), "spent");
    assert_eq!(keys.session(&cookie, NOW + 3).unwrap(), session);
    assert_eq!(session.party, party);
    assert!(Keys::csrf_matches(&session, &session.csrf) && !Keys::csrf_matches(&session, "x"));
    assert!(keys.session(&cookie, session.expires_ms).is_err(), "over");
    assert!(keys.session(&link.token, NOW).is_err(), "a link is no cookie");
    keys.sign_out(&cookie).unwrap();
    assert!(keys.session(&cookie, NOW + 4).is_err());
    assert!(matches!(
        keys.issue_link(&PartyId([9; 32]), &First::without_key(), NOW),
        Err(KeysError::NotManaged { .. })
    ));
    for wrong in ["", "short", &"A".repeat(43), &"ä".repeat(30)] {
        assert!(
            keys.redeem_link(wrong, &First::without_key(), NOW).is_err() && keys.session(wrong, NOW).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn a_link_that_finds_no_room_for_a_session_is_not_spent() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path(), 1).unwrap();
    let party = keys.create(&First::without_key(), NOW).unwrap().party;
    let link = || keys.issue_link(&party, &First::without_key(), NOW).unwrap().token;
    let redeem = |token: &str| keys.redeem_link(token, &First::without_key(), NOW);
    let cookies: Vec<_> = (0..ENTRIES_PER_PARTY_MAX).map(|_| redeem(&link()).unwrap().0).collect();
    let one_more = link();
    assert!(matches!(redeem(&one_more), Err(KeysError::TooMany { what: "sessions", .. })));
    keys.sign_out(&cookies[0]).unwrap();
    let (cookie, session) = redeem(&one_more).unwrap();
    assert_eq!(keys.session(&cookie, NOW).unwrap(), session);
    assert!(redeem(&one_more).is_err(), "spent");
}

#[test]
fn a_pricing_key_is_used_once_it_is_registered() {
    let folder = tempfile::tempdir().unwrap();
    let opened = keys(folder.path(), 1).unwrap();
    let party = opened.create(&First::without_key(), NOW).unwrap().party;
    let first = opened.create_pricing(&party).unwrap().public();
    assert!(matches!(opened.pricing(&party), Err(KeysError::NotManaged { .. })), "the ledger does not have it");
    opened.adopt_pricing(&party, |key| *key == first).unwrap();
    assert_eq!(opened.pricing(&party).unwrap().public(), first);
    let second = opened.create_pricing(&party).unwrap().public();
    opened.adopt_pricing(&party, |key| *key == first).unwrap();
    assert_eq!(opened.pricing(&party).unwrap().public(), first, "quotes stay valid while the second is on its way");
    drop(opened);
    let again = keys(folder.path(), 1).unwrap();
    again.adopt_pricing(&party, |key| *key == second).unwrap();
    assert_eq!(again.pricing(&party).unwrap().public(), second);
    again.adopt_pricing(&party, |_| panic!("nothing waits any more")).unwrap();
}

#[test]
fn no_secret_lies_open_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path(), 1).unwrap();
    let party = keys.create(&First::without_key(), NOW).unwrap().party;
    let link = keys.issue_link(&party, &First::without_key(), NOW).unwrap();
    let secret = data_encoding::BASE64URL_NOPAD.decode(link.token.as_bytes()).unwrap();
    drop(keys);
    for entry in std::fs::read_dir(folder.path().join("own")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { continue };
        assert!(!bytes.windows(32).any(|window| window == secret), "{}", path.display());
        assert!(!bytes.windows(43).any(|window| window == link.token.as_bytes()), "{}", path.display());
    }
}

#[test]
fn credentials_can_be_withdrawn_and_every_flip_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path(), 1).unwrap();
    let party = PartyId([7; 32]);
    let (token, row) = keys.issue_credential(&party, "laptop", 30, &First::without_key(), NOW).unwrap();
    assert!(token.starts_with("v4.public."));
    assert_eq!(keys.bearer(&token, NOW).unwrap(), party);
    assert!(keys.bearer(&token, row.expires_ms).is_err(), "expired");
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(bytes).unwrap();
        assert!(keys.bearer(&flipped, NOW).is_err(), "byte {at}");
    }
    assert!(keys.bearer(&keys.attest(&serde_json::json!({"sub": party})).unwrap(), NOW).is_err(), "another purpose");
    keys.withdraw_credential(&party, &row.id).unwrap();
    assert!(keys.bearer(&token, NOW).is_err(), "withdrawn");
    for days in [0, 91] {
        assert!(keys.issue_credential(&party, "x", days, &First::without_key(), NOW).is_err());
    }
}

#[test]
fn a_proof_is_for_one_key_time_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(folder.path(), 1).unwrap();
    let signer = TestSigner::of(4);
    let (party, key, url) = (PartyId::of_first_key(&signer.public()), signer.public(), "http://127.0.0.1:7200");
    let message = Keys::proof_message(&party, &key, NOW, url);
    let signature = signer.sign(&Domain::Transaction.message(&NetworkId([1; 32]), &message)).unwrap();
    let proof = KeyProof { party, key, at_ms: NOW, signature };
    keys.check_proof(&proof, url, NOW + 60_000).unwrap();
    assert!(keys.check_proof(&proof, url, NOW + 121_000).is_err());
    assert!(keys.check_proof(&proof, "http://elsewhere", NOW).is_err());
    assert!(keys.check_proof(&KeyProof { party: PartyId([1; 32]), ..proof.clone() }, url, NOW).is_err());
    assert!(keys.check_proof(&KeyProof { key: TestSigner::of(5).public(), ..proof }, url, NOW).is_err());
}
