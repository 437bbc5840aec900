//! Calls against a server that does what real ones do once in a while.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::dynamodb::{CONDITION_FAILED, Expression, Item, Value};
use super::test_server::{Reply, TestServer, keys, ok};
use super::{Client, Error, Malformed, NoAnswer, Operation, Part};

const EMPTY: &str = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";

fn page(ids: &[&str], next: &str) -> String {
    let instances: String = ids
        .iter()
        .map(|id| {
            format!("<item><instanceId>{id}</instanceId><instanceState><name>running</name></instanceState></item>")
        })
        .collect();
    format!(
        "<DescribeInstancesResponse><reservationSet><item><instancesSet>{instances}</instancesSet></item></reservationSet><nextToken>{next}</nextToken></DescribeInstancesResponse>"
    )
}

fn error(status: u16, headers: &'static str, code: &str) -> Reply {
    let body = format!("<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>");
    Reply::Answer(status, headers, body)
}

async fn ids(client: &Client) -> Result<Vec<String>, Error> {
    let instances = client.instances(&[]).await?;
    Ok(instances.into_iter().map(|instance| instance.id).collect())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(900)
}

#[tokio::test]
async fn all_pages_are_one_list() {
    let server = TestServer::start(|count, _| match count {
        0 => ok(page(&["i-1", "i-2"], "a+b")),
        _ => ok(page(&["i-3"], "")),
    })
    .await;
    assert_eq!(ids(&server.client()).await.unwrap(), ["i-1", "i-2", "i-3"]);
    let asked = server.asked();
    assert_eq!(asked[0].line, "POST /");
    assert_eq!(
        asked[1].body,
        "Action=DescribeInstances&Version=2016-11-15&MaxResults=1000&NextToken=a%2Bb"
    );
    let authorization = &asked[0].headers["authorization"];
    assert!(
        authorization.contains("/eu-west-1/ec2/aws4_request, SignedHeaders=content-type;host;x-amz-date"),
        "{authorization}"
    );
}

#[tokio::test]
async fn an_endpoint_keeps_its_path() {
    let server = TestServer::start(|_, _| ok(EMPTY)).await;
    let client = Client::for_all(server.settings("/services/compute/", keys()));
    assert_eq!(ids(&client).await, Ok(Vec::new()));
    assert_eq!(server.asked()[0].line, "POST /services/compute/");
}

#[tokio::test]
async fn a_throttled_page_is_asked_for_again() {
    let server = TestServer::start(|count, _| match count {
        0 => ok(page(&["i-1"], "a")),
        1 => error(503, "", "RequestLimitExceeded"),
        2 => error(400, "", "Throttling"),
        _ => ok(page(&["i-2"], "")),
    })
    .await;
    assert_eq!(ids(&server.client()).await.unwrap(), ["i-1", "i-2"]);
}

#[tokio::test]
async fn a_list_that_is_throttled_for_good_is_none() {
    let server = TestServer::start(|count, _| match count {
        0 => ok(page(&["i-1"], "a")),
        _ => error(503, "", "RequestLimitExceeded"),
    })
    .await;
    let list = ids(&server.client().until(soon())).await;
    assert!(matches!(list, Err(Error::Throttled { .. })), "{list:?}");
}

#[tokio::test]
async fn who_asks_for_time_gets_it_or_is_not_asked_again() {
    let server = TestServer::start(|count, _| match count {
        0 => error(503, "retry-after: 1\r\n", "SlowDown"),
        1 => ok(EMPTY),
        _ => error(429, "retry-after: 3600\r\n", "x"),
    })
    .await;
    let client = server.client();
    let began = Instant::now();
    assert_eq!(ids(&client).await, Ok(Vec::new()));
    assert!(began.elapsed() >= Duration::from_secs(1));
    // An hour is more than there is: the test would wait for it.
    assert!(matches!(ids(&client).await, Err(Error::Throttled { .. })));
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_page_that_is_cut_off_is_no_shorter_list() {
    // Once by a connection that ends early, which a second try mends; and once in the text itself, which none would.
    let server = TestServer::start(|count, _| match count {
        0 => Reply::CutOff(page(&["i-1"], "")),
        1 => ok(page(&["i-1", "i-2"], "")),
        _ => ok(&page(&["i-1", "i-2"], "")[..150]),
    })
    .await;
    let client = server.client();
    assert_eq!(ids(&client).await.unwrap(), ["i-1", "i-2"]);
    assert_eq!(ids(&client).await, Err(Malformed::Xml.into()));
}

#[tokio::test]
async fn pages_that_go_in_a_circle_are_none() {
    let server = TestServer::start(|_, _| ok(page(&["i-1"], "a"))).await;
    assert_eq!(ids(&server.client()).await, Err(Malformed::PagesLoop.into()));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_page_of_something_else_is_no_empty_list() {
    for body in [
        "<html><body>login</body></html>",
        "",
        "{}",
        "<DescribeInstancesResponse/>",
    ] {
        let server = TestServer::start(move |_, _| ok(body)).await;
        let list = ids(&server.client()).await;
        assert!(matches!(list, Err(Error::Malformed(_))), "{body}: {list:?}");
    }
}

#[tokio::test]
async fn a_service_that_fails_is_asked_again_for_what_changes_nothing() {
    let server = TestServer::start(|count, _| match count {
        0 => error(500, "", "InternalError"),
        1 => Reply::Close,
        _ => ok(EMPTY),
    })
    .await;
    assert_eq!(ids(&server.client()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_twice() {
    for reply in [|| error(500, "", "InternalError"), || Reply::Close, || Reply::Hang] {
        let server = TestServer::start(move |_, _| reply()).await;
        let error = server.client().execute_policy("g", "p", true).await.unwrap_err();
        assert!(error.may_have_been_done(), "{error:?}");
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn what_was_throttled_has_not_been_done() {
    let server = TestServer::start(|count, _| match count {
        0 => Reply::Answer(
            400,
            "",
            "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>".into(),
        ),
        _ => ok("<ExecutePolicyResponse/>"),
    })
    .await;
    server.client().execute_policy("g", "p", true).await.unwrap();
    assert!(server.asked()[1].body.ends_with("&HonorCooldown=true"));
}

#[tokio::test]
async fn silence_and_slowness_have_an_end() {
    // Which of the limits it is that ends it is up to how busy the machine is.
    for reply in [|| Reply::Hang, || Reply::Trickle] {
        let server = TestServer::start(move |_, _| reply()).await;
        let error = ids(&server.client().until(soon())).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(error.is_silence(), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_from_silence() {
    let server = TestServer::start(|_, _| Reply::Close).await;
    let mut settings = server.settings("", keys());
    // The port of a listener that is closed again.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let endpoint = format!("http://{free}").parse().unwrap();
    settings.endpoints = super::Endpoints::new("r", [(super::Service::Ec2, endpoint)].into()).unwrap();
    let error = ids(&Client::for_all(settings).until(soon())).await.unwrap_err();
    let expected = Error::Unreachable {
        endpoint: free.to_string(),
        why: NoAnswer::NoConnection,
        was_sent: false,
    };
    assert_eq!(error, expected);
}

#[tokio::test]
async fn an_answer_that_is_no_http_or_too_long_is_refused() {
    let server = TestServer::start(|_, _| Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")).await;
    let answer = ids(&server.client().until(soon())).await;
    assert_eq!(answer, Err(Malformed::Wrong("the head of the answer").into()));

    let server = TestServer::start(|_, _| Reply::Answer(200, "etag: \"x\"\r\n", "x".repeat(1001))).await;
    let client = server.client();
    assert_eq!(
        client.get_object("b", "k", 1000).await.unwrap_err(),
        Malformed::TooLong(1000).into()
    );
    assert_eq!(client.get_object("b", "k", 1001).await.unwrap().1.len(), 1001);
    // What is said of a failure is not what was asked for.
    let server = TestServer::start(|_, _| error(403, "", "AccessDenied")).await;
    assert!(
        server
            .client()
            .get_object("b", "k", 1)
            .await
            .unwrap_err()
            .is_refused_as("AccessDenied")
    );
}

#[tokio::test]
async fn a_refusal_has_its_code_and_is_not_repeated() {
    let server = TestServer::start(|_, _| error(403, "", "UnauthorizedOperation")).await;
    let error = ids(&server.client()).await.unwrap_err();
    assert!(error.is_refused_as("UnauthorizedOperation") && !error.may_have_been_done());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn credentials_that_the_service_calls_ended_are_looked_for_once_more() {
    let server = TestServer::start(|count, _| match count {
        1 => ok(EMPTY),
        _ => error(400, "", "ExpiredToken"),
    })
    .await;
    let client = server.client();
    assert_eq!(ids(&client).await, Ok(Vec::new()));
    assert!(ids(&client).await.unwrap_err().is_refused_as("ExpiredToken"));
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn a_conditional_write_is_made_once_and_its_refusal_has_a_name() {
    let count = AtomicUsize::new(0);
    let server = TestServer::start(move |_, _| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::Answer(
            400,
            "",
            r#"{"__type":"x#ConditionalCheckFailedException","message":"no"}"#.into(),
        ),
        1 => Reply::Close,
        _ => ok("{}"),
    })
    .await;
    let client = server.client();
    let item = Item::from([("name".to_owned(), Value::from("x"))]);
    let condition = Expression::new("attribute_not_exists(#n)").name("#n", "name");
    let put = async |condition| client.put_item("t", &item, condition).await;
    assert!(put(Some(&condition)).await.unwrap_err().is_refused_as(CONDITION_FAILED));
    assert!(put(Some(&condition)).await.unwrap_err().may_have_been_done());
    assert_eq!(server.asked().len(), 2);
    put(None).await.unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.headers["x-amz-target"], "DynamoDB_20120810.PutItem");
    assert_eq!(
        asked.body,
        r##"{"TableName":"t","Item":{"name":{"S":"x"}},"ConditionExpression":"attribute_not_exists(#n)","ExpressionAttributeNames":{"#n":"name"}}"##
    );
}

#[tokio::test]
async fn items_are_followed_by_their_last_key() {
    let server = TestServer::start(|count, _| match count {
        0 => ok(r#"{"Items":[{"v":{"N":"1"}}],"LastEvaluatedKey":{"v":{"N":"1"}}}"#),
        _ => ok(r#"{"Items":[{"v":{"N":"2"}}]}"#),
    })
    .await;
    let keys = Expression::new("n = :n").value(":n", Value::from("x"));
    let items = server.client().query_items("t", &keys, true).await.unwrap();
    assert_eq!(
        items
            .iter()
            .filter_map(|item| item["v"].as_number())
            .collect::<Vec<_>>(),
        [1, 2]
    );
    assert!(
        server.asked()[1]
            .body
            .contains(r#""ExclusiveStartKey":{"v":{"N":"1"}}"#)
    );
}

#[tokio::test]
async fn an_object_that_is_not_what_was_written_is_refused() {
    let server =
        TestServer::start(|_, _| Reply::Answer(200, "etag: \"x\"\r\nx-amz-checksum-sha256: AAAA\r\n", "hello".into()))
            .await;
    let error = server.client().get_object("b", "a b/c", 100).await.unwrap_err();
    assert_eq!(error, Malformed::Checksum.into());
    assert_eq!(server.asked()[0].line, "GET /b/a%20b/c");
}

#[tokio::test]
async fn an_error_under_a_good_status_is_one() {
    let server =
        TestServer::start(|_, _| ok("<Error><Code>InternalError</Code><Message>later</Message></Error>")).await;
    let upload = super::s3::Upload {
        bucket: "b".into(),
        key: "k".into(),
        id: "u".into(),
    };
    let client = server.client().until(soon());
    let error = client
        .complete_upload(&upload, &[], &super::s3::Written::default())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Failed { .. }), "{error:?}");
}

#[tokio::test]
async fn a_client_makes_the_calls_that_it_is_for_and_asks_for_no_other() {
    let server = TestServer::start(|_, _| ok(EMPTY)).await;
    let client = Client::new(server.settings("", keys()), &[Part::Machines]);
    assert_eq!(ids(&client).await, Ok(Vec::new()));
    let error = client.volumes(&[]).await.unwrap_err();
    assert_eq!(error, Error::NotPermitted(Operation::DescribeVolumes));
    assert!(!error.may_have_been_done());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn networks_are_had_with_all_their_pages() {
    let server = TestServer::start(|count, asked| {
        let id = format!("<item><vpcId>vpc-{count}</vpcId></item>");
        let next = match asked.body.contains("NextToken") {
            true => "",
            false => "<nextToken>more</nextToken>",
        };
        ok(format!(
            "<DescribeVpcsResponse><vpcSet>{id}</vpcSet>{next}</DescribeVpcsResponse>"
        ))
    })
    .await;
    let vpcs = server.client().vpcs(&[]).await.unwrap();
    let ids: Vec<&str> = vpcs.iter().map(|vpc| vpc.id.as_str()).collect();
    assert_eq!(ids, ["vpc-0", "vpc-1"]);
}
