//! Where the marketplace keeps contents, from the configuration, and what opens a bucket: from a file
//! of its owner or from the environment, never from the configuration and never into a message.

use crate::problem::{Exit, Problem};
use genesis::{
    Layout,
    config::{self, Contents},
    files,
};
use marketplace::objects::{Bucket, Place};
use std::path::Path;
use zeroize::Zeroizing;

/// The environment's access key, where no file is named.
const ACCESS_KEY: &str = "LONJA_S3_ACCESS_KEY";
/// The environment's secret key.
const SECRET_KEY: &str = "LONJA_S3_SECRET_KEY";
/// A file with two keys, in bytes.
const CREDENTIALS_BYTES_MAX: u64 = 1_024;

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
    let (access_key, secret_key) = match &bucket.credentials {
        Some(path) => from_file(&layout.data_path(path))?,
        None => (from_environment(ACCESS_KEY)?, from_environment(SECRET_KEY)?),
    };
    Ok(Bucket {
        endpoint: bucket.endpoint.clone(),
        region: bucket.region.clone(),
        bucket: bucket.bucket.clone(),
        prefix: bucket.prefix.clone(),
        access_key,
        secret_key: secret_key.into(),
    })
}

fn from_environment(name: &str) -> Result<String, Problem> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Problem::new(format!("the bucket of contents needs credentials, and {name} is not set"))
            .help(format!(
                "set {ACCESS_KEY} and {SECRET_KEY}, or name a file of mode 600 by `credentials` in [market.objects]"
            ))
            .exits(Exit::File)),
    }
}

fn from_file(path: &Path) -> Result<(String, String), Problem> {
    let bytes = Zeroizing::new(
        files::read_private(path, CREDENTIALS_BYTES_MAX)
            .map_err(|error| Problem::new(error.to_string()).help(error.remedy()).exits(Exit::File))?,
    );
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    match (lines.next(), lines.next(), lines.find(|line| !line.is_empty())) {
        (Some(access), Some(secret), None) if !access.is_empty() && !secret.is_empty() => {
            Ok((access.into(), secret.into()))
        }
        _ => Err(Problem::new(format!("{} holds no credentials", path.display()))
            .help("write the access key in its first line and the secret key in its second, and nothing else")
            .exits(Exit::File)),
    }
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
