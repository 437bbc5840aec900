//! `Tail`: messages as they come in, filtered here.

use std::sync::Arc;

use ballast_shared::control::{CallError, Part};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::message;
use crate::live::{Entry, Filter, Heard, Listening, Pattern, Recent, Tap, severity};

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
    let filter = Filter {
        host: asked.host.as_deref().and_then(Pattern::parse),
        program: asked.program.as_deref().and_then(Pattern::parse),
        severity: match &asked.severity {
            None => None,
            Some(name) => Some(severity(name).ok_or(CallError::InvalidParameter("severity"))?),
        },
        text: None,
    };
    let (replies, receiver) = mpsc::channel(REPLIES_MAX);
    if asked.follow {
        let (recent, listening) = tap.listen(filter, asked.lines).map_err(|_| {
            let text = "as many as may are looking on already";
            CallError::Failed("TooManyListeners", message(text))
        })?;
        tokio::spawn(follow(recent, listening, replies));
    } else {
        let recent = tap.recent(&filter, asked.lines);
        tokio::spawn(async move {
            // Who asked may have gone.
            let _ = send(&replies, Tailed::of(recent), false).await;
        });
    }
    Ok(receiver)
}

/// Sends until the caller goes.
async fn follow(recent: Recent, mut listening: Listening, replies: mpsc::Sender<Part>) {
    let mut tailed = Tailed::of(recent);
    loop {
        if send(&replies, std::mem::take(&mut tailed), true).await.is_err() {
            return;
        }
        let heard = tokio::select! {
            () = replies.closed() => return,
            heard = listening.next() => heard,
        };
        tailed.add(heard);
        while tailed.messages.len() < MESSAGES_MAX {
            let Some(heard) = listening.ready() else { break };
            tailed.add(heard);
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
    replies.send(Part { parameters, continues }).await
}

impl Tailed {
    fn of(recent: Recent) -> Self {
        Self {
            messages: recent.entries.into_iter().map(Arc::unwrap_or_clone).collect(),
            passed_over: recent.passed_over,
            lost: 0,
        }
    }

    fn add(&mut self, heard: Heard) {
        match heard {
            Heard::Message(entry) => self.messages.push(Arc::unwrap_or_clone(entry)),
            Heard::Lost(messages) => self.lost += messages,
        }
    }
}
