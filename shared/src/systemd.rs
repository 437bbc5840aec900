//! What systemd tells a service and wants to hear from it: inherited sockets, readiness, watchdog (sd_notify(3),
//! sd_listen_fds(3)). Without systemd all of it is silently nothing.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockType, SockaddrLike, SockaddrStorage, UnixAddr, getsockname, getsockopt, sockopt,
};
use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The sockets that systemd bound for us and passed on, until each is claimed by the listener it is for.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: VecDeque<OwnedFd>,
}

impl Inherited {
    /// Takes the sockets that were passed to this process. To be called once, at the start, before anything else opens
    /// files. A child won't take them for its own: they were announced for this process by its number.
    ///
    /// # Errors
    /// When what was announced is not there.
    pub fn take() -> io::Result<Self> {
        Ok(sd_notify::listen_fds()?.map(own).collect())
    }

    /// Claims the socket of this type that is bound to this address, if one was passed.
    pub fn claim(&mut self, address: std::net::SocketAddr, kind: SockType) -> Option<OwnedFd> {
        let wanted = SockaddrStorage::from(address);
        self.claim_where(kind, |bound| *bound == wanted)
    }

    /// Claims the unix socket of this type that is bound to this path, if one was passed.
    pub fn claim_path(&mut self, path: &Path, kind: SockType) -> Option<OwnedFd> {
        self.claim_where(kind, |bound| {
            bound
                .as_unix_addr()
                .and_then(UnixAddr::path)
                .is_some_and(|bound| bound == path)
        })
    }

    fn claim_where(&mut self, kind: SockType, is_wanted: impl Fn(&SockaddrStorage) -> bool) -> Option<OwnedFd> {
        let index = self.sockets.iter().position(|socket| {
            getsockopt(socket, sockopt::SockType).is_ok_and(|k| k == kind)
                && getsockname(socket.as_raw_fd()).is_ok_and(|bound| is_wanted(&bound))
        })?;
        self.sockets.remove(index)
    }

    /// Says which sockets nobody claimed: they would fill up unread.
    pub fn report_unclaimed(&self) {
        for socket in &self.sockets {
            let bound = getsockname::<SockaddrStorage>(socket.as_raw_fd()).ok();
            let address = bound.and_then(|bound| match bound.family() {
                Some(AddressFamily::Unix) => Some(bound.as_unix_addr()?.path()?.display().to_string()),
                _ => Some(bound.to_string()),
            });
            warn!(
                address,
                "systemd passed a socket that no listener of the configuration is for"
            );
        }
    }
}

/// For sockets that somebody else than systemd passes on.
impl FromIterator<OwnedFd> for Inherited {
    fn from_iter<I: IntoIterator<Item = OwnedFd>>(sockets: I) -> Self {
        Self {
            sockets: sockets.into_iter().collect(),
        }
    }
}

#[allow(
    unsafe_code,
    reason = "a descriptor that is handed over by number has no owner until this line"
)]
fn own(fd: RawFd) -> OwnedFd {
    // SAFETY: LISTEN_PID names this process, so the descriptors from 3 on were opened for it and nothing in it owns them;
    // sd_notify yields each once, and this is called once.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Tells systemd that the daemon serves.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// Tells systemd that a reload has begun; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => debug!(%error, "no monotonic clock for systemd"),
    }
}

/// Tells systemd that the daemon is draining.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Tells systemd what the daemon is at, for `systemctl status`.
pub fn status(line: &str) {
    notify(&[NotifyState::Status(line)]);
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        debug!(%error, "systemd could not be notified");
    }
}

/// Feeds the watchdog, if the unit has one, at half of its period, as sd_watchdog_enabled(3) advises. It runs as a task of
/// the runtime that serves: a runtime that is stuck does not feed.
pub async fn feed_watchdog(stop: CancellationToken) {
    let Some(period) = sd_notify::watchdog_enabled() else {
        return stop.cancelled().await;
    };
    let mut tick = tokio::time::interval((period / 2).max(Duration::from_millis(1)));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => notify(&[NotifyState::Watchdog]),
        }
    }
}
