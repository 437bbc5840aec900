//! The records of one large file, whose parts are read and collected by a thread each.

use std::thread;

use dnsd_core::master::{Part, PartRead, Reader};
use dnsd_core::zone::ZoneBuilder;

use super::{Problem, add, collect};

/// Records that are read before the file is cut: origin and `$TTL` are usually set in front of the first one.
const RECORDS_AHEAD: usize = 16;

/// More of them are not read faster: what follows, the joining of what they found, is done by one thread.
const PARTS_MAX: usize = 16;

/// Reads all records into the builder, and the errors of the text.
pub(super) fn collect_all(
    reader: &mut Reader<'_, '_>,
    builder: &mut ZoneBuilder,
    problems: &mut Vec<Problem>,
    threads: usize,
) {
    collect(reader, builder, problems, RECORDS_AHEAD);
    let parts = reader.cut(threads.min(PARTS_MAX));
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for part in parts {
            let own = builder.another();
            workers.push(scope.spawn(move || read_part(part, own)));
        }
        collect(reader, builder, problems, usize::MAX);
        for worker in workers {
            let (read, later) = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if let Some(lines) = reader.take_over(read) {
                builder.append_behind(later, lines);
            }
            collect(reader, builder, problems, usize::MAX);
        }
    });
}

fn read_part(part: Part<'_>, mut builder: ZoneBuilder) -> (PartRead<'_>, ZoneBuilder) {
    builder.expect_text(part.len());
    let read = part.read(|record| add(&mut builder, record));
    builder.make_ready();
    (read, builder)
}
