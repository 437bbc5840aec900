//! The reader: lines in, records out.

mod part;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use super::directive::Directive;
use super::error::{MasterError, MasterErrorKind, MasterWarning, MasterWarningKind};
use super::generate::Generate;
use super::head::{Head, next_token};
use super::limits::Limits;
use super::owner::Owner;
use super::plain;
use super::source::{Source, Sources};
use super::ttls::Ttls;
use crate::lexer::{Cursor, Lexeme, Lexer, Place, PlainLine};
use crate::name::{Name, NameBuf, NameRef};
use crate::rdata::{self, Words};
use crate::record::Record;
use crate::rrtype::{Class, Type};

pub use part::{Part, PartRead};

/// How much of a wrong word an error shows.
const SHOWN_BYTES_MAX: usize = 64;
/// The data of most records fits into this: a buffer that doesn't grow is allocated once for a file.
const RDATA_BYTES_MOSTLY: usize = 256;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One of the files that a reader has opened, in the order of opening: see [`Reader::files`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(u32);

impl FileId {
    /// Its index in [`Reader::files`].
    pub fn number(self) -> u32 {
        self.0
    }
}

/// A record as read; it lives until the next one is asked for.
#[derive(Debug, Clone, Copy)]
pub struct RecordRef<'r> {
    /// The name it belongs to.
    pub owner: NameRef<'r>,
    /// The zone's class.
    pub class: Class,
    /// Seconds, up to 2^31 − 1.
    pub ttl: u32,
    /// Its type.
    pub rtype: Type,
    /// Valid wire form of the type, names uncompressed.
    pub rdata: &'r [u8],
    /// The file it stands in.
    pub file: FileId,
    /// The line it starts on, from 1.
    pub line: u32,
}

impl RecordRef<'_> {
    /// An owned copy.
    pub fn to_record(&self) -> Record {
        let Self {
            owner,
            class,
            ttl,
            rtype,
            rdata,
            ..
        } = *self;
        Record {
            owner: owner.to_name(),
            class,
            ttl,
            rtype,
            rdata: rdata.into(),
        }
    }
}

/// Reads a master file and what it includes.
pub struct Reader<'s, 'o> {
    sources: &'o mut dyn Sources<'s>,
    limits: Limits,
    class: Class,
    /// The names of all files ever opened; a [`FileId`] is an index into them.
    files: Vec<Arc<str>>,
    /// The files being read: each includes the next.
    open: Vec<OpenFile<'s>>,
    ttls: Ttls,
    owner: Owner,
    rdata: Vec<u8>,
    generating: Option<Generate>,
    generated: u64,
    errors: usize,
    /// What an error is about when it isn't the last token.
    blamed: Option<(Place, Box<[u8]>)>,
    /// What was odd about the line being read.
    odd: Vec<MasterWarningKind>,
    warnings: Vec<MasterWarning>,
    /// Where the parts of the first file start that are read ahead, as far as they haven't been come to.
    parts: VecDeque<usize>,
    /// Set by the test that holds both ways of reading a line to the same.
    #[cfg(test)]
    pub(super) is_general_only: bool,
}

struct OpenFile<'s> {
    id: FileId,
    text: Cow<'s, [u8]>,
    cursor: Cursor,
    origin: NameBuf,
    /// The owner when this file was included: the including file goes on with it.
    owner_outside: Owner,
}

enum Step {
    /// The record's data is in the reader's buffer, its owner there or with `$GENERATE`.
    Record { ttl: u32, rtype: Type, line: u32 },
    /// Something else has been read.
    Other,
    /// All files have ended.
    End,
}

impl<'s, 'o> Reader<'s, 'o> {
    /// Reads `file` as records of `class` below `origin`.
    pub fn new(
        origin: &Name,
        class: Class,
        file: Source<'s>,
        sources: &'o mut dyn Sources<'s>,
        limits: Limits,
    ) -> Self {
        let mut reader = Self {
            sources,
            limits,
            class,
            files: Vec::new(),
            open: Vec::new(),
            ttls: Ttls::default(),
            owner: Owner::unknown(),
            rdata: Vec::with_capacity(RDATA_BYTES_MOSTLY),
            generating: None,
            generated: 0,
            errors: 0,
            blamed: None,
            odd: Vec::new(),
            warnings: Vec::new(),
            parts: VecDeque::new(),
            #[cfg(test)]
            is_general_only: false,
        };
        let mut buffer = NameBuf::root();
        buffer.set(origin.as_name_ref());
        reader.push_file(file, buffer);
        reader
    }

    /// The next record or error; `None` at the end, and where a [`Part`] starts. After an error reading goes on with the
    /// next record.
    pub fn next_record(&mut self) -> Option<Result<RecordRef<'_>, MasterError>> {
        let (ttl, rtype, line) = loop {
            let step = if self.generating.is_some() {
                self.step_generating()
            } else if self.has_come_to_part() {
                return None;
            } else {
                self.step()
            };
            match step {
                Ok(Step::Record { ttl, rtype, line }) => break (ttl, rtype, line),
                Ok(Step::Other) => {}
                Ok(Step::End) => return None,
                Err(kind) => return Some(Err(self.fail(kind))),
            }
        };
        self.warn_of_odd(line);
        let owner = self
            .generating
            .as_ref()
            .map_or(self.owner.name.as_name_ref(), Generate::owner);
        let file = self.open.last().map_or(FileId(0), |file| file.id);
        Some(Ok(RecordRef {
            owner,
            class: self.class,
            ttl,
            rtype,
            rdata: &self.rdata,
            file,
            line,
        }))
    }

    /// The names of the files opened so far: the first one and every included one, again when it was included again.
    pub fn files(&self) -> &[Arc<str>] {
        &self.files
    }

    /// The name of a record's file.
    pub fn file_name(&self, id: FileId) -> &Arc<str> {
        &self.files[id.0 as usize]
    }

    /// What was odd so far, at most [`Limits::warnings_max`] of it.
    pub fn warnings(&self) -> &[MasterWarning] {
        &self.warnings
    }

    /// Reads one line, or several that parentheses join.
    fn step(&mut self) -> Result<Step, MasterErrorKind> {
        match self.step_plain() {
            Some(step) => Ok(step),
            None => self.step_general(),
        }
    }

    /// Reads a line of the shape that most lines have; `None`, and nothing is taken, for any other.
    fn step_plain(&mut self) -> Option<Step> {
        #[cfg(test)]
        if self.is_general_only {
            return None;
        }
        let OpenFile {
            text, cursor, origin, ..
        } = self.open.last_mut()?;
        let line_number = cursor.line();
        let mut line = PlainLine::at(text, cursor);
        let record = plain::read(
            &mut line,
            origin.as_name_ref(),
            self.class,
            &mut self.owner,
            &mut self.rdata,
        )?;
        let has_owner = !record.inherits_owner || self.owner.is_known();
        if !has_owner || !self.ttls.has_one(record.ttl) {
            return None;
        }
        if record.inherits_owner {
            self.owner.inherit(&mut self.odd).ok()?;
        }
        let ttl = self.ttls.choose(record.ttl, &mut self.odd)?;
        line.take(cursor);
        Some(Step::Record {
            ttl,
            rtype: record.rtype,
            line: line_number,
        })
    }

    /// Reads what stands next, whatever its shape.
    fn step_general(&mut self) -> Result<Step, MasterErrorKind> {
        let Some(OpenFile {
            text, cursor, origin, ..
        }) = self.open.last_mut()
        else {
            return Ok(Step::End);
        };
        let mut lexer = Lexer::new(text, cursor);
        let blank = lexer.starts_blank();
        let first = match lexer.next()? {
            Lexeme::Token(token) => token,
            Lexeme::LineEnd => return Ok(Step::Other),
            Lexeme::TextEnd => {
                self.close_file();
                return Ok(Step::Other);
            }
        };
        let line = lexer.line();
        if !blank && !first.quoted && first.text.starts_with(b"$") {
            let directive = Directive::read(first.text, &mut lexer, origin.as_name_ref(), self.class)?;
            self.follow(directive)?;
            self.warn_of_odd(line);
            return Ok(Step::Other);
        }
        if line == 1 && first.text.starts_with(BYTE_ORDER_MARK) {
            return Err(MasterErrorKind::ByteOrderMark);
        }
        let type_word = if blank {
            self.owner.inherit(&mut self.odd)?;
            first
        } else {
            self.owner.read(first.text, origin.as_name_ref())?;
            next_token(&mut lexer)?
        };
        let head = Head::read(type_word, &mut lexer, self.class)?;
        let ttl = self.ttls.choose(head.ttl, &mut self.odd);
        if ttl.is_none() && head.rtype != Type::SOA {
            return Err(MasterErrorKind::NoTtl);
        }
        let mut words = Words::new(lexer, Some(origin.as_name_ref()));
        rdata::read(head.rtype, &mut words, &mut self.rdata)?;
        let ttl = ttl.unwrap_or_else(|| self.ttls.take_minimum(&self.rdata, &mut self.odd));
        Ok(Step::Record {
            ttl,
            rtype: head.rtype,
            line,
        })
    }

    fn follow(&mut self, directive: Directive) -> Result<(), MasterErrorKind> {
        match directive {
            Directive::Origin(origin) => {
                if let Some(file) = self.open.last_mut() {
                    file.origin = origin;
                }
                self.owner.origin_changed = true;
            }
            Directive::Ttl(ttl) => {
                self.ttls.set_default(ttl, &mut self.odd);
            }
            Directive::Include { name, origin, place } => self.include(&name, origin, place)?,
            Directive::Generate(mut generate) => match self.ttls.choose(generate.head.ttl, &mut self.odd) {
                Some(ttl) => {
                    generate.head.ttl = Some(ttl);
                    self.generating = Some(*generate);
                }
                None => return Err(MasterErrorKind::NoTtl),
            },
            Directive::Date => {}
        }
        Ok(())
    }

    /// Starts to read an included file (RFC 1035 §5.1). It inherits the owner; its origins and owners don't outlast it,
    /// its `$TTL` does, as with BIND.
    fn include(&mut self, name: &[u8], origin: Option<NameBuf>, place: Place) -> Result<(), MasterErrorKind> {
        self.blamed = Some((place, shown(name)));
        if self.open.len() >= self.limits.open_files_max {
            return Err(MasterErrorKind::IncludeTooDeep);
        }
        if self.files.len() > self.limits.includes_max {
            return Err(MasterErrorKind::TooManyIncludes);
        }
        let Some(including) = self.open.last() else {
            return Ok(());
        };
        let file = self
            .sources
            .open(name, &self.files[including.id.0 as usize])
            .map_err(MasterErrorKind::Include)?;
        self.blamed = None;
        let inherited = including.origin.clone();
        self.owner.origin_changed |= origin.is_some();
        self.push_file(file, origin.unwrap_or(inherited));
        Ok(())
    }

    fn push_file(&mut self, file: Source<'s>, origin: NameBuf) {
        // Below the limit on includes, and that is a count of files that were opened.
        let id = FileId(self.files.len() as u32);
        self.files.push(file.name.into());
        self.open.push(OpenFile {
            id,
            text: file.text,
            cursor: Cursor::START,
            origin,
            owner_outside: self.owner.clone(),
        });
    }

    fn close_file(&mut self) {
        let Some(file) = self.open.last() else { return };
        if file.text.last().is_some_and(|&last| last != b'\n' && last != b'\r') {
            self.warn(file.cursor.place().line, MasterWarningKind::NoFinalNewline);
        }
        if let Some(file) = self.open.pop() {
            self.owner = file.owner_outside;
        }
    }

    fn step_generating(&mut self) -> Result<Step, MasterErrorKind> {
        let Some((generate, file)) = self.generating.as_mut().zip(self.open.last()) else {
            return Ok(Step::End);
        };
        let Some(value) = generate.take_value() else {
            self.generating = None;
            return Ok(Step::Other);
        };
        self.generated += 1;
        let made = if self.generated > self.limits.generated_max {
            Err(MasterErrorKind::TooManyGenerated)
        } else {
            generate.make(value, file.origin.as_name_ref(), &mut self.rdata)
        };
        let (place, Head { ttl, rtype }) = (generate.place, &generate.head);
        match made {
            // The TTL was settled when the directive was read.
            Ok(()) => Ok(Step::Record {
                ttl: ttl.unwrap_or(0),
                rtype: *rtype,
                line: place.line,
            }),
            Err(kind) => {
                self.blamed = Some((place, Box::default()));
                self.generating = None;
                Err(kind)
            }
        }
    }

    /// Makes the error that the caller gets, and gets over it.
    fn fail(&mut self, kind: MasterErrorKind) -> MasterError {
        self.errors += 1;
        self.odd.clear();
        let blamed = self.blamed.take();
        let Some(OpenFile { id, text, cursor, .. }) = self.open.last_mut() else {
            return MasterError {
                file: "".into(),
                line: 0,
                column: 0,
                kind,
                token: Box::default(),
            };
        };
        let (place, token) = blamed.unwrap_or_else(|| (cursor.place(), shown(cursor.last_token(text))));
        Lexer::new(text, cursor).skip_record();
        let file = self.files[id.0 as usize].clone();
        let Place { line, column } = place;
        if self.errors >= self.limits.errors_max {
            self.open.clear();
            self.generating = None;
            return MasterError {
                file,
                line,
                column,
                kind: MasterErrorKind::TooManyErrors,
                token: Box::default(),
            };
        }
        MasterError {
            file,
            line,
            column,
            kind,
            token,
        }
    }

    /// What was odd about the record or the directive at `line` of the file that is being read.
    fn warn_of_odd(&mut self, line: u32) {
        for kind in std::mem::take(&mut self.odd) {
            self.warn(line, kind);
        }
    }

    fn warn(&mut self, line: u32, kind: MasterWarningKind) {
        if let Some(file) = self.open.last()
            && self.warnings.len() < self.limits.warnings_max
        {
            self.warnings.push(MasterWarning {
                file: self.files[file.id.0 as usize].clone(),
                line,
                kind,
            });
        }
    }
}

fn shown(token: &[u8]) -> Box<[u8]> {
    token[..token.len().min(SHOWN_BYTES_MAX)].into()
}
