//! Knot DNS: `udp-workers` threads on a zone under RCU.

use std::fmt::Write;
use std::process::Command;

use super::Setup;
use crate::error::BenchError;

pub(super) const PROGRAM: &str = "/usr/sbin/knotd";

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    let file = setup.write("knot.conf", &config(setup))?;
    let mut command = Command::new(PROGRAM);
    command.arg("-c").arg(file);
    Ok(command)
}

/// Beside paths: as many workers as cores, also where the core that it is pinned to is not the only one of the machine; no
/// journal and no writing of zone files, which a server that only loads them does not need.
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
         \x20   rundir: {directory}\n\
         \x20   listen: 127.0.0.1@{port}\n\
         \x20   udp-workers: {threads}\n\
         \x20   tcp-workers: {threads}\n\
         \x20   background-workers: {threads}\n\
         log:\n\
         \x20 - target: stderr\n\
         \x20   any: error\n\
         database:\n\
         \x20   storage: {directory}\n\
         template:\n\
         \x20 - id: default\n\
         \x20   storage: {directory}\n\
         \x20   journal-content: none\n\
         \x20   zonefile-sync: -1\n\
         zone:\n"
    );
    for zone in setup.zones {
        let file = zone.file.display();
        writeln!(config, "  - domain: {}\n    file: {file}", zone.origin).expect("a string takes everything");
    }
    config
}
