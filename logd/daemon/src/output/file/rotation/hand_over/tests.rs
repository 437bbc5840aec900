//! Files that are handed to a plugin of the tests' own, which is there, away, full, or does not take them.

use std::io::{IoSliceMut, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::{self, JoinHandle};

use data_encoding::HEXLOWER;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::output::file::FileSettings;
use crate::output::file::rotation::tests::Logs;
use crate::output::file::rotation::{Keep, Rotate};

/// What the plugin was given: the key, and what it has read from the descriptor.
type Given = (String, Vec<u8>);

/// Takes one call, with the descriptor that came along.
fn take(stream: &mut UnixStream) -> (Value, std::fs::File) {
    let mut call = vec![0; 64 << 10];
    let mut descriptors = nix::cmsg_space!([std::os::fd::RawFd; 4]);
    let (length, files) = {
        let mut parts = [IoSliceMut::new(&mut call)];
        let received = recvmsg::<()>(
            stream.as_raw_fd(),
            &mut parts,
            Some(&mut descriptors),
            MsgFlags::MSG_CMSG_CLOEXEC,
        )
        .unwrap();
        let files: Vec<_> = received
            .cmsgs()
            .unwrap()
            .filter_map(|message| match message {
                ControlMessageOwned::ScmRights(files) => Some(files),
                _ => None,
            })
            .flatten()
            .collect();
        (received.bytes, files)
    };
    call.truncate(length);
    while call.last() != Some(&0) {
        let mut more = [0; 4096];
        let length = stream.read(&mut more).unwrap();
        assert!(length > 0, "the call is whole");
        call.extend_from_slice(&more[..length]);
    }
    call.pop();
    assert_eq!(files.len(), 1);
    let path = format!("/proc/self/fd/{}", files[0]);
    // Another description of the same file, so that no descriptor is taken over by its number.
    let mut file = std::fs::File::open(path).unwrap();
    nix::unistd::close(files[0]).unwrap();
    file.rewind().unwrap();
    (serde_json::from_slice(&call).unwrap(), file)
}

/// A plugin that answers each file with the next of these.
fn plugin(socket: &Path, answers: Vec<Value>) -> JoinHandle<Vec<Given>> {
    let listener = UnixListener::bind(socket).unwrap();
    thread::spawn(move || {
        let mut given = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (call, mut file) = take(&mut stream);
            assert_eq!(call["method"], "io.ballast.Archive1.Put");
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            let parameters = &call["parameters"];
            assert_eq!(parameters["size"], content.len());
            assert_eq!(parameters["sha256"], HEXLOWER.encode(&Sha256::digest(&content)));
            given.push((parameters["key"].as_str().unwrap().to_owned(), content));
            if !answer.is_null() {
                let mut bytes = answer.to_string().into_bytes();
                bytes.push(0);
                stream.write_all(&bytes).unwrap();
            }
        }
        given
    })
}

fn stored() -> Value {
    json!({"parameters": {}})
}

fn error(name: &str) -> Value {
    json!({"error": format!("io.ballast.Archive1.{name}"), "parameters": {"message": "so it is"}})
}

fn archive(socket: &Path) -> Box<ArchiveTo> {
    Box::new(ArchiveTo {
        plugin: Settings::new(
            "cloud".to_owned(),
            socket.to_owned(),
            socket.with_extension("inventory"),
        ),
        prefix: "logs/".into(),
    })
}

struct Archived {
    logs: Logs,
    directory: tempfile::TempDir,
}

impl Archived {
    fn new(keep: Keep) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings = FileSettings {
            rotate: Some(Rotate::default()),
            keep,
            archive: Some(archive(&directory.path().join("plugin.sock"))),
            ..FileSettings::default()
        };
        let logs = Logs::of("hosts/%HOSTNAME%/%PROGRAMNAME%.log", settings);
        Self { logs, directory }
    }

    fn plugin(&self, answers: Vec<Value>) -> JoinHandle<Vec<Given>> {
        plugin(&self.directory.path().join("plugin.sock"), answers)
    }

    /// Writes a file and rotates it.
    fn rotated(&self, name: &str, lines: &str) {
        self.logs.write(name, lines);
        self.logs.rotate_now();
    }

    /// A round of a thread that has just been started.
    fn round(&self) {
        let hand_over = HandOver::default();
        let mut hands = Hands::new(&hand_over);
        hands.tree(&self.logs.tree);
    }
}

#[test]
fn rotated_files_are_handed_over_once_with_their_digest_and_key() {
    let archived = Archived::new(Keep::default());
    archived.rotated("hosts/web1/sshd.log", "one\ntwo\n");
    archived.rotated("hosts/web2/100%.log", "three\n");
    let name = |from: &str| {
        let names = archived.logs.rotated();
        names.into_iter().find(|name| name.starts_with(from)).unwrap()
    };
    let expected = [
        (
            format!("logs/{}", &name("hosts/web1/")["hosts/".len()..]),
            b"one\ntwo\n".to_vec(),
        ),
        (
            format!("logs/{}", name("hosts/web2/")["hosts/".len()..].replace('%', "%25")),
            b"three\n".to_vec(),
        ),
    ];
    let plugin = archived.plugin(vec![stored(), stored()]);
    archived.round();
    // What is written to is not handed over, nor is anything twice: nobody listens any more.
    archived.logs.write("hosts/web1/sshd.log", "four\n");
    archived.round();
    let mut given = plugin.join().unwrap();
    given.sort();
    assert_eq!(given, expected);
}

#[test]
fn what_the_plugin_has_no_room_for_is_tried_again_and_what_it_refuses_is_not() {
    let archived = Archived::new(Keep::default());
    archived.rotated("hosts/web1/sshd.log", "one\n");
    let hand_over = HandOver::default();
    let mut hands = Hands::new(&hand_over);
    hands.retry_first = Duration::ZERO;
    hands.tree(&archived.logs.tree);
    assert_eq!(hands.away.len(), 1, "nobody is there");
    let plugin = archived.plugin(vec![error("Unavailable"), Value::Null, error("Mismatch")]);
    for _ in 0..5 {
        hands.tree(&archived.logs.tree);
    }
    assert_eq!(plugin.join().unwrap().len(), 3);
    assert_eq!(hands.refused.len(), 1);
    // After a restart it is tried once more.
    std::fs::remove_file(archived.directory.path().join("plugin.sock")).unwrap();
    let plugin = archived.plugin(vec![stored()]);
    archived.round();
    assert_eq!(plugin.join().unwrap().len(), 1);
}

#[test]
fn a_plugin_that_is_away_is_not_asked_for_each_file() {
    let archived = Archived::new(Keep::default());
    for host in ["a", "b", "c"] {
        archived.rotated(&format!("hosts/{host}/app.log"), "line\n");
    }
    let hand_over = HandOver::default();
    let mut hands = Hands::new(&hand_over);
    hands.tree(&archived.logs.tree);
    let away = &hands.away[&archived.directory.path().join("plugin.sock")];
    assert_eq!(away.failures, 1);
    assert!(hands.again_at() <= Instant::now() + RETRY_FIRST);
    hands.forget_untried();
    assert_eq!(hands.away.len(), 1, "it is to be asked again");
    // Then there is nothing left to ask it for.
    hands.away.values_mut().for_each(|away| away.until = Instant::now());
    hands.forget_untried();
    assert!(hands.again_at() > Instant::now() + RETRY_MAX);
}

#[test]
fn keep_waits_for_the_archive_until_total_forces_it() {
    let day = Duration::from_secs(86_400);
    let archived = Archived::new(Keep {
        age: Some(7 * day),
        total_bytes: Some(10 * 4096),
    });
    let logs = &archived.logs;
    for (host, days) in [("old", 30), ("older", 40), ("new", 1)] {
        let name = format!("hosts/{host}/app.log");
        archived.rotated(&name, &"line\n".repeat(3000));
        let rotated = logs
            .rotated()
            .into_iter()
            .find(|name| name.contains(&format!("/{host}/")));
        logs.aged(&rotated.unwrap(), days * day);
    }
    let hosts = || -> Vec<String> {
        let names = logs.rotated();
        names
            .iter()
            .map(|name| name.split('/').nth(1).unwrap().to_owned())
            .collect()
    };
    // Each takes four blocks of 4 KiB: two may stay. The oldest of those that are not archived goes.
    logs.round();
    assert_eq!(hosts(), ["new", "old"]);
    logs.round();
    assert_eq!(hosts(), ["new", "old"], "what is too old waits");
    let plugin = archived.plugin(vec![stored(), stored()]);
    archived.round();
    plugin.join().unwrap();
    logs.round();
    assert_eq!(hosts(), ["new"]);
}

#[test]
fn what_is_archived_goes_before_what_is_not() {
    let archived = Archived::new(Keep {
        age: None,
        total_bytes: Some(6 * 4096),
    });
    let logs = &archived.logs;
    archived.rotated("hosts/archived/app.log", &"line\n".repeat(3000));
    let plugin = archived.plugin(vec![stored()]);
    archived.round();
    plugin.join().unwrap();
    archived.rotated("hosts/waiting/app.log", &"line\n".repeat(3000));
    let waiting = logs
        .rotated()
        .into_iter()
        .find(|name| name.contains("/waiting/"))
        .unwrap();
    logs.aged(&waiting, Duration::from_secs(86_400));
    logs.round();
    assert_eq!(logs.rotated(), [waiting]);
}

#[test]
fn a_file_that_is_compressed_is_handed_over_in_that_form_only() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let settings = FileSettings {
        rotate: Some(Rotate {
            compress: Some(logd_core::rotation::Compression::Zstd),
            ..Rotate::default()
        }),
        archive: Some(archive(&socket)),
        ..FileSettings::default()
    };
    let logs = Logs::of("hosts/%HOSTNAME%/%PROGRAMNAME%.log", settings);
    logs.write("hosts/web1/app.log", "line\n");
    logs.rotate_now();
    let hand_over = HandOver::default();
    let mut hands = Hands::new(&hand_over);
    hands.tree(&logs.tree);
    assert!(hands.away.is_empty(), "it was not tried");
    logs.round();
    let plugin = plugin(&socket, vec![stored()]);
    hands.tree(&logs.tree);
    let (key, content) = plugin.join().unwrap().pop().unwrap();
    assert!(key.starts_with("logs/web1/app.log-") && key.ends_with(".zst"), "{key}");
    assert_eq!(zstd::decode_all(&*content).unwrap(), b"line\n");
}

#[test]
fn a_key_is_text_whatever_the_file_is_called() {
    let to = archive(Path::new("/s"));
    let key = |below: &[u8]| to.key(&FilePath::new(&[b"/var/log/", below].concat(), 9));
    assert_eq!(
        key(b"web\xff1/\x1b\xc3\xa9.log").as_deref(),
        Some("logs/web%FF1/%1B\u{e9}.log")
    );
    assert_eq!(key("\u{85}".as_bytes()).as_deref(), Some("logs/%C2%85"));
    assert_eq!(key(&[b'x'; 1_019]).map(|key| key.len()), Some(1_024));
    assert_eq!(key(&[b'x'; 1_020]), None);
}
