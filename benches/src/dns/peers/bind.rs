//! BIND's named.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::Setup;
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

/// Beside paths: authoritative only, and silent.
pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup { directory, port, .. } = setup;
    let directory = directory.display();
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
         \x20 notify no;\n\
         }};\n\
         controls {{ }};\n\
         logging {{ channel errors {{ stderr; severity error; }}; category default {{ errors; }}; }};\n"
    );
    for zone in setup.zones {
        let file = zone.file.display();
        writeln!(config, "zone \"{}\" {{ type primary; file \"{file}\"; }};", zone.origin)
            .expect("a string takes everything");
    }
    config
}
