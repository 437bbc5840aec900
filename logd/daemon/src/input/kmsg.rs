//! The input `kmsg`: the kernel's log, a record a message, of the program `kernel`.
//!
//! The device gives every reader all records that it still has. Which of them were read is kept in `work-dir`, with the boot
//! that the numbers are of, so that a restart reads on: it neither loses records nor doubles them. The kernel waits for nobody;
//! what it has overwritten is counted by the gap in the numbers.

mod position;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use logd_core::control_chars::clean;
use logd_core::kmsg::{Followed, Record, parse, records, unescape};
use logd_core::message::Message;
use logd_core::parse::{compose, parse_local};
use logd_core::time::{Timestamp, ZoneCache};
use metrics::{Counter, counter};
use nix::libc::O_NONBLOCK;
use nix::time::{ClockId, clock_gettime};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

pub(super) use position::Position;

use super::Service;
use super::source::Source;
use crate::config::InputKind;
use crate::output::HeldBack;
use crate::pipeline::{Batch, Scratch};

/// Longer than any record: the kernel's text is at most 1 KiB (PRINTKRB_RECORD_MAX), written out as escapes four times that, and
/// 8 KiB is what the device asks readers to have.
const READ_BYTES: usize = 16 << 10;

/// Records taken before other inputs of the thread have their turn.
const BATCH_MAX: usize = 64;

/// When to look again at what stands in for the device and has come to its end.
const END_PAUSE: Duration = Duration::from_secs(1);

/// The program of what the kernel says, as with rsyslog's imklog.
const TAG: &[u8] = b"kernel:";

/// The kernel's facility (RFC 5424 §6.2.1, table 1).
const KERN: u8 = 0;

/// Opens the device.
///
/// # Errors
/// What the system says: with `kernel.dmesg_restrict` it takes CAP_SYSLOG.
pub(super) fn open(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(O_NONBLOCK).open(path)
}

/// Reads records until it is stopped, and then what is still there.
pub(super) async fn follow(
    device: File,
    mut sources: watch::Receiver<Arc<Source>>,
    mut position: Position,
    service: Arc<Service>,
    stop: CancellationToken,
) {
    // Of what the runtime can wait for, a pipe's end is what asks for nothing but read(2) and poll(2).
    let device = match Receiver::from_file_unchecked(device) {
        Ok(device) => device,
        Err(error) => return error!(%error, "cannot follow the kernel's log"),
    };
    let mut source = sources.borrow_and_update().clone();
    let mut kernel = Kernel::new(&source);
    while !stop.is_cancelled() {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Ok(()) = sources.changed() => {
                source = sources.borrow_and_update().clone();
                kernel = Kernel::new(&source);
            }
            readable = device.readable() => {
                if let Err(error) = readable {
                    debug!(%error, "the kernel's log");
                }
                match kernel.take_batch(&source, &mut position, |buffer| device.try_read(buffer)) {
                    Taken::Some | Taken::All => {}
                    Taken::End => sleep(END_PAUSE).await,
                }
            }
        }
        tokio::task::consume_budget().await;
    }
    // From the device itself: the runtime learns with a delay that there is something, and now that would be too late.
    let Ok(mut device) = device.into_nonblocking_fd().map(File::from) else {
        return;
    };
    while !service.abandon.is_cancelled()
        && matches!(
            kernel.take_batch(&source, &mut position, |buffer| device.read(buffer)),
            Taken::Some
        )
    {
        tokio::task::consume_budget().await;
    }
    tokio::select! {
        biased;
        () = position.written() => {}
        () = service.abandon.cancelled() => {}
    }
}

/// How far a batch came.
enum Taken {
    /// There may be more.
    Some,
    /// There is nothing more at the moment.
    All,
    /// There will be nothing more: so the device never says.
    End,
}

struct Kernel {
    zone: ZoneCache,
    /// Where messages are made.
    room: Vec<u8>,
    lost: Counter,
}

impl Kernel {
    fn new(source: &Source) -> Self {
        let input = source.input.name.to_string();
        Self {
            zone: ZoneCache::new(TimeZone::system()),
            room: Vec::new(),
            lost: counter!("logd_input_dropped_total", "input" => input, "reason" => "overwritten"),
        }
    }

    fn take_batch(
        &mut self,
        source: &Source,
        position: &mut Position,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> Taken {
        let taken = Scratch::with(|scratch| {
            let mut buffer = std::mem::take(&mut scratch.read);
            buffer.resize(READ_BYTES, 0);
            let mut held_back = HeldBack::default();
            let mut batch = source.batch(scratch, &mut held_back);
            let (mut outcome, mut bytes) = (Taken::Some, 0);
            for _ in 0..BATCH_MAX {
                match read(&mut buffer) {
                    Ok(0) => {
                        outcome = Taken::End;
                        break;
                    }
                    Ok(length) => {
                        bytes += length;
                        for record in records(&buffer[..length]) {
                            self.record(source, &mut batch, position, record);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        outcome = Taken::All;
                        break;
                    }
                    // Overwritten before it was read: the next call has the oldest that there is, and its number tells.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                    Err(error) => debug!(%error, "the kernel's log"),
                }
            }
            source.count(bytes, &batch.finish());
            scratch.read = buffer;
            outcome
        });
        position.keep();
        taken
    }

    fn record(&mut self, source: &Source, batch: &mut Batch<'_>, position: &mut Position, bytes: &[u8]) {
        let InputKind::Kmsg(settings) = &source.input.kind else {
            return;
        };
        let Some(record) = parse(bytes) else {
            return debug!(record = %bytes.escape_ascii(), "no record of the kernel's log");
        };
        match position.follow(record.sequence) {
            Followed::Known => return,
            Followed::New { lost: 0 } => {}
            Followed::New { lost } => {
                self.lost.increment(lost);
                warn!(input = %source.input.name, lost, "records of the kernel's log were overwritten before they were read");
            }
        }
        if record.pri.facility() != KERN && !settings.permit_non_kernel_facility {
            return;
        }
        let at = self.time(record);
        let message = self.message(record, batch);
        batch.submit(&message_at(message, at), false, batch.received());
    }

    fn message(&mut self, record: Record<'_>, batch: &Batch<'_>) -> Message<'_> {
        let text = unescape(record.text);
        let text = clean(&text);
        if record.pri.facility() == KERN {
            return compose(record.pri, TAG, &text, &mut self.room);
        }
        // A program has written it to the device, with a tag of its own.
        self.room.clear();
        self.room
            .extend_from_slice(format!("<{}>", record.pri.number()).as_bytes());
        self.room.extend_from_slice(&text);
        parse_local(&self.room, batch.received(), &mut self.zone)
    }

    /// When a record was made. The kernel counts from its start, by a clock that nobody sets.
    fn time(&mut self, record: Record<'_>) -> Option<Timestamp> {
        let now = |clock| {
            clock_gettime(clock)
                .ok()
                .map(|time| i128::from(time.tv_sec()) * 1_000_000_000 + i128::from(time.tv_nsec()))
        };
        let started = now(ClockId::CLOCK_REALTIME)? - now(ClockId::CLOCK_MONOTONIC)?;
        let at = started + i128::from(record.monotonic_us) * 1000;
        let unix_s = i64::try_from(at.div_euclid(1_000_000_000)).ok()?;
        let nanos = u32::try_from(at.rem_euclid(1_000_000_000)).ok()?;
        Some(self.zone.timestamp_at(unix_s, nanos))
    }
}

fn message_at(message: Message<'_>, at: Option<Timestamp>) -> Message<'_> {
    Message {
        timestamp: at,
        ..message
    }
}
