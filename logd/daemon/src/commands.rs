//! The command line.

mod check;
mod explain;
mod plugin;
mod reload;
mod rotate;
mod status;
mod tail;

use std::path::{Path, PathBuf};

use ballast_shared::cli::LogFormat;
use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use ballast_shared::plugin::secret::Secrets;
use ballast_shared::tls::TlsFiles;
use clap::{Parser, Subcommand};

use crate::config::{self, Config};
use crate::{daemon, import};

/// A syslog collector.
#[derive(Debug, Parser)]
#[command(name = "logd", version)]
pub(crate) struct CommandLine {
    /// The configuration.
    #[arg(long, global = true, value_name = "FILE", default_value = "/etc/logd/logd.toml")]
    config: PathBuf,
    /// How logd writes its own log, on stderr.
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run in the foreground; what logd does without a command. SIGTERM ends it, SIGHUP reloads and reopens files.
    Run,
    /// Say what is wrong with the configuration.
    Check,
    /// Read messages on stdin, a line each, and say what would become of them.
    Explain(explain::Options),
    /// Print the logd.toml that a configuration of rsyslog comes to: exits 0, or 1 if not all could be carried over.
    Import {
        /// rsyslog.conf
        rsyslog_conf: PathBuf,
    },
    /// Make the running daemon read its configuration again.
    Reload,
    /// Make the running daemon rotate its files now.
    Rotate(rotate::Options),
    /// Decide about what a plugin has said.
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Show what the running daemon is at.
    Status(status::Options),
    /// Show the last messages that the running daemon has received, and those that come.
    Tail(tail::Options),
}

/// Does what the command line says.
pub(crate) fn run(line: &CommandLine) -> Exit {
    match line.command.as_ref().unwrap_or(&Command::Run) {
        Command::Run => daemon::run(&line.config, line.log_format),
        Command::Check => check::run(&line.config),
        Command::Explain(options) => explain::run(&line.config, options),
        Command::Import { rsyslog_conf } => import::run(rsyslog_conf),
        Command::Reload => reload::run(&line.config),
        Command::Rotate(options) => rotate::run(&line.config, options),
        Command::Plugin(command) => plugin::run(&line.config, command),
        Command::Status(options) => status::run(&line.config, options),
        Command::Tail(options) => tail::run(&line.config, options),
    }
}

/// The configuration, for a command that needs one; what is wrong with it is printed.
fn read_config(path: &Path) -> Result<Config, Exit> {
    let diagnostics = Diagnostics::new();
    let config = config::read(path, &TlsFiles::default(), &Secrets::default(), &diagnostics);
    eprint!("{diagnostics}");
    config.ok_or(Exit::Config)
}
