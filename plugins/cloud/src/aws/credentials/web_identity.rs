//! Credentials for a token of the platform's: STS AssumeRoleWithWebIdentity, which is asked without a signature.

use std::path::PathBuf;
use std::time::Duration;

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use http_body_util::Full;
use zeroize::Zeroizing;

use super::{CredentialsError, SourceProblem, ask, read_time};
use crate::aws::endpoint::{Endpoints, Service};
use crate::aws::http::Http;
use crate::aws::operation::Operation;
use crate::aws::query;
use crate::aws::xml::Element;

const SOURCE: &str = "STS";
const SILENCE: Duration = Duration::from_secs(10);
/// Octets of a token.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// A role, and the token that it is given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session: Option<String>,
    /// The platform writes new ones into it.
    pub(super) token_file: PathBuf,
}

pub(super) async fn exchange(role: &Role, endpoints: &Endpoints, http: &Http) -> Result<Credentials, CredentialsError> {
    let file_error = |kind| CredentialsError::File(role.token_file.clone(), kind);
    let length = tokio::fs::metadata(&role.token_file)
        .await
        .map_err(|error| file_error(error.kind()))?
        .len();
    if length > TOKEN_BYTES_MAX {
        return Err(file_error(std::io::ErrorKind::InvalidData));
    }
    let token = tokio::fs::read_to_string(&role.token_file).await;
    let token = Zeroizing::new(token.map_err(|error| file_error(error.kind()))?);
    let form = query::Form::new(Operation::AssumeRoleWithWebIdentity, "2011-06-15")
        .with("RoleArn", &role.arn)
        .with("RoleSessionName", role.session.as_deref().unwrap_or("cloudd"))
        .with("WebIdentityToken", token.trim());
    let endpoint = endpoints.of(Service::Sts);
    let request = Request::post(format!("{endpoint}/"))
        .header(CONTENT_TYPE, query::CONTENT)
        .body(Full::new(Bytes::from_owner(form.into_body())))
        .expect("an endpoint is a URL");
    let answer = ask(http, SOURCE, request, SILENCE).await?;
    read(&answer.body).ok_or(CredentialsError::Source(SOURCE, SourceProblem::Malformed))
}

fn read(octets: &[u8]) -> Option<Credentials> {
    let root = Element::read(octets, "AssumeRoleWithWebIdentityResponse").ok()?;
    let given = root.child("AssumeRoleWithWebIdentityResult")?.child("Credentials")?;
    let end = read_time(given.text_of("Expiration")?)?;
    let [id, secret, token] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(|name| given.string_of(name));
    Some(Credentials::new(id?, secret?, Some(token?), Some(end), "web identity"))
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
}
