//! What the service says at the wrong moment.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};

use super::super::source::Source;
use super::*;
use crate::aws::s3::Encryption;
use crate::aws::test_server::{Asked, Reply, TestServer, keys, ok};

/// Two parts.
const LARGE: usize = 16 << 20;

const CREATED: &str = "<InitiateMultipartUploadResult><UploadId>new</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &str = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>";

fn put(content: &[u8]) -> Put {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    Put {
        key: "a.log".into(),
        size: content.len() as u64,
        sha256: Sha256::digest(content).into(),
        source: Source::new(file, content.len() as u64),
    }
}

fn s3(server: &TestServer, journals: &tempfile::TempDir) -> S3 {
    let config = S3Config {
        settings: server.settings("", keys()),
        bucket: "logs".into(),
        prefix: "p/".into(),
        storage_class: Some("GLACIER_IR".into()),
        encryption: Some(Encryption::Kms {
            key: Some("alias/logs".into()),
        }),
    };
    S3::new(config, journals.path().to_owned())
}

/// What is said of an object with this content.
fn head(content: &[u8]) -> Reply {
    let (length, sha256) = (content.len(), HEXLOWER.encode(&Sha256::digest(content)));
    let text =
        format!("HTTP/1.1 200 x\r\ncontent-length: {length}\r\netag: \"x\"\r\nx-amz-meta-sha256: {sha256}\r\n\r\n");
    Reply::Raw(text.leak().as_bytes())
}

fn none() -> Reply {
    Reply::Answer(404, "", String::new())
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply::Answer(
        status,
        "",
        format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
    )
}

fn written() -> Reply {
    Reply::Answer(200, "etag: \"x\"\r\n", String::new())
}

/// The requests, each as its method and what stands behind the key.
fn asked(server: &TestServer) -> Vec<String> {
    let short = |asked: &Asked| asked.line.replace("/logs/p/a.log", "").replace("/logs/", "");
    server.asked().iter().map(short).collect()
}

#[tokio::test]
async fn an_object_is_written_as_the_configuration_has_it() {
    let server = TestServer::start(|_, asked| match asked.line.starts_with("HEAD") {
        true => none(),
        false => written(),
    })
    .await;
    let journals = tempfile::tempdir().unwrap();
    let stored = s3(&server, &journals).put(&put(b"hello")).await;
    assert_eq!(stored, Ok(Stored::Now));
    let headers = &server.asked()[1].headers;
    let sha256 = HEXLOWER.encode(&Sha256::digest(b"hello"));
    for (name, value) in [
        ("if-none-match", "*"),
        ("x-amz-meta-sha256", sha256.as_str()),
        ("x-amz-storage-class", "GLACIER_IR"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption-aws-kms-key-id", "alias/logs"),
    ] {
        assert_eq!(headers.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[tokio::test]
async fn one_who_was_faster_had_the_same_file_or_another() {
    for (content, outcome) in [
        (&b"hello"[..], Ok(Stored::Before)),
        (b"hallo", Err(Failure::Mismatch("the key has another file".into()))),
        (b"hello!", Err(Failure::Mismatch("the key has another file".into()))),
    ] {
        let server = TestServer::start(move |count, asked| match (count, asked.line.split(' ').next()) {
            (0, _) => none(),
            (_, Some("HEAD")) => head(content),
            _ => refusal(412, "PreconditionFailed"),
        })
        .await;
        let journals = tempfile::tempdir().unwrap();
        assert_eq!(s3(&server, &journals).put(&put(b"hello")).await, outcome);
        assert_eq!(asked(&server), ["HEAD ", "PUT ", "HEAD "]);
    }
}

#[tokio::test]
async fn what_may_be_over_is_unavailable() {
    let server = TestServer::start(|_, asked| match asked.line.starts_with("HEAD") {
        true => none(),
        false => refusal(403, "AccessDenied"),
    })
    .await;
    let journals = tempfile::tempdir().unwrap();
    let refused = s3(&server, &journals).put(&put(b"hello")).await;
    assert!(matches!(refused, Err(Failure::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn an_upload_that_is_over_is_begun_anew() {
    let is_over = AtomicBool::new(false);
    let server = TestServer::start(move |_, asked| {
        let (method, target) = asked.line.split_once(' ').unwrap();
        match method {
            "HEAD" => none(),
            "POST" if target.contains("?uploads") => ok(CREATED),
            // The first time somebody takes the upload away in between.
            "POST" if !is_over.swap(true, Ordering::Relaxed) => refusal(404, "NoSuchUpload"),
            "POST" => ok(COMPLETED),
            "DELETE" => refusal(404, "NoSuchUpload"),
            _ => written(),
        }
    })
    .await;
    let journals = tempfile::tempdir().unwrap();
    let (s3, put) = (s3(&server, &journals), put(&vec![b'x'; LARGE]));
    let first = s3.put(&put).await;
    assert!(matches!(first, Err(Failure::Unavailable(_))), "{first:?}");
    assert_eq!(s3.put(&put).await, Ok(Stored::Now));
    let begun = asked(&server).iter().filter(|line| line.contains("?uploads")).count();
    assert_eq!(begun, 2);
    assert_eq!(std::fs::read_dir(journals.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_no_second_object() {
    let is_complete = AtomicBool::new(false);
    let large: &[u8] = vec![b'x'; LARGE].leak();
    let server = TestServer::start(move |_, asked| {
        let (method, target) = asked.line.split_once(' ').unwrap();
        match method {
            "HEAD" if is_complete.load(Ordering::Relaxed) => head(large),
            "HEAD" => none(),
            "POST" if target.contains("?uploads") => ok(CREATED),
            "POST" => {
                is_complete.store(true, Ordering::Relaxed);
                Reply::Close
            }
            "DELETE" => refusal(404, "NoSuchUpload"),
            _ => written(),
        }
    })
    .await;
    let journals = tempfile::tempdir().unwrap();
    let (s3, put) = (s3(&server, &journals), put(large));
    let first = s3.put(&put).await;
    assert!(matches!(first, Err(Failure::Unavailable(_))), "{first:?}");
    assert_eq!(s3.put(&put).await, Ok(Stored::Before));
    let completed = asked(&server)
        .iter()
        .filter(|line| line.starts_with("POST ?uploadId"))
        .count();
    assert_eq!(completed, 1, "{:?}", asked(&server));
    assert_eq!(std::fs::read_dir(journals.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_upload_of_another_file_to_the_key_is_taken_away() {
    let server = TestServer::start(move |_, asked| {
        let (method, target) = asked.line.split_once(' ').unwrap();
        match method {
            "HEAD" => none(),
            "POST" if target.contains("?uploads") => ok(CREATED),
            "POST" => ok(COMPLETED),
            "DELETE" => Reply::Answer(204, "", String::new()),
            _ => written(),
        }
    })
    .await;
    let journals = tempfile::tempdir().unwrap();
    let s3 = s3(&server, &journals);
    let other = Entry::of("logs", "p/a.log", &put(b"another"), LARGE);
    let journal = s3.journals.begin(&other).await.unwrap();
    journal.begun("old").await.unwrap();
    assert_eq!(s3.put(&put(&vec![b'x'; LARGE])).await, Ok(Stored::Now));
    assert!(
        asked(&server).contains(&"DELETE ?uploadId=old".to_owned()),
        "{:?}",
        asked(&server)
    );
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_taken_away() {
    let uploads = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>\
                   <Upload><Key>p/b</Key><UploadId>unknown</UploadId></Upload></ListMultipartUploadsResult>";
    let server = TestServer::start(move |_, asked| match asked.line.starts_with("GET") {
        true => ok(uploads),
        false => Reply::Answer(204, "", String::new()),
    })
    .await;
    let journals = tempfile::tempdir().unwrap();
    let s3 = s3(&server, &journals);
    let content = put(b"another");
    for (key, upload) in [("p/a.log", Some("old")), ("p/b", None)] {
        let journal = s3.journals.begin(&Entry::of("logs", key, &content, LARGE)).await;
        if let Some(upload) = upload {
            journal.unwrap().begun(upload).await.unwrap();
        }
    }
    s3.sweep().await;
    assert_eq!(server.asked().len(), 0, "they may be gone on with");
    for entry in std::fs::read_dir(journals.path()).unwrap() {
        let file = std::fs::File::options()
            .append(true)
            .open(entry.unwrap().path())
            .unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    s3.sweep().await;
    let asked = asked(&server);
    assert!(asked.contains(&"DELETE ?uploadId=old".to_owned()), "{asked:?}");
    assert!(asked.contains(&"DELETE p/b?uploadId=unknown".to_owned()), "{asked:?}");
    assert_eq!(std::fs::read_dir(journals.path()).unwrap().count(), 0);
}

#[test]
fn there_are_never_too_many_parts() {
    for size in [16 << 20, 1 << 30, 80_000 << 20, (80_000 << 20) + 1, 1 << 40] {
        let bytes = part_bytes(size) as u64;
        let is_allowed = size.div_ceil(bytes) <= PARTS_MAX && (PART_BYTES..=128 << 20).contains(&bytes);
        assert!(is_allowed, "{size}");
    }
}
