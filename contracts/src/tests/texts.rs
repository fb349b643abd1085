//! Every text of every action: one line each, but for the note of a step.

use super::samples::actions;
use crate::{action::Action, jacket::Jacket};
use serde_json::Value;
use std::collections::BTreeSet;

/// Fields whose texts are words of a list, ids, digests, numbers or codes: they have rules of their
/// own and cannot hold a free text at all.
const CLOSED: &[&str] = &[
    "action",
    "kind",
    "jurisdiction",
    "party",
    "roles",
    "reason",
    "key",
    "usage",
    "proof",
    "group",
    "members",
    "side",
    "origin",
    "rule",
    "parties",
    "types",
    "expected_uses",
    "dataset",
    "listing",
    "blake3",
    "sha256",
    "parents",
    "excludes",
    "activity",
    "inputs",
    "purposes",
    "onward",
    "amount",
    "currency",
    "offer",
    "purpose",
    "buyer",
    "signature",
    "justification",
    "agreement",
    "version",
    "consent",
    "notice",
    "record",
    "state",
    "controller",
    "change",
    "base",
    "proposal",
];

/// Puts `text` at the end of free text number `at`, and says which field that is.
fn spoil(value: &mut Value, at: &mut usize, field: &str, text: &str) -> Option<String> {
    match value {
        Value::String(found) if !is_closed(field, found) => {
            if *at == 0 {
                found.push_str(text);
                return Some(field.to_owned());
            }
            *at -= 1;
            None
        }
        Value::Array(items) => items.iter_mut().find_map(|item| spoil(item, at, field, text)),
        Value::Object(object) => {
            // What is stated of a text goes by the name of what it is stated of.
            object.iter_mut().find_map(|(key, value)| spoil(value, at, if key == "value" { field } else { key }, text))
        }
        _ => None,
    }
}

fn is_closed(field: &str, found: &str) -> bool {
    let digest = found.len() >= 32 && found.bytes().all(|byte| byte.is_ascii_hexdigit());
    digest || CLOSED.contains(&field) || vocabulary(field)
}

/// Classifications whose values are words of a list.
fn vocabulary(field: &str) -> bool {
    let texts = ["spatial", "temporal", "refresh"];
    let names = crate::jacket::Classification::default().origins().map(|(name, _)| name);
    (names.contains(&field) && !texts.contains(&field)) || ["collection", "collection_cost", "sharing"].contains(&field)
}

fn free_texts(action: &Action, text: &str) -> Vec<(String, Action)> {
    let json = serde_json::to_value(action).unwrap();
    let mut found = Vec::new();
    loop {
        let (mut spoiled, mut at) = (json.clone(), found.len());
        let Some(field) = spoil(&mut spoiled, &mut at, "", text) else { return found };
        let action = serde_json::from_value(spoiled).unwrap_or_else(|error| panic!("{field}: {error}"));
        found.push((field, action));
    }
}

#[test]
fn no_text_of_any_action_leaves_its_line_or_lies() {
    let mut fields = BTreeSet::new();
    for mut action in actions() {
        // Its bytes are older than the rule that a subscription has no duration.
        if let Action::MakeOffer(offer) = &mut action {
            offer.terms.duration_days = None;
        }
        assert_eq!(action.check(), Ok(()), "the samples are good");
        for text in
            ["\n", "\r", "\u{2028}", "\u{2029}", "\u{0}", "\u{1b}[31m", "\u{202e}", "\u{2066}x", "\u{200b}", "\u{ad}"]
        {
            for (field, spoiled) in free_texts(&action, text) {
                let prose = field == "note" && text == "\n";
                let code = format!("U+{:04X}", u32::from(text.chars().next().unwrap()));
                match spoiled.check() {
                    Ok(()) => assert!(prose, "{} accepts {text:?} in {field}", action.slug()),
                    Err(malformed) => {
                        assert!(!prose && malformed.reason.contains(&code), "{}: {malformed}", action.slug());
                        assert!(malformed.field.ends_with(&field) || field == "media_type", "{field}: {malformed}");
                    }
                }
                fields.insert(format!("{}/{field}", action.slug()));
            }
        }
    }
    let all = [
        "basis.state/controls",
        "basis.state/reference",
        "dataset.add-version/media_type",
        "dataset.publish/catalogue",
        "dataset.publish/formats",
        "dataset.publish/identifier",
        "dataset.publish/issued",
        "dataset.publish/keywords",
        "dataset.publish/landing_page",
        "dataset.publish/languages",
        "dataset.publish/licence",
        "dataset.publish/link",
        "dataset.publish/meaning",
        "dataset.publish/media_type",
        "dataset.publish/modified",
        "dataset.publish/name",
        "dataset.publish/refresh",
        "dataset.publish/source_publisher",
        "dataset.publish/spatial",
        "dataset.publish/temporal",
        "dataset.publish/themes",
        "dataset.publish/title",
        "dataset.publish/unit",
        "dataset.revise/refresh",
        "dataset.revise/spatial",
        "dataset.revise/temporal",
        "dataset.revise/title",
        "governance.propose/name",
        "group.set/name",
        "offer.make/attribution",
        "party.apply/name",
        "provenance.record-step/job",
        "provenance.record-step/note",
        "provenance.record-step/tool",
    ];
    assert_eq!(fields, BTreeSet::from(all.map(str::to_owned)), "every free text of every action, and no other");
}

#[test]
fn a_note_may_have_several_lines() {
    let Some(Action::RecordStep(step)) = actions().into_iter().find(|action| action.slug() == "provenance.record-step")
    else {
        panic!("there is a sample of each action");
    };
    let note = "joined by day\ntide residual from a harmonic fit".to_owned();
    assert_eq!(Action::RecordStep(crate::provenance::RecordStep { note, ..step }).check(), Ok(()));
}

#[test]
fn a_jacket_says_which_of_its_texts_is_wrong_and_why() {
    let mut jacket: Jacket = crate::testing::jacket(crate::testing::open());
    jacket.title = "Rain\u{202e}llaf".into();
    let said = jacket.check().unwrap_err().to_string();
    assert_eq!(
        said,
        "title: character 5 is U+202E, a character that changes the order in which text is read: leave it out"
    );
}
