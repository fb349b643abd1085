//! Who is the only validator, and may not know what others have.

use super::*;
use crate::node::NodeError;

#[test]
fn an_only_validator_to_whom_nobody_answers_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    let config = || Config { sources: Sources::Silent, ..testing::config(&folder.path().join("node")) };
    assert!(matches!(Node::start(config()), Err(NodeError::NobodyShows)));
    assert!(!folder.path().join("node").exists(), "nothing is made");
    drop(Node::start(testing::config(&folder.path().join("node"))).unwrap());
    assert!(matches!(Node::start(config()), Err(NodeError::NobodyShows)));
}

/// It was one of several when its folder was kept, is alone since, and nobody answered while it started.
#[tokio::test(flavor = "multi_thread")]
async fn who_finds_that_it_is_alone_by_now_goes_on_with_nothing_that_others_have() {
    for keeps_mark in [true, false] {
        let mut network = Network::of(4, 4);
        network.mint(0).await;
        network.down(0);
        let (folder, before) = (network.path(0), network.folder.path().join("before"));
        testing::copied(&folder, &before);
        network.up(0);
        let ended = network.change(0, &[0, 1, 2, 3], &[0]).await;
        network.until(0, "it is alone", |it| it.era(0) == 1).await;
        let (last, _) = network.mint(0).await;
        network.until(0, "it is followed", |it| it.handle(1).status().height >= last).await;
        network.down(0);
        let mark = std::fs::read(folder.join("highwater")).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        testing::copied(&before, &folder);
        if keeps_mark {
            std::fs::write(folder.join("highwater"), mark).unwrap();
        }
        network.up_by(0, Sources::Silent);
        let says = |it: &Network| it.handle(0).status().reason.is_some_and(|reason| reason.contains("[observe]"));
        network.until(1, "it stops and says what it needs", says).await;
        assert!(network.handle(0).store().reader().header(ended + 1).unwrap().is_none(), "it made a second block");
        network.down(0);
        network.up_with(0, Shown { changes: 1, height: last });
        network.until(1, "it goes on", |it| it.handle(0).seat() == Some(0)).await;
        assert_eq!(block(&network, 0, last), block(&network, 1, last));
        network.audit();
    }
}
