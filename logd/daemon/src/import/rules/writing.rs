//! Rules as they are written, and the files that they name: what most files have is said once.

use super::Item;
use crate::import::actions::{FileTarget, Target};
use crate::import::files::{self, FileKeys};
use crate::import::toml::{Element, Rank, Value, bare_or_quoted};
use crate::import::{Import, templates};

impl Import<'_> {
    /// Writes rules and files, now that it is known what most files have.
    pub(in crate::import) fn write_rules(&mut self) {
        let items = std::mem::take(&mut self.items);
        let files: Vec<&FileKeys> = items
            .iter()
            .filter_map(|item| match item {
                Item::Rule(rule) => Some(&rule.to),
                Item::Remark(_) | Item::Heading(_) => None,
            })
            .flatten()
            .filter_map(|target| match target {
                Target::File(file) => Some(&file.keys),
                Target::Named(_) => None,
            })
            .collect();
        let common = files::common(&files);
        if !common.is_empty() {
            let default = self.document.section(Rank::Default, "default.file");
            for (key, value) in &common {
                default.set(Vec::new(), key, files::value(key, value));
            }
        }
        let mut written = Vec::new();
        let mut heading = Vec::new();
        for item in items {
            let rule = match item {
                Item::Remark(above) => {
                    self.document.remark(Rank::Rule, std::mem::take(&mut heading));
                    self.document.remark(Rank::Rule, above);
                    continue;
                }
                Item::Heading(mut above) => {
                    heading.append(&mut above);
                    continue;
                }
                Item::Rule(rule) => rule,
            };
            let to = rule.to.into_iter().map(|target| match target {
                Target::Named(name) => name,
                Target::File(file) => self.file_name(*file, &common, &mut written),
            });
            let to: Vec<Element> = to.map(Element::new).collect();
            let section = self.document.element(Rank::Rule, "rule");
            section.above(std::mem::take(&mut heading)).above(rule.above);
            for (key, value) in rule.guard.keys() {
                section.set(Vec::new(), key, value);
            }
            match (to.is_empty(), rule.stops) {
                (true, _) => section.set(Vec::new(), "drop", Value::Bare("true".into())),
                (false, stops) => {
                    section.set(Vec::new(), "to", Value::List(to));
                    if stops {
                        section.set(Vec::new(), "stop", Value::Bare("true".into()));
                    }
                }
            }
        }
        self.document.remark(Rank::Rule, heading);
    }

    /// How a rule names a file: by its path if it has what most have, or by the name of an output.
    fn file_name(
        &mut self,
        file: FileTarget,
        common: &[(&'static str, String)],
        written: &mut Vec<(FileTarget, String)>,
    ) -> String {
        let all = file.keys.all();
        let of_common = |key: &str| common.iter().find(|(known, _)| *known == key).map(|(_, value)| value);
        let own: Vec<_> = all
            .iter()
            .filter_map(|(key, value)| {
                value
                    .filter(|value| of_common(key) != Some(value))
                    .map(|value| (*key, value.clone()))
            })
            .collect();
        if own.is_empty()
            && let Some(path) = &file.path
        {
            return templates::constant(path);
        }
        if let Some((_, name)) = written.iter().find(|(known, _)| *known == file) {
            return name.clone();
        }
        let hint = file
            .path
            .as_deref()
            .and_then(|path| path.rsplit('/').next())
            .or(file.template.as_deref());
        let name = self.output_name(hint.unwrap_or("file"));
        let path = match (&file.path, &file.template) {
            (Some(path), _) => Value::Plain(templates::constant(path)),
            (None, template) => {
                let name = template.clone().unwrap_or_default();
                Value::Inline(vec![("template", Value::Text(name))])
            }
        };
        let section = self
            .document
            .section(Rank::Output, &format!("output.{}.file", bare_or_quoted(&name)));
        section.set(Vec::new(), "path", path);
        for (key, value) in own {
            section.set(Vec::new(), key, files::value(key, &value));
        }
        written.push((file, name.clone()));
        name
    }
}
