use std::io::{Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use ballast_shared::varlink::Peer;
use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;

fn file(content: &[u8]) -> OwnedFd {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    // Wherever its position is.
    file.seek(SeekFrom::Start(1)).unwrap();
    file.into()
}

fn call(key: &str, content: &[u8], said: &[u8]) -> Call {
    let parameters = json!({
        "fd": 0,
        "key": key,
        "size": said.len(),
        "sha256": HEXLOWER.encode(&Sha256::digest(said)),
    });
    let Value::Object(parameters) = parameters else {
        panic!("it is an object");
    };
    Call {
        interface: INTERFACE.name,
        method: "Put".into(),
        parameters,
        descriptors: vec![file(content)],
        caller: Peer {
            uid: 0,
            gid: 0,
            pid: None,
        },
    }
}

fn error(outcome: Result<Map<String, Value>, CallError>) -> &'static str {
    match outcome {
        Err(CallError::Failed(error, _)) => error,
        other => panic!("{other:?}"),
    }
}

struct Kept {
    archive: Archive,
    directory: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::new();
        let config = Config::Directory {
            path: directory.path().join("kept"),
        };
        archive.configure(Some(&config), directory.path());
        Self { archive, directory }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.path().join("kept").join(key)
    }

    fn unfinished(&self) -> usize {
        std::fs::read_dir(self.path(".unfinished")).unwrap().count()
    }
}

#[tokio::test]
async fn a_file_is_stored_once_and_under_its_key() {
    let kept = Kept::new();
    let large = vec![7; 3 << 20];
    for (key, content) in [("web1/2026/a.log", &b"hello"[..]), ("b", b""), ("large", &large)] {
        assert_eq!(kept.archive.call(call(key, content, content)).await, Ok(Map::new()));
        assert_eq!(std::fs::read(kept.path(key)).unwrap(), content, "{key}");
        assert_eq!(
            kept.archive.call(call(key, content, content)).await,
            Ok(Map::new()),
            "again"
        );
    }
    let status = kept.archive.status().unwrap();
    assert_eq!((status.files, status.bytes, status.failures), (3, 5 + (3 << 20), 0));
    assert_eq!(kept.unfinished(), 0);
}

#[tokio::test]
async fn what_is_not_as_it_was_said_is_not_stored() {
    let kept = Kept::new();
    for (content, said) in [
        (&b"hello"[..], &b"hallo"[..]),
        (b"hell", b"hello"),
        (b"hello!", b"hello"),
    ] {
        assert_eq!(error(kept.archive.call(call("a", content, said)).await), "Mismatch");
        assert!(!kept.path("a").exists());
    }
    assert_eq!(kept.unfinished(), 0);
    kept.archive.call(call("a", b"one", b"one")).await.unwrap();
    assert_eq!(error(kept.archive.call(call("a", b"two", b"two")).await), "Mismatch");
    assert_eq!(std::fs::read(kept.path("a")).unwrap(), b"one");
    let problem = kept.archive.status().unwrap().problem.unwrap();
    assert!(problem.contains("another file"), "{problem}");
    kept.archive.call(call("b", b"two", b"two")).await.unwrap();
    assert_eq!(kept.archive.status().unwrap().problem, None);
}

#[tokio::test]
async fn no_key_leads_elsewhere() {
    let kept = Kept::new();
    let refused = async |key: &str| error(kept.archive.call(call(key, b"x", b"x")).await);
    kept.archive.call(call("a", b"one", b"one")).await.unwrap();
    assert_eq!(refused("a/b").await, "Mismatch", "below a file");
    let outside = kept.directory.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, kept.path("link")).unwrap();
    assert_eq!(refused("link/b").await, "Mismatch", "below a link");
    assert_eq!(refused("link").await, "Mismatch", "a link");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    assert_eq!(refused(".unfinished/b").await, "Mismatch");
}

#[tokio::test]
async fn what_a_start_before_has_left_is_taken_away() {
    let kept = Kept::new();
    std::fs::create_dir_all(kept.path(".unfinished")).unwrap();
    std::fs::write(kept.path(".unfinished/0123-4"), b"half").unwrap();
    kept.archive.call(call("a", b"one", b"one")).await.unwrap();
    assert_eq!(kept.unfinished(), 0);
}

#[tokio::test]
async fn without_a_place_files_are_to_be_tried_again() {
    let archive = Archive::new();
    assert_eq!(error(archive.call(call("a", b"x", b"x")).await), "Unavailable");
    assert_eq!(archive.status(), None);
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    std::fs::write(&blocked, b"no directory").unwrap();
    let config = Config::Directory {
        path: blocked.join("kept"),
    };
    archive.configure(Some(&config), directory.path());
    assert_eq!(error(archive.call(call("a", b"x", b"x")).await), "Unavailable");
}

#[tokio::test]
async fn a_key_is_stored_by_one_at_a_time() {
    let kept = Kept::new();
    let busy = kept.archive.claim("a").unwrap();
    assert_eq!(error(kept.archive.call(call("a", b"x", b"x")).await), "Unavailable");
    kept.archive.call(call("b", b"x", b"x")).await.unwrap();
    drop(busy);
    kept.archive.call(call("a", b"x", b"x")).await.unwrap();
}
