//! A configuration in TOML that is being made: tables with their keys, and the comments above both. What `import` prints.
//!
//! Other programs' configurations have their statements in any order; a TOML file has the keys of no table first. So each table
//! has a rank, of a type of the importer's own, and tables of one rank stand in the order in which they were made.

use std::fmt;

/// How long a line may be, in characters, before an array is written over several.
const LINE_CHARS_MAX: usize = 100;

/// The whole file.
#[derive(Debug)]
pub struct Document<R> {
    sections: Vec<Section<R>>,
}

/// A table.
#[derive(Debug)]
pub struct Section<R> {
    rank: R,
    /// What stands in the brackets; empty where there is no table.
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
pub enum Value {
    /// A basic string.
    Text(String),
    /// A string as it is: a literal one where a basic one would need escapes, such as a regular expression.
    Plain(String),
    /// A number or `true` and `false`, as TOML has them.
    Bare(String),
    /// An array.
    List(Vec<Element>),
    /// `{ key = value }`
    Inline(Vec<(&'static str, Value)>),
}

/// An entry of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The entry.
    pub value: Value,
    /// Comments above it.
    pub above: Vec<String>,
}

impl Element {
    /// A text without comments.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            value: Value::Text(text.into()),
            above: Vec::new(),
        }
    }
}

impl Value {
    /// An array of texts.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(Element::new).collect())
    }
}

impl<R> Default for Document<R> {
    fn default() -> Self {
        Self { sections: Vec::new() }
    }
}

impl<R: Copy + Ord> Document<R> {
    /// The table of this name; it is made if it isn't there. The name is empty for the keys of no table.
    pub fn section(&mut self, rank: R, header: &str) -> &mut Section<R> {
        let found = self
            .sections
            .iter()
            .position(|section| section.rank == rank && section.header == header);
        match found {
            Some(at) => &mut self.sections[at],
            None => self.push(rank, header.to_owned()),
        }
    }

    /// One more table of an array of tables.
    pub fn element(&mut self, rank: R, array: &str) -> &mut Section<R> {
        self.push(rank, format!("[{array}]"))
    }

    fn push(&mut self, rank: R, header: String) -> &mut Section<R> {
        self.sections.push(Section {
            rank,
            header,
            above: Vec::new(),
            entries: Vec::new(),
        });
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }

    /// Adds comments that belong to no table, behind the tables of this rank so far.
    pub fn remark(&mut self, rank: R, above: Vec<String>) {
        if !above.is_empty() {
            self.push(rank, String::new()).above = above;
        }
    }
}

impl<R> Section<R> {
    /// Adds comments above the table.
    pub fn above(&mut self, mut lines: Vec<String>) -> &mut Self {
        self.above.append(&mut lines);
        self
    }

    /// Adds comments below what the table has by now.
    pub fn comment(&mut self, above: Vec<String>) {
        if !above.is_empty() {
            self.entries.push(Entry {
                above,
                assignment: None,
            });
        }
    }

    /// Sets a key, or adds the comments that are left of one.
    pub fn line(&mut self, (above, assignment): (Vec<String>, Option<(&str, Value)>)) {
        match assignment {
            Some((key, value)) => self.set(above, key, value),
            None => self.comment(above),
        }
    }

    /// Sets a key, with comments above it.
    pub fn set(&mut self, above: Vec<String>, key: &str, value: Value) {
        self.entries.push(Entry {
            above,
            assignment: Some((key.to_owned(), value)),
        });
    }

    /// The key that is set to this.
    pub fn key_of(&self, value: &Value) -> Option<&str> {
        let mut assignments = self.entries.iter().filter_map(|entry| entry.assignment.as_ref());
        assignments.find(|(_, set)| set == value).map(|(key, _)| key.as_str())
    }

    /// Whether a key is set.
    pub fn has(&self, key: &str) -> bool {
        let sets = |entry: &Entry| entry.assignment.as_ref().is_some_and(|(set, _)| set == key);
        self.entries.iter().any(sets)
    }
}

impl<R: Ord + Copy> fmt::Display for Document<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_empty =
            |section: &Section<R>| section.header.is_empty() && section.above.is_empty() && section.entries.is_empty();
        let mut sections: Vec<&Section<R>> = self.sections.iter().filter(|section| !is_empty(section)).collect();
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

impl<R> fmt::Display for Section<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_comments(f, "", &self.above)?;
        if !self.header.is_empty() {
            writeln!(f, "[{}]", self.header)?;
        }
        for (n, entry) in self.entries.iter().enumerate() {
            write_comments(f, "", &entry.above)?;
            match &entry.assignment {
                Some((key, value)) => {
                    let shown = Shown { key, value, depth: 0 };
                    writeln!(f, "{} = {shown}", bare_or_quoted(key))?;
                }
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
    /// How many arrays over several lines it stands in.
    depth: usize,
}

/// How far the entries of an array are indented, more than the array.
const INDENT: &str = "    ";

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Value::Text(text) => f.write_str(&quoted(text)),
            Value::Plain(text) => f.write_str(&plain(text)),
            Value::Bare(text) => f.write_str(text),
            Value::List(elements) => {
                let texts: Vec<String> = elements
                    .iter()
                    .map(|element| {
                        Shown {
                            key: "",
                            value: &element.value,
                            depth: self.depth + 1,
                        }
                        .to_string()
                    })
                    .collect();
                let line = format!("[{}]", texts.join(", "));
                let has_comments = elements.iter().any(|element| !element.above.is_empty());
                let indent = INDENT.len() * self.depth;
                if !has_comments
                    && !line.contains('\n')
                    && indent + self.key.len() + line.chars().count() < LINE_CHARS_MAX
                {
                    return f.write_str(&line);
                }
                writeln!(f, "[")?;
                let indent = INDENT.repeat(self.depth + 1);
                for (element, text) in elements.iter().zip(texts) {
                    write_comments(f, &indent, &element.above)?;
                    writeln!(f, "{indent}{text},")?;
                }
                write!(f, "{}]", INDENT.repeat(self.depth))
            }
            Value::Inline(pairs) => {
                let pairs: Vec<String> = pairs
                    .iter()
                    .map(|(key, value)| {
                        format!(
                            "{key} = {}",
                            Shown {
                                key,
                                value,
                                depth: self.depth
                            }
                        )
                    })
                    .collect();
                write!(f, "{{ {} }}", pairs.join(", "))
            }
        }
    }
}

/// A literal string, or a basic one where that can't be or reads as well.
fn plain(text: &str) -> String {
    let needs_escapes = text.contains(['"', '\\']);
    if needs_escapes && !text.chars().any(|c| c == '\'' || c.is_control()) {
        format!("'{text}'")
    } else {
        quoted(text)
    }
}

/// A basic string.
pub fn quoted(text: &str) -> String {
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
pub fn bare_or_quoted(key: &str) -> String {
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

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Rank {
        Top,
        Zone,
    }

    #[test]
    fn keys_of_no_table_come_first_whenever_they_are_set() {
        let mut document = Document::default();
        document
            .section(Rank::Zone, "zone.\"a\".primary")
            .above(vec!["a zone".into()])
            .set(Vec::new(), "file", Value::Text("a\"b".into()));
        document
            .section(Rank::Top, "")
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
        section.section(Rank::Top, "").set(Vec::new(), "a", Value::texts(list));
        assert_eq!(section.to_string().lines().count(), 22);
        let commented = Element {
            value: Value::Text("b".into()),
            above: vec!["c".into()],
        };
        let mut section = Document::default();
        section
            .section(Rank::Top, "")
            .set(Vec::new(), "a", Value::List(vec![commented]));
        assert_eq!(section.to_string(), "a = [\n    # c\n    \"b\",\n]\n");
    }
    #[test]
    fn a_plain_string_has_no_escapes_where_it_needs_none() {
        assert_eq!(plain("a"), "\"a\"");
        assert_eq!(plain(r"a\.b"), r"'a\.b'");
        assert_eq!(plain("it's \\"), "\"it's \\\\\"");
        assert_eq!(plain("\t\\"), "\"\\u0009\\\\\"");
    }

    #[test]
    fn arrays_in_arrays_are_indented() {
        let list = |texts: Vec<Value>| {
            let elements = texts.into_iter().map(|value| Element {
                value,
                above: Vec::new(),
            });
            Value::Inline(vec![("all", Value::List(elements.collect()))])
        };
        let long = || Value::Text("x".repeat(60));
        let mut document = Document::default();
        let nested = list(vec![list(vec![long(), long()]), Value::Bare("1".into())]);
        document.section(Rank::Top, "").set(Vec::new(), "a", nested);
        let x = "x".repeat(60);
        assert_eq!(
            document.to_string(),
            format!("a = {{ all = [\n    {{ all = [\n        \"{x}\",\n        \"{x}\",\n    ] }},\n    1,\n] }}\n")
        );
    }

    #[test]
    fn tables_of_an_array_stay_apart() {
        let mut document = Document::default();
        for name in ["a", "b"] {
            let rule = document.element(Rank::Zone, "rule");
            rule.set(Vec::new(), "name", Value::Text(name.into()));
        }
        assert_eq!(
            document.to_string(),
            "[[rule]]\nname = \"a\"\n\n[[rule]]\nname = \"b\"\n"
        );
    }
}
