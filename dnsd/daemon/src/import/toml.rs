//! The dnsd.toml that is being made: tables with their keys, and the comments above both.
//!
//! named.conf has its statements in any order; a TOML file has the keys of no table first. So each table has its [`Rank`], and
//! tables of one rank stand in the order in which they were made.

use std::fmt;

/// How long a line may be, in characters, before an array is written over several.
const LINE_CHARS_MAX: usize = 100;

/// Where a table stands among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// The keys of no table.
    Top,
    Listen,
    Control,
    QueryLog,
    RateLimit,
    Acl,
    Key,
    Remote,
    Forward,
    /// Zones, and views with their zones.
    Zone,
}

/// The whole file.
#[derive(Debug, Default)]
pub(super) struct Document {
    sections: Vec<Section>,
}

/// A table.
#[derive(Debug)]
pub(super) struct Section {
    rank: Rank,
    /// What stands in the brackets; empty at the top.
    header: String,
    above: Vec<String>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    above: Vec<String>,
    /// `None`: comments only.
    assignment: Option<(String, Value)>,
}

/// What a key is set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// A number or `true` and `false`, as TOML has them.
    Bare(String),
    List(Vec<Element>),
    /// `{ key = value }`
    Inline(Vec<(&'static str, Value)>),
}

/// An entry of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) value: Value,
    pub(super) above: Vec<String>,
}

impl Element {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            value: Value::Text(text.into()),
            above: Vec::new(),
        }
    }
}

impl Value {
    pub(super) fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Element::new).collect())
    }
}

impl Document {
    /// The table of this name; it is made if it isn't there.
    pub(super) fn section(&mut self, rank: Rank, header: &str) -> &mut Section {
        let found = self
            .sections
            .iter()
            .position(|section| section.rank == rank && section.header == header);
        let at = found.unwrap_or_else(|| {
            self.sections.push(Section {
                rank,
                header: header.to_owned(),
                above: Vec::new(),
                entries: Vec::new(),
            });
            self.sections.len() - 1
        });
        &mut self.sections[at]
    }

    /// Adds comments that belong to no table, behind the tables of this rank so far.
    pub(super) fn remark(&mut self, rank: Rank, above: Vec<String>) {
        if !above.is_empty() {
            self.sections.push(Section {
                rank,
                header: String::new(),
                above,
                entries: Vec::new(),
            });
        }
    }

    /// The keys of no table.
    pub(super) fn top(&mut self) -> &mut Section {
        self.section(Rank::Top, "")
    }
}

impl Section {
    /// Adds comments above the table.
    pub(super) fn above(&mut self, mut lines: Vec<String>) -> &mut Self {
        self.above.append(&mut lines);
        self
    }

    /// Adds comments below what the table has by now.
    pub(super) fn comment(&mut self, above: Vec<String>) {
        if !above.is_empty() {
            self.entries.push(Entry {
                above,
                assignment: None,
            });
        }
    }

    /// Sets a key, or adds the comments that are left of one.
    pub(super) fn line(&mut self, (above, assignment): (Vec<String>, Option<(&str, Value)>)) {
        match assignment {
            Some((key, value)) => self.set(above, key, value),
            None => self.comment(above),
        }
    }

    /// Sets a key, with comments above it.
    pub(super) fn set(&mut self, above: Vec<String>, key: &str, value: Value) {
        self.entries.push(Entry {
            above,
            assignment: Some((key.to_owned(), value)),
        });
    }

    /// The key that is set to this.
    pub(super) fn key_of(&self, value: &Value) -> Option<&str> {
        let mut assignments = self.entries.iter().filter_map(|entry| entry.assignment.as_ref());
        assignments.find(|(_, set)| set == value).map(|(key, _)| key.as_str())
    }

    /// Whether a key is set.
    pub(super) fn has(&self, key: &str) -> bool {
        let sets = |entry: &Entry| entry.assignment.as_ref().is_some_and(|(set, _)| set == key);
        self.entries.iter().any(sets)
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_empty =
            |section: &Section| section.header.is_empty() && section.above.is_empty() && section.entries.is_empty();
        let mut sections: Vec<&Section> = self.sections.iter().filter(|section| !is_empty(section)).collect();
        sections.sort_by_key(|section| section.rank);
        for (n, section) in sections.into_iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{section}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_comments(f, "", &self.above)?;
        if !self.header.is_empty() {
            writeln!(f, "[{}]", self.header)?;
        }
        for (n, entry) in self.entries.iter().enumerate() {
            write_comments(f, "", &entry.above)?;
            match &entry.assignment {
                Some((key, value)) => writeln!(f, "{} = {}", bare_or_quoted(key), Shown { key, value })?,
                // Such a comment is not about the key below it.
                None if n + 1 < self.entries.len() => writeln!(f)?,
                None => {}
            }
        }
        Ok(())
    }
}

fn write_comments(f: &mut fmt::Formatter<'_>, indent: &str, lines: &[String]) -> fmt::Result {
    for line in lines {
        // TOML takes no control characters in comments but the tab.
        let line: String = line.chars().filter(|&c| c == '\t' || !c.is_control()).collect();
        writeln!(f, "{indent}{}", format!("# {line}").trim_end())?;
    }
    Ok(())
}

/// A value; how long the key in front of it is decides whether an array fits the line.
struct Shown<'v> {
    key: &'v str,
    value: &'v Value,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Value::Text(text) => f.write_str(&quoted(text)),
            Value::Bare(text) => f.write_str(text),
            Value::List(elements) => {
                let texts: Vec<String> = elements
                    .iter()
                    .map(|element| {
                        Shown {
                            key: "",
                            value: &element.value,
                        }
                        .to_string()
                    })
                    .collect();
                let line = format!("[{}]", texts.join(", "));
                let has_comments = elements.iter().any(|element| !element.above.is_empty());
                if !has_comments && self.key.len() + line.chars().count() < LINE_CHARS_MAX {
                    return f.write_str(&line);
                }
                writeln!(f, "[")?;
                for (element, text) in elements.iter().zip(texts) {
                    write_comments(f, "    ", &element.above)?;
                    writeln!(f, "    {text},")?;
                }
                f.write_str("]")
            }
            Value::Inline(pairs) => {
                let pairs: Vec<String> = pairs
                    .iter()
                    .map(|(key, value)| format!("{key} = {}", Shown { key, value }))
                    .collect();
                write!(f, "{{ {} }}", pairs.join(", "))
            }
        }
    }
}

/// A basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A key, or a part of a table's name.
pub(super) fn bare_or_quoted(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !key.is_empty() && key.bytes().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_no_table_come_first_whenever_they_are_set() {
        let mut document = Document::default();
        document
            .section(Rank::Zone, "zone.\"a\".primary")
            .above(vec!["a zone".into()])
            .set(Vec::new(), "file", Value::Text("a\"b".into()));
        document
            .top()
            .set(vec!["why".into()], "views", Value::texts(["x", "y"]));
        assert_eq!(
            document.to_string(),
            "# why\nviews = [\"x\", \"y\"]\n\n# a zone\n[zone.\"a\".primary]\nfile = \"a\\\"b\"\n"
        );
    }

    #[test]
    fn a_long_array_and_one_with_comments_stand_over_lines() {
        let mut section = Document::default();
        let list = (0..20).map(|n| format!("10.0.{n}.0/24"));
        section.top().set(Vec::new(), "a", Value::texts(list));
        assert_eq!(section.to_string().lines().count(), 22);
        let commented = Element {
            value: Value::Text("b".into()),
            above: vec!["c".into()],
        };
        let mut section = Document::default();
        section.top().set(Vec::new(), "a", Value::List(vec![commented]));
        assert_eq!(section.to_string(), "a = [\n    # c\n    \"b\",\n]\n");
    }
}
