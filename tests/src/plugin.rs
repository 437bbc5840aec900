//! A plugin in the test's process: a Varlink server that says what machines exist, as the test has it, and takes events.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use data_encoding::HEXLOWER;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::wait;

/// Often enough for who expects a word each ten seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// Some hundred KiB.
const HOSTS_A_REPLY: usize = 1_000;

/// A plugin that runs until this is dropped: then its connections break off and its socket is gone.
pub struct Plugin {
    socket: PathBuf,
    shared: Arc<Shared>,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    epoch: String,
    seq: u64,
    hosts: HashMap<String, Value>,
    watchers: Vec<UnixStream>,
    connections: Vec<UnixStream>,
    events: Vec<Value>,
    /// By their keys.
    archived: HashMap<String, Vec<u8>>,
    /// Events are refused with this error.
    refuse_with: Option<String>,
    ended: bool,
}

/// A host with an id, a group and an address that it has had since ever.
#[must_use]
pub fn host(id: &str, group: &str, address: impl Display + Copy) -> Value {
    json!({
        "id": id, "name": format!("name of {id}"), "group": group, "zone": "eu-west-1a", "type": "m5.large", "lifecycle": "spot",
        "addresses": [{"address": address.to_string()}], "labels": {"Role": format!("role of {group}")},
    })
}

/// The same host, with its address since this time only.
#[must_use]
pub fn since(mut host: Value, valid_from: i64) -> Value {
    host["addresses"][0]["validFrom"] = valid_from.into();
    host
}

impl Plugin {
    /// Starts one with these hosts.
    ///
    /// # Panics
    /// When it can't listen there.
    #[must_use]
    pub fn start(socket: &Path, hosts: impl IntoIterator<Item = Value>) -> Self {
        static STARTS: Mutex<u64> = Mutex::new(0);
        let listener = UnixListener::bind(socket).expect("a socket in the test's directory");
        fs::set_permissions(socket, fs::Permissions::from_mode(0o666)).expect("a file of ours");
        let start = {
            let mut starts = STARTS.lock().expect("nobody panics with it");
            *starts += 1;
            *starts
        };
        let shared = Arc::new(Shared::default());
        {
            let mut state = shared.state();
            state.epoch = format!("start {start} of {}", std::process::id());
            state.hosts = hosts.into_iter().map(|host| (id(&host), host)).collect();
        }
        let (stop, stopped) = channel();
        let accepting = {
            let shared = shared.clone();
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let Ok(stream) = stream else { return };
                    let mut state = shared.state();
                    if state.ended {
                        return;
                    }
                    state.connections.push(stream.try_clone().expect("a descriptor"));
                    drop(state);
                    let shared = shared.clone();
                    // It ends with its connection.
                    thread::spawn(move || shared.serve(stream));
                }
            })
        };
        let living = {
            let shared = shared.clone();
            thread::spawn(move || {
                while stopped.recv_timeout(KEEP_ALIVE) == Err(RecvTimeoutError::Timeout) {
                    shared.state().tell(&[], &[]);
                }
            })
        };
        Self {
            socket: socket.to_owned(),
            shared,
            stop: Some(stop),
            threads: vec![accepting, living],
        }
    }

    /// Hosts that are new or other than before, and ids of those that are gone, in one delta.
    pub fn change(&self, hosts: impl IntoIterator<Item = Value>, gone: &[&str]) {
        let mut state = self.shared.state();
        let hosts: Vec<_> = hosts.into_iter().collect();
        for host in &hosts {
            state.hosts.insert(id(host), host.clone());
        }
        for gone in gone {
            state.hosts.remove(*gone);
        }
        state.seq += 1;
        state.tell(&hosts, gone);
    }

    /// Waits until so many follow the inventory.
    pub fn wait_for_watchers(&self, count: usize) {
        wait::until(&format!("{count} watchers"), || {
            (self.shared.state().watchers.len() >= count).then_some(())
        });
    }

    /// Waits until it was told of so many events, and returns them.
    #[must_use]
    pub fn wait_for_events(&self, count: usize) -> Vec<Value> {
        wait::until(&format!("{count} events"), || {
            let state = self.shared.state();
            (state.events.len() >= count).then(|| state.events.clone())
        })
    }

    /// Waits until it was given so many files to keep, and returns them by their keys.
    #[must_use]
    pub fn wait_for_archived(&self, count: usize) -> HashMap<String, Vec<u8>> {
        wait::until(&format!("{count} archived files"), || {
            let state = self.shared.state();
            (state.archived.len() >= count).then(|| state.archived.clone())
        })
    }

    /// From now on events are refused with this error of the interface.
    pub fn refuse_events(&self, error: &str) {
        self.shared.state().refuse_with = Some(error.to_owned());
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.ended = true;
        for connection in &state.connections {
            // It may have ended by itself.
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        drop(self.stop.take());
        // Who accepts is woken by it.
        let _ = UnixStream::connect(&self.socket);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "a thread of the plugin failed");
        }
        // Whoever makes a new one needs the place.
        let _ = fs::remove_file(&self.socket);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// Answers the calls of a connection.
    fn serve(&self, stream: UnixStream) {
        let mut to = stream.try_clone().expect("a descriptor");
        let files = Arc::new(Mutex::new(Vec::new()));
        let receiving = Receiving {
            stream,
            files: files.clone(),
        };
        for call in BufReader::new(receiving).split(0) {
            let Ok(call) = call else { return };
            let call: Value = serde_json::from_slice(&call).expect("the daemon sends JSON");
            let mut state = self.state();
            let reply = match call["method"].as_str() {
                Some("io.ballast.Inventory1.Watch") => {
                    let hosts: Vec<_> = state.hosts.values().cloned().collect();
                    let snapshot = state.snapshot(&hosts);
                    if snapshot.iter().all(|part| send(&mut to, part)) {
                        state.watchers.push(to.try_clone().expect("a descriptor"));
                    }
                    continue;
                }
                Some("io.ballast.Events1.Emit") => match &state.refuse_with {
                    Some(error) => json!({"error": error, "parameters": {}}),
                    None => {
                        let event = call["parameters"]["event"].clone();
                        state.events.push(event);
                        json!({"parameters": {}})
                    }
                },
                Some("io.ballast.Archive1.Put") => {
                    let file = files.lock().expect("nobody panics with it").remove(0);
                    state.keep(&call["parameters"], file)
                }
                _ => json!({"error": "org.varlink.service.MethodNotFound", "parameters": {"method": call["method"]}}),
            };
            drop(state);
            if !send(&mut to, &reply) {
                return;
            }
        }
    }
}

impl State {
    fn reply(&self, full: bool, hosts: &[Value], gone: &[&str]) -> Value {
        json!({
            "parameters": {
                "epoch": self.epoch, "seq": self.seq, "full": full, "hosts": hosts, "gone": gone, "complete": true,
            },
            "continues": true,
        })
    }

    /// As many replies as it takes, for each is bounded.
    fn snapshot(&self, hosts: &[Value]) -> Vec<Value> {
        let mut parts: Vec<&[Value]> = hosts.chunks(HOSTS_A_REPLY).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let last = parts.len() - 1;
        let replies = parts.iter().enumerate().map(|(n, part)| {
            let mut reply = self.reply(true, part, &[]);
            reply["parameters"]["complete"] = (n == last).into();
            reply
        });
        replies.collect()
    }

    /// Keeps a file, if it is what is said of it and its key has no other.
    fn keep(&mut self, parameters: &Value, mut file: File) -> Value {
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("a file that can be read");
        let digest = HEXLOWER.encode(&Sha256::digest(&content));
        let key = parameters["key"].as_str().expect("a key").to_owned();
        let is_right = parameters["sha256"] == digest && parameters["size"] == content.len();
        if !is_right || self.archived.get(&key).is_some_and(|kept| *kept != content) {
            return json!({"error": "io.ballast.Archive1.Mismatch", "parameters": {"message": key}});
        }
        self.archived.insert(key, content);
        json!({"parameters": {}})
    }

    fn tell(&mut self, hosts: &[Value], gone: &[&str]) {
        let delta = self.reply(false, hosts, gone);
        self.watchers.retain_mut(|watcher| send(watcher, &delta));
    }
}

/// A connection, with the files whose descriptors come along.
struct Receiving {
    stream: UnixStream,
    files: Arc<Mutex<Vec<File>>>,
}

impl Read for Receiving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut descriptors = nix::cmsg_space!([RawFd; 4]);
        let mut parts = [IoSliceMut::new(buffer)];
        let fd = self.stream.as_raw_fd();
        let received = recvmsg::<()>(fd, &mut parts, Some(&mut descriptors), MsgFlags::MSG_CMSG_CLOEXEC)?;
        for message in received.cmsgs()? {
            let ControlMessageOwned::ScmRights(descriptors) = message else {
                continue;
            };
            for descriptor in descriptors {
                // A description of our own, so that no descriptor is taken over by its number.
                let file = File::open(format!("/proc/self/fd/{descriptor}"))?;
                nix::unistd::close(descriptor)?;
                self.files.lock().expect("nobody panics with it").push(file);
            }
        }
        Ok(received.bytes)
    }
}

/// Whether it was sent.
fn send(to: &mut UnixStream, message: &Value) -> bool {
    let mut bytes = message.to_string().into_bytes();
    bytes.push(0);
    to.write_all(&bytes).is_ok()
}

fn id(host: &Value) -> String {
    host["id"].as_str().expect("a host has an id").to_owned()
}
