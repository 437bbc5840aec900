//! What a machine is called: text with properties of the machine in it.

use std::fmt;

use super::Machine;
use crate::name::{LABEL_BYTES_MAX, Name};

/// A template of names: `%id%`, `%name%.web`, `%label:role%`.
///
/// What is put in becomes a host's label (RFC 952, RFC 1123 §2.1): letters in lower case, digits, and "-" for anything else, not
/// at its ends. What comes to nothing, or is not there, makes no name. A label that is longer than 63 octets is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Id,
    Name,
    Group,
    Zone,
    Kind,
    Label(Box<str>),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The octets that are meant.
    pub place: std::ops::Range<usize>,
    /// What is wrong with them.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads one.
    ///
    /// # Errors
    /// When it names a property that no machine has, or has text that can't stand in a host's name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let error = |place, message: &str| {
            Err(TemplateError {
                place,
                message: message.to_owned(),
            })
        };
        if text.is_empty() {
            return error(0..0, "an empty name");
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let Some(inside) = rest.strip_prefix('%') else {
                let end = rest.find('%').unwrap_or(rest.len());
                let literal = &rest[..end];
                let wrong = literal.char_indices().find(|(_, c)| !is_host_char(*c) && *c != '.');
                if let Some((offset, wrong)) = wrong {
                    let place = at + offset..at + offset + wrong.len_utf8();
                    return error(place, "a host's name has letters, digits, \"-\" and \".\" only");
                }
                parts.push(Part::Text(literal.to_ascii_lowercase().into()));
                at += end;
                continue;
            };
            let Some(end) = inside.find('%') else {
                return error(at..text.len(), "no second \"%\" ends this property");
            };
            let property = &inside[..end];
            let place = at..at + end + 2;
            parts.push(match property {
                "id" => Part::Id,
                "name" => Part::Name,
                "group" => Part::Group,
                "zone" => Part::Zone,
                "type" => Part::Kind,
                _ => match property.strip_prefix("label:") {
                    Some(label) if !label.is_empty() => Part::Label(label.into()),
                    _ => {
                        let known = "%id%, %name%, %group%, %zone%, %type% and %label:NAME%";
                        return error(place, &format!("no property of a machine; there are {known}"));
                    }
                },
            });
            at += end + 2;
        }
        let template = Self { parts };
        let texts = template.rendered(|_| Some("x".to_owned()));
        match texts.is_some_and(|name| name.split('.').all(|label| !label.is_empty())) {
            true => Ok(template),
            false => error(0..text.len(), "a label between two dots is empty"),
        }
    }

    /// Whether it makes names that are one machine's alone.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Id | Part::Name))
    }

    /// The name of a machine in a zone, if it has one by this template.
    pub(super) fn name_of(&self, machine: &Machine, origin: &Name) -> Option<Name> {
        let text = self.rendered(|part| host_label(machine.property(part)?))?;
        let mut name = origin.clone();
        for label in text.rsplit('.') {
            let label = label.get(..LABEL_BYTES_MAX).unwrap_or(label).trim_matches('-');
            if label.is_empty() {
                return None;
            }
            name = name.prepend(label.as_bytes()).ok()?;
        }
        Some(name)
    }

    fn rendered(&self, value: impl Fn(&Part) -> Option<String>) -> Option<String> {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => name.push_str(text),
                property => name.push_str(&value(property)?),
            }
        }
        Some(name)
    }
}

impl Machine {
    fn property(&self, part: &Part) -> Option<&str> {
        match part {
            Part::Text(_) => None,
            Part::Id => Some(&self.id),
            Part::Name => self.name.as_deref(),
            Part::Group => self.group.as_deref(),
            Part::Zone => self.zone.as_deref(),
            Part::Kind => self.kind.as_deref(),
            Part::Label(name) => self.labels.get(name).map(AsRef::as_ref),
        }
    }
}

/// Digits and letters are those of ASCII: what others look like is no matter of a host's name.
fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn host_label(value: &str) -> Option<String> {
    let label: String = value
        .chars()
        .map(|c| if is_host_char(c) { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let label = label.trim_matches('-');
    (!label.is_empty()).then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Machine {
        let labels = [("Name", "Büro 7"), ("none", "–"), ("role", "front.end")];
        Machine {
            id: "i-0A1".into(),
            name: Some("web-1".into()),
            group: Some("Web Servers!".into()),
            zone: Some("eu-west-1a".into()),
            labels: labels
                .iter()
                .map(|&(name, value)| (name.into(), value.into()))
                .collect(),
            ..Machine::default()
        }
    }

    fn name(template: &str) -> Option<String> {
        let origin = "cloud.internal.".parse().unwrap();
        let name = Template::parse(template).unwrap().name_of(&machine(), &origin);
        name.map(|name| name.to_string())
    }

    #[test]
    fn a_machines_properties_become_labels_of_hosts() {
        assert_eq!(name("%id%").unwrap(), "i-0a1.cloud.internal.");
        assert_eq!(
            name("%name%.%zone%.web").unwrap(),
            "web-1.eu-west-1a.web.cloud.internal."
        );
        assert_eq!(name("G-%group%").unwrap(), "g-web-servers.cloud.internal.");
        assert_eq!(name("%label:Name%").unwrap(), "b-ro-7.cloud.internal.");
        assert_eq!(name("%label:role%").unwrap(), "front-end.cloud.internal.");
        assert_eq!(name("all").unwrap(), "all.cloud.internal.");
    }

    #[test]
    fn what_is_not_there_makes_no_name() {
        for template in ["%type%", "x.%label:other%", "%label:none%"] {
            assert_eq!(name(template), None, "{template}");
        }
    }

    #[test]
    fn a_long_label_is_cut_and_a_long_name_is_none() {
        let origin: Name = "cloud.internal.".parse().unwrap();
        let long = Machine {
            name: Some(format!("{}-{}", "a".repeat(62), "b".repeat(20)).into()),
            ..Machine::default()
        };
        let name = |template| Template::parse(template).unwrap().name_of(&long, &origin);
        let cut = name("%name%").unwrap().to_string();
        assert_eq!(cut, format!("{}.cloud.internal.", "a".repeat(62)));
        assert_eq!(name("%name%.%name%.%name%.%name%"), None);
    }

    #[test]
    fn what_is_no_template_is_pointed_at() {
        let place = |text| Template::parse(text).unwrap_err().place;
        assert_eq!(place(""), 0..0);
        assert_eq!(place("a.%nmae%"), 2..8);
        assert_eq!(place("%label:%"), 0..8);
        assert_eq!(place("web-%id"), 4..7);
        assert_eq!(place("a_b%id%"), 1..2);
        assert_eq!(place("ü%id%"), 0..2);
        assert_eq!(place("%id%..x"), 0..7);
        assert_eq!(place(".%id%"), 0..5);
    }

    #[test]
    fn ids_and_names_are_a_machines_own() {
        let is_own = |text| Template::parse(text).unwrap().is_own();
        assert!(is_own("%id%") && is_own("x.%name%.%group%"));
        assert!(!is_own("%group%") && !is_own("%label:Name%") && !is_own("all"));
    }
}
