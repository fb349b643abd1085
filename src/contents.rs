//! Where the marketplace keeps contents, from the configuration.

use crate::{buckets, problem::Problem};
use genesis::{
    Layout,
    config::{self, Contents},
};
use marketplace::objects::{Bucket, Place};

/// The place, with its credentials; `None` where contents lie beside the market's other data.
///
/// # Errors
/// When there are no usable credentials.
pub fn place(layout: &Layout, contents: Option<&Contents>) -> Result<Option<Place>, Problem> {
    match contents {
        None => Ok(None),
        // The same shelves as beside the other data, so that an audit finds them.
        Some(Contents::Local { folder }) => Ok(Some(Place::Folder(layout.data_path(folder).join("whole")))),
        Some(Contents::S3(bucket)) => Ok(Some(Place::Bucket(opened(layout, bucket)?))),
    }
}

fn opened(layout: &Layout, bucket: &config::Bucket) -> Result<Bucket, Problem> {
    let (access_key, secret_key) = buckets::credentials(layout, bucket, "[market.objects]")?;
    Ok(Bucket {
        endpoint: bucket.endpoint.clone(),
        region: bucket.region.clone(),
        bucket: bucket.bucket.clone(),
        prefix: bucket.prefix.clone(),
        access_key,
        secret_key: secret_key.as_str().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn credentials_come_from_a_file_of_their_owner_and_are_never_repeated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s3.keys");
        let write = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let contents = Contents::S3(config::Bucket {
            endpoint: "https://s3.example".into(),
            region: "us-east-1".into(),
            bucket: "contents".into(),
            prefix: String::new(),
            credentials: Some("s3.keys".into()),
        });
        let layout = Layout::at(dir.path());
        let place = || place(&layout, Some(&contents));
        assert!(place().is_err(), "there is no file");
        write("AKEXAMPLE\nhunter2\n", 0o600);
        let opened = place().unwrap().unwrap();
        let Place::Bucket(bucket) = &opened else { panic!("a bucket") };
        assert_eq!(bucket.access_key, "AKEXAMPLE");
        assert!(!format!("{opened:?}").contains("hunter2"));
        for (text, mode) in
            [("AKEXAMPLE\nhunter2\n", 0o644), ("hunter2", 0o600), ("a\nhunter2\nc", 0o600), ("\n\n", 0o600)]
        {
            write(text, mode);
            let problem = place().unwrap_err();
            assert!(!format!("{problem:?}").contains("hunter2"), "{problem:?}");
        }
    }
}
