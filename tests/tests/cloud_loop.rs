//! The whole way of a machine, with all that takes part: an alarm of ministack's, by its topic and queue, a decision of cloudd's, a
//! machine of moto's, its name at dnsd and at a knotd that follows, its log in a directory named for what it is, and its end.
//!
//! `cargo nextest run -p ballast-tests --test cloud_loop --no-capture` shows how long each step takes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ballast_tests::cloud::{MINISTACK_ACCOUNT, Ministack, Moto, REGION, all_texts_of, text_of};
use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::dns::client::Udp;
use ballast_tests::dns::message::Rcode;
use ballast_tests::dns::question::Query;
use ballast_tests::dns::rtype;
use ballast_tests::dns::server::{Configuration, PORT, serves};
use ballast_tests::{address, peers, syslog, wait};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

const KNOTD: u8 = 1;
const LOGD: u8 = 2;

/// What moto's machines have addresses of, so that they can send from them on this machine.
const NETWORK: &str = "127.77.0.0/16";

/// A machine comes and goes with the listings, which are this far apart.
const LISTED_EVERY: &str = "5s";

/// Longer than two listings and all that is between.
const STEP_MAX: Duration = Duration::from_secs(60);

/// Tells how long each step takes.
struct Steps(Instant);

impl Steps {
    fn done<T>(&mut self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        let found = wait::until_at_most(STEP_MAX, what, look);
        eprintln!("{:>7.3} s  {what}", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
        found
    }
}

/// The groups of a spot and of an on-demand bid, in a network of their own; gives the id of the subnet.
fn make_groups(moto: &Moto) {
    let vpc = text_of(&moto.query("ec2", "CreateVpc", &[("CidrBlock", NETWORK)]), "vpcId");
    let subnet = [
        ("VpcId", vpc.as_str()),
        ("CidrBlock", "127.77.0.0/24"),
        ("AvailabilityZone", &format!("{REGION}a")),
        ("TagSpecification.1.ResourceType", "subnet"),
        ("TagSpecification.1.Tag.1.Key", "Usage"),
        ("TagSpecification.1.Tag.1.Value", "ApplicationSubnet1"),
    ];
    let subnet = text_of(&moto.query("ec2", "CreateSubnet", &subnet), "subnetId");
    let launch = [
        ("LaunchConfigurationName", "worker"),
        ("ImageId", "ami-12345678"),
        ("InstanceType", "m5.large"),
    ];
    moto.query("autoscaling", "CreateLaunchConfiguration", &launch);
    for name in ["gpu-spot", "gpu-listed"] {
        let mut group = vec![
            ("AutoScalingGroupName", name),
            ("LaunchConfigurationName", "worker"),
            ("MinSize", "0"),
            ("MaxSize", "3"),
            ("DesiredCapacity", "0"),
            ("VPCZoneIdentifier", &subnet),
        ];
        if name == "gpu-spot" {
            group.extend([
                ("Tags.member.1.Key", "SpotPrice"),
                ("Tags.member.1.Value", "0.05"),
                ("Tags.member.1.PropagateAtLaunch", "false"),
                ("Tags.member.2.Key", "SpotType"),
                ("Tags.member.2.Value", "m5.large"),
                ("Tags.member.2.PropagateAtLaunch", "false"),
            ]);
        }
        moto.query("autoscaling", "CreateAutoScalingGroup", &group);
        for (policy, by) in [("ScaleUp", "1"), ("ScaleDown", "-1")] {
            // Moto has one policy of a name, whatever its group is.
            let policy = [
                ("AutoScalingGroupName", name),
                ("PolicyName", &format!("{name}-{policy}")),
                ("PolicyType", "SimpleScaling"),
                ("AdjustmentType", "ChangeInCapacity"),
                ("ScalingAdjustment", by),
            ];
            moto.query("autoscaling", "PutScalingPolicy", &policy);
        }
    }
}

/// A queue that has what a topic is told; gives the URL of one and the ARN of the other.
fn make_queue(ministack: &Ministack) -> (String, String) {
    let queue = ministack.json("sqs", "AmazonSQS.CreateQueue", &json!({"QueueName": "alarms"}));
    let topic = text_of(
        &ministack.query("sns", "CreateTopic", &[("Name", "alarms")]),
        "TopicArn",
    );
    let arn = format!("arn:aws:sqs:{REGION}:{MINISTACK_ACCOUNT}:alarms");
    let subscription = [("TopicArn", topic.as_str()), ("Protocol", "sqs"), ("Endpoint", &arn)];
    ministack.query("sns", "Subscribe", &subscription);
    (queue["QueueUrl"].as_str().unwrap().to_owned(), topic)
}

/// The two alarms of the articles, on the number of jobs.
fn make_alarms(ministack: &Ministack, topic: &str) {
    let alarms = [
        ("There are jobs to process!", "GreaterThanThreshold"),
        ("Chill, no more jobs", "LessThanOrEqualToThreshold"),
    ];
    for (name, comparison) in alarms {
        let alarm = [
            ("AlarmName", name),
            ("Namespace", "Encoding"),
            ("MetricName", "Jobs"),
            ("Statistic", "Minimum"),
            ("Period", "60"),
            ("EvaluationPeriods", "1"),
            ("Threshold", "0"),
            ("ComparisonOperator", comparison),
            ("AlarmActions.member.1", topic),
        ];
        ministack.query("monitoring", "PutMetricAlarm", &alarm);
    }
}

fn count_jobs(ministack: &Ministack, jobs: &str) {
    let datum = [
        ("Namespace", "Encoding"),
        ("MetricData.member.1.MetricName", "Jobs"),
        ("MetricData.member.1.Value", jobs),
    ];
    ministack.query("monitoring", "PutMetricData", &datum);
}

fn cloudd(moto: &Moto, ministack: &Ministack, queue: &str) -> Daemon {
    let (machines, messages) = (moto.url(), ministack.url());
    let config = format!(
        "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
         [provider.cloud.aws]\nregion = \"{REGION}\"\ninterval = \"{LISTED_EVERY}\"\n\
         [provider.cloud.aws.endpoint]\nec2 = \"{machines}\"\nautoscaling = \"{machines}\"\nsts = \"{machines}\"\nsqs = \"{messages}\"\n\
         [scaling.encoders]\nprovider = \"cloud\"\nqueue = \"{queue}\"\nspot-group = \"gpu-spot\"\non-demand-group = \"gpu-listed\"\n"
    );
    let mut command = Command::new(program("cloudd"));
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    Setup::new("cloudd").file("cloudd.toml", config).start_by(command)
}

fn dnsd(plugin: &Path, knot: SocketAddr) -> Daemon {
    let zone = format!(
        "[plugin.cloud]\nsocket = \"{}\"\n[zone.\"cloud.internal\".plugin]\nplugin = \"cloud\"\nnames = [\"%id%\", \"%group%\"]\n\
         reverse = [\"{NETWORK}\"]\nallow-transfer = [\"127.0.0.0/8\"]\nalso-notify = [\"{knot}\"]\nnotify-delay = \"0s\"\n",
        plugin.display()
    );
    Configuration::new().table(&zone).setup().start()
}

fn knotd(directory: &Path, knot: SocketAddr) -> peers::Peer {
    let zone = |name: &str| format!("  - domain: {name}\n    master: dnsd\n    acl: dnsd\n");
    peers::knotd_with(
        directory,
        knot,
        &format!(
            "remote:\n  - id: dnsd\n    address: {}@{PORT}\n    via: {}\n\
             acl:\n  - id: dnsd\n    address: 127.0.0.0/8\n    action: [transfer, notify]\nzone:\n{}{}",
            serves().ip(),
            knot.ip(),
            zone("cloud.internal"),
            zone("77.127.in-addr.arpa"),
        ),
    )
}

fn logd(plugin: &Path) -> Daemon {
    let config = format!(
        "work-dir = \"work\"\n[control]\nsocket = \"control.sock\"\n[plugin.cloud]\nsocket = \"{}\"\n\
         [input.net.tcp]\nlisten = [\"{}\"]\n\
         [output.all.file]\npath = \"log/%cloud-group%/%cloud-id%/%programname%\"\nformat = '%msg%\\n'\nflush-interval = \"10ms\"\n\
         [[rule]]\nto = [\"all\"]\n",
        plugin.display(),
        syslog::collector(address(LOGD)),
    );
    Setup::new("logd").file("logd.toml", config).start()
}

/// Says something as a machine.
fn say(machine: Ipv4Addr, text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((machine, 0).into()).unwrap();
        let connecting = socket.connect(syslog::collector(address(LOGD)));
        connecting.await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    let mut stream: TcpStream = stream;
    let message = format!("<13>Oct 11 22:14:15 worker ffmpeg: {text}\n");
    stream.write_all(message.as_bytes()).unwrap();
}

fn addresses(server: SocketAddr, name: &str) -> Vec<Ipv4Addr> {
    let answers = Udp::to(server).ask(&Query::of(name, rtype::A)).answers.into_iter();
    answers
        .map(|record| <[u8; 4]>::try_from(record.data).unwrap().into())
        .collect()
}

fn decisions(cloudd: &Daemon) -> Vec<Value> {
    let output = cloudd.run(&["scale", "history", "encoders", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn members(moto: &Moto) -> Vec<String> {
    let group = [("AutoScalingGroupNames.member.1", "gpu-spot")];
    all_texts_of(
        &moto.query("autoscaling", "DescribeAutoScalingGroups", &group),
        "InstanceId",
    )
}

#[test]
fn from_an_alarm_to_a_machine_with_a_name_and_a_log_and_back() {
    let (moto, ministack) = (Moto::start(), Ministack::start());
    make_groups(&moto);
    let (queue, topic) = make_queue(&ministack);
    make_alarms(&ministack, &topic);
    let knot = SocketAddr::from((address(KNOTD), PORT));
    let cloudd = cloudd(&moto, &ministack, &queue);
    let plugin = cloudd.path().join("plugin.sock");
    let _dnsd = dnsd(&plugin, knot);
    let logd = logd(&plugin);
    let directory = tempfile::tempdir().unwrap();
    let mut steps = Steps(Instant::now());
    steps.done("dnsd has a zone without a machine", || {
        let answer = Udp::to(serves()).ask(&Query::of("gpu-spot.cloud.internal", rtype::A));
        (answer.rcode() == Rcode::NXDOMAIN).then_some(())
    });
    let _knotd = knotd(directory.path(), knot);
    steps.done("knotd has it too", || {
        let answer = Udp::to(knot).ask(&Query::of("gpu-spot.cloud.internal", rtype::A));
        (answer.rcode() == Rcode::NXDOMAIN).then_some(())
    });

    count_jobs(&ministack, "3");
    steps.done("an alarm is a decision for spot capacity", || {
        let decisions = decisions(&cloudd);
        let first = decisions.first()?;
        assert_eq!(first["entry"]["decision"]["action"], "scale-up-spot", "{first}");
        Some(())
    });
    let id = steps.done("the group has a machine", || members(&moto).into_iter().next());
    let name = format!("{id}.cloud.internal");
    let ip = steps.done("dnsd answers its name", || {
        addresses(serves(), &name).into_iter().next()
    });
    assert_eq!(addresses(serves(), "gpu-spot.cloud.internal"), [ip]);
    steps.done("knotd answers its name", || {
        (addresses(knot, &name) == [ip]).then_some(())
    });
    let file = format!("log/gpu-spot/{id}/ffmpeg");
    steps.done("its log is in its directory", || {
        say(ip, "frame=1");
        let log = std::fs::read_to_string(logd.path().join(&file)).ok()?;
        log.starts_with(" frame=1\n").then_some(())
    });

    count_jobs(&ministack, "0");
    steps.done("the second alarm is a decision to scale down", || {
        let decisions = decisions(&cloudd);
        (decisions.last()?["entry"]["decision"]["action"] == "scale-down").then_some(())
    });
    steps.done("the group has no machine", || members(&moto).is_empty().then_some(()));
    steps.done("dnsd has no such name", || {
        let answer = Udp::to(serves()).ask(&Query::of(&name, rtype::A));
        (answer.rcode() == Rcode::NXDOMAIN).then_some(())
    });
    steps.done("nor has knotd", || {
        let answer = Udp::to(knot).ask(&Query::of(&name, rtype::A));
        (answer.rcode() == Rcode::NXDOMAIN).then_some(())
    });
    let (status, stopped) = logd.stop();
    assert!(status.success(), "{}", stopped.log);
    let log = std::fs::read_to_string(stopped.path().join(&file)).unwrap();
    assert!(log.starts_with(" frame=1\n"), "the log is kept: {log}");
}
