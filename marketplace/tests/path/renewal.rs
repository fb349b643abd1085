//! A certificate that is renewed while the market runs: whoever connects afterwards is shown the new one.

use super::support::{PATIENCE, World, http};
use ledger::{
    api::tls::Tls,
    testing::{log::Log, tls::Pair},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;
use tracing::Level;

const SOON: Duration = Duration::from_millis(20);

/// The certificate that is shown to somebody who comes now, and what is answered at `path`.
async fn shown(url: &str, path: &str) -> (Vec<u8>, String) {
    let client = http().tls_danger_accept_invalid_certs(true).tls_info(true);
    let answer = client.build().unwrap().get(format!("{url}{path}")).send().await.unwrap();
    let info = answer.extensions().get::<reqwest::tls::TlsInfo>().unwrap();
    let certificate = info.peer_certificate().unwrap().to_vec();
    (certificate, answer.text().await.unwrap())
}

fn put(folder: &Path, pair: &Pair) {
    for (name, text) in [("key", &pair.key), ("cert", &pair.cert)] {
        replace(folder, name, text);
    }
}

/// At once, for the market looks all the time: a file that is being written is empty at first.
fn replace(folder: &Path, name: &str, text: &str) {
    let aside = folder.join("aside");
    std::fs::write(&aside, text).unwrap();
    std::fs::rename(aside, folder.join(name)).unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_and_one_that_cannot_be_used_is_not() {
    let world = World::start().await;
    let folder = world.folder.path().to_path_buf();
    let (first, second) = (Pair::of(1, "20991231235959Z"), Pair::of(2, "20890101000000Z"));
    put(&folder, &first);
    let files = Tls { look_every: SOON, ..Tls::new(folder.join("cert"), folder.join("key")) };
    let (log, _guard) = Log::begin();
    let config = marketplace::Config { tls: Some(files), dir: folder.join("of-tls"), ..world.config() };
    let stop = CancellationToken::new();
    let running = marketplace::start(config, stop.clone()).await.unwrap();
    let url = &running.url;
    assert!(url.starts_with("https://"));
    let (certificate, metrics) = shown(url, "/metrics").await;
    assert!(certificate == first.der && metrics.contains("lonja_market_tls_until_seconds 4102444799\n"), "{metrics}");

    put(&folder, &second);
    let begun = Instant::now();
    while shown(url, "/health").await.0 != second.der {
        assert!(begun.elapsed() < PATIENCE, "{:?}", log.lines(Level::WARN));
        tokio::time::sleep(SOON).await;
    }
    let (_, metrics) = shown(url, "/metrics").await;
    assert!(metrics.contains("lonja_market_tls_until_seconds 3755376000\n"), "{metrics}");

    replace(&folder, "cert", "rubbish");
    let begun = Instant::now();
    let said = || log.lines(Level::WARN).iter().filter(|line| line.contains("holds no certificate")).count();
    while said() == 0 {
        assert!(begun.elapsed() < PATIENCE, "{:?}", log.lines(Level::WARN));
        tokio::time::sleep(SOON).await;
    }
    tokio::time::sleep(10 * SOON).await;
    assert_eq!((shown(url, "/health").await.0, said()), (second.der, 1), "what was shown before, and said once");
    stop.cancel();
    running.task.await.unwrap().unwrap();
    world.network.stop().await;
}
