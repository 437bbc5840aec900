//! A table in a document: between two markers, which stay.

use std::fmt;

/// What a marker begins with.
const COMMAND: &str = "<!-- scripts/bench ";

/// Why a table could not be put into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaceError {
    /// One of the two markers of a command is missing, or they are the wrong way round.
    Markers(&'static str),
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Markers(command) => write!(
                f,
                "no lines `{COMMAND}{command}: from here …` and `{COMMAND}{command}: to here …` to put the table between"
            ),
        }
    }
}

impl std::error::Error for ReplaceError {}

/// The document with this table in place of what was between the markers of a command of `scripts/bench`.
///
/// # Errors
/// When it has none.
pub fn replace_section(document: &str, command: &'static str, table: &str) -> Result<String, ReplaceError> {
    let missing = ReplaceError::Markers(command);
    let begin = document
        .find(&format!("{COMMAND}{command}: from here"))
        .ok_or(missing)?;
    let first = begin + document[begin..].find('\n').ok_or(missing)? + 1;
    let last = first
        + document[first..]
            .find(&format!("{COMMAND}{command}: to here"))
            .ok_or(missing)?;
    Ok(format!(
        "{}\n{}\n{}",
        &document[..first],
        table.trim_end(),
        &document[last..]
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str =
        "# Speed\n\n<!-- scripts/bench dns: from here it writes -->\nold\n<!-- scripts/bench dns: to here -->\n\nend\n";

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let once = replace_section(DOCUMENT, "dns", "| new |\n").unwrap();
        assert_eq!(
            once,
            "# Speed\n\n<!-- scripts/bench dns: from here it writes -->\n\n| new |\n<!-- scripts/bench dns: to here -->\n\nend\n"
        );
        assert_eq!(replace_section(&once, "dns", "| new |\n").unwrap(), once);
    }

    #[test]
    fn a_document_without_markers_stays_as_it_is() {
        assert_eq!(
            replace_section(DOCUMENT, "syslog", "new"),
            Err(ReplaceError::Markers("syslog"))
        );
    }
}
