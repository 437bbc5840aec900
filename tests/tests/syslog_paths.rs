//! A path that is made of a message cannot leave its tree, whatever the message says and whoever planted links there.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use ballast_tests::address;
use ballast_tests::daemon::Setup;
use ballast_tests::syslog::{self, Framing};

const LOGD: u8 = 0;

fn logd() -> Setup {
    let hosts = "[output.hosts.file]\npath = \"tree/hosts/%HOSTNAME%/%PROGRAMNAME%.log\"\nformat = '%msg%\\n'\n\
                 [[rule]]\nselect = \"*.*\"\nto = [\"hosts\"]\n";
    Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + hosts)
}

/// An RFC 5424 message: its fields can hold all that is not a space.
fn message(host: &str, program: &str) -> Vec<u8> {
    let mut message = b"<13>1 2003-10-11T22:14:15Z ".to_vec();
    message.extend(syslog::unescape(host));
    message.push(b' ');
    message.extend(syslog::unescape(program));
    message.extend(b" - - - text");
    message
}

#[test]
fn names_out_of_messages_stay_in_their_tree() {
    let long = "h".repeat(300);
    let logd = logd().start();
    // HOSTNAME, APP-NAME, and the file that the message lands in.
    let cases = [
        ("../../../etc", "passwd", ".._.._.._etc/passwd.log"),
        ("..", "app", "__/app.log"),
        (".", "app", "_/app.log"),
        ("...", "app", ".../app.log"),
        ("/", "app", "_/app.log"),
        ("/etc/cron.d", "app", "_etc_cron.d/app.log"),
        ("a/../../b", "app", "a_.._.._b/app.log"),
        ("host", "..", "host/...log"),
        ("host", ".", "host/..log"),
        ("host", "../x", "host/...log"),
        ("host", "-", "host/-.log"),
        ("h\\0st", "app", "h#000st/app.log"),
        ("h\\nst", "app", "h#012st/app.log"),
        ("~", "app", "~/app.log"),
        ("$HOME", "`id`", "$HOME/`id`.log"),
        ("%HOSTNAME%", "app", "%HOSTNAME%/app.log"),
        ("*", "?", "*/?.log"),
        ("\\\\", "app", "\\/app.log"),
        (&long, "app", &format!("{}/app.log", &long[..255])),
        ("host", &long, &format!("host/{}", &long[..255])),
    ];
    let bytes = Framing::OctetCounted.frame(cases.iter().map(|(host, program, _)| message(host, program)));
    syslog::send(syslog::collector(address(LOGD)), &bytes);
    // Nothing but a PRI: the sender is its host, and it has no program.
    syslog::send(syslog::collector(address(LOGD)), b"<13>\n");
    let (_, left) = logd.stop();
    let found: BTreeSet<_> = syslog::tree(&left.path().join("tree")).into_keys().collect();
    let expected: BTreeSet<_> = cases
        .iter()
        .map(|(_, _, file)| *file)
        .chain(["127.0.0.1/unknown.log"])
        .map(|file| PathBuf::from("hosts").join(file))
        .collect();
    let only_expected: Vec<_> = expected.difference(&found).collect();
    let only_found: Vec<_> = found.difference(&expected).collect();
    assert!(
        only_expected.is_empty() && only_found.is_empty(),
        "not written: {only_expected:?}\nnot expected: {only_found:?}"
    );
    let beside: BTreeSet<_> = fs::read_dir(left.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["logd.toml", "stderr", "notify.sock", "control.sock", "work"].contains(&name.as_str()))
        .collect();
    assert_eq!(
        beside,
        BTreeSet::from(["tree".to_owned()]),
        "nothing is written beside the tree"
    );
}

#[test]
fn links_below_the_first_property_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "before\n").unwrap();
    let setup = logd();
    let hosts = setup.path().join("tree/hosts");
    fs::create_dir_all(hosts.join("host")).unwrap();
    symlink(outside.path(), hosts.join("evil")).unwrap();
    symlink(&victim, hosts.join("host/link.log")).unwrap();
    symlink(outside.path().join("not-there"), hosts.join("host/dangling.log")).unwrap();
    let logd = setup.start();
    let cases = [
        ("evil", "victim"),
        ("host", "link"),
        ("host", "dangling"),
        ("host", "app"),
        ("other", "app"),
    ];
    let bytes = Framing::OctetCounted.frame(cases.iter().map(|(host, program)| message(host, program)));
    syslog::send(syslog::collector(address(LOGD)), &bytes);
    let (_, left) = logd.stop();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "before\n");
    let names = syslog::tree(outside.path()).into_keys();
    assert_eq!(names.collect::<Vec<_>>(), [PathBuf::from("victim")]);
    for file in ["host/app.log", "other/app.log"] {
        assert_eq!(
            fs::read_to_string(left.path().join("tree/hosts").join(file)).unwrap(),
            "text\n",
            "{file}"
        );
    }
    for refused in ["evil/victim.log", "host/link.log", "host/dangling.log"] {
        assert!(left.log.contains(refused), "{refused} is named:\n{}", left.log);
    }
}

#[test]
fn links_above_the_first_property_are_the_administrators_own() {
    let elsewhere = tempfile::tempdir().unwrap();
    let setup = logd();
    fs::create_dir(setup.path().join("tree")).unwrap();
    symlink(elsewhere.path(), setup.path().join("tree/hosts")).unwrap();
    let logd = setup.start();
    syslog::send(
        syslog::collector(address(LOGD)),
        &Framing::OctetCounted.frame([message("host", "app")]),
    );
    let _left = logd.stop();
    let content = fs::read_to_string(elsewhere.path().join("host/app.log")).unwrap();
    assert_eq!(content, "text\n");
}
