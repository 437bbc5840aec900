//! `cloudd secret …`. The commands open the store themselves, with the rights of who runs them: they need no running daemon, and
//! the daemon is no way around the permissions of files and the policies of a cloud.

use std::fs::File;
use std::future::Future;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use ballast_shared::config::Diagnostics;
use ballast_shared::exit::Exit;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    At, CreationId, Description, Listed, Made, NoSuchRecipe, NotAnId, Recipe, SECRET_BYTES_MAX, Secret, SecretId,
    Store, StoreError, Version,
};
use crate::config;

/// What is to be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a secret that is not there yet
    Create {
        /// Which
        #[command(flatten)]
        which: Which,
        /// What it is to be
        #[command(flatten)]
        value: NewValue,
    },
    /// Print a secret's value, and nothing else: a line end follows on a terminal only
    Get {
        /// Which
        #[command(flatten)]
        which: Which,
        /// Another version than the newest
        #[arg(long, value_name = "V")]
        version: Option<Version>,
    },
    /// Give a secret its next value, made as the last one was unless something else is said
    Rotate {
        /// Which
        #[command(flatten)]
        which: Which,
        /// What it is to be
        #[command(flatten)]
        value: NewValue,
    },
    /// Show what secrets there are, and who made their versions when; no values
    List {
        /// Those of an environment only
        #[arg(long, value_name = "E")]
        environment: Option<String>,
        /// A JSON object for each
        #[arg(long)]
        json: bool,
    },
    /// Delete a secret with all its versions
    Delete {
        /// Which
        #[command(flatten)]
        which: Which,
    },
}

/// A secret.
#[derive(Debug, Args)]
pub struct Which {
    /// Its name, or ENVIRONMENT/NAME
    name: String,
    /// Its environment, if it isn't the one of the configuration
    #[arg(long, value_name = "E")]
    environment: Option<String>,
}

/// Where a value comes from. It is never an argument: everybody on a machine sees those.
#[derive(Debug, Args)]
pub struct NewValue {
    /// So many characters (32)
    #[arg(long, value_name = "N", conflicts_with_all = ["octets", "stdin", "file"])]
    length: Option<usize>,
    /// The characters that it is made of (letters and digits)
    #[arg(long, value_name = "CHARACTERS", conflicts_with_all = ["octets", "stdin", "file"])]
    alphabet: Option<String>,
    /// So many octets, in base64, as keys of TSIG are
    #[arg(long, value_name = "N", conflicts_with_all = ["stdin", "file"])]
    octets: Option<usize>,
    /// What stands on the standard input, but for a line end at its end
    #[arg(long, conflicts_with = "file")]
    stdin: bool,
    /// What stands in a file, likewise
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Why a command failed.
enum Failure {
    Store(StoreError),
    /// The command line is wrong.
    Usage(String),
    Io(String),
    /// It has been said.
    Said(Exit),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<NotAnId> for Failure {
    fn from(error: NotAnId) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<NoSuchRecipe> for Failure {
    fn from(error: NoSuchRecipe) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error.to_string())
    }
}

/// Does it.
#[must_use]
pub fn run(config: &Path, command: Command) -> Exit {
    let failure = match try_run(config, command) {
        Ok(()) => return Exit::Ok,
        Err(failure) => failure,
    };
    match failure {
        Failure::Said(exit) => exit,
        Failure::Usage(why) => fail(Exit::Usage, &why),
        Failure::Io(why) => fail(Exit::Io, &why),
        Failure::Store(error) => {
            let exit = match &error {
                StoreError::Unavailable(_) | StoreError::Uncertain(_) => Exit::Unavailable,
                StoreError::Broken { .. } | StoreError::Sealed { .. } => Exit::Io,
                StoreError::Length(_) => Exit::Usage,
                // What was asked for is not so.
                _ => Exit::Differs,
            };
            fail(exit, &error.to_string())
        }
    }
}

fn fail(exit: Exit, why: &str) -> Exit {
    eprintln!("{why}");
    exit
}

fn try_run(path: &Path, command: Command) -> Result<(), Failure> {
    let diagnostics = Diagnostics::new();
    let config = config::load(path, &diagnostics);
    let Some(config) = config.map(|config| config.secrets) else {
        eprint!("{diagnostics}");
        return Err(Failure::Said(Exit::Config));
    };
    let store = Store::new(&config);
    let find = |which: &Which| -> Result<SecretId, NotAnId> {
        match &which.environment {
            Some(environment) => SecretId::new(&which.name, environment),
            None => SecretId::read(&which.name, &config.environment),
        }
    };
    match command {
        Command::Create { which, value } => create(&store, &find(&which)?, value),
        Command::Get { which, version } => get(&store, &find(&which)?, version),
        Command::Rotate { which, value } => rotate(&store, &find(&which)?, value),
        Command::List { environment, json } => list(&store, environment.as_deref(), json),
        Command::Delete { which } => {
            let id = find(&which)?;
            wait_for(store.delete(&id, None))?;
            println!("secret {id} is deleted");
            Ok(())
        }
    }
}

/// A runtime for the one thing that a command does.
fn wait_for<T>(done: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(done)?)
}

fn create(store: &Store, id: &SecretId, value: NewValue) -> Result<(), Failure> {
    let (value, recipe) = value.make(None)?;
    let creation = CreationId::random().map_err(StoreError::from)?;
    let At { version, .. } = wait_for(store.create(id, creation, &value, made(recipe)))?;
    println!("secret {id} is made, version {version}");
    Ok(())
}

fn rotate(store: &Store, id: &SecretId, value: NewValue) -> Result<(), Failure> {
    let there = wait_for(store.describe(id))?;
    let newest = there.newest().ok_or_else(|| StoreError::NotFound(id.clone()))?;
    let read = At {
        creation: there.creation.clone(),
        version: newest.version,
    };
    let (value, recipe) = value.make(Some(&there.recipe))?;
    let At { version, .. } = wait_for(store.put(id, &read, &value, made(recipe)))?;
    println!("secret {id} has version {version}");
    Ok(())
}

fn get(store: &Store, id: &SecretId, version: Option<Version>) -> Result<(), Failure> {
    let got = wait_for(store.get(id, version))?;
    // Not through a buffer that keeps what went through it.
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    out.write_all(got.value.octets())?;
    if io::stdout().is_terminal() {
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn list(store: &Store, environment: Option<&str>, json: bool) -> Result<(), Failure> {
    let Listed { mut secrets, broken } = wait_for(store.list())?;
    secrets.retain(|one| environment.is_none_or(|wanted| one.id.environment() == wanted));
    let mut out = io::stdout().lock();
    for secret in &secrets {
        let printed = match json {
            true => writeln!(out, "{}", as_json(secret)),
            false => print(&mut out, secret),
        };
        match printed {
            // Whoever reads has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            printed => printed?,
        }
    }
    for error in &broken {
        eprintln!("{error}");
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(Failure::Said(Exit::Io)),
    }
}

fn print(out: &mut impl Write, secret: &Description) -> io::Result<()> {
    writeln!(out, "{}", secret.id)?;
    for version in secret.versions.iter().rev() {
        let (at, by) = (shown_time(version.made_at), &version.made_by);
        writeln!(out, "    version {}  {at}  {by}", version.version)?;
    }
    Ok(())
}

fn as_json(secret: &Description) -> serde_json::Value {
    let versions = secret.versions.iter().map(|version| {
        json!({
            "version": version.version.to_string(),
            "madeAt": shown_time(version.made_at),
            "madeBy": version.made_by,
        })
    });
    json!({
        "name": secret.id.name(),
        "environment": secret.id.environment(),
        "creation": secret.creation.as_str(),
        "versions": versions.collect::<Vec<_>>(),
    })
}

fn shown_time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

impl NewValue {
    /// The value, and how it was made; `last` is how the one before it was.
    fn make(self, last: Option<&Recipe>) -> Result<(Secret, Recipe), Failure> {
        if self.stdin {
            return Ok((read(io::stdin().lock())?, Recipe::Given));
        }
        if let Some(path) = &self.file {
            let opened = File::open(path).map_err(|error| Failure::Io(format!("{}: {error}", path.display())))?;
            return Ok((read(opened)?, Recipe::Given));
        }
        let recipe = match (self.octets, &self.alphabet, self.length, last) {
            (Some(octets), ..) => Recipe::base64(octets)?,
            (None, None, None, Some(last)) => last.clone(),
            (None, alphabet, length, _) => Recipe::text(alphabet.as_deref(), length)?,
        };
        match recipe.make().map_err(StoreError::from)? {
            Some(value) => Ok((value, recipe)),
            None => Err(Failure::Usage(
                "its last value was given and not made: --stdin or --file gives the next one, --length or --octets has one made"
                    .to_owned(),
            )),
        }
    }
}

/// All of it, but for a line end.
fn read(source: impl Read) -> Result<Secret, Failure> {
    // With room for more than there may be, so that it never grows and leaves a copy behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 64));
    source.take(SECRET_BYTES_MAX as u64 + 2).read_to_end(&mut octets)?;
    if octets.last() == Some(&b'\n') {
        octets.pop();
    }
    Ok(octets.into())
}

/// By whoever runs the command.
fn made(recipe: Recipe) -> Made {
    let user = nix::unistd::getuid();
    let named = nix::unistd::User::from_uid(user).ok().flatten();
    Made {
        by: named.map_or_else(|| user.to_string(), |named| named.name),
        recipe,
    }
}
