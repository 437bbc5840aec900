//! A table in a document: between two markers, which stay.

use std::fmt;

const BEGIN: &str = "<!-- scripts/bench dns: from here";
const END: &str = "<!-- scripts/bench dns: to here";

/// Why a table could not be put into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplaceError {
    /// One of the two markers is missing, or they are the wrong way round.
    Markers,
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Markers => write!(f, "no lines `{BEGIN} …` and `{END} …` to put the table between"),
        }
    }
}

impl std::error::Error for ReplaceError {}

/// The document with this table in place of what was between its markers.
///
/// # Errors
/// When it has none.
pub fn replace_section(document: &str, table: &str) -> Result<String, ReplaceError> {
    let begin = document.find(BEGIN).ok_or(ReplaceError::Markers)?;
    let first = begin + document[begin..].find('\n').ok_or(ReplaceError::Markers)? + 1;
    let last = first + document[first..].find(END).ok_or(ReplaceError::Markers)?;
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
        let once = replace_section(DOCUMENT, "| new |\n").unwrap();
        assert_eq!(
            once,
            "# Speed\n\n<!-- scripts/bench dns: from here it writes -->\n\n| new |\n<!-- scripts/bench dns: to here -->\n\nend\n"
        );
        assert_eq!(replace_section(&once, "| new |\n").unwrap(), once);
    }

    #[test]
    fn a_document_without_markers_stays_as_it_is() {
        assert_eq!(replace_section("# Speed\n", "new"), Err(ReplaceError::Markers));
    }
}
