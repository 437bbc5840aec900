//! What is said of statements: on stderr with their lines, and as comments in the file that is made.

use logd_core::rsyslog_conf::{Comment, Place, Statement};

use super::Import;
use super::reading::span;
use super::toml::Rank;

/// How much of a statement a comment shows, in characters.
const SHOWN_CHARS_MAX: usize = 100;

/// What `fromhost` takes.
const NAMES: &str = "inputs look senders' names up for this: `resolve`";

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

/// The comments of a statement: above it and behind it.
pub(super) fn comments(statement: &Statement) -> Vec<String> {
    let mut above = lines(&statement.comments);
    above.extend(lines(&statement.comments_behind));
    above
}

impl Import<'_> {
    /// rsyslogd would not take this, or take it for something else than what is read here.
    pub(super) fn error(&self, place: Place, message: &str) {
        self.diagnostics.error(span(place), message);
    }

    /// What a statement asks for has the names of senders in it, if rsyslogd looks them up.
    pub(super) fn needs_names(&mut self, place: Place) {
        if self.looks_names_up {
            self.needs_names = true;
            self.noted_part(place, NAMES);
        }
    }

    /// A statement that has no counterpart: what follows from that is up to who reads the report. Returns its comments and
    /// one that says so.
    pub(super) fn lost(&mut self, statement: &Statement, why: &str) -> Vec<String> {
        let mut above = comments(statement);
        above.extend(self.lost_text(statement.place, statement.place, why));
        above
    }

    /// The same for what is pointed at in a statement; returns the comment that shows the whole of it.
    pub(super) fn lost_text(&mut self, whole: Place, at: Place, why: &str) -> Vec<String> {
        self.lost_part(at, why);
        let place = self.diagnostics.place(span(at));
        vec![
            format!("NOT CARRIED OVER ({place}): {}", self.shown(whole)),
            format!("  {why}"),
        ]
    }

    /// The same for what stands in something that is carried over otherwise.
    pub(super) fn lost_part(&mut self, place: Place, why: &str) {
        self.is_whole = false;
        self.diagnostics
            .warning(span(place), format!("not carried over: {why}"));
    }

    /// A statement that needs no counterpart. Returns its comments and one that says why.
    pub(super) fn noted(&self, statement: &Statement, why: &str) -> Vec<String> {
        self.diagnostics.note(span(statement.place), why);
        let mut above = comments(statement);
        above.push(format!("({}: {why})", self.shown(statement.place)));
        above
    }

    /// What is a part of something that is carried over, and differs in a way to know of.
    pub(super) fn noted_part(&self, place: Place, why: &str) {
        self.diagnostics.note(span(place), why);
    }

    /// Comments that belong to no table.
    pub(super) fn at_top(&mut self, above: Vec<String>) {
        self.document.section(Rank::Top, "").comment(above);
    }

    /// What stands there, on a line of bounded length. What may hold a secret is cut off.
    pub(super) fn shown(&self, place: Place) -> String {
        let text = self.reading.text(place);
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "\\").collect();
        let text = words.join(" ");
        if super::reading::may_hold_secret(&text) {
            return format!(
                "{} …",
                words
                    .first()
                    .copied()
                    .unwrap_or_default()
                    .split('(')
                    .next()
                    .unwrap_or_default()
            );
        }
        if text.chars().count() <= SHOWN_CHARS_MAX {
            return text;
        }
        text.chars().take(SHOWN_CHARS_MAX - 1).chain(['…']).collect()
    }
}
