//! What is taken and what is refused, with a signer that has the place of SNS.

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::signer::{SENT, Signer, TOPIC, notification};
use super::*;
use crate::aws::Error;
use crate::aws::test_server::{Reply, TestServer, ok};
use crate::hosts::Hosts;
use crate::queue::{Handler, Verdict};

/// Says what it was given; what is called "keep" is not done.
struct Doer(mpsc::UnboundedSender<Message>);

impl Handler for Doer {
    async fn handle(&self, message: &Message) -> Verdict {
        self.0.send(message.clone()).unwrap();
        match message.body == "keep" {
            true => Verdict::Keep,
            false => Verdict::Done,
        }
    }

    fn queue_is(&self, _: Option<&Error>) {}
}

/// Certificates come from there.
fn at(host: &str) -> Believed {
    Believed {
        hosts: Hosts::read_exact([host].into_iter()).unwrap(),
        authorities: None,
    }
}

struct Bench {
    server: TestServer,
    signer: Signer,
    endpoint: Endpoint,
    taken: mpsc::UnboundedReceiver<Message>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(Signer::new(), true).await
    }

    /// With a host that has the certificate, and confirms or does not.
    async fn with(signer: Signer, confirms: bool) -> Self {
        let pem = signer.certificate().to_owned();
        let server = TestServer::start(move |_, asked| match asked.line.contains(".pem") {
            true => ok(pem.clone()),
            false if confirms => ok("<ConfirmSubscriptionResponse/>"),
            false => Reply::Answer(403, "", String::new()),
        })
        .await;
        let (sender, taken) = mpsc::unbounded_channel();
        let topics = Arc::new(Topics::default());
        topics.arrange([(TOPIC.to_owned(), Arc::new(Doer(sender)) as _)]);
        Self {
            endpoint: Endpoint::new(topics, &at(&server.url())),
            server,
            signer,
            taken,
        }
    }

    /// A notification whose certificate is at the host.
    fn notification(&self) -> Value {
        let mut message = notification();
        message["SigningCertURL"] = format!("{}/SimpleNotificationService-0a.pem", self.server.url()).into();
        message
    }

    fn subscription(&self) -> Value {
        let mut message = self.notification();
        message["Type"] = json!("SubscriptionConfirmation");
        message["Token"] = json!("t0");
        let url = format!(
            "{}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0",
            self.server.url()
        );
        message["SubscribeURL"] = url.into();
        message
    }

    /// Sends what is signed, a second after it was sent.
    async fn send(&self, message: &Value) -> Answer {
        let signed = self.signer.signed(message.clone(), "1");
        self.send_at(&signed, SENT + 1000).await
    }

    async fn send_at(&self, message: &Value, now: i64) -> Answer {
        self.endpoint.receive(message.to_string().as_bytes(), now).await
    }

    /// What those were given who do the work.
    fn taken(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.taken.try_recv().ok()).collect()
    }

    fn asked(&self) -> Vec<String> {
        self.server.asked().into_iter().map(|asked| asked.line).collect()
    }
}

#[tokio::test]
async fn a_message_of_the_topic_is_given_to_who_takes_from_it_and_once() {
    let mut bench = Bench::new().await;
    let mut message = bench.notification();
    for (version, subject) in [("1", Value::Null), ("2", json!("A subject"))] {
        message["Subject"] = subject;
        message["MessageId"] = format!("id-{version}").into();
        let signed = bench.signer.signed(message.clone(), version);
        assert_eq!(bench.send_at(&signed, SENT).await, Answer::Done);
        assert_eq!(bench.send_at(&signed, SENT + 60_000).await, Answer::Repeated);
    }
    let taken = bench.taken();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0].body, message["Message"]);
    assert_eq!(
        (taken[0].id.as_str(), taken[0].attributes["SentTimestamp"].as_str()),
        ("id-1", "1780272000000")
    );
    assert_eq!(bench.asked(), ["GET /SimpleNotificationService-0a.pem"]);
}

#[tokio::test]
async fn what_is_not_done_comes_again() {
    let mut bench = Bench::new().await;
    let mut message = bench.notification();
    message["Message"] = json!("keep");
    let (first, second) = (bench.send(&message).await, bench.send(&message).await);
    assert_eq!((first, second), (Answer::Kept, Answer::Kept));
    assert_eq!(first.status().as_u16(), 503);
    let counts: Vec<u32> = bench.taken().iter().map(Message::receive_count).collect();
    assert_eq!(counts, [1, 2]);
}

/// Each is refused, nothing is done, and nobody is asked for anything but the certificate, once.
#[tokio::test]
async fn what_is_not_a_topics_is_refused() {
    let mut bench = Bench::new().await;
    let host = bench.server.url();
    let elsewhere = TestServer::start(|_, _| ok("")).await;
    let changed = |field: &str, value: Value| (field.to_owned(), value);
    let certificate = |url: String| changed("SigningCertURL", url.into());
    let unsigned = [
        (changed("TopicArn", json!(format!("{TOPIC}x"))), Answer::Topic),
        (changed("TopicArn", json!(TOPIC.to_uppercase())), Answer::Topic),
        (changed("Timestamp", json!("yesterday")), Answer::Age),
        (
            certificate(format!("{}/SimpleNotificationService-0a.pem", elsewhere.url())),
            Answer::CertificateUrl,
        ),
        (
            certificate(format!(
                "{}/SimpleNotificationService-0a.pem",
                host.replace("http:", "https:")
            )),
            Answer::CertificateUrl,
        ),
        (certificate(format!("{host}/a.pem")), Answer::CertificateUrl),
        (changed("Type", json!("Other")), Answer::Malformed),
        (changed("MessageId", json!("a b")), Answer::Malformed),
    ];
    let good = bench.signer.signed(bench.notification(), "1");
    for ((field, value), answer) in unsigned {
        let mut message = good.clone();
        message[&field] = value.clone();
        assert_eq!(bench.send_at(&message, SENT).await, answer, "{field}: {value}");
    }
    assert_eq!(bench.asked(), [""; 0], "not even the certificate was needed");
    assert_eq!(bench.send_at(&good, SENT).await, Answer::Done);
    assert_eq!(bench.taken().len(), 1);
    let signed = [
        (changed("Message", json!("other")), Answer::Signature),
        (changed("Subject", json!("other")), Answer::Signature),
        (changed("MessageId", json!("other")), Answer::Signature),
        (
            changed("Timestamp", json!("2026-06-01T00:00:01.000Z")),
            Answer::Signature,
        ),
        (changed("Signature", json!("")), Answer::Signature),
        (changed("SignatureVersion", json!("2")), Answer::Signature),
        (changed("SignatureVersion", json!("3")), Answer::Version),
    ];
    for ((field, value), answer) in signed {
        let mut message = good.clone();
        message[&field] = value.clone();
        assert_eq!(bench.send_at(&message, SENT).await, answer, "{field}: {value}");
        assert_eq!(answer.status().as_u16(), 403);
    }
    assert_eq!(bench.asked(), ["GET /SimpleNotificationService-0a.pem"]);
    assert!(elsewhere.asked().is_empty() && bench.taken().is_empty());
    assert_eq!(bench.send_at(&good, SENT).await, Answer::Repeated);
}

#[tokio::test]
async fn a_message_is_believed_for_an_hour() {
    let bench = Bench::new().await;
    let good = bench.signer.signed(bench.notification(), "2");
    for (now, answer) in [
        (SENT + AGE_MAX + CLOCKS + 1, Answer::Age),
        (SENT - CLOCKS - 1, Answer::Age),
        (SENT + AGE_MAX, Answer::Done),
        (SENT - CLOCKS, Answer::Repeated),
    ] {
        assert_eq!(bench.send_at(&good, now).await, answer, "{}", now - SENT);
    }
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_not_believed() {
    let bench = Bench::with(Signer::valid_in(2024), true).await;
    assert_eq!(bench.send(&bench.notification()).await, Answer::CertificateTime);
    let bench = Bench::with(Signer::valid_in(2027), true).await;
    assert_eq!(bench.send(&bench.notification()).await, Answer::CertificateTime);
}

#[tokio::test]
async fn a_certificate_that_is_not_there_is_a_reason_to_send_it_again() {
    let bench = Bench::new().await;
    let mut message = bench.notification();
    // Nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let host = format!("http://{port}");
    bench.endpoint.configure(&at(&host));
    assert_eq!(bench.send(&message).await, Answer::CertificateUrl);
    message["SigningCertURL"] = format!("{host}/SimpleNotificationService-0a.pem").into();
    let answer = bench.send(&message).await;
    assert_eq!((answer, answer.status().as_u16()), (Answer::Certificate, 503));
}

#[tokio::test]
async fn a_subscription_of_the_topic_is_confirmed() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.send(&bench.subscription()).await, Answer::Confirmed);
    let confirmed = format!("GET /?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0");
    assert_eq!(bench.asked(), ["GET /SimpleNotificationService-0a.pem", &*confirmed]);
    let mut ended = bench.subscription();
    ended["Type"] = json!("UnsubscribeConfirmation");
    assert_eq!(bench.send(&ended).await, Answer::Ended);
    assert!(bench.taken().is_empty() && bench.asked().len() == 2);
}

#[tokio::test]
async fn nothing_else_is_confirmed() {
    let bench = Bench::new().await;
    let host = bench.server.url();
    let elsewhere = TestServer::start(|_, _| ok("")).await;
    let query = format!("?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0");
    for url in [
        format!("{}/{query}", elsewhere.url()),
        format!("{host}/x{query}"),
        format!("{host}/{query}&x=y"),
        format!("{host}/{}", query.replace("alarms", "others")),
        format!("{host}/{}", query.replace("t0", "t1")),
    ] {
        let mut message = bench.subscription();
        message["SubscribeURL"] = url.clone().into();
        assert_eq!(bench.send(&message).await, Answer::SubscribeUrl, "{url}");
    }
    let mut forged = bench.signer.signed(bench.subscription(), "1");
    forged["Token"] = json!("t1");
    assert_eq!(bench.send_at(&forged, SENT).await, Answer::Signature);
    let mut foreign = bench.subscription();
    foreign["TopicArn"] = json!("arn:aws:sns:eu-west-1:123456789012:others");
    assert_eq!(bench.send(&foreign).await, Answer::Topic);
    assert_eq!(bench.asked(), ["GET /SimpleNotificationService-0a.pem"]);
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn what_cannot_be_confirmed_now_is_tried_again() {
    let bench = Bench::with(Signer::new(), false).await;
    let answer = bench.send(&bench.subscription()).await;
    assert_eq!((answer, answer.status().as_u16()), (Answer::NotConfirmed, 503));
}

#[tokio::test]
async fn a_topic_that_was_taken_away_is_refused() {
    let bench = Bench::new().await;
    bench.endpoint.topics.arrange([]);
    assert_eq!(bench.send(&bench.notification()).await, Answer::Topic);
}
