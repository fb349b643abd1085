//! Reading policies, and what they say of checkpoints.

use super::*;
use crate::limits::{POLICY_BYTES_MAX, POLICY_OF_A_KIND_MAX};
use crate::note::NoteError;
use policy::{PolicyError, Unmet, Wrong};

const LOG: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const WITNESS: &str = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";

#[test]
fn a_policy_in_gold() {
    let text = format!(
        "# Whom we trust\n\n  log\t{LOG}  https://log.example/ \nwitness remora {WITNESS} https://remora.n621.de\n\
         \t# Groups\ngroup all any remora\nquorum all\n"
    );
    let policy = Policy::parse(text.as_bytes()).unwrap();
    let (log, witness) = (&policy.logs()[0], &policy.witnesses()[0]);
    assert_eq!((log.key.to_string().as_str(), log.url.as_deref()), (LOG, Some("https://log.example/")));
    assert_eq!((witness.key.to_string().as_str(), witness.name.as_bytes()), (WITNESS, &b"remora"[..]));
    assert_eq!(witness.url.as_deref(), Some("https://remora.n621.de"));
    // Any bytes from 0x80 on may stand in names, addresses and comments.
    let opaque = [&b"# \xff\nwitness \xe2\x84\xaa "[..], WITNESS.as_bytes(), b" \xfe\nquorum \xe2\x84\xaa\n"].concat();
    assert_eq!(Policy::parse(&opaque).unwrap().witnesses()[0].name.as_bytes(), "\u{212a}".as_bytes());
}

#[test]
fn what_is_no_policy_is_refused_by_line_and_reason() {
    let other = cosigner("other", 61);
    let renamed = cosigner("remora.n621.de/2", 61);
    let by = |name: &str| format!("witness {name} {WITNESS}\n");
    let two = format!("{}witness b {other}\n", by("a"));
    let threshold = |asked: &str, members| Wrong::Threshold { asked: asked.into(), members };
    for (text, line, wrong) in [
        ("quorum none".into(), 1, Wrong::Unended),
        ("quorum none\r\n".into(), 1, Wrong::Control(b'\r')),
        ("#\x7f\nquorum none\n".into(), 1, Wrong::Control(0x7f)),
        ("\nquorum\u{a0}none\n".into(), 2, Wrong::Keyword("quorum\u{a0}none".into())),
        ("Quorum none\n".into(), 1, Wrong::Keyword("Quorum".into())),
        ("quorum\n".into(), 1, Wrong::Form("quorum <name|none>")),
        ("quorum none # all\n".into(), 1, Wrong::Form("quorum <name|none>")),
        ("quorum none\nquorum none\n".into(), 2, Wrong::QuorumTwice),
        (format!("quorum a\n{}", by("a")), 1, Wrong::Undefined("a".into())),
        ("log\n".into(), 1, Wrong::Form("log <vkey> [<url>]")),
        (format!("log {LOG} a b\n"), 1, Wrong::Form("log <vkey> [<url>]")),
        ("log key\n".into(), 1, Wrong::Key(NoteError::VerifierKey("key".into()))),
        (format!("log {WITNESS}\n"), 1, Wrong::LogKind(WITNESS.parse().unwrap())),
        (format!("log {LOG}\nlog {LOG} elsewhere\n"), 2, Wrong::KeyTwice),
        (format!("witness {WITNESS}\n"), 1, Wrong::Form("witness <name> <vkey> [<url>]")),
        (format!("witness a {LOG}\n"), 1, Wrong::WitnessKind(LOG.parse().unwrap())),
        (by("none"), 1, Wrong::NameTaken("none".into())),
        (format!("{}{}", by("a"), by("b")), 2, Wrong::KeyTwice),
        (format!("{two}witness c {renamed}\n"), 3, Wrong::KeyTwice),
        (format!("{}witness a {other}\n", by("a")), 2, Wrong::NameTaken("a".into())),
        ("group g all\n".into(), 1, Wrong::Form("group <name> <k|any|all> <name>...")),
        ("group g all g\n".into(), 1, Wrong::Undefined("g".into())),
        (format!("{}group g all h\ngroup h all a\n", by("a")), 2, Wrong::Undefined("h".into())),
        (format!("{}group a all a\n", by("a")), 2, Wrong::NameTaken("a".into())),
        (format!("{}group none all a\n", by("a")), 2, Wrong::NameTaken("none".into())),
        (format!("{}group g any none\n", by("a")), 2, Wrong::Undefined("none".into())),
        (format!("{two}group g any a b a\n"), 3, Wrong::MemberTwice("a".into())),
        (format!("{two}group g any a\ngroup h all b g a\n"), 4, Wrong::MemberTwice("a".into())),
        (format!("{two}group g 0 a b\n"), 3, threshold("0", 2)),
        (format!("{two}group g 3 a b\n"), 3, threshold("3", 2)),
        (format!("{two}group g 01 a b\n"), 3, threshold("01", 2)),
        (format!("{two}group g +1 a b\n"), 3, threshold("+1", 2)),
        (format!("{two}group g some a b\n"), 3, threshold("some", 2)),
    ] {
        assert_eq!(Policy::parse(text.as_bytes()), Err(PolicyError::Line { line, wrong }), "{text}");
    }
    assert_eq!(Policy::parse(b""), Err(PolicyError::NoQuorum));
    assert_eq!(Policy::parse(by("a").as_bytes()), Err(PolicyError::NoQuorum));
    assert_eq!(Policy::parse(&vec![b'\n'; POLICY_BYTES_MAX + 1]), Err(PolicyError::TooLarge));
    let logs = |count: usize| {
        let key = |number| VerifierKey::new("o", KeyKind::Ed25519, TestSigner::of(number).public()).unwrap();
        (0..count as u16).map(|number| format!("log {}\n", key(number))).collect::<String>() + "quorum none\n"
    };
    assert!(Policy::parse(logs(POLICY_OF_A_KIND_MAX).as_bytes()).is_ok());
    let line = POLICY_OF_A_KIND_MAX + 1;
    let many = Policy::parse(logs(line).as_bytes());
    assert_eq!(many, Err(PolicyError::Line { line, wrong: Wrong::TooMany }));
    let said = PolicyError::Line { line: 3, wrong: threshold("0", 2) };
    assert_eq!(said.to_string(), "line 3: a group of 2 asks for `all`, `any`, or a number from 1 to 2, not `0`");
}

/// Six witnesses, in the order in which bits of a subset name them.
const SIX: [&str; 6] = ["X1", "X2", "X3", "Y1", "Y2", "Y3"];

fn six() -> Vec<(VerifierKey, u16)> {
    (60u16..).zip(SIX).map(|(seed, name)| (cosigner(&format!("w.example/{name}"), seed), seed)).collect()
}

fn policy(log: &Log, rest: &str) -> Policy {
    let witness = |(name, (key, _)): (&str, (VerifierKey, u16))| format!("witness {name} {key}\n");
    let witnesses: String = SIX.into_iter().zip(six()).map(witness).collect();
    Policy::parse(format!("log {}\n{witnesses}{rest}", log.key).as_bytes()).unwrap()
}

/// The checkpoint of size 5, cosigned by the witnesses whose bits are set.
fn cosigned(log: &Log, subset: u32) -> Note {
    let note = log.checkpoint(5);
    let lines = six().into_iter().enumerate().filter(|(bit, _)| subset >> bit & 1 == 1);
    let lines = lines.map(|(_, (key, seed))| cosign(&key, seed, note.text()));
    Note::new(note.text(), note.signatures().iter().cloned().chain(lines).collect()).unwrap()
}

/// The example of C2SP tlog-policy, and smaller ones, for all subsets of witnesses.
#[test]
fn a_quorum_is_met_by_the_subsets_that_its_groups_say() {
    let log = Log::new(5);
    let check = |rest: &str, model: fn(u32) -> bool| {
        let policy = policy(&log, rest);
        for subset in 0..64 {
            let note = cosigned(&log, subset);
            let witnessed = policy.witnessed(&note).unwrap();
            let by: Vec<_> = witnessed.by.iter().map(|(name, time)| (name.to_string(), *time)).collect();
            let named = SIX.into_iter().enumerate().filter(|(bit, _)| subset >> bit & 1 == 1);
            assert_eq!(by, named.map(|(_, name)| (name.to_owned(), NOW)).collect::<Vec<_>>());
            assert_eq!(witnessed.is_quorum, model(subset), "{rest} of {by:?}");
            match policy.check(&note) {
                Ok(checked) => assert!(checked == witnessed && witnessed.is_quorum),
                Err(error) => assert!(matches!(error, Unmet::Quorum { .. }) && !witnessed.is_quorum, "{error}"),
            }
        }
    };
    let example = "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n\
                   group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n";
    check(example, |s| (s & 7).count_ones() >= 2 && s >> 3 != 0);
    check("quorum none\n", |_| true);
    check("quorum Y1\n", |s| s >> 3 & 1 == 1);
    check("group all all X1 X2 X3 Y1 Y2 Y3\nquorum all\n", |s| s == 63);
    check("group any any X1 Y3\nquorum any\n", |s| s & 0b100_001 != 0);
    check("group a all X1 X2\ngroup b 2 a Y1 Y2\ngroup unused any X3 b\nquorum b\n", |s| {
        u32::from(s & 3 == 3) + (s >> 3 & 3).count_ones() >= 2
    });
}

#[test]
fn a_policy_asks_for_its_log_and_for_true_signatures() {
    let log = Log::new(5);
    let policy = policy(&log, "quorum X1\n");
    assert!(policy.check(&cosigned(&log, 1)).is_ok());
    let failed = policy.check(&cosigned(&log, 2)).unwrap_err();
    assert_eq!(failed.to_string(), "the quorum X1 is not met: only X2 cosigned");

    // The same witnesses, over what another key signed, or under another origin.
    let other = Log {
        signer: TestSigner::of(41),
        key: VerifierKey::new(ORIGIN, KeyKind::Ed25519, TestSigner::of(41).public()).unwrap(),
        ..Log::new(5)
    };
    assert_eq!(policy.check(&cosigned(&other, 63)), Err(Unmet::Log(ORIGIN.into())));
    let elsewhere = body("example.com/other", &log.head(5));
    let lines = vec![log.sign(&elsewhere).signatures()[0].clone(), cosign(&six()[0].0, 60, &elsewhere)];
    assert_eq!(policy.check(&Note::new(elsewhere, lines).unwrap()), Err(Unmet::Log("example.com/other".into())));
    assert!(matches!(policy.check(&log.sign("no checkpoint\n")), Err(Unmet::Note(NoteError::Form(_)))));
    let none = Policy::parse(b"quorum none\n").unwrap();
    assert_eq!(none.check(&cosigned(&log, 63)), Err(Unmet::Log(ORIGIN.into())), "an empty list of logs knows none");
    assert!(none.witnessed(&cosigned(&log, 0)).unwrap().is_quorum);

    // Several logs of one name: any of them is enough.
    let both = Policy::parse(format!("log {}\nlog {}\nquorum none\n", log.key, other.key).as_bytes()).unwrap();
    assert!(both.check(&cosigned(&log, 0)).is_ok() && both.check(&cosigned(&other, 0)).is_ok());

    // A known key's wrong signature spoils the note, and so does one that stands there twice.
    let note = cosigned(&log, 1);
    let mut lines = note.signatures().to_vec();
    lines[1].bytes[7] ^= 1;
    assert!(matches!(
        policy.check(&Note::new(note.text(), lines.clone()).unwrap()),
        Err(Unmet::Note(NoteError::Signature(_)))
    ));
    lines[1] = note.signatures()[1].clone();
    lines.push(lines[1].clone());
    assert!(matches!(policy.check(&Note::new(note.text(), lines).unwrap()), Err(Unmet::Note(NoteError::Signature(_)))));
}
