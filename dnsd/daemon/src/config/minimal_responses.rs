//! `minimal-responses`: true, false or one of BIND's words.

use ballast_shared::config::{FromValue, Value, nearest};
use dnsd_core::answer::MinimalResponses;

/// What the key says.
#[derive(Debug, Clone, Copy)]
pub(super) struct MinimalResponsesKey(pub(super) MinimalResponses);

const WORDS: [(&str, MinimalResponses); 4] = [
    ("yes", MinimalResponses::Yes),
    ("no", MinimalResponses::No),
    ("no-auth", MinimalResponses::NoAuth),
    ("no-auth-recursive", MinimalResponses::NoAuthRecursive),
];

impl FromValue for MinimalResponsesKey {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if !value.is_string() {
            let minimal = match bool::from_value(value)? {
                true => MinimalResponses::Yes,
                false => MinimalResponses::No,
            };
            return Some(Self(minimal));
        }
        let text = value.string()?;
        let found = WORDS.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let help = nearest(text, WORDS.map(|(word, _)| word)).unwrap_or_default();
            value.error_with_help("not a value of minimal-responses", help);
        }
        found.map(|(_, minimal)| Self(*minimal))
    }
}
