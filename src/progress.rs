//! Progress on stderr for work that takes longer than people like to wait in silence.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

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
