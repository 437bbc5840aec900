//! `dnsd check-zone` beside named-checkzone on the same texts, the words of its errors, and `dnsd check` on the
//! configurations that are shipped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ballast_tests::daemon::{Setup, program};
use ballast_tests::{data, repository};

/// A zone's text, and whether it can be served.
struct Case {
    what: &'static str,
    text: String,
    good: bool,
}

/// What every zone has; most cases add lines to it. `{include}` stands for a file beside the zone's.
const START: &str = "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n";

/// The file that some cases include.
const INCLUDED: &str = "included A 192.0.2.77\n";

fn case(what: &'static str, text: &str, good: bool) -> Case {
    Case {
        what,
        text: text.to_owned(),
        good,
    }
}

/// Lines behind [`START`] that make a good zone.
fn good(what: &'static str, lines: &str) -> Case {
    case(what, &format!("{START}{lines}\n"), true)
}

/// Lines behind [`START`] that make a bad zone.
fn bad(what: &'static str, lines: &str) -> Case {
    case(what, &format!("{START}{lines}\n"), false)
}

fn zones() -> Vec<Case> {
    vec![
        case("an empty file", "", false),
        case("comments only", "; nothing\n\n   ; here\n", false),
        case("no SOA", "$TTL 60\n@ NS ns\nns A 192.0.2.53\n", false),
        case("no NS", "$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n", false),
        case(
            "the SOA record last",
            "$TTL 60\n@ NS ns\nns A 192.0.2.53\n@ SOA ns hostmaster 1 3600 600 86400 60\n",
            true,
        ),
        case(
            "no TTL anywhere",
            "@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n",
            true,
        ),
        case("no newline at the end", START.trim_end(), true),
        case("lines that end as Windows has them", &START.replace('\n', "\r\n"), true),
        case(
            "a blank owner in the first line",
            "$TTL 60\n  SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 192.0.2.53\n",
            false,
        ),
        case(
            "a serial of more than 32 bits",
            &START.replace(" 1 3600", " 4294967296 3600"),
            false,
        ),
        case(
            "an SOA record of four numbers",
            &START.replace(" 86400 60", " 86400"),
            false,
        ),
        bad("two different SOA records", "@ SOA ns hostmaster 2 3600 600 86400 60"),
        bad(
            "an SOA record below the apex",
            "sub SOA ns hostmaster 1 3600 600 86400 60",
        ),
        case(
            "a name server without an address",
            &START.replace("ns A", "other A"),
            false,
        ),
        case(
            "a name server that is an alias",
            &START.replace("ns A 192.0.2.53", "ns CNAME a\na A 192.0.2.53"),
            false,
        ),
        good("a name server elsewhere", "@ NS ns.elsewhere.test."),
        bad("a CNAME beside other data", "a CNAME ns\na A 192.0.2.1"),
        bad("other data beside a CNAME", "a TXT x\na CNAME ns"),
        bad("two CNAMEs", "a CNAME ns\na CNAME b"),
        good("the same CNAME twice", "a CNAME ns\na CNAME ns"),
        good(
            "CNAME with its signature",
            "a CNAME ns\na RRSIG CNAME 8 2 60 20300101000000 20200101000000 1 @ AwEAAQ==",
        ),
        bad("two DNAMEs", "a DNAME b\na DNAME c"),
        bad("DNAME and CNAME", "a DNAME b\na CNAME c"),
        bad("NS at a wildcard", "*.a NS ns"),
        good("data outside of the zone", "www.elsewhere.test. A 192.0.2.1"),
        good("a delegation without the glue it needs", "sub NS ns.sub"),
        good("a delegation with glue", "sub NS ns.sub\nns.sub A 192.0.2.1"),
        good("an MX record to an alias", "@ MX 1 a\na CNAME ns"),
        good("an MX record to nobody", "@ MX 1 nobody"),
        good("a host name with an underscore", "under_score A 192.0.2.1"),
        bad("another class", "a CH TXT x"),
        good(
            "class and TTL in either order",
            "a 5 IN A 192.0.2.1\nb IN 5 A 192.0.2.1",
        ),
        good("a TTL in units", "a 1w2d3h4m5s A 192.0.2.1\nb 1H A 192.0.2.1"),
        good("the largest TTL", "a 2147483647 A 192.0.2.1"),
        good("different TTLs in a set", "a 5 A 192.0.2.1\na 6 A 192.0.2.2"),
        bad("a TTL of more than 32 bits", "a 4294967296 A 192.0.2.1"),
        bad("a TTL of an unknown unit", "$TTL 1y"),
        good("a record twice", "a A 192.0.2.1\na A 192.0.2.1"),
        good("a record over lines", "a TXT ( \"x\" ; one\n   \"y\" ; two\n )"),
        good("parentheses around nothing", "a A ( ) 192.0.2.1"),
        bad("a parenthesis that isn't closed", "a TXT ( x"),
        bad("a parenthesis that wasn't opened", "a TXT x )"),
        bad("a quote that isn't closed", "a TXT \"x"),
        bad("a newline in quotes", "a TXT \"x\ny\""),
        good("a semicolon, quoted and escaped", "a TXT \"x;y\" x\\;y"),
        good("a quote, escaped", "a TXT \"x\\\"y\" x\\\"y"),
        good("an empty string", "a TXT \"\""),
        good("octets above 127", "a TXT \"gr\u{fc}n\""),
        good("a name of octets above 127", "gr\u{fc}n A 192.0.2.1"),
        good("an octet by its number", "\\000\\255 TXT \"\\000\""),
        bad("an octet above 255", "a\\256 TXT x"),
        bad("an octet of two digits", "a\\25 TXT x"),
        bad("a string of 256 octets", &format!("a TXT {}", "x".repeat(256))),
        good("a string of 255 octets", &format!("a TXT {}", "x".repeat(255))),
        bad("a label of 64 octets", &format!("{} A 192.0.2.1", "x".repeat(64))),
        good("a label of 63 octets", &format!("{} TXT x", "x".repeat(63))),
        bad(
            "a name of 256 octets",
            &format!("{0}.{0}.{0}.{0} TXT x", "x".repeat(63)),
        ),
        bad("an empty label", "a..b A 192.0.2.1"),
        bad("an address out of range", "a A 192.0.2.256"),
        bad("three quarters of an address", "a A 192.0.2"),
        bad("an IPv6 address with two gaps", "a AAAA 2001::db8::1"),
        good("an IPv6 address with an IPv4 end", "a AAAA ::ffff:192.0.2.1"),
        bad("more than an address", "a A 192.0.2.1 192.0.2.2"),
        bad("no address", "a A"),
        bad("a type alone in its line", "a"),
        bad("an unknown type", "a NONSENSE x"),
        bad("a type that only questions have", "a ANY x"),
        bad("an unknown directive", "$NONSENSE x"),
        good("an unknown type by its number", "a TYPE65280 \\# 3 01 0203"),
        good("a known type by its number", "a TYPE1 \\# 4 C0000201"),
        bad("a known type by its number, malformed", "a TYPE1 \\# 3 C00002"),
        bad("fewer octets than announced", "a TYPE65280 \\# 4 010203"),
        bad("half an octet", "a TYPE65280 \\# 1 010"),
        bad("a preference out of range", "a MX 65536 ns"),
        bad("no preference", "a MX ns"),
        bad("a service without a target", "a SRV 1 2 3"),
        bad("base64 that is none", "a DNSKEY 257 3 8 Aw*A"),
        bad("a digest of the wrong length", "a DS 1 8 2 ABCD"),
        bad(
            "a date that is none",
            "a RRSIG A 8 2 60 20301301000000 20200101000000 1 @ AwEAAQ==",
        ),
        bad("CAA flags out of range", "a CAA 256 issue \"x\""),
        bad("a service parameter twice", "a SVCB 1 ns port=1 port=2"),
        good("a service with parameters", "a HTTPS 1 . alpn=h2,h3 port=8443"),
        good("a relative $ORIGIN", "$ORIGIN sub\na A 192.0.2.1\n@ TXT x"),
        good("$ORIGIN out of the zone", "$ORIGIN elsewhere.test.\na A 192.0.2.1"),
        bad("$ORIGIN without a name", "$ORIGIN"),
        good(
            "$GENERATE",
            "$GENERATE 1-20/2 h$ A 192.0.2.$\n$GENERATE 0-3 h${10,4,x} TXT \"$ and $$\"",
        ),
        bad("$GENERATE backwards", "$GENERATE 5-1 h$ A 192.0.2.$"),
        bad("$GENERATE without a range", "$GENERATE h$ A 192.0.2.$"),
        bad("$GENERATE of what is no address", "$GENERATE 250-260 h$ A 192.0.2.$"),
        good("$INCLUDE", "$INCLUDE {include}"),
        good("$INCLUDE with an origin", "$INCLUDE {include} sub\nafter A 192.0.2.1"),
        bad("$INCLUDE of a file that isn't there", "$INCLUDE {include}.not"),
        bad("$INCLUDE without a file", "$INCLUDE"),
        bad("$INCLUDE of itself", "$INCLUDE {self}"),
    ]
}

/// Writes a case's files into a directory of its own.
fn write(case: &Case, directory: &Path, number: usize) -> PathBuf {
    let file = directory.join(format!("{number}.zone"));
    let include = directory.join("included");
    fs::write(&include, INCLUDED).unwrap();
    let text = case
        .text
        .replace("{include}", &include.display().to_string())
        .replace("{self}", &file.display().to_string());
    fs::write(&file, text).unwrap();
    file
}

fn checked_by_named(file: &Path) -> Output {
    Command::new("/usr/bin/named-checkzone")
        .args(["-i", "local", "example"])
        .arg(file)
        .output()
        .expect("named-checkzone: scripts/install test")
}

fn checked_by_dnsd(file: &Path) -> Output {
    Command::new(program("dnsd"))
        .args(["check-zone", "example"])
        .arg(file)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn zones_are_judged_as_by_named_checkzone() {
    let directory = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (number, case) in zones().iter().enumerate() {
        let file = write(case, directory.path(), number);
        let (named, dnsd) = (checked_by_named(&file), checked_by_dnsd(&file));
        for (who, output, refused) in [("named", named, 1), ("dnsd", dnsd, 78)] {
            let code = output.status.code();
            if code != Some(if case.good { 0 } else { refused }) {
                wrong.push(format!("{who}: {}: {code:?}\n{}", case.what, said(&output)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_mistakes_of_a_zone_are_told_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("example.zone");
    fs::write(
        &file,
        "$TTL 60\n\
         @ SOA ns hostmaster 1 3600 600 86400 60\n\
         @ NS ns\n\
         ns A 192.0.2.256\n\
         www\tAAAA nonsense\n\
         a NONSENSE x\n\
         b TXT \"not closed\n\
         $INCLUDE nowhere\n",
    )
    .unwrap();
    let output = checked_by_dnsd(&file);
    assert_eq!(output.status.code(), Some(78));
    let file = file.display();
    assert_eq!(
        said(&output),
        format!(
            "{file}:4:6: not an IPv4 address near '192.0.2.256'\n\
             {file}:5:10: not an IPv6 address near 'nonsense'\n\
             {file}:6:3: unknown class or type near 'NONSENSE'\n\
             {file}:7:7: unbalanced quotes near '\\\"not closed'\n\
             {file}:8:10: can't include the file: entity not found near 'nowhere'\n\
             zone example/IN: not loaded because of errors\n"
        )
    );
}

#[test]
fn a_sound_zone_is_summed_up() {
    let output = checked_by_dnsd(&data("dns/somewhere.net.zone"));
    assert!(output.status.success());
    let said = said(&output);
    // Between them stands how long it took.
    assert!(
        said.starts_with("zone example/IN: loaded serial 1 (8 records, "),
        "{said}"
    );
    assert!(said.ends_with(" ms)\nOK\n"), "{said}");
}

/// The configurations of dnsd in `conf/`.
fn shipped(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(shipped(&path));
        } else if name.starts_with("dnsd") && name.ends_with(".toml") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_shipped_configurations_are_sound() {
    let configurations = shipped(&repository("conf"));
    assert!(configurations.len() >= 2, "{configurations:?}");
    for configuration in configurations {
        let output = Command::new(program("dnsd"))
            .arg("check")
            .arg("--config")
            .arg(&configuration)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {}",
            configuration.display(),
            said(&output)
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_worth_a_warning() {
    let setup = Setup::new("dnsd")
        .file(
            "dnsd.toml",
            "[zone.\"a.example\".primary]\nfile = \"gone.zone\"\n\n[zones.g.primary]\nfiles = \"zones/*.zone\"\n",
        )
        .file("zones/b.example.zone", START)
        .file("zones/B.example.zone", START);
    let output = setup.run(&["check"]);
    assert!(output.status.success(), "{}", said(&output));
    let folder = setup.path().display();
    assert_eq!(
        said(&output),
        format!(
            "{folder}/dnsd.toml:2:9: warning: {folder}/gone.zone: No such file or directory (os error 2)\n    \
             file = \"gone.zone\"\n            ^^^^^^^^^\n\n\
             {folder}/dnsd.toml:5:10: warning: {folder}/zones/B.example.zone is not read: it would be the same zone as \
             {folder}/zones/b.example.zone\n    files = \"zones/*.zone\"\n             ^^^^^^^^^^^^\n"
        )
    );
}

#[test]
fn a_misspelt_key_is_shown_with_the_one_that_was_meant() {
    let setup = Setup::new("dnsd").file(
        "dnsd.toml",
        "[listen]\nthread = 2\nport = 53\n\n[zone.\"a.example\".primary]\nfil = \"a.zone\"\n",
    );
    let output = setup.run(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    let file = setup.path().join("dnsd.toml");
    let file = file.display();
    assert_eq!(
        said(&output),
        format!(
            "{file}:2:1: unknown key `thread`\n    thread = 2\n    ^^^^^^\n    did you mean \"threads\"?\n\n\
             {file}:3:1: unknown key `port`\n    port = 53\n    ^^^^\n    there are: dns, threads, tls, https, quic\n\n\
             {file}:5:1: `file` is missing here\n    [zone.\"a.example\".primary]\n    \
             ^^^^^^^^^^^^^^^^^^^^^^^^^^\n\n\
             {file}:6:1: unknown key `fil`\n    fil = \"a.zone\"\n    ^^^\n    did you mean \"file\"?\n"
        )
    );
}

#[test]
fn names_that_are_not_there_are_shown_with_those_that_were_meant() {
    let setup = Setup::new("dnsd").file(
        "dnsd.toml",
        "[acl]\nlans = [\"10.0.0.0/8\", \"lan\"]\n\n[remote.ns2]\naddress = \"172.16.1.1\"\nkey = \"LAN-TRANFER\"\n\n\
         [key.LAN-TRANSFER]\nalgorithm = \"hmac-md5\"\nsecret = \"bGFuLXRyYW5zZmVyLWtleQ==\"\n",
    );
    let output = setup.run(&["check"]);
    assert_eq!(output.status.code(), Some(78));
    let file = setup.path().join("dnsd.toml");
    let file = file.display();
    assert_eq!(
        said(&output),
        format!(
            "{file}:2:24: no list and no remote is called `lan`\n    lans = [\"10.0.0.0/8\", \"lan\"]\n    \
             \x20                      ^^^\n    did you mean \"lans\"?\n\n\
             {file}:6:8: no key is called `LAN-TRANFER`\n    key = \"LAN-TRANFER\"\n           ^^^^^^^^^^^\n    \
             did you mean \"LAN-TRANSFER\"?\n\n\
             {file}:9:14: warning: hmac-md5 is for keys that can't be changed: new ones have hmac-sha256\n    \
             algorithm = \"hmac-md5\"\n                 ^^^^^^^^\n"
        )
    );
}
