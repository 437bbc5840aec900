use std::fs;
use std::io;
use std::path::Path;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConnection};

use super::test_certificates::Authority;
use super::*;

/// Runs a handshake to its end; the first error of either side.
fn shake_hands(
    server: &Arc<ServerConfig>,
    client: ClientConfig,
    name: &'static str,
) -> Result<Connection, rustls::Error> {
    let name = ServerName::try_from(name).unwrap();
    let mut client = Connection::from(ClientConnection::new(Arc::new(client), name).unwrap());
    let mut server = Connection::from(ServerConnection::new(server.clone()).unwrap());
    while client.is_handshaking() || server.is_handshaking() {
        pass(&mut client, &mut server)?;
        pass(&mut server, &mut client)?;
    }
    // In TLS 1.3 the server looks at the client's certificate when the client is done.
    pass(&mut client, &mut server)?;
    pass(&mut server, &mut client)?;
    Ok(client)
}

fn pass(from: &mut Connection, to: &mut Connection) -> Result<(), rustls::Error> {
    let mut octets = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut octets).unwrap();
    }
    let mut octets = io::Cursor::new(octets);
    while octets.position() < octets.get_ref().len() as u64 {
        to.read_tls(&mut octets).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}

fn client_of(authority: &Authority, files: &TlsFiles) -> ClientConfig {
    let authorities = files.authorities(&authority.path("ca.pem")).unwrap();
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(authorities)
        .with_no_client_auth()
}

fn identity(authority: &Authority, files: &TlsFiles) -> Arc<Identity> {
    files
        .identity(&authority.path("cert.pem"), &authority.path("key.pem"))
        .unwrap()
}

/// The first certificate that a client is shown.
fn shown(server: &Arc<ServerConfig>, client: ClientConfig) -> Vec<u8> {
    let connection = shake_hands(server, client, "one.test").unwrap();
    connection.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_renewed_pair_is_shown_to_the_next_client() {
    let authority = Authority::new();
    authority.write_pair("one.test");
    let files = TlsFiles::default();
    let server = Arc::new(server_config(identity(&authority, &files), None, &[b"dot"]));
    let first = shown(&server, client_of(&authority, &files));
    files.look();
    assert_eq!(shown(&server, client_of(&authority, &files)), first);
    authority.write_pair("one.test");
    files.look();
    assert_ne!(shown(&server, client_of(&authority, &files)), first);
}

#[test]
fn a_pair_that_doesnt_fit_together_leaves_the_one_before() {
    let authority = Authority::new();
    authority.write_pair("one.test");
    let files = TlsFiles::default();
    let server = Arc::new(server_config(identity(&authority, &files), None, &[]));
    let first = shown(&server, client_of(&authority, &files));
    let (certificate, key) = authority.sign("one.test");
    authority.write("cert.pem", &certificate);
    // Twice: half of a new pair is what it looks like while it is written.
    files.look();
    files.look();
    assert_eq!(shown(&server, client_of(&authority, &files)), first);
    authority.write("key.pem", &key);
    files.look();
    assert_ne!(shown(&server, client_of(&authority, &files)), first);
}

#[test]
fn a_pair_behind_a_changed_link_is_another() {
    let authority = Authority::new();
    for version in ["1", "2"] {
        let (certificate, key) = authority.sign("one.test");
        fs::create_dir(authority.path(version)).unwrap();
        authority.write(&format!("{version}/cert.pem"), &certificate);
        authority.write(&format!("{version}/key.pem"), &key);
    }
    let point_to = |version: &str| {
        std::os::unix::fs::symlink(version, authority.path("new")).unwrap();
        fs::rename(authority.path("new"), authority.path("live")).unwrap();
    };
    point_to("1");
    let files = TlsFiles::default();
    let live = authority.path("live");
    let identity = files.identity(&live.join("cert.pem"), &live.join("key.pem")).unwrap();
    let server = Arc::new(server_config(identity, None, &[]));
    let first = shown(&server, client_of(&authority, &files));
    point_to("2");
    files.look();
    assert_ne!(shown(&server, client_of(&authority, &files)), first);
}

fn client_with(authority: &Authority, files: &TlsFiles, identity: Arc<Identity>) -> ClientConfig {
    let authorities = files.authorities(&authority.path("ca.pem")).unwrap();
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(authorities)
        .with_client_cert_resolver(identity)
}

#[test]
fn clients_show_a_certificate_of_the_authority_as_its_file_has_it_now() {
    let authority = Authority::new();
    authority.write_pair("one.test");
    let files = TlsFiles::default();
    let clients = authority.path("clients.pem");
    fs::copy(authority.path("ca.pem"), &clients).unwrap();
    let authorities = files.authorities(&clients).unwrap();
    let server = Arc::new(server_config(identity(&authority, &files), Some(authorities), &[]));
    let without = shake_hands(&server, client_of(&authority, &files), "one.test");
    assert!(without.is_err());
    let ours = || client_with(&authority, &files, identity(&authority, &files));
    shake_hands(&server, ours(), "one.test").unwrap();
    let other = Authority::new();
    authority.write("clients.pem", &fs::read_to_string(other.path("ca.pem")).unwrap());
    files.look();
    assert!(shake_hands(&server, ours(), "one.test").is_err());
}

#[test]
fn rfc7301_a_client_that_speaks_something_else_is_turned_away_and_one_that_says_nothing_is_not() {
    let authority = Authority::new();
    authority.write_pair("one.test");
    let files = TlsFiles::default();
    let server = Arc::new(server_config(identity(&authority, &files), None, &[b"dot"]));
    let speaking = |protocols: &[&[u8]]| {
        let mut client = client_of(&authority, &files);
        client.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        shake_hands(&server, client, "one.test")
    };
    assert!(speaking(&[b"h2"]).is_err());
    assert_eq!(speaking(&[]).unwrap().alpn_protocol(), None);
    assert_eq!(speaking(&[b"h2", b"dot"]).unwrap().alpn_protocol(), Some(&b"dot"[..]));
}

#[test]
fn rfc7858_4_2_a_pinned_key_is_all_that_is_looked_at() {
    let authority = Authority::new();
    let pin = authority.write_pair("one.test");
    let other = Authority::new().write_pair("one.test");
    let files = TlsFiles::default();
    let server = Arc::new(server_config(identity(&authority, &files), None, &[]));
    let meet = |check| {
        let client = client_config(check, None, &[&rustls::version::TLS13], &[]);
        shake_hands(&server, client, "another.test")
    };
    let pins = |pins: &[&str]| PeerCheck::Keys(pins.iter().map(|pin| pin.parse().unwrap()).collect());
    meet(pins(&[&other, &pin])).unwrap();
    assert!(meet(pins(&[&other])).is_err());
    meet(PeerCheck::Nothing).unwrap();
    assert_eq!("AAAA".parse::<KeyPin>(), Err(NotAPin));
}

#[test]
fn a_certificate_for_another_name_is_not_taken() {
    let authority = Authority::new();
    authority.write_pair("one.test");
    let files = TlsFiles::default();
    let server = Arc::new(server_config(identity(&authority, &files), None, &[]));
    assert!(shake_hands(&server, client_of(&authority, &files), "two.test").is_err());
}

fn problem(authority: &Authority, certificate: &str, key: &str) -> String {
    let files = TlsFiles::default();
    let error = files
        .identity(&authority.path(certificate), &authority.path(key))
        .unwrap_err();
    let folder = authority.path("");
    error.to_string().replace(&format!("{}", folder.display()), "")
}

#[test]
fn what_is_wrong_with_a_file_is_said_and_nothing_of_its_content() {
    let authority = Authority::new();
    authority.write_pair("one.test");
    authority.write("other.pem", &authority.sign("one.test").1);
    authority.write("empty.pem", "");
    let key = fs::read_to_string(authority.path("key.pem")).unwrap();
    authority.write("cut.pem", &key[..key.len() / 2]);
    authority.write("encrypted.pem", &key.replace("PRIVATE", "ENCRYPTED PRIVATE"));
    authority.write(
        "garbage.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    authority.write("large.pem", &"x".repeat(2 << 20));
    for (certificate, key, expected) in [
        (
            "none.pem",
            "key.pem",
            "none.pem: No such file or directory (os error 2)",
        ),
        ("", "key.pem", ": not a file"),
        ("large.pem", "key.pem", "large.pem: larger than 1048576 bytes"),
        (
            "key.pem",
            "key.pem",
            "key.pem: no certificate in it, as PEM has it: -----BEGIN CERTIFICATE-----",
        ),
        (
            "garbage.pem",
            "key.pem",
            "garbage.pem: a certificate in it can't be read",
        ),
        (
            "cert.pem",
            "cert.pem",
            "cert.pem: no private key in it, as PEM has it: -----BEGIN PRIVATE KEY-----",
        ),
        ("cert.pem", "cut.pem", "cut.pem: a section of it is not PEM"),
        (
            "cert.pem",
            "encrypted.pem",
            "encrypted.pem: the key in it is encrypted; a daemon has nobody to ask for the passphrase",
        ),
        (
            "cert.pem",
            "other.pem",
            "other.pem: not the key of the certificate in cert.pem",
        ),
    ] {
        assert_eq!(problem(&authority, certificate, key), expected);
    }
}

#[test]
fn a_pair_in_use_is_read_once_and_told_of() {
    let authority = Authority::new();
    authority.write_pair("one.test");
    let files = TlsFiles::default();
    let first = identity(&authority, &files);
    // What can't be read any more, as after the change of the user, stays.
    fs::remove_file(authority.path("key.pem")).unwrap();
    assert!(Arc::ptr_eq(&first, &identity(&authority, &files)));
    let expiries = files.expiries();
    assert_eq!(expiries.len(), 1);
    // The year 4096, to which rcgen's certificates live.
    assert_eq!(expiries[0].ends_at, 67_090_118_400);
    drop(first);
    assert_eq!(files.expiries(), []);
    assert!(files.identity(&authority.path("cert.pem"), Path::new("gone")).is_err());
}
