//! The files of a run: zones and queries, written anew each time.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::dns::mix::{Query, flood, mix};
use crate::dns::peers::ServedZone;
use crate::dns::zones::{self, HOSTS, Layout, MILLION, SMALL_ZONES};
use crate::error::BenchError;

/// Queries of a mix; dnsperf starts over when it has sent them. PowerDNS's packet cache knows them then, as it would on the
/// Internet.
const MIX_QUERIES: usize = 200_000;

/// Names of a flood: more than any of the servers answers in the time of a run, so that none is asked for twice.
const FLOOD_QUERIES: u32 = 1_500_000;

/// A zone, or many, and what is asked of them.
#[derive(Debug)]
pub(super) struct Data {
    pub(super) zones: Vec<ServedZone>,
    pub(super) origins: Vec<String>,
    /// The mix, for dnsperf.
    pub(super) mix_file: PathBuf,
    /// The start of it, for a look at every answer.
    pub(super) sample: Vec<Query>,
}

/// Queries whose answers are compared between servers.
const SAMPLE_QUERIES: usize = 20_000;

impl Data {
    /// A single zone.
    pub(super) fn single(directory: &Path, layout: &Layout) -> Result<Self, BenchError> {
        let file = directory.join(format!("{}.zone", layout.origin));
        fs::write(&file, layout.text(1)).map_err(BenchError::io("write", &file))?;
        let mix_file = directory.join(format!("{}.queries", layout.origin));
        let mut sample = mix(layout, MIX_QUERIES);
        write_queries(&mix_file, &sample)?;
        sample.truncate(SAMPLE_QUERIES);
        Ok(Self {
            zones: vec![ServedZone {
                origin: layout.origin.to_owned(),
                file,
            }],
            origins: vec![layout.origin.to_owned()],
            mix_file,
            sample,
        })
    }

    /// The zone of the mix.
    pub(super) fn hosts(directory: &Path) -> Result<Self, BenchError> {
        Self::single(directory, &HOSTS)
    }

    /// The zone of a million records.
    pub(super) fn million(directory: &Path) -> Result<Self, BenchError> {
        Self::single(directory, &MILLION)
    }
}

/// The many zones, which are only loaded.
pub(super) fn small_zones(directory: &Path) -> Result<Vec<ServedZone>, BenchError> {
    let folder = directory.join("small");
    fs::create_dir_all(&folder).map_err(BenchError::io("make", &folder))?;
    (0..SMALL_ZONES)
        .map(|n| {
            let origin = zones::small_origin(n);
            let file = folder.join(format!("{origin}.zone"));
            fs::write(&file, zones::small_text(n, 1)).map_err(BenchError::io("write", &file))?;
            Ok(ServedZone { origin, file })
        })
        .collect()
}

/// Writes a version of a zone beside the one that is served, down to the disk: what writes it while something is measured would
/// be part of the figure. A rename puts it in its place, as careful editors do.
pub(super) fn write_aside(file: &Path, layout: &Layout, serial: u32) -> Result<PathBuf, BenchError> {
    let aside = file.with_extension(format!("{serial}.new"));
    let write = || -> io::Result<()> {
        let mut new = File::create(&aside)?;
        new.write_all(layout.text(serial).as_bytes())?;
        new.sync_all()
    };
    write().map_err(BenchError::io("write", &aside))?;
    Ok(aside)
}

/// The flood's queries.
pub(super) fn write_flood(directory: &Path) -> Result<PathBuf, BenchError> {
    let file = directory.join("flood.queries");
    write_queries(&file, &flood(&HOSTS, FLOOD_QUERIES))?;
    Ok(file)
}

fn write_queries(file: &Path, queries: &[Query]) -> Result<(), BenchError> {
    let write = || -> io::Result<()> {
        let mut lines = BufWriter::new(File::create(file)?);
        for query in queries {
            writeln!(lines, "{query}")?;
        }
        lines.flush()
    };
    write().map_err(BenchError::io("write", file))
}
