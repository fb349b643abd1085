//! One validator comes back under load: how far it was behind, and how long it takes to be where the others are.

use super::{BenchError, Measured, Mix, Plan, cluster::Cluster, load, setup::World};
use contracts::id::Height;
use serde::Serialize;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// How near it is to the others when it counts as caught up, in heights: what is in flight between two of them.
const NEAR: Height = 2;
/// How long it may take. At a fifth of the speed that was seen, 100,000 heights take as long.
const CAUGHT_UP_MAX: Duration = Duration::from_secs(3_600);

/// How a validator came back.
#[derive(Clone, Debug, Serialize)]
pub struct Back {
    /// Heights that it was behind when it was started.
    pub behind: Height,
    /// Heights that were decided meanwhile.
    pub meanwhile: Height,
    /// Seconds from its start until it was where the others were.
    pub seconds: f64,
    /// Heights that it took up in a second.
    pub heights_per_second: f64,
    /// The load that went on.
    pub load: Measured,
}

/// Starts one of those that are away, while `mix` goes on in posts of `batch`.
pub(super) fn measure(
    (serving, loading): (&Runtime, &Runtime),
    cluster: &mut Cluster,
    world: &World,
    plan: &Plan,
    (mix, batch): (Mix, usize),
) -> Result<Back, BenchError> {
    let begun = Instant::now();
    let joiner = cluster.start_again(serving)?;
    let (first, there) = (joiner.status().height, cluster.nodes[0].handle().status().height);
    let over = AtomicBool::new(false);
    let (sending, node) = (cluster.others(), cluster.nodes[0].handle());
    let (caught_up, load) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let caught_up = loop {
                let (ours, theirs) = (joiner.status().height, node.status().height);
                if ours + NEAR >= theirs {
                    break Some((begun.elapsed(), ours, theirs));
                }
                if begun.elapsed() > CAUGHT_UP_MAX {
                    break None;
                }
                std::thread::sleep(Duration::from_millis(20));
            };
            over.store(true, Ordering::Relaxed);
            caught_up
        });
        let load = load::run_until(
            loading,
            load::To { node: &node, clients: &sending },
            world,
            plan,
            (mix, batch),
            CAUGHT_UP_MAX,
            &over,
        );
        (waiting.join(), load)
    });
    let load = load?;
    let caught_up =
        caught_up.map_err(|_| BenchError::new("wait for a validator", "the thread that waits broke down"))?;
    let (took, ours, theirs) = caught_up.ok_or_else(|| {
        let at = joiner.status();
        BenchError::new(
            "wait for a validator that came back",
            format!("after {} s it is at height {}, {:?}", CAUGHT_UP_MAX.as_secs(), at.height, at.reason),
        )
    })?;
    Ok(Back {
        behind: there - first,
        meanwhile: theirs.saturating_sub(there),
        seconds: took.as_secs_f64(),
        heights_per_second: (ours - first) as f64 / took.as_secs_f64(),
        load,
    })
}
