//! `[plugin.NAME]`: the same table in both daemons.
//!
//! ```toml
//! [plugin.cloud]
//! socket = "/run/cloudd/plugin.sock"
//! max-stale = "24h"      # after so long without a word what is known has expired
//! user = "cloudd"        # whose process the socket has to be; without it, anyone's who may make it
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::User;

use super::Settings;
use crate::config::{Diagnostics, Key, Spanned, Table, nearest};

/// As PLUGIN.md's table has it.
const MAX_STALE: Duration = Duration::from_secs(24 * 3_600);

/// Octets of a name, which is that of a file, too.
const NAME_BYTES_MAX: usize = 64;

/// `[plugin.NAME]` as written.
#[derive(Debug)]
pub struct PluginSpec {
    /// Its name.
    pub name: Key,
    /// `socket`
    pub socket: Option<PathBuf>,
    /// `max-stale`
    pub max_stale: Option<Spanned<Duration>>,
    /// `user`
    pub user: Option<Spanned<String>>,
}

/// Reads the tables of `[plugin]` in one of the files; `root` is the file's top level.
pub fn read_spec(root: &Table<'_>, specs: &mut Vec<PluginSpec>) {
    let Some(table) = root.table("plugin") else { return };
    for (name, value) in table.entries() {
        let Some(plugin) = value.table() else { continue };
        let spec = PluginSpec::read(name, &plugin);
        if let Some(first) = specs.iter().find(|first| first.name.name == spec.name.name) {
            let first = root.diagnostics().place(first.name.span);
            let message = format!("plugin \"{}\" is there already, at {first}", spec.name.name);
            root.diagnostics().error(spec.name.span, message);
            continue;
        }
        specs.push(spec);
    }
}

/// What each of them comes to, in the order written; reports what can't be. Snapshots go to `work_dir/plugins`.
#[must_use]
pub fn resolve(specs: &[PluginSpec], work_dir: &Path, diagnostics: &Diagnostics) -> Vec<Settings> {
    let resolved = specs.iter().filter_map(|spec| spec.resolve(work_dir, diagnostics));
    resolved.collect()
}

/// The plugin that another table names; reports that there is none. `settings` says which of a plugin's keys are these.
pub fn find<'p, T>(
    name: &Spanned<String>,
    plugins: &'p [T],
    settings: impl Fn(&T) -> &Settings,
    diagnostics: &Diagnostics,
) -> Option<&'p T> {
    let found = plugins.iter().find(|plugin| settings(plugin).name == name.value);
    if found.is_none() {
        let names = plugins.iter().map(|plugin| settings(plugin).name.as_str());
        let help = nearest(&name.value, names).unwrap_or_else(|| "write [plugin.NAME] with its socket".to_owned());
        diagnostics.error_with_help(name.span, format!("no plugin \"{}\"", name.value), help);
    }
    found
}

impl PluginSpec {
    /// Reads one of the tables: for a daemon that has keys of its own in it.
    #[must_use]
    pub fn read(name: Key, table: &Table<'_>) -> Self {
        Self {
            socket: table.required("socket"),
            max_stale: table.optional("max-stale"),
            user: table.optional("user"),
            name,
        }
    }

    /// What it comes to; reports what can't be.
    #[must_use]
    pub fn resolve(&self, work_dir: &Path, diagnostics: &Diagnostics) -> Option<Settings> {
        let name = &self.name.name;
        let is_name = name.len() <= NAME_BYTES_MAX
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if !is_name {
            let message = format!("a plugin's name is 1 to {NAME_BYTES_MAX} letters, digits, \"-\" and \"_\"");
            diagnostics.error(self.name.span, message);
        }
        let max_stale = self.max_stale.as_ref().map_or(MAX_STALE, |max_stale| max_stale.value);
        if let Some(written) = &self.max_stale
            && max_stale < super::SILENCE_MAX
        {
            let message = "a plugin may be silent for 30s before it is stale: `max-stale` can't be shorter";
            diagnostics.error(written.span, message);
        }
        let user = self.user.as_ref().map(|user| match User::from_name(&user.value) {
            Ok(Some(found)) => Some(found.uid.as_raw()),
            Ok(None) | Err(_) => {
                diagnostics.error(user.span, format!("no user \"{}\" on this machine", user.value));
                None
            }
        });
        let snapshot = work_dir.join("plugins").join(format!("{name}.inventory"));
        Some(Settings {
            max_stale,
            user: match user {
                Some(found) => Some(found?),
                None => None,
            },
            ..Settings::new(name.clone(), self.socket.clone()?, snapshot)
        })
        .filter(|_| is_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    fn read(text: &str) -> (Vec<Settings>, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.toml");
        std::fs::write(&path, text).unwrap();
        let diagnostics = Diagnostics::default();
        let mut specs = Vec::new();
        load(&path, &diagnostics, &mut |root| read_spec(root, &mut specs));
        let settings = resolve(&specs, Path::new("/var/lib/x"), &diagnostics);
        (settings, diagnostics.to_string())
    }

    #[test]
    fn a_plugin_has_a_socket_and_the_rest_by_default() {
        let (settings, complaints) = read("[plugin.cloud]\nsocket = \"/run/cloudd/plugin.sock\"\n");
        assert_eq!(complaints, "");
        let [cloud] = &settings[..] else { panic!("{settings:?}") };
        assert_eq!(cloud.name, "cloud");
        assert_eq!(cloud.socket, Path::new("/run/cloudd/plugin.sock"));
        assert_eq!(cloud.snapshot, Path::new("/var/lib/x/plugins/cloud.inventory"));
        assert_eq!((cloud.max_stale, cloud.user), (Duration::from_secs(86_400), None));
    }

    #[test]
    fn what_is_written_is_taken() {
        let (settings, complaints) = read("[plugin.a]\nsocket = \"/a\"\nmax-stale = \"2h\"\nuser = \"root\"\n");
        assert_eq!(complaints, "");
        assert_eq!(
            (settings[0].max_stale, settings[0].user),
            (Duration::from_secs(7_200), Some(0))
        );
    }

    #[test]
    fn what_cannot_be_is_said_with_its_place() {
        let complaint = |text: &str, at: &str, of: &str| {
            let (_, complaints) = read(text);
            assert!(
                complaints.contains(&format!("x.toml:{at}: ")) && complaints.contains(of),
                "{complaints}"
            );
        };
        complaint("[plugin.a]\n", "1:1", "`socket` is missing here");
        complaint("[plugin.a]\nsoket = \"/a\"\n", "2:1", "unknown key `soket`");
        complaint("[plugin.\"../a\"]\nsocket = \"/a\"\n", "1:9", "a plugin's name is");
        complaint(
            "[plugin.a]\nsocket = \"/a\"\nmax-stale = \"1s\"\n",
            "3:14",
            "can't be shorter",
        );
        complaint(
            "[plugin.a]\nsocket = \"/a\"\nuser = \"no such one\"\n",
            "3:9",
            "no user \"no such one\"",
        );
    }
}
