//! DNS over TLS: answers, transfers in and out (RFC 9103) and NOTIFYs, with kdig, dig, openssl, named and dnsd itself at the
//! other end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use ballast_tests::certificates::Authority;
use ballast_tests::daemon::{Daemon, Setup, output};
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, page, serves};
use ballast_tests::{address, peers, second_port, wait};

/// 256 bits, as `dnsd keygen` makes them.
const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";
const TLS_PORT: u16 = 8530;

/// A zone with a record that says its version.
fn zone(serial: u32) -> String {
    let hosts: String = (0..2000).map(|n| format!("host-{n} A 192.0.2.1\n")).collect();
    format!(
        "$TTL 60\n@ SOA ns hostmaster {serial} 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\nversion TXT \"{serial}\"\n{hosts}"
    )
}

/// Which version a server has of example.net, if any.
fn version(server: SocketAddr) -> Option<u32> {
    let answer = Udp::to(server).ask(&Query::of("version.example.net", rtype::TXT));
    let record = answer.answers.first()?;
    std::str::from_utf8(&record.data[1..]).unwrap().parse().ok()
}

fn wait_for_version(server: SocketAddr, serial: u32) {
    wait::until(&format!("version {serial} at {server}"), || {
        (version(server) == Some(serial)).then_some(())
    });
}

/// Where dnsd takes TLS.
fn serves_tls() -> SocketAddr {
    (address(0), TLS_PORT).into()
}

/// The `tls` line of `[listen]`, with the files of an authority's folder, and more keys.
fn listener(authority: &Authority, more: &str) -> String {
    format!(
        "tls = {{ address = [\"{}\"], certificate = \"{}\", key = \"{}\"{more} }}",
        serves_tls(),
        authority.path("ns.pem").display(),
        authority.path("ns.key").display()
    )
}

fn with_line(configuration: &Configuration, line: &str) -> String {
    configuration
        .text()
        .replace("\n[listen]\n", &format!("\n[listen]\n{line}\n"))
}

/// An authority that has signed ns.test in a folder.
fn authority(folder: &Path) -> Authority {
    let authority = Authority::new(folder, "authority");
    authority.sign("ns", &format!("DNS:ns.test,IP:{}", address(0)));
    authority
}

/// A primary of example.net for whoever has the key LAN, over TLS.
fn primary(authority: &Authority, more: &str, rules: &str) -> Setup {
    let configuration = Configuration::new()
        .top("tcp-idle-timeout = \"2s\"")
        .table(&format!(
            "[key.LAN]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""
        ))
        .table(&format!(
            "[zone.\"example.net\".primary]\nfile = \"example.net.zone\"\nallow-transfer = [\"key:LAN\"]\n\
             notify-delay = \"0s\"\n{rules}"
        ));
    Setup::new("dnsd")
        .file("dnsd.toml", with_line(&configuration, &listener(authority, more)))
        .file("example.net.zone", zone(1))
}

fn kdig(authority: &Authority, arguments: &[&str]) -> String {
    let ca = format!("+tls-ca={}", authority.ca().display());
    let common = [
        &format!("@{}", address(0)),
        "-p",
        &TLS_PORT.to_string(),
        "+tls",
        &ca,
        "+tls-hostname=ns.test",
        "+retry=0",
    ];
    let output = Command::new("kdig").args(common).args(arguments).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

fn signed() -> String {
    format!("hmac-sha256:LAN:{SECRET}")
}

#[test]
fn rfc7858_kdig_and_dig_ask_and_transfer_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let daemon = primary(&authority, "", "").start();
    daemon.wait_for_log(&format!("listening on {} for TLS", serves_tls()));
    let printed = kdig(&authority, &["version.example.net", "TXT"]);
    assert!(printed.contains("TLS session (TLS1.3)"), "{printed}");
    assert!(
        printed.contains("status: NOERROR") && printed.contains("\"1\""),
        "{printed}"
    );
    let printed = kdig(&authority, &["+padding=128", "version.example.net", "TXT"]);
    assert!(
        printed.contains("PADDING: ") && printed.contains("Received 468 B"),
        "{printed}"
    );
    let printed = kdig(&authority, &["-y", &signed(), "example.net", "AXFR"]);
    assert!(printed.contains("2005 records"));
    let whole = output(
        "dig",
        [
            &format!("@{}", address(0)),
            "-p",
            &TLS_PORT.to_string(),
            "+tls",
            "-y",
            &signed(),
            "example.net",
            "AXFR",
        ],
    );
    assert!(whole.contains("XFR size: 2005 records"));
    let metrics = page("/metrics");
    for line in [
        "dnsd_queries_total{transport=\"tls\",type=\"TXT\"} 2",
        "dnsd_queries_total{transport=\"tls\",type=\"AXFR\"} 2",
        "dnsd_queries_total{transport=\"tcp\",type=\"none\"} 0",
        "dnsd_tls_handshakes_total{fate=\"completed\"} 4",
        "dnsd_tls_handshakes_total{fate=\"failed\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    let expires = format!(
        "dnsd_tls_certificate_expires_timestamp_seconds{{certificate=\"{}\"}} ",
        authority.path("ns.pem").display()
    );
    assert!(metrics.contains(&expires), "{metrics}");
    daemon.stop();
}

/// What openssl's client says of the handshake.
fn s_client(arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &serves_tls().to_string()])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn rfc7301_who_speaks_something_else_is_turned_away_and_who_says_nothing_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let daemon = primary(&authority, "", "").start();
    let said = s_client(&["-alpn", "h2"]);
    assert!(said.contains("no application protocol"), "{said}");
    daemon.wait_for_log("TLS handshake failed: ");
    let ca = authority.ca();
    for alpn in [&["-alpn", "dot"][..], &[]] {
        let arguments = ["-CAfile", ca.to_str().unwrap(), "-verify_return_error"];
        let said = s_client(&[&arguments[..], alpn].concat());
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
        assert_eq!(said.contains("ALPN protocol: dot"), !alpn.is_empty(), "{said}");
    }
    let metrics = page("/metrics");
    assert!(
        metrics.contains("dnsd_tls_handshakes_total{fate=\"failed\"} 1\n"),
        "{metrics}"
    );
    daemon.stop();
}

#[test]
fn a_client_that_says_nothing_loses_its_place_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let daemon = primary(&authority, "", "").start();
    let mut silent = TcpStream::connect(serves_tls()).unwrap();
    silent.set_read_timeout(Some(wait::DEADLINE)).unwrap();
    let port = silent.local_addr().unwrap().port();
    assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0);
    daemon.wait_for_log(&format!("#{port}: TLS handshake not finished in time"));
    daemon.stop();
}

#[test]
fn clients_show_a_certificate_where_they_have_to() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let clients = Authority::new(folder.path(), "clients");
    clients.sign("client", "DNS:client.test");
    authority.sign("stranger", "DNS:client.test");
    let more = format!(", client-ca = \"{}\"", clients.ca().display());
    let daemon = primary(&authority, &more, "").start();
    let by = |name: &str| {
        let path = |extension: &str| authority.path(&format!("{name}.{extension}")).display().to_string();
        let shown = [
            format!("+tls-certfile={}", path("pem")),
            format!("+tls-keyfile={}", path("key")),
        ];
        let shown = shown.each_ref().map(String::as_str);
        kdig(&authority, &[&shown, &["version.example.net", "TXT"][..]].concat())
    };
    let printed = by("client");
    assert!(printed.contains("status: NOERROR"), "{printed}");
    for printed in [by("stranger"), kdig(&authority, &["version.example.net", "TXT"])] {
        assert!(!printed.contains("status: NOERROR"), "{printed}");
    }
    daemon.wait_for_log("TLS handshake failed: peer sent no certificates");
    daemon.wait_for_log("TLS handshake failed: invalid peer certificate: UnknownIssuer");
    daemon.stop();
}

#[test]
fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = authority(folder.path());
    let daemon = primary(&first, "", "").start();
    kdig(&first, &["example.net", "SOA"]);
    let second = Authority::new(folder.path(), "second");
    second.sign("ns", "DNS:ns.test");
    wait::until("the new certificate to be shown", || {
        let ca = second.ca();
        let said = s_client(&["-CAfile", ca.to_str().unwrap()]);
        said.contains("Verify return code: 0 (ok)").then_some(())
    });
    fs::write(first.path("ns.key"), "no key").unwrap();
    daemon.wait_for_log("what was read before stays in use: ");
    let printed = kdig(&second, &["example.net", "SOA"]);
    assert!(printed.contains("status: NOERROR"), "{printed}");
    assert!(!daemon.log().contains("no key\n"), "nothing of the file is shown");
    daemon.stop();
}

#[test]
fn a_reload_opens_and_closes_the_listener_and_keeps_its_connections_kind() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let mut daemon = primary(&authority, "", "").start();
    let with = fs::read_to_string(daemon.path().join("dnsd.toml")).unwrap();
    let without = with.replace(&listener(&authority, ""), "");
    daemon.replace("dnsd.toml", &without);
    daemon.reload();
    wait::until("the listener to be closed", || TcpStream::connect(serves_tls()).err());
    // Clients have to show certificates from now on.
    let ca = format!(", client-ca = \"{}\"", authority.ca().display());
    daemon.replace(
        "dnsd.toml",
        with.replace(&listener(&authority, ""), &listener(&authority, &ca)),
    );
    daemon.reload();
    let printed = kdig(&authority, &["example.net", "SOA"]);
    assert!(!printed.contains("status: NOERROR"), "{printed}");
    daemon.replace("dnsd.toml", &with);
    daemon.reload();
    let printed = kdig(&authority, &["example.net", "SOA"]);
    assert!(printed.contains("status: NOERROR"), "{printed}");
    daemon.stop();
}

#[test]
fn who_became_another_user_serves_what_it_has_read_before() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root has privileges to drop");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let setup = primary(&authority, "", "");
    let text = fs::read_to_string(setup.path().join("dnsd.toml")).unwrap();
    let setup = setup.file(
        "dnsd.toml",
        text + "\n[process]\nuser = \"nobody\"\ngroup = \"nogroup\"\n",
    );
    output(
        "chown",
        ["-R".as_ref(), "nobody:nogroup".as_ref(), setup.path().as_os_str()],
    );
    let said = setup.run(&["check"]);
    assert!(said.status.success());
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let warning = format!(
        "warning: {} can't be read by [process] user",
        authority.path("ns.key").display()
    );
    assert!(said.contains(&warning), "{said}");
    let mut daemon = setup.start();
    authority.sign("ns", "DNS:ns.test");
    // The folder is root's alone: what changes in it isn't even noticed, and is no reason not to reload.
    daemon.reload();
    assert!(!daemon.log().contains("ERROR"), "{}", daemon.log());
    let printed = kdig(&authority, &["example.net", "SOA"]);
    assert!(printed.contains("status: NOERROR"), "{printed}");
    daemon.stop();
}

#[test]
fn rfc9103_7_1_transfers_take_tls_with_its_name_and_a_zone_may_take_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let daemon = primary(&authority, "", "allow-transfer-transport = \"tls\"").start();
    let dig = |more: &[&str]| {
        let (server, key) = (format!("@{}", address(0)), signed());
        output(
            "dig",
            [&[server.as_str(), "-y", &key], more, &["example.net", "AXFR"]].concat(),
        )
    };
    assert!(dig(&["-p", "5300"]).contains("Transfer failed"));
    daemon.wait_for_log("bad zone transfer request: 'example.net/IN': not over TLS (REFUSED)");
    assert!(dig(&["-p", &TLS_PORT.to_string(), "+tls"]).contains("XFR size: 2005 records"));
    // An unsigned AXFR of example.net by a client that is sent through a tunnel, without ALPN or with an older version.
    daemon.replace(
        "dnsd.toml",
        fs::read_to_string(daemon.path().join("dnsd.toml"))
            .unwrap()
            .replace("allow-transfer = [\"key:LAN\"]", "allow-transfer = [\"any\"]"),
    );
    let mut daemon = daemon;
    daemon.reload();
    let query = b"\x00\x1d\x12\x34\0\0\0\x01\0\0\0\0\0\0\x07example\x03net\0\0\xfc\0\x01";
    for arguments in [&["-tls1_3"][..], &["-tls1_2", "-alpn", "dot"]] {
        let answer = through_s_client(arguments, query);
        assert_eq!(answer[3] & 0x0f, 5, "REFUSED: {answer:?}");
    }
    daemon.wait_for_log("'example.net/IN': over TLS without version 1.3 and the application protocol dot");
    let answer = through_s_client(&["-tls1_3", "-alpn", "dot"], query);
    assert_eq!(answer[3] & 0x0f, 0, "NOERROR");
    daemon.stop();
}

/// Sends octets through openssl's client, and gives the first of those that come back.
fn through_s_client(arguments: &[&str], sent: &[u8]) -> Vec<u8> {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &serves_tls().to_string()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    client.stdin.as_ref().unwrap().write_all(sent).unwrap();
    let mut answer = vec![0; 14];
    client.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
    client.kill().unwrap();
    client.wait().unwrap();
    // Behind the length.
    answer.split_off(2)
}

/// The queries of a log, from the question on, without the address that was asked.
fn logged(log: &Path) -> String {
    wait::until(&format!("a query in {}", log.display()), || {
        let text = fs::read_to_string(log).ok()?;
        let (_, rest) = text.split_once(": query: ")?;
        let (line, _) = rest.split_once(" (")?;
        Some(line.to_owned())
    })
}

#[test]
fn a_query_over_tls_is_logged_as_from_named() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority(directory.path());
    let setup = primary(&authority, "", "[query-log]\nfile = \"query.log\"\n");
    let (port, here) = (second_port(), directory.path().display().to_string());
    let (named, _) = peers::named_with(
        directory.path(),
        &format!("querylog yes; listen-on port {port} tls local {{ 127.0.0.1; }};"),
        &format!(
            "tls local {{ cert-file \"{here}/ns.pem\"; key-file \"{here}/ns.key\"; }};\n\
             zone example.net {{ type primary; file \"{}\"; }};",
            setup.path().join("example.net.zone").display()
        ),
    );
    let daemon = setup.start();
    for (server, port) in [("127.0.0.1".to_owned(), port), (address(0).to_string(), TLS_PORT)] {
        let arguments = [
            &format!("@{server}"),
            "-p",
            &port.to_string(),
            "+tls",
            "example.net",
            "SOA",
        ];
        assert!(output("dig", arguments).contains("status: NOERROR"));
    }
    let of_named = logged(&directory.path().join("named.log"));
    assert_eq!(logged(&daemon.path().join("query.log")), of_named);
    daemon.stop();
    named.stop();
}

#[test]
fn check_names_the_file_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let setup = primary(&authority, "", "");
    let output = setup.run(&["check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::remove_file(authority.path("ns.key")).unwrap();
    let output = setup.run(&["check"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78), "{said}");
    let expected = format!("{}: No such file or directory", authority.path("ns.key").display());
    assert!(said.contains(&expected) && said.contains("key = "), "{said}");
}

/// A secondary on another address, from the primary over TLS.
fn secondary(tls: &str, more: &str) -> Setup {
    let dns = SocketAddr::from((address(1), 5300));
    Setup::new("dnsd").file(
        "dnsd.toml",
        format!(
            "work-dir = \"work\"\n[listen]\ndns = [\"{dns}\"]\n{more}\n[control]\nsocket = \"control.sock\"\n\
             [key.LAN]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n\
             [remote.primary]\naddress = \"{}\"\nkey = \"LAN\"\nsource = \"{}\"\ntls = {{ {tls} }}\n\
             [zone.\"example.net\".secondary]\nprimaries = [\"primary\"]\nallow-notify = [\"key:LAN\"]\n",
            serves_tls(),
            address(1)
        ),
    )
}

fn secondary_dns() -> SocketAddr {
    (address(1), 5300).into()
}

#[test]
fn rfc9103_two_dnsd_show_each_other_certificates_and_sign_and_notify_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    authority.sign("ns2", &format!("DNS:ns2.test,IP:{}", address(1)));
    let path = |file: &str| authority.path(file).display().to_string();
    let second = SocketAddr::from((address(1), TLS_PORT));
    let notify = format!(
        "also-notify = [{{ address = \"{second}\", key = \"LAN\", tls = {{ ca = \"{ca}\", peer-name = \"ns2.test\", \
         certificate = \"{}\", key = \"{}\" }} }}]",
        path("ns.pem"),
        path("ns.key"),
        ca = authority.ca().display()
    );
    let mutual = format!(", client-ca = \"{}\"", authority.ca().display());
    let primary = primary(&authority, &mutual, &notify).start();
    let listens = format!(
        "tls = {{ address = [\"{second}\"], certificate = \"{}\", key = \"{}\"{mutual} }}",
        path("ns2.pem"),
        path("ns2.key")
    );
    let asks = format!(
        "ca = \"{}\", peer-name = \"ns.test\", certificate = \"{}\", key = \"{}\"",
        authority.ca().display(),
        path("ns2.pem"),
        path("ns2.key")
    );
    let secondary = secondary(&asks, &listens).start();
    wait_for_version(secondary_dns(), 1);
    secondary.wait_for_log("transferred serial 1: TSIG 'lan'");
    for serial in 2..4 {
        primary.replace("example.net.zone", zone(serial));
        wait_for_version(secondary_dns(), serial);
    }
    primary.wait_for_log("/key lan (example.net): transfer of 'example.net/IN': IXFR ended: ");
    let metrics = page("/metrics");
    assert!(
        metrics.contains("dnsd_queries_total{transport=\"tcp\",type=\"none\"} 0\n"),
        "{metrics}"
    );
    for transport in ["udp", "tcp"] {
        let soa = format!("dnsd_queries_total{{transport=\"{transport}\",type=\"SOA\"}}");
        assert!(!metrics.contains(&soa), "nothing goes in the clear: {metrics}");
    }
    secondary.stop();
    primary.stop();
}

fn transfer_fails(tls: &str, expected: &str) -> Daemon {
    let secondary = secondary(tls, "").start();
    secondary.wait_for_log(expected);
    assert_eq!(version(secondary_dns()), None);
    secondary
}

#[test]
fn rfc9103_9_a_primary_that_is_not_the_right_one_gives_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority(folder.path());
    let other = Authority::new(folder.path(), "other");
    let primary = primary(&authority, "", "").start();
    let ca = |authority: &Authority| format!("ca = \"{}\"", authority.ca().display());
    transfer_fails(&ca(&other), "TLS: invalid peer certificate: UnknownIssuer").stop();
    let name = format!("{}, peer-name = \"ns.other\"", ca(&authority));
    transfer_fails(
        &name,
        "TLS: invalid peer certificate: certificate not valid for name \"ns.other\"",
    )
    .stop();
    let pin = "cert-key = \"WGg/lQHwpTUxfLlGjVnXTWRHAfYz5kY2E2ff6LUKDtg=\"";
    transfer_fails(pin, "TLS: invalid peer certificate: ApplicationVerificationFailure").stop();
    // By its address, which is in its certificate.
    let right = secondary(&ca(&authority), "").start();
    wait_for_version(secondary_dns(), 1);
    right.stop();
    // Whoever it is.
    let any = secondary("", "").start();
    wait_for_version(secondary_dns(), 1);
    any.stop();
    primary.stop();
}

#[test]
fn rfc9103_a_zone_comes_from_named_over_tls_behind_a_primary_that_fails() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority(directory.path());
    authority.sign("named", "DNS:named.test");
    fs::write(directory.path().join("example.net.zone"), zone(1)).unwrap();
    let port = second_port();
    let (named, _) = peers::named_with(
        directory.path(),
        &format!("ixfr-from-differences yes; notify no; listen-on port {port} tls local {{ 127.0.0.1; }};"),
        &format!(
            "tls local {{ cert-file \"{0}/named.pem\"; key-file \"{0}/named.key\"; }};\n\
             key LAN {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             zone example.net {{ type primary; file \"example.net.zone\"; \
             allow-transfer port {port} transport tls {{ key LAN; }}; }};",
            directory.path().display()
        ),
    );
    // Takes connections and says nothing that is TLS.
    let wrong = peers_plain();
    let dnsd = Configuration::new()
        .table(&format!(
            "[key.LAN]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\""
        ))
        .table(&format!(
            "[remote.wrong]\naddress = \"{wrong}\"\nkey = \"LAN\"\ntls = {{}}\n\
             [remote.named]\naddress = \"127.0.0.1:{port}\"\nkey = \"LAN\"\n\
             tls = {{ ca = \"{}\", peer-name = \"named.test\" }}",
            authority.ca().display()
        ))
        .table("[zone.\"example.net\".secondary]\nprimaries = [\"wrong\", \"named\"]")
        .setup()
        .start();
    wait_for_version(serves(), 1);
    dnsd.wait_for_log(&format!("failure trying primary {}#{}", wrong.ip(), wrong.port()));
    dnsd.wait_for_log("TLS: received corrupt message of type InvalidContentType");
    dnsd.wait_for_log("transferred serial 1: TSIG 'lan'");
    named.wait_for_log("AXFR started: TSIG lan");
    dnsd.stop();
}

/// A server that answers whatever comes with a line of text, for as long as the test runs.
fn peers_plain() -> SocketAddr {
    let listener = std::net::TcpListener::bind((address(2), 0)).unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // The client may have gone.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    at
}

#[test]
fn rfc9103_named_is_a_secondary_over_tls() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority(directory.path());
    let daemon = primary(&authority, "", "").start();
    let (named, at) = peers::named_with(
        directory.path(),
        "notify no;",
        &format!(
            "tls dnsd {{ ca-file \"{}\"; remote-hostname \"ns.test\"; }};\n\
             key LAN {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n\
             zone example.net {{ type secondary; file \"secondary\"; masterfile-format text;\n\
             min-refresh-time 1; max-refresh-time 1; min-retry-time 1; max-retry-time 1;\n\
             primaries {{ {} port {TLS_PORT} key LAN tls dnsd; }}; }};",
            authority.ca().display(),
            address(0)
        ),
    );
    let has = |serial: u32| {
        wait::until(&format!("named to have version {serial}"), || {
            (version(at) == Some(serial)).then_some(())
        });
    };
    has(1);
    daemon.wait_for_log("/key lan (example.net): transfer of 'example.net/IN': AXFR ended: ");
    daemon.replace("example.net.zone", zone(2));
    has(2);
    daemon.wait_for_log("/key lan (example.net): transfer of 'example.net/IN': IXFR ended: ");
    named.stop();
    daemon.stop();
}
