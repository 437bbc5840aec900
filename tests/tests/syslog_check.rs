//! `logd check` says all that is wrong with a configuration, and `logd explain` what becomes of a message.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ballast_tests::daemon::{Setup, program};
use ballast_tests::{data, repository};

fn check(config: &Path) -> Output {
    Command::new(program("logd"))
        .args(["check", "--config"])
        .arg(config)
        .output()
        .unwrap()
}

#[test]
fn check_reports_all_errors_at_once_each_with_line_caret_and_the_name_that_was_meant() {
    let setup = Setup::new("logd").file("logd.toml", fs::read(data("syslog/bad.toml")).unwrap());
    let output = setup.run(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    let directory = format!("{}/", setup.path().display());
    let expected = fs::read_to_string(data("syslog/bad.expected")).unwrap();
    assert_eq!(said.replace(&directory, ""), expected);
}

#[test]
fn run_refuses_what_check_refuses_and_says_the_same() {
    let setup = Setup::new("logd").file("logd.toml", fs::read(data("syslog/bad.toml")).unwrap());
    let [checked, run] = [["check"], ["run"]].map(|arguments| setup.run(&arguments));
    assert_eq!(run.status.code(), Some(78));
    assert_eq!(
        String::from_utf8(run.stderr).unwrap(),
        String::from_utf8(checked.stderr).unwrap()
    );
}

#[test]
fn check_tells_of_a_file_that_is_not_there() {
    let output = check(Path::new("/not/there/logd.toml"));
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("/not/there/logd.toml: "), "{said}");
}

#[test]
fn check_finds_errors_in_included_files_by_their_own_names() {
    let setup = Setup::new("logd")
        .file(
            "logd.toml",
            "work-dir = \"work\"\ninclude = [\"logd.d/*.toml\"]\nfoo = 1\n",
        )
        .file(
            "logd.d/a.toml",
            "[input.net.tcp]\nlisten = [\"127.0.0.1:5514\"]\nbar = 2\n",
        )
        .file("logd.d/b.toml", "[[rule]]\nselect = \"*.*\"\nto = [\"nowhere\"]\n");
    let output = setup.run(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    for place in ["logd.toml:3:1: ", "logd.d/a.toml:3:1: ", "logd.d/b.toml:3:8: "] {
        assert!(said.contains(place), "{place}\n{said}");
    }
}

/// The files below a folder that are logd's configurations.
fn configurations(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(configurations(&path));
        } else if name.starts_with("logd") && name.ends_with(".toml") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_configurations_of_the_repository_pass() {
    let configurations = configurations(&repository("conf"));
    assert!(configurations.len() > 1, "{configurations:?}");
    for path in configurations {
        let output = check(&path);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{}:\n{said}", path.display());
        assert_eq!(said, "", "{}", path.display());
    }
}

#[test]
fn explain_says_how_a_message_parses_which_rules_match_and_which_file_it_lands_in() {
    let setup = Setup::new("logd").file(
        "logd.toml",
        "work-dir = \"work\"\n\
         [input.net.tcp]\nlisten = [\"127.0.0.1:5514\"]\n\
         [output.hosts.file]\npath = \"/logs/%HOSTNAME%/%PROGRAMNAME%.log\"\n\
         [[rule]]\nname = \"noise\"\nselect = \"*.*\"\nwhere = { property = \"msg\", contains = \"noise\" }\ndrop = true\n\
         [[rule]]\nname = \"per host\"\nselect = \"*.*\"\nto = [\"hosts\"]\n\
         [[rule]]\nselect = \"auth,authpriv.*\"\nto = [\"/logs/auth.log\"]\n",
    );
    let explained = |message: &str| {
        let mut child = Command::new(program("logd"))
            .args(["explain", "--config"])
            .arg(setup.path().join("logd.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let said = explained("<34>Oct 11 22:14:15 web1 sshd[42]: Accepted\n");
    for part in [
        "rfc3164",
        "auth.crit",
        "web1",
        "sshd[42]:",
        "per host",
        "/logs/web1/sshd.log",
        "/logs/auth.log",
        "Oct 11 22:14:15 web1 sshd[42]: Accepted",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let said = explained("<13>Oct 11 22:14:15 web1 app: noise\n");
    assert!(said.contains("noise") && !said.contains("/logs/"), "{said}");
    let said = explained("<13>1 2003-10-11T22:14:15Z ../../etc .. - - - out\n");
    assert!(
        said.contains("rfc5424") && said.contains("/logs/.._.._etc/...log"),
        "{said}"
    );
}

#[test]
fn explain_says_why_a_rule_does_not_match() {
    let setup = Setup::new("logd").file(
        "logd.toml",
        "work-dir = \"work\"\n\
         [input.net.tcp]\nlisten = [\"127.0.0.1:5514\"]\n\
         [input.other.tcp]\nlisten = [\"127.0.0.1:5515\"]\n\
         [[rule]]\nname = \"mail\"\nselect = \"mail.*\"\nto = [\"/logs/mail\"]\n\
         [[rule]]\nname = \"elsewhere\"\nfrom = [\"other\"]\nto = [\"/logs/other\"]\n\
         [[rule]]\nname = \"ssh\"\nwhere = { all = [ { property = \"hostname\", is = \"web1\" }, { not = { property = \"programname\", starts-with = \"cr\" } } ] }\nto = [\"/logs/ssh\"]\n\
         [[rule]]\nname = \"rest\"\nto = [\"/logs/rest\"]\nstop = true\n\
         [[rule]]\nname = \"never\"\nto = [\"/logs/never\"]\n",
    );
    let mut child = Command::new(program("logd"))
        .args(["explain", "--why", "--config"])
        .arg(setup.path().join("logd.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let message = b"<13>Oct 11 22:14:15 web1 cron: x\n";
    child.stdin.take().unwrap().write_all(message).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    for line in [
        "  mail: no match: its `select` names other facilities or severities",
        "  elsewhere: no match: its `from` does not name net",
        "  ssh: no match: programname \"cron\" starts-with \"cr\"",
        "  rest: matches",
        "  never: not reached: rest comes before it",
        "    file /logs/rest",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}\n{said}");
    }
}
