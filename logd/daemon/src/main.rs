//! `logd`, the syslog collector: syslog in by TCP and UDP, files out.

mod certificates;
mod commands;
mod config;
mod control;
mod cores;
mod daemon;
mod import;
mod input;
mod live;
mod metrics_help;
mod names;
mod network;
mod output;
mod pipeline;
mod plugins;
mod rates;
mod reload;
mod status;
mod throttle;
mod turns;
mod viewer;

use std::process::ExitCode;

fn main() -> ExitCode {
    match ballast_shared::cli::parse() {
        Ok(line) => commands::run(&line),
        Err(exit) => exit,
    }
    .into()
}
