//! Where the marketplace keeps contents, from the configuration.

use crate::{buckets, problem::Problem};
use genesis::{Layout, config::Contents};
use marketplace::objects::Place;

/// The place, with its credentials; `None` where contents lie beside the market's other data.
///
/// # Errors
/// When there are no usable credentials.
pub fn place(layout: &Layout, contents: Option<&Contents>) -> Result<Option<Place>, Problem> {
    match contents {
        None => Ok(None),
        // The same shelves as beside the other data, so that an audit finds them.
        Some(Contents::Local { folder }) => Ok(Some(Place::Folder(layout.data_path(folder).join("whole")))),
        Some(Contents::S3(bucket)) => Ok(Some(Place::Bucket(buckets::bucket(layout, bucket, "[market.objects]")?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use genesis::config;
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
        assert_eq!((bucket.access_key.as_str(), bucket.secret_key.as_str()), ("AKEXAMPLE", "hunter2"));
        let shown = format!("{opened:?}");
        assert!(shown.contains("contents at https://s3.example"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("AKEXAMPLE"), "{shown}");
        for (text, mode) in
            [("AKEXAMPLE\nhunter2\n", 0o644), ("hunter2", 0o600), ("a\nhunter2\nc", 0o600), ("\n\n", 0o600)]
        {
            write(text, mode);
            let problem = place().unwrap_err();
            assert!(!format!("{problem:?}").contains("hunter2"), "{problem:?}");
        }
    }
}
