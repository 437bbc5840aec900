//! What is done with what comes: it is believed, or refused and counted by the reason.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;
use tracing::{info, warn};

use super::answer::Answer;
use super::delivery::{Delivery, Kind};
use super::signature::{NotSigned, verify};
use super::topics::Topics;
use super::trust::{Believed, Trust};
use super::work::{Work, Worked};
use crate::aws::sqs::Message;

/// Milliseconds for which SNS tries at most to have a message taken.
const AGE_MAX: i64 = 3_600_000;
/// Milliseconds by which clocks may differ.
const CLOCKS: i64 = 300_000;
/// What a confirmation may take: SNS waits 15 seconds for an answer.
const CONFIRM: Duration = Duration::from_secs(10);
/// Octets of the answer to one, in which nothing is looked for.
const CONFIRMED_BYTES_MAX: usize = 64 * 1024;
/// A reason is told once in this time: whoever can connect decides how often there is one.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Characters of somebody's text that are told.
const TOLD_CHARS_MAX: usize = 200;

/// Takes what topics deliver.
pub struct Endpoint {
    topics: Arc<Topics>,
    trust: Mutex<Arc<Trust>>,
    work: Work,
    told: Mutex<HashMap<Answer, Instant>>,
}

/// Why something is not done, for the log.
type No = (Answer, String);

impl Endpoint {
    /// Of these topics, with certificates from where the configuration says.
    #[must_use]
    pub fn new(topics: Arc<Topics>, believed: &Believed) -> Self {
        Self {
            topics,
            trust: Mutex::new(Arc::new(Trust::new(believed))),
            work: Work::default(),
            told: Mutex::default(),
        }
    }

    /// From now on those are believed that this configuration says.
    pub fn configure(&self, believed: &Believed) {
        let trust = Arc::new(Trust::new(believed));
        *self.trust.lock().unwrap_or_else(PoisonError::into_inner) = trust;
    }

    fn trusted(&self) -> Arc<Trust> {
        self.trust.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until nothing is worked on.
    pub(super) async fn finish(&self) {
        self.work.finish().await;
    }

    /// Takes the body of a request; `now` is in milliseconds since 1970.
    pub(super) async fn receive(&self, body: &[u8], now: i64) -> Answer {
        match self.taken(body, now).await {
            Ok(answer) => {
                count(answer);
                answer
            }
            Err((answer, why)) => self.refuse(answer, &why),
        }
    }

    /// Counts a request that is not taken, and tells of it.
    pub(super) fn refuse(&self, answer: Answer, why: &str) -> Answer {
        count(answer);
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told
            .get(&answer)
            .is_none_or(|last| now.duration_since(*last) >= TOLD_EVERY);
        if is_due {
            told.insert(answer, now);
            warn!(reason = answer.name(), "something for a topic is not taken: {why}");
        }
        answer
    }

    async fn taken(&self, body: &[u8], now: i64) -> Result<Answer, No> {
        let delivery = Delivery::read(body);
        let delivery = delivery.ok_or_else(|| (Answer::Malformed, "it is no message of one".to_owned()))?;
        let sent_at = self.check(&delivery, now).await?;
        match delivery.kind {
            Kind::Notification => self.notified(delivery, sent_at).await,
            Kind::SubscriptionConfirmation => self.confirm(&delivery).await,
            Kind::UnsubscribeConfirmation => {
                warn!(
                    "{} delivers to us no more: its subscription was ended",
                    delivery.topic_arn
                );
                Ok(Answer::Ended)
            }
        }
    }

    /// Finds out whether a message is a topic's; gives when it was sent. What costs nothing comes first.
    async fn check(&self, delivery: &Delivery, now: i64) -> Result<i64, No> {
        if self.topics.get(&delivery.topic_arn).is_none() {
            let why = format!("nobody takes from {}", shown(&delivery.topic_arn));
            return Err((Answer::Topic, why));
        }
        let (earliest, latest) = (now.saturating_sub(AGE_MAX + CLOCKS), now.saturating_add(CLOCKS));
        let sent_at = delivery.sent_at().filter(|sent| (earliest..=latest).contains(sent));
        let sent_at = sent_at.ok_or_else(|| (Answer::Age, format!("it is of {}", shown(&delivery.timestamp))))?;
        let trust = self.trusted();
        let url = trust.certificate_url(&delivery.certificate_url).ok_or_else(|| {
            let why = format!("its certificate is said to be at {}", shown(&delivery.certificate_url));
            (Answer::CertificateUrl, why)
        })?;
        let certificate = trust.keys.get(&url).await.map_err(|error| {
            let why = format!("the certificate at {url} can't be had: {error}");
            (Answer::Certificate, why)
        })?;
        let since = Duration::from_millis(u64::try_from(now).unwrap_or(0));
        if !certificate.is_valid_at(since) {
            let why = format!("the certificate at {url} is not valid now");
            return Err((Answer::CertificateTime, why));
        }
        match verify(delivery, &certificate) {
            Ok(()) => {
                trust.keys.keep(&url, &certificate);
                Ok(sent_at)
            }
            Err(NotSigned::Version) => {
                let why = format!("its signature is of version {}", shown(&delivery.signature_version));
                Err((Answer::Version, why))
            }
            Err(NotSigned::Wrong) => {
                let why = "its signature is another's, or of something else";
                Err((Answer::Signature, why.to_owned()))
            }
        }
    }

    async fn notified(&self, delivery: Delivery, sent_at: i64) -> Result<Answer, No> {
        // A reload may have taken it away while the signature was verified.
        let Some(taker) = self.topics.get(&delivery.topic_arn) else {
            return Ok(Answer::Kept);
        };
        let message = Message::pushed(delivery.message_id, delivery.message, sent_at);
        match self.work.take(message, taker).await {
            Worked::Done => Ok(Answer::Done),
            Worked::Before => Ok(Answer::Repeated),
            Worked::Kept => Ok(Answer::Kept),
            Worked::Busy => Err((Answer::Busy, "there is too much to do".to_owned())),
        }
    }

    async fn confirm(&self, delivery: &Delivery) -> Result<Answer, No> {
        let topic = &delivery.topic_arn;
        let trust = self.trusted();
        let url = trust.subscribe_url(delivery).ok_or_else(|| {
            let why = format!("what {topic} wants to have confirmed is not its subscription");
            (Answer::SubscribeUrl, why)
        })?;
        let deadline = Instant::now() + CONFIRM;
        let confirmed = trust.unsigned.get(&url, CONFIRMED_BYTES_MAX, deadline).await;
        // The URL has a token in it; the error has not.
        confirmed.map_err(|error| {
            let why = format!("the subscription of {topic} can't be confirmed: {error}");
            (Answer::NotConfirmed, why)
        })?;
        info!("{topic} delivers to us from now on");
        Ok(Answer::Confirmed)
    }
}

fn count(answer: Answer) {
    counter!("cloudd_sns_requests_total", "outcome" => answer.name()).increment(1);
}

/// A text that somebody has sent, as it is told.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(TOLD_CHARS_MAX).collect();
    format!("{cut:?}")
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
