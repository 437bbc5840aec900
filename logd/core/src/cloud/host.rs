//! What is said of a machine, in as few cache lines as it has room in: a message of another machine finds none of it there.

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

/// A machine of an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// All facts, one after the other; then the labels' names and values.
    text: Box<str>,
    /// Where in it each fact ends.
    ends: [u32; FACTS],
    /// By name.
    labels: Box<[Label]>,
}

/// Where a label stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Label {
    start: u32,
    name_end: u32,
    end: u32,
}

impl Host {
    /// A machine with these facts, empty where there is none to tell, and labels.
    ///
    /// # Panics
    /// When all texts together have 4 GiB.
    #[must_use]
    pub fn new<'t>(fact: impl Fn(Fact) -> &'t str, labels: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        let mut text = String::new();
        let mut add = |part: &str| {
            text.push_str(part);
            u32::try_from(text.len()).expect("a machine's texts are short")
        };
        let ends = Fact::ALL.map(|which| add(fact(which)));
        let mut sorted: Vec<_> = labels.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup_by_key(|(name, _)| *name);
        let labels = sorted.into_iter().map(|(name, value)| Label {
            start: add(""),
            name_end: add(name),
            end: add(value),
        });
        let labels = labels.collect();
        Self {
            text: text.into(),
            ends,
            labels,
        }
    }

    /// What is said of it, empty where nothing is.
    #[inline]
    #[must_use]
    pub fn fact(&self, fact: Fact) -> &str {
        let index = fact as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.part(start, self.ends[index])
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.fact(Fact::Id)
    }

    /// The value of the label of this name, empty if it has none.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        let found = self
            .labels
            .binary_search_by(|label| self.part(label.start, label.name_end).cmp(name));
        found.map_or("", |index| {
            let label = &self.labels[index];
            self.part(label.name_end, label.end)
        })
    }

    /// Its labels, by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        self.labels.iter().map(|label| {
            (
                self.part(label.start, label.name_end),
                self.part(label.name_end, label.end),
            )
        })
    }

    fn part(&self, start: u32, end: u32) -> &str {
        &self.text[start as usize..end as usize]
    }
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
}
