//! Rotated files in S3: from logd by way of cloudd into moto, and what a crash, a dead endpoint and another file do.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;

use ballast_shared::varlink::{ClientError, Connection, MESSAGE_BYTES_MAX};
use ballast_tests::cloud::{Moto, REGION, all_texts_of};
use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::gate::Gate;
use ballast_tests::syslog::{self, Framing, metric};
use ballast_tests::{address, wait};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const LOGD: u8 = 0;
const GATE: u8 = 1;
const CLOUDD: u8 = 2;

const MIB: usize = 1 << 20;

fn bucket(moto: &Moto) {
    moto.request("PUT", "s3", "/logs", &[], "").unwrap();
}

fn gate(moto: &Moto) -> Gate {
    Gate::open(SocketAddr::from((address(GATE), 0)), moto.address())
}

fn command() -> Command {
    let mut command = Command::new(program("cloudd"));
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command
}

fn cloudd(url: &str) -> Daemon {
    let config = format!(
        "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\nhttp = \"{}:{}\"\n[plugin]\nsocket = \"plugin.sock\"\n\
         [archive.s3]\nregion = \"{REGION}\"\nbucket = \"logs\"\nprefix = \"prod/\"\nstorage-class = \"STANDARD_IA\"\n\
         endpoint = {{ s3 = \"{url}\", sts = \"{url}\" }}\n",
        address(CLOUDD),
        syslog::HTTP_PORT,
    );
    Setup::new("cloudd").file("cloudd.toml", config).start_by(command())
}

fn logd(plugin: &Path) -> Daemon {
    let config = syslog::logd_head(address(LOGD))
        + &format!(
            "[plugin.cloud]\nsocket = \"{}\"\n[output.all.file]\npath = \"log/%HOSTNAME%/%programname%.log\"\n\
             format = '%msg%\\n'\nrotate = {{ every = \"1d\", compress = \"none\" }}\n\
             archive = {{ plugin = \"cloud\", key = \"of-%$myhostname%/\" }}\n[[rule]]\nto = [\"all\"]\n",
            plugin.display()
        );
    Setup::new("logd")
        .file("logd.toml", format!("hostname = \"collector\"\n{config}"))
        .start()
}

fn log_and_rotate(logd: &Daemon, host: &str, texts: &[&str]) {
    let frames: Vec<String> = texts
        .iter()
        .map(|text| format!("<13>Oct 11 22:14:15 {host} app: {text}"))
        .collect();
    let frames = Framing::Newline.frame(frames.iter().map(String::as_bytes));
    syslog::send(syslog::collector(address(LOGD)), &frames);
    let output = logd.run(&["rotate"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1 files rotated\n");
}

/// The keys that there are.
fn keys(moto: &Moto) -> Vec<String> {
    let listed = moto.request("GET", "s3", "/logs?list-type=2", &[], "").unwrap();
    all_texts_of(&listed, "Key")
}

fn wait_for_keys(moto: &Moto, count: usize) -> Vec<String> {
    wait::until(&format!("{count} objects"), || {
        let keys = keys(moto);
        (keys.len() == count).then_some(keys)
    })
}

fn object(moto: &Moto, key: &str) -> String {
    moto.request("GET", "s3", &format!("/logs/{key}"), &[], "").unwrap()
}

/// Uploads that are neither completed nor aborted.
fn uploads(moto: &Moto) -> Vec<String> {
    all_texts_of(
        &moto.request("GET", "s3", "/logs?uploads", &[], "").unwrap(),
        "UploadId",
    )
}

/// Text that is other in each of its places.
fn text(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 16);
    let mut line = 0_u64;
    while text.len() < bytes {
        writeln!(text, "{:015x}", line.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4).unwrap();
        line += 1;
    }
    text.truncate(bytes);
    text
}

fn hex(content: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(content))
}

/// Hands a file over, of which `said` is said; gives the error that it is answered with.
fn put(socket: &Path, key: &str, content: &[u8], said: &[u8]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        let mut connection = Connection::open(socket, MESSAGE_BYTES_MAX).await.unwrap();
        let call = json!({"fd": 0, "key": key, "size": said.len(), "sha256": hex(said)});
        let descriptors = [file.as_fd()];
        let put = connection.call_with::<Map<String, Value>>("io.ballast.Archive1.Put", &call, &descriptors);
        match put.await {
            Ok(_) => Ok(()),
            Err(ClientError::Refused(error, _)) => Err(error),
            Err(error) => Err(error.to_string()),
        }
    })
}

#[test]
fn what_logd_rotates_is_in_the_bucket_also_from_while_it_was_away() {
    let moto = Moto::start();
    bucket(&moto);
    let gate = gate(&moto);
    let cloudd = cloudd(&gate.url());
    let logd = logd(&cloudd.path().join("plugin.sock"));
    log_and_rotate(&logd, "web1", &["one", "two"]);
    let key = wait_for_keys(&moto, 1).remove(0);
    assert!(key.starts_with("prod/of-collector/web1/app.log-"), "{key}");
    assert_eq!(object(&moto, &key), " one\n two\n");

    gate.close(true);
    log_and_rotate(&logd, "web2", &["three"]);
    gate.wait_for_turned_away();
    // It was begun by one start, and is done by the next.
    let cloudd = cloudd.kill().again().start_by(command());
    gate.close(false);
    let keys = wait_for_keys(&moto, 2);
    assert_eq!(object(&moto, &keys[1]), " three\n");
    wait::until("both to be counted", || {
        (metric(address(LOGD), "logd_output_files_archived_total", &[]) == 2.0).then_some(())
    });
    let status = String::from_utf8(cloudd.run(&["status"]).stdout).unwrap();
    assert!(status.contains("archive s3://logs/prod/: 1 files, 7 bytes"), "{status}");
    assert!(logd.stop().0.success());
}

#[test]
fn a_large_file_comes_in_parts_and_a_key_has_one_file() {
    let moto = Moto::start();
    bucket(&moto);
    let gate = gate(&moto);
    let cloudd = cloudd(&gate.url());
    let socket = cloudd.path().join("plugin.sock");
    let large = text(40 * MIB);
    assert_eq!(put(&socket, "big/a.log", &large, &large), Ok(()));
    assert!(
        object(&moto, "prod/big/a.log").as_bytes() == large,
        "the object is another"
    );
    assert_eq!(gate.requests("partNumber=").len(), 5);
    // Again it is known.
    assert_eq!(put(&socket, "big/a.log", &large, &large), Ok(()));
    assert_eq!(gate.requests("partNumber=").len(), 5);

    let other = text(17 * MIB);
    let mismatch = Err("io.ballast.Archive1.Mismatch".to_owned());
    assert_eq!(put(&socket, "big/a.log", &other, &other), mismatch);
    assert_eq!(
        put(&socket, "big/b.log", &large, &other),
        mismatch,
        "longer than was said"
    );
    let mut changed = other.clone();
    changed[16 * MIB + 5] ^= 1;
    assert_eq!(put(&socket, "big/b.log", &changed, &other), mismatch, "another digest");
    assert_eq!(put(&socket, "small.log", b"hello", b"hallo"), mismatch);
    assert_eq!(keys(&moto), ["prod/big/a.log"]);
    assert_eq!(uploads(&moto), [""; 0], "nothing is left behind");
}

#[test]
fn an_upload_that_a_crash_broke_off_goes_on() {
    let moto = Moto::start();
    bucket(&moto);
    let gate = gate(&moto);
    let cloudd = cloudd(&gate.url());
    let socket = cloudd.path().join("plugin.sock");
    let large = text(40 * MIB);
    gate.hold(Some("partNumber=4"));
    let caller = std::thread::spawn({
        let (socket, large) = (socket.clone(), large.clone());
        move || put(&socket, "big.log", &large, &large)
    });
    gate.wait_for_held();
    let journals = cloudd.path().join("state/archive");
    wait::until("the others to be written down", || {
        let journal = std::fs::read_dir(&journals).ok()?.next()?.ok()?.path();
        (std::fs::read_to_string(journal).ok()?.matches("\"part\"").count() == 4).then_some(())
    });
    let killed = cloudd.kill();
    assert!(caller.join().unwrap().is_err());
    assert_eq!(uploads(&moto).len(), 1);
    gate.hold(None);
    let cloudd = killed.again().start_by(command());
    assert_eq!(put(&socket, "big.log", &large, &large), Ok(()));
    assert!(
        object(&moto, "prod/big.log").as_bytes() == large,
        "the object is another"
    );
    assert_eq!(uploads(&moto), [""; 0], "nothing is left behind");
    for number in [1, 2, 3, 5] {
        let sent = gate.requests(&format!("partNumber={number}&"));
        assert_eq!(sent.len(), 1, "a part that was there is not sent again: {sent:?}");
    }
    assert_eq!(
        metric(address(CLOUDD), "cloudd_archive_parts_resumed_total", &[]) as u32,
        4
    );
    assert_eq!(std::fs::read_dir(&journals).unwrap().count(), 0);
    assert!(cloudd.stop().0.success());
}

#[test]
fn an_upload_of_which_nobody_knew_yet_is_taken_away() {
    let moto = Moto::start();
    bucket(&moto);
    let gate = gate(&moto);
    let cloudd = cloudd(&gate.url());
    let socket = cloudd.path().join("plugin.sock");
    let large = text(16 * MIB);
    gate.hold(Some("partNumber=1"));
    let caller = std::thread::spawn({
        let (socket, large) = (socket.clone(), large.clone());
        move || put(&socket, "big.log", &large, &large)
    });
    gate.wait_for_held();
    let killed = cloudd.kill();
    assert!(caller.join().unwrap().is_err());
    // As one who was killed before the answer was there.
    let journal = std::fs::read_dir(killed.path().join("state/archive"))
        .unwrap()
        .next()
        .unwrap();
    let journal = journal.unwrap().path();
    let intent = std::fs::read_to_string(&journal)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    std::fs::write(&journal, intent).unwrap();
    assert_eq!(uploads(&moto).len(), 1);
    gate.hold(None);
    let _cloudd = killed.again().start_by(command());
    assert_eq!(put(&socket, "big.log", &large, &large), Ok(()));
    assert!(
        object(&moto, "prod/big.log").as_bytes() == large,
        "the object is another"
    );
    assert_eq!(uploads(&moto), [""; 0], "nothing is left behind");
}
