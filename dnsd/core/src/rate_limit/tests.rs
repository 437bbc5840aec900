//! Rates, windows and buckets over a clock of the tests' own, with answers of a whole server.

use std::sync::Arc;

use super::*;
use crate::answer::{CookieSecret, Cookies, Outcome, Settings, Transport, answer};
use crate::message::Flags;
use crate::name::Name;
use crate::rrtype::Type;
use crate::zone::tests::zone;
use crate::zones::{ZoneState, Zones};

const ZONE: &str = "
@ SOA ns h 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
www A 192.0.2.2
www TXT x
*.wild A 192.0.2.3
old DNAME wild
sub NS ns.else.
other NS ns.else.
";

const NOW: u32 = 1_800_000_000;

fn limits(rates: Rates) -> RateLimits {
    RateLimits {
        rates,
        window: 15,
        slip: 0,
        ipv4_prefix_length: 24,
        ipv6_prefix_length: 56,
        exempt: Vec::new(),
        table_size: 1000,
    }
}

fn responses(rate: u16) -> RateLimits {
    limits(Rates {
        responses: rate,
        ..Rates::default()
    })
}

/// A server whose replies are limited, and its clock.
struct Server {
    zones: Zones,
    settings: Settings,
    limiter: RateLimiter,
    now: u32,
}

impl Server {
    fn new(limits: RateLimits) -> Self {
        Self::with_zone(limits, ZONE)
    }

    fn with_zone(limits: RateLimits, text: &str) -> Self {
        let loaded = |origin: &str| (origin.parse().unwrap(), ZoneState::Loaded(Arc::new(zone(origin, text))));
        Self {
            zones: Zones::new([loaded("e"), loaded("f")]),
            settings: Settings {
                cookies: Some(Cookies {
                    secret: CookieSecret::new([7; 16]),
                    older_secrets: Box::default(),
                    required: false,
                }),
                ..Settings::default()
            },
            limiter: RateLimiter::new(limits, [1; 16]),
            now: NOW,
        }
    }

    fn ask_by(
        &self,
        transport: Transport,
        address: &str,
        name: &str,
        qtype: Type,
        cookie: &[u8],
    ) -> (Verdict, Vec<u8>) {
        let mut request = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        request.extend_from_slice(Name::parse(name.as_bytes(), Some(&Name::root())).unwrap().as_wire());
        request.extend_from_slice(&[0, qtype.0 as u8, 0, 1]);
        if !cookie.is_empty() {
            let length = cookie.len() as u8;
            request[11] = 1;
            request.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4 + length, 0, 10, 0, length]);
            request.extend_from_slice(cookie);
        }
        let client = Client {
            transport,
            address: address.parse().unwrap(),
            now: self.now,
            held_back: 0,
        };
        let mut out = vec![0; 65535];
        let Outcome::Reply(reply) = answer(&self.zones, &self.settings, &client, &request, &mut out) else {
            panic!("no reply");
        };
        out.truncate(reply.len);
        (self.limiter.check(&client, &reply, &out), out)
    }

    fn ask(&self, address: &str, name: &str) -> Verdict {
        self.ask_by(Transport::Udp, address, name, Type::A, &[]).0
    }

    /// How many of `count` answers are sent.
    fn sent(&self, count: usize, mut ask: impl FnMut(usize) -> Verdict) -> usize {
        (0..count).filter(|&n| ask(n) == Verdict::Send).count()
    }

    fn flood(&self, count: usize) -> usize {
        self.sent(count, |_| self.ask("192.0.2.9", "www.e"))
    }
}

#[test]
fn as_many_are_sent_in_a_second_as_the_rate_says() {
    for rate in [1, 2, 3, 7, 999, 1000] {
        let mut server = Server::new(responses(rate));
        for _ in 0..4 {
            // Asked for no more than that, a client is never held back.
            assert_eq!(server.flood(rate.into()), usize::from(rate), "{rate}");
            server.now += 1;
        }
        assert_eq!(server.flood(1100), usize::from(rate), "{rate}");
    }
}

#[test]
fn credit_does_not_grow_beyond_a_second() {
    let mut server = Server::new(responses(5));
    server.flood(1);
    server.now += 1000;
    assert_eq!(server.flood(100), 5);
}

#[test]
fn a_flooder_is_held_off_while_the_flood_lasts_and_for_the_window_after_it() {
    let mut server = Server::new(responses(5));
    assert_eq!(server.flood(200), 5);
    for _ in 0..20 {
        server.now += 1;
        assert_eq!(server.flood(20), 0);
    }
    server.now += 15;
    assert_eq!(server.flood(1), 0);
    server.now += 1;
    assert_eq!(server.flood(1), 1);
}

#[test]
fn a_clock_that_is_set_back_holds_nobody_off_for_longer_than_the_window() {
    let mut server = Server::new(responses(5));
    assert_eq!(server.flood(100), 5);
    server.now -= 3600;
    assert_eq!(server.flood(100), 5);
}

#[test]
fn an_account_from_weeks_ago_is_out_of_date() {
    let mut server = Server::new(responses(5));
    for pause in [86_400, 7 * 86_400, 11 * 86_400, 30 * 86_400] {
        server.flood(200);
        server.now += pause;
        assert_eq!(server.flood(100), 5, "{pause}");
    }
}

#[test]
fn every_nth_of_the_answers_that_are_held_back_slips() {
    for (slip, expected) in [
        (0, [Verdict::Drop; 6]),
        (1, [Verdict::Slip; 6]),
        (
            2,
            [
                Verdict::Slip,
                Verdict::Drop,
                Verdict::Slip,
                Verdict::Drop,
                Verdict::Slip,
                Verdict::Drop,
            ],
        ),
        (
            3,
            [
                Verdict::Slip,
                Verdict::Drop,
                Verdict::Drop,
                Verdict::Slip,
                Verdict::Drop,
                Verdict::Drop,
            ],
        ),
    ] {
        let server = Server::new(RateLimits { slip, ..responses(1) });
        server.flood(1);
        assert_eq!([(); 6].map(|()| server.ask("192.0.2.9", "www.e")), expected, "{slip}");
    }
}

#[test]
fn errors_are_let_through_where_others_would_be_truncated() {
    let server = Server::new(RateLimits {
        slip: 2,
        ..limits(Rates {
            errors: 1,
            ..Rates::default()
        })
    });
    // Refused, whatever the name.
    assert_eq!(
        server.sent(11, |n| server.ask("192.0.2.9", &format!("{n}.else"))),
        1 + 5
    );
}

#[test]
fn clients_of_one_network_share_an_account_and_others_do_not() {
    let server = Server::new(responses(1));
    assert_eq!(server.ask("192.0.2.1", "www.e"), Verdict::Send);
    assert_eq!(server.ask("192.0.2.255", "www.e"), Verdict::Drop);
    assert_eq!(server.ask("192.0.3.1", "www.e"), Verdict::Send);
    assert_eq!(server.ask("2001:db8:0:100::1", "www.e"), Verdict::Send);
    assert_eq!(server.ask("2001:db8:0:1ff::2", "www.e"), Verdict::Drop);
    assert_eq!(server.ask("2001:db8:0:200::1", "www.e"), Verdict::Send);
    let all_one = Server::new(RateLimits {
        ipv4_prefix_length: 0,
        ipv6_prefix_length: 0,
        ..responses(1)
    });
    assert_eq!(all_one.ask("192.0.2.1", "www.e"), Verdict::Send);
    assert_eq!(all_one.ask("10.0.0.1", "www.e"), Verdict::Drop);
    assert_eq!(all_one.ask("::1", "www.e"), Verdict::Send);
    assert_eq!(all_one.ask("2001:db8::1", "www.e"), Verdict::Drop);
}

#[test]
fn positive_answers_are_counted_by_name_and_type_whatever_their_case() {
    let server = Server::new(responses(1));
    let ask = |name, qtype| server.ask_by(Transport::Udp, "192.0.2.1", name, qtype, &[]).0;
    assert_eq!(ask("www.e", Type::A), Verdict::Send);
    assert_eq!(ask("wWw.E", Type::A), Verdict::Drop);
    assert_eq!(ask("www.e", Type::TXT), Verdict::Send);
    assert_eq!(ask("ns.e", Type::A), Verdict::Send);
    assert_eq!(ask("www.f", Type::A), Verdict::Send);
}

#[test]
fn random_names_that_a_wildcard_or_a_dname_answers_count_as_one() {
    for below in ["wild.e", "old.e"] {
        let server = Server::new(responses(5));
        assert_eq!(
            server.sent(100, |n| server.ask("192.0.2.1", &format!("x{n}.y.{below}"))),
            5
        );
    }
}

#[test]
fn random_names_that_do_not_exist_count_as_their_zone() {
    let rates = Rates {
        nxdomains: 5,
        nodata: 3,
        ..Rates::default()
    };
    let server = Server::new(limits(rates));
    assert_eq!(server.sent(100, |n| server.ask("192.0.2.1", &format!("x{n}.e"))), 5);
    assert_eq!(server.sent(100, |n| server.ask("192.0.2.1", &format!("x{n}.f"))), 5);
    let nodata = |name| server.ask_by(Transport::Udp, "192.0.2.1", name, Type::MX, &[]).0;
    let names = ["www.e", "ns.e"];
    assert_eq!(server.sent(100, |n| nodata(names[n % 2])), 3);
    // Positive answers have no limit here.
    assert_eq!(server.flood(100), 100);
}

#[test]
fn random_names_below_a_delegation_count_as_it() {
    let server = Server::new(limits(Rates {
        referrals: 5,
        ..Rates::default()
    }));
    assert_eq!(server.sent(100, |n| server.ask("192.0.2.1", &format!("x{n}.sub.e"))), 5);
    assert_eq!(
        server.sent(100, |n| server.ask("192.0.2.1", &format!("x{n}.oTHer.e"))),
        5
    );
}

#[test]
fn random_names_below_a_delegation_count_as_it_when_the_referral_is_truncated() {
    let mut text = ZONE.to_owned();
    let label = "x".repeat(60);
    for n in 10..22 {
        text.push_str(&format!(
            "glue NS ns{n}.glue\nns{n}.glue A 192.0.2.{n}\nns{n}.glue AAAA 2001:db8::{n}\n"
        ));
        text.push_str(&format!("long NS {n}{label}.else.\n"));
    }
    let server = Server::with_zone(
        limits(Rates {
            responses: 1000,
            referrals: 5,
            ..Rates::default()
        }),
        &text,
    );
    // Of the first some addresses don't fit, of the second the name servers.
    for (below, has_servers) in [("glue.e", true), ("long.e", false)] {
        let ask = |n| server.ask_by(Transport::Udp, "192.0.2.1", &format!("x{n}.y{n}.{below}"), Type::A, &[]);
        let header = Header::read(&ask(0).1).unwrap();
        assert!(header.flags.contains(Flags::TC), "{below}");
        assert_eq!(header.authorities > 0, has_servers, "{below}");
        assert_eq!(server.sent(100, |n| ask(n).0), 4, "{below}");
    }
}

#[test]
fn a_rate_for_all_holds_over_names_and_kinds() {
    let server = Server::new(limits(Rates {
        all: 10,
        ..Rates::default()
    }));
    let names = ["www.e", "no.e", "x.sub.e", "else", "ns.f"];
    assert_eq!(
        server.sent(100, |n| server.ask("192.0.2.1", names[n % names.len()])),
        10
    );
}

#[test]
fn networks_that_are_exempt_are_not_limited() {
    let server = Server::new(RateLimits {
        exempt: vec!["192.0.2.0/28".parse().unwrap(), "2001:db8::1/128".parse().unwrap()],
        ..responses(1)
    });
    for address in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(server.sent(100, |_| server.ask(address, "www.e")), 100);
    }
    // Of the same network, and with an account that the others charged nothing to.
    assert_eq!(server.sent(100, |_| server.ask("192.0.2.16", "www.e")), 1);
}

#[test]
fn rfc7873_5_2_5_clients_with_a_good_cookie_and_over_tcp_are_not_limited() {
    let server = Server::new(responses(1));
    let ask = |transport, cookie: &[u8]| server.ask_by(transport, "192.0.2.1", "www.e", Type::A, cookie);
    let (_, reply) = ask(Transport::Udp, &[9; 8]);
    let cookie = &reply[reply.len() - 24..];
    assert_eq!(ask(Transport::Udp, &[9; 8]).0, Verdict::Drop);
    assert_eq!(ask(Transport::Udp, &[9; 24]).0, Verdict::Drop);
    assert_eq!(server.sent(100, |_| ask(Transport::Udp, cookie).0), 100);
    assert_eq!(server.sent(100, |_| ask(Transport::Tcp, &[9; 8]).0), 100);
}

#[test]
fn a_full_table_forgets_those_with_the_most_credit_and_grows_no_further() {
    let server = Server::new(RateLimits {
        table_size: 1,
        ..responses(2)
    });
    assert_eq!(server.limiter.table.capacity(), 8);
    // One in debt, and more others than there is room for, each with credit left.
    assert_eq!(server.flood(100), 2);
    for n in 0..100 {
        assert_eq!(server.ask(&format!("198.51.{n}.1"), "www.e"), Verdict::Send);
    }
    assert_eq!(server.flood(1), 0);
}

#[test]
fn threads_that_charge_one_account_send_no_more_than_the_rate_together() {
    let server = Server::new(responses(100));
    let sent: usize = std::thread::scope(|scope| {
        let floods: Vec<_> = (0..4).map(|_| scope.spawn(|| server.flood(500))).collect();
        floods.into_iter().map(|flood| flood.join().unwrap()).sum()
    });
    // A charge that lost every race isn't counted; with four threads that is the exception.
    assert!((100..=110).contains(&sent), "{sent}");
}
