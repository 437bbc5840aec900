//! Credentials of the role of the instance that this runs on: its metadata service, version 2. A token is asked for by PUT,
//! which no request that was forged by way of a proxy does, and the answer to that goes over one hop only unless the instance
//! is told otherwise: in a container that is one too few.

use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Method, Request};
use http_body_util::Full;
use serde::Deserialize;

use super::{CredentialsError, Environment, SourceProblem, ask, read_time};
use crate::aws::http::Http;

const SOURCE: &str = "the instance metadata service";
/// It is on the machine itself, or as good as that.
const SILENCE: Duration = Duration::from_secs(2);
const TOKEN: &str = "x-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

const MALFORMED: CredentialsError = CredentialsError::Source(SOURCE, SourceProblem::Malformed);

pub(super) async fn credentials(environment: &Environment, http: &Http) -> Result<Credentials, CredentialsError> {
    let base = environment.metadata_endpoint().trim_end_matches('/');
    let request = |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(format!("{base}{path}"));
        request
            .body(Full::<Bytes>::default())
            .map_err(|_| CredentialsError::Variable("AWS_EC2_METADATA_SERVICE_ENDPOINT"))
    };
    let mut put = request(Method::PUT, "/latest/api/token")?;
    // As long as it takes to ask twice.
    put.headers_mut().insert(TOKEN_TTL, HeaderValue::from_static("60"));
    let token = match ask(http, SOURCE, put, SILENCE).await {
        Ok(token) => token,
        // Where nothing is there, this machine is none of the cloud's.
        Err(CredentialsError::Source(_, SourceProblem::Unreachable)) => return Err(CredentialsError::Nowhere),
        Err(error) => return Err(error),
    };
    let mut token = HeaderValue::from_bytes(&token.body).map_err(|_| MALFORMED)?;
    token.set_sensitive(true);
    let get = |path: &str| {
        let mut get = request(Method::GET, path)?;
        get.headers_mut().insert(TOKEN, token.clone());
        Ok(get)
    };
    let roles = match ask(http, SOURCE, get(ROLES)?, SILENCE).await {
        Err(CredentialsError::Source(_, SourceProblem::Refused(404))) => {
            return Err(CredentialsError::Source(SOURCE, SourceProblem::NoRole));
        }
        roles => roles?,
    };
    let role = std::str::from_utf8(&roles.body)
        .ok()
        .and_then(|text| text.lines().next())
        .map(str::trim);
    let role = match role {
        Some("") | None => return Err(CredentialsError::Source(SOURCE, SourceProblem::NoRole)),
        Some(role) => role,
    };
    // The characters that a role's name may have (IAM).
    if !role.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c)) {
        return Err(MALFORMED);
    }
    let given = ask(http, SOURCE, get(&format!("{ROLES}{role}"))?, SILENCE).await?;
    read(&given.body).ok_or(MALFORMED)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given<'a> {
    #[serde(borrow)]
    code: std::borrow::Cow<'a, str>,
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: String,
}

fn read(octets: &[u8]) -> Option<Credentials> {
    let given: Given<'_> = serde_json::from_slice(octets).ok()?;
    let end = read_time(&given.expiration)?;
    (given.code == "Success").then(|| {
        Credentials::new(
            given.access_key_id,
            given.secret_access_key,
            Some(given.token),
            Some(end),
            "instance metadata",
        )
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_answer_does_harm(octets: Vec<u8>) {
            let _ = read(&octets);
        }
    }

    #[test]
    fn only_a_success_is_one() {
        let answer = |code| {
            format!(
                r#"{{"Code":"{code}","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC","AccessKeyId":"A","SecretAccessKey":"S",
                    "Token":"T","Expiration":"2026-01-01T06:00:00Z"}}"#
            )
        };
        let credentials = read(answer("Success").as_bytes()).unwrap();
        assert_eq!(
            (credentials.access_key_id(), credentials.session_token()),
            ("A", Some("T"))
        );
        assert!(credentials.expiry().is_some());
        assert!(read(answer("AssumeRoleUnauthorizedAccess").as_bytes()).is_none());
    }
}
