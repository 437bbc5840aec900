//! What files have, and `[default.file]`: what most of them have.

use super::toml::Value;

/// The keys of files that rsyslog has, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FileKeys {
    pub(super) owner: Option<String>,
    pub(super) group: Option<String>,
    pub(super) file_mode: Option<String>,
    pub(super) dir_owner: Option<String>,
    pub(super) dir_group: Option<String>,
    pub(super) dir_mode: Option<String>,
    pub(super) flush_interval: Option<String>,
    pub(super) sync: Option<String>,
    /// Its template's name.
    pub(super) format: Option<String>,
}

/// rsyslog's own defaults.
const FILE_MODE: &str = "0644";
const DIR_MODE: &str = "0700";

impl FileKeys {
    /// Takes a parameter of an action; whether it is one of these.
    pub(super) fn set(&mut self, name: &str, value: &str) -> bool {
        let text = || Some(value.to_owned());
        match name {
            "fileowner" | "fileownernum" => self.owner = text(),
            "filegroup" | "filegroupnum" => self.group = text(),
            "filecreatemode" => self.file_mode = text(),
            "dirowner" | "dirownernum" => self.dir_owner = text(),
            "dirgroup" | "dirgroupnum" => self.dir_group = text(),
            "dircreatemode" => self.dir_mode = text(),
            "flushinterval" => self.flush_interval = Some(format!("{value}s")),
            "sync" => self.sync = super::legacy::is_on(value).then(|| "always".to_owned()),
            _ => return false,
        }
        true
    }

    /// The same with rsyslog's defaults where nothing is said.
    pub(super) fn filled(mut self) -> Self {
        self.file_mode.get_or_insert_with(|| FILE_MODE.to_owned());
        self.dir_mode.get_or_insert_with(|| DIR_MODE.to_owned());
        self
    }

    /// Each key with its value, in the order in which they are written.
    pub(super) fn all(&self) -> [(&'static str, Option<&String>); 9] {
        [
            ("owner", self.owner.as_ref()),
            ("group", self.group.as_ref()),
            ("file-mode", self.file_mode.as_ref()),
            ("dir-owner", self.dir_owner.as_ref()),
            ("dir-group", self.dir_group.as_ref()),
            ("dir-mode", self.dir_mode.as_ref()),
            ("flush-interval", self.flush_interval.as_ref()),
            ("sync", self.sync.as_ref()),
            ("format", self.format.as_ref()),
        ]
    }
}

/// What most of the files have. A key that some don't have is left to those that do: it could not be taken back.
pub(super) fn common(files: &[&FileKeys]) -> Vec<(&'static str, String)> {
    let keys = FileKeys::default().all().map(|(key, _)| key);
    let most = |index: usize| {
        let values: Option<Vec<&String>> = files.iter().map(|file| file.all()[index].1).collect();
        let values = values?;
        let count = |value: &String| values.iter().filter(|other| **other == value).count();
        let mut best: Option<&String> = None;
        for value in &values {
            if best.is_none_or(|best| count(value) > count(best)) {
                best = Some(value);
            }
        }
        best.cloned()
    };
    let found = keys.into_iter().enumerate();
    found.filter_map(|(index, key)| Some((key, most(index)?))).collect()
}

/// A key's value as it is written: formats that are no built-in ones are templates.
pub(super) fn value(key: &str, value: &str) -> Value {
    if key == "format" {
        format(value)
    } else {
        Value::Text(value.to_owned())
    }
}

/// A format by its name.
pub(super) fn format(name: &str) -> Value {
    if logd_core::template::Template::builtin(name).is_some() {
        Value::Text(name.to_owned())
    } else {
        Value::Inline(vec![("template", Value::Text(name.to_owned()))])
    }
}
