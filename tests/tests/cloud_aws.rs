//! cloudd's calls of AWS against moto.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ballast_shared::config::{Diagnostics, load};
use ballast_shared::plugin::host::WireHost;
use ballast_shared::tls::TlsFiles;
use ballast_tests::cloud::{Moto, REGION, all_texts_of, text_of};
use cloudd::aws::credentials::Environment;
use cloudd::aws::dynamodb::{CONDITION_FAILED, Expression, Item, Value};
use cloudd::aws::ec2::Filter;
use cloudd::aws::s3::Written;
use cloudd::aws::{Client, Error};
use cloudd::providers::aws::{Aws, Config, Spec};
use cloudd::providers::{Report, Word};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A configuration as an administrator writes it, with all services at moto.
fn config(moto: &Moto, more: &str) -> Config {
    let services = [
        "autoscaling",
        "cloudformation",
        "dynamodb",
        "ec2",
        "kms",
        "s3",
        "sqs",
        "sts",
    ];
    let endpoints: String = services
        .iter()
        .map(|service| format!("{service} = \"{}\"\n", moto.url()))
        .collect();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("cloudd.toml");
    let text = format!("[aws]\nregion = \"{REGION}\"\n{more}\n[aws.endpoint]\n{endpoints}");
    std::fs::write(&path, text).expect("a file of ours");
    let diagnostics = Diagnostics::new();
    let mut spec = None;
    load(&path, &diagnostics, &mut |table| {
        spec = table.table("aws").map(|table| Spec::read(&table));
    });
    let environment: Environment = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let config = spec
        .expect("a table")
        .resolve(&diagnostics, &TlsFiles::default(), &environment);
    config.unwrap_or_else(|| panic!("{diagnostics}"))
}

fn client(moto: &Moto) -> Client {
    Client::for_all(config(moto, "").settings)
}

fn run_instances(moto: &Moto, count: usize, more: &[(&str, &str)]) -> Vec<String> {
    let count = count.to_string();
    let mut parameters = vec![("ImageId", "ami-12345678"), ("MinCount", &count), ("MaxCount", &count)];
    parameters.extend(more);
    all_texts_of(&moto.query("ec2", "RunInstances", &parameters), "instanceId")
}

fn name(name: &'static str) -> [(&'static str, &'static str); 3] {
    [
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "Name"),
        ("TagSpecification.1.Tag.1.Value", name),
    ]
}

struct Running {
    reports: mpsc::Receiver<Report>,
    stop: CancellationToken,
}

impl Running {
    fn start(config: Config) -> Self {
        let (sender, reports) = mpsc::channel(16);
        let stop = CancellationToken::new();
        tokio::spawn(Aws::new("cloud", config).run(sender, stop.clone()));
        Self { reports, stop }
    }

    /// The next word that this makes something of.
    async fn until<T>(&mut self, mut look: impl FnMut(Word) -> Option<T>) -> T {
        let found = async {
            loop {
                let report = self.reports.recv().await.expect("the provider runs");
                if let Some(found) = look(report.word) {
                    return found;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(40), found)
            .await
            .expect("the word that is waited for")
    }

    async fn listing(&mut self) -> BTreeMap<String, WireHost> {
        self.until(|word| match word {
            Word::Listing(hosts) => Some(hosts.into_iter().map(|host| (host.id.clone(), host)).collect()),
            _ => None,
        })
        .await
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listing_is_what_runs() {
    let moto = Moto::start();
    let mut started = run_instances(&moto, 2, &name("web 1"));
    started.extend(run_instances(&moto, 1, &[]));
    let mut provider = Running::start(config(&moto, "interval = \"5s\"\nlabels = [\"Name\"]"));
    let hosts = provider.listing().await;
    assert_eq!(hosts.keys().collect::<BTreeSet<_>>(), started.iter().collect());
    let web = &hosts[&started[0]];
    assert_eq!(web.name.as_deref(), Some("web 1"));
    assert_eq!(web.labels["Name"], "web 1");
    assert_eq!(web.state.as_deref(), Some("running"));
    assert_eq!(
        (web.lifecycle.as_deref(), web.root_device.as_deref()),
        (Some("on-demand"), Some("ebs"))
    );
    assert!(web.zone.as_deref().unwrap().starts_with(REGION) && web.vpc.is_some() && web.subnet.is_some());
    assert!(!web.addresses.is_empty() && web.addresses.iter().all(|address| address.valid_from.is_some()));

    moto.query("ec2", "TerminateInstances", &[("InstanceId.1", &started[0])]);
    let left = provider
        .until(|word| match word {
            Word::Listing(hosts) if hosts.len() == 2 => Some(hosts),
            _ => None,
        })
        .await;
    assert!(left.iter().all(|host| host.id != started[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_machines_than_a_page_has_are_all_listed() {
    let moto = Moto::start();
    let mut started = BTreeSet::new();
    for _ in 0..12 {
        started.extend(run_instances(&moto, 1, &[]));
    }
    let mut settings = config(&moto, "").settings;
    settings.page_instances = 5;
    let listed = Client::for_all(settings).instances(&[]).await.unwrap();
    assert_eq!(listed.len(), 12, "each once");
    let listed: BTreeSet<String> = listed.into_iter().map(|instance| instance.id).collect();
    assert_eq!(listed, started);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_in_the_queue_is_seen_long_before_the_next_listing() {
    let moto = Moto::start();
    let queue = moto.json(
        "sqs",
        "AmazonSQS.CreateQueue",
        &serde_json::json!({"QueueName": "events"}),
    );
    let queue = queue["QueueUrl"].as_str().unwrap().to_owned();
    let mut provider = Running::start(config(&moto, &format!("interval = \"1h\"\nqueue = \"{queue}\"")));
    assert!(provider.listing().await.is_empty());

    let id = run_instances(&moto, 1, &[]).remove(0);
    let send = |event: &str, state: &str| {
        let body = serde_json::json!({
            "version": "0", "id": event, "detail-type": "EC2 Instance State-change Notification", "source": "aws.ec2",
            "account": "123456789012", "time": "2026-01-01T00:00:00Z", "region": REGION, "resources": [],
            "detail": {"instance-id": id, "state": state},
        });
        let message = serde_json::json!({"QueueUrl": queue, "MessageBody": body.to_string()});
        moto.json("sqs", "AmazonSQS.SendMessage", &message);
    };
    send("e1", "running");
    let host = provider.until(|word| match word {
        Word::Change { hosts, .. } => hosts.into_iter().next(),
        _ => None,
    });
    assert_eq!(host.await.id, id);

    moto.query("ec2", "TerminateInstances", &[("InstanceId.1", &id)]);
    // The same event twice, and one that is late.
    for event in ["e2", "e2", "e0"] {
        send(event, if event == "e0" { "pending" } else { "terminated" });
    }
    let gone = provider.until(|word| match word {
        Word::Change { gone, hosts } => {
            assert!(hosts.is_empty(), "what was late did not bring it back");
            gone.into_iter().next()
        }
        _ => None,
    });
    assert_eq!(gone.await, id);

    // Each message is gone from the queue when its work is done.
    let attributes = serde_json::json!({"QueueUrl": queue, "AttributeNames": ["All"]});
    ballast_tests::wait::until("the queue to be empty", || {
        let answer = moto.json("sqs", "AmazonSQS.GetQueueAttributes", &attributes);
        let count = |name: &str| answer["Attributes"][name].as_str().map(str::to_owned);
        let all = [
            count("ApproximateNumberOfMessages"),
            count("ApproximateNumberOfMessagesNotVisible"),
        ];
        (all == [Some("0".to_owned()), Some("0".to_owned())]).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_have_members_policies_and_a_size() {
    let moto = Moto::start();
    let zone = format!("{REGION}a");
    moto.query(
        "autoscaling",
        "CreateLaunchConfiguration",
        &[
            ("LaunchConfigurationName", "l"),
            ("ImageId", "ami-12345678"),
            ("InstanceType", "m5.large"),
            ("SpotPrice", "0.05"),
        ],
    );
    moto.query(
        "autoscaling",
        "CreateAutoScalingGroup",
        &[
            ("AutoScalingGroupName", "workers"),
            ("LaunchConfigurationName", "l"),
            ("MinSize", "0"),
            ("MaxSize", "5"),
            ("DesiredCapacity", "1"),
            ("AvailabilityZones.member.1", &zone),
            ("Tags.member.1.Key", "SpotPrice"),
            ("Tags.member.1.Value", "0.05"),
            ("Tags.member.1.PropagateAtLaunch", "true"),
        ],
    );
    moto.query(
        "autoscaling",
        "PutScalingPolicy",
        &[
            ("AutoScalingGroupName", "workers"),
            ("PolicyName", "ScaleUp"),
            ("PolicyType", "SimpleScaling"),
            ("AdjustmentType", "ChangeInCapacity"),
            ("ScalingAdjustment", "2"),
            ("Cooldown", "60"),
        ],
    );
    let client = client(&moto);
    let group = async || {
        let groups = client.groups(&["workers".into(), "none".into()]).await.unwrap();
        let [group] = &groups[..] else { panic!("{groups:?}") };
        group.clone()
    };
    let first = group().await;
    assert_eq!((first.min, first.max, first.desired, first.members.len()), (0, 5, 1, 1));
    assert_eq!(first.tags["SpotPrice"], "0.05");
    let policies = client.policies("workers").await.unwrap();
    assert_eq!(policies.len(), 1);
    assert_eq!(
        (policies[0].name.as_str(), policies[0].adjustment, policies[0].cooldown),
        ("ScaleUp", Some(2), Some(60))
    );
    client.execute_policy("workers", "ScaleUp", true).await.unwrap();
    assert_eq!(group().await.members.len(), 3);
    client.set_desired_capacity("workers", 0, false).await.unwrap();
    assert_eq!(group().await.desired, 0);

    client.set_desired_capacity("workers", 2, false).await.unwrap();
    let mut provider = Running::start(config(&moto, "labels = [\"SpotPrice\"]"));
    let hosts = provider.listing().await;
    assert_eq!(hosts.len(), 2);
    for host in hosts.values() {
        assert_eq!(
            (host.group.as_deref(), host.labels["SpotPrice"].as_str()),
            (Some("workers"), "0.05")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_volumes_and_prices_are_listed() {
    let moto = Moto::start();
    let zone = format!("{REGION}b");
    let vpc = text_of(
        &moto.query("ec2", "CreateVpc", &[("CidrBlock", "10.7.0.0/16")]),
        "vpcId",
    );
    let created = moto.query(
        "ec2",
        "CreateSubnet",
        &[
            ("VpcId", &vpc),
            ("CidrBlock", "10.7.1.0/24"),
            ("AvailabilityZone", &zone),
            ("TagSpecification.1.ResourceType", "subnet"),
            ("TagSpecification.1.Tag.1.Key", "Usage"),
            ("TagSpecification.1.Tag.1.Value", "ApplicationSubnet1"),
        ],
    );
    let client = client(&moto);
    let filters = [
        Filter::new("vpc-id", [vpc.as_str()]),
        Filter::new("tag:Usage", ["ApplicationSubnet*"]),
    ];
    let subnets = client.subnets(&filters).await.unwrap();
    assert_eq!(subnets.len(), 1);
    assert_eq!(subnets[0].id, text_of(&created, "subnetId"));
    assert_eq!(
        (subnets[0].zone.as_str(), subnets[0].cidr.as_deref()),
        (zone.as_str(), Some("10.7.1.0/24"))
    );
    assert!(
        client.subnets(&[]).await.unwrap().len() > 1,
        "those of the default network too"
    );

    let volume = text_of(
        &moto.query("ec2", "CreateVolume", &[("Size", "8"), ("AvailabilityZone", &zone)]),
        "volumeId",
    );
    let snapshot = text_of(
        &moto.query("ec2", "CreateSnapshot", &[("VolumeId", &volume)]),
        "snapshotId",
    );
    let instance = run_instances(&moto, 1, &[("Placement.AvailabilityZone", &zone)]).remove(0);
    moto.query(
        "ec2",
        "AttachVolume",
        &[("VolumeId", &volume), ("InstanceId", &instance), ("Device", "/dev/sdh")],
    );
    let volumes = client
        .volumes(&[Filter::new("volume-id", [volume.as_str()])])
        .await
        .unwrap();
    assert_eq!((volumes[0].size_gib, volumes[0].state.as_str()), (8, "in-use"));
    assert_eq!(volumes[0].attachments[0].instance, instance);
    let snapshots = client.snapshots(&[]).await.unwrap();
    assert!(
        snapshots
            .iter()
            .any(|found| found.id == snapshot && found.volume.as_deref() == Some(&volume))
    );

    let prices = client
        .spot_prices("m5.large", None, 1_700_000_000, 1_700_003_600)
        .await
        .unwrap();
    assert!(
        !prices.is_empty()
            && prices
                .iter()
                .all(|price| price.kind == "m5.large" && price.price.billionths() > 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_found_in_a_stack_in_a_stack() {
    let moto = Moto::start();
    let inner = serde_json::json!({"Resources": {"SpotGroupQueue": {"Type": "AWS::SQS::Queue"}}}).to_string();
    let client = client(&moto);
    moto.request("PUT", "s3", "/templates", &[], "").unwrap();
    client
        .put_object("templates", "inner.json", inner.into(), &Written::default())
        .await
        .unwrap();
    let outer = serde_json::json!({"Resources": {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Inner": {"Type": "AWS::CloudFormation::Stack",
                  "Properties": {"TemplateURL": "https://s3.amazonaws.com/templates/inner.json"}},
    }});
    moto.query(
        "cloudformation",
        "CreateStack",
        &[("StackName", "outer"), ("TemplateBody", &outer.to_string())],
    );
    let direct = client.stack_resource("outer", "Topic").await.unwrap();
    assert_eq!(direct.kind, "AWS::SNS::Topic");
    let nested = client
        .find_stack_resource("outer", "SpotGroupQueue")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(nested.kind, "AWS::SQS::Queue");
    assert!(nested.physical_id.is_some());
    assert_eq!(client.find_stack_resource("outer", "Nothing").await.unwrap(), None);
    assert!(matches!(
        client.find_stack_resource("none", "Nothing").await,
        Err(Error::Refused { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_through_kms_and_dynamodb_and_comes_back() {
    let moto = Moto::start();
    let client = client(&moto);
    let key = moto.json("kms", "TrentService.CreateKey", &serde_json::json!({}));
    let key = key["KeyMetadata"]["KeyId"].as_str().unwrap();
    moto.json("dynamodb", "DynamoDB_20120810.CreateTable", &serde_json::json!({
        "TableName": "secrets", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "name", "AttributeType": "S"}, {"AttributeName": "version", "AttributeType": "N"}],
        "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"}, {"AttributeName": "version", "KeyType": "RANGE"}],
    }));
    let context = BTreeMap::from([
        ("name".to_owned(), "db".to_owned()),
        ("version".to_owned(), "1".to_owned()),
    ]);
    let encrypted = client.encrypt(key, b"hunter2", &context).await.unwrap();
    let data_key = client.generate_data_key(key, &context).await.unwrap();
    assert_eq!(data_key.plaintext.len(), 32);
    assert_eq!(
        *client.decrypt(&data_key.blob, None, &context).await.unwrap().plaintext,
        *data_key.plaintext
    );
    let other = BTreeMap::from([("name".to_owned(), "other".to_owned())]);
    let error = client.decrypt(&encrypted.blob, None, &other).await.unwrap_err();
    assert!(error.is_refused_as("InvalidCiphertextException"), "{error}");

    let at = |version| {
        Item::from([
            ("name".to_owned(), "db".into()),
            ("version".to_owned(), Value::number(version)),
        ])
    };
    let is_new = Expression::new("attribute_not_exists(#n)").name("#n", "name");
    let mut item = at(1);
    item.insert("blob".into(), Value::Octets(encrypted.blob));
    client.put_item("secrets", &item, Some(&is_new)).await.unwrap();
    let again = client.put_item("secrets", &item, Some(&is_new)).await.unwrap_err();
    assert!(again.is_refused_as(CONDITION_FAILED), "{again}");
    client.put_item("secrets", &at(2), Some(&is_new)).await.unwrap();
    let found = client.get_item("secrets", &at(1)).await.unwrap().unwrap();
    let plaintext = client
        .decrypt(found["blob"].as_octets().unwrap(), Some(key), &context)
        .await
        .unwrap();
    assert_eq!(plaintext.plaintext.as_slice(), b"hunter2");

    let update = Expression::new("SET #s = :s")
        .name("#s", "state")
        .value(":s", "old".into());
    let changed = client.update_item("secrets", &at(1), &update, None).await.unwrap();
    assert_eq!(changed["state"].as_text(), Some("old"));
    let all = Expression::new("#n = :n").name("#n", "name").value(":n", "db".into());
    let versions = async || {
        let items = client.query_items("secrets", &all, false).await.unwrap();
        items
            .iter()
            .filter_map(|item| item["version"].as_number())
            .collect::<Vec<_>>()
    };
    assert_eq!(versions().await, [2, 1]);
    let is_other = Expression::new("#s = :s").name("#s", "state").value(":s", "new".into());
    let kept = client
        .delete_item("secrets", &at(1), Some(&is_other))
        .await
        .unwrap_err();
    assert!(kept.is_refused_as(CONDITION_FAILED), "{kept}");
    client.delete_item("secrets", &at(1), None).await.unwrap();
    assert_eq!(versions().await, [2]);
    assert_eq!(client.get_item("secrets", &at(1)).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_written_whole_or_in_parts_and_listed() {
    let moto = Moto::start();
    let client = client(&moto);
    moto.request("PUT", "s3", "/logs", &[], "").unwrap();
    let with = Written {
        is_new: true,
        replaces: None,
        metadata: BTreeMap::from([("version".to_owned(), "1".to_owned())]),
        ..Written::default()
    };
    let key = "2026/01 /ä+b&c.log";
    client.put_object("logs", key, "hello".into(), &with).await.unwrap();
    let again = client.put_object("logs", key, "other".into(), &with).await.unwrap_err();
    assert!(again.is_refused_as("PreconditionFailed"), "{again}");
    let (about, body) = client.get_object("logs", key, 100).await.unwrap();
    assert_eq!(
        (body.as_slice(), about.metadata["version"].as_str(), about.size),
        (&b"hello"[..], "1", 5)
    );
    let head = client.head_object("logs", key).await.unwrap().unwrap();
    assert_eq!((head.size, &head.etag), (5, &about.etag));
    assert_eq!(client.head_object("logs", "none").await.unwrap(), None);
    assert!(
        client
            .get_object("logs", "none", 100)
            .await
            .unwrap_err()
            .is_refused_as("NoSuchKey")
    );

    let upload = client.create_upload("logs", "big", &Written::default()).await.unwrap();
    let big: Vec<u8> = (0..6_000_000u32)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let first = client
        .upload_part(&upload, 1, big[..5_300_000].to_vec().into())
        .await
        .unwrap();
    // As who was interrupted goes on.
    assert_eq!(client.parts(&upload).await.unwrap()[0].etag, first.etag);
    let second = client
        .upload_part(&upload, 2, big[5_300_000..].to_vec().into())
        .await
        .unwrap();
    client
        .complete_upload(&upload, &[first, second], &Written::default())
        .await
        .unwrap();
    assert_eq!(*client.get_object("logs", "big", big.len()).await.unwrap().1, big);
    client.abort_upload(&upload).await.unwrap();

    for n in 0..1005 {
        moto.request("PUT", "s3", &format!("/logs/many/{n}"), &[], "x").unwrap();
    }
    assert_eq!(client.list_objects("logs", "many/").await.unwrap().len(), 1005);
    let keys: Vec<String> = client
        .list_objects("logs", "2026/")
        .await
        .unwrap()
        .into_iter()
        .map(|object| object.key)
        .collect();
    assert_eq!(keys, [key]);
    client.delete_object("logs", key).await.unwrap();
    client.delete_object("logs", key).await.unwrap();
    assert!(client.list_objects("logs", "2026/").await.unwrap().is_empty());
}
