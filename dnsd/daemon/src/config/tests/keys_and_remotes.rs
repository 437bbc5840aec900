//! `[key]`, `[remote]` and the lists of remotes.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dnsd_core::tsig::Algorithm;

use super::{Bench, config, errors};
use crate::test_certificate;

/// 32 octets.
const SECRET: &str = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=";

fn zone(keys: &str) -> String {
    format!("[zone.\"a\".secondary]\n{keys}\n")
}

fn key(name: &str) -> String {
    format!("[key.{name}]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n")
}

#[test]
fn a_remote_has_addresses_ports_keys_and_sources() {
    let text = format!(
        "{}{}[remote.ns2]\naddress = [\"172.16.1.1\", \"172.16.1.2:5353\", \"[2001:db8::1]:54\", \"2001:db8::2\"]\n\
         key = [\"new\", \"OLD\"]\nsource = [\"10.0.0.5\", \"2001:db8::5\"]\n{}",
        key("old"),
        key("new"),
        zone("primaries = [\"ns2\", \"10.0.0.9:5300\", { address = \"10.0.0.8\", key = \"old\" }]"),
    );
    let (config, printed) = Bench::new(&[]).load(&text);
    let config = config.unwrap_or_else(|| panic!("{printed}"));
    let primaries = &config.zones.secondaries[0].primaries;
    let ns2 = &primaries[0];
    let addresses: Vec<String> = ns2.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(
        addresses,
        [
            "172.16.1.1:53",
            "172.16.1.2:5353",
            "[2001:db8::1]:54",
            "[2001:db8::2]:53"
        ]
    );
    let keys: Vec<String> = ns2.keys.iter().map(|key| key.name().to_string()).collect();
    assert_eq!(keys, ["new.", "old."]);
    assert_eq!(ns2.sources.len(), 2);
    assert_eq!(
        (primaries[1].name.as_str(), primaries[1].keys.len()),
        ("10.0.0.9:5300", 0)
    );
    assert_eq!(
        (primaries[2].name.as_str(), primaries[2].keys.len()),
        ("10.0.0.8:53", 1)
    );
}

#[test]
fn rfc9103_7_1_a_remote_with_tls_is_on_port_853() {
    let text = format!(
        "[remote.ns2]\naddress = \"172.16.1.1\"\ntls = {{ ca = \"cert.pem\", peer-name = \"ns2.example.net\" }}\n{}",
        zone("primaries = [\"ns2\"]")
    );
    let bench = Bench::new(&[]);
    test_certificate::write(bench.path(), "ns2.example.net");
    let config = bench.load(&text).0.unwrap();
    let remote = &config.zones.secondaries[0].primaries[0];
    assert_eq!(remote.addresses[0].port(), 853);
    let name = remote.tls.as_ref().unwrap().name_at(remote.addresses[0].ip());
    assert_eq!(name.to_str(), "ns2.example.net");
}

#[test]
fn tls_to_a_remote_is_of_one_kind_and_its_files_are_there() {
    for (tls, expected) in [
        ("peer-name = \"a\"", "`peer-name` is verified with a `ca`"),
        ("key = \"k.pem\"", "a `key` belongs to a `certificate`"),
        ("ca = \"gone.pem\"", "gone.pem: No such file or directory"),
        (
            "ca = \"c\", peer-name = \"a b\"",
            "not a name that a certificate can be for",
        ),
        ("cert-key = \"AAAA\"", "not the SHA-256 hash of a public key in base64"),
        ("cert-key = []", "without keys no server would be the right one"),
        (
            "ca = \"c\", cert-key = \"WGg/lQHwpTUxfLlGjVnXTWRHAfYz5kY2E2ff6LUKDtg=\"",
            "a `cert-key` is verified without a `ca`",
        ),
    ] {
        let printed = errors(&format!("[remote.ns2]\naddress = \"172.16.1.1\"\ntls = {{ {tls} }}\n"));
        assert!(printed.contains(expected), "{tls}: {printed}");
    }
}

#[test]
fn all_that_is_wrong_with_remotes_comes_at_once() {
    let printed = errors(
        "[remote.ns2]\naddress = [\"0.0.0.0\", \"172.16.1\"]\n[remote.ns3]\naddress = []\nkey = \"gone\"\n\
         [remote.ns4]\naddress = \"172.16.1.1\"\nsource = [\"10.0.0.1\", \"10.0.0.2\", \"::1\"]\n[remote.\"10.0.0.1\"]\n\
         [zone.\"a\".secondary]\nprimaries = [\"10.0.0.1:0\"]\n[zone.\"b\".secondary]\nprimaries = [\"ns5\"]\n",
    );
    let places: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("dnsd.toml") && !line.contains("warning"))
        .collect();
    assert_eq!(
        places,
        [
            "dnsd.toml:2:12: no server has this address",
            "dnsd.toml:2:23: not an address",
            "dnsd.toml:4:11: a remote has an address",
            "dnsd.toml:5:8: no key is called `gone`",
            "dnsd.toml:8:24: there is a source of this family already",
            "dnsd.toml:8:36: the remote has no address of this family",
            "dnsd.toml:9:1: `address` is missing here",
            "dnsd.toml:9:9: not a name of a remote",
            "dnsd.toml:11:14: no server has this address",
            "dnsd.toml:13:15: no remote is called `ns5`",
        ],
        "{printed}"
    );
    assert!(printed.contains("did you mean \"ns2\"?"), "{printed}");
}

#[test]
fn what_nothing_uses_is_warned_of() {
    let text = format!(
        "{}[remote.ns2]\naddress = \"172.16.1.1\"\n[acl]\nlan = [\"10.0.0.1\"]\n",
        key("k")
    );
    let (config, printed) = Bench::new(&[]).load(&text);
    assert!(config.is_some());
    for warning in [
        "dnsd.toml:1:6: warning: nothing uses this key\n",
        "dnsd.toml:4:9: warning: nothing uses this remote\n",
        "dnsd.toml:7:1: warning: the list lan is not used\n",
    ] {
        assert!(printed.contains(warning), "{warning}{printed}");
    }
}

#[test]
fn every_algorithm_is_a_key_and_the_old_ones_are_warned_of() {
    // Long enough for the longest.
    let secret = "c2VjcmV0".repeat(12);
    let read = |algorithm: &str| {
        let key = format!("[key.k]\nalgorithm = \"{algorithm}\"\nsecret = \"{secret}\"\n");
        Bench::new(&[]).load(&format!("allow-query = [\"key:k\"]\n{key}"))
    };
    for algorithm in Algorithm::ALL {
        let (config, printed) = read(&algorithm.to_string());
        let name = "k".parse::<dnsd_core::name::Name>().unwrap();
        let keys = config.unwrap().keys;
        assert_eq!(keys.find(name.as_name_ref()).unwrap().algorithm(), algorithm);
        let warning = format!("dnsd.toml:3:14: warning: {algorithm} is for keys that can't be changed");
        assert_eq!(printed.contains(&warning), algorithm.is_deprecated(), "{printed}");
    }
    assert!(read("HMAC-SHA256-128").0.is_some());
    let (config, printed) = read("hmac-sha257");
    assert!(
        config.is_none() && printed.contains("dnsd.toml:3:13: no TSIG algorithm"),
        "{printed}"
    );
}

#[test]
fn what_is_wrong_with_a_key_is_said_without_showing_its_secret() {
    let half = &SECRET[..9];
    for (text, message) in [
        (
            format!("[key.k]\nalgorithm = \"hmac-sha256\"\nsecret = \"{half}\"\n"),
            "the secret isn't base64",
        ),
        (
            format!("[key.k]\nsecret = \"{SECRET}\"\n"),
            "`algorithm` is missing here",
        ),
        (
            format!("[key.\"a..b\"]\nalgorithm = \"hmac-sha256\"\nsecret = \"{SECRET}\"\n"),
            "not a name of a key",
        ),
        (
            format!("{}{}", key("k"), key("\"K.\"")),
            "the key K. is there already, at dnsd.toml:1:6",
        ),
        (
            "[key.k]\nalgorithm = \"hmac-sha256\"\n".to_owned(),
            "`secret`, `secret-file` or `secret-ref` is missing here",
        ),
        (format!("{}secret-file = \"f\"\n", key("k")), "not both"),
        (
            "[key.k]\nalgorithm = \"hmac-sha256\"\nsecret-file = \"gone\"\n".to_owned(),
            "gone: No such file or directory",
        ),
    ] {
        let printed = errors(&text);
        assert!(printed.contains(message) && !printed.contains(half), "{printed}");
    }
}

#[test]
fn a_secret_that_everybody_can_read_is_warned_of() {
    let bench = Bench::new(&[]);
    let file = bench.path().join("k.secret");
    fs::write(&file, format!("{SECRET}\n")).unwrap();
    let text =
        "allow-query = [\"any\", \"!key:k\"]\n[key.k]\nalgorithm = \"hmac-sha256\"\nsecret-file = \"k.secret\"\n";
    for (mode, is_warned_of) in [(0o640, false), (0o644, true), (0o602, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let (config, printed) = bench.load(text);
        assert!(config.is_some(), "{printed}");
        let warning = "dnsd.toml:4:16: warning: k.secret can be read or changed by everybody";
        assert_eq!(printed.contains(warning), is_warned_of, "{printed}");
    }
}

#[test]
fn a_secret_is_read_from_the_files_that_bind_writes() {
    let bench = Bench::new(&[]);
    let file = bench.path().join("k.secret");
    let write = |text: &str| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        bench.load("allow-query = [\"any\", \"!key:k\"]\n[key.k]\nsecret-file = \"k.secret\"\n")
    };
    for (text, algorithm) in [
        (
            format!(
                "key \"other\" {{ algorithm hmac-md5; secret \"b3RoZXI=\"; }};\nkey \"k\" {{\n\talgorithm hmac-sha512;\n\tsecret \"{SECRET}\";\n}};\n"
            ),
            Algorithm::HMAC_SHA512,
        ),
        (
            format!("Private-key-format: v1.3\nAlgorithm: 163 (HMAC_SHA256)\nKey: {SECRET}\nBits: AAA=\n"),
            Algorithm::HMAC_SHA256,
        ),
    ] {
        let (config, printed) = write(&text);
        let config = config.unwrap_or_else(|| panic!("{printed}"));
        let name = "k".parse::<dnsd_core::name::Name>().unwrap();
        assert_eq!(config.keys.find(name.as_name_ref()).unwrap().algorithm(), algorithm);
    }
    let half = &SECRET[..SECRET.len() / 2];
    for (text, message) in [
        (
            format!("# mine\n key k {{ algorithm hmac-sha256; secret \"{half}!\"; }};\n"),
            "k.secret:2:",
        ),
        (
            format!("key other {{ algorithm hmac-sha256; secret \"{SECRET}\"; }};\n"),
            "k.secret:1:1: no key of this name",
        ),
        (format!("{half}!\n"), "k.secret:1:1: "),
    ] {
        let (config, printed) = write(&text);
        assert!(config.is_none());
        assert!(
            printed.contains(&format!("dnsd.toml:3:16: {message}")) && !printed.contains(half),
            "{printed}"
        );
    }
}

#[test]
fn a_short_secret_is_warned_of() {
    let text = "allow-query = [\"key:k\"]\n[key.k]\nalgorithm = \"hmac-sha256\"\nsecret = \"c2VjcmV0\"\n";
    let printed = Bench::new(&[]).load(text).1;
    assert!(
        printed.contains("dnsd.toml:2:6: warning: the secret is shorter than"),
        "{printed}"
    );
    assert!(!format!("{:?}", config("").keys).contains("secret"));
}

#[test]
fn the_secret_of_a_key_may_be_a_plugins() {
    let plugin = "[plugin.cloud]\nsocket = \"/run/none\"\n";
    let reference = |of: &str| {
        format!(
            "{plugin}[key.k]\nalgorithm = \"hmac-sha256\"\nsecret-ref = \"{of}\"\n\
             [zone.\"a\".primary]\nfile = \"a\"\nallow-update = [\"key:k\"]\n"
        )
    };
    let (config, printed) = Bench::new(&[]).load(&reference("cloud:live/tsig"));
    let config = config.unwrap_or_else(|| panic!("{printed}"));
    let [pending] = &config.pending[..] else {
        panic!("{:?}", config.pending)
    };
    assert_eq!(pending.reference.to_string(), "cloud:live/tsig");
    let made = config.keys.iter().next().unwrap();
    assert!(!made.is_known());
    let wrong = (pending.take)(b"not base64!").unwrap_err();
    assert!(!wrong.contains("not base64!") && !made.is_known(), "{wrong}");
    let other = format!("key k {{ algorithm hmac-sha512; secret \"{SECRET}\"; }};");
    assert_eq!(
        (pending.take)(other.as_bytes()),
        Err("it says hmac-sha512, and the key is of hmac-sha256".to_owned())
    );
    (pending.take)(SECRET.as_bytes()).unwrap();
    assert!(made.is_known());

    assert!(errors(&reference("clod:k")).contains("did you mean \"cloud\"?"));
    for nothing in ["k", ":k", "cloud:", ""] {
        assert!(
            errors(&reference(nothing)).contains("not a secret of a plugin"),
            "{nothing}"
        );
    }
    let both = format!("{}secret-ref = \"cloud:k\"\n{plugin}", key("k"));
    assert!(errors(&both).contains("a key has one of"), "{}", errors(&both));
    let no_algorithm = format!("{plugin}[key.k]\nsecret-ref = \"cloud:k\"\n");
    assert!(errors(&no_algorithm).contains("`algorithm` is missing here"));
}
