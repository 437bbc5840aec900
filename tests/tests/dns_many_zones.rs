//! Ten thousand zones: all of them are served, and one that is edited concerns no other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;

use ballast_tests::daemon::Daemon;
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::message::Rcode;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, page, serves};
use ballast_tests::wait;
use serde_json::Value;

const ZONES: usize = 10_000;

fn text(serial: u32, www: &str) -> String {
    format!(
        "$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\n@ MX 10 mail\n@ TXT \"v=spf1 mx -all\"\n\
         ns A 192.0.2.53\nns AAAA 2001:db8::53\nmail A 192.0.2.25\nwww A {www}\nwww AAAA 2001:db8::80\nftp CNAME www\n"
    )
}

fn origin(number: usize) -> String {
    format!("z{number}.example")
}

fn start() -> Daemon {
    let mut setup = Configuration::new().zones("all", "zones/*.zone").setup();
    for number in 0..ZONES {
        setup = setup.file(&format!("zones/{}.zone", origin(number)), text(1, "192.0.2.80"));
    }
    setup.start()
}

/// What the daemon says of each zone, by name.
fn statuses() -> BTreeMap<String, Value> {
    let page = page("/zones");
    let (_, body) = page.split_once("\r\n\r\n").unwrap();
    let all: Value = serde_json::from_str(body).unwrap();
    let zones = all.as_array().unwrap().iter();
    zones
        .map(|zone| (zone["name"].as_str().unwrap().to_owned(), zone.clone()))
        .collect()
}

/// How many versions have been loaded since the start.
fn loads(dnsd: &Daemon) -> usize {
    dnsd.log().matches(": loaded serial ").count()
}

fn www(client: &Udp, number: usize) -> (Rcode, Vec<Vec<u8>>) {
    let answer = client.ask(&Query::of(&format!("www.{}", origin(number)), rtype::A));
    (
        answer.rcode(),
        answer.answers.into_iter().map(|record| record.data).collect(),
    )
}

#[test]
fn an_edit_of_one_zone_of_ten_thousand_concerns_no_other() {
    let dnsd = start();
    let client = Udp::to(serves());
    for number in 0..ZONES {
        assert_eq!(
            www(&client, number),
            (Rcode::NOERROR, vec![vec![192, 0, 2, 80]]),
            "{number}"
        );
    }
    // They are served before the log has all of them.
    wait::until("all of them to be logged", || (loads(&dnsd) == ZONES).then_some(()));
    let before = statuses();
    assert_eq!(before.len(), ZONES);

    // One is broken and one is edited. The edit comes second, so that both have been read when it is served.
    let (broken, edited) = (17, 4711);
    dnsd.replace(&format!("zones/{}.zone", origin(broken)), text(2, "nonsense"));
    dnsd.wait_for_log(&format!(
        "zone {}/IN: not loaded; serial 1 is served on",
        origin(broken)
    ));
    dnsd.replace(&format!("zones/{}.zone", origin(edited)), text(2, "192.0.2.81"));
    wait::until("the edited zone to be served", || {
        (www(&client, edited).1 == [[192, 0, 2, 81]]).then_some(())
    });

    assert_eq!(www(&client, broken), (Rcode::NOERROR, vec![vec![192, 0, 2, 80]]));
    wait::until("the edited zone to be logged", || {
        (loads(&dnsd) == ZONES + 1).then_some(())
    });
    let changed: Vec<(String, Value)> = statuses()
        .into_iter()
        .filter(|(name, status)| before[name] != *status)
        .collect();
    let names: Vec<&str> = changed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["z17.example.", "z4711.example."]);
    assert_eq!(changed[0].1["serial"], 1);
    assert_eq!(changed[0].1["loadFailures"], 1);
    assert_eq!(changed[1].1["serial"], 2);

    // A reload of everything tries the broken one again, says so, and reads no other.
    let reloaded = dnsd.run(&["reload"]);
    assert!(!reloaded.status.success());
    assert_eq!(loads(&dnsd), ZONES + 1);
}
