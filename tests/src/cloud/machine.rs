//! A new machine, as far as its files go: what cloud-init writes of user data, below a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::daemon::{Setup, built};
use crate::data;

/// A folder that stands for the root of a file system, and stubs for the programs that would do something to this machine.
pub struct Machine {
    directory: TempDir,
    /// What cloud-init was given.
    pub user_data: String,
}

impl Machine {
    /// The machine of a role in a configuration of cloudd's.
    ///
    /// # Panics
    /// When there is no such user data, or cloud-init doesn't write its files.
    #[must_use]
    pub fn start(setup: &Setup, role: &str) -> Self {
        let output = setup.run(&["userdata", "--role", role]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let user_data = String::from_utf8(output.stdout).expect("text");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("user-data");
        fs::write(&file, &user_data).expect("a file");
        let machine = Self { directory, user_data };
        for folder in ["root/etc", "root/proc", "bin"] {
            fs::create_dir_all(machine.directory.path().join(folder)).expect("a folder");
        }
        let mut python = cloud_init();
        python.arg("--python").arg(data("cloud/write_files.py"));
        succeed(python.arg(&file).arg(machine.root()));
        machine
    }

    fn root(&self) -> PathBuf {
        self.directory.path().join("root")
    }

    /// A file of it, which may be missing.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.root().join(file.trim_start_matches('/'))
    }

    /// What a file of it holds.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Writes a file of it, its folders made on the way.
    ///
    /// # Panics
    /// When it can't be written.
    pub fn write(&self, file: &str, content: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// What `cloud-init schema` says of the user data.
    ///
    /// # Panics
    /// When it can't be run.
    #[must_use]
    pub fn checked(&self) -> Output {
        let file = self.directory.path().join("user-data");
        let mut command = cloud_init();
        command.args(["schema", "--config-file"]).arg(file);
        command.output().expect("a program that is there")
    }

    /// What cloud-init reads in the user data.
    ///
    /// # Panics
    /// When that is nothing.
    #[must_use]
    pub fn loaded(&self) -> serde_json::Value {
        let script =
            "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1], encoding='utf-8')), sys.stdout)";
        let mut python = cloud_init();
        python.args(["--python", "-c", script]);
        let output = succeed(python.arg(self.directory.path().join("user-data")));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Puts a program in the place of one of the system's: a script, behind a line that notes its name and arguments for
    /// [`Machine::calls`].
    ///
    /// # Panics
    /// When it can't be written.
    pub fn stub(&self, name: &str, script: &str) {
        let program = self.directory.path().join("bin").join(name);
        let calls = self.calls_file();
        let text = format!("#!/bin/sh\necho {name} \"$@\" >>'{}'\n{script}\n", calls.display());
        fs::write(&program, text).expect("a file");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a file of ours");
    }

    /// Runs a program of the machine's, which finds its root in a variable of this name.
    ///
    /// # Panics
    /// When it can't be run.
    #[must_use]
    pub fn run(&self, program: &str, root_variable: &str) -> Output {
        let bin = self.directory.path().join("bin");
        let mut command = Command::new(self.path(program));
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .env(root_variable, self.root())
            .stdin(Stdio::null());
        command.output().unwrap_or_else(|error| panic!("{program}: {error}"))
    }

    /// The calls of stubs since this was asked last, a line each.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.calls_file()).unwrap_or_default();
        // There may have been none.
        let _ = fs::remove_file(self.calls_file());
        text.lines().map(str::to_owned).collect()
    }

    fn calls_file(&self) -> PathBuf {
        self.directory.path().join("calls")
    }
}

fn cloud_init() -> Command {
    let target = built()
        .parent()
        .map(Path::to_owned)
        .expect("a profile is a folder of target/");
    let program = target.join("peers/cloud-init/cloud-init");
    assert!(program.exists(), "{}: scripts/install test", program.display());
    Command::new(program)
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("a program that is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}
