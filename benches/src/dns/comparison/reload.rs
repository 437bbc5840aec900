//! dnsd while the zone of a million records is replaced again and again, beside the same time without.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::data::{Data, write_aside};
use super::run::{Placement, Run, load_directory, progress};
use crate::dns::paced::{Figures, PacedRun};
use crate::dns::peers::Peer;
use crate::dns::zones::MILLION;
use crate::error::BenchError;
use crate::interrupt;

/// Queries a second: what a busy name server is asked, and little enough that the load and the server fit on two cores together
/// with the reload.
const RATE: u32 = 10_000;

/// The load goes on for so long for each reload, which takes less on any machine that this is run on.
const TIME_PER_RELOAD: Duration = Duration::from_secs(2);

/// A reload that takes longer is an error.
const RELOAD_MAX: Duration = Duration::from_secs(30);

/// Latency and loss with reloads and without.
#[derive(Debug, Clone, Serialize)]
pub struct ReloadRun {
    /// Queries a second.
    pub rate: u32,
    /// Reloads that were served while the load went on.
    pub reloads: u32,
    /// Seconds from the new file to the first answer from it, for each reload.
    pub seconds: Vec<f64>,
    /// Without reloads.
    pub calm: Figures,
    /// With reloads.
    pub reloading: Figures,
}

pub(super) fn measure(run: &mut Run) -> Result<Vec<ReloadRun>, BenchError> {
    if !run.options.peers.contains(&Peer::Dnsd) || run.options.reloads == 0 {
        return Ok(Vec::new());
    }
    let data = Data::million(&run.directory("million")?)?;
    let directory = load_directory(&run.options.work)?;
    let file = &data.zones[0].file;
    let versions: Vec<(u32, PathBuf)> = (2..2 + run.options.reloads)
        .map(|serial| Ok((serial, write_aside(file, &MILLION, serial)?)))
        .collect::<Result<_, BenchError>>()?;
    let mut server = run.start(Peer::Dnsd, &data.zones, &data.origins, Placement::Free, 0)?;
    let load = PacedRun {
        programs: &run.options.programs,
        port: run.options.port,
        core: None,
        origin: MILLION.origin,
        rate: RATE,
        time: TIME_PER_RELOAD * run.options.reloads,
    };
    let calm = load.finish(load.start(&directory)?)?;
    let start = Instant::now();
    let mut process = load.start(&directory)?;
    let mut seconds = Vec::new();
    for (reload, (serial, aside)) in (1..).zip(versions) {
        process.running()?;
        fs::rename(&aside, file).map_err(BenchError::io("replace", file))?;
        let replaced = Instant::now();
        let served = interrupt::until(RELOAD_MAX, || {
            server.process.running()?;
            let current = server.client.serial(MILLION.origin)?;
            Ok((current == Some(serial)).then_some(()))
        })?;
        if served.is_none() {
            return Err(server.process.late("new version of the zone", RELOAD_MAX));
        }
        seconds.push(replaced.elapsed().as_secs_f64());
        interrupt::sleep((TIME_PER_RELOAD * reload).saturating_sub(start.elapsed()))?;
    }
    let reloading = load.finish(process)?;
    progress(&format!(
        "{} reloads: p99 {:.0} µs and {} lost, without {:.0} µs and {} lost",
        seconds.len(),
        reloading.p99,
        reloading.lost(),
        calm.p99,
        calm.lost()
    ));
    Ok(vec![ReloadRun {
        rate: RATE,
        reloads: run.options.reloads,
        seconds,
        calm,
        reloading,
    }])
}
