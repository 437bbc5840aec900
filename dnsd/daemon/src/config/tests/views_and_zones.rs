//! Views, the kinds of zones, and the tables beside them.

use std::path::Path;
use std::time::Duration;

use dnsd_core::acl::{LocalNetworks, Who};

use super::super::Config;
use super::super::query_log::QueryLogTarget;
use super::super::rules::NotifyMode;
use super::super::zone_forward::ForwardPolicy;
use super::super::zone_primary::SerialPolicy;
use super::{Bench, errors};
use crate::test_certificate;

fn read(text: &str) -> (Config, String) {
    let (config, printed) = Bench::new(&[]).load(text);
    (config.unwrap_or_else(|| panic!("{printed}")), printed)
}

fn view(name: &str, keys: &str) -> String {
    format!("[view.{name}]\n{keys}\n[view.{name}.zone.\"e\".primary]\nfile = \"f\"\n")
}

#[test]
fn views_are_tried_in_the_order_of_the_key_else_as_written() {
    let tables = [
        view("b", "match-clients = [\"10.0.0.1\"]\nstrict = true"),
        view("a", ""),
    ]
    .concat();
    let names = |text: &str| -> Vec<String> { read(text).0.views.into_iter().map(|view| view.name).collect() };
    assert_eq!(names(&tables), ["b", "a"]);
    assert_eq!(names(&format!("views = [\"a\", \"b\"]\n{tables}")), ["a", "b"]);
    let config = read(&tables).0;
    assert_eq!((config.views[0].strict, config.views[1].strict), (true, false));
    assert_eq!(config.views[1].match_clients.always(), Some(true));
}

#[test]
fn the_order_of_the_views_names_each_of_them_once() {
    let tables = [view("cloud", ""), view("admin", "")].concat();
    let printed = errors(&format!("views = [\"clout\", \"admin\", \"admin\"]\n{tables}"));
    for expected in [
        "dnsd.toml:1:11: no view is called `clout`\n",
        "did you mean \"cloud\"?",
        "dnsd.toml:1:29: the view admin is tried already\n",
        "dnsd.toml:2:7: the view cloud is never tried: it isn't in `views`\n",
    ] {
        assert!(printed.contains(expected), "{expected}{printed}");
    }
    assert!(errors("[view.\"a/b\"]\n").contains("dnsd.toml:1:7: not a name of a view\n"));
}

#[test]
fn a_view_that_nobody_has_is_warned_of() {
    let tables = [
        view("lan", "match-clients = [\"10.0.0.0/8\"]"),
        view("host", "match-clients = [\"10.0.0.1\"]"),
        view("nobody", "match-clients = [\"none\"]"),
        view("rest", ""),
        view("late", "match-clients = [\"localhost\"]"),
    ];
    let printed = read(&tables.concat()).1;
    let warned: Vec<&str> = printed.lines().filter(|line| line.contains("nobody has")).collect();
    assert_eq!(
        warned,
        [
            "dnsd.toml:5:7: warning: nobody has the view host: whoever it is for has a view before it",
            "dnsd.toml:9:7: warning: nobody has the view nobody: its match-clients match nobody",
            "dnsd.toml:17:7: warning: nobody has the view late: whoever it is for has a view before it",
        ],
        "{printed}"
    );
}

#[test]
fn a_name_may_be_a_zone_of_every_view_and_outside() {
    let text = [view("a", "match-clients = [\"10.0.0.1\"]"), view("b", "")].concat();
    let (config, _) = read(&format!("{text}[zone.\"e\".primary]\nfile = \"g\"\n"));
    assert_eq!(
        config.views[1].zones.primaries[0].source.name,
        config.zones.primaries[0].source.name
    );
}

#[test]
fn a_primary_zone_has_its_settings_and_those_above_it() {
    let (config, _) = read(
        "also-notify = [\"10.0.0.1\"]\nmax-journal-size = \"1MiB\"\nnotify = \"explicit\"\n\
         [zone.\"e\".primary]\nfile = \"f\"\nserial = \"auto\"\nnotify = true\nprimaries = [\"10.0.0.2\"]\n\
         max-journal-size = \"2MiB\"\nmin-refresh-time = \"1m\"\nmax-records = 7\n\
         [zones.g.primary]\nfiles = \"zones/*.zone\"\nnotify-ns = true\nalso-notify = []\n",
    );
    let zone = &config.zones.primaries[0].settings;
    assert_eq!(
        (zone.serial, zone.rules.notify.mode),
        (SerialPolicy::Auto, NotifyMode::Yes)
    );
    assert_eq!(zone.rules.notify.also[0].name, "10.0.0.1:53");
    assert_eq!(zone.primaries[0].name, "10.0.0.2:53");
    assert_eq!(
        (zone.rules.journal_bytes_max, zone.rules.records_max),
        (Some(2 << 20), Some(7))
    );
    assert_eq!(zone.rules.refresh.0, Duration::from_secs(60));
    // Its primaries may send NOTIFY.
    assert_eq!(zone.rules.allow_notify.entries()[0].to_string(), "10.0.0.2:53");
    let group = &config.zones.groups[0].settings;
    assert_eq!(
        (group.serial, group.rules.notify.mode),
        (SerialPolicy::Keep, NotifyMode::Yes)
    );
    assert_eq!(
        (group.rules.notify.also.len(), group.rules.journal_bytes_max),
        (0, Some(1 << 20))
    );
}

#[test]
fn notify_has_binds_words_and_does_not_contradict_itself() {
    let mode = |keys: &str| {
        let (config, _) = read(&format!("[zone.\"e\".primary]\nfile = \"f\"\n{keys}\n"));
        config.zones.primaries[0].settings.rules.notify.mode
    };
    assert_eq!(
        [mode(""), mode("notify = true"), mode("notify = \"yes\"")],
        [NotifyMode::Yes; 3]
    );
    assert_eq!([mode("notify = false"), mode("notify = \"no\"")], [NotifyMode::No; 2]);
    assert_eq!(
        [mode("notify = \"explicit\""), mode("notify-ns = false")],
        [NotifyMode::Explicit; 2]
    );
    assert_eq!(mode("notify = \"primary-only\""), NotifyMode::PrimaryOnly);
    let printed = errors("notify = false\nnotify-ns = true\n");
    assert!(
        printed.starts_with("dnsd.toml:2:13: `notify` says the contrary\n"),
        "{printed}"
    );
    let printed = errors("notify = \"explicite\"\n");
    assert!(printed.contains("did you mean \"explicit\"?"), "{printed}");
}

#[test]
fn a_secondary_zone_comes_from_its_primaries_who_may_notify() {
    let (config, _) = read(
        "notify = \"primary-only\"\n[zone.\"e\".secondary]\nprimaries = [\"10.0.0.1\"]\nfile = \"/e\"\nallow-notify = [\"10.0.0.2\"]\n",
    );
    let zone = &config.zones.secondaries[0];
    assert_eq!(zone.file.as_deref(), Some(Path::new("/e")));
    let entries: Vec<String> = zone
        .rules
        .allow_notify
        .entries()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(entries, ["10.0.0.1:53", "allow-notify"]);
    // A primary whose transfers are signed may tell of a change without a signature.
    let signed = "[key.k]\nalgorithm = \"hmac-sha256\"\nsecret = \"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=\"\n\
                  [zone.\"e\".secondary]\nprimaries = [{ address = \"10.0.0.1\", key = \"k\" }]\n";
    let rules = read(signed).0.zones.secondaries[0].rules.clone();
    let decides = |address: &str| {
        let who = Who::new(address.parse().unwrap(), None);
        rules.allow_notify.allows(&who, &LocalNetworks::default())
    };
    assert_eq!([decides("10.0.0.1"), decides("10.0.0.2")], [true, false]);
    assert_eq!(zone.rules.notify.mode, NotifyMode::No);
    let printed = errors("[zone.\"e\".secondary]\nprimaries = []\nallow-update = [\"any\"]\n");
    assert!(
        printed.contains("dnsd.toml:2:13: a secondary zone comes from somewhere\n"),
        "{printed}"
    );
    assert!(
        printed.contains("dnsd.toml:3:16: a secondary zone is changed at its primary\n"),
        "{printed}"
    );
    assert!(errors("[zone.\"e\".secondary]\n").contains("`primaries` is missing here"));
}

#[test]
fn a_secondary_zone_has_its_file_for_itself() {
    let printed = errors(
        "[zone.\"a\".primary]\nfile = \"x\"\n[zone.\"b\".secondary]\nprimaries = [\"10.0.0.1\"]\nfile = \"y\"\n\
         [view.v.zone.\"a\".primary]\nfile = \"x\"\n[view.v.zone.\"b\".secondary]\nprimaries = [\"10.0.0.1\"]\nfile = \"y\"\n",
    );
    let found: Vec<&str> = printed
        .lines()
        .filter(|line| line.contains("has this file too"))
        .collect();
    assert_eq!(found.len(), 1, "{printed}");
    assert!(
        found[0].starts_with("dnsd.toml:10:9: the zone at dnsd.toml:5:9 has this file too"),
        "{printed}"
    );
}

#[test]
fn a_group_of_secondary_zones_names_its_zones_and_is_the_template_of_a_catalog() {
    let (config, _) = read(
        "[zones.customers.secondary]\nprimaries = [\"10.0.0.1\"]\nzones = [\"a.example\", \"10.0.0.0/24\"]\nfiles = \"/s/*.zone\"\n\
         [zone.\"catalog.example\".secondary]\nprimaries = [\"10.0.0.1\"]\ncatalog-role = \"interpret\"\n\
         catalog-template = \"customers\"\n",
    );
    let names: Vec<String> = config
        .zones
        .secondaries
        .iter()
        .map(|zone| zone.name.to_string())
        .collect();
    assert_eq!(names, ["catalog.example.", "a.example.", "0.0.10.in-addr.arpa."]);
    let group = config.zones.secondaries[0].members.as_ref().unwrap().for_groups(&[]);
    let file = |name: &str| group.zone(name.parse().unwrap()).file.unwrap();
    assert_eq!(file("B.example"), Path::new("/s/b.example.zone"));
    // A catalog may list what it likes.
    assert_eq!(file("\\.\\./x"), Path::new("/s/\\.\\.%2fx.zone"));
    assert_eq!(file("."), Path::new("/s/@.zone"));
    let printed = errors(
        "[zone.\"c\".secondary]\nprimaries = [\"10.0.0.1\"]\ncatalog-role = \"interpret\"\ncatalog-template = \"g\"\n\
         [zone.\"d\".secondary]\nprimaries = [\"10.0.0.1\"]\ncatalog-role = \"generate\"\n",
    );
    assert!(
        printed.contains("dnsd.toml:4:21: no group of secondary zones is called `g`\n"),
        "{printed}"
    );
    assert!(
        printed.contains("dnsd.toml:7:17: a catalog that is generated is a primary zone\n"),
        "{printed}"
    );
}

#[test]
fn a_generated_catalog_has_no_file_and_lists_zones_that_name_it() {
    let catalog = "[zone.\"catalog.example\".primary]\ncatalog-role = \"generate\"\n";
    let member =
        |name: &str| format!("[zone.\"e\".primary]\nfile = \"f\"\ncatalog = \"{name}\"\ncatalog-group = \"g\"\n");
    let (config, _) = read(&format!("{catalog}{}", member("catalog.example")));
    assert_eq!(config.zones.catalogs[0].name.to_string(), "catalog.example.");
    let membership = config.zones.primaries[0].settings.catalog.as_ref().unwrap();
    assert_eq!(membership.group.as_deref(), Some("g"));
    let printed = errors(&format!("{catalog}file = \"f\"\n{}", member("other.example")));
    assert!(
        printed.contains("dnsd.toml:3:9: a catalog that is generated is read from no file\n"),
        "{printed}"
    );
    assert!(
        printed.contains("dnsd.toml:6:12: no catalog of this name is generated here\n"),
        "{printed}"
    );
}

#[test]
fn forwarding_is_for_the_machine_and_its_networks_unless_others_are_let_in() {
    let (config, _) = read(
        "[forward]\nforwarders = [\"8.8.8.8\"]\ncache-size = 5\n\
         [zone.\"e\".forward]\nforwarders = [\"172.16.1.1\"]\npolicy = \"only\"\nallow = [\"any\"]\n\
         [zone.\"f\".forward]\nforwarders = []\n",
    );
    let entries =
        |acl: &dnsd_core::acl::Acl| -> Vec<String> { acl.entries().iter().map(ToString::to_string).collect() };
    let forward = config.forward.unwrap();
    assert_eq!(entries(&forward.allow), ["localhost", "localnets"]);
    assert_eq!(
        (forward.forwarders[0].name.as_str(), forward.cache.entries_max),
        ("8.8.8.8:53", 5)
    );
    let zones = &config.zones.forwards;
    assert_eq!(
        (zones[0].policy, zones[1].policy),
        (ForwardPolicy::Only, ForwardPolicy::First)
    );
    assert_eq!(
        (entries(&zones[0].allow), zones[1].forwarders.len()),
        (vec!["any".to_owned()], 0)
    );
    assert!(errors("[forward]\n").contains("dnsd.toml:1:1: `forwarders` is missing here\n"));
    assert!(errors("[forward]\nforwarders = []\n").contains("without forwarders leave the table out"));
}

#[test]
fn queries_are_logged_to_a_file_or_to_syslog() {
    let (config, _) = read("[query-log]\nfile = \"/q.log\"\n");
    let log = config.query_log.unwrap();
    assert_eq!(
        (log.target, log.print_time),
        (QueryLogTarget::File("/q.log".into()), true)
    );
    let (config, _) = read("[query-log]\nsyslog = \"local7\"\nprint-severity = true\n");
    let log = config.query_log.unwrap();
    assert_eq!(
        (log.target, log.print_time, log.print_severity),
        (QueryLogTarget::Syslog(23), false, true)
    );
    assert!(errors("[query-log]\n").contains("`file` or `syslog` is missing here"));
    assert!(errors("[query-log]\nsyslog = \"demon\"\n").contains("did you mean \"daemon\"?"));
    assert!(errors("[query-log]\nsyslog = \"user\"\nfile = \"f\"\n").contains("not to both"));
}

#[test]
fn encrypted_listeners_have_addresses_and_a_certificate() {
    let bench = Bench::new(&[]);
    test_certificate::write(bench.path(), "ns.test");
    let identity = "certificate = \"cert.pem\", key = \"key.pem\"";
    let (config, printed) = bench.load(&format!(
        "[listen]\ntls = {{ address = \"[::]:853\", {identity}, client-ca = \"cert.pem\" }}\n\
         https = {{ address = [\"[::]:443\"], {identity} }}\n",
    ));
    let config = config.unwrap_or_else(|| panic!("{printed}"));
    let tls = config.encrypted.tls.unwrap();
    assert_eq!((tls.addresses[0].port(), tls.clients.is_some()), (853, true));
    assert_eq!(config.encrypted.https.unwrap().1, "/dns-query");
    assert!(config.encrypted.quic.is_none());
    let printed = errors("[listen]\nquic = { address = [], certificate = \"/c\", path = \"/\" }\n");
    for expected in [
        "without an address leave the table out",
        "`key` is missing here",
        "unknown key `path`",
    ] {
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn what_is_wrong_with_a_file_of_tls_is_said_where_it_is_named() {
    let bench = Bench::new(&[]);
    test_certificate::write(bench.path(), "ns.test");
    let (config, printed) = bench.load(
        "[listen]\ndns = [\"127.0.0.1:853\"]\n\
         tls = { address = [\"127.0.0.1:853\"], certificate = \"cert.pem\", key = \"gone.pem\" }\n\
         https = { address = [\"[::]:443\"], certificate = \"key.pem\", key = \"key.pem\", client-ca = \"dnsd.toml\" }\n\
         quic = { address = [\"[::]:853\", \"[::]:443\", \"127.0.0.1:853\"], certificate = \"cert.pem\", key = \"key.pem\" }\n",
    );
    assert!(config.is_none());
    for expected in [
        "dnsd.toml:3:21: something else is listened for at this address",
        // HTTP/3 and DNS have datagrams, too.
        "dnsd.toml:5:34: something else is listened for at this address",
        "dnsd.toml:5:46: something else is listened for at this address",
        "dnsd.toml:3:71: gone.pem: No such file or directory (os error 2)",
        "dnsd.toml:4:50: key.pem: no certificate in it, as PEM has it: -----BEGIN CERTIFICATE-----",
        "dnsd.toml:4:90: dnsd.toml: no certificate in it, as PEM has it: -----BEGIN CERTIFICATE-----",
    ] {
        assert!(printed.contains(expected), "{expected}\n{printed}");
    }
}

#[test]
fn a_reload_keeps_what_can_not_be_read_any_more() {
    let bench = Bench::new(&[]);
    test_certificate::write(bench.path(), "ns.test");
    let text = "[listen]\ntls = { address = \"[::]:853\", certificate = \"cert.pem\", key = \"key.pem\" }\n";
    let first = bench.load(text).0.unwrap();
    std::fs::remove_file(bench.path().join("key.pem")).unwrap();
    let again = super::load_anew(
        &bench.path().join("dnsd.toml"),
        &first.tls_files,
        &super::Diagnostics::new(),
    );
    assert_eq!(again.unwrap().encrypted, first.encrypted);
    assert!(bench.load(text).0.is_none());
}

#[test]
fn transfers_have_bounds_of_binds() {
    let (config, _) = read("transfers-in = 3\nserial-query-rate = 100\n");
    let transfers = config.transfers;
    assert_eq!(
        (transfers.in_max, transfers.in_per_server_max, transfers.out_max),
        (3, 2, 10)
    );
    assert_eq!(transfers.serial_queries_per_second, 100);
    let printed =
        errors("transfers-in = 0\nmin-retry-time = \"2h\"\nmax-retry-time = \"1h\"\nmax-transfer-time-in = \"0s\"\n");
    for expected in [
        "1:16: 0 would be none at all",
        "2:19: the least is more than the most",
        "4:25: no transfer is as fast",
    ] {
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn a_member_s_group_selects_the_template_that_is_called_like_it() {
    let group = |name: &str| format!("[zones.{name}.secondary]\nprimaries = [\"10.0.0.1\"]\nfiles = \"/{name}/*\"\n");
    let catalog = |templates: &str| {
        format!(
            "[zone.\"c\".secondary]\nprimaries = [\"10.0.0.1\"]\ncatalog-role = \"interpret\"\n\
             catalog-template = {templates}\n"
        )
    };
    let (config, _) = read(&format!("{}{}{}", group("a"), group("b"), catalog("[\"a\", \"b\"]")));
    let members = config.zones.secondaries[0].members.as_ref().unwrap();
    let selected = |groups: &[&[u8]]| {
        let groups: Vec<Box<[u8]>> = groups.iter().map(|group| (*group).into()).collect();
        members.for_groups(&groups).name.clone()
    };
    assert_eq!(selected(&[]), "a");
    assert_eq!(selected(&[b"unknown"]), "a");
    assert_eq!(selected(&[b"unknown", b"b"]), "b");
    let printed = errors(&catalog("[]"));
    assert!(
        printed.contains("dnsd.toml:4:20: the members have to be had somehow\n"),
        "{printed}"
    );
}

#[test]
fn questions_for_a_catalog_are_for_who_may_transfer_it_unless_its_table_says_otherwise() {
    let catalog = |name: &str, more: &str| {
        format!("[zone.\"{name}\".primary]\ncatalog-role = \"generate\"\nallow-transfer = [\"10.0.0.0/8\"]\n{more}")
    };
    let (config, _) = read(&format!(
        "allow-query = [\"any\"]\n{}{}",
        catalog("c", ""),
        catalog("d", "allow-query = [\"none\"]\n")
    ));
    let rules = |number: usize| &config.zones.catalogs[number].rules;
    assert_eq!(rules(0).allow_query, rules(0).allow_transfer);
    assert_eq!(rules(1).allow_query.always(), Some(false));
}

#[test]
fn a_catalog_is_no_member_and_a_primary_one_of_others_has_a_file_and_a_template() {
    let printed = errors(
        "[zone.\"c\".primary]\ncatalog-role = \"generate\"\n[zone.\"d\".primary]\ncatalog-role = \"generate\"\n\
         catalog = \"c\"\n[zone.\"e\".primary]\ncatalog-role = \"interpret\"\n",
    );
    for line in [
        "dnsd.toml:5:12: a catalog is no member of another\n",
        "dnsd.toml:7:17: `catalog-template` is missing here\n",
        "dnsd.toml:6:1: `file` is missing here\n",
    ] {
        assert!(printed.contains(line), "{line} is missing in\n{printed}");
    }
}
