//! A real rsyslogd forwards to logd, in every format and framing that its users have; the files are those that a second
//! rsyslogd writes, to which the first forwards the same.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::Ipv4Addr;
use std::path::Path;

use ballast_tests::daemon::Setup;
use ballast_tests::syslog::{self, Framing, PORT};
use ballast_tests::{address, peers, wait};

const LOGD: u8 = 0;
const RELAY: u8 = 1;
const COLLECTOR: u8 = 2;

/// Relays the corpus through rsyslogd to both collectors with this `action()`, and compares their trees.
fn relayed_alike(action: &str) {
    let messages = syslog::messages("forward.messages");

    let logd = Setup::new("logd")
        .file(
            "logd.toml",
            syslog::logd_head(address(LOGD))
                + "[output.hosts.file]\n\
                   path = \"hosts/%HOSTNAME%/%PROGRAMNAME%.log\"\n\
                   [[rule]]\n\
                   select = \"*.*\"\n\
                   to = [\"hosts\"]\n",
        )
        .start();

    let directory = tempfile::tempdir().unwrap();
    let hosts = directory.path().join("hosts");
    let rules = format!(
        "template(name=\"hosts\" type=\"string\" string=\"{}/%HOSTNAME%/%PROGRAMNAME%.log\")\n\
         action(type=\"omfile\" dynaFile=\"hosts\" template=\"RSYSLOG_TraditionalFileFormat\")\n",
        hosts.display()
    );
    let collector = rsyslogd(directory.path(), COLLECTOR, &rules);

    let relay_directory = tempfile::tempdir().unwrap();
    let forward = |to: Ipv4Addr| format!("action(type=\"omfwd\" target=\"{to}\" port=\"{PORT}\" {action})\n");
    let relay = rsyslogd(
        relay_directory.path(),
        RELAY,
        &(forward(address(LOGD)) + &forward(address(COLLECTOR))),
    );
    syslog::send(
        syslog::collector(address(RELAY)),
        &Framing::OctetCounted.frame(&messages),
    );

    wait_for_lines(&hosts, messages.len());
    wait_for_lines(&logd.path().join("hosts"), messages.len());
    relay.stop();
    collector.stop();
    let (status, left) = logd.stop();
    assert!(status.success(), "{status}");
    syslog::assert_same(&syslog::tree(&hosts), &syslog::tree(&left.path().join("hosts")));
}

fn rsyslogd(directory: &Path, n: u8, rules: &str) -> peers::Peer {
    let config = syslog::rsyslogd_head(directory, address(n)) + rules;
    peers::rsyslogd(directory, &config, syslog::collector(address(n)))
}

fn wait_for_lines(tree: &Path, lines: usize) {
    wait::until(&format!("{lines} lines below {}", tree.display()), || {
        let files = tree.is_dir().then(|| syslog::tree(tree))?;
        let newlines = files.values().flatten().filter(|b| **b == b'\n').count();
        (newlines >= lines).then_some(())
    });
}

#[test]
fn forward_format_over_tcp() {
    relayed_alike("protocol=\"tcp\" template=\"RSYSLOG_ForwardFormat\"");
}

#[test]
fn forward_format_over_tcp_octet_counted() {
    relayed_alike("protocol=\"tcp\" tcp_framing=\"octet-counted\" template=\"RSYSLOG_ForwardFormat\"");
}

#[test]
fn traditional_forward_format_over_tcp() {
    relayed_alike("protocol=\"tcp\" template=\"RSYSLOG_TraditionalForwardFormat\"");
}

#[test]
fn traditional_forward_format_over_tcp_octet_counted() {
    relayed_alike("protocol=\"tcp\" tcp_framing=\"octet-counted\" template=\"RSYSLOG_TraditionalForwardFormat\"");
}

#[test]
fn rfc5424_over_tcp() {
    relayed_alike("protocol=\"tcp\" template=\"RSYSLOG_SyslogProtocol23Format\"");
}

#[test]
fn rfc5424_over_tcp_octet_counted() {
    relayed_alike("protocol=\"tcp\" tcp_framing=\"octet-counted\" template=\"RSYSLOG_SyslogProtocol23Format\"");
}

#[test]
fn forward_format_over_udp() {
    relayed_alike("protocol=\"udp\" template=\"RSYSLOG_ForwardFormat\"");
}

#[test]
fn traditional_forward_format_over_udp() {
    relayed_alike("protocol=\"udp\" template=\"RSYSLOG_TraditionalForwardFormat\"");
}

#[test]
fn rfc5424_over_udp() {
    relayed_alike("protocol=\"udp\" template=\"RSYSLOG_SyslogProtocol23Format\"");
}
