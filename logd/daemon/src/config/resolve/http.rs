//! Who may use the log viewer.

use ballast_shared::config::Diagnostics;

use crate::config::HttpAddress;
use crate::config::spec::HttpKeys;
use crate::viewer::{Access, Token};

/// The access, if the viewer is served. Logs are not for everybody on a network: beyond loopback it takes a token.
pub(super) fn viewer(keys: &HttpKeys, diagnostics: &Diagnostics) -> Option<Access> {
    let token = keys.token_file.as_ref().and_then(|file| {
        Token::read(&file.value)
            .map_err(|error| diagnostics.error(file.span, error.to_string()))
            .ok()
    });
    let http = keys.http.as_ref()?;
    if keys.viewer.as_ref().is_some_and(|viewer| !viewer.value) {
        return None;
    }
    let names = match &http.value {
        HttpAddress::Unix(_) => None,
        HttpAddress::Tcp(address) => {
            if !address.ip().to_canonical().is_loopback() && keys.token_file.is_none() {
                diagnostics.error_with_help(
                    http.span,
                    "others could read all logs here: the log viewer takes a token where it is not on loopback",
                    "set `http-token-file`, or `http = \"unix:/run/logd/http.sock\"`, or `viewer = false` for /metrics alone",
                );
            }
            Some(
                keys.names
                    .as_ref()
                    .map_or_else(Box::default, |names| names.value.as_slice().into()),
            )
        }
    };
    Some(Access { names, token })
}
