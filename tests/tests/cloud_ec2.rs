//! From EC2 to who follows: cloudd with the provider `aws`, against moto.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use ballast_tests::cloud::{Moto, REGION, text_of};
use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::wait;

fn config(url: &str) -> String {
    format!(
        "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
         [provider.cloud.aws]\nregion = \"{REGION}\"\ninterval = \"5s\"\nlabels = [\"Name\"]\n\
         [provider.cloud.aws.endpoint]\nec2 = \"{url}\"\nsts = \"{url}\"\n"
    )
}

fn start(config: &str) -> Daemon {
    let mut command = Command::new(program("cloudd"));
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-not-shown");
    Setup::new("cloudd").file("cloudd.toml", config).start_by(command)
}

/// The machines' lines, once they are so many.
fn inventory(daemon: &Daemon, count: usize) -> Vec<String> {
    wait::until(&format!("{count} machines"), || {
        let output = daemon.run(&["inventory", "--json"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (output.status.success() && lines.len() == count).then_some(lines)
    })
}

#[test]
fn a_machine_that_is_started_is_told_and_one_that_is_terminated_is_gone() {
    let moto = Moto::start();
    let run = |name: &str| {
        let parameters = [
            ("ImageId", "ami-12345678"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "Name"),
            ("TagSpecification.1.Tag.1.Value", name),
            ("TagSpecification.1.Tag.2.Key", "Secret"),
            ("TagSpecification.1.Tag.2.Value", "is-let-out"),
        ];
        text_of(&moto.query("ec2", "RunInstances", &parameters), "instanceId")
    };
    let first = run("web-1");
    let daemon = start(&config(&moto.url()));
    let lines = inventory(&daemon, 1);
    assert!(
        lines[0].contains(&first) && lines[0].contains("\"Name\":\"web-1\""),
        "{lines:?}"
    );
    assert!(
        !lines[0].contains("is-let-out"),
        "a tag that is not among the labels: {lines:?}"
    );
    let second = run("web-2");
    inventory(&daemon, 2);
    moto.query("ec2", "TerminateInstances", &[("InstanceId.1", &first)]);
    let lines = inventory(&daemon, 1);
    assert!(lines[0].contains(&second), "{lines:?}");
    assert!(!daemon.log().contains("a-secret-that-is-not-shown"));
}
