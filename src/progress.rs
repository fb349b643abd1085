//! Progress on stderr for work that takes longer than people like to wait in silence.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A bar over `total` steps, shown on a terminal only. `what` says what is being done.
pub fn bar(what: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    bar.set_style(style.expect("the template is written above"));
    bar.set_message(what);
    bar
}

/// A turning wheel for work of unknown length.
pub fn wheel(what: &'static str) -> ProgressBar {
    let wheel = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    wheel.set_message(what);
    wheel.enable_steady_tick(Duration::from_millis(120));
    wheel
}

/// Work that goes through several stages, of which the one at work is shown. Dropped, it shows nothing any more.
pub struct Stages(Mutex<Stage>);

struct Stage {
    name: &'static str,
    shown: ProgressBar,
}

impl Stages {
    /// Begins with a stage of unknown length.
    pub fn new(name: &'static str) -> Self {
        Self(Mutex::new(Stage { name, shown: wheel(name) }))
    }

    /// The next one, of unknown length.
    pub fn wheel(&self, name: &'static str) {
        self.stage().become_another(name, || wheel(name));
    }

    /// How far a stage of known length is, which begins with this where another is at work.
    pub fn at(&self, name: &'static str, done: u64, of: u64) {
        let mut stage = self.stage();
        stage.become_another(name, || bar(name, of));
        stage.shown.set_position(done);
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stage {
    fn become_another(&mut self, name: &'static str, shown: impl FnOnce() -> ProgressBar) {
        if self.name != name {
            // Before the next is drawn in its place.
            self.shown.finish_and_clear();
            *self = Self { name, shown: shown() };
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shown.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stage_is_shown_after_the_other() {
        let stages = Stages::new("looking");
        let shown = || stages.stage().shown.clone();
        let first = shown();
        assert!(first.message() == "looking" && first.length().is_none());
        stages.at("reading", 1, 3);
        stages.at("reading", 2, 3);
        let second = shown();
        assert_eq!((second.message().as_str(), second.position(), second.length()), ("reading", 2, Some(3)));
        assert!(first.is_finished() && !second.is_finished());
        stages.wheel("comparing");
        let third = shown();
        assert!(second.is_finished() && third.message() == "comparing" && third.length().is_none());
        drop(stages);
        assert!(third.is_finished());
    }
}
