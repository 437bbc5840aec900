//! Fetching: what a configuration names, all at once and in a bounded time, and what could not be had again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use data_encoding::BASE64;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zeroize::Zeroizing;

use super::{GetCall, GetReply, Late, SECRETS, SecretRef};
use crate::plugin::Settings;
use crate::varlink::{ClientError, Connection};

/// All that a configuration names, together: a start or a reload waits no longer.
const ALL_MAX: Duration = Duration::from_secs(5);

/// One that is asked for again, later.
const ONE_MAX: Duration = Duration::from_secs(10);

/// Between two tries of what could not be had: the first, and the most.
const PAUSE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Octets of a plugin's answer.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// A value. It is wiped when the last who has it lets it go.
pub type Fetched = Arc<Zeroizing<Vec<u8>>>;

/// Why a secret could not be had.
#[derive(Debug)]
pub enum GetError {
    /// No plugin of this name is configured.
    NoPlugin(String),
    /// The plugin is another user's process than the configuration says.
    OtherUser(u32),
    /// It can't be asked, or says no.
    Call(ClientError),
    /// It did not answer in time.
    TooLate,
    /// Its answer is no value.
    Garbled,
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPlugin(name) => write!(f, "there is no [plugin.{name}]"),
            Self::OtherUser(user) => write!(f, "the plugin is a process of user {user}, which it is not to be"),
            Self::Call(ClientError::Refused(error, _)) if error.ends_with(".Denied") => {
                f.write_str("the plugin does not let this user have it")
            }
            Self::Call(ClientError::Refused(error, _)) if error.ends_with(".NotFound") => {
                f.write_str("the plugin has no such secret")
            }
            Self::Call(error) => error.fmt(f),
            Self::TooLate => f.write_str("the plugin does not answer"),
            Self::Garbled => f.write_str("the plugin's answer is no value"),
        }
    }
}

impl std::error::Error for GetError {}

/// Takes a value; an error says why it is none of what is needed, and nothing of what it is.
pub type Take = Arc<dyn Fn(&[u8]) -> Result<(), String> + Send + Sync>;

/// What waits for a secret.
#[derive(Clone)]
pub struct Pending {
    /// Which.
    pub reference: SecretRef,
    /// Takes it. It may be called again with another.
    pub take: Take,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("reference", &self.reference)
            .finish_non_exhaustive()
    }
}

/// The secrets that a daemon has been given, and who goes on asking for the others. Clones are the same.
#[derive(Clone, Default)]
pub struct Secrets {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    known: BTreeMap<SecretRef, Fetched>,
    /// Those that something looks into.
    late: BTreeMap<SecretRef, Weak<Late>>,
    missing: usize,
    /// Ends who asks on.
    asking: CancellationToken,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// How many of those that the running configuration names were never had.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.inner().missing
    }

    /// The place of a secret, for what looks into it when it needs it; the same one for as long as anything has it.
    #[must_use]
    pub fn late(&self, reference: &SecretRef) -> Arc<Late> {
        let mut inner = self.inner();
        inner.late.retain(|_, late| late.strong_count() > 0);
        if let Some(late) = inner.late.get(reference).and_then(Weak::upgrade) {
            return late;
        }
        let late = Arc::new(Late::new(reference.clone()));
        inner.late.insert(reference.clone(), Arc::downgrade(&late));
        late
    }

    /// Gives each who waits its secret as it is now; if it can't be had in five seconds, as it was last; who waits for one that
    /// never was had gets it when it comes, until the next call of this or `stop`. What nobody waits for is forgotten.
    pub async fn settle(&self, pending: Vec<Pending>, plugins: &[Settings], stop: &CancellationToken) {
        let asking = stop.child_token();
        std::mem::replace(&mut self.inner().asking, asking.clone()).cancel();
        let outcomes = fetch_all(&pending, plugins).await;
        // Another call has taken its place, or the daemon ends.
        if asking.is_cancelled() {
            return;
        }
        let mut missing = Vec::new();
        let mut wanted = BTreeMap::new();
        for one in pending {
            let reference = &one.reference;
            let fetched = match outcomes.get(reference) {
                Some(Ok(fetched)) => (one.take)(fetched).map(|()| fetched.clone()),
                Some(Err(error)) => Err(error.to_string()),
                None => Err(GetError::TooLate.to_string()),
            };
            let known = self.inner().known.get(reference).cloned();
            match (fetched, known) {
                (Ok(fetched), _) => drop(wanted.insert(reference.clone(), fetched)),
                (Err(why), Some(known)) if (one.take)(&known).is_ok() => {
                    warn!("secret {reference} stays what it was: {why}");
                    wanted.insert(reference.clone(), known);
                }
                (Err(why), _) => {
                    warn!("secret {reference} is missing, what needs it does not work until it can be had: {why}");
                    missing.push(one);
                }
            }
        }
        {
            let mut inner = self.inner();
            inner.known = wanted;
            inner.missing = missing.len();
        }
        if !missing.is_empty() {
            let (secrets, plugins) = (self.clone(), plugins.to_vec());
            tokio::spawn(async move {
                tokio::select! {
                    () = asking.cancelled() => {}
                    () = secrets.ask_on(missing, &plugins, &asking) => {}
                }
            });
        }
    }

    async fn ask_on(&self, mut missing: Vec<Pending>, plugins: &[Settings], asking: &CancellationToken) {
        let mut pause = PAUSE;
        let mut said = BTreeMap::new();
        while !missing.is_empty() {
            sleep(jittered(pause)).await;
            pause = (pause * 2).min(PAUSE_MAX);
            let mut left = Vec::new();
            for one in missing {
                let reference = &one.reference;
                let got = match timeout(ONE_MAX, get(reference, plugins)).await {
                    Ok(Ok(got)) => (one.take)(&got).map(|()| got),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err(GetError::TooLate.to_string()),
                };
                match got {
                    Ok(got) => {
                        info!("secret {reference} is there now");
                        let mut inner = self.inner();
                        // What a reload has begun since is the reload's.
                        if !asking.is_cancelled() {
                            inner.known.insert(reference.clone(), got);
                            inner.missing = inner.missing.saturating_sub(1);
                        }
                    }
                    Err(why) => {
                        // Once for each reason.
                        if said
                            .insert(reference.clone(), why.clone())
                            .is_none_or(|before| before != why)
                        {
                            warn!("secret {reference} is still missing: {why}");
                        }
                        left.push(one);
                    }
                }
            }
            missing = left;
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each once, at the same time; what is not there in time is not among them.
async fn fetch_all(pending: &[Pending], plugins: &[Settings]) -> BTreeMap<SecretRef, Result<Fetched, GetError>> {
    let deadline = Instant::now() + ALL_MAX;
    let plugins: Arc<[Settings]> = plugins.into();
    let references: BTreeSet<SecretRef> = pending.iter().map(|one| one.reference.clone()).collect();
    let mut fetches = JoinSet::new();
    for reference in references {
        let plugins = plugins.clone();
        fetches.spawn(async move {
            let got = get(&reference, &plugins).await;
            (reference, got)
        });
    }
    let mut outcomes = BTreeMap::new();
    while let Ok(Some(done)) = timeout_at(deadline, fetches.join_next()).await {
        outcomes.extend(done);
    }
    outcomes
}

async fn get(reference: &SecretRef, plugins: &[Settings]) -> Result<Fetched, GetError> {
    let plugin = plugins.iter().find(|plugin| plugin.name == reference.plugin);
    let plugin = plugin.ok_or_else(|| GetError::NoPlugin(reference.plugin.clone()))?;
    let mut connection = Connection::open(&plugin.socket, MESSAGE_BYTES_MAX)
        .await
        .map_err(GetError::Call)?;
    let server = connection.server().uid;
    if plugin.user.is_some_and(|user| user != server) {
        return Err(GetError::OtherUser(server));
    }
    let call = GetCall {
        name: reference.name.clone(),
        version: None,
    };
    let method = format!("{}.Get", SECRETS.name);
    let reply: GetReply = connection.call(&method, &call).await.map_err(GetError::Call)?;
    let text = Zeroizing::new(reply.value);
    let value = BASE64.decode(text.as_bytes()).map_err(|_| GetError::Garbled)?;
    match value.is_empty() || reply.version.is_empty() {
        true => Err(GetError::Garbled),
        false => Ok(Arc::new(Zeroizing::new(value))),
    }
}

/// Between half of it and all.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or_default();
    pause / 2 + pause.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
}

#[cfg(test)]
mod tests;
