//! `[template]`: the templates of both of rsyslog's ways to write them, in the one language that logd has.

use std::fmt::Write;

use logd_core::rsyslog_conf::{Body, Object, Statement, Text};
use logd_core::template::{Template, TemplateErrorKind};

use super::Import;
use super::files::FileKeys;
use super::inputs::all_values;
use super::report::{comments, lines};
use super::toml::{Rank, Value};

/// The templates so far.
#[derive(Debug, Default)]
pub(super) struct Templates {
    list: Vec<Declared>,
    /// `module(load="builtin:omfile" …)`
    pub(super) file_module: FileKeys,
}

#[derive(Debug)]
struct Declared {
    name: String,
    /// `None`: it can't be carried over.
    text: Option<String>,
    above: Vec<String>,
}

impl Import<'_> {
    /// `$template NAME,"text",options`
    pub(super) fn legacy_template(&mut self, statement: &Statement, value: &Text) {
        let (name, rest) = value.text.split_once(',').unwrap_or((&value.text, ""));
        let name = name.trim().to_owned();
        let Some(quoted) = rest.trim_start().strip_prefix('"') else {
            self.no_template(statement, name, "its text is made by a module of rsyslog's");
            return;
        };
        let (text, behind) = legacy_text(quoted);
        let options = behind.trim_start_matches(',').split('#').next().unwrap_or_default();
        if ["sql", "json"]
            .iter()
            .any(|option| options.to_ascii_lowercase().contains(option))
        {
            self.no_template(
                statement,
                name,
                "templates have no option that escapes all of their properties",
            );
            return;
        }
        self.add_template(statement, name, text, comments(statement));
    }

    /// `template(name="…" type="string" string="…")` and the other types.
    pub(super) fn template(&mut self, statement: &Statement, object: &Object) {
        let Some(name) = object.value("name").map(|name| name.text.clone()) else {
            self.error(object.place, "a template has a name");
            return;
        };
        let escapes = all_values(object)
            .into_iter()
            .find(|(option, _)| option.starts_with("option."));
        if escapes
            .is_some_and(|(option, value)| !option.ends_with("casesensitive") && super::legacy::is_on(&value.text))
        {
            self.no_template(
                statement,
                name,
                "templates have no option that escapes all of their properties",
            );
            return;
        }
        let mut above = comments(statement);
        let text = match (object.value("string"), &object.body) {
            (Some(string), _) => Ok(string_text(&string.text)),
            (None, Some(Body::Elements { elements, comments })) => {
                above.extend(lines(comments));
                list_text(elements)
            }
            _ => Err("its text is made of JSON variables, or by a module of rsyslog's"),
        };
        match text {
            Ok(text) => self.add_template(statement, name, text, above),
            Err(why) => self.no_template(statement, name, why),
        }
    }

    fn add_template(&mut self, statement: &Statement, name: String, text: String, above: Vec<String>) {
        if has_property(&text, "fromhost") {
            self.needs_names(statement.place);
        }
        match Template::parse(&text) {
            Ok(_) => self.templates.list.push(Declared {
                name,
                text: Some(text),
                above,
            }),
            Err(error) => {
                let why = if error.kind == TemplateErrorKind::PropertyNotCarried {
                    "its text has JSON variables".to_owned()
                } else {
                    let part = text.get(error.at.clone()).unwrap_or_default();
                    format!("{error}: {part}")
                };
                self.no_template(statement, name, &why);
            }
        }
    }

    fn no_template(&mut self, statement: &Statement, name: String, why: &str) {
        let above = self.lost(statement, why);
        self.templates.list.push(Declared {
            name,
            text: None,
            above,
        });
    }

    /// Why what is written in this format can't be, if so.
    pub(super) fn no_format(&self, name: &str) -> Option<&'static str> {
        match self.templates.list.iter().find(|template| template.name == name) {
            Some(Declared { text: Some(_), .. }) => None,
            Some(_) => Some("its template is not carried over"),
            None if Template::builtin(name).is_some() => None,
            None => Some("there is no template of this name"),
        }
    }

    /// The text of a template.
    pub(super) fn template_text(&self, name: &str) -> Option<&str> {
        let found = self.templates.list.iter().find(|template| template.name == name);
        found.and_then(|template| template.text.as_deref())
    }

    pub(super) fn write_templates(&mut self) {
        for template in std::mem::take(&mut self.templates.list) {
            let section = self.document.section(Rank::Template, "template");
            match template.text {
                Some(text) => section.set(template.above, &template.name, Value::Plain(text)),
                None => section.comment(template.above),
            }
        }
    }
}

/// Whether a property is asked for in a template's text.
fn has_property(text: &str, property: &str) -> bool {
    // Every second part stands between percent signs; of `%%` that is nothing.
    let properties = text.split('%').skip(1).step_by(2);
    let mut names = properties.filter_map(|property| property.split(':').next());
    names.any(|name| name.eq_ignore_ascii_case(property))
}

/// The text of `$template` up to its closing quote, and what follows. A backslash takes the next character as it is, but for
/// `\n`, `\r` and a character's number, which is decimal.
fn legacy_text(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut rest = quoted;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => return (text, rest),
            '%' => {
                // Between percent signs nothing is escaped.
                let end = rest.find('%').map_or(rest.len(), |end| end + 1);
                text.push('%');
                text.push_str(&rest[..end]);
                rest = &rest[end..];
            }
            '\\' => {
                let Some(escaped) = rest.chars().next() else { break };
                let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                if digits > 0 {
                    let byte = rest[..digits].parse::<u32>().unwrap_or_default() & 0xff;
                    push_constant(&mut text, char::from_u32(byte).unwrap_or_default());
                    rest = &rest[digits..];
                    continue;
                }
                rest = &rest[escaped.len_utf8()..];
                let meant = match escaped {
                    'n' => '\n',
                    'r' => '\r',
                    other => other,
                };
                push_constant(&mut text, meant);
            }
            c => push_constant(&mut text, c),
        }
    }
    (text, rest)
}

/// The text of `template(string="…")`, whose escapes are resolved already.
fn string_text(string: &str) -> String {
    let mut text = String::new();
    for (n, part) in string.split('%').enumerate() {
        if n % 2 == 1 {
            write!(text, "%{part}%").expect("a string takes all");
        } else {
            part.chars().for_each(|c| push_constant(&mut text, c));
        }
    }
    text
}

/// Text that a template writes as it is.
pub(super) fn constant(text: &str) -> String {
    let mut constant = String::new();
    text.chars().for_each(|c| push_constant(&mut constant, c));
    constant
}

fn push_constant(text: &mut String, c: char) {
    match c {
        '%' => text.push_str("%%"),
        '\\' => text.push_str("\\\\"),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        c if c.is_ascii_control() => write!(text, "\\{:03o}", u32::from(c)).expect("a string takes all"),
        c => text.push(c),
    }
}

/// The text of a template of type `list`.
fn list_text(elements: &[Object]) -> Result<String, &'static str> {
    let mut text = String::new();
    for element in elements {
        if element.is("constant") {
            if element.value("outname").is_some() {
                return Err("it names fields of JSON");
            }
            let value = element.value("value").map_or("", |value| &value.text);
            text.push_str(&constant(&unescaped(value)));
        } else {
            text.push_str(&property_text(element)?);
        }
    }
    Ok(text)
}

/// What rsyslogd makes of a constant's text, in which it resolves escapes a second time: `\\n` ends the line there, too.
fn unescaped(text: &str) -> String {
    let mut unescaped = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let behind = rest.clone().next().filter(|_| c == '\\');
        let meant = match behind {
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('a') => '\x07',
            Some('b') => '\x08',
            Some('f') => '\x0c',
            Some(same @ ('\\' | '"' | '\'' | '?' | '$')) => same,
            _ => {
                unescaped.push(c);
                continue;
            }
        };
        unescaped.push(meant);
        rest.next();
    }
    unescaped
}

/// What options are called in a list and in a text.
const OPTIONS: &[(&str, &str, &str)] = &[
    ("format", "csv", "csv"),
    ("format", "json", "json"),
    ("format", "jsonf", "jsonf"),
    ("format", "jsonr", "jsonr"),
    ("format", "jsonfr", "jsonfr"),
    ("caseconversion", "upper", "uppercase"),
    ("caseconversion", "lower", "lowercase"),
    ("controlcharacters", "escape", "escape-cc"),
    ("controlcharacters", "space", "space-cc"),
    ("controlcharacters", "drop", "drop-cc"),
    ("securepath", "drop", "secpath-drop"),
    ("securepath", "replace", "secpath-replace"),
    ("spifno1stsp", "on", "sp-if-no-1st-sp"),
    ("droplastlf", "on", "drop-last-lf"),
    ("compressspace", "on", "compressspace"),
    ("fixedwidth", "on", "fixed-width"),
    ("position.relativetoend", "on", "pos-end-relative"),
    ("mandatory", "on", "mandatory-field"),
    ("date.inutc", "on", "date-utc"),
];

/// `property(name="…" …)` as `%name:from:to:options:field%`.
fn property_text(property: &Object) -> Result<String, &'static str> {
    let mut name = String::new();
    let mut options = Vec::new();
    let mut from = String::new();
    let mut to = String::new();
    let mut outname = String::new();
    let value = |name: &str| property.value(name).map(|value| value.text.clone());
    for (parameter, value) in all_values(property) {
        let text = value.text;
        match parameter.as_str() {
            "name" => name = text,
            "outname" => outname = text,
            "position.from" => from = text,
            "dateformat" => options.push(format!("date-{text}")),
            "position.to" | "field.number" => to = text,
            "field.delimiter" => from = format!("F,{text}"),
            "regex.expression" | "regex.type" | "regex.submatch" | "regex.match" | "regex.nomatchmode" => {}
            _ => {
                let on = super::legacy::is_on(&text);
                let known = OPTIONS.iter().find(|(known, value, _)| {
                    *known == parameter && (value.eq_ignore_ascii_case(&text) || *value == "on" && on)
                });
                match known {
                    Some((_, _, option)) => options.push((*option).to_owned()),
                    None if OPTIONS
                        .iter()
                        .any(|(known, value, _)| *known == parameter && *value == "on") => {}
                    None => return Err("it has an option that texts of templates don't have"),
                }
            }
        }
    }
    if let Some(expression) = value("regex.expression") {
        // rsyslog's defaults: basic, the first group of the first match.
        let kind = value("regex.type").unwrap_or_else(|| "BRE".to_owned());
        let group = value("regex.submatch").unwrap_or_else(|| "0".to_owned());
        let nth = value("regex.match").unwrap_or_else(|| "0".to_owned());
        let otherwise = value("regex.nomatchmode").unwrap_or_else(|| "DFLT".to_owned());
        from = format!("R,{},{group},{otherwise},{nth}", kind.to_ascii_uppercase());
        to = format!("{expression}--end");
    }
    if value("field.delimiter").is_none() && value("field.number").is_some() {
        "F".clone_into(&mut from);
    }
    let mut text = format!("%{name}");
    let places = [from, to, options.join(","), outname];
    let last = places.iter().rposition(|place| !place.is_empty());
    for place in &places[..last.map_or(0, |last| last + 1)] {
        write!(text, ":{place}").expect("a string takes all");
    }
    text.push('%');
    Ok(text)
}
