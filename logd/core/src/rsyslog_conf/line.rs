//! What is told by how its line begins: directives, selectors, property filters, BSD's blocks, and actions as sysklogd writes them.

use super::SyntaxErrorKind;
use super::scanner::{Escapes, Scanner};
use super::statement::{Action, PropertyFilter, StatementKind};

impl Scanner<'_> {
    /// What only begins a line: directives, filters and BSD's blocks.
    pub(super) fn of_line(&mut self, is_line_start: bool, depth: usize) -> Option<StatementKind> {
        if !is_line_start {
            return None;
        }
        let line = self.line();
        let mut characters = line.chars();
        match (characters.next()?, characters.next()) {
            ('$', _) if self.is_at_directive() => Some(self.directive()),
            ('!', _) => Some(self.bsd_block()),
            ('+' | '-', next) if !matches!(next, Some('/' | '?')) => Some(self.bsd_block()),
            (':', _) if is_property_filter(line) => {
                let filter = self.property_filter()?;
                let then = self.block(depth, filter.value.place)?;
                Some(StatementKind::Property { filter, then })
            }
            _ => {
                let length = selector_length(line)?;
                let selector = self.take(&line[..length]);
                let then = self.block(depth, selector.place)?;
                Some(StatementKind::Select { selector, then })
            }
        }
    }

    fn bsd_block(&mut self) -> StatementKind {
        StatementKind::BsdBlock(self.take(self.line()))
    }

    pub(super) fn is_at_directive(&self) -> bool {
        let mut characters = self.line().chars();
        self.is_at_line_start()
            && characters.next() == Some('$')
            && characters.next().is_some_and(|c| c.is_ascii_alphabetic())
    }

    pub(super) fn directive(&mut self) -> StatementKind {
        self.advance(1);
        let name = self.take(self.while_in(|c| c.is_ascii_alphanumeric() || c == '_'));
        self.skip_blanks();
        // The text of a template may hold anything.
        let value = if name.is("template") {
            self.line()
        } else {
            before_comment(self.line())
        };
        StatementKind::Directive {
            name,
            value: self.take(value),
        }
    }

    fn property_filter(&mut self) -> Option<PropertyFilter> {
        let start = self.at();
        let filter = self.property_filter_parts();
        if filter.is_none() {
            self.skip_line();
            self.error(SyntaxErrorKind::BadPropertyFilter, start);
        }
        filter
    }

    fn property_filter_parts(&mut self) -> Option<PropertyFilter> {
        self.advance(1);
        self.skip_blanks();
        let property = self.take(self.while_in(|c| c.is_ascii_alphanumeric() || "$!./_-".contains(c)));
        self.skip_blanks();
        if property.text.is_empty() || !self.eat(",") {
            return None;
        }
        self.skip_blanks();
        let is_negated = self.eat("!");
        self.skip_blanks();
        let operation = self.take(self.word());
        self.skip_blanks();
        if operation.text.is_empty() || !self.eat(",") {
            return None;
        }
        self.skip_blanks();
        (self.peek() == Some('"')).then(|| PropertyFilter {
            property,
            is_negated,
            operation,
            value: self.string(Escapes::Any),
        })
    }

    pub(super) fn action(&mut self) -> Option<Action> {
        if self.is_at_object() && self.word().eq_ignore_ascii_case("action") {
            return Some(Action::Object(self.object()));
        }
        if self.eat("~") || self.eat_word("stop") {
            return Some(Action::Stop);
        }
        if self.eat_word("call") {
            self.skip_trivia();
            let name = self.while_in(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
            return (!name.is_empty()).then(|| Action::Call(self.take(name)));
        }
        let line = before_comment(self.line());
        let text = match line.chars().next()? {
            '/' | '|' | '@' | '^' | '?' | '>' | '.' | '-' | ':' => line,
            '*' => {
                let end = line.find([' ', '\t', '}']).unwrap_or(line.len());
                &line[..end]
            }
            c if c.is_ascii_alphanumeric() || c == '_' => {
                self.while_in(|c| c.is_ascii_alphanumeric() || "_-+,;".contains(c))
            }
            _ => return None,
        };
        Some(Action::Legacy(self.take(text)))
    }
}

/// Whether a line that begins with a colon is a property filter, and not the action of a module such as `:omusrmsg:*`.
fn is_property_filter(line: &str) -> bool {
    let name_end = line[1..].find([',', ':', '"']).map_or(line.len(), |end| end + 1);
    line[name_end..].starts_with(',')
}

/// How long the selector is that a line begins with, if it does.
fn selector_length(line: &str) -> Option<usize> {
    let facilities = line.find(|c: char| !(c.is_ascii_alphanumeric() || c == '*' || c == ','))?;
    if facilities == 0 || !line[facilities..].starts_with('.') {
        return None;
    }
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "*,;.!=".contains(c)));
    Some(end.unwrap_or(line.len()))
}

/// What stands in front of a comment on a line, which begins at a `#` with white space in front.
fn before_comment(line: &str) -> &str {
    let mut end = line.len();
    for (at, _) in line.match_indices('#') {
        if line[..at].ends_with([' ', '\t']) {
            end = at;
            break;
        }
    }
    line[..end].trim_ascii_end()
}
