//! The files of docs/cloudd-scenario.md: that they are what they should be, and that they agree with each other. dnsd's and
//! logd's are checked with the others in `conf/`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::Command;

use ballast_tests::cloud::machine::Machine;
use ballast_tests::cloud::python_peer;
use ballast_tests::daemon::{Setup, output, program};
use ballast_tests::repository;
use serde_json::Value;

fn cloudd(arguments: &[&str]) -> String {
    let program = program("cloudd");
    let config = repository("conf/scenario/cloudd.toml");
    let all = arguments.iter().copied().chain(["--config", config.to_str().unwrap()]);
    output(program.to_str().unwrap(), all)
}

/// A file of the scenario.
fn file(name: &str) -> String {
    fs::read_to_string(repository("conf/scenario").join(name)).unwrap()
}

#[test]
fn the_stack_is_one_that_cloudformation_takes() {
    let checked = Command::new(python_peer("cfn-lint"))
        .arg(repository("conf/scenario/stack.yaml"))
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn the_stack_has_what_cloudd_is_told_that_it_has() {
    let (stack, config) = (file("stack.yaml"), file("cloudd.toml"));
    for group in ["asgGPUSpot", "asgGPU"] {
        assert!(stack.contains(&format!("\n  {group}:\n")) && config.contains(&format!("\"{group}\"")));
    }
    // What cloudd.toml doesn't say is what cloudd has by default.
    let defaults = fs::read_to_string(repository("plugins/cloud/src/scaling/config.rs")).unwrap();
    for text in [
        "There are jobs to process!",
        "Chill, no more jobs",
        "SpotPrice",
        "SpotType",
    ] {
        assert!(
            stack.contains(text) && defaults.contains(&format!("\"{text}\"")),
            "{text}"
        );
    }
    for (resource, part) in [("SpotScaleUp", "ScaleUp"), ("OnDemandScaleDown", "ScaleDown")] {
        assert!(
            stack.contains(&format!("\n  {resource}:\n")) && defaults.contains(&format!("\"{part}\"")),
            "{part}"
        );
    }
}

#[test]
fn the_machines_are_told_what_they_are() {
    let mut setup = Setup::new("cloudd");
    for name in ["cloudd.toml", "encoder.service"] {
        setup = setup.file(name, file(name));
    }
    let machine = Machine::start(&setup, "encoder");
    let checked = machine.checked();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(
        machine.read("/etc/systemd/system/encoder.service"),
        file("encoder.service")
    );
    assert!(
        machine
            .read("/etc/rsyslog.d/10-ballast.conf")
            .contains("target=\"10.0.0.2\"")
    );
    assert!(
        machine
            .read("/etc/ballast/resolv.conf")
            .starts_with("nameserver 10.0.0.2\nsearch cloud.internal\n")
    );
    assert!(machine.path("/usr/local/sbin/gpu-worker-setup").exists());
}

#[test]
fn the_policy_is_for_these_groups_and_queues() {
    let policy: Value = serde_json::from_str(&cloudd(&["iam-policy"])).unwrap();
    let statement = |action: &str| {
        let mut all = policy["Statement"].as_array().unwrap().iter();
        let found = all.find(|one| one["Action"].as_array().unwrap().iter().any(|of| of == action));
        found.unwrap_or_else(|| panic!("{action} is not in {policy:#}"))["Resource"].clone()
    };
    let arn = "arn:aws:autoscaling:eu-west-1:*:autoScalingGroup:*:autoScalingGroupName/encoding-*";
    assert_eq!(statement("autoscaling:ExecutePolicy"), serde_json::json!([arn]));
    assert_eq!(statement("ec2:DescribeSpotPriceHistory"), serde_json::json!(["*"]));
    let queue = serde_json::json!(["arn:aws:sqs:eu-west-1:123456789012:encoding-AlarmsHeard"]);
    let mut statements = policy["Statement"].as_array().unwrap().iter();
    let of_queue = statements.find(|one| one["Resource"] == queue).unwrap();
    assert_eq!(
        of_queue["Action"],
        serde_json::json!(["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"])
    );
    let stack = statement("cloudformation:ListStackResources");
    assert_eq!(stack[0], "arn:aws:cloudformation:eu-west-1:*:stack/encoding/*");
    assert!(!policy.to_string().contains("SetDesiredCapacity") && !policy.to_string().contains("\"s3:"));
}

#[test]
fn the_page_names_files_that_are_there() {
    let page = fs::read_to_string(repository("docs/cloudd-scenario.md")).unwrap();
    let links = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let mut files = 0;
    for link in links {
        let path = link.split('#').next().unwrap();
        assert!(repository("docs").join(path).exists(), "{link}");
        files += usize::from(path.starts_with("../conf/scenario/"));
    }
    assert_eq!(files, fs::read_dir(repository("conf/scenario")).unwrap().count());
}
