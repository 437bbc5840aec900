//! `dnsd`, the authoritative DNS server: the command line.

mod commands;
mod compare;
mod config;
mod control;
mod daemon;
mod explain;
mod forward;
mod import;
mod keygen;
mod messages;
mod notify;
mod pages;
mod plugins;
mod query_log;
mod reload;
mod remotes;
mod secondaries;
mod server;
mod signatures;
#[cfg(test)]
mod test_certificate;
mod zones;

use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ballast_shared::cli::{self, LogFormat};
use ballast_shared::exit::Exit;
use ballast_shared::logging;
use clap::{Args, Parser, Subcommand};
use dnsd_core::name::Name;
use dnsd_core::rrtype::Type;
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
        /// As one JSON object: what the control socket says, see io.ballast.dnsd
        #[arg(long)]
        json: bool,
    },
    /// Explain what becomes of a question: which view, zone and lists decide, how the name is found, and what is answered
    Explain {
        /// The name that is asked for
        name: Name,
        /// The type; of AXFR and IXFR it is explained who may transfer
        #[arg(value_parser = parse_type)]
        rtype: Type,
        /// The client's address
        #[arg(long, value_name = "ADDRESS")]
        from: IpAddr,
        /// The key that it signs with
        #[arg(long)]
        key: Option<Name>,
        /// It doesn't desire recursion
        #[arg(long)]
        norecurse: bool,
        /// It asks for DNSSEC records
        #[arg(long)]
        dnssec: bool,
        /// From the configuration and the files as they are now, without the running daemon
        #[arg(long)]
        offline: bool,
    },
    /// Ask another server all that our zones hold: exits 0 if it answers as they say, 1 and prints what differs if not
    Compare {
        /// The other server: an address, with or without a port
        #[arg(long = "with", value_name = "ADDRESS", value_parser = compare::parse_server)]
        with: SocketAddr,
        /// A key of the configuration to sign the questions with
        #[arg(long)]
        key: Option<Name>,
        /// The zones that clients of this view see, which is the one that the other server has for us
        #[arg(long)]
        view: Option<String>,
        /// Ask for DNSSEC records
        #[arg(long)]
        dnssec: bool,
        /// Questions a second at most
        #[arg(long, value_name = "QUESTIONS")]
        rate: Option<NonZeroU32>,
        /// Questions under way at a time
        #[arg(long, value_name = "QUESTIONS", default_value = "100")]
        in_flight: NonZeroUsize,
        /// Only these zones
        zones: Vec<Name>,
    },
    /// Print a zone as it is served, as a master file
    Dump(ZoneArguments),
    /// Forget what other servers have answered to questions that were forwarded
    Flush {
        /// Only what is about this name
        name: Option<Name>,
        /// And about the names below it
        #[arg(long, requires = "name")]
        tree: bool,
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
    /// Write the updates of a zone, or of all, into its file
    Sync(ZonesArguments),
    /// Write the updates of a zone, or of all, into its file, and refuse further ones while it is edited
    Freeze(ZonesArguments),
    /// Read the file of a zone, or of all that are frozen, and take updates again
    Thaw(ZonesArguments),
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

/// One of the running daemon's zones, or all that are meant.
#[derive(Debug, Args)]
struct ZonesArguments {
    /// The zone
    zone: Option<Name>,
    /// It is this view's
    #[arg(long, requires = "zone")]
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
        Command::Status { zone, view, json } => commands::status(&config, zone.as_ref(), view.as_deref(), json),
        Command::Explain {
            name,
            rtype,
            from,
            key,
            norecurse,
            dnssec,
            offline,
        } => {
            let inquiry = explain::Inquiry {
                name,
                qtype: rtype,
                from,
                key,
                recursion_desired: !norecurse,
                dnssec_ok: dnssec,
            };
            match offline {
                true => commands::explain_files(&config, &inquiry),
                false => commands::explain(&config, &inquiry),
            }
        }
        Command::Compare {
            with,
            key,
            view,
            dnssec,
            rate,
            in_flight,
            zones,
        } => compare::run(
            &config,
            &compare::Options {
                with,
                key,
                view,
                zones,
                dnssec_ok: dnssec,
                rate,
                in_flight,
            },
        ),
        Command::Dump(zone) => commands::dump(&config, &zone.zone, zone.view.as_deref()),
        Command::Flush { name, tree } => commands::flush(&config, name.as_ref(), tree),
        Command::Reload { zone, view, accept } => commands::reload(&config, zone.as_ref(), view.as_deref(), accept),
        Command::Sync(zones) => steer_all(&config, "Sync", &zones),
        Command::Freeze(zones) => steer_all(&config, "Freeze", &zones),
        Command::Thaw(zones) => steer_all(&config, "Thaw", &zones),
        Command::Retransfer(zone) => steer(&config, "Retransfer", &zone),
        Command::Refresh(zone) => steer(&config, "Refresh", &zone),
        Command::Notify(zone) => steer(&config, "Notify", &zone),
    };
    exit.into()
}

fn parse_type(text: &str) -> Result<Type, &'static str> {
    Type::parse(text.as_bytes()).ok_or("not a record type: a mnemonic like MX, or TYPE and a number")
}

fn steer_all(config: &Path, method: &str, zones: &ZonesArguments) -> Exit {
    match &zones.zone {
        Some(zone) => commands::steer(config, method, zone, zones.view.as_deref()),
        None => commands::steer_all(config, method),
    }
}

fn steer(config: &Path, method: &str, zone: &ZoneArguments) -> Exit {
    commands::steer(config, method, &zone.zone, zone.view.as_deref())
}
