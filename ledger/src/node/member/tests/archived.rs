//! A validator that was away for longer than the others have transactions at hand.

use super::*;
use crate::api::{client::Client, observe::observe, server};
use tokio_util::sync::CancellationToken;

/// It says what it misses and what to do, and doing that helps: with a node that serves those blocks it catches up, and
/// takes part.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_at_hand_is_told_and_comes_from_a_node_that_serves_it() {
    let mut four = Four::start();
    let first = four.commit(0, 1).await;
    four.all_at(first).await;
    four.down(3);
    let mut newest = first;
    for number in 2..=9 {
        newest = four.commit(u16::from(number) % 3, number).await;
    }
    four.all_at(newest).await;
    four.rest();
    // A regulator has all, and observes.
    four.down(0);
    let regulator = four.folder.path().join("regulator");
    testing::copied(&four.path(0), &regulator);
    four.up(0);
    let gone = newest - 2;
    (0..3).for_each(|number| four.handle(number).store().prune_bodies(1, gone).unwrap());

    four.up(3);
    let handle = four.handle(3);
    let told =
        format!("it misses blocks {} to {gone}, and all validators that are ahead of it (number 0, 1, 2)", first + 1);
    let begun = Instant::now();
    let status = loop {
        let status = handle.status();
        if status.reason.as_ref().is_some_and(|reason| reason.starts_with(&told)) {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{told}: {status:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(!status.healthy && status.height == first, "{status:?}");
    let reason = status.reason.unwrap();
    assert!(reason.contains("[observe]") && reason.contains("snapshot"), "{reason}");
    assert_eq!(*four.faults.lock(), [], "it is no fault to say so");

    let config = Config {
        folder: regulator,
        document: four.document.clone(),
        keys: Arc::new(Vec::new()),
        sources: Sources::Show(Default::default()),
        confirm_time: false,
        retention: None,
    };
    let serving = Node::start(config).unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(server::serve(listener, serving.handle(), async { drop(stopped.await) }));
    let source = Client::new(&url, four.document.anchor()).unwrap();
    let stop_observing = CancellationToken::new();
    let observing = tokio::spawn(observe(handle.clone(), vec![source], stop_observing.clone()));
    four.all_at(newest).await;
    let last = four.commit(3, 10).await;
    four.all_at(last).await;
    let begun = Instant::now();
    while !handle.status().healthy {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", handle.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // It is one of a quorum again.
    four.down(0);
    four.commit(3, 11).await;
    assert_eq!(*four.faults.lock(), []);
    stop_observing.cancel();
    observing.await.unwrap();
    drop((stop, handle));
    server.await.unwrap().unwrap();
    tokio::task::spawn_blocking(move || serving.stop()).await.unwrap();
}
