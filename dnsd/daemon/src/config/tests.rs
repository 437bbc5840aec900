//! What a configuration file may say, and what is printed when it is wrong.

use std::fs;
use std::path::Path;

use dnsd_core::answer::CookieSecret;
use dnsd_core::rate_limit::{RateLimits, Rates};

use super::*;

mod access;
mod keys_and_remotes;
mod views_and_zones;

/// A folder with a configuration file, and zone files where a group looks for them.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(zone_files: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("zones")).unwrap();
        for file in zone_files {
            fs::write(dir.path().join("zones").join(file), "").unwrap();
        }
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn load(&self, text: &str) -> (Option<Config>, String) {
        self.read_by(load, text)
    }

    fn check(&self, text: &str) -> (Option<Config>, String) {
        self.read_by(check, text)
    }

    fn read_by(&self, read: fn(&Path, &Diagnostics) -> Option<Config>, text: &str) -> (Option<Config>, String) {
        let file = self.path().join("dnsd.toml");
        fs::write(&file, text).unwrap();
        let diagnostics = Diagnostics::new();
        let config = read(&file, &diagnostics);
        let printed = diagnostics.to_string();
        (config, printed.replace(&format!("{}/", self.path().display()), ""))
    }
}

fn config(text: &str) -> Config {
    let (config, printed) = Bench::new(&[]).load(text);
    assert_eq!(printed, "");
    config.unwrap()
}

fn errors(text: &str) -> String {
    let (config, printed) = Bench::new(&["example.net.zone"]).load(text);
    assert!(config.is_none(), "{printed}");
    printed
}

#[test]
fn an_empty_file_is_a_server_with_the_defaults() {
    let config = config("");
    assert_eq!(config.work_dir, Path::new("/var/lib/dnsd"));
    assert_eq!(config.listen, [ListenAddress::Address("[::]:53".parse().unwrap())]);
    assert!(config.threads >= 1);
    assert_eq!(config.control_socket, Path::new("/run/dnsd/control.sock"));
    assert_eq!(config.control_http, None);
    assert_eq!(config.identity, Identity::default());
    assert_eq!((config.udp_payload_bytes_max, config.minimal_any), (1232, true));
    assert_eq!(config.minimal_responses, MinimalResponses::NoAuthRecursive);
    let cookies = config.cookies.unwrap();
    assert_eq!((cookies.secrets.len(), cookies.required), (0, false));
    assert_eq!(config.rate_limit, None);
    assert_eq!(config.tcp.clients_max, 1000);
    assert_eq!(config.tcp.idle_max, Duration::from_secs(30));
}

#[test]
fn every_key_arrives() {
    let bench = Bench::new(&["example.org.zone"]);
    let (config, printed) = bench.load(
        r#"
work-dir = "work"
version = "9"
hostname = "ns1"
server-id = "a"
max-udp-size = 4096
minimal-any = false
tcp-clients = 7
tcp-idle-timeout = "5s"
[listen]
dns = ["127.0.0.1:5300", "interfaces:5301"]
threads = 3
[control]
socket = "c.sock"
http = "127.0.0.1:9153"
[zone."Example.NET".primary]
file = "db.example.net"
watch = false
[zone."192.168.42.0/24".primary]
file = "db.192.168.42"
[zones.customers.primary]
files = "zones/*.zone"
"#,
    );
    assert_eq!(printed, "");
    let config = config.unwrap();
    let root = bench.path();
    assert_eq!(config.work_dir, root.join("work"));
    assert_eq!(config.control_socket, root.join("c.sock"));
    assert_eq!(config.control_http, Some("127.0.0.1:9153".parse().unwrap()));
    assert_eq!(
        (config.threads, config.udp_payload_bytes_max, config.minimal_any),
        (3, 4096, false)
    );
    assert_eq!(config.tcp.clients_max, 7);
    assert_eq!(config.tcp.idle_max, Duration::from_secs(5));
    assert_eq!(config.identity.hostname.as_deref(), Some("ns1"));
    let zone = |name: &str, file: &str, watch| ZoneConfig {
        name: name.parse().unwrap(),
        file: root.join(file),
        watch,
    };
    let files: Vec<ZoneConfig> = config.zones.files().cloned().collect();
    assert_eq!(
        files,
        [
            zone("example.net", "db.example.net", false),
            zone("42.168.192.in-addr.arpa", "db.192.168.42", true)
        ]
    );
    let zones = config.zones.groups[0].folder.list().unwrap().zones;
    assert_eq!(
        zones,
        [("example.org".parse().unwrap(), root.join("zones/example.org.zone"))]
    );
}

#[test]
fn what_this_version_does_not_serve_is_said_key_by_key() {
    let bench = Bench::new(&[]);
    let zone = |key: &str| format!("[zone.\"e\".primary]\nfile = \"f\"\n{key}\n");
    let group = "[zones.g.primary]\nfiles = \"*.zone\"\nprimaries = [\"10.0.0.1\"]\n";
    let (config, printed) = bench.load(group);
    assert!(config.is_some(), "{printed}");
    let warnings = printed.lines().filter(|line| line.contains("warning")).count();
    let warning = "dnsd.toml:3:13: warning: other primaries are not asked for the zones of a group";
    assert!(warnings == 1 && printed.starts_with(warning), "{printed}");
    for key in [
        "allow-query = [\"none\"]",
        "allow-transfer = [\"any\"]",
        "allow-update = [\"any\"]",
        "primaries = [\"10.0.0.1\"]",
    ] {
        assert_eq!(bench.load(&zone(key)).1, "", "{key}");
    }
}

#[test]
fn minimal_responses_takes_binds_words_and_true_and_false() {
    let minimal = |value: &str| config(&format!("minimal-responses = {value}\n")).minimal_responses;
    assert_eq!([minimal("true"), minimal("\"yes\"")], [MinimalResponses::Yes; 2]);
    assert_eq!([minimal("false"), minimal("\"no\"")], [MinimalResponses::No; 2]);
    assert_eq!(minimal("\"no-auth\""), MinimalResponses::NoAuth);
    assert_eq!(minimal("\"no-auth-recursive\""), MinimalResponses::NoAuthRecursive);
    let printed = errors("minimal-responses = \"no-aut\"\n");
    assert!(printed.contains("did you mean \"no-auth\"?"), "{printed}");
}

const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

#[test]
fn cookies_are_made_with_the_first_of_the_secrets() {
    let written = format!(
        "cookie-secret = [\"{SECRET}\", \"{}\"]\nrequire-server-cookie = true\n",
        SECRET.to_uppercase()
    );
    let cookies = config(&written).cookies.unwrap();
    assert_eq!(cookies.secrets, vec![CookieSecret::from_hex(SECRET).unwrap(); 2]);
    assert!(cookies.required);
    let single = config(&format!("cookie-secret = \"{SECRET}\"\n"));
    assert_eq!(single.cookies.unwrap().secrets.len(), 1);
    assert!(config("answer-cookie = false\n").cookies.is_none());
    let (_, printed) = Bench::new(&[]).load("answer-cookie = false\nrequire-server-cookie = true\n");
    assert!(
        printed.starts_with("dnsd.toml:2:25: warning: nothing is required"),
        "{printed}"
    );
}

#[test]
fn what_is_wrong_with_a_secret_is_said_without_showing_it() {
    let half = &SECRET[..16];
    for written in [
        format!("cookie-secret = \"{half}\"\n"),
        format!("cookie-secret = [\n  \"{SECRET}\",\n  \"{half}\",\n]\n"),
        format!("cookie-secret = [\"{SECRET}\"]\nversion = 9\n[zone.\"e\".primary]\ncookie-secret = \"{SECRET}\"\n"),
        format!("cookie-secret = [{{ x = \"{SECRET}\" }}]\n"),
        format!("cookie-secrets = [\"{SECRET}\"]\n"),
        format!("cookie-secret = [\"{SECRET}]\n"),
        format!("cookie-secret = {SECRET}\n"),
        format!("cookie-secret: \"{SECRET}\"\n"),
    ] {
        let printed = errors(&written);
        assert!(!printed.contains(half), "{printed}");
    }
    let printed = errors(&format!("cookie-secret = \"{half}\"\n"));
    assert!(
        printed.starts_with("dnsd.toml:1:17: not a secret of 128 bits\n    it has 32"),
        "{printed}"
    );
    let config = config(&format!("cookie-secret = \"{SECRET}\"\n"));
    assert!(!format!("{config:?}").contains("229, 233"));
}

#[test]
fn rate_limits_have_binds_names_and_defaults() {
    let limits = config("[rate-limit]\nresponses-per-second = 5\n").rate_limit.unwrap();
    let expected = RateLimits {
        rates: Rates {
            responses: 5,
            referrals: 5,
            nodata: 5,
            nxdomains: 5,
            errors: 5,
            all: 0,
        },
        window: 15,
        slip: 2,
        ipv4_prefix_length: 24,
        ipv6_prefix_length: 56,
        exempt: Vec::new(),
        table_size: 20_000,
    };
    assert_eq!((limits.limits, limits.log_only), (expected, false));
    let every_key = "[rate-limit]\nresponses-per-second = 1\nreferrals-per-second = 2\nnodata-per-second = 3\n\
                     nxdomains-per-second = 4\nerrors-per-second = 0\nall-per-second = 1000\nwindow = 5\nslip = 0\n\
                     ipv4-prefix-length = 32\nipv6-prefix-length = 64\nexempt-clients = [\"10.0.0.0/8\", \"::1\"]\n\
                     log-only = true\nmax-table-size = 8\n";
    let limits = config(every_key).rate_limit.unwrap();
    let expected = RateLimits {
        rates: Rates {
            responses: 1,
            referrals: 2,
            nodata: 3,
            nxdomains: 4,
            errors: 0,
            all: 1000,
        },
        window: 5,
        slip: 0,
        ipv4_prefix_length: 32,
        ipv6_prefix_length: 64,
        exempt: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        table_size: 8,
    };
    assert_eq!((limits.limits, limits.log_only), (expected, true));
}

#[test]
fn rate_limits_are_in_range_and_limit_something() {
    let printed =
        errors("[rate-limit]\nresponses-per-second = 70000\nwindow = 0\nslip = 300\nipv4-prefix-length = 33\n");
    let places: Vec<&str> = printed.lines().filter(|line| line.starts_with("dnsd.toml")).collect();
    let expected = [
        "dnsd.toml:2:24: out of range: it takes 0 to 1000",
        "dnsd.toml:3:10: out of range: it takes 1 to 3600",
        "dnsd.toml:4:8: out of range: it takes 0 to 10",
        "dnsd.toml:5:22: out of range: it takes 0 to 32",
    ];
    assert_eq!(places, expected);
    let (config, printed) = Bench::new(&[]).load("[rate-limit]\nslip = 1\n");
    assert!(
        config.is_some() && printed.starts_with("dnsd.toml:1:1: warning: no rate is set"),
        "{printed}"
    );
}

#[test]
fn a_zone_has_one_kind() {
    let printed = errors("[zone.\"example.net\".secundary]\nprimaries = [\"ns2\"]\n");
    assert!(printed.contains("dnsd.toml:1:7: this zone has no kind\n"), "{printed}");
    assert!(
        printed.contains("dnsd.toml:1:21: unknown key `secundary`\n")
            && printed.contains("did you mean \"secondary\"?"),
        "{printed}"
    );
    let printed = errors("[zone.\"e\".primary]\nfile = \"f\"\n[zone.\"e\".forward]\nforwarders = []\n");
    assert!(
        printed.contains("dnsd.toml:1:7: this zone has more than one kind\n"),
        "{printed}"
    );
}

#[test]
fn a_zone_has_one_table() {
    assert_eq!(
        errors(
            "[zone.\"192.168.42.0/24\".primary]\nfile = \"a\"\n[zone.\"42.168.192.IN-ADDR.ARPA.\".primary]\nfile = \"b\"\n"
        ),
        "dnsd.toml:3:7: zone 42.168.192.IN-ADDR.ARPA. is configured already, at dnsd.toml:1:7\n    \
         [zone.\"42.168.192.IN-ADDR.ARPA.\".primary]\n          ^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
    );
}

#[test]
fn a_network_ends_at_a_label() {
    let printed = errors("[zone.\"192.168.42.0/25\".primary]\nfile = \"a\"\n");
    assert!(
        printed.starts_with("dnsd.toml:1:7: /25 is no border between labels of the reverse tree\n"),
        "{printed}"
    );
    assert!(printed.contains("RFC 2317"), "{printed}");
    let printed = errors("[zone.\"192.168.42.1/24\".primary]\nfile = \"a\"\n");
    assert!(
        printed.contains("bits are set behind the network's prefix\n")
            && printed.contains("did you mean \"192.168.42.0/24\"?"),
        "{printed}"
    );
    let printed = errors("[zone.\"192.168.42/24\".primary]\nfile = \"a\"\n");
    assert!(printed.starts_with("dnsd.toml:1:7: not a network\n"), "{printed}");
}

#[test]
fn rfc2317_a_share_of_a_network_is_written_by_its_name() {
    let config = config("[zone.\"0/25.42.168.192.in-addr.arpa\".primary]\nfile = \"a\"\n");
    assert_eq!(
        config.zones.primaries[0].source.name.to_string(),
        "0/25.42.168.192.in-addr.arpa."
    );
}

#[test]
fn what_a_folder_has_is_no_error_of_the_configuration() {
    let bench = Bench::new(&["example.net.zone", "one.test.zone", "ONE.test.zone", "a..b.zone"]);
    let text = "[zone.\"example.net\".primary]\nfile = \"gone\"\n[zones.g.primary]\nfiles = \"zones/*.zone\"\n\
                [zones.h.primary]\nfiles = \"gone/*.zone\"\n";
    let (config, printed) = bench.load(text);
    assert_eq!(printed, "");
    assert_eq!(config.unwrap().zones.groups.len(), 2);
}

#[test]
fn a_check_warns_of_files_that_are_not_read() {
    let bench = Bench::new(&["example.net.zone", "one.test.zone", "ONE.test.zone", "a..b.zone"]);
    let (config, printed) = bench.check(
        "[zone.\"example.net\".primary]\nfile = \"gone\"\n[zone.\"b\".primary]\nfile = \"zones\"\n\
         [zones.g.primary]\nfiles = \"zones/*.zone\"\n[zones.h.primary]\nfiles = \"gone/*.zone\"\n",
    );
    assert!(config.is_some(), "{printed}");
    let pattern = "    files = \"zones/*.zone\"\n             ^^^^^^^^^^^^\n";
    let expected = [
        "dnsd.toml:2:9: warning: gone: No such file or directory (os error 2)\n    file = \"gone\"\n            ^^^^\n",
        "dnsd.toml:4:9: warning: zones: is a directory\n    file = \"zones\"\n            ^^^^^\n",
        &format!(
            "dnsd.toml:6:10: warning: zones/example.net.zone is not read: it would be the same zone as gone\n{pattern}"
        ),
        &format!(
            "dnsd.toml:6:10: warning: zones/ONE.test.zone is not read: it would be the same zone as zones/one.test.zone\n{pattern}"
        ),
        &format!("dnsd.toml:6:10: warning: zones/a..b.zone is not read: not named for a zone: empty label\n{pattern}"),
        "dnsd.toml:8:10: warning: gone: No such file or directory (os error 2)\n    files = \"gone/*.zone\"\n             ^^^^^^^^^^^\n",
    ];
    assert_eq!(printed, expected.join("\n"));
}

#[test]
fn all_errors_come_at_once() {
    let printed = errors(
        "max-udp-size = 100\ntcp-clients = 0\nversion = 9\n[listen]\ndns = [\"127.0.0.1\", \"[::]:53\", \"[::]:53\"]\n\
         threads = 5000\n[zone.\"a..b\".primary]\nfile = \"f\"\n[zone.\"c\".primary]\n[zones.g.primary]\nfiles = \"zones/all\"\n",
    );
    let places: Vec<&str> = printed.lines().filter(|line| line.starts_with("dnsd.toml")).collect();
    assert_eq!(
        places,
        [
            "dnsd.toml:1:16: out of range: it takes 512 to 4096",
            "dnsd.toml:2:15: 0 would refuse every client",
            "dnsd.toml:3:11: expected a string, found a number",
            "dnsd.toml:5:8: not an address with a port",
            "dnsd.toml:6:11: more than 1024 threads",
            "dnsd.toml:7:7: not a zone's name: empty label",
            "dnsd.toml:9:1: `file` is missing here",
            "dnsd.toml:11:10: the file's name has one `*`, which stands for the zone's name",
        ],
        "{printed}"
    );
}

#[test]
fn an_address_stands_once() {
    let printed = errors("[listen]\ndns = [\"127.0.0.1:53\", \"127.0.0.1:53\"]\n");
    assert!(
        printed.starts_with("dnsd.toml:2:25: this address stands already at dnsd.toml:2:9\n"),
        "{printed}"
    );
    assert!(errors("[listen]\ndns = []\n").contains("a name server listens somewhere"));
}

#[test]
fn the_control_socket_is_found_in_a_broken_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("dnsd.toml");
    fs::write(&file, "nonsense = 1\n[control]\nsocket = \"c.sock\"\n").unwrap();
    assert_eq!(control_socket(&file), dir.path().join("c.sock"));
}

#[test]
fn check_warns_of_files_that_are_out_of_reach_without_roots_privileges() {
    let bench = Bench::new(&["example.net.zone"]);
    fs::write(
        bench.path().join("key"),
        "bm90LWEtc2VjcmV0LWJ1dC1sb25nLWVub3VnaC1mb3ItYWxs",
    )
    .unwrap();
    let text = "[key.k]\nalgorithm = \"hmac-sha256\"\nsecret-file = \"key\"\n\
        [zone.\"example.net\".primary]\nfile = \"zones/example.net.zone\"\nallow-update = [\"key:k\"]\n\
        [zones.updated.primary]\nfiles = \"zones/*.db\"\nallow-update = [\"key:k\"]\n\
        [zone.\"example.org\".secondary]\nprimaries = [\"192.0.2.1\"]\nfile = \"zones/example.org.copy\"\n";
    let open = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(bench.path(), fs::Permissions::from_mode(mode)).unwrap();
    };
    open(0o755);
    let (config, printed) = bench.check(text);
    assert!(config.is_some() && !printed.contains("[process]"), "{printed}");
    let text = format!("{text}[process]\nuser = \"nobody\"\n");
    open(0o700);
    let (config, printed) = bench.check(&text);
    assert!(config.is_some(), "{printed}");
    for line in [
        "key can't be read by [process] user: no reload could",
        "zones/example.net.zone can't be read by [process] user",
        "zones/example.net.zone can't be written by [process] user",
        "zones/example.org.copy can't be written by [process] user",
        "zones can't be read by [process] user",
        "zones can't be written into by [process] user",
    ] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    // All may be read, and nothing written.
    open(0o755);
    let (_, printed) = bench.check(&text);
    assert!(!printed.contains("can't be read"), "{printed}");
    assert_eq!(printed.matches("can't be written").count(), 3, "{printed}");
}
