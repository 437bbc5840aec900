//! NSD: `server-count` processes, each with its own copy-on-write view of one name tree.

use std::fmt::Write;
use std::process::Command;

use super::{Role, ServedZone, Setup};
use crate::error::BenchError;

pub(super) const PROGRAM: &str = "/usr/sbin/nsd";

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    let file = setup.write("nsd.conf", &config(setup))?;
    let mut command = Command::new(PROGRAM);
    command.arg("-d").arg("-c").arg(file);
    Ok(command)
}

/// Beside paths: `rrl-ratelimit: 0`, as Debian's package limits each client to 200 answers a second; `reuseport`, without which
/// its processes wait for each other; no database file, which would only cost it time. A primary makes the differences of its files
/// and keeps them.
pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup {
        directory,
        port,
        threads,
        ..
    } = setup;
    let directory = directory.display();
    let mut config = format!(
        "server:\n\
         \x20 server-count: {threads}\n\
         \x20 reuseport: yes\n\
         \x20 ip-address: 127.0.0.1\n\
         \x20 port: {port}\n\
         \x20 username: \"\"\n\
         \x20 chroot: \"\"\n\
         \x20 database: \"\"\n\
         \x20 zonesdir: \"{directory}\"\n\
         \x20 zonelistfile: \"{directory}/zone.list\"\n\
         \x20 xfrdfile: \"{directory}/xfrd.state\"\n\
         \x20 xfrdir: \"{directory}\"\n\
         \x20 pidfile: \"{directory}/nsd.pid\"\n\
         \x20 rrl-ratelimit: 0\n\
         remote-control:\n\
         \x20 control-enable: no\n"
    );
    for ServedZone { origin, file } in setup.zones {
        let zone = match setup.role {
            Role::Alone => format!("  zonefile: \"{}\"\n", file.display()),
            Role::Primary { told } => {
                let told = told.map_or_else(String::new, |port| format!("  notify: 127.0.0.1@{port} NOKEY\n"));
                format!(
                    "  zonefile: \"{}\"\n  provide-xfr: 127.0.0.1 NOKEY\n  store-ixfr: yes\n  create-ixfr: yes\n{told}",
                    file.display()
                )
            }
            Role::Secondary { primary, .. } => format!(
                "  zonefile: \"{origin}.copy\"\n  request-xfr: 127.0.0.1@{primary} NOKEY\n  allow-notify: 127.0.0.1 NOKEY\n"
            ),
        };
        write!(config, "zone:\n  name: \"{origin}\"\n{zone}").expect("a string takes everything");
    }
    config
}
