//! A log that a test reads: every event of this thread with the spans around it, at every level and with all that is
//! recorded, whoever writes it.

use parking_lot::Mutex;
use std::{collections::HashMap, fmt::Write as _, sync::Arc};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

/// What was logged.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    spans: HashMap<u64, String>,
    entered: Vec<u64>,
    lines: Vec<(Level, String)>,
}

/// Writes fields one after the other.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {field}={value:?}").expect("text takes text");
    }
}

impl Log {
    /// A log of everything that this thread does as long as the guard lives.
    pub fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.clone());
        (log, guard)
    }

    /// Its lines at `level` and those that are worse, each with the spans around it.
    pub fn lines(&self, level: Level) -> Vec<String> {
        let held = self.0.lock();
        held.lines.iter().filter(|(of, _)| *of <= level).map(|(_, line)| line.clone()).collect()
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut text = Text(span.metadata().name().to_owned());
        span.record(&mut text);
        let mut held = self.0.lock();
        let id = held.spans.len() as u64 + 1;
        held.spans.insert(id, text.0);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut held = self.0.lock();
        if let Some(known) = held.spans.get_mut(&span.into_u64()) {
            let mut text = Text(std::mem::take(known));
            values.record(&mut text);
            *known = text.0;
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(format!("{}", event.metadata().level()));
        let mut held = self.0.lock();
        for span in held.entered.iter().filter_map(|id| held.spans.get(id)) {
            write!(text.0, " [{span}]").expect("text takes text");
        }
        event.record(&mut text);
        held.lines.push((*event.metadata().level(), text.0));
    }

    fn enter(&self, span: &Id) {
        self.0.lock().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let mut held = self.0.lock();
        if let Some(at) = held.entered.iter().rposition(|id| *id == span.into_u64()) {
            held.entered.remove(at);
        }
    }
}
