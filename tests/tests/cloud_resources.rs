//! Networks and volumes, from EC2 to who asks what there is; and the policy that permits just what is called: cloudd against
//! moto, which enforces IAM's policies where it is told to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use ballast_tests::cloud::{Moto, REGION, text_of};
use ballast_tests::daemon::{Daemon, Setup, program};
use ballast_tests::wait;
use serde_json::Value;

fn config(url: &str) -> String {
    format!(
        "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
         [provider.cloud.aws]\nregion = \"{REGION}\"\ninterval = \"5s\"\nnetworks-interval = \"30s\"\nvolumes-interval = \"30s\"\n\
         [provider.cloud.aws.endpoint]\nec2 = \"{url}\"\nsts = \"{url}\"\n"
    )
}

fn start(config: &str, key: &str, secret: &str) -> Daemon {
    let mut command = Command::new(program("cloudd"));
    command
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", secret);
    Setup::new("cloudd").file("cloudd.toml", config).start_by(command)
}

/// What is shown, once there is any of it.
fn shown(daemon: &Daemon, which: &str) -> Vec<Value> {
    wait::until(which, || {
        let output = daemon.run(&["inventory", which, "--json"]);
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (!lines.is_empty()).then_some(lines)
    })
}

fn find<'a>(shown: &'a [Value], kind: &str, id: &str) -> &'a Value {
    let found = shown.iter().find(|one| one["kind"] == kind && one["id"] == id);
    found.unwrap_or_else(|| panic!("no {kind} {id} in {shown:#?}"))
}

#[test]
fn networks_and_volumes_are_shown_as_they_hang_together() {
    let moto = Moto::start();
    let ec2 = |action: &str, parameters: &[(&str, &str)]| moto.query("ec2", action, parameters);
    let vpc = text_of(&ec2("CreateVpc", &[("CidrBlock", "10.9.0.0/16")]), "vpcId");
    let tag = [
        ("ResourceId.1", vpc.as_str()),
        ("Tag.1.Key", "Name"),
        ("Tag.1.Value", "workers"),
    ];
    ec2("CreateTags", &tag);
    let subnet = ec2(
        "CreateSubnet",
        &[
            ("VpcId", &vpc),
            ("CidrBlock", "10.9.1.0/24"),
            ("AvailabilityZone", "us-east-1b"),
        ],
    );
    let subnet = text_of(&subnet, "subnetId");
    let gateway = text_of(&ec2("CreateInternetGateway", &[]), "internetGatewayId");
    ec2(
        "AttachInternetGateway",
        &[("VpcId", &vpc), ("InternetGatewayId", &gateway)],
    );
    let table = text_of(&ec2("CreateRouteTable", &[("VpcId", &vpc)]), "routeTableId");
    let route = [
        ("RouteTableId", table.as_str()),
        ("DestinationCidrBlock", "0.0.0.0/0"),
        ("GatewayId", &gateway),
    ];
    ec2("CreateRoute", &route);
    ec2(
        "AssociateRouteTable",
        &[("RouteTableId", &table), ("SubnetId", &subnet)],
    );
    let run = [
        ("ImageId", "ami-12345678"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", &subnet),
    ];
    let instance = text_of(&ec2("RunInstances", &run), "instanceId");
    let address = ec2("AllocateAddress", &[("Domain", "vpc")]);
    let (address, allocation) = (text_of(&address, "publicIp"), text_of(&address, "allocationId"));
    ec2(
        "AssociateAddress",
        &[("AllocationId", &allocation), ("InstanceId", &instance)],
    );
    let volume = ec2("CreateVolume", &[("Size", "20"), ("AvailabilityZone", "us-east-1b")]);
    let volume = text_of(&volume, "volumeId");
    ec2(
        "AttachVolume",
        &[("VolumeId", &volume), ("InstanceId", &instance), ("Device", "/dev/sdf")],
    );
    let snapshot = text_of(&ec2("CreateSnapshot", &[("VolumeId", &volume)]), "snapshotId");

    let daemon = start(&config(&moto.url()), "test", "test");
    let networks = shown(&daemon, "--networks");
    let found = find(&networks, "vpc", &vpc);
    assert_eq!(
        (&found["name"], &found["cidrs"][0], &found["provider"]),
        (&"workers".into(), &"10.9.0.0/16".into(), &"cloud".into())
    );
    let found = find(&networks, "subnet", &subnet);
    assert_eq!(
        (&found["vpc"], &found["zone"]),
        (&vpc.as_str().into(), &"us-east-1b".into())
    );
    assert_eq!(find(&networks, "internet-gateway", &gateway)["vpc"], vpc);
    let found = find(&networks, "route-table", &table);
    assert_eq!(found["of"], serde_json::json!([subnet]));
    assert_eq!(
        found["routes"],
        serde_json::json!(["10.9.0.0/16 local", format!("0.0.0.0/0 {gateway}")])
    );
    let of = find(&networks, "address", &address)["of"][0].as_str().unwrap();
    assert!(of.starts_with(&instance), "{of}");

    let volumes = shown(&daemon, "--volumes");
    let found = find(&volumes, "volume", &volume);
    assert_eq!((&found["sizeGib"], &found["state"]), (&20.into(), &"in-use".into()));
    assert_eq!(found["of"], serde_json::json!([format!("{instance} /dev/sdf")]));
    assert_eq!(find(&volumes, "snapshot", &snapshot)["of"], serde_json::json!([volume]));

    let table = daemon.run(&["inventory", "--networks"]);
    let table = String::from_utf8(table.stdout).unwrap();
    assert!(
        table.starts_with("PROVIDER  KIND") && table.contains("workers"),
        "{table}"
    );
    assert_eq!(
        daemon.run(&["inventory", "--networks", "--volumes"]).status.code(),
        Some(64)
    );
}

/// A user of IAM's who is permitted this.
fn user(moto: &Moto, name: &str, policy: &Value) -> (String, String) {
    moto.query("iam", "CreateUser", &[("UserName", name)]);
    let policy = policy.to_string();
    let parameters = [
        ("UserName", name),
        ("PolicyName", "p"),
        ("PolicyDocument", policy.as_str()),
    ];
    moto.query("iam", "PutUserPolicy", &parameters);
    let key = moto.query("iam", "CreateAccessKey", &[("UserName", name)]);
    (text_of(&key, "AccessKeyId"), text_of(&key, "SecretAccessKey"))
}

/// What the daemon says that it can't do, once it has tried all.
fn problems(daemon: &Daemon) -> String {
    let said = |arguments: &[&str]| {
        let output = daemon.run(arguments);
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    wait::until("all to be listed, or refused", || {
        let all = said(&["status"]) + &said(&["inventory", "--networks"]) + &said(&["inventory", "--volumes"]);
        let is_machines = all.contains("provider cloud: 0 hosts") || all.contains("not listed yet\n    ");
        let is_waiting =
            all.matches("provider cloud: not listed yet\n").count() > usize::from(all.contains("not listed yet\n    "));
        let problems: Vec<&str> = all.lines().filter(|line| line.contains("refused (")).collect();
        (is_machines && !is_waiting).then(|| problems.join("\n"))
    })
}

#[test]
fn the_policy_permits_all_that_is_called_and_nothing_that_is_not() {
    let moto = Moto::start();
    let setup = Setup::new("cloudd").file("cloudd.toml", config(&moto.url()));
    let output = setup.run(&["iam-policy"]);
    assert!(output.status.success(), "{output:?}");
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    let actions: Vec<String> = policy["Statement"][0]["Action"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
    assert_eq!(actions.len(), 8);
    let (key, secret) = user(&moto, "whole", &policy);
    let without: Vec<_> = actions
        .iter()
        .enumerate()
        .map(|(index, action)| {
            let mut less = policy.clone();
            less["Statement"][0]["Action"].as_array_mut().unwrap().remove(index);
            (action, user(&moto, &format!("without-{index}"), &less))
        })
        .collect();
    // From here on moto asks IAM, and compares signatures.
    moto.request("POST", "iam", "/moto-api/reset-auth", &[], "0").unwrap();
    assert_eq!(problems(&start(&config(&moto.url()), &key, &secret)), "");
    for (action, (key, secret)) in without {
        let problems = problems(&start(&config(&moto.url()), &key, &secret));
        // One listing of the three is refused. (moto's refusal has no code that names the action.)
        assert_eq!(
            problems.matches("refused (403)").count(),
            1,
            "without {action}: {problems}"
        );
    }
}
