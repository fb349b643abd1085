//! Marketplace and explorer that speak TLS themselves, with a certificate that only others believe.

use super::harness::{Net, says};
use ledger::testing::tls::Pair;
use std::fs;

#[test]
fn services_that_speak_tls_start_with_a_certificate_of_another_name_and_not_with_another_key() {
    let net = Net::created();
    let (pair, other) = (Pair::of(1, "20991231235959Z"), Pair::of(2, "20991231235959Z"));
    fs::write(net.dir().join("tls.cert"), &pair.cert).unwrap();
    fs::write(net.dir().join("tls.key"), &pair.key).unwrap();
    let path = net.dir().join("lonja.toml");
    let mut text = fs::read_to_string(&path).unwrap();
    for service in ["market", "explorer"] {
        let section = format!("[{service}]\n");
        assert!(text.contains(&section), "{text}");
        // The files lie beside the configuration, and the services run somewhere else.
        text = text.replace(&section, &format!("{section}tls_cert = \"tls.cert\"\ntls_key = \"tls.key\"\n"));
    }
    fs::write(&path, text).unwrap();
    let node = net.node();
    let services = ["market", "explorer"].map(|service| net.start(&[service, "run"]));
    for (service, name) in services.iter().zip(["marketplace", "explorer"]) {
        assert!(service.urls[name].as_str().unwrap().starts_with("https://"), "{}", service.urls);
    }
    let [market, explorer] = services;
    market.stop();
    explorer.stop();

    fs::write(net.dir().join("tls.key"), &other.key).unwrap();
    for service in ["market", "explorer"] {
        let said = net.fails(6, &[service, "run"]);
        assert!(says(&said, "cannot speak TLS") && says(&said, "is not that of the certificate"), "{said}");
    }
    node.stop();
}

#[test]
fn a_market_with_a_name_of_its_own_says_it_wherever_it_leads_somebody() {
    let net = Net::created();
    let path = net.dir().join("lonja.toml");
    let mut text = fs::read_to_string(&path).unwrap();
    for service in ["market", "explorer"] {
        let section = format!("[{service}]\n");
        text = text.replace(&section, &format!("{section}public_url = \"https://{service}.example\"\n"));
    }
    let local = genesis::Layout::at(net.dir()).config().unwrap().market.url();
    fs::write(&path, text).unwrap();
    let node = net.node();
    // Nobody leads from that name to here, and the service finds that it is well all the same.
    let (market, explorer) = (net.start(&["market", "run"]), net.start(&["explorer", "run"]));
    assert_eq!(market.urls["marketplace"], "https://market.example");
    assert_eq!(explorer.urls["explorer"], "https://explorer.example");
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let about: serde_json::Value = runtime.block_on(async {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.get(format!("{local}/api/v1/market")).send().await.unwrap().json().await.unwrap()
    });
    assert_eq!(about["base_url"], "https://market.example", "{about}");
    for service in [market, explorer, node] {
        service.stop();
    }
}
