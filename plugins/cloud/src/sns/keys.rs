//! The certificates of topics. One that has verified a message is known for a day, and then got anew.
//!
//! Whoever can send to us decides which certificates are got. So what has verified nothing is not kept, and is got in bounds that
//! don't count for what is known: nobody can have one of SNS's forgotten, or keep it from being got again.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Uri;
use tokio::time::{Instant, timeout_at};

use super::certificate::{Certificate, NoCertificate};
use crate::aws::Error;
use crate::aws::unsigned::Unsigned;

/// SNS changes them once in months, and has one in each region.
const KNOWN_MAX: usize = 16;
/// One that was withdrawn is believed no longer than this.
const KNOWN_FOR: Duration = Duration::from_secs(24 * 3600);
/// Octets of a file. SNS's have two thousand.
const FILE_BYTES_MAX: usize = 32 * 1024;
/// What getting one may take: SNS waits 15 seconds for an answer.
const GET: Duration = Duration::from_secs(8);
/// Files that are got in a minute, of those that have verified nothing yet.
const GETS_MAX: usize = 20;
const GETS_TIME: Duration = Duration::from_secs(60);

/// Why a certificate can't be had.
#[derive(Debug)]
pub(super) enum NotHad {
    /// Too many others were got in the last minute.
    TooMany,
    /// It did not come.
    NotGot(Error),
    /// What came is none.
    None(NoCertificate),
}

/// Gets them, one at a time.
pub(super) struct Keys {
    unsigned: Unsigned,
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one that was known first is first.
    known: VecDeque<Known>,
    /// When others were got last.
    gets: VecDeque<Instant>,
}

struct Known {
    url: Uri,
    /// After this it is got anew.
    until: Instant,
    certificate: Arc<Certificate>,
}

impl Keys {
    pub(super) fn new(unsigned: Unsigned) -> Self {
        Self {
            unsigned,
            turn: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificate at a URL, whose host has been found to be trusted.
    pub(super) async fn get(&self, url: &Uri) -> Result<Arc<Certificate>, NotHad> {
        if let Some(known) = self.state().find(url) {
            return Ok(known);
        }
        let deadline = Instant::now() + GET;
        let turn = timeout_at(deadline, self.turn.lock()).await;
        let _turn = turn.map_err(|_| NotHad::NotGot(Error::TooLate))?;
        // Who had the turn before may have got the same.
        if let Some(known) = self.state().find(url) {
            return Ok(known);
        }
        if !self.state().may_get(url) {
            return Err(NotHad::TooMany);
        }
        let file = self.unsigned.get(url, FILE_BYTES_MAX, deadline).await;
        let read = Certificate::read(&file.map_err(NotHad::NotGot)?);
        read.map(Arc::new).map_err(NotHad::None)
    }

    /// It has verified a message: it is a topic's.
    pub(super) fn keep(&self, url: &Uri, certificate: &Arc<Certificate>) {
        self.state().keep(url, certificate);
    }
}

impl State {
    fn find(&self, url: &Uri) -> Option<Arc<Certificate>> {
        let now = Instant::now();
        let found = self.known.iter().find(|known| known.url == *url && now < known.until);
        found.map(|known| known.certificate.clone())
    }

    fn keep(&mut self, url: &Uri, certificate: &Arc<Certificate>) {
        if self.find(url).is_some() {
            return;
        }
        self.known.retain(|known| known.url != *url);
        if self.known.len() >= KNOWN_MAX {
            self.known.pop_front();
        }
        self.known.push_back(Known {
            url: url.clone(),
            until: Instant::now() + KNOWN_FOR,
            certificate: certificate.clone(),
        });
    }

    fn may_get(&mut self, url: &Uri) -> bool {
        if self.known.iter().any(|known| known.url == *url) {
            return true;
        }
        let now = Instant::now();
        while self
            .gets
            .front()
            .is_some_and(|got| now.duration_since(*got) > GETS_TIME)
        {
            self.gets.pop_front();
        }
        let may = self.gets.len() < GETS_MAX;
        if may {
            self.gets.push_back(now);
        }
        may
    }
}

impl fmt::Display for NotHad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "{GETS_MAX} were asked for in the last minute"),
            Self::NotGot(error) => error.fmt(f),
            Self::None(NoCertificate::Pem) => f.write_str("what is there is no PEM file with a certificate"),
            Self::None(NoCertificate::Form) => f.write_str("what is there is no certificate"),
            Self::None(NoCertificate::Key) => f.write_str("the certificate there is for no RSA key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::signer::Signer;
    use super::*;
    use crate::aws::Timeouts;
    use crate::aws::test_server::{Reply, TestServer, ok};

    fn keys() -> Keys {
        Keys::new(Unsigned::new(None, Timeouts::default()))
    }

    fn url(server: &TestServer, name: &str) -> Uri {
        format!("{}/{name}", server.url()).parse().unwrap()
    }

    #[tokio::test]
    async fn one_that_has_verified_something_is_got_once_in_a_day() {
        let pem = Signer::new().certificate().to_owned();
        let server = TestServer::start(move |_, _| ok(pem.clone())).await;
        let (keys, url) = (keys(), url(&server, "a.pem"));
        keys.get(&url).await.unwrap();
        let certificate = keys.get(&url).await.unwrap();
        assert_eq!(server.asked().len(), 2, "nothing was verified with it");
        keys.keep(&url, &certificate);
        keys.get(&url).await.unwrap();
        assert_eq!(server.asked().len(), 2);
        keys.state().known[0].until = Instant::now();
        keys.get(&url).await.unwrap();
        assert_eq!(server.asked().len(), 3);
    }

    #[tokio::test]
    async fn nobody_can_keep_a_known_one_from_being_got() {
        let pem = Signer::new().certificate().to_owned();
        let server = TestServer::start(move |_, asked| match asked.line.ends_with("/known.pem") {
            true => ok(pem.clone()),
            false => ok("no certificate"),
        })
        .await;
        let (keys, known) = (keys(), url(&server, "known.pem"));
        let certificate = keys.get(&known).await.unwrap();
        keys.keep(&known, &certificate);
        for number in 1..GETS_MAX {
            let got = keys.get(&url(&server, &format!("{number}.pem"))).await;
            assert!(
                matches!(got, Err(NotHad::None(NoCertificate::Pem))),
                "{number}: {got:?}"
            );
        }
        let got = keys.get(&url(&server, "other.pem")).await;
        assert!(matches!(got, Err(NotHad::TooMany)));
        assert_eq!(server.asked().len(), GETS_MAX);
        keys.state().known[0].until = Instant::now();
        keys.get(&known).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_is_not_there_is_not_had() {
        let server = TestServer::start(|_, _| Reply::Answer(404, "", String::new())).await;
        let got = keys().get(&url(&server, "a.pem")).await;
        assert!(matches!(got, Err(NotHad::NotGot(Error::Refused { status: 404, .. }))));
    }

    #[test]
    fn the_oldest_make_room() {
        let certificate = Arc::new(Certificate::read(Signer::new().certificate().as_bytes()).unwrap());
        let mut state = State::default();
        let url = |number: usize| format!("https://sns.test/{number}").parse::<Uri>().unwrap();
        for number in 0..=KNOWN_MAX {
            state.keep(&url(number), &certificate);
        }
        assert!(state.find(&url(0)).is_none() && state.find(&url(1)).is_some());
        assert_eq!(state.known.len(), KNOWN_MAX);
    }
}
