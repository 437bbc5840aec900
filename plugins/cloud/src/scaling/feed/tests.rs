use std::sync::Arc;

use tokio::time::sleep;

use super::super::fake_cloud::{FakeCloud, Fault};
use super::super::fixtures::NOW;
use super::super::scaler::tests::Bench;
use super::*;

fn envelope(name: &str, after: i64) -> String {
    let time = jiff::Timestamp::from_second(NOW + after).unwrap().to_string();
    let alarm = serde_json::json!({"AlarmName": name, "NewStateValue": "ALARM", "StateChangeTime": time}).to_string();
    serde_json::json!({"Type": "Notification", "MessageId": "m", "TopicArn": "t", "Message": alarm}).to_string()
}

/// Runs until the cloud has seen what is waited for.
async fn until(bench: &Bench, seen: impl Fn(&FakeCloud) -> bool) {
    let (stop, scaler) = (CancellationToken::new(), bench.scaler.clone());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { run(&scaler, "q", &stop).await }
    });
    while !seen(&bench.cloud) {
        sleep(Duration::from_millis(2)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_message_is_deleted_when_its_action_has_succeeded_and_not_before() {
    let bench = Bench::new().await;
    bench.cloud.fault("ExecutePolicy", [Fault::Refuse("Cooldown")]);
    bench.cloud.lock().queue.insert("m1".into(), envelope("jobs", 0));
    until(&bench, |cloud| cloud.lock().done.contains(&"hide m1 for 20".to_owned())).await;
    assert!(bench.cloud.lock().queue.contains_key("m1"));
    bench.cloud.done();
    bench.pass(20);
    until(&bench, |cloud| cloud.lock().queue.is_empty()).await;
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp", "delete m1"]);
}

#[tokio::test]
async fn one_of_somebody_else_is_left_and_holds_up_nothing() {
    let bench = Bench::new().await;
    {
        let mut cloud = bench.cloud.lock();
        cloud.queue.insert("m1".into(), "hello".into());
        cloud.queue.insert("m2".into(), envelope("jobs", 0));
        cloud.queue.insert("m3".into(), envelope("jobs", 0));
    }
    until(&bench, |cloud| cloud.lock().queue.len() == 1).await;
    assert!(bench.cloud.lock().queue.contains_key("m1"));
    let mut done = bench.cloud.done();
    // What had not begun when it was stopped is given back.
    done.retain(|what| what != "hide m1 for 0");
    assert_eq!(done, ["spot-ScaleUp", "delete m2", "delete m3"]);
    assert_eq!(Arc::strong_count(&bench.scaler), 1);
}
