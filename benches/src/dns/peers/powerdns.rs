//! PowerDNS with the backend that reads BIND's zone files. Its packet cache answers what was asked in the last 20 seconds.

use std::fmt::Write;
use std::process::Command;

use super::Setup;
use crate::error::BenchError;

pub(super) const PROGRAM: &str = "/usr/sbin/pdns_server";

/// Of `Nov 22 20:16:48 PowerDNS Authoritative Server 4.7.3 (C) 2001-2022 PowerDNS.COM BV` what says the version.
pub(super) fn version(line: &str) -> String {
    let start = line.find("PowerDNS").unwrap_or(0);
    let named = &line[start..];
    named.split(" (C)").next().unwrap_or(named).to_owned()
}

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    setup.write("zones.conf", &zones(setup))?;
    setup.write("pdns.conf", &config(setup))?;
    let mut command = Command::new(PROGRAM);
    command.arg(format!("--config-dir={}", setup.directory.display()));
    Ok(command)
}

/// Beside paths: as many receivers as cores, and no question to its makers whether this version is safe, which would leave the
/// machine.
pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup {
        directory,
        port,
        threads,
        ..
    } = setup;
    let directory = directory.display();
    format!(
        "launch=bind\n\
         bind-config={directory}/zones.conf\n\
         local-address=127.0.0.1\n\
         local-port={port}\n\
         receiver-threads={threads}\n\
         reuseport=yes\n\
         socket-dir={directory}\n\
         disable-syslog=yes\n\
         loglevel=3\n\
         security-poll-suffix=\n"
    )
}

pub(super) fn zones(setup: &Setup<'_>) -> String {
    let mut config = format!("options {{ directory \"{}\"; }};\n", setup.directory.display());
    for zone in setup.zones {
        let file = zone.file.display();
        writeln!(config, "zone \"{}\" {{ type master; file \"{file}\"; }};", zone.origin)
            .expect("a string takes everything");
    }
    config
}
