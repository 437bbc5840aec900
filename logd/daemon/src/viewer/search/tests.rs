use std::fs;
use std::io::Write;
use std::process::Command;

use logd_core::path::PathTemplate;
use logd_core::template::Template;
use tempfile::TempDir;

use super::*;
use crate::viewer::query::Parameters;
use answer::SHOWN_BYTES_MAX;

/// 2026-12-01T13:45:00Z
const NOW_S: i64 = 1_796_132_700;

/// A tree by host and program, with its files written an hour before [`NOW_S`].
struct Logs {
    dir: TempDir,
}

impl Logs {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn file(self, name: &str, content: &[u8]) -> Self {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(NOW_S as u64 - 3600);
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(modified)
            .unwrap();
        self
    }

    fn trees(&self, below: &str, format: &'static str) -> Vec<Arc<Tree>> {
        let template = Template::parse(&format!("{}/{below}", self.dir.path().display())).unwrap();
        vec![Arc::new(Tree::new(
            "hosts",
            &PathTemplate::new(&template).unwrap(),
            Some(format),
        ))]
    }

    fn find(&self, query: serde_json::Value) -> Answer {
        self.find_in("%HOSTNAME%/%PROGRAMNAME%.log", "RSYSLOG_FileFormat", query)
    }

    fn find_in(&self, below: &str, format: &'static str, query: serde_json::Value) -> Answer {
        let parameters: Parameters = serde_json::from_value(query).unwrap();
        search(
            &self.trees(below, format),
            &parameters.query(NOW_S).unwrap(),
            CancellationToken::new(),
        )
    }
}

fn texts(answer: &Answer) -> Vec<&str> {
    answer.lines.iter().map(|line| line.msg.as_str()).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

const OLD: &str = "2026-11-30T01:00:00+00:00 web1 sshd[1]: Accepted key for ann\n";
const OLDER: &str = "2026-11-29T01:00:00+00:00 web1 sshd[1]: Failed password for ann\n";
const NEW: &str = "2026-12-01T12:00:00+00:00 web1 sshd[2]: Failed password for bob\n\
                   2026-12-01T12:30:00+00:00 web1 sshd[3]: accepted key for bob\n";
const CRON: &str = "2026-12-01T12:10:00+00:00 db1 cron[9]: failed <b>job</b>\n";

fn logs() -> Logs {
    // Two members of gzip and two frames of zstd, as appending to a compressed file makes them.
    let twice = |one: Vec<u8>, two: Vec<u8>| [one, two].concat();
    let zstd = |content: &str| zstd::encode_all(content.as_bytes(), 1).unwrap();
    Logs::new()
        .file("web1/sshd.log", NEW.as_bytes())
        .file("web1/sshd.log-20261201.zst", &twice(zstd(OLD), zstd("")))
        .file("web1/sshd.log.2.gz", &twice(gzip(OLDER.as_bytes()), gzip(b"")))
        .file("db1/cron.log", CRON.as_bytes())
        .file("db1/notes.txt", b"failed, but no log of ours\n")
}

#[test]
fn plain_gzip_and_zstd_files_are_searched_and_lines_come_in_order() {
    let answer = logs().find(serde_json::json!({"q": "failed"}));
    assert_eq!(
        texts(&answer),
        [
            "Failed password for ann",
            "Failed password for bob",
            "failed <b>job</b>"
        ]
    );
    assert_eq!((answer.matches, answer.searched.files, answer.stopped), (3, 4, None));
    assert_eq!(answer.lines[2].marks, [(0, 6)]);
    assert_eq!(answer.lines[0].raw, OLDER.trim_end());
    assert_eq!(answer.lines[0].file, "web1/sshd.log.2.gz");
}

#[test]
fn grep_finds_the_same_lines() {
    let logs = logs();
    for (pattern, re, case) in [
        ("failed", "", ""),
        ("F.*bob", "1", "1"),
        ("[", "", ""),
        ("^2026-12-01.*b", "1", ""),
    ] {
        let answer = logs.find(serde_json::json!({"q": pattern, "re": re, "case": case}));
        let mut found: Vec<_> = answer
            .lines
            .iter()
            .map(|line| line.raw.clone())
            .filter(|raw| raw.starts_with("2026-12"))
            .collect();
        found.sort();
        let mut grep = Command::new("grep");
        grep.args(["-h", if re == "1" { "-E" } else { "-F" }]);
        if case != "1" {
            grep.arg("-i");
        }
        let output = grep
            .args(["-e", pattern, "--"])
            .args(["web1/sshd.log", "db1/cron.log"].map(|name| logs.dir.path().join(name)))
            .output()
            .unwrap();
        let mut expected: Vec<_> = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        expected.sort();
        assert_eq!(found, expected, "{pattern}");
    }
}

#[test]
fn host_program_time_and_output_narrow_it_down() {
    let logs = logs();
    let find = |query| logs.find(query).matches;
    assert_eq!(find(serde_json::json!({})), 5);
    assert_eq!(find(serde_json::json!({"host": "db1"})), 1);
    assert_eq!(find(serde_json::json!({"host": "WEB*"})), 4);
    assert_eq!(find(serde_json::json!({"program": "sshd", "q": "bob"})), 2);
    assert_eq!(find(serde_json::json!({"from": "-2h"})), 3);
    assert_eq!(
        find(serde_json::json!({"from": "2026-12-01T12:10:00Z", "to": "2026-12-01T12:10:00Z"})),
        1
    );
    assert_eq!(find(serde_json::json!({"to": "-1d"})), 2);
    assert_eq!(find(serde_json::json!({"output": "hosts"})), 5);
    assert_eq!(find(serde_json::json!({"output": "other"})), 0);
    assert_eq!(find(serde_json::json!({"host": "../web1"})), 0);
}

#[test]
fn what_a_format_does_not_say_is_not_made_up() {
    let logs = logs();
    let answer = logs.find(serde_json::json!({"severity": "err"}));
    assert_eq!((answer.matches, answer.left_out.without_severity), (0, 5));
    let all = logs.find(serde_json::json!({}));
    assert!(
        all.lines
            .iter()
            .all(|line| line.severity.is_none() && line.facility.is_none())
    );

    let with_pri = Logs::new().file(
        "web1/a.log",
        b"<11>1 2026-12-01T12:00:00Z web1 a - - - bad\n<14>1 2026-12-01T12:00:01Z web1 a - - - fine\n",
    );
    let below = "%HOSTNAME%/%PROGRAMNAME%.log";
    let answer = with_pri.find_in(
        below,
        "RSYSLOG_SyslogProtocol23Format",
        serde_json::json!({"severity": "warning"}),
    );
    assert_eq!(texts(&answer), ["bad"]);
    assert_eq!(answer.lines[0].severity, Some("err"));

    let texts_only = Logs::new().file("web1/a.log", b"one\ntwo\n");
    let answer = texts_only.find_in(below, "none", serde_json::json!({"from": "-1d"}));
    assert_eq!((answer.matches, answer.left_out.without_time), (0, 2));
    let answer = texts_only.find_in(below, "none", serde_json::json!({"q": "two"}));
    assert_eq!(
        (answer.lines[0].msg.as_str(), answer.lines[0].host.as_str()),
        ("two", "web1")
    );
}

#[test]
fn a_file_of_several_hosts_is_told_apart_by_its_lines() {
    let logs = Logs::new().file("all.log", format!("{NEW}{CRON}").as_bytes());
    let answer = logs.find_in("all.log", "RSYSLOG_FileFormat", serde_json::json!({"host": "db1"}));
    assert_eq!(texts(&answer), ["failed <b>job</b>"]);
    let answer = logs.find_in("all.log", "RSYSLOG_FileFormat", serde_json::json!({"program": "ssh*"}));
    assert_eq!(answer.matches, 2);
}

#[test]
fn a_message_in_the_files_of_two_outputs_is_one() {
    let twice = format!("{CRON}{CRON}");
    let logs = Logs::new()
        .file("db1/cron.log", twice.as_bytes())
        .file("cron.log", b"Dec  1 12:10:00 db1 cron[9]: failed <b>job</b>\n");
    let mut trees = logs.trees("%HOSTNAME%/%PROGRAMNAME%.log", "RSYSLOG_FileFormat");
    trees.extend(logs.trees("cron.log", "RSYSLOG_TraditionalFileFormat"));
    let query: Parameters = serde_json::from_value(serde_json::json!({})).unwrap();
    let answer = search(&trees, &query.query(NOW_S).unwrap(), CancellationToken::new());
    let expected = match TimeZone::system()
        .to_offset(jiff::Timestamp::from_second(NOW_S).unwrap())
        .seconds()
    {
        0 => (2, 1),
        // The stamp without a zone is another time here.
        _ => (3, 0),
    };
    assert_eq!((answer.matches, answer.left_out.elsewhere), expected);
}

#[test]
fn the_newest_lines_are_shown_and_all_are_counted() {
    let content: String = (0..3000)
        .map(|n| format!("2026-12-01T12:{:02}:{:02}+00:00 web1 app: n{n}\n", n / 60 % 60, n % 60))
        .collect();
    let logs = Logs::new().file("web1/app.log", content.as_bytes());
    let answer = logs.find(serde_json::json!({"lines": "2"}));
    assert_eq!((texts(&answer), answer.matches), (vec!["n2998", "n2999"], 3000));
    let counted = serde_json::to_value(&answer.histogram).unwrap();
    let sum: u64 = counted["bars"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bar| bar["counts"][8].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 3000);
}

#[test]
fn long_and_odd_lines_are_shown_in_part() {
    let mut content = b"2026-12-01T12:00:00+00:00 web1 app: \xff\xfe ".to_vec();
    content.extend(vec![b'x'; 3 * SHOWN_BYTES_MAX]);
    let logs = Logs::new().file("web1/app.log", &content);
    let answer = logs.find(serde_json::json!({"q": "xxx"}));
    let line = &answer.lines[0];
    assert!(line.cut && line.raw.len() <= 3 * SHOWN_BYTES_MAX && line.msg.starts_with("\u{fffd}\u{fffd} xxx"));

    let endless = Logs::new().file("web1/app.log", &vec![b'x'; LINE_BYTES_MAX + 10]);
    let answer = endless.find(serde_json::json!({"q": "nothing"}));
    assert_eq!(
        (answer.matches, answer.refused.len()),
        (0, 1),
        "it is said that a file was given up"
    );
}

#[test]
fn a_search_that_nobody_waits_for_ends() {
    let logs = logs();
    let gone = CancellationToken::new();
    gone.cancel();
    let parameters: Parameters = serde_json::from_value(serde_json::json!({})).unwrap();
    let trees = logs.trees("%HOSTNAME%/%PROGRAMNAME%.log", "RSYSLOG_FileFormat");
    let answer = search(&trees, &parameters.query(NOW_S).unwrap(), gone);
    assert_eq!((answer.matches, answer.stopped), (0, Some(Stopped::Time)));
}

#[test]
fn a_broken_compressed_file_is_named_and_the_others_are_searched() {
    let logs = logs()
        .file("web1/broken.log.1.gz", b"this is not gzip")
        .file("web1/cut.log-20261130.zst", &[0x28, 0xb5]);
    let answer = logs.find(serde_json::json!({"q": "failed"}));
    assert_eq!((answer.matches, answer.refused.len()), (3, 2), "{:?}", answer.refused);
}

#[test]
fn what_is_kept_to_be_shown_is_bounded_in_octets() {
    let content: Vec<u8> = (0..3000)
        .flat_map(|n| {
            format!(
                "2026-12-01T12:{:02}:{:02}+00:00 web1 app: n{n} {}\n",
                n / 60 % 60,
                n % 60,
                "x".repeat(10_000)
            )
            .into_bytes()
        })
        .collect();
    let logs = Logs::new().file("web1/app.log", &content);
    let answer = logs.find(serde_json::json!({"lines": "5000"}));
    let kept: usize = answer.lines.iter().map(Line::bytes).sum();
    assert!(kept <= KEPT_BYTES_MAX && kept > KEPT_BYTES_MAX / 2, "{kept}");
    assert_eq!(answer.matches, 3000, "all are counted");
    assert!(answer.lines.last().unwrap().msg.starts_with("n2999 "));
}
