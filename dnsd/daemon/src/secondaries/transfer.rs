//! One transfer in, on a thread of its own: the messages of a connection are verified, fed to [`Incoming`], and what it makes
//! of them is compiled. That is work for the processor, which the tasks that answer queries over TCP don't wait for.

mod error;
mod stream;

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use dnsd_core::name::Name;
use dnsd_core::serial::Serial;
use dnsd_core::transfer::{
    Incoming, IncomingError, IncomingLimits, IncomingTotals, Progress, REQUEST_BYTES_MAX, Received, write_axfr_request,
    write_ixfr_request,
};
use dnsd_core::tsig::Key;
use dnsd_core::zone::Zone;

use crate::config::TransferTimes;
use crate::remotes::{self, Place, Verification};
use crate::zones::priority::{self, Beside};

pub(super) use error::TransferError;
pub(super) use stream::HangUp;
use stream::{Connection, MESSAGE_BYTES_MAX};

/// What is to be transferred, from where, and how far it may go.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// The zone's name.
    pub(super) origin: Name,
    /// Where it comes from.
    pub(super) place: Place,
    /// What is asked for.
    pub(super) wanted: Wanted,
    /// How much may come.
    pub(super) limits: IncomingLimits,
    /// How long it may take.
    pub(super) times: TransferTimes,
    /// On how many threads a large zone is compiled.
    pub(super) threads: usize,
}

/// What a primary is asked for.
#[derive(Debug, Clone)]
pub(super) enum Wanted {
    /// The steps from this version on.
    Steps(Arc<Zone>),
    /// The whole zone, if it is newer than this.
    Zone {
        /// The version that is served.
        newer_than: Option<Serial>,
    },
}

/// What came.
pub(super) struct Brought {
    /// The zone, or the steps to it.
    pub(super) received: Received,
    /// Its version.
    pub(super) serial: Serial,
    /// How much it was.
    pub(super) totals: IncomingTotals,
    /// How long it took.
    pub(super) took: Duration,
    /// The key that it was signed with.
    pub(super) key: Option<Arc<Key>>,
}

/// Runs a transfer on a thread of its own, which tells how it ended unless it was hung up.
///
/// # Errors
/// When there is no thread to be had.
pub(super) fn start(
    order: Order,
    tell: impl FnOnce(Result<Brought, TransferError>) + Send + 'static,
) -> io::Result<HangUp> {
    let hang_up = HangUp::default();
    let held = hang_up.clone();
    thread::Builder::new().name("transfer".into()).spawn(move || {
        priority::lower(Beside::Reload);
        // Whatever happens to this thread, the zone is not to wait for it until its time is over.
        let ended = panic::catch_unwind(AssertUnwindSafe(|| run(&order, &held)));
        if !held.is_hung_up() {
            tell(ended.unwrap_or(Err(TransferError::Panicked)));
        }
    })?;
    Ok(hang_up)
}

/// Asks with each key that the server may know.
fn run(order: &Order, hang_up: &HangUp) -> Result<Brought, TransferError> {
    let deadline = Instant::now() + order.times.total_max;
    let mut unknown = None;
    for key in order.place.keys() {
        let id = remotes::random_id().map_err(TransferError::Io)?;
        let (request, verification) = remotes::sign(order.request(id), key);
        match order.exchange(id, &request, verification, deadline, hang_up) {
            Err(TransferError::Signature(error)) if remotes::is_bad_key(&error) => unknown = Some(error),
            ended => {
                return ended.map(|brought| Brought {
                    key: key.cloned(),
                    ..brought
                });
            }
        }
    }
    Err(unknown.map_or(TransferError::Closed, TransferError::Signature))
}

impl Order {
    fn request(&self, id: u16) -> Vec<u8> {
        let mut request = vec![0; REQUEST_BYTES_MAX];
        let written = match &self.wanted {
            Wanted::Steps(zone) => write_ixfr_request(id, zone, &mut request),
            Wanted::Zone { .. } => write_axfr_request(id, self.origin.as_name_ref(), &mut request),
        };
        request.truncate(written.expect("there is room for any request"));
        request
    }

    fn exchange(
        &self,
        id: u16,
        request: &[u8],
        mut verification: Verification,
        deadline: Instant,
        hang_up: &HangUp,
    ) -> Result<Brought, TransferError> {
        let started = Instant::now();
        let mut connection = Connection::open(&self.place, self.times.idle_max, deadline, hang_up)?;
        let length = (request.len() as u16).to_be_bytes();
        connection.get_mut().write_all(&[&length, request].concat())?;
        connection.get_mut().flush()?;
        let mut incoming = match &self.wanted {
            Wanted::Steps(zone) => Incoming::ixfr(self.origin.clone(), id, zone.serial(), self.limits),
            Wanted::Zone { newer_than } => Incoming::axfr(self.origin.clone(), id, *newer_than, self.limits),
        };
        let mut buffer = vec![0; MESSAGE_BYTES_MAX];
        loop {
            let message = connection.next_message(&mut buffer)?;
            // Before anything is made of it: what isn't signed as it should be may be anybody's.
            verification.verify(message)?;
            if incoming.feed(message)? == Progress::Finished {
                break;
            }
        }
        verification.finish()?;
        let totals = incoming.totals();
        let serial = incoming.serial().ok_or(IncomingError::Unfinished)?;
        let received = incoming.finish(self.threads)?;
        Ok(Brought {
            received,
            serial,
            totals,
            took: started.elapsed(),
            key: None,
        })
    }
}
