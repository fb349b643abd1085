//! CPU time by name of thread, from `/proc` (Linux): a profile of who does the work.

use std::{collections::BTreeMap, fs};

/// Clock ticks in a second; the kernel's interface to user space has had 100 for decades.
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds of CPU that the threads of each name have used so far.
pub(super) fn by_thread() -> BTreeMap<String, f64> {
    let mut seconds: BTreeMap<String, f64> = BTreeMap::new();
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return seconds };
    for task in tasks.flatten() {
        let Ok(stat) = fs::read_to_string(task.path().join("stat")) else { continue };
        if let Some((name, used)) = parse(&stat) {
            *seconds.entry(name).or_default() += used;
        }
    }
    seconds
}

/// What was used between two readings.
pub(super) fn between(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    let used = |(name, seconds): (&String, &f64)| (name.clone(), seconds - before.get(name).unwrap_or(&0.0));
    after.iter().map(used).filter(|(_, seconds)| *seconds > 0.0).collect()
}

fn parse(stat: &str) -> Option<(String, f64)> {
    let (open, close) = (stat.find('(')?, stat.rfind(')')?);
    let fields: Vec<&str> = stat[close + 2..].split(' ').collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    let name = stat[open + 1..close].trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_string();
    Some((name, (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let line = "7 (rayon (x)-3) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(parse(line), Some(("rayon (x)".into(), 2.0)));
        assert_eq!(parse("nonsense"), None);
    }
}
