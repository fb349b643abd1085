//! The help page: the marks, the words, the codes.

use crate::web::{frame::Frame, show::Mark};
use askama::Template;
use contracts::{
    rejection::Rejection,
    vocabulary::{InferenceRule, Stated},
};

/// The help page.
#[derive(Clone, Debug, Template)]
#[template(path = "help.html")]
pub struct HelpPage {
    frame: Frame,
    stated: Mark,
    inferred: Mark,
    missing: Mark,
    rules: Vec<(&'static str, &'static str)>,
    network: String,
    codes: &'static [(u8, &'static str)],
}

impl HelpPage {
    /// The help page of this network.
    pub fn new(frame: Frame) -> Self {
        Self {
            stated: Mark::of(&Stated::said(())),
            inferred: Mark::of(&Stated::by(InferenceRule::MediaType, ())),
            missing: Mark::of(&Stated::<()>::NotStated),
            rules: InferenceRule::ALL.iter().map(|rule| (rule.slug(), rule.label())).collect(),
            network: frame.network.full().to_string(),
            codes: Rejection::CODES,
            frame,
        }
    }
}
