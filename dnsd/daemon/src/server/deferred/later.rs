//! Replies that take their time: what it takes to send one when it is there.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use dnsd_core::acl::Who;
use dnsd_core::answer::{Client, Outcome, answer_code, answer_error};
use dnsd_core::message::{ExtendedError, Rcode};
use dnsd_core::tsig::{Key, ResponseSigner};
use tokio::sync::oneshot;

use super::super::Serving;
use super::super::counters::Counters;
use super::super::responder::{Answer, finish, reply_of, unix_seconds};
use super::super::udp::UdpListener;
use super::super::views::View;
use super::Asked;

/// A request whose reply is made elsewhere. It gets the one that it is sent with; dropped, it gets none.
pub(crate) struct Later {
    request: Box<[u8]>,
    client: Client,
    from: SocketAddr,
    serving: Arc<Serving>,
    view: View,
    signer: Option<ResponseSigner>,
    counters: Arc<Counters>,
    way_back: WayBack,
}

/// How a reply gets to its client.
pub(in crate::server) enum WayBack {
    /// By the socket that the request came in by.
    Datagram {
        listener: Arc<UdpListener>,
        client: SocketAddr,
        /// Which of the socket's addresses was asked.
        asked: Option<IpAddr>,
    },
    /// By its connection, beside the other answers.
    Connection(oneshot::Sender<Vec<u8>>),
}

/// What begins to make a reply, once it is known how it gets back.
pub(in crate::server) type Begin = Box<dyn FnOnce(WayBack) + Send>;

impl Asked<'_> {
    /// Has the reply made elsewhere: `begin` gets all that it takes, and returns at once.
    pub(super) fn later(self, begin: impl FnOnce(Later) + Send + 'static) -> Answer {
        let (serving, view) = (self.serving.clone(), self.view.clone());
        let (client, from) = (self.client, self.peer.client());
        let request: Box<[u8]> = self.request.into();
        let counters = self.responder.shared_counters().clone();
        let signer = self.signer;
        Answer::Later(Box::new(move |way_back| {
            begin(Later {
                request,
                client,
                from,
                serving,
                view,
                signer,
                counters,
                way_back,
            });
        }))
    }
}

impl Later {
    /// The request, without its signature.
    pub(crate) fn request(&self) -> &[u8] {
        &self.request
    }

    /// Who asks, as far as the answer depends on it.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Who asks, with the port.
    pub(crate) fn from(&self) -> SocketAddr {
        self.from
    }

    /// The key that the request was signed with.
    pub(crate) fn key(&self) -> Option<&Arc<Key>> {
        self.signer.as_ref().map(ResponseSigner::key)
    }

    /// Who asks, for lists.
    pub(crate) fn who(&self) -> Who<'_> {
        Who::new(self.client.address, self.key().map(|key| key.name().as_name_ref()))
    }

    /// What was answered from when the request came.
    pub(crate) fn serving(&self) -> &Serving {
        &self.serving
    }

    /// The zones that the client sees.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// Sends the reply that says nothing but a response code.
    pub(crate) fn send_code(self, rcode: Rcode, out: &mut [u8]) {
        let outcome = answer_code(&self.serving.settings, &self.client, &self.request, rcode, out);
        self.send(outcome, out);
    }

    /// Sends the reply that no other server could be had an answer from.
    pub(crate) fn send_unreachable(self, out: &mut [u8]) {
        let error = (Rcode::SERVFAIL, Some(ExtendedError::NO_REACHABLE_AUTHORITY));
        let outcome = answer_error(&self.serving.settings, &self.client, &self.request, error, out);
        self.send(outcome, out);
    }

    /// Sends what was written to `out`: limited, counted and signed as every other reply. There has to be as much room behind it
    /// as the client's `held_back`.
    pub(crate) fn send(self, outcome: Outcome, out: &mut [u8]) {
        let key = self.key().map(|key| key.name().as_name_ref());
        let finished = finish(&self.serving, &self.counters, &self.client, key, reply_of(outcome), out);
        let signed = finished.and_then(|length| match self.signer {
            Some(mut signer) => signer.sign(out, length, unix_seconds()).ok(),
            None => Some(length),
        });
        let Some(length) = signed else { return };
        let is_sent = match self.way_back {
            WayBack::Datagram {
                listener,
                client,
                asked,
            } => listener.send(&out[..length], client, asked).is_ok(),
            WayBack::Connection(connection) => connection.send(out[..length].to_vec()).is_ok(),
        };
        if !is_sent {
            self.counters.unsent(1);
        }
    }
}
