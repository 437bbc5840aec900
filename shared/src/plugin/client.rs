//! A daemon's side of a plugin's `Inventory1.Watch`: keeps the connection and the file, and hands on what changes.

mod follow;
mod outbox;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
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
pub struct Client {
    board: Arc<Board>,
}

/// What the client says of itself, and is told.
#[derive(Debug)]
struct Board {
    status: Mutex<Shown>,
    confirmed: Notify,
}

#[derive(Debug)]
struct Shown {
    /// With the age of the last word as it was then.
    status: Status,
    at: Instant,
}

impl Client {
    /// Starts to follow. What the file says comes first, then the state, then what the plugin says. Who takes the news may be
    /// slow: what has not been taken yet is put together.
    ///
    /// Once `stop` is cancelled the file is written, and the news end. That they end before is a fault of the program.
    #[must_use]
    pub fn start(settings: Settings, runtime: &Handle, stop: CancellationToken) -> (Self, mpsc::Receiver<News>) {
        // One is being taken while the next is put together.
        let (news, receiver) = mpsc::channel(1);
        let status = Status {
            state: State::Cold,
            epoch: None,
            seq: 0,
            hosts: 0,
            last_word: None,
            reconnects: 0,
            held: None,
            rejected_hosts: 0,
            trouble: None,
        };
        let board = Arc::new(Board {
            status: Mutex::new(Shown {
                status,
                at: Instant::now(),
            }),
            confirmed: Notify::new(),
        });
        runtime.spawn(follow::run(settings, board.clone(), news, stop));
        (Self { board }, receiver)
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let shown = self.board.status.lock().unwrap_or_else(PoisonError::into_inner);
        let mut status = shown.status.clone();
        status.last_word = status.last_word.map(|age| age.saturating_add(shown.at.elapsed()));
        status
    }

    /// An administrator says that what is held back is right. Nothing happens if nothing is.
    pub fn confirm(&self) {
        self.board.confirmed.notify_one();
    }
}

impl Board {
    fn show(&self, status: Status) {
        let shown = Shown {
            status,
            at: Instant::now(),
        };
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}
