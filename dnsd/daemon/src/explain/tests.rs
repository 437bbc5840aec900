//! Questions explained from a configuration and its files, word for word.

use std::path::Path;

use ballast_shared::config::Diagnostics;

use super::*;
use crate::config;

const CONFIG: &str = r#"
views = ["cloud", "secret"]
[acl]
cloud-vms = ["!10.0.0.9", "10.0.0.0/24"]
[key.lan]
algorithm = "hmac-sha256"
secret = "c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLWF0LW9uY2U="
[forward]
forwarders = ["192.0.2.53", "192.0.2.54:5353"]
allow = ["198.51.100.0/24"]
[rate-limit]
responses-per-second = 5
exempt-clients = ["198.51.100.0/24"]
[zone."somewhere.net".primary]
file = "zone"
allow-query = ["!203.0.113.0/24", "any"]
allow-transfer = ["key:lan"]
[zone."ask.somewhere.net".forward]
forwarders = ["192.0.2.55"]
policy = "only"
allow = ["198.51.100.7"]
[zone."broken.net".primary]
file = "missing"
[zone."new.net".secondary]
primaries = ["192.0.2.56"]
[view.cloud]
match-clients = ["cloud-vms"]
[view.cloud.zone."somewhere.net".primary]
file = "cloud"
allow-transfer = ["10.0.0.5"]
allow-transfer-transport = "tls"
[view.secret]
match-clients = ["key:lan"]
strict = true
"#;

const ZONE: &str = "$TTL 300\n@ SOA ns hostmaster 7 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\nwww CNAME web\nweb A 192.0.2.2\n\
    away CNAME www.example.org.\n*.w TXT wild\na.b.c A 192.0.2.3\nsub NS ns.sub\nns.sub A 192.0.2.4\nd DNAME web\n";

const CLOUD: &str = "$TTL 300\n@ SOA ns hostmaster 8 3600 600 86400 60\n@ NS ns\nns A 10.0.0.1\nwww A 10.0.0.2\n";

fn explained(folder: &Path, question: &str) -> String {
    let mut words = question.split(' ');
    let mut word = || words.next().unwrap();
    let (name, qtype, from) = (word(), word(), word());
    let diagnostics = Diagnostics::new();
    let config = config::load(&folder.join("dnsd.toml"), &diagnostics).unwrap_or_else(|| panic!("{diagnostics}"));
    let inquiry = Inquiry {
        name: name.parse().unwrap(),
        qtype: Type::parse(qtype.as_bytes()).unwrap(),
        from: from.parse().unwrap(),
        key: words.next().map(|key| key.parse().unwrap()),
        recursion_desired: true,
        dnssec_ok: false,
    };
    let lines = explain_offline(&config, &inquiry).unwrap();
    let here = format!("{}/", folder.display());
    lines
        .iter()
        .map(|line| format!("{}\n", line.replace(&here, "")))
        .collect()
}

fn with_files(check: impl Fn(&dyn Fn(&str) -> String)) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("dnsd.toml", CONFIG), ("zone", ZONE), ("cloud", CLOUD)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _entered = runtime.enter();
    check(&|question| explained(folder.path(), question));
}

/// The lines about these topics.
fn about(topics: &[&str], text: &str) -> String {
    let is_about = |line: &&str| topics.iter().any(|topic| line.starts_with(&format!("{topic}: ")));
    text.lines().filter(is_about).map(|line| format!("{line}\n")).collect()
}

#[test]
fn each_decision_on_the_way_to_an_answer_is_a_line() {
    with_files(|explained| {
        assert_eq!(
            explained("www.somewhere.net A 198.51.100.1"),
            "question: www.somewhere.net. A from 198.51.100.1, with RD\n\
             view: not cloud, as match-clients: no entry of 1 matches\n\
             view: not secret, as match-clients: no entry of 1 matches\n\
             view: none: the zones outside the views\n\
             zone: somewhere.net/IN, primary, serial 7, 11 records, read from zone\n\
             allow-query: allowed, entry 2 of 2, \"any\"\n\
             look-up: www.somewhere.net.: the name exists, an alias by its CNAME record\n\
             look-up: web.somewhere.net.: the name exists, with A records\n\
             answer: NOERROR, authoritative\n\
             \tanswer\twww.somewhere.net. 300 IN CNAME web.somewhere.net.\n\
             \tanswer\tweb.somewhere.net. 300 IN A 192.0.2.2\n\
             rate-limit: not for this client: exempt-clients has 198.51.100.0/24\n"
        );
    });
}

#[test]
fn a_view_and_the_entry_of_a_list_within_a_list_are_named() {
    with_files(|explained| {
        assert_eq!(
            about(&["view", "zone"], &explained("www.somewhere.net A 10.0.0.5")),
            "view: cloud, as match-clients: entry 1 of 1, \"cloud-vms\", there by entry 2 of 2, \"10.0.0.0/24\"\n\
             zone: somewhere.net/IN/cloud, primary, serial 8, 4 records, read from cloud\n"
        );
        assert_eq!(
            about(
                &["key", "view", "zone", "answer"],
                &explained("www.somewhere.net A 192.0.2.9 LAN")
            ),
            "key: LAN., hmac-sha256\n\
             view: not cloud, as match-clients: no entry of 1 matches\n\
             view: secret, as match-clients: entry 1 of 1, \"key:lan.\"\n\
             zone: none has this name\n\
             answer: REFUSED\n"
        );
        assert_eq!(
            about(&["key", "answer"], &explained("www.somewhere.net A 192.0.2.9 other")),
            "key: other. is none of the configured keys\nanswer: NOTAUTH, with the TSIG error BADKEY\n"
        );
    });
}

#[test]
fn how_a_name_is_found_is_told() {
    with_files(|explained| {
        for (question, expected) in [
            (
                "web.somewhere.net MX",
                "web.somewhere.net.: the name exists, without MX records",
            ),
            (
                "x.y.w.somewhere.net TXT",
                "x.y.w.somewhere.net.: by the wildcard *.w.somewhere.net., as w.somewhere.net. is the closest encloser; \
                 with TXT records",
            ),
            (
                "b.c.somewhere.net A",
                "b.c.somewhere.net.: an empty non-terminal: names below it exist",
            ),
            (
                "x.b.c.somewhere.net A",
                "x.b.c.somewhere.net.: no such name; the closest encloser is b.c.somewhere.net.",
            ),
            (
                "host.sub.somewhere.net A",
                "host.sub.somewhere.net.: delegated at sub.somewhere.net.",
            ),
            (
                "sub.somewhere.net DS",
                "sub.somewhere.net.: delegated at sub.somewhere.net.; DS records are this side's",
            ),
        ] {
            let text = explained(&format!("{question} 198.51.100.1"));
            assert_eq!(about(&["look-up"], &text), format!("look-up: {expected}\n"));
        }
        assert_eq!(
            about(&["look-up", "answer"], &explained("x.d.somewhere.net A 198.51.100.1")),
            "look-up: x.d.somewhere.net.: an alias by the DNAME record of d.somewhere.net.\n\
             look-up: x.web.somewhere.net.: no such name; the closest encloser is web.somewhere.net.\n\
             answer: NXDOMAIN, authoritative\n"
        );
        assert_eq!(
            about(&["look-up"], &explained("away.somewhere.net A 198.51.100.1")),
            "look-up: away.somewhere.net.: the name exists, an alias by its CNAME record\n\
             look-up: www.example.org. is of another zone: aliases are followed within theirs\n"
        );
    });
}

#[test]
fn who_is_asked_instead_of_us_is_told() {
    with_files(|explained| {
        let topics = ["zone", "forward", "answer"];
        assert_eq!(
            about(&topics, &explained("www.example.org A 198.51.100.1")),
            "zone: none has this name\n\
             forward: allow: allowed, entry 1 of 1, \"198.51.100.0/24\"\n\
             forward: to 192.0.2.53#53, 192.0.2.54#5353, in this order\n\
             answer: theirs; SERVFAIL when none of them answers\n"
        );
        assert_eq!(
            about(&topics, &explained("1.2.3.10.in-addr.arpa PTR 198.51.100.1")),
            "zone: none has this name\n\
             forward: allow: allowed, entry 1 of 1, \"198.51.100.0/24\"\n\
             forward: no: the name is of a private network (RFC 6303), and stays here\n\
             answer: NXDOMAIN\n"
        );
        assert_eq!(
            about(&topics, &explained("x.ask.somewhere.net A 198.51.100.7")),
            "zone: ask.somewhere.net/IN, forward\n\
             forward: allow: allowed, entry 1 of 1, \"198.51.100.7\"\n\
             forward: to 192.0.2.55#53, in this order\n\
             answer: theirs; SERVFAIL when none of them answers\n"
        );
        // Who may not gets what is here.
        assert_eq!(
            about(&topics, &explained("x.ask.somewhere.net A 192.0.2.9")),
            "zone: ask.somewhere.net/IN, forward\n\
             forward: allow: refused, no entry of 1 matches\n\
             zone: somewhere.net/IN, primary, serial 7, 11 records, read from zone\n\
             answer: NXDOMAIN, authoritative\n"
        );
    });
}

#[test]
fn a_refusal_names_the_rule() {
    with_files(|explained| {
        assert_eq!(
            about(
                &["allow-query", "answer"],
                &explained("www.somewhere.net A 203.0.113.5")
            ),
            "allow-query: refused, entry 1 of 2, \"!203.0.113.0/24\"\nanswer: REFUSED\n"
        );
        assert_eq!(
            about(
                &["allow-transfer", "answer"],
                &explained("somewhere.net AXFR 198.51.100.1")
            ),
            "allow-transfer: refused, no entry of 1 matches\nanswer: REFUSED\n"
        );
        assert_eq!(
            about(&["zone", "answer"], &explained("www.somewhere.net AXFR 198.51.100.1")),
            "zone: none has exactly this name\nanswer: NOTAUTH\n"
        );
        assert_eq!(
            about(
                &["allow-transfer-transport", "answer"],
                &explained("somewhere.net AXFR 10.0.0.5")
            ),
            "allow-transfer-transport: tls\nanswer: the transfer over TLS and QUIC, else REFUSED\n"
        );
    });
}

#[test]
fn a_zone_that_is_not_there_says_why() {
    with_files(|explained| {
        let text = explained("www.broken.net A 198.51.100.1");
        let zone = about(&["zone"], &text);
        assert!(zone.starts_with("zone: broken.net/IN, primary, missing: "), "{zone}");
        assert_eq!(about(&["answer"], &text), "answer: SERVFAIL\n");
        let text = about(&["zone"], &explained("www.new.net A 198.51.100.1"));
        assert!(
            text.starts_with("zone: new.net/IN, secondary, there is no copy of it yet at "),
            "{text}"
        );
    });
}
