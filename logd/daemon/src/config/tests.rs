//! What `check` says of wrong files, word for word, and what right ones are resolved to.

use std::fs;
use std::path::PathBuf;

use logd_core::route::OutputId;

use super::*;
use crate::output::WhenFull;
use crate::output::queued::QueuedKind;

/// Reads one file; what is printed about it has its directory cut away.
fn read_text(text: &str) -> (Option<Config>, String, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("logd.toml");
    fs::write(&path, text).unwrap();
    let diagnostics = Diagnostics::new();
    let config = read(&path, &TlsFiles::default(), &Secrets::default(), &diagnostics);
    let said = diagnostics
        .to_string()
        .replace(&format!("{}/", directory.path().display()), "");
    (config, said, directory.path().to_owned())
}

fn said(text: &str) -> String {
    read_text(text).1
}

fn file(output: &Output) -> (&FileSettings, &PathTemplate) {
    match &output.kind {
        OutputKind::File { settings, path, .. } => (settings, path),
        OutputKind::Queued { .. } => panic!("a file"),
    }
}

#[track_caller]
fn right(text: &str) -> Config {
    let (config, said, _) = read_text(text);
    assert_eq!(said, "");
    config.unwrap()
}

#[test]
fn a_small_file_has_the_rest_by_default() {
    let config = right("[input.a.tcp]\nlisten = [\"[::]:514\"]\n[[rule]]\nto = [\"/var/log/all\"]\n");
    assert_eq!(config.work_dir, PathBuf::from("/var/lib/logd"));
    assert_eq!(config.control.socket, PathBuf::from("/run/logd/control.sock"));
    assert_eq!(config.drain_timeout, Duration::from_secs(30));
    assert_eq!(config.buffer_bytes_max, 256 << 20);
    let input = &config.inputs[0];
    assert_eq!((&*input.name, input.message_bytes_max), ("a", 64 << 10));
    let InputKind::Tcp(tcp) = &input.kind else {
        panic!("a tcp input")
    };
    assert_eq!((tcp.framing, tcp.stream.connections_max), (Framing::Auto, 10_000));
    assert_eq!(*file(&config.outputs[0]).0, FileSettings::default());
    assert_eq!(config.rule_names, ["rule 1"]);
}

#[test]
fn outputs_have_the_defaults_unless_they_say_otherwise() {
    let config = right(
        "[default.file]\nfile-mode = \"0600\"\nsync = \"5s\"\n\
         [output.a.file]\npath = \"/log/a\"\n\
         [output.b.file]\npath = \"/log/b\"\nfile-mode = \"0644\"\nwhen-full = \"drop\"\n\
         [[rule]]\nto = [\"a\", \"b\", \"/log/c\", \"/log/c\"]\n",
    );
    use crate::output::file::Sync;
    let settings: Vec<_> = config
        .outputs
        .iter()
        .map(|output| {
            (
                &*output.name,
                file(output).0.file_mode,
                file(output).0.sync,
                file(output).0.when_full,
            )
        })
        .collect();
    let every = Sync::Every(Duration::from_secs(5));
    assert_eq!(
        settings,
        [
            ("a", 0o600, every, WhenFull::Block),
            ("b", 0o644, every, WhenFull::Drop),
            ("/log/c", 0o600, every, WhenFull::Block),
        ]
    );
}

#[test]
fn an_output_may_have_fewer_open_files_than_the_process_but_not_none() {
    let config = |default: &str, own: &str| {
        format!(
            "open-files-max = 1000\n[input.a.tcp]\nlisten = [\"[::]:514\"]\n[default.file]\n{default}\n\
             [output.a.file]\npath = \"/log/%HOSTNAME%\"\n{own}\n[[rule]]\nto = [\"a\", \"/log/all\"]\n"
        )
    };
    let limits = |text: &str| {
        let config = right(text);
        let of_outputs = config.outputs.iter().map(|output| file(output).0.open_files_max);
        (config.open_files_max, of_outputs.collect::<Vec<_>>())
    };
    assert_eq!(limits(&config("", "")), (Some(1000), vec![None, None]));
    let own = config("open-files-max = 10", "open-files-max = 5");
    assert_eq!(limits(&own), (Some(1000), vec![Some(5), Some(10)]));
    let none = said(&config("", "open-files-max = 0"));
    assert!(none.contains("at least 1"), "{none}");
}

#[test]
fn relative_paths_are_relative_to_the_file_that_has_the_template() {
    let (config, said, directory) = read_text(
        "[template]\nhost = \"log/%HOSTNAME%.log\"\n[output.a.file]\npath = { template = \"host\" }\n\
         [[rule]]\nto = [\"a\", \"log/all\"]\n",
    );
    let config = config.unwrap();
    assert_eq!(said, "");
    assert_eq!(
        file(&config.outputs[0]).1.root(),
        format!("{}/log/", directory.display()).as_bytes()
    );
    assert_eq!(config.outputs[1].name, format!("{}/log/all", directory.display()));
}

#[test]
fn a_percent_sign_in_the_directory_is_no_property() {
    let directory = tempfile::tempdir().unwrap();
    let odd = directory.path().join("100%HOSTNAME%");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("logd.toml"), "[[rule]]\nto = [\"log/all\"]\n").unwrap();
    let config = read(
        &odd.join("logd.toml"),
        &TlsFiles::default(),
        &Secrets::default(),
        &Diagnostics::new(),
    )
    .unwrap();
    assert!(file(&config.outputs[0]).1.is_fixed());
    assert_eq!(
        file(&config.outputs[0]).1.root(),
        format!("{}/log/", odd.display()).as_bytes()
    );
}

#[test]
fn a_rule_goes_to_outputs_by_name_and_to_paths() {
    let config = right("[output.a.file]\npath = \"/log/a\"\n[[rule]]\nselect = \"mail.*\"\nto = [\"/log/b\", \"a\"]\n");
    let mail = config.router.matrix();
    let outputs: Vec<_> = mail[2 << 3].iter().map(|route| route.output).collect();
    assert_eq!(outputs, [Some(OutputId(1)), Some(OutputId(0))]);
}

#[test]
fn misspelt_names_are_pointed_at_with_those_that_exist() {
    let printed = said(
        "[input.net.tcp]\nlisten = [\"127.0.0.1:514\"]\n\
         [template]\nper-host = \"/log/%HOSTNAM%\"\n\
         [output.hosts.file]\npath = { template = \"per-hst\" }\nformat = \"RSYSLOG_FileFormt\"\n\
         [[rule]]\nselect = \"auht.*;mail.eror\"\nfrom = [\"nett\"]\nto = [\"host\"]\n",
    );
    assert_eq!(
        printed,
        "logd.toml:4:19: no such property\n\
         \x20   per-host = \"/log/%HOSTNAM%\"\n\
         \x20                     ^^^^^^^\n\
         \x20   did you mean \"hostname\"?\n\
         \n\
         logd.toml:6:22: no template \"per-hst\"\n\
         \x20   path = { template = \"per-hst\" }\n\
         \x20                        ^^^^^^^\n\
         \x20   did you mean \"per-host\"?\n\
         \n\
         logd.toml:7:11: no format \"RSYSLOG_FileFormt\"\n\
         \x20   format = \"RSYSLOG_FileFormt\"\n\
         \x20             ^^^^^^^^^^^^^^^^^\n\
         \x20   did you mean \"RSYSLOG_FileFormat\"?\n\
         \n\
         logd.toml:9:11: no such facility\n\
         \x20   select = \"auht.*;mail.eror\"\n\
         \x20             ^^^^\n\
         \x20   did you mean \"auth\"?\n\
         \n\
         logd.toml:10:10: no input \"nett\"\n\
         \x20   from = [\"nett\"]\n\
         \x20            ^^^^\n\
         \x20   did you mean \"net\"?\n\
         \n\
         logd.toml:11:8: no output \"host\"\n\
         \x20   to = [\"host\"]\n\
         \x20          ^^^^\n\
         \x20   did you mean \"hosts\"?\n"
    );
}

#[test]
fn kinds_that_are_not_there_are_named_with_those_that_are() {
    let said = said("[input.local.telegraph]\npath = \"/dev/log\"\n[output.siem.pigeon]\n");
    let parts = [
        "logd.toml:1:14: unknown kind of input \"telegraph\"\n\
         \x20   [input.local.telegraph]\n\
         \x20                ^^^^^^^^^\n\
         \x20   there are: tcp, udp",
        "\n\nlogd.toml:3:14: unknown kind of output \"pigeon\"\n\
         \x20   [output.siem.pigeon]\n\
         \x20                ^^^^^^\n\
         \x20   there are: file, ",
    ];
    assert!(parts.iter().all(|part| said.contains(part)), "{said}");
}

#[test]
fn conditions_are_checked_to_the_last_word() {
    let printed = said(
        "[[rule]]\nto = [\"/log/a\"]\nwhere = { any = [\n\
         { property = \"programnam\", is = \"x\" },\n\
         { property = \"msg\", regex = \"a(b\" },\n\
         ] }\n",
    );
    assert_eq!(
        printed,
        "logd.toml:4:15: no such property\n\
         \x20   { property = \"programnam\", is = \"x\" },\n\
         \x20                 ^^^^^^^^^^\n\
         \x20   did you mean \"programname\"?\n\
         \n\
         logd.toml:5:30: not a regular expression: unclosed group\n\
         \x20   { property = \"msg\", regex = \"a(b\" },\n\
         \x20                                ^^^\n"
    );
    assert!(
        said("[[rule]]\nto = [\"/a\"]\nwhere = { property = \"msg\" }\n")
            .contains("logd.toml:3:9: a property is compared by one of")
    );
    assert!(said("[[rule]]\nto = [\"/a\"]\nwhere = {}\n").contains("logd.toml:3:9: a condition is one of"));
}

#[test]
fn a_rule_without_an_effect_is_refused() {
    assert!(said("[[rule]]\nselect = \"*.*\"\n").starts_with("logd.toml:1:1: this rule does nothing"));
    assert!(said("[[rule]]\nto = [\"/a\"]\ndrop = true\n").starts_with("logd.toml:3:8: a rule that drops"));
    right("[[rule]]\nstop = true\n[[rule]]\ndrop = true\n");
}

#[test]
fn an_address_belongs_to_one_input() {
    let printed = said(
        "[input.a.tcp]\nlisten = [\"127.0.0.1:514\"]\n[input.b.udp]\nlisten = [\"127.0.0.1:514\"]\n\
         [input.c.tcp]\nlisten = [\"127.0.0.1:514\"]\n",
    );
    assert!(
        printed.starts_with("logd.toml:6:12: this address is listened on already, at logd.toml:2:12\n"),
        "{printed}"
    );
    assert_eq!(printed.matches("logd.toml:6").count(), 1);
}

#[test]
fn an_output_that_no_rule_names_is_worth_a_warning() {
    let (config, said, _) = read_text("[output.a.file]\npath = \"/log/a\"\n");
    assert!(config.is_some());
    assert!(
        said.starts_with("logd.toml:1:9: warning: no rule sends anything to output \"a\"\n"),
        "{said}"
    );
}

#[test]
fn what_follows_a_selector_in_rsyslogs_files_is_explained() {
    for (to, help) in [
        ("-/var/log/mail.log", "the dash is not needed"),
        ("@@192.0.2.1:514", "`target = \"tcp://HOST\"`"),
        ("@[2001:db8::/1]", "`target = \"udp://HOST\"`"),
        (":omusrmsg:*", "[output.NAME.users]"),
        ("|/dev/xconsole", "[output.NAME.pipe]"),
        ("^/usr/bin/program", "[output.NAME.program]"),
        ("/dev/tty8", "[output.NAME.tty]"),
        (":ommysql:host,db,user,pw", "[output.NAME.mysql]"),
        (":ompgsql:host,db,user,pw", "[output.NAME.postgres]"),
    ] {
        let printed = said(&format!("[[rule]]\nto = [\"{to}\"]\n"));
        assert!(
            printed.starts_with("logd.toml:2:8: ") && printed.contains(help),
            "{printed}"
        );
    }
}

#[test]
fn outputs_to_people_programs_and_databases_are_checked() {
    for (output, help) in [
        ("users]\nusers = []", "logd.toml:2:9: nobody is named"),
        (
            "users]\nusers = [\"alice\", \"*\"]",
            "logd.toml:2:20: \"*\" is everybody",
        ),
        ("tty]\n", "logd.toml:1:"),
        ("program]\ncommand = []", "logd.toml:2:11: no program is named"),
        (
            "program]\ncommand = [\"cat\"]",
            "logd.toml:2:13: a program is named by its whole path",
        ),
        (
            "sqlite]\npath = \"a\"\nschema = \"mine\"",
            "there are: logd, system-events",
        ),
        ("mysql]\nurl = \"mysql://a@b/c\"\ntimeout = \"1ms\"", "at least \"1s\""),
        (
            "mysql]\nurl = \"mysql://a@b/c?require_ssl=true\"",
            "TLS is set up by `tls",
        ),
    ] {
        let printed = said(&format!("[output.a.{output}\n[[rule]]\nto = [\"a\"]\n"));
        assert!(printed.contains(help), "{output}: {printed}");
    }
}

#[test]
fn a_second_rule_of_a_name_is_worth_a_warning() {
    let rule = "[[rule]]\nname = \"a\"\nto = [\"/a\"]\n";
    let printed = said(&rule.repeat(2));
    assert!(
        printed.starts_with("logd.toml:5:9: warning: a rule of this name is there already, at logd.toml:2:9\n"),
        "{printed}"
    );
}

#[test]
fn files_that_the_dropped_privileges_shut_out_are_refused_also_by_way_of_the_defaults() {
    let printed = |rest: &str| said(&format!("[process]\nuser = \"nobody\"\n{rest}"));
    let folders = "[output.a.file]\npath = \"/tmp/a\"\ndir-owner = \"root\"\n[[rule]]\nto = [\"a\"]\n";
    assert!(printed(folders).starts_with("logd.toml:5:14: the daemon could not make files in these folders"));
    let inherited = "[default.file]\nowner = \"root\"\nfile-mode = \"0666\"\n\
                     [output.a.file]\npath = \"/tmp/a\"\nfile-mode = \"0640\"\n[[rule]]\nto = [\"a\"]\n";
    assert!(printed(inherited).starts_with("logd.toml:6:9: the daemon could not write to these files"));
    let to_path = "[default.file]\nowner = \"root\"\n[[rule]]\nto = [\"/tmp/a\"]\n";
    assert!(printed(to_path).starts_with("logd.toml:6:8: the daemon could not write to these files"));
}

#[test]
fn the_shipped_configurations_are_right() {
    let names = [
        "../../conf/logd.toml",
        "../../conf/dev/logd.toml",
        "../../conf/scenario/logd.toml",
    ];
    for name in names {
        let diagnostics = Diagnostics::new();
        let config = read(
            &PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name),
            &TlsFiles::default(),
            &Secrets::default(),
            &diagnostics,
        );
        assert!(config.is_some() && diagnostics.is_empty(), "{diagnostics}");
    }
}

#[test]
fn inputs_of_this_machine_have_the_defaults_of_their_peers() {
    let config = right(
        "[input.log.unix]\npath = \"log\"\n[input.kernel.kmsg]\n[input.mark.mark]\n\
         [input.other.journal]\ndirectory = \"journal\"\n[[rule]]\nto = [\"/log/all\"]\n",
    );
    let kinds: Vec<_> = config.inputs.into_iter().map(|input| input.kind).collect();
    let [
        InputKind::Unix(unix),
        InputKind::Kmsg(kmsg),
        InputKind::Mark(mark),
        InputKind::Journal(_),
    ] = kinds.as_slice()
    else {
        panic!("{kinds:?}")
    };
    assert_eq!((unix.mode, unix.stream, unix.pid), (0o666, false, PidPolicy::Checked));
    assert!(unix.ignore_timestamp && !unix.parse_hostname && !unix.create_path);
    assert_eq!(kmsg.path, PathBuf::from("/dev/kmsg"));
    assert_eq!(mark.every, Duration::from_secs(20 * 60));
}

#[test]
fn rate_limits_are_off_until_they_have_an_interval() {
    let config = right(
        "[input.a.udp]\nlisten = [\"[::]:514\"]\n[input.b.tcp]\nlisten = [\"[::]:514\"]\nrate-limit-interval = \"5s\"\n\
         [input.c.unix]\npath = \"c\"\nrate-limit-interval = \"1s\"\nrate-limit-burst = 7\nrate-limit-severity = 5\n\
         [[rule]]\nto = [\"/log/all\"]\n",
    );
    let limits: Vec<_> = config.inputs.iter().map(|input| input.rate_limit).collect();
    let limit = |burst, seconds, severity| {
        let interval = Duration::from_secs(seconds);
        Some(RateLimit {
            limit: Limit { burst, interval },
            severity,
        })
    };
    assert_eq!(limits, [None, limit(10_000, 5, 0), limit(7, 1, 5)]);
    let alone = said("[input.a.udp]\nlisten = [\"[::]:514\"]\nrate-limit-burst = 7\n[[rule]]\nto = [\"/log/all\"]\n");
    assert!(
        alone.contains("logd.toml:3:20: this does nothing without `rate-limit-interval`"),
        "{alone}"
    );
}

#[test]
fn a_link_of_journald_is_not_replaced_and_the_journal_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    std::os::unix::fs::symlink("/run/systemd/journal/dev-log", &path).unwrap();
    let text = said(&format!(
        "[input.local.unix]\npath = \"{}\"\n[[rule]]\nto = [\"/log/all\"]\n",
        path.display()
    ));
    assert!(
        text.contains("is a link to /run/systemd/journal/dev-log, which logd does not replace")
            && text.contains("[input.NAME.journal]"),
        "{text}"
    );
}

#[test]
fn one_path_is_one_inputs_and_a_file_is_no_socket() {
    let twice = said(
        "[input.a.unix]\npath = \"log\"\n[input.b.unix]\npath = \"log\"\nstream = true\n[[rule]]\nto = [\"/log/all\"]\n",
    );
    assert!(
        twice.contains("logd.toml:4:9: this path is read already, at logd.toml:2:9"),
        "{twice}"
    );
    let file = said("[input.a.unix]\npath = \"logd.toml\"\n[[rule]]\nto = [\"/log/all\"]\n");
    assert!(file.contains("is there and is no socket"), "{file}");
}

#[test]
fn the_kernel_beside_the_journal_comes_twice() {
    let text = said("[input.k.kmsg]\n[input.j.journal]\n[[rule]]\nto = [\"/log/all\"]\n");
    assert!(
        text.contains("warning: the journal has the kernel's messages too"),
        "{text}"
    );
}

fn forward(keys: &str) -> String {
    format!(
        "[input.net.tcp]\nlisten = [\"0.0.0.0:514\"]\n[output.siem.forward]\n{keys}\n\
         [[rule]]\nto = [\"siem\"]\n"
    )
}

#[test]
fn a_forward_has_what_rsyslogs_users_expect_by_default() {
    let config = right(&forward("target = \"tcp://logs.example.net\""));
    let OutputKind::Queued { settings, .. } = &config.outputs[0].kind else {
        panic!("behind a queue")
    };
    assert_eq!(settings.limits.bytes_max, 32 << 20);
    assert_eq!(settings.limits.when_full, WhenFull::Drop);
    let QueuedKind::Forward(forward_settings) = &settings.kind else {
        panic!("a forward")
    };
    assert_eq!(forward_settings.targets[0].to_string(), "tcp://logs.example.net:514");
    assert_eq!((forward_settings.framing, &forward_settings.spool), (None, &None));
    let config = right(&forward(
        "target = [\"relp://a\", \"relp://b\"]\nspool = { max = \"1GiB\" }",
    ));
    let OutputKind::Queued { settings, .. } = &config.outputs[0].kind else {
        panic!("behind a queue")
    };
    assert_eq!(settings.limits.when_full, WhenFull::Block, "it waits for the spool");
}

#[test]
fn what_is_wrong_with_a_forward_is_said_where_it_stands() {
    for (keys, error) in [
        ("", "`target` is missing"),
        ("target = []", "a target at least"),
        ("target = \"@@192.0.2.1\"", "not a target"),
        ("target = \"tcp://2001:db8::1\"", "an IPv6 address stands in brackets"),
        ("target = \"tcp://a:0\"", "a target with a wrong port"),
        ("target = \"tls://a\"", "needs to know whose certificates to trust"),
        ("target = \"tls://a\"\ntls = {}", "`ca` is missing"),
        (
            "target = [\"tcp://a\", \"udp://a\"]\ntls = { ca = \"none.pem\" }",
            "nothing is encrypted on its way to these",
        ),
        ("target = \"tls://a\"\ntls = { ca = \"none.pem\" }", "none.pem"),
        ("target = \"tcp://a\"\nframing = \"auto\"", "unknown choice \"auto\""),
        ("target = \"tcp://a\"\nspool = {}", "`max` is missing"),
        ("target = \"tcp://a\"\nspool = { max = \"1MiB\" }", "at least \"64MiB\""),
        (
            "target = \"tcp://a\"\nspool = { max = \"1GiB\", when-full = \"drop\" }",
            "unknown choice \"drop\"",
        ),
        ("target = \"tcp://a\"\ntimeout = \"0s\"", "longer than nothing"),
    ] {
        let (config, said, _) = read_text(&forward(keys));
        assert!(config.is_none() && said.contains(error), "{keys}: {said}");
    }
    let text = "[output.\"a/b\".forward]\ntarget = \"tcp://a\"\nspool = { max = \"1GiB\" }\n";
    let said = said(text);
    assert!(said.contains("a name that a folder can have"), "{said}");
}

#[test]
fn a_target_that_is_an_input_of_ours_is_warned_of() {
    for target in ["tcp://127.0.0.1", "tcp://localhost:514", "tcp://0.0.0.0"] {
        let (config, said, _) = read_text(&forward(&format!("target = \"{target}\"")));
        assert!(
            config.is_some() && said.contains("our own input \"net\""),
            "{target}: {said}"
        );
    }
    for target in ["udp://127.0.0.1", "tcp://127.0.0.1:515", "tcp://192.0.2.1"] {
        right(&forward(&format!("target = \"{target}\"")));
    }
}

#[test]
fn queues_that_may_hold_nearly_all_of_the_buffer_are_warned_of() {
    let queues = |max| {
        let output =
            |name| format!("[output.{name}.forward]\ntarget = \"tcp://192.0.2.1\"\nqueue = {{ max = \"{max}\" }}\n");
        format!(
            "buffer-max = \"64MiB\"\n{}{}[[rule]]\nto = [\"a\", \"b\"]\n",
            output("a"),
            output("b")
        )
    };
    right(&queues("24MiB"));
    let said = said(&queues("25MiB"));
    assert!(
        said.starts_with("logd.toml:1:15: warning: all queues together may hold 50 MiB, "),
        "{said}"
    );
}

const PLUGIN: &str = "work-dir = \"/w\"\n[plugin.cloud]\nsocket = \"/run/cloudd/plugin.sock\"\n";

#[test]
fn a_plugin_has_its_snapshot_in_the_work_directory_and_a_day_to_come_back() {
    let config = right(&format!(
        "{PLUGIN}fallback = \"none\"\n[plugin.other]\nsocket = \"s\"\nmax-stale = \"1h\"\n"
    ));
    let [cloud, other] = &config.plugins[..] else {
        panic!("two plugins")
    };
    assert_eq!(cloud.settings.socket, PathBuf::from("/run/cloudd/plugin.sock"));
    assert_eq!(cloud.settings.snapshot, PathBuf::from("/w/plugins/cloud.inventory"));
    assert_eq!(cloud.settings.max_stale, Duration::from_secs(86_400));
    assert_eq!(other.settings.max_stale, Duration::from_secs(3600));
    assert_eq!((cloud.fallback.as_deref(), &other.fallback), (Some("none"), &None));
}

#[test]
fn what_only_a_plugin_knows_is_refused_where_there_is_none() {
    let uses = "[template]\nline = \"%msg% %cloud-id:1:3%\"\n\
                [[rule]]\nwhere = { property = \"cloud-label:Role\", is = \"gpu\" }\n\
                to = [\"/l/%cloud-group%/log\"]\n";
    let complaint = "this is known by a plugin, and none is configured";
    let help = "write [plugin.cloud] with socket = \"/run/cloudd/plugin.sock\"";
    let said = said(uses);
    for place in ["logd.toml:2:16: ", "logd.toml:4:23: ", "logd.toml:5:12: "] {
        assert!(said.contains(&format!("{place}{complaint}")), "{place}\n{said}");
    }
    assert!(said.contains("^^^^^^^^\n") && said.contains(help), "{said}");
    let (config, said, _) = read_text(&format!("{PLUGIN}{uses}"));
    assert_eq!(said, "");
    let config = config.unwrap();
    assert!(config.router.asks_cloud());
}

#[test]
fn what_is_wrong_with_a_plugin_is_said_where_it_stands() {
    let bare = said("[plugin.cloud]\n");
    assert!(bare.contains("logd.toml:1:1: `socket` is missing here"), "{bare}");
    let wrong = said(&format!("{PLUGIN}fallback = \"a\\nb\"\nsokcet = \"x\"\n"));
    assert!(
        wrong.contains("logd.toml:4:13: a text without control characters"),
        "{wrong}"
    );
    assert!(wrong.contains("unknown key `sokcet`"), "{wrong}");
}

#[test]
fn events_that_this_logd_tells_of_do_not_come_back() {
    let input = |text: &str| {
        let config = right(&format!("{PLUGIN}{text}[[rule]]\nto = [\"/log/all\"]\n"));
        let InputKind::Plugin(input) = config.inputs[0].kind.clone() else {
            panic!("it is a plugin's");
        };
        input
    };
    let all = input("[input.e.plugin]\nplugin = \"cloud\"\n");
    assert!(
        ["log", "alarm", "what comes some day"]
            .iter()
            .all(|kind| all.takes(kind))
    );
    let output = "[output.o.plugin]\nplugin = \"cloud\"\n";
    let own = input(&format!(
        "[input.e.plugin]\nplugin = \"cloud\"\n{output}[[rule]]\nselect = \"*.err\"\nto = [\"o\"]\n"
    ));
    assert!(!own.takes("log") && own.takes("alarm"));
    let some = input("[input.e.plugin]\nplugin = \"cloud\"\nkinds = [\"alarm\"]\n");
    assert!(!some.takes("log") && some.takes("alarm"));

    let said = said(&format!(
        "{PLUGIN}[input.e.plugin]\nplugin = \"cloud\"\nkinds = [\"state\", \"alarm\"]\n{output}kind = \"alarm\"\n"
    ));
    assert!(
        said.contains(":6:20: the output \"o\" tells the plugin of events of this kind"),
        "{said}"
    );
    let said = self::said("[input.e.plugin]\nplugin = \"clod\"\n");
    assert!(said.contains("no plugin \"clod\""), "{said}");
}
