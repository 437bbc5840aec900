//! SQS: queues that messages are taken from, and deleted from when what they ask for is done.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Client;
use super::error::Error;
use super::json::Action;
use super::operation::Operation;

/// The longest that a queue may be asked to wait for a message.
pub const WAIT_MAX: Duration = Duration::from_secs(20);
/// Messages of one call.
pub const BATCH_MAX: u8 = 10;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    /// The same each time that it is received.
    #[serde(rename = "MessageId")]
    pub id: String,
    /// What this time of receiving it is deleted by.
    pub receipt_handle: String,
    /// What it says.
    pub body: String,
    /// What the queue says of it: "SentTimestamp", "ApproximateReceiveCount".
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl Message {
    /// One that has come without a queue; `sent_at` is in milliseconds since 1970.
    #[must_use]
    pub fn pushed(id: String, body: String, sent_at: i64) -> Self {
        Self {
            id,
            receipt_handle: String::new(),
            body,
            attributes: BTreeMap::from([("SentTimestamp".to_owned(), sent_at.to_string())]),
        }
    }

    /// It was received before.
    pub(crate) fn set_received_before(&mut self) {
        self.attributes
            .insert("ApproximateReceiveCount".to_owned(), "2".to_owned());
    }

    /// How often it has been received, this time included.
    #[must_use]
    pub fn receive_count(&self) -> u32 {
        let count = self.attributes.get("ApproximateReceiveCount");
        count.and_then(|count| count.parse().ok()).unwrap_or(1)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Receive<'a> {
    queue_url: &'a str,
    max_number_of_messages: u8,
    wait_time_seconds: u64,
    visibility_timeout: u64,
    attribute_names: [&'static str; 2],
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Received {
    messages: Option<Vec<Message>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OfMessage<'a> {
    queue_url: &'a str,
    receipt_handle: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility_timeout: Option<u64>,
}

#[derive(Deserialize)]
struct Nothing {}

impl Client {
    /// Takes at most ten messages, waiting for the first of them at most so long; nobody else gets them for the time of
    /// `hidden`.
    ///
    /// # Errors
    /// When the queue can't be asked.
    pub async fn receive_messages(&self, queue: &str, wait: Duration, hidden: Duration) -> Result<Vec<Message>, Error> {
        let wait = wait.min(WAIT_MAX);
        let action = Action {
            operation: Operation::ReceiveMessage,
            // What an answer brought that was lost comes again.
            is_repeatable: true,
            service_waits: wait,
        };
        let request = Receive {
            queue_url: queue,
            max_number_of_messages: BATCH_MAX,
            wait_time_seconds: wait.as_secs(),
            visibility_timeout: hidden.as_secs(),
            attribute_names: ["SentTimestamp", "ApproximateReceiveCount"],
        };
        let received: Received = self.json(action, &request).await?;
        Ok(received.messages.unwrap_or_default())
    }

    /// Deletes a message: what it asked for is done.
    ///
    /// # Errors
    /// When that is not known to have been done: it may come again.
    pub async fn delete_message(&self, queue: &str, message: &Message) -> Result<(), Error> {
        self.of_message(Operation::DeleteMessage, queue, message, None).await
    }

    /// Keeps a message from others for this time from now on; zero gives it back.
    ///
    /// # Errors
    /// When that is not known to have been done.
    pub async fn hide_message(&self, queue: &str, message: &Message, hidden: Duration) -> Result<(), Error> {
        self.of_message(Operation::ChangeMessageVisibility, queue, message, Some(hidden))
            .await
    }

    async fn of_message(
        &self,
        operation: Operation,
        queue: &str,
        message: &Message,
        hidden: Option<Duration>,
    ) -> Result<(), Error> {
        let action = Action {
            operation,
            is_repeatable: true,
            service_waits: Duration::ZERO,
        };
        let request = OfMessage {
            queue_url: queue,
            receipt_handle: &message.receipt_handle,
            visibility_timeout: hidden.map(|hidden| hidden.as_secs()),
        };
        let Nothing {} = self.json(action, &request).await?;
        Ok(())
    }
}
