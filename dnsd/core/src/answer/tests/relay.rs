//! Replies with what another server has answered.

use super::*;
use crate::message::{Section, SetHead, Writer};

/// A response as a forwarder sends it: an alias and its address, a name server and the server's address, an OPT record.
fn response() -> Vec<u8> {
    let mut octets = vec![0; 65535];
    let mut writer = Writer::new(&mut octets).unwrap();
    let request = query("www.example", Type::A).edns(4096).octets();
    let header = Header::read(&request).unwrap();
    writer
        .question(&Request::parse(header, &request).unwrap().question)
        .unwrap();
    let mut put = |section, owner: &str, rtype, ttl, rdata: &[u8]| {
        let owner: Name = owner.parse().unwrap();
        let head = SetHead {
            owner: owner.as_name_ref(),
            rtype,
            class: Class::IN,
            ttl,
        };
        writer.record_set(section, head, [rdata]).unwrap();
    };
    put(
        Section::Answer,
        "www.example.",
        Type::CNAME,
        300,
        b"\x04host\x07example\0",
    );
    put(Section::Answer, "host.example.", Type::A, 60, &[192, 0, 2, 1]);
    put(Section::Authority, "example.", Type::NS, 3600, b"\x02ns\x07example\0");
    put(Section::Additional, "ns.example.", Type::A, 3600, &[192, 0, 2, 53]);
    put(Section::Additional, ".", Type::OPT, 0, &[]);
    let flags = Flags::QR.with(Flags::AA).with(Flags::AD);
    let len = writer.finish(0x9999, flags, Rcode::NOERROR, None);
    octets.truncate(len);
    octets
}

fn relayed(request: &Query, response: &[u8]) -> Answered {
    let mut out = vec![0; 65535];
    let client = client(Transport::Udp);
    let outcome = relay(&Settings::default(), &client, &request.octets(), response, &mut out);
    let Outcome::Reply(reply) = outcome else {
        panic!("no reply: {outcome:?}");
    };
    out.truncate(reply.len);
    Answered { reply, octets: out }
}

#[test]
fn a_response_is_handed_on_under_our_own_header() {
    let answered = relayed(&query("WWW.example", Type::A).edns(1232), &response());
    let expected = "NOERROR rd ra\n\
        a WWW.example. 300 CNAME host.example.\n\
        a host.example. 60 A 192.0.2.1\n\
        n example. 3600 NS ns.example.\n\
        x ns.example. 3600 A 192.0.2.53\n";
    assert_eq!(answered.text(), expected);
    let message = answered.message();
    assert_eq!(message.id, 0x1234);
    assert!(!message.authentic_data);
    // The OPT record is ours, and there is one.
    assert_eq!(
        message.edns.as_ref().map(hickory_proto::op::Edns::max_payload),
        Some(1232)
    );
    assert!(
        relayed(&query("www.example", Type::A), &response())
            .message()
            .edns
            .is_none()
    );
}

#[test]
fn rfc2181_9_tc_is_set_when_the_answer_does_not_fit() {
    let mut long = response();
    // The address record a second time and often: its owner is a pointer, so all are alike.
    let at = long.windows(4).position(|octets| octets == [192, 0, 2, 1]).unwrap();
    let record = long[at - 12..at + 4].to_vec();
    for _ in 0..40 {
        long.splice(at + 4..at + 4, record.iter().copied());
    }
    long[7] += 40;
    let answered = relayed(&query("www.example", Type::A), &long);
    assert!(answered.reply.flags.contains(Flags::TC));
    assert!(answered.reply.len <= 512 && answered.message().answers.len() > 20);
    // Without room for what is only offered the answer is whole.
    let short: Vec<_> = (480..=600)
        .map(|bytes| {
            let mut client = client(Transport::Udp);
            client.held_back = bytes;
            let mut out = [0; 1232];
            relay(
                &Settings::default(),
                &client,
                &query("www.example", Type::A).edns(600).octets(),
                &response(),
                &mut out,
            )
        })
        .collect();
    let flags = |outcome: &Outcome| match outcome {
        Outcome::Reply(reply) => (reply.flags.contains(Flags::TC), reply.len),
        _ => (true, 0),
    };
    let whole = short.iter().map(flags).filter(|(truncated, _)| !truncated).count();
    assert!(whole > 0 && whole < short.len());
}

#[test]
fn a_response_that_is_cut_off_is_servfail() {
    let whole = response();
    for end in 0..whole.len() {
        let answered = relayed(&query("www.example", Type::A).edns(1232), &whole[..end]);
        assert_eq!(answered.text(), "SERVFAIL rd ra\n", "{end}");
    }
}
