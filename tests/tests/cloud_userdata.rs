//! User data: what cloud-init, rsyslogd and the shell make of it. cloud-init writes its files, by its own code, below a folder
//! that stands for a new machine's root.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use ballast_tests::certificates::Authority;
use ballast_tests::cloud::machine::Machine;
use ballast_tests::daemon::{Daemon, Setup, output};
use ballast_tests::syslog::{self, PORT};
use ballast_tests::{address, peers, repository, wait};

const LOGD: u8 = 0;
const MACHINE: u8 = 1;
const NOBODY: u8 = 2;

const TLS_PORT: u16 = 6514;
const SNIPPET: &str = "/etc/rsyslog.d/10-ballast.conf";

fn setup(config: &str) -> Setup {
    Setup::new("cloudd").file("cloudd.toml", config)
}

#[test]
fn cloud_init_takes_what_is_printed_and_reads_what_was_meant() {
    let nasty =
        "a: b\\n- c\\n#cloud-config\\n\\\"'`$(touch x);&|\\u0085\\u2028\\u2029\\u007f\\ufeff \\U0001f600 {}[],%@!*";
    let config = format!(
        "[userdata]\nlog = [\"relp://logs.example.net\", \"tcp://10.0.0.1\"]\ndns = [\"10.0.0.2\"]\nsearch = [\"cloud.internal\"]\n\
         packages = [\"vim\"]\nruncmd = [[\"echo\", \"{nasty}\"], \"echo {nasty}\"]\n\
         [[userdata.write-files]]\npath = \"/etc/a: b\"\ncontent = \"{nasty}\"\n"
    );
    let setup = setup(&config);
    for role in ["plain", "gpu-worker"] {
        let machine = Machine::start(&setup, role);
        let checked = machine.checked();
        assert!(checked.status.success(), "{checked:?}\n{}", machine.user_data);
        let json = machine.user_data.strip_prefix("#cloud-config\n").unwrap();
        let meant: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(machine.loaded(), meant);
        let mut commands = meant["runcmd"].as_array().unwrap().iter();
        let echo = commands.find(|command| command[0] == "echo").unwrap();
        assert_eq!(machine.read("/etc/a: b"), echo[1].as_str().unwrap());
    }
}

#[test]
fn more_than_ec2_takes_is_not_printed_but_compressed() {
    let line = "the same again and again, which compresses well\\n".repeat(500);
    let setup = setup(&format!(
        "[[userdata.write-files]]\npath = \"/etc/motd\"\ncontent = \"{line}\"\n"
    ));
    let output = setup.run(&["userdata"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78));
    assert!(
        output.stdout.is_empty() && said.contains("EC2 takes 16384: with --gzip"),
        "{said}"
    );
    let output = setup.run(&["userdata", "--gzip"]);
    assert!(output.status.success() && output.stdout.len() < 16 * 1024);
    fs::write(setup.path().join("user-data.gz"), output.stdout).unwrap();
    let text = ballast_tests::daemon::output("gzip", [Path::new("-dc"), &setup.path().join("user-data.gz")]);
    assert!(text.starts_with("#cloud-config\n{"));
    let output = setup.run(&["userdata", "--role", "gpu-wroker"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("did you mean \"gpu-worker\"?"), "{said}");
}

/// rsyslogd as a distribution configures it, with an input in the place of the machine's own messages.
fn rsyslogd_config(directory: &Path, machine: &Machine) -> String {
    // What the snippet names is below the root of that machine.
    let text = machine.read(SNIPPET);
    machine.write(
        SNIPPET,
        &text.replace("\"/etc/", &format!("\"{}/", machine.path("/etc").display())),
    );
    syslog::rsyslogd_head(directory, address(MACHINE))
        + &format!(
            "include(file=\"{}/*.conf\")\n",
            machine.path("/etc/rsyslog.d").display()
        )
}

/// logd with an input of these keys.
fn logd(input: &str) -> Daemon {
    let config = format!(
        "work-dir = \"work\"\n[control]\nsocket = \"control.sock\"\n[input.net.tcp]\n{input}\n\
         [output.all.file]\npath = \"all\"\nformat = \"%hostname%|%programname%|%msg%\\n\"\n[[rule]]\nto = [\"all\"]\n"
    );
    Setup::new("logd").file("logd.toml", config).start()
}

fn send(text: &str) {
    let mut stream = TcpStream::connect(syslog::collector(address(MACHINE))).unwrap();
    writeln!(stream, "<13>Dec  1 12:00:00 worker-1 encoder: {text}").unwrap();
}

#[test]
fn a_machine_forwards_what_it_logged_while_logd_was_away() {
    let config = format!(
        "[userdata]\nlog = [\"tcp://{}:9\", \"tcp://{}:{PORT}\"]\n",
        address(NOBODY),
        address(LOGD)
    );
    let machine = Machine::start(&setup(&config), "plain");
    let directory = tempfile::tempdir().unwrap();
    let _rsyslogd = peers::rsyslogd(
        directory.path(),
        &rsyslogd_config(directory.path(), &machine),
        syslog::collector(address(MACHINE)),
    );
    send("before");
    let logd = logd(&format!("listen = [\"{}:{PORT}\"]", address(LOGD)));
    wait::until_file(&logd.path().join("all"), |file| {
        file.starts_with(b"worker-1|encoder| before\n")
    });
    send("after");
    let content = wait::until_lines(&logd.path().join("all"), 2);
    assert_eq!(
        String::from_utf8_lossy(&content),
        "worker-1|encoder| before\nworker-1|encoder| after\n"
    );
}

#[test]
fn a_machine_forwards_by_tls_to_the_logd_that_its_authority_vouches_for() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca");
    authority.sign("server", "DNS:logs.cloud.internal");
    let config = format!(
        "[userdata]\nlog = \"tls://{}:{TLS_PORT}\"\ntls = {{ ca = \"{}\", peer-name = \"logs.cloud.internal\" }}\n",
        address(LOGD),
        authority.ca().display()
    );
    let machine = Machine::start(&setup(&config), "gpu-worker");
    let logd = logd(&format!(
        "listen = [\"{}:{TLS_PORT}\"]\ntls = {{ certificate = \"{}\", key = \"{}\" }}",
        address(LOGD),
        authority.path("server.pem").display(),
        authority.path("server.key").display()
    ));
    let directory = tempfile::tempdir().unwrap();
    let config = rsyslogd_config(directory.path(), &machine);
    let _rsyslogd = peers::rsyslogd(directory.path(), &config, syslog::collector(address(MACHINE)));
    send("in secret");
    let content = wait::until_lines(&logd.path().join("all"), 1);
    assert_eq!(String::from_utf8_lossy(&content), "worker-1|encoder| in secret\n");
}

#[test]
fn rsyslogd_has_nothing_to_say_about_any_way_of_forwarding() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "ca");
    let ca = authority.ca().display().to_string();
    let targets = [
        ("\"udp://10.0.0.1\"", String::new()),
        (
            "[\"tcp://[2001:db8::1]:1514\", \"relp://logs.example.net\"]",
            String::new(),
        ),
        (
            "[\"tls://logs.example.net\", \"relp://10.0.0.1\"]",
            format!(
                "tls = {{ ca = \"{ca}\", peer-name = \"*.example.net\", certificate = \"/etc/a.pem\", key = \"/etc/a.key\" }}\n"
            ),
        ),
    ];
    for (log, tls) in targets {
        let machine = Machine::start(&setup(&format!("[userdata]\nlog = {log}\n{tls}")), "plain");
        for file in ["/etc/a.pem", "/etc/a.key"] {
            machine.write(file, "");
        }
        let directory = tempfile::tempdir().unwrap();
        let output = peers::rsyslogd_check(directory.path(), &rsyslogd_config(directory.path(), &machine));
        let said = String::from_utf8_lossy(&output.stderr);
        // Two lines say that it is a test run.
        let complaints: Vec<&str> = said
            .lines()
            .filter(|line| !line.contains("config validation run"))
            .filter(|line| !line.contains("End of config validation run"))
            .collect();
        assert!(output.status.success() && complaints.is_empty(), "{log}: {said}");
    }
}

/// The programs of the shipped roles.
fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(programs(&path));
        } else if fs::read(&path).unwrap().starts_with(b"#!") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_shell_has_nothing_to_say_about_the_programs_of_roles() {
    let programs = programs(&repository("plugins/cloud/roles"));
    assert!(programs.len() >= 7, "{programs:?}");
    output("shellcheck", &programs);
    for program in programs {
        output("bash", [Path::new("-n"), &program]);
    }
}

/// The machine of the role, with stubs for all that would do something, and a step in the driver's place.
fn worker(driver: &str) -> Machine {
    let config = format!(
        "[[userdata.role.gpu-worker.write-files]]\npath = \"/usr/local/lib/gpu-worker/driver\"\npermissions = \"0755\"\n\
         content = \"\"\"#!/bin/sh\ndriver-installer\n{driver}\n\"\"\"\n"
    );
    let machine = Machine::start(&setup(&config), "gpu-worker");
    for step in ["cuda", "ffmpeg", "check"] {
        machine.write(
            &format!("/usr/local/lib/gpu-worker/{step}"),
            &format!("#!/bin/sh\n{step}-step\n"),
        );
        machine.stub(&format!("{step}-step"), "");
    }
    for program in ["systemctl", "update-initramfs", "update-grub", "driver-installer"] {
        machine.stub(program, "");
    }
    machine
}

/// Starts the machine: what it has done, and whether its set-up went well.
fn boot(machine: &Machine) -> (Vec<String>, bool) {
    let output = machine.run("/usr/local/sbin/gpu-worker-setup", "GPU_WORKER_ROOT");
    (machine.calls(), output.status.success())
}

#[test]
fn a_driver_that_cannot_be_installed_is_tried_six_times_and_then_the_machine_is_off() {
    let machine = worker("exit 7");
    // The first boot keeps nouveau away, which is no try.
    let (calls, is_well) = boot(&machine);
    assert!(is_well);
    assert_eq!(calls, ["update-grub", "update-initramfs -u -k all", "systemctl reboot"]);
    assert!(
        machine
            .read("/etc/modprobe.d/nouveau-off.conf")
            .contains("blacklist nouveau\n")
    );
    for _ in 1..6 {
        let tried = ["cuda-step", "driver-installer", "systemctl reboot"].map(str::to_owned);
        assert_eq!(boot(&machine), (tried.to_vec(), false));
    }
    let last = ["cuda-step", "driver-installer", "systemctl poweroff"].map(str::to_owned);
    assert_eq!(boot(&machine), (last.to_vec(), false));
    // Who starts it again does not start the tries again.
    assert_eq!(boot(&machine), (vec!["systemctl poweroff".to_owned()], false));
}

#[test]
fn a_try_that_ends_in_a_crash_was_one() {
    let machine = worker("kill -9 $(ps -o ppid= -p $PPID) $PPID");
    boot(&machine);
    for _ in 0..6 {
        let tried = ["cuda-step", "driver-installer"].map(str::to_owned);
        assert_eq!(boot(&machine), (tried.to_vec(), false));
    }
    assert_eq!(boot(&machine), (vec!["systemctl poweroff".to_owned()], false));
}

#[test]
fn a_count_that_cannot_be_kept_is_at_its_end() {
    let machine = worker("");
    for broken in ["", "many\n", "-1\n", "08\n", "99999999999999999999\n"] {
        machine.write("/var/lib/gpu-worker/tries", broken);
        assert_eq!(
            boot(&machine),
            (vec!["systemctl poweroff".to_owned()], false),
            "{broken:?}"
        );
    }
}

#[test]
fn a_driver_that_comes_at_the_third_try_makes_a_worker() {
    let machine = worker("test \"$(cat \"$GPU_WORKER_ROOT/var/lib/gpu-worker/tries\")\" = 3");
    boot(&machine);
    for _ in 1..3 {
        assert_eq!(boot(&machine).0.last().unwrap(), "systemctl reboot");
    }
    let done = [
        "cuda-step",
        "driver-installer",
        "ffmpeg-step",
        "check-step",
        "systemctl --no-block start gpu-worker.target",
    ];
    assert_eq!(boot(&machine), (done.map(str::to_owned).to_vec(), true));
    // From then on it is one.
    assert_eq!(boot(&machine), (vec![done[4].to_owned()], true));
}

#[test]
fn names_are_asked_of_dnsd_first_with_either_resolver() {
    let config = "[userdata]\ndns = [\"10.0.0.2\", \"10.0.0.3\"]\nsearch = [\"cloud.internal\", \"~.\"]\n";
    let machine = Machine::start(&setup(config), "plain");
    let resolve = || {
        let output = machine.run("/usr/local/sbin/ballast-resolver", "BALLAST_ROOT");
        assert!(output.status.success(), "{output:?}");
        machine.calls()
    };
    // Where systemd-resolved runs, it reads its file.
    machine.stub("systemctl", "");
    machine.write("/etc/resolv.conf", "nameserver 127.0.0.53\n");
    let asked = [
        "systemctl --quiet is-active systemd-resolved.service",
        "systemctl restart systemd-resolved.service",
    ];
    assert_eq!(resolve(), asked);
    assert_eq!(machine.read("/etc/resolv.conf"), "nameserver 127.0.0.53\n");
    assert!(
        machine
            .read("/etc/systemd/resolved.conf.d/50-ballast.conf")
            .contains("Domains=cloud.internal ~.\n")
    );
    // Elsewhere the file that all read is written, once and again, and a link is not written through.
    machine.stub("systemctl", "[ \"$2\" != is-active ]");
    machine.write(
        "/run/resolv.conf",
        "search x\nnameserver 10.0.0.3\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions rotate\n",
    );
    fs::remove_file(machine.path("/etc/resolv.conf")).unwrap();
    std::os::unix::fs::symlink(machine.path("/run/resolv.conf"), machine.path("/etc/resolv.conf")).unwrap();
    fs::create_dir_all(machine.path("/etc/NetworkManager/conf.d")).unwrap();
    for _ in 0..2 {
        assert_eq!(
            resolve(),
            [asked[0], "systemctl try-reload-or-restart NetworkManager.service"]
        );
        assert_eq!(
            machine.read("/etc/resolv.conf"),
            "nameserver 10.0.0.2\nnameserver 10.0.0.3\nsearch cloud.internal\nnameserver 192.0.2.1\noptions rotate\n"
        );
    }
    assert!(machine.read("/run/resolv.conf").starts_with("search x\n"));
    assert_eq!(
        machine.read("/etc/NetworkManager/conf.d/50-ballast.conf"),
        "[main]\ndns=none\n"
    );
}
