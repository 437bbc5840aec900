//! BIND's named.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{QUERIES_PER_SECOND, Role, SecondaryPace, ServedZone, Setup, TRANSFERS_AT_A_TIME};
use crate::error::BenchError;

pub(super) const PROGRAM: &str = "/usr/sbin/named";

/// Of `BIND 9.18.49-1~deb12u3-Debian (Extended Support Version) <id:>` what says the version.
pub(super) fn version(line: &str) -> String {
    line.split(" (").next().unwrap_or(line).to_owned()
}

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    let file = setup.write("named.conf", &config(setup))?;
    // Debian's AppArmor profile is for the program's path and keeps it in its own folders; a copy reads and writes here.
    let copy = setup.directory.join("named");
    fs::copy(Path::new(PROGRAM), &copy).map_err(BenchError::io("copy", PROGRAM))?;
    let mut command = Command::new(copy);
    command
        .arg("-f")
        .arg("-n")
        .arg(setup.threads.to_string())
        .arg("-c")
        .arg(file);
    Ok(command)
}

/// Beside paths: authoritative only, and silent. A primary tells of every change at once, also of one that comes within five
/// seconds of another; the bounds on answers to one NOTIFY after the other are lifted where all of many zones have changed.
pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup { directory, port, .. } = setup;
    let directory = directory.display();
    let role = match setup.role {
        Role::Alone => "notify no;".to_owned(),
        Role::Primary { told } => {
            let told = told.map_or_else(
                || "notify no;".to_owned(),
                |port| format!("notify explicit; also-notify {{ 127.0.0.1 port {port}; }}; notify-delay 0;"),
            );
            format!("allow-transfer {{ 127.0.0.1; }}; ixfr-from-differences yes; {told}")
        }
        Role::Secondary { pace, .. } => {
            let pace = match pace {
                SecondaryPace::Default => String::new(),
                SecondaryPace::ManyZones => format!(
                    " serial-query-rate {QUERIES_PER_SECOND}; transfers-in {TRANSFERS_AT_A_TIME}; \
                     transfers-per-ns {TRANSFERS_AT_A_TIME};"
                ),
            };
            format!("notify no;{pace}")
        }
    };
    let mut config = format!(
        "options {{\n\
         \x20 directory \"{directory}\";\n\
         \x20 pid-file \"{directory}/named.pid\";\n\
         \x20 session-keyfile \"{directory}/session.key\";\n\
         \x20 managed-keys-directory \"{directory}\";\n\
         \x20 listen-on port {port} {{ 127.0.0.1; }};\n\
         \x20 listen-on-v6 {{ none; }};\n\
         \x20 recursion no;\n\
         \x20 dnssec-validation no;\n\
         \x20 {role}\n\
         }};\n\
         controls {{ }};\n\
         logging {{ channel errors {{ stderr; severity error; }}; category default {{ errors; }}; }};\n"
    );
    for ServedZone { origin, file } in setup.zones {
        let written = match setup.role {
            Role::Alone | Role::Primary { .. } => {
                writeln!(
                    config,
                    "zone \"{origin}\" {{ type primary; file \"{}\"; }};",
                    file.display()
                )
            }
            Role::Secondary { primary, .. } => writeln!(
                config,
                "zone \"{origin}\" {{ type secondary; file \"{origin}.copy\"; primaries {{ 127.0.0.1 port {primary}; }}; }};"
            ),
        };
        written.expect("a string takes everything");
    }
    config
}
