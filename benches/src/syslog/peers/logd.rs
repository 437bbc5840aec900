//! logd, with its defaults: it is told where to listen and where its files are.

use std::fmt::Write;
use std::process::Command;

use super::{RECEIVE_BUFFER_MIB, Setup};
use crate::error::BenchError;
use crate::syslog::scenario::Service;

pub(super) fn command(setup: &Setup<'_>) -> Result<Command, BenchError> {
    let file = setup.write("logd.toml", &config(setup))?;
    let mut command = Command::new(setup.programs.join("logd"));
    command.arg("--config").arg(file);
    Ok(command)
}

fn config(setup: &Setup<'_>) -> String {
    let directory = setup.directory.display();
    let listen = format!("listen = [\"127.0.0.1:{}\"]", setup.port);
    let mut config = format!(
        "work-dir = \"{directory}\"\n\n\
         [control]\n\
         socket = \"{directory}/control.sock\"\n\
         http = \"127.0.0.1:{}\"\n\n",
        setup.metrics_port
    );
    let input = match setup.service {
        Service::Relp | Service::RelpSynced => format!("[input.net-relp.relp]\n{listen}\n"),
        Service::Tls => format!(
            "[input.net-tls.tcp]\n{listen}\ntls = {{ certificate = \"{}\", key = \"{}\" }}\n",
            setup.certificates.certificate.display(),
            setup.certificates.key.display()
        ),
        Service::Tcp | Service::TcpSynced => {
            // More than the default in the part that has as many as that, and those of the measurement besides.
            format!(
                "[input.net-tcp.tcp]\n{listen}\nconnections-max = {}\n",
                setup.connections + 100
            )
        }
    };
    config += &input;
    if setup.datagrams {
        let _ = write!(
            config,
            "\n[input.net-udp.udp]\n{listen}\nreceive-buffer = \"{RECEIVE_BUFFER_MIB}MiB\"\n"
        );
    }
    let _ = write!(
        config,
        "\n[output.hosts.file]\npath = \"{}/%HOSTNAME%/%PROGRAMNAME%.log\"\n",
        setup.root.display()
    );
    if setup.service.is_synced() {
        config += "sync = \"always\"\n";
    }
    config + "\n[[rule]]\nselect = \"*.*\"\nto = [\"hosts\"]\n"
}
