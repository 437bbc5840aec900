//! cloudd on a bad night: stopped, killed and started again with nothing in its inventory, while queries and messages come. Nobody
//! waits for it, and nothing is lost.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};

use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, page, serves};
use ballast_tests::syslog::{self, HTTP_PORT};
use ballast_tests::{address, wait};
use nix::sys::signal::Signal;

const LOGD: u8 = 1;
/// Ten and more, so that their loss is one that has to be confirmed.
const MACHINES: u8 = 20;
/// Each of these sends from a connection of its own.
const SENDERS: usize = 4;

fn inventory() -> String {
    let others = (1..MACHINES).map(|n| format!("[host.i-{n}]\ngroup = \"web\"\naddresses = [\"10.0.0.{n}\"]\n"));
    // The senders are the machine of this address.
    let sender = format!(
        "[host.sender]\ngroup = \"web\"\naddresses = [\"{}\"]\n",
        Ipv4Addr::LOCALHOST
    );
    others.chain([sender]).collect()
}

fn cloudd(inventory: &str) -> Setup {
    let config = "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
        [provider.racks.static]\nfile = \"inventory.toml\"\n";
    Setup::new("cloudd")
        .file("cloudd.toml", config)
        .file("inventory.toml", inventory)
}

fn dnsd(plugin: &Path) -> Daemon {
    Configuration::new()
        .table(&format!(
            "[plugin.cloud]\nsocket = \"{}\"\n[zone.\"cloud.internal\".plugin]\nplugin = \"cloud\"\nnames = [\"%id%\", \"%group%\"]\n",
            plugin.display()
        ))
        .setup()
        .start()
}

fn logd(plugin: &Path) -> Daemon {
    let config = format!(
        "work-dir = \"work\"\n[control]\nsocket = \"control.sock\"\nhttp = \"{}:{HTTP_PORT}\"\n\
         [plugin.cloud]\nsocket = \"{}\"\n\
         [input.net.tcp]\nlisten = [\"{}\"]\n\
         [output.all.file]\npath = \"log/%cloud-group%/%cloud-id%/%programname%\"\nformat = '%msg%\\n'\nflush-interval = \"10ms\"\n\
         [[rule]]\nto = [\"all\"]\n",
        address(LOGD),
        plugin.display(),
        syslog::collector(address(LOGD)),
    );
    Setup::new("logd").file("logd.toml", config).start()
}

/// Asks for the machines in turn until it is told to end; how many answers came, each the right one.
fn ask(is_over: &AtomicBool) -> usize {
    let server = Udp::to(serves());
    let mut asked = 0;
    while !is_over.load(Ordering::Relaxed) {
        let n = asked % usize::from(MACHINES - 1) + 1;
        // Who doesn't answer in time fails the test.
        let answer = server.ask(&Query::of(&format!("i-{n}.cloud.internal"), rtype::A));
        assert_eq!(answer.answers.len(), 1, "i-{n}: {answer:?}");
        assert_eq!(answer.answers[0].data, [10, 0, 0, n as u8]);
        asked += 1;
    }
    asked
}

/// Sends numbered messages until it is told to end; how many.
fn send(sender: usize, is_over: &AtomicBool) -> usize {
    let mut stream = TcpStream::connect(syslog::collector(address(LOGD))).unwrap();
    let mut sent = 0;
    while !is_over.load(Ordering::Relaxed) {
        let batch: String = (sent..sent + 50)
            .map(|n| format!("<13>Oct 11 22:14:15 host app{sender}: {n}\n"))
            .collect();
        stream.write_all(batch.as_bytes()).unwrap();
        sent += 50;
    }
    syslog::close(&mut stream);
    sent
}

/// How far the load has come: it goes on when this has grown by a good deal.
fn received() -> f64 {
    syslog::metric(address(LOGD), "logd_input_messages_total", &[])
}

fn wait_for_more_load() {
    let before = received();
    wait::until("the load to go on", || (received() >= before + 2_000.0).then_some(()));
}

fn wait_for_fresh() {
    wait::until("both to know the machines", || {
        let of_logd = syslog::metric(address(LOGD), "logd_plugin_state", &["state=\"fresh\""]);
        let of_dnsd = page("/metrics").contains("dnsd_plugin_state{plugin=\"cloud\",state=\"fresh\"} 1\n");
        (of_logd == 1.0 && of_dnsd).then_some(())
    });
}

#[test]
fn nobody_waits_for_it_and_nothing_is_lost() {
    let cloudd_setup = cloudd(&inventory());
    let plugin = cloudd_setup.path().join("plugin.sock");
    let cloudd = cloudd_setup.start();
    let dnsd = dnsd(&plugin);
    let logd = logd(&plugin);
    wait_for_fresh();
    wait::until("the zone", || {
        let answer = Udp::to(serves()).ask(&Query::of("web.cloud.internal", rtype::A));
        (answer.answers.len() == usize::from(MACHINES)).then_some(())
    });

    let is_over = AtomicBool::new(false);
    let (asked, sent) = thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&is_over));
        let is_over = &is_over;
        let sending: Vec<ScopedJoinHandle<'_, usize>> = (0..SENDERS)
            .map(|sender| scope.spawn(move || send(sender, is_over)))
            .collect();
        wait_for_more_load();
        cloudd.signal(Signal::SIGSTOP);
        wait_for_more_load();
        cloudd.signal(Signal::SIGCONT);
        wait_for_more_load();
        let again = cloudd.kill().again();
        wait_for_more_load();
        // It comes back and has forgotten all that it knew.
        let cloudd = again.file("inventory.toml", "").start();
        wait::until("the empty inventory to be held back by both", || {
            let of_logd = syslog::metric(address(LOGD), "logd_plugin_inventory_held", &[]);
            let of_dnsd = page("/metrics").contains("dnsd_plugin_inventory_held{plugin=\"cloud\"} 1\n");
            (of_logd == 1.0 && of_dnsd).then_some(())
        });
        wait_for_more_load();
        is_over.store(true, Ordering::Relaxed);
        let asked = asking.join().unwrap();
        let sent: Vec<usize> = sending.into_iter().map(|one| one.join().unwrap()).collect();
        drop(cloudd);
        (asked, sent)
    });
    assert!(asked > 0);

    let (status, stopped) = logd.stop();
    assert!(status.success(), "{}", stopped.log);
    for (sender, sent) in sent.into_iter().enumerate() {
        let file = stopped.path().join(format!("log/web/sender/app{sender}"));
        let lines = std::fs::read_to_string(&file).unwrap();
        let expected: String = (0..sent).map(|n| format!(" {n}\n")).collect();
        assert!(
            lines == expected,
            "{}: not the {sent} messages in their order",
            file.display()
        );
    }
    drop(dnsd);
}
