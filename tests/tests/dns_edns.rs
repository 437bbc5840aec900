//! EDNS options beside named, also with cookies that are malformed, required or alone; and what a reload and a change of the secret
//! do to cookies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::path::Path;

use ballast_tests::daemon::Daemon;
use ballast_tests::dns::client::{Tcp, Udp};
use ballast_tests::dns::message::{Edns, Message, Rcode};
use ballast_tests::dns::question::{Query, header, opt};
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, serves};
use ballast_tests::{data, peers};
use tempfile::TempDir;

const NSID: u16 = 3;
const COOKIE: u16 = 10;
const TCP_KEEPALIVE: u16 = 11;

/// As long as any that a client makes.
const CLIENT_COOKIE: [u8; 8] = [0x24, 0x64, 0xC4, 0xAB, 0xCF, 0x10, 0xC9, 0x57];
/// The octets of a reply's COOKIE option.
const COOKIE_BYTES: usize = 24;

const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const OTHER_SECRET: &str = "445536bcd2513298075a5d379663c962";

/// dnsd's keys and named's options for the same name, secret and idle time.
fn keys(secrets: &str, more: &str) -> String {
    format!("server-id = \"ns7\"\ntcp-idle-timeout = \"30s\"\ncookie-secret = {secrets}\n{more}")
}

fn named_options(secret: &str, more: &str) -> String {
    format!(
        "server-id \"ns7\"; tcp-advertised-timeout 300; cookie-algorithm siphash24; cookie-secret \"{secret}\"; {more}"
    )
}

struct Pair {
    named: SocketAddr,
    _named: peers::Peer,
    _dnsd: Daemon,
    _directory: TempDir,
}

impl Pair {
    fn start(keys: &str, named_options: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = data("dns/somewhere.net.zone");
        let zones: [(&str, &Path); 1] = [("somewhere.net", &file)];
        let (peer, named) = peers::named(directory.path(), named_options, &zones);
        Self {
            named,
            _named: peer,
            _dnsd: Configuration::new()
                .top(keys)
                .zone("somewhere.net", &file)
                .setup()
                .start(),
            _directory: directory,
        }
    }
}

fn www(options: &[(u16, Vec<u8>)]) -> Query {
    Query::of("www.somewhere.net", rtype::A).edns(Edns {
        options: options.to_vec(),
        ..Edns::plain()
    })
}

fn cookie(data: &[u8]) -> (u16, Vec<u8>) {
    (COOKIE, data.to_vec())
}

/// What a message says of a request with options. The server's cookie depends on the second; that there is one, of which
/// length, does not.
fn said(message: &Message) -> (Rcode, usize, Option<Edns>) {
    let mut edns = message.edns.clone();
    for (code, data) in edns.iter_mut().flat_map(|edns| &mut edns.options) {
        if *code == COOKIE {
            data[CLIENT_COOKIE.len()..].fill(0);
        }
    }
    (message.rcode(), message.answers.len(), edns)
}

/// The cookie that a server gives.
fn learned(server: SocketAddr) -> Vec<u8> {
    let message = Udp::to(server).ask(&www(&[cookie(&CLIENT_COOKIE)]));
    let options = message.edns.unwrap().options;
    assert_eq!(
        (options.len(), options[0].0, options[0].1.len()),
        (1, COOKIE, COOKIE_BYTES)
    );
    options[0].1.clone()
}

#[test]
fn options_get_what_named_gives_for_them() {
    for more in [("", ""), ("require-server-cookie = true", "require-server-cookie yes;")] {
        let keys = keys(&format!("\"{SECRET}\""), more.0);
        let pair = Pair::start(&keys, &named_options(SECRET, more.1));
        let good = learned(pair.named);
        let mut bad = good.clone();
        bad[COOKIE_BYTES - 1] ^= 1;
        let nsid = (NSID, Vec::new());
        let keepalive = (TCP_KEEPALIVE, Vec::new());
        let mut requests = vec![
            vec![],
            vec![nsid.clone()],
            vec![cookie(&good)],
            vec![cookie(&bad)],
            vec![cookie(&CLIENT_COOKIE), nsid.clone()],
            vec![cookie(&good), cookie(&bad)],
            vec![keepalive.clone(), cookie(&good), nsid],
            vec![keepalive, (65001, b"x".to_vec())],
        ];
        requests.extend([0, 7, 8, 9, 15, 16, 40, 41].map(|length| vec![cookie(&[7; 41][..length])]));
        let (over_udp, named_over_udp) = (Udp::to(serves()), Udp::to(pair.named));
        let (over_tcp, named_over_tcp) = (Tcp::to(serves()), Tcp::to(pair.named));
        for options in requests {
            let asked = www(&options);
            assert_eq!(
                said(&over_udp.ask(&asked)),
                said(&named_over_udp.ask(&asked)),
                "{options:?}"
            );
            assert_eq!(
                said(&over_tcp.ask(&asked)),
                said(&named_over_tcp.ask(&asked)),
                "{options:?}"
            );
        }
    }
}

#[test]
fn rfc7873_5_4_a_request_for_nothing_but_a_cookie_gets_it_as_from_named() {
    let pair = Pair::start(&keys(&format!("\"{SECRET}\""), ""), &named_options(SECRET, ""));
    for options in [vec![cookie(&CLIENT_COOKIE)], vec![(NSID, Vec::new())], vec![]] {
        let mut request = header(7, 0, [0, 0, 0, 1]);
        request.extend(opt(&Edns {
            options: options.clone(),
            ..Edns::plain()
        }));
        let ask = |server| said(&Message::decode(&Udp::to(server).exchange(&request)).unwrap());
        assert_eq!(ask(serves()), ask(pair.named), "{options:?}");
    }
}

#[test]
fn cookies_stay_good_over_reloads_and_while_the_secret_is_changed() {
    let configuration = |top: &str| {
        let all = format!("require-server-cookie = true\n{top}");
        Configuration::new()
            .top(&all)
            .zone("somewhere.net", data("dns/somewhere.net.zone"))
            .text()
    };
    let is_good = |known: &[u8]| Udp::to(serves()).ask(&www(&[cookie(known)])).rcode() == Rcode::NOERROR;
    let mut dnsd = ballast_tests::daemon::Setup::new("dnsd")
        .file("dnsd.toml", configuration(""))
        .start();
    let made_at_start = learned(serves());
    dnsd.reload();
    assert!(is_good(&made_at_start));

    dnsd.replace("dnsd.toml", configuration(&format!("cookie-secret = [\"{SECRET}\"]")));
    dnsd.reload();
    assert!(!is_good(&made_at_start));
    let before = learned(serves());
    let both = format!("cookie-secret = [\"{OTHER_SECRET}\", \"{SECRET}\"]");
    dnsd.replace("dnsd.toml", configuration(&both));
    dnsd.reload();
    let after = learned(serves());
    assert!(is_good(&before) && is_good(&after));
    dnsd.replace(
        "dnsd.toml",
        configuration(&format!("cookie-secret = [\"{OTHER_SECRET}\"]")),
    );
    dnsd.reload();
    assert!(!is_good(&before) && is_good(&after));

    dnsd.replace("dnsd.toml", configuration("answer-cookie = false"));
    dnsd.reload();
    let message = Udp::to(serves()).ask(&www(&[cookie(&CLIENT_COOKIE)]));
    assert_eq!(message.edns.unwrap().options, []);
    assert!(!dnsd.log().contains(SECRET));
}
