//! Secrets: the commands, what the plugin's socket gives, and the stores in AWS, against moto.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Output, Stdio};

use ballast_shared::config::{Diagnostics, load};
use ballast_shared::privileges::Process;
use ballast_shared::varlink::{self, ClientError};
use ballast_tests::cloud::{Moto, REGION};
use ballast_tests::daemon::{Setup, program};
use cloudd::aws::credentials::Environment;
use cloudd::secrets::config::Spec;
use cloudd::secrets::{CreationId, Made, Recipe, Secret, SecretId, Store, StoreError, Version};
use serde_json::{Map, Value, json};

const CONFIG: &str = "work-dir = \"state\"\n[control]\nsocket = \"control.sock\"\n[plugin]\nsocket = \"plugin.sock\"\n";

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).expect("text")
}

/// What a command prints, which has to succeed.
fn said(setup: &Setup, arguments: &[&str]) -> String {
    let output = setup.run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    String::from_utf8(output.stdout).expect("text")
}

/// What it says when it ends with this code.
fn refused(setup: &Setup, arguments: &[&str], code: i32) -> String {
    let output = setup.run(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output));
    text(&output)
}

fn given_by_stdin(setup: &Setup, arguments: &[&str], value: &[u8]) -> Output {
    let mut child = Command::new(program("cloudd"))
        .args(arguments)
        .arg("--config")
        .arg(setup.path().join("cloudd.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(value)
        .expect("it is read");
    child.wait_with_output().expect("it ends")
}

#[test]
fn the_commands_make_show_change_and_delete_secrets_in_files() {
    let setup = Setup::new("cloudd").file("cloudd.toml", CONFIG);
    assert_eq!(
        said(&setup, &["secret", "create", "db"]),
        "secret default/db is made, version 1\n"
    );
    let first = said(&setup, &["secret", "get", "db"]);
    assert!(
        first.len() == 32 && first.bytes().all(|b| b.is_ascii_alphanumeric()),
        "{first:?}"
    );
    let again = refused(&setup, &["secret", "create", "db"], 1);
    assert!(again.contains("there is a secret default/db already"), "{again}");
    assert_eq!(
        said(&setup, &["secret", "rotate", "db"]),
        "secret default/db has version 2\n"
    );
    let second = said(&setup, &["secret", "get", "db"]);
    assert!(second.len() == 32 && second != first);
    assert_eq!(said(&setup, &["secret", "get", "db", "--version", "1"]), first);
    refused(&setup, &["secret", "get", "db", "--version", "3"], 1);
    // Another environment has another secret of the name.
    refused(&setup, &["secret", "get", "db", "--environment", "live"], 1);
    said(
        &setup,
        &["secret", "create", "db", "--environment", "live", "--octets", "32"],
    );
    let live = said(&setup, &["secret", "get", "live/db"]);
    let octets = data_encoding::BASE64.decode(live.as_bytes()).expect("base64");
    assert_eq!(octets.len(), 32);
    // The next is made as the last.
    said(&setup, &["secret", "rotate", "live/db"]);
    assert_eq!(said(&setup, &["secret", "get", "live/db"]).len(), live.len());
    let listed = said(&setup, &["secret", "list"]);
    assert!(listed.contains("default/db\n    version 2") && listed.contains("live/db\n    version 2"));
    for value in [&first, &second, &live] {
        assert!(!listed.contains(value.as_str()));
    }
    let json = said(&setup, &["secret", "list", "--environment", "live", "--json"]);
    let json: Value = serde_json::from_str(&json).expect("one object");
    assert_eq!((&json["name"], &json["environment"]), (&json!("db"), &json!("live")));
    said(&setup, &["secret", "delete", "db"]);
    refused(&setup, &["secret", "get", "db"], 1);
    assert_eq!(said(&setup, &["secret", "get", "live/db"]).len(), live.len());
    let key = fs::metadata(setup.path().join("state/secrets.key")).expect("a key");
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_value_is_given_by_stdin_or_a_file_and_never_as_an_argument() {
    let setup = Setup::new("cloudd")
        .file("cloudd.toml", CONFIG)
        .file("value", "from a file\n");
    let made = given_by_stdin(&setup, &["secret", "create", "a", "--stdin"], b"two\nlines\n");
    assert!(
        made.status.success() && !text(&made).contains("lines"),
        "{}",
        text(&made)
    );
    assert_eq!(said(&setup, &["secret", "get", "a"]), "two\nlines");
    let file = setup.path().join("value");
    let file = file.to_str().expect("a path");
    said(&setup, &["secret", "rotate", "a", "--file", file]);
    assert_eq!(said(&setup, &["secret", "get", "a"]), "from a file");
    let unmade = refused(&setup, &["secret", "rotate", "a"], 64);
    assert!(unmade.contains("was given and not made"), "{unmade}");
    let too_long = given_by_stdin(&setup, &["secret", "create", "b", "--stdin"], &[b'x'; 4097]);
    assert_eq!(too_long.status.code(), Some(64), "{}", text(&too_long));
    let empty = given_by_stdin(&setup, &["secret", "create", "b", "--stdin"], b"\n");
    assert_eq!(empty.status.code(), Some(64), "{}", text(&empty));
    refused(&setup, &["secret", "create", "b", "value"], 64);
    refused(&setup, &["secret", "create", "../b"], 64);
    refused(&setup, &["secret", "create", "b", "--length", "7"], 64);
    refused(&setup, &["secret", "create", "b", "--alphabet", "aa"], 64);
    assert!(!said(&setup, &["secret", "list"]).contains("default/b"));
}

#[test]
fn a_key_that_others_may_read_is_refused_by_all() {
    let setup = Setup::new("cloudd").file("cloudd.toml", CONFIG);
    said(&setup, &["secret", "create", "a"]);
    let key = setup.path().join("state/secrets.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("a file of ours");
    for arguments in [&["secret", "get", "a"][..], &["secret", "create", "b"]] {
        let why = refused(&setup, arguments, 69);
        assert!(why.contains("others than its owner may use it (mode 0644)"), "{why}");
    }
    let why = refused(&setup, &["check"], 78);
    assert!(why.contains("secrets.key: others than its owner"), "{why}");
    // The daemon has other things to do.
    let daemon = setup.start();
    let unavailable = get(&daemon.path().join("plugin.sock"), "a").unwrap_err();
    assert!(
        matches!(&unavailable, ClientError::Refused(error, _) if error == "io.ballast.Secrets1.Unavailable"),
        "{unavailable}"
    );
}

fn get(socket: &std::path::Path, name: &str) -> Result<Map<String, Value>, ClientError> {
    let parameters = Map::from_iter([("name".to_owned(), json!(name))]);
    varlink::call(socket, "io.ballast.Secrets1.Get", parameters)
}

#[test]
fn the_socket_gives_what_the_commands_have_made_and_the_log_has_no_value() {
    let setup = Setup::new("cloudd").file("cloudd.toml", CONFIG);
    let daemon = setup.start();
    daemon.wait_for_log("secrets.key is made");
    let socket = daemon.path().join("plugin.sock");
    let missing = get(&socket, "a").unwrap_err();
    assert!(
        matches!(&missing, ClientError::Refused(error, _) if error == "io.ballast.Secrets1.NotFound"),
        "{missing}"
    );
    // While the daemon runs.
    assert!(daemon.run(&["secret", "create", "a"]).status.success());
    let value = daemon.run(&["secret", "get", "a"]).stdout;
    let encoded = data_encoding::BASE64.encode(&value);
    let given = get(&socket, "default/a").expect("it is given");
    assert_eq!((&given["value"], &given["version"]), (&json!(encoded), &json!("1")));
    daemon.wait_for_log("secret default/a is given, version 1");
    let log = daemon.log();
    let value = String::from_utf8(value).expect("text");
    assert!(!log.contains(&value) && !log.contains(&encoded), "{log}");
}

#[test]
fn what_root_makes_is_the_daemons_and_only_who_is_allowed_a_secret_is_given_it() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("not run: it takes root to become others");
        return;
    }
    let nobody = ballast_shared::privileges::find_user("nobody").expect("every machine has it");
    let config = format!("{CONFIG}[process]\nuser = \"nobody\"\n[secrets.allow]\ndaemon = [\"tsig-*\"]\n");
    let setup = Setup::new("cloudd").file("cloudd.toml", config);
    fs::set_permissions(setup.path(), fs::Permissions::from_mode(0o755)).expect("a directory of ours");
    // Before there was a daemon, and while there is one.
    for name in ["tsig-a", "other"] {
        said(&setup, &["secret", "create", name]);
    }
    let daemon = setup.start();
    assert!(daemon.run(&["secret", "rotate", "other"]).status.success());
    for name in ["", "/default", ".key"] {
        let path = match name {
            "/default" => daemon.path().join("state/secrets/other@default.secret"),
            other => daemon.path().join(format!("state/secrets{other}")),
        };
        let owner = fs::metadata(&path).expect("it is there").uid();
        assert_eq!(owner, nobody.uid.as_raw(), "{}", path.display());
    }
    let socket = daemon.path().join("plugin.sock");
    assert_eq!(get(&socket, "other").expect("root has all")["version"], json!("2"));
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).expect("a socket of ours");
    let ask_as = |user: &str, name: &str| {
        let program = "use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die; \
             print $s qq({\"method\":\"io.ballast.Secrets1.Get\",\"parameters\":{\"name\":\"$ARGV[1]\"}}\\0); $s->flush; \
             local $/ = qq(\\0); print scalar <$s>;";
        let output = Command::new("setpriv")
            .args(["--reuid", user, "--clear-groups", "--", "/usr/bin/perl", "-e", program])
            .args([socket.to_str().expect("a path"), name])
            .output()
            .expect("setpriv runs");
        text(&output)
    };
    let given = ask_as("daemon", "tsig-a");
    assert!(given.contains("\"value\":"), "{given}");
    for (user, name) in [("daemon", "other"), ("daemon", "none"), ("bin", "tsig-a")] {
        let denied = ask_as(user, name);
        assert!(
            denied.contains("io.ballast.Secrets1.Denied") && !denied.contains("value"),
            "{user}, {name}: {denied}"
        );
    }
}

/// A store as an administrator configures it, with all services at moto.
fn store(moto: &Moto, kind: &str, keys: &str) -> Store {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("cloudd.toml");
    let url = moto.url();
    let services = ["dynamodb", "kms", "s3", "sts"];
    let endpoints: String = services
        .iter()
        .map(|service| format!("{service} = \"{url}\"\n"))
        .collect();
    let text = format!(
        "[secrets]\nversions = 3\n[secrets.{kind}]\nregion = \"{REGION}\"\n{keys}\n[secrets.{kind}.endpoint]\n{endpoints}"
    );
    fs::write(&path, text).expect("a file of ours");
    let diagnostics = Diagnostics::new();
    let mut spec = Spec::default();
    load(&path, &diagnostics, &mut |root| {
        spec.read(&root.table("secrets").expect("it is there"));
    });
    let environment: Environment = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let config = spec.resolve(directory.path(), &Process::default(), &diagnostics, &environment);
    Store::new(&config.unwrap_or_else(|| panic!("{diagnostics}")))
}

fn kms_key(moto: &Moto) -> String {
    let made = moto.json("kms", "TrentService.CreateKey", &json!({}));
    made["KeyMetadata"]["KeyId"].as_str().expect("an id").to_owned()
}

fn in_dynamodb(moto: &Moto) -> Store {
    let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let table = json!({
        "TableName": "secrets",
        "AttributeDefinitions": [attribute("name"), attribute("environment")],
        "KeySchema": [key("name", "HASH"), key("environment", "RANGE")],
        "BillingMode": "PAY_PER_REQUEST",
    });
    moto.json("dynamodb", "DynamoDB_20120810.CreateTable", &table);
    let key = kms_key(moto);
    store(moto, "dynamodb", &format!("table = \"secrets\"\nkms-key = \"{key}\""))
}

fn in_s3(moto: &Moto) -> Store {
    moto.request("PUT", "s3", "/vault", &[], "").expect("a bucket");
    let key = kms_key(moto);
    store(moto, "s3", &format!("bucket = \"vault\"\nkms-key = \"{key}\""))
}

fn id(name: &str) -> SecretId {
    SecretId::new(name, "default").expect("a name")
}

fn secret(value: &str) -> Secret {
    Secret::new(value.as_bytes().to_vec())
}

fn made() -> Made {
    Made {
        by: "a test".to_owned(),
        recipe: Recipe::Given,
    }
}

async fn value(store: &Store, name: &str) -> String {
    let got = store.get(&id(name), None).await.expect("it is there");
    got.value.as_text().expect("text").to_owned()
}

/// All that a store is to do, whatever it is kept in.
async fn try_out(store: &Store) {
    let creation = CreationId::new("stack 1");
    let first = store
        .create(&id("a"), creation.clone(), &secret("one"), made())
        .await
        .expect("it is new");
    let exists = store
        .create(&id("a"), CreationId::new("stack 2"), &secret("x"), made())
        .await;
    assert_eq!(exists, Err(StoreError::Exists { id: id("a"), creation }));
    // A failed creation is rolled back by a deletion.
    let rolled_back = store.delete(&id("a"), Some(&CreationId::new("stack 2"))).await;
    assert_eq!(rolled_back, Err(StoreError::OtherCreation(id("a"))));
    assert_eq!(value(store, "a").await, "one");

    let mut changes = tokio::task::JoinSet::new();
    for number in 0..4 {
        let (store, first) = (store.clone(), first.clone());
        let value = format!("two, by {number}");
        changes.spawn(async move {
            let put = store.put(&id("a"), &first, &secret(&value), made()).await;
            (put, value)
        });
    }
    let mut second = None;
    for (outcome, value) in changes.join_all().await {
        match outcome {
            Ok(at) => assert!(second.replace((at, value)).is_none(), "two changed one version"),
            Err(error) => assert_eq!(error, StoreError::Changed(id("a"))),
        }
    }
    let (mut at, second) = second.expect("one of them did");
    assert_eq!(value(store, "a").await, second);
    for text in ["three", "four"] {
        at = store
            .put(&id("a"), &at, &secret(text), made())
            .await
            .expect("nobody else does");
    }
    let first_version = store.get(&id("a"), Some(Version::FIRST)).await.unwrap_err();
    assert_eq!(first_version, StoreError::NoVersion(id("a"), Version::FIRST));
    let kept = store
        .get(&id("a"), Some(Version::FIRST.next()))
        .await
        .expect("of three");
    assert_eq!(kept.value.as_text(), Some(second.as_str()));

    store
        .create(&id("b"), CreationId::new("c"), &secret(&"x".repeat(4096)), made())
        .await
        .expect("as long as it may be");
    let listed = store.list().await.expect("a list");
    let names: Vec<&str> = listed.secrets.iter().map(|one| one.id.name()).collect();
    assert_eq!((names, listed.broken), (vec!["a", "b"], vec![]));

    store.delete(&id("a"), None).await.expect("it is there");
    assert_eq!(
        store.get(&id("a"), None).await.unwrap_err(),
        StoreError::NotFound(id("a"))
    );
    assert_eq!(store.delete(&id("a"), None).await, Err(StoreError::NotFound(id("a"))));
    // One that was deleted can be made again, and is another.
    store
        .create(&id("a"), CreationId::new("stack 3"), &secret("new"), made())
        .await
        .expect("it is gone");
    let late = store.put(&id("a"), &at, &secret("late"), made()).await;
    assert_eq!(late, Err(StoreError::Changed(id("a"))));
    assert_eq!(value(store, "a").await, "new");
    assert_eq!(store.list().await.expect("a list").secrets.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamodb_keeps_secrets_and_a_value_can_not_be_moved() {
    let moto = Moto::start();
    let store = in_dynamodb(&moto);
    try_out(&store).await;
    // The item of one as that of another: its document says so, and KMS does not decrypt it.
    let key = json!({"name": {"S": "a"}, "environment": {"S": "default"}});
    let got = moto.json(
        "dynamodb",
        "DynamoDB_20120810.GetItem",
        &json!({"TableName": "secrets", "Key": key}),
    );
    let mut item = got["Item"].clone();
    assert!(!item.to_string().contains("new"), "{item}");
    let document = item["document"]["S"].as_str().expect("a document").to_owned();
    let put = |item: &Value| {
        let request = json!({"TableName": "secrets", "Item": item});
        moto.json("dynamodb", "DynamoDB_20120810.PutItem", &request);
    };
    item["name"] = json!({"S": "stolen"});
    put(&item);
    let broken = store.get(&id("stolen"), None).await.unwrap_err();
    assert!(matches!(broken, StoreError::Broken { .. }), "{broken}");
    item["document"] = json!({"S": document.replace("\"name\":\"a\"", "\"name\":\"stolen\"")});
    put(&item);
    let sealed = store.get(&id("stolen"), None).await.unwrap_err();
    assert!(matches!(sealed, StoreError::Sealed { .. }), "{sealed}");
    assert_eq!(value(&store, "a").await, "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_keeps_secrets_and_leaves_what_is_not_one_alone() {
    let moto = Moto::start();
    let store = in_s3(&moto);
    try_out(&store).await;
    moto.request("PUT", "s3", "/vault/secrets/default/c.json", &[], "something of mine")
        .expect("an object");
    let creation = CreationId::new("c");
    let outcome = store.create(&id("c"), creation, &secret("x"), made()).await;
    assert!(matches!(outcome, Err(StoreError::Broken { .. })), "{outcome:?}");
    let listed = store.list().await.expect("a list");
    assert_eq!((listed.secrets.len(), listed.broken.len()), (2, 1));
    let left = moto.request("GET", "s3", "/vault/secrets/default/c.json", &[], "");
    assert_eq!(left.as_deref(), Ok("something of mine"));
    let object = moto.request("GET", "s3", "/vault/secrets/default/a.json", &[], "");
    let object = object.expect("an object");
    assert!(object.contains("arn:aws:kms") && !object.contains("new"), "{object}");
    let stolen = object.replace("\"name\":\"a\"", "\"name\":\"d\"");
    moto.request("PUT", "s3", "/vault/secrets/default/d.json", &[], &stolen)
        .expect("an object");
    let sealed = store.get(&id("d"), None).await.unwrap_err();
    assert!(matches!(sealed, StoreError::Sealed { .. }), "{sealed}");
}

#[test]
fn the_commands_reach_a_table() {
    let moto = Moto::start();
    drop(in_dynamodb(&moto));
    let url = moto.url();
    let key = kms_key(&moto);
    let config = format!(
        "{CONFIG}[secrets.dynamodb]\nregion = \"{REGION}\"\ntable = \"secrets\"\nkms-key = \"{key}\"\n\
         [secrets.dynamodb.endpoint]\ndynamodb = \"{url}\"\nkms = \"{url}\"\n"
    );
    let setup = Setup::new("cloudd").file("cloudd.toml", config);
    let run = |arguments: &[&str]| {
        let output = Command::new(program("cloudd"))
            .args(["secret"])
            .args(arguments)
            .arg("--config")
            .arg(setup.path().join("cloudd.toml"))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    run(&["create", "db"]);
    run(&["rotate", "db"]);
    assert_eq!(run(&["get", "db"]).len(), 32);
    assert!(run(&["list"]).contains("version 2"));
    run(&["delete", "db"]);
    assert_eq!(run(&["list"]), "");
    assert!(!setup.path().join("state/secrets.key").exists());
}
