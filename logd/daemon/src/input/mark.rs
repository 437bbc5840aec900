//! The input `mark`: a message every so often that says that this machine logs, as rsyslog's immark has it.

use std::sync::Arc;
use std::time::Duration;

use logd_core::parse::compose;
use logd_core::pri::Pri;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use super::source::Source;
use crate::config::InputKind;
use crate::output::HeldBack;
use crate::pipeline::Scratch;

/// syslog.info
const PRI: u8 = 46;

const TAG: &[u8] = b"logd:";
const TEXT: &[u8] = b"-- MARK --";

/// Marks until it is stopped.
pub(super) async fn run(mut sources: watch::Receiver<Arc<Source>>, stop: CancellationToken) {
    loop {
        let source = sources.borrow_and_update().clone();
        let Some(every) = every(&source) else {
            return stop.cancelled().await;
        };
        let mut ticks = interval_at(Instant::now() + every, every);
        // A machine that slept says so once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Ok(()) = sources.changed() => break,
                _ = ticks.tick() => mark(&source),
            }
        }
    }
}

fn every(source: &Source) -> Option<Duration> {
    match &source.input.kind {
        InputKind::Mark(mark) => Some(mark.every),
        _ => None,
    }
}

fn mark(source: &Source) {
    Scratch::with(|scratch| {
        let mut held_back = HeldBack::default();
        let mut batch = source.batch(scratch, &mut held_back);
        let mut room = Vec::new();
        let message = compose(Pri::new(PRI).unwrap_or(Pri::DEFAULT), TAG, TEXT, &mut room);
        batch.submit(&message, false, batch.received());
        source.count(0, &batch.finish());
    });
}
