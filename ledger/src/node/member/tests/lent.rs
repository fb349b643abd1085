//! The audit of a validator that has not all transactions any more, where another lends them.

use super::*;
use crate::{
    api::{client::Client, server},
    receipt::Seal,
    store::Store,
};

/// Seals all heights of `store` by validators `numbers` alone.
fn sealed_by(store: &Store, numbers: [u8; 3]) {
    let tip = store.tip().unwrap().unwrap();
    for height in 1..=tip.height {
        let header = store.reader().header(height).unwrap().unwrap();
        let head = TreeHead { size: header.log_size, root: header.log_root };
        let vote = |number: u8| {
            let keys = testing::validator_keys(number.into());
            Vote::sign(&tip.network, &head, number, header.entry.time_ms / 1_000, &*keys.log, &*keys.cosigner).unwrap()
        };
        let seal = Seal::of(&testing::validators(COUNT), numbers.map(vote).into()).unwrap();
        store.keep_seal(height, borsh::to_vec(&seal).unwrap()).unwrap();
    }
}

/// Certificates and seals are the first quorum that each validator had: those of another are no measure of ours.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_lends_transactions_has_other_certificates_and_seals() {
    let mut four = Four::start();
    let mut newest = 0;
    for number in 1..=6 {
        newest = newest.max(four.commit(u16::from(number) % COUNT, number).await);
    }
    four.all_at(newest).await;
    four.rest();
    (0..COUNT).for_each(|number| four.down(number));
    let open = |number| Store::open(&four.path(number).join("db")).unwrap();
    sealed_by(&open(0), [0, 1, 2]);
    sealed_by(&open(3), [1, 2, 3]);
    open(3).prune_bodies(1, newest - 1).unwrap();

    four.up(0);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(server::serve(listener, four.handle(0), async { drop(stopped.await) }));
    let client = Client::new(&url, four.document.anchor()).unwrap();
    let (folder, document) = (four.path(3), four.document.clone());
    let node = Some(audit::Served { client, runtime: tokio::runtime::Handle::current() });
    let work = move || {
        let (anchor, scratch) = (document.anchor(), tempfile::tempdir().unwrap());
        let elsewhere = audit::Elsewhere { archive: None, node };
        audit::folder_and_ledger(&folder, &document, &anchor, scratch.path(), elsewhere, &|_, _| {}).unwrap().0
    };
    let report = tokio::task::spawn_blocking(work).await.unwrap();
    assert!(report.is_clean() && report.unexecuted.is_none(), "{report:?}");
    assert!(report.height >= newest);
    drop(stop);
    server.await.unwrap().unwrap();
}
