//! What is heard, decided and done, against a cloud that goes wrong.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::super::config::Groups;
use super::super::decision::{Action, NotSpot};
use super::super::fake_cloud::{FakeCloud, Fault};
use super::super::fixtures::{NOW, config};
use super::super::record::{BYTES_MAX, Record};
use super::*;

/// As good as for ever.
const LONG: Duration = Duration::from_secs(30);
/// For calls that are never answered.
const SHORT: Duration = Duration::from_millis(300);

/// A scaler over a cloud, with a clock that stands still until it is moved.
pub(in crate::scaling) struct Bench {
    pub(in crate::scaling) cloud: FakeCloud,
    directory: tempfile::TempDir,
    time: Arc<AtomicI64>,
    events: Arc<Events>,
    pub(in crate::scaling) scaler: Arc<Scaler>,
}

impl Bench {
    pub(in crate::scaling) async fn new() -> Self {
        Self::waiting(LONG).await
    }

    /// With a cloud whose silence is borne so long.
    async fn waiting(silence: Duration) -> Self {
        let cloud = FakeCloud::start(NOW).await;
        let (directory, time, events) = (
            tempfile::tempdir().unwrap(),
            Arc::new(AtomicI64::new(NOW)),
            Arc::default(),
        );
        let scaler = scaler(&cloud, directory.path(), &time, &events, silence);
        Self {
            cloud,
            directory,
            time,
            events,
            scaler,
        }
    }

    /// What a start after a crash has.
    fn restart(&mut self) {
        self.scaler = scaler(&self.cloud, self.directory.path(), &self.time, &self.events, LONG);
    }

    pub(in crate::scaling) fn pass(&self, seconds: i64) {
        self.time.fetch_add(seconds, Ordering::Relaxed);
    }

    /// An alarm of this many seconds after the begin.
    async fn alarm(&self, name: &str, after: i64) -> Verdict {
        kept(self.scaler.heard(&alarm(name, after), true).await)
    }

    async fn notice(&self, kind: &str, instance: &str) -> Verdict {
        let message = serde_json::json!({
            "version": "0", "id": format!("notice-{instance}"), "detail-type": kind, "source": "aws.ec2",
            "time": jiff::Timestamp::from_second(NOW).unwrap().to_string(),
            "detail": {"instance-id": instance, "instance-action": "terminate"},
        });
        kept(self.scaler.heard(&message.to_string(), true).await)
    }

    fn newest(&self) -> Entry {
        self.scaler.history(1).pop().unwrap()
    }

    fn actions(&self) -> Vec<Action> {
        let entries = self.scaler.history(100);
        entries.iter().rev().map(|entry| entry.decision.action).collect()
    }
}

fn scaler(
    cloud: &FakeCloud,
    directory: &Path,
    time: &Arc<AtomicI64>,
    events: &Arc<Events>,
    silence: Duration,
) -> Arc<Scaler> {
    let (record, lines) = Record::open(&directory.join("gpu.jsonl"), BYTES_MAX).unwrap();
    let time = time.clone();
    let config = Config {
        settings: cloud.settings(silence),
        ..config()
    };
    let state = Arc::new(State::new(record, lines));
    let mut scaler = Scaler::new(
        config,
        state,
        events.clone(),
        Arc::new(move || time.load(Ordering::Relaxed)),
    );
    scaler.patience = Patience {
        gather: LONG,
        step: LONG,
        look: LONG,
    };
    Arc::new(scaler)
}

/// What comes again, whenever that is, is kept.
fn kept(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Later(_) => Verdict::Keep,
        verdict => verdict,
    }
}

fn alarm(name: &str, after: i64) -> String {
    let time = jiff::Timestamp::from_second(NOW + after).unwrap();
    serde_json::json!({"AlarmName": name, "NewStateValue": "ALARM", "StateChangeTime": time.to_string()}).to_string()
}

#[tokio::test]
async fn jobs_scale_up_spot_and_the_record_says_why() {
    let bench = Bench::new().await;
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
    let entry = bench.newest();
    assert_eq!(entry.outcome, Some(Outcome::Done));
    assert_eq!(Decision::of(entry.decision.inputs.clone()), entry.decision);
    assert_eq!(entry.decision.inputs.zones.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(bench.events.remembered(), 1);
    // No more jobs.
    bench.cloud.set("spot", Some(("i-1", "InService")));
    assert_eq!(bench.alarm("idle", 60).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleDown"]);
}

#[tokio::test]
async fn fault_the_on_demand_branch_was_never_executed() {
    let bench = Bench::new().await;
    bench.cloud.lock().prices = vec![("a", NOW - 9000, "0.086"), ("b", NOW - 9000, "0.09")];
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp"]);
}

#[tokio::test]
async fn fault_an_empty_history_divided_by_zero() {
    let bench = Bench::new().await;
    bench.cloud.lock().prices.clear();
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.newest().decision.not_spot, Some(NotSpot::NoPrice));
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp"]);
}

#[tokio::test]
async fn fault_one_subnet_had_a_price_of_zero_and_was_always_spot() {
    let bench = Bench::new().await;
    bench.cloud.lock().subnets = vec![("subnet-b", "b")];
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp"]);
}

#[tokio::test]
async fn the_same_message_twice_is_one_action_over_restarts_too() {
    let mut bench = Bench::new().await;
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
    // As if the machine had ended meanwhile: what the message asks for is not asked for again.
    bench.cloud.set("spot", None);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    bench.restart();
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert!(bench.cloud.done().is_empty());
    assert_eq!(bench.scaler.history(100).len(), 1);
}

#[tokio::test]
async fn an_alarm_that_comes_after_a_later_one_is_not_acted_on() {
    let mut bench = Bench::new().await;
    bench.cloud.set("listed", Some(("i-2", "InService")));
    assert_eq!(bench.alarm("idle", 60).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["listed-ScaleDown"]);
    bench.restart();
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert!(bench.cloud.done().is_empty());
    assert_eq!(bench.alarm("jobs", 61).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
}

#[tokio::test]
async fn a_refused_spot_policy_is_on_demand() {
    let bench = Bench::new().await;
    bench
        .cloud
        .fault("ExecutePolicy spot", [Fault::Refuse("ValidationError")]);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp"]);
    let entry = bench.newest();
    assert_eq!(entry.decision.not_spot, Some(NotSpot::Refused));
    let first = bench.scaler.history(2).pop().unwrap();
    assert_eq!(entry.follows.as_ref(), Some(&first.id));
    assert!(matches!(first.outcome, Some(Outcome::SpotRefused { .. })));
}

#[tokio::test]
async fn a_spot_policy_that_is_throttled_for_good_is_on_demand() {
    let bench = Bench::new().await;
    bench.cloud.fault("ExecutePolicy spot", [Fault::Throttle]);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp"]);
}

#[tokio::test]
async fn a_cooldown_is_honoured_and_the_message_comes_again() {
    let bench = Bench::new().await;
    bench
        .cloud
        .fault("ExecutePolicy spot", [Fault::Refuse("ScalingActivityInProgress")]);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Keep);
    // Not before its time.
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Keep);
    assert!(bench.cloud.done().is_empty());
    assert!(bench.scaler.health().problem.is_some());
    bench.pass(PAUSE_MIN);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
    assert_eq!(bench.scaler.health().problem, None);
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_looked_up_and_not_made_again() {
    let bench = Bench::waiting(SHORT).await;
    bench.cloud.fault("ExecutePolicy spot", [Fault::Hang(true)]);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
    assert_eq!(
        bench.newest().results[0].text,
        "done, as was seen when its answer did not come"
    );
}

#[tokio::test]
async fn a_call_that_hangs_and_is_not_done_is_made_again_when_the_message_comes_again() {
    let bench = Bench::waiting(SHORT).await;
    bench.cloud.fault("ExecutePolicy spot", [Fault::Hang(false)]);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Keep);
    assert!(bench.cloud.done().is_empty());
    bench.pass(PAUSE_MIN);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
}

#[tokio::test]
async fn a_scale_down_whose_answer_is_lost_does_not_take_a_second_machine() {
    let mut bench = Bench::waiting(SHORT).await;
    bench.cloud.set("spot", Some(("i-1", "InService")));
    {
        let mut cloud = bench.cloud.lock();
        let spot = cloud.groups.get_mut("spot").unwrap();
        (spot.max, spot.desired) = (5, 3);
    }
    // It is done, and neither its answer nor the look after it comes.
    bench.cloud.fault("ExecutePolicy spot", [Fault::Hang(true)]);
    let scaler = Arc::get_mut(&mut bench.scaler).unwrap();
    scaler.patience.look = Duration::ZERO;
    assert_eq!(bench.alarm("idle", 0).await, Verdict::Keep);
    assert_eq!(bench.cloud.done(), ["spot-ScaleDown"]);
    // Not even after a crash.
    bench.restart();
    bench.pass(PAUSE_MIN);
    assert_eq!(bench.alarm("idle", 0).await, Verdict::Done);
    assert!(bench.cloud.done().is_empty());
    assert_eq!(bench.cloud.lock().groups["spot"].desired, 2);
}

#[tokio::test]
async fn what_cannot_be_listed_whole_decides_nothing() {
    let bench = Bench::new().await;
    for fault in [Fault::CutOff, Fault::Throttle] {
        bench.cloud.fault("DescribeAutoScalingGroups", [fault]);
        assert_eq!(bench.alarm("jobs", 0).await, Verdict::Keep);
        bench.pass(PAUSE_MAX);
    }
    bench.cloud.fault("DescribeSubnets", [Fault::CutOff]);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Keep);
    assert!(bench.scaler.history(9).is_empty());
    assert!(bench.cloud.done().is_empty());
}

#[tokio::test]
async fn a_truncated_page_of_prices_is_no_shorter_history_and_jobs_do_not_wait_for_it_for_ever() {
    let bench = Bench::new().await;
    for _ in 1..TRIES_WITH_PRICES {
        bench.cloud.fault("DescribeSpotPriceHistory", [Fault::LosePage]);
        assert_eq!(bench.alarm("jobs", 0).await, Verdict::Keep);
        assert!(bench.scaler.history(1).is_empty());
        bench.pass(PAUSE_MAX);
    }
    bench.cloud.fault("DescribeSpotPriceHistory", [Fault::LosePage]);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.newest().decision.not_spot, Some(NotSpot::PriceUnknown));
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp"]);
}

#[tokio::test]
async fn a_spot_machine_that_comes_is_noted_and_nothing_else_is_done() {
    let bench = Bench::new().await;
    bench.alarm("jobs", 0).await;
    bench.cloud.set("spot", Some(("i-1", "Pending")));
    bench.pass(100);
    bench.scaler.look_after().await;
    assert_eq!(bench.scaler.waits_since(), Some(NOW));
    bench.cloud.set("spot", Some(("i-1", "InService")));
    bench.scaler.look_after().await;
    assert_eq!(bench.scaler.waits_since(), None);
    assert_eq!(bench.newest().came_up_at, Some(NOW + 100));
    bench.pass(10_000);
    bench.scaler.look_after().await;
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
}

#[tokio::test]
async fn a_spot_machine_that_does_not_come_in_time_is_on_demand_over_restarts_too() {
    let mut bench = Bench::new().await;
    bench.alarm("jobs", 0).await;
    bench.pass(599);
    bench.scaler.look_after().await;
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
    bench.restart();
    bench.pass(1);
    bench.scaler.look_after().await;
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp", "spot-ScaleDown"]);
    assert_eq!(bench.newest().decision.not_spot, Some(NotSpot::Late));
    assert_eq!(bench.scaler.waits_since(), None);
    bench.scaler.look_after().await;
    assert!(bench.cloud.done().is_empty());
}

#[tokio::test]
async fn what_takes_the_place_of_spot_is_asked_for_until_it_is_there() {
    let bench = Bench::new().await;
    bench.alarm("jobs", 0).await;
    bench.cloud.done();
    bench.pass(600);
    bench.cloud.fault("ExecutePolicy listed", [Fault::Refuse("Cooldown")]);
    bench.scaler.look_after().await;
    // Spot is not given up before.
    assert!(bench.cloud.done().is_empty());
    bench.scaler.look_after().await;
    assert!(bench.cloud.done().is_empty());
    bench.pass(PAUSE_MIN);
    bench.scaler.look_after().await;
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp", "spot-ScaleDown"]);
}

#[tokio::test]
async fn an_alarm_while_a_spot_machine_is_waited_for_asks_for_no_second_one() {
    let bench = Bench::new().await;
    bench.alarm("jobs", 0).await;
    bench.pass(300);
    assert_eq!(bench.alarm("jobs", 300).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
    assert_eq!(bench.actions(), [Action::ScaleUpSpot, Action::Nothing]);
    // It is late from when it was asked for.
    bench.pass(300);
    bench.scaler.look_after().await;
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp", "spot-ScaleDown"]);
}

#[tokio::test]
async fn an_interruption_drains_and_is_on_demand() {
    let bench = Bench::new().await;
    bench.cloud.set("spot", Some(("i-1", "InService")));
    assert_eq!(
        bench.notice("EC2 Spot Instance Interruption Warning", "i-1").await,
        Verdict::Done
    );
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp", "detach i-1"]);
    assert_eq!(bench.cloud.lock().groups["spot"].desired, 0);
    assert_eq!(
        bench.notice("EC2 Spot Instance Interruption Warning", "i-9").await,
        Verdict::Done
    );
    assert!(bench.cloud.done().is_empty());
}

#[tokio::test]
async fn a_rebalance_recommendation_is_not_a_termination() {
    let bench = Bench::new().await;
    bench.cloud.set("spot", Some(("i-1", "InService")));
    assert_eq!(
        bench.notice("EC2 Instance Rebalance Recommendation", "i-1").await,
        Verdict::Done
    );
    assert!(bench.cloud.done().is_empty());
    assert!(bench.scaler.history(1).is_empty());
}

#[tokio::test]
async fn an_interruption_that_was_half_done_is_done_on_the_next_try() {
    let mut bench = Bench::new().await;
    bench.cloud.set("spot", Some(("i-1", "InService")));
    bench.cloud.fault("ExecutePolicy listed", [Fault::Refuse("Cooldown")]);
    assert_eq!(
        bench.notice("EC2 Spot Instance Interruption Warning", "i-1").await,
        Verdict::Keep
    );
    assert_eq!(bench.cloud.done(), ["detach i-1"]);
    bench.restart();
    assert_eq!(
        bench.notice("EC2 Spot Instance Interruption Warning", "i-1").await,
        Verdict::Done
    );
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp"]);
}

#[tokio::test]
async fn a_notice_of_an_hour_ago_is_over() {
    let bench = Bench::new().await;
    bench.cloud.set("spot", Some(("i-1", "InService")));
    bench.pass(3601);
    assert_eq!(
        bench.notice("EC2 Spot Instance Interruption Warning", "i-1").await,
        Verdict::Done
    );
    assert!(bench.cloud.done().is_empty());
}

#[tokio::test]
async fn what_is_no_message_of_ours_is_kept_for_whose_it_is() {
    let bench = Bench::new().await;
    for message in ["hello", "{}", &alarm("other", 0)] {
        assert_eq!(bench.scaler.heard(message, true).await, Verdict::Keep);
    }
    assert!(bench.cloud.server.asked().is_empty());
}

#[tokio::test]
async fn jobs_that_nothing_can_be_done_about_are_not_forgotten() {
    let bench = Bench::new().await;
    bench.cloud.lock().groups.values_mut().for_each(|group| group.max = 0);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Keep);
    bench.cloud.lock().groups.get_mut("listed").unwrap().max = 1;
    bench.pass(PAUSE_MIN);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["listed-ScaleUp"]);
}

#[tokio::test]
async fn what_an_administrator_asks_for_twice_with_one_key_is_done_once() {
    let mut bench = Bench::new().await;
    let asked = async |bench: &Bench, key: &str| {
        let check = |decision: &Decision| decision.action == Action::ScaleUpSpot;
        bench
            .scaler
            .asked(Trigger::Jobs, key, "an administrator".into(), check)
            .await
    };
    let first = asked(&bench, "k").await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
    bench.restart();
    assert_eq!(asked(&bench, "k").await.unwrap(), first);
    // Another key, and by now another decision than the one that was shown.
    assert_eq!(asked(&bench, "l").await, Err(NotDone::Changed));
    assert!(bench.cloud.done().is_empty());
}

#[tokio::test]
async fn a_plan_does_nothing() {
    let bench = Bench::new().await;
    let decision = bench.scaler.plan(Trigger::Jobs).await.unwrap();
    assert_eq!(decision.action, Action::ScaleUpSpot);
    assert!(bench.cloud.done().is_empty() && bench.scaler.history(1).is_empty());
}

#[tokio::test]
async fn a_group_that_is_not_there_is_said_to_be_missing() {
    let bench = Bench::new().await;
    bench.cloud.lock().groups.remove("listed");
    assert_eq!(
        bench.scaler.plan(Trigger::Jobs).await,
        Err(NotGathered::NoGroup("listed".into()))
    );
}

#[tokio::test]
async fn what_is_tried_again_comes_back_later_and_later() {
    let bench = Bench::new().await;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        bench.cloud.fault("ExecutePolicy spot", [Fault::Refuse("Cooldown")]);
        let Verdict::Later(pause) = bench.scaler.heard(&alarm("jobs", 0), false).await else {
            panic!()
        };
        pauses.push(pause.as_secs());
        bench.pass(i64::try_from(pause.as_secs()).unwrap() - 1);
        let early = bench.scaler.heard(&alarm("jobs", 0), false).await;
        assert_eq!(early, Verdict::Later(Duration::from_secs(1)));
        bench.pass(1);
    }
    assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 900, 900]);
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
}

#[tokio::test]
async fn groups_are_found_in_a_stack_in_a_stack() {
    let mut bench = Bench::new().await;
    let scaler = Arc::get_mut(&mut bench.scaler).unwrap();
    scaler.config.groups = Groups {
        stack: Some("media".to_owned()),
        spot: "asgSpot".to_owned(),
        on_demand: "asgListed".to_owned(),
    };
    // It makes the calls of its configuration and no others.
    scaler.client = Client::new(scaler.config.settings.clone(), &scaler.config.parts());
    assert_eq!(bench.alarm("jobs", 0).await, Verdict::Done);
    assert_eq!(bench.cloud.done(), ["spot-ScaleUp"]);
    // A resource of that id that is no group is not taken for one.
    Arc::get_mut(&mut bench.scaler).unwrap().config.groups.spot = "queue".to_owned();
    let missing = NotGathered::NoResource {
        stack: "media".into(),
        logical_id: "queue".into(),
    };
    assert_eq!(bench.scaler.plan(Trigger::Jobs).await, Err(missing));
}
