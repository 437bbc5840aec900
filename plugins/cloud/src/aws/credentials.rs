//! What requests are signed with, from the first place that has any:
//!
//! 1. the profile that the configuration names, and then from nowhere else;
//! 2. the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`);
//! 3. the token that the platform gives (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`), which STS changes for credentials;
//! 4. the profile `AWS_PROFILE`, or `default`, of the shared files (`~/.aws/credentials`, `~/.aws/config`);
//! 5. the metadata service of the instance, version 2.
//!
//! A place that has some, but broken ones, is an error: what is signed with other credentials than the administrator meant
//! does the right thing to the wrong account.

mod environment;
mod held;
mod instance;
mod profile;
mod web_identity;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use tracing::{debug, warn};

use self::held::{Due, Held};
use super::endpoint::Endpoints;
use super::http::{Answer, Bounds, Failure, Http};
use super::retry::random;

pub use environment::Environment;

/// Octets of what a source answers with.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why there are none. The texts of whoever was asked are left out: they may hold what is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsError {
    /// No place has any.
    Nowhere,
    /// A variable of the environment is missing or wrong, where others of its kind are set.
    Variable(&'static str),
    /// A file that can't be read.
    File(PathBuf, std::io::ErrorKind),
    /// A line of a file that says nothing.
    Line(PathBuf, usize),
    /// The profile that is asked for is in no file.
    NoProfile(String),
    /// A profile lacks a key.
    Incomplete(String, &'static str),
    /// A profile gets its credentials by a key that is not followed here.
    Unsupported(String, &'static str),
    /// STS or the instance metadata gives none.
    Source(&'static str, SourceProblem),
    /// They have ended, and there are no others.
    Expired,
}

/// Why a service gives no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceProblem {
    /// It can't be reached, or does not answer.
    Unreachable,
    /// It says no, with this status of HTTP.
    Refused(u16),
    /// It answers with something else.
    Malformed,
    /// The instance has no role.
    NoRole,
}

/// Where credentials are looked for.
#[derive(Clone)]
pub struct Sources {
    /// The profile that the configuration names.
    pub profile: Option<String>,
    /// The variables of the environment.
    pub environment: Environment,
}

/// Has credentials, and sees to it that they don't end.
pub(super) struct Keeper {
    sources: Sources,
    endpoints: Endpoints,
    http: Http,
    held: Mutex<Held>,
    /// Held by who gets new ones.
    refreshing: tokio::sync::Mutex<()>,
}

impl Keeper {
    pub(super) fn new(sources: Sources, endpoints: Endpoints, http: Http) -> Self {
        Self {
            sources,
            endpoints,
            http,
            held: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
        }
    }

    /// Credentials to sign with now.
    pub(super) async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        if let Due::Fresh(credentials) = self.due() {
            return Ok(credentials);
        }
        let _turn = match self.refreshing.try_lock() {
            Ok(turn) => turn,
            // Somebody is at it; while the old ones are good nobody waits for that.
            Err(_) => match self.due() {
                Due::Fresh(credentials) | Due::Soon(credentials) => return Ok(credentials),
                Due::Now => self.refreshing.lock().await,
            },
        };
        // Somebody else may have been at it.
        if let Due::Fresh(credentials) = self.due() {
            return Ok(credentials);
        }
        let got = self.look().await;
        let now = SystemTime::now();
        let mut held = self.lock();
        match got {
            Ok(credentials) => {
                // Who they are of is worth a line, the first time.
                debug!(?credentials, "credentials");
                held.take(credentials, now, random());
            }
            Err(error) => {
                warn!(%error, has_some = matches!(held.due(now), Due::Soon(_)), "no new credentials");
                held.failed(error, now, random());
            }
        }
        held.current(now)
    }

    /// The service says that these have ended: others are to be got, unless that has been done in the meantime.
    pub(super) fn are_refused(&self, refused: &Credentials) {
        self.lock().are_refused(refused);
    }

    async fn look(&self) -> Result<Credentials, CredentialsError> {
        let environment = &self.sources.environment;
        if let Some(name) = &self.sources.profile {
            let found = profile::find(environment, name).await?;
            let found = found.ok_or_else(|| CredentialsError::NoProfile(name.clone()))?;
            return self.of_profile(found).await;
        }
        if let Some(credentials) = environment.credentials()? {
            return Ok(credentials);
        }
        if let Some(role) = environment.web_identity()? {
            return web_identity::exchange(&role, &self.endpoints, &self.http).await;
        }
        let named = environment.get("AWS_PROFILE");
        match profile::find(environment, named.unwrap_or("default")).await? {
            Some(found) => return self.of_profile(found).await,
            None => {
                if let Some(named) = named {
                    return Err(CredentialsError::NoProfile(named.to_owned()));
                }
            }
        }
        if environment.has_no_instance_metadata() {
            return Err(CredentialsError::Nowhere);
        }
        instance::credentials(environment, &self.http).await
    }

    async fn of_profile(&self, found: profile::Found) -> Result<Credentials, CredentialsError> {
        match found {
            profile::Found::Credentials(credentials) => Ok(credentials),
            profile::Found::WebIdentity(role) => web_identity::exchange(&role, &self.endpoints, &self.http).await,
        }
    }

    fn due(&self) -> Due {
        self.lock().due(SystemTime::now())
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // What was being changed is changed in one step.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a source; what comes back with another status than 200 is a refusal.
async fn ask(
    http: &Http,
    source: &'static str,
    request: http::Request<http_body_util::Full<bytes::Bytes>>,
    silence: Duration,
) -> Result<Answer, CredentialsError> {
    let bounds = Bounds {
        silence,
        total: silence * 2,
        body_max: ANSWER_BYTES_MAX,
    };
    let problem = match http.send(request, bounds).await {
        Ok(answer) if answer.status == http::StatusCode::OK => return Ok(answer),
        Ok(answer) => SourceProblem::Refused(answer.status.as_u16()),
        Err(Failure::NoAnswer { .. }) => SourceProblem::Unreachable,
        Err(Failure::Malformed(_)) => SourceProblem::Malformed,
    };
    Err(CredentialsError::Source(source, problem))
}

/// The time in RFC 3339 as credentials end at.
fn read_time(text: &str) -> Option<SystemTime> {
    Some(SystemTime::from(text.parse::<jiff::Timestamp>().ok()?))
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => f.write_str("neither the environment nor a profile nor the instance has any"),
            Self::Variable(name) => write!(f, "{name} is not set, or not as it should be"),
            Self::File(path, kind) => write!(f, "{}: {kind}", path.display()),
            Self::Line(path, line) => write!(
                f,
                "{}:{line}: neither \"[profile]\" nor \"key = value\"",
                path.display()
            ),
            Self::NoProfile(name) => write!(f, "there is no profile {name:?}"),
            Self::Incomplete(name, key) => write!(f, "profile {name:?} has no {key}"),
            Self::Unsupported(name, key) => write!(f, "profile {name:?}: {key} is not followed"),
            Self::Source(source, problem) => write!(f, "{source} {problem}"),
            Self::Expired => f.write_str("they have ended"),
        }
    }
}

impl std::error::Error for CredentialsError {}

impl fmt::Display for SourceProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("does not answer"),
            Self::Refused(status) => write!(f, "refuses ({status})"),
            Self::Malformed => f.write_str("answers with something else"),
            Self::NoRole => f.write_str("has no role for this machine"),
        }
    }
}

#[cfg(test)]
mod tests;
