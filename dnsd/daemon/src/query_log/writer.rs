//! The thread that writes lines.
//!
//! It looks into the rings every so often instead of being woken: whoever answers would have to see for every query whether
//! it sleeps, and to wake it for many of them. While queries aren't logged it sleeps.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::complaints::Complaints;
use super::output::Output;
use super::{Order, Ring, Rings, lock};

/// How long queries are left to gather: a ring has room for those of a thread that answers 500,000 a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// What is kept for taking queries out of rings; a burst has more for as long as it lasts.
const KEPT_BYTES: usize = 64 << 10;

/// Takes orders, and between them writes what is in the rings, until it is told to finish.
pub(super) fn run(shared: &Rings, orders: &Receiver<Order>) {
    let mut writer = Writer {
        shared,
        rings: Vec::new(),
        queries: Vec::new(),
        output: None,
        complaints: Complaints::default(),
    };
    loop {
        let order = match &writer.output {
            Some(_) => orders.recv_timeout(LOOK_INTERVAL),
            None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        // What was asked until now goes where it belonged until now; before the first order, where that says.
        writer.look(Instant::now());
        match order {
            Ok(Order::Write(target, config)) => writer.output = Some(Output::new(*target, config)),
            Ok(Order::Off) => writer.output = None,
            Ok(Order::Finish(done)) => {
                writer.complaints.tell_now(writer.dropped(), Instant::now());
                // Who waited may have lost patience.
                let _ = done.send(());
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

struct Writer<'r> {
    shared: &'r Rings,
    rings: Vec<Ring>,
    /// What was taken out of a ring.
    queries: Vec<u8>,
    output: Option<Output>,
    complaints: Complaints,
}

impl Writer<'_> {
    /// Writes what the rings have, if there is a place for it.
    fn look(&mut self, now: Instant) {
        let Some(mut output) = self.output.take() else {
            return;
        };
        output.follow(now, &mut self.complaints);
        self.rings.append(&mut lock(&self.shared.new));
        for mut ring in std::mem::take(&mut self.rings) {
            // Asked before it is emptied: what its thread put into it last is still seen.
            let has_ended = ring.queries.is_abandoned();
            self.empty(&mut ring, &mut output);
            if !has_ended {
                self.rings.push(ring);
            }
        }
        if self.queries.capacity() > KEPT_BYTES {
            self.queries = Vec::new();
        }
        self.complaints.tell(self.dropped(), now);
        self.output = Some(output);
    }

    fn empty(&mut self, ring: &mut Ring, output: &mut Output) {
        self.queries.resize(ring.queries.slots(), 0);
        // There are as many as that, and only this thread takes them.
        if ring.queries.pop_entire_slice(&mut self.queries).is_err() {
            return;
        }
        let written = output.write(&self.queries, ring.number, &mut self.complaints);
        self.shared.written.fetch_add(written.lines, Ordering::Relaxed);
        self.shared.dropped.fetch_add(written.lost, Ordering::Relaxed);
    }

    fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}
