//! The records of one large file, read on one thread and collected on another, in batches whose buffers go to and fro.
//!
//! The records come in the order of the file and the errors too, so what comes of it is what one thread would make of it.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use dnsd_core::master::{Reader, RecordRef};
use dnsd_core::name::NameRef;
use dnsd_core::rrtype::{Class, Type};
use dnsd_core::zone::{Position, ZoneBuilder};

use super::{Problem, position_of};

/// Octets of names and data after which a batch is handed over: little enough to stay in a processor's cache.
const BATCH_BYTES: usize = 64 << 10;
/// Batches under way: who is ahead waits, so that a slow builder doesn't leave the whole file in memory a second time.
const BATCHES_MAX: usize = 4;

/// Records one behind the other.
#[derive(Default)]
struct Batch {
    heads: Vec<Head>,
    /// For each record its owner in wire form, then its data.
    bytes: Vec<u8>,
}

/// A record but for its owner and its data.
struct Head {
    class: Class,
    rtype: Type,
    ttl: u32,
    position: Position,
    owner_len: u8,
    rdata_len: u16,
}

/// Reads all records into the builder; gives the errors of the text.
pub(super) fn collect(reader: &mut Reader<'_, '_>, builder: &mut ZoneBuilder) -> Vec<Problem> {
    let (full, filled) = sync_channel(BATCHES_MAX);
    let (used, empty) = channel();
    thread::scope(|scope| {
        // The reader stays on this thread: it may ask for further files.
        let builder = scope.spawn(move || add_all(&filled, &used, builder));
        let problems = read_all(reader, &full, &empty);
        drop(full);
        match builder.join() {
            Ok(()) => problems,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn read_all(reader: &mut Reader<'_, '_>, full: &SyncSender<Batch>, empty: &Receiver<Batch>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut batch = Batch::default();
    while let Some(read) = reader.next_record() {
        match read {
            Ok(record) => batch.push(&record),
            Err(error) => problems.push(Problem::Text(error)),
        }
        if batch.bytes.len() >= BATCH_BYTES {
            let next = empty.try_recv().unwrap_or_default();
            // Nobody takes it any more when the other thread has failed, and that is said when it is joined.
            let _ = full.send(std::mem::replace(&mut batch, next));
        }
    }
    let _ = full.send(batch);
    problems
}

fn add_all(filled: &Receiver<Batch>, used: &Sender<Batch>, builder: &mut ZoneBuilder) {
    for mut batch in filled {
        batch.add_to(builder);
        batch.heads.clear();
        batch.bytes.clear();
        // The reader may be through.
        let _ = used.send(batch);
    }
}

impl Batch {
    fn push(&mut self, record: &RecordRef<'_>) {
        let owner = record.owner.as_wire();
        self.heads.push(Head {
            class: record.class,
            rtype: record.rtype,
            ttl: record.ttl,
            position: position_of(record),
            // A name has 255 octets at most, and the reader gives data of at most 65535.
            owner_len: owner.len() as u8,
            rdata_len: record.rdata.len() as u16,
        });
        self.bytes.extend_from_slice(owner);
        self.bytes.extend_from_slice(record.rdata);
    }

    fn add_to(&self, builder: &mut ZoneBuilder) {
        let mut rest = &self.bytes[..];
        for head in &self.heads {
            let (owner, after) = rest.split_at(usize::from(head.owner_len));
            let (rdata, after) = after.split_at(usize::from(head.rdata_len));
            rest = after;
            let owner = NameRef::from_wire(owner).expect("a batch is filled with whole names");
            builder.add(owner, head.class, head.ttl, head.rtype, rdata, Some(head.position));
        }
    }
}
