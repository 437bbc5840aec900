//! Who may look at the logs, and what browsers are told to keep to.
//!
//! - **Host.** A page of somebody's can make its own name resolve to our address (DNS rebinding) and then read what we serve as its
//!   own. So a request must be for an address, for `localhost`, or for a name of `http-names`. Over a unix socket there is nothing
//!   to rebind.
//! - **Token.** With `http-token-file`, data takes the token: as `Authorization: Bearer`, or as the cookie that `/viewer/login`,
//!   or `/?token=`, gives for it. The cookie is made of the token by a hash, so that no session is kept and the token itself
//!   is not in the browser.
//! - **Other sites.** Browsers say where a request comes from (`Sec-Fetch-Site`): other sites get no data and start no searches.
//! - **Headers.** Nothing is loaded from elsewhere, framed, sniffed or sent as a referrer.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use metrics::counter;
use sha2::{Digest, Sha256};

use super::{Viewer, text_of};

/// The cookie's name.
const COOKIE: &str = "logd-viewer";

/// What is hashed before the token for the cookie, so that the cookie is of use nowhere else.
const COOKIE_CONTEXT: &[u8] = b"logd viewer cookie\0";

/// A token that can be guessed is none: 20 characters of base64 are 120 bits.
const TOKEN_BYTES_MIN: usize = 20;

/// No file of a token is longer.
const TOKEN_BYTES_MAX: u64 = 4096;

/// What a browser may load, and from where: only from us, and nothing else than the page needs.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Who may look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// Names that the viewer may be asked for by; `None`: by any, as over a unix socket.
    pub(crate) names: Option<Box<[String]>>,
    /// `None`: everybody who can connect.
    pub(crate) token: Option<Token>,
}

/// The token of `http-token-file`, as hashes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token {
    token: [u8; 32],
    cookie: String,
}

/// Why a file's token is none.
#[derive(Debug)]
pub(crate) enum TokenError {
    Read(PathBuf, io::Error),
    /// It can be read by everybody.
    Public(PathBuf),
    TooShort,
    /// Something that no header can hold.
    NotPrintable,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// Reads it from a file: its first line.
    ///
    /// # Errors
    /// When there is none, or one that is not worth the name.
    pub(crate) fn read(path: &Path) -> Result<Self, TokenError> {
        use std::io::Read;
        let failed = |error| TokenError::Read(path.to_owned(), error);
        let file = std::fs::File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.permissions().mode() & 0o004 != 0 {
            return Err(TokenError::Public(path.to_owned()));
        }
        let mut text = String::new();
        file.take(TOKEN_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        Self::of(text.lines().next().unwrap_or_default().trim())
    }

    fn of(token: &str) -> Result<Self, TokenError> {
        if token.len() < TOKEN_BYTES_MIN {
            return Err(TokenError::TooShort);
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::NotPrintable);
        }
        let cookie = Sha256::new()
            .chain_update(COOKIE_CONTEXT)
            .chain_update(token)
            .finalize();
        Ok(Self {
            token: Sha256::digest(token).into(),
            cookie: HEXLOWER.encode(&cookie),
        })
    }

    fn is(&self, token: &str) -> bool {
        are_same(&self.token, &Sha256::digest(token).into())
    }

    fn is_cookie(&self, cookie: &str) -> bool {
        are_same(&Sha256::digest(&self.cookie).into(), &Sha256::digest(cookie).into())
    }

    /// The header that gives a browser the cookie. It ends with the browser's session, and no other site can have it sent along.
    fn set_cookie(&self) -> String {
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie)
    }
}

/// Compares hashes in a time that does not depend on where they differ.
fn are_same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b));
    std::hint::black_box(difference) == 0
}

impl Access {
    fn knows_host(&self, headers: &HeaderMap) -> bool {
        let Some(names) = &self.names else { return true };
        let Some(host) = text_of(headers, &header::HOST) else {
            return false;
        };
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => host.split_once(':').map_or(host, |(name, _)| name),
        };
        name.parse::<IpAddr>().is_ok()
            || name.eq_ignore_ascii_case("localhost")
            || names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        bearer(headers).is_some_and(|bearer| token.is(bearer)) || cookies(headers).any(|cookie| token.is_cookie(cookie))
    }

    /// Exchanges the token of an address for the cookie, and the address for one without it.
    pub(super) fn exchange(&self, token: &str, parameters: &HashMap<String, String>) -> Response {
        let others: Vec<_> = parameters.iter().filter(|(name, _)| *name != "token").collect();
        let query = serde_urlencoded(&others);
        let there = (
            header::LOCATION,
            if query.is_empty() {
                "/".to_owned()
            } else {
                format!("/?{query}")
            },
        );
        match &self.token {
            Some(known) if known.is(token) => {
                (StatusCode::SEE_OTHER, [there, (header::SET_COOKIE, known.set_cookie())]).into_response()
            }
            Some(_) => refuse("token", StatusCode::UNAUTHORIZED, "this is not the token\n"),
            None => (StatusCode::SEE_OTHER, [there]).into_response(),
        }
    }
}

/// A query string.
fn serde_urlencoded(parameters: &[(&String, &String)]) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
                _ => encoded.push_str(&format!("%{byte:02X}")),
            }
            encoded
        })
    };
    let pairs: Vec<_> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    text_of(headers, &header::AUTHORIZATION)?.strip_prefix("Bearer ")
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .filter_map(|(name, value)| (name == COOKIE).then_some(value))
}

fn refuse(reason: &'static str, status: StatusCode, text: &'static str) -> Response {
    counter!("logd_viewer_refused_total", "reason" => reason).increment(1);
    (status, text).into_response()
}

/// Looks at the name that every request is for, and adds the headers to every response.
pub(super) async fn guard(State(viewer): State<Arc<Viewer>>, request: Request, next: Next) -> Response {
    let mut response = if viewer.access.knows_host(request.headers()) {
        next.run(request).await
    } else {
        refuse(
            "host",
            StatusCode::MISDIRECTED_REQUEST,
            "the log viewer does not know this name: add it to [control] http-names\n",
        )
    };
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Lets nobody have data who may not.
pub(super) async fn require(State(viewer): State<Arc<Viewer>>, request: Request, next: Next) -> Response {
    let site = text_of(request.headers(), &HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return refuse("site", StatusCode::FORBIDDEN, "not for pages of other sites\n");
    }
    if !viewer.access.admits(request.headers()) {
        return refuse("token", StatusCode::UNAUTHORIZED, "this takes the token\n");
    }
    next.run(request).await
}

/// Gives the cookie for the token.
pub(super) async fn login(State(viewer): State<Arc<Viewer>>, headers: HeaderMap) -> Response {
    match (&viewer.access.token, bearer(&headers)) {
        (None, _) => StatusCode::NO_CONTENT.into_response(),
        (Some(token), Some(bearer)) if token.is(bearer) => {
            (StatusCode::NO_CONTENT, [(header::SET_COOKIE, token.set_cookie())]).into_response()
        }
        (Some(_), _) => refuse("token", StatusCode::UNAUTHORIZED, "this is not the token\n"),
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Public(path) => write!(f, "everybody may read {}: chmod o= it", path.display()),
            Self::TooShort => write!(
                f,
                "a token has at least {TOKEN_BYTES_MIN} characters: openssl rand -base64 24"
            ),
            Self::NotPrintable => f.write_str("a token is made of printable ASCII characters"),
        }
    }
}

impl std::error::Error for TokenError {}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const SECRET: &str = "abcdefghijklmnopqrstuvwx";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    fn access(token: bool) -> Access {
        Access {
            names: Some(["logs.example.net".to_owned()].into()),
            token: token.then(|| Token::of(SECRET).unwrap()),
        }
    }

    #[test]
    fn only_addresses_and_known_names_are_asked_for() {
        let knows = |host: &str| access(false).knows_host(&headers(&[(header::HOST, host)]));
        for host in [
            "127.0.0.1:9514",
            "[::1]:9514",
            "localhost",
            "LocalHost:9514",
            "logs.example.net:9514",
            "192.0.2.1",
        ] {
            assert!(knows(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:9514",
            "127.0.0.1.evil.example",
            "",
            "localhost.evil",
            "[::1",
        ] {
            assert!(!knows(host), "{host}");
        }
        assert!(!access(false).knows_host(&HeaderMap::new()));
    }

    #[test]
    fn the_token_or_its_cookie_admits() {
        let admits = |name, value: &str| access(true).admits(&headers(&[(name, value)]));
        let cookie = Token::of(SECRET).unwrap().set_cookie();
        let cookie = cookie.split(';').next().unwrap();
        assert!(admits(header::AUTHORIZATION, &format!("Bearer {SECRET}")));
        assert!(admits(header::COOKIE, &format!("other=1; {cookie}")));
        assert!(!admits(header::AUTHORIZATION, &format!("Bearer {SECRET}x")));
        assert!(!admits(header::AUTHORIZATION, SECRET));
        assert!(!admits(header::COOKIE, &format!("{COOKIE}={SECRET}")));
        assert!(!admits(header::COOKIE, &format!("{cookie}0")));
        assert!(!access(true).admits(&HeaderMap::new()) && access(false).admits(&HeaderMap::new()));
        assert!(!cookie.contains(SECRET));
    }

    #[test]
    fn a_token_in_an_address_is_exchanged_and_gone_from_it() {
        let parameters = HashMap::from([
            ("token".to_owned(), SECRET.to_owned()),
            ("q".to_owned(), "a&b".to_owned()),
        ]);
        let response = access(true).exchange(SECRET, &parameters);
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[header::LOCATION], "/?q=a%26b");
        assert!(response.headers().contains_key(header::SET_COOKIE));
        let refused = access(true).exchange("wrong", &parameters);
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert!(!refused.headers().contains_key(header::SET_COOKIE));
    }

    #[test]
    fn a_token_that_others_can_read_or_guess_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let with = |content: &str, mode| {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            Token::read(&path)
        };
        assert_eq!(with(&format!("{SECRET}\n"), 0o640).unwrap(), Token::of(SECRET).unwrap());
        assert!(matches!(with(SECRET, 0o644), Err(TokenError::Public(_))));
        assert!(matches!(with("short", 0o600), Err(TokenError::TooShort)));
        assert!(matches!(
            with("a token with blanks in it", 0o600),
            Err(TokenError::NotPrintable)
        ));
        assert!(matches!(
            Token::read(&dir.path().join("none")),
            Err(TokenError::Read(..))
        ));
    }
}
