//! The same without a daemon: from the configuration, and the files as they are now.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::config::Config;
use crate::server::Shared;
use crate::zones::files::{Files, ZoneFile};
use crate::zones::key::ZoneKey;

use super::{Inquiry, explain};

/// What a daemon would say that is started now; a line more for each thing that only a running one knows.
///
/// # Errors
/// When the system has no randomness.
pub(crate) fn explain_offline(config: &Config, inquiry: &Inquiry) -> std::io::Result<Vec<String>> {
    let shared = Shared::new(config)?;
    let files = Files::of(config);
    let sources = RefCell::new(BTreeMap::<ZoneKey, String>::new());
    let views = files.views(|zone: &ZoneFile| {
        // Only zones that the name is in have to be read.
        if !inquiry.name.is_subdomain_of(&zone.key.name) {
            return None;
        }
        let (version, source) = match zone.load() {
            Ok(version) => (Some(version), format!("read from {}", zone.file.display())),
            Err(why) => (None, why),
        };
        sources.borrow_mut().insert(zone.key.clone(), source);
        version
    });
    drop(shared.set_views(&views));
    let sources = sources.into_inner();
    let source = |zone: &ZoneKey| sources.get(zone).cloned();
    let mut lines: Vec<String> = files.unlisted.iter().map(|why| format!("note: {why}")).collect();
    lines.extend(explain(&shared.serving.load(), &source, inquiry));
    Ok(lines)
}
