//! `archive`: rotated files are handed to a plugin.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::plugin::Plugin;
use ballast_tests::syslog::{self, Framing, metric};
use ballast_tests::{address, wait};

const LOGD: u8 = 0;

const SOCKET: &str = "plugin.sock";

fn logd(directory: &Path) -> Daemon {
    let config = syslog::logd_head(address(LOGD))
        + &format!(
            "[plugin.cloud]\nsocket = \"{}\"\n[output.all.file]\npath = \"log/%HOSTNAME%/%programname%.log\"\n\
             format = \"%msg%\"\nrotate = {{ every = \"1d\", compress = \"none\" }}\nkeep = {{ age = \"1h\" }}\n\
             archive = {{ plugin = \"cloud\", key = \"logs/of-%$myhostname%/\" }}\n[[rule]]\nto = [\"all\"]\n",
            directory.join(SOCKET).display()
        );
    Setup::new("logd")
        .file("logd.toml", format!("hostname = \"collector\"\n{config}"))
        .start()
}

fn send(host: &str, program: &str, text: &str) {
    let message = format!("<13>Oct 11 22:14:15 {host} {program}: {text}");
    syslog::send(
        syslog::collector(address(LOGD)),
        &Framing::Newline.frame([message.as_bytes()]),
    );
}

fn rotate(logd: &Daemon, files: u32) {
    let output = logd.run(&["rotate"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{files} files rotated\n")
    );
}

/// What is kept, by the key without the date at its end.
fn by_file(archived: &HashMap<String, Vec<u8>>) -> Vec<(&str, &str)> {
    let mut files: Vec<_> = archived
        .iter()
        .map(|(key, content)| {
            let (file, _) = key.split_once(".log-").unwrap();
            (file, std::str::from_utf8(content).unwrap())
        })
        .collect();
    files.sort_unstable();
    files
}

#[test]
fn rotated_files_are_with_the_plugin_also_those_from_while_it_was_away() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join(SOCKET);
    let plugin = Plugin::start(&socket, []);
    let logd = logd(directory.path());
    send("web1", "app", "one");
    send("web2", "app", "two");
    rotate(&logd, 2);
    let archived = plugin.wait_for_archived(2);
    let first = [
        ("logs/of-collector/web1/app", " one\n"),
        ("logs/of-collector/web2/app", " two\n"),
    ];
    assert_eq!(by_file(&archived), first);
    wait::until("both to be counted", || {
        (metric(address(LOGD), "logd_output_files_archived_total", &[]) == 2.0).then_some(())
    });
    drop(plugin);
    send("web3", "app", "three");
    rotate(&logd, 1);
    wait::until("it to be missed", || {
        (metric(address(LOGD), "logd_output_errors_total", &["\"all\""]) > 0.0).then_some(())
    });
    // A crash in between changes nothing: what is archived is written on the files.
    let plugin = Plugin::start(&socket, []);
    let logd = logd.kill().again().start();
    let archived = plugin.wait_for_archived(1);
    assert_eq!(by_file(&archived), [("logs/of-collector/web3/app", " three\n")]);
    let kept = fs::read_dir(logd.path().join("log")).unwrap().count();
    assert_eq!(kept, 3);
    assert!(logd.stop().0.success());
}
