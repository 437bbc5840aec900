//! The output `pipe`: lines for who reads them, whole and in order; nobody waits for a reader.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};

use ballast_tests::daemon::Setup;
use ballast_tests::syslog;
use ballast_tests::{address, wait};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

const LOGD: u8 = 0;
const MESSAGES: usize = 20_000;

#[test]
fn a_reader_gets_whole_lines_and_files_do_not_wait_for_it() {
    let spec = "[output.x.pipe]\npath = \"console\"\n[[rule]]\nto = [\"x\", \"log/all\"]\n";
    let setup = Setup::new("logd").file("logd.toml", syslog::logd_head(address(LOGD)) + spec);
    let pipe = setup.path().join("console");
    mkfifo(&pipe, Mode::from_bits_truncate(0o600)).unwrap();
    let logd = setup.start();
    let mut stream = syslog::connect(syslog::collector(address(LOGD)));
    let mut bytes = String::new();
    for n in 0..MESSAGES {
        writeln!(bytes, "<13>Oct 11 22:14:15 host app: {n} {}", "x".repeat(n % 300)).unwrap();
    }
    stream.write_all(bytes.as_bytes()).unwrap();
    // Much more than a pipe holds, and nobody has read any of it.
    wait::until_lines(&logd.path().join("log/all"), MESSAGES);
    let reader = BufReader::new(File::open(&pipe).unwrap());
    let lines = reader.lines().map(Result::unwrap);
    let mut expected = 0;
    let is_whole = |n: usize, rest: &str| rest.len() == n % 300 && rest.bytes().all(|byte| byte == b'x');
    for line in lines.take(100) {
        let text = line.strip_prefix("Oct 11 22:14:15 host app: ").unwrap();
        let (n, rest) = text.split_once(' ').unwrap();
        let n: usize = n.parse().unwrap();
        assert!(n >= expected && is_whole(n, rest), "{line:?} after {expected}");
        expected = n + 1;
    }
}
