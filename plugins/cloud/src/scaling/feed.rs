//! Messages from the queue: each is deleted when its work is done, and comes again when it is not.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::scaler::{Scaler, Verdict};
use crate::aws::Error;
use crate::aws::sqs::WAIT_MAX;
use crate::sns::unwrapped;

/// A message that was received comes again after this long if it has not been deleted: more than one may take.
const HIDDEN: Duration = Duration::from_secs(40);
/// After a failure the queue is left alone for so long …
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// … and up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);

pub(super) async fn run(scaler: &Scaler, stop: &CancellationToken) {
    let mut pause = PAUSE_MIN;
    loop {
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            received = scaler.client().receive_messages(&scaler.config().queue, WAIT_MAX, HIDDEN) => received,
        };
        let outcome = match outcome {
            Ok(messages) => take(scaler, messages, stop).await,
            Err(error) => Err(error),
        };
        let Err(error) = outcome else {
            pause = PAUSE_MIN;
            continue;
        };
        warn!(%error, ?pause, "the queue of scaling {} can't be followed", scaler.config().name);
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

async fn take(scaler: &Scaler, messages: Vec<crate::aws::sqs::Message>, stop: &CancellationToken) -> Result<(), Error> {
    for message in messages {
        if stop.is_cancelled() {
            break;
        }
        let verdict = scaler
            .heard(&unwrapped(&message.body), message.receive_count() <= 1)
            .await;
        let (client, queue) = (scaler.client(), &scaler.config().queue);
        match verdict {
            Verdict::Done => client.delete_message(queue, &message).await?,
            Verdict::Later(hidden) => client.hide_message(queue, &message, hidden).await?,
            Verdict::Keep => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
