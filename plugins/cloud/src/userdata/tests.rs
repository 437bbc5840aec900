use ballast_shared::config::{Diagnostics, load};
use ballast_shared::tls::TlsFiles;
use proptest::prelude::*;
use serde_json::Value;

use super::document::{BYTES_MAX, compressed, document};
use super::*;

/// The roles of a `[userdata]`, or what is wrong with it.
fn read(text: &str) -> Result<Vec<Role>, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cloudd.toml");
    std::fs::write(&path, text).unwrap();
    let authority = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
    let (certificate, key) = (authority.cert.pem(), authority.signing_key.serialize_pem());
    std::fs::write(directory.path().join("both.pem"), certificate.clone() + &key).unwrap();
    std::fs::write(directory.path().join("ca.pem"), certificate).unwrap();
    std::fs::write(directory.path().join("motd"), "hello\n").unwrap();
    let diagnostics = Diagnostics::new();
    let mut spec = Spec::default();
    load(&path, &diagnostics, &mut |root| {
        if let Some(table) = root.table("userdata") {
            spec.read(&table);
        }
    });
    let roles = resolve(&spec, &diagnostics, &TlsFiles::default());
    match diagnostics.has_errors() {
        true => Err(diagnostics
            .to_string()
            .replace(&format!("{}/", directory.path().display()), "")),
        false => Ok(roles),
    }
}

/// What cloud-init gets of a role.
fn told(text: &str, role: &str) -> Value {
    let roles = read(text).unwrap_or_else(|said| panic!("{said}"));
    let role = roles.iter().find(|known| known.name == role).unwrap();
    let text = document(role);
    serde_json::from_str(text.strip_prefix("#cloud-config\n").unwrap()).unwrap()
}

fn content<'a>(told: &'a Value, path: &str) -> &'a str {
    let files: Vec<&Value> = told["write_files"].as_array().unwrap().iter().collect();
    let named: Vec<&&Value> = files.iter().filter(|file| file["path"] == path).collect();
    assert_eq!(named.len(), 1, "{path} in {told:#}");
    named[0]["content"].as_str().unwrap()
}

#[test]
fn the_shipped_roles_fit_into_user_data_without_any_configuration() {
    let roles = read("").unwrap();
    let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["plain", "gpu-worker"]);
    for role in &roles {
        let text = document(role);
        // What an administrator adds has to find room, too.
        assert!(text.len() < BYTES_MAX * 3 / 4, "{}: {}", role.name, text.len());
        assert!(text.starts_with("#cloud-config\n"));
        assert!(compressed(&text).unwrap().len() < BYTES_MAX / 2);
    }
}

#[test]
fn a_log_is_forwarded_to_the_first_target_that_works() {
    let told = told(
        "[userdata]\nlog = [\"tcp://10.0.0.1\", \"relp://logs.example.net:20514\"]\nspool = \"64MiB\"\n",
        "plain",
    );
    let snippet = content(&told, "/etc/rsyslog.d/10-ballast.conf");
    assert!(snippet.contains("queue.maxDiskSpace=\"67108864\""), "{snippet}");
    let actions: Vec<&str> = snippet.split("action(").skip(1).collect();
    assert_eq!(actions.len(), 2);
    assert!(actions[0].contains("target=\"10.0.0.1\" port=\"514\" protocol=\"tcp\""));
    assert!(actions[0].contains("action.resumeRetryCount=\"0\"") && !actions[0].contains("execOnly"));
    assert!(actions[1].contains("type=\"omrelp\" target=\"logs.example.net\" port=\"20514\""));
    assert!(actions[1].contains("execOnlyWhenPreviousIsSuspended=\"on\"") && actions[1].contains("RetryCount=\"-1\""));
    assert_eq!(told["packages"], serde_json::json!(["rsyslog", "rsyslog-relp"]));
    assert_eq!(
        told["runcmd"],
        serde_json::json!([["systemctl", "restart", "rsyslog.service"]])
    );
}

#[test]
fn names_are_asked_of_dnsd_by_either_resolver() {
    let told = told(
        "[userdata]\ndns = [\"10.0.0.2\", \"2001:db8::2\"]\nsearch = [\"cloud.internal\", \"~10.in-addr.arpa\"]\n",
        "plain",
    );
    assert_eq!(
        content(&told, "/etc/systemd/resolved.conf.d/50-ballast.conf"),
        "[Resolve]\nDNS=10.0.0.2 2001:db8::2\nDomains=cloud.internal ~10.in-addr.arpa\n"
    );
    assert_eq!(
        content(&told, "/etc/ballast/resolv.conf"),
        "nameserver 10.0.0.2\nnameserver 2001:db8::2\nsearch cloud.internal\n"
    );
}

#[test]
fn a_role_has_what_all_have_and_what_is_its_own() {
    let text = "[userdata]\nlog = \"udp://10.0.0.1\"\ndns = [\"10.0.0.2\"]\npackages = [\"vim\"]\nruncmd = [\"echo all\"]\n\
                [[userdata.write-files]]\npath = \"/etc/motd\"\ncontent = \"all\"\n\
                [userdata.role.web]\ndns = []\npackages = [\"nginx\", \"vim\"]\nruncmd = [[\"systemctl\", \"start\", \"nginx\"]]\n\
                [[userdata.role.web.write-files]]\npath = \"/etc/motd\"\nsource = \"motd\"\npermissions = \"0600\"\nowner = \"root:adm\"\n";
    let web = told(text, "web");
    assert_eq!(content(&web, "/etc/motd"), "hello\n");
    assert_eq!(web["packages"], serde_json::json!(["rsyslog", "vim", "nginx"]));
    let run = serde_json::json!([
        ["systemctl", "restart", "rsyslog.service"],
        "echo all",
        ["systemctl", "start", "nginx"]
    ]);
    assert_eq!(web["runcmd"], run);
    let plain = told(text, "plain");
    assert_eq!(content(&plain, "/etc/motd"), "all");
    content(&plain, "/etc/ballast/resolv.conf");
}

#[test]
fn a_shipped_role_is_told_what_it_takes_and_its_parts_are_replaced() {
    let told = told(
        "[userdata.role.encoder]\nbased-on = \"gpu-worker\"\nvariables = { tries-max = 3, driver = \"cuda-drivers-570 nvidia-modprobe\" }\n\
         [[userdata.role.encoder.write-files]]\npath = \"/usr/local/lib/gpu-worker/cuda\"\ncontent = \"#!/bin/true\"\npermissions = \"0755\"\n",
        "encoder",
    );
    let variables = content(&told, "/etc/gpu-worker.env");
    assert!(variables.contains("TRIES_MAX='3'\n") && variables.contains("DRIVER='cuda-drivers-570 nvidia-modprobe'\n"));
    assert!(variables.contains("STEP_SECONDS_MAX='3600'\n"), "{variables}");
    assert_eq!(content(&told, "/usr/local/lib/gpu-worker/cuda"), "#!/bin/true");
}

#[test]
fn all_that_is_wrong_is_said_at_once_with_its_place() {
    let said = read(
        "[userdata]\n\
         log = [\"tls://10.0.0.1\", \"ftp://x\"]\n\
         spool = \"1KiB\"\n\
         dns = [\"10.0.0.300\"]\n\
         search = [\"a b\"]\n\
         packages = [\"-y\"]\n\
         runcmd = [[], 1]\n\
         tls = { ca = \"none.pem\", certificate = \"/a\", driver = \"x\", peer-name = \"a b\" }\n\
         [[userdata.write-files]]\n\
         path = \"etc/../motd\"\n\
         content = \"\"\n\
         permissions = \"rw\"\n\
         owner = \"root root\"\n\
         [userdata.role.gpu-worker]\n\
         variables = { tries-max = 0, triesmax = 1, repository = \"http://x\" }\n\
         [userdata.role.x]\n\
         based-on = \"gpu-wroker\"\n\
         [userdata.role.\"a b\"]\n\
         log = \"tls://a\"\n\
         loog = \"\"\n",
    )
    .unwrap_err();
    let places: Vec<&str> = said
        .lines()
        .filter_map(|line| {
            line.strip_prefix("cloudd.toml:")?
                .split_once(": ")
                .map(|(place, _)| place)
        })
        .collect();
    let expected = [
        "2:27", "3:10", "4:8", "5:12", "6:14", "7:11", "7:15", "8:7", "8:15", "8:56", "8:73", "10:9", "12:16", "13:10",
        "15:27", "15:30", "15:58", "17:13", "18:16", "20:1",
    ];
    assert_eq!(places, expected, "{said}");
}

#[test]
fn what_is_sent_by_tls_goes_to_somebody_who_is_known() {
    let said = read("[userdata]\nlog = \"tls://logs.example.net\"\n").unwrap_err();
    assert!(said.contains("whose certificates are trusted is not said"), "{said}");
    let said = read("[userdata]\nlog = \"tls://logs.example.net\"\ntls = { ca = \"motd\" }\n").unwrap_err();
    assert!(said.starts_with("cloudd.toml:3:15: "), "{said}");
    // A key in the file of the authority would be told to every machine, and to every program on it.
    let said = read("[userdata]\ntls = { ca = \"both.pem\" }\n").unwrap_err();
    assert!(
        said.starts_with("cloudd.toml:2:15: there is a private key in it"),
        "{said}"
    );
    let address = "[userdata]\nlog = [\"tls://10.0.0.1\", \"relp://logs.example.net\"]\n";
    let said = read(&format!("{address}tls = {{ ca = \"ca.pem\" }}\n")).unwrap_err();
    assert!(
        said.starts_with("cloudd.toml:2:7: the name that the certificate of 10.0.0.1"),
        "{said}"
    );
    let keys = "ca = \"ca.pem\", peer-name = \"*.example.net\", certificate = \"/etc/ssl/a.pem\", key = \"/etc/ssl/a.key\", driver = \"ossl\"";
    let told = told(&format!("{address}tls = {{ {keys} }}\n"), "plain");
    let snippet = content(&told, "/etc/rsyslog.d/10-ballast.conf");
    for parameter in [
        "StreamDriver=\"ossl\"",
        "StreamDriverAuthMode=\"x509/name\"",
        "StreamDriverPermittedPeers=\"*.example.net\"",
        "StreamDriver.KeyFile=\"/etc/ssl/a.key\"",
        "tls.permittedPeer=[\"*.example.net\"]",
        "tls.myPrivKey=\"/etc/ssl/a.key\"",
    ] {
        assert!(snippet.contains(parameter), "{parameter} is not in\n{snippet}");
    }
    assert_eq!(
        told["packages"],
        serde_json::json!(["rsyslog", "rsyslog-relp", "rsyslog-openssl"])
    );
    assert!(content(&told, "/etc/rsyslog.d/10-ballast-ca.pem").starts_with("-----BEGIN CERTIFICATE-----"));
}

proptest! {
    #[test]
    fn no_value_leaves_its_place(text in "(?s).{0,60}", words in proptest::collection::vec("[^\0]{1,20}", 1..4)) {
        let role = Role {
            name: "x".into(),
            forward: None,
            dns: Vec::new(),
            search: Vec::new(),
            packages: Vec::new(),
            files: vec![File::new("/etc/motd", text.clone(), "0644")],
            commands: vec![Command::Program(words.clone()), Command::Line(text.clone())],
        };
        let written = document(&role);
        let told: Value = serde_json::from_str(written.strip_prefix("#cloud-config\n").unwrap()).unwrap();
        prop_assert_eq!(&told["write_files"][0]["content"], &text);
        prop_assert_eq!(&told["runcmd"], &serde_json::json!([words, text]));
        prop_assert_eq!(told.as_object().unwrap().len(), 2);
        // No character is left that YAML 1.1 takes for the end of a line, or for none.
        let is_plain = |c: char| {
            matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
        };
        let strange: Vec<char> = written.chars().filter(|c| !is_plain(*c)).collect();
        prop_assert!(strange.is_empty(), "{:?}", strange);
    }
}
