//! The listeners that run: started from bound sockets, closed when a reload has no use for them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use ballast_shared::supervise::Supervisor;
use ballast_shared::systemd::Inherited;
use dnsd_core::answer::Transport;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::bind::{self, Bound, Endpoint, ListenError, Service, Wanted};
use super::udp::UdpListener;
use super::{Shared, addresses, tcp, udp};

/// By the place as the configuration has it.
pub(crate) struct Listeners {
    shared: Shared,
    running: BTreeMap<Endpoint, Running>,
    /// What can't be listened on though the machine has it, as the log has it already.
    missing: BTreeSet<String>,
}

struct Running {
    local: SocketAddr,
    stop: CancellationToken,
}

impl Listeners {
    /// None yet.
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared,
            running: BTreeMap::new(),
            missing: BTreeSet::new(),
        }
    }

    /// What is listened on.
    pub(crate) fn endpoints(&self) -> BTreeSet<Endpoint> {
        self.running.keys().copied().collect()
    }

    /// Starts listening on what was bound: on all of it, or on none.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub(crate) fn start(&mut self, bound: Vec<Bound>, supervisor: &Supervisor) -> io::Result<()> {
        let mut started = Vec::with_capacity(bound.len());
        for sockets in bound {
            let stop = supervisor.stopping().child_token();
            // Whatever is started here stops when it is dropped without being taken over below.
            let guard = stop.clone().drop_guard();
            let (wanted, local) = (sockets.wanted, sockets.local);
            self.start_address(sockets, &stop, supervisor)?;
            started.push((wanted, local, guard));
        }
        for (wanted, local, guard) in started {
            info!("listening on {}", at(wanted, local));
            let stop = guard.disarm();
            self.running.insert(wanted, Running { local, stop });
        }
        Ok(())
    }

    fn start_address(&self, sockets: Bound, stop: &CancellationToken, supervisor: &Supervisor) -> io::Result<()> {
        for listener in sockets.udp {
            self.start_udp(listener, stop.clone(), supervisor)?;
        }
        let transport = match sockets.wanted.service {
            Service::Dns => Transport::Tcp,
            // What else is encrypted has listeners of its own.
            Service::Tls | Service::Https | Service::Quic => Transport::Tls,
        };
        let tcp = tcp::run(sockets.tcp, transport, self.shared.clone(), stop.clone());
        supervisor.start("tcp", until_the_daemon_stops(tcp, stop.clone(), supervisor.stopping()));
        Ok(())
    }

    /// Listens on the addresses that `"interfaces:PORT"` has come to stand for since, and no more on those that are gone; says
    /// whether anything is another now. What can't be had is said once, and tried again the next time.
    pub(crate) fn follow_interfaces(&mut self, wanted: Wanted<'_>, supervisor: &Supervisor) -> bool {
        if !addresses::follow_the_machine(wanted.dns) {
            return false;
        }
        match wanted.endpoints() {
            Ok(endpoints) => self.follow(endpoints, wanted.threads, supervisor),
            Err(errno) => {
                self.tell_missing([ListenError::Interfaces(errno)]);
                false
            }
        }
    }

    pub(super) fn follow(&mut self, wanted: BTreeSet<Endpoint>, threads: usize, supervisor: &Supervisor) -> bool {
        let before = self.endpoints();
        if wanted == before {
            self.missing.clear();
            return false;
        }
        // An address that is gone may be in the way of another one on all addresses.
        self.keep_only(&wanted);
        let sockets = bind::bind_all(wanted, threads, &self.endpoints(), &mut Inherited::default());
        let missing = sockets.missing.iter().map(ToString::to_string);
        let unstarted = self
            .start(sockets.bound, supervisor)
            .err()
            .map(|cause| cause.to_string());
        self.tell_missing(missing.chain(unstarted));
        self.endpoints() != before
    }

    /// Says which addresses can't be had, unless that was the case the last time.
    pub(crate) fn tell_missing(&mut self, missing: impl IntoIterator<Item = impl fmt::Display>) {
        let missing: BTreeSet<String> = missing.into_iter().map(|cause| cause.to_string()).collect();
        for cause in missing.difference(&self.missing) {
            warn!("{cause}; it is tried again");
        }
        self.missing = missing;
    }

    /// Closes what isn't wanted any more.
    pub(crate) fn keep_only(&mut self, wanted: &BTreeSet<Endpoint>) {
        self.running.retain(|endpoint, running| {
            let keep = wanted.contains(endpoint);
            if !keep {
                info!("no longer listening on {}", at(*endpoint, running.local));
                running.stop.cancel();
            }
            keep
        });
    }

    fn start_udp(&self, listener: UdpListener, stop: CancellationToken, supervisor: &Supervisor) -> io::Result<()> {
        let listener = Arc::new(listener);
        let worker = udp::Worker {
            listener: listener.clone(),
            responder: self.shared.responder(Transport::Udp),
        };
        // Dropped when the thread ends, by a panic too.
        let (alive, mut ended) = oneshot::channel::<()>();
        thread::Builder::new().name("udp".into()).spawn(move || {
            let _alive = alive;
            worker.run();
        })?;
        let stopped = stop.clone();
        let watch = async move {
            tokio::select! {
                _ = &mut ended => return,
                () = stopped.cancelled() => {}
            }
            if let Err(error) = listener.stop() {
                return warn!(%error, "cannot stop a UDP thread");
            }
            // The port is free when the thread has ended, not when this task comes to it.
            drop(listener);
            let _ = ended.await;
        };
        supervisor.start("udp", until_the_daemon_stops(watch, stop, supervisor.stopping()));
        Ok(())
    }
}

/// Where a listener is in the end.
pub(super) fn at(wanted: Endpoint, local: SocketAddr) -> Endpoint {
    Endpoint {
        address: local,
        ..wanted
    }
}

/// A listener that a reload closed has ended as it should: the supervisor hears of it with the end of the daemon.
pub(super) async fn until_the_daemon_stops(
    listener: impl Future<Output = ()>,
    closed: CancellationToken,
    daemon: CancellationToken,
) {
    listener.await;
    if closed.is_cancelled() {
        daemon.cancelled().await;
    }
}
