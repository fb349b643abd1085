//! Spans of the way of a block: proposed or judged, executed, voted for, written, cosigned.
//!
//! A block is a trace of its own, in each node that has to do with it; all of them have its height. Numbers are told
//! as `i64`, the one form of whole numbers that traces have.

use crate::block::Header;
use contracts::id::Height;
use tracing::{Span, field::Empty, info_span};

/// The span of the block of `height`. It is nobody's child.
pub fn block(height: Height) -> Span {
    info_span!(
        parent: None,
        "block",
        lonja.height = number(height),
        lonja.block = Empty,
        lonja.round = Empty,
        lonja.transactions = Empty,
    )
}

/// Tells the span of a block what the block turned out to be.
pub fn decided(span: &Span, header: &Header) {
    if span.is_disabled() {
        return;
    }
    span.record("lonja.block", tracing::field::display(header.id()))
        .record("lonja.round", i64::from(header.entry.round))
        .record("lonja.transactions", i64::from(header.entry.transactions));
}

/// The time from a proposal that we made or hold for good until a quorum has decided, within a block's span.
pub fn vote(block: &Span, round: u32) -> Span {
    info_span!(parent: block, "vote", lonja.round = i64::from(round))
}

/// The time from a durable block until the signatures of a quorum are there, within a block's span.
pub fn cosign(block: &Span) -> Span {
    info_span!(parent: block, "cosign")
}

/// A count or size as it stands in a span.
pub fn number(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
