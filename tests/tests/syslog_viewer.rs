//! The log viewer in a browser, the requests behind it, and `logd tail`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use ballast_tests::browser::Browser;
use ballast_tests::daemon::{self, Daemon, Setup, output, program};
use ballast_tests::syslog::{self, Framing, HTTP_PORT};
use ballast_tests::{address, wait};
use serde_json::Value;

const LOGD: u8 = 0;

const TOKEN: &str = "vX7-long-enough-to-be-a-token";

fn config() -> String {
    syslog::logd_head(address(LOGD))
        + "[output.hosts.file]\n\
           path = \"hosts/%HOSTNAME%/%PROGRAMNAME%.log\"\n\
           format = \"RSYSLOG_SyslogProtocol23Format\"\n\
           [[rule]]\nselect = \"*.*\"\nto = [\"hosts\"]\n\
           [[rule]]\nselect = \"auth,authpriv.*\"\nto = [\"./auth.log\"]\n"
}

fn logd() -> Daemon {
    Setup::new("logd").file("logd.toml", config()).start()
}

fn url(rest: &str) -> String {
    format!("http://{}:{HTTP_PORT}{rest}", address(LOGD))
}

/// Sends messages and waits until they are in the files.
fn send(logd: &Daemon, messages: &[String]) {
    syslog::send(syslog::collector(address(LOGD)), &Framing::OctetCounted.frame(messages));
    wait::until("the messages in their files", || {
        let hosts = logd.path().join("hosts");
        // It is made with the first line.
        let tree = hosts.exists().then(|| syslog::tree(&hosts))?;
        let all: Vec<_> = tree.values().flatten().copied().collect();
        let written = String::from_utf8_lossy(&all);
        messages
            .iter()
            .all(|message| written.contains(message.rsplit(" - ").next().unwrap()))
            .then_some(())
    });
}

/// A message of a second ago.
fn message(pri: u8, host: &str, program: &str, text: &str) -> String {
    let now = output("date", ["-u", "-d", "1 second ago", "+%Y-%m-%dT%H:%M:%S.%6NZ"]);
    format!("<{pri}>1 {} {host} {program} 42 - - {text}", now.trim())
}

fn some() -> Vec<String> {
    vec![
        message(86, "web1", "sshd", "Accepted publickey for ann"),
        message(
            83,
            "web1",
            "sshd",
            "error: <script>document.title = 'taken'</script><b id=bold>&amp;",
        ),
        message(28, "web1", "nginx", "upstream is slow"),
        message(26, "db1", "postgres", "PANIC: could not write to file"),
        message(30, "db1", "cron", "(root) CMD (run-parts)"),
    ]
}

/// An answer's head and body.
fn get(path: &str, headers: &str) -> (String, String) {
    request("GET", path, &format!("Host: {}\r\n{headers}", address(LOGD)))
}

fn request(method: &str, path: &str, headers: &str) -> (String, String) {
    let mut stream = syslog::connect(SocketAddr::from((address(LOGD), HTTP_PORT)));
    write!(stream, "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn search(query: &str) -> Value {
    let (head, body) = get(&format!("/viewer/search?{query}"), "");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}\n{body}");
    serde_json::from_str(&body).unwrap()
}

const ROWS: &str = "[...document.querySelectorAll('#lines .row .msg')].map((row) => row.textContent).join('\\n')";

#[test]
fn messages_are_seen_in_the_page_and_markup_in_them_stays_text() {
    let logd = logd();
    send(&logd, &some());
    let mut browser = Browser::start();
    browser.open(&url("/"));
    browser.wait_for("document.body.dataset.state === 'done'");
    let rows = browser.text(ROWS);
    for message in some() {
        let text = message.rsplit(" - ").next().unwrap();
        assert!(rows.contains(text), "{text} is in:\n{rows}");
    }
    assert_eq!(browser.text("document.title"), "logs");
    assert_eq!(
        browser.value("document.querySelector('#bold, #lines script') === null"),
        true
    );

    // The tree: hosts, and below them their programs.
    browser.wait_for("document.querySelectorAll('#tree details').length === 2");
    assert_eq!(
        browser.text("[...document.querySelectorAll('#tree details[data-name=\"db1\"] .leaf')].map((leaf) => leaf.firstChild.textContent).join()"),
        "cron,postgres"
    );
    assert_eq!(
        browser.value("document.querySelectorAll('#bars rect.b2').length > 0"),
        true
    );

    // A click on a program is a search for it.
    browser.value("document.querySelector('#tree details[data-name=\"web1\"] .leaf').click()");
    browser.wait_for("document.body.dataset.state === 'done' && document.querySelectorAll('#lines .row').length === 1");
    assert_eq!(browser.text(ROWS), "upstream is slow");
    assert_eq!(browser.text("location.search"), "?host=web1&program=nginx&from=-1h");
}

#[test]
fn an_address_opened_again_shows_the_same_search() {
    let logd = logd();
    send(&logd, &some());
    let mut first = Browser::start();
    first.open(&url("/"));
    first.wait_for("document.body.dataset.state === 'done'");
    first.press("/");
    first.value("document.activeElement.value = 'for ann|panic.*file'");
    first.value("document.querySelector('[name=re]').checked = true");
    first.value("document.querySelector('[name=severity]').value = 'info'");
    first.value("document.getElementById('search').requestSubmit()");
    first.wait_for("document.body.dataset.state === 'done' && document.querySelectorAll('#lines .row').length === 2");
    assert_eq!(
        first.text("[...document.querySelectorAll('#lines mark')].map((mark) => mark.textContent).join()"),
        "for ann,PANIC: could not write to file"
    );
    let (shared, rows) = (first.text("location.href"), first.text(ROWS));
    drop(first);
    let mut second = Browser::start();
    second.open(&shared);
    second.wait_for("document.body.dataset.state === 'done'");
    assert_eq!(second.text(ROWS), rows);
    assert_eq!(second.text("document.getElementById('q').value"), "for ann|panic.*file");
    assert_eq!(second.value("document.querySelector('[name=re]').checked"), true);
}

#[test]
fn the_keys_do_what_the_help_says() {
    let logd = logd();
    send(&logd, &some());
    let mut browser = Browser::start();
    browser.open(&url("/"));
    browser.wait_for("document.body.dataset.state === 'done'");
    let chosen = "[...document.querySelectorAll('#lines .row')].findIndex((row) => row.ariaSelected === 'true')";
    browser.press("k");
    assert_eq!(browser.value(chosen), 4, "the newest first");
    browser.press("k");
    assert_eq!(browser.value(chosen), 3);
    browser.press("g");
    browser.press("j");
    assert_eq!(browser.value(chosen), 1);
    browser.press("ArrowDown");
    assert_eq!(browser.value(chosen), 2);
    browser.press("ArrowUp");
    let told =
        "document.getElementById(document.getElementById('lines').getAttribute('aria-activedescendant')).ariaSelected";
    assert_eq!(browser.text(told), "true");
    browser.press("Enter");
    let detail = browser.text("document.querySelector('#lines .detail pre').textContent");
    assert!(detail.starts_with("<83>1 ") && detail.contains("<script>"), "{detail}");
    browser.press("Escape");
    assert_eq!(browser.value("document.querySelector('#lines .detail') === null"), true);
    browser.press("/");
    assert_eq!(browser.text("document.activeElement.id"), "q");
    browser.press("Escape");
    browser.press("?");
    assert_eq!(browser.value("document.getElementById('help').open"), true);
}

#[test]
fn the_live_page_shows_a_message_as_it_comes() {
    let logd = logd();
    send(&logd, &some());
    let mut browser = Browser::start();
    browser.open(&url("/?live=1&host=web1&severity=warning"));
    browser.wait_for("document.body.dataset.state === 'live'");
    send(
        &logd,
        &[
            message(86, "web1", "sshd", "too quiet to be shown"),
            message(86, "db1", "sshd", "of another host"),
            message(83, "web1", "sshd", "<i>now</i>"),
        ],
    );
    browser.wait_for("document.querySelector('#lines').textContent.includes('<i>now</i>')");
    let rows = browser.text(ROWS);
    assert!(
        rows.contains("upstream is slow"),
        "what was there before is shown:\n{rows}"
    );
    assert!(!rows.contains("quiet") && !rows.contains("another"), "{rows}");
    assert_eq!(browser.value("document.querySelector('#lines i') === null"), true);
    // A browser that listens doesn't keep the daemon from stopping.
    let (status, _) = logd.stop();
    assert!(status.success());
}

#[test]
fn a_search_finds_what_grep_finds_in_rotated_files_too() {
    let logd = logd();
    let messages: Vec<_> = (0..500)
        .map(|n| {
            message(
                30,
                ["web1", "db1", "a-b"][n % 3],
                "app",
                &format!("request {n} took {} ms", n * 7 % 100),
            )
        })
        .collect();
    send(&logd, &messages);
    let hosts = logd.path().join("hosts");
    // As logrotate leaves files behind.
    fs::copy(hosts.join("web1/app.log"), hosts.join("web1/app.log.1")).unwrap();
    output("gzip", [hosts.join("web1/app.log.1")]);
    for (pattern, host, from) in [
        ("took 7. ms", "", "&from=-1h"),
        ("request 1[0-9] ", "&host=a-b", ""),
        ("nothing", "", ""),
    ] {
        let encoded = pattern.replace(' ', "%20").replace('[', "%5B").replace(']', "%5D");
        let found = search(&format!("re=1&lines=5000&output=hosts&q={encoded}{host}{from}"));
        let mut found: Vec<_> = found["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["raw"].as_str().unwrap().to_owned())
            .collect();
        found.sort();
        let place = if host.is_empty() {
            hosts.clone()
        } else {
            hosts.join("a-b")
        };
        let command = format!("find {} -type f | xargs zgrep -hE '{pattern}'; true", place.display());
        let mut expected: Vec<_> = output("sh", ["-c", &command]).lines().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(found, expected, "{pattern}");
    }
}

/// A regular expression, for an address, that takes long with a text of [`LETTERS`]: after each of them another set of places in
/// it is reached, so that no automaton can be kept and each letter is compared at a thousand places.
const HOSTILE: &str = "re=1&q=a%5Bab%5D%7B2000%7D%5B%5Eab%5D";

/// Letters that follow no rule.
const LETTERS: &str = "tr '\\000-\\177' a </dev/urandom | tr '\\200-\\377' b | head -c";

#[test]
fn a_search_ends_when_its_browser_goes() {
    let logd = logd();
    send(&logd, &some());
    // Fifty million lines, each of which matches: more than a search gets through in its time.
    let long = logd.path().join("hosts/web1/long.log.1.gz");
    let script = "yes | head -c 100000000 | gzip -1 > \"$1\"";
    output("sh", ["-c", script, "sh", long.to_str().unwrap()]);
    ends_when_its_browser_goes(&logd, "program=long");
    // And ten million letters, none of which does, but not at once.
    let letters = logd.path().join("hosts/web1/letters.log");
    let script = letters_into("10000000 | fold -w 1000 > \"$1\"");
    output("sh", ["-c", &script, "sh", letters.to_str().unwrap()]);
    ends_when_its_browser_goes(&logd, &format!("program=letters&{HOSTILE}"));
}

fn letters_into(rest: &str) -> String {
    format!("LC_ALL=C; export LC_ALL; {LETTERS} {rest}")
}

fn ends_when_its_browser_goes(logd: &Daemon, query: &str) {
    let is_searching = || {
        let threads = fs::read_dir(format!("/proc/{}/task", logd.pid())).unwrap();
        threads
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("comm")).ok())
            .any(|name| name.trim() == "viewer")
    };
    let mut stream = syslog::connect(SocketAddr::from((address(LOGD), HTTP_PORT)));
    write!(
        stream,
        "GET /viewer/search?{query} HTTP/1.1\r\nHost: {}\r\n\r\n",
        address(LOGD)
    )
    .unwrap();
    wait::until("the search", || is_searching().then_some(()));
    // Meanwhile messages go their way.
    send(logd, &[message(30, "web1", "app", "while it is searched")]);
    assert!(is_searching());
    let left = Instant::now();
    drop(stream);
    wait::until("the end of the search", || (!is_searching()).then_some(()));
    assert!(
        left.elapsed() < wait::DEADLINE / 2,
        "it was told, and did not run into its own limit"
    );
}

#[test]
fn hostile_live_pages_hold_up_nobody_but_themselves() {
    /// As many as there may be.
    const LISTENERS: usize = 16;
    let logd = logd();
    let listen = |query: &str| {
        let mut stream = syslog::connect(SocketAddr::from((address(LOGD), HTTP_PORT)));
        write!(
            stream,
            "GET /viewer/live?{query} HTTP/1.1\r\nHost: {}\r\n\r\n",
            address(LOGD)
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut status = String::new();
        reader.read_line(&mut status).unwrap();
        (status, reader)
    };
    let mut hostile: Vec<_> = (1..LISTENERS).map(|_| listen(HOSTILE)).collect();
    let (status, live) = listen("host=web1");
    assert!(status.contains(" 200 ") && hostile.iter().all(|(status, _)| status.contains(" 200 ")));
    assert!(listen("").0.contains(" 503 "), "there is no room for another one");

    // One look at such a message takes a hostile listener a good part of a second.
    let letters = output("sh", ["-c", &letters_into("15000")]);
    let messages: Vec<_> = (0..100)
        .map(|n| message(30, "web1", "app", &format!("{letters}{n}")))
        .collect();
    send(&logd, &messages);
    let last = live
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("b99\"") || line.contains("a99\""));
    assert!(last.is_some(), "who asks for little hears all");
    // Their places are free when they are gone.
    hostile.clear();
    wait::until("a place", || listen("").0.contains(" 200 ").then_some(()));
}

#[test]
fn a_live_page_of_long_messages_is_sent_in_parts_of_256_kib() {
    /// A part, and the message that fills it.
    const PART_MAX: usize = (256 << 10) + (32 << 10);
    const MESSAGES: usize = 100;
    let logd = logd();
    let listen = || {
        let stream = syslog::connect(SocketAddr::from((address(LOGD), HTTP_PORT)));
        let request = format!("GET /viewer/live HTTP/1.1\r\nHost: {}\r\n\r\n", address(LOGD));
        (&stream).write_all(request.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        while !line_of(&mut reader).is_empty() {}
        reader
    };
    let longest = |mut live: BufReader<_>| {
        let (mut heard, mut longest) = (0, 0);
        while heard < MESSAGES {
            let length = usize::from_str_radix(&line_of(&mut live), 16).unwrap();
            let mut part = vec![0; length];
            live.read_exact(&mut part).unwrap();
            assert_eq!(line_of(&mut live), "");
            heard += String::from_utf8(part).unwrap().matches("event: message\n").count();
            longest = longest.max(length);
        }
        longest
    };
    let live = listen();
    let text = "x".repeat(15_000);
    let messages: Vec<_> = (0..MESSAGES)
        .map(|n| message(30, "web1", "app", &format!("{text}{n}")))
        .collect();
    send(&logd, &messages);
    let of_what_came = longest(live);
    assert!(of_what_came <= PART_MAX, "{of_what_came}");
    let of_before = longest(listen());
    assert!(of_before <= PART_MAX, "{of_before}");
}

fn line_of(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn clients_that_never_finish_their_requests_keep_nobody_out() {
    let _logd = logd();
    let mut slow: Vec<_> = (0..300)
        .map(|_| {
            let mut stream = syslog::connect(SocketAddr::from((address(LOGD), HTTP_PORT)));
            stream.write_all(b"GET /healthz HTTP/1.1\r\nX-Slow: ").unwrap();
            stream
        })
        .collect();
    let (head, _) = get("/healthz", "");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut rest = Vec::new();
    // What it wrote may not have been read: then it is reset.
    let _ = slow[0].read_to_end(&mut rest);
    assert!(rest.is_empty());
    let (_, metrics) = get("/metrics", "");
    let evicted = metrics
        .lines()
        .find_map(|line| line.strip_prefix("logd_control_http_closed_total{reason=\"evicted\"} "));
    assert!(evicted.unwrap().parse::<u64>().unwrap() > 150, "{evicted:?}");
}

#[test]
fn nothing_outside_the_trees_is_reached() {
    let logd = logd();
    send(&logd, &some());
    fs::write(logd.path().join("secret.log"), "treasure\n").unwrap();
    std::os::unix::fs::symlink(logd.path().join("secret.log"), logd.path().join("hosts/web1/link.log")).unwrap();
    std::os::unix::fs::symlink(logd.path(), logd.path().join("hosts/link")).unwrap();
    assert_eq!(search("q=treasure")["matches"], 0);
    for query in [
        "host=..",
        "host=../..",
        "program=../../secret",
        "output=secret.log",
        "output=/etc/passwd",
    ] {
        assert_eq!(search(query)["matches"], 0, "{query}");
    }
    let (head, _) = get("/viewer/search?file=/etc/passwd", "");
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    let (head, _) = get("/viewer/../../etc/passwd", "");
    assert!(head.starts_with("HTTP/1.1 404 "), "{head}");
}

#[test]
fn every_page_is_strict_and_read_only_and_knows_its_name() {
    let _logd = logd();
    for path in [
        "/",
        "/viewer/app.js",
        "/viewer/style.css",
        "/viewer/icon.svg",
        "/viewer/tree",
        "/viewer/search",
    ] {
        let (head, _) = get(path, "");
        assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self';",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(header), "{path} has no {header}: {head}");
        }
        assert!(!head.contains("unsafe"), "{head}");
        for method in ["POST", "PUT", "DELETE"] {
            let (head, _) = request(
                method,
                path,
                &format!("Host: {}\r\nContent-Length: 0\r\n", address(LOGD)),
            );
            assert!(head.starts_with("HTTP/1.1 405 "), "{method} {path}: {head}");
        }
        let (head, _) = request("GET", path, "Host: evil.example\r\n");
        assert!(head.starts_with("HTTP/1.1 421 "), "{path}: {head}");
    }
    let (head, _) = get("/viewer/search", "Sec-Fetch-Site: cross-site\r\n");
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    let (head, body) = get("/viewer/search?re=1&q=(", "");
    assert!(
        head.starts_with("HTTP/1.1 400 ") && body.contains("unclosed group"),
        "{head}\n{body}"
    );
    // Monitoring asks by any name, as it did.
    let (head, _) = request("GET", "/healthz", "Host: monitor.example\r\n");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[test]
fn with_a_token_only_who_has_it_sees_anything() {
    let setup = Setup::new("logd").file("token", TOKEN);
    fs::set_permissions(setup.path().join("token"), fs::Permissions::from_mode(0o600)).unwrap();
    let with_token = config().replace(
        "[input.net-tcp.tcp]",
        "http-token-file = \"token\"\n[input.net-tcp.tcp]",
    );
    let logd = setup.file("logd.toml", with_token).start();
    send(&logd, &some());
    for path in ["/viewer/tree", "/viewer/search", "/viewer/live"] {
        let (head, body) = get(path, "");
        assert!(
            head.starts_with("HTTP/1.1 401 ") && !body.contains("web1"),
            "{path}: {head}\n{body}"
        );
        let (head, _) = get(path, "Authorization: Bearer wrong\r\n");
        assert!(head.starts_with("HTTP/1.1 401 "), "{path}: {head}");
    }
    let (head, body) = get("/viewer/tree", &format!("Authorization: Bearer {TOKEN}\r\n"));
    assert!(head.starts_with("HTTP/1.1 200 ") && body.contains("web1"), "{head}");
    let (head, _) = get(&format!("/?token={TOKEN}&q=ann"), "");
    assert!(
        head.starts_with("HTTP/1.1 303 ") && head.contains("location: /?q=ann\r\n"),
        "{head}"
    );
    assert!(head.contains("HttpOnly; SameSite=Strict"), "{head}");

    let mut browser = Browser::start();
    browser.open(&url("/?q=ann"));
    browser.wait_for("document.getElementById('login').open");
    assert_eq!(browser.text(ROWS), "");
    let log_in = "document.querySelector('#login form').requestSubmit()";
    browser.value("document.getElementById('token').value = 'wrong'");
    browser.value(log_in);
    browser
        .wait_for("document.getElementById('login').open && document.getElementById('login-error').textContent !== ''");
    browser.value(&format!("document.getElementById('token').value = '{TOKEN}'"));
    browser.value(log_in);
    browser.wait_for("document.body.dataset.state === 'done'");
    assert_eq!(browser.text(ROWS), "Accepted publickey for ann");
    assert_eq!(browser.text("document.cookie"), "", "scripts don't see the cookie");
    let (_, left) = logd.stop();
    assert!(!left.log.contains(TOKEN));
}

#[test]
fn beyond_loopback_check_wants_a_token() {
    let at = |http: &str| {
        let config = config().replace(&format!("\"{}:{HTTP_PORT}\"", address(LOGD)), http);
        Setup::new("logd").file("logd.toml", config).run(&["check"])
    };
    let refused = at("\"0.0.0.0:9514\"");
    assert_eq!(refused.status.code(), Some(78));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        said.contains("logd.toml:4:9: ") && said.contains("http-token-file"),
        "{said}"
    );
    assert!(at("\"0.0.0.0:9514\"\nviewer = false").status.success());
    assert!(at("\"unix:/run/logd/http.sock\"").status.success());
    let missing = at("\"0.0.0.0:9514\"\nhttp-token-file = \"none\"");
    assert_eq!(missing.status.code(), Some(78));
}

#[test]
fn a_unix_socket_serves_it_to_who_may_connect() {
    let setup = Setup::new("logd");
    let socket = setup.path().join("http.sock");
    let config = config().replace(
        &format!("\"{}:{HTTP_PORT}\"", address(LOGD)),
        &format!("\"unix:{}\"", socket.display()),
    );
    let logd = setup.file("logd.toml", config).start();
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o660);
    let mut stream = UnixStream::connect(&socket).unwrap();
    stream
        .write_all(b"GET /viewer/tree HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    let _left = logd.stop();
    assert!(!socket.exists());
}

#[test]
fn tail_shows_the_last_messages_and_follows_what_comes() {
    let logd = logd();
    send(&logd, &some());
    let tail = |arguments: &[&str]| String::from_utf8(logd.run(arguments).stdout).unwrap();
    let all = tail(&["tail"]);
    assert_eq!(all.lines().count(), 5, "{all}");
    assert!(
        all.lines()
            .next()
            .unwrap()
            .ends_with(" web1 sshd[42] info: Accepted publickey for ann"),
        "{all}"
    );
    assert_eq!(tail(&["tail", "--host", "db*", "--program", "cron"]).lines().count(), 1);
    assert_eq!(tail(&["tail", "--severity", "err"]).lines().count(), 2);
    assert_eq!(tail(&["tail", "-n", "1"]).lines().count(), 1);
    let json: Value = serde_json::from_str(&tail(&["tail", "--json", "-n", "1"])).unwrap();
    assert_eq!(
        (&json["host"], &json["input"], &json["fromhost_ip"]),
        (&"db1".into(), &"net-tcp".into(), &"127.0.0.1".into())
    );
    assert_eq!(logd.run(&["tail", "--severity", "loud"]).status.code(), Some(64));

    let mut follower = Command::new(program("logd"))
        .args(["tail", "--follow", "-n", "1", "--host", "web1", "--config"])
        .arg(logd.path().join("logd.toml"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let last = lines.next().unwrap().unwrap();
    assert!(last.ends_with("upstream is slow"), "{last}");
    send(
        &logd,
        &[
            message(86, "db1", "sshd", "of another host"),
            message(86, "web1", "sshd", "while it follows\u{9b}31m"),
        ],
    );
    let next = lines.next().unwrap().unwrap();
    assert!(next.ends_with("sshd[42] info: while it follows\\u{9b}31m"), "{next}");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

const COLOURS: &str = "getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)' ? 'light' : 'dark'";

/// Whether all of the last line is seen.
const IS_AT_NEWEST: &str = "[...document.querySelectorAll('#lines .row')].pop().getBoundingClientRect().bottom \
                            <= document.getElementById('lines').getBoundingClientRect().bottom + 1";

#[test]
fn what_is_wrong_or_not_there_is_said_in_words() {
    let logd = logd();
    let mut browser = Browser::start();
    let said = "document.querySelector('#lines .note').textContent";
    browser.open(&url("/"));
    browser.wait_for("document.body.dataset.state === 'done' && document.querySelector('#tree .note') !== null");
    assert!(
        browser.text(said).contains("There is no file of such a host"),
        "{}",
        browser.text(said)
    );
    assert!(
        browser
            .text("document.querySelector('#tree').textContent")
            .contains("No files yet")
    );
    send(&logd, &some());
    browser.open(&url("/?q=nothing+of+the+kind&from=-1h"));
    browser.wait_for("document.body.dataset.state === 'done'");
    assert!(browser.text(said).contains("No line matches."));
    // What is offered widens it.
    browser.value("document.querySelector('#lines .note button').click()");
    browser.wait_for("document.body.dataset.state === 'done' && location.search === '?q=nothing+of+the+kind'");
    browser.open(&url("/?re=1&q=(&from=-1h"));
    browser.wait_for("document.body.dataset.state === 'failed'");
    assert!(browser.text(said).contains("unclosed group"), "{}", browser.text(said));
    browser.screenshot(&daemon::built().join("viewer/error.png"));
    browser.open(&url("/?from=-1h"));
    browser.wait_for("document.body.dataset.state === 'done'");
    let _left = logd.stop();
    browser.press("r");
    browser.wait_for("document.body.dataset.state === 'failed'");
    assert!(
        browser.text(said).contains("logd does not answer"),
        "{}",
        browser.text(said)
    );
}

#[test]
fn a_thousand_hosts_and_odd_lines_are_readable() {
    let logd = logd();
    send(&logd, &some());
    let hosts = logd.path().join("hosts");
    for n in 0..1000 {
        let host = hosts.join(format!("web{n}"));
        fs::create_dir_all(&host).unwrap();
        for program in ["app", "cron", "nginx"] {
            fs::write(host.join(program).with_extension("log"), "").unwrap();
        }
    }
    let line = |text: &str| message(27, "odd", "app", text);
    let odd = [
        line(&format!("a long one {}", "and so on ".repeat(800))),
        line("turned \u{202e}txt.exe\u{202c}, hidden \u{200b}here, a bell \u{7}"),
        line(
            "\u{5e9}\u{5dc}\u{5d5}\u{5dd} in Hebrew, \u{645}\u{631}\u{62d}\u{628}\u{627} in Arabic, \u{65e5}\u{672c}\u{8a9e}, \u{1f525}",
        ),
        line(&"x".repeat(3000)),
    ];
    fs::create_dir_all(hosts.join("odd")).unwrap();
    fs::write(hosts.join("odd/app.log"), odd.join("\n") + "\n").unwrap();
    let pictures = daemon::built().join("viewer");
    let mut browser = Browser::start();
    for (name, width, height, colours) in [("odd-1280", 1280, 800, "dark"), ("odd-390", 390, 844, "light")] {
        browser.look(width, height, colours);
        browser.open(&url("/?host=odd&from=-1h"));
        browser.wait_for(
            "document.body.dataset.state === 'done' && document.querySelectorAll('#tree details').length >= 1000",
        );
        assert_eq!(browser.value("document.querySelectorAll('#lines .row').length"), 4);
        assert_eq!(
            browser.text("[...document.querySelectorAll('#lines .unseen')].map((part) => part.textContent).join()"),
            "U+202E,U+202C,U+200B,U+0007"
        );
        // A long line does not push the others off the page; its detail has all of it.
        let tallest = "Math.max(...[...document.querySelectorAll('#lines .row')].map((row) => row.offsetHeight))";
        let tallest = browser.value(tallest).as_f64().unwrap();
        assert!(tallest < 180.0, "{tallest}");
        assert_eq!(
            browser.value("document.documentElement.scrollWidth <= innerWidth"),
            true,
            "{name}"
        );
        assert_eq!(browser.value(IS_AT_NEWEST), true, "{name}");
        browser.screenshot(&pictures.join(format!("{name}.png")));
    }
    browser.press("End");
    browser.press("Enter");
    assert_eq!(
        browser.value("document.querySelector('#lines .detail pre').textContent.match(/x+$/)[0].length"),
        3000
    );
    let in_order = "[...document.querySelectorAll('#tree details')].map((host) => host.dataset.host)";
    assert_eq!(
        browser.value(&format!(
            "{in_order}.indexOf('web2') + 1 === {in_order}.indexOf('web3')"
        )),
        true,
        "not behind web10 and web20"
    );
    // Finding one of them takes no time that is felt.
    let taken = browser.value(
        "(() => { const start = performance.now(); const find = document.getElementById('tree-filter'); \
         find.value = 'web99'; find.dispatchEvent(new Event('input')); document.body.offsetHeight; \
         return performance.now() - start; })()",
    );
    assert!(taken.as_f64().unwrap() < 1000.0, "{taken} ms");
    let found = "[...document.querySelectorAll('#tree details:not([hidden])')].map((host) => host.dataset.host).join()";
    assert_eq!(
        browser.text(found),
        "web99,web990,web991,web992,web993,web994,web995,web996,web997,web998,web999"
    );
}

#[test]
fn what_no_eye_sees_stands_by_its_number_and_does_not_fill_the_page() {
    let logd = logd();
    send(&logd, &some());
    let host = logd.path().join("hosts/web\u{200b}1");
    fs::create_dir_all(&host).unwrap();
    let lines =
        ["\u{ad}".repeat(812), "\u{ad}\u{200b}".repeat(1000)].map(|text| message(27, "web\u{200b}1", "app", &text));
    fs::write(host.join("app\u{202e}.log"), lines.join("\n") + "\n").unwrap();
    let mut browser = Browser::start();
    browser.open(&url("/?host=web%E2%80%8B1&from=-1h"));
    browser.wait_for(
        "document.querySelectorAll('#lines .row').length === 2 && document.querySelectorAll('#tree details').length === 3",
    );
    let of_rows = |what: &str| format!("[...document.querySelectorAll('#lines .row')].map((row) => {what}).join()");
    let first = "document.querySelector('#lines .row .msg .unseen').textContent";
    assert_eq!(browser.text(first), "U+00AD ×812");
    let elements = of_rows("row.querySelectorAll('.msg .unseen').length");
    assert_eq!(browser.text(&elements), "1,50");
    let left = "/[\\u00ad\\u200b\\u202e]/.test(document.getElementById('lines').textContent)";
    assert_eq!(browser.value(left), false);

    // Names too: another host is not to look like this one. What they are stays in the address.
    let told = of_rows("row.querySelector('.host').textContent + ' ' + row.querySelector('.program').textContent");
    assert_eq!(browser.text(&told), ["webU+200B1 app[42]"; 2].join(","));
    let told = "document.querySelector('#tree details.current summary').textContent";
    assert_eq!(browser.text(told), "webU+200B1");
    let leaf = "document.querySelector('#tree details.current .leaf')";
    assert_eq!(browser.text(&format!("{leaf}.firstChild.textContent")), "appU+202E");
    browser.value(&format!("{leaf}.click()"));
    browser.wait_for("document.body.dataset.state === 'done' && document.querySelectorAll('#lines .row').length === 2");
    let search = "?host=web%E2%80%8B1&program=app%E2%80%AE&from=-1h";
    assert_eq!(browser.text("location.search"), search);
}

#[test]
fn a_live_page_says_what_it_skipped_and_goes_on_from_where_it_was_scrolled_to() {
    let logd = logd();
    send(&logd, &some());
    let mut browser = Browser::start();
    browser.look(1280, 400, "light");
    browser.open(&url("/?live=1"));
    browser.wait_for("document.body.dataset.state === 'live'");
    // More at once than a queue takes.
    let burst = |from: usize| {
        let messages: Vec<_> = (from..from + 20_000)
            .map(|n| format!("<30>1 2026-12-01T00:00:00Z web1 burst 7 - - n{n}"))
            .collect();
        syslog::send(
            syslog::collector(address(LOGD)),
            &Framing::OctetCounted.frame(&messages),
        );
    };
    burst(0);
    browser.wait_for("/skipped/.test(document.querySelector('#lines .gap')?.textContent)");
    browser.wait_for("document.getElementById('status').textContent.startsWith('live: ')");
    // Who has scrolled back is not pulled away.
    browser.value("document.getElementById('lines').scrollTop = 0");
    browser.wait_for("document.getElementById('status').textContent.startsWith('live, but scrolled back')");
    send(&logd, &[message(30, "db1", "cron", "the last one")]);
    browser.wait_for("document.getElementById('lines').textContent.includes('the last one')");
    assert_eq!(browser.value("document.getElementById('lines').scrollTop < 1000"), true);
    browser.press("G");
    browser.wait_for("document.getElementById('status').textContent.startsWith('live: ')");
    assert_eq!(browser.value(IS_AT_NEWEST), true);
}

#[test]
fn the_page_is_dark_and_light_wide_and_narrow() {
    let logd = logd();
    let mut messages = some();
    for n in 0..120 {
        let (pri, program, text) = match n % 7 {
            0 => (
                86,
                "sshd",
                format!("Accepted publickey for deploy from 10.0.{n}.7 port 5{n:03} ssh2: ED25519 SHA256:8Xk"),
            ),
            1 => (
                30,
                "systemd",
                format!("Started session-{n}.scope - Session {n} of User root."),
            ),
            2 => (
                28,
                "nginx",
                format!("2026/12/01 [warn] 812#812: *{n} an upstream response is buffered to a temporary file"),
            ),
            3 => (
                27,
                "nginx",
                format!("connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.{n}"),
            ),
            4 => (31, "app", format!("cache miss key=user:{n} took={}us", n * 13)),
            5 => (29, "kernel", format!("nf_conntrack: table {n}% full")),
            _ => (78, "cron", format!("({n}) CMD (/usr/lib/sysstat/sa1 1 1)")),
        };
        messages.push(message(
            pri,
            ["web1", "web2", "db1", "mail.example.net"][n % 4],
            program,
            &text,
        ));
    }
    send(&logd, &messages);
    let mut browser = Browser::start();
    let pictures = daemon::built().join("viewer");
    let mut taken = Vec::new();
    for (name, width, height, colours) in [
        ("light-1280", 1280, 800, "light"),
        ("dark-1280", 1280, 800, "dark"),
        ("light-390", 390, 844, "light"),
        ("dark-390", 390, 844, "dark"),
    ] {
        browser.look(width, height, colours);
        browser.open(&url("/?q=&from=-1h"));
        browser.wait_for(
            "document.body.dataset.state === 'done' && document.querySelectorAll('#tree details').length === 4",
        );
        assert_eq!(browser.text(COLOURS), colours);
        assert_eq!(
            browser.value("document.documentElement.scrollWidth <= innerWidth"),
            true,
            "{name}"
        );
        assert_eq!(browser.value(IS_AT_NEWEST), true, "{name}");
        taken.push(browser.screenshot(&pictures.join(format!("{name}.png"))));
    }
    taken.dedup();
    assert_eq!(taken.len(), 4, "they differ");
    // The choice stays over a reload, whatever the system has.
    browser.value("document.getElementById('theme').click()");
    browser.open(&url("/"));
    browser.wait_for("document.body.dataset.state === 'done'");
    assert_eq!(browser.text(COLOURS), "light");
    browser.look(1280, 800, "light");
    browser.open(&url("/?host=web1&severity=warning&from=-1h"));
    browser.wait_for("document.body.dataset.state === 'done'");
    browser.press("k");
    browser.press("Enter");
    browser.wait_for("document.querySelector('#tree details.current')?.open === true");
    browser.screenshot(&pictures.join("detail.png"));
    browser.look(390, 844, "light");
    browser.open(&url("/?live=1"));
    browser
        .wait_for("document.body.dataset.state === 'live' && document.querySelectorAll('#tree details').length === 4");
    browser.press("t");
    browser.screenshot(&pictures.join("tree-390.png"));
    browser.press("t");
    browser.press("?");
    browser.screenshot(&pictures.join("help-390.png"));
}
