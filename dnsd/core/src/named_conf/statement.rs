//! What a text consists of.

use std::fmt;

use super::Place;

/// The statements between two braces, or those of a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// In the order written.
    pub statements: Vec<Statement>,
    /// Comments behind the last statement.
    pub comments: Vec<Comment>,
    /// From brace to brace.
    pub place: Place,
}

/// Words and blocks up to a semicolon: `zone "example.net" { … };`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// At least one.
    pub parts: Vec<Part>,
    /// The comments in front of it and between its parts.
    pub comments: Vec<Comment>,
    /// A comment behind its semicolon, on the same line. Who puts texts together adds those at the end of a text here.
    pub comments_behind: Vec<Comment>,
    /// From the first part to the last, without the semicolon.
    pub place: Place,
}

/// A part of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A word or a quoted string.
    Word(Word),
    /// `!`
    Not(Place),
    /// What stands in braces.
    Block(Block),
}

/// A word or a quoted string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Without quotes.
    pub text: String,
    /// Whether it had quotes: then it is no keyword.
    pub is_quoted: bool,
    /// Where it stands, with its quotes.
    pub place: Place,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its lines, without the marks and with no space around them.
    pub lines: Vec<String>,
    /// Whether an empty line stands in front of it.
    pub is_apart: bool,
}

impl Statement {
    /// The first word: what the statement sets. Names of statements are compared without their case; BIND writes all of
    /// them in small letters.
    pub fn name(&self) -> Option<&Word> {
        self.word(0)
    }

    /// The part with this number, if it is a word.
    pub fn word(&self, number: usize) -> Option<&Word> {
        match self.parts.get(number)? {
            Part::Word(word) => Some(word),
            Part::Not(_) | Part::Block(_) => None,
        }
    }

    /// Whether the statement begins with this keyword.
    pub fn is(&self, keyword: &str) -> bool {
        self.name().is_some_and(|name| name.is(keyword))
    }

    /// Its words, blocks left out.
    pub fn words(&self) -> impl Iterator<Item = &Word> {
        self.parts.iter().filter_map(|part| match part {
            Part::Word(word) => Some(word),
            Part::Not(_) | Part::Block(_) => None,
        })
    }

    /// Its first block.
    pub fn block(&self) -> Option<&Block> {
        self.parts.iter().find_map(|part| match part {
            Part::Block(block) => Some(block),
            Part::Word(_) | Part::Not(_) => None,
        })
    }

    /// The word behind a keyword of the statement: in `forwarders port 5353 { … };` that of `port` is `5353`.
    pub fn after(&self, keyword: &str) -> Option<&Word> {
        let at = self
            .parts
            .iter()
            .position(|part| matches!(part, Part::Word(word) if word.is(keyword)))?;
        self.word(at + 1)
    }
}

impl Word {
    /// Whether it is this keyword.
    pub fn is(&self, keyword: &str) -> bool {
        !self.is_quoted && self.text.eq_ignore_ascii_case(keyword)
    }
}

impl Block {
    /// Its statements of this name.
    pub fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b Statement> {
        self.statements.iter().filter(move |statement| statement.is(name))
    }

    /// The last statement of this name.
    pub fn last<'b>(&'b self, name: &'b str) -> Option<&'b Statement> {
        self.all(name).last()
    }
}

/// On one line, comments left out.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut needs_space = false;
        for part in &self.parts {
            if needs_space {
                f.write_str(" ")?;
            }
            needs_space = true;
            match part {
                Part::Word(word) if word.is_quoted => {
                    let text: String = word.text.split_whitespace().collect::<Vec<_>>().join(" ");
                    write!(f, "\"{text}\"")?;
                }
                Part::Word(word) => f.write_str(&word.text)?,
                Part::Not(_) => {
                    f.write_str("!")?;
                    needs_space = false;
                }
                Part::Block(block) => write!(f, "{block}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ ")?;
        for statement in &self.statements {
            write!(f, "{statement}; ")?;
        }
        f.write_str("}")
    }
}
