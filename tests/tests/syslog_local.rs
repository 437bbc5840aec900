//! What programs of this machine log: by syslog(3) to a socket, as rsyslogd's imuxsock takes it, with the sender's credentials.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{self, File};
use std::io::{IoSlice, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use ballast_tests::daemon::{Daemon, Setup, output, program};
use ballast_tests::syslog;
use ballast_tests::{address, peers, wait};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::geteuid;

const LOGD: u8 = 0;
const RSYSLOGD: u8 = 1;

/// All that a local program can put into a message, the stamp aside.
const TEMPLATE: &str =
    "%pri-text%|%hostname%|%fromhost%|%fromhost-ip%|%syslogtag%|%programname%|%app-name%|%procid%|%msg%|";

/// logd with the inputs of this text, everything in `log`.
fn logd(inputs: &str) -> Daemon {
    setup(inputs).start()
}

fn setup(inputs: &str) -> Setup {
    let rest = format!(
        "{inputs}\n[output.fields.file]\npath = \"log\"\nformat = '{TEMPLATE}\\n'\n\
         [[rule]]\nselect = \"*.*\"\nto = [\"fields\"]\n"
    );
    Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + &rest)
}

fn connected(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(path).unwrap();
    socket
}

/// The lines of its log, when there are so many.
fn lines(logd: &Daemon, count: usize) -> Vec<String> {
    let content = wait::until_lines(&logd.path().join("log"), count);
    String::from_utf8_lossy(&content).lines().map(str::to_owned).collect()
}

/// The tag in a line of [`TEMPLATE`].
fn tag(line: &str) -> &str {
    line.split('|').nth(4).unwrap()
}

#[test]
fn the_same_bytes_are_the_same_messages_as_with_imuxsock() {
    let frames: [&[u8]; 15] = [
        b"<13>Oct 11 22:14:15 app: hello",
        b"<38>Oct 11 22:14:15 sshd[77]: Accepted publickey for root from 192.0.2.7 port 4242 ssh2\0",
        b"<13>Oct 11 22:14:15 host app: hello",
        b"<13>app: no stamp",
        b"<13>Oct 11 22:14:15 a b",
        b"<13>",
        b"<13>Oct 11 22:14:15  two: spaces",
        b"<13>Oct 11 22:14:15 a[1]b[2]: many",
        b"<13>Oct  1 22:14:15 /usr/bin/x[3]: path",
        b"<13>Oct 11 22:14:15 t: line\none\ttab\n",
        b"<5>kern: facility kern",
        b"<191>Oct 11 22:14:15 lonely",
        b"<13>Oct 11 22:14:15 gr\xc3\xbc\xc3\x9fe: \xff\x80 odd bytes \x01\x7f",
        b"<13>Oct 11 22:14:15 (systemd)[1]: in brackets",
        b"<86>Oct 11 22:14:15 CRON[9]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
    ];
    let loggers: [&[&str]; 4] = [
        &["-t", "lg", "from logger"],
        &["-t", "lg", "--id=4242", "-p", "auth.info", "a pid and a priority"],
        &["-t", "a/b", "  spaces before and after  "],
        &["-t", "lg", "two\nlines"],
    ];

    let logd = logd("[input.local.unix]\npath = \"dev/log\"\ncreate-path = true\nuse-pid-from-system = false");
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    let config = syslog::rsyslogd_head(directory.path(), address(RSYSLOGD))
        + &format!(
            "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{here}/socket\")\n\
             $template fields,\"{TEMPLATE}\\n\"\n*.* {here}/log;fields\n"
        );
    let rsyslogd = peers::rsyslogd(directory.path(), &config, syslog::collector(address(RSYSLOGD)));

    let count = frames.len() + loggers.len();
    let written = [
        (logd.path().join("dev/log"), logd.path().join("log")),
        (directory.path().join("socket"), directory.path().join("log")),
    ]
    .map(|(socket, log)| {
        let sender = connected(&socket);
        for frame in frames {
            sender.send(frame).unwrap();
        }
        let path = socket.display().to_string();
        for arguments in loggers {
            output("logger", ["-u", &path].iter().chain(arguments));
        }
        String::from_utf8_lossy(&wait::until_lines(&log, count))
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    let [found, expected] = written;
    assert_eq!(found, expected);
    rsyslogd.stop();
    assert!(logd.stop().0.success());
}

#[test]
fn a_pid_in_a_tag_is_the_senders_own_unless_root_speaks_for_another() {
    let logd = logd(
        "[input.checked.unix]\npath = \"checked\"\n[input.system.unix]\npath = \"system\"\nuse-pid-from-system = true",
    );
    // Everybody on the machine may write to it; the folders of tests are for their user only.
    let claim = |as_root: bool| {
        let mut command = Command::new("setpriv");
        if geteuid().is_root() && !as_root {
            command.args(["--reuid", "65534", "--clear-groups"]);
        }
        command
            .args(["logger", "--id=777", "-t", "lg", "-u", "checked", "claims 777"])
            .current_dir(logd.path())
            .stdin(Stdio::null());
        fs::set_permissions(logd.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut child = command.spawn().unwrap();
        assert!(child.wait().unwrap().success());
        child.id()
    };
    let pid = claim(false);
    assert_eq!(tag(&lines(&logd, 1)[0]), format!("lg[{pid}]:"));
    let wrong = || syslog::metric(address(LOGD), "logd_input_wrong_pid_total", &["input=\"checked\""]);
    assert_eq!(wrong() as u64, 1);
    if geteuid().is_root() {
        claim(true);
        assert_eq!(tag(&lines(&logd, 2)[1]), "lg[777]:");
        assert_eq!(wrong() as u64, 1);
    }
    let before = lines(&logd, 1).len();
    let sender = connected(&logd.path().join("system"));
    sender.send(b"<13>Oct 11 22:14:15 app: without").unwrap();
    sender.send(b"<13>Oct 11 22:14:15 app[1]: another's").unwrap();
    let own = format!("app[{}]:", std::process::id());
    for line in &lines(&logd, before + 2)[before..] {
        assert_eq!(tag(line), own);
    }
    assert!(logd.stop().0.success());
}

#[test]
fn a_connection_has_messages_by_line_and_by_nul() {
    let logd = logd("[input.local.unix]\npath = \"socket\"\nstream = true\nmessage-max = \"480B\"");
    let mut stream = UnixStream::connect(logd.path().join("socket")).unwrap();
    stream.write_all(b"<13>Oct 11 22:14:15 a: one\0<13>Oct 11 22:").unwrap();
    lines(&logd, 1);
    stream.write_all(b"14:15 a: two\n\n").unwrap();
    let long = format!("<13>Oct 11 22:14:15 a: {}\n", "x".repeat(600));
    stream.write_all(long.as_bytes()).unwrap();
    stream.write_all(b"<13>Oct 11 22:14:15 a: not ended").unwrap();
    drop(stream);
    // Another connection's messages may come before what is read of this one.
    lines(&logd, 4);
    output(
        "logger",
        [
            "-u",
            &logd.path().join("socket").display().to_string(),
            "-t",
            "lg",
            "logger",
        ],
    );
    let lines = lines(&logd, 5);
    let messages: Vec<_> = lines.iter().map(|line| line.split('|').nth(8).unwrap()).collect();
    let cut = format!(" {}", "x".repeat(480 - "<13>Oct 11 22:14:15 a: ".len()));
    assert_eq!(messages, [" one", " two", &cut, " not ended", " logger"]);
    assert_eq!(
        syslog::metric(address(LOGD), "logd_input_truncated_total", &["input=\"local\""]) as u64,
        1
    );
    assert!(logd.stop().0.success());
}

#[test]
fn descriptors_that_come_with_messages_are_not_kept() {
    let logd = logd("[input.local.unix]\npath = \"socket\"");
    let sender = connected(&logd.path().join("socket"));
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", logd.pid())).unwrap().count();
    sender.send(b"<13>Oct 11 22:14:15 a: first").unwrap();
    lines(&logd, 1);
    let before = descriptors();
    let passed = File::open("/dev/null").unwrap();
    let passed = [passed.as_raw_fd(); 50];
    for _ in 0..20 {
        let beside = [ControlMessage::ScmRights(&passed)];
        let text = [IoSlice::new(b"<13>Oct 11 22:14:15 a: with descriptors")];
        sendmsg::<()>(sender.as_raw_fd(), &text, &beside, MsgFlags::empty(), None).unwrap();
    }
    lines(&logd, 21);
    assert!(descriptors() <= before + 1, "{before} before, {} now", descriptors());
    assert!(logd.stop().0.success());
}

#[test]
fn what_was_sent_before_the_stop_is_written_and_the_path_is_free_again() {
    let logd = logd("[input.local.unix]\npath = \"socket\"");
    let sender = connected(&logd.path().join("socket"));
    const MESSAGES: usize = 2_000;
    for n in 0..MESSAGES {
        sender.send(format!("<13>Oct 11 22:14:15 a: {n}").as_bytes()).unwrap();
    }
    let (status, left) = logd.stop();
    assert!(status.success());
    let content = fs::read(left.path().join("log")).unwrap();
    assert_eq!(content.iter().filter(|byte| **byte == b'\n').count(), MESSAGES);
    assert!(!left.path().join("socket").exists());
    // What a process that was killed leaves behind is in nobody's way.
    drop(UnixDatagram::bind(left.path().join("socket")).unwrap());
    assert!(left.again().start().stop().0.success());
}

#[test]
fn a_socket_that_is_held_is_not_taken_away() {
    let setup = setup("[input.local.unix]\npath = \"socket\"");
    let held = UnixDatagram::bind(setup.path().join("socket")).unwrap();
    let refused = setup.run(&["run"]);
    assert_eq!(refused.status.code(), Some(69));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains(&format!("pid {}", std::process::id())), "{said}");
    connected(&setup.path().join("socket")).send(b"still here").unwrap();
    assert_eq!(held.recv(&mut [0; 100]).unwrap(), 10);
}

#[test]
fn a_socket_that_systemd_passes_is_served_with_what_it_holds_and_left_to_it() {
    let setup = setup("[input.local.unix]\npath = \"socket\"");
    let path = setup.path().join("socket");
    let passed = UnixDatagram::bind(&path).unwrap();
    connected(&path)
        .send(b"<13>Oct 11 22:14:15 a: before the start")
        .unwrap();
    // A shell moves it to where systemd puts the first socket, and says for which process it is.
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"")
        .arg(program("logd"))
        .stdin(Stdio::from(OwnedFd::from(passed)));
    let logd = setup.start_by(command);
    connected(&path).send(b"<13>Oct 11 22:14:15 a: after").unwrap();
    assert_eq!(lines(&logd, 2).len(), 2);
    let (status, _left) = logd.stop();
    assert!(status.success());
    assert!(path.exists(), "the next run gets it again");
}

#[test]
fn explain_reads_what_a_local_program_would_write() {
    let setup = setup("[input.local.unix]\npath = \"socket\"");
    let mut explain = Command::new(program("logd"))
        .args(["explain", "--input", "local", "--config"])
        .arg(setup.path().join("logd.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    explain
        .stdin
        .take()
        .unwrap()
        .write_all(b"<13>Oct 11 22:14:15 app lonely words\n")
        .unwrap();
    let said = explain.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains("programname      app\n"), "{said}");
}
