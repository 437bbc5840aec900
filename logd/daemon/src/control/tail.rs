//! `Tail`: messages as they come in, filtered here, on the listener's own thread.

use std::sync::Arc;

use ballast_shared::varlink::{CallError, Part};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::message;
use crate::live::{Entry, Fields, Filter, Heard, Kept, Listening, Pattern, Place, Recent, Tap, severity};

/// Messages of one reply.
const MESSAGES_MAX: usize = 100;

/// Replies that wait for the caller.
const REPLIES_MAX: usize = 4;

/// The parameters of `Tail`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tail {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) program: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) severity: Option<String>,
    pub(crate) lines: usize,
    pub(crate) follow: bool,
}

/// One of the replies.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Tailed {
    pub(crate) messages: Vec<Entry>,
    /// Messages among those that were kept of which no copy was made.
    pub(crate) passed_over: u64,
    /// Messages that were lost before these, because the caller was too slow.
    pub(crate) lost: u64,
}

/// Starts a conversation.
pub(super) fn start(tap: &Arc<Tap>, parameters: &Map<String, Value>) -> Result<mpsc::Receiver<Part>, CallError> {
    let asked: Tail =
        serde_json::from_value(parameters.clone().into()).map_err(|_| CallError::InvalidParameter("lines, follow"))?;
    let fields = Fields {
        host: asked.host.as_deref().and_then(Pattern::parse),
        program: asked.program.as_deref().and_then(Pattern::parse),
        severity: match &asked.severity {
            None => None,
            Some(name) => Some(severity(name).ok_or(CallError::InvalidParameter("severity"))?),
        },
    };
    let filter = Filter { fields, text: None };
    let too_many = || {
        let text = "as many as may are looking on already";
        CallError::Failed("TooManyListeners", message(text))
    };
    let place = tap.place().map_err(|_| too_many())?;
    let (replies, receiver) = mpsc::channel(REPLIES_MAX);
    let tap = tap.clone();
    let listen = move |place| listen(asked, tap, place, filter, replies);
    place.run(listen).map_err(|_| too_many())?;
    Ok(receiver)
}

async fn listen(asked: Tail, tap: Arc<Tap>, place: Place, filter: Filter, replies: mpsc::Sender<Part>) {
    let recent = |kept: &[Kept], filter| Tailed::of(&Recent::of(kept, filter, asked.lines, || false));
    if !asked.follow {
        // Who asked may have gone.
        let _ = send(&replies, recent(&tap.kept(), &filter), false).await;
        return;
    }
    let (kept, listening) = tap.listen(place, filter.clone());
    follow(recent(&kept, &filter), listening, replies).await;
}

/// Sends until the caller goes.
async fn follow(mut tailed: Tailed, mut listening: Listening, replies: mpsc::Sender<Part>) {
    loop {
        if send(&replies, std::mem::take(&mut tailed), true).await.is_err() {
            return;
        }
        let heard = tokio::select! {
            () = replies.closed() => return,
            heard = listening.next() => heard,
        };
        tailed.add(&heard);
        while tailed.messages.len() < MESSAGES_MAX {
            let Some(heard) = listening.ready(Instant::now()) else {
                break;
            };
            tailed.add(&heard);
        }
    }
}

async fn send(
    replies: &mpsc::Sender<Part>,
    tailed: Tailed,
    continues: bool,
) -> Result<(), mpsc::error::SendError<Part>> {
    let Ok(Value::Object(parameters)) = serde_json::to_value(tailed) else {
        unreachable!("a struct is a JSON object");
    };
    replies.send(Part::new(parameters, continues)).await
}

impl Tailed {
    fn of(recent: &Recent) -> Self {
        Self {
            messages: recent.messages.iter().map(|message| message.entry()).collect(),
            passed_over: recent.passed_over,
            lost: 0,
        }
    }

    fn add(&mut self, heard: &Heard) {
        match heard {
            Heard::Message(message) => self.messages.push(message.entry()),
            Heard::Lost(messages) => self.lost += messages,
        }
    }
}
