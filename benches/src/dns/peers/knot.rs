//! Knot DNS: `udp-workers` threads on a zone under RCU.

use std::fmt::Write;
use std::process::Command;

use super::{Role, ServedZone, Setup};
use crate::error::BenchError;

pub(super) const PROGRAM: &str = "/usr/sbin/knotd";

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    let file = setup.write("knot.conf", &config(setup))?;
    let mut command = Command::new(PROGRAM);
    command.arg("-c").arg(file);
    Ok(command)
}

/// Beside paths: as many workers as cores, also where the core that it is pinned to is not the only one of the machine. One that
/// only loads its zones has no journal and writes no zone files, which it does not need; a primary keeps the differences of its files
/// in the journal and leaves the files alone; a secondary keeps journal and files as it does by default.
pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup {
        directory,
        port,
        threads,
        ..
    } = setup;
    let directory = directory.display();
    let (sections, template) = match setup.role {
        Role::Alone => (
            String::new(),
            "    journal-content: none\n    zonefile-sync: -1\n".to_owned(),
        ),
        Role::Primary { told } => {
            let remote = told.map(|port| format!("remote:\n  - id: other\n    address: 127.0.0.1@{port}\n"));
            let notify = told.map(|_| "    notify: other\n");
            (
                format!(
                    "{}acl:\n  - id: local\n    address: 127.0.0.1\n    action: transfer\n",
                    remote.unwrap_or_default()
                ),
                format!(
                    "    zonefile-load: difference\n    zonefile-sync: -1\n    acl: local\n{}",
                    notify.unwrap_or_default()
                ),
            )
        }
        Role::Secondary { primary, .. } => (
            format!(
                "remote:\n  - id: other\n    address: 127.0.0.1@{primary}\n\
                 acl:\n  - id: local\n    address: 127.0.0.1\n    action: notify\n"
            ),
            "    master: other\n    acl: local\n".to_owned(),
        ),
    };
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
         {sections}\
         template:\n\
         \x20 - id: default\n\
         \x20   storage: {directory}\n\
         {template}\
         zone:\n"
    );
    for ServedZone { origin, file } in setup.zones {
        let file = match setup.role {
            Role::Alone | Role::Primary { .. } => file.display().to_string(),
            Role::Secondary { .. } => format!("{origin}.copy"),
        };
        writeln!(config, "  - domain: {origin}\n    file: {file}").expect("a string takes everything");
    }
    config
}
