//! Profiles in the shared files: `[name]` in `credentials`, `[profile name]` in `config`, and `key = value` below.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use aws_credential_types::Credentials;
use zeroize::Zeroizing;

use super::web_identity::Role;
use super::{CredentialsError, Environment};

/// Octets of a file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What a profile has.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    Credentials(Credentials),
    WebIdentity(Role),
}

/// What a profile has that is in one of the files.
pub(super) async fn find(environment: &Environment, name: &str) -> Result<Option<Found>, CredentialsError> {
    let mut keys: HashMap<String, Zeroizing<String>> = HashMap::new();
    let mut is_there = false;
    for (file, is_config) in environment.profile_files().into_iter().zip([false, true]) {
        let Some(file) = file else { continue };
        let Some(text) = read(&file).await? else { continue };
        if let Some(more) = keys_of(&text, name, is_config).map_err(|line| CredentialsError::Line(file, line))? {
            is_there = true;
            // What the file of credentials says goes before what the other one does.
            for (key, value) in more {
                keys.entry(key).or_insert(value);
            }
        }
    }
    match is_there {
        true => found_in(name, &keys),
        false => Ok(None),
    }
}

fn found_in(name: &str, keys: &HashMap<String, Zeroizing<String>>) -> Result<Option<Found>, CredentialsError> {
    let get = |key: &str| keys.get(key).map(|value| value.as_str());
    let incomplete = |key| CredentialsError::Incomplete(name.to_owned(), key);
    match (get("aws_access_key_id"), get("aws_secret_access_key")) {
        (Some(id), Some(secret)) if get("role_arn").is_none() => {
            let token = get("aws_session_token").map(str::to_owned);
            return Ok(Some(Found::Credentials(Credentials::new(
                id, secret, token, None, "profile",
            ))));
        }
        (Some(_), None) => return Err(incomplete("aws_secret_access_key")),
        (None, Some(_)) => return Err(incomplete("aws_access_key_id")),
        _ => {}
    }
    if let Some(token_file) = get("web_identity_token_file") {
        return Ok(Some(Found::WebIdentity(Role {
            arn: get("role_arn").ok_or_else(|| incomplete("role_arn"))?.to_owned(),
            session: get("role_session_name").map(str::to_owned),
            token_file: token_file.into(),
        })));
    }
    for key in ["role_arn", "credential_process", "sso_session", "sso_start_url"] {
        if get(key).is_some() {
            return Err(CredentialsError::Unsupported(name.to_owned(), key));
        }
    }
    // Such as one that has a region only.
    Ok(None)
}

async fn read(path: &Path) -> Result<Option<Zeroizing<String>>, CredentialsError> {
    let wrong = |error: &std::io::Error| CredentialsError::File(path.to_owned(), error.kind());
    match tokio::fs::metadata(path).await {
        Ok(data) if data.len() > FILE_BYTES_MAX || !data.is_file() => {
            return Err(CredentialsError::File(path.to_owned(), ErrorKind::InvalidData));
        }
        Ok(_) => {}
        // Whoever is no longer the user that HOME is of may not look into it: there is no file for them.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => return Ok(None),
        Err(error) => return Err(wrong(&error)),
    }
    let text = tokio::fs::read_to_string(path).await.map_err(|error| wrong(&error))?;
    Ok(Some(Zeroizing::new(text)))
}

type Keys = HashMap<String, Zeroizing<String>>;

/// The keys of a profile, if the text has it. An error is the number of a line.
fn keys_of(text: &str, profile: &str, is_config: bool) -> Result<Option<Keys>, usize> {
    let mut keys = None;
    let mut is_in = false;
    for (index, line) in text.lines().enumerate() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            let (header, _) = header.split_once(']').ok_or(index + 1)?;
            is_in = is_header_of(header.trim(), profile, is_config);
            if is_in {
                keys.get_or_insert_with(Keys::new);
            }
            continue;
        }
        // "s3 =" has settings of its own, moved in, in the lines below.
        if is_nested {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(index + 1)?;
        if let (true, Some(keys)) = (is_in, keys.as_mut()) {
            // A comment may follow, after a blank.
            let value = value.split(" #").next().unwrap_or(value);
            keys.insert(key.trim().to_ascii_lowercase(), Zeroizing::new(value.trim().to_owned()));
        }
    }
    Ok(keys)
}

fn is_header_of(header: &str, profile: &str, is_config: bool) -> bool {
    if !is_config || profile == "default" && header == "default" {
        return header == profile;
    }
    let named = header
        .strip_prefix("profile")
        .filter(|rest| rest.starts_with([' ', '\t']));
    named.is_some_and(|name| name.trim().trim_matches('"') == profile)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CREDENTIALS: &str = "# ours\n[default]\naws_access_key_id = AKID # of the role account\naws_secret_access_key=a=b/c\n\n\
                               [spot]\nAWS_ACCESS_KEY_ID = AKID2\naws_secret_access_key = x\naws_session_token = t\n";

    fn found(text: &str, profile: &str, is_config: bool) -> Result<Option<Found>, CredentialsError> {
        match keys_of(text, profile, is_config).unwrap() {
            Some(keys) => found_in(profile, &keys),
            None => Ok(None),
        }
    }

    #[test]
    fn profiles_are_told_apart() {
        let of = |id: &str, secret: &str, token: Option<&str>| {
            Ok(Some(Found::Credentials(Credentials::new(
                id,
                secret,
                token.map(str::to_owned),
                None,
                "profile",
            ))))
        };
        assert_eq!(found(CREDENTIALS, "default", false), of("AKID", "a=b/c", None));
        assert_eq!(found(CREDENTIALS, "spot", false), of("AKID2", "x", Some("t")));
        assert_eq!(found(CREDENTIALS, "none", false), Ok(None));
        let config = "[profile spot]\nregion = eu-west-1\ns3 =\n  max_concurrent_requests = 20\n[default]\naws_access_key_id=A\naws_secret_access_key=B\n";
        assert_eq!(found(config, "default", true), of("A", "B", None));
        assert_eq!(found(config, "spot", true), Ok(None));
    }

    #[test]
    fn a_role_by_a_token() {
        let config = "[profile web]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = /run/token\nrole_session_name = cloudd\n";
        let role = Role {
            arn: "arn:aws:iam::1:role/r".into(),
            session: Some("cloudd".into()),
            token_file: "/run/token".into(),
        };
        assert_eq!(found(config, "web", true), Ok(Some(Found::WebIdentity(role))));
    }

    #[test]
    fn what_is_half_there_or_not_followed_is_an_error() {
        let error = |text| found(text, "p", false).unwrap_err();
        assert_eq!(
            error("[p]\naws_access_key_id = A\n"),
            CredentialsError::Incomplete("p".into(), "aws_secret_access_key")
        );
        assert_eq!(
            error("[p]\ncredential_process = /bin/x\n"),
            CredentialsError::Unsupported("p".into(), "credential_process")
        );
        assert_eq!(
            error("[p]\nrole_arn = x\nsource_profile = q\naws_access_key_id = A\naws_secret_access_key = B"),
            CredentialsError::Unsupported("p".into(), "role_arn")
        );
        assert_eq!(keys_of("[p]\nnonsense\n", "p", false), Err(2));
        assert_eq!(keys_of("[p\n", "p", false), Err(1));
    }

    proptest! {
        #[test]
        fn no_file_does_harm(text in "([\\[\\]=# a-z\"\n\t]|\\PC){0,60}", is_config: bool) {
            let _ = keys_of(&text, "p", is_config);
        }
    }
}
