//! Buckets that the configuration names, and what opens them: from a file of its owner or from the environment, never
//! from the configuration and never into a message.

use crate::problem::{Exit, Problem};
use genesis::{
    Layout,
    config::{self, Retention},
    files,
};
use ledger::{archive::Archive, bucket::Bucket};
use std::path::Path;
use zeroize::Zeroizing;

/// The environment's access key, where no file is named.
const ACCESS_KEY: &str = "LONJA_S3_ACCESS_KEY";
/// The environment's secret key.
const SECRET_KEY: &str = "LONJA_S3_SECRET_KEY";
/// A file with two keys, in bytes.
const CREDENTIALS_BYTES_MAX: u64 = 1_024;

/// The bucket that `section` of the configuration names, with its credentials.
///
/// # Errors
/// When there are no usable credentials.
pub fn bucket(layout: &Layout, named: &config::Bucket, section: &str) -> Result<Bucket, Problem> {
    let (access_key, secret_key) = match &named.credentials {
        Some(path) => from_file(&layout.data_path(path))?,
        None => (from_environment(ACCESS_KEY, section)?, from_environment(SECRET_KEY, section)?.into()),
    };
    Ok(Bucket {
        endpoint: named.endpoint.clone(),
        region: named.region.clone(),
        bucket: named.bucket.clone(),
        prefix: named.prefix.clone(),
        access_key,
        secret_key,
    })
}

/// The archive that a node with `retention` has. Where that is a bucket, nothing is asked of it yet, and the runtime at
/// work drives what is asked later.
///
/// # Errors
/// When there are no usable credentials.
pub fn archive(layout: &Layout, retention: &Retention) -> Result<Archive, Problem> {
    let named = match &retention.archive {
        config::Archive::Folder(folder) => return Ok(Archive::new(layout.data_path(folder))),
        config::Archive::Bucket(named) => named,
    };
    let bucket = bucket(layout, named, "[retention.archive]")?;
    Archive::in_bucket(&bucket, tokio::runtime::Handle::current())
        .map_err(|error| Problem::new(error.to_string()).help("correct [retention.archive]").exits(Exit::File))
}

fn from_environment(name: &str, section: &str) -> Result<String, Problem> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Problem::new(format!("the bucket of {section} needs credentials, and {name} is not set"))
            .help(format!(
                "set {ACCESS_KEY} and {SECRET_KEY}, or name a file of mode 600 by `credentials` in {section}"
            ))
            .exits(Exit::File)),
    }
}

fn from_file(path: &Path) -> Result<(String, Zeroizing<String>), Problem> {
    let bytes = Zeroizing::new(
        files::read_private(path, CREDENTIALS_BYTES_MAX)
            .map_err(|error| Problem::new(error.to_string()).help(error.remedy()).exits(Exit::File))?,
    );
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let mut lines = text.lines().map(str::trim);
    match (lines.next(), lines.next(), lines.find(|line| !line.is_empty())) {
        (Some(access), Some(secret), None) if !access.is_empty() && !secret.is_empty() => {
            Ok((access.into(), secret.to_owned().into()))
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

    #[tokio::test]
    async fn an_archive_opens_with_the_credentials_of_a_file_and_never_repeats_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s3.keys");
        let mut bucket = config::Bucket {
            endpoint: "https://s3.example".into(),
            region: "us-east-1".into(),
            bucket: "old-blocks".into(),
            prefix: "harbour".into(),
            credentials: Some("s3.keys".into()),
        };
        let layout = Layout::at(dir.path());
        let open = |bucket: &config::Bucket| {
            archive(&layout, &Retention { keep_blocks: 2_048, archive: config::Archive::Bucket(bucket.clone()) })
        };
        assert_eq!(open(&bucket).unwrap_err().exit(), Exit::File, "there is no file");
        std::fs::write(&path, "AKEXAMPLE\nhunter2\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let shown = format!("{:?}", open(&bucket).unwrap());
        assert!(shown.contains("old-blocks/harbour"), "{shown}");
        assert!(!shown.contains("hunter2") && !shown.contains("AKEXAMPLE"), "{shown}");
        std::fs::write(&path, "hunter2\n").unwrap();
        let problem = open(&bucket).unwrap_err();
        assert!(!format!("{problem:?}").contains("hunter2"), "{problem:?}");
        // Nobody sets the variables where tests run.
        bucket.credentials = None;
        let problem = open(&bucket).unwrap_err();
        assert!(problem.to_string().contains("[retention.archive]"), "{problem}");
    }
}
