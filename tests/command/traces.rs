//! Traces: what a collector gets of services, and that nobody notices one that is not there.

use super::{
    collector::{Collector, Span},
    desk::Desk,
    harness::{Net, Service, command, four_times, get, says, start_as},
    kills::{jacket, member},
    minting::Minting,
    ports::free_ports,
    validators::{COUNT, all_know, runtime},
};

use std::{
    collections::BTreeSet,
    net::TcpListener,
    time::{Duration, Instant},
};

/// Starts a service that sends its spans to `url` soon.
fn traced(net: &Net, url: &str, more: &[(&str, &str)], arguments: &[&str]) -> Service {
    let mut command = command();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", url).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    command.envs(more.iter().copied()).arg("--dir").arg(net.dir()).arg("--json").args(arguments);
    start_as(command, &net.path("log"))
}

fn url<'s>(service: &'s Service, name: &str) -> &'s str {
    service.urls[name].as_str().unwrap()
}

/// The span of this name and service below `parent`.
fn below<'s>(spans: &'s [Span], parent: &Span, service: &str, name: &str) -> Option<&'s Span> {
    let is_it = |span: &&Span| span.trace == parent.trace && span.parent == parent.id && span.name == name;
    spans.iter().filter(is_it).find(|span| span.service() == service)
}

/// The path of a purchase: request, question to the node, request there, submission.
fn path_of(spans: &[Span], transaction: &str) -> Option<[Span; 4]> {
    let is_it = |span: &&Span| span.name == "submission" && span.get("lonja.transaction") == transaction;
    let submission = spans.iter().find(is_it)?;
    let above = |span: &Span| spans.iter().find(|one| one.trace == span.trace && one.id == span.parent);
    let at_node = above(submission)?;
    let asked = above(at_node)?;
    Some([above(asked)?.clone(), asked.clone(), at_node.clone(), submission.clone()])
}

#[tokio::test]
async fn a_purchase_is_one_trace_from_the_marketplace_through_the_node_to_its_block() {
    let (net, collector) = (Net::created(), Collector::start());
    let secret = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20for-the-collector")];
    let node = traced(&net, &collector.url, &secret, &["node", "run"]);
    let market = traced(&net, &collector.url, &[("OTEL_SERVICE_NAME", "our-market")], &["market", "run"]);
    member(&net, "provider", "provider");
    std::fs::write(net.path("jacket.json"), jacket()).unwrap();
    let publish = ["listing", "publish", "jacket.json", "--catalogue", "c", "--identifier", "i", "--as", "provider"];
    let dataset = net.ok(&publish)["dataset"].as_str().unwrap().to_owned();
    std::fs::write(net.path("quays.csv"), "quay;metres\n1;140\n").unwrap();
    net.ok(&["dataset", "upload", &dataset, "quays.csv", "--as", "provider"]);
    let offer = net.ok(&["offer", "make", &dataset, "--price", "EUR:1.25", "--as", "provider"]);
    let buyer = Desk::of(&net, url(&market, "marketplace"), "buyer").await;
    net.ok(&["account", "mint", &buyer.party.to_string(), "EUR:10", "--reference", "1"]);
    let purchase = buyer.prepare(false, offer["offer"].as_str().unwrap(), "one").await;
    let licence = buyer.insist(purchase).await.agreement();

    // A licence has the id of its transaction.
    let [ordered, asked, taken, submission] = collector.wait("the purchase", |spans| path_of(spans, &licence));
    assert_eq!((ordered.name.as_str(), ordered.kind, ordered.service()), ("POST /api/v1/orders", 2, "our-market"));
    assert_eq!((asked.name.as_str(), asked.kind, asked.service()), ("POST /v1/submissions", 3, "our-market"));
    assert_eq!((taken.name.as_str(), taken.kind, taken.service()), ("POST /v1/submissions", 2, "lonja-node"));
    assert_eq!(ordered.parent, "", "nobody's child");
    assert_eq!(
        (ordered.get("http.request.method"), ordered.get("http.route")),
        ("POST".into(), "/api/v1/orders".into())
    );
    assert_eq!(
        (ordered.get("http.response.status_code"), ordered.get("lonja.service")),
        (201.into(), "marketplace".into())
    );
    assert_eq!(submission.get("lonja.outcome"), "applied");

    let height = submission.get("lonja.height");
    assert!(height.as_i64().is_some_and(|height| height > 0), "{height}");
    let block = collector.wait("the block", |spans| {
        let block = spans.iter().find(|span| span.name == "block" && span.get("lonja.height") == height)?;
        ["execute", "write", "cosign"].iter().try_for_each(|part| below(spans, block, "lonja-node", part).map(drop))?;
        Some((block.clone(), below(spans, block, "lonja-node", "write")?.clone()))
    });
    let (block, write) = block;
    assert_eq!(
        block.links,
        [(submission.trace.clone(), submission.id.clone())],
        "the block leads to who waited for it"
    );
    assert!(block.get("lonja.transactions") == 1 && write.get("lonja.bytes").as_i64().unwrap() > 100, "{write:?}");
    assert!(submission.ended_ns >= write.ended_ns, "whoever waits is told what is durable");

    let network = net.client().network().to_string();
    assert!(block.resource["lonja.network"] == network.as_str() && block.resource["service.version"].is_string());
    assert_eq!(block.resource["lonja.validator"], "validator-0", "{:?}", block.resource);
    assert!(ordered.resource["lonja.party"].is_string());
    a_caller_may_begin_the_trace(&collector, &node, &market);
    nothing_is_told_that_is_nobodys_business(&collector, &net, &buyer);
    market.stop();
    node.stop();
}

fn a_caller_may_begin_the_trace(collector: &Collector, node: &Service, market: &Service) {
    let long = format!("a={}", "x".repeat(2_000));
    for (state, number) in [("lonja=1", 1), (long.as_str(), 2)] {
        let (trace, parent) = (format!("4bf92f3577b34da6a3ce929d0e0e47{number:02}"), "00f067aa0ba902b7");
        let headers = format!("traceparent: 00-{trace}-{parent}-01\r\ntracestate: {state}\r\n");
        for (service, path) in [(node, "/v1/status"), (market, "/api/v1/datasets?q=quay")] {
            let url = service.urls.as_object().unwrap().values().next().unwrap().as_str().unwrap();
            assert!(get(url, path, &headers).starts_with("HTTP/1.1 "), "{path}");
        }
        let names = collector.wait("what a caller began", |spans| {
            let ours = spans.iter().filter(|span| span.trace == trace && span.parent == parent);
            let names: BTreeSet<_> = ours.map(|span| (span.service().to_owned(), span.name.clone())).collect();
            (names.len() == 2).then_some(names)
        });
        assert!(names.contains(&("lonja-node".into(), "GET /v1/status".into())), "{names:?}");
    }
}

fn nothing_is_told_that_is_nobodys_business(collector: &Collector, net: &Net, buyer: &Desk) {
    let spans = collector.spans();
    for span in &spans {
        let told = format!("{} {:?}", span.name, span.attributes);
        let secret = ["Desk of", "quay", "Bearer", "token", "?"].iter().find(|word| told.contains(**word));
        assert_eq!(secret, None, "{told}");
        assert!(!told.contains(&buyer.party.to_string()), "{told}");
    }
    let heads = collector.heads();
    assert!(heads.iter().all(|head| head.starts_with("POST /v1/traces HTTP/1.1")), "{heads:?}");
    assert!(heads.iter().any(|head| head.contains("authorization: Bearer for-the-collector")), "{heads:?}");
    let said = net.said();
    assert!(says(&said, &format!("traces are sent to=\"{}\"", collector.url)), "{said}");
    assert!(!said.contains("for-the-collector") && !said.contains("request{") && !said.contains("block{"), "{said}");
}

#[test]
fn each_of_several_validators_shows_how_it_came_to_a_block() {
    let (net, collector) = (Net::new(), Collector::start());
    let mut create = vec!["network", "create", "--keep-passphrase", "--validators", "4"];
    let ports = four_times(COUNT);
    create.extend(ports.iter().map(String::as_str));
    net.ok(&create);
    let up = traced(&net, &collector.url, &[], &["network", "up"]);
    // Three may decide a block without the fourth, which then fetches it; so there are as many as it takes.
    all_know(&net, &[0, 1, 2, 3], 1);
    let (runtime, mut minting) = (runtime(), Minting::new(&net));
    minting.begin(&runtime, &net, &[0], 1);
    let names = collector.wait("a block of all", |spans| {
        let blocks = || spans.iter().filter(|span| span.name == "block");
        let whole = |block: &&Span| {
            let parts = [["propose", "judge"].as_slice(), &["vote"], &["write"], &["cosign"]];
            parts.iter().all(|one_of| one_of.iter().any(|part| below(spans, block, block.service(), part).is_some()))
        };
        let heights: BTreeSet<i64> = blocks().filter_map(|block| block.get("lonja.height").as_i64()).collect();
        heights.into_iter().find_map(|height| {
            let of_height = blocks().filter(|block| block.get("lonja.height") == height).filter(whole);
            let names: BTreeSet<_> = of_height.map(|block| block.resource["lonja.validator"].to_string()).collect();
            (names.len() == COUNT).then_some(names)
        })
    });
    minting.stop(&runtime);
    let services: BTreeSet<_> = collector.spans().iter().map(|span| span.service().to_owned()).collect();
    assert_eq!(services.into_iter().collect::<Vec<_>>(), ["lonja-node", "lonja-up"], "{names:?}");
    up.stop();
}

#[test]
fn nothing_is_sent_where_no_endpoint_is_set_and_a_wrong_one_is_refused() {
    let net = Net::created();
    // Where others would send by themselves. If somebody has the port, there is only the log to look at.
    let usual = TcpListener::bind(("127.0.0.1", 4318)).ok();
    let node = net.node();
    let metrics =
        get(url(&node, "node"), "/metrics", "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n");
    assert!(metrics.contains("lonja_trace_spans_dropped_total 0"), "{metrics}");
    node.stop();
    let said = net.said();
    assert!(!said.contains("trace"), "{said}");
    if let Some(usual) = usual {
        usual.set_nonblocking(true).unwrap();
        assert_eq!(usual.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
    }
    for (name, value, help) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "a URL such as http://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://me:hush@c.example", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
    ] {
        let mut command = command();
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9").env(name, value);
        let output = command.arg("--dir").arg(net.dir()).args(["node", "run"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(says(&said, name) && says(&said, help) && !said.contains("hush"), "{said}");
    }
}

#[test]
fn a_collector_that_is_away_or_hangs_costs_spans_and_nothing_else() {
    let net = Net::created();
    // It is bound again below: meanwhile nobody else may get it.
    let listener = TcpListener::bind(("127.0.0.1", free_ports(1))).unwrap();
    let (address, to) = (listener.local_addr().unwrap(), format!("http://{}", listener.local_addr().unwrap()));
    // It takes connections and answers nothing.
    let few = [("OTEL_BSP_MAX_QUEUE_SIZE", "8"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "5000")];
    let node = traced(&net, &to, &few, &["node", "run"]);
    let begun = Instant::now();
    for number in 0..100 {
        assert!(get(url(&node, "node"), "/v1/status", "").starts_with("HTTP/1.1 200"), "{number}");
    }
    member(&net, "provider", "provider");
    let asked = begun.elapsed();
    // Waiting for the collector each time would take twice as long at least.
    assert!(asked < Duration::from_secs(200), "{asked:?}");
    let begun = Instant::now();
    while dropped(&node).is_none_or(|count| count <= 50) {
        assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", dropped(&node));
        std::thread::sleep(Duration::from_millis(50));
    }
    // A request that was never answered is given up, and that is told.
    let (begun, mut said) = (Instant::now(), String::new());
    while !said.contains("traces are not delivered") {
        said += &net.said();
        assert!(begun.elapsed() < Duration::from_secs(120), "{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
    // It comes back, and is told what happens from then on.
    drop(listener);
    let collector = Collector::on(bound(address));
    collector.wait("a span", |spans| {
        get(url(&node, "node"), "/health", "");
        spans.iter().find(|span| span.name == "GET /health").map(drop)
    });
    let begun = Instant::now();
    while !said.contains("traces are delivered again") {
        said += &net.said();
        get(url(&node, "node"), "/health", "");
        assert!(begun.elapsed() < Duration::from_secs(120), "{said}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(said.matches("traces are not delivered").count(), 1, "told once: {said}");
    node.stop();

    // One that is away for good, and one that hangs: nobody waits for either for long.
    let hanging = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    for to in ["http://127.0.0.1:9".to_owned(), format!("http://{}", hanging.local_addr().unwrap())] {
        // A request to it may take a minute.
        let node = traced(&net, &to, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "60000")], &["node", "run"]);
        get(url(&node, "node"), "/v1/status", "");
        std::thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        node.stop();
        assert!(begun.elapsed() < Duration::from_secs(45), "{to}: {:?}", begun.elapsed());
    }
}

/// The listener of a port that is given back in a moment.
fn bound(address: std::net::SocketAddr) -> TcpListener {
    let begun = Instant::now();
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(60), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn dropped(node: &Service) -> Option<u64> {
    let metrics = get(url(node, "node"), "/metrics", "");
    let line = metrics.lines().find_map(|line| line.strip_prefix("lonja_trace_spans_dropped_total "))?;
    line.parse().ok()
}
