//! What record data promises: by RFC section, and for every type of the table.

use proptest::prelude::*;

use super::*;
use crate::name::tests::any_name;

mod arbitrary;

fn origin() -> Name {
    Name::parse(b"example.", None).unwrap()
}

fn wire(rtype: Type, text: &str) -> Vec<u8> {
    let rdata =
        parse(rtype, text.as_bytes(), Some(&origin())).unwrap_or_else(|error| panic!("{rtype} {text}: {error}"));
    assert_eq!(check(rtype, &rdata), Ok(()), "{rtype} {text}");
    rdata
}

fn refused(rtype: Type, text: &str) -> RdataError {
    match parse(rtype, text.as_bytes(), Some(&origin())) {
        Ok(rdata) => panic!("{rtype} {text} was read as {rdata:?}"),
        Err(error) => error,
    }
}

/// Text in, text out: what the type's own form looks like after a round trip.
#[track_caller]
fn prints(rtype: Type, text: &str, printed: &str) {
    let rdata = wire(rtype, text);
    assert_eq!(display(rtype, &rdata).to_string(), printed);
    assert_eq!(wire(rtype, printed), rdata, "{rtype} {printed}");
}

#[test]
fn rfc1035_3_3_the_first_types() {
    assert_eq!(wire(Type::MX, "10 mail"), b"\x00\x0a\x04mail\x07example\x00");
    assert_eq!(wire(Type::TXT, r#"a "b c" """#), b"\x01a\x03b c\x00");
    prints(
        Type::SOA,
        "ns root.a\\.b 1 1h 1m1h 1w 0",
        r"ns.example. root.a\.b.example. 1 3600 3660 604800 0",
    );
    prints(Type::HINFO, "PC linux", r#""PC" "linux""#);
    prints(Type::WKS, "192.0.2.1 TCP smtp 80", "192.0.2.1 6 25 80");
    assert_eq!(refused(Type::TXT, ""), RdataError::Missing);
    assert_eq!(refused(Type::A, "1.2.3.4 x"), RdataError::Extra);
    assert_eq!(refused(Type::MX, "65536 a"), RdataError::OutOfRange);
    assert_eq!(refused(Type::MX, "0x10 a"), RdataError::BadNumber);
    assert_eq!(refused(Type::MX, r#"1 "a""#), RdataError::Quoted);
    assert_eq!(
        refused(Type::MX, "1 a..b"),
        RdataError::BadName(crate::name::NameError::EmptyLabel)
    );
}

#[test]
fn rfc1035_5_1_strings_resolve_escapes() {
    assert_eq!(wire(Type::TXT, r#"\255\;\"x "a\010;""#), b"\x04\xff;\"x\x03a\x0a;");
}

#[test]
fn rfc3597_5_the_generic_form_serves_every_type_and_is_checked() {
    assert_eq!(wire(Type(65280), r"\# 3 ab cdef"), b"\xab\xcd\xef");
    assert_eq!(wire(Type(65280), r"\# 0"), b"");
    assert_eq!(wire(Type::A, r"\# 4 c0000201"), wire(Type::A, "192.0.2.1"));
    assert_eq!(wire(Type::NULL, r"\# 1 00"), b"\0");
    assert_eq!(refused(Type::A, r"\# 3 c00002"), RdataError::Truncated);
    assert_eq!(refused(Type::A, r"\# 4 c00002"), RdataError::BadLength);
    assert_eq!(
        refused(Type::NS, r"\# 2 c000"),
        RdataError::BadName(crate::name::NameError::NotALabel)
    );
    assert_eq!(refused(Type(65280), "abc"), RdataError::NoTextForm);
    assert_eq!(display(Type(65280), b"\xab").to_string(), r"\# 1 AB");
    assert_eq!(display(Type::A, b"\xab").to_string(), r"\# 1 AB");
}

#[test]
fn rfc1876_3_locations() {
    prints(
        Type::LOC,
        "42 21 54 N 71 06 18 W -24m 30m",
        "42 21 54.000 N 71 6 18.000 W -24.00m 30m 10000m 10m",
    );
    prints(
        Type::LOC,
        "90 s 180 e 0 0.55",
        "90 0 0.000 S 180 0 0.000 E 0.00m 0.50m 10000m 10m",
    );
    prints(
        Type::LOC,
        "1 N 1 W 42849672.95m 90000000m",
        "1 0 0.000 N 1 0 0.000 W 42849672.95m 90000000m 10000m 10m",
    );
    for bad in [
        "90 0 0.001 N 1 W 1",
        "1 60 N 1 W 1",
        "1 1 60 N 1 W 1",
        "1 N 181 W 1",
        "1 N 1 W 42849672.96",
        "1 N 1 W -100001",
    ] {
        assert_eq!(refused(Type::LOC, bad), RdataError::OutOfRange, "{bad}");
    }
    for bad in ["1 1 1 1 N 1 W 1", "1 E 1 W 1", "1 1 1.0005 N 1 W 1", "1 N 1 W 1.234"] {
        assert_eq!(refused(Type::LOC, bad), RdataError::BadSyntax, "{bad}");
    }
}

#[test]
fn rfc3123_address_prefix_lists() {
    assert_eq!(
        wire(Type::APL, "1:192.168.32.0/21 !1:192.168.38.0/28"),
        b"\0\x01\x15\x03\xc0\xa8\x20\0\x01\x1c\x83\xc0\xa8\x26"
    );
    prints(Type::APL, "2:ff00::/8 1:0.0.0.0/0", "2:ff00::/8 1:0.0.0.0/0");
    prints(Type::APL, "", "");
    assert_eq!(refused(Type::APL, "1:1.2.3.4/33"), RdataError::OutOfRange);
    assert_eq!(refused(Type::APL, "3:1.2.3.4/3"), RdataError::BadSyntax);
    assert_eq!(check(Type::APL, b"\0\x01\x15\x01\x00"), Err(RdataError::BadLength));
}

#[test]
fn rfc4034_4_1_2_type_bitmaps() {
    assert_eq!(
        wire(Type::NSEC, "host A MX RRSIG NSEC TYPE1234"),
        [
            b"\x04host\x07example\0\x00\x06\x40\x01\x00\x00\x00\x03\x04\x1b".as_slice(),
            &[0; 26],
            b"\x20"
        ]
        .concat()
    );
    prints(Type::NSEC, "x NSEC A A TYPE65534", "x.example. A NSEC TYPE65534");
    prints(
        Type::NSEC3,
        "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX",
        "1 1 12 AABBCCDD 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR MX",
    );
    prints(
        Type::NSEC3,
        "1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr",
        "1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR",
    );
    assert_eq!(refused(Type::NSEC, "x"), RdataError::Missing);
    assert_eq!(refused(Type::NSEC, "x FOO"), RdataError::UnknownType);
    for bad in [
        &b"\0\0\0"[..],
        b"\0\0\x01\0",
        b"\0\0\x21",
        b"\0\x01\x01\x40\0\x01\x40",
        b"\0\0",
    ] {
        assert_eq!(check(Type::NSEC, bad), Err(RdataError::BadBitmap), "{bad:?}");
    }
    prints(Type::NXT, "x NXT SOA", "x.example. SOA NXT");
    assert_eq!(refused(Type::NXT, "x TYPE128"), RdataError::OutOfRange);
}

#[test]
fn rfc4034_keys_and_signatures() {
    prints(Type::DNSKEY, "0x101 DNSSEC ECDSAP256SHA256 AA AA", "257 3 13 AAAA");
    prints(
        Type::RRSIG,
        "A RSASHA256 3 86400 1700000000 20260101000000 1 x AAAA",
        "A 8 3 86400 20231114221320 20260101000000 1 x.example. AAAA",
    );
    assert_eq!(refused(Type::DS, "1 8 2 00"), RdataError::BadLength);
    prints(Type::DS, "1 8 99 0a", "1 8 99 0A");
    prints(Type::CDS, "0 0 0 00", "0 0 0 00");
    prints(Type::KEY, "49152 3 5", "49152 3 5");
    assert_eq!(refused(Type::DNSKEY, "257 3 13"), RdataError::Missing);
    assert_eq!(refused(Type::DNSKEY, "257 3 13 AAA"), RdataError::BadBase64);
}

#[test]
fn rfc4025_and_8777_gateways() {
    prints(Type::IPSECKEY, "10 1 2 192.0.2.38 AQNR", "10 1 2 192.0.2.38 AQNR");
    prints(Type::IPSECKEY, "10 0 0 .", "10 0 0 .");
    prints(Type::IPSECKEY, "10 3 2 gw AQNR", "10 3 2 gw.example. AQNR");
    prints(Type::AMTRELAY, "10 1 2 2001:db8::15", "10 1 2 2001:db8::15");
    prints(Type::AMTRELAY, "10 0 0 .", "10 0 0 .");
    assert_eq!(refused(Type::AMTRELAY, "10 2 1 1.2.3.4"), RdataError::OutOfRange);
    assert_eq!(refused(Type::IPSECKEY, "10 4 1 x AAAA"), RdataError::OutOfRange);
}

#[test]
fn rfc8005_host_identities() {
    prints(
        Type::HIP,
        "2 20ab AwE= rvs1 rvs2",
        "2 20AB AwE= rvs1.example. rvs2.example.",
    );
    prints(Type::HIP, "2 20ab AwE=", "2 20AB AwE=");
}

#[test]
fn rfc9460_2_1_service_parameters_are_sorted_and_checked() {
    prints(
        Type::SVCB,
        "1 . port=53 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=::1 alpn=h2,h3 mandatory=port,alpn no-default-alpn ech=AAAA",
        r#"1 . mandatory=alpn,port alpn="h2,h3" no-default-alpn port=53 ipv4hint=192.0.2.1,192.0.2.2 ech=AAAA ipv6hint=::1"#,
    );
    prints(Type::HTTPS, r#"0 x"#, "0 x.example.");
    prints(
        Type::SVCB,
        r#"1 . key667="hello\210qoo" key65534"#,
        r#"1 . key667="hello\210qoo" key65534"#,
    );
    prints(Type::SVCB, r"1 . key7=/q{?dns} key8", r#"1 . dohpath="/q{?dns}" ohttp"#);
    for (bad, error) in [
        ("port=1 port=2", RdataError::DuplicateParameter),
        ("no-default-alpn", RdataError::MissingParameter),
        ("mandatory=alpn", RdataError::MissingParameter),
        ("mandatory=mandatory", RdataError::BadParameter),
        ("mandatory=alpn,alpn alpn=h2", RdataError::BadParameter),
        ("alpn", RdataError::BadParameter),
        ("alpn=h2,", RdataError::BadParameter),
        ("port=65536", RdataError::OutOfRange),
        ("key1=h2", RdataError::BadParameter),
        ("key00667=a", RdataError::UnknownWord),
        ("ALPN=h2", RdataError::UnknownWord),
        ("dohpath=/q", RdataError::BadParameter),
        ("ohttp=x", RdataError::BadParameter),
        (r#""alpn=h2""#, RdataError::Quoted),
    ] {
        assert_eq!(refused(Type::SVCB, &format!("1 . {bad}")), error, "{bad}");
    }
    assert_eq!(
        check(Type::SVCB, b"\0\x01\0\0\x03\0\x02\0\x35\0\x01\0\x03\x02h2"),
        Err(RdataError::UnsortedParameters)
    );
}

#[test]
fn rfc9460_appendix_a_1_protocol_lists_escape_twice() {
    assert_eq!(
        wire(Type::SVCB, r#"16 . alpn="f\\\\oo\\,bar,h2""#),
        b"\0\x10\0\0\x01\0\x0c\x08f\\oo,bar\x02h2"
    );
    assert_eq!(
        wire(Type::SVCB, r"16 . alpn=f\\\092oo\092,bar,h2"),
        b"\0\x10\0\0\x01\0\x0c\x08f\\oo,bar\x02h2"
    );
    prints(
        Type::SVCB,
        r#"16 . alpn="f\\\\oo\\,bar,h2""#,
        r#"16 . alpn="f\\\\oo\\,bar,h2""#,
    );
}

#[test]
fn addresses_of_other_networks() {
    prints(Type::NSAP, "0x47.0005.80", "0x47000580");
    prints(Type::ATMA, "+1234.56", "+123456");
    prints(Type::ATMA, "12.34ab", "1234AB");
    prints(Type::X25, "311061700956", r#""311061700956""#);
    prints(Type::ISDN, "150862028003217", r#""150862028003217""#);
    prints(Type::ISDN, "150 004", r#""150" "004""#);
    prints(Type::EUI48, "0-0-5e-0-53-2A", "00-00-5e-00-53-2a");
    prints(Type::EUI64, "00-00-5e-ef-10-00-00-2a", "00-00-5e-ef-10-00-00-2a");
    prints(Type::NID, "10 0014:4fff:ff20:ee64", "10 14:4fff:ff20:ee64");
    prints(Type::A6, "64 ffff::1 x", "64 ::1 x.example.");
    prints(Type::A6, "0 2001:db8::1", "0 2001:db8::1");
    prints(Type::A6, "128 x", "128 x.example.");
    for (rtype, bad) in [
        (Type::NSAP, "47"),
        (Type::ATMA, "1..2"),
        (Type::X25, "123"),
        (Type::NID, "1 1:2:3"),
        (Type::EUI48, "00-00"),
    ] {
        assert_eq!(refused(rtype, bad), RdataError::BadSyntax, "{rtype} {bad}");
    }
}

#[test]
fn later_types() {
    prints(Type::CAA, "0 ISSUE letsencrypt.org", r#"0 ISSUE "letsencrypt.org""#);
    prints(Type::URI, r#"1 1 "a;b""#, r#"1 1 "a;b""#);
    prints(Type::CERT, "PKIX 1 RSASHA1 AAAA", "PKIX 1 5 AAAA");
    prints(Type::DOA, "1 2 3 text/plain -", r#"1 2 3 "text/plain" -"#);
    prints(Type::DSYNC, "CDS NOTIFY 53 x", "CDS NOTIFY 53 x.example.");
    prints(
        Type::ZONEMD,
        "1 1 9 000102030405060708090a0b",
        "1 1 9 000102030405060708090A0B",
    );
    assert_eq!(refused(Type::CAA, "0 iss_ue x"), RdataError::BadSyntax);
    assert_eq!(refused(Type::URI, "1 1 abc"), RdataError::BadSyntax);
    assert_eq!(refused(Type::SSHFP, "1 1 00"), RdataError::BadLength);
}

#[test]
fn rfc3597_4_only_names_of_the_first_types_are_compressible() {
    let of = |rtype, text: &str| {
        let rdata = wire(rtype, text);
        names(rtype, &rdata)
            .map(|field| (field.offset, field.name.to_string(), field.usage))
            .collect::<Vec<_>>()
    };
    assert_eq!(of(Type::MX, "1 M"), [(2, "M.example.".into(), NameUse::Compressed)]);
    assert_eq!(
        of(Type::SRV, "1 2 3 s"),
        [(6, "s.example.".into(), NameUse::Lowercased)]
    );
    assert_eq!(
        of(Type::RP, "a b"),
        [
            (0, "a.example.".into(), NameUse::Lowercased),
            (11, "b.example.".into(), NameUse::Lowercased)
        ]
    );
    assert_eq!(of(Type::HTTPS, "1 s"), [(2, "s.example.".into(), NameUse::Verbatim)]);
    assert_eq!(of(Type::A, "1.2.3.4"), []);
}

#[test]
fn rfc6840_5_1_canonical_form_folds_names_but_not_nsec() {
    let canonical = |rtype, text: &str| {
        let mut rdata = wire(rtype, text);
        make_canonical(rtype, &mut rdata);
        display(rtype, &rdata).to_string()
    };
    assert_eq!(
        canonical(Type::NAPTR, "1 1 U X \"\" WWW"),
        r#"1 1 "U" "X" "" www.example."#
    );
    assert_eq!(canonical(Type::NSEC, "WWW A"), "WWW.example. A");
    assert_eq!(
        canonical(Type::RRSIG, "A 8 3 1 0 0 1 X AAAA"),
        "A 8 3 1 19700101000000 19700101000000 1 x.example. AAAA"
    );
}

proptest! {
    #[test]
    fn every_type_prints_what_reads_back_equal((rtype, rdata) in arbitrary::typed_rdata()) {
        prop_assert_eq!(check(rtype, &rdata), Ok(()), "{}", rtype);
        let printed = display(rtype, &rdata).to_string();
        prop_assert!(!printed.starts_with("\\#"), "{} {}", rtype, printed);
        prop_assert_eq!(parse(rtype, printed.as_bytes(), None), Ok(rdata), "{} {}", rtype, printed);
    }

    #[test]
    fn any_octets_are_checked_printed_and_read_back(rtype in 0_u16..300, rdata in prop::collection::vec(any::<u8>(), 0..80)) {
        let rtype = Type(rtype);
        let valid = check(rtype, &rdata).is_ok();
        let printed = display(rtype, &rdata).to_string();
        let read = parse(rtype, printed.as_bytes(), None);
        if valid {
            // A size of LOC and the zeros behind WKS's last port have more than one encoding.
            if !matches!(rtype, Type::LOC | Type::WKS) {
                prop_assert_eq!(read, Ok(rdata), "{} {}", rtype, printed);
            }
        } else {
            prop_assert!(read.is_err());
        }
    }

    #[test]
    fn any_text_is_read_as_valid_data_or_refused(rtype in 0_u16..300, text in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(rdata) = parse(Type(rtype), &text, Some(&origin())) {
            prop_assert_eq!(check(Type(rtype), &rdata), Ok(()));
        }
    }
}
