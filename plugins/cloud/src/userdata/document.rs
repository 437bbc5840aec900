//! What cloud-init reads: `#cloud-config`, and JSON, which is YAML.
//!
//! JSON needs no writer of YAML, of which those that were kept for long are no more, and has one way to write a text, in which
//! nothing can end it early. Where YAML 1.1 reads less than JSON writes, in characters that it takes for the ends of lines or
//! for none at all, they are escaped.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use super::forward::Forward;
use super::{Command, File, Role, resolver};

/// What EC2 takes, in octets, before it is put into base64.
pub(super) const BYTES_MAX: usize = 16 * 1024;

#[derive(Serialize)]
struct Document {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    package_update: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packages: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    write_files: Vec<File>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runcmd: Vec<Command>,
}

/// The user data of a role.
pub(super) fn document(role: &Role) -> String {
    let mut packages: Vec<String> = Vec::new();
    let wanted = role.forward.as_ref().map(Forward::packages).unwrap_or_default();
    let wanted = wanted.into_iter().map(str::to_owned);
    for name in wanted.chain(role.packages.iter().cloned()) {
        if !packages.contains(&name) {
            packages.push(name);
        }
    }
    let mut files = Vec::new();
    let mut commands = Vec::new();
    if !role.dns.is_empty() {
        files.extend(resolver::files(&role.dns, &role.search));
        // First of all: what comes after may have names to look up.
        commands.push(resolver::command());
    }
    if let Some(forward) = &role.forward {
        files.extend(forward.files());
        commands.push(Forward::command());
    }
    // The administrator's own files come last, and so they are what stays where one is of the same path.
    files.extend(role.files.iter().cloned());
    commands.extend(role.commands.iter().cloned());
    let document = Document {
        package_update: !packages.is_empty(),
        packages,
        write_files: files,
        runcmd: commands,
    };
    let json = serde_json::to_string_pretty(&document).expect("texts and lists are JSON");
    format!("#cloud-config\n{}\n", readable_as_yaml(&json))
}

/// Escapes what YAML 1.1 has other ideas about. All of it can only be in strings, as the rest of JSON is ASCII.
fn readable_as_yaml(json: &str) -> String {
    let mut yaml = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(yaml, "\\u{:04x}", u32::from(c));
            }
            _ => yaml.push(c),
        }
    }
    yaml
}

/// As gzip has it, which cloud-init takes as well.
pub(super) fn compressed(text: &str) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}
