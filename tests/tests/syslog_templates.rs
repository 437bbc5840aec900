//! Templates: one rsyslogd and one logd, each with a file per template, get the same messages; the lines are the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ballast_tests::daemon::{Setup, output};
use ballast_tests::syslog::{self, Framing};
use ballast_tests::{address, peers};

const LOGD: u8 = 0;
const RSYSLOGD: u8 = 1;

/// The built-in formats for the wire, which end without one.
const WITHOUT_NEWLINE: [&str; 3] = [
    "RSYSLOG_ForwardFormat",
    "RSYSLOG_TraditionalForwardFormat",
    "RSYSLOG_SyslogRFC5424Format",
];

/// A file for each template that it is rendered to.
struct Rendered {
    /// Its name, which tells the template in a failed test.
    file: String,
    /// The action's template for rsyslogd, and what declares it.
    template: String,
    declaration: String,
    /// The `format` for logd, as a TOML value.
    format: String,
}

fn rendered_alike(files: &[Rendered]) {
    let directory = tempfile::tempdir().unwrap();
    let expected = directory.path().join("rendered");
    let mut rules = String::new();
    let mut spec = syslog::logd_head(address(LOGD));
    let mut outputs = String::new();
    for (
        n,
        Rendered {
            file,
            template,
            declaration,
            format,
        },
    ) in files.iter().enumerate()
    {
        writeln!(rules, "{declaration}*.* {}/{file};{template}", expected.display()).unwrap();
        writeln!(
            spec,
            "[output.o{n}.file]\npath = \"rendered/{file}\"\nformat = {format}"
        )
        .unwrap();
        write!(outputs, "\"o{n}\", ").unwrap();
    }
    writeln!(spec, "[[rule]]\nselect = \"*.*\"\nto = [{outputs}]").unwrap();
    let logd = Setup::new("logd").file("logd.toml", spec).start();
    let config = syslog::rsyslogd_head(directory.path(), address(RSYSLOGD)) + &rules;
    let rsyslogd = peers::rsyslogd(directory.path(), &config, syslog::collector(address(RSYSLOGD)));

    let today = output("date", ["+%b %e"]);
    let messages = syslog::messages("templates.messages");
    let count = messages.len();
    let messages = messages.into_iter().map(|message| {
        let stamp = message.windows(6).position(|bytes| bytes == b"Oct 11");
        stamp.map_or(message.clone(), |at| {
            [&message[..at], today.trim_end().as_bytes(), &message[at + 6..]].concat()
        })
    });
    let bytes = Framing::OctetCounted.frame(messages);
    syslog::send(syslog::collector(address(RSYSLOGD)), &bytes);
    syslog::send(syslog::collector(address(LOGD)), &bytes);

    let said = rsyslogd.log();
    assert!(said.is_empty(), "rsyslogd takes all of these templates:\n{said}");
    rsyslogd.stop();
    let (_, left) = logd.stop();
    let mut found = syslog::tree(&left.path().join("rendered"));
    for name in WITHOUT_NEWLINE {
        // What is written to a file is lines in logd; rsyslogd puts all messages into one.
        if let Some(content) = found.get_mut(Path::new(name)) {
            assert_eq!(content.iter().filter(|byte| **byte == b'\n').count(), count, "{name}");
            content.retain(|byte| *byte != b'\n');
        }
    }
    syslog::assert_same(&syslog::tree(&expected), &found);
}

/// Text as a TOML basic string.
fn toml(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[test]
fn templates_render_what_they_render_in_rsyslogd() {
    let templates = fs::read_to_string(ballast_tests::data("syslog/templates.txt")).unwrap();
    let templates = templates
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "));
    let files: Vec<_> = templates
        .enumerate()
        .map(|(n, template)| {
            let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
            Rendered {
                file: format!("{n:03}__{}", template.chars().take(60).map(safe).collect::<String>()),
                template: format!("t{n}"),
                declaration: format!("$template t{n},\"{}\\n\"\n", template.replace('"', "\\\"")),
                format: toml(&format!("{template}\\n")),
            }
        })
        .collect();
    rendered_alike(&files);
}

#[test]
fn built_in_formats_are_those_of_rsyslogd() {
    // The other ones write the time of receipt, what only rsyslog has, or can't be named in a configuration.
    let files = [
        "RSYSLOG_TraditionalFileFormat",
        "RSYSLOG_FileFormat",
        "RSYSLOG_SysklogdFileFormat",
        "RSYSLOG_ForwardFormat",
        "RSYSLOG_TraditionalForwardFormat",
        "RSYSLOG_SyslogProtocol23Format",
        "RSYSLOG_SyslogRFC5424Format",
    ]
    .map(|name| Rendered {
        file: name.to_owned(),
        template: name.to_owned(),
        declaration: String::new(),
        format: toml(name),
    });
    rendered_alike(&files);
}
