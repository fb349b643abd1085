//! The same in a bucket, over HTTP, and what becomes of a node whose bucket is away.

use super::*;
use crate::{
    limits::BUCKET_TIME_MAX,
    testing::s3::{ACCESS_KEY, BUCKET, Fault, SECRET_KEY, Server},
};
use audit::AuditError;

fn bucket(server: &Server) -> Bucket {
    Bucket {
        endpoint: server.url.clone(),
        region: "us-east-1".into(),
        bucket: BUCKET.into(),
        prefix: "harbour/old".into(),
        access_key: ACCESS_KEY.into(),
        secret_key: SECRET_KEY.to_owned().into(),
    }
}

/// A folder in memory where the system has one: hundreds of blocks are made here, and no disk is in question.
fn place() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The archive as a node that has just started sees it.
fn opened(server: &Server) -> Archive {
    opened_with(&bucket(server))
}

fn opened_with(bucket: &Bucket) -> Archive {
    Archive { blocks: SEGMENT, ..Archive::in_bucket(bucket, Handle::current()).unwrap() }
}

fn within(archive: Archive) -> Elsewhere {
    Elsewhere { archive: Some(archive), node: None }
}

fn key(first: Height) -> String {
    format!("harbour/old/{first:020}.bodies")
}

/// Where calls may block.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// How many requests with this method came since the last time.
fn requests(server: &Server, methods: [&str; 3]) -> [usize; 3] {
    let requests = std::mem::take(&mut server.held.lock().unwrap().requests);
    methods.map(|method| requests.iter().filter(|request| request.starts_with(method)).count())
}

async fn refused(network: &Network, after: Height) -> (u16, String) {
    match network.client.blocks(after, Duration::ZERO).await {
        Err(ClientError::Problem(problem)) => {
            assert!(!problem.detail.contains("127.0.0.1"), "{problem:?}");
            (problem.status, problem.code.clone())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pruned_is_served_and_audited_from_a_bucket() {
    let place = place();
    let (folder, mut server) = (place.path().join("node"), Server::start().await);
    let network = pruning_into(&folder, opened(&server)).await;
    network.grow(HEIGHT).await;
    has_pruned(&network).await;
    let first = [1, 17, 33, 49, 65];
    {
        let held = server.held.lock().unwrap();
        assert_eq!(held.objects.keys().cloned().collect::<Vec<_>>(), first.map(key), "one object for each segment");
        assert_eq!(held.refused, 0);
    }
    // One to see whether it answers; for each segment one to look, one to write, one to read it back.
    assert_eq!(requests(&server, ["GET", "PUT", "POST"]), [1 + 5 + 5, 5, 0]);
    follow(&network).await;
    assert_eq!(requests(&server, ["GET", "PUT", "POST"]), [2 * 5, 0, 0], "a table and a window for each segment");

    // The thread that makes blocks asks for none of it; here, on a thread of the runtime, asking would panic.
    assert_eq!(network.handle().store().reader().bodies_at_hand(5).unwrap(), None);
    assert!(network.handle().store().reader().bodies_at_hand(PRUNED + 1).unwrap().is_some());

    // The bytes are those of a folder.
    let (archive, other) = (opened(&server), Archive::with_segments(place.path().join("archive"), SEGMENT));
    aside(move || {
        let bodies = |height| archive.bodies(height);
        other.write(other.segment(17), bodies, &CancellationToken::new()).unwrap();
    })
    .await;
    assert_eq!(fs::read(file(place.path(), 17)).unwrap(), server.held.lock().unwrap().objects[&key(17)]);
    network.stop().await;
    assert!(audited(&folder, within(opened(&server))).await.is_clean());
    assert!(audited(&folder, Elsewhere::default()).await.unexecuted.is_some());

    // Of an object that is gone it says so, and of a bucket that is away that it is away.
    let network = pruning_into(&folder, opened(&server)).await;
    server.held.lock().unwrap().objects.remove(&key(17));
    assert_eq!(refused(&network, 20).await, (410, "pruned".into()));
    server.stop().await;
    assert_eq!(refused(&network, 40).await, (503, "archive-away".into()));
    assert!(network.client.blocks(PRUNED, Duration::ZERO).await.unwrap().len() >= 20, "the rest is in the store");
    server.again().await;
    assert_eq!(network.client.blocks(40, Duration::ZERO).await.unwrap()[0].block.header.entry.height, 41);
    network.stop().await;
    server.stop().await;
    match try_audited(&folder, within(opened(&server))).await {
        Err(AuditError::Away(said)) => assert!(said.contains("harbour/old/0000"), "{said}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_damaged_is_found_out() {
    let place = place();
    let (folder, server) = (place.path().join("node"), Server::start().await);
    let network = pruning_into(&folder, opened(&server)).await;
    network.grow(HEIGHT).await;
    has_pruned(&network).await;
    network.stop().await;
    let whole = server.held.lock().unwrap().objects[&key(17)].clone();
    for (what, bytes) in damages(&whole) {
        server.held.lock().unwrap().objects.insert(key(17), bytes);
        let report = audited(&folder, within(opened(&server))).await;
        assert_eq!(report.findings[0].place, "block 17", "{what}: {:?}", report.findings);
    }
    server.held.lock().unwrap().objects.insert(key(17), whole);
    assert!(audited(&folder, within(opened(&server))).await.is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_away_or_refuses_stops_nothing_but_pruning() {
    let place = place();
    let mut server = Server::start().await;
    server.stop().await;
    let network = pruning_into(&place.path().join("node"), opened(&server)).await;
    network.grow(HEIGHT).await;
    let until = async |is_so: &dyn Fn() -> bool| {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", network.handle().status());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    until(&|| network.handle().status().unarchived.is_some()).await;
    let status = network.handle().status();
    assert_eq!((status.pruned, status.healthy), (0, true));
    assert!(status.unarchived.unwrap().contains("cannot be reached, or refuses"));
    assert!(network.handle().metrics().contains("lonja_archive_failing 1"));
    assert!(network.handle().store().reader().kept_bodies(1).unwrap().is_some());

    let fault = Fault { method: "PUT", within: "bodies", status: "403 Forbidden", code: "AccessDenied" };
    server.held.lock().unwrap().faults.push(fault);
    server.again().await;
    until(&|| server.held.lock().unwrap().requests.iter().any(|request| request.starts_with("PUT"))).await;
    let status = network.handle().status();
    assert!(status.pruned == 0 && status.unarchived.is_some(), "{status:?}");
    assert!(server.held.lock().unwrap().objects.is_empty());
    // It goes on by itself.
    server.held.lock().unwrap().faults.clear();
    has_pruned(&network).await;
    until(&|| network.handle().status().unarchived.is_none()).await;
    assert!(network.handle().metrics().contains("lonja_archive_failing 0"));
    follow(&network).await;
    network.stop().await;
}

/// Three blocks of 6 MiB: three parts.
fn large(height: Height) -> Result<Bodies, ArchiveError> {
    Ok((height < 4).then(|| vec![vec![height as u8; 6 << 20]]))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing_and_nothing_else_is_overwritten() {
    let (server, none) = (Server::start().await, CancellationToken::new());
    let write = async |bodies: fn(Height) -> Result<Bodies, ArchiveError>, stop: &CancellationToken| {
        let archive = Archive { blocks: 4, ..opened(&server) };
        let stop = stop.clone();
        aside(move || archive.write(archive.segment(1), bodies, &stop)).await
    };
    let stopped = CancellationToken::new();
    stopped.cancel();
    assert_eq!(write(large, &stopped).await, Err(ArchiveError::Stopped));
    for within in ["partNumber=2", "partNumber=3"] {
        let fault = Fault { method: "PUT", within, status: "403 Forbidden", code: "AccessDenied" };
        server.held.lock().unwrap().faults = vec![fault];
        let said = write(large, &none).await.unwrap_err();
        assert!(said.is_away() && said.to_string().ends_with("AccessDenied"), "{said}");
        let held = server.held.lock().unwrap();
        assert!(held.objects.is_empty() && held.uploads.is_empty(), "the upload is given up");
    }
    server.held.lock().unwrap().faults.clear();
    requests(&server, ["GET", "PUT", "POST"]);
    write(large, &none).await.unwrap();
    assert_eq!(requests(&server, ["GET", "PUT", "POST"]), [1 + 3, 3, 2]);
    // Another node, or this one after a crash, finds what it would write.
    write(large, &none).await.unwrap();
    assert_eq!(requests(&server, ["GET", "PUT", "POST"]), [3, 0, 0]);
    // What is something else stays what it is.
    let other: fn(Height) -> _ = |height| if height == 3 { Ok(Some(vec![vec![9]])) } else { large(height) };
    match write(other, &none).await {
        Err(ArchiveError::Taken { height: 3, object }) => assert_eq!(object, format!("{BUCKET}/{}", key(1))),
        said => panic!("{said:?}"),
    }
    assert_eq!(requests(&server, ["GET", "PUT", "POST"]), [2, 0, 0]);
    let read = Archive { blocks: 4, ..opened(&server) };
    let (second, fourth) = aside(move || (read.bodies(2), read.bodies(4))).await;
    assert_eq!((second, fourth), (large(2), Ok(None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_waits_for_no_bucket() {
    // It takes connections in, and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::start().await;
    let archive =
        opened_with(&Bucket { endpoint: format!("http://{}", silent.local_addr().unwrap()), ..bucket(&server) });
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let written = tokio::task::spawn_blocking(move || archive.write(archive.segment(1), large, &stopped));
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!written.is_finished());
    stop.cancel();
    let written = tokio::time::timeout(BUCKET_TIME_MAX / 2, written).await.unwrap();
    assert_eq!(written.unwrap(), Err(ArchiveError::Stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_of_one_network_may_share_a_place_and_those_of_two_may_not() {
    let place = place();
    let [one, two, stranger] = ["one", "two", "stranger"].map(|name| place.path().join(name));
    for folder in [&one, &stranger] {
        let network = Network::start(folder).await;
        network.grow(60).await;
        network.stop().await;
    }
    testing::copied(&one, &two);
    let server = Server::start().await;
    let prune = async |folder: &Path| {
        let (db, archive) = (folder.join("db"), opened(&server));
        aside(move || {
            let store = crate::store::Store::open_with(&db, Some(archive.clone())).unwrap();
            let done = (|| {
                while step(&store, &archive, KEEP)? {}
                Ok::<_, prune::PruneError>(())
            })();
            let reader = store.reader();
            (done.map_err(|error| error.to_string()), reader.pruned().unwrap(), reader.bodies(5).unwrap().is_some())
        })
        .await
    };
    assert_eq!(prune(&one).await, (Ok(()), 32, true));
    assert_eq!(requests(&server, ["GET", "PUT", "POST"])[1], 2);
    assert_eq!(prune(&two).await, (Ok(()), 32, true));
    assert_eq!(requests(&server, ["GET", "PUT", "POST"])[1], 0, "what is there is not written again");
    let (said, pruned, has) = prune(&stranger).await;
    assert!(said.as_ref().is_err_and(|said| said.contains("differs from block")), "{said:?}");
    assert!(pruned == 0 && has, "nothing is deleted");
    for folder in [one, two] {
        assert!(audited(&folder, within(opened(&server))).await.is_clean());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_let_us_in_is_away_and_its_answer_repeats_no_key() {
    let server = Server::start().await;
    let said = async |archive: Archive| {
        let (place, said) = aside(move || (format!("{archive:?}"), archive.bodies(1))).await;
        let said = format!("{place} {:?}", said.unwrap_err());
        assert!(said.contains("Bucket {") && !said.contains(ACCESS_KEY) && !said.contains("hunter2"), "{said}");
        said
    };
    let stranger = Bucket { secret_key: "hunter2-hunter3".to_owned().into(), ..bucket(&server) };
    assert!(!format!("{stranger:?}").contains("hunter2"));
    assert!(said(opened_with(&stranger)).await.contains("SignatureDoesNotMatch"));
    // Where there is no such bucket, nothing in it is gone.
    let fault = Fault { method: "GET", within: "", status: "404 Not Found", code: "NoSuchBucket" };
    server.held.lock().unwrap().faults.push(fault);
    assert!(said(opened(&server)).await.contains("NoSuchBucket"));
    server.held.lock().unwrap().faults.clear();
    let archive = opened(&server);
    assert_eq!(aside(move || archive.bodies(1)).await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_has_the_bytes_of_a_file_and_a_part_of_a_segment_is_no_object() {
    let memory: Arc<dyn object_store::ObjectStore> = Arc::new(object_store::memory::InMemory::new());
    let objects = Objects::new(memory.clone(), "memory".into(), Handle::current());
    let archive = Archive { place: Place::Bucket(Arc::new(objects)), blocks: 2 };
    let (bodies, bytes) = golden();
    let wrote = archive.clone();
    aside(move || {
        wrote.write(wrote.segment(3), bodies, &CancellationToken::new()).unwrap();
        assert_eq!(wrote.bodies(3).unwrap(), Some(vec![vec![1, 2], vec![3]]));
        assert_eq!((wrote.bodies(4).unwrap(), wrote.bodies(5).unwrap()), (None, None));
        assert_eq!((wrote.has(3), wrote.has(4), wrote.has(5)), (Ok(true), Ok(false), Ok(false)));
    })
    .await;
    let path = object_store::path::Path::from("00000000000000000003.bodies");
    let got = object_store::ObjectStoreExt::get(&memory, &path).await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), bytes);

    // It joined by a snapshot, and has no blocks up to 3.
    let folder = Archive::with_segments("nowhere".into(), 2);
    assert_eq!((archive.next(0, 3).first, folder.next(0, 3).first), (5, 3));
    assert_eq!((archive.next(0, 4).first, archive.next(6, 3).first, archive.next(0, 0).first), (5, 7, 1));
}
