//! Messages from the queue: each is deleted when its work is done, and comes again when it is not.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::scaler::Scaler;
use crate::aws::Error;
use crate::aws::sqs::Message;
use crate::queue::{AtStop, Handler, Verdict, Worker};
use crate::sns;

/// A message whose cloudd has died comes again after this.
const HIDDEN: Duration = Duration::from_secs(40);

/// Follows a queue until it is stopped; what has begun by then is ended.
pub(super) async fn run(scaler: &Arc<Scaler>, queue: &str, stop: &CancellationToken) {
    let worker = Worker {
        client: scaler.client().clone(),
        queue: queue.to_owned(),
        what: format!("scaling.{}", scaler.config().name),
        // Each decision depends on what came of the one before.
        at_once: 1,
        hidden: HIDDEN,
        at_stop: AtStop::Finish,
    };
    worker.run(scaler.clone(), stop.clone()).await;
}

impl Handler for Scaler {
    async fn handle(&self, message: &Message) -> Verdict {
        self.heard(&sns::unwrapped(&message.body), message.receive_count() <= 1)
            .await
    }

    fn queue_is(&self, problem: Option<&Error>) {
        self.queue_is_away(problem.map(|error| format!("the queue can't be asked: {error}")));
    }
}

#[cfg(test)]
mod tests;
