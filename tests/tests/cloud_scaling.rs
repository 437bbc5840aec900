//! From an alarm to a machine: cloudd's scaling against moto, with a topic and a queue between.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::process::Command;

use ballast_tests::address;
use ballast_tests::certificates::Authority;
use ballast_tests::cloud::topic::Topic;
use ballast_tests::cloud::{Moto, REGION, all_texts_of, text_of};
use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::wait;
use serde_json::{Value, json};

/// What moto's accounts are called.
const ACCOUNT: &str = "123456789012";

/// Two groups, a subnet, and a topic that puts alarms into a queue.
struct Cloud {
    moto: Moto,
    queue: String,
    topic: String,
}

impl Cloud {
    fn new() -> Self {
        let moto = Moto::start();
        let subnets = moto.query(
            "ec2",
            "DescribeSubnets",
            &[
                ("Filter.1.Name", "availability-zone"),
                ("Filter.1.Value.1", &format!("{REGION}a")),
            ],
        );
        let subnet = text_of(&subnets, "subnetId");
        let tag = [
            ("ResourceId.1", subnet.as_str()),
            ("Tag.1.Key", "Usage"),
            ("Tag.1.Value", "ApplicationSubnet1"),
        ];
        moto.query("ec2", "CreateTags", &tag);
        let launch = [
            ("LaunchConfigurationName", "l"),
            ("ImageId", "ami-12345678"),
            ("InstanceType", "m5.large"),
        ];
        moto.query("autoscaling", "CreateLaunchConfiguration", &launch);
        for name in ["gpu-spot", "gpu-listed"] {
            make_group(&moto, name, &subnet);
        }
        let queue = moto.json("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": "alarms"}));
        let topic = text_of(&moto.query("sns", "CreateTopic", &[("Name", "alarms")]), "TopicArn");
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:alarms");
        moto.query(
            "sns",
            "Subscribe",
            &[("TopicArn", &topic), ("Protocol", "sqs"), ("Endpoint", &arn)],
        );
        Self {
            queue: queue["QueueUrl"].as_str().unwrap().to_owned(),
            moto,
            topic,
        }
    }

    fn config(&self) -> String {
        let url = self.moto.url();
        let endpoints: String = ["ec2", "autoscaling", "sqs", "sts"]
            .map(|service| format!("{service} = \"{url}\"\n"))
            .concat();
        format!(
            "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
             [scaling.gpu]\nregion = \"{REGION}\"\nqueue = \"{}\"\nspot-group = \"gpu-spot\"\non-demand-group = \"gpu-listed\"\n\
             alarm-jobs = \"jobs\"\nalarm-no-jobs = \"idle\"\n[scaling.gpu.endpoint]\n{endpoints}",
            self.queue
        )
    }

    fn start(&self) -> Daemon {
        self.start_in(Setup::new("cloudd").file("cloudd.toml", self.config()))
    }

    fn start_in(&self, setup: Setup) -> Daemon {
        let mut command = Command::new(program("cloudd"));
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        setup.start_by(command)
    }

    /// Has an alarm go off. A call for messages whose daemon has ended may get it, so after that it is to go off twice: it has
    /// to be one action in any case.
    fn alarm(&self, name: &str, time: &str) {
        let alarm =
            json!({"AlarmName": name, "NewStateValue": "ALARM", "OldStateValue": "OK", "StateChangeTime": time});
        self.moto.query(
            "sns",
            "Publish",
            &[("TopicArn", &self.topic), ("Message", &alarm.to_string())],
        );
    }

    /// Puts a message into the queue without a topic, as EventBridge does.
    fn send(&self, message: &str) {
        let message = json!({"QueueUrl": self.queue, "MessageBody": message});
        self.moto.json("sqs", "AmazonSQS.SendMessage", &message);
    }

    fn wait_until_empty(&self) {
        let ask = json!({"QueueUrl": self.queue, "AttributeNames": ["All"]});
        wait::until("the messages to be deleted", || {
            let answer = self.moto.json("sqs", "AmazonSQS.GetQueueAttributes", &ask);
            let is_zero = |name: &str| answer["Attributes"][name] == "0";
            (is_zero("ApproximateNumberOfMessages") && is_zero("ApproximateNumberOfMessagesNotVisible")).then_some(())
        });
    }

    /// How many machines the groups are to have: spot, on-demand.
    fn desired(&self) -> [String; 2] {
        ["gpu-spot", "gpu-listed"].map(|name| {
            let groups = self.moto.query(
                "autoscaling",
                "DescribeAutoScalingGroups",
                &[("AutoScalingGroupNames.member.1", name)],
            );
            text_of(&groups, "DesiredCapacity")
        })
    }

    fn bid(&self, bid: &str) {
        let tag = [
            ("Tags.member.1.ResourceId", "gpu-spot"),
            ("Tags.member.1.ResourceType", "auto-scaling-group"),
            ("Tags.member.1.Key", "SpotPrice"),
            ("Tags.member.1.Value", bid),
            ("Tags.member.1.PropagateAtLaunch", "false"),
        ];
        self.moto.query("autoscaling", "CreateOrUpdateTags", &tag);
    }
}

fn make_group(moto: &Moto, name: &str, subnet: &str) {
    let group = [
        ("AutoScalingGroupName", name),
        ("LaunchConfigurationName", "l"),
        ("MinSize", "0"),
        ("MaxSize", "3"),
        ("DesiredCapacity", "0"),
        ("VPCZoneIdentifier", subnet),
        ("Tags.member.1.Key", "SpotPrice"),
        ("Tags.member.1.Value", "0.05"),
        ("Tags.member.1.PropagateAtLaunch", "false"),
        ("Tags.member.2.Key", "SpotType"),
        ("Tags.member.2.Value", "m5.large"),
        ("Tags.member.2.PropagateAtLaunch", "false"),
    ];
    moto.query("autoscaling", "CreateAutoScalingGroup", &group);
    for (policy, by) in [("ScaleUp", "1"), ("ScaleDown", "-1")] {
        let policy = [
            ("AutoScalingGroupName", name),
            ("PolicyName", &format!("stack-{name}-{policy}-1A2B")),
            ("PolicyType", "SimpleScaling"),
            ("AdjustmentType", "ChangeInCapacity"),
            ("ScalingAdjustment", by),
            ("Cooldown", "300"),
        ];
        moto.query("autoscaling", "PutScalingPolicy", &policy);
    }
}

fn run(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = daemon.run(arguments);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn history(daemon: &Daemon) -> Vec<Value> {
    let text = run(daemon, &["scale", "history", "gpu", "--json"]);
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["entry"].clone())
        .collect()
}

fn actions(daemon: &Daemon) -> Vec<String> {
    history(daemon)
        .iter()
        .map(|entry| entry["decision"]["action"].as_str().unwrap().to_owned())
        .collect()
}

/// The newest decision, once there are so many and it has ended well.
fn settled(daemon: &Daemon, count: usize) -> Value {
    wait::until(&format!("{count} decisions"), || {
        let mut entries = history(daemon);
        let is_done = entries.len() == count && entries[count - 1]["outcome"]["is"] == "done";
        is_done.then(|| entries.remove(count - 1))
    })
}

#[test]
fn an_alarm_changes_a_group_once_and_the_history_says_why() {
    let cloud = Cloud::new();
    let daemon = cloud.start();
    let plan = run(&daemon, &["scale", "plan", "gpu"]);
    assert!(
        plan.starts_with(&format!("scale-up-spot: {REGION}a has cost ")),
        "{plan}"
    );
    assert_eq!(cloud.desired(), ["0", "0"], "a plan does nothing");

    cloud.alarm("jobs", "2026-01-01T00:00:00.000+0000");
    let entry = settled(&daemon, 1);
    assert_eq!(cloud.desired(), ["1", "0"]);
    let decision = &entry["decision"];
    assert_eq!(
        (&decision["action"], &decision["reason"]),
        (&json!("scale-up-spot"), &json!("spot-is-cheap"))
    );
    assert_eq!(entry["results"][0]["isDone"], true);
    assert_eq!(
        (&decision["inputs"]["bid"], &decision["limit"]),
        (&json!("0.05"), &json!("0.0425"))
    );
    assert!(
        decision["inputs"]["zones"][format!("{REGION}a")].is_array(),
        "{decision}"
    );

    // The same message again, as from a topic that delivers twice.
    cloud.wait_until_empty();
    cloud.alarm("jobs", "2026-01-01T00:00:00.000+0000");
    daemon.wait_for_log("this has been done already");
    cloud.wait_until_empty();
    // Another alarm finds the machine that is there.
    cloud.alarm("jobs", "2026-01-01T00:05:00.000+0000");
    settled(&daemon, 2);
    assert_eq!(cloud.desired(), ["1", "0"]);
    assert_eq!(actions(&daemon), ["scale-up-spot", "nothing"]);
    cloud.alarm("idle", "2026-01-01T01:00:00.000+0000");
    settled(&daemon, 3);
    assert_eq!(cloud.desired(), ["0", "0"]);
    // One from before that comes late does not bring it back.
    cloud.alarm("jobs", "2026-01-01T00:30:00.000+0000");
    daemon.wait_for_log("an alarm that is older than the last one");
    cloud.wait_until_empty();

    // All of it is known after a crash.
    let daemon = cloud.start_in(daemon.kill().again());
    for _ in 0..2 {
        cloud.alarm("jobs", "2026-01-01T00:05:00.000+0000");
    }
    daemon.wait_for_log("this has been done already");
    assert_eq!(cloud.desired(), ["0", "0"]);
    assert_eq!(actions(&daemon), ["scale-up-spot", "nothing", "scale-down"]);
    let shown = run(&daemon, &["scale", "history"]);
    assert!(shown.contains("gpu scale-down: there are no more jobs\n"), "{shown}");
    assert!(
        shown.contains("policy stack-gpu-spot-ScaleDown-1A2B of the spot group gpu-spot: done\n"),
        "{shown}"
    );
}

/// A cloudd whose alarms come from a topic over HTTPS, and where.
fn start_listening(cloud: &Cloud, topic: &Topic, authority: &Authority) -> (Daemon, SocketAddr) {
    let listens = SocketAddr::from((address(1), 8443));
    let (queue, topics) = (
        format!("queue = \"{}\"", cloud.queue),
        format!("topics = [\"{}\"]", topic.arn()),
    );
    let config = cloud.config().replace(&queue, &topics)
        + &format!(
            "[sns]\nlisten = \"{listens}\"\ncertificate = \"sns.pem\"\nkey = \"sns.key\"\nhosts = [\"{}\"]\n",
            topic.host()
        );
    authority.sign("sns", &format!("IP:{}", listens.ip()));
    let file = |name: &str| std::fs::read(authority.path(name)).unwrap();
    let setup = Setup::new("cloudd")
        .file("sns.key", file("sns.key"))
        .file("sns.pem", file("sns.pem"))
        .file("cloudd.toml", config);
    (cloud.start_in(setup), listens)
}

#[test]
fn alarms_that_a_topic_has_signed_come_over_https_and_nobody_elses() {
    let cloud = Cloud::new();
    let topic = Topic::new("alarms", SocketAddr::from((address(2), 8080)));
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca");
    let (mut daemon, listens) = start_listening(&cloud, &topic, &authority);
    let deliver = |message: &Value| topic.deliver(listens, &authority.ca(), message);

    assert_eq!(deliver(&topic.subscription()), "200");
    let confirmed = format!(
        "GET /?Action=ConfirmSubscription&TopicArn={}&Token=token-of-37",
        topic.arn()
    );
    assert_eq!(topic.asked().last(), Some(&confirmed));

    let alarm =
        json!({"AlarmName": "jobs", "NewStateValue": "ALARM", "StateChangeTime": "2026-01-01T00:00:00.000+0000"});
    let message = topic.notification("one", Some("ALARM: \"jobs\""), &alarm.to_string());
    // Somebody else's, with a key of their own, said to be the topic's.
    let other = Topic::new("alarms", SocketAddr::from((address(3), 8080)));
    let mut forged = other.notification("one", None, &alarm.to_string());
    assert_eq!(deliver(&forged), "403");
    forged["SigningCertURL"] = message["SigningCertURL"].clone();
    assert_eq!(deliver(&forged), "403");
    let mut changed = message.clone();
    changed["Subject"] = json!("ALARM: \"idle\"");
    assert_eq!(deliver(&changed), "403");
    assert_eq!(cloud.desired(), ["0", "0"]);
    assert!(other.asked().is_empty(), "{:?}", other.asked());

    assert_eq!(deliver(&message), "200");
    // It was answered when it was done.
    assert_eq!(cloud.desired(), ["1", "0"]);
    assert_eq!(deliver(&message), "200");
    assert_eq!(actions(&daemon), ["scale-up-spot"]);
    let idle =
        json!({"AlarmName": "idle", "NewStateValue": "ALARM", "StateChangeTime": "2026-01-01T01:00:00.000+0000"});
    assert_eq!(deliver(&topic.notification("two", None, &idle.to_string())), "200");
    assert_eq!(cloud.desired(), ["0", "0"]);
    // What nobody takes is to come again, and go where SNS puts what is never taken.
    assert_eq!(deliver(&topic.notification("three", None, "hello")), "503");

    // A certificate that was renewed is shown, and a topic that a reload takes away is refused.
    let renewed_folder = tempfile::tempdir().unwrap();
    let renewed = Authority::new(renewed_folder.path(), "ca");
    renewed.sign("sns", &format!("IP:{}", listens.ip()));
    for name in ["sns.key", "sns.pem"] {
        daemon.replace(name, std::fs::read(renewed.path(name)).unwrap());
    }
    daemon.wait_for_log("read anew: ");
    assert_eq!(topic.deliver(listens, &renewed.ca(), &message), "200");
    let config = std::fs::read_to_string(daemon.path().join("cloudd.toml")).unwrap();
    daemon.replace(
        "cloudd.toml",
        config.replace(topic.arn(), "arn:aws:sns:us-east-1:123456789012:others"),
    );
    daemon.reload();
    assert_eq!(topic.deliver(listens, &renewed.ca(), &message), "403");
}

#[test]
fn a_bid_below_the_price_is_on_demand() {
    let cloud = Cloud::new();
    let daemon = cloud.start();
    cloud.bid("0.0000001");
    cloud.alarm("jobs", "2026-01-01T00:00:00.000+0000");
    assert_eq!(settled(&daemon, 1)["decision"]["notSpot"], "too-dear");
    assert_eq!(cloud.desired(), ["0", "1"]);
}

#[test]
fn an_interruption_drains_and_is_on_demand() {
    let cloud = Cloud::new();
    let daemon = cloud.start();
    cloud.alarm("jobs", "2026-01-01T00:00:00.000+0000");
    settled(&daemon, 1);
    let members = || {
        let group = [("AutoScalingGroupNames.member.1", "gpu-spot")];
        all_texts_of(
            &cloud.moto.query("autoscaling", "DescribeAutoScalingGroups", &group),
            "InstanceId",
        )
    };
    let instance = members().remove(0);
    let notice = |kind: &str| {
        json!({
            "version": "0", "id": kind, "detail-type": kind, "source": "aws.ec2", "time": now(),
            "detail": {"instance-id": instance, "instance-action": "terminate"},
        })
        .to_string()
    };
    cloud.send(&notice("EC2 Instance Rebalance Recommendation"));
    cloud.wait_until_empty();
    assert_eq!(cloud.desired(), ["1", "0"], "it may be taken away, which it is not yet");
    cloud.send(&notice("EC2 Spot Instance Interruption Warning"));
    assert_eq!(settled(&daemon, 2)["decision"]["notSpot"], "interrupted");
    assert_eq!(cloud.desired(), ["0", "1"]);
    assert_eq!(members(), Vec::<String>::new());
    let events = run(&daemon, &["events", "--json"]);
    assert!(
        events
            .lines()
            .any(|event| event.contains("\"decision\"") && event.contains(&instance)),
        "{events}"
    );
}

#[test]
fn a_reload_applies_what_the_file_says() {
    let cloud = Cloud::new();
    let mut daemon = cloud.start();
    daemon.replace("cloudd.toml", cloud.config().replace("\"jobs\"", "\"other\""));
    daemon.reload();
    for _ in 0..2 {
        cloud.alarm("other", "2026-01-01T00:00:00.000+0000");
    }
    settled(&daemon, 1);
    assert_eq!(cloud.desired(), ["1", "0"]);
    daemon.replace("cloudd.toml", cloud.config().replace("queue = ", "queu = "));
    let refused = daemon.run(&["check"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("cloudd.toml:8:1: unknown key `queu`"),
        "{said}"
    );
}

/// As EventBridge writes it.
fn now() -> String {
    let output = Command::new("date")
        .args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn an_administrator_scales_once_for_each_key() {
    let cloud = Cloud::new();
    let daemon = cloud.start();
    let said = run(&daemon, &["scale", "up", "gpu", "--key", "monday"]);
    assert!(
        said.contains("policy stack-gpu-spot-ScaleUp-1A2B of the spot group gpu-spot: done"),
        "{said}"
    );
    assert_eq!(cloud.desired(), ["1", "0"]);
    let again = run(&daemon, &["scale", "up", "gpu", "--key", "monday"]);
    assert!(
        again.contains("stack-gpu-spot-ScaleUp-1A2B"),
        "what was done then is told again: {again}"
    );
    assert_eq!(cloud.desired(), ["1", "0"]);
    assert_eq!(actions(&daemon), ["scale-up-spot"]);
    run(&daemon, &["scale", "down", "gpu"]);
    assert_eq!(cloud.desired(), ["0", "0"]);
    let status = run(&daemon, &["scale", "status"]);
    assert!(status.contains("scale-down: there are no more jobs"), "{status}");
    let unknown = daemon.run(&["scale", "up", "gpo"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no scaling gpo"));
}
