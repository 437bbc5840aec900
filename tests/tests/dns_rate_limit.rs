//! Response rate limiting as a client sees it: how many answers a flood gets, which are truncated, and what is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use ballast_tests::daemon::Daemon;
use ballast_tests::data;
use ballast_tests::dns::client::{Tcp, Udp};
use ballast_tests::dns::message::{Edns, Message, flag};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, page, serves};

fn limited(keys: &str) -> Configuration {
    Configuration::new()
        .zone("somewhere.net", data("dns/somewhere.net.zone"))
        .table(&format!("[rate-limit]\n{keys}"))
}

fn start(keys: &str) -> Daemon {
    limited(keys).setup().start()
}

fn www() -> Query {
    Query::of("www.somewhere.net", rtype::A)
}

/// Asks so many times at once, and counts those of the answers that are of the kind that is looked for. One socket's
/// questions are answered in their order, so that the answer to the last ends the flood.
fn flood(count: u16, is_looked_for: impl Fn(&Message) -> bool) -> usize {
    let socket = Udp::to(serves());
    // A name of no zone of ours is refused, which has an account of its own.
    let last = Query::of("else", rtype::A).id(0xFFFF);
    for id in 0..count {
        socket.send(&www().id(id).to_bytes());
    }
    socket.send(&last.to_bytes());
    let mut found = 0;
    loop {
        let message = Message::decode(&socket.receive()).unwrap();
        if message.id == last.id {
            return found;
        }
        found += usize::from(is_looked_for(&message));
    }
}

fn is_whole(message: &Message) -> bool {
    message.flags & flag::TC == 0 && message.answers.len() == 1
}

fn is_truncated(message: &Message) -> bool {
    message.flags & flag::TC != 0 && message.answers.is_empty() && message.questions.len() == 1
}

/// A count from `/metrics`.
fn counted(action: &str) -> usize {
    let series = format!("dnsd_rate_limited_total{{action=\"{action}\"}} ");
    let metrics = page("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap().parse().unwrap()
}

/// Answers a second. A flood may see the clock's second change, and then get as many again.
const RATE: usize = 5;
const FLOOD: u16 = 200;

#[test]
fn a_flood_gets_the_rate_and_what_is_dropped_is_counted() {
    let _dnsd = start("responses-per-second = 5\nerrors-per-second = 0\nslip = 0");
    let answered = flood(FLOOD, is_whole);
    assert!((RATE..=2 * RATE).contains(&answered), "{answered}");
    assert_eq!(counted("dropped"), usize::from(FLOOD) - answered);
    assert_eq!(counted("slipped"), 0);
    // The same client over TCP.
    let connection = Tcp::to(serves());
    assert!((0..FLOOD).all(|id| is_whole(&connection.ask(&www().id(id)))));
}

#[test]
fn every_answer_over_the_rate_slips_if_it_is_told_so() {
    let _dnsd = start("responses-per-second = 5\nerrors-per-second = 0\nslip = 1");
    let truncated = flood(FLOOD, is_truncated);
    let expected = usize::from(FLOOD) - 2 * RATE..=usize::from(FLOOD) - RATE;
    assert!(expected.contains(&truncated), "{truncated}");
    assert_eq!((counted("slipped"), counted("dropped")), (truncated, 0));
}

#[test]
fn rfc6891_7_a_truncated_answer_keeps_its_opt_record() {
    let _dnsd = start("responses-per-second = 1\nslip = 1");
    let socket = Udp::to(serves());
    let asked = www().edns(Edns::plain());
    let truncated = (0..3).map(|_| socket.ask(&asked)).find(is_truncated).unwrap();
    assert_eq!(truncated.edns, Some(Edns::plain()));
}

#[test]
fn networks_that_are_exempt_get_every_answer() {
    let _dnsd = start("responses-per-second = 5\nslip = 0\nexempt-clients = [\"127.0.0.0/8\"]");
    assert_eq!(flood(FLOOD, is_whole), usize::from(FLOOD));
}

#[test]
fn log_only_counts_and_sends() {
    let _dnsd = start("responses-per-second = 5\nslip = 0\nlog-only = true");
    assert_eq!(flood(FLOOD, is_whole), usize::from(FLOOD));
    assert!(counted("dropped") >= usize::from(FLOOD) - 2 * RATE);
}

#[test]
fn a_reload_turns_it_on_and_off() {
    let keys = "responses-per-second = 5\nerrors-per-second = 0\nslip = 0";
    let mut dnsd = start(keys);
    assert!(flood(FLOOD, is_whole) <= 2 * RATE);
    // The accounts stay: who was over the rate is held off still.
    dnsd.reload();
    assert_eq!(flood(1, is_whole), 0);
    let without = Configuration::new().zone("somewhere.net", data("dns/somewhere.net.zone"));
    dnsd.replace("dnsd.toml", without.text());
    dnsd.reload();
    assert_eq!(flood(FLOOD, is_whole), usize::from(FLOOD));
    dnsd.replace("dnsd.toml", limited(keys).text());
    dnsd.reload();
    assert!(flood(FLOOD, is_whole) <= 2 * RATE);
}
