//! The outputs `users`, `tty`, `pipe` and `program`: whole lines for people and programs, who keep nobody waiting. What they don't
//! take is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::syslog::{self, collector, metric};
use ballast_tests::{address, wait};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

const LOGD: u8 = 0;

fn logd(setup: Setup, output: &str) -> Daemon {
    let spec = format!("[output.x.{output}\n[[rule]]\nto = [\"x\", \"log/all\"]\n");
    setup
        .file("logd.toml", syslog::logd_head(address(LOGD)) + &spec)
        .start()
}

/// Sends messages of these texts, and waits until they are in the file beside the output.
fn send(logd: &Daemon, texts: impl IntoIterator<Item = String>) {
    let mut bytes = String::new();
    for text in texts {
        writeln!(bytes, "<13>Oct 11 22:14:15 host app: {text}").unwrap();
    }
    syslog::send(collector(address(LOGD)), bytes.as_bytes());
    let last = bytes.lines().last().unwrap().strip_prefix("<13>").unwrap().to_owned() + "\n";
    wait::until_file(&logd.path().join("log/all"), |content| {
        content.ends_with(last.as_bytes())
    });
}

fn sent_and_dropped() -> (usize, usize) {
    let value = |name, labels: &[&str]| metric(address(LOGD), name, labels) as usize;
    let output = "output=\"x\"";
    (
        value("logd_output_lines_total", &[output]),
        value("logd_output_dropped_total", &[output]),
    )
}

fn dropped(reason: &str) -> usize {
    let labels = ["output=\"x\"", &format!("reason=\"{reason}\"")];
    metric(address(LOGD), "logd_output_dropped_total", &labels) as usize
}

/// A terminal: what is written to it is in a file.
struct Terminal {
    script: Child,
    device: PathBuf,
    shown: PathBuf,
}

impl Terminal {
    fn start(directory: &Path, name: &str) -> Self {
        let shown = directory.join(name);
        let script = Command::new("script")
            .args(["--quiet", "--flush", "--return", "--command", "tty; exec sleep 1000"])
            .arg(&shown)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("script: {error}: scripts/install test"));
        let device = wait::until("the terminal", || {
            let content = fs::read_to_string(&shown).ok()?;
            let line = content.lines().find(|line| line.starts_with("/dev/"))?;
            content
                .contains(&format!("{line}\r\n"))
                .then(|| PathBuf::from(line.trim()))
        });
        Self { script, device, shown }
    }

    /// Waits until a text was shown.
    fn wait_for(&self, text: &str) {
        wait::until(&format!("{text:?} on the terminal"), || self.shows(text).then_some(()));
    }

    fn shows(&self, text: &str) -> bool {
        String::from_utf8_lossy(&fs::read(&self.shown).unwrap()).contains(text)
    }

    /// Its name below /dev.
    fn line(&self) -> &str {
        self.device.to_str().unwrap().strip_prefix("/dev/").unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

/// A record of utmp: somebody who is logged in.
fn utmp(sessions: &[(&str, &str)]) -> Vec<u8> {
    const RECORD_BYTES: usize = if cfg!(target_arch = "aarch64") { 400 } else { 384 };
    const USER_PROCESS: u8 = 7;
    let mut bytes = Vec::new();
    for (user, line) in sessions {
        let mut record = vec![0; RECORD_BYTES];
        record[usize::from(cfg!(target_endian = "big"))] = USER_PROCESS;
        record[8..8 + line.len()].copy_from_slice(line.as_bytes());
        record[44..44 + user.len()].copy_from_slice(user.as_bytes());
        bytes.extend(record);
    }
    bytes
}

#[test]
fn everybody_who_is_logged_in_is_told_and_no_sequence_reaches_a_terminal() {
    let setup = Setup::new("logd");
    let terminals = ["one", "two"].map(|name| Terminal::start(setup.path(), name));
    let sessions = utmp(&[
        ("alice", terminals[0].line()),
        ("bob", terminals[1].line()),
        ("gone", "pts/not-there"),
    ]);
    let setup = setup.file("utmp", sessions);
    let logd = logd(setup, "users]\nusers = [\"*\"]\nutmp = \"utmp\"");
    send(&logd, ["the end is near \u{9b}31m".to_owned()]);
    for terminal in &terminals {
        terminal.wait_for("Message from syslogd@host at ");
        terminal.wait_for("app: the end is near #302#23331m\r\n");
    }
    assert_eq!(sent_and_dropped(), (1, 0));
    assert!(logd.stop().0.success());
}

#[test]
fn who_is_named_is_told_unless_the_terminal_may_not_be_written_to() {
    let setup = Setup::new("logd");
    let [alice, bob] = ["one", "two"].map(|name| Terminal::start(setup.path(), name));
    let setup = setup.file("utmp", utmp(&[("alice", alice.line()), ("bob", bob.line())]));
    let logd = logd(setup, "users]\nusers = [\"alice\"]\nutmp = \"utmp\"");
    send(&logd, ["first".to_owned()]);
    alice.wait_for(" app: first\r\n");
    fs::set_permissions(&alice.device, fs::Permissions::from_mode(0o400)).unwrap();
    send(&logd, ["second".to_owned()]);
    wait::until("the message to be refused", || (dropped("refused") == 1).then_some(()));
    fs::write(logd.path().join("utmp"), utmp(&[("bob", bob.line())])).unwrap();
    send(&logd, ["third".to_owned()]);
    wait::until("nobody to be there", || (dropped("nobody") == 1).then_some(()));
    assert!(!alice.shows("second") && !bob.shows("app:"));
    assert!(logd.stop().0.success());
}

#[test]
fn a_terminal_that_is_stopped_keeps_nobody_waiting() {
    let setup = Setup::new("logd");
    let terminal = Terminal::start(setup.path(), "one");
    let script = Pid::from_raw(terminal.script.id().cast_signed());
    let setup = setup.file("utmp", utmp(&[("alice", terminal.line())]));
    let logd = logd(setup, "users]\nusers = [\"*\"]\nutmp = \"utmp\"");
    // Nobody takes what is written to it from now on.
    kill(script, Signal::SIGSTOP).unwrap();
    const MESSAGES: usize = 2_000;
    send(&logd, (0..MESSAGES).map(|n| format!("message {n}")));
    wait::until("all messages to be dealt with", || {
        let (sent, dropped) = sent_and_dropped();
        (sent + dropped == MESSAGES && dropped > 0).then_some(())
    });
    kill(script, Signal::SIGCONT).unwrap();
    wait::until("the terminal to take messages again", || {
        send(&logd, ["after".to_owned()]);
        terminal.shows("app: after\r\n").then_some(())
    });
    assert!(logd.stop().0.success());
}

#[test]
fn a_tty_gets_lines_and_is_opened_anew() {
    let setup = Setup::new("logd");
    let [first, second] = ["one", "two"].map(|name| Terminal::start(setup.path(), name));
    let link = setup.path().join("console");
    std::os::unix::fs::symlink(&first.device, &link).unwrap();
    let logd = logd(setup, "tty]\npath = \"console\"");
    send(&logd, ["to the first \u{9b}31m".to_owned()]);
    first.wait_for("Oct 11 22:14:15 host app: to the first #302#23331m\r\n");
    fs::remove_file(&link).unwrap();
    send(&logd, ["to none".to_owned()]);
    wait::until("the line to be refused", || (dropped("refused") == 1).then_some(()));
    std::os::unix::fs::symlink(&second.device, &link).unwrap();
    wait::until("the second to be written to", || {
        send(&logd, ["to the second".to_owned()]);
        second
            .shows("Oct 11 22:14:15 host app: to the second\r\n")
            .then_some(())
    });
    assert!(!first.shows("to the second"));
    assert!(logd.stop().0.success());
}

/// The number that a text begins with, and whether the rest of it is there.
fn number(line: &str) -> usize {
    let text = line
        .strip_prefix("Oct 11 22:14:15 host app: ")
        .unwrap_or_else(|| panic!("{line:?}"));
    let (n, rest) = text.split_once(' ').unwrap_or_else(|| panic!("{line:?}"));
    let n = n.parse().unwrap();
    assert_eq!(rest, long(n), "no line is torn");
    n
}

/// Some longer than what a pipe takes in one piece.
fn long(n: usize) -> String {
    "x".repeat(n % 7 * 1000)
}

#[test]
fn a_slow_reader_of_a_pipe_loses_whole_lines_and_every_one_is_counted() {
    const MESSAGES: usize = 10_000;
    let setup = Setup::new("logd");
    let pipe = setup.path().join("pipe");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let logd = logd(setup, "pipe]\npath = \"pipe\"\nqueue = { max = \"1MiB\" }");
    // Longer than it is waited for: there is nobody.
    send(&logd, (0..MESSAGES / 2).map(|n| format!("{n} {}", long(n))));
    wait::until("lines without a reader to be dealt with", || {
        let (sent, dropped) = sent_and_dropped();
        (sent + dropped == MESSAGES / 2 && dropped > 0).then_some(())
    });
    let reader = thread::spawn(move || {
        let lines = BufReader::with_capacity(100, File::open(pipe).unwrap()).lines();
        lines.map(|line| number(&line.unwrap())).collect::<Vec<_>>()
    });
    send(&logd, (MESSAGES / 2..MESSAGES).map(|n| format!("{n} {}", long(n))));
    let (sent, _) = wait::until("all lines to be dealt with", || {
        let (sent, dropped) = sent_and_dropped();
        (sent + dropped == MESSAGES).then_some((sent, dropped))
    });
    assert!(logd.stop().0.success());
    let read = reader.join().unwrap();
    assert!(read.is_sorted_by(|a, b| a < b), "in order and once each");
    assert_eq!(read.len(), sent, "what was not read was counted");
}

#[test]
fn what_is_not_a_pipe_is_left_alone() {
    let setup = Setup::new("logd").file("pipe", "precious\n");
    let logd = logd(setup, "pipe]\npath = \"pipe\"");
    send(&logd, ["line".to_owned()]);
    logd.wait_for_log("not a named pipe");
    assert_eq!(fs::read_to_string(logd.path().join("pipe")).unwrap(), "precious\n");
    assert_eq!(dropped("refused"), 1);
    assert!(logd.stop().0.success());
}

#[test]
fn a_program_gets_lines_is_started_again_and_sees_the_end() {
    let program = "#!/bin/sh\ncd \"${0%/*}\"\necho $$ >> pids\nenv > env\nls -l /proc/self/fd > fds\n\
                   echo so it begins >&2\n\
                   while IFS= read -r line; do echo \"$line\" >> lines; done\necho the end >> lines\n";
    let setup = Setup::new("logd").file("program", program);
    let path = setup.path().join("program");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let logd = logd(setup, &format!("program]\ncommand = [\"{}\"]", path.display()));
    let lines = logd.path().join("lines");
    send(&logd, (0..100).map(|n| format!("{n} {}", long(n))));
    wait::until_lines(&lines, 100);
    // It has read all of them, so nothing goes with it.
    let pid = wait::until_lines(&logd.path().join("pids"), 1);
    let pid = String::from_utf8(pid).unwrap().trim().parse().unwrap();
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    logd.wait_for_log("the program has ended");
    send(&logd, (100..200).map(|n| format!("{n} {}", long(n))));
    wait::until_lines(&lines, 200);
    logd.wait_for_log("program: so it begins");
    let in_its_place = |name: &str| fs::read_to_string(logd.path().join(name)).unwrap();
    assert!(
        !in_its_place("env").contains("NOTIFY_SOCKET"),
        "{}",
        in_its_place("env")
    );
    for ours in ["socket:", "anon_inode:", "/work/lock"] {
        assert!(!in_its_place("fds").contains(ours), "{}", in_its_place("fds"));
    }
    let (status, stopped) = logd.stop();
    assert!(status.success());
    let content = fs::read_to_string(stopped.path().join("lines")).unwrap();
    let content = content.strip_suffix("the end\n").expect("it saw the end of its input");
    assert!(content.lines().map(number).eq(0..200), "each line once, in order");
}

#[test]
fn a_program_that_does_not_read_keeps_neither_files_nor_the_end_waiting() {
    const MESSAGES: usize = 5_000;
    let setup = Setup::new("logd");
    let output =
        "program]\ncommand = [\"/bin/sh\", \"-c\", \"trap '' TERM; sleep 1000 & wait\"]\nqueue = { max = \"64KiB\" }";
    let logd = logd(setup, output);
    send(&logd, (0..MESSAGES).map(|n| format!("{n} {}", long(n))));
    wait::until("lines to be dropped", || (dropped("full") > 0).then_some(()));
    let (status, stopped) = logd.stop();
    assert!(status.success());
    assert!(!stopped.log.contains("did not end in time"), "{}", stopped.log);
}

#[test]
fn a_program_that_reads_slowly_has_its_time_once_and_not_for_each_line() {
    let setup = Setup::new("logd");
    let output = "program]\ncommand = [\"/bin/sh\", \"-c\", \"while sleep 2; do head -c 60000 > /dev/null; done\"]";
    let logd = logd(setup, output);
    // Each fills the pipe nearly: one a turn is read, and two minutes would be needed for all.
    send(&logd, (0..60).map(|n| format!("{n} {}", "x".repeat(60_000))));
    let started = Instant::now();
    let (status, stopped) = logd.stop();
    assert!(status.success(), "{}", stopped.log);
    assert!(!stopped.log.contains("did not end in time"), "{}", stopped.log);
    // Five seconds for reading and two for ending.
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}

#[test]
fn what_a_program_has_started_ends_with_it_and_can_clean_up() {
    // It ignores the end of its input, as its parent does.
    let other = "#!/bin/sh\ncd \"${0%/*}\"\ntrap 'echo cleaned up >> ended; exit' TERM\necho $$ >> others\n\
                 while :; do sleep 0.05; done\n";
    let program = "#!/bin/sh\ncd \"${0%/*}\"\n./other < /dev/null &\necho $$ >> pids\ncat >> lines\nwait\n";
    let setup = Setup::new("logd").file("program", program).file("other", other);
    for name in ["program", "other"] {
        fs::set_permissions(setup.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = setup.path().join("program");
    let logd = logd(setup, &format!("program]\ncommand = [\"{}\"]", path.display()));
    let pids = |directory: &Path, name: &str, count| -> Vec<Pid> {
        let content = String::from_utf8(wait::until_lines(&directory.join(name), count)).unwrap();
        content.lines().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
    };
    let runs = |pid: Pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        kill(pid, None).is_ok() && !stat.contains(") Z ")
    };
    let first = pids(logd.path(), "others", 1)[0];
    kill(pids(logd.path(), "pids", 1)[0], Signal::SIGKILL).unwrap();
    wait::until_lines(&logd.path().join("ended"), 1);
    wait::until("what the first has started to end", || (!runs(first)).then_some(()));
    let second = pids(logd.path(), "others", 2)[1];
    let (status, stopped) = logd.stop();
    assert!(status.success());
    wait::until_lines(&stopped.path().join("ended"), 2);
    wait::until("what the second has started to end", || (!runs(second)).then_some(()));
}

#[test]
fn a_program_runs_without_the_capabilities_that_logd_keeps() {
    if !nix::unistd::Uid::effective().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let setup = Setup::new("logd");
    fs::set_permissions(setup.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let output = "program]\ncommand = [\"/bin/sh\", \"-c\", \"grep -E ^Cap /proc/self/status >&2; id -un >&2; cat > /dev/null\"]\n\
                  [process]\nuser = \"nobody\"\n[input.low.tcp]\nlisten = [\"127.0.0.1:1\"]\n";
    let low = format!("{}:514", address(1));
    let logd = logd(setup, &output.replace("127.0.0.1:1", &low));
    for said in [
        "CapPrm:#0110000000000000000",
        "CapEff:#0110000000000000000",
        "CapAmb:#0110000000000000000",
        "program: nobody",
    ] {
        logd.wait_for_log(said);
    }
    assert!(logd.stop().0.success());
}

#[test]
fn what_rsyslog_has_behind_its_selectors_is_named_as_an_output() {
    let said = |to: &str| {
        let spec = format!("[[rule]]\nto = [\"{to}\"]\n");
        let setup = Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + &spec);
        String::from_utf8(setup.run(&["check"]).stderr).unwrap()
    };
    for (to, kind) in [
        (":omusrmsg:*", "users"),
        ("*", "users"),
        ("|/dev/xconsole", "pipe"),
        ("^/usr/bin/program", "program"),
        ("/dev/tty8", "tty"),
        (":ommysql:host,db,user,pw", "mysql"),
        (":ompgsql:host,db,user,pw", "postgres"),
    ] {
        let said = said(to);
        assert!(said.contains(&format!("[output.NAME.{kind}]")), "{to}: {said}");
    }
}
