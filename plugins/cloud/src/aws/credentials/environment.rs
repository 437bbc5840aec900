//! Credentials and settings in the environment.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use aws_credential_types::Credentials;
use zeroize::Zeroizing;

use super::CredentialsError;
use super::web_identity::Role;

/// The variables that are looked at. They are read once: who changes them starts the program anew.
#[derive(Clone, Default)]
pub struct Environment {
    variables: HashMap<String, Zeroizing<String>>,
}

impl Environment {
    /// Of this process.
    #[must_use]
    pub fn of_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("AWS_") || name == "HOME")
            .collect()
    }

    /// A variable that is set to something.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?.as_str();
        (!value.is_empty()).then_some(value)
    }

    pub(super) fn credentials(&self) -> Result<Option<Credentials>, CredentialsError> {
        const ID: &str = "AWS_ACCESS_KEY_ID";
        const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
        match (self.get(ID), self.get(SECRET)) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(CredentialsError::Variable(ID)),
            (Some(_), None) => Err(CredentialsError::Variable(SECRET)),
            (Some(id), Some(secret)) => {
                let token = self.get("AWS_SESSION_TOKEN").map(str::to_owned);
                Ok(Some(Credentials::new(id, secret, token, None, "environment")))
            }
        }
    }

    pub(super) fn web_identity(&self) -> Result<Option<Role>, CredentialsError> {
        let Some(token_file) = self.get("AWS_WEB_IDENTITY_TOKEN_FILE") else {
            return Ok(None);
        };
        let arn = self
            .get("AWS_ROLE_ARN")
            .ok_or(CredentialsError::Variable("AWS_ROLE_ARN"))?;
        Ok(Some(Role {
            arn: arn.to_owned(),
            session: self.get("AWS_ROLE_SESSION_NAME").map(str::to_owned),
            token_file: token_file.into(),
        }))
    }

    pub(super) fn has_no_instance_metadata(&self) -> bool {
        self.get("AWS_EC2_METADATA_DISABLED")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn metadata_endpoint(&self) -> &str {
        self.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
            .unwrap_or("http://169.254.169.254")
    }

    /// The shared files: that of credentials and that of other settings.
    pub(super) fn profile_files(&self) -> [Option<PathBuf>; 2] {
        let file = |variable, name: &str| match self.get(variable) {
            Some(path) => Some(PathBuf::from(path)),
            None => Some(Path::new(self.get("HOME")?).join(".aws").join(name)),
        };
        [
            file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            file("AWS_CONFIG_FILE", "config"),
        ]
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name, Zeroizing::new(value)));
        Self {
            variables: variables.collect(),
        }
    }
}

/// The names only.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}
