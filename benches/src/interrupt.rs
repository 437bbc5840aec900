//! SIGINT, SIGTERM and SIGHUP end a run in order: what waits returns, and the servers are ended by those who started them.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::BenchError;

static INTERRUPTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Often enough that a load that took 100 ms is not measured as much longer.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Catches the signals from now on, by handlers: a mask would be inherited by the servers that are started, which would then
/// not end when they are told to.
///
/// # Errors
/// When the system refuses a handler.
pub fn catch() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&INTERRUPTED))?;
    }
    Ok(())
}

/// Whether the run is to end.
///
/// # Errors
/// [`BenchError::Interrupted`] then.
pub fn check() -> Result<(), BenchError> {
    if INTERRUPTED.load(Ordering::Relaxed) {
        Err(BenchError::Interrupted)
    } else {
        Ok(())
    }
}

/// Waits for a time.
///
/// # Errors
/// When the run is to end.
pub fn sleep(time: Duration) -> Result<(), BenchError> {
    until(time, || Ok(None::<()>)).map(drop)
}

/// Looks again and again until there is something; `None` at the limit.
///
/// # Errors
/// What `look` fails with, or that the run is to end.
pub fn until<T>(
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, BenchError>,
) -> Result<Option<T>, BenchError> {
    let start = Instant::now();
    loop {
        check()?;
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        let left = limit.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(left.min(LOOK_EVERY));
    }
}
