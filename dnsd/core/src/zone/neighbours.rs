//! Neighbours in canonical order (RFC 4034 §6.1): which NSEC or NSEC3 record covers a name that doesn't exist is a
//! question about the node before the place where the name would stand.

use super::{Node, Zone};
use crate::name::NameRef;

impl Zone {
    /// The last node at or before `name`; `None` if that is before the apex. For a name of the zone there always is one.
    pub fn predecessor(&self, name: NameRef<'_>) -> Option<Node<'_>> {
        let position = self.position_behind(name).checked_sub(1)?;
        Some(self.node_at(self.place_at(position)))
    }

    /// The last node with NSEC3 records at or before `name`: of a hashed owner name the one that matches or covers it
    /// (RFC 5155 §7.2.1), if one stands before it. A signed zone may have a million names between two hashes, and the
    /// other way around.
    pub fn nsec3_at_or_before(&self, name: NameRef<'_>) -> Option<Node<'_>> {
        self.nsec3_before(Some(name))
    }

    /// The last node with NSEC3 records: it covers what stands before the first (RFC 5155 §3.1.7).
    pub fn last_nsec3(&self) -> Option<Node<'_>> {
        self.nsec3_before(None)
    }

    fn nsec3_before(&self, name: Option<NameRef<'_>>) -> Option<Node<'_>> {
        let place = match &self.overlay {
            None => self.base.nsec3_at_or_before(name),
            Some(overlay) => overlay.nsec3_at_or_before(&self.base, name),
        };
        place.map(|place| self.node_at(place))
    }

    pub(super) fn node_count(&self) -> usize {
        match &self.overlay {
            None => self.base.order.len(),
            Some(overlay) => overlay.node_count(),
        }
    }

    /// The place of the node before which so many stand.
    pub(super) fn place_at(&self, position: usize) -> u32 {
        match &self.overlay {
            None => self.base.order[position],
            Some(overlay) => overlay.place_at(&self.base, position),
        }
    }

    /// How many nodes stand at or before `name`.
    fn position_behind(&self, name: NameRef<'_>) -> usize {
        match &self.overlay {
            None => self.base.rank_behind(name),
            Some(overlay) => overlay.position_behind(&self.base, name),
        }
    }
}

impl<'z> Node<'z> {
    /// The node before it in canonical order; the apex has none.
    pub fn previous(self) -> Option<Self> {
        let zone = self.zone();
        Some(zone.node_at(zone.place_at(self.position().checked_sub(1)?)))
    }

    /// How many nodes stand before it.
    pub(super) fn position(self) -> usize {
        let zone = self.zone();
        match zone.overlay {
            None => zone.base.rank_of(self.number()),
            Some(_) => zone.position_behind(self.name()) - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::with_apex;
    use crate::name::Name;

    #[test]
    fn rfc4034_6_1_the_predecessor_is_the_last_node_at_or_before_a_name() {
        let zone = with_apex("a A 192.0.2.1\nx.a A 192.0.2.1\nm.b.z A 192.0.2.1\n\\200.z A 192.0.2.1");
        for (name, expected) in [
            ("example", Some("example.")),
            ("A.example", Some("a.example.")),
            ("\\000.example", Some("example.")),
            ("w.a.example", Some("a.example.")),
            ("y.x.a.example", Some("x.a.example.")),
            ("b.example", Some("x.a.example.")),
            ("z.b.z.example", Some("m.b.z.example.")),
            ("zz.example", Some("\\200.z.example.")),
            ("org", Some("\\200.z.example.")),
            ("com", None),
        ] {
            let name: Name = name.parse().unwrap();
            let found = zone.predecessor(name.as_name_ref()).map(|node| node.name().to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
        let backwards: Vec<_> = std::iter::successors(zone.nodes().next_back(), |node| node.previous()).collect();
        assert!(zone.nodes().rev().eq(backwards));
    }

    #[test]
    fn rfc5155_7_2_1_the_hash_before_a_name_is_found_among_other_names() {
        let nsec3 = "NSEC3 1 0 0 - 0p9mhaveqvm6t7vbl5lop2u3t2rp3tom A";
        let zone = with_apex(&format!(
            "4 {nsec3}\n5 A 192.0.2.1\n6 {nsec3}\n7 A 192.0.2.1\nx.7 A 192.0.2.1"
        ));
        for (name, expected) in [
            ("3.example", None),
            ("4.example", Some("4.example.")),
            ("55.example", Some("4.example.")),
            ("8.example", Some("6.example.")),
        ] {
            let name: Name = name.parse().unwrap();
            let found = zone
                .nsec3_at_or_before(name.as_name_ref())
                .map(|node| node.name().to_string());
            assert_eq!(found.as_deref(), expected, "{name}");
        }
        assert_eq!(zone.last_nsec3().unwrap().name().to_string(), "6.example.");
        assert!(with_apex("").last_nsec3().is_none());
    }
}
