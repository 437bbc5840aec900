//! `cloudd`, the cloud's control plane: the command line.

use std::path::PathBuf;
use std::process::ExitCode;

use ballast_shared::cli::{self, LogFormat};
use ballast_shared::logging;
use clap::{Parser, Subcommand};
use cloudd::resources::{self, Kind};
use cloudd::{commands, config, daemon, iam, plugin_check, secrets, userdata};

/// The cloud's control plane, as a plugin to logd and dnsd. Without a command it runs in the foreground; SIGTERM ends it,
/// SIGHUP reloads.
#[derive(Debug, Parser)]
#[command(name = "cloudd", version)]
struct Arguments {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    config: PathBuf,
    /// How the daemon's own log is written, on stderr
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run in the foreground
    Run,
    /// Check the configuration and the inventory files: exits 0, or prints every error with its line and exits 78
    Check,
    /// Show the machines that the running daemon knows of
    Inventory {
        /// Networks, their subnets, gateways, routes and addresses instead
        #[arg(long, conflicts_with = "volumes")]
        networks: bool,
        /// Volumes and snapshots instead
        #[arg(long)]
        volumes: bool,
        /// A JSON object a line: what the sockets say, see io.ballast.Inventory1 and io.ballast.cloudd
        #[arg(long)]
        json: bool,
    },
    /// Print the IAM policy that permits just the calls that this configuration makes
    IamPolicy,
    /// Show what has happened, as far as the running daemon remembers it
    Events {
        /// Then show what happens, until it is interrupted
        #[arg(long)]
        follow: bool,
        /// A JSON object a line: what the plugin's socket says, see io.ballast.Events1
        #[arg(long)]
        json: bool,
    },
    /// Show how the running daemon and its providers are
    Status {
        /// As one JSON object: what the control socket says, see io.ballast.cloudd
        #[arg(long)]
        json: bool,
    },
    /// What is scaled, why it was, and what would be done now
    #[command(subcommand)]
    Scale(commands::Scale),
    /// Read the configuration again, all of it or nothing
    Reload,
    /// Make, show, change and delete secrets; needs no running daemon
    Secret {
        #[command(subcommand)]
        command: secrets::command::Command,
    },
    /// Print what makes of a new machine one that logs to logd and asks dnsd for names: user data for cloud-init
    Userdata {
        /// What the machine is to be: `plain`, `gpu-worker`, or one of the configuration's
        #[arg(long, value_name = "NAME", default_value = "plain")]
        role: String,
        /// Compressed, for what is larger than 16 KiB
        #[arg(long)]
        gzip: bool,
    },
    /// Try whether a plugin, ours or another, keeps to the interface: exits 0, or 1 and prints what does not hold
    PluginCheck {
        /// Its socket
        socket: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments: Arguments = match cli::parse() {
        Ok(arguments) => arguments,
        Err(exit) => return exit.into(),
    };
    let config = arguments.config;
    let exit = match arguments.command.unwrap_or(Command::Run) {
        Command::Run => {
            logging::init(arguments.log_format);
            daemon::run(&config)
        }
        Command::Check => commands::check(&config),
        Command::Inventory {
            networks,
            volumes,
            json,
        } => match (networks, volumes) {
            (false, false) => commands::inventory(&config, json),
            (true, _) => resources::run(&config, Kind::Networks, json),
            (_, true) => resources::run(&config, Kind::Volumes, json),
        },
        Command::IamPolicy => iam::run(&config),
        Command::Events { follow, json } => commands::events(&config, follow, json),
        Command::Status { json } => commands::status(&config, json),
        Command::Scale(scale) => commands::scale(&config, scale),
        Command::Reload => commands::reload(&config),
        Command::Secret { command } => secrets::command::run(&config, command),
        Command::Userdata { role, gzip } => userdata::run(&config, &role, gzip),
        Command::PluginCheck { socket } => plugin_check::run(&socket),
    };
    exit.into()
}
