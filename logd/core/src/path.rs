//! Paths that are built from messages: a template whose text is a file's path, made so that no message can leave its tree.
//!
//! What stands in the template before its first property, up to the last slash, is trusted: it is the tree's root and may be
//! anything, links included. Below it only the template's own slashes separate. Each component there has no slash and no
//! NUL (both become `_` inside a property's value, as with rsyslog's `secpath-replace`), is neither `.` nor `..` (the dots
//! become `_`), and is at most 255 bytes long. A property whose value is empty is written `unknown`, so that
//! `%HOSTNAME%/%PROGRAMNAME%.log` of a message without a tag is `web1/unknown.log` and not the hidden file `web1/.log`.
//!
//! That keeps the name inside the tree; that the file system agrees (no links below the root) is for whoever opens it.

mod inverse;
mod pattern;

use std::fmt;

pub use inverse::{Inverse, Told};
pub use pattern::PathPattern;

use crate::template::{Context, NowPart, NowZone, Op, Property, PropertyExpr, Template};

/// The longest name of a directory's entry (NAME_MAX of every Linux file system in use).
const COMPONENT_BYTES_MAX: usize = 255;

/// The longest path that Linux takes, without its closing NUL.
const PATH_BYTES_MAX: usize = 4095;

/// What an empty property's value becomes.
const UNKNOWN: &[u8] = b"unknown";

/// A template that names files in a tree.
#[derive(Debug, Clone)]
pub struct PathTemplate {
    /// The trusted root, with its slash; empty if the template begins with a property.
    root: Box<[u8]>,
    /// The parts of the components below it.
    parts: Box<[Part]>,
    /// What it depends on; `None`: on more than is worth comparing.
    key: Option<Box<[KeyPart]>>,
}

/// One of the things that a path depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum KeyPart {
    /// A property of few bytes.
    Value(Property),
    /// A label of the sender's, by its name.
    Label(Box<str>),
    /// The time of writing, in steps of so many seconds of our own zone's clocks.
    Now { step_s: i64 },
}

/// What a path below the root is put together from.
#[derive(Debug, Clone)]
enum Part {
    /// Bytes of a component; no slash is in them.
    Literal(Box<[u8]>),
    Property(Box<PropertyExpr>),
    /// A component ends here and another one begins.
    Slash,
}

/// Why a template can't be a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// It ends with a slash, or is empty: there is no file's name.
    NoFileName,
    /// A component below the root is `.` or `..` by itself.
    DotComponent,
    /// It has a NUL.
    Nul,
    /// It is the format `json`, which is no path.
    NotAPath,
    /// The root and the longest names of all components would be longer than a path can be.
    TooLong,
}

impl PathTemplate {
    /// Makes a path of a template.
    pub fn new(template: &Template) -> Result<Self, PathError> {
        let literal = template.literal_prefix();
        let root_end = literal
            .iter()
            .rposition(|&byte| byte == b'/')
            .map_or(0, |slash| slash + 1);
        let (root, first) = literal.split_at(root_end);
        let mut parts = Parts::default();
        parts.push_literal(first)?;
        let rest = template.ops().iter().skip(usize::from(!literal.is_empty()));
        for op in rest {
            match op {
                Op::Literal(literal) => parts.push_literal(literal)?,
                Op::Property(expr) => parts.list.push(Part::Property(expr.clone())),
                Op::JsonLine => return Err(PathError::NotAPath),
            }
        }
        if root.contains(&0) {
            return Err(PathError::Nul);
        }
        Self::checked(root, parts.list)
    }

    fn checked(root: &[u8], parts: Vec<Part>) -> Result<Self, PathError> {
        if matches!(parts.last(), None | Some(Part::Slash)) {
            return Err(PathError::NoFileName);
        }
        for component in parts.split(|part| matches!(part, Part::Slash)) {
            if let [Part::Literal(name)] = component
                && matches!(**name, [b'.'] | [b'.', b'.'])
            {
                return Err(PathError::DotComponent);
            }
        }
        // Whatever the messages say, no path is longer than this: rendering needs no check.
        let slashes = parts.iter().filter(|part| matches!(part, Part::Slash)).count();
        if root.len() + slashes + (slashes + 1) * COMPONENT_BYTES_MAX > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        Ok(Self {
            root: one_spelling(root),
            key: key(&parts),
            parts: parts.into(),
        })
    }

    /// The trusted root, with its slash; empty if the template begins with a property, so that the path is relative.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// Whether a plugin's inventory is asked for it.
    #[must_use]
    pub fn asks_cloud(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, Part::Property(expr) if expr.property().is_of_cloud()))
    }

    /// Whether it is the same path for every message.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Property(_)))
    }

    /// Appends what the path of this message depends on: two messages with the same bytes have the same path. `false`: that
    /// can't be said in short, and the path itself is to be rendered.
    #[must_use]
    pub fn append_key(&self, context: &Context<'_>, out: &mut Vec<u8>) -> bool {
        let Some(parts) = &self.key else { return false };
        let begin = out.len();
        for part in parts {
            let start = out.len();
            match part {
                KeyPart::Value(property) => context.append_plain(*property, out),
                KeyPart::Label(name) => out.extend_from_slice(context.cloud.label(name)),
                KeyPart::Now { step_s } => {
                    let local_s = context.now.unix_s.saturating_add(i64::from(context.now.offset_s));
                    out.extend_from_slice(&local_s.div_euclid(*step_s).to_ne_bytes());
                }
            }
            // So that it is seen where one value ends and the next begins.
            let Ok(length) = u8::try_from(out.len() - start) else {
                out.truncate(begin);
                return false;
            };
            out.push(length);
        }
        true
    }

    /// Appends the path that this text has in the place of every property: a file in the tree that no message names.
    pub fn render_with(&self, value: &[u8], out: &mut Vec<u8>) {
        self.render_by(|_, out| out.extend_from_slice(value), out);
    }

    /// Appends the path for this message: the root, then the sanitized components below it.
    pub fn render(&self, context: &Context<'_>, out: &mut Vec<u8>) {
        self.render_by(|expr, out| expr.render(context, out), out);
    }

    #[inline]
    fn render_by(&self, value: impl Fn(&PropertyExpr, &mut Vec<u8>), out: &mut Vec<u8>) {
        out.extend_from_slice(&self.root);
        let mut component = out.len();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => out.extend_from_slice(literal),
                Part::Property(expr) => render_property(|out| value(expr, out), out),
                Part::Slash => {
                    finish_component(out, component);
                    out.push(b'/');
                    component = out.len();
                }
            }
        }
        finish_component(out, component);
    }
}

/// What the parts depend on, each thing once.
fn key(parts: &[Part]) -> Option<Box<[KeyPart]>> {
    const DAY_S: i64 = 86_400;
    let mut key = Vec::new();
    for part in parts {
        let Part::Property(expr) = part else { continue };
        let part = match expr.property() {
            property @ (Property::Hostname
            | Property::FromHost
            | Property::FromHostIp
            | Property::PeerName
            | Property::ProgramName
            | Property::AppName
            | Property::FacilityText
            | Property::SeverityText
            | Property::InputName
            | Property::Cloud(_)
            | Property::CloudState) => KeyPart::Value(property),
            Property::CloudLabel => KeyPart::Label(expr.label().unwrap_or_default().into()),
            // A zone's clocks change by quarters of an hour at the least, so the seconds that they show go on in whole minutes.
            Property::Now(NowPart::Date | NowPart::Year | NowPart::Month | NowPart::Day, NowZone::Local) => {
                KeyPart::Now { step_s: DAY_S }
            }
            Property::Now(NowPart::Hour, NowZone::Local) => KeyPart::Now { step_s: 3600 },
            _ => return None,
        };
        if !key.contains(&part) {
            key.push(part);
        }
    }
    Some(key.into())
}

/// A root without what the kernel skips, so that one file has one path and one buffer however it is spelt. `..` stays: behind
/// a link it leads elsewhere.
fn one_spelling(root: &[u8]) -> Box<[u8]> {
    let mut spelt = Vec::with_capacity(root.len());
    for (nth, name) in root.split_inclusive(|&byte| byte == b'/').enumerate() {
        if nth == 0 || !matches!(name, b"/" | b"./") {
            spelt.extend_from_slice(name);
        }
    }
    spelt.into()
}

/// The parts of a path that is being read.
#[derive(Default)]
struct Parts {
    list: Vec<Part>,
}

impl Parts {
    /// Takes a literal apart at its slashes; a run of them separates once, as it does for the kernel.
    fn push_literal(&mut self, literal: &[u8]) -> Result<(), PathError> {
        if literal.contains(&0) {
            return Err(PathError::Nul);
        }
        for (nth, name) in literal.split(|&byte| byte == b'/').enumerate() {
            if nth > 0 && !matches!(self.list.last(), None | Some(Part::Slash)) {
                self.list.push(Part::Slash);
            }
            if !name.is_empty() {
                self.list.push(Part::Literal(name.into()));
            }
        }
        Ok(())
    }
}

fn render_property(value: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
    let start = out.len();
    value(out);
    for byte in &mut out[start..] {
        if matches!(byte, b'/' | 0) {
            *byte = b'_';
        }
    }
    if out.len() == start {
        out.extend_from_slice(UNKNOWN);
    }
}

/// Makes what stands in the buffer from `start` on a name that can be a file's.
fn finish_component(out: &mut Vec<u8>, start: usize) {
    if out.len() - start > COMPONENT_BYTES_MAX {
        out.truncate(start + cut_length(&out[start..]));
    }
    if matches!(out[start..], [b'.'] | [b'.', b'.']) {
        out[start..].fill(b'_');
    }
}

/// How many bytes of a name that is too long stay: no character of UTF-8 is cut through, in what is UTF-8.
fn cut_length(name: &[u8]) -> usize {
    let is_continuation = |byte: u8| byte & 0xc0 == 0x80;
    // A character has three continuation bytes at most.
    (COMPONENT_BYTES_MAX - 3..=COMPONENT_BYTES_MAX)
        .rev()
        .find(|&length| !is_continuation(name[length]))
        .unwrap_or(COMPONENT_BYTES_MAX)
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoFileName => "the path names no file",
            Self::DotComponent => "`.` and `..` can stand before the first property only",
            Self::Nul => "a path has no NUL",
            Self::NotAPath => "`json` is a format for lines",
            Self::TooLong => "with names of 255 bytes the path would be longer than the 4095 bytes of Linux",
        })
    }
}

impl std::error::Error for PathError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Origin;
    use crate::template::fixture::{Fixture, rfc5424};
    use crate::time::Timestamp;

    fn path(text: &str) -> Result<PathTemplate, PathError> {
        PathTemplate::new(&Template::parse(text).unwrap())
    }

    fn rendered(text: &str, fixture: &Fixture<'_>) -> String {
        let mut out = Vec::new();
        path(text).unwrap().render(&fixture.context(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn root_is_what_stands_before_the_first_property_up_to_its_last_slash() {
        for (text, root) in [
            ("/var/log/hosts/%HOSTNAME%/%PROGRAMNAME%.log", "/var/log/hosts/"),
            ("/var/log/host-%HOSTNAME%.log", "/var/log/"),
            ("../logs/%HOSTNAME%", "../logs/"),
            ("%HOSTNAME%.log", ""),
            ("/var/log/syslog", "/var/log/"),
        ] {
            assert_eq!(path(text).unwrap().root(), root.as_bytes(), "{text}");
        }
    }

    #[test]
    fn root_has_one_spelling() {
        for (text, root) in [
            ("/var//log///%HOSTNAME%", "/var/log/"),
            ("//var/./log/./a", "/var/log/"),
            ("./a", "./"),
            ("../logs/./../%HOSTNAME%", "../logs/../"),
        ] {
            assert_eq!(path(text).unwrap().root(), root.as_bytes(), "{text}");
        }
    }

    #[test]
    fn path_without_properties_is_fixed() {
        assert!(path("/var/log/syslog").unwrap().is_fixed());
        assert!(!path("/var/log/%HOSTNAME%").unwrap().is_fixed());
        assert_eq!(rendered("/var/log/syslog", &Fixture::default()), "/var/log/syslog");
    }

    #[test]
    fn only_the_templates_slashes_separate() {
        let fixture = Fixture {
            message: rfc5424(b"../../etc", b"a/b\0c"),
            ..Fixture::default()
        };
        assert_eq!(
            rendered("/l/%HOSTNAME%/%PROGRAMNAME%.log", &fixture),
            "/l/.._.._etc/a_b_c.log"
        );
        assert_eq!(
            rendered("/l/%HOSTNAME%//x-%PROGRAMNAME%", &fixture),
            "/l/.._.._etc/x-a_b_c"
        );
    }

    #[test]
    fn dot_components_are_replaced() {
        let fixture = Fixture {
            message: rfc5424(b"..", b"."),
            ..Fixture::default()
        };
        assert_eq!(rendered("/l/%HOSTNAME%/%PROGRAMNAME%", &fixture), "/l/__/_");
        assert_eq!(
            rendered("/l/%PROGRAMNAME%./%PROGRAMNAME%%PROGRAMNAME%", &fixture),
            "/l/__/__"
        );
        assert_eq!(rendered("/l/%HOSTNAME%.log", &fixture), "/l/...log");
    }

    /// Of messages whose keys are the same the paths are the same; what the tests' paths depend on is told apart.
    #[test]
    fn key_tells_apart_what_the_path_depends_on_and_nothing_else() {
        let key = |text: &str, fixture: &Fixture<'_>| {
            let mut out = Vec::new();
            path(text)
                .unwrap()
                .append_key(&fixture.context(), &mut out)
                .then_some(out)
        };
        let of = |host: &'static [u8], program: &'static [u8]| Fixture {
            message: rfc5424(host, program),
            ..Fixture::default()
        };
        let both = "/l/%HOSTNAME%/%PROGRAMNAME:1:3:uppercase%/%$year%";
        assert_eq!(key(both, &of(b"ab", b"c")), key(both, &of(b"ab", b"c")));
        assert_ne!(key(both, &of(b"ab", b"c")), key(both, &of(b"a", b"bc")));
        assert_ne!(key(both, &of(b"ab", b"c")), key(both, &of(b"ab", b"")));
        let named = |peer_name| {
            let fixture = of(b"ab", b"c");
            let origin = Origin {
                peer_name: Some(peer_name),
                ..fixture.origin
            };
            Fixture { origin, ..fixture }
        };
        let peer = "/l/%PEER-NAME%/log";
        assert_ne!(key(peer, &named("web1")), key(peer, &named("web2")));
        let host = "/l/%HOSTNAME%/log";
        assert_eq!(key(host, &of(b"ab", b"c")), key(host, &of(b"ab", b"d")));
        assert_eq!(key("/l/log", &of(b"ab", b"c")), Some(Vec::new()));
        for own in ["/l/%msg%", "/l/%$minute%", "/l/%HOSTNAME%/%timegenerated:::date-day%"] {
            assert_eq!(key(own, &of(b"ab", b"c")), None, "{own}");
        }
    }

    #[test]
    fn key_changes_with_the_day_of_our_own_zone() {
        let template = path("/l/%$day%").unwrap();
        let key = |unix_s: i64| {
            let fixture = Fixture {
                now: Timestamp::from_unix(unix_s, 0).with_offset(3600),
                ..Fixture::default()
            };
            let mut out = Vec::new();
            assert!(template.append_key(&fixture.context(), &mut out));
            out
        };
        let midnight = 86_400 - 3600;
        assert_eq!(key(0), key(midnight - 1));
        assert_ne!(key(midnight - 1), key(midnight));
    }

    #[test]
    fn empty_property_is_unknown() {
        let fixture = Fixture {
            message: rfc5424(b"web1", b""),
            ..Fixture::default()
        };
        assert_eq!(
            rendered("/l/%HOSTNAME%/%PROGRAMNAME%.log", &fixture),
            "/l/web1/unknown.log"
        );
        assert_eq!(rendered("/l/%PROGRAMNAME%/x", &fixture), "/l/unknown/x");
        assert_eq!(rendered("/l/%msg%%PROGRAMNAME%", &fixture), "/l/unknownunknown");
    }

    #[test]
    fn component_is_cut_at_255_bytes_and_not_within_a_character() {
        let long = "é".repeat(200);
        let fixture = Fixture {
            message: rfc5424(long.as_bytes(), b"p"),
            ..Fixture::default()
        };
        let path = rendered("/l/%HOSTNAME%/%PROGRAMNAME%", &fixture);
        assert_eq!(path, format!("/l/{}/p", "é".repeat(127)));
    }

    #[test]
    fn templates_that_name_no_file_in_their_tree_are_refused() {
        assert_eq!(path("/var/log/").err(), Some(PathError::NoFileName));
        assert_eq!(path("/var/log/%HOSTNAME%/").err(), Some(PathError::NoFileName));
        assert_eq!(path("").err(), Some(PathError::NoFileName));
        assert_eq!(path("/var/log/%HOSTNAME%/../x").err(), Some(PathError::DotComponent));
        assert_eq!(path("/var/%HOSTNAME%/./x").err(), Some(PathError::DotComponent));
        assert_eq!(path("/var/log/..").err(), Some(PathError::DotComponent));
        assert_eq!(path(r"/var\000/%HOSTNAME%").err(), Some(PathError::Nul));
        assert_eq!(path(&"/%HOSTNAME%".repeat(16)).err(), Some(PathError::TooLong));
        assert_eq!(
            PathTemplate::new(&Template::builtin("json").unwrap()).err(),
            Some(PathError::NotAPath)
        );
    }

    proptest! {
        #[test]
        fn no_message_leaves_its_tree(
            hostname in prop::collection::vec(prop_oneof![Just(b'.'), Just(b'/'), any::<u8>()], 0..300),
            program in prop::collection::vec(prop_oneof![Just(b'.'), Just(b'/'), any::<u8>()], 0..300),
            template in prop::sample::select(vec![
                "/root/%HOSTNAME%/%PROGRAMNAME%.log",
                "/root/%HOSTNAME%%PROGRAMNAME%/.%msg%/%$year%-%PROGRAMNAME:2:3%",
                "/root/.%HOSTNAME:::secpath-drop%/%PROGRAMNAME:F,47:2%/x",
                "/root/%PROGRAMNAME:R,ERE,0,BLANK:[.]+--end%./%HOSTNAME:1:1%/%HOSTNAME:::escape-cc,uppercase%",
            ]),
        ) {
            let fixture = Fixture { message: rfc5424(&hostname, &program), ..Fixture::default() };
            let template = path(template).unwrap();
            let mut out = b"before".to_vec();
            template.render(&fixture.context(), &mut out);
            let path = out.strip_prefix(b"before/root/").unwrap();
            prop_assert!(path.len() + 6 < 4096);
            let components: Vec<_> = path.split(|&byte| byte == b'/').collect();
            prop_assert_eq!(components.len(), template.parts.iter().filter(|p| matches!(p, Part::Slash)).count() + 1);
            for component in components {
                prop_assert!(!matches!(component, b"" | b"." | b".."));
                prop_assert!(component.len() <= 255 && !component.contains(&0));
            }
        }
    }
}
