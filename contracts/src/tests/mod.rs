//! Tests that look at the rules together: every refusal, formats, models, adversaries.

mod adversary;
mod codec;
mod consents;
mod determinism;
mod golden;
mod governance;
mod histories;
mod inadmissible;
mod json;
mod misconduct;
mod money;
mod protocols;
mod refusals;
mod samples;
mod sets;
mod sides;
mod texts;
