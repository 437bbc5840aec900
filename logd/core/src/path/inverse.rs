//! A path template read backwards: which files of a tree it can have named, rotated ones included, and what their names say of
//! the messages in them. The log viewer finds its way through the trees by it.
//!
//! Reading backwards has limits, and nobody should take its answers for more than they are: a name has its slashes replaced and
//! may be cut, and where two properties share a component (`%HOSTNAME%-%PROGRAMNAME%.log`) the first one is taken to be as short
//! as it can be. A property that is cut out or looked up in parts (`%HOSTNAME:1:3%`) says nothing.

use regex::bytes::{Regex, RegexBuilder};

use super::{Part, PathTemplate};
use crate::template::{NowPart, Property, PropertyExpr};

/// What rotation, ours or logrotate's, puts behind a file's name: a date or a number, and how it is compressed.
const ROTATED: &str = r"(?:[.-][0-9][0-9.-]*)?(?:\.gz|\.zst)?";

/// The same behind a property, whose value can end with a number itself, such as an address: a date only.
const ROTATED_BY_DATE: &str = r"(?:-[0-9]{8}(?:-[0-9]{6}(?:-[0-9]+)?)?)?(?:\.gz|\.zst)?";

/// A pattern is as long as its template's text, which is the administrator's; this is enough for the longest component.
const PATTERN_BYTES_MAX: usize = 4 << 20;

/// The names that a template's components can have.
#[derive(Debug, Clone)]
pub struct Inverse {
    components: Box<[Regex]>,
    tells_host: bool,
    tells_program: bool,
}

/// What a component's name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told<'n> {
    /// The host whose messages are below.
    pub host: Option<&'n [u8]>,
    /// The program whose messages are below.
    pub program: Option<&'n [u8]>,
}

impl PathTemplate {
    /// The template, to be read backwards.
    #[must_use]
    pub fn inverse(&self) -> Inverse {
        let mut named = Named::default();
        let components: Vec<_> = self
            .parts
            .split(|part| matches!(part, Part::Slash))
            .map(|component| pattern(component, &mut named))
            .collect();
        let last = components.len() - 1;
        let compile = |(nth, pattern): (usize, String)| {
            let rotated = match self.parts.last() {
                _ if nth < last => "",
                Some(Part::Literal(_)) => ROTATED,
                _ => ROTATED_BY_DATE,
            };
            RegexBuilder::new(&format!("^(?:{pattern}){rotated}$"))
                .unicode(false)
                .dot_matches_new_line(true)
                .size_limit(PATTERN_BYTES_MAX)
                .build()
                .expect("a component is at most 255 bytes and a few properties")
        };
        Inverse {
            components: components.into_iter().enumerate().map(compile).collect(),
            tells_host: named.host,
            tells_program: named.program,
        }
    }
}

impl Inverse {
    /// How many components there are below the root, the file's name included.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.components.len()
    }

    /// Whether a path says which host the messages of its file are from.
    #[must_use]
    pub fn tells_host(&self) -> bool {
        self.tells_host
    }

    /// Whether a path says which program the messages of its file are from.
    #[must_use]
    pub fn tells_program(&self) -> bool {
        self.tells_program
    }

    /// Reads a component's name; `None` if the template gives it no such name. Components are counted from 0; the last is the
    /// file's name, which may be a rotated one's.
    #[must_use]
    pub fn read<'n>(&self, component: usize, name: &'n [u8]) -> Option<Told<'n>> {
        let found = self.components.get(component)?.captures(name)?;
        let named = |group| found.name(group).map(|found| found.as_bytes());
        Some(Told {
            host: named("host"),
            program: named("program"),
        })
    }
}

/// The properties that a group stands for already: it is the first one that counts.
#[derive(Default)]
struct Named {
    host: bool,
    program: bool,
}

fn pattern(component: &[Part], named: &mut Named) -> String {
    let mut pattern = String::new();
    for part in component {
        match part {
            Part::Literal(literal) => {
                for byte in literal {
                    pattern.push_str(&format!(r"\x{byte:02x}"));
                }
            }
            Part::Property(expr) => pattern.push_str(&value(expr, named)),
            Part::Slash => {}
        }
    }
    pattern
}

/// What a property can have written. Its value is never empty, see [`super`].
fn value(expr: &PropertyExpr, named: &mut Named) -> String {
    if !expr.is_whole() {
        return ".+?".to_owned();
    }
    match expr.property() {
        Property::Hostname | Property::FromHost | Property::FromHostIp if !std::mem::replace(&mut named.host, true) => {
            "(?P<host>.+?)".to_owned()
        }
        Property::ProgramName | Property::AppName if !std::mem::replace(&mut named.program, true) => {
            "(?P<program>.+?)".to_owned()
        }
        Property::Now(NowPart::Year, _) => "[0-9]{4}".to_owned(),
        Property::Now(NowPart::Date, _) => "[0-9]{4}-[0-9]{2}-[0-9]{2}".to_owned(),
        Property::Now(NowPart::Month | NowPart::Day | NowPart::Hour, _) => "[0-9]{2}".to_owned(),
        _ => ".+?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::Template;
    use crate::template::fixture::{Fixture, rfc5424};

    fn path(text: &str) -> PathTemplate {
        PathTemplate::new(&Template::parse(text).unwrap()).unwrap()
    }

    fn told<'n>(text: &str, names: &[&'n str]) -> Option<(Option<&'n str>, Option<&'n str>)> {
        let inverse = path(text).inverse();
        assert_eq!(inverse.depth(), names.len());
        let (mut host, mut program) = (None, None);
        for (nth, name) in names.iter().enumerate() {
            let told = inverse.read(nth, name.as_bytes())?;
            host = host.or(told.host.map(|name| std::str::from_utf8(name).unwrap()));
            program = program.or(told.program.map(|name| std::str::from_utf8(name).unwrap()));
        }
        Some((host, program))
    }

    #[test]
    fn a_tree_by_host_and_program_tells_both() {
        let text = "/var/log/hosts/%HOSTNAME%/%PROGRAMNAME%.log";
        assert_eq!(told(text, &["web1", "sshd.log"]), Some((Some("web1"), Some("sshd"))));
        assert_eq!(told(text, &["web1", "sshd.txt"]), None);
        assert_eq!(told(text, &["web1", ".log"]), None, "a property's value is never empty");
        assert_eq!(
            told("/l/%$year%/%PROGRAMNAME%/%FROMHOST-IP%", &["2026", "cron", "10.0.0.7"]),
            Some((Some("10.0.0.7"), Some("cron")))
        );
        assert_eq!(told("/l/%$year%/%HOSTNAME%", &["lost+found", "web1"]), None);
    }

    #[test]
    fn rotated_files_are_the_same_programs() {
        let text = "/l/%HOSTNAME%/%PROGRAMNAME%.log";
        for name in [
            "sshd.log-20261201",
            "sshd.log-20261201-134500-2.zst",
            "sshd.log.1",
            "sshd.log.2.gz",
            "sshd.log.gz",
        ] {
            assert_eq!(
                told(text, &["web1", name]),
                Some((Some("web1"), Some("sshd"))),
                "{name}"
            );
        }
        assert_eq!(told(text, &["web1", "sshd.log-20261201.zst.tmp"]), None);
        let bare = "/var/log/%HOSTNAME%";
        assert_eq!(told(bare, &["10.0.0.7-20261201.zst"]), Some((Some("10.0.0.7"), None)));
    }

    #[test]
    fn a_fixed_path_has_one_name_and_its_rotated_ones() {
        let text = "/var/log/auth.log";
        assert_eq!(told(text, &["auth.log"]), Some((None, None)));
        assert_eq!(told(text, &["auth.log.3.gz"]), Some((None, None)));
        assert_eq!(told(text, &["authxlog"]), None);
        let inverse = path(text).inverse();
        assert!(!inverse.tells_host() && !inverse.tells_program());
    }

    #[test]
    fn of_two_properties_in_one_component_the_first_is_the_shorter() {
        let text = "/l/%HOSTNAME%-%PROGRAMNAME%.log";
        assert_eq!(told(text, &["a-b-c.log"]), Some((Some("a"), Some("b-c"))));
    }

    #[test]
    fn a_property_that_is_cut_says_nothing() {
        let text = "/l/%HOSTNAME:1:3%/%HOSTNAME:::lowercase%.log";
        assert_eq!(told(text, &["web", "web1.log"]), Some((Some("web1"), None)));
    }

    proptest! {
        #[test]
        fn what_a_template_renders_is_read_back(
            host in "[a-z0-9.äß]{1,20}",
            program in "[a-z0-9_./]{1,20}",
            text in prop::sample::select(vec![
                "/r/%HOSTNAME%/%PROGRAMNAME%.log",
                "/r/%$year%-%$month%/by-%HOSTNAME%/x/%PROGRAMNAME%",
                "/r/%HOSTNAME%/%HOSTNAME%-%PROGRAMNAME%.log",
            ]),
        ) {
            let fixture = Fixture { message: rfc5424(host.as_bytes(), program.as_bytes()), ..Fixture::default() };
            let template = path(text);
            let inverse = template.inverse();
            let mut rendered = Vec::new();
            template.render(&fixture.context(), &mut rendered);
            let names: Vec<_> = rendered.strip_prefix(b"/r/").unwrap().split(|&byte| byte == b'/').collect();
            prop_assert_eq!(names.len(), inverse.depth());
            for (nth, name) in names.iter().enumerate() {
                prop_assert!(inverse.read(nth, name).is_some(), "{:?}", String::from_utf8_lossy(name));
            }
        }
    }
}
