//! Where credentials come from, against servers that stand for STS and for the metadata of an instance.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::aws::test_server::{Asked, Reply, TestServer, ok};

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn keeper(server: &TestServer, profile: Option<&str>, variables: &[(&str, &str)]) -> Keeper {
    let settings = server.settings("", environment(variables));
    let sources = Sources {
        profile: profile.map(str::to_owned),
        ..settings.sources
    };
    Keeper::new(sources, settings.endpoints, Http::new(None, settings.timeouts.connect))
}

async fn id(keeper: &Keeper) -> Result<String, CredentialsError> {
    keeper
        .credentials()
        .await
        .map(|credentials| credentials.access_key_id().to_owned())
}

/// The metadata service of an instance with a role, whose credentials end after a time, in seconds.
fn instance(asked: &Asked, lifetime: i64) -> Reply {
    match asked.line.as_str() {
        "PUT /latest/api/token" if asked.headers.contains_key("x-aws-ec2-metadata-token-ttl-seconds") => ok("TOKEN"),
        _ if asked
            .headers
            .get("x-aws-ec2-metadata-token")
            .is_none_or(|token| token != "TOKEN") =>
        {
            Reply::Answer(401, "", String::new())
        }
        "GET /latest/meta-data/iam/security-credentials/" => ok("the-role\n"),
        "GET /latest/meta-data/iam/security-credentials/the-role" => {
            let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(lifetime);
            ok(format!(
                r#"{{"Code":"Success","AccessKeyId":"INSTANCE","SecretAccessKey":"s","Token":"t","Expiration":"{end}"}}"#
            ))
        }
        _ => Reply::Answer(404, "", String::new()),
    }
}

#[tokio::test]
async fn places_are_looked_at_in_the_stated_order() {
    let server = TestServer::start(|_, asked| match asked.body.contains("AssumeRoleWithWebIdentity") {
        true => ok("<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>WEB</AccessKeyId>\
                    <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>\
                    </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"),
        false => instance(asked, 3600),
    })
    .await;
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("token"), "JWT\n").unwrap();
    fs::write(path("credentials"), "[default]\naws_access_key_id=PROFILE\naws_secret_access_key=s\n[other]\naws_access_key_id=OTHER\naws_secret_access_key=s\n").unwrap();
    let (url, token, credentials, none) = (server.url(), path("token"), path("credentials"), path("none"));
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", "ENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()),
        ("AWS_CONFIG_FILE", none.as_str()),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()),
    ];
    assert_eq!(id(&keeper(&server, Some("other"), &variables)).await.unwrap(), "OTHER");
    assert_eq!(
        id(&keeper(&server, Some("none"), &variables)).await,
        Err(CredentialsError::NoProfile("none".into())),
        "not those of another place"
    );
    for expected in ["ENVIRONMENT", "WEB", "PROFILE", "INSTANCE"] {
        assert_eq!(id(&keeper(&server, None, &variables)).await.unwrap(), expected);
        variables.drain(
            ..if expected == "PROFILE" {
                1
            } else {
                2.min(variables.len() - 1)
            },
        );
    }
    let asked = server.asked();
    let exchange = asked.iter().find(|asked| asked.body.contains("WebIdentity")).unwrap();
    assert!(exchange.body.ends_with("&WebIdentityToken=JWT"), "{}", exchange.body);
    assert!(!exchange.headers.contains_key("authorization"));
}

#[tokio::test]
async fn half_of_a_pair_is_an_error_and_nothing_else_is_tried() {
    let server = TestServer::start(|_, asked| instance(asked, 3600)).await;
    let url = server.url();
    let variables = [
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()),
    ];
    assert_eq!(
        id(&keeper(&server, None, &variables)).await,
        Err(CredentialsError::Variable("AWS_SECRET_ACCESS_KEY"))
    );
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn an_instance_without_a_role_says_so() {
    let server = TestServer::start(|_, asked| match asked.line.starts_with("PUT") {
        true => ok("TOKEN"),
        false => Reply::Answer(404, "", String::new()),
    })
    .await;
    let url = server.url();
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    let expected = CredentialsError::Source("the instance metadata service", SourceProblem::NoRole);
    assert_eq!(id(&keeper(&server, None, &variables)).await, Err(expected));
}

#[tokio::test]
async fn a_machine_outside_of_a_cloud_has_none() {
    let server = TestServer::start(|_, _| Reply::Close).await;
    let url = server.url();
    let variables = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    assert_eq!(
        id(&keeper(&server, None, &variables)).await,
        Err(CredentialsError::Nowhere)
    );
    let disabled = [("AWS_EC2_METADATA_DISABLED", "true")];
    assert_eq!(
        id(&keeper(&server, None, &disabled)).await,
        Err(CredentialsError::Nowhere)
    );
}

#[tokio::test]
async fn one_answer_serves_all_who_ask_at_the_same_time() {
    let server = TestServer::start(|_, asked| instance(asked, 3600)).await;
    let url = server.url();
    let keeper = Arc::new(keeper(
        &server,
        None,
        &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())],
    ));
    let all: Vec<_> = (0..20)
        .map(|_| {
            let keeper = keeper.clone();
            tokio::spawn(async move { id(&keeper).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap().unwrap(), "INSTANCE");
    }
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn the_old_ones_serve_while_there_are_no_new_ones_until_they_end() {
    let is_broken = Arc::new(AtomicBool::new(false));
    let breaks = is_broken.clone();
    let server = TestServer::start(move |_, asked| match breaks.load(Ordering::Relaxed) {
        true => Reply::Answer(500, "", String::new()),
        // They are due at once, and end soon.
        false => instance(asked, 2),
    })
    .await;
    let url = server.url();
    let keeper = keeper(&server, None, &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())]);
    let first = keeper.credentials().await.unwrap();
    is_broken.store(true, Ordering::Relaxed);
    let mut asked_again = false;
    loop {
        let now = keeper.credentials().await;
        let has_ended = first.expiry().unwrap() <= SystemTime::now();
        match now {
            Ok(credentials) => assert_eq!(credentials, first),
            Err(error) => {
                assert!(has_ended && asked_again, "{error}");
                break;
            }
        }
        asked_again |= server.asked().len() > 3;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
