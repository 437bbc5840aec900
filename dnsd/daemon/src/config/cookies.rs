//! `answer-cookie`, `cookie-secret` and `require-server-cookie`.

use ballast_shared::config::{Diagnostics, FromValue, Spanned, Value};
use dnsd_core::answer::CookieSecret;

/// How cookies (RFC 7873) are answered.
#[derive(Debug, Clone)]
pub(crate) struct CookieConfig {
    /// The first makes cookies, all are good; none: one that is made at the start.
    pub(crate) secrets: Vec<CookieSecret>,
    /// Whether clients that send a cookie have to send a good one.
    pub(crate) required: bool,
}

/// Secrets at most: each costs a hash for every cookie that is bad, and a change of the secret takes two.
const SECRETS_MAX: usize = 8;

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct CookieSpec {
    pub(super) answer: Option<Spanned<bool>>,
    pub(super) secrets: Option<Spanned<CookieSecrets>>,
    pub(super) required: Option<Spanned<bool>>,
}

/// One secret or a list of them.
#[derive(Debug)]
pub(super) struct CookieSecrets(Vec<CookieSecret>);

impl FromValue for CookieSecrets {
    fn from_value(value: Value<'_>) -> Option<Self> {
        value.withhold();
        if !value.is_list() {
            return secret(value).map(|secret| Self(vec![secret]));
        }
        let read: Vec<Option<CookieSecret>> = value.array()?.into_iter().map(secret).collect();
        if read.is_empty() || read.len() > SECRETS_MAX {
            value.error(format!("a list of 1 to {SECRETS_MAX} secrets"));
            return None;
        }
        read.into_iter().collect::<Option<_>>().map(Self)
    }
}

fn secret(value: Value<'_>) -> Option<CookieSecret> {
    let secret = CookieSecret::from_hex(value.string()?);
    if secret.is_none() {
        value.error_with_help(
            "not a secret of 128 bits",
            "it has 32 hexadecimal digits: `openssl rand -hex 16` makes one",
        );
    }
    secret
}

impl CookieSpec {
    /// `None` when cookies are not to be answered.
    pub(super) fn resolve(&self, diagnostics: &Diagnostics) -> Option<CookieConfig> {
        if self.answer.is_some_and(|answer| !answer.value) {
            if let Some(required) = self.required.filter(|required| required.value) {
                diagnostics.warning(required.span, "nothing is required: answer-cookie is false");
            }
            return None;
        }
        Some(CookieConfig {
            secrets: self
                .secrets
                .as_ref()
                .map_or(Vec::new(), |secrets| secrets.value.0.clone()),
            required: self.required.is_some_and(|required| required.value),
        })
    }
}
