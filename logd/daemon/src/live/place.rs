//! A listener's thread.

use std::io;
use std::thread;

use ballast_shared::slice;
use tokio::runtime::Builder;
use tokio::sync::OwnedSemaphorePermit;
use tracing::debug;

/// As nice as a thread can be: whoever looks on does not take the log path's time.
const NICE: i32 = 19;

/// A place among the listeners, which are [so many](super::LISTENERS_MAX) at most. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit }
    }

    /// Runs what the listener does on a thread of its own, with a runtime that has clocks but no sockets: what is slow there
    /// (a regular expression, a long text as JSON) is slow for nobody else.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub(crate) fn run<F: Future<Output = ()>>(self, listen: impl FnOnce(Self) -> F + Send + 'static) -> io::Result<()> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let job = move || {
            if let Err(error) = slice::set(NICE, slice::LONGEST) {
                debug!(%error, "a listener runs at the usual priority");
            }
            runtime.block_on(listen(self));
        };
        thread::Builder::new().name("live".to_owned()).spawn(job).map(drop)
    }
}
