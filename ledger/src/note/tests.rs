use super::{checkpoint, export::TlogProof, *};
use crate::{log::proof::TreeHead, receipt::tests::World};
use contracts::{
    id::NetworkId,
    key::{Signer, TestSigner},
};

/// The reference note of Go's `sumdb/note`, from which the format comes.
const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
/// The example of C2SP tlog-cosignature.
const COSIGNED: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

#[test]
fn the_reference_note_verifies_and_no_flipped_bit_of_it_does() {
    let key: VerifierKey = GO_KEY.parse().unwrap();
    let verdict = |bytes: &[u8]| Note::parse(bytes).and_then(|note| note.verify(std::slice::from_ref(&key)));
    assert_eq!(verdict(GO_NOTE.as_bytes()), Ok(vec![Signed { key: 0, time: None }]));
    assert_eq!(Note::parse(GO_NOTE.as_bytes()).unwrap().to_string(), GO_NOTE);
    for bit in 0..8 * GO_NOTE.len() {
        let mut wrong = GO_NOTE.as_bytes().to_vec();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(verdict(&wrong).is_err(), "bit {bit}");
    }
}

#[test]
fn verifier_keys_of_others_are_read_and_written_alike() {
    for text in [
        GO_KEY,
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    ] {
        assert_eq!(text.parse::<VerifierKey>().unwrap().to_string(), text);
    }
    for bad in [
        "",
        "a",
        "a+00000000+",
        &GO_KEY.replace("c74f20a3", "c74f20a4"),
        &GO_KEY.replace("ARpc", "AhpC"),
        &format!("{GO_KEY}!"),
    ] {
        assert!(bad.parse::<VerifierKey>().is_err(), "{bad}");
    }
}

#[test]
fn the_specifications_cosigned_checkpoint_is_read() {
    let note = Note::parse(COSIGNED.as_bytes()).unwrap();
    let (origin, head) = checkpoint::parse(note.text()).unwrap();
    assert_eq!((origin.as_str(), head.size), ("example.com/behind-the-sofa", 20_852_163));
    let witness = &note.signatures()[1];
    assert_eq!((witness.name.as_str(), witness.bytes.len()), ("witness.example.com/w1", 72));
    assert_eq!(u64::from_be_bytes(witness.bytes[..8].try_into().unwrap()), 1_679_315_147);
    assert_eq!(
        note.verify(&[GO_KEY.parse().unwrap()]),
        Err(NoteError::Nobody),
        "unknown keys are ignored, and do not count"
    );
}

#[test]
fn what_is_no_note_is_refused() {
    let sig = "— a eHh4eHg=\n";
    assert!(Note::parse(format!("text\n\n{sig}").as_bytes()).is_ok());
    assert!(Note::parse(format!("te\n\nxt\n\n{sig}").as_bytes()).is_ok(), "text may hold blank lines");
    for bad in [
        "",
        "text\n",
        "text\n\n",
        "text\n\n\n",
        "text\n— a eHh4eHg=\n",
        "text\n\n— a eHh4eHg=",
        "text\n\n- a eHh4eHg=\n",
        "text\n\n— a+b eHh4eHg=\n",
        "text\n\n—  eHh4eHg=\n",
        "text\n\n— a eHh4eA==\n",
        "text\n\n— a eHh4eHg\n",
        "text\n\n— a  eHh4eHg=\n",
        "te\txt\n\n— a eHh4eHg=\n",
        "text\r\n\n— a eHh4eHg=\n",
    ] {
        assert!(Note::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    assert!(Note::parse(b"te\xfft\n\n\xe2\x80\x94 a eHh4eHg=\n").is_err(), "not UTF-8");
    assert_eq!(Note::parse(format!("text\n\n{}", sig.repeat(SIGNATURES_MAX + 1)).as_bytes()), Err(NoteError::TooLarge));
    assert_eq!(Note::parse(&vec![b'x'; NOTE_BYTES_MAX + 1]), Err(NoteError::TooLarge));
}

#[test]
fn checkpoints_have_one_spelling() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    assert!(checkpoint::parse(&format!("o\n0\n{root}\n")).is_ok());
    for bad in [
        format!("o\n00\n{root}\n"),
        format!("o\n+1\n{root}\n"),
        format!("o\n1\n{root}\nmore\n"),
        format!("\n1\n{root}\n"),
        format!("o\n1\n{root}"),
        format!("o\n1\n{}\n", &root[..40]),
        "o\n1\n".into(),
        format!("o\n-1\n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
    ] {
        assert!(checkpoint::parse(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_checkpoint_of_ours_in_gold() {
    let head = TreeHead { size: 7, root: Digest([0xab; 32]) };
    let network = NetworkId([1; 32]);
    let body = checkpoint::body(&network, &head);
    assert_eq!(body, format!("lonja.{}\n7\nq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n", "01".repeat(32)));
    assert_eq!(checkpoint::parse(&body), Ok((checkpoint::origin(&network), head)));
    let signer = TestSigner::of(9);
    let key = VerifierKey::new("w", KeyKind::Cosignature, signer.public()).unwrap();
    let time = 1_700_000_000u64;
    let signature = signer.sign(&checkpoint::cosigned_message(time, &body)).unwrap();
    let line = key.line(&[&time.to_be_bytes(), signature.0.as_slice()].concat());
    let note = Note::new(body, vec![line]).unwrap();
    assert_eq!(note.verify(std::slice::from_ref(&key)), Ok(vec![Signed { key: 0, time: Some(time) }]));
    assert_eq!(
        Digest::of(&[note.to_string().as_bytes()]).to_string(),
        "d802abf2522ddac78804a39e00a35faab5112347db2e220f13d7d2af1a5ae232"
    );
}

#[test]
fn a_receipt_goes_out_as_a_tlog_proof() {
    let world = World::new(4, 9);
    let receipt = world.receipt(2);
    let proof = receipt.tlog_proof(&world.trust).unwrap();
    let text = proof.to_string();
    assert_eq!(TlogProof::parse(&text), Ok(proof.clone()));
    let keys: Vec<VerifierKey> = world
        .set
        .validators
        .iter()
        .flat_map(|validator| {
            [
                checkpoint::log_key(&world.network, validator).unwrap(),
                checkpoint::cosigner_key(&world.network, validator).unwrap(),
            ]
        })
        .collect();
    assert_eq!(proof.checkpoint.verify(&keys).unwrap().len(), 4, "the log and a quorum of three");
    let (origin, head) = checkpoint::parse(proof.checkpoint.text()).unwrap();
    assert_eq!(origin, checkpoint::origin(&world.network));
    assert_eq!(
        crate::log::proof::verify_inclusion(
            &receipt.statement.entry.leaf(),
            proof.index,
            head.size,
            &proof.path,
            &head.root
        ),
        Ok(())
    );
    let with_extra = text.replacen("index", "extra aGVsbG8=\nindex", 1);
    assert_eq!(TlogProof::parse(&with_extra), Ok(proof));
    for bad in [
        text.replacen("index 2", "index 02", 1),
        text.replacen("@v1", "@v2", 1),
        text.replacen("\n\n", "\n", 1),
        String::new(),
    ] {
        assert!(TlogProof::parse(&bad).is_err());
    }
}

/// Found by fuzzing: padding in the middle, which the decoder takes for the end of a first part.
#[test]
fn a_hash_or_signature_has_one_spelling() {
    assert_eq!(unbase64("AAECAw=="), Some(vec![0, 1, 2, 3]));
    for other in ["AA==AQID", "AAE=AgM=", "AAECAw==AA==", "AAECAw", "AAECAx==", "AAECAw==\n", " AAECAw=="] {
        assert_eq!(unbase64(other), None, "{other:?}");
    }
    let root = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let line = |signature: &str| format!("origin\n9\n{root}\n\n— origin {signature}\n");
    let whole = line(&BASE64.encode(&[7; 68]));
    assert!(Note::parse(whole.as_bytes()).is_ok());
    let split = line(&format!("{}{}", BASE64.encode(&[7; 20]), BASE64.encode(&[7; 48])));
    assert!(Note::parse(split.as_bytes()).is_err(), "{split}");
    assert!(checkpoint::parse(&format!("origin\n9\n{root}\n")).is_ok());
    let split = format!("{}{}", BASE64.encode(&[0; 16]), BASE64.encode(&[0; 16]));
    assert!(checkpoint::parse(&format!("origin\n9\n{split}\n")).is_err());
}
