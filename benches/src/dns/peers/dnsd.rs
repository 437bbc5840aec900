//! dnsd with its defaults: a thread for each core that it is given.

use std::fmt::Write;
use std::process::Command;

use super::{QUERIES_PER_SECOND, Role, SecondaryPace, ServedZone, Setup, TRANSFERS_AT_A_TIME};
use crate::error::BenchError;

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    let file = setup.write("dnsd.toml", &config(setup))?;
    let mut command = Command::new(setup.programs.join("dnsd"));
    command.arg("--config").arg(file);
    Ok(command)
}

/// Beside paths: a primary tells of every change at once, also of one that comes within five seconds of another.
pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup { directory, port, .. } = setup;
    let directory = directory.display();
    let mut config = format!("work-dir = \"{directory}/state\"\n");
    if let Role::Secondary { pace, .. } = setup.role
        && pace == SecondaryPace::ManyZones
    {
        write!(
            config,
            "serial-query-rate = {QUERIES_PER_SECOND}\ntransfers-in = {TRANSFERS_AT_A_TIME}\n\
             transfers-per-ns = {TRANSFERS_AT_A_TIME}\n"
        )
        .expect("a string takes everything");
    }
    write!(
        config,
        "[listen]\ndns = [\"127.0.0.1:{port}\"]\n[control]\nsocket = \"{directory}/control.sock\"\n"
    )
    .expect("a string takes everything");
    for zone in setup.zones {
        let ServedZone { origin, file } = zone;
        let file = file.display();
        let primary = format!("[zone.\"{origin}\".primary]\nfile = \"{file}\"\n");
        config += &match setup.role {
            Role::Alone => primary,
            Role::Primary { told } => {
                let told = told.map_or_else(String::new, |port| {
                    format!("also-notify = [\"127.0.0.1:{port}\"]\nnotify-delay = \"0s\"\n")
                });
                format!("{primary}allow-transfer = [\"127.0.0.1\"]\nnotify = \"explicit\"\n{told}")
            }
            Role::Secondary { primary, .. } => {
                format!("[zone.\"{origin}\".secondary]\nprimaries = [\"127.0.0.1:{primary}\"]\nnotify = \"explicit\"\n")
            }
        };
    }
    config
}
