//! dnsd with its defaults: a thread for each core that it is given.

use std::fmt::Write;
use std::process::Command;

use super::Setup;
use crate::error::BenchError;

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    let file = setup.write("dnsd.toml", &config(setup))?;
    let mut command = Command::new(setup.programs.join("dnsd"));
    command.arg("--config").arg(file);
    Ok(command)
}

pub(super) fn config(setup: &Setup<'_>) -> String {
    let Setup { directory, port, .. } = setup;
    let directory = directory.display();
    let mut config = format!(
        "work-dir = \"{directory}/state\"\n\
         [listen]\ndns = [\"127.0.0.1:{port}\"]\n\
         [control]\nsocket = \"{directory}/control.sock\"\n"
    );
    for zone in setup.zones {
        let file = zone.file.display();
        write!(config, "[zone.\"{}\".primary]\nfile = \"{file}\"\n", zone.origin).expect("a string takes everything");
    }
    config
}
