//! Files that secondary zones are written to: each has one of its own, and none is another zone's master file.

use std::collections::HashMap;
use std::path::Path;

use ballast_shared::config::{Diagnostics, Span};

use super::spec::Spec;
use super::zone_tables::ZoneSpec;

/// Reports a file that a secondary zone would write and that another zone has too, be it of another view.
pub(super) fn check(spec: &Spec, diagnostics: &Diagnostics) {
    let all = || {
        let in_views = spec.views.iter().flat_map(|view| &view.zones.zones);
        spec.zones.zones.iter().chain(in_views)
    };
    // A server that only has zones of its own may have ten thousand of them.
    if !all().any(|(_, zone)| matches!(zone, ZoneSpec::Secondary(_))) {
        return;
    }
    let mut seen: HashMap<&Path, (Span, bool)> = HashMap::new();
    for (_, zone) in all() {
        let (file, is_written) = match zone {
            ZoneSpec::Primary(zone) => (zone.file.as_ref(), false),
            ZoneSpec::Secondary(zone) => (zone.file.as_ref(), true),
            ZoneSpec::Forward(_) | ZoneSpec::Plugin(_) => (None, false),
        };
        let Some(file) = file else { continue };
        let Some((first, first_is_written)) = seen.insert(&file.value, (file.span, is_written)) else {
            continue;
        };
        if is_written || first_is_written {
            let first = diagnostics.place(first);
            let message = format!("the zone at {first} has this file too, and a secondary zone is written to its file");
            diagnostics.error(file.span, message);
        }
    }
}
