//! The options of EDNS: what a client is told of the server, and how a cookie keeps others from asking in its name. named is
//! asked the same, with the same secret.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use ballast_tests::daemon::Daemon;
use ballast_tests::dns::client::{Tcp, Udp};
use ballast_tests::dns::message::{Edns, Message, Rcode, flag};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, serves};
use ballast_tests::peers::Peer;
use ballast_tests::{data, peers};
use tempfile::TempDir;

const NSID: u16 = 3;
const CLIENT_SUBNET: u16 = 8;
const COOKIE: u16 = 10;
const TCP_KEEPALIVE: u16 = 11;
const PADDING: u16 = 12;
const UNKNOWN: u16 = 65001;

const CLIENT_COOKIE: &[u8] = b"8 octets";
/// That of RFC 9018's examples.
const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

/// Both servers with the same zone, identity and secret.
struct Pair {
    named: SocketAddr,
    _named: Peer,
    _dnsd: Daemon,
    _directory: TempDir,
}

impl Pair {
    fn start(require_cookies: bool) -> Self {
        let zone = data("dns/somewhere.net.zone");
        let directory = tempfile::tempdir().unwrap();
        let required = if require_cookies { "yes" } else { "no" };
        let options = format!(
            "server-id \"an id\"; cookie-algorithm siphash24; cookie-secret \"{SECRET}\"; require-server-cookie {required};"
        );
        let (peer, named) = peers::named(directory.path(), &options, &[("somewhere.net", &zone)]);
        let dnsd = Configuration::new()
            .top(&format!(
                "server-id = \"an id\"\ncookie-secret = \"{SECRET}\"\nrequire-server-cookie = {require_cookies}"
            ))
            .zone("somewhere.net", zone)
            .setup()
            .start();
        Self {
            named,
            _named: peer,
            _dnsd: dnsd,
            _directory: directory,
        }
    }
}

fn query(options: &[(u16, &[u8])]) -> Query {
    Query::of("www.somewhere.net", rtype::A).edns(Edns {
        options: options.iter().map(|(code, data)| (*code, data.to_vec())).collect(),
        ..Edns::plain()
    })
}

/// What an answer says, without the part of a cookie that is the time's.
fn told(answer: &Message) -> (Rcode, bool, usize, Vec<(u16, Vec<u8>)>) {
    let mut options = answer
        .edns
        .as_ref()
        .map(|edns| edns.options.clone())
        .unwrap_or_default();
    for (code, data) in &mut options {
        if *code == COOKIE {
            assert_eq!(
                data.len(),
                24,
                "RFC 9018 §4: 8 octets of the client's, 16 of the server's"
            );
            data.truncate(12);
        }
    }
    options.sort();
    (answer.rcode(), answer.has(flag::AA), answer.answers.len(), options)
}

fn cookie(answer: &Message) -> Vec<u8> {
    let edns = answer.edns.as_ref().unwrap();
    let (_, data) = edns.options.iter().find(|(code, _)| *code == COOKIE).unwrap();
    data.clone()
}

#[test]
fn options_are_answered_as_named_answers_them() {
    let of_another = [CLIENT_COOKIE, &[1, 0, 0, 0], b"a time & a hash."].concat();
    let cases: [&[(u16, &[u8])]; 15] = [
        &[],
        &[(NSID, b"")],
        &[(NSID, b"a client may not say anything here, and is answered")],
        &[(COOKIE, CLIENT_COOKIE)],
        &[(COOKIE, &of_another[..24])],
        &[(COOKIE, &of_another[..16])],
        // Lengths that no cookie has (RFC 7873 §4).
        &[(COOKIE, b"")],
        &[(COOKIE, &CLIENT_COOKIE[..7])],
        &[(COOKIE, &of_another[..15])],
        &[(COOKIE, &[1; 41])],
        &[(COOKIE, CLIENT_COOKIE), (NSID, b"")],
        &[(UNKNOWN, b"x"), (COOKIE, CLIENT_COOKIE)],
        &[(PADDING, &[0; 100])],
        // RFC 7828 §3.2.1: over UDP it means nothing.
        &[(TCP_KEEPALIVE, b"")],
        &[(UNKNOWN, &[1; 300])],
    ];
    let pair = Pair::start(false);
    let [named, dnsd] = [pair.named, serves()].map(Udp::to);
    for options in cases {
        let query = query(options);
        assert_eq!(told(&named.ask(&query)), told(&dnsd.ask(&query)), "{options:02x?}");
    }
}

/// RFC 7871 §7.2.1: a server that gives everybody the same answer may say so, as named does, or nothing.
#[test]
fn rfc7871_7_2_1_the_subnet_of_a_client_is_not_repeated() {
    let pair = Pair::start(false);
    let query = query(&[(CLIENT_SUBNET, &[0, 1, 24, 0, 192, 0, 2])]);
    let [named, dnsd] = [pair.named, serves()].map(|server| Udp::to(server).ask(&query));
    assert_eq!(named.answers, dnsd.answers);
    assert_eq!(named.edns.unwrap().options.len(), 1);
    assert_eq!(dnsd.edns.unwrap().options, []);
}

#[test]
fn rfc7828_connections_are_told_how_long_they_may_be_idle() {
    let pair = Pair::start(false);
    for server in [pair.named, serves()] {
        let answer = Tcp::to(server).ask(&query(&[(TCP_KEEPALIVE, b"")]));
        let edns = answer.edns.unwrap();
        let [(TCP_KEEPALIVE, units)] = &edns.options[..] else {
            panic!("{server}: {:?}", edns.options);
        };
        // Of 100 milliseconds.
        assert_eq!(units.len(), 2, "{server}");
    }
}

#[test]
fn rfc9018_3_a_cookie_of_one_server_is_good_at_others_with_its_secret() {
    let pair = Pair::start(true);
    for [giver, taker] in [[pair.named, serves()], [serves(), pair.named], [serves(), serves()]] {
        let refused = Udp::to(giver).ask(&query(&[(COOKIE, CLIENT_COOKIE)]));
        assert_eq!(refused.rcode(), BADCOOKIE, "{giver}");
        let given = cookie(&refused);
        let answer = Udp::to(taker).ask(&query(&[(COOKIE, &given)]));
        assert_eq!(answer.rcode(), Rcode::NOERROR, "{giver}, {taker}");
        assert_eq!(answer.answers.len(), 1);
        // One octet of the hash is another: this is nobody's.
        let mut forged = given;
        *forged.last_mut().unwrap() ^= 1;
        let answer = Udp::to(taker).ask(&query(&[(COOKIE, &forged)]));
        assert_eq!(answer.rcode(), BADCOOKIE, "{giver}, {taker}");
    }
}

/// RFC 7873 §8.
const BADCOOKIE: Rcode = Rcode(23);
