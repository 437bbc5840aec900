//! Loads a zone: reads its file and what that includes, compiles the records and checks the result.
//!
//! Many zones are loaded on several threads at once; of a single large one each thread reads a part.

mod parts;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dnsd_core::master::{Limits, Reader, RecordRef, Source};
use dnsd_core::name::Name;
use dnsd_core::rrtype::Class;
use dnsd_core::zone::check::{check_on, has_errors};
use dnsd_core::zone::{Finding, Position, Zone, ZoneBuilder};

use super::key::ZoneKey;
use super::last_good::{self, LastGood};
use super::problem::Problem;
use super::source::{Files, LARGE_FILE_BYTES};

pub(crate) use super::source::ReadFile;

/// What to load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'k> {
    /// The zone.
    pub(crate) key: &'k ZoneKey,
    /// Its file.
    pub(crate) file: &'k Path,
    /// The second place for a relative `$INCLUDE`.
    pub(crate) base_dir: &'k Path,
    /// What its content has to be.
    pub(crate) standard: Standard,
    /// Where its last good copy is, when nothing is served yet that the file can be measured against.
    pub(crate) last_good: Option<&'k LastGood>,
    /// Whether what was served may have had another serial than the files say, so that the copy is always of interest.
    pub(crate) has_other_serial: bool,
}

/// What the content of a zone has to be that can be compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standard {
    /// Without what named-checkzone takes for an error: somebody is there to mend it.
    Sound,
    /// Whatever was served before: what a primary has sent, or a copy of what was loaded, is as good after a restart.
    AsServed,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The zone, or all that is wrong with it.
    pub(crate) result: Result<Loaded, Vec<Problem>>,
    /// Every file that was asked for.
    pub(crate) files: Vec<ReadFile>,
    /// Whether the files were still what was read when all of them had been.
    pub(crate) is_current: bool,
    /// How long it took.
    pub(crate) took: Duration,
    /// The last good copy, where it is needed: instead of a file with errors or one that is being written, or to judge what
    /// files hold that it was not made from.
    pub(crate) last_good: Option<Arc<Zone>>,
}

/// A zone that may be served.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// It.
    pub(crate) zone: Arc<Zone>,
    /// What deserves a look.
    pub(crate) warnings: Vec<Problem>,
}

/// Loads zones on so many threads. The attempts are in the order of the requests.
pub(crate) fn in_parallel(requests: &[Request<'_>], threads: usize) -> Vec<Attempt> {
    if let [request] = requests {
        return vec![load_or_copy(request, threads)];
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((n, request)) = {
            let n = next.fetch_add(1, Ordering::Relaxed);
            requests.get(n).map(|request| (n, request))
        } {
            done.push((n, load_or_copy(request, 1)));
        }
        done
    };
    let mut attempts: Vec<(usize, Attempt)> = thread::scope(|scope| {
        let workers: Vec<_> = (1..threads.min(requests.len())).map(|_| scope.spawn(work)).collect();
        let mut attempts = work();
        for worker in workers {
            attempts.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        attempts
    });
    attempts.sort_by_key(|(n, _)| *n);
    attempts.into_iter().map(|(_, attempt)| attempt).collect()
}

fn load_or_copy(request: &Request<'_>, threads: usize) -> Attempt {
    let name = &request.key.name;
    let mut attempt = load(name, request.file, request.base_dir, request.standard, threads);
    let Some(path) = request.last_good.and_then(|copies| copies.of_earlier_run(request.key)) else {
        return attempt;
    };
    // Files that the copy was made from need not be compared with it. Without its end mark a copy is not whole.
    if let Some(header) = last_good::header(&path)
        && (request.has_other_serial || !header.is_of(&attempt.files) || attempt.result.is_err() || !attempt.is_current)
    {
        // An error in a copy has no reader.
        let copy = load(name, &path, request.base_dir, Standard::AsServed, threads);
        attempt.last_good = copy.result.ok().map(|loaded| loaded.zone);
    }
    attempt
}

/// Loads a zone from its file, on several threads if that is worth it.
pub(crate) fn load(name: &Name, file: &Path, base_dir: &Path, standard: Standard, threads: usize) -> Attempt {
    let started = Instant::now();
    let mut files = Files::new(base_dir, threads);
    let result = read_zone(name, file, &mut files, standard, threads);
    let files = files.into_read();
    Attempt {
        result,
        is_current: files.iter().all(ReadFile::is_unchanged),
        files,
        took: started.elapsed(),
        last_good: None,
    }
}

fn read_zone(
    name: &Name,
    file: &Path,
    files: &mut Files,
    standard: Standard,
    threads: usize,
) -> Result<Loaded, Vec<Problem>> {
    let source = files.read(file).map_err(|cause| {
        vec![Problem::Read {
            path: file.to_owned(),
            cause,
        }]
    })?;
    let threads = if source.text.len() >= LARGE_FILE_BYTES {
        threads
    } else {
        1
    };
    let text = source.text.into_owned();
    let source = Source {
        name: source.name,
        text: Cow::Borrowed(&text),
    };
    let mut reader = Reader::new(name, Class::IN, source, files, Limits::default());
    let mut builder = ZoneBuilder::new(name.clone());
    builder.expect_text(text.len());
    let mut problems = Vec::new();
    if threads > 1 {
        parts::collect_all(&mut reader, &mut builder, &mut problems, threads);
    } else {
        collect(&mut reader, &mut builder, &mut problems, usize::MAX);
    }
    let odd_texts: Vec<Problem> = reader.warnings().iter().cloned().map(Problem::OddText).collect();
    let names = reader.files().to_vec();
    let located = |finding: Finding| {
        let position = finding.position;
        Problem::Zone {
            file: position.and_then(|position| names.get(usize::from(position.file)).cloned()),
            finding,
        }
    };
    if !problems.is_empty() {
        // What the records that could be read lack may be in those that couldn't.
        return Err(problems);
    }
    let mut compiled = builder
        .finish_in(text, threads)
        .map_err(|findings| findings.into_iter().map(located).collect::<Vec<_>>())?;
    let mut findings = std::mem::take(&mut compiled.warnings);
    if standard == Standard::Sound {
        findings.extend(check_on(&compiled, threads));
    }
    if has_errors(&findings) {
        return Err(odd_texts.into_iter().chain(findings.into_iter().map(located)).collect());
    }
    Ok(Loaded {
        zone: Arc::new(compiled.zone),
        warnings: odd_texts.into_iter().chain(findings.into_iter().map(located)).collect(),
    })
}

/// Reads so many records into the builder, or all up to where the reader stops.
fn collect(reader: &mut Reader<'_, '_>, builder: &mut ZoneBuilder, problems: &mut Vec<Problem>, records_max: usize) {
    for _ in 0..records_max {
        match reader.next_record() {
            Some(Ok(record)) => add(builder, record),
            Some(Err(error)) => problems.push(Problem::Text(error)),
            None => return,
        }
    }
}

fn add(builder: &mut ZoneBuilder, record: RecordRef<'_>) {
    let position = Some(position_of(&record));
    let RecordRef {
        owner,
        class,
        ttl,
        rtype,
        rdata,
        ..
    } = record;
    builder.add(owner, class, ttl, rtype, rdata, position);
}

fn position_of(record: &RecordRef<'_>) -> Position {
    Position {
        // Files beyond the 65535th share its number; a reader opens ten thousand at most.
        file: u16::try_from(record.file.number()).unwrap_or(u16::MAX),
        line: record.line,
    }
}

#[cfg(test)]
mod tests;
