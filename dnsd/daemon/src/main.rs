//! `dnsd`, the authoritative DNS server: the command line.

mod commands;
mod config;
mod control;
mod daemon;
mod forward;
mod import;
mod keygen;
mod notify;
mod pages;
mod query_log;
mod reload;
mod remotes;
mod secondaries;
mod server;
#[cfg(test)]
mod test_certificate;
mod zones;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ballast_shared::cli::{self, LogFormat};
use ballast_shared::exit::Exit;
use ballast_shared::logging;
use clap::{Args, Parser, Subcommand};
use dnsd_core::name::Name;
use dnsd_core::tsig::Algorithm;

/// Loading a zone takes several times what the zone keeps, on threads that come and go. glibc's allocator holds on to most
/// of it, by arenas of threads and by a threshold that grows; how this one is set up stands in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// An authoritative DNS server. Without a command it runs in the foreground; SIGTERM ends it, SIGHUP reloads.
#[derive(Debug, Parser)]
#[command(name = "dnsd", version)]
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
    /// Check the configuration: exits 0, or prints every error with its line and exits 78
    Check,
    /// Check a master file: prints what is found, exits 0 if it can be served and 78 if not
    CheckZone {
        /// The zone's name
        origin: Name,
        /// Its file
        file: PathBuf,
    },
    /// Make a new key for signed messages (TSIG) and print it as a table of the configuration
    Keygen {
        /// The key's name, which is the same at both ends
        name: Name,
        /// What messages are signed with: hmac-sha256, another hash function, or a shorter form like hmac-sha256-128
        #[arg(long, default_value = "hmac-sha256")]
        algorithm: Algorithm,
    },
    /// Print the dnsd.toml that a named.conf of BIND's comes to: exits 0, or 1 if not all could be carried over
    Import {
        /// named.conf
        named_conf: PathBuf,
    },
    /// Show how the running daemon's zones are
    Status {
        /// Only this zone, in full
        zone: Option<Name>,
        /// Only zones of this view
        #[arg(long)]
        view: Option<String>,
    },
    /// Read the configuration and the changed zone files again, or one zone's file in any case
    Reload {
        /// Only this zone
        zone: Option<Name>,
        /// The zone is this view's
        #[arg(long, requires = "zone")]
        view: Option<String>,
        /// It is meant that most of a zone's records, or a zone's file, are gone
        #[arg(long)]
        accept: bool,
    },
    /// Write the updates of a zone into its file
    Sync(ZoneArguments),
    /// Write the updates of a zone into its file, and refuse further ones while it is edited
    Freeze(ZoneArguments),
    /// Read a zone's file, and take updates again
    Thaw(ZoneArguments),
    /// Transfer a zone from its primaries, whatever its serial is
    Retransfer(ZoneArguments),
    /// Ask a zone's primaries now whether they have a newer version
    Refresh(ZoneArguments),
    /// Tell a zone's secondaries of its version now
    Notify(ZoneArguments),
}

/// One of the running daemon's zones.
#[derive(Debug, Args)]
struct ZoneArguments {
    /// The zone
    zone: Name,
    /// It is this view's
    #[arg(long)]
    view: Option<String>,
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
        Command::CheckZone { origin, file } => commands::check_zone(&origin, &file),
        Command::Keygen { name, algorithm } => keygen::keygen(&name, algorithm),
        Command::Import { named_conf } => import::run(&named_conf),
        Command::Status { zone, view } => commands::status(&config, zone.as_ref(), view.as_deref()),
        Command::Reload { zone, view, accept } => commands::reload(&config, zone.as_ref(), view.as_deref(), accept),
        Command::Sync(zone) => steer(&config, "Sync", &zone),
        Command::Freeze(zone) => steer(&config, "Freeze", &zone),
        Command::Thaw(zone) => steer(&config, "Thaw", &zone),
        Command::Retransfer(zone) => steer(&config, "Retransfer", &zone),
        Command::Refresh(zone) => steer(&config, "Refresh", &zone),
        Command::Notify(zone) => steer(&config, "Notify", &zone),
    };
    exit.into()
}

fn steer(config: &Path, method: &str, zone: &ZoneArguments) -> Exit {
    commands::steer(config, method, &zone.zone, zone.view.as_deref())
}
