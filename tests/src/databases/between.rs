//! Something between logd and a database: it hands on what both say, loses the reply to a statement, or stops answering.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// How a transaction is committed, in the protocols of both databases.
const COMMIT: &str = "COMMIT";

/// A relay, which goes on until the test's process ends.
pub struct Between {
    serves: SocketAddr,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    /// What the statements hold whose replies are lost.
    word: Mutex<&'static str>,
    /// Replies that are still to be lost.
    to_lose: AtomicUsize,
    lost: AtomicUsize,
    hangs: AtomicBool,
}

impl Between {
    /// Relays from an address of the test's to a server.
    ///
    /// # Panics
    /// When it can't listen there.
    #[must_use]
    pub fn start(at: Ipv4Addr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind((at, 0)).expect("an address of the test's");
        let serves = listener.local_addr().expect("it is bound");
        let state = Arc::new(State {
            server,
            word: Mutex::new(COMMIT),
            to_lose: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            hangs: AtomicBool::new(false),
        });
        let relays = state.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let state = relays.clone();
                thread::spawn(move || relay(&client, &state));
            }
        });
        Self { serves, state }
    }

    /// Where it listens.
    #[must_use]
    pub fn serves(&self) -> SocketAddr {
        self.serves
    }

    /// Loses the replies to so many commits: the server has done them, and the client's connection is gone.
    pub fn lose_replies(&self, number: usize) {
        self.lose_replies_to(COMMIT, number);
    }

    /// Loses the replies to so many statements that hold a text.
    ///
    /// # Panics
    /// When a relay has panicked.
    pub fn lose_replies_to(&self, word: &'static str, number: usize) {
        *self.state.word.lock().expect("nobody panics with it") = word;
        self.state.to_lose.store(number, Ordering::SeqCst);
    }

    /// How many replies were lost.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.state.lost.load(Ordering::SeqCst)
    }

    /// From now on nothing that a client says is handed on, and no connection is closed; or no longer.
    pub fn hang(&self, hangs: bool) {
        self.state.hangs.store(hangs, Ordering::SeqCst);
    }
}

fn relay(client: &TcpStream, state: &State) {
    // A server that is down is one for the client.
    let Ok(server) = TcpStream::connect(state.server) else {
        return;
    };
    let loses = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            replies(&server, client, &loses, state);
            close(client, &server);
        });
        requests(client, &server, &loses, state);
        close(client, &server);
    });
}

fn close(client: &TcpStream, server: &TcpStream) {
    for end in [client, server] {
        // The other thread may have closed it.
        let _ = end.shutdown(Shutdown::Both);
    }
}

fn requests(mut client: &TcpStream, mut server: &TcpStream, loses: &AtomicBool, state: &State) {
    let mut buffer = [0; 64 << 10];
    while let Some(length) = read(&mut client, &mut buffer) {
        let said = &buffer[..length];
        let word = *state.word.lock().expect("nobody panics with it");
        if said.windows(word.len()).any(|part| part == word.as_bytes()) {
            let lose = |left: usize| left.checked_sub(1);
            if state
                .to_lose
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose)
                .is_ok()
            {
                loses.store(true, Ordering::SeqCst);
            }
        }
        if !state.hangs.load(Ordering::SeqCst) && server.write_all(said).is_err() {
            return;
        }
    }
}

fn replies(mut server: &TcpStream, mut client: &TcpStream, loses: &AtomicBool, state: &State) {
    let mut buffer = [0; 64 << 10];
    while let Some(length) = read(&mut server, &mut buffer) {
        // What the server says after it was told to do something says that it has.
        if loses.load(Ordering::SeqCst) {
            state.lost.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if client.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

fn read(stream: &mut &TcpStream, buffer: &mut [u8]) -> Option<usize> {
    loop {
        match stream.read(buffer) {
            Ok(0) => return None,
            Ok(length) => return Some(length),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}
