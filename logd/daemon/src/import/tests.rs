use std::fs;

use super::*;

/// What a text becomes, and what is said on the way, the folder's name left out of it.
fn imported(text: &str) -> (Option<String>, String) {
    with_files(&[("rsyslog.conf", text)])
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
    let imported = import(&folder.path().join("rsyslog.conf"), &diagnostics);
    let toml = imported.map(|imported| imported.toml.replace(&here, ""));
    (toml, diagnostics.to_string().replace(&here, ""))
}

/// The lines that a text becomes; nothing is left out.
fn whole(text: &str) -> String {
    let (toml, said) = imported(text);
    assert!(!said.contains("not carried over"), "{said}");
    toml.unwrap_or_else(|| panic!("{said}"))
}

/// Asserts that a text becomes these lines, one after the other, among others.
fn becomes(text: &str, lines: &str) {
    let toml = whole(text);
    assert!(toml.contains(lines), "no\n{lines}\nin\n{toml}");
}

/// Asserts that a line is left out, and why.
fn is_lost(text: &str, why: &str) {
    let (toml, said) = imported(text);
    assert!(said.contains(&format!("not carried over: {why}")), "{said}");
    assert!(toml.unwrap().contains("# NOT CARRIED OVER (rsyslog.conf:"), "{said}");
}

#[test]
fn all_errors_of_all_files_are_told_with_their_places() {
    let (toml, said) = with_files(&[
        (
            "rsyslog.conf",
            "$IncludeConfig d/*.conf\nif $msg == then stop\n$IncludeConfig missing.conf\n",
        ),
        ("d/a.conf", "*.* /var/log/a\n}\n"),
    ]);
    assert_eq!(toml, None);
    assert!(said.contains("rsyslog.conf:2:12: a value must stand here"), "{said}");
    assert!(said.contains("rsyslog.conf:3:1: missing.conf: no such file"), "{said}");
    assert!(said.contains("d/a.conf:2:1: this closes no block"), "{said}");
}

#[test]
fn included_files_stand_where_they_are_included() {
    let (toml, said) = with_files(&[
        (
            "rsyslog.conf",
            "mail.* /m\n# more\n$IncludeConfig d/*.conf\ninclude(file=\"nothing\" mode=\"optional\")\nuser.* /u\n",
        ),
        ("d/b.conf", "kern.* /k\n"),
        ("d/a.conf", "lpr.* /l\n"),
    ]);
    let toml = toml.unwrap_or_else(|| panic!("{said}"));
    let order: Vec<_> = toml.lines().filter(|line| line.starts_with("to = ")).collect();
    assert_eq!(
        order,
        ["to = [\"/m\"]", "to = [\"/l\"]", "to = [\"/k\"]", "to = [\"/u\"]"]
    );
    assert!(toml.contains("# more\n[[rule]]\nselect = \"lpr.*\""), "{toml}");
}

#[test]
fn a_password_is_not_shown() {
    let text = "*.* :ommysql:127.0.0.1,Syslog,writer,s3cr3t\n*.* action(type=\"ommysql\" server=\"h\" db=\"d\" uid=\"u\"\n  pwd=\"s3cr3t\" template=\"none\")\n";
    let (toml, said) = imported(text);
    assert!(said.contains("rsyslog.conf:2:"), "{said}");
    assert!(!said.contains("s3cr3t"), "{said}");
    assert!(
        toml.unwrap()
            .contains("url = \"mysql://writer:s3cr3t@127.0.0.1/Syslog\"")
    );
}

#[test]
fn listeners_are_inputs_with_the_names_that_rsyslog_gives_them() {
    becomes(
        "$ModLoad imudp\n$UDPServerAddress 127.0.0.1\n$UDPServerRun 514\n# all\n$ModLoad imtcp\n$InputTCPMaxSessions 5\n$InputTCPServerRun 601\n",
        "[input.imudp.udp]\nlisten = [\"127.0.0.1:514\"]\n\n[input.imtcp.tcp]\nlisten = [\"[::]:601\"]\nconnections-max = 5\n",
    );
    becomes(
        "input(type=\"imtcp\" port=\"1\")\ninput(type=\"imtcp\" address=\"::1\" port=\"2\" name=\"x\")\ninput(type=\"imtcp\" port=\"3\")\ninput(type=\"imrelp\" port=\"2514\")\n",
        "[input.imtcp.tcp]\nlisten = [\"[::]:1\"]\n\n[input.x.tcp]\nlisten = [\"[::1]:2\"]\n\n[input.imtcp-2.tcp]\nlisten = [\"[::]:3\"]\n\n[input.imrelp.relp]\nlisten = [\"[::]:2514\"]\n",
    );
    becomes(
        "$AllowedSender UDP, 127.0.0.1, 192.0.2.0/24, [::1]/128\ninput(type=\"imudp\" port=\"514\")\nglobal(maxMessageSize=\"64k\")\n",
        "listen = [\"[::]:514\"]\nmessage-max = \"64KiB\"\nallow = [\"127.0.0.1\", \"192.0.2.0/24\", \"::1/128\"]\n",
    );
    becomes(
        "module(load=\"immark\" interval=\"60\")\n",
        "[input.immark.mark]\nevery = \"60s\"\n",
    );
    becomes(
        "module(load=\"imuxsock\" SysSock.Name=\"/run/log\")\n",
        "[input.imuxsock.unix]\npath = \"/run/log\"\n",
    );
    is_lost(
        "input(type=\"imfile\" file=\"/x\" tag=\"x\")\n",
        "there is no such input",
    );
}

#[test]
fn certificates_stand_with_the_inputs_and_outputs_that_use_them() {
    let head = "global(DefaultNetstreamDriverCAFile=\"/ca\" DefaultNetstreamDriverCertFile=\"/c\" DefaultNetstreamDriverKeyFile=\"/k\")\n";
    becomes(
        &format!(
            "{head}module(load=\"imtcp\" StreamDriver.Name=\"gtls\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"x509/name\" PermittedPeer=[\"*.a\", \"b\"])\ninput(type=\"imtcp\" port=\"6514\")\n"
        ),
        "tls = { certificate = \"/c\", key = \"/k\", client-ca = \"/ca\", permitted-peers = [\"*.a\", \"b\"] }\n",
    );
    becomes(
        &format!(
            "{head}*.* action(type=\"omfwd\" target=\"siem.a\" port=\"6514\" protocol=\"tcp\" StreamDriver=\"gtls\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\" StreamDriverPermittedPeers=\"siem.a\")\n"
        ),
        "target = [\"tls://siem.a:6514\"]\nformat = \"RSYSLOG_TraditionalForwardFormat\"\ntls = { ca = \"/ca\", certificate = \"/c\", key = \"/k\", peer-name = \"siem.a\" }\n",
    );
    becomes(
        "*.* action(type=\"omrelp\" target=\"siem.a\" port=\"2514\" tls=\"on\" tls.caCert=\"/ca\" tls.myCert=\"/c\" tls.myPrivKey=\"/k\" tls.authMode=\"name\" tls.permittedPeer=[\"siem.a\"])\n",
        "target = [\"relp://siem.a:2514\"]\nformat = \"RSYSLOG_TraditionalForwardFormat\"\ntls = { ca = \"/ca\", certificate = \"/c\", key = \"/k\", peer-name = \"siem.a\" }\n",
    );
    is_lost(
        "*.* action(type=\"omrelp\" target=\"siem.a\" port=\"2514\" tls=\"on\")\n",
        "over TLS it has to be known whose certificates to trust: tls.caCert",
    );
}

#[test]
fn forwards_have_their_queues_as_spools() {
    becomes(
        "*.* @192.0.2.1\n",
        "[output.192-0-2-1.forward]\ntarget = [\"udp://192.0.2.1:514\"]\n",
    );
    becomes(
        "$ActionQueueType LinkedList\n$ActionQueueFileName q\n$ActionQueueMaxDiskSpace 2g\n$ActionResumeRetryCount -1\n*.* @@(o)[::1]:601;RSYSLOG_ForwardFormat\n*.* @@h\n",
        "target = [\"tcp://[::1]:601\"]\nformat = \"RSYSLOG_ForwardFormat\"\nframing = \"octet-counted\"\nspool = { max = \"2GiB\", when-full = \"block\" }\n\n[output.h.forward]\ntarget = [\"tcp://h:514\"]\nformat = \"RSYSLOG_TraditionalForwardFormat\"\n",
    );
    becomes(
        "*.* action(type=\"omrelp\" target=\"r\" port=\"20514\" queue.type=\"LinkedList\" queue.filename=\"q\")\n",
        "target = [\"relp://r:20514\"]\nformat = \"RSYSLOG_TraditionalForwardFormat\"\nspool = { max = \"1GiB\", when-full = \"block\" }\n",
    );
    is_lost("*.* @(z9)h\n", "messages are not compressed on their way");
}

#[test]
fn actions_become_outputs_of_their_kinds() {
    becomes("*.emerg :omusrmsg:*\n", "[output.everyone.users]\nusers = [\"*\"]\n");
    becomes(
        "*.emerg root,adm\n",
        "[output.root-adm.users]\nusers = [\"root\", \"adm\"]\n",
    );
    becomes(
        "*.emerg |/dev/xconsole\n",
        "[output.xconsole.pipe]\npath = \"/dev/xconsole\"\nformat = \"RSYSLOG_FileFormat\"\n",
    );
    becomes("*.emerg /dev/tty8\n", "[output.tty8.tty]\npath = \"/dev/tty8\"\n");
    becomes(
        "*.* action(type=\"omprog\" binary=\"/usr/bin/x --y\" template=\"RSYSLOG_SysklogdFileFormat\")\n",
        "[output.x.program]\ncommand = [\"/usr/bin/x\", \"--y\"]\nformat = \"RSYSLOG_SysklogdFileFormat\"\n",
    );
    becomes(
        "*.* :ompgsql:h,logs,w,p@ss\n",
        "[output.logs.postgres]\nurl = \"postgresql://w:p%40ss@h/logs\"\n",
    );
    is_lost("*.* ^/bin/x\n", "rsyslogd starts the program for each message");
    is_lost("*.* action(type=\"omkafka\")\n", "there is no such output");
}

#[test]
fn files_have_what_directives_and_modules_set_where_they_stand() {
    let toml = whole(
        "*.* /a\n$FileOwner root\n$FileCreateMode 0600\n*.* /b\n*.* action(type=\"omfile\" file=\"/c\" fileOwner=\"x\")\n",
    );
    assert!(
        toml.contains("[default.file]\nfile-mode = \"0644\"\ndir-mode = \"0700\"\nformat = \"RSYSLOG_FileFormat\"\n"),
        "{toml}"
    );
    assert!(
        toml.contains("[output.b.file]\npath = \"/b\"\nowner = \"root\"\nfile-mode = \"0600\"\n"),
        "{toml}"
    );
    assert!(
        toml.contains("[output.c.file]\npath = \"/c\"\nowner = \"x\"\n"),
        "{toml}"
    );
    becomes(
        "$ActionFileEnableSync on\n*.* /a\n*.* -/b\n",
        "[output.a.file]\npath = \"/a\"\nsync = \"always\"\n",
    );
    becomes(
        "$PrivDropToUser syslog\n$PrivDropToGroup syslog\n",
        "[process]\nuser = \"syslog\"\ngroup = \"syslog\"\n",
    );
}

#[test]
fn a_path_is_no_template() {
    becomes("*.* /var/log/100%\\a\n", r#"to = ["/var/log/100%%\\\\a"]"#);
}

#[test]
fn rules_of_a_ruleset_are_for_its_inputs() {
    let text = "input(type=\"imtcp\" port=\"1\")\ninput(type=\"imudp\" port=\"1\" ruleset=\"r\")\nruleset(name=\"r\") {\n  *.* /r\n}\n*.* /rest\n";
    becomes(
        text,
        "[[rule]]\nselect = \"*.*\"\nfrom = [\"imudp\"]\nto = [\"/r\"]\n\n[[rule]]\nselect = \"*.*\"\nfrom = [\"imtcp\"]\nto = [\"/rest\"]\n",
    );
    becomes(
        "$RuleSet r\n*.* /r\n$RuleSet RSYSLOG_DefaultRuleset\n$InputTCPServerBindRuleset r\n$InputTCPServerRun 1\n*.* /rest\n",
        "from = [\"imtcp\"]\nto = [\"/r\"]\n",
    );
}

#[test]
fn a_ruleset_with_a_queue_has_a_stop_of_its_own() {
    is_lost(
        "ruleset(name=\"r\" queue.type=\"LinkedList\") {\n  *.* stop\n}\ncall r\n",
        "the ruleset has a queue, so that its `stop` is not the caller's",
    );
    becomes(
        "ruleset(name=\"r\") {\n  *.* stop\n}\nmail.* call r\n",
        "[[rule]]\nselect = \"mail.*\"\ndrop = true\n",
    );
}

#[test]
fn else_is_the_opposite_and_branches_keep_their_order() {
    becomes(
        "if $programname == \"a\" then {\n  /a\n  stop\n} else if $msg contains \"b\" then /b\nelse /c\n",
        "[[rule]]\nwhere = { property = \"programname\", is = \"a\" }\nto = [\"/a\"]\nstop = true\n\n\
         [[rule]]\nwhere = { all = [{ not = { property = \"programname\", is = \"a\" } }, { property = \"msg\", contains = \"b\" }] }\nto = [\"/b\"]\n\n\
         [[rule]]\nwhere = { all = [\n    { not = { property = \"programname\", is = \"a\" } },\n    { not = { property = \"msg\", contains = \"b\" } },\n] }\nto = [\"/c\"]\n",
    );
}

#[test]
fn a_condition_that_cannot_be_said_leaves_the_rule_out() {
    for (text, why) in [
        ("if not $msg contains 'x' then stop\n", "`not` binds tighter"),
        (
            "if $msg == $hostname then stop\n",
            "`where` compares a property with a value",
        ),
        ("if $procid > 5 then stop\n", "it is a number in some messages only"),
        ("if $msg < 'x' then stop\n", "`where` has no order of texts"),
        ("if $!a == 'x' then stop\n", "there are no variables"),
        ("if strlen($msg) > 5 then stop\n", "`where` has no such function"),
        ("if re_match($msg, '(a)\\\\1') then stop\n", ""),
        (":msg, nosuch, \"x\" stop\n", "there is no such operation"),
        ("nosuch.* stop\n", "no such facility"),
    ] {
        is_lost(text, why);
        let (toml, _) = imported(text);
        assert!(!toml.unwrap().contains("[[rule]]"), "{text}");
    }
}

#[test]
fn selectors_in_conditions_are_said_by_facility_and_severity() {
    becomes(
        "if prifilt(\"mail.err\") or prifilt(\"*.=debug;cron.none\") then /a\n",
        "where = { any = [\n    { all = [\n        { property = \"syslogfacility-text\", is = \"mail\" },\n        { property = \"syslogseverity\", less-than = 4 },\n    ] },\n    { all = [\n        { not = { property = \"syslogfacility-text\", is = \"cron\" } },\n        { property = \"syslogseverity-text\", is = \"debug\" },\n    ] },\n] }\n",
    );
    becomes(
        "if prifilt(\"mail.*\") and $msg contains 'x' then /a\n",
        "select = \"mail.*\"\nwhere = { property = \"msg\", contains = \"x\" }\n",
    );
}

#[test]
fn numbers_are_compared_where_every_message_has_one() {
    becomes(
        "if $syslogseverity <= 4 then /a\n",
        "where = { property = \"syslogseverity\", less-than = 5 }\n",
    );
    becomes(
        "if $syslogseverity >= '4' then /a\n",
        "where = { property = \"syslogseverity\", greater-than = 3 }\n",
    );
    becomes(
        "if $$hour == 7 then /a\n",
        "where = { all = [{ property = \"$hour\", greater-than = 6 }, { property = \"$hour\", less-than = 8 }] }\n",
    );
}

#[test]
fn templates_of_every_form_become_texts() {
    becomes(
        "$template T,\"a\\n\\065%msg:2:$%\\\"\"\n*.* /a;T\n",
        "T = 'a\\nA%msg:2:$%\"'\n",
    );
    becomes(
        "template(name=\"T\" type=\"list\") {\n  constant(value=\"50%\\t\")\n  property(name=\"msg\" field.number=\"2\" field.delimiter=\"44\" caseConversion=\"lower\")\n  property(name=\"$now\" outname=\"n\" format=\"jsonf\")\n}\n",
        "T = '50%%\\t%msg:F,44:2:lowercase%%$now:::jsonf:n%'\n",
    );
    is_lost(
        "template(name=\"T\" type=\"subtree\" subtree=\"$!\")\n",
        "its text is made of JSON variables",
    );
    is_lost("$template T,\"%msg%\",sql\n", "templates have no option that escapes");
    is_lost("$template T,\"%$!x%\"\n", "its text has JSON variables");
}

#[test]
fn names_of_senders_are_looked_up_where_something_asks_for_them_and_rsyslogd_does() {
    let input = "input(type=\"imudp\" port=\"514\")\n";
    let resolved = "[input.imudp.udp]\nlisten = [\"[::]:514\"]\nresolve = true\n";
    let template = format!("{input}template(name=\"T\" type=\"string\" string=\"%fromhost% %msg%\\n\")\n*.* /a;T\n");
    let filter = format!("{input}if $fromhost == 'x' then /b\n");
    for text in [&template, &filter] {
        becomes(text, resolved);
        assert!(
            imported(text).1.contains("rsyslog.conf:2:1: note: inputs look"),
            "{text}"
        );
        let without = whole(&format!("global(net.enableDNS=\"off\")\n{text}"));
        assert!(!without.contains("resolve"), "{without}");
    }
    let address = whole(&format!("{input}if $fromhost-ip == '192.0.2.1' then /b\n"));
    assert!(!address.contains("resolve"), "{address}");
}

#[test]
fn a_tree_behind_a_dash_is_one_that_is_not_synced() {
    becomes(
        "$ActionFileEnableSync on\n$template T,\"/var/log/%hostname%\"\n*.* -?T\nif $msg contains 'x' then {\n  -?T\n}\n*.* ?T\n",
        "[output.T.file]\npath = { template = \"T\" }\n\n[output.T-2.file]\npath = { template = \"T\" }\nsync = \"always\"\n",
    );
}

#[test]
fn a_spool_is_as_large_as_a_spool_has_to_be() {
    for text in [
        "$ActionQueueFileName q\n$ActionQueueMaxDiskSpace 1m\n*.* @@h\n",
        "*.* action(type=\"omfwd\" target=\"h\" protocol=\"tcp\" queue.filename=\"q\" queue.maxDiskSpace=\"10,000\")\n",
    ] {
        becomes(text, "spool = { max = \"64MiB\", when-full = \"block\" }\n");
        assert!(imported(text).1.contains("a spool takes 64 MiB at least"), "{text}");
    }
}

#[test]
fn rules_are_for_inputs_that_there_are() {
    let lost =
        "input(type=\"imtcp\" port=\"1\" StreamDriver.Mode=\"1\" StreamDriver.AuthMode=\"anon\" ruleset=\"r\")\n";
    let text = format!("{lost}input(type=\"imudp\" port=\"1\")\nruleset(name=\"r\") {{\n  *.* /r\n}}\n*.* /rest\n");
    let (toml, said) = imported(&text);
    assert!(
        said.contains("rsyslog.conf:1:1: warning: not carried over: over TLS it needs"),
        "{said}"
    );
    assert!(
        said.contains("rsyslog.conf:3:14: warning: not carried over: the input that its"),
        "{said}"
    );
    let toml = toml.unwrap();
    assert!(!toml.contains("from = ") && !toml.contains("to = [\"/r\"]"), "{toml}");
    let (toml, said) = imported(
        "input(type=\"imfile\" file=\"/x\" tag=\"x\")\ninput(type=\"imudp\" port=\"1\" ruleset=\"r\")\nruleset(name=\"r\") {\n  *.* /r\n}\n*.* /rest\n",
    );
    assert!(
        said.contains("rsyslog.conf:6:1: warning: not carried over: the input that its"),
        "{said}"
    );
    assert!(!toml.unwrap().contains("[\"/rest\"]"), "{said}");
    let (_, said) = imported("ruleset(name=\"r\" queue.size=\"5\") {\n  *.* /r\n}\n");
    assert!(
        said.contains("nothing calls it") && said.contains("rsyslog.conf:1:18: note: messages are routed"),
        "{said}"
    );
}

#[test]
fn an_input_over_tls_takes_whom_rsyslogds_takes() {
    let input = |more: &str| {
        format!(
            "global(DefaultNetstreamDriverCertFile=\"/c\" DefaultNetstreamDriverKeyFile=\"/k\")\ninput(type=\"imtcp\" port=\"1\" StreamDriver.Mode=\"1\" {more})\n"
        )
    };
    becomes(
        &input("StreamDriver.AuthMode=\"x509/fingerprint\" PermittedPeer=\"SHA1:AA\""),
        "tls = { certificate = \"/c\", key = \"/k\", permitted-peers = [\"SHA1:AA\"] }\n",
    );
    becomes(
        &input("StreamDriver.AuthMode=\"anon\" PermittedPeer=\"a\""),
        "tls = { certificate = \"/c\", key = \"/k\" }\n",
    );
    becomes(
        "module(load=\"imtcp\" StreamDriver.AuthMode=\"anon\" StreamDriver.Mode=\"0\")\ninput(type=\"IMTCP\" port=\"1\")\n",
        "[input.imtcp.tcp]\nlisten = [\"[::]:1\"]\n",
    );
    becomes(
        "input(type=\"imrelp\" port=\"1\" tls=\"on\" tls.caCert=\"/a\" tls.myCert=\"/c\" tls.myPrivKey=\"/k\" tls.authMode=\"certvalid\")\n\
         input(type=\"imrelp\" port=\"2\" tls=\"on\" tls.myCert=\"/c2\" tls.myPrivKey=\"/k2\")\n",
        "tls = { certificate = \"/c\", key = \"/k\", client-ca = \"/a\" }\n\n[input.imrelp-2.relp]\nlisten = [\"[::]:2\"]\ntls = { certificate = \"/c2\", key = \"/k2\" }\n",
    );
    becomes(
        "$DefaultNetstreamDriverCertFile /c\n$DefaultNetstreamDriverKeyFile /k\n$InputTCPServerStreamDriverMode 1\n$InputTCPServerStreamDriverAuthMode anon\n$InputTCPServerRun 1\n$InputPTCPServerRun 2\n*.* /a\n",
        "tls = { certificate = \"/c\", key = \"/k\" }\n\n[input.imptcp.tcp]\nlisten = [\"[::]:2\"]\n\n",
    );
    for (more, why) in [
        ("StreamDriver.AuthMode=\"x509/certvalid\"", "it asks for certificates"),
        ("StreamDriver.AuthMode=\"x509/fingerprint\"", "rsyslogd lets nobody in"),
        ("", "it asks for certificates"),
    ] {
        is_lost(&input(more), why);
        assert!(!imported(&input(more)).0.unwrap().contains("[input."), "{more}");
    }
}

#[test]
fn what_is_below_dev_is_a_terminal_if_it_is_called_so() {
    becomes("*.* /dev/shm/x\n", "to = [\"/dev/shm/x\"]\n");
    becomes("*.* /dev/console\n", "[output.console.tty]\n");
}

#[test]
fn parameters_are_known_in_any_case() {
    becomes(
        "*.* action(Type=\"OMPROG\" Binary=\"/bin/x\" useTransactions=\"off\" ConfirmMessages=\"off\")\n",
        "command = [\"/bin/x\"]\n",
    );
    is_lost(
        "*.* action(type=\"omprog\" binary=\"/bin/x\" UseTransactions=\"on\")\n",
        "programs don't acknowledge",
    );
}

#[test]
fn an_action_that_is_not_for_every_message_is_left_out() {
    let (toml, said) = imported(
        "*.* @@a\n$ActionExecOnlyWhenPreviousIsSuspended on\n& @@b\n& @@c\n$ActionExecOnlyWhenPreviousIsSuspended off\n*.* @@d\n",
    );
    for line in ["3:3", "4:3"] {
        assert!(
            said.contains(&format!(
                "rsyslog.conf:{line}: warning: not carried over: a forward takes several"
            )),
            "{said}"
        );
    }
    let toml = toml.unwrap();
    assert!(
        !toml.contains("tcp://b") && toml.contains("tcp://a:514") && toml.contains("tcp://d:514"),
        "{toml}"
    );
    is_lost(
        "$ActionExecOnlyOnceEveryInterval 10\n*.* @@a\n",
        "an output takes all messages",
    );
}

#[test]
fn sockets_beside_the_systems_are_inputs() {
    becomes(
        "$ModLoad imuxsock\n$SystemLogSocketName /run/log\n$SystemLogRateLimitInterval 5\n$SystemLogRateLimitBurst 100\n$InputUnixListenSocketCreatePath on\n$AddUnixListenSocket /var/spool/postfix/dev/log\n",
        "path = \"/run/log\"\nrate-limit-interval = \"5s\"\nrate-limit-burst = 100\n\n[input.imuxsock-2.unix]\npath = \"/var/spool/postfix/dev/log\"\ncreate-path = true\n",
    );
    becomes(
        "input(type=\"imuxsock\" Socket=\"/s\" CreatePath=\"on\" UsePIDFromSystem=\"on\")\n",
        "[input.imuxsock.unix]\npath = \"/s\"\ncreate-path = true\nuse-pid-from-system = true\n",
    );
}

#[test]
fn what_a_directive_says_of_the_next_listener_is_named_if_the_listener_has_no_key_for_it() {
    is_lost(
        "$InputTCPServerAddtlFrameDelimiter 0\n$InputTCPServerRun 1\n",
        "inputs have no key for this",
    );
    becomes(
        "$InputTCPServerSupportOctetCountedFraming off\n$InputTCPServerKeepAlive on\n$InputTCPServerRun 1\n*.* /a\n",
        "listen = [\"[::]:1\"]\nframing = \"newline\"\n\n",
    );
}

#[test]
fn what_a_directive_says_of_the_next_action_is_named_if_the_action_has_no_key_for_it() {
    let (_, said) =
        imported("$ActionQueueFileName q\n$ActionQueueSaveOnShutdown on\n$ActionResumeRetryCount -1\n*.* /a\n");
    for line in [
        "rsyslog.conf:2:1: note: what waits in memory",
        "rsyslog.conf:3:1: note: outputs are tried again",
        "rsyslog.conf:4:5: note: only forwards have a queue on disk",
    ] {
        assert!(said.contains(line), "{said}");
    }
}
