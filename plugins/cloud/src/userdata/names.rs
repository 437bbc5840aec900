//! Names that stand in other programs' files: parsed, so that they are nothing else.

use std::fmt;
use std::str::FromStr;

/// A text that is no name of the kind that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotAName(&'static str);

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether it is a host's or a domain's name: labels of letters, digits, hyphens and underscores.
pub(super) fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    (1..=253).contains(&text.len()) && text.split('.').all(is_label)
}

/// A domain in which short names are looked for; with "~" before it, one whose names are asked of our name servers and that is
/// not searched, as systemd-resolved has them. "~." is all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SearchDomain {
    text: String,
}

impl SearchDomain {
    /// As systemd-resolved has it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The name, if it is one to search.
    pub(super) fn searched(&self) -> Option<&str> {
        (!self.text.starts_with('~')).then_some(&self.text)
    }
}

impl FromStr for SearchDomain {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let name = text.strip_prefix('~').unwrap_or(text);
        let is_all = text == "~.";
        match is_all || is_domain(name.strip_suffix('.').unwrap_or(name)) {
            true => Ok(Self { text: text.to_owned() }),
            false => Err(NotAName("not the name of a domain")),
        }
    }
}

/// The name of a package, with a version where it has one: "ffmpeg", "ffmpeg=7:5.1.6-0+deb12u1".
pub(super) fn package(text: &str) -> Result<&str, NotAName> {
    let is_inner = |b: u8| b.is_ascii_alphanumeric() || b"+.-_:~=".contains(&b);
    let is_name =
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.len() <= 200 && text.bytes().all(is_inner);
    is_name.then_some(text).ok_or(NotAName("not the name of a package"))
}

/// The absolute path of a file, without "." and ".." in it.
pub(super) fn absolute(text: &str) -> Result<&str, NotAName> {
    let is_straight = text
        .strip_prefix('/')
        .is_some_and(|parts| parts.split('/').all(|part| !matches!(part, "" | "." | "..")));
    match is_straight && !text.contains(char::is_control) {
        true => Ok(text),
        false => Err(NotAName("not the absolute path of a file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_nothing_else() {
        for text in ["a", "cloud.internal", "~cloud.internal", "~.", "x_y.z-1.example."] {
            assert!(text.parse::<SearchDomain>().is_ok(), "{text}");
        }
        for text in [
            "",
            ".",
            "~",
            "a b",
            "a\nDNS=192.0.2.1",
            "-a",
            "a..b",
            "a;b",
            "~~a",
            "ü.example",
        ] {
            assert!(text.parse::<SearchDomain>().is_err(), "{text:?}");
        }
        for text in ["ffmpeg", "libc6:i386", "ffmpeg=7:5.1.6-0+deb12u1"] {
            assert!(package(text).is_ok(), "{text}");
        }
        for text in ["", "-y", "a b", "a;reboot", "$(x)", "a\n", "'a'"] {
            assert!(package(text).is_err(), "{text:?}");
        }
        for text in ["/etc/motd", "/a/.b"] {
            assert!(absolute(text).is_ok(), "{text}");
        }
        for text in ["", "etc/motd", "/", "/etc/", "/etc/../x", "/a//b", "/./a", "/a\nb"] {
            assert!(absolute(text).is_err(), "{text:?}");
        }
    }
}
