//! Contents in a bucket that speaks S3, over HTTP.

use super::support::{World, jacket};
use contracts::{party::Role, vocabulary::PersonalStatus};
use futures_util::TryStreamExt;
use ledger::{
    bucket::Bucket,
    testing::s3::{ACCESS_KEY, BUCKET, SECRET_KEY as SECRET, Server},
};
use marketplace::objects::{Limits, Objects, ObjectsError, Place, verify_slice};
use serde_json::json;

fn place(server: &Server, access_key: &str) -> Place {
    Place::Bucket(Bucket {
        endpoint: server.url.clone(),
        region: "us-east-1".into(),
        bucket: BUCKET.into(),
        prefix: "market/a".into(),
        access_key: access_key.into(),
        secret_key: SECRET.to_string().into(),
    })
}

async fn whole(objects: &Objects, stored: &marketplace::objects::Stored) -> Result<Vec<u8>, ObjectsError> {
    let pieces: Vec<bytes::Bytes> = objects.stream(&stored.blake3, 0..stored.bytes).await?.try_collect().await?;
    Ok(pieces.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_keeps_what_a_folder_keeps_and_is_believed_as_little() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::open_at(&place(&server, ACCESS_KEY), folder.path(), Limits::of(64 << 20)).unwrap();
    objects.answers().await.unwrap();
    // More than two parts, none at all, and one.
    for length in [20 << 20, 0, 70_000] {
        let content: Vec<u8> = (0..length).map(|at: usize| (at * 31 % 251) as u8).collect();
        let stored = objects.put(&content).await.unwrap();
        assert!(objects.has(&stored.blake3).await.unwrap());
        assert_eq!(whole(&objects, &stored).await.unwrap(), content);
        let wanted = (content.len() / 3, content.len().min(50_000));
        let slice = objects
            .slice(&stored.blake3, wanted.0 as u64, wanted.1.min(content.len() - wanted.0) as u64)
            .await
            .unwrap();
        assert_eq!(verify_slice(&stored.blake3, &slice).unwrap(), content[wanted.0..wanted.0 + slice.length as usize]);
    }
    {
        let held = server.held.lock().unwrap();
        assert_eq!((held.objects.len(), held.uploads.len(), held.refused), (6, 0, 0), "contents with their outboards");
        assert!(held.objects.keys().all(|name| name.starts_with("market/a/")), "all below the prefix");
        assert!(held.requests.iter().any(|request| request.starts_with("POST")), "large contents come in parts");
    }
    let stored = objects.put(b"what the bucket changes").await.unwrap();
    let name = stored.blake3.to_string();
    let key = format!("market/a/{}/{name}", &name[..2]);
    server.held.lock().unwrap().objects.get_mut(&key).unwrap()[0] ^= 1;
    assert!(matches!(whole(&objects, &stored).await, Err(ObjectsError::Damaged { .. })), "never passed on");
    server.held.lock().unwrap().objects.remove(&key);
    assert!(!objects.has(&stored.blake3).await.unwrap());
    assert!(matches!(whole(&objects, &stored).await, Err(ObjectsError::Unknown(_))));
    let kept = server.held.lock().unwrap().objects.len();
    let gone = objects.put(b"what nobody anchored").await.unwrap();
    let (early, late) = (objects.doom([gone.blake3].into()).remove(1).await, u64::MAX);
    assert_eq!(early.unwrap(), 0, "it came after that");
    assert_eq!(objects.doom([gone.blake3].into()).remove(late).await.unwrap(), 1);
    assert_eq!(server.held.lock().unwrap().objects.len(), kept, "content and outboard are removed");
    let stranger = Objects::open_at(&place(&server, "AKOTHER"), folder.path(), Limits::of(64 << 20)).unwrap();
    let error = stranger.answers().await.unwrap_err();
    assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    assert!(server.held.lock().unwrap().refused > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_delivers_from_a_bucket() {
    let server = Server::start().await;
    let mut world = World::start_on(Some(place(&server, ACCESS_KEY))).await;
    let provider = world.member("Port", &[Role::Provider]).await;
    let buyer = world.member("Pilots", &[Role::Buyer]).await;
    let dataset = world.publish(&provider, "berths", &jacket("Berths", PersonalStatus::None)).await;
    let content = b"berth;ship\n".repeat(10_000);
    world.upload(&provider.1, &dataset, &content).await;
    let offer = world.offer(&provider.1, &dataset, json!({"kind": "free"})).await;
    let wanted = json!({"offer": offer, "purpose": "research"});
    let bought = world.post_once("/api/v1/orders", &buyer.1, "a", &wanted).await.expect(201);
    let asked = json!({"agreement": bought["agreement"]});
    let delivered = world.post("/api/v1/deliveries", Some(&buyer.1), &asked).await.expect(201);
    let link = world.url(delivered["links"]["content"].as_str().unwrap());
    let got = world.http.get(&link).bearer_auth(&buyer.1).send().await.unwrap();
    assert_eq!(got.bytes().await.unwrap(), content);
    let whole = world.folder.path().join("market/objects/whole");
    assert!(!whole.exists(), "nothing of it lies on this machine");
    world.stop_market().await;

    let config = marketplace::Config { objects: Some(place(&server, "AKOTHER")), ..world.config() };
    let refused = marketplace::start(config, Default::default()).await.err().unwrap();
    assert!(!refused.may_pass(), "credentials do not come right by themselves");
    let said = format!("{refused} {refused:?}");
    assert!(said.contains("[market.objects]") && said.contains(BUCKET) && !said.contains(SECRET), "{said}");
    world.network.stop().await;
}
