//! Signed queries: dig and kdig, which verify what they are answered, with each algorithm and with keys that aren't right.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use ballast_tests::daemon::Daemon;
use ballast_tests::dns::server::{Configuration, PORT, page, serves};

/// What all sign with here, in base64.
const SECRET: &str = "bm90LWEtc2VjcmV0LWJ1dC1sb25nLWVub3VnaC1mb3ItYWxsLW9mLXRoZW0tYW5kLW1vcmUh";

const ZONE: &str = "$TTL 60\n@ SOA ns h 7 3600 600 86400 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.2\n";

/// A server that knows these keys, by name and algorithm.
fn start(keys: &[(&str, &str)]) -> Daemon {
    let mut configuration = Configuration::new().zone("example.net", "db.example.net");
    for (name, algorithm) in keys {
        configuration = configuration.table(&format!(
            "[key.{name}]\nalgorithm = \"{algorithm}\"\nsecret = \"{SECRET}\""
        ));
    }
    configuration.setup().file("db.example.net", ZONE).start()
}

/// What dig prints of the answer, its warnings with it.
fn dig(arguments: &[&str]) -> String {
    let server = format!("@{}", serves().ip());
    let port = PORT.to_string();
    let output = Command::new("dig")
        .args([&server, "-p", &port, "+norec"])
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

fn key(algorithm: &str, name: &str, secret: &str) -> String {
    format!("{algorithm}:{name}:{secret}")
}

#[test]
fn each_algorithm_is_verified_by_dig_over_udp_and_tcp() {
    let algorithms = [
        "hmac-md5",
        "hmac-sha1",
        "hmac-sha224",
        "hmac-sha256",
        "hmac-sha384",
        "hmac-sha512",
    ];
    let keys: Vec<(&str, &str)> = algorithms.iter().map(|algorithm| (*algorithm, *algorithm)).collect();
    let daemon = start(&keys);
    for algorithm in algorithms {
        for transport in ["+notcp", "+tcp"] {
            let key = key(algorithm, algorithm, SECRET);
            let printed = dig(&["-y", &key, transport, "www.example.net"]);
            assert!(printed.contains("192.0.2.2"), "{printed}");
            assert!(printed.contains("TSIG PSEUDOSECTION"), "{printed}");
            assert!(!printed.contains("WARNING"), "{printed}");
            assert!(!printed.contains("Couldn't verify"), "{printed}");
        }
    }
    let used = page("/metrics");
    for algorithm in algorithms {
        let unused = format!("dnsd_tsig_key_used_timestamp_seconds{{key=\"{algorithm}.\"}} 0\n");
        assert!(!used.contains(&unused), "{used}");
    }
    daemon.stop();
}

#[test]
fn kdig_verifies_what_it_is_answered() {
    let daemon = start(&[("lan", "hmac-sha256")]);
    let output = Command::new("kdig")
        .arg(format!("@{}", serves().ip()))
        .args([
            "-p",
            &PORT.to_string(),
            "-y",
            &key("hmac-sha256", "lan", SECRET),
            "www.example.net",
        ])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(printed.contains("192.0.2.2") && printed.contains("TSIG"), "{printed}");
    assert!(
        !printed.contains(";; WARNING") && !printed.contains(";; ERROR"),
        "{printed}"
    );
    daemon.stop();
}

#[test]
fn rfc8945_5_2_who_signs_wrongly_gets_the_error_and_no_data() {
    let daemon = start(&[("lan", "hmac-sha256")]);
    let wrong = "YW5vdGhlciBzZWNyZXQgYnV0IGxvbmcgZW5vdWdo";
    let cases = [
        (key("hmac-sha256", "stranger", SECRET), "BADKEY"),
        (key("hmac-sha512", "lan", SECRET), "BADKEY"),
        (key("hmac-sha256", "lan", wrong), "BADSIG"),
        (key("hmac-sha256-128", "lan", SECRET), "BADTRUNC"),
    ];
    for (key, error) in &cases {
        let printed = dig(&["-y", key, "www.example.net"]);
        assert!(printed.contains(error), "{printed}");
        assert!(printed.contains("NOTAUTH"), "{printed}");
        assert!(!printed.contains("192.0.2.2"), "{printed}");
        let name = key.split(':').nth(1).unwrap();
        daemon.wait_for_log(&format!(
            "request has invalid signature: TSIG {name}: tsig verify failure ({error})"
        ));
    }
    let metrics = page("/metrics");
    for (error, count) in [("BADKEY", 2), ("BADSIG", 1), ("BADTRUNC", 1)] {
        let line = format!("dnsd_tsig_failures_total{{transport=\"udp\",error=\"{error}\"}} {count}\n");
        assert!(metrics.contains(&line), "{metrics}");
    }
    daemon.stop();
}

#[test]
fn rfc8945_5_2_3_who_signs_at_another_time_is_told_ours() {
    let daemon = start(&[("lan", "hmac-sha256")]);
    let printed = dig(&[
        "-y",
        &key("hmac-sha256", "lan", SECRET),
        "+fuzztime=1000000000",
        "www.example.net",
    ]);
    assert!(printed.contains("BADTIME"), "{printed}");
    assert!(!printed.contains("192.0.2.2"), "{printed}");
    daemon.wait_for_log("TSIG lan: tsig verify failure (BADTIME): its time is ");
    daemon.stop();
}
