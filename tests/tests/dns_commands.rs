//! The commands that ask: dump, flush, explain, status; and the control socket as any Varlink client sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use ballast_tests::daemon::{Daemon, output};
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::message::{Rcode, flag};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, page, serves};
use ballast_tests::{peers, port, wait};

const ZONE: &str = "$TTL 300\n@ SOA ns hostmaster 7 3600 600 86400 60\n@ NS ns\n@ MX 10 mail\nns A 192.0.2.53\nmail A 192.0.2.25\n\
    WWW CNAME mail\n*.w TXT \"a \\\"quoted\\\" \\195\\188 text\"\nsub NS ns.sub\nns.sub AAAA 2001:db8::1\na.b 60 TYPE65280 \\# 3 010203\n";

const CLOUD: &str = "$TTL 300\n@ SOA ns hostmaster 8 3600 600 86400 60\n@ NS ns\nns A 10.0.0.53\n";

const SECRET: &str = "c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLWF0LW9uY2U=";

/// What a command prints that goes well.
fn said(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = daemon.run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {}: {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// What it prints of its refusal, and its exit code.
fn refused(daemon: &Daemon, arguments: &[&str]) -> (String, Option<i32>) {
    let output = daemon.run(arguments);
    assert!(output.stdout.is_empty());
    (String::from_utf8(output.stderr).unwrap(), output.status.code())
}

fn start() -> Daemon {
    Configuration::new()
        .zone("example.net", "zone")
        .zone("broken.example", "missing")
        .table(&format!(
            "[key.lan]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""
        ))
        .table("[view.cloud]\nmatch-clients = [\"10.0.0.0/8\"]")
        .table("[view.cloud.zone.\"example.net\".primary]\nfile = \"cloud\"")
        .setup()
        .file("zone", ZONE)
        .file("cloud", CLOUD)
        .start()
}

/// The records of a zone as named-checkzone's own dump has them, one a line.
fn canonical(origin: &str, file: &Path) -> Vec<String> {
    let printed = output(
        "named-checkzone",
        [
            "-i",
            "none",
            "-k",
            "ignore",
            "-D",
            "-o",
            "-",
            origin,
            file.to_str().unwrap(),
        ],
    );
    let mut lines: Vec<String> = printed
        .lines()
        .filter(|line| line.contains("\tIN ") || line.contains(" IN "))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase())
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_dumped_zone_is_the_zone_to_dnsd_and_to_named() {
    let daemon = start();
    let dumped = said(&daemon, &["dump", "example.net"]);
    assert!(
        dumped.starts_with("; example.net/IN, serial 7, 10 records\nexample.net. 300 IN SOA "),
        "{dumped}"
    );
    let file = daemon.path().join("dumped");
    std::fs::write(&file, &dumped).unwrap();
    let checked = said(&daemon, &["check-zone", "example.net", file.to_str().unwrap()]);
    assert!(checked.ends_with("OK\n"), "{checked}");
    assert_eq!(
        canonical("example.net", &file),
        canonical("example.net", &daemon.path().join("zone"))
    );
    let cloud = said(&daemon, &["dump", "example.net", "--view", "cloud"]);
    assert!(
        cloud.starts_with("; example.net/IN/cloud, serial 8, 3 records\n"),
        "{cloud}"
    );
    let (message, code) = refused(&daemon, &["dump", "broken.example"]);
    assert_eq!(
        (&*message, code),
        ("nothing is served of zone broken.example/IN\n", Some(69))
    );
    assert_eq!(refused(&daemon, &["dump", "other.example"]).1, Some(64));
    daemon.stop();
}

#[test]
fn a_large_zone_is_dumped_while_queries_are_answered() {
    let mut text = "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns.other.\n".to_owned();
    for host in 0..100_000 {
        writeln!(text, "h{host} A 192.0.2.1").unwrap();
    }
    let daemon = Configuration::new()
        .zone("large.example", "zone")
        .setup()
        .file("zone", text)
        .start();
    // A caller that has taken one piece and no more holds nobody up.
    let mut slow = Varlink::of(&daemon);
    slow.send(r#"{"method":"io.ballast.dnsd.Dump","parameters":{"zone":"large.example"},"more":true}"#);
    assert!(slow.receive().ends_with(r#""continues":true}"#));
    let answer = Udp::to(serves()).ask(&Query::of("h5.large.example", rtype::A));
    assert_eq!(answer.rcode(), Rcode::NOERROR);
    let dumped = said(&daemon, &["dump", "large.example"]);
    assert_eq!(dumped.lines().count(), 1 + 100_002);
    let mut pieces = 1;
    while slow.receive().ends_with(r#""continues":true}"#) {
        pieces += 1;
    }
    assert!(pieces > 10, "{pieces}");
    daemon.stop();
}

#[test]
fn a_running_daemon_explains_what_it_answers() {
    let daemon = start();
    let here = daemon.path().display().to_string();
    let explained = |arguments: &[&str]| said(&daemon, &[&["explain"], arguments].concat());
    let text = explained(&["x.y.w.example.net", "TXT", "--from", "192.0.2.7", "--key", "lan"]);
    assert_eq!(
        text,
        format!(
            "question: x.y.w.example.net. TXT from 192.0.2.7, with RD\n\
             key: lan., hmac-sha256\n\
             view: not cloud, as match-clients: no entry of 1 matches\n\
             view: none: the zones outside the views\n\
             zone: example.net/IN, primary, serial 7, 10 records, loaded from {here}/zone\n\
             allow-query: allowed, entry 1 of 1, \"any\"\n\
             look-up: x.y.w.example.net.: by the wildcard *.w.example.net., as w.example.net. is the closest encloser; \
             with TXT records\n\
             answer: NOERROR, authoritative\n\
             \tanswer\tx.y.w.example.net. 300 IN TXT \"a \\\"quoted\\\" \\195\\188 text\"\n"
        )
    );
    let text = explained(&["www.example.net", "A", "--from", "10.1.2.3"]);
    assert!(
        text.contains(
            "\nview: cloud, as match-clients: entry 1 of 1, \"10.0.0.0/8\"\nzone: example.net/IN/cloud, primary"
        ),
        "{text}"
    );
    // What is explained is what is answered.
    let answer = Udp::to(serves()).ask(&Query::of("www.broken.example", rtype::A));
    assert_eq!(answer.rcode(), Rcode::SERVFAIL);
    let text = explained(&["www.broken.example", "A", "--from", "127.0.0.1"]);
    assert!(
        text.ends_with("\nanswer: SERVFAIL\n") && text.contains("nothing is served: "),
        "{text}"
    );
    // Without a daemon it is the same but for where the zone is from.
    let (_, stopped) = daemon.stop();
    let setup = stopped.again();
    let question = ["www.example.net", "A", "--from", "127.0.0.1"];
    let nobody = setup.run(&[&["explain"], &question[..]].concat());
    assert_eq!(nobody.status.code(), Some(69));
    let offline = setup.run(&[&["explain", "--offline"], &question[..]].concat());
    let text = String::from_utf8(offline.stdout).unwrap();
    assert!(
        text.contains(&format!(
            "zone: example.net/IN, primary, serial 7, 10 records, read from {here}/zone\n"
        )),
        "{text}"
    );
}

#[test]
fn status_tells_of_each_keys_last_use() {
    let daemon = start();
    let before = said(&daemon, &["status"]);
    assert!(before.contains("key lan.\thmac-sha256\tnot used yet\n"), "{before}");
    let dig = Command::new("dig")
        .arg(format!("@{}", serves().ip()))
        .args([
            "-p",
            &PORT.to_string(),
            "-y",
            &format!("hmac-sha256:lan:{SECRET}"),
            "example.net",
        ])
        .output()
        .unwrap();
    assert!(dig.status.success());
    let status = said(&daemon, &["status"]);
    let used = status.lines().find(|line| line.starts_with("key lan.\t")).unwrap();
    assert!(
        used.contains("\tlast used ") && used.contains(" s ago by 127."),
        "{used}"
    );
    assert!(!status.contains(SECRET));
    // Of one zone only that.
    let zone = said(&daemon, &["status", "example.net"]);
    assert!(
        zone.contains("example.net.\tloaded\tserial 7\t10 records\t") && !zone.contains("key "),
        "{zone}"
    );
    assert!(
        zone.contains("\tloaded 0 s ago\n") || zone.contains(" s ago\n"),
        "{zone}"
    );
    let json = said(&daemon, &["status", "--json"]);
    assert!(
        json.starts_with('{') && json.contains(r#""lastUsedBy":"127."#),
        "{json}"
    );
    daemon.stop();
}

/// named with a zone that is forwarded to it, and dnsd.
fn forwarding() -> (Daemon, peers::Peer) {
    let setup = Configuration::new()
        .table(&format!(
            "[zone.\"example.org\".forward]\nforwarders = [\"127.0.0.1:{}\"]\npolicy = \"only\"\nallow = [\"any\"]",
            port()
        ))
        .setup();
    let zone = setup.path().join("forwarded");
    std::fs::write(
        &zone,
        "$TTL 300\n@ SOA ns hostmaster 7 3600 600 86400 30\n@ NS ns\nns A 198.51.100.53\na A 198.51.100.1\na.sub A 198.51.100.2\n",
    )
    .unwrap();
    let (named, _) = peers::named(setup.path(), "querylog yes;", &[("example.org", &zone)]);
    (setup.start(), named)
}

#[test]
fn what_forwarders_answered_is_forgotten_by_name_tree_or_all() {
    let (daemon, named) = forwarding();
    let ask = |name: &str| {
        let answer = Udp::to(serves()).ask(&Query::of(name, rtype::A).flags(flag::RD));
        assert_eq!(answer.rcode(), Rcode::NOERROR);
    };
    let names = ["a.example.org", "a.sub.example.org"];
    let ask_all = || names.map(|name| [ask(name), ask(name)]);
    let asked = |times: [usize; 2]| {
        wait::until("named to have logged its queries", || {
            let log = named.log();
            let found = names.map(|name| log.matches(&format!(": query: {name} IN A ")).count());
            (found == times).then_some(())
        });
    };
    ask_all();
    asked([1, 1]);
    assert_eq!(
        said(&daemon, &["flush", "A.example.org"]),
        "1 answer about A.example.org. forgotten\n"
    );
    ask_all();
    asked([2, 1]);
    assert_eq!(
        said(&daemon, &["flush", "sub.example.org", "--tree"]),
        "1 answer about sub.example.org. and the names below it forgotten\n"
    );
    ask_all();
    asked([2, 2]);
    assert_eq!(said(&daemon, &["flush"]), "2 answers forgotten\n");
    ask_all();
    asked([3, 3]);
    let metrics = page("/metrics");
    for (outcome, count) in [("cached", 12 - 2), ("answered", 6), ("failed", 0)] {
        let line = format!("dnsd_forwarded_total{{outcome=\"{outcome}\"}} {count}\n");
        assert!(metrics.contains(&line) || outcome == "cached", "{line}{metrics}");
    }
    let status = said(&daemon, &["status"]);
    assert!(
        status.contains("forwarded: 0 under way, 10 answered from the cache, 6 answered, 0 not answered\n"),
        "{status}"
    );
    assert_eq!(daemon.run(&["flush", "--tree"]).status.code(), Some(64));
    daemon.stop();
}

/// A conversation with the control socket, in Varlink's own terms.
struct Varlink(BufReader<UnixStream>);

impl Varlink {
    fn of(daemon: &Daemon) -> Self {
        let stream = UnixStream::connect(daemon.path().join("control.sock")).unwrap();
        stream.set_read_timeout(Some(wait::DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, message: &str) {
        self.0.get_mut().write_all(message.as_bytes()).unwrap();
        self.0.get_mut().write_all(&[0]).unwrap();
    }

    fn receive(&mut self) -> String {
        let mut message = Vec::new();
        self.0.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0));
        String::from_utf8(message).unwrap()
    }

    fn call(&mut self, method: &str, parameters: &str) -> String {
        self.send(&format!(r#"{{"method":"{method}","parameters":{parameters}}}"#));
        self.receive()
    }
}

#[test]
fn a_varlink_client_finds_what_there_is_to_call() {
    let daemon = start();
    let mut varlink = Varlink::of(&daemon);
    let info = varlink.call("org.varlink.service.GetInfo", "{}");
    assert!(
        info.contains(r#""product":"dnsd""#) && info.contains(r#""vendor":"Ballast""#),
        "{info}"
    );
    assert!(info.contains(r#"["org.varlink.service","io.ballast.dnsd"]"#), "{info}");
    for interface in ["org.varlink.service", "io.ballast.dnsd"] {
        let text = varlink.call(
            "org.varlink.service.GetInterfaceDescription",
            &format!(r#"{{"interface":"{interface}"}}"#),
        );
        assert!(text.contains(&format!("interface {interface}\\n")), "{text}");
    }
    // Every method that is described is there: it takes no call without a zone that has to have one, but it knows it.
    let described = varlink.call(
        "org.varlink.service.GetInterfaceDescription",
        r#"{"interface":"io.ballast.dnsd"}"#,
    );
    let methods: Vec<&str> = described
        .split("\\nmethod ")
        .skip(1)
        .map(|rest| rest.split('(').next().unwrap())
        .collect();
    for method in [
        "Status",
        "Reload",
        "ReloadZone",
        "Sync",
        "Freeze",
        "Thaw",
        "Retransfer",
        "Refresh",
        "Notify",
        "Dump",
        "Flush",
        "Explain",
    ] {
        assert!(methods.contains(&method), "{method} is missing in {methods:?}");
    }
    for method in methods {
        let reply = varlink.call(&format!("io.ballast.dnsd.{method}"), "{}");
        assert!(!reply.contains("MethodNotFound"), "{method}: {reply}");
    }
    let unknown = varlink.call("io.ballast.dnsd.Nothing", "{}");
    assert_eq!(
        unknown,
        r#"{"error":"org.varlink.service.MethodNotFound","parameters":{"method":"Nothing"}}"#
    );
    let unknown = varlink.call("io.ballast.other.Status", "{}");
    assert!(unknown.contains("org.varlink.service.InterfaceNotFound"), "{unknown}");
    let one = varlink.call("io.ballast.dnsd.Dump", r#"{"zone":"example.net"}"#);
    assert_eq!(one, r#"{"error":"org.varlink.service.ExpectedMore","parameters":{}}"#);
    let wrong = varlink.call("io.ballast.dnsd.Flush", r#"{"name":7}"#);
    assert!(wrong.contains(r#""parameters":{"parameter":"name"}"#), "{wrong}");
    // Who wants no reply gets none: the next one is that of the next call.
    varlink.send(r#"{"method":"io.ballast.dnsd.Flush","oneway":true}"#);
    assert_eq!(
        varlink.call("io.ballast.dnsd.Flush", "{}"),
        r#"{"parameters":{"forgotten":0}}"#
    );
    daemon.stop();
}

#[test]
fn commands_need_a_daemon() {
    let setup = Configuration::new().setup();
    for command in [&["dump", "example.net"][..], &["flush"], &["status"]] {
        let output = setup.run(command);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{command:?}: {said}");
        assert!(said.starts_with("no daemon is running at "), "{said}");
    }
    drop(setup);
}

#[test]
fn questions_are_counted_by_zone_where_that_is_wanted() {
    let mut daemon = Configuration::new()
        .table("[zone.\"example.net\".primary]\nfile = \"zone\"\nzone-statistics = true\nallow-query = [\"!127.0.0.2\", \"any\"]")
        .zone("example.org", "zone")
        .setup()
        .file("zone", ZONE)
        .start();
    let ask = |name: &str| Udp::to(serves()).ask(&Query::of(name, rtype::A));
    for name in [
        "www.example.net",
        "mail.example.net",
        "missing.example.net",
        "www.example.org",
        "example.com",
    ] {
        ask(name);
    }
    let counted = || -> Vec<String> {
        let lines = page("/metrics");
        let lines = lines
            .lines()
            .filter(|line| line.starts_with("dnsd_zone_queries_total{"));
        lines.map(ToOwned::to_owned).collect()
    };
    assert_eq!(
        counted(),
        [
            "dnsd_zone_queries_total{zone=\"example.net.\",rcode=\"NOERROR\"} 2",
            "dnsd_zone_queries_total{zone=\"example.net.\",rcode=\"NXDOMAIN\"} 1"
        ]
    );
    // Another rule changes nothing about what was counted.
    let toml = std::fs::read_to_string(daemon.path().join("dnsd.toml")).unwrap();
    daemon.replace("dnsd.toml", toml.replace("\"!127.0.0.2\", \"any\"", "\"none\""));
    daemon.reload();
    ask("www.example.net");
    assert_eq!(
        counted(),
        [
            "dnsd_zone_queries_total{zone=\"example.net.\",rcode=\"NOERROR\"} 2",
            "dnsd_zone_queries_total{zone=\"example.net.\",rcode=\"NXDOMAIN\"} 1",
            "dnsd_zone_queries_total{zone=\"example.net.\",rcode=\"REFUSED\"} 1"
        ]
    );
    daemon.stop();
}

#[test]
fn signatures_that_have_expired_are_told_of() {
    let signed = format!("{ZONE}mail RRSIG A 13 3 300 20200301000000 20200101000000 1 @ AAAA\n");
    let daemon = Configuration::new()
        .zone("signed.example", "signed")
        .zone("example.net", "zone")
        .setup()
        .file("signed", signed)
        .file("zone", ZONE)
        .start();
    daemon.wait_for_log("zone signed.example/IN: the signature over A of mail.signed.example. has expired ");
    let metrics = page("/metrics");
    assert!(
        metrics.contains("\ndnsd_zone_signatures_expire_timestamp_seconds{zone=\"signed.example.\"} 1583020800\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\ndnsd_zone_signatures_expire_in_seconds{zone=\"signed.example.\"} -"),
        "{metrics}"
    );
    let status = said(&daemon, &["status"]);
    assert_eq!(status.matches("\ta signature has expired ").count(), 1, "{status}");
    assert!(page("/zones").contains("\"signaturesExpireAt\":1583020800"));
    daemon.stop();
}
