//! What is counted about queries. Each UDP thread has counters of its own, so that counting is an addition in its own cache;
//! all connections of a TCP listener share one set. They are summed up when `/metrics` is read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dnsd_core::answer::Transport;
use dnsd_core::message::Rcode;
use dnsd_core::rate_limit::Verdict;
use dnsd_core::rrtype::Type;
use dnsd_core::tsig::TsigError;

/// The types that have a counter each; what else is asked for is `other`.
pub(crate) const COUNTED_TYPES: [Type; 17] = [
    Type::A,
    Type::NS,
    Type::CNAME,
    Type::SOA,
    Type::PTR,
    Type::MX,
    Type::TXT,
    Type::AAAA,
    Type::SRV,
    Type::NAPTR,
    Type::DS,
    Type::DNSKEY,
    Type::TLSA,
    Type::SVCB,
    Type::HTTPS,
    Type::ANY,
    Type::AXFR,
];
const OTHER_TYPE: usize = COUNTED_TYPES.len();

/// Where the counter of a type is, by its number: all counted ones are below 256.
const PLACES: [u8; 256] = {
    let mut places = [OTHER_TYPE as u8; 256];
    let mut place = 0;
    while place < COUNTED_TYPES.len() {
        places[COUNTED_TYPES[place].0 as usize] = place as u8;
        place += 1;
    }
    places
};

/// Response codes up to 31 have a counter each; we send none above BADCOOKIE (23).
const RCODES: usize = 32;

/// What may be wrong with a signature, as its reply says it, and how it is called in metrics.
pub(crate) const TSIG_FAILURES: [(Option<TsigError>, &str); 5] = [
    (None, "FORMERR"),
    (Some(TsigError::BADKEY), "BADKEY"),
    (Some(TsigError::BADSIG), "BADSIG"),
    (Some(TsigError::BADTIME), "BADTIME"),
    (Some(TsigError::BADTRUNC), "BADTRUNC"),
];

/// What HTTP requests get, each with a counter.
pub(crate) const HTTP_CODES: [u16; 7] = [200, 400, 404, 405, 413, 415, 500];

/// One set of counters: of one thread, for UDP, which alone adds to it, or of all connections of a listener. On cache
/// lines of its own: threads that count don't wait for each other.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Counters {
    transport: Transport,
    /// Whether several threads count here.
    is_shared: bool,
    by_type: [AtomicU64; OTHER_TYPE + 1],
    unreadable: AtomicU64,
    by_rcode: [AtomicU64; RCODES],
    truncated: AtomicU64,
    ignored: AtomicU64,
    unsent: AtomicU64,
    dropped: AtomicU64,
    slipped: AtomicU64,
    tsig_failures: [AtomicU64; TSIG_FAILURES.len()],
    by_http_code: [AtomicU64; HTTP_CODES.len()],
}

impl Counters {
    fn new(transport: Transport, is_shared: bool) -> Self {
        Self {
            transport,
            is_shared,
            by_type: Default::default(),
            unreadable: AtomicU64::new(0),
            by_rcode: Default::default(),
            truncated: AtomicU64::new(0),
            ignored: AtomicU64::new(0),
            unsent: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            slipped: AtomicU64::new(0),
            tsig_failures: Default::default(),
            by_http_code: Default::default(),
        }
    }

    /// A request that has an answer, whether the rate limit lets it out or not; `qtype` is `None` when its question could not be
    /// read.
    pub(crate) fn asked(&self, qtype: Option<Type>) {
        match qtype {
            Some(qtype) => {
                let place = PLACES
                    .get(usize::from(qtype.0))
                    .map_or(OTHER_TYPE, |&place| place.into());
                self.add(&self.by_type[place], 1);
            }
            None => self.add(&self.unreadable, 1),
        }
    }

    /// A reply that goes out.
    pub(crate) fn replied(&self, rcode: Rcode, truncated: bool) {
        self.add(&self.by_rcode[usize::from(rcode.0).min(RCODES - 1)], 1);
        if truncated {
            self.add(&self.truncated, 1);
        }
    }

    /// A message that gets no reply: it is a reply itself, or has no header.
    pub(crate) fn ignored(&self) {
        self.add(&self.ignored, 1);
    }

    /// Replies that the system or the client didn't take.
    pub(crate) fn unsent(&self, replies: usize) {
        self.add(&self.unsent, replies as u64);
    }

    /// A request whose signature is not to be believed; `None`: it has none that could be read.
    pub(crate) fn tsig_failed(&self, error: Option<TsigError>) {
        let place = error.and_then(|error| TSIG_FAILURES.iter().position(|failure| failure.0 == Some(error)));
        self.add(&self.tsig_failures[place.unwrap_or(0)], 1);
    }

    /// A response of HTTP's, with or without a reply in it.
    pub(crate) fn http_responded(&self, code: u16) {
        if let Some(place) = HTTP_CODES.iter().position(|known| *known == code) {
            self.add(&self.by_http_code[place], 1);
        }
    }

    /// What the rate limit found right for a reply.
    pub(crate) fn rate_limited(&self, verdict: Verdict) {
        match verdict {
            Verdict::Send => {}
            Verdict::Slip => self.add(&self.slipped, 1),
            Verdict::Drop => self.add(&self.dropped, 1),
        }
    }

    fn add(&self, counter: &AtomicU64, count: u64) {
        if self.is_shared {
            counter.fetch_add(count, Ordering::Relaxed);
        } else {
            // One thread writes: what it read is what there is, and the bus need not be locked for it.
            counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
        }
    }
}

/// Every set there is, and what those counted whose threads have ended.
#[derive(Debug, Default)]
pub(crate) struct AllCounters {
    counting: Mutex<Counting>,
}

#[derive(Debug, Default)]
struct Counting {
    sets: Vec<Arc<Counters>>,
    ended_udp: Totals,
    ended_tcp: Totals,
    ended_tls: Totals,
    ended_https: Totals,
    ended_quic: Totals,
}

/// The sum for one transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Totals {
    /// In the order of [`COUNTED_TYPES`], then all others.
    pub(crate) by_type: Vec<u64>,
    /// Requests without a question that could be read.
    pub(crate) unreadable: u64,
    /// By response code.
    pub(crate) by_rcode: Vec<u64>,
    /// Replies with TC set.
    pub(crate) truncated: u64,
    /// Messages that get no reply.
    pub(crate) ignored: u64,
    /// Replies that could not be sent.
    pub(crate) unsent: u64,
    /// Replies that the rate limit held back.
    pub(crate) dropped: u64,
    /// Replies that the rate limit had truncated.
    pub(crate) slipped: u64,
    /// Requests whose signature is not to be believed, in the order of [`TSIG_FAILURES`].
    pub(crate) tsig_failures: Vec<u64>,
    /// Responses of HTTP's, in the order of [`HTTP_CODES`].
    pub(crate) by_http_code: Vec<u64>,
}

impl AllCounters {
    /// A new set for a thread or a listener.
    pub(crate) fn add(&self, transport: Transport) -> Arc<Counters> {
        self.add_set(transport, transport.is_connected())
    }

    /// A new set that several threads may count in.
    pub(crate) fn add_shared(&self, transport: Transport) -> Arc<Counters> {
        self.add_set(transport, true)
    }

    fn add_set(&self, transport: Transport, is_shared: bool) -> Arc<Counters> {
        let set = Arc::new(Counters::new(transport, is_shared));
        let mut counting = self.lock();
        // A reload may end and start listeners as often as it likes: what has ended takes no room.
        counting.fold_ended();
        counting.sets.push(set.clone());
        set
    }

    /// What all sets of a transport hold together.
    pub(crate) fn totals(&self, transport: Transport) -> Totals {
        let mut counting = self.lock();
        let mut totals = counting.ended(transport).clone();
        for set in counting.sets.iter().filter(|set| set.transport == transport) {
            totals.add(set);
        }
        totals
    }

    fn lock(&self) -> MutexGuard<'_, Counting> {
        self.counting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counting {
    /// Adds up the sets that nobody counts in any more.
    fn fold_ended(&mut self) {
        for set in std::mem::take(&mut self.sets) {
            match Arc::try_unwrap(set) {
                Ok(ended) => self.ended(ended.transport).add(&ended),
                Err(counting) => self.sets.push(counting),
            }
        }
    }

    fn ended(&mut self, transport: Transport) -> &mut Totals {
        match transport {
            Transport::Udp => &mut self.ended_udp,
            Transport::Tcp => &mut self.ended_tcp,
            Transport::Tls => &mut self.ended_tls,
            Transport::Https => &mut self.ended_https,
            Transport::Quic => &mut self.ended_quic,
        }
    }
}

impl Totals {
    fn add(&mut self, set: &Counters) {
        add_all(&mut self.by_type, &set.by_type);
        add_all(&mut self.by_rcode, &set.by_rcode);
        add_all(&mut self.tsig_failures, &set.tsig_failures);
        add_all(&mut self.by_http_code, &set.by_http_code);
        self.unreadable += set.unreadable.load(Ordering::Relaxed);
        self.truncated += set.truncated.load(Ordering::Relaxed);
        self.ignored += set.ignored.load(Ordering::Relaxed);
        self.unsent += set.unsent.load(Ordering::Relaxed);
        self.dropped += set.dropped.load(Ordering::Relaxed);
        self.slipped += set.slipped.load(Ordering::Relaxed);
    }
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            by_type: vec![0; OTHER_TYPE + 1],
            unreadable: 0,
            by_rcode: vec![0; RCODES],
            truncated: 0,
            ignored: 0,
            unsent: 0,
            dropped: 0,
            slipped: 0,
            tsig_failures: vec![0; TSIG_FAILURES.len()],
            by_http_code: vec![0; HTTP_CODES.len()],
        }
    }
}

fn add_all(sums: &mut [u64], counters: &[AtomicU64]) {
    for (sum, counter) in sums.iter_mut().zip(counters) {
        *sum += counter.load(Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_counted_stays_when_it_ends_and_its_set_goes() {
        let all = AllCounters::default();
        for _ in 0..100 {
            let ending = all.add(Transport::Udp);
            ending.asked(Some(Type::A));
            ending.replied(Rcode::NOERROR, false);
            all.add(Transport::Tcp).unsent(1);
        }
        let counting = all.add(Transport::Udp);
        counting.ignored();
        assert_eq!(all.lock().sets.len(), 1);
        let udp = all.totals(Transport::Udp);
        assert_eq!((udp.by_type[0], udp.ignored), (100, 1));
        assert_eq!(all.totals(Transport::Tcp).unsent, 100);
    }

    #[test]
    fn sets_of_one_transport_add_up() {
        let all = AllCounters::default();
        let (first, second, tcp) = (
            all.add(Transport::Udp),
            all.add(Transport::Udp),
            all.add(Transport::Tcp),
        );
        first.asked(Some(Type::A));
        first.replied(Rcode::NOERROR, true);
        second.asked(Some(Type::A));
        second.replied(Rcode::NXDOMAIN, false);
        second.asked(Some(Type(65280)));
        second.replied(Rcode::BADVERS, false);
        second.asked(None);
        second.replied(Rcode::FORMERR, false);
        first.rate_limited(Verdict::Drop);
        second.rate_limited(Verdict::Slip);
        second.rate_limited(Verdict::Send);
        tcp.ignored();
        let udp = all.totals(Transport::Udp);
        assert_eq!(
            (udp.by_type[0], udp.by_type[OTHER_TYPE], udp.unreadable, udp.truncated),
            (2, 1, 1, 1)
        );
        assert_eq!(udp.by_rcode.iter().sum::<u64>(), 4);
        assert_eq!(udp.by_rcode[16], 1);
        assert_eq!((udp.dropped, udp.slipped), (1, 1));
        assert_eq!((udp.ignored, all.totals(Transport::Tcp).ignored), (0, 1));
    }
}
