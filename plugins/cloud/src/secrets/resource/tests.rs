//! From a message to the answer: a store of files, and a server that takes what is put to it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tempfile::TempDir;

use super::super::config::KeptIn;
use super::super::{Access, Config as Secrets, CreationId, DEFAULT_ENVIRONMENT, Made, Recipe, Secret, SecretId};
use super::*;
use crate::aws::test_server::{Asked, Reply, TestServer, keys, ok};

const MAKES: &str = desk::MAKES;
const READS: &str = desk::READS;

/// What cloudd has, and who takes its answers.
struct Cloud {
    _dir: TempDir,
    store: Store,
    answers: Answers,
    taker: TestServer,
}

/// A request, to be changed before it is sent.
#[derive(Clone)]
struct Ask(Value);

fn ask(kind: &str, stack: &str, properties: impl Into<Value>) -> Ask {
    Ask(json!({
        "RequestType": kind,
        "RequestId": format!("{kind}-of-{stack}"),
        "StackId": format!("arn:aws:cloudformation:eu-west-1:123456789012:stack/{stack}/f00"),
        "LogicalResourceId": "DbPassword",
        "ResourceType": MAKES,
        "ResourceProperties": properties.into(),
        "ServiceToken": "arn:aws:sns:eu-west-1:123456789012:secrets",
    }))
}

impl Ask {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0[name] = value.into();
        self
    }

    /// The resource that an answer was for.
    fn of(self, answer: &Value) -> Self {
        self.with("PhysicalResourceId", answer["PhysicalResourceId"].clone())
    }

    fn was(self, old: Value) -> Self {
        self.with("OldResourceProperties", old)
    }
}

fn message(body: String) -> Message {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    Message {
        id: "m".into(),
        receipt_handle: "r".into(),
        body,
        attributes: BTreeMap::from([("SentTimestamp".to_owned(), now.to_string())]),
    }
}

/// In the topic's envelope.
fn enveloped(request: &Value) -> String {
    json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:t", "Message": request.to_string()}).to_string()
}

fn store_in(folder: &std::path::Path) -> (Secrets, Store) {
    let secrets = Secrets {
        kept_in: KeptIn::File {
            folder: folder.join("secrets"),
            key: folder.join("secrets.key"),
            owner: None,
        },
        versions_kept: 10,
        environment: DEFAULT_ENVIRONMENT.to_owned(),
        access: Access::default(),
        resource: None,
    };
    let store = Store::new(&secrets);
    (secrets, store)
}

impl Cloud {
    async fn start() -> Self {
        Self::with(|_, _| ok("")).await
    }

    async fn with(script: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let taker = TestServer::start(script).await;
        let (_, store) = store_in(dir.path());
        let answers = answers(&taker, store.clone());
        Self {
            _dir: dir,
            store,
            answers,
            taker,
        }
    }

    /// As after a crash: nothing is remembered.
    fn again(&mut self) {
        self.answers = answers(&self.taker, self.store.clone());
    }

    fn at(&self, ask: &Ask) -> Value {
        let url = format!("{}/bucket/key?Signature=not-shown", self.taker.url());
        ask.clone().with("ResponseURL", url).0
    }

    async fn verdict(&self, ask: &Ask) -> Verdict {
        self.answers.handle(&message(enveloped(&self.at(ask)))).await
    }

    /// Sends a request, which has to be done with, and gives the answer.
    async fn answer(&self, ask: &Ask) -> Value {
        let before = self.taker.asked().len();
        assert_eq!(self.verdict(ask).await, Verdict::Done);
        let asked = self.taker.asked();
        assert_eq!(asked.len(), before + 1, "{:?}", ask.0);
        let answer: Value = serde_json::from_str(&asked[before].body).unwrap();
        for name in ["RequestId", "StackId", "LogicalResourceId"] {
            assert_eq!(answer[name], ask.0[name]);
        }
        assert_eq!(answer["NoEcho"], true);
        assert!(!answer["PhysicalResourceId"].as_str().unwrap().is_empty());
        answer
    }

    async fn success(&self, ask: &Ask) -> Value {
        let answer = self.answer(ask).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        answer
    }

    /// The reason of a failure, which gives no data.
    async fn failure(&self, ask: &Ask) -> (Value, String) {
        let answer = self.answer(ask).await;
        assert_eq!((&answer["Status"], answer.get("Data")), (&json!("FAILED"), None));
        let reason = answer["Reason"].as_str().unwrap().to_owned();
        (answer, reason)
    }

    async fn value(&self, name: &str) -> Option<String> {
        let got = self.store.get(&id(name), None).await.ok()?;
        Some(got.value.as_text().unwrap().to_owned())
    }

    /// What somebody else than a stack makes.
    async fn given(&self, name: &str, value: &[u8]) {
        let made = Made {
            by: "somebody".into(),
            recipe: Recipe::Given,
        };
        let creation = CreationId::random().unwrap();
        let value = Secret::new(value.to_vec());
        self.store.create(&id(name), creation, &value, made).await.unwrap();
    }
}

fn answers(taker: &TestServer, store: Store) -> Answers {
    let config = Config {
        settings: taker.settings("", keys()),
        queue: Some("q".into()),
        topics: Vec::new(),
        hosts: Hosts::read([taker.url().as_str()].into_iter()).unwrap(),
        readable: vec![glob::Pattern::new("default/open-*").unwrap()],
    };
    Answers::new(
        config,
        store,
        DEFAULT_ENVIRONMENT.to_owned(),
        Arc::default(),
        Arc::default(),
    )
}

fn id(name: &str) -> SecretId {
    SecretId::read(name, DEFAULT_ENVIRONMENT).unwrap()
}

fn password(answer: &Value) -> &str {
    answer["Data"]["password"].as_str().unwrap()
}

fn named(name: &str) -> Value {
    json!({"ServiceToken": "arn:t", "Name": name})
}

fn with(mut properties: Value, name: &str, value: impl Into<Value>) -> Value {
    properties[name] = value.into();
    properties
}

#[tokio::test]
async fn a_secret_is_made_given_and_deleted() {
    let cloud = Cloud::start().await;
    let properties =
        json!({"ServiceToken": "t", "Name": "db", "Environment": "live", "Length": "20", "Alphabet": "ab"});
    let made = cloud.success(&ask("Create", "one", properties.clone())).await;
    assert_eq!(password(&made).len(), 20);
    assert!(password(&made).chars().all(|c| matches!(c, 'a' | 'b')));
    assert_eq!(made["Data"]["version"], "1");
    assert_eq!(cloud.value("live/db").await.as_deref(), Some(password(&made)));
    let deleted = cloud.success(&ask("Delete", "one", properties).of(&made)).await;
    assert_eq!(deleted["PhysicalResourceId"], made["PhysicalResourceId"]);
    assert_eq!(deleted.get("Data"), None);
    assert_eq!(cloud.value("live/db").await, None);
}

#[tokio::test]
async fn a_request_that_was_delivered_raw_is_one_too() {
    let cloud = Cloud::start().await;
    let raw = message(cloud.at(&ask("Create", "one", named("db"))).to_string());
    assert_eq!(cloud.answers.handle(&raw).await, Verdict::Done);
    assert!(cloud.value("db").await.is_some());
}

#[tokio::test]
async fn a_second_stacks_rollback_leaves_the_first_stacks_secret_alone() {
    let cloud = Cloud::start().await;
    let first = cloud.success(&ask("Create", "one", named("db"))).await;
    let (failed, reason) = cloud.failure(&ask("Create", "two", named("db"))).await;
    assert_eq!(reason, "there is a secret default/db already");
    assert_ne!(failed["PhysicalResourceId"], first["PhysicalResourceId"]);
    cloud.success(&ask("Delete", "two", named("db")).of(&failed)).await;
    assert_eq!(cloud.value("db").await.as_deref(), Some(password(&first)));
    // CloudFormation makes up a name where it has heard nothing.
    let made_up = ask("Delete", "two", named("db")).with("RequestId", "x");
    cloud
        .success(&made_up.with("PhysicalResourceId", "two-DbPassword-1ABC"))
        .await;
    assert_eq!(cloud.value("db").await.as_deref(), Some(password(&first)));
}

#[tokio::test]
async fn what_cloudformation_did_not_hear_of_is_deleted_with_the_rest() {
    let cloud = Cloud::start().await;
    cloud.success(&ask("Create", "one", named("db"))).await;
    let delete = ask("Delete", "one", named("db")).with("PhysicalResourceId", "one-DbPassword-1ABC");
    cloud.success(&delete).await;
    assert_eq!(cloud.value("db").await, None);
}

#[tokio::test]
async fn what_was_deleted_and_made_by_somebody_else_stays() {
    let cloud = Cloud::start().await;
    let made = cloud.success(&ask("Create", "one", named("db"))).await;
    cloud.store.delete(&id("db"), None).await.unwrap();
    cloud.given("db", b"theirs").await;
    let update = ask("Update", "one", named("db")).of(&made).was(named("db"));
    let (failed, reason) = cloud.failure(&update).await;
    assert!(reason.contains("made by somebody else"), "{reason}");
    assert_eq!(failed["PhysicalResourceId"], made["PhysicalResourceId"]);
    cloud.success(&ask("Delete", "one", named("db")).of(&made)).await;
    assert_eq!(cloud.value("db").await.as_deref(), Some("theirs"));
    let gone = ask("Delete", "two", named("never"))
        .of(&made)
        .with("RequestId", "other");
    cloud.success(&gone).await;
}

#[tokio::test]
async fn an_update_that_is_not_of_the_secret_keeps_it() {
    let cloud = Cloud::start().await;
    let made = cloud.success(&ask("Create", "one", named("db"))).await;
    for (count, properties) in [
        with(named("db"), "ServiceToken", "another"),
        with(named("db"), "Length", "40"),
        with(named("db"), "Alphabet", "xyz"),
        with(named("db"), "Environment", "default"),
    ]
    .into_iter()
    .enumerate()
    {
        let update = ask("Update", "one", properties).of(&made).was(named("db"));
        let updated = cloud.success(&update.with("RequestId", count.to_string())).await;
        assert_eq!(updated["Data"], made["Data"]);
        assert_eq!(updated["PhysicalResourceId"], made["PhysicalResourceId"]);
    }
}

#[tokio::test]
async fn another_rotation_is_another_password_once() {
    let mut cloud = Cloud::start().await;
    let made = cloud.success(&ask("Create", "one", named("db"))).await;
    let properties = with(with(named("db"), "RotationId", "2"), "Length", 12);
    let update = ask("Update", "one", properties).of(&made).was(named("db"));
    let rotated = cloud.success(&update).await;
    assert_eq!(rotated["PhysicalResourceId"], made["PhysicalResourceId"]);
    assert_eq!(rotated["Data"]["version"], "2");
    assert_eq!(password(&rotated).len(), 12);
    cloud.again();
    let repeated = cloud.success(&update).await;
    assert_eq!(repeated, rotated);
}

#[tokio::test]
async fn another_name_is_another_secret_and_its_rollback_finds_the_first() {
    let cloud = Cloud::start().await;
    let made = cloud.success(&ask("Create", "one", named("db"))).await;
    let renamed = ask("Update", "one", named("other")).of(&made).was(named("db"));
    let renamed = cloud.success(&renamed).await;
    assert_ne!(renamed["PhysicalResourceId"], made["PhysicalResourceId"]);
    assert_ne!(password(&renamed), password(&made));
    let back = ask("Update", "one", named("db")).of(&renamed).was(named("other"));
    let back = cloud.success(&back.with("RequestId", "rollback")).await;
    assert_eq!(back["PhysicalResourceId"], made["PhysicalResourceId"]);
    assert_eq!(back["Data"], made["Data"]);
    cloud.success(&ask("Delete", "one", named("other")).of(&renamed)).await;
    assert_eq!(cloud.value("other").await, None);
    assert_eq!(cloud.value("db").await.as_deref(), Some(password(&made)));
}

#[tokio::test]
async fn a_name_that_is_taken_leaves_the_resource_what_it_was() {
    let cloud = Cloud::start().await;
    cloud.given("other", b"theirs").await;
    let made = cloud.success(&ask("Create", "one", named("db"))).await;
    let update = ask("Update", "one", named("other")).of(&made).was(named("db"));
    let (failed, reason) = cloud.failure(&update).await;
    assert_eq!(reason, "there is a secret default/other already");
    assert_eq!(failed["PhysicalResourceId"], made["PhysicalResourceId"]);
    assert_eq!(cloud.value("db").await.as_deref(), Some(password(&made)));
}

#[tokio::test]
async fn the_same_request_twice_is_one_secret() {
    let mut cloud = Cloud::start().await;
    let create = ask("Create", "one", named("db"));
    let made = cloud.success(&create).await;
    // It was answered, and could not be deleted from the queue: nobody waits for another answer.
    assert_eq!(cloud.verdict(&create).await, Verdict::Done);
    assert_eq!(cloud.taker.asked().len(), 1);
    // It may not have been answered before the crash.
    cloud.again();
    assert_eq!(cloud.success(&create).await, made);
    // Another request of the same resource is not the same, even if its stack is.
    let (_, reason) = cloud.failure(&create.with("RequestId", "other")).await;
    assert!(reason.contains("already"), "{reason}");
}

#[tokio::test]
async fn two_at_the_same_time_are_one_secret() {
    let cloud = Cloud::start().await;
    let create = ask("Create", "one", named("db"));
    let twice = tokio::join!(cloud.verdict(&create), cloud.verdict(&create));
    assert_eq!(twice, (Verdict::Done, Verdict::Done));
    let asked = cloud.taker.asked();
    let first: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!(first["Status"], "SUCCESS", "{first}");
    for other in asked {
        assert_eq!(serde_json::from_str::<Value>(&other.body).unwrap(), first);
    }
}

#[tokio::test]
async fn a_stack_reads_what_stacks_have_made_and_what_it_may() {
    let cloud = Cloud::start().await;
    let made = cloud.success(&ask("Create", "one", named("db"))).await;
    let reads = |name: &str, request: &str| {
        let read = ask("Create", "two", named(name)).with("ResourceType", READS);
        read.with("RequestId", request)
    };
    let read = cloud.success(&reads("db", "1")).await;
    assert_eq!(read["Data"], made["Data"]);
    let deleted = ask("Delete", "two", named("db")).of(&read).with("ResourceType", READS);
    cloud.success(&deleted).await;
    assert_eq!(cloud.value("db").await.as_deref(), Some(password(&made)));
    cloud.given("open-key", b"for all").await;
    cloud.given("key", b"for us").await;
    assert_eq!(password(&cloud.success(&reads("open-key", "2")).await), "for all");
    let (_, reason) = cloud.failure(&reads("key", "3")).await;
    assert!(reason.contains("not for stacks"), "{reason}");
    let (_, reason) = cloud.failure(&reads("none", "4")).await;
    assert_eq!(reason, "there is no secret default/none");
    let versioned = reads("db", "5").with("ResourceProperties", with(named("db"), "Version", "7"));
    let (_, reason) = cloud.failure(&versioned).await;
    assert!(reason.contains("no version 7"), "{reason}");
    for (count, value) in [vec![0xff_u8; 8], vec![b'"'; 4000]].into_iter().enumerate() {
        let name = format!("open-{count}");
        cloud.given(&name, &value).await;
        let (_, reason) = cloud.failure(&reads(&name, &name)).await;
        assert!(reason.contains("no text, or too long"), "{reason}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_answered_with_the_reason() {
    let cloud = Cloud::start().await;
    let long = "x".repeat(70_000);
    let cases: [(&str, Value, &str); 9] = [
        (MAKES, json!({}), "Name is missing"),
        (MAKES, named("../etc"), "a secret's name is"),
        (MAKES, with(named("a"), "Environment", ""), "an environment is"),
        (MAKES, with(named("a"), "Length", "many"), "Length is no number"),
        (MAKES, with(named("a"), "Length", "3"), "3 characters"),
        (MAKES, with(named("a"), "Alphabet", "aa"), "an alphabet is"),
        (
            MAKES,
            with(named("a"), "Lenght", "20"),
            "no property is called \"Lenght\"",
        ),
        (MAKES, with(named("a"), "Name", json!(["a"])), "Name is not a text"),
        (
            "Custom::Other\n",
            named("a"),
            "no resource is of type \"Custom::Other\\n\"",
        ),
    ];
    for (count, (kind, properties, wanted)) in cases.into_iter().enumerate() {
        let create = ask("Create", "one", properties).with("ResourceType", kind);
        let (failed, reason) = cloud.failure(&create.with("RequestId", count.to_string())).await;
        assert!(reason.starts_with(wanted), "{reason}");
        let rollback = ask("Delete", "one", json!({})).of(&failed).with("ResourceType", kind);
        cloud
            .success(&rollback.with("RequestId", format!("rollback-{count}")))
            .await;
    }
    let (_, reason) = cloud
        .failure(&ask("Create", "one", with(named("a"), "Alphabet", long)))
        .await;
    assert!(reason.starts_with("a request of 70"), "{reason}");
    let (_, reason) = cloud.failure(&ask("Replace", "one", named("a"))).await;
    assert!(reason.starts_with("neither Create"), "{reason}");
    assert!(cloud.store.list().await.unwrap().secrets.is_empty());
}

#[tokio::test]
async fn what_cannot_be_answered_is_not_done() {
    let cloud = Cloud::start().await;
    let create = ask("Create", "one", named("db"));
    for url in ["https://example.net/x", "http://s3.amazonaws.com/x", "", "x"] {
        let message = message(enveloped(&create.clone().with("ResponseURL", url).0));
        assert_eq!(cloud.answers.handle(&message).await, Verdict::Keep, "{url}");
    }
    let long = create.clone().with("RequestId", "x".repeat(600));
    assert_eq!(cloud.verdict(&long).await, Verdict::Keep);
    for body in ["", "{}", "null", "{\"Type\":\"Notification\",\"Message\":\"hello\"}"] {
        let message = message(body.to_owned());
        assert_eq!(cloud.answers.handle(&message).await, Verdict::Keep, "{body}");
    }
    assert!(cloud.taker.asked().is_empty() && cloud.store.list().await.unwrap().secrets.is_empty());
}

#[tokio::test]
async fn an_answer_that_is_refused_leaves_the_message() {
    let cloud = Cloud::with(|count, _| match count {
        0 => Reply::Answer(403, "", String::new()),
        1 => Reply::Answer(503, "", String::new()),
        _ => ok(""),
    })
    .await;
    let create = ask("Create", "one", named("db"));
    assert_eq!(cloud.verdict(&create).await, Verdict::Keep);
    assert_eq!(cloud.verdict(&create).await, Verdict::Done);
    let asked = cloud.taker.asked();
    assert_eq!(asked.len(), 3);
    assert!(
        asked.iter().all(|one| one.body == asked[0].body),
        "one secret and one answer"
    );
}

#[tokio::test]
async fn what_comes_an_hour_late_is_not_done_and_gone() {
    let cloud = Cloud::start().await;
    let late = |ask: &Ask| {
        let mut late = message(enveloped(&cloud.at(ask)));
        late.attributes.insert("SentTimestamp".into(), "1000".into());
        late
    };
    let create = late(&ask("Create", "one", named("db")));
    assert_eq!(cloud.answers.handle(&create).await, Verdict::Done);
    let answer: Value = serde_json::from_str(&cloud.taker.asked()[0].body).unwrap();
    assert_eq!(answer["Status"], "FAILED");
    assert_eq!(cloud.value("db").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_is_a_failure_in_five_minutes() {
    let dir = tempfile::tempdir().unwrap();
    let desk = desk_without_store(&dir);
    let begin = Instant::now();
    let request = read(&ask("Create", "one", named("db")));
    let mut outcome = desk.act(&request, begin + STORE).await;
    assert!(begin.elapsed() <= STORE && begin.elapsed() > STORE / 2);
    let answer: Map<String, Value> = serde_json::from_slice(&outcome.write(&request)).unwrap();
    assert_eq!(answer["Status"], "FAILED");
    // Had it been made after all, the rollback would delete it.
    assert_eq!(outcome.physical, physical::makes(&id("db"), &request.creation()));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let desk = desk_without_store(&dir);
    let request = read(&ask("Create", "one", named("db")));
    let comes_back = async {
        tokio::time::sleep(STORE / 2).await;
        std::fs::remove_file(dir.path().join("secrets")).unwrap();
    };
    let (outcome, ()) = tokio::join!(desk.act(&request, Instant::now() + STORE), comes_back);
    assert!(outcome.result.unwrap().is_some());
}

/// A file is where its folder has to be.
fn desk_without_store(dir: &TempDir) -> Desk {
    std::fs::write(dir.path().join("secrets"), "").unwrap();
    Desk {
        store: store_in(dir.path()).1,
        environment: DEFAULT_ENVIRONMENT.to_owned(),
        readable: Vec::new(),
    }
}

fn read(ask: &Ask) -> Request {
    let text = ask.clone().with("ResponseURL", "https://x/").0.to_string();
    Request::read(&text).ok().unwrap()
}

#[test]
fn marks_of_two_resources_are_never_the_same() {
    let one = read(&ask("Create", "one", named("a")));
    let two = read(&ask("Create", "one", named("a")).with("LogicalResourceId", "DbPasswordC"));
    assert!(one.has_made(&one.creation()) && !two.has_made(&one.creation()));
    assert_ne!(one.resource_mark(), two.resource_mark());
    assert!(one.maker().contains("stack one, DbPassword"), "{}", one.maker());
}
