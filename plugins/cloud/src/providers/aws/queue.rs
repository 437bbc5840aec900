//! Events of machines from a queue: each says where to look, and is deleted when what was found has been told.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use super::event::{Notice, Said, read};
use super::told::{NobodyListens, Told};
use super::{Config, now};
use crate::aws::sqs::{Message, WAIT_MAX};
use crate::aws::{Client, Error};
use crate::queue::Remembered;

/// A message that was received comes again after this long if it has not been deleted.
const HIDDEN: Duration = Duration::from_secs(30);
/// What one batch may take: less than the time after which it comes again.
const LOOK: Duration = Duration::from_secs(20);
/// After a failure the queue is left alone for so long …
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// … and up to this.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Ids of events that are remembered.
const REMEMBERED_MAX: usize = 10_000;
/// An instance that there is none of this long, in seconds, after something happened to it is gone; before that EC2 may not know
/// of it yet.
const UNKNOWN_UNTIL: i64 = 300;

/// Follows the queue until nobody listens any more.
pub(super) async fn run(client: &Client, config: &Config, queue: &str, told: &Told) {
    let mut events = Events::default();
    let mut pause = PAUSE_MIN;
    loop {
        let outcome = match client.receive_messages(queue, WAIT_MAX, HIDDEN).await {
            Ok(messages) => take(client, config, queue, told, &mut events, messages).await,
            Err(error) => Err(Failed::Aws(error)),
        };
        match outcome {
            Ok(()) => pause = PAUSE_MIN,
            Err(Failed::NobodyListens) => return,
            Err(Failed::Aws(error)) => {
                warn!(%error, ?pause, "events are not followed: what happens is seen by the next listing");
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

enum Failed {
    Aws(Error),
    NobodyListens,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Aws(error)
    }
}

impl From<NobodyListens> for Failed {
    fn from(_: NobodyListens) -> Self {
        Self::NobodyListens
    }
}

/// The events that were told of, and those whose work is done: one of these that comes again is deleted and nothing else.
struct Events {
    told: Remembered,
    done: Remembered,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            told: Remembered::new(REMEMBERED_MAX),
            done: Remembered::new(REMEMBERED_MAX),
        }
    }
}

/// Does the work of a batch of messages and deletes those whose work is done.
async fn take(
    client: &Client,
    config: &Config,
    queue: &str,
    told: &Told,
    events: &mut Events,
    messages: Vec<Message>,
) -> Result<(), Failed> {
    let client = client.until(Instant::now() + LOOK);
    let mut notices: Vec<(Message, Notice)> = Vec::new();
    let mut over = Vec::new();
    for message in messages {
        match read(&message.body) {
            Some(Said::Notice(notice)) if events.done.has(&notice.id) => over.push(message),
            Some(Said::Notice(notice)) => {
                // At once, whatever EC2 has to say: of the two minutes that an interruption leaves none is to be lost.
                if events.told.add(&notice.id) {
                    told.event(&notice).await?;
                }
                notices.push((message, notice));
            }
            Some(Said::Other) => over.push(message),
            // Whose it is is not known: it goes where the queue's redrive policy has it go, and is not lost.
            None if message.receive_count() > 1 => {}
            None => warn!(id = message.id, "a message in the queue is no event: it is left there"),
        }
    }
    let found = look(&client, config, told, &notices).await;
    if let Ok(settled) = &found {
        for (message, notice) in notices {
            if settled.contains(&notice.instance) {
                events.done.add(&notice.id);
                over.push(message);
            } else {
                debug!(
                    instance = notice.instance,
                    "EC2 does not know of it yet: the event is left to come again"
                );
            }
        }
    }
    // What was done before is over also when the look failed.
    for message in over {
        client.delete_message(queue, &message).await?;
    }
    found.map(drop)
}

/// Looks at the instances that something happened to and tells what was found. Gives the ids of those about which enough is
/// known.
async fn look(
    client: &Client,
    config: &Config,
    told: &Told,
    notices: &[(Message, Notice)],
) -> Result<HashSet<String>, Failed> {
    let ids: HashSet<&str> = notices.iter().map(|(_, notice)| notice.instance.as_str()).collect();
    if ids.is_empty() {
        return Ok(HashSet::new());
    }
    let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
    let found = client.instances_by_id(&ids, &config.filters).await?;
    let mut settled: HashSet<String> = found.iter().map(|instance| instance.id.clone()).collect();
    let mut gone = Vec::new();
    let missing: Vec<String> = ids.into_iter().filter(|id| !settled.contains(id)).collect();
    if !missing.is_empty() && !config.filters.is_empty() {
        // It may be there and none of ours, which is as good as gone; or nobody knows of it yet.
        for other in client.instances_by_id(&missing, &[]).await? {
            settled.insert(other.id.clone());
            gone.push(other.id);
        }
    }
    let now = now();
    for (_, notice) in notices {
        let is_old = now - notice.time > UNKNOWN_UNTIL;
        if (notice.is_end() || is_old) && settled.insert(notice.instance.clone()) {
            gone.push(notice.instance.clone());
        }
    }
    told.look(&found, gone, &config.labels, now).await?;
    Ok(settled)
}
