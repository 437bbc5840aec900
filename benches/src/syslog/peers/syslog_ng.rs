//! syslog-ng, tuned: threads, a window and a queue as large as its manual advises for many connections, a thousand lines at a time,
//! and files that stay open.

use std::process::Command;

use super::{RECEIVE_BUFFER_MIB, Setup};
use crate::error::BenchError;
use crate::syslog::message::Format;

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    let file = setup.write("syslog-ng.conf", &config(setup))?;
    let mut command = Command::new(setup.syslog_ng);
    command.args(["-F", "--no-caps", "-f"]).arg(file);
    for (option, name) in [("-R", "persist"), ("-p", "pid"), ("-c", "control")] {
        command.arg(option).arg(setup.directory.join(name));
    }
    Ok(command)
}

fn config(setup: &Setup<'_>) -> String {
    let Setup { port, connections, .. } = *setup;
    let connections = connections.max(10) + 100;
    // Divided among the connections that there may be: a thousand messages for each.
    let window = connections * 1000;
    let buffer = RECEIVE_BUFFER_MIB << 20;
    let source = if setup.datagrams {
        // Two sockets, one for each thread.
        (0..2)
            .map(|number| {
                format!(
                    "network(transport(\"udp\") ip(\"127.0.0.1\") port({port}) so-rcvbuf({buffer}) so-reuseport(1) \
                     persist-name(\"u{number}\") log-iw-size(200000) log-fetch-limit(1000));"
                )
            })
            .collect()
    } else {
        let limits = format!("port({port}) max-connections({connections}) log-iw-size({window}) log-fetch-limit(1000)");
        if setup.is_counted {
            format!("syslog(transport(\"tcp\") ip(\"127.0.0.1\") {limits});")
        } else {
            let flags = if setup.format == Format::Rfc5424 {
                "flags(syslog-protocol)"
            } else {
                ""
            };
            format!("network(transport(\"tcp\") ip(\"127.0.0.1\") {limits} {flags});")
        }
    };
    let flags = if setup.datagrams { "" } else { "flags(flow-control);" };
    format!(
        "@version: 3.38\n\
         options {{ threaded(yes); flush-lines(1000); log-fifo-size({}); use-dns(no); dns-cache(no); use-fqdn(no); \
         keep-hostname(yes); chain-hostnames(no); create-dirs(yes); stats-freq(0); mark-freq(0); log-msg-size(8192); \
         time-reap(120); }};\n\
         source s_net {{ {source} }};\n\
         destination d_host {{ file(\"{}/${{HOST}}/${{PROGRAM}}.log\" flush-lines(1000)); }};\n\
         log {{ source(s_net); destination(d_host); {flags} }};\n",
        window.max(400_000) + 10_000,
        setup.root.display(),
    )
}
