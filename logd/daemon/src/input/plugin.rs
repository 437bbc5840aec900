//! The input `plugin`: what a plugin tells of (io.ballast.Events1), as messages.
//!
//! The id of the last event is kept in `work-dir`: after a broken connection, a restart of the plugin or of ours the plugin is asked for
//! those behind it, so that none is lost and none comes twice as long as the plugin remembers it.
//!
//! This input waits for outputs that hold back, as those of the network do: the plugin remembers meanwhile.

mod message;

use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::plugin::event::{WATCH, WatchCall, WatchReply, WireEvent};
use ballast_shared::plugin::machine::backoff::Backoff;
use ballast_shared::varlink::{ClientError, Connection, MESSAGE_BYTES_MAX, read_reply};
use jiff::tz::TimeZone;
use logd_core::parse::parse;
use logd_core::time::ZoneCache;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::Service;
use super::kept::Kept;
use super::source::Source;
use crate::config::{InputKind, PluginInput};
use crate::output::HeldBack;
use crate::pipeline::{Batch, Scratch};

/// A plugin says something each ten seconds: one that has been silent for so long hangs.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Why a connection is over.
enum End {
    /// What happened to it.
    Lost(String),
    /// A reload has another plugin here.
    OtherPlugin,
}

/// Follows a plugin's events until it is stopped.
pub(super) async fn follow(
    mut sources: watch::Receiver<Arc<Source>>,
    last: Kept,
    service: Arc<Service>,
    stop: CancellationToken,
) {
    let mut follower = Follower {
        last,
        zone: ZoneCache::new(TimeZone::system()),
        room: Vec::new(),
    };
    let mut backoff = Backoff::new(RandomState::new().hash_one(0));
    let mut is_lost = false;
    while !stop.is_cancelled() {
        let name = sources.borrow_and_update().input.name.clone();
        let end = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            end = follower.run(&mut sources, &service, || {
                backoff.reset();
                if std::mem::take(&mut is_lost) {
                    info!(input = %name, "the plugin's events are followed again");
                }
            }) => end,
        };
        let End::Lost(cause) = end else { continue };
        // Once is said.
        if !std::mem::replace(&mut is_lost, true) {
            warn!(input = %name, cause, "the plugin's events are not followed: trying on");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(backoff.next()) => {}
        }
    }
    tokio::select! {
        biased;
        () = follower.last.written() => {}
        () = service.abandon.cancelled() => {}
    }
}

struct Follower {
    /// The id of the last event that was taken.
    last: Kept,
    zone: ZoneCache,
    /// Where messages are made.
    room: Vec<u8>,
}

impl Follower {
    /// Follows over one connection, until it is over. `heard` is called with each reply.
    async fn run(
        &mut self,
        sources: &mut watch::Receiver<Arc<Source>>,
        service: &Service,
        mut heard: impl FnMut(),
    ) -> End {
        let Some(settings) = settings(&sources.borrow_and_update().clone()).cloned() else {
            return End::OtherPlugin;
        };
        let mut connection = match timeout(SILENCE_MAX, self.open(&settings)).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(cause)) => return End::Lost(cause),
            Err(_) => return End::Lost("it does not take the call".to_owned()),
        };
        let mut held_back = HeldBack::default();
        loop {
            service.store.room(&mut held_back).await;
            let message = match timeout(SILENCE_MAX, connection.next_message()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => return End::Lost("it has closed the connection".to_owned()),
                Ok(Err(error)) => return End::Lost(error.to_string()),
                Err(_) => return End::Lost(format!("it has said nothing for {SILENCE_MAX:?}")),
            };
            let (reply, continues) = match read_reply::<WatchReply>(&message) {
                Ok(reply) => reply,
                Err(error) => return End::Lost(error.to_string()),
            };
            heard();
            let source = sources.borrow_and_update().clone();
            match self::settings(&source) {
                Some(now) if now.plugin == settings.plugin => {
                    self.deliver(now, &reply.events, message.len(), &source, &mut held_back);
                }
                // What was just read is asked for again.
                _ => return End::OtherPlugin,
            }
            if !continues {
                return End::Lost("it says that there are no more".to_owned());
            }
        }
    }

    /// Connects, and asks for what comes behind the last: if there is none, for all that is remembered.
    async fn open(&self, settings: &PluginInput) -> Result<Connection, String> {
        let socket = settings.plugin.socket.display();
        let opened = Connection::open(&settings.plugin.socket, MESSAGE_BYTES_MAX).await;
        let mut connection = opened.map_err(|error| match error {
            ClientError::Connect { cause, .. } => format!("{socket}: {cause}"),
            error => error.to_string(),
        })?;
        let user = connection.server().uid;
        if settings.plugin.user.is_some_and(|wanted| wanted != user) {
            return Err(format!("{socket} is of user {user}, not of the plugin's"));
        }
        let call = WatchCall {
            after: Some(self.last.line().to_owned()),
        };
        let called = connection.call_more(WATCH, &call).await;
        called.map_err(|error| error.to_string())?;
        Ok(connection)
    }

    /// Sends events on their way, and keeps which was the last.
    fn deliver(
        &mut self,
        settings: &PluginInput,
        events: &[WireEvent],
        bytes: usize,
        source: &Source,
        held_back: &mut HeldBack,
    ) {
        let Self { last, zone, room } = self;
        Scratch::with(|scratch| {
            let mut batch = source.batch(scratch, held_back);
            for event in events {
                submit(event, settings, source, &mut batch, zone, room);
            }
            source.count(bytes, &batch.finish());
        });
        // One without an id can't be gone on from.
        if let Some(event) = events.iter().rev().find(|event| event.check().is_ok()) {
            last.keep(&event.id);
        }
    }
}

/// Sends an event on its way, if it is one and is wanted.
fn submit(
    event: &WireEvent,
    settings: &PluginInput,
    source: &Source,
    batch: &mut Batch<'_>,
    zone: &mut ZoneCache,
    room: &mut Vec<u8>,
) {
    if let Err(wrong) = event.check() {
        return debug!(input = %source.input.name, %wrong, "an event is passed over");
    }
    if !settings.takes(&event.kind) {
        return;
    }
    message::write(event, &settings.plugin.name, batch.my_hostname(), room);
    let is_truncated = room.len() > source.input.message_bytes_max;
    room.truncate(source.input.message_bytes_max);
    let received = batch.received();
    let message = parse(room, received, zone);
    batch.submit(&message, is_truncated, received);
}

fn settings(source: &Source) -> Option<&PluginInput> {
    match &source.input.kind {
        InputKind::Plugin(settings) => Some(settings),
        _ => None,
    }
}

/// The id of the last event of an input, as the last run has left it in this directory.
pub(super) fn last(work_dir: &Path, input: &str) -> Kept {
    Kept::load(work_dir.join(format!("events.{input}")))
}
