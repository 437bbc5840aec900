//! What `$` directives have set for the actions that follow.

use super::files::FileKeys;

/// The state of the directives.
#[derive(Debug, Clone, Default)]
pub(super) struct Legacy {
    /// `$FileOwner` and so on, of actions that are written as selector lines.
    pub(super) files: FileKeys,
    /// `$ActionFileDefaultTemplate`: of all actions.
    pub(super) file_template: Option<String>,
    /// `$ActionForwardDefaultTemplate`
    pub(super) forward_template: Option<String>,
    /// `$ActionQueue…` and `$ActionSendStreamDriver…`, for the next action only or until they are reset.
    pub(super) next: Vec<(String, String)>,
    /// `$ActionFileEnableSync`
    pub(super) syncs: bool,
}

/// Directives that say how the next action is done, by how they begin.
const OF_THE_NEXT_ACTION: &[&str] = &[
    "actionqueue",
    "actionresume",
    "actionsendstreamdriver",
    "actionsendtcp",
    "actionname",
    "actionexeconly",
];

impl Legacy {
    /// Takes a directive; whether it was one of these.
    pub(super) fn set(&mut self, name: &str, value: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let text = || Some(value.to_owned());
        match name.as_str() {
            "fileowner" => self.files.owner = text(),
            "filegroup" => self.files.group = text(),
            "filecreatemode" => self.files.file_mode = text(),
            "dirowner" => self.files.dir_owner = text(),
            "dirgroup" => self.files.dir_group = text(),
            "dircreatemode" => self.files.dir_mode = text(),
            "actionfiledefaulttemplate" => self.file_template = text(),
            "actionforwarddefaulttemplate" => self.forward_template = text(),
            "actionfileenablesync" => self.syncs = is_on(value),
            "resetconfigvariables" => *self = Self::default(),
            _ if OF_THE_NEXT_ACTION.iter().any(|begin| name.starts_with(begin)) => {
                self.next.retain(|(set, _)| *set != name);
                self.next.push((name, value.to_owned()));
            }
            _ => return false,
        }
        true
    }

    /// What was set for the next action under this name.
    pub(super) fn next(&self, name: &str) -> Option<&str> {
        let found = self.next.iter().find(|(set, _)| set == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What rsyslog takes for true.
pub(super) fn is_on(value: &str) -> bool {
    ["on", "yes", "true", "1"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}
