//! The task of a client: runs the machine on real time, a socket and a file.

use std::future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::super::machine::{Action, Kept, Limits, Machine, Notice, Trouble};
use super::super::news::{News, Status};
use super::super::snapshot::{self, Snapshot};
use super::super::wire::{WATCH, WatchReply};
use super::outbox::Outbox;
use super::{Board, Settings};
use crate::varlink::{ClientError, Connection, MESSAGE_BYTES_MAX};

/// Changes that come close together are written to the file once.
const SAVE_PAUSE: Duration = Duration::from_secs(5);
/// How much older than it is the plugin's last word may look after a crash.
const TOUCH_PAUSE: Duration = Duration::from_secs(60);

/// Follows the plugin until it is to stop, or nobody takes the news.
pub(super) async fn run(settings: Settings, board: Arc<Board>, news: mpsc::Sender<News>, stop: CancellationToken) {
    let limits = Limits::default();
    let kept = read_kept(&settings, limits.hosts_max).await;
    let mut random = [0; 8];
    // Without randomness the waits are those of every client that has none.
    let _ = getrandom::fill(&mut random);
    let machine = Machine::new(limits, settings.max_stale, kept, u64::from_le_bytes(random));
    let mut follower = Follower {
        keeper: Keeper {
            path: settings.snapshot.clone(),
            dirty_since: None,
            running: None,
            touched: Instant::now(),
            has_failed: false,
        },
        settings,
        started: Instant::now(),
        machine,
        link: Link::Down,
        outbox: Outbox::default(),
        // What the file has said need not be written to it.
        is_loaded: false,
    };
    loop {
        follower.act();
        board.show(follower.status());
        let now = Instant::now();
        let timeout = follower.machine.poll_timeout();
        // What is later than time can be said is never.
        let timeout = timeout.and_then(|timeout| follower.started.checked_add(timeout));
        tokio::select! {
            () = stop.cancelled() => break,
            () = news.closed() => break,
            permit = news.reserve(), if !follower.outbox.is_empty() => {
                if let (Ok(permit), Some(next)) = (permit, follower.outbox.take()) {
                    permit.send(next);
                }
            }
            () = board.confirmed.notified() => {
                follower.machine.confirm();
            }
            event = follower.link.next() => follower.handle(event).await,
            () = sleep_until(timeout.unwrap_or(now)), if timeout.is_some() => {
                follower.machine.handle_timeout(follower.started.elapsed());
            }
            () = follower.keeper.due() => follower.save(),
        }
    }
    follower.save_last().await;
}

async fn read_kept(settings: &Settings, hosts_max: usize) -> Option<Kept> {
    let path = settings.snapshot.clone();
    let read = spawn_blocking(move || snapshot::load(&path, hosts_max, SystemTime::now())).await;
    match read {
        Ok(Ok(kept)) => kept,
        Ok(Err(cause)) => {
            let path = settings.snapshot.display();
            warn!("plugin {}: {path} is not used: {cause}", settings.name);
            None
        }
        Err(cause) => {
            error!("plugin {}: {cause}", settings.name);
            None
        }
    }
}

struct Follower {
    settings: Settings,
    started: Instant,
    machine: Machine,
    link: Link,
    outbox: Outbox,
    keeper: Keeper,
    is_loaded: bool,
}

impl Follower {
    /// Does what the machine wants done.
    fn act(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Connect => {
                    let open = open(self.settings.socket.clone(), self.settings.user);
                    self.link = Link::Connecting(Box::pin(open));
                }
                Action::Disconnect => self.link = Link::Down,
                Action::Update(update) => {
                    self.outbox.add_update(update, self.machine.known());
                    if self.is_loaded {
                        self.keeper.dirty_since.get_or_insert_with(Instant::now);
                    }
                }
                Action::State(state) => self.outbox.set_state(state),
                Action::Notice(notice) => say(&self.settings.name, &notice),
            }
        }
        self.is_loaded = true;
    }

    async fn handle(&mut self, event: Event) {
        let now = self.started.elapsed();
        match event {
            Event::Connected(mut connection) => {
                let call = self.machine.handle_connected(now);
                // A socket that was just made has room for a call.
                match connection.call_more(WATCH, &call).await {
                    Ok(()) => self.link = Link::Up(connection),
                    Err(error) => self.machine.handle_closed(now, trouble(error)),
                }
            }
            Event::Message(message) => match WatchReply::read(&message) {
                Ok((reply, continues)) => {
                    self.machine.handle_reply(now, reply, message.len());
                    if !continues {
                        self.machine.handle_closed(now, Trouble::Closed);
                    }
                }
                Err(error) => self.machine.handle_closed(now, trouble(error)),
            },
            Event::Ended(why) => self.machine.handle_closed(now, why),
        }
    }

    fn status(&self) -> Status {
        let machine = &self.machine;
        Status {
            state: machine.state(),
            epoch: machine.position().map(|position| position.epoch.to_string()),
            seq: machine.position().map_or(0, |position| position.seq),
            hosts: machine.known().len(),
            last_word: machine.silence(self.started.elapsed()),
            reconnects: machine.reconnects(),
            held: machine.held(),
            rejected_hosts: machine.rejected_hosts(),
            trouble: machine.trouble().map(ToString::to_string),
        }
    }

    fn last_word(&self) -> Option<SystemTime> {
        let silence = self.machine.silence(self.started.elapsed())?;
        SystemTime::now().checked_sub(silence)
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            hosts: self.machine.known().hosts().cloned().collect(),
            position: self.machine.position().cloned(),
            last_word: self.last_word(),
        }
    }

    /// Starts what the file is due for.
    fn save(&mut self) {
        let now = Instant::now();
        let path = self.keeper.path.clone();
        let last_word = self.last_word();
        self.keeper.touched = now;
        self.keeper.running = Some(match self.keeper.dirty_since.take() {
            Some(_) => {
                let snapshot = self.snapshot();
                spawn_blocking(move || snapshot::save(&path, &snapshot))
            }
            None => spawn_blocking(move || last_word.map_or(Ok(()), |at| snapshot::touch(&path, at))),
        });
    }

    async fn save_last(&mut self) {
        if let Some(running) = self.keeper.running.take() {
            // What comes of it is seen by the one that follows.
            let _ = running.await;
        }
        if self.machine.silence(Duration::ZERO).is_none() {
            return;
        }
        self.keeper.dirty_since = Some(Instant::now());
        self.save();
        self.keeper.finish().await;
    }
}

/// The file.
struct Keeper {
    path: PathBuf,
    /// Since when it is not what is known.
    dirty_since: Option<Instant>,
    running: Option<JoinHandle<io::Result<()>>>,
    touched: Instant,
    /// It could not be written last.
    has_failed: bool,
}

impl Keeper {
    /// Waits until there is something to do for it; one thing at a time. It may be given up at any time.
    async fn due(&mut self) {
        self.finish().await;
        let touch = self.touched + TOUCH_PAUSE;
        let save = self.dirty_since.map_or(touch, |since| since + SAVE_PAUSE);
        // What has failed is tried again with the next touch.
        let due = if self.has_failed { touch } else { save.min(touch) };
        sleep_until(due).await;
    }

    async fn finish(&mut self) {
        let Some(running) = &mut self.running else { return };
        let done = running.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        self.running = None;
        let had_failed = std::mem::replace(&mut self.has_failed, done.is_err());
        if let Err(cause) = done {
            if !had_failed {
                warn!("{}: {cause}", self.path.display());
            }
            self.dirty_since.get_or_insert_with(Instant::now);
        }
    }
}

/// The connection.
enum Link {
    Down,
    Connecting(Pin<Box<dyn Future<Output = Result<Connection, Trouble>> + Send>>),
    Up(Box<Connection>),
}

enum Event {
    Connected(Box<Connection>),
    Message(Vec<u8>),
    Ended(Trouble),
}

impl Link {
    /// What happens next. It may be given up at any time.
    async fn next(&mut self) -> Event {
        match self {
            Self::Down => future::pending().await,
            Self::Connecting(opening) => {
                let opened = opening.await;
                *self = Self::Down;
                match opened {
                    Ok(connection) => Event::Connected(Box::new(connection)),
                    Err(trouble) => Event::Ended(trouble),
                }
            }
            Self::Up(connection) => match connection.next_message().await {
                Ok(Some(message)) => Event::Message(message),
                Ok(None) => Event::Ended(Trouble::Closed),
                Err(error) => Event::Ended(trouble(error)),
            },
        }
    }
}

async fn open(socket: PathBuf, user: Option<u32>) -> Result<Connection, Trouble> {
    let connection = Connection::open(&socket, MESSAGE_BYTES_MAX).await.map_err(trouble)?;
    match connection.server().uid {
        uid if user.is_some_and(|user| user != uid) => Err(Trouble::OtherUser(uid)),
        _ => Ok(connection),
    }
}

fn trouble(error: ClientError) -> Trouble {
    match error {
        ClientError::Connect { cause, .. } => Trouble::Connect(cause.kind()),
        // A message that is too long.
        ClientError::Io(error) if error.kind() == io::ErrorKind::InvalidData => Trouble::Garbled,
        ClientError::Io(_) => Trouble::Closed,
        ClientError::Garbled => Trouble::Garbled,
        ClientError::Refused(error, _) => {
            Trouble::Refused(error.chars().take(128).flat_map(char::escape_debug).collect())
        }
    }
}

fn say(plugin: &str, notice: &Notice) {
    match notice {
        Notice::Following => info!("plugin {plugin}: following"),
        Notice::Lost(why @ (Trouble::Closed | Trouble::Connect(_))) => warn!("plugin {plugin}: lost: {why}"),
        Notice::Lost(why) => warn!("plugin {plugin}: given up, to be tried again: {why}"),
        Notice::Held(held) => error!(
            "plugin {plugin}: its snapshot lacks {} of {} hosts, {} of them without a word: it is held until an administrator \
             confirms it",
            held.missing, held.of, held.unreported
        ),
        Notice::Released => info!("plugin {plugin}: nothing is held any more"),
        Notice::Rejected(error) => warn!("plugin {plugin}: left out: {error}"),
        Notice::RejectedMany => warn!("plugin {plugin}: no more hosts that are left out are named"),
    }
}
