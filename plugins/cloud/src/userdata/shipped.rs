//! The roles that are shipped: their files are those of `plugins/cloud/roles`.

use super::shell::quoted;
use super::{Command, File};

/// A role before the configuration has anything to say about it.
pub(super) struct Shipped {
    pub(super) name: &'static str,
    pub(super) packages: &'static [&'static str],
    /// Path, permissions and content.
    files: &'static [(&'static str, &'static str, &'static str)],
    commands: &'static [&'static [&'static str]],
    /// What a configuration may say of it, and where that is written for its programs to read: as assignments of a shell.
    pub(super) variables: &'static [Variable],
    variables_file: &'static str,
}

/// Something that a role takes a value for.
pub(super) struct Variable {
    /// In the configuration; in the shell it is in capitals, with `_` for `-`.
    pub(super) name: &'static str,
    pub(super) default: &'static str,
    pub(super) kind: Kind,
}

/// What a value may be.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A number from one to another.
    Number(u32, u32),
    /// Names of packages.
    Packages,
    /// The address of a web page.
    Url,
}

/// All of them.
pub(super) static ROLES: [Shipped; 2] = [
    Shipped {
        name: "plain",
        packages: &[],
        files: &[],
        commands: &[],
        variables: &[],
        variables_file: "",
    },
    Shipped {
        name: "gpu-worker",
        packages: &["curl", "ca-certificates"],
        files: &[
            (
                "/usr/local/sbin/gpu-worker-setup",
                "0755",
                include_str!("../../roles/gpu-worker/setup"),
            ),
            (
                "/usr/local/lib/gpu-worker/nouveau-off",
                "0755",
                include_str!("../../roles/gpu-worker/nouveau-off"),
            ),
            (
                "/usr/local/lib/gpu-worker/cuda",
                "0755",
                include_str!("../../roles/gpu-worker/cuda"),
            ),
            (
                "/usr/local/lib/gpu-worker/driver",
                "0755",
                include_str!("../../roles/gpu-worker/driver"),
            ),
            (
                "/usr/local/lib/gpu-worker/ffmpeg",
                "0755",
                include_str!("../../roles/gpu-worker/ffmpeg"),
            ),
            (
                "/usr/local/lib/gpu-worker/check",
                "0755",
                include_str!("../../roles/gpu-worker/check"),
            ),
            (
                "/etc/systemd/system/gpu-worker-setup.service",
                "0644",
                include_str!("../../roles/gpu-worker/gpu-worker-setup.service"),
            ),
            (
                "/etc/systemd/system/gpu-worker.target",
                "0644",
                include_str!("../../roles/gpu-worker/gpu-worker.target"),
            ),
        ],
        commands: &[
            &["systemctl", "daemon-reload"],
            &["systemctl", "enable", "gpu-worker-setup.service"],
            // Not waited for: it ends with a reboot, which would cut off cloud-init's own last steps.
            &["systemctl", "--no-block", "start", "gpu-worker-setup.service"],
        ],
        variables: &[
            Variable {
                name: "tries-max",
                default: "6",
                kind: Kind::Number(1, 100),
            },
            Variable {
                name: "step-seconds-max",
                default: "3600",
                kind: Kind::Number(60, 86_400),
            },
            Variable {
                name: "repository",
                default: "https://developer.download.nvidia.com/compute/cuda/repos",
                kind: Kind::Url,
            },
            Variable {
                name: "cuda",
                default: "cuda-toolkit",
                kind: Kind::Packages,
            },
            Variable {
                name: "driver",
                default: "cuda-drivers",
                kind: Kind::Packages,
            },
            Variable {
                name: "ffmpeg",
                default: "ffmpeg",
                kind: Kind::Packages,
            },
        ],
        variables_file: "/etc/gpu-worker.env",
    },
];

impl Shipped {
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        ROLES.iter().find(|role| role.name == name)
    }

    /// Its files, with these values for its variables.
    pub(super) fn files(&self, value: impl Fn(&Variable) -> String) -> Vec<File> {
        let files = self.files.iter();
        let mut files: Vec<File> = files
            .map(|(path, permissions, content)| File::new(path, *content, permissions))
            .collect();
        if !self.variables.is_empty() {
            let lines = self.variables.iter().map(|variable| {
                let name = variable.name.to_ascii_uppercase().replace('-', "_");
                format!("{name}={}\n", quoted(&value(variable)))
            });
            files.push(File::new(self.variables_file, lines.collect::<String>(), "0644"));
        }
        files
    }

    pub(super) fn commands(&self) -> impl Iterator<Item = Command> {
        let words = self.commands.iter();
        words.map(|words| Command::Program(words.iter().map(|word| (*word).to_owned()).collect()))
    }
}
