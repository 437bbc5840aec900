use std::fs;

use super::*;

/// What a text becomes, and what is said on the way, the folder's name left out of it.
fn imported(text: &str) -> (Option<String>, String) {
    with_files(&[("named.conf", text)])
}

fn with_files(files: &[(&str, &str)]) -> (Option<String>, String) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let diagnostics = Diagnostics::new();
    let here = format!("{}/", folder.path().display());
    let imported = import(&folder.path().join("named.conf"), &diagnostics);
    let toml = imported.map(|imported| imported.toml.replace(&here, ""));
    (toml, diagnostics.to_string().replace(&here, ""))
}

/// The lines that a text becomes; nothing is left out.
fn whole(text: &str) -> String {
    let (toml, said) = imported(text);
    assert!(!said.contains("not carried over"), "{said}");
    toml.unwrap_or_else(|| panic!("{said}"))
}

fn has_line(toml: &str, line: &str) {
    assert!(toml.lines().any(|found| found == line), "no line {line}\n{toml}");
}

#[test]
fn all_errors_of_all_files_are_told_with_their_places() {
    let main = "include \"a.conf\";\noptions { directory \"/x\" };\ninclude \"missing\";\n";
    let (toml, said) = with_files(&[("named.conf", main), ("a.conf", "zone \"x\" {\n")]);
    assert_eq!(toml, None);
    assert_eq!(
        said,
        "named.conf:2:11: a \";\" is missing behind this\n    options { directory \"/x\" };\n              ^^^^^^^^^^^^^^\n\n\
         named.conf:3:1: /x/missing: no such file\n    include \"missing\";\n    ^^^^^^^^^^^^^^^^^\n\n\
         a.conf:1:10: the block that begins here has no end\n    zone \"x\" {\n             ^\n"
    );
}

#[test]
fn a_secret_is_not_shown() {
    let (_, said) = imported("key k { algorithm hmac-sha256; secret \"czNjcjN0\" };");
    assert!(said.contains("named.conf:1:"), "{said}");
    assert!(!said.contains("czNjcjN0"), "{said}");
    let (_, said) = imported("key k { algorithm hmac-sha256; SECRET\n// here\n\"czNjcjN0\"; bogus }; };");
    assert!(said.contains("named.conf:3:"), "{said}");
    assert!(!said.contains("czNjcjN0"), "{said}");
    let (toml, said) =
        imported("key k { algorithm hmac-sha256; secret \"czNjcjN0\"; }; zone k { type master; file \"f\"; };");
    has_line(&toml.unwrap(), "secret = \"czNjcjN0\"");
    assert!(!said.contains("czNjcjN0"), "{said}");
}

#[test]
fn includes_are_sorted_globs_and_end_when_they_go_in_circles() {
    let files = [
        ("named.conf", "include \"d/*.conf\";"),
        ("d/b.conf", "acl b { any; };"),
        ("d/a.conf", "acl a { none; };"),
    ];
    let toml = with_files(&files).0.unwrap();
    assert!(toml.contains("[acl]\na = [\"none\"]\nb = [\"any\"]\n"), "{toml}");
    let (toml, said) = imported("include \"named.conf\";");
    assert_eq!(toml, None);
    assert!(said.contains("more than 16 files in each other"), "{said}");
}

#[test]
fn nested_lists_keep_the_meaning_of_their_exclusions() {
    let toml = whole("acl a { 10/8; !192.168.1.1; { 172.16/12; key k; }; !{ 192.0.2.0/24; !192.0.2.1; }; };");
    assert!(
        toml.contains(
            "[acl]\na-part = [\"192.0.2.0/24\", \"!192.0.2.1\"]\n\
             a = [\"10.0.0.0/8\", \"!192.168.1.1\", \"172.16.0.0/12\", \"key:k\", \"!a-part\"]\n"
        ),
        "{toml}"
    );
}

#[test]
fn an_exclusion_that_is_not_known_shuts_the_list() {
    let (toml, said) = imported("acl a { 10/8; !geoip country XX; any; };");
    let toml = toml.unwrap();
    assert!(
        toml.contains("\"10.0.0.0/8\",\n    # NOT CARRIED OVER (named.conf:1:15): !geoip country XX\n"),
        "{toml}"
    );
    assert!(toml.contains("    \"!any\",\n    \"any\",\n]"), "{toml}");
    assert!(said.contains("named.conf:1:15: warning: not carried over"), "{said}");
}

#[test]
fn what_dnsd_calls_otherwise_gets_a_name_that_it_takes() {
    let toml = whole(
        "acl \"my nets\" { any; }; acl my-nets { none; }; options { allow-query { \"my nets\"; }; recursion no; };",
    );
    has_line(&toml, "my-nets = [\"any\"]");
    has_line(&toml, "my-nets-2 = [\"none\"]");
    has_line(&toml, "allow-query = [\"my-nets\"]");
}

#[test]
fn an_acl_that_is_not_there_is_an_error() {
    let (toml, said) = imported("options { recursion no; allow-query { friends; }; };");
    assert_eq!(toml, None);
    assert!(
        said.contains("named.conf:1:39: there is no acl named \"friends\""),
        "{said}"
    );
}

#[test]
fn servers_are_named_by_their_tables_or_written_with_key_and_port() {
    let toml = whole(
        "masters up port 5353 { 192.0.2.1; };\nserver 192.0.2.9 { keys k; };\n\
         zone z { type slave; masters { up; 192.0.2.9; 192.0.2.2 key k; 2001:db8::1 port 54; }; };",
    );
    has_line(&toml, "[remote.server-192-0-2-9]");
    has_line(&toml, "    { address = \"192.0.2.2\", key = \"k\" },");
    has_line(&toml, "    \"192.0.2.1:5353\",");
    has_line(&toml, "    \"server-192-0-2-9\",");
    has_line(&toml, "    \"[2001:db8::1]:54\",");
}

#[test]
fn lists_of_servers_that_go_in_circles_are_an_error() {
    let (toml, said) = imported("masters a { b; }; masters b { a; }; zone z { type slave; masters { a; }; };");
    assert_eq!(toml, None);
    assert!(said.contains("lists refer to each other in a circle"), "{said}");
}

#[test]
fn both_lists_of_resolving_are_kept_to() {
    let forwarding = |lists: &str| whole(&format!("options {{ forwarders {{ 192.0.2.1; }}; {lists} }};"));
    // Whoever is in the first is in the second.
    let toml = forwarding("allow-recursion { localhost; }; allow-query-cache { localnets; };");
    has_line(&toml, "allow = [\"localhost\"]");
    let toml = forwarding("allow-recursion { any; }; allow-query-cache { 10/8; };");
    has_line(&toml, "allow = [\"!outside-allow-query-cache\", \"any\"]");
    has_line(&toml, "outside-allow-query-cache = [\"!allow-query-cache\", \"any\"]");
    let toml = forwarding("");
    assert!(!toml.contains("allow ="), "{toml}");
    let toml = forwarding("recursion no;");
    assert!(!toml.lines().any(|line| line == "[forward]"), "{toml}");
}

#[test]
fn where_named_listens() {
    for (options, line) in [
        ("listen-on { any; }; listen-on-v6 { any; };", ""),
        ("listen-on-v6 { none; };", "dns = [\"0.0.0.0:53\"]"),
        ("port 5300;", "dns = [\"[::]:5300\"]"),
        (
            "listen-on port 5300 { 127.0.0.1; }; listen-on-v6 port 5300 { ::1; };",
            "dns = [\"127.0.0.1:5300\", \"[::1]:5300\"]",
        ),
        (
            "listen-on port 5300 { 127.0.0.1; }; listen-on-v6 { none; };",
            "dns = [\"127.0.0.1:5300\"]",
        ),
        ("listen-on { localhost; };", "dns = [\"interfaces:53\"]"),
    ] {
        let toml = whole(&format!("options {{ {options} }};"));
        match line {
            "" => assert!(!toml.contains("[listen]"), "{toml}"),
            line => has_line(&toml, line),
        }
    }
}

#[test]
fn zones_of_every_type_are_carried_over_or_named() {
    let text = "zone a { type primary; file \"a\"; };\nzone b { type mirror; };\nzone c { type redirect; file \"c\"; };\n\
                zone d CH { type primary; file \"d\"; };\nzone e { type stub; masters { 192.0.2.1; }; };\n\
                zone f { type hint; file \"f\"; };\nzone g { type forward; forwarders {}; };";
    let (toml, said) = imported(text);
    let toml = toml.unwrap();
    for line in [
        "[zone.\"a\".primary]",
        "[zone.\"e\".forward]",
        "[zone.\"g\".forward]",
        "forwarders = []",
    ] {
        has_line(&toml, line);
    }
    for (line, name) in [(2, "b"), (3, "c"), (4, "d")] {
        assert!(
            toml.contains(&format!("# NOT CARRIED OVER (named.conf:{line}:1): zone {name} ")),
            "{toml}"
        );
        assert!(
            said.contains(&format!("named.conf:{line}:1: warning: not carried over")),
            "{said}"
        );
    }
    assert!(said.contains("named.conf:6:1: note: "), "{said}");
}

#[test]
fn a_zone_stands_once_in_a_view() {
    let (toml, said) = imported("zone a { type master; file \"a\"; }; zone A. { type master; file \"b\"; };");
    assert_eq!(toml, None);
    assert!(
        said.contains("named.conf:1:36: this zone stands here already"),
        "{said}"
    );
}

#[test]
fn views_are_strict_and_in_order_and_share_zones() {
    let toml = whole(
        "view \"in side\" { match-clients { 10/8; }; zone a { type master; file \"/a\"; }; };\n\
         view outside { zone a { in-view \"in side\"; }; };",
    );
    has_line(&toml, "views = [\"in-side\", \"outside\"]");
    assert!(
        toml.contains("[view.in-side]\nmatch-clients = [\"10.0.0.0/8\"]\nstrict = true\n"),
        "{toml}"
    );
    assert!(
        toml.contains("[view.outside.zone.\"a\".primary]\nfile = \"/a\"\n"),
        "{toml}"
    );
}

#[test]
fn comments_stay_with_what_they_are_about() {
    let toml = whole(
        "# first\n\nzone a { # inside\n  type master; // kind\n  /* the\n   * file */\n  file \"/a\"; # behind\n  // end\n};\n// last\n",
    );
    assert!(
        toml.contains(
            "# first\n[zone.\"a\".primary]\n# inside\n# kind\n\n# the\n# file\n# behind\nfile = \"/a\"\n# end\n"
        ),
        "{toml}"
    );
    has_line(&toml, "# last");
}

#[test]
fn what_dnsd_has_anyway_is_a_note_and_the_rest_is_not_lost_silently() {
    let (toml, said) = imported("options { pid-file \"x\"; dns64 64:ff9b::/96 { }; frobnicate 7; recursion no; };");
    let toml = toml.unwrap();
    assert!(
        toml.contains("# (pid-file \"x\": the service manager knows the process)"),
        "{toml}"
    );
    assert!(
        toml.contains("# NOT CARRIED OVER (named.conf:1:25): dns64 64:ff9b::/96 { }"),
        "{toml}"
    );
    assert!(
        toml.contains("# NOT CARRIED OVER (named.conf:1:49): frobnicate 7"),
        "{toml}"
    );
    assert!(
        said.contains("named.conf:1:49: warning: not carried over: dnsd has nothing of this name"),
        "{said}"
    );
}

#[test]
fn what_would_let_in_more_here_is_named() {
    for text in [
        // Here [forward] would be as `options` have it, for the clients of the view too.
        "options { forwarders { 192.0.2.1; }; }; view a { recursion no; };",
        "options { forwarders { 192.0.2.1; }; recursion no; }; view a { recursion yes; };",
        "view a { forwarders { 192.0.2.1; }; };",
        "view a { match-destinations { 192.0.2.1; }; };",
        "options { allow-transfer port 853 transport tls { any; }; };",
        "options { listen-on { 127.0.0.1; }; };",
    ] {
        let (_, said) = imported(text);
        assert!(said.contains("warning: not carried over"), "{text}: {said}");
    }
}

#[test]
fn tls_statements_are_carried_to_who_names_them() {
    let text = "options { directory \"/d\"; listen-on port 853 tls ours { 127.0.0.1; }; };
        tls ours { cert-file \"c.pem\"; key-file \"c.key\"; ca-file \"clients.pem\"; };
        tls theirs { ca-file \"/ca.pem\"; remote-hostname \"ns.test\"; cert-file \"c.pem\"; key-file \"c.key\"; };
        tls systems { remote-hostname \"ns.test\"; };
        key k { algorithm hmac-sha256; secret \"czNj\"; };
        zone z { type secondary; primaries { 192.0.2.1 key k tls theirs; 192.0.2.2 port 8853 tls ephemeral; \
            192.0.2.3 tls systems; 192.0.2.4; }; };";
    let (toml, said) = imported(text);
    let toml = toml.unwrap();
    has_line(
        &toml,
        "tls = { address = [\"127.0.0.1:853\"], certificate = \"/d/c.pem\", key = \"/d/c.key\", \
         client-ca = \"/d/clients.pem\" }",
    );
    for entry in [
        "{ address = \"192.0.2.1\", key = \"k\", tls = { ca = \"/ca.pem\", peer-name = \"ns.test\", \
         certificate = \"/d/c.pem\", key = \"/d/c.key\" } }",
        "{ address = \"192.0.2.2:8853\", tls = {  } }",
        "\"192.0.2.4\"",
    ] {
        assert!(toml.contains(entry), "{entry}\n{toml}");
    }
    // Those of the system are no file that there always is.
    assert!(
        said.contains("named.conf:6:109: warning: not carried over: over TLS"),
        "{said}"
    );
}

#[test]
fn a_list_that_lacks_an_entry_is_not_excluded_but_shuts() {
    for text in [
        "acl bad { geoip country XX; 192.0.2.0/24; }; acl a { !BAD; any; };",
        "acl a { !{ geoip country XX; }; any; };",
        "acl a { !worse; any; }; acl worse { 10/8; bad; }; acl bad { geoip country XX; };",
    ] {
        let toml = imported(text).0.unwrap();
        assert!(toml.contains("    \"!any\",\n    \"any\",\n]"), "{text}: {toml}");
    }
    let toml = imported("options { recursion no; allow-query { geoip country XX; }; };")
        .0
        .unwrap();
    assert!(
        toml.contains("geoip country XX\n") && toml.contains("    \"none\",\n]"),
        "{toml}"
    );
}

#[test]
fn a_lost_access_list_does_not_give_way_to_the_outer_one() {
    let text = "key k { algorithm hmac-sha256; secret \"czNj\"; };\n\
                options { allow-transfer { 10/8; }; allow-update { 10/8; }; recursion no; };\n\
                zone z { type master; file \"f\"; allow-transfer port 853 transport tls { key k; }; update-policy local; };";
    let (toml, said) = imported(text);
    let toml = toml.unwrap();
    let (_, zone) = toml.split_once("[zone.\"z\".primary]").unwrap();
    has_line(zone, "allow-transfer = [\"none\"]");
    has_line(zone, "allow-update = [\"none\"]");
    assert!(said.contains("named.conf:3:"), "{said}");
}

#[test]
fn a_view_that_is_chosen_by_more_than_the_client_is_nobodys() {
    for (rules, clients) in [
        ("match-destinations { 10.0.0.1; };", "match-clients = [\"none\"]"),
        ("match-recursive-only yes;", "match-clients = [\"none\"]"),
        (
            "match-clients { 10/8; }; match-destinations { 10.0.0.1; };",
            "match-clients = [\"!any\", \"10.0.0.0/8\"]",
        ),
    ] {
        let toml = imported(&format!("view v {{ {rules} }};")).0.unwrap();
        has_line(&toml, clients);
    }
    assert!(!whole("view v { match-destinations { any; }; };").contains("match-clients"));
}

#[test]
fn nobody_gets_a_view_behind_one_that_lets_in_fewer() {
    let (toml, said) = imported("view a { match-clients { geoip country XX; }; };\nview b { };");
    let toml = toml.unwrap();
    let (_, behind) = toml.split_once("[view.b]").unwrap();
    has_line(behind, "match-clients = [\"none\"]");
    assert!(said.contains("named.conf:2:1: warning: not carried over"), "{said}");
}

#[test]
fn a_zone_of_another_view_has_the_rules_of_that_view() {
    let toml = whole(
        "view inside { match-clients { 10/8; }; allow-query { 10/8; }; allow-transfer { none; };\n\
         zone z { type master; file \"f\"; }; };\n\
         view outside { allow-query { any; }; allow-transfer { any; }; zone z { in-view inside; }; };",
    );
    let (_, copy) = toml.split_once("[view.outside.zone.\"z\".primary]").unwrap();
    has_line(copy, "allow-query = [\"10.0.0.0/8\"]");
    has_line(copy, "allow-transfer = [\"none\"]");
}

#[test]
fn the_key_and_source_of_a_server_hold_whatever_its_port() {
    let toml = whole(
        "server 192.0.2.9 { keys k; transfer-source 192.0.2.1; };\n\
         zone z { type slave; masters port 5353 { 192.0.2.9; 192.0.2.9 key own; }; };",
    );
    let table = |key| format!("{{ address = \"192.0.2.9:5353\", key = \"{key}\", source = \"192.0.2.1\" }}");
    assert!(toml.contains(&table("k")) && toml.contains(&table("own")), "{toml}");
}

#[test]
fn nothing_is_listened_on_that_named_leaves_alone() {
    for (options, line) in [
        (
            "listen-on { none; }; listen-on-v6 { none; };",
            "dns = [\"127.0.0.1:53\"]",
        ),
        (
            "listen-on { 127.0.0.1; }; listen-on-v6 { localhost; };",
            "dns = [\"127.0.0.1:53\"]",
        ),
        (
            "listen-on { localhost; }; listen-on-v6 { none; };",
            "dns = [\"0.0.0.0:53\"]",
        ),
        (
            "listen-on { 127.0.0.1; ::1; }; listen-on-v6 { none; };",
            "dns = [\"127.0.0.1:53\"]",
        ),
    ] {
        let toml = imported(&format!("options {{ {options} }};")).0.unwrap();
        assert!(toml.contains(line), "{options}: {toml}");
    }
}

#[test]
fn clients_exempt_from_limits_are_networks_or_lost() {
    let (toml, said) = imported("options { recursion no; rate-limit { exempt-clients { localnets; !10.0.0.1; }; }; };");
    assert!(!toml.unwrap().contains("\nexempt-clients"));
    assert!(said.contains("warning: not carried over"), "{said}");
}
