use dnsd_core::answer::Transport;
use dnsd_core::message::Opcode;
use dnsd_core::name::Name;
use dnsd_core::rrtype::Type;
use dnsd_core::secondary::{SoaAnswer, read_soa_answer, write_soa_query};
use dnsd_core::serial::Serial;

use super::scripted::{Scripted, key};
use super::*;
use crate::zones::test_zone::zone;

fn server(keys: &[Arc<Key>]) -> Scripted {
    Scripted::start(zone("zone.test", "@ SOA ns h 7 2 3 4 5\n@ NS ns.other.\n"), keys)
}

async fn serial(place: &Place, means: Means) -> Result<Serial, AskError> {
    let origin: Name = "zone.test".parse().unwrap();
    let write = |id| {
        let mut query = vec![0; 272];
        let len = write_soa_query(id, origin.as_name_ref(), &mut query).unwrap();
        query[..len].to_vec()
    };
    let read = |id, message: &[u8]| match read_soa_answer(id, origin.as_name_ref(), message)? {
        SoaAnswer::Soa(soa) => Some(soa.serial),
        _ => Some(Serial(0)),
    };
    place.ask(means, write, read).await
}

#[tokio::test]
async fn a_server_is_asked_in_datagrams_and_over_connections() {
    let keys = [key("ours")];
    for keys in [&keys[..], &[]] {
        let mut server = server(keys);
        let place = server.place(keys);
        for (means, transport) in [(Means::Udp, Transport::Udp), (Means::Tcp, Transport::Tcp)] {
            assert_eq!(serial(&place, means).await.unwrap(), Serial(7));
            let asked = server.asked.recv().await.unwrap();
            assert_eq!((asked.1, asked.2), (Opcode::QUERY, Type::SOA));
            assert_eq!(asked.0, transport);
        }
    }
}

#[tokio::test]
async fn the_next_key_signs_when_the_server_doesnt_know_the_first() {
    let server = server(&[key("new")]);
    for means in [Means::Udp, Means::Tcp] {
        let place = server.place(&[key("old"), key("new")]);
        assert_eq!(serial(&place, means).await.unwrap(), Serial(7));
        let place = server.place(&[key("old"), key("older")]);
        assert!(serial(&place, means).await.unwrap_err().is_bad_key());
    }
}

#[tokio::test]
async fn a_key_with_another_secret_is_an_error_at_once() {
    let server = server(&[key("ours")]);
    let secret = dnsd_core::tsig::Secret::new(b"another").unwrap();
    let other = Key::new(
        &"ours".parse().unwrap(),
        dnsd_core::tsig::Algorithm::HMAC_SHA256,
        &secret,
    );
    let place = server.place(&[Arc::new(other)]);
    for means in [Means::Udp, Means::Tcp] {
        let error = serial(&place, means).await.unwrap_err();
        assert_eq!(error.to_string(), "the server answered BADSIG");
    }
}

#[tokio::test]
async fn who_isnt_there_refuses() {
    let server = server(&[]);
    let mut place = server.place(&[]);
    // Nobody listens on the port below the privileged ones' first.
    place.address.set_port(1);
    for means in [Means::Udp, Means::Tcp] {
        assert!(matches!(serial(&place, means).await, Err(AskError::Io(_))));
    }
}
