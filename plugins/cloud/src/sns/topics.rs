//! The topics that may deliver to us, and who does what their messages ask for.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use crate::aws::sqs::Message;
use crate::queue::{Handler, Verdict};

/// A [`Handler`] of any kind: what comes from a topic goes to the same as what comes from a queue.
pub trait Taker: Send + Sync {
    /// Does what a message asks for.
    fn take(self: Arc<Self>, message: Message) -> Pin<Box<dyn Future<Output = Verdict> + Send>>;
}

impl<H: Handler> Taker for H {
    fn take(self: Arc<Self>, message: Message) -> Pin<Box<dyn Future<Output = Verdict> + Send>> {
        Box::pin(async move { self.handle(&message).await })
    }
}

/// The topics, by their ARNs. Others are refused.
#[derive(Default)]
pub struct Topics {
    takers: Mutex<HashMap<String, Arc<dyn Taker>>>,
}

impl Topics {
    /// Has these and no others.
    pub fn arrange(&self, takers: impl IntoIterator<Item = (String, Arc<dyn Taker>)>) {
        let takers = takers.into_iter().collect();
        *self.takers.lock().unwrap_or_else(PoisonError::into_inner) = takers;
    }

    pub(super) fn get(&self, topic: &str) -> Option<Arc<dyn Taker>> {
        let takers = self.takers.lock().unwrap_or_else(PoisonError::into_inner);
        takers.get(topic).cloned()
    }
}
