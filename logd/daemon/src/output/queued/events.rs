//! The output `plugin`: messages as events for a plugin, which it is told of one after the other (io.ballast.Events1.Emit).
//!
//! An event has the same id whenever it is told of, so that one whose reply was lost is not two. While the plugin is away events
//! wait in the queue, which drops what it has no room for; nothing else waits. Of an event that the plugin refuses, or breaks off
//! at again and again, nothing is left to try.

mod link;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::plugin::Settings;
use metrics::{Counter, counter};
use serde::Serialize;
use tokio::time::sleep;
use tracing::{info, warn};

use self::link::{Failure, Link};
use crate::output::queue::Queue;
use crate::pipeline::event;
use crate::throttle::Throttle;

/// After a failure the next attempt waits so long, then twice as long, up to the maximum: a plugin that is started again is back
/// in a moment.
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// A plugin that is connected to and breaks off at the same event so often does not take it.
const BREAKS_MAX: u32 = 8;

/// A longer text is cut: an event is for a glance, and a file has the message.
const MESSAGE_BYTES_MAX: usize = 8 << 10;
const FIELD_BYTES_MAX: usize = 1 << 10;

/// A message that is refused may come as often as a sender likes.
const WARNINGS_MAX: u32 = 10;
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Which plugin is told, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Events {
    /// The output's name: another output's event of the same message is another event.
    pub(crate) output: Box<str>,
    pub(crate) plugin: Settings,
    pub(crate) kind: Box<str>,
    /// The names of the fields, in the order of a record's values.
    pub(crate) fields: Box<[Box<str>]>,
}

/// `Event`, as it goes over the wire.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Event<'e> {
    id: String,
    time: i64,
    kind: &'e str,
    host: Option<String>,
    message: String,
    fields: BTreeMap<&'e str, String>,
}

impl Events {
    /// The event of a record; `None`: it is no record of one.
    fn event(&self, record: &[u8]) -> Option<Event<'_>> {
        let record = event::read(record)?;
        let names = self.fields.iter().map(|name| &**name);
        let fields = names.zip(record.fields.map(|value| text(value, FIELD_BYTES_MAX)));
        Some(Event {
            id: format!("{}-{}", text(record.id, FIELD_BYTES_MAX), self.output),
            time: record.time,
            kind: &self.kind,
            host: record.host.map(|host| text(host, FIELD_BYTES_MAX)),
            message: text(record.message, MESSAGE_BYTES_MAX),
            fields: fields.collect(),
        })
    }
}

/// Bytes of a message as JSON has them: what is not UTF-8 is U+FFFD.
fn text(bytes: &[u8], bytes_max: usize) -> String {
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(bytes_max)]).into_owned();
    if bytes.len() > bytes_max {
        // A character that was cut through.
        text.truncate(text.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
        text.push('…');
    }
    text
}

/// Tells of events until the queue is closed and all that was in it is seen to.
pub(super) async fn run(events: &Events, queue: &Arc<Queue>) {
    tell_all(events, queue, RETRY_FIRST).await;
}

async fn tell_all(events: &Events, queue: &Arc<Queue>, retry_first: Duration) {
    let mut teller = Teller {
        events,
        queue,
        link: Link::new(&events.plugin),
        failures: 0,
        retry_first,
        refusals: Throttle::new(WARNINGS_MAX, WARN_INTERVAL),
        refused: counter!("logd_output_dropped_total", "output" => queue.name().to_owned(), "reason" => "refused"),
    };
    while let Some(records) = queue.take().await {
        for (number, record) in (records.first()..).zip(records.iter()) {
            teller.tell(record).await;
            queue.settle(number);
        }
    }
}

struct Teller<'t> {
    events: &'t Events,
    queue: &'t Queue,
    link: Link<'t>,
    /// In a row.
    failures: u32,
    retry_first: Duration,
    refusals: Throttle,
    refused: Counter,
}

impl Teller<'_> {
    /// Returns when the plugin has the event, or refuses it.
    async fn tell(&mut self, record: &[u8]) {
        let Some(event) = self.events.event(record) else {
            return;
        };
        let mut breaks = 0;
        loop {
            let cause = match self.link.emit(&event).await {
                Ok(()) => {
                    self.queue.count_sent(1, record.len());
                    if std::mem::take(&mut self.failures) > 0 {
                        info!(output = self.queue.name(), "the plugin takes events again");
                    }
                    return;
                }
                Err(Failure::Refused(cause)) => return self.refuse(&cause),
                Err(Failure::BrokenOff(cause)) => {
                    breaks += 1;
                    if breaks == BREAKS_MAX {
                        return self.refuse(&cause);
                    }
                    cause
                }
                Err(Failure::Away(cause)) => cause,
            };
            self.queue.count_error();
            // Once is said; what goes on is seen in the metrics.
            if self.failures == 0 {
                warn!(output = self.queue.name(), %cause, "the plugin does not take events: trying on");
            }
            let wait = RETRY_MAX.min(self.retry_first * 2_u32.saturating_pow(self.failures));
            self.failures = self.failures.saturating_add(1);
            sleep(wait).await;
        }
    }

    fn refuse(&self, cause: &str) {
        self.refused.increment(1);
        if let Some(others) = self.refusals.admit(std::time::Instant::now()) {
            warn!(output = self.queue.name(), %cause, others, "the plugin refuses an event, which is dropped");
        }
    }
}
