//! The search over the files of the trees: what grep would find, with the time, host, program and severity of each line.
//!
//! A search runs on a thread of its own at the lowest priority (see [`super::workers`]), and is bounded in time, in the bytes that
//! it reads and in the lines that it keeps. It ends when its client goes. Files are read from the one that was written last to the
//! one that was written first, so that what a bound cuts off is the oldest.

mod answer;
mod histogram;
mod newest;
mod reading;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use jiff::tz::TimeZone;
use logd_core::time::{Timestamp, ZoneCache};
use tokio_util::sync::CancellationToken;

use super::line::Said;
use super::query::Query;
use super::tree::{FILES_MAX, Files, Found, Tree, Until, Wanted};
use answer::{LeftOut, Searched, Stopped, marks, shown_line};
use histogram::Histogram;
use newest::Newest;
use reading::{Bounded, open};

pub(super) use answer::{Answer, Line};

/// How long a search may take: longer than anybody waits with patience.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Bytes that a search may read, decompressed: about what a core gets through in that time.
const READ_BYTES_MAX: u64 = 16 << 30;

/// The longest line that is looked at as a whole; a file with a longer one is given up there, and that is said.
const LINE_BYTES_MAX: usize = 8 << 20;

/// What the lines that are kept may take. With fewer than are asked for, a few very long ones push out the others.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// How far a sender's clock may be ahead of ours without its lines being missed: a file is skipped that was written last so long
/// before the time that is searched from.
const CLOCK_SLACK_S: i64 = 86_400;

/// After how many lines the search looks whether it is over.
const CHECK_LINES: u64 = 1024;

/// Messages that are known again when another output has them too; beyond it, which takes some 30 MB, they are counted twice.
const KNOWN_MAX: usize = 1 << 20;

/// Searches.
pub(super) fn search(trees: &[Arc<Tree>], query: &Query, gone: CancellationToken) -> Answer {
    let start = Instant::now();
    let until = Until {
        deadline: start + TIME_MAX,
        gone,
    };
    let wanted = Wanted {
        host: query.host.clone(),
        program: query.program.clone(),
    };
    let mut run = Run {
        query,
        until,
        zone: ZoneCache::new(TimeZone::system()),
        newest: Newest::new(query.lines_max, KEPT_BYTES_MAX),
        histogram: Histogram::of(query.from_s.map(|from| (from, query.to_s.unwrap_or(query.now_s)))),
        answer_parts: Parts::default(),
        known: HashMap::new(),
        hasher: RandomState::new(),
        is_one_tree: false,
        bytes_left: READ_BYTES_MAX,
        lines: 0,
    };
    let mut files = Files::new(FILES_MAX);
    let mut places = Vec::new();
    let is_searched = |tree: &&Arc<Tree>| query.output.as_ref().is_none_or(|name| *name == tree.name);
    run.is_one_tree = trees.iter().filter(is_searched).count() <= 1;
    for tree in trees.iter().filter(is_searched) {
        tree.files(&wanted, &run.until, &mut files);
        places.resize(files.found.len(), tree);
    }
    if files.cut {
        run.stop(if run.until.is_over() {
            Stopped::Time
        } else {
            Stopped::Files
        });
    }
    let mut found: Vec<_> = files.found.into_iter().zip(places).collect();
    // Of two that have the same messages, the one that says more of them first.
    found.sort_by_key(|(file, tree)| (std::cmp::Reverse(file.modified_s), !tree.format.has_severity()));
    let mut seen = HashSet::new();
    run.answer_parts.refused = files.refused;
    for (file, tree) in found {
        if query.from_s.is_some_and(|from| file.modified_s < from - CLOCK_SLACK_S) || !seen.insert(file.identity) {
            continue;
        }
        if run.must_stop() {
            break;
        }
        run.file(tree, &file);
    }
    run.finish(start)
}

/// A search under way.
struct Run<'q> {
    query: &'q Query,
    until: Until,
    zone: ZoneCache,
    newest: Newest<Line>,
    histogram: Histogram,
    answer_parts: Parts,
    /// In which tree a message was found, by a hash of it: what rules send to several outputs is shown once.
    known: HashMap<u64, usize>,
    hasher: RandomState,
    /// There are no others.
    is_one_tree: bool,
    bytes_left: u64,
    /// Lines that were looked at.
    lines: u64,
}

#[derive(Default)]
struct Parts {
    matches: u64,
    searched: Searched,
    left_out: LeftOut,
    stopped: Option<Stopped>,
    refused: Vec<String>,
}

/// Files that could not be read are named up to so many.
const REFUSED_MAX: usize = 10;

impl Run<'_> {
    fn stop(&mut self, why: Stopped) {
        self.answer_parts.stopped.get_or_insert(why);
    }

    fn must_stop(&mut self) -> bool {
        if self.until.is_over() {
            self.stop(Stopped::Time);
        } else if self.bytes_left == 0 {
            self.stop(Stopped::Bytes);
        }
        self.answer_parts
            .stopped
            .is_some_and(|stopped| stopped != Stopped::Files)
    }

    fn file(&mut self, tree: &Tree, file: &Found) {
        let shown = Tree::shown(file);
        let refuse = |parts: &mut Parts, error: io::Error| {
            // What is rotated or removed while we look is no trouble.
            if error.kind() != io::ErrorKind::NotFound && parts.refused.len() < REFUSED_MAX {
                let path = Path::new(&tree.root()).join(&shown);
                parts.refused.push(format!("{}: {error}", path.display()));
            }
        };
        let from = self.query.from_s.filter(|_| tree.format.has_time());
        let opened = tree.open(file).map_err(io::Error::from).and_then(|opened| {
            let zone = &mut self.zone;
            let near = Timestamp::from_unix(file.modified_s, 0);
            let time = |line: &[u8]| tree.format.read(line, near, zone).time.map(|time| time.unix_s);
            open(opened, file, from, time)
        });
        let reader = match opened {
            Ok(reader) => reader,
            Err(error) => return refuse(&mut self.answer_parts, error),
        };
        self.answer_parts.searched.files += 1;
        let mut reader = Bounded::new(reader, self.until.clone(), self.bytes_left);
        let mut searcher = searcher();
        let query = self.query;
        let mut lines = Lines {
            run: self,
            tree,
            file,
            shown: &shown,
        };
        let searched = searcher.search_reader(&query.matcher, &mut reader, &mut lines);
        self.answer_parts.searched.bytes += reader.read_bytes();
        self.bytes_left -= reader.read_bytes();
        if let Err(error) = searched {
            refuse(&mut self.answer_parts, error);
        }
    }

    fn line(&mut self, tree: &Tree, file: &Found, shown: &str, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let near = Timestamp::from_unix(file.modified_s, 0);
        let said = tree.format.read(line, near, &mut self.zone);
        let query = self.query;
        // Of what the path says its walk has taken account; a file that several hosts or programs share is decided by its lines.
        let wanted = |pattern: Option<&crate::live::Pattern>, by_path: Option<&String>, by_line: Option<&str>| {
            by_path.is_some() || pattern.is_none_or(|pattern| pattern.matches(by_line.unwrap_or_default().as_bytes()))
        };
        if !wanted(query.host.as_ref(), file.host.as_ref(), said.host.as_deref())
            || !wanted(query.program.as_ref(), file.program.as_ref(), said.program.as_deref())
        {
            return;
        }
        let time_s = said.time.map(|time| time.unix_s);
        if query.from_s.is_some() || query.to_s.is_some() {
            let Some(time_s) = time_s else {
                self.answer_parts.left_out.without_time += 1;
                return;
            };
            if query.from_s.is_some_and(|from| time_s < from) || query.to_s.is_some_and(|to| time_s > to) {
                return;
            }
        }
        if let Some(most) = query.severity {
            match said.severity {
                None => {
                    self.answer_parts.left_out.without_severity += 1;
                    return;
                }
                Some(severity) if severity > most => return,
                Some(_) => {}
            }
        }
        if time_s.is_some_and(|time_s| self.is_known(tree, file, &said, time_s)) {
            self.answer_parts.left_out.elsewhere += 1;
            return;
        }
        self.answer_parts.matches += 1;
        if let Some(time_s) = time_s {
            self.histogram.add(time_s, said.severity);
        }
        let key = said.time.map_or((i64::MIN, 0), |time| (time.unix_s, time.nanos));
        self.newest.offer(key, || {
            let line = shown_line(tree, file, shown, line, said);
            let bytes = line.bytes();
            (line, bytes)
        });
    }

    /// Whether a message was found in the files of another output. Within one output what is said twice was said twice. A second
    /// is as exact as every format is.
    fn is_known(&mut self, tree: &Tree, file: &Found, said: &Said<'_>, time_s: i64) -> bool {
        if self.is_one_tree {
            return false;
        }
        let host = said.host.as_deref().or(file.host.as_deref());
        let program = said.program.as_deref().or(file.program.as_deref());
        let message = self.hasher.hash_one((time_s, host, program, &said.msg));
        let place = std::ptr::from_ref(tree).addr();
        if self.known.len() >= KNOWN_MAX {
            return self.known.get(&message).is_some_and(|known| *known != place);
        }
        *self.known.entry(message).or_insert(place) != place
    }

    fn finish(self, start: Instant) -> Answer {
        let Parts {
            matches,
            mut searched,
            left_out,
            stopped,
            refused,
        } = self.answer_parts;
        let mut lines = self.newest.in_order();
        if !self.query.is_everything {
            // The newest first, as they are looked at: with a pattern that takes long the time may not do for all.
            for line in lines.iter_mut().rev().take_while(|_| !self.until.is_over()) {
                line.marks = marks(&self.query.matcher, &line.msg);
            }
        }
        searched.ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Answer {
            lines,
            matches,
            histogram: self.histogram.bars(),
            searched,
            left_out,
            stopped,
            refused,
        }
    }
}

/// Takes the lines that match.
struct Lines<'r, 'q> {
    run: &'r mut Run<'q>,
    tree: &'r Tree,
    file: &'r Found,
    shown: &'r str,
}

impl Sink for Lines<'_, '_> {
    type Error = io::Error;

    fn matched(&mut self, _: &Searcher, found: &SinkMatch<'_>) -> Result<bool, io::Error> {
        for line in found.lines() {
            self.run.line(self.tree, self.file, self.shown, line);
            self.run.lines += 1;
        }
        // What is read at once can hold half a million lines.
        Ok(!self.run.lines.is_multiple_of(CHECK_LINES) || !self.run.must_stop())
    }
}

fn searcher() -> Searcher {
    SearcherBuilder::new()
        // A log may hold any bytes, and a text of them is a text.
        .binary_detection(BinaryDetection::none())
        .bom_sniffing(false)
        .line_number(false)
        .heap_limit(Some(LINE_BYTES_MAX))
        .build()
}

/// Now, in unix seconds.
pub(super) fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
