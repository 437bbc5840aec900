//! Values that are one of a few words.

use ballast_shared::config::{Value, nearest};

/// The choice that a word stands for; reports a word that stands for none, with those that do.
pub(super) fn choice<T: Copy>(value: Value<'_>, choices: &[(&'static str, T)]) -> Option<T> {
    let word = value.string()?;
    let found = choices.iter().find(|(name, _)| *name == word);
    if found.is_none() {
        let message = format!("unknown choice \"{word}\"");
        match nearest(word, choices.iter().map(|(name, _)| *name)) {
            Some(help) => value.error_with_help(message, help),
            None => value.error(message),
        }
    }
    found.map(|(_, choice)| *choice)
}
