//! A way to a server that a test can close, and on which it can hold a request back.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::wait;

/// It listens until the test ends.
pub struct Gate {
    serves: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_closed: bool,
    /// Connections that were turned away.
    turned_away: usize,
    /// A request whose first line holds this goes no further, and no request behind it.
    held: Option<String>,
    /// Whether there was one.
    has_held: bool,
    /// The first lines of the requests that went through.
    requests: Vec<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate {
    /// Opens a way to a server of HTTP/1.1, at an address of the test's own.
    ///
    /// # Panics
    /// When the address can't be had.
    #[must_use]
    pub fn open(at: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(at).expect("an address of the test's own");
        let gate = Self {
            serves: listener.local_addr().expect("it is bound"),
            shared: Arc::default(),
        };
        let shared = gate.shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                let mut state = shared.state();
                if state.is_closed {
                    state.turned_away += 1;
                    continue;
                }
                drop(state);
                thread::spawn(move || {
                    // A connection that breaks off is one that has ended.
                    let _ = pass(&client, to, &shared);
                    let _ = client.shutdown(Shutdown::Both);
                });
            }
        });
        gate
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.serves)
    }

    /// Turns away who connects, or no more.
    pub fn close(&self, closed: bool) {
        self.shared.state().is_closed = closed;
    }

    /// Waits until somebody was turned away.
    pub fn wait_for_turned_away(&self) {
        wait::until("somebody to be turned away", || {
            (self.shared.state().turned_away > 0).then_some(())
        });
    }

    /// Holds requests back whose first line holds this text, or none any more.
    pub fn hold(&self, text: Option<&str>) {
        let mut state = self.shared.state();
        state.held = text.map(str::to_owned);
        state.has_held = false;
        self.shared.changed.notify_all();
    }

    /// Waits until a request is held back.
    pub fn wait_for_held(&self) {
        wait::until("a request to be held back", || {
            self.shared.state().has_held.then_some(())
        });
    }

    /// The first lines of the requests that went through and hold this text.
    #[must_use]
    pub fn requests(&self, text: &str) -> Vec<String> {
        let state = self.shared.state();
        state
            .requests
            .iter()
            .filter(|line| line.contains(text))
            .cloned()
            .collect()
    }
}

/// Passes one request after the other on, and the answers back.
fn pass(client: &TcpStream, to: SocketAddr, shared: &Shared) -> io::Result<()> {
    let server = TcpStream::connect(to)?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let (mut from, mut server) = (client.try_clone()?, server);
    let mut buffer = Vec::new();
    loop {
        let Some(end) = head_end(&mut from, &mut buffer)? else {
            return server.shutdown(Shutdown::Both);
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let first = head.lines().next().unwrap_or_default().to_owned();
        let mut state = shared.state();
        while state.held.as_ref().is_some_and(|held| first.contains(held)) {
            state.has_held = true;
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.requests.push(first);
        drop(state);
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        let request = end + length.unwrap_or(0);
        let there = request.min(buffer.len());
        server.write_all(&buffer[..there])?;
        buffer.drain(..there);
        io::copy(&mut (&mut from).take((request - there) as u64), &mut server)?;
    }
}

/// Reads until a head has ended, and says where; `None`: there are no more.
fn head_end(from: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
        let mut some = [0; 4096];
        match from.read(&mut some)? {
            0 => return Ok(None),
            read => buffer.extend_from_slice(&some[..read]),
        }
    }
}
