//! `[output.NAME.file]` and `[default.file]`, and the templates they name.

use std::path::PathBuf;
use std::time::Duration;

use ballast_shared::config::{FromValue, Size, Span, Spanned, Table, Value};
use ballast_shared::privileges::OctalMode;

use logd_core::rotation::{Compression, Every};

use super::choice::choice;
use crate::output::WhenFull;
use crate::output::file::{Keep, Rotate, Sync};

/// A buffer is written in pieces of this: a file that may hold less would be rotated with every write.
const ROTATE_SIZE_MIN: Size = Size { bytes: 64 << 10 };

/// Less than what a single file may have to take before it can be removed.
const KEEP_TOTAL_MIN: Size = Size { bytes: 64 << 10 };

/// What `[default.file]` and every file output take alike.
#[derive(Default)]
pub(in crate::config) struct FileKeys {
    pub(in crate::config) owner: Option<Spanned<String>>,
    pub(in crate::config) group: Option<Spanned<String>>,
    pub(in crate::config) file_mode: Option<Spanned<OctalMode>>,
    pub(in crate::config) dir_owner: Option<Spanned<String>>,
    pub(in crate::config) dir_group: Option<Spanned<String>>,
    pub(in crate::config) dir_mode: Option<Spanned<OctalMode>>,
    pub(in crate::config) format: Option<Spanned<FormatSpec>>,
    pub(in crate::config) flush_interval: Option<Spanned<Duration>>,
    pub(in crate::config) sync: Option<Spanned<Sync>>,
    pub(in crate::config) when_full: Option<Spanned<WhenFull>>,
    pub(in crate::config) min_free: Option<Spanned<Size>>,
    pub(in crate::config) open_files_max: Option<Spanned<usize>>,
    pub(in crate::config) rotate: Option<Spanned<Rotate>>,
    pub(in crate::config) keep: Option<Spanned<Keep>>,
    pub(in crate::config) archive: Option<Spanned<ArchiveSpec>>,
    pub(in crate::config) new_files_max: Option<Spanned<u32>>,
}

/// `archive = { plugin = "cloud", key = "logs/" }`
pub(in crate::config) struct ArchiveSpec {
    pub(in crate::config) plugin: Option<Spanned<String>>,
    pub(in crate::config) key: Option<Spanned<String>>,
}

/// `[output.NAME.file]`
pub(in crate::config) struct FileSpec {
    pub(in crate::config) path: Option<PathSpec>,
    pub(in crate::config) keys: FileKeys,
}

/// A template's text.
#[derive(Clone)]
pub(in crate::config) struct TemplateText {
    pub(in crate::config) text: String,
    /// The text as a path: relative to the file that it stands in.
    pub(in crate::config) path: PathBuf,
    pub(in crate::config) span: Span,
}

/// `path`
pub(in crate::config) enum PathSpec {
    /// A path, or a template in place.
    Inline(TemplateText),
    /// `{ template = "NAME" }`
    Template(Spanned<String>),
}

/// `format`
#[derive(Clone)]
pub(in crate::config) enum FormatSpec {
    /// A built-in format's name, or a template in place.
    Inline(String),
    /// `{ template = "NAME" }`
    Template(Spanned<String>),
}

impl FileKeys {
    pub(super) fn read(&mut self, table: &Table<'_>) {
        table.once("owner", &mut self.owner);
        table.once("group", &mut self.group);
        table.once("file-mode", &mut self.file_mode);
        table.once("dir-owner", &mut self.dir_owner);
        table.once("dir-group", &mut self.dir_group);
        table.once("dir-mode", &mut self.dir_mode);
        table.once("format", &mut self.format);
        table.once("flush-interval", &mut self.flush_interval);
        table.once("sync", &mut self.sync);
        table.once("when-full", &mut self.when_full);
        table.once("min-free", &mut self.min_free);
        table.once("open-files-max", &mut self.open_files_max);
        table.once("rotate", &mut self.rotate);
        table.once("keep", &mut self.keep);
        table.once("archive", &mut self.archive);
        table.once("new-files-max", &mut self.new_files_max);
    }
}

impl FileSpec {
    pub(super) fn read(table: &Table<'_>) -> Self {
        let mut keys = FileKeys::default();
        keys.read(table);
        Self {
            path: table.required("path"),
            keys,
        }
    }
}

impl FromValue for TemplateText {
    fn from_value(value: Value<'_>) -> Option<Self> {
        Some(Self {
            text: String::from_value(value)?,
            path: PathBuf::from_value(value)?,
            span: value.content_span(),
        })
    }
}

impl FromValue for PathSpec {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if value.is_table() {
            return Some(Self::Template(value.table()?.required("template")?));
        }
        TemplateText::from_value(value).map(Self::Inline)
    }
}

impl FromValue for FormatSpec {
    fn from_value(value: Value<'_>) -> Option<Self> {
        if value.is_table() {
            return Some(Self::Template(value.table()?.required("template")?));
        }
        String::from_value(value).map(Self::Inline)
    }
}

impl FromValue for Rotate {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let table = value.table()?;
        let size = at_least(&table, "size", ROTATE_SIZE_MIN);
        let every = table.optional::<Spanned<Duration>>("every").and_then(|every| {
            let checked = Every::new(every.value);
            checked
                .map_err(|error| {
                    let help = "such as \"1d\", \"7d\", \"1h\", \"6h\" or \"10m\"";
                    table.diagnostics().error_with_help(every.span, error.to_string(), help);
                })
                .ok()
        });
        let compress = table.value("compress").and_then(|value| {
            let choices = [
                ("zstd", Some(Compression::Zstd)),
                ("gzip", Some(Compression::Gzip)),
                ("none", None),
            ];
            choice(value, &choices)
        });
        Some(Self {
            size_bytes: size,
            every,
            compress: compress.flatten(),
        })
    }
}

impl FromValue for Keep {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let table = value.table()?;
        let age = table.optional::<Spanned<Duration>>("age");
        if let Some(age) = age.filter(|age| age.value.is_zero()) {
            table.diagnostics().error(age.span, "files are kept for a while");
        }
        Some(Self {
            age: age.map(|age| age.value),
            total_bytes: at_least(&table, "total", KEEP_TOTAL_MIN),
        })
    }
}

/// A size that below a certain one is a mistake.
fn at_least(table: &Table<'_>, key: &'static str, least: Size) -> Option<u64> {
    let size = table.optional::<Spanned<Size>>(key)?;
    if size.value < least {
        let message = format!("at least {} bytes", least.bytes);
        table.diagnostics().error(size.span, message);
    }
    Some(size.value.bytes)
}

impl FromValue for ArchiveSpec {
    fn from_value(value: Value<'_>) -> Option<Self> {
        let table = value.table()?;
        Some(Self {
            plugin: table.required("plugin"),
            key: table.optional("key"),
        })
    }
}

impl FromValue for Sync {
    fn from_value(value: Value<'_>) -> Option<Self> {
        match value.string()? {
            "never" => Some(Self::Never),
            "always" => Some(Self::Always),
            text if text.starts_with(|c: char| c.is_ascii_digit()) => Duration::from_value(value).map(Self::Every),
            text => {
                value.error_with_help(
                    format!("unknown choice \"{text}\""),
                    "there are: never, always, and a duration such as \"5s\"",
                );
                None
            }
        }
    }
}

impl FromValue for WhenFull {
    fn from_value(value: Value<'_>) -> Option<Self> {
        choice(value, &[("block", Self::Block), ("drop", Self::Drop)])
    }
}
