//! The certificates of topics, got once and then known for a day.

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
/// Files that are got in a minute: whoever can send to us decides which.
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
    /// By their URLs, with the time until which they are known, the oldest first.
    known: VecDeque<(Uri, Instant, Arc<Certificate>)>,
    /// When some were got last.
    gets: VecDeque<Instant>,
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
        if !self.state().may_get() {
            return Err(NotHad::TooMany);
        }
        let file = self.unsigned.get(url, FILE_BYTES_MAX, deadline).await;
        let certificate = Arc::new(Certificate::read(&file.map_err(NotHad::NotGot)?).map_err(NotHad::None)?);
        self.state().add(url, certificate.clone());
        Ok(certificate)
    }
}

impl State {
    fn find(&mut self, url: &Uri) -> Option<Arc<Certificate>> {
        let now = Instant::now();
        self.known.retain(|(_, until, _)| now < *until);
        let found = self.known.iter().find(|(known, _, _)| known == url);
        found.map(|(_, _, certificate)| certificate.clone())
    }

    fn add(&mut self, url: &Uri, certificate: Arc<Certificate>) {
        if self.known.len() >= KNOWN_MAX {
            self.known.pop_front();
        }
        self.known
            .push_back((url.clone(), Instant::now() + KNOWN_FOR, certificate));
    }

    fn may_get(&mut self) -> bool {
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
    async fn a_certificate_is_got_once() {
        let pem = Signer::new().certificate().to_owned();
        let server = TestServer::start(move |_, _| ok(pem.clone())).await;
        let (keys, one, other) = (keys(), url(&server, "a.pem"), url(&server, "b.pem"));
        let (first, second) = tokio::join!(keys.get(&one), keys.get(&one));
        assert_eq!(first.unwrap(), second.unwrap());
        assert_eq!(server.asked().len(), 1);
        keys.get(&other).await.unwrap();
        assert_eq!(server.asked().len(), 2);
    }

    #[tokio::test]
    async fn what_is_no_certificate_is_got_again_and_not_without_end() {
        let server = TestServer::start(|_, _| ok("no certificate")).await;
        let (keys, url) = (keys(), url(&server, "a.pem"));
        for _ in 0..GETS_MAX {
            assert!(matches!(keys.get(&url).await, Err(NotHad::None(NoCertificate::Pem))));
        }
        assert!(matches!(keys.get(&url).await, Err(NotHad::TooMany)));
        assert_eq!(server.asked().len(), GETS_MAX);
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
            state.add(&url(number), certificate.clone());
        }
        assert!(state.find(&url(0)).is_none() && state.find(&url(1)).is_some());
        assert_eq!(state.known.len(), KNOWN_MAX);
    }
}
