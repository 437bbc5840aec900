//! The target of what a plugin says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ballast_shared::plugin::host::is_id;
use ballast_shared::plugin::machine::{Action, Limits, Machine, Trouble};
use ballast_shared::plugin::wire::WatchReply;
use ballast_shared::varlink::ClientError;

const LIMITS: Limits = Limits {
    hosts_max: 20,
    pending_bytes_max: 100_000,
};

/// A connection's messages, each ended by a NUL as on the socket: a message that can't be read is told from a refusal, and a
/// client that follows them has no more hosts than are taken, and none in which something is wrong. After a connection that was
/// given up comes another.
pub fn plugin_replies(data: &[u8]) {
    let mut daemon = Daemon {
        machine: Machine::new(LIMITS, Duration::from_secs(86_400), None, 1),
        now: Duration::ZERO,
        is_connected: false,
        told: BTreeSet::new(),
    };
    daemon.act();
    for message in data.split(|byte| *byte == 0) {
        daemon.hear(message);
        daemon.act();
        while !daemon.is_connected {
            daemon.now = daemon.machine.poll_timeout().expect("it tries again").max(daemon.now);
            daemon.machine.handle_timeout(daemon.now);
            daemon.act();
        }
    }
}

struct Daemon {
    machine: Machine,
    now: Duration,
    is_connected: bool,
    /// The ids of the hosts that it has been told of.
    told: BTreeSet<Arc<str>>,
}

impl Daemon {
    fn hear(&mut self, message: &[u8]) {
        match WatchReply::read(message) {
            Ok((reply, _)) => {
                let text = serde_json::to_vec(&serde_json::json!({ "parameters": reply })).expect("a reply is JSON");
                let (again, _) = WatchReply::read(&text).expect("what was read is a reply");
                assert_eq!(again, reply);
                self.machine.handle_reply(self.now, reply, message.len());
            }
            Err(ClientError::Refused(error, _)) => self.machine.handle_closed(self.now, Trouble::Refused(error)),
            Err(_) => self.machine.handle_closed(self.now, Trouble::Garbled),
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Connect => {
                    self.machine.handle_connected(self.now);
                    self.is_connected = true;
                }
                Action::Disconnect => self.is_connected = false,
                Action::Update(update) => {
                    if update.full {
                        self.told.clear();
                    }
                    for id in update.gone {
                        assert!(self.told.remove(&id), "gone before");
                    }
                    self.told.extend(update.changed.iter().map(|host| host.id.clone()));
                }
                Action::State(_) | Action::Notice(_) => {}
            }
        }
        assert_eq!(self.told.len(), self.machine.known().len());
        assert!(self.told.len() <= LIMITS.hosts_max);
        assert!(self.told.iter().all(|id| is_id(id)));
    }
}
