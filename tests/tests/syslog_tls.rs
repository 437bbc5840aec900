//! Syslog over TLS (RFC 5425): rsyslogd with its certificates checked and unchecked, and openssl for those that are no good.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ballast_tests::certificates::Authority;
use ballast_tests::daemon::{Daemon, Setup, output};
use ballast_tests::syslog::{self, HTTP_PORT, metric, receipt};
use ballast_tests::{address, peers, wait};
use tempfile::TempDir;

const LOGD: u8 = 0;
const RELAY: u8 = 1;
const CLIENT: u8 = 2;

const TLS_PORT: u16 = 6514;

fn tls() -> SocketAddr {
    SocketAddr::from((address(LOGD), TLS_PORT))
}

/// An authority in a folder of its own, with a certificate for logd and one for a sender.
struct Certificates {
    folder: TempDir,
    authority: Authority,
}

impl Certificates {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "ca");
        authority.sign("server", "DNS:logd.test");
        authority.sign("client", "DNS:web1.example.net");
        Self { folder, authority }
    }

    fn path(&self, file: &str) -> String {
        self.authority.path(file).display().to_string()
    }

    /// logd with a TLS input that has these keys beside its own certificate.
    fn logd(&self, keys: &str) -> Daemon {
        let config = format!(
            "work-dir = \"work\"\n\
             [control]\n\
             socket = \"control.sock\"\n\
             http = \"{}:{HTTP_PORT}\"\n\
             [input.net-tls.tcp]\n\
             listen = [\"{}\"]\n\
             tls = {{ certificate = \"{}\", key = \"{}\", {keys} }}\n\
             [output.all.file]\n\
             path = \"all\"\n\
             format = \"%peer-name%|%msg%\\n\"\n\
             [[rule]]\n\
             to = [\"all\"]\n",
            address(LOGD),
            tls(),
            self.path("server.pem"),
            self.path("server.key"),
        );
        Setup::new("logd").file("logd.toml", config).start()
    }

    /// `client-ca`, and these permitted peers.
    fn permitting(&self, peers: &str) -> Daemon {
        self.logd(&format!(
            "client-ca = \"{}\", permitted-peers = [{peers}]",
            self.path("ca.pem")
        ))
    }

    /// An rsyslogd that forwards to logd by TLS what it gets by TCP.
    fn relay(&self, directory: &Path, action: &str) -> peers::Peer {
        let config = format!(
            "global(DefaultNetstreamDriverCAFile=\"{}\" DefaultNetstreamDriverCertFile=\"{}\"\n\
             DefaultNetstreamDriverKeyFile=\"{}\")\n",
            self.path("ca.pem"),
            self.path("client.pem"),
            self.path("client.key")
        ) + &syslog::rsyslogd_head(directory, address(RELAY))
            + &format!(
                "action(type=\"omfwd\" target=\"{}\" port=\"{TLS_PORT}\" protocol=\"tcp\" tcp_framing=\"octet-counted\"\n\
                 template=\"RSYSLOG_ForwardFormat\" StreamDriver=\"gtls\" StreamDriverMode=\"1\" {action})\n",
                address(LOGD)
            );
        peers::rsyslogd(directory, &config, syslog::collector(address(RELAY)))
    }

    /// `openssl s_client`, which shows this certificate.
    fn client(&self, shows: Option<&str>, arguments: &[&str]) -> Client {
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-quiet", "-no_ign_eof", "-CAfile", &self.path("ca.pem")])
            .args([
                "-verify_return_error",
                "-servername",
                "logd.test",
                "-connect",
                &tls().to_string(),
            ])
            .args(arguments);
        if let Some(name) = shows {
            let (certificate, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
            command.args(["-cert", &certificate, "-key", &key]);
        }
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Client { child }
    }

    /// A certificate that has signed itself.
    fn self_signed(&self, name: &str) {
        let (key, certificate) = (self.path(&format!("{name}.key")), self.path(&format!("{name}.pem")));
        let subject = format!("/CN={name}");
        output(
            "openssl",
            [
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-noenc",
                "-days",
                "1",
                "-subj",
                &subject,
                "-keyout",
                &key,
                "-out",
                &certificate,
            ],
        );
    }

    /// A certificate that the authority has signed and that is over.
    fn expired(&self, name: &str) {
        let (key, request) = (self.path(&format!("{name}.key")), self.path(&format!("{name}.csr")));
        let (certificate, ca, ca_key) = (
            self.path(&format!("{name}.pem")),
            self.path("ca.pem"),
            self.path("ca.key"),
        );
        let subject = format!("/CN={name}");
        output(
            "openssl",
            [
                "req",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-noenc",
                "-subj",
                &subject,
                "-keyout",
                &key,
                "-out",
                &request,
            ],
        );
        output(
            "openssl",
            [
                "x509",
                "-req",
                "-in",
                &request,
                "-CA",
                &ca,
                "-CAkey",
                &ca_key,
                "-set_serial",
                "7",
                "-extfile",
                &self.path("openssl.cnf"),
                "-extensions",
                "other",
                "-days",
                "0",
                "-out",
                &certificate,
            ],
        );
        // It ends in the second in which it was made.
        let made = receipt::now();
        wait::until("the certificate to be over", || {
            (receipt::now() > made + 1).then_some(())
        });
    }
}

/// A running s_client. It is ended when this is dropped.
struct Client {
    child: Child,
}

impl Client {
    /// Sends as one record, or more.
    fn write(&mut self, bytes: &str) {
        let mut stdin = self.child.stdin.as_ref().unwrap();
        stdin.write_all(bytes.as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Ends its input, and waits until it has closed the connection in order.
    fn finish(mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().success()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(logd: &Daemon, count: usize) -> Vec<String> {
    let content = wait::until_lines(&logd.path().join("all"), count);
    String::from_utf8(content).unwrap().lines().map(str::to_owned).collect()
}

/// What rsyslogd relays, in the order sent.
fn relayed(logd: &Daemon, relay: peers::Peer, name: &str) {
    const MESSAGES: usize = 5000;
    let messages: Vec<String> = (0..MESSAGES)
        .map(|n| format!("<13>Oct 11 22:14:15 host app: message {n}"))
        .collect();
    syslog::send(
        syslog::collector(address(RELAY)),
        &syslog::Framing::Newline.frame(&messages),
    );
    let found = lines(logd, MESSAGES);
    for (n, line) in found.iter().enumerate() {
        assert_eq!(*line, format!("{name}| message {n}"));
    }
    assert_eq!(found.len(), MESSAGES);
    relay.stop();
    assert_eq!(
        metric(address(LOGD), "logd_input_tls_handshakes_total", &["net-tls"]),
        1.0
    );
}

#[test]
fn rsyslogd_without_checks() {
    let certificates = Certificates::new();
    let logd = certificates.logd("");
    let directory = tempfile::tempdir().unwrap();
    let relay = certificates.relay(directory.path(), "StreamDriverAuthMode=\"anon\"");
    relayed(&logd, relay, "-");
    assert!(logd.stop().0.success());
}

#[test]
fn rfc5425_5_2_rsyslogd_with_names_both_ways() {
    let certificates = Certificates::new();
    let logd = certificates.permitting("\"*.example.net\"");
    let directory = tempfile::tempdir().unwrap();
    let relay = certificates.relay(
        directory.path(),
        "StreamDriverAuthMode=\"x509/name\" StreamDriverPermittedPeers=\"logd.test\"",
    );
    relayed(&logd, relay, "web1.example.net");
    assert!(logd.stop().0.success());
}

#[test]
fn syslog_ng_with_its_own_framing() {
    let program = output("../scripts/syslog-ng", [""; 0]);
    let certificates = Certificates::new();
    let logd = certificates.permitting("\"*.example.net\"");
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().display();
    let listens = syslog::collector(address(RELAY));
    // The driver `syslog` sends RFC 5424 and counts octets.
    let config = format!(
        "@version: 3.38\n\
         options {{ stats-freq(0); }};\n\
         source s {{ network(ip(\"{}\") port({}) transport(\"tcp\")); }};\n\
         destination d {{ syslog(\"{}\" port({TLS_PORT}) transport(\"tls\") tls(ca-file(\"{}\") cert-file(\"{}\")\n\
         key-file(\"{}\") peer-verify(required-untrusted))); }};\n\
         log {{ source(s); destination(d); }};\n",
        listens.ip(),
        listens.port(),
        address(LOGD),
        certificates.path("ca.pem"),
        certificates.path("client.pem"),
        certificates.path("client.key")
    );
    let file = directory.path().join("syslog-ng.conf");
    fs::write(&file, config).unwrap();
    let mut command = Command::new(program.trim());
    command.args(["-F", "--no-caps", "-f"]).arg(&file).args([
        "-R",
        &format!("{here}/persist"),
        "-p",
        &format!("{here}/pid"),
        "-c",
        &format!("{here}/control"),
    ]);
    let relay = peers::Peer::start("syslog-ng", command, directory.path(), listens);
    let messages: Vec<String> = (0..1000)
        .map(|n| format!("<13>Oct 11 22:14:15 host app: message {n}"))
        .collect();
    syslog::send(listens, &syslog::Framing::Newline.frame(&messages));
    let found = lines(&logd, 1000);
    for (n, line) in found.iter().enumerate() {
        assert_eq!(*line, format!("web1.example.net|message {n}"));
    }
    relay.stop();
    assert!(logd.stop().0.success());
}

#[test]
fn rfc5425_5_1_a_fingerprint_lets_in_whom_nobody_has_signed() {
    let certificates = Certificates::new();
    certificates.self_signed("alone");
    let fingerprint = |digest: &str| {
        let printed = output(
            "openssl",
            [
                "x509",
                "-in",
                &certificates.path("alone.pem"),
                "-noout",
                "-fingerprint",
                digest,
            ],
        );
        printed.trim().split_once('=').unwrap().1.to_owned()
    };
    for text in [
        format!("\"SHA1:{}\"", fingerprint("-sha1")),
        format!("\"SHA256:{}\"", fingerprint("-sha256")),
    ] {
        let logd = certificates.logd(&format!("permitted-peers = [{text}]"));
        let mut client = certificates.client(Some("alone"), &[]);
        client.write("<13>Oct 11 22:14:15 host app: hello\n");
        assert!(client.finish());
        assert_eq!(lines(&logd, 1), ["alone| hello"]);
        let mut other = certificates.client(Some("client"), &[]);
        other.write("<13>Oct 11 22:14:15 host app: no\n");
        let refused = || metric(address(LOGD), "logd_input_refused_total", &["tls-not-permitted"]);
        wait::until("the other to be refused", || (refused() == 1.0).then_some(()));
        assert!(logd.stop().0.success());
    }
}

#[test]
fn who_has_no_good_certificate_is_refused_and_counted_by_the_reason() {
    let certificates = Certificates::new();
    let elsewhere = tempfile::tempdir().unwrap();
    Authority::new(elsewhere.path(), "other").sign("unknown", "DNS:web1.example.net");
    for file in ["unknown.pem", "unknown.key"] {
        fs::copy(elsewhere.path().join(file), certificates.authority.path(file)).unwrap();
    }
    certificates.self_signed("alone");
    certificates.expired("old");
    certificates.authority.sign("stranger", "DNS:host.example.org");
    let logd = certificates.permitting("\"*.example.net\"");
    for version in ["-tls1_2", "-tls1_3"] {
        for (shows, reason) in [
            (None, "tls-no-certificate"),
            (Some("unknown"), "tls-unknown-authority"),
            // An authority, by what openssl makes of it.
            (Some("alone"), "tls-certificate"),
            (Some("old"), "tls-expired"),
            (Some("stranger"), "tls-not-permitted"),
        ] {
            let refused = || metric(address(LOGD), "logd_input_refused_total", &[&format!("\"{reason}\"")]);
            let before = refused();
            let client = certificates.client(shows, &[version]);
            // With TLS 1.3 a client may send before it is refused.
            let _ = client
                .child
                .stdin
                .as_ref()
                .unwrap()
                .write_all(b"<13>Oct 11 22:14:15 host app: no\n");
            wait::until(&format!("{reason} {version}"), || (refused() > before).then_some(()));
        }
    }
    // No TLS at all.
    let refused = || metric(address(LOGD), "logd_input_refused_total", &["\"tls-handshake\""]);
    let mut plain = syslog::connect(tls());
    plain.write_all(b"<13>Oct 11 22:14:15 host app: no\n").unwrap();
    wait::until("plain text to be refused", || (refused() > 0.0).then_some(()));
    logd.wait_for_log("sender refused");
    let mut client = certificates.client(Some("client"), &[]);
    client.write("<13>Oct 11 22:14:15 host app: yes\n");
    assert!(client.finish());
    assert_eq!(lines(&logd, 1), ["web1.example.net| yes"]);
    assert!(logd.stop().0.success());
}

#[test]
fn a_frame_in_many_records_is_one_message() {
    let certificates = Certificates::new();
    let logd = certificates.logd("");
    let mut client = certificates.client(None, &[]);
    let message = "<13>Oct 11 22:14:15 host app: in pieces";
    let frame = format!("{} {message}", message.len());
    let received = || metric(address(LOGD), "logd_input_bytes_total", &["net-tls"]);
    let mut sent = 0;
    for piece in frame.as_bytes().chunks(7) {
        client.write(std::str::from_utf8(piece).unwrap());
        sent += piece.len();
        wait::until("a record to be read", || (received() == sent as f64).then_some(()));
    }
    // And many frames in one record, the last of which is cut there.
    let many = frame.repeat(1000);
    client.write(&many[..many.len() - 3]);
    client.write(&many[many.len() - 3..]);
    let found = lines(&logd, 1001);
    assert!(found.iter().all(|line| line == "-| in pieces"));
    assert!(client.finish());
    assert_eq!(metric(address(LOGD), "logd_input_tls_cut_off_total", &["net-tls"]), 0.0);
    assert!(logd.stop().0.success());
}

#[test]
fn a_connection_that_is_cut_off_keeps_what_came_and_is_counted() {
    let certificates = Certificates::new();
    let logd = certificates.logd("");
    let mut client = certificates.client(None, &[]);
    client.write("<13>Oct 11 22:14:15 host app: whole\n<13>Oct 11 22:14:15 host app: cut");
    let received = || metric(address(LOGD), "logd_input_bytes_total", &["net-tls"]);
    wait::until("both to be read", || (received() > 0.0).then_some(()));
    // Dies without a word.
    drop(client);
    assert_eq!(lines(&logd, 2), ["-| whole", "-| cut"]);
    let cut_off = || metric(address(LOGD), "logd_input_tls_cut_off_total", &["net-tls"]);
    wait::until("it to be counted", || (cut_off() == 1.0).then_some(()));
    assert!(logd.stop().0.success());
}

#[test]
fn a_new_certificate_is_shown_without_a_restart_and_connections_go_on() {
    let certificates = Certificates::new();
    let logd = certificates.logd("");
    let shown = || {
        let connected = Command::new("openssl")
            .args(["s_client", "-connect", &tls().to_string()])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&connected.stdout).into_owned()
    };
    let first = shown();
    let certificate = |text: &str| {
        let start = text.find("-----BEGIN CERTIFICATE-----").unwrap();
        text[start..text.find("-----END CERTIFICATE-----").unwrap()].to_owned()
    };
    let mut client = certificates.client(None, &[]);
    client.write("<13>Oct 11 22:14:15 host app: before\n");
    lines(&logd, 1);
    certificates.authority.sign("server", "DNS:logd.test");
    let mut meanwhile = 0;
    wait::until("another certificate to be shown", || {
        client.write(&format!("<13>Oct 11 22:14:15 host app: meanwhile {meanwhile}\n"));
        meanwhile += 1;
        (certificate(&shown()) != certificate(&first)).then_some(())
    });
    client.write("<13>Oct 11 22:14:15 host app: after\n");
    let found = lines(&logd, meanwhile + 2);
    assert_eq!(
        (found[0].as_str(), found[meanwhile + 1].as_str()),
        ("-| before", "-| after")
    );
    for (n, line) in found[1..=meanwhile].iter().enumerate() {
        assert_eq!(*line, format!("-| meanwhile {n}"));
    }
    let expires = || {
        metric(
            address(LOGD),
            "logd_tls_certificate_expires_timestamp_seconds",
            &["server.pem"],
        )
    };
    let in_days = (expires() - receipt::now() as f64) / 86_400.0;
    assert!((29.0..31.0).contains(&in_days), "{in_days}");
    let status = String::from_utf8(logd.run(&["status"]).stdout).unwrap();
    assert!(
        status.contains("/tls  1 connections") && status.contains("server.pem expires 20"),
        "{status}"
    );
    drop(client);
    assert!(logd.stop().0.success());
    assert!(certificates.folder.path().exists());
}

#[test]
fn sigterm_ends_connections_with_close_notify() {
    let certificates = Certificates::new();
    let logd = certificates.logd("");
    let mut client = certificates.client(None, &[]);
    client.write("<13>Oct 11 22:14:15 host app: last words\n");
    lines(&logd, 1);
    let (status, _) = logd.stop();
    assert!(status.success());
    // s_client says by its exit code whether it was told.
    let ended = wait::until("the client to end", || client.child.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
}

#[test]
fn what_is_wrong_with_a_file_or_a_peer_is_said_where_it_is_named() {
    let certificates = Certificates::new();
    let check = |tls: &str| {
        let setup = Setup::new("logd").file(
            "logd.toml",
            format!("[input.a.tcp]\nlisten = [\"127.0.0.1:6514\"]\ntls = {{ {tls} }}\n[[rule]]\nto = [\"/tmp/a\"]\n"),
        );
        let checked = setup.run(&["check"]);
        assert_eq!(checked.status.success(), checked.stderr.is_empty());
        String::from_utf8(checked.stderr).unwrap()
    };
    let pair = format!(
        "certificate = \"{}\", key = \"{}\"",
        certificates.path("server.pem"),
        certificates.path("server.key")
    );
    assert_eq!(check(&pair), "");
    for (tls, expected) in [
        (
            format!("certificate = \"{}\"", certificates.path("server.pem")),
            "`key` is missing",
        ),
        (
            format!(
                "certificate = \"{}\", key = \"{}\"",
                certificates.path("server.pem"),
                certificates.path("client.key")
            ),
            "client.key: not the key of the certificate in",
        ),
        (
            format!("{pair}, client-ca = \"/nonexistent\""),
            "/nonexistent: No such file",
        ),
        (
            format!("{pair}, permitted-peers = [\"*.a\"]"),
            "anybody can write this name",
        ),
        (format!("{pair}, permitted-peers = [\"SHA1:12\"]"), "not a fingerprint"),
        (format!("{pair}, permitted-peers = []"), "nobody could send"),
        (format!("{pair}, permited-peers = [\"a\"]"), "permitted-peers"),
    ] {
        let said = check(&tls);
        assert!(
            said.contains(expected) && said.contains('^') && said.contains("logd.toml:3:"),
            "{tls}: {said}"
        );
    }
}

#[test]
fn silent_and_slow_clients_by_the_hundred_keep_no_handshake_waiting() {
    /// More than there are turns at handshakes.
    const SILENT: usize = 600;
    const SLOW: usize = 600;
    let certificates = Certificates::new();
    let logd = certificates.logd("");
    // Both from 127.0.0.1: the system gives them that one.
    let connect = |_| std::net::TcpStream::connect(tls()).unwrap();
    let _silent: Vec<_> = (0..SILENT).map(connect).collect();
    let mut slow: Vec<_> = (0..SLOW).map(connect).collect();
    for stream in &mut slow {
        // The beginning of a record with a ClientHello (RFC 8446 §5.1).
        stream.write_all(b"\x16\x03\x01\x02").unwrap();
    }
    let open = || metric(address(LOGD), "logd_input_connections", &["net-tls"]);
    wait::until("all to be connected", || {
        (open() == (SILENT + SLOW) as f64).then_some(())
    });
    let begun = Instant::now();
    let mut client = certificates.client(None, &["-bind", &format!("{}:0", address(CLIENT))]);
    client.write("<13>Oct 11 22:14:15 host app: in time\n");
    let received = || metric(address(LOGD), "logd_input_messages_total", &["net-tls"]);
    wait::until("the message", || (received() == 1.0).then_some(()));
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(lines(&logd, 1), ["-| in time"]);
    assert_eq!(
        metric(address(LOGD), "logd_input_refused_total", &["\"tls-timeout\""]),
        0.0
    );
    assert!(client.finish());
    assert!(logd.stop().0.success());
}
