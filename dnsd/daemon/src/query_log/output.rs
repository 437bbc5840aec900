//! Queries that came out of a ring, made into lines and written.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use super::clock::Clock;
use super::complaints::Complaints;
use super::entry::Query;
use super::file::LogFile;
use super::line;
use super::syslog::Syslog;
use super::target::Target;
use crate::config::QueryLogConfig;

/// Lines are gathered up to here before they are written.
const WRITE_BYTES: usize = 64 << 10;

/// How often it is looked whether the file was rotated away.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

/// Where lines go, and how they look.
pub(super) struct Output {
    target: Target,
    config: QueryLogConfig,
    clock: Clock,
    follow_at: Instant,
    /// Lines that aren't written yet: several for a file, at most one for the system's log.
    lines: Vec<u8>,
}

/// What became of queries.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// They have a line.
    pub(super) lines: u64,
    /// They have none.
    pub(super) lost: u64,
}

impl Output {
    pub(super) fn new(target: Target, config: QueryLogConfig) -> Self {
        Self {
            target,
            config,
            clock: Clock::new(TimeZone::system(), Clock::BIND),
            follow_at: Instant::now(),
            lines: Vec::new(),
        }
    }

    /// Goes over to the file's successor where it was rotated away; looks for it now and then.
    pub(super) fn follow(&mut self, now: Instant, complaints: &mut Complaints) {
        if let Target::File(file) = &mut self.target
            && now >= self.follow_at
        {
            self.follow_at = now + FOLLOW_INTERVAL;
            if let Err(cause) = file.follow() {
                complaints.note(cause);
            }
        }
    }

    /// Writes queries as they are encoded in a ring, whose number the lines have.
    pub(super) fn write(&mut self, queries: &[u8], ring: u64, complaints: &mut Complaints) -> Written {
        let mut queries = Queries { bytes: queries };
        let Self { target, lines, .. } = self;
        lines.clear();
        match target {
            Target::File(file) => write_to_file(file, lines, complaints, |lines| {
                let query = queries.next()?;
                append(lines, &self.config, &mut self.clock, &query, ring);
                Some(())
            }),
            Target::Syslog(syslog) => send_to_log(syslog, lines, complaints, |syslog, line| {
                let query = queries.next()?;
                syslog.head(line, query.time_ms);
                append(line, &self.config, &mut self.clock, &query, ring);
                Some(())
            }),
        }
    }
}

/// Writes what `append_next` appends, until it has nothing more.
fn write_to_file(
    file: &mut LogFile,
    lines: &mut Vec<u8>,
    complaints: &mut Complaints,
    mut append_next: impl FnMut(&mut Vec<u8>) -> Option<()>,
) -> Written {
    let mut all = Written::default();
    loop {
        lines.clear();
        let mut count = 0;
        while lines.len() < WRITE_BYTES && append_next(lines).is_some() {
            lines.push(b'\n');
            count += 1;
        }
        if count == 0 {
            return all;
        }
        let written = match file.write(lines) {
            Ok(()) => count,
            Err((written, cause)) => {
                complaints.note(cause);
                written
            }
        };
        all.lines += written;
        all.lost += count - written;
    }
}

/// The same for the system's log, which takes one line at a time.
fn send_to_log(
    syslog: &mut Syslog,
    line: &mut Vec<u8>,
    complaints: &mut Complaints,
    mut append_next: impl FnMut(&mut Syslog, &mut Vec<u8>) -> Option<()>,
) -> Written {
    let mut all = Written::default();
    loop {
        line.clear();
        if append_next(syslog, line).is_none() {
            return all;
        }
        match syslog.send(line) {
            Ok(()) => all.lines += 1,
            Err(cause) => {
                complaints.note(cause);
                all.lost += 1;
            }
        }
    }
}

/// The line with what is to stand before it, in BIND's order.
fn append(to: &mut Vec<u8>, config: &QueryLogConfig, clock: &mut Clock, query: &Query<'_>, ring: u64) {
    // Writing to a Vec can't fail.
    if config.print_time {
        let _: io::Result<()> = write!(to, "{}.{:03} ", clock.text(query.time_ms), query.time_ms % 1000);
    }
    if config.print_category {
        to.extend_from_slice(b"queries: ");
    }
    if config.print_severity {
        to.extend_from_slice(b"info: ");
    }
    line::write(to, query, ring);
}

/// Encoded queries one after the other.
struct Queries<'q> {
    bytes: &'q [u8],
}

impl<'q> Iterator for Queries<'q> {
    type Item = Query<'q>;

    fn next(&mut self) -> Option<Query<'q>> {
        let (query, following) = Query::decode(self.bytes)?;
        self.bytes = following;
        Some(query)
    }
}
