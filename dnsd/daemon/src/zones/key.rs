//! What a zone is known by: its name, and the view that has it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use dnsd_core::name::Name;

/// A view's name.
pub(crate) type ViewName = Arc<str>;

/// A zone's identity. Zones of the same name in several views are different zones. Prints as in BIND's log: `example.net/IN`, in
/// a view `example.net/IN/cloud`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ZoneKey {
    /// The view; `None`: outside the views.
    pub(crate) view: Option<ViewName>,
    /// The name.
    pub(crate) name: Name,
}

impl ZoneKey {
    /// A zone of a view, or of none.
    pub(crate) fn new(view: Option<ViewName>, name: Name) -> Self {
        Self { view, name }
    }

    /// A zone outside the views.
    pub(crate) fn outside(name: Name) -> Self {
        Self::new(None, name)
    }

    /// How a command names it: `example.net.`, in a view `example.net. --view cloud`.
    pub(crate) fn as_arguments(&self) -> impl fmt::Display {
        let view = self.view.as_ref().map(|view| format!(" --view {view}"));
        format!("{}{}", self.name, view.unwrap_or_default())
    }

    /// The path of one of its files below a folder for files of this kind.
    pub(super) fn path(&self, file_name: String) -> PathBuf {
        match &self.view {
            Some(view) => PathBuf::from(&**view).join(file_name),
            None => file_name.into(),
        }
    }
}

impl fmt::Display for ZoneKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.to_string();
        match name.strip_suffix('.') {
            Some("") | None => write!(f, "{name}/IN")?,
            Some(relative) => write!(f, "{relative}/IN")?,
        }
        match &self.view {
            Some(view) => write!(f, "/{view}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(view: Option<&str>, name: &str) -> ZoneKey {
        ZoneKey::new(view.map(Into::into), name.parse().unwrap())
    }

    #[test]
    fn a_zone_prints_as_in_binds_log() {
        assert_eq!(key(None, "Example.net").to_string(), "Example.net/IN");
        assert_eq!(key(None, ".").to_string(), "./IN");
        assert_eq!(key(Some("cloud"), "example.net").to_string(), "example.net/IN/cloud");
    }

    #[test]
    fn zones_of_one_name_in_two_views_are_two_zones() {
        assert_ne!(key(Some("a"), "net"), key(Some("b"), "net"));
        assert_ne!(key(Some("a"), "net"), key(None, "net"));
        assert_eq!(key(Some("a"), "NET"), key(Some("a"), "net"));
    }

    #[test]
    fn a_command_names_the_view_too() {
        assert_eq!(key(None, "net").as_arguments().to_string(), "net.");
        assert_eq!(key(Some("a"), "net").as_arguments().to_string(), "net. --view a");
    }
}
