//! `cloudd iam-policy`: the policy that permits the calls that a configuration makes, and no other.
//!
//! What is called is what the clients are made for ([`Part`]), which is all that they call; what it is called on is what the
//! configuration names. A part of the configuration says both as a [`Grant`].

mod command;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

pub use self::command::run;
use crate::aws::Part;

/// The version of the language that policies are in.
const LANGUAGE: &str = "2012-10-17";

/// What a part of cloudd is permitted, and on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Who is permitted its calls.
    pub part: Part,
    /// On what.
    pub scope: Scope,
}

impl Grant {
    /// Of a part on something.
    #[must_use]
    pub fn new(part: Part, scope: Scope) -> Self {
        Self { part, scope }
    }
}

/// What calls are made on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// All that there is in a region: EC2's listings can't be narrowed otherwise.
    Region(String),
    /// These, by their ARNs.
    Arns(Vec<String>),
    /// Objects of a bucket whose keys begin so; and the bucket itself for what is said of it as a whole.
    Bucket {
        /// "arn:aws:s3:::NAME".
        arn: String,
        /// How keys begin; all do with nothing.
        prefix: String,
    },
}

impl Scope {
    /// All in a region.
    #[must_use]
    pub fn all(region: &str) -> Self {
        Self::Region(region.to_owned())
    }

    /// A queue by its URL, "https://sqs.REGION.amazonaws.com/ACCOUNT/NAME"; of a URL that says no more than that, all queues of
    /// that name.
    #[must_use]
    pub fn queue(url: &str, region: &str) -> Self {
        let mut parts = url.trim_end_matches('/').rsplit('/');
        let name = parts.next().unwrap_or("*");
        let account = parts
            .next()
            .filter(|account| account.bytes().all(|b| b.is_ascii_digit()));
        Self::arn("sqs", region, account.filter(|account| !account.is_empty()), name)
    }

    /// Something by its service, and its name as ARNs have it: "table/NAME".
    #[must_use]
    pub fn arn(service: &str, region: &str, account: Option<&str>, name: &str) -> Self {
        Self::Arns(vec![Self::arn_of(service, region, account, name)])
    }

    /// The same as a text.
    #[must_use]
    pub fn arn_of(service: &str, region: &str, account: Option<&str>, name: &str) -> String {
        let (partition, account) = (partition(region), account.unwrap_or("*"));
        format!("arn:{partition}:{service}:{region}:{account}:{name}")
    }

    /// A key of KMS by its ARN or its id. By an alias, or by nothing, it may be any: a policy knows keys by no other name.
    #[must_use]
    pub fn key(key: Option<&str>, region: &str) -> Self {
        match key {
            Some(arn) if arn.starts_with("arn:") && arn.contains(":key/") => Self::Arns(vec![arn.to_owned()]),
            Some(id) if !id.contains(['/', ':']) => Self::arn("kms", region, None, &format!("key/{id}")),
            _ => Self::arn("kms", region, None, "key/*"),
        }
    }

    /// The objects of a bucket whose keys begin so.
    #[must_use]
    pub fn bucket(name: &str, prefix: &str, region: &str) -> Self {
        Self::Bucket {
            arn: format!("arn:{}:s3:::{name}", partition(region)),
            prefix: prefix.to_owned(),
        }
    }
}

/// What the regions of AWS are divided into.
fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: String,
    effect: &'static str,
    action: BTreeSet<&'static str>,
    resource: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
}

/// The policy that permits these.
#[must_use]
pub fn policy(grants: &[Grant]) -> Value {
    let mut statements: Vec<Statement> = Vec::new();
    for grant in grants {
        for statement in statements_of(grant) {
            // Two providers of one account may do the same.
            let is_same =
                |there: &Statement| there.resource == statement.resource && there.condition == statement.condition;
            match statements.iter_mut().find(|there| is_same(there)) {
                Some(there) => there.action.extend(statement.action),
                None => statements.push(statement),
            }
        }
    }
    // Ids are to differ.
    for (number, statement) in statements.iter_mut().enumerate() {
        statement.sid = format!("Cloudd{}", number + 1);
    }
    json!({ "Version": LANGUAGE, "Statement": statements })
}

fn statements_of(grant: &Grant) -> Vec<Statement> {
    let operations = grant.part.operations().iter();
    let actions: BTreeSet<&'static str> = operations.flat_map(|operation| operation.actions()).copied().collect();
    let statement = |action: BTreeSet<&'static str>, resource: Vec<String>, condition: Option<Value>| Statement {
        sid: String::new(),
        effect: "Allow",
        action,
        resource,
        condition,
    };
    let statements = match &grant.scope {
        Scope::Region(region) => {
            let here = json!({ "StringEquals": { "aws:RequestedRegion": region } });
            vec![statement(actions, vec!["*".to_owned()], Some(here))]
        }
        Scope::Arns(arns) => vec![statement(actions, arns.clone(), None)],
        Scope::Bucket { arn, prefix } => {
            // Without a condition on prefixes: that an object is missing is said only to who may list, whatever the prefix.
            let (of_bucket, of_objects) = actions
                .into_iter()
                .partition(|action| action.starts_with("s3:ListBucket"));
            vec![
                statement(of_bucket, vec![arn.clone()], None),
                statement(of_objects, vec![format!("{arn}/{prefix}*")], None),
            ]
        }
    };
    statements
        .into_iter()
        .filter(|statement| !statement.action.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_permits_what_the_parts_call_and_where() {
        let grants = [
            Grant::new(Part::Machines, Scope::all("eu-west-1")),
            Grant::new(Part::Volumes, Scope::all("eu-west-1")),
            Grant::new(
                Part::Events,
                Scope::queue("https://sqs.eu-west-1.amazonaws.com/123456789012/events", "eu-west-1"),
            ),
        ];
        let expected = json!({
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Cloudd1",
                    "Effect": "Allow",
                    "Action": ["ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeVolumes"],
                    "Resource": ["*"],
                    "Condition": { "StringEquals": { "aws:RequestedRegion": "eu-west-1" } },
                },
                {
                    "Sid": "Cloudd2",
                    "Effect": "Allow",
                    "Action": ["sqs:DeleteMessage", "sqs:ReceiveMessage"],
                    "Resource": ["arn:aws:sqs:eu-west-1:123456789012:events"],
                },
            ],
        });
        assert_eq!(policy(&grants), expected);
        // The same twice is the same.
        assert_eq!(policy(&[&grants[..], &grants[..]].concat()), expected);
    }

    #[test]
    fn things_have_the_names_of_their_partition() {
        let arns = |scope| match scope {
            Scope::Arns(arns) => arns.concat(),
            _ => panic!(),
        };
        assert_eq!(
            arns(Scope::queue("http://127.0.0.1:9324/queue/q/", "cn-north-1")),
            "arn:aws-cn:sqs:cn-north-1:*:q"
        );
        assert_eq!(
            arns(Scope::arn("dynamodb", "us-gov-west-1", Some("1"), "table/t")),
            "arn:aws-us-gov:dynamodb:us-gov-west-1:1:table/t"
        );
        let key = |key| arns(Scope::key(key, "eu-west-1"));
        assert_eq!(
            key(Some("arn:aws:kms:eu-west-1:1:key/a")),
            "arn:aws:kms:eu-west-1:1:key/a"
        );
        assert_eq!(key(Some("1234abcd-12ab")), "arn:aws:kms:eu-west-1:*:key/1234abcd-12ab");
        // A policy knows keys and not their other names.
        assert_eq!(key(Some("alias/logs")), "arn:aws:kms:eu-west-1:*:key/*");
        assert_eq!(key(None), "arn:aws:kms:eu-west-1:*:key/*");
    }

    #[test]
    fn what_is_said_of_a_bucket_is_no_permission_for_its_objects() {
        let policy = policy(&[Grant::new(Part::Archive, Scope::bucket("logs", "cloud/", "eu-west-1"))]);
        let statements = policy["Statement"].as_array().unwrap();
        assert_eq!(
            statements[0]["Action"],
            json!(["s3:ListBucket", "s3:ListBucketMultipartUploads"])
        );
        assert_eq!(statements[0]["Resource"], json!(["arn:aws:s3:::logs"]));
        let actions = [
            "s3:AbortMultipartUpload",
            "s3:GetObject",
            "s3:ListMultipartUploadParts",
            "s3:PutObject",
        ];
        assert_eq!(statements[1]["Action"], json!(actions));
        assert_eq!(statements[1]["Resource"], json!(["arn:aws:s3:::logs/cloud/*"]));
    }
}
