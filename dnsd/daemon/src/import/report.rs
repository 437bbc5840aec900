//! What is said of statements: on stderr with their lines, and as comments in the file that is made.

use dnsd_core::named_conf::{Comment, Place, Statement};

use super::Import;
use super::reading::span;

/// How much of a statement a comment shows, in characters.
const SHOWN_CHARS_MAX: usize = 80;

/// The lines of comments, an empty one between those that stood apart.
pub(super) fn lines(comments: &[Comment]) -> Vec<String> {
    let mut lines = Vec::new();
    for comment in comments {
        if comment.is_apart && !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(comment.lines.iter().cloned());
    }
    lines
}

impl Import<'_> {
    /// The comments of a statement: above it, in it and behind it. Those within its blocks stay with what they belong to.
    pub(super) fn comments(&self, statement: &Statement) -> Vec<String> {
        let mut above = lines(&statement.comments);
        above.extend(lines(&statement.comments_behind));
        above
    }

    /// named would not take this, or take it for something else than what is read here.
    pub(super) fn error(&self, statement: &Statement, message: &str) {
        self.diagnostics.error(span(statement.place), message);
    }

    /// A statement that has no counterpart: what follows from that is up to who reads the report. Returns its comments and
    /// one that says so.
    pub(super) fn lost(&mut self, statement: &Statement, why: &str) -> Vec<String> {
        self.lost_part(statement.place, why);
        let place = self.diagnostics.place(span(statement.place));
        let mut above = self.comments(statement);
        above.push(format!("NOT CARRIED OVER ({place}): {}", shown(statement)));
        above.push(format!("  {why}"));
        above
    }

    /// The same for what stands in a statement that is carried over otherwise.
    pub(super) fn lost_part(&mut self, place: Place, why: &str) {
        self.is_whole = false;
        self.diagnostics
            .warning(span(place), format!("not carried over: {why}"));
    }

    /// What is a part of something that is carried over, and differs in a way to know of.
    pub(super) fn noted_part(&self, place: Place, why: &str) {
        self.diagnostics.note(span(place), why);
    }

    /// What differs by itself, and is said at the first statement that shows it.
    pub(super) fn remark_once(&mut self, statement: &Statement, why: &'static str) {
        if !self.remarks.contains(&why) {
            self.remarks.push(why);
            self.diagnostics.note(span(statement.place), why);
            self.document.top().comment(vec![format!("({why})")]);
        }
    }

    /// A statement that needs no counterpart. Returns its comments and one that says why.
    pub(super) fn noted(&self, statement: &Statement, why: &str) -> Vec<String> {
        self.diagnostics.note(span(statement.place), why);
        let mut above = self.comments(statement);
        above.push(format!("({}: {why})", shown(statement)));
        above
    }
}

/// A statement on a line of bounded length. What may hold a secret is cut at its name.
pub(super) fn shown(statement: &Statement) -> String {
    let text = statement.to_string();
    if text.to_ascii_lowercase().contains("secret") {
        let words: Vec<&str> = statement.words().take(2).map(|word| word.text.as_str()).collect();
        return format!("{} …", words.join(" "));
    }
    if text.chars().count() <= SHOWN_CHARS_MAX {
        return text;
    }
    text.chars().take(SHOWN_CHARS_MAX - 1).chain(['…']).collect()
}
