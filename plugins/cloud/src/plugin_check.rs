//! `cloudd plugin-check SOCKET`: tries whether a plugin keeps to `io.ballast.Inventory1`, whoever wrote it.
//!
//! It speaks Varlink by hand, octet by octet, for it says things too that no client says.

mod conversation;
mod snapshot;

use std::fmt::Display;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ballast_shared::exit::Exit;
use serde_json::{Value, json};

use conversation::Conversation;
use snapshot::{Reply, Snapshot};

/// How long a plugin may take for what it is to do at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long it may be silent: ten seconds by the interface, and what a busy machine takes.
const SILENCE_MAX: Duration = Duration::from_secs(13);

const INTERFACE: &str = "io.ballast.Inventory1";

/// A check, by what it says of the plugin when it holds.
type Check = (&'static str, fn(&Path) -> Result<(), String>);

const CHECKS: [Check; 10] = [
    (
        "describes itself, and that it has io.ballast.Inventory1",
        describes_itself,
    ),
    (
        "refuses interfaces and methods that it has not, by Varlink's own errors",
        refuses_the_unknown,
    ),
    (
        "refuses a caller of Watch who takes one reply only",
        refuses_without_more,
    ),
    (
        "sends a whole snapshot of hosts that are as the interface says",
        sends_a_snapshot,
    ),
    ("sends all watchers the same", sends_all_the_same),
    ("sends a snapshot to who has another epoch", begins_anew),
    ("goes on for who has its newest version", goes_on),
    (
        "is silent for no more than ten seconds, and its versions follow one another",
        stays_alive,
    ),
    ("survives garbage", survives_garbage),
    ("survives a watcher that takes nothing", survives_a_stalled_watcher),
];

/// Tries all of it, and prints what holds and what does not.
#[must_use]
pub fn run(socket: &Path) -> Exit {
    if let Err(error) = Conversation::open(socket) {
        eprintln!("{}: {error}", socket.display());
        return Exit::Unavailable;
    }
    // Some of them wait for as long as the plugin may be silent: they wait together.
    let outcomes = thread::scope(|scope| {
        let running = CHECKS.map(|(name, check)| (name, scope.spawn(move || check(socket))));
        running.map(|(name, running)| {
            let outcome = running
                .join()
                .unwrap_or_else(|_| Err("this check itself failed".into()));
            (name, outcome)
        })
    });
    let mut exit = Exit::Ok;
    for (name, outcome) in outcomes {
        match outcome {
            Ok(()) => println!("ok    {name}"),
            Err(why) => {
                println!("FAIL  {name}: {why}");
                exit = Exit::Differs;
            }
        }
    }
    exit
}

fn text(error: impl Display) -> String {
    error.to_string()
}

fn open(socket: &Path) -> Result<Conversation, String> {
    Conversation::open(socket).map_err(text)
}

fn watching(socket: &Path, parameters: &Value) -> Result<Conversation, String> {
    let mut conversation = open(socket)?;
    conversation.call(&format!("{INTERFACE}.Watch"), parameters, true)?;
    Ok(conversation)
}

fn describes_itself(socket: &Path) -> Result<(), String> {
    let mut conversation = open(socket)?;
    conversation.call("org.varlink.service.GetInfo", &json!({}), false)?;
    let info = conversation.parameters(PATIENCE)?;
    let has_it = info["interfaces"]
        .as_array()
        .is_some_and(|all| all.contains(&json!(INTERFACE)));
    if !has_it {
        return Err(format!("GetInfo says {info}"));
    }
    let which = json!({ "interface": INTERFACE });
    conversation.call("org.varlink.service.GetInterfaceDescription", &which, false)?;
    let description = conversation.parameters(PATIENCE)?;
    match description["description"].as_str() {
        Some(text) if text.contains("method Watch(") => Ok(()),
        _ => Err(format!("GetInterfaceDescription says {description}")),
    }
}

fn refuses_the_unknown(socket: &Path) -> Result<(), String> {
    let mut conversation = open(socket)?;
    let unknown = [
        (format!("{INTERFACE}.Nothing"), "org.varlink.service.MethodNotFound"),
        (
            "org.example.nothing.Watch".to_owned(),
            "org.varlink.service.InterfaceNotFound",
        ),
    ];
    for (method, wanted) in unknown {
        conversation.call(&method, &json!({}), false)?;
        let reply = conversation.reply(PATIENCE)?;
        if reply["error"] != wanted {
            return Err(format!("to {method} it says {reply}, not {wanted}"));
        }
    }
    Ok(())
}

fn refuses_without_more(socket: &Path) -> Result<(), String> {
    let mut conversation = open(socket)?;
    conversation.call(&format!("{INTERFACE}.Watch"), &json!({}), false)?;
    let reply = conversation.reply(PATIENCE)?;
    match reply["error"] == "org.varlink.service.ExpectedMore" {
        true => Ok(()),
        false => Err(format!("it says {reply}, not org.varlink.service.ExpectedMore")),
    }
}

fn sends_a_snapshot(socket: &Path) -> Result<(), String> {
    Snapshot::take(&mut watching(socket, &json!({}))?, PATIENCE).map(drop)
}

fn sends_all_the_same(socket: &Path) -> Result<(), String> {
    // Between two snapshots something may have changed; not again and again.
    let mut differs = String::new();
    for _ in 0..5 {
        let (mut first, mut second) = (watching(socket, &json!({}))?, watching(socket, &json!({}))?);
        let first = Snapshot::take(&mut first, PATIENCE)?;
        let second = Snapshot::take(&mut second, PATIENCE)?;
        if first.epoch != second.epoch {
            return Err(format!(
                "one is told of epoch {}, another of {}",
                first.epoch, second.epoch
            ));
        }
        if first == second {
            return Ok(());
        }
        differs = format!(
            "{} hosts in version {}, {} in {}",
            first.hosts.len(),
            first.seq,
            second.hosts.len(),
            second.seq
        );
        if first.seq == second.seq {
            break;
        }
    }
    Err(differs)
}

fn begins_anew(socket: &Path) -> Result<(), String> {
    let known = json!({ "epoch": "an epoch that no plugin has", "seq": 7 });
    Snapshot::take(&mut watching(socket, &known)?, PATIENCE).map(drop)
}

fn goes_on(socket: &Path) -> Result<(), String> {
    let snapshot = Snapshot::take(&mut watching(socket, &json!({}))?, PATIENCE)?;
    let known = json!({ "epoch": snapshot.epoch, "seq": snapshot.seq });
    let mut conversation = watching(socket, &known)?;
    let reply = Reply::next(&mut conversation, SILENCE_MAX)?;
    if reply.epoch == snapshot.epoch && reply.full && reply.seq <= snapshot.seq {
        return Err("it sends a snapshot of the version that the watcher has".into());
    }
    if reply.epoch == snapshot.epoch && !reply.full && reply.seq > snapshot.seq + 1 {
        return Err(format!(
            "it leaves out what is between version {} and {}",
            snapshot.seq, reply.seq
        ));
    }
    Ok(())
}

fn stays_alive(socket: &Path) -> Result<(), String> {
    let mut conversation = watching(socket, &json!({}))?;
    let snapshot = Snapshot::take(&mut conversation, PATIENCE)?;
    let mut seq = snapshot.seq;
    let start = Instant::now();
    // Long enough for one keep-alive where nothing changes.
    while start.elapsed() < SILENCE_MAX {
        let reply = Reply::next(&mut conversation, SILENCE_MAX).map_err(|error| match error.as_str() {
            conversation::SILENT => format!("nothing comes for {} seconds", SILENCE_MAX.as_secs()),
            _ => error,
        })?;
        let is_empty = reply.hosts.is_empty() && reply.gone.is_empty();
        match (reply.seq.checked_sub(seq), is_empty) {
            _ if reply.full || reply.epoch != snapshot.epoch => {
                return Err("after the snapshot it sends another, without being asked".into());
            }
            (Some(0), true) => return Ok(()),
            (Some(1), _) => {
                if reply.complete {
                    seq = reply.seq;
                }
            }
            _ => {
                return Err(format!(
                    "after version {seq} it sends {} hosts in {}",
                    reply.hosts.len(),
                    reply.seq
                ));
            }
        }
    }
    Ok(())
}

fn survives_garbage(socket: &Path) -> Result<(), String> {
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n\0"[..],
        b"{\"method\":\0",
        b"\0\0\0",
        b"[]\0",
        b"{\"method\":7}\0",
        b"\xff\xfe\0",
        b"{\"method\":\"io.ballast.Inventory1.Watch\",\"parameters\":{\"epoch\":7},\"more\":true}\0",
    ] {
        // It may answer or hang up.
        let mut conversation = open(socket)?;
        let _ = conversation.send(garbage);
    }
    describes_itself(socket)
}

fn survives_a_stalled_watcher(socket: &Path) -> Result<(), String> {
    let stalled: Vec<Conversation> = (0..3).map(|_| watching(socket, &json!({}))).collect::<Result<_, _>>()?;
    Snapshot::take(&mut watching(socket, &json!({}))?, PATIENCE)?;
    drop(stalled);
    describes_itself(socket)
}
