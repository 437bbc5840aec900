//! util-linux's logger sends to rsyslogd and to logd, with every option that changes what goes over the wire; both write the
//! same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::Ipv4Addr;
use std::path::Path;

use ballast_tests::daemon::{Setup, output};
use ballast_tests::syslog::{self, PORT, receipt};
use ballast_tests::{address, peers, wait};

const LOGD: u8 = 0;
const RSYSLOGD: u8 = 1;

/// All that logger can put into a message, the stamp aside.
const TEMPLATE: &str = "%pri-text%|%hostname%|%syslogtag%|%programname%|%app-name%|%procid%|%msgid%|%structured-data%|\
                        %protocol-version%|%msg%|";

/// Runs logger with each of these lists of options and texts against both collectors, and compares what they wrote.
fn logged_alike(commands: &[&[&str]]) {
    let since = receipt::now();
    let outputs = format!(
        "[output.fields.file]\npath = \"log/fields\"\nformat = '{TEMPLATE}\\n'\n\
         [[rule]]\nselect = \"*.*\"\nto = [\"fields\", \"log/lines\"]\n"
    );
    let logd = Setup::new("logd")
        .file("logd.toml", syslog::logd_head(address(LOGD)) + &outputs)
        .start();
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let rules = format!(
        "$template fields,\"{TEMPLATE}\\n\"\n*.* {0}/fields;fields\n*.* {0}/lines;RSYSLOG_TraditionalFileFormat\n",
        log.display()
    );
    let config = syslog::rsyslogd_head(directory.path(), address(RSYSLOGD)) + &rules;
    let rsyslogd = peers::rsyslogd(directory.path(), &config, syslog::collector(address(RSYSLOGD)));

    // Each is a connection or a datagram of its own: only if one is written before the next is sent is their order certain.
    for (n, command) in commands.iter().enumerate() {
        for (server, files) in [
            (address(RSYSLOGD), log.clone()),
            (address(LOGD), logd.path().join("log")),
        ] {
            run_logger(server, command);
            wait_for_lines(&files, n + 1);
        }
    }
    rsyslogd.stop();
    let (_, left) = logd.stop();
    let stamps = receipt::traditional_stamps(since);
    let [expected, found] = [log, left.path().join("log")].map(|directory| {
        let mut files = syslog::tree(&directory);
        for content in files.values_mut() {
            *content = receipt::masked(content, &stamps);
        }
        files
    });
    syslog::assert_same(&expected, &found);
}

fn run_logger(server: Ipv4Addr, arguments: &[&str]) {
    let (server, port) = (server.to_string(), PORT.to_string());
    let to = ["--server", &server, "--port", &port];
    output("logger", to.iter().chain(arguments));
}

fn wait_for_lines(directory: &Path, lines: usize) {
    wait::until_lines(&directory.join("fields"), lines);
    wait::until_lines(&directory.join("lines"), lines);
}

#[test]
fn rfc5424_over_tcp() {
    logged_alike(&[
        &["-T", "the default"],
        &[
            "-T",
            "--rfc5424",
            "-t",
            "app",
            "--id=4242",
            "-p",
            "auth.info",
            "a tag, a pid, a priority",
        ],
        &[
            "-T",
            "--rfc5424=notq",
            "-t",
            "app",
            "--msgid",
            "ID47",
            "a message id, no time quality",
        ],
        &["-T", "--rfc5424=notq,nohost", "-t", "app", "no host"],
        &["-T", "--rfc5424=notq,notime", "-t", "app", "no time"],
        &["-T", "--rfc5424=notq,notime,nohost", "-t", "app", "nothing"],
        &[
            "-T",
            "--rfc5424=notq",
            "-t",
            "app",
            "--sd-id",
            "a@1",
            "--sd-param",
            "b=\"c\"",
            "structured data",
        ],
        &[
            "-T",
            "--rfc5424=notq",
            "-t",
            "app",
            "--sd-id",
            "a@1",
            "--sd-param",
            "b=\"c\"",
            "--sd-param",
            "d=\"e f\"",
            "--sd-id",
            "g@2",
            "--sd-param",
            "h=\"\\\"i\\\" \\] \\\\\"",
            "two elements",
        ],
        &["-T", "--rfc5424=notq", "-t", "app", "  spaces before and after  "],
        &[
            "-T",
            "--rfc5424=notq",
            "-t",
            "app",
            "not ASCII: \u{e4}\u{20ac}, a tab:\t.",
        ],
        &[
            "-T",
            "--rfc5424=notq",
            "-t",
            "app",
            "-p",
            "local7.debug",
            "<13>a PRI in the message",
        ],
        &[
            "-T",
            "--rfc5424=notq",
            "-t",
            "app",
            "-p",
            "kern.emerg",
            "-S",
            "16KiB",
            &"long ".repeat(2_000),
        ],
    ]);
}

#[test]
fn rfc5424_over_tcp_octet_counted() {
    logged_alike(&[
        &["-T", "--octet-count", "the default"],
        &[
            "-T",
            "--octet-count",
            "--rfc5424=notq",
            "-t",
            "app",
            "--id=1",
            "-p",
            "mail.crit",
            "a tag, a pid, a priority",
        ],
        &[
            "-T",
            "--octet-count",
            "--rfc5424=notq",
            "-t",
            "app",
            "--sd-id",
            "a@1",
            "--sd-param",
            "b=\"c\"",
            "structured data",
        ],
        &["-T", "--octet-count", "--rfc5424=notq", "-t", "app", "two\nlines"],
        &[
            "-T",
            "--octet-count",
            "--rfc5424=notq",
            "-t",
            "app",
            "-S",
            "16KiB",
            &"long ".repeat(2_000),
        ],
    ]);
}

#[test]
fn rfc3164_over_tcp() {
    logged_alike(&[
        &["-T", "--rfc3164", "the default"],
        &[
            "-T",
            "--rfc3164",
            "-t",
            "app",
            "--id=4242",
            "-p",
            "auth.info",
            "a tag, a pid, a priority",
        ],
        &[
            "-T",
            "--rfc3164",
            "-t",
            "app",
            "-p",
            "cron.warning",
            "a tag without a pid",
        ],
        &["-T", "--rfc3164", "-t", "a/b", "  spaces before and after  "],
        &["-T", "--rfc3164", "-t", "app", "not ASCII: \u{e4}\u{20ac}, a tab:\t."],
        &["-T", "--rfc3164", "--octet-count", "-t", "app", "counted"],
        &["-T", "--rfc3164", "--octet-count", "-t", "app", "two\nlines, counted"],
    ]);
}

#[test]
fn both_formats_over_udp() {
    logged_alike(&[
        &["-d", "the default"],
        &[
            "-d",
            "--rfc3164",
            "-t",
            "app",
            "--id=4242",
            "-p",
            "daemon.err",
            "RFC 3164",
        ],
        &[
            "-d",
            "--rfc5424",
            "-t",
            "app",
            "--id=4242",
            "--msgid",
            "ID47",
            "RFC 5424",
        ],
        &[
            "-d",
            "--rfc5424=notq",
            "-t",
            "app",
            "--sd-id",
            "a@1",
            "--sd-param",
            "b=\"c\"",
            "structured data",
        ],
        &["-d", "--rfc3164", "-t", "app", "two\nlines"],
        &["-d", "--rfc3164", "-t", "app", "-S", "8KiB", &"long ".repeat(1_000)],
    ]);
}
