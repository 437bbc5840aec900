use proptest::prelude::*;

use super::*;

fn event(id: &str) -> Event {
    Event {
        id: id.to_owned(),
        time: 1_767_225_600,
        kind: Kind::State,
        host: Some("i-1".into()),
        message: "i-1 is running".into(),
        fields: BTreeMap::from([("state".to_owned(), "running".to_owned())]),
    }
}

/// The ids of those that come behind, and where that ends.
fn read(events: &Events, position: Position) -> (Vec<String>, Position) {
    let (texts, next) = events.next(position);
    let id = |text: &Arc<str>| serde_json::from_str::<WireEvent>(text).unwrap().id;
    (texts.iter().map(id).collect(), next)
}

fn all_after(events: &Events, after: Option<&str>) -> Vec<String> {
    read(events, events.position(after)).0
}

#[test]
fn an_event_is_told_once_and_as_it_is() {
    let events = Events::default();
    assert!(events.tell(event("e1")));
    assert!(!events.tell(event("e1")));
    let (texts, _) = events.next(events.position(Some("")));
    let told: Vec<WireEvent> = texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!(told, [WireEvent::from(event("e1"))]);
}

#[test]
fn what_breaks_the_limits_is_not_told() {
    let events = Events::default();
    assert!(!events.tell(event("")));
    assert_eq!(events.remembered(), 0);
}

#[test]
fn a_reader_goes_on_behind_the_one_it_has() {
    let events = Events::default();
    for id in ["e1", "e2", "e3"] {
        events.tell(event(id));
    }
    assert_eq!(all_after(&events, Some("e1")), ["e2", "e3"]);
    assert_eq!(all_after(&events, Some("e3")), [""; 0]);
    assert_eq!(all_after(&events, None), [""; 0]);
    assert_eq!(all_after(&events, Some("of another start")), ["e1", "e2", "e3"]);
}

#[test]
fn the_oldest_are_forgotten_by_number_and_by_size() {
    let by_number = Events::new(2, 1 << 20);
    let by_size = Events::new(100, 700);
    for id in ["e1", "e2", "e3"] {
        by_number.tell(event(id));
        by_size.tell(event(id));
    }
    for events in [by_number, by_size] {
        let slow = Position(0);
        assert_eq!(read(&events, slow).0, ["e2", "e3"]);
        assert_eq!(all_after(&events, Some("e1")), ["e2", "e3"]);
        assert!(events.tell(event("e1")), "what is forgotten is new");
        let mut large = event("large");
        large.message = "x".repeat(30 << 10);
        events.tell(large);
        assert_eq!(all_after(&events, Some("")).last().unwrap(), "large");
    }
}

#[test]
fn others_tell_of_what_is_theirs() {
    let events = Events::default();
    let told = |kind: &str| {
        let mut wire = WireEvent::from(event(kind));
        wire.kind = kind.to_owned();
        events.take(&wire)
    };
    assert_eq!(told("log"), Ok(true));
    assert_eq!(told("log"), Ok(false));
    assert_eq!(told("alarm"), Ok(true));
    for kind in ["interruption", "decision", "state", "secret", "", "weather"] {
        assert_eq!(told(kind), Err(UnknownKind), "{kind}");
    }
}

#[test]
fn many_come_in_several_replies() {
    let events = Events::default();
    let mut position = events.position(None);
    let ids: Vec<String> = (0..600).map(|number| format!("e{number}")).collect();
    for id in &ids {
        events.tell(event(id));
    }
    let mut sizes = Vec::new();
    let mut got = Vec::new();
    loop {
        let (some, next) = read(&events, position);
        if some.is_empty() {
            break;
        }
        sizes.push(some.len());
        got.extend(some);
        position = next;
    }
    assert_eq!((sizes, got), (vec![256, 256, 88], ids));
}

#[test]
fn who_follows_hears_of_each() {
    let events = Events::default();
    let mut news = events.news();
    events.tell(event("e1"));
    assert!(news.has_changed().unwrap());
    news.mark_unchanged();
    events.tell(event("e1"));
    assert!(!news.has_changed().unwrap());
}

proptest! {
    /// Whatever is told, and however small the log is: who reads at once gets each once, in order; who reads later gets the
    /// newest.
    #[test]
    fn a_reader_that_keeps_up_gets_each_once(ids in prop::collection::vec(0_u8..20, 0..200), room in 1_usize..30) {
        let events = Events::new(room, usize::MAX);
        let mut position = events.position(None);
        let (mut got, mut new) = (Vec::new(), Vec::new());
        for id in &ids {
            let id = id.to_string();
            if events.tell(event(&id)) {
                new.push(id);
            }
            let (some, next) = read(&events, position);
            got.extend(some);
            position = next;
        }
        prop_assert_eq!(&got, &new);
        prop_assert_eq!(all_after(&events, Some("")), &new[new.len().saturating_sub(room)..]);
    }
}
