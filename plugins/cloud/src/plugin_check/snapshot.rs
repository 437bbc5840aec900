//! The replies to Watch, looked at as the daemons look at them, but for complaining of everything.

use std::collections::BTreeMap;
use std::time::Duration;

use ballast_shared::plugin::host::{Host, WireHost, is_id};
use serde::Deserialize;

use super::conversation::Conversation;

/// Octets of an epoch.
const EPOCH_BYTES_MAX: usize = 128;

/// A reply; all of its fields have to be there.
#[derive(Debug, Deserialize)]
pub(super) struct Reply {
    pub(super) epoch: String,
    pub(super) seq: u64,
    pub(super) full: bool,
    pub(super) hosts: Vec<WireHost>,
    pub(super) gone: Vec<String>,
    pub(super) complete: bool,
}

impl Reply {
    /// The next one.
    pub(super) fn next(conversation: &mut Conversation, patience: Duration) -> Result<Self, String> {
        let parameters = conversation.parameters(patience)?;
        let reply: Self =
            serde_json::from_value(parameters).map_err(|error| format!("a reply is not as declared: {error}"))?;
        if reply.epoch.is_empty() || reply.epoch.len() > EPOCH_BYTES_MAX {
            return Err(format!("an epoch of {} octets", reply.epoch.len()));
        }
        if let Some(id) = reply.gone.iter().find(|id| !is_id(id)) {
            return Err(format!("gone: {id:?} can't be the id of a host"));
        }
        Ok(reply)
    }
}

/// A whole one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) epoch: String,
    pub(super) seq: u64,
    pub(super) hosts: BTreeMap<String, Host>,
}

impl Snapshot {
    /// The one that a watcher is sent first.
    pub(super) fn take(conversation: &mut Conversation, patience: Duration) -> Result<Self, String> {
        let mut snapshot: Option<Self> = None;
        loop {
            let reply = Reply::next(conversation, patience)?;
            if !reply.full {
                return Err("it begins with a delta".into());
            }
            let snapshot = snapshot.get_or_insert_with(|| Self {
                epoch: reply.epoch.clone(),
                seq: reply.seq,
                hosts: BTreeMap::new(),
            });
            if (&reply.epoch, reply.seq) != (&snapshot.epoch, snapshot.seq) {
                return Err("epoch or seq changes within the snapshot".into());
            }
            for wire in reply.hosts {
                let id = wire.id.clone();
                let host = Host::try_from(wire).map_err(|error| error.to_string())?;
                if snapshot.hosts.insert(id, host.clone()).is_some() {
                    return Err(format!("host {} comes twice", host.id));
                }
            }
            if let Some(id) = reply.gone.iter().find(|id| snapshot.hosts.contains_key(*id)) {
                return Err(format!("host {id} is there, and gone"));
            }
            if reply.complete {
                let Self { epoch, seq, hosts } = snapshot;
                let hosts = std::mem::take(hosts);
                return Ok(Self {
                    epoch: epoch.clone(),
                    seq: *seq,
                    hosts,
                });
            }
        }
    }
}
