//! DNS over HTTPS (RFC 8484) with HTTP/2 and HTTP/3: dig, kdig and curl are served, every answer is the one over TCP, and what
//! isn't DNS over HTTPS gets what HTTP, or named, has for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};

use ballast_tests::certificates::Authority;
use ballast_tests::daemon::{Daemon, output};
use ballast_tests::dns::client::{Tcp, transfer};
use ballast_tests::dns::encrypted::{
    Ended, Https, MESSAGE, NAME, PATH, Quic, Version, https, quic, renew, setup, tables,
};
use ballast_tests::dns::generate::Generator;
use ballast_tests::dns::message::{Edns, Message, Rcode, flag};
use ballast_tests::dns::name::Name;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, page, serves};
use ballast_tests::dns::sign::Denial;
use ballast_tests::dns::signed_zone::Family;
use ballast_tests::{address, data, peers, second_port, wait};
use nix::sys::signal::Signal;

/// The media type of a request's content, and the content.
type Content<'c> = Option<(&'c str, &'c [u8])>;

const BOTH: [Version; 2] = [Version::Two, Version::Three];

fn somewhere() -> Configuration {
    Configuration::new().zone("somewhere.net", data("dns/somewhere.net.zone"))
}

fn start(configuration: Configuration) -> (Daemon, Authority) {
    let (setup, authority) = setup(configuration);
    (setup.start(), authority)
}

fn connect(version: Version, authority: &Authority) -> Https {
    Https::connect(version, https(), &authority.ca()).unwrap()
}

fn www() -> Query {
    Query::of("www.somewhere.net", rtype::A).id(0)
}

/// Zones of every kind: with all types, with corners, by chance, and signed with NSEC and NSEC3.
fn zones(directory: &Path) -> Vec<(String, PathBuf)> {
    let mut zones: Vec<(String, PathBuf)> = [
        ("somewhere.net", "dns/somewhere.net.zone"),
        ("corners.example", "dns/corners.zone"),
        ("child.corners.example", "dns/child.zone"),
        ("everything.example", "dns/everything.zone"),
    ]
    .map(|(origin, file)| (origin.to_owned(), data(file)))
    .into();
    for seed in 0..4 {
        let origin = format!("z{seed}.example");
        let file = directory.join(&origin);
        fs::write(&file, Generator::new(seed).zone()).unwrap();
        zones.push((origin, file));
    }
    let hashed = Denial::Nsec3 {
        iterations: 1,
        salt: "AB",
        opt_out: false,
    };
    for (origin, denial) in [("nsec.example", Denial::Nsec), ("nsec3.example", hashed)] {
        zones.extend(Family::new(directory, origin, &mut Generator::new(7), denial).zones);
    }
    zones
}

/// What there is to ask of them.
fn questions(zones: &[(String, PathBuf)]) -> Vec<Query> {
    let mut generator = Generator::new(1);
    let mut questions = Vec::new();
    for (origin, _) in zones {
        let origin = Name::of(origin);
        let mut of_zone = generator.questions_of_signed(&transfer(serves(), &origin), &origin);
        of_zone.extend((0..50).map(|_| generator.question(&origin)));
        // Half of them: three ways to ask each take their time.
        questions.extend(of_zone.into_iter().step_by(2));
    }
    questions.push((Name::of("elsewhere.test"), rtype::A));
    let ways = [
        None,
        Some(Edns::plain()),
        Some(Edns {
            flags: Edns::DNSSEC_OK,
            options: vec![(3, Vec::new())],
            ..Edns::plain()
        }),
    ];
    let numbered = questions.into_iter().enumerate();
    numbered
        .map(|(number, (name, rtype))| Query {
            edns: ways[number % ways.len()].clone(),
            flags: if number % 5 == 0 { flag::RD | flag::CD } else { 0 },
            ..Query::of_name(name, rtype).id(0)
        })
        .collect()
}

#[test]
fn every_answer_is_that_over_tcp_octet_by_octet() {
    let directory = tempfile::tempdir().unwrap();
    let zones = zones(directory.path());
    let mut configuration = Configuration::new().top("server-id = \"an id\"\nallow-transfer = [\"any\"]");
    for (origin, file) in &zones {
        configuration = configuration.zone(origin, file);
    }
    let (_dnsd, authority) = start(configuration);
    let (tcp, quic) = (Tcp::to(serves()), Quic::connect(quic(), &authority.ca()).unwrap());
    let [two, three] = BOTH.map(|version| connect(version, &authority));
    let questions = questions(&zones);
    let mut rcodes = std::collections::BTreeSet::new();
    for (number, question) in questions.iter().enumerate() {
        let request = question.to_bytes();
        tcp.send([&request[..]]).unwrap();
        let expected = tcp.receive().unwrap();
        rcodes.insert(Message::decode(&expected).unwrap().rcode());
        let https = if number % 2 == 0 { &two } else { &three };
        let response = if number % 4 < 2 {
            https.post(&request)
        } else {
            https.get(&request)
        }
        .unwrap();
        assert_eq!(response.status, 200, "{question}");
        assert_eq!(response.content, expected, "{question}");
        assert_eq!(quic.ask(&request).unwrap(), expected, "{question}");
    }
    assert!(questions.len() > 1500, "{} questions", questions.len());
    assert!(rcodes.len() >= 3, "{rcodes:?}");
}

#[test]
fn dig_kdig_and_curl_are_served() {
    let (dnsd, authority) = start(somewhere());
    let at = [format!("@{}", address(0)), "-p".to_owned()];
    let ask = |program: &str, port: u16, arguments: &[&str]| {
        let port = port.to_string();
        let question = ["+short", "www.somewhere.net", "A"];
        output(
            program,
            at.iter()
                .map(String::as_str)
                .chain([&*port])
                .chain(arguments.iter().copied())
                .chain(question),
        )
    };
    let expected = ask("dig", PORT, &["+tcp"]);
    assert!(!expected.trim().is_empty());
    let ca = authority.ca().display().to_string();
    for method in ["+https", "+https-get"] {
        assert_eq!(
            ask(
                "dig",
                https().port(),
                &[method, &format!("+tls-ca={ca}"), &format!("+tls-hostname={NAME}")]
            ),
            expected
        );
        assert_eq!(
            ask(
                "kdig",
                https().port(),
                &[
                    "+https",
                    method,
                    &format!("+tls-ca={ca}"),
                    &format!("+tls-hostname={NAME}")
                ]
            ),
            expected
        );
    }
    assert_eq!(
        ask(
            "kdig",
            quic().port(),
            &[&format!("+tls-ca={ca}"), &format!("+tls-hostname={NAME}"), "+quic"]
        ),
        expected
    );
    // Who knows another authority doesn't believe it.
    let stranger = tempfile::tempdir().unwrap();
    let stranger = Authority::new(stranger.path(), "stranger");
    assert!(Https::connect(Version::Two, https(), &stranger.ca()).is_err());

    let query = dnsd.path().join("query");
    fs::write(&query, www().to_bytes()).unwrap();
    let answer = dnsd.path().join("answer");
    let code = curl(
        &ca,
        https(),
        PATH,
        &[
            "--data-binary",
            &format!("@{}", query.display()),
            "-H",
            &format!("content-type: {MESSAGE}"),
            "-o",
            answer.to_str().unwrap(),
        ],
    );
    assert_eq!(code, "200 2");
    // curl sends all of it before it looks at the response.
    fs::write(&query, vec![0; 65_536]).unwrap();
    let arguments = [
        "--data-binary",
        &*format!("@{}", query.display()),
        "-H",
        &*format!("content-type: {MESSAGE}"),
    ];
    assert_eq!(curl(&ca, https(), PATH, &arguments), "413 2");
    let answer = Message::decode(&fs::read(&answer).unwrap()).unwrap();
    assert_eq!((answer.rcode(), answer.answers.len()), (Rcode::NOERROR, 1));
}

/// HTTP's code and version.
fn curl(ca: &str, server: SocketAddr, path: &str, arguments: &[&str]) -> String {
    let resolve = format!("{NAME}:{}:{}", server.port(), server.ip());
    let url = format!("https://{NAME}:{}{path}", server.port());
    let common = [
        "--silent",
        "--http2",
        "--cacert",
        ca,
        "--resolve",
        &resolve,
        "--write-out",
        "%{http_code} %{http_version}",
    ];
    output("curl", common.iter().chain(arguments).chain(&[&*url]))
}

#[test]
fn rfc8484_4_2_1_what_is_not_dns_over_https_gets_its_code() {
    let (_dnsd, authority) = start(somewhere());
    let message = www().to_bytes();
    let encoded = data_of(&message);
    let [ok, root, truncated, none, other] = [
        format!("{PATH}?dns={encoded}"),
        format!("/?dns={encoded}"),
        format!("{PATH}?dns=AAAB"),
        PATH.to_owned(),
        format!("/other{PATH}?dns={encoded}"),
    ];
    let response_itself = [&message[..2], &[0x80], &message[3..]].concat();
    let long = vec![0; 65_536];
    let (dns, text) = (MESSAGE, "text/plain");
    let requests: &[(&str, &str, Content<'_>, u16)] = &[
        ("GET", &ok, None, 200),
        ("GET", &root, None, 404),
        ("GET", &other, None, 404),
        ("GET", &none, None, 400),
        ("GET", &truncated, None, 400),
        ("POST", PATH, Some((dns, &message)), 200),
        ("POST", "/", Some((dns, &message)), 404),
        ("POST", PATH, Some((text, &message)), 415),
        ("POST", PATH, Some((dns, &[])), 400),
        ("POST", PATH, Some((dns, &message[..11])), 400),
        ("POST", PATH, Some((dns, &response_itself)), 400),
        ("POST", PATH, Some((dns, &long)), 413),
        ("PUT", PATH, Some((dns, &message)), 405),
        ("HEAD", &ok, None, 405),
        ("DELETE", PATH, None, 405),
    ];
    for version in BOTH {
        let client = connect(version, &authority);
        for &(method, path, content, code) in requests {
            let response = client.request(method, path, content).unwrap();
            assert_eq!(response.status, code, "{version:?} {method} {path}");
            assert_eq!(response.content.is_empty(), code != 200, "{version:?} {method} {path}");
        }
        // Half a message is one, for a name server: it is told so.
        let answer = Message::decode(&client.post(&message[..20]).unwrap().content).unwrap();
        assert_eq!(answer.rcode(), Rcode::FORMERR);
        // A header that is too long is a matter of its request, or of HTTP/2's client, which is told how long it may be.
        let far = format!("{PATH}?dns={}", "A".repeat(40_000));
        assert_ne!(
            client.request("GET", &far, None).map_or(0, |response| response.status),
            200
        );
        assert_eq!(connect(version, &authority).get(&message).unwrap().status, 200);
    }
    let metrics = page("/metrics");
    for line in [
        "code=\"200\"} 8",
        "code=\"404\"} 6",
        "code=\"405\"} 6",
        "code=\"413\"} 2",
        "code=\"415\"} 2",
        "code=\"400\"} 10",
    ] {
        assert!(
            metrics.contains(&format!("dnsd_http_responses_total{{{line}\n")),
            "{line}\n{metrics}"
        );
    }
    assert!(
        metrics.contains("dnsd_queries_total{transport=\"https\",type=\"A\"} 6\n"),
        "{metrics}"
    );
}

fn data_of(message: &[u8]) -> String {
    // What dig makes of it is the same (RFC 8484 §4.1.1 has an example, which the unit tests hold).
    message.chunks(3).map(three_octets).collect()
}

fn three_octets(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = octets.iter().fold(0u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - octets.len()));
    let place = |n: usize| char::from(ALPHABET[(bits >> (18 - 6 * n)) as usize & 63]);
    (0..=octets.len()).map(place).collect()
}

/// A frame that HTTP/3 doesn't know (RFC 9114 §7.2.8), which says to have 2^60 octets.
const ENDLESS: &[u8] = b"\x21\xD0\0\0\0\0\0\0\0";

#[test]
fn rfc9114_10_5_a_frame_of_http3_that_is_too_long_ends_the_connection() {
    let (_dnsd, authority) = start(somewhere());
    // The control stream begins with its type and empty settings (RFC 9114 §6.2.1).
    let settings = b"\0\x04\0";
    let control = [&settings[..], ENDLESS].concat();
    // A header that says to have as much.
    let header = b"\x01\xD0\0\0\0\0\0\0\0";
    for (what, octets, both_ways) in [
        ("a control stream", &control[..], false),
        ("settings", &b"\0\x04\xD0\0\0\0\0\0\0\0"[..], false),
        ("a request", ENDLESS, true),
        ("a request's header", header, true),
    ] {
        let client = Quic::connect_for(b"h3", https(), &authority.ca()).unwrap();
        // H3_EXCESSIVE_LOAD.
        assert_eq!(
            client.flood(octets, 16 << 20, both_ways),
            Some(Ended::Connection(0x107)),
            "{what}"
        );
    }
    // What is within bounds, and means nothing, is no harm.
    let client = Quic::connect_for(b"h3", https(), &authority.ca()).unwrap();
    assert_eq!(client.flood(b"\x21\x80\x01\0\0", 64 << 10, true), None);
    assert_eq!(connect(Version::Three, &authority).ask(&www()).answers.len(), 1);
    assert!(!client.is_closed());
}

#[test]
fn streams_of_http3_without_a_request_end_the_connection_when_they_are_many() {
    let (_dnsd, authority) = start(somewhere());
    let client = Quic::connect_for(b"h3", https(), &authority.ca()).unwrap();
    // H3_EXCESSIVE_LOAD.
    let reset = (0..1100).take_while(|_| client.exchange(b"") != Err(Ended::Connection(0x107)));
    let count = reset.count();
    assert!((1000..1100).contains(&count), "{count}");
}

#[test]
fn codes_are_named_s_where_named_has_them() {
    let (_dnsd, authority) = start(somewhere());
    let directory = tempfile::tempdir().unwrap();
    let (folder, at) = (directory.path(), SocketAddr::from(([127, 0, 0, 1], second_port())));
    renew(&authority);
    let pems = authority.ca().parent().unwrap().to_owned();
    let statements = format!(
        "tls ours {{ cert-file \"{0}/dns.pem\"; key-file \"{0}/dns.key\"; }};\nhttp ours {{ endpoints {{ \"{PATH}\"; }}; }};\n\
         zone \"somewhere.net\" {{ type primary; file \"{1}\"; }};",
        pems.display(),
        data("dns/somewhere.net.zone").display()
    );
    let options = format!("listen-on port {} tls ours http ours {{ 127.0.0.1; }};", at.port());
    let (_named, _) = peers::named_with(folder, &options, &statements);
    let ca = authority.ca().display().to_string();
    let query = folder.join("query");
    fs::write(&query, www().to_bytes()).unwrap();
    let (body, dns, text) = (
        format!("@{}", query.display()),
        format!("content-type: {MESSAGE}"),
        "content-type: text/plain",
    );
    let got = format!("{PATH}?dns={}", data_of(&www().to_bytes()));
    let requests: &[(&str, &[&str])] = &[
        (&got, &[]),
        (PATH, &["--data-binary", &body, "-H", &dns]),
        ("/other", &["--data-binary", &body, "-H", &dns]),
        (PATH, &["--data-binary", &body, "-H", text]),
        (PATH, &[]),
        ("/dns-query?dns=A+/A", &[]),
    ];
    let nothing = folder.join("nothing");
    for (path, arguments) in requests {
        let arguments = [&["-o", nothing.to_str().unwrap()], *arguments].concat();
        let [theirs, ours] = [at, https()].map(|server| curl(&ca, server, path, &arguments));
        assert_eq!(ours, theirs, "{path} {arguments:?}");
    }
}

#[test]
fn rfc8484_5_1_responses_are_kept_as_long_as_their_records() {
    let zone = "$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nwww 120 A 192.0.2.1\nwww 120 A 192.0.2.2\n\
        alias 90 CNAME www\nsub 77 NS ns.sub\nns.sub A 192.0.2.3\n";
    let (setup, authority) = setup(Configuration::new().zone("e.example", "zone"));
    let _dnsd = setup.file("zone", zone).start();
    for version in BOTH {
        let client = connect(version, &authority);
        for (name, rtype, seconds) in [
            ("www.e.example", rtype::A, 120),
            ("alias.e.example", rtype::A, 90),
            ("no.e.example", rtype::A, 60),
            ("www.e.example", rtype::MX, 60),
            ("x.sub.e.example", rtype::A, 77),
            ("elsewhere.test", rtype::A, 0),
        ] {
            let response = client.get(&Query::of(name, rtype).to_bytes()).unwrap();
            assert_eq!(
                response.headers["cache-control"],
                format!("max-age={seconds}"),
                "{name}"
            );
            assert_eq!(response.headers["content-type"], MESSAGE);
            assert!(response.headers["date"].to_str().unwrap().ends_with(" GMT"));
        }
    }
}

#[test]
fn too_many_connections_give_way_and_idle_ones_are_closed() {
    let (_dnsd, authority) = start(somewhere().top("tcp-clients = 4"));
    let mut clients: Vec<Https> = Vec::new();
    for number in 0..6 {
        let client = connect(BOTH[number % 2], &authority);
        assert_eq!(client.ask(&www()).answers.len(), 1);
        clients.push(client);
    }
    // The first two were idle for longest.
    wait::until("the idlest to be closed", || {
        clients[..2].iter().all(Https::is_closed).then_some(())
    });
    assert!(clients[2..].iter().all(|client| client.ask(&www()).answers.len() == 1));
    let metrics = page("/metrics");
    assert!(
        metrics.contains("dnsd_tcp_connections_total{fate=\"evicted\"} 2\n"),
        "{metrics}"
    );
}

#[test]
fn connections_without_a_request_are_closed() {
    let (_dnsd, authority) = start(somewhere().top("tcp-idle-timeout = \"1s\""));
    for version in BOTH {
        let clients = [connect(version, &authority), connect(version, &authority)];
        assert_eq!(clients[0].ask(&www()).answers.len(), 1);
        wait::until("idle connections to be closed", || {
            clients.iter().all(Https::is_closed).then_some(())
        });
    }
    // One that doesn't begin to speak TLS.
    let silent = Tcp::to(https());
    silent.wait_for_close();
}

#[test]
fn a_certificate_that_is_replaced_is_shown_to_the_next_client() {
    let (dnsd, authority) = start(somewhere());
    let before = [connect(Version::Two, &authority), connect(Version::Three, &authority)];
    let renewed = renew(&authority);
    assert_ne!(before[0].certificate(), renewed);
    for version in BOTH {
        wait::until("the new certificate", || {
            (connect(version, &authority).certificate() == renewed).then_some(())
        });
    }
    assert_eq!(Quic::connect(quic(), &authority.ca()).unwrap().certificate(), renewed);
    // Connections from before go on.
    assert!(before.iter().all(|client| client.ask(&www()).answers.len() == 1));
    dnsd.wait_for_log("read anew");
}

#[test]
fn a_reload_opens_and_closes_listeners_and_changes_the_path() {
    let configuration = somewhere();
    let setup = configuration.setup();
    let authority = Authority::new(setup.path(), "ca");
    renew(&authority);
    let mut dnsd = setup.start();
    assert!(Https::connect(Version::Two, https(), &authority.ca()).is_err());
    dnsd.replace("dnsd.toml", configuration.clone().table(&tables(PATH)).text());
    dnsd.reload();
    let clients = BOTH.map(|version| connect(version, &authority));
    assert!(clients.iter().all(|client| client.ask(&www()).answers.len() == 1));
    dnsd.replace("dnsd.toml", configuration.clone().table(&tables("/moved")).text());
    dnsd.reload();
    for version in BOTH {
        let client = connect(version, &authority);
        let codes = [PATH, "/moved"].map(|path| {
            client
                .request("POST", path, Some((MESSAGE, &www().to_bytes())))
                .unwrap()
                .status
        });
        assert_eq!(codes, [404, 200]);
    }
    // A certificate that can't be read changes nothing.
    dnsd.replace(
        "dnsd.toml",
        configuration
            .clone()
            .table(&tables("/again").replace("dns.pem", "none.pem"))
            .text(),
    );
    assert!(!dnsd.run(&["reload"]).status.success());
    assert_eq!(
        connect(Version::Two, &authority)
            .request("POST", "/moved", Some((MESSAGE, &www().to_bytes())))
            .unwrap()
            .status,
        200
    );
    dnsd.replace("dnsd.toml", configuration.text());
    dnsd.reload();
    wait::until("the listeners to be closed", || {
        Https::connect(Version::Two, https(), &authority.ca())
            .is_err()
            .then_some(())
    });
}

#[test]
fn lists_logs_updates_and_signatures_are_as_over_tcp() {
    const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0";
    let (setup, authority) = setup(
        Configuration::new()
            .table(&format!("[key.k1]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""))
            .table("[query-log]\nfile = \"queries\"")
            .table("[zone.\"closed.example\".primary]\nfile = \"zone\"\nallow-query = [\"192.0.2.1\"]")
            .table("[zone.\"keyed.example\".primary]\nfile = \"zone\"\nallow-query = [\"key:k1\"]\nallow-transfer = [\"key:k1\"]"),
    );
    let dnsd = setup
        .file(
            "zone",
            "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nwww A 192.0.2.1\n",
        )
        .start();
    let ca = authority.ca().display().to_string();
    for version in BOTH {
        let client = connect(version, &authority);
        let refused =
            ["www.closed.example", "www.keyed.example"].map(|name| client.ask(&Query::of(name, rtype::A)).rcode());
        assert_eq!(refused, [Rcode::REFUSED; 2]);
        // A transfer is more than one message; named says the same.
        assert_eq!(
            client.ask(&Query::of("keyed.example", rtype::AXFR)).rcode(),
            Rcode::NOTIMP
        );
    }
    let kdig = |port: SocketAddr, arguments: &[&str]| {
        let common = [
            format!("@{}", port.ip()),
            "-p".to_owned(),
            port.port().to_string(),
            "-y".to_owned(),
            format!("hmac-sha256:k1:{SECRET}"),
            format!("+tls-ca={ca}"),
            format!("+tls-hostname={NAME}"),
        ];
        output(
            "kdig",
            common.iter().map(String::as_str).chain(arguments.iter().copied()),
        )
    };
    // kdig says so when the signature of a reply is not to be believed.
    for (server, transport) in [(https(), "+https"), (quic(), "+quic")] {
        let answered = kdig(server, &[transport, "www.keyed.example", "A"]);
        assert!(
            answered.contains("192.0.2.1") && !answered.contains("WARNING"),
            "{answered}"
        );
    }
    let log = wait::until_file(&dnsd.path().join("queries"), |log| {
        log.windows(9).filter(|text| text == b": query: ").count() >= 8
    });
    let log = String::from_utf8(log).unwrap();
    assert_eq!(
        log.matches("(www.closed.example): query: www.closed.example IN A -T (")
            .count(),
        2,
        "{log}"
    );
    assert_eq!(
        log.matches("/key k1 (www.keyed.example): query: www.keyed.example IN A ")
            .count(),
        2,
        "{log}"
    );
}

#[test]
fn what_is_being_answered_at_the_stop_is_answered() {
    // A forwarder that answers when the test wants it to.
    let forwarder = UdpSocket::bind((address(1), PORT)).unwrap();
    forwarder.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    let at = forwarder.local_addr().unwrap();
    let (dnsd, authority) =
        start(Configuration::new().table(&format!("[forward]\nforwarders = [\"{at}\"]\nallow = [\"any\"]")));
    let question = Query::of("www.example.org", rtype::A).flags(flag::RD).id(0).to_bytes();
    let file = authority.ca();
    let asking: Vec<_> = (0..3)
        .map(|way| {
            let (question, file) = (question.clone(), file.clone());
            std::thread::spawn(move || match way {
                0 => {
                    Https::connect(Version::Two, https(), &file)
                        .unwrap()
                        .post(&question)
                        .unwrap()
                        .content
                }
                1 => {
                    Https::connect(Version::Three, https(), &file)
                        .unwrap()
                        .post(&question)
                        .unwrap()
                        .content
                }
                _ => Quic::connect(quic(), &file).unwrap().ask(&question).unwrap(),
            })
        })
        .collect();
    // A connection that is open may still have its request to come.
    wait::until("three requests", || {
        let metrics = page("/metrics");
        let waiting = metrics.lines().find_map(|line| line.strip_prefix("dnsd_forwarding "))?;
        (waiting == "3").then_some(())
    });
    let mut datagram = [0; 512];
    let (length, dnsd_s) = forwarder.recv_from(&mut datagram).unwrap();
    dnsd.signal(Signal::SIGTERM);
    wait::until("the listeners to be closed", || {
        TcpStream::connect(serves()).is_err().then_some(())
    });
    let answer_to = |question: &[u8], to: SocketAddr| {
        let mut answer = question.to_vec();
        answer[2] |= 0x80;
        answer[3] |= 0x80;
        answer[7] = 1;
        // Behind the question, in front of an OPT record.
        let end = question.len() - if question[11] == 1 { 11 } else { 0 };
        answer.splice(end..end, *b"\xC0\x0C\0\x01\0\x01\0\0\0\x3C\0\x04\xC0\0\x02\x63");
        forwarder.send_to(&answer, to).unwrap();
    };
    answer_to(&datagram[..length], dnsd_s);
    forwarder
        .set_read_timeout(Some(std::time::Duration::from_millis(200)))
        .unwrap();
    wait::until("all answers", || {
        if let Ok((length, from)) = forwarder.recv_from(&mut datagram) {
            answer_to(&datagram[..length], from);
        }
        asking.iter().all(std::thread::JoinHandle::is_finished).then_some(())
    });
    for answered in asking {
        let answer = Message::decode(&answered.join().unwrap()).unwrap();
        assert_eq!((answer.rcode(), answer.answers.len()), (Rcode::NOERROR, 1));
    }
    let mut dnsd = dnsd;
    assert!(dnsd.wait().success());
}
