//! Zones made of the machines that a plugin knows: as it tells of them, at whoever transfers them, and while it is away.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::dns::client::{Tcp, Udp};
use ballast_tests::dns::message::{Message, Rcode};
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, page, serves};
use ballast_tests::plugin::{Plugin, host};
use ballast_tests::{address, peers, wait};

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// The table of the zone, with more lines of the test's own.
fn table(more: &str) -> String {
    format!(
        "[zone.\"cloud.internal\".plugin]\nplugin = \"cloud\"\nnames = [\"%id%\", \"%label:Role%\", \"%group%.groups\"]\n\
         reverse = [\"10.0.0.0/16\"]\nallow-transfer = [\"any\"]\n{more}"
    )
}

fn configuration(socket: &Path, more: &str) -> String {
    format!("[plugin.cloud]\nsocket = \"{}\"\n{}", socket.display(), table(more))
}

fn dnsd(socket: &Path, more: &str) -> Daemon {
    Configuration::new().table(&configuration(socket, more)).setup().start()
}

fn ask(server: SocketAddr, name: &str, rtype: u16) -> Message {
    Udp::to(server).ask(&Query::of(name, rtype))
}

fn addresses(server: SocketAddr, name: &str) -> Vec<Ipv4Addr> {
    let answers = ask(server, name, rtype::A).answers.into_iter();
    let mut found: Vec<Ipv4Addr> = answers
        .map(|record| <[u8; 4]>::try_from(record.data).unwrap().into())
        .collect();
    found.sort();
    found
}

fn wait_for(server: SocketAddr, name: &str, expected: &[Ipv4Addr]) {
    wait::until(&format!("{name} to be {expected:?} at {server}"), || {
        (addresses(server, name) == expected).then_some(())
    });
}

fn serial(server: SocketAddr) -> u32 {
    let answers = ask(server, "cloud.internal", rtype::SOA).answers;
    let numbers = &answers[0].data[answers[0].data.len() - 20..];
    u32::from_be_bytes(numbers[..4].try_into().unwrap())
}

fn wait_for_state(state: &str) {
    let line = format!("dnsd_plugin_state{{plugin=\"cloud\",state=\"{state}\"}} 1\n");
    // A plugin is stale when it has been silent for half a minute.
    wait::until_at_most(3 * wait::DEADLINE, &format!("the plugin to be {state}"), || {
        page("/metrics").contains(&line).then_some(())
    });
}

fn said(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = daemon.run(arguments);
    let both = [output.stdout, output.stderr].concat();
    String::from_utf8(both).unwrap()
}

#[test]
fn machines_have_names_and_their_addresses_lead_back_to_them() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let plugin = Plugin::start(&socket, [host("i-1", "web", ip(1)), host("i-2", "web", ip(2))]);
    let dnsd = dnsd(&socket, "");
    wait_for(serves(), "web.groups.cloud.internal", &[ip(1), ip(2)]);
    assert_eq!(addresses(serves(), "i-1.cloud.internal"), [ip(1)]);
    assert_eq!(addresses(serves(), "role-of-web.cloud.internal"), [ip(1), ip(2)]);
    // The zones come one after the other.
    let pointer = wait::until("the pointer", || {
        let pointer = ask(serves(), "1.0.0.10.in-addr.arpa", rtype::PTR);
        (pointer.answers.len() == 1).then_some(pointer)
    });
    assert!(
        format!("{:?}", pointer.answers[0]).contains("PTR i-1.cloud.internal."),
        "{pointer:?}"
    );
    assert_eq!(pointer.answers[0].ttl, 30);

    plugin.change([host("i-3", "db", ip(3))], &["i-1"]);
    wait_for(serves(), "db.groups.cloud.internal", &[ip(3)]);
    wait_for(serves(), "web.groups.cloud.internal", &[ip(2)]);
    assert_eq!(ask(serves(), "i-1.cloud.internal", rtype::A).rcode(), Rcode::NXDOMAIN);
    wait::until("the pointer to go", || {
        let rcode = ask(serves(), "1.0.0.10.in-addr.arpa", rtype::PTR).rcode();
        (rcode == Rcode::NXDOMAIN).then_some(())
    });

    let status = said(&dnsd, &["status"]);
    assert!(status.contains("cloud.internal.\tplugin\tserial "), "{status}");
    assert!(
        status.contains("plugin cloud\tfresh\t2 machines\tlast heard of "),
        "{status}"
    );
    let explained = said(&dnsd, &["explain", "i-3.cloud.internal", "A", "--from", "10.0.0.9"]);
    assert!(
        explained.contains("made of the machines that a plugin knows"),
        "{explained}"
    );
    let update = said(&dnsd, &["reload", "cloud.internal"]);
    assert!(update.contains("it is read from no file"), "{update}");
}

#[test]
fn without_the_plugin_the_last_that_it_said_is_served_and_after_a_restart_too() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let plugin = Plugin::start(&socket, [host("i-1", "web", ip(1)), host("i-2", "web", ip(2))]);
    let running = dnsd(&socket, "ttl = \"5m\"\nstale-ttl = \"10s\"");
    wait_for(serves(), "web.groups.cloud.internal", &[ip(1), ip(2)]);
    wait_for_state("fresh");
    let ttl = |name: &str| ask(serves(), name, rtype::A).answers[0].ttl;
    assert_eq!(ttl("i-1.cloud.internal"), 300);
    let before = serial(serves());

    drop(plugin);
    wait_for_state("stale");
    wait::until("the TTLs to be short", || {
        (ttl("i-1.cloud.internal") == 10).then_some(())
    });
    assert_eq!(addresses(serves(), "web.groups.cloud.internal"), [ip(1), ip(2)]);
    assert!(serial(serves()) > before);

    let (status, stopped) = running.stop();
    assert!(status.success(), "{}", stopped.log);
    let running = stopped.again().start();
    // Before a plugin is there, and from the first answer on.
    assert_eq!(addresses(serves(), "web.groups.cloud.internal"), [ip(1), ip(2)]);
    wait_for_state("cold");
    let plugin = Plugin::start(&socket, [host("i-1", "web", ip(1)), host("i-2", "web", ip(2))]);
    wait_for_state("fresh");
    wait::until("the TTLs to be as they were", || {
        (ttl("i-1.cloud.internal") == 300).then_some(())
    });
    plugin.change([host("i-2", "web", ip(22))], &[]);
    wait_for(serves(), "web.groups.cloud.internal", &[ip(1), ip(22)]);
    drop(running);
}

#[test]
fn before_anything_is_known_there_is_no_answer_rather_than_a_wrong_one() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let _dnsd = dnsd(&socket, "");
    wait_for_state("cold");
    assert_eq!(ask(serves(), "i-1.cloud.internal", rtype::A).rcode(), Rcode::SERVFAIL);
    let _plugin = Plugin::start(&socket, []);
    wait::until("the empty inventory to be one", || {
        (ask(serves(), "i-1.cloud.internal", rtype::A).rcode() == Rcode::NXDOMAIN).then_some(())
    });
}

#[test]
fn an_inventory_that_lacks_much_waits_to_be_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let hosts = |count: u8| (1..=count).map(|n| host(&format!("i-{n}"), "web", ip(n)));
    let plugin = Plugin::start(&socket, hosts(20));
    let dnsd = dnsd(&socket, "");
    wait_for(serves(), "i-20.cloud.internal", &[ip(20)]);
    drop(plugin);
    let _plugin = Plugin::start(&socket, hosts(5));
    let held = wait::until("the inventory to be held back", || {
        let status = said(&dnsd, &["status"]);
        status
            .contains("held: an inventory that lacks 15 of 20 machines")
            .then_some(status)
    });
    assert!(held.contains("`dnsd reload cloud.internal. --accept`"), "{held}");
    assert_eq!(addresses(serves(), "i-20.cloud.internal"), [ip(20)]);
    let refused = said(&dnsd, &["reload", "cloud.internal"]);
    assert!(refused.contains("lacks 15 of 20 machines"), "{refused}");
    let accepted = said(&dnsd, &["reload", "cloud.internal", "--accept"]);
    assert!(accepted.contains("without 15 of its machines"), "{accepted}");
    wait_for(serves(), "i-20.cloud.internal", &[]);
    assert_eq!(addresses(serves(), "i-5.cloud.internal"), [ip(5)]);
}

#[test]
fn a_reload_makes_other_zones_of_the_same_machines() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let _plugin = Plugin::start(&socket, [host("i-1", "web", ip(1))]);
    let mut dnsd = dnsd(&socket, "");
    wait_for(serves(), "i-1.cloud.internal", &[ip(1)]);
    let other = configuration(&socket, "").replace("\"%id%\"", "\"%id%.machines\"");
    let view = "[view.inside]\nmatch-clients = [\"127.0.0.0/8\"]\n\
        [view.inside.zone.\"inside.internal\".plugin]\nplugin = \"cloud\"\nnames = [\"%name%\"]\n";
    dnsd.replace(
        "dnsd.toml",
        Configuration::new()
            .top("views = [\"inside\"]")
            .table(&other)
            .table(view)
            .text(),
    );
    dnsd.reload();
    wait_for(serves(), "i-1.machines.cloud.internal", &[ip(1)]);
    assert_eq!(ask(serves(), "i-1.cloud.internal", rtype::A).rcode(), Rcode::NXDOMAIN);
    wait_for(serves(), "name-of-i-1.inside.internal", &[ip(1)]);
}

/// A step of a zone, as IXFR brings it: how many records it has, SOA records too.
fn step_from(serial: u32) -> usize {
    let mut query = Query::of("cloud.internal", rtype::IXFR).to_bytes();
    // The SOA record that the client has, in the authority section (RFC 1995 §3).
    query[9] = 1;
    query.extend([0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
    query.extend(serial.to_be_bytes());
    query.extend([0; 16]);
    let connection = Tcp::to(serves());
    connection.send([query.as_slice()]).unwrap();
    let reply = Message::decode(&connection.receive().unwrap()).unwrap();
    assert_eq!(reply.rcode(), Rcode::NOERROR);
    reply.answers.len()
}

#[test]
fn of_a_large_inventory_one_change_is_one_step() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let hosts = (0..100_000_u32).map(|n| {
        let [_, b, c, d] = n.to_be_bytes();
        host(
            &format!("i-{n}"),
            &format!("group-{}", n % 100),
            Ipv4Addr::new(10, b, c, d),
        )
    });
    let plugin = Plugin::start(&socket, hosts);
    let _dnsd = dnsd(&socket, "");
    wait_for(serves(), "i-99999.cloud.internal", &[Ipv4Addr::new(10, 1, 0x86, 0x9f)]);
    let before = serial(serves());
    plugin.change([host("i-new", "group-new", ip(255))], &[]);
    wait_for(serves(), "i-new.cloud.internal", &[ip(255)]);
    // The new SOA record around the old one, the new one and the three names' addresses.
    assert_eq!(step_from(before), 4 + 3);
}

fn follows(secondary: SocketAddr, plugin: &Plugin) {
    for n in 1..=3 {
        wait_for(secondary, "web.groups.cloud.internal", &[ip(n)]);
        let gone = format!("i-{n}");
        plugin.change([host(&format!("i-{}", n + 1), "web", ip(n + 1))], &[gone.as_str()]);
    }
    wait_for(secondary, "web.groups.cloud.internal", &[ip(4)]);
    wait::until("the pointer to follow", || {
        let pointer = ask(secondary, "4.0.0.10.in-addr.arpa", rtype::PTR);
        (pointer.answers.len() == 1).then_some(())
    });
}

#[test]
fn knotd_follows_the_machines_step_by_step() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let knot = SocketAddr::from((address(1), PORT));
    let plugin = Plugin::start(&socket, [host("i-1", "web", ip(1))]);
    let notify = format!("also-notify = [\"{knot}\"]\nnotify-delay = \"0s\"");
    let _dnsd = dnsd(&socket, &notify);
    wait_for(serves(), "i-1.cloud.internal", &[ip(1)]);
    let zone = |name: &str| format!("  - domain: {name}\n    master: dnsd\n    acl: dnsd\n");
    let knotd = peers::knotd_with(
        directory.path(),
        knot,
        &format!(
            "remote:\n  - id: dnsd\n    address: {}@{PORT}\n    via: {}\n\
             acl:\n  - id: dnsd\n    address: 127.0.0.0/8\n    action: [transfer, notify]\nzone:\n{}{}",
            serves().ip(),
            address(1),
            zone("cloud.internal"),
            zone("0.10.in-addr.arpa"),
        ),
    );
    follows(knot, &plugin);
    knotd.wait_for_log("IXFR, incoming");
}

#[test]
fn named_follows_the_machines_step_by_step() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("plugin.sock");
    let named = SocketAddr::from(([127, 0, 0, 1], ballast_tests::port()));
    let plugin = Plugin::start(&socket, [host("i-1", "web", ip(1))]);
    let notify = format!("also-notify = [\"{named}\"]\nnotify-delay = \"0s\"");
    let _dnsd = dnsd(&socket, &notify);
    wait_for(serves(), "i-1.cloud.internal", &[ip(1)]);
    let from = serves();
    let zone = |name: &str| {
        format!(
            "zone {name} {{ type secondary; file \"{name}.copy\"; masterfile-format text; primaries {{ {} port {PORT}; }}; \
             allow-notify {{ 127.0.0.0/8; }}; }};",
            from.ip()
        )
    };
    let zones = [zone("cloud.internal"), zone("0.10.in-addr.arpa")].concat();
    let (peer, at) = peers::named_with(directory.path(), "", &zones);
    assert_eq!(at, named);
    follows(named, &plugin);
    peer.wait_for_log("zone cloud.internal/IN: transferred serial");
}

#[test]
fn what_cannot_be_is_said_with_its_place() {
    let setup = |zone: &str| {
        let setup = Setup::new("dnsd").file("dnsd.toml", format!("[plugin.cloud]\nsocket = \"s\"\n{zone}"));
        let output = setup.run(&["check"]);
        assert_eq!(output.status.code(), Some(78));
        String::from_utf8(output.stderr).unwrap()
    };
    let zone = |keys: &str| format!("[zone.\"cloud.internal\".plugin]\n{keys}");
    let complaint = setup(&zone("plugin = \"clod\"\nnames = [\"%id%\"]\n"));
    assert!(complaint.contains("dnsd.toml:4:11: no plugin \"clod\""), "{complaint}");
    let complaint = setup(&zone("plugin = \"cloud\"\nnames = [\"%id%\", \"%nam%\"]\n"));
    assert!(
        complaint.contains("dnsd.toml:5:19: no property of a machine"),
        "{complaint}"
    );
    let complaint = setup(&zone(
        "plugin = \"cloud\"\nnames = [\"%id%\"]\nallow-update = [\"any\"]\n",
    ));
    assert!(
        complaint.contains("dnsd.toml:6:16: a plugin's zone is changed by"),
        "{complaint}"
    );
    let reverse = "plugin = \"cloud\"\nnames = [\"%id%\"]\nreverse = [\"10.0.0.0/16\"]\n";
    let other = "[zone.\"10.0.0.0/16\".primary]\nfile = \"x\"\n";
    let complaint = setup(&format!("{}{other}", zone(reverse)));
    assert!(
        complaint.contains("dnsd.toml:6:13: zone 0.10.in-addr.arpa. is configured already, at "),
        "{complaint}"
    );
    let complaint = setup(&zone(
        "plugin = \"cloud\"\nnames = [\"%id%\"]\nwhen-expired = \"serv\"\n",
    ));
    assert!(
        complaint.contains("dnsd.toml:6:16: not a value of when-expired"),
        "{complaint}"
    );
}
