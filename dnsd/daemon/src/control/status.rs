//! What `Status` shows of the server as a whole.

use dnsd_core::tsig::KeyUse;
use serde_json::{Value, json};

use crate::secondaries::{Secondaries, TransferInCounts};
use crate::server::Shared;

/// The server as it is.
pub(super) fn server(shared: &Shared, secondaries: &Secondaries) -> Value {
    server_json(shared, secondaries.board().transfers())
}

pub(super) fn server_json(shared: &Shared, transfers_in: TransferInCounts) -> Value {
    let serving = shared.serving.load();
    let mut keys: Vec<_> = serving.keys.iter().collect();
    keys.sort_by(|left, right| left.name().cmp(right.name()));
    let keys = keys.into_iter().map(|key| {
        let name = key.name().to_string();
        key_json(&name, &key.algorithm().to_string(), key.last_use())
    });
    let keys: Vec<Value> = keys.collect();
    let transfers_out = shared.transfers.counts();
    let forwarded = serving.forwarder.counts();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "keys": keys,
        "transfersOut": {
            "underway": transfers_out.running,
            "ended": transfers_out.ended,
            "brokenOff": transfers_out.broken_off,
            "refused": transfers_out.refused,
        },
        "transfersIn": {
            "underway": transfers_in.underway,
            "succeeded": transfers_in.succeeded,
            "failed": transfers_in.failed,
        },
        "forwarded": {
            "underway": forwarded.underway,
            "cached": forwarded.cached,
            "answered": forwarded.answered,
            "failed": forwarded.failed,
        },
    })
}

pub(super) fn key_json(name: &str, algorithm: &str, last_use: Option<KeyUse>) -> Value {
    json!({
        "name": name,
        "algorithm": algorithm,
        "lastUsedAt": last_use.map(|last| last.at),
        "lastUsedBy": last_use.and_then(|last| last.by).map(|address| address.to_string()),
    })
}
