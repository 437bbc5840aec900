//! Stacks that have their secrets from cloudd through a topic that delivers over HTTPS, without a queue.

use std::net::SocketAddr;

use ballast_tests::cloud::topic::Topic;
use ballast_tests::cloud::{Moto, text_of};
use ballast_tests::daemon::{Daemon, Setup};
use ballast_tests::{address, wait};
use serde_json::{Value, json};

/// A topic, which is also where answers are put, and a cloudd on this machine that it delivers to, behind something that has TLS.
struct Cloud {
    topic: Topic,
    listens: SocketAddr,
    daemon: Daemon,
}

impl Cloud {
    fn start() -> Self {
        let topic = Topic::new("secrets", SocketAddr::from((address(2), 8080)));
        let arn = topic.arn().to_owned();
        Self::taking_from(topic, &arn)
    }

    fn taking_from(topic: Topic, arn: &str) -> Self {
        let listens = SocketAddr::from((address(1), 8081));
        let host = topic.host();
        let config = format!(
            "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n\
             [secrets.resource]\nregion = \"us-east-1\"\ntopics = [\"{arn}\"]\nresponse-hosts = [\"{host}\"]\n\
             [sns]\nlisten = \"{listens}\"\nhosts = [\"{host}\"]\n"
        );
        let daemon = Setup::new("cloudd").file("cloudd.toml", config).start();
        Self { topic, listens, daemon }
    }

    fn request(&self, id: &str, kind: &str, more: &Value) -> Value {
        let mut request = json!({
            "RequestType": kind, "RequestId": id, "ResourceType": "Custom::BallastSecret", "LogicalResourceId": "Db",
            "StackId": "arn:aws:cloudformation:us-east-1:123456789012:stack/live/guid",
            "ResponseURL": format!("{}/answers/{id}?Signature=not-shown", self.topic.host()),
            "ServiceToken": self.topic.arn(), "ResourceProperties": {"Name": "db", "Length": "20"},
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        request
    }

    fn ask(&self, id: &str, kind: &str, more: &Value) -> Value {
        let request = self.request(id, kind, more);
        let subject = "AWS CloudFormation custom resource request";
        self.topic.notification(id, Some(subject), &request.to_string())
    }

    fn deliver(&self, message: &Value) -> String {
        self.topic.deliver_plainly(self.listens, message)
    }

    /// What was answered to a request.
    fn answers(&self, id: &str) -> Vec<Value> {
        let put = format!("PUT /answers/{id}?Signature=not-shown ");
        let asked = self.topic.asked();
        let bodies = asked.iter().filter_map(|asked| asked.strip_prefix(&put));
        bodies
            .map(|body| serde_json::from_str(body).expect("an answer"))
            .collect()
    }
}

#[test]
fn a_stacks_secret_is_made_once_and_deleted_through_a_topic_alone() {
    let cloud = Cloud::start();
    let create = cloud.ask("create", "Create", &json!({}));
    for _ in 0..2 {
        assert_eq!(cloud.deliver(&create), "200");
    }
    let answers = cloud.answers("create");
    assert_eq!(answers.len(), 1, "{answers:?}");
    let answer = &answers[0];
    assert_eq!(
        (&answer["Status"], &answer["NoEcho"]),
        (&json!("SUCCESS"), &json!(true))
    );
    let password = answer["Data"]["password"].as_str().expect("a password");
    assert_eq!(password.len(), 20);
    let got = cloud.daemon.run(&["secret", "get", "db"]);
    assert_eq!(String::from_utf8_lossy(&got.stdout).trim_end(), password);

    // What is not signed does nothing, however right it looks.
    let physical = json!({"PhysicalResourceId": answer["PhysicalResourceId"]});
    let mut forged = cloud.ask("delete", "Delete", &physical);
    forged["Signature"] = create["Signature"].clone();
    assert_eq!(cloud.deliver(&forged), "403");
    assert!(cloud.daemon.run(&["secret", "get", "db"]).status.success());
    assert_eq!(cloud.deliver(&cloud.ask("delete", "Delete", &physical)), "200");
    assert_eq!(cloud.answers("delete")[0]["Status"], "SUCCESS");
    assert_eq!(cloud.daemon.run(&["secret", "get", "db"]).status.code(), Some(1));

    let log = cloud.daemon.log();
    assert!(!log.contains("not-shown") && !log.contains(password), "{log}");
    wait::until("the reason to be told", || {
        log.contains("reason=\"signature\"").then_some(())
    });
}

/// What another implementation signs is verified: moto's, which knows version 2 and leaves subjects out of what it signs. It says that
/// its certificate is at AWS; what is said of that is not signed.
#[test]
fn what_moto_has_signed_is_believed() {
    let moto = Moto::start();
    let arn = text_of(&moto.query("sns", "CreateTopic", &[("Name", "secrets")]), "TopicArn");
    let cloud = Cloud::taking_from(Topic::new("unused", SocketAddr::from((address(2), 8080))), &arn);
    let endpoint = format!("{}/moto", cloud.topic.host());
    let subscription = [("TopicArn", &*arn), ("Protocol", "http"), ("Endpoint", &*endpoint)];
    moto.query("sns", "Subscribe", &subscription);
    let request = cloud.request("create", "Create", &json!({})).to_string();
    moto.query("sns", "Publish", &[("TopicArn", &*arn), ("Message", &*request)]);
    let delivered = wait::until("moto to deliver", || {
        let asked = cloud.topic.asked();
        asked
            .iter()
            .find_map(|asked| asked.strip_prefix("POST /moto ").map(str::to_owned))
    });
    let mut message: Value = serde_json::from_str(&delivered).expect("moto delivers JSON");
    let url = message["SigningCertURL"].as_str().expect("a URL").to_owned();
    let (_, name) = url.rsplit_once('/').expect("a path");
    let pem = moto.request("GET", "sns", &format!("/{name}"), &[], "");
    cloud.topic.set_certificate(&pem.expect("moto's certificate"));
    message["SigningCertURL"] = cloud.topic.certificate_url().into();

    let mut changed = message.clone();
    changed["Message"] = json!(request.replace("\"20\"", "\"21\""));
    assert_eq!(cloud.deliver(&changed), "403");
    assert_eq!(cloud.deliver(&message), "200", "{}", cloud.daemon.log());
    assert_eq!(cloud.answers("create")[0]["Status"], "SUCCESS");
}
