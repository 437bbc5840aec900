//! Stacks that have their secrets from cloudd: ministack's CloudFormation, a topic, a queue, and cloudd.
//!
//! Ministack asks functions only, and no topics, for custom resources: a function of five lines hands on what it is asked as it is.

use std::process::Command;

use ballast_tests::cloud::{Ministack, REGION, python_peer, text_of};
use ballast_tests::daemon::{Daemon, Setup, output, program};
use ballast_tests::wait;
use serde_json::{Value, json};

/// What CloudFormation itself does on AWS when a resource's ServiceToken is a topic.
const HANDS_ON: &str = r#"
import json, os, urllib.parse, urllib.request

def to_topic(event, context):
    call = {"Action": "Publish", "TopicArn": os.environ["TOPIC"], "Message": json.dumps(event)}
    signed = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=00"
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": signed}
    urllib.request.urlopen(urllib.request.Request(os.environ["CLOUD"], urllib.parse.urlencode(call).encode(), headers))
"#;

/// Prints a function as Lambda takes it.
const ZIP: &str = "import base64, io, sys, zipfile\nfile = io.BytesIO()\nwith zipfile.ZipFile(file, 'w') as zip: \
                   zip.writestr('hands_on.py', sys.argv[1])\nprint(base64.b64encode(file.getvalue()).decode())";

/// A cloud with a cloudd that answers its stacks.
struct Cloud {
    ministack: Ministack,
    daemon: Daemon,
    /// What resources are asked of.
    token: String,
}

impl Cloud {
    fn start() -> Self {
        let ministack = Ministack::start();
        let topic = text_of(
            &ministack.query("sns", "CreateTopic", &[("Name", "secrets")]),
            "TopicArn",
        );
        let sqs = |action: &str, body: Value| ministack.json("sqs", &format!("AmazonSQS.{action}"), &body);
        let queue = sqs("CreateQueue", json!({"QueueName": "secrets"}));
        let queue = queue["QueueUrl"].as_str().expect("a URL").to_owned();
        let arn = sqs(
            "GetQueueAttributes",
            json!({"QueueUrl": queue, "AttributeNames": ["QueueArn"]}),
        );
        let arn = arn["Attributes"]["QueueArn"].as_str().expect("an ARN");
        let subscription = [("TopicArn", topic.as_str()), ("Protocol", "sqs"), ("Endpoint", arn)];
        ministack.query("sns", "Subscribe", &subscription);
        let token = function(&ministack, &topic);
        let url = ministack.url();
        let config = format!(
            "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
             [secrets.resource]\nregion = \"{REGION}\"\nqueue = \"{queue}\"\nresponse-hosts = [\"{url}\"]\n\
             [secrets.resource.endpoint]\nsqs = \"{url}\"\n"
        );
        let mut command = Command::new(program("cloudd"));
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        let daemon = Setup::new("cloudd").file("cloudd.toml", config).start_by(command);
        Self {
            ministack,
            daemon,
            token,
        }
    }

    /// Creates or updates a stack with one secret, and perhaps something that can't be; gives the status that it ends with.
    fn stack(&self, action: &str, name: &str, properties: Value, is_broken: bool) -> String {
        let mut properties = properties;
        properties["ServiceToken"] = json!(self.token);
        let get = |attribute: &str| json!({"Value": {"Fn::GetAtt": ["Db", attribute]}});
        let mut template = json!({
            "Resources": {"Db": {"Type": "Custom::BallastSecret", "Properties": properties}},
            "Outputs": {"Password": get("password"), "Version": get("version")},
        });
        if is_broken {
            // It is made after the secret, and refused: no secret is called so.
            template["Resources"]["Broken"] = json!({
                "Type": "Custom::BallastSecretValue",
                "DependsOn": "Db",
                "Properties": {"ServiceToken": self.token, "Name": "nobody-has-made-it"},
            });
        }
        let text = template.to_string();
        self.ministack.query(
            "cloudformation",
            action,
            &[("StackName", name), ("TemplateBody", &text)],
        );
        self.ended(name)
    }

    fn ended(&self, name: &str) -> String {
        wait::until(&format!("the end of stack {name}: {}", self.daemon.log()), || {
            let status = text_of(&self.described(name), "StackStatus");
            let goes_on = status.ends_with("_IN_PROGRESS");
            (!goes_on).then_some(status)
        })
    }

    fn described(&self, name: &str) -> String {
        self.ministack
            .query("cloudformation", "DescribeStacks", &[("StackName", name)])
    }

    /// What a stack has of its secret.
    fn outputs(&self, name: &str) -> [String; 2] {
        let described = self.described(name);
        ["Password", "Version"].map(|key| {
            let (_, after) = described
                .split_once(&format!("<OutputKey>{key}</OutputKey>"))
                .unwrap_or_else(|| panic!("no {key} in {described}"));
            text_of(after, "OutputValue")
        })
    }

    /// What cloudd has.
    fn secret(&self, name: &str) -> Option<String> {
        let got = self.daemon.run(&["secret", "get", name]);
        let value = String::from_utf8(got.stdout).expect("text");
        got.status.success().then_some(value)
    }
}

/// Makes the function; gives its ARN.
fn function(ministack: &Ministack, topic: &str) -> String {
    let zip = output(&python_peer("python3").to_string_lossy(), ["-c", ZIP, HANDS_ON]);
    let function = json!({
        "FunctionName": "hands-on",
        "Runtime": "python3.11",
        "Role": "arn:aws:iam::000000000000:role/hands-on",
        "Handler": "hands_on.to_topic",
        "Code": {"ZipFile": zip.trim()},
        "Environment": {"Variables": {"TOPIC": topic, "CLOUD": ministack.url()}},
    });
    let headers = [("Content-Type", "application/json")];
    let made = ministack.request(
        "POST",
        "lambda",
        "/2015-03-31/functions",
        &headers,
        &function.to_string(),
    );
    let made: Value = serde_json::from_str(&made.expect("a function")).expect("JSON");
    made["FunctionArn"].as_str().expect("an ARN").to_owned()
}

#[test]
fn a_stack_has_its_secret_made_kept_rotated_and_deleted() {
    let cloud = Cloud::start();
    let db = json!({"Name": "db", "Environment": "live", "Length": 20});
    assert_eq!(cloud.stack("CreateStack", "one", db.clone(), false), "CREATE_COMPLETE");
    let [first, version] = cloud.outputs("one");
    assert_eq!((first.len(), version.as_str()), (20, "1"));
    assert_eq!(cloud.secret("live/db"), Some(first.clone()));
    let events = cloud.daemon.run(&["events", "--json"]).stdout;
    let events = String::from_utf8(events).expect("text");
    assert!(
        events.contains("\"kind\":\"secret\"") && events.contains("create of "),
        "{events}"
    );
    assert!(!events.contains(&first), "{events}");

    // An update of something else.
    let longer = json!({"Name": "db", "Environment": "live", "Length": 24});
    assert_eq!(cloud.stack("UpdateStack", "one", longer, false), "UPDATE_COMPLETE");
    assert_eq!(cloud.outputs("one"), [first.clone(), "1".to_owned()]);

    let rotated = json!({"Name": "db", "Environment": "live", "Length": 24, "RotationId": "december"});
    assert_eq!(cloud.stack("UpdateStack", "one", rotated, false), "UPDATE_COMPLETE");
    let [second, version] = cloud.outputs("one");
    assert_eq!((second.len(), version.as_str()), (24, "2"));
    assert_ne!(second, first);
    assert_eq!(cloud.secret("live/db"), Some(second.clone()));

    // An update that is rolled back leaves the secret that was there.
    let renamed = json!({"Name": "db", "Environment": "test"});
    let status = cloud.stack("UpdateStack", "one", renamed, true);
    assert_eq!(status, "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(cloud.secret("live/db"), Some(second.clone()));

    cloud
        .ministack
        .query("cloudformation", "DeleteStack", &[("StackName", "one")]);
    wait::until("the secret to be gone", || {
        cloud.secret("live/db").is_none().then_some(())
    });
    let log = cloud.daemon.log();
    assert!(!log.contains(&first) && !log.contains(&second) && !log.contains("cfn-response"));
}

#[test]
fn a_stack_that_is_rolled_back_takes_its_own_secret_away_and_no_other() {
    let cloud = Cloud::start();
    let db = || json!({"Name": "db"});
    assert_eq!(cloud.stack("CreateStack", "one", db(), false), "CREATE_COMPLETE");
    let [password, _] = cloud.outputs("one");
    // It is the first one's.
    assert_eq!(cloud.stack("CreateStack", "two", db(), false), "ROLLBACK_COMPLETE");
    let events = cloud
        .ministack
        .query("cloudformation", "DescribeStackEvents", &[("StackName", "two")]);
    assert!(events.contains("there is a secret default/db already"), "{events}");
    assert_eq!(cloud.secret("db"), Some(password.clone()));
    // Its own was made before something else failed.
    let other = json!({"Name": "other"});
    assert_eq!(cloud.stack("CreateStack", "three", other, true), "ROLLBACK_COMPLETE");
    cloud.daemon.wait_for_log("secret default/other is made for");
    assert_eq!(cloud.secret("other"), None);
    assert_eq!(cloud.secret("db"), Some(password));
    let status = cloud.daemon.run(&["status"]);
    let status = String::from_utf8(status.stdout).expect("text");
    assert!(
        status.contains("secrets for CloudFormation: 3 requests done, 2 failed, 0 without an answer"),
        "{status}"
    );
}
