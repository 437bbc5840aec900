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
    /// Given when a message "slow" may end.
    go_on: Notify,
}

impl Handler for Notes {
    async fn handle(&self, message: &Message) -> Verdict {
        assert_ne!(message.body, "panic", "as it was asked to");
        if message.body == "slow" {
            self.go_on.notified().await;
        }
        self.handled.lock().unwrap().push(message.body.clone());
        self.changed.notify_one();
        match message.body == "keep" {
            true => Verdict::Keep,
            false => Verdict::Done,
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

fn start(server: &TestServer, at_once: usize, hidden: Duration) -> (Arc<Notes>, CancellationToken) {
    let (notes, stop) = (Arc::new(Notes::default()), CancellationToken::new());
    let worker = Worker {
        client: server.client(),
        queue: "q".into(),
        what: "tests".into(),
        at_once,
        hidden,
    };
    tokio::spawn(worker.run(notes.clone(), stop.clone()));
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
