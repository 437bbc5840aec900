//! The worker against a queue that answers as it is told.

use std::sync::Mutex;

use tokio::sync::Notify;

use super::*;
use crate::aws::test_server::{Asked, Reply, TestServer, ok};

/// Keeps what is called so, and notes what happens.
#[derive(Default)]
struct Notes {
    handled: Mutex<Vec<String>>,
    problems: Mutex<Vec<bool>>,
    changed: Notify,
    /// Given when a message "slow" has begun …
    begun: Notify,
    /// … and when it may end.
    go_on: Notify,
}

impl Handler for Notes {
    async fn handle(&self, message: &Message) -> Verdict {
        assert_ne!(message.body, "panic", "as it was asked to");
        if message.body == "slow" {
            self.begun.notify_one();
            self.go_on.notified().await;
        }
        self.handled.lock().unwrap().push(message.body.clone());
        self.changed.notify_one();
        match message.body.as_str() {
            "keep" => Verdict::Keep,
            "later" => Verdict::Later(Duration::from_secs(7)),
            _ => Verdict::Done,
        }
    }

    fn queue_is(&self, problem: Option<&Error>) {
        self.problems.lock().unwrap().push(problem.is_some());
        self.changed.notify_one();
    }
}

impl Notes {
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap();
    }
}

fn action(asked: &Asked) -> &str {
    asked.headers["x-amz-target"].strip_prefix("AmazonSQS.").unwrap()
}

/// A queue with these messages in its first answer, and then with nothing for ever.
async fn queue(bodies: &'static [&'static str]) -> TestServer {
    let received = std::sync::atomic::AtomicBool::new(false);
    TestServer::start(move |_, asked| match action(asked) {
        "ReceiveMessage" if received.swap(true, std::sync::atomic::Ordering::Relaxed) => Reply::Hang,
        "ReceiveMessage" => {
            let message = |body: &&str| serde_json::json!({"MessageId": body, "ReceiptHandle": body, "Body": body});
            let messages: Vec<_> = bodies.iter().map(message).collect();
            ok(serde_json::json!({ "Messages": messages }).to_string())
        }
        _ => ok("{}"),
    })
    .await
}

fn worker(server: &TestServer, at_once: usize, hidden: Duration) -> Worker {
    Worker {
        client: server.client(),
        queue: "q".into(),
        what: "tests".into(),
        at_once,
        hidden,
        at_stop: AtStop::Drop,
    }
}

fn start(server: &TestServer, at_once: usize, hidden: Duration) -> (Arc<Notes>, CancellationToken) {
    let (notes, stop) = (Arc::new(Notes::default()), CancellationToken::new());
    tokio::spawn(worker(server, at_once, hidden).run(notes.clone(), stop.clone()));
    (notes, stop)
}

/// The receipts of the calls of an action, once there are so many.
async fn receipts(server: &TestServer, of: &str, count: usize) -> Vec<String> {
    let receipt = |asked: Asked| {
        let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
        body["ReceiptHandle"].as_str().unwrap().to_owned()
    };
    let wait = async {
        loop {
            let calls: Vec<Asked> = server.asked().into_iter().filter(|asked| action(asked) == of).collect();
            if calls.len() >= count {
                return calls.into_iter().map(receipt).collect();
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap()
}

#[tokio::test]
async fn what_is_done_is_deleted_and_nothing_else() {
    let server = queue(&["one", "keep", "panic", "two"]).await;
    let (notes, stop) = start(&server, 1, Duration::from_secs(60));
    let mut deleted = receipts(&server, "DeleteMessage", 2).await;
    deleted.sort();
    assert_eq!(deleted, ["one", "two"]);
    notes.until(|notes| notes.handled.lock().unwrap().len() == 3).await;
    assert_eq!(receipts(&server, "DeleteMessage", 2).await.len(), 2);
    stop.cancel();
}

#[tokio::test]
async fn what_takes_long_is_kept_from_others_and_holds_up_nothing() {
    let server = queue(&["slow", "one"]).await;
    let (notes, stop) = start(&server, 4, Duration::from_millis(20));
    assert_eq!(receipts(&server, "DeleteMessage", 1).await, ["one"]);
    let hidden = receipts(&server, "ChangeMessageVisibility", 2).await;
    assert!(hidden.iter().all(|receipt| receipt == "slow"), "{hidden:?}");
    notes.go_on.notify_one();
    assert_eq!(receipts(&server, "DeleteMessage", 2).await, ["one", "slow"]);
    stop.cancel();
}

#[tokio::test]
async fn one_after_the_other_where_that_is_wanted() {
    let server = queue(&["slow", "one", "two"]).await;
    let (notes, stop) = start(&server, 1, Duration::from_secs(60));
    notes.go_on.notify_one();
    receipts(&server, "DeleteMessage", 3).await;
    assert_eq!(*notes.handled.lock().unwrap(), ["slow", "one", "two"]);
    stop.cancel();
}

#[tokio::test]
async fn what_has_begun_is_ended_at_the_stop_and_the_rest_is_given_back() {
    let server = queue(&["slow", "one"]).await;
    let (notes, stop) = (Arc::new(Notes::default()), CancellationToken::new());
    let worker = Worker {
        at_stop: AtStop::Finish,
        ..worker(&server, 1, Duration::from_secs(60))
    };
    let running = tokio::spawn(worker.run(notes.clone(), stop.clone()));
    notes.begun.notified().await;
    stop.cancel();
    // It is for whoever takes messages next.
    let given_back = receipts(&server, "ChangeMessageVisibility", 1).await;
    assert_eq!(given_back, ["one"]);
    assert!(!running.is_finished());
    notes.go_on.notify_one();
    running.await.unwrap();
    assert_eq!(receipts(&server, "DeleteMessage", 1).await, ["slow"]);
    assert_eq!(*notes.handled.lock().unwrap(), ["slow"]);
}

#[tokio::test]
async fn what_is_put_off_is_hidden_for_as_long() {
    let server = queue(&["later"]).await;
    let (_, stop) = start(&server, 1, Duration::from_secs(60));
    receipts(&server, "ChangeMessageVisibility", 1).await;
    let asked = server.asked();
    let hidden = asked
        .iter()
        .find(|asked| action(asked) == "ChangeMessageVisibility")
        .unwrap();
    assert!(hidden.body.contains(r#""VisibilityTimeout":7"#), "{}", hidden.body);
    assert!(asked.iter().all(|asked| action(asked) != "DeleteMessage"));
    stop.cancel();
}

#[test]
fn pauses_differ_and_are_never_longer() {
    for _ in 0..100 {
        let pause = jittered(PAUSE_MAX);
        assert!(pause >= PAUSE_MAX / 2 && pause <= PAUSE_MAX, "{pause:?}");
    }
}

#[tokio::test]
async fn a_queue_that_cannot_be_asked_is_asked_again_and_said_to_be_well() {
    let server = TestServer::start(|count, _| match count {
        0 => Reply::Answer(400, "", r#"{"__type":"AccessDenied","message":"no"}"#.into()),
        1 => ok("{}"),
        _ => Reply::Hang,
    })
    .await;
    let (notes, stop) = start(&server, 1, Duration::from_secs(60));
    notes
        .until(|notes| *notes.problems.lock().unwrap() == [true, false])
        .await;
    stop.cancel();
}

#[test]
fn the_newest_ids_are_remembered() {
    let mut ids = Remembered::new(2);
    assert!(ids.add("a") && ids.add("b") && !ids.add("a") && ids.add("c"));
    assert!(!ids.has("a") && ids.has("b") && ids.has("c"));
}
