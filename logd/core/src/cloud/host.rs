//! What is said of a machine, in as few cache lines as it has room in: a message of another machine finds none of it there.

use std::fmt;
use std::sync::Arc;

/// Something of a machine that is one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact {
    /// What no other machine ever has.
    Id,
    /// Its name.
    Name,
    /// The auto-scaling group.
    Group,
    /// The availability zone.
    Zone,
    /// The type: "m5.large".
    Type,
    /// The virtual network.
    Vpc,
    /// The subnet.
    Subnet,
    /// "spot" or "on-demand".
    Lifecycle,
}

const FACTS: usize = Fact::Lifecycle as usize + 1;

impl Fact {
    /// All of them.
    pub const ALL: [Self; FACTS] = [
        Self::Id,
        Self::Name,
        Self::Group,
        Self::Zone,
        Self::Type,
        Self::Vpc,
        Self::Subnet,
        Self::Lifecycle,
    ];
}

/// Octets of a text; the plugin's client lets no longer one through, and a longer one is cut.
const TEXT_BYTES_MAX: usize = 255;

/// Labels of a machine, likewise.
const LABELS_MAX: usize = 64;

/// A place in the octets of a [`Host`]: with what is cut all of them are fewer.
type Place = u16;
const PLACE_BYTES: usize = size_of::<Place>();

/// Where the facts end, one after the other; and where the labels begin.
const HEADER_BYTES: usize = (FACTS + 1) * PLACE_BYTES;

/// A machine of an inventory. What is said of it stands in one piece, that nothing else has to be looked at for: first where each fact
/// ends, then the facts, then of each label, by name, its length and that of its value, and both of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Host(Arc<[u8]>);

impl Host {
    /// A machine with these facts, empty where there is none to tell, and labels.
    #[must_use]
    pub fn new<'t>(fact: impl Fn(Fact) -> &'t str, labels: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let mut octets = vec![0; HEADER_BYTES];
        for (index, which) in Fact::ALL.into_iter().enumerate() {
            octets.extend_from_slice(cut(fact(which)).as_bytes());
            put_place(&mut octets, index);
        }
        put_place(&mut octets, FACTS);
        let mut sorted: Vec<_> = labels
            .into_iter()
            .map(|(name, value)| (cut(name), cut(value)))
            .collect();
        sorted.sort_unstable();
        sorted.dedup_by_key(|(name, _)| *name);
        for (name, value) in sorted.into_iter().take(LABELS_MAX) {
            octets.extend([name, value].map(|text| text.len() as u8));
            octets.extend_from_slice(name.as_bytes());
            octets.extend_from_slice(value.as_bytes());
        }
        Self(octets.into())
    }

    /// What is said of it, empty where nothing is.
    #[inline]
    pub(crate) fn octets(&self, fact: Fact) -> &[u8] {
        let index = fact as usize;
        let start = index.checked_sub(1).map_or(HEADER_BYTES, |before| self.place(before));
        self.0.get(start..self.place(index)).unwrap_or_default()
    }

    /// The value of the label of this name, empty if it has none.
    pub(crate) fn label_octets(&self, name: &str) -> &[u8] {
        let found = self.label_list().find(|(label, _)| *label == name.as_bytes());
        found.map(|(_, value)| value).unwrap_or_default()
    }

    /// What is said of it, empty where nothing is.
    #[must_use]
    pub fn fact(&self, fact: Fact) -> &str {
        text(self.octets(fact))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.fact(Fact::Id)
    }

    /// The value of the label of this name, empty if it has none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        text(self.label_octets(name))
    }

    /// Its labels, by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.label_list().map(|(name, value)| (text(name), text(value)))
    }

    /// Whether it is the same description, not only an equal one.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn label_list(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.0.get(self.place(FACTS)..).unwrap_or_default();
        std::iter::from_fn(move || {
            let ([name, value], after) = rest.split_first_chunk()?;
            let (name, after) = after.split_at_checked(usize::from(*name))?;
            let (value, after) = after.split_at_checked(usize::from(*value))?;
            rest = after;
            Some((name, value))
        })
    }

    #[inline]
    fn place(&self, index: usize) -> usize {
        let at = index * PLACE_BYTES;
        let place = self
            .0
            .get(at..at + PLACE_BYTES)
            .and_then(|octets| octets.try_into().ok());
        usize::from(Place::from_ne_bytes(place.unwrap_or_default()))
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Host").field(&self.id()).finish()
    }
}

/// Notes that the place of this number is the end.
fn put_place(octets: &mut [u8], index: usize) {
    let end = octets.len() as Place;
    let at = index * PLACE_BYTES;
    octets[at..at + PLACE_BYTES].copy_from_slice(&end.to_ne_bytes());
}

fn cut(text: &str) -> &str {
    let end = (0..=TEXT_BYTES_MAX.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

fn text(octets: &[u8]) -> &str {
    // All of it was text.
    std::str::from_utf8(octets).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_and_labels_come_out_as_they_went_in() {
        let host = Host::new(
            |fact| match fact {
                Fact::Id => "i-0a1b",
                Fact::Group => "workers",
                Fact::Lifecycle => "spot",
                _ => "",
            },
            [("Role", "gpu"), ("App", "ffmpeg"), ("aws:cloudformation:stack", "")],
        );
        assert_eq!(host.id(), "i-0a1b");
        let facts = Fact::ALL.map(|fact| host.fact(fact));
        assert_eq!(facts, ["i-0a1b", "", "workers", "", "", "", "", "spot"]);
        assert_eq!((host.label("Role"), host.label("App")), ("gpu", "ffmpeg"));
        assert_eq!(
            (
                host.label("role"),
                host.label("aws:cloudformation:stack"),
                host.label("")
            ),
            ("", "", "")
        );
        let labels: Vec<_> = host.labels().collect();
        assert_eq!(
            labels,
            [("App", "ffmpeg"), ("Role", "gpu"), ("aws:cloudformation:stack", "")]
        );
    }

    #[test]
    fn a_machine_of_which_nothing_is_said_has_empty_facts() {
        let host = Host::new(|_| "", []);
        assert!(Fact::ALL.iter().all(|fact| host.fact(*fact).is_empty()));
        assert_eq!(host.label("x"), "");
    }

    #[test]
    fn what_is_too_long_is_cut_and_not_within_a_character() {
        let long = "é".repeat(200);
        let many: Vec<String> = (0..100).map(|nth| format!("{nth:03}{long}")).collect();
        let host = Host::new(|_| &long, many.iter().map(|name| (name.as_str(), long.as_str())));
        let kept = "é".repeat(127);
        assert!(Fact::ALL.iter().all(|fact| host.fact(*fact) == kept));
        assert_eq!(host.labels().count(), LABELS_MAX);
        assert!(host.labels().all(|(_, value)| value == kept));
    }
}
