//! The input `journal`: what journald has, entry by entry, as rsyslog's imjournal has it.
//!
//! The journal's files are journald's own, and their format is what libsystemd reads. So `journalctl` is asked, which every
//! machine with a journal has: a child that follows the journal and writes entries to a pipe. Where it has come to, its cursor, is
//! kept in `work-dir`; a child that ends is started again from there.
//!
//! This input waits for outputs that hold back, as those of the network do: its sender is a journal on disk and not a program.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use logd_core::control_chars::clean;
use logd_core::journal::{Entry, Export, FIELDS};
use logd_core::message::Message;
use logd_core::parse::compose;
use logd_core::time::ZoneCache;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Service;
use super::kept::Kept;
use super::source::Source;
use crate::config::{InputKind, JournalSettings};
use crate::output::HeldBack;
use crate::pipeline::{Batch, Scratch};

/// How much is read at a time.
const READ_BYTES: usize = 64 << 10;

/// The first and the longest wait before a child that has ended is started again.
const RESTART_FIRST: Duration = Duration::from_millis(500);
const RESTART_LONGEST: Duration = Duration::from_secs(30);

/// Follows the journal until it is stopped.
pub(super) async fn follow(
    mut sources: watch::Receiver<Arc<Source>>,
    mut cursor: Kept,
    service: Arc<Service>,
    stop: CancellationToken,
) {
    let mut pause = RESTART_FIRST;
    while !stop.is_cancelled() {
        let source = sources.borrow_and_update().clone();
        let InputKind::Journal(settings) = &source.input.kind else {
            return;
        };
        let before = cursor.line().to_owned();
        let name = source.input.name.clone();
        let message_bytes_max = source.input.message_bytes_max;
        let started = start(settings, &cursor);
        // A child that runs for long does not keep a configuration alive that is gone.
        drop(source);
        match started {
            Ok((mut child, entries)) => {
                let mut reader = Reader::new(entries, message_bytes_max);
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = reader.run(&mut sources, &mut cursor, &service) => {}
                }
                // What it has not written it will write again.
                let _ = child.kill().await;
            }
            Err(error) => error!(input = %name, %error, "journalctl cannot be run"),
        }
        if stop.is_cancelled() {
            break;
        }
        if cursor.line() != before {
            pause = RESTART_FIRST;
        }
        warn!(input = %name, again_after = ?pause, "journalctl has ended");
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(pause) => pause = (pause * 2).min(RESTART_LONGEST),
        }
    }
    tokio::select! {
        biased;
        () = cursor.written() => {}
        () = service.abandon.cancelled() => {}
    }
}

/// Starts journalctl after the cursor; what it has to complain of goes to our own log's end.
fn start(settings: &JournalSettings, cursor: &Kept) -> std::io::Result<(Child, ChildStdout)> {
    let mut command = Command::new("journalctl");
    command.args(["--follow", "--output=export", "--quiet", "--all"]);
    command.arg(format!("--output-fields={}", FIELDS.join(",")));
    if let Some(directory) = &settings.directory {
        command.arg("--directory").arg(directory);
    }
    match cursor.line() {
        "" if settings.ignore_previous_messages => command.arg("--lines=0"),
        "" => command.arg("--no-tail"),
        after => command.arg(format!("--after-cursor={after}")).arg("--no-tail"),
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let entries = child.stdout.take().expect("it was asked for");
    Ok((child, entries))
}

struct Reader {
    entries: ChildStdout,
    export: Export,
    zone: ZoneCache,
    room: Vec<u8>,
}

impl Reader {
    fn new(entries: ChildStdout, message_bytes_max: usize) -> Self {
        Self {
            entries,
            export: Export::new(message_bytes_max),
            zone: ZoneCache::new(TimeZone::system()),
            room: Vec::new(),
        }
    }

    /// Reads until the child ends.
    async fn run(&mut self, sources: &mut watch::Receiver<Arc<Source>>, cursor: &mut Kept, service: &Service) {
        let mut held_back = HeldBack::default();
        let mut bytes = Vec::with_capacity(READ_BYTES);
        loop {
            service.store.room(&mut held_back).await;
            bytes.clear();
            match self.entries.read_buf(&mut bytes).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => return warn!(%error, "journalctl"),
            }
            let source = sources.borrow_and_update().clone();
            if let Some(last) = self.deliver(&bytes, &source, &mut held_back) {
                cursor.keep(&last);
            }
        }
    }

    /// Sends the entries that end in these bytes on their way; the cursor of the last one, which is text.
    fn deliver(&mut self, bytes: &[u8], source: &Source, held_back: &mut HeldBack) -> Option<String> {
        let Self { export, zone, room, .. } = self;
        let mut last = None;
        Scratch::with(|scratch| {
            let mut batch = source.batch(scratch, held_back);
            export.feed(bytes, |entry| {
                submit(entry, &mut batch, zone, room);
                last = String::from_utf8(entry.cursor.clone()).ok();
            });
            source.count(bytes.len(), &batch.finish());
        });
        last
    }
}

/// Sends an entry on its way; one without a text is none for syslog.
fn submit(entry: &Entry, batch: &mut Batch<'_>, zone: &mut ZoneCache, room: &mut Vec<u8>) {
    let Some(text) = &entry.message else { return };
    let tag = entry.tag();
    let message = compose(entry.pri(), &clean(&tag), &clean(text), room);
    let at = entry.unix_us().and_then(|unix_us| {
        let unix_s = i64::try_from(unix_us / 1_000_000).ok()?;
        Some(zone.timestamp_at(unix_s, (unix_us % 1_000_000) as u32 * 1000))
    });
    let message = Message {
        timestamp: at,
        ..message
    };
    batch.submit(&message, entry.truncated, batch.received());
}

/// The cursor of an input, as the last run has left it in this directory.
pub(super) fn cursor(work_dir: &Path, input: &str) -> Kept {
    Kept::load(work_dir.join(format!("journal.{input}")))
}
