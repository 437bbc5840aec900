//! Which files of a tree a path template can have named: for rotation and retention, which find files by walking the tree.

use memchr::memmem;

use super::{COMPONENT_BYTES_MAX, Part, PathTemplate};

/// The names that each component below a template's root can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    components: Box<[Component]>,
}

/// What stands between the properties of a component: before the first, between two, after the last. Without a property,
/// the one name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Component {
    literals: Box<[Box<[u8]>]>,
}

impl PathTemplate {
    /// The pattern of its paths, below its root.
    #[must_use]
    pub fn pattern(&self) -> PathPattern {
        let components = self.parts.split(|part| matches!(part, Part::Slash));
        PathPattern {
            components: components.map(Component::of).collect(),
        }
    }
}

impl PathPattern {
    /// How many components there are, that of the file's name included.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.components.len()
    }

    /// Whether a component, counted from 0, can have this name.
    #[must_use]
    pub fn matches(&self, component: usize, name: &[u8]) -> bool {
        self.components.get(component).is_some_and(|c| c.matches(name))
    }

    /// Whether the file's name can begin like this, of a name that was cut.
    #[must_use]
    pub fn begins_file_name(&self, name: &[u8]) -> bool {
        let file = self.components.last();
        file.is_some_and(|c| c.literals.len() > 1 && name.starts_with(&c.literals[0]))
    }
}

impl Component {
    fn of(parts: &[Part]) -> Self {
        let mut literals = vec![Vec::new()];
        for part in parts {
            match part {
                Part::Literal(literal) => literals.last_mut().expect("it has one").extend_from_slice(literal),
                Part::Property(_) => literals.push(Vec::new()),
                Part::Slash => {}
            }
        }
        Self {
            literals: literals.into_iter().map(Vec::into_boxed_slice).collect(),
        }
    }

    fn matches(&self, name: &[u8]) -> bool {
        let [first, between @ .., last] = &*self.literals else {
            return self.literals.iter().all(|literal| **literal == *name);
        };
        let Some(mut rest) = name.strip_prefix(&**first) else {
            return false;
        };
        // What was cut may lack its end; a character of four bytes is the most that is cut beside it.
        if name.len() > COMPONENT_BYTES_MAX - 4 {
            return true;
        }
        for literal in between {
            // A property's value is never empty.
            let Some(found) = rest.get(1..).and_then(|rest| memmem::find(rest, literal)) else {
                return false;
            };
            rest = &rest[1 + found + literal.len()..];
        }
        rest.len() > last.len() && rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::template::Template;
    use crate::template::fixture::{Fixture, rfc5424};

    fn pattern(text: &str) -> PathPattern {
        PathTemplate::new(&Template::parse(text).unwrap()).unwrap().pattern()
    }

    #[test]
    fn literals_hold_and_properties_are_anything() {
        let pattern = pattern("/var/log/hosts/%HOSTNAME%/x-%PROGRAMNAME%-%$year%.log");
        assert_eq!(pattern.depth(), 2);
        assert!(pattern.matches(0, b"web1"));
        assert!(pattern.matches(1, b"x-sshd-2026.log"));
        for name in [
            "sshd-2026.log",
            "x-sshd.log",
            "x-sshd-2026.log.gz",
            "x--2026.log",
            "x-sshd-.log",
        ] {
            assert!(!pattern.matches(1, name.as_bytes()), "{name}");
        }
        assert!(!pattern.matches(2, b"web1"));
    }

    #[test]
    fn a_fixed_path_has_one_name() {
        let pattern = pattern("/var/log/syslog");
        assert!(pattern.matches(0, b"syslog"));
        assert!(!pattern.matches(0, b"syslog2"));
    }

    proptest! {
        #[test]
        fn what_a_template_renders_matches_its_pattern(
            hostname in prop::collection::vec(prop_oneof![Just(b'.'), Just(b'-'), any::<u8>()], 0..300),
            program in prop::collection::vec(prop_oneof![Just(b'.'), Just(b'-'), any::<u8>()], 0..300),
            text in prop::sample::select(vec![
                "/root/%HOSTNAME%/%PROGRAMNAME%.log",
                "/root/x%HOSTNAME%-%PROGRAMNAME%-/%PROGRAMNAME%%HOSTNAME%",
                "/root/%PROGRAMNAME%a%HOSTNAME%a/log",
            ]),
        ) {
            let fixture = Fixture { message: rfc5424(&hostname, &program), ..Fixture::default() };
            let template = PathTemplate::new(&Template::parse(text).unwrap()).unwrap();
            let mut path = Vec::new();
            template.render(&fixture.context(), &mut path);
            let pattern = template.pattern();
            let below = path.strip_prefix(b"/root/").unwrap();
            for (nth, name) in below.split(|&b| b == b'/').enumerate() {
                prop_assert!(pattern.matches(nth, name), "{:?}", name);
            }
        }
    }
}
